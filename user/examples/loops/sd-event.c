// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * sd-event.c - a server on sd-event: cc sd-event.c $(pkg-config --cflags --libs stopper libsystemd)
 */
#include <sys/epoll.h>
#include <time.h>
#include <systemd/sd-event.h>
#include "loop.h"

static struct sd_event *loop;
static struct sd_event_source *in;

static int answer(sd_event_source *source, uint64_t usec, void *r)
{
	request_answer(r);
	return 0;
}

static void start(struct request *r)
{
	if (sd_event_add_time_relative(loop, NULL, CLOCK_MONOTONIC, ANSWER_MS * 1000, 0, answer,
				       r) < 0)
		exit(2);
}

static int on_input(sd_event_source *source, int fd, uint32_t what, void *arg)
{
	read_input(start);
	return 0;
}

static int on_quiesce(sd_event_source *source, int fd, uint32_t what, void *arg)
{
	in = sd_event_source_unref(in);
	return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

static int on_stopped(sd_event_source *source, int fd, uint32_t what, void *arg)
{
	return sd_event_exit(loop, 0);
}

static void watch(sd_event_source **source, int fd, sd_event_io_handler_t fn)
{
	if (sd_event_add_io(loop, source, fd, EPOLLIN, fn, NULL) < 0)
		exit(2);
}

int main(void)
{
	server_create("sd-event");
	if (sd_event_new(&loop) < 0)
		return 2;
	watch(&in, STDIN_FILENO, on_input);
	watch(NULL, stopper_event_fd(stopper_should_quiesce(s)), on_quiesce);
	watch(NULL, stopper_event_fd(stopper_is_stopped(s)), on_stopped);
	sd_event_loop(loop);
	sd_event_unref(loop);
	return server_end();
}
