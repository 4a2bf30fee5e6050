/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rfsd.c: the program of file replication.  Wiring only: lines from heart become calls of rfs/keeper.h, what that tells becomes lines to heart; with
 * --worker it is the process that moves the data (rfs/worker.c).
 *
 * Started by heart: rfsd -m AM with a socket as descriptor 3 (wire/rfsline.h).  When the socket ends, or on SIGTERM, it ends at once and leaves
 * everything as it is: mounts, worker, link.  The next one takes over.
 */
#include "config.h"
#include "base/talk.h"
#include "rfs/keeper.h"
#include "wire/rfsline.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define USAGE	"usage: rfsd -m MODULE (started by heart)"

static struct {
	uv_loop_t	*loop;
	const char	*module;
	struct talk	*talk;
	struct keeper	*keeper;
	uv_signal_t	 term;
	bool		 ending;
	int		 status;
} D;

static void
finish(int status)
{
	D.ending = true;
	D.status = status;
}

/* ---- heart ---- */

static void
hook_say(void *ctx, json_t *line)
{
	if (D.talk != NULL)
		talk_send(D.talk, line);
	else
		json_decref(line);
}

static void
hook_over(void *ctx)
{
	finish(0);
}

static void
on_line_end(void *ctx, const char *why)
{
	if (why[0] != '\0')
		warn_text("heart of %s: %s", D.module, why);
	finish(why[0] != '\0');
}

static void
on_object(void *ctx, const json_t *o)
{
	const char *wrong = keeper_order(D.keeper, o);

	if (wrong == NULL)
		return;
	warn_text("heart of %s says what rfsd does not understand: expected %s", D.module, wrong);
	finish(1);
}

static void
on_term(uv_signal_t *s, int signum)
{
	finish(0);
}

/* ---- start ---- */

static void
keep_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd != -1 && fd < 3);
	if (fd != -1)
		close(fd);
}

static int
run(void)
{
	struct keeper_hooks hooks = { NULL, hook_say, hook_over };
	struct talk_hooks lines = { NULL, on_object, on_line_end };
	char var[PATH_MAX], err[SK_TEXT_MAX];

	D.loop = uv_default_loop();
	uv_signal_init(D.loop, &D.term);
	uv_signal_start(&D.term, on_term, SIGTERM);
	if (!path_format(var, sizeof(var), "%s/modules/%s", path_safevar(), D.module))
		fatal("%s: too long", path_safevar());
	D.talk = talk_open(D.loop, RFS_LINE_FD, RFS_LINE_MAX, &lines);
	if (D.talk == NULL)
		fatal("rfsd %s: no memory", D.module);
	D.keeper = keeper_new(D.loop, D.module, var, &hooks, err, sizeof(err));
	if (D.keeper == NULL)
		fatal("rfsd %s: %s", D.module, err);
	while (!D.ending)
		uv_run(D.loop, UV_RUN_ONCE);
	uv_run(D.loop, UV_RUN_NOWAIT);	/* last words */
	_exit(D.status);	/* a thread may wait in umount or statfs: exit() would wait for it */
}

int
main(int argc, char **argv)
{
	static const struct option options[] = { { "worker", required_argument, NULL, 'w' }, { NULL, 0, NULL, 0 } };
	const char *worker = NULL;
	struct stat st;
	int c;

	diag_init("rfsd", getenv("SAFE_DEBUG") != NULL);
	while ((c = getopt_long(argc, argv, "m:", options, NULL)) != -1) {
		if (c == 'm')
			D.module = optarg;
		else if (c == 'w')
			worker = optarg;
		else
			fatal("%s", USAGE);
	}
	if (D.module == NULL || !str_is_name(D.module) || optind != argc || fstat(RFS_LINE_FD, &st) == -1 || !S_ISSOCK(st.st_mode) ||
	    (worker != NULL && strcmp(worker, "primary") != 0 && strcmp(worker, "second") != 0))
		fatal("%s", USAGE);
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	if (worker != NULL)
		return worker_run(D.module, strcmp(worker, "primary") == 0);
	keep_standard_files();
	mallopt(M_ARENA_MAX, 1);
	return run();
}
