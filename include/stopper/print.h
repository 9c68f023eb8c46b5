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
 * stopper_debug_print() - every stopper of this process and its running tasks
 * @f: where to
 *
 * The text that the kernel build shows in /sys/kernel/debug/stopper, written to the file
 * (fflush()). It waits as long as @f does. No cancellation point, though writing to @f is one.
 * Return: 0; -EINVAL; -ENOMEM: nothing was printed; what write() said, as -ENOSPC; -EIO: an
 * earlier error of @f.
 */
STOPPER_API int stopper_debug_print(FILE *f);

STOPPER_END_DECLS

#endif /* STOPPER_PRINT_H */
