/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_state.c: state and level: what is, on this server (UG 9.5).
 */
#include "config.h"
#include "cli/cli.h"
#include "conf/conf.h"

#include <sys/utsname.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* state -lq: the state in one word and as exit status 0..4 (UG 9.5) */
static int
state_answer(struct cli *c)
{
	static const int codes[RS_COUNT] = { [RS_STOP] = 0, [RS_WAIT] = 1, [RS_ALONE] = 2, [RS_UP] = 2, [RS_PRIM] = 3, [RS_SECOND] = 4,
	    [RS_UNKNOWN] = EXIT_ANSWER_NONE };
	struct rpt_module m;
	bool found;

	if (!cli_connect(c) || !cli_module_report(c, c->module, &m, &found))
		return EXIT_ANSWER_NONE;
	if (!found) {
		cli_error("module %s is not configured on this server", c->module);
		return EXIT_ANSWER_NONE;
	}
	puts(rpt_state_names[m.state]);
	return codes[m.state];
}

static void
show_modules(const json_t *rows)
{
	static const struct column columns[] = { { "name", "Module" }, { "mode", "Mode" }, { "state", "State" }, { "status", "Status" },
	    { "peer", "Peer" }, { "peer_state", "PeerState" }, { "peer_status", "PeerStatus" }, { "since_ms", "Since" } };
	json_t *shown = json_array(), *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		json_t *copy = json_copy(row);
		const char *peer = json_string_value(json_object_get(row, "peer"));

		if (peer == NULL || peer[0] == '\0') {		/* a farm or light module has none */
			json_object_del(copy, "peer_state");
			json_object_del(copy, "peer_status");
		}
		json_array_append_new(shown, copy);
	}
	show_table(&rpt_module_type, shown, columns, ARRAY_LEN(columns));
	json_decref(shown);
}

/* Of the load balancing groups of a farm module; others have none */
static void
show_shares(const json_t *rows, const char *module)
{
	static const struct column columns[] = { { "group", "Group" }, { "share", "Share" }, { "since_ms", "Since" }, { "members", "Servers" } };
	json_t *shown = json_array(), *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		const char *of = json_string_value(json_object_get(row, "module"));
		char share[16];
		json_t *copy;

		if (of == NULL || strcmp(of, module) != 0)
			continue;
		copy = json_copy(row);
		json_object_set_new(copy, "share", json_string(show_share(row, share, sizeof(share))));
		json_array_append_new(shown, copy);
	}
	if (json_array_size(shown) > 0) {
		printf("\nNetwork load share of %s\n", module);
		show_table(&rpt_share_type, shown, columns, ARRAY_LEN(columns));
	}
	json_decref(shown);
}

static void
show_resources(const json_t *rows, const char *module)
{
	static const struct column columns[] = { { "name", "Resource" }, { "since_ms", "Since" }, { "by", "By" } };
	json_t *shown = json_array(), *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		const char *of = json_string_value(json_object_get(row, "module"));
		json_t *copy;

		if (of == NULL || strcmp(of, module) != 0)
			continue;
		copy = json_copy(row);
		json_object_set_new(copy, "name", json_sprintf("%s=%s", json_string_value(json_object_get(row, "name")),
		    json_string_value(json_object_get(row, "value"))));
		json_array_append_new(shown, copy);
	}
	printf("\nResources of %s\n", module);
	show_table(&rpt_resource_type, shown, columns, ARRAY_LEN(columns));
	json_decref(shown);
}

/* Calls bin/<name> of the active configuration; its lines go to stdout, or into *out */
static int
active_script(struct cli *c, const char *module, const char *name, const char *state, char **out)
{
	struct conf_module conf;
	struct script_call call = { .module = module, .name = name, .state = state, .next = state, .action = name };
	char dir[PATH_MAX], err[256];
	int64_t date;
	int rc;

	if (!module_private_dir(dir, sizeof(dir), module) || !module_active(module, &conf, &date, err, sizeof(err)))
		return 0;	/* not configured: nothing to call */
	call.dir = dir;
	call.vars = conf.vars;
	call.nvars = conf.vars_count;
	call.capture = out != NULL;
	rc = script_call(c, &call);
	if (out != NULL)
		*out = call.out;
	conf_module_free(&conf);
	return rc;
}

static void
show_verbose(struct cli *c, const json_t *row, const json_t *resources, const json_t *shares)
{
	const char *name = json_string_value(json_object_get(row, "name")), *state = json_string_value(json_object_get(row, "state"));
	const char *reason = json_string_value(json_object_get(row, "reason"));

	if (name == NULL || state == NULL)
		return;
	if (reason != NULL && reason[0] != '\0') {
		printf("\nReason of %s: ", name);
		show_safe(stdout, reason);
		putchar('\n');
	}
	show_shares(shares, name);
	show_resources(resources, name);
	fflush(stdout);
	active_script(c, name, "state", state, NULL);
}

/* Those of a module */
static json_t *
pick(const json_t *rows, const char *module)
{
	json_t *mine = json_array(), *r;
	size_t i;

	json_array_foreach(rows, i, r) {
		const char *of = json_string_value(json_object_get(r, "module"));

		if (of != NULL && strcmp(of, module) == 0)
			json_array_append(mine, r);
	}
	return mine;
}

static void
json_verbose(struct cli *c, json_t *row, const json_t *resources, const json_t *shares)
{
	const char *name = json_string_value(json_object_get(row, "name")), *state = json_string_value(json_object_get(row, "state"));
	char *out = NULL;

	if (name != NULL && state != NULL)
		active_script(c, name, "state", state, &out);
	json_object_set_new(row, "resources", pick(resources, name != NULL ? name : ""));
	json_object_set_new(row, "shares", pick(shares, name != NULL ? name : ""));
	if (out != NULL) {
		json_t *text = json_string(out);

		json_object_set_new(row, "script", text != NULL ? text : json_string("(not UTF-8)"));
	}
	free(out);
}

/* The rows safeadmin has; those of c->module only when there is one */
static json_t *
get_rows(struct cli *c, const char *what)
{
	json_t *req = json_pack("{s:s,s:s}", "op", "get", "what", what), *reply, *rows, *row;
	json_t *picked = json_array();
	const char *key = strcmp(what, "modules") == 0 ? "name" : "module", *of;
	char code[16];
	size_t i;

	if (c->module != NULL)
		json_object_set_new(req, "module", json_string(c->module));
	reply = cli_ask(c, req, code, "notfound");
	if (reply == NULL && strcmp(code, "notfound") != 0) {
		json_decref(picked);
		return NULL;
	}
	rows = json_object_get(reply, "rows");
	json_array_foreach(rows, i, row)
		if (c->module == NULL || ((of = json_string_value(json_object_get(row, key))) != NULL && strcmp(of, c->module) == 0))
			json_array_append(picked, row);
	json_decref(reply);
	return picked;
}

/* A bar for each module that synchronizes its replicated directories */
static void
show_syncs(struct cli *c, const json_t *modules, const json_t *resources)
{
	json_t *row, *own = NULL;
	size_t i;

	json_array_foreach(modules, i, row) {
		const char *name = json_string_value(json_object_get(row, "name")), *mode = json_string_value(json_object_get(row, "mode"));
		const char *state = json_string_value(json_object_get(row, "state"));

		if (name == NULL || state == NULL || mode == NULL || strcmp(mode, "mirror") != 0 || strcmp(state, "STOP") == 0)
			continue;
		if (resources == NULL && (resources = own = get_rows(c, "resources")) == NULL)
			break;
		sync_show(resources, name, state);
	}
	json_decref(own);
}

int
do_state(struct cli *c)
{
	json_t *modules, *resources = NULL, *shares = NULL, *row;
	int status = EXIT_DONE;
	size_t i;

	if (c->opt['q'] != NULL && (c->module == NULL || c->opt['v'] != NULL || c->json)) {
		cli_error("safekit state: -lq expects -m AM and neither -v nor --json");
		return EXIT_ANSWER_TYPING;
	}
	if (c->opt['q'] != NULL)
		return state_answer(c);
	if (!cli_connect(c) || (modules = get_rows(c, "modules")) == NULL)
		return EXIT_FAILED;
	if (c->module != NULL && json_array_size(modules) == 0) {
		cli_error("module %s is not configured on this server", c->module);
		status = EXIT_FAILED;
	} else if (c->opt['v'] != NULL && ((resources = get_rows(c, "resources")) == NULL || (shares = get_rows(c, "shares")) == NULL)) {
		status = EXIT_FAILED;
	} else if (c->json) {
		json_array_foreach(modules, i, row)
			if (resources != NULL)
				json_verbose(c, row, resources, shares);
		show_json(c->module != NULL ? json_array_get(modules, 0) : modules);
	} else {
		show_modules(modules);
		show_syncs(c, modules, resources);
		json_array_foreach(modules, i, row)
			if (resources != NULL)
				show_verbose(c, row, resources, shares);
	}
	json_decref(shares);
	json_decref(resources);
	json_decref(modules);
	return status;
}

/* PRETTY_NAME="..." of /etc/os-release */
static void
os_name(char *buf, size_t size)
{
	struct utsname u;
	char *text, *p, *end;

	str_copy(buf, size, "Linux");
	if (path_read("/etc/os-release", &text, 65536) > 0) {
		p = strstr(text, "PRETTY_NAME=\"");
		if (p != NULL && (p == text || p[-1] == '\n')) {
			p += strlen("PRETTY_NAME=\"");
			end = strchr(p, '"');
			if (end != NULL)
				*end = '\0';
			str_copy(buf, size, p);
		}
		free(text);
	}
	if (uname(&u) == 0) {
		size_t n = strlen(buf);

		snprintf(buf + n, size - n, " (%s %s)", u.release, u.machine);
	}
}

int
do_level(struct cli *c)
{
	char host[256] = "", os[512], *out = NULL;
	struct rpt_module m;
	bool found = false;
	json_t *show;
	int rc = 0;

	if (c->module != NULL && c->conn != NULL && !cli_module_report(c, c->module, &m, &found))
		return EXIT_FAILED;
	gethostname(host, sizeof(host) - 1);
	os_name(os, sizeof(os));
	if (c->json) {
		if (c->module != NULL)
			rc = active_script(c, c->module, "level", found ? rpt_state_names[m.state] : "UNKNOWN", &out);
		show = json_pack("{s:s,s:s,s:s,s:s,s:s*}", "host", host, "os", os, "safekit", PACKAGE_VERSION, "license", "not required",
		    "script", out);
		show_json(show);
		json_decref(show);
		free(out);
		return rc == 0 ? EXIT_DONE : EXIT_FAILED;
	}
	printf("Host : %s\nOS : %s\nSafeKit : %s\nLicense : not required\n", host, os, PACKAGE_VERSION);
	fflush(stdout);
	if (c->module != NULL)
		rc = active_script(c, c->module, "level", found ? rpt_state_names[m.state] : "UNKNOWN", NULL);
	return rc == 0 ? EXIT_DONE : EXIT_FAILED;
}
