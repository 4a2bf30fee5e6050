/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keeper_mount.c: links, FUSE mounts and bind mounts at the places of the replicated folders.  See keeper_mount.h. */
#include "config.h"
#include "conf/folder.h"
#include "rfs/apart.h"
#include "rfs/keeper_mount.h"
#include "rfs/serve.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STACKED_MAX	16	/* mounts on one place that are taken away (ours) */
#define PROCS_MAX	4096	/* looked at for who uses a mount (ours) */
#define FDS_MAX		512	/* of each */
#define USERS_MAX	5	/* told */

static void say(struct mount_job *j, enum message key, const char *fmt, ...) PRINTFLIKE(3, 4);
static bool wrong(struct mount_job *j, const char *fmt, ...) PRINTFLIKE(2, 3);

static void
say(struct mount_job *j, enum message key, const char *fmt, ...)
{
	va_list ap;

	if (j->said == MOUNT_SAID)
		return;
	j->say[j->said].key = key;
	va_start(ap, fmt);
	vsnprintf(j->say[j->said++].text, SK_TEXT_MAX, fmt, ap);
	va_end(ap);
}

static bool
wrong(struct mount_job *j, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(j->why, sizeof(j->why), fmt, ap);
	va_end(ap);
	return false;
}

/* ---- the job ---- */

static bool
copy_list(struct mount_dir *d, const struct conf_replicated *r)
{
	int i;

	d->tocheck = r->tocheck_count > 0 ? calloc((size_t)r->tocheck_count, sizeof(*d->tocheck)) : NULL;
	if (d->tocheck == NULL)
		return r->tocheck_count == 0;
	for (i = 0; i < r->tocheck_count; i++, d->tocheck_count++)
		if ((d->tocheck[i] = strdup(r->tocheck[i])) == NULL)
			return false;
	return true;
}

bool
mount_job_fill(struct mount_job *j, const char *module, const struct conf_rfs *rfs)
{
	int i;

	memset(j, 0, sizeof(*j));
	snprintf(j->source, sizeof(j->source), "safekit:%s", module);
	for (i = 0; i < RFS_DIRS_MAX; i++)
		j->fuse_fd[i] = -1;
	for (i = 0; i < rfs->dirs_count && i < RFS_DIRS_MAX; i++) {
		struct mount_dir *d = &j->d[i];

		j->dirs++;
		d->read_only = rfs->dirs[i].read_only;
		if (!str_copy(d->dir, sizeof(d->dir), rfs->dirs[i].dir) ||
		    !path_format(d->backing, sizeof(d->backing), "%s%s", d->dir, rfs->suffix) || !copy_list(d, &rfs->dirs[i]))
			return false;
	}
	return true;
}

void
mount_job_free(struct mount_job *j)
{
	int i, k;

	for (i = 0; i < j->dirs; i++) {
		for (k = 0; k < j->d[i].tocheck_count; k++)
			free(j->d[i].tocheck[k]);
		free(j->d[i].tocheck);
		if (j->fuse_fd[i] != -1)
			close(j->fuse_fd[i]);
	}
}

/* ---- the table of mounts ---- */

/* \040 and the like of /proc/self/mountinfo, in place */
static void
unescape(char *s)
{
	char *out = s;

	while (*s != '\0')
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && isdigit((unsigned char)s[2]) && isdigit((unsigned char)s[3])) {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	*out = '\0';
}

/* How many mounts stand on the place; of the last: its device and whether it is FUSE */
static int
mounted_on(const char *place, char device[32], bool *fuse)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *save, *at, *dev, *dash;
	size_t room = 0;
	int n = 0;

	if (f == NULL)
		return 0;
	while (getline(&line, &room, f) > 0) {
		dash = strstr(line, " - ");
		if (strtok_r(line, " ", &save) == NULL || strtok_r(NULL, " ", &save) == NULL || (dev = strtok_r(NULL, " ", &save)) == NULL ||
		    strtok_r(NULL, " ", &save) == NULL || (at = strtok_r(NULL, " ", &save)) == NULL)
			continue;
		unescape(at);
		if (strcmp(at, place) != 0)
			continue;
		n++;
		snprintf(device, 32, "%s", dev);
		*fuse = dash != NULL && strncmp(dash + 3, "fuse", 4) == 0;
	}
	free(line);
	fclose(f);
	return n;
}

/* ---- who uses it ---- */

static bool
link_in(const char *path, const char *place)
{
	char to[PATH_MAX];
	size_t n = strlen(place);
	ssize_t got = readlink(path, to, sizeof(to) - 1);

	if (got <= 0)
		return false;
	to[got] = '\0';
	return strncmp(to, place, n) == 0 && (to[n] == '\0' || to[n] == '/');
}

static bool
uses(const char *pid, const char *place)
{
	char path[PATH_MAX];
	struct dirent *e;
	int left = FDS_MAX;
	bool found = false;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%s/cwd", pid);
	if (link_in(path, place))
		return true;
	snprintf(path, sizeof(path), "/proc/%s/root", pid);
	if (link_in(path, place))
		return true;
	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	fds = opendir(path);
	while (fds != NULL && !found && left-- > 0 && (e = readdir(fds)) != NULL) {
		snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, e->d_name);
		found = link_in(path, place);
	}
	if (fds != NULL)
		closedir(fds);
	return found;
}

/* "sh (4711), vi (4712)", best effort */
static void
users_of(const char *place, char *text, size_t size)
{
	DIR *proc = opendir("/proc");
	int left = PROCS_MAX, told = 0;
	struct dirent *e;
	char path[PATH_MAX], *name;
	size_t n = 0;

	text[0] = '\0';
	while (proc != NULL && left-- > 0 && told < USERS_MAX && n < size && (e = readdir(proc)) != NULL) {
		if (!isdigit((unsigned char)e->d_name[0]) || !uses(e->d_name, place))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		if (path_read(path, &name, 256) < 0)
			continue;
		name[strcspn(name, "\n")] = '\0';
		n += (size_t)snprintf(text + n, size - n, "%s%s (%s)", told > 0 ? ", " : "", name, e->d_name);
		told++;
		free(name);
	}
	if (proc != NULL)
		closedir(proc);
	if (text[0] == '\0')
		str_copy(text, size, "nobody known");
	str_make_utf8(text);
}

/* ---- taking away ---- */

static void
flush_mount(struct mount_job *j, const struct mount_dir *d)
{
	int err = apart(apart_sync, d->dir);

	if (err != 0)
		say(j, MSG_RFS_ERROR, "Replicated directory %s: %s", d->dir, strerror(err));
}

static int
unmount(const char *path)
{
	return umount2(path, UMOUNT_NOFOLLOW) == -1 ? errno : 0;
}

static int
detach(const char *path)
{
	return umount2(path, UMOUNT_NOFOLLOW | MNT_DETACH) == -1 ? errno : 0;
}

static bool
take_mounts(struct mount_job *j, const struct mount_dir *d)
{
	char device[32], users[256];
	bool fuse;
	int left = STACKED_MAX, err;

	while (mounted_on(d->dir, device, &fuse) > 0 && left-- > 0) {
		if (fuse && j->flush)
			flush_mount(j, d);
		else if (fuse && !j->served)
			say(j, MSG_RFS_ERROR, "Replicated directory %s: mounted still by a former life: unmounted", d->dir);
		err = apart(unmount, d->dir);	/* it may write to what it unmounts */
		if (err == 0)
			continue;
		if (err != EBUSY)
			return wrong(j, "%s: umount: %s", d->dir, strerror(err));
		users_of(d->dir, users, sizeof(users));
		say(j, MSG_RFS_ERROR, "Replicated directory %s: unmounted while it is used by %s", d->dir, users);
		err = apart(detach, d->dir);
		if (err != 0)
			return wrong(j, "%s: umount: %s", d->dir, strerror(err));
	}
	return true;
}

/* The steps are folder.h's: at one instant, on the disk, from whatever a lost power has left.  Nothing is mounted there any more. */
static bool
to_link(struct mount_job *j, const struct mount_dir *d)
{
	const char *suffix = d->backing + strlen(d->dir);
	char err[SK_TEXT_MAX];
	struct stat st;

	if (!take_mounts(j, d))
		return false;
	switch (folder_look(d->dir, suffix, err, sizeof(err))) {
	case FOLDER_OPEN:
	case FOLDER_HALF:
		return folder_link(d->dir, suffix, err, sizeof(err)) || wrong(j, "%s", err);
	case FOLDER_MOUNTED:
		return wrong(j, "%s: something is mounted there: expected nothing", d->dir);
	case FOLDER_WRONG:
		if (lstat(d->dir, &st) == 0 && S_ISLNK(st.st_mode))
			return true;	/* somebody else's link: left alone */
		return wrong(j, "%s", err);
	default:
		return true;	/* linked; a folder that was never prepared for replication; deconfigured */
	}
}

/* ---- making ---- */

/* A folder without anything in it at the place where the link was */
static bool
place_folder(struct mount_job *j, const struct mount_dir *d)
{
	char err[SK_TEXT_MAX];

	return folder_open(d->dir, d->backing + strlen(d->dir), err, sizeof(err)) || wrong(j, "%s", err);
}

static unsigned long
flags_of(const char *backing)
{
	struct statvfs v;
	unsigned long flags = 0;

	if (statvfs(backing, &v) == -1)
		return 0;
	flags |= (v.f_flag & ST_NOSUID) != 0 ? MS_NOSUID : 0;
	flags |= (v.f_flag & ST_NODEV) != 0 ? MS_NODEV : 0;
	flags |= (v.f_flag & ST_NOEXEC) != 0 ? MS_NOEXEC : 0;
	flags |= (v.f_flag & ST_RDONLY) != 0 ? MS_RDONLY : 0;
	return flags;
}

static bool
mount_fuse(struct mount_job *j, int i)
{
	const struct mount_dir *d = &j->d[i];
	char options[256];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC), rc;

	if (fd == -1)
		return wrong(j, "/dev/fuse: %s", strerror(errno));
	snprintf(options, sizeof(options), SERVE_MOUNT_OPTIONS, fd);
	if (mount(j->source, d->dir, "fuse.safekit", flags_of(d->backing), options) == -1) {
		wrong(j, "%s: mount: %s", d->dir, strerror(errno));
		close(fd);
		return false;
	}
	rc = serve_init(fd, d->dir);
	if (rc != 0) {
		wrong(j, "%s: the kernel and this program do not agree on FUSE: %s", d->dir, strerror(-rc));
		close(fd);
		return false;
	}
	j->fuse_fd[i] = fd;
	return true;
}

static bool
mount_bind(struct mount_job *j, const struct mount_dir *d)
{
	unsigned long flags = flags_of(d->backing);

	if (mount(d->backing, d->dir, NULL, MS_BIND, NULL) == -1)
		return wrong(j, "%s: mount: %s", d->dir, strerror(errno));
	if (d->read_only && mount(NULL, d->dir, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL) == -1)
		return wrong(j, "%s: mount read-only: %s", d->dir, strerror(errno));
	return true;
}

static bool
check_backing(struct mount_job *j, const struct mount_dir *d, struct stat *st)
{
	char path[PATH_MAX];
	struct stat there;
	int i;

	if (stat(d->backing, st) == -1 || !S_ISDIR(st->st_mode))
		return wrong(j, "%s: expected this folder (is the module configured here?)", d->backing);
	for (i = 0; i < d->tocheck_count; i++)
		if (!path_format(path, sizeof(path), "%s/%s", d->backing, d->tocheck[i]) || lstat(path, &there) == -1)
			return wrong(j, "%s: %s is not there (tocheck): is the file system of %s mounted?", d->dir, d->tocheck[i], d->backing);
	return true;
}

static bool
to_mount(struct mount_job *j, int i)
{
	const struct mount_dir *d = &j->d[i];
	struct stat st;

	return check_backing(j, d, &st) && place_folder(j, d) && (j->to == MOUNT_FUSE ? mount_fuse(j, i) : mount_bind(j, d));
}

static void
undo(struct mount_job *j)
{
	char why[SK_TEXT_MAX];
	int i;

	memcpy(why, j->why, sizeof(why));
	j->flush = false;
	for (i = 0; i < j->dirs; i++) {
		char device[32];
		bool fuse;

		if (j->fuse_fd[i] != -1)
			close(j->fuse_fd[i]);
		j->fuse_fd[i] = -1;
		while (mounted_on(j->d[i].dir, device, &fuse) > 0 && umount2(j->d[i].dir, UMOUNT_NOFOLLOW | MNT_DETACH) == 0)
			;
		(void)to_link(j, &j->d[i]);
	}
	memcpy(j->why, why, sizeof(why));
}

void
mount_job_run(struct mount_job *j)
{
	struct stat st;
	bool ok = true;
	int i;

	j->why[0] = '\0';
	if (j->to == MOUNT_LINK) {
		for (i = 0; i < j->dirs; i++)
			ok = to_link(j, &j->d[i]) && ok;	/* one that stays busy keeps no other */
		return;
	}
	for (i = 0; i < j->dirs && ok; i++)
		ok = check_backing(j, &j->d[i], &st);
	for (i = 0; i < j->dirs && ok; i++)
		ok = take_mounts(j, &j->d[i]);
	for (i = 0; i < j->dirs && ok; i++)
		ok = to_mount(j, i);
	if (!ok)
		undo(j);
}
