/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * procs.c: reads /proc: stat (name, parent, state, birth), cmdline, and for long names the exe link.  Two opens per process; a process
 * that goes away between them is left out.
 */
#include "config.h"
#include "base/procs.h"

#include <sys/pidfd.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMM_CUT	15		/* bytes of a command name that the kernel keeps (TASK_COMM_LEN - 1) */
#define DELETED		" (deleted)"	/* behind an exe whose file was replaced, as an upgrade does */
#define KERNEL_THREAD	0x00200000ul	/* PF_KTHREAD of the flags in stat */

/* Whose argv[1] is what users call the process.  The rest of a name may be a version: python3.11 */
static const char *const interpreters[] = { "sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "python", "perl", "ruby", "php", "node",
	"tclsh", "lua" };

static ssize_t
read_at(int dir, const char *file, char *buf, size_t size)
{
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	size_t at = 0;
	ssize_t n = 0;

	if (fd == -1)
		return -1;
	while (at < size - 1 && (n = read(fd, buf + at, size - 1 - at)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			break;
		at += (size_t)n;
	}
	close(fd);
	buf[at] = '\0';
	return n == -1 ? -1 : (ssize_t)at;
}

struct stat_line { pid_t ppid; char state; unsigned long flags; uint64_t start; const char *comm; };

/* "pid (name) S ppid ...": the name may hold anything, blanks and brackets too: it ends with the last bracket.  Cuts text there. */
static bool
parse_stat(char *text, struct stat_line *s)
{
	char *open = strchr(text, '('), *close = strrchr(text, ')');
	unsigned long long start;
	int ppid;

	if (open == NULL || close == NULL || close < open || sscanf(close + 1, " %c %d %*d %*d %*d %*d %lu %*u %*u %*u %*u %*u %*u %*d %*d"
	    " %*d %*d %*d %*d %llu", &s->state, &ppid, &s->flags, &start) != 4)
		return false;
	*close = '\0';
	s->comm = open + 1;
	s->ppid = ppid;
	s->start = start;
	return true;
}

static bool
lives(const struct stat_line *s)
{
	return s->state != 'Z' && s->state != 'X' && s->state != 'x' && !(s->flags & KERNEL_THREAD);
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static bool
is_interpreter(const char *name)
{
	size_t i, n;

	for (i = 0; i < ARRAY_LEN(interpreters); i++) {
		n = strlen(interpreters[i]);
		if (strncmp(name, interpreters[i], n) == 0 && strspn(name + n, "0123456789.") == strlen(name + n))
			return true;
	}
	return false;
}

/* name becomes word's base name when that is what the kernel cut */
static bool
completes(struct proc *p, const char *word)
{
	const char *base = base_name(word);

	if (strncmp(base, p->comm, COMM_CUT) != 0 || strlen(base) >= sizeof(p->name))
		return false;
	str_copy(p->name, sizeof(p->name), base);
	return true;
}

/* argv: of the cmdline file, n bytes, still with its NULs */
static void
take_names(struct proc *p, int dir, const char *argv, size_t n)
{
	const char *word[3] = { "", "", "" };
	char exe[4096], file[32];
	size_t at = 0;
	ssize_t len;
	int i;

	for (i = 0; i < 3 && at < n; i++) {
		word[i] = argv + at;
		at += strlen(argv + at) + 1;
	}
	p->script[0] = '\0';
	if (is_interpreter(p->comm) && word[1][0] != '-')
		str_copy(p->script, sizeof(p->script), base_name(word[1]));
	str_copy(p->name, sizeof(p->name), p->comm);
	if (strlen(p->comm) != COMM_CUT)
		return;
	for (i = 0; i < 3; i++)
		if (completes(p, word[i]))
			return;
	snprintf(file, sizeof(file), "%d/exe", (int)p->pid);
	len = readlinkat(dir, file, exe, sizeof(exe) - 1);
	if (len > 0) {
		if (len > (ssize_t)strlen(DELETED) && memcmp(exe + len - strlen(DELETED), DELETED, strlen(DELETED)) == 0)
			len -= (ssize_t)strlen(DELETED);
		exe[len] = '\0';
		completes(p, exe);
	}
}

/* NULs between the arguments become blanks, those at the end go */
static void
join(char *args, size_t n, const char *name)
{
	size_t i;

	while (n > 0 && args[n - 1] == '\0')
		n--;
	for (i = 0; i < n; i++)
		if (args[i] == '\0')
			args[i] = ' ';
	args[n] = '\0';
	if (n == 0)
		str_copy(args, PROC_ARGS_MAX, name);
}

/* false: not a process that counts */
static bool
read_proc(int dir, pid_t pid, struct proc *p, char *args)
{
	char file[32], stat[1024];
	struct stat_line s;
	ssize_t n;

	snprintf(file, sizeof(file), "%d/stat", (int)pid);
	if (read_at(dir, file, stat, sizeof(stat)) <= 0 || !parse_stat(stat, &s) || !lives(&s))
		return false;
	p->pid = pid;
	p->ppid = s.ppid;
	p->start = s.start;
	str_copy(p->comm, sizeof(p->comm), s.comm);
	snprintf(file, sizeof(file), "%d/cmdline", (int)pid);
	n = read_at(dir, file, args, PROC_ARGS_MAX);
	if (n == -1)
		return false;
	take_names(p, dir, args, (size_t)n);
	join(args, (size_t)n, p->name);
	p->args = args;
	return true;
}

int
procs_scan(const char *root, bool (*visit)(void *ctx, const struct proc *p), void *ctx)
{
	DIR *dp = opendir(root != NULL ? root : "/proc");
	char *args = malloc(PROC_ARGS_MAX);
	struct dirent *d;
	struct proc p;
	uint64_t pid;
	int saved;

	if (dp != NULL && args != NULL)
		while ((d = readdir(dp)) != NULL)
			if (str_to_u64(d->d_name, 1, INT32_MAX, &pid) && read_proc(dirfd(dp), (pid_t)pid, &p, args) && !visit(ctx, &p))
				break;
	saved = dp == NULL ? errno : ENOMEM;
	if (dp != NULL)
		closedir(dp);
	free(args);
	errno = saved;
	return dp != NULL && args != NULL ? 0 : -1;
}

bool
proc_is(const struct proc *p, const char *name)
{
	return strcmp(p->name, name) == 0 || strcmp(p->comm, name) == 0 || (p->script[0] != '\0' && strcmp(p->script, name) == 0);
}

bool
proc_name_matches(const struct proc *p, const regex_t *re)
{
	return regexec(re, p->name, 0, NULL, 0) == 0 || (p->script[0] != '\0' && regexec(re, p->script, 0, NULL, 0) == 0);
}

int
proc_start(pid_t pid, uint64_t *start)
{
	char file[32], text[1024];
	struct stat_line s;

	snprintf(file, sizeof(file), "/proc/%d/stat", (int)pid);
	if (read_at(AT_FDCWD, file, text, sizeof(text)) <= 0 || !parse_stat(text, &s) || !lives(&s)) {
		errno = ESRCH;
		return -1;
	}
	*start = s.start;
	return 0;
}

/* The descriptor first, then the look whether it is still the same one: the other way round it could end in between */
int
proc_open(pid_t pid, uint64_t start)
{
	int fd = pidfd_open(pid, 0);
	uint64_t now;

	if (fd == -1 || (proc_start(pid, &now) == 0 && now == start))
		return fd;
	close(fd);
	errno = ESRCH;
	return -1;
}
