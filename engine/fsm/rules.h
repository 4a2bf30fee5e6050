/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rules.h: the language of failover rules (user's guide 13.18): text -> compiled rules -> what they order now.
 *
 * Owns: the grammar, three-valued evaluation, and a table of resource health indexed so that an evaluation costs the number of rules, not
 * that of resources.  Called by: module/failover.c (heart, the simulation), the CLI (confcheck: compile only).
 * Never does: read a clock, wait, order anything; allocate while evaluating.
 *
 *	rule		::= label ":" "if" "(" expression ")" "then" action ";"
 *	action		::= stop() | stopstart() | wait() | restart() | swap() | resource "=" state
 *	expression	::= "(" e ")" | "!" e | e "&&" e | e "||" e | e "==" e | e "!=" e | resource | state
 *			  | hostname() | isdefaultprim() | cluster() | "string" | TRUE | FALSE
 *	resource	::= ["local." | "remote."] class "." id	;  class, id: a word, "*" (all) or "?" (any)
 *	state		::= init | down | up | unknown		;  states, TRUE and FALSE in either case; comments as in C and XML
 * Precedence as in C: ! above == != above && above ||.
 *
 * Values are sets: a resource is the set of healths of those that it names.  "x.? == s": s is among them; "x.* == s": there is no other
 * (true when there are none); a single one that does not exist, and every remote one while the peer is not heard, is unknown.
 * "!=" likewise: x.? != s: one of them is not s; x.* != s: none is.  Wildcards in both places: the id's decides.  Two sets: the left side's
 * wildcard is asked first.  A resource or cluster() where a truth is expected is true when up.
 * A comparison with anything but init whose answer hangs on a resource in init is undecided (the checker has not said its first word), and
 * so is a rule that depends on it (the guide: such a rule is not evaluated).
 */
#ifndef SK_RULES_H
#define SK_RULES_H

#include "base/base.h"
#include "wire/report.h"

#define RULES_MAX		5000	/* rules of a module (ours): one for each of 4096 checks, and the user's */
#define RULES_TEXT_MAX		(1u << 20)	/* bytes of one part (ours) */
#define RULES_DEPTH_MAX		64	/* brackets and ! within each other (ours) */
#define RULES_REMOTE_MAX	200	/* different remote resources: 5 bytes each in a heartbeat (ours) */
#define RULES_LABEL_MAX		64
#define RULES_RESOURCES_MAX	16384	/* ours: 4096 checks, 1024 processes, 4096 of safekit set, what 5000 rules assign, the module's own */

enum rule_order { RULE_STOP, RULE_STOPSTART, RULE_WAIT, RULE_RESTART, RULE_SWAP, RULE_ASSIGN, RULE_ORDERS };
extern const char *const rule_order_names[RULE_ORDERS];	/* "stop" ... "swap", "assign" */
enum rule_value { RULE_FALSE, RULE_TRUE, RULE_UNDECIDED };

struct rules_part { const char *text; int line, column; int origin; };	/* line, column: where text begins in its file (1, 1 if not known);
									 * origin: enum conf_rules_origin, told back */
struct rules_error { int part, line, column; char text[SK_TEXT_MAX]; };	/* what was wrong and what was expected */

struct rules;
/* NULL with *err: a syntax error, a label given twice within a part (in a later part it is overridden: the earlier part wins and the
 * later rule of that label is left out), or one of the limits above.  All parts may be empty. */
struct rules *rules_compile(const struct rules_part *parts, int n, struct rules_error *err);
void rules_free(struct rules *r);

/* Resource name (class.id) has now this health (enum rpt_health; RH_OTHER counts as unknown).  own: its checker has action=, so the default
 * rules (RULES_DEFAULT parts) do not see it through a "?" or "*", the peer's remote. neither.  False: no memory, more than max_resources
 * (RULES_RESOURCES_MAX unless set), or not the name of a resource (too long, with a wildcard). */
bool rules_set(struct rules *r, const char *name, int health, bool own);
void rules_remove(struct rules *r, const char *name);
void rules_limit(struct rules *r, int max_resources);

/* What remote resources are told with: one entry for each different remote reference, same order on both servers as long as they have the
 * same rules; key tells which. */
struct rules_word { uint32_t key; uint8_t healths; };	/* healths: bit (1 << enum rpt_health) for each among them */
int rules_words(const struct rules *r, struct rules_word out[RULES_REMOTE_MAX]);	/* how we answer the peer's references: ours */
void rules_remote(struct rules *r, const struct rules_word *w, int n);	/* the peer's words; n -1: the peer is not heard */

struct rules_facts { const char *hostname; bool isdefaultprim; int cluster; /* RH_UP, RH_DOWN, RH_UNKNOWN */ };
/* Evaluates all; the results stay until the next evaluation. */
void rules_eval(struct rules *r, const struct rules_facts *f);

struct rule_row {
	char	 label[RULES_LABEL_MAX];
	int	 order;			/* enum rule_order */
	int	 origin, line, column;
	const char *text;		/* the rule as written, blanks and comments reduced to single blanks; borrowed */
	char	 target[SK_RES_MAX];	/* RULE_ASSIGN: local resource */
	int	 health;		/* RULE_ASSIGN: enum rpt_health */
	int	 value;			/* enum rule_value, of the last rules_eval() */
};
int rules_count(const struct rules *r);
const struct rule_row *rules_row(const struct rules *r, int i);	/* in the order in which they count */
/* Resource references of rule i: calls each(ctx, "remote.tcp.?" as written, remote, healths) */
void rules_refs(const struct rules *r, int i, void (*each)(void *ctx, const char *ref, bool remote, unsigned healths), void *ctx);
/* Does rule i name this local resource (for explain: which resources hold it)? */
bool rules_names(const struct rules *r, int i, const char *name);

#endif
