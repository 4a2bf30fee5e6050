/* SPDX-License-Identifier: GPL-2.0-or-later */
/* far.c: libcurl's transfers on the loop of checkd, and what their answers say of a module (far.h). */
#include "config.h"
#include "check/far.h"
#include "wire/webcall.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct far {
	uv_loop_t	*loop;
	uv_timer_t	 timer;
	struct webcalls	*calls;
};

struct far_look {
	struct far	*far;
	struct row	*row;
	void	       (*seen)(struct row *r, const struct far_seen *s);
	struct webcall	 call;
	char		 url[WEBCALL_URL_MAX], path[SK_NAME_MAX + 64], resolve[ADDRS_MAX * (INET6_ADDRSTRLEN + 3) + 280];
	char		 tag[sizeof(((struct webcall *)0)->tag)];	/* of ready.txt when it was there last, "" it was not */
};

/* ---- libcurl's sockets and timer on the loop ---- */

static void
free_poll(uv_handle_t *h)
{
	free(h);
}

static void
act(struct far *f, curl_socket_t fd, int flags)
{
	int running;

	webcalls_curl(f->calls)->multi_socket_action(webcalls_multi(f->calls), fd, flags, &running);
	webcalls_reap(f->calls);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	uv_os_fd_t fd;

	if (uv_fileno((uv_handle_t *)poll, &fd) == 0)
		act(poll->data, fd, status < 0 ? CURL_CSELECT_ERR :
		    (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0));
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *own)
{
	struct far *f = ctx;
	uv_poll_t *poll = own;

	if (what == CURL_POLL_REMOVE) {
		if (poll != NULL)
			uv_close((uv_handle_t *)poll, free_poll);
		webcalls_curl(f->calls)->multi_assign(webcalls_multi(f->calls), fd, NULL);
		return 0;
	}
	if (poll == NULL) {
		poll = malloc(sizeof(*poll));
		if (poll == NULL || uv_poll_init(f->loop, poll, fd) != 0) {
			free(poll);
			return -1;
		}
		poll->data = f;
		webcalls_curl(f->calls)->multi_assign(webcalls_multi(f->calls), fd, poll);
	}
	uv_poll_start(poll, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0), on_poll);
	return 0;
}

static void
on_timeout(uv_timer_t *timer)
{
	act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int
on_timer(CURLM *multi, long ms, void *ctx)
{
	struct far *f = ctx;

	if (ms < 0)
		uv_timer_stop(&f->timer);
	else
		uv_timer_start(&f->timer, on_timeout, ms == 0 ? 1 : (uint64_t)ms, 0);	/* not from within this call */
	return 0;
}

static struct far *
far_new(struct table *t, char *err, size_t errsize)
{
	struct far *f = calloc(1, sizeof(*f));
	const struct curl_fn *curl;
	CURLM *multi;

	if (f == NULL || (f->calls = webcalls_new("", err, errsize)) == NULL) {
		if (f == NULL)
			str_copy(err, errsize, "no memory");
		free(f);
		return NULL;
	}
	f->loop = table_loop(t);
	uv_timer_init(f->loop, &f->timer);
	f->timer.data = f;
	curl = webcalls_curl(f->calls);
	multi = webcalls_multi(f->calls);
	curl->multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl->multi_setopt(multi, CURLMOPT_SOCKETDATA, f);
	curl->multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl->multi_setopt(multi, CURLMOPT_TIMERDATA, f);
	return f;
}

static void
free_far(uv_handle_t *h)
{
	free(h->data);
}

void
far_free(struct far *f)
{
	if (f == NULL)
		return;
	webcalls_free(f->calls);	/* closes connections: on_socket is called */
	uv_close((uv_handle_t *)&f->timer, free_far);
}

/* ---- what an answer says ---- */

bool
far_parse(const char *text, size_t len, struct other_sight *out, char *err, size_t errsize)
{
	json_t *obj = json_loadb(text, len, 0, NULL);
	struct rpt_module m;
	bool ok;

	memset(&m, 0, sizeof(m));
	memset(out, 0, sizeof(*out));
	if (!json_is_object(obj)) {
		str_copy(err, errsize, "expected a module as JSON");
		ok = false;
	} else if ((ok = report_decode(&rpt_module_type, obj, &m, err, errsize)) && m.name[0] == '\0') {
		str_copy(err, errsize, "expected a module with its name");
		ok = false;
	}
	json_decref(obj);
	if (!ok)
		return false;
	out->exists = true;
	out->state = m.state;
	out->status = m.status;
	out->since_ms = m.since_ms;
	out->counters_ms = m.counters_ms;
	return true;
}

/* 404 of the interface, not of Apache or of another web server */
static bool
is_problem(const struct webcall *c)
{
	json_t *obj = c->answer_len > 0 ? json_loadb(c->answer, c->answer_len, 0, NULL) : NULL;
	bool is = json_is_integer(json_object_get(obj, "status")) && json_is_string(json_object_get(obj, "title"));

	json_decref(obj);
	return is;
}

static void
tell(struct far_look *k, const struct far_seen *s)
{
	if (s->by_state || s->value != ROW_UP)
		k->tag[0] = '\0';
	k->seen(k->row, s);
}

/* No answer at all: our own mistake (a certificate) or the server's? */
static void
no_answer(struct far_look *k)
{
	const struct webcall *c = &k->call;
	struct far_seen s = { .value = c->tls_refused ? ROW_UNKNOWN : ROW_DOWN };

	str_copy(s.why, sizeof(s.why), c->why);
	tell(k, &s);
}

static void
on_ready(struct webcall *c)
{
	struct far_look *k = c->ctx;
	struct far_seen s = { .value = c->status == 200 ? ROW_UP : c->status == 404 ? ROW_DOWN : ROW_UNKNOWN };

	if (c->status == 0) {
		no_answer(k);
		return;
	}
	if (s.value == ROW_UP) {	/* the file is away while the module starts, stops and restarts: another one is another start */
		s.restarted = k->tag[0] != '\0' && strcmp(k->tag, c->tag) != 0;
		str_copy(k->tag, sizeof(k->tag), c->tag);
	} else if (s.value == ROW_DOWN) {
		str_copy(s.why, sizeof(s.why), "it is not ready there, or the web service is not that of this suite");
	} else {
		(void)path_format(s.why, sizeof(s.why), "HTTP status %ld", c->status);
	}
	tell(k, &s);
}

static bool
ask_ready(struct far_look *k)
{
	(void)path_format(k->path, sizeof(k->path), "/var/modules/%s/ready.txt", k->row->conf.module);
	k->call.open = true;
	k->call.done = on_ready;
	return webcall_begin(k->far->calls, &k->call);
}

static void
on_state(struct webcall *c)
{
	struct far_look *k = c->ctx;
	struct far_seen s = { .by_state = true };
	char err[SK_TEXT_MAX];

	if (c->status == 0 && !c->no_challenge) {
		no_answer(k);
		return;
	}
	if (c->status == 200 && far_parse(c->answer, c->answer_len, &s.sight, err, sizeof(err))) {
		tell(k, &s);
		return;
	}
	if (c->status == 404 && is_problem(c)) {
		tell(k, &s);	/* there is no such module */
		return;
	}
	if (c->status == 401)
		webcalls_reread(k->far->calls);		/* the cluster may have another key by now */
	if (!ask_ready(k))
		no_answer(k);
}

/* ---- a look ---- */

static void
make_url(struct far_look *k)
{
	const struct row *r = k->row;
	const char *host = r->conf.addr, *b = "";
	union addr a, addrs[ADDRS_MAX];
	char text[INET6_ADDRSTRLEN];
	size_t at;
	int n;

	if (addr_parse(host, r->conf.port, &a)) {
		b = a.sa.sa_family == AF_INET6 ? "[" : "";
		k->resolve[0] = '\0';
	} else {	/* its name has been resolved by us, and libcurl is told how: so it needs no thread */
		(void)path_format(k->resolve, sizeof(k->resolve), "%s:%u:", host, r->conf.port);
		n = row_addrs(r, addrs, ADDRS_MAX);
		for (int i = 0; i < n; i++) {
			bool six = addrs[i].sa.sa_family == AF_INET6;

			at = strlen(k->resolve);
			inet_ntop(addrs[i].sa.sa_family, six ? (void *)&addrs[i].in6.sin6_addr : (void *)&addrs[i].in.sin_addr, text, sizeof(text));
			(void)path_format(k->resolve + at, sizeof(k->resolve) - at, "%s%s%s%s", i > 0 ? "," : "", six ? "[" : "", text,
			    six ? "]" : "");
		}
	}
	(void)path_format(k->url, sizeof(k->url), "http%s://%s%s%s:%u", r->conf.secure ? "s" : "", b, host, b[0] != '\0' ? "]" : "",
	    r->conf.port);
}

bool
far_begin(struct row *r, struct far_look **look, void (*seen)(struct row *r, const struct far_seen *s), char *err, size_t errsize)
{
	struct shared *sh = table_shared(r->t);
	struct far_look *k = *look;

	if (sh->far == NULL && (sh->far = far_new(r->t, err, errsize)) == NULL)
		return false;
	if (k == NULL && (k = *look = calloc(1, sizeof(*k))) == NULL) {
		str_copy(err, errsize, "no memory");
		return false;
	}
	k->far = sh->far;
	k->row = r;
	k->seen = seen;
	make_url(k);
	(void)path_format(k->path, sizeof(k->path), WEBCALL_NODE "/api/v1/modules/%s", r->conf.module);
	k->call.url = k->url;
	k->call.method = "GET";
	k->call.path = k->path;
	k->call.resolve = k->resolve[0] != '\0' ? k->resolve : NULL;
	k->call.timeout_ms = row_timeout(r);
	k->call.open = false;
	k->call.key = NULL;
	k->call.done = on_state;
	k->call.ctx = k;
	if (webcall_begin(sh->far->calls, &k->call) || ask_ready(k))	/* no credential here: what can be seen without */
		return true;
	str_copy(err, errsize, k->call.why);
	return false;
}

void
far_stop(struct far_look *k)
{
	if (k != NULL)
		webcall_cancel(&k->call);
}

void
far_end(struct far_look *k)
{
	if (k != NULL && k->call.of != NULL)
		webcall_end(&k->call);
	free(k);
}
