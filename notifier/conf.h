/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf.h: the configuration of safemail: servers in order, and rules saying who is told what and when.
 *
 * Owns: the language of safemail.conf ("[server]", "[mail]", "[rule NAME]", "word = value", # for comments).
 * Called by: main.c, run.c.  Pure: a text in, a structure or one error with its line out.  Never does: open a file, or hold a password
 * (it holds the place of one).
 */
#ifndef SK_NOTIFIER_CONF_H
#define SK_NOTIFIER_CONF_H

#include "notifier/event.h"

#define CONF_SERVERS_MAX	8
#define CONF_RULES_MAX		32
#define CONF_TO_MAX		32	/* recipients of a rule */
#define CONF_KEYS_MAX		64	/* numbers or ranges */
#define CONF_MODULES_MAX	64	/* patterns */
#define CONF_ADDRESS_MAX	255	/* bytes with NUL (RFC 5321: 254) */
#define CONF_PATH_MAX		1024
#define CONF_FILE_MAX		(256 * 1024)	/* bytes of a configuration */

enum conf_tls { TLS_STARTTLS = 0, TLS_ON, TLS_TRY, TLS_NONE };
struct mail_server {
	char	 host[256];
	uint32_t port;		/* 0: 465 with TLS_ON, 587 with user, else 25 */
	int	 tls;		/* enum conf_tls; a user's password is sent under TLS only */
	char	 user[128];	/* "": no AUTH */
	char	 password_file[CONF_PATH_MAX], credential[SK_NAME_MAX];	/* one of them when there is a user */
	char	 ca_file[CONF_PATH_MAX];	/* "": the system's */
	uint32_t connect_s;	/* until it has greeted, and we are signed in */
	uint32_t timeout_s;	/* for each answer behind that */
};

struct key_range { uint32_t from, to; };
struct mail_rule {
	char	 name[SK_NAME_MAX];
	char	 to[CONF_TO_MAX][CONF_ADDRESS_MAX];
	uint32_t to_count;
	char	 levels[8], gather[8], urgent[8];	/* sets of letters: open a window / come into an open one / do not wait for the end of quiet hours */
	struct key_range keys[CONF_KEYS_MAX];		/* open a window */
	uint32_t key_count;
	char	 modules[CONF_MODULES_MAX][SK_NAME_MAX + 1];	/* patterns, "!" in front: not these; empty: all */
	uint32_t module_count;
	int64_t	 window_us, reminder_us;	/* reminder 0: none */
	bool	 recovery;
	int	 quiet[2];		/* from, to: minutes of the day, local time; equal: no quiet hours */
	uint32_t max_per_hour;			/* 0: no limit */
	uint32_t rows;				/* of a mail's table, for critical ones and as many for others; the rest is summed up */
};

enum conf_source { SOURCE_AUTO = 0, SOURCE_JOURNAL, SOURCE_FILE, SOURCE_SOCKET };
struct mail_conf {
	struct mail_server server[CONF_SERVERS_MAX];
	uint32_t servers;
	struct mail_rule rule[CONF_RULES_MAX];
	uint32_t rules;
	char	 from[CONF_ADDRESS_MAX];	/* "": safekit@<node> */
	char	 node[SK_NAME_MAX];		/* "": the host's name */
	int	 source;			/* enum conf_source */
	char	 source_path[CONF_PATH_MAX];	/* file or socket; with SOURCE_JOURNAL a folder of journal files or "" */
	bool	 any_user;			/* also entries that were not written by root */
	uint32_t queue_max;			/* mails that may wait; more stay in their windows, summed up */
	int64_t	 retry_us;			/* longest time between two tries */
};

/* New structure, or NULL with the reason "line 12: ..." in err.  The caller frees it with free(). */
struct mail_conf *conf_parse(const char *text, char *err, size_t errsize);

/* An address that can stand in an envelope and a header without being quoted: no blanks, no controls, no <>()[]\,;:" , ASCII */
bool conf_is_address(const char *s);
bool rule_has_module(const struct mail_rule *r, const char *module);
bool rule_opens(const struct mail_rule *r, const struct mail_event *ev);	/* of level and key; the module is asked apart */
bool rule_gathers(const struct mail_rule *r, const struct mail_event *ev);
/* End of the quiet hours that hold at now_us, 0 when none hold */
int64_t rule_quiet_until(const struct mail_rule *r, int64_t now_us);
uint32_t server_port(const struct mail_server *s);

#endif
