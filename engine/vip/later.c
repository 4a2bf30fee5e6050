/* SPDX-License-Identifier: GPL-2.0-or-later */
/* later.c: until the farm and the filters are merged. */
#include "config.h"
#include "vip/farm_net.h"
#include "vip/filter.h"
#include <stdio.h>

const struct filter_kind_ops filter_bpf = { .name = "bpf" }, filter_module = { .name = "module" };
const struct filter_kind_ops *filter_choose(char *err, size_t errsize) { snprintf(err, errsize, "no filter in this build"); return NULL; }
struct farm_net *farm_net_open(uv_loop_t *loop, const struct farm_net_conf *conf, const struct farm_net_hooks *hooks, char *err, size_t errsize)
{ snprintf(err, errsize, "no farm in this build"); return NULL; }
void farm_net_serve(struct farm_net *n, bool serve) { }
void farm_net_holds(struct farm_net *n, uint32_t counted_in, uint8_t (*bits)[FILTER_BUCKETS / 8]) { }
uint32_t farm_net_view(const struct farm_net *n) { return 0; }
void farm_net_key(struct farm_net *n, const uint8_t key[32]) { }
struct farm *farm_net_farm(struct farm_net *n) { return NULL; }
void farm_net_close(struct farm_net *n) { }
bool farm_tables(struct farm *f, int intf, struct filter_tables *t) { return false; }
bool farm_must_count(const struct farm *f) { return false; }
