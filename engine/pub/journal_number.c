/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journal_number.c: the numbers that managers remember: stable resource indexes and sequence numbers.
 *
 * They live beside the database in two small text files, because they must be the same after the database was damaged or deleted:
 *   dir/index	 one line "module TAB resource TAB index" per resource, only appended; indexes are also in the database, so that
 *		 losing either file alone loses nothing
 *   dir/sequence numbers below those in the file may have been given; replaced whole, always ahead of use
 * Called by: journal_new() and the writer thread (the name table also by the loop thread).  Never does: trust a line of a file.
 */
#include "config.h"
#include "pub/journal_impl.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INDEX_FILE_MAX	(256u << 20)	/* bytes: a million resources take about 50 MB */

/* ---- names ---- */
static uint64_t
hash_text(uint64_t h, const char *s)	/* FNV-1a, 64 bits; the NUL counts, so that "a","bc" and "ab","c" differ */
{
	do {
		h = (h ^ (unsigned char)*s) * 1099511628211ull;
	} while (*s++ != '\0');
	return h;
}

static size_t
slot_of(const struct jnames *t, const char *module, const char *resource)
{
	uint64_t h = hash_text(hash_text(14695981039346656037ull, module), resource);
	size_t i = (size_t)(h ^ h >> 32) & (t->slots - 1);

	while (t->slot[i] != NULL && (strcmp(t->slot[i]->text, module) != 0 ||
	    strcmp(t->slot[i]->text + t->slot[i]->resource_at, resource) != 0))
		i = (i + 1) & (t->slots - 1);
	return i;
}

struct jname *
jnames_find(const struct jnames *t, const char *module, const char *resource)
{
	return t->slots == 0 ? NULL : t->slot[slot_of(t, module, resource)];
}

static bool
names_grow(struct jnames *t)
{
	struct jnames bigger = *t;
	struct jname **all;
	size_t i;

	bigger.slots = t->slots == 0 ? 256 : t->slots * 2;
	bigger.room = bigger.slots / 2;
	all = realloc(t->all, bigger.room * sizeof(struct jname *));
	if (all == NULL)
		return false;
	t->all = bigger.all = all;
	bigger.slot = calloc(bigger.slots, sizeof(struct jname *));
	if (bigger.slot == NULL)
		return false;
	for (i = 0; i < t->count; i++)
		bigger.slot[slot_of(&bigger, all[i]->text, all[i]->text + all[i]->resource_at)] = all[i];
	free(t->slot);
	*t = bigger;
	return true;
}

struct jname *
jnames_add(struct jnames *t, const char *module, const char *resource, uint32_t index)
{
	size_t m = strlen(module) + 1, r = strlen(resource) + 1;
	struct jname *n;

	if (t->count >= t->room && !names_grow(t))
		return NULL;
	n = malloc(sizeof(*n) + m + r);
	if (n == NULL)
		return NULL;
	n->index = index;
	n->resource_at = (uint32_t)m;
	memcpy(n->text, module, m);
	memcpy(n->text + m, resource, r);
	t->slot[slot_of(t, module, resource)] = n;
	t->all[t->count++] = n;	/* NOLINT(clang-analyzer-unix.Malloc): names_grow() has replaced the array */
	return n;
}

void
jnames_free(struct jnames *t)
{
	size_t i;

	for (i = 0; i < t->count; i++)
		free(t->all[i]);
	free(t->all);
	free(t->slot);
	memset(t, 0, sizeof(*t));
}

/* ---- the index file: bytes that would break a line are written %XX ---- */
static size_t
escape(char *out, const char *s)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c >= 0x20 && c != 0x7f && c != '%') {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '%';
		out[n++] = digits[c >> 4];
		out[n++] = digits[c & 15];
	}
	return n;
}

static bool
unescape(char *s, size_t max)	/* in place; false when it is not what escape() writes, or does not fit in max with NUL */
{
	char *to = s, *from = s;

	for (; *from != '\0'; to++) {
		char hex[3] = { from[0] == '%' ? from[1] : '\0', from[0] == '%' && from[1] != '\0' ? from[2] : '\0', '\0' };
		uint8_t byte;

		if (*from != '%') {
			*to = *from++;
			continue;
		}
		if (!str_from_hex(hex, &byte, 1) || byte == 0)
			return false;
		*to = (char)byte;
		from += 3;
	}
	*to = '\0';
	return (size_t)(to - s) < max;
}

static size_t
index_line(char *line, const struct jname *n)
{
	size_t len = escape(line, n->text);

	line[len++] = '\t';
	len += escape(line + len, n->text + n->resource_at);
	len += (size_t)snprintf(line + len, 16, "\t%u\n", n->index);
	return len;
}

static bool
index_parse(char *line, char **resource, uint32_t *index)
{
	char *tab1 = strchr(line, '\t'), *tab2 = tab1 == NULL ? NULL : strchr(tab1 + 1, '\t');
	uint64_t v;

	if (tab2 == NULL || !str_to_u64(tab2 + 1, 1, JOURNAL_INDEX_LAST, &v))
		return false;
	*tab1 = *tab2 = '\0';
	*resource = tab1 + 1;
	*index = (uint32_t)v;
	return unescape(line, SK_NAME_MAX) && unescape(*resource, SK_RES_MAX);
}

int
jindex_load(const char *file, struct jnames *t, bool *dirty)
{
	char *text, *line, *end, *resource;
	ssize_t len = path_read(file, &text, INDEX_FILE_MAX);
	uint32_t index;

	if (len == -1)
		return -1;
	for (line = text; line < text + len; line = end + 1) {
		end = memchr(line, '\n', (size_t)(text + len - line));
		if (end == NULL) {	/* cut by a crash: never was acknowledged */
			*dirty = true;
			break;
		}
		*end = '\0';
		if (strlen(line) != (size_t)(end - line) || !index_parse(line, &resource, &index)) {
			*dirty = true;
			continue;
		}
		if (jnames_find(t, line, resource) == NULL && jnames_add(t, line, resource, index) == NULL) {
			free(text);
			errno = ENOMEM;
			return -1;
		}
	}
	free(text);
	return 0;
}

static char *
index_text(struct jname *const *names, size_t n, size_t *len)
{
	size_t i, room = 0;
	char *text;

	for (i = 0; i < n; i++)
		room += 3 * (names[i]->resource_at + strlen(names[i]->text + names[i]->resource_at)) + 16;
	text = malloc(room + 1);
	for (i = 0, *len = 0; text != NULL && i < n; i++)
		*len += index_line(text + *len, names[i]);
	return text;
}

int
jindex_write(const char *file, struct jname *const *names, size_t n)
{
	size_t len;
	char *text = index_text(names, n, &len);
	int rc;

	if (text == NULL)
		return -1;
	rc = path_write_atomic(file, text, len, 0640);
	free(text);
	return rc;
}

int
jindex_append(const char *file, struct jname *const *names, size_t n)
{
	int fd = open(file, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW), saved;
	size_t len, done = 0;
	struct stat st;
	char *text;

	if (fd == -1)
		return -1;
	text = index_text(names, n, &len);
	if (text == NULL || fstat(fd, &st) == -1)
		goto fail;
	while (done < len) {
		ssize_t w = write(fd, text + done, len - done);

		if (w == -1 && errno != EINTR)
			goto fail_cut;
		done += w == -1 ? 0 : (size_t)w;
	}
	if (fdatasync(fd) == -1)
		goto fail_cut;
	free(text);
	return close(fd);

fail_cut:	/* half a line would swallow the next one */
	saved = errno;
	(void)!ftruncate(fd, st.st_size);
	errno = saved;
fail:
	saved = errno;
	free(text);
	close(fd);
	errno = saved;
	return -1;
}

/* ---- the sequence file ---- */
int
jsequence_write(const char *file, const uint64_t next[JK_TABLES])
{
	char text[1024];
	int i, n;

	n = snprintf(text, sizeof(text), "# Journal sequence numbers.  Numbers below these may have been given to rows and are never given again, whatever\n"
	    "# happens to journal.db.  Reserved %d at a time, ahead of use: after a crash some are skipped.  If this file is\n"
	    "# lost while other files of the journal exist, numbers go on from the wall clock in milliseconds since 1970.\n", JOURNAL_RESERVE);
	for (i = 0; i < JK_TABLES; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s %llu\n", jrow_tables[i], (unsigned long long)next[i]);
	return path_write_atomic(file, text, (size_t)n, 0640);
}

int
jsequence_load(const char *file, uint64_t next[JK_TABLES])
{
	uint64_t v[JK_TABLES] = { 0 };
	char *text, *line, *save = NULL;
	int i;

	if (path_read(file, &text, 4096) == -1)
		return -1;
	for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
		for (i = 0; i < JK_TABLES; i++) {
			size_t len = strlen(jrow_tables[i]);

			/* 2^52: beyond is damage; JSON readers count in doubles */
			if (strncmp(line, jrow_tables[i], len) == 0 && line[len] == ' ')
				str_to_u64(line + len + 1, 1, 1ull << 52, &v[i]);
		}
	free(text);
	for (i = 0; i < JK_TABLES; i++)
		if (v[i] == 0) {
			errno = EILSEQ;
			return -1;
		}
	memcpy(next, v, sizeof(v));
	return 0;
}
