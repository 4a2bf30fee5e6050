/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any JSON as a setup and as a record of heart: what is accepted is in range; a record survives its round trip. */
#include "config.h"
#include "module/setup.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
check_setup(const struct setup *s)
{
	int i, k;

	must(s->mod.id >= 1 && s->mod.id <= SK_MODULES_MAX && s->mod.self >= 0 && s->mod.self < SK_NODES_MAX);
	must(s->mod.peer >= -1 && s->mod.peer < SK_NODES_MAX && s->mod.hb_count >= 0 && s->mod.hb_count <= MOD_HB_MAX);
	must(str_is_name(s->mod.name) && s->mod.mode >= 0 && s->mod.mode < MODE_COUNT && s->mod.boot >= 0 && s->mod.boot < BOOT_COUNT);
	must(s->mod.maxloop >= 0 && s->mod.loop_interval_ms >= 0);
	for (i = 0; i < s->mod.hb_count; i++) {
		must(s->mod.hb[i].pulse_ms >= 10 && s->mod.hb[i].timeout_ms >= 50);
		must(s->lan[i].count >= 0 && s->lan[i].count <= SK_NODES_MAX);
		for (k = 0; k < s->lan[i].count; k++)
			must(s->lan[i].peers[k].node >= 0 && s->lan[i].peers[k].node < SK_NODES_MAX && s->lan[i].peers[k].node != s->mod.self);
	}
}

static void
check_record(const json_t *obj)
{
	struct mod_record r, again;
	char boot[64], boot2[64];
	json_t *back;

	record_decode(obj, &r, boot, sizeof(boot));
	must(r.lastprim >= -1 && r.lastprim <= 1 && r.rank >= 0 && r.rank <= 2 && r.failover >= -1 && r.failover <= 1);
	must(r.loops >= 0 && r.loops <= MOD_LOOP_MAX + 1 && (r.peer[0] == '\0' || str_is_name(r.peer)));
	back = record_encode(&r, boot);
	must(back != NULL);
	record_decode(back, &again, boot2, sizeof(boot2));
	must(r.loops == again.loops && r.life == again.life && r.running == again.running && strcmp(boot, boot2) == 0);
	json_decref(back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *obj = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	char err[SK_TEXT_MAX] = "";
	struct setup s;

	if (setup_decode(obj, &s, err, sizeof(err)))
		check_setup(&s);
	else
		must(err[0] != '\0');
	setup_free(&s);
	check_record(obj);
	json_decref(obj);
	return 0;
}
