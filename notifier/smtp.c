/* SPDX-License-Identifier: GPL-2.0-or-later */
/* smtp.c: hands mails to servers.  See smtp.h. */
#include "config.h"
#include "notifier/smtp.h"

#include <sys/stat.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DOWN_MS		60000	/* a server that could not be reached is passed over */
#define IDLE_S		30	/* connections that were idle for longer are not used again: servers close them */
#define PASSWORD_MAX	1024
#define VERDICT_S	600	/* for the yes to a text that was given whole (RFC 5321, 4.5.3.2.6): who gives up earlier sends it twice */

struct transfer {
	CURL	*easy;
	struct curl_slist *to;
	struct delivery *d;
	size_t	 sent;
	bool	 begun;		/* the server asked for the mail's text */
	char	 error[CURL_ERROR_SIZE];
	char	 reply[160];	/* the last one that is not a yes */
};
struct smtp {
	const struct mail_conf *conf;
	CURLM	*multi;
	struct transfer transfer[SMTP_AT_ONCE];
	int64_t	 down_until_ms[CONF_SERVERS_MAX];
	struct { struct delivery *d; enum smtp_end how; } over[SMTP_AT_ONCE];	/* ended before they began */
	size_t	 overs;
	char	 node[SK_NAME_MAX];
	bool	 verbose;
};

struct smtp *
smtp_new(const struct mail_conf *conf, const char *node, bool verbose)
{
	struct smtp *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->conf = conf;
	s->verbose = verbose;
	str_copy(s->node, sizeof(s->node), node);
	s->multi = curl_multi_init();
	if (s->multi == NULL) {
		free(s);
		return NULL;
	}
	curl_multi_setopt(s->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)SMTP_PER_HOST);
	curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, (long)SMTP_PER_HOST);
	return s;
}

static void
end_transfer(struct smtp *s, struct transfer *t)
{
	curl_multi_remove_handle(s->multi, t->easy);
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->to);
	memset(t, 0, sizeof(*t));
}

void
smtp_free(struct smtp *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < SMTP_AT_ONCE; i++)
		if (s->transfer[i].d != NULL) {
			delivery_free(s->transfer[i].d);
			end_transfer(s, &s->transfer[i]);
		}
	for (i = 0; i < s->overs; i++)
		delivery_free(s->over[i].d);
	curl_multi_cleanup(s->multi);
	free(s);
}

enum smtp_end
smtp_judge(int result, long code, bool begun)
{
	if (result == CURLE_OK)
		return SMTP_SENT;
	/* not of this mail: sign in first, wrong password, too weak, encryption needed */
	if (code == 530 || code == 534 || code == 535 || code == 538 || code == 503)
		return SMTP_LATER;
	/* "554 no service here" instead of a greeting: it does not know which mail this is */
	if (result == CURLE_WEIRD_SERVER_REPLY && !begun)
		return SMTP_LATER;
	/* MAIL, RCPT, DATA or the text itself was refused */
	if ((result == CURLE_SEND_ERROR || result == CURLE_RECV_ERROR || result == CURLE_WEIRD_SERVER_REPLY || result == CURLE_UPLOAD_FAILED) && code >= 500 &&
	    code < 600)
		return SMTP_REFUSED;
	return SMTP_LATER;
}

/* ---- what libcurl calls ---- */
static size_t
give_text(char *buf, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	size_t room = size * count, left = t->d->len - t->sent, n = room < left ? room : left;

	t->begun = true;
	memcpy(buf, t->d->data + t->sent, n);
	t->sent += n;
	if (t->sent == t->d->len)
		curl_easy_setopt(t->easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)VERDICT_S);
	return n;
}

static size_t
take_reply(char *line, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	size_t n = size * count, keep = n < sizeof(t->reply) ? n : sizeof(t->reply) - 1;

	if (n < 3 || (line[0] != '4' && line[0] != '5'))
		return n;
	memcpy(t->reply, line, keep);
	t->reply[keep] = '\0';
	t->reply[strcspn(t->reply, "\r\n")] = '\0';
	event_clean(t->reply);
	return n;
}

/* ---- beginning ---- */
/* First line of the place that the configuration names.  A file that all may read is refused. */
static bool
read_password(const struct mail_server *server, char *buf, size_t size, char *why, size_t whysize)
{
	char path[CONF_PATH_MAX * 2];
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	struct stat st;
	ssize_t n = -1;
	int fd;

	if (server->password_file[0] != '\0')
		str_copy(path, sizeof(path), server->password_file);
	else
		snprintf(path, sizeof(path), "%s/%s", dir != NULL ? dir : "/run/credentials/safemail.service", server->credential);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd != -1 && fstat(fd, &st) == 0) {
		if (!S_ISREG(st.st_mode) || (st.st_mode & 0007) != 0) {
			close(fd);
			snprintf(why, whysize, "%.200s: not a file that others cannot read", path);
			return false;
		}
		n = read(fd, buf, size - 1);
	}
	if (n <= 0) {
		snprintf(why, whysize, "%.200s: %s", path, n == 0 ? "empty" : strerror(errno));
		if (fd != -1)
			close(fd);
		return false;
	}
	close(fd);
	buf[n] = '\0';
	buf[strcspn(buf, "\r\n")] = '\0';
	return true;
}

static bool
sign_in(struct transfer *t, const struct mail_server *server)
{
	char password[PASSWORD_MAX];
	bool good;

	if (server->user[0] == '\0')
		return true;
	good = read_password(server, password, sizeof(password), t->d->why, sizeof(t->d->why));
	if (good) {
		curl_easy_setopt(t->easy, CURLOPT_USERNAME, server->user);
		curl_easy_setopt(t->easy, CURLOPT_PASSWORD, password);
	}
	explicit_bzero(password, sizeof(password));
	return good;
}

static void
set_server(struct smtp *s, struct transfer *t, const struct mail_server *server)
{
	static const long use[] = { [TLS_STARTTLS] = CURLUSESSL_ALL, [TLS_ON] = CURLUSESSL_ALL, [TLS_TRY] = CURLUSESSL_TRY, [TLS_NONE] = CURLUSESSL_NONE };
	bool v6 = strchr(server->host, ':') != NULL;
	char url[512];

	snprintf(url, sizeof(url), "%s://%s%s%s:%u/%s", server->tls == TLS_ON ? "smtps" : "smtp", v6 ? "[" : "", server->host, v6 ? "]" : "",
	    server_port(server), s->node);
	curl_easy_setopt(t->easy, CURLOPT_URL, url);
	curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(t->easy, CURLOPT_USE_SSL, use[server->tls]);
	curl_easy_setopt(t->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (server->ca_file[0] != '\0') {
		curl_easy_setopt(t->easy, CURLOPT_CAINFO, server->ca_file);
		curl_easy_setopt(t->easy, CURLOPT_CAPATH, NULL);
	}
	curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT, (long)server->connect_s);
	curl_easy_setopt(t->easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)server->timeout_s);
	curl_easy_setopt(t->easy, CURLOPT_TIMEOUT, (long)server->timeout_s * 10 + VERDICT_S);	/* one that takes a byte now and then */
	curl_easy_setopt(t->easy, CURLOPT_MAXAGE_CONN, (long)IDLE_S);
}

static bool
begin(struct smtp *s, struct transfer *t, struct delivery *d)
{
	const struct mail_server *server = &s->conf->server[d->server];
	char address[CONF_ADDRESS_MAX + 2];

	memset(t, 0, sizeof(*t));
	t->d = d;
	t->easy = curl_easy_init();
	snprintf(address, sizeof(address), "<%s>", d->to);
	t->to = curl_slist_append(NULL, address);
	if (t->easy == NULL || t->to == NULL || !sign_in(t, server)) {
		if (t->easy == NULL || t->to == NULL)
			str_copy(d->why, sizeof(d->why), "out of memory");
		goto failed;
	}
	set_server(s, t, server);
	snprintf(address, sizeof(address), "<%s>", d->from);
	curl_easy_setopt(t->easy, CURLOPT_MAIL_FROM, address);
	curl_easy_setopt(t->easy, CURLOPT_MAIL_RCPT, t->to);
	curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(t->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)d->len);
	curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, give_text);
	curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, take_reply);
	curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	if (curl_multi_add_handle(s->multi, t->easy) == CURLM_OK)
		return true;
	str_copy(d->why, sizeof(d->why), "libcurl does not take the transfer");
failed:
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->to);
	memset(t, 0, sizeof(*t));
	return false;
}

static struct transfer *
free_transfer(struct smtp *s)
{
	size_t i;

	for (i = 0; i < SMTP_AT_ONCE; i++)
		if (s->transfer[i].d == NULL)
			return &s->transfer[i];
	return NULL;
}

/* The next server for d that was not tried; those that are down come last.  false: all were tried. */
static bool
next_server(struct smtp *s, struct delivery *d)
{
	int64_t now = clock_mono_ms();
	uint32_t i;
	int pass;

	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < s->conf->servers; i++)
			if ((d->tried & (1u << i)) == 0 && (pass == 1 || s->down_until_ms[i] <= now)) {
				d->tried |= 1u << i;
				d->server = i;
				return true;
			}
	return false;
}

/* Goes to the next server; when there is none: what it comes to */
static bool
go_on(struct smtp *s, struct delivery *d, enum smtp_end *how)
{
	while (next_server(s, d)) {
		struct transfer *t = free_transfer(s);

		if (t == NULL)
			break;
		if (begin(s, t, d))
			return true;
		warn_text("%s: %s", s->conf->server[d->server].host, d->why);
		d->later_once = true;
	}
	*how = d->refused_once && !d->later_once ? SMTP_REFUSED : SMTP_LATER;
	return false;
}

bool
smtp_start(struct smtp *s, struct delivery *d)
{
	enum smtp_end how;

	if (s->overs == SMTP_AT_ONCE || free_transfer(s) == NULL)
		return false;
	d->tried = 0;
	d->refused_once = d->later_once = d->answered = false;
	if (!go_on(s, d, &how)) {
		s->over[s->overs].d = d;
		s->over[s->overs++].how = how;
	}
	return true;
}

void
smtp_wait(struct smtp *s, const int *fds, const short *events, size_t count, int ms)
{
	struct curl_waitfd extra[8];
	size_t i;

	for (i = 0; i < count && i < ARRAY_LEN(extra); i++) {
		extra[i].fd = fds[i];
		extra[i].events = (short)(((events[i] & POLLIN) != 0 ? CURL_WAIT_POLLIN : 0) | ((events[i] & POLLPRI) != 0 ? CURL_WAIT_POLLPRI : 0) |
		    ((events[i] & POLLOUT) != 0 ? CURL_WAIT_POLLOUT : 0));
		extra[i].revents = 0;
	}
	curl_multi_poll(s->multi, extra, (unsigned)i, s->overs > 0 ? 0 : ms, NULL);
}

static void
explain(struct smtp *s, struct transfer *t, CURLcode result, long code)
{
	const struct mail_server *server = &s->conf->server[t->d->server];

	if (code >= 400 && t->reply[0] != '\0')
		snprintf(t->d->why, sizeof(t->d->why), "%.90s: %.159s", server->host, t->reply);
	else
		snprintf(t->d->why, sizeof(t->d->why), "%.100s: %.140s", server->host, t->error[0] != '\0' ? t->error : curl_easy_strerror(result));
	event_clean(t->d->why);
}

struct delivery *
smtp_ended(struct smtp *s, enum smtp_end *how)
{
	CURLMsg *m;
	int n;

	if (s->overs > 0) {
		*how = s->over[--s->overs].how;
		return s->over[s->overs].d;
	}
	curl_multi_perform(s->multi, &n);
	while ((m = curl_multi_info_read(s->multi, &n)) != NULL) {
		struct transfer *t;
		struct delivery *d;
		long code = 0;
		CURLcode result = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &code);
		d = t->d;
		*how = smtp_judge(result, code, t->begun);
		if (*how != SMTP_SENT)
			explain(s, t, result, code);
		if (*how == SMTP_SENT)
			s->down_until_ms[d->server] = 0;
		else if (*how == SMTP_LATER && code < 400)
			s->down_until_ms[d->server] = clock_mono_ms() + DOWN_MS;
		if (s->verbose)
			debug_text("%s to %s by %s: %s", d->message_id, d->to, s->conf->server[d->server].host, *how == SMTP_SENT ? "taken" : d->why);
		end_transfer(s, t);
		if (*how == SMTP_SENT)
			return d;
		if (*how == SMTP_REFUSED || (code >= 400 && code < 500))
			d->answered = true;
		if (*how == SMTP_REFUSED)
			d->refused_once = true;
		else
			d->later_once = true;
		if (!go_on(s, d, how))
			return d;
	}
	return NULL;
}

size_t
smtp_busy(const struct smtp *s, int64_t ids[SMTP_AT_ONCE])
{
	size_t i, n = 0;

	for (i = 0; i < SMTP_AT_ONCE; i++)
		if (s->transfer[i].d != NULL)
			ids[n++] = s->transfer[i].d->id;
	for (i = 0; i < s->overs && n < SMTP_AT_ONCE; i++)
		ids[n++] = s->over[i].d->id;
	return n;
}
