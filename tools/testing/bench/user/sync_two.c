// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * sync_two.c - what a task costs of which, or beside which, another thread does something.
 *
 * task_begin_end_remote: one thread begins, another one ends. They hand over BATCH
 * tasks at a time, two batches in flight, so that handing over weighs little; the
 * peer hands over as much and has one atomic in place of the task.
 *
 * Peers of the others:
 *   alone      run_task_two: the same loop on one thread, nothing on the other
 *   busy       run_task_while_listing: the other threads read an array of their own
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>
#include <stopper/print.h>
#include "bench.h"

#define BATCH		16
#define IN_FLIGHT	(2 * BATCH)
#define SPINS		1000		/* before the CPU is offered to others */
#define ARRAY_LINES	4096

/* --- begun here, ended there ---------------------------------------------------------------- */

static struct stopper_task handed[IN_FLIGHT];
static struct {
	atomic_ulong begun OWN_LINE;
	atomic_ulong ended OWN_LINE;
	atomic_long counted OWN_LINE;	/* by the peer */
} hand;

static void wait_until(atomic_ulong *word, uint64_t at_least)
{
	unsigned int spins = 0;

	while (atomic_load_explicit(word, memory_order_acquire) < at_least)
		if (++spins > SPINS)
			sched_yield();
}

static void begin_batch(struct stopper *s, uint64_t at)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < BATCH; i++)
		err |= stopper_task_begin(s, NULL, "remote", &handed[(at + i) % IN_FLIGHT]);
	check(err, "stopper_task_begin");
}

static void end_batch(struct stopper *s, uint64_t at)
{
	unsigned int i;

	(void)s;
	for (i = 0; i < BATCH; i++)
		stopper_task_end(&handed[(at + i) % IN_FLIGHT]);
}

static void up_batch(struct stopper *s, uint64_t at)
{
	unsigned int i;

	(void)s;
	(void)at;
	for (i = 0; i < BATCH; i++)
		atomic_fetch_add(&hand.counted, 1);
}

static void down_batch(struct stopper *s, uint64_t at)
{
	unsigned int i;

	(void)s;
	(void)at;
	for (i = 0; i < BATCH; i++)
		atomic_fetch_sub(&hand.counted, 1);
}

typedef void (*batch_fn)(struct stopper *s, uint64_t at);

static inline void hand_over(unsigned int i, uint64_t n, batch_fn first, batch_fn second)
{
	struct stopper *s = stoppers[0];
	uint64_t at;

	for (at = 0; at < n; at += BATCH) {
		if (i == 0) {
			wait_until(&hand.ended, at < BATCH ? 0 : at - BATCH);
			first(s, at);
			atomic_store_explicit(&hand.begun, at + BATCH, memory_order_release);
		} else {
			wait_until(&hand.begun, at + BATCH);
			second(s, at);
			atomic_store_explicit(&hand.ended, at + BATCH, memory_order_release);
		}
	}
}

static void loop_remote(unsigned int i, uint64_t n)
{
	hand_over(i, n, begin_batch, end_batch);
}

static void loop_remote_atomic(unsigned int i, uint64_t n)
{
	hand_over(i, n, up_batch, down_batch);
}

static double sample_handed(loop_fn loop, unsigned int threads, uint64_t ops)
{
	int64_t wall;

	ops += BATCH - 1 - (ops - 1) % BATCH;
	hand.begun = 0;
	hand.ended = 0;
	wall = run_threads(threads, loop, ops);
	if (stopper_num_tasks(stoppers[0]) || atomic_load(&hand.counted))
		die("a task that has ended is still counted");
	return per_op(wall, threads, ops);
}

static double sample_remote(unsigned int threads, uint64_t ops)
{
	return sample_handed(loop_remote, threads, ops);
}

static double sample_remote_atomic(unsigned int threads, uint64_t ops)
{
	return sample_handed(loop_remote_atomic, threads, ops);
}

/* --- beside other threads -------------------------------------------------------------------- */

/* One for each thread. */
static void open_stoppers(unsigned int threads)
{
	unsigned int i;

	for (i = 0; i < threads; i++)
		stoppers[i] = new_stopper();
}

static double sample_alone(unsigned int threads, uint64_t ops)
{
	(void)threads;
	return per_op(run_threads(1, loop_run_task, ops), 1, ops);
}

#define OTHERS	4

static struct {
	atomic_bool stop OWN_LINE;
	atomic_ulong turns OWN_LINE;
	void (*turn)(void);
} other;

static void *other_main(void *arg)
{
	(void)arg;
	while (!atomic_load_explicit(&other.stop, memory_order_relaxed)) {
		other.turn();
		atomic_fetch_add_explicit(&other.turns, 1, memory_order_relaxed);
	}
	return NULL;
}

/* On the last CPU, which the tasks' thread will leave to them. */
static pthread_t start_other(void)
{
	long cpu = sysconf(_SC_NPROCESSORS_ONLN) - 1;
	pthread_t thread;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (pthread_create(&thread, NULL, other_main, NULL))
		die("no thread");
	/* not allowed there: then they are wherever they are, as the peer's */
	pthread_setaffinity_np(thread, sizeof(set), &set);
	return thread;
}

/* Tasks on one thread, while others do @turn over and over. */
static double sample_beside(void (*turn)(void), uint64_t ops)
{
	pthread_t thread[OTHERS];
	int64_t wall;
	int i;

	other.turn = turn;
	other.stop = false;
	other.turns = 0;
	for (i = 0; i < OTHERS; i++)
		thread[i] = start_other();
	while (!atomic_load(&other.turns))
		sched_yield();
	wall = run_threads(1, loop_run_task, ops);
	atomic_store(&other.stop, true);
	for (i = 0; i < OTHERS; i++)
		pthread_join(thread[i], NULL);
	return per_op(wall, 1, ops);
}

static ssize_t swallow(void *cookie, const char *buf, size_t size)
{
	(void)buf;
	*(size_t *)cookie += size;
	return (ssize_t)size;
}

static void list_once(void)
{
	size_t bytes = 0;
	FILE *f = fopencookie(&bytes, "w", (cookie_io_functions_t){ .write = swallow });

	if (!f || stopper_debug_print(f) || fclose(f) || !bytes)
		die("the debug list cannot be read");
}

static void read_array(void)
{
	static unsigned long lines[ARRAY_LINES][8];
	unsigned long sum = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_LINES; i++)
		sum += __atomic_load_n(lines[i], __ATOMIC_RELAXED);
	if (sum)
		die("the array is not zero");
}

static double sample_listing(unsigned int threads, uint64_t ops)
{
	(void)threads;
	return sample_beside(list_once, ops);
}

static double sample_busy(unsigned int threads, uint64_t ops)
{
	(void)threads;
	return sample_beside(read_array, ops);
}

/* -------------------------------------------------------------------------------------------- */

const struct bench_case sync_two_cases[] = {
	{ "task_begin_end_remote", { 2 }, { .sample = sample_remote, STOPPER },
	  { { .name = "atomic", .sample = sample_remote_atomic } } },
	{ "run_task_two", { 2 },
	  { .loop = loop_run_task, .open = open_stoppers, .close = close_stoppers },
	  { { .name = "alone", .sample = sample_alone }, REGS } },
	{ "run_task_while_listing", ONE, { .sample = sample_listing, STOPPER },
	  { { .name = "busy", .sample = sample_busy } } },
	{ 0 }
};
