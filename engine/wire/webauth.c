/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * webauth.c: signs and verifies requests between servers, seals what is secret in them (forms and rules: webauth.h).
 *
 * Owns: nothing that lasts.  Never does: talk to anybody, say how long a nonce is good.
 */
#include "config.h"
#include "wire/webauth.h"
#include "wire/packet.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEAL_MAGIC "SKSEAL1\n"
#define KEY_FILE_MAX 1024	/* bytes */
enum { SEAL_KEYID = 8, SEAL_SALT = 12, SEAL_TEXT = 28, SALT_LEN = 16, TAG_LEN = 16, NONCE_LEN = 12 };

_Static_assert(PACKET_KEY_LEN == WEBAUTH_KEY_LEN, "keys are derived from cluster keys");

/* ---- requests ---- */

bool
webauth_keyid(const uint8_t key[WEBAUTH_KEY_LEN], char out[WEBAUTH_KEYID_MAX])
{
	uint8_t sum[SHA256_DIGEST_LENGTH];

	if (SHA256(key, WEBAUTH_KEY_LEN, sum) == NULL)
		return false;
	str_to_hex(sum, (WEBAUTH_KEYID_MAX - 1) / 2, out);
	return true;
}

bool
webauth_hash(const void *body, size_t len, char out[WEBAUTH_HEX_MAX])
{
	uint8_t sum[SHA256_DIGEST_LENGTH];

	if (SHA256(len > 0 ? body : "", len, sum) == NULL)
		return false;
	str_to_hex(sum, sizeof(sum), out);
	return true;
}

/* A line break in one of the parts would let one request be read as another */
static bool
one_line(const char *s)
{
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return false;
	return true;
}

static bool
is_hex(const char *s, size_t min, size_t max)
{
	size_t n = strspn(s, "0123456789abcdef");

	return s[n] == '\0' && n >= min && n <= max;
}

/* An address without its zone, which is of one end only; false: it is none */
static bool
plain_address(const char *s, char out[INET6_ADDRSTRLEN])
{
	size_t n = strcspn(s, "%");

	if (n == 0 || n >= INET6_ADDRSTRLEN || strspn(s, "0123456789abcdefABCDEF:.") != n)
		return false;
	memcpy(out, s, n);
	out[n] = '\0';
	return true;
}

bool
webauth_mac(const uint8_t key[WEBAUTH_KEY_LEN], const struct webauth_ask *ask, const char *nonce, char out[WEBAUTH_HEX_MAX])
{
	char text[WEBAUTH_PATH_MAX + 320], server[INET6_ADDRSTRLEN];
	uint8_t mac[SHA256_DIGEST_LENGTH];
	unsigned len = sizeof(mac);

	if (!plain_address(ask->server, server) || !one_line(ask->method) || !one_line(ask->path) || strlen(ask->method) > 16
	    || strlen(ask->path) >= WEBAUTH_PATH_MAX || !is_hex(ask->body_hash, 64, 64)
	    || !is_hex(nonce, WEBAUTH_NONCE_MIN, WEBAUTH_NONCE_MAX - 1)
	    || !path_format(text, sizeof(text), "safekit-web-2\n%s\n%s\n%s\n%s\n%s\n", server, ask->method, ask->path, ask->body_hash, nonce)
	    || HMAC(EVP_sha256(), key, WEBAUTH_KEY_LEN, (const uint8_t *)text, strlen(text), mac, &len) == NULL)
		return false;
	str_to_hex(mac, sizeof(mac), out);
	return true;
}

bool
webauth_sign(const uint8_t key[WEBAUTH_KEY_LEN], const struct webauth_ask *ask, const char *nonce, char out[WEBAUTH_HEADER_MAX])
{
	char id[WEBAUTH_KEYID_MAX], mac[WEBAUTH_HEX_MAX];

	return webauth_keyid(key, id) && webauth_mac(key, ask, nonce, mac)
	    && path_format(out, WEBAUTH_HEADER_MAX, "SafeKit keyid=%s, nonce=%s, mac=%s", id, nonce, mac);
}

/* One "name=hex" at *at; *at is behind it and the comma.  false: not one of ours, or said before */
static bool
parse_part(const char **at, struct webauth *out)
{
	struct { const char *name; char *to; size_t min, max; } part[] = {
		{ "keyid=", out->keyid, 8, 8 },
		{ "nonce=", out->nonce, WEBAUTH_NONCE_MIN, WEBAUTH_NONCE_MAX - 1 },
		{ "mac=", out->mac, 64, 64 },
	};
	const char *s = *at;

	for (size_t i = 0; i < ARRAY_LEN(part); i++) {
		size_t name = strlen(part[i].name), n;

		if (strncmp(s, part[i].name, name) != 0)
			continue;
		s += name;
		n = strspn(s, "0123456789abcdef");
		if (part[i].to[0] != '\0' || n < part[i].min || n > part[i].max)
			return false;
		memcpy(part[i].to, s, n);
		part[i].to[n] = '\0';
		s += n;
		s += strspn(s, " \t");
		if (*s == ',') {
			s++;
			s += strspn(s, " \t");
			if (*s == '\0')
				return false;
		} else if (*s != '\0') {
			return false;
		}
		*at = s;
		return true;
	}
	return false;
}

bool
webauth_parse(const char *header, struct webauth *out)
{
	static const char scheme[] = "SafeKit";
	const char *at = header + sizeof(scheme) - 1;

	memset(out, 0, sizeof(*out));
	if (strncmp(header, scheme, sizeof(scheme) - 1) != 0 || (*at != ' ' && *at != '\t'))
		return false;
	at += strspn(at, " \t");
	while (*at != '\0')
		if (!parse_part(&at, out))
			return false;
	return out->keyid[0] != '\0' && out->nonce[0] != '\0' && out->mac[0] != '\0';
}

bool
webauth_verify(const struct webauth *told, const uint8_t key[WEBAUTH_KEY_LEN], const struct webauth_ask *ask)
{
	char id[WEBAUTH_KEYID_MAX], mac[WEBAUTH_HEX_MAX];

	return webauth_keyid(key, id) && strcmp(id, told->keyid) == 0 && webauth_mac(key, ask, told->nonce, mac)
	    && strlen(told->mac) == sizeof(mac) - 1 && CRYPTO_memcmp(mac, told->mac, sizeof(mac) - 1) == 0;
}

/* ---- keys ---- */

/* A line of a file: 64 hex digits.  false: it is something else */
static bool
add_key(struct webauth_keys *out, enum webauth_key_kind kind, const char *line, size_t len)
{
	struct webauth_key *k = &out->key[out->n];
	uint8_t raw[WEBAUTH_KEY_LEN];
	char hex[2 * WEBAUTH_KEY_LEN + 1] = "";
	bool ok = len == sizeof(hex) - 1;

	if (ok)
		memcpy(hex, line, len);
	ok = ok && str_from_hex(hex, raw, sizeof(raw));
	if (ok && kind == WEBAUTH_KEY_PASSWORD)
		memcpy(k->key, raw, sizeof(raw));
	if (ok && (kind == WEBAUTH_KEY_PASSWORD || packet_derive(raw, "web", k->key)) && webauth_keyid(k->key, k->id)
	    && webauth_key_of(out, k->id) == NULL) {
		k->kind = kind;
		out->n++;
	}
	OPENSSL_cleanse(raw, sizeof(raw));
	OPENSSL_cleanse(hex, sizeof(hex));
	return ok;
}

/* At most max keys of a file */
static void
add_keys(struct webauth_keys *out, enum webauth_key_kind kind, int max, const char *dir, const char *name, char *err, size_t errsize)
{
	char file[PATH_MAX], *text;
	const char *line;
	ssize_t n;
	size_t len;

	if (!path_format(file, sizeof(file), "%s/%s", dir, name))
		return;
	n = path_read(file, &text, KEY_FILE_MAX);
	if (n == -1) {
		if (errno != ENOENT)
			snprintf(err, errsize, "%s: %s", file, strerror(errno));
		return;
	}
	for (line = text; *line != '\0' && max > 0; line += len, line += strspn(line, "\r\n"), max--) {
		len = strcspn(line, "\r\n");
		if (!add_key(out, kind, line, len))
			snprintf(err, errsize, "%s: expected %d hex digits and nothing else", file, 2 * WEBAUTH_KEY_LEN);
	}
	OPENSSL_cleanse(text, (size_t)n);
	free(text);
}

void
webauth_keys(struct webauth_keys *out, bool to_sign, char *err, size_t errsize)
{
	memset(out, 0, sizeof(*out));
	if (errsize > 0)
		err[0] = '\0';
	add_keys(out, WEBAUTH_KEY_PASSWORD, 1, path_safe(), "web/conf/node.key", err, errsize);
	add_keys(out, WEBAUTH_KEY_CLUSTER, 1, path_safevar(), "cluster/cluster.key", err, errsize);
	if (to_sign)
		add_keys(out, WEBAUTH_KEY_PREVIOUS, WEBAUTH_PREVIOUS, path_safevar(), "cluster/previous.key", err, errsize);
}

const struct webauth_key *
webauth_key_of(const struct webauth_keys *keys, const char *keyid)
{
	for (int i = 0; i < keys->n; i++)
		if (strcmp(keys->key[i].id, keyid) == 0)
			return &keys->key[i];
	return NULL;
}

void
webauth_keys_clear(struct webauth_keys *keys)
{
	OPENSSL_cleanse(keys, sizeof(*keys));
}

/* ---- seal ---- */

/* Key and nonce of one sealed text: the salt is random and fresh, so no (key, nonce) pair comes twice */
static bool
seal_key(const uint8_t key[WEBAUTH_KEY_LEN], const uint8_t salt[SALT_LEN], const char *purpose,
    uint8_t out[WEBAUTH_KEY_LEN + NONCE_LEN])
{
	char info[SK_TEXT_MAX] = "sk-seal-1";	/* its NUL stands between it and the purpose */
	size_t fixed = strlen(info) + 1, more = strlen(purpose);
	OSSL_PARAM p[5];
	EVP_KDF *kdf;
	EVP_KDF_CTX *ctx;
	bool ok;

	if (more >= sizeof(info) - fixed)
		return false;
	memcpy(info + fixed, purpose, more);
	p[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){ "SHA256" }, 0);
	p[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key, WEBAUTH_KEY_LEN);
	p[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, SALT_LEN);
	p[3] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, fixed + more);
	p[4] = OSSL_PARAM_construct_end();
	kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	ok = ctx != NULL && EVP_KDF_derive(ctx, out, WEBAUTH_KEY_LEN + NONCE_LEN, p) == 1;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok;
}

/* The cipher of a sealed text, with what is authenticated but not hidden already in it; NULL: the library fails */
static EVP_CIPHER_CTX *
seal_cipher(const uint8_t key[WEBAUTH_KEY_LEN], const char *purpose, const uint8_t head[SEAL_TEXT], bool closing)
{
	uint8_t k[WEBAUTH_KEY_LEN + NONCE_LEN];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;
	bool ok = ctx != NULL && seal_key(key, head + SEAL_SALT, purpose, k)
	    && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, k, k + WEBAUTH_KEY_LEN, closing ? 1 : 0) == 1
	    && EVP_CipherUpdate(ctx, NULL, &n, head, SEAL_TEXT) == 1
	    && EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *)purpose, (int)strlen(purpose)) == 1;

	OPENSSL_cleanse(k, sizeof(k));
	if (!ok) {
		EVP_CIPHER_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

size_t
webauth_seal(const uint8_t key[WEBAUTH_KEY_LEN], const char *purpose, const void *text, size_t len, uint8_t *out)
{
	char id[WEBAUTH_KEYID_MAX];
	EVP_CIPHER_CTX *ctx;
	int n = 0, last = 0;
	bool ok;

	if (len > INT_MAX - WEBAUTH_SEAL_MORE || purpose[0] == '\0' || !webauth_keyid(key, id))
		return 0;
	memcpy(out, SEAL_MAGIC, SEAL_KEYID);
	if (!str_from_hex(id, out + SEAL_KEYID, 4) || RAND_bytes(out + SEAL_SALT, SALT_LEN) != 1
	    || (ctx = seal_cipher(key, purpose, out, true)) == NULL)
		return 0;
	ok = (len == 0 || EVP_CipherUpdate(ctx, out + SEAL_TEXT, &n, text, (int)len) == 1)
	    && EVP_CipherFinal_ex(ctx, out + SEAL_TEXT + n, &last) == 1
	    && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, out + SEAL_TEXT + len) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return ok ? len + WEBAUTH_SEAL_MORE : 0;
}

bool
webauth_is_sealed(const void *data, size_t len)
{
	return len >= SEAL_KEYID && memcmp(data, SEAL_MAGIC, SEAL_KEYID) == 0;
}

bool
webauth_open(const struct webauth_keys *keys, const char *purpose, const void *data, size_t len, uint8_t *out, size_t *outlen,
    char *err, size_t errsize)
{
	const uint8_t *d = data;
	uint8_t tag[TAG_LEN];
	char id[WEBAUTH_KEYID_MAX];
	const struct webauth_key *k;
	EVP_CIPHER_CTX *ctx;
	size_t text;
	int n = 0, last = 0;
	bool ok;

	if (!webauth_is_sealed(data, len) || len < WEBAUTH_SEAL_MORE || len > INT_MAX) {
		snprintf(err, errsize, "expected a sealed file");
		return false;
	}
	str_to_hex(d + SEAL_KEYID, 4, id);
	if ((k = webauth_key_of(keys, id)) == NULL) {
		snprintf(err, errsize, "sealed with key %s, which this server does not have", id);
		return false;
	}
	text = len - WEBAUTH_SEAL_MORE;
	memcpy(tag, d + SEAL_TEXT + text, TAG_LEN);
	if ((ctx = seal_cipher(k->key, purpose, d, false)) == NULL) {
		snprintf(err, errsize, "no memory");
		return false;
	}
	ok = (text == 0 || EVP_CipherUpdate(ctx, out, &n, d + SEAL_TEXT, (int)text) == 1)
	    && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) == 1 && EVP_CipherFinal_ex(ctx, out + n, &last) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (!ok) {
		OPENSSL_cleanse(out, text);
		snprintf(err, errsize, "damaged, or sealed for something else than %s", purpose);
		return false;
	}
	*outlen = text;
	return true;
}
