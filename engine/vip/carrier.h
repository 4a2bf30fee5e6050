/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * carrier.h: whether the cables of this server's interfaces are in: rtnetlink's news of links.
 *
 * Called by: vipd's loop thread.  Never does: block, decide what follows from it.
 */
#ifndef SK_VIP_CARRIER_H
#define SK_VIP_CARRIER_H

#include "base/base.h"
#include <uv.h>

struct carrier;
/* there: the interface is up and its carrier is.  news(ctx, 0, false): news were lost, ask for each (addr_link).  NULL: no socket */
struct carrier *carrier_open(uv_loop_t *loop, void (*news)(void *ctx, int ifindex, bool there), void *ctx);
void carrier_later(struct carrier *c);	/* news(ctx, 0, false) from the loop */
void carrier_close(struct carrier *c);	/* freed when the loop has run once more */

#endif
