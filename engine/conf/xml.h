/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xml.h: what the files of conf/ share and nobody else sees: a parsed file, its attributes, macros, the schemas.
 *
 * Owns: the door to libxml2.  Called by: conf/ and its tests.  Never does: load anything but the bytes it was given; write on
 * stderr.
 */
#ifndef SK_CONF_XML_H
#define SK_CONF_XML_H

#include "conf/conf.h"
#include <libxml/tree.h>
#include <libxml/xmlerror.h>

#define CONF_MACRO_VALUE_MAX	(64u << 10)	/* bytes of a value after macros (ours) */
#define CONF_ATTRS_MAX		64		/* attributes of one tag (ours): libxml2's time grows with their square */
#define CONF_MACROS_MAX		1024		/* macros of a file (ours) */
#define CONF_VAR_VALUES_MAX	(1u << 20)	/* bytes of all <var> of a module: half of what Linux takes for exec (ours) */

/* One file on its way from text to struct. */
struct conf_doc {
	const char		*file;	/* name for messages */
	struct conf_errors	*errs;
	xmlDoc			*doc;
	xmlNode			*root;
	char			 signature[65];
	const char		*data;		/* the text, while it is being read */
	size_t			 len;
};

/* libxml2 2.12 made the second argument const */
#if LIBXML_VERSION >= 21200
typedef const xmlError *conf_xml_error;
#else
typedef xmlErrorPtr conf_xml_error;
#endif

/* ---- errors.c ---- */
#define CONF_SHOW	"%.60s"		/* how much of an outside value a message repeats */
/* About a node: its file and line are filled in. */
void conf_say(const struct conf_doc *d, char level, const xmlNode *node, const char *fmt, ...) PRINTFLIKE(4, 5);

/* ---- xml.c ---- */
/* Text -> tree without blanks, comments and DTD; d->doc is the caller's to free.  false: errors say why, d->doc is NULL. */
bool conf_xml_parse(struct conf_doc *d, const char *file, const char *data, size_t len, struct conf_errors *errs);
void conf_xml_free(struct conf_doc *d);
/* Whole file into memory (at most CONF_FILE_MAX bytes); false: the error is said.  *data is the caller's to free. */
bool conf_xml_read(const char *file, char **data, size_t *len, struct conf_errors *errs);
int conf_xml_line(const xmlNode *node);
bool conf_xml_is(const xmlNode *node, const char *name);	/* an element of that name */
/* First child element with that name / the next one after node; NULL when there is none. */
xmlNode *conf_xml_child(const xmlNode *parent, const char *name);
xmlNode *conf_xml_next(const xmlNode *node, const char *name);

/* ---- typographic.c: characters that a word processor or a PDF puts where XML wants plain ones ---- */
/* Says each (once per line), lowest line first; returns the first line, 0 = none found. */
int conf_typographic(const char *file, const char *data, size_t len, struct conf_errors *errs);

/* Where the texts in the first tag of that name begin in the file (blank ones do not count): at most max of them; returns how many. */
struct conf_place { int line, column; };
int conf_text_places(const char *data, size_t len, const char *tag, struct conf_place *out, int max);
/* Attributes of the tag that has most, and the line where it begins. */
int conf_widest_tag(const char *data, size_t len, int *line);

/* ---- macro.c ---- */
/* Replaces %name% in the whole tree.  false: errors say why. */
bool conf_macros(struct conf_doc *d);

/* ---- schema.c ---- */
extern const unsigned char conf_cluster_rng[], conf_userconfig_rng[];
extern const size_t conf_cluster_rng_len, conf_userconfig_rng_len;
/* RELAX NG; false: errors name each unknown or misplaced tag and attribute and what is known there. */
bool conf_schema_check(struct conf_doc *d, const unsigned char *rng, size_t len);

/* ---- attr.c: typed attributes.  Absent: *out keeps its default.  Wrong: error said, *out keeps its default.  true: *out set. */
bool conf_attr_text(const struct conf_doc *d, xmlNode *node, const char *name, char *out, size_t size);
bool conf_attr_name(const struct conf_doc *d, xmlNode *node, const char *name, char out[SK_NAME_MAX]);
bool conf_attr_on(const struct conf_doc *d, xmlNode *node, const char *name, bool *out);
bool conf_attr_number(const struct conf_doc *d, xmlNode *node, const char *name, int min, int max, int *out);
bool conf_attr_duration(const struct conf_doc *d, xmlNode *node, const char *name, int64_t unit_ms, int64_t min_ms, int64_t max_ms,
    int64_t *out_ms);
/* The value as it stands; NULL when absent.  xmlFree() it. */
xmlChar *conf_attr_raw(xmlNode *node, const char *name);

bool conf_attr_has(xmlNode *node, const char *name);
/* *out: new text without blanks around it, free() it; "" when absent or wrong (said), NULL when there was no memory (said). */
bool conf_attr_copy(const struct conf_doc *d, xmlNode *node, const char *name, size_t min, size_t max, char **out);
bool conf_attr_regex(const struct conf_doc *d, xmlNode *node, const char *name, char **out);	/* the same, and it compiles (POSIX extended) */
#define CONF_HOST_MAX	256
bool conf_attr_host(const struct conf_doc *d, xmlNode *node, const char *name, char out[CONF_HOST_MAX]);	/* address or host name */
bool conf_is_ip(const char *s);
bool conf_is_host(const char *s);
bool conf_is_inside(const char *path);	/* relative, and stays below where it begins */
void conf_when_fits(const struct conf_doc *d, const xmlNode *node, int when, int mode);	/* is there a script of that name? W */
/* The place of number count in *list, zeroed; *list has grown.  NULL: no memory (said). */
void *conf_grow(const struct conf_doc *d, const xmlNode *node, void **list, int count, size_t size);

/* ---- duration.c ---- */
char *conf_duration_text(int64_t ms, char *buf, size_t size);	/* in the largest unit that divides it: "24h"; returns buf */

/* ---- cluster.c, module.c: the same as *_load, from memory (tests, fuzzers) ---- */
int conf_cluster_parse(const char *file, const char *data, size_t len, struct conf_cluster *out, struct conf_errors *errs);
int conf_module_parse(const char *file, const char *data, size_t len, const struct conf_cluster *cluster, struct conf_module *out,
    struct conf_errors *errs);

/* ---- heart.c: <heart> of a mirror ---- */
void conf_heart(const struct conf_doc *d, xmlNode *service, const struct conf_cluster *cluster, struct conf_module *m);

bool conf_check_lan(const struct conf_doc *d, xmlNode *node, const struct conf_cluster *c, const char *name);	/* said when wrong */
/* <server addr=> of releases before 7.2, in <heartbeat> and <flow>: lan becomes the one that has all these addresses; said */
void conf_map_servers(const struct conf_doc *d, xmlNode *node, const struct conf_cluster *c, char lan[SK_NAME_MAX]);

/* ---- one file per tag of <service>; node NULL: the tag is not there.  What is wrong is said; the caller looks at d->errs. ---- */
void conf_check(const struct conf_doc *d, xmlNode *check, struct conf_module *m);
void conf_errd(const struct conf_doc *d, xmlNode *errd, struct conf_module *m);
void conf_failover(const struct conf_doc *d, xmlNode *failover, struct conf_module *m);	/* after conf_check() */
void conf_vhost(const struct conf_doc *d, xmlNode *vhost, struct conf_module *m);
void conf_farm(const struct conf_doc *d, xmlNode *service, const struct conf_cluster *cluster, struct conf_module *m);
void conf_vip(const struct conf_doc *d, xmlNode *vip, const struct conf_cluster *cluster, struct conf_module *m);	/* after conf_check() */
void conf_rfs(const struct conf_doc *d, xmlNode *rfs, const struct conf_cluster *cluster, struct conf_module *m);
#define CONF_RFS_RULES_MAX 512
size_t conf_rfs_rules(const struct conf_module *m, char *out, size_t size);	/* that <rfs> asks for: bytes; size: CONF_RFS_RULES_MAX */
void conf_replicated(const struct conf_doc *d, xmlNode *rfs, struct conf_rfs *r);	/* replicated.c */
bool conf_is_suffix(const char *s);		/* of mountoversuffix */
/* vip_check.c: checkers made from check="on".  users: how many the user wrote himself.  node: for messages */
struct conf_made { const struct conf_doc *d; struct conf_module *m; int users; };
void conf_make_intf(struct conf_made *made, xmlNode *node, const struct conf_vintf *intf, const struct conf_vaddr *v);
void conf_find_network(struct conf_made *made, xmlNode *node, const struct conf_vintf *intf, const struct conf_vaddr *v);	/* says when there is none */
void conf_make_ip(struct conf_made *made, xmlNode *node, const struct conf_vaddr *v);
/* Where the default rules are read from; NULL: SAFE/private/conf/include/failover.xml.  For tests. */
void conf_failover_file(const char *file);

/* ---- signature.c ---- */
bool conf_node_signature(const struct conf_doc *d, xmlNode *node, const char *const *without, size_t count, char out[65]);
bool conf_xml_signature(xmlDoc *doc, char out[65]);	/* SHA-256 of C14N without comments; false: no memory */

#endif
