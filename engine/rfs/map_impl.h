/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map_impl.h: what map.c (the memory) and map_log.c (the disk) share. */
#ifndef SK_RFS_MAP_IMPL_H
#define SK_RFS_MAP_IMPL_H

#include "rfs/map.h"

#include <pthread.h>

/* ---- map_log.c: segments VAR/rfs/map.DIR.N: a head, then records of 16 bytes ---- */
#define SEG_HEAD	64
#define SEG_RECORD	16
enum rec_type {		/* in the upper four bits of a record's third word */
	REC_ZONE = 1,	/* node, zone */
	REC_ALL,	/* node: the whole file */
	REC_DROP,	/* node is gone */
	REC_DONE,	/* node: what segments before this one say of it is void; while blind: it was compared */
	REC_BASE,	/* node: number of the first segment that still counts */
	REC_SEAL,	/* node: number of the segment that follows */
	REC_ADD,	/* node, zone: as if it were in a former segment */
	REC_TYPES
};
#define REC_ADD_ALL 0x0fffffffu	/* REC_ADD's zone: the whole file */
struct rec { uint64_t node; uint32_t zone; uint8_t type; };
struct seg_head {
	uint64_t gen, seq, base, nonce;
	uint32_t zone, dir;
	bool blind;
};

struct maplog {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	char	 folder[256];
	int	 dir_fd;
	struct seg_head head;		/* of the segment that is written */
	int	 fd;
	uint64_t records;		/* in it */
	uint64_t marks;			/* of these: REC_BASE */
	uint64_t appended, synced;	/* numbers of records, over all segments */
	bool	 syncing;
	int	 broken;		/* errno of a flush that failed: what the disk has is not known any more */
};

/* pure */
void rec_encode(const struct seg_head *h, uint64_t index, const struct rec *r, uint8_t out[SEG_RECORD]);
bool rec_decode(const struct seg_head *h, uint64_t index, const uint8_t in[SEG_RECORD], struct rec *r);
void seg_head_encode(const struct seg_head *h, uint8_t out[SEG_HEAD]);
bool seg_head_decode(const uint8_t in[SEG_HEAD], struct seg_head *h);

bool maplog_init(struct maplog *l, const char *folder, int dir, char *err, size_t errsize);
void maplog_free(struct maplog *l);
/* The lock of l is held: one record into the segment, no waiting.  false: errno. */
bool maplog_append(struct maplog *l, const struct rec *r);
/* The lock is held, and given away meanwhile: until all that was appended up to upto is on the disk. */
bool maplog_wait(struct maplog *l, uint64_t upto);
/* The lock is held: a new segment (head.seq + 1) becomes the one that is written; fill writes its first records, may be NULL. */
struct segment_writer;
bool maplog_rotate(struct maplog *l, const struct seg_head *h, void (*fill)(void *arg, struct segment_writer *w), void *arg);
void segment_put(struct segment_writer *w, const struct rec *r);
void maplog_unlink_before(struct maplog *l, uint64_t seq);	/* segments with a lower number */

/* Reading back: every record of all segments that count, oldest segment first; next is called before each segment.  0: all were whole;
 * 1: nothing there; -1: damaged or missing (why).  *head: of the last one; *last: highest number seen, also of what did not count. */
struct seg_reader { void *arg; void (*next)(void *arg); void (*record)(void *arg, const struct rec *r); };
int maplog_read(struct maplog *l, const struct seg_reader *r, struct seg_head *head, uint64_t *last, char *why, size_t whysize);

#endif
