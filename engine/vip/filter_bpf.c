/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter_bpf.c: the filter as tc-BPF programs (kmod/bpf), through libbpf.
 *
 * Owns: a pair of programs per (interface, module), and the map that is mapped into them and into us.  They hang on tcx where the kernel has it (6.6:
 * half the cost of a classifier), before others' programs; else on clsact as tc filters at a priority of their own.  What is attached outlives us; it is
 * found again by the program's name, and its map and module by the program.  Nothing is pinned.
 * Called by: vip/filter.c's users.  Never does: touch what is not ours; clsact itself goes with the last filter when one of us had made it.
 */
#include "config.h"
#include "vip/filter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#ifdef HAVE_BPF
#include "filter_state.h"
#include "filter_bpf_gen.h"	/* filter_bpf_object[]: filter.bpf.o */

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PRIORITY	90u		/* + module id: of our tc filters; before those of automatic priority, which may say the last word (ours) */
#define IDS		256		/* module ids are below */
#define HANDLE		1
#define NAME_IN		"filter_in"	/* functions of filter.bpf.c */
#define NAME_OUT	"filter_out"
#define MAPS_MAX	8
#define SPARES_MAX	8		/* virtual interfaces of a module (= CONF_VINTFS_MAX) */

struct filter {
	int ifindex, id;
	struct filter_state *s;		/* mapped */
	int counts;			/* map */
};

/* ---- small tools ---- */

static bool
no(char *err, size_t errsize, const char *what, int error)
{
	if (error < 0)
		error = -error;
	snprintf(err, errsize, "%s: %s%s", what, strerror(error), error == EPERM ? " (needs CAP_BPF and CAP_NET_ADMIN)" : "");
	return false;
}

static uint64_t
build_id(void)	/* FNV-1a */
{
	uint64_t h = 0xcbf29ce484222325u;
	size_t i;

	for (i = 0; i < sizeof(filter_bpf_object); i++)
		h = (h ^ filter_bpf_object[i]) * 0x100000001b3u;
	return h;
}

/* libbpf wants their padding to be 0 as well, which a struct returned by value does not promise */
struct place { struct bpf_tc_hook hook; struct bpf_tc_opts opts; };

static void
place_of(struct place *p, int ifindex, int id, enum bpf_tc_attach_point point)
{
	memset(p, 0, sizeof(*p));
	p->hook.sz = sizeof(p->hook);
	p->hook.ifindex = ifindex;
	p->hook.attach_point = point;
	p->opts.sz = sizeof(p->opts);
	p->opts.handle = HANDLE;
	p->opts.priority = PRIORITY + (unsigned)id;
}

static void
filter_free(struct filter *f)
{
	if (f == NULL)
		return;
	if (f->s != NULL)
		munmap(f->s, sizeof(*f->s));
	if (f->counts >= 0)
		close(f->counts);
	free(f);
}

static struct filter *
filter_alloc(int ifindex, int id)
{
	struct filter *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->ifindex = ifindex;
	f->id = id;
	f->counts = -1;
	return f;
}

static struct filter_state *
map_state(int fd)
{
	void *p = mmap(NULL, sizeof(struct filter_state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	/* cppcheck-suppress memleak ; filter_free() */
	return p == MAP_FAILED ? NULL : p;
}

/* ---- what is attached ---- */

/* State and counts of a program of ours; false: of another FILTER_ABI */
static bool
open_program(int fd, struct filter *f)
{
	struct bpf_prog_info info;
	__u32 ids[MAPS_MAX], len = sizeof(info), i;

	memset(&info, 0, sizeof(info));
	info.nr_map_ids = MAPS_MAX;
	info.map_ids = (__u64)(uintptr_t)ids;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) != 0)
		return false;
	for (i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++) {
		struct bpf_map_info m;
		int map = bpf_map_get_fd_by_id(ids[i]);

		len = sizeof(m);
		memset(&m, 0, sizeof(m));
		if (map < 0)
			continue;
		if (bpf_obj_get_info_by_fd(map, &m, &len) == 0) {
			if (m.type == BPF_MAP_TYPE_ARRAY && m.value_size == sizeof(struct filter_state) && f->s == NULL) {
				f->s = map_state(map);
			} else if (m.type == BPF_MAP_TYPE_PERCPU_ARRAY && m.value_size == sizeof(struct filter_counts) && f->counts < 0) {
				f->counts = map;
				continue;
			}
		}
		close(map);
	}
	return f->s != NULL && f->counts >= 0 && f->s->conf.abi == FILTER_ABI;
}

/* By name, and by what its map begins with: so also one of another FILTER_ABI */
static bool
is_of_module(int fd, int id, enum bpf_tc_attach_point point)
{
	__u32 ids[MAPS_MAX], len, i;
	struct bpf_prog_info info;
	bool yes = false;

	memset(&info, 0, sizeof(info));
	info.nr_map_ids = MAPS_MAX;
	info.map_ids = (__u64)(uintptr_t)ids;
	len = sizeof(info);
	if (bpf_obj_get_info_by_fd(fd, &info, &len) != 0 || strcmp(info.name, point == BPF_TC_INGRESS ? NAME_IN : NAME_OUT) != 0)
		return false;
	for (i = 0; i < info.nr_map_ids && i < MAPS_MAX && !yes; i++) {
		int map = bpf_map_get_fd_by_id(ids[i]);
		const __u32 *head;

		if (map < 0)
			continue;
		head = mmap(NULL, 2 * sizeof(*head), PROT_READ, MAP_SHARED, map, 0);	/* not of every map: only of those that were made for it */
		if (head != MAP_FAILED) {
			yes = head[0] == FILTER_STATE_MAGIC && head[1] == (unsigned)id;
			munmap((void *)(uintptr_t)head, 2 * sizeof(*head));
		}
		close(map);
	}
	return yes;
}

/* bpf(2) for tcx, which older headers and libbpf do not know: linux/bpf.h of 6.6 */
enum { TCX_INGRESS = 46, TCX_EGRESS = 47, TCX_BEFORE = 1 << 3, TCX_PROGRAMS = 64 };

static int
tcx(int command, int ifindex, enum bpf_tc_attach_point point, union bpf_attr *a)
{
	if (command == BPF_PROG_QUERY) {
		a->query.target_fd = (unsigned)ifindex;
		a->query.attach_type = point == BPF_TC_INGRESS ? TCX_INGRESS : TCX_EGRESS;
	} else {
		a->target_fd = (unsigned)ifindex;
		a->attach_type = point == BPF_TC_INGRESS ? TCX_INGRESS : TCX_EGRESS;
	}
	return (int)syscall(__NR_bpf, command, a, sizeof(*a));
}

/* Programs on tcx; -1: this kernel has none (or SAFE_VIP_TC=clsact says so) */
static int
tcx_list(int ifindex, enum bpf_tc_attach_point point, __u32 ids[TCX_PROGRAMS])
{
	const char *wanted = getenv("SAFE_VIP_TC");
	union bpf_attr a;

	if (wanted != NULL && strcmp(wanted, "clsact") == 0)
		return -1;
	memset(&a, 0, sizeof(a));
	a.query.prog_ids = (__u64)(uintptr_t)ids;
	a.query.prog_cnt = TCX_PROGRAMS;
	if (tcx(BPF_PROG_QUERY, ifindex, point, &a) != 0)
		return -1;
	return a.query.prog_cnt < TCX_PROGRAMS ? (int)a.query.prog_cnt : TCX_PROGRAMS;
}

/* Our program: its descriptor, and where it hangs; -1: there is none; -2: in its place is something that is not ours */
static int
program_at(int ifindex, int id, enum bpf_tc_attach_point point, bool *on_tcx)
{
	__u32 ids[TCX_PROGRAMS];
	int n = tcx_list(ifindex, point, ids), i, fd;
	struct place p;

	for (i = 0; i < n; i++) {
		fd = bpf_prog_get_fd_by_id(ids[i]);
		*on_tcx = true;
		if (fd >= 0 && is_of_module(fd, id, point))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	*on_tcx = false;
	place_of(&p, ifindex, id, point);
	if (bpf_tc_query(&p.hook, &p.opts) != 0)
		return -1;
	fd = bpf_prog_get_fd_by_id(p.opts.prog_id);
	if (fd < 0)
		return -1;
	if (is_of_module(fd, id, point))
		return fd;
	close(fd);
	return -2;
}

static struct filter *
bpf_find(int ifindex, int id)
{
	struct filter *f = filter_alloc(ifindex, id);
	bool on_tcx;
	int fd;

	libbpf_set_print(NULL);
	fd = f != NULL ? program_at(ifindex, id, BPF_TC_INGRESS, &on_tcx) : -1;
	if (fd >= 0 && open_program(fd, f)) {
		close(fd);
		return f;
	}
	if (fd >= 0)
		close(fd);
	filter_free(f);
	return NULL;
}

/* ---- load ---- */

static struct bpf_object *
load(char *err, size_t errsize)
{
	struct bpf_object *o;
	int r;

	libbpf_set_print(NULL);	/* what it would tell is told by us.  RLIMIT_MEMLOCK: libbpf raises it itself where the kernel still counts with it */
	o = bpf_object__open_mem(filter_bpf_object, sizeof(filter_bpf_object), NULL);
	if (o == NULL) {
		no(err, errsize, "BPF object", errno);
		return NULL;
	}
	r = bpf_object__load(o);
	if (r == 0)
		return o;
	no(err, errsize, "the kernel does not take the BPF program", r);
	bpf_object__close(o);
	return NULL;
}

/* Loaded, and never attached: the verifier takes its time, which nobody has who waits for an address */
static struct bpf_object *spare[SPARES_MAX];
static int spares;

static struct bpf_object *
take_spare(char *err, size_t errsize)
{
	return spares > 0 ? spare[--spares] : load(err, errsize);
}

static bool
bpf_prepare(int n)
{
	char err[SK_TEXT_MAX];

	n = n > SPARES_MAX ? SPARES_MAX : n;
	while (n == 0 && spares > 0)
		bpf_object__close(spare[--spares]);
	if (spares < n) {
		spare[spares] = load(err, sizeof(err));
		if (spare[spares] == NULL)
			return true;	/* attach() will say why */
		spares++;
	}
	return spares >= n;
}

static bool
bpf_usable(char *err, size_t errsize)
{
	if (spares == 0) {
		spare[0] = load(err, errsize);
		spares = spare[0] != NULL;
	}
	return spares > 0;
}

/* The maps of what is loaded, for us */
static bool
open_maps(struct filter *f, struct bpf_object *o, char *err, size_t errsize)
{
	struct bpf_map *m;

	bpf_object__for_each_map(m, o) {
		if (bpf_map__value_size(m) == sizeof(struct filter_state))
			f->s = map_state(bpf_map__fd(m));
		else if (bpf_map__value_size(m) == sizeof(struct filter_counts))
			f->counts = fcntl(bpf_map__fd(m), F_DUPFD_CLOEXEC, 3);
	}
	return (f->s != NULL && f->counts >= 0) || no(err, errsize, "maps of the BPF program", errno);
}

/* ---- clsact ---- */

struct others { int ifindex, count; bool ours[IDS]; };

static int
on_filter(const struct nlmsghdr *h, void *data)
{
	struct others *o = data;
	const struct tcmsg *t = mnl_nlmsg_get_payload(h);
	unsigned priority = t->tcm_info >> 16;

	if (h->nlmsg_type != RTM_NEWTFILTER || t->tcm_ifindex != o->ifindex)
		return MNL_CB_OK;
	o->count++;
	if (priority >= PRIORITY && priority < PRIORITY + IDS)
		o->ours[priority - PRIORITY] = true;
	return MNL_CB_OK;
}

/* Which filters there are; false: not to be known */
static bool
list_filters(int ifindex, struct others *o)
{
	static const uint32_t parents[] = { TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS) };
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	size_t i;
	bool good = nl != NULL && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0;

	memset(o, 0, sizeof(*o));
	o->ifindex = ifindex;
	for (i = 0; good && i < 2; i++) {
		char buf[32768];
		struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
		struct tcmsg *t;
		int r = MNL_CB_OK;

		h->nlmsg_type = RTM_GETTFILTER;
		h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		h->nlmsg_seq = (uint32_t)i + 1;
		t = mnl_nlmsg_put_extra_header(h, sizeof(*t));
		t->tcm_family = AF_UNSPEC;
		t->tcm_ifindex = ifindex;
		t->tcm_parent = parents[i];
		if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
			good = false;
		while (good && r > MNL_CB_STOP) {
			ssize_t n = mnl_socket_recvfrom(nl, buf, sizeof(buf));

			r = n < 0 ? MNL_CB_ERROR : mnl_cb_run(buf, (size_t)n, (uint32_t)i + 1, mnl_socket_get_portid(nl), on_filter, o);
			if (r == MNL_CB_ERROR)
				good = false;
		}
	}
	if (nl != NULL)
		mnl_socket_close(nl);
	return good;
}

/* One of us had made clsact: it goes when it is empty, else another of us is its maker from now on */
static void
leave_qdisc(int ifindex)
{
	struct others o;
	struct place p;
	int id;

	if (!list_filters(ifindex, &o))
		return;
	if (o.count == 0) {
		place_of(&p, ifindex, 0, BPF_TC_INGRESS | BPF_TC_EGRESS);
		bpf_tc_hook_destroy(&p.hook);
		return;
	}
	for (id = 0; id < IDS; id++) {
		struct filter *f = o.ours[id] ? bpf_find(ifindex, id) : NULL;

		if (f == NULL)
			continue;
		f->s->made_qdisc = 1;
		filter_free(f);
		return;
	}
}

/* ---- attach, detach ---- */

static void
take_off(int ifindex, int id, enum bpf_tc_attach_point point)
{
	bool on_tcx;
	int fd = program_at(ifindex, id, point, &on_tcx);
	union bpf_attr a;
	struct place p;

	if (fd < 0)
		return;
	if (on_tcx) {
		memset(&a, 0, sizeof(a));
		a.attach_bpf_fd = (unsigned)fd;
		tcx(BPF_PROG_DETACH, ifindex, point, &a);
	} else {
		place_of(&p, ifindex, id, point);
		bpf_tc_detach(&p.hook, &p.opts);
	}
	close(fd);
}

static bool
put_on_tcx(int ifindex, enum bpf_tc_attach_point point, int prog, int old)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.attach_bpf_fd = (unsigned)prog;
	a.attach_flags = old >= 0 ? BPF_F_REPLACE : TCX_BEFORE;
	a.replace_bpf_fd = old >= 0 ? (unsigned)old : 0;
	return tcx(BPF_PROG_ATTACH, ifindex, point, &a) == 0;
}

/* *made: we made clsact for it */
static bool
put_on_clsact(int ifindex, int id, enum bpf_tc_attach_point point, int prog, bool replace, bool *made, char *err, size_t errsize)
{
	struct place p;
	int r;

	place_of(&p, ifindex, id, BPF_TC_INGRESS | BPF_TC_EGRESS);
	r = bpf_tc_hook_create(&p.hook);
	if (r != 0 && r != -EEXIST)
		return no(err, errsize, "qdisc clsact", r);
	*made |= r == 0;
	place_of(&p, ifindex, id, point);
	p.opts.prog_fd = prog;
	p.opts.flags = replace ? BPF_TC_F_REPLACE : 0;
	r = bpf_tc_attach(&p.hook, &p.opts);
	return r == 0 || no(err, errsize, point == BPF_TC_INGRESS ? "tc filter on ingress" : "tc filter on egress", r);
}

/* In the place of what is there of us, in one step; else on tcx, else on clsact */
static bool
put_on(int ifindex, int id, enum bpf_tc_attach_point point, int prog, bool *made, char *err, size_t errsize)
{
	__u32 ids[TCX_PROGRAMS];
	bool on_tcx, good;
	int old = program_at(ifindex, id, point, &on_tcx);

	if (old == -2) {
		snprintf(err, errsize, "tc filter of priority %u on %s: there is one that is not ours", PRIORITY + (unsigned)id,
		    point == BPF_TC_INGRESS ? "ingress" : "egress");
		return false;
	}
	if (old < 0)
		on_tcx = tcx_list(ifindex, point, ids) >= 0;
	if (on_tcx)
		good = put_on_tcx(ifindex, point, prog, old) || no(err, errsize, point == BPF_TC_INGRESS ? "tcx ingress" : "tcx egress", errno);
	else
		good = put_on_clsact(ifindex, id, point, prog, old >= 0, made, err, errsize);
	if (old >= 0)
		close(old);
	return good;
}

static void
first_state(struct filter_state *s, int id, const struct filter_conf *conf)
{
	int t, g, b;

	s->magic = FILTER_STATE_MAGIC;
	s->module_id = (unsigned)id;
	s->conf = *conf;
	s->build = build_id();
	for (t = 0; t < 2; t++)
		for (g = 0; g < FILTER_GROUPS; g++)
			for (b = 0; b < FILTER_BUCKETS; b++)
				s->tables[t].group[g].bucket[b].owner = FILTER_NOBODY;
}

static bool
same_conf(const struct filter *f, const struct filter_conf *conf)
{
	return f != NULL && memcmp(&f->s->conf, conf, sizeof(*conf)) == 0;
}

/* Both programs as they should be */
static bool
complete(const struct filter *f, const struct filter_conf *conf)
{
	bool on_tcx;
	int fd;

	if (!same_conf(f, conf) || f->s->build != build_id())
		return false;
	if (conf->mode != FILTER_INVISIBLE)
		return true;
	fd = program_at(f->ifindex, f->id, BPF_TC_EGRESS, &on_tcx);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static struct filter *
bpf_attach(int ifindex, int id, const struct filter_conf *conf, bool *kept, char *err, size_t errsize)
{
	struct filter *old = bpf_find(ifindex, id), *f = NULL;
	struct bpf_object *o = NULL;
	bool made = false;

	*kept = false;
	if (conf->abi != FILTER_ABI || id < 0 || id >= IDS || (conf->mode != FILTER_INVISIBLE && conf->mode != FILTER_DIRECTED) || conf->addrs > FILTER_ADDRS ||
	    conf->groups > FILTER_GROUPS || conf->rules > FILTER_RULES || conf->self >= FILTER_NODES) {
		snprintf(err, errsize, "filter configuration without sense");
		filter_free(old);
		return NULL;
	}
	if (complete(old, conf)) {
		*kept = true;
		return old;
	}
	o = take_spare(err, errsize);
	f = filter_alloc(ifindex, id);
	if (o == NULL || f == NULL || !open_maps(f, o, err, errsize))
		goto bad;
	first_state(f->s, id, conf);
	if (same_conf(old, conf)) {	/* another build, or half of it was gone: go on with what it knew */
		f->s->control = old->s->control;
		memcpy(f->s->tables, old->s->tables, sizeof(f->s->tables));
		*kept = true;
	}
	/* what leaves is disguised before anything is taken */
	if (conf->mode == FILTER_INVISIBLE &&
	    !put_on(ifindex, id, BPF_TC_EGRESS, bpf_program__fd(bpf_object__find_program_by_name(o, NAME_OUT)), &made, err, errsize))
		goto bad;
	if (!put_on(ifindex, id, BPF_TC_INGRESS, bpf_program__fd(bpf_object__find_program_by_name(o, NAME_IN)), &made, err, errsize)) {
		if (old == NULL)
			take_off(ifindex, id, BPF_TC_EGRESS);
		goto bad;
	}
	if (conf->mode != FILTER_INVISIBLE)
		take_off(ifindex, id, BPF_TC_EGRESS);
	f->s->made_qdisc = made || (old != NULL && old->s->made_qdisc != 0);
	bpf_object__close(o);
	filter_free(old);
	return f;
bad:
	*kept = false;
	if (made)
		leave_qdisc(ifindex);
	if (o != NULL && f == NULL)
		snprintf(err, errsize, "no memory");
	bpf_object__close(o);
	filter_free(f);
	filter_free(old);
	return NULL;
}

static void
bpf_detach(struct filter *f)
{
	bool made;

	if (f == NULL)
		return;
	made = f->s->made_qdisc != 0;
	take_off(f->ifindex, f->id, BPF_TC_INGRESS);
	take_off(f->ifindex, f->id, BPF_TC_EGRESS);
	if (made)
		leave_qdisc(f->ifindex);
	filter_free(f);
}

/* ---- tables ---- */

static void
copy_words(volatile uint64_t *to, const uint64_t *from, size_t bytes)	/* a bucket is never half written */
{
	for (; bytes >= sizeof(*to); bytes -= sizeof(*to))
		*to++ = *from++;
}

static bool
bpf_write(struct filter *f, const struct filter_tables *t)
{
	uint32_t idle = (f->s->control.active & 1) ^ 1;

	_Static_assert(sizeof(*t) % sizeof(uint64_t) == 0 && _Alignof(struct filter_tables) == 8, "words");
	copy_words((volatile uint64_t *)&f->s->tables[idle], (const uint64_t *)t, sizeof(*t));
	__atomic_store_n(&f->s->control.active, idle, __ATOMIC_RELEASE);
	return true;
}

static void
bpf_lease(struct filter *f, uint64_t until_ns)
{
	__atomic_store_n(&f->s->control.lease_ns, (__u64)until_ns, __ATOMIC_RELAXED);
}

static bool
read_counts(const struct filter *f, struct filter_counts *n)
{
	int cpus = libbpf_num_possible_cpus(), c, i;
	struct filter_counts *each;
	__u32 zero = 0;
	bool good;

	memset(n, 0, sizeof(*n));
	if (cpus <= 0)
		return false;
	each = calloc((size_t)cpus, sizeof(*each));
	good = each != NULL && bpf_map_lookup_elem(f->counts, &zero, each) == 0;
	for (c = 0; good && c < cpus; c++)
		for (i = 0; i < FILTER_COUNTS; i++)
			n->n[i] += each[c].n[i];
	free(each);
	return good;
}

static bool
bpf_read(struct filter *f, struct filter_conf *conf, struct filter_tables *t, struct filter_control *c, struct filter_counts *n)
{
	uint32_t active = __atomic_load_n(&f->s->control.active, __ATOMIC_ACQUIRE);

	if (f->s->conf.abi != FILTER_ABI)
		return false;
	if (conf != NULL)
		*conf = f->s->conf;
	if (t != NULL)
		*t = f->s->tables[active & 1];
	if (c != NULL)
		*c = f->s->control;
	return n == NULL || read_counts(f, n);
}

const struct filter_kind_ops filter_bpf = { "bpf", bpf_usable, bpf_prepare, bpf_attach, bpf_find, bpf_write, bpf_lease, bpf_read, bpf_detach, filter_free };

#else

static bool
not_built(char *err, size_t errsize)
{
	snprintf(err, errsize, "not built (configure --without-bpf)");
	return false;
}
const struct filter_kind_ops filter_bpf = { .name = "bpf", .usable = not_built };

#endif
