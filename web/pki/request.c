/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * request.c: reads a certificate request (PKCS #10, PEM) into struct request.
 */
#include "config.h"
#include "web/pki/request.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool PRINTFLIKE(3, 4)
refuse(char *err, size_t errsize, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(err, errsize, fmt, ap);
	va_end(ap);
	ERR_clear_error();
	return false;
}

bool
request_is_role(const char *s)
{
	return strcmp(s, "Admin") == 0 || strcmp(s, "Control") == 0 || strcmp(s, "Monitor") == 0;
}

static bool
is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool
request_is_dns(const char *s)
{
	size_t n = strlen(s), i, label = 0;
	bool digits = true;

	if (n == 0 || n >= REQUEST_ALT_MAX)
		return false;
	for (i = 0; i < n; i++) {
		if (s[i] == '.') {
			if (label == 0 || s[i - 1] == '-')
				return false;
			label = 0;
			digits = true;
			continue;
		}
		if (!is_plain((unsigned char)s[i]) && s[i] != '_' && (s[i] != '-' || label == 0))
			return false;
		digits = digits && isdigit((unsigned char)s[i]);
		if (++label > 63)
			return false;
	}
	/* a last label of digits makes it an address for those who read names so */
	return label > 0 && s[n - 1] != '-' && !digits;
}

/* The one value of this kind in the subject; none: "", which is for the caller to judge */
static bool
subject_text(X509_NAME *subject, int nid, const char *what, char *out, size_t size, char *err, size_t errsize)
{
	int at = X509_NAME_get_index_by_NID(subject, nid, -1), n;
	unsigned char *text = NULL;
	bool ok;

	out[0] = '\0';
	if (at == -1)
		return true;
	if (X509_NAME_get_index_by_NID(subject, nid, at) != -1)
		return refuse(err, errsize, "more than one %s in the subject of the request", what);
	n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	ok = n > 0 && (size_t)n < size && strlen((char *)text) == (size_t)n;
	if (ok) {
		size_t i;

		(void)str_copy(out, size, (char *)text);
		for (i = 0; out[i] != '\0'; i++)
			ok = ok && (is_plain((unsigned char)out[i]) || strchr(" ._@-", out[i]) != NULL);
		ok = ok && is_plain((unsigned char)out[0]) && strstr(out, "..") == NULL;
	}
	OPENSSL_free(text);
	return ok || refuse(err, errsize, "%s in the subject of the request: expected at most %zu letters, digits, blanks, . _ @ -, a letter or digit first",
	    what, size - 1);
}

static bool
good_key(EVP_PKEY *key, char *err, size_t errsize)
{
	char group[32] = "";
	int bits = EVP_PKEY_get_bits(key);

	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		if (bits < 2048 || bits > 8192)
			return refuse(err, errsize, "an RSA key of %d bits: expected 2048 to 8192", bits);
		return true;
	case EVP_PKEY_EC:
		if (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1 ||
		    (strcmp(group, "prime256v1") != 0 && strcmp(group, "secp384r1") != 0 && strcmp(group, "secp521r1") != 0))
			return refuse(err, errsize, "an elliptic curve that is not P-256, P-384 or P-521");
		return true;
	case EVP_PKEY_ED25519:
		return true;
	default:
		return refuse(err, errsize, "a key of an unknown kind: expected RSA, EC or Ed25519");
	}
}

static bool
add_alt(struct request *r, const GENERAL_NAME *name, char *err, size_t errsize)
{
	struct request_alt *a = &r->alts[r->alts_count];
	const unsigned char *bytes;
	int n;

	if (r->alts_count == REQUEST_ALTS_MAX)
		return refuse(err, errsize, "more than %d alternative names", REQUEST_ALTS_MAX);
	memset(a, 0, sizeof(*a));
	if (name->type == GEN_IPADD) {
		n = ASN1_STRING_length(name->d.iPAddress);
		if (n != 4 && n != 16)
			return refuse(err, errsize, "an alternative name that is an address of %d bytes: expected 4 or 16", n);
		a->ip = true;
		a->len = (uint8_t)n;
		memcpy(a->addr, ASN1_STRING_get0_data(name->d.iPAddress), (size_t)n);
	} else if (name->type == GEN_DNS) {
		bytes = ASN1_STRING_get0_data(name->d.dNSName);
		n = ASN1_STRING_length(name->d.dNSName);
		if (n <= 0 || n >= REQUEST_ALT_MAX || memchr(bytes, '\0', (size_t)n) != NULL)
			return refuse(err, errsize, "an alternative name that is no DNS name");
		memcpy(a->dns, bytes, (size_t)n);
		a->dns[n] = '\0';
		if (!request_is_dns(a->dns)) {
			str_make_utf8(a->dns);
			return refuse(err, errsize, "an alternative name that is no DNS name of a host (no wildcard, letters, digits, - and . only)");
		}
	} else {
		return refuse(err, errsize, "an alternative name that is neither a DNS name nor an address");
	}
	r->alts_count++;
	return true;
}

static bool
read_alts(struct request *r, X509_REQ *req, char *err, size_t errsize)
{
	STACK_OF(X509_EXTENSION) *exts = X509_REQ_get_extensions(req);
	GENERAL_NAMES *names = NULL;
	bool ok = true;
	int i, at;

	at = exts != NULL ? X509v3_get_ext_by_NID(exts, NID_subject_alt_name, -1) : -1;
	if (at != -1) {
		names = X509V3_EXT_d2i(X509v3_get_ext(exts, at));
		ok = names != NULL || refuse(err, errsize, "the alternative names of the request cannot be read");
		for (i = 0; ok && i < sk_GENERAL_NAME_num(names); i++)
			ok = add_alt(r, sk_GENERAL_NAME_value(names, i), err, errsize);
	} else if (request_is_dns(r->cn)) {	/* as old tools make them */
		(void)str_copy(r->alts[0].dns, sizeof(r->alts[0].dns), r->cn);
		r->alts_count = 1;
	}
	GENERAL_NAMES_free(names);
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	if (ok && r->alts_count == 0)
		return refuse(err, errsize, "no alternative name: expected the DNS names and addresses of the server");
	return ok;
}

static bool
read_subject(struct request *r, X509_REQ *req, char *err, size_t errsize)
{
	X509_NAME *subject = X509_REQ_get_subject_name(req);
	char ou[REQUEST_CN_MAX];

	if (!subject_text(subject, NID_commonName, "common name (CN)", r->cn, sizeof(r->cn), err, errsize))
		return false;
	if (r->cn[0] == '\0')
		return refuse(err, errsize, "no common name (CN) in the subject of the request");
	if (r->kind == REQUEST_SERVER)
		return true;
	if (!subject_text(subject, NID_organizationalUnitName, "organizational unit (OU)", ou, sizeof(ou), err, errsize))
		return false;
	if (!request_is_role(ou))
		return refuse(err, errsize, "organizational unit (OU) in the subject of the request: expected Admin, Control or Monitor");
	return str_copy(r->role, sizeof(r->role), ou);
}

static bool
is_owner(const struct request *r, X509_REQ *req, char *err, size_t errsize)
{
	return X509_REQ_verify(req, r->key) == 1 || refuse(err, errsize, "the request is not signed with its own key");
}

bool
request_read(struct request *r, enum request_kind kind, const char *data, size_t len, char *err, size_t errsize)
{
	X509_REQ *req = NULL;
	BIO *bio = NULL;
	bool ok = false;

	memset(r, 0, sizeof(*r));
	r->kind = kind;
	if (len == 0 || len > REQUEST_BYTES_MAX)
		return refuse(err, errsize, "a request of %zu bytes: expected 1 to %d", len, REQUEST_BYTES_MAX);
	bio = BIO_new_mem_buf(data, (int)len);
	if (bio != NULL)
		req = PEM_read_bio_X509_REQ(bio, NULL, NULL, (void *)(uintptr_t)"");
	if (req == NULL)
		(void)refuse(err, errsize, "no certificate request in PEM format (-----BEGIN CERTIFICATE REQUEST-----)");
	else if ((r->key = X509_REQ_get_pubkey(req)) == NULL)
		(void)refuse(err, errsize, "the public key of the request cannot be read");
	else
		ok = good_key(r->key, err, errsize) && is_owner(r, req, err, errsize) && read_subject(r, req, err, errsize) &&
		    (kind == REQUEST_USER || read_alts(r, req, err, errsize));
	X509_REQ_free(req);
	BIO_free(bio);
	ERR_clear_error();
	if (!ok)
		request_free(r);
	return ok;
}

void
request_free(struct request *r)
{
	EVP_PKEY_free(r->key);
	r->key = NULL;
}
