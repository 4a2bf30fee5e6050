/* SPDX-License-Identifier: GPL-2.0-or-later */
/* module/setup.c: what safeadmin sends and what the disk kept is read strictly; damage is told or counts as nothing. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "module/setup.h"

#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static json_t *
good_module(void)
{
	return json_pack("{s:s,s:b,s:s,s:i,s:i,s:b,s:s,s:i,s:b,s:i,s:i,s:b,s:i,s:s,s:[{s:s,s:s,s:i,s:i,s:i,s:b}],s:[],s:i,s:i,s:i,s:s,s:s,s:s,s:[],s:[],"
	    "s:[],s:[],s:b,s:i,s:i,s:i,s:i,s:b,s:[],s:[],s:[],s:[],s:[],s:[]}",
	    "mode", "mirror", "failover", 1, "defaultprim", "n2", "maxloop", 3, "loop_interval_ms", 86400000, "automatic_reboot", 0,
	    "boot", "on", "boot_delay_ms", 0, "user", 1, "nicestop_ms", 300000, "forcestop_ms", 300000, "userlog", 1, "userlogsize_kb", 2048,
	    "signature", KEY, "heartbeats", "lan", "default", "ident", "default", "port", 0, "pulse_ms", 700, "timeout_ms", 30000,
	    "permanent_arp", 1, "vars", "polltimer_ms", 30000, "period_ms", 5000, "handle_ms", 15000, "farm_signature", "", "vip_signature", "",
	    "rfs_signature", "", "checks", "procs", "rules", "vhosts", "has_farm", 0, "farm_port", 0, "farm_pulse_ms", 500,
	    "farm_mlost_count", 3, "farm_slost_count", 4, "tcpreset", 1, "farm_lans", "vintfs", "vaddrs", "groups", "lbrules", "rfs");
}

static json_t *
good_setup(void)
{
	return json_pack("{s:s,s:i,s:[s,s,s],s:s,s:s,s:i,s:s,s:b,s:s,s:I,s:s,s:b,s:o,s:[{s:s,s:s,s:[{s:i,s:s},{s:i,s:s}]}]}",
	    "node", "n2", "self", 1, "nodes", "n1", "n2", "n3", "peer", "", "name", "m", "id", 3, "key", KEY, "encryption", 1, "boot", "on",
	    "config_ms", (json_int_t)1700000000000, "signature", KEY, "running", 1, "module", good_module(), "lans", "name", "default", "local",
	    "10.1.0.12", "at", "node", 0, "ip", "10.1.0.11", "node", 1, "ip", "10.1.0.12");
}

static void
refused(json_t *obj, const char *why)
{
	char err[SK_TEXT_MAX] = "";
	struct setup s;
	bool ok = setup_decode(obj, &s, err, sizeof(err));

	setup_free(&s);
	json_decref(obj);
	if (ok)
		fail_msg("accepted: %s", why);
	if (err[0] == '\0')
		fail_msg("refused without a reason: %s", why);
}

static void
test_good(void **state)
{
	json_t *obj = good_setup();
	char err[SK_TEXT_MAX] = "";
	struct setup s;

	assert_non_null(obj);
	if (!setup_decode(obj, &s, err, sizeof(err)))
		fail_msg("%s", err);
	assert_string_equal(s.mod.name, "m");
	assert_int_equal(s.mod.id, 3);
	assert_int_equal(s.mod.self, 1);
	assert_int_equal(s.mod.peer, 0);	/* the only other one in the lan */
	assert_int_equal(s.mod.defaultprim, DP_ME);
	assert_int_equal(s.mod.boot, BOOT_ON);
	assert_int_equal(s.mod.hb_count, 1);
	assert_int_equal(s.mod.hb[0].timeout_ms, 30000);
	assert_int_equal(s.lan[0].count, 1);
	assert_int_equal(s.lan[0].peers[0].node, 0);
	assert_true(s.has_key && s.running && s.mod.encryption);
	assert_int_equal(s.key[31], 0x1f);
	setup_free(&s);
	json_decref(obj);
}

static void
test_members_out_of_range(void **state)
{
	static const struct { const char *name, *json; } bad[] = {
		{ "id", "0" }, { "id", "257" }, { "id", "-1" }, { "id", "\"3\"" }, { "id", "9223372036854775807" }, { "id", "null" },
		{ "self", "-1" }, { "self", "3" }, { "self", "4294967296" }, { "self", "9223372036854775807" },
		{ "name", "\"\"" }, { "name", "\"../m\"" }, { "name", "7" }, { "name", "\"a b\"" },
		{ "module", "null" }, { "module", "{}" }, { "module", "[]" }, { "module", "7" },
		{ "lans", "null" }, { "lans", "[]" }, { "lans", "{}" }, { "lans", "[{\"name\":\"other\"}]" }, { "lans", "[{\"name\":\"default\"}]" },
		{ "lans", "[{\"name\":\"default\",\"local\":\"name.not.number\",\"at\":[]}]" },
		{ "lans", "[{\"name\":\"default\",\"local\":\"10.1.0.12\",\"at\":[{\"node\":32,\"ip\":\"10.1.0.1\"}]}]" },
		{ "lans", "[{\"name\":\"default\",\"local\":\"10.1.0.12\",\"at\":[{\"node\":-1,\"ip\":\"10.1.0.1\"}]}]" },
		{ "lans", "[{\"name\":\"default\",\"local\":\"10.1.0.12\",\"at\":[{\"node\":0,\"ip\":\"\"}]}]" },
		{ "lans", "[{\"name\":\"default\",\"local\":\"10.1.0.12\",\"at\":[{\"node\":0}]}]" },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		json_t *obj = good_setup();
		char why[256];

		json_object_set_new(obj, bad[i].name, json_loads(bad[i].json, JSON_DECODE_ANY, NULL));
		snprintf(why, sizeof(why), "%s %s", bad[i].name, bad[i].json);
		refused(obj, why);
	}
	refused(json_object(), "nothing");
	refused(json_array(), "an array");
	refused(json_string("x"), "a text");
}

static void
test_too_many(void **state)
{
	json_t *obj = good_setup(), *at, *nodes = json_array();
	int i;

	for (i = 0; i < SK_NODES_MAX + 1; i++)
		json_array_append_new(nodes, json_string("n"));
	json_object_set_new(obj, "nodes", nodes);
	refused(obj, "33 nodes");
	obj = good_setup();
	at = json_object_get(json_array_get(json_object_get(obj, "lans"), 0), "at");
	for (i = 0; i < 2 * SK_NODES_MAX; i++)	/* the same node again and again */
		json_array_append_new(at, json_pack("{s:i,s:s}", "node", 0, "ip", "10.1.0.11"));
	refused(obj, "more addresses than nodes");
}

/* Each member of the run form away or of another type: told, not guessed */
static void
test_the_module_is_strict(void **state)
{
	json_t *model = good_module(), *v;
	const char *name;

	json_object_foreach(model, name, v) {
		int kind;

		for (kind = 0; kind < 3; kind++) {
			json_t *obj = good_setup(), *m = json_object_get(obj, "module");
			char why[64];

			if (kind == 0)
				json_object_del(m, name);
			else
				json_object_set_new(m, name, kind == 1 ? json_real(1.5) : json_object());
			snprintf(why, sizeof(why), "%s (%d)", name, kind);
			refused(obj, why);
		}
	}
	json_decref(model);
}

/* safeadmin names the only other server that has a module of this name; only a mirror has a peer */
static void
test_only_a_mirror_has_a_peer(void **state)
{
	static const struct { const char *mode; int peer; } rows[] = { { "mirror", 0 }, { "farm", -1 }, { "light", -1 } };
	char err[SK_TEXT_MAX];
	struct setup s;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *obj = good_setup(), *module = json_object_get(obj, "module");

		json_object_set_new(obj, "peer", json_string("n1"));
		json_object_set_new(module, "mode", json_string(rows[i].mode));
		if (rows[i].peer < 0)
			json_object_set_new(module, "heartbeats", json_array());
		if (!setup_decode(obj, &s, err, sizeof(err)))
			fail_msg("%s: %s", rows[i].mode, err);
		assert_int_equal(s.mod.peer, rows[i].peer);
		setup_free(&s);
		json_decref(obj);
	}
}

/* What a heart would spin or divide by */
static void
test_heartbeat_ranges(void **state)
{
	static const struct { const char *name; int value; } bad[] = { { "pulse_ms", 0 }, { "pulse_ms", 9 }, { "pulse_ms", -1 },
		{ "pulse_ms", 60001 }, { "timeout_ms", 0 }, { "timeout_ms", 49 }, { "timeout_ms", 3600001 }, { "port", 65536 }, { "port", -1 } };
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		json_t *obj = good_setup();
		json_t *beats = json_object_get(json_object_get(obj, "module"), "heartbeats");

		json_object_set_new(json_array_get(beats, 0), bad[i].name, json_integer(bad[i].value));
		refused(obj, bad[i].name);
	}
}

static void
test_long_and_strange_names(void **state)
{
	json_t *obj = good_setup();
	char longname[300], err[SK_TEXT_MAX];
	struct setup s;

	memset(longname, 'n', sizeof(longname) - 1);
	longname[sizeof(longname) - 1] = '\0';
	json_object_set_new(obj, "nodes", json_pack("[s,s,n]", longname, "n2"));
	json_object_set_new(obj, "peer", json_string("nobody"));
	json_object_set_new(obj, "boot", json_string("sometimes"));
	json_object_set_new(obj, "key", json_string("not hex"));
	json_object_set_new(obj, "running", json_string("true"));
	json_object_set_new(obj, "signature", json_string(longname));
	assert_true(setup_decode(obj, &s, err, sizeof(err)));
	assert_int_equal(strlen(s.mod.nodes[0]), SK_NAME_MAX - 1);
	assert_string_equal(s.mod.nodes[2], "");
	assert_int_equal(s.mod.boot, BOOT_OFF);
	assert_false(s.has_key || s.running);
	assert_int_equal(strlen(s.mod.signature), 64);
	setup_free(&s);
	json_decref(obj);
}

static void
test_record_round_trip(void **state)
{
	struct mod_record r = { .running = true, .wanted = true, .lastprim = 0, .rank = 2, .failover = 1, .loops = MOD_LOOP_MAX + 1,
		.peer = "n2", .life = 1700000000001 }, out;
	char boot[64];
	json_t *obj;
	int i;

	for (i = 0; i < r.loops; i++)
		r.loop_ms[i] = 1700000000000 + i;
	obj = record_encode(&r, "boot-1");
	record_decode(obj, &out, boot, sizeof(boot));
	assert_true(out.running && out.wanted);
	assert_int_equal(out.lastprim, 0);
	assert_int_equal(out.rank, 2);
	assert_int_equal(out.failover, 1);
	assert_int_equal(out.loops, MOD_LOOP_MAX + 1);
	assert_memory_equal(out.loop_ms, r.loop_ms, sizeof(r.loop_ms));
	assert_string_equal(out.peer, "n2");
	assert_int_equal(out.life, r.life);
	assert_string_equal(boot, "boot-1");
	json_decref(obj);
}

static void
test_a_damaged_record_counts_as_none(void **state)
{
	static const char *const damaged[] = { "null", "[]", "7", "\"x\"", "{}",
	    "{\"running\":1,\"wanted\":\"yes\",\"lastprim\":\"1\",\"rank\":3,\"failover\":true,\"loops\":7,\"peer\":\"../x\",\"life\":-1,\"boot\":7}",
	    "{\"running\":null,\"lastprim\":2,\"rank\":-1,\"failover\":-2,\"loops\":{\"a\":1},\"peer\":[],\"life\":\"9\"}",
	    "{\"lastprim\":4294967296,\"rank\":9223372036854775807,\"failover\":1.0,\"loops\":[\"a\",null,{}],\"peer\":\"\"}" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(damaged); i++) {
		json_t *obj = json_loads(damaged[i], JSON_DECODE_ANY, NULL);
		struct mod_record r;
		char boot[8] = "before";

		memset(&r, 0xff, sizeof(r));
		record_decode(obj, &r, boot, sizeof(boot));
		assert_false(r.running || r.wanted);
		assert_int_equal(r.lastprim, -1);
		assert_int_equal(r.rank, 0);
		assert_int_equal(r.failover, -1);
		assert_int_equal(r.loops, 0);
		assert_string_equal(r.peer, "");
		assert_int_equal(r.life, 0);
		assert_string_equal(boot, "");
		json_decref(obj);
	}
}

static void
test_too_many_loops(void **state)
{
	json_t *obj = json_object(), *loops = json_array();
	struct mod_record r;
	char boot[8];
	int i;

	for (i = 0; i < 10 * MOD_LOOP_MAX; i++)
		json_array_append_new(loops, json_integer(i));
	json_object_set_new(obj, "loops", loops);
	record_decode(obj, &r, boot, sizeof(boot));
	assert_int_equal(r.loops, MOD_LOOP_MAX + 1);
	json_decref(obj);
}

/* A farm on two of three lans; farm_lans: which */
static json_t *
farm_setup(const char *farm_lans)
{
	json_t *obj = good_setup(), *m = json_object_get(obj, "module");

	json_object_set_new(m, "mode", json_string("farm"));
	json_object_set_new(m, "heartbeats", json_array());
	json_object_set_new(m, "has_farm", json_true());
	json_object_set_new(m, "farm_lans", json_loads(farm_lans, 0, NULL));
	json_object_set_new(obj, "lans", json_pack("[{s:s,s:s,s:[{s:i,s:s},{s:i,s:s}]},{s:s,s:s,s:[{s:i,s:s}]},{s:s,s:s,s:[]}]",
	    "name", "default", "local", "10.1.0.12", "at", "node", 0, "ip", "10.1.0.11", "node", 1, "ip", "10.1.0.12",
	    "name", "private", "local", "fd00::12", "at", "node", 2, "ip", "fd00::13", "name", "elsewhere", "local", "", "at"));
	return obj;
}

static void
farm_lans_are(const char *farm_lans, const char *expected)
{
	json_t *obj = farm_setup(farm_lans), *line;
	char err[SK_TEXT_MAX] = "", names[128] = "";
	struct setup s;
	json_t *lan;
	size_t i;

	if (!setup_decode(obj, &s, err, sizeof(err)))
		fail_msg("%s: %s", farm_lans, err);
	assert_true(setup_has_vip(&s));
	line = setup_vip_line(&s, "/var/safe");
	assert_non_null(line);
	json_array_foreach(json_object_get(line, "lans"), i, lan) {
		strcat(names, json_string_value(json_object_get(lan, "name")));
		strcat(names, " ");
	}
	assert_string_equal(names, expected);
	assert_string_equal(json_string_value(json_object_get(line, "key")), KEY);
	assert_string_equal(json_string_value(json_object_get(line, "node")), "n2");
	assert_string_equal(json_string_value(json_object_get(line, "var")), "/var/safe");
	assert_int_equal(json_integer_value(json_object_get(line, "id")), 3);
	assert_int_equal(json_integer_value(json_object_get(line, "self")), 1);
	assert_int_equal(json_array_size(json_object_get(line, "nodes")), 3);
	assert_string_equal(json_string_value(json_object_get(json_object_get(line, "config"), "mode")), "farm");
	json_decref(line);
	setup_free(&s);
	json_decref(obj);
}

static void
test_farm(void **state)
{
	json_t *obj;

	farm_lans_are("[\"default\"]", "default ");
	farm_lans_are("[\"private\",\"default\"]", "default private ");
	farm_lans_are("[]", "default private ");	/* none named: all that this server is in */
	refused(farm_setup("[\"elsewhere\"]"), "a lan without an address of this server");
	refused(farm_setup("[\"default\",\"nowhere\"]"), "a lan that is not there");
	obj = farm_setup("[]");
	json_object_set_new(obj, "lans", json_array());
	refused(obj, "no lan at all");
}

/* A mirror has nothing for vipd but with an address; and then no lans in the line, and no key where there is none */
static void
test_vip_line_of_a_mirror(void **state)
{
	json_t *obj = good_setup(), *line;
	char err[SK_TEXT_MAX];
	struct setup s;

	json_object_del(obj, "key");
	assert_true(setup_decode(obj, &s, err, sizeof(err)));
	assert_false(setup_has_vip(&s));
	s.conf.vaddrs_count = 1;
	assert_true(setup_has_vip(&s));
	s.conf.vaddrs_count = 0;
	line = setup_vip_line(&s, "/v");
	assert_non_null(line);
	assert_null(json_object_get(line, "lans"));
	assert_string_equal(json_string_value(json_object_get(line, "key")), "");
	json_decref(line);
	setup_free(&s);
	json_decref(obj);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_members_out_of_range),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_the_module_is_strict),
		cmocka_unit_test(test_heartbeat_ranges),
		cmocka_unit_test(test_only_a_mirror_has_a_peer),
		cmocka_unit_test(test_long_and_strange_names),
		cmocka_unit_test(test_record_round_trip),
		cmocka_unit_test(test_a_damaged_record_counts_as_none),
		cmocka_unit_test(test_too_many_loops),
		cmocka_unit_test(test_farm),
		cmocka_unit_test(test_vip_line_of_a_mirror),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
