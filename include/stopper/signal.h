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
 * Blocks @sigs in the calling thread, and so in the threads it starts later:
 * call it first thing in main(). A thread of the library waits for them. The
 * first does stopper_stop_async(); the next one, while the stop goes on and not
 * within 100 ms of the first, ends the process as that signal does by default.
 * Once the stopper is stopped the signals stay blocked and are no longer waited
 * for.
 *
 * Return: 0; or, nothing having changed: -EINVAL: nothing to wait for, or no signal that can
 * be waited for; -EAGAIN when the thread cannot be started; -ENOMEM, -EMFILE, -ENFILE;
 * -ENOTSUP after fork().
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
