/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * map.h: the change map: which zones of which files the other server may not have.  On both servers, all the time.
 *
 * While the pair is whole it holds what was touched since the last *cut* that both disks are known to have; alone it holds everything since the
 * secondary left.  It is on the disk before the touched byte can be: a map that says too much costs reading, one that says too little costs data.
 * Names, attributes and sizes are not in it: a synchronisation compares those of every file.  A file made since the last cut is in it as a whole.
 *
 * Files: VAR/rfs/map.DIR.N, appended to, records of 16 bytes with a check sum, read back at map_open(); one that is damaged, of another
 * generation or missing where the state says that it should be there makes the map *blind*: every file is compared by hash, which is slow and right.
 * Called by: serve.c/repl.c (touch), second.c (touch), psync.c (ask, done), any thread.  Bounded: zones of one file beyond MAP_FILE_ZONES count as
 * the whole file.
 */
#ifndef SK_RFS_MAP_H
#define SK_RFS_MAP_H

#include "rfs/rfs.h"

#define MAP_FILE_ZONES	65536		/* zones of a file that are told apart; one that is touched beyond counts as a whole (8 KB of memory) */
struct map;
/* folder: VAR/rfs, made if it is not there.  gen: generation the map belongs to (state.h); another one on the disk: begins blind.  zone: bytes. */
struct map *map_open(const char *folder, int dir, uint64_t gen, uint32_t zone, bool fresh, char *err, size_t errsize);
void map_close(struct map *m);
bool map_blind(const struct map *m);
/* Before the change is applied.  Returns when it is on the disk if it has to be: a zone that was cold, of a file that was not made since the last
 * cut (one fdatasync for all who wait at that instant).  false: cannot be written (errno; the caller's change must fail as a local disk error would,
 * or on a secondary the server must leave). */
bool map_touch(struct map *m, uint64_t node, uint64_t off, uint64_t len);
bool map_touch_all(struct map *m, uint64_t node, bool made);	/* made: just created, nothing to wait for */
void map_flush(struct map *m);			/* what is not yet on the disk, now: before an fsync of a file is answered */
void map_drop(struct map *m, uint64_t node);	/* the file is gone for good */
/* Cuts.  begin: what is touched from now on belongs to the next one; commit: both disks have what was before it.  Forgotten is then what was before the cut that was
 * committed before this one: a change that was prepared just before a cut and applied after it is still known. */
uint64_t map_cut_begin(struct map *m);
void map_cut_commit(struct map *m, uint64_t cut);
/* Synchronisation.  Which zones of the file may differ: count, at most max, ascending; MAP_ALL: the whole file; 0: none. */
#define MAP_ALL	(-1)
int map_zones(struct map *m, uint64_t node, uint32_t *zones, int max);
bool map_add(struct map *m, uint64_t node, uint32_t zone);	/* the other server's map says so; zone UINT32_MAX: the whole file */
void map_done(struct map *m, uint64_t node);		/* compared and copied, and the secondary's disk has it: not again after an interruption */
bool map_is_done(const struct map *m, uint64_t node);	/* while blind: by this or an interrupted synchronisation */
void map_reset(struct map *m, uint64_t gen);		/* the pair is whole: nothing differs but what was touched since the last map_cut_begin(); not blind */
bool map_begin_blind(struct map *m);			/* from now on every file is one to compare, until it is done; on the disk.  false: errno */
void map_each(struct map *m, void (*fn)(void *arg, uint64_t node, uint32_t zone /* UINT32_MAX all */), void *arg);	/* for the other server */
size_t map_bytes(const struct map *m);			/* memory, for the bench */

#endif
