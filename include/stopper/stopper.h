/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * stopper.h - ending a program or a subsystem in order.
 *
 * A stopper admits tasks, refuses new ones once it quiesces, waits for those
 * that run, tells workers to stop, waits for them, and runs the closers:
 *
 *   RUNNING -> QUIESCING -> STOPPING -> CLOSING -> STOPPED, never back
 *
 *   QUIESCING  no task is admitted any more; ShouldQuiesce; waits for tasks
 *   STOPPING   no task is left; ShouldStop; waits for workers
 *   CLOSING    no worker is left; runs the closers
 *   STOPPED    IsStopped
 *
 * Names: the reference is the Go type stop.Stopper.
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
 * Who may call what when: every function here may be called by any number of
 * threads at once, on the same objects, with these exceptions:
 *
 *   init/destroy of an event or semaphore   alone, before and after all else
 *   begin/end of one struct stopper_task    in this order; the caller orders them
 *   on_fire/detach of one record            in this order; the caller orders them
 *   the last put                            after all other uses of that reference
 *
 * A reference (create, get) must be held across every call with a stopper or
 * context, except stopper_task_end(): its task keeps nothing alive, needs nothing.
 *
 * "Any context, up to softirq" may hold spinlocks and have interrupts off. On PREEMPT_RT it
 * is what may take a spinlock_t there: preemption and interrupts on, no raw lock held.
 */
#ifndef STOPPER_STOPPER_H
#define STOPPER_STOPPER_H

#include <stopper/closer.h>
#include <stopper/ctx.h>
#include <stopper/errors.h>
#include <stopper/event.h>
#include <stopper/panic.h>
#include <stopper/sem.h>
#include <stopper/site.h>
#include <stopper/task.h>

STOPPER_BEGIN_DECLS

/**
 * enum stopper_phase - where a stopper is on its way
 * @STOPPER_RUNNING: admits tasks, workers, closers
 * @STOPPER_QUIESCING: refuses tasks, waits for those that run
 * @STOPPER_STOPPING: refuses workers, waits for those that run
 * @STOPPER_CLOSING: runs the closers
 * @STOPPER_STOPPED: nothing is left
 */
enum stopper_phase {
	STOPPER_RUNNING,
	STOPPER_QUIESCING,
	STOPPER_STOPPING,
	STOPPER_CLOSING,
	STOPPER_STOPPED,
};

/* flags of struct stopper_options */
#define STOPPER_CLOSERS_LIFO	(1u << 0)	/* run the closers last added first */
#define STOPPER_QUIET		(1u << 1)	/* no stall reports */
#define STOPPER_NO_FREEZE	(1u << 2)	/* kernel: suspend waits for a stop */
#define STOPPER_FLAGS_ALL	(STOPPER_CLOSERS_LIFO | STOPPER_QUIET | STOPPER_NO_FREEZE)

/* stoppers from the root of a tree to a leaf, at most */
#define STOPPER_DEPTH		8

/* levels of a log line, as the kernel numbers them */
#define STOPPER_LOG_ERR		3
#define STOPPER_LOG_WARNING	4
#define STOPPER_LOG_INFO	6

/**
 * typedef stopper_log_fn - the log sink
 * @arg: from the options
 * @level: one of STOPPER_LOG_*
 * @line: one line, printable, without a newline; valid during the call
 */
typedef void (*stopper_log_fn)(void *arg, int level, const char *line);

/**
 * struct stopper_options - what may be said at creation; zero means the default
 * @size: sizeof(struct stopper_options): its version
 * @flags: STOPPER_* flags; an unknown one is refused
 * @reserved: 0
 * @on_panic: the panic hook; NULL: report, and in userspace abort
 * @on_panic_arg: handed to @on_panic
 * @log: where reports go; NULL: the kernel log, or stderr. The thread that stops calls it, so
 *	it must not block. Lines that stderr does not take at once are dropped and counted
 * @log_arg: handed to @log
 * @stall_ns: how long a stop waits before its first report; 0: one second.
 *	The next come after 3, 10 and 30 times this, then every 60 times
 * @stall_max_ns: the longest time between two reports; 0: 60 times @stall_ns
 * @parent: quiesces and stops this stopper as part of its own; it is pinned
 *	until this one has stopped. A tree is at most STOPPER_DEPTH deep
 * @owner: kernel: the module whose unloading must find this stopper stopped;
 *	NULL: the module that called stopper_create(). Userspace: NULL
 * @stack_size: userspace: bytes of stack that its workers and async tasks have at
 *	least; 0: libc's default, and never less. Threads are shared, so those started
 *	later for other stoppers have it too. At least PTHREAD_STACK_MIN. Kernel: 0
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
 * stopper_create() - make a stopper
 * @out: the stopper, RUNNING, with one reference
 * @name: copied; any bytes, shown printable and at most STOPPER_NAME_SHOWN long
 * @opts: NULL: all defaults
 *
 * Context: process context, allocates.
 * Return: 0; -EINVAL: no @out or @name, unknown flag, wrong size, negative
 * period, too deep a tree; -ESHUTDOWN: the parent quiesces; -ENOMEM; userspace: -EAGAIN: the
 * two threads that any stop may need cannot be started (first stopper only); -ENOTSUP in a
 * child of fork() whose parent had used the library.
 */
#define stopper_create(out, name, opts)						\
	__stopper_create(out, name, opts, STOPPER_SITE("stopper"))
STOPPER_API int __stopper_create(struct stopper **out, const char *name,
				 const struct stopper_options *opts,
				 const struct stopper_site *site);

/**
 * stopper_get() - one reference more
 * @s: a stopper, or NULL
 *
 * Context: any. Return: @s.
 */
STOPPER_API struct stopper *stopper_get(struct stopper *s);

/**
 * stopper_put() - give a reference back
 * @s: a stopper, or NULL
 *
 * The last one frees it, with its events and their descriptors, at once or, where a
 * thread that has just woken the stop is still on its way out, by that thread a
 * moment later. If it was not stopped by then, that is reported
 * loudly, with the site that created it and its running tasks, and its memory
 * is kept for ever: nothing is freed under a running task.
 * Context: process context.
 */
STOPPER_API void stopper_put(struct stopper *s);

/**
 * stopper_name() - what it is called
 * @s: a stopper, or NULL
 *
 * Context: any. Return: the name as shown: printable, cut; lives as long as @s.
 */
STOPPER_API const char *stopper_name(const struct stopper *s);

/**
 * stopper_phase() - where it is on its way
 * @s: a stopper; NULL: STOPPER_RUNNING
 *
 * Context: any. Return: the phase; it may have moved on when this arrives.
 */
STOPPER_API enum stopper_phase stopper_phase(const struct stopper *s);

/**
 * stopper_phase_name() - a phase in words
 * @phase: a phase
 *
 * Context: any. Return: "running", "quiescing", "stopping", "closing" or "stopped".
 */
STOPPER_API const char *stopper_phase_name(enum stopper_phase phase);

/**
 * stopper_quiesce() - refuse new tasks and wait for those that run
 * @s: the stopper
 * @ctx: gives up waiting when this context ends; NULL: never
 *
 * The quiesce always begins, also when @ctx has ended before the call: the phase
 * turns, on-quiesce contexts end, ShouldQuiesce fires, and children do the same. @ctx
 * bounds the waiting only. When it returns 0 no task function is running nor ever will.
 *
 * Context: process context, sleeps.
 * Return: 0; -ECANCELED, -ETIMEDOUT: given up, nothing is undone, a later call
 * goes on from there; -EDEADLK: called from one of its own tasks (or of a
 * child's), or by a callback, hook or log sink that the stop itself calls, nothing
 * changed; -EINVAL; userspace: -ENOTSUP after fork(). A handle is no thread's: who waits for one
 * that he would end himself waits for ever.
 */
#define stopper_quiesce(s, ctx)	__stopper_quiesce(s, ctx, STOPPER_SITE("quiesce"))
STOPPER_API int __stopper_quiesce(struct stopper *s, struct stopper_ctx *ctx,
				  const struct stopper_site *site);

/**
 * stopper_stop() - the whole way to STOPPED
 * @s: the stopper
 * @ctx: gives up waiting when this context ends; NULL: never
 *
 * The stop always begins, as stopper_quiesce() does. Concurrent calls all wait
 * for the end. If the one that does the work gives up, another one takes over; if
 * none is left, the stop stays where it is, but for a closer that has begun. Closers
 * run on a thread of the stopper's own; if none is free and no other can be had, on
 * this one.
 *
 * Kernel: a process that waits here, in stopper_quiesce() or in stopper_wait() is frozen
 * meanwhile by suspend, with the locks that it holds. One that stops with a lock held
 * which suspend takes as well, such as the device lock around a driver's remove(), must
 * not be: STOPPER_NO_FREEZE, which devm_stopper_create() sets. Then suspend waits for the
 * stop, and gives up if it takes longer than suspend is ready to wait.
 *
 * Such a process is shown as blocked: state D, in the load, in sysrq-w, and after
 * hung_task_timeout_secs in the log. Workers and threads that wait for events are idle.
 * With CONFIG_PROVE_LOCKING a lock held here that a task, worker or closer takes is
 * reported, although nothing hangs yet; see kmod/lockdep.c.
 *
 * Reclaim: quiesce allocates nothing. A stop with closers may start a kthread to run them,
 * which waits for memory of kthreadd's. So a path on which reclaim waits may stop
 * a stopper without closers, and quiesce any.
 *
 * Context: process context, sleeps.
 * Return: 0, at once if it is stopped already; -ECANCELED, -ETIMEDOUT: as
 * stopper_quiesce(); -EDEADLK: called from one of its own tasks, workers or
 * closers (or of a child's), or by a callback, hook or log sink that the stop
 * itself calls, nothing changed; -EINVAL; userspace: -ENOTSUP after fork().
 */
#define stopper_stop(s, ctx)	__stopper_stop(s, ctx, STOPPER_SITE("stop"))
STOPPER_API int __stopper_stop(struct stopper *s, struct stopper_ctx *ctx,
			       const struct stopper_site *site);

/**
 * stopper_stop_async() - have it stopped, and go on
 * @s: the stopper
 *
 * For its own tasks, workers and closers, and for whoever cannot wait. It is
 * kept alive until it is stopped. A second call does nothing.
 *
 * The stop needs no thread that is not there yet: where the pool has none free and none can
 * be started, the library's own thread for this, or in the kernel a work item, makes it.
 *
 * Context: any, in the kernel up to softirq.
 * Return: 0; -EINVAL; userspace: -ENOTSUP after fork().
 */
#define stopper_stop_async(s)	__stopper_stop_async(s, STOPPER_SITE("stop_async"))
STOPPER_API int __stopper_stop_async(struct stopper *s, const struct stopper_site *site);

/**
 * stopper_should_quiesce() - fires when no further task is admitted
 * @s: the stopper; NULL: an event that never fires
 *
 * Who sees it fired also sees every later run refused and every on-quiesce
 * context cancelled.
 * Context: any. Return: never NULL; lives as long as @s.
 */
STOPPER_API struct stopper_event *stopper_should_quiesce(struct stopper *s);

/**
 * stopper_should_stop() - fires when no task is left and workers shall return
 * @s: the stopper; NULL: an event that never fires
 *
 * Context: any. Return: never NULL; lives as long as @s.
 */
STOPPER_API struct stopper_event *stopper_should_stop(struct stopper *s);

/**
 * stopper_is_stopped() - fires when nothing is left
 * @s: the stopper; NULL: an event that never fires
 *
 * All workers have returned, all closers have run, and the stopper has left
 * the debug list.
 * Context: any. Return: never NULL; lives as long as @s.
 */
STOPPER_API struct stopper_event *stopper_is_stopped(struct stopper *s);

STOPPER_END_DECLS

#endif /* STOPPER_STOPPER_H */
