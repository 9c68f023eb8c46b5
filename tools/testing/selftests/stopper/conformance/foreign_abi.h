/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * foreign_abi.h - what a binding of another language knows of the stopper.
 */
#ifndef STOPPER_TEST_FOREIGN_ABI_H
#define STOPPER_TEST_FOREIGN_ABI_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#endif

/* The layout of what a binding has to know. */
struct site {
	const char *name, *file, *func;
	void *owner;
	unsigned int line, layout;
};

/* kCFI compares the types of functions that are called by a pointer, names included. */
struct stopper_ctx;

int __stopper_run_task(void *s, void *ctx, const struct site *site,
		       void (*fn)(struct stopper_ctx *, void *), void *arg);
int __stopper_run_task_err(void *s, void *ctx, const struct site *site,
			   int (*fn)(struct stopper_ctx *, void *), void *arg);
int __stopper_task_begin(void *s, void *ctx, const struct site *site, void *task);
void stopper_task_end(void *task);
bool stopper_event_fired(const void *event);
int stopper_ctx_err(const void *ctx);

#endif /* STOPPER_TEST_FOREIGN_ABI_H */
