/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c: safewebgate, the program between the web server and the engine: options, socket, the two processes.
 *
 * Owns: SAFEVAR/run/web.  The parent stays root and never sees HTTP; the child becomes the user safekit and never sees a key.
 */
#include "config.h"
#include "base/privilege.h"
#include "web/gateway/gateway.h"

#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define FILES_MAX	4096	/* descriptors of the child: connections, and what they need (ours) */

static char socket_path[PATH_MAX];
static int lock_fd;	/* open as long as the process lives */

static void
usage(FILE *to)
{
	fputs("usage: safewebgate -w USER [-p PIDFILE]	(USER: whom the web server runs as; he alone may use the socket)\n"
	    "       safewebgate --routes | --openapi\n", to);
}

/* One of us at a time: the lock lasts as long as the process does */
static void
take_lock(void)
{
	char file[PATH_MAX];

	if (!path_format(file, sizeof(file), "%s/run/web", path_safevar()) || path_mkdirs(file, 0755) == -1)
		fatal("%s/run/web: %s", path_safevar(), strerror(errno));
	if (!path_format(file, sizeof(file), "%s/run/web/gateway.lock", path_safevar()))
		fatal("SAFEVAR is too long");
	lock_fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock_fd == -1 || flock(lock_fd, LOCK_EX | LOCK_NB) == -1)
		fatal("%s: %s", file, errno == EWOULDBLOCK ? "it runs already" : strerror(errno));
}

/* The socket is the web server's user's from its first moment: nobody else can reach it, not even for an instant */
static int
listen_for(const char *user)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	/* cppcheck-suppress getpwnamCalled ; one thread */
	const struct passwd *pw = getpwnam(user);
	mode_t before;
	int fd;

	if (pw == NULL)
		fatal("there is no user %s", user);
	if (!path_format(socket_path, sizeof(socket_path), "%s/run/web/gateway.sock", path_safevar()) ||
	    !str_copy(sa.sun_path, sizeof(sa.sun_path), socket_path))
		fatal("%s/run/web/gateway.sock is too long for a socket", path_safevar());
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(socket_path);	/* the lock is ours: whoever made this is gone */
	before = umask(0177);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1)
		fatal("%s: %s", socket_path, strerror(errno));
	(void)umask(before);
	if (geteuid() == 0 && chown(socket_path, pw->pw_uid, pw->pw_gid) == -1)
		fatal("%s: %s", socket_path, strerror(errno));
	if (listen(fd, 511) == -1)
		fatal("%s: %s", socket_path, strerror(errno));
	return fd;
}

static void
limit(int what, rlim_t n)
{
	struct rlimit l;

	if (getrlimit(what, &l) == -1)
		return;
	if (l.rlim_max != RLIM_INFINITY && l.rlim_max < n && geteuid() != 0)
		n = l.rlim_max;
	l.rlim_cur = l.rlim_max = n;
	if (setrlimit(what, &l) == -1)
		warn_errno("setrlimit");
}

static _Noreturn void
be_child(int sock, int listener, pid_t parent, const sigset_t *mask)
{
	limit(RLIMIT_NOFILE, FILES_MAX);
	limit(RLIMIT_FSIZE, FILE_MAX + 1);
	limit(RLIMIT_CORE, 0);
	privilege_drop();
	/* after the change of user, which would undo it */
	if (prctl(PR_SET_DUMPABLE, 0) == -1 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 || prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 ||
	    getppid() != parent)
		_exit(1);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	exit(child_run(sock, listener));
}

static int
serve(const char *user, const char *pidfile)
{
	pid_t parent = getpid(), child;
	sigset_t set, before;
	char text[16];
	int pair[2], listener, status;

	take_lock();
	listener = listen_for(user);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		fatal("socketpair: %s", strerror(errno));
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, &before);
	child = fork();
	if (child == -1)
		fatal("fork: %s", strerror(errno));
	if (child == 0) {
		close(pair[0]);
		be_child(pair[1], listener, parent, &before);
	}
	close(pair[1]);
	close(listener);
	snprintf(text, sizeof(text), "%d\n", (int)parent);
	if (pidfile != NULL && path_write_atomic(pidfile, text, strlen(text), 0644) == -1)
		warn_errno("%s", pidfile);
	status = parent_run(pair[0], child);
	(void)kill(child, SIGTERM);
	unlink(socket_path);
	if (pidfile != NULL)
		unlink(pidfile);
	return status;
}

int
main(int argc, char **argv)
{
	const char *user = NULL, *pidfile = NULL;
	int c;

	diag_init("safewebgate", 0);
	if (argc == 2 && strcmp(argv[1], "--routes") == 0) {
		openapi_markdown(stdout);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--openapi") == 0) {
		json_t *doc = openapi_document();

		json_dumpf(doc, stdout, JSON_INDENT(1));
		json_decref(doc);
		return doc != NULL ? 0 : 1;
	}
	while ((c = getopt(argc, argv, "w:p:h")) != -1) {
		switch (c) {
		case 'w': user = optarg; break;
		case 'p': pidfile = optarg; break;
		case 'h': usage(stdout); return 0;
		default: usage(stderr); return 2;
		}
	}
	if (user == NULL || optind < argc) {
		usage(stderr);
		return 2;
	}
	openlog("safewebgate", LOG_PID, LOG_DAEMON);
	return serve(user, pidfile);
}
