/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * admin.h: the rooms of safeadmin and how they know each other.
 *
 *   server (socket, clients)  ->  ops (what a client may ask)  ->  registry (modules and their hearts), member (cluster), journal
 *   registry, member          ->  picture                      ->  server (subscribers)
 *
 * One loop thread.  Nothing here decides for a module: heart does.
 */
#ifndef SK_ADMIN_H
#define SK_ADMIN_H

#include "pub/journal.h"
#include "pub/picture.h"
#include "pub/syslog.h"
#include "wire/message.h"
#include <jansson.h>
#include <uv.h>

struct server;
struct client;
struct registry;
struct member;

struct admin {
	uv_loop_t	*loop;
	struct picture	 picture;
	struct journal	*journal;
	struct syslog_out *syslog;
	struct server	*server;
	struct registry	*registry;
	struct member	*member;
	bool		 boot;		/* this is the first safeadmin of this boot */
	bool		 started;	/* the cluster configuration was looked at once: modules may start */
	bool		 ending;
};

/* A log row: journal, syslog (levels U E C S), subscribers.  row->seq and time are given here (time 0 = now). */
void admin_log(struct admin *a, struct rpt_log *row);
/* The same for safeadmin's own messages: arguments as the message's format wants (strings only). */
void admin_say(struct admin *a, const char *module, enum message m, ...);
void admin_notice(struct admin *a, struct rpt_notice *n);

/* ---- server.c ---- */
struct server *server_new(struct admin *a, char *err, size_t errsize);
void server_open(struct server *s);	/* answer from now on: modules are known; who connected before has waited */
void server_free(struct server *s);
void server_send(struct client *c, json_t *obj);	/* obj stolen */
void server_event(struct admin *a, json_t *event, const char *log_module);	/* to all subscribers; log_module: only those that want it */
void server_picture(struct admin *a, enum picture_change what, const void *row);
void server_close(struct client *c);
/* a client by its number, NULL when it has gone: answers that come later keep the number, never the pointer */
struct client *server_client(struct admin *a, uint64_t serial);
uint64_t client_serial(const struct client *c);
bool client_is_root(const struct client *c);
void client_subscribe(struct client *c, bool logs, const char *module);
void client_set_heart(struct client *c, void *instance);	/* this connection is a heart's from now on */
void *client_heart(const struct client *c);

/* ---- ops.c ---- */
void ops_request(struct admin *a, struct client *c, json_t *req);	/* a frame of a client; req borrowed */
void reply_ok(struct client *c, const json_t *id, json_t *more);	/* more stolen, may be NULL */
void reply_error(struct client *c, const json_t *id, const char *code, const char *fmt, ...) PRINTFLIKE(4, 5);

/* ---- registry.c: modules of this server and their hearts ---- */
typedef void (*heart_reply)(struct admin *a, void *ctx, const json_t *reply);	/* reply NULL: heart went away; with "told"
										 * (only where the order asked for it): another one follows */
struct registry *registry_new(struct admin *a);
void registry_free(struct registry *r);
void registry_start(struct admin *a);			/* scan SAFE/private/modules, spawn or await hearts, boot starts */
bool registry_changed(struct admin *a, const char *module, char *err, size_t errsize);
void registry_cluster_changed(struct admin *a);		/* hearts get their addresses and keys anew */
bool registry_heart_hello(struct admin *a, struct client *c, const char *module, int pid, json_t **setup, char *err, size_t errsize);
void registry_heart_says(struct admin *a, void *instance, const json_t *obj);
void registry_heart_gone(struct admin *a, void *instance);
/* order stolen; false: no such module ("notfound") or its heart is away ("unreachable") */
bool registry_order(struct admin *a, const char *module, json_t *order, heart_reply done, void *ctx, const char **code);
void registry_each(struct admin *a, void (*fn)(void *ctx, const char *module), void *ctx);
int registry_boot(struct admin *a, const char *module, const char *value, char *err, size_t errsize);	/* value NULL: only tell; -1 error */
bool registry_kill(struct admin *a, const char *module);	/* clean process */
json_t *registry_info(struct admin *a);			/* our modules for the other nodes */

/* ---- member.c: the cluster ---- */
struct member *member_new(struct admin *a);
void member_free(struct member *m);
void member_reload(struct admin *a);			/* SAFEVAR/cluster has changed */
void member_leave(struct admin *a);
void member_info_changed(struct admin *a);		/* our modules have changed: tell the others */
const char *member_node(struct admin *a);		/* our name, the host name without cluster */
int member_self(struct admin *a);			/* our index, 0 without cluster */
json_t *member_setup(struct admin *a, const char *module);	/* {"node","self","nodes","lans","key"} for its heart */
json_t *member_confinfo(struct admin *a);

#endif
