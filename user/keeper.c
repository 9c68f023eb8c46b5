// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * keeper.c - the thread that begins stops without a waiting caller: core/keeper.c, signal.c.
 *
 * The keeper and the timer thread start with the first stopper. So a process that has reached
 * its limit of threads can still stop, and can still bound a stop by a deadline.
 *
 * The keeper can be requested to end while no stopper is listed, as the timer thread can
 * (timer.c). It does its pending work first. An asynchronous stop of a stopper that another
 * thread has just stopped may arrive after the keeper has ended. There is nothing to stop then;
 * only a pin on the stopper remains until the next keeper starts.
 *
 * Ordered accesses
 *   (K) requested: the store in plat_keeper_wake() is a release, the keeper's exchange an
 *       acquire. The keeper sees what the caller queued before the wake-up.
 */
#include <pthread.h>
#include <sys/prctl.h>
#include "internal.h"
#include "upcalls.h"

static pthread_mutex_t keeper_lock = PTHREAD_MUTEX_INITIALIZER;
static struct plat_parker keeper_park;
static bool running;
static bool end_requested;
static unsigned int requested;		/* keeper_run() must be called */

/* The keeper has no work. True: it must end. */
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
		/* (K) acquire: pairs with plat_keeper_wake(); sees what was queued before it */
		if (__atomic_exchange_n(&requested, 0, __ATOMIC_ACQUIRE) || more) {
			more = keeper_run();
			continue;
		}
		if (keeper_may_end())
			return NULL;
		plat_park_idle(&keeper_park, PLAT_FOREVER);
	}
}

/* A signal handler calls this, so it takes no lock and needs no descriptor. */
void keeper_unpark(void)
{
	plat_unpark(&keeper_park);
}

void plat_keeper_wake(void)
{
	/* (K) release: pairs with keeper_thread(), which sees what was queued before */
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

/* Requests the thread to end if no stopper is listed. */
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
