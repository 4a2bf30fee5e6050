/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * modules.c: what is installed (SAFE/modules), configured (SAFE/private/modules) and numbered (SAFEVAR/modules/AM/id) on this server.
 * Reads only.
 */
#include "config.h"
#include "cli/cli.h"
#include "conf/conf.h"

#include <sys/stat.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

bool
module_dir(char *buf, size_t size, const char *module)
{
	return path_format(buf, size, "%s/modules/%s", path_safe(), module);
}

bool
module_private_dir(char *buf, size_t size, const char *module)
{
	return path_format(buf, size, "%s/private/modules/%s", path_safe(), module);
}

bool
module_exists(const char *module)
{
	char dir[PATH_MAX];
	struct stat st;

	return module_dir(dir, sizeof(dir), module) && lstat(dir, &st) == 0 && S_ISDIR(st.st_mode);
}

uint32_t
module_id(const char *module)
{
	char file[PATH_MAX], *text;
	uint64_t id = 0;

	if (!path_format(file, sizeof(file), "%s/modules/%s/id", path_safevar(), module) || path_read(file, &text, 64) == -1)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	if (!str_to_u64(text, 1, SK_MODULES_MAX, &id))
		id = 0;
	free(text);
	return (uint32_t)id;
}

/* Applied by another version: the configuration that is active cannot be used by this one. */
static bool
is_unusable(const char *module)
{
	struct conf_module *conf = calloc(1, sizeof(*conf));
	int64_t date;
	char err[512];
	bool good = conf == NULL || module_active(module, conf, &date, err, sizeof(err));

	if (good && conf != NULL)
		conf_module_free(conf);
	free(conf);
	return !good;
}

bool
module_state(struct cli *c, const char *what, struct rpt_module *m)
{
	bool found;

	if (!cli_module_report(c, c->module, m, &found))
		return false;
	if (found && m->state == RS_UNKNOWN && is_unusable(c->module))
		found = false;	/* safeadmin starts no heart for it, so nothing of it runs */
	if (found && m->state == RS_UNKNOWN && wait_known(c) && !cli_module_report(c, c->module, m, &found))
		return false;
	if (!found) {
		m->state = RS_STOP;
		m->status = ST_NOTREADY;
	}
	if (m->state != RS_UNKNOWN)
		return true;
	cli_error("safekit %s: the state of module %s is not known (its engine process does not answer): expected STOP", what, c->module);
	return false;
}

bool
module_is_stopped(struct cli *c, const char *what)
{
	struct rpt_module m;

	if (!module_state(c, what, &m))
		return false;
	if (m.state == RS_STOP)
		return true;
	cli_error("safekit %s: module %s is in state %s (%s): expected STOP", what, c->module, rpt_state_names[m.state],
	    rpt_status_names[m.status]);
	return false;
}

bool
module_active(const char *module, struct conf_module *out, int64_t *config_ms, char *err, size_t errsize)
{
	char file[PATH_MAX];
	json_error_t je;
	struct stat st;
	json_t *obj;
	bool ok;

	if (!path_format(file, sizeof(file), "%s/private/modules/%s/module.json", path_safe(), module) || stat(file, &st) == -1) {
		snprintf(err, errsize, "module %s is not configured on this server", module);
		return false;
	}
	obj = json_load_file(file, 0, &je);
	if (obj == NULL) {
		snprintf(err, errsize, "%.300s:%d: %s", file, je.line, je.text);
		return false;
	}
	/* the date of the file is the date of the configuration: it is written once, by config */
	*config_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	ok = conf_module_from_json(obj, out, err, errsize);
	json_decref(obj);
	return ok;
}

void
show_findings(const struct conf_errors *errs)
{
	int i;

	for (i = 0; i < errs->count; i++) {
		const struct conf_error *e = &errs->e[i];

		if (e->line > 0 && e->column > 0)
			cli_note("%s:%d:%d: %s%s", e->file, e->line, e->column, e->level == 'W' ? "warning: " : "", e->text);
		else if (e->line > 0)
			cli_note("%s:%d: %s%s", e->file, e->line, e->level == 'W' ? "warning: " : "", e->text);
		else
			cli_note("%s: %s%s", e->file, e->level == 'W' ? "warning: " : "", e->text);
	}
	if (errs->more)
		cli_note("(there are more findings; they show when these are mended)");
}

json_t *
findings_json(const struct conf_errors *errs)
{
	json_t *rows = json_array();
	int i;

	for (i = 0; i < errs->count; i++)
		json_array_append_new(rows, json_pack("{s:s,s:i,s:i,s:s,s:s}", "file", errs->e[i].file, "line", errs->e[i].line, "column",
		    errs->e[i].column, "level", errs->e[i].level == 'W' ? "warning" : "error", "text", errs->e[i].text));
	return rows;
}
