/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_config.c: from the files a user edits (SAFE/modules/AM) to the configuration that runs (SAFE/private/modules/AM): config,
 * deconfig, confcheck, confinfo (UG 9.6, 14.3).
 *
 * What runs is replaced whole and at one instant: everything is made ready in .AM.new beside it and exchanged by one rename, so a killed
 * command or a lost power leaves the old configuration or the new one.  What such a command left behind is removed by the next.
 */
#include "config.h"
#include "cli/cli.h"
#include "conf/conf.h"

#include <sys/stat.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEPT_CONFIGS	3	/* UG 9.7: "last 3 configurations" */

/* One configuration in the making */
struct stage {
	struct cli *c;
	char	source[PATH_MAX], dir[PATH_MAX];
	struct conf_module conf;
	bool	loaded;
	char	signature[65];
	struct conf_errors errs;
	char   *output;		/* of the script; freed by stage_free() */
};

static void
stage_free(struct stage *s)
{
	char err[512];

	if (s->loaded)
		conf_module_free(&s->conf);
	free(s->output);
	if (s->dir[0] != '\0' && !tree_remove(s->dir, err, sizeof(err)))
		cli_error("%s", err);
	free(s);
}

/* Findings name the file the user edits, not our copy of it */
static void
name_sources(struct stage *s)
{
	size_t n = strlen(s->dir);
	int i;

	for (i = 0; i < s->errs.count; i++) {
		char *file = s->errs.e[i].file, rest[sizeof(s->errs.e[i].file)];

		if (strncmp(file, s->dir, n) != 0)
			continue;
		str_copy(rest, sizeof(rest), file + n);
		if (!path_format(file, sizeof(s->errs.e[i].file), "%s%s", s->source, rest))
			str_copy(file, sizeof(s->errs.e[i].file), rest + 1);
	}
}

/* Reads the copy, so that what was checked is what is applied.  false: told, or in errs */
static bool
stage_load(struct stage *s)
{
	static struct conf_cluster cluster;
	char cluster_file[PATH_MAX], file[PATH_MAX], bin[PATH_MAX];
	bool has_cluster;

	if (!path_format(cluster_file, sizeof(cluster_file), "%s/cluster/cluster.xml", path_safevar())
	    || !path_format(file, sizeof(file), "%s/conf/userconfig.xml", s->dir) || !path_format(bin, sizeof(bin), "%s/bin", s->dir)) {
		cli_error("the name of the folder is too long");
		return false;
	}
	has_cluster = access(cluster_file, F_OK) == 0;
	if (has_cluster && conf_cluster_load(cluster_file, &cluster, &s->errs) == -1)
		return false;
	s->loaded = conf_module_load(file, has_cluster ? &cluster : NULL, &s->conf, &s->errs) == 0;
	name_sources(s);
	if (!s->loaded || conf_has_errors(&s->errs))
		return false;
	if (conf_module_signature(s->dir, s->signature) == -1) {	/* of the files as the user has them, so before chmod */
		warn_errno("%s", s->source);
		return false;
	}
	if (!tree_executable(bin)) {
		warn_errno("%s", bin);
		return false;
	}
	return true;
}

/* Copies the module to SAFE/private/modules/.AM.<suffix>.  NULL: told.  The caller has the lock. */
static struct stage *
stage_new(struct cli *c, const char *suffix)
{
	struct stage *s = calloc(1, sizeof(*s));
	char err[1024], dir[PATH_MAX];

	if (s == NULL) {
		cli_error("out of memory");
		return NULL;
	}
	s->c = c;
	if (!path_format(dir, sizeof(dir), "%s/private/modules", path_safe()) || !module_dir(s->source, sizeof(s->source), c->module)
	    || !path_format(s->dir, sizeof(s->dir), "%s/.%s.%s", dir, c->module, suffix))
		cli_error("the name of the folder is too long");
	else if (path_mkdirs(dir, 0755) == -1)
		warn_errno("%s", dir);
	else if (!tree_remove(s->dir, err, sizeof(err)) || !tree_copy(s->source, s->dir, err, sizeof(err)))
		cli_error("%s", err);
	else
		return s;
	stage_free(s);
	return NULL;
}

/* config or confcheck of bin/; with capture its output is kept for JSON.  false: it refused, told */
static bool
stage_script(struct stage *s, const char *name, bool capture)
{
	struct script_call call = { .module = s->c->module, .dir = s->dir, .name = name, .state = "STOP", .next = "STOP",
	    .action = name, .vars = s->conf.vars, .nvars = s->conf.vars_count, .capture = capture };
	int rc = script_call(s->c, &call);

	s->output = call.out;
	if (rc > 0)
		cli_error("script %s of module %s returned %d: configuration refused", name, s->c->module, rc);
	return rc == 0;
}

static int
not_installed(struct cli *c)
{
	cli_error("module %s is not installed: expected one of safekit module list", c->module);
	return EXIT_FAILED;
}

/* ---- config ---- */

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* config_<date> sorts by date: the oldest go */
static void
prune_snapshots(const char *dir)
{
	char **names, path[PATH_MAX], err[512];
	int i, n = tree_names(dir, &names), configs = 0, gone = 0;

	if (n <= 0)
		return;
	qsort(names, (size_t)n, sizeof(*names), by_text);
	for (i = 0; i < n; i++)
		configs += strncmp(names[i], "config_", 7) == 0;
	for (i = 0; i < n && configs - gone > KEPT_CONFIGS; i++) {
		if (strncmp(names[i], "config_", 7) != 0)
			continue;
		gone++;
		if (path_format(path, sizeof(path), "%s/%s", dir, names[i]) && !tree_remove(path, err, sizeof(err)))
			cli_note("%s", err);
	}
	tree_names_free(names, n);
}

/* The configuration that runs until now is kept for support (UG 9.7) */
static bool
keep_snapshot(const char *module, const char *active)
{
	char dir[PATH_MAX], to[PATH_MAX], tmp[PATH_MAX], date[32], err[1024];
	time_t now = time(NULL);
	struct stat st;
	struct tm tm;
	int i;

	if (lstat(active, &st) == -1)
		return true;
	localtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d_%H-%M-%S", &tm);
	if (!path_format(dir, sizeof(dir), "%s/snapshot/modules/%s", path_safevar(), module)
	    || !path_format(tmp, sizeof(tmp), "%s/.config.new", dir) || path_mkdirs(dir, 0700) == -1) {
		warn_errno("%s/snapshot/modules/%s", path_safevar(), module);
		return false;
	}
	if (!tree_remove(tmp, err, sizeof(err)) || !tree_copy(active, tmp, err, sizeof(err))) {
		cli_error("%s", err);
		return false;
	}
	for (i = 1; ; i++) {		/* two within one second */
		if (!path_format(to, sizeof(to), i == 1 ? "%s/config_%s" : "%s/config_%s-%d", dir, date, i))
			return false;
		if (lstat(to, &st) == -1)
			break;
	}
	if (rename(tmp, to) == -1) {
		warn_errno("%s", to);
		return false;
	}
	prune_snapshots(dir);
	return true;
}

static bool
write_run_form(struct stage *s)
{
	json_t *obj = conf_module_to_json(&s->conf);
	char file[PATH_MAX], *text = obj != NULL ? json_dumps(obj, JSON_INDENT(1) | JSON_PRESERVE_ORDER) : NULL;
	bool ok = text != NULL && path_format(file, sizeof(file), "%s/module.json", s->dir)
	    && path_write_atomic(file, text, strlen(text), 0644) == 0;

	if (!ok)
		warn_errno("%s/module.json", s->dir);
	free(text);
	json_decref(obj);
	return ok;
}

static bool
tell_safeadmin(struct cli *c)
{
	json_t *reply = cli_ask(c, json_pack("{s:s,s:s}", "op", "module-changed", "module", c->module), NULL, NULL);

	json_decref(reply);
	return reply != NULL;
}

static int
access_cluster(void)
{
	char file[PATH_MAX];

	return path_format(file, sizeof(file), "%s/cluster/cluster.xml", path_safevar()) ? access(file, F_OK) : -1;
}

static int
config_apply(struct stage *s)
{
	struct cli *c = s->c;
	char active[PATH_MAX], bin[PATH_MAX], err[1024];
	json_t *show;
	bool ok;

	ok = stage_load(s);
	show_findings(&s->errs);
	if (ok && s->conf.mode != MODE_LIGHT && access_cluster() == -1) {
		cli_error("this server has no cluster configuration: expected safekit cluster config FILE.xml first");
		ok = false;
	}
	if (!ok) {
		cli_error("configuration of module %s refused", c->module);
		return EXIT_FAILED;
	}
	str_copy(s->conf.signature, sizeof(s->conf.signature), s->signature);
	if (!path_format(bin, sizeof(bin), "%s/bin", s->dir) || !vhost_write(&s->conf, bin, err, sizeof(err))) {
		cli_error("%s", err);
		return EXIT_FAILED;
	}
	if (!stage_script(s, "config", c->json) || !write_run_form(s) || !module_private_dir(active, sizeof(active), c->module)
	    || !keep_snapshot(c->module, active))
		return EXIT_FAILED;
	if (!tree_replace(s->dir, active, err, sizeof(err))) {
		cli_error("%s", err);
		return EXIT_FAILED;
	}
	if (!tell_safeadmin(c))
		return EXIT_FAILED;
	if (!wait_known(c))		/* so that "safekit config; safekit start" finds it there */
		cli_note("the process of module %s does not answer yet", c->module);
	if (c->json) {
		show = json_pack("{s:s,s:s,s:s*}", "module", c->module, "signature", s->signature, "script", s->output);
		show_json(show);
		json_decref(show);
	} else {
		printf("Configuration of module %s applied: signature %s\n", c->module, s->signature);
	}
	return EXIT_DONE;
}

int
do_config(struct cli *c)
{
	int lock = tree_lock(), status = EXIT_FAILED;
	struct stage *s;

	if (lock == -1)
		return EXIT_FAILED;
	if (!module_exists(c->module)) {
		status = not_installed(c);
	} else if (module_is_stopped(c, "config") && (s = stage_new(c, "new")) != NULL) {
		status = config_apply(s);
		stage_free(s);
	}
	close(lock);
	return status;
}

/* ---- deconfig ---- */

int
config_remove(struct cli *c)
{
	char active[PATH_MAX], old[PATH_MAX], err[1024];
	struct script_call call = { .module = c->module, .dir = active, .name = "deconfig", .state = "STOP", .next = "STOP",
	    .action = "deconfig" };
	int status = EXIT_DONE, rc;
	struct conf_module conf;
	struct stat st;
	bool loaded;
	int64_t date;

	if (!module_private_dir(active, sizeof(active), c->module)
	    || !path_format(old, sizeof(old), "%s/private/modules/.%s.old", path_safe(), c->module)) {
		cli_error("the name of the folder is too long");
		return EXIT_FAILED;
	}
	if (lstat(active, &st) == -1)
		return EXIT_DONE;
	loaded = module_active(c->module, &conf, &date, err, sizeof(err));
	if (loaded) {
		call.vars = conf.vars;
		call.nvars = conf.vars_count;
	}
	rc = script_call(c, &call);
	if (loaded)
		conf_module_free(&conf);
	if (rc != 0) {		/* a module that cannot say goodbye must still be removable */
		if (rc > 0)
			cli_error("script deconfig of module %s returned %d; the configuration is removed all the same", c->module, rc);
		status = EXIT_FAILED;
	}
	if (!tree_remove(old, err, sizeof(err))) {
		cli_error("%s", err);
		return EXIT_FAILED;
	}
	if (rename(active, old) == -1) {
		warn_errno("%s", active);
		return EXIT_FAILED;
	}
	if (!tell_safeadmin(c))
		status = EXIT_FAILED;
	if (!tree_remove(old, err, sizeof(err))) {
		cli_error("%s", err);
		status = EXIT_FAILED;
	}
	return status;
}

int
do_deconfig(struct cli *c)
{
	int lock = tree_lock(), status = EXIT_FAILED;
	char active[PATH_MAX];
	struct stat st;

	if (lock == -1)
		return EXIT_FAILED;
	if (!module_private_dir(active, sizeof(active), c->module) || lstat(active, &st) == -1)
		cli_error("module %s is not configured on this server", c->module);
	else if (module_is_stopped(c, "deconfig"))
		status = config_remove(c);
	close(lock);
	return status;
}

/* ---- confcheck, confinfo ---- */

static int
check_only(struct stage *s)
{
	struct cli *c = s->c;
	bool ok = stage_load(s);
	json_t *show;

	if (!c->json)
		show_findings(&s->errs);
	ok = ok && stage_script(s, "confcheck", c->json);
	if (c->json) {
		json_t *text = s->output != NULL ? json_string(s->output) : NULL;

		show = json_pack("{s:s,s:b,s:s,s:o,s:o*}", "module", c->module, "ok", ok, "signature", s->signature, "findings",
		    findings_json(&s->errs), "script", text);
		show_json(show);
		json_decref(show);
	} else if (ok) {
		printf("Configuration of module %s is correct\n", c->module);
	}
	return ok ? EXIT_DONE : EXIT_FAILED;
}

int
do_confcheck(struct cli *c)
{
	int lock, status = EXIT_FAILED;
	struct stage *s;

	if (!module_exists(c->module))
		return not_installed(c);
	if ((lock = tree_lock()) == -1)
		return EXIT_FAILED;
	s = stage_new(c, "check");
	if (s != NULL) {
		status = check_only(s);
		stage_free(s);
	}
	close(lock);
	return status;
}

/* Signature and date (Unix timestamp, UG 9.6) of what runs and of what would run */
int
do_confinfo(struct cli *c)
{
	static const struct column columns[] = { { "configuration", "Configuration" }, { "signature", "Signature" },
	    { "date", "Date" } };
	char dir[PATH_MAX], sub[PATH_MAX], signature[65], err[512];
	int64_t active_ms = 0, current_ms, bin_ms;
	json_t *rows = json_array();
	struct conf_module conf;

	if (!module_exists(c->module)) {
		json_decref(rows);
		return not_installed(c);
	}
	if (module_active(c->module, &conf, &active_ms, err, sizeof(err))) {
		json_array_append_new(rows, json_pack("{s:s,s:s,s:I}", "configuration", "active", "signature", conf.signature, "date",
		    (json_int_t)(active_ms / 1000)));
		conf_module_free(&conf);
	} else {
		cli_note("%s", err);
	}
	if (!module_dir(dir, sizeof(dir), c->module) || !path_format(sub, sizeof(sub), "%s/conf", dir)
	    || conf_module_signature(dir, signature) == -1) {
		cli_error("%s/modules/%s has no signature (%s): safekit confcheck -m %s tells more", path_safe(), c->module, strerror(errno),
		    c->module);
		json_decref(rows);
		return EXIT_FAILED;
	}
	current_ms = tree_newest_ms(sub);
	if (path_format(sub, sizeof(sub), "%s/bin", dir) && (bin_ms = tree_newest_ms(sub)) > current_ms)
		current_ms = bin_ms;
	json_array_append_new(rows, json_pack("{s:s,s:s,s:I}", "configuration", "current", "signature", signature, "date",
	    (json_int_t)(current_ms / 1000)));
	if (c->json)
		show_json(rows);
	else
		show_table(NULL, rows, columns, ARRAY_LEN(columns));
	json_decref(rows);
	return EXIT_DONE;
}
