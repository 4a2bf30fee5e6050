/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kmod/bpf/filter.bpf.c in this kernel: every row of the vectors, and random frames and tables, through BPF_PROG_TEST_RUN: the program
 * must do what plain C says.  Sockets are real ones.  In a network namespace of its own; skipped where the kernel or our rights do not allow it.
 */
#include "config.h"
#include "filter_core.h"
#include "filter_state.h"
#include "filter_bpf_gen.h"
#include "lib/filter_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct bpf_object *object;
static struct filter_state *kernel;	/* what the program sees */
static int in_fd, out_fd, counts_fd;
static const char *why_not;

static uint64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int
setup(void **state)
{
	struct bpf_map *m;

	libbpf_set_print(NULL);
	if (unshare(CLONE_NEWNET) != 0) {
		why_not = "no network namespace of our own";
		return 0;
	}
	if (system("ip link set lo up && for i in 1 100 101 102; do ip addr add 10.1.0.$i/32 dev lo; ip addr add fd00:1::$(printf %x $i)/128 dev lo nodad; done") != 0) {
		why_not = "ip(8) does not work";
		return 0;
	}
	object = bpf_object__open_mem(filter_bpf_object, sizeof(filter_bpf_object), NULL);
	if (object == NULL || bpf_object__load(object) != 0) {
		why_not = errno == EPERM ? "not allowed to load a BPF program" : "the kernel does not take the BPF program";
		/* who may, and has a kernel of these days, must not be told that all is well */
		return errno == EPERM || errno == ENOSYS ? 0 : -1;
	}
	in_fd = bpf_program__fd(bpf_object__find_program_by_name(object, "filter_in"));
	out_fd = bpf_program__fd(bpf_object__find_program_by_name(object, "filter_out"));
	bpf_object__for_each_map(m, object) {
		if (bpf_map__value_size(m) == sizeof(*kernel))
			kernel = mmap(NULL, sizeof(*kernel), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(m), 0);
		else if (bpf_map__value_size(m) == sizeof(struct filter_counts))
			counts_fd = bpf_map__fd(m);
	}
	return kernel == NULL || kernel == MAP_FAILED ? -1 : 0;
}

static int
teardown(void **state)
{
	bpf_object__close(object);
	return 0;
}

static void
needs_kernel(void)
{
	if (why_not != NULL) {
		print_message("# SKIP %s\n", why_not);
		skip();
	}
}

static void
read_counts(struct filter_counts *n)
{
	int cpus = libbpf_num_possible_cpus(), c, i;
	struct filter_counts *each = calloc((size_t)cpus, sizeof(*each));
	uint32_t zero = 0;

	memset(n, 0, sizeof(*n));
	assert_int_equal(bpf_map_lookup_elem(counts_fd, &zero, each), 0);
	for (c = 0; c < cpus; c++)
		for (i = 0; i < FILTER_COUNTS; i++)
			n->n[i] += each[c].n[i];
	free(each);
}

/* What the program did */
struct did { int action; uint64_t n[FILTER_COUNTS]; size_t len; uint8_t out[FV_FRAME_MAX]; };

static bool
run(int fd, const uint8_t *frame, size_t len, struct did *d)
{
	struct filter_counts before, after;
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = (uint32_t)len, .data_out = d->out, .data_size_out = sizeof(d->out), .repeat = 1);
	int i;

	read_counts(&before);
	if (bpf_prog_test_run_opts(fd, &o) != 0)
		return false;
	read_counts(&after);
	d->action = (int)o.retval;
	d->len = o.data_size_out;
	for (i = 0; i < FILTER_COUNTS; i++)
		d->n[i] = after.n[i] - before.n[i];
	return true;
}

/* The program did what the verdict says; else in words */
static bool
agrees(const struct did *d, const struct filter_verdict *v, const uint8_t *frame, size_t len, char *why, size_t size)
{
	uint64_t n[FILTER_COUNTS] = { 0 };
	int action = v->pass || v->take ? TC_ACT_UNSPEC : TC_ACT_SHOT, i;

	if (!v->pass)
		n[v->count]++;
	n[FILTER_C_SENT] += (unsigned)__builtin_popcount(v->to);
	if (d->action != action) {
		snprintf(why, size, "action %d, expected %d", d->action, action);
		return false;
	}
	for (i = 0; i < FILTER_COUNTS; i++)
		if (d->n[i] != n[i]) {
			snprintf(why, size, "count %d: %d, expected %d", i, (int)d->n[i], (int)n[i]);
			return false;
		}
	if (action == TC_ACT_UNSPEC && (d->len != len || memcmp(d->out, frame, len) != 0)) {
		snprintf(why, size, "the frame was changed");
		return false;
	}
	return true;
}

static void
set_world(const struct fv_vector *v)
{
	fv_conf(v->world, &kernel->conf);
	kernel->control.active ^= 1;
	fv_tables(v, &kernel->tables[kernel->control.active]);
	kernel->control.lease_ns = v->lease_over ? now() : now() + 3600000000000u;
}

/* ---- connections: 10.1.0.1:40000 to port 80 of VIP, in both families ---- */

static int listener, ends[2];

static void
endpoint(int family, int last, uint16_t port, struct sockaddr_storage *a)
{
	char text[40];

	memset(a, 0, sizeof(*a));
	a->ss_family = (sa_family_t)family;
	snprintf(text, sizeof(text), family == AF_INET ? "10.1.0.%d" : "fd00:1::%x", last);
	if (family == AF_INET) {
		((struct sockaddr_in *)a)->sin_port = htons(port);
		assert_int_equal(inet_pton(AF_INET, text, &((struct sockaddr_in *)a)->sin_addr), 1);
	} else {
		((struct sockaddr_in6 *)a)->sin6_port = htons(port);
		assert_int_equal(inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)a)->sin6_addr), 1);
	}
}

static int
tcp_socket(int family, int last, uint16_t port)
{
	struct sockaddr_storage a;
	int s = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	assert_true(s >= 0);
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	endpoint(family, last, port, &a);
	assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	return s;
}

static void
connection(int family)
{
	struct sockaddr_storage to;

	listener = tcp_socket(family, 100, 80);
	assert_int_equal(listen(listener, 5), 0);
	ends[0] = tcp_socket(family, 1, 40000);
	endpoint(family, 100, 80, &to);
	assert_int_equal(connect(ends[0], (struct sockaddr *)&to, sizeof(to)), 0);
	ends[1] = accept(listener, NULL, NULL);
	assert_true(ends[1] >= 0);
}

static void
no_connection(void)
{
	struct linger hard = { 1, 0 };
	int i;

	for (i = 0; i < 2; i++) {
		setsockopt(ends[i], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		close(ends[i]);
	}
	close(listener);
}

static void
test_vectors(void **state)
{
	int bad = 0, ran = 0, family, held;
	size_t i;

	needs_kernel();
	for (held = 0; held < 2; held++)
		for (family = 0; family < 2; family++) {
			if (held)
				connection(family ? AF_INET6 : AF_INET);
			for (i = 0; i < fv_count; i++) {
				const struct fv_vector *v = &fv_vectors[i];
				uint8_t frame[FV_FRAME_MAX];
				size_t len = fv_build(&v->frame, frame);
				struct filter_verdict want = { v->pass, v->take, v->count, v->to };
				char name[120], why[80];
				struct did d;

				if ((v->frame.what == FV_IP6) != family || v->held != (held ? FILTER_HELD : FILTER_NOT_HELD) || len < 14)
					continue;	/* half open: below; a test run has an Ethernet header */
				set_world(v);
				ran++;
				fv_name(v, name, sizeof(name));
				if (!run(in_fd, frame, len, &d)) {
					if (errno == EINVAL && len < 54)
						continue;	/* a test run has a header of IP as well */
					print_error("%s: test run: %s\n", name, strerror(errno));
					bad++;
				} else if (!agrees(&d, &want, frame, len, why, sizeof(why))) {
					print_error("%s: %s\n", name, why);
					bad++;
				}
			}
			if (held)
				no_connection();
		}
	assert_int_equal(bad, 0);
	assert_true(ran > 180);
}

/* What a state of a socket is worth: rows of the vectors with it */
static uint16_t client_port = 40000;

static void
run_held(const char *what, uint8_t flags, int want_action, int want_count)
{
	struct fv_vector v = { .world = FV_INVISIBLE, .owner = 2, .holders = 1, .frame = { .what = FV_IP4, .to = FV_VMAC, .from = FV_CLIENT, .dst = FV_A_VIP,
		.proto = 6, .flags = flags, .sport = client_port, .dport = 80 } };
	uint8_t frame[FV_FRAME_MAX];
	size_t len = fv_build(&v.frame, frame);
	struct did d;

	set_world(&v);
	assert_true(run(in_fd, frame, len, &d));
	if (d.action != want_action || d.n[want_count] != 1)
		fail_msg("%s, flags %02x: action %d, held %d, not ours %d", what, flags, d.action, (int)d.n[FILTER_C_HELD], (int)d.n[FILTER_C_NOT_OURS]);
}

static void
test_socket_states(void **state)
{
	int s;

	needs_kernel();
	run_held("nothing", 0x10, TC_ACT_SHOT, FILTER_C_NOT_OURS);
	run_held("nothing", 0x02, TC_ACT_SHOT, FILTER_C_NOT_OURS);
	s = tcp_socket(AF_INET, 100, 80);
	assert_int_equal(listen(s, 5), 0);
	run_held("listener", 0x10, TC_ACT_SHOT, FILTER_C_NOT_OURS);
	run_held("listener", 0x02, TC_ACT_SHOT, FILTER_C_NOT_OURS);
	close(s);
	connection(AF_INET);
	run_held("established", 0x10, TC_ACT_UNSPEC, FILTER_C_HELD);
	run_held("established", 0x02, TC_ACT_SHOT, FILTER_C_NOT_OURS);
	close(ends[1]);		/* the server first: TIME_WAIT is on his side */
	run_held("fin-wait", 0x10, TC_ACT_UNSPEC, FILTER_C_HELD);
	close(ends[0]);
	run_held("time-wait", 0x10, TC_ACT_UNSPEC, FILTER_C_HELD);
	run_held("time-wait", 0x02, TC_ACT_SHOT, FILTER_C_NOT_OURS);
	close(listener);
}

/* A SYN whose answer finds nobody: half open */
static void
test_half_open(void **state)
{
	struct { uint8_t ip[20], tcp[20]; } p = { { 0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0, 10, 1, 0, 1, 10, 1, 0, 100 },
		{ 40001 >> 8, 40001 & 255, 0, 80, 0, 0, 0, 7, 0, 0, 0, 0, 0x50, 2, 0x20, 0 } };
	struct sockaddr_storage to;
	uint32_t sum = 6 + 20;
	int raw, i;

	needs_kernel();
	if (system("ip addr del 10.1.0.1/32 dev lo && ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up && "
	    "ip route add 10.1.0.1 dev v0 && ip neigh add 10.1.0.1 lladdr 02:00:00:00:00:c1 dev v0 && sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.lo.rp_filter=0") != 0) {
		print_message("# SKIP no veth here\n");
		skip();
	}
	listener = tcp_socket(AF_INET, 100, 80);
	assert_int_equal(listen(listener, 5), 0);
	for (i = 12; i < 20; i += 2)
		sum += (uint32_t)p.ip[i] << 8 | p.ip[i + 1];
	for (i = 0; i < 20; i += 2)
		sum += (uint32_t)p.tcp[i] << 8 | p.tcp[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	p.tcp[16] = (uint8_t)(~sum >> 8);
	p.tcp[17] = (uint8_t)~sum;
	raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	assert_true(raw >= 0);
	endpoint(AF_INET, 100, 0, &to);
	assert_int_equal(sendto(raw, &p, sizeof(p), 0, (struct sockaddr *)&to, sizeof(struct sockaddr_in)), (int)sizeof(p));
	close(raw);
	client_port = 40001;	/* the other one is in TIME_WAIT */
	run_held("half open", 0x02, TC_ACT_UNSPEC, FILTER_C_HELD);
	run_held("half open", 0x10, TC_ACT_UNSPEC, FILTER_C_HELD);
	close(listener);
	assert_int_equal(system("ip link del v0 && ip addr add 10.1.0.1/32 dev lo"), 0);
}

/* Thousands of frames and tables: the program against plain C */
static void
test_random(void **state)
{
	struct fv_random r = { 4711 };
	unsigned counts[FILTER_COUNTS] = { 0 }, ran = 0;
	int i, n, c;

	needs_kernel();
	kernel->control.lease_ns = now() + 3600000000000u;
	for (i = 0; i < 100; i++) {
		struct filter_control control;
		const struct filter_tables *t;

		fv_random_conf(&r, &kernel->conf);
		kernel->control.active ^= 1;
		fv_random_tables(&r, &kernel->tables[kernel->control.active]);
		t = &kernel->tables[kernel->control.active];
		control = kernel->control;
		for (n = 0; n < 100; n++) {
			uint8_t frame[FV_FRAME_MAX];
			size_t len = fv_random_frame(&r, &kernel->conf, frame);
			struct filter_verdict v;
			struct filter_key k;
			struct did d;
			char why[80];

			if (len < 14 || !run(in_fd, frame, len, &d))
				continue;	/* what the kernel does not let in for a test */
			filter_look(&kernel->conf, t, frame, frame + len, &k);
			v = filter_judge(&kernel->conf, t, &control, 0, &k, frame + 6, FILTER_NOT_HELD);
			if (!agrees(&d, &v, frame, len, why, sizeof(why)))
				fail_msg("configuration %d, frame %d: %s", i, n, why);
			ran++;
			for (c = 0; c < FILTER_COUNTS; c++)
				counts[c] += d.n[c] != 0;
		}
	}
	assert_true(ran > 9000);
	for (c = 0; c < FILTER_COUNTS; c++)
		if (c != FILTER_C_OTHER && c != FILTER_C_HELD && c != FILTER_C_LEASE)
			assert_true(counts[c] > 50);
}

/* The program reads the clock once a jiffy: a lease ends 0 to 20 ms too early, and never too late */
static void
test_lease(void **state)
{
	const struct fv_vector *v = NULL;
	uint8_t frame[FV_FRAME_MAX];
	uint64_t until;
	size_t i, len;
	struct did d;
	int taken = 0;

	needs_kernel();
	for (i = 0; i < fv_count && v == NULL; i++)
		if (fv_vectors[i].count == FILTER_C_OWNED && !fv_vectors[i].asks)
			v = &fv_vectors[i];
	assert_non_null(v);
	len = fv_build(&v->frame, frame);
	set_world(v);
	until = now() + 300000000u;
	kernel->control.lease_ns = until;
	while (now() < until + 50000000u) {
		uint64_t before = now();

		assert_true(run(in_fd, frame, len, &d));
		taken += d.n[FILTER_C_OWNED] != 0;
		if (before >= until)
			assert_int_equal(d.n[FILTER_C_LEASE], 1);
	}
	assert_true(taken > 0);
}

static void
test_out(void **state)
{
	struct fv_random r = { 99 };
	int i, n, changed = 0;

	needs_kernel();
	for (i = 0; i < 40; i++) {
		fv_random_conf(&r, &kernel->conf);
		for (n = 0; n < 100; n++) {
			uint8_t frame[FV_FRAME_MAX];
			struct filter_spot s;
			size_t len = fv_random_frame(&r, &kernel->conf, frame);
			struct did d;
			uint16_t sum;

			if (n % 2 == 0) {	/* what counts, more often */
				struct fv_frame f = { .what = n % 4 == 0 ? FV_ARP : FV_IP6, .to = FV_CLIENT, .from = FV_OURS, .src = FV_A_VIP, .dst = FV_A_VIP2,
					.proto = 58, .type = (uint8_t)(n % 4 == 0 ? 2 : n % 8 == 2 ? 135 : 136) };

				len = fv_build(&f, frame);
			}
			if (len < 14 || !run(out_fd, frame, len, &d))
				continue;
			assert_int_equal(d.action, TC_ACT_UNSPEC);
			if (filter_disguise(&kernel->conf, frame, frame + len, &s)) {
				changed++;
				if (s.checksum_at != 0) {
					memcpy(&sum, frame + s.checksum_at, 2);
					sum = filter_mended(sum, frame + s.at, kernel->conf.vmac);
					memcpy(frame + s.checksum_at, &sum, 2);
				}
				memcpy(frame + s.at, kernel->conf.vmac, 6);
			}
			assert_int_equal(d.len, len);
			assert_memory_equal(d.out, frame, len);
		}
	}
	assert_true(changed > 500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_socket_states),
		cmocka_unit_test(test_half_open),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_lease),
		cmocka_unit_test(test_out),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
