/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhost.c: <vhost> -> the virtual hostnames of a module (UG 13.8).  Owns: what a virtual hostname may be.
 * Called by: module.c, after the schema has been asked.  Never does: write an environment file (config does).
 */
#include "config.h"
#include "conf/xml.h"

#include <string.h>

#define HOSTNAME_BYTES	63	/* sethostname(2) takes 64; a label of DNS has 63 */

static void
read_vhost(const struct conf_doc *d, xmlNode *node, struct conf_module *m)
{
	struct conf_vhost *v = conf_grow(d, node, (void **)&m->vhosts, m->vhosts_count, sizeof(*v));
	char word[16];
	int i;

	if (v == NULL)
		return;
	m->vhosts_count++;
	if (conf_attr_name(d, node, "name", v->name) && !conf_is_host(v->name))
		conf_say(d, 'E', node, "name=\"%s\" of <virtualhostname>: expected a host name of at most %d characters", v->name, HOSTNAME_BYTES);
	v->when = WHEN_PRIM;
	if (conf_attr_text(d, node, "when", word, sizeof(word)))	/* the schema has seen to the words */
		v->when = strcmp(word, "second") == 0 ? WHEN_SECOND : strcmp(word, "both") == 0 ? WHEN_BOTH : WHEN_PRIM;
	if (!conf_attr_copy(d, node, "envfile", 1, CONF_EXEC_MAX, &v->envfile))
		return;
	if (v->envfile[0] != '/' && !conf_is_inside(v->envfile))
		conf_say(d, 'E', node, "envfile=\"" CONF_SHOW "\" of <virtualhostname> leaves the module's folder: expected a path below it, or an absolute "
		    "one", v->envfile);
	for (i = 0; i < m->vhosts_count - 1; i++)
		if (m->vhosts[i].envfile != NULL && strcmp(m->vhosts[i].envfile, v->envfile) == 0)
			conf_say(d, 'E', node, "envfile=\"" CONF_SHOW "\" again: expected each <virtualhostname> to have its own", v->envfile);
}

void
conf_vhost(const struct conf_doc *d, xmlNode *vhost, struct conf_module *m)
{
	xmlNode *n;

	if (vhost == NULL)
		return;
	for (n = conf_xml_child(vhost, "virtualhostname"); n != NULL; n = conf_xml_next(n, "virtualhostname")) {
		if (m->vhosts_count == CONF_VHOSTS_MAX) {
			conf_say(d, 'E', n, "one <virtualhostname> too many: expected at most %d", CONF_VHOSTS_MAX);
			return;
		}
		read_vhost(d, n, m);
	}
}
