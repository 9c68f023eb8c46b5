// SPDX-License-Identifier: GPL-2.0
/*
 * stopper_latency.c - a crowd of stoppers and tasks, and operations beside it.
 *
 *   insmod stopper_latency.ko [scale=N]
 *
 * A name written to /sys/module/stopper_latency/parameters/do executes one operation and returns
 * when it is over. Nothing is created before that. A read of "waiting" beside it returns how many
 * async tasks have not begun. The crowd, with scale=100:
 *
 *   fill       10,000 stoppers; 1,000,000 handles from 10,000 call sites, 100,000 of them on one
 *              stopper; 100,000 closers; a context with 100,000 contexts below it; 1,000 workers
 *   block      async tasks that wait; each holds a thread of the pool
 *   queue      100,000 async tasks, which stay in the queue if no thread can be created
 *   empty      ends all of it
 *
 * Beside it, each with objects of its own:
 *
 *   walk       all handles, with interrupts off: what the test must find too long
 *   small      create a stopper, run one of each kind of callback, stop, put
 *   count      stopper_num_tasks() where there are many tasks, listed and queued
 *   map        stopper_running_tasks() and stopper_task_map() of the same
 *   drain      a quiesce that gives up, and one that waits, with 100,000 handles
 *   tree       the stop of a parent with 10,000 children, of which one stops after all others
 *   closers    a stop with 100,000 closers
 *   contexts   the end of a context with 100,000 contexts below it
 *   tied       a quiesce and a stop that end 100,000 contexts each
 *   timers     a quiesce that drops 100,000 timers
 */
#define pr_fmt(fmt) "stopper_latency: " fmt

#include <linux/atomic.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <stopper/stopper.h>

#define BLOCKED		8
#define LONG_NS		(3600ll * NSEC_PER_SEC)

static unsigned int scale = 100;
module_param(scale, uint, 0444);
MODULE_PARM_DESC(scale, "per cent of the sizes above");

/* Of a size above. */
#define MANY(n)		max((n) / 100 * scale, 1u)
#define STOPPERS	MANY(10000u)
#define SITES		MANY(10000u)
#define HANDLES		MANY(1000000u)
#define ON_ONE		MANY(100000u)
#define QUEUED		MANY(100000u)
#define CLOSERS		MANY(100000u)
#define CONTEXTS	MANY(100000u)
#define TIMERS		MANY(100000u)
#define CHILDREN	MANY(10000u)
#define WORKERS		MANY(1000u)

struct named_site {
	struct stopper_site site;
	char name[24];
};

/* The crowd. */
static struct stopper *one;		/* the stopper with many handles, closers, workers */
static struct stopper *queue;		/* the stopper with blocked and queued tasks */
static struct stopper **stoppers;
static struct named_site *sites;
static struct stopper_task *handles;
static struct stopper_closer *closers;
static struct stopper_ctx *parent_ctx, **contexts;
static struct stopper_async *queued;
static unsigned int nqueued, nblocked;
static struct stopper_event let_go;
static atomic_t closed, begun;

static void close_one(struct stopper_closer *closer)
{
	atomic_inc(&closed);
}

static void do_nothing(struct stopper_ctx *ctx, void *arg)
{
}

static void blocked_task(struct stopper_ctx *ctx, void *arg)
{
	atomic_inc(&begun);
	stopper_wait(&let_go, NULL);
}

static int queued_task(struct stopper_ctx *ctx, struct stopper_async *async)
{
	blocked_task(ctx, NULL);
	return 0;
}

static void worker(struct stopper_ctx *ctx, void *s)
{
	stopper_wait(stopper_should_stop(s), NULL);
}

static void make_sites(void)
{
	unsigned int i;

	for (i = 0; i < SITES; i++) {
		snprintf(sites[i].name, sizeof(sites[i].name), "latency-%05u", i);
		sites[i].site = (struct stopper_site){
			.name = sites[i].name, .file = __FILE__, .func = __func__,
			.owner = THIS_MODULE, .line = i + 1,
		};
	}
}

static int begin_handles(struct stopper *s, struct stopper_task *task, unsigned int n)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < n && !err; i++) {
		err = __stopper_task_begin(s, NULL, &sites[i % SITES].site, &task[i]);
		cond_resched();
	}
	return err;
}

static void end_handles(struct stopper_task *task, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (task[i].slot)
			stopper_task_end(&task[i]);
		cond_resched();
	}
}

static int add_closers(struct stopper *s, struct stopper_closer *closer, unsigned int n)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < n && !err; i++) {
		closer[i] = (struct stopper_closer){ .name = "latency-closer", .fn = close_one };
		err = stopper_add_closer(s, &closer[i]);
		cond_resched();
	}
	return err;
}

static int make_contexts(struct stopper_ctx *parent, struct stopper_ctx **ctx, unsigned int n)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < n && !err; i++) {
		err = stopper_ctx_with_cancel(parent, &ctx[i]);
		cond_resched();
	}
	return err;
}

/* How many of them have ended. */
static unsigned int contexts_ended(struct stopper_ctx **ctx, unsigned int n)
{
	unsigned int i, ended = 0;

	for (i = 0; i < n; i++)
		ended += stopper_ctx_err(ctx[i]) == -ECANCELED;
	return ended;
}

static void put_contexts(struct stopper_ctx **ctx, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		stopper_ctx_put(ctx[i]);
		cond_resched();
	}
}

static void stop_and_put(struct stopper *s)
{
	if (!s)
		return;
	stopper_stop(s, NULL);
	stopper_put(s);
}

/* --- the crowd --- */

static int fill_stoppers(void)
{
	unsigned int i;
	int err;

	err = stopper_create(&one, "latency-one", NULL);
	if (!err)
		err = stopper_create(&queue, "latency-queue", NULL);
	for (i = 0; i < STOPPERS && !err; i++) {
		err = stopper_create(&stoppers[i], "latency", NULL);
		cond_resched();
	}
	return err;
}

static int fill_handles(void)
{
	unsigned int i;
	int err;

	err = begin_handles(one, handles, ON_ONE);
	for (i = ON_ONE; i < HANDLES && !err; i++) {
		err = __stopper_task_begin(stoppers[i % STOPPERS], NULL,
					   &sites[i % STOPPERS % SITES].site, &handles[i]);
		cond_resched();
	}
	return err;
}

static int fill_workers(void)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < WORKERS && !err; i++)
		err = stopper_run_worker(one, NULL, "latency-worker", worker, one);
	return err;
}

static int fill(void)
{
	int err;

	if (one)
		return -EBUSY;
	make_sites();
	err = fill_stoppers();
	if (!err)
		err = fill_handles();
	if (!err)
		err = add_closers(one, closers, CLOSERS);
	if (!err)
		err = stopper_ctx_with_cancel(NULL, &parent_ctx);
	if (!err)
		err = make_contexts(parent_ctx, contexts, CONTEXTS);
	return err ?: fill_workers();
}

static int block(void)
{
	int err = 0;

	while (nblocked < BLOCKED && !err) {
		err = stopper_run_async_task(queue, NULL, "latency-blocked", blocked_task, NULL);
		nblocked += !err;
	}
	return err;
}

static int fill_queue(void)
{
	int err = 0;

	while (nqueued < QUEUED && !err) {
		stopper_async_init(&queued[nqueued], queued_task, NULL);
		err = stopper_async_start(queue, NULL, "latency-queued", &queued[nqueued]);
		nqueued += !err;
		cond_resched();
	}
	return err;
}

static int empty(void)
{
	unsigned int i;

	stopper_event_fire(&let_go);
	stop_and_put(queue);
	if (one)
		stopper_stop_async(one);
	end_handles(handles, HANDLES);
	stop_and_put(one);
	for (i = 0; i < STOPPERS; i++)
		stop_and_put(stoppers[i]);
	put_contexts(contexts, CONTEXTS);
	stopper_ctx_put(parent_ctx);
	one = NULL;
	queue = NULL;
	parent_ctx = NULL;
	memset(stoppers, 0, STOPPERS * sizeof(*stoppers));
	memset(contexts, 0, CONTEXTS * sizeof(*contexts));
	return 0;
}

/* --- operations --- */

static int run_walk(void)
{
	unsigned int i, n = 0;

	local_irq_disable();
	for (i = 0; i < HANDLES; i++)
		n += !!READ_ONCE(handles[i].slot);
	local_irq_enable();
	return n == HANDLES ? 0 : -EIO;
}

static int run_small(void)
{
	struct stopper_closer closer = { .name = "latency-closer", .fn = close_one };
	struct stopper_ctx *ctx = NULL;
	struct stopper_task task;
	struct stopper *s;
	int err;

	err = stopper_create(&s, "latency-small", NULL);
	if (err)
		return err;
	err = stopper_run_task(s, NULL, "latency-task", do_nothing, NULL);
	if (!err)
		err = stopper_task_begin(s, NULL, "latency-handle", &task);
	if (!err)
		stopper_task_end(&task);
	if (!err)
		err = stopper_ctx_with_cancel_on_quiesce(s, NULL, &ctx);
	if (!err)
		err = stopper_add_closer(s, &closer);
	stop_and_put(s);
	stopper_ctx_put(ctx);
	return err;
}

static int run_count(void)
{
	unsigned long n = stopper_num_tasks(one), in_queue = stopper_num_tasks(queue);

	return n == ON_ONE && in_queue == nblocked + nqueued ? 0 : -EIO;
}

static int run_map(void)
{
	int n = stopper_running_tasks(one, NULL, 0), err;

	if (n != min(SITES, ON_ONE))
		return n < 0 ? n : -EIO;
	err = stopper_task_map(one, NULL, 0);
	if (err > 0)
		err = stopper_running_tasks(queue, NULL, 0);
	return min(err, 0);
}

static int drain_handles(struct stopper *s, struct stopper_task *task)
{
	struct stopper_ctx *ctx;
	int err = begin_handles(s, task, ON_ONE);

	if (!err)
		err = stopper_ctx_with_timeout(NULL, 10 * NSEC_PER_MSEC, &ctx);
	if (!err) {
		err = stopper_quiesce(s, ctx);
		err = err == -ETIMEDOUT ? 0 : -EIO;
		stopper_ctx_put(ctx);
	}
	/* A thread of the pool, or the keeper, waits for them. */
	stopper_stop_async(s);
	end_handles(task, ON_ONE);
	return err;
}

static int run_drain(void)
{
	struct stopper_task *task = kvcalloc(ON_ONE, sizeof(*task), GFP_KERNEL);
	struct stopper *s;
	int err = task ? stopper_create(&s, "latency-drain", NULL) : -ENOMEM;

	if (!err) {
		err = drain_handles(s, task);
		stop_and_put(s);
	}
	kvfree(task);
	return err;
}

static int make_children(struct stopper *parent, struct stopper **child)
{
	struct stopper_options opts = { .size = sizeof(opts), .parent = parent };
	unsigned int i;
	int err = 0;

	for (i = 0; i < CHILDREN && !err; i++) {
		err = stopper_create(&child[i], "latency-child", &opts);
		if (!err && i)
			err = stopper_stop_after(child[0], child[i]);
		cond_resched();
	}
	return err;
}

static int run_tree(void)
{
	struct stopper **child = kvcalloc(CHILDREN, sizeof(*child), GFP_KERNEL), *parent;
	int err = child ? stopper_create(&parent, "latency-parent", NULL) : -ENOMEM;
	unsigned int i;

	if (!err) {
		err = make_children(parent, child);
		stop_and_put(parent);
		for (i = 0; i < CHILDREN; i++)
			stopper_put(child[i]);
	}
	kvfree(child);
	return err;
}

static int run_closers(void)
{
	struct stopper_closer *closer = kvcalloc(CLOSERS, sizeof(*closer), GFP_KERNEL);
	int err = closer ? 0 : -ENOMEM;
	struct stopper *s;

	atomic_set(&closed, 0);
	if (!err)
		err = stopper_create(&s, "latency-closers", NULL);
	if (!err) {
		err = add_closers(s, closer, CLOSERS);
		stop_and_put(s);
	}
	kvfree(closer);
	return err ?: atomic_read(&closed) == CLOSERS ? 0 : -EIO;
}

static int run_contexts(void)
{
	struct stopper_ctx **ctx = kvcalloc(CONTEXTS, sizeof(*ctx), GFP_KERNEL), *parent;
	int err = ctx ? stopper_ctx_with_cancel(NULL, &parent) : -ENOMEM;

	if (!err) {
		err = make_contexts(parent, ctx, CONTEXTS);
		stopper_ctx_cancel(parent);
		if (!err && contexts_ended(ctx, CONTEXTS) != CONTEXTS)
			err = -EIO;
		put_contexts(ctx, CONTEXTS);
		stopper_ctx_put(parent);
	}
	kvfree(ctx);
	return err;
}

static int tie_contexts(struct stopper *s, struct stopper_ctx **ctx)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < CONTEXTS && !err; i++) {
		err = stopper_ctx_with_cancel_on_quiesce(s, NULL, &ctx[i]);
		if (!err)
			err = stopper_ctx_with_cancel_on_stop(s, NULL, &ctx[CONTEXTS + i]);
		cond_resched();
	}
	return err;
}

static int run_tied(void)
{
	struct stopper_ctx **ctx = kvcalloc(2 * CONTEXTS, sizeof(*ctx), GFP_KERNEL);
	int err = ctx ? 0 : -ENOMEM;
	struct stopper *s;

	if (!err)
		err = stopper_create(&s, "latency-tied", NULL);
	if (!err) {
		err = tie_contexts(s, ctx);
		stop_and_put(s);
		if (!err && contexts_ended(ctx, 2 * CONTEXTS) != 2 * CONTEXTS)
			err = -EIO;
		put_contexts(ctx, 2 * CONTEXTS);
	}
	kvfree(ctx);
	return err;
}

static int start_timers(struct stopper *s, struct stopper_timer *timer)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < TIMERS && !err; i++) {
		stopper_timer_init(&timer[i], s, "latency-timer", do_nothing, NULL);
		err = stopper_run_after(&timer[i], NULL, LONG_NS);
		cond_resched();
	}
	return err;
}

static int run_timers(void)
{
	struct stopper_timer *timer = kvcalloc(TIMERS, sizeof(*timer), GFP_KERNEL);
	int err = timer ? 0 : -ENOMEM;
	struct stopper *s;

	if (!err)
		err = stopper_create(&s, "latency-timers", NULL);
	if (!err) {
		err = start_timers(s, timer);
		stop_and_put(s);
	}
	kvfree(timer);
	return err;
}

static const struct {
	const char *name;
	int (*fn)(void);
} ops[] = {
	{ "fill", fill },
	{ "block", block },
	{ "queue", fill_queue },
	{ "empty", empty },
	{ "walk", run_walk },
	{ "small", run_small },
	{ "count", run_count },
	{ "map", run_map },
	{ "drain", run_drain },
	{ "tree", run_tree },
	{ "closers", run_closers },
	{ "contexts", run_contexts },
	{ "tied", run_tied },
	{ "timers", run_timers },
};

static int do_set(const char *val, const struct kernel_param *kp)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		if (sysfs_streq(val, ops[i].name))
			return ops[i].fn();
	return -EINVAL;
}

static const struct kernel_param_ops do_ops = { .set = do_set };
module_param_cb(do, &do_ops, NULL, 0200);

static int waiting_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%u\n", nblocked + nqueued - atomic_read(&begun));
}

static const struct kernel_param_ops waiting_ops = { .get = waiting_get };
module_param_cb(waiting, &waiting_ops, NULL, 0444);

static void free_all(void)
{
	kvfree(stoppers);
	kvfree(sites);
	kvfree(handles);
	kvfree(closers);
	kvfree(contexts);
	kvfree(queued);
}

static int __init latency_init(void)
{
	if (!scale || scale > 100)
		return -EINVAL;
	stopper_event_init(&let_go);
	stoppers = kvcalloc(STOPPERS, sizeof(*stoppers), GFP_KERNEL);
	sites = kvcalloc(SITES, sizeof(*sites), GFP_KERNEL);
	handles = kvcalloc(HANDLES, sizeof(*handles), GFP_KERNEL);
	closers = kvcalloc(CLOSERS, sizeof(*closers), GFP_KERNEL);
	contexts = kvcalloc(CONTEXTS, sizeof(*contexts), GFP_KERNEL);
	queued = kvcalloc(QUEUED, sizeof(*queued), GFP_KERNEL);
	if (stoppers && sites && handles && closers && contexts && queued)
		return 0;
	free_all();
	return -ENOMEM;
}

static void __exit latency_exit(void)
{
	empty();
	stopper_event_destroy(&let_go);
	free_all();
}

module_init(latency_init);
module_exit(latency_exit);
MODULE_DESCRIPTION("Test of the stopper: sections with interrupts or preemption off");
MODULE_LICENSE("GPL");
