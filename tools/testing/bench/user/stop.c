// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * stop.c - what it costs to stop, to make a stopper, and to list what runs.
 *
 *   stop_idle         stopper_stop() with nothing running. Peer "membarrier": one
 *                     membarrier(PRIVATE_EXPEDITED)
 *   last_end_to_stop  from just before the last stopper_task_end() to stopper_stop()
 *                     returned on a thread that was asleep in it; median of a
 *                     sample. Peer "futex": park.c, likewise
 *   stop_many         one stop with 10,000 on-quiesce contexts and 1,000 workers that
 *                     wait for ShouldStop; the workers are asleep or nearly so
 *   create_stop_put   all three
 *   debug_list_10k    stopper_debug_print() of 10,000 handles, begun by 8 threads,
 *                     to a stream that only counts bytes
 */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <stopper/print.h>
#include "bench.h"

#define ENDS		200
#define CONTEXTS	10000
#define WORKERS		1000
#define LISTED		10000
#define LISTED_BY	8

static double sample_stop_idle(unsigned int threads, uint64_t ops)
{
	int64_t sum = 0, from;
	struct stopper *s;
	uint64_t i;

	(void)threads;
	for (i = 0; i < ops; i++) {
		s = new_stopper();
		from = now_ns();
		if (stopper_stop(s, NULL))
			die("stopper_stop failed");
		sum += now_ns() - from;
		stopper_put(s);
	}
	return (double)sum / (double)ops;
}

static void open_membarrier(unsigned int threads)
{
	(void)threads;
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
		die("no membarrier here");
}

static void loop_membarrier(unsigned int i, uint64_t n)
{
	(void)i;
	for (; n; n--)
		if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0))
			die("membarrier failed");
}

void loop_create(unsigned int i, uint64_t n)
{
	struct stopper *s;

	(void)i;
	for (; n; n--) {
		s = new_stopper();
		if (stopper_stop(s, NULL))
			die("stopper_stop failed");
		stopper_put(s);
	}
}

/* --- from the last end to the stop ------------------------------------------------------------ */

/* ->turn counts the stops that were asked for, ->done those that have returned. */
static struct {
	atomic_uint turn OWN_LINE;
	atomic_uint done OWN_LINE;
	int64_t at;
	pthread_t thread;
	pid_t tid;
	struct stopper *s;
} stops;

static void *stops_main(void *arg)
{
	unsigned int turn = 0;

	(void)arg;
	pin_self(SLEEPER);
	stops.tid = (pid_t)syscall(SYS_gettid);
	while ((turn = sleep_past(&stops.turn, turn), stops.s)) {
		if (stopper_stop(stops.s, NULL))
			die("stopper_stop failed");
		stops.at = now_ns();
		atomic_store_explicit(&stops.done, turn, memory_order_release);
	}
	return NULL;
}

static void open_stops(unsigned int threads)
{
	(void)threads;
	if (pthread_create(&stops.thread, NULL, stops_main, NULL))
		die("no thread");
}

static void ask_stop(struct stopper *s)
{
	stops.s = s;
	set_and_wake(&stops.turn, atomic_load(&stops.turn) + 1);
}

static void close_stops(void)
{
	ask_stop(NULL);
	pthread_join(stops.thread, NULL);
}

static int64_t time_last_end(void)
{
	unsigned int done = atomic_load(&stops.done);
	struct stopper *s = new_stopper();
	struct stopper_task task;
	int64_t from;

	if (stopper_task_begin(s, NULL, "last", &task))
		die("stopper_task_begin failed");
	ask_stop(s);
	while (stopper_phase(s) == STOPPER_RUNNING)
		sched_yield();
	wait_asleep(stops.tid);
	if (atomic_load(&stops.done) != done)
		die("stopper_stop did not wait for a task");
	from = now_ns();
	stopper_task_end(&task);
	wait_past(&stops.done, done);
	if (stopper_phase(s) != STOPPER_STOPPED)
		die("stopper_stop returned too early");
	stopper_put(s);
	return stops.at - from;
}

static double sample_last_end(unsigned int threads, uint64_t ops)
{
	int64_t ns[ENDS];
	uint64_t i;

	(void)threads;
	pin_self(WAKER);
	for (i = 0; i < ops; i++)
		ns[i] = time_last_end();
	return quantile(ns, ops, 0.5);
}

static double sample_futex(unsigned int threads, uint64_t ops)
{
	(void)threads;
	return wake_quantile(ops, 0.5);
}

/* --- many contexts, many workers -------------------------------------------------------------- */

static atomic_uint at_work, returned;

static void waiter(struct stopper_ctx *ctx, void *arg)
{
	atomic_fetch_add(&at_work, 1);
	if (stopper_wait(stopper_should_stop(arg), ctx))
		die("nobody told him to stop");
	atomic_fetch_add(&returned, 1);
}

static double sample_stop_many(unsigned int threads, uint64_t ops)
{
	static struct stopper_ctx *ctx[CONTEXTS];
	struct stopper *s = new_stopper();
	int64_t from, wall;
	unsigned int i;

	(void)threads;
	(void)ops;
	at_work = 0;
	returned = 0;
	for (i = 0; i < CONTEXTS; i++)
		if (stopper_ctx_with_cancel_on_quiesce(s, NULL, &ctx[i]))
			die("no context");
	for (i = 0; i < WORKERS; i++)
		if (stopper_run_worker(s, NULL, "bench", waiter, s))
			die("no worker");
	while (atomic_load(&at_work) < WORKERS)
		usleep(1000);
	usleep(10000);
	from = now_ns();
	if (stopper_stop(s, NULL))
		die("stopper_stop failed");
	wall = now_ns() - from;
	if (atomic_load(&returned) != WORKERS)
		die("stopped before every worker had returned");
	for (i = 0; i < CONTEXTS; i++) {
		if (stopper_ctx_err(ctx[i]) != -ECANCELED)
			die("a context was not cancelled");
		stopper_ctx_put(ctx[i]);
	}
	stopper_put(s);
	return (double)wall;
}

/* --- the debug list --------------------------------------------------------------------------- */

static struct stopper_task listed[LISTED];

static void begin_listed(unsigned int i, uint64_t n)
{
	uint64_t k;

	for (k = 0; k < n; k++)
		if (stopper_task_begin(stoppers[0], NULL, "listed", &listed[i * n + k]))
			die("stopper_task_begin failed");
}

static void check_list(void)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f || stopper_debug_print(f) || fclose(f) || !strstr(text, " 10000 \"listed\""))
		die("the debug list does not show 10000 tasks");
	free(text);
}

static void open_list(unsigned int threads)
{
	(void)threads;
	open_stopper(1);
	run_threads(LISTED_BY, begin_listed, LISTED / LISTED_BY);
	if (stopper_num_tasks(stoppers[0]) != LISTED)
		die("not all tasks are counted");
	check_list();
}

static void close_list(void)
{
	unsigned int i;

	check_list();
	for (i = 0; i < LISTED; i++)
		stopper_task_end(&listed[i]);
	close_stoppers();
}

static ssize_t swallow(void *cookie, const char *buf, size_t size)
{
	(void)buf;
	*(size_t *)cookie += size;
	return (ssize_t)size;
}

static void loop_list(unsigned int i, uint64_t n)
{
	static const cookie_io_functions_t sink = { .write = swallow };
	size_t bytes = 0;
	FILE *f = fopencookie(&bytes, "w", sink);

	(void)i;
	if (!f)
		die("no stream");
	for (; n; n--)
		if (stopper_debug_print(f))
			die("stopper_debug_print failed");
	if (fclose(f) || !bytes)
		die("the debug list is empty");
}

/* -------------------------------------------------------------------------------------------- */

const struct bench_case stop_cases[] = {
	{ "stop_idle", { 1 }, { .sample = sample_stop_idle },
	  { { .name = "membarrier", .loop = loop_membarrier, .open = open_membarrier } } },
	{ "last_end_to_stop", { 1 },
	  { .sample = sample_last_end, .open = open_stops, .close = close_stops, .ops = ENDS },
	  { { .name = "futex", .sample = sample_futex, .open = open_parked,
	      .close = close_parked, .ops = ENDS } } },
	{ "stop_many", { 1 }, { .sample = sample_stop_many, .ops = 1 }, { { 0 } } },
	{ "create_stop_put", { 1 }, { .loop = loop_create }, { { 0 } } },
	{ "debug_list_10k", { 1 }, { .loop = loop_list, .open = open_list, .close = close_list },
	  { { 0 } } },
	{ 0 }
};
