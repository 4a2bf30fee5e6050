/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe.c: servers and clients of the kernel tests, in a guest that has little else.  Also how the guest ends.
 *
 *	probe serve NAME		UDP and TCP, IPv4 and IPv6, port 80: whatever comes is answered with NAME and a newline; until killed
 *	probe spread ADDR udp|tcp FIRST COUNT	one question from each of COUNT source ports; prints who answered how often, sorted:
 *					"n0=.. n1=.." and, when there are any, "none=.." (no answer within PATIENCE_MS) and "twice=.." (several)
 *	probe buckets ADDR SEED FIRST COUNT N	what "spread" from this source address should say where bucket b belongs to n<b modulo N>
 *	probe hold ADDR PORT		a TCP connection from that source port: for each line of stdin a question, and the answer (or "none")
 *	probe exit N			ends the guest: its status is 2N+1
 */
#define _GNU_SOURCE
#include "filter_core.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT		80
#define NAMES		8
#define CONNECTIONS	512
#define PATIENCE_MS	15000	/* for an answer; a lost first SYN comes again after 1 s, and the host may be busy */

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static socklen_t
address(const char *text, int port, struct sockaddr_storage *out)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	struct sockaddr_in *in = (struct sockaddr_in *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		return sizeof(*in);
	}
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
		die(text);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)port);
	return sizeof(*in6);
}

/* A socket from that source port to ADDR, connecting without waiting */
static int
ask_from(const struct sockaddr_storage *to, socklen_t len, int type, int from)
{
	struct sockaddr_storage local;
	int one = 1, fd = socket(to->ss_family, type | SOCK_NONBLOCK, 0);

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	address(to->ss_family == AF_INET ? "0.0.0.0" : "::", from, &local);
	if (bind(fd, (struct sockaddr *)&local, len) < 0)
		die("bind");
	if (connect(fd, (const struct sockaddr *)to, len) < 0 && errno != EINPROGRESS)
		die("connect");
	return fd;
}

static int
listener(int type)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	int one = 1, zero = 0, fd = socket(AF_INET6, type | SOCK_NONBLOCK, 0);

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (type == SOCK_DGRAM)
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 || (type == SOCK_STREAM && listen(fd, 1024) < 0))
		die("bind");
	return fd;
}

/* From the address that was asked, which a server of several addresses has to see to */
static void
answer_datagram(int fd, const char *name)
{
	char data[512], text[64], control[256];
	struct sockaddr_in6 from;
	struct iovec iov = { data, sizeof(data) };
	struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control) };

	if (recvmsg(fd, &m, 0) < 0)
		return;
	iov.iov_base = text;
	iov.iov_len = (size_t)snprintf(text, sizeof(text), "%s\n", name);
	sendmsg(fd, &m, 0);
}

static _Noreturn void
serve(const char *name)
{
	struct pollfd p[CONNECTIONS];
	char line[512], text[64];
	nfds_t i, n = 2;
	ssize_t got;
	int len = snprintf(text, sizeof(text), "%s\n", name);

	p[0] = (struct pollfd){ listener(SOCK_DGRAM), POLLIN, 0 };
	p[1] = (struct pollfd){ listener(SOCK_STREAM), POLLIN, 0 };
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		if (poll(p, n, -1) < 0)
			continue;
		for (i = n; i-- > 2;) {
			if (p[i].revents == 0)
				continue;
			got = read(p[i].fd, line, sizeof(line));
			if (got > 0 && write(p[i].fd, text, (size_t)len) == len)
				continue;
			close(p[i].fd);
			p[i] = p[--n];
		}
		if (p[0].revents != 0)
			answer_datagram(p[0].fd, name);
		if (p[1].revents != 0 && n < CONNECTIONS) {
			int fd = accept(p[1].fd, NULL, NULL);

			if (fd >= 0)
				p[n++] = (struct pollfd){ fd, POLLIN, 0 };
		}
	}
}

static struct tally { char name[32]; int n; } tallies[NAMES];

static void
tally(const char *name)
{
	int i;

	for (i = 0; i < NAMES - 1 && tallies[i].name[0] != '\0' && strcmp(tallies[i].name, name) != 0; i++)
		;
	snprintf(tallies[i].name, sizeof(tallies[i].name), "%s", name);
	tallies[i].n++;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct tally *)a)->name, ((const struct tally *)b)->name);
}

static void
tell_tallies(void)
{
	const char *gap = "";
	int i;

	qsort(tallies, NAMES, sizeof(tallies[0]), by_name);
	for (i = 0; i < NAMES; i++)
		if (tallies[i].name[0] != '\0') {
			printf("%s%s=%d", gap, tallies[i].name, tallies[i].n);
			gap = " ";
		}
	printf("\n");
}

static int
spread(const char *to, bool tcp, int first, int count)
{
	struct { int answers; bool asked; } *state = calloc((size_t)count, sizeof(*state));
	struct pollfd *p = calloc((size_t)count, sizeof(*p));
	struct sockaddr_storage addr;
	socklen_t len = address(to, PORT, &addr);
	int64_t end, quiet = 0;
	const char *patience = getenv("PATIENCE_MS");
	int i, missing = count;

	for (i = 0; i < count; i++)
		p[i] = (struct pollfd){ ask_from(&addr, len, tcp ? SOCK_STREAM : SOCK_DGRAM, first + i), POLLOUT, 0 };
	/* when all have answered, a while more, for second answers */
	for (end = now_ms() + (patience != NULL ? atoi(patience) : PATIENCE_MS); now_ms() < end && (quiet == 0 || now_ms() < quiet);) {
		if (missing == 0 && quiet == 0)
			quiet = now_ms() + 100;
		poll(p, (nfds_t)count, 50);
		for (i = 0; i < count; i++) {
			char name[64];
			ssize_t n;

			if (p[i].revents == 0)
				continue;
			if (!state[i].asked && (p[i].revents & POLLOUT) != 0) {
				state[i].asked = true;
				p[i].events = POLLIN;
				if (write(p[i].fd, "who\n", 4) < 0)
					p[i].fd = -1;
				continue;
			}
			n = read(p[i].fd, name, sizeof(name) - 1);
			if (n <= 0) {	/* refused, reset */
				p[i].fd = -1;
				continue;
			}
			name[n - 1] = '\0';
			if (state[i].answers++ == 0) {
				missing--;
				tally(name);
			}
		}
	}
	for (i = 0; i < count; i++) {
		if (state[i].answers == 0)
			tally("none");
		else if (state[i].answers > 1)
			tally("twice");
	}
	tell_tallies();
	return 0;
}

static int
buckets(const char *from, uint32_t seed, int first, int count, int modulo)
{
	struct sockaddr_storage addr;
	uint8_t src[16] = { 0 };
	char name[16];
	int i;

	address(from, 0, &addr);
	if (addr.ss_family == AF_INET) {
		src[10] = src[11] = 0xff;
		memcpy(src + 12, &((struct sockaddr_in *)&addr)->sin_addr, 4);
	} else
		memcpy(src, &((struct sockaddr_in6 *)&addr)->sin6_addr, 16);
	for (i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "n%d", filter_bucket(seed, FILTER_ON_PORT, src, (uint16_t)(first + i), 0) % modulo);
		tally(name);
	}
	tell_tallies();
	return 0;
}

static int
hold(const char *to, int port)
{
	struct sockaddr_storage addr;
	socklen_t len = address(to, PORT, &addr);
	struct pollfd p = { ask_from(&addr, len, SOCK_STREAM, port), POLLIN, 0 };
	char line[64], name[64];
	ssize_t n = 0;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		p.events = POLLOUT;
		if (poll(&p, 1, PATIENCE_MS) == 1 && write(p.fd, "who\n", 4) == 4) {
			p.events = POLLIN;
			if (poll(&p, 1, PATIENCE_MS) == 1)
				n = read(p.fd, name, sizeof(name) - 1);
			else
				n = 0;
		} else
			n = -1;
		if (n > 0)
			printf("%.*s", (int)n, name);
		else
			printf("none\n");
		fflush(stdout);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve(argv[2]);
	if (argc == 6 && strcmp(argv[1], "spread") == 0)
		return spread(argv[2], strcmp(argv[3], "tcp") == 0, atoi(argv[4]), atoi(argv[5]));
	if (argc == 7 && strcmp(argv[1], "buckets") == 0)
		return buckets(argv[2], (uint32_t)strtoul(argv[3], NULL, 0), atoi(argv[4]), atoi(argv[5]), atoi(argv[6]));
	if (argc == 4 && strcmp(argv[1], "hold") == 0)
		return hold(argv[2], atoi(argv[3]));
	if (argc == 3 && strcmp(argv[1], "exit") == 0) {
		if (iopl(3) == 0)
			outb((unsigned char)atoi(argv[2]), 0x501);
		return 1;
	}
	fprintf(stderr, "probe: see probe.c\n");
	return 2;
}
