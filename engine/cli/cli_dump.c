/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_dump.c: safekit dump and safekit snapshot: everything that is needed to understand a failure, in one folder, in one file (UG 9.7).
 * Owns SAFEVAR/snapshot/modules/AM/dump_*.  Decides nothing; asks the engine by running this program, so that a dump shows what an
 * administrator would see, and a part that hangs costs that part only.
 *
 * No key and no password is in it: keys are not copied, the rest goes through redact.c, on its way into the file.
 */
#include "config.h"
#include "cli/cli.h"
#include "cli/dump.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES	(1u << 20)	/* of a file of a configuration (ours) */
#define OUTPUT_BYTES	(256u << 10)	/* last bytes of an output of a script (ours) */
#define OUTPUTS_MAX	40		/* newest outputs of scripts (ours) */
#define DEPTH_MAX	TREE_DEPTH_MAX

/* ---- files of a dump ---- */

/* One line of README */
void
dump_note(struct dump *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(d->readme, fmt, ap);
	va_end(ap);
	fputc('\n', d->readme);
}

void
dump_put(struct dump *d, const char *name, const char *text, size_t len, bool structured)
{
	unsigned before = d->redact.hidden;
	char file[PATH_MAX], *one = structured ? redact_text(&d->redact, text, len) : NULL, *two, *slash;

	two = structured && one == NULL ? NULL : redact_known(&d->redact, one != NULL ? one : text, one != NULL ? strlen(one) : len);
	if (two == NULL || !path_format(file, sizeof(file), "%s/%s", d->dir, name)) {
		dump_note(d, "%s: not written: out of memory", name);
	} else {
		slash = strrchr(file, '/');
		*slash = '\0';
		if (path_mkdirs(file, 0700) == -1)
			dump_note(d, "%s: %s", name, strerror(errno));
		*slash = '/';
		if (path_write_atomic(file, two, strlen(two), 0600) == -1)
			dump_note(d, "%s: %s", name, strerror(errno));
	}
	if (d->redact.hidden != before)
		dump_note(d, "%s: values that are no business of a reader are shown as ***", name);
	free(one);
	free(two);
}

/* The last max bytes of a file.  NULL: errno */
static char *
read_tail(const char *file, size_t max, size_t *len)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), saved;
	char *text = malloc(max + 1);
	ssize_t n = -1;
	struct stat st;

	if (fd != -1 && text != NULL && fstat(fd, &st) == 0) {
		errno = S_ISREG(st.st_mode) ? 0 : EINVAL;
		if (S_ISREG(st.st_mode))
			n = pread(fd, text, max, st.st_size > (off_t)max ? st.st_size - (off_t)max : 0);
	}
	saved = errno;
	if (fd != -1)
		close(fd);
	if (n < 0) {
		free(text);
		errno = saved;
		return NULL;
	}
	text[n] = '\0';
	*len = (size_t)n;
	return text;
}

static void
copy_tail(struct dump *d, const char *file, const char *name, size_t max, bool structured)
{
	size_t len, i;
	char *text = read_tail(file, max, &len);

	if (text == NULL) {
		if (errno != ENOENT)
			dump_note(d, "%s: %s", file, strerror(errno));
		return;
	}
	for (i = 0; i < len; i++)
		if (text[i] == '\0')
			text[i] = '?';
	dump_put(d, name, text, len, structured);
	free(text);
}

/* ---- configurations ---- */

static bool
is_key_file(const char *text, size_t len)
{
	return memmem(text, len, "PRIVATE KEY-----", strlen("PRIVATE KEY-----")) != NULL;
}

/* One file of a configuration into the dump under name, or with name NULL only what is secret in it */
static void
take_file(struct dump *d, const char *file, const char *name)
{
	size_t len = 0;
	char *text = read_tail(file, FILE_BYTES, &len);
	const char *why = text == NULL ? strerror(errno) : memchr(text, '\0', len) != NULL ? "is not a text"
	    : is_key_file(text, len) ? "holds a private key" : len == FILE_BYTES ? "is too long" : NULL;

	if (name == NULL && text != NULL && memchr(text, '\0', len) == NULL)
		free(redact_text(&d->redact, text, len));
	else if (name != NULL && why != NULL)
		dump_note(d, "%s: left out: it %s", name, why);
	else if (name != NULL)
		dump_put(d, name, text, len, true);
	free(text);
}

static void
take_folder(struct dump *d, const char *dir, const char *name, int depth)
{
	char path[PATH_MAX], sub[PATH_MAX];
	struct dirent *e;
	struct stat st;
	DIR *dp = depth > DEPTH_MAX ? NULL : opendir(dir);

	while (dp != NULL && (e = readdir(dp)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || strcmp(e->d_name, MODULE_KEY) == 0)
			continue;
		if (!path_format(path, sizeof(path), "%s/%s", dir, e->d_name) || lstat(path, &st) == -1
		    || (name != NULL && !path_format(sub, sizeof(sub), "%s/%s", name, e->d_name)))
			continue;
		if (S_ISDIR(st.st_mode))
			take_folder(d, path, name != NULL ? sub : NULL, depth + 1);
		else if (S_ISREG(st.st_mode))
			take_file(d, path, name != NULL ? sub : NULL);
		else if (name != NULL)
			dump_note(d, "%s: left out: it is neither a file nor a folder", sub);
	}
	if (dp != NULL)
		closedir(dp);
}

static void
remember_key(struct dump *d, const char *file)
{
	char *text;

	if (path_read(file, &text, 4096) == -1)
		return;
	text[strcspn(text, "\r\n")] = '\0';
	redact_remember(&d->redact, text, strlen(text));
	explicit_bzero(text, strlen(text));
	free(text);
}

/* Everything secret is known before the first byte is written */
static void
collect_secrets(struct dump *d)
{
	char path[PATH_MAX];

	if (path_format(path, sizeof(path), "%s/cluster/cluster.key", path_safevar()))
		remember_key(d, path);
	if (path_format(path, sizeof(path), "%s/modules/%s/" MODULE_KEY, path_safevar(), d->c->module))
		remember_key(d, path);
	if (path_format(path, sizeof(path), "%s/private/modules/%s/" MODULE_KEY, path_safe(), d->c->module))
		remember_key(d, path);
	if (module_dir(path, sizeof(path), d->c->module))
		take_folder(d, path, NULL, 0);
	if (module_private_dir(path, sizeof(path), d->c->module))
		take_folder(d, path, NULL, 0);
	if (keep_dir(path, sizeof(path), d->c->module))
		take_folder(d, path, NULL, 0);
}

static int
is_output(const struct dirent *e)
{
	return strncmp(e->d_name, "userlog_", 8) == 0;
}

/* Their names have the date first: the newest are last */
static void
copy_outputs(struct dump *d, const char *dir)
{
	char file[PATH_MAX], name[PATH_MAX];
	struct dirent **list;
	int i, n = scandir(dir, &list, is_output, alphasort);

	for (i = 0; i < n; i++) {
		if (n - i <= OUTPUTS_MAX && path_format(file, sizeof(file), "%s/%s", dir, list[i]->d_name)
		    && path_format(name, sizeof(name), "outputs/%s", list[i]->d_name))
			copy_tail(d, file, name, OUTPUT_BYTES, true);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static void
copy_files(struct dump *d)
{
	char path[PATH_MAX];

	if (module_private_dir(path, sizeof(path), d->c->module))
		take_folder(d, path, "configuration_active", 0);
	if (module_dir(path, sizeof(path), d->c->module))
		take_folder(d, path, "configuration_current", 0);
	if (path_format(path, sizeof(path), "%s/modules/%s", path_safevar(), d->c->module))
		copy_outputs(d, path);
	if (path_format(path, sizeof(path), "%s/modules/%s/heart.json", path_safevar(), d->c->module))
		copy_tail(d, path, "heart.json", FILE_BYTES, false);
	if (path_format(path, sizeof(path), "%s/modules/%s/rfs/state.json", path_safevar(), d->c->module))
		copy_tail(d, path, "rfs_state.json", FILE_BYTES, false);
	if (path_format(path, sizeof(path), "%s/modules/%s/rfs/folders.json", path_safevar(), d->c->module))
		copy_tail(d, path, "rfs_folders.json", FILE_BYTES, false);
	if (path_format(path, sizeof(path), "%s/cluster/cluster.xml", path_safevar()))
		copy_tail(d, path, "cluster/cluster.xml", FILE_BYTES, true);
	if (path_format(path, sizeof(path), "%s/cluster/state.json", path_safevar()))
		copy_tail(d, path, "cluster/state.json", FILE_BYTES, false);
	if (path_format(path, sizeof(path), "%s/commandlog", path_safevar()))
		copy_tail(d, path, "commandlog.txt", FILE_BYTES, true);
	copy_tail(d, "/etc/os-release", "system/os-release.txt", FILE_BYTES, false);
}

/* ---- a dump ---- */

static void
begin_readme(struct dump *d)
{
	char node[SK_NAME_MAX], date[40];

	fprintf(d->readme, "Dump of module %s on server %s, %s, safekit %s\n\n", d->c->module, cli_node(d->c, node),
	    clock_format(clock_wall_us(), date, sizeof(date)), PACKAGE_VERSION);
	fputs("log.txt, log.json         messages of the module, verbose\n"
	    "safeadmin.txt             messages of safeadmin\n"
	    "state.txt, state.json     the module and its resources; explain.txt: why it is in this state\n"
	    "rfs_state.json            what this server knows of its replicated data (not the map of changes); rfs_folders.json: its folders\n"
	    "cluster/                  configuration and state of the cluster, without its key\n"
	    "configuration_active/     what runs (SAFE/private/modules/AM); configuration_current/: SAFE/modules/AM\n"
	    "outputs/                  last outputs of the scripts\n"
	    "system/                   the operating system at the time of the dump\n\n"
	    "Keys are not copied. The value of every name that has pass, secret, key, token or pwd in it is shown as ***, here and\n"
	    "wherever else it appears. What is said of single files:\n\n", d->readme);
}

static bool
dump_open(struct dump *d, struct cli *c)
{
	char err[512];

	memset(d, 0, sizeof(*d));
	d->c = c;
	if (!keep_dir(d->kept, sizeof(d->kept), c->module) || !path_format(d->dir, sizeof(d->dir), "%s/.dump.new", d->kept)) {
		cli_error("the name of the folder is too long");
		return false;
	}
	if (!tree_remove(d->dir, err, sizeof(err))) {
		cli_error("%s", err);
		return false;
	}
	if (path_mkdirs(d->kept, 0700) == -1 || mkdir(d->dir, 0700) == -1) {
		warn_errno("%s", d->dir);
		return false;
	}
	d->readme = open_memstream(&d->readme_text, &d->readme_len);
	if (d->readme == NULL)
		cli_error("out of memory");
	return d->readme != NULL;
}

/* README, and the folder gets its name.  false: told */
static bool
dump_close(struct dump *d, char *name, size_t size)
{
	char file[PATH_MAX];
	bool ok = fclose(d->readme) == 0 && path_format(file, sizeof(file), "%s/README.txt", d->dir)
	    && path_write_atomic(file, d->readme_text, d->readme_len, 0600) == 0;

	if (!ok)
		warn_errno("%s/README.txt", d->dir);
	free(d->readme_text);
	return ok && keep_rename(d->kept, d->dir, "dump_", name, size);
}

static bool
make_dump(struct cli *c, char *name, size_t size)
{
	char dir[PATH_MAX];
	struct stat st;
	struct dump d;
	bool ok;

	if (!module_exists(c->module) && (!module_private_dir(dir, sizeof(dir), c->module) || lstat(dir, &st) == -1)) {
		cli_error("module %s is not installed: expected one of safekit module list", c->module);
		return false;
	}
	if (!dump_open(&d, c))
		return false;
	begin_readme(&d);
	collect_secrets(&d);
	copy_files(&d);
	dump_commands(&d);
	ok = dump_close(&d, name, size);
	redact_free(&d.redact);
	if (ok)
		keep_prune(d.kept, "dump_");
	return ok;
}

int
do_dump(struct cli *c)
{
	int lock = tree_lock(), status = EXIT_FAILED;
	char name[PATH_MAX];

	if (lock == -1)
		return EXIT_FAILED;
	if (make_dump(c, name, sizeof(name))) {
		puts(name);
		status = EXIT_DONE;
	}
	close(lock);
	return status;
}

/* ---- snapshot: the last dumps and configurations in one file ---- */

/* Configurations are kept as they are, for module restore: they lose their secrets here */
static bool
gather(struct dump *d, char *err, size_t errsize)
{
	char from[PATH_MAX], to[PATH_MAX], **names;
	int i, n = tree_names(d->kept, &names);
	bool ok = n != -1;

	if (!ok)
		snprintf(err, errsize, "%.400s: %s", d->kept, strerror(errno));
	for (i = 0; ok && i < n; i++) {
		if (!path_format(from, sizeof(from), "%s/%s", d->kept, names[i]) || !path_format(to, sizeof(to), "%s/%s", d->dir, names[i]))
			continue;
		if (strncmp(names[i], "dump_", 5) == 0)
			ok = tree_copy(from, to, err, errsize);
		else if (strncmp(names[i], "config_", 7) == 0)
			take_folder(d, from, names[i], 0);
	}
	if (n != -1)
		tree_names_free(names, n);
	return ok;
}

static bool
make_snapshot(struct cli *c, const char *file)
{
	char name[PATH_MAX], readme[PATH_MAX], err[1024], ignored[512];
	struct dump d;
	bool ok;

	if (!make_dump(c, name, sizeof(name)) || !dump_open(&d, c))
		return false;
	fprintf(d.readme, "Snapshot of module %s: its last dumps and configurations. Begin with README.txt of the last dump.\n\n", c->module);
	collect_secrets(&d);
	ok = gather(&d, err, sizeof(err));
	if (fclose(d.readme) != 0 || !path_format(readme, sizeof(readme), "%s/README.txt", d.dir)
	    || path_write_atomic(readme, d.readme_text, d.readme_len, 0600) == -1)
		warn_errno("%s/README.txt", d.dir);
	free(d.readme_text);
	redact_free(&d.redact);
	ok = ok && zip_pack(d.dir, file, SNAPSHOT_PASSWORD, err, sizeof(err));
	if (!ok)
		cli_error("%s", err);
	tree_remove(d.dir, ignored, sizeof(ignored));
	return ok;
}

int
do_snapshot(struct cli *c)
{
	const char *file = c->words[0];
	int lock, status;

	if (file[0] != '/') {
		cli_error("safekit snapshot: expected an absolute path, as in /tmp/snapshot_%s.zip, not \"%s\"", c->module, file);
		return EXIT_TYPING;
	}
	if ((lock = tree_lock()) == -1)
		return EXIT_FAILED;
	status = make_snapshot(c, file) ? EXIT_DONE : EXIT_FAILED;
	close(lock);
	if (status == EXIT_DONE)
		cli_note("The file is protected with the password \"" SNAPSHOT_PASSWORD "\", so that mail servers let it pass");
	return status;
}
