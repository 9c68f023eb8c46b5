// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scenarios_queue.c - several producers: a push against a thread's last look before it sleeps, the
 * end of the tick, the arrival of a thread and a drain; the order of one producer's tasks.
 */
#include "scenario.h"

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

static void wait_for(struct stopper_ctx *ctx, void *ev)
{
	counted(NULL, NULL);
	check(!stopper_wait(ev, NULL));
}

static void fire(struct stopper_ctx *ctx, void *ev)
{
	counted(NULL, NULL);
	stopper_event_fire(ev);
}

static void push_fire(void *arg)
{
	int err = stopper_run_async_task(s, NULL, "fires", fire, &gate);

	accepted(err);
	if (err)
		stopper_event_fire(&gate);
}

static void begin(void)
{
	s = new_stopper(NULL);
	stopper_event_init(&gate);
}

static void finish(void)
{
	end(s);
	stopper_event_destroy(&gate);
}

/* Two are taken one after the other; a third and a fourth arrive when no more may be there. */
static void push_around_the_last_look(void)
{
	begin();
	push(NULL);
	push(NULL);
	go(push, NULL);
	push(NULL);
	finish();
}

SCENARIO(last_look, "pool.c: a thread looks at the queue and goes idle while two push",
	 .budget = 3, .stale = 1, .cpus = 1)
{
	push_around_the_last_look();
}

SCENARIO(last_look_awake, "pool.c: a thread polls the queue and goes idle while two push",
	 .budget = 3, .stale = 1, .cpus = 1, .spins = 1)
{
	push_around_the_last_look();
}

SCENARIO(tick_ends_or_pushed, "pool.c: the tick finds no task and ends while one is pushed",
	 .budget = 2, .stale = 1, .cpus = 1, .needs_time = true)
{
	begin();
	push(NULL);
	accepted(stopper_run_async_task(s, NULL, "waits", wait_for, &gate));
	go(push_fire, NULL);
	join_all();
	finish();
}

SCENARIO(arrives_or_pushed, "pool.c: a thread arrives and takes a task while another is pushed",
	 .budget = 3, .stale = 1, .cpus = 1, .needs_time = true)
{
	begin();
	go(push_fire, NULL);
	accepted(stopper_run_async_task(s, NULL, "waits", wait_for, &gate));
	join_all();
	finish();
}

SCENARIO(two_producers_drained, "pool.c: two push, one of them while Quiesce begins",
	 .budget = 3, .stale = 1, .cpus = 1)
{
	begin();
	push(NULL);
	go(push_two, NULL);
	finish();
}

static struct stopper_async record, later;

static int runs(struct stopper_ctx *ctx, struct stopper_async *async)
{
	return 7;
}

static void told(struct stopper_async *async, int status)
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
	begin();
	push(NULL);
	push(NULL);
	settle();
	stopper_async_init(&record, runs, told);
	stopper_async_init(&later, runs, told);
	accepted(stopper_async_start(s, NULL, "first", &record));
	accepted(stopper_async_start(s, NULL, "second", &later));
	go(cancels_later_first, NULL);
	finish();
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
	begin();
	stopper_async_init(&record, runs, told);
	start_and_wait(NULL);
	go(start_and_wait, NULL);
	start(NULL);
	stopper_async_cancel(&record);
	check(!stopper_async_wait(&record, NULL));
	finish();
}
