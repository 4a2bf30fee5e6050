/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_rules: any bytes as failover rules: text of the user's rules NUL text of the default rules NUL changes of resources.
 * Aborts where the contract is broken: an error without place or reason, a row out of range, a rule whose text as it is shown does not
 * compile to the same again, evaluated or told to the other server.
 */
#include "config.h"
#include "conf/conf.h"
#include "fsm/rules.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = { "tcp.a", "tcp.b", "intf.eth0", "rfs.uptodate", "rfs.swapping", "ip.fe80::1", "x.y", "ping.gw" };
static const struct rules_facts facts = { "alpha", true, RH_UP };

static void
change(struct rules *r, const uint8_t *ops, size_t n)
{
	for (; n > 0; ops++, n--) {
		const char *name = names[*ops & 7];

		if (*ops & 0x80)
			rules_remove(r, name);
		else if (!rules_set(r, name, *ops >> 3 & 7, *ops & 0x40))
			abort();
	}
}

static void
look(void *ctx, const char *ref, bool remote, unsigned healths)
{
	if (strchr(ref, '.') == NULL || healths >= 16 || remote != (strncmp(ref, "remote.", 7) == 0))
		abort();
	++*(int *)ctx;
}

static void
check_row(const struct rules *r, int i, const uint8_t *ops, size_t n)
{
	const struct rule_row *row = rules_row(r, i), *again;
	struct rules_part part = { row->text, 1, 1, row->origin };
	struct rules_error err;
	struct rules *copy;

	if (row->label[0] == '\0' || row->order < 0 || row->order >= RULE_ORDERS || row->value < 0 || row->value > RULE_UNDECIDED ||
	    row->line < 1 || row->column < 1 || (row->order == RULE_ASSIGN) != (row->target[0] != '\0'))
		abort();
	copy = rules_compile(&part, 1, &err);
	if (copy == NULL || rules_count(copy) != 1)
		abort();
	change(copy, ops, n);
	rules_eval(copy, &facts);
	again = rules_row(copy, 0);
	if (strcmp(again->text, row->text) != 0 || strcmp(again->label, row->label) != 0 || again->order != row->order ||
	    strcmp(again->target, row->target) != 0 || again->health != row->health || again->value != row->value)
		abort();
	rules_free(copy);
}

static void
check_rules(struct rules *r, const uint8_t *ops, size_t n)
{
	struct rules_word words[RULES_REMOTE_MAX];
	int i, k, refs = 0;

	change(r, ops, n);
	rules_eval(r, &facts);
	if (rules_count(r) > RULES_MAX)
		abort();
	for (i = 0; i < rules_count(r); i++) {
		if (i < 20)
			check_row(r, i, ops, n);
		rules_refs(r, i, look, &refs);
		for (k = 0; k < (int)ARRAY_LEN(names); k++)
			rules_names(r, i, names[k]);
	}
	i = rules_words(r, words);
	if (i < 0 || i > RULES_REMOTE_MAX)
		abort();
	for (k = 0; k < i; k++)
		if (words[k].healths >= 16)
			abort();
	rules_remote(r, words, i);
	rules_eval(r, &facts);
	memcpy(words, ops, n < sizeof(words) ? n : sizeof(words));
	rules_remote(r, words, (int)((n < sizeof(words) ? n : sizeof(words)) / sizeof(words[0])));
	rules_eval(r, &facts);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 2);
	struct rules_part part[2] = { { text, 1, 1, RULES_USER }, { NULL, 7, 3, RULES_DEFAULT } };
	struct rules_error err;
	struct rules *r;
	size_t first, second;

	memcpy(text, data, size);
	text[size] = text[size + 1] = '\0';
	first = strlen(text);
	part[1].text = text + first + 1;
	second = strlen(part[1].text);
	str_make_utf8(text);	/* as XML does; what is shown of a rule could not compile to the same otherwise */
	str_make_utf8(text + first + 1);
	r = rules_compile(part, 2, &err);
	if (r == NULL && (err.part < 0 || err.part > 1 || err.line < 1 || err.column < 1 || err.text[0] == '\0'))
		abort();
	if (r != NULL)
		check_rules(r, data + (first + second + 2 < size ? first + second + 2 : size),
		    first + second + 2 < size ? size - first - second - 2 : 0);
	rules_free(r);
	free(text);
	return 0;
}
