/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * pool_slots.h - the slots of pool threads, the walk over all tables; see pool_slots.c.
 */
#ifndef STOPPER_CORE_POOL_SLOTS_H
#define STOPPER_CORE_POOL_SLOTS_H

#include "internal.h"

struct slot_table *pool_slot_get(unsigned char *at);
void pool_slot_put(struct slot_table *t, unsigned char at);
struct slot_table *pool_slots_walk(struct slot_table *t);

#endif /* STOPPER_CORE_POOL_SLOTS_H */
