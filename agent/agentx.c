/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * agentx.c: the thread that speaks AgentX with snmpd, and the only file that knows Net-SNMP.
 *
 * Owns: the session, the handler of the whole tree, the sending of notifications.  One region and one handler: look-up is ours
 * (oidtable.c), because the library's iterator costs O(n) per cell and snmpd asks one AgentX round trip per repetition anyway.
 * Never does: talk to the engine, or hold the mutex across a call of the library that may wait.
 */
#include "config.h"
#include "agent/agent.h"
#include "agent/oids.h"
#include "agent/oidtable.h"

#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <net-snmp/agent/net-snmp-agent-includes.h>
#include <net-snmp/agent/agent_callbacks.h>
#include <net-snmp/agent/agent_trap.h>

#include <sys/select.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PING_S		1	/* between attempts to reach snmpd, and between pings: the tree is back 2 s after snmpd at most */
#define COMPLAIN_MS	5000	/* without snmpd: say what to look at */
#define TURN_S		1	/* longest sleep: a signal that came between check and sleep is seen then */

static const oid root[] = { OID_ROOT };
#define ROOT_LEN	OID_LENGTH(root)

static struct {
	struct agent	*a;
	bool		 connected;	/* snmpd answers */
	struct set_pdu	 pdu;		/* of the SET under way: snmpd asks for one at a time */
} ax;

/* ---- values ---- */

static void
put_value(netsnmp_variable_list *vb, const struct value *val)
{
	static const u_char types[] = { [VALUE_INTEGER] = ASN_INTEGER, [VALUE_UNSIGNED] = ASN_UNSIGNED, [VALUE_COUNTER] = ASN_COUNTER,
	    [VALUE_TICKS] = ASN_TIMETICKS, [VALUE_TEXT] = ASN_OCTET_STR };
	u_long number = val->number;

	if (val->type == VALUE_TEXT)
		snmp_set_var_typed_value(vb, ASN_OCTET_STR, val->text, val->len);
	else
		snmp_set_var_typed_value(vb, types[val->type], &number, sizeof(number));
}

/* Under the mutex */
static void
view_now(struct view *v)
{
	*v = (struct view){ .snap = &ax.a->snap, .traps = &ax.a->traps, .now_ms = clock_mono_ms(), .control = ax.a->control,
	    .uptime_cs = (uint32_t)netsnmp_get_agent_uptime() };
	v->reachable = snap_reachable(v->snap, v->now_ms);
}

/* ---- GET, GETNEXT ---- */

static void
answer_get(netsnmp_agent_request_info *info, netsnmp_request_info *request)
{
	const netsnmp_variable_list *vb = request->requestvb;
	struct value val;
	struct view v;
	enum oid_found found;

	pthread_mutex_lock(&ax.a->mutex);
	view_now(&v);
	found = oid_get(&v, vb->name + ROOT_LEN, vb->name_length - ROOT_LEN, &val);
	pthread_mutex_unlock(&ax.a->mutex);
	if (found == OID_FOUND)
		put_value(request->requestvb, &val);
	else
		netsnmp_set_request_error(info, request, found == OID_NO_OBJECT ? SNMP_NOSUCHOBJECT : SNMP_NOSUCHINSTANCE);
}

static void
answer_next(netsnmp_request_info *request)
{
	oid next[ROOT_LEN + OID_DEPTH + 2];
	const netsnmp_variable_list *vb = request->requestvb;
	bool inside = vb->name_length >= ROOT_LEN && memcmp(vb->name, root, sizeof(root)) == 0, found;
	struct value val;
	struct view v;
	size_t len;

	/* a name before the region stands for its beginning */
	if (!inside && snmp_oid_compare(vb->name, vb->name_length, root, ROOT_LEN) > 0)
		return;
	pthread_mutex_lock(&ax.a->mutex);
	view_now(&v);
	found = oid_next(&v, inside ? vb->name + ROOT_LEN : root, inside ? vb->name_length - ROOT_LEN : 0, next + ROOT_LEN, &len, &val);
	pthread_mutex_unlock(&ax.a->mutex);
	if (!found)
		return;	/* the library goes on behind the region */
	memcpy(next, root, sizeof(root));
	snmp_set_var_objid(request->requestvb, next, ROOT_LEN + len);
	put_value(request->requestvb, &val);
}

/* ---- SET ---- */

static const int set_errors[] = { [SET_OK] = SNMP_ERR_NOERROR, [SET_MERGE] = SNMP_ERR_NOERROR, [SET_WRONG_TYPE] = SNMP_ERR_WRONGTYPE,
    [SET_WRONG_VALUE] = SNMP_ERR_WRONGVALUE, [SET_NO_CREATION] = SNMP_ERR_NOCREATION, [SET_NOT_WRITABLE] = SNMP_ERR_NOTWRITABLE,
    [SET_INCONSISTENT] = SNMP_ERR_INCONSISTENTVALUE, [SET_UNAVAILABLE] = SNMP_ERR_RESOURCEUNAVAILABLE };

/* What the manager wants into ax.pdu; false: too much */
static bool
read_pdu(netsnmp_request_info *requests)
{
	static const uint32_t lock[] = { OID_skModuleActionSpinLock };
	netsnmp_request_info *r;

	memset(&ax.pdu, 0, sizeof(ax.pdu));
	for (r = requests; r != NULL; r = r->next) {
		const netsnmp_variable_list *vb = r->requestvb;
		struct set_var *var = &ax.pdu.var[ax.pdu.count];
		const struct leaf *leaf;
		uint64_t key = 0;

		if (ax.pdu.count++ == SET_VARS)
			return false;
		leaf = oid_leaf(vb->name + ROOT_LEN, vb->name_length - ROOT_LEN, &key, &var->instance);
		if (leaf == NULL || !leaf->writable)
			continue;	/* SET_OTHER */
		var->column = memcmp(leaf->oid, lock, sizeof(lock)) == 0 ? SET_LOCK : SET_ACTION;
		var->is_integer = vb->type == ASN_INTEGER && vb->val.integer != NULL;
		var->value = var->is_integer ? *vb->val.integer : 0;
		var->module = (uint32_t)key;
	}
	return true;
}

static void
refuse(netsnmp_agent_request_info *info, netsnmp_request_info *requests, int at)
{
	netsnmp_request_info *r = requests;
	int i;

	for (i = 0; i < at; i++)
		r = r->next;
	netsnmp_set_request_error(info, r, set_errors[ax.pdu.var[at].answer]);
}

static void
answer_set(netsnmp_agent_request_info *info, netsnmp_request_info *requests)
{
	struct agent *a = ax.a;
	int64_t now = clock_mono_ms(), wall = clock_wall_us() / 1000;
	bool ordered = false;
	int at = -1;

	if (info->mode == MODE_SET_RESERVE1 && !read_pdu(requests)) {
		netsnmp_set_request_error(info, requests, SNMP_ERR_RESOURCEUNAVAILABLE);
		return;
	}
	pthread_mutex_lock(&a->mutex);
	switch (info->mode) {
	case MODE_SET_RESERVE1:
		at = action_check(&a->snap, &a->orders, a->control, snap_reachable(&a->snap, now), &ax.pdu);
		break;
	case MODE_SET_ACTION:
		at = action_apply(&a->snap, &a->orders, a->control, snap_reachable(&a->snap, now), &ax.pdu);
		break;
	case MODE_SET_UNDO:
		action_undo(&a->snap, &ax.pdu);
		break;
	case MODE_SET_COMMIT:
		action_commit(&a->snap, &a->orders, &ax.pdu, wall);
		ordered = a->orders.count > 0;
		break;
	}
	pthread_mutex_unlock(&a->mutex);
	if (at >= 0)
		refuse(info, requests, at);
	if (ordered)
		agent_wake(a->wake_feed);
}

static int
handler(netsnmp_mib_handler *self, netsnmp_handler_registration *registration, netsnmp_agent_request_info *info,
    netsnmp_request_info *requests)
{
	netsnmp_request_info *r;

	if (info->mode != MODE_GET && info->mode != MODE_GETNEXT) {
		answer_set(info, requests);
		return SNMP_ERR_NOERROR;
	}
	for (r = requests; r != NULL; r = r->next) {
		if (r->processed)
			continue;
		if (info->mode == MODE_GET)
			answer_get(info, r);
		else
			answer_next(r);
	}
	return SNMP_ERR_NOERROR;
}

/* ---- notifications ---- */

#define TRAP_OBJECTS	10
static const uint32_t trap_objects[TRAP_OBJECTS][OID_DEPTH] = {
	/* always these, in this order, as the MIB says */
	{ OID_skNoticeSeq }, { OID_skNoticeTime }, { OID_skNoticeType }, { OID_skNoticeModuleId }, { OID_skNoticeModule },
	{ OID_skNoticeObject }, { OID_skNoticeFrom }, { OID_skNoticeTo }, { OID_skNoticeMessage }, { OID_skNoticeNode },
};
#define TRAP_OBJECT_LEN	(sizeof((const uint32_t[]){ OID_skNoticeSeq }) / sizeof(uint32_t))

static bool
append(netsnmp_variable_list **list, const struct rpt_notice *n, const uint32_t *object)
{
	unsigned long name[OID_DEPTH + 1];
	const struct leaf *leaf;
	struct value val = { .len = 0 };
	struct view v;
	oid full[ROOT_LEN + OID_DEPTH + 1];
	uint64_t key = 0;
	bool instance;
	netsnmp_variable_list *vb;
	size_t i;

	for (i = 0; i < TRAP_OBJECT_LEN; i++)
		name[i] = object[i];
	name[i++] = (uint32_t)n->seq;
	leaf = oid_leaf(name, i, &key, &instance);
	if (leaf == NULL || !instance)
		return false;
	pthread_mutex_lock(&ax.a->mutex);
	view_now(&v);
	val.type = leaf->type;
	leaf->get(&v, leaf, key, n, &val);
	pthread_mutex_unlock(&ax.a->mutex);
	memcpy(full, root, sizeof(root));
	memcpy(full + ROOT_LEN, name, i * sizeof(name[0]));
	vb = snmp_varlist_add_variable(list, full, ROOT_LEN + i, ASN_NULL, NULL, 0);
	if (vb == NULL)
		return false;
	put_value(vb, &val);
	return true;
}

static void
send_notice(const struct rpt_notice *n)
{
	static const oid trap_oid[] = { 1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0 };	/* snmpTrapOID.0, RFC 3418 */
	static const int numbers[NT_COUNT][2] = {
		[NT_LOG] = { OID_skTrapLogMesg }, [NT_STATE] = { OID_skModuleStateChange }, [NT_FAILOVER_BEGIN] = { OID_skFailoverBegin },
		[NT_FAILOVER_END] = { OID_skFailoverEnd }, [NT_RESOURCE] = { OID_skResourceChange }, [NT_HB_LOST] = { OID_skHeartbeatLost },
		[NT_HB_RESTORED] = { OID_skHeartbeatRestored }, [NT_SPLITBRAIN] = { OID_skSplitBrain },
		[NT_ACTION] = { OID_skActionCompleted }, [NT_MAXLOOP] = { OID_skMaxloopReached },
	};
	netsnmp_variable_list *list = NULL;
	oid type[ROOT_LEN + 2];
	bool good;
	size_t i;

	memcpy(type, root, sizeof(root));
	type[ROOT_LEN] = (oid)numbers[n->type][0];
	type[ROOT_LEN + 1] = (oid)numbers[n->type][1];
	good = snmp_varlist_add_variable(&list, trap_oid, OID_LENGTH(trap_oid), ASN_OBJECT_ID, type, sizeof(type)) != NULL;
	for (i = 0; good && i < TRAP_OBJECTS; i++)
		good = append(&list, n, trap_objects[i]);
	if (good)
		send_v2trap(list);
	else
		warn_text("no memory for a notification");
	snmp_free_varbind(list);
}

/* At most TRAP_PER_TURN: see there.  true: more wait */
static bool
send_notices(void)
{
	struct rpt_notice n;
	bool more = true;
	int i;

	for (i = 0; i < TRAP_PER_TURN && more; i++) {
		pthread_mutex_lock(&ax.a->mutex);
		more = trap_take(&ax.a->traps, &n);
		pthread_mutex_unlock(&ax.a->mutex);
		if (more)
			send_notice(&n);
	}
	return more;
}

/* ---- the session ---- */

static int
session_up(int major, int minor, void *server, void *client)
{
	if (!ax.connected)
		warn_text("snmpd: connected");
	ax.connected = true;
	return 0;
}

static int
session_down(int major, int minor, void *server, void *client)
{
	if (ax.connected)
		warn_text("snmpd: connection lost, trying again each %d s", PING_S);
	ax.connected = false;
	return 0;
}

static bool
begin(struct agent *a)
{
	netsnmp_handler_registration *reg;

	ax.a = a;
	/* the library reads no MIB, no file, and keeps none: the agent has options and needs no privileges */
	setenv("MIBS", "", 1);
	netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_READ_CONFIGS, 1);
	netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_PERSIST_STATE, 1);
	netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DISABLE_PERSISTENT_LOAD, 1);
	netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DISABLE_PERSISTENT_SAVE, 1);
	netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_ALARM_DONT_USE_SIG, 1);
	if (a->verbose > 1)
		snmp_enable_stderrlog();
	else	/* with no handler at all the library would choose stderr by itself */
		netsnmp_register_loghandler(NETSNMP_LOGHANDLER_NONE, LOG_EMERG);
	netsnmp_ds_set_boolean(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_ROLE, 1);	/* subagent */
	netsnmp_ds_set_boolean(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_NO_CONNECTION_WARNINGS, 1);
	netsnmp_ds_set_string(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_X_SOCKET, a->socket);
	snmp_register_callback(SNMP_CALLBACK_APPLICATION, SNMPD_CALLBACK_INDEX_START, session_up, NULL);
	snmp_register_callback(SNMP_CALLBACK_APPLICATION, SNMPD_CALLBACK_INDEX_STOP, session_down, NULL);
	if (init_agent("safeagent") != 0) {
		warn_text("snmpd: the AgentX library does not start");
		return false;
	}
	/* behind init_agent(), which sets the library's default of 15 s, and before init_snmp(), which begins to connect */
	netsnmp_ds_set_int(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_AGENTX_PING_INTERVAL, PING_S);
	reg = netsnmp_create_handler_registration("safekit", handler, root, ROOT_LEN, HANDLER_CAN_RWRITE);
	if (reg == NULL || netsnmp_register_handler(reg) != MIB_REGISTERED_OK) {
		warn_text("snmpd: the tree cannot be registered");
		return false;
	}
	init_snmp("safeagent");
	return true;
}

static void
turn(bool hurry)
{
	struct timeval tv = { .tv_sec = hurry ? 0 : TURN_S };
	int wake = ax.a->wake_agentx, max = 0, block = 0, n;
	fd_set fds;

	FD_ZERO(&fds);
	snmp_select_info(&max, &fds, &tv, &block);
	FD_SET(wake, &fds);
	n = select(max > wake + 1 ? max : wake + 1, &fds, NULL, NULL, &tv);
	if (n > 0 && FD_ISSET(wake, &fds)) {
		FD_CLR(wake, &fds);
		agent_woken(wake);
		n--;
	}
	if (n > 0)
		snmp_read(&fds);
	else if (n == 0)
		snmp_timeout();
	run_alarms();
	netsnmp_check_outstanding_agent_requests();
}

/* The library tries in silence */
static void
complain(const char *path)
{
	const char *file = strncmp(path, "unix:", 5) == 0 ? path + 5 : path;

	warn_text("snmpd: nobody answers at %s (%s): needs 'master agentx', and agentXSocket and agentXPerms that fit", path,
	    file[0] != '/' || access(file, R_OK | W_OK) == 0 ? "no AgentX master" : strerror(errno));
}

bool
agentx_run(struct agent *a)
{
	int64_t start = clock_mono_ms();
	bool more = false, said = false;

	if (!begin(a))
		return false;
	while (!agent_quitting()) {
		turn(more);
		/* what comes while snmpd is away waits in the queue */
		more = ax.connected && send_notices();
		if (!ax.connected && !said && clock_mono_ms() - start > COMPLAIN_MS) {
			complain(a->socket);
			said = true;
		}
	}
	snmp_shutdown("safeagent");
	return true;
}
