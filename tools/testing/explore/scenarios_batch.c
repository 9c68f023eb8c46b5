// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scenarios_batch.c - a thread that has taken tasks ahead, against all that look for one of them.
 *
 * A thread is started for the first task, or by the tick for the first record. It takes what
 * follows as its batch, or what follows the second, if that is in an inbox still.
 */
#include "scenario.h"
#include "upcalls.h"
#include "view.h"

static struct stopper *s;
static struct stopper_event gate;
static struct stopper_event first_began;
static struct stopper_async record[3];

/* All of one call site, as a batch is. */
static void push_task(stopper_fn fn, void *arg)
{
	accepted(stopper_run_async_task(s, NULL, "async", fn, arg));
}

static void push(void *arg)
{
	push_task(counted, NULL);
}

static void push_three(void *arg)
{
	push(NULL);
	push(NULL);
	push(NULL);
}

SCENARIO(batch_drained, "batch.c: Quiesce looks for tasks that a thread has taken ahead",
	 .budget = 3, .stale = 1, .cpus = 1)
{
	s = new_gated(&gate);
	push_three(NULL);
	end_gated(s, &gate);
}

SCENARIO(batch_not_slept_on, "batch.c: a thread sleeps while another one has tasks taken ahead",
	 .budget = 2, .stale = 1, .cpus = 2)
{
	s = new_gated(&gate);
	push_three(NULL);
	push(NULL);
	settle();
	check(ghost_get(RAN) == ghost_get(ACCEPTED));
	end_gated(s, &gate);
}

/* What waits has taken ahead what it waits for. */
SCENARIO(batch_behind_blocked, "batch.c: a task waits for one that its thread has taken ahead",
	 .budget = 2, .stale = 1, .cpus = 1, .needs_time = true)
{
	s = new_gated(&gate);
	push(NULL);
	push_task(task_waits, &gate);
	push_task(task_fires, &gate);
	push_task(task_fires, &gate);
	end_gated(s, &gate);
}

enum { BEGUN, OVER = BEGUN + 4 };

static void shown(struct stopper_ctx *ctx, void *i)
{
	ghost_set(BEGUN + (unsigned int)(long)i, 1);
	counted(NULL, NULL);
	ghost_set(OVER + (unsigned int)(long)i, 1);
}

static unsigned int nseen;

static void note_seen(void *arg, const struct task_view *v)
{
	nseen++;
}

/* No task is shown twice; one that is not shown has at least begun. */
SCENARIO(batch_listed, "batch.c: a list is made of tasks that a thread has taken ahead",
	 .budget = 3, .cpus = 1)
{
	long begun = 0, over = 0;
	unsigned int i;

	s = new_gated(&gate);
	for (i = 0; i < 3; i++) {
		ghost_set(BEGUN + i, 0);
		ghost_set(OVER + i, 0);
	}
	for (i = 0; i < 3; i++)
		push_task(shown, (void *)(long)i);
	for (i = 0; i < 3; i++)
		over += ghost_get(OVER + i);
	nseen = 0;
	tasks_visit(s, note_seen, NULL);
	for (i = 0; i < 3; i++)
		begun += ghost_get(BEGUN + i);
	check(nseen <= 3 - over);
	check(nseen >= 3 - begun);
	end_gated(s, &gate);
}

static int runs(struct stopper_ctx *ctx, struct stopper_async *async)
{
	ghost_set(BEGUN + (unsigned int)(async - record), 1);
	if (async == record) {
		stopper_event_fire(&first_began);
		check(!stopper_wait(&gate, NULL));
	}
	return 0;
}

static void note_done(struct stopper_async *async, int status)
{
	unsigned int i = (unsigned int)(async - record);

	check(status == (ghost_get(BEGUN + i) ? 0 : -ECANCELED));
	counted(NULL, NULL);
	ghost_set(OVER + i, 1);
}

/* The first one runs, and what follows is taken ahead; that goes on now. */
static void begin_with_records(void)
{
	unsigned int i;

	s = new_gated(&gate);
	stopper_event_init(&first_began);
	for (i = 0; i < 3; i++) {
		ghost_set(BEGUN + i, 0);
		ghost_set(OVER + i, 0);
		stopper_async_init(&record[i], runs, note_done);
		accepted(stopper_async_start(s, NULL, "async", &record[i]));
	}
	check(!stopper_wait(&first_began, NULL));
	stopper_event_fire(&gate);
}

static void finish_records(void)
{
	end_gated(s, &gate);
	stopper_event_destroy(&first_began);
}

static void cancels(unsigned int i)
{
	bool cancelled;

	begin_with_records();
	cancelled = stopper_async_cancel(&record[i]);
	finish_records();
	check(!cancelled == !!ghost_get(BEGUN + i));
}

SCENARIO(batch_cancelled, "batch.c: a task is cancelled that a thread has taken ahead",
	 .budget = 3, .stale = 1, .cpus = 1)
{
	cancels(1);
}

SCENARIO(batch_end_cancelled, "batch.c: the same of the last one",
	 .budget = 3, .stale = 1, .cpus = 1)
{
	cancels(2);
}

static void waits(unsigned int i)
{
	begin_with_records();
	check(!stopper_async_wait(&record[i], NULL));
	check(ghost_get(OVER + i));
	finish_records();
}

SCENARIO(batch_waited, "batch.c: a wait for a task that a thread has taken ahead, or runs",
	 .budget = 3, .stale = 1, .cpus = 1)
{
	waits(1);
}

SCENARIO(batch_end_waited, "batch.c: the same for the last one",
	 .budget = 3, .stale = 1, .cpus = 1)
{
	waits(2);
}

SCENARIO(batch_wait_given_up, "batch.c: such a wait ends with its context",
	 .budget = 3, .cpus = 1)
{
	struct stopper_ctx *ctx;
	int err;

	begin_with_records();
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	go(cancels_ctx, ctx);
	err = stopper_async_wait(&record[1], ctx);
	check(err == -ECANCELED || (!err && ghost_get(OVER + 1)));
	finish_records();
	stopper_ctx_put(ctx);
}

static void dies(struct stopper_ctx *ctx, void *arg)
{
	counted(NULL, NULL);
	stopper_event_fire(&first_began);
	check(!stopper_wait(&gate, NULL));
	may_die();
}

SCENARIO(batch_of_dead, "batch.c: a thread dies that has taken tasks ahead",
	 .budget = 2, .deaths = 1, .cpus = 1, .needs_time = true)
{
	s = new_gated(&gate);
	stopper_event_init(&first_began);
	push(NULL);
	push_task(dies, NULL);
	push(NULL);
	push(NULL);
	check(!stopper_wait(&first_began, NULL));
	stopper_event_fire(&gate);
	settle();
	finish_records();
}
