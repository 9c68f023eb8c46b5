/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * signal.h - userspace: stopping on a signal.
 */
#ifndef STOPPER_SIGNAL_H
#define STOPPER_SIGNAL_H

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

STOPPER_END_DECLS

#endif /* STOPPER_SIGNAL_H */
