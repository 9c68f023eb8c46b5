// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * end_threads.c - ending the threads of the library that have nothing to do.
 *
 * What ends by itself is only asked: the keeper (keeper.c), idle threads of the pool
 * (core/pool.c), the timers' thread (timer.c). Workers' threads end after their stopper has
 * stopped counting them. They come to an end in this order:
 *
 *   keeper    first: it may hand a stop over
 *   pool      has a tick, which runs on the timers' thread
 *   timers    last; a context with a deadline keeps it
 *
 * A stopper that is created meanwhile starts what it needs again, in whichever state it finds
 * the threads. So each round looks anew whether one is listed, and asks anew.
 *
 * Only the kernel knows that a thread has ended (thread.c), and it gives no notice. So this
 * polls, with naps between. It takes a few polls: a thread that has left runs a few microseconds
 * of libc's code.
 */
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <stopper/threads.h>
#include "internal.h"

#define TIMEOUT_NS	(10 * NS_PER_SEC)
#define RECHECK_NS	(50 * NS_PER_MSEC)	/* until it is looked again what is needed */
#define SLEEP_NS	(50 * 1000)

/* No cancellation point. */
static void sleep_briefly(void)
{
	const struct timespec ts = { 0, SLEEP_NS };

	syscall(SYS_nanosleep, &ts, NULL);
}

/* Asks all that may end to end. How many may stay: any number while there is a stopper. */
static unsigned int ask_threads_to_end(int64_t until)
{
	bool none = !registry_count();

	if (none)
		keeper_end();
	pool_end_threads(none, until);
	if (!none)
		return UINT_MAX;
	return timers_end() ? 0 : 1;
}

static int end_idle_threads(void)
{
	int64_t now = plat_now(), deadline = now + TIMEOUT_NS;
	unsigned int stay;

	do {
		stay = ask_threads_to_end(now + RECHECK_NS);
		if (threads_have_ended(stay))
			return stay ? -EBUSY : 0;
		sleep_briefly();
		now = plat_now();
	} while (now < deadline);
	return -EBUSY;
}

int stopper_end_idle_threads(void)
{
	static pthread_mutex_t call_lock = PTHREAD_MUTEX_INITIALIZER;
	int err = plat_ready();

	if (err)
		return err;
	if (on_stopper_thread())
		return -EDEADLK;
	pthread_mutex_lock(&call_lock);
	err = end_idle_threads();
	pthread_mutex_unlock(&call_lock);
	return err;
}
EXPORT_SYMBOL_PLAT(stopper_end_idle_threads);
