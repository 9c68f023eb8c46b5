/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * errors.h - the errors that have a name of their own.
 *
 * Every function of the stopper returns 0 (or a count) or a negative errno.
 */
#ifndef STOPPER_ERRORS_H
#define STOPPER_ERRORS_H

#include <stopper/types.h>

STOPPER_BEGIN_DECLS

/* The stopper quiesces or has stopped: the task, worker or child is refused and never called. */
#define STOPPER_EUNAVAILABLE	(-ESHUTDOWN)
/* No slot of the semaphore is free and the caller did not want to wait. */
#define STOPPER_ETHROTTLED	(-EBUSY)
/* The task was accepted and called, and ended by stopper_panic(). */
#define STOPPER_EPANIC		(-EOWNERDEAD)

/**
 * stopper_strerror() - say in words what an error of the stopper means
 * @err: what a stopper function returned: 0 or a negative errno
 *
 * Context: any.
 * Return: a constant string, never NULL; "unknown error" for what no function here returns.
 */
STOPPER_API const char *stopper_strerror(int err);

STOPPER_END_DECLS

#endif /* STOPPER_ERRORS_H */
