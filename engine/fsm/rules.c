/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rules.c: the health of resources as tallies, and what the compiled rules say of them now.
 *
 * Owns: the table of resources, the machine that evaluates.  Called by: module/failover.c, the CLI.  Never does: allocate in rules_eval(),
 * read text after compiling (names are looked up when a resource appears, not when it changes).
 */
#include "config.h"
#include "fsm/rules_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const rule_order_names[RULE_ORDERS] = { "stop", "stopstart", "wait", "restart", "swap", "assign" };

struct rules *
rules_compile(const struct rules_part *parts, int n, struct rules_error *err)
{
	struct rules *r = calloc(1, sizeof(*r));
	struct rules_labels labels = { .seen = NULL };
	bool ok = r != NULL;
	int i;

	*err = (struct rules_error){ .text = "no memory" };
	for (i = 0; ok && i < n; i++)
		ok = rules_parse(r, &labels, &parts[i], i, err);
	names_free(&labels.names);
	free(labels.seen);
	if (!ok) {
		rules_free(r);
		return NULL;
	}
	r->max_resources = RULES_RESOURCES_MAX;
	*err = (struct rules_error){ .text = "" };
	return r;
}

void
rules_free(struct rules *r)
{
	int i;

	if (r == NULL)
		return;
	for (i = 0; i < r->rules; i++)
		free((char *)r->rule[i].row.text);
	for (i = 0; i < r->strings; i++)
		free(r->string[i]);
	for (i = 0; i < r->buckets; i++)
		while (r->bucket[i] != NULL) {
			struct resource *gone = r->bucket[i];

			r->bucket[i] = gone->next;
			free(gone);
		}
	names_free(&r->ref_names);
	names_free(&r->watch_names);
	free(r->rule);
	free(r->code);
	free(r->used);
	free(r->string);
	free(r->ref);
	free(r->watch);
	free(r->bucket);
	free(r);
}

/* ---- resources ---- */
static void
tally(struct rules *r, const struct resource *res, int by)
{
	int i, h = res->health;

	for (i = 0; i < 4; i++)
		if (res->watch[i] != -1) {
			struct watch *w = &r->watch[res->watch[i]];
			unsigned bit = 1u << h;

			w->count[res->own][h] += by;
			w->seen[0] = (uint8_t)((w->seen[0] & ~bit) | (w->count[0][h] > 0 ? bit : 0));
			w->seen[1] = (uint8_t)((w->seen[1] & ~bit) | (w->count[0][h] + w->count[1][h] > 0 ? bit : 0));
		}
}

/* Where the resource of that name hangs, or would: *it is NULL then.  There are buckets. */
static struct resource **
place(const struct rules *r, const char *name, uint32_t hash)
{
	struct resource **at = &r->bucket[hash & (uint32_t)(r->buckets - 1)];

	while (*at != NULL && ((*at)->hash != hash || strcmp((*at)->name, name) != 0))
		at = &(*at)->next;
	return at;
}

static bool
widen(struct rules *r)
{
	int i, n = r->buckets == 0 ? 64 : r->buckets * 2;
	struct resource **more = calloc((size_t)n, sizeof(*more)), *res;	/* NOLINT(bugprone-sizeof-expression): pointers are meant */

	if (more == NULL)
		return r->buckets != 0;	/* longer chains do as well */
	for (i = 0; i < r->buckets; i++)
		while ((res = r->bucket[i]) != NULL) {
			r->bucket[i] = res->next;
			res->next = more[res->hash & (uint32_t)(n - 1)];
			more[res->hash & (uint32_t)(n - 1)] = res;
		}
	free(r->bucket);
	r->bucket = more;
	r->buckets = n;
	return true;
}

static void
find_watches(const struct rules *r, struct resource *res)
{
	char class_name[SK_RES_MAX], text[SK_RES_MAX + 2];
	const char *id;

	rules_split(res->name, class_name, &id);
	res->watch[0] = names_find(&r->watch_names, res->name);
	snprintf(text, sizeof(text), "%s.*", class_name);
	res->watch[1] = names_find(&r->watch_names, text);
	snprintf(text, sizeof(text), "*.%s", id);
	res->watch[2] = names_find(&r->watch_names, text);
	res->watch[3] = names_find(&r->watch_names, "*.*");
}

static struct resource *
appear(struct rules *r, const char *name, uint32_t hash)
{
	struct resource *res, **at;

	if (r->resources >= r->max_resources || strlen(name) >= SK_RES_MAX || strpbrk(name, "*?") != NULL)
		return NULL;
	if (r->resources >= r->buckets && !widen(r))
		return NULL;
	res = calloc(1, sizeof(*res));
	if (res == NULL)
		return NULL;
	at = place(r, name, hash);
	*at = res;
	res->hash = hash;
	snprintf(res->name, sizeof(res->name), "%s", name);
	find_watches(r, res);
	r->resources++;
	return res;
}

bool
rules_set(struct rules *r, const char *name, int health, bool own)
{
	uint32_t hash = rules_hash(name);
	struct resource *res = r->buckets == 0 ? NULL : *place(r, name, hash);

	if (health < 0 || health >= RULES_HEALTHS)
		health = RH_UNKNOWN;
	if (res != NULL)
		tally(r, res, -1);
	else if ((res = appear(r, name, hash)) == NULL)
		return false;
	res->health = health;
	res->own = own;
	tally(r, res, 1);
	return true;
}

void
rules_remove(struct rules *r, const char *name)
{
	struct resource **at, *gone;

	if (r->buckets == 0)
		return;
	at = place(r, name, rules_hash(name));
	gone = *at;
	if (gone == NULL)
		return;
	tally(r, gone, -1);
	*at = gone->next;
	free(gone);
	r->resources--;
}

void
rules_limit(struct rules *r, int max_resources)
{
	r->max_resources = max_resources;
}

/* Bit per health of the local resources that ref names */
static unsigned
seen_here(const struct rules *r, const struct ref *ref)
{
	unsigned seen = r->watch[ref->watch].seen[!ref->plain];

	return ref->single && seen == 0 ? 1u << RH_UNKNOWN : seen;
}

static unsigned
seen(const struct rules *r, const struct ref *ref)
{
	return ref->remote ? ref->heard : seen_here(r, ref);
}

/* ---- the other server ---- */
int
rules_words(const struct rules *r, struct rules_word out[RULES_REMOTE_MAX])
{
	int i;

	for (i = 0; i < r->remotes; i++)
		out[i] = (struct rules_word){ r->ref[r->remote[i]].key, (uint8_t)seen_here(r, &r->ref[r->remote[i]]) };
	return r->remotes;
}

static void
hear(struct ref *ref, unsigned healths)
{
	healths &= (1u << RULES_HEALTHS) - 1;
	if (ref->single && (healths == 0 || (healths & (healths - 1)) != 0))	/* one resource has one health */
		healths = 1u << RH_UNKNOWN;
	ref->heard = (uint8_t)healths;
}

void
rules_remote(struct rules *r, const struct rules_word *w, int n)
{
	int i, k;

	for (i = 0; i < r->remotes; i++) {
		struct ref *ref = &r->ref[r->remote[i]];

		ref->heard = 1u << RH_UNKNOWN;	/* also when the peer has other rules and does not tell */
		if (i < n && w[i].key == ref->key) {
			hear(ref, w[i].healths);
			continue;
		}
		for (k = 0; k < n && k < RULES_REMOTE_MAX && w[k].key != ref->key; k++)
			;
		if (k < n && k < RULES_REMOTE_MAX)
			hear(ref, w[k].healths);
	}
}

/* ---- evaluation ---- */
struct operand { unsigned healths; bool all, init; /* init: the word "init" itself */ };

static struct operand
operand_of(const struct rules *r, const struct rules_facts *f, int operand)
{
	int h;

	if (operand >= 0)
		return (struct operand){ seen(r, &r->ref[operand]), r->ref[operand].all, false };
	if (operand == OPERAND_CLUSTER) {
		h = f->cluster == RH_UP || f->cluster == RH_DOWN ? f->cluster : RH_UNKNOWN;
		return (struct operand){ 1u << h, false, false };
	}
	h = OPERAND_STATE(0) - operand;
	return (struct operand){ 1u << h, false, h == RH_INIT };
}

/* Each health of a with each of b: "?" asks whether there is one (or), "*" whether all do (and); the left side's word comes first */
static enum truth
compare(struct operand a, struct operand b, bool differ)
{
	enum truth outer = a.all ? T_YES : T_NO, inner, one;
	int x, y;

	for (x = 0; x < RULES_HEALTHS; x++) {
		if ((a.healths & 1u << x) == 0)
			continue;
		inner = b.all ? T_YES : T_NO;
		for (y = 0; y < RULES_HEALTHS; y++) {
			if ((b.healths & 1u << y) == 0)
				continue;
			if ((x == RH_INIT || y == RH_INIT) && !a.init && !b.init)
				one = T_MAYBE;
			else
				one = (x == y) != differ ? T_YES : T_NO;
			if (b.all ? one < inner : one > inner)
				inner = one;
		}
		if (a.all ? inner < outer : inner > outer)
			outer = inner;
	}
	return outer;
}

static enum truth
of_bool(bool b)
{
	return b ? T_YES : T_NO;
}

static const char *
text_of(const struct rules *r, const struct rules_facts *f, int operand)
{
	if (operand != OPERAND_HOSTNAME)
		return r->string[operand];
	return f->hostname != NULL ? f->hostname : "";
}

static enum truth
same(enum truth a, enum truth b)
{
	return a == T_MAYBE || b == T_MAYBE ? T_MAYBE : of_bool(a == b);
}

/* One instruction; top: behind the topmost truth.  Returns the new top. */
static enum truth *
execute(const struct rules *r, const struct rules_facts *f, const struct insn *i, enum truth *top)
{
	switch (i->op) {
	case OP_TRUE: *top++ = T_YES; break;
	case OP_FALSE: *top++ = T_NO; break;
	case OP_DEFAULTPRIM: *top++ = of_bool(f->isdefaultprim); break;
	case OP_HEALTH: *top++ = compare(operand_of(r, f, i->a), operand_of(r, f, i->b), false); break;
	case OP_NOT_HEALTH: *top++ = compare(operand_of(r, f, i->a), operand_of(r, f, i->b), true); break;
	case OP_TEXT: *top++ = of_bool(strcmp(text_of(r, f, i->a), text_of(r, f, i->b)) == 0); break;
	case OP_NOT_TEXT: *top++ = of_bool(strcmp(text_of(r, f, i->a), text_of(r, f, i->b)) != 0); break;
	case OP_NOT: top[-1] = T_YES - top[-1]; break;
	case OP_AND: top--; top[-1] = top[0] < top[-1] ? top[0] : top[-1]; break;
	case OP_OR: top--; top[-1] = top[0] > top[-1] ? top[0] : top[-1]; break;
	case OP_SAME: top--; top[-1] = same(top[-1], top[0]); break;
	case OP_DIFFER: top--; top[-1] = T_YES - same(top[-1], top[0]); break;
	}
	return top;
}

void
rules_eval(struct rules *r, const struct rules_facts *f)
{
	static const enum rule_value values[] = { [T_NO] = RULE_FALSE, [T_MAYBE] = RULE_UNDECIDED, [T_YES] = RULE_TRUE };
	enum truth stack[2 + RULES_STACK] = { T_MAYBE }, *top;	/* two below the first: nothing of ours reads them */
	int i, k;

	for (i = 0; i < r->rules; i++) {
		top = stack + 2;
		for (k = r->rule[i].code; k < r->rule[i].code_end; k++)
			top = execute(r, f, &r->code[k], top);
		r->rule[i].row.value = values[stack[2]];
	}
}

/* ---- what explain asks ---- */
int
rules_count(const struct rules *r)
{
	return r->rules;
}

const struct rule_row *
rules_row(const struct rules *r, int i)
{
	return i < 0 || i >= r->rules ? NULL : &r->rule[i].row;
}

void
rules_refs(const struct rules *r, int i, void (*each)(void *ctx, const char *ref, bool remote, unsigned healths), void *ctx)
{
	int k;

	for (k = r->rule[i].refs; k < r->rule[i].refs_end; k++) {
		int n = r->used[k];

		each(ctx, r->ref_names.text[n] + 1, r->ref[n].remote, seen(r, &r->ref[n]));
	}
}

bool
rules_names(const struct rules *r, int i, const char *name)
{
	const struct resource *res = r->buckets == 0 ? NULL : *place(r, name, rules_hash(name));
	int k, w;

	for (k = r->rule[i].refs; k < r->rule[i].refs_end; k++) {
		const struct ref *ref = &r->ref[r->used[k]];

		if (ref->remote)
			continue;
		if (ref->single && strcmp(r->watch_names.text[ref->watch], name) == 0)
			return true;	/* also one that does not exist (yet) */
		for (w = 1; res != NULL && w < 4; w++)
			if (res->watch[w] == ref->watch && !(ref->plain && res->own))
				return true;
	}
	return false;
}
