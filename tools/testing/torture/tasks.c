// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * tasks.c - tasks on this thread, handles, what tasks do, and who counts them.
 */
#include "torture.h"

/* --- many short tasks ------------------------------------------------------------------------- */

struct hot {
	struct life *l;
	unsigned long gen, ran;
	unsigned int dwell;
};

static void hot_task(struct stopper_ctx *ctx, void *arg)
{
	struct hot *h = arg;
	unsigned int i;

	(void)ctx;
	h->ran++;
	CHECK(life_is_live(h->l, h->gen));
	if (!h->dwell)
		return;
	for (i = 0; i < h->dwell; i++)
		tor_relax();
	CHECK(life_is_live(h->l, h->gen));
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
			err = stopper_run_task_err(h->l->s, NULL, "hot-err", hot_task_err, h);
			if (err >= 0) {
				CHECK_EQ(err, h->ran);
				err = 0;
			}
		} else {
			err = stopper_run_task(h->l->s, NULL, "hot", hot_task, h);
		}
		want += !err;
		if (h->ran != want)
			break;
	}
	CHECK_EQ(h->ran, want);
	if (err) {
		CHECK_EQ(err, -ESHUTDOWN);
		CHECK(stopper_phase(h->l->s) != STOPPER_RUNNING);
		tor_inc(&total.refused);
	}
	return want;
}

void op_hot(struct actor *a, struct life *l)
{
	struct hot h = { .l = l, .gen = l->gen };
	unsigned long n = 64UL << rng_below(&a->rng, 7);

	/* Some stay for a while, so that a quiesce that does not wait is seen. */
	if (rng_one_in(&a->rng, 4)) {
		h.dwell = 1 + rng_below(&a->rng, 500);
		n = 64;
	}
	n += rng_below(&a->rng, 2);
	tor_poke(&a->tasks, a->tasks + run_hot(&h, n));
}

/* In softirq, or with interrupts off. The caller has a use of @l. */
void softirq_tasks(struct life *l)
{
	struct hot h = { .l = l, .gen = l->gen };
	struct stopper_task task;

	if (!stopper_task_begin(l->s, NULL, "softirq", &task)) {
		CHECK(life_is_live(l, l->gen));
		h.dwell = l->gen % 32;
		run_hot(&h, 4);
		stopper_task_end(&task);
	}
	h.ran = 0;
	run_hot(&h, 4);
	if (!stopper_sem_try_acquire(&l->sem)) {
		CHECK(tor_inc(&l->holders) <= stopper_sem_capacity(&l->sem));
		tor_dec(&l->holders);
		stopper_sem_release(&l->sem);
	}
}

/* --- what longer tasks do --------------------------------------------------------------------- */

struct sync {
	struct rng *r;
	struct life *l;
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
	tor_inc(&t->l->running);
	body(t->r, t->l, t->gen, t->depth);
	tor_dec(&t->l->running);
	if (t->panic) {
		tor_inc(&t->l->deaths);
		stopper_panic(t->l);
	}
}

static int sync_task_err(struct stopper_ctx *ctx, void *arg)
{
	sync_task(ctx, arg);
	return 42;
}

static void run_sync(struct rng *r, struct life *l, int depth)
{
	struct sync t = { .r = r, .l = l, .gen = l->gen, .depth = depth };
	int err, want;

	t.panic = TOR_UNWINDS && rng_one_in(r, 64);
	if (rng_one_in(r, 2)) {
		err = stopper_run_task(l->s, NULL, "sync", sync_task, &t);
		want = 0;
	} else {
		err = stopper_run_task_err(l->s, NULL, "sync-err", sync_task_err, &t);
		want = t.panic ? -EOWNERDEAD : 42;
	}
	if (err == want && t.entered) {
		tor_inc(&total.sync);
	} else {
		CHECK_EQ(err, -ESHUTDOWN);
		CHECK_EQ(t.entered, 0);
		tor_inc(&total.refused);
	}
}

static void nested_task(struct rng *r, int depth)
{
	struct life *l = life_any(r);

	if (!l)
		return;
	run_sync(r, l, depth + 1);
	life_put(l);
}

/* From a task, Stop and Quiesce of its stopper and of its parents would wait for the task. */
static void would_deadlock(struct life *l)
{
	for (; l; l = tor_load(&l->parent)) {
		/* A parent's stopper is there: its child, which runs us, pins it. */
		CHECK_EQ(stopper_quiesce(l->s, NULL), -EDEADLK);
		CHECK_EQ(stopper_stop(l->s, NULL), -EDEADLK);
	}
}

static bool is_or_descends_from(const struct life *l, const struct life *other)
{
	while (l && l != other)
		l = l->parent;
	return l;
}

/* Stops another one, briefly: it may well be ours, or that of an outer task. */
static void stop_another(struct rng *r, struct life *l)
{
	struct stopper_ctx *ctx = brief_ctx(r, NULL);
	struct life *other = ctx ? life_any(r) : NULL;
	int err;

	if (other) {
		err = rng_one_in(r, 2) ? stopper_stop(other->s, ctx) :
					 stopper_quiesce(other->s, ctx);
		if (!err)
			life_is_over(other);
		else if (is_or_descends_from(l, other))
			CHECK_EQ(err, -EDEADLK);
		else
			CHECK(err == -EDEADLK || err == stopper_ctx_err(ctx));
		CHECK(err || !is_or_descends_from(l, other));
		life_put(other);
	}
	stopper_ctx_put(ctx);
}

static void wait_for_quiesce(struct rng *r, struct life *l)
{
	struct stopper_ctx *ctx = brief_ctx(r, NULL);
	int err;

	if (!ctx)
		return;
	err = stopper_wait(stopper_should_quiesce(l->s), ctx);
	if (err)
		CHECK_EQ(err, stopper_ctx_err(ctx));
	else
		CHECK(stopper_phase(l->s) == STOPPER_QUIESCING);
	stopper_ctx_put(ctx);
}

/* Inside a task of @l, so it must not wait without bound. */
void body(struct rng *r, struct life *l, unsigned long gen, int depth)
{
	unsigned int i;

	CHECK(life_is_live(l, gen));
	switch (rng_below(r, 16)) {
	case 0:
		tor_nap(rng_below(r, 2000) * TOR_USEC);
		break;
	case 1:
	case 2:
		tor_yield();
		break;
	case 3:
		for (i = rng_below(r, 10000); i; i--)
			tor_relax();
		break;
	case 4:
		wait_for_quiesce(r, l);
		break;
	case 5:
	case 6:
		if (depth < 3)
			nested_task(r, depth);
		break;
	case 7:
		would_deadlock(l);
		break;
	case 8:
		if (rng_one_in(r, 16))
			stop_another(r, l);
		break;
	case 9:
		if (rng_one_in(r, 64)) {
			i = (unsigned int)-stopper_stop_async(l->s);
			CHECK(!i || no_room(-(int)i));
		}
		break;
	default:
		break;
	}
	CHECK(life_is_live(l, gen));
}

static void run_in_scope(struct stopper_ctx *ctx, void *arg)
{
	struct sync *t = arg;

	(void)ctx;
	t->entered++;
	if (t->panic) {
		tor_inc(&t->l->deaths);
		stopper_panic(t->l);
	}
}

void op_sync(struct actor *a, struct life *l)
{
	struct sync t = { .r = &a->rng, .l = l };

	run_sync(&a->rng, l, 0);
	if (!rng_one_in(&a->rng, 16))
		return;
	t.panic = TOR_UNWINDS && rng_one_in(&a->rng, 8);
	CHECK_EQ(stopper_recover(l->s, NULL, "scope", run_in_scope, &t),
		 t.panic ? -EOWNERDEAD : 0);
	CHECK_EQ(t.entered, 1);
}

/* --- handles ---------------------------------------------------------------------------------- */

struct handle {
	struct parcel p;
	struct stopper_task task;
	struct life *l;
};

static void handle_end(struct parcel *p)
{
	struct handle *h = (struct handle *)p;

	CHECK(life_is_live(h->l, h->l->gen));
	tor_dec(&h->l->running);
	tor_inc(&h->l->executed);
	stopper_task_end(&h->task);
}

static void handle_free(struct parcel *p)
{
	struct handle *h = (struct handle *)p;

	life_put(h->l);
	obj_free(h);
}

static int handle_begin(struct life *l, struct stopper_task *task)
{
	int err = stopper_task_begin(l->s, NULL, "handle", task);

	if (err) {
		CHECK_EQ(err, -ESHUTDOWN);
		CHECK(stopper_phase(l->s) != STOPPER_RUNNING);
		tor_inc(&total.refused);
		return err;
	}
	tor_inc(&l->accepted);
	tor_inc(&l->running);
	tor_inc(&total.handles);
	CHECK(life_is_live(l, l->gen));
	return 0;
}

void op_handle(struct actor *a, struct life *l)
{
	struct handle *h = obj_new(sizeof(*h), PARCEL_MAGIC);

	if (!h)
		return;
	h->l = l;
	h->p.deliver = handle_end;
	h->p.after = handle_free;
	if (handle_begin(l, &h->task)) {
		obj_free(h);
		return;
	}
	life_get(l);
	if (rng_one_in(&a->rng, 64))
		CHECK(stopper_num_tasks(l->s) >= 1);
	if (rng_one_in(&a->rng, 2)) {
		courier_send(&h->p);
		return;
	}
	if (rng_one_in(&a->rng, 8))
		run_sync(&a->rng, l, 2);
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
static void count_many(struct life *l, struct many *m)
{
	int sites;

	CHECK(stopper_num_tasks(l->s) >= m->n);
	sites = stopper_running_tasks(l->s, m->info, ARRAY_SIZE(m->info));
	if (no_room(sites))
		return;
	CHECK(sites >= 1);
	CHECK(m->info[0].count >= m->n);
	if (sites > 1)
		CHECK(m->info[0].count >= m->info[1].count);
}

void op_many_handles(struct actor *a, struct life *l)
{
	struct many *m = obj_new(sizeof(*m), PARCEL_MAGIC);
	unsigned int i, want = 1 + rng_below(&a->rng, MANY), step, rest;

	if (!m)
		return;
	while (m->n < want && !handle_begin(l, &m->task[m->n]))
		m->n++;
	if (m->n)
		count_many(l, m);
	if (rng_one_in(&a->rng, 2))
		run_sync(&a->rng, l, 2);
	else if (m->n)
		wait_for_quiesce(&a->rng, l);
	/* All of them, beginning somewhere, with a rest: those in tables may have ended by then. */
	step = rng_one_in(&a->rng, 2) ? rng_below(&a->rng, m->n + 1) : 0;
	rest = rng_below(&a->rng, m->n + 1);
	for (i = 0; i < m->n; i++) {
		if (i == rest)
			tor_nap(rng_below(&a->rng, 1000) * TOR_USEC);
		CHECK(life_is_live(l, l->gen));
		tor_dec(&l->running);
		tor_inc(&l->executed);
		stopper_task_end(&m->task[(i + step) % m->n]);
	}
	obj_free(m);
}

/* --- who looks -------------------------------------------------------------------------------- */

void op_look(struct actor *a, struct life *l)
{
	enum stopper_phase before = stopper_phase(l->s);
	struct stopper_task_info info[2];
	char text[200];
	int n;

	switch (rng_below(&a->rng, 4)) {
	case 0:
		stopper_num_tasks(l->s);
		break;
	case 1:
		n = stopper_running_tasks(l->s, info, ARRAY_SIZE(info));
		CHECK(n >= 0 || no_room(n));
		for (; n > 0 && n <= (int)ARRAY_SIZE(info); n--)
			CHECK(info[n - 1].count && info[n - 1].name[0]);
		break;
	case 2:
		n = stopper_task_map(l->s, text, sizeof(text));
		CHECK(n >= 0 || no_room(n));
		if (n > 0)
			CHECK(text[0] >= '1' && text[0] <= '9');
		break;
	default:
		CHECK(!strcmp(stopper_name(l->s), "torture"));
		n = stopper_sem_length(&l->sem);
		CHECK(n >= 0 && n <= stopper_sem_capacity(&l->sem));
		break;
	}
	CHECK(stopper_phase(l->s) >= before);
	tor_inc(&total.lists);
}
