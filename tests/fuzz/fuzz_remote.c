/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What others can send to safekit -H, to its other side, and to the module checker.  The first byte chooses: the line Authorization, a sealed
 * file, a list of servers, httpd.conf, the answer about a module.
 */
#include "config.h"
#include "check/far.h"
#include "cli/remote.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

/* What is understood has the three parts, and says the same when it is written again */
static void
authorization(const char *text)
{
	struct webauth told, again;
	char line[WEBAUTH_HEADER_MAX];

	if (!webauth_parse(text, &told))
		return;
	must(strlen(told.keyid) == 8 && strlen(told.mac) == 64 && strlen(told.nonce) >= WEBAUTH_NONCE_MIN);
	must(path_format(line, sizeof(line), "SafeKit keyid=%s, nonce=%s, mac=%s", told.keyid, told.nonce, told.mac));
	must(webauth_parse(line, &again) && memcmp(&told, &again, sizeof(told)) == 0);
}

/* Nothing that we have not sealed opens; what we have sealed does, and not with one bit changed */
static void
sealed(const uint8_t *data, size_t size)
{
	struct webauth_keys keys = { .n = 1 };
	uint8_t *out = malloc(size + WEBAUTH_SEAL_MORE + 1), *box = malloc(size + WEBAUTH_SEAL_MORE);
	char err[256];
	size_t len, n;

	must(out != NULL && box != NULL && webauth_keyid(keys.key[0].key, keys.key[0].id));
	must(!webauth_open(&keys, "cluster", data, size, out, &len, err, sizeof(err)) && err[0] != '\0');
	must((n = webauth_seal(keys.key[0].key, "cluster", data, size, box)) == size + WEBAUTH_SEAL_MORE);
	must(webauth_open(&keys, "cluster", box, n, out, &len, err, sizeof(err)) && len == size && memcmp(out, data, size) == 0);
	box[size > 0 ? data[0] % n : 0] ^= 1;
	must(!webauth_open(&keys, "cluster", box, n, out, &len, err, sizeof(err)));
	free(out);
	free(box);
}

/* Each server of a list has a url of one line, once */
static void
servers(const char *text)
{
	static const struct conf_web web = { false, 9010, 9453 };
	static struct conf_cluster cluster = { .nodes_count = 2, .nodes = { "n1", "n2" }, .lans_count = 1,
	    .lans = { { .console = true, .count = 2, .at = { { .node = 0, .addr = "10.0.0.1" }, { .node = 1, .addr = "fd00::2" } } } } };
	static struct remote_list list;
	char err[1024] = "";

	if (!remote_list_parse(text, &cluster, &web, &list, err, sizeof(err))) {
		must(err[0] != '\0');
		return;
	}
	must(list.n > 0 && list.n <= REMOTE_MAX);
	for (int i = 0; i < list.n; i++) {
		must(strncmp(list.at[i].url, "http", 4) == 0 && strpbrk(list.at[i].url, " \t\r\n@?#") == NULL);
		for (int k = 0; k < i; k++)
			must(strcmp(list.at[i].url, list.at[k].url) != 0);
	}
}

static void
httpd_conf(const char *text)
{
	struct conf_web web = { false, 9010, 9453 };

	conf_web_parse(text, &web);
	must(web.http_port != 0 && web.https_port != 0);
}

static void
module(const char *text, size_t len)
{
	struct other_sight sight, before = { 0 };
	char err[SK_TEXT_MAX] = "";
	const char *why;
	bool stopstart;

	if (!far_parse(text, len, &sight, err, sizeof(err))) {
		must(err[0] != '\0' && !sight.exists);
		return;
	}
	must(other_judge(&before, &sight, &stopstart, &why) <= OTHER_UNKNOWN && !stopstart);	/* seen once: nothing to compare with */
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 1 || (text = malloc(size)) == NULL)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] % 5) {
	case 0:
		authorization(text);
		break;
	case 1:
		sealed(data + 1, size - 1);
		break;
	case 2:
		servers(text);
		break;
	case 3:
		httpd_conf(text);
		break;
	default:
		module(text, size - 1);
	}
	free(text);
	return 0;
}
