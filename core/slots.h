/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * slots.h - the tables of running tasks; see task.c.
 */
#ifndef STOPPER_CORE_SLOTS_H
#define STOPPER_CORE_SLOTS_H

#include <stopper/task.h>

/*
 * SLOTS - how many tasks a CPU or thread can run at once before it must use a list.
 *
 * A table has two halves, each with a cursor and with one writer at a time. Kernel: one
 * half for process context with preemption off, one for softirq, so that neither can
 * interrupt the other between the check of a slot and its filling. Userspace: one half for
 * synchronous tasks, which are a stack, one for handles.
 */
#ifndef SLOTS
#define SLOTS		64
#endif
#define SLOTS_HALF	(SLOTS / 2)

#define TID_MASK	((1u << STOPPER_KIND_SHIFT) - 1)

static inline unsigned int slot_tid(unsigned int kind, unsigned int tid)
{
	return kind << STOPPER_KIND_SHIFT | tid;
}

static inline unsigned int slot_kind(unsigned int tid)
{
	return tid >> STOPPER_KIND_SHIFT;
}

/* When a reader first saw the task in a slot, so that the task need not read a clock. */
struct first_seen {
	unsigned int seq;
	int64_t since;
};

struct slot_table {
	/* hot: only its CPU or thread writes here, except ends on other threads */
	struct stopper_slot slot[SLOTS];
	/* cold */
	union {
		struct first_seen first_seen[SLOTS];	/* of readers, one at a time */
		struct {			/* pooled */
			uint64_t ticket[SLOTS];	/* how many were taken before, + 1; 0: over */
			struct stopper_async_waiter *waiters[SLOTS];
		};
	};
	unsigned int id;		/* userspace: the thread; kernel: the CPU */
	bool pooled;			/* of pool threads: pool_slots.c */
	unsigned char high_water[2];	/* how many slots of each half were ever at hand */
	unsigned int used[SLOTS];	/* pooled: which slots have a thread */
	unsigned int nused;		/* pooled: how many */
	struct slot_table *link;	/* userspace, pooled: all tables; never removed */
	struct slot_table *free;	/* userspace: tables without a thread */
};

/* The first slot from @i on that can name a stopper. SLOTS: there is none. */
static inline unsigned int slots_next(const struct slot_table *t, unsigned int i)
{
	if (t->pooled) {
		/* (G) pairs with pool_slot_put(): without a thread, its tasks are complete */
		while (i < SLOTS && !__stopper_load_acquire(&t->used[i]))
			i++;
		return i;
	}
	if (i < SLOTS_HALF) {
		if (i < __stopper_load(&t->high_water[0]))
			return i;
		i = SLOTS_HALF;
	}
	return i - SLOTS_HALF < __stopper_load(&t->high_water[1]) ? i : SLOTS;
}

#define slots_each(i, t) \
	for ((i) = slots_next(t, 0); (i) < SLOTS; (i) = slots_next(t, (i) + 1))

/* To the first slot of half @half of @t. */
static inline void cursor_init(struct stopper_cursor *c, struct slot_table *t, unsigned int half)
{
	c->first = &t->slot[half * SLOTS_HALF];
	c->slot = c->first;
	c->edge = c->first;
}

/* At the edge of a half whose slots are used in any order: is the first slot free again? */
static inline bool cursor_should_wrap(const struct stopper_cursor *c)
{
	return !__stopper_load(&c->first->stopper);
}

/* Advance @c, the cursor of half @half of @t, by one slot past its edge. False: it is full. */
static inline bool cursor_extend(struct slot_table *t, unsigned int half, struct stopper_cursor *c)
{
	unsigned int n = (unsigned int)(c->edge - c->first) + 2;

	if (n > SLOTS_HALF)
		return false;
	/* An earlier thread may have used more of the table. */
	if (n > __stopper_load(&t->high_water[half]))
		__stopper_store(&t->high_water[half], (unsigned char)n);
	c->slot = ++c->edge;
	return true;
}

#endif /* STOPPER_CORE_SLOTS_H */
