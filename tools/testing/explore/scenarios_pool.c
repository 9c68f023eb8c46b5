// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scenarios_pool.c - async tasks and the pool's threads: the races drawn in core/pool_loop.c.
 */
#include "scenario.h"
#include "pool.h"
#include "upcalls.h"
#include "view.h"

static struct stopper *s;
static struct stopper_event gate;

static void push(void *arg)
{
	accepted(stopper_run_async_task(s, NULL, "async", counted, NULL));
}

SCENARIO(async_admission, "pool.c: a push while Quiesce begins",
	 .budget = 3, .stale = 1)
{
	s = new_stopper(NULL);
	go(push, NULL);
	end(s);
}

SCENARIO(async_faults, "an async task, and any memory or thread is missing",
	 .budget = 3, .faults = 3, .needs_time = true)
{
	s = new_stopper(NULL);
	if (!s)
		return;
	push(NULL);
	end(s);
}

SCENARIO(first_thread_not_started, "two push, and the first thread is not to be had",
	 .budget = 3, .faults = 1, .needs_time = true)
{
	s = new_stopper(NULL);
	if (!s)
		return;
	go(push, NULL);
	push(NULL);
	end(s);
}

static void open_gate(void *arg)
{
	stopper_event_fire(&gate);
}

SCENARIO(taken_or_taken_back, "pool.c: a task is taken, or taken back as no thread can be started",
	 .budget = 3, .faults = 1, .needs_time = true)
{
	s = new_stopper(NULL);
	if (!s)
		return;
	stopper_event_init(&gate);
	accepted(stopper_run_async_task(s, NULL, "waits", task_waits, &gate));
	settle();
	go(open_gate, NULL);
	push(NULL);
	end_gated(s, &gate);
}

SCENARIO(async_two_pushers, "pool.c: two push, one thread takes both",
	 .budget = 2, .stale = 1, .cpus = 1)
{
	s = new_stopper(NULL);
	go(push, NULL);
	push(NULL);
	end(s);
}

SCENARIO(async_one_waits_for_another, "pool.c: a task gets a thread, whatever the others do",
	 .budget = 2, .cpus = 1, .needs_time = true)
{
	s = new_gated(&gate);
	accepted(stopper_run_async_task(s, NULL, "waits", task_waits, &gate));
	accepted(stopper_run_async_task(s, NULL, "fires", task_fires, &gate));
	end_gated(s, &gate);
}

/* A stopper, and a thread that has run a task. */
static void begin_with_one_thread(void)
{
	s = new_gated(&gate);
	accepted(stopper_run_async_task(s, NULL, "fires", task_fires, &gate));
	check(!stopper_wait(&gate, NULL));
}

/* And two of them. */
static void begin_with_two_threads(void)
{
	s = new_gated(&gate);
	accepted(stopper_run_async_task(s, NULL, "waits", task_waits, &gate));
	accepted(stopper_run_async_task(s, NULL, "fires", task_fires, &gate));
	settle();
}

SCENARIO(idle_or_pushed, "pool_loop.c: a thread goes idle while a task is pushed",
	 .budget = 3, .stale = 1, .cpus = 1)
{
	begin_with_one_thread();
	push(NULL);
	end_gated(s, &gate);
}

SCENARIO(woken_by_tick, "pool.c: two threads idle, three tasks: one of the two waits for the tick",
	 .budget = 2, .needs_time = true)
{
	begin_with_two_threads();
	push(NULL);
	push(NULL);
	end_gated(s, &gate);
}

SCENARIO(awake_or_pushed, "pool_loop.c: a thread looks at the queue, awake, while a task is pushed",
	 .budget = 3, .stale = 1, .cpus = 1, .spins = 1)
{
	s = new_stopper(NULL);
	push(NULL);
	push(NULL);
	end(s);
}

SCENARIO(idle_too_long, "pool_loop.c: a thread goes away while a task is pushed",
	 .budget = 3, .cpus = 1, .needs_time = true)
{
	begin_with_one_thread();
	push(NULL);
	end_gated(s, &gate);
}

static void end_idle_threads(void *arg)
{
	check(pool_end_threads(false, PLAT_FOREVER));
}

SCENARIO(idle_ended, "pool_loop.c: idle threads are sent away while a task is pushed",
	 .budget = 3, .stale = 1, .cpus = 1, .needs_time = true)
{
	begin_with_one_thread();
	go(push, NULL);
	end_idle_threads(NULL);
	end_gated(s, &gate);
}

SCENARIO(ended_or_called, "pool_loop.c: the tick calls idle threads while they are sent away",
	 .budget = 2, .needs_time = true)
{
	begin_with_two_threads();
	go(push, NULL);
	go(push, NULL);
	end_idle_threads(NULL);
	end_gated(s, &gate);
}

static void hand_over_run(struct stopper_job *job, struct pool_thread *me)
{
	if (ghost_add(RAN, 1) == 2)
		stopper_event_fire(&gate);
}

static void hand_over_died(struct stopper_job *job, bool hook_called)
{
}

static const struct stopper_job_ops hand_over_ops = {
	.run = hand_over_run,
	.died = hand_over_died,
};

static struct stopper_job handed[2];

static void hands_over(void *it)
{
	struct stopper_job *job = it;

	job->ops = &hand_over_ops;
	job->site = NULL;
	if (pool_reserve() || !pool_try_push(job))
		hand_over_run(job, NULL);
}

SCENARIO(two_hand_over, "pool.c: two hand a job over, and perhaps no thread can be started",
	 .budget = 3, .faults = 2, .cpus = 1)
{
	stopper_event_init(&gate);
	go(hands_over, &handed[1]);
	hands_over(&handed[0]);
	check(!stopper_wait(&gate, NULL));
	join_all();
	stopper_event_destroy(&gate);
}

/* A task stays until the reader has looked, so that it cannot have ended meanwhile. */
static void waits_under_its_name(struct stopper_ctx *ctx, void *name)
{
	check(!strcmp(explore_comm(plat_tid()), name));
	task_waits(ctx, &gate);
	check(!strcmp(explore_comm(plat_tid()), name));
}

static void sees_name(void *arg, const struct task_view *v)
{
	if (v->tid)
		check(!strcmp(explore_comm(v->tid), v->site->name));
}

static void sees_names(void *arg)
{
	tasks_visit(s, sees_name, NULL);
	stopper_event_fire(&gate);
}

SCENARIO(named_before_seen, "pool_loop.c: a reader looks at a task while a thread takes it",
	 .budget = 3, .cpus = 1)
{
	s = new_gated(&gate);
	accepted(stopper_run_async_task(s, NULL, "a", waits_under_its_name, "a"));
	sees_names(NULL);
	end_gated(s, &gate);
}

SCENARIO(named_anew, "pool_loop.c: a thread has named itself for a task that another one takes",
	 .budget = 2, .cpus = 2, .needs_time = true)
{
	s = new_gated(&gate);
	stopper_event_fire(&gate);
	accepted(stopper_run_async_task(s, NULL, "a", waits_under_its_name, "a"));
	accepted(stopper_run_async_task(s, NULL, "b", waits_under_its_name, "b"));
	accepted(stopper_run_async_task(s, NULL, "c", waits_under_its_name, "c"));
	end_gated(s, &gate);
}

static void quiesce_it(void *arg)
{
	check(!stopper_quiesce(s, NULL));
	ghost_set(QUIESCED, 1);
}

SCENARIO(queue_watched, "queue.c: a drain watches the queue while a thread takes from it",
	 .budget = 3, .stale = 1, .cpus = 1)
{
	s = new_stopper(NULL);
	push(NULL);
	go(quiesce_it, NULL);
	push(NULL);
	end(s);
}

static struct stopper_ctx *ctx;

static int try_quiesce(void)
{
	return stopper_quiesce(s, ctx);
}

SCENARIO(queue_watch_given_up, "queue.c: a drain leaves and frees its parker while a task is taken",
	 .budget = 3, .cpus = 1)
{
	int err;

	s = new_stopper(NULL);
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	push(NULL);
	go(cancels_ctx, ctx);
	err = try_quiesce();
	check(!err || err == -ECANCELED);
	end(s);
	stopper_ctx_put(ctx);
}

static struct stopper *above;

static void stops_above(struct stopper_ctx *c, void *arg)
{
	counted(NULL, NULL);
	check(stopper_stop(above, NULL) == -EDEADLK);
}

static void push_stops_above(void *arg)
{
	accepted(stopper_run_async_task(s, NULL, "up", stops_above, NULL));
}

SCENARIO(first_in_pool, "queue.c: a first task of a child, another stops the parent from inside",
	 .budget = 2, .stale = 1, .cpus = 1)
{
	above = new_stopper(NULL);
	s = new_stopper(above);
	go(push_stops_above, NULL);
	push(NULL);
	join_all();
	settle();
	check(ghost_get(RAN) == 2);
	check(!stopper_stop(above, NULL));
	stopper_put(s);
	stopper_put(above);
}

static void quiesces(void *arg)
{
	check(!stopper_quiesce(s, NULL));
	ghost_set(QUIESCED, 1);
}

static void stops_s(void *arg)
{
	check(!stopper_stop(s, NULL));
}

SCENARIO(first_too_late, "queue.c: the first task of a child comes while that leaves its parent",
	 .budget = 1)
{
	above = new_stopper(NULL);
	s = new_stopper(above);
	go(stops_s, NULL);
	push(NULL);
	join_all();
	check(ghost_get(RAN) == ghost_get(ACCEPTED));
	check(!stopper_stop(above, NULL));
	stopper_put(s);
	stopper_put(above);
}

SCENARIO(first_against_drain, "queue.c: the first task of a stopper while Quiesce begins",
	 .budget = 3, .stale = 2, .cpus = 1)
{
	s = new_stopper(NULL);
	go(quiesces, NULL);
	push(NULL);
	join_all();
	check(ghost_get(RAN) == ghost_get(ACCEPTED));
	check(!stopper_stop(s, NULL));
	stopper_put(s);
}

static void count_until(void *arg)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		check(stopper_num_tasks(s) == 1);
	stopper_event_fire(&gate);
}

SCENARIO(counted_once, "queue.c: a task that leaves the queue for its slot counts once",
	 .budget = 4, .stale = 1)
{
	s = new_gated(&gate);
	accepted(stopper_run_async_task(s, NULL, "waits", task_waits, &gate));
	go(count_until, NULL);
	join_all();
	end_gated(s, &gate);
}

static void note_once(void *seen, const struct task_view *v)
{
	unsigned int i = (unsigned int)(v->site->name[0] - '1');

	check(!((bool *)seen)[i]);
	((bool *)seen)[i] = true;
}

static void push_waiting(unsigned int i)
{
	if (i == 0)
		accepted(stopper_run_async_task(s, NULL, "1", task_waits, &gate));
	else if (i == 1)
		accepted(stopper_run_async_task(s, NULL, "2", task_waits, &gate));
	else
		accepted(stopper_run_async_task(s, NULL, "3", task_waits, &gate));
}

static void visits_queue_of(unsigned int n)
{
	bool seen[3] = { false };
	unsigned int i;

	s = new_gated(&gate);
	for (i = 0; i < n; i++)
		push_waiting(i);
	tasks_visit(s, note_once, seen);
	for (i = 0; i < n; i++)
		check(seen[i]);
	stopper_event_fire(&gate);
	end_gated(s, &gate);
}

/* The lock is dropped after both. */
SCENARIO(seen_once, "queue.c: a task leaves the queue after it was visited there",
	 .budget = 2, .cpus = 1)
{
	visits_queue_of(2);
}

static void note_last(void *times, const struct task_view *v)
{
	if (!strcmp(v->site->name, "last"))
		++*(int *)times;
}

/* The lock is dropped after two: a thread runs them, and takes the last one. */
SCENARIO(queue_visit_overtaken, "queue.c: a task leaves the queue when the visit is at it",
	 .budget = 2, .cpus = 1)
{
	int times = 0;

	s = new_gated(&gate);
	push(NULL);
	push(NULL);
	accepted(stopper_run_async_task(s, NULL, "last", task_waits, &gate));
	tasks_visit(s, note_last, &times);
	check(times == 1);
	stopper_event_fire(&gate);
	end_gated(s, &gate);
}

static void end_here(struct stopper_ctx *c, void *task)
{
	counted(NULL, NULL);
	stopper_task_end(task);
	ghost_add(RAN, 1);
}

static struct stopper_task handle;

SCENARIO(handle_ended_by_async, "a handle begun by its user, ended by an async task",
	 .budget = 2, .stale = 1)
{
	int err;

	s = new_stopper(NULL);
	accepted(stopper_task_begin(s, NULL, "handle", &handle));
	err = stopper_run_async_task(s, NULL, "ends it", end_here, &handle);
	check(!err);
	accepted(err);
	end(s);
}

static struct stopper_ctx *shared_ctx;

static void has_ctx(struct stopper_ctx *c, void *arg)
{
	counted(NULL, NULL);
	check(c == shared_ctx);
	stopper_ctx_err(c);
}

SCENARIO(async_holds_ctx, "a task's context is there as long as the task, whoever else lets go",
	 .budget = 3, .stale = 1, .faults = 1, .needs_time = true)
{
	s = new_stopper(NULL);
	if (!s)
		return;
	if (!stopper_ctx_with_cancel_on_quiesce(s, NULL, &shared_ctx)) {
		accepted(stopper_run_async_task(s, shared_ctx, "ctx", has_ctx, NULL));
		stopper_ctx_put(shared_ctx);
	}
	end(s);
}

SCENARIO(traced, "tasks with spans, async and synchronous, while Quiesce begins",
	 .budget = 2, .stale = 1, .faults = 1, .traced = true, .needs_time = true)
{
	s = new_stopper(NULL);
	if (!s)
		return;
	go(push, NULL);
	accepted(stopper_run_task(s, NULL, "sync", counted, NULL));
	accepted(stopper_task_begin(s, NULL, "handle", &handle));
	if (handle.slot) {
		ghost_add(RAN, 1);
		stopper_task_end(&handle);
	}
	end(s);
}
