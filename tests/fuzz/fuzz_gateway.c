/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_gateway: any bytes as what a client sends to safewebgate: "METHOD URI NUL BODY"; by the first byte also an Origin with a Host, a user, a number
 * to sign, an event's id, or a datagram between the two processes.
 * Aborts where the contract is broken: a refusal without a reason, or with a status that is not 4xx; a value that is not what the table says; a
 * user that looks like an option.
 */
#include "config.h"
#include "web/gateway/gateway.h"
#include "web/gateway/handlers.h"
#include "web/gateway/who.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STUB(name) void name(struct request *r) { }
HANDLERS(STUB)

static void
refused(unsigned status, const char *err)
{
	if (status < 400 || status > 499 || err[0] == '\0')
		abort();
}

/* What came through is what the handlers rely on */
static void
values(const struct route *r, const json_t *args)
{
	const struct param *p;

	for (p = r->params; p != NULL && p->type != P_END; p++) {
		const json_t *v = json_object_get(args, p->name);
		const char *s = json_string_value(v);

		if (v == NULL && p->required)
			abort();
		if (v == NULL)
			continue;
		if (p->type == P_INT ? !json_is_integer(v) || json_integer_value(v) < p->min || json_integer_value(v) > p->max
		    : p->type == P_BOOL ? !json_is_boolean(v) : p->type == P_ARGV ? json_array_size(v) < 1 || json_array_size(v) > ARGV_MAX : s == NULL)
			abort();
		if (s != NULL && ((p->type != P_RESOURCE && p->type != P_TEXT && s[0] == '-') || strlen(s) > URI_MAX))
			abort();
		if (p->type == P_PATH && (strstr(s, "..") != NULL || s[0] == '/'))
			abort();
	}
}

static void
request(const char *text, size_t len)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "DELETE", "HEAD", "PATCH" };
	const char *uri = text + 1, *body;
	char err[256] = "", allow[64];
	const struct route *r;
	unsigned status = 400;
	struct uri u;
	json_t *args;

	if (!uri_parse(uri, &u, err, sizeof(err))) {
		refused(400, err);
		return;
	}
	r = route_find(methods[(uint8_t)text[0] % ARRAY_LEN(methods)], &u, 0, &status, allow, sizeof(allow));
	if (r == NULL) {
		refused(status, "no route");
		return;
	}
	args = route_params(r, &u, 0, &status, err, sizeof(err));
	if (args == NULL) {
		refused(status, err);
		return;
	}
	body = uri + strlen(uri) < text + len ? uri + strlen(uri) + 1 : text + len;
	if (r->body == BODY_JSON && !route_body(r, body, (size_t)(text + len - body), args, &status, err, sizeof(err)))
		refused(status, err);
	else
		values(r, args);
	json_decref(args);
}

static void
who(const char *text, const char *end)
{
	const char *other = text + strlen(text) < end ? text + strlen(text) + 1 : end;
	char buf[SK_NAME_MAX];
	uint64_t seq;

	(void)origin_fits(text, other);
	if (strlen(other) < 47)
		who_text(text, other, buf, sizeof(buf));
	else
		who_text(text, "unknown", buf, sizeof(buf));
	if (buf[0] == '-' || strncmp(buf, "\xe2\x80\x93", 3) == 0 || strchr(buf, '@') == NULL)
		abort();
	if (nonce_good(text, 1000) || nonce_use(text, 1000))
		abort();	/* whoever finds this has broken HMAC */
	(void)ring_after(text, &seq);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct talk t;
	char *text;

	if (size < 2)
		return 0;
	text = calloc(1, size + 1);
	if (text == NULL)
		return 0;
	memcpy(text, data + 1, size - 1);
	if (data[0] % 4 == 0) {
		who(text, text + size - 1);
	} else if (data[0] % 4 == 1) {
		memcpy(t.buf, text, size < sizeof(t.buf) ? size : sizeof(t.buf));
		if (talk_split(&t, size < sizeof(t.buf) ? size : sizeof(t.buf)) && (t.words < 1 || t.words > TALK_WORDS))
			abort();
	} else {
		request(text, size - 1);
	}
	free(text);
	return 0;
}
