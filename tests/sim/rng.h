/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rng.h: random numbers from a seed (SplitMix64, S. Vigna, public domain algorithm): the same on every machine. */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stdint.h>

struct rng { uint64_t x; };

static inline uint64_t
rng_next(struct rng *r)
{
	uint64_t z = r->x += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static inline void
rng_seed(struct rng *r, uint64_t seed)
{
	r->x = seed * 0x2545f4914f6cdd1du + 1;
	rng_next(r);
}

/* 0 .. n-1; n = 0 gives 0 */
static inline unsigned
rng_below(struct rng *r, unsigned n)
{
	return n == 0 ? 0 : (unsigned)(rng_next(r) >> 33) % n;
}

#endif
