/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base/ and the generic part of wire/: strings, paths, frames, reports. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "wire/report.h"
#include "wire/ctlmsg.h"
#include "wire/message.h"

static void
test_str_copy_cuts_at_a_character(void **state)
{
	char small[4];

	assert_true(str_copy(small, sizeof(small), "abc"));
	assert_false(str_copy(small, sizeof(small), "ab\xc3\xa9"));	/* e acute would be halved */
	assert_string_equal(small, "ab");
	assert_false(str_copy(small, 0, "x"));
}

static void
test_names(void **state)
{
	static const char *const good[] = { "mirror", "node1", "a.b-c_d", "0", "_x" };
	static const char *const bad[] = { "", ".hidden", "a/b", "..", "a..b", "-m", "a b", "\xc3\xa9",
	    "0123456789012345678901234567890123456789012345678901234567890123" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(good); i++)
		assert_true(str_is_name(good[i]));
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(str_is_name(bad[i]));
}

static void
test_numbers(void **state)
{
	uint64_t v = 7;

	assert_true(str_to_u64("42", 0, 100, &v));
	assert_int_equal(v, 42);
	assert_false(str_to_u64("101", 0, 100, &v));
	assert_false(str_to_u64("-1", 0, UINT64_MAX, &v));
	assert_false(str_to_u64("4 ", 0, 100, &v));
	assert_false(str_to_u64("99999999999999999999999", 0, UINT64_MAX, &v));
	assert_int_equal(v, 42);
}

static void
test_hex(void **state)
{
	uint8_t b[3];
	char s[7];

	assert_true(str_from_hex("00Ff7a", b, 3));
	str_to_hex(b, 3, s);
	assert_string_equal(s, "00ff7a");
	assert_false(str_from_hex("00ff7", b, 3));
	assert_false(str_from_hex("00ff7g", b, 3));
}

static void
test_write_atomic_replaces_whole(void **state)
{
	char dir[] = "/tmp/t_baseXXXXXX", file[64], *text;

	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/a/b", dir);
	assert_int_equal(path_mkdirs(file, 0700), 0);
	snprintf(file, sizeof(file), "%s/a/b/f", dir);
	assert_int_equal(path_write_atomic(file, "one", 3, 0600), 0);
	assert_int_equal(path_write_atomic(file, "twotwo", 6, 0600), 0);
	assert_int_equal(path_read(file, &text, 100), 6);
	assert_string_equal(text, "twotwo");
	free(text);
	assert_int_equal(path_read(file, &text, 3), -1);
	unlink(file);
	snprintf(file, sizeof(file), "%s/a/b", dir);
	assert_int_equal(rmdir(file), 0);	/* nothing left beside the file */
	snprintf(file, sizeof(file), "%s/a", dir);
	rmdir(file);
	rmdir(dir);
}

static void
test_every_field_survives_a_round_trip(void **state)
{
	static const struct report_type *const types[] = { &rpt_module_type, &rpt_resource_type, &rpt_node_type, &rpt_remote_type,
	    &rpt_notice_type_type, &rpt_log_type, &rpt_command_type, &rpt_engine_type, &rpt_share_type };
	size_t t, i;

	for (t = 0; t < ARRAY_LEN(types); t++) {
		char *in = calloc(1, types[t]->size), *out = calloc(1, types[t]->size), err[256];
		json_t *obj;

		for (i = 0; i < types[t]->count; i++) {
			const struct field *f = &types[t]->fields[i];

			assert_true(f->off + f->size <= types[t]->size);
			assert_true(f->help[0] != '\0');
			switch (f->type) {
			case F_STR: snprintf(in + f->off, f->size, "text %zu", i); break;
			case F_ENUM: *(int *)(void *)(in + f->off) = f->count - 1; break;
			case F_BOOL: *(int *)(void *)(in + f->off) = 1; break;
			case F_U32: *(uint32_t *)(void *)(in + f->off) = 4000000000u - (uint32_t)i; break;
			default: *(uint64_t *)(void *)(in + f->off) = (1ull << 53) + i; break;
			}
		}
		obj = report_encode(types[t], in);
		assert_non_null(obj);
		assert_int_equal(json_object_size(obj), types[t]->count);	/* names are unique */
		assert_true(report_decode(types[t], obj, out, err, sizeof(err)));
		assert_memory_equal(in, out, types[t]->size);
		json_decref(obj);
		free(in);
		free(out);
	}
}

static void
test_report_decode_refuses(void **state)
{
	struct rpt_module m;
	static const char *const bad[] = { "{\"id\":-1}", "{\"id\":4294967296}", "{\"name\":7}", "{\"state\":\"RED\"}", "{\"failover\":1}",
	    "{\"name\":\"0123456789012345678901234567890123456789012345678901234567890123\"}", "{\"name\":\"a\\u0000b\"}", "{\"since_ms\":1.5}" };
	char err[256];
	size_t i;

	memset(&m, 0, sizeof(m));
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		json_t *o = json_loads(bad[i], JSON_ALLOW_NUL, NULL);

		assert_non_null(o);
		err[0] = '\0';
		assert_false(report_decode(&rpt_module_type, o, &m, err, sizeof(err)));
		assert_true(strstr(err, "expected") != NULL);
		json_decref(o);
	}
}

static void
test_frames_in_pieces(void **state)
{
	json_t *o = json_pack("{s:i,s:s}", "id", 1, "op", "hello"), *got = NULL;
	struct ctl_decoder d;
	char *frame, err[128];
	size_t i, n = ctl_encode(o, &frame);

	ctl_decoder_init(&d, 1000);
	for (i = 0; i < n; i++) {
		assert_int_equal(ctl_decoder_next(&d, &got, err, sizeof(err)), 0);
		assert_true(ctl_decoder_add(&d, frame + i, 1));
	}
	assert_int_equal(ctl_decoder_next(&d, &got, err, sizeof(err)), 1);
	assert_true(json_equal(o, got));
	json_decref(got);
	/* too long is refused from its length alone */
	assert_true(ctl_decoder_add(&d, "\0\0\x10\0", 4));
	assert_int_equal(ctl_decoder_next(&d, &got, err, sizeof(err)), -1);
	ctl_decoder_free(&d);
	ctl_decoder_init(&d, 1000);
	assert_true(ctl_decoder_add(&d, "\0\0\0\2[]", 6));
	assert_int_equal(ctl_decoder_next(&d, &got, err, sizeof(err)), -1);
	ctl_decoder_free(&d);
	free(frame);
	json_decref(o);
}

static const char *
say(int message, ...)
{
	static char text[SK_TEXT_MAX];
	va_list ap;

	va_start(ap, message);
	vsnprintf(text, sizeof(text), message_rows[message].format, ap);	/* formats of the catalogue: %s only */
	va_end(ap);
	return text;
}

/* As the index of the user's guide has them.  When they are said: tests/lab/t-vip, t-farm. */
static void
test_documented_words_of_vip_and_farm(void **state)
{
	assert_string_equal(say(MSG_VIP_SET, "ip1.10", "mirror"), "Virtual IP <ip1.10 of mirror> set");
	assert_string_equal(say(MSG_VIP_SET, "ip1.20", "farm"), "Virtual IP <ip1.20 of farm> set");
	assert_string_equal(say(MSG_FARM_MEMBERSHIP, "node1 node2", "FarmProto"), "farm membership: node1 node2 (group FarmProto)");
	assert_string_equal(say(MSG_FARM_MEMBERSHIP, "node1", "FarmProto"), "farm membership: node1 (group FarmProto)");
	assert_string_equal(say(MSG_FARM_MEMBERSHIP, "node2", "FarmProto"), "farm membership: node2 (group FarmProto)");
	assert_string_equal(say(MSG_FARM_LOAD, "128", "FarmProto"), "farm load: 128/256 (group FarmProto)");
	assert_string_equal(say(MSG_FARM_LOAD, "256", "FarmProto"), "farm load: 256/256 (group FarmProto)");
}

static void
test_message_keys_are_unique(void **state)
{
	int i, j;

	for (i = 0; i < MSG_COUNT; i++) {
		assert_non_null(message_rows[i].format);
		assert_non_null(strchr("UECSId", message_rows[i].level));
		for (j = 0; j < i; j++)
			assert_int_not_equal(message_rows[i].key, message_rows[j].key);
	}
	/* the two numbers that users have seen in print (8.2 notes, 2.1.15) */
	assert_int_equal(message_rows[MSG_LOCAL_STATE].key, 512);
	assert_int_equal(message_rows[MSG_LICENSE].key, 537);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_str_copy_cuts_at_a_character),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_write_atomic_replaces_whole),
		cmocka_unit_test(test_every_field_survives_a_round_trip),
		cmocka_unit_test(test_report_decode_refuses),
		cmocka_unit_test(test_frames_in_pieces),
		cmocka_unit_test(test_documented_words_of_vip_and_farm),
		cmocka_unit_test(test_message_keys_are_unique),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
