// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * event_fd.c - an event as a descriptor, and on the caller's own ring.
 *
 * An event gets its eventfd at the first call of stopper_event_fd(). This call and firing hold
 * the event's lock, so the second of the two makes the descriptor readable. Nobody reads it, so
 * it stays readable. The last put of the object that contains the event closes it. If the
 * program has closed the descriptor, the next call returns a new one.
 */
#include <liburing.h>
#include <poll.h>
#include <stopper/uring.h>
#include "internal.h"
#include "event.h"

/* With ev->lock held, ->fired set. */
void plat_event_fired(struct stopper_event *ev)
{
	if (ev->fd)
		eventfd_signal(ev->fd - 1, FD_EVENT);
}

void plat_event_closed(struct stopper_event *ev)
{
	if (ev->fd)
		eventfd_close(ev->fd - 1, FD_EVENT);
	ev->fd = 0;
}

int stopper_event_fd(struct stopper_event *ev)
{
	plat_flags_t f;
	int fd;

	if (!ev)
		ev = &event_never;
	if (plat_is_copy())
		return -ENOTSUP;
	plat_lock(&ev->lock, f);
	fd = ev->fd - 1;
	if (fd < 0 || !fd_is_ours(fd, FD_EVENT))
		fd = eventfd_open(ev->fired ? 1 : 0, FD_EVENT);
	ev->fd = fd < 0 ? 0 : fd + 1;
	plat_unlock(&ev->lock, f);
	return fd;
}
EXPORT_SYMBOL_PLAT(stopper_event_fd);

int stopper_uring_prep_event(struct io_uring_sqe *sqe, struct stopper_event *ev)
{
	int fd;

	if (!sqe)
		return -EINVAL;
	fd = stopper_event_fd(ev);
	if (fd < 0)
		io_uring_prep_nop(sqe);
	else
		io_uring_prep_poll_add(sqe, fd, POLLIN);
	return fd < 0 ? fd : 0;
}
EXPORT_SYMBOL_PLAT(stopper_uring_prep_event);
