/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answer.c: answers and problems (RFC 9457), the same head for all.
 */
#include "config.h"
#include "web/gateway/gateway.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWERS_MAX	(128u << 20)	/* bytes of answers that clients have not got yet (ours) */

const char *
arg_text(const struct request *r, const char *name)
{
	return json_string_value(json_object_get(r->args, name));
}

json_int_t
arg_int(const struct request *r, const char *name, json_int_t otherwise)
{
	const json_t *v = json_object_get(r->args, name);

	return v != NULL ? json_integer_value(v) : otherwise;
}

bool
arg_true(const struct request *r, const char *name)
{
	return json_is_true(json_object_get(r->args, name));
}

static struct MHD_Response *
with_head(struct MHD_Response *m, const char *type)
{
	if (m == NULL)
		return NULL;
	MHD_add_response_header(m, "Content-Type", type);
	MHD_add_response_header(m, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(m, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
	return m;
}

struct MHD_Response *
response_text(const char *text, size_t len, const char *type)
{
	return with_head(MHD_create_response_from_buffer(len, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY), type);
}

/* A text that is the answer's until the last one who waits for it has it */
struct held { char *text; size_t len; };
static size_t on_way;

static void
given(void *ctx)
{
	struct held *h = ctx;

	on_way -= h->len;
	free(h->text);
	free(h);
}

struct MHD_Response *
response_own(char *text, size_t len, const char *type)
{
	struct held *h = on_way > ANSWERS_MAX ? NULL : malloc(sizeof(*h));
	struct MHD_Response *m = NULL;

	if (h != NULL) {
		*h = (struct held){ text, len };
		m = MHD_create_response_from_buffer_with_free_callback_cls(len, text, given, h);
	}
	if (m == NULL) {
		free(h);
		free(text);
		return NULL;
	}
	on_way += len;
	return with_head(m, type);
}

/* A request that has its answer keeps it: what comes later is of an order that nobody waits for any more */
void
answer_response(struct request *r, unsigned status, struct MHD_Response *m)
{
	if (r->response == NULL) {
		r->response = m;
		r->status = status;
	} else if (m != NULL) {
		MHD_destroy_response(m);
	}
	request_resume(r);
}

void
answer_json(struct request *r, unsigned status, json_t *value)
{
	char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	struct MHD_Response *m;

	json_decref(value);
	if (text == NULL) {
		problem(r, 500, "no memory");
		return;
	}
	m = response_own(text, strlen(text), "application/json");
	if (m == NULL) {
		problem(r, 503, "too many answers wait for clients that do not read");
		return;
	}
	MHD_add_response_header(m, "Cache-Control", "no-store");
	answer_response(r, status, m);
}

static const char *
title(unsigned status)
{
	static const struct { unsigned status; const char *title; } titles[] = {
		{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 408, "Request Timeout" }, { 409, "Conflict" }, { 412, "Precondition Failed" }, { 413, "Content Too Large" }, { 415, "Unsupported Media Type" },
		{ 422, "Unprocessable Content" }, { 429, "Too Many Requests" }, { 500, "Internal Server Error" }, { 503, "Service Unavailable" },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(titles); i++)
		if (titles[i].status == status)
			return titles[i].title;
	return "Error";
}

void
problem(struct request *r, unsigned status, const char *fmt, ...)
{
	char detail[2048], *text;
	struct MHD_Response *m;
	json_t *obj;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	str_make_utf8(detail);
	obj = json_pack("{s:s,s:s,s:i,s:s}", "type", "about:blank", "title", title(status), "status", (int)status, "detail", detail);
	text = json_dumps(obj, JSON_COMPACT);
	json_decref(obj);
	m = response_text(text != NULL ? text : "{}", text != NULL ? strlen(text) : 2, "application/problem+json");
	free(text);
	if (m != NULL) {
		MHD_add_response_header(m, "Cache-Control", "no-store");
		if (status == 503)
			MHD_add_response_header(m, "Retry-After", "1");
		if (status == 401 && r->node)
			MHD_add_response_header(m, "WWW-Authenticate", "SafeKit");
	}
	answer_response(r, status, m);
}
