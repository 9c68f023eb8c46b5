// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scale.c - what a call costs in quantity.
 *
 *   closers           stopper_stop() with 100,000 closers, for each of them. Peer "call": the
 *                     same functions called from a list
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include "bench.h"

#define CLOSERS		100000

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

/* -------------------------------------------------------------------------------------------- */

const struct bench_case scale_cases[] = {
	{ "closers", { 1 }, { .sample = sample_closers, .ops = CLOSERS },
	  { { .name = "call", .sample = sample_closer_calls, .ops = CLOSERS } } },
	{ 0 }
};
