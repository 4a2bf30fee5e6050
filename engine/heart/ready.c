/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ready.c: SAFEVAR/modules/AM/ready.txt, which a load balancer asks for (user's guide 13.5.3): there while the module is PRIM, ALONE or UP and
 * Ready.  Written and taken away by a thread of its own (act/writer): a slow disk holds nothing up, the last wish counts.  A module
 * that leaves wishes it away before its first stop script is ordered.  Nothing of a former life counts: gone before anything else.
 * safeadmin takes it away when this process has died (ctl/registry.c).
 */
#include "config.h"
#include "heart/heart.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct { struct writer *writer; bool is; } R;

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

bool
heart_ready_init(const char *am)
{
	char file[512];

	name_file(am, file, sizeof(file));
	R.writer = writer_new(file, 0644, false);
	return R.writer != NULL;
}

void
heart_ready_report(const struct rpt_module *r)
{
	bool ready = r->status == ST_READY && (r->state == RS_PRIM || r->state == RS_ALONE || r->state == RS_UP);

	if (ready == R.is || R.writer == NULL)
		return;
	R.is = ready;
	if (ready)
		writer_put(R.writer, strdup("OK\n"));
	else
		writer_remove(R.writer);
}

void
heart_ready_free(void)
{
	if (R.writer != NULL && R.is)
		writer_remove(R.writer);
	writer_free(R.writer);
}
