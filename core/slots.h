/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * slots.h - the table of running tasks that each CPU or thread fills; see task.c.
 */
#ifndef STOPPER_CORE_SLOTS_H
#define STOPPER_CORE_SLOTS_H

#include <stopper/task.h>

/*
 * SLOTS - tasks a CPU or thread can run at once before it must use a list.
 * A power of two. 64 of 40 bytes are half a page with what belongs to them.
 */
#define SLOTS		64

/* What stands in the top two bits of a slot's tid. */
#define KIND_SYNC	0u
#define KIND_HANDLE	1u
#define KIND_ASYNC	2u
#define KIND_SHIFT	30
#define TID_MASK	((1u << KIND_SHIFT) - 1)

/* What a reader remembers of a slot, so that the task need not look at a clock. */
struct seen {
	unsigned int seq;
	int64_t since;
};

struct slot_table {
	/* hot: only its CPU or thread writes here, except ends from elsewhere */
	unsigned int next;
	unsigned int tid;		/* userspace: the thread */
	struct stopper_slot slot[SLOTS];
	/* cold: only readers, one at a time */
	struct seen seen[SLOTS];
	struct slot_table *link;	/* userspace: all tables, never taken off */
	struct slot_table *free;	/* userspace: those without a thread */
};

#endif /* STOPPER_CORE_SLOTS_H */
