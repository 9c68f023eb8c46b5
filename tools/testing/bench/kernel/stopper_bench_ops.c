// SPDX-License-Identifier: GPL-2.0
/*
 * stopper_bench_ops.c - the loops of stopper_bench_loops.c, in time and counted.
 *
 * What is recorded is without the base, ours and the peer's, both measured in the
 * same round; only against the peer `call', the base itself, both stand as they
 * were measured.
 *
 * Counts (the case `counts', for a CPU whose instructions are counted: a TCG
 * plugin looks for the marks): each loop with 100 and with 200 repetitions, so
 * that what is outside drops out: operation = (c200 - c100) / 100 - base. The
 * k-th record "C operation base n" belongs to the k-th pair of marks.
 *
 * Interrupts are off between the marks, and nothing else is: preempt_count is
 * what it is in any caller, and need_resched is looked at first, so preemption
 * ends on its usual path. No operation here sleeps.
 */
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "stopper_bench.h"

#define MAX_PEERS	4
#define COUNTED		100
#define WARM		1000

struct comparison {
	enum bench_op_id us;
	enum bench_op_id peer[MAX_PEERS];	/* up to OP_EMPTY */
};

static const struct comparison cmp_run_task = {
	OP_RUN_TASK, { OP_REF, OP_CALL, OP_SRCU, OP_ATOMIC }
};

static const struct comparison cmp_nested = { OP_NESTED, { OP_NESTED_REF, OP_NESTED_CALL } };
static const struct comparison cmp_begin_end = { OP_BEGIN_END, { OP_REF_PAIR, OP_ATOMIC_PAIR } };
static const struct comparison cmp_event_fired = { OP_EVENT_FIRED, { OP_LOAD } };
static const struct comparison cmp_ctx_err = { OP_CTX_ERR, { OP_LOAD } };

/* --- time --- */

struct sample {
	const struct bench_op *op;
	struct bench_env *env;		/* one for all threads, or */
	bool own;			/* one for each */
	unsigned int threads;
	unsigned long n;
};

static int sample_thread(struct bench_thread *t)
{
	struct sample *sm = t->group->arg;

	return sm->op->loop(sm->own ? &sm->env[t->index] : sm->env, sm->n) ? -EIO : 0;
}

static int sample_wall(void *arg, unsigned long n, u64 *wall)
{
	struct sample *sm = arg;

	sm->n = n;
	return bench_threads(sm->threads, sample_thread, sm, wall);
}

static int sample_ps(struct sample *sm, s64 *ps)
{
	u64 wall;
	int err = sample_wall(sm, sm->n, &wall);

	*ps = err ? 0 : bench_share(sm->threads, wall, sm->n);
	return err;
}

struct comparing {
	const struct comparison *cmp;
	struct sample us, base, peer[MAX_PEERS];
};

/* With one thread; the number of operations is then the same for any. */
static int sample_init(struct sample *sm, enum bench_op_id op, unsigned int threads)
{
	int err;

	*sm = (struct sample){ .op = &bench_op[op], .env = &bench_env, .threads = 1 };
	err = bench_calibrate(sample_wall, sm, &sm->n);
	sm->threads = threads;
	return err;
}

static int compare_prepare(struct bench_run *r)
{
	struct comparing *c = kzalloc(sizeof(*c), GFP_KERNEL);
	unsigned int i;
	int err;

	if (!c)
		return -ENOMEM;
	c->cmp = r->c->data;
	err = sample_init(&c->us, c->cmp->us, r->threads);
	if (!err)
		err = sample_init(&c->base, bench_op[c->cmp->us].base, r->threads);
	for (i = 0; i < MAX_PEERS && c->cmp->peer[i] && !err; i++)
		err = sample_init(&c->peer[i], c->cmp->peer[i], r->threads);
	if (err)
		kfree(c);
	else
		r->priv = c;
	return err;
}

static int compare_round(struct bench_run *r, unsigned int round)
{
	struct comparing *c = r->priv;
	const struct bench_op *op;
	s64 us, base, peer;
	unsigned int i;
	int err;

	err = sample_ps(&c->us, &us) ?: sample_ps(&c->base, &base);
	for (i = 0; i < MAX_PEERS && c->cmp->peer[i] && !err; i++) {
		op = &bench_op[c->cmp->peer[i]];
		if (c->cmp->peer[i] == bench_op[c->cmp->us].base) {
			err = bench_time(r, round, op->peer, us, base);
			continue;
		}
		err = sample_ps(&c->peer[i], &peer);
		if (!err)
			err = bench_time(r, round, op->peer, us - base, peer - base);
	}
	return err;
}

static void compare_finish(struct bench_run *r)
{
	kfree(r->priv);
}

/* --- two threads, a stopper each; the peer is one thread alone --- */

struct two {
	struct bench_env env[2];
	struct sample both, alone;
};

static void two_stop(struct two *t)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (t->env[i].s) {
			stopper_stop(t->env[i].s, NULL);
			stopper_put(t->env[i].s);
		}
	kfree(t);
}

static int two_prepare(struct bench_run *r)
{
	struct two *t = kzalloc(sizeof(*t), GFP_KERNEL);
	unsigned int i;
	int err = 0;

	if (!t)
		return -ENOMEM;
	for (i = 0; i < 2 && !err; i++) {
		t->env[i].fn = bench_env.fn;
		err = stopper_create(&t->env[i].s, "bench-two", NULL);
	}
	if (!err)
		err = sample_init(&t->alone, OP_RUN_TASK, 1);
	if (err) {
		two_stop(t);
		return err;
	}
	t->alone.env = t->env;
	t->both = t->alone;
	t->both.threads = 2;
	t->both.own = true;
	r->priv = t;
	return 0;
}

static int two_round(struct bench_run *r, unsigned int round)
{
	struct two *t = r->priv;
	s64 both, alone;
	int err;

	err = sample_ps(&t->both, &both) ?: sample_ps(&t->alone, &alone);
	return err ?: bench_time(r, round, "alone", both, alone);
}

static void two_finish(struct bench_run *r)
{
	two_stop(r->priv);
}

/* --- counts --- */

/* Interrupts off, with nothing to do for the scheduler. */
unsigned long bench_quiet_save(void)
{
	unsigned long flags;

	local_irq_save(flags);
	while (need_resched()) {
		local_irq_restore(flags);
		schedule();
		local_irq_save(flags);
	}
	return flags;
}

static int count(const struct bench_op *op, unsigned long n)
{
	unsigned long flags = bench_quiet_save();
	int err;

	bench_mark(1);
	err = op->loop(&bench_env, n);
	bench_mark(2);
	local_irq_restore(flags);
	if (err)
		return -EIO;
	return bench_record("C\t%s\t%s\t%lu\n", op->name, bench_op[op->base].name, n);
}

static int counts_prepare(struct bench_run *r)
{
	unsigned int i;
	int err = 0;

	/* Every page, branch and table has been used before it is counted. */
	for (i = 0; i < NR_OPS && !err; i++)
		err = bench_op[i].loop(&bench_env, WARM) ? -EIO : 0;
	return err;
}

static int counts_round(struct bench_run *r, unsigned int round)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < NR_OPS && !err; i++)
		err = count(&bench_op[i], COUNTED) ?: count(&bench_op[i], 2 * COUNTED);
	return err;
}

#define COMPARE(name_, cmp_) {							\
	.name = name_, .threads = 1, .scales = true, .prepare = compare_prepare,	\
	.round = compare_round, .finish = compare_finish, .data = cmp_,			\
}

const struct bench_case bench_ops_cases[] = {
	COMPARE("run_task", &cmp_run_task),
	COMPARE("run_task_nested", &cmp_nested),
	COMPARE("task_begin_end", &cmp_begin_end),
	COMPARE("event_fired", &cmp_event_fired),
	COMPARE("ctx_err", &cmp_ctx_err),
	{ .name = "run_task_two", .threads = 2, .prepare = two_prepare, .round = two_round,
	  .finish = two_finish },
	{ .name = "counts", .threads = 1, .hidden = true, .prepare = counts_prepare,
	  .round = counts_round },
	{}
};
