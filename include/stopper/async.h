/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * async.h - async tasks whose record is the caller's: nothing is allocated.
 *
 * A struct stopper_async is embedded in an object of the caller, initialized once and started any
 * number of times, as a work_struct is. A start is either refused, or it is admitted, and then
 * done() is called exactly once with its status: what the function returned, or why the function
 * was not called.
 *
 *   state      from                               what is allowed
 *   idle       stopper_async_init(); done() is    start, init, free the memory
 *              called
 *   queued     stopper_async_start() returned 0   cancel, wait
 *   running    a thread has taken the task        wait
 *
 * The record is idle again *before* done() is entered, so done() may start it again or free it;
 * then done() must not access it any more, as the next start may run, or the memory be reused.
 * Without a done() the record is idle when the function has returned; a thread that wants to free
 * it waits with stopper_async_wait(). The function itself must not free it.
 */
#ifndef STOPPER_ASYNC_H
#define STOPPER_ASYNC_H

#include <stopper/ctx.h>
#include <stopper/site.h>

STOPPER_BEGIN_DECLS

struct slot_table;
struct span_record;
struct stopper_async;
struct stopper_async_waiter;
struct stopper_job_ops;

/* Private: work for a thread of the pool. */
struct stopper_job {
	struct stopper_list node;
	const struct stopper_job_ops *ops;
	const struct stopper_site *site;
};

/**
 * typedef stopper_async_fn - the function of a struct stopper_async
 * @ctx: the context that it was started with; NULL: the background
 * @async: the record, inside the caller's object
 *
 * Return: The status for done(). A negative one is an error.
 */
typedef int (*stopper_async_fn)(struct stopper_ctx *ctx, struct stopper_async *async);

/**
 * typedef stopper_async_done_fn - called once for each start
 * @async: the record, which is idle: it may be started again, or freed
 * @status: what the function returned; or, if the function did not return or was not called:
 *	%-EOWNERDEAD if it ended by a panic or with its thread, %-ECANCELED after
 *	stopper_async_cancel(), %-ESHUTDOWN if it was dropped (%STOPPER_DROP_QUEUED) or refused
 *	(%STOPPER_ASYNC_TELL_REFUSED), %-EAGAIN if a pause refused it (likewise)
 *
 * Called on a thread of the pool, in process context, with no lock held. The task is counted until
 * it has returned, so a stop waits for it. If a kernel thread died in the function, it is called
 * from a workqueue. For a refused start it is called by stopper_async_start() itself.
 */
typedef void (*stopper_async_done_fn)(struct stopper_async *async, int status);

/* Flags of struct stopper_async */
#define STOPPER_ASYNC_TELL_REFUSED (1u << 0)	/* done() is called for a refused start too */

/**
 * struct stopper_async - an async task, embedded in the caller's object
 * @fn: its function
 * @done: told of each end, or NULL
 * @flags: 0 or %STOPPER_ASYNC_TELL_REFUSED
 *
 * The caller may change @fn, @done and @flags while the record is idle.
 */
struct stopper_async {
	stopper_async_fn fn;
	stopper_async_done_fn done;
	unsigned int flags;
	/* private: */
	unsigned char state;
	unsigned char at;		/* its slot in ->table */
	unsigned char kind;
	bool pinned : 1;		/* kernel: a reference to the site's module is held */
	bool nested : 1;		/* let in: STOPPER_ADMIT_NESTED */
	struct stopper_job job;
	struct stopper *s;
	struct stopper_ctx *ctx;
	struct span_record *span;
	uint64_t ticket;		/* 0: never queued; its arrival, then its slot's */

	__extension__ union {	/* not in C89 */
		uint64_t since;			/* queued: the time of the start */
		struct slot_table *table;	/* taken: where it is visible */
	};
	struct stopper_async_waiter *waiters;	/* queued: for its end */
};

/**
 * STOPPER_ASYNC_INIT() - static initializer of a struct stopper_async
 * @fn_: its function
 * @done_: told of each end, or NULL
 */
#define STOPPER_ASYNC_INIT(fn_, done_)	{ .fn = (fn_), .done = (done_) }

/**
 * stopper_async_init() - initialize an async task
 * @async: the record; not queued and not running
 * @fn: its function
 * @done: told of each end, or NULL
 *
 * @async may be NULL, which is a no-op.
 *
 * Context: Any context.
 */
STOPPER_API void stopper_async_init(struct stopper_async *async, stopper_async_fn fn,
				    stopper_async_done_fn done);

/**
 * stopper_async_start() - start a function as a task on another thread, without allocating
 * @s: the stopper
 * @ctx: passed to the function, and referenced until done() has returned; NULL: the background
 * @name: name of the task, a string constant
 * @async: the record; it must stay valid, and must not be moved, until it is idle again
 *
 * As stopper_run_async_task(), but it cannot fail for want of memory or of a thread. If no
 * thread can be started, the task waits until a thread is free or can be started.
 *
 * A start of a record that is queued or runs is refused with -EBUSY. Of a queued record, the
 * function has not begun: it will see all that the caller wrote before. Of a running one, it may
 * have read its data already: done(), which is called when the record can be started again, looks
 * once more and starts it again if there is more to do. So no request is lost.
 *
 * With %STOPPER_ASYNC_TELL_REFUSED the call done(@async, error) is made here, in the context of the
 * caller, if the stopper refuses the task; done() must not start it again then.
 *
 * Context: Any context, in the kernel up to softirq. Allocates nothing.
 * Return:
 * * 0 - admitted; done() will be called
 * * -EBUSY - it is queued or runs
 * * -ESHUTDOWN - refused: the stopper quiesces or has stopped
 * * -EAGAIN - refused: the stopper is paused
 * * -EINVAL - @s, @async or its function is NULL, or a flag is unknown
 */
#define stopper_async_start(s, ctx, name, async)				\
	__stopper_async_start(s, ctx, STOPPER_SITE(name), async)
STOPPER_API int __stopper_async_start(struct stopper *s, struct stopper_ctx *ctx,
				      const struct stopper_site *site,
				      struct stopper_async *async);

/**
 * stopper_async_cancel() - keep a queued task from running
 * @async: the record, which the caller keeps from being freed meanwhile
 *
 * A task whose function has not begun will not run: a thread of the pool calls done() with
 * -ECANCELED in its place, and the task is counted until then. Before the memory is freed by
 * anything but done(), stopper_async_wait() must return, whatever this call returned.
 *
 * Context: Any context, in the kernel up to softirq.
 * Return: true if this call cancelled the task; false if it is idle, runs, or was cancelled before.
 */
STOPPER_API bool stopper_async_cancel(struct stopper_async *async);

/**
 * stopper_async_wait() - wait until the latest start is over
 * @async: the record, which the caller keeps from being freed meanwhile
 * @ctx: bounds the wait; NULL: no bound
 *
 * When this has returned 0, done() of the latest start that preceded the call has returned, and
 * nothing accesses @async for it any more. If no other start follows, the memory may be freed.
 * In the kernel it is what flush_work() is to queue_work().
 *
 * Context: Process context. Sleeps.
 * Return:
 * * 0 - it is over, or the record was never started
 * * -ECANCELED, -ETIMEDOUT - @ctx ended first
 * * -EINTR - kernel: a fatal signal, with a context of stopper_ctx_with_kill()
 * * -EDEADLK - called by its own function or done()
 * * -EINVAL - @async is NULL
 */
STOPPER_API int stopper_async_wait(struct stopper_async *async, struct stopper_ctx *ctx);

STOPPER_END_DECLS

#endif /* STOPPER_ASYNC_H */
