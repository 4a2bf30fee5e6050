/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhost.c: <virtualhostname> -> the environment file that scripts of the module source (UG 13.8): LD_PRELOAD of SAFE/lib/libvhost.so and
 * SAFE_VHOSTNAME.  Called by: config, module restore.  Never does: run anything, remove a file outside of the module.
 *
 * when= is honoured where the file is read: a program keeps the environment that it was started with, so what counts is the role that the
 * script which starts it serves.  Its name tells (start_prim, stop_second), else the state among its arguments.
 */
#include "config.h"
#include "cli/cli.h"
#include "conf/conf.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the script's name or its state must not be, for the name to be given (ours): a handler or a checker serves every role */
struct role { const char *when, *scripts, *next, *current; };	/* shell patterns; next: of $2; current: of $1/$2, with force or not */
static const struct role roles[WHEN_COUNT] = {
	[WHEN_PRIM] = { "prim", "start_second | stop_second", "SECOND", "SECOND/* | force/SECOND" },
	[WHEN_SECOND] = { "second", "start_prim | stop_prim", "PRIM | ALONE", "PRIM/* | ALONE/* | force/PRIM | force/ALONE" },
	[WHEN_BOTH] = { "both", NULL, NULL, NULL },
};

/* As host names are (RFC 1123), and not longer than the kernel's */
static bool
is_host_name(const char *s)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
	size_t n = strlen(s);

	return n > 0 && n <= HOST_NAME_MAX && strspn(s, allowed) == n && s[0] != '-' && s[0] != '.';
}

/* A relative one stays below bin/, where config makes the folders that it names */
static bool
env_path(const struct conf_vhost *v, const char *bin_dir, char *out, size_t size)
{
	char *slash;
	int rc;

	if (v->envfile == NULL || v->envfile[0] == '\0' || v->envfile[strlen(v->envfile) - 1] == '/')
		return false;
	if (v->envfile[0] == '/')
		return path_format(out, size, "%s", v->envfile);
	if (strstr(v->envfile, "..") != NULL || !path_format(out, size, "%s/%s", bin_dir, v->envfile))
		return false;
	slash = strrchr(out, '/');
	*slash = '\0';
	rc = path_mkdirs(out, 0755);
	*slash = '/';
	return rc == 0;
}

static void
write_role(FILE *f, const struct role *role)
{
	fputs("safe_vhost=yes\n", f);
	if (role->scripts == NULL)
		return;
	fprintf(f,
	    "case ${0##*/} in\n"
	    "%s) safe_vhost=no ;;\n"
	    "start_prim | stop_prim | start_second | stop_second) ;;\n"
	    "start_*) case ${2-} in %s) safe_vhost=no ;; esac ;;\n"
	    "stop_*) case ${1-}/${2-} in %s) safe_vhost=no ;; esac ;;\n"
	    "esac\n", role->scripts, role->next, role->current);
}

static void
write_text(FILE *f, const struct conf_vhost *v, const char *library)
{
	const struct role *role = &roles[v->when];

	fprintf(f, "# Made by safekit config from <virtualhostname name=\"%s\" when=\"%s\">: a change here does not last.\n"
	    "# To be read (\". FILE\") by a script of the module before it starts or stops the application, whose gethostname() and uname()\n"
	    "# then answer the virtual host name.\n", v->name, role->when);
	write_role(f, role);
	fprintf(f,
	    "if [ $safe_vhost = yes ]; then\n"
	    "\tSAFE_VHOSTNAME='%s'\n"
	    "\tcase \":${LD_PRELOAD-}:\" in\n"
	    "\t*':%s:'*) ;;\n"
	    "\t*) LD_PRELOAD=${LD_PRELOAD:+$LD_PRELOAD:}'%s' ;;\n"
	    "\tesac\n"
	    "\texport SAFE_VHOSTNAME LD_PRELOAD\n"
	    "fi\n"
	    "unset safe_vhost\n", v->name, library, library);
}

static bool
write_one(const struct conf_vhost *v, const char *bin_dir, const char *library, char *err, size_t errsize)
{
	char path[PATH_MAX], *text = NULL;
	size_t len = 0;
	bool ok = false;
	FILE *f;

	if (!is_host_name(v->name))
		snprintf(err, errsize, "<virtualhostname name=\"%s\">: expected a host name, 1 to %d letters, digits, - . _", v->name,
		    HOST_NAME_MAX);
	else if (v->when < 0 || v->when >= WHEN_COUNT || roles[v->when].when == NULL)
		snprintf(err, errsize, "<virtualhostname name=\"%s\">: expected when=\"prim\", \"second\" or \"both\"", v->name);
	else if (!env_path(v, bin_dir, path, sizeof(path)))
		snprintf(err, errsize, "<virtualhostname envfile=\"%s\">: expected a path below bin or an absolute one",
		    v->envfile != NULL ? v->envfile : "");
	else if ((f = open_memstream(&text, &len)) != NULL) {
		write_text(f, v, library);
		if (fclose(f) == 0 && path_write_atomic(path, text, len, 0644) == 0)
			ok = true;
		else
			snprintf(err, errsize, "%s: %m", path);
	} else {
		snprintf(err, errsize, "out of memory");
	}
	free(text);
	return ok;
}

bool
vhost_write(const struct conf_module *m, const char *bin_dir, char *err, size_t errsize)
{
	char library[PATH_MAX];
	int i;

	if (m->vhosts_count == 0)
		return true;
	if (!path_format(library, sizeof(library), "%s/lib/libvhost.so", path_safe()) || strpbrk(library, " \t:'") != NULL) {
		snprintf(err, errsize, "<vhost>: the loader does not take %s/lib/libvhost.so: no blank, colon or quote can be in it", path_safe());
		return false;
	}
	for (i = 0; i < m->vhosts_count; i++)
		if (!write_one(&m->vhosts[i], bin_dir, library, err, errsize))
			return false;
	return true;
}

/* What bin/ of a run form has from vhost_write(); absolute ones belong to nobody's copy */
bool
vhost_remove(const char *dir, char *err, size_t errsize)
{
	char file[PATH_MAX];
	json_t *obj = path_format(file, sizeof(file), "%s/module.json", dir) ? json_load_file(file, 0, NULL) : NULL;
	struct conf_module m;
	bool ok = true;
	int i;

	if (obj == NULL || !conf_module_from_json(obj, &m, err, errsize)) {	/* no run form: nothing of ours */
		json_decref(obj);
		return true;
	}
	for (i = 0; ok && i < m.vhosts_count; i++) {
		if (m.vhosts[i].envfile[0] == '/' || strstr(m.vhosts[i].envfile, "..") != NULL
		    || !path_format(file, sizeof(file), "%s/bin/%s", dir, m.vhosts[i].envfile))
			continue;
		ok = unlink(file) == 0 || errno == ENOENT;
		if (!ok)
			snprintf(err, errsize, "%.400s: %s", file, strerror(errno));
	}
	conf_module_free(&m);
	json_decref(obj);
	return ok;
}
