/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_filter.c: what a filter adds to a small UDP packet between two network namespaces, sent and received by this one thread, so that the
 * time of a round is the cost of all on the way.  Rounds of the candidates take turns; the best and the median of each are told.
 *
 *	bench_filter ROUNDS PACKETS NAME:INTF:VIP:NODES[:RULES]...
 * NAME: also the prefix of the network namespaces NAME1..NAMEn that have VIP; the client is in the namespace that we are started in.  With RULES our
 * filter is attached to INTF in each, RULES rules, the last one matches.  The first candidate is what the others are compared with.
 */
#include "config.h"
#include "vip/filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CANDIDATES	8
#define NODES		3
#define CLIENTS		32	/* ports of the client */
#define BATCH		32
#define ROUNDS_MAX	5001
#define PORT		5000

struct candidate {
	char name[32], intf[IFNAMSIZ], vip[40];
	int nodes, rules, node[NODES], client[CLIENTS];
	double ns[ROUNDS_MAX];
	unsigned long sent, received;
};
static struct candidate all[CANDIDATES];
static int home;	/* our network namespace */

static uint64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
enter(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
		fatal("%s: %s", path, strerror(errno));
	close(fd);
}

static int
udp_socket(const char *ip, uint16_t port, bool ours)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), size = 4 << 20;

	inet_pton(AF_INET, ip, &a.sin_addr);
	setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (s < 0 || (ours ? bind(s, (struct sockaddr *)&a, sizeof(a)) : connect(s, (struct sockaddr *)&a, sizeof(a))) != 0)
		fatal("%s: %s", ip, strerror(errno));
	return s;
}

static void
attach(const struct candidate *c, int node)
{
	static struct filter_tables t;
	struct filter_conf conf;
	struct ifreq r;
	struct filter *f;
	char err[SK_TEXT_MAX];
	bool kept;
	int i, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memset(&r, 0, sizeof(r));
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", c->intf);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &r) < 0)
		fatal("%s: %s", c->intf, strerror(errno));
	close(fd);
	memset(&conf, 0, sizeof(conf));
	conf.abi = FILTER_ABI;
	conf.mode = FILTER_INVISIBLE;
	conf.self = (uint8_t)node;
	conf.addrs = 1;
	conf.groups = 1;
	conf.rules = (uint16_t)c->rules;
	memcpy(conf.mac, r.ifr_hwaddr.sa_data, 6);
	conf.addr[0][10] = conf.addr[0][11] = 0xff;
	inet_pton(AF_INET, c->vip, conf.addr[0] + 12);
	conf.vmac[0] = 0x5a;
	conf.vmac[1] = 0xfe;
	memcpy(conf.vmac + 2, conf.addr[0] + 12, 4);
	for (i = 0; i < c->rules; i++)
		conf.rule[i] = (struct filter_rule){ i % 2 ? FILTER_UDP : FILTER_TCP, FILTER_ON_PORT, FILTER_ANY, 0, (uint16_t)(80 + i), 0 };
	conf.rule[c->rules - 1].proto = FILTER_UDP;
	conf.rule[c->rules - 1].port = PORT;
	for (i = 0; i < FILTER_BUCKETS; i++)
		t.group[0].bucket[i].owner = (uint8_t)(i % c->nodes);
	f = filter_bpf.attach((int)if_nametoindex(c->intf), 1, &conf, &kept, err, sizeof(err));
	if (f == NULL)
		fatal("%s: %s", c->name, err);
	filter_bpf.write(f, &t);
	filter_bpf.lease(f, UINT64_MAX);
	filter_bpf.release(f);
}

static void
prepare(struct candidate *c, char *text)
{
	char *word[5] = { NULL }, path[80], *rest = text;
	int i;

	for (i = 0; i < 5 && rest != NULL; i++)
		word[i] = strsep(&rest, ":");
	if (word[3] == NULL)
		fatal("%s: expected NAME:INTF:VIP:NODES[:RULES]", text);
	snprintf(c->name, sizeof(c->name), "%s", word[0]);
	snprintf(c->intf, sizeof(c->intf), "%s", word[1]);
	snprintf(c->vip, sizeof(c->vip), "%s", word[2]);
	c->nodes = atoi(word[3]);
	c->rules = word[4] != NULL ? atoi(word[4]) : 0;
	if (c->nodes < 1 || c->nodes > NODES || c->rules > FILTER_RULES)
		fatal("%s: out of range", c->name);
	for (i = 0; i < CLIENTS; i++)
		c->client[i] = udp_socket(c->vip, PORT, false);
	for (i = 0; i < c->nodes; i++) {
		snprintf(path, sizeof(path), "/run/netns/%s%d", c->name, i + 1);
		enter(path);
		c->node[i] = udp_socket(c->vip, PORT, true);
		if (c->rules > 0)
			attach(c, i);
	}
	if (setns(home, CLONE_NEWNET) != 0)
		fatal("back home: %s", strerror(errno));
}

static double
round_of(struct candidate *c, int packets)
{
	static char bytes[BATCH][64];
	struct iovec iov[BATCH];
	struct mmsghdr m[BATCH];
	uint64_t begin;
	int n, i, k;

	memset(m, 0, sizeof(m));
	for (i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ bytes[i], 18 };
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	begin = now();
	for (n = 0; n < packets; n += BATCH) {
		k = sendmmsg(c->client[n / BATCH % CLIENTS], m, BATCH, 0);
		c->sent += k > 0 ? (unsigned)k : 0;
		for (i = 0; i < c->nodes; i++) {
			k = recvmmsg(c->node[i], m, BATCH, MSG_DONTWAIT, NULL);
			c->received += k > 0 ? (unsigned)k : 0;
		}
	}
	return (double)(now() - begin) / n;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	int count = argc - 3, rounds, packets, i, r;
	cpu_set_t one;

	diag_init("bench_filter", 0);
	if (count < 1 || count > CANDIDATES)
		fatal("usage: see bench_filter.c");
	rounds = atoi(argv[1]);
	packets = atoi(argv[2]);
	if (rounds < 1 || rounds > ROUNDS_MAX)
		fatal("1 to %d rounds", ROUNDS_MAX);
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	for (i = 0; i < count; i++)
		prepare(&all[i], argv[3 + i]);
	for (i = 0; i < count; i++)
		round_of(&all[i], packets / 4);
	for (i = 0; i < count; i++)
		all[i].sent = all[i].received = 0;
	for (r = 0; r < rounds; r++)
		for (i = 0; i < count; i++)
			all[i].ns[r] = round_of(&all[i], packets);
	for (i = 0; i < count; i++)
		qsort(all[i].ns, (size_t)rounds, sizeof(all[i].ns[0]), by_size);
	printf("%-16s %9s %9s %9s %7s %7s  %s\n", "", "best ns", "median", "packets/s", "best x", "med. x", "received of sent");
	for (i = 0; i < count; i++) {
		const struct candidate *c = &all[i];

		printf("%-16s %9.0f %9.0f %9.0f %7.3f %7.3f  %.3f\n", c->name, c->ns[0], c->ns[rounds / 2], 1e9 / c->ns[rounds / 2], c->ns[0] / all[0].ns[0],
		    c->ns[rounds / 2] / all[0].ns[rounds / 2], c->sent > 0 ? (double)c->received / (double)c->sent : 0);
	}
	return 0;
}
