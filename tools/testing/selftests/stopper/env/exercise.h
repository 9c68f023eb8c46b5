/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * exercise.h - one call of everything in the library that waits.
 */
#ifndef STOPPER_TEST_EXERCISE_H
#define STOPPER_TEST_EXERCISE_H

#include "program.h"

static inline void exercise_worker(struct stopper_ctx *ctx, void *s)
{
	struct stopper_event *evs[] = { NULL, stopper_should_stop(s) };

	if (stopper_wait_any(evs, 2, ctx) != 1)
		abort();
}

static inline void exercise_closer(void *n)
{
	++*(int *)n;
}

/* Returns 0, or the line that went wrong. */
static inline int exercise(void)
{
	struct stopper_event ev;
	struct stopper_sem sem;
	struct stopper_ctx *ctx;
	struct stopper *s = NULL;
	int closed = 0, i;

	if (stopper_create(&s, "narrow", NULL))
		return __LINE__;
	for (i = 0; i < 20; i++)
		if (stopper_run_async_task(s, NULL, "task", wait_quiesce, s))
			return __LINE__;
	if (stopper_run_worker(s, NULL, "worker", exercise_worker, s))
		return __LINE__;
	if (stopper_add_closer_fn(s, "closer", exercise_closer, &closed))
		return __LINE__;
	if (stopper_ctx_with_timeout(NULL, 10 * ENV_MSEC, &ctx))
		return __LINE__;
	stopper_event_init(&ev);
	if (stopper_wait(&ev, ctx) != -ETIMEDOUT)
		return __LINE__;
	stopper_event_destroy(&ev);
	if (stopper_sem_init(&sem, 1) || stopper_sem_acquire(&sem, NULL))
		return __LINE__;
	if (stopper_sem_acquire(&sem, ctx) != -ETIMEDOUT)
		return __LINE__;
	stopper_sem_release(&sem);
	stopper_sem_destroy(&sem);
	stopper_ctx_put(ctx);
	if (stopper_stop(s, NULL) || closed != 1 || stopper_num_tasks(s))
		return __LINE__;
	stopper_put(s);
	return 0;
}

#endif /* STOPPER_TEST_EXERCISE_H */
