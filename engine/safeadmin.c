/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * safeadmin.c: the node's process.  Wiring only: rooms in order, undone in reverse; what it publishes goes through admin_log/admin_notice.
 */
#include "config.h"
#include "ctl/admin.h"
#include "ctl/certs.h"

#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES	4096

static struct admin A;
static uv_async_t journal_wake;
static uv_signal_t sig_term, sig_int;

/* ---- what happened ---- */

void
admin_log(struct admin *a, struct rpt_log *row)
{
	if (row->time_us == 0)
		row->time_us = clock_wall_us();
	row->seq = journal_log(a->journal, row);
	if (strchr("UECS", row->level[0]) != NULL)
		syslog_put(a->syslog, row);
	server_event(a, json_pack("{s:s,s:o}", "event", "log", "data", report_encode(&rpt_log_type, row)), row->module);
	if (strchr("UEC", row->level[0]) != NULL) {
		struct rpt_notice n = { .time_ms = row->time_us / 1000, .type = NT_LOG, .key = row->key };

		memcpy(n.module, row->module, sizeof(n.module));
		memcpy(n.message, row->message, sizeof(n.message));
		memcpy(n.level, row->level, sizeof(n.level));
		admin_notice(a, &n);
	}
}

void
admin_notice(struct admin *a, struct rpt_notice *n)
{
	const struct picture_module *pm = picture_find(&a->picture, n->module);

	if (n->module_id == 0 && pm != NULL)
		n->module_id = pm->report.id;
	n->seq = journal_notice(a->journal, n);
	a->picture.engine.notice_seq = n->seq;
	server_event(a, json_pack("{s:s,s:o}", "event", "notice", "data", report_encode(&rpt_notice_type_type, n)), NULL);
}

void
admin_say(struct admin *a, const char *module, enum message m, ...)
{
	struct rpt_log row = { .key = message_rows[m].key, .level = { message_rows[m].level, '\0' } };
	va_list ap;

	va_start(ap, m);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	vsnprintf(row.message, sizeof(row.message), message_rows[m].format, ap);	/* formats of the catalogue: %s only */
#pragma GCC diagnostic pop
	va_end(ap);
	str_copy(row.module, sizeof(row.module), module);
	str_copy(row.origin, sizeof(row.origin), "safeadmin");
	admin_log(a, &row);
}

static void
on_picture(void *ctx, enum picture_change what, const void *row)
{
	server_picture(ctx, what, row);
}

/* ---- journal ---- */

static void
wake_journal(void *ctx)
{
	uv_async_send(&journal_wake);
}

static void
on_journal(uv_async_t *w)
{
	uint64_t lost;

	journal_poll(A.journal);
	lost = journal_lost(A.journal);
	if (lost != A.picture.engine.journal_lost) {
		A.picture.engine.journal_lost = lost;
		picture_touch_engine(&A.picture);
	}
}

static void
on_trouble(void *ctx, int message, const char *text)
{
	struct rpt_log row = { .key = message_rows[message].key, .level = { message_rows[message].level, '\0' } };

	warn_text("%s", text);
	str_copy(row.origin, sizeof(row.origin), "safeadmin");
	str_copy(row.message, sizeof(row.message), text);
	admin_log(&A, &row);
}

/* ---- start and end ---- */

static void
take_lock(void)
{
	char file[512];
	int fd;

	if (path_mkdirs(path_safevar(), 0755) == -1)
		fatal("%s: %s", path_safevar(), strerror(errno));
	path_format(file, sizeof(file), "%s/run", path_safevar());
	if (path_mkdirs(file, 0755) == -1)
		fatal("%s: %s", file, strerror(errno));
	path_format(file, sizeof(file), "%s/run/safeadmin.lock", path_safevar());
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1 || flock(fd, LOCK_EX | LOCK_NB) == -1)
		fatal("safeadmin is already running (%s)", file);
	if (ftruncate(fd, 0) == 0)
		dprintf(fd, "%d\n", (int)getpid());
	/* fd stays open: the lock lives as long as this process */
}

static bool
first_of_this_boot(void)
{
	char file[512], *text;
	bool same = false;

	path_format(file, sizeof(file), "%s/run/boot", path_safevar());
	if (path_read(file, &text, 256) >= 0) {
		same = strcmp(text, path_node_boot_id()) == 0;
		free(text);
	}
	if (!same && path_write_atomic(file, path_node_boot_id(), strlen(path_node_boot_id()), 0644) == -1)
		warn_errno("%s", file);
	return !same;
}

/* "safekit boot snmpon", "boot weboff" on a server without systemd (which starts them itself): what cli/cli_service.c wrote */
static void
start_services_at_boot(void)
{
	static struct { uv_process_t p; char verb[16], name[16]; bool at_boot; } services[] = {
		{ .verb = "safeagent", .name = "safeagent", .at_boot = false }, { .verb = "webserver", .name = "safewebserver", .at_boot = true },
	};
	char marker[512], file[512], program[512], *text;
	size_t i;

	path_format(file, sizeof(file), "%s/safekit", path_safe());
	for (i = 0; i < ARRAY_LEN(services) && A.boot && access("/run/systemd/system", F_OK) != 0; i++) {
		char *args[] = { file, services[i].verb, (char[]){ "start" }, NULL };
		uv_process_options_t o = { .file = file, .args = args, .flags = UV_PROCESS_DETACHED };
		bool start = services[i].at_boot;

		path_format(marker, sizeof(marker), "%s/boot/%s", path_safevar(), services[i].name);
		path_format(program, sizeof(program), "%s/private/bin/%s", path_safe(), services[i].name);
		if (path_read(marker, &text, 64) >= 0) {
			start = strcmp(text, "on\n") == 0;
			free(text);
		}
		if (start && (!services[i].at_boot || access(program, X_OK) == 0) && uv_spawn(A.loop, &services[i].p, &o) != 0)
			warn_text("%s %s start: cannot be run", file, services[i].verb);
	}
}

/* 1024 connections, and the files, sockets and children besides; a soft limit of 1024 is what most systems give */
static void
raise_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1 || r.rlim_cur >= FILES)
		return;
	r.rlim_cur = r.rlim_max < FILES ? r.rlim_max : FILES;
	if (setrlimit(RLIMIT_NOFILE, &r) == -1)
		warn_errno("RLIMIT_NOFILE");
}

static void
on_signal(uv_signal_t *s, int signum)
{
	A.ending = true;
	uv_stop(A.loop);
}

int
main(int argc, char **argv)
{
	struct journal_hooks jh = { NULL, wake_journal, on_trouble };
	char dir[512], err[SK_TEXT_MAX];
	int c, verbose = getenv("SAFE_DEBUG") != NULL;

	while ((c = getopt(argc, argv, "fv")) != -1) {
		if (c == 'v')
			verbose = 1;
		else if (c != 'f') {
			fprintf(stderr, "usage: safeadmin [-f] [-v]   (stays in the foreground)\n");
			return 2;
		}
	}
	diag_init("safeadmin", verbose);
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	raise_files();
	take_lock();
	A.loop = uv_default_loop();
	A.boot = first_of_this_boot();
	picture_init(&A.picture, on_picture, &A);
	A.picture.engine.pid = (uint32_t)getpid();
	A.picture.engine.started_ms = clock_wall_us() / 1000;
	str_copy(A.picture.engine.version, sizeof(A.picture.engine.version), PACKAGE_VERSION);
	uv_async_init(A.loop, &journal_wake, on_journal);
	path_format(dir, sizeof(dir), "%s/db", path_safevar());
	A.journal = journal_new(dir, &jh);
	if (A.journal == NULL)
		fatal("no memory or thread for the journal");
	gethostname(dir, sizeof(dir) - 1);
	A.syslog = syslog_new(dir, NULL, NULL);
	A.registry = registry_new(&A);
	if (A.syslog == NULL || A.registry == NULL || member_new(&A) == NULL)
		fatal("out of memory");
	A.server = server_new(&A, err, sizeof(err));
	if (A.server == NULL)
		fatal("%s", err);
	uv_signal_init(A.loop, &sig_term);
	uv_signal_init(A.loop, &sig_int);
	uv_signal_start(&sig_term, on_signal, SIGTERM);
	uv_signal_start(&sig_int, on_signal, SIGINT);
	start_services_at_boot();
	certs_start(&A);
	member_reload(&A);	/* when the cluster is known, the modules start */
	uv_run(A.loop, UV_RUN_DEFAULT);

	/* modules go on: hearts live without us */
	A.ending = true;
	member_leave(&A);
	server_free(A.server);
	registry_free(A.registry);
	A.registry = NULL;
	A.server = NULL;
	member_free(A.member);
	journal_free(A.journal);
	syslog_free(A.syslog);
	certs_end();
	uv_close((uv_handle_t *)&journal_wake, NULL);
	uv_close((uv_handle_t *)&sig_term, NULL);
	uv_close((uv_handle_t *)&sig_int, NULL);
	uv_run(A.loop, UV_RUN_DEFAULT);
	picture_free(&A.picture);
	return 0;
}
