/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wire/webauth.c: a request that was not signed by one of us, or not so, is refused; a sealed file opens for its key and purpose only. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "wire/webauth.h"

#define ASK(method, path, hash) (&(struct webauth_ask){ server, method, path, hash })

static const char server[] = "10.0.0.1";
static const char nonce[] = "00112233445566778899aabbccddeeff";
static const char path[] = "/node/api/v1/commands?x=1";
static const char body[] = "{\"argv\":[\"state\"]}";

static void
make_key(uint8_t key[WEBAUTH_KEY_LEN])
{
	for (int i = 0; i < WEBAUTH_KEY_LEN; i++)
		key[i] = (uint8_t)i;
}

/* Numbers of another implementation (Python's hmac and hashlib) */
static void
test_known_answer(void **state)
{
	uint8_t key[WEBAUTH_KEY_LEN];
	char id[WEBAUTH_KEYID_MAX], hash[WEBAUTH_HEX_MAX], mac[WEBAUTH_HEX_MAX];

	make_key(key);
	assert_true(webauth_keyid(key, id));
	assert_string_equal(id, "630dcd29");
	assert_true(webauth_hash(body, strlen(body), hash));
	assert_string_equal(hash, "ca53f6b35a446c356ec9a54b05ccf25e129a9c16bbc0c91c1b9386789fd1ae2b");
	assert_true(webauth_mac(key, ASK("POST", path, hash), nonce, mac));
	assert_string_equal(mac, "e475a4f7f4b61d04a43624cc10f08cc899cc2f585131fe88265d20ce16b36b39");
	assert_true(webauth_hash(NULL, 0, hash));
	assert_string_equal(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void
test_verify(void **state)
{
	uint8_t key[WEBAUTH_KEY_LEN], other[WEBAUTH_KEY_LEN];
	char hash[WEBAUTH_HEX_MAX], hash2[WEBAUTH_HEX_MAX], line[WEBAUTH_HEADER_MAX], bad[WEBAUTH_HEADER_MAX];
	struct webauth told;
	size_t at;

	make_key(key);
	memset(other, 7, sizeof(other));
	assert_true(webauth_hash(body, strlen(body), hash) && webauth_hash("x", 1, hash2));
	assert_true(webauth_sign(key, ASK("POST", path, hash), nonce, line));
	assert_true(webauth_parse(line, &told));
	assert_string_equal(told.nonce, nonce);
	assert_true(webauth_verify(&told, key, ASK("POST", path, hash)));
	assert_false(webauth_verify(&told, other, ASK("POST", path, hash)));
	assert_false(webauth_verify(&told, key, ASK("GET", path, hash)));
	assert_false(webauth_verify(&told, key, ASK("POST", "/node/api/v1/commands?x=2", hash)));
	assert_false(webauth_verify(&told, key, ASK("POST", path, hash2)));
	str_copy(told.nonce, sizeof(told.nonce), "10112233445566778899aabbccddeeff");
	assert_false(webauth_verify(&told, key, ASK("POST", path, hash)));
	/* passed on to another server, which gave the number: not for it */
	assert_true(webauth_parse(line, &told));
	assert_true(webauth_verify(&told, key, &(struct webauth_ask){ "10.0.0.1%eth0", "POST", path, hash }));
	assert_false(webauth_verify(&told, key, &(struct webauth_ask){ "10.0.0.2", "POST", path, hash }));
	assert_false(webauth_verify(&told, key, &(struct webauth_ask){ "::ffff:10.0.0.1", "POST", path, hash }));
	/* each digit counts */
	at = (size_t)(strstr(line, "keyid=") - line);
	for (size_t i = at; line[i] != '\0'; i++) {
		str_copy(bad, sizeof(bad), line);
		bad[i] = bad[i] == '0' ? '1' : '0';
		assert_false(webauth_parse(bad, &told) && webauth_verify(&told, key, ASK("POST", path, hash)));
	}
}

static void
test_senseless(void **state)
{
	uint8_t key[WEBAUTH_KEY_LEN];
	char hash[WEBAUTH_HEX_MAX], mac[WEBAUTH_HEX_MAX], longest[WEBAUTH_PATH_MAX + 1];

	make_key(key);
	assert_true(webauth_hash("", 0, hash));
	assert_false(webauth_mac(key, ASK("GE\nT", path, hash), nonce, mac));
	assert_false(webauth_mac(key, ASK("GET", "/a\n/b", hash), nonce, mac));
	assert_false(webauth_mac(key, ASK("GET", "/a b", hash), nonce, mac));
	assert_false(webauth_mac(key, ASK("GET", "", hash), nonce, mac));
	assert_false(webauth_mac(key, ASK("GET", path, "abc"), nonce, mac));
	assert_false(webauth_mac(key, ASK("GET", path, hash), "0011", mac));
	assert_false(webauth_mac(key, ASK("GET", path, hash), "0011223344556677889G", mac));
	static const char *const nowhere[] = { "", "%eth0", "10.0.0.1\n", "server1", "(null)", "11111111111111111111111111111111111111111111111" };
	for (size_t i = 0; i < ARRAY_LEN(nowhere); i++)
		assert_false(webauth_mac(key, &(struct webauth_ask){ nowhere[i], "GET", path, hash }, nonce, mac));
	memset(longest, 'a', sizeof(longest));
	longest[WEBAUTH_PATH_MAX] = '\0';
	assert_false(webauth_mac(key, ASK("GET", longest, hash), nonce, mac));
	longest[WEBAUTH_PATH_MAX - 1] = '\0';
	assert_true(webauth_mac(key, ASK("GET", longest, hash), nonce, mac));
}

static void
test_parse(void **state)
{
#define M "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	static const char *const good[] = {
		"SafeKit keyid=01234567, nonce=0123456789abcdef, mac=" M,
		"SafeKit\tmac=" M ",nonce=0123456789abcdef ,\tkeyid=01234567 ",
	};
	static const char *const bad[] = {
		"", "SafeKit", "SafeKit ", "safekit keyid=01234567, nonce=0123456789abcdef, mac=" M, "Basic YTpi",
		"SafeKitkeyid=01234567, nonce=0123456789abcdef, mac=" M,
		"SafeKit keyid=01234567, nonce=0123456789abcdef",
		"SafeKit keyid=0123456, nonce=0123456789abcdef, mac=" M,
		"SafeKit keyid=012345678, nonce=0123456789abcdef, mac=" M,
		"SafeKit keyid=0123456G, nonce=0123456789abcdef, mac=" M,
		"SafeKit keyid=01234567, nonce=0123456789abcde, mac=" M,
		"SafeKit keyid=01234567, nonce=" M "0, mac=" M,
		"SafeKit keyid=01234567, nonce=0123456789abcdef, mac=" M "0",
		"SafeKit keyid=01234567, nonce=0123456789ABCDEF, mac=" M,
		"SafeKit keyid=01234567, keyid=01234567, nonce=0123456789abcdef, mac=" M,
		"SafeKit keyid=01234567 nonce=0123456789abcdef mac=" M,
		"SafeKit keyid=01234567, nonce=0123456789abcdef, mac=" M ",",
		"SafeKit keyid=01234567, nonce=0123456789abcdef, mac=" M ", more=1",
		"SafeKit keyid=\"01234567\", nonce=0123456789abcdef, mac=" M,
	};
	struct webauth told;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(webauth_parse(good[i], &told));
		assert_string_equal(told.keyid, "01234567");
		assert_string_equal(told.nonce, "0123456789abcdef");
		assert_string_equal(told.mac, M);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (webauth_parse(bad[i], &told))
			fail_msg("taken: %s", bad[i]);
}

static void
write_file(const char *dir, const char *name, const char *text)
{
	char file[256];

	assert_true(path_format(file, sizeof(file), "%s/%s", dir, name));
	assert_int_equal(path_write_atomic(file, text, strlen(text), 0600), 0);
}

static void
test_keys(void **state)
{
	static const char hex[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
	char dir[] = "/tmp/t_webauth.XXXXXX", sub[64], err[SK_TEXT_MAX];
	struct webauth_keys keys;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(setenv("SAFE", dir, 1), 0);
	assert_int_equal(setenv("SAFEVAR", dir, 1), 0);
	webauth_keys(&keys, true, err, sizeof(err));
	assert_int_equal(keys.n, 0);
	assert_string_equal(err, "");
	assert_true(path_format(sub, sizeof(sub), "%s/web/conf", dir));
	assert_int_equal(path_mkdirs(sub, 0700), 0);
	assert_true(path_format(sub, sizeof(sub), "%s/cluster", dir));
	assert_int_equal(path_mkdirs(sub, 0700), 0);
	write_file(dir, "cluster/cluster.key", hex);
	write_file(dir, "cluster/previous.key", "f00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
	write_file(dir, "web/conf/node.key", hex);
	webauth_keys(&keys, false, err, sizeof(err));
	assert_string_equal(err, "");
	assert_int_equal(keys.n, 2);
	assert_int_equal(keys.key[0].kind, WEBAUTH_KEY_PASSWORD);
	assert_string_equal(keys.key[0].id, "630dcd29");
	assert_int_equal(keys.key[1].kind, WEBAUTH_KEY_CLUSTER);
	assert_string_equal(keys.key[1].id, "6c66b1ea");
	assert_ptr_equal(webauth_key_of(&keys, "6c66b1ea"), &keys.key[1]);
	assert_null(webauth_key_of(&keys, "00000000"));
	webauth_keys(&keys, true, err, sizeof(err));
	assert_int_equal(keys.n, 3);
	assert_int_equal(keys.key[2].kind, WEBAUTH_KEY_PREVIOUS);
	/* the same key twice counts once; a damaged file is told and left out */
	write_file(dir, "cluster/previous.key", hex);
	write_file(dir, "web/conf/node.key", "0001");
	webauth_keys(&keys, true, err, sizeof(err));
	assert_int_equal(keys.n, 1);
	assert_non_null(strstr(err, "node.key: expected 64 hex digits"));
	webauth_keys_clear(&keys);
	assert_int_equal(keys.n, 0);
	for (const char *const *f = (const char *const[]){ "cluster/cluster.key", "cluster/previous.key", "web/conf/node.key", NULL }; *f; f++) {
		assert_true(path_format(sub, sizeof(sub), "%s/%s", dir, *f));
		assert_int_equal(unlink(sub), 0);
	}
	for (const char *const *f = (const char *const[]){ "cluster", "web/conf", "web", ".", NULL }; *f; f++) {
		assert_true(path_format(sub, sizeof(sub), "%s/%s", dir, *f));
		rmdir(sub);
	}
	rmdir(dir);
}

static void
one_key(struct webauth_keys *keys, uint8_t fill)
{
	memset(keys, 0, sizeof(*keys));
	memset(keys->key[0].key, fill, WEBAUTH_KEY_LEN);
	assert_true(webauth_keyid(keys->key[0].key, keys->key[0].id));
	keys->n = 1;
}

static void
test_seal(void **state)
{
	static const char text[] = "64 hex digits";
	uint8_t sealed[sizeof(text) + WEBAUTH_SEAL_MORE], again[sizeof(sealed)], out[sizeof(sealed)];
	struct webauth_keys keys, other;
	char err[SK_TEXT_MAX];
	size_t len, got;

	one_key(&keys, 1);
	one_key(&other, 2);
	len = webauth_seal(keys.key[0].key, "module a", text, sizeof(text), sealed);
	assert_int_equal(len, sizeof(sealed));
	assert_true(webauth_is_sealed(sealed, len));
	assert_false(webauth_is_sealed(text, sizeof(text)));
	assert_true(webauth_open(&keys, "module a", sealed, len, out, &got, err, sizeof(err)));
	assert_int_equal(got, sizeof(text));
	assert_memory_equal(out, text, got);
	/* never the same twice */
	assert_int_equal(webauth_seal(keys.key[0].key, "module a", text, sizeof(text), again), len);
	assert_memory_not_equal(sealed, again, len);
	/* another purpose, another key, shorter, each byte changed */
	assert_false(webauth_open(&keys, "module b", sealed, len, out, &got, err, sizeof(err)));
	assert_non_null(strstr(err, "module b"));
	assert_false(webauth_open(&other, "module a", sealed, len, out, &got, err, sizeof(err)));
	assert_non_null(strstr(err, keys.key[0].id));
	for (size_t i = 0; i < len; i++) {
		assert_false(webauth_open(&keys, "module a", sealed, i, out, &got, err, sizeof(err)));
		sealed[i] ^= 1;
		assert_false(webauth_open(&keys, "module a", sealed, len, out, &got, err, sizeof(err)));
		sealed[i] ^= 1;
	}
	/* nothing can be sealed, too */
	len = webauth_seal(keys.key[0].key, "module a", "", 0, sealed);
	assert_int_equal(len, WEBAUTH_SEAL_MORE);
	assert_true(webauth_open(&keys, "module a", sealed, len, out, &got, err, sizeof(err)));
	assert_int_equal(got, 0);
	assert_int_equal(webauth_seal(keys.key[0].key, "", "", 0, sealed), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answer), cmocka_unit_test(test_verify), cmocka_unit_test(test_senseless),
		cmocka_unit_test(test_parse), cmocka_unit_test(test_keys), cmocka_unit_test(test_seal),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
