// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_sem_weight.c - the semaphore: requests for several slots, and a capacity that changes.
 */
#include "case.h"

static int take_n(struct stopper_sem *sem, int n)
{
	return stopper_sem_try_acquire_n(sem, n);
}

static void weighted_acquire_takes_all_or_none(void)
{
	struct stopper_sem sem;

	CHECK_EQ(stopper_sem_init(&sem, 5), 0);
	CHECK_EQ(take_n(&sem, 3), 0);
	CHECK_EQ(stopper_sem_length(&sem), 3);
	CHECK_EQ(take_n(&sem, 3), -EBUSY);
	CHECK_EQ(take_n(&sem, INT_MAX), -EBUSY);
	CHECK_EQ(stopper_sem_length(&sem), 3);
	CHECK_EQ(stopper_sem_acquire_n(&sem, 2, NULL), 0);
	CHECK_EQ(stopper_sem_length(&sem), 5);
	/* slots have no owner: they may be released in other portions */
	stopper_sem_release_n(&sem, 4);
	CHECK_EQ(stopper_sem_length(&sem), 1);
	stopper_sem_release(&sem);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	stopper_sem_destroy(&sem);
}

static void acquire_of_no_or_negative_slots_is_invalid(void)
{
	struct stopper_sem sem;

	CHECK_EQ(stopper_sem_init(&sem, 5), 0);
	CHECK_EQ(take_n(&sem, 0), -EINVAL);
	CHECK_EQ(take_n(&sem, -1), -EINVAL);
	CHECK_EQ(stopper_sem_acquire_n(&sem, 0, NULL), -EINVAL);
	CHECK_EQ(stopper_sem_acquire_n(&sem, INT_MIN, NULL), -EINVAL);
	CHECK_EQ(stopper_sem_acquire_n(NULL, 1, NULL), -EINVAL);
	CHECK_EQ(take_n(NULL, 1), -EINVAL);
	CHECK_EQ(stopper_sem_resize(&sem, -1), -EINVAL);
	CHECK_EQ(stopper_sem_resize(NULL, 1), -EINVAL);
	CHECK_EQ(stopper_sem_capacity(&sem), 5);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	CHECK_EQ(stopper_sem_waiters(NULL), 0);
	stopper_sem_destroy(&sem);
}

static void large_request_is_not_starved_by_small_ones(void)
{
	struct env_counter line = { 0 };
	struct case_taker large, small;
	struct stopper_sem sem;

	CHECK_EQ(stopper_sem_init(&sem, 3), 0);
	CHECK_EQ(take_n(&sem, 2), 0);
	case_take_slots(&large, &sem, 3, NULL, &line);
	/* one slot is free, but the large request is first */
	CHECK_EQ(stopper_sem_try_acquire(&sem), -EBUSY);
	case_take_slots(&small, &sem, 1, NULL, &line);
	CHECK_EQ(stopper_sem_waiters(&sem), 2);
	stopper_sem_release(&sem);
	env_settle();
	CHECK(!env_get(&large.returned));
	CHECK(!env_get(&small.returned));
	stopper_sem_release(&sem);
	CHECK_EQ(case_taken(&large), 0);
	CHECK_EQ(case_taken(&small), 0);
	CHECK_EQ(large.place, 1);
	CHECK_EQ(small.place, 2);
	CHECK_EQ(stopper_sem_waiters(&sem), 0);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	stopper_sem_destroy(&sem);
}

static void one_release_lets_in_all_that_fit(void)
{
	struct case_taker t[4];
	struct stopper_sem sem;
	unsigned int i;

	CHECK_EQ(stopper_sem_init(&sem, 4), 0);
	CHECK_EQ(take_n(&sem, 4), 0);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		case_take(&t[i], &sem, NULL, NULL);
	stopper_sem_release_n(&sem, 3);
	for (i = 0; i < 3; i++)
		CHECK_EQ(case_taken(&t[i]), 0);
	CHECK_EQ(stopper_sem_waiters(&sem), 1);
	CHECK_EQ(stopper_sem_length(&sem), 4);
	stopper_sem_release(&sem);
	CHECK_EQ(case_taken(&t[3]), 0);
	stopper_sem_release_n(&sem, 4);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	stopper_sem_destroy(&sem);
}

static void large_request_that_gives_up_lets_the_next_in(void)
{
	struct stopper_ctx *ctx = new_ctx(NULL);
	struct case_taker large, small[2];
	struct stopper_sem sem;

	CHECK_EQ(stopper_sem_init(&sem, 3), 0);
	CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
	case_take_slots(&large, &sem, 3, ctx, NULL);
	case_take(&small[0], &sem, NULL, NULL);
	case_take(&small[1], &sem, NULL, NULL);
	stopper_ctx_cancel(ctx);
	CHECK_EQ(case_taken(&large), -ECANCELED);
	CHECK_EQ(case_taken(&small[0]), 0);
	CHECK_EQ(case_taken(&small[1]), 0);
	CHECK_EQ(stopper_sem_length(&sem), 3);
	stopper_sem_release_n(&sem, 3);
	stopper_sem_destroy(&sem);
	stopper_ctx_put(ctx);
}

static void growing_grants_waiters_in_order(void)
{
	struct case_taker t[3];
	struct stopper_sem sem;

	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
	case_take(&t[0], &sem, NULL, NULL);
	case_take_slots(&t[1], &sem, 2, NULL, NULL);
	case_take(&t[2], &sem, NULL, NULL);
	CHECK_EQ(stopper_sem_resize(&sem, 3), 0);
	CHECK_EQ(case_taken(&t[0]), 0);
	CHECK_EQ(stopper_sem_waiters(&sem), 2);
	CHECK_EQ(stopper_sem_length(&sem), 2);
	CHECK_EQ(stopper_sem_resize(&sem, 5), 0);
	CHECK_EQ(case_taken(&t[1]), 0);
	CHECK_EQ(case_taken(&t[2]), 0);
	CHECK_EQ(stopper_sem_length(&sem), 5);
	CHECK_EQ(stopper_sem_capacity(&sem), 5);
	stopper_sem_release_n(&sem, 5);
	stopper_sem_destroy(&sem);
}

static void shrinking_takes_slots_back_as_they_are_released(void)
{
	struct stopper_sem sem;
	struct case_taker t;
	int i;

	CHECK_EQ(stopper_sem_init(&sem, 4), 0);
	CHECK_EQ(take_n(&sem, 4), 0);
	CHECK_EQ(stopper_sem_resize(&sem, 2), 0);
	CHECK_EQ(stopper_sem_capacity(&sem), 2);
	/* its holders keep what they have */
	CHECK_EQ(stopper_sem_length(&sem), 4);
	case_take(&t, &sem, NULL, NULL);
	for (i = 3; i >= 2; i--) {
		stopper_sem_release(&sem);
		CHECK_EQ(stopper_sem_length(&sem), i);
		CHECK_EQ(stopper_sem_waiters(&sem), 1);
	}
	stopper_sem_release(&sem);
	CHECK_EQ(case_taken(&t), 0);
	CHECK_EQ(stopper_sem_length(&sem), 2);
	stopper_sem_release_n(&sem, 2);
	stopper_sem_destroy(&sem);
}

static void request_above_the_capacity_waits_for_a_resize(void)
{
	struct stopper_ctx *ctx = new_ctx_timeout(NULL, 10 * ENV_MSEC);
	struct stopper_sem sem;
	struct case_taker t;

	CHECK_EQ(stopper_sem_init(&sem, 2), 0);
	CHECK_EQ(take_n(&sem, 3), -EBUSY);
	CHECK_EQ(stopper_sem_acquire_n(&sem, 3, ctx), -ETIMEDOUT);
	case_take_slots(&t, &sem, 3, NULL, NULL);
	CHECK_EQ(stopper_sem_resize(&sem, 3), 0);
	CHECK_EQ(case_taken(&t), 0);
	stopper_sem_release_n(&sem, 3);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	stopper_sem_destroy(&sem);
	stopper_ctx_put(ctx);
}

static void resize_of_a_closed_semaphore_admits_nobody(void)
{
	struct stopper_sem sem;
	struct case_taker t;

	CHECK_EQ(stopper_sem_init(&sem, 0), 0);
	case_take(&t, &sem, NULL, NULL);
	stopper_sem_close(&sem);
	CHECK_EQ(stopper_sem_resize(&sem, 3), 0);
	CHECK_EQ(case_taken(&t), -ESHUTDOWN);
	CHECK_EQ(stopper_sem_try_acquire(&sem), -ESHUTDOWN);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	stopper_sem_destroy(&sem);
}

struct resized {
	struct stopper_sem sem;
	struct env_counter in, over, round;
	int rounds;
};

enum { RESIZED_MAX = 4 };

static void resized_main(void *arg)
{
	struct resized *r = arg;
	int i, n;

	while ((i = env_inc(&r->round)) <= r->rounds) {
		n = i % 3 + 1;
		if (stopper_sem_acquire_n(&r->sem, n, NULL))
			break;
		env_add(&r->in, n);
		if (env_get(&r->in) > RESIZED_MAX)
			env_inc(&r->over);
		env_yield();
		env_add(&r->in, -n);
		stopper_sem_release_n(&r->sem, n);
	}
}

static void resizes_lose_no_slot_and_no_waiter(void)
{
	struct resized r = { .rounds = case_rounds(2000) };
	struct env_thread thread[4];
	unsigned int i;

	CHECK_EQ(stopper_sem_init(&r.sem, RESIZED_MAX), 0);
	for (i = 0; i < ARRAY_SIZE(thread); i++)
		CHECK_EQ(env_spawn(&thread[i], resized_main, &r), 0);
	for (i = 0; env_get(&r.round) < r.rounds; i++) {
		CHECK_EQ(stopper_sem_resize(&r.sem, (int)(i % (RESIZED_MAX + 1))), 0);
		env_yield();
	}
	CHECK_EQ(stopper_sem_resize(&r.sem, RESIZED_MAX), 0);
	for (i = 0; i < ARRAY_SIZE(thread); i++)
		env_join(&thread[i]);
	CHECK_EQ(env_get(&r.over), 0);
	CHECK_EQ(stopper_sem_length(&r.sem), 0);
	CHECK_EQ(stopper_sem_waiters(&r.sem), 0);
	stopper_sem_destroy(&r.sem);
}

const struct test_case cases_sem_weight[] = {
	CASE(weighted_acquire_takes_all_or_none),
	CASE(acquire_of_no_or_negative_slots_is_invalid),
	CASE(large_request_is_not_starved_by_small_ones),
	CASE(one_release_lets_in_all_that_fit),
	CASE(large_request_that_gives_up_lets_the_next_in),
	CASE(growing_grants_waiters_in_order),
	CASE(shrinking_takes_slots_back_as_they_are_released),
	CASE(request_above_the_capacity_waits_for_a_resize),
	CASE(resize_of_a_closed_semaphore_admits_nobody),
	CASE(resizes_lose_no_slot_and_no_waiter),
	CASES_END
};
