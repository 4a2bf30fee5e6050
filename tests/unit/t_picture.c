/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pub/picture.c: rows are sorted, the listener is told what changed and nothing else, limits hold. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "pub/picture.h"

static struct { int count[PC_ENGINE + 1]; uint32_t last_module; char last_resource[SK_RES_MAX]; } told;
static uint32_t next_index;

static void
listen(void *ctx, enum picture_change what, const void *row)
{
	assert_ptr_equal(ctx, &told);
	told.count[what]++;
	if (what == PC_MODULE || what == PC_MODULE_GONE)
		told.last_module = ((const struct rpt_module *)row)->id;
	if (what == PC_RESOURCE || what == PC_RESOURCE_GONE)
		str_copy(told.last_resource, sizeof(told.last_resource), ((const struct rpt_resource *)row)->name);
}

static uint32_t
give_index(void *ctx, const char *module, const char *name)
{
	return ++next_index;
}

static void
begin(struct picture *p)
{
	memset(&told, 0, sizeof(told));
	next_index = 0;
	picture_init(p, listen, &told);
}

static void
put_module(struct picture *p, uint32_t id, const char *name, int module_state)
{
	struct rpt_module r;

	memset(&r, 0, sizeof(r));
	r.id = id;
	r.state = module_state;
	str_copy(r.name, sizeof(r.name), name);
	assert_non_null(picture_put_module(p, &r));
}

static const struct rpt_resource *
put(struct picture *p, const char *name, const char *value, int64_t at, bool *changed)
{
	return picture_put_resource(p, "m", name, value, "heart", at, give_index, NULL, changed);
}

static void
test_modules_are_sorted(void **state)
{
	static const uint32_t ids[] = { 7, 3, 200, 1, 5, 100, 2, 9, 256, 4 };
	struct picture p;
	char name[8];
	size_t i;

	begin(&p);
	for (i = 0; i < ARRAY_LEN(ids); i++) {
		snprintf(name, sizeof(name), "m%u", ids[i]);
		put_module(&p, ids[i], name, RS_STOP);
	}
	assert_int_equal(p.count, ARRAY_LEN(ids));
	for (i = 1; i < p.count; i++)
		assert_true(p.modules[i - 1].report.id < p.modules[i].report.id);
	assert_int_equal(told.count[PC_MODULE], ARRAY_LEN(ids));
	put_module(&p, 7, "m7", RS_STOP);	/* the same again: nobody is told */
	assert_int_equal(told.count[PC_MODULE], ARRAY_LEN(ids));
	put_module(&p, 7, "m7", RS_ALONE);
	assert_int_equal(told.count[PC_MODULE], ARRAY_LEN(ids) + 1);
	assert_int_equal(told.last_module, 7);
	assert_int_equal(p.count, ARRAY_LEN(ids));
	assert_int_equal(picture_find(&p, "m7")->report.state, RS_ALONE);
	assert_null(picture_find(&p, "m8"));
	picture_free(&p);
}

static void
test_resources(void **state)
{
	const struct rpt_resource *r;
	struct picture p;
	char name[32];
	bool changed;
	int i;

	begin(&p);
	assert_null(put(&p, "a.b", "up", 1, &changed));	/* no such module */
	assert_false(changed);
	put_module(&p, 1, "m", RS_STOP);
	for (i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "custom.r%d", i * 7919 % 500);
		assert_non_null(put(&p, name, "init", 1, &changed));
		assert_true(changed);
	}
	assert_int_equal(p.modules[0].count, 500);
	for (i = 1; i < 500; i++)
		assert_true(strcmp(p.modules[0].res[i - 1].name, p.modules[0].res[i].name) < 0);
	r = put(&p, "custom.r3", "up", 10, &changed);
	assert_true(changed);
	assert_int_equal(r->health, RH_UP);
	assert_int_equal(r->changes, 1);
	assert_int_equal(r->since_ms, 10);
	i = (int)r->index;
	r = put(&p, "custom.r3", "up", 20, &changed);	/* assigned again, not changed */
	assert_false(changed);
	assert_int_equal(r->changes, 1);
	assert_int_equal(r->since_ms, 10);
	assert_int_equal(r->assigned_ms, 20);
	assert_int_equal(r->index, i);
	assert_int_equal(told.count[PC_RESOURCE], 502);
	put_module(&p, 1, "m", RS_ALONE);	/* its resources stay */
	assert_int_equal(p.modules[0].count, 500);
	picture_drop_resources(&p, "m");
	assert_int_equal(told.count[PC_RESOURCE_GONE], 500);
	assert_int_equal(p.modules[0].count, 0);
	picture_drop_resources(&p, "none");
	assert_int_equal(told.count[PC_RESOURCE_GONE], 500);
	picture_free(&p);
}

static void
test_long_words_are_cut(void **state)
{
	char value[2 * SK_VALUE_MAX];
	const struct rpt_resource *r;
	struct picture p;
	bool changed;

	begin(&p);
	put_module(&p, 1, "m", RS_STOP);
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	r = put(&p, "a.b", value, 1, &changed);
	assert_int_equal(strlen(r->value), SK_VALUE_MAX - 1);
	r = put(&p, "a.b", value, 2, &changed);
	assert_false(changed);	/* the same value is the same value */
	assert_int_equal(r->since_ms, 1);
	assert_non_null(put(&p, value, "up", 3, &changed));
	assert_non_null(put(&p, value, "up", 4, &changed));
	assert_false(changed);
	assert_int_equal(p.modules[0].count, 2);
	picture_free(&p);
}

static void
test_resources_of_a_module_are_limited(void **state)
{
	struct picture p;
	char name[32];
	bool changed;
	int i;

	begin(&p);
	put_module(&p, 1, "m", RS_STOP);
	for (i = 0; i < PICTURE_RESOURCES_MAX; i++) {
		snprintf(name, sizeof(name), "custom.%08d", i);
		assert_non_null(put(&p, name, "up", 1, &changed));
	}
	assert_null(put(&p, "custom.more", "up", 1, &changed));
	assert_false(changed);
	assert_int_equal(next_index, PICTURE_RESOURCES_MAX);	/* no index is spent on what is refused */
	assert_non_null(put(&p, "custom.00000000", "down", 2, &changed));	/* what is there goes on */
	assert_true(changed);
	picture_free(&p);
}

static void
test_a_module_goes_with_its_resources(void **state)
{
	struct picture p;
	bool changed;

	begin(&p);
	put_module(&p, 1, "other", RS_STOP);
	put_module(&p, 2, "m", RS_STOP);
	put_module(&p, 3, "last", RS_STOP);
	put(&p, "a.b", "up", 1, &changed);
	picture_drop_module(&p, 9);
	assert_int_equal(told.count[PC_MODULE_GONE], 0);
	picture_drop_module(&p, 2);
	assert_int_equal(told.count[PC_RESOURCE_GONE], 1);
	assert_string_equal(told.last_resource, "a.b");
	assert_int_equal(told.count[PC_MODULE_GONE], 1);
	assert_int_equal(told.last_module, 2);
	assert_int_equal(p.count, 2);
	assert_non_null(picture_find(&p, "last"));
	assert_null(put(&p, "a.b", "up", 1, &changed));
	picture_free(&p);
}

static void
test_nodes_and_remotes(void **state)
{
	struct rpt_node nodes[3] = { { .index = 1, .name = "n1" }, { .index = 2, .name = "n2" }, { .index = 3, .name = "n3" } }, n;
	struct rpt_remote remotes[2] = { { .node = "n2", .module = "m" }, { .node = "n3", .module = "m" } };
	struct picture p;

	begin(&p);
	picture_put_nodes(&p, nodes, 3);
	assert_int_equal(told.count[PC_NODES_RESET], 1);
	assert_int_equal(told.count[PC_NODE], 3);
	picture_put_node(&p, &nodes[1]);
	assert_int_equal(told.count[PC_NODE], 3);
	n = nodes[1];
	n.state = NS_UP;
	picture_put_node(&p, &n);
	assert_int_equal(told.count[PC_NODE], 4);
	assert_int_equal(p.nodes[1].state, NS_UP);
	n.index = 0;
	picture_put_node(&p, &n);
	n.index = 4;
	picture_put_node(&p, &n);
	n.index = UINT32_MAX;
	picture_put_node(&p, &n);
	assert_int_equal(told.count[PC_NODE], 4);
	picture_put_remotes(&p, remotes, 2);
	assert_int_equal(p.remotes_count, 2);
	picture_put_remotes(&p, p.remotes, 1);	/* of its own */
	assert_int_equal(p.remotes_count, 1);
	assert_string_equal(p.remotes[0].node, "n2");
	picture_put_remotes(&p, NULL, 0);
	assert_int_equal(p.remotes_count, 0);
	assert_int_equal(told.count[PC_REMOTES], 3);
	picture_touch_engine(&p);
	assert_int_equal(told.count[PC_ENGINE], 1);
	picture_free(&p);
}

static struct rpt_share
share(uint32_t index, uint32_t buckets)
{
	struct rpt_share s;

	memset(&s, 0, sizeof(s));
	s.module_id = 1;
	s.index = index;
	s.buckets = buckets;
	s.view = 7;
	s.serving = 2;
	strcpy(s.members, "n1 n2");
	return s;
}

static void
test_shares(void **state)
{
	struct picture p;
	struct rpt_share s;
	const struct picture_module *m;
	uint32_t i;

	begin(&p);
	s = share(1, 128);
	assert_false(picture_put_share(&p, "m", &s));	/* no such module */
	put_module(&p, 1, "m", RS_UP);
	for (i = PICTURE_SHARES_MAX; i > 0; i--) {
		s = share(i, i);
		assert_true(picture_put_share(&p, "m", &s));
	}
	assert_int_equal(told.count[PC_SHARE], PICTURE_SHARES_MAX);
	m = picture_find(&p, "m");
	assert_int_equal(m->shares_count, PICTURE_SHARES_MAX);
	for (i = 0; i < PICTURE_SHARES_MAX; i++)
		assert_true(m->shares[i].index == i + 1 && m->shares[i].buckets == i + 1);
	s = share(0, 1);
	assert_false(picture_put_share(&p, "m", &s));
	s = share(PICTURE_SHARES_MAX + 1, 1);
	assert_false(picture_put_share(&p, "m", &s));
	s = share(3, 3);
	assert_true(picture_put_share(&p, "m", &s));	/* as before: nobody is told */
	assert_int_equal(told.count[PC_SHARE], PICTURE_SHARES_MAX);
	s = share(3, 256);
	assert_true(picture_put_share(&p, "m", &s));
	assert_int_equal(told.count[PC_SHARE], PICTURE_SHARES_MAX + 1);
	assert_int_equal(m->shares[2].buckets, 256);

	picture_drop_share(&p, "m", 2);
	picture_drop_share(&p, "m", 2);
	picture_drop_share(&p, "other", 1);
	assert_int_equal(told.count[PC_SHARE_GONE], 1);
	assert_int_equal(m->shares_count, PICTURE_SHARES_MAX - 1);
	assert_true(m->shares[0].index == 1 && m->shares[1].index == 3 && m->shares[30].index == 32);

	memset(&told, 0, sizeof(told));
	picture_void_shares(&p, "other", 5);
	assert_int_equal(told.count[PC_SHARE], 0);
	picture_void_shares(&p, "m", 5);
	assert_int_equal(told.count[PC_SHARE], PICTURE_SHARES_MAX - 1);
	assert_true(m->shares[1].buckets == 0 && m->shares[1].view == 0 && m->shares[1].serving == 0 && m->shares[1].since_ms == 5);
	assert_string_equal(m->shares[1].members, "");
	picture_void_shares(&p, "m", 6);	/* they are so */
	assert_int_equal(told.count[PC_SHARE], PICTURE_SHARES_MAX - 1);

	picture_drop_module(&p, 1);	/* the rows go before their module */
	assert_int_equal(told.count[PC_SHARE_GONE], PICTURE_SHARES_MAX - 1);
	assert_int_equal(told.count[PC_MODULE_GONE], 1);
	picture_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modules_are_sorted),
		cmocka_unit_test(test_resources),
		cmocka_unit_test(test_long_words_are_cut),
		cmocka_unit_test(test_resources_of_a_module_are_limited),
		cmocka_unit_test(test_a_module_goes_with_its_resources),
		cmocka_unit_test(test_nodes_and_remotes),
		cmocka_unit_test(test_shares),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
