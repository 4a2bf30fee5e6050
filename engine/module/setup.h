/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * setup.h: what safeadmin tells a heart about its module and the cluster, and what heart remembers: JSON <-> structs, pure.
 *
 * Setup: {"node","self","nodes":[names],"peer":name or "","name","id","key":64 hex or "","encryption":bool,"boot":word,"config_ms",
 * "signature","running":bool,"module":{conf_module_to_json},"lans":[{"name","local":ip,"at":[{"node":index,"ip":ip}]}]}; addresses are
 * numeric: safeadmin resolved them.
 */
#ifndef SK_SETUP_H
#define SK_SETUP_H

#include "conf/conf.h"
#include "module/module.h"
#include "cluster/link.h"
#include <jansson.h>

struct setup {
	struct mod_conf	 mod;
	struct conf_module conf;
	int		 lans;			/* one per heartbeat, in their order */
	struct link_conf lan[MOD_HB_MAX];
	bool		 has_key;
	uint8_t		 key[32];
	json_t		*farm_lans;		/* of <farm>: those of the setup that it names, all of this server's where it names none; NULL: no farm */
	char		 key_hex[65];		/* key as it came, "" without one */
	json_t		*rfs_lan;		/* of the replication, as it came; NULL: nothing replicated */
	bool		 running;		/* safeadmin saw the module running in a former life of heart */
};
/* false with the reason; *out is freed by setup_free() in both cases */
bool setup_decode(const json_t *obj, struct setup *out, char *err, size_t errsize);
void setup_free(struct setup *s);
/* The first line to vipd (wire/vipline.h), new reference; var: SAFEUSERVAR */
json_t *setup_vip_line(const struct setup *s, const char *var);
bool setup_has_vip(const struct setup *s);	/* there is something for vipd to do */
/* The first line to rfsd (wire/rfsline.h), likewise; peer: the other server, -1: not known yet */
json_t *setup_rfs_line(const struct setup *s, int peer, const char *var);
bool setup_has_rfs(const struct setup *s);

/* SAFEVAR/modules/AM/heart.json.  boot: path_node_boot_id() of the one who wrote. */
json_t *record_encode(const struct mod_record *r, const char *boot);
/* A damaged record counts as none: lastprim not known. */
void record_decode(const json_t *obj, struct mod_record *r, char *boot, size_t bootsize);

#endif
