/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conf/: <check>, <errd>, <failover>, <vhost>, <farm>, <vip>, <rfs>: what is refused and why, what arrives in the struct and in its run form,
 * where rules begin, what a running module can take, and how long a full file takes. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <libxml/parser.h>
#include "conf/xml.h"

#define DATA	TEST_SRCDIR "/tests/data/conf/"
#define DEFAULT	TEST_SRCDIR "/engine/conf/failover.xml"

static struct conf_errors errs;
static struct conf_cluster cluster;
static struct conf_module module, other;

static void
show(void)
{
	int i;

	for (i = 0; i < errs.count; i++)
		printf("# %c %s:%d: %s\n", errs.e[i].level, errs.e[i].file, errs.e[i].line, errs.e[i].text);
}

static int
load_cluster(void **state)
{
	return conf_cluster_load(DATA "cluster-two-lans.xml", &cluster, &errs);	/* lans default, repli; nodes node1, node2 */
}

static int
parse(const char *text, struct conf_module *m)
{
	return conf_module_parse("x.xml", text, strlen(text), &cluster, m, &errs);
}

static bool
says(char level, int line, const char *text)
{
	int i;

	for (i = 0; i < errs.count; i++)
		if (errs.e[i].level == level && errs.e[i].line == line && strstr(errs.e[i].text, text) != NULL)
			return true;
	return false;
}

#define LIGHT(x)	"<safe><service mode=\"light\">\n" x "</service></safe>"
#define MIRROR(x)	"<safe><service mode=\"mirror\"><heart><heartbeat name=\"default\"/></heart>\n" x "</service></safe>"
#define FARM(x)		"<safe><service mode=\"farm\"><farm><lan name=\"default\"/></farm>\n" x "</service></safe>"
#define FARM_(a)	"<safe><service mode=\"farm\">\n<farm " a "><lan name=\"default\"/></farm></service></safe>"
#define CHECK(x)	MIRROR("<check>" x "</check>")
#define TCP(a, b)	"<tcp ident=\"a\" when=\"prim\" " a "><to addr=\"x\" port=\"1\" " b "/></tcp>"
#define ERRD(x)		MIRROR("<user/><errd>" x "</errd>")
#define PROC(a)		"<proc name=\"p\" class=\"prim\" " a "/>"
#define RFS(a, x)	MIRROR("<rfs " a "><replicated dir=\"/a\"/>" x "</rfs>")
#define VIP(x)		"<vip><interface_list><interface>" x "</interface></interface_list></vip>"
#define REAL(a)		MIRROR(VIP("<real_interface><virtual_addr " a "/></real_interface>"))
#define LB(x)		FARM("<vip><interface_list><interface><virtual_interface><virtual_addr addr=\"10.0.0.9\"/></virtual_interface></interface>" \
			"</interface_list><loadbalancing_list>" x "</loadbalancing_list></vip>")

static const struct rule { const char *what, *text; char level; int line; const char *word; } rules[] = {
	{ "ident twice", CHECK(TCP("", "") "\n" TCP("", "")), 'E', 3, "resource tcp.a again: expected each <tcp> to have its own ident" },
	{ "no to", CHECK("<tcp ident=\"a\" when=\"prim\"/>"), 'E', 2, "<tcp> lacks <to>" },
	{ "two to", CHECK("<ip ident=\"a\"><to addr=\"x\"/><to addr=\"y\"/></ip>"), 'E', 2, "<to> again in <ip>" },
	{ "tcp without when", CHECK("<tcp ident=\"a\"><to addr=\"x\" port=\"1\"/></tcp>"), 'E', 2, "<tcp> lacks the attribute when" },
	{ "tcp when", CHECK("<tcp ident=\"a\" when=\"sec\"><to addr=\"x\" port=\"1\"/></tcp>"), 'E', 2, "expected one of pre, prim, second, both" },
	{ "intf when", CHECK("<intf ident=\"a\" when=\"prim\"><to local_addr=\"::1\"/></intf>"), 'E', 2, "expected pre" },
	{ "action", CHECK(TCP("action=\"reboot\"", "")), 'E', 2, "expected one of wait, restart, stopstart, stop, swap, noaction" },
	{ "port 0", CHECK("<tcp ident=\"a\" when=\"prim\"><to addr=\"x\" port=\"0\"/></tcp>"), 'E', 2, "a number from 1 to 65535" },
	{ "port -1", CHECK("<tcp ident=\"a\" when=\"prim\"><to addr=\"x\" port=\"-1\"/></tcp>"), 'E', 2, "port=\"-1\" of <to>" },
	{ "address", CHECK("<ping ident=\"a\"><to addr=\"10.0.0.256\"/></ping>"), 'E', 2, "an IPv4 or IPv6 address or a host name" },
	{ "address with blank", CHECK("<ping ident=\"a\"><to addr=\"a b\"/></ping>"), 'E', 2, "addr=\"a b\" of <to>" },
	{ "interval", CHECK(TCP("", "interval=\"99ms\"")), 'E', 2, "expected a duration from 100ms to 1d (units ms, s, m, h, d; without one: s)" },
	{ "timeout", CHECK(TCP("", "timeout=\"2h\"")), 'E', 2, "expected a duration from 10ms to 1h" },
	{ "local_addr", CHECK("<intf ident=\"a\"><to local_addr=\"eth0\"/></intf>"), 'E', 2, "local_addr=\"eth0\" of <to>: expected an IPv4 or IPv6" },
	{ "intf", CHECK("<intf ident=\"a\" intf=\"a/b\"><to local_addr=\"::1\"/></intf>"), 'E', 2, "intf=\"a/b\" of <intf>" },
	{ "ident", CHECK("<ip ident=\"a b\"><to addr=\"x\"/></ip>"), 'E', 2, "ident=\"a b\" of <ip> is not a name" },
	{ "long ident", CHECK("<ping ident=\"a2345678901234567890123456789012345678901234567890123456789012\" action=\"wait\"><to addr=\"x\"/></ping>"),
	    'E', 2, "at most 61 characters" },
	{ "exec empty", CHECK("<custom ident=\"a\" when=\"pre\" exec=\" \"/>"), 'E', 2, "exec of <custom> is empty" },
	{ "arg quote", CHECK("<custom ident=\"a\" when=\"pre\" exec=\"x\" arg=\"it's one 'two words'\"/>"), 'E', 2, "a quote is not closed" },
	{ "no exec", CHECK("<custom ident=\"a\" when=\"pre\"/>"), 'E', 2, "<custom> lacks the attribute exec" },
	{ "module twice", CHECK("<module name=\"m\"/>\n<module name=\"m\"><to addr=\"127.0.0.1\"/></module>"), 'E', 3, "resource module.m_127.0.0.1 again" },
	{ "module ident", CHECK("<module name=\"m\" ident=\"i\"><to addr=\"a\"/>\n<to addr=\"b\"/></module>"), 'E', 3, "has several <to>" },
	{ "prim in light", LIGHT("<check>" TCP("", "") "</check>"), 'W', 2, "<tcp> of class prim never starts in a light module" },
	{ "ip in farm", FARM("<check><ip ident=\"a\"><to addr=\"x\"/></ip></check>"), 'W', 2, "<ip> of class prim never starts in a farm module" },
	{ "proc in light", LIGHT("<user/><errd>" PROC("") "</errd>"), 'W', 2, "<proc> of class prim never starts" },
	{ "two splitbrains", CHECK("<splitbrain ident=\"a\" exec=\"ping\" arg=\"x\"/>\n<splitbrain ident=\"b\" exec=\"ping\" arg=\"x\"/>"), 'E', 3,
	    "<splitbrain> again" },
	{ "splitbrain exec", CHECK("<splitbrain ident=\"a\" exec=\"arp\" arg=\"x\"/>"), 'E', 2, "exec=\"arp\" of <splitbrain>: expected ping" },
	{ "no witness", CHECK("<splitbrain ident=\"a\" exec=\"ping\" arg=\" \"/>"), 'E', 2, "names 0 witnesses: expected 1 to 16" },
	{ "bad witness", CHECK("<splitbrain ident=\"a\" exec=\"ping\" arg=\"x 1.2.3\"/>"), 'E', 2, "\"1.2.3\" is not an address" },
	{ "splitbrain light", LIGHT("<check><splitbrain ident=\"a\" exec=\"ping\" arg=\"x\"/></check>"), 'E', 2, "<splitbrain> is for a mirror module" },
	{ "unknown checker", CHECK("<http/>"), 'E', 2, "unknown tag <http> in <check>; known there: <tcp>, <ping>, <intf>, <ip>, <custom>, <module>, "
	    "<splitbrain>" },

	{ "errd without user", LIGHT("<errd/>"), 'W', 2, "<errd> requires <user/>" },
	{ "proc twice", ERRD(PROC("") "\n" PROC("")), 'E', 3, "resource proc.p again" },
	{ "proc without class", ERRD("<proc name=\"p\"/>"), 'E', 2, "<proc> lacks the attribute class" },
	{ "proc name", ERRD("<proc name=\"a b\" class=\"prim\"/>"), 'E', 2, "say it with nameregex" },
	{ "nameregex", ERRD(PROC("nameregex=\"(a\"")), 'E', 2, "expected a POSIX extended regular expression" },
	{ "argregex", ERRD(PROC("argregex=\"[a\"")), 'E', 2, "argregex=\"[a\" of <proc>" },
	{ "regex of gigabytes", ERRD(PROC("argregex=\"((a{1,255}){1,255}){1,255}\"")), 'E', 2, "repeats too much" },
	{ "regex doubled", ERRD(PROC("argregex=\"(((((((((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+\"")), 'E', 2, "repeats too much" },
	{ "regex counted", ERRD(PROC("argregex=\"a{1,1001}\"")), 'E', 2, "at most 1000 in one {}" },
	{ "regex usual", ERRD(PROC("argregex=\"^([0-9]{1,3}[.]){3}[0-9]+ (x|y)+ a{2,}$\" action=\"noaction\" atleast=\"-1\"")), 'W', 2, "neither" },
	{ "service with regex", ERRD(PROC("service=\"yes\" argregex=\"a\"")), 'E', 2, "has a regular expression" },
	{ "handler", ERRD(PROC("action=\"handler\"")), 'E', 2, "a new class name for the handler (user's guide 13.9)" },
	{ "swap", ERRD(PROC("action=\"swap\"")), 'E', 2, "action=\"swap\" of <proc> is a handler" },
	{ "atleast", ERRD(PROC("atleast=\"-2\"")), 'E', 2, "a number from -1 to" },
	{ "atmax", ERRD(PROC("atleast=\"3\" atmax=\"2\"")), 'E', 2, "less than atleast" },
	{ "no criterion", ERRD(PROC("atleast=\"-1\"")), 'W', 2, "neither atleast nor atmax" },
	{ "polltimer", MIRROR("<user/><errd polltimer=\"0\"/>"), 'E', 2, "expected a duration from 1s to 1h" },

	{ "extends", LIGHT("<failover extends=\"on\"/>"), 'E', 2, "expected one of yes, no" },
	{ "period", LIGHT("<failover period=\"99\"/>"), 'E', 2, "expected a duration from 100ms to 1h" },
	{ "handle_time", LIGHT("<failover period=\"4s\" handle_time=\"15s\"/>"), 'E', 2, "handle_time of <failover> is 15000 ms with a period of 4000 ms" },
	{ "handle_time alone", LIGHT("<failover handle_time=\"7s\"/>"), 'E', 2, "expected a multiple" },
	{ "handle_time 0", LIGHT("<failover handle_time=\"0\"/>"), 'E', 2, "handle_time=\"0\" of <failover>" },
	{ "tag in rules", LIGHT("<failover><a/></failover>"), 'E', 2, "unknown tag <a> in <failover>" },

	{ "envfile", LIGHT("<vhost><virtualhostname name=\"v\" envfile=\"../x\"/></vhost>"), 'E', 2, "leaves the module's folder" },
	{ "envfile inside", LIGHT("<vhost><virtualhostname name=\"v\" envfile=\"a/../../x\"/></vhost>"), 'E', 2, "leaves the module's folder" },
	{ "envfile twice", LIGHT("<vhost><virtualhostname name=\"v\" envfile=\"x\"/>\n<virtualhostname name=\"w\" envfile=\"x\"/></vhost>"), 'E', 3, "again" },
	{ "vhost when", LIGHT("<vhost><virtualhostname name=\"v\" envfile=\"x\" when=\"pre\"/></vhost>"), 'E', 2, "expected one of prim, second, both" },
	{ "vhost name", LIGHT("<vhost><virtualhostname name=\"a b\" envfile=\"x\"/></vhost>"), 'E', 2, "is not a name" },
	{ "vhost empty", LIGHT("<vhost/>"), 'E', 2, "<vhost> lacks <virtualhostname>" },

	{ "farm heart", FARM("<heart><heartbeat name=\"default\"/></heart>"), 'W', 2, "<heart> has no effect in a farm module" },
	{ "farm in mirror", MIRROR("<farm><lan name=\"default\"/></farm>"), 'E', 2, "expected it only with mode=\"farm\"" },
	{ "lan", "<safe><service mode=\"farm\"><farm>\n<lan name=\"net9\"/></farm></service></safe>", 'E', 2, "lan \"net9\" of <lan> is not in the cluster" },
	{ "lan twice", "<safe><service mode=\"farm\"><farm><lan name=\"repli\"/>\n<lan name=\"repli\"/></farm></service></safe>", 'E', 2, "lan \"repli\" again" },
	{ "old lan", "<safe><service mode=\"farm\">\n<farm><lan><node name=\"a\" addr=\"1.2.3.4\"/></lan></farm></service></safe>", 'W', 2, "every lan of the "
	    "cluster" },
	{ "old and new", "<safe><service mode=\"farm\"><farm><lan><node name=\"a\" addr=\"1.2.3.4\"/></lan>\n<lan name=\"repli\"/></farm></service></safe>",
	    'E', 2, "before 7.2" },
	{ "lan without name", "<safe><service mode=\"farm\"><farm>\n<lan/></farm></service></safe>", 'E', 2, "<lan> lacks the attribute name" },
	{ "no farm", "<safe>\n<service mode=\"farm\"/></safe>", 'E', 2, "a farm module lacks <farm>" },
	{ "farm port", FARM_("port=\"65536\""), 'E', 2, "a number from 1 to 65535" },
	{ "farm pulse", FARM_("pulse=\"9\""), 'E', 2, "expected a duration from 10ms to 1m" },
	{ "mlost", FARM_("mlost_count=\"1001\""), 'E', 2, "a number from 1 to 1000" },
	{ "lost", FARM_("mlost_count=\"2\" slost_count=\"2\""), 'W', 2, "expected at least 5 together" },
	{ "slost", "<safe><service mode=\"farm\">\n<farm slost_count=\"0\"><lan name=\"repli\"/></farm></service></safe>", 'E', 2, "slost_count=\"0\"" },

	{ "vip light", LIGHT(VIP("")), 'E', 2, "<vip> in a light module" },
	{ "where", REAL("addr=\"virtip\" where=\"alias\""), 'E', 2, "expected one_side_alias" },
	{ "where in farm", FARM(VIP("<virtual_interface><virtual_addr addr=\"a\" where=\"one_side_alias\"/></virtual_interface>")), 'E', 2, "expected alias" },
	{ "vmac in mirror", MIRROR(VIP("<virtual_interface><virtual_addr addr=\"a\" where=\"alias\"/></virtual_interface>")), 'E', 2, "of a mirror module: "
	    "expected one_side_alias" },
	{ "real in farm", FARM(VIP("<real_interface><virtual_addr addr=\"a\"/></real_interface>")), 'E', 2, "<real_interface> in a farm module" },
	{ "netmask", REAL("addr=\"virtip\" netmask=\"255.0.255.0\""), 'E', 2, "expected an IPv4 mask" },
	{ "netmask of nothing", REAL("addr=\"virtip\" netmask=\"0.0.0.0\""), 'E', 2, "expected an IPv4 mask" },
	{ "netmask of IPv6", REAL("addr=\"fd00::9\" netmask=\"255.255.255.0\""), 'W', 2, "netmask of <virtual_addr addr=\"fd00::9\"> has no effect" },
	{ "IPv6 twice", MIRROR(VIP("<real_interface><virtual_addr addr=\"fd00::9\"/>\n<virtual_addr addr=\"fd00:0::9\"/></real_interface>")), 'E', 3, "again" },
	{ "no address", REAL("addr=\"10.0.0.300\""), 'E', 2, "addr=\"10.0.0.300\" of <virtual_addr>" },
	{ "connections", REAL("addr=\"a\" connections=\"yes\""), 'E', 2, "expected one of on, off" },
	{ "long name", REAL("addr=\"a234567890123456789012345678901234567890123456789012345678901234\""), 'E', 2, "expected at most 63 characters, or check=" },
	{ "mac directed", FARM(VIP("<virtual_interface addr=\"5a:fe:00:00:00:01\"><virtual_addr addr=\"a\"/></virtual_interface>")), 'W', 2, "has no effect with" },
	{ "virtual_addr twice", MIRROR(VIP("<real_interface><virtual_addr addr=\"a\"/>\n<virtual_addr addr=\"a\"/></real_interface>")), 'E', 3, "again" },
	{ "mac", FARM(VIP("<virtual_interface addr=\"01:00:00:00:00:00\"><virtual_addr addr=\"a\"/></virtual_interface>")), 'E', 2, "unicast MAC" },
	{ "short mac", FARM(VIP("<virtual_interface addr=\"5a:fe:00:00:00\"><virtual_addr addr=\"a\"/></virtual_interface>")), 'E', 2, "unicast MAC" },
	{ "no mac", FARM(VIP("<virtual_interface addr=\"5a:fe:00:00:00:0g\"><virtual_addr addr=\"a\"/></virtual_interface>")), 'E', 2, "unicast MAC" },
	{ "type", FARM(VIP("<virtual_interface type=\"vmac\"><virtual_addr addr=\"a\"/></virtual_interface>")), 'E', 2, "vmac_directed, vmac_invisible" },
	{ "no list", FARM(VIP("<virtual_interface><virtual_addr addr=\"a\"/></virtual_interface>")), 'W', 2, "every server takes every packet" },
	{ "arpelapse", MIRROR("<vip><interface_list><interface arpelapse=\"25h\"/></interface_list></vip>"), 'E', 2, "from 0ms to 1d" },
	{ "tcpreset", MIRROR("<vip tcpreset=\"no\"><interface_list><interface/></interface_list></vip>"), 'E', 2, "tcpreset=\"no\" of <vip>: expected one of on, off" },
	{ "check", MIRROR("<vip><interface_list><interface check=\"no\"/></interface_list></vip>"), 'E', 2, "expected one of on, off" },
	{ "arpinterval", MIRROR("<vip><interface_list><interface arpinterval=\"0\"/></interface_list></vip>"), 'E', 2, "arpinterval=\"0\"" },
	{ "interface name", MIRROR("<vip><interface_list><interface name=\"a b\"/></interface_list></vip>"), 'E', 2, "expected the name of a network" },
	{ "balance in mirror", MIRROR("<vip><interface_list><interface/></interface_list><loadbalancing_list><group name=\"a\"/></loadbalancing_list></vip>"),
	    'E', 2, "<loadbalancing_list> in a mirror module" },
	{ "group twice", LB("<group name=\"a\"/>\n<group name=\"a\"/>"), 'E', 3, "<group name=\"a\"> again" },
	{ "address of a server", REAL("addr=\"10.0.0.2\""), 'E', 2, "is the address of a server (lan repli of cluster.xml): expected one that no" },
	{ "host", LB("<group name=\"a\"><cluster><host name=\"node9\" power=\"1\"/></cluster></group>"), 'E', 2, "is no node of the cluster: expected one of node1, node2" },
	{ "host twice", LB("<group name=\"a\"><cluster><host name=\"node1\" power=\"1\"/>\n<host name=\"node1\" power=\"1\"/></cluster></group>"), 'E', 3, "again" },
	{ "power", LB("<group name=\"a\"><cluster><host name=\"node1\" power=\"257\"/></cluster></group>"), 'E', 2, "a number from 0 to 256" },
	{ "powers", LB("<group name=\"a\"><cluster><host name=\"node1\" power=\"0\"/></cluster></group>"), 'W', 2, "no server takes its load" },
	{ "power of nothing", LB("<group name=\"a\"><cluster><host name=\"node1\" power=\"-1\"/></cluster></group>"), 'E', 2, "a number from 0 to 256" },
	{ "group name", LB("<group name=\"a b\"/>"), 'E', 2, "name=\"a b\" of <group> is not a name" },
	{ "rule proto", LB("<group name=\"a\"><rule proto=\"icmp\" filter=\"on_addr\"/></group>"), 'E', 2, "expected one of udp, tcp, arp" },
	{ "rule filter", LB("<group name=\"a\"><rule proto=\"tcp\" filter=\"on_mac\"/></group>"), 'E', 2, "expected one of on_addr, on_port, on_ipid" },
	{ "rule port", LB("<group name=\"a\"><rule port=\"0\" proto=\"tcp\" filter=\"on_addr\"/></group>"), 'E', 2, "port=\"0\"" },
	{ "rule arp", LB("<group name=\"a\"><rule port=\"1\" proto=\"arp\" filter=\"on_addr\"/></group>"), 'E', 2, "ARP knows addresses only" },
	{ "rule ipid", LB("<group name=\"a\"><rule port=\"*\" proto=\"tcp\" filter=\"on_ipid\"/></group>"), 'W', 2, "No sense for TCP" },
	{ "rule address", LB("<group name=\"a\"><rule virtual_addr=\"b\" proto=\"tcp\" filter=\"on_addr\"/></group>"), 'E', 2, "of a <virtual_addr>" },
	{ "rule arp filter", LB("<group name=\"a\"><rule proto=\"arp\" filter=\"on_port\"/></group>"), 'E', 2, "ARP knows addresses only" },
	{ "rule ipid IPv6", FARM("<vip><interface_list><interface><virtual_interface><virtual_addr addr=\"fd00::9\"/></virtual_interface></interface>"
	    "</interface_list><loadbalancing_list><group name=\"a\">\n<rule virtual_addr=\"fd00::9\" proto=\"udp\" filter=\"on_ipid\"/></group>"
	    "</loadbalancing_list></vip>"), 'W', 3, "IPv6 packets have no such number" },

	{ "rfs windows", RFS("iotimeout=\"1\" nfsbox_options=\"cross\"", ""), 'W', 2, "iotimeout, nfsbox_options of <rfs>: for Windows only" },
	{ "rfs light", LIGHT("<rfs><replicated dir=\"/a\"/></rfs>"), 'E', 2, "expected it only with mode=\"mirror\"" },
	{ "rfs root", MIRROR("<rfs><replicated dir=\"//\"/></rfs>"), 'E', 2, "expected an absolute path" },
	{ "rfs dots", MIRROR("<rfs><replicated dir=\"/a/..\"/></rfs>"), 'E', 2, "expected an absolute path" },
	{ "rfs relative", MIRROR("<rfs><replicated dir=\"a\"/></rfs>"), 'E', 2, "expected an absolute path" },
	{ "rfs control", MIRROR("<rfs><replicated dir=\"/a&#10;b\"/></rfs>"), 'E', 2, "expected an absolute path" },
	{ "rfs of windows", MIRROR("<rfs><replicated dir=\"c:\\safedir\"/></rfs>"), 'E', 2, "is a path of Windows: expected one of Linux" },
	{ "rfs share of windows", MIRROR("<rfs><replicated dir=\"\\\\server\\a\"/></rfs>"), 'E', 2, "is a path of Windows" },
	{ "rfs within", MIRROR("<rfs><replicated dir=\"/a/b\"/>\n<replicated dir=\"/a/\"/></rfs>"), 'E', 3, "one within the other" },
	{ "rfs twice", MIRROR("<rfs><replicated dir=\"/a/b\"/>\n<replicated dir=\"/a//./b/\"/></rfs>"), 'E', 3, "one within the other" },
	{ "rfs moved", MIRROR("<rfs mountoversuffix=\"_x\"><replicated dir=\"/a\"/>\n<replicated dir=\"/a_x/b\"/></rfs>"), 'E', 3, "one within the other" },
	{ "rfs without", MIRROR("<rfs/>"), 'E', 2, "<rfs> lacks <replicated>" },
	{ "rfs mode", MIRROR("<rfs><replicated dir=\"/a\" mode=\"rw\"/></rfs>"), 'E', 2, "expected read_only" },
	{ "async", RFS("async=\"both\"", ""), 'E', 2, "expected one of second, none" },
	{ "policy 0", RFS("namespacepolicy=\"0\"", ""), 'E', 2, "expected one of 1, 3, 4" },
	{ "policy 1", RFS("namespacepolicy=\"1\"", ""), 'W', 2, "namespacepolicy=\"1\" of <rfs>: taken as 4" },
	{ "policy 3", RFS("namespacepolicy=\"3\"", ""), 'W', 2, "namespacepolicy=\"3\" of <rfs>: taken as 4" },
	{ "scripts", RFS("scripts=\"on\"", ""), 'W', 2, "no _rfs_* script is called" },
	{ "suffix", RFS("mountoversuffix=\"a/b\"", ""), 'E', 2, "expected the end of a file name" },
	{ "empty suffix", RFS("mountoversuffix=\"\"", ""), 'E', 2, "mountoversuffix of <rfs> is empty" },
	{ "tocheck", MIRROR("<rfs><replicated dir=\"/a\"><tocheck path=\"/x\"/></replicated></rfs>"), 'E', 2, "relative to the replicated folder" },
	{ "tocheck dots", MIRROR("<rfs><replicated dir=\"/a\"><tocheck path=\"x/../../y\"/></replicated></rfs>"), 'E', 2, "and inside it" },
	{ "notreplicated", MIRROR("<rfs><replicated dir=\"/a\"><notreplicated/></replicated></rfs>"), 'E', 2, "expected either path or regexpath" },
	{ "notreplicated all", MIRROR("<rfs><replicated dir=\"/a\"><notreplicated path=\".\"/></replicated></rfs>"), 'E', 2, "and inside it" },
	{ "regexpath", MIRROR("<rfs><replicated dir=\"/a\"><notreplicated regexpath=\"(\"/></replicated></rfs>"), 'E', 2, "regular expression" },
	{ "only nothing", MIRROR("<rfs><replicated dir=\"/a\"><notreplicated regexpath=\"!\"/></replicated></rfs>"), 'E', 2, "regular expression after !" },
	{ "only", MIRROR("<rfs><replicated dir=\"/a\"><notreplicated regexpath=\"!(\"/></replicated></rfs>"), 'E', 2, "regular expression" },
	{ "sizes", RFS("packetsize=\"8192\" reipacketsize=\"65536\"", ""), 'E', 2, "expected at most packetsize" },
	{ "zone", RFS("reipacketsize=\"8192\" ruzone_blocksize=\"10000\"", ""), 'E', 2, "expected a multiple" },
	{ "syncat", RFS("syncat=\"01 0 * *\"", ""), 'E', 2, "4 fields: expected the five fields of crontab(5)" },
	{ "syncat hour", RFS("syncat=\"01 24 * * *\"", ""), 'E', 2, "\"24\" is no hour: expected the five fields of crontab(5)" },
	{ "nbrei", RFS("nbrei=\"0\"", ""), 'E', 2, "nbrei=\"0\"" },
	{ "nbremconn", RFS("nbremconn=\"65\"", ""), 'E', 2, "nbremconn=\"65\"" },
	{ "reitimeout", RFS("reitimeout=\"x\"", ""), 'E', 2, "reitimeout=\"x\"" },
	{ "locktimeout", RFS("locktimeout=\"0\"", ""), 'E', 2, "locktimeout=\"0\"" },
	{ "sendtimeout", RFS("sendtimeout=\"0\"", ""), 'E', 2, "sendtimeout=\"0\"" },
	{ "checktime", RFS("checktime=\"0\"", ""), 'E', 2, "checktime=\"0\"" },
	{ "checkintv", RFS("checkintv=\"0\"", ""), 'E', 2, "checkintv=\"0\"" },
	{ "reicommit", RFS("reicommit=\"-1\"", ""), 'E', 2, "reicommit=\"-1\"" },
	{ "reiallowedbw", RFS("reiallowedbw=\"0\"", ""), 'E', 2, "reiallowedbw=\"0\"" },
	{ "syncdelta", RFS("syncdelta=\"-1\"", ""), 'E', 2, "syncdelta=\"-1\"" },
	{ "flow", RFS("", "<flow/>"), 'E', 2, "expected either name (a lan of the cluster) or <server>" },
	{ "flow lan", RFS("", "<flow name=\"net9\"/>"), 'E', 2, "lan \"net9\" of <flow>" },
	{ "flow both", RFS("", "<flow name=\"repli\"><server addr=\"1.2.3.4\"/></flow>"), 'E', 2, "expected either name (a lan of the cluster) or <server>" },
	{ "old flow", RFS("", "<flow><server addr=\"1.2.3.4\"/><server addr=\"1.2.3.5\"/></flow>"), 'E', 2, "no lan of the cluster" },
	{ "flow elsewhere", "<safe><service mode=\"mirror\"><heart><heartbeat name=\"default\" ident=\"flow\"/></heart>\n<rfs><flow name=\"repli\"/>"
	    "<replicated dir=\"/a\"/></rfs></service></safe>", 'W', 2, "be coherent" },
};

static void
test_rules(void **state)
{
	size_t i;
	int rc;

	for (i = 0; i < ARRAY_LEN(rules); i++) {
		rc = parse(rules[i].text, &module);
		if (rc != (rules[i].level == 'E' ? -1 : 0) || !says(rules[i].level, rules[i].line, rules[i].word)) {
			show();
			fail_msg("%s: returned %d, expected %c at line %d: %s", rules[i].what, rc, rules[i].level, rules[i].line, rules[i].word);
		}
		if (rc == 0)
			conf_module_free(&module);
	}
}

static void
load_all(struct conf_module *m)
{
	if (conf_module_load(DATA "module-all.xml", &cluster, m, &errs) != 0) {
		show();
		fail_msg("module-all.xml is refused");
	}
}

static void
test_checks_arrive(void **state)
{
	const struct conf_check *c;

	load_all(&module);
	c = module.checks;
	assert_int_equal(module.checks_count, 9);
	assert_true(c[0].kind == CHECK_TCP && c[0].when == WHEN_PRIM && c[0].action == DO_RESTART && c[0].port == 1);
	assert_true(c[0].interval_ms == 1500 && c[0].timeout_ms == 1000);
	assert_string_equal(c[0].addr, "virtual.example");
	assert_true(c[1].kind == CHECK_PING && c[1].when == WHEN_PRE && c[1].action == DO_NOACTION && c[1].interval_ms == 10000 && c[1].timeout_ms == 5000);
	assert_true(c[2].kind == CHECK_INTF && c[2].when == WHEN_PRE && c[2].action == DO_DEFAULT);
	assert_string_equal(c[2].intf, "eth2");
	assert_string_equal(c[2].addr, "192.168.1.20");
	assert_true(c[3].kind == CHECK_IP && c[3].when == WHEN_PRIM && c[3].interval_ms == 60000);
	assert_true(c[4].kind == CHECK_CUSTOM && c[4].when == WHEN_SECOND && c[4].action == DO_STOPSTART);
	assert_string_equal(c[4].exec, "checker");
	assert_string_equal(c[4].arg, "repli 60 it\\'s 'a \" b'");
	assert_string_equal(c[4].addr, "");
	assert_true(c[5].kind == CHECK_MODULE && c[5].port == 9010 && !c[5].secure);
	assert_string_equal(c[5].ident, "mirror_fd00__2");
	assert_string_equal(c[5].addr, "fd00::2");
	assert_true(c[6].port == 9453 && c[6].secure);
	assert_string_equal(c[6].ident, "mirror_M1host");
	assert_string_equal(c[7].ident, "led");
	assert_string_equal(c[7].module, "leader");
	assert_string_equal(c[7].addr, "127.0.0.1");
	assert_string_equal(c[8].addr, "192.168.1.100 witness2");
	conf_module_free(&module);
	assert_int_equal(module.checks_count, 0);
}

static void
test_procs_and_vhosts_arrive(void **state)
{
	const struct conf_proc *p;

	load_all(&module);
	p = module.procs;
	assert_int_equal(module.polltimer_ms, 10000);
	assert_int_equal(module.procs_count, 4);
	assert_true(p[0].atleast == 2 && p[0].atmax == 4 && p[0].action == DO_RESTART && p[0].when == WHEN_PRIM && p[0].start_after == 3);
	assert_true(p[1].atleast == 1 && p[1].atmax == -1 && p[1].action == DO_STOPSTART && p[1].when == WHEN_SEC && !p[1].service);
	assert_string_equal(p[1].nameregex, "oracle_.*");
	assert_string_equal(p[1].argregex, "db[12]");
	assert_true(p[2].service && p[2].action == DO_NOACTION && p[2].when == WHEN_BOTH);
	assert_true(p[3].when == WHEN_OTHER && p[3].action == DO_EXEC && p[3].atleast == -1 && p[3].atmax == 0);
	assert_string_equal(p[3].class_name, "myapp");
	assert_string_equal(p[3].exec, "restart_app");
	assert_string_equal(p[0].exec, "");
	assert_int_equal(module.vhosts_count, 2);
	assert_string_equal(module.vhosts[0].name, "virtual");
	assert_string_equal(module.vhosts[0].envfile, "vhostenv");
	assert_int_equal(module.vhosts[0].when, WHEN_PRIM);
	assert_int_equal(module.vhosts[1].when, WHEN_BOTH);
	conf_module_free(&module);
}

static void
test_rules_arrive_in_order(void **state)
{
	load_all(&module);
	assert_true(module.period_ms == 200 && module.handle_ms == 1000);
	assert_int_equal(module.rules_count, 3);
	assert_int_equal(module.rules[0].origin, RULES_USER);
	assert_string_equal(module.rules[0].text, " x: if (heartbeat.hb_repli == down) then stopstart(); ");
	assert_int_equal(module.rules[0].line, 14);
	assert_int_equal(module.rules[0].column, 56);
	assert_int_equal(module.rules[1].origin, RULES_GENERATED);
	assert_string_equal(module.rules[1].text, "force_uptodate: if (heartbeat.* == down && cluster() == down && "
	    "rfs.synced == up && rfs.uptodate == down) then rfs.uptodate=up;\n"
	    "syncat_wait: if (rfs.syncat == down && (rfs.uptodate == down || remote.rfs.uptodate == up)) then wait();\n"
	    "t_web: if (tcp.web == down) then restart();\nc_app: if (custom.app == down) then stopstart();\n");
	assert_int_equal(module.rules[2].origin, RULES_DEFAULT);
	assert_non_null(strstr(module.rules[2].text, "module_failure: if (module.? == down) then wait();"));
	assert_non_null(strstr(module.rules[2].text, "splitbrain_failure: if (splitbrain.uptodate == down) then wait();"));
	assert_non_null(strstr(module.rules[2].text, "\ndegraded_server: if (remote.rfs.degraded == up) then wait();"));
	assert_int_equal(module.rules[2].column, 10);
	conf_module_free(&module);
	assert_int_equal(parse(MIRROR(""), &module), 0);
	assert_int_equal(module.rules_count, 1);
	assert_null(strstr(module.rules[0].text, "rfs."));	/* nothing replicates */
	conf_module_free(&module);
	assert_int_equal(parse(LIGHT("<failover extends=\"no\"/>"), &module), 0);
	assert_int_equal(module.rules_count, 0);
	conf_module_free(&module);
}

/* Where the text begins, and that each line and column in it is that of the file */
static void
test_rules_have_their_places(void **state)
{
	static const struct { const char *text; int line, column; const char *rules; } rows[] = {
		{ "<failover><![CDATA[a: b]]></failover>", 2, 20, "a: b" },
		{ "<failover>\n\n<![CDATA[\na: b]]></failover>", 4, 10, "\na: b" },
		{ "<!-- <failover>x</failover> --><failover>a &amp;&amp; b</failover>", 2, 42, "a && b" },
		{ "<failover>a<!-- x -->\n  <![CDATA[b]]></failover>", 2, 11, "a\n           b" },
		{ "<failover><![CDATA[  ]]><?pi x?><![CDATA[a]]>\n</failover>", 2, 42, "a" },
		{ "<failover>a\n<!-- -->\nb</failover>", 2, 11, "a\n        \nb" },
	};
	char text[512];
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(text, sizeof(text), "<safe><service mode=\"light\">\n%s</service></safe>", rows[i].text);
		if (parse(text, &module) != 0) {
			show();
			fail_msg("%s", rows[i].text);
		}
		if (module.rules[0].line != rows[i].line || module.rules[0].column != rows[i].column)
			fail_msg("%s: %d:%d", rows[i].text, module.rules[0].line, module.rules[0].column);
		assert_string_equal(module.rules[0].text, rows[i].rules);
		conf_module_free(&module);
	}
	assert_int_equal(parse(LIGHT("<failover><![CDATA[ \n ]]></failover>"), &module), 0);
	assert_int_equal(module.rules_count, 1);
	conf_module_free(&module);
}

static void
test_default_rules_absent(void **state)
{
	conf_failover_file("/nowhere/failover.xml");
	assert_int_equal(parse(LIGHT(""), &module), -1);
	assert_true(says('E', 1, "cannot be read from /nowhere/failover.xml"));
	assert_int_equal(parse(LIGHT("<failover extends=\"no\"/>"), &module), 0);
	conf_module_free(&module);
	conf_failover_file(DATA "module-light.xml");
	assert_int_equal(parse(LIGHT(""), &module), -1);
	assert_true(says('E', 1, "expected the file to be one <failover>"));
	conf_failover_file(DEFAULT);
}

/* what: member of a list that is spoiled with json; each must be refused with a reason */
static void
test_run_form_of_lists_is_strict(void **state)
{
	static const struct { const char *list; int at; const char *member, *json; } rows[] = {
		{ "checks", 0, "kind", "\"http\"" }, { "checks", 0, "kind", "0" }, { "checks", 0, "when", "\"other\"" }, { "checks", 0, "when", "\"\"" },
		{ "checks", 0, "action", "\"exec\"" }, { "checks", 0, "action", "null" }, { "checks", 0, "ident", "\"\"" }, { "checks", 0, "addr", "1" },
		{ "checks", 0, "addr", "\"a\\u0000b\"" }, { "checks", 0, "intf", "null" }, { "checks", 0, "port", "65536" }, { "checks", 0, "port", "-1" },
		{ "checks", 0, "interval_ms", "0" }, { "checks", 0, "timeout_ms", "1.5" }, { "checks", 0, "module", "\"a/b\"" },
		{ "checks", 0, "secure", "0" }, { "checks", 4, "exec", "{}" }, { "checks", 4, "arg", "[]" }, { "checks", 0, "more", "1" },
		{ "procs", 0, "name", "\"\"" }, { "procs", 0, "name", "\"a b\"" }, { "procs", 0, "nameregex", "null" }, { "procs", 0, "argregex", "1" },
		{ "procs", 0, "service", "\"yes\"" }, { "procs", 0, "atleast", "-2" }, { "procs", 0, "atmax", "\"1\"" }, { "procs", 0, "start_after", "-1" },
		{ "procs", 0, "when", "\"x\"" }, { "procs", 0, "class", "\"\"" }, { "procs", 0, "action", "\"x\"" }, { "procs", 0, "exec", "null" },
		{ "rules", 0, "origin", "\"x\"" }, { "rules", 0, "line", "0" }, { "rules", 0, "column", "-1" }, { "rules", 0, "text", "null" },
		{ "vhosts", 0, "name", "\"\"" }, { "vhosts", 0, "envfile", "\"\"" }, { "vhosts", 0, "when", "\"other\"" }, { "vhosts", 0, "x", "1" },
		{ "rfs", 0, "acl", "1" }, { "rfs", 0, "async_none", "null" }, { "rfs", 0, "suffix", "\"\"" }, { "rfs", 0, "suffix", "\"a/b\"" },
		{ "rfs", 0, "locktimeout_ms", "0" }, { "rfs", 0, "sendtimeout_ms", "\"1\"" }, { "rfs", 0, "reitimeout_ms", "1.5" },
		{ "rfs", 0, "nbrei", "0" }, { "rfs", 0, "nbremconn", "65" }, { "rfs", 0, "packet_bytes", "4095" }, { "rfs", 0, "zone_bytes", "0" },
		{ "rfs", 0, "reicommit", "-1" }, { "rfs", 0, "reidetail", "{}" }, { "rfs", 0, "scripts", "0" }, { "rfs", 0, "checktime_ms", "0" },
		{ "rfs", 0, "checkintv_ms", "null" }, { "rfs", 0, "reiallowedbw", "-1" }, { "rfs", 0, "syncdelta_ms", "-1" },
		{ "rfs", 0, "syncat", "\"1 2 3\"" }, { "rfs", 0, "flow", "\"a b\"" }, { "rfs", 0, "dirs", "[]" }, { "rfs", 0, "dirs", "[1]" },
		{ "rfs", 0, "dirs", "[{\"dir\":\"/a/..\",\"read_only\":true,\"tocheck\":[],\"not\":[]}]" },
		{ "rfs", 0, "dirs", "[{\"dir\":\"/a\",\"read_only\":1,\"tocheck\":[],\"not\":[]}]" },
		{ "rfs", 0, "dirs", "[{\"dir\":\"/a\",\"read_only\":true,\"tocheck\":[\"\"],\"not\":[]}]" },
		{ "rfs", 0, "dirs", "[{\"dir\":\"/a\",\"read_only\":true,\"tocheck\":[],\"not\":{}}]" },
		{ "rfs", 0, "dirs", "[{\"dir\":\"/a\",\"read_only\":true,\"tocheck\":[],\"not\":[{\"regex\":true,\"only\":true,\"text\":\"\"}]}]" },
		{ "rfs", 0, "dirs", "[{\"dir\":\"/a\",\"read_only\":true,\"tocheck\":[],\"not\":[{\"regex\":true,\"text\":\"x\"}]}]" },
	};
	json_t *root, *copy, *obj;
	char err[256];
	size_t i;

	load_all(&module);
	root = conf_module_to_json(&module);
	conf_module_free(&module);
	assert_true(conf_module_from_json(root, &module, err, sizeof(err)));
	conf_module_free(&module);
	for (i = 0; i < ARRAY_LEN(rows) * 2; i++) {
		const char *member = rows[i / 2].member;

		copy = json_deep_copy(root);
		obj = json_array_get(json_object_get(copy, rows[i / 2].list), (size_t)rows[i / 2].at);
		if (i % 2 == 0)
			json_object_set_new(obj, member, json_loads(rows[i / 2].json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
		else if (json_object_del(obj, member) == -1)
			json_object_clear(obj);
		err[0] = '\0';
		if (conf_module_from_json(copy, &module, err, sizeof(err)))
			fail_msg("%s: %s: %s is taken", rows[i / 2].list, member, i % 2 == 0 ? rows[i / 2].json : "nothing");
		assert_non_null(strstr(err, "expected"));
		assert_non_null(strstr(err, rows[i / 2].list));
		json_decref(copy);
	}
	json_decref(root);
}

static void
test_lists_are_bounded(void **state)
{
	static const struct { const char *list; int max; } rows[] = {
		{ "checks", CONF_CHECKS_MAX }, { "procs", CONF_PROCS_MAX }, { "rules", CONF_RULES_MAX }, { "vhosts", CONF_VHOSTS_MAX },
	};
	json_t *root, *list, *item;
	char err[256];
	size_t i, n;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		load_all(&module);
		root = conf_module_to_json(&module);
		conf_module_free(&module);
		list = json_object_get(root, rows[i].list);
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

/* What a dynamic configuration may change: attributes and tags of x, and of y instead */
static void
test_dynamic(void **state)
{
	static const struct { const char *x, *y, *why; } rows[] = {	/* why NULL: can be changed */
#define S(a)	"<safe><service mode=\"mirror\" " a "><heart><heartbeat name=\"default\"/></heart></service></safe>"
		{ S("maxloop=\"1\" loop_interval=\"1\" automatic_reboot=\"on\" boot=\"on\" boot_delay=\"9\""), S(""), NULL },
		{ S(""), "<safe><service mode=\"mirror\"><heart pulse=\"1s\"><heartbeat name=\"repli\"/></heart></service></safe>", NULL },
		{ MIRROR("<user><var name=\"a\" value=\"b\"/></user>"), MIRROR(""), NULL },
		{ ERRD(PROC("")), MIRROR(""), NULL },
		{ CHECK(TCP("action=\"restart\"", "")), CHECK(TCP("", "")), NULL },	/* with the rule made from it */
		{ MIRROR("<failover>a</failover>"), MIRROR("\n\n<failover>a</failover>"), NULL },
		{ MIRROR("<failover period=\"5s\"/>"), MIRROR(""), NULL },
		{ RFS("async=\"none\" nbrei=\"1\" reitimeout=\"1\" reidetail=\"on\"", "<flow name=\"repli\"/>"), RFS("", ""), NULL },
		{ S("failover=\"off\""), S(""), "failover of <service>" },
		{ S("defaultprim=\"lastprim\""), S(""), "defaultprim of <service>" },
		{ LIGHT(""), S(""), "mode of <service>" },
		{ FARM(""), "<safe><service mode=\"farm\"><farm><lan name=\"repli\"/></farm></service></safe>", "<farm>" },
		{ REAL("addr=\"a\""), REAL("addr=\"b\""), "<vip>" },
		{ REAL("addr=\"a\""), MIRROR(""), "<vip>" },
		{ RFS("acl=\"on\"", ""), RFS("", ""), "<rfs> (but for async, nbrei, reitimeout, reidetail and <flow>)" },
		{ RFS("", ""), MIRROR(""), "<rfs> (but for async, nbrei, reitimeout, reidetail and <flow>)" },
		{ MIRROR("<vhost><virtualhostname name=\"v\" envfile=\"x\"/></vhost>"), MIRROR(""), "<vhost>" },
		{ MIRROR("<vhost><virtualhostname name=\"v\" envfile=\"x\"/></vhost>"), MIRROR("<vhost><virtualhostname name=\"v\" envfile=\"y\"/></vhost>"),
		    "<vhost>" },
		{ MIRROR("<failover>a</failover>"), MIRROR("<failover>b</failover>"), "<failover>" },
		{ MIRROR("<failover>a</failover>"), MIRROR(""), "<failover>" },
		{ MIRROR("<failover extends=\"no\"/>"), MIRROR(""), "<failover>" },
		{ MIRROR("<failover period=\"1s\"/>"), MIRROR(""), "<failover>" },
		{ MIRROR("<failover handle_time=\"5s\"/>"), MIRROR(""), "<failover>" },
		{ "<safe><service mode=\"mirror\" defaultprim=\"lastprim\"><heart><heartbeat name=\"default\"/></heart><failover handle_time=\"5s\"/></service></safe>",
		    S(""), "defaultprim of <service>, <failover>" },
	};
	char why[256], back[256];
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		bool can, again;

		if (parse(rows[i].x, &module) != 0 || parse(rows[i].y, &other) != 0) {
			show();
			fail_msg("row %zu", i);
		}
		can = conf_module_dynamic(&module, &other, why, sizeof(why));
		again = conf_module_dynamic(&other, &module, back, sizeof(back));
		if (can != (rows[i].why == NULL) || strcmp(why, rows[i].why != NULL ? rows[i].why : "") != 0)
			fail_msg("row %zu: %d \"%s\"", i, can, why);
		assert_true(can == again);
		assert_string_equal(why, back);
		conf_module_free(&module);
		conf_module_free(&other);
	}
}

static void
test_as_many_checks_as_may_be(void **state)
{
	size_t room = 1 << 20, len;
	char *text = malloc(room), *json;
	clock_t begin;
	json_t *obj;
	int n, i, ms;

	for (n = CONF_CHECKS_MAX; n <= CONF_CHECKS_MAX + 1; n++) {
		len = (size_t)sprintf(text, "<safe><service mode=\"light\"><check>");
		for (i = 0; i < n; i++)
			len += (size_t)snprintf(text + len, room - len, "\n<tcp ident=\"t%d\" when=\"both\" action=\"restart\"><to addr=\"127.0.0.1\" port=\"80\" "
			    "interval=\"1s\" timeout=\"500ms\"/></tcp>", i);
		snprintf(text + len, room - len, "</check></service></safe>");
		begin = clock();
		assert_int_equal(parse(text, &module), n == CONF_CHECKS_MAX ? 0 : -1);
		ms = (int)((clock() - begin) * 1000 / CLOCKS_PER_SEC);	/* ours: what else the machine does does not count */
		if (ms > 1000)
			fail_msg("%d checks took %d ms", n, ms);
		if (n > CONF_CHECKS_MAX)
			break;
		assert_int_equal(module.checks_count, n);
		obj = conf_module_to_json(&module);
		json = json_dumps(obj, JSON_COMPACT);
		printf("# %d checks: read in %d ms, %zu bytes of run form\n", n, ms, strlen(json));
		free(json);
		json_decref(obj);
		conf_module_free(&module);
	}
	assert_true(says('E', CONF_CHECKS_MAX + 2, "one checker too many: expected at most 4096"));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_rules, load_cluster),
		cmocka_unit_test(test_checks_arrive),
		cmocka_unit_test(test_procs_and_vhosts_arrive),
		cmocka_unit_test(test_rules_arrive_in_order),
		cmocka_unit_test(test_rules_have_their_places),
		cmocka_unit_test(test_default_rules_absent),
		cmocka_unit_test(test_run_form_of_lists_is_strict),
		cmocka_unit_test(test_lists_are_bounded),
		cmocka_unit_test(test_dynamic),
		cmocka_unit_test(test_as_many_checks_as_may_be),
	};
	int rc;

	conf_failover_file(DEFAULT);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	xmlCleanupParser();
	return rc;
}
