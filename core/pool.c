// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * pool.c - the threads that run async tasks, closers and stops.
 *
 * A job may block for ever, so every job must soon have a thread of its own; yet
 * a thread costs far more than a job. So there is one queue, first in first out, and:
 *
 *   - A thread that finishes a job takes the next one without sleeping.
 *   - A job for which no thread is on its way wakes an idle thread: the one that
 *     became idle last, as its stack is warm.
 *   - If none is idle, a thread is started at once while fewer threads run than
 *     there are CPUs; more would not make short jobs faster.
 *   - Otherwise the tick decides, every TICK_NS while jobs wait. A thread that has
 *     been in one job for a whole tick is *stuck* and no longer counts as running. If
 *     that leaves CPUs without a thread, as many are started. If no job at all ended
 *     since the tick before, all threads count as stuck, and twice as many are
 *     started as by that tick.
 *
 * So a thousand jobs that wait for one another all have threads after about ten
 * ticks, while a flood of short jobs is done by as many threads as there are CPUs.
 * A thread that is idle for IDLE_NS exits.
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
 *   All of it is under one lock: either push finds the thread idle, or the thread
 *   finds the job.
 *
 * Tasks. A queued task is visible in the queue, a running one in its thread's slot.
 * A task is admitted, and moves from the queue to the slot, under the lock:
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
 *   A push before the drain's check is found; one after it is refused; and a task
 *   that the check does not find has its slot filled. A reader must not count a task
 *   twice that was queued when it read the queue and has a slot when it reads the
 *   slots. The queue is first in first out, so a ticket (->head) tells which tasks
 *   those are. It has 64 bits: a task may stay in its slot while more than 2^31
 *   others come and go.
 *
 *   A visit of the queue drops the lock after every WALK_BATCH jobs, so that it is not held, with
 *   interrupts off, for as long as the queue. It goes from the last job to the first:
 *
 *   visit                             take
 *   lock; tasks 9 to 7; unlock        lock; pop 1, 2, 3; unlock
 *   lock; tasks 6 to 4; the begin     lock; pop 4 ... 9; unlock
 *   of the queue; unlock
 *   look at the slots for tickets
 *   below 4
 *
 *   A task that is taken before the visit came to it has a lower ticket than all that were
 *   visited, and one that was visited is not looked for in the slots. One that is taken while the
 *   visit is at it moves the mark of the visit (->visits), under the lock.
 *
 *   A stopper counts its tasks in the queue (->nqueued) and has one watch for them, so a
 *   drain does not walk the tasks of other stoppers. Either the watch is cleared and its
 *   owner woken under the lock, or the owner clears it: a parker is never woken after
 *   its wait has returned.
 *
 * The stop of a stopper that never had an async task reads neither the queue nor the
 * slots of pool threads:
 *
 *   push                              drain
 *   ->uses_pool = true                phase = QUIESCING
 *   light barrier (B1)                heavy barrier (B1)
 *   lock; phase == RUNNING? append    ->uses_pool? no: no task is or was in the pool
 *
 *   The flag is set on all stoppers above it first (U): a task of a child may call the
 *   stop of a parent, which must then find the task in the pool and refuse.
 *
 * Waits for one task. Its record does not tell whether the task is over, as done() may have
 * been entered, have started it again, or be running still (async.c). The slot does: tables are
 * never freed, and the slot has the ticket of its task until the thread has left the task. The
 * record keeps its ticket and slot; who waits keeps the record.
 *
 *   wait                              thread
 *   lock; queued? at the record       lock; pop; the slot gets the ticket and the waiters; unlock
 *   slot has the record's ticket?     the function, done(), the end of the task
 *     yes: at the slot; no: return    lock; ticket = 0; wake all waiters of the slot; unlock
 *   unlock; park
 *   lock; done? unlock; return
 *
 *   A waiter is on its thread's stack. It is woken under the lock, which it takes before it
 *   leaves; if it gives up, it leaves the list under the lock.
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
 * Wake-ups of threads beyond the first are rationed; see take_wake_budget().
 *
 * Measured for an empty task from one producer on two CPUs in userspace: one idle
 * thread woken for each waiting job, 1000 ns; wake-ups rationed, 420 ns; records from
 * magazines instead of malloc(), 230 ns; queued tasks visible in the queue instead of
 * each on a list of its own, 190 to 220 ns. Not done: a second lock for producers.
 *
 * Failure to start a thread. If the caller has to start a thread and cannot, while no
 * thread is idle or arriving and no job has ended for MOVING_NS, it takes its task back and
 * refuses it: the task might wait for ever. Otherwise the task stays accepted. It begins
 * when a thread finishes its job or when one can be started. The tick retries, ever more
 * rarely up to RETRY_MAX_NS, and logs once how many tasks wait and why.
 *
 * Ordered accesses, beside (B1) of task.c, (R) of pause.c and (I) of async.c:
 *
 *   (U)  ->uses_pool = true is a release in pool_note_user(); its partner is the acquire in
 *        the same function. Guarantees: a thread that sees the flag set on a stopper sees
 *        it set on all stoppers above it.
 */
#include "internal.h"

#define TICK_NS		NS_PER_MSEC
#define IDLE_NS		(10 * NS_PER_SEC)
#define MAX_STARTS	512	/* per tick */
#define RETRY_MAX_NS	NS_PER_SEC
#define MOVING_NS	(10 * NS_PER_MSEC) /* since a job ended: the queue is moving */
#define IDLE_THREAD_NAME	"stopper/pool"
#define STOP_THREAD_NAME	"stopper/stop"	/* a job of the library's own */
#ifndef MAX_WAKES
#define MAX_WAKES	64	/* per change of plat_coarse_time(): several ms */
#endif

struct pool_thread {
	struct plat_thread thread;
	struct plat_parker park;
	struct stopper_list node;	/* idle, running or stuck */
	struct slot_table *table;	/* where its tasks are visible */
	struct stopper_job *job;
	struct async_run run;		/* of a task */
	char name[COMM_SIZE];		/* given by the pool: the first bytes, not escaped */
	unsigned int tick;		/* when it took the job */
	bool idle;			/* on the idle list; if not, an unpark will come */
	bool sent_to_exit;		/* taken off the idle list in order to exit */
	bool stuck;
	bool renamed;			/* by its task: ->name is not its name */
	unsigned char at;		/* in ->table */
};

_Static_assert(sizeof(struct pool_thread) - sizeof(struct plat_thread) -
	       sizeof(struct plat_parker) <= 256, "an idle thread, beside what the platform needs");

static struct {
	stopper_lock_t lock;
	struct stopper_list queue;
	struct stopper_list visits;	/* struct queue_visit */
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
	bool spinning;			/* a thread without a job polls the queue */
	bool timed;			/* the tick can run */
	bool ending;			/* threads exit instead of becoming idle */
	bool ending_all;		/* ->exit_waiter waits for the end of all threads */
	uint64_t wake_budget_since;
	struct stopper_list pushers;	/* struct pusher: callers that start a thread for a job */
	struct stopper_list running;	/* earliest job first */
	struct stopper_list stuck;
	unsigned int burst;		/* how many the last tick started */
	unsigned int last_done;		/* ndone at the last tick */
	uint64_t done_at;		/* plat_coarse_time() when a job last ended */
	int64_t retry_ns;		/* until the tick tries to start a thread again */
	bool starved_logged;		/* the log says that tasks wait for a thread */
	struct plat_timer timer;
	unsigned int nexiting;		/* threads sent to exit or exiting, not yet released */
	struct plat_parker *exit_waiter;	/* woken when pool_is_drained() may be true */
} pool PLAT_CACHELINE_ALIGNED = {
	.lock = PLAT_LOCK_INIT(pool.lock),
	.queue = { &pool.queue, &pool.queue },
	.visits = { &pool.visits, &pool.visits },
	.idle = { &pool.idle, &pool.idle },
	.ticket = 1,
	.head = 1,
	.pushers = { &pool.pushers, &pool.pushers },
	.running = { &pool.running, &pool.running },
	.stuck = { &pool.stuck, &pool.stuck },
};

/* On the stack of pool_try_push(). */
struct pusher {
	struct stopper_list node;
	struct stopper_job *job;
	bool taken;
};

/* On the stack of pool_visit(). */
struct queue_visit {
	struct stopper_list node;
	struct stopper_list *at;	/* the next job to be visited, or the list's head */
};

/* On the stack of pool_wait_task(). */
struct stopper_async_waiter {
	struct stopper_async_waiter *next, **link;
	struct plat_parker park;
	bool done;
};

static void pool_main(struct plat_thread *t);
static void pool_died(struct plat_thread *t, bool hook_called);

static void pool_thread_free(struct pool_thread *me)
{
	if (me && me->table)
		pool_slot_put(me->table, me->at);
	plat_free(me);
}

/* With the lock held: more jobs wait than threads are arriving. */
static bool jobs_unserved(void)
{
	return pool.nqueued > pool.arriving;
}

/* With the lock held. True: the caller must start the tick. */
static bool claim_tick(void)
{
	bool start = jobs_unserved() && !pool.ticking;

	if (start) {
		pool.ticking = true;
		/* A thread that took its job before now is stuck at the first tick. */
		pool.tick++;
	}
	return start;
}

/* With the lock held: what pool_end_threads() waits for: no thread, job or tick, or none idle. */
static bool pool_is_drained(void)
{
	return pool.ending_all ? !pool.nthreads && !pool.nqueued && !pool.ticking :
				 slist_empty(&pool.idle) && !pool.nexiting;
}

/* With the lock held. */
static void wake_exit_waiter(void)
{
	if (pool.exit_waiter && pool_is_drained())
		plat_unpark(pool.exit_waiter);
}

/* The thread has left all code of the pool. */
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
	if (!plat_timer_start(&pool.timer, plat_now() + delay))
		return;
	/* No timer thread. Not expected: pool_reserve() ensured that there was one. */
	lock_guard(&pool.lock);
	pool.ticking = false;
	wake_exit_waiter();
}

/* With the lock held: the caller will try to start @n threads. */
static void count_starts(unsigned int n)
{
	plat_store(&pool.nthreads, pool.nthreads + n);
	pool.arriving += n;
	pool.starting += n;
}

/* With the lock held: @n of them could not be started. */
static void uncount_starts(unsigned int n)
{
	plat_store(&pool.nthreads, pool.nthreads - n);
	pool.arriving -= n;
	pool.starting -= n;
}

/* Start one thread, which count_starts() has counted. */
static int add_thread(void)
{
	struct pool_thread *me = plat_alloc(sizeof(*me));
	plat_flags_t f;
	bool tick = false;
	int err = -ENOMEM;

	if (me)
		me->table = pool_slot_get(&me->at);
	if (me && me->table) {
		me->thread = (struct plat_thread){ .main = pool_main, .died = pool_died,
						   .release = pool_release };
		memcpy(me->name, IDLE_THREAD_NAME, sizeof(IDLE_THREAD_NAME));
		err = plat_thread_start(&me->thread, IDLE_THREAD_NAME);
	}
	if (err)
		pool_thread_free(me);
	plat_lock(&pool.lock, f);
	if (err) {
		uncount_starts(1);
		/* A job that was pushed meanwhile relied on this thread. */
		tick = claim_tick();
	} else {
		pool.starting--;
	}
	plat_unlock(&pool.lock, f);
	if (tick)
		start_tick(TICK_NS);
	return err;
}

/* With the lock held: threads in one job since before the last tick no longer count as running. */
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

/* With the lock held: a thread off the idle list, which the caller unparks. NULL: none. */
static struct pool_thread *pop_idle_thread(void)
{
	struct stopper_list *n = slist_pop(&pool.idle);
	struct pool_thread *t;

	if (!n)
		return NULL;
	t = list_item(n, struct pool_thread, node);
	t->idle = false;
	return t;
}

/* With the lock held: the same; it is arriving now. */
static struct pool_thread *take_idle_thread(void)
{
	struct pool_thread *t = pop_idle_thread();

	if (t)
		pool.arriving++;
	return t;
}

/*
 * With the lock held. @err: of the last attempt to start a thread, 0 if it succeeded. Return how
 * many waiting tasks to log.
 */
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
	/* add_thread() has uncounted the one that failed; the others were not attempted. */
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
 * With the lock held: should another thread be woken for the waiting jobs? The first one
 * always. Short jobs in a row are taken by a thread that is awake before another one is,
 * which then finds nothing and sleeps again. So only MAX_WAKES further wake-ups are made per
 * change of the coarse clock; beyond that the tick decides.
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
 * Ensure that a thread exists and the tick can run before a task is accepted. Process
 * context.
 */
int pool_reserve(void)
{
	plat_flags_t f;
	bool first;
	int err;

	/* If the last thread is just exiting, the push starts another. */
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

/* With the lock held. */
static void queue_remove(struct stopper_list *n)
{
	struct stopper_list *pos;
	struct queue_visit *v;

	if (PLAT_UNLIKELY(!slist_empty(&pool.visits)))
		list_walk(pos, &pool.visits) {
			v = list_item(pos, struct queue_visit, node);
			if (v->at == n)
				v->at = n->prev;
		}
	slist_remove(n);
	plat_store(&pool.nqueued, pool.nqueued - 1);
}

/* What a push must do after it has dropped the lock. */
struct deferred {
	struct pool_thread *wake;
	bool start;
	bool tick;
	int64_t delay;
};

/* With the lock held. @may_start: process context, so that threads may be started here. */
static void queue_job(struct stopper_job *job, bool may_start, struct deferred *deferred)
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

/* Return an error if a thread had to be started and could not be. */
static int run_deferred(struct deferred *deferred)
{
	int err = 0;

	/* The thread waits for this unpark, so it still exists. */
	if (deferred->wake)
		plat_unpark(&deferred->wake->park);
	if (deferred->start)
		err = add_thread();
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
	bool left = false;
	plat_flags_t f;

	plat_lock(&pool.lock, f);
	queue_job(job, true, &deferred);
	slist_remove(&job->node);
	slist_push(&pool.queue, &job->node);
	/* Do not rely on a thread that another caller may fail to start. */
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
		/* If the job was taken, it may be finished and freed. */
		left = left && !me.taken;
		if (left)
			queue_remove(&job->node);
		plat_unlock(&pool.lock, f);
	}
	deferred.start = false;
	run_deferred(&deferred);
	return !left;
}

/* With the lock held: is a thread idle or arriving, or has a job ended of late? */
static bool pool_is_moving(void)
{
	return pool.arriving || !slist_empty(&pool.idle) ||
	       (pool.done_at && plat_coarse_age(pool.done_at) < MOVING_NS);
}

/* With the lock held: a task of @s has left the queue. */
static void pool_dequeued(struct stopper *s)
{
	if (--s->nqueued || !s->queue_watch)
		return;
	plat_unpark(s->queue_watch);
	s->queue_watch = NULL;
}

/* No thread could be started for @a. True: none is expected soon; the task is taken back. */
static bool pool_retract_task(struct stopper_async *a, uint64_t ticket)
{
	lock_guard(&pool.lock);

	/* If the task was taken, it may be finished and freed; its ticket tells. */
	if (ticket < pool.head || pool_is_moving())
		return false;
	queue_remove(&a->job.node);
	pool_dequeued(a->s);
	return true;
}

/*
 * Before the first async task of @s: its stop, and those of its parents, now read the pool. Any
 * context, without s->lock.
 */
void pool_note_user(struct stopper *s)
{
	struct stopper *parent;

	/* (U) pairs with its release below: set here means set on all stoppers above */
	if (PLAT_LIKELY(plat_load_acquire(&s->uses_pool)))
		return;
	parent = parent_get(s);
	if (parent) {
		pool_note_user(parent);
		stopper_unpin(parent);
	}
	/* (U) pairs with its acquire above: set here means set on all stoppers above */
	plat_store_release(&s->uses_pool, true);
}

/* With the lock held: 0, or why @a cannot be started. */
static int async_admit(struct stopper_async *a, const struct async_start *start, bool *nested)
{
	/* (I) pairs with async_tell(): idle means that its thread reads it no more */
	if (plat_load_acquire(&a->state) != ASYNC_IDLE)
		return -EBUSY;
	/* (R) pairs with pause_update(): what was written during a pause is seen */
	*nested = plat_load_acquire(&start->s->phase) != STOPPER_RUNNING;
	return !*nested || start->may_nest ? 0 : refusal_err(start->s);
}

/*
 * Admit and queue a task. Its stopper may refuse it (refusal_err()). -EBUSY: the record is in use.
 * Only if @may_start, another error: no thread could be started, and there is none that could run
 * it.
 */
int pool_push_task(struct stopper_async *a, const struct async_start *start, bool may_start)
{
	struct deferred deferred;
	struct stopper *s = start->s;
	bool nested = false;
	uint64_t ticket = 0;
	plat_flags_t f;
	int err;

	pool_note_user(s);
	/* (B1) pairs with quiesce_begin(): read the new phase, or its drain sees ->uses_pool */
	plat_light_barrier();
	plat_lock(&pool.lock, f);
	err = async_admit(a, start, &nested);
	if (!err) {
		/* Under the lock: it passes both on to the thread that takes the task. */
		plat_happens_after(&s->phase);
		plat_happens_after(&a->state);
		plat_store(&a->state, ASYNC_QUEUED);
		a->job.ops = start->ops;
		a->s = s;
		a->ctx = start->ctx;
		a->span = start->span;
		a->pinned = start->pinned;
		a->nested = nested;
		a->job.site = start->site;
		a->since = plat_coarse_time();
		ticket = pool.ticket++;
		a->ticket = ticket;
		s->nqueued++;
		queue_job(&a->job, may_start, &deferred);
	}
	plat_unlock(&pool.lock, f);
	if (err)
		return err;
	if (PLAT_UNLIKELY(nested))
		task_note_nested(s);
	err = run_deferred(&deferred);
	return err && pool_retract_task(a, ticket) ? err : 0;
}

/* With the lock held: the task moves from the queue to the slot of its thread. */
static void publish_task(struct pool_thread *me, struct stopper_async *a)
{
	struct stopper_slot *slot = &me->table->slot[me->at];
	struct stopper_async_waiter **waiters = &me->table->waiters[me->at];

	pool.head = a->ticket + 1;
	__stopper_slot_number(slot, (unsigned int)a->ticket);
	plat_store(&me->table->ticket[me->at], a->ticket);
	plat_store(&slot->tid, slot_tid(a->nested ? STOPPER_KIND_NESTED : STOPPER_KIND_ASYNC,
					(unsigned int)plat_tid()));
	plat_store(&slot->start, a->since);
	__stopper_slot_fill(slot, a->s, a->job.site);
	pool_dequeued(a->s);
	plat_store(&a->state, a->state == ASYNC_QUEUED ? ASYNC_RUNNING : ASYNC_TELLING);
	a->table = me->table;
	a->at = me->at;
	*waiters = a->waiters;
	if (*waiters)
		(*waiters)->link = waiters;
	a->waiters = NULL;
}

/* With the lock held: the task in the slot of @me is over. */
static void unpublish_task(struct pool_thread *me)
{
	struct stopper_async_waiter **waiters = &me->table->waiters[me->at], *w;

	plat_store(&me->table->ticket[me->at], 0);
	while (PLAT_UNLIKELY((w = *waiters))) {
		*waiters = w->next;
		w->done = true;
		plat_unpark(&w->park);
	}
}

/* The thread has taken a task: it keeps in what is returned what it needs to end it. */
struct async_run *pool_thread_run(struct pool_thread *me)
{
	me->job = &me->run.job;
	return &me->run;
}

/* True: @a was queued, and its function will not be called. */
bool pool_cancel_task(struct stopper_async *a)
{
	lock_guard(&pool.lock);

	if (plat_load(&a->state) != ASYNC_QUEUED)
		return false;
	plat_store(&a->state, ASYNC_CANCELLED);
	return true;
}

/*
 * With the lock held: where those wait that wait for the latest start of @a. NULL: it is over.
 * @tid: the thread that runs it, or 0. From done() on its state tells nothing, as done() may
 * have been entered or have returned; its ticket in the slot does.
 */
static struct stopper_async_waiter **async_waiters(struct stopper_async *a, int *tid)
{
	unsigned int state = plat_load(&a->state);

	*tid = 0;
	if (state == ASYNC_QUEUED || state == ASYNC_CANCELLED)
		return &a->waiters;
	if (!a->ticket || plat_load(&a->table->ticket[a->at]) != a->ticket)
		return NULL;
	*tid = (int)(plat_load(&a->table->slot[a->at].tid) & TID_MASK);
	return &a->table->waiters[a->at];
}

/* True: the wait of @w is over. If it ends by its context, @w is taken off the list. */
static bool async_wait_over(struct stopper_async_waiter *w, struct stopper_ctx *ctx, int *err)
{
	lock_guard(&pool.lock);

	*err = w->done ? 0 : ctx_wait_err(ctx);
	if (*err) {
		*w->link = w->next;
		if (w->next)
			w->next->link = w->link;
	}
	return w->done || *err;
}

/* Wait until the latest start of @a is over. */
int pool_wait_task(struct stopper_async *a, struct stopper_ctx *ctx)
{
	struct stopper_async_waiter me = { .done = false }, **waiters;
	struct event_waiter wctx;
	int err = 0, tid;
	plat_flags_t f;

	plat_park_init(&me.park);
	plat_lock(&pool.lock, f);
	waiters = async_waiters(a, &tid);
	if (tid == plat_tid())
		err = -EDEADLK;
	if (waiters && !err) {
		me.link = waiters;
		me.next = *waiters;
		if (me.next)
			me.next->link = &me.next;
		*waiters = &me;
	}
	plat_unlock(&pool.lock, f);
	if (!waiters || err)
		return err;
	event_waiter_attach_ctx(&wctx, ctx, &me.park);
	while (!async_wait_over(&me, ctx, &err))
		plat_park(&me.park, PLAT_FOREVER);
	event_waiter_detach(&wctx);
	return err;
}

/* With the lock held: the name for the thread of the first job. NULL: the queue is empty. */
static const char *pool_first_name(void)
{
	struct stopper_list *n = pool.queue.next;
	struct stopper_job *job = list_item(n, struct stopper_job, node);

	if (n == &pool.queue)
		return NULL;
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
	pool.arriving++;
	plat_unlock(&pool.lock, *f);
	plat_thread_name(&me->thread, me->name);
	plat_lock(&pool.lock, *f);
	pool.arriving--;
}

/* With the lock held: tell the caller that pushed @job not to touch it any more. */
static void note_job_taken(struct stopper_job *job)
{
	struct stopper_list *n;

	list_walk(n, &pool.pushers) {
		struct pusher *p = list_item(n, struct pusher, node);

		if (p->job == job)
			p->taken = true;
	}
}

/* With the lock held. */
static struct stopper_job *take_job(struct pool_thread *me)
{
	me->job = list_item(pool.queue.next, struct stopper_job, node);
	queue_remove(&me->job->node);
	me->tick = pool.tick;
	me->stuck = false;
	slist_append(&pool.running, &me->node);
	pool.nrunning++;
	if (me->job->ops->is_task)
		publish_task(me, list_item(me->job, struct stopper_async, job));
	else
		note_job_taken(me->job);
	return me->job;
}

/* With the lock held. */
static void finish_job(struct pool_thread *me)
{
	slist_remove(&me->node);
	/* Of another job, which may be freed, it is 0. */
	if (plat_load(&me->table->ticket[me->at]))
		unpublish_task(me);
	if (!me->stuck)
		pool.nrunning--;
	pool.ndone++;
	pool.done_at = plat_coarse_time();
	me->job = NULL;
}

/* With the lock held. True: the caller must start the tick. */
static bool note_thread_exit(struct pool_thread *me)
{
	plat_store(&pool.nthreads, pool.nthreads - 1);
	if (!me->sent_to_exit)
		pool.nexiting++;
	wake_exit_waiter();
	return claim_tick();
}

/*
 * With the lock held, one thread at a time: poll the queue for as long as a sleep and a
 * wake-up would take. Meanwhile the thread is arriving.
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

/* With the lock held, after an unpark. True: look at the queue. False: exit. */
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

/* With the lock held. Wait for a job. False: there is none, and the thread is to exit. */
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
	/* Once off the list, the thread will be unparked, perhaps later: wait for that. */
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
	/* A job may be queued that was left to the tick. */
	return pool.nqueued;
}

/* With the lock held. Wait until a job can be taken. False: the thread is to exit. */
static bool pool_wait_for_job(struct pool_thread *me, plat_flags_t *f)
{
	const char *name;

	for (;;) {
		/* If its stack is too small or its state has changed, the tick starts another. */
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
	struct stopper_job *job;
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
	tick = note_thread_exit(me);
	plat_unlock(&pool.lock, f);
	if (tick)
		start_tick(0);
}

static void pool_died(struct plat_thread *t, bool hook_called)
{
	struct pool_thread *me = list_item(t, struct pool_thread, thread);
	plat_flags_t f;
	bool tick;

	me->job->ops->died(me->job, hook_called);
	plat_lock(&pool.lock, f);
	finish_job(me);
	tick = note_thread_exit(me);
	plat_unlock(&pool.lock, f);
	if (tick)
		start_tick(0);
}

void pool_init(void)
{
	plat_timer_init(&pool.timer, pool_tick);
}

/* With the lock held. False: none is idle. */
static bool send_idle_to_exit(void)
{
	struct pool_thread *t = pop_idle_thread();

	if (!t)
		return false;
	t->sent_to_exit = true;
	pool.nexiting++;
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
	plat_lock(&pool.lock, f);
	pool.ending = true;
	pool.ending_all = all;
	pool.exit_waiter = &waiter;
	/* There may be thousands, and each is woken: not all in one go. */
	while (send_idle_to_exit()) {
		plat_unlock(&pool.lock, f);
		plat_lock(&pool.lock, f);
	}
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

/* No job is pushed any more. */
void pool_exit(void)
{
	pool_end_threads(true, PLAT_FOREVER);
}

/* Have @me woken when the last queued task of @s is taken. False: none is queued. */
bool pool_watch(struct stopper *s, struct plat_parker *me)
{
	lock_guard(&pool.lock);

	/* Only the leader of @s waits for its tasks. */
	s->queue_watch = s->nqueued ? me : NULL;
	return s->nqueued;
}

/* After this returns the watch of @s does not wake its owner. */
void pool_unwatch(struct stopper *s)
{
	lock_guard(&pool.lock);

	s->queue_watch = NULL;
}

/* With the lock held: show @job to @visit if it is a task of @s, or of any if that is NULL. */
static void visit_queued(struct stopper_job *job, const struct stopper *s, visit_fn visit,
			 void *arg)
{
	const struct stopper_async *task = list_item(job, struct stopper_async, job);
	struct task_view v = { .kind = STOPPER_KIND_ASYNC };

	if (s && task->s != s)
		return;
	v.s = task->s;
	v.site = job->site;
	v.seq = (unsigned int)task->ticket;
	v.age = plat_coarse_age(task->since);
	visit(arg, &v);
}

/*
 * Call @visit for every queued task of @s (NULL: of all stoppers). Return a ticket: a task in a
 * slot with that ticket or a later one was visited here or came later.
 */
uint64_t pool_visit(struct stopper *s, visit_fn visit, void *arg)
{
	struct stopper_job *job;
	struct queue_visit me;
	unsigned int i = 0;
	uint64_t first;
	plat_flags_t f;

	plat_lock(&pool.lock, f);
	first = pool.ticket;
	me.at = s && !s->nqueued ? &pool.queue : pool.queue.prev;
	slist_append(&pool.visits, &me.node);
	while (me.at != &pool.queue) {
		job = list_item(me.at, struct stopper_job, node);
		me.at = me.at->prev;
		if (job->ops->is_task) {
			first = list_item(job, struct stopper_async, job)->ticket;
			visit_queued(job, s, visit, arg);
		}
		if (++i % WALK_BATCH == 0) {
			plat_unlock(&pool.lock, f);
			plat_lock(&pool.lock, f);
		}
	}
	slist_remove(&me.node);
	plat_unlock(&pool.lock, f);
	return first;
}
