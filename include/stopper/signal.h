/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * signal.h - userspace: stopping on a signal.
 */
#ifndef STOPPER_SIGNAL_H
#define STOPPER_SIGNAL_H

#include <signal.h>
#include <stopper/types.h>

STOPPER_BEGIN_DECLS

/**
 * stopper_stop_on_signals() - the first of these stops the stopper, a second ends the process
 * @s: the stopper; a reference is held until it is stopped
 * @sigs: signal numbers, SIGINT and SIGTERM say
 * @n: how many, at least 1
 *
 * Sets a handler, with SA_RESTART, that has a thread of the library do stopper_stop_async().
 * It may be called at any time after daemon() and unshare(), from any thread; no signal is
 * blocked, and what a task or main() spawns inherits nothing. The signals count also when the
 * program has them blocked in all its threads.
 *
 * Several stoppers may be registered for a signal: it stops all of them. Further calls for one
 * stopper add signals. The next signal ends the process as it does by default, if it comes
 * later than 100 ms after each stopper that is registered for it was asked to stop, and one
 * of them has not stopped yet.
 *
 * When the last stopper that is registered for a signal has stopped, the disposition from
 * before is set again, unless the program has set another meanwhile.
 *
 * Return: 0; or, nothing having changed: -EINVAL: no signal, or one that cannot be handled;
 * -ENOMEM; -ENOTSUP after fork().
 */
STOPPER_API int stopper_stop_on_signals(struct stopper *s, const int *sigs, unsigned int n);

/* sigset_t is POSIX's: strict C has none. */
#if defined(_POSIX_C_SOURCE) || defined(_POSIX_SOURCE) || defined(_BSD_SOURCE) || \
	defined(_GNU_SOURCE)

/**
 * stopper_signal_mask() - the signal mask of the thread that created a stopper
 * @s: the stopper
 * @mask: set to the mask
 *
 * Its tasks on other threads, its workers and its closers run with this mask, so what they
 * spawn inherits it. Callbacks of deadlines, and the library's own code, run with all signals
 * blocked but those that a fault raises and SIGPROF: before such code spawns a program it
 * sets this mask, in the child between fork() and exec() or by posix_spawnattr_setsigmask().
 *
 * Context: any. Return: 0; -EINVAL without @s or @mask.
 */
STOPPER_API int stopper_signal_mask(const struct stopper *s, sigset_t *mask);

#endif

STOPPER_END_DECLS

#endif /* STOPPER_SIGNAL_H */
