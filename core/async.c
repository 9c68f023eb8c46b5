// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * async.c - async tasks: a record in the pool's queue, its function, its done(), its end.
 *
 * The record, struct stopper_async, is the caller's, who may start it from a softirq: a start
 * allocates nothing and starts no thread (if none is awake or idle, the pool's tick does). The
 * allocating calls put a record of their own into the queue.
 *
 * done() may free the record or start it again, and a record without done() is freed by a thread
 * that waits. So the thread that takes a record copies what it needs into its own struct async_run
 * and, before it calls done(), touches the record for the last time:
 *
 *   thread of the pool                     start, on any thread
 *   state = IDLE; s = NULL     (I)         lock of an inbox
 *   done(), which may free it              s: NULL -> s? (I)  yes: fill in and queue it
 *   the task is no longer counted                             no: -EBUSY
 *   lock; wake who waits; unlock           unlock
 *
 *   An -EBUSY loses no request. The caller has written it before; if the function has not seen
 *   it, done() does: had the caller come after done() looked (a lock of theirs says so), it would
 *   have seen NULL.
 *
 * All other changes of the state are under the queue's lock (queue.c): a cancel against the thread
 * that takes the record, a wait against the end. A cancelled task stays in the queue,
 * and one that STOPPER_DROP_QUEUED drops is found when it is taken. Their done() is thus called
 * where that of others is: on a thread of the pool, in process context, counted, shown in the
 * list, and once. No list is walked to drop tasks, and nothing is removed from another thread's
 * hands.
 *
 *   quiesce                                thread of the pool
 *   phase = QUIESCING                      take; slot names s
 *   heavy barrier; drain waits             phase RUNNING? no, and DROP_QUEUED: done(-ESHUTDOWN)
 *   for the queue and the slots            else: the function, then done()
 *
 *   A task without a done() is not dropped: nothing could tell that it never ran.
 *
 * The order at the end is guaranteed: the function returns, done() returns, the trace of the task
 * ends, the slot of the semaphore is released, the context is put, the task stops being counted,
 * a wait for it returns. Nothing of the caller's is accessed after the task has stopped being
 * counted. If the thread ends inside the function or done(), the steps that are left are made by
 * whatever notices its death, after the call of the panic hook.
 *
 * Ordered accesses:
 *
 *   (I)  ->s = NULL is a release in async_tell(); its partner is the acquire in task_admit()
 *        (push.c). Guarantees: the next start writes the record after its thread has read it.
 */
#include "internal.h"
#include "async_wait.h"
#include "ctx.h"
#include "panic.h"
#include "pool.h"
#include "pool_loop.h"
#include "queue.h"
#include "result.h"
#include "sem.h"
#include "span.h"
#include "task.h"
#include "upcalls.h"
#include "view.h"

/* ->kind of a record */
enum {
	KIND_RECORD,			/* the caller's */
	KIND_FN,			/* allocated; ->fn is a stopper_fn */
	KIND_ERR_FN,			/* allocated; ->fn is a stopper_err_fn */
};

/* An allocated record. */
struct async_task {
	struct stopper_async async;
	struct stopper_sem *sem;
	void *arg;
};

_Static_assert(sizeof(struct async_task) <= 128, "see plat_alloc_cached()");

typedef void (*any_fn)(void);

/* The task stops being counted. @r is in the memory of its thread. */
static void async_end(struct async_run *r)
{
	span_end(r->span);
	if (r->sem)
		stopper_sem_release(r->sem);
	stopper_ctx_put(r->ctx);
	task_end_async(r->slot);
	/* Its site was visible until now. A reader that still uses it does so under RCU. */
	plat_module_put(r->fn_module);
}

/* The last access to the record: its start is over, as @r->status says. */
static void async_tell(struct async_run *r)
{
	struct stopper_async *a = r->async;

	r->over = true;
	if (!a)
		return;
	plat_store(&a->state, ASYNC_IDLE);
	plat_happens_before(&a->s);
	/* (I) pairs with task_admit(): another start comes after all that was read here */
	plat_store_release(&a->s, NULL);
	if (r->done)
		r->done(a, r->status);
}

/* In its scope a panic ends the function, or done(). */
static void async_call(struct stopper_ctx *ctx, void *run)
{
	struct async_run *r = run;

	if (!r->status) {
		if (r->async)
			r->status = r->fn(ctx, r->async);
		else
			r->status = ((stopper_err_fn)(any_fn)r->fn)(ctx, r->arg);
		if (PLAT_UNLIKELY(r->status < 0))
			error_note(r->s, r->job.site, r->status);
	}
	async_tell(r);
}

/* The function did not return. */
static void async_call_done(struct stopper_ctx *ctx, void *run)
{
	struct async_run *r = run;

	(void)ctx;
	r->status = STOPPER_EPANIC;
	error_note(r->s, r->job.site, r->status);
	async_tell(r);
}

/* Why the function is not to be called; 0: it is. */
static int async_reason(const struct stopper_async *a)
{
	struct stopper *s = async_stopper(a);

	if (a->state == ASYNC_TELLING)
		return -ECANCELED;
	if (PLAT_UNLIKELY(s->flags & STOPPER_DROP_QUEUED) && a->done && !a->nested &&
	    phase_of(s) != STOPPER_RUNNING) {
		/* (Q), ctx.c: a count for people, no order needed */
		plat_fetch_add_full(&s->dropped, 1);
		return -ESHUTDOWN;
	}
	return 0;
}

/* Copy what the end of the task will need. */
static void async_copy(struct async_run *r, struct stopper_async *a)
{
	r->job.ops = a->job.ops;
	r->job.site = a->job.site;
	r->s = async_stopper(a);
	r->slot = async_slot(a);
	r->ctx = a->ctx;
	r->span = a->span;
	r->fn_module = a->pinned ? a->job.site->owner : NULL;
	r->fn = a->fn;
	r->kind = a->kind;
	r->over = false;
	if (a->kind == KIND_RECORD) {
		r->async = a;
		r->done = a->done;
		r->sem = NULL;
		r->status = async_reason(a);
	} else {
		struct async_task *t = list_item(a, struct async_task, async);

		r->async = NULL;
		r->status = 0;
		r->sem = t->sem;
		r->arg = t->arg;
		plat_free_cached(t);
	}
}

static void async_run(struct stopper_job *job, struct pool_thread *me)
{
	struct stopper_async *a = list_item(job, struct stopper_async, job);
	struct async_run *r = pool_thread_run(me);
	struct call c = { .s = async_stopper(a), .site = job->site, .kind = STOPPER_PANIC_ASYNC };

	async_copy(r, a);
	span_begin(r->span);
	if (r->kind == KIND_FN)
		plat_call(&c, (stopper_fn)(any_fn)r->fn, task_ctx(r->s, r->ctx), r->arg);
	else if (plat_call(&c, async_call, task_ctx(r->s, r->ctx), r) && !r->over)
		plat_call(&c, async_call_done, NULL, r);
	async_end(r);
}

static void async_died(struct stopper_job *job, bool hook_called)
{
	struct async_run *r = list_item(job, struct async_run, job);
	struct call c = { .s = r->s, .site = job->site, .kind = STOPPER_PANIC_ASYNC };

	if (!hook_called)
		panic_hook(&c, NULL, (int)(plat_load(&r->slot->tid) & TID_MASK), true);
	if (r->kind != KIND_FN && !r->over)
		async_call_done(NULL, r);
	async_end(r);
}

static const struct stopper_job_ops async_ops = {
	.run = async_run,
	.died = async_died,
	.is_task = true,
};

/* Acquire what a task holds from its start on. @start is what async_release() takes back. */
static int async_prepare(struct async_start *start, struct stopper *s, struct stopper_ctx *ctx,
			 const struct stopper_site *site)
{
	struct module *fn_module;
	int err;

	*start = (struct async_start){ .ops = &async_ops, .s = s, .site = site };
	if (!plat_module_get(s, site->owner, &fn_module))
		return -ESHUTDOWN;
	start->pinned = fn_module;
	err = ctx_for_task(s, ctx, &start->ctx);
	if (err) {
		plat_module_put(fn_module);
		return err;
	}
	if (PLAT_UNLIKELY(__stopper_traced()))
		start->span = span_new(s, ctx_span(ctx), site, STOPPER_KIND_ASYNC);
	return 0;
}

/* The task was not admitted. */
static void async_release(struct async_start *start)
{
	plat_free_cached(start->span);
	stopper_ctx_put(start->ctx);
	plat_module_put(start->pinned ? start->site->owner : NULL);
}

/* Admit and queue a task. Only one that is refused pays for the search of the task around it. */
static int async_push(struct stopper_async *a, struct async_start *start, bool may_start)
{
	int err = pool_push_task(a, start, may_start);

	if (err != -ESHUTDOWN && err != -EAGAIN)
		return err;
	start->may_nest = task_may_nest(start->s, NULL, STOPPER_KIND_ASYNC);
	return start->may_nest ? pool_push_task(a, start, may_start) : err;
}

/* Called before another thread can see the task. */
static void trace_queued(const struct async_start *start)
{
	if (start->span)
		plat_trace_async_queued(start->span);
}

void stopper_async_init(struct stopper_async *a, stopper_async_fn fn, stopper_async_done_fn done)
{
	if (a)
		*a = (struct stopper_async){ .fn = fn, .done = done };
}
EXPORT_SYMBOL_PLAT(stopper_async_init);

int __stopper_async_start(struct stopper *s, struct stopper_ctx *ctx,
			  const struct stopper_site *site, struct stopper_async *a)
{
	struct async_start start;
	int err;

	err = call_err(s && site && a && a->fn && !(a->flags & ~STOPPER_ASYNC_TELL_REFUSED));
	if (err)
		return err;
	err = async_prepare(&start, s, ctx, site);
	if (!err) {
		trace_queued(&start);
		err = async_push(a, &start, false);
		if (!err)
			return 0;
		async_release(&start);
	}
	task_refused(s, STOPPER_KIND_ASYNC, site, err);
	if ((err == -ESHUTDOWN || err == -EAGAIN) && a->done &&
	    a->flags & STOPPER_ASYNC_TELL_REFUSED)
		a->done(a, err);
	return err;
}
EXPORT_SYMBOL_PLAT(__stopper_async_start);

bool stopper_async_cancel(struct stopper_async *a)
{
	return a && !plat_is_copy() && pool_cancel_task(a);
}
EXPORT_SYMBOL_PLAT(stopper_async_cancel);

int stopper_async_wait(struct stopper_async *a, struct stopper_ctx *ctx)
{
	plat_might_sleep();
	if (!a)
		return -EINVAL;
	return plat_is_copy() ? -EOPNOTSUPP : pool_wait_task(a, ctx);
}
EXPORT_SYMBOL_PLAT(stopper_async_wait);

/* Allocate a record, and ensure that the pool can run it. */
static int async_new(struct async_task **out, struct async_start *start, struct stopper *s,
		     struct stopper_ctx *ctx, const struct stopper_site *site, any_fn fn,
		     unsigned char kind, void *arg)
{
	int err = pool_reserve();
	struct async_task *t;

	if (err)
		return err;
	t = plat_alloc_cached(sizeof(*t), true);
	if (!t)
		return -ENOMEM;
	err = async_prepare(start, s, ctx, site);
	if (err) {
		plat_free_cached(t);
		return err;
	}
	t->async.fn = (stopper_async_fn)fn;
	t->async.kind = kind;
	t->arg = arg;
	*out = t;
	return 0;
}

/* Undo async_new(). */
static int async_refuse(struct async_task *t, struct async_start *start, int err)
{
	async_release(start);
	plat_free_cached(t);
	return task_refused(start->s, STOPPER_KIND_ASYNC, start->site, err);
}

/* A task that waits for a slot of its semaphore. */
struct limited {
	struct async_task *task;
	struct async_start *start;
	struct stopper_ctx *ctx;	/* of the caller: bounds the wait */
};

/* Called when the task has got a slot of the semaphore. */
static int limited_grant(struct sem_waiter *w, bool mine)
{
	struct limited *l = w->arg;
	/* A task whose context has ended does not keep its slot, whether it waited or not. */
	int err = stopper_ctx_err(l->ctx);

	return err ? err : pool_push_task(&l->task->async, l->start, mine);
}

static int limited_submit(struct async_task *t, struct async_start *start,
			  struct stopper_ctx *ctx, bool wait)
{
	struct limited l = { .task = t, .start = start, .ctx = ctx };
	struct sem_waiter w = { .grant = limited_grant, .arg = &l, .n = 1, .s = start->s,
				.site = start->site };
	struct stopper_sem *sem = t->sem;
	int err;

	if (wait) {
		/* Queued from now on: a task that must wait is in the semaphore's queue first. */
		trace_queued(start);
		return sem_acquire(sem, ctx, start->may_nest ? NULL : &start->s->quiesce, &w);
	}
	err = stopper_ctx_err(ctx);
	if (!err)
		err = stopper_sem_try_acquire(sem);
	if (err)
		return err;
	trace_queued(start);
	err = pool_push_task(&t->async, start, true);
	if (err)
		stopper_sem_release(sem);
	return err;
}

static int async_run_new(struct stopper *s, struct stopper_ctx *ctx,
			 const struct stopper_site *site, any_fn fn, unsigned char kind, void *arg)
{
	struct async_start start;
	struct async_task *t;
	int err;

	plat_might_sleep();
	if (!s || !site || !fn)
		return -EINVAL;
	err = async_new(&t, &start, s, ctx, site, fn, kind, arg);
	if (err)
		return task_refused(s, STOPPER_KIND_ASYNC, site, err);
	trace_queued(&start);
	err = async_push(&t->async, &start, true);
	return err ? async_refuse(t, &start, err) : 0;
}

int __stopper_run_async_task(struct stopper *s, struct stopper_ctx *ctx,
			     const struct stopper_site *site, stopper_fn fn, void *arg)
{
	return async_run_new(s, ctx, site, (any_fn)fn, KIND_FN, arg);
}
EXPORT_SYMBOL_PLAT(__stopper_run_async_task);

int __stopper_run_async_task_err(struct stopper *s, struct stopper_ctx *ctx,
				 const struct stopper_site *site, stopper_err_fn fn, void *arg)
{
	return async_run_new(s, ctx, site, (any_fn)fn, KIND_ERR_FN, arg);
}
EXPORT_SYMBOL_PLAT(__stopper_run_async_task_err);

int __stopper_run_limited_async_task(struct stopper *s, struct stopper_ctx *ctx,
				     const struct stopper_site *site, struct stopper_sem *sem,
				     bool wait, stopper_fn fn, void *arg)
{
	struct async_start start;
	struct async_task *t;
	bool may_nest;
	int err;

	plat_might_sleep();
	if (!s || !site || !sem || !fn)
		return -EINVAL;
	/* Before the wait: another thread may push the task. */
	may_nest = task_may_nest(s, NULL, STOPPER_KIND_ASYNC);
	/* A stopper that refuses returns that error, even if no slot is free. */
	if (!may_nest && (stopper_event_fired(&s->quiesce) ||
			  plat_load(&s->phase) == STOPPER_PHASE_PAUSED))
		return task_refused(s, STOPPER_KIND_ASYNC, site, refusal_err(s));
	err = async_new(&t, &start, s, ctx, site, (any_fn)fn, KIND_FN, arg);
	if (err)
		return task_refused(s, STOPPER_KIND_ASYNC, site, err);
	t->sem = sem;
	start.may_nest = may_nest;
	err = limited_submit(t, &start, ctx, wait);
	return err ? async_refuse(t, &start, err) : 0;
}
EXPORT_SYMBOL_PLAT(__stopper_run_limited_async_task);
