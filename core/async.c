// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * async.c - async tasks: a job for the pool, and perhaps a slot of a semaphore.
 *
 * The order at the end is guaranteed: the function returns, the trace of the task ends, the
 * slot of the semaphore is released, the context is put, the task stops being counted, the
 * record is freed. Nothing of the caller's is accessed after the task has stopped being
 * counted.
 *
 * If the thread ends inside the task, the same steps are done by whatever notices its death,
 * after the call of the panic hook.
 */
#include "internal.h"

struct async {
	struct task_job task;
	struct stopper_ctx *ctx;
	struct stopper_sem *sem;
	stopper_fn fn;
	void *arg;
	struct span_record *span;		/* NULL: not traced */
	struct module *fn_module;	/* of the function, with a reference; or NULL */
};

_Static_assert(sizeof(struct async) <= 128, "see plat_alloc_cached()");

static void async_end(struct async *a)
{
	struct module *fn_module = a->fn_module;

	span_end(a->span);
	if (a->sem)
		stopper_sem_release(a->sem);
	stopper_ctx_put(a->ctx);
	task_end_async(a->task.slot);
	plat_free_cached(a);
	/* Its site was visible until now. A reader that still uses it does so under RCU. */
	plat_module_put(fn_module);
}

static void async_run(struct job *job, struct pool_thread *me)
{
	struct async *a = list_item(job, struct async, task.job);
	struct call c = { .s = a->task.s, .site = job->site, .kind = STOPPER_PANIC_ASYNC };

	(void)me;
	span_begin(a->span);
	plat_call(&c, a->fn, a->ctx, a->arg);
	async_end(a);
}

static void async_died(struct job *job, bool hook_called)
{
	struct async *a = list_item(job, struct async, task.job);
	struct call c = { .s = a->task.s, .site = job->site, .kind = STOPPER_PANIC_ASYNC };

	if (!hook_called)
		panic_hook(&c, NULL, (int)(plat_load(&a->task.slot->tid) & TID_MASK), true);
	async_end(a);
}

static const struct job_ops async_ops = {
	.run = async_run,
	.died = async_died,
	.is_task = true,
};

/* Allocate a record, and ensure that the pool can run it. */
static int async_new(struct async **out, struct stopper *s, struct stopper_ctx *ctx,
		     const struct stopper_site *site, stopper_fn fn, void *arg)
{
	int err = pool_reserve();
	struct async *a;

	if (err)
		return err;
	a = plat_alloc_cached(sizeof(*a), true);
	if (!a)
		return -ENOMEM;
	if (!plat_module_get(s, site->owner, &a->fn_module)) {
		plat_free_cached(a);
		return -ESHUTDOWN;
	}
	a->task.job.ops = &async_ops;
	a->task.job.site = site;
	a->task.s = s;
	a->ctx = ctx;
	a->fn = fn;
	a->arg = arg;
	if (PLAT_UNLIKELY(__stopper_traced()))
		a->span = span_new(s, ctx, site, STOPPER_KIND_ASYNC);
	*out = a;
	return 0;
}

/* Free the record of a task that was not accepted. */
static void async_free(struct async *a)
{
	plat_module_put(a->fn_module);
	plat_free_cached(a->span);
	plat_free_cached(a);
}

/* Called before another thread can see @a. */
static void trace_queued(struct async *a)
{
	if (a->span)
		plat_trace_async_queued(a->span);
}

/* Admit the task and push it to the pool, or refuse it. @may_start: see queue_job(). */
static int async_submit(struct async *a, bool may_start)
{
	int err;

	/* Before the task can run and end. */
	stopper_ctx_get(a->ctx);
	err = pool_push_task(&a->task, may_start);
	if (err)
		stopper_ctx_put(a->ctx);
	return err;
}

/* Called when the task has got a slot of the semaphore. */
static int limited_grant(struct sem_waiter *w, bool mine)
{
	struct async *a = w->arg;
	/* A task whose context has ended does not keep its slot, whether it waited or not. */
	int err = stopper_ctx_err(a->ctx);

	return err ? err : async_submit(a, mine);
}

static int limited_submit(struct async *a, bool wait)
{
	struct stopper *s = a->task.s;
	struct sem_waiter w = { .grant = limited_grant, .arg = a, .waiters = &s->waiters };
	int err;

	if (wait) {
		/* Queued from now on: a task that must wait is in the semaphore's queue first. */
		trace_queued(a);
		return sem_acquire(a->sem, a->ctx, &s->quiesce, &w);
	}
	err = sem_try_acquire(a->sem, a->ctx);
	if (err)
		return err;
	trace_queued(a);
	err = async_submit(a, true);
	if (err)
		stopper_sem_release(a->sem);
	return err;
}

int __stopper_run_async_task(struct stopper *s, struct stopper_ctx *ctx,
			     const struct stopper_site *site, stopper_fn fn, void *arg)
{
	struct async *a;
	int err;

	plat_might_sleep();
	if (!s || !site || !fn)
		return -EINVAL;
	err = async_new(&a, s, ctx, site, fn, arg);
	if (err)
		return task_refused(s, STOPPER_KIND_ASYNC, site, err);
	trace_queued(a);
	err = async_submit(a, true);
	if (!err)
		return 0;
	async_free(a);
	return task_refused(s, STOPPER_KIND_ASYNC, site, err);
}
EXPORT_SYMBOL_PLAT(__stopper_run_async_task);

int __stopper_run_limited_async_task(struct stopper *s, struct stopper_ctx *ctx,
				     const struct stopper_site *site, struct stopper_sem *sem,
				     bool wait, stopper_fn fn, void *arg)
{
	struct async *a;
	int err;

	plat_might_sleep();
	if (!s || !site || !sem || !fn)
		return -EINVAL;
	/* A stopper that refuses returns that error, even if no slot is free. */
	if (stopper_event_fired(&s->quiesce))
		return task_refused(s, STOPPER_KIND_ASYNC, site, -ESHUTDOWN);
	err = async_new(&a, s, ctx, site, fn, arg);
	if (err)
		return task_refused(s, STOPPER_KIND_ASYNC, site, err);
	a->sem = sem;
	err = limited_submit(a, wait);
	if (!err)
		return 0;
	async_free(a);
	return task_refused(s, STOPPER_KIND_ASYNC, site, err);
}
EXPORT_SYMBOL_PLAT(__stopper_run_limited_async_task);
