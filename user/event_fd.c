// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * event_fd.c - an event as a descriptor, and on the caller's own ring.
 *
 * An event gets its eventfd when somebody first asks. Asking and firing hold the
 * event's lock, so the descriptor is made readable by whichever comes second. It
 * is never read, so it stays readable; it belongs to the event, so the firing
 * thread never writes to a number that the program has reused. It is closed by the last
 * put of what the event lies in, which is no cancellation point as close() would be.
 */
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <stopper/uring.h>
#include "internal.h"

/* With ev->lock held, ->fired set. */
void plat_event_fired(struct stopper_event *ev)
{
	if (ev->fd)
		eventfd_signal(ev->fd - 1);
}

void plat_event_closed(struct stopper_event *ev)
{
	if (ev->fd)
		syscall(SYS_close, ev->fd - 1);
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
	fd = ev->fd ? ev->fd - 1 : eventfd(ev->fired ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd >= 0)
		ev->fd = fd + 1;
	else
		fd = -errno;
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
