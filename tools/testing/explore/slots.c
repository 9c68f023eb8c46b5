// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * slots.c - slot tables of simulated threads, as user/slots.c has them: a thread gets one
 * with its first task and leaves it, perhaps with slots taken, to the next new thread.
 *
 * Compiled with the sanitizer, so that tables are shared memory like the core's own.
 */
#include "engine.h"
#include "scenario.h"
#include "task.h"
#include "upcalls.h"

static stopper_lock_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot_table *tables, *free_tables;

/* With the lock held. */
static struct slot_table *table_get(void)
{
	struct slot_table *t = free_tables;

	if (t) {
		free_tables = t->free;
		return t;
	}
	t = explore_alloc(sizeof(*t), true, __func__);
	if (!t)
		return NULL;
	t->high_water[0] = 1;
	t->high_water[1] = 1;
	t->link = tables;
	/* (L) pairs with plat_slots_walk() */
	plat_store_release(&tables, t);
	return t;
}

static void adopt(struct slot_table *t)
{
	unsigned int i;

	t->id = (unsigned int)plat_tid();
	stopper_tls.tid = t->id;
	for (i = 0; i < SLOTS_HALF; i++)
		plat_store(&t->slot[i].tid, slot_tid(STOPPER_KIND_SYNC, t->id));
	for (i = 0; i < 2; i++) {
		cursor_init(&ME->cursors[i], t, i);
		ME->cursors[i].number = 0;
	}
	ME->table = t;
}

struct stopper_cursor *plat_slots_pin(unsigned int kind)
{
	struct slot_table *t = ME->table;
	plat_flags_t f;

	if (!t) {
		plat_lock(&lock, f);
		t = table_get();
		plat_unlock(&lock, f);
		if (!t)
			return NULL;
		adopt(t);
	}
	return &ME->cursors[kind != STOPPER_KIND_SYNC];
}

void plat_slots_unpin(struct stopper_cursor *c)
{
	if (c)
		stopper_tls.slot[c - ME->cursors] = c->slot;
}

bool plat_slots_advance(struct stopper_cursor *c)
{
	bool handles = c != ME->cursors;

	if (c->slot != c->edge) {
		c->slot++;
	} else if ((handles && cursor_should_wrap(c)) ||
		   !cursor_extend(ME->table, handles, c)) {
		if (!handles)
			return false;
		c->slot = c->first;
	}
	return true;
}

void plat_slots_pop(struct stopper_slot *slot)
{
	struct stopper_cursor *c = &ME->cursors[0];

	if (c->slot == slot && slot != c->first)
		c->slot--;
	plat_slots_unpin(c);
}

struct slot_table *plat_slots_walk(struct slot_table *t)
{
	/* (L) pairs with table_get() */
	return t ? t->link : plat_load_acquire(&tables);
}

struct slot_table *plat_slots_mine(struct slot_table *t)
{
	return t ? NULL : ME->table;
}

void slots_free_labels(void)
{
	struct slot_table *t;

	for (t = tables; t; t = t->link)
		labels_free(t);
}

/* This thread has ended, or the dead one that it stands for. */
void slots_thread_ends(void)
{
	struct slot_table *t = ME->table;
	plat_flags_t f;

	if (!t)
		return;
	ME->table = NULL;
	stopper_tls.slot[0] = &stopper_busy_slot;
	stopper_tls.slot[1] = &stopper_busy_slot;
	tasks_exit_table(t);
	plat_lock(&lock, f);
	t->free = free_tables;
	free_tables = t;
	plat_unlock(&lock, f);
}
