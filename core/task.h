/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * task.h - tasks: begin and end; see task.c.
 */
#ifndef STOPPER_CORE_TASK_H
#define STOPPER_CORE_TASK_H

#include "internal.h"

extern struct stopper_slot stopper_busy_slot;

int task_try_begin(struct stopper *s, struct stopper_ctx *ctx, const struct stopper_site *site,
		   struct stopper_task *task);
void task_end_in_table(struct stopper_slot *slot);
void task_end_async(struct stopper_slot *slot);
void task_note_nested(struct stopper *s);

#endif /* STOPPER_CORE_TASK_H */
