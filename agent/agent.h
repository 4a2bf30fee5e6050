/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * agent.h: what the two threads of safeagent share.
 *
 * The AgentX thread (agentx.c, the main thread) answers snmpd.  The feed thread (feed.c) listens to the engine.  Either may be stuck
 * for seconds when its other side is silent; neither waits for the other: the mutex is held for look-ups and copies only.
 */
#ifndef SK_AGENT_AGENT_H
#define SK_AGENT_AGENT_H

#include <pthread.h>
#include "agent/action.h"
#include "agent/snap.h"
#include "agent/trap.h"

struct agent {
	pthread_mutex_t	 mutex;		/* of all that follows up to the next line */
	struct snap	 snap;
	struct trap_queue traps;
	struct order_queue orders;

	/* set before the threads exist */
	int	 wake_agentx, wake_feed;	/* eventfd: traps wait / orders wait; either: quit */
	bool	 control;
	const char *socket;	/* of snmpd */
	int	 verbose;
};

extern volatile int agent_quit;	/* set by a signal (main.c); __atomic access */
static inline bool
agent_quitting(void)
{
	return __atomic_load_n(&agent_quit, __ATOMIC_RELAXED) != 0;
}
void agent_wake(int eventfd);
void agent_woken(int eventfd);	/* empties it */

void *feed_run(void *agent);	/* thread */
bool agentx_run(struct agent *a);	/* until agent_quitting(); false: could not begin */

#endif
