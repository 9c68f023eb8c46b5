// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * libevent.c - a server on libevent: cc libevent.c $(pkg-config --cflags --libs stopper libevent)
 */
#include <event2/event.h>
#include "loop.h"

static struct event_base *loop;
static struct event *in;

static void answer(evutil_socket_t fd, short what, void *r)
{
	request_answer(r);
}

static void start(struct request *r)
{
	const struct timeval delay = { .tv_usec = ANSWER_MS * 1000 };

	if (event_base_once(loop, -1, EV_TIMEOUT, answer, r, &delay))
		exit(2);
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
	read_input(start);
}

static void on_quiesce(evutil_socket_t fd, short what, void *arg)
{
	event_del(in);
}

static void on_stopped(evutil_socket_t fd, short what, void *arg)
{
	event_base_loopbreak(loop);
}

int main(void)
{
	server_create("libevent");
	loop = event_base_new();
	in = event_new(loop, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, NULL);
	if (event_add(in, NULL) ||
	    event_base_once(loop, stopper_event_fd(stopper_should_quiesce(s)), EV_READ, on_quiesce,
			    NULL, NULL) ||
	    event_base_once(loop, stopper_event_fd(stopper_is_stopped(s)), EV_READ, on_stopped,
			    NULL, NULL))
		return 2;
	event_base_dispatch(loop);
	event_free(in);
	event_base_free(loop);
	return server_end();
}
