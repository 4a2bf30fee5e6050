/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * query.c: answers that the engine is asked for: logs, histories, explanations.
 */
#include "config.h"
#include "web/gateway/gateway.h"
#include "web/gateway/handlers.h"

#include <string.h>

#define LAST_DEFAULT	300	/* rows (as safekit log) */

static void
tell_rows(struct request *r, const json_t *reply)
{
	answer_json(r, 200, json_incref(json_object_get(reply, "rows")));
}

static void
tell_explain(struct request *r, const json_t *reply)
{
	answer_json(r, 200, json_incref(json_object_get(reply, "explain")));
}

void
do_cluster(struct request *r)
{
	engine_ask(r, json_pack("{s:s}", "op", "confinfo"), tell_rows);
}

void
do_explain(struct request *r)
{
	engine_ask(r, json_pack("{s:s,s:s}", "op", "explain", "module", arg_text(r, "module")), tell_explain);
}

static void
ask_log(struct request *r, const char *module)
{
	const char *levels = arg_text(r, "levels");

	levels = levels == NULL || strcmp(levels, "main") == 0 ? "UECS" : strcmp(levels, "info") == 0 ? "UECSI" : "A";
	engine_ask(r, json_pack("{s:s,s:s,s:s,s:I,s:I}", "op", "log", "module", module, "levels", levels, "last", arg_int(r, "last", LAST_DEFAULT),
	    "after", arg_int(r, "after", 0)), tell_rows);
}

void
do_log(struct request *r)
{
	ask_log(r, "");
}

void
do_module_log(struct request *r)
{
	if (feed_connected() && !picture_has_module(arg_text(r, "module")))
		problem(r, 404, "module %s is not configured on this server", arg_text(r, "module"));
	else
		ask_log(r, arg_text(r, "module"));
}

void
do_history(struct request *r)
{
	if (feed_connected() && !picture_has_module(arg_text(r, "module")))
		problem(r, 404, "module %s is not configured on this server", arg_text(r, "module"));
	else
		engine_ask(r, json_pack("{s:s,s:s,s:s,s:I}", "op", "history", "module", arg_text(r, "module"), "resource", arg_text(r, "resource"),
		    "last", arg_int(r, "last", LAST_DEFAULT)), tell_rows);
}

void
do_notices(struct request *r)
{
	engine_ask(r, json_pack("{s:s,s:I,s:I}", "op", "notices", "after", arg_int(r, "after", 0), "last", arg_int(r, "last", LAST_DEFAULT)), tell_rows);
}

void
do_cmdlog(struct request *r)
{
	engine_ask(r, json_pack("{s:s,s:I}", "op", "cmdlog", "last", arg_int(r, "last", LAST_DEFAULT)), tell_rows);
}
