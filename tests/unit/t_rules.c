/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fsm/rules.h: what compiles means what the guide says; what does not is refused at its place with what was expected. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "conf/conf.h"
#include "fsm/rules.h"
#include "rules_texts.h"

#define NO	RULE_FALSE
#define YES	RULE_TRUE
#define OPEN	RULE_UNDECIDED

static struct rules *
compile(const char *text, int origin)
{
	struct rules_part part = { text, 1, 1, origin };
	struct rules_error err;
	struct rules *r = rules_compile(&part, 1, &err);

	if (r == NULL)
		fail_msg("%d:%d: %s\n%s", err.line, err.column, err.text, text);
	return r;
}

static void
set(struct rules *r, const char *name, int health)
{
	assert_true(rules_set(r, name, health, false));
}

/* ---- what expressions mean ---- */
/* The world: intf all up, ping one down, tcp one in init, custom of every kind, one class without any */
static void
make_world(struct rules *r)
{
	static const struct { const char *name; int health; } world[] = {
		{ "intf.eth0", RH_UP }, { "intf.eth1", RH_UP }, { "ping.gw", RH_UP }, { "ping.dns", RH_DOWN }, { "tcp.web", RH_UP },
		{ "tcp.db", RH_INIT }, { "custom.a", RH_UP }, { "custom.b", RH_DOWN }, { "custom.c", RH_INIT }, { "custom.d", RH_UNKNOWN },
		{ "rfs.uptodate", RH_DOWN }, { "ip.192.168.1.99", RH_UP }, { "ip.fe80::1", RH_DOWN }, { "ip.10.0.0.0/24", RH_UP },
		{ "proc.my-app_1", RH_UP }, { "dead.x", RH_DOWN }, { "dead.y", RH_DOWN }, { "fresh.x", RH_INIT }, { "fresh.y", RH_INIT },
		{ "value.x", RH_OTHER }, { "ping.eth0", RH_UP },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(world); i++)
		set(r, world[i].name, world[i].health);
}

static const struct { const char *text; int want; } meanings[] = {
	/* one resource */
	{ "intf.eth0 == up", YES }, { "intf.eth0 == down", NO }, { "intf.eth0 != up", NO }, { "intf.eth0 != down", YES },
	{ "up == intf.eth0", YES }, { "local.intf.eth0 == up", YES }, { "ping.dns == DOWN", YES }, { "ping.dns == Down", YES },
	{ "custom.d == unknown", YES }, { "nobody.x == unknown", YES }, { "nobody.x == up", NO }, { "nobody.x == init", NO },
	{ "value.x == unknown", YES }, { "intf.eth0", YES }, { "ping.dns", NO }, { "!ping.dns", YES }, { "nobody.x", NO },
	{ "tcp.db", OPEN }, { "!tcp.db", OPEN }, { "intf.eth0 == TRUE", YES }, { "ping.dns == false", YES }, { "ping.dns != True", YES },
	/* addresses as ids */
	{ "ip.192.168.1.99 == up", YES }, { "ip.fe80::1 == down", YES }, { "ip.fe80::1==down", YES }, { "ip.fe80::1!=down", NO },
	{ "ip.10.0.0.0/24 == up", YES }, { "proc.my-app_1 == up", YES }, { "ip.fe80::1/* why */== down", YES },
	/* init: undecided unless asked for */
	{ "tcp.db == up", OPEN }, { "tcp.db == down", OPEN }, { "tcp.db == unknown", OPEN }, { "tcp.db == init", YES },
	{ "tcp.db != init", NO }, { "tcp.db != up", OPEN }, { "intf.eth0 == init", NO }, { "init == tcp.db", YES },
	{ "tcp.db == custom.c", OPEN }, { "tcp.db == intf.eth0", OPEN }, { "tcp.db == INIT", YES },
	/* any */
	{ "intf.? == up", YES }, { "intf.? == down", NO }, { "ping.? == down", YES }, { "ping.? == up", YES }, { "tcp.? == up", YES },
	{ "tcp.? == down", OPEN }, { "tcp.? == init", YES }, { "none.? == up", NO }, { "none.? == unknown", NO }, { "fresh.? == down", OPEN },
	{ "intf.? != up", NO }, { "ping.? != up", YES }, { "tcp.? != up", OPEN }, { "none.? != up", NO }, { "ping.?", YES },
	{ "custom.? == unknown", YES }, { "custom.? == down", YES },
	/* all */
	{ "intf.* == up", YES }, { "ping.* == up", NO }, { "ping.* == down", NO }, { "tcp.* == up", OPEN }, { "tcp.* == down", NO },
	{ "none.* == up", YES }, { "none.* == down", YES }, { "dead.* == down", YES }, { "fresh.* == init", YES }, { "tcp.* == init", NO },
	{ "fresh.* == up", OPEN }, { "intf.* != down", YES }, { "ping.* != down", NO }, { "intf.* != up", NO }, { "none.* != up", YES },
	{ "custom.* == up", NO }, { "intf.*", YES }, { "ping.*", NO },
	/* classes */
	{ "*.eth0 == up", YES }, { "?.eth0 == up", YES }, { "?.eth0 == down", NO }, { "*.x == down", NO }, { "?.x == down", YES },
	{ "?.y == down", YES }, { "*.y == down", OPEN }, { "*.* == up", NO }, { "?.? == unknown", YES }, { "?.? == up", YES },
	{ "*.? == down", YES }, { "?.* == down", NO }, { "*.none == up", YES }, { "?.none == up", NO },
	/* resources with resources */
	{ "intf.eth0 == ping.gw", YES }, { "intf.eth0 != ping.dns", YES }, { "nobody.x == nobody.y", YES }, { "intf.* == ping.gw", YES },
	{ "ping.gw == intf.*", YES }, { "intf.? == ping.?", YES }, { "intf.* == ping.?", YES }, { "intf.* == ping.*", NO },
	{ "intf.* == dead.?", NO }, { "none.* == tcp.db", YES }, { "none.? == tcp.db", NO },
	/* the other server is not heard */
	{ "remote.rfs.uptodate == unknown", YES }, { "remote.intf.? == down", NO }, { "remote.intf.* == up", NO },
	{ "remote.intf.? == unknown", YES }, { "remote.x.* == unknown", YES }, { "remote.rfs.uptodate", NO },
	{ "rfs.uptodate != remote.rfs.uptodate", YES },
	/* functions and texts */
	{ "hostname() == \"alpha\"", YES }, { "hostname()==\"beta\"", NO }, { "hostname( ) != \"beta\"", YES }, { "\"alpha\" == hostname()", YES },
	{ "\"a b /* c */\" == \"a b /* c */\"", YES }, { "\"\" == hostname()", NO }, { "hostname() == hostname()", YES },
	{ "isdefaultprim()", YES }, { "isdefaultprim() == TRUE", YES }, { "isdefaultprim() == FALSE", NO }, { "! isdefaultprim ()", NO },
	{ "cluster() == up", YES }, { "cluster() == down", NO }, { "cluster() != unknown", YES }, { "cluster()", YES },
	{ "cluster() == intf.eth0", YES }, { "cluster() == init", NO },
	/* truths */
	{ "TRUE", YES }, { "FALSE", NO }, { "true == TRUE", YES }, { "TRUE != FALSE", YES }, { "!TRUE", NO }, { "!!TRUE", YES },
	{ "up == up", YES }, { "up == down", NO }, { "init == init", YES },
	{ "TRUE || FALSE && FALSE", YES }, { "(TRUE || FALSE) && FALSE", NO }, { "FALSE == FALSE && TRUE", YES }, { "!FALSE == TRUE", YES },
	{ "!(FALSE == FALSE)", NO }, { "TRUE == TRUE == FALSE", NO }, { "FALSE || FALSE || TRUE", YES }, { "TRUE && TRUE && FALSE", NO },
	{ "(intf.eth0 == up) == TRUE", YES }, { "(intf.eth0 == up) == (ping.gw == up)", YES }, { "(intf.eth0) == up", YES },
	{ "((((intf.eth0)))) == (((up)))", YES }, { "(ping.? == down) != (intf.? == down)", YES }, { "(hostname()) == (\"alpha\")", YES },
	/* undecided: Kleene */
	{ "TRUE || tcp.db == up", YES }, { "tcp.db == up || TRUE", YES }, { "FALSE || tcp.db == up", OPEN }, { "FALSE && tcp.db == up", NO },
	{ "tcp.db == up && FALSE", NO }, { "TRUE && tcp.db == up", OPEN }, { "!(tcp.db == up)", OPEN }, { "tcp.db == up == TRUE", OPEN },
	{ "(tcp.db == up) != (tcp.db == up)", OPEN }, { "tcp.db == up || tcp.db == down", OPEN }, { "tcp.db == init && ping.? == down", YES },
	/* blanks and comments anywhere */
	{ " intf.eth0==up ", YES }, { "\tintf.eth0\r\n==\fup\v", YES }, { "/* a */ intf.eth0 /**/ == <!-- b --> up /* ; ) */", YES },
	{ "<!-- a\nb --> TRUE", YES }, { "/* <!-- */ TRUE /* --> */", YES }, { "intf.*/* all */== up", YES }, { "intf.eth0<!-- -->== up", YES },
};

static int
meaning(const char *expression)
{
	const struct rules_facts facts = { "alpha", true, RH_UP };
	char text[8192];
	struct rules *r;
	int value;

	snprintf(text, sizeof(text), "x:if(%s)then wait();", expression);
	r = compile(text, RULES_USER);
	make_world(r);
	rules_eval(r, &facts);
	assert_int_equal(rules_count(r), 1);
	value = rules_row(r, 0)->value;
	rules_free(r);
	return value;
}

static void
test_meanings(void **state)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(meanings); i++)
		if (meaning(meanings[i].text) != meanings[i].want)
			fail_msg("%s: %d, expected %d", meanings[i].text, meaning(meanings[i].text), meanings[i].want);
}

static void
test_facts(void **state)
{
	static const struct { struct rules_facts f; const char *want; } rows[] = {	/* one letter per rule */
		{ { "beta", false, RH_DOWN }, "NYNYN" }, { { "alpha", true, RH_UNKNOWN }, "YNYNY" }, { { NULL, false, 77 }, "NYNNY" },
	};
	struct rules *r = compile("a: if (hostname() == \"alpha\") then stop(); b: if (hostname() != \"alpha\") then stop();"
	    "c: if (isdefaultprim()) then stop(); d: if (cluster() == down) then stop(); e: if (cluster() == unknown) then stop();", 0);
	size_t i;
	int k;

	assert_int_equal(rules_row(r, 0)->value, RULE_UNDECIDED);	/* not evaluated yet */
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		rules_eval(r, &rows[i].f);
		for (k = 0; k < 5; k++)
			assert_int_equal(rules_row(r, k)->value, rows[i].want[k] == 'Y' ? RULE_TRUE : RULE_FALSE);
	}
	rules_free(r);
}

static void
test_actions(void **state)
{
	static const struct { const char *text; int order; const char *target; int health; } rows[] = {
		{ "stop()", RULE_STOP, "", 0 }, { "stopstart()", RULE_STOPSTART, "", 0 }, { "wait ( )", RULE_WAIT, "", 0 },
		{ "restart ()", RULE_RESTART, "", 0 }, { "swap(/* no arguments */)", RULE_SWAP, "", 0 },
		{ "rfs.uptodate=up", RULE_ASSIGN, "rfs.uptodate", RH_UP }, { "local.a.b = DOWN", RULE_ASSIGN, "a.b", RH_DOWN },
		{ "a.b=init", RULE_ASSIGN, "a.b", RH_INIT }, { "ip.fe80::1=unknown", RULE_ASSIGN, "ip.fe80::1", RH_UNKNOWN },
	};
	char text[256];
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct rules *r;
		const struct rule_row *row;

		snprintf(text, sizeof(text), "my-label.1_x :  if (TRUE)\n\tthen %s /* c */ ;", rows[i].text);
		r = compile(text, RULES_GENERATED);
		row = rules_row(r, 0);
		assert_string_equal(row->label, "my-label.1_x");
		assert_int_equal(row->order, rows[i].order);
		assert_string_equal(row->target, rows[i].target);
		assert_int_equal(row->health, rows[i].health);
		assert_int_equal(row->origin, RULES_GENERATED);
		assert_null(rules_row(r, 1));
		assert_null(rules_row(r, -1));
		rules_free(r);
	}
}

static void
test_text_of_a_rule(void **state)
{
	struct rules *r = compile(
	    "\n/* before */ a:/*1*/if (  hostname()\n\t== \"b  /*c*/ \" )<!-- 2 -->then\r\nwait() ; b:if(TRUE)then stop();", 0);

	assert_string_equal(rules_row(r, 0)->text, "a: if ( hostname() == \"b  /*c*/ \" ) then wait() ;");
	assert_int_equal(rules_row(r, 0)->line, 2);
	assert_int_equal(rules_row(r, 0)->column, 14);
	assert_string_equal(rules_row(r, 1)->text, "b:if(TRUE)then stop();");
	assert_int_equal(rules_row(r, 1)->line, 4);
	assert_int_equal(rules_row(r, 1)->column, 10);
	rules_free(r);
}

/* ---- errors ---- */
static const struct { const char *text; int line, column; const char *says; } errors[] = {
	{ "a", 1, 2, "the rules end here: expected ':'" }, { "a if (TRUE) then wait();", 1, 3, "'if': expected ':' after the label" },
	{ ": if", 1, 1, "':': expected a label" }, { "a: when (TRUE)", 1, 4, "'when': expected if" }, { "a: IF (TRUE)", 1, 4, "expected if" },
	{ "a: if TRUE then", 1, 7, "'TRUE': expected '(' after if" }, { "a: if () then", 1, 8, "')': expected a resource as class.id" },
	{ "a: if (TRUE then wait();", 1, 13, "'then': expected ')', && or ||" }, { "a: if (TRUE) wait();", 1, 14, "'wait': expected then" },
	{ "a: if (TRUE) && (TRUE) then wait();", 1, 14, "brackets around the whole condition" },
	{ "a: if (TRUE)", 1, 13, "the rules end here: expected then" }, { "a: if (TRUE) then", 1, 18, "expected an action: stop()" },
	{ "a: if (TRUE) then reboot();", 1, 19, "unknown action 'reboot': expected stop(), stopstart(), wait(), restart(), swap()" },
	{ "a: if (TRUE) then wait;", 1, 23, "';': expected '()' after the action" },
	{ "a: if (TRUE) then wait(5);", 1, 24, "an action has no arguments" },
	{ "a: if (TRUE) then wait()\nb: if (TRUE) then wait();", 2, 1, "'b:': expected ';' after the action" },
	{ "a: if (TRUE) then wait()", 1, 25, "the rules end here: expected ';'" }, { "a: if (TRUE) then wait();;", 1, 26, "expected a label" },
	{ "a: if (TRUE) then x.y=up z: if", 1, 26, "expected ';' after the action" },
	{ "a: if (TRUE) then x.y==up;", 1, 22, "a single =" }, { "a: if (TRUE) then x.y=on;", 1, 23, "'on': expected init, down, up or unknown" },
	{ "a: if (TRUE) then x.y;", 1, 22, "';': expected '='" }, { "a: if (TRUE) then remote.x.y=up;", 1, 19, "expected a local resource" },
	{ "a: if (TRUE) then x.*=up;", 1, 19, "without * and ?" }, { "a: if (TRUE) then ?.y=up;", 1, 19, "without * and ?" },
	{ "a: if (x.y = up) then wait();", 1, 12, "'=': expected ==" }, { "a: if (x.y & z.a)", 1, 12, "a single &: expected &&" },
	{ "a: if (x.y | z.a)", 1, 12, "a single |: expected ||" }, { "a: if (x.y &amp;&amp; z.a)", 1, 12, "in CDATA nothing is escaped" },
	{ "a: if (x.y < up)", 1, 12, "there is no order among states" }, { "a: if (TRUE && )", 1, 16, "')': expected a resource" },
	{ "a: if (x.y == )", 1, 15, "')': expected a resource" },
	{ "a: if (host() == up)", 1, 8, "unknown function 'host()': expected hostname()" },
	{ "a: if (hostname == \"x\")", 1, 17, "'(' is missing after 'hostname'" }, { "a: if (hostname(1) == \"x\")", 1, 17, "no arguments" },
	{ "a: if (tcp == up)", 1, 8, "unknown word 'tcp': expected a resource as class.id" }, { "a: if (* == up)", 1, 8, "unknown word '*'" },
	{ "a: if (tcp. == up)", 1, 8, "'tcp.' has no id" }, { "a: if (.x == up)", 1, 8, "'.x' has no class" },
	{ "a: if (remote.tcp == up)", 1, 8, "'remote.tcp' has no id" }, { "a: if (local.x == up)", 1, 8, "'local.x' has no id" },
	{ "a: if (tcp.web* == up)", 1, 8, "stand for a whole class or id" }, { "a: if (t?.web == up)", 1, 8, "stand for a whole class or id" },
	{ "a: if (a:b.web == up)", 1, 8, "a class is made of letters" }, { "a: if (up)", 1, 8, "a state alone is neither true nor false" },
	{ "a: if (TRUE || \"x\")", 1, 16, "a text alone is neither" }, { "a: if (hostname())", 1, 8, "a text alone" },
	{ "a: if (!down)", 1, 9, "a state alone" }, { "a: if (hostname() == up)", 1, 22, "a text is compared with a state: expected \"...\"" },
	{ "a: if (x.y == \"up\")", 1, 15, "a resource is compared with a text: expected a state (without quotes)" },
	{ "a: if (up == TRUE)", 1, 14, "a state is compared with a truth value" }, { "a: if (!x.y == up)", 1, 16, "! binds closer than ==" },
	{ "a: if (\"x\" != isdefaultprim())", 1, 15, "a text is compared with a truth value" },
	{ "a: if (hostname() == \xe2\x80\x9cx\xe2\x80\x9d)", 1, 22, "typographic quote U+201C: expected \"" },
	{ "a: if (hostname() == \"x\xe2\x80\x9d)", 1, 22, "does not end in its line" }, { "a: if (hostname() == 'x')", 1, 22, "': expected \"" },
	{ "a: if (x.y \xe2\x80\x93 up)", 1, 12, "typographic dash U+2013" },
	{ "a: if\xc2\xa0(TRUE)", 1, 6, "no-break space U+00A0: expected a plain blank" },
	{ "a: if (hostname() == \"x\n\")", 1, 22, "does not end in its line" },
	{ "a: if (TRUE) /* then wait();", 1, 14, "a comment that does not end: expected */" },
	{ "<!-- a: if (TRUE) then wait();", 1, 1, "a comment that does not end: expected -->" }, { "// no\n", 1, 1, "expected a comment as /*" },
	{ "a: if (x.y == up) then wait(); # no", 1, 32, "expected a comment as /*" }, { "a: if (\x01)", 1, 8, "byte 0x01" },
	{ "a: if ({)", 1, 8, "'{': expected" },
	{ "a: if (TRUE) then wait();\n/* \xc3\xa9\xc3\xa9 */ a: if (TRUE) then stop();", 2, 10,
	    "label 'a' is given twice: expected another one than in line 1" },
	{ "/* \xc3\xa9\xc3\xa9 */ b if", 1, 12, "'if'" }, { "a:b: if (TRUE)", 1, 3, "'b:': expected if" },
	{ "\ta\t: \tno", 1, 7, "'no': expected if" },
};

static void
test_errors(void **state)
{
	struct rules_error err;
	size_t i;

	for (i = 0; i < ARRAY_LEN(errors); i++) {
		struct rules_part part = { errors[i].text, 1, 1, RULES_USER };

		assert_null(rules_compile(&part, 1, &err));
		if (err.part != 0 || err.line != errors[i].line || err.column != errors[i].column || strstr(err.text, errors[i].says) == NULL)
			fail_msg("%s\n%d:%d: %s\nexpected %d:%d: %s", errors[i].text, err.line, err.column, err.text, errors[i].line,
			    errors[i].column, errors[i].says);
	}
}

/* The text begins somewhere in its file: the column counts in the first line only */
static void
test_place_in_the_file(void **state)
{
	const struct rules_part parts[] = { { "", 0, 0, RULES_USER }, { "a: iff", 40, 10, RULES_GENERATED },
	    { "a:\niff", 40, 10, RULES_DEFAULT } };
	struct rules_error err;

	assert_null(rules_compile(parts, 2, &err));
	assert_int_equal(err.part, 1);
	assert_int_equal(err.line, 40);
	assert_int_equal(err.column, 13);
	assert_null(rules_compile(parts + 2, 1, &err));
	assert_int_equal(err.part, 0);
	assert_int_equal(err.line, 41);
	assert_int_equal(err.column, 1);
}

static void
test_empty(void **state)
{
	const struct rules_part parts[] = { { "", 1, 1, RULES_USER }, { " /* nothing */ \n", 1, 1, RULES_DEFAULT } };
	const struct rules_facts facts = { "alpha", false, RH_UP };
	struct rules_word words[RULES_REMOTE_MAX];
	struct rules_error err;
	struct rules *r = rules_compile(parts, 2, &err);

	assert_non_null(r);
	assert_int_equal(rules_count(r), 0);
	set(r, "a.b", RH_UP);
	rules_remove(r, "a.b");
	rules_remove(r, "a.b");
	rules_eval(r, &facts);
	assert_int_equal(rules_words(r, words), 0);
	rules_remote(r, words, 0);
	rules_remote(r, NULL, -1);
	rules_free(r);
	r = rules_compile(NULL, 0, &err);
	assert_non_null(r);
	rules_remove(r, "a.b");
	rules_free(r);
	rules_free(NULL);
}

static void
test_overriding(void **state)
{
	struct rules_part parts[] = {
		{ "b: if (x.b == up) then wait(); a: if (x.a == up) then swap();", 1, 1, RULES_USER },
		{ "c: if (x.c == up) then wait(); a: if (remote.y.a == up && \"s\" == \"s\") then stop();", 2, 1, RULES_GENERATED },
		{ "d: if (x.d == up) then wait(); b: if (remote.y.b == up) then stop(); c: if (x.c == up) then stop();", 3, 1, RULES_DEFAULT } };
	static const struct { const char *label; int order, origin; } want[] = { { "b", RULE_WAIT, RULES_USER }, { "a", RULE_SWAP, RULES_USER },
		{ "c", RULE_WAIT, RULES_GENERATED }, { "d", RULE_WAIT, RULES_DEFAULT } };
	struct rules_word words[RULES_REMOTE_MAX];
	struct rules_error err;
	struct rules *r = rules_compile(parts, 3, &err);
	int i;

	assert_non_null(r);
	assert_int_equal(rules_count(r), 4);
	for (i = 0; i < 4; i++) {
		assert_string_equal(rules_row(r, i)->label, want[i].label);
		assert_int_equal(rules_row(r, i)->order, want[i].order);
		assert_int_equal(rules_row(r, i)->origin, want[i].origin);
	}
	assert_int_equal(rules_words(r, words), 0);	/* what is left out asks for nothing */
	rules_free(r);
	parts[2].text = "a: if (TRUE) then stop(); a: if (TRUE) then stop();";
	assert_null(rules_compile(parts, 3, &err));
	assert_non_null(strstr(err.text, "given twice"));
	parts[2].text = "a: if (x == up) then stop();";	/* left out, but not unread */
	assert_null(rules_compile(parts, 3, &err));
	assert_int_equal(err.part, 2);
}

/* ---- limits ---- */
static char *
repeat(const char *head, const char *each, int n, const char *tail)
{
	size_t size = strlen(head) + strlen(tail) + (size_t)n * (strlen(each) + 16) + 1;
	char *text = malloc(size), *p = text;
	int i;

	assert_non_null(text);
	p += sprintf(p, "%s", head);
	for (i = 0; i < n; i++) {
		const char *c;

		for (c = each; *c != '\0'; c++)
			p += *c == '#' ? sprintf(p, "%d", i) : sprintf(p, "%c", *c);
	}
	sprintf(p, "%s", tail);
	return text;
}

static const struct { const char *head, *each; int fits, n; const char *tail, *says; } limits[] = {
	{ "", "l#: if (TRUE) then wait();\n", RULES_MAX, RULES_MAX + 1, "", "more than 5000 rules" },
	{ "a: if (", "!", RULES_DEPTH_MAX, RULES_DEPTH_MAX + 1, "TRUE) then wait();", "more than 64 brackets and '!'" },
	{ "", "l", RULES_LABEL_MAX - 1, RULES_LABEL_MAX, ": if (TRUE) then wait();", "a label of 64 characters: expected at most 63" },
	{ "a: if (c.", "x", SK_RES_MAX - 3, SK_RES_MAX - 2, ") then wait();", "a resource of 128 bytes: expected at most 127" },
	{ "a: if (remote.c.", "x", SK_RES_MAX - 3, SK_RES_MAX - 2, ") then wait();", "a resource of 128 bytes" },
	{ "a: if (hostname() == \"", "x", 255, 256, "\") then wait();", "more than 255 bytes" },
	{ "a: if (FALSE", " || remote.c.x# == up", RULES_REMOTE_MAX, RULES_REMOTE_MAX + 1, ") then wait();", "more than 200 different remote" },
	{ "a: if (TRUE) then wait();", " ", RULES_TEXT_MAX - 25, RULES_TEXT_MAX - 24, "", "longer than 1048576 bytes" },
};

static void
test_limits(void **state)
{
	struct rules_part part = { NULL, 1, 1, RULES_USER };
	struct rules_error err;
	size_t i;
	char *text;

	for (i = 0; i < ARRAY_LEN(limits); i++) {
		text = repeat(limits[i].head, limits[i].each, limits[i].fits, limits[i].tail);
		rules_free(compile(text, RULES_USER));
		free(text);
		text = repeat(limits[i].head, limits[i].each, limits[i].n, limits[i].tail);
		part.text = text;
		assert_null(rules_compile(&part, 1, &err));
		if (strstr(err.text, limits[i].says) == NULL)
			fail_msg("%s: expected %s", err.text, limits[i].says);
		free(text);
	}
}

/* Brackets to the limit, each level with all that can wait for its right side: the machine's stack is deep enough */
static void
test_depth(void **state)
{
	const struct rules_facts facts = { "alpha", false, RH_UP };
	char *open = repeat("a: if (", "FALSE || TRUE && TRUE == (", RULES_DEPTH_MAX, "TRUE"), *text;
	struct rules_part part = { NULL, 1, 1, RULES_USER };
	struct rules_error err;
	struct rules *r;

	text = repeat(open, ")", RULES_DEPTH_MAX, ") then wait();");
	r = compile(text, RULES_USER);
	rules_eval(r, &facts);
	assert_int_equal(rules_row(r, 0)->value, RULE_TRUE);
	rules_free(r);
	free(text);
	free(open);
	open = repeat("a: if (", "(", RULES_DEPTH_MAX + 1, "TRUE");
	part.text = open;
	assert_null(rules_compile(&part, 1, &err));
	assert_int_equal(err.column, 8 + RULES_DEPTH_MAX);
	assert_non_null(strstr(err.text, "more than 64 brackets"));
	free(open);
	open = repeat("a: if (", "TRUE && ", 100000, "FALSE) then wait();");	/* long is not deep */
	r = compile(open, RULES_USER);
	rules_eval(r, &facts);
	assert_int_equal(rules_row(r, 0)->value, RULE_FALSE);
	rules_free(r);
	free(open);
}

static void
test_resource_limit(void **state)
{
	struct rules *r = compile("a: if (c.? == up) then wait();", RULES_USER);
	char name[SK_RES_MAX + 8];
	int i;

	/* more than the configuration allows of checks (4096) and of processes (1024), and the module's own */
	for (i = 0; i < RULES_RESOURCES_MAX; i++) {
		snprintf(name, sizeof(name), "c.r%d", i);
		assert_true(rules_set(r, name, RH_DOWN, false));
	}
	assert_false(rules_set(r, "c.more", RH_UP, false));
	assert_true(rules_set(r, "c.r7", RH_UP, false));	/* those that are there change on */
	rules_remove(r, "c.r8");
	assert_true(rules_set(r, "c.more", RH_UP, false));
	rules_limit(r, RULES_RESOURCES_MAX + 100);
	assert_true(rules_set(r, "c.again", RH_UP, false));
	memset(name, 'x', sizeof(name));
	name[SK_RES_MAX] = '\0';
	assert_false(rules_set(r, name, RH_UP, false));
	assert_false(rules_set(r, "c.*", RH_UP, false));
	assert_true(rules_set(r, "nodot", RH_UP, false));
	rules_remove(r, "nodot");
	rules_free(r);
}

/* ---- tallies ---- */
static int
value_of(struct rules *r, int rule)
{
	const struct rules_facts facts = { "alpha", false, RH_UP };

	rules_eval(r, &facts);
	return rules_row(r, rule)->value;
}

static void
test_changes(void **state)
{
	struct rules *r = compile("a: if (c.? == down) then wait();", RULES_USER);

	assert_int_equal(value_of(r, 0), RULE_FALSE);
	set(r, "c.x", RH_INIT);
	assert_int_equal(value_of(r, 0), RULE_UNDECIDED);
	set(r, "c.x", RH_DOWN);
	set(r, "c.y", RH_DOWN);
	set(r, "c.y", RH_DOWN);
	assert_int_equal(value_of(r, 0), RULE_TRUE);
	set(r, "c.x", RH_UP);
	assert_int_equal(value_of(r, 0), RULE_TRUE);
	rules_remove(r, "c.y");
	assert_int_equal(value_of(r, 0), RULE_FALSE);
	rules_remove(r, "c.x");
	set(r, "other.x", RH_DOWN);
	assert_int_equal(value_of(r, 0), RULE_FALSE);
	set(r, "c.x", -1);
	set(r, "c.x", 99);
	assert_int_equal(value_of(r, 0), RULE_FALSE);
	rules_free(r);
}

/* Own ones: the default rules' wildcards do not see them, their names and the rules of others do */
static void
test_own(void **state)
{
	const struct rules_part parts[] = { { "user: if (tcp.? == down) then swap();", 1, 1, RULES_USER },
		{ "gen: if (tcp.? == down) then swap();", 1, 1, RULES_GENERATED },
		{ "any: if (tcp.? == down) then wait(); all: if (*.* == up) then wait(); named: if (tcp.a == down) then wait();"
		  "cls: if (?.a == down) then wait();", 1, 1, RULES_DEFAULT } };
	struct rules_error err;
	struct rules *r = rules_compile(parts, 3, &err);
	int i;

	assert_non_null(r);
	assert_true(rules_set(r, "tcp.a", RH_DOWN, true));
	assert_true(rules_set(r, "tcp.b", RH_UP, false));
	for (i = 0; i < 6; i++)
		assert_int_equal(value_of(r, i), i == 2 || i == 5 ? RULE_FALSE : RULE_TRUE);
	for (i = 0; i < 6; i++)	/* nor do they name them */
		assert_int_equal(rules_names(r, i, "tcp.a"), i != 2 && i != 3 && i != 5);
	assert_true(rules_set(r, "tcp.a", RH_DOWN, false));	/* action= was taken away */
	for (i = 0; i < 6; i++)
		assert_int_equal(value_of(r, i), i == 3 ? RULE_FALSE : RULE_TRUE);
	rules_free(r);
}

static char told[512];

static void
tell(void *ctx, const char *ref, bool remote, unsigned healths)
{
	snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s/%d/%x ", ref, remote, healths);
}

static void
test_references(void **state)
{
	struct rules *r = compile("a: if (tcp.? == up || local.tcp.? == up || tcp.a == remote.tcp.* || tcp.? == down) then wait();"
	    "b: if (tcp.? == up && *.a == up && x.y == up) then c.d=up; c: if (TRUE) then wait();", RULES_USER);

	set(r, "tcp.a", RH_UP);
	set(r, "tcp.b", RH_DOWN);
	told[0] = '\0';
	rules_refs(r, 0, tell, NULL);
	assert_string_equal(told, "tcp.?/0/c local.tcp.?/0/c tcp.a/0/4 remote.tcp.*/1/1 ");
	told[0] = '\0';
	rules_refs(r, 1, tell, NULL);
	assert_string_equal(told, "tcp.?/0/c *.a/0/4 x.y/0/1 ");
	rules_refs(r, 2, tell, NULL);
	assert_true(rules_names(r, 0, "tcp.a"));
	assert_true(rules_names(r, 0, "tcp.b"));
	assert_false(rules_names(r, 0, "x.y"));
	assert_true(rules_names(r, 1, "x.y"));	/* by name, though it does not exist */
	assert_false(rules_names(r, 1, "tcp.none"));
	assert_false(rules_names(r, 1, "c.d"));
	assert_false(rules_names(r, 2, "tcp.a"));
	rules_free(r);
}

/* ---- the other server ---- */
static void
exchange(struct rules *from, struct rules *to)
{
	struct rules_word words[RULES_REMOTE_MAX];
	int n = rules_words(from, words);

	rules_remote(to, words, n);
}

static void
test_words(void **state)
{
	const char *text = "a: if (remote.tcp.? == down) then wait(); b: if (remote.rfs.uptodate == up) then wait();"
	    "c: if (remote.tcp.* == up) then wait(); d: if (remote.tcp.? == down && tcp.? == up) then wait();"
	    "e: if (rfs.uptodate == remote.rfs.uptodate) then wait();";
	struct rules *here = compile(text, RULES_USER), *there = compile(text, RULES_USER);
	struct rules_word words[RULES_REMOTE_MAX], turned[RULES_REMOTE_MAX + 3];
	int i, n;

	set(there, "tcp.a", RH_UP);
	set(there, "tcp.b", RH_DOWN);
	set(there, "rfs.uptodate", RH_UP);
	set(here, "rfs.uptodate", RH_UP);
	set(here, "tcp.a", RH_UP);
	n = rules_words(there, words);
	assert_int_equal(n, 3);
	assert_int_equal(words[0].healths, 1u << RH_UP | 1u << RH_DOWN);
	assert_int_equal(words[1].healths, 1u << RH_UP);
	exchange(there, here);
	assert_int_equal(value_of(here, 0), RULE_TRUE);
	assert_int_equal(value_of(here, 1), RULE_TRUE);
	assert_int_equal(value_of(here, 2), RULE_FALSE);
	assert_int_equal(value_of(here, 3), RULE_TRUE);
	assert_int_equal(value_of(here, 4), RULE_TRUE);
	for (i = 0; i < n; i++)	/* another order, with words that nobody asked for */
		turned[n - 1 - i + 1] = words[i];
	turned[0] = (struct rules_word){ 1, 0xff };
	rules_remote(here, NULL, -1);
	assert_int_equal(value_of(here, 1), RULE_FALSE);
	rules_remote(here, turned, n + 1);
	assert_int_equal(value_of(here, 0), RULE_TRUE);
	assert_int_equal(value_of(here, 1), RULE_TRUE);
	rules_remote(here, words, 1);	/* the peer does not tell of the others: unknown */
	assert_int_equal(value_of(here, 0), RULE_TRUE);
	assert_int_equal(value_of(here, 1), RULE_FALSE);
	words[1].healths = 0xff;	/* nonsense: one resource has one health */
	words[0].healths = 0xf0;	/* none of those that we know */
	rules_remote(here, words, n);
	assert_int_equal(value_of(here, 1), RULE_FALSE);
	assert_int_equal(value_of(here, 0), RULE_FALSE);
	rules_remove(there, "tcp.b");
	rules_set(there, "rfs.uptodate", RH_INIT, false);
	exchange(there, here);
	assert_int_equal(value_of(here, 1), RULE_UNDECIDED);
	assert_int_equal(value_of(here, 2), RULE_TRUE);
	rules_free(here);
	rules_free(there);
}

/* Also the peer's default rules do not see what is own there; the words of both kinds differ in their keys */
static void
test_words_own(void **state)
{
	const struct rules_part parts[] = { { "a: if (remote.tcp.? == down) then wait();", 1, 1, RULES_USER },
		{ "b: if (remote.tcp.? == down) then wait();", 1, 1, RULES_DEFAULT } };
	struct rules_error err;
	struct rules *here = rules_compile(parts, 2, &err), *there = rules_compile(parts, 2, &err);
	struct rules_word words[RULES_REMOTE_MAX];

	assert_true(rules_set(there, "tcp.a", RH_DOWN, true));
	assert_int_equal(rules_words(there, words), 2);
	assert_int_not_equal(words[0].key, words[1].key);
	exchange(there, here);
	assert_int_equal(value_of(here, 0), RULE_TRUE);
	assert_int_equal(value_of(here, 1), RULE_FALSE);
	rules_free(here);
	rules_free(there);
}

/* Two references whose texts have one hash (found by search: FNV-1a of both is the same) are told apart */
static void
test_words_of_one_hash(void **state)
{
	struct rules *r = compile("a: if (remote.c.zm3as == up) then wait(); b: if (remote.c.z3tzo == up) then wait();", RULES_USER);
	struct rules_word words[RULES_REMOTE_MAX];

	assert_int_equal(rules_words(r, words), 2);
	assert_int_equal(words[1].key, words[0].key + 1);
	set(r, "c.z3tzo", RH_UP);
	exchange(r, r);
	assert_int_equal(value_of(r, 0), RULE_FALSE);
	assert_int_equal(value_of(r, 1), RULE_TRUE);
	rules_free(r);
}

/* ---- the texts of the guide ---- */
static int
label_value(struct rules *r, const char *label, bool defaultprim)
{
	const struct rules_facts facts = { "alpha", defaultprim, RH_UP };
	int i;

	rules_eval(r, &facts);
	for (i = 0; i < rules_count(r); i++)
		if (strcmp(rules_row(r, i)->label, label) == 0)
			return rules_row(r, i)->value;
	fail_msg("no rule %s", label);
	return -1;
}

static void
test_default_rules(void **state)
{
	static const struct { const char *label; int order; } want[] = { { "module_failure", RULE_WAIT }, { "interface_failure", RULE_WAIT },
		{ "ping_failure", RULE_WAIT }, { "tcp_failure", RULE_RESTART }, { "ip_failure", RULE_STOPSTART }, { "splitbrain_failure", RULE_WAIT },
		{ "notuptodate_server", RULE_WAIT }, { "lastprim_server", RULE_ASSIGN }, { "swap_server", RULE_ASSIGN }, { "flow_check", RULE_WAIT },
		{ "degraded_server", RULE_WAIT } };
	struct rules *r = compile(default_rules, RULES_DEFAULT), *peer = compile(default_rules, RULES_DEFAULT);
	size_t i;

	assert_int_equal(rules_count(r), (int)ARRAY_LEN(want));
	for (i = 0; i < ARRAY_LEN(want); i++) {
		assert_string_equal(rules_row(r, (int)i)->label, want[i].label);
		assert_int_equal(rules_row(r, (int)i)->order, want[i].order);
		assert_int_equal(value_of(r, (int)i), RULE_FALSE);	/* nothing is known: nothing is ordered */
	}
	set(r, "tcp.a", RH_DOWN);
	assert_int_equal(label_value(r, "tcp_failure", false), RULE_TRUE);
	set(r, "rfs.uptodate", RH_DOWN);
	set(r, "rfs.swapping", RH_DOWN);
	assert_int_equal(label_value(r, "notuptodate_server", false), RULE_TRUE);	/* the peer is not heard */
	set(r, "rfs.swapping", RH_UP);
	assert_int_equal(label_value(r, "notuptodate_server", false), RULE_FALSE);
	assert_int_equal(label_value(r, "swap_server", false), RULE_TRUE);
	set(peer, "rfs.uptodate", RH_DOWN);
	set(peer, "rfs.lastprimstate", RH_DOWN);
	set(r, "rfs.lastprimstate", RH_UP);
	exchange(peer, r);
	assert_int_equal(label_value(r, "lastprim_server", false), RULE_TRUE);
	set(peer, "rfs.degraded", RH_UP);
	exchange(peer, r);
	assert_int_equal(label_value(r, "degraded_server", false), RULE_TRUE);
	rules_free(r);
	rules_free(peer);
}

static void
test_firewall_rules(void **state)
{
	struct rules *r = compile(firewall_rules, RULES_USER), *peer = compile(firewall_rules, RULES_USER);

	set(r, "intf.eth0", RH_DOWN);
	set(r, "ping.gw", RH_UP);
	set(peer, "intf.eth0", RH_UP);
	set(peer, "ping.gw", RH_UP);
	assert_int_equal(label_value(r, "one_ill", false), RULE_FALSE);	/* nobody is better off, as far as is known */
	exchange(peer, r);
	assert_int_equal(label_value(r, "one_ill", false), RULE_TRUE);
	assert_int_equal(label_value(r, "both_ill", false), RULE_FALSE);
	set(peer, "ping.gw", RH_DOWN);
	exchange(peer, r);
	assert_int_equal(label_value(r, "one_ill", false), RULE_FALSE);
	assert_int_equal(label_value(r, "both_ill", false), RULE_TRUE);
	assert_int_equal(label_value(r, "both_ill", true), RULE_FALSE);
	set(r, "intf.eth0", RH_UP);
	set(peer, "ping.gw", RH_UP);
	set(r, "heartbeat.flow", RH_UP);
	exchange(peer, r);
	assert_int_equal(label_value(r, "heartbeat_loss", false), RULE_FALSE);
	set(r, "heartbeat.flow", RH_DOWN);
	assert_int_equal(label_value(r, "heartbeat_loss", false), RULE_TRUE);
	assert_int_equal(label_value(r, "heartbeat_loss", true), RULE_FALSE);
	rules_free(r);
	rules_free(peer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meanings), cmocka_unit_test(test_facts), cmocka_unit_test(test_actions),
		cmocka_unit_test(test_text_of_a_rule), cmocka_unit_test(test_errors), cmocka_unit_test(test_place_in_the_file),
		cmocka_unit_test(test_empty), cmocka_unit_test(test_overriding), cmocka_unit_test(test_limits), cmocka_unit_test(test_depth),
		cmocka_unit_test(test_resource_limit), cmocka_unit_test(test_changes), cmocka_unit_test(test_own), cmocka_unit_test(test_references),
		cmocka_unit_test(test_words), cmocka_unit_test(test_words_own), cmocka_unit_test(test_words_of_one_hash),
		cmocka_unit_test(test_default_rules), cmocka_unit_test(test_firewall_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
