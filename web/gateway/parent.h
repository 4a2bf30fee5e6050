/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parent.h: the half of safewebgate that stays root: runs safekit, keeps files, checks credentials of servers.  It is small, speaks to its
 * child only (talk.h), reads no HTTP and no JSON.
 */
#ifndef SK_WEB_PARENT_H
#define SK_WEB_PARENT_H

#include "base/base.h"

#define RUNS_MAX	8		/* commands at once */
#define RUN_S		900		/* of one command, then it is ended */
#define RUN_KILL_S	10		/* ... and killed, if it does not end */
#define KEPT_S		600		/* of a file */
#define KEPT_UPLOADS	8		/* files that were sent */
#define KEPT_OUTPUTS	4		/* files that commands write for us */

/* Serves the child until it is gone or a signal asks us to end; exit status */
int parent_run(int sock, pid_t child);

/* ---- kept.c: SAFEVAR/tmp/web, only for root ---- */
#define KEPT_TOKEN	33		/* 32 hex digits, NUL */
bool kept_begin(void);			/* an empty folder; false: told */
/* A new file for what is sent (upload) or for a command to write; a descriptor to write to, -1: reason says why */
int kept_new(bool upload, const char *suffix, char token[KEPT_TOKEN], const char **reason);
bool kept_whole(const char *token, const char *suffix);	/* what was sent is all there: it gets its name; false: no such file, or too long */
bool kept_path(const char *token, char *buf, size_t size);	/* of a whole file */
int kept_open(const char *token);	/* to read; -1 with errno */
void kept_drop(const char *token);
int kept_expire(void);			/* removes what is too old; milliseconds until the next one is, -1: none */
void kept_end(void);			/* removes all */

/* ---- run.c's counterpart here: spawn.c ---- */
/* Start safekit with these words and descriptors; its process, which leads a group of its own, or -1 with errno */
pid_t spawn_safekit(const char *const *argv, int out, int err);

/* ---- log.c: for both halves ---- */
void gate_log(const char *fmt, ...) PRINTFLIKE(1, 2);	/* system log and stderr */
/* The same, for what strangers can cause: at most one in 10 s, with how many were left out */
void gate_log_rarely(const char *fmt, ...) PRINTFLIKE(1, 2);

/* ---- child.c: the other half ---- */
int child_run(int sock, int listener);

#endif
