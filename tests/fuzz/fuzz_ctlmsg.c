/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any stream, cut anywhere, into frames: the cuts make no difference, and what came out encodes to a frame that decodes to the same. */
#include "config.h"
#include "wire/ctlmsg.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX 4096

static void
must(bool ok)
{
	if (!ok)
		abort();
}

/* All objects of the stream as one array; *end: 0 wants more, -1 broken */
static json_t *
decode(const uint8_t *data, size_t size, size_t step, int *end)
{
	json_t *all = json_array(), *obj;
	struct ctl_decoder d;
	char err[256];
	size_t at, n;

	ctl_decoder_init(&d, MAX);
	*end = 0;
	for (at = 0; at < size && *end == 0; at += n) {
		n = size - at < step ? size - at : step;
		must(ctl_decoder_add(&d, data + at, n));
		while ((*end = ctl_decoder_next(&d, &obj, err, sizeof(err))) == 1)
			json_array_append_new(all, obj);
		must(*end == 0 || err[0] != '\0');
	}
	ctl_decoder_free(&d);
	return all;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *whole, *pieces, *obj, *again;
	int end1, end2;
	size_t i;

	if (size < 1)
		return 0;
	whole = decode(data + 1, size - 1, size, &end1);
	pieces = decode(data + 1, size - 1, 1 + data[0] % 16, &end2);
	must(end1 == end2 && json_equal(whole, pieces));
	json_array_foreach(whole, i, obj) {
		struct ctl_decoder d;
		char *frame, err[256];
		size_t n = ctl_encode(obj, &frame);

		must(n > 4);
		ctl_decoder_init(&d, 16 * MAX);
		must(ctl_decoder_add(&d, frame, n));
		free(frame);
		must(ctl_decoder_next(&d, &again, err, sizeof(err)) == 1);
		must(json_equal(obj, again));
		json_decref(again);
		ctl_decoder_free(&d);
	}
	json_decref(whole);
	json_decref(pieces);
	return 0;
}
