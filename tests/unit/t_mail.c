/* SPDX-License-Identifier: GPL-2.0-or-later */
/* notifier: lines and fields of the log, the configuration, windows, mails. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "notifier/compose.h"

#define S	1000000LL
#define NOW	(1794870000 * S)	/* 2026-11-16T23:00:00Z, a Monday */

static const char server[] = "[server]\nhost = mx.example.org\n";

static struct mail_conf *
conf_of(const char *rules)
{
	char text[4096], err[400];
	struct mail_conf *c;

	snprintf(text, sizeof(text), "%s%s", server, rules);
	c = conf_parse(text, err, sizeof(err));
	if (c == NULL)
		fail_msg("%s", err);
	return c;
}

static struct mail_event
event(char level, uint32_t key, const char *module, const char *message, int64_t at)
{
	struct mail_event ev = { .time_us = at, .node = "node1", .origin = "heart", .level = level, .key = key };

	str_copy(ev.module, sizeof(ev.module), module);
	str_copy(ev.message, sizeof(ev.message), message);
	return ev;
}

static void
tell(struct gather *g, char level, uint32_t key, const char *module, const char *message, int64_t at)
{
	struct mail_event ev = event(level, key, module, message, at);

	assert_true(gather_event(g, &ev, at));
}

/* ---- what the log holds ---- */
static void
test_lines(void **state)
{
	static const struct { const char *line, *node, *module, *origin, *message; char level; uint32_t key; int64_t time_us; } good[] = {
		{ "<26>Nov 14 22:13:20 safekit: | AM | heart | C | End of stop | 533", "here", "AM", "heart", "End of stop", 'C', 533, 1794694400 * S },
		{ "Nov 14 22:13:20 n2 safekit: | AM | heart | E | Local state ALONE Ready | 512", "n2", "AM", "heart", "Local state ALONE Ready", 'E', 512, 1794694400 * S },
		{ "Nov  4 02:03:20 n2 safekit[12]: | AM | heart | E | x | 512", "n2", "AM", "heart", "x", 'E', 512, 1793757800 * S },
		{ "Dec 31 23:59:59 n2 safekit: | AM | heart | E | last year | 512", "n2", "AM", "heart", "last year", 'E', 512, 1767225599 * S },
		{ "2026-11-14T23:13:20.123456+01:00 n2 safekit: |  | safeadmin | C | Node n3 is down | 571", "n2", "", "safeadmin", "Node n3 is down", 'C', 571,
		    1794694400 * S + 123456 },
		{ "2026-11-14T22:13:20Z n2 safekit: | AM | heart | S | a | b | 520", "n2", "AM", "heart", "a | b", 'S', 520, 1794694400 * S },
		{ "<29>1 2026-11-14T22:13:20.5Z n3 safekit - - - | AM | errd | E | m | 600", "n3", "AM", "errd", "m", 'E', 600, 1794694400 * S + 500000 },
		{ "<29>1 2026-11-14T22:13:20Z n3 safekit 1 - [a@1 x=\"\\] \"] \xef\xbb\xbf| AM | errd | E | m | 600", "n3", "AM", "errd", "m", 'E', 600, 1794694400 * S },
		{ "Nov 14 22:13:20 n2 safekit: hello", "n2", "", "", "hello", 'I', 0, 1794694400 * S },
		{ "Nov 14 22:13:20 n2 safekit: | AM | heart", "n2", "", "", "| AM | heart", 'I', 0, 1794694400 * S },
		{ "Nov 14 22:13:20 n2 safekit: | AM | heart | XX | m | many", "n2", "AM", "heart", "m", 'I', 0, 1794694400 * S },
		{ "Nov 14 22:13:20 n2 safekit: | AM | heart | C | a\x01\x1b[2J\xff | 1", "n2", "AM", "heart", "a  [2J?", 'C', 1, 1794694400 * S },
	};
	static const char *const bad[] = { "", "<", "<26>", "<26", "x", "Nov", "Nov 14 22:13:20", "Nov 14 22:13:20 n2", "Nov 14 22:13:20 n2 ", "Nov 14 22:13:20 n2 sshd: safekit: x",
		"Nov 14 22:13:20 n2 safekitx: x", "Nov 34 22:13:20 n2 safekit: x", "2026-13-14T22:13:20Z n2 safekit: x", "2026-11-14 22:13:20 n2 safekit: x",
		"<29>1 2026-11-14T22:13:20Z n3 sshd - - - x", "<29>1 - n3 safekit - - - x" };
	struct mail_event ev;
	size_t i;

	for (i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(event_from_line(good[i].line, NOW, "here", &ev));
		assert_string_equal(ev.node, good[i].node);
		assert_string_equal(ev.module, good[i].module);
		assert_string_equal(ev.origin, good[i].origin);
		assert_string_equal(ev.message, good[i].message);
		assert_int_equal(ev.level, good[i].level);
		assert_int_equal(ev.key, good[i].key);
		assert_true(ev.time_us == good[i].time_us);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(event_from_line(bad[i], NOW, "here", &ev));
}

static void
test_fields(void **state)
{
	struct event_fields f = { .message = "Local state WAIT NotReady", .node = "n1", .module = "AM", .origin = "heart", .level = "E", .key = "512",
		.time_us = "1794694400123456", .hostname = "host" };
	char word[2][16], when[40];
	struct mail_event ev;

	event_from_fields(&f, 5, &ev);
	assert_true(ev.time_us == 1794694400123456);
	assert_string_equal(ev.node, "n1");
	assert_int_equal(ev.key, 512);
	assert_true(event_state(&ev, word[0], word[1]));
	assert_string_equal(word[0], "WAIT");
	assert_string_equal(word[1], "NotReady");
	assert_string_equal(event_time(ev.time_us, when, sizeof(when)), "2026-11-14T22:13:20.123456+00:00");

	/* what came through /dev/log into the journal */
	memset(&f, 0, sizeof(f));
	f.message = "| AM | heart | C | Stopping loop | 542";
	f.hostname = "host";
	event_from_fields(&f, 5, &ev);
	assert_true(ev.time_us == 5);
	assert_string_equal(ev.node, "host");
	assert_string_equal(ev.message, "Stopping loop");
	assert_int_equal(ev.key, 542);

	memset(&f, 0, sizeof(f));	/* nothing at all */
	event_from_fields(&f, 5, &ev);
	assert_string_equal(ev.message, "");
	f.level = "E";
	f.module = "a\nb\r\nBcc: x@y";
	f.time_us = "-1";
	event_from_fields(&f, 5, &ev);
	assert_string_equal(ev.module, "a b  Bcc: x@y");
	assert_true(ev.time_us == 5);
}

/* ---- the configuration ---- */
static void
test_conf(void **state)
{
	static const char text[] = "# comment\n[mail]\nfrom = safekit@node1.example.org\nsource = file:/var/log/x y\r\nretry = 2m\nqueue-max=7\n"
	    "[server]\nhost = a.example.org\nuser = u\npassword-file = /etc/p w\n[server]\nhost=::1\nport = 2525\ntls=none\n"
	    "[rule one]\nto = a@b.c, d@e.f A@B.c\nlevels = C E\nkeys = 512, 600-603\nmodules = db*, !dbtest\nwindow = 2m\nreminder = 4h\nquiet = 22:00-07:00\n"
	    "recovery = no\nmax-per-hour = 3\nrows = 5\ngather = none\nurgent = none\n[rule two]\nto = root\n";
	char err[400];
	struct mail_conf *c = conf_parse(text, err, sizeof(err));
	const struct mail_rule *r;

	assert_non_null(c);
	r = &c->rule[0];
	assert_string_equal(c->source_path, "/var/log/x y");
	assert_true(c->retry_us == 120 * S);
	assert_int_equal(c->queue_max, 7);
	assert_int_equal(c->servers, 2);
	assert_int_equal(server_port(&c->server[0]), 587);
	assert_string_equal(c->server[0].password_file, "/etc/p w");
	assert_int_equal(server_port(&c->server[1]), 2525);
	assert_int_equal(c->server[1].connect_s, 30);	/* libcurl counts the greeting, which takes 10 to 20 s where the name service is away */
	assert_int_equal(c->server[1].timeout_s, 60);
	assert_int_equal(r->to_count, 2);
	assert_string_equal(r->levels, "CE");
	assert_string_equal(r->gather, "");
	assert_true(r->window_us == 120 * S && r->reminder_us == 14400 * S && !r->recovery);
	assert_int_equal(r->quiet[0], 22 * 60);
	assert_true(rule_has_module(r, "db1"));
	assert_false(rule_has_module(r, "dbtest"));
	assert_false(rule_has_module(r, "web"));
	assert_false(rule_has_module(r, ""));
	assert_true(rule_has_module(&c->rule[1], "") && rule_has_module(&c->rule[1], "x"));
	assert_string_equal(c->rule[1].levels, "C");
	assert_int_equal(c->rule[1].keys[0].from, 512);
	free(c);
}

static void
test_conf_refuses(void **state)
{
	static const struct { const char *text, *said; } bad[] = {
		{ "x = 1\n", "line 3: \"x = 1\": expected [server]" },	/* behind server: see below */
		{ "[rule a]\nto = a@b\n[rule a]\n", "line 5: \"a\": expected a name that no rule before has" },
		{ "[rule a]\n", "rule a: expected to" },
		{ "[rule a b]\n", "line 3: \"a b\": expected [rule NAME]" },
		{ "[rule a]\nto = a@b\nBcc\n", "line 5: \"Bcc\": expected WORD = VALUE" },
		{ "[rule a]\nto = a@b c\"@d\n", "line 4: \"c\"@d\": expected an address" },
		{ "[rule a]\nto = <a@b>\n", "expected an address" },
		{ "[rule a]\nto = a@b@c\n", "expected an address" },
		{ "[rule a]\nto = -t@x\n", "expected an address" },
		{ "[rule a]\nto = \xc3\xa4@x\n", "expected an address" },
		{ "[rule a]\nwindow = 1x\n", "line 4: \"1x\": expected a time" },
		{ "[rule a]\nwindow = 2d\n", "at most 1d" },
		{ "[rule a]\nlevels = CX\n", "letters of CEUSId" },
		{ "[rule a]\nkeys = 9-5\n", "message keys" },
		{ "[rule a]\nquiet = 25:00-1:00\n", "two times" },
		{ "[rule a]\nquiet = 22:00-07:00 x\n", "two times" },
		{ "[rule a]\nquiet = 00:00-24:00\n", "two times" },
		{ "[mail]\nqueue-max = 1\n[rule a]\nto = a@b.c, d@e.f\n", "rule a: expected queue-max of at least 2" },
		{ "[rule a]\nto = a@b.c\n[mail]\nqueue-max = 0\n", "rule a: expected queue-max of at least 1" },
		{ "[rule a]\nmax-per-hour = 1001\n", "0..1000" },
		{ "[rule a]\nrows = 0\n", "1..10000" },
		{ "[mail]\nsource = file\n", "file:/PATH" },
		{ "[mail]\nfrom = a\rb@c\n", "one address" },
		{ "[mail]\nnode = a b\n", "a name" },
		{ "[mail]\npassword = x\n", "line 4: \"password\": expected a word of this section" },
		{ "[server]\nhost = a b\n", "a host name" },
		{ "[server]\nhost = a/b\n", "a host name" },
		{ "[server]\nport = 70000\n", "a port" },
		{ "[server]\nhost = h\nuser = u\n", "server h: expected user together with one of password-file and credential" },
		{ "[server]\nhost = h\nuser = u\ncredential = c\ntls = try\n", "a password is not sent in clear" },
		{ "[server\n", "expected [server], [mail]" },
		{ "", "expected at least one [server]" },
	};
	char text[1024], err[400];
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(text, sizeof(text), "%s%s", i == 0 ? "\n\n" : server, bad[i].text);
		if (conf_parse(text, err, sizeof(err)) != NULL)
			fail_msg("taken: %s", bad[i].text);
		if (strstr(err, bad[i].said) == NULL)
			fail_msg("%s: said %s", bad[i].text, err);
	}
}

static void
test_quiet_hours(void **state)
{
	struct mail_conf *c = conf_of("[rule a]\nto = a@b\nquiet = 22:00-07:00\n[rule b]\nto = a@b\nquiet = 12:00-13:30\n");
	int64_t midnight = NOW - NOW % (86400 * S);

	assert_true(rule_quiet_until(&c->rule[0], midnight + 21 * 3600 * S) == 0);
	assert_true(rule_quiet_until(&c->rule[0], midnight + 22 * 3600 * S) == midnight + 31 * 3600 * S);
	assert_true(rule_quiet_until(&c->rule[0], midnight + 3 * 3600 * S + 5) == midnight + 7 * 3600 * S);
	assert_true(rule_quiet_until(&c->rule[0], midnight + 7 * 3600 * S) == 0);
	assert_true(rule_quiet_until(&c->rule[1], midnight + 13 * 3600 * S) == midnight + 13 * 3600 * S + 1800 * S);
	assert_true(rule_quiet_until(&c->rule[1], midnight + 14 * 3600 * S) == 0);
	free(c);
}

/* ---- windows ---- */
static void
test_window(void **state)
{
	struct mail_conf *c = conf_of("[rule a]\nto = a@b\n");
	struct gather g;

	gather_init(&g, c);
	assert_true(gather_next(&g, NOW) == INT64_MAX);
	tell(&g, 'E', 610, "AM", "does not open", NOW);
	tell(&g, 'U', 500, "AM", "Action start called by SYSTEM/root", NOW);
	assert_false(g.window[0].open);
	tell(&g, 'E', 512, "AM", "Local state WAIT Transient", NOW + 1);
	assert_true(gather_next(&g, NOW + 1) == NOW + 1 + 60 * S);
	tell(&g, 'E', 610, "AM", "gathered", NOW + 5 * S);
	tell(&g, 'S', 520, "AM", "not gathered", NOW + 5 * S);
	tell(&g, 'C', 533, "AM", "Reason of failover: no heartbeat", NOW + 59 * S);
	assert_false(gather_due(&g, 0, NOW + 60 * S));
	assert_true(gather_due(&g, 0, NOW + 1 + 60 * S));
	assert_int_equal(g.window[0].events, 3);
	assert_string_equal(window_worst(&g.window[0])->message, "Reason of failover: no heartbeat");
	assert_true(gather_taken(&g, 0, NOW + 61 * S));
	assert_true(gather_next(&g, NOW + 61 * S) == INT64_MAX);
	/* a clock that was set back by a day keeps no window open for a day */
	tell(&g, 'C', 533, "AM", "x", NOW + 100 * S);
	assert_true(gather_next(&g, NOW - 86400 * S) == NOW - 86400 * S + 60 * S);
	gather_free(&g);
	free(c);
}

static void
test_hour(void **state)
{
	struct mail_conf *c = conf_of("[rule a]\nto = a@b\nmax-per-hour = 2\nwindow = 0\n");
	struct gather g;
	int i;

	gather_init(&g, c);
	for (i = 0; i < 2; i++) {
		tell(&g, 'C', 533, "AM", "x", NOW + i * S);
		assert_true(gather_due(&g, 0, NOW + i * S));
		assert_true(gather_taken(&g, 0, NOW + i * S));
	}
	for (i = 2; i < 1000; i++)
		tell(&g, 'C', 533, "AM", "x", NOW + i * S);
	assert_true(gather_next(&g, NOW + 1000 * S) == NOW + 3600 * S);
	assert_true(gather_due(&g, 0, NOW + 3600 * S));
	assert_int_equal(g.window[0].events, 998);
	assert_int_equal(g.window[0].rows, 200);
	assert_int_equal(g.window[0].sum[0].count, 798);
	assert_true(gather_taken(&g, 0, NOW + 3600 * S));
	tell(&g, 'C', 533, "AM", "x", NOW + 3600 * S);
	assert_true(gather_next(&g, NOW + 3600 * S) == NOW + 3601 * S);	/* the second of the first two is an hour old then */
	gather_free(&g);
	free(c);
}

static void
test_quiet_window(void **state)
{
	struct mail_conf *c = conf_of("[rule a]\nto = a@b\nquiet = 21:00-07:00\n");
	int64_t morning = NOW - NOW % (86400 * S) + 31 * 3600 * S;	/* NOW is 23:00 */
	struct gather g;

	gather_init(&g, c);
	tell(&g, 'E', 512, "AM", "Local state ALONE Ready", NOW);
	assert_true(gather_next(&g, NOW) == NOW + 60 * S);
	assert_false(gather_due(&g, 0, NOW + 60 * S));
	assert_true(gather_next(&g, NOW + 60 * S) == morning);
	tell(&g, 'C', 533, "AM", "urgent", NOW + 70 * S);
	assert_true(gather_due(&g, 0, NOW + 70 * S));
	gather_free(&g);
	free(c);
}

static void
test_down(void **state)
{
	struct mail_conf *c = conf_of("[rule a]\nto = a@b\nreminder = 1h\nmax-per-hour = 0\n[rule b]\nto = c@d\nmodules = other\nreminder = 1h\n");
	struct window *w;
	struct gather g;

	gather_init(&g, c);
	w = &g.window[0];
	/* stopped by somebody: no reminder */
	tell(&g, 'U', 500, "AM", "Action stop called by SYSTEM/root", NOW);
	tell(&g, 'E', 512, "AM", "Local state STOP NotReady", NOW + S);
	assert_true(gather_taken(&g, 0, NOW + 61 * S));
	assert_true(gather_next(&g, NOW + 61 * S) == INT64_MAX);
	/* down by itself */
	tell(&g, 'U', 500, "AM", "Action start called by SYSTEM/root", NOW + 100 * S);
	tell(&g, 'E', 512, "AM", "Local state WAIT NotReady", NOW + 100 * S);
	assert_true(gather_taken(&g, 0, NOW + 160 * S));
	assert_true(gather_next(&g, NOW + 160 * S) == NOW + 3700 * S);
	assert_true(gather_remind(&g, "node1", NOW + 3699 * S));
	assert_false(w->open);
	assert_true(gather_remind(&g, "node1", NOW + 3700 * S));
	assert_true(w->open && w->rows == 1 && !g.window[1].open);
	assert_string_equal(w->row[0].message, "Module AM has been down for 60 min (WAIT NotReady since 2026-11-16T23:01:40.000000+00:00)");
	assert_true(gather_remind(&g, "node1", NOW + 3800 * S));
	assert_int_equal(w->rows, 1);
	assert_true(gather_taken(&g, 0, NOW + 3800 * S));
	assert_true(gather_next(&g, NOW + 3800 * S) == NOW + 7300 * S);
	/* another node's module of the same name is another one */
	tell(&g, 'E', 512, "AM", "Local state ALONE Transient", NOW + 7200 * S);
	assert_true(gather_taken(&g, 0, NOW + 7200 * S));
	tell(&g, 'E', 512, "AM", "Local state ALONE Ready", NOW + 7290 * S);
	assert_int_equal(w->rows, 2);
	assert_int_equal(w->row[1].key, KEY_RECOVERY);
	assert_string_equal(w->row[1].message, "Module AM is back (ALONE Ready) after 119 min");
	assert_ptr_equal(window_worst(w), &w->row[1]);
	assert_true(gather_taken(&g, 0, NOW + 7300 * S));
	assert_true(gather_next(&g, NOW + 7300 * S) == INT64_MAX);
	gather_free(&g);
	free(c);
}

static void
test_down_after_boot(void **state)
{
	/* stopped by somebody; started at boot time or automatically (other keys than a start by somebody), and it does not stay up */
	static const struct { uint32_t key; const char *message; } start[] = {
		{ 501, "Action start called at boot time" }, { 502, "Action start called automatically" }, { 503, "Action stop from failover rule t_ip" },
	};
	struct mail_conf *c = conf_of("[rule a]\nto = a@b\nreminder = 1h\n");
	struct gather g;
	size_t i;

	for (i = 0; i < ARRAY_LEN(start); i++) {
		gather_init(&g, c);
		tell(&g, 'U', 500, "AM", "Action stop called by SYSTEM/root", NOW);
		tell(&g, 'E', 512, "AM", "Local state STOP NotReady", NOW);
		tell(&g, 'E', start[i].key, "AM", start[i].message, NOW + 100 * S);
		tell(&g, 'E', 512, "AM", "Local state WAIT Transient", NOW + 100 * S);
		tell(&g, 'E', 512, "AM", "Local state STOP NotReady", NOW + 101 * S);
		assert_true(gather_taken(&g, 0, NOW + 160 * S));
		assert_true(gather_next(&g, NOW + 160 * S) == NOW + 3701 * S);
		gather_free(&g);
	}
	free(c);
}

static void
test_recovery_opens(void **state)
{
	/* state changes open nothing here, but the one who heard of the trouble hears of its end */
	struct mail_conf *c = conf_of("[rule a]\nto = a@b\nkeys = none\n");
	struct gather g;

	gather_init(&g, c);
	tell(&g, 'E', 512, "AM", "Local state WAIT NotReady", NOW);
	tell(&g, 'E', 512, "AM", "Local state ALONE Ready", NOW + S);
	assert_false(g.window[0].open);
	tell(&g, 'C', 533, "AM", "x", NOW + 2 * S);
	tell(&g, 'E', 512, "AM", "Local state WAIT NotReady", NOW + 3 * S);
	assert_true(gather_taken(&g, 0, NOW + 70 * S));
	tell(&g, 'E', 512, "AM", "Local state ALONE Ready", NOW + 100 * S);
	assert_true(g.window[0].open);
	assert_int_equal(g.window[0].rows, 2);
	gather_free(&g);
	free(c);
}

static void
test_bounds(void **state)
{
	struct mail_conf *c = conf_of("[rule a]\nto = a@b\nrows = 3\n");
	uint64_t summed = 0;
	struct gather g;
	char module[32];
	size_t i;

	gather_init(&g, c);
	for (i = 0; i < 5000; i++) {
		snprintf(module, sizeof(module), "m%zu", i);
		tell(&g, i % 2 ? 'C' : 'E', i % 2 ? 533 : 512, module, i % 2 ? "critical" : "Local state WAIT NotReady", NOW);
	}
	assert_int_equal(g.window[0].rows, 6);
	assert_int_equal(g.window[0].critical, 3);
	assert_int_equal(g.window[0].sums, GATHER_SUMS_MAX);
	for (i = 0; i < g.window[0].sums; i++)
		summed += g.window[0].sum[i].count;
	assert_int_equal(summed, 4994);
	assert_int_equal(g.window[0].events, 5000);
	assert_true(g.gones <= GATHER_DOWN_MAX);
	gather_free(&g);
	free(c);
}

/* ---- mails ---- */
static char *
mail_of(struct gather *g, struct mail_conf *c, char *subject)
{
	struct compose in = { .conf = c, .rule = &c->rule[0], .window = &g->window[0], .node = "node1", .from = "safekit@node1", .id = "safekit.0123456789abcdef.7@node1",
		.now_us = NOW, .trouble = "1 mail was set aside <b>" };
	struct mail_text mail;
	const char *p;
	size_t line = 0;

	assert_true(compose_mail(&in, &mail));
	assert_int_equal(strlen(mail.data), mail.len);
	for (p = mail.data; *p != '\0'; p++) {	/* 7 bit, CRLF, no line longer than SMTP and RFC 5322 like */
		assert_true((unsigned char)*p < 0x7f);
		assert_true(*p == '\n' ? p > mail.data && p[-1] == '\r' : *p == '\r' ? p[1] == '\n' : *p >= 0x20);
		line = *p == '\n' ? 0 : line + 1;
		assert_true(line <= 79);
	}
	if (subject != NULL)
		strcpy(subject, mail.subject);
	return mail.data;
}

static int
header_count(const char *mail, const char *name)
{
	const char *end = strstr(mail, "\r\n\r\n"), *p;
	int n = strncasecmp(mail, name, strlen(name)) == 0;

	for (p = strstr(mail, "\r\n"); p != NULL && p < end; p = strstr(p + 2, "\r\n"))
		if (strncasecmp(p + 2, name, strlen(name)) == 0)
			n++;
	return n;
}

static void
test_compose(void **state)
{
	struct mail_conf *c = conf_of("[rule a]\nto = a@b.c, d@e.f\nrows = 2\n");
	char subject[COMPOSE_SUBJECT_MAX], *mail;
	struct gather g;

	gather_init(&g, c);
	tell(&g, 'C', 533, "mirror", "Reason of failover: no heartbeat", NOW);
	tell(&g, 'E', 512, "mirror", "Local state ALONE Ready", NOW + 250000);
	tell(&g, 'E', 512, "mirror", "Local state ALONE Ready", NOW + 250000);
	tell(&g, 'E', 512, "mirror", "Local state PRIM Ready", NOW + 250000);
	mail = mail_of(&g, c, subject);
	assert_string_equal(subject, "node1: mirror: Reason of failover: no heartbeat (+3)");
	assert_non_null(strstr(mail, "Subject: node1: mirror: Reason of failover: no heartbeat (+3)\r\n"));
	assert_non_null(strstr(mail, "From: safekit@node1\r\nTo: a@b.c,\r\n d@e.f\r\nMessage-ID: <safekit.0123456789abcdef.7@node1>\r\n"));
	assert_non_null(strstr(mail, "boundary=\"=_safekit.0123456789abcdef.7\"\r\n"));
	assert_non_null(strstr(mail, "The following 4 noteworthy messages have been emitted on node1:"));
	assert_non_null(strstr(mail, "Node   Module  Timestamp                         Origin  Level  Message"));
	assert_non_null(strstr(mail, "Summed up, 1 more:\r\n  1 x node1 mirror heart E 512"));
	assert_non_null(strstr(mail, "<td>node1</td>"));
	assert_non_null(strstr(mail, "1 mail was set aside &lt;b&gt;"));
	/* newest first */
	assert_true(strstr(mail, "250000+00:00") < strstr(mail, "000000+00:00"));
	free(mail);
	gather_free(&g);
	free(c);
}

static void
test_injection(void **state)
{
	struct mail_conf *c = conf_of("[rule a]\nto = a@b.c\n");
	struct event_fields f = { .message = "x\r\nBcc: all@example.org\r\n\r\n<script>alert(1)</script>\r\n.\r\nMAIL FROM:<x>", .node = "n\r\nBcc: b@c",
		.module = "m\nTo: b@c", .origin = "--=_safekit.0123456789abcdef.7--", .level = "C", .key = "1" };
	struct mail_event ev;
	struct gather g;
	char *mail;

	gather_init(&g, c);
	event_from_fields(&f, NOW, &ev);
	assert_true(gather_event(&g, &ev, NOW));
	mail = mail_of(&g, c, NULL);
	assert_int_equal(header_count(mail, "Bcc:"), 0);
	assert_int_equal(header_count(mail, "To:"), 1);
	assert_int_equal(header_count(mail, "Subject:"), 1);
	assert_null(strstr(strstr(mail, "Content-Type: text/html"), "<script>"));
	assert_null(strstr(mail, "\r\n.\r\n"));
	assert_null(strstr(mail, "\r\n--=_safekit.0123456789abcdef.7--\r\n--=_"));
	free(mail);
	gather_free(&g);

	/* another alphabet, long: encoded words, each valid by itself */
	tell(&g, 'C', 533, "mod", "\xd0\x9d\xd0\xb5\xd1\x82 \xd0\x9d\xd0\xb5\xd1\x82 \xd0\x9d\xd0\xb5\xd1\x82 \xd0\x9d\xd0\xb5\xd1\x82 \xd0\x9d\xd0\xb5\xd1\x82 \xf0\x9f\x98\x80", NOW);
	mail = mail_of(&g, c, NULL);
	assert_non_null(strstr(mail, "Subject: =?UTF-8?B?"));
	free(mail);
	gather_free(&g);
	{	/* as long as can be */
		char text[SK_TEXT_MAX];

		memset(text, 'x', sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		tell(&g, 'C', 533, "mod", text, NOW);
		memset(text, '=', sizeof(text) - 1);
		tell(&g, 'C', 533, "mod", text, NOW);
		memset(text, ' ', sizeof(text) - 1);
		tell(&g, 'C', 533, "mod", text, NOW);
		mail = mail_of(&g, c, NULL);
		free(mail);
	}
	gather_free(&g);
	free(c);
}

/* Any bytes: the readers come to an end and give clean texts (valgrind and the sanitizers see the rest) */
static void
test_garbage(void **state)
{
	uint32_t seed = 20261122;
	char line[600], err[400];
	struct mail_event ev;
	int i;
	size_t k, n;

	for (i = 0; i < 20000; i++) {
		static const char *const begin[] = { "<26>Nov 14 22:13:20 n safekit: | ", "2026-11-14T22:13:20Z n safekit: ", "<1>1 2026-11-14T22:13:20Z n safekit - - [", "[rule a]\n", "" };
		const unsigned char *p;

		seed = seed * 1664525 + 1013904223;
		n = (size_t)snprintf(line, sizeof(line), "%s", begin[seed >> 8 & 3]);
		for (k = 0; k < (seed >> 12) % 500; k++) {
			seed = seed * 1664525 + 1013904223;
			line[n + k] = (char)(seed >> 16 & 1 ? "| []\\\n= :-"[(seed >> 20) % 10] : (char)(seed >> 24));
		}
		line[n + k] = '\0';
		if (event_from_line(line, NOW, "n", &ev))
			for (p = (const unsigned char *)ev.message; *p != '\0'; p++)
				assert_true(*p >= 0x20 && *p != 0x7f);
		free(conf_parse(line, err, sizeof(err)));
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines), cmocka_unit_test(test_fields), cmocka_unit_test(test_conf), cmocka_unit_test(test_conf_refuses),
		cmocka_unit_test(test_quiet_hours), cmocka_unit_test(test_window), cmocka_unit_test(test_hour), cmocka_unit_test(test_quiet_window),
		cmocka_unit_test(test_down), cmocka_unit_test(test_down_after_boot), cmocka_unit_test(test_recovery_opens), cmocka_unit_test(test_bounds), cmocka_unit_test(test_compose),
		cmocka_unit_test(test_injection), cmocka_unit_test(test_garbage),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
