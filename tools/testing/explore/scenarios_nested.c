// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scenarios_nested.c - task.c, race 6: a task starts another one while its stopper drains.
 *
 * What a running task of the stopper starts is never refused, and the drain waits for it.
 */
#include "scenario.h"

static struct stopper *s;
static struct stopper_event begun;
static struct stopper_task handle;
static struct stopper_sem sem;

static struct stopper *new_nesting(void)
{
	struct stopper_options o = {
		.size = sizeof(o), .flags = STOPPER_QUIET | STOPPER_ADMIT_NESTED,
	};
	struct stopper *new;

	return stopper_create(&new, "s", &o) ? NULL : new;
}

static void is_accepted(int err)
{
	check(!err);
	ghost_add(ACCEPTED, 1);
}

/* @fn on this or another thread: it may be refused. */
static void run_sync(void *fn)
{
	accepted(stopper_run_task(s, NULL, "outer", (stopper_fn)fn, NULL));
}

static void run_async(void *fn)
{
	accepted(stopper_run_async_task(s, NULL, "outer", (stopper_fn)fn, NULL));
}

static void starts_async(struct stopper_ctx *c, void *arg)
{
	counted(c, arg);
	is_accepted(stopper_run_async_task(s, NULL, "inner", counted, NULL));
}

SCENARIO(nested_async_in_sync, "task.c, race 6: a synchronous task starts an async one",
	 .budget = 2, .stale = 1)
{
	s = new_nesting();
	go(run_sync, starts_async);
	end(s);
}

/* The outer task is running, and has waited, when the quiesce begins: what is left is the race. */
static void starts_async_then(struct stopper_ctx *c, void *arg)
{
	check(!stopper_wait(stopper_should_quiesce(s), NULL));
	starts_async(c, arg);
}

SCENARIO(nested_async, "task.c, race 6: an async task starts one and ends while Quiesce waits",
	 .budget = 2)
{
	s = new_nesting();
	run_async(starts_async_then);
	settle();
	end(s);
}

SCENARIO(nested_async_counted, "task.c, race 6: the drain reads the count while a task starts one",
	 .budget = 2)
{
	s = new_nesting();
	go(run_sync, starts_async_then);
	settle();
	end(s);
}

static void runs_sync(struct stopper_ctx *c, void *arg)
{
	counted(c, arg);
	is_accepted(stopper_run_task(s, NULL, "inner", counted, NULL));
}

SCENARIO(nested_sync, "task.c, race 6: a task runs another on its thread while Quiesce waits",
	 .budget = 3, .stale = 2)
{
	s = new_nesting();
	go(run_sync, runs_sync);
	end(s);
}

static void begins_handle(struct stopper_ctx *c, void *arg)
{
	counted(c, arg);
	is_accepted(stopper_task_begin(s, NULL, "inner", &handle));
}

static void ends_handle(void *arg)
{
	counted(NULL, NULL);
	stopper_task_end(&handle);
}

/* The thread of the outer task ends the handle after it: for the drain it is any thread. */
static void run_handle(void *arg)
{
	if (!stopper_run_task(s, NULL, "outer", begins_handle, NULL)) {
		ghost_add(ACCEPTED, 1);
		ends_handle(NULL);
	}
}

SCENARIO(nested_handle, "task.c, race 6: what a task begins outlasts it",
	 .budget = 2, .stale = 1)
{
	s = new_nesting();
	go(run_handle, NULL);
	end(s);
}

static void begins_handle_then(struct stopper_ctx *c, void *arg)
{
	check(!stopper_wait(stopper_should_quiesce(s), NULL));
	begins_handle(c, arg);
	go(ends_handle, NULL);
}

/* The drain looks at the slot of the outer task last: it is a pool thread's. */
SCENARIO(nested_handle_counted, "task.c, race 6: the drain reads the count while a handle begins",
	 .budget = 2)
{
	s = new_nesting();
	run_async(begins_handle_then);
	settle();
	end(s);
}

SCENARIO(nested_handle_listed, "task.c, race 6: the same for a handle on a list",
	 .budget = 2, .stale = 1, .traced = true)
{
	s = new_nesting();
	go(run_handle, NULL);
	end(s);
}

static void waits_for_slot(struct stopper_ctx *c, void *arg)
{
	counted(c, arg);
	is_accepted(stopper_run_limited_async_task(s, NULL, "inner", &sem, true, counted, NULL));
}

static void releases(void *arg)
{
	stopper_sem_release(&sem);
}

SCENARIO(nested_limited, "task.c, race 6: another thread queues what a task waits to start",
	 .budget = 2)
{
	s = new_nesting();
	stopper_sem_init(&sem, 1);
	check(!stopper_sem_try_acquire(&sem));
	run_async(waits_for_slot);
	settle();
	go(releases, NULL);
	end(s);
	stopper_sem_destroy(&sem);
}

/* The outer task is running when the pause begins, and is not refused. */
static void starts_async_when_told(struct stopper_ctx *c, void *arg)
{
	check(!stopper_wait(&begun, NULL));
	starts_async(c, arg);
}

SCENARIO(nested_pause, "task.c, race 6: the same while a pause waits, which is then taken back",
	 .budget = 2)
{
	s = new_nesting();
	stopper_event_init(&begun);
	go(run_sync, starts_async_when_told);
	settle();
	stopper_event_fire(&begun);
	check(!stopper_pause(s, NULL));
	ghost_add(QUIESCED, 1);
	check(!stopper_num_tasks(s));
	ghost_add(QUIESCED, -1);
	check(!stopper_resume(s));
	end(s);
	stopper_event_destroy(&begun);
}
