/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rules_expr.c: the condition of a failover rule -> instructions (grammar: rules.h).
 *
 * Owns: functions, types, precedence.  Called by: rules_parse.c.  Never does: recurse deeper than RULES_DEPTH_MAX.
 * A comparison needs to know both sides, so a resource, state or text is carried as a value and becomes instructions only when it is clear
 * what it is compared with; truths are on the machine's stack already.
 */
#include "config.h"
#include "fsm/rules_impl.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct { const char *what, *fits; } types[TYPE_COUNT] = {
	[TYPE_TRUTH] = { "a truth value", "TRUE, FALSE, a condition or a resource" },
	[TYPE_STATE] = { "a state", "a resource, a state or cluster()" },
	[TYPE_RESOURCE] = { "a resource", "a state (without quotes), a resource or a truth value" },
	[TYPE_TEXT] = { "a text", "\"...\" or hostname()" },
};

static const struct function { const char *name; enum type type; int op, operand; } functions[] = {
	{ "hostname", TYPE_TEXT, 0, OPERAND_HOSTNAME },
	{ "isdefaultprim", TYPE_TRUTH, OP_DEFAULTPRIM, 0 },
	{ "cluster", TYPE_RESOURCE, 0, OPERAND_CLUSTER },
};
#define FUNCTIONS	"hostname(), isdefaultprim() or cluster()"
#define OPERANDS	"a resource as class.id, init, down, up, unknown, TRUE, FALSE, \"text\", " FUNCTIONS

static bool
emit(struct parser *p, int op, int a, int b)
{
	if (p->overridden)
		return true;
	if (!rules_grow(&p->r->code, &p->r->code_room, p->r->insns, sizeof(struct insn)))
		return parse_no_memory(p);
	p->r->code[p->r->insns++] = (struct insn){ op, a, b };
	return true;
}

/* Wherever TRUE or FALSE is needed: a resource is true when it is up (tcp.? means tcp.? == up) */
bool
parse_truth(struct parser *p, struct value *v)
{
	if (v->type == TYPE_STATE || v->type == TYPE_TEXT)
		return parse_fail(p, &v->at, "%s alone is neither true nor false: expected a comparison with == or !=", types[v->type].what);
	if (v->type == TYPE_RESOURCE && !emit(p, OP_HEALTH, v->operand, OPERAND_STATE(RH_UP)))
		return false;
	v->type = TYPE_TRUTH;
	return true;
}

/* ---- operands ---- */
/* Notes that this rule has the reference */
static bool
use_reference(struct parser *p, int n)
{
	if (p->r->ref[n].rule == p->r->rules + 1)
		return true;
	p->r->ref[n].rule = p->r->rules + 1;
	if (!rules_grow(&p->r->used, &p->r->used_room, p->r->useds, sizeof(int)))
		return parse_no_memory(p);
	p->r->used[p->r->useds++] = n;
	return true;
}

static bool
parse_resource(struct parser *p, struct value *v)
{
	char text[SK_RES_MAX + 8];

	v->type = TYPE_RESOURCE;
	if (!parse_resource_name(p, &p->tok, text))
		return false;
	if (!p->overridden) {
		v->operand = rules_reference(p->r, text, p->origin);
		if (v->operand == -1)
			return parse_no_memory(p);
		if (v->operand == -2)
			return parse_fail(p, &p->tok, "more than %d different remote resources", RULES_REMOTE_MAX);
		if (!use_reference(p, v->operand))
			return false;
	}
	parse_advance(p);
	return true;
}

static bool
parse_string(struct parser *p, struct value *v)
{
	char *text;

	v->type = TYPE_TEXT;
	v->operand = 0;
	if (!p->overridden) {
		text = strndup(p->tok.at, (size_t)p->tok.len);
		if (text == NULL || !rules_grow(&p->r->string, &p->r->strings_room, p->r->strings, sizeof(char *))) {
			free(text);
			return parse_no_memory(p);
		}
		v->operand = p->r->strings;
		p->r->string[p->r->strings++] = text;
	}
	parse_advance(p);
	return true;
}

/* A word that has no dot: a state, TRUE, FALSE or a function */
static bool
parse_word(struct parser *p, struct value *v)
{
	struct token t = p->tok;
	int state = parse_state(&t);
	size_t i;

	parse_advance(p);
	if (p->tok.kind == TK_OPEN) {
		for (i = 0; i < ARRAY_LEN(functions) && !parse_is(&t, functions[i].name); i++)
			;
		if (i == ARRAY_LEN(functions))
			return parse_fail(p, &t, "unknown function '%.*s()': expected " FUNCTIONS, t.len > 60 ? 60 : t.len, t.at);
		parse_advance(p);
		v->type = functions[i].type;
		v->operand = functions[i].operand;
		return parse_take(p, TK_CLOSE, "')' (this function has no arguments)") &&
		    (v->type != TYPE_TRUTH || emit(p, functions[i].op, 0, 0));
	}
	if (state != -1) {
		v->type = TYPE_STATE;
		v->operand = OPERAND_STATE(state);
		return true;
	}
	v->type = TYPE_TRUTH;
	if (parse_is_in_any_case(&t, "true"))
		return emit(p, OP_TRUE, 0, 0);
	if (parse_is_in_any_case(&t, "false"))
		return emit(p, OP_FALSE, 0, 0);
	for (i = 0; i < ARRAY_LEN(functions); i++)
		if (parse_is(&t, functions[i].name))
			return parse_fail(p, &p->tok, "'(' is missing after '%s': expected %s()", functions[i].name, functions[i].name);
	return parse_fail(p, &t, "unknown word '%.*s': expected " OPERANDS, t.len > 60 ? 60 : t.len, t.at);
}

static bool
deeper(struct parser *p)
{
	if (++p->depth > RULES_DEPTH_MAX)
		return parse_fail(p, &p->tok, "more than %d brackets and '!' within each other", RULES_DEPTH_MAX);
	return true;
}

static bool
parse_brackets(struct parser *p, struct value *v)
{
	if (!deeper(p))
		return false;
	parse_advance(p);
	if (!parse_expression(p, v) || !parse_take(p, TK_CLOSE, "')', && or ||"))
		return false;
	p->depth--;
	return true;
}

static bool
parse_operand(struct parser *p, struct value *v)
{
	*v = (struct value){ .at = p->tok };
	switch (p->tok.kind) {
	case TK_NOT:
		if (!deeper(p))
			return false;
		parse_advance(p);
		if (!parse_operand(p, v) || !parse_truth(p, v))
			return false;
		p->depth--;
		return emit(p, OP_NOT, 0, 0);
	case TK_OPEN:
		return parse_brackets(p, v);
	case TK_STRING:
		return parse_string(p, v);
	case TK_WORD:
		if (memchr(p->tok.at, '.', (size_t)p->tok.len) != NULL)
			return parse_resource(p, v);
		return parse_word(p, v);
	default:
		return parse_unexpected(p, OPERANDS);
	}
}

/* ---- expressions ---- */
static bool
compare(struct parser *p, struct value *l, struct value *r, bool differ)
{
	bool health = (l->type == TYPE_STATE || l->type == TYPE_RESOURCE) && (r->type == TYPE_STATE || r->type == TYPE_RESOURCE);
	int op;

	if (health) {
		op = differ ? OP_NOT_HEALTH : OP_HEALTH;
	} else if (l->type == TYPE_TEXT && r->type == TYPE_TEXT) {
		op = differ ? OP_NOT_TEXT : OP_TEXT;
	} else if (l->type == TYPE_TEXT || r->type == TYPE_TEXT || l->type == TYPE_STATE || r->type == TYPE_STATE) {
		return parse_fail(p, &r->at, "%s is compared with %s: expected %s%s", types[l->type].what, types[r->type].what, types[l->type].fits,
		    l->type == TYPE_TRUTH ? " (! binds closer than ==: !(a == b))" : "");
	} else {	/* == is symmetric: whose instructions come first does not matter */
		if (!parse_truth(p, l) || !parse_truth(p, r))
			return false;
		op = differ ? OP_DIFFER : OP_SAME;
	}
	if (!emit(p, op, l->operand, r->operand))
		return false;
	l->type = TYPE_TRUTH;
	return true;
}

static bool
parse_comparison(struct parser *p, struct value *v)
{
	struct value r;
	bool differ;

	if (!parse_operand(p, v))
		return false;
	while (p->tok.kind == TK_EQUAL || p->tok.kind == TK_DIFFER) {
		differ = p->tok.kind == TK_DIFFER;
		parse_advance(p);
		if (!parse_operand(p, &r) || !compare(p, v, &r, differ))
			return false;
	}
	return true;
}

static bool
parse_and(struct parser *p, struct value *v)
{
	struct value r;

	if (!parse_comparison(p, v))
		return false;
	while (p->tok.kind == TK_AND) {
		parse_advance(p);
		if (!parse_truth(p, v) || !parse_comparison(p, &r) || !parse_truth(p, &r) || !emit(p, OP_AND, 0, 0))
			return false;
	}
	return true;
}

bool
parse_expression(struct parser *p, struct value *v)
{
	struct value r;

	if (!parse_and(p, v))
		return false;
	while (p->tok.kind == TK_OR) {
		parse_advance(p);
		if (!parse_truth(p, v) || !parse_and(p, &r) || !parse_truth(p, &r) || !emit(p, OP_OR, 0, 0))
			return false;
	}
	if (p->tok.kind == TK_ASSIGN)
		return parse_unexpected(p, "== to compare (= is for 'then resource=state')");
	return true;
}
