/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * panic.h - functions that end without returning.
 */
#ifndef STOPPER_PANIC_H
#define STOPPER_PANIC_H

#include <stopper/site.h>

STOPPER_BEGIN_DECLS

/**
 * enum stopper_panic_kind - the kind of a function that ended without returning
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
	STOPPER_PANIC_SCOPE
};

/**
 * struct stopper_panic_info - the argument of the panic hook; valid during the call
 * @stopper: name of the stopper, printable
 * @kind: the kind of function that ended
 * @site: where it was started; for a closer only the name is set
 * @value: the argument of stopper_panic(); NULL if the thread ended
 * @tid: id of the thread that it ran on
 * @died: true if the thread itself ended (kernel: oops, BUG(), kthread_exit(); userspace:
 *	pthread_exit(), cancellation), false if stopper_panic() was called
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
 * @arg: on_panic_arg of struct stopper_options
 * @info: what happened
 *
 * Called with no lock held, while the task is still counted: on the thread that panicked or, if
 * a kernel thread died, from a workqueue.
 */
typedef void (*stopper_panic_fn)(void *arg, const struct stopper_panic_info *info);

/* Implements stopper_panic(), which is inline so that objtool sees that it does not return. */
STOPPER_API void __stopper_panic(void *value);

/**
 * stopper_panic() - end the innermost task, worker, closer or recover scope of this thread
 * @value: passed to the panic hook
 *
 * The panic hook is called, the semaphore slot of the task is released, the task is no longer
 * counted, and a waiting stop continues. Without a hook the panic is logged as an error and, in
 * userspace, the process aborts. If nothing of a stopper runs on this thread, that is logged,
 * and then the panic proceeds as without a hook.
 *
 * Userspace: the stack is unwound up to the call that started the innermost function. C++
 * destructors run on the way. Cleanup handlers run if their code is compiled with -fexceptions;
 * otherwise to leave a pthread_cleanup_push() this way is undefined, as with longjmp().
 * stopper_run_task() then returns 0, stopper_run_task_err() and stopper_recover() return
 * -EOWNERDEAD.
 *
 * Kernel: stacks cannot be unwound. The thread ends with all functions that run on it; a thread
 * that the stopper did not start ends as by BUG().
 *
 * Context: Process context.
 * Return: Never.
 */
STOPPER_INLINE __attribute__((noreturn)) void stopper_panic(void *value)
{
	__stopper_panic(value);
	stopper_unreachable();
}

/**
 * stopper_recover() - run a function that may panic, on a thread that the stopper did not start
 * @s: the stopper whose panic hook is called
 * @ctx: passed to @fn; NULL: the background
 * @name: name of the scope, a string constant
 * @fn: the function; it is not a task, is not counted, and runs in every phase
 * @arg: passed to @fn
 *
 * Context: Process context; @fn runs on this thread.
 * Return:
 * * 0 - @fn has returned
 * * -EOWNERDEAD - userspace: stopper_panic() ended @fn
 * * -EINVAL - @s or @fn is NULL
 */
#define stopper_recover(s, ctx, name, fn, arg)					\
	__stopper_recover(s, ctx, STOPPER_SITE(name), fn, arg)
STOPPER_API int __stopper_recover(struct stopper *s, struct stopper_ctx *ctx,
				  const struct stopper_site *site, stopper_fn fn, void *arg);

STOPPER_END_DECLS

#endif /* STOPPER_PANIC_H */
