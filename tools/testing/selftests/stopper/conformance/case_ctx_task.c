// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_ctx_task.c - STOPPER_CTX_ENDS_AT_QUIESCE: the contexts that tasks get.
 */
#include <stopper/async.h>
#include <stopper/timer.h>

#include "case.h"

static struct stopper *ending(void)
{
	struct stopper_options opts = {
		.size = sizeof(opts), .flags = STOPPER_QUIET | STOPPER_CTX_ENDS_AT_QUIESCE,
	};

	return new_stopper(&opts);
}

/* What a task got, and how it ended. */
struct got {
	struct stopper_async async;
	struct stopper_ctx *ctx, *given;
	struct env_counter in, err;
};

static void until_it_ends(struct stopper_ctx *ctx, void *arg)
{
	struct got *g = arg;

	g->ctx = ctx;
	env_inc(&g->in);
	if (ctx)
		CHECK_EQ(stopper_wait(stopper_ctx_done(ctx), NULL), 0);
	env_set(&g->err, stopper_ctx_err(ctx));
}

static int record_until_it_ends(struct stopper_ctx *ctx, struct stopper_async *async)
{
	until_it_ends(ctx, async);
	return 0;
}

static void look(struct stopper_ctx *ctx, void *arg)
{
	struct got *g = arg;

	g->ctx = ctx;
	env_inc(&g->in);
}

static void tasks_without_a_context_get_one_that_ends(void)
{
	struct stopper *s = ending();
	struct stopper_timer timer;
	struct got async = { .ctx = NULL }, limited = async, record = async, timed = async;
	struct stopper_sem sem;

	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	stopper_async_init(&record.async, record_until_it_ends, NULL);
	stopper_timer_init(&timer, s, "timed", until_it_ends, &timed);
	CHECK_EQ(stopper_run_async_task(s, NULL, "async", until_it_ends, &async), 0);
	CHECK_EQ(stopper_run_limited_async_task(s, NULL, "limited", &sem, true, until_it_ends,
						&limited), 0);
	CHECK_EQ(stopper_async_start(s, NULL, "record", &record.async), 0);
	CHECK_EQ(stopper_run_after(&timer, NULL, 0), 0);
	CHECK_SOON(env_get(&async.in) && env_get(&limited.in) && env_get(&record.in) &&
		   env_get(&timed.in));
	/* They return only because their contexts end. */
	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	CHECK_EQ(env_get(&async.err), -ECANCELED);
	CHECK_EQ(env_get(&limited.err), -ECANCELED);
	CHECK_EQ(env_get(&record.err), -ECANCELED);
	CHECK_EQ(env_get(&timed.err), -ECANCELED);
	CHECK(async.ctx == limited.ctx && async.ctx == record.ctx && async.ctx == timed.ctx);
	stop_and_put(s);
	stopper_sem_destroy(&sem);
}

static void ordinary_context_is_replaced_by_one_below_it(void)
{
	struct stopper *s = ending();
	struct stopper_ctx *ctx = new_ctx(NULL), *cancelled = new_ctx(NULL);
	struct got a = { .ctx = NULL }, b = a, r = a, sync = a;

	CHECK_EQ(stopper_run_async_task(s, ctx, "a", until_it_ends, &a), 0);
	CHECK_EQ(stopper_run_async_task(s, cancelled, "b", until_it_ends, &b), 0);
	stopper_async_init(&r.async, record_until_it_ends, NULL);
	CHECK_EQ(stopper_async_start(s, ctx, "r", &r.async), 0);
	CHECK_SOON(env_get(&a.in) && env_get(&b.in) && env_get(&r.in));
	CHECK(a.ctx != ctx && b.ctx != cancelled && r.ctx != ctx);
	CHECK_EQ(stopper_ctx_cancel_because(cancelled, -EIO, "only this"), 0);
	CHECK_SOON(env_get(&b.err) == -ECANCELED);
	CHECK_EQ(env_get(&a.err), 0);
	/* A synchronous task is a part of its caller, and has its context. */
	CHECK_EQ(stopper_run_task(s, ctx, "sync", look, &sync), 0);
	CHECK(sync.ctx == ctx);
	CHECK_EQ(stopper_run_task(s, NULL, "sync", look, &sync), 0);
	CHECK(!sync.ctx);
	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	CHECK_EQ(env_get(&a.err), -ECANCELED);
	CHECK_EQ(env_get(&r.err), -ECANCELED);
	CHECK_EQ(stopper_ctx_err(ctx), 0);
	stop_and_put(s);
	stopper_ctx_put(ctx);
	stopper_ctx_put(cancelled);
}

static void context_that_is_tied_by_hand_is_kept(void)
{
	struct stopper *s = ending(), *other = new_stopper(NULL);
	struct stopper_ctx *t = NULL, *q = NULL, *foreign = NULL, *below;
	struct got at_stop = { .ctx = NULL }, at_quiesce = at_stop, of_other = at_stop;
	struct case_call stop;

	CHECK_EQ(stopper_ctx_with_cancel_on_stop(s, NULL, &t), 0);
	CHECK_EQ(stopper_ctx_with_cancel_on_quiesce(s, NULL, &q), 0);
	CHECK_EQ(stopper_ctx_with_cancel_on_stop(other, NULL, &foreign), 0);
	below = new_ctx(t);
	CHECK_EQ(stopper_run_async_task(s, below, "at stop", until_it_ends, &at_stop), 0);
	CHECK_EQ(stopper_run_async_task(s, q, "at quiesce", until_it_ends, &at_quiesce), 0);
	CHECK_EQ(stopper_run_async_task(s, foreign, "other", until_it_ends, &of_other), 0);
	CHECK_SOON(env_get(&at_stop.in) && env_get(&at_quiesce.in) && env_get(&of_other.in));
	CHECK(at_stop.ctx == below);
	CHECK(at_quiesce.ctx == q);
	CHECK(of_other.ctx != foreign);
	case_quiesce_begin(&stop, s, NULL);
	CHECK_SOON(env_get(&at_quiesce.err) && env_get(&of_other.err));
	env_settle();
	/* It has chosen to go on. */
	CHECK_EQ(env_get(&at_stop.err), 0);
	stopper_ctx_cancel(below);
	CHECK_EQ(case_call_end(&stop), 0);
	stop_and_put(s);
	stop_and_put(other);
	stopper_ctx_put(t);
	stopper_ctx_put(q);
	stopper_ctx_put(foreign);
	stopper_ctx_put(below);
}

static void cancel_what_i_got(struct stopper_ctx *ctx, void *arg)
{
	struct got *g = arg;

	stopper_ctx_cancel(ctx);
	CHECK_EQ(stopper_ctx_cancel_because(ctx, -EIO, "mine"), -EINVAL);
	CHECK_EQ(stopper_ctx_err(ctx), 0);
	/* It may be kept, as any context. */
	g->ctx = stopper_ctx_get(ctx);
	env_inc(&g->in);
}

static void no_task_ends_the_context_of_all(void)
{
	struct stopper *s = ending();
	struct got g = { .ctx = NULL };
	struct stopper_cause c;
	struct stopper_ctx *below;

	CHECK_EQ(stopper_run_async_task(s, NULL, "cancels", cancel_what_i_got, &g), 0);
	CHECK_SOON(env_get(&g.in) == 1);
	below = new_ctx(g.ctx);
	CHECK_EQ(stopper_ctx_err(below), 0);
	CHECK_EQ(stopper_stop_because(s, NULL, -EIO, "disk"), 0);
	stopper_put(s);
	/* It has outlived the stopper. */
	CHECK_EQ(stopper_ctx_err(below), -ECANCELED);
	CHECK(stopper_ctx_cause(g.ctx, &c) && c.err == -EIO && !strcmp(c.text, "disk"));
	stopper_ctx_put(g.ctx);
	CHECK(stopper_ctx_cause(below, &c) && c.err == -EIO && !strcmp(c.text, "disk"));
	stopper_ctx_put(below);
}

static void workers_keep_theirs(void)
{
	struct stopper *s = ending();
	struct stopper_ctx *ctx = new_ctx(NULL);
	struct got with = { .ctx = NULL }, without = { .ctx = ctx };

	CHECK_EQ(stopper_run_worker(s, ctx, "with", look, &with), 0);
	CHECK_EQ(stopper_run_worker(s, NULL, "without", look, &without), 0);
	stop_and_put(s);
	CHECK(with.ctx == ctx);
	CHECK(!without.ctx);
	stopper_ctx_put(ctx);
}

struct waits {
	struct stopper *s;
	struct stopper_ctx *ctx;
	struct stopper_sem *sem;
	struct got got;
	int ret;
};

static void wait_for_slot(void *arg)
{
	struct waits *w = arg;

	w->ret = stopper_run_limited_async_task(w->s, w->ctx, "waits", w->sem, true, look, &w->got);
}

static void wait_for_a_slot_ends_as_ever(void)
{
	struct stopper_sem sem;
	struct waits w = { .s = ending(), .ctx = new_ctx(NULL), .sem = &sem };
	struct env_thread thread;

	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	CHECK_EQ(stopper_sem_try_acquire(&sem), 0);
	CHECK_EQ(env_spawn(&thread, wait_for_slot, &w), 0);
	CHECK_SOON(stopper_sem_waiters(&sem) == 1);
	CHECK_EQ(stopper_quiesce(w.s, NULL), 0);
	env_join(&thread);
	/* Not -ECANCELED: the caller's context has not ended. */
	CHECK_EQ(w.ret, -ESHUTDOWN);
	CHECK_EQ(env_get(&w.got.in), 0);
	stopper_sem_release(&sem);
	stop_and_put(w.s);
	stopper_ctx_put(w.ctx);
	stopper_sem_destroy(&sem);
}

static void child_that_is_refused_leaves_nothing(void)
{
	struct stopper *parent = new_stopper(NULL), *child = NULL;
	struct stopper_options opts = {
		.size = sizeof(opts), .flags = STOPPER_CTX_ENDS_AT_QUIESCE, .parent = parent,
	};
	struct got g = { .ctx = NULL };

	CHECK_EQ(stopper_create(&child, "child", &opts), 0);
	CHECK_EQ(stopper_run_async_task(child, NULL, "task", until_it_ends, &g), 0);
	CHECK_EQ(stopper_quiesce(parent, NULL), 0);
	CHECK_EQ(env_get(&g.err), -ECANCELED);
	stopper_put(stopper_get(child));
	CHECK_EQ(stopper_stop(parent, NULL), 0);
	stopper_put(child);
	child = NULL;
	CHECK_EQ(stopper_create(&child, "late", &opts), -ESHUTDOWN);
	CHECK(!child);
	stopper_put(parent);
}

const struct test_case cases_ctx_task[] = {
	CASE(tasks_without_a_context_get_one_that_ends),
	CASE(ordinary_context_is_replaced_by_one_below_it),
	CASE(context_that_is_tied_by_hand_is_kept),
	CASE(no_task_ends_the_context_of_all),
	CASE(workers_keep_theirs),
	CASE(wait_for_a_slot_ends_as_ever),
	CASE(child_that_is_refused_leaves_nothing),
	CASES_END
};
