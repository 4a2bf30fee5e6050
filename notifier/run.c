/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.c: the service: the log, windows, spool and servers, one step after the other in one thread.
 *
 * A step: read what the log has (at most BATCH events), bring down what became of deliveries, make mails of windows that end, pick mails that
 * are due, all in one transaction; then begin to send those; then wait for whatever comes first.  The transaction that counts the try
 * comes before the try, so nothing is sent that could not be marked as sent; what a server took is kept in memory until it is marked.
 * When the spool cannot be written, memory is thrown away and read again from the disk, with the log at the cursor of the disk.
 */
#include "config.h"
#include "notifier/safemail.h"
#include "notifier/follow.h"
#include "notifier/smtp.h"

#include <sys/signalfd.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH		1000		/* events of one transaction */
#define AGAIN_MS	1000		/* spool or log that could not be opened or written */
#define FIRST_RETRY_US	5000000LL	/* doubled with each try, up to conf->retry_us */
#define FAREWELL_MS	5000		/* for what is under way at the end */
#define TELL_MS		60000		/* the same trouble is told once a minute */
#define LOOK_MS		30000		/* at the queue, for what --retry changed */
#define TIGHT_MS	2000		/* a disk that is full: what waits is sent, nothing is taken in until there is room for the reserve */
#define FULL_MS		10000		/* a queue that was full */
#define ANSWER_MS	1000		/* how exactly a server's silence is measured */

struct ended { struct delivery *d; enum smtp_end how; };
struct run {
	struct safemail *m;
	struct spool *spool;
	struct gather gather;
	const struct follow_source *source;
	struct follow *follow;
	struct smtp *smtp;
	char	 cursor[SPOOL_CURSOR_MAX];	/* on the disk */
	struct ended ended[SMTP_AT_ONCE * 2];	/* not on the disk yet */
	size_t	 ended_count;
	struct delivery *begin[SMTP_AT_ONCE];
	size_t	 begin_count;
	int	 signals;
	bool	 quit, reload, more, checked;
	int64_t	 since_us;			/* what a damaged spool was written last: events from then on are new */
	int64_t	 spool_again_ms, follow_again_ms, told_ms;
	char	 told[256], damaged[CONF_PATH_MAX + 64];
	bool	 telling;			/* of the damage, in this step's transaction */
	int64_t	 pause_until_ms, pause_us;	/* no server can be reached */
	int64_t	 queue_next_us, due_us;
	int64_t	 tight_until_ms;
	bool	 reserved;
	int64_t	 full_until_ms;			/* of the queue: windows stay open */
	int64_t	 look_ms;			/* --retry may have changed the queue */
};

static void
tell(struct run *r, const char *text)
{
	if (strcmp(text, r->told) == 0 && clock_mono_ms() < r->told_ms + TELL_MS) {
		debug_text("again: %s", text);
		return;
	}
	str_copy(r->told, sizeof(r->told), text);
	r->told_ms = clock_mono_ms();
	warn_text("%s", text);
}

/* ---- the log and the spool, open and shut ---- */
static void
close_follow(struct run *r, int64_t again_ms)
{
	if (r->follow != NULL)
		r->source->close(r->follow);
	r->follow = NULL;
	r->follow_again_ms = clock_mono_ms() + again_ms;
}

/* The file is put aside; what is under way belongs to it, and its numbers mean nothing in a new one */
static void
set_aside(struct run *r)
{
	size_t i;

	for (i = 0; i < r->ended_count; i++)
		delivery_free(r->ended[i].d);
	r->ended_count = 0;
	smtp_free(r->smtp);
	r->smtp = smtp_new(r->m->conf, r->m->node, r->m->verbose > 0);
	if (r->smtp == NULL)
		fatal("out of memory");
	if (spool_set_aside(r->m->dir, r->damaged, sizeof(r->damaged), &r->since_us))
		r->spool_again_ms = 0;
	else
		warn_errno("%s/spool.db cannot be renamed", r->m->dir);
}

static enum spool_result
load(struct run *r)
{
	enum spool_result result;

	gather_free(&r->gather);
	gather_init(&r->gather, r->m->conf);
	result = spool_load(r->spool, &r->gather);
	if (result == SPOOL_OK)
		result = spool_cursor(r->spool, r->cursor, sizeof(r->cursor));
	r->due_us = r->queue_next_us = 0;
	return result;
}

/* Nothing new is taken in as long as there is no room for the reserve: on a disk that the queue filled, only sending makes room */
static void
keep_reserve(struct run *r)
{
	if (r->spool == NULL || r->reserved || clock_mono_ms() < r->tight_until_ms)
		return;
	r->reserved = spool_reserve(r->m->dir);
	if (r->reserved)
		return;
	r->tight_until_ms = clock_mono_ms() + TIGHT_MS;
	close_follow(r, TIGHT_MS);
	tell(r, "spool: no room for its reserve: nothing is taken in until there is");
}

/* Memory is not what the disk holds: it is forgotten and read again */
static void
start_over(struct run *r, enum spool_result why)
{
	char text[300];

	snprintf(text, sizeof(text), "spool: %s", spool_why(r->spool));
	tell(r, text);
	close_follow(r, TIGHT_MS);
	r->tight_until_ms = clock_mono_ms() + TIGHT_MS;
	r->reserved = false;
	if (r->pause_until_ms < clock_mono_ms() + AGAIN_MS)
		r->pause_until_ms = clock_mono_ms() + AGAIN_MS;
	if (why == SPOOL_LATER && !spool_broken(r->spool)) {
		spool_rollback(r->spool);
		spool_use_reserve(r->spool, r->m->dir);
		why = load(r);
		if (why == SPOOL_OK)
			return;
	}
	spool_close(r->spool);
	r->spool = NULL;
	gather_free(&r->gather);
	r->spool_again_ms = clock_mono_ms() + AGAIN_MS;
	if (why == SPOOL_DAMAGED)
		set_aside(r);
}

static void
open_spool(struct run *r)
{
	enum spool_result result;
	char why[256], text[300];

	if (r->spool != NULL || clock_mono_ms() < r->spool_again_ms)
		return;
	r->spool = spool_open(r->m->dir, true, !r->checked, &result, why, sizeof(why));
	r->checked = r->spool != NULL;
	if (r->spool == NULL) {
		snprintf(text, sizeof(text), "spool: %s", why);
		tell(r, text);
		r->spool_again_ms = clock_mono_ms() + AGAIN_MS;
		if (result == SPOOL_DAMAGED)
			set_aside(r);
		return;
	}
	result = load(r);
	if (result != SPOOL_OK)
		start_over(r, result);
}

static void
open_follow(struct run *r)
{
	char why[256] = "out of memory";

	if (r->spool == NULL || r->follow != NULL || clock_mono_ms() < r->follow_again_ms)
		return;
	r->source = follow_choose(r->m->conf, why, sizeof(why));
	if (r->source != NULL)
		r->follow = r->source->open(r->m->conf, r->m->node, r->cursor, r->cursor[0] == '\0' ? r->since_us : 0, why, sizeof(why));
	if (r->follow != NULL)
		return;
	tell(r, why);
	r->follow_again_ms = clock_mono_ms() + AGAIN_MS;
}

/* ---- one transaction ---- */
static int64_t
put_off(const struct run *r, uint32_t attempts)
{
	int64_t us = FIRST_RETRY_US;
	uint32_t i;

	for (i = 0; i < attempts && us < r->m->conf->retry_us; i++)
		us *= 2;
	return us < r->m->conf->retry_us ? us : r->m->conf->retry_us;
}

static enum spool_result
write_ended(struct run *r, int64_t now)
{
	enum spool_result result = SPOOL_OK;
	uint64_t forgotten;
	size_t i;

	for (i = 0; result == SPOOL_OK && i < r->ended_count; i++) {
		const struct delivery *d = r->ended[i].d;

		switch (r->ended[i].how) {
		case SMTP_SENT: result = spool_done(r->spool, d->id); break;
		case SMTP_REFUSED:
			result = spool_refused(r->spool, d->id, d->why);
			if (result == SPOOL_OK)
				result = spool_forget_refused(r->spool, r->m->conf->queue_max, &forgotten);
			if (result == SPOOL_OK && forgotten > 0)
				tell(r, "more mails were refused than queue-max: the oldest of them are forgotten");
			break;
		case SMTP_LATER: result = spool_later(r->spool, d->id, now + put_off(r, d->answered ? d->attempts : 0), d->why); break;
		}
	}
	return result;
}

static enum spool_result
make_mail(struct run *r, uint32_t rule, int64_t now)
{
	char id[256], trouble[512];
	int64_t tells;
	struct compose c = { .conf = r->m->conf, .rule = &r->m->conf->rule[rule], .window = &r->gather.window[rule], .node = r->m->node, .from = r->m->from,
		.id = id, .now_us = now, .trouble = trouble };
	enum spool_result result = spool_untold(r->spool, trouble, sizeof(trouble), &tells);
	struct mail_text mail;

	if (result == SPOOL_OK)
		result = spool_next_id(r->spool, r->m->node, id, sizeof(id));
	if (result != SPOOL_OK)
		return result;
	if (!compose_mail(&c, &mail))
		return SPOOL_LATER;
	result = spool_add(r->spool, id, c.rule, r->m->from, &mail, tells, now);
	free(mail.data);
	if (result == SPOOL_OK && !gather_taken(&r->gather, rule, now))
		result = SPOOL_LATER;
	r->pause_until_ms = 0;	/* a mail that is new is worth a try */
	return result;
}

static enum spool_result
make_mails(struct run *r, int64_t now)
{
	enum spool_result result = SPOOL_OK;
	uint64_t waiting, refused;
	uint32_t i;

	if (!gather_remind(&r->gather, r->m->node, now))
		return SPOOL_LATER;
	for (i = 0; result == SPOOL_OK && i < r->m->conf->rules; i++) {
		if (!gather_due(&r->gather, i, now))
			continue;
		result = spool_waiting(r->spool, &waiting, &refused);
		if (result == SPOOL_OK && waiting + r->m->conf->rule[i].to_count > r->m->conf->queue_max) {
			tell(r, "the queue is full (queue-max): what comes stays in its window");
			r->full_until_ms = clock_mono_ms() + FULL_MS;
		} else if (result == SPOOL_OK) {
			result = make_mail(r, i, now);
		}
	}
	return result;
}

static enum spool_result
pick(struct run *r, int64_t now)
{
	int64_t busy[SMTP_AT_ONCE];
	size_t n = smtp_busy(r->smtp, busy), room = SMTP_AT_ONCE - n, i;
	enum spool_result result;

	r->begin_count = 0;
	if (room == 0 || r->quit || r->reload || clock_mono_ms() < r->pause_until_ms)
		return SPOOL_OK;
	result = spool_due(r->spool, now, r->m->conf->retry_us, busy, n, r->begin, room, &r->begin_count, &r->queue_next_us);
	for (i = 0; result == SPOOL_OK && i < r->begin_count; i++) {
		r->begin[i]->attempts++;
		result = spool_attempt(r->spool, r->begin[i]->id);
	}
	return result;
}

static enum spool_result
transaction(struct run *r, int64_t now, const char *cursor)
{
	enum spool_result result = spool_begin(r->spool);

	bool tight = clock_mono_ms() < r->tight_until_ms;

	r->begin_count = 0;
	if (result == SPOOL_OK)
		result = write_ended(r, now);
	if (result == SPOOL_OK && !tight)
		result = make_mails(r, now);
	if (result == SPOOL_OK && !tight)
		result = spool_save(r->spool, &r->gather);
	if (result == SPOOL_OK && strcmp(cursor, r->cursor) != 0)
		result = spool_set_cursor(r->spool, cursor);
	if (result == SPOOL_OK)
		result = pick(r, now);
	return result == SPOOL_OK ? spool_commit(r->spool) : result;
}

static void
report_ended(struct run *r)
{
	size_t i;

	for (i = 0; i < r->ended_count; i++) {
		struct delivery *d = r->ended[i].d;

		if (r->ended[i].how == SMTP_REFUSED)
			warn_text("mail %s to %s was refused and is set aside: %s", d->message_id, d->to, d->why);
		else if (r->ended[i].how == SMTP_LATER)
			tell(r, d->why);
		delivery_free(d);
	}
	r->ended_count = 0;
}

/* Events that the log has now go into the windows; false: memory is not what it should be */
static bool
read_log(struct run *r, int64_t now, bool *any)
{
	struct mail_event ev;
	int i, rc = 0;

	*any = false;
	r->more = false;
	for (i = 0; r->follow != NULL && i < BATCH && (rc = r->source->next(r->follow, &ev)) == 1; i++) {
		*any = true;
		if (ev.time_us >= r->since_us && !gather_event(&r->gather, &ev, now))
			return false;
	}
	r->more = i == BATCH;
	if (rc == -1)	/* what was read stays: its cursor is taken before the log is shut */
		r->follow_again_ms = -1;
	return true;
}

static bool
tell_damage(struct run *r, int64_t now)
{
	char text[SK_TEXT_MAX];

	r->telling = r->damaged[0] != '\0' && clock_mono_ms() >= r->tight_until_ms;
	if (!r->telling)
		return true;
	snprintf(text, sizeof(text), "The spool of mails was damaged and is set aside as %.300s: mails that waited are in it", r->damaged);
	tell(r, text);
	r->due_us = r->full_until_ms = 0;	/* into this step's transaction */
	return gather_own(&r->gather, KEY_TROUBLE, r->m->node, text, now);
}

/* Whether there is something for a transaction besides events */
static bool
something_to_do(struct run *r, int64_t now)
{
	int64_t busy[SMTP_AT_ONCE], ms = clock_mono_ms();

	if (ms >= r->look_ms) {
		r->look_ms = ms + LOOK_MS;
		r->queue_next_us = 0;
	}
	if (r->ended_count > 0 || (r->follow != NULL && r->cursor[0] == '\0') || (r->due_us <= now && ms >= r->full_until_ms && ms >= r->tight_until_ms))
		return true;
	return !r->quit && !r->reload && r->queue_next_us <= now && ms >= r->pause_until_ms && smtp_busy(r->smtp, busy) < SMTP_AT_ONCE;
}

static void
step(struct run *r)
{
	char cursor[SPOOL_CURSOR_MAX];
	enum spool_result result;
	int64_t now = clock_wall_us();
	bool any = false, good;
	size_t i;

	good = tell_damage(r, now) && read_log(r, now, &any);
	str_copy(cursor, sizeof(cursor), r->cursor);
	if (good && r->follow != NULL && (any || r->cursor[0] == '\0'))
		good = r->source->cursor(r->follow, cursor, sizeof(cursor));
	if (!good) {
		start_over(r, SPOOL_LATER);
		return;
	}
	if (r->follow_again_ms == -1)
		close_follow(r, AGAIN_MS);	/* not at once: what cannot be read now may not be readable then either */
	if (!any && !something_to_do(r, now))
		return;
	result = transaction(r, now, cursor);
	if (result != SPOOL_OK) {
		for (i = 0; i < r->begin_count; i++)
			delivery_free(r->begin[i]);
		r->begin_count = 0;
		spool_rollback(r->spool);
		start_over(r, result);
		return;
	}
	str_copy(r->cursor, sizeof(r->cursor), cursor);
	if (r->telling)
		r->damaged[0] = '\0';
	if (!r->more)
		r->since_us = 0;
	report_ended(r);
	for (i = 0; i < r->begin_count; i++)
		if (!smtp_start(r->smtp, r->begin[i]))
			delivery_free(r->begin[i]);	/* still in the spool */
	r->begin_count = 0;
	r->due_us = gather_next(&r->gather, now);
}

static void
take_ended(struct run *r)
{
	struct delivery *d;
	enum smtp_end how;

	while (r->ended_count < ARRAY_LEN(r->ended) && (d = smtp_ended(r->smtp, &how)) != NULL) {
		r->ended[r->ended_count].d = d;
		r->ended[r->ended_count++].how = how;
		r->queue_next_us = 0;	/* there is room for another one */
		if (how != SMTP_LATER || d->answered) {
			r->pause_us = 0;
		} else if (clock_mono_ms() >= r->pause_until_ms) {	/* the first of those that were under way */
			r->pause_us = r->pause_us == 0 ? FIRST_RETRY_US : r->pause_us * 2;
			if (r->pause_us > r->m->conf->retry_us)
				r->pause_us = r->m->conf->retry_us;
			r->pause_until_ms = clock_mono_ms() + r->pause_us / 1000;
		}
	}
}

/* ---- waiting ---- */
static void
sooner(int64_t *ms, int64_t other)
{
	if (other < 0)
		other = 0;
	if (other < *ms)
		*ms = other;
}

static int
wait_ms(const struct run *r)
{
	int64_t ms = LOOK_MS, now = clock_wall_us(), mono = clock_mono_ms(), busy[SMTP_AT_ONCE], at;

	if (r->more || r->ended_count > 0)
		return r->spool != NULL ? 0 : AGAIN_MS;
	if (r->spool == NULL) {
		sooner(&ms, r->spool_again_ms - mono);
		return (int)ms;
	}
	if (r->follow == NULL)
		sooner(&ms, r->follow_again_ms - mono);
	else if (r->source->wait_ms(r->follow) >= 0)
		sooner(&ms, r->source->wait_ms(r->follow));
	if (r->due_us != INT64_MAX) {
		at = r->due_us > now ? (r->due_us - now) / 1000 + 1 : 0;
		if (r->full_until_ms - mono > at)
			at = r->full_until_ms - mono;
		sooner(&ms, r->tight_until_ms - mono > at ? r->tight_until_ms - mono : at);
	}
	if (r->queue_next_us != INT64_MAX && smtp_busy(r->smtp, busy) < SMTP_AT_ONCE && !r->quit && !r->reload) {
		at = r->queue_next_us > now ? (r->queue_next_us - now) / 1000 + 1 : 0;
		sooner(&ms, r->pause_until_ms - mono > at ? r->pause_until_ms - mono : at);
	}
	sooner(&ms, r->look_ms - mono);
	if (smtp_busy(r->smtp, busy) > 0)
		sooner(&ms, ANSWER_MS);
	return (int)ms;
}

static void
take_signals(struct run *r)
{
	struct signalfd_siginfo si;

	while (read(r->signals, &si, sizeof(si)) == (ssize_t)sizeof(si))
		switch (si.ssi_signo) {
		case SIGHUP: r->reload = true; break;
		case SIGUSR1:
			r->pause_until_ms = r->pause_us = 0;
			if (r->spool != NULL)
				spool_now(r->spool);
			r->queue_next_us = 0;
			break;
		default: r->quit = true;
		}
}

static void
wait_for_something(struct run *r)
{
	int fds[2] = { r->signals, -1 }, ms = wait_ms(r);
	short events[2] = { POLLIN, 0 };
	size_t n = 1;

	if (r->follow != NULL && (fds[1] = r->source->fd(r->follow, &events[1])) != -1)
		n = 2;
	smtp_wait(r->smtp, fds, events, n, ms);
}

/* A new configuration, when nothing is under way with the old one */
static void
reload(struct run *r)
{
	int64_t busy[SMTP_AT_ONCE];

	if (!r->reload || smtp_busy(r->smtp, busy) > 0 || r->ended_count > 0)
		return;
	r->reload = false;
	close_follow(r, 0);
	gather_free(&r->gather);
	spool_close(r->spool);
	r->spool = NULL;
	smtp_free(r->smtp);
	if (!safemail_configure(r->m))
		warn_text("the configuration stays as it was");
	r->smtp = smtp_new(r->m->conf, r->m->node, r->m->verbose > 0);
	if (r->smtp == NULL)
		fatal("out of memory");
	gather_init(&r->gather, r->m->conf);
}

static bool
catch_signals(struct run *r)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return false;
	r->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return r->signals != -1;
}

int
run_service(struct safemail *m)
{
	static struct run r;
	int64_t busy[SMTP_AT_ONCE], end_ms = INT64_MAX;

	r.m = m;
	gather_init(&r.gather, m->conf);
	r.smtp = smtp_new(m->conf, m->node, m->verbose > 0);
	if (r.smtp == NULL || !catch_signals(&r))
		fatal("%s", strerror(errno));
	for (;;) {
		take_signals(&r);
		if (r.quit && end_ms == INT64_MAX)
			end_ms = clock_mono_ms() + FAREWELL_MS;
		take_ended(&r);
		reload(&r);
		open_spool(&r);
		keep_reserve(&r);
		open_follow(&r);
		if (r.spool != NULL)
			step(&r);
		if (r.quit && ((smtp_busy(r.smtp, busy) == 0 && r.ended_count == 0) || clock_mono_ms() >= end_ms))
			break;
		wait_for_something(&r);
	}
	close_follow(&r, 0);
	smtp_free(r.smtp);
	spool_close(r.spool);
	gather_free(&r.gather);
	close(r.signals);
	return 0;
}
