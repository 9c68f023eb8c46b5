// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * pool.c - when threads are started and called to run async tasks, closers and stops.
 *
 * A job may block for ever, so every job must soon have a thread of its own; yet
 * a thread costs far more than a job. So all threads take from one queue (queue.c), and:
 *
 *   - A thread that finishes a job takes the next one without sleeping.
 *   - A job for which no thread is on its way wakes an idle thread: the one that
 *     became idle last, as its stack is warm.
 *   - If none is idle, a thread is started at once while fewer threads run than
 *     there are CPUs; more would not make short jobs faster.
 *   - Otherwise the tick decides, every TICK_NS while jobs wait. What threads have taken ahead
 *     (batch.c) is in the queue again. A thread that has been in one job for a whole tick is
 *     *stuck* and no longer counts as running. If that leaves CPUs without a thread, as many are
 *     started. If no job at all ended since the tick before, all threads count as stuck, and
 *     twice as many are started as by that tick.
 *
 * So a thousand jobs that wait for one another all have threads after about ten
 * ticks, while a flood of short jobs is done by as many threads as there are CPUs.
 * A thread that is idle for IDLE_NS exits.
 * What a thread does between its start and its exit is in pool_loop.c.
 *
 * A push that has called no thread, as others are at it or as it is left to the tick, opens the
 * inbox of its thread and arms the tick. Pushes to that inbox then do not come here until a thread
 * is about to sleep, or the tick has run. Meanwhile a job waits as long as one that was left to
 * the tick.
 *
 * Wake-ups of threads beyond the first are rationed; see take_wake_budget().
 *
 * What each of these rules buys, measured on two CPUs in userspace:
 *
 *                               1,000 tasks that wait for   threads after a flood of
 *                               one another have begun      400,000 short tasks
 *   as described                after 40 ms                 6 to 12
 *   without the doubling        590 ms                      the same
 *   one a tick                  1,130 ms                    18 to 100
 *   all that wait, each tick    18 ms                       320 to 930
 *
 *   Rationed wake-ups matter when many threads are idle: an empty task beside a thousand of them
 *   costs 280 ns, without the ration 400.
 *
 *   An empty task of one producer, two CPUs of another machine:
 *     with a lock for each task that is taken, and 64 wake-ups a period    720 ns
 *     with batches (batch.c)                                               500
 *     and few wake-ups once each CPU has a thread                          350
 *   Inboxes, on the first machine: 235 ns instead of 385.
 *
 * Failure to start a thread. If the caller has to start a thread and cannot, while no
 * thread is idle or arriving and no job has ended for MOVING_NS, it takes its task back and
 * refuses it: the task might wait for ever. Otherwise the task stays accepted. It begins
 * when a thread finishes its job or when one can be started. The tick retries, ever more
 * rarely up to RETRY_MAX_NS, and logs once how many tasks wait and why.
 *
 * Ordered accesses: (B1) of task.c.
 */
#include "internal.h"
#include "batch.h"
#include "pool.h"
#include "pool_loop.h"
#include "pool_slots.h"
#include "push.h"
#include "queue.h"
#include "task.h"
#include "upcalls.h"

#define TICK_NS		NS_PER_MSEC
#define MAX_STARTS	512	/* per tick */
#define RETRY_MAX_NS	NS_PER_SEC
#define MOVING_NS	(10 * NS_PER_MSEC) /* since a job ended: the queue is moving */
#ifndef MAX_WAKES
#define MAX_WAKES	64	/* per change of plat_coarse_time(): several ms */
#endif
#define BUSY_WAKE	((MAX_WAKES + 3) / 4)	/* of these; see take_wake_budget() */

static void pool_main(struct plat_thread *t);
static void pool_died(struct plat_thread *t, bool hook_called);

static void pool_thread_free(struct pool_thread *me)
{
	if (!me)
		return;
	if (me->table)
		pool_slot_put(me->table, me->at);
	batch_destroy(&me->batch);
	plat_free(me);
}

/* With the lock held: more jobs wait than threads are arriving. */
static bool jobs_unserved(void)
{
	return pool_queue.njobs > pool_threads.arriving;
}

/*
 * With the lock held, if jobs wait for a thread, or @opens: an inbox is to be opened. True: the
 * caller must start the tick.
 */
static bool claim_tick(bool opens)
{
	bool start = (opens || jobs_unserved()) && !pool_threads.ticking;

	if (start) {
		pool_threads.ticking = true;
		/* A thread that took its job before now is stuck at the first tick. */
		pool_threads.tick++;
	}
	return start;
}

/* The thread has left all code of the pool. */
static void pool_release(struct plat_thread *t)
{
	plat_flags_t f;

	plat_lock(&pool_queue.lock, f);
	pool_threads.nexiting--;
	pool_wake_exit_waiter();
	plat_unlock(&pool_queue.lock, f);
	pool_thread_free(list_item(t, struct pool_thread, thread));
}

static void start_tick(int64_t delay)
{
	plat_flags_t f;

	if (!plat_timer_start(&pool_threads.timer, plat_now() + delay))
		return;
	/* No timer thread. Not expected: pool_reserve() ensured that there was one. */
	plat_lock(&pool_queue.lock, f);
	pool_threads.ticking = false;
	queue_close_inboxes(&f);
	queue_recall_batches(&f);
	pool_wake_exit_waiter();
	plat_unlock(&pool_queue.lock, f);
}

/* With the lock held: the caller will try to start @n threads. */
static void count_starts(unsigned int n)
{
	plat_store(&pool_threads.nthreads, pool_threads.nthreads + n);
	pool_threads.arriving += n;
	pool_threads.starting += n;
}

/* With the lock held: @n of them could not be started. */
static void uncount_starts(unsigned int n)
{
	plat_store(&pool_threads.nthreads, pool_threads.nthreads - n);
	pool_threads.arriving -= n;
	pool_threads.starting -= n;
}

/* With the lock held: is a thread idle or arriving, or has a job ended of late? */
static bool pool_is_moving(void)
{
	return pool_threads.arriving || !slist_empty(&pool_threads.idle) ||
	       (pool_threads.done_at && plat_coarse_age(pool_threads.done_at) < MOVING_NS);
}

/*
 * With the lock held: no thread could be started for the job of @me. If another one has taken it,
 * it may be finished and freed. A task stays in the queue if a thread is expected soon.
 */
static void take_back(struct pusher *me)
{
	if (me->taken || (me->job->ops->is_task && pool_is_moving()))
		return;
	if (me->job->ops->is_task)
		queue_remove_task(list_item(me->job, struct stopper_async, job));
	else
		queue_remove_job(me->job);
	me->left = true;
}

/* Start a thread, which count_starts() has counted. @for_me: for a job of the caller, or NULL. */
static int add_thread(struct pusher *for_me)
{
	struct pool_thread *me = plat_alloc(sizeof(*me));
	plat_flags_t f;
	bool tick = false;
	int err = -ENOMEM;

	if (me) {
		batch_init(&me->batch);
		me->table = pool_slot_get(&me->at);
	}
	if (me && me->table) {
		me->thread = (struct plat_thread){ .main = pool_main, .died = pool_died,
						   .release = pool_release };
		memcpy(me->name, IDLE_THREAD_NAME, sizeof(IDLE_THREAD_NAME));
		err = plat_thread_start(&me->thread, IDLE_THREAD_NAME);
	}
	if (err)
		pool_thread_free(me);
	plat_lock(&pool_queue.lock, f);
	if (for_me)
		slist_remove(&for_me->node);
	if (err) {
		uncount_starts(1);
		if (for_me)
			take_back(for_me);
		/* A job that was pushed meanwhile relied on this thread. */
		tick = claim_tick(false);
	} else {
		pool_threads.starting--;
	}
	plat_unlock(&pool_queue.lock, f);
	if (tick)
		start_tick(TICK_NS);
	return err;
}

/* With the lock held, no batch is out: @t has ended tasks of its batch, and is in another now. */
static void note_begun(struct pool_thread *t)
{
	t->begun = t->batch.ticket;
	t->tick = pool_threads.tick;
	slist_append(&pool_threads.running, &t->node);
	pool_threads.ndone++;
	pool_threads.done_at = plat_coarse_time();
}

/* With the lock held: threads in one job since before the last tick no longer count as running. */
static void mark_stuck_threads(void)
{
	struct stopper_list *n;

	while ((n = pool_threads.running.next) != &pool_threads.running) {
		struct pool_thread *t = list_item(n, struct pool_thread, node);

		if (t->tick == pool_threads.tick)
			break;
		slist_remove(n);
		if (t->begun != t->batch.ticket) {
			note_begun(t);
			continue;
		}
		slist_append(&pool_threads.stuck, n);
		t->stuck = true;
		pool_threads.nrunning--;
	}
	pool_threads.tick++;
}

/* With the lock held: how many threads to start now. */
static unsigned int threads_to_start(void)
{
	unsigned int missing = pool_queue.njobs - pool_threads.arriving;
	unsigned int cpus = plat_cpus(), active, n;
	bool moved = pool_threads.ndone != pool_threads.last_done;

	pool_threads.last_done = pool_threads.ndone;
	active = pool_threads.arriving + (moved ? pool_threads.nrunning : 0);
	n = active < cpus ? cpus - active : 0;
	if (!moved && n < 2 * pool_threads.burst)
		n = 2 * pool_threads.burst;
	if (n > missing)
		n = missing;
	if (n > MAX_STARTS)
		n = MAX_STARTS;
	pool_threads.burst = n;
	return n;
}

/* With the lock held: the same; it is arriving now. */
static struct pool_thread *take_idle_thread(void)
{
	struct pool_thread *t = pop_idle_thread();

	if (t)
		pool_threads.arriving++;
	return t;
}

/*
 * With the lock held. @err: of the last attempt to start a thread, 0 if it succeeded. Return how
 * many waiting tasks to log.
 */
static unsigned int note_starved(int err)
{
	bool say = err && pool_queue.njobs && !pool_threads.starved_logged;

	if (!err || !pool_queue.njobs) {
		pool_threads.retry_ns = 0;
		pool_threads.starved_logged = false;
		return 0;
	}
	pool_threads.retry_ns = pool_threads.retry_ns ? 2 * pool_threads.retry_ns : TICK_NS;
	if (pool_threads.retry_ns > RETRY_MAX_NS)
		pool_threads.retry_ns = RETRY_MAX_NS;
	pool_threads.starved_logged = true;
	return say ? pool_queue.njobs : 0;
}

static void log_starved(unsigned int n, int err)
{
	if (n)
		stopper_log(NULL, STOPPER_LOG_WARNING, "%u tasks wait for a thread: %s (%d)", n,
			    stopper_strerror(err), err);
}

static void pool_tick(struct plat_timer *timer)
{
	STOPPER_LIST(called);
	unsigned int n = 0, starved = 0;
	struct stopper_list *node;
	struct pool_thread *t;
	int64_t delay;
	plat_flags_t f;
	bool again, tried;
	int err = 0;

	(void)timer;
	plat_lock(&pool_queue.lock, f);
	pool_threads.ticking = false;
	queue_close_inboxes(&f);
	queue_recall_batches(&f);
	mark_stuck_threads();
	if (jobs_unserved())
		n = threads_to_start();
	else
		pool_threads.burst = 0;
	for (; n && (t = take_idle_thread()); n--)
		slist_append(&called, &t->node);
	count_starts(n);
	tried = n;
	plat_unlock(&pool_queue.lock, f);

	while ((node = slist_pop(&called)))
		plat_unpark(&list_item(node, struct pool_thread, node)->park);
	while (n && !(err = add_thread(NULL)))
		n--;
	plat_lock(&pool_queue.lock, f);
	/* add_thread() has uncounted the one that failed; the others were not attempted. */
	if (n)
		uncount_starts(n - 1);
	if (tried || !pool_queue.njobs)
		starved = note_starved(err);
	delay = pool_threads.retry_ns > TICK_NS ? pool_threads.retry_ns : TICK_NS;
	again = pool_queue.njobs && !pool_threads.ticking;
	if (again)
		pool_threads.ticking = true;
	pool_wake_exit_waiter();
	plat_unlock(&pool_queue.lock, f);
	log_starved(starved, err);
	if (again)
		start_tick(delay);
}

/*
 * With the lock held: should another thread be woken for the waiting jobs? The first one
 * always. Short jobs in a row are taken by a thread that is awake before another one is,
 * which then finds nothing and sleeps again. So only MAX_WAKES further wake-ups are made per
 * change of the coarse clock; beyond that the tick decides. If each CPU has a thread already, a
 * further one would only take the CPU of another, so a wake-up counts as BUSY_WAKE then.
 */
static bool take_wake_budget(void)
{
	unsigned int active = pool_threads.nrunning + pool_threads.arriving;
	unsigned int price = active < plat_cpus() ? 1 : BUSY_WAKE;
	uint64_t now;

	if (!active)
		return true;
	now = plat_coarse_time();
	if (pool_threads.wake_budget_since != now) {
		pool_threads.wake_budget_since = now;
		pool_threads.wake_budget = MAX_WAKES;
	}
	if (pool_threads.wake_budget < price)
		return false;
	pool_threads.wake_budget -= price;
	return true;
}

/*
 * Ensure that a thread exists and the tick can run before a task is accepted. Process
 * context.
 */
int pool_reserve(void)
{
	plat_flags_t f;
	bool first;
	int err;

	/* If the last thread is just exiting, the push starts another. */
	if (PLAT_LIKELY(plat_load(&pool_threads.nthreads) && plat_load(&pool_threads.timed)))
		return plat_ready();
	err = plat_timers_ready();
	if (err)
		return err;
	plat_lock(&pool_queue.lock, f);
	plat_store(&pool_threads.timed, true);
	first = !pool_threads.nthreads;
	if (first)
		count_starts(1);
	plat_unlock(&pool_queue.lock, f);
	return first ? add_thread(NULL) : 0;
}

/* What a push must do after it has dropped the lock. */
struct deferred {
	struct pool_thread *wake;
	bool start;
	bool tick;
	int64_t delay;
};

/*
 * With the lock held: who will take the job that was queued? @may_start: process context, so that
 * threads may be started here.
 */
static void call_thread(bool may_start, struct deferred *deferred)
{
	*deferred = (struct deferred){ .delay = may_start || pool_threads.nrunning ? TICK_NS : 0 };
	if (jobs_unserved() && !slist_empty(&pool_threads.idle) && take_wake_budget())
		deferred->wake = take_idle_thread();
	if (may_start && jobs_unserved() && slist_empty(&pool_threads.idle) &&
	    pool_threads.nrunning + pool_threads.arriving < plat_cpus()) {
		deferred->start = true;
		count_starts(1);
	}
	deferred->tick = claim_tick(false);
}

/* Return an error if a thread had to be started for the job of @me and could not be. */
static int run_deferred(const struct deferred *deferred, struct pusher *me)
{
	int err = 0;

	/* The thread waits for this unpark, so it still exists. */
	if (deferred->wake)
		plat_unpark(&deferred->wake->park);
	if (deferred->start)
		err = add_thread(me);
	if (deferred->tick)
		start_tick(deferred->delay);
	return err;
}

/*
 * Queue a job that the caller can run itself, as the next one to be taken. False: no thread is
 * free and none can be started; the job is not queued. Process context.
 */
bool pool_try_push(struct stopper_job *job)
{
	struct pusher me = { .job = job };
	struct deferred deferred;
	plat_flags_t f;

	plat_lock(&pool_queue.lock, f);
	queue_push_first(job);
	call_thread(true, &deferred);
	/* Do not rely on a thread that another caller may fail to start. */
	if (!deferred.start && pool_queue.njobs + pool_threads.starting > pool_threads.arriving) {
		deferred.start = true;
		count_starts(1);
	}
	if (deferred.start)
		slist_append(&pool_threads.pushers, &me.node);
	plat_unlock(&pool_queue.lock, f);
	run_deferred(&deferred, &me);
	return !me.left;
}

/* Admit and queue a task, and call a thread for it or see to it that one comes. */
static int push_and_call(struct stopper_async *a, const struct async_start *start, bool may_start,
			 bool *nested)
{
	struct pusher me = { .job = &a->job };
	struct deferred deferred;
	plat_flags_t f;
	int err;

	plat_lock(&pool_queue.lock, f);
	err = queue_push_task(a, start, nested);
	if (err) {
		plat_unlock(&pool_queue.lock, f);
		return err;
	}
	call_thread(may_start, &deferred);
	if (deferred.start) {
		slist_append(&pool_threads.pushers, &me.node);
	} else if (!deferred.wake) {
		/* Others are at it, or it is for the tick: the next pushes need not ask. */
		deferred.tick |= claim_tick(true);
		queue_open_inbox();
	}
	plat_unlock(&pool_queue.lock, f);
	err = run_deferred(&deferred, &me);
	return me.left ? err : 0;
}

/*
 * Admit and queue a task. Its stopper may refuse it (refusal_err()). -EBUSY: the record is in use.
 * Only if @may_start, another error: no thread could be started, and there is none that could run
 * it.
 */
int pool_push_task(struct stopper_async *a, const struct async_start *start, bool may_start)
{
	bool nested = false;
	int err;

	pool_note_user(start->s);
	/* (B1) pairs with quiesce_begin(): read the new phase, or its drain sees ->uses_pool */
	plat_light_barrier();
	if (!queue_push_fresh(a, start, &nested, &err))
		err = push_and_call(a, start, may_start, &nested);
	if (PLAT_UNLIKELY(nested) && !err)
		task_note_nested(start->s);
	return err;
}

/* With the lock held. True: the caller must start the tick. */
static bool note_thread_exit(struct pool_thread *me)
{
	plat_store(&pool_threads.nthreads, pool_threads.nthreads - 1);
	if (!me->sent_to_exit)
		pool_threads.nexiting++;
	pool_wake_exit_waiter();
	return claim_tick(false);
}

static void pool_main(struct plat_thread *t)
{
	struct pool_thread *me = list_item(t, struct pool_thread, thread);
	plat_flags_t f;
	bool tick;

	plat_park_init(&me->park);
	plat_lock(&pool_queue.lock, f);
	pool_threads.arriving--;
	pool_run_jobs(me, &f);
	tick = note_thread_exit(me);
	plat_unlock(&pool_queue.lock, f);
	if (tick)
		start_tick(0);
}

static void pool_died(struct plat_thread *t, bool hook_called)
{
	struct pool_thread *me = list_item(t, struct pool_thread, thread);
	plat_flags_t f;
	bool tick;

	me->job->ops->died(me->job, hook_called);
	plat_lock(&pool_queue.lock, f);
	pool_finish_job(me, &f);
	tick = note_thread_exit(me);
	plat_unlock(&pool_queue.lock, f);
	if (tick)
		start_tick(0);
}

void pool_init(void)
{
	queue_inboxes_init();
	plat_timer_init(&pool_threads.timer, pool_tick);
}
