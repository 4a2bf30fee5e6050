/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conf/: <rfs>: what arrives in the struct and comes through the run form, the rules it asks for, its lan, crontab's fields; the refusals are in
 * t_conf_tags.  conf/folder.h: every step between the forms of a replicated folder, from wherever a killed one may have left it. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <libxml/parser.h>
#include "conf/folder.h"
#include "conf/xml.h"

#define DATA	TEST_SRCDIR "/tests/data/conf/"
#define DEFAULT	TEST_SRCDIR "/engine/conf/failover.xml"

static struct conf_errors errs;
static struct conf_cluster cluster;
static struct conf_module module;

static int
load_cluster(void **state)
{
	return conf_cluster_load(DATA "cluster-two-lans.xml", &cluster, &errs);	/* lans default, repli; nodes node1 ... node4 */
}

#define MIRROR(hb, rfs)	"<safe><service mode=\"mirror\"><heart>" hb "</heart>\n" rfs "</service></safe>"
#define HB(a)		"<heartbeat " a "/>"
#define ONE		HB("name=\"default\"")
#define DIR		"<replicated dir=\"/a\"/>"

static void
load(const char *text)
{
	int i;

	if (conf_module_parse("x.xml", text, strlen(text), &cluster, &module, &errs) == 0)
		return;
	for (i = 0; i < errs.count; i++)
		printf("# %c %s:%d: %s\n", errs.e[i].level, errs.e[i].file, errs.e[i].line, errs.e[i].text);
	fail_msg("refused: %s", text);
}

/* The module becomes what its run form says */
static void
through_run_form(void)
{
	json_t *obj = conf_module_to_json(&module);
	char err[256] = "";

	assert_non_null(obj);
	conf_module_free(&module);
	if (!conf_module_from_json(obj, &module, err, sizeof(err)))
		fail_msg("%s", err);
	json_decref(obj);
}

static void
test_defaults(void **state)
{
	const struct conf_rfs *r = &module.rfs;
	int round;

	load(MIRROR(ONE, "<rfs>" DIR "</rfs>"));
	for (round = 0; round < 2; round++) {
		assert_true(module.has_rfs);
		assert_false(r->acl || r->async_none || r->reidetail || r->scripts);
		assert_string_equal(r->suffix, "_For_SafeKit_Replication");
		assert_true(r->locktimeout_ms == 100000 && r->sendtimeout_ms == 30000 && r->reitimeout_ms == 150000);
		assert_true(r->nbrei == 3 && r->nbremconn == 1 && r->reicommit == 0 && r->reiallowedbw == 0 && r->syncdelta_ms == 0);
		assert_true(r->packet_bytes == 8388608 && r->zone_bytes == 8388608);
		assert_true(r->checktime_ms == 220000 && r->checkintv_ms == 120000);
		assert_string_equal(r->syncat, "");
		assert_string_equal(r->flow, "");
		assert_int_equal(r->dirs_count, 1);
		assert_string_equal(r->dirs[0].dir, "/a");
		assert_false(r->dirs[0].read_only);
		assert_int_equal(r->dirs[0].tocheck_count + r->dirs[0].not_count, 0);
		through_run_form();
	}
	conf_module_free(&module);
	assert_null(module.rfs.dirs);
	load(MIRROR(ONE, ""));
	through_run_form();
	assert_false(module.has_rfs);
	conf_module_free(&module);
}

static void
test_every_attribute(void **state)
{
	const struct conf_rfs *r = &module.rfs;
	int round;

	load(MIRROR(ONE, "<rfs acl=\"on\" async=\"none\" packetsize=\"65536\" ruzone_blocksize=\"131072\" locktimeout=\"1\" sendtimeout=\"2m\" nbrei=\"4\" "
	    "reitimeout=\"5\" reicommit=\"6\" reidetail=\"on\" nbremconn=\"7\" checktime=\"8\" checkintv=\"9\" reiallowedbw=\"20000\" syncdelta=\"10\" "
	    "syncat=\"01 0 * * mon-fri\" mountoversuffix=\" x\"><flow name=\"repli\"/><replicated dir=\"//safedir/./x//\" mode=\"read_only\">"
	    "<notreplicated regexpath=\"!.*\\.mdf$\"/><tocheck path=\"a//b\"/><notreplicated path=\"./c/\"/><tocheck path=\"d\"/>"
	    "<notreplicated regexpath=\".*\\.tmp\"/></replicated><replicated dir=\"/other\"/></rfs>"));
	for (round = 0; round < 2; round++) {
		assert_true(r->acl && r->async_none && r->reidetail);
		assert_true(r->packet_bytes == 65536 && r->zone_bytes == 131072);
		assert_true(r->locktimeout_ms == 1000 && r->sendtimeout_ms == 120000 && r->nbrei == 4 && r->reitimeout_ms == 5000);
		assert_true(r->reicommit == 6 && r->nbremconn == 7 && r->checktime_ms == 8 && r->checkintv_ms == 9000);
		assert_true(r->reiallowedbw == 20000 && r->syncdelta_ms == 600000);
		assert_string_equal(r->syncat, "01 0 * * mon-fri");
		assert_string_equal(r->suffix, "x");
		assert_string_equal(r->flow, "repli");
		assert_int_equal(r->dirs_count, 2);
		assert_string_equal(r->dirs[0].dir, "/safedir/x");
		assert_true(r->dirs[0].read_only && r->dirs[0].tocheck_count == 2 && r->dirs[0].not_count == 3);
		assert_string_equal(r->dirs[0].tocheck[0], "a/b");
		assert_string_equal(r->dirs[0].tocheck[1], "d");
		assert_true(r->dirs[0].not[0].regex && r->dirs[0].not[0].only);
		assert_string_equal(r->dirs[0].not[0].text, ".*\\.mdf$");
		assert_false(r->dirs[0].not[1].regex || r->dirs[0].not[1].only);
		assert_string_equal(r->dirs[0].not[1].text, "c");
		assert_true(r->dirs[0].not[2].regex && !r->dirs[0].not[2].only);
		assert_string_equal(r->dirs[0].not[2].text, ".*\\.tmp");
		assert_string_equal(r->dirs[1].dir, "/other");
		assert_false(r->dirs[1].read_only);
		through_run_form();
	}
	conf_module_free(&module);
}

static void
test_sizes(void **state)
{
	static const struct { const char *text; int packet, zone; } rows[] = {
		{ "packetsize=\"65536\"", 65536, 8388608 }, { "packetsize=\"16777216\"", 8388608, 8388608 },
		{ "reipacketsize=\"131072\"", 131072, 131072 }, { "reipacketsize=\"131072\" ruzone_blocksize=\"262144\"", 131072, 262144 },
		{ "packetsize=\"1048576\" reipacketsize=\"65536\"", 65536, 65536 },
	};
	char text[512];
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(text, sizeof(text), MIRROR(ONE, "<rfs %s>" DIR "</rfs>"), rows[i].text);
		load(text);
		assert_int_equal(module.rfs.packet_bytes, rows[i].packet);
		assert_int_equal(module.rfs.zone_bytes, rows[i].zone);
		conf_module_free(&module);
	}
}

static void
test_bounds(void **state)
{
	char text[16384];
	size_t len;
	int n, i, what;

	for (what = 0; what < 2; what++) {
		int max = what == 0 ? CONF_REPLICATED_MAX : CONF_NOTREP_MAX;

		for (n = max; n <= max + 1; n++) {
			len = (size_t)sprintf(text, "<safe><service mode=\"mirror\"><heart>" ONE "</heart><rfs>%s", what == 0 ? "" : "<replicated dir=\"/a\">");
			for (i = 0; i < n; i++)
				len += (size_t)snprintf(text + len, sizeof(text) - len, what == 0 ? "<replicated dir=\"/d%d\"/>" : "<notreplicated path=\"p%d\"/>", i);
			snprintf(text + len, sizeof(text) - len, "%s</rfs></service></safe>", what == 0 ? "" : "</replicated>");
			assert_int_equal(conf_module_parse("x.xml", text, strlen(text), &cluster, &module, &errs), n == max ? 0 : -1);
			if (n == max)
				conf_module_free(&module);
			else
				assert_non_null(strstr(errs.e[0].text, "too many: expected at most"));
		}
	}
}

static void
test_lan_of_the_replication(void **state)
{
	static const struct { const char *text, *lan; } rows[] = {
		{ MIRROR(HB("name=\"repli\"") HB("name=\"default\""), "<rfs>" DIR "</rfs>"), "repli" },
		{ MIRROR(HB("name=\"repli\"") HB("name=\"default\" ident=\"flow\""), "<rfs>" DIR "</rfs>"), "default" },
		{ MIRROR(HB("name=\"default\" ident=\"flow\""), "<rfs><flow name=\"repli\"/>" DIR "</rfs>"), "repli" },
		{ MIRROR(ONE, "<rfs><flow><server addr=\"10.0.0.1\"/><server addr=\"10.0.0.2\"/></flow>" DIR "</rfs>"), "repli" },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		load(rows[i].text);
		assert_string_equal(conf_rfs_lan(&module), rows[i].lan);
		conf_module_free(&module);
	}
}

static const char *
text_of(int origin)
{
	int i;

	for (i = 0; i < module.rules_count; i++)
		if (module.rules[i].origin == origin)
			return module.rules[i].text;
	return "";
}

static void
test_rules(void **state)
{
	static const struct { const char *attributes; bool force, wait; } rows[] = {
		{ "", false, false }, { "syncdelta=\"1\"", false, false }, { "syncdelta=\"2\"", true, false }, { "syncat=\"0 1 * * *\"", false, true },
		{ "syncdelta=\"60\" syncat=\"0 1 * * *\"", true, true },
	};
	char text[512];
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(text, sizeof(text), MIRROR(ONE, "<rfs %s>" DIR "</rfs>"), rows[i].attributes);
		load(text);
		assert_int_equal(strstr(text_of(RULES_GENERATED), "force_uptodate: if (heartbeat.* == down && cluster() == down && rfs.synced == up && "
		    "rfs.uptodate == down) then rfs.uptodate=up;") != NULL, rows[i].force);
		assert_int_equal(strstr(text_of(RULES_GENERATED), "syncat_wait: if (rfs.syncat == down") != NULL, rows[i].wait);
		assert_non_null(strstr(text_of(RULES_DEFAULT), "notuptodate_server:"));
		conf_module_free(&module);
	}
}

static void
test_cron(void **state)
{
	/* 2026-11-22 is a Sunday */
	static const struct { const char *fields, *when; bool due; } rows[] = {
		{ "* * * * *", "2026-11-22 16:43", true }, { "01 0 * * *", "2026-11-22 00:01", true }, { "01 0 * * *", "2026-11-22 00:00", false },
		{ "*/15 * * * *", "2026-11-22 16:45", true }, { "*/15 * * * *", "2026-11-22 16:46", false }, { "1-3,59 * * * *", "2026-11-22 16:59", true },
		{ "1-3,59 * * * *", "2026-11-22 16:03", true }, { "1-3,59 * * * *", "2026-11-22 16:04", false }, { "5/10 * * * *", "2026-11-22 16:25", true },
		{ "0 0 * * 0", "2026-11-22 00:00", true }, { "0 0 * * 7", "2026-11-22 00:00", true }, { "0 0 * * Sun", "2026-11-22 00:00", true },
		{ "0 0 * * mon-fri", "2026-11-22 00:00", false }, { "0 0 * * mon-fri", "2026-11-23 00:00", true }, { "0 0 22 * mon", "2026-11-22 00:00", true },
		{ "0 0 23 * *", "2026-11-22 00:00", false }, { "0 0 1 * sun", "2026-11-22 00:00", true }, { "0 0 * nov *", "2026-11-22 00:00", true },
		{ "0 0 * 12 *", "2026-11-22 00:00", false },
	};
	static const char *const wrong[] = { "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * * 8",
		"*/0 * * * *", "*/ * * * *", "5-1 * * * *", "1,,2 * * * *", "1, * * * *", "a * * * *", "* * * mon *", "-1 * * * *", "1- * * * *", "** * * * *",
		"* * * * sunday", "99999999999999999999 * * * *", "@daily" };
	struct conf_cron cron;
	char why[128];
	struct tm tm;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		memset(&tm, 0, sizeof(tm));
		assert_non_null(strptime(rows[i].when, "%Y-%m-%d %H:%M", &tm));
		if (!conf_cron_parse(rows[i].fields, &cron, why, sizeof(why)) || conf_cron_is_due(&cron, &tm) != rows[i].due)
			fail_msg("%s at %s", rows[i].fields, rows[i].when);
	}
	for (i = 0; i < ARRAY_LEN(wrong); i++) {
		why[0] = '\0';
		if (conf_cron_parse(wrong[i], &cron, why, sizeof(why)) || why[0] == '\0')
			fail_msg("\"%s\" is taken", wrong[i]);
	}
}

/* ---- folders ---- */

static char top[64], dir[128], backing[160], err[512];

static int
unlink_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void
clean(void)
{
	if (top[0] != '\0')
		nftw(top, unlink_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
fresh(void)
{
	clean();
	str_copy(top, sizeof(top), "/tmp/t-conf-rfs.XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/data", top);
	snprintf(backing, sizeof(backing), "%s_x", dir);
}

static void
put(const char *folder, const char *name)
{
	char file[PATH_MAX];

	assert_true(path_format(file, sizeof(file), "%s/%s", folder, name));
	assert_int_equal(path_write_atomic(file, name, strlen(name), 0644), 0);
}

static bool
has(const char *folder, const char *name)
{
	char file[PATH_MAX];

	return path_format(file, sizeof(file), "%s/%s", folder, name) && access(file, F_OK) == 0;
}

/* What a killed step may have left, too.  File "f" is the data. */
enum made { M_PLAIN, M_LINKED, M_OPEN, M_HALF, M_NONE, M_SELF /* before the exchange of link, or after that of restore */,
	M_TMP_LINK, M_TMP_DIR, MADE };

static void
make(enum made what)
{
	char tmp[160], target[] = "data_x";
	const char *p;
	uint32_t hash = 2166136261u;

	fresh();
	for (p = target; *p != '\0'; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	snprintf(tmp, sizeof(tmp), "%s/.safekit_%08x", top, hash);
	if (what == M_PLAIN || what == M_SELF) {
		assert_int_equal(mkdir(dir, 0711), 0);
		put(dir, "f");
	} else if (what != M_NONE) {
		assert_int_equal(mkdir(backing, 0711), 0);
		put(backing, "f");
	}
	if (what == M_SELF)
		assert_int_equal(symlink(target, backing), 0);
	if (what == M_LINKED || what == M_TMP_DIR)
		assert_int_equal(symlink(target, dir), 0);
	if (what == M_OPEN || what == M_TMP_LINK)
		assert_int_equal(mkdir(dir, 0555), 0);
	if (what == M_TMP_LINK)
		assert_int_equal(symlink(target, tmp), 0);
	if (what == M_TMP_DIR)
		assert_int_equal(mkdir(tmp, 0555), 0);
}

static int
count(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return ftw->level == 1 && strstr(path, ".safekit_") != NULL;
}

static void
is_form(enum folder_form form, bool data, const char *what)
{
	struct stat st;

	if (folder_look(dir, "_x", err, sizeof(err)) != form)
		fail_msg("%s: expected %s, is %s (%s)", what, folder_names[form], folder_names[folder_look(dir, "_x", err, sizeof(err))], err);
	if (data && !has(form == FOLDER_OPEN ? backing : dir, "f"))
		fail_msg("%s: the data is gone", what);
	if (data) {
		assert_int_equal(stat(form == FOLDER_OPEN ? backing : dir, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0711);
	}
	assert_int_equal(nftw(top, count, 16, FTW_PHYS), 0);
}

static void
test_folder_steps(void **state)
{
	int m;

	for (m = 0; m < MADE; m++) {
		char what[32];
		bool data = m != M_NONE;

		snprintf(what, sizeof(what), "made %d", m);
		make((enum made)m);
		assert_true(folder_link(dir, "_x", err, sizeof(err)));
		is_form(FOLDER_LINKED, data, what);
		assert_true(folder_link(dir, "_x", err, sizeof(err)));
		is_form(FOLDER_LINKED, data, what);
		assert_true(folder_open(dir, "_x", err, sizeof(err)));
		is_form(FOLDER_OPEN, data, what);
		assert_true(folder_open(dir, "_x", err, sizeof(err)));
		assert_true(folder_link(dir, "_x", err, sizeof(err)));
		is_form(FOLDER_LINKED, data, what);
		assert_true(folder_restore(dir, "_x", err, sizeof(err)));
		is_form(FOLDER_PLAIN, data, what);
		assert_int_equal(access(backing, F_OK), -1);
		make((enum made)m);
		assert_true(folder_restore(dir, "_x", err, sizeof(err)));
		is_form(m == M_NONE ? FOLDER_NONE : FOLDER_PLAIN, data, what);
		make((enum made)m);
		if (m == M_PLAIN || m == M_NONE || m == M_SELF) {
			assert_false(folder_open(dir, "_x", err, sizeof(err)));
			assert_non_null(strstr(err, "expected safekit config to have made it"));
		} else {
			assert_true(folder_open(dir, "_x", err, sizeof(err)));
			is_form(FOLDER_OPEN, data, what);
		}
	}
	clean();
}

/* Nothing is touched where it is not as expected */
static void
refused(const char *word)
{
	err[0] = '\0';
	assert_int_equal(folder_look(dir, "_x", err, sizeof(err)), FOLDER_WRONG);
	if (strstr(err, word) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", err, word);
	assert_false(folder_link(dir, "_x", err, sizeof(err)));
	assert_false(folder_open(dir, "_x", err, sizeof(err)));
	assert_false(folder_restore(dir, "_x", err, sizeof(err)));
}

static void
test_folder_refusals(void **state)
{
	char text[PATH_MAX];
	ssize_t n;

	make(M_OPEN);
	put(dir, "g");
	refused("are both there");
	assert_true(has(dir, "g") && has(backing, "f"));
	make(M_NONE);
	assert_int_equal(symlink("/etc", dir), 0);
	refused("is a link to /etc: expected a folder");
	n = readlink(dir, text, sizeof(text));
	assert_true(n == 4 && memcmp(text, "/etc", 4) == 0);
	make(M_NONE);
	assert_int_equal(symlink("data_x", dir), 0);
	refused("is a link to data_x, which is not there");
	make(M_NONE);
	put(top, "data");
	refused("is a file: expected a folder");
	make(M_PLAIN);
	put(top, "data_x");
	refused("data_x is no folder");
	assert_true(has(dir, "f"));
	make(M_PLAIN);
	assert_int_equal(symlink("/etc", backing), 0);
	refused("data_x is no folder");
	make(M_PLAIN);
	snprintf(dir, sizeof(dir), "%s/none/data", top);
	assert_int_equal(folder_look(dir, "_x", err, sizeof(err)), FOLDER_NONE);
	assert_false(folder_link(dir, "_x", err, sizeof(err)));
	assert_non_null(strstr(err, "No such file"));
	clean();
}

/* An absolute link, as somebody writes it by hand (UG 13.6.3: "you have to restore the symbolic link manually") */
static void
test_folder_link_by_hand(void **state)
{
	make(M_HALF);
	assert_int_equal(symlink(backing, dir), 0);
	is_form(FOLDER_LINKED, true, "by hand");
	assert_true(folder_restore(dir, "_x", err, sizeof(err)));
	is_form(FOLDER_PLAIN, true, "by hand");
	clean();
}

static void
test_folder_handles(void **state)
{
	assert_false(folder_handles("/proc", err, sizeof(err)));
	assert_non_null(strstr(err, "cannot be replicated: expected one whose file handles have 8 bytes"));
	assert_false(folder_handles("/nowhere", err, sizeof(err)));
	assert_non_null(strstr(err, "No such file"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_attribute),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_lan_of_the_replication),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_cron),
		cmocka_unit_test(test_folder_steps),
		cmocka_unit_test(test_folder_refusals),
		cmocka_unit_test(test_folder_link_by_hand),
		cmocka_unit_test(test_folder_handles),
	};
	int rc;

	conf_failover_file(DEFAULT);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	rc = cmocka_run_group_tests(tests, load_cluster, NULL);
	xmlCleanupParser();
	return rc;
}
