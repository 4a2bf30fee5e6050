/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as heartbeats: what is accepted encodes to the same bytes, and a module that receives them keeps its numbers in range. */
#include "config.h"
#include "module/module.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t wall;

static void on_send(void *ctx, int hb, const struct beat *b) { }
static void on_run(void *ctx, enum fsm_plan plan, uint32_t seq, const char *action) { *(uint32_t *)ctx = seq; }
static void on_kill(void *ctx) { *(uint32_t *)ctx = 0; }
static void on_report(void *ctx, const struct rpt_module *r) { }
static void on_resource(void *ctx, const char *name, const char *value, const char *by) { }
static void on_notice(void *ctx, int type, const char *object, const char *from, const char *to, const char *text) { }
static void on_persist(void *ctx, const struct mod_record *r) { }
static void on_reboot(void *ctx) { }
static void on_rfs_alone(void *ctx) { }
static void on_rfs_refuse(void *ctx) { }
static void on_rfs_force(void *ctx, bool primforce) { }
static int64_t on_wall(void *ctx) { return wall; }

static void
on_log(void *ctx, enum message m, const char *text)
{
	if (m == MSG_DEBUG)
		abort();	/* a missing row, or tables that do not settle */
}

/* A module in a life of beats: byte 0 of each record says what comes, the rest is a beat */
static void
live(const uint8_t *data, size_t size)
{
	static uint32_t running;
	static const struct mod_conf conf = { .name = "m", .id = 1, .mode = MODE_MIRROR, .self = 0, .peer = 1, .hb_count = 2, .failover = true,
		.maxloop = 3, .loop_interval_ms = 60000, .hb = { { "a", 100, 1000 }, { "b", 100, 1000 } } };
	const struct mod_hooks hooks = { &running, on_send, on_run, on_kill, on_log, on_report, on_resource, on_notice, on_persist, on_reboot,
		on_rfs_alone, on_rfs_refuse, on_rfs_force, on_wall };
	const struct mod_record rec = { .lastprim = -1, .failover = -1 };
	int64_t now = 1000;
	char err[SK_TEXT_MAX];
	struct mod m;
	struct beat b;

	running = 0;
	mod_init(&m, &conf, &hooks, &rec, 5, now);
	for (; size > BEAT_LEN; data += BEAT_LEN + 1, size -= BEAT_LEN + 1) {
		unsigned what = data[0];

		now += what & 0x80 ? 300 : 1;
		if (beat_decode(data + 1, BEAT_LEN, &b)) {
			b.from = 1;
			b.module_id = 1;
			mod_receive(&m, what & 1, &b, now);
		}
		if (what & 2)
			mod_settle(&m, now);
		if (what & 4)
			mod_action(&m, (enum rpt_verb)(data[1] % VERB_COUNT), "f", what & 8 ? "f" : NULL, now, err, sizeof(err));
		if ((what & 16) && running != 0) {
			uint32_t seq = running;

			running = 0;
			mod_script_done(&m, seq, what & 1, now);
		}
		if (what & 32)
			mod_tick(&m, now);
		if (m.state >= S_COUNT || m.peer.state >= RS_COUNT || m.rank < 0 || m.rank > 2 || (m.report.heartbeats_up > 2))
			abort();
	}
	mod_tick(&m, now + 10000);
	if (mod_next(&m) <= now + 10000)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[BEAT_MAX];
	struct beat b;

	if (beat_decode(data, size, &b)) {
		if (size < BEAT_LEN || beat_encode(&b, again) != (size_t)(BEAT_LEN + 1 + 5 * b.words) || memcmp(again, data, BEAT_LEN) != 0)
			abort();
		if (b.from >= SK_NODES_MAX || b.state >= RS_COUNT || b.status >= ST_COUNT)
			abort();
	}
	live(data, size);
	return 0;
}
