/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * uring.h - userspace: wait for events on the caller's own ring or poll loop.
 */
#ifndef STOPPER_URING_H
#define STOPPER_URING_H

#include <stopper/event.h>

struct io_uring_sqe;

STOPPER_BEGIN_DECLS

/**
 * stopper_event_fd() - get a descriptor that becomes readable when an event fires
 * @ev: the event; NULL: an event that never fires
 *
 * For poll(2), epoll(7), libuv and similar loops. The descriptor belongs to the event, which
 * closes it when it is destroyed: the caller must not read, write or close it. All calls for an
 * event return the same descriptor.
 *
 * Context: Any thread; not a signal handler.
 * Return: The descriptor, or -EMFILE, -ENFILE or -ENOMEM.
 */
STOPPER_API int stopper_event_fd(struct stopper_event *ev);

/**
 * stopper_uring_prep_event() - prepare an SQE that completes when an event fires
 * @sqe: a submission queue entry of the caller's ring
 * @ev: the event; NULL: an event that never fires
 *
 * Prepares a poll of the event's descriptor. The CQE has a positive result when the event has
 * fired, at once if it had fired before, and a negative errno on error. Set the user data of @sqe
 * after this call. The event must exist until the CQE has arrived.
 *
 * Context: Any thread; not a signal handler.
 * Return:
 * * 0 - @sqe is prepared
 * * -EINVAL - @sqe is NULL
 * * -EMFILE, -ENFILE, -ENOMEM - there is no descriptor; @sqe is prepared as a no-op
 */
STOPPER_API int stopper_uring_prep_event(struct io_uring_sqe *sqe, struct stopper_event *ev);

/**
 * stopper_wait_backend() - get the name of the mechanism that waits use
 *
 * The mechanism is chosen at the first wait by probing the kernel, unless the environment
 * variable STOPPER_WAIT selects one. If io_uring is refused later, for example by a seccomp
 * filter, it changes to "futex", with one line on standard error.
 *
 * Context: Any thread; not a signal handler.
 * Return: "uring-futex", "uring-eventfd" or "futex".
 */
STOPPER_API const char *stopper_wait_backend(void);

STOPPER_END_DECLS

#endif /* STOPPER_URING_H */
