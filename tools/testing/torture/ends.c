// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * ends.c - closers, Quiesce and Stop in all their ways, and what must be refused after.
 */
#include "torture.h"

/* --- closers ---------------------------------------------------------------------------------- */

struct closer {
	unsigned int magic;
	struct stopper_closer embedded;
	struct life *l;
	struct rng rng;
	unsigned long nr;	/* in the order of adding; 0: nobody knows */
	int adder;
};

#define CLOSERS	16	/* of a life, roughly */

static void closer_add(struct rng *r, struct life *l);

/* Stop's come one after the other, in their order. */
static void check_order(struct life *l, unsigned long nr)
{
	CHECK_EQ(tor_get(&l->closing), 1);
	if (!nr)
		return;
	if (l->flags & STOPPER_CLOSERS_LIFO)
		CHECK(nr < l->last_closer);
	else
		CHECK(nr > l->last_closer);
	l->last_closer = nr;
}

static void closer_run(void *arg)
{
	struct closer *c = arg;
	bool late = c->adder == tor_tid();	/* run by who added it, from CLOSING on */
	struct life *l = c->l;
	struct rng rng = c->rng;
	bool awaited = stopper_phase(l->s) == STOPPER_CLOSING;
	int err;

	CHECK_EQ(c->magic, CLOSER_MAGIC);
	CHECK(stopper_phase(l->s) >= STOPPER_CLOSING);
	CHECK_EQ(tor_get(&l->running), 0);
	CHECK_EQ(tor_get(&l->workers_in), 0);
	if (!late) {
		tor_inc(&l->closing);
		check_order(l, c->nr);
	}
	CHECK_EQ(stopper_run_task(l->s, NULL, "refused", NULL, NULL), -EINVAL);
	err = stopper_stop(l->s, NULL);
	if (err)
		CHECK_EQ(err, -EDEADLK);
	else
		CHECK(late && stopper_event_fired(stopper_is_stopped(l->s)));
	if (rng_one_in(&rng, 4))
		tor_nap(rng_below(&rng, 500) * TOR_USEC);
	if (rng_one_in(&rng, 8))
		closer_add(&rng, l);
	CHECK_EQ(c->magic, CLOSER_MAGIC);
	obj_free(c);
	if (!late)
		tor_dec(&l->closing);
	/* Late ones, too, when Stop has not ended. */
	if (awaited)
		CHECK(!stopper_event_fired(stopper_is_stopped(l->s)));
	tor_inc(&l->closed);
	/* Stop runs them itself when there is no memory for a thread. */
	if (!late && rng_one_in(&rng, 50) && !is_actor())
		end_thread(l, &rng);
}

static void closer_run_embedded(struct stopper_closer *embedded)
{
	closer_run((char *)embedded - offsetof(struct closer, embedded));
}

static int closer_hand_over(struct closer *c, bool embed)
{
	if (!embed)
		return stopper_add_closer_fn(c->l->s, "closer", closer_run, c);
	c->embedded.name = "embedded";
	c->embedded.fn = closer_run_embedded;
	return stopper_add_closer(c->l->s, &c->embedded);
}

static void closer_add(struct rng *r, struct life *l)
{
	struct closer *c = obj_new(sizeof(*c), CLOSER_MAGIC);
	bool embed = rng_one_in(r, 2), ordered = rng_one_in(r, 2);
	int err;

	if (!c)
		return;
	c->l = l;
	c->rng.x = rng_next(r);
	c->adder = tor_tid();
	tor_inc(&l->closers);
	/* A late one runs in here, and may add another: not with the lock. */
	ordered = ordered && stopper_phase(l->s) == STOPPER_RUNNING;
	if (ordered) {
		tor_mutex_lock(&l->order);
		c->nr = ++l->next_closer;
	}
	err = closer_hand_over(c, embed);
	if (ordered)
		tor_mutex_unlock(&l->order);
	if (err) {
		CHECK(no_room(err));
		tor_dec(&l->closers);
		obj_free(c);
		return;
	}
	tor_inc(&total.closers);
}

void op_closer(struct actor *a, struct life *l)
{
	/* Late ones, too, but not for ever. */
	if (tor_get(&l->closers) < CLOSERS)
		closer_add(&a->rng, l);
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
static void check_refused(struct rng *r, struct life *l)
{
	struct stopper_options opts = { .size = sizeof(opts), .parent = l->s };
	struct stopper_ctx *ctx = NULL;
	struct stopper_task task;
	struct stopper *child;
	int err;

	CHECK_EQ(stopper_run_task(l->s, NULL, "refused", unused_task, l), -ESHUTDOWN);
	CHECK_EQ(stopper_run_task_err(l->s, NULL, "refused", unused_task_err, l), -ESHUTDOWN);
	CHECK_EQ(stopper_task_begin(l->s, NULL, "refused", &task), -ESHUTDOWN);
	switch (rng_below(r, 4)) {
	case 0:
		err = stopper_run_async_task(l->s, NULL, "refused", unused_task, l);
		CHECK(err == -ESHUTDOWN || no_room(err));
		break;
	case 1:
		err = stopper_run_limited_async_task(l->s, NULL, "refused", &l->sem, true,
						     unused_task, l);
		CHECK(err == -ESHUTDOWN || no_room(err));
		break;
	case 2:
		err = l->depth < MAX_DEPTH ? stopper_create(&child, "refused", &opts) : -ESHUTDOWN;
		CHECK(err == -ESHUTDOWN || no_room(err));
		break;
	default:
		err = stopper_ctx_with_cancel_on_quiesce(l->s, NULL, &ctx);
		CHECK(err ? no_room(err) : stopper_ctx_err(ctx) == -ECANCELED);
		stopper_ctx_put(ctx);
		break;
	}
	tor_inc(&total.refused);
}

void op_refused(struct actor *a, struct life *l)
{
	if (!stopper_event_fired(stopper_should_quiesce(l->s)))
		return;
	check_refused(&a->rng, l);
	/* The later a closer, the better. */
	if (rng_one_in(&a->rng, 4))
		op_closer(a, l);
}

static void check_stopped(struct rng *r, struct life *l)
{
	life_is_over(l);
	CHECK_EQ(stopper_phase(l->s), STOPPER_STOPPED);
	CHECK(stopper_event_fired(stopper_is_stopped(l->s)));
	CHECK_EQ(stopper_stop(l->s, NULL), 0);
	CHECK_EQ(stopper_quiesce(l->s, NULL), 0);
	CHECK_EQ(stopper_run_worker(l->s, NULL, "refused", unused_task, l), -ESHUTDOWN);
	check_refused(r, l);
}

static int try_to_stop(struct rng *r, struct life *l, bool stop)
{
	struct stopper_ctx *ctx = brief_ctx(r, NULL);
	int err;

	if (!ctx)
		return -ENOMEM;
	err = stop ? stopper_stop(l->s, ctx) : stopper_quiesce(l->s, ctx);
	if (err)
		CHECK_EQ(err, stopper_ctx_err(ctx));
	if (err)
		tor_inc(&total.timeouts);
	stopper_ctx_put(ctx);
	return err;
}

void op_quiesce(struct actor *a, struct life *l)
{
	int err = rng_one_in(&a->rng, 2) ? try_to_stop(&a->rng, l, false) :
					   stopper_quiesce(l->s, NULL);

	if (!err)
		life_is_over(l);
}

void op_stop(struct actor *a, struct life *l)
{
	int err = rng_one_in(&a->rng, 2) ? try_to_stop(&a->rng, l, true) :
					   stopper_stop(l->s, NULL);

	if (!err)
		check_stopped(&a->rng, l);
}

struct stop_parcel {
	struct parcel p;
	struct life *l;
};

static void stop_elsewhere(struct parcel *p)
{
	struct stop_parcel *sp = (struct stop_parcel *)p;
	int err;

	softirq_tasks(sp->l);
	err = stopper_stop_async(sp->l->s);
	CHECK(!err || no_room(err));
}

static void stop_parcel_free(struct parcel *p)
{
	struct stop_parcel *sp = (struct stop_parcel *)p;

	life_put(sp->l);
	obj_free(sp);
}

static void send_stop(struct life *l)
{
	struct stop_parcel *sp = obj_new(sizeof(*sp), PARCEL_MAGIC);

	if (!sp)
		return;
	sp->p.deliver = stop_elsewhere;
	sp->p.after = stop_parcel_free;
	sp->l = l;
	life_get(l);
	courier_send(&sp->p);
}

static void stop_from_inside(struct stopper_ctx *ctx, void *arg)
{
	struct life *l = arg;
	int err;

	(void)ctx;
	CHECK_EQ(stopper_stop(l->s, NULL), -EDEADLK);
	err = stopper_stop_async(l->s);
	CHECK(!err || no_room(err));
}

void life_end(struct rng *r, struct life *l)
{
	int i, err;

	if (rng_one_in(r, 2)) {
		tor_store(&l->sem_closed, true);
		stopper_sem_close(&l->sem);
	}
	switch (rng_below(r, 6)) {
	case 0:
		for (i = 0; i < 20 && try_to_stop(r, l, true); i++)
			;
		break;
	case 1:
		CHECK_EQ(stopper_quiesce(l->s, NULL), 0);
		life_is_over(l);
		break;
	case 2:
		err = stopper_stop_async(l->s);
		CHECK(!err || no_room(err));
		if (!err)
			CHECK_EQ(stopper_wait(stopper_is_stopped(l->s), NULL), 0);
		break;
	case 3:
		send_stop(l);
		break;
	case 4:
		err = stopper_run_task(l->s, NULL, "suicide", stop_from_inside, l);
		CHECK(!err || err == -ESHUTDOWN);
		break;
	default:
		break;
	}
	CHECK_EQ(stopper_stop(l->s, NULL), 0);
	check_stopped(r, l);
}

void op_retire(struct actor *a, struct life *l)
{
	/* Those that still run may go on for a while. */
	if (stopper_phase(l->s) == STOPPER_RUNNING && !rng_one_in(&a->rng, 4))
		return;
	if (!life_replace(l, &a->rng))
		return;
	life_end(&a->rng, l);
	life_put(l);
}
