/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * caserv.c: safecaserv's main and its keeper: caserv.h tells the whole.
 *   safecaserv -w WEBUSER [-p PIDFILE] [-d]
 * Started by startcaserv, ended by stopcaserv (SIGTERM: between two actions, never within one).
 */
#include "config.h"
#include "web/pki/caserv.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_USER	"safekit"
#define FRAME_MAX	(1u << 20)
#define BACKLOG		32

struct options { const char *web_user, *pid_file; bool background; };
static struct { pid_t child; char socket[PATH_MAX], pid_file[PATH_MAX]; } left;	/* what the end removes: fixed before the signal may come */

/* Only what may be called from a signal handler */
static void
on_end(int sig)
{
	if (left.child > 0)
		(void)kill(left.child, SIGTERM);
	(void)unlink(left.socket);
	if (left.pid_file[0] != '\0')
		(void)unlink(left.pid_file);
	_exit(sig == 0 ? 1 : 0);
}

static void
hold_signals(bool hold)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	(void)sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static struct passwd
user(const char *name)
{
	const struct passwd *pw;

	errno = 0;
	/* cppcheck-suppress getpwnamCalled ; one thread */
	pw = getpwnam(name);
	if (pw == NULL)
		return (struct passwd){ .pw_name = NULL };
	return *pw;
}

/* Only Apache's processes may come in: their user owns the socket */
static int
listen_for(const char *web_user)
{
	struct passwd pw = user(web_user);
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char dir[PATH_MAX];
	mode_t mask;
	int fd;

	if (pw.pw_name == NULL || pw.pw_uid == 0)
		fatal("-w: there is no user %s, or it is root", web_user);
	if (!path_format(dir, sizeof(dir), "%s/run/web", path_safevar()) || path_mkdirs(dir, 0755) == -1 ||
	    !path_format(left.socket, sizeof(left.socket), "%s/" CASERV_SOCKET, path_safevar()))
		fatal("%s/run/web: %s", path_safevar(), strerror(errno));
	if (!str_copy(a.sun_path, sizeof(a.sun_path), left.socket))
		fatal("the name of %s is too long for a socket", left.socket);
	(void)unlink(left.socket);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mask = umask(0177);
	if (fd == -1 || bind(fd, (struct sockaddr *)&a, sizeof(a)) == -1 || chown(left.socket, pw.pw_uid, (gid_t)-1) == -1 || listen(fd, BACKLOG) == -1)
		fatal("%s: %s", left.socket, strerror(errno));
	umask(mask);
	return fd;
}

/* Never root: safekit, and where there is no such user that of Apache */
static void
become(const char *web_user)
{
	struct passwd pw = user(CHILD_USER);

	if (pw.pw_name == NULL)
		pw = user(web_user);
	if (pw.pw_name == NULL || pw.pw_uid == 0 || initgroups(pw.pw_name, pw.pw_gid) == -1 || setgid(pw.pw_gid) == -1 || setuid(pw.pw_uid) == -1)
		fatal("cannot become an ordinary user: %s", strerror(errno));
	if (setuid(0) == 0)
		fatal("still root after becoming user %s", pw.pw_name);
	if (prctl(PR_SET_DUMPABLE, 0) == -1 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 || chdir("/") == -1)
		fatal("prctl: %s", strerror(errno));
}

static void
keep(int pair)
{
	for (;;) {
		const struct caserv_action *a;
		char err[SK_TEXT_MAX];
		json_t *request, *reply = NULL;
		bool sent;

		request = caserv_receive(pair, FRAME_MAX);
		if (request == NULL)
			return;
		hold_signals(true);
		a = caserv_check(request, err, sizeof(err));
		if (a == NULL)
			reply = json_pack("{s:i,s:s}", "status", 2, "text", err);
		else
			reply = caserv_run(a, json_object_get(request, "fields"));
		if (reply == NULL)
			reply = json_pack("{s:i,s:s}", "status", 1, "text", "Error: the action could not be run: the log of safecaserv tells why");
		json_decref(request);
		sent = caserv_send(pair, reply);
		json_decref(reply);
		hold_signals(false);
		if (!sent)
			return;
	}
}

/* The process that was started ends when the other one is ready (1) or has failed; the other one returns with the pipe to say so */
static int
go_background(void)
{
	int ready[2];
	char said = 0;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) == -1 || (pid = fork()) == -1)
		fatal("fork: %s", strerror(errno));
	if (pid == 0) {
		close(ready[0]);
		if (setsid() == -1)
			fatal("setsid: %s", strerror(errno));
		return ready[1];
	}
	close(ready[1]);
	_exit(read(ready[0], &said, 1) == 1 ? 0 : 1);
}

static void
write_pid(const char *file)
{
	char text[32];

	if (file == NULL)
		return;
	(void)path_format(text, sizeof(text), "%d\n", (int)getpid());
	if (!str_copy(left.pid_file, sizeof(left.pid_file), file) || path_write_atomic(file, text, strlen(text), 0644) == -1)
		fatal("%s: %s", file, strerror(errno));
}

/* Before the other process is made: neither keeps a pipe of who started us */
static void
leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null != -1 && dup2(null, 0) != -1 && dup2(null, 1) != -1)
		close(null);
	else
		fatal("/dev/null: %s", strerror(errno));
}

static void
tell_ready(int ready)
{
	if (ready == -1)
		return;
	if (write(ready, "1", 1) != 1)
		fatal("cannot say that it is ready: %s", strerror(errno));
	close(ready);
}

static int
serve(const struct options *o)
{
	int pair[2], listener, ready = o->background ? go_background() : -1;

	if (prctl(PR_SET_DUMPABLE, 0) == -1)
		fatal("prctl: %s", strerror(errno));
	leave_terminal();
	listener = listen_for(o->web_user);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1 || (left.child = fork()) == -1)
		fatal("fork: %s", strerror(errno));
	if (left.child == 0) {
		close(pair[0]);
		if (ready != -1)
			close(ready);
		hold_signals(false);
		(void)signal(SIGTERM, SIG_DFL);
		(void)signal(SIGINT, SIG_DFL);
		become(o->web_user);
		caserv_http(listener, pair[1]);
	}
	close(pair[1]);
	close(listener);
	write_pid(o->pid_file);
	tell_ready(ready);
	hold_signals(false);
	keep(pair[0]);
	warn_text("the process that speaks HTTP has ended");
	on_end(0);
	return 1;
}

int
main(int argc, char **argv)
{
	struct sigaction end = { .sa_handler = on_end };
	struct options o = { NULL, NULL, false };
	int c;

	diag_init("safecaserv", 0);
	while ((c = getopt(argc, argv, "w:p:d")) != -1) {
		switch (c) {
		case 'w': o.web_user = optarg; break;
		case 'p': o.pid_file = optarg; break;
		case 'd': o.background = true; break;
		default: o.web_user = NULL; argc = 0; break;
		}
	}
	if (o.web_user == NULL || optind != argc) {
		fputs("usage: safecaserv -w WEBUSER [-p PIDFILE] [-d]\n", stderr);
		return 2;
	}
	if (geteuid() != 0)
		fatal("only root may start the CA web service");
	umask(022);
	hold_signals(true);	/* until there is something that the end could remove */
	(void)sigaction(SIGTERM, &end, NULL);
	(void)sigaction(SIGINT, &end, NULL);
	return serve(&o);
}
