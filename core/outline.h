/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * outline.h - the functions of outline.c, which the public headers inline.
 */
#ifndef STOPPER_CORE_OUTLINE_H
#define STOPPER_CORE_OUTLINE_H

#include <stopper/stopper.h>

STOPPER_API int __stopper_run_task(struct stopper *s, struct stopper_ctx *ctx,
				   const struct stopper_site *site, stopper_fn fn, void *arg);
STOPPER_API int __stopper_run_task_err(struct stopper *s, struct stopper_ctx *ctx,
				       const struct stopper_site *site, stopper_err_fn fn,
				       void *arg);
STOPPER_API int __stopper_task_begin(struct stopper *s, struct stopper_ctx *ctx,
				     const struct stopper_site *site, struct stopper_task *task);
STOPPER_API void stopper_task_end(struct stopper_task *task);
STOPPER_API bool stopper_event_fired(const struct stopper_event *ev);
STOPPER_API int stopper_ctx_err(const struct stopper_ctx *ctx);

#endif /* STOPPER_CORE_OUTLINE_H */
