/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * writer.h: keeps one small file up to date, in a thread of its own.
 *
 * Owns: the thread and what it still has to write (only the newest counts).  Called by: heart's loop thread; nothing here blocks it.
 * Not libuv's pool: its loop spins, with sched_yield(), while a pool thread is between two instructions of uv_async_send().  A loop thread
 * with real-time priority that preempted the pool thread there spun for a second, and the other server took over (seen in the lab).
 */
#ifndef SK_WRITER_H
#define SK_WRITER_H

#include "base/base.h"

struct writer;
/* keep: written so that it survives a loss of power; otherwise as fast as the file system can, and what has been superseded meanwhile does
 * not appear.  A reader sees the old file or the new one in both cases.  NULL without memory or thread. */
struct writer *writer_new(const char *file, mode_t mode, bool keep);
void writer_put(struct writer *w, char *text);	/* text is taken (free); an older wish that still waits is forgotten */
void writer_remove(struct writer *w);		/* the file shall not be there; likewise */
int writer_fd(const struct writer *w);		/* eventfd: readable when a write has ended; the caller reads it empty */
bool writer_idle(struct writer *w);		/* nothing waits, nothing is being written */
void writer_free(struct writer *w);		/* writes what waits; a disk that hangs holds it */

#endif
