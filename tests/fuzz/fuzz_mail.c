/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_mail: any bytes as a configuration of safemail NUL lines of the system's log.  Each line goes into the windows, each window becomes a mail.
 * Aborts where the contract is broken: an error without a reason, a text with a control character, a mail with a header that is not ours, a
 * byte that is not 7 bit, a line end that is not CRLF, a line too long for SMTP, an event that is neither in a row nor summed up.
 */
#include "config.h"
#include "notifier/compose.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW	1794870000000000LL

static const char usual[] = "[server]\nhost = mx\n[rule a]\nto = a@b\nrows = 3\nlevels = CEUSId\nreminder = 1m\n";

static void
check_text(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			abort();
}

static void
check_header(const char *line)
{
	static const char *const ours[] = { "Date: ", "From: ", "To: ", "Message-ID: <", "Subject: ", "Auto-Submitted: ", "Importance: ", "X-Priority: ", "MIME-Version: ",
		"Content-Type: ", " " };
	size_t i;

	for (i = 0; i < ARRAY_LEN(ours); i++)
		if (strncmp(line, ours[i], strlen(ours[i])) == 0)
			return;
	abort();
}

static void
check_mail(const struct mail_text *mail)
{
	const char *p = mail->data, *end;
	bool head = true;

	if (strlen(mail->data) != mail->len)
		abort();
	for (; *p != '\0'; p = end + 2) {
		end = strstr(p, "\r\n");
		if (end == NULL || end - p > 990 || (end - p == 1 && *p == '.'))
			abort();
		if (end == p)
			head = false;
		else if (head)
			check_header(p);
		for (; p < end; p++)
			if (*p < 0x20 || *p > 0x7e)
				abort();
	}
	if (head)
		abort();
}

static void
check_window(struct gather *g, uint32_t rule, int64_t now)
{
	struct window *w = &g->window[rule];
	struct compose c = { .conf = g->conf, .rule = &g->conf->rule[rule], .window = w, .node = "node1", .from = "safekit@node1", .id = "safekit.0123456789abcdef.1@node1",
		.now_us = now, .trouble = "" };
	uint64_t all = w->rows;
	struct mail_text mail;
	size_t i;

	if (!w->open)
		return;
	for (i = 0; i < w->sums; i++)
		all += w->sum[i].count;
	if (all != w->events || w->rows > 2 * (size_t)c.rule->rows || w->sums > GATHER_SUMS_MAX)
		abort();
	if (!compose_mail(&c, &mail))
		return;
	check_mail(&mail);
	free(mail.data);
	gather_taken(g, rule, now);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 2), err[400] = "", *line, *rest;
	struct mail_conf *conf;
	struct mail_event ev;
	struct gather g;
	int64_t now = NOW;
	uint32_t i;

	memcpy(text, data, size);
	text[size] = text[size + 1] = '\0';
	conf = conf_parse(text, err, sizeof(err));
	if (conf == NULL && err[0] == '\0')
		abort();
	if (conf == NULL)
		conf = conf_parse(usual, err, sizeof(err));
	rest = text + (strlen(text) < size ? strlen(text) + 1 : 0);
	gather_init(&g, conf);
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (!event_from_line(line, now, "node1", &ev))
			continue;
		check_text(ev.node);
		check_text(ev.module);
		check_text(ev.origin);
		check_text(ev.message);
		if (strchr(EVENT_LEVELS, ev.level) == NULL)
			abort();
		gather_event(&g, &ev, now);
		now += 30000000;
		gather_remind(&g, "node1", now);
		if (gather_next(&g, now) < INT64_MAX / 2 && (now & 7) == 0)
			check_window(&g, 0, now);
	}
	for (i = 0; i < conf->rules; i++)
		check_window(&g, i, now);
	gather_free(&g);
	free(conf);
	free(text);
	return 0;
}
