/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * packet.h: every UDP packet of ours: authenticated and encrypted before it is parsed, with replay protection.
 *
 * Owns: the seal.  Called by: links of safeadmin and heart.  Pure but for random numbers; no fd, no clock.
 *
 *   0      2   3   4        8                16        24         32
 *   +------+---+---+--------+----------------+---------+----------+---------------------------+----------+
 *   | "SK" | v | k | keyid  | session        | echo    | counter  | AES-256-GCM(payload)      | tag (16) |
 *   +------+---+---+--------+----------------+---------+----------+---------------------------+----------+
 *   v: version of this layout (1); k: kind (1 membership, 2 heartbeat); keyid: first 4 bytes of SHA-256(key), so that "another
 *   key" can be told from "damaged"; session: 64 random bits of the sender's life; echo: the receiver's session as the sender knows
 *   it (0: not yet); counter: 1, 2, 3... per session.  All big-endian.  The 32 bytes are the associated data.
 *   Packet key: HKDF-SHA-256(key, salt = session, info = "sk-udp-1" + kind + sender index); nonce = counter padded to 96 bits: a
 *   (key, nonce) pair never comes twice.
 *
 * Replay: a payload is handed out as `fresh` only when echo is our own session, which nobody could know before we were born, and
 * counter is new within a window of 1024.  A first packet of a new session (echo 0 or old) is authentic but may be a recording: it
 * is reported as PACKET_STRANGER, and the answer (any packet of ours carries its session as echo) makes its next one fresh.
 */
#ifndef SK_PACKET_H
#define SK_PACKET_H

#include "base/base.h"

#define PACKET_HEADER	32
#define PACKET_TAG	16
#define PACKET_PAYLOAD_MAX 1200	/* with header, tag, UDP and IPv6 header below 1280 + 68: no fragments on usual links */
#define PACKET_MAX	(PACKET_HEADER + PACKET_PAYLOAD_MAX + PACKET_TAG)
#define PACKET_KEY_LEN	32

enum packet_kind { PACKET_MEMBERSHIP = 1, PACKET_HEARTBEAT = 2 };
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
/* key: PACKET_KEY_LEN bytes, copied (and cleansed by free).  self: our index (0..255).  peers: how many indexes exist. */
struct packet_seal *packet_seal_new(const uint8_t *key, int kind, int self, int peers);
void packet_seal_free(struct packet_seal *s);
/* payload -> packet for peer `to`.  Returns packet length, 0 when it does not fit or the library fails. */
size_t packet_close(struct packet_seal *s, int to, const uint8_t *payload, size_t len, uint8_t out[PACKET_MAX]);
/* packet said to come from peer `from` (by its source address; the key derivation proves it) -> payload (only when FRESH) */
enum packet_verdict packet_open(struct packet_seal *s, int from, const uint8_t *pkt, size_t len,
    uint8_t payload[PACKET_PAYLOAD_MAX], size_t *payload_len);
/* true once the peer has echoed our session */
bool packet_confirmed(const struct packet_seal *s, int peer);
/* HKDF-SHA-256 of a parent key: a module without a key of its own uses packet_derive(cluster key, "module AM") */
bool packet_derive(const uint8_t parent[PACKET_KEY_LEN], const char *label, uint8_t out[PACKET_KEY_LEN]);

#endif
