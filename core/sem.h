/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * sem.h - semaphores; see sem.c.
 */
#ifndef STOPPER_CORE_SEM_H
#define STOPPER_CORE_SEM_H

#include "internal.h"

struct sem_waiter {
	/* Use the slot for the waiter (@mine: on its own thread), or an error. Any context. */
	int (*grant)(struct sem_waiter *me, bool mine);
	void *arg;
	int n;				/* of slots */
	struct stopper *s;		/* shows it in the debug list, with site; or NULL */
	const struct stopper_site *site;
	/* sem.c's own; 0 at first */
	struct stopper_list node;
	struct plat_parker park;
	bool granted;
	bool done;
	int err;			/* what grant returned */
	struct stopper_sem *sem;
	struct stopper_list of_stopper;	/* s->waiting */
	int tid;
	int64_t since;
};

int sem_acquire(struct stopper_sem *sem, struct stopper_ctx *ctx, struct stopper_event *quit,
		struct sem_waiter *me);

#endif /* STOPPER_CORE_SEM_H */
