// SPDX-License-Identifier: GPL-2.0
/*
 * stopper_oops.c - threads that die in functions of a stopper.
 *
 *   insmod stopper_oops.ko where=NAME how=bug|null|exit|panic [times=N]
 *
 * A thread dies N times (default 1) in this place:
 *
 *   async      an async task
 *   limited    one with the only slot of a semaphore, for which another task waits
 *   worker     a worker
 *   closer     the first of three closers; the others must run, in order
 *   late       a closer that the first closer adds, too late to be queued
 *   child      an async task of a child, whose parent is stopped
 *   nested     a synchronous task in an async task
 *   inworker   a synchronous task in a worker
 *   scope      a recover scope in a worker
 *   handle     an async task that has begun a handle, which another thread ends
 *   onstack    one that has begun a handle whose record is on the stack of the dying thread
 *   sync       a synchronous task in another one, on a kthread that is not the stopper's (not with
 *              how=exit, which is not detected there)
 *
 * in this way:
 *
 *   bug, null  BUG(), a NULL dereference
 *   exit       kthread_complete_and_exit()
 *   panic      stopper_panic()
 *
 * Each death happens twice: before the stop begins, and while it waits. The panic hook must be
 * called once, with the right site, thread and kind, before the task stops being counted. After
 * that nothing may be counted, and the stop must return. The first violation is stored in
 * /sys/module/stopper_oops/parameters/result, which is "ok" otherwise.
 */
#define pr_fmt(fmt) "stopper_oops: " fmt

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/string.h>
#include <stopper/stopper.h>

static char *where = "async";
module_param(where, charp, 0444);
MODULE_PARM_DESC(where, "place of the death");

static char *how = "exit";
module_param(how, charp, 0444);
MODULE_PARM_DESC(how, "manner of the death: bug, null, exit, panic");

static int times = 1;
module_param(times, int, 0444);
MODULE_PARM_DESC(times, "number of deaths");

static char result[160] = "did not finish";
module_param_string(result, result, sizeof(result), 0444);

#define SECOND	1000000000LL

enum {
	ASYNC, LIMITED, WORKER, CLOSER, LATE, CHILD, NESTED, INWORKER, SCOPE, HANDLE, ONSTACK, SYNC
};

/* What the hook must get: outermost function if the thread ends by itself, else the innermost. */
static const struct death {
	const char *where;
	const char *died, *panicked;
	enum stopper_panic_kind kind_died, kind_panicked;
} deaths[] = {
	[ASYNC] = { "async", "outer", "outer", STOPPER_PANIC_ASYNC, STOPPER_PANIC_ASYNC },
	[LIMITED] = { "limited", "outer", "outer", STOPPER_PANIC_ASYNC, STOPPER_PANIC_ASYNC },
	[WORKER] = { "worker", "outer", "outer", STOPPER_PANIC_WORKER, STOPPER_PANIC_WORKER },
	[CLOSER] = { "closer", "outer", "outer", STOPPER_PANIC_CLOSER, STOPPER_PANIC_CLOSER },
	[LATE] = { "late", "outer", "inner", STOPPER_PANIC_CLOSER, STOPPER_PANIC_CLOSER },
	[CHILD] = { "child", "outer", "outer", STOPPER_PANIC_ASYNC, STOPPER_PANIC_ASYNC },
	[NESTED] = { "nested", "outer", "inner", STOPPER_PANIC_ASYNC, STOPPER_PANIC_TASK },
	[INWORKER] = { "inworker", "outer", "inner", STOPPER_PANIC_WORKER, STOPPER_PANIC_TASK },
	[SCOPE] = { "scope", "outer", "inner", STOPPER_PANIC_WORKER, STOPPER_PANIC_SCOPE },
	[HANDLE] = { "handle", "outer", "outer", STOPPER_PANIC_ASYNC, STOPPER_PANIC_ASYNC },
	[ONSTACK] = { "onstack", "outer", "outer", STOPPER_PANIC_ASYNC, STOPPER_PANIC_ASYNC },
	[SYNC] = { "sync", "inner", "inner", STOPPER_PANIC_TASK, STOPPER_PANIC_TASK },
};

static const struct death *death;
static bool by_panic;
static int value;

/* State of one death */
static bool waiting;		/* the death comes after the stop has begun */
static struct stopper *s, *child, *target;
static struct stopper_sem sem;
static struct stopper_task handles[256];
static unsigned int nhandles;
static int tid, hooks, survivors, closed;
static struct completion ready, hook_called;
static struct task_struct *in_line;
static struct stopper_closer late;

static void expect_equal(const char *what, long is, long want)
{
	if (is == want || strcmp(result, "ok"))
		return;
	snprintf(result, sizeof(result), "%s: %ld, not %ld", what, is, want);
	pr_err("%s %s: %s\n", where, how, result);
}

#define EXPECT(is, want)	expect_equal(#is, is, want)

static void on_panic(void *arg, const struct stopper_panic_info *info)
{
	const char *name = by_panic ? death->panicked : death->died;

	EXPECT(++hooks, 1);
	EXPECT(info->kind, by_panic ? death->kind_panicked : death->kind_died);
	EXPECT(strcmp(info->site->name, name), 0);
	EXPECT(strcmp(info->stopper, target == child ? "child" : "oops"), 0);
	EXPECT(info->tid, tid);
	EXPECT(info->died, !by_panic);
	EXPECT(info->value == &value, by_panic);
	/* Still counted during the hook. */
	if (info->kind == STOPPER_PANIC_ASYNC || info->kind == STOPPER_PANIC_TASK)
		EXPECT(stopper_num_tasks(target) > nhandles, true);
	if (death == &deaths[LIMITED])
		EXPECT(stopper_sem_length(&sem), 1);
	complete(&hook_called);
}

static void die_now(struct stopper_ctx *ctx, void *arg)
{
	int *nowhere = NULL;

	tid = current->pid;
	OPTIMIZER_HIDE_VAR(nowhere);
	if (!strcmp(how, "bug"))
		BUG();
	else if (!strcmp(how, "null"))
		*nowhere = 1;
	else if (!strcmp(how, "exit"))
		kthread_complete_and_exit(NULL, 0);
	else
		stopper_panic(&value);
}

static void die_after_ready(struct stopper_ctx *ctx, void *arg)
{
	complete(&ready);
	if (waiting)
		stopper_wait(stopper_should_quiesce(target), NULL);
	die_now(ctx, arg);
}

static void die_late(struct stopper_closer *closer)
{
	die_now(NULL, NULL);
}

static void begin_handle(void)
{
	if (!stopper_task_begin(target, NULL, "handle", &handles[nhandles]))
		nhandles++;
}

/* Begins handles until one is on the list, that is, until the table is full. */
static void fill_table(void)
{
	do
		begin_handle();
	while (nhandles < ARRAY_SIZE(handles) &&
	       handles[nhandles - 1].slot != &handles[nhandles - 1].own);
}

static void outer_fn(struct stopper_ctx *ctx, void *arg)
{
	struct stopper_task mine;

	switch (death - deaths) {
	case NESTED:
	case INWORKER:
		stopper_run_task(target, NULL, "inner", die_after_ready, NULL);
		break;
	case SCOPE:
		stopper_recover(target, NULL, "inner", die_after_ready, NULL);
		break;
	case LATE:
		late.name = "inner";
		late.fn = die_late;
		stopper_add_closer(target, &late);
		break;
	case LIMITED:
		while (!waiting && (!READ_ONCE(in_line) || task_is_running(in_line)))
			schedule_timeout_idle(1);
		die_after_ready(ctx, arg);
		break;
	case HANDLE:
		begin_handle();
		die_after_ready(ctx, arg);
		break;
	case ONSTACK:
		fill_table();
		EXPECT(stopper_task_begin(target, NULL, "mine", &mine), 0);
		EXPECT(mine.slot == &mine.own, true);
		die_after_ready(ctx, arg);
		break;
	case WORKER:
		complete(&ready);
		if (waiting)
			stopper_wait(stopper_should_stop(target), NULL);
		die_now(ctx, arg);
		break;
	case CLOSER:
		die_now(ctx, arg);
		break;
	default:
		die_after_ready(ctx, arg);
	}
	EXPECT(0, 1);		/* must not return */
}

static void survivor_task(struct stopper_ctx *ctx, void *arg)
{
	survivors++;
}

static void close_first(void *arg)
{
	outer_fn(NULL, NULL);
}

static void close_in_order(void *arg)
{
	EXPECT(closed++, (long)arg);
}

static void nested_task(struct stopper_ctx *ctx, void *arg)
{
	stopper_run_task(s, NULL, "inner", die_after_ready, NULL);
}

static int foreign_thread_fn(void *arg)
{
	stopper_run_task(s, NULL, "outer", nested_task, NULL);
	EXPECT(0, 1);
	return 0;
}

static int start_target(void)
{
	long i;
	int err;

	switch (death - deaths) {
	case LIMITED:
		return stopper_run_limited_async_task(target, NULL, "outer", &sem, true, outer_fn,
						      NULL);
	case WORKER:
	case INWORKER:
	case SCOPE:
		return stopper_run_worker(target, NULL, "outer", outer_fn, NULL);
	case CLOSER:
	case LATE:
		err = stopper_add_closer_fn(target, "outer", close_first, NULL);
		for (i = 0; i < 2 && !err; i++)
			err = stopper_add_closer_fn(target, "next", close_in_order, (void *)i);
		return err;
	case SYNC:
		return PTR_ERR_OR_ZERO(kthread_run(foreign_thread_fn, NULL, "foreign"));
	default:
		return stopper_run_async_task(target, NULL, "outer", outer_fn, NULL);
	}
}

/* Waits for the slot that the dying task holds. */
static void wait_in_line(void)
{
	if (death != &deaths[LIMITED] || waiting)
		return;
	WRITE_ONCE(in_line, current);
	EXPECT(stopper_run_limited_async_task(target, NULL, "next", &sem, true, survivor_task,
					      NULL), 0);
	WRITE_ONCE(in_line, NULL);
}

static int stop_thread_fn(void *arg)
{
	struct stopper_ctx *ctx;
	int err = stopper_ctx_with_timeout(NULL, 60 * SECOND, &ctx);

	if (!err)
		err = stopper_stop(s, ctx);
	EXPECT(err, 0);
	stopper_ctx_put(ctx);
	/* kthread_stop() collects the result. */
	while (arg && !kthread_should_stop())
		schedule_timeout_idle(1);
	return err;
}

static int make_stoppers(void)
{
	struct stopper_options opts = { .size = sizeof(opts), .on_panic = on_panic };
	int err = stopper_create(&s, "oops", &opts);

	target = s;
	if (err || death != &deaths[CHILD])
		return err;
	opts.parent = s;
	err = stopper_create(&child, "child", &opts);
	target = child;
	return err;
}

static void check_all_ended(void)
{
	EXPECT(hooks, 1);
	EXPECT(stopper_phase(s), STOPPER_STOPPED);
	EXPECT(stopper_num_tasks(target), 0);
	EXPECT(stopper_sem_length(&sem), 0);
	EXPECT(survivors, death == &deaths[LIMITED] && !waiting);
	EXPECT(closed, death == &deaths[CLOSER] || death == &deaths[LATE] ? 2 : 0);
}

static bool dies_in_stop(void)
{
	return death == &deaths[CLOSER] || death == &deaths[LATE];
}

static int run_once(void)
{
	struct task_struct *stopping = NULL;
	int err;

	hooks = 0;
	survivors = 0;
	closed = 0;
	nhandles = 0;
	child = NULL;
	init_completion(&ready);
	init_completion(&hook_called);
	stopper_sem_init(&sem, 1);
	err = make_stoppers();
	if (!err)
		err = start_target();
	if (err)
		return err;
	if (waiting && !dies_in_stop())
		wait_for_completion(&ready);
	if (waiting || dies_in_stop()) {
		stopping = kthread_run(stop_thread_fn, &value, "stop_all");
		if (IS_ERR(stopping))
			return PTR_ERR(stopping);
	}
	wait_in_line();
	EXPECT(!wait_for_completion_timeout(&hook_called, 60 * HZ), false);
	/* A handle belongs to no thread and stays until it is ended. */
	EXPECT(stopper_num_tasks(target) >= nhandles, true);
	while (nhandles)
		stopper_task_end(&handles[--nhandles]);
	if (stopping)
		kthread_stop(stopping);
	else
		stop_thread_fn(NULL);
	check_all_ended();
	stopper_put(child);
	stopper_put(s);
	return 0;
}

static int __init stopper_oops_init(void)
{
	int i, err = 0;

	for (i = 0; i < ARRAY_SIZE(deaths); i++)
		if (!strcmp(where, deaths[i].where))
			death = &deaths[i];
	by_panic = !strcmp(how, "panic");
	if (!death || (death == &deaths[SYNC] && !strcmp(how, "exit")))
		return -EINVAL;
	strscpy(result, "ok", sizeof(result));
	for (i = 0; i < 2 * times && !err && !strcmp(result, "ok"); i++) {
		waiting = i % 2;
		err = run_once();
	}
	return err;
}

static void __exit stopper_oops_exit(void)
{
}

module_init(stopper_oops_init);
module_exit(stopper_oops_exit);
MODULE_DESCRIPTION("Test of the stopper: dying threads");
MODULE_LICENSE("GPL");
