// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * foreign.c - a caller that knows no header of the stopper, as a binding of another language.
 */
#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#endif

#include "foreign.h"

/* The layout of what a binding has to know. */
struct site {
	const char *name, *file, *func;
	void *owner;
	unsigned int line, layout;
};

int __stopper_run_task(void *s, void *ctx, const struct site *site, void (*fn)(void *, void *),
		       void *arg);
int __stopper_run_task_err(void *s, void *ctx, const struct site *site,
			   int (*fn)(void *, void *), void *arg);
int __stopper_task_begin(void *s, void *ctx, const struct site *site, void *task);
void stopper_task_end(void *task);
bool stopper_event_fired(const void *event);
int stopper_ctx_err(const void *ctx);

static const struct site foreign_site = {
	.name = "foreign",
	.file = "foreign.rs",
	.func = "main",
	.line = 1,
	.layout = 1,
};

int foreign_run_task(void *s, void (*fn)(void *ctx, void *arg), void *arg)
{
	return __stopper_run_task(s, NULL, &foreign_site, fn, arg);
}

int foreign_run_task_err(void *s, int (*fn)(void *ctx, void *arg), void *arg)
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
