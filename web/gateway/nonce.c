/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nonce.c: numbers that servers sign once.  A number carries its time and a mac, so that giving out any number of them to strangers costs no
 * memory; only numbers that came back signed are remembered, for as long as they would be good.
 *
 *   number = time (8) | random (8) | HMAC-SHA-256(secret, the former)[0..15], in hex
 */
#include "config.h"
#include "web/gateway/gateway.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

enum { TIME_LEN = 8, RANDOM_LEN = 8, MAC_LEN = 16, NONCE_LEN = TIME_LEN + RANDOM_LEN + MAC_LEN };

static uint8_t key[32];
static struct { uint8_t random[RANDOM_LEN]; int64_t made_s; } used[NONCES_USED];
static size_t used_count;

void
nonce_secret(const uint8_t secret[32])
{
	memcpy(key, secret, sizeof(key));
	used_count = 0;
}

static bool
mac_of(const uint8_t *raw, uint8_t mac[32])
{
	unsigned len = 32;

	return HMAC(EVP_sha256(), key, sizeof(key), raw, TIME_LEN + RANDOM_LEN, mac, &len) != NULL;
}

bool
nonce_make(int64_t now_s, char out[WEBAUTH_NONCE_MAX])
{
	uint8_t raw[NONCE_LEN], mac[32];
	int i;

	for (i = 0; i < TIME_LEN; i++)
		raw[i] = (uint8_t)((uint64_t)now_s >> (56 - 8 * i));
	if (RAND_bytes(raw + TIME_LEN, RANDOM_LEN) != 1 || !mac_of(raw, mac))
		return false;
	memcpy(raw + TIME_LEN + RANDOM_LEN, mac, MAC_LEN);
	str_to_hex(raw, sizeof(raw), out);
	return true;
}

static bool
take_apart(const char *nonce, uint8_t raw[NONCE_LEN], int64_t *made_s)
{
	uint64_t t = 0;
	int i;

	if (!str_from_hex(nonce, raw, NONCE_LEN))
		return false;
	for (i = 0; i < TIME_LEN; i++)
		t = t << 8 | raw[i];
	*made_s = (int64_t)t;
	return true;
}

static bool
is_used(const uint8_t *raw)
{
	size_t i;

	for (i = 0; i < used_count; i++)
		if (memcmp(used[i].random, raw + TIME_LEN, RANDOM_LEN) == 0)
			return true;
	return false;
}

bool
nonce_good(const char *nonce, int64_t now_s)
{
	uint8_t raw[NONCE_LEN], mac[32];
	int64_t made_s;

	return take_apart(nonce, raw, &made_s) && mac_of(raw, mac) && CRYPTO_memcmp(mac, raw + TIME_LEN + RANDOM_LEN, MAC_LEN) == 0 &&
	    made_s <= now_s && now_s - made_s < NONCE_S && !is_used(raw);
}

bool
nonce_use(const char *nonce, int64_t now_s)
{
	uint8_t raw[NONCE_LEN];
	int64_t made_s;
	size_t i;

	if (!nonce_good(nonce, now_s) || !take_apart(nonce, raw, &made_s))
		return false;
	for (i = 0; i < used_count; )
		if (now_s - used[i].made_s >= NONCE_S)
			used[i] = used[--used_count];
		else
			i++;
	if (used_count == NONCES_USED)
		return false;
	memcpy(used[used_count].random, raw + TIME_LEN, RANDOM_LEN);
	used[used_count++].made_s = made_s;
	return true;
}
