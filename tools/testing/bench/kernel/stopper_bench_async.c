// SPDX-License-Identifier: GPL-2.0
/*
 * stopper_bench_async.c - async tasks: how many.
 *
 * Each producer hands over a batch of tasks that only count themselves, waits for
 * the last of them, and begins again; at most IN_FLIGHT are under way in all.
 * queue_work does the same with as many work items that were made beforehand;
 * workqueue is what async tasks would be without a pool of the stopper's (kmod/thread.c): a handle
 * for admission and the list, and a work item of a workqueue of its own, which are ended together;
 * kthread starts and joins one thread after the other. For run_limited_async_N
 * the producers share one semaphore of capacity N and wait for it. The peers are
 * run_async, which has as many producers without one, and "semaphore", the limit: the kernel's
 * own, from before queue_work to the end of the work. async_record starts records of the
 * caller's, which were made beforehand as the work items were, and counts in done(),
 * from which on a record can be started again.
 *
 * The producers are not bound. What a kthread of one CPU wakes the scheduler puts beside it even
 * if other CPUs are idle (select_idle_sibling(), for the sake of the CPU's own kworkers), so each
 * task preempted its producer then.
 */
#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/sched.h>
#include <linux/semaphore.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include "stopper_bench.h"

#define IN_FLIGHT	1024
#define PRODUCERS	4
#define DRAINED_US	200		/* between looks whether all have ended */

struct batch {
	atomic_t left;
	struct completion done;
	struct completion ran;		/* of one kthread */
} ____cacheline_aligned_in_smp;

struct item {
	struct work_struct work, handle_work;
	struct stopper_async async;
	struct batch *batch;
	struct semaphore *sem;		/* to be posted, or NULL */
	struct stopper_task handle;
};

struct workqueue_struct *bench_wq;

/* Static: a task that were lost and came late would still find them. */
static struct batch batches[PRODUCERS];
static struct item *items;

static void count_down(struct batch *b)
{
	if (atomic_dec_and_test(&b->left))
		complete(&b->done);
}

static void task_fn(struct stopper_ctx *ctx, void *arg)
{
	count_down(arg);
}

static void handle_fn(struct work_struct *work)
{
	struct item *item = container_of(work, struct item, handle_work);

	stopper_task_end(&item->handle);
	count_down(item->batch);
}

static void work_fn(struct work_struct *work)
{
	struct item *item = container_of(work, struct item, work);

	if (item->sem)
		up(item->sem);
	count_down(item->batch);
}

static int record_fn(struct stopper_ctx *ctx, struct stopper_async *async)
{
	return 0;
}

static void record_done(struct stopper_async *async, int status)
{
	count_down(container_of(async, struct item, async)->batch);
}

static int kthread_fn(void *arg)
{
	struct batch *b = arg;

	complete(&b->ran);
	return 0;
}

struct flow {
	int (*submit)(struct flow *f, struct batch *b, unsigned int i);
	struct stopper *s;
	struct stopper_sem *sem;
	struct semaphore *ksem;
	unsigned int producers;
	unsigned long n;		/* of each producer; calibrated */
};

static int submit_async(struct flow *f, struct batch *b, unsigned int i)
{
	return stopper_run_async_task(f->s, NULL, "bench-async", task_fn, b);
}

static int submit_limited(struct flow *f, struct batch *b, unsigned int i)
{
	return stopper_run_limited_async_task(f->s, NULL, "bench-limited", f->sem, true,
					      task_fn, b);
}

/* Each producer has its share of the items. */
static int queue_item(struct flow *f, struct batch *b, unsigned int i, struct semaphore *sem)
{
	struct item *item = &items[(b - batches) * (IN_FLIGHT / f->producers) + i];

	item->batch = b;
	item->sem = sem;
	return queue_work(system_unbound_wq, &item->work) ? 0 : -EBUSY;
}

static int submit_work(struct flow *f, struct batch *b, unsigned int i)
{
	return queue_item(f, b, i, NULL);
}

static int submit_handle(struct flow *f, struct batch *b, unsigned int i)
{
	int err = stopper_task_begin(f->s, NULL, "bench-handle", &items[i].handle);

	if (err)
		return err;
	items[i].batch = b;
	return queue_work(bench_wq, &items[i].handle_work) ? 0 : -EBUSY;
}

static int submit_limited_work(struct flow *f, struct batch *b, unsigned int i)
{
	down(f->ksem);
	return queue_item(f, b, i, f->ksem);
}

static int submit_record(struct flow *f, struct batch *b, unsigned int i)
{
	items[i].batch = b;
	return stopper_async_start(f->s, NULL, "bench-record", &items[i].async);
}

static int submit_kthread(struct flow *f, struct batch *b, unsigned int i)
{
	int err;

	reinit_completion(&b->ran);
	err = bench_kthread(kthread_fn, b, &b->ran);
	if (!err)
		count_down(b);
	return err;
}

/* Hands over @n and waits for them. */
static int do_batch(struct flow *f, struct batch *b, unsigned int n)
{
	unsigned int i;
	int err = 0;

	/* One of the last batch that came twice? */
	if (atomic_xchg(&b->left, n))
		return -EIO;
	reinit_completion(&b->done);
	for (i = 0; i < n && !err; i++)
		err = f->submit(f, b, i);
	/* Those that were not taken do not count; they may be the last. */
	if (err && atomic_sub_and_test(n - i + 1, &b->left))
		return err;
	return bench_wait(&b->done) ?: err;
}

static int producer(struct bench_thread *t)
{
	struct flow *f = t->group->arg;
	unsigned long left, n, most = f->submit == submit_kthread ? 1 : IN_FLIGHT / f->producers;
	int err = set_cpus_allowed_ptr(current, cpu_online_mask);

	for (left = f->n; left && !err; left -= n) {
		n = min(left, most);
		err = do_batch(f, &batches[t->index], n);
	}
	return err;
}

static int flow_wall(void *arg, unsigned long n, u64 *wall)
{
	struct flow *f = arg;

	f->n = n;
	return bench_threads(f->producers, producer, f, wall);
}

static int flow_ps(struct flow *f, s64 *ps)
{
	u64 wall;
	int err = flow_wall(f, f->n, &wall);

	*ps = err ? 0 : bench_share(f->producers, wall, f->n);
	return err;
}

struct flows {
	struct stopper_sem sem;
	struct semaphore ksem;
	struct flow us, peer[3];
	const char *name[3];
	unsigned int npeers;
};

static int flow_init(struct flows *fs, struct flow *f, unsigned int producers,
		     int (*submit)(struct flow *f, struct batch *b, unsigned int i))
{
	f->submit = submit;
	f->producers = producers;
	f->s = bench_env.s;
	f->sem = &fs->sem;
	f->ksem = &fs->ksem;
	return bench_calibrate(flow_wall, f, &f->n);
}

static int add_peer(struct flows *fs, const char *name, unsigned int producers,
		    int (*submit)(struct flow *f, struct batch *b, unsigned int i))
{
	fs->name[fs->npeers] = name;
	return flow_init(fs, &fs->peer[fs->npeers++], producers, submit);
}

/* A task counts itself first, gives its slot back then, and is counted until after that. */
static void flows_finish(struct bench_run *r)
{
	struct flows *fs = r->priv;

	while (stopper_num_tasks(bench_env.s))
		usleep_range(DRAINED_US, DRAINED_US + 50);
	stopper_sem_destroy(&fs->sem);
	kfree(fs);
}

static const int capacity_1 = 1, capacity_8 = 8, capacity_64 = 64, records;

/* The case's data is the capacity; NULL: without a semaphore; or &records. */
static int flows_prepare(struct bench_run *r)
{
	struct flows *fs = kzalloc(sizeof(*fs), GFP_KERNEL);
	const int *capacity = r->c->data == &records ? NULL : r->c->data;
	int err;

	if (!fs)
		return -ENOMEM;
	err = stopper_sem_init(&fs->sem, capacity ? *capacity : 1);
	if (err) {
		kfree(fs);
		return err;
	}
	sema_init(&fs->ksem, capacity ? *capacity : 1);
	r->priv = fs;
	err = flow_init(fs, &fs->us, r->threads, capacity ? submit_limited :
			r->c->data ? submit_record : submit_async);
	if (!err && capacity)
		err = add_peer(fs, "run_async", r->threads, submit_async) ?:
		      add_peer(fs, "semaphore", r->threads, submit_limited_work);
	if (!err && !capacity)
		err = add_peer(fs, "queue_work", 1, submit_work) ?:
		      add_peer(fs, "workqueue", 1, submit_handle);
	if (!err && !capacity)
		err = r->c->data ? add_peer(fs, "run_async", 1, submit_async) :
				   add_peer(fs, "kthread", 1, submit_kthread);
	if (err)
		flows_finish(r);
	return err;
}

static int flows_round(struct bench_run *r, unsigned int round)
{
	struct flows *fs = r->priv;
	unsigned int i;
	s64 us, peer;
	int err = flow_ps(&fs->us, &us);

	for (i = 0; i < fs->npeers && !err; i++) {
		err = flow_ps(&fs->peer[i], &peer);
		if (!err)
			err = bench_time(r, round, fs->name[i], us, peer);
	}
	return err;
}

#define FLOW(name_, threads_, data_) {						\
	.name = name_, .threads = threads_, .prepare = flows_prepare,			\
	.round = flows_round, .finish = flows_finish, .data = data_,			\
}

const struct bench_case bench_async_cases[] = {
	FLOW("run_async", 1, NULL),
	FLOW("async_record", 1, &records),
	FLOW("run_limited_async_1", PRODUCERS, &capacity_1),
	FLOW("run_limited_async_8", PRODUCERS, &capacity_8),
	FLOW("run_limited_async_64", PRODUCERS, &capacity_64),
	{}
};

static void init_batch(struct batch *b)
{
	init_completion(&b->done);
	init_completion(&b->ran);
}

int bench_async_init(void)
{
	unsigned int i;

	items = kvcalloc(IN_FLIGHT, sizeof(*items), GFP_KERNEL);
	bench_wq = alloc_workqueue("stopper_bench", WQ_UNBOUND, WQ_MAX_ACTIVE);
	if (!items || !bench_wq) {
		if (bench_wq)
			destroy_workqueue(bench_wq);
		kvfree(items);
		return -ENOMEM;
	}
	for (i = 0; i < IN_FLIGHT; i++) {
		INIT_WORK(&items[i].work, work_fn);
		INIT_WORK(&items[i].handle_work, handle_fn);
		stopper_async_init(&items[i].async, record_fn, record_done);
	}
	for (i = 0; i < PRODUCERS; i++)
		init_batch(&batches[i]);
	return 0;
}

/* After this no work function of ours runs; for the tasks the stopper sees to it. */
void bench_async_exit(void)
{
	unsigned int i;

	for (i = 0; i < IN_FLIGHT; i++)
		cancel_work_sync(&items[i].work);
	destroy_workqueue(bench_wq);
	kvfree(items);
}
