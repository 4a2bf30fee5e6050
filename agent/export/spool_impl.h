/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool_impl.h: what the files of the spool share.  Called by: spool*.c only, under the mutex.
 */
#ifndef SK_EXPORT_SPOOL_IMPL_H
#define SK_EXPORT_SPOOL_IMPL_H

#include "agent/export/spool.h"

#include <sqlite3.h>

enum statement { Q_FIND, Q_ADD, Q_LAST, Q_INSERT, Q_READ, Q_DONE, Q_DROP, Q_FRONT, Q_DROPPED, Q_YOUNG, Q_COUNT };

struct reader {
	char	 name[SK_NAME_MAX];
	int64_t	 done, sent;	/* sent is never behind done */
	uint64_t dropped[DROP_COUNT];
};
struct spool {
	pthread_mutex_t	 mutex;
	pthread_cond_t	 more;
	char		 file[1024];
	struct spool_limits limits;
	sqlite3		*db;		/* NULL: does not work now */
	sqlite3_stmt	*q[Q_COUNT];
	bool		 putting;	/* the feed thread holds the mutex */
	bool		 bad;		/* a put failed: the commit will */
	int64_t		 last;		/* last seq that is committed */
	int		 lock;		/* of FILE.lock; -1: not got */
	const char	*own_reason;	/* why it cannot be opened, where it is not SQLite that says so */
	int64_t		 version;	/* of the file's tables; 0: a new file */
	int64_t		 born_ms;	/* wall clock: when the file was made */
	uint64_t	 put_count, changes;	/* in this transaction; since the start */
	size_t		 sinks;
	struct reader	 sink[SINKS_MAX];
	int64_t		 failed_ms;	/* monotonic: when something failed last */
	char		 said[256];	/* what failed last; "": nothing since something was written */
};

static inline int64_t
sp_wall_ms(void)
{
	return clock_wall_us() / 1000;
}

bool sp_open(struct spool *s);	/* and look for the sinks; false: sp_failed() is next */
void sp_close(struct spool *s);
/* Something of the database failed: said once, closed until spool_revive(); a damaged file is set aside */
void sp_failed(struct spool *s, const char *what);
/* Reset a statement and bind texts from number first on; b, c may be NULL */
sqlite3_stmt *sp_bind(sqlite3_stmt *q, int first, const char *a, const char *b, const char *c);
bool sp_run(struct spool *s, const char *text);
int64_t sp_number(struct spool *s, const char *text, int64_t otherwise);
bool sp_write_sink(struct spool *s, const struct reader *r);

#endif
