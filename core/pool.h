/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * pool.h - when threads are started and called; see pool.c.
 */
#ifndef STOPPER_CORE_POOL_H
#define STOPPER_CORE_POOL_H

#include "internal.h"
#include "queue.h"

int pool_reserve(void);
bool pool_try_push(struct stopper_job *job);
int pool_push_task(struct stopper_async *a, const struct async_start *start, bool may_start);

#endif /* STOPPER_CORE_POOL_H */
