/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * safesecret.c: keeps secrets of the suite's components encrypted (8.2 notes 2.1.16: encryption of sensitive files).
 *
 * Owns: SAFE/private/conf/secrets/NAME, sealed with AES-256-GCM (wire/webauth.h) for that name, so that one cannot stand in for another.
 * The key: 64 hex digits in the file that the first line of SAFE/private/conf/secrets.conf names ("key = FILE": a memory stick, what systemd has
 * decrypted with the TPM below /run/credentials), else in SAFE/private/conf/secrets.key, which the first "set" makes.
 * Called by: administrators; by programs that can ask a program for a secret, as Apache does ("exec:.../safesecret get bindpwd").
 * Never does: take a secret as an argument, or show one without being asked.
 *   safesecret set NAME (from stdin, without a last line break) | get NAME | del NAME | list | rekey NEWKEYFILE
 */
#include "config.h"
#include "base/base.h"
#include "wire/webauth.h"

#include <openssl/rand.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_MAX	4096	/* bytes (ours) */
#define NAMES_MAX	256

static char folder[PATH_MAX], key_file[PATH_MAX];

/* ---- the key ---- */

static bool
find_key_file(void)
{
	char conf[PATH_MAX], *text, *s, *end;
	bool ok;

	if (!path_format(conf, sizeof(conf), "%s/private/conf/secrets.conf", path_safe()) ||
	    !path_format(folder, sizeof(folder), "%s/private/conf/secrets", path_safe()) ||
	    !path_format(key_file, sizeof(key_file), "%s/private/conf/secrets.key", path_safe()))
		return false;
	if (path_read(conf, &text, 4096) == -1) {
		if (errno != ENOENT)
			warn_errno("%s", conf);
		return errno == ENOENT;
	}
	text[strcspn(text, "\r\n")] = '\0';
	s = text + strspn(text, " \t");
	ok = strncmp(s, "key", 3) == 0;
	s += ok ? 3 : 0;
	s += strspn(s, " \t");
	ok = ok && *s == '=';
	s += ok ? 1 : 0;
	s += strspn(s, " \t");
	for (end = s + strlen(s); end > s && isspace((unsigned char)end[-1]); end--)
		end[-1] = '\0';
	ok = ok && s[0] == '/' && str_copy(key_file, sizeof(key_file), s);
	free(text);
	if (!ok)
		warn_text("%s:1: expected key = /FILE", conf);
	return ok;
}

static bool
read_key(const char *file, struct webauth_keys *keys)
{
	struct stat st;
	char *text;
	bool ok;

	memset(keys, 0, sizeof(*keys));
	if (stat(file, &st) == -1 || path_read(file, &text, 256) == -1) {
		warn_errno("%s", file);
		return false;
	}
	if ((st.st_mode & 077) != 0)
		warn_text("%s can be read by others (mode %o): expected 600", file, (unsigned)st.st_mode & 0777);
	text[strcspn(text, "\r\n")] = '\0';
	ok = (st.st_mode & 077) == 0 && str_from_hex(text, keys->key[0].key, WEBAUTH_KEY_LEN) && webauth_keyid(keys->key[0].key, keys->key[0].id);
	explicit_bzero(text, strlen(text));
	free(text);
	if (!ok)
		warn_text("%s: expected a key of 64 hex digits that only its owner can read", file);
	keys->n = ok ? 1 : 0;
	return ok;
}

static bool
make_key(const char *file)
{
	uint8_t raw[WEBAUTH_KEY_LEN];
	char text[2 * WEBAUTH_KEY_LEN + 2];
	bool ok;

	if (access(file, F_OK) == 0)
		return true;
	if (RAND_bytes(raw, sizeof(raw)) != 1)
		return false;
	str_to_hex(raw, sizeof(raw), text);
	(void)str_copy(text + 2 * WEBAUTH_KEY_LEN, 2, "\n");
	ok = path_write_atomic(file, text, strlen(text), 0600) == 0;
	if (!ok)
		warn_errno("%s", file);
	explicit_bzero(raw, sizeof(raw));
	explicit_bzero(text, sizeof(text));
	return ok;
}

/* ---- one secret ---- */

static bool
file_of(const char *name, char *file, char purpose[SK_NAME_MAX + 8])
{
	if (!str_is_name(name)) {
		warn_text("a name has 1 to 63 letters, digits, . _ -");
		return false;
	}
	(void)path_format(purpose, SK_NAME_MAX + 8, "secret %s", name);
	return path_format(file, PATH_MAX, "%s/%s", folder, name);
}

static bool
write_secret(const struct webauth_keys *keys, const char *name, const void *text, size_t len)
{
	uint8_t sealed[SECRET_MAX + WEBAUTH_SEAL_MORE];
	char file[PATH_MAX], purpose[SK_NAME_MAX + 8];
	size_t n;

	if (!file_of(name, file, purpose) || (n = webauth_seal(keys->key[0].key, purpose, text, len, sealed)) == 0)
		return false;
	if (path_mkdirs(folder, 0700) == 0 && path_write_atomic(file, sealed, n, 0600) == 0)
		return true;
	warn_errno("%s", file);
	return false;
}

/* out has room for SECRET_MAX */
static bool
read_secret(const struct webauth_keys *keys, const char *name, char *out, size_t *len)
{
	char file[PATH_MAX], purpose[SK_NAME_MAX + 8], err[SK_TEXT_MAX] = "", *data;
	ssize_t n;
	bool ok;

	if (!file_of(name, file, purpose))
		return false;
	n = path_read(file, &data, SECRET_MAX + WEBAUTH_SEAL_MORE);
	if (n == -1) {
		warn_errno("%s", file);
		return false;
	}
	ok = (size_t)n >= WEBAUTH_SEAL_MORE && webauth_open(keys, purpose, data, (size_t)n, (uint8_t *)out, len, err, sizeof(err));
	free(data);
	if (!ok)
		warn_text("%s: %s", file, err[0] != '\0' ? err : "too short");
	return ok;
}

/* ---- the commands ---- */

static bool
do_set(const char *name)
{
	static char text[SECRET_MAX + 1];
	struct webauth_keys keys;
	size_t n = fread(text, 1, sizeof(text), stdin);
	bool ok;

	if (n > SECRET_MAX) {
		warn_text("a secret has at most %d bytes", SECRET_MAX);
		return false;
	}
	n -= n > 0 && text[n - 1] == '\n' ? 1 : 0;
	if (n == 0) {
		warn_text("nothing on stdin: expected the secret");
		return false;
	}
	ok = make_key(key_file) && read_key(key_file, &keys) && write_secret(&keys, name, text, n);
	explicit_bzero(text, sizeof(text));
	webauth_keys_clear(&keys);
	return ok;
}

static bool
do_get(const char *name)
{
	static char text[SECRET_MAX];
	struct webauth_keys keys;
	size_t n;
	bool ok = read_key(key_file, &keys) && read_secret(&keys, name, text, &n) && fwrite(text, 1, n, stdout) == n && putchar('\n') != EOF &&
	    fflush(stdout) == 0;

	explicit_bzero(text, sizeof(text));
	webauth_keys_clear(&keys);
	return ok;
}

static bool
do_del(const char *name)
{
	char file[PATH_MAX], purpose[SK_NAME_MAX + 8];

	if (!file_of(name, file, purpose))
		return false;
	if (unlink(file) == 0)
		return true;
	warn_errno("%s", file);
	return false;
}

static bool
each(bool (*fn)(void *ctx, const char *name), void *ctx)
{
	DIR *dp = opendir(folder);
	struct dirent *d;
	bool ok = true;
	int n = 0;

	while (dp != NULL && ok && n < NAMES_MAX && (d = readdir(dp)) != NULL)
		if (str_is_name(d->d_name)) {
			ok = fn(ctx, d->d_name);
			n++;
		}
	if (dp != NULL)
		closedir(dp);
	return ok;
}

static bool
show(void *ctx, const char *name)
{
	return puts(name) != EOF;
}

struct rekey { struct webauth_keys from, to; bool write; };

static bool
rekey_one(void *ctx, const char *name)
{
	struct rekey *r = ctx;
	static char text[SECRET_MAX];
	size_t n;
	bool ok = read_secret(&r->from, name, text, &n) && (!r->write || write_secret(&r->to, name, text, n));

	explicit_bzero(text, sizeof(text));
	return ok;
}

/* Both keys open what is there until all is written, so that a command that was killed can be given again */
static bool
do_rekey(const char *new_file)
{
	struct rekey r;
	bool ok;

	if (!make_key(new_file) || !read_key(key_file, &r.from) || !read_key(new_file, &r.to))
		return false;
	r.from.key[1] = r.to.key[0];
	r.from.n = 2;
	r.write = false;
	ok = each(rekey_one, &r);	/* all can be read */
	r.write = true;
	ok = ok && each(rekey_one, &r);
	webauth_keys_clear(&r.from);
	webauth_keys_clear(&r.to);
	if (ok)
		printf("Now write key = %s into %s/private/conf/secrets.conf, and remove the former key\n", new_file, path_safe());
	return ok;
}

int
main(int argc, char **argv)
{
	static const struct rlimit none = { 0, 0 };
	const char *word = argc > 1 ? argv[1] : "";
	bool ok;

	diag_init("safesecret", 0);
	umask(077);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	if (!find_key_file())
		return 1;
	if (argc == 3 && strcmp(word, "set") == 0)
		ok = do_set(argv[2]);
	else if (argc == 3 && strcmp(word, "get") == 0)
		ok = do_get(argv[2]);
	else if (argc == 3 && strcmp(word, "del") == 0)
		ok = do_del(argv[2]);
	else if (argc == 3 && strcmp(word, "rekey") == 0 && argv[2][0] == '/')
		ok = do_rekey(argv[2]);
	else if (argc == 2 && strcmp(word, "list") == 0)
		ok = each(show, NULL);
	else {
		fputs("usage: safesecret set NAME <SECRET | get NAME | del NAME | list | rekey /NEWKEYFILE\n", stderr);
		return 2;
	}
	return ok ? 0 : 1;
}
