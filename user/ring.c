// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * ring.c - a ring on which one thread waits, for one request at a time.
 *
 * Accounting. The kernel counts a thread that sleeps in io_uring_enter() for a completion as
 * blocked on I/O: load, iowait and I/O pressure rise to 100 % on an idle machine, and autoscalers
 * react to it. So a wait submits first, and then sleeps with IORING_ENTER_NO_IOWAIT (since 6.15),
 * or else in ppoll() on the ring's descriptor, which counts as an ordinary sleep.
 *
 * Measured once each, first with eight threads that wait for a second, then with one that is
 * woken 3000 times: the mean of procs_blocked and the "some" share of /proc/pressure/io, both of
 * the whole machine, and the median time from the waker's store to the return of the wait, as a
 * ratio to io_uring_enter():
 *
 *                          6.1 (eventfd)      6.12 (futex)       6.18 (futex)
 *   io_uring_enter()       8.0  100 %  1.00   8.0  100 %  1.00   9.0   63 %  1.00
 *   + NO_IOWAIT            -                  -                  0.5   17 %  1.02
 *   submit, ppoll()        0.0    0 %  1.21   0.0    0 %  1.25   0.0    1 %  0.96
 *   plain futex            0.0    0 %  0.77   0.0    0 %  0.87   0.0    1 %  0.55
 *
 * 6.1 and 6.12 ran in an emulator, where system calls are expensive, on an otherwise idle
 * machine. The machine with 6.18 did other I/O, which is included in its figures; with an eventfd
 * it had 0.0 and 0 % for NO_IOWAIT.
 *
 * Descriptors. A program may close all descriptors that it does not know (closefrom(3), daemons),
 * and reuse the ring's number for its own file. The ring itself lives on through its mapping. So:
 *
 *   a submission shows whether the number is still the ring's: if the kernel does not move the
 *   head of the mapped queue, the number is another ring's, or no ring's (EBADF, EOPNOTSUPP);
 *   a sleeping thread holds the open file, so closing the number meanwhile has no effect;
 *   a number that is no longer the ring's is neither closed nor used again (own_fd.c).
 *
 * Between a submission and the sleep the number is not checked again: if the program closes it
 * and opens another file in that moment, this wait sleeps on that file.
 *
 * No function here is a cancellation point.
 */
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "ring.h"

/* Since Linux 6.15; older headers lack them. */
#define ENTER_NO_IOWAIT	(1U << 7)
#define FEAT_NO_IOWAIT	(1U << 17)

#define RING_ENTRIES	4
#define TAG_WAIT	RING_TAG
#define TAG_CANCEL	(RING_TAG + 1)

struct ring *ring_open(bool with_fd, int *err)
{
	struct ring *r = calloc(1, sizeof(*r));

	*err = -ENOMEM;
	if (!r)
		return NULL;
	r->efd = with_fd ? eventfd_open(0, FD_WAITER) : -1;
	*err = with_fd && r->efd < 0 ? r->efd : io_uring_queue_init(RING_ENTRIES, &r->uring, 0);
	if (!*err) {
		fd_mark(r->uring.ring_fd, FD_RING);
		return r;
	}
	eventfd_close(r->efd, FD_WAITER);
	free(r);
	return NULL;
}

/* No request that uses a stack may be in flight. A descriptor that is not the ring's stays open. */
static void ring_free(struct ring *r)
{
	/* liburing does not close -1. */
	if (!fd_is_ours(r->uring.ring_fd, FD_RING))
		r->uring.ring_fd = -1;
	io_uring_queue_exit(&r->uring);
	free(r);
}

/* For a ring whose eventfd no waker knows. */
void ring_close(struct ring *r)
{
	eventfd_close(r->efd, FD_WAITER);
	ring_free(r);
}

/* A waker may still write to the eventfd, so this stays open. True: the program has closed it. */
bool ring_drop(struct ring *r)
{
	bool all = !fd_is_ours(r->efd, FD_WAITER);

	ring_free(r);
	return all;
}

static int ring_submit(struct ring *r)
{
	int ret;

	do
		ret = io_uring_submit(&r->uring);
	while (ret == -EINTR);
	if (ret >= 0 && io_uring_sq_ready(&r->uring))
		ret = -EBADF;
	return ret < 0 ? ret : 0;
}

static int ring_sleep_in_enter(struct ring *r, const int64_t *left)
{
	struct __kernel_timespec ts;
	struct io_uring_getevents_arg arg = { 0 };
	long ret;

	if (left) {
		ts.tv_sec = *left / NS_PER_SEC;
		ts.tv_nsec = *left % NS_PER_SEC;
		arg.ts = (uintptr_t)&ts;
	}
	ret = syscall(__NR_io_uring_enter, r->uring.ring_fd, 0, 1,
		      IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | ENTER_NO_IOWAIT, &arg,
		      sizeof(arg));
	return ret < 0 && errno != EINTR && errno != ETIME && errno != EAGAIN && errno != EBUSY ?
	       -errno : 0;
}

static int ring_sleep_in_poll(struct ring *r, const int64_t *left)
{
	struct pollfd p = { .fd = r->uring.ring_fd, .events = POLLIN };
	struct timespec ts;

	if (left) {
		ts.tv_sec = *left / NS_PER_SEC;
		ts.tv_nsec = *left % NS_PER_SEC;
	}
	if (syscall(SYS_ppoll, &p, 1, left ? &ts : NULL, NULL, 0) < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	return p.revents & POLLNVAL ? -EBADF : 0;
}

/* May return early. On an error this ring is unusable. */
static int ring_sleep(struct ring *r, int64_t deadline)
{
	int64_t left = deadline == PLAT_FOREVER ? 0 : deadline - plat_now();
	const int64_t *limit = deadline == PLAT_FOREVER ? NULL : &left;

	if (limit && left < 0)
		left = 0;
	return r->uring.features & FEAT_NO_IOWAIT ? ring_sleep_in_enter(r, limit) :
	       ring_sleep_in_poll(r, limit);
}

static void ring_reap(struct ring *r, bool *waiting, bool *cancelling)
{
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;

	io_uring_for_each_cqe(&r->uring, head, cqe) {
		if (cqe->user_data == TAG_WAIT)
			*waiting = false;
		else
			*cancelling = false;
		n++;
	}
	io_uring_cq_advance(&r->uring, n);
}

/* Waits until the request has ended: it must not outlive the caller's stack. */
static int ring_cancel(struct ring *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->uring);
	bool waiting = true, cancelling = true;
	int err;

	io_uring_prep_cancel64(sqe, TAG_WAIT, 0);
	io_uring_sqe_set_data64(sqe, TAG_CANCEL);
	err = ring_submit(r);
	ring_reap(r, &waiting, &cancelling);
	while (!err && (waiting || cancelling)) {
		err = ring_sleep(r, PLAT_FOREVER);
		ring_reap(r, &waiting, &cancelling);
	}
	return err;
}

/*
 * Submits the queued request and waits for it or for @deadline; on return it has ended. On an
 * error the ring must be dropped, and the kernel may still hold the request.
 */
int ring_wait(struct ring *r, int64_t deadline)
{
	bool waiting = true, cancelling;
	int err = ring_submit(r);

	if (!err)
		err = ring_sleep(r, deadline);
	ring_reap(r, &waiting, &cancelling);
	return err || !waiting ? err : ring_cancel(r);
}
