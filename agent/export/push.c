/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * push.c: posts changes, and finds out what the store has for good.
 *
 * A store that is killed may lose what it took in its last seconds, which its kind says (hold).  So a batch that was taken is marked, and is
 * done when the same connection was answered again that time later (by the next batch, or by a HEAD that is sent for it).  A connection that
 * had to be made anew while marks are open means that the store may have been killed: all since the last one that is done is posted again.
 */
#include "config.h"
#include "agent/export/push.h"
#include "agent/export/sink.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <zlib.h>

#define ANSWER_MAX	(4u << 20)	/* bytes of an answer that are looked at: 40,000 points, each refused by its name */
#define CONNECT_MS	5000
#define FIRST_PAUSE_MS	250	/* between attempts; doubled up to retry (ours) */
#define SAY_MS		60000	/* between words about refused changes (ours) */
#define MARKS		64
#define SETTLE_MS	250	/* what is done is written down that often at most (ours) */
#define LOST_MAX	10	/* new connections in a row without a failure: the store closes them by itself (ours) */
#define GZIP_MIN	512	/* bytes; less is not worth it (ours) */

struct mark { int64_t seq, begun_ms, at_ms; };
struct push {
	struct exporter	*e;
	struct spool	*spool;
	const struct sink_conf *conf;
	size_t		 sink;
	pthread_t	 thread;
	CURL		*curl;
	struct curl_slist *plain, *zipped;	/* headers */
	char		 url[1024], secret[1024], why[CURL_ERROR_SIZE], said[CURL_ERROR_SIZE];
	struct change	*batch;
	struct text	 texts, body, gz;
	struct text	 answer;
	z_stream	 z;

	int64_t		 sent;		/* taken up to here */
	int64_t		 hold_ms;
	struct mark	 mark[MARKS];
	size_t		 marks;
	int64_t		 answered_ms;	/* monotonic: last answer over this connection */
	int64_t		 settled_ms, refused_said_ms;
	int64_t		 ready;		/* done, to be written down; 0: nothing */
	unsigned	 failures, lost;
	bool		 unread;	/* that the secret cannot be read was said */
	bool		 blind;		/* the store closes connections: time alone says what it has */
};

/* ---- requests ---- */

static size_t
on_answer(char *data, size_t size, size_t n, void *ctx)
{
	struct push *p = ctx;
	size_t room = ANSWER_MAX - p->answer.len;

	text_add(&p->answer, data, size * n < room ? size * n : room);
	return size * n;
}

/* What came, as a text.  An answer for which there is no memory is none */
static const char *
answer_of(struct push *p)
{
	text_add(&p->answer, "", 1);
	if (p->answer.failed)
		text_free(&p->answer);
	return p->answer.p != NULL ? p->answer.p : "";
}

/* Its first line, without what would be more than a text in a log */
static void
first_line(const char *answer, char *line, size_t size)
{
	size_t n;

	snprintf(line, size, "%.*s", (int)strcspn(answer, "\r\n"), answer);
	for (n = 0; line[n] != '\0'; n++)
		if ((unsigned char)line[n] < ' ' || line[n] == 0x7f)
			line[n] = ' ';
	str_make_utf8(line);
}

static int
on_progress(void *ctx, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow)
{
	return export_quitting();	/* 1: give up */
}

/* The first line of a file into secret; false: said why */
static bool
read_secret(struct push *p, const char *file)
{
	char path[1024], *text;

	p->secret[0] = '\0';
	if (!conf_secret_path(file, path, sizeof(path)) || path_read(path, &text, sizeof(p->secret) - 1) == -1) {
		snprintf(p->why, sizeof(p->why), "%.150s: %s", file, strerror(errno));
		return false;
	}
	text[strcspn(text, "\r\n")] = '\0';
	str_copy(p->secret, sizeof(p->secret), text);
	explicit_bzero(text, strlen(text));
	free(text);
	return true;
}

static bool
make_headers(struct push *p)
{
	char line[1200];
	bool good = true;

	curl_slist_free_all(p->plain);
	curl_slist_free_all(p->zipped);
	snprintf(line, sizeof(line), "Content-Type: %s", p->conf->kind->content_type);
	p->plain = curl_slist_append(curl_slist_append(NULL, line), "Expect:");
	p->zipped = curl_slist_append(curl_slist_append(curl_slist_append(NULL, line), "Expect:"), "Content-Encoding: gzip");
	if (p->conf->token_file[0] != '\0') {
		good = read_secret(p, p->conf->token_file);
		snprintf(line, sizeof(line), "Authorization: Token %s", p->secret);
		p->plain = curl_slist_append(p->plain, line);
		p->zipped = curl_slist_append(p->zipped, line);
		explicit_bzero(line, sizeof(line));
	} else if (p->conf->user[0] != '\0') {
		good = read_secret(p, p->conf->password_file);
		curl_easy_setopt(p->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(p->curl, CURLOPT_USERNAME, p->conf->user);
		curl_easy_setopt(p->curl, CURLOPT_PASSWORD, p->secret);
	}
	explicit_bzero(p->secret, sizeof(p->secret));
	return good;
}

/* body into gz; false: as it is */
static bool
zip(struct push *p)
{
	uLong room = deflateBound(&p->z, (uLong)p->body.len);

	p->gz.len = 0;
	if (!p->conf->gzip || p->body.len < GZIP_MIN || deflateReset(&p->z) != Z_OK || text_room(&p->gz, room) == NULL)
		return false;
	p->z.next_in = (Bytef *)p->body.p;
	p->z.avail_in = (uInt)p->body.len;
	p->z.next_out = (Bytef *)p->gz.p;
	p->z.avail_out = (uInt)room;
	if (deflate(&p->z, Z_FINISH) != Z_STREAM_END)
		return false;
	p->gz.len = room - p->z.avail_out;
	return true;
}

static void
forget_marks(struct push *p)
{
	p->marks = 0;
	p->sent = spool_position(p->spool, p->sink);
	if (p->ready > p->sent)
		p->sent = p->ready;
}

/* The HTTP status, 0: none (why says why).  *again: what was marked must be sent again */
static long
perform(struct push *p, bool *again)
{
	long status = 0, connects = 0;
	CURLcode rc;

	p->answer.len = 0;
	p->why[0] = '\0';
	rc = curl_easy_perform(p->curl);
	curl_easy_getinfo(p->curl, CURLINFO_NUM_CONNECTS, &connects);
	*again = false;
	if (rc != CURLE_OK) {
		if (p->why[0] == '\0')
			str_copy(p->why, sizeof(p->why), curl_easy_strerror(rc));
		p->lost = 0;
		*again = p->marks > 0;
		return 0;
	}
	curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &status);
	if (connects == 0) {
		p->blind = false;
		p->lost = 0;
	} else if (p->marks > 0 && !p->blind) {
		p->blind = ++p->lost > LOST_MAX;
		*again = !p->blind;
		if (p->blind)
			warn_text("sink %s: the store closes each connection: whether it was killed cannot be seen", p->conf->name);
	}
	p->answered_ms = clock_mono_ms();
	return status;
}

static long
post(struct push *p, bool *again)
{
	bool zipped = zip(p);

	curl_easy_setopt(p->curl, CURLOPT_POST, 1L);
	curl_easy_setopt(p->curl, CURLOPT_HTTPHEADER, zipped ? p->zipped : p->plain);
	curl_easy_setopt(p->curl, CURLOPT_POSTFIELDS, zipped ? p->gz.p : p->body.p);
	curl_easy_setopt(p->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(zipped ? p->gz.len : p->body.len));
	return perform(p, again);
}

/* ---- what is done ---- */

static void
mark(struct push *p, int64_t seq)
{
	struct mark *last = p->marks > 0 ? &p->mark[p->marks - 1] : NULL;
	int64_t now = clock_mono_ms();

	p->sent = seq;
	spool_sent(p->spool, p->sink, seq);
	if (last == NULL || (p->marks < MARKS && now - last->begun_ms > p->hold_ms / (MARKS / 2)))
		p->mark[p->marks++] = (struct mark){ seq, now, now };
	else
		*last = (struct mark){ seq, last->begun_ms, now };
}

/* Marks whose time is over and that the connection outlived are done.  Returns how long the next one has, in ms; -1: there is none */
static int
settle(struct push *p, bool idle)
{
	int64_t now = clock_mono_ms();
	size_t i;
	bool again;

	if (p->marks > 0 && idle && !p->blind && p->mark[0].at_ms + p->hold_ms <= now && p->answered_ms < p->mark[0].at_ms + p->hold_ms) {
		curl_easy_setopt(p->curl, CURLOPT_NOBODY, 1L);
		curl_easy_setopt(p->curl, CURLOPT_HTTPHEADER, p->plain);
		perform(p, &again);
		curl_easy_setopt(p->curl, CURLOPT_NOBODY, 0L);
		if (again)
			forget_marks(p);
	}
	for (i = 0; i < p->marks && p->mark[i].at_ms + p->hold_ms <= (p->blind ? now : p->answered_ms); i++)
		p->ready = p->mark[i].seq;
	p->marks -= i;
	memmove(p->mark, p->mark + i, p->marks * sizeof(p->mark[0]));
	if (p->ready != 0 && (idle || now - p->settled_ms >= SETTLE_MS) && spool_done(p->spool, p->sink, p->ready)) {
		p->ready = 0;
		p->settled_ms = now;
	}
	if (p->marks == 0)
		return -1;
	return p->mark[0].at_ms + p->hold_ms > now ? (int)(p->mark[0].at_ms + p->hold_ms - now) : 0;
}

/* ---- batches ---- */

static void
count(struct push *p, enum push_result result, size_t points, bool up)
{
	struct keep *k = &p->e->keep;

	pthread_mutex_lock(&k->mutex);
	k->sink[p->sink].requests[result]++;
	k->sink[p->sink].points += points;
	k->sink[p->sink].up = up;
	k->sink[p->sink].tried = true;
	pthread_mutex_unlock(&k->mutex);
}

static void
refused(struct push *p, size_t n)
{
	int64_t now = clock_mono_ms();

	char line[300];

	spool_refused(p->spool, p->sink, n);
	if (p->refused_said_ms != 0 && now - p->refused_said_ms < SAY_MS)
		return;
	p->refused_said_ms = now;
	first_line(p->answer.p != NULL ? p->answer.p : "", line, sizeof(line));
	warn_text("sink %s: refused %zu: %s", p->conf->name, n, line);
}

static void
works(struct push *p)
{
	if (p->said[0] != '\0')
		warn_text("sink %s: works again", p->conf->name);
	p->said[0] = '\0';
	p->failures = 0;
}

/* Some of the batch, halved as long as the store takes none of it because of one.  false: later again */
static bool
deliver(struct push *p, const struct change *c, size_t n)
{
	enum push_result result;
	size_t points, bad = 0;
	char line[150];
	bool again = false;
	long status;

	p->body.len = 0;
	points = p->conf->kind->body(c, n, &p->body);
	if (p->body.failed) {
		text_free(&p->body);
		str_copy(p->why, sizeof(p->why), "out of memory");
		return false;
	}
	if (points == 0) {	/* nothing that this store wants */
		mark(p, c[n - 1].seq);
		return true;
	}
	status = post(p, &again);
	result = status != 0 ? p->conf->kind->judge(status, answer_of(p), &bad) : PUSH_FAILED;
	bad = bad < points ? bad : points;
	count(p, result, result == PUSH_TAKEN || result == PUSH_PARTLY ? points - bad : 0, result != PUSH_FAILED);
	if (again) {
		forget_marks(p);
		if (result != PUSH_FAILED)
			return true;	/* the store came back: begin anew at once */
	}
	if (result == PUSH_FAILED) {
		if (status != 0) {
			first_line(p->answer.p != NULL ? p->answer.p : "", line, sizeof(line));
			snprintf(p->why, sizeof(p->why), "HTTP status %ld: %s", status, line);
		}
		return false;
	}
	works(p);
	if (result == PUSH_SPLIT && n > 1)
		return deliver(p, c, n / 2) && p->sent == c[n / 2 - 1].seq && deliver(p, c + n / 2, n - n / 2);
	if (result == PUSH_SPLIT)
		bad = 1;
	if (bad > 0)
		refused(p, bad);
	mark(p, c[n - 1].seq);
	return true;
}

/* Between attempts */
static void
pause_before_retry(struct push *p)
{
	int64_t pause = FIRST_PAUSE_MS, until, longest = (int64_t)p->conf->retry_s * 1000;
	curl_off_t asked = 0;
	unsigned i;

	if (strcmp(p->why, p->said) != 0 && !export_quitting())
		warn_text("sink %s: %s (trying again)", p->conf->name, p->why);
	str_copy(p->said, sizeof(p->said), p->why);
	for (i = 0; i < p->failures && pause < longest; i++)
		pause *= 2;
	p->failures++;
	pause = pause < longest ? pause : longest;
	/* all servers of a cluster lose the store at once, and need not come back at once */
	pause -= pause / 4 * (clock_wall_us() % 1000) / 1000;
	curl_easy_getinfo(p->curl, CURLINFO_RETRY_AFTER, &asked);
	if (asked * 1000 > pause)
		pause = asked < p->conf->retry_s * 10 ? asked * 1000 : longest * 10;
	/* the password may be another one now */
	if (make_headers(p)) {
		p->unread = false;
	} else if (!p->unread) {
		p->unread = true;
		warn_text("sink %s: %s", p->conf->name, p->why);
	}
	for (until = clock_mono_ms() + pause; !export_quitting() && clock_mono_ms() < until;)
		spool_wait(p->spool, INT64_MAX, (int)(until - clock_mono_ms()) + 1);
}

static void *
run(void *ctx)
{
	struct push *p = ctx;
	int64_t at;
	size_t n;
	int left;

	p->sent = spool_position(p->spool, p->sink);
	while (!export_quitting()) {
		at = spool_position(p->spool, p->sink);
		if (p->sent < at)
			p->sent = at;	/* the bounds of the spool took what was to be sent */
		n = spool_read(p->spool, p->sent, p->batch, p->conf->batch, &p->texts);
		left = settle(p, n == 0);
		if (n == 0)
			spool_wait(p->spool, p->sent, left >= 0 && left < 1000 ? left + 1 : 1000);
		else if (!deliver(p, p->batch, n) && p->why[0] != '\0')
			pause_before_retry(p);
	}
	settle(p, false);
	if (p->ready != 0)
		spool_done(p->spool, p->sink, p->ready);
	return NULL;
}

/* ---- begin and end ---- */

/* One that may be a systemd credential */
static void
set_file(struct push *p, CURLoption option, const char *file)
{
	char path[1024];

	if (file[0] != '\0' && conf_secret_path(file, path, sizeof(path)))
		curl_easy_setopt(p->curl, option, path);
}

static void
set_options(struct push *p)
{
	const struct sink_conf *c = p->conf;

	curl_easy_setopt(p->curl, CURLOPT_URL, p->url);
	curl_easy_setopt(p->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(p->curl, CURLOPT_USERAGENT, "safeexport/" PACKAGE_VERSION);
	curl_easy_setopt(p->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(p->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(p->curl, CURLOPT_TIMEOUT_MS, (long)c->timeout_s * 1000);
	curl_easy_setopt(p->curl, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(p->curl, CURLOPT_ERRORBUFFER, p->why);
	curl_easy_setopt(p->curl, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(p->curl, CURLOPT_WRITEDATA, p);
	curl_easy_setopt(p->curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(p->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	set_file(p, CURLOPT_CAINFO, c->ca_file);
	set_file(p, CURLOPT_SSLCERT, c->cert_file);
	set_file(p, CURLOPT_SSLKEY, c->key_file);
}

static void
push_free(struct push *p)
{
	curl_slist_free_all(p->plain);
	curl_slist_free_all(p->zipped);
	curl_easy_cleanup(p->curl);
	deflateEnd(&p->z);
	text_free(&p->texts);
	text_free(&p->body);
	text_free(&p->gz);
	text_free(&p->answer);
	free(p->batch);
	free(p);
}

static void
warn_of_listeners(const struct sink_conf *c)
{
	const char *host = c->url + strlen("http://");

	if ((c->user[0] == '\0' && c->token_file[0] == '\0') || strncmp(c->url, "http://", strlen("http://")) != 0 ||
	    strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost", 9) == 0 || strncmp(host, "[::1]", 5) == 0)
		return;
	warn_text("sink %s: the password goes over the network as it is: url is http://, not https://", c->name);
}

struct push *
push_start(struct exporter *e, struct spool *s, size_t sink)
{
	struct push *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		warn_text("out of memory");
		return NULL;
	}
	p->e = e;
	p->spool = s;
	p->sink = sink;
	p->conf = &e->conf.sink[sink];
	p->hold_ms = (p->conf->hold_s >= 0 ? p->conf->hold_s : p->conf->kind->hold_s) * INT64_C(1000);
	p->batch = calloc(p->conf->batch, sizeof(*p->batch));
	p->curl = curl_easy_init();
	if (p->batch == NULL || p->curl == NULL || !sink_url(p->conf, p->url, sizeof(p->url)) ||
	    deflateInit2(&p->z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
		warn_text("sink %s: out of memory", p->conf->name);
		push_free(p);
		return NULL;
	}
	set_options(p);
	warn_of_listeners(p->conf);
	if (!make_headers(p) || (errno = pthread_create(&p->thread, NULL, run, p)) != 0) {
		warn_text("sink %s: %s", p->conf->name, p->why[0] != '\0' ? p->why : strerror(errno));
		push_free(p);
		return NULL;
	}
	return p;
}

void
push_stop(struct push *p)
{
	if (p == NULL)
		return;
	pthread_join(p->thread, NULL);
	push_free(p);
}
