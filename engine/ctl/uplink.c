/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplink.c: keeps the line to safeadmin, and what could not be said meanwhile. */
#include "config.h"
#include "ctl/uplink.h"
#include "ctl/safekit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RETRY_MS	200	/* between attempts while safeadmin is away (ours) */
#define HELLO_ID	1000000

struct uplink {
	uv_loop_t	*loop;
	char		 module[SK_NAME_MAX];
	struct sk_conn	*conn;
	uv_poll_t	*poll;
	uv_timer_t	 retry;
	struct uplink_hooks hooks;
	bool		 greeted;	/* safeadmin has answered our hello: rows may go */
	json_t		*waiting;
	uint64_t	 dropped;
};

static void on_io(uv_poll_t *p, int status, int events);

static json_t *
greeting(const struct uplink *u)
{
	return json_pack("{s:s,s:s,s:i}", "op", "heart", "module", u->module, "pid", (int)getpid());
}

struct uplink *
uplink_open(uv_loop_t *loop, const char *module, int wait_ms, json_t **setup, char *err, size_t errsize)
{
	struct uplink *u = calloc(1, sizeof(*u));

	if (u == NULL || (u->waiting = json_array()) == NULL) {
		snprintf(err, errsize, "out of memory");
		free(u);
		return NULL;
	}
	u->loop = loop;
	str_copy(u->module, sizeof(u->module), module);
	u->conn = sk_connect(err, errsize);
	if (u->conn != NULL) {
		char code[16];
		json_t *reply = sk_ask(u->conn, greeting(u), wait_ms, code, err, errsize);

		*setup = json_incref(json_object_get(reply, "setup"));
		json_decref(reply);
		if (*setup != NULL) {
			u->greeted = true;
			return u;
		}
		sk_close(u->conn);
	}
	json_decref(u->waiting);
	free(u);
	return NULL;
}

static void
poll_closed(uv_handle_t *h)
{
	free(h);
}

static void on_retry(uv_timer_t *t);

static void
disconnected(struct uplink *u)
{
	uv_poll_stop(u->poll);
	uv_close((uv_handle_t *)u->poll, poll_closed);
	u->poll = NULL;
	sk_close(u->conn);
	u->conn = NULL;
	u->greeted = false;
	if (!uv_is_closing((uv_handle_t *)&u->retry))
		uv_timer_start(&u->retry, on_retry, RETRY_MS, RETRY_MS);
}

static void
watch(struct uplink *u)
{
	uv_poll_start(u->poll, UV_READABLE | (sk_wants_write(u->conn) ? UV_WRITABLE : 0), on_io);
}

static void
send_waiting(struct uplink *u)
{
	json_t *row;
	size_t i;

	json_array_foreach(u->waiting, i, row)
		if (!sk_send(u->conn, json_incref(row)))
			return;		/* lost again: all of them stay */
	json_array_clear(u->waiting);
	if (u->dropped > 0) {
		warn_text("%s: %llu log rows were dropped while safeadmin was away", u->module, (unsigned long long)u->dropped);
		u->dropped = 0;
	}
}

static void
on_io(uv_poll_t *p, int status, int events)
{
	struct uplink *u = p->data;
	char err[SK_TEXT_MAX];
	json_t *obj;
	int rc;

	while ((rc = sk_next(u->conn, &obj, 0, err, sizeof(err))) == 1) {
		if (!u->greeted && json_integer_value(json_object_get(obj, "id")) == HELLO_ID) {
			if (json_object_get(obj, "setup") == NULL) {	/* it has not read our module yet: ask again */
				json_decref(obj);
				disconnected(u);
				return;
			}
			u->greeted = true;
			send_waiting(u);
			u->hooks.again(u->hooks.ctx, json_object_get(obj, "setup"));
		} else if (json_is_string(json_object_get(obj, "op"))) {
			u->hooks.order(u->hooks.ctx, obj);
		}
		json_decref(obj);
		if (u->conn == NULL)
			return;
	}
	if (rc < 0)
		disconnected(u);
	else
		watch(u);
}

static void
attach(struct uplink *u)
{
	u->poll = calloc(1, sizeof(*u->poll));
	if (u->poll == NULL || uv_poll_init(u->loop, u->poll, sk_fd(u->conn)) != 0)
		fatal("heart %s: cannot watch the control socket", u->module);
	u->poll->data = u;
	watch(u);
}

/* Everything here is without waiting: a safeadmin that is stopped answers when it goes on. */
static void
on_retry(uv_timer_t *t)
{
	struct uplink *u = t->data;
	char err[SK_TEXT_MAX];
	json_t *hello;

	if (u->conn != NULL) {
		uv_timer_stop(t);
		on_io(u->poll, 0, UV_READABLE);
		return;
	}
	u->conn = sk_connect(err, sizeof(err));
	if (u->conn == NULL)
		return;
	hello = greeting(u);
	json_object_set_new(hello, "id", json_integer(HELLO_ID));
	sk_send(u->conn, hello);	/* where it fails the descriptor tells */
	attach(u);
}

void
uplink_start(struct uplink *u, const struct uplink_hooks *hooks)
{
	u->hooks = *hooks;
	uv_timer_init(u->loop, &u->retry);
	u->retry.data = u;
	attach(u);
	/* orders may have come in one piece with the answer to our hello: nothing on the socket would tell of them */
	uv_timer_start(&u->retry, on_retry, 0, 0);
}

void
uplink_send(struct uplink *u, json_t *obj, bool keep)
{
	if (obj == NULL)
		return;		/* out of memory */
	if (u->conn != NULL && u->greeted) {
		if (sk_send(u->conn, json_incref(obj))) {
			json_decref(obj);
			watch(u);
			return;
		}
		disconnected(u);	/* gone, or 4 MiB behind: after a new hello everything is published anew */
	}
	if (!keep) {
		json_decref(obj);
		return;
	}
	if (json_array_size(u->waiting) >= UPLINK_WAITING_MAX) {
		json_array_remove(u->waiting, 0);
		u->dropped++;
	}
	json_array_append_new(u->waiting, obj);
}

bool
uplink_connected(const struct uplink *u)
{
	return u->greeted;
}

void
uplink_close(struct uplink *u)
{
	uv_close((uv_handle_t *)&u->retry, NULL);
	if (u->conn != NULL)
		disconnected(u);
	json_decref(u->waiting);
	u->waiting = NULL;
}
