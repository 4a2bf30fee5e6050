/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * registry.c: knows the modules of this server and keeps a heart for each.
 *
 * A heart outlives safeadmin: a new safeadmin finds its lock taken and waits for its hello.  A heart that dies is started again; it is
 * told that its module was running, so that it stops what its predecessor left and starts anew (counted against maxloop).
 */
#include "config.h"
#include "conf/conf.h"
#include "ctl/admin.h"
#include "ctl/registry.h"
#include "wire/packet.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONF_MAX	(8u << 20)	/* bytes of module.json (ours): 4096 checks are 1.3 MB */
#define RESPAWN_MIN_MS	100
#define RESPAWN_MAX_MS	5000

static struct instance *
find(struct admin *a, const char *name)
{
	struct instance *m;

	for (m = a->registry->list; m != NULL && strcmp(m->name, name) != 0; m = m->next)
		;
	return m;
}

static json_t *
read_json(const char *file, int64_t *mtime_ms)
{
	char *text;
	json_t *obj;
	struct stat st;

	if (path_read(file, &text, CONF_MAX) < 0)
		return NULL;
	if (mtime_ms != NULL && stat(file, &st) == 0)
		*mtime_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	obj = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	if (obj == NULL)
		warn_text("%s is damaged", file);
	return obj;
}

/* SAFEVAR/modules/AM/<name>, a short text without the newline; "" when it is not there */
static void
read_var(const struct instance *m, const char *name, char *buf, size_t size)
{
	char file[512], *text;

	buf[0] = '\0';
	if (!path_format(file, sizeof(file), "%s/modules/%s/%s", path_safevar(), m->name, name) || path_read(file, &text, 4096) < 0)
		return;
	text[strcspn(text, "\r\n")] = '\0';
	str_copy(buf, size, text);
	free(text);
}

/* ---- setup ---- */

static int
boot_in_force(const struct instance *m)
{
	const char *word = json_string_value(json_object_get(m->conf, "boot"));
	int boot = word != NULL ? rpt_lookup(rpt_boot_names, BOOT_COUNT, word) : -1;
	char text[16];

	if (boot >= 0 && boot != BOOT_IGNORE)
		return boot;
	read_var(m, "boot", text, sizeof(text));
	return strcmp(text, "on") == 0 ? BOOT_ON : BOOT_OFF;
}

/* In a cluster of more than two nodes: the one other node that has this module, when membership knows it */
static const char *
peer_of(struct admin *a, const struct instance *m)
{
	const char *peer = "";
	size_t i;

	for (i = 0; i < a->picture.remotes_count; i++) {
		const struct rpt_remote *r = &a->picture.remotes[i];

		if (strcmp(r->module, m->name) != 0)
			continue;
		if (peer[0] != '\0' && strcmp(peer, r->node) != 0)
			return "";
		peer = r->node;
	}
	return peer;
}

/* The key that safekit config put into the active configuration (module genkey), in the form in which heart uses it.  Like the cluster's
 * it is only the parent: two modules with the same file still have different keys. */
static bool
own_key(const struct instance *m, char hex[2 * PACKET_KEY_LEN + 1])
{
	char file[512], label[SK_NAME_MAX + 16], *text;
	uint8_t parent[PACKET_KEY_LEN], key[PACKET_KEY_LEN];
	bool ok;

	if (!path_format(file, sizeof(file), "%s/private/modules/%s/module.key", path_safe(), m->name) || path_read(file, &text, 256) == -1)
		return false;
	text[strcspn(text, "\r\n")] = '\0';
	snprintf(label, sizeof(label), "module %s", m->name);
	ok = str_from_hex(text, parent, sizeof(parent)) && packet_derive(parent, label, key);
	if (ok)
		str_to_hex(key, sizeof(key), hex);
	else
		warn_text("%s is no key: expected 64 hex digits", file);
	explicit_bzero(text, strlen(text));
	explicit_bzero(parent, sizeof(parent));
	explicit_bzero(key, sizeof(key));
	free(text);
	return ok;
}

static json_t *
make_setup(struct admin *a, const struct instance *m, bool running)
{
	json_t *setup = member_setup(a, m->name);
	const char *signature = json_string_value(json_object_get(m->conf, "signature"));
	char hex[2 * PACKET_KEY_LEN + 1];
	bool own = own_key(m, hex);

	if (own)
		json_object_set_new(setup, "key", json_string(hex));
	explicit_bzero(hex, sizeof(hex));
	json_object_set_new(setup, "name", json_string(m->name));
	json_object_set_new(setup, "id", json_integer(m->id));
	json_object_set_new(setup, "peer", json_string(peer_of(a, m)));
	json_object_set_new(setup, "boot", json_string(rpt_boot_names[boot_in_force(m)]));
	json_object_set_new(setup, "encryption", json_boolean(own));
	json_object_set_new(setup, "signature", json_string(signature != NULL ? signature : ""));
	json_object_set_new(setup, "config_ms", json_integer(m->config_ms));
	json_object_set_new(setup, "running", json_boolean(running));
	json_object_set(setup, "module", m->conf);
	return setup;
}

/* ---- heart processes ---- */

static void spawn_later(struct instance *m, int64_t ms);

/* A heart of ours or of a former safeadmin lives: it holds the lock. */
static bool
heart_lives(const struct instance *m)
{
	char file[512];
	bool locked;
	int fd;

	if (!path_format(file, sizeof(file), "%s/modules/%s/heart.lock", path_safevar(), m->name))
		return false;
	fd = open(file, O_RDWR | O_CLOEXEC);
	if (fd == -1)
		return false;
	locked = flock(fd, LOCK_EX | LOCK_NB) == -1;
	close(fd);
	return locked;
}

/* Nobody answers for the module: a load balancer must not send anybody there.  heart keeps the file while it lives. */
static void
not_ready(const struct instance *m)
{
	char file[512];

	if (path_format(file, sizeof(file), "%s/modules/%s/ready.txt", path_safevar(), m->name) && unlink(file) == -1 && errno != ENOENT)
		warn_errno("%s", file);
}

static void
process_closed(uv_handle_t *h)
{
	free(h);
}

/* Its end is known twice, in any order: by the line and, of a child of ours, by its status.  Said once, with the status where there is one. */
static void
say_death(struct instance *m)
{
	not_ready(m);
	picture_void_shares(&m->admin->picture, m->name, clock_wall_us() / 1000);	/* its vipd takes everything down */
	admin_say(m->admin, m->name, MSG_HEART_DIED, m->death[0] != '\0' ? m->death : "killed");
	m->death[0] = '\0';
	m->lost = false;
	spawn_later(m, m->respawn_ms);
	m->respawn_ms = m->respawn_ms * 2 > RESPAWN_MAX_MS ? RESPAWN_MAX_MS : m->respawn_ms * 2;
}

static void
heart_exited(uv_process_t *p, int64_t status, int sig)
{
	struct instance *m = p->data;

	uv_close((uv_handle_t *)p, process_closed);
	if (m == NULL)
		return;
	m->process = NULL;
	if (sig != 0)
		snprintf(m->death, sizeof(m->death), "signal %d", sig);
	else
		snprintf(m->death, sizeof(m->death), "exit %d", (int)status);
	if (m->client == NULL && !m->leaving && !m->admin->ending)
		say_death(m);	/* else registry_heart_gone() comes */
}

static void
spawn(struct instance *m)
{
	char file[512];
	char *args[] = { file, (char[]){ "-m" }, m->name, NULL };
	uv_stdio_container_t io[3] = { { .flags = UV_IGNORE }, { .flags = UV_INHERIT_FD, .data.fd = 2 }, { .flags = UV_INHERIT_FD, .data.fd = 2 } };
	uv_process_options_t o = { .exit_cb = heart_exited, .file = file, .args = args, .flags = UV_PROCESS_DETACHED, .stdio_count = 3, .stdio = io };
	int rc;

	if (m->client != NULL || m->process != NULL || m->leaving || m->admin->ending)
		return;
	if (m->unusable) {
		if (!heart_lives(m))
			not_ready(m);
		return;
	}
	if (heart_lives(m)) {	/* it will say hello; look again in case it does not live long */
		spawn_later(m, 1000);
		return;
	}
	not_ready(m);	/* left by a loss of power */
	if (m->lost)	/* a former safeadmin's: nobody else tells us */
		say_death(m);
	path_format(file, sizeof(file), "%s/private/bin/heart", path_safe());
	m->process = calloc(1, sizeof(*m->process));
	if (m->process == NULL)
		return;
	m->process->data = m;
	rc = uv_spawn(m->admin->loop, m->process, &o);
	if (rc != 0) {
		warn_text("%s: %s", file, uv_strerror(rc));
		uv_close((uv_handle_t *)m->process, process_closed);
		m->process = NULL;
		spawn_later(m, RESPAWN_MAX_MS);
	}
}

static void
on_spawn(uv_timer_t *t)
{
	spawn(t->data);
}

static void
spawn_later(struct instance *m, int64_t ms)
{
	uv_timer_start(m->timer, on_spawn, (uint64_t)ms, 0);
}

/* ---- instances ---- */

static void
timer_closed(uv_handle_t *h)
{
	free(h);
}

static struct instance *
instance_new(struct admin *a, const char *name)
{
	struct instance *m = calloc(1, sizeof(*m));

	if (m == NULL || (m->timer = calloc(1, sizeof(*m->timer))) == NULL) {
		free(m);
		return NULL;
	}
	m->admin = a;
	m->respawn_ms = RESPAWN_MIN_MS;
	str_copy(m->name, sizeof(m->name), name);
	uv_timer_init(a->loop, m->timer);
	m->timer->data = m;
	m->next = a->registry->list;
	a->registry->list = m;
	return m;
}

static void
fail_orders(struct instance *m)
{
	struct order *o;

	while ((o = m->orders) != NULL) {
		m->orders = o->next;
		o->done(m->admin, o->ctx, NULL);
		free(o);
	}
}

static void
instance_free(struct instance *m)
{
	struct instance **pp;

	for (pp = &m->admin->registry->list; *pp != NULL; pp = &(*pp)->next)
		if (*pp == m) {
			*pp = m->next;
			break;
		}
	fail_orders(m);
	if (m->process != NULL) {
		m->process->data = NULL;	/* its exit is nobody's business any more */
		uv_unref((uv_handle_t *)m->process);	/* and our end does not wait for it */
	}
	uv_timer_stop(m->timer);
	uv_close((uv_handle_t *)m->timer, timer_closed);
	json_decref(m->conf);
	free(m);
}

/* A heart would refuse it as well: better said once, with what to do, than by a heart that dies again and again. */
static void
note_unusable(struct instance *m)
{
	struct conf_module *c = calloc(1, sizeof(*c));
	char err[256], text[SK_TEXT_MAX];
	bool good = c != NULL && conf_module_from_json(m->conf, c, err, sizeof(err));

	if (good)
		conf_module_free(c);
	m->unusable = c != NULL && !good;
	free(c);
	if (!m->unusable)
		return;
	snprintf(text, sizeof(text), "the active configuration is of another version (%s): safekit config -m %s applies it again", err, m->name);
	admin_say(m->admin, m->name, MSG_CONFIG_REFUSED, text);
}

static bool
instance_load(struct instance *m, char *err, size_t errsize)
{
	char file[512], text[16];
	int64_t mtime = 0;
	uint64_t id;
	json_t *conf;

	path_format(file, sizeof(file), "%s/private/modules/%s/module.json", path_safe(), m->name);
	conf = read_json(file, &mtime);
	read_var(m, "id", text, sizeof(text));
	if (conf == NULL || !str_to_u64(text, 1, SK_MODULES_MAX, &id)) {
		snprintf(err, errsize, "module %s: %s", m->name, conf == NULL ? "its configuration cannot be read" : "it has no id");
		json_decref(conf);
		return false;
	}
	json_decref(m->conf);
	m->conf = conf;
	m->config_ms = mtime;
	m->id = (int)id;
	note_unusable(m);
	return true;
}

/* What the picture shows until heart reports */
static void
show_unknown(struct instance *m)
{
	struct picture_module *pm = picture_find(&m->admin->picture, m->name);
	struct rpt_module r = { 0 };
	const char *mode = json_string_value(json_object_get(m->conf, "mode"));

	if (pm != NULL) {
		r = pm->report;
	} else {
		r.id = (uint32_t)m->id;
		str_copy(r.name, sizeof(r.name), m->name);
		r.mode = mode != NULL ? rpt_lookup(rpt_mode_names, MODE_COUNT, mode) : MODE_MIRROR;
		r.state = r.prev_state = r.peer_state = RS_UNKNOWN;
		r.peer_status = ST_UNKNOWN;
	}
	r.status = ST_UNKNOWN;
	r.pid = 0;
	picture_put_module(&m->admin->picture, &r);
}

static bool
is_configured(const char *name)
{
	char file[512];

	return str_is_name(name) && path_format(file, sizeof(file), "%s/private/modules/%s/module.json", path_safe(), name) &&
	    access(file, F_OK) == 0;
}

static void
count_modules(struct admin *a)
{
	if (a->picture.engine.modules == (uint32_t)a->picture.count)
		return;
	a->picture.engine.modules = (uint32_t)a->picture.count;
	picture_touch_engine(&a->picture);
}

static struct instance *
add(struct admin *a, const char *name, char *err, size_t errsize)
{
	struct instance *m = instance_new(a, name);

	if (m == NULL) {
		snprintf(err, errsize, "out of memory");
		return NULL;
	}
	if (!instance_load(m, err, errsize)) {
		instance_free(m);
		return NULL;
	}
	show_unknown(m);
	count_modules(a);
	spawn(m);
	return m;
}

void
registry_start(struct admin *a)
{
	char dir[512], err[SK_TEXT_MAX];
	struct dirent *d;
	DIR *dp;

	path_format(dir, sizeof(dir), "%s/private/modules", path_safe());
	dp = opendir(dir);
	while (dp != NULL && (d = readdir(dp)) != NULL) {
		struct instance *m;

		if (!is_configured(d->d_name))
			continue;
		m = add(a, d->d_name, err, sizeof(err));
		if (m == NULL) {
			warn_text("%s", err);
			continue;
		}
		if (a->boot) {
			char file[512];
			json_t *record;
			int boot = boot_in_force(m);

			path_format(file, sizeof(file), "%s/modules/%s/heart.json", path_safevar(), m->name);
			record = read_json(file, NULL);
			m->boot_start = boot == BOOT_ON || (boot == BOOT_AUTO && json_is_true(json_object_get(record, "wanted")));
			json_decref(record);
		}
	}
	if (dp != NULL)
		closedir(dp);
}

static void
setup_replied(struct admin *a, void *ctx, const json_t *reply)
{
	char *module = ctx;

	if (reply != NULL && !json_is_true(json_object_get(reply, "ok")))
		admin_say(a, module, MSG_CONFIG_REFUSED, json_string_value(json_object_get(reply, "message")));
	free(module);
}

/* An order whose answer only matters when it is a refusal.  false: no heart to tell */
static bool
tell_heart(struct admin *a, const char *module, json_t *order)
{
	char *name = strdup(module);	/* setup_replied() frees it */
	const char *code;

	if (name != NULL && registry_order(a, module, order, setup_replied, name, &code))
		return true;
	if (name == NULL)
		json_decref(order);
	free(name);
	return false;
}

static void
send_setup(struct admin *a, struct instance *m)
{
	/* no heart: it gets the setup with its hello */
	(void)tell_heart(a, m->name, json_pack("{s:s,s:o}", "op", "setup", "setup", make_setup(a, m, false)));
}

static void
forget_module(struct admin *a, struct instance *m)
{
	m->leaving = true;
	(void)tell_heart(a, m->name, json_pack("{s:s}", "op", "quit"));
	if (m->client != NULL)
		client_set_heart(m->client, NULL);
	picture_drop_module(&a->picture, (uint32_t)m->id);
	count_modules(a);
	instance_free(m);
	member_info_changed(a);
}

bool
registry_changed(struct admin *a, const char *name, char *err, size_t errsize)
{
	struct instance *m = find(a, name);
	bool there = is_configured(name);

	if (m == NULL && !there)
		return true;
	if (m == NULL)
		return add(a, name, err, errsize) != NULL;
	if (!there) {
		forget_module(a, m);
		return true;
	}
	if (!instance_load(m, err, errsize))
		return false;
	spawn(m);	/* where there was none because of what was loaded before */
	send_setup(a, m);
	member_info_changed(a);
	return true;
}

void
registry_cluster_changed(struct admin *a)
{
	struct instance *m;

	for (m = a->registry->list; m != NULL; m = m->next)
		send_setup(a, m);
}

void
registry_each(struct admin *a, void (*fn)(void *ctx, const char *module), void *ctx)
{
	struct instance *m, *next;

	for (m = a->registry->list; m != NULL; m = next) {
		next = m->next;
		fn(ctx, m->name);
	}
}

/* ---- the line to a heart ---- */

static void
on_boot_start(uv_timer_t *t)
{
	struct instance *m = t->data;

	/* a heart that died meanwhile is started when its successor says hello */
	m->boot_start = !tell_heart(m->admin, m->name, json_pack("{s:s,s:s,s:s}", "op", "action", "verb", "start", "by", "boot"));
}

bool
registry_heart_hello(struct admin *a, struct client *c, const char *name, int pid, json_t **setup, char *err, size_t errsize)
{
	struct instance *m = find(a, name);
	struct picture_module *pm = picture_find(&a->picture, name);
	bool running = pm != NULL && pm->report.state != RS_STOP && pm->report.state != RS_UNKNOWN;

	if (m == NULL) {
		snprintf(err, errsize, "module %s is not configured on this server", name);
		return false;
	}
	if (m->client != NULL) {
		snprintf(err, errsize, "module %s has a heart already", name);
		return false;
	}
	*setup = make_setup(a, m, running);
	m->client = c;
	m->pid = pid;
	m->lost = false;
	client_set_heart(c, m);
	uv_timer_stop(m->timer);
	if (m->boot_start) {
		json_t *delay = json_object_get(m->conf, "boot_delay_ms");

		uv_timer_start(m->timer, on_boot_start, (uint64_t)json_integer_value(delay), 0);
	}
	return true;
}

void
registry_heart_gone(struct admin *a, void *instance)
{
	struct instance *m = instance;

	m->client = NULL;
	fail_orders(m);
	if (a->ending || m->leaving)
		return;
	show_unknown(m);
	if (m->death[0] != '\0') {
		say_death(m);
	} else if (m->process == NULL) {
		m->lost = true;
		spawn_later(m, m->respawn_ms);
	}	/* else heart_exited() comes */
	member_info_changed(a);
}

static uint32_t
give_index(void *ctx, const char *module, const char *name)
{
	return journal_index(((struct admin *)ctx)->journal, module, name);
}

static void
take_resource(struct admin *a, struct instance *m, const json_t *r)
{
	const char *name = json_string_value(json_object_get(r, "name")), *value = json_string_value(json_object_get(r, "value"));
	const char *by = json_string_value(json_object_get(r, "by"));
	const struct rpt_resource *row;
	bool changed;

	if (name == NULL || value == NULL || by == NULL)
		return;
	row = picture_put_resource(&a->picture, m->name, name, value, by, json_integer_value(json_object_get(r, "assigned_ms")), give_index, a,
	    &changed);
	if (row != NULL && changed)
		journal_resource(a->journal, row);
}

static void
take_share(struct admin *a, struct instance *m, const json_t *obj)
{
	struct rpt_share r = { 0 };
	char err[256];

	if (!report_decode(&rpt_share_type, obj, &r, err, sizeof(err))) {
		warn_text("heart of %s: %s", m->name, err);
		return;
	}
	memset(r.module, 0, sizeof(r.module));
	str_copy(r.module, sizeof(r.module), m->name);
	r.module_id = (uint32_t)m->id;
	if (!picture_put_share(&a->picture, m->name, &r))
		warn_text("heart of %s: share %u not kept", m->name, r.index);
}

static void
take_report(struct admin *a, struct instance *m, const json_t *obj)
{
	struct picture_module *pm = picture_find(&a->picture, m->name);
	struct rpt_module r = { 0 };
	char err[256];
	bool told;

	if (!report_decode(&rpt_module_type, obj, &r, err, sizeof(err))) {
		warn_text("heart of %s: %s", m->name, err);
		return;
	}
	str_copy(r.name, sizeof(r.name), m->name);	/* a heart speaks for its own module only */
	r.id = (uint32_t)m->id;
	told = pm == NULL || pm->report.state != r.state || pm->report.status != r.status;
	if (pm != NULL && pm->report.id != r.id)
		picture_drop_module(&a->picture, pm->report.id);
	picture_put_module(&a->picture, &r);
	if (r.status == ST_READY)
		m->respawn_ms = RESPAWN_MIN_MS;
	if (told)
		member_info_changed(a);
}

static void
take_log(struct admin *a, struct instance *m, const json_t *obj)
{
	struct rpt_log row = { 0 };
	char err[256];

	if (!report_decode(&rpt_log_type, obj, &row, err, sizeof(err))) {
		warn_text("heart of %s: %s", m->name, err);
		return;
	}
	str_copy(row.module, sizeof(row.module), m->name);
	admin_log(a, &row);
}

static void
take_notice(struct admin *a, struct instance *m, const json_t *obj)
{
	struct rpt_notice n = { 0 };
	char err[256];

	if (!report_decode(&rpt_notice_type_type, obj, &n, err, sizeof(err))) {
		warn_text("heart of %s: %s", m->name, err);
		return;
	}
	n.module_id = (uint32_t)m->id;
	str_copy(n.module, sizeof(n.module), m->name);
	admin_notice(a, &n);
}

static void
take_reply(struct admin *a, struct instance *m, const json_t *obj)
{
	json_int_t id = json_integer_value(json_object_get(obj, "id"));
	struct order **pp, *o;

	for (pp = &m->orders; (o = *pp) != NULL; pp = &o->next)
		if (o->id == id && o->told && json_object_get(obj, "told") != NULL) {
			o->done(a, o->ctx, obj);	/* not the last word */
			return;
		} else if (o->id == id) {
			*pp = o->next;
			o->done(a, o->ctx, obj);
			free(o);
			return;
		}
}

void
registry_heart_says(struct admin *a, void *instance, const json_t *obj)
{
	struct instance *m = instance;
	const json_t *part;

	if ((part = json_object_get(obj, "module")) != NULL)
		take_report(a, m, part);
	else if ((part = json_object_get(obj, "resource")) != NULL)
		take_resource(a, m, part);
	else if (json_is_string(part = json_object_get(obj, "resource-gone")))
		picture_drop_resource(&a->picture, m->name, json_string_value(part));
	else if ((part = json_object_get(obj, "share")) != NULL)
		take_share(a, m, part);
	else if (json_is_integer(part = json_object_get(obj, "share-gone")))
		picture_drop_share(&a->picture, m->name, (uint32_t)json_integer_value(part));
	else if ((part = json_object_get(obj, "log")) != NULL)
		take_log(a, m, part);
	else if ((part = json_object_get(obj, "notice")) != NULL)
		take_notice(a, m, part);
	else if (json_is_integer(json_object_get(obj, "id")))
		take_reply(a, m, obj);
}

bool
registry_order(struct admin *a, const char *name, json_t *order, heart_reply done, void *ctx, const char **code)
{
	struct instance *m = find(a, name);
	struct order *o = m != NULL && m->client != NULL ? calloc(1, sizeof(*o)) : NULL;

	if (o == NULL) {
		*code = m == NULL ? "notfound" : "unreachable";
		json_decref(order);
		return false;
	}
	o->id = ++a->registry->order_id;
	o->done = done;
	o->ctx = ctx;
	o->told = json_is_true(json_object_get(order, "told"));
	o->next = m->orders;
	m->orders = o;
	json_object_set_new(order, "id", json_integer(o->id));
	server_send(m->client, order);
	return true;
}

int
registry_boot(struct admin *a, const char *name, const char *value, char *err, size_t errsize)
{
	struct instance *m = find(a, name);
	const char *word;
	char file[512], text[16];

	if (m == NULL) {
		snprintf(err, errsize, "module %s is not configured on this server", name);
		return -1;
	}
	if (value == NULL)
		return boot_in_force(m);
	word = json_string_value(json_object_get(m->conf, "boot"));
	if (word != NULL && strcmp(word, "ignore") != 0) {
		snprintf(err, errsize, "boot=\"%s\" in userconfig.xml decides; remove it or set it to ignore to use this command", word);
		return -1;
	}
	snprintf(text, sizeof(text), "%s\n", value);
	if (!path_format(file, sizeof(file), "%s/modules/%s/boot", path_safevar(), name) ||
	    path_write_atomic(file, text, strlen(text), 0644) == -1) {
		snprintf(err, errsize, "%s: %s", file, strerror(errno));
		return -1;
	}
	(void)tell_heart(a, name, json_pack("{s:s,s:s}", "op", "boot", "value", value));
	return boot_in_force(m);
}

bool
registry_kill(struct admin *a, const char *name)
{
	struct instance *m = find(a, name);

	return m != NULL && m->client != NULL && m->pid > 1 && kill(m->pid, SIGKILL) == 0;
}

json_t *
registry_info(struct admin *a)
{
	json_t *rows = json_array();
	struct instance *m;

	for (m = a->registry->list; m != NULL; m = m->next) {
		struct picture_module *pm = picture_find(&a->picture, m->name);
		const char *signature = json_string_value(json_object_get(m->conf, "signature"));

		if (pm == NULL)
			continue;
		json_array_append_new(rows, json_pack("{s:s,s:i,s:s,s:s,s:s,s:I,s:s}", "module", m->name, "id", m->id, "mode",
		    rpt_mode_names[pm->report.mode], "state", rpt_state_names[pm->report.state], "status",
		    rpt_status_names[pm->report.status], "config_ms", (json_int_t)m->config_ms, "signature",
		    signature != NULL ? signature : ""));
	}
	return rows;
}

struct registry *
registry_new(struct admin *a)
{
	return calloc(1, sizeof(struct registry));
}

void
registry_free(struct registry *r)
{
	while (r->list != NULL)
		instance_free(r->list);	/* NOLINT(clang-analyzer-unix.Malloc): which takes itself out of the list */
	free(r);
}
