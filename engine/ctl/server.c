/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * server.c: serves the control socket: who may come in, frames in, frames out, subscribers.
 *
 * A client that does not read is closed when OUT_MAX bytes wait for it; nobody waits for a client.
 */
#include "config.h"
#include "ctl/admin.h"
#include "wire/ctlmsg.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENTS_MAX	1024		/* connections at a time (ours) */
#define OUT_MAX		(4u << 20)	/* bytes of events waiting for a client before it is closed (ours, doc/PROTOCOL.md); answers may exceed it: */
#define OUT_ANSWERS	(64u << 20)	/* while OUT_MAX bytes wait nothing more is read, so this many are only reached by answers of the
					 * journal that were asked for before: 4 of the longest */
#define READS_MAX	16		/* of IN_STEP bytes, then it is somebody else's turn */
#define IN_STEP		65536
#define TICK_MS		2000

struct client {
	struct admin	*admin;
	uv_poll_t	 poll;
	int		 fd;
	uint64_t	 serial;
	bool		 root, closing, subscribed, logs;
	char		 log_module[SK_NAME_MAX];
	void		*heart;
	struct ctl_decoder in;
	char		*out;
	size_t		 out_len, out_room, out_max;
	struct client	*next;
};

struct server {
	struct admin	*admin;
	int		 fd;
	char		 path[108];
	uv_poll_t	 poll;
	uv_timer_t	 tick;
	struct client	*clients;
	int		 count;
	uint64_t	 serials;
	gid_t		 group;		/* safekit, (gid_t)-1 when there is none */
};

static void on_client(uv_poll_t *p, int status, int events);

/* ---- clients ---- */

static void
client_free(uv_handle_t *h)
{
	struct client *c = h->data;

	close(c->fd);
	ctl_decoder_free(&c->in);
	free(c->out);
	free(c);
}

void
server_close(struct client *c)
{
	struct server *s = c->admin->server;
	struct client **pp;

	if (c->closing)
		return;
	c->closing = true;
	for (pp = &s->clients; *pp != NULL; pp = &(*pp)->next)
		if (*pp == c) {
			*pp = c->next;
			break;
		}
	s->count--;
	uv_poll_stop(&c->poll);
	if (c->heart != NULL)
		registry_heart_gone(c->admin, c->heart);
	c->heart = NULL;
	uv_close((uv_handle_t *)&c->poll, client_free);
}

static void
client_watch(struct client *c)
{
	/* who does not take answers is not asked for more questions */
	uv_poll_start(&c->poll, (c->out_len <= OUT_MAX ? UV_READABLE : 0) | (c->out_len > 0 ? UV_WRITABLE : 0), on_client);
}

static void
client_flush(struct client *c)
{
	size_t done = 0;

	while (done < c->out_len) {
		ssize_t n = send(c->fd, c->out + done, c->out_len - done, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			break;
		if (n == -1) {
			server_close(c);
			return;
		}
		done += (size_t)n;
	}
	c->out_len -= done;
	memmove(c->out, c->out + done, c->out_len);
	if (c->out_len == 0 && c->out_room > IN_STEP) {
		free(c->out);
		c->out = NULL;
		c->out_room = 0;
		c->out_max = OUT_MAX;
	}
	client_watch(c);
}

static void
client_put(struct client *c, const char *frame, size_t n, bool whole_picture)
{
	if (c->closing)
		return;
	if (whole_picture)
		c->out_max = c->out_len + n + OUT_MAX;	/* what it asked for is not held against it */
	if (c->out_len + n > c->out_max || (whole_picture && c->out_len > OUT_ANSWERS)) {
		server_close(c);
		return;
	}
	if (c->out_len + n > c->out_room) {
		size_t room = (c->out_len + n) * 3 / 2;
		char *more = realloc(c->out, room);

		if (more == NULL) {
			server_close(c);
			return;
		}
		c->out = more;
		c->out_room = room;
	}
	memcpy(c->out + c->out_len, frame, n);
	c->out_len += n;
	client_flush(c);
}

void
server_send(struct client *c, json_t *obj)
{
	char *frame;
	size_t n = obj == NULL ? 0 : ctl_encode(obj, &frame);

	json_decref(obj);
	if (n == 0) {
		server_close(c);
		return;
	}
	client_put(c, frame, n, true);
	free(frame);
}

static void
on_client(uv_poll_t *p, int status, int events)
{
	struct client *c = p->data;
	char buf[IN_STEP], err[256];
	json_t *obj;
	int rc, reads;

	if (events & UV_WRITABLE) {
		client_flush(c);
		if (c->closing)
			return;
	}
	if (status == 0 && (events & UV_READABLE) == 0)
		return;
	for (reads = 0; reads < READS_MAX && c->out_len <= OUT_MAX; reads++) {
		ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return;
		if (n <= 0 || !ctl_decoder_add(&c->in, buf, (size_t)n)) {
			server_close(c);
			return;
		}
		while ((rc = ctl_decoder_next(&c->in, &obj, err, sizeof(err))) == 1) {
			if (c->heart != NULL)
				registry_heart_says(c->admin, c->heart, obj);
			else
				ops_request(c->admin, c, obj);
			json_decref(obj);
			if (c->closing)
				return;
		}
		if (rc < 0) {
			server_send(c, json_pack("{s:b,s:s,s:s}", "ok", 0, "code", "usage", "message", err));
			if (!c->closing)
				server_close(c);
			return;
		}
		if ((size_t)n < sizeof(buf))
			return;		/* let the others have their turn */
	}
}

/* ---- who may come in ---- */

static bool
in_group(int fd, gid_t group)
{
	gid_t groups[128];
	socklen_t len = sizeof(groups);
	size_t i;

	if (group == (gid_t)-1 || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == -1)
		return false;
	for (i = 0; i < len / sizeof(groups[0]); i++)
		if (groups[i] == group)
			return true;
	return false;
}

static void
refuse(int fd, const char *code, const char *message)
{
	json_t *obj = json_pack("{s:b,s:s,s:s}", "ok", 0, "code", code, "message", message);
	char *frame;
	size_t n = ctl_encode(obj, &frame);

	json_decref(obj);
	if (n > 0) {
		(void)!send(fd, frame, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		free(frame);
	}
	close(fd);
}

static void
on_connect(uv_poll_t *p, int status, int events)
{
	struct server *s = p->data;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct client *c;
	/* cppcheck-suppress nullPointer ; accept4 takes NULL: we do not ask for the address */
	int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd == -1) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			uv_poll_stop(p);	/* who waits in the queue would wake us again and again: on_tick goes on */
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1 ||
	    (cred.uid != 0 && cred.gid != s->group && !in_group(fd, s->group))) {
		refuse(fd, "denied", "only root and members of group safekit may use this socket");
		return;
	}
	if (s->count >= CLIENTS_MAX) {
		refuse(fd, "busy", "too many connections");
		return;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL || uv_poll_init(s->admin->loop, &c->poll, fd) != 0) {
		free(c);
		close(fd);
		return;
	}
	c->admin = s->admin;
	c->poll.data = c;
	c->fd = fd;
	c->serial = ++s->serials;
	c->root = cred.uid == 0;
	c->out_max = OUT_MAX;
	ctl_decoder_init(&c->in, CTL_FRAME_MAX_CLIENT);
	c->next = s->clients;
	s->clients = c;
	s->count++;
	client_watch(c);
}

/* ---- events ---- */

void
server_event(struct admin *a, json_t *event, const char *log_module)
{
	struct client *c, *next;
	char *frame = NULL;
	size_t n = 0;

	for (c = a->server != NULL ? a->server->clients : NULL; c != NULL; c = next) {
		next = c->next;
		if (!c->subscribed)
			continue;
		if (log_module != NULL && (!c->logs || (c->log_module[0] != '\0' && strcmp(c->log_module, log_module) != 0)))
			continue;
		if (n == 0)
			n = ctl_encode(event, &frame);
		if (n == 0)
			break;
		client_put(c, frame, n, false);
	}
	if (n > 0)
		free(frame);
	json_decref(event);
}

static bool
anybody_listens(const struct admin *a)
{
	const struct client *c;

	for (c = a->server != NULL ? a->server->clients : NULL; c != NULL; c = c->next)
		if (c->subscribed)
			return true;
	return false;
}

static json_t *
remotes_event(const struct picture *p)
{
	json_t *rows = json_array();
	size_t i;

	for (i = 0; i < p->remotes_count; i++)
		json_array_append_new(rows, report_encode(&rpt_remote_type, &p->remotes[i]));
	return json_pack("{s:s,s:o}", "event", "remotes", "rows", rows);
}

void
server_picture(struct admin *a, enum picture_change what, const void *row)
{
	static const struct { const char *event; const struct report_type *type; } kinds[] = {
		[PC_MODULE] = { "module", &rpt_module_type }, [PC_RESOURCE] = { "resource", &rpt_resource_type },
		[PC_NODE] = { "node", &rpt_node_type }, [PC_ENGINE] = { "engine", &rpt_engine_type },
		[PC_SHARE] = { "share", &rpt_share_type },
	};
	const struct rpt_resource *res = row;
	const struct rpt_share *share = row;
	json_t *event;

	if (!anybody_listens(a))
		return;
	switch (what) {
	case PC_MODULE_GONE:
		event = json_pack("{s:s,s:I}", "event", "module-gone", "id", (json_int_t)((const struct rpt_module *)row)->id);
		break;
	case PC_RESOURCE_GONE:
		event = json_pack("{s:s,s:I,s:I}", "event", "resource-gone", "module_id", (json_int_t)res->module_id, "index",
		    (json_int_t)res->index);
		break;
	case PC_SHARE_GONE:
		event = json_pack("{s:s,s:I,s:I}", "event", "share-gone", "module_id", (json_int_t)share->module_id, "index",
		    (json_int_t)share->index);
		break;
	case PC_NODES_RESET:
		event = json_pack("{s:s}", "event", "nodes-reset");
		break;
	case PC_REMOTES:
		event = remotes_event(&a->picture);
		break;
	default:
		event = json_pack("{s:s,s:o}", "event", kinds[what].event, "data", report_encode(kinds[what].type, row));
		break;
	}
	server_event(a, event, NULL);
}

static void
on_tick(uv_timer_t *t)
{
	struct server *s = t->data;

	syslog_flush(s->admin->syslog);
	uv_poll_start(&s->poll, UV_READABLE, on_connect);
	if (anybody_listens(s->admin))
		server_event(s->admin, json_pack("{s:s}", "event", "tick"), NULL);
}

/* ---- small ---- */

struct client *
server_client(struct admin *a, uint64_t serial)
{
	struct client *c;

	for (c = a->server->clients; c != NULL && c->serial != serial; c = c->next)
		;
	return c;
}

uint64_t
client_serial(const struct client *c)
{
	return c->serial;
}

bool
client_is_root(const struct client *c)
{
	return c->root;
}

void
client_subscribe(struct client *c, bool logs, const char *module)
{
	c->subscribed = true;
	c->logs = logs;
	str_copy(c->log_module, sizeof(c->log_module), module);
}

void
client_set_heart(struct client *c, void *instance)
{
	c->heart = instance;
	c->in.max = CTL_FRAME_MAX_SERVER;
}

void *
client_heart(const struct client *c)
{
	return c->heart;
}

/* ---- life ---- */

struct server *
server_new(struct admin *a, char *err, size_t errsize)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct server *s = calloc(1, sizeof(*s));
	/* cppcheck-suppress getgrnamCalled ; before there are other threads that ask */
	struct group *g = getgrnam("safekit");
	char dir[512];

	if (s == NULL)
		return NULL;
	s->admin = a;
	s->group = g != NULL ? g->gr_gid : (gid_t)-1;
	if (!path_format(dir, sizeof(dir), "%s/run", path_safevar()) || path_mkdirs(dir, 0755) == -1 ||
	    !path_format(s->path, sizeof(s->path), "%s/safeadmin.sock", dir)) {
		snprintf(err, errsize, "%s/run/safeadmin.sock: %s", path_safevar(), errno != 0 ? strerror(errno) : "name too long");
		free(s);
		return NULL;
	}
	str_copy(sa.sun_path, sizeof(sa.sun_path), s->path);
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(s->path);	/* the lock of safeadmin is ours: whoever made this is gone */
	if (s->fd == -1 || bind(s->fd, (struct sockaddr *)&sa, sizeof(sa)) == -1 || chmod(s->path, 0660) == -1 ||
	    (s->group != (gid_t)-1 && chown(s->path, 0, s->group) == -1) || listen(s->fd, CLIENTS_MAX) == -1 ||
	    uv_poll_init(a->loop, &s->poll, s->fd) != 0) {
		snprintf(err, errsize, "%s: %s", s->path, strerror(errno));
		if (s->fd != -1)
			close(s->fd);
		free(s);
		return NULL;
	}
	s->poll.data = s;
	uv_timer_init(a->loop, &s->tick);
	s->tick.data = s;
	uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
	return s;
}

void
server_open(struct server *s)
{
	uv_poll_start(&s->poll, UV_READABLE, on_connect);
}

static void
server_released(uv_handle_t *h)
{
	struct server *s = h->data;

	close(s->fd);
	free(s);
}

static void
tick_released(uv_handle_t *h)
{
	struct server *s = h->data;

	uv_close((uv_handle_t *)&s->poll, server_released);
}

void
server_free(struct server *s)
{
	while (s->clients != NULL)
		server_close(s->clients);
	unlink(s->path);
	uv_timer_stop(&s->tick);
	uv_poll_stop(&s->poll);
	uv_close((uv_handle_t *)&s->tick, tick_released);
}
