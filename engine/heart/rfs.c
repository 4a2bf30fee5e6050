/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rfs.c: heart's rfsd (wire/rfsline.h): its life along the module's, the role that it shall have, what comes of that.
 *
 * It runs from prestart until the module is in STOP and it has said that nothing is mounted.  Besides, with the module in STOP, it is started for
 * a moment: at heart's birth (a former life may have left mounts), after a new configuration, and for what safekit rfssync asks.
 *
 * One that dies is started again with the same words; mounts are served meanwhile, the application does not notice.  One that says nothing for
 * SILENCE_MS while it owes an answer is killed: that is no end either.  A plan waits for its folders without a limit, as it must not run the
 * application on a folder that is not mounted, nor give a role away while data is on its way; only forcestop does not wait for one that hangs.
 *
 * A role that cannot be: alone, second and sync: the module is stopped with the reason.  given in a swap: the other server must not take what
 * is there as if it were all: the module is stopped and started anew (in a stop: counts as a script that failed).  prim: the application goes on, the other server is dropped, as if
 * rfsd had asked for that.  off: counts as a script that failed.  A rfsd that was started anew and cannot go on where the former one was: stopped
 * and started anew, counted against maxloop.  The worker of a heart that died serves on without any want, until the stop scripts have run.
 */
#include "config.h"
#include "act/child.h"
#include "wire/rfsline.h"
#include "heart/rfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESTART_MS	20	/* what its worker asks waits that long (ours) */
#define RESTART_MAX_MS	5000
#define SILENCE_MS	30000	/* without any line while it owes an answer (ours); $SAFE_RFS_SILENCE: the tests' */
#define LATES_MAX	2	/* such spans until forcestop goes on (ours) */
#define MISSING_MAX	3	/* starts that fail until the role cannot be (ours) */

enum force { FORCE_NONE, FORCE_PRIM, FORCE_PRIMFORCE };
static struct {
	struct child	*child;
	uv_timer_t	 silence, ping;
	uint64_t	 silence_ms;
	bool		 on;		/* it shall run */
	json_t		*setup;		/* the newest first line; NULL before heart_rfs_init() */
	enum fsm_rfs	 role;		/* of the last want, RF_NONE: heart has not said any yet, */
	json_t		*sync;		/* sync: how, */
	bool		 nosync;	/* given: what the kernel still holds is not waited for, */
	uint32_t	 seq;		/* its number, */
	bool		 acked, failed;	/* and what came of it */
	uint32_t	 last_seq;
	json_t		*facts;		/* the last of this life; NULL: it has told none yet */
	bool		 plan_waits;
	bool		 granted;	/* prim: the other server is no secondary any more */
	bool		 refused;	/* prim: on its way out, that will not be so any more */
	json_int_t	 ask_seq;	/* of rfsd's last question for that */
	enum force	 force;		/* not answered yet */
	uint32_t	 force_seq;
	bool		 forced;	/* a plan was given up: the module goes to STOP in any case */
	bool		 pongs;		/* this life answers ping */
	uint32_t	 pings;
	int		 lates, missing;
	bool		 killed, died_said;
	bool		 draining;
} R = { .role = RF_NONE };

static void on_silence(uv_timer_t *t);

bool
rfs_runs(void)
{
	return child_running(R.child);
}

bool
rfs_send(const json_t *line)
{
	if (!child_running(R.child))
		return false;
	child_send(R.child, line);
	return true;
}

static bool
send_new(json_t *line)
{
	bool sent = rfs_send(line);

	json_decref(line);
	return sent;
}

const char *
rfs_role(void)
{
	return R.on && R.role != RF_NONE ? fsm_rfs_names[R.role] : "";
}

/* ---- what it owes ---- */

static bool
owes(void)
{
	return R.on && ((R.role != RF_NONE && !R.acked) || R.force != FORCE_NONE);
}

static void
watch_silence(void)
{
	if (owes() || (R.pongs && child_running(R.child)))
		uv_timer_start(&R.silence, on_silence, R.silence_ms, 0);
	else
		uv_timer_stop(&R.silence);
}

static void
send_want(void)
{
	enum fsm_rfs role = R.role == RF_PRIM && R.granted ? RF_ALONE : R.role;

	json_t *line = json_pack("{s:s,s:I,s:s,s:O*}", "op", "want", "seq", (json_int_t)++R.last_seq, "role", fsm_rfs_names[role], "sync",
	    role == RF_SYNC ? R.sync : NULL);

	if (role == RF_GIVEN && R.nosync)
		json_object_set_new(line, "nosync", json_true());
	R.acked = false;
	R.seq = R.last_seq;
	send_new(line);		/* to nobody: told when it is born */
	watch_silence();
}

static void
send_force(void)
{
	R.force_seq = ++R.last_seq;
	send_new(json_pack("{s:s,s:I,s:s}", "op", "force", "seq", (json_int_t)R.force_seq, "how", R.force == FORCE_PRIMFORCE ? "primforce" : "prim"));
	watch_silence();
}

static void
end(void)
{
	bool runs = child_running(R.child);

	R.on = false;
	R.role = RF_NONE;
	R.acked = R.granted = R.refused = false;
	uv_timer_stop(&R.silence);
	uv_timer_stop(&R.ping);
	child_stop(R.child);
	if (!runs)
		rfs_told_ended();
}

/* Nothing is mounted, and nothing will be */
void
rfs_idle(void)
{
	if (R.on && H.mod.state == S_STOP && R.role == RF_OFF && R.acked && R.force == FORCE_NONE && !rfs_told_waits())
		end();
}

/* ---- what comes of it ---- */

static void
lost(const char *why, bool again)
{
	char text[SK_TEXT_MAX];

	snprintf(text, sizeof(text), "Replicated directories are not as they must be for the application: %.*s", SK_TEXT_MAX / 2, why);
	heart_log(MSG_RFS_LOST, "heart", text);
	mod_rfs_lost(&H.mod, text, again, clock_mono_ms());
	heart_rearm();
}

static void
cannot(const char *why)
{
	bool waits = R.plan_waits;

	R.plan_waits = false;
	switch (R.role) {
	case RF_PRIM:
		R.ask_seq = 0;
		mod_rfs_ask(&H.mod, why);
		break;
	case RF_ALONE: case RF_SYNC: case RF_SECOND:
		lost(why, !waits);
		return;		/* and the plan with it */
	case RF_GIVEN:
		if (waits && H.mod.state != S_SWAP_OUT)
			break;
		lost(why, true);
		return;
	default:
		break;
	}
	if (!waits)
		return;
	heart_plan_failed();
	heart_plan_go();
}

static void
force_done(const char *why)
{
	R.force = FORCE_NONE;
	if (why[0] == '\0')
		heart_plan_go();
	else
		lost(why, false);
}

static void
want_done(const char *why)
{
	R.acked = true;
	R.failed = why[0] != '\0';
	if (!R.failed)
		mod_rfs_acked(&H.mod);
	if (R.force != FORCE_NONE && R.force_seq < R.seq && !R.failed)
		R.force = FORCE_NONE;	/* the later answer is for both */
	R.died_said = false;
	rfs_told_fresh();
	if (R.failed) {
		cannot(why);
	} else if (R.plan_waits) {
		R.plan_waits = false;
		heart_plan_go();
	}
	rfs_idle();
}

static void
take_ack(const json_t *obj)
{
	json_int_t n = json_integer_value(json_object_get(obj, "ack"));
	const char *why = json_string_value(json_object_get(obj, "why"));

	R.lates = 0;
	if (R.force != FORCE_NONE && n == R.force_seq)
		force_done(why != NULL ? why : "");
	else if (R.role != RF_NONE && !R.acked && n == R.seq)
		want_done(why != NULL ? why : "");
}

static void
take_sync(const json_t *obj, bool good)
{
	const char *why = json_string_value(json_object_get(obj, "why"));

	if (R.role != RF_SYNC || json_integer_value(json_object_get(obj, good ? "synced" : "sync-failed")) != R.seq)
		return;		/* of an attempt before */
	rfs_told_over();
	if (good)
		mod_rfs_synced(&H.mod);
	else
		mod_rfs_failed(&H.mod, why != NULL ? why : "", json_is_true(json_object_get(obj, "again")));
}

/* A mount that does not answer (checktime), or was made anew under the application */
static void
break_primary(const char *why)
{
	char text[SK_TEXT_MAX];

	snprintf(text, sizeof(text), "Replicated directories are not as they must be for the application: %.*s", SK_TEXT_MAX / 2, why);
	heart_log(MSG_RFS_LOST, "nfsadmin", text);
	mod_action(&H.mod, VERB_STOPSTART, "nfsadmin", "nfsadmin", clock_mono_ms(), text, sizeof(text));
}

static void
take_out(const json_t *obj)
{
	const char *why = json_string_value(json_object_get(obj, "why"));

	if (json_integer_value(json_object_get(obj, "out")) != R.seq)
		return;
	if (R.role == RF_SECOND || R.role == RF_SYNC)
		mod_rfs_out(&H.mod, why != NULL ? why : "");
	else if (R.role == RF_ALONE || R.role == RF_PRIM)
		break_primary(why != NULL ? why : "");
}

static void
take_ask(const json_t *obj)
{
	const char *why = json_string_value(json_object_get(obj, "why"));

	R.ask_seq = json_integer_value(json_object_get(obj, "seq"));
	mod_rfs_ask(&H.mod, why != NULL ? why : "");
}

static void
use_facts(const json_t *facts)
{
	const json_t *paired = json_object_get(facts, "paired"), *inconsistent = json_object_get(facts, "inconsistent");

	if (json_is_boolean(paired))
		mod_rfs_paired(&H.mod, json_is_true(paired));
	if (json_is_boolean(inconsistent))
		mod_rfs_inconsistent(&H.mod, json_is_true(inconsistent));
}

static void
take_facts(json_t *facts)
{
	json_decref(R.facts);
	R.facts = json_incref(facts);
	use_facts(facts);
}

static void
on_line(void *ctx, json_t *obj)
{
	json_t *part;

	R.missing = 0;
	R.pongs = R.pongs || json_object_get(obj, "pong") != NULL;
	if (json_object_get(obj, "ack") != NULL) {
		take_ack(obj);
	} else if (!rfs_told_line(obj)) {
		if (json_object_get(obj, "synced") != NULL)
			take_sync(obj, true);
		else if (json_object_get(obj, "sync-failed") != NULL)
			take_sync(obj, false);
		else if (json_object_get(obj, "out") != NULL)
			take_out(obj);
		else if (json_object_get(obj, "ask") != NULL)
			take_ask(obj);
		else if ((part = json_object_get(obj, "facts")) != NULL)
			take_facts(part);
	}
	watch_silence();
	if (R.draining)
		return;
	mod_settle(&H.mod, clock_mono_ms());
	heart_rearm();
}

/* ---- its life ---- */

static void
on_silence(uv_timer_t *t)
{
	R.lates++;
	R.killed = child_running(R.child);
	if (R.killed)
		child_kill(R.child);
	watch_silence();
	if (R.forced && R.role == RF_OFF && R.lates >= LATES_MAX && R.plan_waits) {
		heart_log(MSG_RFSD_LATE, "heart", "Process nfsadmin does not answer: the module goes on, replicated directories may still be mounted");
		R.plan_waits = false;
		heart_plan_failed();
		heart_plan_go();
	}
}

static void
on_ping(uv_timer_t *t)
{
	send_new(json_pack("{s:s,s:I}", "op", "ping", "n", (json_int_t)++R.pings));
}

static void
on_born(void *ctx)
{
	R.killed = R.pongs = false;
	R.ask_seq = 0;
	json_decref(R.facts);
	R.facts = NULL;
	child_send(R.child, R.setup);
	rfs_told_born();
	if (R.refused)
		send_new(json_pack("{s:s}", "op", "refuse"));
	if (R.force != FORCE_NONE)
		send_force();
	if (R.role != RF_NONE)
		send_want();
	uv_timer_start(&R.ping, on_ping, 1, R.silence_ms / 3);
	watch_silence();
}

static void
on_gone(void *ctx, const char *how)
{
	bool missing = how != NULL && strncmp(how, "cannot be started", strlen("cannot be started")) == 0;
	char text[SK_TEXT_MAX], late[64];

	uv_timer_stop(&R.ping);
	R.acked = R.pongs = false;
	if (how == NULL) {
		rfs_told_ended();
		return;
	}
	rfs_told_died();
	snprintf(late, sizeof(late), "killed: no answer for %u s", (unsigned)(R.silence_ms / 1000));
	snprintf(text, sizeof(text), "Process nfsadmin ended unexpectedly (%s): restarted", R.killed ? late : how);
	if (!R.died_said)
		heart_log(MSG_RFSD_DIED, "heart", text);
	R.died_said = true;	/* again when it has answered in between */
	watch_silence();
	if (!missing || ++R.missing < MISSING_MAX)
		return;
	R.missing = 0;
	if (H.mod.state == S_STOP)
		end();		/* nobody is there to unmount anything */
	else if (R.plan_waits)
		cannot(text);
}

/* ---- the owner ---- */

static void
start(void)
{
	R.on = true;
	R.role = RF_NONE;
	R.acked = R.granted = R.refused = R.forced = false;
	R.lates = R.missing = 0;
	child_start(R.child);
}

static void
want(enum fsm_rfs role)
{
	R.role = role;
	R.granted = R.failed = false;
	R.refused = R.refused && (role == RF_GIVEN || role == RF_OFF);
	R.lates = 0;
	send_want();
}

void
rfs_look(void)
{
	if (R.on)
		return;
	start();
	want(RF_OFF);
}

void
heart_rfs_prestart(void)
{
	if (!setup_has_rfs(&H.setup))
		return;
	/* one that runs already tells nothing again: started a moment ago to look, or kept by a question */
	rfs_told_show(R.on && rfs_runs());
	if (R.on && rfs_runs())
		use_facts(R.facts);
	R.forced = false;
	if (!R.on)
		start();
	heart_rfs_order(RF_OFF);
}

static json_t *
how_to_sync(void)
{
	const struct mod_rfs *m = &H.mod.rfs;

	if (m->date_ms > 0)
		return json_pack("{s:s,s:I}", "mode", "date", "date_ms", (json_int_t)m->date_ms);
	return json_pack("{s:s}", "mode", m->full ? "full" : "default");	/* external: rfsd knows its policy */
}

void
heart_rfs_order(enum fsm_rfs what)
{
	if (what == RF_NONE || (!R.on && (what == RF_OFF || !setup_has_rfs(&H.setup))))
		return;
	R.plan_waits = false;
	if (what != RF_OFF)
		R.forced = false;
	if (!R.on)
		start();
	if (what == R.role && what != RF_SYNC && !R.failed && !R.granted) {
		R.plan_waits = !R.acked;	/* it is so, or is on its way */
		return;
	}
	R.plan_waits = true;
	if (R.role == RF_SYNC)
		rfs_told_over();
	R.nosync = what == RF_GIVEN && H.mod.state == S_SWAP_OUT && H.mod.rfs.nosync;
	if (what == RF_SYNC) {
		json_decref(R.sync);
		R.sync = how_to_sync();
	}
	want(what);
}

void
heart_rfs_killed(void)
{
	R.plan_waits = false;
	R.force = FORCE_NONE;
	R.forced = true;
	watch_silence();
}

bool
heart_rfs_waits(void)
{
	return R.plan_waits || (R.on && R.force != FORCE_NONE);
}

void
heart_rfs_stopped(void)
{
	rfs_told_hide();
	rfs_told_over();
	rfs_idle();
}

void
heart_rfs_granted(void)
{
	R.granted = R.role == RF_PRIM;
	R.refused = false;
	send_new(json_pack("{s:s,s:I}", "op", "alone-granted", "seq", R.ask_seq));
	R.ask_seq = 0;
}

void
heart_rfs_refused(void)
{
	R.refused = true;
	send_new(json_pack("{s:s}", "op", "refuse"));
}

void
heart_rfs_force(bool primforce)
{
	if (!setup_has_rfs(&H.setup))
		return;
	R.force = primforce ? FORCE_PRIMFORCE : FORCE_PRIM;
	if (R.on)
		send_force();	/* else when it is born */
}

void
heart_rfs_drain(void)
{
	R.draining = true;
	child_drain(R.child);
	R.draining = false;
}

static json_t *
setup_line(void)
{
	char var[512];

	path_format(var, sizeof(var), "%s/modules/%s", path_safevar(), H.setup.mod.name);
	return setup_rfs_line(&H.setup, H.mod.conf.peer, var);
}

void
heart_rfs_setup(void)
{
	json_t *before = R.setup;
	bool same;

	if (before == NULL)
		return;
	R.setup = setup_line();
	same = json_equal(before, R.setup);
	json_decref(before);
	if (!setup_has_rfs(&H.setup) && !R.on)
		rfs_told_gone();
	if (H.mod.state == S_STOP)
		rfs_told_hide();	/* the rules may be new */
	if (same)
		return;
	if (child_running(R.child))
		child_send(R.child, R.setup);
	else if (H.mod.state == S_STOP && setup_has_rfs(&H.setup))
		rfs_look();
}

bool
heart_rfs_init(const char *am)
{
	struct child_conf conf = { .name = "rfsd", .module = am, .fd = RFS_LINE_FD, .line_max = RFS_LINE_MAX, .restart_ms = RESTART_MS,
	    .restart_max_ms = RESTART_MAX_MS };
	static const struct child_hooks hooks = { NULL, on_born, on_line, on_gone };
	const char *silence = getenv("SAFE_RFS_SILENCE");
	char program[512];

	if (silence == NULL || !str_to_u64(silence, 100, 3600000, &R.silence_ms))
		R.silence_ms = SILENCE_MS;
	path_format(program, sizeof(program), "%s/private/bin/rfsd", path_safe());
	conf.program = program;
	R.child = child_new(H.loop, &conf, &hooks);
	if (R.child == NULL || !rfs_told_init())
		return false;
	uv_timer_init(H.loop, &R.silence);
	uv_timer_init(H.loop, &R.ping);
	R.setup = setup_line();
	return R.setup != NULL;
}

void
heart_rfs_born(void)
{
	char left[512];

	/* also when the module has no <rfs> any more: setup and want tell that nothing is to be mounted */
	path_format(left, sizeof(left), "%s/modules/%s/rfs/worker.sock", path_safevar(), H.setup.mod.name);
	if (!setup_has_rfs(&H.setup) && access(left, F_OK) == -1)
		return;
	if (H.mod.state == S_STOP)
		rfs_look();
	else if (!R.on)
		start();	/* without a want: what a former heart's application has open is served until it is stopped */
}

void
heart_rfs_free(void)
{
	child_free(R.child);
	uv_close((uv_handle_t *)&R.silence, NULL);
	uv_close((uv_handle_t *)&R.ping, NULL);
	json_decref(R.setup);
	json_decref(R.sync);
	json_decref(R.facts);
	rfs_told_free();
}
