/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tool.c: --test, --dry-run, --show-queue, --retry, --drop: what an administrator asks of safemail.  Answers on stdout, an exit status. */
#include "config.h"
#include "notifier/safemail.h"
#include "notifier/follow.h"
#include "notifier/smtp.h"

#include <sys/random.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS	1000

/* ---- --test: a mail of each rule to each of its recipients, now, past the spool ---- */
static struct delivery *
test_delivery(const struct safemail *m, const struct mail_text *mail, const char *id, const char *to)
{
	struct delivery *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->data = malloc(mail->len);
	if (d->data == NULL) {
		free(d);
		return NULL;
	}
	memcpy(d->data, mail->data, mail->len);
	d->len = mail->len;
	str_copy(d->message_id, sizeof(d->message_id), id);
	str_copy(d->from, sizeof(d->from), m->from);
	str_copy(d->to, sizeof(d->to), to);
	return d;
}

static bool
send_now(struct smtp *smtp, struct delivery *d)
{
	enum smtp_end how;
	struct delivery *back;

	if (d == NULL || !smtp_start(smtp, d))
		fatal("out of memory");
	while ((back = smtp_ended(smtp, &how)) == NULL)
		smtp_wait(smtp, NULL, NULL, 0, WAIT_MS);
	if (how == SMTP_SENT)
		printf("%s: taken\n", back->to);
	else
		printf("%s: %s: %s\n", back->to, how == SMTP_REFUSED ? "refused" : "not taken now", back->why);
	delivery_free(back);
	return how == SMTP_SENT;
}

static bool
test_rule(const struct safemail *m, struct smtp *smtp, const struct mail_rule *rule)
{
	struct mail_event ev = { .time_us = clock_wall_us(), .level = 'I', .key = KEY_TEST, .origin = "safemail", .message = "Test of safemail: this mail was asked for" };
	struct window w = { .open = true, .events = 1, .row = &ev, .rows = 1 };
	char id[256], number[33];
	struct compose c = { .conf = m->conf, .rule = rule, .window = &w, .node = m->node, .from = m->from, .id = id, .now_us = ev.time_us, .trouble = "" };
	struct mail_text mail;
	uint8_t random[16];
	bool good = true;
	uint32_t i;

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		fatal("no random numbers");
	str_to_hex(random, sizeof(random), number);
	snprintf(id, sizeof(id), "safekit.test.%s@%s", number, m->node);
	str_copy(ev.node, sizeof(ev.node), m->node);
	if (!compose_mail(&c, &mail))
		fatal("out of memory");
	for (i = 0; i < rule->to_count; i++)
		good &= send_now(smtp, test_delivery(m, &mail, id, rule->to[i]));
	free(mail.data);
	return good;
}

int
tool_test(struct safemail *m)
{
	struct smtp *smtp = smtp_new(m->conf, m->node, m->verbose > 0);
	bool good = true;
	uint32_t i;

	if (smtp == NULL)
		fatal("out of memory");
	for (i = 0; i < m->conf->rules; i++)
		good &= test_rule(m, smtp, &m->conf->rule[i]);
	smtp_free(smtp);
	return good ? 0 : 1;
}

/* ---- --dry-run: the mails that the log would have made, with the log's own time ---- */
static void
print_due(struct safemail *m, struct gather *g, int64_t now)
{
	static unsigned number;
	uint32_t i;

	if (!gather_remind(g, m->node, now))
		fatal("out of memory");
	for (i = 0; i < m->conf->rules; i++) {
		char id[128];
		struct compose c = { .conf = m->conf, .rule = &m->conf->rule[i], .window = &g->window[i], .node = m->node, .from = m->from, .id = id,
			.now_us = now, .trouble = "" };
		struct mail_text mail;

		if (!gather_due(g, i, now))
			continue;
		snprintf(id, sizeof(id), "safekit.dry-run.%u@%s", ++number, m->node);
		if (!compose_mail(&c, &mail) || !gather_taken(g, i, now))
			fatal("out of memory");
		fwrite(mail.data, 1, mail.len, stdout);
		fputs("\r\n", stdout);
		free(mail.data);
	}
}

int
tool_dry_run(struct safemail *m, int64_t since_us)
{
	char why[256] = "out of memory";
	const struct follow_source *source = follow_choose(m->conf, why, sizeof(why));
	struct follow *f = source != NULL && source != &follow_socket ? source->open(m->conf, m->node, "", since_us, why, sizeof(why)) : NULL;
	int64_t now = since_us, next, end = clock_wall_us();
	struct mail_event ev;
	struct gather g;

	if (source == &follow_socket)
		str_copy(why, sizeof(why), "a socket does not keep what went through it");
	if (f == NULL) {
		warn_text("%s", why);
		return 1;
	}
	gather_init(&g, m->conf);
	while (source->next(f, &ev) == 1) {
		if (ev.time_us < since_us)
			continue;
		while ((next = gather_next(&g, now)) < ev.time_us) {
			now = next > now ? next : now;
			print_due(m, &g, now);
		}
		if (ev.time_us > now)
			now = ev.time_us;
		if (!gather_event(&g, &ev, now))
			fatal("out of memory");
	}
	while ((next = gather_next(&g, now)) <= end) {
		now = next > now ? next : now;
		print_due(m, &g, now);
	}
	source->close(f);
	gather_free(&g);
	return fflush(stdout) == 0 ? 0 : 1;
}

/* ---- the queue ---- */
static struct spool *
look_into(const struct safemail *m)
{
	enum spool_result result;
	char why[256];
	struct spool *s = spool_open(m->dir, false, false, &result, why, sizeof(why));

	if (s == NULL)
		fatal("%s", why);
	return s;
}

struct listing { uint64_t waiting, refused; };

static void
print_row(void *ctx, const struct spool_row *d)
{
	struct listing *l = ctx;
	char when[40];

	printf("%" PRId64 "  %s  %s  %s  <%s>  %s  tried %u times%s%s\n", d->id, d->refused ? "refused" : "waiting", event_time(d->made_us, when, sizeof(when)),
	    d->to, d->message_id, d->subject, d->attempts, d->why[0] != '\0' ? ": " : "", d->why);
	if (d->refused)
		l->refused++;
	else
		l->waiting++;
}

int
tool_queue(struct safemail *m)
{
	struct spool *s = look_into(m);
	struct listing l = { 0, 0 };

	if (spool_list(s, print_row, &l) != SPOOL_OK)
		fatal("%s", spool_why(s));
	printf("%" PRIu64 " waiting, %" PRIu64 " refused\n", l.waiting, l.refused);
	spool_close(s);
	return l.refused != 0 ? 3 : 0;
}

int
tool_change(struct safemail *m, bool drop, int64_t id)
{
	struct spool *s = look_into(m);
	uint64_t changed = 0;

	if ((drop ? spool_drop(s, id, &changed) : spool_retry(s, id, &changed)) != SPOOL_OK)
		fatal("%s", spool_why(s));
	printf("%" PRIu64 " %s\n", changed, drop ? "dropped" : "to be tried again");
	spool_close(s);
	return changed != 0 || id == 0 ? 0 : 1;
}
