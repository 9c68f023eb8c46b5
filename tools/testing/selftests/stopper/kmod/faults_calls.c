// SPDX-License-Identifier: GPL-2.0
/*
 * faults_calls.c - the calls whose allocations faults_run.c lets fail, and what each needs before.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <stopper/device.h>

#include "faults.h"

struct fixture fx;

/* --- the calls under test --------------------------------------------------------------------- */

static void count_call(struct stopper_ctx *ctx, void *arg)
{
	atomic_inc(arg);
}

static int count_call_err(struct stopper_ctx *ctx, void *arg)
{
	atomic_inc(arg);
	return 0;
}

static void count_closer(void *arg)
{
	atomic_inc(arg);
}

void count_closer_record(struct stopper_closer *closer)
{
	atomic_inc(&fx.ran);
}

static void wait_at_gate(struct stopper_ctx *ctx, void *arg)
{
	atomic_inc(arg);
	wait_for_completion_timeout(&fx.gate, nsecs_to_jiffies(BOUND_NS));
}

static void wait_for_stop(struct stopper_ctx *ctx, void *arg)
{
	atomic_inc(arg);
	stopper_wait(stopper_should_stop(fx.s), NULL);
}

static int call_create(void)
{
	return stopper_create(&fx.made, "made", NULL);
}

static int call_create_child(void)
{
	struct stopper_options opts = { .size = sizeof(opts), .parent = fx.s };

	return stopper_create(&fx.made, "child", &opts);
}

static int call_create_for_device(void)
{
	struct stopper *s = NULL;
	int err = devm_stopper_create(fx.dev, &s, "device", NULL);

	/* @s must stay NULL on error: an error path would use a pointer to freed memory. */
	return !err == !!s ? err : -EBADMSG;
}

int call_run_task(void)
{
	return stopper_run_task(fx.s, NULL, "fault", count_call, &fx.ran);
}

static int call_run_task_err(void)
{
	return stopper_run_task_err(fx.s, NULL, "fault", count_call_err, &fx.ran);
}

static int call_begin_and_end(void)
{
	int err = stopper_task_begin(fx.s, fx.ctx, "fault", &fx.handle);

	if (!err)
		stopper_task_end(&fx.handle);
	return err;
}

int call_run_async(void)
{
	return stopper_run_async_task(fx.s, fx.ctx, "fault", count_call, &fx.ran);
}

int call_run_limited(void)
{
	return stopper_run_limited_async_task(fx.s, fx.ctx, "fault", &fx.sem, false, count_call,
					      &fx.ran);
}

static int call_run_limited_waiting(void)
{
	return stopper_run_limited_async_task(fx.s, fx.ctx, "fault", &fx.sem, true, count_call,
					      &fx.ran);
}

int call_run_worker(void)
{
	return stopper_run_worker(fx.s, fx.ctx, "fault", count_call, &fx.ran);
}

static int call_add_closer(void)
{
	fx.closer = (struct stopper_closer){ .fn = count_closer_record, .name = "fault" };
	return stopper_add_closer(fx.s, &fx.closer);
}

int call_add_closer_fn(void)
{
	return stopper_add_closer_fn(fx.s, "fault", count_closer, &fx.ran);
}

static int call_with_cancel(void)
{
	return stopper_ctx_with_cancel(fx.ended, &fx.ctx);
}

static int call_with_timeout(void)
{
	return stopper_ctx_with_timeout(NULL, 3600 * 1000000000LL, &fx.ctx);
}

static int call_with_cancel_on_quiesce(void)
{
	return stopper_ctx_with_cancel_on_quiesce(fx.s, fx.ended, &fx.ctx);
}

static int call_with_cancel_on_stop(void)
{
	return stopper_ctx_with_cancel_on_stop(fx.s, NULL, &fx.ctx);
}

static int call_with_span(void)
{
	struct stopper_span span = { .trace_id = { 1 }, .span_id = { 2 } };

	return stopper_ctx_with_span(NULL, &span, &fx.ctx);
}

static int call_wait_any(void)
{
	return stopper_wait_any(fx.events, EVENTS, fx.ended);
}

static int call_sem_acquire(void)
{
	int err = stopper_sem_acquire(&fx.sem, NULL);

	if (!err)
		stopper_sem_release(&fx.sem);
	return err;
}

int call_running_tasks(void)
{
	return stopper_running_tasks(fx.s, fx.info, ARRAY_SIZE(fx.info));
}

int call_task_map(void)
{
	return stopper_task_map(fx.s, fx.text, sizeof(fx.text));
}

static int call_num_tasks(void)
{
	return stopper_num_tasks(fx.s);
}

static int call_quiesce(void)
{
	return stopper_quiesce(fx.s, NULL);
}

static int call_stop(void)
{
	return stopper_stop(fx.s, NULL);
}

static int call_stop_async(void)
{
	return stopper_stop_async(fx.s);
}

/* --- preparation ------------------------------------------------------------------------------ */

static int have_idle_thread(void)
{
	int err = stopper_run_async_task(fx.s, NULL, "before", count_call, &fx.others);

	while (!err && stopper_num_tasks(fx.s))
		usleep_range(500, 1500);
	return err;
}

/* A blocked thread, so that the next task needs another one. */
int have_blocked_thread(void)
{
	return stopper_run_async_task(fx.s, NULL, "before", wait_at_gate, &fx.others);
}

static int have_context(void)
{
	return stopper_ctx_with_cancel_on_stop(fx.s, NULL, &fx.ctx) ?: have_idle_thread();
}

static int have_handle(void)
{
	return stopper_task_begin(fx.s, NULL, "before", &fx.handle);
}

/* Two closers, a worker, a child with a closer: everything that a stop needs threads for. */
int have_much_to_stop(void)
{
	struct stopper_options opts = { .size = sizeof(opts), .parent = fx.s };

	return stopper_create(&fx.made, "child", &opts) ?:
		stopper_add_closer_fn(fx.made, "before", count_closer, &fx.others) ?:
		stopper_add_closer_fn(fx.s, "before", count_closer, &fx.others) ?:
		stopper_add_closer_fn(fx.s, "before", count_closer, &fx.others) ?:
		stopper_run_worker(fx.s, NULL, "before", wait_for_stop, &fx.others) ?:
		stopper_ctx_with_cancel_on_quiesce(fx.s, NULL, &fx.ctx);
}

const struct fault_case fault_cases[] = {
	{ "create", call_create },
	{ "create_child", call_create_child },
	{ "create_for_device", call_create_for_device },
	{ "run_task", call_run_task, .runs = 1, .must = true },
	{ "run_task_err", call_run_task_err, .runs = 1, .must = true },
	{ "begin_and_end", call_begin_and_end, .must = true },
	{ "run_async", call_run_async, have_context, .runs = 1, .others = 1 },
	{ "run_async_beside_a_blocked_one", call_run_async, have_blocked_thread, .runs = 1,
		.others = 1 },
	{ "run_async_of_a_new_pool", call_run_async, .runs = 1 },
	{ "run_limited", call_run_limited, have_context, .runs = 1, .others = 1 },
	{ "run_limited_waiting", call_run_limited_waiting, have_context, .runs = 1, .others = 1 },
	{ "run_limited_of_a_new_pool", call_run_limited, .runs = 1 },
	{ "run_worker", call_run_worker, .runs = 1 },
	{ "add_closer", call_add_closer, .runs = 1, .must = true },
	{ "add_closer_fn", call_add_closer_fn, .runs = 1 },
	{ "ctx_with_cancel", call_with_cancel },
	{ "ctx_with_timeout", call_with_timeout },
	{ "ctx_with_cancel_on_quiesce", call_with_cancel_on_quiesce },
	{ "ctx_with_cancel_on_stop", call_with_cancel_on_stop },
	{ "ctx_with_span", call_with_span },
	{ "wait_any_of_64", call_wait_any, .want = -ECANCELED },
	{ "sem_acquire", call_sem_acquire, .must = true },
	{ "running_tasks", call_running_tasks, have_handle, .want = 1 },
	{ "task_map", call_task_map, have_handle, .want = sizeof("1      before\n") - 1 },
	{ "num_tasks", call_num_tasks, have_handle, .want = 1, .must = true },
	{ "quiesce", call_quiesce, have_much_to_stop, .must = true, .others = 4 },
	{ "stop", call_stop, have_much_to_stop, .must = true, .others = 4 },
	{ "stop_async", call_stop_async, have_much_to_stop, .must = true, .ends = true,
		.others = 4 },
	{ }
};
