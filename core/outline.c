// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * outline.c - the functions that the public headers inline, as functions, under the same names.
 *
 * For callers that are not C: a binding links or looks up what C code has inlined. In this file
 * the inlined ones have other names, as one file cannot have both.
 */
#define __stopper_run_task	inlined_run_task
#define __stopper_run_task_err	inlined_run_task_err
#define __stopper_task_begin	inlined_task_begin
#define stopper_task_end	inlined_task_end
#define stopper_event_fired	inlined_event_fired
#define stopper_ctx_err		inlined_ctx_err
#include "internal.h"
#undef __stopper_run_task
#undef __stopper_run_task_err
#undef __stopper_task_begin
#undef stopper_task_end
#undef stopper_event_fired
#undef stopper_ctx_err
#include "outline.h"

int __stopper_run_task(struct stopper *s, struct stopper_ctx *ctx,
		       const struct stopper_site *site, stopper_fn fn, void *arg)
{
	return inlined_run_task(s, ctx, site, fn, arg);
}
EXPORT_SYMBOL_PLAT(__stopper_run_task);

int __stopper_run_task_err(struct stopper *s, struct stopper_ctx *ctx,
			   const struct stopper_site *site, stopper_err_fn fn, void *arg)
{
	return inlined_run_task_err(s, ctx, site, fn, arg);
}
EXPORT_SYMBOL_PLAT(__stopper_run_task_err);

int __stopper_task_begin(struct stopper *s, struct stopper_ctx *ctx,
			 const struct stopper_site *site, struct stopper_task *task)
{
	return inlined_task_begin(s, ctx, site, task);
}
EXPORT_SYMBOL_PLAT(__stopper_task_begin);

void stopper_task_end(struct stopper_task *task)
{
	inlined_task_end(task);
}
EXPORT_SYMBOL_PLAT(stopper_task_end);

bool stopper_event_fired(const struct stopper_event *ev)
{
	return inlined_event_fired(ev);
}
EXPORT_SYMBOL_PLAT(stopper_event_fired);

int stopper_ctx_err(const struct stopper_ctx *ctx)
{
	return inlined_ctx_err(ctx);
}
EXPORT_SYMBOL_PLAT(stopper_ctx_err);
