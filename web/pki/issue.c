/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * issue.c: makes the certificate of a request that was read.
 */
#include "config.h"
#include "web/pki/request.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool
set_serial(X509 *x)
{
	uint8_t raw[16];
	BIGNUM *n;
	bool ok;

	if (RAND_bytes(raw, sizeof(raw)) != 1)
		return false;
	raw[0] = (raw[0] & 0x7f) | 0x40;	/* positive, and never short */
	n = BN_bin2bn(raw, sizeof(raw), NULL);
	ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
	BN_free(n);
	return ok;
}

static bool
set_times(X509 *x, X509 *ca, int days)
{
	time_t now = time(NULL);

	if (X509_time_adj_ex(X509_getm_notBefore(x), 0, -REQUEST_BACKDATE_S, &now) == NULL || X509_time_adj_ex(X509_getm_notAfter(x), days, 0, &now) == NULL)
		return false;
	if (ASN1_TIME_compare(X509_get0_notAfter(x), X509_get0_notAfter(ca)) > 0)
		return X509_set1_notAfter(x, X509_get0_notAfter(ca)) == 1;
	return true;
}

static bool
set_subject(X509 *x, const struct request *r)
{
	X509_NAME *name = X509_get_subject_name(x);

	if (r->kind == REQUEST_USER &&
	    X509_NAME_add_entry_by_NID(name, NID_organizationalUnitName, MBSTRING_UTF8, (const unsigned char *)r->role, -1, -1, 0) != 1)
		return false;
	return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)r->cn, -1, -1, 0) == 1;
}

static bool
add_ext(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);	/* values of ours only, never of a request */
	bool ok = e != NULL && X509_add_ext(x, e, -1) == 1;

	X509_EXTENSION_free(e);
	return ok;
}

static bool
add_alts(X509 *x, const struct request *r)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	bool ok = names != NULL;
	int i;

	for (i = 0; ok && i < r->alts_count; i++) {
		const struct request_alt *a = &r->alts[i];
		GENERAL_NAME *g = GENERAL_NAME_new();
		ASN1_STRING *s = a->ip ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();

		ok = g != NULL && s != NULL &&
		    ASN1_STRING_set(s, a->ip ? (const void *)a->addr : a->dns, a->ip ? a->len : (int)strlen(a->dns)) == 1;
		if (!ok) {
			ASN1_STRING_free(s);
			GENERAL_NAME_free(g);
			break;
		}
		GENERAL_NAME_set0_value(g, a->ip ? GEN_IPADD : GEN_DNS, s);
		ok = sk_GENERAL_NAME_push(names, g) > 0;
		if (!ok)
			GENERAL_NAME_free(g);
	}
	ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_APPEND) == 1;
	GENERAL_NAMES_free(names);
	return ok;
}

static bool
add_exts(X509 *x, X509 *ca, const struct request *r)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, ca, x, NULL, NULL, 0);
	return add_ext(x, &ctx, NID_basic_constraints, "critical,CA:FALSE") && add_ext(x, &ctx, NID_key_usage, "critical,digitalSignature") &&
	    add_ext(x, &ctx, NID_ext_key_usage, r->kind == REQUEST_SERVER ? "serverAuth" : "clientAuth") &&
	    add_ext(x, &ctx, NID_subject_key_identifier, "hash") && add_ext(x, &ctx, NID_authority_key_identifier, "keyid:always") &&
	    (r->kind == REQUEST_USER || add_alts(x, r));
}

X509 *
request_issue(const struct request *r, X509 *ca, EVP_PKEY *ca_key, int days, char *err, size_t errsize)
{
	X509 *x = X509_new();

	if (X509_check_private_key(ca, ca_key) != 1) {
		(void)snprintf(err, errsize, "the key is not that of the authority's certificate");
	} else if (X509_cmp_current_time(X509_get0_notAfter(ca)) < 0) {
		(void)snprintf(err, errsize, "the authority's certificate has expired: initssl renewca");
	} else if (x == NULL || X509_set_version(x, 2) != 1 || !set_serial(x) || !set_times(x, ca, days) || !set_subject(x, r) ||
	    X509_set_issuer_name(x, X509_get_subject_name(ca)) != 1 || X509_set_pubkey(x, r->key) != 1 || !add_exts(x, ca, r) ||
	    X509_sign(x, ca_key, EVP_sha256()) == 0) {
		(void)snprintf(err, errsize, "the certificate cannot be made: %s", ERR_reason_error_string(ERR_peek_last_error()));
	} else {
		return x;
	}
	X509_free(x);
	ERR_clear_error();
	return NULL;
}
