/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_log.h: the XML log of rfsverify and rfsdiff, piece by piece; engine/cli/flatlogdump.c makes text of it.
 *
 *	<rfslog version="1" kind="verify|diff" date="2026-11-22T16:50:00Z"><dir path="/replicated"><file path="a/b" result="differs|missing|extra|changed|error"
 *	size= zones= bytes= why=/>...</dir><summary files= differs= changed= missing= extra= errors= bytes= total_bytes= seconds= complete="true|false" why=/></rfslog>
 * In paths what is not printable ASCII, and %, is %XX.  Counts everything, lists at most CHECK_LISTED_MAX.
 * Called by: psync_check.c.  Never does: open a file.
 */
#ifndef SK_RFS_CHECK_LOG_H
#define SK_RFS_CHECK_LOG_H

#include "rfs/rfs.h"

#define CHECK_LISTED_MAX 100000
struct check_log {
	void	(*put)(void *ctx, const char *text, size_t len);
	void	*ctx;
	uint64_t files, total_bytes;	/* looked at; the caller counts */
	uint64_t differs, missing, extra, changed, errors, bytes, listed;
	bool	 in_dir;
	size_t	 len;
	char	 buf[16384];
};
void check_log_begin(struct check_log *l, const char *kind);	/* put and ctx are there */
void check_log_dir(struct check_log *l, const char *path);
/* folder: relative to the replicated one, "" itself; zones, bytes: 0 not said; why: a word or "" */
void check_log_file(struct check_log *l, const char *folder, const char *name, const char *result, uint64_t size, uint64_t zones, uint64_t bytes, const char *why);
void check_log_end(struct check_log *l, int64_t seconds, const char *why);	/* seconds: -1 not said; why: "" when all was looked at */

#endif
