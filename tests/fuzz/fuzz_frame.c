/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds the decoder of the replication with noise: what it takes for a frame must be written as it was read. */
#include "config.h"
#include "rfs/frame.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
operation(const struct frame *f)
{
	static uint8_t buf[FRAME_BODY_MAX];
	struct rfs_op op;
	char err[256];
	size_t n;

	if (!frame_op_decode(f, &op, err, sizeof(err)))
		return;
	if (op.name != NULL)
		must(strlen(op.name) == op.name_len && op.name_len > 0 && op.name_len <= RFS_NAME_LEN);
	if (op.type < OP_WRITE)
		must(strchr(op.name, '/') == NULL && strcmp(op.name, "..") != 0);
	must(op.data_len <= RFS_DATA_MAX && op.off <= INT64_MAX);
	n = frame_op_encode(&op, buf, sizeof(buf));
	must(n > 0 && n + op.data_len == f->body_len && memcmp(buf, f->body, n) == 0);
	must(op.data_len == 0 || memcmp(op.data, (const uint8_t *)f->body + n, op.data_len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t head[FRAME_HEAD], *body;
	struct frame_hello h;
	struct frame f;
	char err[256];
	size_t need;

	if (size < 1)
		return 0;
	/* first the head as it comes, then a right one around the rest */
	if (size >= FRAME_HEAD && frame_parse_head(data, &f, &need, err, sizeof(err)))
		must(need >= FRAME_HEAD && need <= FRAME_HEAD + FRAME_BODY_MAX && f.type < FR_TYPES && f.dir < RFS_DIRS_MAX);
	memset(&f, 0, sizeof(f));
	f.type = (data[0] & 1) != 0 ? FR_OP : FR_HELLO;
	f.body_len = (uint32_t)(size - 1);
	frame_head(&f, head);
	if (!frame_parse_head(head, &f, &need, err, sizeof(err)))
		return 0;
	body = malloc(size);	/* so that a byte too far is noticed */
	if (body == NULL)
		return 0;
	memcpy(body, data + 1, size - 1);
	f.body = body;
	if (f.type == FR_OP) {
		operation(&f);
	} else if (frame_hello_decode(&f, &h, err, sizeof(err))) {
		must(h.conn < h.conns && strlen(h.node) < sizeof(h.node));
		free(h.json);
	}
	free(body);
	return 0;
}
