/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/redact.c: what looks like a password does not leave the server, whatever it is written in; what does not, stays readable. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "cli/redact.h"

static void
test_texts(void **state)
{
	static const struct { const char *text, *expected; } rows[] = {
		{ "<var name=\"DB_PASSWORD\" value=\"hunter2\"/>", "<var name=\"DB_PASSWORD\" value=\"***\"/>" },
		{ "<var value=\"blue\" name=\"COLOR\"/><var name='ApiToken' value='t0ken'/>",
		    "<var value=\"blue\" name=\"COLOR\"/><var name='ApiToken' value='***'/>" },
		{ "<macro name=\"X\" value=\"pass\"/>", "<macro name=\"X\" value=\"pass\"/>" },
		{ "<tcp ident=\"a\" secretWord = \"hunter2\" port=\"80\"/>", "<tcp ident=\"a\" secretWord = \"***\" port=\"80\"/>" },
		{ "<password>hunter2</password>", "<password>***</password>" },
		{ "PGPASSWORD=hunter2 psql -h x", "PGPASSWORD=*** psql -h x" },
		{ "export KEY='a b c d'; echo", "export KEY='***'; echo" },
		{ "KEY=$(cat /etc/key)\nTOKEN=${T}\nPASS=%PASS%", "KEY=$(cat /etc/key)\nTOKEN=${T}\nPASS=%PASS%" },
		{ "mysql --password=hunter2 --user=me", "mysql --password=*** --user=me" },
		{ "mysql --password hunter2 --pass -v", "mysql --password *** --pass -v" },
		{ "{\"name\": \"PWD_DB\", \"value\": \"a\\\"bcd\", \"x\": 1}", "{\"name\": \"PWD_DB\", \"value\": \"***\", \"x\": 1}" },
		{ "{\"token\": \"abcd\", \"mode\": \"mirror\"}", "{\"token\": \"***\", \"mode\": \"mirror\"}" },
		{ "r: if (custom.keyfile == down) then wait();", "r: if (custom.keyfile == down) then wait();" },
		{ "usekey=\"on\" passive=true", "usekey=\"on\" passive=true" },
		{ "nothing here: pass", "nothing here: pass" },
		{ "", "" }, { "password=", "password=" }, { "password=\"", "password=\"" }, { "password=\"abc", "password=\"***" },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct redact r = { 0 };
		char *out = redact_text(&r, rows[i].text, strlen(rows[i].text));

		assert_non_null(out);
		assert_string_equal(out, rows[i].expected);
		free(out);
		redact_free(&r);
	}
}

static void
test_what_was_seen_is_known_everywhere(void **state)
{
	static const char conf[] = "<var name=\"P\" value=\"x\"/><var name=\"PASS\" value=\"a&amp;b;c\"/><var name=\"KEY\" value=\"a&amp;\"/>"
	    "<var name=\"TOKEN\" value=\"abc\"/>";
	struct redact r = { 0 };
	char *out = redact_text(&r, conf, strlen(conf));

	assert_int_equal(r.hidden, 3);
	free(out);
	out = redact_known(&r, "login a&b;c ok, a&amp;b;c, abc", 30);	/* three letters are no secret that could be found again */
	assert_string_equal(out, "login *** ok, ***, abc");
	assert_int_equal(r.hidden, 5);
	free(out);
	free(redact_text(&r, "<var value=\"hunter2\" name=\"PASS\"/>", 35));
	out = redact_known(&r, "hunter2", 7);
	assert_string_equal(out, "***");
	free(out);
	redact_free(&r);
}

static void
test_words_of_comments_stay(void **state)
{
	static const char text[] = "# the key: this one\nTOKEN=abcdefgh\nPASS=\"word\"\n";
	struct redact r = { 0 };
	char *out = redact_text(&r, text, strlen(text));

	assert_string_equal(out, "# the key: *** one\nTOKEN=***\nPASS=\"***\"\n");
	free(out);
	out = redact_known(&r, "this word abcdefgh", 18);
	assert_string_equal(out, "this *** ***");
	free(out);
	redact_free(&r);
}

/* Every end of a text, so that nothing is read beyond it */
static void
test_any_end(void **state)
{
	static const char text[] = "<a name=\"key\" value=\"1234567\"/> --token abcdef {\"pass\":\"x\\\"y\"} <key>v</key>";
	size_t n;

	for (n = 0; n < sizeof(text); n++) {
		struct redact r = { 0 };
		char *copy = malloc(n + 1), *out;

		memcpy(copy, text, n);
		out = redact_text(&r, copy, n);
		assert_non_null(out);
		free(out);
		out = redact_known(&r, copy, n);
		assert_non_null(out);
		free(out);
		free(copy);
		redact_free(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_what_was_seen_is_known_everywhere),
		cmocka_unit_test(test_words_of_comments_stay),
		cmocka_unit_test(test_any_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
