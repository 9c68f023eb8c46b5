// SPDX-License-Identifier: GPL-2.0
/*
 * stopper_bench_lines.c - how many cache lines an operation moves between CPUs, counted by the
 * plugin ../tcg/lines.c; see ../kernel-lines.
 *
 * The threads, one on each CPU, take turns, one operation each, in a fixed order, so each
 * operation finds the lines where the other CPUs have left them. What moves does not depend on
 * chance then, and there is no contention inside an operation: that costs more lines, never fewer.
 *
 * The plugin writes a line after each turn of all threads, to which the same record
 * "L CASE OPERATIONS WHICH" belongs each time. The median of the turns is the result, as a timer
 * interrupt or a worker of the kernel's may come in some. WHICH is "own" if only the operations'
 * own accesses count; "all" if other threads do a part of the work: then the hand-over of the
 * turn is counted, too, which is the case "turn".
 */
#include <linux/cache.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/irqflags.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include "stopper_bench.h"

#define WARM_TURNS	80		/* more than a table has slots */
#define TURNS		17

enum { MARK_BEGIN = 16, MARK_END, MARK_ZERO, MARK_SHOW, MARK_WATCH };

/* What a thread has of its own. */
struct turn {
	struct completion mine;
	struct completion ran;		/* what it has handed over */
	struct work_struct work;
	struct stopper_task handle;	/* op_remote: one of all is begun */
} ____cacheline_aligned_in_smp;

struct crew;

struct line_op {
	const char *name;
	int (*fn)(struct crew *c, unsigned int i);
	enum bench_op_id op;		/* without fn */
	bool sleeps;			/* so interrupts stay on */
	bool hands_over;
};

struct crew {
	const struct line_op *op;
	unsigned int n;
	struct stopper_sem sem;
	struct turn turn[];
};

/* --- operations --- */

static int op_nothing(struct crew *c, unsigned int i)
{
	return 0;
}

/* Ends the handle that the thread before has begun, and begins one for the next. */
static int op_remote(struct crew *c, unsigned int i)
{
	stopper_task_end(&c->turn[i ? i - 1 : c->n - 1].handle);
	return stopper_task_begin(bench_env.s, NULL, "bench-remote", &c->turn[i].handle);
}

static int op_event(struct crew *c, unsigned int i)
{
	struct stopper_event ev;
	bool fired;

	stopper_event_init(&ev);
	fired = stopper_event_fire(&ev);
	stopper_event_destroy(&ev);
	return fired ? 0 : -EIO;
}

static int op_ctx(struct crew *c, unsigned int i)
{
	struct stopper_ctx *ctx;
	int err = stopper_ctx_with_cancel(NULL, &ctx);

	if (err)
		return err;
	stopper_ctx_cancel(ctx);
	stopper_ctx_put(ctx);
	return 0;
}

static int op_stop(struct crew *c, unsigned int i)
{
	struct stopper *s;
	int err = stopper_create(&s, "bench-small", NULL);

	if (err)
		return err;
	err = stopper_run_task(s, NULL, "bench", bench_env.fn, NULL);
	stopper_stop(s, NULL);
	stopper_put(s);
	return err;
}

static void ran_task(struct stopper_ctx *ctx, void *arg)
{
	complete(&((struct turn *)arg)->ran);
}

static void ran_work(struct work_struct *work)
{
	complete(&container_of(work, struct turn, work)->ran);
}

static int op_async(struct crew *c, unsigned int i)
{
	struct turn *t = &c->turn[i];

	return stopper_run_async_task(bench_env.s, NULL, "bench", ran_task, t) ?:
	       bench_wait(&t->ran);
}

static int op_limited(struct crew *c, unsigned int i)
{
	struct turn *t = &c->turn[i];

	return stopper_run_limited_async_task(bench_env.s, NULL, "bench", &c->sem, true, ran_task,
					      t) ?: bench_wait(&t->ran);
}

static int queue(struct crew *c, unsigned int i, struct workqueue_struct *wq)
{
	struct turn *t = &c->turn[i];

	queue_work(wq, &t->work);
	return bench_wait(&t->ran);
}

static int op_bound(struct crew *c, unsigned int i)
{
	return queue(c, i, system_wq);
}

static int op_unbound(struct crew *c, unsigned int i)
{
	return queue(c, i, system_unbound_wq);
}

static const struct line_op line_ops[] = {
	{ .name = "run_task", .op = OP_RUN_TASK },
	{ .name = "run_task_nested", .op = OP_NESTED },
	{ .name = "run_task_refused", .op = OP_REFUSED },
	{ .name = "task_begin_end", .op = OP_BEGIN_END },
	{ .name = "task_begin_end_remote", .fn = op_remote },
	{ .name = "event_fired", .op = OP_EVENT_FIRED },
	{ .name = "ctx_err", .op = OP_CTX_ERR },
	{ .name = "event_init_fire_destroy", .fn = op_event },
	{ .name = "ctx_create_cancel_put", .fn = op_ctx, .sleeps = true },
	{ .name = "percpu_ref", .op = OP_REF },
	{ .name = "srcu", .op = OP_SRCU },
	{ .name = "atomic", .op = OP_ATOMIC },
	{ .name = "turn", .fn = op_nothing, .sleeps = true, .hands_over = true },
	{ .name = "create_stop_put", .fn = op_stop, .sleeps = true, .hands_over = true },
	{ .name = "run_async", .fn = op_async, .sleeps = true, .hands_over = true },
	{ .name = "run_limited_async", .fn = op_limited, .sleeps = true, .hands_over = true },
	{ .name = "queue_work_bound", .fn = op_bound, .sleeps = true, .hands_over = true },
	{ .name = "queue_work_unbound", .fn = op_unbound, .sleeps = true, .hands_over = true },
};

/* --- turns --- */

static int operate(struct crew *c, unsigned int i)
{
	return c->op->fn ? c->op->fn(c, i) : bench_op[c->op->op].loop(&bench_env, 1);
}

/*
 * The thread that wakes another one writes to that one's stack and reads its task_struct, where
 * the nesting of RCU is: have these lines here again.
 */
static noinline void fetch_own_lines(void)
{
	char below[1024];

	memset(below, 0, sizeof(below));
	barrier_data(below);
	rcu_read_lock();
	rcu_read_unlock();
}

static int counted(struct crew *c, unsigned int i)
{
	unsigned long flags = 0;
	int err;

	if (!c->op->sleeps)
		flags = bench_quiet_save();
	fetch_own_lines();
	bench_mark(MARK_BEGIN);
	err = operate(c, i);
	bench_mark(MARK_END);
	if (!c->op->sleeps)
		local_irq_restore(flags);
	return err;
}

/* Called by the first thread, while all others wait for their turn. */
static void mark_turn(unsigned int turn)
{
	if (turn > WARM_TURNS)
		bench_mark(MARK_SHOW);
	if (turn >= WARM_TURNS)
		bench_mark(MARK_ZERO);
}

/* An error does not end the turns, as the others wait for theirs. */
static int take_turns(struct bench_thread *t)
{
	struct crew *c = t->group->arg;
	unsigned int i = t->index, turn;
	int err = 0;

	for (turn = 0; turn <= WARM_TURNS + TURNS; turn++) {
		wait_for_completion(&c->turn[i].mine);
		if (!i)
			mark_turn(turn);
		err = counted(c, i) ?: err;
		complete(&c->turn[(i + 1) % c->n].mine);
	}
	return err;
}

static int run_op(struct crew *c)
{
	unsigned int i;
	int err;

	for (i = 0; i < c->n; i++)
		reinit_completion(&c->turn[i].mine);
	complete(&c->turn[0].mine);
	err = bench_threads(c->n, take_turns, c, NULL);
	for (i = 0; i < TURNS && !err; i++)
		err = bench_record("L %s %u %s\n", c->op->name, c->n,
				   c->op->hands_over ? "all" : "own");
	return err;
}

static void turn_init(struct turn *t)
{
	init_completion(&t->mine);
	init_completion(&t->ran);
	INIT_WORK(&t->work, ran_work);
}

static int lines_prepare(struct bench_run *r)
{
	struct crew *c = kzalloc(struct_size(c, turn, r->threads), GFP_KERNEL);
	unsigned int i;
	int err;

	if (!c)
		return -ENOMEM;
	c->n = r->threads;
	for (i = 0; i < c->n; i++)
		turn_init(&c->turn[i]);
	err = stopper_sem_init(&c->sem, MAX_THREADS);
	err = err ?: stopper_task_begin(bench_env.s, NULL, "bench-remote",
					&c->turn[c->n - 1].handle);
	if (err)
		kfree(c);
	r->priv = c;
	bench_mark(MARK_WATCH);
	return err;
}

static void lines_finish(struct bench_run *r)
{
	struct crew *c = r->priv;

	stopper_task_end(&c->turn[c->n - 1].handle);
	stopper_sem_destroy(&c->sem);
	kfree(c);
}

static int lines_round(struct bench_run *r, unsigned int round)
{
	struct crew *c = r->priv;
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(line_ops) && !err; i++) {
		c->op = &line_ops[i];
		err = run_op(c);
	}
	return err;
}

const struct bench_case bench_lines_cases[] = {
	{ .name = "lines", .threads = 1, .scales = true, .hidden = true, .prepare = lines_prepare,
	  .round = lines_round, .finish = lines_finish },
	{}
};
