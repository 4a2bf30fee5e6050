/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_misc.c: start at boot, the SNMP subagent, -p and -r (UG 9.2, 9.7, 10.9).
 *
 * SNMP: the operating system's snmpd answers managers and safeagent is its subagent (AgentX), as since 8.2.  safeagent is started here
 * by systemd where that runs (unit safeagent), else by ourselves; its process is then in SAFEVAR/run/safeagent.pid, and whether it starts
 * at boot is the file SAFEVAR/boot/safeagent, there or not, which safeadmin reads at its first start of a boot.
 */
#include "config.h"
#include "cli/cli.h"
#include "act/script_env.h"
#include "conf/conf.h"

#include <sys/pidfd.h>
#include <sys/stat.h>
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

#define STOP_MS	10000	/* SIGTERM, then SIGKILL (ours) */

/* ---- boot ---- */

static int
boot_all(struct cli *c)
{
	static const struct column columns[] = { { "name", "Module" }, { "boot", "Boot" } };
	json_t *reply, *rows, *row;
	size_t i;

	if (!cli_connect(c) || (reply = cli_ask(c, json_pack("{s:s,s:s}", "op", "get", "what", "modules"), NULL, NULL)) == NULL)
		return EXIT_FAILED;
	rows = json_array();
	json_array_foreach(json_object_get(reply, "rows"), i, row)
		json_array_append_new(rows, json_pack("{s:O?,s:O?}", "name", json_object_get(row, "name"), "boot",
		    json_object_get(row, "boot")));
	if (c->json)
		show_json(rows);
	else
		show_table(NULL, rows, columns, ARRAY_LEN(columns));
	json_decref(rows);
	json_decref(reply);
	return EXIT_DONE;
}

static int
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

static int
boot_module(struct cli *c, const char *value)
{
	const char *boot;
	json_t *reply;
	uint64_t seq = 0;
	int status = EXIT_FAILED;
	bool change = strcmp(value, "status") != 0;

	if (!cli_connect(c))
		return EXIT_FAILED;
	if (change)		/* asking is not changing: only on and off go to the command log */
		seq = cmdlog_begin(c);
	reply = cli_ask(c, json_pack("{s:s,s:s,s:s}", "op", "boot", "module", c->module, "value", value), NULL, NULL);
	boot = json_string_value(json_object_get(reply, "boot"));
	if (reply != NULL && boot == NULL)
		cli_error("safeadmin did not say what is in force");
	else if (reply != NULL)
		status = show_boot(c, c->module, boot);
	json_decref(reply);
	if (change)
		cmdlog_end(c, seq, status);
	return status;
}

/* Where systemd is, it alone starts and stops safeagent: nobody starts a second one. */
static bool
systemd_runs(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

/* Exit status of systemctl WORD safeagent; its own messages go where ours go */
static int
systemctl(const char *word)
{
	char *argv[] = { (char[]){ "systemctl" }, (char *)(uintptr_t)word, (char[]){ "safeagent.service" }, NULL };
	int rc, status;
	pid_t pid;

	rc = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (rc != 0) {
		errno = rc;
		warn_errno("systemctl");
		return EXIT_FAILED;
	}
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int
boot_snmp(struct cli *c, const char *word)
{
	char dir[PATH_MAX], file[PATH_MAX];
	int status = EXIT_FAILED;
	uint64_t seq;

	if (!path_format(dir, sizeof(dir), "%s/boot", path_safevar()) || !path_format(file, sizeof(file), "%s/safeagent", dir))
		return EXIT_FAILED;
	if (systemd_runs() && strcmp(word, "snmpstatus") == 0)
		return show_boot(c, "safeagent", systemctl("is-enabled") == EXIT_DONE ? "on" : "off");
	if (strcmp(word, "snmpstatus") == 0)
		return show_boot(c, "safeagent", access(file, F_OK) == 0 ? "on" : "off");
	if (geteuid() != 0) {
		cli_error("safekit boot %s: only root may do that", word);
		return EXIT_FAILED;
	}
	seq = cmdlog_begin(c);
	if (systemd_runs())
		status = systemctl(strcmp(word, "snmpon") == 0 ? "enable" : "disable");
	else if (strcmp(word, "snmpon") == 0)
		status = path_mkdirs(dir, 0755) == 0 && path_write_atomic(file, "on\n", 3, 0644) == 0 ? EXIT_DONE : EXIT_FAILED;
	else
		status = unlink(file) == 0 || errno == ENOENT ? EXIT_DONE : EXIT_FAILED;
	if (status != EXIT_DONE)
		warn_errno("%s", file);
	else if (!c->json)
		cli_note("SNMP managers are answered by snmpd of the operating system, with safeagent as its subagent");
	cmdlog_end(c, seq, status);
	return status;
}

int
do_boot(struct cli *c)
{
	const char *word = c->nwords > 0 ? c->words[0] : "status";

	if (strncmp(word, "web", 3) == 0) {
		cli_error("safekit boot %s: the web service is not available in this version", word);
		return EXIT_FAILED;
	}
	if (strncmp(word, "snmp", 4) == 0)
		return boot_snmp(c, word);
	if (c->module != NULL)
		return boot_module(c, word);
	if (strcmp(word, "status") == 0)
		return boot_all(c);
	cli_error("safekit boot %s: which module? expected: safekit boot -m AM on|off|status", word);
	return EXIT_TYPING;
}

/* ---- safeagent ---- */

/* A descriptor of the running safeagent, -1 when it does not run.  A number that meanwhile belongs to another program is not it. */
static int
agent_find(const char *pidfile, pid_t *pid)
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
	if (strncmp(text, "safeagent", 9) != 0) {
		close(fd);
		fd = -1;
	}
	free(text);
	return fd;
}

static _Noreturn void
agent_child(const char *program, int told)
{
	char *argv[] = { (char *)(uintptr_t)program, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), err;
	char **env = script_env_build(NULL, NULL, NULL, 0);

	if (env != NULL && null != -1 && setsid() != -1 && chdir("/") == 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execve(program, argv, env);
	}
	err = errno;
	(void)!write(told, &err, sizeof(err));
	_exit(126);
}

static int
agent_start(const char *pidfile)
{
	char program[PATH_MAX], dir[PATH_MAX], text[32];
	int fds[2], err = 0;
	ssize_t n;
	pid_t pid;

	if (!path_format(program, sizeof(program), "%s/private/bin/safeagent", path_safe())
	    || !path_format(dir, sizeof(dir), "%s/run", path_safevar()) || path_mkdirs(dir, 0755) == -1 || pipe2(fds, O_CLOEXEC) == -1) {
		warn_errno("safeagent");
		return EXIT_FAILED;
	}
	if ((pid = fork()) == 0)
		agent_child(program, fds[1]);
	close(fds[1]);
	n = pid == -1 ? -1 : read(fds[0], &err, sizeof(err));	/* nothing comes when it was started: the pipe closes */
	close(fds[0]);
	if (pid == -1 || n != 0) {
		errno = n > 0 ? err : errno;
		warn_errno("%s", program);
		if (pid != -1)
			waitpid(pid, NULL, 0);
		return EXIT_FAILED;
	}
	snprintf(text, sizeof(text), "%d\n", (int)pid);
	if (path_write_atomic(pidfile, text, strlen(text), 0644) == -1) {
		warn_errno("%s", pidfile);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

static int
agent_stop(const char *pidfile)
{
	struct pollfd p = { .events = POLLIN };
	pid_t pid;

	p.fd = agent_find(pidfile, &pid);
	if (p.fd == -1)
		return EXIT_DONE;
	if (pidfd_send_signal(p.fd, SIGTERM, NULL, 0) == 0 && poll(&p, 1, STOP_MS) == 0) {
		cli_note("safeagent did not end within %d s: killed", STOP_MS / 1000);
		pidfd_send_signal(p.fd, SIGKILL, NULL, 0);
		poll(&p, 1, STOP_MS);
	}
	close(p.fd);
	unlink(pidfile);
	return EXIT_DONE;
}

static int
agent_check(struct cli *c, const char *pidfile)
{
	pid_t pid = 0;
	int fd = agent_find(pidfile, &pid);
	json_t *show = json_pack("{s:b,s:i}", "running", fd != -1, "pid", fd != -1 ? (int)pid : 0);

	if (c->json)
		show_json(show);
	else if (fd != -1)
		printf("safeagent is running (pid %d)\n", (int)pid);
	else
		puts("safeagent is not running");
	json_decref(show);
	if (fd != -1)
		close(fd);
	return fd != -1 ? EXIT_DONE : EXIT_FAILED;
}

int
do_safeagent(struct cli *c)
{
	const char *word = c->words[0];
	char pidfile[PATH_MAX];
	int status = EXIT_DONE, fd;
	uint64_t seq;
	pid_t pid;

	if (!path_format(pidfile, sizeof(pidfile), "%s/run/safeagent.pid", path_safevar()))
		return EXIT_FAILED;
	if (strcmp(word, "check") == 0)
		return systemd_runs() ? systemctl("status") : agent_check(c, pidfile);
	if (geteuid() != 0) {
		cli_error("safekit safeagent %s: only root may do that", word);
		return EXIT_FAILED;
	}
	seq = cmdlog_begin(c);
	if (systemd_runs()) {
		status = systemctl(word);
		cmdlog_end(c, seq, status);
		return status;
	}
	if (strcmp(word, "start") != 0)		/* stop, restart */
		status = agent_stop(pidfile);
	if (strcmp(word, "stop") != 0) {
		fd = agent_find(pidfile, &pid);
		if (fd != -1)
			close(fd);
		else
			status = agent_start(pidfile);
		if (status == EXIT_DONE)
			cli_note("SNMP managers are answered by snmpd of the operating system, with safeagent as its subagent");
	}
	cmdlog_end(c, seq, status);
	return status;
}

/* ---- -p, -r ---- */

int
do_paths(struct cli *c)
{
	json_t *show;

	if (!c->json) {
		printf("SAFE=%s\nSAFEVAR=%s\nSAFEBIN=%s/private/bin\n", path_safe(), path_safevar(), path_safe());
		return EXIT_DONE;
	}
	show = json_pack("{s:s,s:s,s:o}", "SAFE", path_safe(), "SAFEVAR", path_safevar(), "SAFEBIN", json_sprintf("%s/private/bin",
	    path_safe()));
	show_json(show);
	json_decref(show);
	return EXIT_DONE;
}

/* The command takes our place, with the environment scripts have (UG 14.5).  The guide also writes it as one word: -r "command args". */
int
do_run(struct cli *c)
{
	char path[PATH_MAX], err[256], first[PATH_MAX], node[SK_NAME_MAX];
	struct conf_module conf;
	char **env, **argv;
	bool loaded;
	int64_t date;
	int i, extra = 0;

	argv = calloc((size_t)c->nwords + 1 + strlen(c->words[0]), sizeof(*argv));
	if (argv == NULL || !str_copy(first, sizeof(first), c->words[0])) {
		cli_error("the command is too long");
		free(argv);
		return EXIT_FAILED;
	}
	if (c->nwords == 1) {
		char *save, *word = strtok_r(first, " \t", &save);

		for (; word != NULL; word = strtok_r(NULL, " \t", &save))
			argv[extra++] = word;
	} else {
		argv[extra++] = first;
		for (i = 1; i < c->nwords; i++)
			argv[extra++] = (char *)(uintptr_t)c->words[i];
	}
	if (extra == 0 || !(argv[0][0] == '/' ? str_copy(path, sizeof(path), argv[0])
	    : path_format(path, sizeof(path), "%s/private/bin/%s", path_safe(), argv[0]))) {
		cli_error("safekit -r: expected a command of SAFEBIN or an absolute path");
		free(argv);
		return EXIT_TYPING;
	}
	loaded = c->module != NULL && module_active(c->module, &conf, &date, err, sizeof(err));
	env = script_env_build(c->module, cli_node(c, node), loaded ? conf.vars : NULL, loaded ? conf.vars_count : 0);
	if (loaded)
		conf_module_free(&conf);
	fflush(stdout);
	if (env != NULL)
		execve(path, argv, env);
	warn_errno("%s", path);
	script_env_free(env);
	free(argv);
	return errno == ENOENT ? 127 : 126;	/* as shells say it */
}
