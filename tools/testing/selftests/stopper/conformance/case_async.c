// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_async.c - async tasks: another thread, promptly, however many are blocked.
 */
#include "case.h"

struct look {
	struct case_turns turns;
	struct env_counter ran;
	struct stopper_ctx *ctx;
	int tid;
	int err;
	char comm[32];
};

static void look(struct stopper_ctx *ctx, void *arg)
{
	struct look *l = arg;

	/* one at a time: some cases run many */
	case_turn_begin(&l->turns);
	l->ctx = ctx;
	l->err = stopper_ctx_err(ctx);
	l->tid = env_tid();
	env_comm(l->comm, sizeof(l->comm));
	case_turn_end(&l->turns);
	env_inc(&l->ran);
}

static void async_task_runs_once_on_another_thread(void)
{
	struct stopper *s = new_stopper(NULL);
	struct look l = { .tid = 0 };

	CHECK_EQ(stopper_run_async_task(s, NULL, "look", look, &l), 0);
	CHECK_SOON(env_get(&l.ran));
	CHECK(l.tid != env_tid());
	CHECK(!l.ctx);
	stop_and_put(s);
	CHECK_EQ(env_get(&l.ran), 1);
}

static void async_thread_carries_the_name_of_the_task(void)
{
	struct stopper *s = new_stopper(NULL);
	struct look l = { .tid = 0 };
	int i;

	for (i = 0; i < 3; i++) {
		CHECK_EQ(stopper_run_async_task(s, NULL, "flush-the-journal", look, &l), 0);
		CHECK_SOON(env_get(&l.ran) == i * 2 + 1);
		CHECK(case_is_comm_of(l.comm, "flush-the-journal"));
		CHECK_EQ(stopper_run_async_task(s, NULL, "scrub", look, &l), 0);
		CHECK_SOON(env_get(&l.ran) == i * 2 + 2);
		CHECK_STR(l.comm, "scrub");
	}
	stop_and_put(s);
}

static void async_task_is_counted_from_the_call_on(void)
{
	struct stopper *s = new_stopper(NULL);
	struct case_hold h;
	int i;

	case_hold_init(&h);
	for (i = 1; i <= 20; i++) {
		CHECK_EQ(stopper_run_async_task(s, NULL, "hold", case_hold_fn, &h), 0);
		CHECK_EQ(stopper_num_tasks(s), i);
	}
	env_gate_open(&h.gate);
	CHECK_SOON(!stopper_num_tasks(s));
	stop_and_put(s);
	CHECK_EQ(env_get(&h.out), 20);
	case_hold_destroy(&h);
}

static void async_context_lives_until_the_task_has_ended(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_ctx *parent = new_ctx(NULL), *ctx;
	struct look l = { .tid = 0 };
	int i;

	for (i = 0; i < 50; i++) {
		ctx = new_ctx(parent);
		CHECK_EQ(stopper_run_async_task(s, ctx, "look", look, &l), 0);
		stopper_ctx_put(ctx);
	}
	stop_and_put(s);
	CHECK_EQ(env_get(&l.ran), 50);
	CHECK_EQ(l.err, 0);
	CHECK(l.ctx);
	stopper_ctx_put(parent);
}

static void async_task_with_an_ended_context_is_still_called(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_ctx *ctx = new_ctx(NULL);
	struct look l = { .tid = 0 };

	stopper_ctx_cancel(ctx);
	CHECK_EQ(stopper_run_async_task(s, ctx, "look", look, &l), 0);
	stop_and_put(s);
	CHECK_EQ(env_get(&l.ran), 1);
	CHECK_EQ(l.err, -ECANCELED);
	stopper_ctx_put(ctx);
}

static void quiesce_waits_for_an_async_task(void)
{
	struct stopper *s = new_stopper(NULL);
	struct case_call quiesce;
	struct case_hold h;

	case_hold_init(&h);
	CHECK_EQ(stopper_run_async_task(s, NULL, "hold", case_hold_fn, &h), 0);
	case_quiesce_begin(&quiesce, s, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(s)) && env_get(&h.in));
	env_settle();
	CHECK(!env_get(&quiesce.returned));
	env_gate_open(&h.gate);
	CHECK_EQ(case_call_end(&quiesce), 0);
	CHECK_EQ(env_get(&h.out), 1);
	stop_and_put(s);
	case_hold_destroy(&h);
}

#define CHAIN	200

/* Each task waits for the one started after it; the last one opens the chain. */
struct link {
	struct link *next;
	struct env_gate done;
	struct env_counter *in;
};

static void link_fn(struct stopper_ctx *ctx, void *arg)
{
	struct link *l = arg;

	env_inc(l->in);
	if (l->next)
		CHECK(env_gate_wait(&l->next->done));
	env_gate_open(&l->done);
}

static void async_tasks_may_wait_for_one_another_without_limit(void)
{
	struct stopper *s = new_stopper(NULL);
	struct link *link = env_alloc(CHAIN * sizeof(*link));
	struct env_counter in = { 0 };
	int i;

	for (i = 0; i < CHAIN; i++) {
		env_gate_init(&link[i].done);
		link[i].in = &in;
		if (i < CHAIN - 1)
			link[i].next = &link[i + 1];
	}
	for (i = 0; i < CHAIN; i++)
		CHECK_EQ(stopper_run_async_task(s, NULL, "link", link_fn, &link[i]), 0);
	CHECK(env_gate_wait(&link[0].done));
	CHECK_EQ(env_get(&in), CHAIN);
	stop_and_put(s);
	for (i = 0; i < CHAIN; i++)
		env_gate_destroy(&link[i].done);
	env_free(link);
}

static void async_task_starts_although_all_others_are_blocked(void)
{
	struct stopper *s = new_stopper(NULL);
	struct env_counter ran = { 0 };
	struct case_hold h;
	int i;

	case_hold_init(&h);
	for (i = 1; i <= 100; i++) {
		CHECK_EQ(stopper_run_async_task(s, NULL, "hold", case_hold_fn, &h), 0);
		CHECK_SOON(env_get(&h.in) == i);
	}
	CHECK_EQ(stopper_run_async_task(s, NULL, "one more", case_count_fn, &ran), 0);
	CHECK_SOON(env_get(&ran));
	env_gate_open(&h.gate);
	stop_and_put(s);
	CHECK_EQ(env_get(&h.out), 100);
	case_hold_destroy(&h);
}

/* The pool is the process's: another stopper's blocked tasks must not hold one up. */
static void async_task_starts_although_another_stopper_is_blocked(void)
{
	struct stopper *s = new_stopper(NULL), *other = new_stopper(NULL);
	struct env_counter ran = { 0 };
	struct case_hold h;
	int i;

	case_hold_init(&h);
	for (i = 0; i < 50; i++)
		CHECK_EQ(stopper_run_async_task(other, NULL, "hold", case_hold_fn, &h), 0);
	CHECK_EQ(stopper_run_async_task(s, NULL, "task", case_count_fn, &ran), 0);
	CHECK_SOON(env_get(&ran));
	stop_and_put(s);
	env_gate_open(&h.gate);
	stop_and_put(other);
	case_hold_destroy(&h);
}

struct tree {
	struct stopper *s;
	struct env_counter ran;
	struct env_counter left;
};

static void branch(struct stopper_ctx *ctx, void *arg)
{
	struct tree *t = arg;
	int i;

	env_inc(&t->ran);
	for (i = 0; i < 2; i++)
		if (env_dec(&t->left) >= 0)
			CHECK_EQ(stopper_run_async_task(t->s, NULL, "branch", branch, t), 0);
}

static void async_task_may_start_async_tasks(void)
{
	struct tree t = { .s = new_stopper(NULL) };

	env_set(&t.left, 300);
	CHECK_EQ(stopper_run_async_task(t.s, NULL, "branch", branch, &t), 0);
	CHECK_SOON(env_get(&t.ran) == 301);
	stop_and_put(t.s);
	CHECK_EQ(env_get(&t.ran), 301);
}

static void every_accepted_async_task_is_called_once(void)
{
	struct stopper *s = new_stopper(NULL);
	struct env_counter ran = { 0 };
	int n = case_rounds(5000), i;

	for (i = 0; i < n; i++)
		CHECK_EQ(stopper_run_async_task(s, NULL, "count", case_count_fn, &ran), 0);
	/* Accepted before the stop, so called, even if none has started yet. */
	stop_and_put(s);
	CHECK_EQ(env_get(&ran), n);
}

const struct test_case cases_async[] = {
	CASE(async_task_runs_once_on_another_thread),
	CASE(async_thread_carries_the_name_of_the_task),
	CASE(async_task_is_counted_from_the_call_on),
	CASE(async_context_lives_until_the_task_has_ended),
	CASE(async_task_with_an_ended_context_is_still_called),
	CASE(quiesce_waits_for_an_async_task),
	CASE(async_tasks_may_wait_for_one_another_without_limit),
	CASE(async_task_starts_although_all_others_are_blocked),
	CASE(async_task_starts_although_another_stopper_is_blocked),
	CASE(async_task_may_start_async_tasks),
	CASE(every_accepted_async_task_is_called_once),
	CASES_END
};
