/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_key.c: the key of a module: module genkey, module delkey (UG 9.6, 10.4).
 *
 * SAFEVAR/modules/AM/module.key is the key that the next config applies (64 hex digits, root only); the one in force is in the active
 * configuration, where safeadmin reads it for heart.  It is in no package, no kept configuration, no dump.  Without it the heartbeats of
 * the module are encrypted with a key derived from the cluster's.
 */
#include "config.h"
#include "cli/cli.h"

#include <openssl/rand.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_BYTES	32	/* AES-256 */

bool
key_random(char hex[KEY_TEXT_MAX])
{
	uint8_t raw[KEY_BYTES];

	if (RAND_bytes(raw, sizeof(raw)) != 1) {
		cli_error("no random numbers for a key");
		return false;
	}
	str_to_hex(raw, sizeof(raw), hex);
	str_copy(hex + 2 * KEY_BYTES, 2, "\n");
	explicit_bzero(raw, sizeof(raw));
	return true;
}

static bool
wanted_file(char *buf, size_t size, const char *module)
{
	return path_format(buf, size, "%s/modules/%s/" MODULE_KEY, path_safevar(), module);
}

/* The key in file, "" when there is none.  false: told */
static bool
read_key(const char *file, char hex[KEY_TEXT_MAX])
{
	uint8_t raw[KEY_BYTES];
	char *text;
	bool ok;

	hex[0] = '\0';
	if (path_read(file, &text, 256) == -1) {
		if (errno == ENOENT)
			return true;
		warn_errno("%s", file);
		return false;
	}
	text[strcspn(text, "\r\n")] = '\0';
	ok = str_from_hex(text, raw, sizeof(raw));
	if (ok)
		(void)path_format(hex, KEY_TEXT_MAX, "%s\n", text);
	else
		cli_error("%s is no key: expected 64 hex digits, as safekit module genkey writes them", file);
	explicit_bzero(text, strlen(text));
	explicit_bzero(raw, sizeof(raw));
	free(text);
	return ok;
}

bool
key_apply(const char *module, const char *dir)
{
	char from[PATH_MAX], to[PATH_MAX], hex[KEY_TEXT_MAX];
	bool ok;

	if (!wanted_file(from, sizeof(from), module) || !path_format(to, sizeof(to), "%s/" MODULE_KEY, dir) || !read_key(from, hex))
		return false;
	/* what a user has put beside conf/ under this name is not the key */
	if (hex[0] == '\0')
		ok = unlink(to) == 0 || errno == ENOENT;
	else
		ok = path_write_atomic(to, hex, strlen(hex), 0600) == 0;
	if (!ok)
		warn_errno("%s", to);
	explicit_bzero(hex, sizeof(hex));
	return ok;
}

bool
key_differs(const char *module, bool *differs)
{
	char wanted[PATH_MAX], active[PATH_MAX], dir[PATH_MAX], a[KEY_TEXT_MAX], b[KEY_TEXT_MAX];
	bool ok = wanted_file(wanted, sizeof(wanted), module) && module_private_dir(dir, sizeof(dir), module)
	    && path_format(active, sizeof(active), "%s/" MODULE_KEY, dir) && read_key(wanted, a) && read_key(active, b);

	*differs = ok && strcmp(a, b) != 0;
	explicit_bzero(a, sizeof(a));
	explicit_bzero(b, sizeof(b));
	return ok;
}

int
do_module_key(struct cli *c)
{
	bool generate = strcmp(c->verb->name, "module genkey") == 0, ok;
	char file[PATH_MAX], hex[KEY_TEXT_MAX];
	int lock;

	if (!module_exists(c->module)) {
		cli_error("module %s is not installed", c->module);
		return EXIT_FAILED;
	}
	if (!wanted_file(file, sizeof(file), c->module) || (lock = tree_lock()) == -1)
		return EXIT_FAILED;
	if (generate) {
		ok = key_random(hex);
		if (ok && path_write_atomic(file, hex, strlen(hex), 0600) == -1) {
			warn_errno("%s", file);
			ok = false;
		}
		explicit_bzero(hex, sizeof(hex));
	} else {
		ok = unlink(file) == 0 || errno == ENOENT;
		if (!ok)
			warn_errno("%s", file);
	}
	close(lock);
	if (!ok)
		return EXIT_FAILED;
	if (generate)
		cli_note("The key is in %s: bring it over a safe way to the same place on the other servers, then safekit config -m %s on each",
		    file, c->module);
	else
		cli_note("The key goes with the next safekit config -m %s, on each server", c->module);
	return EXIT_DONE;
}
