// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * tasks.c - tasks on the calling thread, handles, what tasks do, and readers of their counts.
 */
#include "torture.h"

/* --- many short tasks ------------------------------------------------------------------------- */

struct hot {
	struct instance *inst;
	unsigned long gen, ran;
	unsigned int dwell;
};

static void hot_task(struct stopper_ctx *ctx, void *arg)
{
	struct hot *h = arg;
	unsigned int i;

	(void)ctx;
	h->ran++;
	CHECK(instance_is_live(h->inst, h->gen));
	if (!h->dwell)
		return;
	for (i = 0; i < h->dwell; i++)
		env_relax();
	CHECK(instance_is_live(h->inst, h->gen));
}

static int hot_task_err(struct stopper_ctx *ctx, void *arg)
{
	hot_task(ctx, arg);
	return (int)((struct hot *)arg)->ran;
}

/* Until refused, @n at most; how many were accepted. Any context. */
static unsigned long run_hot(struct hot *h, unsigned long n)
{
	unsigned long want = 0;
	int err = 0;

	while (want < n && !err) {
		if (n & 1) {
			err = stopper_run_task_err(h->inst->s, NULL, "hot-err", hot_task_err, h);
			if (err >= 0) {
				CHECK_EQ(err, h->ran);
				err = 0;
			}
		} else {
			err = stopper_run_task(h->inst->s, NULL, "hot", hot_task, h);
		}
		want += !err;
		if (h->ran != want)
			break;
	}
	CHECK_EQ(h->ran, want);
	if (err) {
		CHECK_EQ(err, -ESHUTDOWN);
		CHECK(stopper_phase(h->inst->s) != STOPPER_RUNNING);
		env_inc(&total.refused);
	}
	return want;
}

void op_hot(struct actor *a, struct instance *inst)
{
	struct hot h = { .inst = inst, .gen = inst->gen };
	unsigned long n = 64UL << rng_below(&a->rng, 7);

	/* Some stay for a while, so that a quiesce that does not wait is seen. */
	if (rng_one_in(&a->rng, 4)) {
		h.dwell = 1 + rng_below(&a->rng, 500);
		n = 64;
	}
	n += rng_below(&a->rng, 2);
	env_poke(&a->tasks, a->tasks + run_hot(&h, n));
}

/* In softirq, or with interrupts off. The caller has a use of @l. */
void softirq_tasks(struct instance *inst)
{
	struct hot h = { .inst = inst, .gen = inst->gen };
	struct stopper_task task;

	if (!stopper_task_begin(inst->s, NULL, "softirq", &task)) {
		CHECK(instance_is_live(inst, inst->gen));
		h.dwell = inst->gen % 32;
		run_hot(&h, 4);
		stopper_task_end(&task);
	}
	h.ran = 0;
	run_hot(&h, 4);
	if (!stopper_sem_try_acquire(&inst->sem)) {
		CHECK(env_inc(&inst->holders) <= stopper_sem_capacity(&inst->sem));
		env_dec(&inst->holders);
		stopper_sem_release(&inst->sem);
	}
}

/* --- what longer tasks do --------------------------------------------------------------------- */

struct sync {
	struct rng *r;
	struct instance *inst;
	unsigned long gen;
	int depth;
	unsigned int entered;
	bool panic;
};

static void sync_task(struct stopper_ctx *ctx, void *arg)
{
	struct sync *t = arg;

	(void)ctx;
	CHECK_EQ(++t->entered, 1);
	env_inc(&t->inst->running);
	task_body(t->r, t->inst, t->gen, t->depth);
	env_dec(&t->inst->running);
	if (t->panic) {
		env_inc(&t->inst->deaths);
		stopper_panic(t->inst);
	}
}

static int sync_task_err(struct stopper_ctx *ctx, void *arg)
{
	sync_task(ctx, arg);
	return 42;
}

static void run_sync(struct rng *r, struct instance *inst, int depth)
{
	struct sync t = { .r = r, .inst = inst, .gen = inst->gen, .depth = depth };
	int err, want;

	t.panic = ENV_UNWINDS && rng_one_in(r, 64);
	if (rng_one_in(r, 2)) {
		err = stopper_run_task(inst->s, NULL, "sync", sync_task, &t);
		want = 0;
	} else {
		err = stopper_run_task_err(inst->s, NULL, "sync-err", sync_task_err, &t);
		want = t.panic ? -EOWNERDEAD : 42;
	}
	if (err == want && t.entered) {
		env_inc(&total.sync);
	} else {
		CHECK_EQ(err, -ESHUTDOWN);
		CHECK_EQ(t.entered, 0);
		env_inc(&total.refused);
	}
}

static void nested_task(struct rng *r, int depth)
{
	struct instance *inst = instance_any(r);

	if (!inst)
		return;
	run_sync(r, inst, depth + 1);
	instance_put(inst);
}

/* From a task, Stop and Quiesce of its stopper and of its parents would wait for the task. */
static void check_deadlock_refused(struct instance *inst)
{
	for (; inst; inst = env_load(&inst->parent)) {
		/* A parent's stopper is there: its child, which runs us, pins it. */
		CHECK_EQ(stopper_quiesce(inst->s, NULL), -EDEADLK);
		CHECK_EQ(stopper_stop(inst->s, NULL), -EDEADLK);
	}
}

static bool is_or_descends_from(const struct instance *inst, const struct instance *other)
{
	while (inst && inst != other)
		inst = inst->parent;
	return inst;
}

/* Stops another one, briefly: it may well be ours, or that of an outer task. */
static void stop_another(struct rng *r, struct instance *inst)
{
	struct stopper_ctx *ctx = brief_ctx(r, NULL);
	struct instance *other = ctx ? instance_any(r) : NULL;
	int err;

	if (other) {
		err = rng_one_in(r, 2) ? stopper_stop(other->s, ctx) :
					 stopper_quiesce(other->s, ctx);
		if (!err)
			instance_is_over(other);
		else if (is_or_descends_from(inst, other))
			CHECK_EQ(err, -EDEADLK);
		else
			CHECK(err == -EDEADLK || err == stopper_ctx_err(ctx));
		CHECK(err || !is_or_descends_from(inst, other));
		instance_put(other);
	}
	stopper_ctx_put(ctx);
}

static void wait_for_quiesce(struct rng *r, struct instance *inst)
{
	struct stopper_ctx *ctx = brief_ctx(r, NULL);
	int err;

	if (!ctx)
		return;
	err = stopper_wait(stopper_should_quiesce(inst->s), ctx);
	if (err)
		CHECK_EQ(err, stopper_ctx_err(ctx));
	else
		CHECK(stopper_phase(inst->s) == STOPPER_QUIESCING);
	stopper_ctx_put(ctx);
}

/* Inside a task of @l, so it must not wait without bound. */
void task_body(struct rng *r, struct instance *inst, unsigned long gen, int depth)
{
	unsigned int i;

	CHECK(instance_is_live(inst, gen));
	switch (rng_below(r, 16)) {
	case 0:
		env_sleep(rng_below(r, 2000) * ENV_USEC);
		break;
	case 1:
	case 2:
		env_yield();
		break;
	case 3:
		for (i = rng_below(r, 10000); i; i--)
			env_relax();
		break;
	case 4:
		wait_for_quiesce(r, inst);
		break;
	case 5:
	case 6:
		if (depth < 3)
			nested_task(r, depth);
		break;
	case 7:
		check_deadlock_refused(inst);
		break;
	case 8:
		if (rng_one_in(r, 16))
			stop_another(r, inst);
		break;
	case 9:
		if (rng_one_in(r, 64)) {
			i = (unsigned int)-stopper_stop_async(inst->s);
			CHECK(!i || no_room(-(int)i));
		}
		break;
	default:
		break;
	}
	CHECK(instance_is_live(inst, gen));
}

static void run_in_scope(struct stopper_ctx *ctx, void *arg)
{
	struct sync *t = arg;

	(void)ctx;
	t->entered++;
	if (t->panic) {
		env_inc(&t->inst->deaths);
		stopper_panic(t->inst);
	}
}

void op_sync(struct actor *a, struct instance *inst)
{
	struct sync t = { .r = &a->rng, .inst = inst };

	run_sync(&a->rng, inst, 0);
	if (!rng_one_in(&a->rng, 16))
		return;
	t.panic = ENV_UNWINDS && rng_one_in(&a->rng, 8);
	CHECK_EQ(stopper_recover(inst->s, NULL, "scope", run_in_scope, &t),
		 t.panic ? -EOWNERDEAD : 0);
	CHECK_EQ(t.entered, 1);
}

/* --- handles ---------------------------------------------------------------------------------- */

struct handle {
	struct deferred_op p;
	struct stopper_task task;
	struct instance *inst;
};

static void handle_end(struct deferred_op *p)
{
	struct handle *h = (struct handle *)p;

	CHECK(instance_is_live(h->inst, h->inst->gen));
	env_dec(&h->inst->running);
	env_inc(&h->inst->executed);
	stopper_task_end(&h->task);
}

static void handle_free(struct deferred_op *p)
{
	struct handle *h = (struct handle *)p;

	instance_put(h->inst);
	obj_free(h);
}

static int handle_begin(struct instance *inst, struct stopper_task *task)
{
	int err = stopper_task_begin(inst->s, NULL, "handle", task);

	if (err) {
		CHECK_EQ(err, -ESHUTDOWN);
		CHECK(stopper_phase(inst->s) != STOPPER_RUNNING);
		env_inc(&total.refused);
		return err;
	}
	env_inc(&inst->accepted);
	env_inc(&inst->running);
	env_inc(&total.handles);
	CHECK(instance_is_live(inst, inst->gen));
	return 0;
}

void op_handle(struct actor *a, struct instance *inst)
{
	struct handle *h = obj_new(sizeof(*h), DEFERRED_MAGIC);

	if (!h)
		return;
	h->inst = inst;
	h->p.run = handle_end;
	h->p.release = handle_free;
	if (handle_begin(inst, &h->task)) {
		obj_free(h);
		return;
	}
	instance_get(inst);
	if (rng_one_in(&a->rng, 64))
		CHECK(stopper_num_tasks(inst->s) >= 1);
	if (rng_one_in(&a->rng, 2)) {
		defer(&h->p);
		return;
	}
	if (rng_one_in(&a->rng, 8))
		run_sync(&a->rng, inst, 2);
	handle_end(&h->p);
	handle_free(&h->p);
}

/* More than a table has slots. */
#define MANY	100

struct many {
	unsigned int magic;
	unsigned int n;
	struct stopper_task task[MANY];
	struct stopper_task_info info[2];
};

/* What is held is counted, and the biggest site comes first. */
static void count_many(struct instance *inst, struct many *m)
{
	int sites;

	CHECK(stopper_num_tasks(inst->s) >= m->n);
	sites = stopper_running_tasks(inst->s, m->info, ARRAY_SIZE(m->info));
	if (no_room(sites))
		return;
	CHECK(sites >= 1);
	CHECK(m->info[0].count >= m->n);
	if (sites > 1)
		CHECK(m->info[0].count >= m->info[1].count);
}

void op_many_handles(struct actor *a, struct instance *inst)
{
	struct many *m = obj_new(sizeof(*m), DEFERRED_MAGIC);
	unsigned int i, want = 1 + rng_below(&a->rng, MANY), step, rest;

	if (!m)
		return;
	while (m->n < want && !handle_begin(inst, &m->task[m->n]))
		m->n++;
	if (m->n)
		count_many(inst, m);
	if (rng_one_in(&a->rng, 2))
		run_sync(&a->rng, inst, 2);
	else if (m->n)
		wait_for_quiesce(&a->rng, inst);
	/* All of them, beginning somewhere, with a rest: those in tables may have ended by then. */
	step = rng_one_in(&a->rng, 2) ? rng_below(&a->rng, m->n + 1) : 0;
	rest = rng_below(&a->rng, m->n + 1);
	for (i = 0; i < m->n; i++) {
		if (i == rest)
			env_sleep(rng_below(&a->rng, 1000) * ENV_USEC);
		CHECK(instance_is_live(inst, inst->gen));
		env_dec(&inst->running);
		env_inc(&inst->executed);
		stopper_task_end(&m->task[(i + step) % m->n]);
	}
	obj_free(m);
}

/* --- readers ---------------------------------------------------------------------------------- */

void op_query(struct actor *a, struct instance *inst)
{
	enum stopper_phase before = stopper_phase(inst->s);
	struct stopper_task_info info[2];
	char text[200];
	int n;

	switch (rng_below(&a->rng, 4)) {
	case 0:
		stopper_num_tasks(inst->s);
		break;
	case 1:
		n = stopper_running_tasks(inst->s, info, ARRAY_SIZE(info));
		CHECK(n >= 0 || no_room(n));
		for (; n > 0 && n <= (int)ARRAY_SIZE(info); n--)
			CHECK(info[n - 1].count && info[n - 1].name[0]);
		break;
	case 2:
		n = stopper_task_map(inst->s, text, sizeof(text));
		CHECK(n >= 0 || no_room(n));
		if (n > 0)
			CHECK(text[0] >= '1' && text[0] <= '9');
		break;
	default:
		CHECK(!strcmp(stopper_name(inst->s), "torture"));
		n = stopper_sem_length(&inst->sem);
		CHECK(n >= 0 && n <= stopper_sem_capacity(&inst->sem));
		break;
	}
	CHECK(stopper_phase(inst->s) >= before);
	env_inc(&total.lists);
}
