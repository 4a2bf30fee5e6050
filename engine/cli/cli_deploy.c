/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_deploy.c: safekit -E AM and -G: a module, or the configuration of the cluster, from this server to others (UG 9.1).
 *
 * In rounds, each with all servers at once: are they there, and do they let us; take these files; could you use them; use them; (-E) apply
 * them.  A server that fails in one of the first three ends the matter before anything has changed anywhere; from then on each server's
 * outcome is told.  What travels is sealed with the key that the server has accepted (wire/webauth.h), so plain HTTP shows no key of ours.
 * The other side is cli_receive.c.
 */
#include "config.h"
#include "cli/remote.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES	   WEBCALL_NODE "/api/v1/files"
#define SESSION	   WEBCALL_NODE "/api/v1/session"
#define FILE_MAX   (64u << 20)	/* bytes that the service takes */
#define FILE_MS	   120000	/* for 64 MiB over a slow line (ours) */
#define PARTS_MAX  2		/* files for one server */

struct part { char purpose[SK_NAME_MAX + 16]; char *data; size_t len; };

struct deploy {
	struct remote r;
	const char *module;		/* NULL: the cluster */
	char	 id[12];
	struct part part[PARTS_MAX];
	int	 parts, at;		/* at: which one travels */
	const char *step;		/* "check", "" */
	const struct webauth_key *key[REMOTE_MAX];	/* that the server took */
	char	 token[REMOTE_MAX][PARTS_MAX][128];
	bool	 failed[REMOTE_MAX];
	int	 unknown;		/* servers that were told to change something and gave no answer */
	char	*line[REMOTE_MAX];	/* what was done there */
};

/* ---- rounds ---- */

static bool
make_session(struct remote *r, int i, void *ctx)
{
	return (r->reply[i].path = strdup(SESSION)) != NULL;
}

static bool
read_session(struct remote_reply *p)
{
	json_t *obj = json_loadb(p->call.answer, p->call.answer_len, 0, NULL);
	bool ok = json_is_object(obj);

	json_decref(obj);
	return ok;
}

static bool
make_file(struct remote *r, int i, void *ctx)
{
	struct deploy *d = ctx;
	struct remote_reply *p = &r->reply[i];
	const struct part *f = &d->part[d->at];

	p->path = strdup(FILES);
	p->body = malloc(f->len + WEBAUTH_SEAL_MORE);
	if (p->path == NULL || p->body == NULL)
		return false;
	p->call.key = d->key[i];
	p->len = webauth_seal(d->key[i]->key, f->purpose, f->data, f->len, (uint8_t *)p->body);
	return p->len > 0;
}

static bool
read_file(struct remote_reply *p)
{
	json_t *obj = json_loadb(p->call.answer, p->call.answer_len, 0, NULL);
	const char *token = json_string_value(json_object_get(obj, "file"));
	bool ok = token != NULL && token[0] != '\0' && str_copy(p->file, sizeof(p->file), token);

	json_decref(obj);
	return ok;
}

static json_t *
receive_argv(struct remote *r, int i, void *ctx)
{
	struct deploy *d = ctx;
	json_t *argv = d->module == NULL ? json_pack("[s,s]", "cluster", "receive")
	    : json_pack("[s,s,s,s,s,s]", "module", "receive", "-m", d->module, "-M", d->id);
	char word[160];

	for (int k = 0; k < d->parts; k++) {
		(void)path_format(word, sizeof(word), "@file:%s", d->token[i][k]);
		json_array_append_new(argv, json_string(word));
	}
	if (d->step[0] != '\0')
		json_array_append_new(argv, json_string(d->step));
	return argv;
}

static json_t *
config_argv(struct remote *r, int i, void *ctx)
{
	const struct deploy *d = ctx;

	return json_pack("[s,s,s]", "config", "-m", d->module);
}

/* Who failed in this round is told, and counts as failed from now on.  How many */
static int
judge(struct deploy *d, const char *what)
{
	struct remote *r = &d->r;
	int bad = 0;

	for (int i = 0; i < r->list.n; i++) {
		const struct remote_reply *p = &r->reply[i];

		if (d->failed[i] || (p->ok && p->status <= 0))
			continue;
		d->failed[i] = true;
		bad++;
		if (!p->ok) {
			d->unknown += p->call.unknown;
			cli_error("%s: %s: %s", remote_name(r, i), what, p->why);
			continue;
		}
		if (p->note[0] != '\0')
			cli_note("  %s: %s", remote_name(r, i), p->note);
		/* the text there may have several lines, and begins with Error: itself */
		cli_error("%s: %s: exit status %d", remote_name(r, i), what, p->status);
		for (const char *t = p->err; *t != '\0'; t += strcspn(t, "\n"), t += strspn(t, "\n"))
			cli_note("  %s: %.*s", remote_name(r, i), (int)strcspn(t, "\n"), t);
	}
	return bad;
}

static int
unchanged(struct deploy *d, int bad)
{
	cli_error("nothing was changed on any server, as %d of %d cannot take part (a list without them reaches the others)", bad, d->r.list.n);
	return EXIT_UNREACHED;
}

/* Files and their check on all servers.  Exit status, 0: all could use them */
static int
bring(struct deploy *d)
{
	struct remote_question session = { .method = "GET", .make = make_session, .read = read_session, .timeout_ms = WEBCALL_REPLY_MS };
	struct remote_question file = { .method = "POST", .type = "application/octet-stream", .make = make_file, .read = read_file,
	    .ctx = d, .timeout_ms = FILE_MS };
	struct remote *r = &d->r;
	int bad;

	remote_ask(r, &session, NULL);
	if ((bad = judge(d, "is it there?")) > 0)
		return unchanged(d, bad);
	for (int i = 0; i < r->list.n; i++)
		d->key[i] = r->reply[i].call.key;
	for (d->at = 0; d->at < d->parts; d->at++) {
		remote_ask(r, &file, NULL);
		for (int i = 0; i < r->list.n; i++)
			if (r->reply[i].ok)
				str_copy(d->token[i][d->at], sizeof(d->token[i][0]), r->reply[i].file);
		if ((bad = judge(d, "transfer")) > 0)
			return unchanged(d, bad);
	}
	d->step = "check";
	remote_command(r, receive_argv, d, NULL);
	if ((bad = judge(d, "check")) > 0) {
		unchanged(d, bad);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

static bool
make_drop(struct remote *r, int i, void *ctx)
{
	const struct deploy *d = ctx;
	struct remote_reply *p = &r->reply[i];

	p->call.key = NULL;	/* -G may have given it another */
	return asprintf(&p->path, FILES "/%s", d->token[i][d->at]) != -1;
}

static bool
read_nothing(struct remote_reply *p)
{
	return true;
}

/* The service keeps few files, for ten minutes: those that it still has are given back.  Whoever fails here forgets them by himself */
static void
drop_files(struct deploy *d)
{
	struct remote_question q = { .method = "DELETE", .make = make_drop, .read = read_nothing, .ctx = d, .timeout_ms = WEBCALL_REPLY_MS };
	bool none[REMOTE_MAX], all;

	for (d->at = 0; d->at < d->parts; d->at++) {
		all = true;
		for (int i = 0; i < d->r.list.n; i++)
			all = (none[i] = d->token[i][d->at][0] == '\0') && all;
		if (!all)
			remote_ask(&d->r, &q, none);
	}
}

/* What the command said, in one line more */
static void
note_done(struct deploy *d)
{
	for (int i = 0; i < d->r.list.n; i++) {
		const struct remote_reply *p = &d->r.reply[i];
		const char *before = d->line[i] != NULL ? d->line[i] : "";
		char *line = NULL;
		int n = p->ok && p->out != NULL ? (int)strcspn(p->out, "\n") : 0;

		if (d->failed[i] || n == 0 || asprintf(&line, "%s%s%.*s", before, before[0] != '\0' ? "; " : "", n, p->out) == -1)
			continue;
		free(d->line[i]);
		d->line[i] = line;
	}
}

/* ---- what travels ---- */

static void
deploy_free(struct deploy *d)
{
	for (int k = 0; k < d->parts; k++) {
		explicit_bzero(d->part[k].data, d->part[k].len);
		free(d->part[k].data);
	}
	for (int i = 0; i < d->r.list.n; i++)
		free(d->line[i]);
	remote_close(&d->r);
	memset(d, 0, sizeof(*d));
}

static bool
add_file(struct deploy *d, const char *file, const char *purpose)
{
	struct part *p = &d->part[d->parts];
	ssize_t n = path_read(file, &p->data, FILE_MAX - WEBAUTH_SEAL_MORE);

	if (n == -1) {
		if (errno == EFBIG)
			cli_error("%s is longer than the %u MiB that the web service takes", file, FILE_MAX >> 20);
		else
			warn_errno("%s", file);
		return false;
	}
	p->len = (size_t)n;
	str_copy(p->purpose, sizeof(p->purpose), purpose);
	d->parts++;
	return true;
}

/* A folder of root's for files that hold keys, new; tree_remove() in the end */
static bool
work_folder(char dir[PATH_MAX])
{
	if (path_format(dir, PATH_MAX, "%s/run/deploy.XXXXXX", path_safevar()) && mkdtemp(dir) != NULL)
		return true;
	warn_errno("%s/run/deploy", path_safevar());
	return false;
}

/* The package of the module, and its key ("none" when it has none of its own) */
static bool
pack_module(struct deploy *d, const char *dir)
{
	char from[PATH_MAX], file[PATH_MAX], purpose[SK_NAME_MAX + 16], err[1024], *key = NULL;

	if (!module_dir(from, sizeof(from), d->module) || !path_format(file, sizeof(file), "%s/package.safe", dir)
	    || !path_format(purpose, sizeof(purpose), "package %s", d->module))
		return false;
	if (!zip_pack(from, file, NULL, err, sizeof(err))) {
		cli_error("%s", err);
		return false;
	}
	if (!add_file(d, file, purpose) || !path_format(file, sizeof(file), "%s/modules/%s/" MODULE_KEY, path_safevar(), d->module)
	    || !path_format(purpose, sizeof(purpose), "key %s", d->module))
		return false;
	if (path_read(file, &key, KEY_TEXT_MAX) == -1) {
		if (errno == ENOENT)
			key = strdup("none\n");
		if (key == NULL) {
			warn_errno("%s", file);
			return false;
		}
	}
	d->part[d->parts].data = key;
	d->part[d->parts].len = strlen(key);
	str_copy(d->part[d->parts++].purpose, sizeof(d->part[0].purpose), purpose);
	return true;
}

/* Under the lock of configurations, which is given back before the servers are asked: this one may be among them */
static bool
pack(struct deploy *d)
{
	char dir[PATH_MAX], file[PATH_MAX], err[512];
	int lock = tree_lock();
	bool ok = false;

	if (lock == -1)
		return false;
	if (work_folder(dir)) {
		if (d->module != NULL)
			ok = pack_module(d, dir);
		else
			ok = path_format(file, sizeof(file), "%s/cluster.zip", dir) && cluster_write(file)
			    && add_file(d, file, "cluster");
		if (!tree_remove(dir, err, sizeof(err)))
			cli_error("%s", err);
	}
	close(lock);
	return ok;
}

/* ---- -E, -G ---- */

static int
conclude(struct deploy *d, int bad)
{
	for (int i = 0; i < d->r.list.n; i++)
		if (d->line[i] != NULL)
			printf("%s: %s\n", remote_name(&d->r, i), d->line[i]);
	if (bad == 0)
		return EXIT_DONE;
	if (d->unknown > 0)
		cli_note("Not done, or not known, on %d of %d servers; %d gave no answer: look there, and give the command again", bad,
		    d->r.list.n, d->unknown);
	else
		cli_note("Not done on %d of %d servers; what they had before is in force there", bad, d->r.list.n);
	return EXIT_FAILED;
}

int
deploy_module(struct cli *c, const char *list, const char *module)
{
	static struct deploy d;
	char active[PATH_MAX];
	int status, bad = 0;

	if (!str_is_name(module) || !module_exists(module)) {
		cli_error("safekit -E: module %.70s is not installed on this server", module);
		return EXIT_FAILED;
	}
	d.module = module;
	(void)path_format(d.id, sizeof(d.id), "%u", module_id(module));
	if (!remote_open(&d.r, c, list) || !pack(&d)) {
		deploy_free(&d);
		return EXIT_FAILED;
	}
	status = bring(&d);
	if (status == EXIT_DONE) {
		d.step = "";
		remote_command(&d.r, receive_argv, &d, NULL);
		bad = judge(&d, "installation");
		note_done(&d);
		if (module_private_dir(active, sizeof(active), module) && access(active, F_OK) == 0) {
			remote_command(&d.r, config_argv, &d, d.failed);
			bad += judge(&d, "configuration");
			note_done(&d);
		}
		status = conclude(&d, bad);
	}
	drop_files(&d);
	deploy_free(&d);
	return status;
}

int
deploy_cluster(struct cli *c, const char *list)
{
	static struct deploy d;
	int status;

	if (!remote_open(&d.r, c, list) || !pack(&d)) {
		deploy_free(&d);
		return EXIT_FAILED;
	}
	status = bring(&d);
	if (status == EXIT_DONE) {
		d.step = "";
		remote_command(&d.r, receive_argv, &d, NULL);
		status = judge(&d, "application");
		note_done(&d);
		status = conclude(&d, status);
	}
	drop_files(&d);
	deploy_free(&d);
	return status;
}

int
do_deploy(struct cli *c)
{
	return strcmp(c->verb->name, "-E") == 0 ? deploy_module(c, NULL, c->words[0]) : deploy_cluster(c, NULL);
}
