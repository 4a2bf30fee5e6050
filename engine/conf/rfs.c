/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rfs.c: <rfs> of a mirror module (UG 13.6).  Owns: which values it may have, and what belongs to Windows.  In this version nothing acts
 * on it.  Called by: module.c, after the schema has been asked.  Never does: look at a folder; keep more of it than its signature.
 */
#include "config.h"
#include "conf/xml.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND		1000			/* ms */
#define MINUTE		(60 * SECOND)
#define DAY		(24 * 60 * MINUTE)
#define BYTES_MIN	4096			/* ours */
#define BYTES_MAX	(1 << 30)		/* ours */
#define BLOCK_DEFAULT	8388608			/* bytes, UG 13.6.3 */
#define DIRS_MAX	256			/* replicated folders of a module (ours) */

/* unit 0: a number; else a duration that counts in unit without a unit of its own */
static const struct row { const char *name; int unit, min, max; } rows[] = {
	{ "packetsize", 0, BYTES_MIN, BYTES_MAX },
	{ "reipacketsize", 0, BYTES_MIN, BYTES_MAX },
	{ "ruzone_blocksize", 0, BYTES_MIN, BYTES_MAX },
	{ "locktimeout", SECOND, SECOND, DAY },
	{ "sendtimeout", SECOND, SECOND, DAY },
	{ "nbrei", 0, 1, 64 },
	{ "reitimeout", SECOND, SECOND, DAY },
	{ "reicommit", 0, 0, BYTES_MAX },
	{ "nbremconn", 0, 1, 64 },
	{ "checktime", 1, 1, DAY },
	{ "checkintv", SECOND, SECOND, DAY },
	{ "reiallowedbw", 0, 1, BYTES_MAX },	/* KB/s */
	{ "syncdelta", MINUTE, 0, DAY },
};
static const char *const of_windows[] = { "iotimeout", "namespacepolicy", "allocthreshold", "nfsbox_options" };
static const char *const dynamic[] = { "async", "nbrei", "reitimeout", "reidetail", "flow" };	/* UG 13.6.2 */

static void
name_windows(const struct conf_doc *d, xmlNode *rfs)
{
	char list[128] = "";
	size_t i, len = 0;

	for (i = 0; i < ARRAY_LEN(of_windows); i++)
		if (conf_attr_has(rfs, of_windows[i]))
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", len > 0 ? ", " : "", of_windows[i]);
	if (len > 0)
		conf_say(d, 'W', rfs, "%s of <rfs>: for Windows only, without effect here", list);
}

static void
check_sizes(const struct conf_doc *d, xmlNode *rfs)
{
	int packet = 0, rei = BLOCK_DEFAULT, zone;

	conf_attr_number(d, rfs, "packetsize", BYTES_MIN, BYTES_MAX, &packet);
	if (packet > 0 && packet < rei)
		rei = packet;
	conf_attr_number(d, rfs, "reipacketsize", BYTES_MIN, BYTES_MAX, &rei);
	zone = conf_attr_has(rfs, "reipacketsize") ? rei : BLOCK_DEFAULT;
	conf_attr_number(d, rfs, "ruzone_blocksize", BYTES_MIN, BYTES_MAX, &zone);
	if (packet > 0 && rei > packet)
		conf_say(d, 'E', rfs, "reipacketsize of <rfs> is %d with a packetsize of %d: expected at most packetsize", rei, packet);
	if (conf_attr_has(rfs, "ruzone_blocksize") && zone % rei != 0)
		conf_say(d, 'E', rfs, "ruzone_blocksize of <rfs> is %d with a reipacketsize of %d: expected a multiple", zone, rei);
}

/* Five fields of crontab(5) */
static void
check_syncat(const struct conf_doc *d, xmlNode *rfs)
{
	char text[256], *word, *save = NULL;
	int n = 0;
	bool good = true;

	if (!conf_attr_text(d, rfs, "syncat", text, sizeof(text)))
		return;
	for (word = strtok_r(text, " \t\r\n", &save); word != NULL; word = strtok_r(NULL, " \t\r\n", &save), n++)
		good = good && word[strspn(word, "0123456789*,/-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0';
	if (n != 5 || !good)
		conf_say(d, 'E', rfs, "syncat of <rfs>: expected the five fields of crontab(5), such as \"01 0 * * *\"");
}

static void
check_attributes(const struct conf_doc *d, xmlNode *rfs)
{
	int64_t ms;
	size_t i;
	int number;
	char *text;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].unit > 0)
			conf_attr_duration(d, rfs, rows[i].name, rows[i].unit, rows[i].min, rows[i].max, &ms);
		else if (i > 2)		/* the sizes are read where they are compared */
			conf_attr_number(d, rfs, rows[i].name, rows[i].min, rows[i].max, &number);
	}
	check_sizes(d, rfs);
	check_syncat(d, rfs);
	if (conf_attr_has(rfs, "mountoversuffix") && conf_attr_copy(d, rfs, "mountoversuffix", 1, 64, &text)) {
		if (strchr(text, '/') != NULL)
			conf_say(d, 'E', rfs, "mountoversuffix=\"" CONF_SHOW "\" of <rfs>: expected the end of a file name, without /", text);
		free(text);
	}
	name_windows(d, rfs);
}

static void
check_flow(const struct conf_doc *d, xmlNode *flow, const struct conf_cluster *cluster, const struct conf_module *m)
{
	char name[SK_NAME_MAX], addr[CONF_HOST_MAX];
	bool old = conf_xml_child(flow, "server") != NULL;
	xmlNode *n;
	int i;

	for (n = conf_xml_child(flow, "server"); n != NULL; n = conf_xml_next(n, "server"))
		conf_attr_host(d, n, "addr", addr);
	if (old == conf_attr_has(flow, "name")) {
		conf_say(d, 'E', flow, "<flow>: expected either name (a lan of the cluster) or <server> (the syntax before 7.2)");
		return;
	}
	if (old || !conf_attr_name(d, flow, "name", name) || (cluster != NULL && !conf_check_lan(d, flow, cluster, name)))
		return;
	for (i = 0; i < m->hb_count; i++)
		if (strcmp(m->hb[i].ident, "flow") == 0 && strcmp(m->hb[i].lan, name) != 0)
			conf_say(d, 'W', flow, "<flow name=\"%s\"> and the heartbeat with ident=\"flow\" on lan \"%s\": \"be coherent with heartbeat "
			    "ident=\"flow\"\" (user's guide 13.6)", name, m->hb[i].lan);
}

/* tocheck, notreplicated */
static void
check_path(const struct conf_doc *d, xmlNode *node)
{
	char *text = NULL;
	bool has_path = conf_attr_has(node, "path");

	if (has_path == conf_attr_has(node, "regexpath")) {
		conf_say(d, 'E', node, "<%s>: expected either path or regexpath", node->name);
		return;
	}
	if (!has_path)
		conf_attr_regex(d, node, "regexpath", &text);
	else if (conf_attr_copy(d, node, "path", 1, CONF_EXEC_MAX, &text) && !conf_is_inside(text))
		conf_say(d, 'E', node, "path=\"" CONF_SHOW "\" of <%s>: expected a path relative to the replicated folder, and inside it", text, node->name);
	free(text);
}

/* /a and /a/b: the second is replicated twice */
static bool
is_within(const char *a, const char *b)
{
	size_t n = strlen(a);

	return strncmp(a, b, n) == 0 && (b[n] == '\0' || b[n] == '/');
}

/* Without the slashes at its end; NULL: refused (said) */
static char *
read_dir(const struct conf_doc *d, xmlNode *node)
{
	char *dir;
	size_t n;

	if (!conf_attr_copy(d, node, "dir", 1, CONF_EXEC_MAX, &dir)) {
		free(dir);
		return NULL;
	}
	for (n = strlen(dir); n > 0 && dir[n - 1] == '/'; n--)
		;
	if (dir[0] == '/' && n > 0 && conf_is_inside(dir + strspn(dir, "/"))) {
		dir[n] = '\0';
		return dir;
	}
	conf_say(d, 'E', node, "dir=\"" CONF_SHOW "\" of <replicated>: expected an absolute path such as /safedir, not / and without ..", dir);
	free(dir);
	return NULL;
}

static void
check_replicated(const struct conf_doc *d, xmlNode *rfs)
{
	char *dirs[DIRS_MAX];
	xmlNode *n, *p;
	int count = 0, i;

	for (n = conf_xml_child(rfs, "replicated"); n != NULL; n = conf_xml_next(n, "replicated")) {
		if (count == DIRS_MAX) {
			conf_say(d, 'E', n, "one <replicated> too many: expected at most %d", DIRS_MAX);
			break;
		}
		for (p = n->children; p != NULL; p = p->next)
			if (p->type == XML_ELEMENT_NODE)
				check_path(d, p);
		dirs[count] = read_dir(d, n);
		if (dirs[count] == NULL)
			continue;
		for (i = 0; i < count; i++)
			if (is_within(dirs[i], dirs[count]) || is_within(dirs[count], dirs[i]))
				conf_say(d, 'E', n, "dir=\"" CONF_SHOW "\" of <replicated> and " CONF_SHOW " are one within the other: expected folders apart",
				    dirs[count], dirs[i]);
		count++;
	}
	while (count > 0)
		free(dirs[--count]);
}

void
conf_rfs(const struct conf_doc *d, xmlNode *rfs, const struct conf_cluster *cluster, struct conf_module *m)
{
	xmlNode *flow;

	if (rfs == NULL)
		return;
	if (m->mode != MODE_MIRROR) {
		conf_say(d, 'E', rfs, "<rfs> in a %s module: expected it only with mode=\"mirror\"", rpt_mode_names[m->mode]);
		return;
	}
	check_attributes(d, rfs);
	flow = conf_xml_child(rfs, "flow");
	if (flow != NULL)
		check_flow(d, flow, cluster, m);
	check_replicated(d, rfs);
	conf_say(d, 'W', rfs, "<rfs> is accepted but has no effect yet in this version");
	conf_node_signature(d, rfs, dynamic, ARRAY_LEN(dynamic), m->rfs_signature);
}
