/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keeper.c: from what is so to what heart wants, one step at a time: mounts, term, worker.
 *
 * A *term* is one role kind (primary or second) from its begin to its end, with one shared memory and as many workers as die in it.  What blocks (mounts)
 * is a job of a thread; keep_advance() is called after everything that happens and takes the next step, if there is one.
 */
#include "config.h"
#include "rfs/keeper_impl.h"
#include "wire/rfsline.h"

#include <sys/file.h>
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const keep_role_names[KEEP_ROLES] = { "off", "alone", "prim", "given", "sync", "second" };

#define BUSY_TICKS	5	/* between signs of life while something takes long */
#define LOCK_TRIES	100	/* 20 ms each: for a former keeper to end (ours) */

/* ---- to heart ---- */

void
keep_say(struct keeper *k, json_t *line)
{
	k->hooks.say(k->hooks.ctx, line);
}

void
keep_log(struct keeper *k, enum message key, const char *text)
{
	char clean[SK_TEXT_MAX];

	str_copy(clean, sizeof(clean), text);
	str_make_utf8(clean);
	keep_say(k, json_pack("{s:i,s:s,s:s}", "log", (int)message_rows[key].key, "origin", "nfsadmin", "text", clean));
}

static void
ack(struct keeper *k, const char *why)
{
	if (!k->has_want || k->acked)
		return;
	k->acked = true;
	keep_publish(k);
	keep_say(k, json_pack("{s:I,s:s}", "ack", (json_int_t)k->seq, "why", why));
	if (k->role == KEEP_SYNC && k->synced)		/* before this keeper's life */
		keep_say(k, json_pack("{s:I}", "synced", (json_int_t)k->seq));
}

static void
reached(struct keeper *k, enum keep_role role)
{
	bool changed = k->role != role;

	k->role = role;
	if (role != KEEP_SYNC && role != KEEP_SECOND)
		k->holds = keep_primary(role);
	if (k->holds)
		k->taken = k->uptodate_set = false;
	if (changed)
		keep_blob(k);
	if (keep_primary(role))
		keep_check_start(k);
	keep_publish(k);
	if (k->quitting && role == KEEP_OFF) {
		keep_say(k, json_pack("{s:I,s:s}", "ack", (json_int_t)k->seq, "why", k->why));
		k->hooks.over(k->hooks.ctx);
		return;
	}
	ack(k, k->why);
	if (k->broken)		/* keeper and worker died at once under a running application: heart starts it anew */
		keep_say(k, json_pack("{s:I,s:s}", "out", (json_int_t)k->seq, "why", "for a moment nobody served them; what was open there gives errors"));
	k->broken = false;
}

void
keep_fail(struct keeper *k, const char *why)
{
	if (k->why[0] == '\0')
		str_copy(k->why, sizeof(k->why), why);
	k->goal = KEEP_OFF;
	keep_advance(k);
}

/* ---- alone, paired ---- */

void
keep_told_alone(struct keeper *k)
{
	char gen[17];

	snprintf(gen, sizeof(gen), "%016" PRIx64, k->st.gen);
	keep_worker_send(k, json_pack("{s:s,s:s,s:o}", "op", "alone", "gen", gen, "state", state_to_json(&k->st)));
}

/* Nobody needs the secondary from here on.  Not before the disk says so: it is tried again each second. */
void
keep_go_alone(struct keeper *k, const char *why)
{
	char text[SK_TEXT_MAX];
	bool had = k->st.paired;

	k->pair_waits = false;
	k->alone_waits = !keep_state_alone(k);
	if (k->alone_waits)
		return;
	k->asked = k->refused = k->cut_off = false;
	if (had) {
		snprintf(text, sizeof(text), "Replication stopped: what is written from now on is on this server only (%.300s)", why);
		keep_log(k, MSG_RFS_ALONE, text);
	}
	if (k->st.degraded) {
		snprintf(text, sizeof(text), "Replication is out of order: %.300s; stop and start the module to replicate again",
		    k->alone_why[0] != '\0' ? k->alone_why : "nfsbox cannot go on");
		keep_log(k, MSG_RFS_DEGRADED, text);
		if (k->term && !k->w.on)
			keep_spawn_sure(k);
		else
			keep_worker_replace(k);
	} else {
		keep_told_alone(k);
	}
	keep_publish(k);
}

void
keep_told_paired(struct keeper *k)
{
	char gen[17];

	if (!keep_state_paired(k))
		return;
	k->pair_waits = false;
	keep_publish(k);	/* heart tells the secondary that it is needed; before the worker does */
	snprintf(gen, sizeof(gen), "%016" PRIx64, k->st.gen);
	keep_worker_send(k, json_pack("{s:s,s:s,s:o}", "op", "paired", "gen", gen, "state", state_to_json(&k->st)));
}

/* ---- mounts ---- */

static enum mount_kind
mounts_of(enum keep_role r)
{
	return r == KEEP_OFF ? MOUNT_LINK : keep_primary(r) ? MOUNT_FUSE : MOUNT_BIND;
}

static void
run_job(uv_work_t *work)
{
	struct keeper *k = work->data;

	mount_job_run(k->job);
}

static void
after_job(uv_work_t *work, int status)
{
	struct keeper *k = work->data;
	struct mount_job *j = k->job;
	int i;

	uv_timer_stop(&k->give_timer);
	for (i = 0; i < j->said; i++)
		keep_log(k, j->say[i].key, j->say[i].text);
	k->job = NULL;
	k->mounts_known = true;
	k->mounts = j->why[0] == '\0' ? j->to : MOUNT_LINK;
	if (j->on_disk && k->term && k->kind == ROLE_PRIMARY && keep_primary(k->role) && !k->st.paired) {
		k->st.uptodate = true;	/* keep_state_off() writes it */
		k->unflushed = false;
	}
	k->broken = j->broken && k->mounts == MOUNT_FUSE;
	for (i = 0; i < j->dirs && j->why[0] == '\0' && j->to == MOUNT_FUSE; i++) {
		k->fuse_fd[i] = j->fuse_fd[i];
		j->fuse_fd[i] = -1;
	}
	if (j->why[0] != '\0') {
		char text[SK_TEXT_MAX];

		snprintf(text, sizeof(text), "Replicated directory %.400s", j->why);
		keep_log(k, MSG_RFS_ERROR, text);
		if (k->why[0] == '\0')
			str_copy(k->why, sizeof(k->why), j->why);
		if (j->to != MOUNT_LINK)
			k->goal = KEEP_OFF;
	}
	mount_job_free(j);
	free(j);
	keep_advance(k);
}

static void
start_job(struct keeper *k, enum mount_kind to, bool flush)
{
	struct mount_job *j = malloc(sizeof(*j));

	if (j == NULL || !mount_job_fill(j, k->module, &k->conf.rfs)) {
		if (j != NULL)
			mount_job_free(j);
		free(j);
		k->mounts_known = true;
		k->mounts = MOUNT_LINK;
		keep_fail(k, "no memory, or a path that is too long");
		return;
	}
	j->to = to;
	j->flush = flush;
	j->served = k->fuse_fd[0] != -1;
	k->job = j;
	k->work.data = k;
	keep_check_stop(k);
	if (uv_queue_work(k->loop, &k->work, run_job, after_job) != 0)
		after_job(&k->work, 0);
}

/* ---- terms ---- */

static void
on_leave_late(uv_timer_t *t)
{
	struct keeper *k = t->data;

	if (k->job != NULL) {		/* what waits for the secondary was never acknowledged: it fails */
		keep_log(k, MSG_RFS_ERROR, "Writes that wait for the other server fail: the replicated directories are to be left");
		k->w.quitting = true;
		if (k->w.on)
			(void)syscall(SYS_pidfd_send_signal, k->w.pidfd, SIGKILL, NULL, 0);
		keep_close_fds(k);
	} else if (k->goal == KEEP_GIVEN && !k->given) {
		keep_fail(k, "the other server does not take what it is given");
	}
}

void
keep_leave_late(struct keeper *k, int64_t ms)
{
	uv_timer_start(&k->give_timer, on_leave_late, (uint64_t)ms, 0);
}

static void
end_term(struct keeper *k)
{
	uv_timer_stop(&k->spawn_timer);
	uv_timer_stop(&k->give_timer);
	keep_close_fds(k);
	k->term = false;
	k->synced = k->asked = k->alone_waits = k->pair_waits = k->resync = k->refused = k->cut_off = false;
	k->died_ms = 0;
	memset(k->kbs, 0, sizeof(k->kbs));
	if (k->goal == KEEP_OFF)
		k->taken = k->uptodate_set = false;
}

static void
leave_primary(struct keeper *k)
{
	if (k->mounts == MOUNT_FUSE) {
		/* without a worker nobody would answer; umount() writes back what there is as well */
		start_job(k, k->goal == KEEP_OFF ? MOUNT_LINK : MOUNT_BIND, k->w.on && !k->nosync);
		if (k->asked)
			keep_leave_late(k, GRANT_MS);
	} else if (k->goal == KEEP_GIVEN && !k->given && (k->cut_off || !k->st.paired)) {
		keep_fail(k, "the other server is not there to take what it is given");
	} else if (k->goal == KEEP_GIVEN && !k->given && k->w.on) {
		if (!k->give_sent && k->w.ready) {
			k->give_sent = true;
			keep_worker_send(k, json_pack("{s:s}", "op", "give"));
			keep_leave_late(k, k->conf.rfs.sendtimeout_ms);
		}
	} else if (k->w.on) {
		keep_worker_quit(k);
	} else {
		end_term(k);
		keep_advance(k);
	}
}

static void
leave_second(struct keeper *k)
{
	if (k->w.on) {
		keep_worker_quit(k);
		return;
	}
	end_term(k);
	keep_advance(k);
}

static void
begin_term(struct keeper *k)
{
	char err[SK_TEXT_MAX];
	bool primary = keep_primary(k->goal);

	if (!(primary ? keep_state_primary(k, err, sizeof(err)) : keep_state_second(k, err, sizeof(err)))) {
		keep_fail(k, err);
		return;
	}
	k->kind = primary ? ROLE_PRIMARY : ROLE_SECOND;
	k->term = true;
	snprintf(k->session, sizeof(k->session), "%016" PRIx64, state_generation());
	k->synced = false;
	if (!primary)
		k->holds = false;	/* until it has said "synced" */
	k->given = k->give_sent = k->asked = k->resync = false;
	k->alone_why[0] = '\0';
	memset(k->deaths, 0, sizeof(k->deaths));
	if (primary)
		keep_listen(k);
	if (!keep_spawn(k))
		keep_fail(k, "the process nfsbox cannot be started");
}

static void
come_off(struct keeper *k)
{
	if (k->role != KEEP_OFF)
		keep_state_off(k);
	reached(k, KEEP_OFF);
}

static void
serve_primary(struct keeper *k)
{
	if (!k->w.ready)
		return;
	if (k->goal == KEEP_ALONE && k->alone_waits)
		return;
	if (k->goal == KEEP_PRIM && k->role == KEEP_ALONE && !k->st.paired) {
		k->goal = KEEP_ALONE;
		ack(k, "no other server follows this one");
		return;
	}
	reached(k, k->goal);
}

void
keep_advance(struct keeper *k)
{
	bool primary = keep_primary(k->goal);

	if (k->setup == NULL || !k->has_want || k->job != NULL || k->w.adopting)
		return;
	if (k->term && k->kind == ROLE_PRIMARY && (!primary || k->mounts != MOUNT_FUSE)) {
		leave_primary(k);
	} else if (k->term && k->kind == ROLE_SECOND && ((k->goal != KEEP_SYNC && k->goal != KEEP_SECOND) || k->resync)) {
		leave_second(k);
	} else if (!k->mounts_known || k->mounts != mounts_of(k->goal)) {
		start_job(k, mounts_of(k->goal), false);
	} else if (k->goal == KEEP_OFF) {
		come_off(k);
	} else if (k->goal == KEEP_GIVEN) {
		reached(k, KEEP_GIVEN);
	} else if (!k->term) {
		begin_term(k);
	} else if (primary) {
		serve_primary(k);
	} else if (k->w.ready) {
		reached(k, k->goal);
	}
}

/* ---- orders; NULL or what was expected ---- */

/* Which words a worker was born with */
static void
words_of(const json_t *setup, char words[17])
{
	char *text = json_dumps(setup, JSON_COMPACT | JSON_SORT_KEYS);

	snprintf(words, 17, "%016" PRIx64, text != NULL ? state_generation_of(text) : 0);
	free(text);
}

static const char *
order_setup(struct keeper *k, const json_t *o)
{
	static char err[SK_TEXT_MAX];
	struct conf_module *conf = calloc(1, sizeof(*conf));
	const json_t *id = json_object_get(o, "id"), *lan = json_object_get(o, "lan");
	const char *local = json_string_value(json_object_get(lan, "local")), *peer = json_string_value(json_object_get(o, "peer"));
	bool moved, same;
	char words[17];

	if (conf == NULL)
		return "memory";
	if (!json_is_integer(id) || json_integer_value(id) < 1 || json_integer_value(id) > SK_MODULES_MAX ||
	    !conf_module_from_json(json_object_get(o, "config"), conf, err, sizeof(err))) {
		free(conf);
		return err[0] != '\0' ? err : "setup: id of a module";
	}
	conf_module_free(&k->conf);
	k->conf = *conf;
	free(conf);
	moved = k->id != (int)json_integer_value(id) || strcmp(k->local, local != NULL ? local : "") != 0;
	k->id = (int)json_integer_value(id);
	str_copy(k->local, sizeof(k->local), local != NULL ? local : "");
	str_copy(k->peer, sizeof(k->peer), peer != NULL ? peer : "");
	if (!conf_cron_parse(k->conf.rfs.syncat, &k->cron, err, sizeof(err)))
		k->conf.rfs.syncat[0] = '\0';
	json_decref(k->setup);
	k->setup = json_deep_copy(o);
	if (k->term && k->kind == ROLE_PRIMARY && moved && k->listen_known)
		keep_listen(k);
	words_of(k->setup, words);
	same = strcmp(words, k->words) == 0;
	str_copy(k->words, sizeof(k->words), words);
	if (k->term && !same && !k->w.adopting)
		keep_worker_replace(k);	/* nobody notices; it is born with the new words */
	k->listen_known = true;
	keep_publish(k);
	if (k->term && !k->w.on && !uv_is_active((uv_handle_t *)&k->spawn_timer))
		keep_spawn_sure(k);	/* an adopted one that died before anybody knew its words */
	keep_advance(k);
	return NULL;
}

static void
set_want(struct keeper *k, int64_t seq, enum keep_role role, json_t *sync)
{
	bool second = role == KEEP_SYNC || role == KEEP_SECOND;

	/* the first one of this keeper: what an adopted worker does already goes on */
	k->resync = role == KEEP_SYNC && k->term && k->kind == ROLE_SECOND && k->has_want;
	k->has_want = true;
	k->acked = false;
	k->seq = seq;
	k->want = k->goal = role;
	k->nosync = k->nosync_next;
	k->nosync_next = false;
	k->why[0] = '\0';
	if (role != KEEP_SECOND || k->role == KEEP_GIVEN) {
		json_decref(k->sync);
		k->sync = second && sync != NULL ? json_incref(sync) : NULL;
		if (role == KEEP_SYNC && k->sync == NULL)
			k->sync = json_pack("{s:s}", "mode", "default");
	}
	if (role == KEEP_ALONE && k->term && k->kind == ROLE_PRIMARY && k->st.paired)
		keep_go_alone(k, "ordered");	/* also while a job waits for those that wait for it */
	keep_advance(k);
}

static const char *
order_want(struct keeper *k, const json_t *o)
{
	const json_t *seq = json_object_get(o, "seq");
	const char *role = json_string_value(json_object_get(o, "role"));
	int i;

	if (k->setup == NULL)
		return "setup before want";
	for (i = 0; i < KEEP_ROLES; i++)
		if (role != NULL && strcmp(role, keep_role_names[i]) == 0)
			break;
	if (!json_is_integer(seq) || i == KEEP_ROLES)
		return "want: seq and a role of wire/rfsline.h";
	k->nosync_next = json_is_true(json_object_get(o, "nosync"));
	set_want(k, json_integer_value(seq), (enum keep_role)i, json_object_get(o, "sync"));
	return NULL;
}

static const char *
order_granted(struct keeper *k, const json_t *o)
{
	if (k->term && k->kind == ROLE_PRIMARY)
		keep_go_alone(k, k->alone_why[0] != '\0' ? k->alone_why : "the other server is no secondary any more");
	keep_advance(k);
	return NULL;
}

/* The end of the term, or leave to go on alone after all, ends that */
static const char *
order_refuse(struct keeper *k, const json_t *o)
{
	if (!k->term || k->kind != ROLE_PRIMARY || !k->st.paired || k->refused)
		return NULL;
	k->refused = true;
	keep_worker_send(k, json_pack("{s:s}", "op", "refuse"));
	return NULL;
}

static const char *
order_force(struct keeper *k, const json_t *o)
{
	const char *how = json_string_value(json_object_get(o, "how")), *why = "";

	if (how == NULL || (strcmp(how, "prim") != 0 && strcmp(how, "primforce") != 0))
		return "force: prim or primforce";
	if (how[4] == '\0' && k->st.inconsistent) {
		why = "data may be inconsistent: stopped during reintegration";
		keep_log(k, MSG_RFS_INCONSISTENT, message_rows[MSG_RFS_INCONSISTENT].format);
		keep_log(k, MSG_RFS_PRIMFORCE_HINT, message_rows[MSG_RFS_PRIMFORCE_HINT].format);
	} else {
		k->force = how[4] == '\0' ? FORCE_PRIM : FORCE_PRIMFORCE;
	}
	keep_say(k, json_pack("{s:I,s:s}", "ack", json_integer_value(json_object_get(o, "seq")), "why", why));
	return NULL;
}

static const char *
order_set(struct keeper *k, const json_t *o)
{
	const char *name = json_string_value(json_object_get(o, "name")), *value = json_string_value(json_object_get(o, "value"));

	if (name == NULL || value == NULL)
		return "set: name and value";
	keep_set(k, name, value);
	return NULL;
}

static const char *
order_policy(struct keeper *k, const json_t *o)
{
	if (json_object_get(o, "n") == NULL)
		return "policy: n";
	keep_policy(k, o);
	return NULL;
}

static const char *
order_pass(struct keeper *k, const json_t *o)
{
	bool diff = strcmp(json_string_value(json_object_get(o, "op")), "diff") == 0;

	if (json_object_get(o, "n") == NULL)
		return "verify, diff: n";
	if (k->w.on && k->w.ready && !k->w.quitting && k->kind == (diff ? ROLE_PRIMARY : ROLE_SECOND) && (diff || k->synced)) {
		keep_worker_asked(k, json_object_get(o, "n"), true);
		keep_worker_send(k, json_copy((json_t *)(uintptr_t)o));
	} else {
		keep_say(k, json_pack("{s:O,s:b,s:s}", "reply", json_object_get(o, "n"), "ok", 0, "text",
		    diff ? "the module must be ALONE or PRIM on this server" : "the module must be SECOND on this server"));
	}
	return NULL;
}

static const char *
order_ping(struct keeper *k, const json_t *o)
{
	keep_say(k, json_pack("{s:O}", "pong", json_object_get(o, "n")));
	return NULL;
}

static const char *
order_quit(struct keeper *k, const json_t *o)
{
	k->quitting = true;
	if (k->setup == NULL) {
		k->hooks.over(k->hooks.ctx);
		return NULL;
	}
	set_want(k, k->seq, KEEP_OFF, NULL);
	return NULL;
}

const char *
keeper_order(struct keeper *k, const json_t *o)
{
	static const struct { const char *op; const char *(*run)(struct keeper *k, const json_t *o); } orders[] = {
		{ "setup", order_setup }, { "want", order_want }, { "alone-granted", order_granted }, { "refuse", order_refuse },
		{ "force", order_force }, { "set", order_set }, { "policy", order_policy }, { "verify", order_pass }, { "diff", order_pass }, { "ping", order_ping }, { "quit", order_quit },
	};
	const char *op = json_string_value(json_object_get(o, "op"));
	size_t i;

	for (i = 0; i < ARRAY_LEN(orders); i++)
		if (op != NULL && strcmp(op, orders[i].op) == 0)
			return orders[i].run(k, o);
	return "an op of wire/rfsline.h";
}

/* ---- birth ---- */

static void
on_tick(uv_timer_t *t)
{
	struct keeper *k = t->data;

	if (k->alone_waits)
		keep_go_alone(k, k->alone_why);
	if (k->pair_waits)
		keep_told_paired(k);
	if (k->term && k->kind == ROLE_PRIMARY && k->listen_fd == -1 && k->listen_ticks > 0 && ++k->listen_ticks % LISTEN_TICKS == 0) {
		keep_listen(k);
		if (k->listen_fd != -1)
			keep_worker_replace(k);
	}
	keep_tick(k);
	if (k->has_want && !k->acked && ++k->silent % BUSY_TICKS == 0)
		keep_say(k, json_pack("{s:i}", "pong", 0));
	keep_advance(k);
}

static void
on_quit_late(uv_timer_t *t)
{
	struct keeper *k = t->data;

	if (k->w.on)
		(void)syscall(SYS_pidfd_send_signal, k->w.pidfd, SIGKILL, NULL, 0);
}

void
keep_quit_late(struct keeper *k)
{
	uv_timer_start(&k->quit_timer, on_quit_late, QUIT_MS, 0);
}

/* Two keepers would answer each other's worker.  The former one ends as soon as it sees that its heart is gone. */
static void
lock(struct keeper *k)
{
	char path[PATH_MAX];
	int fd, left = LOCK_TRIES;

	if (!path_format(path, sizeof(path), "%s/keeper.lock", k->folder))
		return;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	while (fd != -1 && flock(fd, LOCK_EX | LOCK_NB) == -1 && left-- > 0)
		poll(NULL, 0, 20);
	if (fd == -1 || left < 0)
		warn_text("%s: another rfsd runs still", k->module);
}	/* kept until the end of the process */

struct keeper *
keeper_new(uv_loop_t *loop, const char *module, const char *var, const struct keeper_hooks *hooks, char *err, size_t errsize)
{
	struct keeper *k = calloc(1, sizeof(*k));
	uv_timer_t *timers[] = { &k->tick, &k->quit_timer, &k->give_timer, &k->spawn_timer, &k->check_timer, &k->check_end };
	size_t i;

	if (k == NULL) {
		snprintf(err, errsize, "no memory");
		return NULL;
	}
	k->loop = loop;
	k->hooks = *hooks;
	str_copy(k->module, sizeof(k->module), module);
	if (!path_format(k->folder, sizeof(k->folder), "%s/rfs", var) || path_mkdirs(k->folder, 0700) == -1) {
		snprintf(err, errsize, "%s/rfs: %s", var, strerror(errno));
		free(k);
		return NULL;
	}
	for (i = 0; i < RFS_DIRS_MAX; i++)
		k->fuse_fd[i] = -1;
	k->listen_fd = k->shm_fd = -1;
	for (i = 0; i < ARRAY_LEN(timers); i++) {
		uv_timer_init(loop, timers[i]);
		timers[i]->data = k;
	}
	lock(k);
	keep_load(k);
	(void)keep_adopt(k);
	uv_timer_start(&k->tick, on_tick, TICK_MS, TICK_MS);
	return k;
}
