// SPDX-License-Identifier: GPL-2.0
/*
 * stopper_bench_lib.c - threads that begin together, samples, the cost of the clock.
 */
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include "stopper_bench.h"

#define MAX_OPS		BIT(26)

static unsigned int parallel;
module_param(parallel, uint, 0444);
MODULE_PARM_DESC(parallel, "CPUs that really run at once; 0: all. Under TCG, thread=single: 1");

static unsigned int sample_us = 20000;
module_param(sample_us, uint, 0444);
MODULE_PARM_DESC(sample_us, "length of a sample of fast operations");

/* Waits for what must happen. */
int bench_wait(struct completion *c)
{
	return wait_for_completion_timeout(c, LOST_AFTER) ? 0 : -ETIME;
}

/* kthread_run(), but it must run: stopped before its first instruction it would not. */
int bench_kthread(int (*fn)(void *arg), void *arg, struct completion *ran)
{
	struct task_struct *task = kthread_create(fn, arg, "bench/run");
	int err;

	if (IS_ERR(task))
		return PTR_ERR(task);
	get_task_struct(task);
	wake_up_process(task);
	err = bench_wait(ran);
	kthread_stop(task);
	put_task_struct(task);
	return err;
}

static int thread_main(void *data)
{
	struct bench_thread *t = data;
	struct bench_group *g = t->group;

	if (atomic_dec_and_test(&g->coming))
		complete(&g->ready);
	wait_for_completion(&g->start);
	t->begin = ktime_get_ns();
	t->err = g->fn(t);
	t->end = ktime_get_ns();
	if (atomic_dec_and_test(&g->running))
		complete(&g->done);
	return 0;
}

static int nth_cpu(unsigned int n)
{
	int cpu;

	n %= num_online_cpus();
	for_each_online_cpu(cpu)
		if (!n--)
			return cpu;
	return cpumask_first(cpu_online_mask);
}

/* Joins the threads; those that were never woken never run. */
static void join(struct bench_group *g)
{
	unsigned int i;

	for (i = 0; i < g->n; i++) {
		kthread_stop(g->thread[i].task);
		put_task_struct(g->thread[i].task);
	}
}

static int create(struct bench_group *g, unsigned int n)
{
	struct bench_thread *t;

	for (g->n = 0; g->n < n; g->n++) {
		t = &g->thread[g->n];
		t->group = g;
		t->index = g->n;
		t->task = kthread_create(thread_main, t, "bench/%u", g->n);
		if (IS_ERR(t->task))
			return PTR_ERR(t->task);
		get_task_struct(t->task);
		kthread_bind(t->task, nth_cpu(g->n));
	}
	return 0;
}

static void release(struct bench_group *g)
{
	unsigned int i;

	atomic_set(&g->coming, g->n);
	atomic_set(&g->running, g->n);
	for (i = 0; i < g->n; i++)
		wake_up_process(g->thread[i].task);
	wait_for_completion(&g->ready);
	complete_all(&g->start);
	wait_for_completion(&g->done);
}

/* The first error, and the time from the first begin to the last end. */
static int result(const struct bench_group *g, u64 *wall)
{
	u64 begin = g->thread[0].begin, end = g->thread[0].end;
	unsigned int i;
	int err = 0;

	for (i = 0; i < g->n; i++) {
		begin = min(begin, g->thread[i].begin);
		end = max(end, g->thread[i].end);
		err = err ?: g->thread[i].err;
	}
	if (wall)
		*wall = end - begin;
	return err;
}

/* Runs @fn on @n threads at once. */
int bench_threads(unsigned int n, int (*fn)(struct bench_thread *t), void *arg, u64 *wall)
{
	struct bench_group *g = kzalloc(sizeof(*g), GFP_KERNEL);
	int err;

	if (!g)
		return -ENOMEM;
	g->fn = fn;
	g->arg = arg;
	init_completion(&g->ready);
	init_completion(&g->start);
	init_completion(&g->done);
	err = create(g, n);
	if (!err)
		release(g);
	join(g);
	if (!err)
		err = result(g, wall);
	kfree(g);
	return err;
}

/* ps per thread and operation; see the head of stopper_bench_main.c */
s64 bench_share(unsigned int threads, u64 wall, u64 ops)
{
	unsigned int cpus = min(threads, parallel ?: num_online_cpus());

	return mul_u64_u64_div_u64(wall, 1000ull * cpus, ops * threads);
}

/* How many operations make a sample that is long enough. */
int bench_calibrate(bench_sample_fn sample, void *arg, unsigned long *n)
{
	u64 wall, want = 1000ull * sample_us;
	int err;

	for (*n = 16;; *n *= 2) {
		err = sample(arg, *n, &wall);
		if (err)
			return err;
		if (wall >= want / 8 || *n >= MAX_OPS)
			break;
	}
	*n = clamp_t(u64, mul_u64_u64_div_u64(*n, want, wall ?: 1), 1, MAX_OPS);
	return 0;
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* Sorts @ns; the least that @percent of them are not above, in ps. */
s64 bench_percentile(u64 *ns, unsigned int n, unsigned int percent)
{
	sort(ns, n, sizeof(*ns), compare, NULL);
	return 1000 * ns[DIV_ROUND_UP(n * percent, 100) - 1];
}

/* What it costs to look at the clock; best of a few. */
u64 bench_clock_ns(void)
{
	u64 best = U64_MAX, t;
	int i, k;

	for (k = 0; k < 16; k++) {
		t = ktime_get_ns();
		for (i = 0; i < 63; i++)
			ktime_get_ns();
		best = min(best, ktime_get_ns() - t);
	}
	return best / 64;
}
