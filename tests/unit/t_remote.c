/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/remote_list.c, conf/web.c: whom -H means; ports of httpd.conf. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "cli/remote.h"

static struct conf_cluster cluster;
static const struct conf_web plain = { false, 9010, 9453 }, tls = { true, 9010, 9453 }, moved = { true, 8010, 8453 };

static void
add_lan(bool console, const char *const addr[3])
{
	struct conf_lan *l = &cluster.lans[cluster.lans_count++];

	l->console = console;
	for (int i = 0; i < 3; i++)
		if (addr[i] != NULL) {
			l->at[l->count].node = i;
			str_copy(l->at[l->count++].addr, sizeof(l->at[0].addr), addr[i]);
		}
}

static void
make_cluster(void)
{
	memset(&cluster, 0, sizeof(cluster));
	cluster.nodes_count = 3;
	for (int i = 0; i < 3; i++)
		(void)path_format(cluster.nodes[i], SK_NAME_MAX, "n%d", i + 1);
	add_lan(false, (const char *const[]){ "192.168.0.1", "192.168.0.2", NULL });
	add_lan(true, (const char *const[]){ "10.0.0.1", "fd00::2", "host3.example" });
}

static void
expect(const char *text, const struct conf_cluster *c, const struct conf_web *web, const char *expected)
{
	static struct remote_list list;
	char err[1024] = "", got[4096] = "";

	if (remote_list_parse(text, c, web, &list, err, sizeof(err)))
		for (int i = 0; i < list.n; i++) {
			size_t at = strlen(got);

			snprintf(got + at, sizeof(got) - at, "%s%s%s%s", i > 0 ? " " : "", list.at[i].name, list.at[i].name[0] != '\0' ? "=" : "",
			    list.at[i].url);
		}
	else
		snprintf(got, sizeof(got), "! %s", err);
	if (expected[0] == '!' ? strstr(got, expected) == NULL : strcmp(got, expected) != 0)
		fail_msg("\"%s\": got \"%s\", expected \"%s\"", text, got, expected);
}

/* The examples of the guide, 9.1 and 10.5 */
static void
test_guide(void **state)
{
	make_cluster();
	expect("http://192.168.0.2:9010,http://192.168.0.3:9010", NULL, &plain, "http://192.168.0.2:9010 http://192.168.0.3:9010");
	expect("*", &cluster, &plain, "n1=http://10.0.0.1:9010 n2=http://[fd00::2]:9010 n3=http://host3.example:9010");
	expect("*", &cluster, &tls, "n1=https://10.0.0.1:9453 n2=https://[fd00::2]:9453 n3=https://host3.example:9453");
	expect("[http],*", &cluster, &tls, "n1=http://10.0.0.1:9010 n2=http://[fd00::2]:9010 n3=http://host3.example:9010");
	expect("[https:9500],n1,n3", &cluster, &plain, "n1=https://10.0.0.1:9500 n3=https://host3.example:9500");
	expect("[http:9011],*", &cluster, &moved, "n1=http://10.0.0.1:9011 n2=http://[fd00::2]:9011 n3=http://host3.example:9011");
	expect("https://server1:9453,https://server2:9453", NULL, &plain, "https://server1:9453 https://server2:9453");
}

static void
test_words(void **state)
{
	make_cluster();
	expect("n2", &cluster, &moved, "n2=https://[fd00::2]:8453");
	expect("n2,n1", &cluster, &plain, "n2=http://[fd00::2]:9010 n1=http://10.0.0.1:9010");
	expect(" n1 ,\n# n2 rests, http://x\n[https]\tn3,", &cluster, &plain, "n1=http://10.0.0.1:9010 n3=https://host3.example:9453");
	expect("[https],n1,[http:80],n2", &cluster, &plain, "n1=https://10.0.0.1:9453 n2=http://[fd00::2]:80");
	expect("http://a,https://b/,http://[::1]:99/", NULL, &moved, "http://a:8010 https://b:8453 http://[::1]:99");
	cluster.lans[1].console = false;	/* nowhere on: the lan of commands, and for who is not in it any other */
	cluster.lans[0].command = true;
	expect("*", &cluster, &plain, "n1=http://192.168.0.1:9010 n2=http://192.168.0.2:9010 n3=http://host3.example:9010");
}

static void
test_refused(void **state)
{
	static const struct { const char *text, *expected; } rows[] = {
		{ "", "! no server" }, { " ,,\n", "! no server" }, { "# n1", "! no server" }, { "[http]", "! no server" },
		{ "n4", "! \"n4\": expected a url as http://10.0.0.1:9010, \"*\", or a node of cluster.xml: n1, n2, n3" },
		{ "10.0.0.1", "! \"10.0.0.1\": expected" }, { "N1", "! \"N1\"" }, { "n1;n2", "! \"n1;n2\"" },
		{ "n1,n1", "! n1 twice" }, { "*,n2", "! n2 twice" }, { "n1,http://10.0.0.1", "! http://10.0.0.1:9010 twice" },
		{ "[ftp],n1", "! expected the protocol http or https" }, { "[],n1", "! expected [http]" }, { "[http:0],n1", "! expected a port" },
		{ "[http:65536],n1", "! expected a port" }, { "[http:80x],n1", "! expected a port" }, { "[http,n1", "! expected [http]" },
		{ "[httpsx],n1", "! expected the protocol" }, { "[https80],n1", "! expected a port" },
		{ "ftp://a", "! expected the protocol" }, { "http://", "! expected an IPv4" }, { "http://a:", "! expected a port" },
		{ "http://a:99999", "! expected a port" }, { "http://a:80:80", "! expected nothing" }, { "http://a/x", "! expected nothing" },
		{ "http://u:p@a:80", "! expected" }, { "http://a?x", "! expected an IPv4" }, { "http://a b", "! \"b\"" },
		{ "http://[::1", "! expected an address" }, { "http://[x]:1", "! expected an IPv4" }, { "http://::1", "! expected an IPv4" },
		{ "http:/a", "! expected" }, { "http://a\x01", "! expected an IPv4" }, { "https://\xc3\xa9", "! expected an IPv4" },
	};
	char longest[2 * WEBCALL_URL_MAX], many[REMOTE_MAX * 20] = "";

	make_cluster();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char want[256];

		/* what follows "!" is somewhere in the text */
		str_copy(want, sizeof(want), rows[i].expected);
		if (strncmp(want, "! expected", 10) == 0) {
			static struct remote_list list;
			char err[1024] = "";

			assert_false(remote_list_parse(rows[i].text, &cluster, &plain, &list, err, sizeof(err)));
			if (strstr(err, want + 2) == NULL)
				fail_msg("\"%s\": got \"%s\", expected \"%s\" in it", rows[i].text, err, want + 2);
		} else {
			expect(rows[i].text, &cluster, &plain, want);
		}
	}
	expect("n1", NULL, &plain, "! \"n1\": this server has no cluster configuration");
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "http://", 7);
	longest[sizeof(longest) - 1] = '\0';
	expect(longest, NULL, &plain, "! \"http://aaaa");
	for (int i = 0; i <= REMOTE_MAX; i++) {
		size_t at = strlen(many);

		snprintf(many + at, sizeof(many) - at, "http://a:%d,", i + 1);
	}
	expect(many, NULL, &plain, "! more than 128 servers");
}

static void
test_httpd_conf(void **state)
{
	static const struct { const char *text; uint16_t http, https; } rows[] = {
		{ "", 9010, 9453 },
		{ "Define httpadminport 9011\nDefine httpsport 9500\n", 9011, 9500 },
		{ "# Define httpadminport 1\n\tdefine  httpadminport\t80", 80, 9453 },
		{ "Define httpadminport \"8080\"\r\nDefine httpsports 1\nDefine xhttpsport 1\n", 8080, 9453 },
		{ "Define httpadminport\nDefine httpsport 70000\nDefine\nDefined httpsport 1\n", 9010, 9453 },
		{ "Define httpadminport 1\nDefine httpadminport 2", 2, 9453 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct conf_web web = plain;

		conf_web_parse(rows[i].text, &web);
		if (web.http_port != rows[i].http || web.https_port != rows[i].https)
			fail_msg("row %zu: got %u and %u", i, web.http_port, web.https_port);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guide), cmocka_unit_test(test_words), cmocka_unit_test(test_refused), cmocka_unit_test(test_httpd_conf),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
