/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keeper_check.c: every checkintv seconds a null request at each replicated folder; one without an answer for checktime is said, and heart stops and
 * starts the module (user's guide 13.6.3).  The request is that of a process of its own, waited for by a thread: what does not answer blocks nobody else.
 */
#include "config.h"
#include "rfs/apart.h"
#include "rfs/keeper_impl.h"

#include <inttypes.h>
#include <stdio.h>

static void
run_check(uv_work_t *work)
{
	const struct keeper *k = work->data;

	(void)apart(apart_look, k->check_path);	/* an error is an answer, too */
}

static bool
next_dir(struct keeper *k);

static void
after_check(uv_work_t *work, int status)
{
	struct keeper *k = work->data;

	k->check_runs = false;
	uv_timer_stop(&k->check_end);
	k->check_dir++;
	(void)next_dir(k);
}

static void
on_late(uv_timer_t *t)
{
	struct keeper *k = t->data;
	char text[SK_TEXT_MAX], why[SK_TEXT_MAX - 64];

	snprintf(why, sizeof(why), "%.300s did not answer within %" PRId64 " ms", k->check_path, k->conf.rfs.checktime_ms);
	snprintf(text, sizeof(text), "Replicated directory %s", why);
	keep_log(k, MSG_RFS_CHECKTIME, text);
	keep_say(k, json_pack("{s:I,s:s}", "out", (json_int_t)k->seq, "why", why));
}

static bool
next_dir(struct keeper *k)
{
	const struct conf_rfs *r = &k->conf.rfs;

	if (k->check_runs || !keep_primary(k->role) || k->mounts != MOUNT_FUSE || k->check_dir >= r->dirs_count)
		return false;
	str_copy(k->check_path, sizeof(k->check_path), r->dirs[k->check_dir].dir);
	k->check_work.data = k;
	if (uv_queue_work(k->loop, &k->check_work, run_check, after_check) != 0)
		return false;
	k->check_runs = true;
	if (r->checktime_ms > 0)
		uv_timer_start(&k->check_end, on_late, (uint64_t)r->checktime_ms, 0);
	return true;
}

static void
on_check(uv_timer_t *t)
{
	struct keeper *k = t->data;

	k->check_dir = 0;
	(void)next_dir(k);
}

void
keep_check_start(struct keeper *k)
{
	uint64_t ms = (uint64_t)k->conf.rfs.checkintv_ms;

	if (ms > 0 && !uv_is_active((uv_handle_t *)&k->check_timer))
		uv_timer_start(&k->check_timer, on_check, ms, ms);
}

void
keep_check_stop(struct keeper *k)
{
	uv_timer_stop(&k->check_timer);
	uv_timer_stop(&k->check_end);
}
