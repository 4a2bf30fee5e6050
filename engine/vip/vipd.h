/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vipd.h: the virtual addresses and the farm of one module, as engine/vipd.c wires them to heart.
 *
 * Owns: what is set on this server for the module, vip.json, the farm's group.  Called by: engine/vipd.c, from its loop thread.  Never does:
 * speak with heart (hooks do), decide when.
 */
#ifndef SK_VIPD_H
#define SK_VIPD_H

#include "vip/setup.h"
#include "wire/message.h"
#include <uv.h>

struct vipd_hooks {
	void *ctx;
	void (*resource)(void *ctx, const char *name, const char *value);	/* value NULL: gone */
	void (*share)(void *ctx, const struct rpt_share *share);
	void (*log)(void *ctx, int message, const char *text);		/* enum message */
	void (*ack)(void *ctx, int64_t seq, const char *why);		/* why "": it is so */
};
struct vipd;
/* NULL with the reason.  var: SAFEUSERVAR, with what a former life left */
struct vipd *vipd_new(uv_loop_t *loop, const char *module, const char *var, const struct vipd_hooks *hooks, char *err, size_t errsize);
void vipd_setup(struct vipd *v, struct vip_setup *s);	/* taken */
void vipd_by_hand(struct vipd *v);	/* what a former life left is no accident: "unset" */
/* hooks.ack(seq) follows, perhaps before the return */
void vipd_want(struct vipd *v, int64_t seq, bool addresses, bool serve);
void vipd_announce(struct vipd *v);	/* what is set, again */
void vipd_down(struct vipd *v);		/* everything, at once; nothing but vipd_free() after it */
void vipd_free(struct vipd *v);		/* the loop must run until nothing is left.  What is set stays */

/* ---- once.c: by hand, and for AM_start_wrapper.sh, while the module is stopped ---- */
enum once { ONCE_SET, ONCE_UNSET, ONCE_CLEAN };
/* The active configuration of the module (SAFE/private/modules/AM/module.json); says on stdout what it does.  Exit status */
int vipd_once(const char *module, enum once what);

/* One vipd at a time works on a module: holds SAFEVAR/modules/AM/vipd.lock until the process ends.  wait_ms: for a former one to end;
 * then it is killed.  False: somebody else has it, or errno */
bool vipd_lock(const char *var, int wait_ms);

#endif
