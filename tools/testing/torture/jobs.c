// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * jobs.c - what runs on threads of the stopper's: async tasks, limited ones, workers.
 *
 * A job is its issuer's until it is accepted, then the task's, which frees it. Each has
 * random numbers of its own, so that its doings do not depend on who else runs.
 */
#include "torture.h"

enum { NEW = 1, RUNNING, REFUSED };
enum kind { ASYNC, WAITING, THROTTLED, KINDS };

struct job {
	unsigned int magic;
	int state;
	struct life *l;
	unsigned long gen;
	struct stopper_ctx *ctx;
	struct rng rng;
	enum kind kind;
};

#define OPEN_JOBS	24	/* of a life, roughly: each may need a thread */

static void job_run(struct stopper_ctx *ctx, void *arg)
{
	struct job *j = arg;
	struct life *l = j->l;
	bool limited = j->kind != ASYNC;
	struct rng rng;

	CHECK_EQ(j->magic, JOB_MAGIC);
	CHECK(tor_swap(&j->state, NEW, RUNNING));
	CHECK(life_is_live(l, j->gen));
	CHECK(ctx == j->ctx);
	tor_inc(&l->running);
	if (limited)
		CHECK(tor_inc(&l->holders) <= stopper_sem_capacity(&l->sem));
	body(&j->rng, l, j->gen, 1);
	stopper_ctx_err(ctx);
	CHECK_EQ(j->magic, JOB_MAGIC);
	CHECK_EQ(j->state, RUNNING);
	rng = j->rng;
	obj_free(j);
	if (limited)
		tor_dec(&l->holders);
	tor_dec(&l->open);
	tor_dec(&l->running);
	tor_inc(&l->executed);
	if (rng_one_in(&rng, 100))
		end_thread(l, &rng);
}

static int job_start(struct job *j, struct stopper_ctx *ctx)
{
	switch (j->kind) {
	case ASYNC:
		return stopper_run_async_task(j->l->s, ctx, "async", job_run, j);
	case WAITING:
		return stopper_run_limited_async_task(j->l->s, ctx, "limited", &j->l->sem, true,
						      job_run, j);
	default:
		return stopper_run_limited_async_task(j->l->s, ctx, "throttled", &j->l->sem, false,
						      job_run, j);
	}
}

static void job_refused(struct job *j, int err, struct stopper_ctx *ctx)
{
	struct life *l = j->l;

	CHECK(tor_swap(&j->state, NEW, REFUSED));
	if (err == -ESHUTDOWN)
		CHECK(stopper_phase(l->s) != STOPPER_RUNNING ||
		      (j->kind != ASYNC && tor_load(&l->sem_closed)));
	else if (err == -EBUSY)
		CHECK_EQ(j->kind, THROTTLED);
	else if (!no_room(err))
		CHECK(j->kind != ASYNC && err == stopper_ctx_err(ctx));
	tor_dec(&l->open);
	tor_inc(&total.refused);
	obj_free(j);
}

static struct stopper_ctx *some_ctx(struct rng *r, struct life *l)
{
	switch (rng_below(r, 4)) {
	case 0:
		return life_ctx(l, r);
	case 1:
		return brief_ctx(r, NULL);
	default:
		return NULL;
	}
}

void op_async(struct actor *a, struct life *l)
{
	struct stopper_ctx *ctx;
	struct job *j;
	int err;

	if (tor_inc(&l->open) > OPEN_JOBS) {
		tor_dec(&l->open);
		return;
	}
	j = obj_new(sizeof(*j), JOB_MAGIC);
	if (!j) {
		tor_dec(&l->open);
		return;
	}
	ctx = some_ctx(&a->rng, l);
	j->state = NEW;
	j->l = l;
	j->gen = l->gen;
	j->ctx = ctx;
	j->rng.x = rng_next(&a->rng);
	j->kind = (enum kind)rng_below(&a->rng, KINDS);
	err = job_start(j, ctx);
	if (err) {
		job_refused(j, err, ctx);
	} else {
		tor_inc(&l->accepted);
		tor_inc(&total.jobs);
	}
	/* The task keeps it alive for as long as it runs. */
	stopper_ctx_put(ctx);
}

/* --- workers ---------------------------------------------------------------------------------- */

#define WORKERS	3	/* of a life, roughly */

static void worker_step(struct job *w)
{
	struct life *l = w->l;
	struct stopper_ctx *ctx;
	int err;

	switch (rng_below(&w->rng, 8)) {
	case 0:
		CHECK_EQ(stopper_stop(l->s, NULL), -EDEADLK);
		break;
	case 1:
		softirq_tasks(l);
		break;
	case 2:
		ctx = rng_one_in(&w->rng, 8) ? brief_ctx(&w->rng, NULL) : NULL;
		if (!ctx)
			break;
		/* A worker may wait for the tasks. */
		err = stopper_quiesce(l->s, ctx);
		if (err)
			CHECK_EQ(err, stopper_ctx_err(ctx));
		else
			life_is_over(l);
		stopper_ctx_put(ctx);
		break;
	default:
		ctx = brief_ctx(&w->rng, NULL);
		if (!ctx)
			break;
		err = stopper_wait(stopper_should_stop(l->s), ctx);
		CHECK(!err || err == stopper_ctx_err(ctx));
		stopper_ctx_put(ctx);
		break;
	}
}

static void worker_run(struct stopper_ctx *ctx, void *arg)
{
	struct job *w = arg;
	struct life *l = w->l;
	struct rng rng;

	CHECK_EQ(w->magic, JOB_MAGIC);
	CHECK(tor_swap(&w->state, NEW, RUNNING));
	CHECK(ctx == w->ctx);
	tor_inc(&l->workers_in);
	CHECK(stopper_phase(l->s) <= STOPPER_STOPPING);
	while (!stopper_event_fired(stopper_should_stop(l->s)) && !rng_one_in(&w->rng, 200))
		worker_step(w);
	if (stopper_event_fired(stopper_should_stop(l->s))) {
		CHECK_EQ(stopper_phase(l->s), STOPPER_STOPPING);
		CHECK_EQ(tor_get(&l->running), 0);
	}
	CHECK_EQ(w->magic, JOB_MAGIC);
	rng = w->rng;
	obj_free(w);
	tor_dec(&l->workers_in);
	tor_inc(&l->workers_done);
	if (rng_one_in(&rng, 20))
		end_thread(l, &rng);
}

void op_worker(struct actor *a, struct life *l)
{
	struct stopper_ctx *ctx;
	struct job *w;
	int err;

	if (tor_get(&l->workers) - tor_get(&l->workers_done) >= WORKERS)
		return;
	w = obj_new(sizeof(*w), JOB_MAGIC);
	if (!w)
		return;
	w->state = NEW;
	w->l = l;
	w->rng.x = rng_next(&a->rng);
	ctx = rng_one_in(&a->rng, 2) ? life_ctx(l, &a->rng) : NULL;
	w->ctx = ctx;
	tor_inc(&l->workers);
	err = stopper_run_worker(l->s, ctx, "worker", worker_run, w);
	stopper_ctx_put(ctx);
	if (err) {
		CHECK(tor_swap(&w->state, NEW, REFUSED));
		CHECK(no_room(err) || (err == -ESHUTDOWN &&
				       stopper_phase(l->s) >= STOPPER_STOPPING));
		tor_dec(&l->workers);
		obj_free(w);
		return;
	}
	tor_inc(&total.workers);
}
