/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * threads.h - userspace: the threads of the library.
 */
#ifndef STOPPER_THREADS_H
#define STOPPER_THREADS_H

#include <stopper/types.h>

STOPPER_BEGIN_DECLS

/**
 * stopper_end_idle_threads() - end the threads of the library that have nothing to do
 *
 * For leak checkers at the end of a program, for fork(), unshare() and setns(), which a process
 * with one thread may use without care, and before dlclose() of the last user.
 *
 * While a stopper exists that has not stopped, the idle threads of the pool end. The two
 * threads that a stop needs stay, and so do those that run tasks, workers and closers. A thread
 * whose task has just ended may not be idle yet.
 *
 * When all stoppers have stopped, all threads of the library end, first those that are about to
 * return from what they ran. The one for deadlines stays as long as there is a context with a
 * deadline that has neither ended nor been put.
 *
 * The call returns when the threads have ended for the kernel too: their ids are not in
 * /proc/self/task any more. It waits for them for at most ten seconds; what may take as long is
 * a function of the program's that one of them runs, such as a callback of IsStopped or the
 * destructor of a thread-specific key.
 *
 * Whatever needs a thread later starts it anew. So the call may be made at any time, by any
 * thread that is not the library's, also while others create and stop stoppers.
 *
 * Return: 0: there was a moment when the library had no thread; -EBUSY: some are left, as said
 * above; -EDEADLK: on a thread of the library, nothing has changed; -ENOTSUP after fork();
 * -ENOMEM: the library had not been used, and could not be set up.
 */
STOPPER_API int stopper_end_idle_threads(void);

STOPPER_END_DECLS

#endif /* STOPPER_THREADS_H */
