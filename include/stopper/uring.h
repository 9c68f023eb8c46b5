/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * uring.h - userspace: events on the caller's own ring or poll loop.
 */
#ifndef STOPPER_URING_H
#define STOPPER_URING_H

#include <stopper/event.h>

struct io_uring_sqe;

STOPPER_BEGIN_DECLS

/**
 * stopper_event_fd() - a descriptor that becomes readable when an event fires
 * @ev: the event; NULL: one that never fires
 *
 * For poll, epoll, libuv and the like. It belongs to the event and is closed
 * with it: neither read, write nor close it. Every call gives the same one.
 * Return: the descriptor, or -EMFILE, -ENFILE, -ENOMEM.
 */
STOPPER_API int stopper_event_fd(struct stopper_event *ev);

/**
 * stopper_uring_prep_event() - have a CQE arrive when an event fires
 * @sqe: an entry of the caller's own ring
 * @ev: the event; NULL: one that never fires
 *
 * Prepares a poll of the event's descriptor. The CQE's res is positive when it
 * fired (at once when it had fired before), negative on error. Set the user
 * data afterwards. The event must live until the CQE has arrived.
 * Return: 0; -EINVAL without @sqe; -EMFILE, -ENFILE, -ENOMEM: @sqe is a no-op then.
 */
STOPPER_API int stopper_uring_prep_event(struct io_uring_sqe *sqe, struct stopper_event *ev);

/**
 * stopper_wait_backend() - how this process waits
 *
 * Decided at the first wait, by asking the kernel, unless the environment says
 * STOPPER_WAIT=uring-futex, uring-eventfd or futex.
 * Where io_uring is refused later, by a seccomp filter say, it is futex from then on, which is
 * said once on standard error.
 * Return: one of these three.
 */
STOPPER_API const char *stopper_wait_backend(void);

STOPPER_END_DECLS

#endif /* STOPPER_URING_H */
