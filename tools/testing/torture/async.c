// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * async.c - what runs on threads of the stopper: async tasks, limited tasks, workers.
 *
 * A job belongs to its issuer until it is accepted, then to the task, which frees it. Each has
 * random numbers of its own, so its actions do not depend on other threads.
 */
#include "torture.h"

enum { NEW = 1, RUNNING, REFUSED };
enum kind { ASYNC, WAITING, THROTTLED, KINDS };

struct job {
	unsigned int magic;
	int state;
	struct instance *inst;
	unsigned long gen;
	struct stopper_ctx *ctx;
	struct rng rng;
	enum kind kind;
};

#define OPEN_JOBS	24	/* of a life, roughly: each may need a thread */

static void job_run(struct stopper_ctx *ctx, void *arg)
{
	struct job *j = arg;
	struct instance *inst = j->inst;
	bool limited = j->kind != ASYNC;
	struct rng rng;

	CHECK_EQ(j->magic, JOB_MAGIC);
	CHECK(env_swap(&j->state, NEW, RUNNING));
	CHECK(instance_is_live(inst, j->gen));
	CHECK(ctx == j->ctx || inst->flags & STOPPER_CTX_ENDS_AT_QUIESCE);
	env_inc(&inst->running);
	if (limited)
		CHECK(env_inc(&inst->holders) <= stopper_sem_capacity(&inst->sem));
	task_body(&j->rng, inst, j->gen, 1);
	stopper_ctx_err(ctx);
	CHECK_EQ(j->magic, JOB_MAGIC);
	CHECK_EQ(j->state, RUNNING);
	rng = j->rng;
	obj_free(j);
	if (limited)
		env_dec(&inst->holders);
	env_dec(&inst->open);
	env_dec(&inst->running);
	env_inc(&inst->executed);
	if (rng_one_in(&rng, 100))
		end_thread(inst, &rng);
}

static int job_start(struct job *j, struct stopper_ctx *ctx)
{
	struct instance *inst = j->inst;

	switch (j->kind) {
	case ASYNC:
		return stopper_run_async_task(inst->s, ctx, "async", job_run, j);
	case WAITING:
		return stopper_run_limited_async_task(inst->s, ctx, "limited", &inst->sem, true,
						      job_run, j);
	default:
		return stopper_run_limited_async_task(inst->s, ctx, "throttled", &inst->sem, false,
						      job_run, j);
	}
}

static void job_refused(struct job *j, int err, struct stopper_ctx *ctx)
{
	struct instance *inst = j->inst;

	CHECK(env_swap(&j->state, NEW, REFUSED));
	if (err == -ESHUTDOWN)
		CHECK(stopper_phase(inst->s) != STOPPER_RUNNING ||
		      (j->kind != ASYNC && env_load(&inst->sem_closed)));
	else if (err == -EBUSY)
		CHECK_EQ(j->kind, THROTTLED);
	else if (!no_room(err))
		CHECK(j->kind != ASYNC && err == stopper_ctx_err(ctx));
	env_dec(&inst->open);
	env_inc(&total.refused);
	obj_free(j);
}

static struct stopper_ctx *some_ctx(struct rng *r, struct instance *inst)
{
	switch (rng_below(r, 4)) {
	case 0:
		return instance_ctx(inst, r);
	case 1:
		return brief_ctx(r, NULL);
	default:
		return NULL;
	}
}

void op_async(struct actor *a, struct instance *inst)
{
	struct stopper_ctx *ctx;
	struct job *j;
	int err;

	if (env_inc(&inst->open) > OPEN_JOBS) {
		env_dec(&inst->open);
		return;
	}
	j = obj_new(sizeof(*j), JOB_MAGIC);
	if (!j) {
		env_dec(&inst->open);
		return;
	}
	ctx = some_ctx(&a->rng, inst);
	j->state = NEW;
	j->inst = inst;
	j->gen = inst->gen;
	j->ctx = ctx;
	j->rng.x = rng_next(&a->rng);
	j->kind = (enum kind)rng_below(&a->rng, KINDS);
	err = job_start(j, ctx);
	if (err) {
		job_refused(j, err, ctx);
	} else {
		env_inc(&inst->accepted);
		env_inc(&total.jobs);
	}
	/* The task keeps it alive for as long as it runs. */
	stopper_ctx_put(ctx);
}

/* --- workers ---------------------------------------------------------------------------------- */

#define WORKERS	3	/* of a life, roughly */

static void worker_step(struct job *w)
{
	struct instance *inst = w->inst;
	struct stopper_ctx *ctx;
	int err;

	switch (rng_below(&w->rng, 8)) {
	case 0:
		CHECK_EQ(stopper_stop(inst->s, NULL), -EDEADLK);
		break;
	case 1:
		softirq_tasks(inst);
		break;
	case 2:
		ctx = rng_one_in(&w->rng, 8) ? brief_ctx(&w->rng, NULL) : NULL;
		if (!ctx)
			break;
		/* A worker may wait for the tasks. */
		err = stopper_quiesce(inst->s, ctx);
		if (err)
			CHECK_EQ(err, stopper_ctx_err(ctx));
		else
			instance_is_over(inst);
		stopper_ctx_put(ctx);
		break;
	default:
		ctx = brief_ctx(&w->rng, NULL);
		if (!ctx)
			break;
		err = stopper_wait(stopper_should_stop(inst->s), ctx);
		CHECK(!err || err == stopper_ctx_err(ctx));
		stopper_ctx_put(ctx);
		break;
	}
}

static void worker_run(struct stopper_ctx *ctx, void *arg)
{
	struct job *w = arg;
	struct instance *inst = w->inst;
	struct rng rng;

	CHECK_EQ(w->magic, JOB_MAGIC);
	CHECK(env_swap(&w->state, NEW, RUNNING));
	CHECK(ctx == w->ctx);
	env_inc(&inst->workers_in);
	CHECK(stopper_phase(inst->s) <= STOPPER_STOPPING);
	while (!stopper_event_fired(stopper_should_stop(inst->s)) && !rng_one_in(&w->rng, 200))
		worker_step(w);
	if (stopper_event_fired(stopper_should_stop(inst->s))) {
		CHECK_EQ(stopper_phase(inst->s), STOPPER_STOPPING);
		CHECK_EQ(env_get(&inst->running), 0);
	}
	CHECK_EQ(w->magic, JOB_MAGIC);
	rng = w->rng;
	obj_free(w);
	env_dec(&inst->workers_in);
	env_inc(&inst->workers_done);
	if (rng_one_in(&rng, 20))
		end_thread(inst, &rng);
}

void op_worker(struct actor *a, struct instance *inst)
{
	struct stopper_ctx *ctx;
	struct job *w;
	int err;

	if (env_get(&inst->workers) - env_get(&inst->workers_done) >= WORKERS)
		return;
	w = obj_new(sizeof(*w), JOB_MAGIC);
	if (!w)
		return;
	w->state = NEW;
	w->inst = inst;
	w->rng.x = rng_next(&a->rng);
	ctx = rng_one_in(&a->rng, 2) ? instance_ctx(inst, &a->rng) : NULL;
	w->ctx = ctx;
	env_inc(&inst->workers);
	err = stopper_run_worker(inst->s, ctx, "worker", worker_run, w);
	stopper_ctx_put(ctx);
	if (err) {
		CHECK(env_swap(&w->state, NEW, REFUSED));
		CHECK(no_room(err) || (err == -ESHUTDOWN &&
				       stopper_phase(inst->s) >= STOPPER_STOPPING));
		env_dec(&inst->workers);
		obj_free(w);
		return;
	}
	env_inc(&total.workers);
}
