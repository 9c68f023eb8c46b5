/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * task.h - starting and counting tasks.
 *
 * Each start of a task or worker is either refused, and then its function is never called, or
 * admitted, and then the function is called exactly once and is counted until it has ended. The
 * macros record the call site; see site.h.
 */
#ifndef STOPPER_TASK_H
#define STOPPER_TASK_H

#include <stopper/errors.h>
#include <stopper/sem.h>
#include <stopper/site.h>
#include <stopper/slot.h>

STOPPER_BEGIN_DECLS

struct span_record;

/**
 * struct stopper_task - the handle of a task that is not a function call
 *
 * Owned by the caller: on its stack, or embedded in a request. It must stay valid, and must not
 * be copied or moved, from stopper_task_begin() until stopper_task_end(). All fields are private.
 */
struct stopper_task {
	/* private: */
	struct stopper_slot *slot;	/* in a table, or @own; NULL: not begun */
	struct stopper_slot own;
	struct stopper_list node;
	struct span_record *span;		/* of listed tasks; NULL: not traced */
	unsigned int shard;
};

/**
 * stopper_run_task() - run a function as a task on this thread
 * @s: the stopper
 * @ctx: passed to @fn; NULL: the background
 * @name: name of the task, a string constant
 * @fn: the function of the task
 * @arg: passed to @fn
 *
 * The fast path takes no lock, writes no shared cache line and allocates nothing; a refusal is
 * counted in one. In userspace the first task of a thread registers the thread. A task may run
 * other tasks, of any stopper.
 *
 * This function, stopper_task_begin() and stopper_task_end() are inlined into the caller and
 * encode the layout of a slot; see %STOPPER_LAYOUT. A program or module that was compiled for
 * another layout gets an error from stopper_create().
 *
 * Userspace: an exception may pass through a caller that is compiled with -fexceptions, as C++
 * code always is; in other callers the task stays counted until its thread ends. A task that
 * ends by pthread_exit() or cancellation is accounted for in all callers.
 *
 * Context: Any context, in the kernel up to softirq; @fn runs in the same context.
 * Return:
 * * 0 - @fn was called and has ended; in userspace also if it ended by stopper_panic()
 * * -ESHUTDOWN - refused; @fn was not called
 * * -EAGAIN - refused: the stopper is paused; @fn was not called
 * * -EINVAL - @s or @fn is NULL
 */
#define stopper_run_task(s, ctx, name, fn, arg)					\
	__stopper_run_task(s, ctx, STOPPER_SITE(name), fn, arg)

/**
 * stopper_run_task_err() - run a function as a task on this thread and return its result
 * @s: the stopper
 * @ctx: passed to @fn; NULL: the background
 * @name: name of the task, a string constant
 * @fn: the function of the task
 * @arg: passed to @fn
 *
 * As stopper_run_task(). A result of @fn looks like an error of this function if @fn returns
 * such a number.
 *
 * Context: As stopper_run_task().
 * Return:
 * * the result of @fn
 * * -EOWNERDEAD - userspace: @fn ended by stopper_panic()
 * * -ESHUTDOWN - refused; @fn was not called
 * * -EAGAIN - refused: the stopper is paused; @fn was not called
 * * -EINVAL - @s or @fn is NULL
 */
#define stopper_run_task_err(s, ctx, name, fn, arg)				\
	__stopper_run_task_err(s, ctx, STOPPER_SITE(name), fn, arg)

/**
 * stopper_task_begin() - begin a task that is not a function call
 * @s: the stopper
 * @ctx: the context of the request, which must live until stopper_task_end(); NULL: the background
 * @name: name of the task, a string constant
 * @task: the handle, in the caller's memory
 *
 * For work that does not fit into one function call, such as a request of an event-driven
 * server. The task is counted until stopper_task_end(). It is no reference to @s.
 *
 * Context: Any context, in the kernel up to softirq.
 * Return:
 * * 0 - the task has begun
 * * -ESHUTDOWN - refused; @task must not be ended
 * * -EAGAIN - refused: the stopper is paused; @task must not be ended
 * * -EINVAL - @s or @task is NULL
 */
#define stopper_task_begin(s, ctx, name, task)					\
	__stopper_task_begin(s, ctx, STOPPER_SITE(name), task)
STOPPER_API int __stopper_task_begin_slowpath(struct stopper *s, struct stopper_ctx *ctx,
					      const struct stopper_site *site,
					      struct stopper_task *task);
STOPPER_API void __stopper_task_end_slowpath(struct stopper_task *task);

/* The fast path. False: the task has not begun, and has no slot. */
STOPPER_INLINE bool __stopper_task_begin_fast(struct stopper *s, const struct stopper_site *site,
					      struct stopper_task *task)
{
	task->slot = __stopper_slot_take(s, site, STOPPER_KIND_HANDLE);
	if (__stopper_unlikely(!task->slot))
		return false;
	if (__stopper_likely(__stopper_admits(s)))
		return true;
	__stopper_slot_leave(&task->slot);
	task->slot = NULL;
	return false;
}

STOPPER_INLINE int __stopper_task_begin(struct stopper *s, struct stopper_ctx *ctx,
					const struct stopper_site *site, struct stopper_task *task)
{
	if (__stopper_unlikely(!s || !task))
		return -EINVAL;
	if (__stopper_likely(__stopper_task_begin_fast(s, site, task)))
		return 0;
	return __stopper_refuses(s) ? __stopper_task_refused(s, site, STOPPER_KIND_HANDLE) :
				      __stopper_task_begin_slowpath(s, ctx, site, task);
}

/**
 * stopper_task_begin_wait() - begin a task; if the stopper is paused, wait for the resume
 * @s: the stopper
 * @ctx: bounds the wait, and is the context of the request, as for stopper_task_begin(); NULL: the
 *	background
 * @name: name of the task, a string constant
 * @task: the handle, in the caller's memory
 *
 * As stopper_task_begin(), but a pause is waited out. Callers that wait are woken by the last
 * stopper_resume(), in no particular order; one that finds the stopper paused again waits on.
 *
 * Context: Process context. Sleeps while @s is paused.
 * Return:
 * * 0 - the task has begun
 * * -ESHUTDOWN - refused, also during the wait: the stopper quiesces or has stopped
 * * -ECANCELED, -ETIMEDOUT - refused: @ctx ended during the wait; without a wait it is ignored
 * * -EINTR - kernel: refused: a fatal signal, with a context of stopper_ctx_with_kill()
 * * -EDEADLK - refused: @s is paused, and the caller is in a task of @s or of a child
 * * -EINVAL - @s or @task is NULL
 * * -ENOTSUP - userspace: in a child of fork() whose parent had used the library
 */
#define stopper_task_begin_wait(s, ctx, name, task)				\
	__stopper_task_begin_wait(s, ctx, STOPPER_SITE(name), task)
STOPPER_API int __stopper_task_begin_wait(struct stopper *s, struct stopper_ctx *ctx,
					  const struct stopper_site *site,
					  struct stopper_task *task);

/**
 * stopper_task_end() - end a task of stopper_task_begin()
 * @task: the handle of a task that has begun, on this or another thread
 *
 * The stopper may be stopped and freed as soon as the task has ended, even before this call
 * returns. The caller needs no reference to it. After the call @task may be freed or begun again.
 * An unbalanced end warns once and is ignored.
 *
 * Context: Any context, in the kernel up to softirq.
 */
STOPPER_INLINE void stopper_task_end(struct stopper_task *task)
{
	struct stopper_slot *slot = task ? task->slot : NULL;

	if (!STOPPER_INLINES_TASKS || __stopper_unlikely(!slot || slot == &task->own)) {
		__stopper_task_end_slowpath(task);
		return;
	}
	/* First: once the slot is free, another thread may have freed the stopper and @task. */
	task->slot = NULL;
	__stopper_slot_leave(&slot);
}

/**
 * stopper_run_async_task() - run a function as a task on another thread
 * @s: the stopper
 * @ctx: passed to @fn, and referenced until @fn has returned; NULL: the background
 * @name: name of the task, a string constant
 * @fn: the function of the task
 * @arg: passed to @fn
 *
 * The task is counted from this call on. It starts promptly even if all other tasks are blocked,
 * so tasks may wait for one another. It never runs on the calling thread. The thread has the
 * first bytes of @name as its name while it runs the task; an idle thread of the pool is called
 * "stopper/pool".
 *
 * Kernel: tasks should leave their thread as they found it. Scheduling policy, nice, CPUs,
 * PF_MEMALLOC_* and PF_NOFREEZE, signals, credentials, preempt count, interrupts and RCU
 * read-side sections are restored after the task, and the leak is logged with its name. A lock
 * that is still held is only logged, and only with lockdep.
 *
 * The tasks of one thread are taken in their order, where many wait several at once, and may run
 * side by side. Threads take turns: none waits until all that another one has queued has begun.
 *
 * Not promised: the order of tasks of several threads, or of those that softirqs start, or that
 * two tasks share a thread.
 *
 * Context: Process context. Allocates memory.
 * Return:
 * * 0 - admitted; @fn will be called
 * * -ESHUTDOWN - refused: the stopper quiesces or has stopped
 * * -EINVAL - @s or @fn is NULL
 * * -ENOMEM - refused: out of memory
 * * -EAGAIN - refused: the stopper is paused, or no thread could be started to run the task
 */
#define stopper_run_async_task(s, ctx, name, fn, arg)				\
	__stopper_run_async_task(s, ctx, STOPPER_SITE(name), fn, arg)
STOPPER_API int __stopper_run_async_task(struct stopper *s, struct stopper_ctx *ctx,
					 const struct stopper_site *site, stopper_fn fn,
					 void *arg);

/**
 * stopper_run_async_task_err() - run a function that returns a result as a task on another thread
 * @s: the stopper
 * @ctx: passed to @fn, and referenced until @fn has returned; NULL: the background
 * @name: name of the task, a string constant
 * @fn: the function of the task
 * @arg: passed to @fn
 *
 * As stopper_run_async_task(). If the result of @fn is negative, it is an error of the stopper:
 * see stopper_result() and %STOPPER_STOP_ON_ERROR.
 *
 * Context: Process context. Allocates memory.
 * Return: As stopper_run_async_task().
 */
#define stopper_run_async_task_err(s, ctx, name, fn, arg)			\
	__stopper_run_async_task_err(s, ctx, STOPPER_SITE(name), fn, arg)
STOPPER_API int __stopper_run_async_task_err(struct stopper *s, struct stopper_ctx *ctx,
					     const struct stopper_site *site, stopper_err_fn fn,
					     void *arg);

/**
 * stopper_run_limited_async_task() - run an async task that holds a slot of a semaphore
 * @s: the stopper
 * @ctx: bounds the wait, is passed to @fn, and is referenced until @fn has returned; NULL: the
 *	background
 * @name: name of the task, a string constant
 * @sem: the semaphore
 * @wait: true: wait for a slot; false: refuse the task if no slot is free
 * @fn: the function of the task
 * @arg: passed to @fn
 *
 * As stopper_run_async_task(), after a slot of @sem has been acquired. The slot is released when
 * @fn has returned, before the task stops being counted. Callers that wait get slots in the
 * order of arrival. ShouldQuiesce ends the wait. A pause does not: a caller that gets its slot
 * while the stopper is paused gets -EAGAIN, and the slot goes to the next one.
 *
 * Context: Process context. Allocates memory. Sleeps if @wait is true.
 * Return:
 * * 0 - admitted; @fn will be called
 * * -ESHUTDOWN - refused: the stopper quiesces or has stopped, or @sem is closed
 * * -EBUSY - refused: no slot is free, and @wait is false
 * * -ECANCELED, -ETIMEDOUT - refused: @ctx ended first
 * * -EINTR - kernel: refused: a fatal signal, with a context of stopper_ctx_with_kill()
 * * -EINVAL - @s, @sem or @fn is NULL
 * * -ENOMEM, -EAGAIN - as stopper_run_async_task()
 */
#define stopper_run_limited_async_task(s, ctx, name, sem, wait, fn, arg)	\
	__stopper_run_limited_async_task(s, ctx, STOPPER_SITE(name), sem, wait, fn, arg)
STOPPER_API int __stopper_run_limited_async_task(struct stopper *s, struct stopper_ctx *ctx,
						 const struct stopper_site *site,
						 struct stopper_sem *sem, bool wait,
						 stopper_fn fn, void *arg);

/**
 * stopper_run_worker() - start a worker: a thread that runs until ShouldStop
 * @s: the stopper
 * @ctx: passed to @fn, and referenced until @fn has returned; NULL: the background
 * @name: name of the worker and of its thread, a string constant
 * @fn: the function of the worker; it must return soon after stopper_should_stop() has fired
 * @arg: passed to @fn
 *
 * Workers are admitted before STOPPING, also while the stopper quiesces. A stop waits for them
 * when no task is left.
 *
 * Kernel: the worker is a kthread. When ShouldStop has fired, kthread_should_stop() is true and
 * interruptible sleeps of the kthread end, as after kthread_stop().
 *
 * Context: Process context. Allocates memory.
 * Return:
 * * 0 - admitted; @fn will be called
 * * -ESHUTDOWN - refused: the phase is STOPPING or later
 * * -EINVAL - @s or @fn is NULL
 * * -ENOMEM - refused: out of memory
 * * -EAGAIN - refused: the thread cannot be started
 */
#define stopper_run_worker(s, ctx, name, fn, arg)				\
	__stopper_run_worker(s, ctx, STOPPER_SITE(name), fn, arg)
STOPPER_API int __stopper_run_worker(struct stopper *s, struct stopper_ctx *ctx,
				     const struct stopper_site *site, stopper_fn fn, void *arg);

/* Labels are shown up to this many bytes; a longer one is cut and ends in "...". */
#define STOPPER_LABEL_SHOWN	47

/**
 * stopper_task_label() - say which one of many tasks a task is
 * @task: a task of stopper_task_begin() that has not ended. NULL: the innermost synchronous or
 *	async task that the calling thread runs
 * @fmt: format of the label, as for printf(): a peer, a URL, a block number. Unprintable bytes are
 *	shown escaped, and at most %STOPPER_LABEL_SHOWN bytes are shown
 *
 * The name of a task is that of its call site, which thousands of tasks may share. The label is
 * that of one of them. It is shown in the debug list and in reports for the oldest task of each
 * thread that is shown, and in struct stopper_task_info for the oldest of a site. A further call
 * replaces it. It ends with the task. A task that has none pays nothing for it.
 *
 * One call at a time for a task, and not while another thread ends it.
 *
 * Context: Any context, in the kernel up to softirq, where @task must not be NULL. Allocates
 * memory, without sleeping, for the first label of a slot, of which each thread has 64 (kernel:
 * each CPU).
 * Return:
 * * 0 - the task has this label
 * * -EINVAL - @fmt is NULL, or @task has not begun
 * * -ESRCH - @task is NULL, and this thread runs no task, or only tasks that are on a list: too
 *   many inside one another, or synchronous ones in a program with TSan and a library without.
 *   Such a task is passed over for the one around it
 * * -ENOMEM - out of memory; the task has no label, or the one that it had
 * * -ENOTSUP - userspace: in a child of fork() whose parent had used the library
 */
STOPPER_API int stopper_task_label(struct stopper_task *task, const char *fmt, ...)
	STOPPER_PRINTF(2, 3);

/**
 * stopper_run_worker_err() - start a worker whose function returns a result
 * @s: the stopper
 * @ctx: passed to @fn, and referenced until @fn has returned; NULL: the background
 * @name: name of the worker and of its thread, a string constant
 * @fn: the function of the worker; it must return soon after stopper_should_stop() has fired
 * @arg: passed to @fn
 *
 * As stopper_run_worker(). If the result of @fn is negative, it is an error of the stopper: see
 * stopper_result() and %STOPPER_STOP_ON_ERROR.
 *
 * Context: Process context. Allocates memory.
 * Return: As stopper_run_worker().
 */
#define stopper_run_worker_err(s, ctx, name, fn, arg)				\
	__stopper_run_worker_err(s, ctx, STOPPER_SITE(name), fn, arg)
STOPPER_API int __stopper_run_worker_err(struct stopper *s, struct stopper_ctx *ctx,
					 const struct stopper_site *site, stopper_err_fn fn,
					 void *arg);

/**
 * struct stopper_task_info - the running tasks of one call site
 * @name: name of the tasks, printable, cut at %STOPPER_NAME_SHOWN bytes
 * @func: function of the call site, printable
 * @file: source file of the call site, printable; of a long path the end
 * @line: line of the call site
 * @tid: thread id of the oldest task; 0 if unknown
 * @count: number of running tasks
 * @oldest_ns: nanoseconds that the oldest task has run, at least
 * @label: label of the oldest task, printable; "": it has none
 */
struct stopper_task_info {
	char name[STOPPER_NAME_SHOWN + 4];
	char func[60];
	char file[64];
	unsigned int line;
	int tid;
	uint64_t count;
	int64_t oldest_ns;
	char label[STOPPER_LABEL_SHOWN + 1];
};

/**
 * stopper_num_tasks() - count the running tasks
 * @s: the stopper, or NULL
 *
 * Scans all tasks, so that tasks do not have to maintain a shared count. Tasks that begin or end
 * during the call may or may not be counted, and one that is being refused may be, for a moment.
 *
 * Userspace: the call also waits for readers of the debug list that may read call sites in a
 * plugin; see struct stopper_site.
 *
 * Context: Process context. May sleep.
 * Return: The number of tasks; 0 if @s is NULL.
 */
STOPPER_API unsigned long stopper_num_tasks(struct stopper *s);

/**
 * stopper_running_tasks() - get the running tasks by call site
 * @s: the stopper, or NULL
 * @info: filled in, sites with most tasks first, then by name; may be NULL if @n is 0
 * @n: number of elements of @info
 *
 * Context: Process context. May sleep. Allocates memory.
 * Return: The number of call sites with running tasks, which may exceed @n; -ENOMEM; or -EINVAL
 * if @info is NULL and @n is not 0.
 */
STOPPER_API int stopper_running_tasks(struct stopper *s, struct stopper_task_info *info,
				      unsigned int n);

/**
 * stopper_task_map() - get the running tasks as text
 * @s: the stopper, or NULL
 * @buf: set to the text, NUL-terminated if @size is not 0
 * @size: size of @buf in bytes
 *
 * One line for each name, in the format "%-6d name", largest count first. Sites that share a name
 * share a line.
 *
 * Context: Process context. May sleep. Allocates memory.
 * Return: The length of the whole text without the NUL, which may exceed @size, as for
 * snprintf(); -ENOMEM; or -EINVAL if @buf is NULL and @size is not 0.
 */
STOPPER_API int stopper_task_map(struct stopper *s, char *buf, size_t size);

STOPPER_END_DECLS

#endif /* STOPPER_TASK_H */
