// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * stuck.c - runs the README's code (web.c); its stop hangs until the list was printed.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <stopper/print.h>
#include "web.c"

static int disk[2];

static void wait_for_stop(struct stopper_ctx *ctx, void *arg)
{
	stopper_wait(stopper_should_stop(web), NULL);
}

static void close_listener(void *arg)
{
}

static void start(void)
{
	if (pipe(disk) || web_start() ||
	    stopper_run_worker(web, NULL, "accept", wait_for_stop, NULL) ||
	    stopper_add_closer_fn(web, "listener", close_listener, NULL) ||
	    web_accept(NULL) || web_accept(NULL))
		exit(1);
}

/* A slow disk. */
void answer(void *conn)
{
	char c;

	if (read(disk[0], &c, 1) != 0)
		abort();
}

static void *stop(void *arg)
{
	web_stop();
	return NULL;
}

int main(void)
{
	pthread_t stopping;

	start();
	poll(NULL, 0, 300);
	if (web_accept(NULL))
		return 1;
	poll(NULL, 0, 200);
	if (pthread_create(&stopping, NULL, stop, NULL))
		return 1;
	poll(NULL, 0, 1500);
	stopper_debug_print(stdout);
	close(disk[1]);
	pthread_join(stopping, NULL);
	return 0;
}
