/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * safecert.c: signs a certificate request with the local authority.
 *
 * Called by: initssl, makeusercert, safecaserv, as root.  Never does: take anything over from the request that request.h does not name.
 *   safecert sign -t server|user [-r ROLE] -c CA.crt -k CA.key [-d DAYS] -o OUT.crt REQUEST.csr
 *   safecert backdate -k CA.key CA.crt: the authority's own, which openssl made a moment ago, begins as early as what it signs
 */
#include "config.h"
#include "web/pki/request.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DAYS_DEFAULT	1826
#define DAYS_MAX	3653

struct order { const char *type, *role, *ca, *key, *out, *request; uint64_t days; };

static bool
read_file(const char *file, char **data, size_t *len)
{
	ssize_t n = path_read(file, data, REQUEST_BYTES_MAX);

	if (n == -1) {
		warn_errno("%s", file);
		return false;
	}
	*len = (size_t)n;
	return true;
}

static X509 *
read_certificate(const char *file)
{
	BIO *bio = BIO_new_file(file, "r");
	X509 *x = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, (void *)(uintptr_t)"") : NULL;

	BIO_free(bio);
	if (x == NULL)
		warn_text("%s: expected a certificate in PEM format", file);
	return x;
}

static EVP_PKEY *
read_private(const char *file)
{
	BIO *bio = BIO_new_file(file, "r");
	EVP_PKEY *k = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t)"") : NULL;

	BIO_free(bio);
	if (k == NULL)
		warn_text("%s: expected an unencrypted private key in PEM format", file);
	return k;
}

static bool
write_certificate(const char *file, X509 *x)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL;
	long len;
	bool ok = false;

	if (bio != NULL && PEM_write_bio_X509(bio, x) == 1 && (len = BIO_get_mem_data(bio, &data)) > 0) {
		ok = path_write_atomic(file, data, (size_t)len, 0644) == 0;
		if (!ok)
			warn_errno("%s", file);
	}
	BIO_free(bio);
	return ok;
}

static bool
sign(const struct order *o)
{
	enum request_kind kind = strcmp(o->type, "user") == 0 ? REQUEST_USER : REQUEST_SERVER;
	struct request r;
	char err[SK_TEXT_MAX] = "", *data;
	EVP_PKEY *key = NULL;
	X509 *ca = NULL, *x = NULL;
	size_t len;
	bool ok;

	if (!read_file(o->request, &data, &len))
		return false;
	ok = request_read(&r, kind, data, len, err, sizeof(err));
	free(data);
	if (!ok) {
		warn_text("%s: %s", o->request, err);
		return false;
	}
	if (kind == REQUEST_USER && o->role != NULL && strcmp(o->role, r.role) != 0) {
		warn_text("%s: the request is for the role %s, expected %s", o->request, r.role, o->role);
		ok = false;
	}
	if (ok && (ca = read_certificate(o->ca)) != NULL && (key = read_private(o->key)) != NULL) {
		x = request_issue(&r, ca, key, (int)o->days, err, sizeof(err));
		if (x == NULL)
			warn_text("%s: %s", o->ca, err);
	}
	ok = x != NULL && write_certificate(o->out, x);
	X509_free(x);
	X509_free(ca);
	EVP_PKEY_free(key);
	request_free(&r);
	return ok;
}

static bool
backdate(const char *key_file, const char *file)
{
	time_t now = time(NULL);
	EVP_PKEY *key = NULL;
	X509 *x = read_certificate(file);
	bool ok = false;

	if (x != NULL && (key = read_private(key_file)) != NULL) {
		ok = X509_check_private_key(x, key) == 1 && X509_time_adj_ex(X509_getm_notBefore(x), 0, -REQUEST_BACKDATE_S, &now) != NULL &&
		    X509_sign(x, key, EVP_sha384()) != 0;
		if (!ok)
			warn_text("%s: cannot be signed again", file);
	}
	ok = ok && write_certificate(file, x);
	X509_free(x);
	EVP_PKEY_free(key);
	return ok;
}

static int
usage(void)
{
	fputs("usage: safecert sign -t server|user [-r Admin|Control|Monitor] -c CA.crt -k CA.key [-d DAYS] -o OUT.crt REQUEST.csr\n"
	    "       safecert backdate -k CA.key CA.crt\n", stderr);
	return 2;
}

int
main(int argc, char **argv)
{
	struct order o = { .days = DAYS_DEFAULT };
	int c;

	diag_init("safecert", 0);
	if (argc == 5 && strcmp(argv[1], "backdate") == 0 && strcmp(argv[2], "-k") == 0)
		return backdate(argv[3], argv[4]) ? 0 : 1;
	if (argc < 2 || strcmp(argv[1], "sign") != 0)
		return usage();
	optind = 2;
	while ((c = getopt(argc, argv, "t:r:c:k:d:o:")) != -1) {
		switch (c) {
		case 't': o.type = optarg; break;
		case 'r': o.role = optarg; break;
		case 'c': o.ca = optarg; break;
		case 'k': o.key = optarg; break;
		case 'o': o.out = optarg; break;
		case 'd':
			if (str_to_u64(optarg, 1, DAYS_MAX, &o.days))
				break;
			warn_text("-d expects 1 to %d days", DAYS_MAX);
			return 2;
		default: return usage();
		}
	}
	if (optind + 1 != argc || o.type == NULL || (strcmp(o.type, "server") != 0 && strcmp(o.type, "user") != 0) || o.ca == NULL ||
	    o.key == NULL || o.out == NULL || (o.role != NULL && !request_is_role(o.role)))
		return usage();
	o.request = argv[optind];
	return sign(&o) ? 0 : 1;
}
