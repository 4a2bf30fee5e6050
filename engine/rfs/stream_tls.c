/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream_tls.c: TLS 1.3 between two workers with a pre-shared key made from the module's: no certificate, no name, nothing older.
 *
 * Called by: stream.c.  Both sides must hold the key: the primary has nothing else to show, and the secondary accepts nothing else.  The
 * exchange is psk_dhe_ke: who learns the key later cannot read what went by before.
 */
#include "config.h"
#include "rfs/stream_impl.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define PSK_LEN		48		/* of the cipher's hash */
#define PSK_LABEL	"safekit rfs stream 1"
#define PSK_IDENTITY	"rfs"
static const uint8_t CIPHER[2] = { 0x13, 0x02 };	/* TLS_AES_256_GCM_SHA384 */

static bool
derive(const uint8_t key[32], uint8_t psk[PSK_LEN])
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	char digest[] = "SHA256", label[] = PSK_LABEL;
	uint8_t secret[32];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret, sizeof(secret)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, label, sizeof(label) - 1),
		OSSL_PARAM_construct_end(),
	};
	bool ok;

	memcpy(secret, key, sizeof(secret));
	ok = ctx != NULL && EVP_KDF_derive(ctx, psk, PSK_LEN, params) == 1;
	OPENSSL_cleanse(secret, sizeof(secret));
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok;
}

static SSL_SESSION *
session(SSL *ssl)
{
	const uint8_t *psk = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, CIPHER);
	SSL_SESSION *ss = SSL_SESSION_new();

	if (ss == NULL || cipher == NULL || SSL_SESSION_set1_master_key(ss, psk, PSK_LEN) != 1 || SSL_SESSION_set_cipher(ss, cipher) != 1 ||
	    SSL_SESSION_set_protocol_version(ss, TLS1_3_VERSION) != 1) {
		SSL_SESSION_free(ss);
		return NULL;
	}
	return ss;
}

static int
use_session(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *idlen, SSL_SESSION **sess)
{
	*sess = NULL;
	if (md != NULL && !EVP_MD_is_a(md, "SHA384"))
		return 1;	/* none that fits: the handshake fails later */
	*sess = session(ssl);
	*id = (const unsigned char *)PSK_IDENTITY;
	*idlen = strlen(PSK_IDENTITY);
	return *sess != NULL;
}

static int
find_session(SSL *ssl, const unsigned char *id, size_t idlen, SSL_SESSION **sess)
{
	*sess = NULL;
	if (idlen == strlen(PSK_IDENTITY) && memcmp(id, PSK_IDENTITY, idlen) == 0)
		*sess = session(ssl);
	return 1;
}

SSL_CTX *
tls_context(bool primary, const uint8_t key[32])
{
	SSL_CTX *ctx = SSL_CTX_new(primary ? TLS_server_method() : TLS_client_method());
	uint8_t *psk = OPENSSL_malloc(PSK_LEN);

	if (ctx == NULL || psk == NULL || !derive(key, psk) || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384") != 1 || SSL_CTX_set_app_data(ctx, psk) != 1) {
		OPENSSL_clear_free(psk, PSK_LEN);
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_read_buffer_len(ctx, 256 * 1024);
	if (primary) {
		SSL_CTX_set_psk_find_session_callback(ctx, find_session);
	} else {
		SSL_CTX_set_psk_use_session_callback(ctx, use_session);
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);		/* one with a certificate instead has no authority */
	}
	return ctx;
}

void
tls_context_free(SSL_CTX *ctx)
{
	if (ctx == NULL)
		return;
	OPENSSL_clear_free(SSL_CTX_get_app_data(ctx), PSK_LEN);
	SSL_CTX_free(ctx);
}

SSL *
tls_new(SSL_CTX *ctx, int fd, bool primary)
{
	SSL *ssl = SSL_new(ctx);

	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	if (primary)
		SSL_set_accept_state(ssl);
	else
		SSL_set_connect_state(ssl);
	return ssl;
}

int
tls_handshake(SSL *ssl, short *events, char *err, size_t errsize)
{
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(ssl);
	if (rc == 1) {
		if (SSL_session_reused(ssl) == 1)
			return 1;
		snprintf(err, errsize, "the other side does not know the module's key");
		return -1;
	}
	switch (SSL_get_error(ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		*events = POLLIN;
		return 0;
	case SSL_ERROR_WANT_WRITE:
		*events = POLLOUT;
		return 0;
	default:
		snprintf(err, errsize, "the other side does not know the module's key, or is not one of ours");
		ERR_clear_error();
		return -1;
	}
}
