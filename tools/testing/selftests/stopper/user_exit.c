// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_exit.c - a process may exit in any way, from any place, while all that the library has runs.
 *
 * Each test runs with each way to wait. A process that must end is a child of the test.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stopper/print.h>
#include <stopper/stopper.h>
#include <stopper/trace.h>
#include "env/each_way.h"
#include "env/program.h"

static void spin(struct stopper_ctx *ctx, void *s)
{
	while (!stopper_event_fired(stopper_should_stop(s)))
		sched_yield();
}

static void *run_tasks(void *arg)
{
	struct stopper *s = arg;
	struct stopper_task task;

	while (!stopper_run_task(s, NULL, "sync", nothing, NULL))
		if (!stopper_task_begin(s, NULL, "handle", &task))
			stopper_task_end(&task);
	return NULL;
}

static void *print_lists(void *null)
{
	for (;;)
		stopper_debug_print(null);
	return NULL;
}

enum way { EXIT, QUICK_EXIT, UNDERSCORE_EXIT, ABORT, NR_WAYS };
enum place { MAIN, TASK, WORKER, CLOSER, CALLBACK, HOOK, NR_PLACES };

struct leaver {
	struct stopper *s;
	enum way way;
	enum place place;
};

static void leave(struct leaver *l)
{
	switch (l->way) {
	case EXIT:
		exit(7);
	case QUICK_EXIT:
		quick_exit(7);
	case UNDERSCORE_EXIT:
		_exit(7);
	default:
		abort();
	}
}

static void leave_fn(struct stopper_ctx *ctx, void *arg)
{
	leave(arg);
}

static void leave_closer(void *arg)
{
	leave(arg);
}

static void leave_callback(struct stopper_on_fire *of, void *arg)
{
	leave(arg);
}

static void leave_hook(void *arg, const struct stopper_panic_info *info)
{
	leave(arg);
}

static void panics(struct stopper_ctx *ctx, void *arg)
{
	stopper_panic(NULL);
}

/* The program of which @l leaves while all that there is runs. Ends by itself, or not at all. */
static void program(struct leaver *l)
{
	struct stopper_options opts = {
		.size = sizeof(opts), .log = quiet, .on_panic = leave_hook, .on_panic_arg = l,
	};
	struct stopper_on_fire of;
	pthread_t thread;
	int i, err;

	alarm(60);
	err = stopper_trace_start("/dev/null") || stopper_create(&l->s, "leaving", &opts);
	for (i = 0; i < 4; i++)
		err = err || stopper_run_async_task(l->s, NULL, "waits", wait_quiesce, l->s) ||
		      stopper_run_worker(l->s, NULL, "waits", wait_stop, l->s);
	err = err || stopper_run_worker(l->s, NULL, "spins", spin, l->s) ||
	      pthread_create(&thread, NULL, run_tasks, l->s) || pthread_detach(thread) ||
	      pthread_create(&thread, NULL, print_lists, fopen("/dev/null", "w")) ||
	      pthread_detach(thread);
	if (l->place == TASK)
		err = err || stopper_run_async_task(l->s, NULL, "leaves", leave_fn, l);
	if (l->place == WORKER)
		err = err || stopper_run_worker(l->s, NULL, "leaves", leave_fn, l);
	if (l->place == CLOSER)
		err = err || stopper_add_closer_fn(l->s, "leaves", leave_closer, l);
	if (l->place == CALLBACK)
		err = err || stopper_event_on_fire(stopper_should_quiesce(l->s), &of,
						   leave_callback, l);
	if (l->place == HOOK)
		err = err || stopper_run_async_task(l->s, NULL, "panics", panics, l);
	if (err)
		_exit(1);
	if (l->place == MAIN)
		leave(l);
	stopper_stop(l->s, NULL);
	stopper_wait(NULL, NULL);
}

TEST_F_TIMEOUT(each_way, may_exit_anywhere_in_any_way, 200)
{
	struct leaver l = { .s = NULL };
	int status;
	pid_t pid;

	for (l.way = 0; l.way < NR_WAYS; l.way++) {
		for (l.place = 0; l.place < NR_PLACES; l.place++) {
			fflush(NULL);
			pid = fork();
			ASSERT_GE(pid, 0);
			if (!pid)
				program(&l);
			status = child_status(pid);
			EXPECT_EQ(status, l.way == ABORT ? SIGABRT : 7 << 8)
				TH_LOG("way %d, place %d", l.way, l.place);
		}
	}
}

static struct stopper *at_exit;
static int stop_said;

static void stop_at_exit(void)
{
	stop_said = stopper_stop(at_exit, NULL);
	if (!stop_said)
		stopper_put(at_exit);
}

/* Runs after the one above. */
static void tell_what_it_said(void)
{
	_exit(-stop_said);
}

static void exit_fn(struct stopper_ctx *ctx, void *arg)
{
	exit(1);
}

/* @inside: it is a task that calls exit(), so that the stop would wait for itself. */
static void stopping_at_exit(bool inside)
{
	int i;

	alarm(60);
	if (stopper_create(&at_exit, "at exit", NULL))
		_exit(100);
	atexit(tell_what_it_said);
	atexit(stop_at_exit);
	for (i = 0; i < 4; i++)
		if (stopper_run_async_task(at_exit, NULL, "waits", wait_quiesce, at_exit) ||
		    stopper_run_worker(at_exit, NULL, "waits", wait_stop, at_exit))
			_exit(101);
	if (inside && stopper_run_async_task(at_exit, NULL, "exits", exit_fn, NULL))
		_exit(102);
	if (inside)
		stopper_wait(NULL, NULL);
	exit(1);
}

TEST_F(each_way, atexit_handler_may_stop)
{
	int inside, status;
	pid_t pid;

	for (inside = 0; inside < 2; inside++) {
		fflush(NULL);
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid)
			stopping_at_exit(inside);
		status = child_status(pid);
		ASSERT_TRUE(WIFEXITED(status));
		EXPECT_EQ(WEXITSTATUS(status), inside ? EDEADLK : 0);
	}
}

static void *last_thread(void *s)
{
	stopper_wait(stopper_is_stopped(s), NULL);
	exit(7);
}

/* main()'s thread may go before the others, with its slots, and while it is waited for. */
static void main_thread_goes(void)
{
	struct stopper *s = NULL;
	pthread_t thread;

	alarm(60);
	if (stopper_create(&s, "headless", NULL) ||
	    stopper_run_task(s, NULL, "first", nothing, NULL) ||
	    stopper_run_async_task(s, NULL, "waits", wait_quiesce, s) || stopper_stop_async(s) ||
	    pthread_create(&thread, NULL, last_thread, s))
		_exit(1);
	pthread_exit(NULL);
}

TEST_F(each_way, thread_of_main_may_go_first)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		main_thread_goes();
	EXPECT_EQ(child_status(pid), 7 << 8);
}

TEST_HARNESS_MAIN
