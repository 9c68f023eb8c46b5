// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * heap.c - memory for the simulated threads. Each thread has a part of its own, so addresses
 * do not depend on the order of allocations. Freed memory is not reused within an execution,
 * so every use after free is found.
 */
#include <stdio.h>
#include <string.h>
#include "engine.h"
#include "scenario.h"

#define GRANULE		64
#define GRANULES	(THREADS * HEAP_SIZE / GRANULE)

char *heap;

struct object {
	char *addr;
	size_t size;
	const void *pc;
	const char *site;
	uint32_t generation;
	bool freed, stays;
};

static struct object *objects;	/* of each granule, where one begins */
static struct head {
	uint32_t generation;
	uint32_t granule;
} *heads;			/* of each granule, where its object begins */
static size_t used[THREADS];	/* by the parts */

void heap_init(void)
{
	heap = reserve(THREADS * HEAP_SIZE + GRANULES * (sizeof(*objects) + sizeof(*heads)));
	objects = (struct object *)(heap + THREADS * HEAP_SIZE);
	heads = (struct head *)(objects + GRANULES);
}

void heap_begin(void)
{
	memset(used, 0, sizeof(used));
}

bool in_heap(const void *addr)
{
	const char *p = addr;

	return p >= heap && p < heap + THREADS * HEAP_SIZE;
}

static struct object *object_of(const void *addr)
{
	struct head *h = &heads[((const char *)addr - heap) / GRANULE];

	return h->generation == E->generation ? &objects[h->granule] : NULL;
}

void heap_check(const void *addr, size_t n, const void *pc)
{
	struct object *o;

	if (!in_heap(addr))
		return;
	o = object_of(addr);
	if (!o || (const char *)addr + n > o->addr + o->size) {
		trace(pc, "%s: out of bounds", name_of(addr));
		fail("out of bounds: %s", name_of(addr));
	}
	if (o->freed) {
		trace(pc, "%s: used after it was freed", name_of(addr));
		fail("use after free: %s", name_of(addr));
	}
}

void *heap_get(size_t n, bool stays, const char *site, const void *pc)
{
	size_t room = (n + 2 * GRANULE - 1) / GRANULE * GRANULE, i, first;	/* and a gap */
	char *p;

	if (used[E->current] + room > HEAP_SIZE)
		fail("too large for the explorer: the heap of a thread");
	p = heap + E->current * HEAP_SIZE + used[E->current];
	used[E->current] += room;
	memset(p, 0, n);
	first = (size_t)(p - heap) / GRANULE;
	objects[first] = (struct object){ .addr = p, .size = n, .pc = pc, .site = site,
					  .generation = E->generation, .stays = stays };
	for (i = first; i < first + (n + GRANULE - 1) / GRANULE; i++)
		heads[i] = (struct head){ E->generation, (uint32_t)first };
	access_new(p, n);
	trace(pc, "%s", name_of(p));
	return p;
}

/* Zeroed; NULL when the search wants it to fail. */
void *explore_alloc(size_t n, bool stays, const char *site)
{
	if (choose(CHOOSE_FAULT, 2, false)) {
		trace(__builtin_return_address(0), "%s: no memory", site);
		note(&ME->chain, 0xb1);
		return NULL;
	}
	note(&ME->chain, 0xb2);
	return heap_get(n, stays, site, __builtin_return_address(0));
}

void explore_free(void *p)
{
	const void *pc = __builtin_return_address(0);
	struct object *o;

	if (!p)
		return;
	o = in_heap(p) ? object_of(p) : NULL;
	if (!o || o->addr != p)
		fail("freed what was not allocated: %s", name_of(p));
	if (o->freed)
		fail("freed twice: %s", name_of(p));
	trace(pc, "free %s", name_of(p));
	access_last(p, o->size, pc);
	o->freed = true;
}

void heap_all_freed(void)
{
	size_t i;

	for (i = 0; i < GRANULES; i++)
		if (objects[i].generation == E->generation && !objects[i].freed &&
		    !objects[i].stays) {
			trace(objects[i].pc, "%s: never freed", name_of(objects[i].addr));
			fail("leaked: %s", name_of(objects[i].addr));
		}
}

/* "function" of the core that got it, and which one of those it is. */
const char *heap_name(const void *addr)
{
	static char buf[4][64];
	static unsigned int next;
	char *to = buf[next++ % 4];
	struct object *o = object_of(addr);

	if (!o)
		return "heap";
	snprintf(to, sizeof(buf[0]), "%s#%zu+%zu", o->site, (size_t)(o->addr - heap) / GRANULE,
		 (size_t)((const char *)addr - o->addr));
	return to;
}
