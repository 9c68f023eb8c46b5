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

SCENARIO(nested_async, "task.c, race 6: an async task starts one and ends while Quiesce waits",
	 .budget = 2, .stale = 1)
{
	s = new_nesting();
	go(run_async, starts_async);
	end(s);
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

SCENARIO(nested_async_counted, "task.c, race 6: the drain reads the count while a task starts one",
	 .budget = 3)
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
	stopper_event_fire(&begun);
}

static void ends_handle(void *arg)
{
	check(!stopper_wait(&begun, NULL));
	counted(NULL, NULL);
	stopper_task_end(&handle);
}

/* Its thread takes it before Quiesce can begin. */
static void start_handle_scenario(void)
{
	s = new_nesting();
	stopper_event_init(&begun);
	run_async(begins_handle);
	go(ends_handle, NULL);
}

SCENARIO(nested_handle, "task.c, race 6: what a task begins is ended by another thread",
	 .budget = 2, .stale = 1)
{
	start_handle_scenario();
	end(s);
	stopper_event_destroy(&begun);
}

static void begins_handle_then(struct stopper_ctx *c, void *arg)
{
	check(!stopper_wait(stopper_should_quiesce(s), NULL));
	begins_handle(c, arg);
}

SCENARIO(nested_handle_counted, "task.c, race 6: the drain reads the count while a handle begins",
	 .budget = 3)
{
	s = new_nesting();
	stopper_event_init(&begun);
	run_async(begins_handle_then);
	go(ends_handle, NULL);
	settle();
	end(s);
	stopper_event_destroy(&begun);
}

SCENARIO(nested_handle_listed, "task.c, race 6: the same for a handle on a list",
	 .budget = 2, .stale = 1, .traced = true)
{
	start_handle_scenario();
	end(s);
	stopper_event_destroy(&begun);
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
	 .budget = 2, .stale = 1)
{
	s = new_nesting();
	stopper_sem_init(&sem, 1);
	check(!stopper_sem_try_acquire(&sem));
	run_async(waits_for_slot);
	go(releases, NULL);
	end(s);
	stopper_sem_destroy(&sem);
}

SCENARIO(nested_pause, "task.c, race 6: the same while a pause waits, which is then taken back",
	 .budget = 2, .stale = 1)
{
	s = new_nesting();
	go(run_async, starts_async);
	check(!stopper_pause(s, NULL));
	ghost_add(QUIESCED, 1);
	check(!stopper_num_tasks(s));
	ghost_add(QUIESCED, -1);
	check(!stopper_resume(s));
	end(s);
}
