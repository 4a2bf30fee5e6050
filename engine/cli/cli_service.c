/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_service.c: the services beside the engine: the web service and the SNMP subagent (UG 9.2).
 *
 * Where systemd runs, it alone starts and stops them (units safewebserver, safeagent): nobody starts a second one.  Elsewhere they are
 * started here; the process is then in SAFEVAR/run/NAME.pid, and whether it starts at boot is the file SAFEVAR/boot/NAME ("on", "off"; without
 * it what the service does by default), which safeadmin reads at its first start of a boot.
 *
 * SNMP: the operating system's snmpd answers managers and safeagent is its subagent (AgentX), as since 8.2.
 */
#include "config.h"
#include "cli/cli.h"
#include "act/script_env.h"

#include <linux/close_range.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STOP_MS	 10000	/* SIGTERM, then SIGKILL (ours) */
#define READY_MS 60000	/* for a service that tells when it is ready (ours) */
#define READY_FD 3	/* where it tells it: SAFE_READY_FD */

struct service {
	const char *verb;	/* safekit VERB start */
	const char *name;	/* of the program in SAFEBIN, of its process, of its unit */
	const char *argument;	/* of the program; NULL: none */
	const char *test;	/* argument with which it only says whether its configuration is right; NULL: it cannot */
	const char *boot;	/* safekit boot WORDon */
	bool	    at_boot;	/* what it does at boot if nobody said anything */
	bool	    tells;	/* "ready" on READY_FD, or in words what is wrong */
	const char *note;	/* said after a start; NULL: nothing */
};
static const struct service services[] = {
	{ "webserver", "safewebserver", "run", "test", "web", true, true, NULL },
	{ "safeagent", "safeagent", NULL, NULL, "snmp", false, false,
	  "SNMP managers are answered by snmpd of the operating system, with safeagent as its subagent" },
};

static bool
systemd_runs(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

/* Did the program end with status 0?  Its messages go where ours go, with quiet but for its errors. */
static bool
run_program(char **argv, bool quiet)
{
	posix_spawn_file_actions_t actions;
	int rc, status;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	if (quiet)
		posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	rc = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc != 0) {
		errno = rc;
		warn_errno("%s", argv[0]);
		return false;
	}
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Exit status of systemctl WORD UNIT */
static int
systemctl(const struct service *s, const char *word)
{
	char *argv[] = { (char[]){ "systemctl" }, (char *)(uintptr_t)word, (char *)(uintptr_t)s->name, NULL };

	return run_program(argv, false) ? EXIT_DONE : EXIT_FAILED;
}

/* Would it start with the configuration that is there now?  Told if not */
static bool
would_start(const struct service *s)
{
	char program[PATH_MAX];
	char *argv[] = { program, (char *)(uintptr_t)s->test, NULL };

	return s->test == NULL || (path_format(program, sizeof(program), "%s/private/bin/%s", path_safe(), s->name) && run_program(argv, true));
}

/* ---- at boot ---- */

int
show_boot(struct cli *c, const char *name, const char *value)
{
	json_t *show = json_pack("{s:s,s:s}", "name", name, "boot", value);

	if (c->json)
		show_json(show);
	else
		puts(value);
	json_decref(show);
	return EXIT_DONE;
}

static bool
boot_is_on(const struct service *s, const char *file)
{
	char *text;
	bool on = s->at_boot;

	if (systemd_runs())
		return systemctl(s, "is-enabled") == EXIT_DONE;
	if (path_read(file, &text, 64) >= 0) {
		on = strcmp(text, "on\n") == 0;
		free(text);
	}
	return on;
}

static int
boot_set(const struct service *s, const char *dir, const char *file, bool on)
{
	const char *text = on ? "on\n" : "off\n";

	if (systemd_runs())
		return systemctl(s, on ? "enable" : "disable");
	if (on == s->at_boot) {		/* no file is the default */
		if (unlink(file) == 0 || errno == ENOENT)
			return EXIT_DONE;
	} else if (path_mkdirs(dir, 0755) == 0 && path_write_atomic(file, text, strlen(text), 0644) == 0)
		return EXIT_DONE;
	warn_errno("%s", file);
	return EXIT_FAILED;
}

int
boot_service(struct cli *c, const char *word)
{
	const struct service *s = services;
	char dir[PATH_MAX], file[PATH_MAX];
	const char *what;
	uint64_t seq;
	int status;

	while (strncmp(word, s->boot, strlen(s->boot)) != 0)
		s++;
	what = word + strlen(s->boot);
	if (!path_format(dir, sizeof(dir), "%s/boot", path_safevar()) || !path_format(file, sizeof(file), "%s/%s", dir, s->name))
		return EXIT_FAILED;
	if (strcmp(what, "status") == 0)
		return show_boot(c, s->name, boot_is_on(s, file) ? "on" : "off");
	if (geteuid() != 0) {
		cli_error("safekit boot %s: only root may do that", word);
		return EXIT_FAILED;
	}
	seq = cmdlog_begin(c);
	status = boot_set(s, dir, file, strcmp(what, "on") == 0);
	if (status == EXIT_DONE && s->note != NULL && !c->json)
		cli_note("%s", s->note);
	cmdlog_end(c, seq, status);
	return status;
}

/* ---- the process ---- */

/* A descriptor of the running service, -1 when it does not run.  A number that meanwhile belongs to another program is not it. */
static int
service_find(const struct service *s, const char *pidfile, pid_t *pid)
{
	char comm[64], *text;
	uint64_t n = 0;
	int fd = -1;

	if (path_read(pidfile, &text, 64) == -1)
		return -1;
	text[strcspn(text, "\n")] = '\0';
	if (str_to_u64(text, 1, INT_MAX, &n)) {
		*pid = (pid_t)n;
		fd = pidfd_open(*pid, 0);	/* from here on the number cannot pass to another program unseen */
	}
	free(text);
	if (fd == -1)
		return -1;
	(void)path_format(comm, sizeof(comm), "/proc/%d/comm", (int)*pid);
	if (path_read(comm, &text, 256) == -1) {
		close(fd);
		return -1;
	}
	if (strncmp(text, s->name, strlen(s->name)) != 0) {
		close(fd);
		fd = -1;
	}
	free(text);
	return fd;
}

static _Noreturn void
service_child(const struct service *s, const char *program, int told)
{
	char *argv[] = { (char *)(uintptr_t)program, (char *)(uintptr_t)s->argument, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), err;
	char **env = script_env_build(NULL, NULL, NULL, 0);

	if (env != NULL && null != -1 && setsid() != -1 && chdir("/") == 0
	    && (!s->tells || script_env_set(&env, "SAFE_READY_FD", "3"))) {
		/* who lives on holds no lock, and no end of a pipe, of who called us */
		(void)close_range(READY_FD, ~0U, CLOSE_RANGE_CLOEXEC);
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		/* without: told closes with the exec, which says that it was done */
		if (s->tells && (told == READY_FD ? fcntl(told, F_SETFD, 0) : dup2(told, READY_FD)) == -1)
			_exit(126);
		execve(program, argv, env);
	}
	err = errno;
	dprintf(told, "%s: %s\n", program, strerror(err));
	_exit(126);
}

/* What the child said until it was ready (an empty text; one that tells is then ready), or gave up; false: it did not say it in time */
static bool
service_listen(const struct service *s, int fd, char *said, size_t size)
{
	int64_t end = clock_mono_ms() + READY_MS;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < size - 1) {
		int64_t left = end - clock_mono_ms();

		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return false;
		n = read(fd, said + len, size - 1 - len);
		if (n == -1 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += (size_t)n;
		said[len] = '\0';
		if (s->tells && len >= 6 && strcmp(said + len - 6, "ready\n") == 0) {
			said[0] = '\0';
			return true;
		}
	}
	while (len > 0 && said[len - 1] == '\n')
		said[--len] = '\0';
	if (s->tells && len == 0)
		str_copy(said, size, "it ended while it started");
	return true;
}

static int
service_start(const struct service *s, const char *pidfile)
{
	char program[PATH_MAX], dir[PATH_MAX], text[32], said[4096] = "";
	bool told;
	int fds[2];
	pid_t pid;

	if (!path_format(program, sizeof(program), "%s/private/bin/%s", path_safe(), s->name)
	    || !path_format(dir, sizeof(dir), "%s/run", path_safevar()) || path_mkdirs(dir, 0755) == -1 || pipe2(fds, O_CLOEXEC) == -1) {
		warn_errno("%s", s->name);
		return EXIT_FAILED;
	}
	if ((pid = fork()) == 0)
		service_child(s, program, fds[1]);
	close(fds[1]);
	if (pid == -1) {
		warn_errno("%s", program);
		close(fds[0]);
		return EXIT_FAILED;
	}
	snprintf(text, sizeof(text), "%d\n", (int)pid);
	if (path_write_atomic(pidfile, text, strlen(text), 0644) == -1)
		warn_errno("%s", pidfile);
	told = service_listen(s, fds[0], said, sizeof(said));
	close(fds[0]);
	if (told && said[0] == '\0')
		return EXIT_DONE;
	if (!told)
		cli_error("%s is not ready after %d s; it goes on starting", s->name, READY_MS / 1000);
	else {
		warn_text("%s", said);
		waitpid(pid, NULL, 0);
		unlink(pidfile);
	}
	return EXIT_FAILED;
}

static int
service_stop(const struct service *s, const char *pidfile)
{
	struct pollfd p = { .events = POLLIN };
	pid_t pid;

	p.fd = service_find(s, pidfile, &pid);
	if (p.fd == -1)
		return EXIT_DONE;
	if (pidfd_send_signal(p.fd, SIGTERM, NULL, 0) == 0 && poll(&p, 1, STOP_MS) == 0) {
		cli_note("%s did not end within %d s: killed", s->name, STOP_MS / 1000);
		pidfd_send_signal(p.fd, SIGKILL, NULL, 0);
		poll(&p, 1, STOP_MS);
	}
	close(p.fd);
	unlink(pidfile);
	return EXIT_DONE;
}

static int
service_check(struct cli *c, const struct service *s, const char *pidfile)
{
	pid_t pid = 0;
	int fd = service_find(s, pidfile, &pid);
	json_t *show = json_pack("{s:b,s:i}", "running", fd != -1, "pid", fd != -1 ? (int)pid : 0);

	if (c->json)
		show_json(show);
	else if (fd != -1)
		printf("%s is running (pid %d)\n", s->name, (int)pid);
	else
		printf("%s is not running\n", s->name);
	json_decref(show);
	if (fd != -1)
		close(fd);
	return fd != -1 ? EXIT_DONE : EXIT_FAILED;
}

/* One command at a time: two that start would each write its own number, and stop would know one of them.  -1: told */
static int
service_lock(const struct service *s)
{
	char file[PATH_MAX];
	int fd = -1;

	if (path_format(file, sizeof(file), "%s/run", path_safevar()) && path_mkdirs(file, 0755) == 0
	    && path_format(file, sizeof(file), "%s/run/%s.lock", path_safevar(), s->name))
		fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	while (fd != -1 && flock(fd, LOCK_EX) == -1 && errno == EINTR)
		;
	if (fd == -1)
		warn_errno("%s.lock", s->name);
	return fd;
}

static int
service_change_alone(const struct service *s, const char *word, const char *pidfile)
{
	int status = EXIT_DONE, fd;
	pid_t pid;

	if (strcmp(word, "start") != 0)		/* stop, restart */
		status = service_stop(s, pidfile);
	if (strcmp(word, "stop") == 0)
		return status;
	fd = service_find(s, pidfile, &pid);
	if (fd != -1)
		close(fd);
	else
		status = service_start(s, pidfile);
	if (status == EXIT_DONE && s->note != NULL)
		cli_note("%s", s->note);
	return status;
}

static int
service_change(const struct service *s, const char *word, const char *pidfile)
{
	int lock, status;

	if ((strcmp(word, "restart") == 0 || (strcmp(word, "start") == 0 && systemd_runs())) && !would_start(s))
		return EXIT_FAILED;	/* what runs goes on with what it has; systemctl would not say why */
	if (systemd_runs())
		return systemctl(s, word);
	lock = service_lock(s);
	if (lock == -1)
		return EXIT_FAILED;
	status = service_change_alone(s, word, pidfile);
	close(lock);
	return status;
}

int
do_service(struct cli *c)
{
	const struct service *s = services;
	const char *word = c->words[0];
	char pidfile[PATH_MAX];
	uint64_t seq;
	int status;

	while (strcmp(c->verb->name, s->verb) != 0)
		s++;
	if (!path_format(pidfile, sizeof(pidfile), "%s/run/%s.pid", path_safevar(), s->name))
		return EXIT_FAILED;
	if (strcmp(word, "check") == 0)
		return systemd_runs() ? systemctl(s, "status") : service_check(c, s, pidfile);
	if (geteuid() != 0) {
		cli_error("safekit %s %s: only root may do that", s->verb, word);
		return EXIT_FAILED;
	}
	seq = cmdlog_begin(c);
	status = service_change(s, word, pidfile);
	cmdlog_end(c, seq, status);
	return status;
}
