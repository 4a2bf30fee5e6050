/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * setup.h: what heart tells its vipd about module, cluster and networks (wire/vipline.h): JSON -> struct, pure.
 */
#ifndef SK_VIP_SETUP_H
#define SK_VIP_SETUP_H

#include "cluster/link.h"
#include "conf/conf.h"
#include <jansson.h>
#include <limits.h>

struct vip_setup {
	char	 module[SK_NAME_MAX];
	char	 var[PATH_MAX];			/* SAFEUSERVAR */
	int	 id, self, nodes;
	char	 names[SK_NODES_MAX][SK_NAME_MAX];
	bool	 has_key;
	uint8_t	 key[32];
	struct conf_module conf;
	int	 lans;				/* one per <lan> of <farm>, in their order */
	struct link_conf lan[SK_LANS_MAX];
};
/* NULL with the reason */
struct vip_setup *vip_setup_decode(const json_t *line, char *err, size_t errsize);
void vip_setup_free(struct vip_setup *s);

#endif
