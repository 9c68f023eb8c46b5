/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * env.h - threads, locks, counters, time and memory for tests, in userspace and in the kernel.
 *
 * The conformance cases, the torture and the tests of userspace use it. It uses the operating
 * system only and never the stopper, so that a bug of the stopper fails a test instead of
 * breaking the test's own tools. Everything is inline: a program or module includes the
 * header and links nothing.
 *
 *   env_counter   a counter that threads share
 *   env_lock      a lock that softirq may take, too; env_mutex: one that may sleep
 *   env_gate      closed until it is opened, once; waits for it are bounded
 *   env_thread    a thread that is joined
 *
 * check.h has the verdicts.
 */
#ifndef STOPPER_TEST_ENV_H
#define STOPPER_TEST_ENV_H

#define ENV_USEC	1000LL
#define ENV_MSEC	1000000LL
#define ENV_SEC		1000000000LL
/* The bound of a wait for a condition. It is generous: CPUs may be emulated. */
#define ENV_BOUND	(90 * ENV_SEC)

#ifdef __KERNEL__
#include "env_kernel.h"
#else
#include "env_user.h"
#endif

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

static inline long env_inc(struct env_counter *c)
{
	return env_add(c, 1);
}

static inline long env_dec(struct env_counter *c)
{
	return env_add(c, -1);
}

/* A short sleep: one step of a loop that polls. */
static inline void env_nap(void)
{
	env_sleep(ENV_MSEC);
}

/* Gives wrong code the time to show what it must not do. Right code passes anyway. */
static inline void env_settle(void)
{
	env_sleep(5 * ENV_MSEC);
}

#endif /* STOPPER_TEST_ENV_H */
