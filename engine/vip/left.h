/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * left.h: what a vipd has set on this server, for whoever comes after it: SAFEVAR/modules/AM/vip.json.
 *
 * Written before anything is set, with the boot id: what it tells holds until the server boots, so that it need not reach the disk (no
 * fsync: a slow disk does not hold up an address).  Read by the next vipd of the module, by vip_if_ctrl, and by the vipd of other modules
 * (who else needs promiscuous mode).
 */
#ifndef SK_VIP_LEFT_H
#define SK_VIP_LEFT_H

#include "conf/conf.h"

#define LEFT_ADDRS	(2 * CONF_VADDRS_MAX)	/* those of before, and those of a new configuration */
#define LEFT_INTFS	(2 * CONF_VINTFS_MAX)

/* stuck (not in the file): the kernel did not take it away, and that was said */
struct left_addr { char addr[256]; /* as configured */ char ip[46]; char intf[SK_NAME_MAX]; int index, prefix; bool stuck; };
/* An interface with a filter.  promisc: that needs promiscuous mode; before: it was on before any module needed it */
struct left_intf { char intf[SK_NAME_MAX]; int index; char filter[16]; /* "bpf", "module" */ bool promisc, before; };
struct left {
	char	 module[SK_NAME_MAX];
	int	 id, self;
	int	 nodes_count;
	char	 nodes[SK_NODES_MAX][SK_NAME_MAX];
	int	 groups_count;
	char	 groups[CONF_GROUPS_MAX][SK_NAME_MAX];
	int	 addrs_count, intfs_count;
	struct left_addr addrs[LEFT_ADDRS];
	struct left_intf intfs[LEFT_INTFS];
};
bool left_write(const char *var, const struct left *l);	/* var: SAFEUSERVAR; false with errno.  Nothing set: the file goes */
bool left_read(const char *var, struct left *l);	/* false: none, of another boot, or not understood (said on stderr) */
/* text <-> struct; the reader takes any bytes */
char *left_encode(const struct left *l, const char *boot);	/* NULL: no memory */
bool left_decode(const char *text, size_t len, const char *boot, struct left *l, char *err, size_t errsize);	/* err "": of another boot */

/* Promiscuous mode is one bit per interface for all modules: who reads it, and vip.json of the others, and changes it, holds this */
int left_lock(void);		/* fd, -1 with errno (then go on without) */
void left_unlock(int fd);
/* Another module than ours has a filter on this interface that needs promiscuous mode; *before: was it on before that one */
bool left_other_needs(const char *module, int index, bool *before);

#endif
