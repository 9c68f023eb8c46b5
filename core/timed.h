/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * timed.h - timers; see timed.c.
 */
#ifndef STOPPER_CORE_TIMED_H
#define STOPPER_CORE_TIMED_H

#include "internal.h"

void timers_arm(struct stopper *s);
void timers_due(struct plat_timer *timer);
bool timers_drop(struct stopper *s);
unsigned int timers_next(struct stopper *s, struct stopper_task_info *info, int64_t *due);

#endif /* STOPPER_CORE_TIMED_H */
