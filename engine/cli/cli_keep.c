/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_keep.c: SAFEVAR/snapshot/modules/AM: the last three configurations (UG 9.7) and how one comes back: module restore (ours).
 *
 * A configuration is kept when config replaces it, as config_<date>; never with the key of the module in it.  restore brings one back to
 * SAFE/modules/AM, where it is looked at, changed and applied like any other; what was there is in before_restore afterwards.
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

#define SAME_SECOND_MAX	98	/* two digits: names sort (ours; ten in a second were seen) */

bool
keep_dir(char *buf, size_t size, const char *module)
{
	return path_format(buf, size, "%s/snapshot/modules/%s", path_safevar(), module);
}

/* Names in dir that begin with prefix, oldest first: dates sort.  -1 told */
static int
kept_names(const char *dir, const char *prefix, char ***names)
{
	size_t len = strlen(prefix);
	int i, n = tree_names(dir, names), k = 0;

	if (n == -1)
		warn_errno("%s", dir);
	for (i = 0; i < n; i++) {
		if (strncmp((*names)[i], prefix, len) == 0)
			(*names)[k++] = (*names)[i];
		else
			free((*names)[i]);
	}
	return n == -1 ? -1 : k;
}

void
keep_prune(const char *dir, const char *prefix)
{
	char **names, path[PATH_MAX], err[512];
	int i, n = kept_names(dir, prefix, &names);

	if (n == -1)
		return;
	for (i = 0; i < n - KEPT_MAX; i++)
		if (path_format(path, sizeof(path), "%s/%s", dir, names[i]) && !tree_remove(path, err, sizeof(err)))
			cli_note("%s", err);
	tree_names_free(names, n);
}

/* dir/tmp becomes dir/<prefix><date>, with -02, -03 ... after others of this second, so that names sort by age even when the first of them
 * has gone already */
bool
keep_rename(const char *dir, const char *tmp, const char *prefix, char *to, size_t size)
{
	time_t now = time(NULL);
	char date[32];
	struct stat st;
	struct tm tm;
	int i;

	localtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d_%H-%M-%S", &tm);
	for (i = SAME_SECOND_MAX; i > 0; i--) {
		if (!path_format(to, size, i == 1 ? "%s/%s%s" : "%s/%s%s-%02d", dir, prefix, date, i))
			return false;
		if (lstat(to, &st) == 0)
			break;
	}
	if (i > 0 && !path_format(to, size, "%s/%s%s-%02d", dir, prefix, date, i + 1))
		return false;
	if (rename(tmp, to) == 0)
		return true;
	warn_errno("%s", to);
	return false;
}

static bool
remove_key(const char *dir)
{
	char file[PATH_MAX];

	return path_format(file, sizeof(file), "%s/" MODULE_KEY, dir) && (unlink(file) == 0 || errno == ENOENT);
}

bool
keep_config(const char *module, const char *active)
{
	char dir[PATH_MAX], to[PATH_MAX], tmp[PATH_MAX], err[1024];
	struct stat st;

	if (lstat(active, &st) == -1)
		return true;
	if (!keep_dir(dir, sizeof(dir), module) || !path_format(tmp, sizeof(tmp), "%s/.config.new", dir) || path_mkdirs(dir, 0700) == -1) {
		warn_errno("%s/snapshot/modules/%s", path_safevar(), module);
		return false;
	}
	if (!tree_remove(tmp, err, sizeof(err)) || !tree_copy(active, tmp, err, sizeof(err))) {
		cli_error("%s", err);
		return false;
	}
	if (!remove_key(tmp)) {
		warn_errno("%s/" MODULE_KEY, tmp);
		return false;
	}
	if (!keep_rename(dir, tmp, "config_", to, sizeof(to)))
		return false;
	keep_prune(dir, "config_");
	return true;
}

/* ---- module restore ---- */

static void
signature_of(const char *dir, char *buf, size_t size)
{
	char file[PATH_MAX];
	json_t *obj = path_format(file, sizeof(file), "%s/module.json", dir) ? json_load_file(file, 0, NULL) : NULL;
	const char *text = json_string_value(json_object_get(obj, "signature"));

	str_copy(buf, size, text != NULL ? text : "-");
	json_decref(obj);
}

/* "config_2026-11-22_10-30-05" -> "2026-11-22 10:30:05" */
static void
date_of(const char *name, char *buf, size_t size)
{
	size_t i;

	str_copy(buf, size < 20 ? size : 20, name + strlen("config_"));	/* without the -2 of a second one */
	for (i = 10; buf[0] != '\0' && i < strlen(buf) && i < 19; i++)
		buf[i] = i == 10 ? ' ' : buf[i] == '-' ? ':' : buf[i];
}

static void
add_kept(json_t *rows, int number, const char *dir, const char *kept)
{
	char signature[SK_SIG_MAX];

	signature_of(dir, signature, sizeof(signature));
	json_array_append_new(rows, json_pack("{s:i,s:s,s:s}", "number", number, "replaced", kept, "signature", signature));
}

/* 0 is the active one, 1 what was before it, ... */
static int
list_kept(struct cli *c, const char *dir, char **names, int n)
{
	static const struct column columns[] = { { "number", "Number" }, { "replaced", "Replaced" }, { "signature", "Signature" } };
	char path[PATH_MAX], date[64];
	json_t *rows = json_array();
	struct stat st;
	int i;

	if (module_private_dir(path, sizeof(path), c->module) && lstat(path, &st) == 0)
		add_kept(rows, 0, path, "active");
	for (i = 1; i <= n; i++) {
		date_of(names[n - i], date, sizeof(date));
		if (path_format(path, sizeof(path), "%s/%s", dir, names[n - i]))
			add_kept(rows, i, path, date);
	}
	if (c->json)
		show_json(rows);
	else
		show_table(NULL, rows, columns, ARRAY_LEN(columns));
	json_decref(rows);
	return EXIT_DONE;
}

/* What config added is not of the user */
static bool
remove_made(const char *dir, const char *module, char *err, size_t errsize)
{
	char file[4][PATH_MAX];
	size_t i;

	if (!path_format(file[0], PATH_MAX, "%s/module.json", dir) || !path_format(file[1], PATH_MAX, "%s/" MODULE_KEY, dir)
	    || !path_format(file[2], PATH_MAX, "%s/bin/%s_start_wrapper.sh", dir, module)
	    || !path_format(file[3], PATH_MAX, "%s/bin/%s_stop_wrapper.sh", dir, module)) {
		snprintf(err, errsize, "the name of the folder is too long");
		return false;
	}
	if (!vhost_remove(dir, err, errsize))
		return false;
	for (i = 0; i < ARRAY_LEN(file); i++) {
		if (unlink(file[i]) == -1 && errno != ENOENT) {
			snprintf(err, errsize, "%.400s: %s", file[i], strerror(errno));
			return false;
		}
	}
	return true;
}

static int
restore(struct cli *c, const char *from, const char *keep)
{
	char next[PATH_MAX], dir[PATH_MAX], before[PATH_MAX], err[1024];

	if (!module_dir(dir, sizeof(dir), c->module) || !path_format(next, sizeof(next), "%s/modules/.%s.new", path_safe(), c->module)
	    || !path_format(before, sizeof(before), "%s/before_restore", keep)) {
		cli_error("the name of the folder is too long");
		return EXIT_FAILED;
	}
	if (path_mkdirs(keep, 0700) == -1) {
		warn_errno("%s", keep);
		return EXIT_FAILED;
	}
	if (!tree_remove(next, err, sizeof(err)) || !tree_copy(from, next, err, sizeof(err)) || !remove_made(next, c->module, err, sizeof(err))
	    || !tree_remove(before, err, sizeof(err)) || (module_exists(c->module) && !tree_copy(dir, before, err, sizeof(err)))
	    || !tree_replace(next, dir, err, sizeof(err))) {
		cli_error("%s", err);
		return EXIT_FAILED;
	}
	printf("%s is as it was; safekit config -m %s applies it. What was there is in %s\n", dir, c->module, before);
	return EXIT_DONE;
}

int
do_module_restore(struct cli *c)
{
	char dir[PATH_MAX], from[PATH_MAX], **names;
	int n, lock, status = EXIT_FAILED;
	uint64_t number = 0;
	struct stat st;

	if (!keep_dir(dir, sizeof(dir), c->module) || (n = kept_names(dir, "config_", &names)) == -1)
		return EXIT_FAILED;
	if (c->nwords == 0) {
		status = list_kept(c, dir, names, n);
		tree_names_free(names, n);
		return status;
	}
	if ((lock = tree_lock()) == -1) {
		tree_names_free(names, n);
		return EXIT_FAILED;
	}
	if (!str_to_u64(c->words[0], 0, (uint64_t)n, &number))
		cli_error("\"%.40s\" is no kept configuration of module %s: expected one of safekit module restore -m %s", c->words[0],
		    c->module, c->module);
	else if (number == 0 ? !module_private_dir(from, sizeof(from), c->module)
	    : !path_format(from, sizeof(from), "%s/%s", dir, names[n - (int)number]))
		cli_error("the name of the folder is too long");
	else if (lstat(from, &st) == -1)
		cli_error("module %s is not configured on this server", c->module);
	else
		status = restore(c, from, dir);
	close(lock);
	tree_names_free(names, n);
	return status;
}
