// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_panic.c - tasks that end without returning: the hook is called, and all is accounted for.
 */
#include "case.h"

struct victim {
	struct env_counter in, after;
	int tid;
};

static int token;

static void panic_fn(struct stopper_ctx *ctx, void *arg)
{
	struct victim *v = arg;

	v->tid = env_tid();
	env_inc(&v->in);
	stopper_panic(&token);
}

static void exit_fn(struct stopper_ctx *ctx, void *arg)
{
	struct victim *v = arg;

	v->tid = env_tid();
	env_inc(&v->in);
	env_thread_exit();
}

static void check_hook(struct case_panics *h, struct victim *v, enum stopper_panic_kind kind,
		       const char *name, const char *func, bool died)
{
	CHECK_SOON(env_get(&h->calls) == 1);
	CHECK_EQ(env_get(&v->in), 1);
	CHECK_EQ(h->kind, kind);
	CHECK(h->value == (died ? NULL : &token));
	CHECK_EQ(h->tid, v->tid);
	CHECK_EQ(h->died, died);
	CHECK_STR(h->stopper, "conf");
	CHECK_STR(h->name, name);
	if (func)
		CHECK_STR(h->func, func);
}

static void async_panic(stopper_fn fn, bool died)
{
	struct victim v = { .tid = 0 };
	struct case_panics h;

	case_panics_init(&h);
	CHECK_EQ(stopper_run_async_task(h.s, NULL, "doomed", fn, &v), 0);
	check_hook(&h, &v, STOPPER_PANIC_ASYNC, "doomed", __func__, died);
	CHECK_EQ(h.tasks, 1);
	CHECK_SOON(!stopper_num_tasks(h.s));
	stop_and_put(h.s);
	CHECK_EQ(env_get(&h.calls), 1);
}

static void panic_in_an_async_task_is_told_to_the_hook(void)
{
	async_panic(panic_fn, false);
}

static void async_task_whose_thread_ends_is_reported_as_died(void)
{
	async_panic(exit_fn, true);
}

static void limited_panic(stopper_fn fn, bool died)
{
	struct victim v = { .tid = 0 };
	struct stopper_sem sem;
	struct case_panics h;

	case_panics_init(&h);
	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	CHECK_EQ(stopper_run_limited_async_task(h.s, NULL, "doomed", &sem, true, fn, &v), 0);
	check_hook(&h, &v, STOPPER_PANIC_ASYNC, "doomed", __func__, died);
	/* the slot first, then the count */
	CHECK_SOON(!stopper_num_tasks(h.s));
	CHECK_EQ(stopper_sem_length(&sem), 0);
	CHECK_EQ(stopper_sem_try_acquire(&sem), 0);
	stopper_sem_release(&sem);
	stop_and_put(h.s);
	stopper_sem_destroy(&sem);
}

static void panic_in_a_limited_task_gives_the_slot_back(void)
{
	limited_panic(panic_fn, false);
}

static void limited_task_whose_thread_ends_gives_the_slot_back(void)
{
	limited_panic(exit_fn, true);
}

static void worker_panic(stopper_fn fn, bool died)
{
	struct victim v = { .tid = 0 };
	struct case_panics h;

	case_panics_init(&h);
	CHECK_EQ(stopper_run_worker(h.s, NULL, "doomed", fn, &v), 0);
	check_hook(&h, &v, STOPPER_PANIC_WORKER, "doomed", __func__, died);
	CHECK_EQ(stopper_phase(h.s), STOPPER_RUNNING);
	stop_and_put(h.s);
	CHECK_EQ(env_get(&h.calls), 1);
}

static void panic_in_a_worker_is_told_to_the_hook(void)
{
	worker_panic(panic_fn, false);
}

static void worker_whose_thread_ends_is_reported_as_died(void)
{
	worker_panic(exit_fn, true);
}

struct late_victim {
	struct victim v;
	struct stopper_event *when;
	stopper_fn fn;
};

static void panic_late(struct stopper_ctx *ctx, void *arg)
{
	struct late_victim *l = arg;

	CHECK_EQ(stopper_wait(l->when, NULL), 0);
	l->fn(ctx, &l->v);
}

static void waiting_stop_goes_on(stopper_fn fn)
{
	struct late_victim task = { .fn = fn }, worker = { .fn = fn };
	struct env_counter closed = { 0 };
	struct case_panics h;

	case_panics_init(&h);
	task.when = stopper_should_quiesce(h.s);
	worker.when = stopper_should_stop(h.s);
	CHECK_EQ(stopper_run_async_task(h.s, NULL, "doomed", panic_late, &task), 0);
	CHECK_EQ(stopper_run_worker(h.s, NULL, "doomed", panic_late, &worker), 0);
	CHECK_EQ(stopper_add_closer_fn(h.s, "closer", case_count_plain, &closed), 0);
	CHECK_EQ(stopper_stop(h.s, NULL), 0);
	CHECK_EQ(env_get(&h.calls), 2);
	CHECK_EQ(env_get(&closed), 1);
	stopper_put(h.s);
}

static void stop_goes_on_when_what_it_waits_for_panics(void)
{
	waiting_stop_goes_on(panic_fn);
}

static void stop_goes_on_when_the_thread_it_waits_for_ends(void)
{
	waiting_stop_goes_on(exit_fn);
}

static void panic_in_closer(void *arg)
{
	panic_fn(NULL, arg);
}

/* With a context, so that the closer has a thread of the stopper's to end. */
static void panic_in_a_closer_leaves_the_others_to_run(void)
{
	struct stopper_ctx *ctx = new_ctx(NULL);
	struct env_counter closed = { 0 };
	struct victim v = { .tid = 0 };
	struct case_panics h;

	case_panics_init(&h);
	CHECK_EQ(stopper_add_closer_fn(h.s, "first", case_count_plain, &closed), 0);
	CHECK_EQ(stopper_add_closer_fn(h.s, "doomed", panic_in_closer, &v), 0);
	CHECK_EQ(stopper_add_closer_fn(h.s, "last", case_count_plain, &closed), 0);
	CHECK_EQ(stopper_stop(h.s, ctx), 0);
	check_hook(&h, &v, STOPPER_PANIC_CLOSER, "doomed", NULL, false);
	CHECK_EQ(env_get(&closed), 2);
	stopper_put(h.s);
	stopper_ctx_put(ctx);
}

struct outer {
	struct stopper *s;
	struct victim v;
};

static void run_doomed(struct stopper_ctx *ctx, void *arg)
{
	struct outer *o = arg;

	stopper_run_task(o->s, NULL, "inner", panic_fn, &o->v);
}

/* Userspace ends the inner one only, the kernel the thread: in both no task stays. */
static void panic_in_a_sync_task_inside_an_async_one(void)
{
	struct outer o = { .s = NULL };
	struct case_panics h;

	case_panics_init(&h);
	o.s = h.s;
	CHECK_EQ(stopper_run_async_task(h.s, NULL, "outer", run_doomed, &o), 0);
	CHECK_SOON(env_get(&h.calls) >= 1);
	CHECK_SOON(!stopper_num_tasks(h.s));
	stop_and_put(h.s);
}

static void many_panics_are_all_told_and_accounted_for(void)
{
	struct victim *v = env_alloc(60 * sizeof(*v));
	struct stopper_sem sem;
	struct case_panics h;
	int i;

	case_panics_init(&h);
	CHECK_EQ(stopper_sem_init(&sem, 3), 0);
	for (i = 0; i < 60; i++) {
		stopper_fn fn = i % 2 ? panic_fn : exit_fn;

		if (i % 3 == 0)
			CHECK_EQ(stopper_run_worker(h.s, NULL, "doomed", fn, &v[i]), 0);
		else if (i % 3 == 1)
			CHECK_EQ(stopper_run_async_task(h.s, NULL, "doomed", fn, &v[i]), 0);
		else
			CHECK_EQ(stopper_run_limited_async_task(h.s, NULL, "doomed", &sem, true,
								fn, &v[i]), 0);
	}
	stop_and_put(h.s);
	CHECK_EQ(env_get(&h.calls), 60);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	stopper_sem_destroy(&sem);
	env_free(v);
}

static void pool_goes_on_after_panics(void)
{
	struct env_counter ran = { 0 };
	struct victim v = { .tid = 0 };
	struct case_panics h;
	int i;

	case_panics_init(&h);
	for (i = 0; i < 20; i++) {
		CHECK_EQ(stopper_run_async_task(h.s, NULL, "doomed", i % 2 ? panic_fn : exit_fn,
						&v), 0);
		CHECK_EQ(stopper_run_async_task(h.s, NULL, "fine", case_count_fn, &ran), 0);
		CHECK_SOON(env_get(&ran) == i + 1 && env_get(&h.calls) == i + 1);
	}
	stop_and_put(h.s);
}

static void recover_scope_runs_its_function_and_is_no_task(void)
{
	struct case_panics h;
	struct env_counter ran = { 0 };

	case_panics_init(&h);
	CHECK_EQ(stopper_recover(h.s, NULL, "scope", case_count_fn, &ran), 0);
	CHECK_EQ(env_get(&ran), 1);
	CHECK_EQ(stopper_quiesce(h.s, NULL), 0);
	/* not being a task, it is not refused either */
	CHECK_EQ(stopper_recover(h.s, NULL, "scope", case_count_fn, &ran), 0);
	CHECK_EQ(env_get(&ran), 2);
	stop_and_put(h.s);
	CHECK_EQ(env_get(&h.calls), 0);
}

const struct test_case cases_panic[] = {
	CASE(panic_in_an_async_task_is_told_to_the_hook),
	CASE(async_task_whose_thread_ends_is_reported_as_died),
	CASE(panic_in_a_limited_task_gives_the_slot_back),
	CASE(limited_task_whose_thread_ends_gives_the_slot_back),
	CASE(panic_in_a_worker_is_told_to_the_hook),
	CASE(worker_whose_thread_ends_is_reported_as_died),
	CASE(stop_goes_on_when_what_it_waits_for_panics),
	CASE(stop_goes_on_when_the_thread_it_waits_for_ends),
	CASE(panic_in_a_closer_leaves_the_others_to_run),
	CASE(panic_in_a_sync_task_inside_an_async_one),
	CASE(many_panics_are_all_told_and_accounted_for),
	CASE(pool_goes_on_after_panics),
	CASE(recover_scope_runs_its_function_and_is_no_task),
	CASES_END
};
