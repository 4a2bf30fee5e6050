/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * webauth.h: the credential that servers show each other over HTTP, and the seal of secrets that travel with it.
 *
 * Owns: what is signed and how, the line "Authorization: SafeKit ...", the sealed form of a file, which files hold keys.
 * Called by: safekit -H, -E, -G and checkd's module checker (they sign), safewebgate's parent (it verifies), safekit cluster|module
 * receive (they open).  No state: nonces are given out, counted and forgotten by who verifies.  Only webauth_keys() reads files.
 *
 *   GET /node/api/v1/challenge  ->  {"nonce":"<32 hex digits>"}
 *   Authorization: SafeKit keyid=<8 hex>, nonce=<hex as given>, mac=<64 hex>
 *   mac = HMAC-SHA-256(K, "safekit-web-2\n" SERVER "\n" METHOD "\n" PATH-WITH-QUERY "\n" hex of SHA-256(body) "\n" nonce "\n")
 *   SERVER: the address that is asked, as text (a zone, "%eth0", left out): of the connection that the challenge came over here, of the
 *   socket there.  So who passes a challenge of another server to us gets nothing that this other one takes.
 *   keyid = first 4 bytes of SHA-256(K): tells "another key" from "wrong".  K is one of webauth_keys().
 *
 * A sealed file, so that a key that goes over plain HTTP stays one:
 *   "SKSEAL1\n" | keyid (4) | salt (16) | AES-256-GCM(text) | tag (16)
 *   key and nonce of the cipher: HKDF-SHA-256(K, salt, "sk-seal-1" NUL purpose), 32 + 12 bytes; associated data: all before the cipher
 *   text, and the purpose ("cluster", "module AM"), so that what was sealed for one purpose is not opened for another.
 */
#ifndef SK_WEBAUTH_H
#define SK_WEBAUTH_H

#include "base/base.h"

#define WEBAUTH_KEY_LEN	  32
#define WEBAUTH_KEYID_MAX 9		/* 8 hex digits, NUL */
#define WEBAUTH_HEX_MAX	  65		/* 64 hex digits, NUL: hashes, macs */
#define WEBAUTH_NONCE_MIN 16		/* hex digits */
#define WEBAUTH_NONCE_MAX 65		/* 64 hex digits, NUL */
#define WEBAUTH_HEADER_MAX 192		/* the value of Authorization, NUL */
#define WEBAUTH_PATH_MAX  4096		/* bytes of path and query that are signed */
#define WEBAUTH_SEAL_MORE (8 + 4 + 16 + 16)	/* a sealed text is so much longer */

/* What the header says; every member is checked: lower-case hex of the right length */
struct webauth {
	char keyid[WEBAUTH_KEYID_MAX];
	char nonce[WEBAUTH_NONCE_MAX];
	char mac[WEBAUTH_HEX_MAX];
};

/* false: the library fails */
bool webauth_keyid(const uint8_t key[WEBAUTH_KEY_LEN], char out[WEBAUTH_KEYID_MAX]);
bool webauth_hash(const void *body, size_t len, char out[WEBAUTH_HEX_MAX]);	/* hex of SHA-256(body) */
struct webauth_ask {
	const char *server;	/* IP address, as text */
	const char *method, *path;	/* as in the request line, without control characters */
	const char *body_hash;	/* of webauth_hash() */
};
/* false: senseless, or the library fails */
bool webauth_mac(const uint8_t key[WEBAUTH_KEY_LEN], const struct webauth_ask *ask, const char *nonce, char out[WEBAUTH_HEX_MAX]);
/* The value of Authorization for a request */
bool webauth_sign(const uint8_t key[WEBAUTH_KEY_LEN], const struct webauth_ask *ask, const char *nonce, char out[WEBAUTH_HEADER_MAX]);
/* false: not "SafeKit keyid=..., nonce=..., mac=..." each exactly once (any order, blanks around commas) */
bool webauth_parse(const char *header, struct webauth *out);
/* Is the mac of that key, for that request?  In constant time.  The nonce's age and novelty are the caller's to judge. */
bool webauth_verify(const struct webauth *told, const uint8_t key[WEBAUTH_KEY_LEN], const struct webauth_ask *ask);

/* ---- keys ---- */
enum webauth_key_kind { WEBAUTH_KEY_PASSWORD, WEBAUTH_KEY_CLUSTER, WEBAUTH_KEY_PREVIOUS };
#define WEBAUTH_PREVIOUS 3	/* former keys that are kept (ours) */
#define WEBAUTH_KEYS	(2 + WEBAUTH_PREVIOUS)
struct webauth_keys {
	int  n;
	struct webauth_key {
		enum webauth_key_kind kind;
		uint8_t key[WEBAUTH_KEY_LEN];
		char	id[WEBAUTH_KEYID_MAX];
	} key[WEBAUTH_KEYS];
};
/*
 * The keys of this server, best first: SAFE/web/conf/node.key (of the admin password: the same on all servers that were given the same),
 * the one derived from SAFEVAR/cluster/cluster.key, and with to_sign those derived from the lines of SAFEVAR/cluster/previous.key, newest
 * first (so that a cluster configuration with a new key can be brought to servers that have a former one; who verifies never takes
 * them).  Files: 64 hex digits a line.  Readable by root only.  n is 0 when there is none; a file that cannot be read or is damaged is told in err
 * (which may stay "") and left out.
 */
void webauth_keys(struct webauth_keys *out, bool to_sign, char *err, size_t errsize);
const struct webauth_key *webauth_key_of(const struct webauth_keys *keys, const char *keyid);	/* NULL: none of ours */
void webauth_keys_clear(struct webauth_keys *keys);	/* nothing of them stays in memory */

/* ---- seal ---- */
/* out has room for len + WEBAUTH_SEAL_MORE; returns the bytes written, 0: the library fails */
size_t webauth_seal(const uint8_t key[WEBAUTH_KEY_LEN], const char *purpose, const void *text, size_t len, uint8_t *out);
bool webauth_is_sealed(const void *data, size_t len);
/* out has room for len - WEBAUTH_SEAL_MORE, its length goes to *outlen; false: err says why (another key, damaged, another purpose) */
bool webauth_open(const struct webauth_keys *keys, const char *purpose, const void *data, size_t len, uint8_t *out, size_t *outlen,
    char *err, size_t errsize);

#endif
