/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * packet.h: every UDP packet of ours: authenticated and encrypted before it is parsed, with replay protection.
 *
 * Owns: the seal.  Called by: links of safeadmin and heart.  Pure but for random numbers; no fd, no clock.
 *
 *   0      2   3   4        8          16        24      32        40
 *   +------+---+---+--------+-----------+---------+-------+---------+---------------------------+----------+
 *   | "SK" | v | k | keyid  |  session  | cookie  | echo  | counter |  AES-256-GCM(payload)     | tag (16) |
 *   +------+---+---+--------+-----------+---------+-------+---------+---------------------------+----------+
 *   v: version of this layout (1); k: kind (1 membership, 2 heartbeat, 3 farm); keyid: first 4 bytes of SHA-256(key), so that "another
 *   key" can be told from "damaged"; session: 64 random bits of the sender's life, never 0; cookie: 64 random bits, "say this to me
 *   and I know that you live now"; echo: the receiver's cookie as the sender knows it (0: not yet); counter: 1, 2, 3... per session.
 *   All big-endian.  Associated data: the 40 bytes and the receiver's index, so that a packet cannot be sent on to another node.
 *   Packet key: HKDF-SHA-256(key, salt = session, info = "sk-udp-1" + kind + sender index); nonce = counter padded to 96 bits: a
 *   (key, nonce) pair never comes twice.
 *
 * Replay.  A receiver has one confirmed session per peer.  A session is confirmed by an authentic packet that echoes our cookie for
 * that peer; the cookie is then replaced by a new one, so that no recording of any older life of the peer (of the time before we were
 * born, or after) can ever confirm its session again, and an established session cannot be pushed aside.  A packet of the confirmed
 * session is fresh when its counter is new within a window of 1024 and it was sent when the peer knew our cookie (later than the
 * packet that confirmed, or with the same echo).  A packet of another session may be a recording: PACKET_STRANGER, payload not handed
 * out; the next packet that we close for this peer echoes the stranger's cookie, once: if it lives, its next one is fresh.  So answer
 * a stranger at once, with any packet.  Two that meet for the first time: A->B stranger, B->A fresh, A->B fresh.
 */
#ifndef SK_PACKET_H
#define SK_PACKET_H

#include "base/base.h"

#define PACKET_HEADER	40
#define PACKET_TAG	16
#define PACKET_PAYLOAD_MAX 1200	/* with header, tag, UDP and IPv6 header below 1280 + 68: no fragments on usual links */
#define PACKET_MAX	(PACKET_HEADER + PACKET_PAYLOAD_MAX + PACKET_TAG)
#define PACKET_KEY_LEN	32

enum packet_kind { PACKET_MEMBERSHIP = 1, PACKET_HEARTBEAT = 2, PACKET_FARM = 3 };
enum packet_verdict {
	PACKET_FRESH,		/* payload handed out: authentic, new */
	PACKET_STRANGER,	/* authentic, session not confirmed yet: payload NOT handed out; answer it */
	PACKET_REPLAY,		/* authentic, counter seen before or too old */
	PACKET_OTHER_KEY,	/* keyid differs: another key */
	PACKET_DAMAGED,		/* tag wrong */
	PACKET_NOT_OURS,	/* magic, version, kind or length */
	PACKET_VERDICTS
};
extern const char *const packet_verdict_names[PACKET_VERDICTS];

struct packet_seal;	/* our session towards all peers of one key and kind */
/* key: PACKET_KEY_LEN bytes, copied (and cleansed by free).  self: our index (0..255).  peers: how many indexes exist (self is one of
 * them).  NULL: no memory, no randomness, or senseless arguments.  One seal belongs to one thread at a time. */
struct packet_seal *packet_seal_new(const uint8_t *key, int kind, int self, int peers);
void packet_seal_free(struct packet_seal *s);
/* payload -> packet for peer `to` (not ourselves).  Returns packet length, 0 when it does not fit or the library fails.  The same packet
 * may be sent on several lans: the receiver takes the first, the others are PACKET_REPLAY. */
size_t packet_close(struct packet_seal *s, int to, const uint8_t *payload, size_t len, uint8_t out[PACKET_MAX]);
/* packet said to come from peer `from` (by its source address; the key derivation proves it) -> payload (only when FRESH) */
enum packet_verdict packet_open(struct packet_seal *s, int from, const uint8_t *pkt, size_t len,
    uint8_t payload[PACKET_PAYLOAD_MAX], size_t *payload_len);
/* true once the peer has echoed our cookie: its packets are handed out */
bool packet_confirmed(const struct packet_seal *s, int peer);
/* HKDF-SHA-256 of a parent key: a module without a key of its own uses packet_derive(cluster key, "module AM") */
bool packet_derive(const uint8_t parent[PACKET_KEY_LEN], const char *label, uint8_t out[PACKET_KEY_LEN]);

#endif
