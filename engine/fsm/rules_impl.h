/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rules_impl.h: what the files of the rule language share (rules_lex.c, rules_parse.c, rules.c), and nobody else.
 *
 * Owns: the compiled form.  A rule is a run of instructions in postfix order for a machine with one stack of three-valued truths, so that
 * neither long nor nested rules recurse.  Every different reference is one struct ref; references that look at the same local resources
 * share one struct watch, which rules_set() keeps up to date.
 */
#ifndef SK_RULES_IMPL_H
#define SK_RULES_IMPL_H

#include "fsm/rules.h"

#define RULES_STRING_MAX	256	/* bytes with NUL of "string": a host name (RFC 1035: 255) */
#define RULES_HEALTHS		(RH_DOWN + 1)	/* init, up, down, unknown: what a rule can see */
/* What an expression can leave on the stack: a left side of ||, && and == for each level */
#define RULES_STACK		(3 * (RULES_DEPTH_MAX + 1) + 2)

/* Three-valued truth, in the order that makes && the minimum, || the maximum and ! the mirror */
enum truth { T_NO, T_MAYBE, T_YES };

/* ---- text -> dense number ---- */
struct names { char **text; int count, room; int *slot; int slots; };	/* slot: number + 1, 0 is free */
int names_find(const struct names *n, const char *text);	/* -1: not there */
int names_add(struct names *n, const char *text);		/* the number of a text that is not there yet; -1: no memory */
void names_free(struct names *n);
uint32_t rules_hash(const char *text);
/* Room for one more than n elements; false: no memory, nothing changed */
bool rules_grow(void *vector, int *room, int n, size_t size);

/* ---- compiled form ---- */
enum rule_op { OP_TRUE, OP_FALSE, OP_DEFAULTPRIM, OP_NOT, OP_AND, OP_OR, OP_SAME, OP_DIFFER,	/* truths on the stack */
	OP_HEALTH, OP_NOT_HEALTH,	/* a == b, a != b: operands that have a health */
	OP_TEXT, OP_NOT_TEXT };		/* the same for texts */
/* Operands with a health: >= 0 reference, then literal states, then cluster().  Texts: >= 0 string, then hostname(). */
#define OPERAND_STATE(health)	(-1 - (health))
#define OPERAND_CLUSTER		(-1 - RH_COUNT)
#define OPERAND_HOSTNAME	(-1)
struct insn { int op, a, b; };

struct watch {			/* local resources that match "class.id", one of both may be "*" */
	int	 count[2][RULES_HEALTHS];	/* how many of each health; [1] those that are "own" */
	uint8_t	 seen[2];	/* bit per health: [0] without those that are own, [1] all */
};
struct ref {
	int	 watch;
	int	 rule;		/* 1 + the last rule that has it */
	bool	 remote, all, single;	/* all: "*" (every one of them), else "?" or a single one (any of them) */
	bool	 plain;		/* does not see what is own: a wildcard in a default rule */
	uint8_t	 heard;		/* remote: what the peer said */
	uint32_t key;		/* remote */
};
struct rule {
	struct rule_row row;
	int	 code, code_end;	/* instructions */
	int	 refs, refs_end;	/* different references, in r->used */
};
struct resource {
	struct resource *next;
	uint32_t hash;
	int	 health;
	bool	 own;
	int	 watch[4];	/* that count it: class.id, class.*, *.id, *.*; -1: no rule asks */
	char	 name[SK_RES_MAX];
};

struct rules {
	struct rule *rule;
	int	 rules, rules_room;
	struct insn *code;
	int	 insns, code_room;
	int	*used;
	int	 useds, used_room;
	char   **string;
	int	 strings, strings_room;
	struct names ref_names;	/* '=' or '!' (plain), then the reference as written */
	struct ref *ref;
	int	 ref_room;
	struct names watch_names;
	struct watch *watch;
	int	 watch_room;
	int	 remote[RULES_REMOTE_MAX];	/* references, in the order of words */
	int	 remotes;
	struct resource **bucket;
	int	 buckets, resources, max_resources;	/* buckets: a power of two */
};

/* rules_parse.c: compile one part into r.  labels: of all parts so far; seen: for each of them the last part that has it and its line. */
struct rules_label { int part, line; };
struct rules_labels { struct names names; struct rules_label *seen; int room; };
bool rules_parse(struct rules *r, struct rules_labels *labels, const struct rules_part *part, int number, struct rules_error *err);

/* rules_ref.c: number of the reference text (a checked "[remote.|local.]class.id") in rules of this origin; -1: no memory, -2: too many */
int rules_reference(struct rules *r, const char *text, int origin);
void rules_split(const char *name, char *class_name, const char **id);	/* at the first dot; class_name: SK_RES_MAX bytes */

/* ---- lexer ---- */
enum token_kind { TK_END, TK_WORD, TK_STRING, TK_OPEN, TK_CLOSE, TK_COLON, TK_SEMICOLON, TK_ASSIGN, TK_EQUAL, TK_DIFFER, TK_NOT, TK_AND,
	TK_OR, TK_BAD };
struct token {
	enum token_kind kind;
	const char *at;		/* TK_STRING: behind the quote */
	int	 len, line, column;
};
struct lexer {
	const char *p;
	int	 line, column;
	char	 why[160];	/* of the last TK_BAD: what is there, what was expected */
};
void lex_start(struct lexer *x, const struct rules_part *part);
/* label: a word ends at ':' and '/' as well (in a resource they are part of an address) */
void lex_next(struct lexer *x, struct token *t, bool label);
/* Blanks and comments become single blanks; out has room for to - from + 1 bytes */
void lex_squeeze(const char *from, const char *to, char *out);

/* ---- parser ---- */
struct parser {
	struct lexer lex;
	struct token tok;	/* the one that is looked at */
	struct rules *r;
	struct rules_labels *labels;
	struct rules_error *err;
	int	 part, origin, depth;
	bool	 overridden;		/* this rule counts no more: checked, not kept */
};
enum type { TYPE_TRUTH, TYPE_STATE, TYPE_RESOURCE, TYPE_TEXT, TYPE_COUNT };
struct value { enum type type; int operand; struct token at; };

/* rules_parse.c: errors end the compilation: these return false.  at: where it is said to be */
bool parse_fail(struct parser *p, const struct token *at, const char *fmt, ...) PRINTFLIKE(3, 4);
bool parse_no_memory(struct parser *p);
bool parse_unexpected(struct parser *p, const char *expected);	/* the looked-at token stands where something else should */
void parse_advance(struct parser *p);
bool parse_take(struct parser *p, enum token_kind kind, const char *expected);
bool parse_is(const struct token *t, const char *word);
bool parse_is_in_any_case(const struct token *t, const char *word);
int parse_state(const struct token *t);		/* enum rpt_health that the token names, -1: none */
bool parse_resource_name(struct parser *p, const struct token *t, char text[SK_RES_MAX + 8]);	/* text: as written */
/* rules_expr.c: up to the token that does not belong to it; and its value as a truth on the stack */
bool parse_expression(struct parser *p, struct value *v);
bool parse_truth(struct parser *p, struct value *v);

#endif
