/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_receive.c: the other side of -E and -G: safekit cluster receive, safekit module receive, run by the web service with files that
 * another server has sealed (wire/webauth.h).
 *
 * With check: could it be done?  Changes nothing.  Opened files live in a folder of root's below SAFEVAR/run for the time of the command.
 */
#include "config.h"
#include "cli/remote.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEALED_MAX (64u << 20)	/* bytes (as the web service takes) */

/* file, opened for purpose, to where; false: told */
static bool
open_sealed(const char *file, const char *purpose, const char *to)
{
	struct webauth_keys keys;
	char *sealed, err[512];
	uint8_t *text;
	ssize_t n = path_read(file, &sealed, SEALED_MAX);
	size_t len;
	bool ok = false;

	if (n == -1) {
		warn_errno("%s", file);
		return false;
	}
	webauth_keys(&keys, false, err, sizeof(err));
	text = malloc((size_t)n + 1);
	if (text == NULL)
		cli_error("no memory");
	else if (!webauth_open(&keys, purpose, sealed, (size_t)n, text, &len, err, sizeof(err)))
		cli_error("what was received cannot be used: %s", err);
	else if (!(ok = path_write_atomic(to, text, len, 0600) == 0))
		warn_errno("%s", to);
	if (text != NULL)
		explicit_bzero(text, (size_t)n);
	free(text);
	free(sealed);
	webauth_keys_clear(&keys);
	return ok;
}

static bool
wants_check(struct cli *c, int words, bool *check)
{
	*check = c->nwords > words;
	if (!*check || strcmp(c->words[words], "check") == 0)
		return true;
	cli_error("safekit %s: \"%.70s\": expected check, or nothing", c->verb->name, c->words[words]);
	return false;
}

static bool
work_folder(char dir[PATH_MAX])
{
	if (path_format(dir, PATH_MAX, "%s/run/receive.XXXXXX", path_safevar()) && mkdtemp(dir) != NULL)
		return true;
	warn_errno("%s/run/receive", path_safevar());
	return false;
}

static void
remove_folder(const char *dir)
{
	char err[512];

	if (!tree_remove(dir, err, sizeof(err)))
		cli_error("%s", err);
}

int
do_cluster_receive(struct cli *c)
{
	char dir[PATH_MAX], file[PATH_MAX];
	int status = EXIT_FAILED;
	bool check;

	if (!wants_check(c, 1, &check))
		return EXIT_TYPING;
	if (!work_folder(dir))
		return EXIT_FAILED;
	if (path_format(file, sizeof(file), "%s/cluster.zip", dir) && open_sealed(c->words[0], "cluster", file))
		status = cluster_take(c, file, check);
	remove_folder(dir);
	return status;
}

/* "none", or 64 hex digits: the key of the module as the sender has it.  What is wrong is told, and nothing is written with check */
static bool
take_key(const char *module, const char *file, bool check)
{
	char to[PATH_MAX], hex[KEY_TEXT_MAX], *text;
	uint8_t raw[32];
	ssize_t n = path_read(file, &text, KEY_TEXT_MAX);
	bool ok = false, none;

	if (n == -1 || !path_format(to, sizeof(to), "%s/modules/%s/" MODULE_KEY, path_safevar(), module)) {
		warn_errno("%s", file);
		return false;
	}
	text[n = (ssize_t)strcspn(text, "\r\n")] = '\0';
	none = strcmp(text, "none") == 0;
	if (!none && !str_from_hex(text, raw, sizeof(raw)))
		cli_error("the key that was received is none: expected 64 hex digits");
	else if (check)
		ok = true;
	else if (none)
		ok = unlink(to) == 0 || errno == ENOENT;
	else
		ok = path_format(hex, sizeof(hex), "%s\n", text) && path_write_atomic(to, hex, strlen(hex), 0600) == 0;
	if (!ok && !check)
		warn_errno("%s", to);
	explicit_bzero(raw, sizeof(raw));
	explicit_bzero(hex, sizeof(hex));
	explicit_bzero(text, (size_t)n);
	free(text);
	return ok;
}

int
do_module_receive(struct cli *c)
{
	char dir[PATH_MAX], package[PATH_MAX], key[PATH_MAX], purpose[SK_NAME_MAX + 16];
	int status = EXIT_FAILED, lock;
	bool check;

	if (!wants_check(c, 2, &check))
		return EXIT_TYPING;
	/* over package and key: those of two senders at once are not mixed */
	if ((lock = tree_lock()) == -1)
		return EXIT_FAILED;
	if (!work_folder(dir)) {
		close(lock);
		return EXIT_FAILED;
	}
	if (path_format(package, sizeof(package), "%s/package.safe", dir) && path_format(key, sizeof(key), "%s/key", dir)
	    && path_format(purpose, sizeof(purpose), "package %s", c->module) && open_sealed(c->words[0], purpose, package)
	    && path_format(purpose, sizeof(purpose), "key %s", c->module) && open_sealed(c->words[1], purpose, key)
	    && take_key(c->module, key, true)) {
		status = module_take(c, package, check);
		if (status == EXIT_DONE && !check && !take_key(c->module, key, false))
			status = EXIT_FAILED;
	}
	remove_folder(dir);
	close(lock);
	return status;
}
