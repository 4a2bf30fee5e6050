/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spool_impl.h: what spool.c (file, transactions, windows) and spool_queue.c (mails) share.  Nobody else includes it. */
#ifndef SK_NOTIFIER_SPOOL_IMPL_H
#define SK_NOTIFIER_SPOOL_IMPL_H

#include <sqlite3.h>
#include "notifier/spool.h"

#define STATEMENTS_MAX	64
struct spool {
	sqlite3	*db;
	int	 lock;
	struct { const char *sql; sqlite3_stmt *st; } kept[STATEMENTS_MAX];	/* by address of the text */
	size_t	 kept_count;
	bool	 broken;	/* an error after which SQLite wants the file opened again */
	char	 why[256];
};

enum spool_result sp_result(struct spool *s, int rc, const char *doing);
/* A prepared statement, reset and unbound; sql is a literal (kept by its address).  NULL with *r told. */
sqlite3_stmt *sp_statement(struct spool *s, const char *sql, enum spool_result *r);
/* Prepares, binds after format ("i" int64_t, "t" text, "b" const void * and size_t) and runs to its end */
enum spool_result sp_run(struct spool *s, const char *sql, const char *format, ...);
/* One number; *out is left alone when there is no row */
enum spool_result sp_number(struct spool *s, const char *sql, int64_t *out);

#endif
