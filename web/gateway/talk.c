/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * talk.c: datagrams of words between safewebgate's two processes (talk.h says which).
 */
#include "config.h"
#include "web/gateway/talk.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

bool
talk_split(struct talk *t, size_t n)
{
	const char *p = t->buf, *end = t->buf + n;

	t->words = 0;
	t->len = n;
	if (n == 0 || n > sizeof(t->buf) || t->buf[n - 1] != '\0')
		return false;
	for (; p < end; p += strlen(p) + 1) {
		if (t->words == TALK_WORDS)
			return false;
		t->word[t->words++] = p;
	}
	return true;
}

int
talk_send(int sock, const char *const *words, const int *fds, int nfds)
{
	union { struct cmsghdr head; char space[CMSG_SPACE(sizeof(int) * TALK_FDS)]; } control;
	struct iovec part[TALK_WORDS];
	struct msghdr m = { .msg_iov = part };
	size_t total = 0;
	ssize_t rc;

	for (; words[m.msg_iovlen] != NULL; m.msg_iovlen++) {
		if (m.msg_iovlen == TALK_WORDS)
			return -1;
		part[m.msg_iovlen].iov_base = (void *)(uintptr_t)words[m.msg_iovlen];
		part[m.msg_iovlen].iov_len = strlen(words[m.msg_iovlen]) + 1;
		total += part[m.msg_iovlen].iov_len;
	}
	if (total > TALK_BYTES || nfds > TALK_FDS)
		return -1;
	if (nfds > 0) {
		memset(&control, 0, sizeof(control));
		m.msg_control = control.space;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)nfds);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int) * (size_t)nfds);
		memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * (size_t)nfds);
	}
	do
		rc = sendmsg(sock, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (rc == -1 && errno == EINTR);
	return rc >= 0 ? 1 : errno == EAGAIN || errno == ENOBUFS ? 0 : -1;
}

static void
take_fds(struct talk *t, struct msghdr *m)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		size_t i, n = c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
		int fd;

		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (t->fds < TALK_FDS)
				t->fd[t->fds++] = fd;
			else
				close(fd);
		}
	}
}

int
talk_receive(int sock, struct talk *t)
{
	union { struct cmsghdr head; char space[CMSG_SPACE(sizeof(int) * TALK_FDS)]; } control;
	struct iovec part = { t->buf, sizeof(t->buf) };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space) };
	ssize_t n;

	t->fds = 0;
	t->fd[0] = t->fd[1] = -1;
	do
		n = recvmsg(sock, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno == EAGAIN ? 0 : -1;
	take_fds(t, &m);
	if (n > 0 && (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 && talk_split(t, (size_t)n))
		return 1;
	talk_close(t);
	errno = n == 0 ? 0 : EPROTO;
	return -1;
}

void
talk_close(struct talk *t)
{
	while (t->fds > 0)
		close(t->fd[--t->fds]);
	t->fd[0] = t->fd[1] = -1;
}
