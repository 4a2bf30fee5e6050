/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * worker_line.h: the worker's end of the line to the keeper, and the door for the next keeper.
 *
 * The keeper may die; the worker goes on.  What it has told and has no answer to it tells the next one again, which connects to VAR/rfs/worker.sock,
 * gets the worker's descriptors with the first byte (SCM_RIGHTS: shared memory, listening socket, /dev/fuse of each folder), and after that
 * {"event":"adopted","blob":what the former keeper left, "ready","pair"} and the events.
 * Thread: worker_tell() from any; the rest in the main thread.
 */
#ifndef SK_RFS_WORKER_LINE_H
#define SK_RFS_WORKER_LINE_H

#include "rfs/rfs.h"
#include "wire/rfsline.h"
#include <jansson.h>

#define WORKER_SOCKET	"worker.sock"
#define WORKER_LOCK	"worker.lock"	/* held by the worker for its life: there are never two that write */
#define WORKER_HELLO_PRIMARY	'P'
#define WORKER_HELLO_SECOND	'S'
#define RFS_PORT(id)	((uint16_t)(5600 + ((id) - 1) * 4))	/* user's guide 10.2 */

struct worker_line;
struct worker_line_hooks {
	void *ctx;
	void (*order)(void *ctx, const json_t *o);
	void (*tick)(void *ctx);	/* once a second */
};
/* Takes RFS_FD_LINE.  folder: VAR/rfs.  fuse: how many descriptors from RFS_FD_FUSE on.  NULL with the reason. */
struct worker_line *worker_line_new(const char *folder, bool primary, int fuse, const struct worker_line_hooks *hooks, char *err, size_t errsize);
/* The first line, waited for; NULL: the keeper has gone */
json_t *worker_line_first(struct worker_line *l);
void worker_tell(struct worker_line *l, json_t *event);		/* stolen */
void worker_line_answered(struct worker_line *l, const char *word);	/* that event needs not be told again */
void worker_line_blob(struct worker_line *l, const json_t *blob);
void worker_line_pair(struct worker_line *l, bool pair);
void worker_line_run(struct worker_line *l);			/* until worker_line_end() */
void worker_line_end(struct worker_line *l);
void worker_line_flush(struct worker_line *l);			/* last words; waits a little */

#endif
