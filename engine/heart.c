/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * heart.c: the process of one module.  Wiring only: heartbeats in and out, scripts, the line to safeadmin, the record on disk; what
 * happens is decided in module/ and fsm/.
 *
 * Started by safeadmin: heart -m AM.  One at a time per module (a lock on SAFEVAR/modules/AM/heart.lock).  The loop thread never touches
 * the disk after start-up: scripts have their thread (act/runner), the record has another (act/writer).
 */
#include "config.h"
#include "act/script_env.h"
#include "heart/heart.h"

#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD_MAX	65536
#define HELLO_WAIT_MS	10000
#define LINK_RETRY_MS	1000	/* between attempts to get a heartbeat port that is taken (ours) */
#define OLD_KEY_MS	600000	/* how long the former key is good after a new one: time to apply it on the other server (ours) */

struct heart H;

/* ---- hooks of the module ---- */

static void
hook_send(void *ctx, int hb, const struct beat *b)
{
	struct packet_seal *seals[2] = { H.seal, H.old_seal };
	uint8_t payload[BEAT_MAX], pkt[PACKET_MAX];
	size_t n, i, len;
	int k;

	if (H.links[hb] == NULL || H.seal == NULL)
		return;
	len = beat_encode(b, payload);
	for (k = 0; k < H.setup.lan[hb].count; k++) {
		int to = H.setup.lan[hb].peers[k].node;

		if (H.mod.conf.peer >= 0 && to != H.mod.conf.peer)
			continue;
		for (i = 0; i < ARRAY_LEN(seals) && seals[i] != NULL; i++) {
			n = packet_close(seals[i], to, payload, len, pkt);
			if (n > 0)
				link_send(H.links[hb], to, pkt, n);
		}
	}
}

static void
hook_run(void *ctx, enum fsm_plan plan, uint32_t seq, const char *action)
{
	heart_run(plan, seq, action);
}

static void
hook_kill(void *ctx)
{
	heart_run_killed();
	runner_kill(H.runner);
}

void
heart_log(enum message m, const char *origin, const char *message)
{
	char level[2] = { message_rows[m].level, '\0' }, text[SK_TEXT_MAX];

	str_copy(text, sizeof(text), message);
	str_make_utf8(text);

	uplink_send(H.up, json_pack("{s:{s:I,s:s,s:s,s:s,s:i,s:s}}", "log", "time_us", (json_int_t)clock_wall_us(), "module", H.mod.conf.name,
	    "origin", origin, "level", level, "key", (int)message_rows[m].key, "message", text), true);
}

static void
hook_log(void *ctx, enum message m, const char *text)
{
	heart_log(m, "heart", text);
}

static void
hook_report(void *ctx, const struct rpt_module *r)
{
	struct rpt_module copy = *r;

	copy.pid = (uint32_t)getpid();
	heart_ready_report(r);
	if (strcmp(H.peer, r->peer) != 0) {
		str_copy(H.peer, sizeof(H.peer), r->peer);
		heart_rfs_setup();	/* whom it replicates to is known now */
	}
	uplink_send(H.up, json_pack("{s:o}", "module", report_encode(&rpt_module_type, &copy)), false);
}

static void
hook_resource(void *ctx, const char *name, const char *value, const char *by)
{
	int64_t wall = clock_wall_us() / 1000;
	const json_t *old = json_object_get(H.resources, name);
	json_t *r = json_pack("{s:s,s:s,s:s,s:I}", "name", name, "value", value, "by", by, "assigned_ms", (json_int_t)wall);
	const char *before = json_string_value(json_object_get(old, "value"));

	if (r == NULL)
		return;
	if (before == NULL || strcmp(before, value) != 0)
		json_object_set_new(H.notes, name, json_pack("{s:I,s:s}", "since_ms", (json_int_t)wall, "why", ""));
	json_object_set(H.resources, name, r);
	uplink_send(H.up, json_pack("{s:o}", "resource", r), false);
	heart_rfs_assigned(name, value, by);
}

void
heart_notice(int type, const char *object, const char *from, const char *to, const char *text)
{
	char clean[SK_TEXT_MAX];

	str_copy(clean, sizeof(clean), text);
	str_make_utf8(clean);
	uplink_send(H.up, json_pack("{s:{s:I,s:s,s:s,s:s,s:s,s:s}}", "notice", "time_ms", (json_int_t)(clock_wall_us() / 1000), "type",
	    rpt_notice_names[type], "object", object, "from", from, "to", to, "message", clean), true);
}

static void
hook_rfs_alone(void *ctx)
{
	heart_rfs_granted();
}

static void
hook_rfs_refuse(void *ctx)
{
	heart_rfs_refused();
}

static void
hook_rfs_force(void *ctx, bool primforce)
{
	heart_rfs_force(primforce);
}

static void
hook_notice(void *ctx, int type, const char *object, const char *from, const char *to, const char *text)
{
	heart_notice(type, object, from, to, text);
}

static int64_t
hook_wall(void *ctx)
{
	return clock_wall_us() / 1000;
}

static void
reboot_closed(uv_handle_t *h)
{
	free(h);
}

static void
reboot_exited(uv_process_t *p, int64_t status, int sig)
{
	if (status != 0 || sig != 0)
		warn_text("%s: the reboot command ended with status %d, signal %d", H.mod.conf.name, (int)status, sig);
	uv_close((uv_handle_t *)p, reboot_closed);
}

static void
hook_reboot(void *ctx)
{
	/* $SAFE_REBOOT: the lab's way to reboot a node; a real server has reboot(8) */
	const char *command = getenv("SAFE_REBOOT") != NULL ? getenv("SAFE_REBOOT") : "/sbin/reboot";
	char *args[] = { (char *)(uintptr_t)command, NULL };
	uv_process_options_t o = { .exit_cb = reboot_exited, .file = command, .args = args, .flags = UV_PROCESS_DETACHED };
	uv_process_t *p = calloc(1, sizeof(*p));	/* one each: a reboot that does not come may be asked for again */

	if (p == NULL || uv_spawn(H.loop, p, &o) == 0)
		return;
	warn_text("%s: cannot run %s", H.mod.conf.name, command);
	uv_close((uv_handle_t *)p, reboot_closed);
}

/* ---- the record ---- */

static void
hook_persist(void *ctx, const struct mod_record *r)
{
	json_t *obj = record_encode(r, path_node_boot_id());

	writer_put(H.writer, json_dumps(obj, JSON_COMPACT));
	json_decref(obj);
}

/* A write has ended: who quits waits for the last one. */
static void
on_written(uv_poll_t *p, int status, int events)
{
	uint64_t n;

	(void)!read(writer_fd(H.writer), &n, sizeof(n));
	if (H.quitting && writer_idle(H.writer))
		uv_stop(H.loop);
}

static const struct mod_hooks heart_hooks = { NULL, hook_send, hook_run, hook_kill, hook_log, hook_report, hook_resource, hook_notice,
    hook_persist, hook_reboot, hook_rfs_alone, hook_rfs_refuse, hook_rfs_force, hook_wall };

/* ---- loop ---- */

static void on_timer(uv_timer_t *t);
static void apply_pending(void);

void
heart_rearm(void)
{
	int64_t next = mod_next(&H.mod), now = clock_mono_ms();

	if (next == INT64_MAX) {
		uv_timer_stop(&H.timer);
		return;
	}
	uv_update_time(H.loop);
	uv_timer_start(&H.timer, on_timer, next > now ? (uint64_t)(next - now) : 0, 0);
}

static void
on_timer(uv_timer_t *t)
{
	int i;

	/* what came while we did not run is heard before anything is called lost */
	for (i = 0; i < H.mod.conf.hb_count; i++)
		if (H.links[i] != NULL)
			link_drain(H.links[i]);
	heart_rfs_drain();
	mod_tick(&H.mod, clock_mono_ms());
	heart_rearm();
}

static void
forget_old_key(uv_timer_t *t)
{
	packet_seal_free(H.old_seal);
	H.old_seal = NULL;
	uv_timer_stop(&H.old_seal_end);
}

static void
on_packet(void *ctx, int lan, int from, const uint8_t *data, size_t len)
{
	uint8_t payload[PACKET_PAYLOAD_MAX];
	enum packet_verdict v;
	struct beat b;
	size_t n;

	if (from < 0 || H.seal == NULL)
		return;
	v = packet_open(H.seal, from, data, len, payload, &n);
	if (v == PACKET_OTHER_KEY && H.old_seal != NULL)
		v = packet_open(H.old_seal, from, data, len, payload, &n);
	if (v == PACKET_FRESH && beat_decode(payload, n, &b) && b.from == from) {
		H.strange_said[from] = false;
		mod_receive(&H.mod, lan, &b, clock_mono_ms());
	} else if (v == PACKET_STRANGER) {
		H.mod.send_now = true;	/* our next packet proves to it that we live now; its next one will be fresh */
	} else if (v == PACKET_OTHER_KEY && !H.strange_said[from] && H.mod.peer.view != BEAT_KNOWN) {
		char text[SK_TEXT_MAX];

		snprintf(text, sizeof(text), "Heartbeat from %s ignored: %s", H.mod.conf.nodes[from],
		    "it has another key: apply the same cluster and module configuration on both servers");
		H.strange_said[from] = true;
		heart_log(MSG_HB_PEER_OTHER, "heart", text);
	}
}

static void
on_settled(void *ctx)
{
	heart_rfs_drain();	/* before anything is made of the other server's words: what it says may follow from what our rfsd has said */
	mod_settle(&H.mod, clock_mono_ms());
	heart_rearm();
}

static void
say_script(const struct runner_event *ev)
{
	char name[64], text[SK_TEXT_MAX];
	enum message m = MSG_SCRIPT;

	snprintf(name, sizeof(name), "%s%s", ev->script, ev->force ? " force" : "");
	switch (ev->what) {
	case RUN_BEGIN:
		m = ev->force ? MSG_SCRIPT_FORCE : MSG_SCRIPT;
		snprintf(text, sizeof(text), "Script %s", name);
		break;
	case RUN_EXIT:
		if (ev->value == 0)
			return;
		m = MSG_SCRIPT_EXIT;
		snprintf(text, sizeof(text), "Script %s returned %d", name, ev->value);
		break;
	case RUN_SIGNAL:
		m = MSG_SCRIPT_KILLED;
		snprintf(text, sizeof(text), "Script %s killed by signal %d", name, ev->value);
		break;
	case RUN_TIMEOUT:
		m = MSG_SCRIPT_TIMEOUT;
		snprintf(text, sizeof(text), "Script %s did not end within %d seconds: killed", name, ev->value);
		break;
	default:
		m = MSG_SCRIPT_ERROR;
		snprintf(text, sizeof(text), "Script %s cannot be run: %s", name, strerror(ev->value));
		break;
	}
	heart_log(m, "heart", text);
	if (ev->what != RUN_BEGIN)
		mod_script_failed(&H.mod);
}

static void
on_runner(uv_poll_t *p, int status, int events)
{
	struct runner_event ev;
	uint64_t n;

	(void)!read(H.runner_fd, &n, sizeof(n));
	while (runner_poll(H.runner, &ev))
		if (ev.what == RUN_DONE)
			heart_run_done(ev.seq, ev.value);
		else
			say_script(&ev);
	heart_rearm();
}

void
heart_at_rest(void)
{
	if (H.mod.state == S_STOP) {
		heart_check_stopped();
		heart_vip_stopped();
		heart_rfs_stopped();
	}
	if (H.pending != NULL && H.mod.state == S_STOP)
		apply_pending();
	heart_rearm();
}

static void
wake_runner(void *ctx)
{
	uint64_t one = 1;

	(void)!write(H.runner_fd, &one, sizeof(one));
}

/* ---- configuration ---- */

static void
close_links(void)
{
	int i;

	for (i = 0; i < MOD_HB_MAX; i++) {
		link_close(H.links[i]);
		H.links[i] = NULL;
	}
}

/* A running pair must not lose its heartbeats while a new key is applied first here, then there: the former one stays good for a while. */
static void
take_key(void)
{
	static uint8_t key[PACKET_KEY_LEN];
	static int self = -1;
	bool same = H.seal != NULL && H.setup.has_key && self == H.setup.mod.self && memcmp(key, H.setup.key, sizeof(key)) == 0;

	if (same)
		return;		/* and the sessions go on */
	forget_old_key(NULL);
	if (H.seal != NULL && H.setup.has_key && self == H.setup.mod.self) {
		H.old_seal = H.seal;
		uv_timer_start(&H.old_seal_end, forget_old_key, OLD_KEY_MS, 0);
	} else {
		packet_seal_free(H.seal);
	}
	H.seal = NULL;
	if (H.setup.has_key)
		H.seal = packet_seal_new(H.setup.key, PACKET_HEARTBEAT, H.setup.mod.self, SK_NODES_MAX);
	memcpy(key, H.setup.key, sizeof(key));
	self = H.setup.mod.self;
}

static void on_link_retry(uv_timer_t *t);

/* A port that another process holds is asked for again, until it is ours; said once. */
static void
open_missing(bool say)
{
	char err[256];
	bool missing = false;
	int i;

	for (i = 0; i < H.setup.lans; i++) {
		if (H.links[i] != NULL)
			continue;
		H.links[i] = link_open(H.loop, i, &H.setup.lan[i], on_packet, on_settled, NULL, err, sizeof(err));
		if (H.links[i] != NULL)
			continue;
		missing = true;
		if (say)
			heart_log(MSG_HB_PEER_OTHER, "heart", err);
	}
	if (missing)
		uv_timer_start(&H.link_retry, on_link_retry, LINK_RETRY_MS, 0);
}

static void
on_link_retry(uv_timer_t *t)
{
	open_missing(false);
}

static void
open_links(void)
{
	uv_timer_stop(&H.link_retry);
	close_links();
	memset(H.strange_said, 0, sizeof(H.strange_said));
	if (H.setup.conf.mode != MODE_MIRROR)
		return;		/* and no cipher: its library costs 2 MB of a process */
	take_key();
	if (!H.setup.has_key) {
		heart_log(MSG_HB_PEER_OTHER, "heart", "Heartbeats ignored: this server has no cluster key: apply the cluster configuration");
		return;
	}
	open_missing(true);
}

static void
configure_runner(void)
{
	struct runner_conf rc = { .scripts = H.setup.conf.user, .userlog = H.setup.conf.userlog, .nice_ms = H.setup.conf.nicestop_ms,
	    .force_ms = H.setup.conf.forcestop_ms };
	const char *am = H.setup.mod.name;

	str_copy(rc.module, sizeof(rc.module), am);
	path_format(rc.bin_dir, sizeof(rc.bin_dir), "%s/private/modules/%s/bin", path_safe(), am);
	path_format(rc.log_dir, sizeof(rc.log_dir), "%s/modules/%s", path_safevar(), am);
	rc.env = script_env_build(am, H.setup.mod.nodes[H.setup.mod.self], H.setup.conf.vars, H.setup.conf.vars_count);
	runner_configure(H.runner, &rc);
}

/* Only addresses, keys or servers that are not ours have changed: a running module can take that. */
static bool
same_module(const struct setup *s)
{
	const struct mod_conf *now = &H.mod.conf, *new = &s->mod;

	return strcmp(new->signature, now->signature) == 0 && new->self == now->self && new->hb_count == now->hb_count &&
	    memcmp(new->hb, now->hb, sizeof(new->hb)) == 0 && strcmp(new->nodes[new->self], now->nodes[now->self]) == 0 &&
	    (now->peer < 0 || strcmp(new->nodes[now->peer], now->nodes[now->peer]) == 0);
}

/* A dynamic configuration (user's guide 13): what may change while the module runs, in ALONE or WAIT */
static bool
change_running(struct setup *s, char *err, size_t errsize)
{
	char why[SK_TEXT_MAX], text[SK_TEXT_MAX];

	if (!conf_module_dynamic(&H.setup.conf, &s->conf, why, sizeof(why))) {
		snprintf(err, errsize, "the module is not in STOP, and these cannot change while it runs: %.*s: applied when it stops",
		    SK_TEXT_MAX / 2, why);
		return false;
	}
	if (s->mod.peer < 0)
		s->mod.peer = H.mod.conf.peer;
	if (!mod_change(&H.mod, &s->mod, clock_mono_ms())) {
		snprintf(err, errsize, "the module is neither in STOP nor stable in ALONE or WAIT: applied when it stops");
		return false;
	}
	snprintf(text, sizeof(text), "Configuration changed while running: signature %s", s->mod.signature);
	heart_log(MSG_CONFIG_DYNAMIC, "heart", text);
	return true;
}

/* False with the reason: not now, or not at all. */
bool
heart_apply(const json_t *obj, const char **code, char *err, size_t errsize)
{
	struct setup s;

	if (!setup_decode(obj, &s, err, errsize)) {
		setup_free(&s);
		*code = "usage";
		return false;
	}
	if (!mod_reconfigure(&H.mod, &s.mod)) {
		if (same_module(&s)) {
			memcpy(H.mod.conf.nodes, s.mod.nodes, sizeof(H.mod.conf.nodes));
		} else if (!change_running(&s, err, errsize)) {
			setup_free(&s);
			*code = "refused";
			return false;
		}
	}
	setup_free(&H.setup);
	H.setup = s;
	configure_runner();
	open_links();
	heart_check_setup();
	heart_vip_setup();
	heart_rfs_setup();
	mod_settle(&H.mod, clock_mono_ms());
	return true;
}

static void
apply_pending(void)
{
	json_t *setup = H.pending;
	const char *code;
	char err[SK_TEXT_MAX];

	H.pending = NULL;
	if (!heart_apply(setup, &code, err, sizeof(err)))
		heart_log(MSG_CONFIG_REFUSED, "heart", err);
	json_decref(setup);
}

void
heart_quit(void)
{
	H.quitting = true;
	if (writer_idle(H.writer))
		uv_stop(H.loop);
}

/* safeadmin is back: it knows nothing of us */
static void
on_again(void *ctx, json_t *setup)
{
	const char *name;
	json_t *r;

	hook_report(NULL, &H.mod.report);
	json_object_foreach(H.resources, name, r)
		uplink_send(H.up, json_pack("{s:O}", "resource", r), false);
	heart_vip_publish();
}

static void
on_term(uv_signal_t *s, int signum)
{
	/* the server goes down with us in the middle: safeadmin has ordered the stop before; what still runs ends with the server */
	heart_quit();
}

/* ---- start ---- */

static void
take_lock(const char *am)
{
	char dir[512], file[512];
	int fd;

	path_format(dir, sizeof(dir), "%s/modules/%s", path_safevar(), am);
	if (path_mkdirs(dir, 0755) == -1)
		fatal("heart %s: %s: %s", am, dir, strerror(errno));
	path_format(file, sizeof(file), "%s/heart.lock", dir);
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1 || flock(fd, LOCK_EX | LOCK_NB) == -1)
		fatal("heart %s: another heart of this module is running (%s)", am, file);
	if (ftruncate(fd, 0) == 0)
		dprintf(fd, "%d\n", (int)getpid());
	/* fd stays open: the lock lives as long as this process */
}

static void
read_record(struct mod_record *rec, bool *same_boot)
{
	char boot[64] = "", *text = NULL;
	json_t *obj = NULL;

	path_format(H.record_file, sizeof(H.record_file), "%s/modules/%s/heart.json", path_safevar(), H.setup.mod.name);
	if (path_read(H.record_file, &text, RECORD_MAX) >= 0) {
		obj = json_loads(text, 0, NULL);
		if (obj == NULL)
			warn_text("%s is damaged: taken as empty", H.record_file);
	}
	free(text);
	record_decode(obj, rec, boot, sizeof(boot));
	json_decref(obj);
	*same_boot = strcmp(boot, path_node_boot_id()) == 0;
}

/* Heartbeats go before everything else on a loaded server; what we start does not inherit this. */
static void
raise_priority(void)
{
	struct sched_param sp = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &sp) == -1 && setpriority(PRIO_PROCESS, 0, -20) == -1)
		debug_text("no priority for heartbeats: %s", strerror(errno));
}

int
main(int argc, char **argv)
{
	const char *am = NULL;
	struct uplink_hooks up_hooks = { NULL, heart_order, on_again };
	struct mod_record rec;
	char err[SK_TEXT_MAX], born[SK_TEXT_MAX];
	bool same_boot;
	json_t *setup;
	int c;

	while ((c = getopt(argc, argv, "m:")) != -1) {
		if (c != 'm') {
			fprintf(stderr, "usage: heart -m MODULE (started by safeadmin)\n");
			return 2;
		}
		am = optarg;
	}
	diag_init("heart", getenv("SAFE_DEBUG") != NULL);
	if (am == NULL || !str_is_name(am))
		fatal("usage: heart -m MODULE (started by safeadmin)");
	mallopt(M_ARENA_MAX, 1);
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	take_lock(am);
	heart_ready_born(am);
	H.loop = uv_default_loop();
	H.resources = json_object();
	H.notes = json_object();
	H.up = uplink_open(H.loop, am, HELLO_WAIT_MS, &setup, err, sizeof(err));
	if (H.up == NULL)
		fatal("heart %s: %s", am, err);
	if (!setup_decode(setup, &H.setup, err, sizeof(err)))
		fatal("heart %s: %s", am, err);
	json_decref(setup);
	uv_timer_init(H.loop, &H.timer);
	uv_timer_init(H.loop, &H.old_seal_end);
	uv_timer_init(H.loop, &H.link_retry);
	H.runner_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (H.runner_fd == -1 || uv_poll_init(H.loop, &H.runner_poll, H.runner_fd) != 0)
		fatal("heart %s: eventfd: %s", am, strerror(errno));
	uv_poll_start(&H.runner_poll, UV_READABLE, on_runner);
	uv_signal_init(H.loop, &H.term);
	uv_signal_start(&H.term, on_term, SIGTERM);
	uplink_start(H.up, &up_hooks);
	raise_priority();
	H.runner = runner_new(wake_runner, NULL);
	if (H.runner == NULL)
		fatal("heart %s: no script thread", am);
	configure_runner();

	read_record(&rec, &same_boot);
	H.writer = writer_new(H.record_file, 0600, true);
	if (H.writer == NULL || uv_poll_init(H.loop, &H.writer_poll, writer_fd(H.writer)) != 0)
		fatal("heart %s: no thread for the record", am);
	uv_poll_start(&H.writer_poll, UV_READABLE, on_written);
	if (!heart_ready_init(am))
		fatal("heart %s: no thread for the health check file", am);
	if (H.setup.running && same_boot)
		rec.running = true;	/* safeadmin saw it, the disk did not */
	rec.life = rec.life + 1 > (uint64_t)(clock_wall_us() / 1000) ? rec.life + 1 : (uint64_t)(clock_wall_us() / 1000);
	if (H.setup.mod.mode == MODE_MIRROR && H.setup.mod.peer < 0 && rec.peer[0] != '\0')
		for (c = 0; c < SK_NODES_MAX; c++)
			if (strcmp(H.setup.mod.nodes[c], rec.peer) == 0)
				H.setup.mod.peer = c;
	mod_init(&H.mod, &H.setup.mod, &heart_hooks, &rec, rec.life, clock_mono_ms());
	snprintf(born, sizeof(born), "Process heart started for module %s, id %u", am, H.setup.mod.id);
	heart_log(MSG_HEART_START, "heart", born);
	if (!heart_check_init(am))
		fatal("heart %s: no memory for checkers", am);
	heart_check_setup();
	if (!heart_vip_init(am))
		fatal("heart %s: no memory for virtual addresses", am);
	if (!heart_rfs_init(am))
		fatal("heart %s: no memory for replication", am);
	hook_persist(NULL, &H.mod.rec);
	mod_born(&H.mod, same_boot);
	heart_rfs_born();
	open_links();
	heart_rearm();
	uv_run(H.loop, UV_RUN_DEFAULT);

	heart_ready_free();
	heart_rfs_free();
	heart_vip_free();
	heart_check_free();
	runner_free(H.runner);
	writer_free(H.writer);
	close_links();
	packet_seal_free(H.seal);
	packet_seal_free(H.old_seal);
	uplink_close(H.up);
	uv_run(H.loop, UV_RUN_NOWAIT);
	setup_free(&H.setup);
	json_decref(H.pending);
	json_decref(H.resources);
	json_decref(H.notes);
	return 0;
}
