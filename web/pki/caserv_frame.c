/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * caserv_frame.c: frames over the socket pair of the two processes.
 */
#include "config.h"
#include "web/pki/caserv.h"
#include "wire/ctlmsg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

json_t *
caserv_receive(int fd, size_t max)
{
	struct ctl_decoder d;
	char buf[8192], err[SK_TEXT_MAX];
	json_t *obj = NULL;
	ssize_t n;
	int got;

	ctl_decoder_init(&d, max);
	while ((got = ctl_decoder_next(&d, &obj, err, sizeof(err))) == 0) {
		n = recv(fd, buf, sizeof(buf), 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0 || !ctl_decoder_add(&d, buf, (size_t)n))
			break;
		explicit_bzero(buf, sizeof(buf));	/* may hold a password */
	}
	if (got == -1)
		warn_text("between the two processes: %s", err);
	ctl_decoder_free(&d);
	return got == 1 ? obj : NULL;
}

bool
caserv_send(int fd, const json_t *obj)
{
	char *frame;
	size_t len = ctl_encode(obj, &frame), done = 0;
	ssize_t n = 0;

	if (len == 0)
		return false;
	while (done < len) {
		n = send(fd, frame + done, len - done, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	explicit_bzero(frame, len);
	free(frame);
	return done == len;
}
