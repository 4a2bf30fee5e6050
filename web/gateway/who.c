/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * who.c: believes Apache's headers (only Apache reaches our socket, and it takes away what clients send by these names), tells users from
 * servers, refuses what another site's page makes a browser send.
 *
 * Never does: see a key.  The parent says whether a signature is good.
 */
#include "config.h"
#include "web/gateway/who.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* ---- headers ---- */

struct header { const char *name; const char *value; int count; };

static enum MHD_Result
on_header(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct header *h = ctx;

	if (strcasecmp(name, h->name) == 0) {
		h->value = value != NULL ? value : "";
		h->count++;
	}
	return MHD_YES;
}

/* A header that may be there once: NULL without it; *twice when it is there more often */
static const char *
header_once(struct request *r, const char *name, bool *twice)
{
	struct header h = { .name = name };

	MHD_get_connection_values(r->conn, MHD_HEADER_KIND, on_header, &h);
	if (h.count > 1)
		*twice = true;
	return h.value;
}

static bool
is_plain(const char *s, size_t max)
{
	if (strlen(s) > max)
		return false;
	for (; *s != '\0'; s++)
		if (iscntrl((unsigned char)*s))
			return false;
	return true;
}

/* ---- who ---- */

static bool
is_address(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n < 48 && strspn(s, "0123456789abcdefABCDEF:.%") == n;
}

/* Of a server: the name that it tells is told on, nothing is decided by it */
static bool
take_server(struct request *r, const char *login, const char *name, const char *most)
{
	char text[SK_NAME_MAX];

	if (login == NULL || strcmp(login, "node") != 0) {
		problem(r, 403, "%s is for servers among themselves", NODE_PREFIX);
		return false;
	}
	if (name != NULL && !str_is_name(name)) {
		problem(r, 400, "X-Safekit-Node: expected the name of a node");
		return false;
	}
	r->node = true;
	r->role = role_of(most);	/* httpd's, by the port; once it has proved that it is one: who_proves() */
	snprintf(text, sizeof(text), "node:%.50s", name != NULL ? name : "?");
	str_copy(r->user, sizeof(r->user), text);
	return true;
}

static bool
take_user(struct request *r, const char *login, const char *user, const char *role)
{
	if (login == NULL || login[0] == '\0' || user == NULL || user[0] == '\0' || strcmp(login, "node") == 0 || strlen(login) >= sizeof(r->login)) {
		problem(r, 401, "who are you?");
		return false;
	}
	if (!is_plain(user, 1024)) {
		problem(r, 400, "X-Safekit-User: expected printable characters");
		return false;
	}
	str_copy(r->user, sizeof(r->user), user);
	str_make_utf8(r->user);
	r->role = role_of(role);
	if (r->role == ROLE_NONE) {
		problem(r, 403, "user %s has no role", r->user);
		return false;
	}
	return true;
}

/* "/api/v1/..." of a user: 2, "/node/api/v1/..." of a server: 3, else 0 */
static size_t
prefix_of(const struct uri *u)
{
	size_t i = u->segments > 0 && strcmp(u->segment[0], NODE_PREFIX + 1) == 0 ? 1 : 0;

	return u->segments > i + 2 && strcmp(u->segment[i], "api") == 0 && strcmp(u->segment[i + 1], "v1") == 0 ? i + 2 : 0;
}

bool
who_is(struct request *r, size_t *skip)
{
	bool twice = false;
	const char *user = header_once(r, "X-Safekit-User", &twice), *role = header_once(r, "X-Safekit-Role", &twice),
	    *login = header_once(r, "X-Safekit-Method", &twice), *addr = header_once(r, "X-Safekit-Addr", &twice),
	    *tls = header_once(r, "X-Safekit-Tls", &twice), *name = header_once(r, "X-Safekit-Node", &twice);

	*skip = prefix_of(&r->uri);
	if (twice) {
		problem(r, 400, "a header X-Safekit-... is there twice");
		return false;
	}
	r->tls = tls != NULL && strcmp(tls, "on") == 0;
	str_copy(r->addr, sizeof(r->addr), addr != NULL && is_address(addr) ? addr : "unknown");
	str_copy(r->login, sizeof(r->login), login != NULL && strlen(login) < sizeof(r->login) ? login : "");
	if (r->uri.segments > 0 && strcmp(r->uri.segment[0], NODE_PREFIX + 1) == 0 ? !take_server(r, login, name, role) : !take_user(r, login, user, role))
		return false;
	who_text(r->user, r->addr, r->who, sizeof(r->who));
	if (*skip != 0)
		return true;
	problem(r, 404, "there is no such path: expected %s/...", API_PREFIX);
	return false;
}

bool
who_may(struct request *r, const char *method)
{
	if (r->route->role == ROLE_NONE && !r->node) {
		problem(r, 404, "there is no such path for users");
		return false;
	}
	if (r->role >= r->route->role)
		return true;
	problem(r, 403, "%s %s needs the role %s; %s has %s", method, r->route->path, role_names[r->route->role], r->user, role_names[r->role]);
	return false;
}

/* ---- tricks ---- */

bool
who_is_no_trick(struct request *r, const char *method)
{
	const char *site = MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, "Sec-Fetch-Site"),
	    *origin = MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, "Origin"),
	    *host = MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, "X-Forwarded-Host");

	if (r->node)
		return true;
	if (host == NULL)
		host = MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, "Host");
	/* also of what only reads: a snapshot for support costs something, and nobody of ours asks from another site */
	if (site != NULL && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
		problem(r, 403, "Sec-Fetch-Site: expected same-origin");
	else if (origin != NULL && (host == NULL || !origin_fits(origin, host)))
		problem(r, 403, "Origin: expected a page of this server");
	else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 &&
	    MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, "X-Safekit-Csrf") == NULL)
		problem(r, 403, "expected the header X-Safekit-Csrf: pages of other sites cannot send it");
	else
		return true;
	return false;
}

/* ---- servers ---- */

static int64_t
now_s(void)
{
	return clock_mono_ms() / 1000;
}

static void
on_verified(void *ctx, const struct talk *t, bool ok, const char *reason, const char *text)
{
	struct request *r = ctx;

	if (ok && nonce_use(r->auth.nonce, now_s())) {
		r->verified = true;
		request_resume(r);
		return;
	}
	gate_log_rarely("%s from %s: refused: %s", r->user, r->addr, ok ? "its number was used before" : text);
	problem(r, ok || strcmp(reason, "denied") == 0 ? 401 : 503, "%s", ok ? "nonce: used before; expected a new one of /challenge" : text);
}

static bool
hash_of_body(struct request *r, char out[WEBAUTH_HEX_MAX])
{
	uint8_t sum[EVP_MAX_MD_SIZE];
	unsigned n;

	if (r->hash == NULL || EVP_DigestFinal_ex(r->hash, sum, &n) != 1)
		return false;
	str_to_hex(sum, n, out);
	EVP_MD_CTX_free(r->hash);
	r->hash = NULL;
	return true;
}

/* Authorization and, of who has something to send, the hash of it.  false: a problem */
static bool
take_signature(struct request *r)
{
	bool twice = false;
	const char *text = header_once(r, "Authorization", &twice), *told = header_once(r, "X-Safekit-Body", &twice);
	uint8_t raw[32];

	if (twice || text == NULL || !webauth_parse(text, &r->auth))
		problem(r, 401, "expected Authorization: SafeKit keyid=..., nonce=..., mac=...");
	else if (!nonce_good(r->auth.nonce, now_s()))
		problem(r, 401, "nonce: expected one of /challenge, not older than %d s, not used", NONCE_S);
	else if (told != NULL && !str_from_hex(told, raw, sizeof(raw)))
		problem(r, 400, "X-Safekit-Body: expected 64 hex digits");
	else if (told != NULL)
		str_to_hex(raw, sizeof(raw), r->told_hash);
	return r->response == NULL;
}

static void
ask_parent(struct request *r, const char *method, const char *hash)
{
	bool twice = false;
	const char *auth = header_once(r, "Authorization", &twice), *server = header_once(r, "X-Safekit-Server", &twice);

	r->verify_asked = true;
	if (server == NULL || server[0] == '\0')
		problem(r, 503, "the web server did not tell which address was asked");
	else if (!parent_ask((const char *const[]){ "verify", server, method, r->raw, hash, auth, NULL }, NULL, 0, on_verified, r))
		problem(r, 503, "too many requests at once");
}

bool
who_proves(struct request *r, const char *method, bool all_here)
{
	char hash[WEBAUTH_HEX_MAX];

	if (!r->node || r->route->role == ROLE_NONE)
		return true;
	if (!r->verify_asked) {
		if (r->auth.mac[0] == '\0' && !take_signature(r))
			return false;
		if (r->told_hash[0] == '\0' && !all_here)
			return true;	/* the body first; upload.c has few places for such */
		if (r->told_hash[0] == '\0' && !hash_of_body(r, hash)) {
			problem(r, 503, "no memory");
			return false;
		}
		ask_parent(r, method, r->told_hash[0] != '\0' ? r->told_hash : hash);
		return false;
	}
	if (!r->verified)
		return false;
	/* what was announced is what has come? */
	if (all_here && r->told_hash[0] != '\0' && r->hash != NULL && (!hash_of_body(r, hash) || strcmp(hash, r->told_hash) != 0)) {
		problem(r, 400, "X-Safekit-Body: another body has come");
		return false;
	}
	return true;
}
