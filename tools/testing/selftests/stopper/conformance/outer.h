/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * outer.h - a task that starts others while its stopper drains.
 */
#ifndef STOPPER_TEST_OUTER_H
#define STOPPER_TEST_OUTER_H

#include "case.h"

/* A task that runs @inside when the gate opens. */
struct outer {
	struct stopper *s;
	struct env_thread thread;
	struct env_counter in, ran;
	struct env_gate gate;
	struct case_hold hold;
	struct stopper_task handle;
	struct stopper *other;
	void (*inside)(struct outer *o);
};

/* With STOPPER_ADMIT_NESTED. */
struct stopper *new_nesting(unsigned int flags, struct stopper *parent);
void outer_init(struct outer *o, struct stopper *s, void (*inside)(struct outer *o));
void outer_destroy(struct outer *o);
/* Runs it: for env_spawn(). */
void outer_thread(void *outer);
/* Returns when it waits for its gate. */
void outer_begin(struct outer *o, bool async);
/* Begins a quiesce of @o->s, runs @inside meanwhile, and returns when both are over. */
void outer_run(struct outer *o, bool async);

#endif /* STOPPER_TEST_OUTER_H */
