/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replicated.c: the folders of <rfs> on this server: config brings each to the form "link to the backing folder", deconfig and a configuration
 * that no longer names one bring it back (UG 13.6.3).  conf/folder.h has the steps, each at one instant and on the disk.
 *
 * What was moved is written down first, in SAFEVAR/modules/AM/rfs/folders.json, so that a command that is killed anywhere is finished by the next
 * config or deconfig.  Called by: cli_config.c, under the lock, for a module in STOP.  Never does: look into a folder, mount, know what rfsd keeps.
 */
#include "config.h"
#include "cli/cli.h"
#include "conf/conf.h"
#include "conf/folder.h"

#include <sys/stat.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIST		"folders.json"
#define LIST_MAX	(2 * CONF_REPLICATED_MAX)	/* those of two configurations */
#define LIST_BYTES	(1u << 20)
#define HIDDEN		".safekit_rfs"		/* RFS_HIDDEN of rfs/rfs.h: rfsd's own in each folder */
#define MODE_PRIVATE	0700

struct moved { char dir[PATH_MAX], suffix[65]; };
struct list { int count; struct moved m[LIST_MAX]; };

static bool
rfs_folder(const char *module, char *buf, size_t size)
{
	return path_format(buf, size, "%s/modules/%s/rfs", path_safevar(), module);
}

/* ---- what was moved ---- */

static bool
add(struct list *l, const char *dir, const char *suffix)
{
	int i;

	for (i = 0; i < l->count; i++)
		if (strcmp(l->m[i].dir, dir) == 0 && strcmp(l->m[i].suffix, suffix) == 0)
			return true;
	return l->count < LIST_MAX && str_copy(l->m[l->count].dir, PATH_MAX, dir) &&
	    str_copy(l->m[l->count++].suffix, sizeof(l->m[0].suffix), suffix);
}

static bool
add_all(struct list *l, const struct conf_module *m)
{
	int i;

	for (i = 0; i < m->rfs.dirs_count; i++)
		if (!add(l, m->rfs.dirs[i].dir, m->rfs.suffix))
			return false;
	return true;
}

static bool
names(const struct conf_module *m, const char *dir)
{
	int i;

	for (i = 0; m != NULL && i < m->rfs.dirs_count; i++)
		if (strcmp(m->rfs.dirs[i].dir, dir) == 0)
			return true;
	return false;
}

/* The list, and what the active configuration names (a list that was lost).  NULL: told */
static struct list *
list_read(const char *module)
{
	struct list *l = calloc(1, sizeof(*l));
	char dir[PATH_MAX], file[PATH_MAX], err[256], *text = NULL;
	struct conf_module active;
	json_t *root = NULL, *o;
	int64_t date;
	size_t i;
	bool ok;

	ok = l != NULL && rfs_folder(module, dir, sizeof(dir)) && path_format(file, sizeof(file), "%s/" LIST, dir);
	if (ok && path_read(file, &text, LIST_BYTES) >= 0)
		root = json_loads(text, 0, NULL);
	json_array_foreach(root, i, o) {
		const char *of = json_string_value(json_object_get(o, "dir")), *suffix = json_string_value(json_object_get(o, "suffix"));

		ok = ok && of != NULL && of[0] == '/' && suffix != NULL && suffix[0] != '\0' && strchr(suffix, '/') == NULL && add(l, of, suffix);
	}
	if (ok && module_active(module, &active, &date, err, sizeof(err))) {
		ok = add_all(l, &active);
		conf_module_free(&active);
	}
	json_decref(root);
	free(text);
	if (ok)
		return l;
	cli_error("SAFEVAR/modules/%s/rfs/" LIST " is not understood: expected what safekit config has written", module);
	free(l);
	return NULL;
}

static bool
list_write(const char *module, const struct list *l)
{
	char dir[PATH_MAX], file[PATH_MAX], *text;
	json_t *root = json_array();
	bool ok;
	int i;

	for (i = 0; i < l->count; i++)
		json_array_append_new(root, json_pack("{s:s,s:s}", "dir", l->m[i].dir, "suffix", l->m[i].suffix));
	text = json_dumps(root, JSON_INDENT(1));
	ok = rfs_folder(module, dir, sizeof(dir)) && path_format(file, sizeof(file), "%s/" LIST, dir) && text != NULL &&
	    json_array_size(root) == (size_t)l->count && path_mkdirs(dir, MODE_PRIVATE) == 0;
	if (ok)
		ok = l->count > 0 ? path_write_atomic(file, text, strlen(text), 0600) == 0 : unlink(file) == 0 || errno == ENOENT;
	if (!ok)
		warn_errno("%s", dir);
	free(text);
	json_decref(root);
	return ok;
}

/* The next synchronization copies all (UG 13.6, internals): rfsd takes the file away when it has noted it */
static bool
want_full(const char *module)
{
	char dir[PATH_MAX], file[PATH_MAX];

	if (rfs_folder(module, dir, sizeof(dir)) && path_format(file, sizeof(file), "%s/full", dir) && path_mkdirs(dir, MODE_PRIVATE) == 0 &&
	    path_write_atomic(file, "", 0, 0600) == 0)
		return true;
	warn_errno("%s", dir);
	return false;
}

/* ---- could it be done? ---- */

/* A folder as the system sees it: links above it resolved, itself not */
static bool
canonical(const char *dir, char *out)
{
	char parent[PATH_MAX], real[PATH_MAX];
	const char *base = strrchr(dir, '/') + 1;

	str_copy(parent, sizeof(parent), dir);
	parent[base - dir - (base - dir > 1)] = '\0';
	return realpath(parent, real) != NULL && path_format(out, PATH_MAX, "%s/%s", strcmp(real, "/") == 0 ? "" : real, base);
}

static bool
meet(const char *a, const char *b)
{
	return conf_is_within(a, b) || conf_is_within(b, a);
}

static bool
meet_moved(const char *a, const char *suffix_a, const char *b, const char *suffix_b)
{
	char x[PATH_MAX * 2], y[PATH_MAX * 2];

	return !path_format(x, sizeof(x), "%s%s", a, suffix_a) || !path_format(y, sizeof(y), "%s%s", b, suffix_b) || meet(a, b) || meet(x, b) ||
	    meet(a, y) || meet(x, y);
}

/* UG 13.6: "the replicated directories must be different for each application module"; also within one, by way of links above them */
static bool
is_apart(const char *module, const struct conf_module *m, int at, const char *other, const struct conf_module *om)
{
	char mine[PATH_MAX], its[PATH_MAX];
	int i;

	if (!canonical(m->rfs.dirs[at].dir, mine)) {
		warn_errno("%s: expected the folder above it to be there", m->rfs.dirs[at].dir);
		return false;
	}
	for (i = 0; i < om->rfs.dirs_count && !(m == om && i == at); i++) {
		if (!canonical(om->rfs.dirs[i].dir, its) || !meet_moved(mine, m->rfs.suffix, its, om->rfs.suffix))
			continue;
		cli_error("replicated directory %s of module %s and %s of module %s are one, or one within the other: expected folders apart",
		    m->rfs.dirs[at].dir, module, om->rfs.dirs[i].dir, other);
		return false;
	}
	return true;
}

static bool
are_apart_from_others(const char *module, const struct conf_module *m)
{
	char dir[PATH_MAX], err[256], **list;
	struct conf_module *other = calloc(1, sizeof(*other));
	int n = 0, i, k;
	bool ok = other != NULL && path_format(dir, sizeof(dir), "%s/private/modules", path_safe()) && (n = tree_names(dir, &list)) >= 0;
	int64_t date;

	for (i = 0; i < n && ok; i++) {
		if (strcmp(list[i], module) == 0 || !module_active(list[i], other, &date, err, sizeof(err)))
			continue;
		for (k = 0; k < m->rfs.dirs_count && ok; k++)
			ok = is_apart(module, m, k, list[i], other);
		conf_module_free(other);
	}
	if (n > 0)
		tree_names_free(list, n);
	free(other);
	return ok;
}

/* Not what the system or SafeKit itself lives on */
static bool
is_ours_to_move(const char *dir)
{
	static const char *const system[] = { "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys", "/usr", "/var" };
	static const char *const within[] = { "/boot", "/dev", "/proc", "/run", "/sys" };
	const char *const own[] = { path_safe(), path_safevar() };
	char real[PATH_MAX], place[PATH_MAX];
	bool good = canonical(dir, real);
	size_t i;

	for (i = 0; i < ARRAY_LEN(system) && good; i++)
		good = strcmp(real, system[i]) != 0;
	for (i = 0; i < ARRAY_LEN(within) && good; i++)
		good = !conf_is_within(within[i], real);
	for (i = 0; i < ARRAY_LEN(own) && good; i++)
		good = realpath(own[i], place) == NULL || !meet(place, real);
	if (!good)
		cli_error("replicated directory %s: expected a folder with data of an application, not one of the system or of SafeKit", dir);
	return good;
}

/* UG 13.6.4.2 */
static void
say_mount_point(const char *path, const char *backing)
{
	cli_error("%s", strerror(EBUSY));
	cli_note("%s is a mount point: unmount it, give the command again, then mount the file system on %s (in /etc/fstab, too; user's guide "
	    "13.6.4.2)", path, backing);
}

static bool
can_link(const struct list *was, const char *dir, const char *suffix)
{
	char backing[PATH_MAX], real[PATH_MAX], err[1024], ignored[1024];
	enum folder_form form = folder_look(dir, suffix, err, sizeof(err));
	int i;

	/* linked with another suffix: that is what must be as expected */
	for (i = 0; i < was->count && form == FOLDER_WRONG; i++) {
		if (strcmp(was->m[i].dir, dir) == 0 && folder_look(dir, was->m[i].suffix, ignored, sizeof(ignored)) == FOLDER_LINKED) {
			suffix = was->m[i].suffix;
			form = FOLDER_LINKED;
		}
	}
	if (!folder_backing(dir, suffix, backing, sizeof(backing)) || form == FOLDER_WRONG) {
		cli_error("replicated directory %s", err);
		return false;
	}
	if (form == FOLDER_MOUNTED || (form == FOLDER_PLAIN && folder_is_mount(dir))) {
		say_mount_point(dir, backing);
		return false;
	}
	/* where the files are, or will be: the folder above */
	str_copy(real, sizeof(real), form == FOLDER_PLAIN ? dir : backing);
	if (form == FOLDER_NONE && strrchr(real, '/') > real)
		*strrchr(real, '/') = '\0';
	else if (form == FOLDER_NONE)
		str_copy(real, sizeof(real), "/");
	if (folder_handles(real, err, sizeof(err)))
		return true;
	cli_error("replicated directory %s", err);
	return false;
}

bool
replicated_check(const char *module, const struct conf_module *m)
{
	struct list *was;
	bool ok;
	int i;

	for (i = 0; i < m->rfs.dirs_count; i++)
		if (!is_apart(module, m, i, module, m) || !is_ours_to_move(m->rfs.dirs[i].dir))
			return false;
	if (m->has_rfs && !are_apart_from_others(module, m))
		return false;
	was = list_read(module);
	ok = was != NULL;
	for (i = 0; i < m->rfs.dirs_count && ok; i++)
		ok = can_link(was, m->rfs.dirs[i].dir, m->rfs.suffix);
	free(was);
	return ok;
}

/* ---- doing it ---- */

static bool
restore(const struct moved *one)
{
	char err[1024], hidden[PATH_MAX];

	if (!folder_restore(one->dir, one->suffix, err, sizeof(err))) {
		cli_error("replicated directory %s", err);
		return false;
	}
	if (path_format(hidden, sizeof(hidden), "%s/" HIDDEN, one->dir) &&
	    !tree_remove(hidden, err, sizeof(err)))
		cli_note("%s", err);
	return true;
}

/* A folder that has another suffix now goes back first; what it was is kept for an undo */
static bool
link_one(const struct list *was, const char *dir, const char *suffix, enum folder_form *before, const struct moved **other)
{
	char err[1024];
	int i;

	*other = NULL;
	*before = folder_look(dir, suffix, err, sizeof(err));
	for (i = 0; i < was->count && *before != FOLDER_LINKED; i++) {
		enum folder_form form;

		if (strcmp(was->m[i].dir, dir) != 0 || strcmp(was->m[i].suffix, suffix) == 0)
			continue;
		form = folder_look(dir, was->m[i].suffix, err, sizeof(err));
		if (form == FOLDER_PLAIN || form == FOLDER_NONE)
			continue;
		if (!restore(&was->m[i]))
			return false;
		*other = &was->m[i];
		*before = FOLDER_PLAIN;
	}
	if (folder_link(dir, suffix, err, sizeof(err)))
		return true;
	cli_error("replicated directory %s", err);
	return false;
}

static void
undo(const struct conf_module *m, int at, enum folder_form before, const struct moved *other)
{
	const char *dir = m->rfs.dirs[at].dir;
	char err[1024];

	if (before == FOLDER_PLAIN || before == FOLDER_NONE) {
		if (!folder_restore(dir, m->rfs.suffix, err, sizeof(err)))
			cli_error("replicated directory %s", err);
		else if (before == FOLDER_NONE)
			(void)rmdir(dir);
	}
	if (other != NULL && !folder_link(dir, other->suffix, err, sizeof(err)))
		cli_error("replicated directory %s", err);
}

bool
replicated_apply(const char *module, const struct conf_module *m, bool quiet)
{
	enum folder_form before[CONF_REPLICATED_MAX] = { 0 };
	const struct moved *other[CONF_REPLICATED_MAX];
	struct list *was = list_read(module), *all;
	int done = 0;
	bool ok;

	all = was != NULL ? malloc(sizeof(*all)) : NULL;
	ok = all != NULL;
	if (ok) {
		memcpy(all, was, sizeof(*all));
		ok = add_all(all, m) && (all->count == 0 || list_write(module, all));
	}
	for (; done < m->rfs.dirs_count && ok; done++) {
		ok = link_one(was, m->rfs.dirs[done].dir, m->rfs.suffix, &before[done], &other[done]);
		if (ok && !quiet && before[done] != FOLDER_LINKED)
			printf("Replicated directory %s is a link to %s%s now\n", m->rfs.dirs[done].dir, strrchr(m->rfs.dirs[done].dir, '/') + 1,
			    m->rfs.suffix);
	}
	ok = ok && (!m->has_rfs || want_full(module));
	while (!ok && done > 0) {
		done--;
		undo(m, done, before[done], other[done]);
	}
	free(all);
	free(was);
	return ok;
}

bool
replicated_can_leave(const char *module)
{
	struct list *l = list_read(module);
	char backing[PATH_MAX];
	bool ok = l != NULL;
	int i;

	for (i = 0; i < (ok ? l->count : 0); i++) {
		if (!folder_backing(l->m[i].dir, l->m[i].suffix, backing, sizeof(backing)))
			continue;
		if (!folder_is_mount(backing) && !folder_is_mount(l->m[i].dir))
			continue;
		cli_error("%s", strerror(EBUSY));
		cli_note("%s is a mount point: unmount it, give the command again, then mount the file system on %s (in /etc/fstab, too; user's "
		    "guide 13.6.4.2)", folder_is_mount(backing) ? backing : l->m[i].dir, l->m[i].dir);
		ok = false;
		break;
	}
	free(l);
	return ok;
}

bool
replicated_leave(const char *module, const struct conf_module *keep, bool quiet)
{
	struct list *l = list_read(module);
	int i, left = 0;
	bool ok = l != NULL, some = ok && l->count > 0;

	for (i = 0; i < (l != NULL ? l->count : 0); i++) {
		if (names(keep, l->m[i].dir)) {
			if (strcmp(keep->rfs.suffix, l->m[i].suffix) == 0)	/* another one has gone when this one came */
				l->m[left++] = l->m[i];
		} else if (!restore(&l->m[i])) {
			ok = false;
			if (keep != NULL)	/* the next configuration tries again */
				l->m[left++] = l->m[i];
		} else if (!quiet) {
			printf("Replicated directory %s is a folder again\n", l->m[i].dir);
		}
	}
	if (l != NULL && some) {
		l->count = left;
		ok = list_write(module, l) && (keep != NULL || want_full(module)) && ok;
	}
	free(l);
	return ok;
}
