// SPDX-License-Identifier: GPL-2.0
/*
 * stopper_bench_loops.c - operations of some nanoseconds, each in a loop.
 *
 * A loop holds what a caller writes, including the check of the result. Its base is
 * the loop without that: an empty one, or, where a function is called, the bare
 * indirect call of it.
 *
 *   run_task_nested   two tasks, one inside the other: the price of both
 *   task_begin_end    has no call, so the base is the empty loop, and its peers
 *                     (the pairs) are measured without a call as well
 *   event_fired, ctx_err   with the branch on the result; so has the peer, a load
 */
#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/kernel.h>
#include <linux/percpu-refcount.h>
#include <linux/srcu.h>
#include "stopper_bench.h"

#define CHECKED		1000

struct bench_env bench_env;

static struct percpu_ref ref;
static DECLARE_COMPLETION(ref_gone);
DEFINE_STATIC_SRCU(bench_srcu);
static atomic_t shared ____cacheline_aligned_in_smp;

static noinline void empty(struct stopper_ctx *ctx, void *arg)
{
	barrier();
}

static noinline int loop_empty(struct bench_env *e, unsigned long n)
{
	for (; n; n--)
		barrier();
	return 0;
}

static noinline int loop_call(struct bench_env *e, unsigned long n)
{
	stopper_fn fn = e->fn;

	for (; n; n--)
		fn(NULL, NULL);
	return 0;
}

static noinline int loop_run_task(struct bench_env *e, unsigned long n)
{
	struct stopper *s = e->s;
	stopper_fn fn = e->fn;
	int err = 0;

	for (; n; n--)
		err |= stopper_run_task(s, NULL, "bench", fn, NULL);
	return err;
}

static noinline int loop_refused(struct bench_env *e, unsigned long n)
{
	struct stopper *s = e->refusing;
	stopper_fn fn = e->fn;
	int all = -1;

	for (; n; n--)
		all &= stopper_run_task(s, NULL, "bench-refused", fn, NULL);
	return all == -ESHUTDOWN ? 0 : -EIO;
}

static noinline int loop_percpu_ref(struct bench_env *e, unsigned long n)
{
	struct percpu_ref *r = e->ref;
	stopper_fn fn = e->fn;

	for (; n; n--) {
		if (!percpu_ref_tryget_live(r))
			return -EIO;
		fn(NULL, NULL);
		percpu_ref_put(r);
	}
	return 0;
}

static noinline int loop_srcu(struct bench_env *e, unsigned long n)
{
	stopper_fn fn = e->fn;
	int idx;

	for (; n; n--) {
		idx = srcu_read_lock(&bench_srcu);
		fn(NULL, NULL);
		srcu_read_unlock(&bench_srcu, idx);
	}
	return 0;
}

static noinline int loop_atomic(struct bench_env *e, unsigned long n)
{
	stopper_fn fn = e->fn;

	for (; n; n--) {
		atomic_inc(&shared);
		fn(NULL, NULL);
		atomic_dec(&shared);
	}
	return 0;
}

static noinline void outer_call(struct stopper_ctx *ctx, void *arg)
{
	struct bench_env *e = arg;

	e->fn(NULL, NULL);
}

static noinline void outer_task(struct stopper_ctx *ctx, void *arg)
{
	struct bench_env *e = arg;

	if (stopper_run_task(e->s, NULL, "bench-inner", e->fn, NULL))
		e->err = -EIO;
}

static noinline void outer_ref(struct stopper_ctx *ctx, void *arg)
{
	struct bench_env *e = arg;

	if (!percpu_ref_tryget_live(e->ref)) {
		e->err = -EIO;
		return;
	}
	e->fn(NULL, NULL);
	percpu_ref_put(e->ref);
}

static noinline int loop_nested_call(struct bench_env *e, unsigned long n)
{
	stopper_fn fn = outer_call;

	OPTIMIZER_HIDE_VAR(fn);
	for (; n; n--)
		fn(NULL, e);
	return 0;
}

static noinline int loop_nested(struct bench_env *e, unsigned long n)
{
	struct stopper *s = e->s;
	int err = 0;

	for (; n; n--)
		err |= stopper_run_task(s, NULL, "bench-outer", outer_task, e);
	return err ?: e->err;
}

static noinline int loop_nested_ref(struct bench_env *e, unsigned long n)
{
	struct percpu_ref *r = e->ref;
	stopper_fn fn = outer_ref;

	OPTIMIZER_HIDE_VAR(fn);
	for (; n; n--) {
		if (!percpu_ref_tryget_live(r))
			return -EIO;
		fn(NULL, e);
		percpu_ref_put(r);
	}
	return e->err;
}

static noinline int loop_begin_end(struct bench_env *e, unsigned long n)
{
	struct stopper *s = e->s;
	struct stopper_task task;

	for (; n; n--) {
		if (stopper_task_begin(s, NULL, "bench-handle", &task))
			return -EIO;
		stopper_task_end(&task);
	}
	return 0;
}

static noinline int loop_ref_pair(struct bench_env *e, unsigned long n)
{
	struct percpu_ref *r = e->ref;

	for (; n; n--) {
		if (!percpu_ref_tryget_live(r))
			return -EIO;
		percpu_ref_put(r);
	}
	return 0;
}

static noinline int loop_atomic_pair(struct bench_env *e, unsigned long n)
{
	for (; n; n--) {
		atomic_inc(&shared);
		atomic_dec(&shared);
	}
	return 0;
}

static noinline int loop_event_fired(struct bench_env *e, unsigned long n)
{
	struct stopper_event *ev = stopper_should_quiesce(e->s);

	for (; n; n--) {
		OPTIMIZER_HIDE_VAR(ev);
		if (stopper_event_fired(ev))
			return -EIO;
	}
	return 0;
}

static noinline int loop_ctx_err(struct bench_env *e, unsigned long n)
{
	struct stopper_ctx *ctx = e->ctx;

	for (; n; n--) {
		OPTIMIZER_HIDE_VAR(ctx);
		if (stopper_ctx_err(ctx))
			return -EIO;
	}
	return 0;
}

static noinline int loop_load(struct bench_env *e, unsigned long n)
{
	int *p = &e->err;

	for (; n; n--) {
		OPTIMIZER_HIDE_VAR(p);
		if (READ_ONCE(*p))
			return -EIO;
	}
	return 0;
}

/* --- the table, and what they work on --- */

const struct bench_op bench_op[NR_OPS] = {
	[OP_EMPTY] = { "loop", "loop", loop_empty, OP_EMPTY },
	[OP_CALL] = { "call", "call", loop_call, OP_EMPTY },
	[OP_RUN_TASK] = { "run_task", NULL, loop_run_task, OP_CALL },
	[OP_REFUSED] = { "run_task_refused", NULL, loop_refused, OP_EMPTY },
	[OP_REF] = { "percpu_ref", "percpu_ref", loop_percpu_ref, OP_CALL },
	[OP_SRCU] = { "srcu", "srcu", loop_srcu, OP_CALL },
	[OP_ATOMIC] = { "atomic", "atomic", loop_atomic, OP_CALL },
	[OP_NESTED_CALL] = { "call_nested", "call", loop_nested_call, OP_EMPTY },
	[OP_NESTED] = { "run_task_nested", NULL, loop_nested, OP_NESTED_CALL },
	[OP_NESTED_REF] = { "percpu_ref_nested", "percpu_ref", loop_nested_ref, OP_NESTED_CALL },
	[OP_BEGIN_END] = { "task_begin_end", NULL, loop_begin_end, OP_EMPTY },
	[OP_REF_PAIR] = { "percpu_ref_pair", "percpu_ref", loop_ref_pair, OP_EMPTY },
	[OP_ATOMIC_PAIR] = { "atomic_pair", "atomic", loop_atomic_pair, OP_EMPTY },
	[OP_EVENT_FIRED] = { "event_fired", NULL, loop_event_fired, OP_EMPTY },
	[OP_CTX_ERR] = { "ctx_err", NULL, loop_ctx_err, OP_EMPTY },
	[OP_LOAD] = { "load", "load", loop_load, OP_EMPTY },
};

static void ref_release(struct percpu_ref *r)
{
	complete(&ref_gone);
}

static void called(struct stopper_ctx *ctx, void *arg)
{
	++*(unsigned int *)arg;
}

/* That tasks are run and refused at all: the function that is measured does nothing. */
static int works(void)
{
	unsigned int n = 0, i;
	int err = 0;

	for (i = 0; i < CHECKED && !err; i++)
		err = stopper_run_task(bench_env.s, NULL, "bench-check", called, &n);
	if (!err && n != CHECKED)
		return -EIO;
	if (!err && stopper_run_task(bench_env.refusing, NULL, "bench-check", called, &n) !=
	    -ESHUTDOWN)
		return -EIO;
	return err ?: n == CHECKED ? 0 : -EIO;
}

static void end_stopper(struct stopper *s)
{
	if (!s)
		return;
	stopper_stop(s, NULL);
	stopper_put(s);
}

static int make(struct bench_env *e)
{
	int err = stopper_create(&e->s, "bench", NULL);

	if (!err)
		err = stopper_create(&e->refusing, "bench-refusing", NULL);
	if (!err)
		err = stopper_quiesce(e->refusing, NULL);
	if (!err)
		err = stopper_ctx_with_cancel(NULL, &e->ctx);
	if (!err)
		err = works();
	if (!err)
		err = percpu_ref_init(&ref, ref_release, 0, GFP_KERNEL);
	if (!err)
		e->ref = &ref;
	return err;
}

int bench_ops_init(void)
{
	int err;

	bench_env.fn = empty;
	err = make(&bench_env);
	if (err)
		bench_ops_exit();
	return err;
}

void bench_ops_exit(void)
{
	if (bench_env.ref) {
		percpu_ref_kill(bench_env.ref);
		wait_for_completion(&ref_gone);
		percpu_ref_exit(bench_env.ref);
	}
	stopper_ctx_put(bench_env.ctx);
	end_stopper(bench_env.refusing);
	end_stopper(bench_env.s);
}
