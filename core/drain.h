/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * drain.h - wait until no task is left; see drain.c.
 */
#ifndef STOPPER_CORE_DRAIN_H
#define STOPPER_CORE_DRAIN_H

#include "internal.h"

struct drain;

bool tasks_watch(struct stopper *s, struct drain *d);
void tasks_watch_barrier(void);
int tasks_drain(struct stopper *s, struct drain *d, int (*wait)(void *arg), void *arg);
void drain_end(struct drain *d);

#endif /* STOPPER_CORE_DRAIN_H */
