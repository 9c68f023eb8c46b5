/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * steps.h - what tests count instead of time; see steps.c.
 */
#ifndef STOPPER_CORE_STEPS_H
#define STOPPER_CORE_STEPS_H

#include "internal.h"

enum step {
	STEP_HEAVY_BARRIERS,
	STEP_CLOSERS_HANDED,		/* to a thread, at least once a stop */
	STEP_SLOTS,			/* of tables, that were read */
	STEP_LISTED,			/* tasks on lists, that were visited */
	STEP_ACTIVITIES,		/* workers, closers and scopes, that were looked at */
	STEPS
};

void count_steps(enum step what, unsigned long n);
STOPPER_API unsigned long __stopper_steps(const char *what);

#endif /* STOPPER_CORE_STEPS_H */
