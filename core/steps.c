// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * steps.c - counters of expensive steps, for tests.
 *
 * Tests of what a call costs count steps: a test that asserts a time fails on a busy machine.
 * Only slow paths count: a stop, a drain, a scan.
 */
#include "internal.h"
#include "steps.h"

static unsigned long steps[STEPS] PLAT_CACHELINE_ALIGNED;	/* in one line */

static const char * const step_names[] = {
	[STEP_HEAVY_BARRIERS] = "heavy barriers",
	[STEP_CLOSERS_HANDED] = "closers handed over",
	[STEP_SLOTS] = "slots looked at",
	[STEP_LISTED] = "listed tasks looked at",
	[STEP_ACTIVITIES] = "activities looked at",
};

_Static_assert(ARRAY_LEN(step_names) == STEPS, "each step has a name");

void count_steps(enum step what, unsigned long n)
{
	plat_step(&steps[what], n);
}

/* The count of a step, of all stoppers together; 0 if there is no step of that name. */
unsigned long __stopper_steps(const char *what)
{
	unsigned int i;

	for (i = 0; i < STEPS; i++)
		if (!strcmp(what, step_names[i]))
			return plat_load(&steps[i]);
	return 0;
}
EXPORT_SYMBOL_PLAT(__stopper_steps);
