/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * packet.c: seals and opens UDP packets (layout and replay rules: packet.h).
 *
 * Owns: our session, one cookie per peer, and per peer the confirmed session and one candidate, each with its key schedule kept in
 * an EVP context, so that a packet costs one AES-GCM pass and nothing else; a session not seen before costs one HKDF.
 * Called by: the UDP links of safeadmin and heart.  Never does: I/O, parse a payload, let a packet that is not authentic change anything.
 */
#include "config.h"
#include "wire/packet.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define PACKET_VERSION	1
#define PACKET_WINDOW	1024			/* counters remembered per session (packet.h) */
#define PACKET_COUNTER_END (UINT64_C(1) << 63)	/* never sealed: 2^63 packets are beyond any life, so reaching it is a fault */
#define NONCE_LEN	12
#define AAD_LEN		(PACKET_HEADER + 1)	/* the header and the receiver's index */

enum { AT_VERSION = 2, AT_KIND = 3, AT_KEYID = 4, AT_SESSION = 8, AT_COOKIE = 16, AT_ECHO = 24, AT_COUNTER = 32 };

/* One session of a peer with the key schedule of its packets */
struct session {
	uint64_t	 id;		/* 0: none */
	uint64_t	 cookie;	/* of its newest packet: what we echo */
	uint64_t	 top;		/* highest counter seen */
	EVP_CIPHER_CTX	*ctx;
};

struct peer {
	uint64_t	 cookie;	/* ours for this peer; a new one after every confirmation */
	struct session	 confirmed;
	struct session	 candidate;	/* authentic, may be a recording */
	bool		 answer;	/* the candidate waits for its cookie in our next packet */
	/* of the confirmed session */
	uint64_t	 confirm_echo;		/* our cookie that confirmed it */
	uint64_t	 confirm_counter;	/* counter of the packet that did */
	uint64_t	 seen[PACKET_WINDOW / 64];	/* bit counter % PACKET_WINDOW for top - PACKET_WINDOW < counter <= top */
};

struct packet_seal {
	uint8_t		 key[PACKET_KEY_LEN];
	uint8_t		 keyid[4];
	int		 kind, self, peers;
	uint64_t	 id;		/* our session */
	uint64_t	 counter;	/* of the last packet closed */
	EVP_CIPHER	*cipher;
	EVP_KDF_CTX	*kdf;
	EVP_CIPHER_CTX	*tx;
	EVP_CIPHER_CTX	*spare;	/* for a session not seen before; becomes the candidate's when the packet is authentic */
	struct peer	*peer;
};

const char *const packet_verdict_names[PACKET_VERDICTS] = {
	[PACKET_FRESH] = "fresh", [PACKET_STRANGER] = "new session, not confirmed yet", [PACKET_REPLAY] = "repeated or too old",
	[PACKET_OTHER_KEY] = "sealed with another key", [PACKET_DAMAGED] = "damaged or forged",
	[PACKET_NOT_OURS] = "not a packet of this protocol",
};

static uint64_t
get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

static void
put64(uint8_t *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
}

/* random and never 0, which means "none" everywhere here */
static bool
random64(uint64_t *out)
{
	do {
		if (RAND_bytes((unsigned char *)out, sizeof(*out)) != 1)
			return false;
	} while (*out == 0);
	return true;
}

static EVP_KDF_CTX *
hkdf_new(void)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);

	EVP_KDF_free(kdf);
	return ctx;
}

static bool
hkdf(EVP_KDF_CTX *ctx, const uint8_t key[PACKET_KEY_LEN], const void *salt, size_t salt_len, const void *info, size_t info_len,
    uint8_t out[PACKET_KEY_LEN])
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key, PACKET_KEY_LEN),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, salt_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info, info_len),
		OSSL_PARAM_construct_end(),
	};

	EVP_KDF_CTX_reset(ctx);
	return EVP_KDF_derive(ctx, out, PACKET_KEY_LEN, params) == 1;
}

bool
packet_derive(const uint8_t parent[PACKET_KEY_LEN], const char *label, uint8_t out[PACKET_KEY_LEN])
{
	static const char salt[] = "sk-derive-1";
	EVP_KDF_CTX *ctx = hkdf_new();
	bool ok = ctx != NULL && hkdf(ctx, parent, salt, sizeof(salt) - 1, label, strlen(label), out);

	EVP_KDF_CTX_free(ctx);
	return ok;
}

/* Key schedule of the packets of one session of node `sender` into ctx */
static bool
session_key(struct packet_seal *s, EVP_CIPHER_CTX *ctx, uint64_t id, int sender, bool encrypt)
{
	uint8_t salt[8], info[10] = "sk-udp-1", key[PACKET_KEY_LEN];
	bool ok;

	put64(salt, id);
	info[8] = (uint8_t)s->kind;
	info[9] = (uint8_t)sender;
	ok = hkdf(s->kdf, s->key, salt, sizeof(salt), info, sizeof(info), key) &&
	    EVP_CipherInit_ex2(ctx, s->cipher, key, NULL, encrypt, NULL) == 1;
	OPENSSL_cleanse(key, sizeof(key));
	return ok;
}

struct packet_seal *
packet_seal_new(const uint8_t *key, int kind, int self, int peers)
{
	struct packet_seal *s;
	uint8_t hash[SHA256_DIGEST_LENGTH];
	bool ok;
	int i;

	if (kind < PACKET_MEMBERSHIP || kind > PACKET_FARM || self < 0 || peers > 256 || self >= peers)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	memcpy(s->key, key, PACKET_KEY_LEN);
	s->kind = kind;
	s->self = self;
	s->peers = peers;
	s->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	s->kdf = hkdf_new();
	s->tx = EVP_CIPHER_CTX_new();
	s->spare = EVP_CIPHER_CTX_new();
	s->peer = calloc((size_t)peers, sizeof(*s->peer));
	ok = s->cipher != NULL && s->kdf != NULL && s->tx != NULL && s->spare != NULL && s->peer != NULL &&
	    EVP_Digest(key, PACKET_KEY_LEN, hash, NULL, EVP_sha256(), NULL) == 1 &&
	    random64(&s->id) && session_key(s, s->tx, s->id, self, true);
	for (i = 0; ok && i < peers; i++) {
		s->peer[i].confirmed.ctx = EVP_CIPHER_CTX_new();
		s->peer[i].candidate.ctx = EVP_CIPHER_CTX_new();
		ok = s->peer[i].confirmed.ctx != NULL && s->peer[i].candidate.ctx != NULL && random64(&s->peer[i].cookie);
	}
	if (!ok) {
		packet_seal_free(s);
		return NULL;
	}
	memcpy(s->keyid, hash, sizeof(s->keyid));
	return s;
}

void
packet_seal_free(struct packet_seal *s)
{
	int i;

	if (s == NULL)
		return;
	for (i = 0; s->peer != NULL && i < s->peers; i++) {
		EVP_CIPHER_CTX_free(s->peer[i].confirmed.ctx);
		EVP_CIPHER_CTX_free(s->peer[i].candidate.ctx);
	}
	free(s->peer);
	EVP_CIPHER_CTX_free(s->tx);
	EVP_CIPHER_CTX_free(s->spare);
	EVP_KDF_CTX_free(s->kdf);
	EVP_CIPHER_free(s->cipher);
	OPENSSL_cleanse(s->key, sizeof(s->key));
	free(s);
}

/* What the peer's proof of life has to be answered with: a waiting candidate first, once; else whom we know */
static uint64_t
peer_echo(struct peer *p)
{
	if (p->answer || p->confirmed.id == 0) {
		p->answer = false;
		return p->candidate.cookie;	/* 0 while we know nobody */
	}
	return p->confirmed.cookie;
}

size_t
packet_close(struct packet_seal *s, int to, const uint8_t *payload, size_t len, uint8_t out[PACKET_MAX])
{
	uint8_t nonce[NONCE_LEN] = { 0 }, aad[AAD_LEN];
	int n, fin;

	if (to < 0 || to >= s->peers || to == s->self || len > PACKET_PAYLOAD_MAX || s->counter + 1 >= PACKET_COUNTER_END)
		return 0;
	s->counter++;	/* used up even when the library fails below: no nonce comes twice */
	aad[0] = 'S';
	aad[1] = 'K';
	aad[AT_VERSION] = PACKET_VERSION;
	aad[AT_KIND] = (uint8_t)s->kind;
	memcpy(aad + AT_KEYID, s->keyid, sizeof(s->keyid));
	put64(aad + AT_SESSION, s->id);
	put64(aad + AT_COOKIE, s->peer[to].cookie);
	put64(aad + AT_ECHO, peer_echo(&s->peer[to]));
	put64(aad + AT_COUNTER, s->counter);
	aad[PACKET_HEADER] = (uint8_t)to;
	put64(nonce + NONCE_LEN - 8, s->counter);

	if (EVP_EncryptInit_ex2(s->tx, NULL, NULL, nonce, NULL) != 1 ||
	    EVP_EncryptUpdate(s->tx, NULL, &n, aad, AAD_LEN) != 1 ||
	    (len > 0 && (EVP_EncryptUpdate(s->tx, out + PACKET_HEADER, &n, payload, (int)len) != 1 || (size_t)n != len)) ||
	    EVP_EncryptFinal_ex(s->tx, out + PACKET_HEADER + len, &fin) != 1 || fin != 0 ||
	    EVP_CIPHER_CTX_ctrl(s->tx, EVP_CTRL_GCM_GET_TAG, PACKET_TAG, out + PACKET_HEADER + len) != 1)
		return 0;
	memcpy(out, aad, PACKET_HEADER);
	return PACKET_HEADER + len + PACKET_TAG;
}

/* Is the packet authentic under this key schedule?  Decrypts into payload; what is there counts only when true. */
static bool
decrypt(const struct packet_seal *s, EVP_CIPHER_CTX *ctx, const uint8_t *pkt, size_t text_len, uint8_t payload[PACKET_PAYLOAD_MAX])
{
	uint8_t nonce[NONCE_LEN] = { 0 }, aad[AAD_LEN], tag[PACKET_TAG];
	int n, fin;

	memcpy(aad, pkt, PACKET_HEADER);
	aad[PACKET_HEADER] = (uint8_t)s->self;
	memcpy(nonce + NONCE_LEN - 8, pkt + AT_COUNTER, 8);
	memcpy(tag, pkt + PACKET_HEADER + text_len, PACKET_TAG);
	return EVP_DecryptInit_ex2(ctx, NULL, NULL, nonce, NULL) == 1 &&
	    EVP_DecryptUpdate(ctx, NULL, &n, aad, AAD_LEN) == 1 &&
	    (text_len == 0 || (EVP_DecryptUpdate(ctx, payload, &n, pkt + PACKET_HEADER, (int)text_len) == 1 && (size_t)n == text_len)) &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, PACKET_TAG, tag) == 1 &&
	    EVP_DecryptFinal_ex(ctx, payload + text_len, &fin) == 1;
}

/* true when counter is new; remembers it */
static bool
window_take(struct peer *p, uint64_t counter)
{
	uint64_t c, top = p->confirmed.top, bit = UINT64_C(1) << (counter % 64);
	uint64_t *word = &p->seen[counter % PACKET_WINDOW / 64];

	if (counter > top) {
		if (counter - top >= PACKET_WINDOW)
			memset(p->seen, 0, sizeof(p->seen));
		else
			for (c = top + 1; c < counter; c++)
				p->seen[c % PACKET_WINDOW / 64] &= ~(UINT64_C(1) << (c % 64));
		p->confirmed.top = counter;
		*word |= bit;
		return true;
	}
	if (top - counter >= PACKET_WINDOW || (*word & bit) != 0)
		return false;
	*word |= bit;
	return true;
}

/* An authentic packet of the confirmed session */
static enum packet_verdict
open_confirmed(struct peer *p, uint64_t cookie, uint64_t echo, uint64_t counter)
{
	bool newest = counter > p->confirmed.top;

	if (counter < p->confirm_counter && echo != p->confirm_echo)
		return PACKET_REPLAY;	/* sent before the peer knew that we live: perhaps before we did */
	if (!window_take(p, counter))
		return PACKET_REPLAY;
	if (newest)
		p->confirmed.cookie = cookie;
	return PACKET_FRESH;
}

/* An authentic packet of the candidate echoes our cookie: from now on this is the peer's session */
static void
confirm(struct peer *p, uint64_t echo, uint64_t counter)
{
	struct session old = p->confirmed;

	p->confirmed = p->candidate;
	p->candidate = old;
	p->candidate.id = p->candidate.cookie = p->candidate.top = 0;
	p->answer = false;
	p->confirm_echo = echo;
	p->confirm_counter = counter;
	memset(p->seen, 0, sizeof(p->seen));
	p->seen[counter % PACKET_WINDOW / 64] = UINT64_C(1) << (counter % 64);
	p->confirmed.top = counter;
}

/* A packet of a session that is not the confirmed one */
static enum packet_verdict
open_stranger(struct packet_seal *s, int from, const uint8_t *pkt, size_t text_len, uint8_t payload[PACKET_PAYLOAD_MAX])
{
	struct peer *p = &s->peer[from];
	uint64_t id = get64(pkt + AT_SESSION), echo = get64(pkt + AT_ECHO), counter = get64(pkt + AT_COUNTER), renewed;

	if (p->candidate.id == id) {
		if (!decrypt(s, p->candidate.ctx, pkt, text_len, payload))
			return PACKET_DAMAGED;
	} else {
		EVP_CIPHER_CTX *ctx = s->spare;

		if (!session_key(s, ctx, id, from, false) || !decrypt(s, ctx, pkt, text_len, payload))
			return PACKET_DAMAGED;
		s->spare = p->candidate.ctx;
		p->candidate.ctx = ctx;
		p->candidate.id = id;
		p->candidate.top = 0;
	}
	if (counter > p->candidate.top) {
		p->candidate.top = counter;
		p->candidate.cookie = get64(pkt + AT_COOKIE);
	}
	/* without a new cookie a session cannot be confirmed safely: rather stay with what we have */
	if (echo == p->cookie && random64(&renewed)) {
		p->cookie = renewed;
		confirm(p, echo, counter);
		return PACKET_FRESH;
	}
	p->answer = true;
	return PACKET_STRANGER;
}

enum packet_verdict
packet_open(struct packet_seal *s, int from, const uint8_t *pkt, size_t len, uint8_t payload[PACKET_PAYLOAD_MAX], size_t *payload_len)
{
	uint8_t text[PACKET_PAYLOAD_MAX + 16];	/* never the caller's: a payload that is not fresh is not handed out */
	enum packet_verdict verdict;
	size_t text_len;
	struct peer *p;

	if (from < 0 || from >= s->peers || from == s->self || len < PACKET_HEADER + PACKET_TAG || len > PACKET_MAX ||
	    pkt[0] != 'S' || pkt[1] != 'K' || pkt[AT_VERSION] != PACKET_VERSION || pkt[AT_KIND] != s->kind)
		return PACKET_NOT_OURS;
	if (memcmp(pkt + AT_KEYID, s->keyid, sizeof(s->keyid)) != 0)
		return PACKET_OTHER_KEY;
	if (get64(pkt + AT_SESSION) == 0 || get64(pkt + AT_COOKIE) == 0 || get64(pkt + AT_COUNTER) == 0 ||
	    get64(pkt + AT_COUNTER) >= PACKET_COUNTER_END)
		return PACKET_DAMAGED;	/* never sealed so */
	p = &s->peer[from];
	text_len = len - PACKET_HEADER - PACKET_TAG;
	if (get64(pkt + AT_SESSION) != p->confirmed.id)
		verdict = open_stranger(s, from, pkt, text_len, text);
	else if (decrypt(s, p->confirmed.ctx, pkt, text_len, text))
		verdict = open_confirmed(p, get64(pkt + AT_COOKIE), get64(pkt + AT_ECHO), get64(pkt + AT_COUNTER));
	else
		verdict = PACKET_DAMAGED;
	if (verdict == PACKET_FRESH) {
		memcpy(payload, text, text_len);
		*payload_len = text_len;
	}
	return verdict;
}

bool
packet_confirmed(const struct packet_seal *s, int peer)
{
	return peer >= 0 && peer < s->peers && s->peer[peer].confirmed.id != 0;
}
