/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remote_run.c: asks the servers of a list at once and tells who answered what.
 *
 * Owns: the calls and their replies.  Called by: cli_remote.c, cli_deploy.c.  Never does: try a command a second time: who does not
 * answer may have done it.
 */
#include "config.h"
#include "cli/remote.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMANDS   WEBCALL_NODE "/api/v1/commands"
#define COMMAND_MS 910000	/* the service there gives up after 900 s */

const char *
remote_name(const struct remote *r, int i)
{
	return r->list.at[i].name[0] != '\0' ? r->list.at[i].name : r->list.at[i].url;
}

/* ---- who ---- */

static bool
default_list(char **text)
{
	char file[PATH_MAX];

	if (path_format(file, sizeof(file), "%s/default_cluster.txt", path_safevar()) && path_read(file, text, REMOTE_LIST_MAX) != -1)
		return true;
	warn_errno("%s/default_cluster.txt", path_safevar());
	cli_note("Expected -H with the servers, or that file with the same words: urls, names of cluster.xml, \"*\"");
	return false;
}

bool
remote_open(struct remote *r, struct cli *c, const char *list)
{
	static struct conf_cluster cluster;
	static struct conf_errors errs;
	char file[PATH_MAX], err[1024], node[SK_NAME_MAX], *text = NULL;
	struct conf_web web;
	bool known, ok;

	memset(r, 0, sizeof(*r));
	r->c = c;
	if (list == NULL && !default_list(&text))
		return false;
	conf_web_read(&web);
	known = path_format(file, sizeof(file), "%s/cluster/cluster.xml", path_safevar()) && access(file, F_OK) == 0
	    && conf_cluster_load(file, &cluster, &errs) == 0;
	ok = remote_list_parse(list != NULL ? list : text, known ? &cluster : NULL, &web, &r->list, err, sizeof(err));
	free(text);
	if (ok && (r->calls = webcalls_new(cli_node(c, node), err, sizeof(err))) == NULL)
		ok = false;
	if (!ok)
		cli_error("%s%s", list == NULL ? "default_cluster.txt: " : "", err);
	return ok;
}

static void
reply_clear(struct remote_reply *p)
{
	if (p->body != NULL)
		explicit_bzero(p->body, p->len);
	free(p->path);
	free(p->body);
	free(p->out);
	free(p->err);
	p->path = p->body = p->out = p->err = NULL;
	p->len = 0;
	p->ok = p->cut = p->ended = false;
	p->status = -1;
	p->why[0] = p->note[0] = '\0';
}

void
remote_close(struct remote *r)
{
	for (int i = 0; i < r->list.n; i++) {
		webcall_end(&r->reply[i].call);
		reply_clear(&r->reply[i]);
	}
	webcalls_free(r->calls);
	r->calls = NULL;
}

/* ---- a round of questions ---- */

struct round { struct remote *r; const struct remote_question *q; };

static void
pass_on(struct remote *r)
{
	for (; r->next < r->list.n && r->reply[r->next].ended; r->next++)
		if (r->each != NULL)
			r->each(r, r->next);
}

static void
say_why(struct remote_reply *p, const char *what, const char *why)
{
	size_t n;

	str_copy(p->why, sizeof(p->why), what);
	n = strlen(p->why);
	str_copy(p->why + n, sizeof(p->why) - n, why);
	str_make_utf8(p->why);	/* of others, and perhaps cut: it goes into JSON, too */
}

static void
on_done(struct webcall *call)
{
	struct round *round = call->ctx;
	struct remote *r = round->r;
	struct remote_reply *p = NULL;
	char refusal[WEBCALL_WHY_MAX];

	for (int i = 0; i < r->list.n; i++)
		if (&r->reply[i].call == call)
			p = &r->reply[i];
	if (call->unknown) {
		say_why(p, "no answer, it may have been done: ", call->status == 0 ? call->why : "its web service ended, or was too slow");
	} else if (call->status == 0) {
		say_why(p, "not reached: ", call->why);
	} else if (call->status == 401) {
		webcall_refusal(call, refusal, sizeof(refusal));
		say_why(p, "refused: it does not know our credential: expected the same cluster configuration, or the same password given to "
		    "webservercfg -passwd; it says ", refusal);
	} else if (call->status < 200 || call->status > 299) {
		webcall_refusal(call, refusal, sizeof(refusal));
		say_why(p, "refused: ", refusal);
	} else {
		p->ok = round->q->read(p);
		if (!p->ok)
			say_why(p, "its answer is not understood: ", "expected that of this suite");
	}
	p->ended = true;
	pass_on(r);
}

static bool
begin(struct round *round, int i)
{
	struct remote *r = round->r;
	struct remote_reply *p = &r->reply[i];

	if (!round->q->make(r, i, round->q->ctx)) {
		if (p->why[0] == '\0')
			str_copy(p->why, sizeof(p->why), "no memory");
		return false;
	}
	p->call.url = r->list.at[i].url;
	p->call.method = round->q->method;
	p->call.path = p->path;
	p->call.body = p->body;
	p->call.len = p->len;
	p->call.type = round->q->type;
	p->call.timeout_ms = round->q->timeout_ms;
	p->call.done = on_done;
	p->call.ctx = round;
	if (webcall_begin(r->calls, &p->call))
		return true;
	say_why(p, "not asked: ", p->call.why);
	return false;
}

void
remote_ask(struct remote *r, const struct remote_question *q, const bool *skip)
{
	struct round round = { r, q };

	r->next = 0;
	for (int i = 0; i < r->list.n; i++) {
		if (skip != NULL && skip[i]) {
			r->reply[i].ended = true;
			continue;
		}
		reply_clear(&r->reply[i]);
	}
	for (int i = 0; i < r->list.n; i++)
		if (!r->reply[i].ended && !begin(&round, i))
			r->reply[i].ended = true;
	pass_on(r);
	webcalls_run(r->calls);
}

/* ---- commands ---- */

struct command { json_t *(*argv)(struct remote *r, int i, void *ctx); void *ctx; };

static bool
make_command(struct remote *r, int i, void *ctx)
{
	struct command *cmd = ctx;
	struct remote_reply *p = &r->reply[i];
	json_t *obj = json_pack("{s:o}", "argv", cmd->argv(r, i, cmd->ctx));

	p->path = strdup(COMMANDS);
	p->body = obj != NULL ? json_dumps(obj, JSON_COMPACT) : NULL;
	json_decref(obj);
	if (p->body == NULL) {
		str_copy(p->why, sizeof(p->why), "not asked: a word of the command is not UTF-8");
		return false;
	}
	p->len = strlen(p->body);
	return p->path != NULL;
}

static bool
read_command(struct remote_reply *p)
{
	json_t *obj = json_loadb(p->call.answer, p->call.answer_len, 0, NULL);
	const json_t *status = json_object_get(obj, "status");
	const char *out = json_string_value(json_object_get(obj, "stdout")), *err = json_string_value(json_object_get(obj, "stderr")),
	    *note = json_string_value(json_object_get(obj, "note"));
	bool ok = json_is_integer(status) && out != NULL && err != NULL && json_integer_value(status) >= 0
	    && json_integer_value(status) <= 255;

	if (ok) {
		p->status = (int)json_integer_value(status);
		p->cut = json_is_true(json_object_get(obj, "truncated"));
		str_copy(p->note, sizeof(p->note), note != NULL ? note : "");
		p->out = strdup(out);
		p->err = strdup(err);
		ok = p->out != NULL && p->err != NULL;
	}
	json_decref(obj);
	return ok;
}

void
remote_command(struct remote *r, json_t *(*argv)(struct remote *r, int i, void *ctx), void *ctx, const bool *skip)
{
	struct command cmd = { argv, ctx };
	struct remote_question q = { .method = "POST", .type = "application/json", .make = make_command, .read = read_command, .ctx = &cmd,
	    .timeout_ms = COMMAND_MS };

	remote_ask(r, &q, skip);
}
