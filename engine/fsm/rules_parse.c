/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rules_parse.c: one part of failover rules -> instructions, or the first error with its place (grammar: rules.h).
 *
 * Owns: keywords, functions, actions, types.  Called by: rules_compile().  Never does: recurse deeper than RULES_DEPTH_MAX, know which
 * resources there are.
 * A comparison needs to know both sides, so a resource, state or text is carried as a value and becomes instructions only when it is clear
 * what it is compared with; truths are on the machine's stack already.
 */
#include "config.h"
#include "fsm/rules_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum type { TYPE_TRUTH, TYPE_STATE, TYPE_RESOURCE, TYPE_TEXT, TYPE_COUNT };
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
#define ACTIONS		"stop(), stopstart(), wait(), restart(), swap() or resource=state"
#define OPERANDS	"a resource as class.id, init, down, up, unknown, TRUE, FALSE, \"text\", " FUNCTIONS

struct value { enum type type; int operand; struct token at; };

struct parser {
	struct lexer lex;
	struct token tok;		/* the one that is looked at */
	struct rules *r;
	struct rules_labels *labels;
	struct rules_error *err;
	int	 part, origin, depth;
	bool	 overridden;		/* this rule counts no more: checked, not kept */
};

static bool __attribute__((format(printf, 3, 4)))
fail(struct parser *p, const struct token *at, const char *fmt, ...)
{
	va_list ap;

	p->err->part = p->part;
	p->err->line = at->line;
	p->err->column = at->column;
	va_start(ap, fmt);
	vsnprintf(p->err->text, sizeof(p->err->text), fmt, ap);
	va_end(ap);
	str_make_utf8(p->err->text);
	return false;
}

static bool
no_memory(struct parser *p)
{
	return fail(p, &p->tok, "no memory");
}

static bool
is_word(const struct token *t, const char *word)
{
	return t->kind == TK_WORD && (size_t)t->len == strlen(word) && strncmp(t->at, word, (size_t)t->len) == 0;
}

static bool
is_word_any_case(const struct token *t, const char *word)
{
	return t->kind == TK_WORD && (size_t)t->len == strlen(word) && strncasecmp(t->at, word, (size_t)t->len) == 0;
}

/* The looked-at token stands where something else should */
static bool
unexpected(struct parser *p, const char *expected)
{
	const struct token *t = &p->tok;

	if (t->kind == TK_BAD)
		return fail(p, t, "%s", p->lex.why);
	if (t->kind == TK_END)
		return fail(p, t, "the rules end here: expected %s", expected);
	return fail(p, t, "'%s%.*s%s%s': expected %s", t->kind == TK_STRING ? "\"" : "", t->len > 60 ? 60 : t->len, t->at,
	    t->len > 60 ? "..." : "", t->kind == TK_STRING ? "\"" : "", expected);
}

static void
advance(struct parser *p)
{
	lex_next(&p->lex, &p->tok, false);
}

static bool
take(struct parser *p, enum token_kind kind, const char *expected)
{
	if (p->tok.kind != kind)
		return unexpected(p, expected);
	advance(p);
	return true;
}

static bool
emit(struct parser *p, int op, int a, int b)
{
	if (p->overridden)
		return true;
	if (!rules_grow(&p->r->code, &p->r->code_room, p->r->insns, sizeof(struct insn)))
		return no_memory(p);
	p->r->code[p->r->insns++] = (struct insn){ op, a, b };
	return true;
}

/* Wherever TRUE or FALSE is needed: a resource is true when it is up (tcp.? means tcp.? == up) */
static bool
to_truth(struct parser *p, struct value *v)
{
	if (v->type == TYPE_STATE || v->type == TYPE_TEXT)
		return fail(p, &v->at, "%s alone is neither true nor false: expected a comparison with == or !=", types[v->type].what);
	if (v->type == TYPE_RESOURCE && !emit(p, OP_HEALTH, v->operand, OPERAND_STATE(RH_UP)))
		return false;
	v->type = TYPE_TRUTH;
	return true;
}

/* ---- operands ---- */
/* Number of the state that the token names, -1: none */
static int
state_of(const struct token *t)
{
	int i;

	for (i = 0; i < RULES_HEALTHS; i++)
		if (is_word_any_case(t, rpt_health_names[i]))
			return i;
	return -1;
}

/* One half of class.id */
static bool
check_half(struct parser *p, const struct token *t, const char *half, size_t len, bool id)
{
	size_t i;

	if (len == 0)
		return fail(p, t, "'%.*s' has no %s: expected a resource as class.id", t->len, t->at, id ? "id" : "class");
	for (i = 0; i < len; i++) {
		if (strchr("*?", half[i]) != NULL && len > 1)
			return fail(p, t, "'%.*s': * and ? stand for a whole class or id, expected a name or one of them alone", t->len, t->at);
		if (!id && strchr(":/@%+", half[i]) != NULL)
			return fail(p, t, "'%.*s': a class is made of letters, digits, _ and -", t->len, t->at);
	}
	return true;
}

/* The token as a resource: text gets it as written */
static bool
check_resource(struct parser *p, const struct token *t, char text[SK_RES_MAX + 8])
{
	const char *name = t->at, *dot, *end = t->at + t->len;

	if (strncmp(name, "local.", 6) == 0 || strncmp(name, "remote.", 7) == 0)
		name = strchr(name, '.') + 1;
	dot = memchr(name, '.', (size_t)(end - name));
	if (dot == NULL)
		return fail(p, t, "'%.*s' has no id: expected a resource as class.id", t->len > 60 ? 60 : t->len, t->at);
	if (end - name >= SK_RES_MAX)
		return fail(p, t, "a resource of %d bytes: expected at most %d", (int)(end - name), SK_RES_MAX - 1);
	if (!check_half(p, t, name, (size_t)(dot - name), false) || !check_half(p, t, dot + 1, (size_t)(end - dot - 1), true))
		return false;
	snprintf(text, SK_RES_MAX + 8, "%.*s", t->len, t->at);
	return true;
}

/* Notes that this rule has the reference */
static bool
use_reference(struct parser *p, int n)
{
	if (p->r->ref[n].rule == p->r->rules + 1)
		return true;
	p->r->ref[n].rule = p->r->rules + 1;
	if (!rules_grow(&p->r->used, &p->r->used_room, p->r->useds, sizeof(int)))
		return no_memory(p);
	p->r->used[p->r->useds++] = n;
	return true;
}

static bool
parse_resource(struct parser *p, struct value *v)
{
	char text[SK_RES_MAX + 8];

	v->type = TYPE_RESOURCE;
	if (!check_resource(p, &p->tok, text))
		return false;
	if (!p->overridden) {
		v->operand = rules_reference(p->r, text, p->origin);
		if (v->operand == -1)
			return no_memory(p);
		if (v->operand == -2)
			return fail(p, &p->tok, "more than %d different remote resources", RULES_REMOTE_MAX);
		if (!use_reference(p, v->operand))
			return false;
	}
	advance(p);
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
			return no_memory(p);
		}
		v->operand = p->r->strings;
		p->r->string[p->r->strings++] = text;
	}
	advance(p);
	return true;
}

/* A word that has no dot: a state, TRUE, FALSE or a function */
static bool
parse_word(struct parser *p, struct value *v)
{
	struct token t = p->tok;
	int state = state_of(&t);
	size_t i;

	advance(p);
	if (p->tok.kind == TK_OPEN) {
		for (i = 0; i < ARRAY_LEN(functions) && !is_word(&t, functions[i].name); i++)
			;
		if (i == ARRAY_LEN(functions))
			return fail(p, &t, "unknown function '%.*s()': expected " FUNCTIONS, t.len > 60 ? 60 : t.len, t.at);
		advance(p);
		v->type = functions[i].type;
		v->operand = functions[i].operand;
		return take(p, TK_CLOSE, "')' (this function has no arguments)") &&
		    (v->type != TYPE_TRUTH || emit(p, functions[i].op, 0, 0));
	}
	if (state != -1) {
		v->type = TYPE_STATE;
		v->operand = OPERAND_STATE(state);
		return true;
	}
	v->type = TYPE_TRUTH;
	if (is_word_any_case(&t, "true"))
		return emit(p, OP_TRUE, 0, 0);
	if (is_word_any_case(&t, "false"))
		return emit(p, OP_FALSE, 0, 0);
	for (i = 0; i < ARRAY_LEN(functions); i++)
		if (is_word(&t, functions[i].name))
			return fail(p, &p->tok, "'(' is missing after '%s': expected %s()", functions[i].name, functions[i].name);
	return fail(p, &t, "unknown word '%.*s': expected " OPERANDS, t.len > 60 ? 60 : t.len, t.at);
}

static bool parse_expression(struct parser *p, struct value *v);

static bool
deeper(struct parser *p)
{
	if (++p->depth > RULES_DEPTH_MAX)
		return fail(p, &p->tok, "more than %d brackets and '!' within each other", RULES_DEPTH_MAX);
	return true;
}

static bool
parse_brackets(struct parser *p, struct value *v)
{
	if (!deeper(p))
		return false;
	advance(p);
	if (!parse_expression(p, v) || !take(p, TK_CLOSE, "')', && or ||"))
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
		advance(p);
		if (!parse_operand(p, v) || !to_truth(p, v))
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
		return unexpected(p, OPERANDS);
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
		return fail(p, &r->at, "%s is compared with %s: expected %s%s", types[l->type].what, types[r->type].what, types[l->type].fits,
		    l->type == TYPE_TRUTH ? " (! binds closer than ==: !(a == b))" : "");
	} else {	/* == is symmetric: whose instructions come first does not matter */
		if (!to_truth(p, l) || !to_truth(p, r))
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
		advance(p);
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
		advance(p);
		if (!to_truth(p, v) || !parse_comparison(p, &r) || !to_truth(p, &r) || !emit(p, OP_AND, 0, 0))
			return false;
	}
	return true;
}

static bool
parse_expression(struct parser *p, struct value *v)
{
	struct value r;

	if (!parse_and(p, v))
		return false;
	while (p->tok.kind == TK_OR) {
		advance(p);
		if (!to_truth(p, v) || !parse_and(p, &r) || !to_truth(p, &r) || !emit(p, OP_OR, 0, 0))
			return false;
	}
	if (p->tok.kind == TK_ASSIGN)
		return unexpected(p, "== to compare (= is for 'then resource=state')");
	return true;
}

/* ---- actions and rules ---- */
static bool
parse_assignment(struct parser *p, struct rule_row *row)
{
	struct token t = p->tok;
	char text[SK_RES_MAX + 8];
	const char *name = text;

	if (!check_resource(p, &t, text))
		return false;
	if (strncmp(text, "remote.", 7) == 0)
		return fail(p, &t, "'%s' is on the other server: expected a local resource", text);
	if (strpbrk(text, "*?") != NULL)
		return fail(p, &t, "'%s' is not one resource: expected class.id without * and ?", text);
	if (strncmp(text, "local.", 6) == 0)
		name += 6;
	advance(p);
	if (p->tok.kind == TK_EQUAL)
		return unexpected(p, "a single = (== compares)");
	if (!take(p, TK_ASSIGN, "'='"))
		return false;
	row->order = RULE_ASSIGN;
	row->health = state_of(&p->tok);
	if (row->health == -1)
		return unexpected(p, "init, down, up or unknown");
	str_copy(row->target, sizeof(row->target), name);
	advance(p);
	return true;
}

static bool
parse_action(struct parser *p, struct rule_row *row)
{
	struct token t = p->tok;
	int i;

	if (t.kind != TK_WORD)
		return unexpected(p, "an action: " ACTIONS);
	if (memchr(t.at, '.', (size_t)t.len) != NULL)
		return parse_assignment(p, row);
	for (i = 0; i < RULE_ASSIGN && !is_word(&t, rule_order_names[i]); i++)
		;
	if (i == RULE_ASSIGN)
		return fail(p, &t, "unknown action '%.*s': expected " ACTIONS, t.len > 60 ? 60 : t.len, t.at);
	row->order = i;
	advance(p);
	return take(p, TK_OPEN, "'()' after the action") && take(p, TK_CLOSE, "')' (an action has no arguments)");
}

/* The label, with what it means that it was there already */
static bool
parse_label(struct parser *p, struct rule_row *row)
{
	struct token t = p->tok;
	struct rules_labels *l = p->labels;
	struct rules_label *seen;
	int n;

	if (t.kind != TK_WORD)
		return unexpected(p, "a label: letters, digits, _ . -");
	if (t.len >= RULES_LABEL_MAX)
		return fail(p, &t, "a label of %d characters: expected at most %d", t.len, RULES_LABEL_MAX - 1);
	snprintf(row->label, sizeof(row->label), "%.*s", t.len, t.at);
	row->line = t.line;
	row->column = t.column;
	n = names_find(&l->names, row->label);
	p->overridden = n != -1;
	if (n == -1) {
		if (!rules_grow(&l->seen, &l->room, l->names.count, sizeof(*seen)) || (n = names_add(&l->names, row->label)) == -1)
			return no_memory(p);
	} else if (l->seen[n].part == p->part) {
		return fail(p, &t, "label '%s' is given twice: expected another one than in line %d", row->label, l->seen[n].line);
	}
	l->seen[n] = (struct rules_label){ p->part, t.line };
	advance(p);
	return take(p, TK_COLON, "':' after the label");
}

static bool
parse_condition(struct parser *p)
{
	struct value v;

	if (!is_word(&p->tok, "if"))
		return unexpected(p, "if");
	advance(p);
	if (!take(p, TK_OPEN, "'(' after if") || !parse_expression(p, &v) || !to_truth(p, &v) || !take(p, TK_CLOSE, "')', && or ||"))
		return false;
	if (!is_word(&p->tok, "then"))
		return unexpected(p, p->tok.kind == TK_WORD || p->tok.kind == TK_END ? "then" :
		    "then (brackets around the whole condition: if ( ... ) then)");
	advance(p);
	return true;
}

static bool
keep(struct parser *p, struct rule *rule, const char *from, const char *to)
{
	struct rules *r = p->r;
	char *text = malloc((size_t)(to - from) + 1);

	if (text == NULL || !rules_grow(&r->rule, &r->rules_room, r->rules, sizeof(*rule))) {
		free(text);
		return no_memory(p);
	}
	lex_squeeze(from, to, text);
	str_make_utf8(text);
	rule->row.text = text;
	rule->row.origin = p->origin;
	rule->row.value = RULE_UNDECIDED;
	rule->code_end = r->insns;
	rule->refs_end = r->useds;
	r->rule[r->rules++] = *rule;
	return true;
}

static bool
parse_rule(struct parser *p)
{
	struct rule rule = { .code = p->r->insns, .refs = p->r->useds };
	const char *from = p->tok.at;

	p->depth = 0;
	if (p->r->rules >= RULES_MAX)
		return fail(p, &p->tok, "more than %d rules", RULES_MAX);
	if (!parse_label(p, &rule.row) || !parse_condition(p) || !parse_action(p, &rule.row))
		return false;
	if (p->tok.kind != TK_SEMICOLON)
		return unexpected(p, "';' after the action");
	return p->overridden || keep(p, &rule, from, p->tok.at + 1);
}

bool
rules_parse(struct rules *r, struct rules_labels *labels, const struct rules_part *part, int number, struct rules_error *err)
{
	struct parser p = { .r = r, .labels = labels, .err = err, .part = number, .origin = part->origin };

	lex_start(&p.lex, part);
	lex_next(&p.lex, &p.tok, true);
	if (strnlen(part->text, RULES_TEXT_MAX + 1) > RULES_TEXT_MAX)
		return fail(&p, &p.tok, "the rules are longer than %u bytes", RULES_TEXT_MAX);
	while (p.tok.kind != TK_END) {
		if (!parse_rule(&p))
			return false;
		lex_next(&p.lex, &p.tok, true);
	}
	return true;
}
