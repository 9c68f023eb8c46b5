// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_span.c - spans: what contexts carry, and what tasks have while they are traced.
 *
 * Parents are in the events alone: user_trace.c and kernel_trace.sh check them.
 */
#include "case.h"

static const struct stopper_span span_c = { { 1, 2, 3, [15] = 16 }, { 0xc, [7] = 1 } };
static const struct stopper_span span_d = { { 0xd, [15] = 0xdd }, { 0xd, [7] = 2 } };

static bool same(const struct stopper_span *a, const struct stopper_span *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static bool same_trace(const struct stopper_span *a, const struct stopper_span *b)
{
	return !memcmp(a->trace_id, b->trace_id, sizeof(a->trace_id));
}

static bool carries(struct stopper_ctx *ctx, const struct stopper_span *span)
{
	struct stopper_span got;

	return stopper_ctx_span(ctx, &got) && same(&got, span);
}

static struct stopper_ctx *ctx_with(struct stopper_ctx *parent, const struct stopper_span *span)
{
	struct stopper_ctx *ctx = NULL;

	CHECK_EQ(stopper_ctx_with_span(parent, span, &ctx), 0);
	return ctx;
}

static void context_carries_the_span_it_was_given(void)
{
	struct stopper_span got = span_d;
	struct stopper_ctx *plain = new_ctx(NULL), *ctx = ctx_with(plain, &span_c);

	CHECK(carries(ctx, &span_c));
	CHECK(!stopper_ctx_span(plain, &got));
	CHECK(!stopper_ctx_span(NULL, &got));
	CHECK(same(&got, &span_d));
	stopper_ctx_cancel(plain);
	CHECK_EQ(stopper_ctx_err(ctx), -ECANCELED);
	CHECK(carries(ctx, &span_c));
	stopper_ctx_put(plain);
	stopper_ctx_put(ctx);
}

static void derived_contexts_inherit_a_span(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_ctx *top = ctx_with(NULL, &span_c), *ctx[5];
	unsigned int i;

	ctx[0] = new_ctx(top);
	ctx[1] = new_ctx_timeout(ctx[0], 3600 * ENV_SEC);
	CHECK_EQ(stopper_ctx_with_cancel_on_quiesce(s, ctx[1], &ctx[2]), 0);
	CHECK_EQ(stopper_ctx_with_cancel_on_stop(s, ctx[2], &ctx[3]), 0);
	ctx[4] = ctx_with(ctx[3], &span_d);
	/* Those below keep what they see. */
	stopper_ctx_put(top);
	for (i = 0; i < 4; i++)
		CHECK(carries(ctx[i], &span_c));
	CHECK(carries(ctx[4], &span_d));
	for (i = 0; i < 5; i++)
		stopper_ctx_put(ctx[i]);
	stop_and_put(s);
}

static void span_with_an_id_of_zeros_is_einval(void)
{
	struct stopper_span bad = span_c;
	struct stopper_ctx *ctx = NULL;

	memset(bad.span_id, 0, sizeof(bad.span_id));
	CHECK_EQ(stopper_ctx_with_span(NULL, &bad, &ctx), -EINVAL);
	bad = span_c;
	memset(bad.trace_id, 0, sizeof(bad.trace_id));
	CHECK_EQ(stopper_ctx_with_span(NULL, &bad, &ctx), -EINVAL);
	CHECK_EQ(stopper_ctx_with_span(NULL, NULL, &ctx), -EINVAL);
	CHECK(!ctx);
	CHECK_EQ(stopper_ctx_with_span(NULL, &span_c, NULL), -EINVAL);
	CHECK(!stopper_ctx_span(NULL, NULL));
	CHECK(!stopper_current_span(NULL));
}

/* What a task saw, and the tasks it starts. */
struct seen {
	struct stopper *s;
	struct stopper_ctx *give;	/* to the inner one */
	struct stopper_ctx *got;
	bool has, inner_has, has_again;
	struct stopper_span span, inner, again;
	struct env_counter done;
};

static void look_inside(struct stopper_ctx *ctx, void *arg)
{
	struct seen *seen = arg;

	seen->inner_has = stopper_current_span(&seen->inner);
}

static void look(struct stopper_ctx *ctx, void *arg)
{
	struct seen *seen = arg;

	seen->got = ctx;
	seen->has = stopper_current_span(&seen->span);
	CHECK_EQ(stopper_run_task(seen->s, seen->give, "span-inner", look_inside, seen), 0);
	seen->has_again = stopper_current_span(&seen->again);
	env_inc(&seen->done);
}

/* All that holds of any traced task with a traced task in it. */
static void check_seen(const struct seen *seen)
{
	CHECK(seen->has && seen->inner_has && seen->has_again);
	CHECK(same(&seen->span, &seen->again));
	CHECK(memcmp(seen->span.span_id, seen->inner.span_id, sizeof(seen->span.span_id)));
}

static bool may_trace(void)
{
	bool may = case_trace(true);

	if (!may)
		case_skip("nobody can listen here");
	return may;
}

static void task_that_nobody_listens_to_has_no_span(void)
{
	struct seen seen = { .s = new_stopper(NULL) };

	if (case_trace(false)) {
		CHECK_EQ(stopper_run_task(seen.s, NULL, "span", look, &seen), 0);
		CHECK(!seen.has && !seen.inner_has && !seen.has_again);
	} else {
		case_skip("somebody listens");
	}
	stop_and_put(seen.s);
}

static void task_without_a_context_begins_a_trace_and_hands_it_on(void)
{
	struct seen seen = { .s = new_stopper(NULL) };
	struct stopper_span none;

	if (may_trace()) {
		CHECK_EQ(stopper_run_task(seen.s, NULL, "span", look, &seen), 0);
		check_seen(&seen);
		CHECK(same_trace(&seen.span, &seen.inner));
		CHECK(!stopper_current_span(&none));
		case_trace(false);
	}
	stop_and_put(seen.s);
}

static void task_is_in_the_trace_of_its_context(void)
{
	struct seen seen = { .s = new_stopper(NULL), .give = ctx_with(NULL, &span_c) };
	struct stopper_ctx *below = new_ctx(seen.give), *ctx = seen.give;

	if (may_trace()) {
		CHECK_EQ(stopper_run_task(seen.s, below, "span", look, &seen), 0);
		check_seen(&seen);
		CHECK(same_trace(&seen.span, &span_c) && same_trace(&seen.inner, &span_c));
		CHECK(!same(&seen.span, &span_c));
		/* No other one than was given: the task may cancel it. */
		CHECK(seen.got == below);
		/* And without: that of the task around it. */
		seen.give = NULL;
		CHECK_EQ(stopper_run_task(seen.s, below, "span", look, &seen), 0);
		check_seen(&seen);
		CHECK(same_trace(&seen.inner, &span_c));
		case_trace(false);
	}
	stopper_ctx_put(below);
	stopper_ctx_put(ctx);
	stop_and_put(seen.s);
}

static void context_with_another_span_goes_before_the_task_around(void)
{
	struct seen seen = { .s = new_stopper(NULL), .give = ctx_with(NULL, &span_d) };
	struct stopper_ctx *ctx = ctx_with(NULL, &span_c);

	if (may_trace()) {
		CHECK_EQ(stopper_run_task(seen.s, ctx, "span", look, &seen), 0);
		check_seen(&seen);
		CHECK(same_trace(&seen.span, &span_c) && same_trace(&seen.inner, &span_d));
		case_trace(false);
	}
	stopper_ctx_put(seen.give);
	stopper_ctx_put(ctx);
	stop_and_put(seen.s);
}

static void start_elsewhere(struct stopper_ctx *ctx, void *arg)
{
	struct seen *seen = arg;

	CHECK(stopper_current_span(&seen[2].span));
	CHECK_EQ(stopper_run_async_task(seen[0].s, NULL, "span-async", look, &seen[0]), 0);
	CHECK_EQ(stopper_run_worker(seen[1].s, NULL, "span-worker", look, &seen[1]), 0);
}

static void async_task_and_worker_are_in_the_trace_of_who_started_them(void)
{
	struct stopper *s = new_stopper(NULL);
	struct seen seen[3] = { { .s = s }, { .s = s } };

	if (may_trace()) {
		CHECK_EQ(stopper_run_task(s, NULL, "span", start_elsewhere, seen), 0);
		if (CHECK_SOON(env_get(&seen[0].done) && env_get(&seen[1].done))) {
			check_seen(&seen[0]);
			check_seen(&seen[1]);
			CHECK(same_trace(&seen[0].span, &seen[2].span));
			CHECK(same_trace(&seen[1].span, &seen[2].span));
		}
	}
	stop_and_put(s);
	case_trace(false);
}

static void handle_is_no_threads_span(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_span span;
	struct stopper_task task;

	if (may_trace()) {
		CHECK_EQ(stopper_task_begin(s, NULL, "span-handle", &task), 0);
		CHECK(!stopper_current_span(&span));
		CHECK_EQ(stopper_num_tasks(s), 1);
		stopper_task_end(&task);
		CHECK_EQ(stopper_num_tasks(s), 0);
		case_trace(false);
	}
	stop_and_put(s);
}

/* Begun while tracing was on, ended while it was off, and the other way round. */
static void tasks_end_whoever_listens_by_then(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task before, during;
	struct case_hold hold;

	case_hold_init(&hold);
	CHECK_EQ(stopper_task_begin(s, NULL, "span-before", &before), 0);
	if (may_trace()) {
		CHECK_EQ(stopper_task_begin(s, NULL, "span-during", &during), 0);
		CHECK_EQ(stopper_run_async_task(s, NULL, "span-hold", case_hold_fn, &hold), 0);
		CHECK_SOON(env_get(&hold.in));
		stopper_task_end(&before);
		case_trace(false);
		CHECK_EQ(stopper_num_tasks(s), 2);
		stopper_task_end(&during);
		env_gate_open(&hold.gate);
	} else {
		stopper_task_end(&before);
	}
	stop_and_put(s);
	case_hold_destroy(&hold);
}

struct toggled {
	struct env_thread thread;
	struct stopper *s;
	struct stopper_sem sem;
	struct env_counter stop, tasks;
};

static void begin_and_end(void *arg)
{
	struct toggled *t = arg;
	struct stopper_task task;

	while (!env_get(&t->stop)) {
		CHECK_EQ(stopper_run_task(t->s, NULL, "span-toggled", case_count_fn, &t->tasks), 0);
		if (CHECK_EQ(stopper_task_begin(t->s, NULL, "span-toggled", &task), 0))
			stopper_task_end(&task);
		CHECK_EQ(stopper_run_limited_async_task(t->s, NULL, "span-toggled", &t->sem, true,
							case_count_fn, &t->tasks), 0);
		env_yield();
	}
}

static void listening_comes_and_goes_under_load(void)
{
	struct toggled t[2] = { { .s = new_stopper(NULL) } };
	int i, n = case_rounds(50);

	t[1].s = t[0].s;
	for (i = 0; i < 2; i++) {
		CHECK_EQ(stopper_sem_init(&t[i].sem, 4), 0);
		CHECK_EQ(env_spawn(&t[i].thread, begin_and_end, &t[i]), 0);
	}
	for (i = 0; i < n; i++) {
		if (!may_trace())
			break;
		env_nap();
		case_trace(false);
	}
	for (i = 0; i < 2; i++)
		env_inc(&t[i].stop);
	for (i = 0; i < 2; i++)
		env_join(&t[i].thread);
	CHECK_EQ(stopper_quiesce(t[0].s, NULL), 0);
	CHECK_EQ(stopper_num_tasks(t[0].s), 0);
	stop_and_put(t[0].s);
	for (i = 0; i < 2; i++)
		stopper_sem_destroy(&t[i].sem);
}

const struct test_case cases_span[] = {
	CASE(context_carries_the_span_it_was_given),
	CASE(derived_contexts_inherit_a_span),
	CASE(span_with_an_id_of_zeros_is_einval),
	CASE(task_that_nobody_listens_to_has_no_span),
	CASE(task_without_a_context_begins_a_trace_and_hands_it_on),
	CASE(task_is_in_the_trace_of_its_context),
	CASE(context_with_another_span_goes_before_the_task_around),
	CASE(async_task_and_worker_are_in_the_trace_of_who_started_them),
	CASE(handle_is_no_threads_span),
	CASE(tasks_end_whoever_listens_by_then),
	CASE(listening_comes_and_goes_under_load),
	CASES_END
};
