// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_order.c - a thread that has waited for a task sees what the task did; a task sees what
 * was done before it was started.
 *
 * All data handed over here is plain memory, ordered by the stopper alone: the starting thread
 * publishes its progress with env_set_relaxed(), which orders nothing. So TSan and KCSAN report
 * a missing release or acquire of the stopper even where the processor would hide it.
 */
#include "case.h"

#define CELLS	32

struct order;

struct cell {
	struct order *o;
	struct stopper_task task;
	int given, wrote;		/* plain */
};

struct order {
	struct stopper *s;
	struct stopper *parent;		/* NULL: none */
	struct stopper_sem sem;
	int (*start)(struct cell *c);
	struct env_counter started, handed, over, looked;
	int accepted;
	int shared;			/* plain */
	struct cell cell[CELLS];
};

static void writes(struct stopper_ctx *ctx, void *arg)
{
	struct cell *c = arg;

	c->wrote = c->given;
}

static int writes_err(struct stopper_ctx *ctx, void *arg)
{
	writes(ctx, arg);
	return 0;
}

static void writes_plain(void *arg)
{
	writes(NULL, arg);
}

static int run(struct cell *c)
{
	return stopper_run_task(c->o->s, NULL, "writes", writes, c);
}

static int run_err(struct cell *c)
{
	return stopper_run_task_err(c->o->s, NULL, "writes", writes_err, c);
}

static void nested(struct stopper_ctx *ctx, void *arg)
{
	struct cell *c = arg;

	/* Quiesce may begin in between; then it is written here. */
	if (stopper_run_task(c->o->s, NULL, "writes", writes, c))
		writes(ctx, c);
}

static int run_nested(struct cell *c)
{
	return stopper_run_task(c->o->s, NULL, "nested", nested, c);
}

/* More handles than a table has slots: the last one is on a list. */
static int run_listed(struct cell *c)
{
	struct stopper_task *more = env_alloc(70 * sizeof(*more));
	int err, n = 0;

	while (n < 70 && !stopper_task_begin(c->o->s, NULL, "more", &more[n]))
		n++;
	err = stopper_task_begin(c->o->s, NULL, "writes", &c->task);
	while (n)
		stopper_task_end(&more[--n]);
	if (!err) {
		writes(NULL, c);
		stopper_task_end(&c->task);
	}
	env_free(more);
	return err;
}

static int run_handle(struct cell *c)
{
	int err = stopper_task_begin(c->o->s, NULL, "writes", &c->task);

	if (err)
		return err;
	writes(NULL, c);
	stopper_task_end(&c->task);
	return 0;
}

/* Begun here, ended by ends_all(). */
static int run_elsewhere(struct cell *c)
{
	int err = stopper_task_begin(c->o->s, NULL, "writes", &c->task);

	if (!err)
		env_inc(&c->o->handed);
	return err;
}

static void ends_all(void *arg)
{
	struct order *o = arg;
	int i;

	for (i = 0; i < CELLS; i++) {
		while (env_get(&o->handed) <= i && !env_get(&o->over))
			env_yield();
		if (env_get(&o->handed) <= i)
			return;
		writes(NULL, &o->cell[i]);
		stopper_task_end(&o->cell[i].task);
	}
}

static int run_async(struct cell *c)
{
	return stopper_run_async_task(c->o->s, NULL, "writes", writes, c);
}

/* One at a time: what they share they need not lock. */
static void counts(struct stopper_ctx *ctx, void *arg)
{
	struct cell *c = arg;

	c->o->shared++;
	writes(ctx, c);
}

static int run_limited(struct cell *c)
{
	return stopper_run_limited_async_task(c->o->s, NULL, "writes", &c->o->sem, true, counts,
					      c);
}

static int run_worker(struct cell *c)
{
	return stopper_run_worker(c->o->s, NULL, "writes", writes, c);
}

static int add_closer(struct cell *c)
{
	return stopper_add_closer_fn(c->o->s, "writes", writes_plain, c);
}

static void start_all(void *arg)
{
	struct order *o = arg;
	int i, err = 0;

	for (i = 0; i < CELLS && !err; i++) {
		o->cell[i].given = i + 1;
		err = o->start(&o->cell[i]);
		if (!err)
			o->accepted++;
		env_set_relaxed(&o->started, i + 1);
	}
	env_set(&o->over, 1);
	CHECK(!err || err == -ESHUTDOWN);
	/* The end of a thread takes locks, which would order more than we want. */
	while (!env_get(&o->looked))
		env_yield();
}

static struct order *order_new(int (*start)(struct cell *c), bool has_parent)
{
	struct stopper_options opts = { .size = sizeof(opts) };
	struct order *o = env_alloc(sizeof(*o));
	int i;

	if (has_parent) {
		o->parent = new_stopper(NULL);
		opts.parent = o->parent;
	}
	o->s = new_stopper(&opts);
	o->start = start;
	CHECK_EQ(stopper_sem_init(&o->sem, 1), 0);
	for (i = 0; i < CELLS; i++)
		o->cell[i].o = o;
	return o;
}

/* All have ended: reads what they wrote, and writes there. Returns how many there were. */
static int look(struct order *o)
{
	int i, n = 0;

	for (i = 0; i < CELLS; i++) {
		CHECK(!o->cell[i].wrote || o->cell[i].wrote == i + 1);
		n += o->cell[i].wrote != 0;
		o->cell[i].wrote = -1;
	}
	return n;
}

static void order_end(struct order *o, int seen)
{
	CHECK_EQ(seen, o->accepted);
	CHECK_EQ(o->shared, o->start == run_limited ? o->accepted : 0);
	stop_and_put(o->s);
	if (o->parent)
		stop_and_put(o->parent);
	CHECK_EQ(stopper_sem_length(&o->sem), 0);
	stopper_sem_destroy(&o->sem);
	env_free(o);
}

enum ending { QUIESCE, STOP, ASYNC_STOP };

static void finish(struct stopper *s, enum ending how)
{
	switch (how) {
	case QUIESCE:
		CHECK_EQ(stopper_quiesce(s, NULL), 0);
		break;
	case STOP:
		CHECK_EQ(stopper_stop(s, NULL), 0);
		break;
	case ASYNC_STOP:
		CHECK_EQ(stopper_stop_async(s), 0);
		while (!stopper_event_fired(stopper_is_stopped(s)))
			env_yield();
		break;
	}
}

static void order_once(struct order *o, enum ending how, int round)
{
	struct stopper *end = o->parent ? o->parent : o->s;
	struct env_thread starts, ends;
	struct case_call other;
	/* While they are started, or when all have ended: no later one hides a thing. */
	int seen, first = round % 2 ? round * 7 % CELLS : CELLS;
	bool two = round % 4 >= 2;

	CHECK_EQ(env_spawn(&ends, ends_all, o), 0);
	CHECK_EQ(env_spawn(&starts, start_all, o), 0);
	while (env_get_relaxed(&o->started) < first)
		env_yield();
	/* Two at once: one leads, the other follows. */
	if (two)
		case_quiesce_begin(&other, end, NULL);
	finish(end, how);
	if (o->start != add_closer && o->start != run_worker) {
		seen = look(o);
		env_set(&o->looked, 1);
		env_join(&starts);
	} else {
		/* A late closer is run by the thread that adds it. */
		env_set(&o->looked, 1);
		env_join(&starts);
		seen = look(o);
	}
	env_join(&ends);
	if (two)
		CHECK_EQ(case_call_end(&other), 0);
	order_end(o, seen);
}

static void order(int (*start)(struct cell *c), enum ending how, int rounds)
{
	int round;

	for (round = 0; round < case_rounds(rounds); round++)
		order_once(order_new(start, round % 3 == 2), how, round);
}

static void quiesce_sees_what_sync_tasks_did(void)
{
	order(run, QUIESCE, 60);
	order(run_err, QUIESCE, 30);
	order(run_nested, QUIESCE, 60);
}

static void quiesce_sees_what_was_done_under_handles(void)
{
	order(run_handle, QUIESCE, 60);
	order(run_listed, QUIESCE, 20);
}

static void quiesce_sees_what_was_done_under_handles_ended_elsewhere(void)
{
	order(run_elsewhere, QUIESCE, 60);
}

static void quiesce_sees_what_async_tasks_did(void)
{
	order(run_async, QUIESCE, 60);
}

static void tasks_with_one_slot_see_what_the_one_before_did(void)
{
	order(run_limited, QUIESCE, 60);
}

static void stop_sees_what_workers_did(void)
{
	order(run_worker, STOP, 40);
}

static void stop_sees_what_closers_did(void)
{
	order(add_closer, STOP, 60);
}

static void who_sees_it_stopped_sees_all_that_was_done(void)
{
	order(run, ASYNC_STOP, 40);
	order(run_elsewhere, ASYNC_STOP, 40);
	order(run_async, ASYNC_STOP, 40);
	order(run_worker, ASYNC_STOP, 40);
	order(add_closer, ASYNC_STOP, 40);
}

/* Data written before a cancel is seen by a thread that has seen the cancel. */
struct cancelled {
	struct stopper_ctx *ctx;
	int why;		/* plain */
};

static void cancels(void *arg)
{
	struct cancelled *c = arg;

	c->why = 42;
	stopper_ctx_cancel(c->ctx);
}

static void who_sees_a_context_cancelled_sees_what_was_done_before(void)
{
	int round;

	for (round = 0; round < case_rounds(100); round++) {
		struct env_thread thread;
		struct stopper_ctx *child;
		struct cancelled c = { .ctx = new_ctx(NULL) };

		child = new_ctx(c.ctx);
		CHECK_EQ(env_spawn(&thread, cancels, &c), 0);
		while (!stopper_ctx_err(round % 2 ? child : c.ctx))
			env_yield();
		CHECK_EQ(c.why, 42);
		env_join(&thread);
		stopper_ctx_put(child);
		stopper_ctx_put(c.ctx);
	}
}

/* A callback that has been detached has returned, and what it did is seen. */
struct fired {
	struct stopper_event ev;
	struct stopper_on_fire of;
	struct env_counter firing;
	int given, got;		/* plain */
};

static void takes(struct stopper_on_fire *of, void *arg)
{
	struct fired *f = arg;

	f->got = f->given;
}

static void fires(void *arg)
{
	struct fired *f = arg;

	f->given = 42;
	env_set_relaxed(&f->firing, 1);
	stopper_event_fire(&f->ev);
}

static void who_detaches_a_callback_sees_what_it_did(void)
{
	int round, i;

	for (round = 0; round < case_rounds(200); round++) {
		struct env_thread thread;
		struct fired f;
		bool unused;

		memset(&f, 0, sizeof(f));
		stopper_event_init(&f.ev);
		stopper_event_on_fire(&f.ev, &f.of, takes, &f);
		CHECK_EQ(env_spawn(&thread, fires, &f), 0);
		while (!env_get_relaxed(&f.firing))
			env_yield();
		for (i = 0; i < round % 5; i++)
			env_yield();
		unused = stopper_event_detach(&f.ev, &f.of);
		CHECK_EQ(f.got, unused ? 0 : 42);
		f.got = 0;
		env_join(&thread);
		CHECK_EQ(f.got, 0);
		stopper_event_destroy(&f.ev);
	}
}

const struct test_case cases_order[] = {
	CASE(quiesce_sees_what_sync_tasks_did),
	CASE(quiesce_sees_what_was_done_under_handles),
	CASE(quiesce_sees_what_was_done_under_handles_ended_elsewhere),
	CASE(quiesce_sees_what_async_tasks_did),
	CASE(tasks_with_one_slot_see_what_the_one_before_did),
	CASE(stop_sees_what_workers_did),
	CASE(stop_sees_what_closers_did),
	CASE(who_sees_it_stopped_sees_all_that_was_done),
	CASE(who_sees_a_context_cancelled_sees_what_was_done_before),
	CASE(who_detaches_a_callback_sees_what_it_did),
	CASES_END
};
