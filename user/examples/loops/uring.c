// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * uring.c - a server on a ring: cc uring.c $(pkg-config --cflags --libs stopper liburing)
 *
 * The events of the stopper are completions like all others.
 */
#include <liburing.h>
#include "loop.h"

static struct io_uring ring;
static char data[512];
static char in, quiesce, stopped, ignored;	/* their addresses say what is complete */

static struct io_uring_sqe *get_sqe(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	while (!sqe) {
		io_uring_submit(&ring);
		sqe = io_uring_get_sqe(&ring);
	}
	return sqe;
}

static void start(struct request *r)
{
	static struct __kernel_timespec delay = { .tv_nsec = ANSWER_MS * 1000000 };
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_timeout(sqe, &delay, 0, 0);
	io_uring_sqe_set_data(sqe, r);
}

static void read_more(void)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_read(sqe, STDIN_FILENO, data, sizeof(data), 0);
	io_uring_sqe_set_data(sqe, &in);
}

static void stop_reading(void)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_cancel(sqe, &in, 0);
	io_uring_sqe_set_data(sqe, &ignored);
}

static void watch(struct stopper_event *event, void *what)
{
	struct io_uring_sqe *sqe = get_sqe();

	if (stopper_uring_prep_event(sqe, event))
		exit(2);
	io_uring_sqe_set_data(sqe, what);
}

int main(void)
{
	struct io_uring_cqe *cqe;
	void *what = NULL;
	int res;

	if (io_uring_queue_init(64, &ring, 0))
		return 77;		/* no io_uring here */
	server_create("uring");
	watch(stopper_should_quiesce(s), &quiesce);
	watch(stopper_is_stopped(s), &stopped);
	read_more();
	while (what != &stopped) {
		io_uring_submit_and_wait(&ring, 1);
		if (io_uring_peek_cqe(&ring, &cqe))
			continue;
		what = io_uring_cqe_get_data(cqe);
		res = cqe->res;
		io_uring_cqe_seen(&ring, cqe);
		if (what == &in) {
			if (res != -ECANCELED)
				input(data, res, start);
			if (res > 0)
				read_more();
		} else if (what == &quiesce) {
			stop_reading();
		} else if (what != &ignored && what != &stopped) {
			request_answer(what);
		}
	}
	io_uring_queue_exit(&ring);
	return server_end();
}
