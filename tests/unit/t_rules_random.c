/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fsm/rules.h against an evaluator that knows nothing of tallies, instructions or precedence: random rules as trees are written as text
 * (brackets only where they are needed, mostly), resources change at random, and after each change both must say the same of every rule.
 * A failure names its seed.
 */
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
#include "sim/rng.h"

enum { RULES = 24, NODES = 4000, STEPS = 60, SEEDS = 1000 };
static const char *const classes[] = { "tcp", "intf", "c-1" };
static const char *const ids[] = { "x", "fe80::1", "1.2.3.4", "10.0.0.0/24" };
static const char *const words[2][4] = { { "unknown", "init", "up", "down" }, { "UNKNOWN", "Init", "UP", "DOWN" } };

enum kind { K_OR, K_AND, K_SAME, K_COMPARE, K_TEXT, K_NOT, K_TRUE, K_FALSE, K_DEFAULTPRIM, K_BARE };
static const int binding[] = { 1, 2, 3, 3, 3, 4, 5, 5, 5, 5 };	/* how closely what is written there holds together */
enum side { SIDE_RESOURCE, SIDE_STATE, SIDE_CLUSTER };
struct operand { enum side side; bool remote; const char *class_name, *id; int health; };
struct node { enum kind kind; bool differ; struct node *l, *r; struct operand a, b; int text; };

static struct node node[NODES];
static int nodes;
static struct rng rng;

/* What there is: the naive way, a list */
struct thing { bool exists, own; int health; };
struct world { struct thing at[3][4]; };
static struct world here, peer, heard;
static bool is_heard;
static struct rules_facts facts;

/* ---- random trees ---- */
static struct operand
make_operand(bool may_be_state)
{
	static const char *const wild[] = { "*", "?" };
	struct operand o = { SIDE_RESOURCE };

	if (may_be_state && rng_below(&rng, 2) == 0)
		return (struct operand){ .side = SIDE_STATE, .health = (int)rng_below(&rng, 4) };
	if (rng_below(&rng, 10) == 0)
		return (struct operand){ .side = SIDE_CLUSTER };
	o.remote = rng_below(&rng, 3) == 0;
	o.class_name = rng_below(&rng, 4) == 0 ? wild[rng_below(&rng, 2)] : classes[rng_below(&rng, 3)];
	o.id = rng_below(&rng, 2) == 0 ? wild[rng_below(&rng, 2)] : ids[rng_below(&rng, 4)];
	return o;
}

static struct node *
make_tree(int depth)
{
	struct node *n = &node[nodes++];

	assert_in_range(nodes, 0, NODES);
	*n = (struct node){ .kind = K_COMPARE };
	if (depth == 0 || rng_below(&rng, 4) == 0)
		n->kind = (enum kind)(K_TRUE + rng_below(&rng, 4));
	else
		n->kind = (enum kind)rng_below(&rng, K_TRUE);
	if (n->kind < K_BARE && n->kind > K_NOT && rng_below(&rng, 2) == 0)
		n->kind = K_COMPARE;
	n->differ = rng_below(&rng, 3) == 0;
	n->a = make_operand(n->kind == K_COMPARE);
	n->b = make_operand(true);
	n->text = (int)rng_below(&rng, 2);
	if (n->kind <= K_SAME || n->kind == K_NOT)
		n->l = make_tree(depth - 1);
	if (n->kind <= K_SAME)
		n->r = make_tree(depth - 1);
	if (n->kind == K_SAME && n->r->kind == K_BARE)	/* two resources would be compared as such */
		n->r->kind = K_TRUE;
	return n;
}

/* ---- as text ---- */
static char text[1 << 18];
static size_t used;

static void __attribute__((format(printf, 1, 2)))
put(const char *fmt, ...)
{
	static const char *const between[] = { "", "", " ", "\n", "/* ) ; */", "<!-- ( -->\t" };
	va_list ap;

	va_start(ap, fmt);
	used += (size_t)vsnprintf(text + used, sizeof(text) - used, fmt, ap);
	va_end(ap);
	used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", between[rng_below(&rng, 6)]);
	assert_in_range(used, 0, sizeof(text) - 1);
}

static void
put_operand(const struct operand *o)
{
	if (o->side == SIDE_STATE)
		put("%s", words[rng_below(&rng, 2)][o->health]);
	else if (o->side == SIDE_CLUSTER)
		put("cluster()");
	else
		put("%s%s.%s", o->remote ? "remote." : rng_below(&rng, 4) == 0 ? "local." : "", o->class_name, o->id);
}

static void put_tree(const struct node *n, int outer);

static void
put_binary(const struct node *n, const char *sign)
{
	put_tree(n->l, binding[n->kind]);
	put("%s", sign);
	put_tree(n->r, binding[n->kind] + 1);
}

static void
put_inner(const struct node *n)
{
	switch (n->kind) {
	case K_OR: put_binary(n, "||"); break;
	case K_AND: put_binary(n, "&&"); break;
	case K_SAME: put_binary(n, n->differ ? "!=" : "=="); break;
	case K_COMPARE:
		put_operand(&n->a);
		put("%s", n->differ ? "!=" : "==");
		put_operand(&n->b);
		break;
	case K_TEXT: put("hostname() %s \"%s\"", n->differ ? "!=" : "==", n->text ? "alpha" : "beta"); break;
	case K_NOT:
		put("!");
		put_tree(n->l, 4);
		break;
	case K_TRUE: put("%s", rng_below(&rng, 2) ? "TRUE" : "true"); break;
	case K_FALSE: put("FALSE"); break;
	case K_DEFAULTPRIM: put("isdefaultprim()"); break;
	case K_BARE: put_operand(&n->a); break;
	}
}

static void
put_tree(const struct node *n, int outer)
{
	bool brackets = binding[n->kind] < outer || rng_below(&rng, 8) == 0;

	if (brackets)
		put("(");
	put_inner(n);
	if (brackets)
		put(")");
}

/* ---- the naive evaluator: 0 false, 1 undecided, 2 true ---- */
static bool
is_wild(const char *s)
{
	return strcmp(s, "*") == 0 || strcmp(s, "?") == 0;
}

/* Healths of what o names, at most 12; returns how many */
static int
collect(const struct operand *o, bool defaults, int out[12])
{
	bool wild = o->side == SIDE_RESOURCE && (is_wild(o->class_name) || is_wild(o->id));
	const struct world *w = o->remote ? &heard : &here;
	int n = 0, c, i;

	if (o->side == SIDE_STATE)
		out[n++] = o->health;
	else if (o->side == SIDE_CLUSTER)
		out[n++] = facts.cluster;
	else if (o->remote && !is_heard)
		out[n++] = RH_UNKNOWN;
	else
		for (c = 0; c < 3; c++)
			for (i = 0; i < 4; i++)
				if (w->at[c][i].exists && (is_wild(o->class_name) || strcmp(o->class_name, classes[c]) == 0) &&
				    (is_wild(o->id) || strcmp(o->id, ids[i]) == 0) && !(wild && defaults && w->at[c][i].own))
					out[n++] = w->at[c][i].health;
	if (n == 0 && !wild)
		out[n++] = RH_UNKNOWN;
	return n;
}

static bool
is_all(const struct operand *o)
{
	if (o->side != SIDE_RESOURCE)
		return false;
	return strcmp(o->id, "*") == 0 || (strcmp(o->class_name, "*") == 0 && strcmp(o->id, "?") != 0);
}

static bool
says_init(const struct operand *o)
{
	return o->side == SIDE_STATE && o->health == RH_INIT;
}

static int
naive_compare(const struct node *n, const struct operand *b, bool defaults)
{
	int left[12], right[12], nl = collect(&n->a, defaults, left), nr = collect(b, defaults, right), i, k, sure = 0, maybe = 0;

	for (i = 0; i < nl; i++) {	/* count the left ones for which the right side holds surely, or perhaps */
		int yes = 0, perhaps = 0;

		for (k = 0; k < nr; k++)
			if ((left[i] == RH_INIT || right[k] == RH_INIT) && !says_init(&n->a) && !says_init(b))
				perhaps++;
			else
				yes += (left[i] == right[k]) != n->differ;
		sure += is_all(b) ? yes == nr : yes > 0;
		maybe += is_all(b) ? yes + perhaps == nr : yes + perhaps > 0;
	}
	if (is_all(&n->a))
		return sure == nl ? 2 : maybe == nl;
	return sure > 0 ? 2 : maybe > 0;
}

static int
naive(const struct node *n, bool defaults)
{
	static const struct operand up = { .side = SIDE_STATE, .health = RH_UP };
	struct node bare = *n;
	int l = n->l != NULL ? naive(n->l, defaults) : 0, r = n->r != NULL ? naive(n->r, defaults) : 0;

	switch (n->kind) {
	case K_OR: return l == 2 || r == 2 ? 2 : l == 1 || r == 1;
	case K_AND: return l == 0 || r == 0 ? 0 : l == 1 || r == 1 ? 1 : 2;
	case K_SAME: return l == 1 || r == 1 ? 1 : (l == r) != n->differ ? 2 : 0;
	case K_COMPARE: return naive_compare(n, &n->b, defaults);
	case K_TEXT: return (strcmp(facts.hostname, n->text ? "alpha" : "beta") == 0) != n->differ ? 2 : 0;
	case K_NOT: return 2 - l;
	case K_TRUE: return 2;
	case K_FALSE: return 0;
	case K_DEFAULTPRIM: return facts.isdefaultprim ? 2 : 0;
	case K_BARE:
		bare.differ = false;
		return naive_compare(&bare, &up, defaults);
	}
	return 0;
}

/* ---- one history ---- */
static void
change(struct rules *r, struct world *w)
{
	unsigned c = rng_below(&rng, 3), i = rng_below(&rng, 4);
	struct thing *t = &w->at[c][i];
	char name[SK_RES_MAX];

	snprintf(name, sizeof(name), "%s.%s", classes[c], ids[i]);
	if (rng_below(&rng, 5) == 0) {
		rules_remove(r, name);
		t->exists = false;
		return;
	}
	*t = (struct thing){ true, rng_below(&rng, 4) == 0, (int)rng_below(&rng, 4) };
	assert_true(rules_set(r, name, t->health, t->own));
}

static void
step(struct rules *r, struct rules *other)
{
	struct rules_word w[RULES_REMOTE_MAX];
	int n;

	switch (rng_below(&rng, 8)) {
	case 0:
		rules_remote(r, NULL, -1);
		is_heard = false;
		break;
	case 1: case 2:
		n = rules_words(other, w);
		rules_remote(r, w, n);
		heard = peer;
		is_heard = true;
		break;
	case 3: facts = (struct rules_facts){ rng_below(&rng, 2) ? "alpha" : "gamma", rng_below(&rng, 2) == 0, RH_UP }; break;
	case 4: facts.cluster = rng_below(&rng, 2) == 0 ? RH_UNKNOWN : RH_DOWN; break;
	case 5: change(other, &peer); break;
	default: change(r, &here); break;
	}
}

static void
history(uint64_t seed)
{
	static const int value[] = { RULE_FALSE, RULE_UNDECIDED, RULE_TRUE };
	struct node *tree[RULES];
	struct rules_part part[2] = { { NULL, 1, 1, RULES_USER }, { NULL, 1, 1, RULES_DEFAULT } };
	struct rules_error err;
	struct rules *r, *other;
	int i, s;

	rng_seed(&rng, seed);
	nodes = 0;
	used = 0;
	here = peer = heard = (struct world){ 0 };
	is_heard = false;
	facts = (struct rules_facts){ "alpha", false, RH_UP };
	part[0].text = text;
	for (i = 0; i < RULES; i++) {
		if (i == RULES / 2)
			part[1].text = text + ++used;
		tree[i] = make_tree(5);
		put("l%d:", i);
		put("if(");
		put_tree(tree[i], 0);
		put(")then wait();");
	}
	r = rules_compile(part, 2, &err);
	if (r == NULL)
		fail_msg("seed %d: part %d %d:%d: %s\n%s", (int)seed, err.part, err.line, err.column, err.text, part[err.part].text);
	other = rules_compile(part, 2, &err);
	for (s = 0; s < STEPS; s++) {
		rules_eval(r, &facts);
		for (i = 0; i < RULES; i++)
			if (rules_row(r, i)->value != value[naive(tree[i], i >= RULES / 2)])
				fail_msg("seed %d, step %d: %d, expected %d of %s", (int)seed, s, rules_row(r, i)->value,
				    value[naive(tree[i], i >= RULES / 2)], rules_row(r, i)->text);
		step(r, other);
	}
	rules_free(r);
	rules_free(other);
}

static void
test_histories(void **state)
{
	const char *one = getenv("SEED");	/* SEED=n: only that one */
	int seed;

	for (seed = one != NULL ? atoi(one) : 1; seed <= SEEDS; seed++) {
		history((uint64_t)seed);
		if (one != NULL)
			break;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_histories) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
