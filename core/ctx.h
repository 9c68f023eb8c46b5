/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * ctx.h - contexts; see ctx.c.
 */
#ifndef STOPPER_CORE_CTX_H
#define STOPPER_CORE_CTX_H

#include "internal.h"

struct event_waiter;
struct span;

int ctx_wait_err(const struct stopper_ctx *ctx);
void event_waiter_attach_ctx(struct event_waiter *w, struct stopper_ctx *ctx,
			     struct plat_parker *p);
const struct span *ctx_span(const struct stopper_ctx *ctx);
int ctx_new_shared(struct stopper *s);
int ctx_for_task(struct stopper *s, struct stopper_ctx *ctx, struct stopper_ctx **out);

/* What the function of a task of @s gets that was started with @ctx. The task is counted. */
static inline struct stopper_ctx *task_ctx(const struct stopper *s, struct stopper_ctx *ctx)
{
	return ctx ? ctx : s->task_ctx;
}

#endif /* STOPPER_CORE_CTX_H */
