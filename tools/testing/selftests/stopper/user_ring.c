// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_ring.c - events on the caller's own loop: an io_uring, epoll.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <stopper/stopper.h>
#include <stopper/uring.h>
#include "kselftest_harness.h"
#include "env/exercise.h"

static int open_fds(void)
{
	int n = 0, fd;

	for (fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

TEST(event_arrives_on_the_callers_ring)
{
	struct stopper_event ev;
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int round;

	if (io_uring_queue_init(8, &ring, 0))
		SKIP(return, "no io_uring here");
	for (round = 0; round < 2; round++) {
		stopper_event_init(&ev);
		if (round)		/* fired before it was armed */
			stopper_event_fire(&ev);
		sqe = io_uring_get_sqe(&ring);
		ASSERT_EQ(stopper_uring_prep_event(sqe, &ev), 0);
		io_uring_sqe_set_data64(sqe, 4711 + round);
		ASSERT_EQ(io_uring_submit(&ring), 1);
		if (!round) {
			env_nap();
			EXPECT_EQ(io_uring_peek_cqe(&ring, &cqe), -EAGAIN);
			stopper_event_fire(&ev);
		}
		ASSERT_EQ(io_uring_wait_cqe(&ring, &cqe), 0);
		EXPECT_GT(cqe->res, 0);
		EXPECT_EQ(io_uring_cqe_get_data64(cqe), 4711 + round);
		io_uring_cqe_seen(&ring, cqe);
		stopper_event_destroy(&ev);
	}
	EXPECT_EQ(stopper_uring_prep_event(NULL, &ev), -EINVAL);
	io_uring_queue_exit(&ring);
}

TEST(should_quiesce_arrives_on_the_callers_ring)
{
	struct io_uring_cqe *cqe;
	struct stopper *s = NULL;
	struct io_uring ring;
	struct stopper_task task;

	if (io_uring_queue_init(8, &ring, 0))
		SKIP(return, "no io_uring here");
	ASSERT_EQ(stopper_create(&s, "ring", NULL), 0);
	ASSERT_EQ(stopper_task_begin(s, NULL, "request", &task), 0);
	ASSERT_EQ(stopper_uring_prep_event(io_uring_get_sqe(&ring), stopper_should_quiesce(s)), 0);
	ASSERT_EQ(stopper_uring_prep_event(io_uring_get_sqe(&ring), stopper_should_quiesce(NULL)),
		  0);
	ASSERT_EQ(io_uring_submit(&ring), 2);
	EXPECT_EQ(io_uring_peek_cqe(&ring, &cqe), -EAGAIN);
	ASSERT_EQ(stopper_stop_async(s), 0);
	ASSERT_EQ(io_uring_wait_cqe(&ring, &cqe), 0);
	EXPECT_GT(cqe->res, 0);
	io_uring_cqe_seen(&ring, cqe);
	/* that of no stopper never comes */
	EXPECT_EQ(io_uring_peek_cqe(&ring, &cqe), -EAGAIN);
	EXPECT_EQ(stopper_phase(s), STOPPER_QUIESCING);
	stopper_task_end(&task);
	EXPECT_EQ(stopper_stop(s, NULL), 0);
	stopper_put(s);
	io_uring_queue_exit(&ring);
}

TEST(event_has_a_descriptor_for_epoll)
{
	struct epoll_event what = { .events = EPOLLIN }, got;
	int ep = epoll_create1(0), before = open_fds(), fd;
	struct stopper_event ev;

	stopper_event_init(&ev);
	fd = stopper_event_fd(&ev);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(stopper_event_fd(&ev), fd);
	EXPECT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ASSERT_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &what), 0);
	EXPECT_EQ(epoll_wait(ep, &got, 1, 0), 0);
	stopper_event_fire(&ev);
	EXPECT_EQ(epoll_wait(ep, &got, 1, -1), 1);
	EXPECT_EQ(epoll_wait(ep, &got, 1, 0), 1);	/* for ever */
	stopper_event_destroy(&ev);
	EXPECT_EQ(open_fds(), before);
	/* one that fired before it was asked for */
	stopper_event_init(&ev);
	stopper_event_fire(&ev);
	ASSERT_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, stopper_event_fd(&ev), &what), 0);
	EXPECT_EQ(epoll_wait(ep, &got, 1, -1), 1);
	stopper_event_destroy(&ev);
	close(ep);
}

TEST(descriptor_of_no_event_never_becomes_readable)
{
	struct pollfd p = { .fd = stopper_event_fd(NULL), .events = POLLIN };

	ASSERT_GE(p.fd, 0);
	EXPECT_EQ(poll(&p, 1, 10), 0);
	p.fd = stopper_event_fd(stopper_should_stop(NULL));
	ASSERT_GE(p.fd, 0);
	EXPECT_EQ(poll(&p, 1, 10), 0);
}

TEST(descriptor_of_a_stopper_goes_with_it)
{
	struct stopper *s = NULL;
	int before, round;

	ASSERT_EQ(exercise(), 0);
	before = open_fds();
	for (round = 0; round < 300; round++) {
		ASSERT_EQ(stopper_create(&s, "fds", NULL), 0);
		ASSERT_GE(stopper_event_fd(stopper_should_quiesce(s)), 0);
		ASSERT_GE(stopper_event_fd(stopper_is_stopped(s)), 0);
		ASSERT_EQ(stopper_stop(s, NULL), 0);
		stopper_put(s);
	}
	/* Fewer is fine: a worker of exercise() may have let go of its stopper only now. */
	EXPECT_LE(open_fds(), before);
}

TEST_HARNESS_MAIN
