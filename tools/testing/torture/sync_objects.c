// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * sync_objects.c - contexts, events and semaphores.
 */
#include "torture.h"

/* --- contexts --------------------------------------------------------------------------------- */

/* One that ends soon, some way or other; NULL: no memory. */
struct stopper_ctx *brief_ctx(struct rng *r, struct stopper_ctx *parent)
{
	struct stopper_ctx *ctx = NULL;
	int64_t ns = rng_below(r, 3000) * ENV_USEC;
	int err;

	switch (rng_below(r, 8)) {
	case 0:
		err = stopper_ctx_with_cancel(parent, &ctx);
		if (!err)
			stopper_ctx_cancel(ctx);
		break;
	case 1:
		err = stopper_ctx_with_timeout(parent, 0, &ctx);
		break;
	case 2:
	case 3:
		err = stopper_ctx_with_deadline(parent, env_now() + ns, &ctx);
		break;
	default:
		err = stopper_ctx_with_timeout(parent, ns, &ctx);
		break;
	}
	CHECK(!err || no_room(err));
	return err ? NULL : ctx;
}

struct deferred_cancel {
	struct deferred_op p;
	struct stopper_ctx *ctx;
};

static void run_cancel(struct deferred_op *p)
{
	stopper_ctx_cancel(((struct deferred_cancel *)p)->ctx);
}

static void release_cancel(struct deferred_op *p)
{
	stopper_ctx_put(((struct deferred_cancel *)p)->ctx);
	obj_free(p);
}

/* By a courier, or here. */
static void cancel_somewhere(struct rng *r, struct stopper_ctx *ctx)
{
	struct deferred_cancel *cp = rng_one_in(r, 2) ? obj_new(sizeof(*cp), DEFERRED_MAGIC) : NULL;

	if (!cp) {
		stopper_ctx_cancel(ctx);
		return;
	}
	cp->p.run = run_cancel;
	cp->p.release = release_cancel;
	cp->ctx = stopper_ctx_get(ctx);
	defer(&cp->p);
}

static int derive_ctx(struct rng *r, struct instance *inst, struct stopper_ctx *parent,
		      struct stopper_ctx **out)
{
	static const struct stopper_span span = { { 1 }, { 2 } };
	struct stopper_span got = { { 0 }, { 0 } };
	int err;

	switch (rng_below(r, 6)) {
	case 0:
		return stopper_ctx_with_cancel_on_quiesce(inst->s, parent, out);
	case 1:
		return stopper_ctx_with_cancel_on_stop(inst->s, parent, out);
	case 2:
		return stopper_ctx_with_timeout(parent, 60 * ENV_SEC, out);
	case 3:
		*out = brief_ctx(r, parent);
		return *out ? 0 : -ENOMEM;
	case 4:
		err = stopper_ctx_with_span(parent, &span, out);
		if (!err)
			CHECK(stopper_ctx_span(*out, &got) && got.trace_id[0] == 1);
		return err;
	default:
		return stopper_ctx_with_cancel(parent, out);
	}
}

#define TREE_SIZE	7

/* A tree of contexts; when its root is cancelled, all of it ends. */
void op_ctx(struct actor *a, struct instance *inst)
{
	struct stopper_ctx *ctx[TREE_SIZE] = { NULL };
	struct rng *r = &a->rng;
	int i, n = 0, err;

	err = stopper_ctx_with_cancel(NULL, &ctx[0]);
	for (n = !err; n && n < TREE_SIZE && !err; n += !err)
		err = derive_ctx(r, inst, ctx[rng_below(r, (unsigned int)n)], &ctx[n]);
	CHECK(!err || no_room(err));
	if (!n)
		return;
	CHECK(!stopper_ctx_err(ctx[0]));
	cancel_somewhere(r, ctx[0]);
	for (i = n - 1; i >= 0; i--) {
		CHECK_EQ(stopper_wait(stopper_ctx_done(ctx[i]), NULL), 0);
		err = stopper_ctx_err(ctx[i]);
		CHECK(err == -ECANCELED || (i && err == -ETIMEDOUT));
	}
	/* Parents first, or last. */
	err = rng_one_in(r, 2);
	for (i = 0; i < n; i++)
		stopper_ctx_put(ctx[err ? i : n - 1 - i]);
}

/* --- events ----------------------------------------------------------------------------------- */

#define RECORDS	4
#define MAX_FIRES	2

struct test_event;

struct deferred_fire {
	struct deferred_op p;
	struct test_event *test_event;
};

struct test_event {
	unsigned int magic;
	struct stopper_event event;
	struct stopper_on_fire of[RECORDS];
	struct env_counter calls[RECORDS];
	struct env_counter refs, fired;
	unsigned long written;		/* before the fire, plainly */
};

static void test_event_put(struct test_event *te)
{
	if (env_dec(&te->refs))
		return;
	CHECK_EQ(env_get(&te->fired), 1);
	stopper_event_destroy(&te->event);
	obj_free(te);
}

static void run_fire(struct deferred_op *p)
{
	struct deferred_fire *f = (struct deferred_fire *)p;

	CHECK_EQ(f->test_event->magic, EVENT_MAGIC);
	if (stopper_event_fire(&f->test_event->event))
		env_inc(&f->test_event->fired);
}

static void release_fire(struct deferred_op *p)
{
	test_event_put(((struct deferred_fire *)p)->test_event);
	obj_free(p);
}

static void count_call(struct stopper_on_fire *of, void *arg)
{
	struct test_event *te = arg;
	unsigned int i;

	CHECK_EQ(te->magic, EVENT_MAGIC);
	CHECK(stopper_event_fired(&te->event));
	/* Some take a while, so that a detach finds them running. */
	if (of - te->of == 1)
		for (i = 0; i < 20000; i++)
			env_relax();
	env_inc(&te->calls[of - te->of]);
}

static void defer_fires(struct rng *r, struct test_event *te)
{
	unsigned int i, n = rng_below(r, MAX_FIRES + 1);
	struct deferred_fire *f;
	bool sent = false;

	for (i = 0; i < n; i++) {
		f = obj_new(sizeof(*f), DEFERRED_MAGIC);
		if (!f)
			break;
		f->p.run = run_fire;
		f->p.release = release_fire;
		f->test_event = te;
		env_inc(&te->refs);
		defer(&f->p);
		sent = true;
	}
	if (!sent && stopper_event_fire(&te->event))
		env_inc(&te->fired);
}

static void wait_for_test_event(struct rng *r, struct test_event *te, struct instance *inst)
{
	struct stopper_event *evs[3] = { NULL, stopper_is_stopped(inst->s), &te->event };
	struct stopper_ctx *ctx = brief_ctx(r, NULL);
	int err;

	if (ctx) {
		err = rng_one_in(r, 2) ? stopper_wait(&te->event, ctx) :
					 stopper_wait_any(evs, ARRAY_SIZE(evs), ctx);
		CHECK(err == 0 || err == stopper_ctx_err(ctx) ||
		      (err == 1 && stopper_event_fired(evs[1])) ||
		      (err == 2 && stopper_event_fired(evs[2])));
	}
	stopper_ctx_put(ctx);
	CHECK_EQ(stopper_wait(&te->event, NULL), 0);
	CHECK_EQ(te->written, 42);
}

void op_event(struct actor *a, struct instance *inst)
{
	struct test_event *te = obj_new(sizeof(*te), EVENT_MAGIC);
	struct rng *r = &a->rng;
	bool called;
	int i, when;

	if (!te)
		return;
	stopper_event_init(&te->event);
	env_inc(&te->refs);
	for (i = 0; i < RECORDS / 2; i++)
		CHECK_EQ(stopper_event_on_fire(&te->event, &te->of[i], count_call, te), 0);
	te->written = 42;
	defer_fires(r, te);
	for (; i < RECORDS; i++)
		CHECK_EQ(stopper_event_on_fire(&te->event, &te->of[i], count_call, te), 0);
	/* Taken back before it fires, or while callbacks run, or after. */
	when = (int)rng_below(r, 3);
	while (when == 1 && !stopper_event_fired(&te->event))
		env_sleep(10 * ENV_USEC);
	if (when == 2)
		wait_for_test_event(r, te, inst);
	/* Once it has been taken back it is over: called once, or never. */
	for (i = 0; i < RECORDS; i++) {
		called = !stopper_event_detach(&te->event, &te->of[i]);
		CHECK_EQ(env_get(&te->calls[i]), called);
	}
	if (when != 2)
		wait_for_test_event(r, te, inst);
	CHECK(!stopper_event_fire(&te->event));
	test_event_put(te);
}

/* --- semaphores ------------------------------------------------------------------------------- */

struct deferred_slot {
	struct deferred_op p;
	struct instance *inst;
};

static void release_slot(struct instance *inst)
{
	env_dec(&inst->holders);
	stopper_sem_release(&inst->sem);
}

static void run_release_slot(struct deferred_op *p)
{
	struct instance *inst = ((struct deferred_slot *)p)->inst;

	softirq_tasks(inst);
	release_slot(inst);
}

static void release_slot_op(struct deferred_op *p)
{
	instance_put(((struct deferred_slot *)p)->inst);
	obj_free(p);
}

static int acquire_slot(struct rng *r, struct instance *inst)
{
	struct stopper_ctx *ctx;
	int err;

	switch (rng_below(r, 3)) {
	case 0:
		err = stopper_sem_try_acquire(&inst->sem);
		CHECK(!err || err == -EBUSY || err == -ESHUTDOWN);
		break;
	case 1:
		err = stopper_sem_acquire(&inst->sem, NULL);
		CHECK(!err || err == -ESHUTDOWN);
		break;
	default:
		ctx = brief_ctx(r, NULL);
		if (!ctx)
			return -ENOMEM;
		err = stopper_sem_acquire(&inst->sem, ctx);
		CHECK(!err || err == -ESHUTDOWN || err == stopper_ctx_err(ctx));
		stopper_ctx_put(ctx);
		break;
	}
	if (err == -ESHUTDOWN)
		CHECK(env_load(&inst->sem_closed));
	return err;
}

void op_sem(struct actor *a, struct instance *inst)
{
	struct deferred_slot *sp;

	if (acquire_slot(&a->rng, inst))
		return;
	CHECK(env_inc(&inst->holders) <= stopper_sem_capacity(&inst->sem));
	if (rng_one_in(&a->rng, 2))
		env_yield();
	sp = rng_one_in(&a->rng, 2) ? obj_new(sizeof(*sp), DEFERRED_MAGIC) : NULL;
	if (!sp) {
		release_slot(inst);
		return;
	}
	sp->p.run = run_release_slot;
	sp->p.release = release_slot_op;
	sp->inst = inst;
	instance_get(inst);
	defer(&sp->p);
}
