// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * world.c - what scenarios are written with: ghosts, and the threads that they start.
 */
#include "engine.h"
#include "scenario.h"

#define PC	__builtin_return_address(0)

static unsigned int started, joined;

/* One of the scenario's threads is over. */
void thread_over(void)
{
	point_at(&joined);
	joined++;
	sync_release(sync_at(&joined));
	wake_all(ON_THREAD, &joined);
}

static long *ghost(unsigned int i)
{
	point_at(&E->ghost[i]);
	return &E->ghost[i];
}

/* It orders nothing but is part of the state. */
static void ghost_seen(unsigned int i)
{
	struct sync *s = sync_at(&E->ghost[i]);

	note(&ME->chain, mix(s->chain, (uint64_t)E->ghost[i]));
	chain_changes(&s->chain, mix(s->chain, ME->chain));
}

void ghost_set(unsigned int i, long v)
{
	*ghost(i) = v;
	ghost_seen(i);
}

long ghost_get(unsigned int i)
{
	long v = *ghost(i);

	ghost_seen(i);
	return v;
}

long ghost_add(unsigned int i, long n)
{
	long v = *ghost(i) += n;

	ghost_seen(i);
	return v;
}

struct go {
	void (*fn)(void *arg);
	void *arg;
};

static void scenario_thread(void *arg)
{
	struct go g = *(struct go *)arg;

	explore_free(arg);
	g.fn(g.arg);
	slots_thread_ends();
	thread_over();
}

void go(void (*fn)(void *arg), void *arg)
{
	static const char * const names[] = { "A", "B", "C", "D", "E", "F" };
	struct go *g = heap_get(sizeof(*g), false, "go", PC);

	*g = (struct go){ fn, arg };
	thread_new(scenario_thread, g, names[started++]);
}

void join_all(void)
{
	point_at(&joined);
	while (joined < started)
		block(ON_THREAD, &joined, PLAT_FOREVER, PC);
	sync_acquire(sync_at(&joined));
}

void settle(void)
{
	block(SETTLING, NULL, PLAT_FOREVER, PC);
}
