/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c: safeexport, the exporter of time series: options, privileges, threads.
 *
 * Owns: start and end of the process.  Never does: anything of HTTP or of the engine.
 */
#include "config.h"
#include "agent/export/export.h"
#include "agent/export/metrics.h"
#include "agent/export/push.h"
#include "agent/export/sink.h"
#include "base/privilege.h"

#include <sys/eventfd.h>
#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONF_FILE	"private/conf/safeexport.conf"	/* below SAFE; need not be there */

volatile int export_quit;
static struct exporter exporter;

static void
on_signal(int sig)
{
	int saved = errno;
	uint64_t one = 1;

	if (sig == SIGALRM)
		_exit(0);	/* a disk or a network holds a thread: what is in the spool stays there */
	__atomic_store_n(&export_quit, 1, __ATOMIC_RELAXED);
	while (write(exporter.wake_feed, &one, sizeof(one)) == -1 && errno == EINTR)
		;
	alarm(5);
	errno = saved;
}

static void
usage(FILE *to)
{
	fprintf(to, "usage: safeexport [-fv] [-c FILE] [--listen ADDRESS:PORT | --no-listen] [--spool FILE] [--kairosdb URL] [--influxdb URL]\n"
	    "       [--victoriametrics URL] [--no-drop] [--check]\n       safeexport --metrics\n");
}

/* ---- options ---- */

struct options { const char *file, *listen, *spool, *url[3]; bool drop, check; int verbose; };
static const char *const url_types[3] = { "kairosdb", "influxdb", "victoriametrics" };

static void
read_options(int argc, char **argv, struct options *o)
{
	enum { O_LISTEN = 256, O_NO_LISTEN, O_SPOOL, O_KAIROSDB, O_INFLUXDB, O_VICTORIAMETRICS, O_NO_DROP, O_CHECK, O_METRICS };
	static const struct option longs[] = {
		{ "listen", required_argument, NULL, O_LISTEN }, { "no-listen", no_argument, NULL, O_NO_LISTEN },
		{ "spool", required_argument, NULL, O_SPOOL }, { "kairosdb", required_argument, NULL, O_KAIROSDB },
		{ "influxdb", required_argument, NULL, O_INFLUXDB }, { "victoriametrics", required_argument, NULL, O_VICTORIAMETRICS },
		{ "no-drop", no_argument, NULL, O_NO_DROP }, { "check", no_argument, NULL, O_CHECK }, { "metrics", no_argument, NULL, O_METRICS },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "fvc:h", longs, NULL)) != -1) {
		switch (c) {
		case 'f': break;	/* the only way it runs */
		case 'v': o->verbose++; break;
		case 'c': o->file = optarg; break;
		case 'h': usage(stdout); exit(0);
		case O_LISTEN: o->listen = optarg; break;
		case O_NO_LISTEN: o->listen = ""; break;
		case O_SPOOL: o->spool = optarg; break;
		case O_KAIROSDB: case O_INFLUXDB: case O_VICTORIAMETRICS: o->url[c - O_KAIROSDB] = optarg; break;
		case O_NO_DROP: o->drop = false; break;
		case O_CHECK: o->check = true; break;
		case O_METRICS: metrics_markdown(stdout); exit(0);
		default: usage(stderr); exit(2);
		}
	}
	if (optind < argc) {
		usage(stderr);
		exit(2);
	}
}

/* The file, then what the options say over it */
static bool
configure(struct export_conf *c, const struct options *o, char *err, size_t errsize)
{
	char path[CONF_TEXT_MAX];
	struct sink_conf *s;
	size_t i;

	conf_defaults(c);
	if (o->file == NULL) {
		if (path_format(path, sizeof(path), "%s/" CONF_FILE, path_safe()) && access(path, F_OK) == 0 && !conf_read(c, path, err, errsize))
			return false;
	} else if (o->file[0] != '\0' && !conf_read(c, o->file, err, errsize)) {
		return false;
	}
	if ((o->listen != NULL && !conf_set(c, NULL, "listen", o->listen, err, errsize)) ||
	    (o->spool != NULL && !conf_set(c, NULL, "spool", o->spool, err, errsize)))
		return false;
	for (i = 0; i < ARRAY_LEN(url_types); i++)
		if (o->url[i] != NULL && ((s = conf_add_sink(c, url_types[i], err, errsize)) == NULL ||
		    !conf_set(c, s, "type", url_types[i], err, errsize) || !conf_set(c, s, "url", o->url[i], err, errsize)))
			return false;
	return conf_check(c, err, errsize);
}

static void
catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigemptyset(&sa.sa_mask);
	if (sigaction(SIGTERM, &sa, NULL) == -1 || sigaction(SIGINT, &sa, NULL) == -1 || sigaction(SIGALRM, &sa, NULL) == -1)
		fatal("sigaction: %s", strerror(errno));
	signal(SIGPIPE, SIG_IGN);
}

static struct push *pushes[SINKS_MAX];

/* The spool, and a thread per sink */
static bool
start_sinks(struct exporter *e)
{
	const struct spool_limits limits = { e->conf.spool_size, e->conf.spool_age_s };
	const char *names[SINKS_MAX];
	size_t i;

	if (e->conf.sinks == 0)
		return true;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		fatal("libcurl does not begin");
	for (i = 0; i < e->conf.sinks; i++) {
		names[i] = e->conf.sink[i].name;
		str_copy(e->keep.sink[i].name, sizeof(e->keep.sink[i].name), names[i]);
	}
	e->keep.sinks = e->conf.sinks;
	e->keep.spooling = true;
	e->spool = spool_new(e->conf.spool, &limits, names, e->conf.sinks);
	if (e->spool == NULL)
		fatal("out of memory");
	spool_figures(e->spool, &e->keep);
	for (i = 0; i < e->conf.sinks; i++)
		if ((pushes[i] = push_start(e, e->spool, i)) == NULL)
			return false;
	return true;
}

static void
stop_sinks(struct exporter *e)
{
	size_t i;

	__atomic_store_n(&export_quit, 1, __ATOMIC_RELAXED);
	if (e->spool == NULL)
		return;
	spool_wake(e->spool);
	for (i = 0; i < e->conf.sinks; i++)
		push_stop(pushes[i]);
	spool_free(e->spool);
	curl_global_cleanup();
}

int
main(int argc, char **argv)
{
	struct exporter *e = &exporter;
	struct options o = { .drop = true };
	struct http *http = NULL;
	sigset_t all, before;
	char err[512];
	bool good;

	read_options(argc, argv, &o);
	diag_init("safeexport", o.verbose);
	if (!configure(&e->conf, &o, err, sizeof(err))) {
		fprintf(stderr, "safeexport: %s\n", err);
		return 2;
	}
	if (o.check)
		return 0;
	if (o.drop)
		privilege_drop();
	e->wake_feed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->wake_feed == -1)
		fatal("eventfd: %s", strerror(errno));
	if (!keep_init(&e->keep))
		fatal("out of memory");
	catch_signals();

	/* signals are for the main thread */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	good = start_sinks(e) && (e->conf.listen[0] == '\0' || (http = http_start(e)) != NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (good)
		feed_run(e);
	http_stop(http);
	stop_sinks(e);
	keep_free(&e->keep);
	return good ? 0 : 1;
}
