/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.c: commands of safekit: the parent starts them, we read what they say.
 *
 * Owns: the pipes.  What is more than OUTPUT_MAX is read and thrown away, and that is said: a command never waits for us.
 */
#include "config.h"
#include "web/gateway/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct output { int fd; char *text; size_t len, room; bool cut; };
static struct running {
	struct request *r;	/* NULL: free */
	run_reply then;
	struct output out[2];
} running[RUNS_MAX];

static void
keep(struct output *o, const char *data, size_t n)
{
	if (o->len + n > OUTPUT_MAX) {
		n = OUTPUT_MAX - o->len;
		o->cut = true;
	}
	if (o->len + n + 1 > o->room) {
		size_t room = (o->len + n + 1) * 2;
		char *more = realloc(o->text, room);

		if (more == NULL) {
			o->cut = true;
			return;
		}
		o->text = more;
		o->room = room;
	}
	memcpy(o->text + o->len, data, n);
	o->len += n;
	o->text[o->len] = '\0';
}

/* What is there now */
static void
drain(struct output *o)
{
	char buf[65536];
	ssize_t n;

	while (o->fd != -1) {
		n = read(o->fd, buf, sizeof(buf));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close(o->fd);
			o->fd = -1;
			return;
		}
		keep(o, buf, (size_t)n);
	}
}

static void
release(struct running *c)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (c->out[i].fd != -1)
			close(c->out[i].fd);
		free(c->out[i].text);
	}
	memset(c, 0, sizeof(*c));
}

static unsigned
status_of(const char *reason)
{
	return strcmp(reason, "busy") == 0 ? 503 : strcmp(reason, "missing") == 0 ? 422 : strcmp(reason, "usage") == 0 ? 400 : 500;
}

/* The command has ended: all that it said is in the pipes.  Whoever else holds them (a daemon that it started) is not waited for. */
static void
on_done(void *ctx, const struct talk *t, bool ok, const char *reason, const char *text)
{
	static const char cut[] = "\nError: the output was longer than 4 MiB and is cut\n";
	struct running *c = ctx;
	struct request *r = c->r;
	uint64_t status = 0;
	struct output *out = &c->out[0], *err = &c->out[1];
	char *at;

	if (!ok || t->words < 5 || strcmp(t->word[1], "done") != 0 || !str_to_u64(t->word[2], 0, 255, &status)) {
		problem(r, ok ? 500 : status_of(reason), "%s", ok ? "the command is lost" : text);
		release(c);
		return;
	}
	drain(out);
	drain(err);
	for (at = err->text; at != NULL && at < err->text + err->len; at++)
		if (*at == '\0')
			*at = '?';
	r->cut = out->cut || err->cut;
	if ((out->cut || err->cut) && err->text != NULL && err->len > sizeof(cut))
		memcpy(err->text + err->len - sizeof(cut) + 1, cut, sizeof(cut) - 1);
	else if (out->cut || err->cut)
		keep(err, cut, sizeof(cut) - 1);
	c->then(r, (int)status, t->word[3], t->word[4], out->text != NULL ? out->text : "", out->len, err->text != NULL ? err->text : "");
	release(c);
}

/* fds: the ends of the two pipes that the command writes to */
static bool
make_pipes(struct running *c, int fds[2])
{
	int p[2][2] = { { -1, -1 }, { -1, -1 } }, i;

	if (pipe2(p[0], O_CLOEXEC) == 0 && pipe2(p[1], O_CLOEXEC) == 0) {
		for (i = 0; i < 2; i++) {
			(void)fcntl(p[i][0], F_SETFL, O_NONBLOCK);
			c->out[i].fd = p[i][0];
			fds[i] = p[i][1];
		}
		return true;
	}
	for (i = 0; i < 2; i++)
		if (p[i][0] != -1) {
			close(p[i][0]);
			close(p[i][1]);
		}
	return false;
}

/* How many may run for there to be one more of this role: a Control who waits for states, fifteen minutes each, leaves room for administrators */
static int
room_for(enum role role)
{
	return role == ROLE_ADMIN ? RUNS_MAX : role == ROLE_CONTROL ? RUNS_MAX - 2 : RUNS_MAX - 4;
}

void
run_command(struct request *r, const char *const *argv, run_reply then)
{
	const char *words[ARGV_MAX + 8] = { "run", role_names[r->role], r->who };
	struct running *c;
	int fds[2], n = 3, used = 0, i;
	bool asked;

	for (i = 0; i < RUNS_MAX; i++)
		used += running[i].r != NULL;
	if (used >= room_for(r->role)) {
		problem(r, 503, "%d commands run already", used);
		return;
	}
	for (c = running; c->r != NULL; c++)
		;
	for (; *argv != NULL && n < ARGV_MAX + 7; argv++)
		words[n++] = *argv;
	words[n] = NULL;
	if (*argv != NULL || !make_pipes(c, fds)) {
		problem(r, *argv != NULL ? 422 : 503, *argv != NULL ? "argv: too many words" : "no pipe can be made");
		return;
	}
	c->r = r;
	c->then = then;
	asked = parent_ask(words, fds, 2, on_done, c);
	close(fds[0]);
	close(fds[1]);
	if (asked)
		return;
	release(c);
	problem(r, 503, "the command is too long, or there are too many at once");
}

int
run_fds(int *fds, int max)
{
	int i, n = 0;

	for (i = 0; i < RUNS_MAX * 2 && n < max; i++)
		if (running[i / 2].r != NULL && running[i / 2].out[i % 2].fd != -1)
			fds[n++] = running[i / 2].out[i % 2].fd;
	return n;
}

void
run_read(int fd)
{
	int i;

	for (i = 0; i < RUNS_MAX * 2; i++)
		if (running[i / 2].r != NULL && running[i / 2].out[i % 2].fd == fd)
			drain(&running[i / 2].out[i % 2]);
}
