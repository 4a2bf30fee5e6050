/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_userconfig: any bytes as userconfig.xml, and what was accepted through the run form and back.
 * Aborts where the contract is broken: an answer without a reason, a struct that its own decoder refuses, an unprintable finding.
 */
#include "config.h"
#include "conf/xml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int rc, const struct conf_errors *errs)
{
	int i;

	if ((rc == 0) == conf_has_errors(errs) || errs->count > CONF_ERRORS_MAX)
		abort();
	for (i = 0; i < errs->count; i++)
		if (errs->e[i].text[0] == '\0' || errs->e[i].line < 0 || !xmlCheckUTF8((const unsigned char *)errs->e[i].text))
			abort();
}

static void
check_run_form(const struct conf_module *m)
{
	json_t *obj = conf_module_to_json(m), *again;
	struct conf_module back;
	char err[256];
	int i;

	if (obj == NULL || !conf_module_from_json(obj, &back, err, sizeof(err)))
		abort();
	again = conf_module_to_json(&back);
	if (!json_equal(obj, again) || !conf_module_dynamic(m, &back, err, sizeof(err)))
		abort();
	for (i = 0; i < m->rules_count; i++)
		if (m->rules[i].text == NULL || m->rules[i].line < 1 || m->rules[i].column < 1)
			abort();
	json_decref(again);
	json_decref(obj);
	conf_module_free(&back);
}

/* What vipd relies on, and what a checker that was made looks like */
static void
check_vip(const struct conf_module *m)
{
	int i;

	if (m->vintfs_count > CONF_VINTFS_MAX || m->vaddrs_count > CONF_VADDRS_MAX || m->groups_count > CONF_GROUPS_MAX ||
	    m->lbrules_count > CONF_LBRULES_MAX || m->farm.lans_count > SK_LANS_MAX || m->checks_count > CONF_CHECKS_MAX)
		abort();
	for (i = 0; i < m->vaddrs_count; i++)
		if (m->vaddrs[i].intf < 0 || m->vaddrs[i].intf >= m->vintfs_count || m->vaddrs[i].addr[0] == '\0' ||
		    m->vaddrs[i].one_side != (m->mode == MODE_MIRROR))
			abort();
	for (i = 0; i < m->lbrules_count; i++)
		if (m->lbrules[i].group >= m->groups_count || m->lbrules[i].vaddr < -1 || m->lbrules[i].vaddr >= m->vaddrs_count)
			abort();
	for (i = 0; i < m->checks_count; i++)
		if (!str_is_name(m->checks[i].ident) || m->checks[i].addr == NULL || (m->checks[i].network && m->checks[i].kind != CHECK_INTF))
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct conf_cluster cluster;
	static struct conf_errors errs;
	static struct conf_module m;
	static const struct conf_network nets[] = { { "eth0", "192.168.1.20", 24 }, { "eth1", "10.0.0.2", 8 }, { "eth1", "fd00::2", 64 } };
	int with;

	if (cluster.lans_count == 0) {
		conf_failover_file(TEST_SRCDIR "/engine/conf/failover.xml");
		if (conf_cluster_load(TEST_SRCDIR "/tests/data/guide/cluster.xml", &cluster, &errs) != 0)
			abort();
	}
	for (with = 0; with < 2; with++) {
		conf_set_networks(with ? nets : NULL, ARRAY_LEN(nets));
		int rc = conf_module_parse("fuzz.xml", (const char *)data, size, with ? &cluster : NULL, &m, &errs);

		check(rc, &errs);
		if (rc == 0) {
			check_run_form(&m);
			check_vip(&m);
			conf_module_free(&m);
		}
	}
	return 0;
}
