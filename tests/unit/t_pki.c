/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_pki.c: what gets from a request into a certificate; which frames the keeper of the CA web service takes; which browsers it listens to.
 */
#include "config.h"
#include "web/pki/caserv.h"
#include "web/pki/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

static EVP_PKEY *ca_key, *key;
static X509 *ca;

static int
setup(void **state)
{
	X509_EXTENSION *e;
	X509V3_CTX ctx;
	X509_NAME *name;

	ca_key = EVP_EC_gen("P-384");
	key = EVP_EC_gen("P-256");
	ca = X509_new();
	name = X509_get_subject_name(ca);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"authority", -1, -1, 0);
	X509_set_issuer_name(ca, name);
	X509_gmtime_adj(X509_getm_notBefore(ca), -60);
	X509_time_adj_ex(X509_getm_notAfter(ca), 100, 0, NULL);
	X509_set_version(ca, 2);
	X509_set_pubkey(ca, ca_key);
	X509V3_set_ctx(&ctx, ca, ca, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_key_identifier, "hash");
	X509_add_ext(ca, e, -1);
	X509_EXTENSION_free(e);
	return X509_sign(ca, ca_key, EVP_sha256()) > 0 ? 0 : -1;
}

static int
teardown(void **state)
{
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(key);
	X509_free(ca);
	return 0;
}

/* Of entries "NID value" and an extension; the caller frees the text */
static char *
make(EVP_PKEY *k, const char *ou, const char *cn, size_t cn_len, const char *san)
{
	X509_REQ *req = X509_REQ_new();
	X509_NAME *name = X509_REQ_get_subject_name(req);
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text;
	long n;

	if (ou != NULL)
		X509_NAME_add_entry_by_txt(name, "OU", MBSTRING_UTF8, (const unsigned char *)ou, -1, -1, 0);
	if (cn != NULL)
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, (int)cn_len, -1, 0);
	if (san != NULL) {
		STACK_OF(X509_EXTENSION) *exts = sk_X509_EXTENSION_new_null();
		X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);

		assert_non_null(e);
		sk_X509_EXTENSION_push(exts, e);
		X509_REQ_add_extensions(req, exts);
		sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	}
	X509_REQ_set_pubkey(req, k);
	assert_true(X509_REQ_sign(req, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509_REQ(bio, req), 1);
	n = BIO_get_mem_data(bio, &data);
	text = strndup(data, (size_t)n);
	BIO_free(bio);
	X509_REQ_free(req);
	return text;
}

static bool
take(enum request_kind kind, char *text, struct request *r, char *err)
{
	bool ok = request_read(r, kind, text, strlen(text), err, 512);

	assert_true(ok || err[0] != '\0');
	free(text);
	return ok;
}

#define USER(ou, cn)	make(key, ou, cn, strlen(cn), NULL)
#define SERVER(cn, san)	make(key, NULL, cn, strlen(cn), san)

static void
test_user(void **state)
{
	static const char *const bad_names[] = { "a/b", "a=b", "a\nb", "-a", "a..b", "a\"b", "\xc3\xa9", "a,b", "a#b" };
	struct request r;
	char err[512] = "";
	size_t i;

	assert_true(take(REQUEST_USER, USER("Control", "MARY SMITH"), &r, err));
	assert_string_equal(r.cn, "MARY SMITH");
	assert_string_equal(r.role, "Control");
	request_free(&r);
	assert_false(take(REQUEST_USER, USER("admin", "joe"), &r, err));
	assert_false(take(REQUEST_USER, USER(NULL, "joe"), &r, err));
	assert_false(take(REQUEST_USER, make(key, "Admin", NULL, 0, NULL), &r, err));
	assert_false(take(REQUEST_USER, make(key, "Admin", "joe\0root", 8, NULL), &r, err));
	for (i = 0; i < ARRAY_LEN(bad_names); i++)
		assert_false(take(REQUEST_USER, USER("Admin", bad_names[i]), &r, err));
	assert_false(take(REQUEST_USER, make(ca_key, "Admin", "joe", 3, NULL), &r, err));	/* a public key of somebody else */
	assert_non_null(strstr(err, "not signed with its own key"));
}

static void
test_server(void **state)
{
	struct request r;
	char err[512] = "";
	X509 *x;

	assert_true(take(REQUEST_SERVER, SERVER("n1", "DNS:n1.example.org,IP:10.0.0.1,IP:fd00::1"), &r, err));
	assert_int_equal(r.alts_count, 3);
	assert_string_equal(r.alts[0].dns, "n1.example.org");
	assert_true(r.alts[1].ip && r.alts[1].len == 4 && r.alts[2].len == 16);
	x = request_issue(&r, ca, ca_key, 1000, err, sizeof(err));
	assert_non_null(x);
	assert_int_equal(X509_check_host(x, "n1.example.org", 0, 0, NULL), 1);
	assert_int_equal(X509_check_ip_asc(x, "10.0.0.1", 0), 1);
	assert_int_equal(X509_check_ip_asc(x, "fd00::1", 0), 1);
	assert_int_equal(X509_check_host(x, "n1", 0, 0, NULL), 0);
	assert_int_equal(X509_check_ca(x), 0);
	assert_int_equal(X509_check_purpose(x, X509_PURPOSE_SSL_CLIENT, 0), 0);
	assert_int_equal(X509_verify(x, ca_key), 1);
	assert_int_equal(ASN1_TIME_compare(X509_get0_notAfter(x), X509_get0_notAfter(ca)), 0);	/* not longer than the authority */
	X509_free(x);
	assert_null(request_issue(&r, ca, key, 10, err, sizeof(err)));	/* not the authority's key */
	request_free(&r);
	assert_true(take(REQUEST_SERVER, SERVER("n1.example.org", NULL), &r, err));	/* as old tools make them */
	assert_int_equal(r.alts_count, 1);
	request_free(&r);
	assert_false(take(REQUEST_SERVER, SERVER("n1", "DNS:*.example.org"), &r, err));
	assert_false(take(REQUEST_SERVER, SERVER("n1", "email:root@example.org"), &r, err));
	assert_false(take(REQUEST_SERVER, SERVER("n1", "DNS:10.0.0.1"), &r, err));
	assert_false(take(REQUEST_SERVER, SERVER("two words", NULL), &r, err));
}

static void
test_dns(void **state)
{
	static const char *const good[] = { "a", "a.b", "a-b.c", "_x.example.org", "n1" };
	static const char *const bad[] = { "", ".", "a.", ".a", "a..b", "-a", "a-", "a-.b", "*", "a b", "1.2.3.4", "a/b", "a:1" };
	char longer[300];
	size_t i;

	for (i = 0; i < ARRAY_LEN(good); i++)
		assert_true(request_is_dns(good[i]));
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(request_is_dns(bad[i]));
	memset(longer, 'a', sizeof(longer));
	longer[64] = '\0';
	assert_false(request_is_dns(longer));
}

static bool
takes(const char *text)
{
	json_t *o = json_loads(text, 0, NULL);
	char err[256] = "";
	bool ok = caserv_check(o, err, sizeof(err)) != NULL;

	assert_true(ok || err[0] != '\0');
	json_decref(o);
	return ok;
}

static void
test_frames(void **state)
{
	assert_true(takes("{\"action\":\"list\",\"fields\":{}}"));
	assert_true(takes("{\"action\":\"signrequest\",\"fields\":{\"name\":\"server_a\",\"servercsr\":\"a\\r\\nb\\n\"}}"));
	assert_false(takes("{\"action\":\"list\"}"));
	assert_false(takes("{\"action\":\"list\",\"fields\":[]}"));
	assert_false(takes("{\"action\":\"list\",\"fields\":{},\"more\":1}"));
	assert_false(takes("{\"action\":\"rm\",\"fields\":{}}"));
	assert_false(takes("{\"action\":\"list\",\"fields\":{\"../x\":\"y\"}}"));
	assert_false(takes("{\"action\":\"usercert\",\"fields\":{\"role\":\"a\\nb\"}}"));
	assert_false(takes("{\"action\":\"usercert\",\"fields\":{\"role\":7}}"));
	assert_false(takes("[]"));
}

static void
test_sites(void **state)
{
	assert_true(caserv_same_site("h:9001", NULL, NULL));	/* no browser */
	assert_true(caserv_same_site("h:9001", "https://h:9001", "same-origin"));
	assert_true(caserv_same_site("h:9001", NULL, "none"));
	assert_false(caserv_same_site("h:9001", "https://h:9002", NULL));
	assert_false(caserv_same_site("h:9001", "http://h:9001", NULL));
	assert_false(caserv_same_site("h:9001", "null", NULL));
	assert_false(caserv_same_site(NULL, "https://h:9001", NULL));
	assert_false(caserv_same_site("h:9001", "https://h:9001", "cross-site"));
	assert_false(caserv_same_site("h:9001", NULL, "same-site"));
	assert_true(caserv_is_file("user_Admin_joe.p12"));
	assert_false(caserv_is_file("a\"b"));
	assert_false(caserv_is_file("../a"));
	assert_false(caserv_is_file(".a"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_user), cmocka_unit_test(test_server), cmocka_unit_test(test_dns), cmocka_unit_test(test_frames),
		cmocka_unit_test(test_sites),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
