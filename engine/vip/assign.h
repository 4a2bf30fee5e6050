/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * assign.h: which node owns which bucket: a pure function of who serves and of the powers, so that every node computes the same alone.
 *
 * Each serving node with a power gets its share of 256 (largest remainder, ties to the lower index), exactly.  The first two of those that
 * have a power, when they alone serve and have the same: 0..127 and 128..255, so each farm of two equal servers.
 * Without memory a node that comes or goes cannot move its own share only; measured over all transitions of up to 8 equal
 * nodes (tests/unit/t_assign): 1.06 times that in the mean, at worst 1.31 (one of 3: 1.02); random ones of up to 32 nodes, any powers: 1.6.
 * Called by: vip/farm.  Never does: remember anything.  One thread (marks are drawn in the first call).
 */
#ifndef SK_VIP_ASSIGN_H
#define SK_VIP_ASSIGN_H

#include "filter_abi.h"
#include "base/base.h"

/* power: 0..256 per node; serving: bits.  owner: FILTER_NOBODY everywhere when nobody serves or all powers are 0.  0.1 ms for 32 nodes. */
void assign_buckets(const uint16_t power[FILTER_NODES], uint32_t serving, uint8_t owner[FILTER_BUCKETS]);

#endif
