/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * agentx_peer.c: what safeagent is measured against on the same machine in the same run.
 *
 * usage: agentx_peer SOCKET ROWS floor|iterator	serves ROWS rows of 6 columns (2..7) at 1.3.6.1.4.1.8072.9999.9999.1.1
 *   floor	no table at all: the next row is computed.  What is left is the AgentX round trip of Net-SNMP: the limit.
 *   iterator	the library's table_iterator over an array, the way most subagents are written: the peer.
 * Columns are of the types and sizes of skResourceTable's.
 */
#include "config.h"
#include "base/base.h"

#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <net-snmp/agent/net-snmp-agent-includes.h>

#include <stdlib.h>
#include <string.h>

#define FIRST	2
#define LAST	7

/* netSnmpPlaypen: for experiments */
static const oid table[] = { 1, 3, 6, 1, 4, 1, 8072, 9999, 9999, 1 };
#define ENTRY_LEN	(OID_LENGTH(table) + 1)
static long rows;

static void
put(netsnmp_variable_list *vb, oid column)
{
	static const char date[11] = "\x07\xe9\x03\x07\x0a\x1c\x23\x00+";
	u_long number = 3;

	switch (column) {
	case 2: snmp_set_var_typed_value(vb, ASN_OCTET_STR, "intf.10.0.1.0", 13); break;
	case 3: snmp_set_var_typed_value(vb, ASN_OCTET_STR, "up", 2); break;
	case 4: snmp_set_var_typed_value(vb, ASN_INTEGER, &number, sizeof(number)); break;
	case 5: case 6: snmp_set_var_typed_value(vb, ASN_OCTET_STR, date, sizeof(date)); break;
	default: snmp_set_var_typed_value(vb, ASN_OCTET_STR, "intfcheck", 9);
	}
}

/* ---- floor ---- */

static int
floor_handler(netsnmp_mib_handler *self, netsnmp_handler_registration *reg, netsnmp_agent_request_info *info, netsnmp_request_info *r)
{
	for (; r != NULL; r = r->next) {
		const netsnmp_variable_list *vb = r->requestvb;
		oid name[ENTRY_LEN + 3], column = FIRST, row = 0;
		size_t n = vb->name_length;

		if (info->mode != MODE_GETNEXT) {
			netsnmp_set_request_error(info, r, SNMP_NOSUCHOBJECT);
			continue;
		}
		if (n > ENTRY_LEN && snmp_oidtree_compare(vb->name, OID_LENGTH(table), table, OID_LENGTH(table)) == 0)
			column = vb->name[ENTRY_LEN] < FIRST ? FIRST : vb->name[ENTRY_LEN];
		if (n > ENTRY_LEN + 2)
			row = vb->name[ENTRY_LEN + 2];
		if (row >= (oid)rows) {
			row = 0;
			column++;
		}
		if (column > LAST)
			continue;
		memcpy(name, table, sizeof(table));
		name[ENTRY_LEN - 1] = 1;
		name[ENTRY_LEN] = column;
		name[ENTRY_LEN + 1] = 1;
		name[ENTRY_LEN + 2] = row + 1;
		snmp_set_var_objid(r->requestvb, name, ENTRY_LEN + 3);
		put(r->requestvb, column);
	}
	return SNMP_ERR_NOERROR;
}

/* ---- iterator ---- */

static netsnmp_variable_list *
iterate(void **loop, void **data, netsnmp_variable_list *index, netsnmp_iterator_info *info)
{
	long i = (long)(intptr_t)*loop, one = 1;

	if (i >= rows)
		return NULL;
	i++;
	*loop = *data = (void *)(intptr_t)i;
	snmp_set_var_value(index, &one, sizeof(one));
	snmp_set_var_value(index->next_variable, &i, sizeof(i));
	return index;
}

static netsnmp_variable_list *
iterate_first(void **loop, void **data, netsnmp_variable_list *index, netsnmp_iterator_info *info)
{
	*loop = NULL;
	return iterate(loop, data, index, info);
}

static int
iterator_handler(netsnmp_mib_handler *self, netsnmp_handler_registration *reg, netsnmp_agent_request_info *info, netsnmp_request_info *r)
{
	for (; r != NULL; r = r->next)
		if (info->mode == MODE_GET && !r->processed && netsnmp_extract_iterator_context(r) != NULL)
			put(r->requestvb, netsnmp_extract_table_info(r)->colnum);
	return SNMP_ERR_NOERROR;
}

static int
register_iterator(void)
{
	netsnmp_table_registration_info *info = SNMP_MALLOC_TYPEDEF(netsnmp_table_registration_info);
	netsnmp_iterator_info *it = SNMP_MALLOC_TYPEDEF(netsnmp_iterator_info);

	netsnmp_table_helper_add_indexes(info, ASN_UNSIGNED, ASN_UNSIGNED, 0);
	info->min_column = FIRST;
	info->max_column = LAST;
	it->get_first_data_point = iterate_first;
	it->get_next_data_point = iterate;
	it->table_reginfo = info;
	return netsnmp_register_table_iterator2(netsnmp_create_handler_registration("peer", iterator_handler, table, OID_LENGTH(table),
	    HANDLER_CAN_RONLY), it);
}

int
main(int argc, char **argv)
{
	int rc;

	diag_init("agentx_peer", 0);
	if (argc != 4 || (rows = atol(argv[2])) < 1 || (strcmp(argv[3], "floor") != 0 && strcmp(argv[3], "iterator") != 0))
		fatal("usage: agentx_peer SOCKET ROWS floor|iterator");
	setenv("MIBS", "", 1);
	netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_READ_CONFIGS, 1);
	netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_PERSIST_STATE, 1);
	netsnmp_ds_set_boolean(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_ROLE, 1);
	netsnmp_ds_set_string(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_X_SOCKET, argv[1]);
	snmp_disable_log();
	if (init_agent("agentx_peer") != 0)
		fatal("no AgentX");
	rc = strcmp(argv[3], "iterator") == 0 ? register_iterator() : netsnmp_register_handler(netsnmp_create_handler_registration("peer",
	    floor_handler, table, OID_LENGTH(table), HANDLER_CAN_RONLY));
	if (rc != MIB_REGISTERED_OK)
		fatal("cannot register");
	init_snmp("agentx_peer");
	for (;;)
		agent_check_and_process(1);
}
