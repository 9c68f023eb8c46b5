// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scale.c - what a call costs in quantity.
 *
 *   closers           stopper_stop() with 100,000 closers, for each of them. Peer "call": the
 *                     same functions called from a list
 *   others            the life of a small stopper: created, one task, stopped, put; beside
 *                     1,000,000 handles, 1,000 blocked async tasks of another stopper. Peer
 *                     "alone": the same without those
 *   tree              stopper_stop() of a parent with 10,000 children, for each of them. Peer
 *                     "single": a stopper without a parent, created long before, likewise
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>
#include "bench.h"

#define CLOSERS		100000
#define CHILDREN	10000
#define HANDLES		1000000
#define BLOCKED		1000

static struct counted_closer {
	struct stopper_closer closer;
	struct counted_closer *next;
} closers[CLOSERS];

static unsigned int nclosed;

static NOINLINE void count_closed(struct stopper_closer *closer)
{
	(void)closer;
	nclosed++;
}

static double sample_closers(unsigned int threads, uint64_t ops)
{
	struct stopper *s = new_stopper();
	int64_t from, wall;
	unsigned int i;

	(void)threads;
	(void)ops;
	nclosed = 0;
	for (i = 0; i < CLOSERS; i++) {
		closers[i].closer = (struct stopper_closer){ .name = "bench", .fn = count_closed };
		if (stopper_add_closer(s, &closers[i].closer))
			die("stopper_add_closer failed");
	}
	from = now_ns();
	if (stopper_stop(s, NULL))
		die("stopper_stop failed");
	wall = now_ns() - from;
	if (nclosed != CLOSERS)
		die("%u of %u closers have run", nclosed, CLOSERS);
	stopper_put(s);
	return (double)wall / CLOSERS;
}

static double sample_closer_calls(unsigned int threads, uint64_t ops)
{
	struct counted_closer *c;
	int64_t from, wall;
	unsigned int i;

	(void)threads;
	(void)ops;
	for (i = 0; i < CLOSERS; i++) {
		closers[i].closer.fn = count_closed;
		closers[i].next = i + 1 < CLOSERS ? &closers[i + 1] : NULL;
	}
	from = now_ns();
	for (c = closers; c; c = c->next)
		c->closer.fn(&c->closer);
	wall = now_ns() - from;
	return (double)wall / CLOSERS;
}

static struct stopper *other;
static struct stopper_task *handles;

static atomic_uint blocked;

static void block(struct stopper_ctx *ctx, void *arg)
{
	atomic_fetch_add(&blocked, 1);
	if (stopper_wait(stopper_should_quiesce(arg), ctx))
		die("stopper_wait failed");
}

static void open_others(unsigned int threads)
{
	unsigned int i;

	(void)threads;
	blocked = 0;
	other = new_stopper();
	handles = calloc(HANDLES, sizeof(*handles));
	if (!handles)
		die("no memory");
	for (i = 0; i < HANDLES; i++)
		if (stopper_task_begin(other, NULL, "handle", &handles[i]))
			die("stopper_task_begin failed");
	for (i = 0; i < BLOCKED; i++)
		if (stopper_run_async_task(other, NULL, "block", block, other))
			die("stopper_run_async_task failed");
	while (atomic_load(&blocked) < BLOCKED)
		usleep(1000);
}

static void close_others(void)
{
	unsigned int i;

	if (stopper_num_tasks(other) != HANDLES + BLOCKED)
		die("the tasks of the other stopper are not there");
	for (i = 0; i < HANDLES; i++)
		stopper_task_end(&handles[i]);
	free(handles);
	end_stopper(other);
	/* The pool's threads go to sleep meanwhile. */
	usleep(200000);
}

static void no_work(struct stopper_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
}

static void loop_life(unsigned int i, uint64_t n)
{
	struct stopper *s;

	(void)i;
	for (; n; n--) {
		s = new_stopper();
		if (stopper_run_task(s, NULL, "task", no_work, NULL) || stopper_stop(s, NULL))
			die("stopper_stop failed");
		stopper_put(s);
	}
}

static struct stopper *children[CHILDREN];

static void new_children(struct stopper *parent)
{
	struct stopper_options opts = { .size = sizeof(opts), .parent = parent };
	unsigned int i;

	for (i = 0; i < CHILDREN; i++)
		if (stopper_create(&children[i], "child", &opts))
			die("stopper_create failed");
}

static void put_children(void)
{
	unsigned int i;

	for (i = 0; i < CHILDREN; i++) {
		if (stopper_phase(children[i]) != STOPPER_STOPPED)
			die("a child was not stopped");
		stopper_put(children[i]);
	}
}

static double sample_tree(unsigned int threads, uint64_t ops)
{
	struct stopper *parent = new_stopper();
	int64_t from, wall;

	(void)threads;
	(void)ops;
	new_children(parent);
	from = now_ns();
	if (stopper_stop(parent, NULL))
		die("stopper_stop failed");
	wall = now_ns() - from;
	put_children();
	stopper_put(parent);
	return (double)wall / CHILDREN;
}

static double sample_singles(unsigned int threads, uint64_t ops)
{
	int64_t from, wall;
	unsigned int i;

	(void)threads;
	(void)ops;
	new_children(NULL);
	from = now_ns();
	for (i = 0; i < CHILDREN; i++)
		if (stopper_stop(children[i], NULL))
			die("stopper_stop failed");
	wall = now_ns() - from;
	put_children();
	return (double)wall / CHILDREN;
}

/* -------------------------------------------------------------------------------------------- */

const struct bench_case scale_cases[] = {
	{ "closers", { 1 }, { .sample = sample_closers, .ops = CLOSERS },
	  { { .name = "call", .sample = sample_closer_calls, .ops = CLOSERS } } },
	{ "others", { 1 }, { .loop = loop_life, .open = open_others, .close = close_others },
	  { { .name = "alone", .loop = loop_life } } },
	{ "tree", { 1 }, { .sample = sample_tree, .ops = CHILDREN },
	  { { .name = "single", .sample = sample_singles, .ops = CHILDREN } } },
	{ 0 }
};
