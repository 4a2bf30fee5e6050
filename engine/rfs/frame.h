/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frame.h: the bytes between two workers.  Pure: bytes <-> structs, fuzzed.  doc/REPLICATION.md has the layout.
 *
 * Header, 32 bytes, big-endian: 0 length of the body(4) 4 type(1) 5 version(1) 6 folder(1) 7 flags(1) 8 seq(8) 16 node(8) 24 aux(8); then the body,
 * at most FRAME_BODY_MAX.
 */
#ifndef SK_RFS_FRAME_H
#define SK_RFS_FRAME_H

#include "rfs/op.h"

#define FRAME_VERSION	1
#define FRAME_HEAD	32
#define FRAME_BODY_MAX	(RFS_DATA_MAX + 65536)

enum frame_type {
	FR_HELLO = 1,	/* frame_hello */
	FR_OP,		/* an rfs_op; seq: of its connection, from 1, without holes.  flags 1: sent again */
	FR_ACK,		/* seq: applied up to that one, on that connection; aux: 0, or the errno of seq itself (then the secondary is out) */
	FR_PING, FR_PONG,
	FR_CUT,		/* aux: number of the cut; FR_CUT_DONE: on the disk up to it; FR_CUT_COMMIT: both have it */
	FR_CUT_DONE, FR_CUT_COMMIT,
	FR_SYNC,	/* psync.h: flags = what; body is psync's.  Not counted in seq, in order with what is on its connection */
	FR_PAIRED,	/* the primary has written down that it needs the secondary */
	FR_GIVE, FR_GIVEN,	/* swap: this was all; received and applied */
	FR_OUT,		/* body: why; the one who sends it leaves */
	FR_TYPES
};
struct frame {
	uint8_t	 type, dir, flags;
	uint64_t seq, node, aux;
	const void *body;
	uint32_t body_len;
	const void *body2;		/* sent behind body; received frames have none */
	uint32_t body2_len;
};
struct frame_hello {
	uint16_t version, module_id;
	char	 node[SK_NAME_MAX];
	bool	 primary;
	uint64_t session;		/* of the sender's term */
	uint64_t peer_session;		/* the other side's that it knows, 0 none */
	int	 conn, conns;
	uint64_t applied;		/* second: last seq applied on this connection in that session; primary: last that it will not send any more */
	char	*json;			/* state and options, at most 64 KiB, the decoder's caller frees */
};
/* bytes of the head; out has FRAME_HEAD */
void frame_head(const struct frame *f, uint8_t out[FRAME_HEAD]);
/* need: bytes of the whole frame, once the head is there; false: no frame (err says what was expected) */
bool frame_parse_head(const uint8_t *buf, struct frame *f, size_t *need, char *err, size_t errsize);
size_t frame_op_encode(const struct rfs_op *op, uint8_t *buf, size_t size);	/* without op->data, which is body2; 0: does not fit */
bool frame_op_decode(const struct frame *f, struct rfs_op *op, char *err, size_t errsize);	/* pointers into f's body */
size_t frame_hello_encode(const struct frame_hello *h, uint8_t *buf, size_t size);
bool frame_hello_decode(const struct frame *f, struct frame_hello *h, char *err, size_t errsize);

#endif
