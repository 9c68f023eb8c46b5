/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * quiesce.h - how a quiesce begins; see quiesce.c.
 */
#ifndef STOPPER_CORE_QUIESCE_H
#define STOPPER_CORE_QUIESCE_H

#include "internal.h"

void phase_set(struct stopper *s, enum stopper_phase phase);
void firing_end(struct stopper *s, int *tid);
void quiesce_begin(struct stopper *s);
void stop_end_contexts(struct stopper *s);

#endif /* STOPPER_CORE_QUIESCE_H */
