/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * syslog.c: one datagram per message to journald's native socket, or to /dev/log where there is none.
 *
 * Owns: the socket and the messages that wait, not encoded yet: which receiver there is, is seen when a message leaves.  Called by: safeadmin's loop thread.  Never does: block (SOCK_NONBLOCK, MSG_DONTWAIT), or let a text forge a field: in the
 * native form a value with a newline is sent with its length in front, in the /dev/log form control characters become blanks.
 */
#include "config.h"
#include "pub/syslog.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define WAITING_MAX	1024	/* messages (ours): at most 1 MB */
#define DATAGRAM_MAX	2048	/* bytes: texts 512 + 4 * 64, names of fields, lengths */
#define FACILITY	LOG_DAEMON

struct message {
	STAILQ_ENTRY(message) all;
	struct rpt_log row;
};
struct syslog_out {
	char	 node[SK_NAME_MAX];
	char	 journal_path[sizeof(((struct sockaddr_un *)NULL)->sun_path)], devlog_path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	STAILQ_HEAD(, message) waiting;
	size_t	 count;
	uint64_t dropped;
	int	 fd;	/* unconnected: a receiver that was restarted is found again by its path */
};

static void
choose_path(char *buf, size_t size, const char *variable, const char *given, const char *built_in)
{
	const char *env = getenv(variable);
	const char *path = env != NULL && env[0] != '\0' ? env : given != NULL ? given : built_in;

	if (!str_copy(buf, size, path)) {
		warn_text("%.64s...: path of a socket too long: nothing is sent there", path);
		buf[0] = '\0';
	}
}

struct syslog_out *
syslog_new(const char *node, const char *journal_path, const char *devlog_path)
{
	struct syslog_out *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	str_copy(s->node, sizeof(s->node), node);
	choose_path(s->journal_path, sizeof(s->journal_path), "SAFE_JOURNAL_SOCKET", journal_path, "/run/systemd/journal/socket");
	choose_path(s->devlog_path, sizeof(s->devlog_path), "SAFE_DEVLOG", devlog_path, "/dev/log");
	STAILQ_INIT(&s->waiting);
	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd == -1)
		warn_errno("socket for the system's log");	/* tried again with each message */
	return s;
}

void
syslog_free(struct syslog_out *s)
{
	struct message *m;

	if (s == NULL)
		return;
	syslog_flush(s);
	while ((m = STAILQ_FIRST(&s->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&s->waiting, all);
		free(m);
	}
	if (s->fd != -1)
		close(s->fd);
	free(s);
}

static int
priority_of(char level)
{
	switch (level) {
	case 'C': return LOG_CRIT;
	case 'E': case 'U': return LOG_NOTICE;
	case 'd': return LOG_DEBUG;
	default: return LOG_INFO;	/* S, I */
	}
}

/* ---- the native form: "NAME=value\n", or "NAME\n" <length, 64 bits little-endian> "value\n" ---- */
static size_t
put_field(char *buf, size_t at, const char *name, const char *value)
{
	size_t n = strlen(name), v = strlen(value);
	uint64_t len = htole64(v);

	if (at + n + v + sizeof(len) + 2 > DATAGRAM_MAX)
		return at;	/* cannot happen with the sizes of rpt_log; a field is left out rather than a datagram cut */
	memcpy(buf + at, name, n);
	at += n;
	if (strchr(value, '\n') == NULL) {
		buf[at++] = '=';
	} else {
		buf[at++] = '\n';
		memcpy(buf + at, &len, sizeof(len));
		at += sizeof(len);
	}
	memcpy(buf + at, value, v);
	at += v;
	buf[at++] = '\n';
	return at;
}

static size_t
encode_native(const struct syslog_out *s, const struct rpt_log *row, char *buf)
{
	char number[24];
	size_t n;

	n = put_field(buf, 0, "MESSAGE", row->message);
	n = put_field(buf, n, "SYSLOG_IDENTIFIER", "safekit");
	snprintf(number, sizeof(number), "%d", priority_of(row->level[0]));
	n = put_field(buf, n, "PRIORITY", number);
	n = put_field(buf, n, "NODE", s->node);
	n = put_field(buf, n, "MODULE", row->module);
	n = put_field(buf, n, "LEVEL", row->level);
	n = put_field(buf, n, "ORIGIN", row->origin);
	snprintf(number, sizeof(number), "%u", row->key);
	n = put_field(buf, n, "KEY", number);
	/* a message may have waited for its receiver: the journal's own time is not when it happened */
	snprintf(number, sizeof(number), "%" PRId64, row->time_us);
	return put_field(buf, n, "TIME_US", number);
}

/* ---- the /dev/log form ---- */
static size_t
encode_devlog(const struct rpt_log *row, char *buf)
{
	static const char month[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t sec = (time_t)(row->time_us / 1000000);
	struct tm tm;
	size_t i, n;

	if (row->time_us < 0 || localtime_r(&sec, &tm) == NULL) {
		sec = time(NULL);
		localtime_r(&sec, &tm);
	}
	n = (size_t)snprintf(buf, DATAGRAM_MAX, "<%d>%s %2d %02d:%02d:%02d safekit: | %s | %s | %s | %s | %u", FACILITY | priority_of(row->level[0]),
	    month[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, row->module, row->origin, row->level, row->message, row->key);
	if (n >= DATAGRAM_MAX)
		n = DATAGRAM_MAX - 1;
	for (i = 0; i < n; i++)
		if ((unsigned char)buf[i] < 0x20 || buf[i] == 0x7f)
			buf[i] = ' ';
	return n;
}

/* ---- sending ---- */
static bool
send_to(struct syslog_out *s, const char *path, const char *data, size_t len)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	if (path[0] == '\0') {
		errno = ENOENT;
		return false;
	}
	if (s->fd == -1 && (s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) == -1)
		return false;
	str_copy(to.sun_path, sizeof(to.sun_path), path);
	for (;;) {
		if (sendto(s->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&to, sizeof(to)) != -1)
			return true;
		if (errno == EMSGSIZE) {	/* never will be taken: must not stop the others */
			s->dropped++;
			return true;
		}
		if (errno != EINTR)
			return false;	/* absent, being restarted or full: all of that passes */
	}
}

/* The journal's socket when somebody holds it, even when it takes nothing now: journald also reads /dev/log, and order would be lost.
 * (While journald restarts, systemd holds its sockets; refused means that only a stale name is left.) */
static bool
send_row(struct syslog_out *s, const struct rpt_log *row)
{
	char buf[DATAGRAM_MAX];

	if (send_to(s, s->journal_path, buf, encode_native(s, row, buf)))
		return true;
	if (errno != ENOENT && errno != ECONNREFUSED && errno != ENOTDIR)
		return false;
	return send_to(s, s->devlog_path, buf, encode_devlog(row, buf));
}

void
syslog_put(struct syslog_out *s, const struct rpt_log *row)
{
	struct message *m;

	if (s->count > 0)
		syslog_flush(s);
	if (s->count == 0 && send_row(s, row))
		return;
	if (s->count == WAITING_MAX) {
		m = STAILQ_FIRST(&s->waiting);
		STAILQ_REMOVE_HEAD(&s->waiting, all);
		s->count--;
		s->dropped++;
	} else {
		m = malloc(sizeof(*m));
	}
	if (m == NULL) {
		s->dropped++;
		return;
	}
	m->row = *row;
	STAILQ_INSERT_TAIL(&s->waiting, m, all);
	s->count++;
}

void
syslog_flush(struct syslog_out *s)
{
	struct message *m;

	while ((m = STAILQ_FIRST(&s->waiting)) != NULL && send_row(s, &m->row)) {
		STAILQ_REMOVE_HEAD(&s->waiting, all);
		free(m);
		s->count--;
	}
}

size_t
syslog_waiting(const struct syslog_out *s)
{
	return s->count;
}

uint64_t
syslog_dropped(const struct syslog_out *s)
{
	return s->dropped;
}
