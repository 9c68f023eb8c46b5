// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * watch.c - the watches of drains: whom the end of a task wakes.
 *
 * ->watch of a slot changes, and its owner is woken, only under drain_lock: races 2 to 4 of task.c.
 */
#include "internal.h"
#include "watch.h"

static stopper_lock_t drain_lock = PLAT_LOCK_INIT(drain_lock);

/* The end of a slot's task: wake its watcher. */
void __stopper_slot_wake(struct stopper_slot *slot)
{
	struct plat_parker *p;

	lock_guard(&drain_lock);
	p = slot->watch;
	plat_store(&slot->watch, NULL);
	if (p)
		plat_unpark(p);
}
EXPORT_SYMBOL_PLAT(__stopper_slot_wake);

/* Set our watch on a slot. True: it was not set before. */
bool slot_watch(struct stopper_slot *slot, struct plat_parker *me)
{
	struct plat_parker *other;

	lock_guard(&drain_lock);
	other = slot->watch;
	plat_store(&slot->watch, me);
	if (other && other != me)
		plat_unpark(other);	/* race 4 */
	return other != me;
}

void slot_unwatch(struct stopper_slot *slot, struct plat_parker *me)
{
	lock_guard(&drain_lock);

	if (slot->watch == me)
		plat_store(&slot->watch, NULL);
}

/* Set our watch on a slot that has none; another thread's watch stays. */
void slot_watch_if_free(struct stopper_slot *slot, struct plat_parker *me)
{
	lock_guard(&drain_lock);

	if (!slot->watch)
		plat_store(&slot->watch, me);
}

/* Race 3: wait for any end that took a watch and may still use its parker. */
void slot_watches_settle(void)
{
	plat_flags_t f;

	plat_lock(&drain_lock, f);
	plat_unlock(&drain_lock, f);
}
