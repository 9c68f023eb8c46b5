// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * shutdown.c - closers, Quiesce and Stop in all variants, and what they must refuse.
 */
#include "torture.h"

/* --- closers ---------------------------------------------------------------------------------- */

struct closer {
	unsigned int magic;
	struct stopper_closer embedded;
	struct instance *inst;
	struct rng rng;
	unsigned long nr;	/* in the order of adding; 0: not known */
	int adder;
};

#define CLOSERS	16	/* of a life, roughly */

static void closer_add(struct rng *r, struct instance *inst);

/* Stop's come one after the other, in their order. */
static void check_order(struct instance *inst, unsigned long nr)
{
	CHECK_EQ(env_get(&inst->closing), 1);
	if (!nr)
		return;
	if (inst->flags & STOPPER_CLOSERS_LIFO)
		CHECK(nr < inst->last_closer);
	else
		CHECK(nr > inst->last_closer);
	inst->last_closer = nr;
}

static void closer_run(void *arg)
{
	struct closer *c = arg;
	bool late = c->adder == env_tid();	/* from CLOSING on its adder runs it */
	struct instance *inst = c->inst;
	struct rng rng = c->rng;
	bool awaited = stopper_phase(inst->s) == STOPPER_CLOSING;
	int err;

	CHECK_EQ(c->magic, CLOSER_MAGIC);
	CHECK(stopper_phase(inst->s) >= STOPPER_CLOSING);
	CHECK_EQ(env_get(&inst->running), 0);
	CHECK_EQ(env_get(&inst->workers_in), 0);
	if (!late) {
		env_inc(&inst->closing);
		check_order(inst, c->nr);
	}
	CHECK_EQ(stopper_run_task(inst->s, NULL, "refused", NULL, NULL), -EINVAL);
	err = stopper_stop(inst->s, NULL);
	if (err)
		CHECK_EQ(err, -EDEADLK);
	else
		CHECK(late && stopper_event_fired(stopper_is_stopped(inst->s)));
	if (rng_one_in(&rng, 4))
		env_sleep(rng_below(&rng, 500) * ENV_USEC);
	if (rng_one_in(&rng, 8))
		closer_add(&rng, inst);
	CHECK_EQ(c->magic, CLOSER_MAGIC);
	obj_free(c);
	if (!late)
		env_dec(&inst->closing);
	/* Late ones, too, when Stop has not ended. */
	if (awaited)
		CHECK(!stopper_event_fired(stopper_is_stopped(inst->s)));
	env_inc(&inst->closed);
	/* Stop runs them itself when there is no memory for a thread. */
	if (!late && rng_one_in(&rng, 50) && !is_actor())
		end_thread(inst, &rng);
}

static void closer_run_embedded(struct stopper_closer *embedded)
{
	closer_run((char *)embedded - offsetof(struct closer, embedded));
}

static int closer_hand_over(struct closer *c, bool embed)
{
	if (!embed)
		return stopper_add_closer_fn(c->inst->s, "closer", closer_run, c);
	c->embedded.name = "embedded";
	c->embedded.fn = closer_run_embedded;
	return stopper_add_closer(c->inst->s, &c->embedded);
}

static void closer_add(struct rng *r, struct instance *inst)
{
	struct closer *c = obj_new(sizeof(*c), CLOSER_MAGIC);
	bool embed = rng_one_in(r, 2), ordered = rng_one_in(r, 2);
	int err;

	if (!c)
		return;
	c->inst = inst;
	c->rng.x = rng_next(r);
	c->adder = env_tid();
	env_inc(&inst->closers);
	/* A late one runs in here, and may add another: not with the lock. */
	ordered = ordered && stopper_phase(inst->s) == STOPPER_RUNNING;
	if (ordered) {
		env_mutex_lock(&inst->order);
		c->nr = ++inst->next_closer;
	}
	err = closer_hand_over(c, embed);
	if (ordered)
		env_mutex_unlock(&inst->order);
	if (err) {
		CHECK(no_room(err));
		env_dec(&inst->closers);
		obj_free(c);
		return;
	}
	env_inc(&total.closers);
}

void op_closer(struct actor *a, struct instance *inst)
{
	/* Late ones, too, but not for ever. */
	if (env_get(&inst->closers) < CLOSERS)
		closer_add(&a->rng, inst);
}

/* --- Quiesce and Stop ------------------------------------------------------------------------- */

static void unused_task(struct stopper_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	CHECK(!"a refused task was called");
}

static int unused_task_err(struct stopper_ctx *ctx, void *arg)
{
	unused_task(ctx, arg);
	return 0;
}

/* ShouldQuiesce has fired. */
static void check_refused(struct rng *r, struct instance *inst)
{
	struct stopper_options opts = { .size = sizeof(opts), .parent = inst->s };
	struct stopper_ctx *ctx = NULL;
	struct stopper_task task;
	struct stopper *child;
	int err;

	CHECK_EQ(stopper_run_task(inst->s, NULL, "refused", unused_task, inst), -ESHUTDOWN);
	CHECK_EQ(stopper_run_task_err(inst->s, NULL, "refused", unused_task_err, inst), -ESHUTDOWN);
	CHECK_EQ(stopper_task_begin(inst->s, NULL, "refused", &task), -ESHUTDOWN);
	switch (rng_below(r, 4)) {
	case 0:
		err = stopper_run_async_task(inst->s, NULL, "refused", unused_task, inst);
		CHECK(err == -ESHUTDOWN || no_room(err));
		break;
	case 1:
		err = stopper_run_limited_async_task(inst->s, NULL, "refused", &inst->sem, true,
						     unused_task, inst);
		CHECK(err == -ESHUTDOWN || no_room(err));
		break;
	case 2:
		err = -ESHUTDOWN;
		if (inst->depth < MAX_DEPTH)
			err = stopper_create(&child, "refused", &opts);
		CHECK(err == -ESHUTDOWN || no_room(err));
		break;
	default:
		err = stopper_ctx_with_cancel_on_quiesce(inst->s, NULL, &ctx);
		CHECK(err ? no_room(err) : stopper_ctx_err(ctx) == -ECANCELED);
		stopper_ctx_put(ctx);
		break;
	}
	env_inc(&total.refused);
}

void op_refused(struct actor *a, struct instance *inst)
{
	if (!stopper_event_fired(stopper_should_quiesce(inst->s)))
		return;
	check_refused(&a->rng, inst);
	/* The later a closer, the better. */
	if (rng_one_in(&a->rng, 4))
		op_closer(a, inst);
}

static void check_stopped(struct rng *r, struct instance *inst)
{
	instance_is_over(inst);
	CHECK_EQ(stopper_phase(inst->s), STOPPER_STOPPED);
	CHECK(stopper_event_fired(stopper_is_stopped(inst->s)));
	CHECK_EQ(stopper_stop(inst->s, NULL), 0);
	CHECK_EQ(stopper_quiesce(inst->s, NULL), 0);
	CHECK_EQ(stopper_run_worker(inst->s, NULL, "refused", unused_task, inst), -ESHUTDOWN);
	check_refused(r, inst);
}

static int try_to_stop(struct rng *r, struct instance *inst, bool stop)
{
	struct stopper_ctx *ctx = brief_ctx(r, NULL);
	int err;

	if (!ctx)
		return -ENOMEM;
	err = stop ? stopper_stop(inst->s, ctx) : stopper_quiesce(inst->s, ctx);
	if (err)
		CHECK_EQ(err, stopper_ctx_err(ctx));
	if (err)
		env_inc(&total.timeouts);
	stopper_ctx_put(ctx);
	return err;
}

void op_quiesce(struct actor *a, struct instance *inst)
{
	int err = rng_one_in(&a->rng, 2) ? try_to_stop(&a->rng, inst, false) :
					   stopper_quiesce(inst->s, NULL);

	if (!err)
		instance_is_over(inst);
}

void op_stop(struct actor *a, struct instance *inst)
{
	int err = rng_one_in(&a->rng, 2) ? try_to_stop(&a->rng, inst, true) :
					   stopper_stop(inst->s, NULL);

	if (!err)
		check_stopped(&a->rng, inst);
}

struct deferred_stop {
	struct deferred_op p;
	struct instance *inst;
};

static void run_stop_async(struct deferred_op *p)
{
	struct deferred_stop *sp = (struct deferred_stop *)p;
	int err;

	softirq_tasks(sp->inst);
	err = stopper_stop_async(sp->inst->s);
	CHECK(!err || no_room(err));
}

static void release_stop(struct deferred_op *p)
{
	struct deferred_stop *sp = (struct deferred_stop *)p;

	instance_put(sp->inst);
	obj_free(sp);
}

static void defer_stop(struct instance *inst)
{
	struct deferred_stop *sp = obj_new(sizeof(*sp), DEFERRED_MAGIC);

	if (!sp)
		return;
	sp->p.run = run_stop_async;
	sp->p.release = release_stop;
	sp->inst = inst;
	instance_get(inst);
	defer(&sp->p);
}

static void stop_from_inside(struct stopper_ctx *ctx, void *arg)
{
	struct instance *inst = arg;
	int err;

	(void)ctx;
	CHECK_EQ(stopper_stop(inst->s, NULL), -EDEADLK);
	err = stopper_stop_async(inst->s);
	CHECK(!err || no_room(err));
}

void instance_stop(struct rng *r, struct instance *inst)
{
	int i, err;

	if (rng_one_in(r, 2)) {
		env_store(&inst->sem_closed, true);
		stopper_sem_close(&inst->sem);
	}
	switch (rng_below(r, 6)) {
	case 0:
		for (i = 0; i < 20 && try_to_stop(r, inst, true); i++)
			;
		break;
	case 1:
		CHECK_EQ(stopper_quiesce(inst->s, NULL), 0);
		instance_is_over(inst);
		break;
	case 2:
		err = stopper_stop_async(inst->s);
		CHECK(!err || no_room(err));
		if (!err)
			CHECK_EQ(stopper_wait(stopper_is_stopped(inst->s), NULL), 0);
		break;
	case 3:
		defer_stop(inst);
		break;
	case 4:
		err = stopper_run_task(inst->s, NULL, "self-stop", stop_from_inside, inst);
		CHECK(!err || err == -ESHUTDOWN);
		break;
	default:
		break;
	}
	CHECK_EQ(stopper_stop(inst->s, NULL), 0);
	check_stopped(r, inst);
}

void op_retire(struct actor *a, struct instance *inst)
{
	/* Those that still run may go on for a while. */
	if (stopper_phase(inst->s) == STOPPER_RUNNING && !rng_one_in(&a->rng, 4))
		return;
	if (!instance_replace(inst, &a->rng))
		return;
	instance_stop(&a->rng, inst);
	instance_put(inst);
}
