// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * steps.c - counts of the dear steps, for tests.
 *
 * What a call costs is tested by the steps that it makes, as a test that asserts a time
 * fails on a busy machine. Only slow paths count: a stop, a drain, a look at everything.
 */
#include "internal.h"

static unsigned long steps[STEPS];

static const char * const step_names[] = {
	[STEP_HEAVY_BARRIERS] = "heavy barriers",
	[STEP_CLOSERS_HANDED] = "closers handed over",
	[STEP_SLOTS] = "slots looked at",
	[STEP_LISTED] = "listed tasks looked at",
};

_Static_assert(ARRAY_LEN(step_names) == STEPS, "each has a name");

void count_steps(enum step what, unsigned long n)
{
	plat_step(&steps[what], n);
}

/* How many of them there were, of all stoppers together; 0: there is no such name. */
unsigned long __stopper_steps(const char *what)
{
	unsigned int i;

	for (i = 0; i < STEPS; i++)
		if (!strcmp(what, step_names[i]))
			return plat_load(&steps[i]);
	return 0;
}
EXPORT_SYMBOL_PLAT(__stopper_steps);
