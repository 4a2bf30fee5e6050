/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rows.h: what the files of the run form share: one row per member of a struct, both ways.
 *
 * Owns: the kinds of members and their checks.  Called by: module_json.c, check_json.c.  Never does: link libxml2 (heart and checkd).
 */
#ifndef SK_CONF_ROWS_H
#define SK_CONF_ROWS_H

#include "conf/conf.h"

#define CONF_YEAR_MS	(366LL * 86400 * 1000)	/* no duration of a module is longer (module.c) */
#define CONF_TEXT(t)	((t) != NULL ? (t) : "")

/* CONF_TEXT_PTR: char *, allocated, CONF_TEXT_BUF: char[max + 1]: min..max bytes.  CONF_NAME0: a name or nothing.  CONF_ID: conf_is_id().  CONF_WORD: int, index into
 * words, max of them.  CONF_SIGNATURE: 64 hex digits or nothing. */
enum conf_row_kind { CONF_INT, CONF_PORT, CONF_MS, CONF_BOOL, CONF_NAME, CONF_NAME0, CONF_ID, CONF_WORD, CONF_SIGNATURE, CONF_TEXT_PTR,
	CONF_TEXT_BUF };
struct conf_row { const char *name; enum conf_row_kind kind; size_t off; int64_t min, max; const char *const *words; };

json_t *conf_rows_encode(const struct conf_row *rows, size_t count, const void *in);	/* new object, NULL: no memory */
/* extra: members of obj that are not rows.  false: err says which member and what was expected; what was allocated so far stays in out. */
bool conf_rows_decode(const struct conf_row *rows, size_t count, size_t extra, const json_t *obj, void *out, char *err, size_t errsize);

/* ---- names.c ---- */
bool conf_is_id(const char *s);	/* of a process or a unit: a name that may hold @ : + as well */
bool conf_is_mac(const char *s);	/* unicast, "5a:fe:c0:a8:01:32" */

/* ---- check_json.c: the lists of check, errd, failover, vhost, vip.  CONF_LISTS members of the module's object ---- */
#define CONF_LISTS	8
bool conf_lists_encode(json_t *obj, const struct conf_module *m);
bool conf_lists_decode(const json_t *obj, struct conf_module *m, char *err, size_t errsize);

/* ---- rfs_json.c: the member rfs ---- */
json_t *conf_rfs_encode(const struct conf_module *m);	/* new reference, NULL: no memory */
bool conf_rfs_decode(const json_t *obj, struct conf_module *m, char *err, size_t errsize);
void conf_rfs_free(struct conf_rfs *r);

#endif
