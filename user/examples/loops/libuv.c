// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * libuv.c - a server on libuv: cc libuv.c $(pkg-config --cflags --libs stopper libuv)
 */
#include <uv.h>
#include "loop.h"

static uv_poll_t in, quiesce, stopped;

static void forget(uv_handle_t *timer)
{
	free(timer);
}

static void answer(uv_timer_t *timer)
{
	request_answer(timer->data);
	uv_close((uv_handle_t *)timer, forget);
}

static void start(struct request *r)
{
	uv_timer_t *timer = malloc(sizeof(*timer));

	if (!timer)
		exit(2);
	uv_timer_init(uv_default_loop(), timer);
	timer->data = r;
	uv_timer_start(timer, answer, ANSWER_MS, 0);
}

static void on_input(uv_poll_t *p, int status, int events)
{
	read_input(start);
}

static void on_quiesce(uv_poll_t *p, int status, int events)
{
	uv_poll_stop(&in);
	uv_poll_stop(&quiesce);
}

/* The last handle that is active: uv_run() returns. */
static void on_stopped(uv_poll_t *p, int status, int events)
{
	uv_poll_stop(&stopped);
}

static void watch(uv_poll_t *p, int fd, uv_poll_cb fn)
{
	if (uv_poll_init(uv_default_loop(), p, fd) || uv_poll_start(p, UV_READABLE, fn))
		exit(2);
}

int main(void)
{
	server_create("libuv");
	watch(&in, STDIN_FILENO, on_input);
	watch(&quiesce, stopper_event_fd(stopper_should_quiesce(s)), on_quiesce);
	watch(&stopped, stopper_event_fd(stopper_is_stopped(s)), on_stopped);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	return server_end();
}
