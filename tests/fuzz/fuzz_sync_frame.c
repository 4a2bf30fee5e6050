/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Feeds the decoders of a synchronisation's bodies (rfs/sync_frame.h) with noise: nothing beyond the body is read, what is taken for an entry, a result or a zone
 * is within its bounds, and it is written as it was read.
 */
#include "config.h"
#include "rfs/sync_frame.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t again[FRAME_BODY_MAX + 1];

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
same(const struct sync_in *in, size_t from, const struct sync_out *o)
{
	must(!o->bad && o->len == in->at - from && memcmp(o->buf, in->buf + from, o->len) == 0);
}

static void
text(const char *s, size_t max)
{
	must(s != NULL && strlen(s) <= max);
}

static void
entries(struct sync_in in)
{
	struct sync_entry e;
	struct sync_xattr x;
	size_t from = 0;

	for (; sync_get_entry(&in, &e); from = in.at) {
		struct sync_out o = { .buf = again, .size = sizeof(again) };
		struct sync_in attrs = { .buf = e.xattrs, .len = e.xattrs_len };

		must(e.node != 0 && e.size <= INT64_MAX && e.xattrs_len <= SYNC_XATTRS_MAX);
		text(e.name, RFS_NAME_LEN);
		text(e.from_name, RFS_NAME_LEN);
		text(e.target, 4095);
		while (sync_get_xattr(&attrs, &x)) {
			text(x.name, 255);
			must(x.name[0] != '\0' && x.value >= e.xattrs && x.len <= e.xattrs_len && x.value + x.len <= e.xattrs + e.xattrs_len);
		}
		must(in_end(&attrs));
		sync_put_entry(&o, &e);
		same(&in, from, &o);
	}
	must(in.bad || in_end(&in));
}

static void
results(struct sync_in in)
{
	struct sync_result r;
	size_t from = 0;
	uint32_t i;

	for (; sync_get_result(&in, &r); from = in.at) {
		struct sync_out o = { .buf = again, .size = sizeof(again) };

		for (i = 0; i < r.zones_count; i++) {	/* each number is the one that stands in the body */
			uint32_t net;

			memcpy(&net, r.zones + (size_t)i * 4, sizeof(net));
			must(sync_zone(&r, i) == ntohl(net));
		}
		sync_put_result(&o, &r);
		same(&in, from, &o);
	}
	must(in.bad || in_end(&in));
}

static void
zones(struct sync_in in)
{
	struct sync_zone z;
	size_t from = 0;

	for (; sync_get_zone(&in, &z); from = in.at) {
		struct sync_out o = { .buf = again, .size = sizeof(again) };

		must(z.off <= INT64_MAX && z.off + z.len <= INT64_MAX);
		sync_put_zone(&o, &z);
		same(&in, from, &o);
	}
	must(in.bad || in_end(&in));
}

static void
names(struct sync_in in)
{
	const char *name;

	while ((name = sync_get_name(&in)) != NULL)
		must(tree_name_ok(name, strlen(name)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const all[])(struct sync_in in) = { entries, results, zones, names };
	uint8_t *body;

	if (size < 1 || size > FRAME_BODY_MAX)
		return 0;
	body = malloc(size - 1);	/* so that a byte too far is noticed */
	if (body == NULL && size > 1)
		return 0;
	if (size > 1)
		memcpy(body, data + 1, size - 1);
	all[data[0] % ARRAY_LEN(all)]((struct sync_in){ .buf = body, .len = size - 1 });
	free(body);
	return 0;
}
