/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * caserv_http.c: the process that speaks HTTP: a form becomes a request to the keeper, its answer becomes the page.
 *
 * Owns: the listening socket.  One thread: one form at a time is worked on.  Never does: open a file, know a key.
 * Everything was authenticated by Apache; here it is checked that the browser did not send it on behalf of another site.
 */
#include "config.h"
#include "web/pki/caserv.h"

#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECTIONS_MAX	32	/* (ours) */
#define TIMEOUT_S	30
#define FORM_BYTES_MAX	(512 * 1024)	/* of a body, all fields and their wrapping (ours) */
#define FRAME_MAX	(2u << 20)

static int keeper = -1;

struct value { char name[64]; char *data; size_t len; };
struct form {
	struct MHD_PostProcessor *pp;
	struct value values[CASERV_FIELDS_MAX + 1];
	int	n;
	size_t	bytes;
	const char *wrong;	/* NULL: good so far; else the body is read to its end (Apache bounds it), so that the answer arrives */
	unsigned status;	/* of that answer */
};

static enum MHD_Result
answer(struct MHD_Connection *c, unsigned status, const char *type, const char *name, const void *data, size_t len)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, (void *)(uintptr_t)data, MHD_RESPMEM_MUST_COPY);
	char disposition[256];
	enum MHD_Result rc;

	if (r == NULL)
		return MHD_NO;
	(void)MHD_add_response_header(r, "Content-Type", type);
	(void)MHD_add_response_header(r, "Cache-Control", "no-store");
	if (name != NULL && path_format(disposition, sizeof(disposition), "attachment; filename=\"%s\"", name))
		(void)MHD_add_response_header(r, "Content-Disposition", disposition);
	rc = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result
answer_text(struct MHD_Connection *c, unsigned status, const char *text)
{
	return answer(c, status, "text/plain; charset=utf-8", NULL, text, strlen(text));
}

static enum MHD_Result
refuse(struct form *f, const char *why)
{
	f->wrong = why;
	f->status = MHD_HTTP_BAD_REQUEST;
	return MHD_NO;
}

/* A piece of a field.  Fields come in pieces, and one may come again: the first name counts, a second one is refused. */
static enum MHD_Result
on_field(void *ctx, enum MHD_ValueKind kind, const char *key, const char *filename, const char *content_type, const char *encoding, const char *data,
    uint64_t off, size_t size)
{
	struct form *f = ctx;
	struct value *v;
	char *grown;
	int i;

	if (key == NULL)
		return MHD_YES;
	for (i = 0; i < f->n && strcmp(f->values[i].name, key) != 0; i++)
		;
	if (i < f->n && off == 0 && f->values[i].len > 0)
		return refuse(f, "a field was given twice");
	if (i == f->n) {
		if (f->n == (int)ARRAY_LEN(f->values))
			return refuse(f, "too many fields");
		if (!str_copy(f->values[i].name, sizeof(f->values[i].name), key))
			return refuse(f, "the name of a field is too long");
		f->n++;
	}
	v = &f->values[i];
	if (v->len + size > CASERV_FIELD_BYTES)
		return refuse(f, "a field is too long");
	grown = realloc(v->data, v->len + size + 1);
	if (grown == NULL)
		return refuse(f, "no memory");
	memcpy(grown + v->len, data, size);
	v->data = grown;
	v->len += size;
	v->data[v->len] = '\0';
	return MHD_YES;
}

static void
form_free(struct form *f)
{
	int i;

	if (f->pp != NULL)
		(void)MHD_destroy_post_processor(f->pp);
	for (i = 0; i < f->n; i++) {
		if (f->values[i].data != NULL)
			explicit_bzero(f->values[i].data, f->values[i].len);	/* may be a password or a key */
		free(f->values[i].data);
	}
	free(f);
}

/* Empty fields of a form were left out by the user */
static json_t *
form_request(const struct form *f)
{
	json_t *request = json_object(), *fields = json_object();
	int i;

	for (i = 0; i < f->n; i++) {
		const struct value *v = &f->values[i];

		if (v->len == 0)
			continue;
		if (strcmp(v->name, "action") == 0)
			json_object_set_new(request, "action", json_stringn(v->data, v->len));
		else
			json_object_set_new(fields, v->name, json_stringn(v->data, v->len));	/* NULL when it is no UTF-8: checked as missing */
	}
	json_object_set_new(request, "fields", fields);
	return request;
}

static enum MHD_Result
show_reply(struct MHD_Connection *c, const json_t *reply)
{
	const char *text = json_string_value(json_object_get(reply, "text")), *hex = json_string_value(json_object_get(reply, "hex")),
	    *name = json_string_value(json_object_get(reply, "name")), *type = json_string_value(json_object_get(reply, "type"));
	enum MHD_Result rc;
	uint8_t *data;
	size_t n;

	if (json_integer_value(json_object_get(reply, "status")) != 0)
		return answer_text(c, MHD_HTTP_UNPROCESSABLE_CONTENT, text != NULL ? text : "Error: it failed");
	if (hex == NULL || type == NULL || (name != NULL && !caserv_is_file(name)))
		return answer_text(c, MHD_HTTP_OK, text != NULL && text[0] != '\0' ? text : "Done");
	n = strlen(hex) / 2;
	data = malloc(n + 1);
	if (data == NULL || !str_from_hex(hex, data, n)) {
		free(data);
		return answer_text(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "Error: the answer cannot be read");
	}
	rc = answer(c, MHD_HTTP_OK, type, name, data, n);
	free(data);
	return rc;
}

static enum MHD_Result
work(struct MHD_Connection *c, struct form *f)
{
	json_t *request = form_request(f), *reply;
	char err[SK_TEXT_MAX] = "Error: ";
	enum MHD_Result rc;

	if (caserv_check(request, err + strlen(err), sizeof(err) - strlen(err)) == NULL) {
		json_decref(request);
		return answer_text(c, MHD_HTTP_BAD_REQUEST, err);
	}
	reply = caserv_send(keeper, request) ? caserv_receive(keeper, FRAME_MAX) : NULL;
	json_decref(request);
	if (reply == NULL)
		return answer_text(c, MHD_HTTP_SERVICE_UNAVAILABLE, "Error: the process that keeps the keys is gone");
	rc = show_reply(c, reply);
	json_decref(reply);
	return rc;
}

/* What can be said before the body is there; NULL: nothing is wrong */
static const char *
judge(struct MHD_Connection *c, const char *url, const char *method, unsigned *status)
{
	const char *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
	uint64_t n = 0;

	*status = MHD_HTTP_NOT_FOUND;
	if (strcmp(url, "/caserv") != 0)
		return "expected /caserv";
	*status = MHD_HTTP_METHOD_NOT_ALLOWED;
	if (strcmp(method, "POST") != 0)
		return "expected POST";
	*status = MHD_HTTP_FORBIDDEN;
	if (!caserv_same_site(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Host"), MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Origin"),
	    MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Sec-Fetch-Site")))
		return "the request comes from the page of another site";
	*status = 413;
	if (length != NULL && !str_to_u64(length, 0, FORM_BYTES_MAX, &n))
		return "the form is too long";
	return NULL;
}

static enum MHD_Result
begin(struct MHD_Connection *c, const char *url, const char *method, void **ctx)
{
	struct form *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return MHD_NO;
	*ctx = f;
	f->wrong = judge(c, url, method, &f->status);
	if (f->wrong != NULL)
		return MHD_YES;
	f->pp = MHD_create_post_processor(c, 16 * 1024, on_field, f);
	if (f->pp == NULL) {
		f->wrong = "expected a form (application/x-www-form-urlencoded or multipart/form-data)";
		f->status = MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
	}
	return MHD_YES;
}

static void
take(struct form *f, const char *data, size_t size)
{
	if (f->wrong != NULL)
		return;
	f->bytes += size;
	if (f->bytes > FORM_BYTES_MAX) {
		f->wrong = "the form is too long";
		f->status = 413;
	} else if (MHD_post_process(f->pp, data, size) != MHD_YES && f->wrong == NULL) {
		(void)refuse(f, "the form cannot be read");
	}
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method, const char *version, const char *data, size_t *size, void **ctx)
{
	struct form *f = *ctx;
	char text[SK_TEXT_MAX];

	if (f == NULL)
		return begin(c, url, method, ctx);
	if (*size > 0) {
		take(f, data, *size);
		*size = 0;
		return MHD_YES;
	}
	if (f->wrong == NULL && f->pp != NULL) {	/* the last field may be waiting for its end */
		enum MHD_Result rc = MHD_destroy_post_processor(f->pp);

		f->pp = NULL;
		if (rc != MHD_YES && f->wrong == NULL)
			(void)refuse(f, "the form ends too early");
	}
	if (f->wrong == NULL)
		return work(c, f);
	(void)snprintf(text, sizeof(text), "Error: %s", f->wrong);
	return answer_text(c, f->status, text);
}

static void
on_end(void *cls, struct MHD_Connection *c, void **ctx, enum MHD_RequestTerminationCode why)
{
	if (*ctx != NULL)
		form_free(*ctx);
	*ctx = NULL;
}

_Noreturn void
caserv_http(int listener, int pair)
{
	struct pollfd gone = { .fd = pair, .events = POLLRDHUP };
	struct MHD_Daemon *d;

	keeper = pair;
	d = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL, on_request, NULL, MHD_OPTION_LISTEN_SOCKET, listener,
	    MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned)TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(64 * 1024), MHD_OPTION_END);
	if (d == NULL)
		fatal("libmicrohttpd does not start");
	while (poll(&gone, 1, -1) <= 0 || (gone.revents & (POLLRDHUP | POLLHUP | POLLERR)) == 0)
		;
	_exit(0);	/* the keeper is gone; a thread may be waiting for it */
}
