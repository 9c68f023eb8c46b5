// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scenarios_death.c - threads that die in a user's function, without unwinding, as a kthread
 * does that oopses: what they ran is accounted for, and a stop goes on.
 */
#include "scenario.h"
#include "upcalls.h"

enum { HOOK, BEGAN };

static struct stopper *s;
static struct stopper_sem sem;
static enum stopper_panic_kind expected;

static void hook(void *arg, const struct stopper_panic_info *info)
{
	check(info->kind == expected);
	ghost_add(HOOK, 1);
}

static struct stopper *hooked(void)
{
	struct stopper_options o = {
		.size = sizeof(o), .flags = STOPPER_QUIET, .on_panic = hook,
	};

	check(!stopper_create(&s, "s", &o));
	return s;
}

static void dies(struct stopper_ctx *ctx, void *arg)
{
	check(!ghost_get(QUIESCED));
	ghost_add(BEGAN, 1);
	may_die();
	ghost_add(RAN, 1);
}

/* All that was accepted has run, or was reported. */
static void all_accounted_for(void)
{
	check(ghost_get(BEGAN) == ghost_get(ACCEPTED));
	check(ghost_get(RAN) + ghost_get(HOOK) == ghost_get(ACCEPTED));
	check(!stopper_num_tasks(s));
	stopper_put(s);
}

SCENARIO(async_dies, "a thread dies in an async task while Stop waits",
	 .budget = 3, .stale = 1, .deaths = 1)
{
	hooked();
	expected = STOPPER_PANIC_ASYNC;
	accepted(stopper_run_async_task(s, NULL, "dies", dies, NULL));
	check(!stopper_quiesce(s, NULL));
	ghost_set(QUIESCED, 1);
	check(!stopper_stop(s, NULL));
	join_all();
	all_accounted_for();
}

static void run_limited(void *arg)
{
	accepted(stopper_run_limited_async_task(s, NULL, "dies", &sem, true, dies, NULL));
}

SCENARIO(limited_dies, "a thread dies in a limited task: its slot goes to who waits in line",
	 .budget = 2, .deaths = 1, .needs_time = true)
{
	hooked();
	expected = STOPPER_PANIC_ASYNC;
	stopper_sem_init(&sem, 1);
	run_limited(NULL);
	go(run_limited, NULL);
	join_all();
	check(!stopper_stop(s, NULL));
	check(!stopper_sem_length(&sem));
	all_accounted_for();
}

static int new_owner;
static struct stopper_event over;

static void settles(void *arg)
{
	check(!ghost_get(QUIESCED));
	ghost_add(HOOK, 1);
	check(stopper_num_tasks(s) >= 1);
	tasks_end_transferred(&new_owner);
}

/* As a process in an ioctl, of which only the oops is known. It does nothing any more. */
static void oopses(struct stopper_ctx *ctx, void *arg)
{
	tasks_transfer(plat_tid(), &new_owner);
	go(settles, NULL);
	stopper_wait(&over, NULL);
}

static void nests(struct stopper_ctx *ctx, void *arg)
{
	int err = stopper_run_task(s, NULL, "inner", oopses, NULL);

	accepted(err);
}

static void calls(void *arg)
{
	int err = stopper_run_task(s, NULL, "outer", nests, NULL);

	check(!err || err == -ESHUTDOWN);
}

SCENARIO(stranger_dies, "a thread of one's own dies in a task in a task: both are handed over",
	 .budget = 2, .stale = 1)
{
	hooked();
	stopper_event_init(&over);
	go(calls, NULL);
	check(!stopper_quiesce(s, NULL));
	ghost_set(QUIESCED, 1);
	check(!stopper_stop(s, NULL));
	stopper_event_fire(&over);
	join_all();
	check(ghost_get(HOOK) == ghost_get(ACCEPTED));
	check(!stopper_num_tasks(s));
	stopper_event_destroy(&over);
	stopper_put(s);
}

SCENARIO(worker_dies, "a thread dies in a worker while Stop begins",
	 .budget = 3, .stale = 1, .deaths = 1)
{
	hooked();
	expected = STOPPER_PANIC_WORKER;
	accepted(stopper_run_worker(s, NULL, "dies", dies, NULL));
	check(!stopper_stop(s, NULL));
	all_accounted_for();
}

static struct stopper_closer closer;

static void late(struct stopper_closer *c)
{
	may_die();
}

static void adds_late(void *arg)
{
	check(!stopper_wait(stopper_should_stop(s), NULL));
	closer.fn = late;
	check(!stopper_add_closer(s, &closer));
}

static void panics(struct stopper_ctx *ctx, void *arg)
{
	ghost_add(BEGAN, 1);
	stopper_panic(arg);
}

static void quiet_worker(struct stopper_ctx *ctx, void *arg)
{
}

static void hires(void *arg)
{
	int err = stopper_run_worker(s, NULL, "quiet", quiet_worker, NULL);

	check(!err || err == -ESHUTDOWN);
}

SCENARIO(dies_beside_worker, "a thread dies in a late closer while workers come and go",
	 .budget = 3, .deaths = 1)
{
	hooked();
	expected = STOPPER_PANIC_CLOSER;
	go(hires, NULL);
	go(adds_late, NULL);
	check(!stopper_stop(s, NULL));
	join_all();
	stopper_put(s);
}

SCENARIO(panics_beside_worker, "a task panics while workers come and go",
	 .budget = 3, .deaths = 1)
{
	hooked();
	expected = STOPPER_PANIC_ASYNC;
	go(hires, NULL);
	check(!stopper_run_async_task(s, NULL, "panics", panics, NULL));
	check(!stopper_stop(s, NULL));
	join_all();
	check(ghost_get(HOOK) == 1);
	stopper_put(s);
}

SCENARIO(asked_worker_dies, "the same, of a kthread that is being asked to stop",
	 .budget = 3, .deaths = 1, .kthreads = true)
{
	hooked();
	expected = STOPPER_PANIC_WORKER;
	accepted(stopper_run_worker(s, NULL, "dies", dies, NULL));
	check(!stopper_stop(s, NULL));
	all_accounted_for();
}

static void closer_dies(void *arg)
{
	dies(NULL, NULL);
}

SCENARIO(closer_that_dies, "a thread dies in a closer: the next ones are run",
	 .budget = 3, .deaths = 2)
{
	hooked();
	expected = STOPPER_PANIC_CLOSER;
	accepted(stopper_add_closer_fn(s, "a", closer_dies, NULL));
	accepted(stopper_add_closer_fn(s, "b", closer_dies, NULL));
	check(!stopper_stop(s, NULL));
	all_accounted_for();
}

static void sync_dies(void *arg)
{
	int err = stopper_run_task(s, NULL, "dies", dies, NULL);

	check(!err || err == -ESHUTDOWN);
}

SCENARIO(sync_task_dies, "a thread of the user's dies in a task in a task while Quiesce waits",
	 .budget = 3, .stale = 1, .deaths = 1)
{
	hooked();
	go(sync_dies, NULL);
	check(!stopper_quiesce(s, NULL));
	ghost_set(QUIESCED, 1);
	check(!stopper_stop(s, NULL));
	join_all();
	check(!stopper_num_tasks(s));
	stopper_put(s);
}

static void nested_dies(struct stopper_ctx *ctx, void *depth)
{
	if (depth)
		stopper_run_task(s, NULL, "nested", nested_dies, (void *)((intptr_t)depth - 1));
	else
		dies(NULL, NULL);
}

static void run_nested(void *arg)
{
	stopper_run_task(s, NULL, "outer", nested_dies, (void *)3);
}

SCENARIO(traced_task_dies, "a thread dies in a traced task while another runs traced tasks",
	 .budget = 2, .deaths = 1, .traced = true)
{
	hooked();
	go(sync_dies, NULL);
	check(!stopper_run_task(s, NULL, "lives", quiet_worker, NULL));
	check(!stopper_stop(s, NULL));
	join_all();
	stopper_put(s);
}

SCENARIO(nested_task_dies, "a thread dies in the innermost of its tasks, which is on the list",
	 .budget = 2, .stale = 1, .deaths = 1)
{
	hooked();
	go(run_nested, NULL);
	check(!stopper_quiesce(s, NULL));
	ghost_set(QUIESCED, 1);
	check(!stopper_stop(s, NULL));
	join_all();
	check(!stopper_num_tasks(s));
	stopper_put(s);
}

SCENARIO(late_closer_dies, "a thread dies in a late closer, which Stop waits for",
	 .budget = 3, .stale = 1, .deaths = 1)
{
	hooked();
	expected = STOPPER_PANIC_CLOSER;
	go(adds_late, NULL);
	check(!stopper_stop(s, NULL));
	join_all();
	stopper_put(s);
}

SCENARIO(async_panics, "a task panics while Stop waits",
	 .budget = 3, .stale = 1, .deaths = 1)
{
	hooked();
	expected = STOPPER_PANIC_ASYNC;
	accepted(stopper_run_async_task(s, NULL, "panics", panics, NULL));
	check(!stopper_stop(s, NULL));
	check(ghost_get(HOOK) == 1);
	all_accounted_for();
}
