/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sync_none.c: no synchronisation: what the worker links until psync.c and ssync.c are there. */
#include "config.h"
#include "rfs/psync.h"
#include "rfs/second.h"

struct psync { int none; };
struct ssync { int none; };
static struct psync none;
static struct ssync s_none;

struct psync *psync_new(const struct psync_conf *conf) { return &none; }
void psync_state(struct psync *p, const struct rfs_state *now) { }
void psync_up(struct psync *p, const struct frame_hello *second) { }
void psync_down(struct psync *p) { }
void psync_frame(struct psync *p, int conn, const struct frame *f) { }
enum psync_route psync_route(struct psync *p, const struct rfs_op *op) { return ROUTE_SKIP; }
bool psync_diff(struct psync *p, const char *xml, char *text, size_t size, void (*told)(void *ctx, const char *text), void *ctx) { return false; }
struct ssync *ssync_new(struct second *s) { return &s_none; }
void ssync_free(struct ssync *y) { }
void ssync_down(struct ssync *y) { }
void ssync_frame(struct ssync *y, int conn, const struct frame *f) { }
bool ssync_busy(const struct ssync *y) { return true; }
bool ssync_before(struct ssync *y, struct rfs_op *op) { return true; }
void ssync_after(struct ssync *y, const struct rfs_op *op, const struct rfs_result *res) { }
bool second_verify(struct second *s, const char *xml, char *text, size_t textsize) { return false; }
