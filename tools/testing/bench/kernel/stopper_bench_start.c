// SPDX-License-Identifier: GPL-2.0
/*
 * stopper_bench_start.c - async tasks: how soon.
 *
 * From before the call that hands over to the first instruction of the function,
 * the pool's thread parked in between; one task at a time.
 *
 * async_start_blocked: each task stays blocked until the case has ended, so every
 * thread that the pool has is blocked when the next is handed over; the first
 * BLOCKED_FIRST, which may have found an idle one, do not count. The peers are
 * kthread_run() up to the thread's first instruction, what a thread costs at all; and work items
 * that block in the same way, but only for one round, as a workqueue has no more than
 * WQ_MAX_ACTIVE threads: 512 in 6.12.
 * It is the last of all cases: the threads stay with the pool for a while.
 */
#define pr_fmt(fmt) "stopper_bench: " fmt

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include "stopper_bench.h"

#define STARTS		256	/* latencies measured in a round */
#define BLOCKED		100	/* the same, of blocked tasks */
#define BLOCKED_FIRST	64
#define PARKED_US	200	/* after so long an idle thread has parked */

/* Static: a task that were lost and came late would still find it. */
static struct {
	struct work_struct work;
	struct completion started;
	u64 start;
} one;

static void note_start(void)
{
	one.start = ktime_get_ns();
	complete(&one.started);
}

static void start_task_fn(struct stopper_ctx *ctx, void *arg)
{
	note_start();
}

static void start_work_fn(struct work_struct *work)
{
	note_start();
}

static int start_task(void)
{
	return stopper_run_async_task(bench_env.s, NULL, "bench-start", start_task_fn, NULL);
}

static int start_work(void)
{
	return queue_work(system_unbound_wq, &one.work) ? 0 : -EBUSY;
}

/* Those that ran before are done, the thread that did is parked. */
static int start_one(int (*start)(void), u64 *ns)
{
	u64 begin;
	int err;

	usleep_range(PARKED_US, PARKED_US + 50);
	reinit_completion(&one.started);
	begin = ktime_get_ns();
	err = start() ?: bench_wait(&one.started);
	*ns = one.start - begin;
	return err;
}

struct starts {
	u64 us[STARTS], work[STARTS];
};

static int starts_prepare(struct bench_run *r)
{
	struct starts *st = kmalloc(sizeof(*st), GFP_KERNEL);

	r->priv = st;
	return st ? 0 : -ENOMEM;
}

static void starts_finish(struct bench_run *r)
{
	flush_work(&one.work);
	kfree(r->priv);
}

static int starts_thread(struct bench_thread *t)
{
	struct starts *st = t->group->arg;
	unsigned int i;
	int err = 0;

	for (i = 0; i < STARTS && !err; i++)
		err = start_one(start_task, &st->us[i]) ?: start_one(start_work, &st->work[i]);
	return err;
}

static int starts_round(struct bench_run *r, unsigned int round)
{
	const unsigned int *percent = r->c->data;
	struct starts *st = r->priv;
	int err = bench_threads(1, starts_thread, st, NULL);

	return err ?: bench_time(r, round, "queue_work",
				 bench_percentile(st->us, STARTS, *percent),
				 bench_percentile(st->work, STARTS, *percent));
}

/* --- latency, when every thread is blocked --- */

struct blocked {
	struct completion release, all_back;
	atomic_t running;
	u64 us[BLOCKED], peer[BLOCKED], work[BLOCKED];
};

static struct blocked blocked;

static void blocked_back(void)
{
	if (atomic_dec_and_test(&blocked.running))
		complete(&blocked.all_back);
}

static void blocked_fn(struct stopper_ctx *ctx, void *arg)
{
	note_start();
	wait_for_completion(&blocked.release);
	blocked_back();
}

static int block_one(u64 *ns)
{
	u64 begin = ktime_get_ns();
	int err;

	reinit_completion(&one.started);
	atomic_inc(&blocked.running);
	err = stopper_run_async_task(bench_env.s, NULL, "bench-blocked", blocked_fn, NULL);
	if (err) {
		blocked_back();
		return err;
	}
	err = bench_wait(&one.started);
	*ns = one.start - begin;
	return err;
}

static struct work_struct works[BLOCKED_FIRST + BLOCKED];
static struct completion release_works;

static void blocked_work_fn(struct work_struct *work)
{
	note_start();
	wait_for_completion(&release_works);
}

static int block_work(struct work_struct *work, u64 *ns)
{
	u64 begin = ktime_get_ns();
	int err;

	reinit_completion(&one.started);
	err = queue_work(bench_wq, work) ? bench_wait(&one.started) : -EBUSY;
	*ns = one.start - begin;
	return err;
}

static int works_thread(struct bench_thread *t)
{
	unsigned int i;
	int err = 0;
	u64 ns;

	reinit_completion(&release_works);
	for (i = 0; i < BLOCKED_FIRST + BLOCKED && !err; i++) {
		err = block_work(&works[i], &ns);
		if (i >= BLOCKED_FIRST)
			blocked.work[i - BLOCKED_FIRST] = ns;
	}
	complete_all(&release_works);
	flush_workqueue(bench_wq);
	return err;
}

static int start_kthread_fn(void *arg)
{
	note_start();
	return 0;
}

static int kthread_one(u64 *ns)
{
	u64 begin = ktime_get_ns();
	int err;

	reinit_completion(&one.started);
	err = bench_kthread(start_kthread_fn, NULL, &one.started);
	*ns = one.start - begin;
	return err;
}

/* Lets all go. A timeout here means that one was lost. */
static void blocked_finish(struct bench_run *r)
{
	complete_all(&blocked.release);
	blocked_back();
	if (bench_wait(&blocked.all_back))
		pr_err("a blocked task did not come back\n");
}

static int blocked_prepare(struct bench_run *r)
{
	unsigned int i;
	int err = 0;
	u64 ns;

	reinit_completion(&blocked.release);
	reinit_completion(&blocked.all_back);
	atomic_set(&blocked.running, 1);
	for (i = 0; i < BLOCKED_FIRST && !err; i++)
		err = block_one(&ns);
	if (err)
		blocked_finish(r);
	return err;
}

static int blocked_thread(struct bench_thread *t)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < BLOCKED && !err; i++)
		err = block_one(&blocked.us[i]) ?: kthread_one(&blocked.peer[i]);
	return err;
}

static int blocked_round(struct bench_run *r, unsigned int round)
{
	int err = bench_threads(1, blocked_thread, NULL, NULL) ?:
		  bench_threads(1, works_thread, NULL, NULL);
	s64 us = bench_percentile(blocked.us, BLOCKED, 99);

	return err ?: bench_time(r, round, "kthread", us,
				 bench_percentile(blocked.peer, BLOCKED, 99)) ?:
		      bench_time(r, round, "workqueue", us,
				 bench_percentile(blocked.work, BLOCKED, 99));
}

static const unsigned int percent_50 = 50, percent_99 = 99;

#define START(name_, percent_) {						\
	.name = name_, .threads = 1, .prepare = starts_prepare,			\
	.round = starts_round, .finish = starts_finish, .data = percent_,		\
}

const struct bench_case bench_start_cases[] = {
	START("async_start_p50", &percent_50),
	START("async_start_p99", &percent_99),
	{ .name = "async_start_blocked_p99", .threads = 1, .prepare = blocked_prepare,
	  .round = blocked_round, .finish = blocked_finish },
	{}
};

void bench_start_init(void)
{
	unsigned int i;

	INIT_WORK(&one.work, start_work_fn);
	init_completion(&one.started);
	init_completion(&blocked.release);
	init_completion(&blocked.all_back);
	init_completion(&release_works);
	for (i = 0; i < ARRAY_SIZE(works); i++)
		INIT_WORK(&works[i], blocked_work_fn);
}

/* After this no work function of ours runs; for the tasks the stopper sees to it. */
void bench_start_exit(void)
{
	cancel_work_sync(&one.work);
}
