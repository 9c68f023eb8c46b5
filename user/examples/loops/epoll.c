// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * epoll.c - a server on epoll: cc epoll.c $(pkg-config --cflags --libs stopper)
 */
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include "loop.h"

struct answer {			/* what epoll has: a timer and its request */
	int fd;
	struct request *r;
};

static int loop;

static void add(int fd, void *what)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = what };

	if (fd < 0 || epoll_ctl(loop, EPOLL_CTL_ADD, fd, &ev))
		exit(2);
}

static void start(struct request *r)
{
	const struct itimerspec delay = { .it_value.tv_nsec = ANSWER_MS * 1000000 };
	struct answer *a = malloc(sizeof(*a));

	if (!a)
		exit(2);
	a->r = r;
	a->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	add(a->fd, a);
	timerfd_settime(a->fd, 0, &delay, NULL);
}

int main(void)
{
	static int in, quiesce, stopped;	/* their addresses say what is ready */
	struct epoll_event ev;

	server_create("epoll");
	loop = epoll_create1(EPOLL_CLOEXEC);
	add(STDIN_FILENO, &in);
	add(stopper_event_fd(stopper_should_quiesce(s)), &quiesce);
	add(stopper_event_fd(stopper_is_stopped(s)), &stopped);
	ev.data.ptr = NULL;
	while (ev.data.ptr != &stopped) {
		struct answer *a;

		if (epoll_wait(loop, &ev, 1, -1) < 1)
			continue;	/* EINTR: the signal */
		a = ev.data.ptr;
		if (ev.data.ptr == &in) {
			read_input(start);
		} else if (ev.data.ptr == &quiesce) {
			epoll_ctl(loop, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
			epoll_ctl(loop, EPOLL_CTL_DEL,
				  stopper_event_fd(stopper_should_quiesce(s)), NULL);
		} else if (ev.data.ptr != &stopped) {
			close(a->fd);
			request_answer(a->r);
			free(a);
		}
	}
	close(loop);
	return server_end();
}
