// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * keeper.c - the thread that begins stops which no caller waits in: core/keeper.c, signal.c.
 *
 * It is there from the first stopper on, and so is the timers' thread: a process that has come
 * to its limit of threads can still stop, and still bound a stop by a deadline.
 *
 * It may be asked to end, as the timers' thread may (timer.c): only while no stopper is listed.
 * What it was woken for it does before. An asynchronous stop of a stopper that another thread
 * has just stopped may come when it has ended. There is nothing to stop; what is left is a pin,
 * until the next keeper has been started.
 */
#include <pthread.h>
#include <sys/prctl.h>
#include "internal.h"

static pthread_mutex_t keeper_lock = PTHREAD_MUTEX_INITIALIZER;
static struct plat_parker keeper_park;
static bool running;
static bool end_requested;
static unsigned int requested;		/* to call keeper_run(), which may end by itself */

/* Nothing is to be done: is the thread to end? */
static bool keeper_may_end(void)
{
	bool ends;

	pthread_mutex_lock(&keeper_lock);
	ends = end_requested && !plat_load(&requested);
	if (ends) {
		running = false;
		end_requested = false;
	}
	pthread_mutex_unlock(&keeper_lock);
	return ends;
}

static void *keeper_thread(void *arg)
{
	bool more = false;

	(void)arg;
	thread_state_begin();
	prctl(PR_SET_NAME, "stopper/keeper");
	for (;;) {
		signals_take();
		/* (K) acquire: pairs with plat_keeper_wake(); what was asked for is seen */
		if (__atomic_exchange_n(&requested, 0, __ATOMIC_ACQUIRE) || more) {
			more = keeper_run();
			continue;
		}
		if (keeper_may_end())
			return NULL;
		plat_park_idle(&keeper_park, PLAT_FOREVER);
	}
}

/* No lock and no descriptor: a signal handler calls it. */
void keeper_unpark(void)
{
	plat_unpark(&keeper_park);
}

void plat_keeper_wake(void)
{
	/* (K) release: pairs with keeper_thread() */
	__atomic_store_n(&requested, 1, __ATOMIC_RELEASE);
	keeper_unpark();
}

static int keeper_ready(void)
{
	int err = 0;

	pthread_mutex_lock(&keeper_lock);
	if (!running)
		err = thread_create(keeper_thread, NULL);
	running = !err;
	end_requested = false;
	pthread_mutex_unlock(&keeper_lock);
	return err;
}

/* Asks the thread to end, if there is no stopper. */
void keeper_end(void)
{
	pthread_mutex_lock(&keeper_lock);
	end_requested = running && !registry_count();
	if (end_requested)
		keeper_unpark();
	pthread_mutex_unlock(&keeper_lock);
}

int plat_stops_ready(void)
{
	int err = plat_timers_ready();

	return err ? err : keeper_ready();
}
