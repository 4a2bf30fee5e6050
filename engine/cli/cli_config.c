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
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* One configuration in the making */
struct stage {
	struct cli *c;
	char	source[PATH_MAX], dir[PATH_MAX];
	struct conf_module conf;
	bool	loaded;
	char	signature[65];
	struct conf_errors errs;
	const char *state;	/* of the module, for the script */
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

/* A module that watches itself would wait for its own end for ever. */
static void
self_check(struct stage *s, const char *file)
{
	const struct conf_check *k;
	int i;

	for (i = 0; i < s->conf.checks_count; i++) {
		k = &s->conf.checks[i];
		if (k->kind == CHECK_MODULE && strcmp(k->module, s->c->module) == 0 && strcmp(k->addr, "127.0.0.1") == 0)
			conf_complain(&s->errs, 'E', file, 0, "<module> %s: this is the module itself: expected another one", k->module);
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
	networks_tell();
	s->loaded = conf_module_load(file, has_cluster ? &cluster : NULL, &s->conf, &s->errs) == 0;
	if (s->loaded && !conf_has_errors(&s->errs))
		(void)rules_check(&s->conf, file, &s->errs);
	if (s->loaded) {
		exec_check(&s->conf, bin, file, &s->errs);
		self_check(s, file);
		addresses_check(s->c->module, &s->conf, file, &s->errs);
	}
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
	s->state = rpt_state_names[RS_STOP];
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
	struct script_call call = { .module = s->c->module, .dir = s->dir, .name = name, .state = s->state, .next = s->state,
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

/* What a module that runs cannot take is refused by name (UG 9.6: dynamic configuration in ALONE and WAIT) */
static bool
allowed_while_running(struct stage *s)
{
	char why[SK_TEXT_MAX] = "", err[512];
	struct conf_module now;
	bool ok, other_key;
	int64_t date;

	if (strcmp(s->state, rpt_state_names[RS_STOP]) == 0)
		return true;
	if (!module_active(s->c->module, &now, &date, err, sizeof(err))) {
		cli_error("%s", err);
		return false;
	}
	ok = conf_module_dynamic(&now, &s->conf, why, sizeof(why));
	conf_module_free(&now);
	if (!key_differs(s->c->module, &other_key))
		return false;
	if (ok && !other_key)
		return true;
	cli_error("module %s is in state %s, where these cannot be changed: %s%s%s: expected state STOP", s->c->module, s->state, why,
	    !ok && other_key ? ", " : "", other_key ? "the key of the module" : "");
	return false;
}

static int
config_apply(struct stage *s)
{
	struct cli *c = s->c;
	char active[PATH_MAX], bin[PATH_MAX], err[1024];
	bool ok, stopped = strcmp(s->state, rpt_state_names[RS_STOP]) == 0;
	json_t *show;

	ok = stage_load(s);
	show_findings(&s->errs);
	if (ok && s->conf.mode != MODE_LIGHT && access_cluster() == -1) {
		cli_error("this server has no cluster configuration: expected safekit cluster config FILE.xml first");
		ok = false;
	}
	if (!ok || !allowed_while_running(s) || (stopped && !replicated_check(c->module, &s->conf))
	    || !module_take_id(c, s->conf.id)) {
		cli_error("configuration of module %s refused", c->module);
		return EXIT_FAILED;
	}
	str_copy(s->conf.signature, sizeof(s->conf.signature), s->signature);
	if (!path_format(bin, sizeof(bin), "%s/bin", s->dir) || !vhost_write(&s->conf, bin, err, sizeof(err))) {
		cli_error("%s", err);
		return EXIT_FAILED;
	}
	if (!stage_script(s, "config", c->json) || !write_run_form(s) || !key_apply(c->module, s->dir)
	    || !wrapper_write(s->dir, c->module, s->conf.mode, s->conf.vaddrs_count > 0) || !module_private_dir(active, sizeof(active), c->module)
	    || !keep_config(c->module, active) || (stopped && !replicated_apply(c->module, &s->conf, c->json)))
		return EXIT_FAILED;
	if (!tree_replace(s->dir, active, err, sizeof(err))) {
		cli_error("%s", err);
		return EXIT_FAILED;
	}
	ok = !stopped || replicated_leave(c->module, &s->conf, c->json);
	if (!tell_safeadmin(c))
		return EXIT_FAILED;
	module_compare_id(c);
	if (!wait_known(c))		/* so that "safekit config; safekit start" finds it there */
		cli_note("the process of module %s does not answer yet", c->module);
	if (c->json) {
		show = json_pack("{s:s,s:s,s:s*}", "module", c->module, "signature", s->signature, "script", s->output);
		show_json(show);
		json_decref(show);
	} else {
		printf("Configuration of module %s applied: signature %s\n", c->module, s->signature);
	}
	return ok ? EXIT_DONE : EXIT_FAILED;
}

/* STOP, and the stable states that UG 9.6 names: ALONE, and WAIT when it is red */
static bool
can_configure(struct cli *c, const char **state)
{
	struct rpt_module m;

	if (!module_state(c, "config", &m))
		return false;
	*state = rpt_state_names[m.state];
	if (m.state == RS_STOP || (m.state == RS_ALONE && m.status == ST_READY) || (m.state == RS_WAIT && m.status == ST_NOTREADY))
		return true;
	cli_error("safekit config: module %s is in state %s (%s): expected STOP, or for a dynamic configuration ALONE (Ready) or WAIT "
	    "(NotReady)", c->module, *state, rpt_status_names[m.status]);
	return false;
}

int
do_config(struct cli *c)
{
	int lock = tree_lock(), status = EXIT_FAILED;
	const char *state;
	struct stage *s;

	if (lock == -1)
		return EXIT_FAILED;
	if (!module_exists(c->module)) {
		status = not_installed(c);
	} else if (can_configure(c, &state) && (s = stage_new(c, "new")) != NULL) {
		s->state = state;
		status = config_apply(s);
		stage_free(s);
	}
	close(lock);
	if (status == EXIT_DONE)
		firewall_follow(c->module, true);
	return status;
}

/* ---- deconfig ---- */

/* What the start wrapper, or a life that was killed, has left set: without the module nobody would know of it any more.  SAFEVAR/modules/AM/vip.json
 * is there while anything is set. */
static int
clean_addresses(struct cli *c)
{
	char state[PATH_MAX], vipd[PATH_MAX];
	char *argv[] = { vipd, (char[]){ "-m" }, (char *)(uintptr_t)c->module, (char[]){ "--clean" }, NULL };
	int rc, status;
	pid_t pid;

	if (!path_format(state, sizeof(state), "%s/modules/%s/vip.json", path_safevar(), c->module)
	    || !path_format(vipd, sizeof(vipd), "%s/private/bin/vipd", path_safe())) {
		cli_error("the name of the folder is too long");
		return EXIT_FAILED;
	}
	if (access(state, F_OK) == -1)
		return EXIT_DONE;
	rc = posix_spawn(&pid, vipd, NULL, NULL, argv, environ);
	if (rc != 0) {
		errno = rc;
		warn_errno("%s", vipd);
		return EXIT_FAILED;
	}
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return EXIT_DONE;
	cli_error("virtual addresses of module %s may still be set: see ip address", c->module);
	return EXIT_FAILED;
}

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
	if (!replicated_can_leave(c->module))
		return EXIT_FAILED;
	status = clean_addresses(c);
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
	if (!replicated_leave(c->module, NULL, c->json))
		status = EXIT_FAILED;
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
	if (status == EXIT_DONE)
		firewall_follow(c->module, false);
	return status;
}

/* ---- confcheck, confinfo ---- */

/* The folders of a module that runs are where they belong */
static bool
check_stopped(struct cli *c)
{
	struct rpt_module m;
	bool found = false;

	return c->conn == NULL || (cli_module_report(c, c->module, &m, &found) && (!found || m.state == RS_STOP));
}

static int
check_only(struct stage *s)
{
	struct cli *c = s->c;
	bool ok = stage_load(s);
	json_t *show;

	if (!c->json)
		show_findings(&s->errs);
	ok = ok && (!check_stopped(c) || replicated_check(c->module, &s->conf)) && stage_script(s, "confcheck", c->json);
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
