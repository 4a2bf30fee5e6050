/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter.h: the filter in the kernel as vipd sees it, whichever it is: one struct of functions per kind (tc-BPF, loadable module).
 *
 * Owns: attaching, finding again what a former life of vipd attached, writing tables, reading them back.  Called by: vipd (loop thread),
 * vip_if_ctrl (read only).  Never does: decide who owns a bucket (vip/farm).  What is attached outlives the process.
 */
#ifndef SK_VIP_FILTER_H
#define SK_VIP_FILTER_H

#include "base/base.h"
#include "filter_abi.h"

struct filter;		/* one attached filter, open */
struct filter_kind_ops {
	const char *name;	/* "bpf", "module" */
	/* can this kernel do it?  false with the reason */
	bool (*usable)(char *err, size_t errsize);
	/* That attach() need not load a program: one more of n is loaded (0.4 s), n 0: all given back.  true: there are n.  NULL: nothing to load */
	bool (*prepare)(int n);
	/* Attach to an interface for a module (id).  One of the same module that is there already, with the same conf, is taken over with its
	 * tables and lease (*kept true): no packet sees a gap; one with another conf or ABI is replaced.  NULL with the reason. */
	struct filter *(*attach)(int ifindex, int module_id, const struct filter_conf *conf, bool *kept, char *err, size_t errsize);
	/* Open what is attached, to read it; NULL: nothing of that module there */
	struct filter *(*find)(int ifindex, int module_id);
	bool (*write)(struct filter *f, const struct filter_tables *t);		/* into the idle ones, then switch */
	void (*lease)(struct filter *f, uint64_t until_ns);			/* cheap: once a pulse */
	bool (*read)(struct filter *f, struct filter_conf *conf, struct filter_tables *t, struct filter_control *c, struct filter_counts *n);	/* any may be NULL */
	void (*detach)(struct filter *f);	/* off the interface, and freed */
	void (*release)(struct filter *f);	/* freed; what is attached stays */
};
extern const struct filter_kind_ops filter_bpf, filter_module;
/* The one to use: what SAFE_VIP_FILTER ("bpf", "module") says, else the first usable of bpf, module.  NULL with the reasons of all. */
const struct filter_kind_ops *filter_choose(char *err, size_t errsize);

#endif
