// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * conf_async.c - async tasks: another thread, promptly, however many are blocked.
 */
#include "conf.h"

struct look {
	struct conf_counter busy, ran;
	struct stopper_ctx *ctx;
	int tid;
	int err;
	char comm[32];
};

static void look(struct stopper_ctx *ctx, void *arg)
{
	struct look *l = arg;

	/* one at a time: some cases run many */
	while (conf_inc(&l->busy) != 1) {
		conf_dec(&l->busy);
		conf_yield();
	}
	l->ctx = ctx;
	l->err = stopper_ctx_err(ctx);
	l->tid = conf_tid();
	conf_comm(l->comm, sizeof(l->comm));
	conf_dec(&l->busy);
	conf_inc(&l->ran);
}

static void async_task_runs_once_on_another_thread(void)
{
	struct stopper *s = conf_stopper(NULL);
	struct look l = { .tid = 0 };

	CHECK_EQ(stopper_run_async_task(s, NULL, "look", look, &l), 0);
	conf_wait_for(conf_get(&l.ran));
	CHECK(l.tid != conf_tid());
	CHECK(!l.ctx);
	conf_stop_and_put(s);
	CHECK_EQ(conf_get(&l.ran), 1);
}

static void async_thread_carries_the_name_of_the_task(void)
{
	struct stopper *s = conf_stopper(NULL);
	struct look l = { .tid = 0 };
	int i;

	for (i = 0; i < 3; i++) {
		CHECK_EQ(stopper_run_async_task(s, NULL, "flush-the-journal", look, &l), 0);
		conf_wait_for(conf_get(&l.ran) == i * 2 + 1);
		CHECK(conf_is_comm_of(l.comm, "flush-the-journal"));
		CHECK_EQ(stopper_run_async_task(s, NULL, "scrub", look, &l), 0);
		conf_wait_for(conf_get(&l.ran) == i * 2 + 2);
		CHECK_STR(l.comm, "scrub");
	}
	conf_stop_and_put(s);
}

static void async_task_is_counted_from_the_call_on(void)
{
	struct stopper *s = conf_stopper(NULL);
	struct conf_hold h;
	int i;

	conf_hold_init(&h);
	for (i = 1; i <= 20; i++) {
		CHECK_EQ(stopper_run_async_task(s, NULL, "hold", conf_hold_fn, &h), 0);
		CHECK_EQ(stopper_num_tasks(s), i);
	}
	conf_gate_open(&h.gate);
	conf_wait_for(!stopper_num_tasks(s));
	conf_stop_and_put(s);
	CHECK_EQ(conf_get(&h.out), 20);
	conf_hold_destroy(&h);
}

static void async_context_lives_until_the_task_has_ended(void)
{
	struct stopper *s = conf_stopper(NULL);
	struct stopper_ctx *parent = conf_ctx(NULL), *ctx;
	struct look l = { .tid = 0 };
	int i;

	for (i = 0; i < 50; i++) {
		ctx = conf_ctx(parent);
		CHECK_EQ(stopper_run_async_task(s, ctx, "look", look, &l), 0);
		stopper_ctx_put(ctx);
	}
	conf_stop_and_put(s);
	CHECK_EQ(conf_get(&l.ran), 50);
	CHECK_EQ(l.err, 0);
	CHECK(l.ctx);
	stopper_ctx_put(parent);
}

static void async_task_with_an_ended_context_is_still_called(void)
{
	struct stopper *s = conf_stopper(NULL);
	struct stopper_ctx *ctx = conf_ctx(NULL);
	struct look l = { .tid = 0 };

	stopper_ctx_cancel(ctx);
	CHECK_EQ(stopper_run_async_task(s, ctx, "look", look, &l), 0);
	conf_stop_and_put(s);
	CHECK_EQ(conf_get(&l.ran), 1);
	CHECK_EQ(l.err, -ECANCELED);
	stopper_ctx_put(ctx);
}

static void quiesce_waits_for_an_async_task(void)
{
	struct stopper *s = conf_stopper(NULL);
	struct conf_call quiesce;
	struct conf_hold h;

	conf_hold_init(&h);
	CHECK_EQ(stopper_run_async_task(s, NULL, "hold", conf_hold_fn, &h), 0);
	conf_quiesce_begin(&quiesce, s, NULL);
	conf_wait_for(stopper_event_fired(stopper_should_quiesce(s)) && conf_get(&h.in));
	conf_settle();
	CHECK(!conf_get(&quiesce.returned));
	conf_gate_open(&h.gate);
	CHECK_EQ(conf_call_end(&quiesce), 0);
	CHECK_EQ(conf_get(&h.out), 1);
	conf_stop_and_put(s);
	conf_hold_destroy(&h);
}

#define CHAIN	200

/* Each task waits for the one started after it; the last one opens the chain. */
struct link {
	struct link *next;
	struct conf_gate done;
	struct conf_counter *in;
};

static void link_fn(struct stopper_ctx *ctx, void *arg)
{
	struct link *l = arg;

	conf_inc(l->in);
	if (l->next)
		CHECK(conf_gate_wait(&l->next->done));
	conf_gate_open(&l->done);
}

static void async_tasks_may_wait_for_one_another_without_limit(void)
{
	struct stopper *s = conf_stopper(NULL);
	struct link *link = conf_alloc(CHAIN * sizeof(*link));
	struct conf_counter in = { 0 };
	int i;

	for (i = 0; i < CHAIN; i++) {
		conf_gate_init(&link[i].done);
		link[i].in = &in;
		if (i < CHAIN - 1)
			link[i].next = &link[i + 1];
	}
	for (i = 0; i < CHAIN; i++)
		CHECK_EQ(stopper_run_async_task(s, NULL, "link", link_fn, &link[i]), 0);
	CHECK(conf_gate_wait(&link[0].done));
	CHECK_EQ(conf_get(&in), CHAIN);
	conf_stop_and_put(s);
	for (i = 0; i < CHAIN; i++)
		conf_gate_destroy(&link[i].done);
	conf_free(link);
}

static void async_task_starts_although_all_others_are_blocked(void)
{
	struct stopper *s = conf_stopper(NULL);
	struct conf_counter ran = { 0 };
	struct conf_hold h;
	int i;

	conf_hold_init(&h);
	for (i = 1; i <= 100; i++) {
		CHECK_EQ(stopper_run_async_task(s, NULL, "hold", conf_hold_fn, &h), 0);
		conf_wait_for(conf_get(&h.in) == i);
	}
	CHECK_EQ(stopper_run_async_task(s, NULL, "one more", conf_count_fn, &ran), 0);
	conf_wait_for(conf_get(&ran));
	conf_gate_open(&h.gate);
	conf_stop_and_put(s);
	CHECK_EQ(conf_get(&h.out), 100);
	conf_hold_destroy(&h);
}

/* The pool is the process's: another stopper's blocked tasks must not hold one up. */
static void async_task_starts_although_another_stopper_is_blocked(void)
{
	struct stopper *s = conf_stopper(NULL), *other = conf_stopper(NULL);
	struct conf_counter ran = { 0 };
	struct conf_hold h;
	int i;

	conf_hold_init(&h);
	for (i = 0; i < 50; i++)
		CHECK_EQ(stopper_run_async_task(other, NULL, "hold", conf_hold_fn, &h), 0);
	CHECK_EQ(stopper_run_async_task(s, NULL, "task", conf_count_fn, &ran), 0);
	conf_wait_for(conf_get(&ran));
	conf_stop_and_put(s);
	conf_gate_open(&h.gate);
	conf_stop_and_put(other);
	conf_hold_destroy(&h);
}

struct tree {
	struct stopper *s;
	struct conf_counter ran;
	struct conf_counter left;
};

static void branch(struct stopper_ctx *ctx, void *arg)
{
	struct tree *t = arg;
	int i;

	conf_inc(&t->ran);
	for (i = 0; i < 2; i++)
		if (conf_dec(&t->left) >= 0)
			CHECK_EQ(stopper_run_async_task(t->s, NULL, "branch", branch, t), 0);
}

static void async_task_may_start_async_tasks(void)
{
	struct tree t = { .s = conf_stopper(NULL) };

	conf_set(&t.left, 300);
	CHECK_EQ(stopper_run_async_task(t.s, NULL, "branch", branch, &t), 0);
	conf_wait_for(conf_get(&t.ran) == 301);
	conf_stop_and_put(t.s);
	CHECK_EQ(conf_get(&t.ran), 301);
}

static void every_accepted_async_task_is_called_once(void)
{
	struct stopper *s = conf_stopper(NULL);
	struct conf_counter ran = { 0 };
	int n = conf_rounds(5000), i;

	for (i = 0; i < n; i++)
		CHECK_EQ(stopper_run_async_task(s, NULL, "count", conf_count_fn, &ran), 0);
	/* Accepted before the stop, so called, even if none has started yet. */
	conf_stop_and_put(s);
	CHECK_EQ(conf_get(&ran), n);
}

const struct conf_case cases_async[] = {
	CONF_CASE(async_task_runs_once_on_another_thread),
	CONF_CASE(async_thread_carries_the_name_of_the_task),
	CONF_CASE(async_task_is_counted_from_the_call_on),
	CONF_CASE(async_context_lives_until_the_task_has_ended),
	CONF_CASE(async_task_with_an_ended_context_is_still_called),
	CONF_CASE(quiesce_waits_for_an_async_task),
	CONF_CASE(async_tasks_may_wait_for_one_another_without_limit),
	CONF_CASE(async_task_starts_although_all_others_are_blocked),
	CONF_CASE(async_task_starts_although_another_stopper_is_blocked),
	CONF_CASE(async_task_may_start_async_tasks),
	CONF_CASE(every_accepted_async_task_is_called_once),
	CONF_END
};
