/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * http.c: requests by libmicrohttpd, in the one thread of the child: takes in head and body, asks who.c whether it may be, calls the handler.
 *
 * Owns: struct request.  A request that is refused is still read to its end where its body is short, so that Apache has its answer and not a
 * broken pipe.  Never does: wait.
 */
#include "config.h"
#include "web/gateway/gateway.h"
#include "web/gateway/upload.h"
#include "web/gateway/who.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_S	30	/* without progress of a request or an answer (ours) */
#define MEMORY_MAX	16384	/* of a connection: its head must fit (ours) */
#define SWALLOW_MAX	(1u << 20)	/* bytes of the body of a refused request that are read */

static struct MHD_Daemon *daemon_of;

/* ---- a request's life ---- */

static void *
on_uri(void *ctx, const char *uri, struct MHD_Connection *c)
{
	struct request *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->conn = c;
	r->up.fd = -1;
	r->raw = strlen(uri) <= URI_MAX ? strdup(uri) : NULL;
	return r;
}

static void
on_end(void *ctx, struct MHD_Connection *c, void **mine, enum MHD_RequestTerminationCode why)
{
	struct request *r = *mine;

	*mine = NULL;
	if (r == NULL)
		return;
	events_gone(r);
	upload_end(r);
	if (r->response != NULL && !r->shared)
		MHD_destroy_response(r->response);
	json_decref(r->args);
	EVP_MD_CTX_free(r->hash);
	free(r->body);
	free(r->raw);
	free(r);
}

void
request_resume(struct request *r)
{
	if (!r->suspended)
		return;
	r->suspended = false;
	MHD_resume_connection(r->conn);
}

static enum MHD_Result
suspend(struct request *r)
{
	r->suspended = true;
	MHD_suspend_connection(r->conn);
	return MHD_YES;
}

static enum MHD_Result
reply(struct request *r)
{
	return r->response == NULL ? MHD_NO : MHD_queue_response(r->conn, r->status, r->response);
}

/* ---- head ---- */

static size_t
announced(struct request *r)
{
	const char *text = MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, "Content-Length");
	uint64_t n = 0;

	if (text == NULL)
		return MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, "Transfer-Encoding") != NULL ? 1 : 0;
	return str_to_u64(text, 0, UINT64_MAX, &n) && n < SIZE_MAX ? (size_t)n : SIZE_MAX;
}

static bool
is_json_type(const char *type)
{
	static const char json[] = "application/json";
	size_t n = sizeof(json) - 1;

	return type != NULL && strncasecmp(type, json, n) == 0 && (type[n] == '\0' || type[n] == ';' || type[n] == ' ');
}

/* Does its body, as the head announces it, fit the route?  A problem where not. */
static void
check_announced(struct request *r)
{
	static const size_t most[] = { [BODY_NONE] = 0, [BODY_JSON] = JSON_MAX, [BODY_FILE] = FILE_MAX };
	size_t n = announced(r);

	if (r->route->body == BODY_NONE && n > 0)
		problem(r, 400, "expected no body");
	else if (n > most[r->route->body])
		problem(r, 413, "body: expected at most %zu bytes", most[r->route->body]);
	else if (r->route->body == BODY_JSON && !is_json_type(MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, "Content-Type")))
		problem(r, 415, "Content-Type: expected application/json");
}

/* Everything that the head tells: the request has a problem afterwards, or goes on */
static void
take_head(struct request *r, const char *method)
{
	char err[256], allow[64];
	unsigned status;
	size_t skip;

	if (r->raw == NULL) {
		problem(r, 400, "path: expected at most %d bytes", URI_MAX);
		return;
	}
	if (!uri_parse(r->raw, &r->uri, err, sizeof(err))) {
		problem(r, 400, "%s", err);
		return;
	}
	if (!who_is(r, &skip) || !who_is_no_trick(r, method))
		return;
	r->route = route_find(method, &r->uri, skip, &status, allow, sizeof(allow));
	if (r->route == NULL) {
		problem(r, status, status == 405 ? "method: expected one of %s" : "there is no such path%s", status == 405 ? allow : "");
		if (status == 405 && r->response != NULL)
			MHD_add_response_header(r->response, "Allow", allow);
		return;
	}
	if (!who_may(r, method))
		return;
	r->args = route_params(r->route, &r->uri, skip, &status, err, sizeof(err));
	if (r->args == NULL)
		problem(r, status, "%s", err);
	else
		check_announced(r);
	/* without it a body that is not the one that was signed would not be seen */
	if (r->response == NULL && r->node && ((r->hash = EVP_MD_CTX_new()) == NULL || EVP_DigestInit_ex(r->hash, EVP_sha256(), NULL) != 1))
		problem(r, 503, "no memory");
}

/* ---- body ---- */

static void
take_json(struct request *r, const char *data, size_t n)
{
	char *more;

	if (r->body_len + n > JSON_MAX) {
		problem(r, 413, "body: expected at most %d bytes", JSON_MAX);
		return;
	}
	more = realloc(r->body, r->body_len + n);
	if (more == NULL) {
		problem(r, 503, "no memory");
		return;
	}
	r->body = more;
	memcpy(r->body + r->body_len, data, n);
	r->body_len += n;
}

/* A part of the body.  MHD_YES with *size left alone: it is told again when we go on */
static enum MHD_Result
take_body(struct request *r, const char *method, const char *data, size_t *size)
{
	size_t n = *size;

	if (r->response == NULL && (!who_proves(r, method, false) || (r->route->body == BODY_FILE && !upload_ready(r))) && r->response == NULL)
		return suspend(r);
	if (r->response != NULL) {
		*size = 0;
		r->swallowed += n;
		return r->swallowed <= SWALLOW_MAX ? MHD_YES : MHD_NO;
	}
	if (r->route->body == BODY_FILE)
		upload_take(r, data, n);
	else if (r->route->body == BODY_JSON)
		take_json(r, data, n);
	else
		problem(r, 400, "expected no body");
	if (r->hash != NULL)
		(void)EVP_DigestUpdate(r->hash, data, n);
	*size = 0;
	return MHD_YES;
}

static void
dispatch(struct request *r)
{
	unsigned status;
	char err[256];

	r->dispatched = true;
	if (r->route->body == BODY_JSON && !route_body(r->route, r->body != NULL ? r->body : "", r->body_len, r->args, &status, err, sizeof(err)))
		problem(r, status, "%s", err);
	else
		r->route->run(r);
}

/* All has come: go on as far as it goes now */
static enum MHD_Result
finish(struct request *r, const char *method)
{
	if (r->response == NULL && !who_proves(r, method, true) && r->response == NULL)
		return suspend(r);
	if (r->response == NULL && r->route->body == BODY_FILE && !upload_kept(r) && r->response == NULL)
		return suspend(r);
	if (r->response == NULL && !r->dispatched)
		dispatch(r);
	return r->response != NULL ? reply(r) : suspend(r);
}

static enum MHD_Result
on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method, const char *version, const char *data, size_t *size,
    void **mine)
{
	struct request *r = *mine;

	if (r == NULL)
		return MHD_NO;
	if (!r->begun) {
		r->begun = true;
		take_head(r, method);
		/* a long body is not waited for */
		return r->response != NULL && announced(r) > SWALLOW_MAX ? reply(r) : MHD_YES;
	}
	if (*size > 0)
		return take_body(r, method, data, size);
	return finish(r, method);
}

/* ---- the server ---- */

/* The library's own words: what a client did, mostly */
static void __attribute__((format(printf, 2, 0)))
on_said(void *ctx, const char *fmt, va_list ap)
{
	char text[512];

	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	gate_log_rarely("libmicrohttpd: %s", text);
}

bool
http_start(int listener)
{
	daemon_of = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, NULL,
	    MHD_OPTION_EXTERNAL_LOGGER, on_said, NULL, MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_URI_LOG_CALLBACK, on_uri, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_MAX, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	return daemon_of != NULL;
}

void
http_stop(void)
{
	MHD_stop_daemon(daemon_of);
}

int
http_fd(void)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon_of, MHD_DAEMON_INFO_EPOLL_FD);

	return info != NULL ? info->epoll_fd : -1;
}

int
http_timeout(void)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(daemon_of, &ms) != MHD_YES)
		return -1;
	return ms > 60000 ? 60000 : (int)ms;
}

void
http_turn(void)
{
	(void)MHD_run(daemon_of);
}
