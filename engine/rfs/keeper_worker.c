/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keeper_worker.c: the life of the worker: born with its descriptors at their places, watched, replaced within milliseconds, adopted when it is the
 * keeper that died.
 */
#include "config.h"
#include "rfs/keeper_impl.h"
#include "rfs/worker_line.h"

#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FD_AWAY		64	/* where descriptors stand before they get the places that a worker is born with */
#define BACKLOG		64
#define ADOPT_MS	5000	/* for a worker to hand over its descriptors (ours) */
#define CONNECT_TRIES	50	/* it may be about to listen: 20 ms each */

extern char **environ;

static void on_spawn_again(uv_timer_t *t);

/* ---- descriptors ---- */

static bool
bound(int fd, const char *ip, uint16_t port)
{
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int one = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (inet_pton(AF_INET, ip, &a4.sin_addr) == 1)
		return bind(fd, (struct sockaddr *)&a4, sizeof(a4)) == 0;
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	return inet_pton(AF_INET6, ip, &a6.sin6_addr) == 1 && bind(fd, (struct sockaddr *)&a6, sizeof(a6)) == 0;
}

void
keep_listen(struct keeper *k)
{
	int fd = socket(strchr(k->local, ':') != NULL ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[SK_TEXT_MAX];

	if (k->listen_fd != -1)
		close(k->listen_fd);
	k->listen_fd = -1;
	if (fd != -1 && k->local[0] != '\0' && bound(fd, k->local, RFS_PORT(k->id)) && listen(fd, BACKLOG) == 0) {
		k->listen_fd = fd;
		k->listen_ticks = 0;
		return;
	}
	if (k->listen_ticks++ == 0) {
		snprintf(text, sizeof(text), "Replication with %s: address %s, port %d: %s", k->peer[0] != '\0' ? k->peer : "the other server",
		    k->local[0] != '\0' ? k->local : "of this server", RFS_PORT(k->id), k->local[0] != '\0' ? strerror(errno) : "not known");
		keep_log(k, MSG_RFS_PEER_DOWN, text);
	}
	if (fd != -1)
		close(fd);
}

void
keep_close_fds(struct keeper *k)
{
	int i;

	for (i = 0; i < RFS_DIRS_MAX; i++) {
		if (k->fuse_fd[i] != -1)
			close(k->fuse_fd[i]);
		k->fuse_fd[i] = -1;
	}
	if (k->listen_fd != -1)
		close(k->listen_fd);
	if (k->shm_fd != -1)
		close(k->shm_fd);
	k->listen_fd = k->shm_fd = -1;
}

/* ---- words ---- */

static json_t *
dirs_of(const struct keeper *k)
{
	const struct conf_rfs *r = &k->conf.rfs;
	char backing[PATH_MAX];
	json_t *list = json_array();
	int i;

	for (i = 0; i < r->dirs_count && i < RFS_DIRS_MAX; i++) {
		(void)path_format(backing, sizeof(backing), "%s%s", r->dirs[i].dir, r->suffix);
		json_array_append_new(list, json_pack("{s:s,s:s}", "dir", r->dirs[i].dir, "backing", backing));
	}
	return list;
}

static json_t *
blob_of(const struct keeper *k)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:b,s:b,s:b,s:O?}", "words", k->words, "session", k->session, "role", keep_role_names[k->role], "goal", keep_role_names[k->goal], "synced", k->synced,
	    "taken", k->taken, "given", k->given, "sync", k->sync);
}

static json_t *
first_line(struct keeper *k)
{
	json_t *o = json_copy(k->setup), *state = state_to_json(&k->st);

	json_object_set(o, "gaps", json_object_get(state, "gaps"));
	json_object_set_new(o, "state", state);
	json_object_set_new(o, "dirs", dirs_of(k));
	json_object_set_new(o, "session", json_string(k->session));
	json_object_set_new(o, "degraded", json_boolean(k->st.degraded));
	json_object_set_new(o, "pair", json_boolean(k->kind == ROLE_PRIMARY && k->st.paired));
	json_object_set_new(o, "refused", json_boolean(k->refused));
	json_object_set_new(o, "blob", blob_of(k));
	if (k->kind == ROLE_SECOND && k->sync != NULL && !k->synced)
		json_object_set(o, "sync", k->sync);
	return o;
}

void
keep_worker_send(struct keeper *k, json_t *line)
{
	if (k->w.on && k->w.talk != NULL && !k->w.line_ended && !k->w.adopting)
		talk_send(k->w.talk, line);
	else
		json_decref(line);
}

void
keep_blob(struct keeper *k)
{
	keep_worker_send(k, json_pack("{s:s,s:o}", "op", "blob", "blob", blob_of(k)));
}

/* ---- questions ---- */

void
keep_worker_asked(struct keeper *k, const json_t *n, bool waits)
{
	struct keep_worker *w = &k->w;
	const json_t *other;
	size_t i;

	if (waits && w->asked == NULL)
		w->asked = json_array();
	if (waits)
		json_array_append(w->asked, (json_t *)(uintptr_t)n);
	else
		json_array_foreach(w->asked, i, other)
			if (json_equal(other, n)) {
				json_array_remove(w->asked, i);
				break;
			}
}

/* What it was asked nobody answers any more */
static void
refuse_asked(struct keeper *k)
{
	const json_t *n;
	size_t i;

	json_array_foreach(k->w.asked, i, n)
		keep_say(k, json_pack("{s:O,s:b,s:s}", "reply", n, "ok", 0, "text", "the process nfsbox has ended: try again"));
	json_decref(k->w.asked);
	k->w.asked = NULL;
}

/* ---- death ---- */

static void
poll_closed(uv_handle_t *h)
{
	free(h);
}

static void
describe(const struct keep_worker *w, char *how, size_t size)
{
	if (w->failed[0] != '\0')
		snprintf(how, size, "%.60s", w->failed);
	else if (w->adopted)
		snprintf(how, size, "adopted");
	else if (WIFSIGNALED(w->status))
		snprintf(how, size, "signal %d", WTERMSIG(w->status));
	else
		snprintf(how, size, "status %d", WEXITSTATUS(w->status));
}

static bool
too_often(struct keeper *k, int64_t now)
{
	int64_t oldest = k->deaths[k->deaths_next];

	k->deaths[k->deaths_next] = now;
	k->deaths_next = (k->deaths_next + 1) % DEATHS_MAX;
	return oldest != 0 && now - oldest < DEATHS_MS;
}

static void
give_up(struct keeper *k, const char *how)
{
	char why[SK_TEXT_MAX];

	snprintf(why, sizeof(why), "nfsbox ended %d times within %d s (%.300s)", DEATHS_MAX + 1, DEATHS_MS / 1000, how);
	memset(k->deaths, 0, sizeof(k->deaths));
	if (k->kind == ROLE_SECOND) {
		char text[SK_TEXT_MAX + 64];

		snprintf(text, sizeof(text), "This server cannot follow the primary: %s", why);
		keep_log(k, MSG_RFS_OUT, text);
		keep_say(k, json_pack("{s:I,s:s}", "out", (json_int_t)k->seq, "why", why));
		return;
	}
	k->st.degraded = true;
	if (k->st.paired && !k->alone_waits) {	/* nothing is answered until heart has granted */
		k->asked = true;
		keep_say(k, json_pack("{s:s,s:I,s:s,s:b}", "ask", "alone", "seq", (json_int_t)k->seq, "why", why, "degraded", 1));
		return;
	}
	uv_timer_start(&k->spawn_timer, on_spawn_again, BACKOFF_MS, 0);
}

static void
died(struct keeper *k, bool replaced)
{
	int64_t now = clock_mono_ms();
	char how[SK_TEXT_MAX];
	bool often;

	describe(&k->w, how, sizeof(how));
	if (k->w.failed[0] != '\0' && k->role != k->goal) {	/* it never came to serve: a new one would not either */
		keep_fail(k, k->w.failed);
		return;
	}
	if (!replaced) {
		often = too_often(k, now);
		if (k->died_ms == 0) {
			k->died_ms = now;
			str_copy(k->died_how, sizeof(k->died_how), how);
		}
		if (often) {
			give_up(k, how);
			keep_publish(k);
			return;
		}
	}
	keep_spawn_sure(k);
}

static void
on_spawn_again(uv_timer_t *t)
{
	struct keeper *k = t->data;

	if (k->term && !k->w.on)
		keep_spawn_sure(k);
}

void
keep_spawn_sure(struct keeper *k)
{
	uv_timer_stop(&k->spawn_timer);
	if (!keep_spawn(k))
		uv_timer_start(&k->spawn_timer, on_spawn_again, BACKOFF_MS, 0);
}

/* Its end and the end of its words have both come */
static void
collect(struct keeper *k)
{
	struct keep_worker *w = &k->w;
	bool quitting = w->quitting, replaced = w->replaced;

	if (!w->on || !w->dead || !w->line_ended)
		return;
	uv_timer_stop(&k->quit_timer);
	talk_close(w->talk);
	close(w->pidfd);
	w->talk = NULL;
	w->on = false;
	refuse_asked(k);
	if (w->adopting) {	/* it died before it said what it was: by what is remembered */
		w->adopting = false;
		k->role = k->kind == ROLE_SECOND ? KEEP_SYNC : k->st.paired ? KEEP_PRIM : KEEP_ALONE;
	}
	if (!quitting && k->term && k->setup != NULL)	/* else it is born with the setup */
		died(k, replaced);
	keep_advance(k);
}

static void
on_pidfd(uv_poll_t *p, int status, int events)
{
	struct keeper *k = p->data;
	struct keep_worker *w = &k->w;

	if (!w->adopted && waitpid(w->pid, &w->status, WNOHANG) == 0)
		return;
	uv_poll_stop(p);
	uv_close((uv_handle_t *)p, poll_closed);
	w->poll = NULL;
	w->dead = true;
	collect(k);
}

static void
on_line_end(void *ctx, const char *why)
{
	struct keeper *k = ctx;

	k->w.line_ended = true;
	if (why[0] != '\0')
		warn_text("%s: nfsbox: %s", k->module, why);
	if (!k->w.dead)		/* without its line it is of no use */
		(void)syscall(SYS_pidfd_send_signal, k->w.pidfd, SIGKILL, NULL, 0);
	collect(k);
}

static void
on_line(void *ctx, const json_t *o)
{
	keep_event(ctx, o);
}

/* ---- birth ---- */

static bool
watch(struct keeper *k, int line)
{
	struct talk_hooks hooks = { k, on_line, on_line_end };
	struct keep_worker *w = &k->w;

	w->talk = talk_open(k->loop, line, RFS_LINE_MAX, &hooks);
	w->poll = calloc(1, sizeof(*w->poll));
	if (w->talk == NULL || w->poll == NULL || uv_poll_init(k->loop, w->poll, w->pidfd) != 0) {
		free(w->poll);
		w->poll = NULL;
		if (w->talk != NULL)
			talk_close(w->talk);
		else
			close(line);
		w->talk = NULL;
		return false;
	}
	w->poll->data = k;
	uv_poll_start(w->poll, UV_READABLE, on_pidfd);
	w->on = true;
	return true;
}

/* Copies above every place, so that no place is overwritten before it was copied; -1 in the list: /dev/null */
static int
put_away(const int *from, int n, int *away)
{
	int i, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (i = 0; i < n; i++) {
		away[i] = fcntl(from[i] != -1 ? from[i] : null, F_DUPFD_CLOEXEC, FD_AWAY);
		if (away[i] == -1)
			break;
	}
	if (null != -1)
		close(null);
	return i;
}

static pid_t
start_process(struct keeper *k, int line)
{
	char *argv[] = { (char *)(uintptr_t)"rfsd", (char *)(uintptr_t)"-m", k->module, (char *)(uintptr_t)"--worker",
	    (char *)(uintptr_t)(k->kind == ROLE_PRIMARY ? "primary" : "second"), NULL };
	int dirs = k->kind == ROLE_PRIMARY ? k->conf.rfs.dirs_count : 0, n = RFS_FD_FUSE - RFS_FD_LINE + dirs, i, done, rc;
	int from[RFS_FD_FUSE + RFS_DIRS_MAX] = { line, k->shm_fd, k->listen_fd }, away[RFS_FD_FUSE + RFS_DIRS_MAX];
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t none;
	pid_t pid = -1;

	for (i = 0; i < dirs; i++)
		from[RFS_FD_FUSE - RFS_FD_LINE + i] = k->fuse_fd[i];
	done = put_away(from, n, away);
	posix_spawn_file_actions_init(&fa);
	for (i = 0; i < done; i++)
		posix_spawn_file_actions_adddup2(&fa, away[i], RFS_FD_LINE + i);
	posix_spawnattr_init(&at);
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&at, &none);
	posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);	/* what is sent to heart's group is not for it */
	rc = done == n ? posix_spawn(&pid, "/proc/self/exe", &fa, &at, argv, environ) : EMFILE;
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&at);
	for (i = 0; i < done; i++)
		close(away[i]);
	errno = rc;
	return rc == 0 ? pid : -1;
}

bool
keep_spawn(struct keeper *k)
{
	struct keep_worker *w = &k->w;
	int pair[2];

	memset(w, 0, sizeof(*w));
	if (k->shm_fd == -1)
		k->shm_fd = memfd_create("rfs", MFD_CLOEXEC);
	if (k->shm_fd == -1 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1) {
		warn_errno("%s: nfsbox", k->module);
		return false;
	}
	w->pid = start_process(k, pair[1]);
	close(pair[1]);
	if (w->pid == -1) {
		warn_errno("%s: nfsbox cannot be started", k->module);
		close(pair[0]);
		return false;
	}
	w->pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
	if (w->pidfd == -1 || !watch(k, pair[0])) {
		warn_errno("%s: nfsbox cannot be watched", k->module);
		kill(w->pid, SIGKILL);
		waitpid(w->pid, NULL, 0);
		return false;
	}
	k->give_sent = false;
	keep_worker_send(k, first_line(k));
	return true;
}

void
keep_worker_quit(struct keeper *k)
{
	if (!k->w.on || k->w.quitting)
		return;
	keep_worker_send(k, json_pack("{s:s}", "op", "quit"));
	k->w.quitting = true;
	keep_quit_late(k);
}

void
keep_worker_replace(struct keeper *k)
{
	if (!k->w.on || k->w.quitting || k->w.replaced)
		return;
	k->w.replaced = true;
	(void)syscall(SYS_pidfd_send_signal, k->w.pidfd, SIGKILL, NULL, 0);
}

/* ---- adoption ---- */

static int
connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), dir, i;
	char folder[PATH_MAX], *slash;

	/* through the folder's descriptor: a long path does not fit into sun_path */
	str_copy(folder, sizeof(folder), path);
	slash = strrchr(folder, '/');
	*slash = '\0';
	dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/%s", dir, slash + 1);
	for (i = 0; fd != -1 && dir != -1 && i < CONNECT_TRIES; i++) {
		if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0) {
			close(dir);
			return fd;
		}
		if (errno != EAGAIN)
			break;
		poll(NULL, 0, 20);
	}
	if (dir != -1)
		close(dir);
	if (fd != -1)
		close(fd);
	return -1;
}

/* One byte: primary or second; with it its descriptors, the order that it was born with */
static int
take_fds(int fd, char *kind, int *fds, int max)
{
	char control[CMSG_SPACE(sizeof(int) * (RFS_FD_FUSE + RFS_DIRS_MAX))];
	struct iovec iov = { kind, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct pollfd p = { fd, POLLIN, 0 };
	struct cmsghdr *c;
	int n;

	if (poll(&p, 1, ADOPT_MS) != 1 || recvmsg(fd, &m, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	c = CMSG_FIRSTHDR(&m);
	if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -1;
	n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	if (n > max)
		n = max;
	memcpy(fds, CMSG_DATA(c), (size_t)n * sizeof(int));
	return n;
}

static void
take_over(struct keeper *k, char kind, const int *fds, int n)
{
	int i;

	k->kind = kind == WORKER_HELLO_PRIMARY ? ROLE_PRIMARY : ROLE_SECOND;
	for (i = 0; i < n; i++)
		if (i == 0)
			k->shm_fd = fds[i];
		else if (i == 1)
			k->listen_fd = fds[i];
		else
			k->fuse_fd[i - 2] = fds[i];
	if (k->kind == ROLE_SECOND && k->listen_fd != -1) {
		close(k->listen_fd);
		k->listen_fd = -1;
	}
	k->term = true;
	k->mounts_known = true;
	k->mounts = k->kind == ROLE_PRIMARY ? MOUNT_FUSE : MOUNT_BIND;
}

bool
keep_adopt(struct keeper *k)
{
	struct keep_worker *w = &k->w;
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);
	char path[PATH_MAX], kind;
	int fds[2 + RFS_DIRS_MAX], n, fd;

	if (!path_format(path, sizeof(path), "%s/%s", k->folder, WORKER_SOCKET))
		return false;
	fd = connect_to(path);
	if (fd == -1)
		return false;
	memset(w, 0, sizeof(*w));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1 || peer.uid != geteuid() ||
	    (w->pidfd = (int)syscall(SYS_pidfd_open, peer.pid, 0)) == -1) {
		close(fd);
		return false;
	}
	n = take_fds(fd, &kind, fds, (int)ARRAY_LEN(fds));
	w->adopted = w->adopting = true;
	w->pid = peer.pid;
	if (n < 2 || !watch(k, fd)) {
		warn_text("%s: the nfsbox that runs (%d) does not hand over: it is killed", k->module, (int)peer.pid);
		(void)syscall(SYS_pidfd_send_signal, w->pidfd, SIGKILL, NULL, 0);
		close(w->pidfd);
		if (n < 2)
			close(fd);
		memset(w, 0, sizeof(*w));
		return false;
	}
	take_over(k, kind, fds, n);
	return true;
}
