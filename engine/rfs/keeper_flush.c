/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keeper_flush.c: after a takeover: what the primary had acknowledged may be in this server's page cache only (async="second"), so the disk says "up to
 * date" when it holds all of it, not before.  The takeover itself does not wait: power lost meanwhile leaves a server that does not start by
 * itself.  Asked once a second, so that a keeper that was killed in between has a successor that does it.
 */
#include "config.h"
#include "rfs/apart.h"
#include "rfs/keeper_impl.h"

#include <stdlib.h>
#include <string.h>

struct flush { uv_work_t work; struct keeper *k; struct mount_job job; int err; };

static bool
is_wanted(const struct keeper *k)
{
	return k->term && k->kind == ROLE_PRIMARY && !k->st.paired && !k->st.uptodate;
}

static void
run_flush(uv_work_t *work)
{
	struct flush *f = work->data;
	int i;

	for (i = 0; i < f->job.dirs && f->err == 0; i++)
		f->err = apart(apart_sync, f->job.d[i].backing);
}

static void
after_flush(uv_work_t *work, int status)
{
	struct flush *f = work->data;
	struct keeper *k = f->k;
	struct rfs_state before = k->st;
	char err[SK_TEXT_MAX];

	k->flush_runs = false;
	if (f->err == 0 && status == 0) {
		k->unflushed = false;
		if (is_wanted(k)) {
			k->st.uptodate = true;
			(void)keep_save_or(k, &before, err, sizeof(err));
		}
	}
	mount_job_free(&f->job);
	free(f);
}

void
keep_flush(struct keeper *k)
{
	struct flush *f;

	if (!is_wanted(k) || k->flush_runs)
		return;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return;
	f->k = k;
	f->work.data = f;
	if (mount_job_fill(&f->job, k->module, &k->conf.rfs) && uv_queue_work(k->loop, &f->work, run_flush, after_flush) == 0) {
		k->flush_runs = true;
		return;
	}
	mount_job_free(&f->job);
	free(f);
}
