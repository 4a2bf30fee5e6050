/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handlers.h: the functions behind the routes, by name, so that the table can also be linked without them (tests define their own).
 *
 * Each is called when a request was found good: role, CSRF, parameters, body.  It calls one of the answers of gateway.h at once or later.
 */
#ifndef SK_WEB_HANDLERS_H
#define SK_WEB_HANDLERS_H

struct request;

#define HANDLERS(X) \
	/* state.c */	X(do_session) X(do_openapi) X(do_snapshot) X(do_engine) X(do_nodes) X(do_remotes) X(do_shares) X(do_modules) \
			X(do_resources) X(do_module) X(do_module_resources) \
	/* ask.c */	X(do_cluster) X(do_explain) X(do_log) X(do_module_log) X(do_history) X(do_notices) X(do_cmdlog) \
	/* run.c */	X(do_commands) X(do_action) X(do_set) X(do_file_new) X(do_file_drop) X(do_package_get) X(do_package_put) \
			X(do_snapshot_zip) X(do_files_list) X(do_file_get) X(do_file_put) X(do_file_delete) X(do_cluster_get) X(do_cluster_put) \
	/* sse.c */	X(do_events) \
	/* node.c */	X(do_challenge)

#define HANDLER_DECLARED(name) void name(struct request *r);
HANDLERS(HANDLER_DECLARED)

#endif
