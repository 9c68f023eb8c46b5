// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * foreign.c - a caller that knows no header of the stopper, as a binding of another language.
 */
#include "foreign_abi.h"
#include "foreign.h"

static const struct site foreign_site = {
	.name = "foreign",
	.file = "foreign.rs",
	.func = "main",
	.line = 1,
	.layout = 1,
};

int foreign_run_task(void *s, void (*fn)(struct stopper_ctx *ctx, void *arg), void *arg)
{
	return __stopper_run_task(s, NULL, &foreign_site, fn, arg);
}

int foreign_run_task_err(void *s, int (*fn)(struct stopper_ctx *ctx, void *arg), void *arg)
{
	return __stopper_run_task_err(s, NULL, &foreign_site, fn, arg);
}

int foreign_task_begin(void *s, void *task)
{
	return __stopper_task_begin(s, NULL, &foreign_site, task);
}

void foreign_task_end(void *task)
{
	stopper_task_end(task);
}

bool foreign_event_fired(const void *event)
{
	return stopper_event_fired(event);
}

int foreign_ctx_err(const void *ctx)
{
	return stopper_ctx_err(ctx);
}
