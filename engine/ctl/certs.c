/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * certs.c: the certificates of the web service (in SAFE/web/conf) and when they expire.
 *
 * Owns: the resources cert.NAME (up, down) and cert.NAME_days of every module of this server; a message 30, 14, 7, 3 and 1 days before a certificate
 * expires and when it has, once each, also over restarts (SAFEVAR/certificates.json).  The messages have level C, which safemail mails.
 * Called by: safeadmin's loop: at start, each hour, when a file in SAFE/web/conf changes, when a heart comes.
 * Never does: read or write a file on the loop: a thread of the pool does.
 */
#include "config.h"
#include "ctl/admin.h"
#include "ctl/certs.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_MS		3600000		/* each hour (ours) */
#define SETTLE_MS	1000		/* after a change of a file: its neighbours follow (ours) */
#define FILE_MAX	(64 * 1024)
#define DAY_S		86400

static const char *const names[CERTS] = { "server", "admin", "cacert", "clcacert" };

struct seen { bool there, readable; int64_t from_s, until_s; char print[SK_SIG_MAX]; };
struct certs {
	struct admin	*admin;
	uv_work_t	 work, save;
	bool		 looking, saving, again, known;
	uv_timer_t	*timer;
	uv_fs_event_t	*watch;
	bool		 watching;
	struct seen	 now[CERTS], next[CERTS];	/* next: the thread's while looking */
	int		 told[CERTS];			/* 0: expired was told, INT_MAX: nothing */
	char		 told_print[CERTS][SK_SIG_MAX];
	char		*state;				/* what the thread writes */
};
static struct certs C;

int
certs_due(int64_t left_s)
{
	static const int days[] = { 1, 3, 7, 14, 30 };
	size_t i;

	if (left_s <= 0)
		return 0;
	for (i = 0; i < ARRAY_LEN(days); i++)
		if (left_s <= (int64_t)days[i] * DAY_S)
			return days[i];
	return INT_MAX;
}

/* ---- in a thread of the pool ---- */

static bool
seconds(const ASN1_TIME *t, int64_t *s)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	*s = (int64_t)timegm(&tm);
	return true;
}

/* Of a chain the certificate that ends first */
static bool
read_chain(BIO *bio, struct seen *c)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	int64_t from, until;
	bool ok = false;
	unsigned n;
	X509 *x;

	while ((x = PEM_read_bio_X509(bio, NULL, NULL, (void *)(uintptr_t)"")) != NULL) {
		bool good = seconds(X509_get0_notBefore(x), &from) && seconds(X509_get0_notAfter(x), &until) && X509_digest(x, EVP_sha256(), md, &n) == 1;

		if (good && (!ok || until < c->until_s)) {
			c->from_s = from;
			c->until_s = until;
			str_to_hex(md, 32, c->print);
			ok = true;
		}
		X509_free(x);
	}
	ERR_clear_error();
	return ok;
}

static void
look(uv_work_t *w)
{
	struct certs *c = w->data;
	char file[PATH_MAX], *data;
	ssize_t n;
	size_t i;

	for (i = 0; i < CERTS; i++) {
		struct seen *s = &c->next[i];
		BIO *bio;

		memset(s, 0, sizeof(*s));
		if (!path_format(file, sizeof(file), "%s/web/conf/%s.crt", path_safe(), names[i]))
			continue;
		n = path_read(file, &data, FILE_MAX);
		s->there = n != -1 || errno != ENOENT;
		if (n == -1)
			continue;
		bio = BIO_new_mem_buf(data, (int)n);
		s->readable = bio != NULL && read_chain(bio, s);
		BIO_free(bio);
		free(data);
	}
}

static void
save(uv_work_t *w)
{
	struct certs *c = w->data;
	char file[PATH_MAX];

	if (path_format(file, sizeof(file), "%s/certificates.json", path_safevar()) && path_write_atomic(file, c->state, strlen(c->state), 0644) == -1)
		warn_errno("%s", file);
}

/* ---- on the loop ---- */

static void
ignore_reply(struct admin *a, void *ctx, const json_t *reply)
{
}

static void
set(struct admin *a, const char *module, const char *resource, const char *value)
{
	const char *code;

	/* no heart: it is told when it comes */
	(void)registry_order(a, module, json_pack("{s:s,s:s,s:s,s:s}", "op", "set", "resource", resource, "value", value, "by", "safeadmin"), ignore_reply,
	    NULL, &code);
}

static void
tell_module(void *ctx, const char *module)
{
	struct certs *c = ctx;
	int64_t now = clock_wall_us() / 1000000;
	char resource[SK_RES_MAX], days[32];
	size_t i;

	for (i = 0; i < CERTS; i++) {
		const struct seen *s = &c->now[i];

		if (!s->there)
			continue;
		(void)path_format(resource, sizeof(resource), "cert.%s", names[i]);
		set(c->admin, module, resource, !s->readable ? "unknown" : now < s->until_s && now >= s->from_s ? "up" : "down");
		if (!s->readable)
			continue;
		(void)path_format(resource, sizeof(resource), "cert.%s_days", names[i]);
		(void)path_format(days, sizeof(days), "%lld", (long long)(s->until_s > now ? (s->until_s - now) / DAY_S : 0));
		set(c->admin, module, resource, days);
	}
}

void
certs_heart_came(struct admin *a, const char *module)
{
	if (C.known)
		tell_module(&C, module);
}

/* Once for each step on the way down; true: something was told */
static bool
warn_of(struct certs *c, size_t i)
{
	const struct seen *s = &c->now[i];
	int64_t left = s->until_s - clock_wall_us() / 1000000;
	char date[32], days[32];
	int due = certs_due(left);

	if (strcmp(s->print, c->told_print[i]) != 0) {
		str_copy(c->told_print[i], sizeof(c->told_print[i]), s->print);
		c->told[i] = INT_MAX;
	}
	/* the clock was ahead of the time: what was told too early is told again when it is due.  A day apart, so that it does not flutter */
	if (certs_due(left - DAY_S) > c->told[i])
		c->told[i] = INT_MAX;
	if (due >= c->told[i])
		return false;
	c->told[i] = due;
	(void)clock_format(s->until_s * 1000000, date, sizeof(date));
	date[strcspn(date, ".")] = '\0';
	(void)path_format(days, sizeof(days), "%lld", (long long)(left > 0 ? (left + DAY_S - 1) / DAY_S : 0));
	if (due == 0)
		admin_say(c->admin, "", MSG_CERT_EXPIRED, names[i], date);
	else
		admin_say(c->admin, "", MSG_CERT_EXPIRES, names[i], days, date);
	return true;
}

static void
saved(uv_work_t *w, int status)
{
	struct certs *c = w->data;

	c->saving = false;
	free(c->state);
	c->state = NULL;
}

static void
keep_told(struct certs *c)
{
	json_t *all = json_object();
	size_t i;

	for (i = 0; i < CERTS; i++)
		if (c->told[i] != INT_MAX)
			json_object_set_new(all, names[i], json_pack("{s:s,s:i}", "print", c->told_print[i], "told", c->told[i]));
	if (!c->saving) {
		c->state = json_dumps(all, JSON_INDENT(1) | JSON_SORT_KEYS);
		c->saving = c->state != NULL && uv_queue_work(c->admin->loop, &c->save, save, saved) == 0;
	}
	json_decref(all);
}

static void certs_look(struct certs *c);

static void
looked(uv_work_t *w, int status)
{
	struct certs *c = w->data;
	bool told = false;
	size_t i;

	c->looking = false;
	if (status != 0 || c->admin->ending)
		return;
	memcpy(c->now, c->next, sizeof(c->now));
	c->known = true;
	for (i = 0; i < CERTS; i++)
		if (c->now[i].readable)
			told = warn_of(c, i) || told;
	if (told)
		keep_told(c);
	registry_each(c->admin, tell_module, c);
	if (c->again)
		certs_look(c);
}

static void
on_change(uv_fs_event_t *e, const char *file, int events, int status)
{
	struct certs *c = e->data;

	if (file == NULL || strstr(file, ".crt") != NULL)
		uv_timer_start(c->timer, c->timer->timer_cb, SETTLE_MS, LOOK_MS);
}

static void
certs_look(struct certs *c)
{
	char dir[PATH_MAX];

	c->again = c->looking;
	if (c->looking)
		return;
	if (!c->watching && path_format(dir, sizeof(dir), "%s/web/conf", path_safe()))
		c->watching = uv_fs_event_start(c->watch, on_change, dir, 0) == 0;
	c->looking = uv_queue_work(c->admin->loop, &c->work, look, looked) == 0;
}

static void
on_time(uv_timer_t *t)
{
	certs_look(t->data);
}

static void
read_told(struct certs *c)
{
	char file[PATH_MAX];
	json_t *all = NULL;
	size_t i;

	if (path_format(file, sizeof(file), "%s/certificates.json", path_safevar()))
		all = json_load_file(file, 0, NULL);
	for (i = 0; i < CERTS; i++) {
		const json_t *one = json_object_get(all, names[i]);
		const char *print = json_string_value(json_object_get(one, "print"));

		c->told[i] = INT_MAX;
		if (print == NULL || !json_is_integer(json_object_get(one, "told")))
			continue;
		str_copy(c->told_print[i], sizeof(c->told_print[i]), print);
		c->told[i] = (int)json_integer_value(json_object_get(one, "told"));
	}
	json_decref(all);
}

void
certs_start(struct admin *a)
{
	C.admin = a;
	C.timer = malloc(sizeof(*C.timer));
	C.watch = malloc(sizeof(*C.watch));
	if (C.timer == NULL || C.watch == NULL)
		fatal("out of memory");
	C.timer->data = C.watch->data = C.work.data = C.save.data = &C;
	read_told(&C);	/* before the loop runs */
	uv_timer_init(a->loop, C.timer);
	uv_fs_event_init(a->loop, C.watch);
	uv_timer_start(C.timer, on_time, SETTLE_MS, LOOK_MS);
}

static void
closed(uv_handle_t *h)
{
	free(h);
}

void
certs_end(void)
{
	uv_close((uv_handle_t *)C.timer, closed);
	uv_close((uv_handle_t *)C.watch, closed);
}
