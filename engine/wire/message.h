/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * message.h: the catalogue of log messages: key, level, text.  Users grep these texts and keys; the documented ones are
 * word for word those of the manuals (index of the user's guide; 8.2's words where they changed).
 *
 * Keys: 512 = "Local state ..." and 537 = the license line are documented (8.2 notes, 2.1.15); the others are ours.
 * Never does: decide who is told; a row's notice type says only what kind of thing happened.
 */
#ifndef SK_MESSAGE_H
#define SK_MESSAGE_H

/* X(symbol, key, level, format): formats take strings only, so that a message can be built from a row without knowing it */
#define MESSAGE_LIST(X) \
	X(MSG_ACTION_CALLED,	500, 'U', "Action %s called by %s") \
	X(MSG_ACTION_BOOT,	501, 'U', "Action start called at boot time") \
	X(MSG_ACTION_AUTO,	502, 'E', "Action start called automatically") \
	X(MSG_ACTION_RULE,	503, 'E', "Action %s from failover rule %s") \
	X(MSG_TRANSITION,	504, 'E', "Transition %s from %s") \
	X(MSG_ACTION_REFUSED,	505, 'E', "Action %s refused: %s") \
	X(MSG_ACTION_DEFERRED,	506, 'I', "Action %s waits for the end of %s") \
	X(MSG_LOCAL_STATE,	512, 'E', "Local state %s %s") \
	X(MSG_REMOTE_STATE,	513, 'E', "Remote state %s %s") \
	X(MSG_RESOURCE,		514, 'E', "Resource %s set to %s by %s") \
	X(MSG_RESOURCE_INFO,	515, 'I', "Resource %s set to %s by %s") \
	X(MSG_SCRIPT,		520, 'S', "Script %s") \
	X(MSG_SCRIPT_FORCE,	521, 'S', "Script %s force") \
	X(MSG_SCRIPT_EXIT,	522, 'S', "Script %s returned %s") \
	X(MSG_SCRIPT_KILLED,	523, 'S', "Script %s killed by signal %s") \
	X(MSG_SCRIPT_TIMEOUT,	524, 'C', "Script %s did not end within %s seconds: killed") \
	X(MSG_SCRIPT_ERROR,	525, 'C', "Script %s cannot be run: %s") \
	X(MSG_END_OF_STOP,	530, 'E', "End of stop") \
	X(MSG_BEGIN_SWAP,	531, 'E', "Begin of Swap") \
	X(MSG_END_SWAP,		532, 'E', "End of Swap") \
	X(MSG_FAILOVER_NOHB,	533, 'C', "Reason of failover: no heartbeat") \
	X(MSG_FAILOVER_STOP,	534, 'C', "Reason of failover: remote stop") \
	X(MSG_FAILOVER_OFF,	535, 'C', "Failover-off configured") \
	X(MSG_PREVIOUS_HALT,	536, 'C', "Previous halt unexpected") \
	X(MSG_LICENSE,		537, 'I', "License : not required") \
	X(MSG_SPLIT_STAY,	540, 'C', "Split brain recovery: staying alone") \
	X(MSG_SPLIT_EXIT,	541, 'C', "Split brain recovery: exiting alone") \
	X(MSG_STOPPING_LOOP,	542, 'C', "Stopping loop") \
	X(MSG_PRIM_ABORTED,	543, 'C', "Requested prim start aborted ") \
	X(MSG_SECOND_ABORTED,	544, 'C', "Requested second start aborted ") \
	X(MSG_REBOOT,		545, 'C', "Automatic reboot: %s") \
	X(MSG_DATA_NOTUPTODATE,	546, 'C', "Data may be not uptodate for replicated directories (wait for the start of the remote server)") \
	X(MSG_DATA_PRIM_HINT,	547, 'C', "If you are sure that this server has valid data, run safekit prim to force start as primary") \
	X(MSG_FAILOVER_SET,	548, 'U', "Failover set to %s by %s") \
	X(MSG_WAITING,		549, 'E', "Waiting for %s") \
	X(MSG_HB_PEER_OTHER,	550, 'C', "Heartbeat from %s ignored: %s") \
	X(MSG_HEART_DIED,	560, 'C', "Process heart ended unexpectedly (%s): restarted") \
	X(MSG_HEART_START,	561, 'I', "Process heart started for module %s, id %s") \
	X(MSG_CONFIGURED,	562, 'U', "Configuration applied: signature %s") \
	X(MSG_CONFIG_REFUSED,	563, 'C', "Configuration refused: %s") \
	X(MSG_ERRD_EVENT,	600, 'E', "event %s on proc %s") \
	X(MSG_CHECKER_SET,	601, 'U', "Checkers set to %s by %s") \
	X(MSG_ERRD_SET,		602, 'U', "Process monitoring set to %s by %s") \
	X(MSG_CHECK_WHY,	603, 'I', "Checker %s: %s") \
	X(MSG_CUSTOM_ENDED,	604, 'C', "Custom checker %s ended unexpectedly (%s): started again") \
	X(MSG_CHECKD_DIED,	605, 'C', "Process checkd ended unexpectedly (%s): checkers are unknown until it is started again") \
	X(MSG_HANDLER,		606, 'E', "Handler %s of proc %s %s") \
	X(MSG_RULE_ASSIGN,	607, 'E', "Resource %s set to %s by failover rule %s") \
	X(MSG_CONFIG_DYNAMIC,	608, 'U', "Configuration changed while running: signature %s") \
	X(MSG_CHECK_ERROR,	609, 'C', "Checker %s cannot run: %s") \
	X(MSG_VIP_SET,		610, 'E', "Virtual IP <%s of %s> set") \
	X(MSG_VIP_UNSET,	611, 'E', "Virtual IP <%s of %s> unset") \
	X(MSG_VIP_ERROR,	612, 'C', "Virtual IP <%s of %s> cannot be set: %s") \
	X(MSG_VIP_LEFT,		613, 'C', "Virtual IP <%s of %s> removed: left by a process that was killed") \
	X(MSG_VIPD_DIED,	614, 'C', "Process vipd ended unexpectedly (%s): restarted") \
	X(MSG_FARM_MEMBERSHIP,	615, 'E', "farm membership: %s (group %s)") \
	X(MSG_FARM_LOAD,	616, 'E', "farm load: %s/256 (group %s)") \
	X(MSG_FARM_ERROR,	617, 'C', "farm: %s") \
	X(MSG_VIP_RESET,	618, 'I', "%s connections of virtual IP %s reset") \
	X(MSG_VIPD_LATE,	619, 'C', "Process vipd does not answer: the module goes on, virtual addresses may not be as they should") \
	X(MSG_RFS_TREE,		620, 'I', "Updating directory tree from %s") \
	X(MSG_RFS_COPIED,	621, 'I', "Copied %s") \
	X(MSG_RFS_ENDED,	622, 'E', "Reintegration ended (%s)") \
	X(MSG_RFS_INCONSISTENT,	623, 'C', "Data may be inconsistent for replicated directories (stopped during reintegration)") \
	X(MSG_RFS_PRIMFORCE_HINT, 624, 'C', "If you are sure that this server has valid data, run safekit primforce to force start as primary") \
	X(MSG_RFS_PEER_UP,	625, 'E', "Replication with %s: connected") \
	X(MSG_RFS_PEER_DOWN,	626, 'C', "Replication with %s: %s") \
	X(MSG_RFS_ALONE,	627, 'C', "Replication stopped: what is written from now on is on this server only (%s)") \
	X(MSG_RFS_WORKER_DIED,	628, 'C', "Process nfsbox ended unexpectedly (%s): another one took over in %s ms") \
	X(MSG_RFS_DEGRADED,	629, 'C', "Replication is out of order: %s; stop and start the module to replicate again") \
	X(MSG_RFSD_DIED,	630, 'C', "Process nfsadmin ended unexpectedly (%s): restarted") \
	X(MSG_RFSD_LATE,	631, 'C', "Process nfsadmin does not answer: %s") \
	X(MSG_RFS_FORK,		632, 'C', "Histories have forked: what %s wrote alone since %s is replaced by the primary's data") \
	X(MSG_RFS_MODE,		633, 'I', "Reintegration of %s: %s") \
	X(MSG_RFS_OUT,		634, 'C', "This server cannot follow the primary: %s") \
	X(MSG_RFS_ERROR,	635, 'C', "Replicated directory %s: %s") \
	X(MSG_RFS_CHANGED,	636, 'C', "Replicated directory %s: changed while the module was stopped; compared as a whole") \
	X(MSG_RFS_SYNC_FAILED,	637, 'C', "Reintegration failed: %s") \
	X(MSG_RFS_DETAIL,	638, 'I', "Reintegrated %s: %s") \
	X(MSG_RFS_POLICY,	639, 'U', "Synchronization policy set to %s by %s") \
	X(MSG_RFS_VERIFY,	640, 'E', "Verification of replicated directories: %s") \
	X(MSG_RFS_CHECKTIME,	641, 'C', "Replicated directory %s did not answer within %s ms") \
	X(MSG_RFS_LOST,		642, 'C', "Replicated directories are not as they must be for the application: %s") \
	X(MSG_CERT_EXPIRES,	650, 'C', "Certificate %s expires in %s days (%s)") \
	X(MSG_CERT_EXPIRED,	651, 'C', "Certificate %s has expired (%s)") \
	X(MSG_NODE_UP,		570, 'E', "Node %s is up") \
	X(MSG_NODE_DOWN,	571, 'C', "Node %s is down") \
	X(MSG_NODE_OTHER,	572, 'C', "Node %s does not talk to us: %s") \
	X(MSG_VIEW,		573, 'E', "Cluster membership: %s (view %s, leader %s)") \
	X(MSG_CLUSTER_CONFIG,	574, 'U', "Cluster configuration applied: signature %s") \
	X(MSG_JOURNAL_REBUILT,	580, 'C', "Journal database was damaged: set aside as %s and rebuilt") \
	X(MSG_JOURNAL_WRITE,	581, 'C', "Journal cannot be written: %s") \
	X(MSG_USER_I,		590, 'I', "%s") \
	X(MSG_USER_E,		591, 'E', "%s") \
	X(MSG_DEBUG,		599, 'd', "%s")

enum message {
#define X(sym, key, level, fmt) sym,
	MESSAGE_LIST(X)
#undef X
	MSG_COUNT
};

struct message_row { unsigned key; char level; const char *format; };
extern const struct message_row message_rows[MSG_COUNT];	/* message.c */

#endif
