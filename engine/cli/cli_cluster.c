/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_cluster.c: the cluster's configuration on this server: config, confcheck, confinfo, deconfig, state, genkey, delkey, export
 * (UG 9.3).  Owns SAFEVAR/cluster: cluster.xml (0644), cluster.key (64 hex digits, 0600), state.json (when, locked, signature).
 *
 * previous.key has the keys that were in force before, newest first: servers that have not got the new one yet are still asked with it
 * (-G); nobody is let in with it (wire/webauth.h).
 *
 * Each file is replaced whole, in the order key, xml, state.json; safeadmin is told when all three are there.  Packets between servers
 * are always encrypted: without a key this server talks to no other and says why.
 */
#include "config.h"
#include "cli/cli.h"
#include "cli/remote.h"

#include <sys/stat.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define KEY_BYTES	32	/* AES-256-GCM or ChaCha20-Poly1305 (doc/PROTOCOL.md 3) */
#define KEY_DIGITS	(2 * KEY_BYTES)
#define PREVIOUS_BYTES	(WEBAUTH_PREVIOUS * (KEY_DIGITS + 1))

/* What is going to be in force */
struct plan {
	struct cli *c;
	char	xml_file[PATH_MAX], key_file[PATH_MAX], state_file[PATH_MAX];
	char   *xml;			/* NULL: keep the file */
	ssize_t	xml_len;
	char	key[KEY_DIGITS + 2];	/* "" : keep the file */
	bool	locked;
	struct conf_cluster cluster;
	struct conf_errors errs;
};

static bool
plan_files(struct plan *p, struct cli *c)
{
	char dir[PATH_MAX];

	memset(p, 0, sizeof(*p));
	p->c = c;
	if (path_format(dir, sizeof(dir), "%s/cluster", path_safevar()) && path_format(p->xml_file, PATH_MAX, "%s/cluster.xml", dir)
	    && path_format(p->key_file, PATH_MAX, "%s/cluster.key", dir) && path_format(p->state_file, PATH_MAX, "%s/state.json", dir)
	    && path_mkdirs(dir, 0755) == 0)
		return true;
	warn_errno("%s/cluster", path_safevar());
	return false;
}

static bool
is_locked(const struct plan *p)
{
	json_t *state = json_load_file(p->state_file, 0, NULL);
	bool locked = json_is_true(json_object_get(state, "locked"));

	json_decref(state);
	return locked;
}

static bool
refuse_locked(const struct plan *p)
{
	if (!is_locked(p))
		return false;
	cli_error("the cluster configuration is locked: expected safekit cluster config unlock first");
	return true;
}

static bool
new_key(struct plan *p)
{
	return key_random(p->key);
}

static bool
previous_file(char buf[PATH_MAX])
{
	return path_format(buf, PATH_MAX, "%s/cluster/previous.key", path_safevar());
}

/* The key in force is about to be replaced by another: keep it, on top of those before it.  false: told */
static bool
keep_previous(const struct plan *p)
{
	char file[PATH_MAX], *now = NULL, *before = NULL, text[PREVIOUS_BYTES + 1];
	ssize_t n = path_read(p->key_file, &now, 1024), old;
	bool ok = true;

	if (n == -1)
		return true;	/* none, or none that could be used */
	now[strcspn(now, "\r\n")] = '\0';
	if (previous_file(file) && strlen(now) == KEY_DIGITS && strncmp(now, p->key, KEY_DIGITS) != 0) {
		old = path_read(file, &before, PREVIOUS_BYTES);
		(void)path_format(text, sizeof(text), "%s\n%s", now, old > 0 ? before : "");	/* the oldest may be cut: it is no key then */
		ok = path_write_atomic(file, text, strlen(text), 0600) == 0;
		if (!ok)
			warn_errno("%s", file);
		explicit_bzero(text, sizeof(text));
		if (old > 0)
			explicit_bzero(before, (size_t)old);
		free(before);
	}
	explicit_bzero(now, (size_t)n);
	free(now);
	return ok;
}

/* key, xml, state: see above */
static bool
plan_write(struct plan *p)
{
	json_t *state = json_pack("{s:I,s:b,s:s}", "config_ms", (json_int_t)(clock_wall_us() / 1000), "locked", p->locked, "signature",
	    p->cluster.signature);
	char *text = state != NULL ? json_dumps(state, JSON_INDENT(1) | JSON_PRESERVE_ORDER) : NULL;
	const char *at = p->key_file;
	bool ok = text != NULL && (p->key[0] == '\0' || (keep_previous(p) && path_write_atomic(at, p->key, strlen(p->key), 0600) == 0));

	if (ok && p->xml != NULL)
		ok = path_write_atomic(at = p->xml_file, p->xml, (size_t)p->xml_len, 0644) == 0;
	ok = ok && path_write_atomic(at = p->state_file, text, strlen(text), 0644) == 0;
	if (!ok)
		warn_errno("%s", at);
	free(text);
	json_decref(state);
	return ok;
}

static bool
tell_safeadmin(struct cli *c)
{
	json_t *reply;

	if (c->conn == NULL) {
		cli_note("safeadmin is not running: it will take the cluster configuration when it starts");
		return true;
	}
	reply = cli_ask(c, json_pack("{s:s}", "op", "cluster-changed"), NULL, NULL);
	json_decref(reply);
	return reply != NULL;
}

/* ---- config ---- */

static bool
is_zip(const char *file)
{
	size_t n = strlen(file);

	return n > 4 && strcasecmp(file + n - 4, ".zip") == 0;
}

/* cluster.xml and cluster.key of a zip.  The XML is checked from a file of ours: what is checked is what is applied. */
static bool
take_zip(struct plan *p, const char *file)
{
	struct zip_member m[2] = { { .name = "cluster.xml" }, { .name = "cluster.key" } };
	char tmp[PATH_MAX], err[512];
	uint8_t raw[KEY_BYTES];
	bool ok = false;

	if (!zip_read_members(file, m, 2, CONF_FILE_MAX, err, sizeof(err))) {
		cli_error("%s", err);
		return false;
	}
	if (m[1].data != NULL)
		m[1].data[strcspn(m[1].data, "\r\n")] = '\0';
	if (m[0].data == NULL || m[1].data == NULL || !str_from_hex(m[1].data, raw, KEY_BYTES)) {
		cli_error("%s: expected cluster.xml and cluster.key (%d hex digits) in it, as safekit cluster export writes them", file,
		    KEY_DIGITS);
	} else if (!path_format(tmp, sizeof(tmp), "%s.check", p->xml_file) || path_write_atomic(tmp, m[0].data, m[0].len, 0644) == -1) {
		warn_errno("%s.check", p->xml_file);
	} else {
		ok = conf_cluster_load(tmp, &p->cluster, &p->errs) == 0;
		unlink(tmp);
		str_to_hex(raw, KEY_BYTES, p->key);
		str_copy(p->key + KEY_DIGITS, 2, "\n");
		p->xml = m[0].data;
		p->xml_len = (ssize_t)m[0].len;
		m[0].data = NULL;
	}
	explicit_bzero(raw, sizeof(raw));
	free(m[0].data);
	free(m[1].data);
	return ok;
}

static bool
take_xml(struct plan *p, const char *file)
{
	if (conf_cluster_load(file, &p->cluster, &p->errs) == -1)
		return false;
	p->xml_len = path_read(file, &p->xml, CONF_FILE_MAX);
	if (p->xml_len == -1) {
		p->xml = NULL;
		warn_errno("%s", file);
		return false;
	}
	return new_key(p);
}

/* The configuration in force, for verbs that keep it */
static bool
take_current(struct plan *p)
{
	if (access(p->xml_file, F_OK) == -1) {
		cli_error("this server has no cluster configuration: expected safekit cluster config FILE.xml");
		return false;
	}
	return conf_cluster_load(p->xml_file, &p->cluster, &p->errs) == 0;
}

static bool
plan_finish(struct plan *p, bool ok)
{
	show_findings(&p->errs);
	ok = ok && plan_write(p) && tell_safeadmin(p->c);
	free(p->xml);
	explicit_bzero(p->key, sizeof(p->key));
	return ok;
}

static void
note_bring_key(void)
{
	cli_note("Bring the key to the other servers: safekit -H \"*\" -G, or safekit cluster export FILE.zip here, "
	    "safekit cluster config FILE.zip there");
}

static int
config_locked(struct cli *c, const char *file, const char *lock)
{
	static struct plan p;
	bool fresh = file != NULL ? !is_zip(file) : lock == NULL, was, ok;	/* fresh: with a new key */
	json_t *show;

	if (!plan_files(&p, c))
		return EXIT_FAILED;
	was = is_locked(&p);
	if (was && (lock == NULL || strcmp(lock, "unlock") != 0))
		return refuse_locked(&p) ? EXIT_FAILED : EXIT_DONE;
	p.locked = lock != NULL && strcmp(lock, "lock") == 0;
	if (file != NULL)
		ok = is_zip(file) ? take_zip(&p, file) : take_xml(&p, file);
	else
		ok = take_current(&p) && (!fresh || new_key(&p));	/* lock and unlock alone leave the key alone */
	if (!plan_finish(&p, ok))
		return EXIT_FAILED;
	if (c->json) {
		show = json_pack("{s:s,s:b,s:i}", "signature", p.cluster.signature, "locked", p.locked, "nodes", p.cluster.nodes_count);
		show_json(show);
		json_decref(show);
	} else {
		printf("Cluster configuration applied: signature %s%s\n", p.cluster.signature, p.locked ? ", locked" : "");
	}
	if (fresh && p.cluster.nodes_count > 1)
		note_bring_key();
	return EXIT_DONE;
}

/* The configuration that -G of another server has brought */
static int
take_brought(struct cli *c, const char *zip, bool check)
{
	static struct plan p;
	bool ok;

	if (!check)
		return config_locked(c, zip, NULL);
	if (!plan_files(&p, c) || refuse_locked(&p))
		return EXIT_FAILED;
	ok = take_zip(&p, zip);
	show_findings(&p.errs);
	free(p.xml);
	explicit_bzero(p.key, sizeof(p.key));
	return ok ? EXIT_DONE : EXIT_FAILED;
}

int
cluster_take(struct cli *c, const char *zip, bool check)
{
	int fd = tree_lock(), status;

	if (fd == -1)
		return EXIT_FAILED;
	status = take_brought(c, zip, check);
	close(fd);
	return status;
}

int
do_cluster_config(struct cli *c)
{
	const char *file = NULL, *lock = NULL;
	int i, fd, status;

	for (i = 0; i < c->nwords; i++) {
		bool is_lock = strcmp(c->words[i], "lock") == 0 || strcmp(c->words[i], "unlock") == 0;

		if (is_lock ? lock != NULL : file != NULL) {
			cli_error("safekit cluster config: \"%s\" is one word too many: expected: safekit cluster config %s", c->words[i],
			    c->verb->syntax);
			return EXIT_TYPING;
		}
		*(is_lock ? &lock : &file) = c->words[i];
	}
	if ((fd = tree_lock()) == -1)
		return EXIT_FAILED;
	status = config_locked(c, file, lock);
	close(fd);
	return status;
}

/* ---- genkey, delkey, deconfig ---- */

static int
change_key(struct cli *c)
{
	static struct plan p;
	bool generate = strcmp(c->verb->name, "cluster genkey") == 0, ok;
	char previous[PATH_MAX];

	if (!plan_files(&p, c) || refuse_locked(&p))
		return EXIT_FAILED;
	ok = take_current(&p);
	if (ok && generate)
		ok = new_key(&p);
	if (ok && !generate && ((unlink(p.key_file) == -1 && errno != ENOENT) || !previous_file(previous)
	    || (unlink(previous) == -1 && errno != ENOENT))) {
		warn_errno("%s", p.key_file);
		ok = false;
	}
	if (!plan_finish(&p, ok))
		return EXIT_FAILED;
	if (generate)
		note_bring_key();
	else
		cli_note("Without a key this server talks to no other: packets are always encrypted");
	return EXIT_DONE;
}

int
do_cluster_key(struct cli *c)
{
	int fd = tree_lock(), status;

	if (fd == -1)
		return EXIT_FAILED;
	status = change_key(c);
	close(fd);
	return status;
}

static int
deconfig(struct cli *c)
{
	static struct plan p;
	const char *files[4];
	char previous[PATH_MAX];
	size_t i;

	if (!plan_files(&p, c) || !previous_file(previous) || refuse_locked(&p))
		return EXIT_FAILED;
	files[0] = p.key_file;		/* the secrets first */
	files[1] = previous;
	files[2] = p.xml_file;
	files[3] = p.state_file;
	for (i = 0; i < ARRAY_LEN(files); i++) {
		if (unlink(files[i]) == -1 && errno != ENOENT) {
			warn_errno("%s", files[i]);
			return EXIT_FAILED;
		}
	}
	return tell_safeadmin(c) ? EXIT_DONE : EXIT_FAILED;
}

int
do_cluster_deconfig(struct cli *c)
{
	int fd = tree_lock(), status;

	if (fd == -1)
		return EXIT_FAILED;
	status = deconfig(c);
	close(fd);
	return status;
}

/* ---- confcheck, export ---- */

int
do_cluster_confcheck(struct cli *c)
{
	static struct conf_cluster cluster;
	static struct conf_errors errs;
	bool ok = conf_cluster_load(c->words[0], &cluster, &errs) == 0;
	json_t *show;

	if (c->json) {
		show = json_pack("{s:s,s:b,s:s,s:o}", "file", c->words[0], "ok", ok, "signature", ok ? cluster.signature : "", "findings",
		    findings_json(&errs));
		show_json(show);
		json_decref(show);
		return ok ? EXIT_DONE : EXIT_FAILED;
	}
	show_findings(&errs);
	if (ok)
		printf("Cluster configuration is correct: %d nodes, %d lans\n", cluster.nodes_count, cluster.lans_count);
	return ok ? EXIT_DONE : EXIT_FAILED;
}

bool
cluster_write(const char *zip)
{
	struct zip_member m[2] = { { .name = "cluster.xml" }, { .name = "cluster.key" } };
	char xml_file[PATH_MAX], key_file[PATH_MAX], err[512];
	ssize_t n[2];
	bool ok;

	if (!path_format(xml_file, sizeof(xml_file), "%s/cluster/cluster.xml", path_safevar())
	    || !path_format(key_file, sizeof(key_file), "%s/cluster/cluster.key", path_safevar()))
		return false;
	n[0] = path_read(xml_file, &m[0].data, CONF_FILE_MAX);
	n[1] = path_read(key_file, &m[1].data, 1024);
	ok = n[0] != -1 && n[1] != -1;
	if (!ok) {
		cli_error("this server has no %s: expected safekit cluster %s first", n[0] == -1 ? "cluster configuration" : "cluster key",
		    n[0] == -1 ? "config FILE.xml" : "genkey");
	} else {
		m[0].len = (size_t)n[0];
		m[1].len = (size_t)n[1];
		ok = zip_write_members(zip, m, 2, err, sizeof(err));
		if (!ok)
			cli_error("%s", err);
	}
	if (n[0] != -1)
		free(m[0].data);
	if (n[1] != -1) {
		explicit_bzero(m[1].data, (size_t)n[1]);
		free(m[1].data);
	}
	return ok;
}

int
do_cluster_export(struct cli *c)
{
	if (is_zip(c->words[0]))
		return cluster_write(c->words[0]) ? EXIT_DONE : EXIT_FAILED;
	cli_error("safekit cluster export: expected a name that ends with .zip, not \"%s\"", c->words[0]);
	return EXIT_TYPING;
}

/* ---- confinfo, state: as safeadmin sees the cluster ---- */

int
do_cluster_confinfo(struct cli *c)
{
	static const struct column columns[] = { { "node", "Node" }, { "signature", "Signature" }, { "config_ms", "Date" },
	    { "locked", "Lock" } };
	json_t *reply = cli_ask(c, json_pack("{s:s}", "op", "confinfo"), NULL, NULL), *rows = json_object_get(reply, "rows");

	if (reply == NULL)
		return EXIT_FAILED;
	if (c->json)
		show_json(rows);
	else
		show_table(&rpt_node_type, rows, columns, ARRAY_LEN(columns));
	json_decref(reply);
	return EXIT_DONE;
}

/* Our own modules in the form of the others' */
static void
add_own(json_t *all, const json_t *modules, const char *node)
{
	const json_t *m;
	size_t i;

	json_array_foreach(modules, i, m)
		json_array_append_new(all, json_pack("{s:s,s:O?,s:O?,s:O?,s:O?,s:O?,s:O?,s:O?}", "node", node, "module",
		    json_object_get(m, "name"), "id", json_object_get(m, "id"), "mode", json_object_get(m, "mode"), "state",
		    json_object_get(m, "state"), "status", json_object_get(m, "status"), "config_ms", json_object_get(m, "config_ms"),
		    "signature", json_object_get(m, "signature")));
}

int
do_cluster_state(struct cli *c)
{
	static const struct column columns[] = { { "node", "Node" }, { "module", "Module" }, { "mode", "Mode" }, { "id", "Id" },
	    { "config_ms", "Date" }, { "signature", "Signature" } };
	json_t *mine, *others = NULL, *all = json_array();
	char node[SK_NAME_MAX];
	int status = EXIT_FAILED;

	mine = cli_ask(c, json_pack("{s:s,s:s}", "op", "get", "what", "modules"), NULL, NULL);
	if (mine != NULL)
		others = cli_ask(c, json_pack("{s:s,s:s}", "op", "get", "what", "remotes"), NULL, NULL);
	if (others != NULL) {
		status = EXIT_DONE;
		add_own(all, json_object_get(mine, "rows"), cli_node(c, node));
		json_array_extend(all, json_object_get(others, "rows"));
		if (c->json)
			show_json(all);
		else
			show_table(&rpt_remote_type, all, columns, ARRAY_LEN(columns));
	}
	json_decref(mine);
	json_decref(others);
	json_decref(all);
	return status;
}
