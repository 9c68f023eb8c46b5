/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * panic.h - tasks that end without returning.
 */
#ifndef STOPPER_PANIC_H
#define STOPPER_PANIC_H

#include <stopper/site.h>

STOPPER_BEGIN_DECLS

/**
 * enum stopper_panic_kind - what ended without returning
 * @STOPPER_PANIC_TASK: a synchronous task
 * @STOPPER_PANIC_ASYNC: an async task
 * @STOPPER_PANIC_WORKER: a worker
 * @STOPPER_PANIC_CLOSER: a closer
 * @STOPPER_PANIC_SCOPE: a function under stopper_recover()
 */
enum stopper_panic_kind {
	STOPPER_PANIC_TASK,
	STOPPER_PANIC_ASYNC,
	STOPPER_PANIC_WORKER,
	STOPPER_PANIC_CLOSER,
	STOPPER_PANIC_SCOPE,
};

/**
 * struct stopper_panic_info - what the panic hook is told; valid during the call
 * @stopper: the name of the stopper, printable
 * @kind: what ended
 * @site: where it was started; for a closer only the name is set
 * @value: what was given to stopper_panic(); NULL when the thread ended under it
 * @tid: the thread it ran on
 * @died: the thread itself ended (kernel: oops, BUG, kthread_exit; userspace:
 *	pthread_exit, cancellation), stopper_panic() was not called
 */
struct stopper_panic_info {
	const char *stopper;
	enum stopper_panic_kind kind;
	const struct stopper_site *site;
	void *value;
	int tid;
	bool died;
};

/**
 * typedef stopper_panic_fn - the panic hook
 * @arg: from the options
 * @info: what happened
 *
 * Called with no lock held, before the task stops being counted: on the
 * thread that panicked, or, when a thread of the kernel died, from a workqueue.
 */
typedef void (*stopper_panic_fn)(void *arg, const struct stopper_panic_info *info);

/* What stopper_panic() is made of: objtool wants to see that it does not return. */
STOPPER_API void __stopper_panic(void *value);

/**
 * stopper_panic() - end the running task here and now
 * @value: handed to the panic hook
 *
 * Ends the innermost task, worker, closer or recover scope on this thread:
 * the hook is called, the semaphore slot returned, the task no longer counted,
 * and a waiting Stop goes on. With no hook it is reported loudly and, in
 * userspace, the process aborts.
 *
 * Userspace: the stack is unwound to whoever started the innermost; C++
 * destructors on the way run, and cleanup handlers where the code that has them
 * is compiled with -fexceptions (without, leaving a pthread_cleanup_push() this
 * way is as undefined as by longjmp()). stopper_run_task() then returns 0,
 * stopper_run_task_err() and stopper_recover() return -EOWNERDEAD.
 * Kernel: nothing can be unwound: the thread ends with all that it ran, as
 * BUG() would end a thread that the stopper did not start.
 * With nothing running on this thread: reported, then as with no hook.
 *
 * Context: process context. Never returns.
 */
static inline __attribute__((noreturn)) void stopper_panic(void *value)
{
	__stopper_panic(value);
	stopper_unreachable();
}

/**
 * stopper_recover() - a recover scope, for threads that the stopper did not start
 * @s: whose hook is told
 * @ctx: handed to @fn; NULL: the background
 * @name: what the scope is called, a string constant
 * @fn: runs in the scope; it is no task and is not counted
 * @arg: handed to @fn
 *
 * Context: process context.
 * Return: 0; -EOWNERDEAD when stopper_panic() ended @fn; -EINVAL.
 */
#define stopper_recover(s, ctx, name, fn, arg)					\
	__stopper_recover(s, ctx, STOPPER_SITE(name), fn, arg)
STOPPER_API int __stopper_recover(struct stopper *s, struct stopper_ctx *ctx,
				  const struct stopper_site *site, stopper_fn fn, void *arg);

STOPPER_END_DECLS

#endif /* STOPPER_PANIC_H */
