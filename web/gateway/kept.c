/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kept.c: files that are sent for commands, or written by commands for us: SAFEVAR/tmp/web, 0600, by random names, for some minutes.
 *
 * Owns: that folder.  Called by: parent.c, as root.  Never does: look into a file.
 */
#include "config.h"
#include "web/gateway/parent.h"
#include "web/gateway/route.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static struct kept {
	char	token[KEPT_TOKEN];	/* "": free */
	char	suffix[8];
	bool	upload, whole;
	int64_t	until_ms;
} table[KEPT_UPLOADS + KEPT_OUTPUTS];
static char folder[PATH_MAX];

static bool
name_of(const struct kept *k, char *buf, size_t size)
{
	return path_format(buf, size, "%s/%s%s%s", folder, k->token, k->whole ? "." : "", k->whole ? k->suffix : "");
}

static struct kept *
find(const char *token)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].token[0] != '\0' && strcmp(table[i].token, token) == 0)
			return &table[i];
	return NULL;
}

static bool
is_suffix(const char *s)
{
	return strcmp(s, "safe") == 0 || strcmp(s, "zip") == 0 || strcmp(s, "xml") == 0 || strcmp(s, "bin") == 0;
}

/* What an earlier process left is nobody's any more */
static void
empty_folder(void)
{
	const struct dirent *e;
	DIR *d = opendir(folder);

	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
}

bool
kept_begin(void)
{
	struct stat st;

	if (!path_format(folder, sizeof(folder), "%s/tmp/web", path_safevar()) || path_mkdirs(folder, 0700) == -1 ||
	    lstat(folder, &st) == -1 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || chmod(folder, 0700) == -1) {
		gate_log("%s/tmp/web: expected a folder of ours: %s", path_safevar(), strerror(errno));
		return false;
	}
	empty_folder();
	return true;
}

static bool
make_token(char token[KEPT_TOKEN])
{
	uint8_t raw[(KEPT_TOKEN - 1) / 2];

	if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
		return false;
	str_to_hex(raw, sizeof(raw), token);
	return true;
}

int
kept_new(bool upload, const char *suffix, char token[KEPT_TOKEN], const char **reason)
{
	size_t i, used = 0;
	struct kept *k = NULL;
	char file[PATH_MAX];
	int fd;

	kept_expire();
	for (i = 0; i < ARRAY_LEN(table); i++) {
		if (table[i].token[0] == '\0')
			k = &table[i];
		else if (table[i].upload == upload)
			used++;
	}
	*reason = "busy";
	if (k == NULL || used >= (upload ? KEPT_UPLOADS : KEPT_OUTPUTS))
		return -1;
	*reason = "usage";
	if (!upload && !is_suffix(suffix))
		return -1;
	*reason = "failed";
	*k = (struct kept){ .upload = upload, .whole = !upload, .until_ms = clock_mono_ms() + KEPT_S * 1000 };
	str_copy(k->suffix, sizeof(k->suffix), suffix);
	if (!make_token(k->token) || !name_of(k, file, sizeof(file)) ||
	    (fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) == -1) {
		k->token[0] = '\0';
		return -1;
	}
	str_copy(token, KEPT_TOKEN, k->token);
	return fd;
}

bool
kept_whole(const char *token, const char *suffix)
{
	struct kept *k = find(token);
	char from[PATH_MAX], to[PATH_MAX];
	struct stat st;

	if (k == NULL || k->whole || !is_suffix(suffix) || !name_of(k, from, sizeof(from)))
		return false;
	str_copy(k->suffix, sizeof(k->suffix), suffix);
	k->whole = true;
	k->until_ms = clock_mono_ms() + KEPT_S * 1000;
	if (name_of(k, to, sizeof(to)) && lstat(from, &st) == 0 && st.st_size <= FILE_MAX && rename(from, to) == 0)
		return true;
	(void)unlink(from);
	k->token[0] = '\0';
	return false;
}

bool
kept_path(const char *token, char *buf, size_t size)
{
	const struct kept *k = find(token);

	return k != NULL && k->whole && name_of(k, buf, size);
}

int
kept_open(const char *token)
{
	char file[PATH_MAX];

	errno = ENOENT;
	return kept_path(token, file, sizeof(file)) ? open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
}

static void
forget(struct kept *k)
{
	char file[PATH_MAX];

	if (name_of(k, file, sizeof(file)))
		(void)unlink(file);
	k->token[0] = '\0';
}

void
kept_drop(const char *token)
{
	struct kept *k = find(token);

	if (k != NULL)
		forget(k);
}

int
kept_expire(void)
{
	int64_t now = clock_mono_ms(), next = -1;
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		if (table[i].token[0] == '\0')
			continue;
		if (table[i].until_ms <= now)
			forget(&table[i]);
		else if (next == -1 || table[i].until_ms - now < next)
			next = table[i].until_ms - now;
	}
	return (int)next;
}

void
kept_end(void)
{
	empty_folder();
}
