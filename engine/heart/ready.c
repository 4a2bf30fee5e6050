/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ready.c: SAFEVAR/modules/AM/ready.txt, which a load balancer asks for (user's guide 13.5.3): there while the module is PRIM, ALONE or UP and
 * Ready.  Written and taken away by a thread of its own (act/writer): a slow disk holds nothing up, the last wish counts.  A module
 * that leaves wishes it away before its first stop script is ordered, and the script waits until it is gone, a second at most (ours).
 * Nothing of a former life counts: gone before anything else.
 * safeadmin takes it away when this process has died (ctl/registry.c).
 */
#include "config.h"
#include "heart/heart.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GONE_MS	1000

static struct { struct writer *writer; uv_poll_t poll; uv_timer_t late; bool is, waits; } R;

static void
name_file(const char *am, char *file, size_t size)
{
	path_format(file, size, "%s/modules/%s/ready.txt", path_safevar(), am);
}

void
heart_ready_born(const char *am)
{
	char file[512];

	name_file(am, file, sizeof(file));
	if (unlink(file) == -1 && errno != ENOENT)
		warn_errno("%s", file);
}

static void
go_on(void)
{
	uv_timer_stop(&R.late);
	if (!R.waits)
		return;
	R.waits = false;
	heart_plan_go();
}

static void
on_written(uv_poll_t *p, int status, int events)
{
	uint64_t n;

	(void)!read(writer_fd(R.writer), &n, sizeof(n));
	if (writer_idle(R.writer))
		go_on();
}

static void
on_late(uv_timer_t *t)
{
	go_on();
}

bool
heart_ready_init(const char *am)
{
	char file[512];

	name_file(am, file, sizeof(file));
	R.writer = writer_new(file, 0644, false);
	if (R.writer == NULL || uv_poll_init(H.loop, &R.poll, writer_fd(R.writer)) != 0)
		return false;
	uv_poll_start(&R.poll, UV_READABLE, on_written);
	uv_timer_init(H.loop, &R.late);
	return true;
}

void
heart_ready_report(const struct rpt_module *r)
{
	bool ready = r->status == ST_READY && (r->state == RS_PRIM || r->state == RS_ALONE || r->state == RS_UP);

	if (ready == R.is || R.writer == NULL)
		return;
	R.is = ready;
	R.waits = !ready;
	if (ready) {
		writer_put(R.writer, strdup("OK\n"));
	} else {
		writer_remove(R.writer);
		uv_timer_start(&R.late, on_late, GONE_MS, 0);
	}
}

bool
heart_ready_waits(void)
{
	return R.waits;
}

void
heart_ready_free(void)
{
	if (R.is)
		writer_remove(R.writer);
	uv_close((uv_handle_t *)&R.poll, NULL);
	uv_close((uv_handle_t *)&R.late, NULL);
	writer_free(R.writer);
}
