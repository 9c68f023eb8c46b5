/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * stopper.h - ordered shutdown of a program or a subsystem.
 *
 * A stopper admits tasks until it is asked to stop. Then it refuses new tasks, waits for the
 * running ones, asks the workers to stop, waits for them, and runs the closers. It passes these
 * phases in order and never goes back:
 *
 *   RUNNING    admits tasks, workers and closers; tasks not while it is paused
 *   QUIESCING  refuses tasks; fires ShouldQuiesce; waits until no task is left
 *   STOPPING   refuses workers; fires ShouldStop; waits until no worker is left
 *   CLOSING    runs the closers
 *   STOPPED    fires IsStopped
 *
 * The model is the Go type stop.Stopper of CockroachDB:
 *
 *   NewStopper, Option          stopper_create(), struct stopper_options
 *   ErrUnavailable, ErrThrottled  STOPPER_EUNAVAILABLE, STOPPER_ETHROTTLED
 *   RunTask, RunTaskWithErr     stopper_run_task(), stopper_run_task_err()
 *   RunAsyncTask                stopper_run_async_task()
 *   RunLimitedAsyncTask         stopper_run_limited_async_task()
 *   RunWorker                   stopper_run_worker()
 *   Handle                      stopper_task_begin(), stopper_task_end()
 *   AddCloser, CloserFn         stopper_add_closer(), stopper_add_closer_fn()
 *   ShouldQuiesce, ShouldStop   stopper_should_quiesce(), stopper_should_stop()
 *   IsStopped                   stopper_is_stopped()
 *   Quiesce, Stop               stopper_quiesce(), stopper_stop()
 *   NumTasks                    stopper_num_tasks()
 *   RunningTasks, TaskMap       stopper_running_tasks(), stopper_task_map()
 *   Recover                     stopper_recover()
 *   WithCancelOnQuiesce, -Stop  stopper_ctx_with_cancel_on_quiesce(), -_on_stop()
 *   context.Context             struct stopper_ctx
 *   channel semaphore           struct stopper_sem
 *   HandleDebug                 /sys/kernel/debug/stopper; stopper_debug_print(),
 *                               stopper_http_handler()
 *
 * All functions may be called concurrently on the same objects. The few exceptions, and which
 * references must be held across a call, are in stopper(7), "Exclusion rules". The contexts that
 * the comments name ("any context", "up to softirq", "process context") are defined there in
 * "Calling contexts"; none of them includes an NMI or a signal handler.
 */
#ifndef STOPPER_STOPPER_H
#define STOPPER_STOPPER_H

#include <stopper/async.h>
#include <stopper/closer.h>
#include <stopper/ctx.h>
#include <stopper/errors.h>
#include <stopper/event.h>
#include <stopper/panic.h>
#include <stopper/sem.h>
#include <stopper/site.h>
#include <stopper/task.h>
#include <stopper/timer.h>

STOPPER_BEGIN_DECLS

/**
 * enum stopper_phase - the phase of a stopper
 * @STOPPER_RUNNING: admits tasks (except during a stopper_pause()), workers and closers
 * @STOPPER_QUIESCING: refuses tasks and waits for the running ones
 * @STOPPER_STOPPING: refuses workers and waits for the running ones
 * @STOPPER_CLOSING: runs the closers
 * @STOPPER_STOPPED: nothing of the stopper runs
 */
enum stopper_phase {
	STOPPER_RUNNING,
	STOPPER_QUIESCING,
	STOPPER_STOPPING,
	STOPPER_CLOSING,
	STOPPER_STOPPED
};

/* Flags of struct stopper_options */
#define STOPPER_CLOSERS_LIFO	(1u << 0)	/* run closers in reverse order */
#define STOPPER_QUIET		(1u << 1)	/* no stall reports */
#define STOPPER_NO_FREEZE	(1u << 2)	/* kernel: do not freeze a stop */
#define STOPPER_STOP_ON_ERROR	(1u << 3)	/* the first error of a function asks for a stop */
#define STOPPER_DROP_QUEUED	(1u << 4)	/* do not begin queued tasks that can be told */
#define STOPPER_CTX_ENDS_AT_QUIESCE (1u << 5)	/* so do the contexts that tasks get */
#define STOPPER_ADMIT_NESTED	(1u << 6)	/* a task may start tasks while it is waited for */
#define STOPPER_CONTROL		(1u << 7)	/* kernel: userspace may stop it */
#define STOPPER_FLAGS_ALL	(STOPPER_CLOSERS_LIFO | STOPPER_QUIET | STOPPER_NO_FREEZE | \
				 STOPPER_STOP_ON_ERROR | STOPPER_DROP_QUEUED | \
				 STOPPER_CTX_ENDS_AT_QUIESCE | STOPPER_ADMIT_NESTED | \
				 STOPPER_CONTROL)

/* Maximum depth of a tree of stoppers, root and leaf included */
#define STOPPER_DEPTH		8

/* Levels of log lines, with the kernel's numbers */
#define STOPPER_LOG_ERR		3
#define STOPPER_LOG_WARNING	4
#define STOPPER_LOG_INFO	6

/**
 * typedef stopper_log_fn - the log sink
 * @arg: log_arg of struct stopper_options
 * @level: one of STOPPER_LOG_*
 * @line: one line, printable, without a newline; valid during the call
 */
typedef void (*stopper_log_fn)(void *arg, int level, const char *line);

/**
 * struct stopper_options - creation options; a zero field selects the default
 * @size: sizeof(struct stopper_options), which tells the version of the struct. A smaller one, of
 *	older headers, selects the default for the fields that it lacks
 * @flags: a combination of STOPPER_CLOSERS_LIFO, STOPPER_QUIET (no stall reports),
 *	STOPPER_NO_FREEZE (kernel; see stopper_stop()), STOPPER_CONTROL (kernel: root may stop it
 *	through /sys/kernel/stopper/; see stopper.ko(4)), STOPPER_STOP_ON_ERROR (the first error
 *	that stopper_result() would return asks for a stop) and STOPPER_DROP_QUEUED: from QUIESCING
 *	on no function of a struct stopper_async that has a done() begins; done() gets
 *	%-ESHUTDOWN in its place. %STOPPER_CTX_ENDS_AT_QUIESCE: tasks on other threads and timers
 *	get a context that ends at quiesce; see below. %STOPPER_ADMIT_NESTED: tasks that running
 *	tasks start are admitted while a quiesce or pause waits; see below. Unknown flags are
 *	refused
 * @reserved: must be 0
 * @on_panic: the panic hook. NULL: log the panic and, in userspace, abort
 * @on_panic_arg: passed to @on_panic
 * @log: the log sink. NULL: the kernel log, or standard error, where lines that cannot be
 *	written at once are dropped and counted. It is called by the stopping thread, so it must
 *	not block
 * @log_arg: passed to @log
 * @stall_ns: nanoseconds that a stop waits before its first report; 0: one second. For a child
 *	that holds up its parent's stop, this is its deadline in it, likewise reported. Later
 *	reports follow after 3, 10 and 30 times this, then every 60 times this
 * @stall_max_ns: maximum nanoseconds between two reports; 0: 60 times @stall_ns
 * @parent: a stopper that quiesces and stops this one as part of its own stop. Its memory is
 *	pinned until this one has stopped. A tree is at most %STOPPER_DEPTH deep
 * @owner: kernel: the module that must stop the stopper before it is unloaded. NULL: the
 *	module that calls stopper_create(). Userspace: must be NULL
 * @stack_size: userspace: minimum stack, in bytes, of the threads of workers and async tasks,
 *	at least PTHREAD_STACK_MIN; 0: the default of libc, which is the lower limit in any case.
 *	Threads are shared, so threads that are started later for other stoppers have this stack
 *	too. Kernel: must be 0
 *
 * Contexts with %STOPPER_CTX_ENDS_AT_QUIESCE. A task that is started on another thread with %NULL
 * gets a context that ends when the stopper quiesces, in place of the background. It is the same
 * for all, costs nothing, and cannot be cancelled by a task. A task that is started with a context
 * gets one that is derived from it and also ends at quiesce; the start allocates it, and returns
 * -ENOMEM if there is no memory. To opt out, start the task with a context of
 * stopper_ctx_with_cancel_on_stop() or stopper_ctx_with_cancel_on_quiesce() of this stopper, or one
 * derived from it: such a context is passed as it is. Synchronous tasks and workers always get the
 * context that they were started with: a synchronous task is a part of its caller, and a worker
 * works until ShouldStop. stopper_task_begin() passes its context to no function.
 *
 * Nested tasks with %STOPPER_ADMIT_NESTED. While a quiesce or a pause of the stopper waits for its
 * tasks, a thread that runs a task of this very stopper, synchronous or async, may still start
 * others: a synchronous task always, an async task and stopper_task_begin() only if the thread does
 * not run an async task that was itself let in so. So a chain of tasks ends, and the wait ends when
 * the functions of the tasks do. All others are refused: a thread that runs none, the holder of a
 * task of stopper_task_begin(), which belongs to no thread, a softirq, a task of a parent or child.
 * A timer cannot be started. %STOPPER_DROP_QUEUED does not drop a task that was let in.
 */
struct stopper_options {
	size_t size;
	unsigned int flags;
	unsigned int reserved;
	stopper_panic_fn on_panic;
	void *on_panic_arg;
	stopper_log_fn log;
	void *log_arg;
	int64_t stall_ns;
	int64_t stall_max_ns;
	struct stopper *parent;
	struct module *owner;
	size_t stack_size;
};

/**
 * stopper_create() - create a stopper
 * @out: set to the stopper, in phase RUNNING, with one reference for the caller; unchanged on
 *	error
 * @name: copied; any bytes. Unprintable bytes are shown escaped, and at most
 *	%STOPPER_NAME_SHOWN bytes are shown
 * @opts: options; NULL: all defaults
 *
 * The stopper must be stopped before its last reference is put, and in the kernel before its
 * owner is unloaded. In userspace the first stopper of a process starts the two threads that
 * any stop may need, so it is created after daemon() and unshare().
 *
 * Context: Process context. Allocates memory.
 * Return:
 * * 0 - @out is set
 * * -EINVAL - @out or @name is NULL, a flag is unknown, the size is wrong, a period is negative,
 *   a field that must be 0 is not, or the tree would be too deep
 * * -ENOEXEC - the caller was compiled for another %STOPPER_LAYOUT; the log says for which
 * * -ESHUTDOWN - the parent quiesces or has stopped
 * * -ENOMEM - out of memory
 * * -EAGAIN - userspace, first stopper only: a thread cannot be started
 * * -ENOTSUP - userspace: in a child of fork() whose parent had used the library
 */
#define stopper_create(out, name, opts)						\
	__stopper_create(out, name, opts, STOPPER_SITE("stopper"))
STOPPER_API int __stopper_create(struct stopper **out, const char *name,
				 const struct stopper_options *opts,
				 const struct stopper_site *site);

/**
 * stopper_get() - take a reference
 * @s: a stopper that the caller has a reference to, or NULL
 *
 * Context: Any context.
 * Return: @s.
 */
STOPPER_API struct stopper *stopper_get(struct stopper *s);

/**
 * stopper_put() - drop a reference
 * @s: a stopper. NULL is a no-op
 *
 * The last put frees the stopper with its events and their descriptors. The memory may be freed a
 * moment later by another thread, for example by one that has just woken the stop and has not
 * yet left it.
 *
 * If the last put comes before the stop, and stopper_stop_async() was not called, the stopper is
 * leaked: an error is logged, with the site that created it and its running tasks, and the
 * memory is never freed. Nothing is freed under a running task.
 *
 * Context: Process context.
 */
STOPPER_API void stopper_put(struct stopper *s);

/**
 * stopper_name() - get the name of a stopper
 * @s: a stopper, or NULL
 *
 * Context: Any context.
 * Return: The name as it is shown: escaped and cut. It lives as long as @s.
 */
STOPPER_API const char *stopper_name(const struct stopper *s);

/**
 * stopper_phase() - get the phase of a stopper
 * @s: a stopper, or NULL
 *
 * Context: Any context.
 * Return: A snapshot of the phase, which may be out of date when the call returns; it never goes
 * back. %STOPPER_RUNNING if @s is NULL.
 */
STOPPER_API enum stopper_phase stopper_phase(const struct stopper *s);

/**
 * stopper_phase_name() - get the name of a phase
 * @phase: a phase
 *
 * Context: Any context.
 * Return: "running", "quiescing", "stopping", "closing" or "stopped".
 */
STOPPER_API const char *stopper_phase_name(enum stopper_phase phase);

/**
 * stopper_quiesce() - refuse new tasks and wait until no task runs
 * @s: the stopper
 * @ctx: bounds the wait; NULL: no bound
 *
 * The quiesce always begins, even if @ctx has ended before the call: the phase changes, on-quiesce
 * contexts end, ShouldQuiesce fires, and children do the same. @ctx bounds only the wait. After
 * a return of 0 no task function is running, and none will run.
 *
 * A call from inside a task is refused, but tasks of stopper_task_begin() belong to no thread:
 * waiting for one that only the caller can end deadlocks; this is not detected.
 *
 * Context: Process context. Sleeps. Allocates nothing; memory reclaim may depend on it.
 * Return:
 * * 0 - no task is left
 * * -ECANCELED, -ETIMEDOUT - @ctx ended first; nothing is undone, a later call continues
 * * -EINTR - kernel: a fatal signal, with a context of stopper_ctx_with_kill(); likewise
 * * -EDEADLK - called from a task of @s or of a child, or by a callback, hook or log sink that
 *   the stop itself runs; nothing has changed
 * * -EINVAL - @s is NULL
 * * -ENOTSUP - userspace: in a child of fork() whose parent had used the library
 */
#define stopper_quiesce(s, ctx)	__stopper_quiesce(s, ctx, STOPPER_SITE("quiesce"))
STOPPER_API int __stopper_quiesce(struct stopper *s, struct stopper_ctx *ctx,
				  const struct stopper_site *site);

/**
 * stopper_pause() - refuse new tasks until stopper_resume(), and wait until no task runs
 * @s: the stopper
 * @ctx: bounds the wait; NULL: no bound
 *
 * Refuses and drains as stopper_quiesce() does, but for a while: for a suspend, a new
 * configuration, a live update. The phase stays %STOPPER_RUNNING. Tasks of @s and of the stoppers
 * below it are refused with -EAGAIN, those of stopper_task_begin_wait() wait. No event fires, no
 * context ends; workers go on. Children that are created meanwhile are paused too. A task that is
 * admitted after the resume sees all that was written during the pause.
 *
 * Pauses nest: tasks are admitted again when each call that returned 0 has been taken back by a
 * stopper_resume(). A call that fails has been taken back already. Concurrent calls wait for the
 * same tasks. A stop during the pause begins at once and goes on to its end.
 *
 * A wait that takes long is reported, as that of a stop is.
 *
 * Context: Process context. Sleeps. Allocates nothing.
 * Return:
 * * 0 - no task is left, and none is admitted before the matching stopper_resume()
 * * -ECANCELED, -ETIMEDOUT - @ctx ended first; the pause has been taken back
 * * -EINTR - kernel: a fatal signal, with a context of stopper_ctx_with_kill(); likewise
 * * -ESHUTDOWN - the stopper quiesces or has stopped, perhaps since the call; likewise
 * * -EDEADLK - called from a task of @s or of a child, or by a callback, hook or log sink that a
 *   stop or pause itself runs; nothing has changed
 * * -EINVAL - @s is NULL
 * * -ENOTSUP - userspace: in a child of fork() whose parent had used the library
 */
#define stopper_pause(s, ctx)	__stopper_pause(s, ctx, STOPPER_SITE("pause"))
STOPPER_API int __stopper_pause(struct stopper *s, struct stopper_ctx *ctx,
				const struct stopper_site *site);

/**
 * stopper_resume() - take back a stopper_pause()
 * @s: the stopper
 *
 * Any thread may call it. The last one admits tasks again, unless a parent is paused or the
 * stopper quiesces by then, and wakes the callers of stopper_task_begin_wait(). It is needed for
 * each pause that returned 0, also after a stop, where it has no other effect.
 *
 * Context: Process context. Sleeps, but waits for no task.
 * Return: 0; -EINVAL if @s is NULL or has no pause that could be taken back; or in userspace
 * -ENOTSUP in a child of fork() whose parent had used the library.
 */
STOPPER_API int stopper_resume(struct stopper *s);

/**
 * stopper_stop() - stop a stopper: drive it to STOPPED
 * @s: the stopper
 * @ctx: bounds the wait; NULL: no bound
 *
 * The stop always begins, as that of stopper_quiesce() does. Concurrent calls all wait for the
 * end, and one of them does the work. If that one gives up, another takes over. If none is left,
 * the stop stays where it is, except that a closer that has begun runs to its end. Closers run
 * on a thread of the pool or, if none is free and none can be started, on this one.
 *
 * Kernel, suspend: a process that waits here, in stopper_quiesce() or in stopper_wait() is frozen
 * with the locks that it holds. A caller that holds a lock that suspend takes too, such as the
 * device lock around a driver's remove(), must not be frozen. Its stopper needs
 * %STOPPER_NO_FREEZE, which devm_stopper_create() sets. Then suspend waits for the stop, and
 * fails if the stop takes longer than the timeout of the freezer.
 *
 * Kernel, debugging: the waiting process is shown as blocked. It has state D, counts in the load
 * average, and appears in sysrq-w and, after hung_task_timeout_secs, in the log. Workers and
 * threads that wait for events are idle. With CONFIG_PROVE_LOCKING a lock that is held here and
 * taken by a task, worker or closer is reported even if nothing hangs; see kmod/lockdep.c.
 *
 * Kernel, memory reclaim: a stop with closers may start a kthread, for which kthreadd allocates
 * memory. So a path that reclaim depends on may stop only a stopper without closers.
 *
 * Context: Process context. Sleeps.
 * Return:
 * * 0 - stopped; at once if it was stopped before the call
 * * -ECANCELED, -ETIMEDOUT - @ctx ended first; nothing is undone, a later call continues
 * * -EINTR - kernel: a fatal signal, with a context of stopper_ctx_with_kill(); likewise
 * * -EDEADLK - called from a task, worker or closer of @s or of a child, or by a callback, hook
 *   or log sink that the stop itself runs; nothing has changed
 * * -EINVAL - @s is NULL
 * * -ENOTSUP - userspace: in a child of fork() whose parent had used the library
 */
#define stopper_stop(s, ctx)	__stopper_stop(s, ctx, STOPPER_SITE("stop"))
STOPPER_API int __stopper_stop(struct stopper *s, struct stopper_ctx *ctx,
			       const struct stopper_site *site);

/**
 * stopper_stop_async() - begin a stop without waiting for it
 * @s: the stopper
 *
 * For the tasks, workers and closers of @s itself, and for contexts that cannot sleep. The
 * memory of @s is pinned until it has stopped. A second call is a no-op. To wait for the end,
 * use stopper_is_stopped() or stopper_stop().
 *
 * The stop needs no resource that may be missing: if the pool has no free thread and cannot
 * start one, a thread that exists since the first stopper (userspace) or a work item (kernel)
 * does the work.
 *
 * Context: Any context, in the kernel up to softirq.
 * Return: 0, -EINVAL if @s is NULL, or in userspace -ENOTSUP in a child of fork() whose parent
 * had used the library.
 */
#define stopper_stop_async(s)	__stopper_stop_async(s, STOPPER_SITE("stop_async"))
STOPPER_API int __stopper_stop_async(struct stopper *s, const struct stopper_site *site);

/**
 * stopper_stop_because() - stop a stopper, with a cause
 * @s: the stopper
 * @ctx: bounds the wait; NULL: no bound
 * @err: the error to give as the cause, negative
 * @...: a format for the text of the cause and its arguments, as for printf()
 *
 * As stopper_stop(). The debug list and stall reports show @err and the text beside the place that
 * asked for the stop, also those of the children. stopper_stop_cause() returns them, and so does
 * stopper_ctx_cause() for each context that ends because @s or a child quiesces or stops. The text
 * is copied, escaped as a name is, and cut at %STOPPER_CAUSE_SHOWN bytes.
 *
 * The first stop or quiesce that is asked for decides on the cause; later ones do not change it.
 *
 * Context: As stopper_stop().
 * Return: As stopper_stop(); also -EINVAL if the format is NULL or @err is not negative.
 */
#define stopper_stop_because(s, ctx, err, ...)					\
	__stopper_stop_because(s, ctx, STOPPER_SITE("stop"), err, __VA_ARGS__)
STOPPER_API STOPPER_PRINTF(5, 6)
int __stopper_stop_because(struct stopper *s, struct stopper_ctx *ctx,
			   const struct stopper_site *site, int err, const char *fmt, ...);

/**
 * stopper_stop_async_because() - begin a stop without waiting for it, with a cause
 * @s: the stopper
 * @err: the error to give as the cause, negative
 * @...: a format for the text of the cause and its arguments, as for printf()
 *
 * As stopper_stop_async(), with a cause as that of stopper_stop_because().
 *
 * Context: Any context, in the kernel up to softirq.
 * Return: As stopper_stop_async(); also -EINVAL if the format is NULL or @err is not negative.
 */
#define stopper_stop_async_because(s, err, ...)					\
	__stopper_stop_async_because(s, STOPPER_SITE("stop_async"), err, __VA_ARGS__)
STOPPER_API STOPPER_PRINTF(4, 5)
int __stopper_stop_async_because(struct stopper *s, const struct stopper_site *site, int err,
				 const char *fmt, ...);

/**
 * stopper_stop_cause() - get the cause of the stop of a stopper
 * @s: a stopper, or NULL
 * @out: set to the cause; unchanged if no stop was asked for
 *
 * The cause is that of the first stop or quiesce of @s or, if that came first, of its parent.
 *
 * Context: Any context, in the kernel up to softirq.
 * Return: true if a stop or quiesce was asked for.
 */
STOPPER_API bool stopper_stop_cause(struct stopper *s, struct stopper_cause *out);

/**
 * struct stopper_result_info - the first error of a stopper
 * @err: the error, negative
 * @tid: id of the thread that the function ran on
 * @line: line of the call that started the function; 0 for a closer
 * @name: its name, printable, cut at %STOPPER_CAUSE_SHOWN bytes
 * @file: source file of that call, printable; of a long path the end
 * @func: function of that call, printable; a long name is cut
 */
struct stopper_result_info {
	int err;
	int tid;
	unsigned int line;
	char name[STOPPER_NAME_SHOWN + 4];
	char file[32];
	char func[28];
};

/**
 * stopper_result() - get the first error that a function of a stopper returned
 * @s: the stopper, or NULL
 * @out: set to the error and where it is from, unchanged if there is none; may be NULL
 *
 * The functions are those that return a result to nobody: of stopper_run_async_task_err(),
 * &struct stopper_async, stopper_run_worker_err() and stopper_add_closer_err_fn(). A negative
 * result is an error, and so is the end by a panic or with the thread, which counts as
 * -EOWNERDEAD. The error is known before done() is called, and the errors of all tasks when
 * stopper_quiesce() has returned 0, those of all functions when stopper_stop() has. With
 * %STOPPER_STOP_ON_ERROR the first one begins a stop, as stopper_stop_async_because() does: the
 * cause is the error, with the name of the function and the line of the call that started it.
 *
 * Context: Any context, in the kernel up to softirq.
 * Return: The error, negative; 0 if there is none or @s is NULL.
 */
STOPPER_API int stopper_result(struct stopper *s, struct stopper_result_info *out);

/**
 * stopper_stop_after() - have a child stop after another child of the same parent
 * @child: the one that stops later
 * @other: the one that stops first
 *
 * The stop of the parent quiesces all of its children at once, and when no task is left in the
 * tree, stops them at once: in any order, and with their workers and closers side by side. With
 * this, the part of it for @child that follows QUIESCING begins only when @other has stopped. A
 * child may stop after several others. A stop of @child itself does not wait for @other.
 *
 * No cycle can be made, and some orders without a cycle are refused, too: if @other already stops
 * after a sibling, nothing may stop after @child yet. Orders that are added from the first to stop
 * to the last one are never refused.
 *
 * Context: Process context. Allocates memory.
 * Return:
 * * 0 - the order is kept until one of the two has stopped
 * * -EINVAL - a pointer is NULL, or the two are not children of one parent
 * * -ELOOP - the two are the same, or there would or might be a cycle
 * * -ESHUTDOWN - the parent quiesces, or one of the two has stopped
 * * -ENOMEM - out of memory
 * * -ENOTSUP - userspace: in a child of fork() whose parent had used the library
 */
STOPPER_API int stopper_stop_after(struct stopper *child, struct stopper *other);

/**
 * struct stopper_stages - the stages of stopper_stop_staged(); a zero field leaves its stage out
 * @size: sizeof(struct stopper_stages)
 * @signo: a signal for the stage at @hook_ns; 0: none
 * @warn_ns: when to make the first stall report, also with %STOPPER_QUIET; 0: as
 *	&struct stopper_options says
 * @end_ns: when to end the on-stop contexts of @s and of its children
 * @hook_ns: when to send @signo and call @hook for whatever remains
 * @grace_ns: when to give up; not before @end_ns and @hook_ns. 0: do not wait
 * @hook: called without a lock for each thread of each call site with remaining tasks, workers or
 *	closers. @info: the count and age of those of this thread. @tid is 0 for tasks that belong
 *	to no thread: handles, and async tasks that wait for one. NULL: none
 * @hook_arg: passed to @hook
 * @remaining: filled in when the call gives up, one record for each call site, by file, line and
 *	name; a closer has neither file nor line. Meanwhile it is scratch memory for the hook stage,
 *	which makes one scan for each @n threads. NULL if @n is 0
 * @n: number of elements of @remaining
 * @filled: when the call gives up, set to the number of elements that were filled in
 * @count: when the call gives up, set to the number of tasks, workers and closers that remain. The
 *	sum of the counts in @remaining is less if there was no room for all call sites
 *
 * Times are nanoseconds from the call.
 */
struct stopper_stages {
	size_t size;
	int signo;
	unsigned int n;
	int64_t warn_ns;
	int64_t end_ns;
	int64_t hook_ns;
	int64_t grace_ns;
	void (*hook)(void *arg, const struct stopper_task_info *info);
	void *hook_arg;
	struct stopper_task_info *remaining;
	unsigned int filled;
	unsigned long count;
};

/**
 * stopper_stop_staged() - stop a stopper within a time, in stages
 * @s: the stopper
 * @stages: what to do when, and who remains if the call gives up
 *
 * Begins the stop and waits for its end, as stopper_stop() does, without a context and without
 * memory: the process may be short of it. As long as the stop has not ended, the stages follow.
 *
 * The stage at @end_ns ends the on-stop contexts early, with -ETIMEDOUT and the cause "deadline".
 * The on-quiesce contexts have ended when the stop began. A context that a task was started with is
 * left alone: it may be shared with work outside of @s. To end it too, start tasks with contexts
 * of stopper_ctx_with_cancel_on_stop() or stopper_ctx_with_cancel_on_quiesce(), or cancel it in
 * @hook.
 *
 * The stage at @hook_ns sends @signo to the thread of each remaining task, worker and closer. In
 * userspace that is a thread of the program, in which the signal should have a handler without
 * SA_RESTART: a blocking system call then fails with EINTR. In the kernel only kthreads that
 * allow the signal get it (allow_signal()). A task may end just then, and its thread gets the
 * signal in whatever it does next.
 *
 * Nothing is undone. A later stop continues, of whichever kind.
 *
 * Context: Process context. Sleeps. Allocates nothing. Callbacks on the contexts that end run in
 * this call.
 * Return:
 * * 0 - stopped
 * * -ETIMEDOUT - not stopped at @grace_ns
 * * -EDEADLK - as stopper_stop()
 * * -EINVAL - @s or @stages is NULL, the size is wrong, a time is negative or behind @grace_ns,
 *   @signo is negative, or @remaining is NULL with @n not 0
 * * -ENOTSUP - userspace: in a child of fork() whose parent had used the library
 */
#define stopper_stop_staged(s, stages)						\
	__stopper_stop_staged(s, stages, STOPPER_SITE("stop_staged"))
STOPPER_API int __stopper_stop_staged(struct stopper *s, struct stopper_stages *stages,
				      const struct stopper_site *site);

/**
 * stopper_stop_within() - stop a stopper within a time
 * @s: the stopper
 * @ns: nanoseconds until the call gives up; 0: only begin the stop
 *
 * stopper_stop_staged() with a stall report after half of the time, and on-stop contexts that end
 * after three quarters of it.
 *
 * Context: As stopper_stop_staged().
 * Return: 0, -ETIMEDOUT, -EDEADLK, -ENOTSUP as stopper_stop_staged(); -EINVAL if @s is NULL or @ns
 * is negative.
 */
#define stopper_stop_within(s, ns)	__stopper_stop_within(s, ns, STOPPER_SITE("stop_within"))
STOPPER_API int __stopper_stop_within(struct stopper *s, int64_t ns,
				      const struct stopper_site *site);

/**
 * stopper_should_quiesce() - get the event ShouldQuiesce, which fires when tasks are refused
 * @s: the stopper; NULL: an event that never fires
 *
 * A thread that sees the event fired also sees every later task refused, on every thread, and
 * every on-quiesce context cancelled.
 *
 * Context: Any context.
 * Return: The event, never NULL. It lives as long as @s.
 */
STOPPER_API struct stopper_event *stopper_should_quiesce(struct stopper *s);

/**
 * stopper_should_stop() - get the event ShouldStop, which fires when workers must return
 * @s: the stopper; NULL: an event that never fires
 *
 * When it fires, no task is left and every on-stop context is cancelled.
 *
 * Context: Any context.
 * Return: The event, never NULL. It lives as long as @s.
 */
STOPPER_API struct stopper_event *stopper_should_stop(struct stopper *s);

/**
 * stopper_is_stopped() - get the event IsStopped, which fires at the end of the stop
 * @s: the stopper; NULL: an event that never fires
 *
 * When it fires, all workers have returned, all closers have run, and the stopper is no longer in
 * the debug list.
 *
 * Context: Any context.
 * Return: The event, never NULL. It lives as long as @s.
 */
STOPPER_API struct stopper_event *stopper_is_stopped(struct stopper *s);

STOPPER_END_DECLS

#endif /* STOPPER_STOPPER_H */
