/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ctlmsg.c: cuts a stream into frames and back. */
#include "config.h"
#include "wire/ctlmsg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
ctl_decoder_init(struct ctl_decoder *d, size_t max)
{
	memset(d, 0, sizeof(*d));
	d->max = max;
}

void
ctl_decoder_free(struct ctl_decoder *d)
{
	free(d->buf);
	memset(d, 0, sizeof(*d));
}

bool
ctl_decoder_add(struct ctl_decoder *d, const void *data, size_t n)
{
	if (d->room - d->len < n) {
		size_t room = d->room == 0 ? 4096 : d->room;
		char *buf;

		while (room - d->len < n)
			room *= 2;
		buf = realloc(d->buf, room);
		if (buf == NULL)
			return false;
		d->buf = buf;
		d->room = room;
	}
	memcpy(d->buf + d->len, data, n);
	d->len += n;
	return true;
}

static uint32_t
frame_length(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

int
ctl_decoder_next(struct ctl_decoder *d, json_t **obj, char *err, size_t errsize)
{
	json_error_t je;
	uint32_t n;
	json_t *o;

	if (d->len < 4)
		return 0;
	n = frame_length(d->buf);
	if (n < 2 || n > d->max) {
		snprintf(err, errsize, "frame of %u bytes, expected 2 to %zu", n, d->max);
		return -1;
	}
	if (d->len < 4 + (size_t)n)
		return 0;
	o = json_loadb(d->buf + 4, n, JSON_REJECT_DUPLICATES, &je);
	d->len -= 4 + (size_t)n;
	memmove(d->buf, d->buf + 4 + n, d->len);
	if (d->len == 0 && d->room > 65536) {
		free(d->buf);
		d->buf = NULL;
		d->room = 0;
	}
	if (o == NULL) {
		snprintf(err, errsize, "not JSON at byte %d: %s", je.position, je.text);
		return -1;
	}
	if (!json_is_object(o)) {
		snprintf(err, errsize, "a JSON object was expected");
		json_decref(o);
		return -1;
	}
	*obj = o;
	return 1;
}

size_t
ctl_encode(const json_t *obj, char **frame)
{
	size_t n = json_dumpb(obj, NULL, 0, JSON_COMPACT);
	char *buf;

	if (n == 0 || n > UINT32_MAX)
		return 0;
	buf = malloc(n + 4);
	if (buf == NULL)
		return 0;
	buf[0] = (char)(n >> 24), buf[1] = (char)(n >> 16), buf[2] = (char)(n >> 8), buf[3] = (char)n;
	json_dumpb(obj, buf + 4, n, JSON_COMPACT);
	*frame = buf;
	return n + 4;
}
