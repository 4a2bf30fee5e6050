/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reap: runs one test and sees what it leaves behind.
 *
 * Owns: the test's processes, all of them.  It is their subreaper, so whoever loses its parent becomes its child, whatever session
 * it moved to and whatever it did to its environment; when the test has ended, a child that is still there was left behind.
 * Called by: tests/run.  Never does: decide whether a test passed.
 *
 * 	reap [-g GRACE_MS] SECONDS REPORT COMMAND [ARG...]
 *
 * Ends as COMMAND did (128 + the signal where it was killed), with 124 when it ran longer than SECONDS: asked by SIGTERM then, killed
 * 10 s later; with 130 when it was itself told to end.  REPORT gets "PID COMMAND LINE" for each process left behind after GRACE_MS (1000); they are killed.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KILL_AFTER_MS = 10000, STATUS_TIMEOUT = 124, STATUS_INTERRUPTED = 130, STATUS_USAGE = 125, MAX_PROCESSES = 65536 };

typedef struct process {
	pid_t pid, parent;
	char state;
	bool ours;
} process_t;

static process_t processes[MAX_PROCESSES];
static int n_processes;

static long now_ms(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Reads who is whose child: all of the machine that this /proc shows. */
static void read_processes(void) {
	n_processes = 0;
	DIR *dir = opendir("/proc");
	if (!dir)
		return;
	struct dirent *e;
	while ((e = readdir(dir)) && n_processes < MAX_PROCESSES) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		char path[300], line[600];
		snprintf(path, sizeof path, "/proc/%s/stat", e->d_name);
		FILE *f = fopen(path, "re");
		if (!f)
			continue;
		size_t n = fread(line, 1, sizeof line - 1, f);
		fclose(f);
		line[n] = 0;
		const char *after = strrchr(line, ')');	/* a name may contain anything, also brackets */
		process_t p = { .pid = atoi(e->d_name) };
		if (after && sscanf(after, ") %c %d", &p.state, &p.parent) == 2)
			processes[n_processes++] = p;
	}
	closedir(dir);
}

/* Marks the living descendants of this process; returns how many. */
static int mark_descendants(void) {
	int marked = 0;
	read_processes();
	for (bool more = true; more;) {
		more = false;
		for (int i = 0; i < n_processes; i++) {
			process_t *p = &processes[i];
			bool child = p->parent == getpid();
			for (int k = 0; !child && k < n_processes; k++)
				child = processes[k].ours && processes[k].pid == p->parent;
			if (child && !p->ours && p->state != 'Z' && p->state != 'X')
				p->ours = more = true, marked++;
		}
	}
	return marked;
}

static void report(const char *file) {
	if (!mark_descendants())
		return;
	FILE *out = fopen(file, "we");
	for (int i = 0; out && i < n_processes; i++) {
		if (!processes[i].ours)
			continue;
		char path[64], line[101];
		snprintf(path, sizeof path, "/proc/%d/cmdline", processes[i].pid);
		FILE *f = fopen(path, "re");
		size_t n = f ? fread(line, 1, sizeof line - 1, f) : 0;
		if (f)
			fclose(f);
		for (size_t k = 0; k < n; k++)
			line[k] = line[k] && line[k] != '\n' ? line[k] : ' ';
		line[n] = 0;
		fprintf(out, "%d %s\n", processes[i].pid, line);
	}
	if (out)
		fclose(out);
}

/* Collects the dead; false when no child is left.  *status is the test's when it was among them. */
static bool collect(pid_t test, int *status, bool *ended) {
	for (;;) {
		int s;
		pid_t pid = waitpid(-1, &s, WNOHANG);
		if (pid < 0)
			return false;
		if (pid == 0)
			return true;
		if (pid == test)
			*status = s, *ended = true;
	}
}

static void kill_all(pid_t test) {
	int status;
	bool ended;
	while (collect(test, &status, &ended)) {
		mark_descendants();
		for (int i = 0; i < n_processes; i++)
			if (processes[i].ours)
				kill(processes[i].pid, SIGKILL);
		siginfo_t info;
		waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
	}
}

/* Waits for one of the signals until the deadline; 0 when it has passed. */
static int wait_signal(const sigset_t *set, long deadline) {
	long left = deadline - now_ms();
	if (left < 0)
		left = 0;
	struct timespec t = { left / 1000, left % 1000 * 1000000 };
	int sig = sigtimedwait(set, NULL, &t);
	return sig < 0 ? (errno == EAGAIN ? 0 : -1) : sig;
}

static void run_test(char **command, const sigset_t *old) {
	setsid();
	signal(SIGINT, SIG_DFL);	/* a shell's background command ignores these */
	signal(SIGQUIT, SIG_DFL);
	sigprocmask(SIG_SETMASK, old, NULL);
	execvp(command[0], command);
	fprintf(stderr, "reap: %s: %s\n", command[0], strerror(errno));
	_exit(127);
}

int main(int argc, char **argv) {
	long grace = 1000;
	int at = 1;
	if (argc > 3 && strcmp(argv[1], "-g") == 0)
		grace = atol(argv[2]), at = 3;
	if (argc - at < 3 || atol(argv[at]) <= 0) {
		fprintf(stderr, "usage: reap [-g GRACE_MS] SECONDS REPORT COMMAND [ARG...]\n");
		return STATUS_USAGE;
	}
	sigset_t set, old;
	sigemptyset(&set);
	for (const int *s = (int[]){ SIGCHLD, SIGTERM, SIGINT, SIGHUP, 0 }; *s; s++)
		sigaddset(&set, *s);
	sigprocmask(SIG_BLOCK, &set, &old);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGTERM);	/* whoever wanted the result is gone */

	pid_t test = fork();
	if (test < 0) {
		perror("reap: fork");
		return STATUS_USAGE;
	}
	if (test == 0)
		run_test(argv + at + 2, &old);

	long deadline = now_ms() + atol(argv[at]) * 1000;
	int status = 0, instead = 0;
	bool ended = false;
	while (collect(test, &status, &ended) && !ended) {
		int sig = wait_signal(&set, deadline);
		if (sig == SIGCHLD || sig < 0)
			continue;
		if (instead) {	/* it was asked before */
			kill(-test, SIGKILL);
			kill(test, SIGKILL);
			deadline = now_ms() + KILL_AFTER_MS;
			continue;
		}
		instead = sig == 0 ? STATUS_TIMEOUT : STATUS_INTERRUPTED;
		kill(-test, SIGTERM);
		kill(-test, SIGCONT);
		deadline = now_ms() + KILL_AFTER_MS;
	}
	/* what is about to end by itself (a daemon just told to stop) has a moment */
	deadline = now_ms() + grace;
	while (collect(test, &status, &ended))
		if (wait_signal(&set, deadline) == 0)
			break;
	report(argv[at + 1]);
	kill_all(test);
	if (instead)
		return instead;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
