/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * async_wait.h - waits for one async task; see async_wait.c.
 */
#ifndef STOPPER_CORE_ASYNC_WAIT_H
#define STOPPER_CORE_ASYNC_WAIT_H

#include "internal.h"

int pool_wait_task(struct stopper_async *a, struct stopper_ctx *ctx);

/* With the queue's lock held */
void queue_unpublish_task(struct slot_table *table, unsigned int at);

#endif /* STOPPER_CORE_ASYNC_WAIT_H */
