/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bitmap.h: who takes what, in words: the bitmaps of a filter as users know them (user's guide 4.3.5), counters, interfaces.  Pure.
 *
 * Called by: vip_if_ctrl, tests.
 */
#ifndef SK_VIP_BITMAP_H
#define SK_VIP_BITMAP_H

#include "base/base.h"
#include "filter_abi.h"
#include <stdio.h>

#define BITMAP_TEXT_MAX	96	/* "Bitmap 32:" and 8 words of 8 digits */
extern const char *const filter_count_names[FILTER_COUNTS];

/* "Bitmap N:wwwwwwww:...": N: number of the node, 1 the first of cluster.xml; a number of 256 bits, the highest first: bit b is set when the
 * node owns bucket b */
void bitmap_text(const struct filter_group *g, int node, char buf[BITMAP_TEXT_MAX]);
uint32_t bitmap_owners(const struct filter_group *g);	/* nodes with a bucket */

struct bitmap_view {
	const char *module, *intf, *kind;	/* "am", "eth0", "bpf" */
	const char *(*group)(const void *ctx, int i);	/* name of a group; "" none */
	const void *ctx;
	const struct filter_conf *conf;
	const struct filter_tables *tables;
	const struct filter_control *control;
	const struct filter_counts *counts;	/* NULL: not wanted */
	uint64_t now_ns;
};
/* For each group a line that names it, then ours (invisible), or those of all that have a bucket (directed) */
void bitmap_print(FILE *out, const struct bitmap_view *v);

#endif
