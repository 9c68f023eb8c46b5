/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * stop.h - the stop; see stop.c.
 */
#ifndef STOPPER_CORE_STOP_H
#define STOPPER_CORE_STOP_H

#include "internal.h"
#include "event.h"

struct stop_wait;

/* With s->lock held. */
static inline bool goal_reached(struct stopper *s, bool stop)
{
	return stop ? event_was_fired(&s->stopped) : s->quiesced;
}

int stopper_drive_to(struct stopper *s, bool stop, const struct stop_wait *p);

#endif /* STOPPER_CORE_STOP_H */
