/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * errd.c: <errd> -> the processes and services that are watched (UG 13.9).  Owns: their defaults, and which action goes with which class.
 * Called by: module.c, after the schema has been asked and <user> was read.  Never does: look for a process or a handler.
 */
#include "config.h"
#include "conf/rows.h"
#include "conf/xml.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_MS		1000
#define POLLTIMER_DEFAULT	(30 * SECOND_MS)	/* UG 13.9.3 */
#define POLLTIMER_MIN		SECOND_MS		/* ours */
#define POLLTIMER_MAX		(3600 * SECOND_MS)	/* ours */
#define COUNT_MAX		100000			/* processes (ours) */
#define POLLS_MAX		100000			/* ours */

static void
read_name(const struct conf_doc *d, xmlNode *node, struct conf_module *m, struct conf_proc *p)
{
	char text[256];
	int i;

	if (!conf_attr_text(d, node, "name", text, sizeof(text)))
		return;
	if (!conf_is_id(text)) {
		conf_say(d, 'E', node, "name=\"" CONF_SHOW "\" of <proc>: expected 1 to %d letters, digits, _ . - @ : or +, the first one a letter, a "
		    "digit or _ (for a process with another command name, say it with nameregex)", text, SK_NAME_MAX - 1);
		return;
	}
	str_copy(p->name, sizeof(p->name), text);
	for (i = 0; i < m->procs_count - 1; i++) {
		if (strcmp(m->procs[i].name, p->name) == 0) {
			conf_say(d, 'E', node, "resource proc.%s again: expected each <proc> to have its own name", p->name);
			return;
		}
	}
}

static void
read_class(const struct conf_doc *d, xmlNode *node, struct conf_proc *p)
{
	p->when = WHEN_OTHER;
	if (!conf_attr_name(d, node, "class", p->class_name))
		return;
	for (p->when = 0; p->when < WHEN_OTHER && strcmp(conf_when_names[p->when], p->class_name) != 0; p->when++)
		;
}

static void
read_action(const struct conf_doc *d, xmlNode *node, struct conf_proc *p)
{
	static const int known[] = { DO_RESTART, DO_STOPSTART, DO_STOP, DO_NOACTION };
	size_t i;

	p->action = DO_STOPSTART;	/* UG 13.9.3 */
	if (!conf_attr_copy(d, node, "action", 1, CONF_EXEC_MAX, &p->exec))
		return;
	for (i = 0; i < ARRAY_LEN(known); i++) {
		if (strcmp(p->exec, conf_do_names[known[i]]) == 0) {
			p->action = known[i];
			p->exec[0] = '\0';
			return;
		}
	}
	p->action = DO_EXEC;
	if (p->when != WHEN_OTHER && p->class_name[0] != '\0')
		conf_say(d, 'E', node, "action=\"" CONF_SHOW "\" of <proc> is a handler with class=\"%s\": expected one of restart, stopstart, stop, "
		    "noaction, or a new class name for the handler (user's guide 13.9)", p->exec, p->class_name);
}

static void
read_criteria(const struct conf_doc *d, xmlNode *node, struct conf_proc *p)
{
	p->atleast = 1;		/* UG 13.9.3 */
	p->atmax = -1;
	conf_attr_number(d, node, "atleast", -1, COUNT_MAX, &p->atleast);
	conf_attr_number(d, node, "atmax", -1, COUNT_MAX, &p->atmax);
	conf_attr_number(d, node, "start_after", 0, POLLS_MAX, &p->start_after);
	if (p->atmax >= 0 && p->atmax < p->atleast && conf_attr_has(node, "atleast"))
		conf_say(d, 'E', node, "atmax=\"%d\" of <proc> is less than atleast=\"%d\": expected a number of processes that satisfies both", p->atmax,
		    p->atleast);
	else if (p->atmax >= 0 && p->atmax < p->atleast)
		p->atleast = -1;	/* only a maximum was asked for: atmax="0" (UG 13.9.3) */
	if (p->atleast == -1 && p->atmax == -1)
		conf_say(d, 'W', node, "<proc name=\"%s\"> has neither atleast nor atmax: it is never down", p->name);
}

static void
read_proc(const struct conf_doc *d, xmlNode *node, struct conf_module *m)
{
	struct conf_proc *p = conf_grow(d, node, (void **)&m->procs, m->procs_count, sizeof(*p));
	char word[16];

	if (p == NULL)
		return;
	m->procs_count++;
	read_name(d, node, m, p);
	if (conf_attr_text(d, node, "service", word, sizeof(word)))
		p->service = strcmp(word, "yes") == 0;	/* the schema has seen to yes and no */
	conf_attr_regex(d, node, "nameregex", &p->nameregex);
	conf_attr_regex(d, node, "argregex", &p->argregex);
	if (p->service && (conf_attr_has(node, "nameregex") || conf_attr_has(node, "argregex")))
		conf_say(d, 'E', node, "<proc name=\"%s\" service=\"yes\"> has a regular expression: expected name to be the name of the service",
		    p->name);
	read_class(d, node, p);
	conf_when_fits(d, node, p->when, m->mode);
	read_action(d, node, p);
	read_criteria(d, node, p);
}

void
conf_errd(const struct conf_doc *d, xmlNode *errd, struct conf_module *m)
{
	xmlNode *n;

	m->polltimer_ms = POLLTIMER_DEFAULT;
	if (errd == NULL)
		return;
	if (!m->user)
		conf_say(d, 'W', errd, "<errd> requires <user/> (user's guide 13.9): without scripts no class is switched on");
	conf_attr_duration(d, errd, "polltimer", SECOND_MS, POLLTIMER_MIN, POLLTIMER_MAX, &m->polltimer_ms);
	for (n = conf_xml_child(errd, "proc"); n != NULL; n = conf_xml_next(n, "proc")) {
		if (m->procs_count == CONF_PROCS_MAX) {
			conf_say(d, 'E', n, "one <proc> too many: expected at most %d", CONF_PROCS_MAX);
			return;
		}
		read_proc(d, n, m);
	}
}
