/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * internal.h - the files of the core, their order, and what all of them use.
 *
 * What NAME.c gives to the files below it is in NAME.h. Above all of them are seam.h (what a
 * platform provides), upcalls.h (what a platform calls), list.h, slots.h and instance.h, which has
 * struct stopper.
 *
 * The files, in their order: each uses only those above it (tools/testing/check/seam). Read them
 * from task.c on; what is above it are tools.
 *
 *   steps.c       what tests count instead of time
 *   name.c        names, escaped for readers
 *   text.c        lines of the log, times, words
 *   cause.c       where a call came from, causes, records of errors
 *   due.c         heaps of deadlines
 *   event.c       events and their callbacks
 *   span.c        tasks and workers as spans of a trace
 *   label.c       labels of tasks
 *   watch.c       the watches of drains: whom the end of a task wakes
 *   lists.c       tasks on lists
 *   ref.c         the registry, walks, pins
 *   ctx.c         contexts
 *   wait.c        waits for events, with a context
 *   pool_slots.c  the slots of pool threads, the walk over all tables
 *   view.c        one task as a reader sees it, and what this thread runs
 *   task.c        tasks: the theory; begin and end
 *   request.c     requests to stop
 *   result.c      the first error
 *   follow.c      callers that follow the leader of a stop; what wakes both
 *   panic.c       activities, panics
 *   sem.c         semaphores
 *   batch.c       tasks that a thread has taken ahead
 *   queue.c       the queue of async tasks and of jobs of the library's own
 *   push.c        the admission of async tasks
 *   async_wait.c  waits for one async task
 *   pool_loop.c   the threads that run them
 *   pool.c        when threads are started and called
 *   worker.c      workers
 *   closer.c      closers
 *   timed.c       timers
 *   async.c       async tasks
 *   scan.c        scans of all tasks; counts
 *   snapshot.c    the running tasks by call site
 *   report.c      the debug list
 *   stall.c       reports of stops that take long
 *   drain.c       wait until no task is left
 *   death.c       tasks of threads that have died
 *   quiesce.c     how a quiesce begins
 *   order.c       orders between siblings
 *   stop.c        the stop: leader, followers, watchers
 *   stop_calls.c  the calls that quiesce and stop
 *   keeper.c      asynchronous stops
 *   pause.c       pauses
 *   stopper.c     stoppers as users have them
 *   stages.c      the stages of a program's end
 *   outline.c     what is inlined, as functions
 *
 * Locks, in the order in which they may be nested; all others are leaves:
 *
 *   a list's lock (lists.c; s->lock is one) -> drain_lock (watch.c) -> the inside of a parker
 *   registry.lock (ref.c) -> s->lock -> the queue's lock -> the inside of a timer
 *   the queue's lock -> an inbox's lock
 *   the queue's lock -> a batch's lock
 *   s->lock -> ready_lock (follow.c)
 */
#ifndef STOPPER_CORE_INTERNAL_H
#define STOPPER_CORE_INTERNAL_H

#include <stopper/stopper.h>
#include "instance.h"
#include "list.h"
#include "seam.h"

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

/* How many tasks of a list or queue are visited before its lock is dropped for a moment. */
#ifndef WALK_BATCH
#define WALK_BATCH	16
#endif

#define NS_PER_SEC	1000000000LL
#define NS_PER_MSEC	1000000LL

/* @at plus @ns, which is not negative; PLAT_FOREVER instead of an overflow. */
static inline int64_t ns_after(int64_t at, int64_t ns)
{
	return ns > PLAT_FOREVER - at ? PLAT_FOREVER : at + ns;
}

/*
 * lock_guard(l); holds @l from there to the end of the block, as the kernel's guard() does, which
 * 6.1 does not have. One in a block. Sparse does not know that clean-ups run.
 */
struct lock_guard {
	stopper_lock_t *lock;
	plat_flags_t flags;
};

#ifndef __CHECKER__
static PLAT_ALWAYS_INLINE struct lock_guard lock_guard_begin(stopper_lock_t *lock)
{
	struct lock_guard g = { .lock = lock };

	plat_lock(lock, g.flags);
	return g;
}

static PLAT_ALWAYS_INLINE void lock_guard_end(const struct lock_guard *g)
{
	plat_unlock(g->lock, g->flags);
}

#define lock_guard(l)									\
	struct lock_guard held __attribute__((cleanup(lock_guard_end), unused)) =	\
		lock_guard_begin(l)
#else
#define lock_guard(l)	((void)(l))
#endif

/*
 * In a walk over a list: drop its lock for a moment, with @bookmark in the list before @next.
 * Return what comes next now. The caller knows a bookmark from an item.
 */
static inline struct stopper_list *walk_pause(struct stopper_list *next,
					      struct stopper_list *bookmark,
					      stopper_lock_t *lock, plat_flags_t *f)
{
	slist_insert(next->prev, bookmark);
	plat_unlock(lock, *f);
	plat_lock(lock, *f);
	next = bookmark->next;
	slist_remove(bookmark);
	return next;
}

/* What a public call checks first: its arguments, and that this process may call. */
static inline int call_err(bool valid)
{
	return valid ? plat_ready() : -EINVAL;
}

#endif /* STOPPER_CORE_INTERNAL_H */
