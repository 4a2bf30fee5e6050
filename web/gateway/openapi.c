/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * openapi.c: the API as an OpenAPI 3.1 document and as the table of doc/API.md, both from the table of routes and the published fields.
 */
#include "config.h"
#include "web/gateway/gateway.h"
#include "wire/report.h"

#include <stdio.h>
#include <string.h>

static const struct report_type *const types[] = { &rpt_module_type, &rpt_resource_type, &rpt_node_type, &rpt_remote_type, &rpt_share_type,
	&rpt_notice_type_type, &rpt_log_type, &rpt_command_type, &rpt_engine_type };

/* ---- schemas ---- */

static json_t *
words_of(const char *words)
{
	json_t *list = json_array();

	while (*words != '\0') {
		size_t n = strcspn(words, " ");

		json_array_append_new(list, json_stringn(words, n));
		words += n;
		words += strspn(words, " ");
	}
	return list;
}

static json_t *
schema_of_param(const struct param *p)
{
	switch (p->type) {
	case P_MODULE: return json_pack("{s:s,s:s,s:i}", "type", "string", "pattern", "^[A-Za-z0-9_][A-Za-z0-9_.-]*$", "maxLength", SK_NAME_MAX - 1);
	case P_RESOURCE: return json_pack("{s:s,s:i,s:i}", "type", "string", "minLength", 1, "maxLength", SK_RES_MAX - 1);
	case P_TOKEN: return json_pack("{s:s,s:s}", "type", "string", "pattern", "^[0-9a-f]{32}$");
	case P_PATH: return json_pack("{s:s,s:i}", "type", "string", "maxLength", 511);
	case P_INT: return json_pack("{s:s,s:I,s:I}", "type", "integer", "minimum", (json_int_t)p->min, "maximum", (json_int_t)p->max);
	case P_BOOL: return json_pack("{s:s}", "type", "boolean");
	case P_WORD: return json_pack("{s:s,s:o}", "type", "string", "enum", words_of(p->words));
	case P_TEXT: return json_pack("{s:s,s:i,s:i}", "type", "string", "minLength", (int)p->min, "maxLength", (int)p->max);
	case P_DATE: return json_pack("{s:s,s:s}", "type", "string", "examples", "2026-05-20T17:06:45Z");
	default: return json_pack("{s:s,s:i,s:i,s:{s:s,s:i}}", "type", "array", "minItems", 1, "maxItems", ARGV_MAX, "items", "type", "string",
	    "maxLength", ARG_MAX_BYTES);
	}
}

static json_t *
schema_of_field(const struct field *f)
{
	json_t *list;
	int i;

	switch (f->type) {
	case F_U32: case F_U64: return json_pack("{s:s,s:i,s:s}", "type", "integer", "minimum", 0, "description", f->help);
	case F_TIME_MS: return json_pack("{s:s,s:s+}", "type", "integer", "description", f->help, ", ms since 1970");
	case F_TIME_US: return json_pack("{s:s,s:s+}", "type", "integer", "description", f->help, ", us since 1970");
	case F_BOOL: return json_pack("{s:s,s:s}", "type", "boolean", "description", f->help);
	case F_ENUM:
		list = json_array();
		for (i = 0; i < f->count; i++)
			json_array_append_new(list, json_string(f->names[i]));
		return json_pack("{s:s,s:o,s:s}", "type", "string", "enum", list, "description", f->help);
	default: return json_pack("{s:s,s:i,s:s}", "type", "string", "maxLength", (int)f->size - 1, "description", f->help);
	}
}

static json_t *
schema_of_report(const struct report_type *t)
{
	json_t *members = json_object();
	size_t i;

	for (i = 0; i < t->count; i++)
		json_object_set_new(members, t->fields[i].name, schema_of_field(&t->fields[i]));
	return json_pack("{s:s,s:o}", "type", "object", "properties", members);
}

static json_t *
list_of(const char *name)
{
	return json_pack("{s:s,s:{s:s+}}", "type", "array", "items", "$ref", "#/components/schemas/", name);
}

/* What is no row of the engine */
static void
add_own_schemas(json_t *all)
{
	static const char text[] =
	"{\"Object\":{\"type\":\"object\"},"
	"\"Session\":{\"type\":\"object\",\"properties\":{\"user\":{\"type\":\"string\"},\"role\":{\"type\":\"string\",\"enum\":[\"Monitor\",\"Control\",\"Admin\"]},"
	"\"login\":{\"type\":\"string\"},\"address\":{\"type\":\"string\"},\"tls\":{\"type\":\"boolean\"},\"version\":{\"type\":\"string\"},\"engine\":{\"type\":\"boolean\"}}},"
	"\"Change\":{\"type\":\"object\",\"properties\":{\"time_ms\":{\"type\":\"integer\"},\"value\":{\"type\":\"string\"},\"by\":{\"type\":\"string\"}}},"
	"\"Challenge\":{\"type\":\"object\",\"properties\":{\"nonce\":{\"type\":\"string\"}}},"
	"\"File\":{\"type\":\"object\",\"properties\":{\"file\":{\"type\":\"string\",\"description\":\"TOKEN\"},\"size\":{\"type\":\"integer\"},\"seconds\":{\"type\":\"integer\"}}},"
	"\"Result\":{\"type\":\"object\",\"required\":[\"status\",\"stdout\",\"stderr\"],\"properties\":{\"status\":{\"type\":\"integer\",\"description\":\"exit status of the command\"},"
	"\"stdout\":{\"type\":\"string\"},\"stderr\":{\"type\":\"string\"},\"note\":{\"type\":\"string\"},\"truncated\":{\"type\":\"boolean\"}}},"
	"\"Problem\":{\"type\":\"object\",\"required\":[\"type\",\"title\",\"status\",\"detail\"],\"properties\":{\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},"
	"\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\",\"description\":\"what was wrong, what was expected\"}}}}";
	json_t *own = json_loads(text, 0, NULL);

	json_object_update(all, own);
	json_decref(own);
	json_object_set_new(all, "Snapshot", json_pack("{s:s,s:{s:{s:s},s:{s:s},s:o,s:o,s:o,s:o,s:o}}", "type", "object", "properties",
	    "event_id", "type", "string", "engine", "$ref", "#/components/schemas/engine", "modules", list_of("module"), "resources", list_of("resource"),
	    "nodes", list_of("node"), "remotes", list_of("remote"), "shares", list_of("share")));
}

/* ---- operations ---- */

static json_t *
parameters_of(const struct route *r)
{
	json_t *list = json_array();
	const struct param *p;

	for (p = r->params; p != NULL && p->type != P_END; p++)
		if (p->in != IN_BODY)
			json_array_append_new(list, json_pack("{s:s,s:s,s:b,s:o,s:s}", "name", p->name, "in", p->in == IN_PATH ? "path" : "query",
			    "required", p->required, "schema", schema_of_param(p), "description", p->help));
	if (strcmp(r->method, "GET") != 0)
		json_array_append_new(list, json_pack("{s:s,s:s,s:b,s:{s:s},s:s}", "name", "X-Safekit-Csrf", "in", "header", "required", 1, "schema", "type",
		    "string", "description", "any text: a page of another site cannot send it"));
	if (r->if_match)
		json_array_append_new(list, json_pack("{s:s,s:s,s:b,s:{s:s},s:s}", "name", "If-Match", "in", "header", "required", 0, "schema", "type",
		    "string", "description", "the entity tag that GET gave: changed only if it is still that"));
	return list;
}

static json_t *
body_of(const struct route *r)
{
	json_t *members = json_object(), *required = json_array();
	const struct param *p;

	if (r->body == BODY_FILE) {
		json_decref(members);
		json_decref(required);
		return json_pack("{s:b,s:{s:{}}}", "required", 1, "content", "application/octet-stream");
	}
	for (p = r->params; p != NULL && p->type != P_END; p++) {
		json_t *schema;

		if (p->in != IN_BODY)
			continue;
		schema = schema_of_param(p);
		json_object_set_new(schema, "description", json_string(p->help));
		json_object_set_new(members, p->name, schema);
		if (p->required)
			json_array_append_new(required, json_string(p->name));
	}
	return json_pack("{s:b,s:{s:{s:{s:s,s:b,s:o,s:o}}}}", "required", 1, "content", "application/json", "schema", "type", "object",
	    "additionalProperties", 0, "required", required, "properties", members);
}

static json_t *
good_answer(const struct route *r)
{
	size_t n = strlen(r->reply);
	char name[32];

	if (n == 0)
		return json_pack("{s:s}", "description", "done");
	if (strchr(r->reply, '/') != NULL)
		return json_pack("{s:s,s:{s:{}}}", "description", r->summary, "content", r->reply);
	if (n < 2 || strcmp(r->reply + n - 2, "[]") != 0)
		return json_pack("{s:s,s:{s:{s:{s:s+}}}}", "description", r->summary, "content", "application/json", "schema", "$ref",
		    "#/components/schemas/", r->reply);
	str_copy(name, sizeof(name), r->reply);
	name[n - 2] = '\0';
	return json_pack("{s:s,s:{s:{s:o}}}", "description", r->summary, "content", "application/json", "schema", list_of(name));
}

static const char *
good_status(const struct route *r)
{
	return r->reply[0] == '\0' ? "204" : strcmp(r->reply, "File") == 0 ? "201" : "200";
}

static json_t *
operation_of(const struct route *r)
{
	json_t *op = json_pack("{s:s,s:s,s:s,s:o,s:{s:o,s:{s:s}}}", "operationId", r->id, "summary", r->summary, "x-safekit-role",
	    r->role == ROLE_NONE ? "none" : role_names[r->role], "parameters", parameters_of(r), "responses", good_status(r), good_answer(r), "default",
	    "$ref", "#/components/responses/Problem");

	if (r->body != BODY_NONE)
		json_object_set_new(op, "requestBody", body_of(r));
	return op;
}

json_t *
openapi_document(void)
{
	json_t *paths = json_object(), *schemas = json_object(), *item;
	char name[96], *p;
	size_t i;

	for (i = 0; i < routes_count; i++) {
		path_format(name, sizeof(name), "%s", routes[i].path);
		item = json_object_get(paths, name);
		if (item == NULL) {
			item = json_object();
			json_object_set_new(paths, name, item);
		}
		path_format(name, sizeof(name), "%s", routes[i].method);
		for (p = name; *p != '\0'; p++)
			*p |= 0x20;
		json_object_set_new(item, name, operation_of(&routes[i]));
	}
	for (i = 0; i < ARRAY_LEN(types); i++)
		json_object_set_new(schemas, types[i]->name, schema_of_report(types[i]));
	add_own_schemas(schemas);
	return json_pack("{s:s,s:{s:s,s:s,s:s},s:[{s:s}],s:o,s:{s:o,s:{s:{s:s,s:{s:{s:{s:s}}}}}}}", "openapi", "3.1.0", "info", "title", "openha-kit",
	    "version", PACKAGE_VERSION, "description", "Errors are application/problem+json (RFC 9457). doc/API.md says more.", "servers", "url", API_PREFIX,
	    "paths", paths, "components", "schemas", schemas, "responses", "Problem", "description", "what was wrong, what was expected", "content",
	    "application/problem+json", "schema", "$ref", "#/components/schemas/Problem");
}

void
openapi_markdown(FILE *to)
{
	static const char *const bodies[] = { [BODY_NONE] = "", [BODY_JSON] = "JSON: ", [BODY_FILE] = "a file" };
	const struct param *p;
	size_t i;

	fputs("| method, path | role | takes | gives |\n|---|---|---|---|\n", to);
	for (i = 0; i < routes_count; i++) {
		const struct route *r = &routes[i];
		const char *gap = "";

		fprintf(to, "| %s `%s` | %s | ", r->method, r->path, r->role == ROLE_NONE ? "none" : role_names[r->role]);
		for (p = r->params; p != NULL && p->type != P_END; p++)
			if (p->in == IN_QUERY) {
				fprintf(to, "%s`?%s`", gap, p->name);
				gap = " ";
			}
		fprintf(to, "%s%s", r->body != BODY_NONE ? gap : "", bodies[r->body]);
		for (gap = "", p = r->params; p != NULL && p->type != P_END; p++)
			if (p->in == IN_BODY) {
				fprintf(to, "%s`%s`", gap, p->name);
				gap = " ";
			}
		fprintf(to, " | %s |\n", r->summary);
	}
}
