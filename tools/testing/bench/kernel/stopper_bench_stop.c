// SPDX-License-Identifier: GPL-2.0
/*
 * stopper_bench_stop.c - the ways to the end.
 *
 *   stop_idle               a stopper without anything; peer: one expedited grace
 *                           period
 *   last_end_to_stop        from before the end of the last task to after the
 *                           return of stopper_stop() on another CPU; peer: from
 *                           before complete() to after wait_for_completion()
 *   stop_many               CONTEXTS contexts, half tied to each phase, WORKERS
 *                           workers that wait for ShouldStop
 *   create_stop_put         all three
 *
 * A round's figure is the median of its samples.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include "stopper_bench.h"

#define STOPS		15
#define CREATES		50
#define CONTEXTS	10000
#define WORKERS		1000
#define PARKED_US	1000	/* after so long a thread about to wait has parked */
#define PATIENCE_US	60000000

/* --- the last end --- */

struct last {
	bool ours;
	struct stopper *s;
	struct stopper_task task;
	struct completion go, gone, back;
	bool quit;
	u64 begin, end, ns[STOPS];
};

/* True once the thread that is about to wait in stopper_stop() waits. */
static int wait_quiescing(struct stopper *s)
{
	unsigned int us;

	for (us = 0; stopper_phase(s) == STOPPER_RUNNING; us += PARKED_US) {
		if (us >= PATIENCE_US)
			return -ETIME;
		usleep_range(PARKED_US, PARKED_US + 50);
	}
	return 0;
}

/* A stopper with one task, or nothing. */
static int last_make(struct last *l)
{
	int err;

	if (!l->ours)
		return 0;
	err = stopper_create(&l->s, "bench-last", NULL);
	if (err)
		return err;
	err = stopper_task_begin(l->s, NULL, "bench-last", &l->task);
	if (err) {
		stopper_stop(l->s, NULL);
		stopper_put(l->s);
	}
	return err;
}

static int last_one(struct last *l)
{
	int err = last_make(l), late;

	if (err)
		return err;
	complete(&l->go);
	late = l->ours ? wait_quiescing(l->s) : 0;
	usleep_range(PARKED_US, PARKED_US + 50);
	l->begin = ktime_get_ns();
	if (l->ours)
		stopper_task_end(&l->task);
	else
		complete(&l->gone);
	err = bench_wait(&l->back);
	if (err)
		return err;		/* it still stops it: keep what it works on */
	if (l->ours)
		stopper_put(l->s);
	return late;
}

static int last_ender(struct last *l)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < STOPS && !err; i++) {
		err = last_one(l);
		l->ns[i] = l->end - l->begin;
	}
	l->quit = true;
	complete(&l->go);
	return err;
}

static int last_stopper(struct last *l)
{
	int err = 0;

	for (;;) {
		wait_for_completion(&l->go);
		if (l->quit)
			return err;
		if (l->ours)
			err = stopper_stop(l->s, NULL) ?: err;
		else
			wait_for_completion(&l->gone);
		l->end = ktime_get_ns();
		complete(&l->back);
	}
}

static int last_thread(struct bench_thread *t)
{
	struct last *l = t->group->arg;

	return t->index ? last_stopper(l) : last_ender(l);
}

static int last_ps(struct last *l, bool ours, s64 *ps)
{
	int err;

	*l = (struct last){ .ours = ours };
	init_completion(&l->go);
	init_completion(&l->gone);
	init_completion(&l->back);
	err = bench_threads(2, last_thread, l, NULL);
	*ps = bench_percentile(l->ns, STOPS, 50);
	return err;
}

static int last_prepare(struct bench_run *r)
{
	struct last *l = kmalloc(sizeof(*l), GFP_KERNEL);

	r->priv = l;
	return l ? 0 : -ENOMEM;
}

static int last_round(struct bench_run *r, unsigned int round)
{
	s64 us, peer;
	int err = last_ps(r->priv, true, &us) ?: last_ps(r->priv, false, &peer);

	return err ?: bench_time(r, round, "completion", us, peer);
}

static void last_finish(struct bench_run *r)
{
	kfree(r->priv);
}

/* --- a stopper without anything --- */

static int stop_one(u64 *all_ns, u64 *stop_ns)
{
	struct stopper *s;
	u64 begin = ktime_get_ns(), stop;
	int err = stopper_create(&s, "bench-idle", NULL);

	if (err)
		return err;
	stop = ktime_get_ns();
	err = stopper_stop(s, NULL);
	*stop_ns = ktime_get_ns() - stop;
	stopper_put(s);
	*all_ns = ktime_get_ns() - begin;
	return err;
}

static int idle_round(struct bench_run *r, unsigned int round)
{
	u64 us[STOPS], peer[STOPS], all;
	unsigned int i;
	int err = 0;

	for (i = 0; i < STOPS && !err; i++) {
		err = stop_one(&all, &us[i]);
		peer[i] = ktime_get_ns();
		synchronize_rcu_expedited();
		peer[i] = ktime_get_ns() - peer[i];
	}
	return err ?: bench_time(r, round, "synchronize_rcu_expedited",
				 bench_percentile(us, STOPS, 50),
				 bench_percentile(peer, STOPS, 50));
}

static int create_round(struct bench_run *r, unsigned int round)
{
	u64 all[CREATES], stop;
	unsigned int i;
	int err = 0;

	for (i = 0; i < CREATES && !err; i++)
		err = stop_one(&all[i], &stop);
	return err ?: bench_time(r, round, NULL, bench_percentile(all, CREATES, 50), NO_PEER);
}

/* --- one with much --- */

struct many {
	struct stopper *s;
	struct stopper_ctx **ctx;
	atomic_t waiting, returned;
};

static void wait_should_stop(struct stopper_ctx *ctx, void *arg)
{
	struct many *m = arg;

	atomic_inc(&m->waiting);
	stopper_wait(stopper_should_stop(m->s), NULL);
	atomic_inc(&m->returned);
}

static int many_fill(struct many *m)
{
	unsigned int i, us;
	int err = 0;

	for (i = 0; i < CONTEXTS && !err; i++)
		err = i % 2 ? stopper_ctx_with_cancel_on_stop(m->s, NULL, &m->ctx[i]) :
			      stopper_ctx_with_cancel_on_quiesce(m->s, NULL, &m->ctx[i]);
	for (i = 0; i < WORKERS && !err; i++)
		err = stopper_run_worker(m->s, NULL, "bench-worker", wait_should_stop, m);
	for (us = 0; !err && atomic_read(&m->waiting) != WORKERS; us += PARKED_US) {
		usleep_range(PARKED_US, PARKED_US + 50);
		err = us >= PATIENCE_US ? -ETIME : 0;
	}
	usleep_range(PARKED_US, PARKED_US + 50);
	return err;
}

/* Every context has ended, every worker has returned. */
static int many_check(const struct many *m)
{
	unsigned int i;

	for (i = 0; i < CONTEXTS; i++)
		if (stopper_ctx_err(m->ctx[i]) != -ECANCELED)
			return -EIO;
	return atomic_read(&m->returned) == WORKERS ? 0 : -EIO;
}

static int many_stop(struct many *m, u64 *ns)
{
	int err = stopper_create(&m->s, "bench-many", NULL), stopped;
	unsigned int i;

	if (err)
		return err;
	err = many_fill(m);
	*ns = ktime_get_ns();
	stopped = stopper_stop(m->s, NULL);
	*ns = ktime_get_ns() - *ns;
	if (!err && !stopped)
		err = many_check(m);
	for (i = 0; i < CONTEXTS; i++)
		stopper_ctx_put(m->ctx[i]);
	stopper_put(m->s);
	return err ?: stopped;
}

static int many_round(struct bench_run *r, unsigned int round)
{
	struct many m = {};
	u64 ns;
	int err;

	m.ctx = kvcalloc(CONTEXTS, sizeof(*m.ctx), GFP_KERNEL);
	if (!m.ctx)
		return -ENOMEM;
	err = many_stop(&m, &ns);
	kvfree(m.ctx);
	return err ?: bench_time(r, round, NULL, 1000 * ns, NO_PEER);
}

const struct bench_case bench_stop_cases[] = {
	{ .name = "stop_idle", .threads = 1, .round = idle_round },
	{ .name = "last_end_to_stop", .threads = 2, .prepare = last_prepare,
	  .round = last_round, .finish = last_finish },
	{ .name = "stop_many", .threads = 1, .round = many_round },
	{ .name = "create_stop_put", .threads = 1, .round = create_round },
	{}
};
