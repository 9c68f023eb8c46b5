/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * event.h - events and their callbacks; see event.c.
 */
#ifndef STOPPER_CORE_EVENT_H
#define STOPPER_CORE_EVENT_H

#include "internal.h"

bool event_fire(struct stopper_event *ev, unsigned int code);
bool event_fire_because(struct caused_event *ce, unsigned int code, const struct cause *cause,
			struct cause *copy);
bool event_was_fired(struct stopper_event *ev);
bool event_attach(struct stopper_event *ev, struct stopper_on_fire *of);
bool event_try_detach(struct stopper_on_fire *of);
void event_unpark(struct stopper_on_fire *of, void *parker);
extern struct stopper_event event_never;

/* Lets an event wake a parker; on the waiter's stack. */
struct event_waiter {
	struct stopper_on_fire of;
	struct stopper_event *ev;	/* NULL: none */
};

void event_waiter_attach(struct event_waiter *w, struct stopper_event *ev, struct plat_parker *p);
void event_waiter_detach(struct event_waiter *w);

#endif /* STOPPER_CORE_EVENT_H */
