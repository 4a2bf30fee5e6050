/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * command.c: routes that run a command of safekit.  All that changes something is such a command: it checks the role once more, by its own
 * table, and is in the command log with user and address.
 */
#include "config.h"
#include "web/gateway/gateway.h"
#include "web/gateway/handlers.h"
#include "web/gateway/upload.h"

#include <sys/stat.h>
#include <errno.h>
#include <limits.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATUS_DENIED	77	/* of safekit: the role may not do that */
#define STATUS_CHANGED	75	/* of safekit module putfile, delfile: it is not any more what If-Match says */
#define CLUSTER_XML_MAX	(1u << 20)

/* ---- answers ---- */

/* A text of a command as JSON: what is no UTF-8, and NUL, becomes '?' */
static json_t *
text_of(const char *text, size_t len)
{
	char *copy = malloc(len + 1);
	json_t *value;
	size_t i;

	if (copy == NULL)
		return NULL;
	for (i = 0; i < len; i++)
		copy[i] = text[i] == '\0' ? '?' : text[i];
	copy[len] = '\0';
	str_make_utf8(copy);
	value = json_string(copy);
	free(copy);
	return value;
}

/* "Error: what" of safekit, its first line, as the detail of a problem */
static void
problem_of(struct request *r, unsigned status, const char *err)
{
	static const char word[] = "Error: ";

	if (strncmp(err, word, sizeof(word) - 1) == 0)
		err += sizeof(word) - 1;
	problem(r, status, "%.*s", (int)strcspn(err, "\n"), err);
}

static bool
was_denied(struct request *r, int status, const char *err)
{
	if (status != STATUS_DENIED && status != STATUS_CHANGED)
		return false;
	problem_of(r, status == STATUS_DENIED ? 403 : 412, err);
	return true;
}

static void
tell_result(struct request *r, int status, const char *note, const char *token, const char *out, size_t out_len, const char *err)
{
	if (was_denied(r, status, err))
		return;
	answer_json(r, 200, json_pack("{s:i,s:o,s:o,s:s*,s:o*}", "status", status, "stdout", text_of(out, out_len), "stderr",
	    text_of(err, strlen(err)), "note", note[0] != '\0' ? note : NULL, "truncated", r->cut ? json_true() : NULL));
}

/* ---- commands ---- */

void
do_commands(struct request *r)
{
	const json_t *list = json_object_get(r->args, "argv"), *word;
	const char *argv[ARGV_MAX + 1];
	size_t i;

	json_array_foreach(list, i, word) {
		argv[i] = json_string_value(word);
		if (strncmp(argv[i], "@new:", 5) == 0 || (strncmp(argv[i], "@file:", 6) == 0 && r->role < ROLE_ADMIN)) {
			problem(r, argv[i][1] == 'n' ? 422 : 403, "argv: @new: is not for you; @file: is for Admin");
			return;
		}
	}
	argv[json_array_size(list)] = NULL;
	run_command(r, argv, tell_result);
}

void
do_action(struct request *r)
{
	const char *action = arg_text(r, "action"), *date = arg_text(r, "date"), *argv[8] = { action, "-m", arg_text(r, "module") };
	bool fullsync = arg_true(r, "fullsync"), nosync = arg_true(r, "nosync");
	int n = 3;

	if (fullsync && strcmp(action, "prim") != 0 && strcmp(action, "second") != 0)
		problem(r, 422, "fullsync: only with prim and second");
	else if (nosync && strcmp(action, "swap") != 0)
		problem(r, 422, "nosync: only with swap");
	else if ((date != NULL) != (strcmp(action, "secondforce") == 0))
		problem(r, 422, "date: expected with secondforce, and only there");
	if (r->response != NULL)
		return;
	if (date != NULL) {
		argv[n++] = "-d";
		argv[n++] = date;
	} else if (fullsync || nosync) {
		argv[n++] = fullsync ? "fullsync" : "nosync";
	}
	argv[n] = NULL;
	run_command(r, argv, tell_result);
}

void
do_set(struct request *r)
{
	const char *value = arg_text(r, "value"), *resource = arg_text(r, "resource");

	if (value[0] == '-' || resource[0] == '-') {
		problem(r, 422, "value and resource: expected no - at the beginning");
		return;
	}
	run_command(r, (const char *const[]){ "set", "-m", arg_text(r, "module"), "-r", resource, "-v", value, NULL }, tell_result);
}

/* ---- kept files ---- */

void
do_file_new(struct request *r)
{
	r->up.stays = true;
	answer_json(r, 201, json_pack("{s:s,s:I,s:i}", "file", r->up.token, "size", (json_int_t)r->up.size, "seconds", KEPT_S));
}

static void
on_dropped(void *ctx, const struct talk *t, bool ok, const char *reason, const char *text)
{
	struct request *r = ctx;

	if (ok)
		answer_response(r, 204, response_text("", 0, "application/json"));
	else
		problem(r, 404, "%s", text);
}

void
do_file_drop(struct request *r)
{
	if (!parent_ask((const char *const[]){ "drop", arg_text(r, "token"), NULL }, NULL, 0, on_dropped, r))
		problem(r, 503, "too many requests at once");
}

/* ---- what a command has written to a file for us ---- */

static void
on_open(void *ctx, const struct talk *t, bool ok, const char *reason, const char *text)
{
	struct request *r = ctx;
	struct MHD_Response *m;
	struct stat st;
	int fd = ok && t->fds == 1 ? t->fd[0] : -1;

	if (fd == -1 || fstat(fd, &st) == -1) {
		problem(r, 500, "%s", ok ? "the file cannot be read" : text);
		return;
	}
	((struct talk *)(uintptr_t)t)->fds = 0;		/* the answer's now */
	m = MHD_create_response_from_fd64((uint64_t)st.st_size, fd);
	if (m == NULL) {
		close(fd);
		problem(r, 503, "no memory");
		return;
	}
	MHD_add_response_header(m, "Content-Type", "application/zip");
	MHD_add_response_header(m, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(m, "Content-Disposition", "attachment");
	MHD_add_response_header(m, "Cache-Control", "no-store");
	answer_response(r, 200, m);
}

static void
tell_file(struct request *r, int status, const char *note, const char *token, const char *out, size_t out_len, const char *err)
{
	if (status != 0 && !was_denied(r, status, err))
		problem_of(r, 409, err[0] != '\0' ? err : note);
	if (status == 0 && !parent_ask((const char *const[]){ "open", token, NULL }, NULL, 0, on_open, r))
		problem(r, 503, "too many requests at once");
	if (token[0] != '\0')
		upload_drop(token);	/* behind "open": what is open stays */
}

void
do_package_get(struct request *r)
{
	run_command(r, (const char *const[]){ "module", "package", "-m", arg_text(r, "module"), "@new:safe", NULL }, tell_file);
}

void
do_snapshot_zip(struct request *r)
{
	run_command(r, (const char *const[]){ "snapshot", "-m", arg_text(r, "module"), "@new:zip", NULL }, tell_file);
}

/* ---- a module's configuration ---- */

static void
name_upload(const struct request *r, char *buf, size_t size)
{
	snprintf(buf, size, "@file:%s", r->up.token);
}

void
do_package_put(struct request *r)
{
	const char *argv[12] = { "module", "install", "-m", arg_text(r, "module") };
	char file[64], id[16];
	int n = 4;

	if (memcmp(r->up.first, "PK\3\4", 4) != 0) {
		problem(r, 422, "body: expected a .safe file");
		return;
	}
	name_upload(r, file, sizeof(file));
	if (arg_true(r, "replace"))
		argv[n++] = "-r";
	if (json_object_get(r->args, "id") != NULL) {
		snprintf(id, sizeof(id), "%d", (int)arg_int(r, "id", 0));
		argv[n++] = "-M";
		argv[n++] = id;
	}
	argv[n++] = file;
	argv[n] = NULL;
	run_command(r, argv, tell_result);
}

static void
hash_tag(const char *text, size_t len, char tag[SK_SIG_MAX + 2])
{
	uint8_t sum[SHA256_DIGEST_LENGTH];

	SHA256((const uint8_t *)text, len, sum);
	tag[0] = '"';
	str_to_hex(sum, sizeof(sum), tag + 1);
	str_copy(tag + SK_SIG_MAX, 2, "\"");
}

static void
answer_content(struct request *r, const char *text, size_t len, const char *type)
{
	const char *told = MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, "If-None-Match");
	char tag[SK_SIG_MAX + 2];
	bool same;
	struct MHD_Response *m;

	hash_tag(text, len, tag);
	same = told != NULL && (strcmp(told, "*") == 0 || strstr(told, tag) != NULL);
	m = response_text(text, same ? 0 : len, type);
	if (m != NULL) {
		MHD_add_response_header(m, "ETag", tag);
		MHD_add_response_header(m, "Cache-Control", "private, no-cache");
	}
	answer_response(r, same ? 304 : 200, m);
}

static void
tell_content(struct request *r, int status, const char *note, const char *token, const char *out, size_t out_len, const char *err)
{
	if (status == 0)
		answer_content(r, out, out_len, "application/octet-stream");
	else if (!was_denied(r, status, err))
		problem_of(r, 404, err);
}

static void
tell_list(struct request *r, int status, const char *note, const char *token, const char *out, size_t out_len, const char *err)
{
	json_t *list = status == 0 ? json_loadb(out, out_len, 0, NULL) : NULL;

	if (list != NULL)
		answer_json(r, 200, list);
	else if (!was_denied(r, status, err))
		problem_of(r, status == 0 ? 500 : 404, err);
}

void
do_files_list(struct request *r)
{
	run_command(r, (const char *const[]){ "module", "files", "-m", arg_text(r, "module"), "--json", NULL }, tell_list);
}

void
do_file_get(struct request *r)
{
	run_command(r, (const char *const[]){ "module", "getfile", "-m", arg_text(r, "module"), arg_text(r, "path"), NULL }, tell_content);
}

/* The condition of a change in words of safekit: a hash, "new" (If-None-Match: *), "any"; NULL: a problem */
static const char *
condition(struct request *r, char tag[SK_SIG_MAX])
{
	const char *match = MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, "If-Match"),
	    *none = MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, "If-None-Match");

	if (match == NULL && none == NULL)
		return "any";
	if (match == NULL && strcmp(none, "*") == 0)
		return "new";
	if (match != NULL && none == NULL && strlen(match) == SK_SIG_MAX + 1 && match[0] == '"' && match[SK_SIG_MAX] == '"' &&
	    strspn(match + 1, "0123456789abcdef") == SK_SIG_MAX - 1) {
		str_copy(tag, SK_SIG_MAX, match + 1);
		return tag;
	}
	problem(r, 412, "If-Match: expected one entity tag, as GET gave it; or If-None-Match: *");
	return NULL;
}

void
do_file_put(struct request *r)
{
	char file[64], tag[SK_SIG_MAX];
	const char *when = condition(r, tag);

	name_upload(r, file, sizeof(file));
	if (when != NULL)
		run_command(r, (const char *const[]){ "module", "putfile", "-m", arg_text(r, "module"), arg_text(r, "path"), file, when, NULL }, tell_result);
}

void
do_file_delete(struct request *r)
{
	char tag[SK_SIG_MAX];
	const char *when = condition(r, tag);

	if (when != NULL)
		run_command(r, (const char *const[]){ "module", "delfile", "-m", arg_text(r, "module"), arg_text(r, "path"), when, NULL }, tell_result);
}

/* ---- cluster.xml ---- */

static char *
read_cluster(ssize_t *len)
{
	char path[PATH_MAX], *text = NULL;

	*len = path_format(path, sizeof(path), "%s/cluster/cluster.xml", path_safevar()) ? path_read(path, &text, CLUSTER_XML_MAX) : -1;
	return text;
}

void
do_cluster_get(struct request *r)
{
	ssize_t len;
	char *text = read_cluster(&len);

	if (len >= 0)
		answer_content(r, text, (size_t)len, "application/xml");
	else
		problem(r, errno == ENOENT ? 404 : 500, errno == ENOENT ? "this server has no cluster configuration" : "cluster.xml cannot be read");
	free(text);
}

void
do_cluster_put(struct request *r)
{
	char file[64], told[SK_SIG_MAX], tag[SK_SIG_MAX + 2], *text;
	const char *when = condition(r, told);
	ssize_t len;
	bool fits = when != NULL;

	if (fits && strcmp(when, "any") != 0) {
		text = read_cluster(&len);
		hash_tag(len >= 0 ? text : "", len >= 0 ? (size_t)len : 0, tag);
		fits = strcmp(when, "new") == 0 ? len < 0 : len >= 0 && strncmp(tag + 1, when, SK_SIG_MAX - 1) == 0;
		free(text);
		if (!fits)
			problem(r, 412, "cluster.xml is not any more what If-Match says");
	}
	name_upload(r, file, sizeof(file));
	if (fits)
		run_command(r, (const char *const[]){ "cluster", "config", file, NULL }, tell_result);
}
