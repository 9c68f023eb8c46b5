/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * scenarios.h - what the scenarios of user_faults.c have in common, and those of scenarios.c.
 */
#ifndef STOPPER_TEST_FAULTS_SCENARIOS_H
#define STOPPER_TEST_FAULTS_SCENARIOS_H

#include "run.h"

/* What starting a task on another thread may fail with. */
#define F_START	(F(MEMORY) | F(THREAD) | F(THREAD_ATTR))

/* A new stopper in @s; where there is none, that was to be, the scenario is over. */
#define NEW(s, opts) do {							\
	int __err = stopper_create(s, "faulty", opts);				\
										\
	NEED(fair(__err, F_START | F(ATFORK)));				\
	if (__err)								\
		return 0;							\
} while (0)

void wait_stop_in_ctx(struct stopper_ctx *ctx, void *s);
/* Stops and puts it. 0, or the line of what is wrong. */
int end(struct stopper *s);

int parents(void);
int stops_in_the_background(void);
int closers(void);
int tasks_here(void);
int async_tasks(void);
int limited_tasks(void);
int workers(void);

#endif /* STOPPER_TEST_FAULTS_SCENARIOS_H */
