// SPDX-License-Identifier: GPL-2.0
/*
 * slots.c - the slot tables of CPUs.
 *
 * All modules share 8 KiB of static per-CPU memory (PERCPU_MODULE_RESERVE), and a module for
 * which not enough of it is left cannot be loaded. A table alone would take half of it, so the
 * tables are allocated when the module is loaded. Only the cursors are static: the inlined start
 * of a task finds them by their symbol, without a load of their address.
 */
#include "internal.h"
#include "upcalls.h"

static struct slot_table __percpu *slot_tables;

DEFINE_PER_CPU(struct stopper_cursor [2], stopper_cursors);
EXPORT_PER_CPU_SYMBOL_GPL(stopper_cursors);

static_assert(sizeof(stopper_cursors) <= 64);

int __init slots_init(void)
{
	struct slot_table *t;
	int cpu, i;

	slot_tables = __alloc_percpu(sizeof(struct slot_table), SMP_CACHE_BYTES);
	if (!slot_tables)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		t = per_cpu_ptr(slot_tables, cpu);
		t->id = cpu;
		t->high_water[0] = 1;
		t->high_water[1] = 1;
		for (i = 0; i < 2; i++)
			cursor_init(&per_cpu(stopper_cursors[i], cpu), t, i);
	}
	return 0;
}

/* Advances a cursor of this CPU to the next slot, or wraps around. Preemption is off. */
void slots_at_edge(struct stopper_cursor *c)
{
	if (cursor_should_wrap(c) ||
	    !cursor_extend(this_cpu_ptr(slot_tables), c - this_cpu_ptr(stopper_cursors), c))
		c->slot = c->first;
}

/* No task is in a table any more, and no reader scans one. */
void slots_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		labels_free(per_cpu_ptr(slot_tables, cpu));
	free_percpu(slot_tables);
}

struct slot_table *plat_slots_walk(struct slot_table *t)
{
	unsigned int cpu = cpumask_next(t ? (int)t->id : -1, cpu_possible_mask);

	return cpu < nr_cpu_ids ? per_cpu_ptr(slot_tables, cpu) : NULL;
}
