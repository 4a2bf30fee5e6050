/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_pki: any bytes as what the CA web service is sent: by the first byte a request of a server, of a user, or a frame to the keeper.
 * Aborts where the contract is broken: a refusal without a reason; a request that was taken without a name, a role or an alternative name; a
 * certificate of it that is one of an authority.
 */
#include "config.h"
#include "web/pki/caserv.h"
#include "web/pki/request.h"

#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static EVP_PKEY *key;
static X509 *ca;

static void
make_authority(void)
{
	X509_EXTENSION *e;
	X509V3_CTX ctx;
	X509_NAME *name;

	key = EVP_EC_gen("P-256");
	ca = X509_new();
	if (key == NULL || ca == NULL)
		abort();
	name = X509_get_subject_name(ca);
	if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"ca", -1, -1, 0) != 1 || X509_set_issuer_name(ca, name) != 1 ||
	    X509_gmtime_adj(X509_getm_notBefore(ca), 0) == NULL || X509_gmtime_adj(X509_getm_notAfter(ca), 86400) == NULL ||
	    X509_set_version(ca, 2) != 1 || X509_set_pubkey(ca, key) != 1)
		abort();
	X509V3_set_ctx(&ctx, ca, ca, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_key_identifier, "hash");
	if (e == NULL || X509_add_ext(ca, e, -1) != 1 || X509_sign(ca, key, EVP_sha256()) == 0)
		abort();
	X509_EXTENSION_free(e);
}

static void
request(enum request_kind kind, const char *text, size_t len)
{
	char err[512] = "";
	struct request r;
	X509 *x;

	if (!request_read(&r, kind, text, len, err, sizeof(err))) {
		if (err[0] == '\0')
			abort();
		return;
	}
	if (r.cn[0] == '\0' || (kind == REQUEST_USER ? !request_is_role(r.role) : r.alts_count == 0))
		abort();
	if (ca == NULL)
		make_authority();
	x = request_issue(&r, ca, key, 10, err, sizeof(err));
	if (x == NULL || X509_check_ca(x) != 0)
		abort();
	X509_free(x);
	request_free(&r);
}

static void
frame(const char *text, size_t len)
{
	json_t *obj = json_loadb(text, len, 0, NULL);
	char err[512] = "";

	if (obj != NULL && caserv_check(obj, err, sizeof(err)) == NULL && err[0] == '\0')
		abort();
	json_decref(obj);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (size == 0)
		return 0;
	if (data[0] == 'f')
		frame(text, size - 1);
	else
		request(data[0] == 'u' ? REQUEST_USER : REQUEST_SERVER, text, size - 1);
	return 0;
}
