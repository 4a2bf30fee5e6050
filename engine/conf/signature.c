/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * signature.c: what makes two configurations the same.  Owns: the order and framing of what is hashed (SHA-256).
 * Called by: xml.c, the CLI (config).  Never does: follow a link out of the module's directory, read more than is accepted.
 *
 * A module's signature is the hash of these records: 'X' + hash of the canonical userconfig.xml, before macros, since a variable of
 * the environment may differ between servers that share a configuration; then for each file under bin/, sorted by name in byte
 * order: 'F' or 'L' (link), the name below bin/ with its NUL, 'x' or '-' (may the owner run it), hash of the content or of the
 * link's target.  Folders count by what is in them.
 */
#include "config.h"
#include "conf/xml.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <libxml/c14n.h>
#include <openssl/evp.h>

#define BIN_BYTES_MAX	(64u << 20)	/* content of bin/ (ours) */
#define BIN_FILES_MAX	4096		/* files and folders (ours) */
#define BIN_DEPTH_MAX	16		/* folders in folders (ours) */
#define DIGEST		32

struct bin_file { char *name; uint8_t record[2 + DIGEST]; };	/* kind, x or -, hash */
struct bin {
	char		 top[PATH_MAX];	/* real path of bin/ */
	struct bin_file	*files;
	size_t		 count, room, seen;
	uint64_t	 bytes;
};

bool
conf_xml_signature(xmlDoc *doc, char out[65])
{
	xmlChar *canonical = NULL;
	uint8_t digest[DIGEST];
	int len = xmlC14NDocDumpMemory(doc, NULL, XML_C14N_1_0, NULL, 0, &canonical);
	bool ok = len >= 0 && EVP_Digest(canonical, (size_t)len, digest, NULL, EVP_sha256(), NULL) == 1;

	xmlFree(canonical);
	if (ok)
		str_to_hex(digest, DIGEST, out);
	return ok;
}

/* Without: attributes and child tags that do not count. */
bool
conf_node_signature(const struct conf_doc *d, xmlNode *node, const char *const *without, size_t count, char out[65])
{
	xmlDoc *doc = xmlNewDoc((const xmlChar *)"1.0");
	xmlNode *copy = doc != NULL ? xmlDocCopyNode(node, doc, 1) : NULL, *child;
	bool ok = false;
	size_t i;

	if (copy != NULL) {
		xmlDocSetRootElement(doc, copy);
		for (i = 0; i < count; i++) {
			xmlUnsetProp(copy, (const xmlChar *)without[i]);
			while ((child = conf_xml_child(copy, without[i])) != NULL) {
				xmlUnlinkNode(child);
				xmlFreeNode(child);
			}
		}
		ok = conf_xml_signature(doc, out);
	}
	if (!ok)
		conf_say(d, 'E', node, "no memory to sign <%s>", node->name);
	xmlFreeDoc(doc);
	return ok;
}

static int
hash_file(int dir, const char *name, struct bin *b, struct bin_file *f)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), rc = -1, saved;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	char *buf = malloc(65536);
	struct stat st;
	ssize_t n;

	if (fd == -1 || fstat(fd, &st) == -1)
		goto out;
	errno = ENOMEM;
	if (buf == NULL || md == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
		goto out;
	errno = EINVAL;
	if (!S_ISREG(st.st_mode))
		goto out;
	while ((n = read(fd, buf, 65536)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			goto out;
		b->bytes += (uint64_t)n;
		errno = EFBIG;
		if (b->bytes > BIN_BYTES_MAX)
			goto out;
		EVP_DigestUpdate(md, buf, (size_t)n);
	}
	f->record[0] = 'F';
	f->record[1] = (st.st_mode & S_IXUSR) != 0 ? 'x' : '-';
	errno = EIO;
	if (EVP_DigestFinal_ex(md, f->record + 2, NULL) == 1)
		rc = 0;
out:
	saved = errno;
	if (fd != -1)
		close(fd);
	EVP_MD_CTX_free(md);
	free(buf);
	errno = saved;
	return rc;
}

/* A link counts by its text, and must lead to something below bin/. */
static int
hash_link(int dir, const char *name, const char *path, struct bin *b, struct bin_file *f)
{
	char target[PATH_MAX], real[PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target));
	size_t top = strlen(b->top);

	if (n == -1 || realpath(path, real) == NULL)
		return -1;
	if (n == (ssize_t)sizeof(target) || strncmp(real, b->top, top) != 0 || real[top] != '/') {
		errno = ELOOP;
		return -1;
	}
	f->record[0] = 'L';
	f->record[1] = '-';
	if (EVP_Digest(target, (size_t)n, f->record + 2, NULL, EVP_sha256(), NULL) != 1) {
		errno = EIO;
		return -1;
	}
	return 0;
}

static struct bin_file *
add_file(struct bin *b, const char *name)
{
	struct bin_file *more;

	if (b->count == b->room) {
		size_t room = b->room > 0 ? b->room * 2 : 64;

		more = reallocarray(b->files, room, sizeof(*more));
		if (more == NULL)
			return NULL;
		b->files = more;
		b->room = room;
	}
	b->files[b->count].name = strdup(name);
	return b->files[b->count].name != NULL ? &b->files[b->count++] : NULL;
}

static int walk_bin(struct bin *b, int parent, const char *name, const char *below, int depth);

static int
hash_entry(struct bin *b, DIR *dir, const char *name, const char *below, int depth)
{
	char rel[PATH_MAX], path[PATH_MAX];
	struct bin_file *f;
	struct stat st;

	if (!path_format(rel, sizeof(rel), "%s%s%s", below, below[0] != '\0' ? "/" : "", name) ||
	    !path_format(path, sizeof(path), "%s/%s", b->top, rel)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (++b->seen > BIN_FILES_MAX) {
		errno = EFBIG;
		return -1;
	}
	if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	if (S_ISDIR(st.st_mode))
		return walk_bin(b, dirfd(dir), name, rel, depth + 1);
	f = add_file(b, rel);
	if (f == NULL)
		return -1;
	return S_ISLNK(st.st_mode) ? hash_link(dirfd(dir), name, path, b, f) : hash_file(dirfd(dir), name, b, f);
}

static int
walk_bin(struct bin *b, int parent, const char *name, const char *below, int depth)
{
	int rc = 0, saved, fd;
	struct dirent *e;
	DIR *dir;

	if (depth > BIN_DEPTH_MAX) {
		errno = ELOOP;
		return -1;
	}
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	dir = fdopendir(fd);
	if (dir == NULL) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	while (rc == 0) {
		errno = 0;
		e = readdir(dir);
		if (e == NULL) {
			rc = errno != 0 ? -1 : 0;
			break;
		}
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = hash_entry(b, dir, e->d_name, below, depth);
	}
	saved = errno;
	closedir(dir);
	errno = saved;
	return rc;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct bin_file *)a)->name, ((const struct bin_file *)b)->name);
}

/* Records of bin/, which a module without scripts need not have. */
static int
hash_bin(const char *module_dir, struct bin *b, EVP_MD_CTX *md)
{
	char path[PATH_MAX];
	size_t i;

	if (!path_format(path, sizeof(path), "%s/bin", module_dir)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (realpath(path, b->top) == NULL)
		return errno == ENOENT ? 0 : -1;
	if (walk_bin(b, AT_FDCWD, b->top, "", 0) == -1)
		return -1;
	if (b->count > 0)
		qsort(b->files, b->count, sizeof(b->files[0]), by_name);
	for (i = 0; i < b->count; i++) {
		EVP_DigestUpdate(md, b->files[i].record, 1);
		EVP_DigestUpdate(md, b->files[i].name, strlen(b->files[i].name) + 1);
		EVP_DigestUpdate(md, b->files[i].record + 1, 1 + DIGEST);
	}
	return 0;
}

static int
hash_userconfig(const char *module_dir, EVP_MD_CTX *md)
{
	struct conf_errors *errs;
	struct conf_doc d;
	char path[PATH_MAX], *data;
	int rc = -1;
	ssize_t n;

	if (!path_format(path, sizeof(path), "%s/conf/userconfig.xml", module_dir)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	n = path_read(path, &data, CONF_FILE_MAX);
	if (n == -1)
		return -1;
	errs = calloc(1, sizeof(*errs));
	if (errs == NULL) {
		errno = ENOMEM;
	} else if (!conf_xml_parse(&d, path, data, (size_t)n, errs)) {
		errno = EBADMSG;
	} else {
		EVP_DigestUpdate(md, "X", 1);
		EVP_DigestUpdate(md, d.signature, strlen(d.signature));
		conf_xml_free(&d);
		rc = 0;
	}
	free(errs);
	free(data);
	return rc;
}

int
conf_module_signature(const char *module_dir, char out[65])
{
	struct bin *b = calloc(1, sizeof(*b));
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t digest[DIGEST];
	int rc = -1, saved;
	size_t i;

	if (b == NULL || md == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1) {
		errno = ENOMEM;
	} else if (hash_userconfig(module_dir, md) == 0 && hash_bin(module_dir, b, md) == 0) {
		if (EVP_DigestFinal_ex(md, digest, NULL) == 1) {
			str_to_hex(digest, DIGEST, out);
			rc = 0;
		} else {
			errno = EIO;
		}
	}
	saved = errno;
	for (i = 0; b != NULL && i < b->count; i++)
		free(b->files[i].name);
	free(b != NULL ? b->files : NULL);
	free(b);
	EVP_MD_CTX_free(md);
	errno = saved;
	return rc;
}
