// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * pool_loop.c - the loop of a pool thread: it takes jobs, has their names, is idle, and exits.
 *
 * When a thread is started or called is in pool.c.
 *
 * Between two jobs a thread yields (plat_resched). A kernel without preemption takes
 * the CPU from a thread only where the thread offers it: a queue that never empties
 * would keep the CPU from user space, RCU and the watchdog.
 *
 * States of a thread: starting -> (running -> [stuck] ->) idle -> waking -> ...
 * ->arriving counts the threads that are starting or waking. Each of them will look
 * at the queue, so no thread need be woken while there are no more jobs than that.
 *
 *   push                              thread without a job
 *   lock; append                      lock; queue empty?
 *   idle thread? off the list,        yes: onto the idle list; unlock
 *   arriving++; unlock; unpark        park
 *
 *   All of it is under one lock, the queue's: either push finds the thread idle, or the thread
 *   finds the job.
 *
 * Names. A thread has the name of the job that it runs, and IDLE_THREAD_NAME while it
 * sleeps. A reader of the list, ps or an oops may look at any moment, so the name comes
 * before the job: a thread takes a job only if it already has the name of that job.
 *
 *   thread                            list
 *   lock; first job is "b"? unlock    task "b" in the queue: no thread is shown
 *   name = "b"
 *   lock; still "b"? pop; slot        task "b" in a slot: thread "b"
 *
 *   If the first job has another name by then, another thread took the job, and this
 *   thread starts over. Names are compared as bytes, as a site may be reused with
 *   another name (that of closers is). The comparison is with the name that the pool
 *   gave the thread; the platform reports a change by a task (plat_thread_renamed).
 *
 *   A thread that spins for a job (spin_for_job) keeps its last name, for about as long
 *   as a sleep takes.
 *
 * Ending idle threads. Whatever takes a thread off the idle list unparks it, once, and
 * the thread does not go on before that. Otherwise a pusher that has dropped the lock
 * could unpark a thread that has exited.
 *
 *   pool_end_threads                  thread without a job
 *   lock; ending = true               lock; queue empty? ending?
 *   each idle one: off the list,      yes: exits; unlock
 *     sent_to_exit, unpark            no: onto the idle list; unlock; park
 *   drained? no: unlock; park         lock; job queued? takes it; else exits; unlock
 *                                     release: lock; drained? wakes the caller; unlock
 *   lock; ending = false; unlock      frees its memory
 *
 *   A push meanwhile finds no idle thread. It starts one, or leaves the job to the tick
 *   or to a thread that was sent to exit and has not checked the queue yet.
 *
 * Batches. Where many tasks wait, a thread takes up to BATCH_MAX more tasks of the same call
 * site at once; see batch.c. If a task has changed the name or the state of the thread, or has
 * ended it, the rest of the batch goes back to the queue.
 *
 * No access is ordered: all of this is under the queue's lock, or that of the thread's batch.
 */
#include "internal.h"
#include "async_wait.h"
#include "batch.h"
#include "pool_loop.h"
#include "queue.h"
#include "upcalls.h"

#define IDLE_NS		(10 * NS_PER_SEC)
#ifndef BATCH_MAX
#define BATCH_MAX	16
#endif
#define STOP_THREAD_NAME	"stopper/stop"	/* a job of the library's own */

_Static_assert(sizeof(struct pool_thread) - sizeof(struct plat_thread) -
	       sizeof(struct plat_parker) <= 352, "an idle thread, beside what the platform needs");

struct pool_threads pool_threads = {
	.idle = { &pool_threads.idle, &pool_threads.idle },
	.pushers = { &pool_threads.pushers, &pool_threads.pushers },
	.running = { &pool_threads.running, &pool_threads.running },
	.stuck = { &pool_threads.stuck, &pool_threads.stuck },
};

/* With the lock held: what pool_end_threads() waits for: no thread, job or tick, or none idle. */
static bool pool_is_drained(void)
{
	return pool_threads.ending_all ?
	       !pool_threads.nthreads && !pool_queue.njobs && !pool_threads.ticking :
	       slist_empty(&pool_threads.idle) && !pool_threads.nexiting;
}

/* With the lock held. */
void pool_wake_exit_waiter(void)
{
	if (pool_threads.exit_waiter && pool_is_drained())
		plat_unpark(pool_threads.exit_waiter);
}

/* The thread has taken a task: it keeps in what is returned what it needs to end it. */
struct async_run *pool_thread_run(struct pool_thread *me)
{
	me->job = &me->run.job;
	return &me->run;
}

/* The name for the thread of @job. */
static const char *job_name(const struct stopper_job *job)
{
	if (!job->site)
		return STOP_THREAD_NAME;
	return job->site->name ? job->site->name : "(none)";
}

/* Only the first bytes of a thread's name can be seen. */
static bool thread_has_name(const struct pool_thread *me, const char *name)
{
	return !me->renamed && !strncmp(me->name, name, sizeof(me->name) - 1);
}

static void note_thread_name(struct pool_thread *me, const char *name)
{
	unsigned int i;

	for (i = 0; i < sizeof(me->name) - 1 && name[i]; i++)
		me->name[i] = name[i];
	me->name[i] = '\0';
	me->renamed = false;
}

/* For a job of several parts that have a name each: name the thread @me, which runs it. */
void pool_thread_set_name(struct pool_thread *me, const char *name)
{
	me->renamed = plat_thread_renamed(&me->thread);
	if (thread_has_name(me, name))
		return;
	note_thread_name(me, name);
	plat_thread_name(&me->thread, me->name);
}

/*
 * Called with the lock held, which is dropped while the thread is renamed. @name is copied, as
 * its job may be finished by then. Until it looks at the queue again the thread is arriving.
 */
static void rename_unlocked(struct pool_thread *me, const char *name, plat_flags_t *f)
{
	note_thread_name(me, name);
	pool_threads.arriving++;
	plat_unlock(&pool_queue.lock, *f);
	plat_thread_name(&me->thread, me->name);
	plat_lock(&pool_queue.lock, *f);
	pool_threads.arriving--;
}

/* With the lock held: tell the caller that pushed @job not to touch it any more. */
static void note_job_taken(struct stopper_job *job)
{
	struct stopper_list *n;

	list_walk(n, &pool_threads.pushers) {
		struct pusher *p = list_item(n, struct pusher, node);

		if (p->job == job)
			p->taken = true;
	}
}

/*
 * With the lock held: take a batch of the tasks that no thread is on its way for; how many is their
 * number divided by that of CPUs. There is no batch unless the tick comes soon, or while a caller
 * that has pushed a task may take it back. Nor is there one while a caller waits for the task that
 * was just taken: it gives up under the queue's lock, so the task must end under that lock.
 */
static void take_batch(struct pool_thread *me, const struct stopper_site *site)
{
	unsigned int n = pool_queue.njobs - pool_threads.arriving;

	if (pool_queue.njobs <= pool_threads.arriving || !pool_threads.ticking ||
	    pool_threads.retry_ns || !slist_empty(&pool_threads.pushers) ||
	    me->table->waiters[me->at])
		return;
	n /= plat_cpus();
	me->batched = queue_take_batch(&me->batch, site, n < BATCH_MAX ? n : BATCH_MAX);
}

/* Without the lock: the next task of the batch, in place of the one that is over. */
static bool take_batched(struct pool_thread *me)
{
	struct stopper_list *n;

	if (!me->batched || me->renamed || !plat_thread_fits(&me->thread))
		return false;
	lock_guard(&me->batch.lock);
	n = slist_pop(&me->batch.tasks);
	if (!n)
		return false;
	/* Nobody waits for the task that is over: such a wait would have recalled the batch. */
	queue_unpublish_task(me->table, me->at);
	me->job = list_item(n, struct stopper_job, node);
	queue_publish_task(list_item(n, struct stopper_async, job.node), me->batch.ticket++,
			   me->table, me->at);
	return true;
}

/* With the lock held, since queue_peek(). */
static void take_job(struct pool_thread *me, struct stopper_job *job)
{
	me->job = job;
	queue_take(job);
	me->tick = pool_threads.tick;
	me->stuck = false;
	slist_append(&pool_threads.running, &me->node);
	pool_threads.nrunning++;
	note_job_taken(job);
	if (job->ops->is_task) {
		queue_publish_task(list_item(job, struct stopper_async, job),
				   pool_queue.ticket++, me->table, me->at);
		take_batch(me, job->site);
	}
	me->begun = me->batch.ticket;
}

/* With the lock held, which may be dropped. */
void pool_finish_job(struct pool_thread *me, plat_flags_t *f)
{
	if (me->batched && !batch_close(&me->batch))
		queue_recall_batches(f);
	me->batched = false;
	slist_remove(&me->node);
	queue_unpublish_task(me->table, me->at);
	if (!me->stuck)
		pool_threads.nrunning--;
	pool_threads.ndone++;
	pool_threads.done_at = plat_coarse_time();
	me->job = NULL;
}

/*
 * With the lock held, one thread at a time: poll the queue for as long as a sleep and a
 * wake-up would take. Meanwhile the thread is arriving.
 */
static bool spin_for_job(plat_flags_t *f)
{
	unsigned int i, spins = plat_spins();

	if (!spins || pool_threads.spinning || pool_threads.ending)
		return false;
	pool_threads.spinning = true;
	pool_threads.arriving++;
	plat_unlock(&pool_queue.lock, *f);
	for (i = 0; i < spins && !queue_poll(); i++)
		plat_relax();
	plat_lock(&pool_queue.lock, *f);
	pool_threads.spinning = false;
	pool_threads.arriving--;
	return queue_has_jobs();
}

/* With the lock held, after an unpark. True: look at the queue. False: exit. */
static bool unparked_for_job(struct pool_thread *me)
{
	if (!me->sent_to_exit) {
		pool_threads.arriving--;
		return true;
	}
	if (!queue_has_jobs())
		return false;
	me->sent_to_exit = false;
	pool_threads.nexiting--;
	pool_wake_exit_waiter();
	return true;
}

/* With the lock held. Wait for a job. False: there is none, and the thread is to exit. */
static bool wait_idle(struct pool_thread *me, plat_flags_t *f)
{
	bool unparked;
	int64_t until;

	if (spin_for_job(f))
		return true;
	if (!thread_has_name(me, IDLE_THREAD_NAME))
		rename_unlocked(me, IDLE_THREAD_NAME, f);
	queue_recall_batches(f);
	/* From now on a push must call this thread. If one opens an inbox meanwhile, look again. */
	while (pool_queue.open)
		queue_close_inboxes(f);
	if (pool_queue.njobs || pool_threads.ending)
		return pool_queue.njobs;
	me->idle = true;
	slist_push(&pool_threads.idle, &me->node);
	/* Once off the list, the thread will be unparked, perhaps later: wait for that. */
	do {
		until = me->idle ? plat_now() + IDLE_NS : PLAT_FOREVER;
		plat_unlock(&pool_queue.lock, *f);
		unparked = plat_park_idle(&me->park, until);
		plat_lock(&pool_queue.lock, *f);
	} while (!unparked && !me->idle);
	if (unparked)
		return unparked_for_job(me);
	me->idle = false;
	slist_remove(&me->node);
	/* A job may be queued that was left to the tick. */
	return queue_has_jobs();
}

/* With the lock held. Wait until a job can be taken. NULL: the thread is to exit. */
static struct stopper_job *pool_wait_for_job(struct pool_thread *me, plat_flags_t *f)
{
	struct stopper_job *job;

	for (;;) {
		/* If its stack is too small or its state has changed, the tick starts another. */
		if (!plat_thread_fits(&me->thread))
			return NULL;
		job = queue_peek();
		if (job && thread_has_name(me, job_name(job)))
			return job;
		if (job)
			rename_unlocked(me, job_name(job), f);
		else if (!wait_idle(me, f))
			return NULL;
	}
}

/* Without the lock: the job, then what is in the batch. */
static void run_taken(struct pool_thread *me)
{
	do {
		me->job->ops->run(me->job, me);
		plat_resched();
		me->renamed = plat_thread_renamed(&me->thread);
	} while (take_batched(me));
}

/* With the lock held, which is dropped while a job runs: run jobs until the thread is to exit. */
void pool_run_jobs(struct pool_thread *me, plat_flags_t *f)
{
	struct stopper_job *job;

	while ((job = pool_wait_for_job(me, f))) {
		take_job(me, job);
		plat_unlock(&pool_queue.lock, *f);
		run_taken(me);
		plat_lock(&pool_queue.lock, *f);
		pool_finish_job(me, f);
	}
}

/* With the lock held. False: none is idle. */
static bool send_idle_to_exit(void)
{
	struct pool_thread *t = pop_idle_thread();

	if (!t)
		return false;
	t->sent_to_exit = true;
	pool_threads.nexiting++;
	plat_unpark(&t->park);
	return true;
}

/*
 * End the threads that are idle or become idle until this returns. @all: wait until the queue is
 * empty and all threads have exited, as a stop does not wait for every job that it has queued.
 * The tick is not cancelled, as it may be about to start, but waited for. False: the deadline
 * has passed. One caller at a time.
 */
bool pool_end_threads(bool all, int64_t deadline)
{
	bool drained, timely = true;
	struct plat_parker waiter;
	plat_flags_t f;

	plat_park_init(&waiter);
	plat_lock(&pool_queue.lock, f);
	pool_threads.ending = true;
	pool_threads.ending_all = all;
	pool_threads.exit_waiter = &waiter;
	/* There may be thousands, and each is woken: not all in one go. */
	while (send_idle_to_exit()) {
		plat_unlock(&pool_queue.lock, f);
		plat_lock(&pool_queue.lock, f);
	}
	while (!(drained = pool_is_drained()) && timely) {
		plat_unlock(&pool_queue.lock, f);
		timely = plat_park(&waiter, deadline);
		plat_lock(&pool_queue.lock, f);
	}
	pool_threads.ending = false;
	pool_threads.exit_waiter = NULL;
	plat_unlock(&pool_queue.lock, f);
	return drained;
}

/* No job is pushed any more. */
void pool_exit(void)
{
	pool_end_threads(true, PLAT_FOREVER);
}
