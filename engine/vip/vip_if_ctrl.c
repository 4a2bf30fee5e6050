/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vip_if_ctrl.c: special command (user's guide 4.3.5, 15.10): vip_if_ctrl -l [-v]: who takes which buckets, as the kernel's filters on this server
 * have it; vip_if_ctrl -L: interfaces, their networks, the first address in each.  Reads only: the filters themselves, and vip.json for
 * where they are.
 */
#include "config.h"
#include "vip/addr.h"
#include "vip/bitmap.h"
#include "vip/filter.h"
#include "vip/ip.h"
#include "vip/left.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define USAGE	"expected: vip_if_ctrl -l [-v] (bitmaps of load balancing; -v: with counters), or vip_if_ctrl -L (interfaces and networks)"
#define NETS_MAX	4096

enum { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_TYPING = 2 };

/* ---- -l ---- */

static const char *
group_name(const void *ctx, int i)
{
	const struct left *l = ctx;

	return i < l->groups_count ? l->groups[i] : "";
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool
show(const struct left *l, const struct left_intf *f, bool counters)
{
	const struct filter_kind_ops *kind = strcmp(f->filter, filter_module.name) == 0 ? &filter_module : &filter_bpf;
	static struct filter_conf conf;
	static struct filter_tables tables;
	struct filter_control control = { 0 };
	struct filter_counts counts = { 0 };
	struct bitmap_view v = { l->module, f->intf, kind->name, group_name, l, &conf, &tables, &control, counters ? &counts : NULL, now_ns() };
	struct filter *filter = kind->find != NULL ? kind->find(f->index, l->id) : NULL;
	bool ok;

	if (filter == NULL) {
		warn_text("module %s: no filter on %s", l->module, f->intf);
		return false;
	}
	ok = kind->read(filter, &conf, &tables, &control, counters ? &counts : NULL);
	kind->release(filter);
	if (ok)
		bitmap_print(stdout, &v);
	else
		warn_text("module %s: the filter on %s cannot be read", l->module, f->intf);
	return ok;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
list_bitmaps(bool counters)
{
	char dir[PATH_MAX], var[PATH_MAX];
	static struct left l;
	struct dirent **e;
	int i, k, n, status = STATUS_DONE;

	if (!path_format(dir, sizeof(dir), "%s/modules", path_safevar()))
		return STATUS_FAILED;
	n = scandir(dir, &e, NULL, by_name);
	if (n == -1) {
		if (errno == ENOENT)
			return STATUS_DONE;
		warn_errno("%s", dir);
		return STATUS_FAILED;
	}
	for (i = 0; i < n; i++) {
		if (str_is_name(e[i]->d_name) && path_format(var, sizeof(var), "%s/%s", dir, e[i]->d_name) && left_read(var, &l))
			for (k = 0; k < l.intfs_count; k++)
				status = show(&l, &l.intfs[k], counters) ? status : STATUS_FAILED;
		free(e[i]);
	}
	free(e);
	return status;
}

/* ---- -L ---- */

struct nets { int count; struct addr_row row[NETS_MAX]; };

static void
take(void *ctx, const struct addr_row *row)
{
	struct nets *n = ctx;
	int i;

	if (row->prefix >= ip_bits(&row->ip) || n->count == NETS_MAX)
		return;
	for (i = 0; i < n->count; i++)	/* the first one of each network; a dump may come twice */
		if (n->row[i].index == row->index && n->row[i].prefix == row->prefix && ip_in(&row->ip, &n->row[i].ip, row->prefix))
			return;
	n->row[n->count++] = *row;
}

static int
list_networks(void)
{
	static struct nets nets;
	char err[SK_TEXT_MAX], net[IP_TEXT_MAX], ip[IP_TEXT_MAX];
	struct sockaddr_storage network;
	struct addr *a = addr_open(err, sizeof(err));
	struct addr_link link;
	int i;

	if (a == NULL || !addr_each(a, AF_UNSPEC, take, &nets)) {
		warn_text("%s", a == NULL ? err : strerror(errno));
		addr_close(a);
		return STATUS_FAILED;
	}
	printf("%-15s %-43s %s\n", "INTERFACE", "NETWORK", "ADDRESS");
	for (i = 0; i < nets.count; i++) {
		if (!addr_link(a, nets.row[i].index, NULL, &link))
			continue;
		ip_network(&nets.row[i].ip, nets.row[i].prefix, &network);
		snprintf(err, sizeof(err), "%s/%d", ip_text(&network, net), nets.row[i].prefix);
		printf("%-15s %-43s %s\n", link.name, err, ip_text(&nets.row[i].ip, ip));
	}
	addr_close(a);
	return STATUS_DONE;
}

int
main(int argc, char **argv)
{
	bool bitmaps = false, networks = false, counters = false;
	int c, status;

	diag_init("vip_if_ctrl", 0);
	while ((c = getopt(argc, argv, "lLv")) != -1) {
		bitmaps |= c == 'l';
		networks |= c == 'L';
		counters |= c == 'v';
		if (c == '?')
			return STATUS_TYPING;
	}
	if (optind != argc || bitmaps == networks || (counters && networks)) {
		warn_text("%s", USAGE);
		return STATUS_TYPING;
	}
	status = bitmaps ? list_bitmaps(counters) : list_networks();
	if (fflush(stdout) == EOF)
		fatal("stdout: %s", strerror(errno));
	return status;
}
