/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * http.c: serves /metrics by libmicrohttpd, in one thread of its.
 *
 * Owns: the listening socket and the answers on their way: at most CONNECTIONS.  A client that is slow or silent has its own buffer and is
 * closed after TIMEOUT_S; nobody waits for it.  Never does: know what a metric is.
 */
#include "config.h"
#include "agent/export/accept.h"
#include "agent/export/export.h"

#include <sys/socket.h>
#include <netinet/in.h>
#include <errno.h>
#include <microhttpd.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS	16	/* each may hold an answer: 3 MB at 5000 resources (ours) */
#define ANSWERS_MAX	(128u << 20)	/* bytes of answers on their way; one alone may be more (ours; the unit has MemoryMax=512M) */
#define TIMEOUT_S	15	/* without progress (ours) */
#define FILE_MAX	65536	/* bytes of a certificate, key or auth_file (ours) */
#define TLS_PRIORITIES	"SECURE256:SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct http {
	struct MHD_Daemon *daemon;
	size_t	 on_way;	/* bytes of answers that clients have not got yet.  The HTTP thread's */
	struct keep *keep;
	char	*users;		/* auth_file; NULL = everybody */
	char	*certificate, *key;
	bool	 known;		/* good: who was let in last, so that a scrape does not cost a crypt(3) each time.  The HTTP thread's */
	unsigned char good[EVP_MAX_MD_SIZE];
};

static enum MHD_Result
answer(struct MHD_Connection *c, unsigned status, const char *text)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result rc = MHD_NO;

	if (r == NULL)
		return MHD_NO;
	MHD_add_response_header(r, "Content-Type", "text/plain; charset=utf-8");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "GET, HEAD");
	rc = status == MHD_HTTP_UNAUTHORIZED ? MHD_queue_basic_auth_fail_response(c, "safeexport", r) : MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return rc;
}

struct answer { struct http *http; char *text; size_t len; };

static void
answered(void *ctx)
{
	struct answer *a = ctx;

	a->http->on_way -= a->len;
	free(a->text);
	free(a);
}

static struct MHD_Response *
response_of(struct http *h, struct text *out)
{
	struct answer *a = out->failed ? NULL : malloc(sizeof(*a));
	struct MHD_Response *r;

	if (a == NULL)
		return NULL;
	*a = (struct answer){ h, out->p, out->len };
	r = MHD_create_response_from_buffer_with_free_callback_cls(out->len, out->p, answered, a);
	if (r == NULL)
		free(a);
	else
		h->on_way += out->len;
	return r;
}

static enum MHD_Result
answer_metrics(struct http *h, struct MHD_Connection *c)
{
	bool openmetrics = accept_openmetrics(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Accept"));
	struct text out = { .p = NULL };
	struct MHD_Response *r = NULL;
	enum MHD_Result rc = MHD_NO;

	if (h->on_way > ANSWERS_MAX)
		return answer(c, MHD_HTTP_SERVICE_UNAVAILABLE, "too many answers wait for clients that do not read\n");
	render(h->keep, openmetrics, &out);
	r = response_of(h, &out);
	if (r == NULL) {
		text_free(&out);
		return answer(c, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory\n");
	}
	MHD_add_response_header(r, "Content-Type", openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8" :
	    "text/plain; version=0.0.4; charset=utf-8");
	rc = MHD_queue_response(c, MHD_HTTP_OK, r);
	MHD_destroy_response(r);
	return rc;
}

static bool
let_in(struct http *h, struct MHD_Connection *c)
{
	unsigned char digest[EVP_MAX_MD_SIZE] = { 0 };
	char *password = NULL, *user, *both;
	bool good = false;
	size_t n;

	if (h->users == NULL)
		return true;
	user = MHD_basic_auth_get_username_password(c, &password);
	if (user == NULL || password == NULL || (both = malloc(n = strlen(user) + strlen(password) + 2)) == NULL) {
		MHD_free(user);
		MHD_free(password);
		return false;
	}
	snprintf(both, n, "%s:%s", user, password);
	if (EVP_Digest(both, n, digest, NULL, EVP_sha256(), NULL) == 1) {
		good = h->known && memcmp(digest, h->good, sizeof(digest)) == 0;
		if (!good && accept_password(h->users, user, password)) {
			good = h->known = true;
			memcpy(h->good, digest, sizeof(digest));
		}
	}
	explicit_bzero(both, n);
	explicit_bzero(password, strlen(password));
	free(both);
	MHD_free(user);
	MHD_free(password);
	return good;
}

static enum MHD_Result
on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method, const char *version, const char *data, size_t *size,
    void **mine)
{
	static const char page[] = "safeexport " PACKAGE_VERSION "\n/metrics\n";
	struct http *h = ctx;
	static int seen;

	if (*mine == NULL) {
		*mine = &seen;	/* the headers: the answer follows when all has come */
		return MHD_YES;
	}
	if (*size != 0) {
		*size = 0;	/* a body is not looked at */
		return MHD_YES;
	}
	if (!let_in(h, c))
		return answer(c, MHD_HTTP_UNAUTHORIZED, "who are you?\n");
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
	if (strcmp(url, "/metrics") == 0)
		return answer_metrics(h, c);
	return strcmp(url, "/") == 0 ? answer(c, MHD_HTTP_OK, page) : answer(c, MHD_HTTP_NOT_FOUND, "not here: /metrics\n");
}

static bool
read_file(const char *file, char **text)
{
	char path[1024];

	if (file[0] == '\0')
		return true;
	if (conf_secret_path(file, path, sizeof(path)) && path_read(path, text, FILE_MAX) != -1)
		return true;
	warn_errno("%s", file);
	return false;
}

static struct MHD_Daemon *
start(struct http *h, const struct sockaddr_storage *sa)
{
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | (sa->ss_family == AF_INET6 ? MHD_USE_IPv6 : 0) | (h->key != NULL ? MHD_USE_TLS : 0);
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, h->key }, { MHD_OPTION_HTTPS_MEM_CERT, 0, h->certificate },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES }, { MHD_OPTION_END, 0, NULL },
	};
	struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };

	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, h, MHD_OPTION_SOCK_ADDR, sa, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_ARRAY,
	    h->key != NULL ? tls : none, MHD_OPTION_END);
}

struct http *
http_start(struct exporter *e)
{
	const struct export_conf *conf = &e->conf;
	struct http *h = calloc(1, sizeof(*h));
	const union MHD_DaemonInfo *info;
	struct sockaddr_storage sa;
	bool loopback;

	if (h == NULL || !accept_address(conf->listen, &sa, &loopback)) {
		warn_text("listen = %s: expected ADDRESS:PORT or [ADDRESS]:PORT, in numbers", conf->listen);
		free(h);
		return NULL;
	}
	h->keep = &e->keep;
	if (!read_file(conf->tls_certificate, &h->certificate) || !read_file(conf->tls_key, &h->key) || !read_file(conf->auth_file, &h->users)) {
		http_stop(h);
		return NULL;
	}
	h->daemon = start(h, &sa);
	if (h->daemon == NULL) {
		warn_text("cannot listen on %s%s: %s", conf->listen, h->key != NULL ? " with TLS" : "", strerror(errno));
		http_stop(h);
		return NULL;
	}
	info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_BIND_PORT);
	warn_text("listening on %.*s:%u", (int)(strrchr(conf->listen, ':') - conf->listen), conf->listen, info != NULL ? info->port : 0u);
	if (!loopback && (h->key == NULL || h->users == NULL))
		warn_text("listen = %s: anybody who reaches this address may read%s", conf->listen, h->key == NULL ? ", and listen on the way" : "");
	return h;
}

void
http_stop(struct http *h)
{
	if (h == NULL)
		return;
	if (h->daemon != NULL)
		MHD_stop_daemon(h->daemon);
	if (h->key != NULL)
		explicit_bzero(h->key, strlen(h->key));
	free(h->key);
	free(h->certificate);
	free(h->users);
	free(h);
}
