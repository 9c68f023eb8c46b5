/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * stop_calls.h - the calls that quiesce and stop; see stop_calls.c.
 */
#ifndef STOPPER_CORE_STOP_CALLS_H
#define STOPPER_CORE_STOP_CALLS_H

#include "internal.h"

struct cause_args;

int stop_begin(struct stopper *s, const struct cause_args *why);
int stop_drive(struct stopper *s, int64_t until, struct stall_clock *clock);
bool stop_push_job(struct stopper *s);
bool drain_would_deadlock(struct stopper *s);
int pause_drain(struct stopper *s, struct stopper_ctx *ctx);

#endif /* STOPPER_CORE_STOP_CALLS_H */
