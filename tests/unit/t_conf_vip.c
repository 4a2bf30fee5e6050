/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conf/: <farm> and <vip>: what arrives in the struct and in its run form, how many there may be, and which checkers check="on" makes. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libxml/parser.h>
#include "conf/xml.h"

#define DATA	TEST_SRCDIR "/tests/data/conf/"

static struct conf_errors errs;
static struct conf_cluster cluster;
static struct conf_module module;

static void
show(void)
{
	int i;

	for (i = 0; i < errs.count; i++)
		printf("# %c %s:%d: %s\n", errs.e[i].level, errs.e[i].file, errs.e[i].line, errs.e[i].text);
}

static int
parse(const char *text)
{
	return conf_module_parse("x.xml", text, strlen(text), &cluster, &module, &errs);
}

static void
load(const char *text)
{
	if (parse(text) != 0) {
		show();
		fail_msg("refused: %s", text);
	}
}

static bool
says(char level, const char *text)
{
	int i;

	for (i = 0; i < errs.count; i++)
		if (errs.e[i].level == level && strstr(errs.e[i].text, text) != NULL)
			return true;
	show();
	return false;
}

static int
setup(void **state)
{
	return conf_cluster_load(DATA "cluster-two-lans.xml", &cluster, &errs);	/* lans default, repli; nodes node1, node2 */
}

#define MIRROR(x)	"<safe><service mode=\"mirror\"><heart><heartbeat name=\"default\"/></heart>\n" x "</service></safe>"
#define FARM(a, x)	"<safe><service mode=\"farm\"><farm " a "><lan name=\"repli\"/><lan name=\"default\"/></farm>\n" x "</service></safe>"
#define VIP(x)		"<vip><interface_list>" x "</interface_list></vip>"
#define REAL(a)		"<real_interface><virtual_addr " a "/></real_interface>"

/* Every attribute, other than its default */
#define FULL	FARM("port=\"4900\" pulse=\"250\" mlost_count=\"4\" slost_count=\"6\"", \
	"<vip tcpreset=\"off\"><interface_list>" \
	"<interface check=\"off\" arpreroute=\"on\" arpinterval=\"2\" arpelapse=\"3m\" name=\"bond0\">" \
	"<virtual_interface type=\"vmac_invisible\" addr=\"5A:FE:00:00:00:01\"><virtual_addr addr=\"10.0.0.9\" where=\"alias\" check=\"off\" " \
	"netmask=\"255.255.240.0\" connections=\"on\"/><virtual_addr addr=\"web.example\" check=\"off\"/></virtual_interface>" \
	"<virtual_interface><virtual_addr addr=\"fd00::9\" check=\"off\"/></virtual_interface></interface></interface_list>" \
	"<loadbalancing_list><group name=\"web\"><cluster><host name=\"node2\" power=\"256\"/><host name=\"node1\" power=\"0\"/></cluster>" \
	"<rule port=\"80\" proto=\"tcp\" filter=\"on_addr\"/><rule virtual_addr=\"FD00:0::9\" port=\"443\" proto=\"tcp\" filter=\"on_port\"/></group>" \
	"<group name=\"rest\"><rule virtual_addr=\"10.0.0.9\" port=\"*\" proto=\"udp\" filter=\"on_ipid\"/><rule proto=\"arp\" filter=\"on_addr\"/></group>" \
	"</loadbalancing_list></vip>")

static void
test_every_attribute_arrives(void **state)
{
	const struct conf_farm *f = &module.farm;
	const struct conf_vintf *i;
	const struct conf_lb_rule *r;

	load(FULL);
	assert_int_equal(errs.count, 0);
	assert_true(module.has_farm && f->port == 4900 && f->pulse_ms == 250 && f->mlost_count == 4 && f->slost_count == 6);
	assert_int_equal(f->lans_count, 2);
	assert_string_equal(f->lans[0], "repli");
	assert_string_equal(f->lans[1], "default");
	assert_false(module.tcpreset);

	i = module.vintfs;
	assert_int_equal(module.vintfs_count, 2);
	assert_true(i[0].type == VIP_INVISIBLE && i[0].arpreroute && i[0].arpinterval_ms == 2000 && i[0].arpelapse_ms == 180000);
	assert_string_equal(i[0].name, "bond0");
	assert_string_equal(i[0].mac, "5A:FE:00:00:00:01");
	assert_true(i[1].type == VIP_DIRECTED && i[1].arpreroute && i[1].arpinterval_ms == 2000);
	assert_string_equal(i[1].name, "bond0");
	assert_string_equal(i[1].mac, "");

	assert_int_equal(module.vaddrs_count, 3);
	assert_string_equal(module.vaddrs[0].addr, "10.0.0.9");
	assert_true(module.vaddrs[0].intf == 0 && module.vaddrs[0].prefix == 20 && !module.vaddrs[0].one_side && module.vaddrs[0].connections);
	assert_string_equal(module.vaddrs[1].addr, "web.example");
	assert_true(module.vaddrs[1].intf == 0 && module.vaddrs[1].prefix == -1 && !module.vaddrs[1].connections);
	assert_true(module.vaddrs[2].intf == 1);

	assert_int_equal(module.groups_count, 2);
	assert_string_equal(module.groups[0].name, "web");
	assert_int_equal(module.groups[0].hosts_count, 2);
	assert_string_equal(module.groups[0].hosts[0].name, "node2");
	assert_int_equal(module.groups[0].hosts[0].power, 256);
	assert_int_equal(module.groups[0].hosts[1].power, 0);
	assert_int_equal(module.groups[1].hosts_count, 0);
	r = module.lbrules;
	assert_int_equal(module.lbrules_count, 4);
	assert_true(r[0].group == 0 && r[0].proto == LB_TCP && r[0].filter == LB_ON_ADDR && r[0].vaddr == -1 && r[0].port == 80);
	assert_true(r[1].group == 0 && r[1].filter == LB_ON_PORT && r[1].vaddr == 2 && r[1].port == 443);
	assert_true(r[2].group == 1 && r[2].proto == LB_UDP && r[2].filter == LB_ON_IPID && r[2].vaddr == 0 && r[2].port == 0);
	assert_true(r[3].proto == LB_ARP && r[3].port == 0);
	assert_int_equal(module.checks_count, 0);
	conf_module_free(&module);
	assert_int_equal(module.vintfs_count + module.vaddrs_count + module.groups_count + module.lbrules_count, 0);
}

static void
test_defaults(void **state)
{
	load(FARM("", VIP("<interface><virtual_interface type=\"vmac_invisible\"><virtual_addr addr=\"10.0.0.9\"/></virtual_interface></interface>")));
	assert_true(module.farm.port == 0 && module.farm.pulse_ms == 250 && module.farm.mlost_count == 3 && module.farm.slost_count == 4);
	assert_true(module.tcpreset && !module.vintfs[0].arpreroute && !module.vaddrs[0].connections && module.vaddrs[0].prefix == -1);
	assert_true(module.vintfs[0].arpinterval_ms == 60000 && module.vintfs[0].arpelapse_ms == 1200000);
	assert_string_equal(module.vintfs[0].name, "");
	assert_string_equal(module.vintfs[0].mac, "");
	assert_true(says('W', "without <loadbalancing_list>"));
	conf_module_free(&module);

	load(MIRROR(VIP("<interface>" REAL("addr=\"10.0.0.9\" where=\"one_side_alias\"") "<virtual_interface><virtual_addr addr=\"10.0.0.8\" "
	    "where=\"one_side_alias\"/></virtual_interface></interface>")));
	assert_int_equal(errs.count, 0);
	assert_false(module.has_farm);
	assert_int_equal(module.farm.pulse_ms, 250);	/* whole for the run form */
	assert_true(module.vintfs[0].type == VIP_REAL && module.vintfs[1].type == VIP_DIRECTED);
	assert_true(module.vaddrs[0].one_side && module.vaddrs[1].one_side && module.vaddrs[1].intf == 1);
	conf_module_free(&module);

	load(MIRROR(""));
	assert_true(module.tcpreset);
	assert_int_equal(module.vintfs_count + module.vaddrs_count + module.checks_count, 0);
	conf_module_free(&module);

	load("<safe><service mode=\"farm\"><farm><lan><node name=\"a\" addr=\"10.0.0.1\"/><node name=\"b\" addr=\"10.0.0.2\"/></lan></farm></service></safe>");
	assert_int_equal(module.farm.lans_count, 0);
	assert_int_equal(errs.count, 1);
	assert_true(says('W', "the farm uses every lan of the cluster with framework=\"on\""));
	conf_module_free(&module);
}

/* ---- how many ---- */

/* head, n times "row" with a number where % stands, tail */
static char *
repeat(const char *head, const char *row, int n, const char *tail)
{
	size_t room = strlen(head) + strlen(tail) + (size_t)n * (strlen(row) + 16) + 1, len;
	char *text = malloc(room);
	const char *p;
	int i;

	assert_non_null(text);
	len = (size_t)snprintf(text, room, "%s", head);
	for (i = 0; i < n; i++)
		for (p = row; *p != '\0'; p++)
			len += (size_t)(*p == '%' ? snprintf(text + len, room - len, "%d", i) : snprintf(text + len, room - len, "%c", *p));
	snprintf(text + len, room - len, "%s", tail);
	return text;
}

#define LB_HEAD	"<safe><service mode=\"farm\"><farm><lan name=\"default\"/></farm><vip><interface_list><interface check=\"off\"><virtual_interface>" \
	"<virtual_addr check=\"off\" addr=\"10.0.0.9\"/></virtual_interface></interface></interface_list><loadbalancing_list>"
#define LB_TAIL	"</loadbalancing_list></vip></service></safe>"
#define M_HEAD	"<safe><service mode=\"mirror\"><heart><heartbeat name=\"default\"/></heart><vip><interface_list>"
#define M_TAIL	"</interface_list></vip></service></safe>"

static void
test_bounds(void **state)
{
	static const struct { const char *head, *row, *tail; int max; const char *word; } rows[] = {
		{ M_HEAD, "<interface check=\"off\">" REAL("addr=\"a%\"") "</interface>", M_TAIL, CONF_VINTFS_MAX, "one <real_interface> too many: expected at most 8" },
		{ M_HEAD "<interface check=\"off\"><real_interface>", "<virtual_addr addr=\"a%\"/>", "</real_interface></interface>" M_TAIL, CONF_VADDRS_MAX,
		    "one <virtual_addr> too many: expected at most 32" },
		{ LB_HEAD, "<group name=\"g%\"/>", LB_TAIL, CONF_GROUPS_MAX, "one <group> too many: expected at most 32" },
		{ LB_HEAD "<group name=\"a\"><rule proto=\"udp\" filter=\"on_addr\"/></group><group name=\"b\">", "<rule port=\"1%\" proto=\"tcp\" filter=\"on_addr\"/>",
		    "</group>" LB_TAIL, CONF_LBRULES_MAX - 1, "one <rule> too many: expected at most 255 in all groups" },
	};
	char *text, err[256];
	struct conf_module back;
	json_t *obj;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		text = repeat(rows[i].head, rows[i].row, rows[i].max, rows[i].tail);
		load(text);
		obj = conf_module_to_json(&module);
		assert_true(conf_module_from_json(obj, &back, err, sizeof(err)));
		json_decref(obj);
		conf_module_free(&back);
		conf_module_free(&module);
		free(text);
		text = repeat(rows[i].head, rows[i].row, rows[i].max + 1, rows[i].tail);
		assert_int_equal(parse(text), -1);
		assert_true(says('E', rows[i].word));
		free(text);
	}
}

/* ---- checkers ---- */

static const struct conf_network nets[] = {
	{ "lo", "127.0.0.1", 8 },
	{ "eth1", "192.168.1.20", 24 }, { "eth1", "192.168.1.21", 24 }, { "eth1", "fe80::1", 64 },
	{ "eth2", "10.0.0.2", 8 }, { "eth2", "10.1.0.2", 16 }, { "eth2", "10.1.2.9", 32 }, { "eth2", "fd00:1::2", 64 },
	{ "eth3", "10.1.0.3", 16 }, { "eth3", "172.16.5.1", 12 },
};
#define I(ident, intf, addr)	"intf." ident "(pre," intf "," addr ") "
#define A(addr)			"ip." addr "(prim,," addr ") "

static const char *
checks(void)
{
	static char text[2048];
	size_t len = 0;
	int i;

	text[0] = '\0';
	for (i = 0; i < module.checks_count; i++) {
		const struct conf_check *c = &module.checks[i];

		assert_int_equal(c->action, DO_DEFAULT);
		assert_true(c->interval_ms == 10000 && c->timeout_ms == 5000 && strcmp(c->exec, "") == 0 && strcmp(c->arg, "") == 0);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s.%s(%s,%s,%s%s) ", conf_check_classes[c->kind], c->ident, conf_when_names[c->when],
		    c->intf, c->network ? "network of " : "", c->addr);
	}
	return text;
}

static void
test_checkers(void **state)
{
	static const struct { const char *what, *text, *checks, *warning; } rows[] = {
		{ "15.10, 15.11", MIRROR(VIP("<interface>" REAL("addr=\"192.168.1.99\"") "</interface>")), I("192.168.1.0", "eth1", "192.168.1.20") A("192.168.1.99"), NULL },
		{ "off", MIRROR(VIP("<interface check=\"off\">" REAL("addr=\"192.168.1.99\" check=\"off\"") "</interface>")), "", NULL },
		{ "interface only", MIRROR(VIP("<interface check=\"on\">" REAL("addr=\"192.168.1.99\" check=\"off\"") "</interface>")),
		    I("192.168.1.0", "eth1", "192.168.1.20"), NULL },
		{ "address only", MIRROR(VIP("<interface check=\"off\">" REAL("addr=\"192.168.1.99\" check=\"on\"") "</interface>")), A("192.168.1.99"), NULL },
		{ "farm", FARM("", VIP("<interface><virtual_interface><virtual_addr addr=\"192.168.1.99\"/></virtual_interface></interface>")),
		    I("192.168.1.0", "eth1", "192.168.1.20") "ip.192.168.1.99(both,,192.168.1.99) ", NULL },
		{ "our virtual address is set", MIRROR(VIP("<interface>" REAL("addr=\"192.168.1.20\"") "</interface>")),
		    I("192.168.1.0", "eth1", "192.168.1.21") A("192.168.1.20"), NULL },
		{ "narrowest, no single host", MIRROR(VIP("<interface>" REAL("addr=\"10.1.2.9\"") "</interface>")), I("10.1.0.0", "eth2", "10.1.0.2") A("10.1.2.9"), NULL },
		{ "by netmask", MIRROR(VIP("<interface>" REAL("addr=\"10.1.2.3\" netmask=\"255.0.0.0\"") "</interface>")),
		    I("10.0.0.0", "eth2", "10.0.0.2") A("10.1.2.3"), NULL },
		{ "by name", MIRROR(VIP("<interface name=\"eth3\">" REAL("addr=\"10.1.2.3\"") "</interface>")), I("10.1.0.0", "eth3", "10.1.0.3") A("10.1.2.3"), NULL },
		{ "one network of two interfaces", MIRROR(VIP("<interface>" REAL("addr=\"10.1.2.3\" check=\"off\"") "</interface><interface name=\"eth3\">"
		    REAL("addr=\"10.1.2.4\" check=\"off\"") "</interface>")), I("10.1.0.0", "eth2", "10.1.0.2") I("10.1.0.0_eth3", "eth3", "10.1.0.3"), NULL },
		{ "bits within a byte", MIRROR(VIP("<interface>" REAL("addr=\"172.31.255.1\" check=\"off\"") "</interface>")),
		    I("172.16.0.0", "eth3", "172.16.5.1"), NULL },
		{ "two of one network", MIRROR(VIP("<interface><real_interface><virtual_addr addr=\"192.168.1.98\"/><virtual_addr addr=\"192.168.1.99\"/>"
		    "</real_interface></interface>")), I("192.168.1.0", "eth1", "192.168.1.20") A("192.168.1.98") A("192.168.1.99"), NULL },
		{ "two networks", MIRROR(VIP("<interface><real_interface><virtual_addr addr=\"192.168.1.98\" check=\"off\"/><virtual_addr addr=\"fd00:1::9\"/>"
		    "</real_interface></interface>")), I("192.168.1.0", "eth1", "192.168.1.20") I("fd00_1__", "eth2", "fd00:1::2") "ip.fd00_1__9(prim,,fd00:1::9) ", NULL },
		{ "no network", MIRROR(VIP("<interface>" REAL("addr=\"192.168.2.99\"") "</interface>")), "intf.192.168.2.99(pre,,network of 192.168.2.99) "
		    A("192.168.2.99"), "no interface of this server has an address in the network of 192.168.2.99: expected one; the checker intf.192.168.2.99 looks" },
		{ "no network, no checker", MIRROR(VIP("<interface check=\"off\">" REAL("addr=\"192.168.2.99\"") "</interface>")), A("192.168.2.99"),
		    "no interface of this server has an address in the network of 192.168.2.99: expected one, or <interface name=...>" },
		{ "named interface, no checker", MIRROR(VIP("<interface check=\"off\" name=\"eth9\">" REAL("addr=\"192.168.2.99\"") "</interface>")),
		    A("192.168.2.99"), NULL },
		{ "network elsewhere", MIRROR(VIP("<interface name=\"eth9\">" REAL("addr=\"192.168.1.99\"") "</interface>")), I("192.168.1.99", "eth9", "")
		    A("192.168.1.99"), "this server has no interface eth9 with an address in the network of 192.168.1.99: the checker intf.192.168.1.99 watches its link only" },
		{ "name", MIRROR(VIP("<interface>" REAL("addr=\"web.example\"") "</interface>")), "intf.web.example(pre,,network of web.example) " A("web.example"),
		    "network of web.example" },
		{ "user's own names", MIRROR("<check><intf ident=\"192.168.1.0\"><to local_addr=\"10.0.0.2\"/></intf><ip ident=\"192.168.1.99\"><to addr=\"x\"/></ip></check>"
		    VIP("<interface>" REAL("addr=\"192.168.1.99\"") "</interface>")), I("192.168.1.0", "", "10.0.0.2") "ip.192.168.1.99(prim,,x) ", NULL },
		{ "user's under other names", MIRROR("<check><intf ident=\"i\"><to local_addr=\"192.168.1.20\"/></intf><ip ident=\"a\"><to addr=\"192.168.1.99\"/></ip></check>"
		    VIP("<interface>" REAL("addr=\"192.168.1.99\"") "</interface>")), I("i", "", "192.168.1.20") "ip.a(prim,,192.168.1.99) ", NULL },
		{ "user's of another class", MIRROR("<check><ip ident=\"a\" when=\"both\"><to addr=\"192.168.1.99\"/></ip></check>"
		    VIP("<interface check=\"off\">" REAL("addr=\"192.168.1.99\"") "</interface>")), "ip.a(both,,192.168.1.99) " A("192.168.1.99"), NULL },
	};
	size_t i;

	conf_set_networks(nets, ARRAY_LEN(nets));
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		load(rows[i].text);
		if (strcmp(checks(), rows[i].checks) != 0)
			fail_msg("%s: %s, expected %s", rows[i].what, checks(), rows[i].checks);
		if (rows[i].warning != NULL)
			assert_true(says('W', rows[i].warning));
		else if (module.mode == MODE_MIRROR)
			assert_int_equal(errs.count, 0);
		conf_module_free(&module);
	}
	/* who does not know the networks is not told that there are none */
	conf_set_networks(NULL, 0);
	load(MIRROR(VIP("<interface>" REAL("addr=\"192.168.1.99\"") "</interface>")));
	assert_string_equal(checks(), "intf.192.168.1.99(pre,,network of 192.168.1.99) " A("192.168.1.99"));
	assert_int_equal(errs.count, 0);
	conf_module_free(&module);
	/* a server without any */
	conf_set_networks(nets, 0);
	load(MIRROR(VIP("<interface>" REAL("addr=\"192.168.1.99\"") "</interface>")));
	assert_true(says('W', "no interface of this server"));
	conf_module_free(&module);
	conf_set_networks(NULL, 0);
}

/* ---- what is in the templates for those who need it ---- */

static void
test_sections_of_templates(void **state)
{
	static const struct { const char *name; int type, groups; } rows[] = {
		{ "mirror", VIP_REAL, 0 }, { "postgresql", VIP_REAL, 0 }, { "farm", VIP_DIRECTED, 1 }, { "nginx_farm", VIP_DIRECTED, 1 },
	};
	char file[4096], *text, *vip, *end, *whole;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(file, sizeof(file), "%s/engine/modules/%s/conf/userconfig.xml", TEST_SRCDIR, rows[i].name);
		assert_true(path_read(file, &text, 1 << 20) > 0);
		load(text);	/* as it is delivered: without */
		assert_int_equal(module.vaddrs_count, 0);
		conf_module_free(&module);
		vip = strstr(text, "<vip>");
		end = vip != NULL ? strstr(vip, "-->") : NULL;
		assert_non_null(end);
		memset(end, ' ', 3);
		whole = malloc(strlen(text) + 4);
		assert_non_null(whole);
		sprintf(whole, "%.*s-->%s", (int)(vip - text), text, vip);
		load(whole);
		assert_int_equal(errs.count, 0);
		assert_true(module.vaddrs_count == 1 && module.vintfs[0].type == rows[i].type && module.groups_count == rows[i].groups);
		conf_module_free(&module);
		free(whole);
		free(text);
	}
}

/* ---- run form ---- */

static json_t *
full(void)
{
	struct conf_module back;
	json_t *obj, *again;
	char err[256], why[256];

	load(FULL);
	obj = conf_module_to_json(&module);
	if (!conf_module_from_json(obj, &back, err, sizeof(err)))
		fail_msg("%s", err);
	again = conf_module_to_json(&back);
	assert_true(json_equal(obj, again));
	assert_true(conf_module_dynamic(&module, &back, why, sizeof(why)));
	assert_memory_equal(&back.farm, &module.farm, sizeof(back.farm));
	assert_memory_equal(back.vintfs, module.vintfs, 2 * sizeof(*back.vintfs));
	assert_memory_equal(back.lbrules, module.lbrules, 4 * sizeof(*back.lbrules));
	assert_memory_equal(back.groups[0].hosts, module.groups[0].hosts, 2 * sizeof(*back.groups[0].hosts));
	assert_string_equal(back.vaddrs[1].addr, "web.example");
	json_decref(again);
	conf_module_free(&back);
	conf_module_free(&module);
	return obj;
}

static void
test_run_form(void **state)
{
	static const struct { const char *list; int at; const char *member, *json; } rows[] = {	/* list NULL: a member of the module */
		{ NULL, 0, "has_farm", "1" }, { NULL, 0, "farm_port", "65536" }, { NULL, 0, "farm_pulse_ms", "9" }, { NULL, 0, "farm_mlost_count", "0" },
		{ NULL, 0, "farm_slost_count", "1001" }, { NULL, 0, "tcpreset", "\"on\"" }, { NULL, 0, "farm_lans", "{}" }, { NULL, 0, "farm_lans", "[1]" },
		{ NULL, 0, "farm_lans", "[\"a b\"]" }, { NULL, 0, "farm_lans", "[\"a\\u0000\"]" },
		{ NULL, 0, "farm_lans", "[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]" },
		{ "vintfs", 0, "type", "\"virtual\"" }, { "vintfs", 0, "name", "1" }, { "vintfs", 0, "mac", "\"5a:fe:00:00:00\"" },
		{ "vintfs", 0, "mac", "\"01:fe:00:00:00:01\"" }, { "vintfs", 0, "mac", "null" }, { "vintfs", 1, "arpreroute", "0" },
		{ "vintfs", 0, "arpinterval_ms", "0" }, { "vintfs", 0, "arpelapse_ms", "-1" }, { "vintfs", 0, "more", "1" },
		{ "vaddrs", 0, "intf", "2" }, { "vaddrs", 0, "intf", "-1" }, { "vaddrs", 1, "addr", "\"\"" }, { "vaddrs", 1, "prefix", "33" },
		{ "vaddrs", 1, "prefix", "-2" }, { "vaddrs", 2, "one_side", "null" }, { "vaddrs", 2, "connections", "\"\"" },
		{ "groups", 0, "name", "\"\"" }, { "groups", 0, "hosts", "{}" }, { "groups", 1, "hosts", "[{\"name\":\"a\"}]" },
		{ "groups", 1, "hosts", "[{\"name\":\"a\",\"power\":257}]" }, { "groups", 1, "hosts", "[{\"name\":\"\",\"power\":1}]" }, { "groups", 0, "x", "1" },
		{ "lbrules", 0, "group", "2" }, { "lbrules", 0, "group", "-1" }, { "lbrules", 0, "proto", "\"icmp\"" }, { "lbrules", 0, "filter", "0" },
		{ "lbrules", 0, "vaddr", "3" }, { "lbrules", 0, "vaddr", "-2" }, { "lbrules", 0, "port", "65536" },
	};
	json_t *root = full(), *copy, *obj, *wrong;
	char err[256];
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows) * 2; i++) {
		const char *list = rows[i / 2].list, *member = rows[i / 2].member;

		copy = json_deep_copy(root);
		obj = list == NULL ? copy : json_array_get(json_object_get(copy, list), (size_t)rows[i / 2].at);
		wrong = json_loads(rows[i / 2].json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		assert_non_null(wrong);
		if (i % 2 == 0)
			json_object_set(obj, member, wrong);
		else if (json_object_del(obj, member) == -1)
			json_object_clear(obj);
		json_decref(wrong);
		err[0] = '\0';
		if (conf_module_from_json(copy, &module, err, sizeof(err)))
			fail_msg("%s: %s: %s is taken", list != NULL ? list : "", member, i % 2 == 0 ? rows[i / 2].json : "nothing");
		assert_non_null(strstr(err, "expected"));
		if (list != NULL)
			assert_non_null(strstr(err, list));
		json_decref(copy);
	}
	json_decref(root);
}

static void
test_run_form_is_bounded(void **state)
{
	static const struct { const char *list; int max; } rows[] = {
		{ "vintfs", CONF_VINTFS_MAX }, { "vaddrs", CONF_VADDRS_MAX }, { "groups", CONF_GROUPS_MAX }, { "lbrules", CONF_LBRULES_MAX }, { "hosts", SK_NODES_MAX },
	};
	json_t *root, *list, *item;
	char err[256];
	size_t i, n;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		root = full();
		list = json_object_get(strcmp(rows[i].list, "hosts") == 0 ? json_array_get(json_object_get(root, "groups"), 0) : root, rows[i].list);
		item = json_array_get(list, 0);
		for (n = json_array_size(list); n < (size_t)rows[i].max; n++)
			json_array_append(list, item);
		assert_true(conf_module_from_json(root, &module, err, sizeof(err)));
		conf_module_free(&module);
		json_array_append(list, item);
		assert_false(conf_module_from_json(root, &module, err, sizeof(err)));
		assert_non_null(strstr(err, "at most"));
		json_decref(root);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_attribute_arrives),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_checkers),
		cmocka_unit_test(test_sections_of_templates),
		cmocka_unit_test(test_run_form),
		cmocka_unit_test(test_run_form_is_bounded),
	};
	int rc;

	conf_failover_file(TEST_SRCDIR "/engine/conf/failover.xml");
	cmocka_set_message_output(CM_OUTPUT_TAP);
	rc = cmocka_run_group_tests(tests, setup, NULL);
	xmlCleanupParser();
	return rc;
}
