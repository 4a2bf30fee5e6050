/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dump_commands.c: what the engine and the operating system say at the time of a dump: a table of commands.  Each is bounded in time and
 * size, so that a server in trouble still gives its dump: the one that hangs is killed with all it started.
 */
#include "config.h"
#include "cli/dump.h"

#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMAND_MS	10000		/* (ours) */
#define OUTPUT_MAX	(8u << 20)	/* bytes of one output; what comes after is dropped (ours) */

/* "safekit" is this program; "AM" the module */
static const struct command { const char *file; bool structured; const char *argv[12]; } commands[] = {
	{ "state.txt", false, { "safekit", "state", "-v", "-m", "AM" } },
	{ "state.json", false, { "safekit", "state", "-v", "-m", "AM", "--json" } },
	{ "explain.txt", false, { "safekit", "explain", "-m", "AM" } },
	{ "explain.json", false, { "safekit", "explain", "-m", "AM", "--json" } },
	{ "errd.txt", false, { "safekit", "errd", "list", "-m", "AM" } },
	{ "log.txt", false, { "safekit", "log", "-m", "AM", "-A", "-s", "50000" } },
	{ "log.json", false, { "safekit", "log", "-m", "AM", "-A", "-s", "20000", "--json" } },
	{ "safeadmin.txt", false, { "safekit", "log", "-A", "-s", "20000" } },
	{ "cmdlog.txt", true, { "safekit", "cmdlog", "-s", "1000" } },
	{ "level.txt", false, { "safekit", "level", "-m", "AM" } },
	{ "confinfo.txt", false, { "safekit", "confinfo", "-m", "AM" } },
	{ "ports.txt", false, { "safekit", "module", "getports", "-m", "AM" } },
	{ "modules.txt", false, { "safekit", "module", "listid" } },
	{ "modules_state.txt", false, { "safekit", "state" } },
	{ "boot.txt", false, { "safekit", "boot", "status" } },
	{ "cluster/state.txt", false, { "safekit", "cluster", "state" } },
	{ "cluster/confinfo.txt", false, { "safekit", "cluster", "confinfo" } },
	{ "system/uname.txt", false, { "uname", "-a" } },
	{ "system/date.txt", false, { "date", "--rfc-3339=ns" } },
	{ "system/uptime.txt", false, { "uptime" } },
	{ "system/clock.txt", false, { "timedatectl" } },
	{ "system/cmdline.txt", true, { "cat", "/proc/cmdline" } },
	{ "system/ip_addr.txt", false, { "ip", "-s", "addr" } },
	{ "system/ip_route.txt", false, { "ip", "route", "show", "table", "all" } },
	{ "system/ip_rule.txt", false, { "ip", "rule" } },
	{ "system/ip_neigh.txt", false, { "ip", "neigh" } },
	{ "system/ss.txt", true, { "ss", "-tulpn" } },
	{ "system/nft.txt", false, { "nft", "list", "ruleset" } },
	{ "system/resolv.conf.txt", false, { "cat", "/etc/resolv.conf" } },
	{ "system/hosts.txt", false, { "cat", "/etc/hosts" } },
	{ "system/df.txt", false, { "df", "-hT" } },
	{ "system/df_inodes.txt", false, { "df", "-i" } },
	{ "system/free.txt", false, { "free", "-m" } },
	{ "system/vmstat.txt", false, { "cat", "/proc/vmstat" } },
	{ "system/pressure.txt", false, { "grep", "", "/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory" } },
	{ "system/loadavg.txt", false, { "cat", "/proc/loadavg" } },
	{ "system/ps.txt", true, { "ps", "-eww", "-o", "pid,ppid,user,cls,rtprio,stat,pcpu,rss,lstart,args" } },
	{ "system/mounts.txt", true, { "cat", "/proc/self/mounts" } },
	{ "system/modules.txt", false, { "cat", "/proc/modules" } },
	{ "system/dmesg.txt", true, { "sh", "-c", "dmesg -T | tail -n 2000" } },
	{ "system/journal.txt", true, { "journalctl", "--no-pager", "-n", "2000", "-u", "safeadmin", "-u", "safemodules" } },
	{ "system/sysctl.txt", false, { "sysctl", "-e", "kernel.sched_rt_runtime_us", "kernel.hung_task_timeout_secs", "vm.swappiness",
	    "net.ipv4.ip_nonlocal_bind", "net.ipv4.conf.all.arp_ignore", "net.ipv4.conf.all.arp_announce", "net.ipv4.conf.all.rp_filter",
	    "net.core.rmem_max", "net.ipv4.ping_group_range" } },
};

struct output { char *text; size_t len; bool cut, late; int status; };

static _Noreturn void
child(struct dump *d, const struct command *k, int fd)
{
	char *argv[ARRAY_LEN(k->argv) + 1] = { NULL };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	size_t i;

	for (i = 0; i < ARRAY_LEN(k->argv) && k->argv[i] != NULL; i++)
		argv[i] = (char *)(uintptr_t)(strcmp(k->argv[i], "AM") == 0 ? d->c->module : k->argv[i]);
	if (setpgid(0, 0) == -1 || null == -1 || dup2(null, STDIN_FILENO) == -1 || dup2(fd, STDOUT_FILENO) == -1
	    || dup2(fd, STDERR_FILENO) == -1 || setenv("LC_ALL", "C.UTF-8", 1) == -1 || setenv("SAFE_WAIT_SECONDS", "0", 1) == -1)
		_exit(126);
	if (strcmp(argv[0], "safekit") == 0)
		execv("/proc/self/exe", argv);
	else
		execvp(argv[0], argv);
	_exit(127);
}

/* Reads until the end of the output, or of the time */
static void
collect(int fd, struct output *o)
{
	int64_t deadline = clock_mono_ms() + COMMAND_MS, left;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[65536];
	ssize_t n;

	while ((left = deadline - clock_mono_ms()) > 0) {
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(fd, buf, sizeof(buf));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		if (o->len + (size_t)n > OUTPUT_MAX) {
			o->cut = true;		/* read on: the command is not blocked by us */
		} else {
			memcpy(o->text + o->len, buf, (size_t)n);
			o->len += (size_t)n;
		}
	}
	o->late = true;
}

static bool
run(struct dump *d, const struct command *k, struct output *o)
{
	int fds[2], status = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return false;
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		child(d, k, fds[1]);
	close(fds[1]);
	if (pid != -1) {
		(void)setpgid(pid, pid);	/* both sides: whoever is first */
		collect(fds[0], o);
		if (o->late)
			kill(-pid, SIGKILL);
		while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
			;
	}
	close(fds[0]);
	o->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return pid != -1;
}

void
dump_commands(struct dump *d)
{
	struct output o = { .text = malloc(OUTPUT_MAX + 1) };
	size_t i, k;

	for (i = 0; i < ARRAY_LEN(commands) && o.text != NULL; i++) {
		const struct command *c = &commands[i];

		o.len = 0;
		o.cut = o.late = false;
		if (!run(d, c, &o)) {
			dump_note(d, "%s: %s: %s", c->file, c->argv[0], strerror(errno));
			continue;
		}
		for (k = 0; k < o.len; k++)
			if (o.text[k] == '\0')
				o.text[k] = ' ';
		if (o.status == 127 && o.len == 0)
			dump_note(d, "%s: %s is not installed", c->file, c->argv[0]);
		else
			dump_put(d, c->file, o.text, o.len, c->structured);
		if (o.late)
			dump_note(d, "%s: %s did not end within %d s", c->file, c->argv[0], COMMAND_MS / 1000);
		else if (o.cut)
			dump_note(d, "%s: only the first %u MiB", c->file, OUTPUT_MAX >> 20);
		else if (o.status != 0 && o.status != 127)
			dump_note(d, "%s: %s returned %d", c->file, c->argv[0], o.status);
	}
	if (o.text == NULL)
		dump_note(d, "out of memory: no command was run");
	free(o.text);
}
