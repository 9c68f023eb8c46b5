/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * threads.h - userspace: control of the library's threads; the time before dlclose().
 */
#ifndef STOPPER_THREADS_H
#define STOPPER_THREADS_H

#include <stopper/types.h>

STOPPER_BEGIN_DECLS

/**
 * stopper_end_idle_threads() - end the idle threads of the library
 *
 * Use it at the end of a program for leak checkers, before fork(), unshare() and setns(), which
 * are simple in a process with one thread, and before dlclose() of the last user.
 *
 * While a stopper exists that has not stopped, the idle threads of the pool end. The two threads
 * that a stop needs stay, and so do threads that run tasks, workers and closers. A thread whose
 * task has just ended may not be idle yet.
 *
 * When all stoppers have stopped, all threads of the library end; those that are about to return
 * from a task, worker or closer are waited for. The timer thread stays while a context with a
 * deadline exists that has neither ended nor been put.
 *
 * The call returns when the threads have exited in the kernel too: their ids are no longer in
 * /proc/self/task. It waits at most 10 seconds for them. Only a function of the program can take
 * that long, for example a callback of IsStopped or the destructor of a thread-specific key.
 *
 * A thread that is needed later is started again. So this may be called at any time, also while
 * other threads create and stop stoppers.
 *
 * Context: Any thread that is not the library's; not a signal handler. Blocks.
 * Return:
 * * 0 - at some moment during the call the library had no thread
 * * -EBUSY - threads are left, for the reasons above
 * * -EDEADLK - called on a thread of the library; nothing has changed
 * * -ENOMEM - the library had not been used, and could not be set up
 * * -ENOTSUP - in a child of fork() whose parent had used the library
 */
STOPPER_API int stopper_end_idle_threads(void);

/**
 * stopper_barrier() - wait for readers that may use the call sites of finished tasks
 *
 * For a plugin, between the end of its last task and dlclose(), as rcu_barrier() is for a kernel
 * module. A reader that counts or lists tasks may use, for a moment, the names of a task that has
 * ended or was refused; the call returns when all that had begun before are done. The stop of a
 * plugin's own stopper waits for them, too: only tasks on another's stopper, and refused ones, need
 * it. It does not wait for tasks.
 *
 * Context: Any thread; not a signal handler. Blocks as long as others read.
 */
STOPPER_API void stopper_barrier(void);

STOPPER_END_DECLS

#endif /* STOPPER_THREADS_H */
