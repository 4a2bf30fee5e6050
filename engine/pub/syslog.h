/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * syslog.h: the main messages to systemd's journal, or to syslog where there is none, under the tag safekit.
 *
 * Owns: one non-blocking datagram socket.  sd_journal_send() is not used because it blocks while journald is stopped and drops silently
 * where there is none; the datagram form of the native protocol is documented (systemd.io/JOURNAL_NATIVE_PROTOCOL) and does not.
 * Called by: safeadmin's loop thread.  Never blocks: what the kernel does not take waits (bounded), oldest dropped and counted.
 */
#ifndef SK_SYSLOG_H
#define SK_SYSLOG_H

#include "wire/report.h"

struct syslog_out;
/* journal_path NULL = /run/systemd/journal/socket, devlog_path NULL = /dev/log; $SAFE_JOURNAL_SOCKET and $SAFE_DEVLOG override (tests) */
struct syslog_out *syslog_new(const char *node, const char *journal_path, const char *devlog_path);
void syslog_free(struct syslog_out *s);
/* Fields MESSAGE, SYSLOG_IDENTIFIER=safekit, PRIORITY, NODE, MODULE, LEVEL, ORIGIN, KEY, TIME_US (when it happened); to /dev/log as
 * "<pri>Mmm dd hh:mm:ss safekit: | module | origin | level | message | key" */
void syslog_put(struct syslog_out *s, const struct rpt_log *row);
/* Try again what waits; call when convenient (each second while syslog_waiting() is not 0). */
void syslog_flush(struct syslog_out *s);
size_t syslog_waiting(const struct syslog_out *s);
uint64_t syslog_dropped(const struct syslog_out *s);

#endif
