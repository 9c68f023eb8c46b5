/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * errors.h - errors that have a name of their own.
 *
 * Every function of the stopper that can fail returns 0 (or a count) on success and a negative
 * errno on failure; errno itself is unchanged. A function that fails has changed nothing,
 * unless its comment says otherwise.
 *
 * Userspace: in a child of fork() whose parent had used the library, all functions that can fail
 * return -ENOTSUP; see stopper(7).
 */
#ifndef STOPPER_ERRORS_H
#define STOPPER_ERRORS_H

#include <stopper/types.h>

STOPPER_BEGIN_DECLS

/* Refused: the stopper quiesces or has stopped. The function is never called. */
#define STOPPER_EUNAVAILABLE	(-ESHUTDOWN)
/* No slot of the semaphore is free, and the caller did not ask to wait. */
#define STOPPER_ETHROTTLED	(-EBUSY)
/* The task was admitted and called, and ended by stopper_panic(). */
#define STOPPER_EPANIC		(-EOWNERDEAD)

/**
 * stopper_strerror() - describe an error of the stopper
 * @err: the return value of a stopper function: 0 or a negative errno
 *
 * Context: Any context.
 * Return: A constant string, never NULL; "unknown error" for a value that no stopper function
 * returns.
 */
STOPPER_API const char *stopper_strerror(int err);

STOPPER_END_DECLS

#endif /* STOPPER_ERRORS_H */
