/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * route.h: the table of the API: every route once, with the role that it needs and what it takes.  Checks requests against it.
 *
 * Owns: what is a valid request.  Called by: http.c (requests), openapi.c (the document), tests, the fuzz target.  Pure: no descriptor,
 * no clock, no state.  Never does: answer, or know how something is done (the handlers' names are the only bridge).
 */
#ifndef SK_WEB_ROUTE_H
#define SK_WEB_ROUTE_H

#include "base/base.h"
#include <jansson.h>

#define API_PREFIX	"/api/v1"
#define NODE_PREFIX	"/node"		/* + API_PREFIX: servers among themselves, with their own credential */
#define URI_MAX		4095		/* bytes of path and query */
#define SEGMENTS_MAX	24
#define QUERY_MAX	16
#define JSON_MAX	65536		/* bytes of a JSON body */
#define FILE_MAX	(64u << 20)	/* bytes of a file that is sent */
#define ARGV_MAX	64		/* words of a command */
#define ARG_MAX_BYTES	4096		/* bytes of one of them */

enum role { ROLE_NONE, ROLE_MONITOR, ROLE_CONTROL, ROLE_ADMIN, ROLE_COUNT };
extern const char *const role_names[ROLE_COUNT];	/* "", "Monitor", "Control", "Admin" */
enum role role_of(const char *name);			/* NULL or an unknown word: ROLE_NONE */

/* What a parameter is: of the path, of the query, or a member of the body */
enum param_type { P_END, P_MODULE, P_RESOURCE, P_TOKEN, P_PATH, P_INT, P_BOOL, P_WORD, P_TEXT, P_DATE, P_ARGV };
enum param_in { IN_PATH, IN_QUERY, IN_BODY };
struct param {
	const char	*name;
	enum param_type	 type;
	enum param_in	 in;
	bool		 required;	/* those of the path are */
	long		 min, max;	/* P_INT: the number; P_TEXT: bytes; P_WORD: unused */
	const char	*words;		/* P_WORD: one of them, blanks between */
	const char	*help;
};

enum body { BODY_NONE, BODY_JSON, BODY_FILE };
struct request;
struct route {
	const char	*method, *path;		/* below API_PREFIX; {name}: a parameter; {name} of type P_PATH: all that follows */
	enum role	 role;			/* the least; ROLE_NONE: nobody is asked who he is (below /node only) */
	enum body	 body;
	const char	*id;			/* operationId */
	void	       (*run)(struct request *r);
	const char	*summary, *reply;	/* reply: schema of the answer (openapi.c), or "type/subtype" of what is no JSON */
	const struct param *params;		/* ends with P_END; NULL: none */
	bool		 if_match;		/* If-Match is looked at */
};
extern const struct route routes[];
extern const size_t routes_count;

/* A path and its query, taken apart and decoded; the texts are in buf */
struct uri {
	char	 buf[URI_MAX + 1];
	const char *segment[SEGMENTS_MAX];
	size_t	 segments;
	struct { const char *name, *value; } query[QUERY_MAX];
	size_t	 queries;
};
/* false: err says what is wrong.  No empty segment, no "." or "..", no control character, no encoded slash or NUL, strict %XX */
bool uri_parse(const char *raw, struct uri *out, char *err, size_t errsize);

/* The route of a method and path below API_PREFIX.  NULL: status is 404 or 405, and allow has the methods that there are.  HEAD is GET. */
const struct route *route_find(const char *method, const struct uri *uri, size_t skip, unsigned *status, char *allow, size_t allowsize);
/* The parameters of path and query as members of an object (caller's); NULL: err says which one and what was expected; status 400 or 404 */
json_t *route_params(const struct route *route, const struct uri *uri, size_t skip, unsigned *status, char *err, size_t errsize);
/* The members of a JSON body, added to args.  false: status 400 (no JSON) or 422 (JSON, but not what was expected) */
bool route_body(const struct route *route, const char *body, size_t len, json_t *args, unsigned *status, char *err, size_t errsize);

#endif
