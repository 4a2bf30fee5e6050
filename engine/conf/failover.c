/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * failover.c: <failover> -> the texts of the rules that a module follows (UG 13.18): the user's, those of action= (RN 2.1.5, 2.1.7, 2.1.8),
 * the default ones.  Owns: where each text begins in its file.
 * Called by: module.c, after conf_check().  Never does: know the language of rules (fsm/rules.h; who loads the file compiles them).
 */
#include "config.h"
#include "conf/xml.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERIOD_DEFAULT	5000		/* ms, UG 13.18.3 */
#define PERIOD_MIN	100		/* ms (ours) */
#define PERIOD_MAX	3600000		/* ms (ours) */
#define HANDLE_DEFAULT	15000		/* ms, UG 13.18.3 */
#define HANDLE_MAX	86400000	/* ms (ours) */
#define PIECES_MAX	64		/* texts in one <failover> that comments or CDATA marks divide (ours) */
#define RULE_MAX	256		/* bytes of a generated rule: label and name are names */
#define DEFAULT_FILE	"private/conf/include/failover.xml"

static const char *default_file;

void
conf_failover_file(const char *file)
{
	default_file = file;
}

static void
add_rules(struct conf_module *m, int origin, struct conf_place at, char *text)
{
	m->rules[m->rules_count++] = (struct conf_rules){ .origin = origin, .line = at.line, .column = at.column, .text = text };
}

static bool
is_blank(const char *s)
{
	return s[strspn(s, " \t\r\n")] == '\0';
}

/* Lines and columns go on where the piece stands in the file: what was between two pieces counts as blanks. */
static size_t
gap(struct conf_place *now, struct conf_place to, char *out)
{
	size_t n = 0;

	for (; now->line < to.line; now->line++, now->column = 1)
		out[n++] = '\n';
	for (; now->line == to.line && now->column < to.column; now->column++)
		out[n++] = ' ';
	return n;
}

static void
pass(struct conf_place *now, const char *s)
{
	for (; *s != '\0'; s++) {
		now->column++;
		if (*s == '\n')
			*now = (struct conf_place){ now->line + 1, 1 };
	}
}

static bool
is_text(const xmlNode *n)
{
	return (n->type == XML_TEXT_NODE || n->type == XML_CDATA_SECTION_NODE) && n->content != NULL && !is_blank((char *)n->content);
}

/* The first `pieces` texts of a tag as one.  places: where they begin, when their number is right (a file in UTF-16 has none). */
static char *
text_of(const struct conf_doc *d, xmlNode *node, int pieces, struct conf_place *begin)
{
	struct conf_place places[PIECES_MAX], now;
	int known = conf_text_places(d->data, d->len, (const char *)node->name, places, PIECES_MAX), count = 0, i = 0;
	size_t room = 1, len = 0;
	xmlNode *n;
	char *out;

	for (n = node->children; n != NULL; n = n->next)
		count += is_text(n);
	for (n = node->children; n != NULL && i < pieces; n = n->next)
		if (is_text(n) && i++ < pieces)
			room += strlen((char *)n->content) + (known == count ? (size_t)(places[i - 1].line + places[i - 1].column) : 1);
	*begin = known == count && count > 0 ? places[0] : (struct conf_place){ 1, 1 };
	now = *begin;
	out = room <= CONF_FILE_MAX * 2 ? malloc(room) : NULL;
	if (out == NULL) {
		conf_say(d, 'E', node, "no memory to keep the rules");
		return NULL;
	}
	for (n = node->children, i = 0; n != NULL && i < pieces; n = n->next) {
		if (!is_text(n))
			continue;
		len += known == count ? gap(&now, places[i], out + len) : 0;
		memcpy(out + len, n->content, strlen((char *)n->content));
		len += strlen((char *)n->content);
		pass(&now, (char *)n->content);
		i++;
	}
	out[len] = '\0';
	if (len <= CONF_RULES_TEXT_MAX)
		return out;
	conf_say(d, 'E', node, "the rules of <failover> have %zu bytes: expected at most %u", len, CONF_RULES_TEXT_MAX);
	free(out);
	return NULL;
}

static void
user_rules(const struct conf_doc *d, xmlNode *failover, struct conf_module *m)
{
	struct conf_place at;
	char *text = text_of(d, failover, INT_MAX, &at);

	if (text != NULL && !is_blank(text))
		add_rules(m, RULES_USER, at, text);
	else
		free(text);
}

/* "t_web: if (tcp.web == down) then restart();" for each action= that orders something, and what <rfs> asks for */
static void
generated_rules(const struct conf_doc *d, struct conf_module *m)
{
	static const char prefixes[CHECK_KINDS] = { [CHECK_TCP] = 't', [CHECK_PING] = 'p', [CHECK_CUSTOM] = 'c' };
	char rfs[CONF_RFS_RULES_MAX] = "", *text;
	size_t len, count = 0;
	int i;

	for (i = 0; i < m->checks_count; i++)
		count += m->checks[i].action > DO_NOACTION;
	len = conf_rfs_rules(m, rfs, sizeof(rfs));
	if (count + len == 0)
		return;
	text = malloc(count * RULE_MAX + sizeof(rfs));
	if (text == NULL) {
		conf_say(d, 'E', d->root, "no memory to keep the rules");
		return;
	}
	memcpy(text, rfs, len + 1);
	for (i = 0; i < m->checks_count; i++) {
		const struct conf_check *c = &m->checks[i];

		if (c->action > DO_NOACTION)
			len += (size_t)snprintf(text + len, RULE_MAX, "%c_%s: if (%s.%s == down) then %s();\n", prefixes[c->kind], c->ident,
			    conf_check_classes[c->kind], c->ident, conf_do_names[c->action]);
	}
	add_rules(m, RULES_GENERATED, (struct conf_place){ 1, 1 }, text);
}

/* The first part of the default file, and with <rfs> the second one, which is about its resources */
static void
default_rules(const struct conf_doc *d, xmlNode *about, struct conf_module *m)
{
	struct conf_doc file;
	struct conf_place at;
	char path[PATH_MAX], *data = NULL, *text = NULL;
	size_t len;

	if (default_file != NULL ? !str_copy(path, sizeof(path), default_file) : !path_format(path, sizeof(path), "%s/" DEFAULT_FILE, path_safe())) {
		conf_say(d, 'E', about, "the path of the default rules is too long");
		return;
	}
	if (!conf_xml_read(path, &data, &len, d->errs) || !conf_xml_parse(&file, path, data, len, d->errs)) {
		conf_say(d, 'E', about, "the default failover rules cannot be read from %s: expected the file of the package", path);
		free(data);
		return;
	}
	if (conf_xml_is(file.root, "failover"))
		text = text_of(&file, file.root, m->has_rfs ? 2 : 1, &at);
	else
		conf_complain(d->errs, 'E', path, 1, "expected the file to be one <failover>");
	if (text != NULL)
		add_rules(m, RULES_DEFAULT, at, text);
	conf_xml_free(&file);
	free(data);
}

void
conf_failover(const struct conf_doc *d, xmlNode *failover, struct conf_module *m)
{
	char word[16] = "yes";

	m->period_ms = PERIOD_DEFAULT;
	m->handle_ms = HANDLE_DEFAULT;
	if (failover != NULL) {
		conf_attr_duration(d, failover, "period", 1, PERIOD_MIN, PERIOD_MAX, &m->period_ms);
		conf_attr_duration(d, failover, "handle_time", 1, 1, HANDLE_MAX, &m->handle_ms);
		if (m->handle_ms % m->period_ms != 0)
			conf_say(d, 'E', failover, "handle_time of <failover> is %" PRId64 " ms with a period of %" PRId64 " ms: expected a multiple of the "
			    "period", m->handle_ms, m->period_ms);
		conf_attr_text(d, failover, "extends", word, sizeof(word));	/* the schema has seen to yes and no */
		user_rules(d, failover, m);
	}
	generated_rules(d, m);
	if (strcmp(word, "no") != 0)
		default_rules(d, failover != NULL ? failover : d->root, m);
}
