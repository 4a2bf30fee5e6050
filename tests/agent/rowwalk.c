/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rowwalk.c: a manager that reads skResourceTable row by row: GETBULK of several columns at a time.
 *
 * usage: rowwalk HOST:PORT COLUMNS REPETITIONS SECONDS [ENTRY]	prints the number of rows; columns are 2, 3, ...
 * ENTRY: numbers of another table's entry with an index of two numbers.
 * It ends with an error when indexes do not increase or a column is missing in a row.
 */
#include "config.h"
#include "base/base.h"
#include "agent/oids.h"

#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX	7

static oid entry[MAX_OID_LEN] = { OID_ROOT, OID_skResourceEntry };
static size_t entry_len = sizeof((oid[]){ OID_ROOT, OID_skResourceEntry }) / sizeof(oid);

/* Rows of one answer; -1 at the end of the table.  last: where to go on */
static long
take(const struct variable_list *vb, long columns, oid *last)
{
	long rows = 0, c;

	while (vb != NULL) {
		oid index[2] = { 0, 0 };

		for (c = 0; c < columns; c++, vb = vb->next_variable) {
			if (vb == NULL)
				return rows;	/* the last row was cut: it comes again */
			if (vb->name_length != entry_len + 3 || memcmp(vb->name, entry, entry_len * sizeof(oid)) != 0 ||
			    vb->name[entry_len] != (oid)(c + 2))
				return rows > 0 ? rows : -1;
			if (c == 0)
				memcpy(index, vb->name + entry_len + 1, sizeof(index));
			else if (memcmp(index, vb->name + entry_len + 1, sizeof(index)) != 0)
				fatal("column %ld has another row", c + 2);
		}
		if (index[0] < last[0] || (index[0] == last[0] && index[1] <= last[1]))
			fatal("index not increasing");
		memcpy(last, index, sizeof(index));
		rows++;
	}
	return rows;
}

int
main(int argc, char **argv)
{
	netsnmp_session conf, *s;
	oid last[2] = { 0, 0 };
	long columns, repetitions, c, got, rows = 0;
	int64_t end;

	diag_init("rowwalk", 0);
	if (argc < 5 || argc > 6 || (columns = atol(argv[2])) < 1 || columns > COLUMNS_MAX || (repetitions = atol(argv[3])) < 1)
		fatal("usage: rowwalk HOST:PORT COLUMNS REPETITIONS SECONDS [ENTRY]");
	end = clock_mono_ms() + atol(argv[4]) * 1000;
	netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_READ_CONFIGS, 1);
	netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_PERSIST_STATE, 1);
	init_snmp("rowwalk");
	if (argc == 6 && (entry_len = MAX_OID_LEN - 3, !read_objid(argv[5], entry, &entry_len)))
		fatal("%s is no OID", argv[5]);
	snmp_sess_init(&conf);
	conf.peername = argv[1];
	conf.version = SNMP_VERSION_2c;
	conf.community = (u_char *)(uintptr_t)"public";
	conf.community_len = strlen("public");
	conf.timeout = 5000000;	/* us */
	s = snmp_open(&conf);
	if (s == NULL)
		fatal("no session with %s", argv[1]);
	do {
		netsnmp_pdu *pdu = snmp_pdu_create(SNMP_MSG_GETBULK), *answer = NULL;
		oid name[MAX_OID_LEN];

		memcpy(name, entry, entry_len * sizeof(oid));
		pdu->non_repeaters = 0;
		pdu->max_repetitions = repetitions;
		for (c = 0; c < columns; c++) {
			name[entry_len] = (oid)(c + 2);
			name[entry_len + 1] = last[0];
			name[entry_len + 2] = last[1];
			snmp_add_null_var(pdu, name, entry_len + 3);
		}
		if (snmp_synch_response(s, pdu, &answer) != STAT_SUCCESS || answer->errstat != SNMP_ERR_NOERROR)
			fatal("no answer");
		got = take(answer->variables, columns, last);
		rows += got > 0 ? got : 0;
		snmp_free_pdu(answer);
	} while (got > 0 && clock_mono_ms() < end);
	snmp_close(s);
	printf("%ld\n", rows);
	return 0;
}
