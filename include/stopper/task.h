/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * task.h - admitting tasks.
 *
 * Each of these either refuses, and then the function is never called, or
 * accepts, and then it is called exactly once and counted until it has ended.
 * The macros record the line they stand on; see site.h.
 */
#ifndef STOPPER_TASK_H
#define STOPPER_TASK_H

#include <stopper/errors.h>
#include <stopper/sem.h>
#include <stopper/site.h>
#include <stopper/slot.h>

STOPPER_BEGIN_DECLS

struct traced;

/**
 * struct stopper_task - a task that is not a function call
 *
 * Owned by the caller: on its stack, or inside its own request. Valid from
 * stopper_task_begin() until stopper_task_end(); not to be copied or moved in
 * between. All fields are private.
 */
struct stopper_task {
	/* private: */
	struct stopper_slot *slot;	/* the claim: in a table, or @own; NULL: none */
	struct stopper_slot own;
	struct stopper_list node;
	struct traced *traced;		/* on the list only; NULL: nobody listened */
	unsigned int shard;
};

/**
 * stopper_run_task() - run a function as a task, on this thread
 * @s: the stopper
 * @ctx: handed to @fn; NULL: the background
 * @name: what the task is called, a string constant
 * @fn: the task
 * @arg: handed to @fn
 *
 * No lock, no shared cache line and no allocation on the way in or out, except
 * that a thread's (userspace) first task registers the thread. It is inlined in
 * its caller, as stopper_task_begin() and stopper_task_end() are: what is compiled
 * with these headers runs with the library or module of the same version.
 *
 * In userspace an exception may pass through a caller that is compiled with
 * -fexceptions, as C++ always is; in others the task stays counted until its
 * thread ends. pthread_exit() and cancellation are accounted for everywhere.
 *
 * Context: any, in the kernel up to softirq; @fn runs in the same context.
 * Return: 0 when @fn was called, also when it ended by stopper_panic();
 * -ESHUTDOWN when refused; -EINVAL without @s or @fn.
 */
#define stopper_run_task(s, ctx, name, fn, arg)					\
	__stopper_run_task(s, ctx, STOPPER_SITE(name), fn, arg)

/**
 * stopper_run_task_err() - run a function as a task, on this thread, for its result
 * @s: the stopper
 * @ctx: handed to @fn; NULL: the background
 * @name: what the task is called, a string constant
 * @fn: the task
 * @arg: handed to @fn
 *
 * Context: as stopper_run_task().
 * Return: what @fn returned; -EOWNERDEAD when it ended by stopper_panic();
 * -ESHUTDOWN when refused; -EINVAL without @s or @fn.
 */
#define stopper_run_task_err(s, ctx, name, fn, arg)				\
	__stopper_run_task_err(s, ctx, STOPPER_SITE(name), fn, arg)

/**
 * stopper_task_begin() - begin a task that is not a function call
 * @s: the stopper
 * @ctx: the context of the request, borrowed until the end; NULL: the background
 * @name: what the task is called, a string constant
 * @task: the caller's record
 *
 * Context: any, in the kernel up to softirq.
 * Return: 0; -ESHUTDOWN when refused: then @task needs no end; -EINVAL.
 */
#define stopper_task_begin(s, ctx, name, task)					\
	__stopper_task_begin(s, ctx, STOPPER_SITE(name), task)
STOPPER_API int __stopper_task_begin_slowpath(struct stopper *s, struct stopper_ctx *ctx,
					      const struct stopper_site *site,
					      struct stopper_task *task);
STOPPER_API void __stopper_task_end_slowpath(struct stopper_task *task);

STOPPER_INLINE int __stopper_task_begin(struct stopper *s, struct stopper_ctx *ctx,
					const struct stopper_site *site, struct stopper_task *task)
{
	if (__stopper_unlikely(!s || !task))
		return -EINVAL;
	task->slot = __stopper_slot_take(s, site, STOPPER_KIND_HANDLE);
	if (__stopper_unlikely(!task->slot))
		return __stopper_task_begin_slowpath(s, ctx, site, task);
	if (__stopper_likely(__stopper_admits(s)))
		return 0;
	__stopper_slot_leave(&task->slot);
	task->slot = NULL;
	return -ESHUTDOWN;
}

/**
 * stopper_task_end() - end it, on any thread
 * @task: what stopper_task_begin() accepted
 *
 * The stopper may be stopped and freed as soon as this has been called. An end
 * without a begin warns once and does nothing.
 * Context: any, in the kernel up to softirq.
 */
STOPPER_INLINE void stopper_task_end(struct stopper_task *task)
{
	struct stopper_slot *slot = task ? task->slot : NULL;

	if (!STOPPER_INLINES_TASKS || __stopper_unlikely(!slot || slot == &task->own)) {
		__stopper_task_end_slowpath(task);
		return;
	}
	/* Before the slot: once that is clear the record may be gone. */
	task->slot = NULL;
	__stopper_slot_leave(&slot);
}

/**
 * stopper_run_async_task() - run a function as a task, on another thread
 * @s: the stopper
 * @ctx: handed to @fn, kept alive until @fn has returned; NULL: the background
 * @name: what the task is called, a string constant
 * @fn: the task
 * @arg: handed to @fn
 *
 * It starts promptly even when every other task is blocked. While it runs its
 * thread carries the first bytes of its name, whatever earlier tasks called it; a
 * thread of the pool without a task is called "stopper/pool". It is counted from
 * now on.
 *
 * Kernel: it has its thread to itself while it runs, and later tasks are not to meet what
 * it leaves there. Scheduling, CPUs, PF_MEMALLOC_* and PF_NOFREEZE, signals, credentials,
 * preempt count, interrupts and RCU are set back and reported with its name; of a lock
 * that it still holds only the report can tell, where lockdep is.
 *
 * Context: process context, allocates.
 * Return: 0; -ESHUTDOWN when refused; -EINVAL; -ENOMEM, -EAGAIN: no memory or
 * no thread, refused as well.
 */
#define stopper_run_async_task(s, ctx, name, fn, arg)				\
	__stopper_run_async_task(s, ctx, STOPPER_SITE(name), fn, arg)
STOPPER_API int __stopper_run_async_task(struct stopper *s, struct stopper_ctx *ctx,
					 const struct stopper_site *site, stopper_fn fn,
					 void *arg);

/**
 * stopper_run_limited_async_task() - the same, under a semaphore
 * @s: the stopper
 * @ctx: handed to @fn, and bounds the wait; NULL: the background
 * @name: what the task is called, a string constant
 * @sem: a slot of this is held until @fn has returned
 * @wait: wait for a slot, or refuse when none is free
 * @fn: the task
 * @arg: handed to @fn
 *
 * The slot is free again before the task stops being counted.
 *
 * Context: process context, sleeps with @wait.
 * Return: 0; -ESHUTDOWN: the stopper quiesces or the semaphore is closed;
 * -EBUSY: no slot and not @wait; -ECANCELED, -ETIMEDOUT: the context ended
 * first; -EINVAL; -ENOMEM, -EAGAIN.
 */
#define stopper_run_limited_async_task(s, ctx, name, sem, wait, fn, arg)	\
	__stopper_run_limited_async_task(s, ctx, STOPPER_SITE(name), sem, wait, fn, arg)
STOPPER_API int __stopper_run_limited_async_task(struct stopper *s, struct stopper_ctx *ctx,
						 const struct stopper_site *site,
						 struct stopper_sem *sem, bool wait,
						 stopper_fn fn, void *arg);

/**
 * stopper_run_worker() - start a thread that runs until ShouldStop
 * @s: the stopper
 * @ctx: handed to @fn, kept alive until @fn has returned; NULL: the background
 * @name: what the worker and its thread are called, a string constant
 * @fn: the worker: returns soon after stopper_should_stop() has fired
 * @arg: handed to @fn
 *
 * Allowed until STOPPING. In the kernel it is a kthread of its own whose
 * kthread_should_stop() turns true once ShouldStop has fired, and interruptible sleeps
 * end then, as after kthread_stop().
 *
 * Context: process context, allocates.
 * Return: 0; -ESHUTDOWN when refused; -EINVAL; -ENOMEM, -EAGAIN.
 */
#define stopper_run_worker(s, ctx, name, fn, arg)				\
	__stopper_run_worker(s, ctx, STOPPER_SITE(name), fn, arg)
STOPPER_API int __stopper_run_worker(struct stopper *s, struct stopper_ctx *ctx,
				     const struct stopper_site *site, stopper_fn fn, void *arg);

/**
 * struct stopper_task_info - the running tasks of one call site
 * @name: the name, printable, cut at STOPPER_NAME_SHOWN bytes
 * @func: the function that started them, printable
 * @file: its source file, printable, the end of it when long
 * @line: the line
 * @tid: thread of the one that has run longest, 0 when it is not known
 * @count: how many run
 * @oldest_ns: how long that one has run, at least
 */
struct stopper_task_info {
	char name[STOPPER_NAME_SHOWN + 4];
	char func[60];
	char file[64];
	unsigned int line;
	int tid;
	uint64_t count;
	int64_t oldest_ns;
};

/**
 * stopper_num_tasks() - how many tasks run
 * @s: the stopper; NULL: none
 *
 * Looks at every task, so that no task pays for it. Tasks that begin or end
 * meanwhile may or may not be counted.
 * Context: process context, may sleep.
 * Return: the count.
 */
STOPPER_API unsigned long stopper_num_tasks(struct stopper *s);

/**
 * stopper_running_tasks() - which tasks run, by call site
 * @s: the stopper; NULL: none
 * @info: filled in, most tasks first, then by name; may be NULL when @n is 0
 * @n: room in @info
 *
 * Context: process context, may sleep, allocates.
 * Return: how many call sites there are, perhaps more than @n; -ENOMEM; -EINVAL.
 */
STOPPER_API int stopper_running_tasks(struct stopper *s, struct stopper_task_info *info,
				      unsigned int n);

/**
 * stopper_task_map() - the same as text: "%-6d name" a line, biggest first
 * @s: the stopper; NULL: none
 * @buf: the text, terminated when @size is not 0
 * @size: room in @buf
 *
 * Sites that share a name share a line.
 * Context: process context, may sleep, allocates.
 * Return: the length of the whole text, perhaps more than fits; -ENOMEM; -EINVAL.
 */
STOPPER_API int stopper_task_map(struct stopper *s, char *buf, size_t size);

STOPPER_END_DECLS

#endif /* STOPPER_TASK_H */
