/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * watch.h - the watches of drains: whom the end of a task wakes; see watch.c.
 */
#ifndef STOPPER_CORE_WATCH_H
#define STOPPER_CORE_WATCH_H

#include "internal.h"

/* A wait for the tasks of a stopper and of its children. */
struct drain {
	struct plat_parker park;
	bool watches;			/* ->park was set as the watch of slots */
};

bool slot_watch(struct stopper_slot *slot, struct plat_parker *me);
void slot_unwatch(struct stopper_slot *slot, struct plat_parker *me);
void slot_watch_if_free(struct stopper_slot *slot, struct plat_parker *me);
void slot_watches_settle(void);

#endif /* STOPPER_CORE_WATCH_H */
