/* SPDX-License-Identifier: GPL-2.0-or-later */
/* watch.c: what heart and checkd say to each other; its life is act/child's. */
#include "config.h"
#include "act/child.h"
#include "act/watch.h"
#include "wire/checkline.h"
#include "conf/conf.h"

#include <stdlib.h>

#define RESTART_MS	1000	/* between a death and the next start (ours); */
#define RESTART_MAX_MS	60000	/* twice as long each time, up to this, until one has lived so long */

struct watch {
	struct watch_hooks hooks;
	struct child	*child;
	uv_timer_t	 late;
	json_t		*setup, *told;
	unsigned	 classes;
	bool		 checkers, errd;
	uint32_t	 seq;
	bool		 waiting;	/* for the acknowledgement of seq */
};

static void
acked(struct watch *w)
{
	uv_timer_stop(&w->late);
	if (!w->waiting)
		return;
	w->waiting = false;
	w->hooks.acked(w->hooks.ctx);
}

static void
send_classes(struct watch *w)
{
	json_t *on = json_array(), *obj;
	int i;

	for (i = 0; i < WHEN_COUNT; i++)
		if ((w->classes & 1u << i) != 0)
			json_array_append_new(on, json_string(conf_when_names[i]));
	obj = json_pack("{s:s,s:I,s:o,s:b,s:b}", "op", "classes", "seq", (json_int_t)w->seq, "on", on, "checkers", w->checkers, "errd", w->errd);
	child_send(w->child, obj);
	json_decref(obj);
}

static void
on_born(void *ctx)
{
	struct watch *w = ctx;

	child_send(w->child, w->setup);
	if (w->told != NULL)
		child_send(w->child, w->told);
	w->seq++;
	send_classes(w);
}

static void
on_gone(void *ctx, const char *how)
{
	struct watch *w = ctx;

	w->hooks.reply(w->hooks.ctx, 0, NULL);
	acked(w);
	if (how != NULL)
		w->hooks.died(w->hooks.ctx, how);
}

/* ---- what it says ---- */

static const char *
word(const json_t *obj, const char *name)
{
	const char *s = json_string_value(json_object_get(obj, name));

	return s != NULL ? s : "";
}

static void
on_line(void *ctx, json_t *obj)
{
	struct watch *w = ctx;
	const json_t *number;

	if (json_object_get(obj, "resource") != NULL) {
		w->hooks.resource(w->hooks.ctx, word(obj, "resource"), word(obj, "value"), word(obj, "by"), word(obj, "why"));
	} else if (json_object_get(obj, "action") != NULL) {
		w->hooks.action(w->hooks.ctx, word(obj, "action"), word(obj, "by"), word(obj, "identity"));
	} else if ((number = json_object_get(obj, "log")) != NULL) {
		w->hooks.log(w->hooks.ctx, (unsigned)json_integer_value(number), word(obj, "origin"), word(obj, "text"));
	} else if ((number = json_object_get(obj, "ack")) != NULL) {
		if (json_integer_value(number) == w->seq)
			acked(w);
	} else if ((number = json_object_get(obj, "reply")) != NULL) {
		w->hooks.reply(w->hooks.ctx, (uint32_t)json_integer_value(number), obj);
	}
}

/* ---- the owner ---- */

struct watch *
watch_new(uv_loop_t *loop, const char *program, const char *module, const struct watch_hooks *hooks)
{
	struct child_conf conf = { "checkd", program, module, CHECK_LINE_FD, CHECK_LINE_MAX, RESTART_MS, RESTART_MAX_MS, true };
	struct watch *w = calloc(1, sizeof(*w));
	struct child_hooks to = { w, on_born, on_line, on_gone };

	if (w == NULL || (w->child = child_new(loop, &conf, &to)) == NULL) {
		free(w);
		return NULL;
	}
	w->hooks = *hooks;
	w->checkers = w->errd = true;
	uv_timer_init(loop, &w->late);
	w->late.data = w;
	return w;
}

void
watch_start(struct watch *w, json_t *setup)
{
	json_decref(w->setup);
	w->setup = setup;
	if (watch_running(w))
		child_send(w->child, setup);
	child_start(w->child);
}

static void
on_late(uv_timer_t *t)
{
	struct watch *w = t->data;

	/* what hangs watches nothing, and what it says later is about what is no more: another one takes its place */
	child_kill(w->child);
	acked(w);
}

bool
watch_classes(struct watch *w, unsigned classes, bool checkers, bool errd)
{
	unsigned off = w->classes & ~classes;

	w->classes = classes;
	w->checkers = checkers;
	w->errd = errd;
	if (!watch_running(w))
		return false;
	w->seq++;
	send_classes(w);
	if (off == 0)
		return false;
	w->waiting = true;
	uv_timer_start(&w->late, on_late, WATCH_ACK_MS, 0);
	return true;
}

bool
watch_ask(struct watch *w, json_t *order)
{
	bool can = watch_running(w);

	if (can)
		child_send(w->child, order);
	json_decref(order);
	return can;
}

void
watch_tell(struct watch *w, json_t *order)
{
	json_decref(w->told);
	w->told = order;
	if (watch_running(w))
		child_send(w->child, order);
}

bool
watch_running(const struct watch *w)
{
	return child_running(w->child);
}

void
watch_stop(struct watch *w)
{
	w->classes = 0;
	child_stop(w->child);
}

static void
late_closed(uv_handle_t *h)
{
	free(h->data);
}

void
watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	child_free(w->child);
	json_decref(w->setup);
	json_decref(w->told);
	uv_close((uv_handle_t *)&w->late, late_closed);
}
