/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * pool.h - the threads that run the jobs of the queue; see pool.c.
 */
#ifndef STOPPER_CORE_POOL_H
#define STOPPER_CORE_POOL_H

#include "internal.h"
#include "queue.h"

/* What a pool thread knows of its task, as done() may free the record; async.c. */
struct async_run {
	struct stopper_job job;
	struct stopper *s;
	struct stopper_slot *slot;
	struct stopper_ctx *ctx;
	struct span_record *span;
	struct module *fn_module;	/* of the function, with a reference; or NULL */
	struct stopper_sem *sem;	/* to be released, or NULL */
	struct stopper_async *async;	/* the caller's record; NULL: there is none */
	bool over;			/* ->async is idle again */
	unsigned char kind;
	stopper_async_fn fn;
	stopper_async_done_fn done;
	void *arg;			/* of allocated tasks */
	int status;
};

int pool_reserve(void);
bool pool_try_push(struct stopper_job *job);
void pool_thread_set_name(struct pool_thread *me, const char *name);
struct async_run *pool_thread_run(struct pool_thread *me);
int pool_push_task(struct stopper_async *a, const struct async_start *start, bool may_start);

#endif /* STOPPER_CORE_POOL_H */
