/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c: safemail, the e-mail agent: options, configuration, privileges.
 *
 * Owns: start and end of the process.  Never does: anything of mail.
 */
#include "config.h"
#include "notifier/safemail.h"

#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAIL_USER	"safekit"
static const char *const log_groups[] = { "systemd-journal", "adm" };	/* may read the journal, the files of syslog; as the unit has it */
#define SINCE_DEFAULT_S	3600

enum what { RUN = 0, TEST, DRY_RUN, SHOW_QUEUE, RETRY, DROP };
struct options { enum what what; bool drop; int64_t id, since_s; };

static void
usage(FILE *to)
{
	fprintf(to, "usage: safemail [-fv] [-c FILE] [-d DIR] [--no-drop]\n"
	    "       safemail [-v] [-c FILE] [--no-drop] --test\n"
	    "       safemail [-c FILE] [--no-drop] --dry-run [--since SECONDS]\n"
	    "       safemail [-d DIR] --show-queue | --retry ID|all | --drop ID|all\n");
}

static int64_t
number(const char *option, const char *text)
{
	uint64_t n;

	if (strcmp(text, "all") == 0 && strcmp(option, "since") != 0)
		return 0;
	if (!str_to_u64(text, 1, INT64_MAX / 1000000, &n)) {
		fprintf(stderr, "safemail: --%s %s: expected a number%s\n", option, text, strcmp(option, "since") == 0 ? " of seconds" : " of --show-queue or all");
		exit(2);
	}
	return (int64_t)n;
}

static void
read_options(int argc, char **argv, struct safemail *m, struct options *o)
{
	enum { O_TEST = 256, O_DRY, O_SINCE, O_QUEUE, O_RETRY, O_DROP, O_NO_DROP };
	static const struct option longs[] = {
		{ "test", no_argument, NULL, O_TEST }, { "dry-run", no_argument, NULL, O_DRY }, { "since", required_argument, NULL, O_SINCE },
		{ "show-queue", no_argument, NULL, O_QUEUE }, { "retry", required_argument, NULL, O_RETRY }, { "drop", required_argument, NULL, O_DROP },
		{ "no-drop", no_argument, NULL, O_NO_DROP }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "fvc:d:h", longs, NULL)) != -1) {
		switch (c) {
		case 'f': break;	/* the only way it runs */
		case 'v': m->verbose++; break;
		case 'c': case 'd':
			if (!str_copy(c == 'c' ? m->conf_file : m->dir, CONF_PATH_MAX, optarg)) {
				fprintf(stderr, "safemail: -%c: path too long\n", c);
				exit(2);
			}
			break;
		case 'h': usage(stdout); exit(0);
		case O_TEST: o->what = TEST; break;
		case O_DRY: o->what = DRY_RUN; break;
		case O_SINCE: o->since_s = number("since", optarg); break;
		case O_QUEUE: o->what = SHOW_QUEUE; break;
		case O_RETRY: o->what = RETRY; o->id = number("retry", optarg); break;
		case O_DROP: o->what = DROP; o->id = number("drop", optarg); break;
		case O_NO_DROP: o->drop = false; break;
		default: usage(stderr); exit(2);
		}
	}
	if (optind < argc) {
		usage(stderr);
		exit(2);
	}
}

bool
safemail_configure(struct safemail *m)
{
	struct mail_conf *conf;
	char *text, err[400];

	if (path_read(m->conf_file, &text, CONF_FILE_MAX) == -1) {
		warn_errno("%s", m->conf_file);
		return false;
	}
	conf = conf_parse(text, err, sizeof(err));
	free(text);
	if (conf == NULL) {
		warn_text("%s: %s", m->conf_file, err);
		return false;
	}
	free(m->conf);
	m->conf = conf;
	if (conf->node[0] != '\0')
		str_copy(m->node, sizeof(m->node), conf->node);
	else if (gethostname(m->node, sizeof(m->node) - 1) == -1 || !str_is_name(m->node))
		str_copy(m->node, sizeof(m->node), "localhost");
	if (conf->from[0] != '\0')
		str_copy(m->from, sizeof(m->from), conf->from);
	else
		snprintf(m->from, sizeof(m->from), "safekit@%s", m->node);
	return true;
}

/* From root to the user safekit, for ever, with the groups that may read the log.  A server without that user (a lab) runs it as it was
 * started.  The spool, made by root at the first start, becomes the user's. */
static void
drop_privileges(const struct safemail *m, bool spool)
{
	const struct passwd *pw;
	const struct group *gr;
	gid_t groups[64];
	int count = 60;
	size_t i;

	if (geteuid() != 0)
		return;
	errno = 0;
	/* cppcheck-suppress getpwnamCalled ; one thread */
	pw = getpwnam(MAIL_USER);
	if (pw == NULL) {
		warn_text("there is no user %s: staying root", MAIL_USER);
		return;
	}
	if (spool && (path_mkdirs(m->dir, 0750) == -1 || chown(m->dir, pw->pw_uid, pw->pw_gid) == -1))
		fatal("%s: %s", m->dir, strerror(errno));
	if (getgrouplist(MAIL_USER, pw->pw_gid, groups, &count) == -1)
		fatal("user %s is in too many groups", MAIL_USER);
	for (i = 0; i < ARRAY_LEN(log_groups); i++) {
		/* cppcheck-suppress getgrnamCalled ; one thread */
		gr = getgrnam(log_groups[i]);
		if (gr != NULL)
			groups[count++] = gr->gr_gid;
	}
	if (setgroups((size_t)count, groups) == -1 || setgid(pw->pw_gid) == -1 || setuid(pw->pw_uid) == -1)
		fatal("cannot become user %s: %s", MAIL_USER, strerror(errno));
	if (setuid(0) == 0)
		fatal("still root after becoming user %s", MAIL_USER);
}

int
main(int argc, char **argv)
{
	static struct safemail m;
	struct options o = { .drop = true, .since_s = SINCE_DEFAULT_S };
	int status = 1;

	path_format(m.conf_file, sizeof(m.conf_file), "%s/mail/conf/safemail.conf", path_safe());
	path_format(m.dir, sizeof(m.dir), "%s/mail", path_safevar());
	read_options(argc, argv, &m, &o);
	diag_init("safemail", m.verbose);
	signal(SIGPIPE, SIG_IGN);
	if (o.what == SHOW_QUEUE)
		return tool_queue(&m);
	if (o.what == RETRY || o.what == DROP)
		return tool_change(&m, o.what == DROP, o.id);
	if (o.drop)	/* also a test: what the service may not read, it must not read either */
		drop_privileges(&m, o.what == RUN);
	if (!safemail_configure(&m))
		return 1;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		fatal("libcurl does not begin");
	switch (o.what) {
	case TEST: status = tool_test(&m); break;
	case DRY_RUN: status = tool_dry_run(&m, clock_wall_us() - o.since_s * 1000000); break;
	default: status = run_service(&m); break;
	}
	curl_global_cleanup();
	free(m.conf);
	return status;
}
