/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rules_parse.c: one part of failover rules -> compiled rules, or the first error with its place (grammar: rules.h).
 *
 * Owns: labels, actions, what a resource looks like, how an error is said.  Called by: rules_compile(); rules_expr.c for the words that
 * both have.  Never does: know which resources there are.
 */
#include "config.h"
#include "fsm/rules_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ACTIONS		"stop(), stopstart(), wait(), restart(), swap() or resource=state"

bool
parse_fail(struct parser *p, const struct token *at, const char *fmt, ...)
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

bool
parse_no_memory(struct parser *p)
{
	return parse_fail(p, &p->tok, "no memory");
}

bool
parse_is(const struct token *t, const char *word)
{
	return t->kind == TK_WORD && (size_t)t->len == strlen(word) && strncmp(t->at, word, (size_t)t->len) == 0;
}

bool
parse_is_in_any_case(const struct token *t, const char *word)
{
	return t->kind == TK_WORD && (size_t)t->len == strlen(word) && strncasecmp(t->at, word, (size_t)t->len) == 0;
}

/* The looked-at token stands where something else should */
bool
parse_unexpected(struct parser *p, const char *expected)
{
	const struct token *t = &p->tok;

	if (t->kind == TK_BAD)
		return parse_fail(p, t, "%s", p->lex.why);
	if (t->kind == TK_END)
		return parse_fail(p, t, "the rules end here: expected %s", expected);
	return parse_fail(p, t, "'%s%.*s%s%s': expected %s", t->kind == TK_STRING ? "\"" : "", t->len > 60 ? 60 : t->len, t->at,
	    t->len > 60 ? "..." : "", t->kind == TK_STRING ? "\"" : "", expected);
}

void
parse_advance(struct parser *p)
{
	lex_next(&p->lex, &p->tok, false);
}

bool
parse_take(struct parser *p, enum token_kind kind, const char *expected)
{
	if (p->tok.kind != kind)
		return parse_unexpected(p, expected);
	parse_advance(p);
	return true;
}

/* Number of the state that the token names, -1: none */
int
parse_state(const struct token *t)
{
	int i;

	for (i = 0; i < RULES_HEALTHS; i++)
		if (parse_is_in_any_case(t, rpt_health_names[i]))
			return i;
	return -1;
}

/* One half of class.id */
static bool
check_half(struct parser *p, const struct token *t, const char *half, size_t len, bool id)
{
	size_t i;

	if (len == 0)
		return parse_fail(p, t, "'%.*s' has no %s: expected a resource as class.id", t->len, t->at, id ? "id" : "class");
	for (i = 0; i < len; i++) {
		if (strchr("*?", half[i]) != NULL && len > 1)
			return parse_fail(p, t, "'%.*s': * and ? stand for a whole class or id, expected a name or one of them alone", t->len, t->at);
		if (!id && strchr(":/@%+", half[i]) != NULL)
			return parse_fail(p, t, "'%.*s': a class is made of letters, digits, _ and -", t->len, t->at);
	}
	return true;
}

/* The token as a resource: text gets it as written */
bool
parse_resource_name(struct parser *p, const struct token *t, char text[SK_RES_MAX + 8])
{
	const char *name = t->at, *dot, *end = t->at + t->len;

	if (strncmp(name, "local.", 6) == 0 || strncmp(name, "remote.", 7) == 0)
		name = strchr(name, '.') + 1;
	dot = memchr(name, '.', (size_t)(end - name));
	if (dot == NULL)
		return parse_fail(p, t, "'%.*s' has no id: expected a resource as class.id", t->len > 60 ? 60 : t->len, t->at);
	if (end - name >= SK_RES_MAX)
		return parse_fail(p, t, "a resource of %d bytes: expected at most %d", (int)(end - name), SK_RES_MAX - 1);
	if (!check_half(p, t, name, (size_t)(dot - name), false) || !check_half(p, t, dot + 1, (size_t)(end - dot - 1), true))
		return false;
	snprintf(text, SK_RES_MAX + 8, "%.*s", t->len, t->at);
	return true;
}

/* ---- actions and rules ---- */
static bool
parse_assignment(struct parser *p, struct rule_row *row)
{
	struct token t = p->tok;
	char text[SK_RES_MAX + 8];
	const char *name = text;

	if (!parse_resource_name(p, &t, text))
		return false;
	if (strncmp(text, "remote.", 7) == 0)
		return parse_fail(p, &t, "'%s' is on the other server: expected a local resource", text);
	if (strpbrk(text, "*?") != NULL)
		return parse_fail(p, &t, "'%s' is not one resource: expected class.id without * and ?", text);
	if (strncmp(text, "local.", 6) == 0)
		name += 6;
	parse_advance(p);
	if (p->tok.kind == TK_EQUAL)
		return parse_unexpected(p, "a single = (== compares)");
	if (!parse_take(p, TK_ASSIGN, "'='"))
		return false;
	row->order = RULE_ASSIGN;
	row->health = parse_state(&p->tok);
	if (row->health == -1)
		return parse_unexpected(p, "init, down, up or unknown");
	str_copy(row->target, sizeof(row->target), name);
	parse_advance(p);
	return true;
}

static bool
parse_action(struct parser *p, struct rule_row *row)
{
	struct token t = p->tok;
	int i;

	if (t.kind != TK_WORD)
		return parse_unexpected(p, "an action: " ACTIONS);
	if (memchr(t.at, '.', (size_t)t.len) != NULL)
		return parse_assignment(p, row);
	for (i = 0; i < RULE_ASSIGN && !parse_is(&t, rule_order_names[i]); i++)
		;
	if (i == RULE_ASSIGN)
		return parse_fail(p, &t, "unknown action '%.*s': expected " ACTIONS, t.len > 60 ? 60 : t.len, t.at);
	row->order = i;
	parse_advance(p);
	return parse_take(p, TK_OPEN, "'()' after the action") && parse_take(p, TK_CLOSE, "')' (an action has no arguments)");
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
		return parse_unexpected(p, "a label: letters, digits, _ . -");
	if (t.len >= RULES_LABEL_MAX)
		return parse_fail(p, &t, "a label of %d characters: expected at most %d", t.len, RULES_LABEL_MAX - 1);
	snprintf(row->label, sizeof(row->label), "%.*s", t.len, t.at);
	row->line = t.line;
	row->column = t.column;
	n = names_find(&l->names, row->label);
	p->overridden = n != -1;
	if (n == -1) {
		if (!rules_grow(&l->seen, &l->room, l->names.count, sizeof(*seen)) || (n = names_add(&l->names, row->label)) == -1)
			return parse_no_memory(p);
	} else if (l->seen[n].part == p->part) {
		return parse_fail(p, &t, "label '%s' is given twice: expected another one than in line %d", row->label, l->seen[n].line);
	}
	l->seen[n] = (struct rules_label){ p->part, t.line };
	parse_advance(p);
	return parse_take(p, TK_COLON, "':' after the label");
}

static bool
parse_condition(struct parser *p)
{
	struct value v;

	if (!parse_is(&p->tok, "if"))
		return parse_unexpected(p, "if");
	parse_advance(p);
	if (!parse_take(p, TK_OPEN, "'(' after if") || !parse_expression(p, &v) || !parse_truth(p, &v) ||
	    !parse_take(p, TK_CLOSE, "')', && or ||"))
		return false;
	if (!parse_is(&p->tok, "then"))
		return parse_unexpected(p, p->tok.kind == TK_WORD || p->tok.kind == TK_END ? "then" :
		    "then (brackets around the whole condition: if ( ... ) then)");
	parse_advance(p);
	return true;
}

static bool
keep(struct parser *p, struct rule *rule, const char *from, const char *to)
{
	struct rules *r = p->r;
	char *text = malloc((size_t)(to - from) + 1);

	if (text == NULL || !rules_grow(&r->rule, &r->rules_room, r->rules, sizeof(*rule))) {
		free(text);
		return parse_no_memory(p);
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
		return parse_fail(p, &p->tok, "more than %d rules", RULES_MAX);
	if (!parse_label(p, &rule.row) || !parse_condition(p) || !parse_action(p, &rule.row))
		return false;
	if (p->tok.kind != TK_SEMICOLON)
		return parse_unexpected(p, "';' after the action");
	return p->overridden || keep(p, &rule, from, p->tok.at + 1);
}

bool
rules_parse(struct rules *r, struct rules_labels *labels, const struct rules_part *part, int number, struct rules_error *err)
{
	struct parser p = { .r = r, .labels = labels, .err = err, .part = number, .origin = part->origin };

	lex_start(&p.lex, part);
	lex_next(&p.lex, &p.tok, true);
	if (strnlen(part->text, RULES_TEXT_MAX + 1) > RULES_TEXT_MAX)
		return parse_fail(&p, &p.tok, "the rules are longer than %u bytes", RULES_TEXT_MAX);
	while (p.tok.kind != TK_END) {
		if (!parse_rule(&p))
			return false;
		lex_next(&p.lex, &p.tok, true);
	}
	return true;
}
