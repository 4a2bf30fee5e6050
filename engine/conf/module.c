/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * module.c: userconfig.xml -> struct conf_module (UG 13, RN 2.3.4.1).  Owns: <service> and <user>; the other tags have files of their own.
 * Called by: the CLI (config, confcheck).  Never does: touch the module's directory, compute its signature.
 */
#include "config.h"
#include "conf/xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_MS		1000
#define HOUR_MS			(3600 * (int64_t)SECOND_MS)
#define DAY_MS			(24 * HOUR_MS)
#define MAXLOOP_DEFAULT		3		/* UG 13.2 */
#define MAXLOOP_MAX		1000000		/* ours */
#define LOOP_INTERVAL_DEFAULT	DAY_MS		/* UG 13.2 */
#define LOOP_INTERVAL_MAX	(365 * DAY_MS)	/* ours */
#define BOOT_DELAY_MAX		DAY_MS		/* ours */
#define STOP_DEFAULT		(300 * (int64_t)SECOND_MS)	/* UG 13.7 */
#define STOP_MAX		DAY_MS		/* ours */
#define USERLOG_DEFAULT		2048		/* KB, UG 13.7 */
#define USERLOG_MAX		(4 << 20)	/* KB: 4 GiB (ours) */

static void
read_defaultprim(const struct conf_doc *d, xmlNode *service, const struct conf_cluster *c, struct conf_module *m)
{
	char list[256] = "";
	size_t len = 0;
	int i;

	if (!conf_attr_name(d, service, "defaultprim", m->defaultprim) || c == NULL || strcmp(m->defaultprim, "alone") == 0 ||
	    strcmp(m->defaultprim, "lastprim") == 0)
		return;
	for (i = 0; i < c->nodes_count; i++) {
		if (strcmp(c->nodes[i], m->defaultprim) == 0)
			return;
		if (len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, ", %s", c->nodes[i]);
	}
	conf_say(d, 'E', service, "defaultprim=\"%s\" of <service> is no node of the cluster: expected one of alone, lastprim%s",
	    m->defaultprim, list);
}

static void
read_service(const struct conf_doc *d, xmlNode *service, const struct conf_cluster *c, struct conf_module *m)
{
	char word[16];

	m->failover = true;
	str_copy(m->defaultprim, sizeof(m->defaultprim), "alone");
	m->maxloop = MAXLOOP_DEFAULT;
	m->loop_interval_ms = LOOP_INTERVAL_DEFAULT;
	m->boot = BOOT_IGNORE;

	/* the schema has seen to the words of mode and boot */
	if (conf_attr_text(d, service, "mode", word, sizeof(word)))
		m->mode = strcmp(word, "farm") == 0 ? MODE_FARM : strcmp(word, "light") == 0 ? MODE_LIGHT : MODE_MIRROR;
	if (conf_attr_text(d, service, "boot", word, sizeof(word)))
		m->boot = strcmp(word, "on") == 0 ? BOOT_ON : strcmp(word, "off") == 0 ? BOOT_OFF : strcmp(word, "auto") == 0 ? BOOT_AUTO :
		    BOOT_IGNORE;
	conf_attr_on(d, service, "failover", &m->failover);
	read_defaultprim(d, service, c, m);
	if (m->mode != MODE_MIRROR && (conf_attr_has(service, "failover") || conf_attr_has(service, "defaultprim")))
		conf_say(d, 'W', service, "failover and defaultprim of <service> are for a mirror module: no effect in a %s one",
		    rpt_mode_names[m->mode]);
	conf_attr_number(d, service, "id", 1, SK_MODULES_MAX, &m->id);
	conf_attr_number(d, service, "maxloop", 0, MAXLOOP_MAX, &m->maxloop);
	conf_attr_duration(d, service, "loop_interval", HOUR_MS, 0, LOOP_INTERVAL_MAX, &m->loop_interval_ms);
	conf_attr_on(d, service, "automatic_reboot", &m->automatic_reboot);
	conf_attr_duration(d, service, "boot_delay", SECOND_MS, 0, BOOT_DELAY_MAX, &m->boot_delay_ms);
}

/* Name of an environment variable as a shell can read it */
static bool
is_variable(const char *s)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

	return s[0] != '\0' && !(s[0] >= '0' && s[0] <= '9') && s[strspn(s, letters)] == '\0';
}

/* Takes name and value over. */
static void
keep_var(const struct conf_doc *d, xmlNode *node, struct conf_module *m, char *name, char *value)
{
	int i;

	for (i = 0; i < m->vars_count; i++) {
		if (strcmp(m->vars[i].name, name) == 0) {
			conf_say(d, 'W', node, "variable %s is defined again: the last value counts", name);
			free(name);
			free(m->vars[i].value);
			m->vars[i].value = value;
			return;
		}
	}
	if (m->vars_count == CONF_VARS_MAX) {
		conf_say(d, 'E', node, "one <var> too many: expected at most %d", CONF_VARS_MAX);
		free(name);
		free(value);
		return;
	}
	m->vars[m->vars_count++] = (struct conf_var){ name, value };
}

static void
read_var(const struct conf_doc *d, xmlNode *node, struct conf_module *m, size_t *bytes)
{
	xmlChar *raw = conf_attr_raw(node, "value");
	char text[256], *name, *value;

	if (raw == NULL || !conf_attr_text(d, node, "name", text, sizeof(text)))
		goto out;
	if (!is_variable(text)) {
		conf_say(d, 'E', node, "name=\"" CONF_SHOW "\" of <var> is no name of an environment variable: expected letters, digits and _, no "
		    "digit first", text);
		goto out;
	}
	*bytes += strlen(text) + strlen((char *)raw) + 2;
	if (strlen((char *)raw) > CONF_MACRO_VALUE_MAX || *bytes > CONF_VAR_VALUES_MAX) {
		conf_say(d, 'E', node, "variable " CONF_SHOW " is too long: expected at most %u bytes in one value and %u in all", text,
		    CONF_MACRO_VALUE_MAX, CONF_VAR_VALUES_MAX);
		goto out;
	}
	name = strdup(text);
	value = strdup((char *)raw);
	if (name != NULL && value != NULL) {
		keep_var(d, node, m, name, value);
	} else {
		conf_say(d, 'E', node, "no memory to keep a variable");
		free(name);
		free(value);
	}
out:
	xmlFree(raw);
}

static void
read_user(const struct conf_doc *d, xmlNode *user, struct conf_module *m)
{
	size_t bytes = 0;
	char word[16];
	xmlNode *n;

	m->nicestop_ms = m->forcestop_ms = STOP_DEFAULT;
	m->userlog = true;
	m->userlogsize_kb = USERLOG_DEFAULT;
	if (user == NULL)
		return;
	m->user = true;
	conf_attr_duration(d, user, "nicestoptimeout", SECOND_MS, SECOND_MS, STOP_MAX, &m->nicestop_ms);
	conf_attr_duration(d, user, "forcestoptimeout", SECOND_MS, SECOND_MS, STOP_MAX, &m->forcestop_ms);
	if (conf_attr_text(d, user, "logging", word, sizeof(word)))
		m->userlog = strcmp(word, "userlog") == 0;	/* the schema has seen to userlog and none */
	conf_attr_number(d, user, "userlogsize", 1, USERLOG_MAX, &m->userlogsize_kb);
	for (n = conf_xml_child(user, "var"); n != NULL; n = conf_xml_next(n, "var"))
		read_var(d, n, m, &bytes);
}

static void
read_module(const struct conf_doc *d, const struct conf_cluster *cluster, struct conf_module *m)
{
	xmlNode *service = conf_xml_child(d->root, "service"), *heart = conf_xml_child(service, "heart");

	read_service(d, service, cluster, m);
	read_user(d, conf_xml_child(service, "user"), m);
	if (m->mode == MODE_MIRROR)
		conf_heart(d, service, cluster, m);
	else if (heart != NULL)
		conf_say(d, 'W', heart, "<heart> has no effect in a %s module: heartbeats are for a mirror", rpt_mode_names[m->mode]);
	if (m->mode != MODE_LIGHT && cluster == NULL)
		conf_say(d, 'W', service, "no cluster configuration: names of lans and nodes are not checked");
	conf_farm(d, service, cluster, m);
	conf_rfs(d, conf_xml_child(service, "rfs"), cluster, m);
	conf_vhost(d, conf_xml_child(service, "vhost"), m);
	conf_errd(d, conf_xml_child(service, "errd"), m);
	conf_check(d, conf_xml_child(service, "check"), m);
	conf_vip(d, conf_xml_child(service, "vip"), cluster, m);
	conf_failover(d, conf_xml_child(service, "failover"), m);
}

static bool
is_valid(struct conf_doc *d)
{
	return conf_macros(d) && conf_schema_check(d, conf_userconfig_rng, conf_userconfig_rng_len);
}

int
conf_module_parse(const char *file, const char *data, size_t len, const struct conf_cluster *cluster, struct conf_module *out,
    struct conf_errors *errs)
{
	struct conf_module *m;
	struct conf_doc d;
	int rc = -1;

	memset(errs, 0, sizeof(*errs));
	if (!conf_xml_parse(&d, file, data, len, errs))
		return -1;
	m = calloc(1, sizeof(*m));
	if (m == NULL) {
		conf_complain(errs, 'E', file, 0, "no memory to read it");
	} else if (is_valid(&d)) {
		read_module(&d, cluster, m);
		if (!conf_has_errors(errs)) {
			*out = *m;
			rc = 0;
		} else {
			conf_module_free(m);
		}
	}
	free(m);
	conf_xml_free(&d);
	return rc;
}

int
conf_module_load(const char *file, const struct conf_cluster *cluster, struct conf_module *out, struct conf_errors *errs)
{
	char *data;
	size_t len;
	int rc;

	memset(errs, 0, sizeof(*errs));
	if (!conf_xml_read(file, &data, &len, errs))
		return -1;
	rc = conf_module_parse(file, data, len, cluster, out, errs);
	free(data);
	return rc;
}
