/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rfs.c: <rfs> of a mirror module -> struct conf_rfs (UG 13.6, RN 2.4.2).  Owns: the attributes of <rfs>, <flow>, and the rules that they
 * ask for; <replicated> is replicated.c's.  Called by: module.c and failover.c, after the schema has been asked.  Never does: look at a folder.
 */
#include "config.h"
#include "conf/xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND		1000			/* ms */
#define MINUTE		(60 * SECOND)
#define DAY		(24 * 60 * MINUTE)
#define DELTA_MAX	(366LL * DAY)		/* ours */
#define BYTES_MIN	4096			/* ours */
#define BYTES_MAX	(1 << 30)		/* ours */
#define BLOCK_DEFAULT	8388608			/* bytes, UG 13.6.3 */
#define SUFFIX_DEFAULT	"_For_SafeKit_Replication"	/* UG 13.6.3 */
#define M(member)	offsetof(struct conf_rfs, member)

/* unit 0: a number; else a duration that counts in unit without a unit of its own.  first: the default of UG 13.6.3 */
static const struct row { const char *name; size_t off; int unit; int64_t min, max, first; } rows[] = {
	{ "locktimeout", M(locktimeout_ms), SECOND, SECOND, DAY, 100 * SECOND },
	{ "sendtimeout", M(sendtimeout_ms), SECOND, SECOND, DAY, 30 * SECOND },
	{ "nbrei", M(nbrei), 0, 1, 64, 3 },
	{ "reitimeout", M(reitimeout_ms), SECOND, SECOND, DAY, 150 * SECOND },
	{ "reicommit", M(reicommit), 0, 0, BYTES_MAX, 0 },
	{ "nbremconn", M(nbremconn), 0, 1, 64, 1 },
	{ "checktime", M(checktime_ms), 1, 1, DAY, 220 * SECOND },
	{ "checkintv", M(checkintv_ms), SECOND, SECOND, DAY, 120 * SECOND },
	{ "reiallowedbw", M(reiallowedbw), 0, 1, BYTES_MAX, 0 },	/* KB/s */
	{ "syncdelta", M(syncdelta_ms), MINUTE, 0, DELTA_MAX, 0 },
};
static const char *const of_windows[] = { "iotimeout", "allocthreshold", "nfsbox_options" };
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

/* 4 is the only way here; 1 and 3 ask for less than that */
static void
read_namespacepolicy(const struct conf_doc *d, xmlNode *rfs)
{
	char text[32];

	if (!conf_attr_text(d, rfs, "namespacepolicy", text, sizeof(text)) || strcmp(text, "4") == 0)
		return;
	if (strcmp(text, "1") == 0 || strcmp(text, "3") == 0)
		conf_say(d, 'W', rfs, "namespacepolicy=\"%s\" of <rfs>: taken as 4: changed zones are known after each restart, and an interrupted "
		    "synchronization goes on where it was", text);
	else
		conf_say(d, 'E', rfs, "namespacepolicy=\"" CONF_SHOW "\" of <rfs>: expected one of 1, 3, 4", text);
}

static void
read_sizes(const struct conf_doc *d, xmlNode *rfs, struct conf_rfs *r)
{
	int packet = 0;

	r->packet_bytes = BLOCK_DEFAULT;
	conf_attr_number(d, rfs, "packetsize", BYTES_MIN, BYTES_MAX, &packet);
	if (packet > 0 && packet < r->packet_bytes)
		r->packet_bytes = packet;
	conf_attr_number(d, rfs, "reipacketsize", BYTES_MIN, BYTES_MAX, &r->packet_bytes);
	r->zone_bytes = conf_attr_has(rfs, "reipacketsize") ? r->packet_bytes : BLOCK_DEFAULT;
	conf_attr_number(d, rfs, "ruzone_blocksize", BYTES_MIN, BYTES_MAX, &r->zone_bytes);
	if (packet > 0 && r->packet_bytes > packet)
		conf_say(d, 'E', rfs, "reipacketsize of <rfs> is %d with a packetsize of %d: expected at most packetsize", r->packet_bytes, packet);
	if (conf_attr_has(rfs, "ruzone_blocksize") && r->zone_bytes % r->packet_bytes != 0)
		conf_say(d, 'E', rfs, "ruzone_blocksize of <rfs> is %d with a reipacketsize of %d: expected a multiple", r->zone_bytes,
		    r->packet_bytes);
}

static void
read_syncat(const struct conf_doc *d, xmlNode *rfs, struct conf_rfs *r)
{
	struct conf_cron cron;
	char why[128];

	if (conf_attr_text(d, rfs, "syncat", r->syncat, sizeof(r->syncat)) && !conf_cron_parse(r->syncat, &cron, why, sizeof(why)))
		conf_say(d, 'E', rfs, "syncat of <rfs>: %s: expected the five fields of crontab(5), such as \"01 0 * * *\"", why);
}

static void
read_suffix(const struct conf_doc *d, xmlNode *rfs, struct conf_rfs *r)
{
	char *text = NULL;

	str_copy(r->suffix, sizeof(r->suffix), SUFFIX_DEFAULT);
	if (conf_attr_has(rfs, "mountoversuffix") && conf_attr_copy(d, rfs, "mountoversuffix", 1, sizeof(r->suffix) - 1, &text)) {
		if (conf_is_suffix(text))
			str_copy(r->suffix, sizeof(r->suffix), text);
		else
			conf_say(d, 'E', rfs, "mountoversuffix=\"" CONF_SHOW "\" of <rfs>: expected the end of a file name, without / and control "
			    "characters", text);
	}
	free(text);
}

static void
read_attributes(const struct conf_doc *d, xmlNode *rfs, struct conf_rfs *r)
{
	char word[16] = "";
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		void *p = (char *)r + rows[i].off;

		if (rows[i].unit > 0) {
			*(int64_t *)p = rows[i].first;
			conf_attr_duration(d, rfs, rows[i].name, rows[i].unit, rows[i].min, rows[i].max, p);
		} else {
			*(int *)p = (int)rows[i].first;
			conf_attr_number(d, rfs, rows[i].name, (int)rows[i].min, (int)rows[i].max, p);
		}
	}
	conf_attr_on(d, rfs, "acl", &r->acl);
	conf_attr_on(d, rfs, "reidetail", &r->reidetail);
	if (conf_attr_text(d, rfs, "async", word, sizeof(word)))
		r->async_none = strcmp(word, "none") == 0;	/* the schema has seen to second and none */
	if (conf_attr_on(d, rfs, "scripts", &r->scripts) && r->scripts)
		conf_say(d, 'W', rfs, "scripts=\"on\" of <rfs> is accepted but has no effect in this version: no _rfs_* script is called");
	read_sizes(d, rfs, r);
	read_syncat(d, rfs, r);
	read_suffix(d, rfs, r);
	read_namespacepolicy(d, rfs);
	name_windows(d, rfs);
}

static void
read_flow(const struct conf_doc *d, xmlNode *flow, const struct conf_cluster *cluster, struct conf_module *m)
{
	bool old = conf_xml_child(flow, "server") != NULL;
	char *lan = m->rfs.flow;
	int i;

	if (old == conf_attr_has(flow, "name")) {
		conf_say(d, 'E', flow, "<flow>: expected either name (a lan of the cluster) or <server> (the syntax before 7.2)");
		return;
	}
	if (old)
		conf_map_servers(d, flow, cluster, lan);
	else if (conf_attr_name(d, flow, "name", lan) && cluster != NULL)
		conf_check_lan(d, flow, cluster, lan);
	for (i = 0; i < m->hb_count && lan[0] != '\0'; i++)
		if (strcmp(m->hb[i].ident, "flow") == 0 && strcmp(m->hb[i].lan, lan) != 0)
			conf_say(d, 'W', flow, "<flow name=\"%s\"> and the heartbeat with ident=\"flow\" on lan \"%s\": \"be coherent with heartbeat "
			    "ident=\"flow\"\" (user's guide 13.6)", lan, m->hb[i].lan);
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
	m->has_rfs = true;
	read_attributes(d, rfs, &m->rfs);
	flow = conf_xml_child(rfs, "flow");
	if (flow != NULL)
		read_flow(d, flow, cluster, m);
	conf_replicated(d, rfs, &m->rfs);
	conf_node_signature(d, rfs, dynamic, ARRAY_LEN(dynamic), m->rfs_signature);
}

/* syncat_wait: the server that has been synchronized (rfs.syncat goes down then, only as secondary) waits, also when it comes back.  Not the
 * primary: its rfs.syncat is never down; nor one that is told to start with the data it has (its rfs.uptodate is up, and no primary is there). */
size_t
conf_rfs_rules(const struct conf_module *m, char *out, size_t size)
{
	int len = 0;

	if (m->has_rfs && m->rfs.syncdelta_ms > MINUTE)
		len += snprintf(out, size, "force_uptodate: if (heartbeat.* == down && cluster() == down && rfs.synced == up && "
		    "rfs.uptodate == down) then rfs.uptodate=up;\n");
	if (m->has_rfs && m->rfs.syncat[0] != '\0')
		len += snprintf(out + len, size - (size_t)len, "syncat_wait: if (rfs.syncat == down && (rfs.uptodate == down || "
		    "remote.rfs.uptodate == up)) then wait();\n");
	return (size_t)len;
}
