// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_overflow.c - counters beyond 32 bits: more tasks than 32 bits can count.
 *
 * The queue of the core is compiled in here, in place of the library's, so that its counters
 * can be advanced as if so many tasks had run. Synchronous tasks are really run, 2^32 of them.
 */
#include <limits.h>
#include <sched.h>

#include "queue.c"
#include "kselftest_harness.h"

#define PASSED	(1ull << 31)	/* from here on a difference of 32 bits turns negative */

struct held {
	struct stopper *s;
	struct stopper_event gate;
	int quiesce;
};

static void hold(struct stopper_ctx *ctx, void *arg)
{
	struct held *h = arg;

	(void)ctx;
	stopper_wait(&h->gate, NULL);
	h->quiesce = stopper_quiesce(h->s, NULL);
}

static void wait_for(struct stopper_ctx *ctx, void *arg)
{
	stopper_wait(arg, ctx);
}

static void nothing(struct stopper_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
}

/* As if the pool had run @n more tasks; no other thread uses it now. */
static void pass(uint64_t n)
{
	plat_flags_t f;

	plat_lock(&pool_queue.lock, f);
	pool_queue.arrived += n;
	pool_queue.ticket += n;
	plat_unlock(&pool_queue.lock, f);
}

static bool queued(void)
{
	plat_flags_t f;
	bool found;

	plat_lock(&pool_queue.lock, f);
	found = queue_has_jobs();
	plat_unlock(&pool_queue.lock, f);
	return found;
}

static void until_taken_up(void)
{
	while (queued())
		sched_yield();
}

static void until_tasks_are(struct stopper *s, unsigned long n)
{
	while (stopper_num_tasks(s) != n)
		sched_yield();
}

/* It is counted by its place among all, and by that it knows itself. */
static void hold_while_others_pass(struct __test_metadata *_metadata, uint64_t others)
{
	struct held h = { .quiesce = 1 };
	struct stopper_task_info info;

	stopper_event_init(&h.gate);
	ASSERT_EQ(0, stopper_create(&h.s, "wrap", NULL));
	ASSERT_EQ(0, stopper_run_async_task(h.s, NULL, "held", hold, &h));
	until_taken_up();
	pass(others);
	EXPECT_EQ(1, stopper_num_tasks(h.s));
	EXPECT_EQ(1, stopper_running_tasks(h.s, &info, 1));
	EXPECT_STREQ("held", info.name);
	ASSERT_EQ(0, stopper_run_async_task(h.s, NULL, "short", nothing, NULL));
	until_tasks_are(h.s, 1);
	stopper_event_fire(&h.gate);
	until_tasks_are(h.s, 0);
	EXPECT_EQ(-EDEADLK, h.quiesce);
	EXPECT_EQ(0, stopper_stop(h.s, NULL));
	stopper_put(h.s);
	stopper_event_destroy(&h.gate);
}

TEST(an_async_task_that_2_31_others_have_passed_is_still_seen)
{
	hold_while_others_pass(_metadata, PASSED);
}

TEST(an_async_task_that_2_32_others_have_passed_is_still_seen)
{
	hold_while_others_pass(_metadata, 2 * PASSED - 1);
}

/* Each is seen once, in the queue or in its slot, on both sides of the wrap. */
TEST(queued_tasks_are_counted_once_across_2_32)
{
	enum { N = 200 };
	struct stopper_event gate;
	struct stopper *s;
	int i;

	stopper_event_init(&gate);
	ASSERT_EQ(0, stopper_create(&s, "wrap", NULL));
	pass(2 * PASSED - N / 2 - (unsigned int)pool_queue.arrived);
	for (i = 1; i <= N; i++) {
		ASSERT_EQ(0, stopper_run_async_task(s, NULL, "held", wait_for, &gate));
		EXPECT_EQ(i, stopper_num_tasks(s));
	}
	EXPECT_LT(2 * PASSED, pool_queue.arrived);
	stopper_event_fire(&gate);
	EXPECT_EQ(0, stopper_stop(s, NULL));
	stopper_put(s);
	stopper_event_destroy(&gate);
}

struct runner {
	struct stopper *s;
	pthread_t thread;
	uint64_t accepted, ran;
};

static void one_more(struct stopper_ctx *ctx, void *arg)
{
	(void)ctx;
	++*(uint64_t *)arg;
}

static void *run_half(void *arg)
{
	struct runner *r = arg;
	uint64_t i, ran = 0;

	/* Its numbers turn over as well, whichever slot is at hand. */
	for (i = 0; i < PASSED + 1000; i++)
		r->accepted += !stopper_run_task(r->s, NULL, "sync", one_more, &ran);
	r->ran = ran;
	return NULL;
}

FIXTURE(stopper)
{
	struct stopper *s;
};

FIXTURE_SETUP(stopper)
{
	ASSERT_EQ(0, stopper_create(&self->s, "wrap", NULL));
}

FIXTURE_TEARDOWN(stopper)
{
	stopper_put(self->s);
}

/* Some four seconds of two CPUs. */
TEST_F_TIMEOUT(stopper, takes_more_than_2_32_tasks, 240)
{
	struct stopper *s = self->s;
	struct stopper_task task;
	struct runner r[2];
	int i;

	ASSERT_EQ(0, stopper_task_begin(s, NULL, "handle", &task));
	for (i = 0; i < 2; i++) {
		r[i] = (struct runner){ .s = s };
		ASSERT_EQ(0, pthread_create(&r[i].thread, NULL, run_half, &r[i]));
	}
	for (i = 0; i < 2; i++)
		pthread_join(r[i].thread, NULL);
	EXPECT_EQ(2 * PASSED + 2000, r[0].accepted + r[1].accepted);
	EXPECT_EQ(2 * PASSED + 2000, r[0].ran + r[1].ran);
	EXPECT_EQ(1, stopper_num_tasks(s));
	stopper_task_end(&task);
	EXPECT_EQ(0, stopper_num_tasks(s));
	EXPECT_EQ(0, stopper_stop(s, NULL));
}

/* The number of a slot is 32 bits, and only has to be another one for the next task. */
TEST(a_slot_whose_number_turns_over_is_seen)
{
	struct stopper_task_info info;
	struct stopper_task task;
	struct stopper *s;
	int i;

	ASSERT_EQ(0, stopper_create(&s, "wrap", NULL));
	ASSERT_EQ(0, stopper_task_begin(s, NULL, "first", &task));
	stopper_task_end(&task);
	stopper_tls.slot[STOPPER_KIND_HANDLE]->seq = UINT_MAX - 2;
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, stopper_task_begin(s, NULL, "turns", &task));
		EXPECT_EQ(1, stopper_num_tasks(s));
		EXPECT_EQ(1, stopper_running_tasks(s, &info, 1));
		EXPECT_GT(NS_PER_SEC * 3600, info.oldest_ns);
		stopper_task_end(&task);
	}
	EXPECT_EQ(0, stopper_stop(s, NULL));
	stopper_put(s);
}

/* One more reference than can be counted: the memory is kept, whatever is put. */
TEST(a_count_of_references_does_not_wrap)
{
	struct stopper *s;
	int i;

	ASSERT_EQ(0, stopper_create(&s, "wrap", NULL));
	ASSERT_EQ(0, stopper_stop(s, NULL));
	plat_store(&s->refs.n, (unsigned int)INT_MAX);
	stopper_get(s);
	EXPECT_EQ((unsigned int)INT_MAX + 1, s->refs.n);
	stopper_get(s);
	EXPECT_EQ(PLAT_REF_STUCK, s->refs.n);
	for (i = 0; i < 1000; i++)
		stopper_put(s);
	/* Freed it would be reported, or be something else by now. */
	EXPECT_LT(PLAT_REF_STUCK / 2, s->refs.n);
	EXPECT_EQ(1, s->pins.n);
	EXPECT_STREQ("wrap", stopper_name(s));
	plat_ref_init(&s->refs, 1);
	stopper_put(s);
}

TEST(a_reference_that_is_not_there_frees_nothing)
{
	struct stopper_ctx *ctx;
	struct stopper *s;

	ASSERT_EQ(0, stopper_create(&s, "wrap", NULL));
	ASSERT_EQ(0, stopper_stop(s, NULL));
	/* As if it had been put, its memory being held by something else. */
	stopper_pin(s);
	stopper_put(s);
	EXPECT_EQ(0, s->refs.n);
	stopper_get(s);
	EXPECT_EQ(PLAT_REF_STUCK, s->refs.n);
	stopper_put(s);
	EXPECT_EQ(PLAT_REF_STUCK, s->refs.n);
	EXPECT_EQ(1, s->pins.n);
	stopper_unpin(s);
	ASSERT_EQ(0, stopper_ctx_with_cancel(NULL, &ctx));
	EXPECT_EQ(ctx, stopper_ctx_get(ctx));
	stopper_ctx_put(ctx);
	EXPECT_EQ(0, stopper_ctx_err(ctx));
	stopper_ctx_put(ctx);
}

TEST_HARNESS_MAIN
