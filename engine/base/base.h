/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * base.h: what every program of the suite stands on and nothing of high availability.
 *
 * Owns: diagnostics on stderr, clocks, directories, small strings, atomic files.
 * Called by: everybody.  Never does: know what a module is, keep state besides the diagnostics prefix.
 * Thread: every function may be called from any thread, diag_init() once before the threads exist.
 */
#ifndef SK_BASE_H
#define SK_BASE_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <sys/types.h>

#define SK_NAME_MAX	64	/* bytes with NUL of a module, node, lan or resource-class name (ours: fits a MIB SIZE) */
#define SK_RES_MAX	128	/* bytes with NUL of class.id (ours) */
#define SK_VALUE_MAX	128	/* bytes with NUL of a resource value (ours) */
#define SK_TEXT_MAX	512	/* bytes with NUL of one log message (ours) */
#define SK_SIG_MAX	65	/* bytes with NUL of a signature: SHA-256 in hex */
#define SK_NODES_MAX	32	/* nodes per cluster (design: 32) */
#define SK_LANS_MAX	8	/* lans per cluster (ours) */
#define SK_MODULES_MAX	256	/* modules per server (ours; ports 8888.. 9143 are theirs) */

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define PRINTFLIKE(f, a) __attribute__((format(printf, f, a)))

/* ---- diag.c: diagnostics of a program for whoever started it (not the module log) ---- */
void diag_init(const char *program, int verbose);	/* prefix of each line; verbose > 0 shows debug lines */
void warn_errno(const char *fmt, ...) PRINTFLIKE(1, 2);	/* "program: text: strerror(errno)"; keeps errno */
void warn_text(const char *fmt, ...) PRINTFLIKE(1, 2);
void debug_text(const char *fmt, ...) PRINTFLIKE(1, 2);
_Noreturn void fatal(const char *fmt, ...) PRINTFLIKE(1, 2);	/* for start-up only: exit status 1 */

/* ---- clock.c ---- */
int64_t clock_mono_ms(void);	/* CLOCK_MONOTONIC in ms: for every interval */
int64_t clock_wall_us(void);	/* CLOCK_REALTIME in us since 1970: for what a human reads, never for a decision */
/* "2025-03-07T11:28:35.598077" in local time; buf >= 32 bytes; returns buf */
char *clock_format(int64_t wall_us, char *buf, size_t size);

/* ---- path.c: SAFE and SAFEVAR: environment first, then what configure was given ---- */
const char *path_safe(void);	/* never NULL, no trailing slash, lives for ever */
const char *path_safevar(void);
const char *path_node_boot_id(void);	/* which boot of this server this is: $SAFE_BOOT_ID (the lab) or the kernel's boot_id */
/* printf into buf; false when it did not fit or size is 0 */
bool path_format(char *buf, size_t size, const char *fmt, ...) PRINTFLIKE(3, 4);
int path_mkdirs(const char *dir, mode_t mode);	/* like mkdir -p; 0 or -1 with errno */
/* Write data so that a reader, or a server that loses power, sees the old file or the new one: tmp + fsync + rename +
 * fsync of the folder.  Blocks on the disk.  0 or -1 with errno. */
int path_write_atomic(const char *file, const void *data, size_t len, mode_t mode);
/* Whole file, NUL added, at most max bytes (else -1, EFBIG).  *data is the caller's to free. */
ssize_t path_read(const char *file, char **data, size_t max);

/* ---- str.c ---- */
/* Copy with NUL; false when src was cut (dst then holds the part that fits, cut at an UTF-8 boundary). */
bool str_copy(char *dst, size_t size, const char *src);
/* What is not UTF-8 becomes '?', byte by byte, in place: a text that came from outside must not break a message (JSON). */
void str_make_utf8(char *s);
bool str_is_name(const char *s);	/* 1..63 of A-Z a-z 0-9 _ . -, first a letter, digit or _ ; no "..": safe as a file name */
/* whole string as decimal number in [min, max]; false leaves *out alone */
bool str_to_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out);
void str_to_hex(const uint8_t *in, size_t n, char *out);	/* out: 2n+1 bytes */
bool str_from_hex(const char *s, uint8_t *out, size_t n);	/* exactly 2n digits */

#endif
