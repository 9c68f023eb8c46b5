// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_ctx_stopper.c - contexts tied to a stopper: cancelled on quiesce, cancelled on stop.
 */
#include "case.h"

static struct stopper_ctx *on_quiesce(struct stopper *s, struct stopper_ctx *parent)
{
	struct stopper_ctx *ctx = NULL;

	CHECK_EQ(stopper_ctx_with_cancel_on_quiesce(s, parent, &ctx), 0);
	return ctx;
}

static struct stopper_ctx *on_stop(struct stopper *s, struct stopper_ctx *parent)
{
	struct stopper_ctx *ctx = NULL;

	CHECK_EQ(stopper_ctx_with_cancel_on_stop(s, parent, &ctx), 0);
	return ctx;
}

static void quiesce_cancels_on_quiesce_contexts_only(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_ctx *q = on_quiesce(s, NULL), *t = on_stop(s, NULL);
	struct stopper_ctx *below = new_ctx(q);

	CHECK_EQ(stopper_ctx_err(q), 0);
	CHECK_EQ(stopper_ctx_err(t), 0);
	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	CHECK_EQ(stopper_ctx_err(q), -ECANCELED);
	CHECK_EQ(stopper_ctx_err(below), -ECANCELED);
	env_settle();
	CHECK_EQ(stopper_ctx_err(t), 0);
	stop_and_put(s);
	CHECK_EQ(stopper_ctx_err(t), -ECANCELED);
	stopper_ctx_put(q);
	stopper_ctx_put(t);
	stopper_ctx_put(below);
}

static void on_stop_context_lasts_while_a_task_runs(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_ctx *t = on_stop(s, NULL);
	struct stopper_task task;
	struct case_call stop;

	CHECK_EQ(stopper_task_begin(s, NULL, "task", &task), 0);
	case_stop_begin(&stop, s, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(s)));
	env_settle();
	CHECK_EQ(stopper_ctx_err(t), 0);
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&stop), 0);
	CHECK_EQ(stopper_ctx_err(t), -ECANCELED);
	stopper_put(s);
	stopper_ctx_put(t);
}

struct order {
	struct stopper *s;
	struct stopper_ctx *q, *t;
	struct env_counter seen;
};

static void quiesce_fired(struct stopper_on_fire *of, void *arg)
{
	struct order *o = arg;

	CHECK_EQ(stopper_ctx_err(o->q), -ECANCELED);
	CHECK_EQ(stopper_ctx_err(o->t), 0);
	env_inc(&o->seen);
}

static void stop_fired(struct stopper_on_fire *of, void *arg)
{
	struct order *o = arg;

	CHECK_EQ(stopper_ctx_err(o->t), -ECANCELED);
	env_inc(&o->seen);
}

static void watch_order(void *arg)
{
	struct order *o = arg;
	int i;

	for (i = 0; i < 2; i++) {
		struct stopper_event *ev = i ? stopper_should_stop(o->s) :
					       stopper_should_quiesce(o->s);

		while (!stopper_event_fired(ev))
			env_yield();
		CHECK_EQ(stopper_ctx_err(i ? o->t : o->q), -ECANCELED);
	}
	env_inc(&o->seen);
}

static void contexts_end_before_their_event_fires(void)
{
	int round;

	for (round = 0; round < case_rounds(100); round++) {
		struct order o = { .s = new_stopper(NULL) };
		struct stopper_on_fire of[2];
		struct env_thread thread;

		o.q = on_quiesce(o.s, NULL);
		o.t = on_stop(o.s, NULL);
		CHECK_EQ(stopper_event_on_fire(stopper_should_quiesce(o.s), &of[0],
					       quiesce_fired, &o), 0);
		CHECK_EQ(stopper_event_on_fire(stopper_should_stop(o.s), &of[1], stop_fired, &o),
			 0);
		CHECK_EQ(env_spawn(&thread, watch_order, &o), 0);
		CHECK_EQ(stopper_stop(o.s, NULL), 0);
		env_join(&thread);
		CHECK_EQ(env_get(&o.seen), 3);
		stopper_ctx_put(o.q);
		stopper_ctx_put(o.t);
		stopper_put(o.s);
	}
}

static void context_of_a_passed_phase_is_born_cancelled(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_ctx *q, *t;

	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	q = on_quiesce(s, NULL);
	t = on_stop(s, NULL);
	CHECK_EQ(stopper_ctx_err(q), -ECANCELED);
	CHECK(stopper_event_fired(stopper_ctx_done(q)));
	CHECK_EQ(stopper_ctx_err(t), 0);
	stopper_ctx_put(q);
	stopper_ctx_put(t);
	CHECK_EQ(stopper_stop(s, NULL), 0);
	q = on_quiesce(s, NULL);
	t = on_stop(s, NULL);
	CHECK_EQ(stopper_ctx_err(q), -ECANCELED);
	CHECK_EQ(stopper_ctx_err(t), -ECANCELED);
	stopper_ctx_put(q);
	stopper_ctx_put(t);
	stopper_put(s);
}

static void tied_context_also_ends_with_its_parent(void)
{
	struct stopper_ctx *parent = new_ctx(NULL);
	struct stopper_ctx *late = new_ctx_timeout(NULL, 10 * ENV_MSEC);
	struct stopper *s = new_stopper(NULL);
	struct stopper_ctx *q = on_quiesce(s, parent), *t = on_stop(s, parent);
	struct stopper_ctx *l = on_quiesce(s, late);

	stopper_ctx_cancel(parent);
	CHECK_EQ(stopper_ctx_err(q), -ECANCELED);
	CHECK_EQ(stopper_ctx_err(t), -ECANCELED);
	CHECK_EQ(stopper_wait(stopper_ctx_done(l), NULL), 0);
	CHECK_EQ(stopper_ctx_err(l), -ETIMEDOUT);
	CHECK(!stopper_event_fired(stopper_should_quiesce(s)));
	stop_and_put(s);
	CHECK_EQ(stopper_ctx_err(l), -ETIMEDOUT);
	stopper_ctx_put(q);
	stopper_ctx_put(t);
	stopper_ctx_put(l);
	stopper_ctx_put(late);
	stopper_ctx_put(parent);
}

static void tied_context_may_be_cancelled_by_hand(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_ctx *q = on_quiesce(s, NULL), *t = on_stop(s, NULL);
	struct stopper_ctx *other = on_quiesce(s, NULL);

	stopper_ctx_cancel(q);
	stopper_ctx_cancel(t);
	CHECK_EQ(stopper_ctx_err(q), -ECANCELED);
	CHECK_EQ(stopper_ctx_err(t), -ECANCELED);
	CHECK_EQ(stopper_ctx_err(other), 0);
	CHECK_EQ(stopper_phase(s), STOPPER_RUNNING);
	stopper_ctx_put(q);
	stopper_ctx_put(t);
	stop_and_put(s);
	CHECK_EQ(stopper_ctx_err(other), -ECANCELED);
	stopper_ctx_put(other);
}

static void tied_context_may_outlive_its_stopper(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_ctx *q = on_quiesce(s, NULL), *t = on_stop(s, NULL), *below;

	stop_and_put(s);
	CHECK_EQ(stopper_ctx_err(q), -ECANCELED);
	below = new_ctx(t);
	CHECK_EQ(stopper_ctx_err(below), -ECANCELED);
	stopper_ctx_put(q);
	stopper_ctx_put(t);
	stopper_ctx_put(below);
}

static void wait_for_ctx(struct stopper_ctx *ctx, void *arg)
{
	CHECK_EQ(stopper_wait(stopper_ctx_done(ctx), NULL), 0);
	CHECK_EQ(stopper_ctx_err(ctx), -ECANCELED);
	env_inc(arg);
}

static void tasks_and_workers_are_told_by_their_contexts(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_ctx *q = on_quiesce(s, NULL), *t = on_stop(s, NULL);
	struct env_counter tasks = { 0 }, workers = { 0 };
	int i;

	for (i = 0; i < 10; i++) {
		CHECK_EQ(stopper_run_async_task(s, q, "task", wait_for_ctx, &tasks), 0);
		CHECK_EQ(stopper_run_worker(s, t, "worker", wait_for_ctx, &workers), 0);
	}
	stopper_ctx_put(q);
	stopper_ctx_put(t);
	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	CHECK_EQ(env_get(&tasks), 10);
	CHECK_EQ(env_get(&workers), 0);
	stop_and_put(s);
	CHECK_EQ(env_get(&workers), 10);
}

struct maker {
	struct stopper *s;
	struct env_counter go;
	struct env_counter stopped;
};

static void make(void *arg)
{
	struct maker *m = arg;
	struct stopper_ctx *kept[8];
	unsigned int i;
	bool last;

	env_inc(&m->go);
	do {
		last = env_get(&m->stopped);
		for (i = 0; i < ARRAY_SIZE(kept); i++)
			kept[i] = i % 2 ? on_quiesce(m->s, NULL) : on_stop(m->s, NULL);
		for (i = 0; i < ARRAY_SIZE(kept); i++) {
			if (last)
				CHECK_EQ(stopper_ctx_err(kept[i]), -ECANCELED);
			if (i % 3 == 0)
				stopper_ctx_cancel(kept[i]);
			stopper_ctx_put(kept[i]);
		}
		env_yield();	/* preempt=none: two of these fill two CPUs */
	} while (!last);
}

static void contexts_are_made_and_cancelled_while_stop_runs(void)
{
	int round;

	for (round = 0; round < case_rounds(100); round++) {
		struct maker m = { .s = new_stopper(NULL) };
		struct env_thread thread[3];
		unsigned int i;

		for (i = 0; i < ARRAY_SIZE(thread); i++)
			CHECK_EQ(env_spawn(&thread[i], make, &m), 0);
		while (env_get(&m.go) < (int)ARRAY_SIZE(thread))
			env_yield();
		CHECK_EQ(stopper_stop(m.s, NULL), 0);
		env_set(&m.stopped, 1);
		for (i = 0; i < ARRAY_SIZE(thread); i++)
			env_join(&thread[i]);
		stopper_put(m.s);
	}
}

static void a_thousand_contexts_end_with_one_quiesce(void)
{
	struct stopper_ctx **ctx = env_alloc(1000 * sizeof(*ctx));
	struct stopper *s = new_stopper(NULL);
	int i;

	for (i = 0; i < 1000; i++)
		ctx[i] = on_quiesce(s, i % 10 ? ctx[i / 10 * 10] : NULL);
	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	for (i = 0; i < 1000; i++) {
		CHECK_EQ(stopper_ctx_err(ctx[i]), -ECANCELED);
		stopper_ctx_put(ctx[i]);
	}
	stop_and_put(s);
	env_free(ctx);
}

const struct test_case cases_ctx_stopper[] = {
	CASE(quiesce_cancels_on_quiesce_contexts_only),
	CASE(on_stop_context_lasts_while_a_task_runs),
	CASE(contexts_end_before_their_event_fires),
	CASE(context_of_a_passed_phase_is_born_cancelled),
	CASE(tied_context_also_ends_with_its_parent),
	CASE(tied_context_may_be_cancelled_by_hand),
	CASE(tied_context_may_outlive_its_stopper),
	CASE(tasks_and_workers_are_told_by_their_contexts),
	CASE(contexts_are_made_and_cancelled_while_stop_runs),
	CASE(a_thousand_contexts_end_with_one_quiesce),
	CASES_END
};
