/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * push.h - the admission of async tasks; see push.c.
 */
#ifndef STOPPER_CORE_PUSH_H
#define STOPPER_CORE_PUSH_H

#include "internal.h"
#include "queue.h"

void pool_note_user(struct stopper *s);

/* Without the queue's lock */
bool queue_push_fresh(struct stopper_async *a, const struct async_start *start, bool *nested,
		      int *err);

/* and with the lock held */
int queue_push_task(struct stopper_async *a, const struct async_start *start, bool *nested);

#endif /* STOPPER_CORE_PUSH_H */
