/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c: safeagent, the SNMP subagent: options, privileges, two threads.
 *
 * Owns: start and end of the process.  Never does: anything of SNMP or of the engine.
 */
#include "config.h"
#include "agent/agent.h"
#include "base/privilege.h"

#include <sys/eventfd.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AGENTX_SOCKET	"/var/agentx/master"	/* snmpd's default */
#define LOG_LEVELS	"UEC"	/* of skTrapLogMesg; the user's guide (10.8) names I and E, I would be most of the log */

volatile int agent_quit;
static struct agent agent = { .mutex = PTHREAD_MUTEX_INITIALIZER };

void
agent_wake(int fd)
{
	uint64_t one = 1;

	/* full means that it was woken four thousand million times and did not look: it is awake */
	while (write(fd, &one, sizeof(one)) == -1 && errno == EINTR)
		;
}

void
agent_woken(int fd)
{
	uint64_t n;

	while (read(fd, &n, sizeof(n)) == -1 && errno == EINTR)
		;
}

static void
on_signal(int sig)
{
	int saved = errno;

	if (sig == SIGALRM)
		_exit(0);	/* snmpd holds the AgentX thread: nothing of ours is left to do */
	__atomic_store_n(&agent_quit, 1, __ATOMIC_RELAXED);
	agent_wake(agent.wake_agentx);
	agent_wake(agent.wake_feed);
	alarm(2);
	errno = saved;
}

static void
usage(FILE *to)
{
	fprintf(to, "usage: safeagent [-fv] [-x SOCKET] [--control on|off] [--log-traps LEVELS] [--trap-rate N] [--trap-burst N] [--no-drop]\n");
}

static uint32_t
number_option(const char *name, const char *text)
{
	uint64_t n;

	if (!str_to_u64(text, 1, 10000, &n)) {
		fprintf(stderr, "safeagent: --%s %s: expected a number 1..10000\n", name, text);
		exit(2);
	}
	return (uint32_t)n;
}

struct options { uint32_t rate, burst; const char *levels; bool drop; };

static void
read_options(int argc, char **argv, struct options *o)
{
	enum { O_CONTROL = 256, O_LEVELS, O_RATE, O_BURST, O_NO_DROP };
	static const struct option longs[] = {
		{ "control", required_argument, NULL, O_CONTROL }, { "log-traps", required_argument, NULL, O_LEVELS },
		{ "trap-rate", required_argument, NULL, O_RATE }, { "trap-burst", required_argument, NULL, O_BURST },
		{ "no-drop", no_argument, NULL, O_NO_DROP }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "fvx:h", longs, NULL)) != -1) {
		switch (c) {
		case 'f': break;	/* the only way it runs */
		case 'v': agent.verbose++; break;
		case 'x': agent.socket = optarg; break;
		case 'h': usage(stdout); exit(0);
		case O_CONTROL:
			agent.control = strcmp(optarg, "on") == 0;
			if (!agent.control && strcmp(optarg, "off") != 0) {
				fprintf(stderr, "safeagent: --control %s: expected on or off\n", optarg);
				exit(2);
			}
			break;
		case O_LEVELS:
			if (strspn(optarg, "UECSI") != strlen(optarg) || strlen(optarg) > 5) {
				fprintf(stderr, "safeagent: --log-traps %s: expected letters of UECSI\n", optarg);
				exit(2);
			}
			o->levels = optarg;
			break;
		case O_RATE: o->rate = number_option("trap-rate", optarg); break;
		case O_BURST: o->burst = number_option("trap-burst", optarg); break;
		case O_NO_DROP: o->drop = false; break;
		default: usage(stderr); exit(2);
		}
	}
	if (optind < argc) {
		usage(stderr);
		exit(2);
	}
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

int
main(int argc, char **argv)
{
	struct options o = { .rate = TRAP_RATE, .burst = TRAP_BURST, .levels = LOG_LEVELS, .drop = true };
	int64_t now = clock_mono_ms();
	sigset_t all, before;
	pthread_t feed;
	bool good;
	int rc;

	agent.socket = getenv("AGENTX_SOCKET");
	if (agent.socket == NULL || agent.socket[0] == '\0')
		agent.socket = AGENTX_SOCKET;
	read_options(argc, argv, &o);
	diag_init("safeagent", agent.verbose);
	if (o.drop)
		privilege_drop();
	agent.wake_agentx = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	agent.wake_feed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (agent.wake_agentx == -1 || agent.wake_feed == -1)
		fatal("eventfd: %s", strerror(errno));
	if (!snap_init(&agent.snap, now) || !trap_init(&agent.traps, o.rate, o.burst, o.levels, now))
		fatal("out of memory");
	catch_signals();

	/* signals are for the main thread */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	rc = pthread_create(&feed, NULL, feed_run, &agent);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		fatal("thread: %s", strerror(rc));
	good = agentx_run(&agent);
	__atomic_store_n(&agent_quit, 1, __ATOMIC_RELAXED);
	agent_wake(agent.wake_feed);
	pthread_join(feed, NULL);
	snap_free(&agent.snap);
	trap_free(&agent.traps);
	return good ? 0 : 1;
}
