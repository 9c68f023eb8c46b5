/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * thread_state.h - what a thread may be bound to, and how it is scheduled.
 */
#ifndef STOPPER_TEST_THREAD_STATE_H
#define STOPPER_TEST_THREAD_STATE_H

#include <sched.h>

#include "program.h"

static inline int set(int *word, int to)
{
	return __atomic_exchange_n(word, to, __ATOMIC_SEQ_CST);
}

/* The number of CPUs that thread @tid may use; 0: this one. */
static inline int allowed_cpus(pid_t tid)
{
	cpu_set_t cpus;

	return sched_getaffinity(tid, sizeof(cpus), &cpus) ? 0 : CPU_COUNT(&cpus);
}

static inline void bind_to_one(void)
{
	cpu_set_t one;
	int i;

	sched_getaffinity(0, sizeof(one), &one);
	for (i = 0; !CPU_ISSET(i, &one); i++)
		;
	CPU_ZERO(&one);
	CPU_SET(i, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static inline void be_batch(void)
{
	struct sched_param param = { .sched_priority = 0 };

	sched_setscheduler(0, SCHED_BATCH, &param);
}

#endif /* STOPPER_TEST_THREAD_STATE_H */
