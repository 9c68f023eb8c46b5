// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * pool.c - the threads that run async tasks, closers and stops.
 *
 * A job may block for ever, so every job must soon have a thread of its own; yet
 * a thread costs far more than a job. So: one queue, first in first out, and
 *
 *   a thread that finishes a job takes the next one without sleeping;
 *   a job that finds no thread on its way wakes an idle one, the last one that
 *   went idle, whose stack is warm;
 *   with none idle a thread is started at once while fewer threads run than
 *   there are CPUs: more would not make short jobs faster;
 *   else the tick decides, every TICK_NS while jobs wait: a thread in the same
 *   job for a whole tick is *stuck* and no longer counted as running. If that
 *   leaves CPUs without a thread, as many are started. If not one job ended
 *   since the tick before, all count as stuck, and twice as many are started as
 *   by that tick.
 *
 * So a thousand jobs that wait for one another all have threads after some ten
 * ticks, while a flood of short jobs is done by as many threads as there are CPUs.
 * Threads idle for IDLE_NS go away.
 *
 * Between two jobs a thread yields (plat_resched). A kernel without preemption takes
 * the CPU away from a thread only where the thread offers it: a queue that never runs
 * dry would keep a CPU to itself, with it user space, RCU and the watchdog.
 *
 * States of a thread: starting -> (running -> [stuck] ->) idle -> waking -> ...
 * ->arriving counts those that are starting or waking: each will look at the queue,
 * so a job needs nobody woken while there are no more jobs than they.
 *
 *   push                              thread, nothing to do
 *   lock; append                      lock; queue empty?
 *   idle thread? off the list,        yes: onto the idle list; unlock
 *   arriving++; unlock; unpark          park
 *
 *   All under one lock: either push finds it idle, or it finds the job.
 *
 * Tasks. A queued task is seen in the queue, one that runs in its thread's slot. A
 * task is admitted, and moves from the one to the other, under the lock:
 *
 *   push                              drain (task.c), or a reader
 *   lock                              phase = QUIESCING; heavy barrier
 *   phase == RUNNING? append          lock; a task of s queued? watch it
 *   unlock                            unlock
 *
 *   take                              no task of s queued:
 *   lock; pop                         look at the slots
 *   slot names s; watch? unpark it
 *   unlock
 *
 *   A push before the drain's look is found, one after it is refused; what the look
 *   does not find has its slot filled. A reader must not count a task twice, which
 *   was queued when it looked there and has a slot when it looks there: the queue is
 *   first in, first out, so a ticket (->head) tells which those are. It has 64 bits: a
 *   task may stay in its slot while more than 2^31 others come and go.
 *
 *   A stopper counts its tasks in the queue (->nqueued) and has one watch for them, so a drain
 *   does not walk the tasks of other stoppers. The watch is cleared and its owner woken under
 *   the lock, or the owner clears it: a parker is never woken after its wait has returned.
 *
 * A stopper that never had an async task is stopped without a look at the queue and at the
 * slots of pool threads:
 *
 *   push                              drain
 *   ->uses_pool = true                phase = QUIESCING
 *   light barrier (B1)                heavy barrier (B1)
 *   lock; phase == RUNNING? append    ->uses_pool? no: no task is or was in the pool
 *
 *   It is set on all stoppers above it first (U), as a task of a child's may call the stop of
 *   its parent, which then finds it in the pool and refuses.
 *
 * Names. A thread bears the name of the job that it runs, and IDLE_THREAD_NAME while it
 * sleeps. A reader of the list, ps or an oops may look at any moment, so the name comes
 * before the job: a thread takes a job only if it bears the name of that job already.
 *
 *   thread                            list
 *   lock; first job is "b"? unlock    task "b" in the queue: it shows no thread
 *   name = "b"
 *   lock; still "b"? pop; slot        task "b" in a slot: thread "b"
 *
 *   If the first job has another name by now, another thread took a job, and this one
 *   begins again. Names are compared as bytes: a site may be used again for another
 *   name, as the one of closers is. What is compared is what the thread was named; that
 *   a task renamed it is for the platform to find (plat_thread_renamed).
 *
 *   A thread that still looks at the queue (spin_for_job) keeps the name it had last: it
 *   is as long as a sleep takes.
 *
 * Ending idle threads. Whatever takes a thread off the idle list unparks it, once, and the
 * thread does not go on before that: else a pusher that has let go of the lock would unpark a
 * thread that has ended.
 *
 *   pool_end_threads                  thread, nothing to do
 *   lock; ending = true               lock; queue empty? ending?
 *   each idle one: off the list,      yes: ends; unlock
 *     sent, unpark                    no: onto the idle list; unlock; park
 *   drained? no: unlock; park         lock; a job came? takes it; else leaves; unlock
 *                                     release: lock; drained? wakes the other one; unlock
 *   lock; ending = false; unlock      frees its memory
 *
 *   A push meanwhile finds no idle thread. It starts one, or leaves the job to the tick, or
 *   to a thread that was sent and has not looked at the queue yet.
 *
 * Threads woken beyond the first are rationed; see take_wake_budget().
 *
 * What was measured, for an empty task from one producer on two CPUs in userspace:
 * waking an idle thread for each job that waits, 1000 ns; rationed, 420; records from
 * magazines in place of malloc(), 230; queued tasks seen in the queue, not each on a
 * list of its own, 190 to 220. Short of all, and not done: a second lock for producers.
 *
 * A thread that cannot be started. The caller that has to start one, while no thread is idle
 * or on its way and none has ended a job of late, takes its task back and refuses it: it might
 * wait for ever for a thread. Else the task stays accepted. It begins when a thread is
 * done with its job, or when one can be started: the tick tries again, ever more rarely up to
 * RETRY_MAX_NS, and says once how many wait and why.
 */
#include "internal.h"

#define TICK_NS		NS_PER_MSEC
#define IDLE_NS		(10 * NS_PER_SEC)
#define MAX_STARTS	512	/* per tick */
#define RETRY_MAX_NS	NS_PER_SEC
#define MOVING_NS	(10 * NS_PER_MSEC) /* a job ended: the queue moves */
#define IDLE_THREAD_NAME	"stopper/pool"
#define STOP_THREAD_NAME	"stopper/stop"	/* a job of the library's own */
#ifndef MAX_WAKES
#define MAX_WAKES	64	/* per change of plat_coarse_time(), some ms */
#endif

struct pool_thread {
	struct plat_thread thread;
	struct plat_parker park;
	struct stopper_list node;	/* idle, running or stuck */
	struct slot_table *table;	/* where its tasks are seen */
	struct job *job;
	char name[COMM_SIZE];		/* that it bears: the first bytes, not escaped */
	unsigned int tick;		/* when it took the job */
	bool idle;			/* on the idle list; else an unpark is on its way */
	bool sent_to_exit;		/* taken off the idle list to end */
	bool stuck;
	bool renamed;			/* by its task: it bears not ->name */
	unsigned char at;		/* in ->table */
};

_Static_assert(sizeof(struct pool_thread) <= 512, "what an idle thread costs beside its stack");

static struct {
	stopper_lock_t lock;
	struct stopper_list queue;
	unsigned int nqueued;
	unsigned int arriving;
	unsigned int starting;		/* of ->arriving, those whose start may still fail */
	/* a cache line so far, in userspace */
	struct stopper_list idle;
	unsigned int nrunning;
	unsigned int nthreads;		/* started or starting */
	uint64_t ticket;		/* of the next task that is queued */
	uint64_t head;			/* of the next one that is taken */
	unsigned int tick;
	unsigned int ndone;
	unsigned int wake_budget;	/* wake-ups left for now, beyond the first */
	bool ticking;
	bool spinning;			/* a thread without a job looks at the queue, awake */
	bool timed;			/* the tick can run */
	bool ending;			/* threads end rather than become idle */
	bool ending_all;		/* and ->exit_waiter waits until it is pool_is_empty() */
	uint64_t wake_budget_since;
	struct stopper_list pushers;	/* struct pusher: who starts a thread for a job */
	struct stopper_list running;	/* earliest job first */
	struct stopper_list stuck;
	unsigned int burst;		/* how many the last tick started */
	unsigned int last_done;		/* ndone at the last tick */
	uint64_t done_at;		/* plat_coarse_time() when a job last ended */
	int64_t retry_ns;		/* until the tick tries to start a thread again */
	bool starved_logged;		/* that jobs wait for a thread */
	struct plat_timer timer;
	unsigned int nexiting;		/* threads that were sent or have left, not released yet */
	struct plat_parker *exit_waiter;	/* woken when it may be pool_is_drained() */
} pool PLAT_CACHELINE_ALIGNED = {
	.lock = PLAT_LOCK_INIT(pool.lock),
	.queue = { &pool.queue, &pool.queue },
	.idle = { &pool.idle, &pool.idle },
	.pushers = { &pool.pushers, &pool.pushers },
	.running = { &pool.running, &pool.running },
	.stuck = { &pool.stuck, &pool.stuck },
};

/* On the stack of pool_try_push(). */
struct pusher {
	struct stopper_list node;
	struct job *job;
	bool taken;
};

static void pool_main(struct plat_thread *t);
static void pool_died(struct plat_thread *t, bool hook_called);
static void pool_release(struct plat_thread *t);

static void pool_thread_free(struct pool_thread *me)
{
	if (me && me->table)
		pool_slot_put(me->table, me->at);
	plat_free(me);
}

/* With the lock held: more jobs wait than threads are on their way to them. */
static bool jobs_unserved(void)
{
	return pool.nqueued > pool.arriving;
}

/* With the lock held. The caller starts the timer if this says so. */
static bool claim_tick(void)
{
	bool start = jobs_unserved() && !pool.ticking;

	if (start) {
		pool.ticking = true;
		/* Whoever is in a job since before now will be stuck at the first tick. */
		pool.tick++;
	}
	return start;
}

/* With the lock held: no thread, no job, no tick, nor will there be. */
static bool pool_is_empty(void)
{
	return !pool.nthreads && !pool.nqueued && !pool.ticking;
}

/* With the lock held: what pool_end_threads() waits for. */
static bool pool_is_drained(void)
{
	return pool.ending_all ? pool_is_empty() : slist_empty(&pool.idle) && !pool.nexiting;
}

/* With the lock held. */
static void wake_exit_waiter(void)
{
	if (pool.exit_waiter && pool_is_drained())
		plat_unpark(pool.exit_waiter);
}

/* The thread runs no code of ours any more that could be waited for. */
static void pool_release(struct plat_thread *t)
{
	plat_flags_t f;

	plat_lock(&pool.lock, f);
	pool.nexiting--;
	wake_exit_waiter();
	plat_unlock(&pool.lock, f);
	pool_thread_free(list_item(t, struct pool_thread, thread));
}

static void start_tick(int64_t delay)
{
	plat_flags_t f;

	if (!plat_timer_start(&pool.timer, plat_now() + delay))
		return;
	/* No timer thread: pool_reserve() made sure that there was one. */
	plat_lock(&pool.lock, f);
	pool.ticking = false;
	wake_exit_waiter();
	plat_unlock(&pool.lock, f);
}

/* With the lock held: the caller will try to start @n threads. */
static void count_starts(unsigned int n)
{
	plat_store(&pool.nthreads, pool.nthreads + n);
	pool.arriving += n;
	pool.starting += n;
}

/* With the lock held: @n of them were not started. */
static void uncount_starts(unsigned int n)
{
	plat_store(&pool.nthreads, pool.nthreads - n);
	pool.arriving -= n;
	pool.starting -= n;
}

/* One thread more, already counted by count_starts(). */
static int add_thread(void)
{
	struct pool_thread *me = plat_alloc(sizeof(*me));
	plat_flags_t f;
	bool tick = false;
	int err = -ENOMEM;

	if (me)
		me->table = pool_slot_get(&me->at);
	if (me && me->table) {
		me->thread.main = pool_main;
		me->thread.died = pool_died;
		me->thread.release = pool_release;
		memcpy(me->name, IDLE_THREAD_NAME, sizeof(IDLE_THREAD_NAME));
		err = plat_thread_start(&me->thread, IDLE_THREAD_NAME);
	}
	if (err)
		pool_thread_free(me);
	plat_lock(&pool.lock, f);
	if (err) {
		uncount_starts(1);
		/* A job pushed meanwhile was left to this thread. */
		tick = claim_tick();
	} else {
		pool.starting--;
	}
	plat_unlock(&pool.lock, f);
	if (tick)
		start_tick(TICK_NS);
	return err;
}

/* With the lock held: those in one job since before the last tick no longer count. */
static void mark_stuck_threads(void)
{
	struct stopper_list *n;

	while ((n = pool.running.next) != &pool.running) {
		struct pool_thread *t = list_item(n, struct pool_thread, node);

		if (t->tick == pool.tick)
			break;
		slist_remove(n);
		slist_append(&pool.stuck, n);
		t->stuck = true;
		pool.nrunning--;
	}
	pool.tick++;
}

/* With the lock held: how many threads to start now. */
static unsigned int threads_to_start(void)
{
	unsigned int missing = pool.nqueued - pool.arriving, cpus = plat_cpus(), active, n;
	bool moved = pool.ndone != pool.last_done;

	pool.last_done = pool.ndone;
	active = pool.arriving + (moved ? pool.nrunning : 0);
	n = active < cpus ? cpus - active : 0;
	if (!moved && n < 2 * pool.burst)
		n = 2 * pool.burst;
	if (n > missing)
		n = missing;
	if (n > MAX_STARTS)
		n = MAX_STARTS;
	pool.burst = n;
	return n;
}

/* With the lock held: an idle thread, now on its way; NULL: none. */
static struct pool_thread *take_idle_thread(void)
{
	struct stopper_list *n = slist_pop(&pool.idle);
	struct pool_thread *t;

	if (!n)
		return NULL;
	t = list_item(n, struct pool_thread, node);
	t->idle = false;
	pool.arriving++;
	return t;
}

/* With the lock held. @err: of the last start that was tried, 0: it could. How many to speak of. */
static unsigned int note_starved(int err)
{
	bool say = err && pool.nqueued && !pool.starved_logged;

	if (!err || !pool.nqueued) {
		pool.retry_ns = 0;
		pool.starved_logged = false;
		return 0;
	}
	pool.retry_ns = pool.retry_ns ? 2 * pool.retry_ns : TICK_NS;
	if (pool.retry_ns > RETRY_MAX_NS)
		pool.retry_ns = RETRY_MAX_NS;
	pool.starved_logged = true;
	return say ? pool.nqueued : 0;
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
	plat_lock(&pool.lock, f);
	pool.ticking = false;
	mark_stuck_threads();
	if (jobs_unserved())
		n = threads_to_start();
	else
		pool.burst = 0;
	for (; n && (t = take_idle_thread()); n--)
		slist_append(&called, &t->node);
	count_starts(n);
	tried = n;
	plat_unlock(&pool.lock, f);

	while ((node = slist_pop(&called)))
		plat_unpark(&list_item(node, struct pool_thread, node)->park);
	while (n && !(err = add_thread()))
		n--;
	plat_lock(&pool.lock, f);
	/* add_thread() took back the one that failed; the rest never began. */
	if (n)
		uncount_starts(n - 1);
	if (tried || !pool.nqueued)
		starved = note_starved(err);
	delay = pool.retry_ns > TICK_NS ? pool.retry_ns : TICK_NS;
	again = pool.nqueued && !pool.ticking;
	if (again)
		pool.ticking = true;
	wake_exit_waiter();
	plat_unlock(&pool.lock, f);
	log_starved(starved, err);
	if (again)
		start_tick(delay);
}

/*
 * With the lock held: is another thread to be woken for what waits? The first
 * always. Short jobs that come one after the other are taken up by a thread that
 * is awake before another one gets here, which then finds nothing and sleeps: so
 * of these wake-ups there are only so many in a while; else the tick does it.
 */
static bool take_wake_budget(void)
{
	uint64_t now;

	if (!pool.nrunning && !pool.arriving)
		return true;
	now = plat_coarse_time();
	if (pool.wake_budget_since != now) {
		pool.wake_budget_since = now;
		pool.wake_budget = MAX_WAKES;
	}
	if (!pool.wake_budget)
		return false;
	pool.wake_budget--;
	return true;
}

/*
 * Makes sure that a job can be had done, before it is promised: there is a
 * thread and the tick can run. Process context.
 */
int pool_reserve(void)
{
	plat_flags_t f;
	bool first;
	int err;

	/* Should the last thread just be leaving, pool_push() starts another. */
	if (PLAT_LIKELY(plat_load(&pool.nthreads) && plat_load(&pool.timed)))
		return plat_ready();
	err = plat_timers_ready();
	if (err)
		return err;
	plat_lock(&pool.lock, f);
	plat_store(&pool.timed, true);
	first = !pool.nthreads;
	if (first)
		count_starts(1);
	plat_unlock(&pool.lock, f);
	return first ? add_thread() : 0;
}

/* What a push has to do once the lock is free. */
struct deferred {
	struct pool_thread *wake;
	bool start;
	bool tick;
	int64_t delay;
};

/* With the lock held. */
static void queue_job(struct job *job, bool may_start, struct deferred *deferred)
{
	*deferred = (struct deferred){ .delay = may_start || pool.nrunning ? TICK_NS : 0 };
	slist_append(&pool.queue, &job->node);
	plat_store(&pool.nqueued, pool.nqueued + 1);
	if (jobs_unserved() && !slist_empty(&pool.idle) && take_wake_budget())
		deferred->wake = take_idle_thread();
	if (may_start && jobs_unserved() && slist_empty(&pool.idle) &&
	    pool.nrunning + pool.arriving < plat_cpus()) {
		deferred->start = true;
		count_starts(1);
	}
	deferred->tick = claim_tick();
}

/* An error: a thread had to be started, and could not. */
static int run_deferred(struct deferred *deferred)
{
	int err = 0;

	/* It waits for this, so it is still there. */
	if (deferred->wake)
		plat_unpark(&deferred->wake->park);
	if (deferred->start)
		err = add_thread();
	if (deferred->tick)
		start_tick(deferred->delay);
	return err;
}

/* Hands a job over. @may_start: process context, threads may be started here. */
void pool_push(struct job *job, bool may_start)
{
	struct deferred deferred;
	plat_flags_t f;

	plat_lock(&pool.lock, f);
	queue_job(job, may_start, &deferred);
	plat_unlock(&pool.lock, f);
	run_deferred(&deferred);
}

/*
 * The same for a job that its owner can do himself: false: no thread is free and none can be
 * started, and it is not in the queue. It is the next one to be done. Process context.
 */
bool pool_try_push(struct job *job)
{
	struct pusher me = { .job = job };
	struct deferred deferred;
	bool left = false;
	plat_flags_t f;

	plat_lock(&pool.lock, f);
	queue_job(job, true, &deferred);
	slist_remove(&job->node);
	slist_push(&pool.queue, &job->node);
	/* Not left to a thread that another caller may fail to start. */
	if (!deferred.start && pool.nqueued + pool.starting > pool.arriving) {
		deferred.start = true;
		count_starts(1);
	}
	if (deferred.start)
		slist_append(&pool.pushers, &me.node);
	plat_unlock(&pool.lock, f);
	if (deferred.start) {
		left = add_thread();
		plat_lock(&pool.lock, f);
		slist_remove(&me.node);
		/* One that was taken may be over and gone. */
		left = left && !me.taken;
		if (left) {
			slist_remove(&job->node);
			plat_store(&pool.nqueued, pool.nqueued - 1);
		}
		plat_unlock(&pool.lock, f);
	}
	deferred.start = false;
	run_deferred(&deferred);
	return !left;
}

/* With the lock held: is a thread idle or on its way, or will one be done soon? */
static bool pool_is_moving(void)
{
	return pool.arriving || !slist_empty(&pool.idle) ||
	       (pool.done_at && plat_coarse_age(pool.done_at) < MOVING_NS);
}

/* With the lock held: a task of @s is in the queue no longer. */
static void pool_dequeued(struct stopper *s)
{
	if (--s->nqueued || !s->queue_watch)
		return;
	plat_unpark(s->queue_watch);
	s->queue_watch = NULL;
}

/* No thread could be started for it. true: nor will there be one soon, and it is not queued. */
static bool pool_retract_task(struct task_job *task, uint64_t ticket)
{
	plat_flags_t f;
	bool back;

	plat_lock(&pool.lock, f);
	/* It may have been taken, and be over and gone: its ticket says so. */
	back = ticket >= pool.head && !pool_is_moving();
	if (back) {
		slist_remove(&task->job.node);
		plat_store(&pool.nqueued, pool.nqueued - 1);
		pool_dequeued(task->s);
	}
	plat_unlock(&pool.lock, f);
	return back;
}

/* Before the first async task of @s: from now on its stop, and its parents', read the pool. */
static void pool_note_user(struct stopper *s)
{
	struct stopper *parent;
	plat_flags_t f;

	plat_lock(&s->lock, f);
	parent = s->parent;
	if (parent)
		stopper_pin(parent);
	plat_unlock(&s->lock, f);
	if (parent) {
		if (!plat_load(&parent->uses_pool))
			pool_note_user(parent);
		stopper_unpin(parent);
	}
	/* (U) pairs with pool_push_task(): who finds it set finds it set on all above */
	plat_store_release(&s->uses_pool, true);
}

/*
 * The same for a task, if its stopper admits it: -ESHUTDOWN; or what starting a thread said,
 * if there is none that could run it.
 */
int pool_push_task(struct task_job *task, bool may_start)
{
	struct deferred deferred;
	uint64_t ticket = 0;
	plat_flags_t f;
	bool admit;
	int err;

	task->since = plat_coarse_time();
	/* (U) pairs with pool_note_user() */
	if (PLAT_UNLIKELY(!plat_load_acquire(&task->s->uses_pool)))
		pool_note_user(task->s);
	/* (B1) pairs with the heavy barrier in quiesce_begin(): or the drain sees ->uses_pool */
	plat_light_barrier();
	plat_lock(&pool.lock, f);
	admit = plat_load(&task->s->phase) == STOPPER_RUNNING;
	if (admit) {
		ticket = pool.ticket++;
		task->ticket = ticket;
		task->s->nqueued++;
		queue_job(&task->job, may_start, &deferred);
	}
	plat_unlock(&pool.lock, f);
	if (!admit)
		return -ESHUTDOWN;
	err = run_deferred(&deferred);
	return err && pool_retract_task(task, ticket) ? err : 0;
}

/* With the lock held: the task leaves the queue for its thread's slot. */
static void publish_task(struct pool_thread *me, struct task_job *task)
{
	struct stopper_slot *slot = &me->table->slot[me->at];

	pool.head = task->ticket + 1;
	__stopper_slot_number(slot, (unsigned int)task->ticket);
	plat_store(&me->table->ticket[me->at], task->ticket);
	plat_store(&slot->tid, slot_tid(STOPPER_KIND_ASYNC, (unsigned int)plat_tid()));
	plat_store(&slot->start, task->since);
	__stopper_slot_fill(slot, task->s, task->job.site);
	task->slot = slot;
	pool_dequeued(task->s);
}

/* With the lock held: the name that the first job in the queue wants; NULL: the queue is empty. */
static const char *pool_first_name(void)
{
	struct stopper_list *n = pool.queue.next;
	struct job *job = list_item(n, struct job, node);

	if (n == &pool.queue)
		return NULL;
	if (!job->site)
		return STOP_THREAD_NAME;
	return job->site->name ? job->site->name : "(none)";
}

/* A thread's name is short: what follows its first bytes is not to be seen. */
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

/* A job of several parts, with a name each: the thread @me, which runs it, bears @name now. */
void pool_thread_set_name(struct pool_thread *me, const char *name)
{
	me->renamed = plat_thread_renamed(&me->thread);
	if (thread_has_name(me, name))
		return;
	note_thread_name(me, name);
	plat_thread_name(&me->thread, me->name);
}

/*
 * With the lock held, but not while the name is set: @name is copied, for its job may be
 * over by then. Until it has looked at the queue again the thread counts as coming.
 */
static void rename_unlocked(struct pool_thread *me, const char *name, plat_flags_t *f)
{
	note_thread_name(me, name);
	pool.arriving++;
	plat_unlock(&pool.lock, *f);
	plat_thread_name(&me->thread, me->name);
	plat_lock(&pool.lock, *f);
	pool.arriving--;
}

/* With the lock held: its owner looks at @job no more. */
static void note_job_taken(struct job *job)
{
	struct stopper_list *n;

	list_walk(n, &pool.pushers) {
		struct pusher *p = list_item(n, struct pusher, node);

		if (p->job == job)
			p->taken = true;
	}
}

/* With the lock held. */
static struct job *take_job(struct pool_thread *me)
{
	me->job = list_item(slist_pop(&pool.queue), struct job, node);
	plat_store(&pool.nqueued, pool.nqueued - 1);
	me->tick = pool.tick;
	me->stuck = false;
	slist_append(&pool.running, &me->node);
	pool.nrunning++;
	if (me->job->ops->is_task)
		publish_task(me, list_item(me->job, struct task_job, job));
	else
		note_job_taken(me->job);
	return me->job;
}

/* With the lock held. */
static void finish_job(struct pool_thread *me)
{
	slist_remove(&me->node);
	if (!me->stuck)
		pool.nrunning--;
	pool.ndone++;
	pool.done_at = plat_coarse_time();
	me->job = NULL;
}

/* With the lock held. */
static void note_thread_exit(struct pool_thread *me)
{
	plat_store(&pool.nthreads, pool.nthreads - 1);
	if (!me->sent_to_exit)
		pool.nexiting++;
	wake_exit_waiter();
}

/*
 * With the lock held, by one thread at a time: stays awake for the next job for as
 * long as a sleep and a wake-up would take. Until then it counts as coming.
 */
static bool spin_for_job(plat_flags_t *f)
{
	unsigned int i, spins = plat_spins();

	if (!spins || pool.spinning || pool.ending)
		return false;
	pool.spinning = true;
	pool.arriving++;
	plat_unlock(&pool.lock, *f);
	for (i = 0; i < spins && !plat_load(&pool.nqueued); i++)
		plat_relax();
	plat_lock(&pool.lock, *f);
	pool.spinning = false;
	pool.arriving--;
	return pool.nqueued;
}

/* With the lock held, the thread having been unparked: true: it is to look at the queue. */
static bool unparked_for_job(struct pool_thread *me)
{
	if (!me->sent_to_exit) {
		pool.arriving--;
		return true;
	}
	if (!pool.nqueued)
		return false;
	me->sent_to_exit = false;
	pool.nexiting--;
	wake_exit_waiter();
	return true;
}

/* With the lock held. Waits for work; false: there is none, and the thread is to end. */
static bool wait_idle(struct pool_thread *me, plat_flags_t *f)
{
	bool unparked;
	int64_t until;

	if (spin_for_job(f))
		return true;
	if (!thread_has_name(me, IDLE_THREAD_NAME))
		rename_unlocked(me, IDLE_THREAD_NAME, f);
	if (pool.nqueued || pool.ending)
		return pool.nqueued;
	me->idle = true;
	slist_push(&pool.idle, &me->node);
	/* Once off the list it is unparked, perhaps later, and must be there for it. */
	do {
		until = me->idle ? plat_now() + IDLE_NS : PLAT_FOREVER;
		plat_unlock(&pool.lock, *f);
		unparked = plat_park_idle(&me->park, until);
		plat_lock(&pool.lock, *f);
	} while (!unparked && !me->idle);
	if (unparked)
		return unparked_for_job(me);
	me->idle = false;
	slist_remove(&me->node);
	/* A job may have come that was to wait for the tick. */
	return pool.nqueued;
}

/* With the lock held. Waits until a job can be taken; false: the thread is to end. */
static bool pool_wait_for_job(struct pool_thread *me, plat_flags_t *f)
{
	const char *name;

	for (;;) {
		/* Its stack is too small, or its state spoiled; the tick starts another one. */
		if (!plat_thread_fits(&me->thread))
			return false;
		name = pool_first_name();
		if (name && thread_has_name(me, name))
			return true;
		if (name)
			rename_unlocked(me, name, f);
		else if (!wait_idle(me, f))
			return false;
	}
}

static void pool_main(struct plat_thread *t)
{
	struct pool_thread *me = list_item(t, struct pool_thread, thread);
	struct job *job;
	plat_flags_t f;
	bool tick;

	plat_park_init(&me->park);
	plat_lock(&pool.lock, f);
	pool.arriving--;
	while (pool_wait_for_job(me, &f)) {
		job = take_job(me);
		plat_unlock(&pool.lock, f);
		job->ops->run(job, me);
		plat_resched();
		me->renamed = plat_thread_renamed(t);
		plat_lock(&pool.lock, f);
		finish_job(me);
	}
	note_thread_exit(me);
	tick = claim_tick();
	plat_unlock(&pool.lock, f);
	if (tick)
		start_tick(0);
}

static void pool_died(struct plat_thread *t, bool hook_called)
{
	struct pool_thread *me = list_item(t, struct pool_thread, thread);
	struct job *job = me->job;
	plat_flags_t f;
	bool tick;

	job->ops->died(job, hook_called);
	plat_lock(&pool.lock, f);
	finish_job(me);
	note_thread_exit(me);
	tick = claim_tick();
	plat_unlock(&pool.lock, f);
	if (tick)
		start_tick(0);
}

void pool_init(void)
{
	plat_timer_init(&pool.timer, pool_tick);
}

/* With the lock held. */
static void send_idle_to_exit(void)
{
	struct stopper_list *n;

	while ((n = slist_pop(&pool.idle))) {
		struct pool_thread *t = list_item(n, struct pool_thread, node);

		t->idle = false;
		t->sent_to_exit = true;
		pool.nexiting++;
		plat_unpark(&t->park);
	}
}

/*
 * Ends the threads that are idle, or become idle until this returns. @all: waits until all have
 * ended, when they have done what is queued: what stops a stopper does not wait for all it has
 * queued. The tick is not cancelled, for it may be about to be started, but waited for.
 * false: the deadline has passed. One caller at a time.
 */
bool pool_end_threads(bool all, int64_t deadline)
{
	bool drained, timely = true;
	struct plat_parker waiter;
	plat_flags_t f;

	plat_park_init(&waiter);
	plat_lock(&pool.lock, f);
	pool.ending = true;
	pool.ending_all = all;
	pool.exit_waiter = &waiter;
	send_idle_to_exit();
	while (!(drained = pool_is_drained()) && timely) {
		plat_unlock(&pool.lock, f);
		timely = plat_park(&waiter, deadline);
		plat_lock(&pool.lock, f);
	}
	pool.ending = false;
	pool.exit_waiter = NULL;
	plat_unlock(&pool.lock, f);
	return drained;
}

/* No more jobs will come. */
void pool_exit(void)
{
	pool_end_threads(true, PLAT_FOREVER);
}

/* With the lock held: the task that @n is, if it is one of @s (NULL: of any). */
static struct task_job *queued_task(struct stopper_list *n, const struct stopper *s)
{
	struct job *job = list_item(n, struct job, node);
	struct task_job *task = list_item(job, struct task_job, job);

	return job->ops->is_task && (!s || task->s == s) ? task : NULL;
}

/* Has @me woken when the last queued task of @s is taken; false: none is queued. */
bool pool_watch(struct stopper *s, struct plat_parker *me)
{
	plat_flags_t f;
	bool queued;

	plat_lock(&pool.lock, f);
	queued = s->nqueued;
	/* Nobody else waits for tasks of @s. */
	s->queue_watch = queued ? me : NULL;
	plat_unlock(&pool.lock, f);
	return queued;
}

/* After this the watch of @s wakes its owner no more. */
void pool_unwatch(struct stopper *s)
{
	plat_flags_t f;

	plat_lock(&pool.lock, f);
	s->queue_watch = NULL;
	plat_unlock(&pool.lock, f);
}

/*
 * Shows every queued task of @s (NULL: of all) to @visit. Returns the ticket from
 * which on tasks were in the queue or came later: those in slots have been seen.
 */
uint64_t pool_visit(struct stopper *s, void (*visit)(void *arg, const struct task_view *v),
		    void *arg)
{
	struct task_view v = { .kind = STOPPER_KIND_ASYNC };
	struct stopper_list *n;
	struct task_job *task;
	plat_flags_t f;
	uint64_t first;

	plat_lock(&pool.lock, f);
	first = pool.head;
	list_walk(n, &pool.queue) {
		task = queued_task(n, s);
		if (!task)
			continue;
		v.s = task->s;
		v.site = task->job.site;
		v.seq = (unsigned int)task->ticket;
		v.age = plat_coarse_age(task->since);
		visit(arg, &v);
	}
	plat_unlock(&pool.lock, f);
	return first;
}
