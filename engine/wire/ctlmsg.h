/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctlmsg.h: frames of the control socket: bytes <-> JSON objects.  No fd, no policy.  The layout is doc/PROTOCOL.md 1.
 */
#ifndef SK_CTLMSG_H
#define SK_CTLMSG_H

#include "base/base.h"
#include <jansson.h>

#define CTL_FRAME_MAX_CLIENT	(1u << 20)	/* longest frame a server accepts (ours) */
#define CTL_FRAME_MAX_SERVER	(16u << 20)	/* longest frame a client accepts (ours: 100,000 resources of 150 bytes) */

/* Collects bytes of a stream and gives whole frames.  Owner: one connection. */
struct ctl_decoder {
	size_t	 max;		/* longest frame accepted */
	char	*buf;
	size_t	 len, room;
};
void ctl_decoder_init(struct ctl_decoder *d, size_t max);
void ctl_decoder_free(struct ctl_decoder *d);
/* Add bytes.  false: no memory (the decoder holds at most max + 4 + n bytes). */
bool ctl_decoder_add(struct ctl_decoder *d, const void *data, size_t n);
/* Next object: 1 and *obj (caller's reference), 0 when more bytes are needed, -1 when the stream is broken for good (err says
 * why: too long, not JSON, not an object). */
int ctl_decoder_next(struct ctl_decoder *d, json_t **obj, char *err, size_t errsize);

/* Frame of an object; *frame is the caller's to free.  0 without memory. */
size_t ctl_encode(const json_t *obj, char **frame);

#endif
