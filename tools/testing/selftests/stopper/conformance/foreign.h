/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * foreign.h - the functions of foreign.c.
 */
#ifndef STOPPER_TEST_FOREIGN_H
#define STOPPER_TEST_FOREIGN_H

struct stopper_ctx;

int foreign_run_task(void *s, void (*fn)(struct stopper_ctx *ctx, void *arg), void *arg);
int foreign_run_task_err(void *s, int (*fn)(struct stopper_ctx *ctx, void *arg), void *arg);
int foreign_task_begin(void *s, void *task);
void foreign_task_end(void *task);
bool foreign_event_fired(const void *event);
int foreign_ctx_err(const void *ctx);

#endif /* STOPPER_TEST_FOREIGN_H */
