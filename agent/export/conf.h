/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf.h: the configuration file of safeexport (contrib/export/safeexport.conf.sample): lines "name = value", and a section [sink NAME]
 * for each store that is pushed to.
 *
 * Called by: main.c, once, before the threads exist.  Never does: keep a secret that it can leave in its file: passwords are read where they are needed.
 */
#ifndef SK_EXPORT_CONF_H
#define SK_EXPORT_CONF_H

#include "agent/export/keep.h"

#define CONF_TEXT_MAX	256	/* bytes with NUL of a path or URL (ours) */

struct sink_kind;
struct sink_conf {
	char	 name[SK_NAME_MAX];
	const struct sink_kind *kind;
	char	 url[CONF_TEXT_MAX];
	char	 user[SK_NAME_MAX], password_file[CONF_TEXT_MAX], token_file[CONF_TEXT_MAX];
	char	 ca_file[CONF_TEXT_MAX], cert_file[CONF_TEXT_MAX], key_file[CONF_TEXT_MAX];
	char	 database[SK_NAME_MAX];	/* of InfluxDB; "" = none named */
	bool	 gzip;
	uint32_t batch;		/* changes in one request */
	uint32_t timeout_s;	/* of a request */
	uint32_t retry_s;	/* longest pause between attempts */
	int32_t	 hold_s;	/* how long changes are kept after the store took them; -1: as its kind needs */
};
struct export_conf {
	char	 listen[CONF_TEXT_MAX];	/* ADDRESS:PORT, [ADDRESS]:PORT; "" = do not serve */
	char	 tls_certificate[CONF_TEXT_MAX], tls_key[CONF_TEXT_MAX];	/* PEM; both or none */
	char	 auth_file[CONF_TEXT_MAX];	/* lines user:hash, the hash of crypt(5); "" = everybody */
	char	 spool[CONF_TEXT_MAX];
	uint64_t spool_size;	/* bytes */
	uint64_t spool_age_s;
	size_t	 sinks;
	struct sink_conf sink[SINKS_MAX];
};

void conf_defaults(struct export_conf *c);
/* One line's "name = value" in the section sink (NULL: before the first); false with the reason in err */
bool conf_set(struct export_conf *c, struct sink_conf *sink, const char *name, const char *value, char *err, size_t errsize);
/* Another sink with the defaults of its kind; NULL with the reason in err */
struct sink_conf *conf_add_sink(struct export_conf *c, const char *name, char *err, size_t errsize);
/* A file over what c has; false with "file:line: reason" in err */
bool conf_read(struct export_conf *c, const char *file, char *err, size_t errsize);
/* The path of a file with a secret: without a slash, a systemd credential of that name (or what is there); false: too long */
bool conf_secret_path(const char *file, char *path, size_t size);
/* Whether it fits together; false with the reason in err */
bool conf_check(const struct export_conf *c, char *err, size_t errsize);

#endif
