/* SPDX-License-Identifier: GPL-2.0-or-later */
/* thread.h: what heart's helper threads share. */
#ifndef SK_THREAD_H
#define SK_THREAD_H

#include <pthread.h>

/* A lock between the real-time loop thread and a usual thread: who holds it inherits the priority of who waits for it. */
static inline void
thread_mutex_init(pthread_mutex_t *lock)
{
	pthread_mutexattr_t at;

	pthread_mutexattr_init(&at);
	pthread_mutexattr_setprotocol(&at, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(lock, &at);
	pthread_mutexattr_destroy(&at);
}

#endif
