// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * end_threads.c - ends the idle threads of the library.
 *
 * The threads are only requested to end, and do so by themselves: the keeper (keeper.c), idle
 * pool threads (core/pool_loop.c) and the timer thread (timer.c). A worker's thread ends shortly
 * after its stopper has stopped counting it. The order is:
 *
 *   keeper    first, because it may hand a stop to a pool thread
 *   pool      its tick runs on the timer thread
 *   timers    last; a context with a deadline keeps the thread
 *
 * A stopper that is created meanwhile restarts the threads that it needs, whatever their state.
 * So each round checks again whether a stopper is listed, and requests the end again.
 *
 * Only the kernel knows that a thread has ended (thread.c), and there is no notification. So
 * this function polls, and sleeps between polls. A few polls suffice: an exiting thread still
 * runs a few microseconds of libc's code.
 */
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <stopper/threads.h>
#include "internal.h"
#include "upcalls.h"

#define TIMEOUT_NS	(10 * NS_PER_SEC)
#define RECHECK_NS	(50 * NS_PER_MSEC)	/* limit of one round */
#define SLEEP_NS	(50 * 1000)

/* Not a cancellation point. */
static void sleep_briefly(void)
{
	const struct timespec ts = { 0, SLEEP_NS };

	syscall(SYS_nanosleep, &ts, NULL);
}

/* Returns how many threads may stay: any number while a stopper is listed. */
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

void stopper_barrier(void)
{
	if (!plat_is_copy())
		plat_scan_sync();
}
EXPORT_SYMBOL_PLAT(stopper_barrier);
