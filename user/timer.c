// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * timer.c - one thread that calls functions at deadlines.
 *
 * Contexts with deadlines and the pool's tick use it. Pending timers are in an intrusive pairing
 * heap (Fredman, Sedgewick, Sleator, Tarjan 1986), so starting a timer allocates nothing. Start
 * is O(1), cancel and expiry are O(log n) amortized.
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

static pthread_mutex_t timers_lock = PTHREAD_MUTEX_INITIALIZER;
static struct plat_parker timer_park;
static struct plat_timer *heap_root;
static bool running;
static bool end_requested;

/* @a and @b are roots or NULL. The one with the later deadline becomes a child of the other. */
static struct plat_timer *heap_merge(struct plat_timer *a, struct plat_timer *b)
{
	struct plat_timer *later;

	if (!a || !b)
		return a ? a : b;
	later = b->deadline < a->deadline ? a : b;
	a = later == a ? b : a;
	later->prev = a;
	later->next = a->child;
	if (a->child)
		a->child->prev = later;
	a->child = later;
	return a;
}

static void heap_detach(struct plat_timer *t)
{
	t->next = NULL;
	t->prev = NULL;
}

/* Merges a list of siblings to one heap: in pairs from the left, then all from the right. */
static struct plat_timer *heap_merge_siblings(struct plat_timer *t)
{
	struct plat_timer *pairs = NULL, *all = NULL, *a, *b;

	while (t) {
		a = t;
		b = a->next;
		t = b ? b->next : NULL;
		heap_detach(a);
		if (b)
			heap_detach(b);
		a = heap_merge(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		a = pairs;
		pairs = a->next;
		a->next = NULL;
		all = heap_merge(all, a);
	}
	return all;
}

static void heap_remove(struct plat_timer *t)
{
	struct plat_timer *children = heap_merge_siblings(t->child);

	t->child = NULL;
	if (t == heap_root) {
		heap_root = children;
		return;
	}
	/* ->prev is the parent of a first child, else the sibling before. */
	if (t->prev->child == t)
		t->prev->child = t->next;
	else
		t->prev->next = t->next;
	if (t->next)
		t->next->prev = t->prev;
	heap_detach(t);
	heap_root = heap_merge(heap_root, children);
}

static void *timer_thread(void *arg)
{
	struct plat_timer *t;
	int64_t until;

	(void)arg;
	thread_state_begin();
	prctl(PR_SET_NAME, "stopper/timer");
	pthread_mutex_lock(&timers_lock);
	while (!end_requested || heap_root) {
		t = heap_root;
		if (t && t->deadline <= plat_now()) {
			heap_remove(t);
			t->armed = false;
			pthread_mutex_unlock(&timers_lock);
			t->fn(t);
		} else {
			until = t ? t->deadline : PLAT_FOREVER;
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
		t->deadline = deadline;
		t->child = NULL;
		heap_detach(t);
		t->armed = true;
		heap_root = heap_merge(heap_root, t);
		if (heap_root == t)
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
		heap_remove(t);
		t->armed = false;
	}
	pthread_mutex_unlock(&timers_lock);
	return was;
}
