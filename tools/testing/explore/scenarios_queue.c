// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scenarios_queue.c - several producers: a push against a thread's last look before it sleeps, the
 * end of the tick, the arrival of a thread and a drain; the order of one producer's tasks.
 */
#include "scenario.h"
#include "queue.h"
#include "upcalls.h"
#include "view.h"

static struct stopper *s;
static struct stopper_event gate;

static void push(void *arg)
{
	accepted(stopper_run_async_task(s, NULL, "async", counted, NULL));
}

static void push_two(void *arg)
{
	push(NULL);
	push(NULL);
}

static void push_fire(void *arg)
{
	int err = stopper_run_async_task(s, NULL, "fires", task_fires, &gate);

	accepted(err);
	if (err)
		stopper_event_fire(&gate);
}

/* Two are taken one after the other; a third and a fourth arrive when no more may be there. */
static void push_around_the_last_look(void)
{
	s = new_gated(&gate);
	push(NULL);
	push(NULL);
	go(push, NULL);
	push(NULL);
	end_gated(s, &gate);
}

SCENARIO(last_look, "pool_loop.c: a thread looks at the queue and goes idle while two push",
	 .budget = 3, .stale = 1, .cpus = 1)
{
	push_around_the_last_look();
}

SCENARIO(last_look_awake, "pool_loop.c: a thread polls the queue and goes idle while two push",
	 .budget = 3, .stale = 1, .cpus = 1, .spins = 1)
{
	push_around_the_last_look();
}

SCENARIO(tick_ends_or_pushed, "pool.c: the tick finds no task and ends while one is pushed",
	 .budget = 2, .stale = 1, .cpus = 1, .needs_time = true)
{
	s = new_gated(&gate);
	push(NULL);
	accepted(stopper_run_async_task(s, NULL, "waits", task_waits, &gate));
	go(push_fire, NULL);
	join_all();
	end_gated(s, &gate);
}

SCENARIO(arrives_or_pushed, "pool.c: a thread arrives and takes a task while another is pushed",
	 .budget = 3, .stale = 1, .cpus = 1, .needs_time = true)
{
	s = new_gated(&gate);
	go(push_fire, NULL);
	accepted(stopper_run_async_task(s, NULL, "waits", task_waits, &gate));
	join_all();
	end_gated(s, &gate);
}

SCENARIO(two_producers_drained, "pool.c: two push, one of them while Quiesce begins",
	 .budget = 3, .stale = 1, .cpus = 1)
{
	s = new_gated(&gate);
	push(NULL);
	go(push_two, NULL);
	end_gated(s, &gate);
}

static void push_three(void *arg)
{
	push_two(NULL);
	push(NULL);
}

/* The first opens the inbox of its thread, the others go there, the last one when it is full. */
SCENARIO(fresh_against_drain, "queue.c: tasks are pushed to an inbox while Quiesce begins",
	 .budget = 3, .stale = 1, .cpus = 1)
{
	s = new_gated(&gate);
	push(NULL);
	go(push_three, NULL);
	push(NULL);
	end_gated(s, &gate);
}

/* The second task opens the inbox; then all threads are blocked, and no task waits for one. */
SCENARIO(fresh_after_ticks, "queue.c: a push to an inbox when the tick ends, or has ended",
	 .budget = 2, .stale = 1, .cpus = 1, .needs_time = true)
{
	struct stopper_ctx *ctx;

	s = new_gated(&gate);
	accepted(stopper_run_async_task(s, NULL, "waits", task_waits, &gate));
	accepted(stopper_run_async_task(s, NULL, "waits", task_waits, &gate));
	check(!stopper_ctx_with_timeout(NULL, 2 * NS_PER_MSEC, &ctx));
	check(stopper_wait(&gate, ctx) == -ETIMEDOUT);
	stopper_ctx_put(ctx);
	push_fire(NULL);
	end_gated(s, &gate);
}

SCENARIO(fresh_against_sleep, "queue.c: a task is pushed to an inbox while a thread goes to sleep",
	 .budget = 3, .stale = 1, .cpus = 1)
{
	s = new_gated(&gate);
	push(NULL);
	push_three(NULL);
	join_all();
	settle();
	check(ghost_get(RAN) == ghost_get(ACCEPTED));
	end_gated(s, &gate);
}

static bool seen[4];

static void note_seen(void *arg, const struct task_view *v)
{
	unsigned int i = (unsigned int)(v->site->name[0] - '0');

	check(!seen[i]);
	seen[i] = true;
}

static void push_one(void *arg)
{
	accepted(stopper_run_async_task(s, NULL, "1", task_waits, &gate));
}

/* One is taken from an inbox that the visit has been at, or is at, or comes to later. */
SCENARIO(inboxes_visited, "queue.c: a visit of two inboxes while their tasks are taken",
	 .budget = 2, .cpus = 2)
{
	unsigned int i;

	s = new_gated(&gate);
	memset(seen, 0, sizeof(seen));
	go(push_one, NULL);
	join_all();
	accepted(stopper_run_async_task(s, NULL, "0", task_waits, &gate));
	accepted(stopper_run_async_task(s, NULL, "2", task_waits, &gate));
	accepted(stopper_run_async_task(s, NULL, "3", task_waits, &gate));
	tasks_visit(s, note_seen, NULL);
	for (i = 0; i < 4; i++)
		check(seen[i]);
	stopper_event_fire(&gate);
	end_gated(s, &gate);
}

static struct stopper_async record, later;

static int runs(struct stopper_ctx *ctx, struct stopper_async *async)
{
	return 7;
}

static void note_done(struct stopper_async *async, int status)
{
	check(status == 7 || status == -ECANCELED);
	counted(NULL, NULL);
}

static void cancels_later_first(void *arg)
{
	/* Not queued any more: taken, and thus after the other one. */
	if (!stopper_async_cancel(&later))
		check(!stopper_async_cancel(&record));
}

SCENARIO(one_producer_in_order, "pool.c: the tasks of a producer are taken in their order",
	 .budget = 3, .stale = 1, .needs_time = true)
{
	s = new_gated(&gate);
	push(NULL);
	push(NULL);
	settle();
	stopper_async_init(&record, runs, note_done);
	stopper_async_init(&later, runs, note_done);
	accepted(stopper_async_start(s, NULL, "first", &record));
	accepted(stopper_async_start(s, NULL, "second", &later));
	go(cancels_later_first, NULL);
	end_gated(s, &gate);
}

/* The pool's thread has the id between theirs, so they share an inbox. */
SCENARIO(opened_against_push, "queue.c: a thread opens an inbox while another one pushes to it",
	 .budget = 2, .stale = 1, .cpus = 1)
{
	s = new_gated(&gate);
	push(NULL);
	go(push, NULL);
	push(NULL);
	end_gated(s, &gate);
}

static struct stopper_event first, opened, last_began;

static void last_waits(struct stopper_ctx *ctx, void *ev)
{
	stopper_event_fire(&last_began);
	task_waits(ctx, ev);
}

/* All threads are blocked. If the tick moves the task during the first look, the next finds it. */
static void push_fresh(void)
{
	check(!stopper_wait(&last_began, NULL));
	check(!queue_poll());
	push(NULL);
	check(queue_poll() || queue_poll());
}

static void push_first(void *fresh)
{
	accepted(stopper_run_async_task(s, NULL, "first", task_waits, &first));
	stopper_event_fire(&opened);
	if (fresh)
		push_fresh();
}

/* Two threads open their inboxes; what they queued is taken, and one of them pushes again. */
static void push_where_nothing_waits(bool by_main)
{
	s = new_gated(&gate);
	stopper_event_init(&first);
	stopper_event_init(&opened);
	stopper_event_init(&last_began);
	go(push_first, by_main ? NULL : s);
	check(!stopper_wait(&opened, NULL));
	accepted(stopper_run_async_task(s, NULL, "last", last_waits, &gate));
	stopper_event_fire(&first);
	if (by_main)
		push_fresh();
	join_all();
	stopper_event_fire(&gate);
	end_gated(s, &gate);
	stopper_event_destroy(&last_began);
	stopper_event_destroy(&opened);
	stopper_event_destroy(&first);
}

SCENARIO(polled_in_one_inbox, "queue.c: what is fresh in an inbox is seen by a thread that polls",
	 .budget = 1, .cpus = 1)
{
	push_where_nothing_waits(true);
}

SCENARIO(polled_in_other_inbox, "queue.c: the same for the inbox of another thread",
	 .budget = 1, .cpus = 1)
{
	push_where_nothing_waits(false);
}

/* The second task opens the inbox, the record and the next fill it, the last finds it full. */
SCENARIO(full_inbox_in_order, "queue.c: the tasks of a producer in their order, past a full inbox",
	 .budget = 2, .stale = 1, .cpus = 1)
{
	s = new_gated(&gate);
	accepted(stopper_run_async_task(s, NULL, "waits", task_waits, &gate));
	push(NULL);
	stopper_async_init(&record, runs, note_done);
	stopper_async_init(&later, runs, note_done);
	accepted(stopper_async_start(s, NULL, "first", &record));
	push(NULL);
	accepted(stopper_async_start(s, NULL, "second", &later));
	stopper_event_fire(&gate);
	go(cancels_later_first, NULL);
	end_gated(s, &gate);
}

static void start(void *arg)
{
	int err = stopper_async_start(s, NULL, "record", &record);

	if (err != -EBUSY)
		accepted(err);
}

static void start_and_wait(void *arg)
{
	start(NULL);
	check(!stopper_async_wait(&record, NULL));
}

SCENARIO(record_of_two_producers, "async.c: two start a record, one cancels it, both wait",
	 .budget = 2, .stale = 1, .cpus = 1, .needs_time = true)
{
	s = new_gated(&gate);
	stopper_async_init(&record, runs, note_done);
	start_and_wait(NULL);
	go(start_and_wait, NULL);
	start(NULL);
	stopper_async_cancel(&record);
	check(!stopper_async_wait(&record, NULL));
	end_gated(s, &gate);
}
