// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * pool_slots.c - the slots of pool threads, and the walk over all tables.
 *
 * A pool thread has one slot for as long as it lives, which shows the async task that it
 * runs. These slots are in tables like those of CPUs and threads, for the same reason: a
 * thread that reads or watches a slot may do so after the slot's thread has exited. So a
 * table is never freed before the module is unloaded, and slots are reused.
 *
 * Ordered accesses:
 *
 *   (G)  ->used is written with release when a slot is given to a thread or taken back; its
 *        partner is the acquire in slots_next() (slots.h). Guarantees: a drain that passes a slot
 *        over because its thread has gone sees all that the tasks of that thread did.
 *   (L)  a table is pushed on the list with release in pool_slot_get(); its partner is the
 *        acquire in pool_slots_walk(). Guarantees: a reader that sees a table sees it zeroed.
 */
#include "internal.h"
#include "pool_slots.h"
#include "upcalls.h"

static stopper_lock_t lock = PLAT_LOCK_INIT(lock);
static struct slot_table *tables;

/* With the lock held. */
static struct slot_table *pool_slot_take_free(unsigned char *at)
{
	struct slot_table *t;
	unsigned int i;

	for (t = tables; t; t = t->link)
		for (i = 0; t->nused < SLOTS && i < SLOTS; i++)
			if (!t->used[i]) {
				t->nused++;
				/* (G) pairs with slots_next(): passes on what was released */
				plat_store_release(&t->used[i], 1);
				*at = (unsigned char)i;
				return t;
			}
	return NULL;
}

/* Get a slot: its table, and in @at its index. NULL: no memory. Process context. */
struct slot_table *pool_slot_get(unsigned char *at)
{
	struct slot_table *t, *new;

	{
		lock_guard(&lock);
		t = pool_slot_take_free(at);
		if (t)
			return t;
	}
	new = plat_alloc_lines(sizeof(*new), true);
	if (!new)
		return NULL;
	new->pooled = true;
	lock_guard(&lock);
	new->link = tables;
	/* (L) pairs with pool_slots_walk(): the table is zeroed */
	plat_store_release(&tables, new);
	return pool_slot_take_free(at);
}

void pool_slot_put(struct slot_table *t, unsigned char at)
{
	lock_guard(&lock);

	t->nused--;
	/* (G) pairs with slots_next(): the tasks of this thread are complete */
	plat_store_release(&t->used[at], 0);
}

/* The pool's table after @t. NULL: there is none. */
struct slot_table *pool_slots_walk(struct slot_table *t)
{
	/* (L) pairs with pool_slot_get(): the table is zeroed */
	return t ? t->link : plat_load_acquire(&tables);
}

/* The table after @t: those of CPUs or threads, then, if @pool, the pool's. NULL: the end. */
struct slot_table *slots_walk(struct slot_table *t, bool pool)
{
	struct slot_table *next;

	if (t && t->pooled)
		return t->link;
	next = plat_slots_walk(t);
	return next || !pool ? next : pool_slots_walk(NULL);
}

/* No pool thread is left, not even one that is being reaped, and there are no readers. */
void pool_slots_exit(void)
{
	struct slot_table *t;

	while ((t = tables)) {
		tables = t->link;
		labels_free(t);
		plat_free(t);
	}
}
