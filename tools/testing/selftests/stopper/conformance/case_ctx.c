// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_ctx.c - contexts: they end once, by cancellation or deadline, and all below end with them.
 */
#include "case.h"

static void background_never_ends(void)
{
	CHECK(!stopper_ctx_background());
	stopper_ctx_cancel(NULL);
	CHECK_EQ(stopper_ctx_err(NULL), 0);
	CHECK(stopper_ctx_done(NULL));
	CHECK(!stopper_event_fired(stopper_ctx_done(NULL)));
	CHECK(!stopper_ctx_get(NULL));
	stopper_ctx_put(NULL);
}

static void cancelled_context_has_ended_for_good(void)
{
	struct stopper_ctx *ctx = new_ctx(NULL);
	int i;

	CHECK_EQ(stopper_ctx_err(ctx), 0);
	CHECK(!stopper_event_fired(stopper_ctx_done(ctx)));
	for (i = 0; i < 3; i++) {
		stopper_ctx_cancel(ctx);
		CHECK_EQ(stopper_ctx_err(ctx), -ECANCELED);
		CHECK(stopper_event_fired(stopper_ctx_done(ctx)));
		CHECK_EQ(stopper_wait(stopper_ctx_done(ctx), NULL), 0);
	}
	stopper_ctx_put(ctx);
}

static void context_ends_with_its_parent_and_not_the_other_way(void)
{
	struct stopper_ctx *parent = new_ctx(NULL), *child = new_ctx(parent);
	struct stopper_ctx *sibling = new_ctx(parent), *grandchild = new_ctx(child);

	stopper_ctx_cancel(child);
	CHECK_EQ(stopper_ctx_err(child), -ECANCELED);
	CHECK_EQ(stopper_ctx_err(grandchild), -ECANCELED);
	CHECK_EQ(stopper_ctx_err(parent), 0);
	CHECK_EQ(stopper_ctx_err(sibling), 0);
	stopper_ctx_cancel(parent);
	CHECK_EQ(stopper_ctx_err(parent), -ECANCELED);
	CHECK_EQ(stopper_ctx_err(sibling), -ECANCELED);
	stopper_ctx_put(parent);
	stopper_ctx_put(child);
	stopper_ctx_put(sibling);
	stopper_ctx_put(grandchild);
}

#define DEEP	100

static void cancel_reaches_all_levels(void)
{
	struct stopper_ctx *ctx[DEEP];
	int i;

	for (i = 0; i < DEEP; i++)
		ctx[i] = new_ctx(i ? ctx[i - 1] : NULL);
	stopper_ctx_cancel(ctx[DEEP / 2]);
	for (i = 0; i < DEEP; i++)
		CHECK_EQ(stopper_ctx_err(ctx[i]), i < DEEP / 2 ? 0 : -ECANCELED);
	stopper_ctx_cancel(ctx[0]);
	for (i = 0; i < DEEP; i++) {
		CHECK_EQ(stopper_ctx_err(ctx[i]), -ECANCELED);
		CHECK(stopper_event_fired(stopper_ctx_done(ctx[i])));
	}
	for (i = 0; i < DEEP; i++)
		stopper_ctx_put(ctx[i * 7 % DEEP]);
}

static void cancel_reaches_below_a_context_that_was_put(void)
{
	struct stopper_ctx *top = new_ctx(NULL), *middle = new_ctx(top);
	struct stopper_ctx *bottom = new_ctx(middle);

	stopper_ctx_put(middle);
	stopper_ctx_cancel(top);
	CHECK_EQ(stopper_ctx_err(bottom), -ECANCELED);
	stopper_ctx_put(top);
	stopper_ctx_put(bottom);
}

static void context_of_an_ended_parent_is_born_ended(void)
{
	struct stopper_ctx *cancelled = new_ctx(NULL), *late = new_ctx_timeout(NULL, 0);
	struct stopper_ctx *a, *b, *c;

	stopper_ctx_cancel(cancelled);
	a = new_ctx(cancelled);
	b = new_ctx(late);
	c = new_ctx_timeout(cancelled, ENV_SEC);
	CHECK_EQ(stopper_ctx_err(a), -ECANCELED);
	CHECK_EQ(stopper_ctx_err(b), -ETIMEDOUT);
	CHECK_EQ(stopper_ctx_err(c), -ECANCELED);
	CHECK(stopper_event_fired(stopper_ctx_done(a)));
	stopper_ctx_put(a);
	stopper_ctx_put(b);
	stopper_ctx_put(c);
	stopper_ctx_put(cancelled);
	stopper_ctx_put(late);
}

static void put_of_a_child_takes_it_off_its_parent(void)
{
	struct stopper_ctx *parent = new_ctx(NULL);
	int i;

	for (i = 0; i < 100; i++)
		stopper_ctx_put(new_ctx(parent));
	for (i = 0; i < 10; i++)
		stopper_ctx_put(new_ctx_timeout(parent, 50 * ENV_SEC));
	stopper_ctx_cancel(parent);
	CHECK_EQ(stopper_ctx_err(parent), -ECANCELED);
	stopper_ctx_put(parent);
}

static void reference_keeps_a_context(void)
{
	struct stopper_ctx *ctx = new_ctx(NULL);

	CHECK(stopper_ctx_get(ctx) == ctx);
	stopper_ctx_put(ctx);
	CHECK_EQ(stopper_ctx_err(ctx), 0);
	stopper_ctx_cancel(ctx);
	CHECK_EQ(stopper_ctx_err(ctx), -ECANCELED);
	stopper_ctx_put(ctx);
}

static void deadline_in_the_past_is_born_ended(void)
{
	static const int64_t past[] = { 0, -1, -ENV_SEC, INT64_MIN };
	struct stopper_ctx *ctx;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(past); i++) {
		ctx = new_ctx_timeout(NULL, past[i]);
		CHECK_EQ(stopper_ctx_err(ctx), -ETIMEDOUT);
		stopper_ctx_put(ctx);
		CHECK_EQ(stopper_ctx_with_deadline(NULL, past[i], &ctx), 0);
		CHECK_EQ(stopper_ctx_err(ctx), -ETIMEDOUT);
		CHECK(stopper_event_fired(stopper_ctx_done(ctx)));
		stopper_ctx_put(ctx);
	}
	CHECK_EQ(stopper_ctx_with_deadline(NULL, env_now() - 1, &ctx), 0);
	CHECK_EQ(stopper_ctx_err(ctx), -ETIMEDOUT);
	stopper_ctx_put(ctx);
}

static void deadline_ends_a_context_and_not_before(void)
{
	int64_t deadline = env_now() + 30 * ENV_MSEC;
	struct stopper_ctx *ctx = NULL;

	CHECK_EQ(stopper_ctx_with_deadline(NULL, deadline, &ctx), 0);
	CHECK_EQ(stopper_wait(stopper_ctx_done(ctx), NULL), 0);
	CHECK(env_now() >= deadline);
	CHECK_EQ(stopper_ctx_err(ctx), -ETIMEDOUT);
	stopper_ctx_cancel(ctx);
	CHECK_EQ(stopper_ctx_err(ctx), -ETIMEDOUT);
	stopper_ctx_put(ctx);
}

static void timeout_ends_a_context_and_not_before(void)
{
	int64_t start = env_now();
	struct stopper_ctx *ctx = new_ctx_timeout(NULL, 30 * ENV_MSEC);

	CHECK_SOON(stopper_ctx_err(ctx));
	CHECK(env_now() - start >= 30 * ENV_MSEC);
	CHECK_EQ(stopper_ctx_err(ctx), -ETIMEDOUT);
	stopper_ctx_put(ctx);
}

static void very_late_deadline_is_no_deadline(void)
{
	struct stopper_ctx *a, *b;

	CHECK_EQ(stopper_ctx_with_deadline(NULL, INT64_MAX, &a), 0);
	b = new_ctx_timeout(NULL, INT64_MAX);
	env_settle();
	CHECK_EQ(stopper_ctx_err(a), 0);
	CHECK_EQ(stopper_ctx_err(b), 0);
	stopper_ctx_cancel(b);
	CHECK_EQ(stopper_ctx_err(b), -ECANCELED);
	stopper_ctx_put(a);
	stopper_ctx_put(b);
}

static void cancel_before_the_deadline_stands(void)
{
	struct stopper_ctx *ctx = new_ctx_timeout(NULL, 20 * ENV_MSEC);
	struct stopper_ctx *later = new_ctx_timeout(NULL, 40 * ENV_MSEC);

	stopper_ctx_cancel(ctx);
	if (stopper_ctx_err(ctx) == -ECANCELED) {
		CHECK_EQ(stopper_wait(stopper_ctx_done(later), NULL), 0);
		CHECK_EQ(stopper_ctx_err(ctx), -ECANCELED);
	}
	stopper_ctx_put(ctx);
	stopper_ctx_put(later);
}

static void deadline_of_the_parent_ends_its_children(void)
{
	struct stopper_ctx *parent = new_ctx_timeout(NULL, 20 * ENV_MSEC);
	struct stopper_ctx *child = new_ctx(parent);
	struct stopper_ctx *longer = new_ctx_timeout(parent, 50 * ENV_SEC);

	CHECK_EQ(stopper_wait(stopper_ctx_done(longer), NULL), 0);
	CHECK_EQ(stopper_ctx_err(longer), -ETIMEDOUT);
	CHECK_SOON(stopper_ctx_err(child));
	CHECK_EQ(stopper_ctx_err(child), -ETIMEDOUT);
	CHECK_EQ(stopper_ctx_err(parent), -ETIMEDOUT);
	stopper_ctx_put(parent);
	stopper_ctx_put(child);
	stopper_ctx_put(longer);
}

static void many_deadlines_end_in_their_turn(void)
{
	struct stopper_ctx *ctx[50];
	unsigned int i;

	/* armed in no order */
	for (i = 0; i < ARRAY_SIZE(ctx); i++)
		ctx[i] = new_ctx_timeout(NULL, (i * 7 % ARRAY_SIZE(ctx)) * ENV_MSEC);
	for (i = 0; i < ARRAY_SIZE(ctx); i += 3)
		stopper_ctx_cancel(ctx[i]);
	for (i = 0; i < ARRAY_SIZE(ctx); i++) {
		CHECK_EQ(stopper_wait(stopper_ctx_done(ctx[i]), NULL), 0);
		if (i % 3)
			CHECK_EQ(stopper_ctx_err(ctx[i]), -ETIMEDOUT);
		stopper_ctx_put(ctx[i]);
	}
}

struct family {
	struct stopper_ctx *top;
	struct env_counter go, ended;
};

static void grow(void *arg)
{
	struct family *f = arg;
	int i;

	env_inc(&f->go);
	for (i = 0; i < 20; i++) {
		struct stopper_ctx *child = new_ctx(f->top), *grandchild = new_ctx(child);

		if (i % 2)
			stopper_ctx_put(child);
		CHECK_EQ(stopper_wait(stopper_ctx_done(grandchild), NULL), 0);
		CHECK_EQ(stopper_ctx_err(grandchild), -ECANCELED);
		env_inc(&f->ended);
		stopper_ctx_put(grandchild);
		if (!(i % 2))
			stopper_ctx_put(child);
	}
}

static void contexts_made_while_the_parent_ends_all_end(void)
{
	int round;

	for (round = 0; round < case_rounds(100); round++) {
		struct family f = { .top = new_ctx(NULL) };
		struct env_thread thread[3];
		unsigned int i;

		for (i = 0; i < ARRAY_SIZE(thread); i++)
			CHECK_EQ(env_spawn(&thread[i], grow, &f), 0);
		while (!env_get(&f.go))
			env_yield();
		stopper_ctx_cancel(f.top);
		for (i = 0; i < ARRAY_SIZE(thread); i++)
			env_join(&thread[i]);
		CHECK_EQ(env_get(&f.ended), 60);
		stopper_ctx_put(f.top);
	}
}

static void churn(void *arg)
{
	struct stopper_ctx *top = arg;
	int i;

	for (i = 0; i < case_rounds(500); i++) {
		struct stopper_ctx *a = new_ctx(top);
		struct stopper_ctx *b = new_ctx_timeout(a, i % 3 ? ENV_SEC : ENV_MSEC / 10);

		if (i % 2)
			stopper_ctx_cancel(a);
		stopper_ctx_put(a);
		stopper_ctx_put(b);
	}
}

static void contexts_come_and_go_on_many_threads(void)
{
	struct stopper_ctx *top = new_ctx(NULL);
	struct env_thread thread[4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(thread); i++)
		CHECK_EQ(env_spawn(&thread[i], churn, top), 0);
	for (i = 0; i < ARRAY_SIZE(thread); i++)
		env_join(&thread[i]);
	CHECK_EQ(stopper_ctx_err(top), 0);
	stopper_ctx_put(top);
}

const struct test_case cases_ctx[] = {
	CASE(background_never_ends),
	CASE(cancelled_context_has_ended_for_good),
	CASE(context_ends_with_its_parent_and_not_the_other_way),
	CASE(cancel_reaches_all_levels),
	CASE(cancel_reaches_below_a_context_that_was_put),
	CASE(context_of_an_ended_parent_is_born_ended),
	CASE(put_of_a_child_takes_it_off_its_parent),
	CASE(reference_keeps_a_context),
	CASE(deadline_in_the_past_is_born_ended),
	CASE(deadline_ends_a_context_and_not_before),
	CASE(timeout_ends_a_context_and_not_before),
	CASE(very_late_deadline_is_no_deadline),
	CASE(cancel_before_the_deadline_stands),
	CASE(deadline_of_the_parent_ends_its_children),
	CASE(many_deadlines_end_in_their_turn),
	CASE(contexts_made_while_the_parent_ends_all_end),
	CASE(contexts_come_and_go_on_many_threads),
	CASES_END
};
