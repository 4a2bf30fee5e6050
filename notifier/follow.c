/* SPDX-License-Identifier: GPL-2.0-or-later */
/* follow.c: which source; and the socket of syslog, which is small.  See follow.h. */
#include "config.h"
#include "notifier/follow.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct follow_source *
follow_choose(struct mail_conf *conf, char *why, size_t whysize)
{
	static const char *const files[] = { "/var/log/syslog", "/var/log/messages" };
	size_t i;

	switch (conf->source) {
	case SOURCE_FILE: return &follow_file;
	case SOURCE_SOCKET: return &follow_socket;
	}
#ifdef HAVE_JOURNAL
	if (conf->source == SOURCE_AUTO && access("/run/systemd/journal/socket", F_OK) == 0) {
		conf->source_path[0] = '\0';	/* a file of syslog, when journald began after us */
		return &follow_journal;
	}
	if (conf->source == SOURCE_JOURNAL)
		return &follow_journal;
#else
	if (conf->source == SOURCE_JOURNAL) {
		snprintf(why, whysize, "this safemail was built without libsystemd: source = file:/var/log/syslog");
		return NULL;
	}
#endif
	for (i = 0; i < ARRAY_LEN(files); i++)
		if (access(files[i], F_OK) == 0) {
			str_copy(conf->source_path, sizeof(conf->source_path), files[i]);
			return &follow_file;
		}
	snprintf(why, whysize, "no journal and neither %s nor %s here", files[0], files[1]);
	return NULL;
}

/* ---- a datagram socket that a syslog daemon sends to (omuxsock).  What the kernel holds when we die is lost: there is no cursor. ---- */
struct follow {
	int	 fd;
	char	 node[SK_NAME_MAX];
	struct sockaddr_un at;
};

static struct follow *
socket_open(const struct mail_conf *conf, const char *node, const char *cursor, int64_t since_us, char *why, size_t whysize)
{
	struct follow *f = calloc(1, sizeof(*f));
	int size = 1024 * 1024;
	struct stat st;

	if (f == NULL)
		return NULL;
	f->at.sun_family = AF_UNIX;
	str_copy(f->node, sizeof(f->node), node);
	f->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (!str_copy(f->at.sun_path, sizeof(f->at.sun_path), conf->source_path)) {
		errno = ENAMETOOLONG;
	} else if (f->fd != -1) {
		/* what a safemail that died left; the lock of the spool says that there is no other */
		if (lstat(f->at.sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
			unlink(f->at.sun_path);
		setsockopt(f->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
		if (bind(f->fd, (const struct sockaddr *)&f->at, sizeof(f->at)) == 0 && chmod(f->at.sun_path, 0660) == 0)
			return f;
	}
	snprintf(why, whysize, "%.200s: %s", conf->source_path, strerror(errno));
	if (f->fd != -1)
		close(f->fd);
	free(f);
	return NULL;
}

static void
socket_close(struct follow *f)
{
	close(f->fd);
	unlink(f->at.sun_path);
	free(f);
}

static int
socket_next(struct follow *f, struct mail_event *ev)
{
	char line[EVENT_LINE_MAX];
	ssize_t n;

	for (;;) {
		n = recv(f->fd, line, sizeof(line) - 1, 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN ? 0 : -1;
		while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\0'))
			n--;
		line[n] = '\0';
		if (event_from_line(line, clock_wall_us(), f->node, ev))
			return 1;
	}
}

static bool
socket_cursor(struct follow *f, char *buf, size_t size)
{
	return str_copy(buf, size, "socket");
}

static int
socket_fd(struct follow *f, short *events)
{
	*events = POLLIN;
	return f->fd;
}

static int
socket_wait(struct follow *f)
{
	return -1;
}

const struct follow_source follow_socket = { "socket", socket_open, socket_close, socket_next, socket_cursor, socket_fd, socket_wait };
