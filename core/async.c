// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * async.c - async tasks: a task handle, a job for the pool, and perhaps a slot
 * of a semaphore.
 *
 * The order at the end is what others may rely on: the function returns, the
 * semaphore's slot is given back, the context is let go, the task stops being
 * counted, the record is freed. Nothing of the caller's is touched after the
 * task has stopped being counted.
 *
 * A thread that ends under the task takes the same way out, from wherever its
 * death is noticed, after the panic hook has been told.
 */
#include "internal.h"

struct async {
	struct job job;
	struct stopper_task task;
	struct stopper *s;		/* valid while the task is counted */
	struct stopper_ctx *ctx;
	struct stopper_sem *sem;
	stopper_fn fn;
	void *arg;
};

_Static_assert(sizeof(struct async) <= 192, "see plat_alloc_record()");

static void async_end(struct async *a)
{
	if (a->sem)
		stopper_sem_release(a->sem);
	stopper_ctx_put(a->ctx);
	stopper_task_end(&a->task);
	plat_free_record(a);
}

static void async_run(struct job *job)
{
	struct async *a = list_item(job, struct async, job);
	struct call c = { .s = a->s, .site = job->site, .kind = STOPPER_PANIC_ASYNC };

	task_mark_running(&a->task);
	plat_call(&c, a->fn, a->ctx, a->arg);
	async_end(a);
}

static void async_died(struct job *job, bool told)
{
	struct async *a = list_item(job, struct async, job);
	struct call c = { .s = a->s, .site = job->site, .kind = STOPPER_PANIC_ASYNC };

	if (!told)
		panic_hook(&c, NULL, (int)(plat_load(&a->task.slot->tid) & TID_MASK), true);
	async_end(a);
}

static struct async *async_new(struct stopper *s, struct stopper_ctx *ctx,
			       const struct stopper_site *site, stopper_fn fn, void *arg)
{
	struct async *a = plat_alloc_record(sizeof(*a));

	if (!a)
		return NULL;
	a->job.fn = async_run;
	a->job.died = async_died;
	a->job.site = site;
	a->s = s;
	a->ctx = ctx;
	a->fn = fn;
	a->arg = arg;
	return a;
}

/* @sem: a slot of it is held, and is given back if this fails. */
static int async_start(struct stopper *s, struct stopper_ctx *ctx, const struct stopper_site *site,
		       struct stopper_sem *sem, stopper_fn fn, void *arg)
{
	struct async *a;
	int err = pool_reserve();

	a = err ? NULL : async_new(s, ctx, site, fn, arg);
	if (!err)
		err = a ? task_admit(s, site, &a->task) : -ENOMEM;
	if (err) {
		plat_free_record(a);
		if (sem)
			stopper_sem_release(sem);
		return err;
	}
	stopper_ctx_get(ctx);
	a->sem = sem;
	pool_push(&a->job, true);
	return 0;
}

int __stopper_run_async_task(struct stopper *s, struct stopper_ctx *ctx,
			     const struct stopper_site *site, stopper_fn fn, void *arg)
{
	plat_might_sleep();
	if (!s || !site || !fn)
		return -EINVAL;
	return async_start(s, ctx, site, NULL, fn, arg);
}
EXPORT_SYMBOL_PLAT(__stopper_run_async_task);

int __stopper_run_limited_async_task(struct stopper *s, struct stopper_ctx *ctx,
				     const struct stopper_site *site, struct stopper_sem *sem,
				     bool wait, stopper_fn fn, void *arg)
{
	int err;

	plat_might_sleep();
	if (!s || !site || !sem || !fn)
		return -EINVAL;
	/* A stopper that refuses says so, also when no slot is free. */
	if (stopper_event_fired(&s->quiesce))
		return -ESHUTDOWN;
	/* One whose context has ended keeps no slot, waited or not. */
	err = wait ? sem_acquire(sem, ctx, &s->quiesce) : sem_try_acquire(sem, ctx);
	return err ? err : async_start(s, ctx, site, sem, fn, arg);
}
EXPORT_SYMBOL_PLAT(__stopper_run_limited_async_task);
