/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state.c: answers from the picture, with entity tags: who asks again for what has not changed gets 304.
 *
 * Owns: the last whole snapshot and lists, made when they are asked for after a change; those who wait for the same bytes share them.
 */
#include "config.h"
#include "web/gateway/gateway.h"
#include "web/gateway/handlers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const list_names[L_COUNT] = {
	[L_ENGINE] = "engine", [L_MODULES] = "modules", [L_RESOURCES] = "resources", [L_NODES] = "nodes", [L_REMOTES] = "remotes", [L_SHARES] = "shares",
};

static bool
connected(struct request *r)
{
	if (!feed_connected())
		problem(r, 503, "the engine of this server does not answer");
	return feed_connected();
}

/* ---- entity tags ---- */

static void
tag_of(uint64_t version, char *buf, size_t size)
{
	snprintf(buf, size, "\"%s-%llu\"", ring_epoch(), (unsigned long long)version);
}

/* Is tag among those of If-None-Match? */
static bool
not_modified(struct request *r, const char *tag)
{
	const char *told = MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, "If-None-Match");

	return told != NULL && (strcmp(told, "*") == 0 || strstr(told, tag) != NULL);
}

static struct MHD_Response *
tagged(struct MHD_Response *m, const char *tag)
{
	if (m != NULL) {
		MHD_add_response_header(m, "ETag", tag);
		MHD_add_response_header(m, "Cache-Control", "private, no-cache");
	}
	return m;
}

static bool
answer_not_modified(struct request *r, const char *tag)
{
	if (!not_modified(r, tag))
		return false;
	answer_response(r, 304, tagged(response_text("", 0, "application/json"), tag));
	return true;
}

/* ---- the whole ---- */

static char *
whole(size_t *len)
{
	char *part[L_COUNT] = { NULL }, id[64], *text = NULL, *to;
	size_t n[L_COUNT], total = 256;
	bool good = true;
	int l;

	for (l = 0; l < L_COUNT; l++) {
		part[l] = picture_rows((enum list)l, NULL, &n[l]);
		good = good && part[l] != NULL;
		total += n[l] + 32;
	}
	ring_id(ring_next() - 1, id, sizeof(id));
	if (good && (text = malloc(total)) != NULL) {
		to = text + snprintf(text, total, "{\"event_id\":\"%s\"", id);
		for (l = 0; l < L_COUNT; l++) {
			const char *from = part[l];

			to += snprintf(to, total - (size_t)(to - text), ",\"%s\":", list_names[l]);
			if (l == L_ENGINE && n[l] > 2) {	/* one object, not a list of one */
				from++;
				n[l] -= 2;
			}
			memcpy(to, from, n[l]);
			to += n[l];
		}
		*to++ = '}';
		*len = (size_t)(to - text);
	}
	for (l = 0; l < L_COUNT; l++)
		free(part[l]);
	return text;
}

/* What was made last for each list, and (L_COUNT) for the whole */
static struct { struct MHD_Response *response; char tag[64]; } made[L_COUNT + 1];

static void
answer_shared(struct request *r, enum list l)
{
	char tag[64], *text;
	size_t len = 0;

	if (!connected(r))
		return;
	/* the whole has the last event's number in it, and log lines have one, too */
	tag_of(l == L_COUNT ? picture_version(l) + ring_next() : picture_version(l), tag, sizeof(tag));
	if (answer_not_modified(r, tag))
		return;
	if (made[l].response == NULL || strcmp(made[l].tag, tag) != 0) {
		if (made[l].response != NULL)
			MHD_destroy_response(made[l].response);
		text = l == L_COUNT ? whole(&len) : picture_rows(l, NULL, &len);
		made[l].response = text == NULL ? NULL : tagged(response_own(text, len, "application/json"), tag);
		str_copy(made[l].tag, sizeof(made[l].tag), tag);
	}
	if (made[l].response == NULL) {
		problem(r, 503, "too many answers wait for clients that do not read");
		return;
	}
	r->shared = true;	/* we are called where it is queued: from then on the library counts */
	answer_response(r, 200, made[l].response);
}

void do_snapshot(struct request *r) { answer_shared(r, L_COUNT); }
void do_nodes(struct request *r) { answer_shared(r, L_NODES); }
void do_remotes(struct request *r) { answer_shared(r, L_REMOTES); }
void do_shares(struct request *r) { answer_shared(r, L_SHARES); }
void do_modules(struct request *r) { answer_shared(r, L_MODULES); }

static void
answer_own(struct request *r, char *text, size_t len, const char *tag)
{
	struct MHD_Response *m = text == NULL ? NULL : tagged(response_own(text, len, "application/json"), tag);

	if (m == NULL)
		problem(r, 503, "too many answers wait for clients that do not read");
	else
		answer_response(r, 200, m);
}

void
do_engine(struct request *r)
{
	const char *text = picture_text(L_ENGINE, 0, 0);
	char tag[64];

	tag_of(picture_version(L_ENGINE), tag, sizeof(tag));
	if (!connected(r) || answer_not_modified(r, tag))
		return;
	text = text != NULL ? text : "{}";
	answer_own(r, strdup(text), strlen(text), tag);
}

/* ---- of one module ---- */

static bool
module_is_there(struct request *r, const char *module)
{
	if (!connected(r))
		return false;
	if (!picture_has_module(module))
		problem(r, 404, "module %s is not configured on this server", module);
	return picture_has_module(module);
}

void
do_module(struct request *r)
{
	const char *module = arg_text(r, "module");
	char tag[64], *text;
	size_t len;

	tag_of(picture_version(L_MODULES), tag, sizeof(tag));
	if (!module_is_there(r, module) || answer_not_modified(r, tag))
		return;
	text = picture_module(module, &len);
	answer_own(r, text, len, tag);
}

void
do_module_resources(struct request *r)
{
	const char *module = arg_text(r, "module");
	char tag[64], *text;
	size_t len;

	tag_of(picture_version(L_RESOURCES), tag, sizeof(tag));
	if (!module_is_there(r, module) || answer_not_modified(r, tag))
		return;
	text = picture_rows(L_RESOURCES, module, &len);
	answer_own(r, text, len, tag);
}

void
do_resources(struct request *r)
{
	if (arg_text(r, "module") != NULL)
		do_module_resources(r);
	else
		answer_shared(r, L_RESOURCES);
}

/* ---- who, and what there is ---- */

void
do_session(struct request *r)
{
	answer_json(r, 200, json_pack("{s:s,s:s,s:s,s:s,s:b,s:s,s:b}", "user", r->user, "role", role_names[r->role], "login", r->login,
	    "address", r->addr, "tls", r->tls, "version", PACKAGE_VERSION, "engine", feed_connected()));
}

void
do_openapi(struct request *r)
{
	answer_json(r, 200, openapi_document());
}

void
do_challenge(struct request *r)
{
	char nonce[WEBAUTH_NONCE_MAX];

	if (nonce_make(clock_mono_ms() / 1000, nonce))
		answer_json(r, 200, json_pack("{s:s}", "nonce", nonce));
	else
		problem(r, 503, "no number can be made");
}
