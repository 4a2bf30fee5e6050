/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parent.c: what safewebgate does as root, order by order (talk.h).
 *
 * Owns: the commands that run.  Every word of the child is checked: a child that was taken over can give commands of safekit in somebody's
 * name (they are logged as such), and nothing else.
 */
#include "config.h"
#include "web/gateway/parent.h"
#include "web/gateway/route.h"
#include "web/gateway/talk.h"
#include "wire/webauth.h"

#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ID_MAX	24

static struct run { pid_t pid; char id[ID_MAX], token[KEPT_TOKEN]; int64_t until_ms; bool late; } runs[RUNS_MAX];
static int sock;
static bool lost;

/* An answer that the child does not take for seconds: it hangs, and we end */
static void
say(const char *const *words, int fd)
{
	struct pollfd p = { .fd = sock, .events = POLLOUT };
	int rc = talk_send(sock, words, &fd, fd == -1 ? 0 : 1);

	if (rc == 0 && poll(&p, 1, 5000) == 1)
		rc = talk_send(sock, words, &fd, fd == -1 ? 0 : 1);
	if (rc != 1)
		lost = true;
}

#define SAY(fd, ...) say((const char *const[]){ __VA_ARGS__, NULL }, fd)

static void
refuse(const char *id, const char *reason, const char *text)
{
	SAY(-1, id, "no", reason, text);
}

/* ---- commands ---- */

static bool
is_pipe(int fd)
{
	struct stat st;

	return fd != -1 && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* Who gives a command, as logs show it: never an option */
static bool
is_who(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n >= SK_NAME_MAX || s[0] == '-' || strncmp(s, "\xe2\x80\x93", 3) == 0)
		return false;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

/* The words of the command; those that stand for files get their paths in space.  NULL, or the reason why not */
static const char *
substitute(const struct talk *t, const char **argv, char (*space)[PATH_MAX], char token[KEPT_TOKEN])
{
	const char *reason = "usage";
	int i, n = 5, files = 0, fd;

	for (i = 4; i < t->words; i++) {
		const char *word = t->word[i];

		argv[n++] = word;
		if (strncmp(word, "@file:", 6) != 0 && strncmp(word, "@new:", 5) != 0)
			continue;
		if (files == KEPT_UPLOADS)
			return "usage";
		if (word[1] == 'n') {
			if (token[0] != '\0' || (fd = kept_new(false, word + 5, token, &reason)) == -1)
				return reason;
			close(fd);
		}
		if (!kept_path(word[1] == 'n' ? token : word + 6, space[files], PATH_MAX))
			return "missing";
		argv[n - 1] = space[files++];
	}
	argv[n] = NULL;
	return NULL;
}

static void
order_run(struct talk *t)
{
	const char *argv[TALK_WORDS + 8] = { "safekit" }, *reason;
	static char space[KEPT_UPLOADS][PATH_MAX];
	char token[KEPT_TOKEN] = "";
	struct run *r;
	pid_t pid;

	for (r = runs; r < runs + RUNS_MAX && r->pid != 0; r++)
		;
	if (r == runs + RUNS_MAX) {
		refuse(t->word[0], "busy", "too many commands at once");
		return;
	}
	if (t->words < 5 || role_of(t->word[2]) == ROLE_NONE || !is_who(t->word[3]) || !is_pipe(t->fd[0]) || !is_pipe(t->fd[1])) {
		refuse(t->word[0], "usage", "not a command");
		return;
	}
	argv[1] = "--role";
	argv[2] = t->word[2];
	argv[3] = "-u";
	argv[4] = t->word[3];
	reason = substitute(t, argv, space, token);
	pid = reason != NULL ? -1 : spawn_safekit(argv, t->fd[0], t->fd[1]);
	if (pid == -1) {
		kept_drop(token);
		refuse(t->word[0], reason != NULL ? reason : "failed", reason == NULL ? strerror(errno) : strcmp(reason, "missing") == 0
		    ? "no such kept file" : strcmp(reason, "busy") == 0 ? "too many files" : "not a command");
		return;
	}
	*r = (struct run){ .pid = pid, .until_ms = clock_mono_ms() + RUN_S * 1000 };
	str_copy(r->id, sizeof(r->id), t->word[0]);
	str_copy(r->token, sizeof(r->token), token);
}

static void
ended(struct run *r, int status)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	SAY(-1, r->id, "done", text, r->late ? "ended by the web service: it took too long" : "", r->token);
	r->pid = 0;
}

/* Commands that take too long; milliseconds until the next one does, -1: none runs */
static int
limit_runs(void)
{
	int64_t now = clock_mono_ms(), next = -1;
	struct run *r;

	for (r = runs; r < runs + RUNS_MAX; r++) {
		if (r->pid == 0)
			continue;
		if (r->until_ms <= now) {
			(void)kill(-r->pid, r->late ? SIGKILL : SIGTERM);
			r->until_ms = now + RUN_KILL_S * 1000;
			r->late = true;
		}
		if (next == -1 || r->until_ms - now < next)
			next = r->until_ms - now;
	}
	return (int)next;
}

/* ---- files and credentials ---- */

static void
order_file(struct talk *t)
{
	const char *reason;
	char token[KEPT_TOKEN];
	int fd = kept_new(true, "", token, &reason);

	if (fd == -1) {
		refuse(t->word[0], reason, strcmp(reason, "busy") == 0 ? "too many kept files" : strerror(errno));
		return;
	}
	SAY(fd, t->word[0], "ok", token);
	close(fd);
}

static void
order_keep(struct talk *t)
{
	if (t->words == 4 && kept_whole(t->word[2], t->word[3]))
		SAY(-1, t->word[0], "ok");
	else
		refuse(t->word[0], "missing", "no such kept file");
}

static void
order_drop(struct talk *t)
{
	char path[PATH_MAX];
	bool there = t->words == 3 && kept_path(t->word[2], path, sizeof(path));

	if (t->words == 3)
		kept_drop(t->word[2]);
	if (there)
		SAY(-1, t->word[0], "ok");
	else
		refuse(t->word[0], "missing", "no such kept file");
}

static void
order_open(struct talk *t)
{
	int fd = t->words == 3 ? kept_open(t->word[2]) : -1;

	if (fd == -1) {
		refuse(t->word[0], "missing", "no such kept file");
		return;
	}
	SAY(fd, t->word[0], "ok");
	close(fd);
}

static void
order_verify(struct talk *t)
{
	struct webauth_keys keys;
	struct webauth told;
	char err[256];
	const struct webauth_key *key;
	bool good;

	if (t->words != 7 || !webauth_parse(t->word[6], &told)) {
		refuse(t->word[0], "denied", "expected Authorization: SafeKit keyid=..., nonce=..., mac=...");
		return;
	}
	webauth_keys(&keys, false, err, sizeof(err));
	if (err[0] != '\0')
		gate_log_rarely("%s", err);
	key = webauth_key_of(&keys, told.keyid);
	good = key != NULL && webauth_verify(&told, key->key, &(struct webauth_ask){ t->word[2], t->word[3], t->word[4], t->word[5] });
	if (good)
		SAY(-1, t->word[0], "ok", told.keyid);
	else
		refuse(t->word[0], "denied", keys.n == 0 ? "this server has no key that servers share: neither a cluster configuration nor a password"
		    : key == NULL ? "signed with a key that this server does not have" : "the signature does not fit the request, or is for another server than this (a request that was passed on)");
	webauth_keys_clear(&keys);
}

/* ---- the loop ---- */

static void
order(struct talk *t)
{
	static const struct { const char *word; void (*run)(struct talk *t); } orders[] = {
		{ "run", order_run }, { "file", order_file }, { "keep", order_keep }, { "drop", order_drop }, { "open", order_open },
		{ "verify", order_verify },
	};
	size_t i;

	for (i = 0; t->words >= 2 && strlen(t->word[0]) < ID_MAX && i < ARRAY_LEN(orders); i++)
		if (strcmp(orders[i].word, t->word[1]) == 0) {
			orders[i].run(t);
			talk_close(t);
			return;
		}
	gate_log("the process that speaks HTTP sent an order that is none");
	lost = true;
	talk_close(t);
}

/* Children that ended.  true: the one that speaks HTTP is among them */
static bool
reap(pid_t child)
{
	struct run *r;
	bool gone = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == child) {
			gate_log("the process that speaks HTTP ended with %s %d", WIFSIGNALED(status) ? "signal" : "status",
			    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
			gone = true;
		}
		for (r = runs; r < runs + RUNS_MAX; r++)
			if (r->pid == pid)
				ended(r, status);
	}
	return gone;
}

static int
sooner(int a, int b)
{
	return a == -1 ? b : b == -1 || a < b ? a : b;
}

/* 0 go on, 1 the child is gone, 2 asked to end */
static int
on_signal(int fd, pid_t child)
{
	struct signalfd_siginfo info;
	int what = 0;

	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			what = 2;
	return reap(child) && what == 0 ? 1 : what;
}

int
parent_run(int to_child, pid_t child)
{
	static struct talk t;
	struct pollfd p[2] = { { .fd = to_child, .events = POLLIN }, { .events = POLLIN } };
	sigset_t set;
	int rc, what = 0;

	sock = to_child;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	p[1].fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (p[1].fd == -1 || !kept_begin())
		return 1;
	while (what == 0 && !lost) {
		if (poll(p, 2, sooner(kept_expire(), limit_runs())) == -1 && errno != EINTR)
			break;
		if (p[1].revents != 0)
			what = on_signal(p[1].fd, child);
		while (what == 0 && !lost && (rc = talk_receive(sock, &t)) != 0) {
			if (rc == 1)
				order(&t);
			else
				lost = true;
		}
	}
	kept_end();
	close(p[1].fd);
	return what == 2 ? 0 : 1;
}
