/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/vhost.c: the environment files of <vhost>, and what a real shell makes of them. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/cli.h"
#include "conf/conf.h"

static char dir[PATH_MAX];

static char *
text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static bool
write_vhost(const char *name, const char *envfile, int when, char *err, size_t errsize)
{
	struct conf_vhost v = { .envfile = text(envfile), .when = when };
	struct conf_module m = { .vhosts_count = 1, .vhosts = &v };

	str_copy(v.name, sizeof(v.name), name);
	err[0] = '\0';
	return vhost_write(&m, dir, err, errsize);
}

/* What a script of that name and those arguments has in its environment after it read the file; preload: what it had before */
static const char *
sourced(const char *script, const char *args, const char *preload)
{
	static char line[PATH_MAX + 256];
	char path[PATH_MAX + 64], command[2 * PATH_MAX + 256];
	FILE *f;

	assert_true(path_format(path, sizeof(path), "%s/%s", dir, script));
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\nset -eu\nLD_PRELOAD=%s\n[ -n \"$LD_PRELOAD\" ] || unset LD_PRELOAD\n. '%s/env'\n"
	    "printf '%%s %%s\\n' \"${SAFE_VHOSTNAME-none}\" \"${LD_PRELOAD-none}\"\n", preload, dir);
	fclose(f);
	assert_true(path_format(command, sizeof(command), "sh %s %s", path, args));
	f = popen(command, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	assert_int_equal(pclose(f), 0);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static void
test_each_role(void **state)
{
	static const struct { int when; const char *script, *args; bool given; } rows[] = {
		{ WHEN_PRIM, "start_prim", "WAIT ALONE start", true },
		{ WHEN_PRIM, "stop_prim", "force WAIT STOP stop", true },
		{ WHEN_PRIM, "stop_prim", "STOP WAIT start", true },	/* as prestart calls it */
		{ WHEN_PRIM, "start_second", "WAIT SECOND start", false },
		{ WHEN_PRIM, "stop_second", "force SECOND ALONE failover", false },
		{ WHEN_PRIM, "start_both", "WAIT ALONE start", true },
		{ WHEN_PRIM, "start_both", "WAIT SECOND start", false },
		{ WHEN_PRIM, "start_sec", "ALONE PRIM start", true },
		{ WHEN_PRIM, "stop_both", "SECOND WAIT stop", false },
		{ WHEN_PRIM, "stop_both", "force SECOND SECOND restart", false },
		{ WHEN_PRIM, "stop_both", "PRIM WAIT stop", true },
		{ WHEN_PRIM, "start_both", "WAIT UP start", true },
		{ WHEN_PRIM, "restart_myappli", "", true },
		{ WHEN_SECOND, "start_second", "WAIT SECOND start", true },
		{ WHEN_SECOND, "start_prim", "WAIT PRIM start", false },
		{ WHEN_SECOND, "start_both", "WAIT ALONE start", false },
		{ WHEN_SECOND, "start_both", "WAIT SECOND start", true },
		{ WHEN_SECOND, "stop_both", "force PRIM PRIM restart", false },
		{ WHEN_BOTH, "start_second", "WAIT SECOND start", true },
		{ WHEN_BOTH, "start_prim", "WAIT PRIM start", true },
	};
	char err[512];
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(write_vhost("virtualname", "env", rows[i].when, err, sizeof(err)));
		print_message("# row %zu: when %d, %s %s\n", i, rows[i].when, rows[i].script, rows[i].args);
		assert_string_equal(sourced(rows[i].script, rows[i].args, ""),
		    rows[i].given ? "virtualname /opt/x/lib/libvhost.so" : "none none");
	}
}

static void
test_what_was_preloaded_stays(void **state)
{
	char err[512];

	assert_true(write_vhost("v", "env", WHEN_PRIM, err, sizeof(err)));
	assert_string_equal(sourced("start_prim", "", "/nowhere/a.so"), "v /nowhere/a.so:/opt/x/lib/libvhost.so");
	assert_string_equal(sourced("start_prim", "", "/opt/x/lib/libvhost.so"), "v /opt/x/lib/libvhost.so");
	assert_string_equal(sourced("start_prim", "", "/opt/x/lib/libvhost.so:/nowhere/a.so"), "v /opt/x/lib/libvhost.so:/nowhere/a.so");
}

static void
test_refused(void **state)
{
	static const struct { const char *name, *envfile; int when; const char *text; } rows[] = {
		{ "", "env", WHEN_PRIM, "<virtualhostname name=\"\">: expected a host name, 1 to 64 letters, digits, - . _" },
		{ "a';reboot;'", "env", WHEN_PRIM, "<virtualhostname name=\"a';reboot;'\">: expected a host name, 1 to 64 letters, digits, - . _" },
		{ "-v", "env", WHEN_PRIM, "<virtualhostname name=\"-v\">: expected a host name, 1 to 64 letters, digits, - . _" },
		{ "v", "../env", WHEN_PRIM, "<virtualhostname envfile=\"../env\">: expected a path below bin or an absolute one" },
		{ "v", "a/../../b", WHEN_PRIM, "<virtualhostname envfile=\"a/../../b\">: expected a path below bin or an absolute one" },
		{ "v", "a/", WHEN_PRIM, "<virtualhostname envfile=\"a/\">: expected a path below bin or an absolute one" },
		{ "v", "", WHEN_PRIM, "<virtualhostname envfile=\"\">: expected a path below bin or an absolute one" },
		{ "v", "env", WHEN_SEC, "<virtualhostname name=\"v\">: expected when=\"prim\", \"second\" or \"both\"" },
		{ "v", "env", -1, "<virtualhostname name=\"v\">: expected when=\"prim\", \"second\" or \"both\"" },
		{ "v", "/nowhere/at/all/env", WHEN_PRIM, "/nowhere/at/all/env: No such file or directory" },
	};
	char err[512];
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		assert_false(write_vhost(rows[i].name, rows[i].envfile, rows[i].when, err, sizeof(err)));
		assert_string_equal(err, rows[i].text);
	}
}

static void
test_files(void **state)
{
	char err[512], path[PATH_MAX + 64];
	struct conf_module none = { 0 };
	struct stat st;

	assert_true(vhost_write(&none, "/nowhere", err, sizeof(err)));
	assert_true(path_format(path, sizeof(path), "%s/elsewhere", dir));
	assert_true(write_vhost("v", path, WHEN_BOTH, err, sizeof(err)));	/* an absolute one */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_true(write_vhost("v", "etc/vhost/env", WHEN_BOTH, err, sizeof(err)));
	assert_true(path_format(path, sizeof(path), "%s/etc/vhost/env", dir));
	assert_int_equal(stat(path, &st), 0);
}

static int
make_dir(void **state)
{
	setenv("SAFE", "/opt/x", 1);
	str_copy(dir, sizeof(dir), "/tmp/t_vhost-XXXXXX");
	return mkdtemp(dir) == NULL;
}

static int
remove_dir(void **state)
{
	char err[512];

	return tree_remove(dir, err, sizeof(err)) ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_role),
		cmocka_unit_test(test_what_was_preloaded_stays),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_files),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
