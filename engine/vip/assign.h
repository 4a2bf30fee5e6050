/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * assign.h: which node owns which bucket: a pure function of who serves and of the powers, so that every node computes the same alone.
 *
 * Each serving node with a power gets its share of 256 within one bucket (largest remainder, ties to the lower index), exactly; two equal nodes: the first 0..127,
 * the second 128..255; and a node that comes or goes moves hardly more buckets than its own share (how many: tests/unit/t_assign).
 * Called by: vip/farm.  Never does: remember anything.
 */
#ifndef SK_VIP_ASSIGN_H
#define SK_VIP_ASSIGN_H

#include "filter_abi.h"
#include "base/base.h"

/* power: 0..256 per node; serving: bits.  owner: FILTER_NOBODY everywhere when nobody serves or all powers are 0. */
void assign_buckets(const uint16_t power[FILTER_NODES], uint32_t serving, uint8_t owner[FILTER_BUCKETS]);

#endif
