/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * beat.h: one heartbeat: what a server tells the other about one mirror module.  Bytes <-> struct, no fd.
 *
 * Layout (big-endian), inside a packet of wire/packet.h:
 *   0 version(1) 1 from(1) 2 module id(2) 4 incarnation(8) 12 seq(8) 20 sc(4) 24 ack incarnation(8) 32 ack sc(4) 36 flags(2)
 *   38 state(1) 39 status(1) 40 bid(1) 41 rank(1) 42 sees(1) 43 failover(1) 44 signature(8) = 52 bytes, then
 *   52 count of words(1), each word key(4) healths(1); more bytes are ignored, so that a later version may add.
 */
#ifndef SK_BEAT_H
#define SK_BEAT_H

#include "base/base.h"

#define BEAT_VERSION	1
#define BEAT_LEN	52			/* without words */
#define BEAT_RANK_MAX	3			/* 0..2, and one more for who replicates and needs no secondary (module/folders.c) */
#define BEAT_WORDS_MAX	200			/* = RULES_REMOTE_MAX */
#define BEAT_MAX	(BEAT_LEN + 1 + 5 * BEAT_WORDS_MAX)

enum beat_sees { BEAT_PENDING = 0, BEAT_KNOWN = 1, BEAT_LOST = 2 };

/* The health of the resources that failover rules call remote (fsm/rules.h) */
struct beat_word { uint32_t key; uint8_t healths; };

struct beat {
	uint8_t	 from;			/* node index of the sender */
	uint16_t module_id;
	uint64_t incarnation;		/* per life of the sending process, growing */
	uint64_t seq;			/* grows with each beat of an incarnation, over all lans; 32 bits would be used up in 62 days
					 * (8 lans, 10 ms), and what follows would be taken for old */
	uint32_t sc;			/* state counter: grows when anything below changes */
	uint64_t ack_incarnation;	/* the receiver's incarnation and state counter as the sender has processed them */
	uint32_t ack_sc;
	uint16_t flags;			/* enum fsm_flag */
	uint8_t	 state, status;		/* enum rpt_state, rpt_status */
	uint8_t	 bid, rank;
	uint8_t	 sees;			/* enum beat_sees: how the sender sees the receiver */
	uint8_t	 failover;
	uint8_t	 signature[8];		/* first bytes of the module's configuration signature */
	uint8_t	 words;			/* how many */
	struct beat_word word[BEAT_WORDS_MAX];
};

size_t beat_encode(const struct beat *b, uint8_t buf[BEAT_MAX]);	/* bytes used */
bool beat_decode(const uint8_t *buf, size_t len, struct beat *b);	/* false: too short, other version, number out of range */

#endif
