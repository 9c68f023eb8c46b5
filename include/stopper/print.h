/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * print.h - userspace: the debug list as text.
 */
#ifndef STOPPER_PRINT_H
#define STOPPER_PRINT_H

#include <stdio.h>
#include <stopper/types.h>

STOPPER_BEGIN_DECLS

/**
 * stopper_debug_print() - print the debug list: all stoppers of the process and their tasks
 * @f: the stream
 *
 * The text has the format of the kernel's /sys/kernel/debug/stopper; see stopper-debuglist(5).
 * The call flushes the stream. It blocks as long as writing to @f does; tasks and stops do not
 * wait for it. It is not a cancellation point, although writing to a stream is one.
 *
 * Context: Any thread; not a signal handler. Allocates memory.
 * Return:
 * * 0 - the list is written
 * * -EINVAL - @f is NULL
 * * -ENOMEM - out of memory; nothing was written
 * * -EIO - @f had an error before the call
 * * the error of write(2), for example -ENOSPC
 */
STOPPER_API int stopper_debug_print(FILE *f);

STOPPER_END_DECLS

#endif /* STOPPER_PRINT_H */
