// SPDX-License-Identifier: GPL-2.0
/*
 * slots.c - the slot tables of CPUs.
 */
#include "internal.h"

static DEFINE_PER_CPU_ALIGNED(struct slot_table, slot_tables);

DEFINE_PER_CPU(struct stopper_cursor [2], stopper_cursors);
EXPORT_PER_CPU_SYMBOL_GPL(stopper_cursors);

void __init slots_init(void)
{
	struct slot_table *t;
	int cpu, i;

	for_each_possible_cpu(cpu) {
		t = per_cpu_ptr(&slot_tables, cpu);
		t->id = cpu;
		for (i = 0; i < 2; i++) {
			per_cpu(stopper_cursors[i], cpu).first = &t->slot[i * HALF];
			per_cpu(stopper_cursors[i], cpu).slot = &t->slot[i * HALF];
		}
	}
}

struct slot_table *plat_slots_walk(struct slot_table *t)
{
	unsigned int cpu = cpumask_next(t ? (int)t->id : -1, cpu_possible_mask);

	return cpu < nr_cpu_ids ? per_cpu_ptr(&slot_tables, cpu) : NULL;
}
