/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * routes.c: the table itself.  A new route is one row here and one function; the OpenAPI document and doc/API.md follow from it.
 */
#include "config.h"
#include "web/gateway/handlers.h"
#include "web/gateway/route.h"

#define END	{ NULL, P_END, IN_PATH, false, 0, 0, NULL, NULL }
#define MODULE	{ "module", P_MODULE, IN_PATH, true, 0, 0, NULL, "name of a module" }
#define RESOURCE { "resource", P_RESOURCE, IN_PATH, true, 0, 0, NULL, "name of a resource: class.id" }
#define TOKEN	{ "token", P_TOKEN, IN_PATH, true, 0, 0, NULL, "name of a kept file" }
#define FILEPATH { "path", P_PATH, IN_PATH, true, 0, 0, NULL, "file of the module, as conf/userconfig.xml" }
#define LAST(max) { "last", P_INT, IN_QUERY, false, 1, max, NULL, "how many rows at most, the newest; 300 when it is not said" }
#define AFTER	{ "after", P_INT, IN_QUERY, false, 0, 0x7fffffffffffff, NULL, "rows with a greater sequence number only" }
#define LEVELS	{ "levels", P_WORD, IN_QUERY, false, 0, 0, "main info all", "main: U E C S; info: I, too; all. main when it is not said" }

static const struct param p_module[] = { MODULE, END }, p_token[] = { TOKEN, END }, p_path[] = { MODULE, FILEPATH, END },
	p_cmdlog[] = { LAST(10000), END }, p_log[] = { LAST(10000), AFTER, LEVELS, END }, p_module_log[] = { MODULE, LAST(10000), AFTER, LEVELS, END },
	p_notices[] = { LAST(10000), AFTER, END }, p_history[] = { MODULE, RESOURCE, LAST(1000), END };
static const struct param p_resources[] = {
	{ "module", P_MODULE, IN_QUERY, false, 0, 0, NULL, "of this module only" }, END,
};
static const struct param p_events[] = {
	{ "module", P_MODULE, IN_QUERY, false, 0, 0, NULL, "of this module only (what is of no module comes all the same)" },
	{ "logs", P_BOOL, IN_QUERY, false, 0, 0, NULL, "log lines, too; false when it is not said" }, END,
};
static const struct param p_commands[] = {
	{ "argv", P_ARGV, IN_BODY, true, 0, 0, NULL, "the words after safekit; @file:TOKEN becomes the path of a kept file" }, END,
};
static const struct param p_action[] = {
	MODULE,
	{ "action", P_WORD, IN_BODY, true, 0, 0, "start stop restart swap stopstart prim primforce second secondforce forcestop stopwait",
	    "what to do, as the command of that name" },
	{ "fullsync", P_BOOL, IN_BODY, false, 0, 0, NULL, "prim, second: all replicated directories are copied" },
	{ "nosync", P_BOOL, IN_BODY, false, 0, 0, NULL, "swap: without synchronization" },
	{ "date", P_DATE, IN_BODY, false, 0, 0, NULL, "secondforce: what was modified after it is copied" },
	END,
};
static const struct param p_set[] = {
	MODULE, RESOURCE, { "value", P_TEXT, IN_BODY, true, 1, SK_VALUE_MAX - 1, NULL, "up, down, unknown, or another text" }, END,
};
static const struct param p_file[] = {
	{ "type", P_WORD, IN_QUERY, false, 0, 0, "safe zip xml bin",
	    "the end of its name; seen from its first bytes (zip, xml, else bin) when it is not said" },
	END,
};
static const struct param p_install[] = {
	MODULE,
	{ "id", P_INT, IN_QUERY, false, 1, SK_MODULES_MAX, NULL, "module id, the same on all servers" },
	{ "replace", P_BOOL, IN_QUERY, false, 0, 0, NULL, "true: over an installed one; false when it is not said" },
	END,
};

const struct route routes[] = {
	/* who and what */
	{ "GET", "/session", ROLE_MONITOR, BODY_NONE, "getSession", do_session, "Who am I, and what may I do", "Session", NULL, false },
	{ "GET", "/openapi.json", ROLE_MONITOR, BODY_NONE, "getOpenapi", do_openapi, "This document", "Object", NULL, false },

	/* the picture */
	{ "GET", "/snapshot", ROLE_MONITOR, BODY_NONE, "getSnapshot", do_snapshot, "The whole picture, and the id of the last event in it", "Snapshot", NULL, false },
	{ "GET", "/engine", ROLE_MONITOR, BODY_NONE, "getEngine", do_engine, "The engine of this server", "engine", NULL, false },
	{ "GET", "/nodes", ROLE_MONITOR, BODY_NONE, "getNodes", do_nodes, "The nodes of the cluster as this server sees them", "node[]", NULL, false },
	{ "GET", "/remotes", ROLE_MONITOR, BODY_NONE, "getRemotes", do_remotes, "The modules of the other nodes", "remote[]", NULL, false },
	{ "GET", "/shares", ROLE_MONITOR, BODY_NONE, "getShares", do_shares, "Shares of network load of farm modules", "share[]", NULL, false },
	{ "GET", "/modules", ROLE_MONITOR, BODY_NONE, "getModules", do_modules, "The modules of this server", "module[]", NULL, false },
	{ "GET", "/resources", ROLE_MONITOR, BODY_NONE, "getResources", do_resources, "The resources of all modules, or of one", "resource[]", p_resources, false },
	{ "GET", "/modules/{module}", ROLE_MONITOR, BODY_NONE, "getModule", do_module, "One module", "module", p_module, false },
	{ "GET", "/modules/{module}/resources", ROLE_MONITOR, BODY_NONE, "getModuleResources", do_module_resources, "Its resources", "resource[]", p_module, false },
	{ "GET", "/events", ROLE_MONITOR, BODY_NONE, "getEvents", do_events, "What changes, as server-sent events", "text/event-stream", p_events, false },

	/* what the engine knows */
	{ "GET", "/cluster", ROLE_MONITOR, BODY_NONE, "getCluster", do_cluster, "The cluster configuration of each active node", "Object[]", NULL, false },
	{ "GET", "/modules/{module}/explain", ROLE_MONITOR, BODY_NONE, "getExplain", do_explain, "Why the module is in its state", "Object", p_module, false },
	{ "GET", "/log", ROLE_MONITOR, BODY_NONE, "getLog", do_log, "Log of this server, oldest first", "log[]", p_log, false },
	{ "GET", "/modules/{module}/log", ROLE_MONITOR, BODY_NONE, "getModuleLog", do_module_log, "Log of a module, oldest first", "log[]", p_module_log, false },
	{ "GET", "/modules/{module}/resources/{resource}/history", ROLE_MONITOR, BODY_NONE, "getHistory", do_history, "Values of a resource, oldest first",
	    "Change[]", p_history, false },
	{ "GET", "/notices", ROLE_MONITOR, BODY_NONE, "getNotices", do_notices, "What managers were told, oldest first", "notice[]", p_notices, false },
	{ "GET", "/commands", ROLE_CONTROL, BODY_NONE, "getCommands", do_cmdlog, "The command log, oldest first", "command[]", p_cmdlog, false },

	/* what changes something */
	{ "POST", "/modules/{module}/actions", ROLE_CONTROL, BODY_JSON, "postAction", do_action, "Starts, stops, ... a module", "Result", p_action, false },
	{ "PUT", "/modules/{module}/resources/{resource}", ROLE_CONTROL, BODY_JSON, "putResource", do_set, "Sets a resource", "Result", p_set, false },
	{ "POST", "/commands", ROLE_MONITOR, BODY_JSON, "postCommand", do_commands, "Runs a command of safekit; which role it needs is the command's to say",
	    "Result", p_commands, false },

	/* files */
	{ "POST", "/files", ROLE_ADMIN, BODY_FILE, "postFile", do_file_new, "Keeps a file for commands, for 10 minutes", "File", p_file, false },
	{ "DELETE", "/files/{token}", ROLE_ADMIN, BODY_NONE, "deleteFile", do_file_drop, "Forgets a kept file", "", p_token, false },
	{ "GET", "/modules/{module}/package", ROLE_ADMIN, BODY_NONE, "getPackage", do_package_get, "The module as a .safe file", "application/zip", p_module, false },
	{ "PUT", "/modules/{module}/package", ROLE_ADMIN, BODY_FILE, "putPackage", do_package_put, "Installs a module from a .safe file", "Result", p_install, false },
	{ "GET", "/modules/{module}/snapshot", ROLE_ADMIN, BODY_NONE, "getSupport", do_snapshot_zip, "Dumps and configurations for support, a zip",
	    "application/zip", p_module, false },
	{ "GET", "/modules/{module}/files", ROLE_ADMIN, BODY_NONE, "getFiles", do_files_list, "The files of a module's current configuration", "Object[]", p_module, false },
	{ "GET", "/modules/{module}/files/{path}", ROLE_ADMIN, BODY_NONE, "getFile", do_file_get, "One of them", "application/octet-stream", p_path, false },
	{ "PUT", "/modules/{module}/files/{path}", ROLE_ADMIN, BODY_FILE, "putFile", do_file_put, "Replaces or makes it; safekit config applies it", "Result", p_path, true },
	{ "DELETE", "/modules/{module}/files/{path}", ROLE_ADMIN, BODY_NONE, "deleteModuleFile", do_file_delete, "Removes it", "Result", p_path, true },
	{ "GET", "/cluster/config", ROLE_ADMIN, BODY_NONE, "getClusterConfig", do_cluster_get, "cluster.xml", "application/xml", NULL, false },
	{ "PUT", "/cluster/config", ROLE_ADMIN, BODY_FILE, "putClusterConfig", do_cluster_put, "Applies another cluster.xml, with a new key", "Result", NULL, true },

	/* servers among themselves */
	{ "GET", "/challenge", ROLE_NONE, BODY_NONE, "getChallenge", do_challenge, "A number to sign one request with (below /node only)", "Challenge", NULL, false },
};
const size_t routes_count = ARRAY_LEN(routes);
