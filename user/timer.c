// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * timer.c - one thread that calls functions at deadlines.
 *
 * Contexts with deadlines, timed tasks and the pool's tick use it. Pending timers are in an
 * intrusive heap (core/due.c), so starting a timer allocates nothing, and start, cancel and
 * expiry are O(log n).
 *
 * A timer leaves the heap under the lock before its function is called. So plat_timer_cancel()
 * knows for certain whether the function will be called.
 *
 * The thread can be requested to end (end_threads.c). It ends when no timer is pending, unless a
 * new stopper or timer withdraws the request:
 *
 *   timers_end                        __stopper_create             thread
 *   lock; no stopper is listed?       the stopper is listed        lock; end_requested, no timer?
 *   end_requested = true; unlock      lock; end_requested = false  running = false; unlock
 *                                     running? no: starts one
 *
 * A stopper that is not yet listed when timers_end() checks takes the lock later. It then
 * either withdraws the request, or finds that the thread has ended and starts another.
 */
#include <pthread.h>
#include <sys/prctl.h>
#include "internal.h"
#include "upcalls.h"

static pthread_mutex_t timers_lock = PTHREAD_MUTEX_INITIALIZER;
static struct plat_parker timer_park;
static struct stopper_due *heap_root;	/* of struct plat_timer */
static bool running;
static bool end_requested;

static void *timer_thread(void *arg)
{
	struct plat_timer *t;
	int64_t until;

	(void)arg;
	thread_state_begin();
	prctl(PR_SET_NAME, "stopper/timer");
	pthread_mutex_lock(&timers_lock);
	while (!end_requested || heap_root) {
		t = (struct plat_timer *)heap_root;
		if (t && t->due.at <= plat_now()) {
			due_remove(&heap_root, &t->due);
			t->armed = false;
			pthread_mutex_unlock(&timers_lock);
			t->fn(t);
		} else {
			until = t ? t->due.at : PLAT_FOREVER;
			pthread_mutex_unlock(&timers_lock);
			plat_park_idle(&timer_park, until);
		}
		pthread_mutex_lock(&timers_lock);
	}
	end_requested = false;
	running = false;
	pthread_mutex_unlock(&timers_lock);
	return NULL;
}

/* With the lock held. */
static int timer_thread_ensure(void)
{
	int err = running ? 0 : thread_create(timer_thread, NULL);

	running = !err;
	end_requested = false;
	return err;
}

/* Requests the thread to end if no stopper is listed. False: the thread is needed. */
bool timers_end(void)
{
	bool needed;

	pthread_mutex_lock(&timers_lock);
	needed = heap_root || registry_count();
	end_requested = running && !needed;
	if (end_requested)
		plat_unpark(&timer_park);
	pthread_mutex_unlock(&timers_lock);
	return !needed;
}

int plat_timers_ready(void)
{
	int err = plat_ready();

	if (err)
		return err;
	pthread_mutex_lock(&timers_lock);
	err = timer_thread_ensure();
	pthread_mutex_unlock(&timers_lock);
	return err;
}

void plat_timer_init(struct plat_timer *t, void (*fn)(struct plat_timer *t))
{
	memset(t, 0, sizeof(*t));
	t->fn = fn;
}

int plat_timer_start(struct plat_timer *t, int64_t deadline)
{
	int err = plat_ready();

	if (err)
		return err;
	pthread_mutex_lock(&timers_lock);
	err = timer_thread_ensure();
	if (!err) {
		due_insert(&heap_root, &t->due, deadline);
		t->armed = true;
		if (heap_root == &t->due)
			plat_unpark(&timer_park);
	}
	pthread_mutex_unlock(&timers_lock);
	return err;
}

bool plat_timer_cancel(struct plat_timer *t)
{
	bool was;

	pthread_mutex_lock(&timers_lock);
	was = t->armed;
	if (was) {
		due_remove(&heap_root, &t->due);
		t->armed = false;
	}
	pthread_mutex_unlock(&timers_lock);
	return was;
}
