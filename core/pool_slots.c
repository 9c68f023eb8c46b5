// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * pool_slots.c - the slots of pool threads, and the walk over all tables.
 *
 * A pool thread has a slot of its own for as long as it lives, in which it shows
 * the async task that it runs. They lie in tables like those of CPUs and threads,
 * for the same reason: who looks at a slot, or watches it, may still do so when
 * the thread has gone. So a table stays when it has been made (in the kernel until
 * the module goes), and slots are used again.
 *
 * Ordered accesses: (L) the list of tables is pushed with release and walked with
 * acquire; who sees a table sees it zeroed.
 */
#include "internal.h"

static stopper_lock_t lock = PLAT_LOCK_INIT(lock);
static struct slot_table *tables;

/* With the lock held. */
static struct slot_table *pool_slot_take_free(unsigned char *at)
{
	struct slot_table *t;
	unsigned int i;

	for (t = tables; t; t = t->link)
		for (i = 0; ~t->used && i < SLOTS; i++)
			if (!(t->used & 1ull << i)) {
				plat_store(&t->used, t->used | 1ull << i);
				*at = (unsigned char)i;
				return t;
			}
	return NULL;
}

/* A table, and which of its slots. NULL: no memory. Process context. */
struct slot_table *pool_slot_get(unsigned char *at)
{
	struct slot_table *t, *new;
	plat_flags_t f;

	plat_lock(&lock, f);
	t = pool_slot_take_free(at);
	plat_unlock(&lock, f);
	if (t)
		return t;
	new = plat_alloc_lines(sizeof(*new));
	if (!new)
		return NULL;
	new->pooled = true;
	plat_lock(&lock, f);
	new->link = tables;
	/* (L) pairs with slots_walk() */
	plat_store_release(&tables, new);
	t = pool_slot_take_free(at);
	plat_unlock(&lock, f);
	return t;
}

void pool_slot_put(struct slot_table *t, unsigned char at)
{
	plat_flags_t f;

	plat_lock(&lock, f);
	plat_store(&t->used, t->used & ~(1ull << at));
	plat_unlock(&lock, f);
}

/* The pool's table after @t; NULL: ends. */
struct slot_table *pool_slots_walk(struct slot_table *t)
{
	/* (L) pairs with pool_slot_get() */
	return t ? t->link : plat_load_acquire(&tables);
}

/* The table after @t, first CPUs' or threads', then, with @pool, the pool's; NULL: ends. */
struct slot_table *slots_walk(struct slot_table *t, bool pool)
{
	struct slot_table *next;

	if (t && t->pooled)
		return t->link;
	next = plat_slots_walk(t);
	return next || !pool ? next : pool_slots_walk(NULL);
}

/* No pool thread is left, not even one that is being reaped, and nobody looks. */
void pool_slots_exit(void)
{
	struct slot_table *t;

	while ((t = tables)) {
		tables = t->link;
		plat_free(t);
	}
}
