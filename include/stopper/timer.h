/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * timer.h - timers: tasks that begin after a delay, once or periodically.
 *
 * A timer that becomes due starts an async task. Before that it is no task and holds up no stop:
 * a stop drops pending timers, and waits for functions that run. A pending timer costs its
 * record and no other resource.
 */
#ifndef STOPPER_TIMER_H
#define STOPPER_TIMER_H

#include <stopper/async.h>

STOPPER_BEGIN_DECLS

/**
 * struct stopper_timer - a timer, embedded in the caller's object
 * @missed: periods that were skipped because a run took too long, since the timer was started.
 *	Does not change while the function runs, which may read it
 *
 * Initialized by stopper_timer_init(). The record must not be freed, moved or initialized again
 * while the timer is pending or its function is queued or running: until a cancel has returned 0
 * or 1, or a quiesce or stop of the stopper has returned 0. So the function must not free it.
 */
struct stopper_timer {
	uint64_t missed;
	/* private: */
	struct stopper *s;
	stopper_fn fn;
	void *arg;
	struct stopper_ctx *ctx;	/* of the next run */
	struct stopper_ctx *run_ctx;	/* of this one */
	struct module *fn_module;	/* of the function, with a reference; or NULL */
	struct span_record *span;
	struct stopper_due due;
	int64_t base;			/* when it is due, without jitter */
	int64_t period;			/* 0: once */
	int64_t jitter;
	struct stopper_async task;
	int tid;			/* the thread that runs the function, or 0 */
	unsigned int cancels;		/* callers of cancel_sync that wait */
	unsigned char state;
	bool again;			/* started while not idle */
};

/**
 * stopper_timer_init() - initialize a timer
 * @t: the record
 * @s: the stopper of its tasks
 * @name: name of the tasks, a string constant
 * @fn: the function of the tasks
 * @arg: passed to @fn
 *
 * The timer is no reference to @s: the caller of a function on the timer must have one. If @s or
 * @fn is NULL, functions on the timer return -EINVAL.
 *
 * Context: Any context.
 */
#define stopper_timer_init(t, s, name, fn, arg)					\
	__stopper_timer_init(t, s, STOPPER_SITE(name), fn, arg)
STOPPER_API void __stopper_timer_init(struct stopper_timer *t, struct stopper *s,
				      const struct stopper_site *site, stopper_fn fn, void *arg);

/**
 * stopper_run_after() - run the function of a timer as an async task after a delay
 * @t: the timer, idle, or running and not started again since
 * @ctx: passed to the function, and referenced until it has returned or the timer is cancelled or
 *	dropped; NULL: the background
 * @delay_ns: the delay, in nanoseconds
 *
 * When the delay has passed, the function begins as that of stopper_run_async_task() does, or
 * the stopper quiesces by then and drops the timer: its function is not called. It runs at the
 * earliest after the delay; how much later depends on the system.
 *
 * The function of the timer may call this to run again. Its delay counts from the call. If
 * the function still runs when the delay is over, it is called again when it has returned, so
 * its runs never overlap.
 *
 * Context: Any context, in the kernel up to softirq. Allocates nothing.
 * Return:
 * * 0 - started
 * * -ESHUTDOWN - the stopper quiesces or has stopped
 * * -EALREADY - the timer is pending; nothing has changed
 * * -ECANCELED - a stopper_timer_cancel_sync() of the timer is under way
 * * -EINVAL - @t is NULL or not initialized, or @delay_ns is negative
 * * -ENOTSUP - userspace: in a child of fork() whose parent had used the library
 */
STOPPER_API int stopper_run_after(struct stopper_timer *t, struct stopper_ctx *ctx,
				  int64_t delay_ns);

/**
 * stopper_run_every() - run the function of a timer as an async task periodically
 * @t: the timer, idle, or running and not started again since
 * @ctx: passed to the function, and referenced until the timer is cancelled or dropped and no
 *	run is left; NULL: the background
 * @delay_ns: nanoseconds until the first run is due
 * @period_ns: nanoseconds from one run that is due to the next; 0: run once
 * @jitter_ns: each run, the first included, is due up to this much later, at random; at most
 *	@period_ns, unless that is 0
 *
 * The rate is fixed: runs are due at multiples of the period after the delay, whenever the runs
 * before them began. Runs never overlap. Those that would have been due before the last one
 * ended are skipped, and counted in @t->missed.
 *
 * The period ends with stopper_timer_cancel(), also from the function, with a new start while
 * the function runs, and with a quiesce. It does not end when a run ends by stopper_panic() or
 * with its thread.
 *
 * Context: Any context, in the kernel up to softirq. Allocates nothing.
 * Return: As stopper_run_after(); -EINVAL also for other negative times or a long jitter.
 */
STOPPER_API int stopper_run_every(struct stopper_timer *t, struct stopper_ctx *ctx,
				  int64_t delay_ns, int64_t period_ns, int64_t jitter_ns);

/**
 * stopper_timer_cancel() - cancel a timer without waiting
 * @t: the timer
 *
 * Ends the period, and a start during the run. A run that has begun, or waits for a thread, is
 * not cancelled.
 *
 * Context: Any context, in the kernel up to softirq.
 * Return:
 * * 1 - the timer was pending: its function is not called
 * * 0 - it was neither pending nor running
 * * -EINPROGRESS - its function runs or is about to; it will not be called again after that
 * * -EINVAL - @t is NULL or not initialized
 * * -ENOTSUP - userspace: in a child of fork() whose parent had used the library
 */
STOPPER_API int stopper_timer_cancel(struct stopper_timer *t);

/**
 * stopper_timer_cancel_sync() - cancel a timer and wait until its function has returned
 * @t: the timer
 *
 * Starts of the timer by other threads and by its function are refused while this waits. After it
 * has returned 0 or 1, the record may be freed or started again.
 *
 * Context: Process context. Sleeps.
 * Return:
 * * 1 - the timer was pending: its function is not called
 * * 0 - it was idle, or its function has returned now
 * * -EDEADLK - called by the function itself; nothing has changed
 * * -EINVAL - @t is NULL or not initialized
 * * -ENOTSUP - userspace: in a child of fork() whose parent had used the library
 */
STOPPER_API int stopper_timer_cancel_sync(struct stopper_timer *t);

STOPPER_END_DECLS

#endif /* STOPPER_TIMER_H */
