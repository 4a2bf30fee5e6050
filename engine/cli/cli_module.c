/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_module.c: modules as packages: install, uninstall, list, package, and the ports one uses (UG 9.6, 10.2).  Owns SAFE/modules and
 * SAFEVAR/modules/AM/id.
 *
 * A module is installed at one instant: it is unpacked to SAFE/modules/.AM.new and renamed.  What a killed command left there is
 * removed by the next one; names that begin with a dot are no modules.
 */
#include "config.h"
#include "cli/cli.h"
#include "conf/conf.h"
#include "conf/web.h"

#include <sys/stat.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORT_SAFEADMIN	4800	/* UG 12.1 */
#define PORT_HEART	8888	/* + id - 1: UG 10.2 */
#define PORT_RFS	5600	/* + (id - 1) * 4: UG 10.2 */
#define PORT_FARM	4803	/* + (id - 1) * 3: UG 10.2 */

#define REMOTES_MS	2000	/* patience with safeadmin for what is only a help (ours) */

/* ---- ids ---- */

/* What the other servers have: a module has one id on all of them.  Rows of rpt_remote, new reference; NULL: nobody can tell */
static json_t *
remote_modules(void)
{
	char code[16], err[256];
	struct sk_conn *conn = sk_connect(err, sizeof(err));
	json_t *reply, *rows;

	if (conn == NULL)
		return NULL;
	reply = sk_ask(conn, json_pack("{s:s,s:s}", "op", "get", "what", "remotes"), REMOTES_MS, code, err, sizeof(err));
	sk_close(conn);
	rows = json_incref(json_object_get(reply, "rows"));
	json_decref(reply);
	return rows;
}

/* Its id on another server, 0: it is on none.  Ids of other modules there do not count: membership tells of a module that was uninstalled a
 * moment ago still, and two servers that are asked at that moment would choose differently */
static uint32_t
remote_id(const char *module, char node[SK_NAME_MAX])
{
	json_t *rows = remote_modules(), *row;
	struct rpt_remote r;
	char err[256];
	uint32_t id = 0;
	size_t i;

	json_array_foreach(rows, i, row) {
		memset(&r, 0, sizeof(r));
		if (!report_decode(&rpt_remote_type, row, &r, err, sizeof(err)) || r.id == 0 || r.id > SK_MODULES_MAX)
			continue;
		if (id == 0 && strcmp(r.module, module) == 0) {
			id = r.id;
			str_copy(node, SK_NAME_MAX, r.node);
		}
	}
	json_decref(rows);
	return id;
}

void
module_compare_id(const struct cli *c)
{
	uint32_t mine = module_id(c->module), there;
	char node[SK_NAME_MAX] = "";

	there = remote_id(c->module, node);
	if (there != 0 && mine != 0 && there != mine)
		cli_note("module %s has id %u here and %u on %s: ports follow from the id, so these servers do not meet: safekit deconfig -m %s, then "
		    "safekit module install -r -M %u -m %s", c->module, mine, there, node, c->module, there, c->module);
}

/* Who has this id, "" nobody.  With id 0: finds the smallest free one, 0 when there is none. */
static bool
id_owner(uint32_t id, char owner[SK_NAME_MAX], uint32_t *free_id)
{
	bool used[SK_MODULES_MAX + 1] = { true };
	char dir[PATH_MAX], **names;
	int i, n;

	owner[0] = '\0';
	if (!path_format(dir, sizeof(dir), "%s/modules", path_safevar()) || (n = tree_names(dir, &names)) == -1) {
		warn_errno("%s/modules", path_safevar());
		return false;
	}
	for (i = 0; i < n; i++) {
		uint32_t of = module_id(names[i]);

		if (of != 0 && of == id)
			str_copy(owner, SK_NAME_MAX, names[i]);
		if (of != 0)
			used[of] = true;
	}
	tree_names_free(names, n);
	for (*free_id = 1; *free_id <= SK_MODULES_MAX && used[*free_id]; ++*free_id)
		;
	if (*free_id > SK_MODULES_MAX)
		*free_id = 0;
	return true;
}

/* The id the module gets: the wanted one, else (0) the one it has, else the one it has on another server, else the smallest free.
 * 0: refused, told */
static uint32_t
choose_id(struct cli *c, uint64_t wanted)
{
	uint32_t mine = module_id(c->module), free_id, there = 0;
	char owner[SK_NAME_MAX], dir[PATH_MAX], node[SK_NAME_MAX];
	struct stat st;

	if (wanted == 0 && mine == 0)
		there = remote_id(c->module, node);
	if (!id_owner(wanted != 0 ? (uint32_t)wanted : there, owner, &free_id))
		return 0;
	if (there != 0 && owner[0] == '\0')
		free_id = there;
	if (wanted != 0 && owner[0] != '\0' && strcmp(owner, c->module) != 0) {
		cli_error("id %u is that of module %s: expected a free one, as %u", (unsigned)wanted, owner, free_id);
		return 0;
	}
	if (wanted != 0 && mine != 0 && wanted != mine && module_private_dir(dir, sizeof(dir), c->module) && lstat(dir, &st) == 0) {
		cli_error("module %s is configured with id %u: its id can change after safekit deconfig -m %s", c->module, mine, c->module);
		return 0;
	}
	if (wanted == 0)
		wanted = mine != 0 ? mine : free_id;
	if (wanted == 0)
		cli_error("all %d module ids are in use", SK_MODULES_MAX);
	return (uint32_t)wanted;
}

static bool
write_id(const char *module, uint32_t id)
{
	char dir[PATH_MAX], file[PATH_MAX], text[16];

	if (path_format(dir, sizeof(dir), "%s/modules/%s", path_safevar(), module) && path_format(file, sizeof(file), "%s/id", dir)
	    && path_mkdirs(dir, 0755) == 0) {
		snprintf(text, sizeof(text), "%u\n", id);
		if (path_write_atomic(file, text, strlen(text), 0644) == 0)
			return true;
	}
	warn_errno("%s/modules/%s/id", path_safevar(), module);
	return false;
}

bool
module_take_id(struct cli *c, int id)
{
	uint32_t chosen;

	if (id == 0 || module_id(c->module) == (uint32_t)id)
		return true;
	chosen = choose_id(c, (uint64_t)id);
	return chosen != 0 && write_id(c->module, chosen);
}

/* ---- install ---- */

/* -M, else id= of <service> (a file with faults asks for none: config tells), else 0.  false: told */
static bool
wanted_id(struct cli *c, const char *dir, uint64_t *id)
{
	static struct conf_errors errs;
	struct conf_module conf;
	char file[PATH_MAX];

	*id = 0;
	if (c->opt['M'] != NULL && !str_to_u64(c->opt['M'], 1, SK_MODULES_MAX, id)) {
		cli_error("safekit module install: option -M expects a module id, 1 to %d, not \"%s\"", SK_MODULES_MAX, c->opt['M']);
		return false;
	}
	if (c->opt['M'] == NULL && path_format(file, sizeof(file), "%s/conf/userconfig.xml", dir)
	    && conf_module_load(file, NULL, &conf, &errs) == 0) {
		*id = (uint64_t)conf.id;
		conf_module_free(&conf);
	}
	return true;
}

static bool
fetch(const char *source, const char *to, char *err, size_t errsize)
{
	char file[PATH_MAX], bin[PATH_MAX];
	struct stat st;

	if (stat(source, &st) == -1) {
		snprintf(err, errsize, "%.300s: %s", source, strerror(errno));
		return false;
	}
	if (S_ISDIR(st.st_mode)) {
		if (!tree_copy(source, to, err, errsize))
			return false;
	} else {
		char why[512];

		if (mkdir(to, 0755) == -1) {
			snprintf(err, errsize, "%.300s: %s", to, strerror(errno));
			return false;
		}
		if (!zip_unpack(source, to, why, sizeof(why))) {
			snprintf(err, errsize, "%.200s is refused: %.280s", source, why);
			return false;
		}
	}
	if (!path_format(file, sizeof(file), "%s/conf/userconfig.xml", to) || lstat(file, &st) == -1 || !S_ISREG(st.st_mode)) {
		snprintf(err, errsize, "%.300s is not a module: expected conf/userconfig.xml in it", source);
		return false;
	}
	if (!path_format(bin, sizeof(bin), "%s/bin", to) || !tree_executable(bin)) {
		snprintf(err, errsize, "%.300s/bin: %s", to, strerror(errno));
		return false;
	}
	return true;
}

/* Could this package be installed?  What was unpacked is removed again */
static int
check_package(struct cli *c, const char *package)
{
	char next[PATH_MAX], err[1024];
	uint64_t wanted;
	bool ok;

	if (!path_format(next, sizeof(next), "%s/modules", path_safe()) || path_mkdirs(next, 0755) == -1
	    || !path_format(next, sizeof(next), "%s/modules/.%s.new", path_safe(), c->module)) {
		warn_errno("%s/modules", path_safe());
		return EXIT_FAILED;
	}
	ok = tree_remove(next, err, sizeof(err)) && fetch(package, next, err, sizeof(err));
	if (!ok)
		cli_error("%s", err);
	ok = ok && wanted_id(c, next, &wanted) && choose_id(c, wanted) != 0;
	if (!tree_remove(next, err, sizeof(err)))
		cli_error("%s", err);
	return ok ? EXIT_DONE : EXIT_FAILED;
}

static int
install(struct cli *c, const char *source)
{
	char next[PATH_MAX], dir[PATH_MAX], err[1024], ignored[256];
	uint64_t wanted;
	json_t *show;
	uint32_t id;

	if (module_exists(c->module) && c->opt['r'] == NULL) {
		cli_error("module %s is installed: expected -r to install it again", c->module);
		return EXIT_FAILED;
	}
	if (!path_format(next, sizeof(next), "%s/modules", path_safe()) || path_mkdirs(next, 0755) == -1
	    || !module_dir(dir, sizeof(dir), c->module)
	    || !path_format(next, sizeof(next), "%s/modules/.%s.new", path_safe(), c->module)) {
		warn_errno("%s/modules", path_safe());
		return EXIT_FAILED;
	}
	if (!tree_remove(next, err, sizeof(err)) || !fetch(source, next, err, sizeof(err))) {
		cli_error("%s", err);
		tree_remove(next, ignored, sizeof(ignored));
		return EXIT_FAILED;
	}
	id = wanted_id(c, next, &wanted) ? choose_id(c, wanted) : 0;
	if (id == 0 || !write_id(c->module, id)) {
		tree_remove(next, ignored, sizeof(ignored));
		return EXIT_FAILED;
	}
	if (!tree_replace(next, dir, err, sizeof(err))) {
		cli_error("%s", err);
		return EXIT_FAILED;
	}
	if (c->json) {
		show = json_pack("{s:s,s:i}", "name", c->module, "id", (int)id);
		show_json(show);
		json_decref(show);
	} else {
		printf("Module %s installed with id %u\n", c->module, id);
	}
	module_compare_id(c);
	return EXIT_DONE;
}

int
do_module_install(struct cli *c)
{
	char source[PATH_MAX];
	int lock, status;

	if (c->nwords > 0 ? !str_copy(source, sizeof(source), c->words[0])
	    : !path_format(source, sizeof(source), "%s/Application_Modules/%s.safe", path_safe(), c->module)) {
		cli_error("the name of the file is too long");
		return EXIT_FAILED;
	}
	if ((lock = tree_lock()) == -1)
		return EXIT_FAILED;
	status = install(c, source);
	close(lock);
	return status;
}

int
module_take(struct cli *c, const char *package, bool check)
{
	c->opt['r'] = "";	/* also over what is installed */
	return check ? check_package(c, package) : install(c, package);
}

/* ---- uninstall: deconfigured first, then gone at one instant, then its id is free ---- */

static int
uninstall(struct cli *c)
{
	char dir[PATH_MAX], old[PATH_MAX], work[PATH_MAX], err[512];
	int status;

	if (!module_exists(c->module)) {
		cli_error("module %s is not installed", c->module);
		return EXIT_FAILED;
	}
	if (!module_is_stopped(c, "module uninstall") || !replicated_can_leave(c->module))
		return EXIT_FAILED;
	status = config_remove(c);
	if (!module_dir(dir, sizeof(dir), c->module) || !path_format(old, sizeof(old), "%s/modules/.%s.old", path_safe(), c->module)
	    || !path_format(work, sizeof(work), "%s/modules/%s", path_safevar(), c->module)) {
		cli_error("the name of the folder is too long");
		return EXIT_FAILED;
	}
	if (!tree_remove(old, err, sizeof(err))) {
		cli_error("%s", err);
		return EXIT_FAILED;
	}
	if (rename(dir, old) == -1) {
		warn_errno("%s", dir);
		return EXIT_FAILED;
	}
	if (!tree_remove(old, err, sizeof(err)) || !tree_remove(work, err, sizeof(err))) {
		cli_error("%s", err);
		return EXIT_FAILED;
	}
	return status;
}

int
do_module_uninstall(struct cli *c)
{
	int lock = tree_lock(), status;

	if (lock == -1)
		return EXIT_FAILED;
	status = uninstall(c);
	close(lock);
	if (status == EXIT_DONE)
		firewall_follow(c->module, false);
	return status;
}

/* ---- list, listid ---- */

int
do_module_list(struct cli *c)
{
	bool ids = strcmp(c->verb->name, "module listid") == 0;
	char dir[PATH_MAX], **names;
	json_t *rows = json_array();
	int i, n;

	if (!path_format(dir, sizeof(dir), "%s/modules", path_safe()) || (n = tree_names(dir, &names)) == -1) {
		warn_errno("%s/modules", path_safe());
		json_decref(rows);
		return EXIT_FAILED;
	}
	for (i = 0; i < n; i++) {
		if (c->json)
			json_array_append_new(rows, json_pack("{s:s,s:i}", "name", names[i], "id", (int)module_id(names[i])));
		else if (ids)
			printf("%s %u\n", names[i], module_id(names[i]));
		else
			puts(names[i]);
	}
	tree_names_free(names, n);
	if (c->json)
		show_json(rows);
	json_decref(rows);
	return EXIT_DONE;
}

/* ---- package: also the build's way to make the templates (hidden verb --pack DIR FILE) ---- */

int
do_module_package(struct cli *c)
{
	bool build = c->verb->flags & V_HIDDEN;
	const char *file = c->words[build ? 1 : 0];
	char dir[PATH_MAX], err[1024];

	if (build ? !str_copy(dir, sizeof(dir), c->words[0]) : !module_dir(dir, sizeof(dir), c->module)) {
		cli_error("the name of the folder is too long");
		return EXIT_FAILED;
	}
	if (!build && !module_exists(c->module)) {
		cli_error("module %s is not installed", c->module);
		return EXIT_FAILED;
	}
	if (!build && file[0] != '/') {
		cli_error("safekit module package: expected an absolute path, as in /tmp/%s.safe, not \"%s\"", c->module, file);
		return EXIT_TYPING;
	}
	if (zip_pack(dir, file, NULL, err, sizeof(err)))
		return EXIT_DONE;
	cli_error("%s", err);
	return EXIT_FAILED;
}

/* ---- getports ---- */

static void
add_port(json_t *rows, const char *process, const char *name, const char *protocol, unsigned port)
{
	json_t *row, *fresh = json_pack("{s:s,s:s,s:s,s:i}", "process", process, "name", name, "protocol", protocol, "port", (int)port);
	size_t i;

	json_array_foreach(rows, i, row)
		if (json_equal(row, fresh)) {
			json_decref(fresh);
			return;
		}
	json_array_append_new(rows, fresh);
}

/* What the module uses by its active configuration, else by the one in SAFE/modules */
static bool
add_used(struct cli *c, json_t *rows, uint32_t id)
{
	static struct conf_errors errs;
	struct conf_module conf;
	char file[PATH_MAX], err[512];
	int64_t date;
	int i;

	if (!module_active(c->module, &conf, &date, err, sizeof(err))
	    && (!path_format(file, sizeof(file), "%s/modules/%s/conf/userconfig.xml", path_safe(), c->module)
	    || conf_module_load(file, NULL, &conf, &errs) == -1)) {
		show_findings(&errs);
		return false;
	}
	for (i = 0; i < conf.hb_count; i++)
		add_port(rows, "heart", "port", "UDP", conf.hb[i].port != 0 ? conf.hb[i].port : PORT_HEART + id - 1);
	if (conf.has_rfs)
		add_port(rows, "rfs", "safenfs_port", "TCP", PORT_RFS + (id - 1) * 4);
	if (conf.has_farm)
		add_port(rows, "farm", "port", "UDP", conf.farm.port != 0 ? conf.farm.port : PORT_FARM + (id - 1) * 3);
	conf_module_free(&conf);
	return true;
}

static unsigned
cluster_port(void)
{
	static struct conf_cluster cluster;
	static struct conf_errors errs;
	char file[PATH_MAX];

	if (path_format(file, sizeof(file), "%s/cluster/cluster.xml", path_safevar()) && access(file, R_OK) == 0
	    && conf_cluster_load(file, &cluster, &errs) == 0)
		return cluster.port;
	return PORT_SAFEADMIN;
}

static void
show_ports(const json_t *rows)
{
	const char *last = "";
	const json_t *row;
	size_t i;

	printf("List of the ports used by SafeKit\n\n%-16sPorts\n", "Process");
	json_array_foreach(rows, i, row) {
		const char *process = json_string_value(json_object_get(row, "process"));

		if (strcmp(process, last) != 0)
			puts(process);
		last = process;
		printf("%16s%s %s %lld\n", "", json_string_value(json_object_get(row, "name")),
		    json_string_value(json_object_get(row, "protocol")), (long long)json_integer_value(json_object_get(row, "port")));
	}
}

int
do_module_getports(struct cli *c)
{
	json_t *rows = json_array();
	int status = EXIT_DONE;
	struct conf_web web;
	uint64_t id = 0;

	conf_web_read(&web);
	add_port(rows, "safeadmin", "port", "UDP", cluster_port());
	add_port(rows, "webconsole", "port", "TCP", web.https ? web.https_port : web.http_port);
	if (c->opt['i'] != NULL && !str_to_u64(c->opt['i'], 1, SK_MODULES_MAX, &id)) {
		cli_error("safekit module getports: option -i expects a module id, 1 to %d, not \"%s\"", SK_MODULES_MAX, c->opt['i']);
		status = EXIT_TYPING;
	} else if (c->opt['i'] != NULL) {
		add_port(rows, "heart", "port", "UDP", (unsigned)(PORT_HEART + id - 1));
		add_port(rows, "rfs", "safenfs_port", "TCP", (unsigned)(PORT_RFS + (id - 1) * 4));
		add_port(rows, "farm", "port", "UDP", (unsigned)(PORT_FARM + (id - 1) * 3));
	} else if (c->module == NULL) {
		cli_error("safekit module getports: which module? expected: safekit module getports %s", c->verb->syntax);
		status = EXIT_TYPING;
	} else if ((id = module_id(c->module)) == 0) {
		cli_error("module %s is not installed", c->module);
		status = EXIT_FAILED;
	} else if (!add_used(c, rows, (uint32_t)id)) {
		status = EXIT_FAILED;
	}
	if (status == EXIT_DONE && c->json)
		show_json(rows);
	else if (status == EXIT_DONE)
		show_ports(rows);
	json_decref(rows);
	return status;
}
