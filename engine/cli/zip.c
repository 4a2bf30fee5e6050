/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zip.c: .safe files and the cluster's zip, through libzip.
 *
 * A .safe file comes from anywhere and is unpacked by root.  So every entry is looked at before the first byte is written: names stay
 * inside (no "/" in front, no "..", "\", control characters), are there once, are plain files or folders, together not too large; and an
 * entry that unpacks to more than it says stops the whole.
 */
#include "config.h"
#include "cli/cli.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#define RATIO_FROM	(1u << 20)	/* entries that unpack to more than this ... (ours) */
#define RATIO_MAX	200		/* ... at more than so many times their packed size are bombs, not scripts (ours; text has 3..20) */
#define MODE_SHIFT	16		/* unix mode within the external attributes of an entry (ZIP APPNOTE, 4.4.15; Info-ZIP) */

struct entry { const char *name; zip_uint64_t index, size; bool folder; };

static zip_t *
open_zip(const char *file, int flags, char *err, size_t errsize)
{
	zip_error_t ze;
	struct stat st;
	int code = 0;
	zip_t *z;

	if (!(flags & ZIP_CREATE) && (stat(file, &st) == -1 || !S_ISREG(st.st_mode))) {
		snprintf(err, errsize, "%.300s: %s", file, errno == ENOENT ? "no such file" : "expected a zip file");
		return NULL;
	}
	z = zip_open(file, flags, &code);
	if (z == NULL) {
		zip_error_init_with_code(&ze, code);
		snprintf(err, errsize, "%.300s: %s: expected a zip file", file, zip_error_strerror(&ze));
		zip_error_fini(&ze);
	}
	return z;
}

/* ---- names ---- */

static const char *
name_fault(const char *name)
{
	const char *p = name, *slash;
	int depth = 0;
	size_t n;

	if (name[0] == '\0')
		return "an entry without a name";
	if (name[0] == '/')
		return "an absolute name";
	if (strlen(name) >= PATH_MAX / 2)
		return "a name that is too long";
	for (; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == '\\')
			return "a name with a control character or a backslash";
	for (p = name; *p != '\0'; p = *slash == '/' ? slash + 1 : slash) {
		slash = strchrnul(p, '/');
		n = (size_t)(slash - p);
		if (n == 0 || n > NAME_MAX || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return "a name that does not stay inside the module";
		if (++depth > TREE_DEPTH_MAX)
			return "folders that are too deep";
	}
	return NULL;
}

static int
by_entry_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	size_t nx = strlen(x->name), ny = strlen(y->name);
	int d;

	nx -= x->folder;	/* "bin/" and "bin" are the same name */
	ny -= y->folder;
	d = memcmp(x->name, y->name, nx < ny ? nx : ny);
	return d != 0 ? d : nx < ny ? -1 : nx > ny;
}

/* Looks at every entry; fills list (count entries, sorted by name).  false: err says which entry and why */
static bool
inspect(zip_t *z, struct entry *list, zip_uint64_t count, char *err, size_t errsize)
{
	zip_uint64_t i, total = 0;
	const char *fault = NULL;

	for (i = 0; i < count && fault == NULL; i++) {
		zip_uint32_t attributes = 0;
		zip_uint8_t system = 0;
		zip_stat_t st;
		mode_t type;

		zip_stat_init(&st);
		if (zip_stat_index(z, i, 0, &st) == -1 || !(st.valid & ZIP_STAT_NAME) || !(st.valid & ZIP_STAT_SIZE)
		    || !(st.valid & ZIP_STAT_COMP_SIZE)) {
			snprintf(err, errsize, "entry %llu cannot be read", (unsigned long long)i);
			return false;
		}
		list[i].name = st.name;
		list[i].index = i;
		list[i].size = st.size;
		list[i].folder = st.name[0] != '\0' && st.name[strlen(st.name) - 1] == '/';
		fault = name_fault(st.name);
		zip_file_get_external_attributes(z, i, 0, &system, &attributes);
		type = system == ZIP_OPSYS_UNIX ? (attributes >> MODE_SHIFT) & S_IFMT : 0;
		if (fault == NULL && type != 0 && type != (list[i].folder ? S_IFDIR : S_IFREG))
			fault = "neither a plain file nor a folder (links and devices are refused)";
		if (fault == NULL && st.size > TREE_BYTES_MAX)
			fault = "larger than a module may be";
		if (fault == NULL && st.size > RATIO_FROM && st.size / (st.comp_size + 1) > RATIO_MAX)
			fault = "unpacks to more than 200 times its size (a zip bomb)";
		total += st.size;
		if (fault == NULL && total > TREE_BYTES_MAX)
			fault = "makes the module larger than 256 MiB";
		if (fault != NULL)
			snprintf(err, errsize, "\"%.200s\": %s", st.name, fault);
	}
	if (fault != NULL)
		return false;
	qsort(list, count, sizeof(*list), by_entry_name);
	for (i = 1; i < count; i++) {
		if (by_entry_name(&list[i - 1], &list[i]) == 0) {
			snprintf(err, errsize, "\"%.200s\": the same name twice", list[i].name);
			return false;
		}
	}
	return true;
}

/* ---- unpack ---- */

static bool
unpack_entry(zip_t *z, const struct entry *e, const char *path, char *err, size_t errsize)
{
	zip_file_t *f = zip_fopen_index(z, e->index, 0);
	bool script = strncmp(e->name, "bin/", 4) == 0, ok = true;
	uint64_t left = e->size;
	char buf[65536];
	zip_int64_t n;
	int fd;

	if (f == NULL) {
		snprintf(err, errsize, "\"%.200s\": %s", e->name, zip_strerror(z));
		return false;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, script ? 0755 : 0644);
	if (fd == -1) {
		snprintf(err, errsize, "%.300s: %s", path, strerror(errno));
		zip_fclose(f);
		return false;
	}
	while (ok && (n = zip_fread(f, buf, sizeof(buf))) != 0) {
		if (n < 0) {
			snprintf(err, errsize, "\"%.200s\": %s", e->name, zip_file_strerror(f));
			ok = false;
		} else if ((uint64_t)n > left) {	/* inspect() added up what entries say; so none may be more */
			snprintf(err, errsize, "\"%.200s\": unpacks to more than it says", e->name);
			ok = false;
		} else if (write(fd, buf, (size_t)n) != (ssize_t)n) {
			snprintf(err, errsize, "%.300s: %s", path, strerror(errno != 0 ? errno : ENOSPC));
			ok = false;
		}
		left -= (uint64_t)n;
	}
	if (ok && left > 0) {
		snprintf(err, errsize, "\"%.200s\": unpacks to less than it says", e->name);
		ok = false;
	}
	if (ok && fchmod(fd, script ? 0755 : 0644) == -1) {
		snprintf(err, errsize, "%.300s: %s", path, strerror(errno));
		ok = false;
	}
	close(fd);
	zip_fclose(f);
	return ok;
}

/* The folders of a name, and the file.  Nothing but folders and files of ours is below to: there is no link to follow. */
static bool
unpack_path(zip_t *z, const struct entry *e, const char *to, char *err, size_t errsize)
{
	char path[PATH_MAX];
	size_t at = strlen(to) + 1;

	if (!path_format(path, sizeof(path), "%s/%s", to, e->name)) {
		snprintf(err, errsize, "\"%.200s\": the name is too long", e->name);
		return false;
	}
	for (; path[at] != '\0'; at++) {
		if (path[at] != '/')
			continue;
		path[at] = '\0';
		if (mkdir(path, 0755) == -1 && errno != EEXIST) {
			snprintf(err, errsize, "%.300s: %s", path, strerror(errno));
			return false;
		}
		path[at] = '/';
	}
	return e->folder || unpack_entry(z, e, path, err, errsize);
}

bool
zip_unpack(const char *file, const char *to, char *err, size_t errsize)
{
	zip_t *z = open_zip(file, ZIP_RDONLY, err, errsize);
	struct entry *list = NULL;
	zip_int64_t count;
	bool ok = false;
	zip_int64_t i;

	if (z == NULL)
		return false;
	count = zip_get_num_entries(z, 0);
	if (count <= 0 || count > TREE_ENTRIES_MAX) {
		snprintf(err, errsize, "%lld entries, expected 1 to %d", (long long)count, TREE_ENTRIES_MAX);
	} else if ((list = calloc((size_t)count, sizeof(*list))) == NULL) {
		snprintf(err, errsize, "out of memory");
	} else {
		ok = inspect(z, list, (zip_uint64_t)count, err, errsize);
		for (i = 0; ok && i < count; i++)
			ok = unpack_path(z, &list[i], to, err, errsize);
	}
	free(list);
	zip_discard(z);
	return ok;
}

/* ---- pack ---- */

/* SOURCE_DATE_EPOCH (reproducible-builds.org) stands for all dates when it is set, so that two builds give the same bytes */
static bool
add_entry(zip_t *z, const char *path, const char *name, const struct stat *st)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	time_t date = st->st_mtime;
	zip_int64_t index;
	uint64_t value;

	if (S_ISDIR(st->st_mode)) {
		index = zip_dir_add(z, name, ZIP_FL_ENC_UTF_8);
	} else {
		zip_source_t *src = zip_source_file(z, path, 0, -1);

		index = src == NULL ? -1 : zip_file_add(z, name, src, ZIP_FL_ENC_UTF_8);
		if (src != NULL && index == -1)
			zip_source_free(src);
	}
	if (epoch != NULL && str_to_u64(epoch, 0, 4102444800u, &value))
		date = (time_t)value;
	return index >= 0 && zip_file_set_mtime(z, (zip_uint64_t)index, date, 0) == 0
	    && zip_file_set_external_attributes(z, (zip_uint64_t)index, 0, ZIP_OPSYS_UNIX, (zip_uint32_t)st->st_mode << MODE_SHIFT) == 0;
}

static int
skip_dots(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static bool
pack_folder(zip_t *z, const char *dir, const char *prefix, struct tree_limits *used, int depth, char *err, size_t errsize)
{
	struct dirent **list;
	int i, n = scandir(dir, &list, skip_dots, alphasort);
	bool ok = n >= 0 && depth <= TREE_DEPTH_MAX;

	if (!ok)
		snprintf(err, errsize, "%.300s: %s", dir, n < 0 ? strerror(errno) : "too many folders deep");
	for (i = 0; i < n; i++) {
		char path[PATH_MAX], name[PATH_MAX];
		struct stat st;

		if (ok && (!path_format(path, sizeof(path), "%s/%s", dir, list[i]->d_name)
		    || !path_format(name, sizeof(name), "%s%s", prefix, list[i]->d_name) || lstat(path, &st) == -1)) {
			snprintf(err, errsize, "%.300s/%.200s: %s", dir, list[i]->d_name, strerror(errno));
			ok = false;
		} else if (ok && !S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) {
			snprintf(err, errsize, "%.300s: expected a plain file or a folder", path);
			ok = false;
		} else if (ok && (++used->entries > TREE_ENTRIES_MAX || (used->bytes += S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0)
		    > TREE_BYTES_MAX)) {
			snprintf(err, errsize, "%.300s: more than %d files or 256 MiB", dir, TREE_ENTRIES_MAX);
			ok = false;
		} else if (ok && !add_entry(z, path, name, &st)) {
			snprintf(err, errsize, "%.300s: %s", path, zip_strerror(z));
			ok = false;
		} else if (ok && S_ISDIR(st.st_mode)) {
			ok = strlen(name) + 2 < sizeof(name) && (strcat(name, "/"), true)
			    && pack_folder(z, path, name, used, depth + 1, err, errsize);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	return ok;
}

/* The traditional method, which every unzip program opens: the password of a snapshot is public, so nothing depends on its strength */
static bool
encrypt_all(zip_t *z, const char *password)
{
	zip_int64_t i, n = zip_get_num_entries(z, 0);

	for (i = 0; i < n; i++)
		if (zip_file_set_encryption(z, (zip_uint64_t)i, ZIP_EM_TRAD_PKWARE, password) == -1)
			return false;
	return true;
}

static bool
close_packed(zip_t *z, const char *password)
{
	mode_t before;
	bool ok;

	if (password == NULL)
		return zip_close(z) == 0;
	before = umask(0077);
	ok = encrypt_all(z, password) && zip_close(z) == 0;
	umask(before);
	return ok;
}

bool
zip_pack(const char *dir, const char *file, const char *password, char *err, size_t errsize)
{
	struct tree_limits used = { 0, 0 };
	char tmp[PATH_MAX];
	zip_t *z;

	if (!path_format(tmp, sizeof(tmp), "%s.new-%d", file, (int)getpid())) {
		snprintf(err, errsize, "the name is too long");
		return false;
	}
	z = open_zip(tmp, ZIP_CREATE | ZIP_TRUNCATE, err, errsize);
	if (z == NULL)
		return false;
	if (!pack_folder(z, dir, "", &used, 0, err, errsize)) {
		zip_discard(z);
		return false;
	}
	if (!close_packed(z, password)) {
		snprintf(err, errsize, "%.300s: %s", file, zip_strerror(z));
		zip_discard(z);
		return false;
	}
	if (rename(tmp, file) == -1) {
		snprintf(err, errsize, "%.300s: %s", file, strerror(errno));
		unlink(tmp);
		return false;
	}
	return true;
}

/* ---- a few small members by name ---- */

bool
zip_read_members(const char *file, struct zip_member *m, int n, size_t max, char *err, size_t errsize)
{
	zip_t *z = open_zip(file, ZIP_RDONLY, err, errsize);
	bool ok = z != NULL;
	int i;

	for (i = 0; i < n; i++)
		m[i].data = NULL;
	for (i = 0; ok && i < n; i++) {
		zip_int64_t index = zip_name_locate(z, m[i].name, 0), got;
		zip_file_t *f;

		if (index == -1)
			continue;
		f = zip_fopen_index(z, (zip_uint64_t)index, 0);
		m[i].data = malloc(max + 2);
		got = f == NULL || m[i].data == NULL ? -1 : zip_fread(f, m[i].data, max + 1);
		if (got < 0 || (size_t)got > max) {
			snprintf(err, errsize, "%.300s: %s: %s", file, m[i].name, got < 0 ? "cannot be read" : "too long");
			ok = false;
		} else {
			m[i].data[got] = '\0';
			m[i].len = (size_t)got;
		}
		if (f != NULL)
			zip_fclose(f);
	}
	if (z != NULL)
		zip_discard(z);
	for (i = 0; !ok && i < n; i++) {
		free(m[i].data);
		m[i].data = NULL;
	}
	return ok;
}

bool
zip_write_members(const char *file, const struct zip_member *m, int n, char *err, size_t errsize)
{
	mode_t before = umask(0077);	/* the cluster's key is in it: nobody else reads it, at no moment */
	bool ok = true;
	char tmp[PATH_MAX];
	zip_t *z = NULL;
	int i;

	ok = path_format(tmp, sizeof(tmp), "%s.new-%d", file, (int)getpid());
	if (ok)
		z = open_zip(tmp, ZIP_CREATE | ZIP_TRUNCATE, err, errsize);
	ok = z != NULL;
	for (i = 0; ok && i < n; i++) {
		zip_source_t *src = zip_source_buffer(z, m[i].data, m[i].len, 0);

		ok = src != NULL && zip_file_add(z, m[i].name, src, 0) >= 0;
	}
	if (z != NULL && (!ok || zip_close(z) == -1)) {
		snprintf(err, errsize, "%.300s: %s", file, zip_strerror(z));
		zip_discard(z);
		ok = false;
	}
	umask(before);
	if (ok && (chmod(tmp, 0600) == -1 || rename(tmp, file) == -1)) {
		snprintf(err, errsize, "%.300s: %s", file, strerror(errno));
		unlink(tmp);
		ok = false;
	}
	return ok;
}
