/* SPDX-License-Identifier: GPL-2.0-or-later */
/* left.c: vip.json: reading, writing, what those of other modules say. */
#include "config.h"
#include "vip/left.h"

#include <sys/file.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX	(256u << 10)
#define NAME		"vip.json"

/* ---- text ---- */

static json_t *
names_encode(char (*names)[SK_NAME_MAX], int n)
{
	json_t *list = json_array();
	int i;

	for (i = 0; i < n; i++)
		json_array_append_new(list, json_string(names[i]));
	return list;
}

char *
left_encode(const struct left *l, const char *boot)
{
	json_t *addrs = json_array(), *intfs = json_array(), *o;
	struct left *x = (struct left *)(uintptr_t)l;	/* names_encode() changes nothing */
	char *text = NULL;
	int i;

	for (i = 0; i < l->addrs_count; i++) {
		const struct left_addr *a = &l->addrs[i];

		json_array_append_new(addrs, json_pack("{s:s,s:s,s:s,s:i,s:i}", "addr", a->addr, "ip", a->ip, "intf", a->intf, "index", a->index,
		    "prefix", a->prefix));
	}
	for (i = 0; i < l->intfs_count; i++) {
		const struct left_intf *f = &l->intfs[i];

		json_array_append_new(intfs, json_pack("{s:s,s:i,s:s,s:b,s:b}", "intf", f->intf, "index", f->index, "filter", f->filter,
		    "promisc", f->promisc, "before", f->before));
	}
	o = json_pack("{s:s,s:s,s:i,s:i,s:o,s:o,s:o,s:o}", "boot", boot, "module", l->module, "id", l->id, "self", l->self,
	    "nodes", names_encode(x->nodes, l->nodes_count), "groups", names_encode(x->groups, l->groups_count),
	    "addresses", addrs, "interfaces", intfs);
	if (o != NULL && json_array_size(addrs) == (size_t)l->addrs_count && json_array_size(intfs) == (size_t)l->intfs_count)
		text = json_dumps(o, JSON_INDENT(1));
	json_decref(o);
	return text;
}

static bool
names_decode(const json_t *list, char (*names)[SK_NAME_MAX], int max, int *count)
{
	const json_t *v;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > (size_t)max)
		return false;
	json_array_foreach(list, i, v)
		if (!json_is_string(v) || !str_copy(names[i], SK_NAME_MAX, json_string_value(v)))
			return false;
	*count = (int)json_array_size(list);
	return true;
}

static bool
text(const json_t *o, const char *name, char *out, size_t size)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL && str_copy(out, size, s);
}

static bool
number(const json_t *o, const char *name, int min, int max, int *out)
{
	const json_t *v = json_object_get(o, name);

	if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
		return false;
	*out = (int)json_integer_value(v);
	return true;
}

static bool
rows_decode(const json_t *o, struct left *l)
{
	const json_t *addrs = json_object_get(o, "addresses"), *intfs = json_object_get(o, "interfaces"), *v;
	size_t i;

	if (!json_is_array(addrs) || json_array_size(addrs) > LEFT_ADDRS || !json_is_array(intfs) || json_array_size(intfs) > LEFT_INTFS)
		return false;
	json_array_foreach(addrs, i, v) {
		struct left_addr *a = &l->addrs[l->addrs_count++];

		if (!text(v, "addr", a->addr, sizeof(a->addr)) || !text(v, "ip", a->ip, sizeof(a->ip)) ||
		    !text(v, "intf", a->intf, sizeof(a->intf)) || !number(v, "index", 1, INT_MAX, &a->index) ||
		    !number(v, "prefix", 0, 128, &a->prefix))
			return false;
	}
	json_array_foreach(intfs, i, v) {
		struct left_intf *f = &l->intfs[l->intfs_count++];

		if (!text(v, "intf", f->intf, sizeof(f->intf)) || !text(v, "filter", f->filter, sizeof(f->filter)) ||
		    !number(v, "index", 1, INT_MAX, &f->index))
			return false;
		f->promisc = json_is_true(json_object_get(v, "promisc"));
		f->before = json_is_true(json_object_get(v, "before"));
	}
	return true;
}

bool
left_decode(const char *data, size_t len, const char *boot, struct left *l, char *err, size_t errsize)
{
	json_t *o = json_loadb(data, len, JSON_REJECT_DUPLICATES, NULL);
	const char *of = json_string_value(json_object_get(o, "boot"));
	bool ok = false;

	memset(l, 0, sizeof(*l));
	err[0] = '\0';
	if (of == NULL)
		snprintf(err, errsize, "expected JSON with the boot id");
	else if (strcmp(of, boot) != 0)
		;
	else if (!text(o, "module", l->module, sizeof(l->module)) || !str_is_name(l->module) ||
	    !number(o, "id", 1, SK_MODULES_MAX, &l->id) || !number(o, "self", 0, SK_NODES_MAX - 1, &l->self) ||
	    !names_decode(json_object_get(o, "nodes"), l->nodes, SK_NODES_MAX, &l->nodes_count) ||
	    !names_decode(json_object_get(o, "groups"), l->groups, CONF_GROUPS_MAX, &l->groups_count) || !rows_decode(o, l))
		snprintf(err, errsize, "expected module, id, self, nodes, groups, addresses and interfaces as vipd writes them");
	else
		ok = true;
	json_decref(o);
	return ok;
}

/* ---- file ---- */

static bool
write_file(const char *file, const char *tmp, const char *data)
{
	size_t len = strlen(data);
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), e;
	bool ok;

	if (fd == -1)
		return false;
	ok = write(fd, data, len) == (ssize_t)len;
	e = ok ? 0 : errno != 0 ? errno : ENOSPC;
	close(fd);
	if (ok && rename(tmp, file) == 0)
		return true;
	e = ok ? errno : e;
	unlink(tmp);
	errno = e;
	return false;
}

bool
left_write(const char *var, const struct left *l)
{
	char file[PATH_MAX], tmp[PATH_MAX], *data;
	bool ok;

	if (!path_format(file, sizeof(file), "%s/" NAME, var) || !path_format(tmp, sizeof(tmp), "%s/" NAME ".tmp", var)) {
		errno = ENAMETOOLONG;
		return false;
	}
	if (l->addrs_count == 0 && l->intfs_count == 0)
		return unlink(file) == 0 || errno == ENOENT;
	data = left_encode(l, path_node_boot_id());
	if (data == NULL) {
		errno = ENOMEM;
		return false;
	}
	errno = 0;
	ok = write_file(file, tmp, data);
	free(data);
	return ok;
}

bool
left_read(const char *var, struct left *l)
{
	char file[PATH_MAX], err[160], *data;
	ssize_t n;
	bool ok;

	memset(l, 0, sizeof(*l));
	if (!path_format(file, sizeof(file), "%s/" NAME, var))
		return false;
	n = path_read(file, &data, FILE_MAX);
	if (n == -1) {
		if (errno != ENOENT)
			warn_errno("%s", file);
		return false;
	}
	ok = left_decode(data, (size_t)n, path_node_boot_id(), l, err, sizeof(err));
	free(data);
	if (!ok && err[0] != '\0')
		warn_text("%s: %s: what a former vipd set is not known", file, err);
	if (!ok)
		memset(l, 0, sizeof(*l));
	return ok;
}

/* ---- promiscuous mode ---- */

int
left_lock(void)
{
	char file[PATH_MAX];
	int fd;

	if (!path_format(file, sizeof(file), "%s/vip.lock", path_safevar()))
		return -1;
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd != -1)
		flock(fd, LOCK_EX);	/* held for two netlink requests */
	return fd;
}

void
left_unlock(int fd)
{
	if (fd != -1)
		close(fd);
}

bool
left_other_needs(const char *module, int index, bool *before)
{
	char dir[PATH_MAX], var[PATH_MAX];
	struct left *l = malloc(sizeof(*l));
	struct dirent *e;
	bool found = false;
	DIR *d;
	int i;

	d = l != NULL && path_format(dir, sizeof(dir), "%s/modules", path_safevar()) ? opendir(dir) : NULL;
	while (d != NULL && !found && (e = readdir(d)) != NULL) {
		if (!str_is_name(e->d_name) || strcmp(e->d_name, module) == 0 || !path_format(var, sizeof(var), "%s/%s", dir, e->d_name) ||
		    !left_read(var, l))
			continue;
		for (i = 0; i < l->intfs_count && !found; i++)
			if (l->intfs[i].index == index && l->intfs[i].promisc) {
				*before = l->intfs[i].before;
				found = true;
			}
	}
	if (d != NULL)
		closedir(d);
	free(l);
	return found;
}
