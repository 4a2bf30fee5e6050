/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool.h: what must outlive the process: how far the log was read, what the open windows hold, the mails that wait for a server.
 *
 * Owns: DIR/spool.db (SQLite, WAL, synchronous=FULL) and DIR/lock.  Called by: run.c, tool.c; one thread.
 * One step of the service is one transaction: events, cursor, mails made of them, what became of mails.  When it cannot be written, all of
 * it is undone, the caller forgets its memory and starts again from what the disk holds.  A delivery leaves the spool after the server's
 * 250 only.  Never does: lose a file that cannot be read (it is renamed spool.db.damaged-<time>), or keep a password.
 */
#ifndef SK_NOTIFIER_SPOOL_H
#define SK_NOTIFIER_SPOOL_H

#include "notifier/compose.h"

#define SPOOL_CURSOR_MAX	1024

enum spool_result { SPOOL_OK = 0, SPOOL_LATER, SPOOL_DAMAGED };	/* later: full, busy, an error of the disk */
struct spool;

/* One mail to one recipient: what a server takes or refuses */
struct delivery {
	int64_t	 id;
	char	 message_id[256], from[CONF_ADDRESS_MAX], to[CONF_ADDRESS_MAX];
	uint32_t attempts;
	char	*data;
	size_t	 len;
	/* smtp.c's */
	uint32_t server, tried;
	bool	 refused_once, later_once;
	bool	 answered;	/* a server spoke of this mail: it is not the server that is away */
	char	 why[256];
};

struct spool_row { int64_t id, made_us, next_us; const char *message_id, *rule, *to, *subject, *why; uint32_t attempts; bool refused; };

/* Opens it; NULL with the reason in why.  alone: takes the lock, makes what is not there (not for tools that look: they may be another user).  check: reads all of it for damage. */
struct spool *spool_open(const char *dir, bool alone, bool check, enum spool_result *result, char *why, size_t whysize);
void spool_close(struct spool *s);
/* The file is renamed, with its -wal; new name in to, time of its last change in *last_us */
bool spool_set_aside(const char *dir, char *to, size_t size, int64_t *last_us);
const char *spool_why(const struct spool *s);
bool spool_broken(const struct spool *s);	/* close it and open it again; a disk that is full is no reason to */

/* A file that is there only to be removed: a full disk leaves room then to mark what is sent, which in turn makes room.  false: not there now. */
bool spool_reserve(const char *dir);
void spool_use_reserve(struct spool *s, const char *dir);

enum spool_result spool_begin(struct spool *s);
enum spool_result spool_commit(struct spool *s);
void spool_rollback(struct spool *s);

/* "" when it never was set */
enum spool_result spool_cursor(struct spool *s, char *buf, size_t size);
enum spool_result spool_set_cursor(struct spool *s, const char *cursor);
/* Windows and modules that are down; what belongs to a rule that is no more goes to the first one.  SPOOL_LATER also without memory. */
enum spool_result spool_load(struct spool *s, struct gather *g);
enum spool_result spool_save(struct spool *s, struct gather *g);

/* Message-ID of the next mail: unique for ever, also when the spool was made anew */
enum spool_result spool_next_id(struct spool *s, const char *node, char *buf, size_t size);
/* One mail, one delivery per recipient; takes the number that spool_next_id() gave */
enum spool_result spool_add(struct spool *s, const char *message_id, const struct mail_rule *rule, const char *from, const struct mail_text *mail,
    int64_t tells, int64_t now_us);
/* Up to max deliveries that are due, oldest first, none of which is in `busy`; *count how many.  *next_us: when the next one is.
 * Nothing is put off for longer than ahead_us: what lies further ahead was put there before the clock was set back, and is due. */
enum spool_result spool_due(struct spool *s, int64_t now_us, int64_t ahead_us, const int64_t *busy, size_t busies, struct delivery **out, size_t max,
    size_t *count, int64_t *next_us);
enum spool_result spool_attempt(struct spool *s, int64_t id);	/* counts a try that is about to begin */
enum spool_result spool_done(struct spool *s, int64_t id);
enum spool_result spool_later(struct spool *s, int64_t id, int64_t next_us, const char *why);
enum spool_result spool_refused(struct spool *s, int64_t id, const char *why);
/* Of those that were refused the newest `keep` stay */
enum spool_result spool_forget_refused(struct spool *s, uint32_t keep, uint64_t *forgotten);
enum spool_result spool_waiting(struct spool *s, uint64_t *waiting, uint64_t *refused);
/* Refusals that no mail that was taken has told of yet, in words; *tells goes to spool_add() of a mail that has them.  buf "" and 0: none. */
enum spool_result spool_untold(struct spool *s, char *buf, size_t size, int64_t *tells);
enum spool_result spool_now(struct spool *s);	/* all that waits is due now */

/* Tools: each delivery, oldest first; try again what was set aside; forget it.  id 0: all.  *changed: how many */
enum spool_result spool_list(struct spool *s, void (*row)(void *ctx, const struct spool_row *r), void *ctx);
enum spool_result spool_retry(struct spool *s, int64_t id, uint64_t *changed);
enum spool_result spool_drop(struct spool *s, int64_t id, uint64_t *changed);
void delivery_free(struct delivery *d);

#endif
