// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * race.c - accesses that are not ordered, and memory that is no longer there.
 *
 * Vector clocks (Flanagan and Freund, FastTrack, 2009; here with a clock a thread for reads
 * too): two accesses to a variable, one of which writes and not both of which are atomic,
 * must have happened one before the other. A variable is known by its first byte; ranges
 * (structures that are copied) are looked at byte by byte.
 */
#include <string.h>
#include "memory.h"

/* What is known of a byte; of a variable, its first one. */
struct cell {
	uint32_t generation;
	uint32_t written;		/* clock of the writer */
	unsigned char writer, atomic;
	uint16_t read[THREADS];		/* clocks */
	uint16_t atomic_read[THREADS];
};

static struct cell *cells;
static size_t data;

void race_init(void)
{
	data = (size_t)(_end - __data_start);
	cells = reserve((data + THREADS * (STACK_SIZE + HEAP_SIZE)) * sizeof(*cells));
}

static struct cell *cell_of(const void *addr)
{
	const char *p = addr;
	struct cell *c;
	size_t i;

	if (p >= __data_start && p < _end)
		i = (size_t)(p - __data_start);
	else if (p >= stacks && p < stacks + THREADS * STACK_SIZE)
		i = data + (size_t)(p - stacks);
	else if (in_heap(p))
		i = data + THREADS * STACK_SIZE + (size_t)(p - heap);
	else
		return NULL;
	c = &cells[i];
	if (c->generation != E->generation) {
		memset(c, 0, sizeof(*c));
		c->generation = E->generation;
	}
	return c;
}

/* Is the memory still there? */
static void check_there(const void *addr, size_t n, const void *pc)
{
	unsigned int owner;

	heap_check(addr, n, pc);
	if (!on_stack_of(addr, &owner) || owner == E->current)
		return;
	if (E->thread[owner].state == ENDED || (const char *)addr < E->thread[owner].sp) {
		trace(pc, "%s: a frame that has been left", name_of(addr));
		fail("use of a stack frame of %s after it was left", E->thread[owner].name);
	}
}

static void complain(const void *addr, const void *pc, unsigned int other, const char *what)
{
	trace(pc, "%s: %s", name_of(addr), what);
	fail("data race with %s at %s: %s", E->thread[other].name, name_of(addr), what);
}

static bool known(unsigned int thread, uint32_t clock)
{
	return thread == E->current || ME->now.hb.at[thread] >= clock;
}

static void check_cell(const void *addr, struct cell *c, bool write, bool atomic,
		       const void *pc)
{
	unsigned int i;

	if (c->written && !(atomic && c->atomic) && !known(c->writer, c->written))
		complain(addr, pc, c->writer, write ? "written by both" : "written, and read here");
	if (write)
		for (i = 0; i < THREADS; i++) {
			if (!known(i, c->read[i]))
				complain(addr, pc, i, "read, and written here");
			if (!atomic && !known(i, c->atomic_read[i]))
				complain(addr, pc, i, "read, and written here without atomics");
		}
	if (write) {
		c->written = ME->now.hb.at[E->current];
		c->writer = (unsigned char)E->current;
		c->atomic = atomic;
	} else if (atomic) {
		c->atomic_read[E->current] = (uint16_t)ME->now.hb.at[E->current];
	} else {
		c->read[E->current] = (uint16_t)ME->now.hb.at[E->current];
	}
}

bool is_tracked(const void *addr)
{
	return cell_of(addr);
}

void race_check(const void *addr, size_t n, bool write, bool atomic, const void *pc)
{
	struct cell *c = cell_of(addr);

	if (!c)
		return;
	check_there(addr, n, pc);
	check_cell(addr, c, write, atomic, pc);
	if (write && !atomic)
		written_plainly(addr);
}

void access_range(const void *addr, size_t n, bool write, const void *pc)
{
	size_t i;

	for (i = 0; i < n; i++)
		race_check((const char *)addr + i, 1, write, false, pc);
}

/* Memory that its thread has just got, zeroed: written, once a word. */
void access_new(const void *addr, size_t n)
{
	struct cell *c;
	size_t i;

	for (i = 0; i < n; i += 8) {
		c = cell_of((const char *)addr + i);
		c->written = ME->now.hb.at[E->current];
		c->writer = (unsigned char)E->current;
	}
}

/* Memory that is given back: everybody must have been done with it. */
void access_last(const void *addr, size_t n, const void *pc)
{
	const char *p = addr;
	struct cell *c;
	size_t i;

	for (i = 0; i < n; i++) {
		c = &cells[data + THREADS * STACK_SIZE + (size_t)(p + i - heap)];
		if (c->generation == E->generation)
			check_cell(p + i, c, true, false, pc);
	}
}
