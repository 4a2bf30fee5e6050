/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * caserv_run.c: runs one action as root.
 *
 * Owns: a private folder below SAFEVAR/tmp/web in which each field is a file (so no secret is in an argument or in the environment); it is
 * removed when the action has ended.  The action may leave an answer for download in it: out, out.name, out.type.
 */
#include "config.h"
#include "web/pki/caserv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool
make_folder(char *dir, size_t size)
{
	char parent[PATH_MAX];

	if (!path_format(parent, sizeof(parent), "%s/tmp/web", path_safevar()) || !path_format(dir, size, "%s/ca.XXXXXX", parent))
		return false;
	return path_mkdirs(parent, 0700) == 0 && mkdtemp(dir) != NULL;
}

static bool
write_fields(const char *dir, const json_t *fields)
{
	char file[PATH_MAX];
	const char *key;
	json_t *v;
	int fd;
	bool ok = true;

	json_object_foreach((json_t *)(uintptr_t)fields, key, v) {
		if (!path_format(file, sizeof(file), "%s/%s", dir, key))
			return false;
		fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		ok = fd != -1 && write(fd, json_string_value(v), json_string_length(v)) == (ssize_t)json_string_length(v);
		if (fd != -1)
			close(fd);
		if (!ok)
			return false;
	}
	return ok;
}

static void
remove_folder(const char *dir, const struct caserv_action *a)
{
	static const char *const made[] = { "out", "out.name", "out.type" };
	char file[PATH_MAX];
	size_t i;

	for (i = 0; i < CASERV_FIELDS_MAX && a->fields[i].name != NULL; i++)
		if (path_format(file, sizeof(file), "%s/%s", dir, a->fields[i].name))
			(void)unlink(file);
	for (i = 0; i < ARRAY_LEN(made); i++)
		if (path_format(file, sizeof(file), "%s/%s", dir, made[i]))
			(void)unlink(file);
	if (rmdir(dir) == -1)
		warn_errno("%s", dir);
}

_Noreturn static void
become_action(const char *dir, const char *action, int out)
{
	char program[PATH_MAX], safe[PATH_MAX], safevar[PATH_MAX];
	char *argv[] = { program, (char *)(uintptr_t)action, (char *)(uintptr_t)dir, NULL };
	char *env[] = { safe, safevar, (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" }, (char[]){ "LC_ALL=C" }, (char[]){ "HOME=/" }, NULL };
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	sigemptyset(&none);	/* the keeper holds its signals meanwhile; what is started here lives on, and must hear its own */
	if (sigprocmask(SIG_SETMASK, &none, NULL) == -1 ||
	    !path_format(program, sizeof(program), "%s/private/bin/caserv_action", path_safe()) || !path_format(safe, sizeof(safe), "SAFE=%s", path_safe()) || !path_format(safevar, sizeof(safevar), "SAFEVAR=%s", path_safevar()) ||
	    null == -1 || dup2(null, 0) == -1 || dup2(out, 1) == -1 || dup2(out, 2) == -1 || setpgid(0, 0) == -1)
		_exit(127);
	umask(077);
	(void)signal(SIGPIPE, SIG_DFL);
	execve(program, argv, env);
	_exit(127);
}

/* What it says, cut to its limit; what is more is read and dropped, so that it does not wait for us */
static size_t
collect(int fd, pid_t pid, char *text, size_t size)
{
	int64_t end = clock_mono_ms() + CASERV_SECONDS * 1000;
	size_t len = 0;
	char rest[4096] = "";

	for (;;) {
		int64_t left = end - clock_mono_ms();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		bool room = len < size - 1;
		ssize_t n;
		int rc = left > 0 ? poll(&p, 1, (int)left) : 0;

		if (rc == -1 && errno == EINTR)
			continue;
		if (rc <= 0) {
			(void)kill(-pid, SIGKILL);
			len += (size_t)snprintf(text + len, size - len, "\nError: it did not end within %d seconds", CASERV_SECONDS);
			len = len < size ? len : size - 1;
			break;
		}
		n = read(fd, room ? text + len : rest, room ? size - 1 - len : sizeof(rest));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += room ? (size_t)n : 0;
	}
	text[len] = '\0';
	return len;
}

static void
add_download(json_t *reply, const char *dir)
{
	static const struct { const char *file, *member; } parts[] = { { "out.name", "name" }, { "out.type", "type" } };
	char file[PATH_MAX], *data, *hex;
	ssize_t n;
	size_t i;

	if (!path_format(file, sizeof(file), "%s/out", dir) || (n = path_read(file, &data, CASERV_OUTPUT_BYTES)) == -1)
		return;
	hex = malloc(2 * (size_t)n + 1);
	if (hex != NULL) {
		str_to_hex((uint8_t *)data, (size_t)n, hex);
		json_object_set_new(reply, "hex", json_string(hex));
	}
	free(hex);
	free(data);
	for (i = 0; i < ARRAY_LEN(parts); i++) {
		if (!path_format(file, sizeof(file), "%s/%s", dir, parts[i].file) || path_read(file, &data, 256) == -1)
			continue;
		data[strcspn(data, "\r\n")] = '\0';
		json_object_set_new(reply, parts[i].member, json_string(data));
		free(data);
	}
}

static json_t *
run_in(const char *dir, const struct caserv_action *a)
{
	static char text[CASERV_OUTPUT_BYTES];	/* one action at a time */
	int pair[2], status = 0;
	json_t *reply;
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC) == -1)
		return NULL;
	pid = fork();
	if (pid == 0)
		become_action(dir, a->name, pair[1]);
	close(pair[1]);
	if (pid == -1) {
		close(pair[0]);
		return NULL;
	}
	(void)collect(pair[0], pid, text, sizeof(text));
	close(pair[0]);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	str_make_utf8(text);
	reply = json_pack("{s:i,s:s}", "status", WIFEXITED(status) ? WEXITSTATUS(status) : 128, "text", text);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		add_download(reply, dir);
	return reply;
}

json_t *
caserv_run(const struct caserv_action *a, const json_t *fields)
{
	char dir[PATH_MAX];
	json_t *reply = NULL;

	if (!make_folder(dir, sizeof(dir))) {
		warn_errno("%s/tmp/web", path_safevar());
		return NULL;
	}
	if (write_fields(dir, fields))
		reply = run_in(dir, a);
	else
		warn_errno("%s", dir);
	remove_folder(dir, a);
	return reply;
}
