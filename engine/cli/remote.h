/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remote.h: commands for other servers (UG 9.1): whom, and what they answered.
 *
 * remote_list.c turns "*", names, urls into addresses (pure); remote_run.c asks them all at once, through wire/webcall.h; cli_remote.c is
 * -H, cli_deploy.c is -E and -G, cli_receive.c what these two call on the other side.
 */
#ifndef SK_CLI_REMOTE_H
#define SK_CLI_REMOTE_H

#include "cli/cli.h"
#include "conf/conf.h"
#include "conf/web.h"
#include "wire/webcall.h"

#define REMOTE_MAX	128	/* servers of one list: 32 nodes on some lans (ours) */
#define REMOTE_LIST_MAX	(64u << 10)	/* bytes of default_cluster.txt (ours) */
#define EXIT_UNREACHED	69	/* a server was not reached, or did not let us: EX_UNAVAILABLE */
#define EXIT_DIFFER	68	/* all were reached, and their statuses are not the same */

struct remote_server {
	char name[SK_NAME_MAX];		/* of cluster.xml; "" when a url was given */
	char url[WEBCALL_URL_MAX];
};
struct remote_list { int n; struct remote_server at[REMOTE_MAX]; };

/* ---- remote_list.c ---- */
/* Comma or white space between: *, names of cluster.xml, urls, [protocol:port] for the names that follow; # begins a remark.
 * cluster: NULL when there is none.  false: err says what was expected. */
bool remote_list_parse(const char *text, const struct conf_cluster *cluster, const struct conf_web *web, struct remote_list *out,
    char *err, size_t errsize);

/* ---- remote_run.c ---- */
struct remote_reply {		/* of one server */
	struct webcall call;
	char	*path, *body;	/* ours, for the call */
	size_t	 len;
	bool	 ok;		/* HTTP 2xx, and what it says was understood */
	int	 status;	/* of the command there */
	char	*out, *err;	/* of the command, "" none */
	bool	 cut;		/* its output was longer than the service keeps */
	char	 file[128];	/* token of a file that it took */
	char	 why[WEBCALL_WHY_MAX];	/* not ok */
	char	 note[WEBCALL_WHY_MAX];	/* of the service there: that it has ended the command; "" none */
	bool	 ended;
};
struct remote {
	struct cli *c;
	struct webcalls *calls;
	struct remote_list list;
	struct remote_reply reply[REMOTE_MAX];
	void (*each)(struct remote *r, int i);	/* called in the order of the list, as early as possible; NULL: nobody */
	int next;		/* whose turn it is */
};
/* The servers of a list, NULL: those of SAFEVAR/default_cluster.txt.  false: told */
bool remote_open(struct remote *r, struct cli *c, const char *list);
void remote_close(struct remote *r);
/* Ask each server that skip does not name (NULL: all) and wait.  make: builds the question in the reply's path and body (false: told in
 * why); read: takes the answer of HTTP 2xx (false: not understood). */
struct remote_question {
	const char *method, *type;
	bool (*make)(struct remote *r, int i, void *ctx);
	bool (*read)(struct remote_reply *reply);
	void *ctx;
	int64_t timeout_ms;
};
void remote_ask(struct remote *r, const struct remote_question *q, const bool *skip);
/* POST /commands: the words of argv(r, i, ctx), a new array */
void remote_command(struct remote *r, json_t *(*argv)(struct remote *r, int i, void *ctx), void *ctx, const bool *skip);
const char *remote_name(const struct remote *r, int i);	/* for messages */

/* ---- cli_deploy.c ---- */
int deploy_module(struct cli *c, const char *list, const char *module);
int deploy_cluster(struct cli *c, const char *list);

#endif
