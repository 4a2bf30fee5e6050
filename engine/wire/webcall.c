/* SPDX-License-Identifier: GPL-2.0-or-later */
/* webcall.c: see webcall.h.  One easy handle per call, kept for the next; connections are the multi's and stay open between challenge and request. */
#include "config.h"
#include "wire/webcall.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define CHALLENGE "/node/api/v1/challenge"
#define POLL_MS	  1000

struct webcalls {
	const struct curl_fn *curl;
	CURLM *multi;
	char   node[SK_NAME_MAX];
	char   ca[PATH_MAX], cert[PATH_MAX], cert_key[PATH_MAX];	/* "": none */
	struct webauth_keys keys;
	bool   have_keys;
	char   keys_error[WEBCALL_WHY_MAX];
	int    running;
};

static bool begin_step(struct webcall *c);

/* ---- what libcurl tells ---- */

static size_t
on_body(char *data, size_t size, size_t n, void *ctx)
{
	struct webcall *c = ctx;
	size_t more = size * n;

	if (c->answer_len + more > WEBCALL_ANSWER_MAX) {
		c->too_long = true;
		return 0;
	}
	if (c->answer_len + more + 1 > c->room) {
		size_t room = (c->answer_len + more + 1) * 2;
		char *p = realloc(c->answer, room);

		if (p == NULL)
			return 0;
		c->answer = p;
		c->room = room;
	}
	memcpy(c->answer + c->answer_len, data, more);
	c->answer_len += more;
	c->answer[c->answer_len] = '\0';
	return more;
}

/*
 * The body of a POST.  There is no way back to its beginning, and on purpose: libcurl would send a request again by itself when the
 * connection that the challenge came over ends without an answer, and a command would be done twice.
 */
static size_t
on_send(char *buf, size_t size, size_t n, void *ctx)
{
	struct webcall *c = ctx;
	size_t more = c->len - c->given < size * n ? c->len - c->given : size * n;

	if (more > 0)
		memcpy(buf, (const char *)c->body + c->given, more);
	c->given += more;
	return more;
}

/* ETag wins over Last-Modified: it has the microseconds */
static size_t
on_header(char *data, size_t size, size_t n, void *ctx)
{
	static const char etag[] = "ETag:", modified[] = "Last-Modified:";
	struct webcall *c = ctx;
	size_t len = size * n, at = 0;

	if (len > sizeof(etag) && strncasecmp(data, etag, sizeof(etag) - 1) == 0)
		at = sizeof(etag) - 1;
	else if (c->tag[0] == '\0' && len > sizeof(modified) && strncasecmp(data, modified, sizeof(modified) - 1) == 0)
		at = sizeof(modified) - 1;
	if (at > 0) {
		while (at < len && (data[at] == ' ' || data[at] == '\t'))
			at++;
		(void)path_format(c->tag, sizeof(c->tag), "%.*s", (int)(len - at), data + at);
		c->tag[strcspn(c->tag, "\r\n")] = '\0';
	}
	return len;
}

/* ---- all calls ---- */

/* A file of SAFE/web/conf, "" when it is not there or not ours to read */
static void
conf_file(char *buf, size_t size, const char *name)
{
	if (!path_format(buf, size, "%s/web/conf/%s", path_safe(), name) || access(buf, R_OK) == -1)
		buf[0] = '\0';
}

struct webcalls *
webcalls_new(const char *node, char *err, size_t errsize)
{
	const struct curl_fn *curl = curl_load(err, errsize);
	struct webcalls *w;

	if (curl == NULL)
		return NULL;
	w = calloc(1, sizeof(*w));
	if (w == NULL || (w->multi = curl->multi_init()) == NULL) {
		str_copy(err, errsize, "no memory");
		free(w);
		return NULL;
	}
	w->curl = curl;
	str_copy(w->node, sizeof(w->node), node);
	conf_file(w->ca, sizeof(w->ca), "cacert.crt");
	conf_file(w->cert, sizeof(w->cert), "admin.crt");
	conf_file(w->cert_key, sizeof(w->cert_key), "admin.key");
	return w;
}

void
webcalls_free(struct webcalls *w)
{
	if (w == NULL)
		return;
	w->curl->multi_cleanup(w->multi);
	webauth_keys_clear(&w->keys);
	free(w);
}

void
webcalls_reread(struct webcalls *w)
{
	w->have_keys = false;
}

CURLM *
webcalls_multi(struct webcalls *w)
{
	return w->multi;
}

const struct curl_fn *
webcalls_curl(struct webcalls *w)
{
	return w->curl;
}

static bool
need_keys(struct webcall *c)
{
	struct webcalls *w = c->of;

	if (!w->have_keys || w->keys.n == 0)
		webauth_keys(&w->keys, true, w->keys_error, sizeof(w->keys_error));
	w->have_keys = true;
	if (w->keys.n > 0)
		return true;
	if (w->keys_error[0] != '\0')
		str_copy(c->why, sizeof(c->why), w->keys_error);
	else
		snprintf(c->why, sizeof(c->why), "this server has no credential: expected a cluster configuration, or the password of "
		    "webservercfg -passwd");
	return false;
}

/* ---- one transfer ---- */

static bool
easy_make(struct webcall *c)
{
	const struct curl_fn *f = c->of->curl;
	struct webcalls *w = c->of;
	CURL *e = f->easy_init();

	if (e == NULL)
		return false;
	c->easy = e;
	f->easy_setopt(e, CURLOPT_PRIVATE, c);
	f->easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	f->easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	f->easy_setopt(e, CURLOPT_USERAGENT, "safekit/" PACKAGE_VERSION);
	f->easy_setopt(e, CURLOPT_PROXY, "");		/* what the environment says is not about the cluster */
	f->easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	f->easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	f->easy_setopt(e, CURLOPT_TCP_KEEPIDLE, 15L);
	f->easy_setopt(e, CURLOPT_TCP_KEEPINTVL, 5L);
	f->easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)WEBCALL_CONNECT_MS);
	f->easy_setopt(e, CURLOPT_ERRORBUFFER, c->error);
	f->easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	f->easy_setopt(e, CURLOPT_WRITEDATA, c);
	f->easy_setopt(e, CURLOPT_READFUNCTION, on_send);
	f->easy_setopt(e, CURLOPT_READDATA, c);
	f->easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	f->easy_setopt(e, CURLOPT_HEADERDATA, c);
	f->easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (w->ca[0] != '\0')		/* certificates of the cluster's own authority only; without one those that the system trusts */
		f->easy_setopt(e, CURLOPT_CAINFO, w->ca);
	if (w->cert[0] != '\0' && w->cert_key[0] != '\0') {
		f->easy_setopt(e, CURLOPT_SSLCERT, w->cert);
		f->easy_setopt(e, CURLOPT_SSLKEY, w->cert_key);
	}
	return true;
}

static bool
add_header(struct webcall *c, const char *line)
{
	struct curl_slist *more = c->of->curl->slist_append(c->headers, line);

	if (more != NULL)
		c->headers = more;
	return more != NULL;
}

/* The headers of this step; authorization: NULL for none */
static bool
set_headers(struct webcall *c, const char *authorization)
{
	char line[WEBAUTH_HEADER_MAX + 64];

	c->of->curl->slist_free_all(c->headers);
	c->headers = NULL;
	if (!add_header(c, "Expect:") || !add_header(c, "Accept: application/json, text/plain;q=0.5"))
		return false;
	if (c->open)
		return true;
	if (!add_header(c, "X-Safekit-Csrf: 1") || !path_format(line, sizeof(line), "X-Safekit-Node: %s", c->of->node)
	    || (c->of->node[0] != '\0' && !add_header(c, line)))
		return false;
	if (authorization == NULL)
		return true;
	/* with its hash known before, the signature is checked before a byte of the body is taken */
	if (c->len > 0 && (!path_format(line, sizeof(line), "Content-Type: %s", c->type) || !add_header(c, line) ||
	    !path_format(line, sizeof(line), "X-Safekit-Body: %s", c->hash) || !add_header(c, line)))
		return false;
	return path_format(line, sizeof(line), "Authorization: %s", authorization) && add_header(c, line);
}

/* Hand it to the multi */
static bool
start(struct webcall *c, const char *method, const char *path, int64_t timeout_ms, const char *authorization)
{
	const struct curl_fn *f = c->of->curl;
	char url[WEBCALL_URL_MAX + WEBAUTH_PATH_MAX];

	if (!path_format(url, sizeof(url), "%s%s", c->url, path) || !set_headers(c, authorization)) {
		str_copy(c->why, sizeof(c->why), "no memory, or an address that is too long");
		return false;
	}
	c->answer_len = 0;
	c->tag[0] = c->error[0] = '\0';
	c->too_long = false;
	f->slist_free_all(c->resolved);
	c->resolved = c->resolve != NULL ? f->slist_append(NULL, c->resolve) : NULL;
	f->easy_setopt(c->easy, CURLOPT_RESOLVE, c->resolved);
	f->easy_setopt(c->easy, CURLOPT_URL, url);
	f->easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
	f->easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)(timeout_ms + WEBCALL_CONNECT_MS));
	f->easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, strcmp(method, "DELETE") == 0 ? method : NULL);
	if (strcmp(method, "POST") == 0) {
		f->easy_setopt(c->easy, CURLOPT_POST, 1L);
		c->given = 0;
		f->easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->len);
	} else {
		f->easy_setopt(c->easy, CURLOPT_HTTPGET, 1L);
	}
	if (f->multi_add_handle(c->of->multi, c->easy) != CURLM_OK) {
		str_copy(c->why, sizeof(c->why), "no memory");
		return false;
	}
	c->running = true;
	c->of->running++;
	return true;
}

/* ---- the steps of a call ---- */

static const struct webauth_key *
key_of(const struct webcall *c)
{
	return c->key != NULL ? c->key : &c->of->keys.key[c->attempt];
}

static bool
begin_step(struct webcall *c)
{
	c->asking = !c->open;
	if (c->open)
		return start(c, c->method, c->path, c->timeout_ms, NULL);
	return start(c, "GET", CHALLENGE, WEBCALL_REPLY_MS, NULL);
}

bool
webcall_begin(struct webcalls *w, struct webcall *c)
{
	webcall_cancel(c);
	c->of = w;
	c->status = 0;
	c->attempt = 0;
	c->answer_len = 0;
	c->why[0] = '\0';
	c->tls_refused = c->no_challenge = c->unknown = false;
	if (c->easy == NULL && !easy_make(c)) {
		str_copy(c->why, sizeof(c->why), "no memory");
		return false;
	}
	return (c->open || need_keys(c)) && begin_step(c);
}

/* The challenge has been answered: now the request.  false: c->why */
static bool
send_request(struct webcall *c)
{
	const char *body = c->len > 0 ? c->body : "", *nonce;
	struct webauth_ask ask = { .method = c->method, .path = c->path, .body_hash = c->hash };
	char line[WEBAUTH_HEADER_MAX], *address = NULL;
	json_t *obj = c->answer_len > 0 ? json_loadb(c->answer, c->answer_len, 0, NULL) : NULL;
	bool ok;

	nonce = json_string_value(json_object_get(obj, "nonce"));
	c->of->curl->easy_getinfo(c->easy, CURLINFO_PRIMARY_IP, &address);
	ask.server = address != NULL ? address : "";
	ok = nonce != NULL && webauth_hash(body, c->len, c->hash) && webauth_sign(key_of(c)->key, &ask, nonce, line);
	json_decref(obj);
	if (!ok) {
		c->no_challenge = true;
		str_copy(c->why, sizeof(c->why), "its web service gives no challenge that is understood: expected that of this suite");
		return false;
	}
	c->asking = false;
	return start(c, c->method, c->path, c->timeout_ms, line);
}

static void
finish(struct webcall *c, long status)
{
	c->status = status;
	if (status != 0 && !c->open && status != 401)
		c->key = key_of(c);
	c->done(c);
}

/* A certificate that was not accepted: libcurl says what is wrong with it, not whom we believe */
static void
add_trusted(struct webcall *c)
{
	size_t n = strlen(c->why);

	if (c->of->ca[0] != '\0')
		snprintf(c->why + n, sizeof(c->why) - n, "; trusted is %.128s", c->of->ca);
	else
		str_copy(c->why + n, sizeof(c->why) - n, "; without SAFE/web/conf/cacert.crt what the system trusts counts");
}

/* One transfer is over: the next step, or the end of the call */
static void
ended(struct webcall *c, CURLcode rc)
{
	const struct curl_fn *f = c->of->curl;
	long status = 0;

	f->multi_remove_handle(c->of->multi, c->easy);
	c->running = false;
	c->of->running--;
	if (rc != CURLE_OK) {
		if (c->too_long)
			snprintf(c->why, sizeof(c->why), "its answer is longer than %u MiB", WEBCALL_ANSWER_MAX >> 20);
		else
			str_copy(c->why, sizeof(c->why), c->error[0] != '\0' ? c->error : f->easy_strerror(rc));
		if (rc == CURLE_PEER_FAILED_VERIFICATION)
			add_trusted(c);
		c->tls_refused = rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CONNECT_ERROR || rc == CURLE_SSL_CERTPROBLEM
		    || rc == CURLE_SSL_CACERT_BADFILE;
		if (rc == CURLE_SEND_FAIL_REWIND)
			str_copy(c->why, sizeof(c->why), "the connection ended without an answer");
		c->unknown = !c->asking && !c->tls_refused && rc != CURLE_COULDNT_CONNECT && rc != CURLE_COULDNT_RESOLVE_HOST;
		finish(c, 0);
		return;
	}
	f->easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (c->asking && status == 200) {
		if (!send_request(c))
			finish(c, 0);
		return;
	}
	if (!c->asking && status == 401 && !c->open && c->key == NULL && c->attempt + 1 < c->of->keys.n) {
		c->attempt++;
		if (!begin_step(c))
			finish(c, 0);
		return;
	}
	/* Apache had given it on when the service behind it ended, or was too slow */
	c->unknown = !c->asking && (status == 502 || status == 504);
	finish(c, status);
}

void
webcall_cancel(struct webcall *c)
{
	if (!c->running)
		return;
	c->of->curl->multi_remove_handle(c->of->multi, c->easy);
	c->running = false;
	c->of->running--;
}

void
webcall_end(struct webcall *c)
{
	webcall_cancel(c);
	if (c->easy != NULL)
		c->of->curl->easy_cleanup(c->easy);
	if (c->headers != NULL)
		c->of->curl->slist_free_all(c->headers);
	if (c->resolved != NULL)
		c->of->curl->slist_free_all(c->resolved);
	free(c->answer);
	c->easy = c->headers = c->resolved = NULL;
	c->answer = NULL;
	c->answer_len = c->room = 0;
}

void
webcalls_reap(struct webcalls *w)
{
	const struct curl_fn *f = w->curl;
	CURLMsg *m;
	int left;

	while ((m = f->multi_info_read(w->multi, &left)) != NULL) {
		struct webcall *c = NULL;
		CURLcode rc = m->data.result;	/* m is gone when the handle is removed */

		if (m->msg != CURLMSG_DONE)
			continue;
		f->easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)(void *)&c);
		ended(c, rc);
	}
}

void
webcalls_run(struct webcalls *w)
{
	int running;

	while (w->running > 0) {
		w->curl->multi_perform(w->multi, &running);
		webcalls_reap(w);
		if (w->running > 0 && running > 0)
			w->curl->multi_poll(w->multi, NULL, 0, POLL_MS, NULL);
	}
}

void
webcall_refusal(const struct webcall *c, char *buf, size_t size)
{
	json_t *obj = c->answer_len > 0 ? json_loadb(c->answer, c->answer_len, 0, NULL) : NULL;
	const char *title = json_string_value(json_object_get(obj, "title")), *detail = json_string_value(json_object_get(obj, "detail"));

	if (title == NULL && detail == NULL)
		snprintf(buf, size, "HTTP status %ld%s", c->status, c->status == 404 || c->status == 502 || c->status == 503
		    ? ": its web service is not that of this suite, or does not run as a whole" : "");
	else
		snprintf(buf, size, "%.100s%s%.180s", title != NULL ? title : "", title != NULL && detail != NULL ? ": " : "",
		    detail != NULL ? detail : "");
	json_decref(obj);
}
