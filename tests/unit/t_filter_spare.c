/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_filter_spare.c: which loaded BPF program is attached: that of the trial, or one that was loaded beforehand; each once.  In a network namespace
 * of its own; skipped where the kernel or our rights do not allow it.
 */
#include "config.h"
#include "vip/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SPARES	2

static bool usable;
static int lo;

static uint64_t
boot_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int
setup(void **state)
{
	char err[256];

	setenv("SAFE_VIP_TC", "clsact", 1);	/* libbpf can ask it */
	if (unshare(CLONE_NEWNET) != 0 || system("ip link set lo up") != 0)
		return 0;
	lo = (int)if_nametoindex("lo");
	usable = filter_bpf.usable(err, sizeof(err));
	if (!usable)
		print_message("# SKIP %s\n", err);
	return 0;
}

/* When the program of the module was loaded */
static uint64_t
loaded_at(unsigned id)
{
	struct bpf_tc_hook hook;
	struct bpf_tc_opts opts;
	struct bpf_prog_info info;
	__u32 len = sizeof(info);
	int fd;

	memset(&hook, 0, sizeof(hook));
	memset(&opts, 0, sizeof(opts));
	memset(&info, 0, sizeof(info));
	hook.sz = sizeof(hook);
	hook.ifindex = lo;
	hook.attach_point = BPF_TC_INGRESS;
	opts.sz = sizeof(opts);
	opts.handle = 1;
	opts.priority = 90 + id;
	assert_int_equal(bpf_tc_query(&hook, &opts), 0);
	fd = bpf_prog_get_fd_by_id(opts.prog_id);
	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	return info.load_time;
}

static struct filter *
attach(unsigned id)
{
	struct filter_conf conf = { .abi = FILTER_ABI, .mode = FILTER_DIRECTED, .self = (uint8_t)id };
	struct filter *f;
	char err[256];
	bool kept;

	f = filter_bpf.attach(lo, (int)id, &conf, &kept, err, sizeof(err));
	if (f == NULL)
		fail_msg("%s", err);
	assert_false(kept);
	return f;
}

static void
test_the_trial_serves(void **state)
{
	uint64_t before = boot_ns();
	struct filter *f, *g;

	if (!usable)
		skip();
	f = attach(1);
	assert_true(loaded_at(1) < before);
	g = attach(2);		/* it is used up */
	assert_true(loaded_at(2) > before);
	filter_bpf.detach(f);
	filter_bpf.detach(g);
}

static void
test_beforehand(void **state)
{
	struct filter *f[SPARES + 1];
	struct filter_conf conf;
	uint64_t before;
	unsigned i;

	if (!usable)
		skip();
	for (i = 0; i < SPARES; i++)
		assert_int_equal(filter_bpf.prepare(SPARES), i == SPARES - 1);	/* one at a time */
	assert_true(filter_bpf.prepare(SPARES));
	before = boot_ns();
	for (i = 0; i <= SPARES; i++)
		f[i] = attach(i + 1);
	for (i = 0; i <= SPARES; i++) {
		assert_int_equal(loaded_at(i + 1) < before, i < SPARES);
		assert_true(filter_bpf.read(f[i], &conf, NULL, NULL, NULL));	/* each has a map of its own */
		assert_int_equal(conf.self, i + 1);
		filter_bpf.detach(f[i]);
	}
}

static void
test_given_back(void **state)
{
	struct filter *f;
	uint64_t before;

	if (!usable)
		skip();
	while (!filter_bpf.prepare(SPARES))
		;
	assert_true(filter_bpf.prepare(0));
	before = boot_ns();
	f = attach(1);
	assert_true(loaded_at(1) > before);
	filter_bpf.detach(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_the_trial_serves), cmocka_unit_test(test_beforehand), cmocka_unit_test(test_given_back) };

	return cmocka_run_group_tests(tests, setup, NULL);
}
