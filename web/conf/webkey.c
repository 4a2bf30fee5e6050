/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * webkey.c: password on stdin -> key of the distributed commands on stdout, 64 hex digits and a line break (wire/webauth.h: node.key).
 *
 * Called by: webservercfg, so that no password stands in a list of processes.  The same password gives the same key on every server;
 * scrypt makes guessing expensive: who has heard a request over plain HTTP may try passwords on it.
 */
#include "config.h"
#include "base/base.h"
#include "wire/webauth.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PASSWORD_MAX	1024
#define SCRYPT_SALT	"safekit distributed commands"
#define SCRYPT_N	65536	/* with r 8: 64 MiB, 0.2 s (ours) */
#define SCRYPT_R	8
#define SCRYPT_P	1
#define SCRYPT_MEMORY	(80ull << 20)

static bool
derive(const char *password, size_t len, uint8_t key[WEBAUTH_KEY_LEN])
{
	uint64_t n = SCRYPT_N, memory = SCRYPT_MEMORY;
	uint32_t r = SCRYPT_R, p = SCRYPT_P;
	char salt[] = SCRYPT_SALT;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)(uintptr_t)password, len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, strlen(salt)),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
		OSSL_PARAM_construct_end()
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
	EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
	bool ok = ctx != NULL && EVP_KDF_derive(ctx, key, WEBAUTH_KEY_LEN, params) == 1;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok;
}

int
main(int argc, char **argv)
{
	char password[PASSWORD_MAX + 1], hex[2 * WEBAUTH_KEY_LEN + 2];
	uint8_t key[WEBAUTH_KEY_LEN];
	size_t len = 0;
	ssize_t n;

	diag_init("webkey", 0);
	while (len < sizeof(password) && (n = read(STDIN_FILENO, password + len, sizeof(password) - len)) != 0) {
		if (n > 0)
			len += (size_t)n;
		else if (errno != EINTR)
			fatal("standard input: %s", strerror(errno));
	}
	if (len == 0 || len > PASSWORD_MAX || memchr(password, '\n', len) != NULL)
		fatal("expected a password of 1 to %d bytes, without line break, on the standard input", PASSWORD_MAX);
	if (!derive(password, len, key))
		fatal("the cryptographic library cannot derive a key (scrypt)");
	str_to_hex(key, sizeof(key), hex);
	strcat(hex, "\n");
	n = write(STDOUT_FILENO, hex, strlen(hex));
	OPENSSL_cleanse(password, sizeof(password));
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(hex, sizeof(hex));
	return n == 2 * WEBAUTH_KEY_LEN + 1 ? 0 : 1;
}
