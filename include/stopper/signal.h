/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * signal.h - userspace: stop on a signal.
 */
#ifndef STOPPER_SIGNAL_H
#define STOPPER_SIGNAL_H

#include <signal.h>
#include <stopper/types.h>

STOPPER_BEGIN_DECLS

/**
 * stopper_stop_on_signals() - stop a stopper on the first of some signals, exit on the second
 * @s: the stopper; a reference is held until it has stopped
 * @sigs: signal numbers, for example SIGINT and SIGTERM
 * @n: number of signals, at least 1
 *
 * Installs a handler with SA_RESTART, which makes a thread of the library call
 * stopper_stop_async(). No signal is blocked, and programs that a task or main() spawns inherit
 * nothing. The signals take effect even if the program has them blocked in all its threads.
 *
 * Several stoppers may be registered for a signal, which then stops all of them. Further calls
 * for the same stopper add signals. A later signal terminates the process as by default if it
 * comes more than 100 ms after all stoppers registered for it were asked to stop, and one of
 * them has not stopped yet.
 *
 * When the last stopper registered for a signal has stopped, the previous disposition is
 * restored, unless the program has set another one meanwhile.
 *
 * Context: Any thread, at any time after daemon() and unshare(); not a signal handler.
 * Return: 0 on success. On error nothing has changed:
 *
 * * -EINVAL - @s or @sigs is NULL, @n is 0, or a signal is invalid or cannot be handled
 * * -ENOMEM - out of memory
 * * -ENOTSUP - in a child of fork() whose parent had used the library
 */
STOPPER_API int stopper_stop_on_signals(struct stopper *s, const int *sigs, unsigned int n);

/* sigset_t comes from POSIX; strict C does not have it. */
#if defined(_POSIX_C_SOURCE) || defined(_POSIX_SOURCE) || defined(_BSD_SOURCE) || \
	defined(_GNU_SOURCE)

/**
 * stopper_signal_mask() - get the signal mask of the thread that created a stopper
 * @s: the stopper
 * @mask: set to the mask
 *
 * Async tasks, workers and closers of @s run with this mask, so programs that they spawn inherit
 * it. Callbacks of deadlines, and the code of the library itself, run with all signals blocked
 * except SIGPROF and those that a fault raises. A callback that spawns a program sets this mask
 * first: in the child between fork() and exec(), or with posix_spawnattr_setsigmask().
 *
 * Context: Any thread.
 * Return: 0, or -EINVAL if @s or @mask is NULL.
 */
STOPPER_API int stopper_signal_mask(const struct stopper *s, sigset_t *mask);

#endif

STOPPER_END_DECLS

#endif /* STOPPER_SIGNAL_H */
