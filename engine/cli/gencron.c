/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gencron.c: special command of scripts (UG 14.5): gencron del|add USER all|COMMAND -c "comment": takes entries out of the crontab of a
 * user where the module does not run (stop_prim), and puts them back where it does (start_prim).
 *
 * An entry taken out is two lines: "# comment", the header, and the entry behind a "#".  Only what has its own header comes back, so two
 * modules with different comments do not touch each other's entries, nor those that somebody else commented out.  Both words may be given
 * again and again.  The crontab is read and written by the system's crontab command.
 */
#include "config.h"
#include "base/base.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CRONTAB_MAX	(1u << 20)	/* bytes of a crontab (ours) */
#define USAGE		"expected: gencron del|add USER all|COMMAND -c \"comment\""

enum { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_TYPING = 2 };

struct order { bool add; const char *user, *command, *comment; };

/* ---- lines ---- */

static const char *
skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

static const char *
skip_word(const char *p)
{
	return skip_blanks(p + strcspn(p, " \t\n"));
}

/* "NAME = value" of crontab(5), and NAME=value in front of a command */
static bool
is_assignment(const char *p)
{
	const char *name = p;

	while (isalnum((unsigned char)*p) || *p == '_')
		p++;
	return p > name && !isdigit((unsigned char)*name) && *skip_blanks(p) == '=';
}

/* The command of an entry: behind five fields of time, or one word as @reboot; NULL: not an entry */
static const char *
command_of(const char *line)
{
	const char *p = skip_blanks(line);
	int fields = *p == '@' ? 1 : 5;

	if (*p == '\0' || *p == '\n' || *p == '#' || is_assignment(p))
		return NULL;
	if (fields == 5 && strchr("0123456789*", *p) == NULL)
		return NULL;
	for (; fields > 0; fields--)
		p = skip_word(p);
	while (is_assignment(p))
		p = skip_word(p);
	return *p != '\0' && *p != '\n' ? p : NULL;
}

/* Is it an entry of that command: by its whole first word, or by the name behind the last "/" of it? */
static bool
is_meant(const char *line, const char *command)
{
	const char *p = command_of(line), *base;
	size_t n, wanted = strlen(command);

	if (p == NULL || strcmp(command, "all") == 0)
		return p != NULL;
	n = strcspn(p, " \t\n;|&<>");
	if (n == wanted && strncmp(p, command, n) == 0)
		return true;
	for (base = p + n; base > p && base[-1] != '/'; base--)
		;
	n -= (size_t)(base - p);
	return n == wanted && strncmp(base, command, n) == 0;
}

static bool
is_header(const char *line, const char *comment)
{
	size_t n = strlen(comment);

	return line[0] == '#' && line[1] == ' ' && strncmp(line + 2, comment, n) == 0 && (line[2 + n] == '\n' || line[2 + n] == '\0');
}

static const char *
next_line(const char *p)
{
	const char *end = strchr(p, '\n');

	return end != NULL ? end + 1 : p + strlen(p);
}

/* The crontab as it shall be; number of entries changed */
static unsigned
rewrite(FILE *to, const char *text, const struct order *o)
{
	unsigned changed = 0;
	const char *line, *next;

	for (line = text; *line != '\0'; line = next) {
		next = next_line(line);
		if (!o->add && is_meant(line, o->command)) {
			fprintf(to, "# %s\n#", o->comment);
			changed++;
		} else if (o->add && is_header(line, o->comment) && *next == '#' && is_meant(next + 1, o->command)) {
			line = next + 1;
			next = next_line(line);
			changed++;
		}
		fprintf(to, "%.*s", (int)(next - line), line);
		if (next > line && next[-1] != '\n')
			fputc('\n', to);	/* crontab refuses a last line without */
	}
	return changed;
}

/* ---- the crontab command ---- */

/* Runs crontab -u USER WORD with in, out, err; its exit status, or -1 (told) */
static int
crontab(const char *user, const char *word, int in, int out, int err)
{
	char *argv[] = { (char[]){ "crontab" }, (char[]){ "-u" }, (char *)(uintptr_t)user, (char *)(uintptr_t)word, NULL };
	posix_spawn_file_actions_t fa;
	int rc, status;
	pid_t pid;

	setenv("LC_ALL", "C", 1);	/* "no crontab for" in these words */
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, in, 0);
	posix_spawn_file_actions_adddup2(&fa, out, 1);
	posix_spawn_file_actions_adddup2(&fa, err, 2);
	rc = posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	if (rc != 0) {
		errno = rc;
		warn_errno("crontab");
		return -1;
	}
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int
memory_file(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd == -1)
		fatal("no memory file: %s", strerror(errno));
	return fd;
}

/* What fd holds, NUL added; caller frees */
static char *
content(int fd, const char *what)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *text;

	if (size < 0 || size > CRONTAB_MAX)
		fatal("%s: more than %u bytes", what, CRONTAB_MAX);
	text = calloc(1, (size_t)size + 1);
	if (text == NULL || pread(fd, text, (size_t)size, 0) != size)
		fatal("%s: cannot be read back", what);
	if (strlen(text) != (size_t)size)
		fatal("%s: expected text, found a NUL byte", what);
	return text;
}

/* false: the user has none, *status says whether that is all */
static bool
read_crontab(const char *user, char **text, int *status)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC), out = memory_file("crontab"), err = memory_file("messages"), rc;
	char *said;

	rc = crontab(user, "-l", nothing, out, err);
	*text = content(out, "crontab");
	said = content(err, "messages of crontab");
	close(nothing);
	close(out);
	close(err);
	*status = STATUS_FAILED;
	if (rc > 0 && (*text)[0] == '\0' && strstr(said, "no crontab for") != NULL) {
		printf("%s has no crontab\n", user);
		*status = STATUS_DONE;
	} else {
		fputs(said, stderr);
		if (rc > 0)
			warn_text("crontab -u %s -l: exit status %d", user, rc);
	}
	free(said);
	return rc == 0;
}

static int
write_crontab(const char *user, const char *text, size_t size)
{
	int in = memory_file("crontab"), rc;

	if (write(in, text, size) != (ssize_t)size || lseek(in, 0, SEEK_SET) != 0)
		fatal("no memory file: %s", strerror(errno));
	rc = crontab(user, "-", in, 1, 2);
	close(in);
	if (rc > 0)
		warn_text("crontab -u %s -: exit status %d: the crontab is as it was", user, rc);
	return rc == 0 ? STATUS_DONE : STATUS_FAILED;
}

/* Two modules may do this for the same user at the same time; close() gives it back */
static int
lock(void)
{
	char dir[PATH_MAX], file[PATH_MAX];
	int fd;

	if (!path_format(dir, sizeof(dir), "%s/run", path_safevar()) || !path_format(file, sizeof(file), "%s/gencron.lock", dir))
		fatal("SAFEVAR is too long");
	if (path_mkdirs(dir, 0755) == -1 || (fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) == -1 ||
	    flock(fd, LOCK_EX) == -1)
		fatal("%s: %s", file, strerror(errno));
	return fd;
}

static int
run(const struct order *o)
{
	char *text, *next = NULL;
	size_t size = 0;
	unsigned changed;
	int status;
	FILE *f;

	if (!read_crontab(o->user, &text, &status)) {
		free(text);
		return status;
	}
	f = open_memstream(&next, &size);
	changed = f != NULL ? rewrite(f, text, o) : 0;
	if (f == NULL || fclose(f) != 0)
		fatal("no memory");
	status = changed > 0 ? write_crontab(o->user, next, size) : STATUS_DONE;
	if (status == STATUS_DONE)
		printf("%u %s of %s %s\n", changed, changed == 1 ? "entry" : "entries", o->user, o->add ? "enabled" : "disabled");
	free(text);
	free(next);
	return status;
}

static bool
is_one_line(const char *s)
{
	for (; *s != '\0'; s++)
		if (iscntrl((unsigned char)*s))
			return false;
	return true;
}

int
main(int argc, char **argv)
{
	struct order o;
	int held, status;

	diag_init("gencron", 0);
	if (argc != 6 || (strcmp(argv[1], "del") != 0 && strcmp(argv[1], "add") != 0) || strcmp(argv[4], "-c") != 0 || argv[3][0] == '\0' ||
	    argv[5][0] == '\0' || !is_one_line(argv[3]) || !is_one_line(argv[5])) {
		warn_text("%s", USAGE);
		return STATUS_TYPING;
	}
	o = (struct order){ strcmp(argv[1], "add") == 0, argv[2], argv[3], argv[5] };
	/* cppcheck-suppress getpwnamCalled ; one thread */
	if (o.user[0] == '-' || getpwnam(o.user) == NULL) {
		warn_text("user \"%s\" is not known on this server", o.user);
		return STATUS_FAILED;
	}
	held = lock();
	status = run(&o);
	close(held);
	return status;
}
