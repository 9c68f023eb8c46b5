// SPDX-License-Identifier: GPL-2.0
/*
 * stopper_reserve.c - uses 7 of the 8 KiB of static per-CPU memory that all modules share.
 *
 * stopper.ko must be loadable beside it (kernel_load.sh).
 */
#include <linux/module.h>
#include <linux/percpu.h>

static DEFINE_PER_CPU(char [7168], taken);

static int __init reserve_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		per_cpu(taken, cpu)[0] = 1;
	return 0;
}

static void __exit reserve_exit(void)
{
}

module_init(reserve_init);
module_exit(reserve_exit);

MODULE_DESCRIPTION("Test of the stopper: a large user of static per-CPU memory");
MODULE_LICENSE("GPL");
