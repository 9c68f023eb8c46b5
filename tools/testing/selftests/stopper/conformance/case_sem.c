// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_sem.c - the semaphore by itself.
 */
#include "case.h"

static void semaphore_counts_its_holders(void)
{
	struct stopper_sem sem;
	int i;

	CHECK_EQ(stopper_sem_init(&sem, 3), 0);
	CHECK_EQ(stopper_sem_capacity(&sem), 3);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	for (i = 1; i <= 3; i++) {
		CHECK_EQ(i % 2 ? stopper_sem_try_acquire(&sem) : stopper_sem_acquire(&sem, NULL),
			 0);
		CHECK_EQ(stopper_sem_length(&sem), i);
	}
	CHECK_EQ(stopper_sem_try_acquire(&sem), -EBUSY);
	CHECK_EQ(stopper_sem_length(&sem), 3);
	for (i = 2; i >= 0; i--) {
		stopper_sem_release(&sem);
		CHECK_EQ(stopper_sem_length(&sem), i);
	}
	CHECK_EQ(stopper_sem_capacity(&sem), 3);
	stopper_sem_destroy(&sem);
	stopper_sem_destroy(NULL);
}

struct taker {
	struct env_thread thread;
	struct stopper_sem *sem;
	struct stopper_ctx *ctx;
	struct env_counter *line;
	int n, ret, place;
	struct env_counter returned;
};

static void take_main(void *arg)
{
	struct taker *t = arg;

	t->ret = t->n == 1 ? stopper_sem_acquire(t->sem, t->ctx) :
		 stopper_sem_acquire_n(t->sem, t->n, t->ctx);
	if (!t->ret && t->line) {
		t->place = env_inc(t->line);
		stopper_sem_release_n(t->sem, t->n);
	}
	env_inc(&t->returned);
}

/* Returns when the taker stands in the line. */
static void take_slots(struct taker *t, struct stopper_sem *sem, int n, struct stopper_ctx *ctx,
		       struct env_counter *line)
{
	int before = stopper_sem_waiters(sem);

	memset(t, 0, sizeof(*t));
	t->sem = sem;
	t->n = n;
	t->ctx = ctx;
	t->line = line;
	CHECK_EQ(env_spawn(&t->thread, take_main, t), 0);
	CHECK_SOON(stopper_sem_waiters(sem) > before);
}

static void take(struct taker *t, struct stopper_sem *sem, struct stopper_ctx *ctx,
		 struct env_counter *line)
{
	take_slots(t, sem, 1, ctx, line);
}

static int taken(struct taker *t)
{
	env_join(&t->thread);
	return t->ret;
}

static void acquire_waits_for_a_release(void)
{
	struct stopper_sem sem;
	struct taker t;

	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
	take(&t, &sem, NULL, NULL);
	env_settle();
	CHECK(!env_get(&t.returned));
	stopper_sem_release(&sem);
	CHECK_EQ(taken(&t), 0);
	CHECK_EQ(stopper_sem_length(&sem), 1);
	stopper_sem_release(&sem);
	stopper_sem_destroy(&sem);
}

static void acquire_is_served_in_order(void)
{
	struct env_counter line = { 0 };
	struct taker t[10];
	struct stopper_sem sem;
	unsigned int i;

	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		take(&t[i], &sem, NULL, &line);
	stopper_sem_release(&sem);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		CHECK_EQ(taken(&t[i]), 0);
		CHECK_EQ(t[i].place, (int)i + 1);
	}
	CHECK_EQ(stopper_sem_length(&sem), 0);
	stopper_sem_destroy(&sem);
}

static void nobody_overtakes_the_line(void)
{
	struct stopper_sem sem;
	struct taker t;
	int round;

	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	for (round = 0; round < case_rounds(100); round++) {
		CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
		take(&t, &sem, NULL, NULL);
		stopper_sem_release(&sem);
		/* the slot is the taker's already, although it may not have woken up */
		CHECK_EQ(stopper_sem_try_acquire(&sem), -EBUSY);
		CHECK_EQ(stopper_sem_length(&sem), 1);
		CHECK_EQ(taken(&t), 0);
		stopper_sem_release(&sem);
	}
	stopper_sem_destroy(&sem);
}

static void acquire_gives_up_with_its_context(void)
{
	struct stopper_ctx *cancel = new_ctx(NULL);
	struct stopper_ctx *timeout = new_ctx_timeout(NULL, 10 * ENV_MSEC);
	struct stopper_sem sem;
	struct taker a, b;

	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
	take(&a, &sem, cancel, NULL);
	take(&b, &sem, NULL, NULL);
	CHECK_EQ(stopper_sem_acquire(&sem, timeout), -ETIMEDOUT);
	stopper_ctx_cancel(cancel);
	CHECK_EQ(taken(&a), -ECANCELED);
	CHECK(!env_get(&b.returned));
	/* a waiter that gave up blocks no other */
	stopper_sem_release(&sem);
	CHECK_EQ(taken(&b), 0);
	CHECK_EQ(stopper_sem_length(&sem), 1);
	stopper_sem_release(&sem);
	stopper_sem_destroy(&sem);
	stopper_ctx_put(cancel);
	stopper_ctx_put(timeout);
}

static void ended_context_gets_no_slot_although_one_is_free(void)
{
	struct stopper_ctx *cancel = new_ctx(NULL), *late = new_ctx_timeout(NULL, 0);
	struct stopper_sem sem;

	CHECK_EQ(stopper_sem_init(&sem, 2), 0);
	stopper_ctx_cancel(cancel);
	CHECK_EQ(stopper_sem_acquire(&sem, cancel), -ECANCELED);
	CHECK_EQ(stopper_sem_acquire(&sem, late), -ETIMEDOUT);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	stopper_sem_destroy(&sem);
	stopper_ctx_put(cancel);
	stopper_ctx_put(late);
}

static void close_refuses_all_who_wait_now_and_later(void)
{
	struct stopper_sem sem;
	struct taker t[5];
	unsigned int i;

	CHECK_EQ(stopper_sem_init(&sem, 2), 0);
	CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
	CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		take(&t[i], &sem, NULL, NULL);
	stopper_sem_close(&sem);
	stopper_sem_close(&sem);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		CHECK_EQ(taken(&t[i]), -ESHUTDOWN);
	CHECK_EQ(stopper_sem_length(&sem), 2);
	stopper_sem_release(&sem);
	CHECK_EQ(stopper_sem_length(&sem), 1);
	CHECK_EQ(stopper_sem_acquire(&sem, NULL), -ESHUTDOWN);
	CHECK_EQ(stopper_sem_try_acquire(&sem), -ESHUTDOWN);
	stopper_sem_release(&sem);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	stopper_sem_destroy(&sem);
}

static void capacity_zero_admits_nobody(void)
{
	struct stopper_ctx *ctx = new_ctx_timeout(NULL, 10 * ENV_MSEC);
	struct stopper_sem sem;

	CHECK_EQ(stopper_sem_init(&sem, 0), 0);
	CHECK_EQ(stopper_sem_capacity(&sem), 0);
	CHECK_EQ(stopper_sem_try_acquire(&sem), -EBUSY);
	CHECK_EQ(stopper_sem_acquire(&sem, ctx), -ETIMEDOUT);
	stopper_sem_close(&sem);
	CHECK_EQ(stopper_sem_try_acquire(&sem), -ESHUTDOWN);
	stopper_sem_destroy(&sem);
	stopper_ctx_put(ctx);
}

static void slot_may_be_released_by_another_thread(void)
{
	struct env_counter line = { 0 };
	struct stopper_sem sem;
	struct taker t;

	/* take_main() releases what this thread acquired, and the other way round */
	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
	take(&t, &sem, NULL, NULL);
	stopper_sem_release(&sem);
	CHECK_EQ(taken(&t), 0);
	stopper_sem_release(&sem);
	CHECK_EQ(stopper_sem_try_acquire(&sem), 0);
	take(&t, &sem, NULL, &line);
	stopper_sem_release(&sem);
	CHECK_EQ(taken(&t), 0);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	stopper_sem_destroy(&sem);
}

struct crowd {
	struct stopper_sem sem;
	struct env_counter in, over, got, gave_up;
	int capacity, per_thread;
	bool impatient;
};

static void crowd_main(void *arg)
{
	struct crowd *c = arg;
	int i, err;

	for (i = 0; i < c->per_thread; i++) {
		struct stopper_ctx *ctx = NULL;

		if (c->impatient)
			ctx = new_ctx_timeout(NULL, i % 5 * ENV_MSEC / 20);
		err = stopper_sem_acquire(&c->sem, ctx);
		stopper_ctx_put(ctx);
		if (err) {
			CHECK_EQ(err, -ETIMEDOUT);
			env_inc(&c->gave_up);
			continue;
		}
		if (env_inc(&c->in) > c->capacity)
			env_inc(&c->over);
		env_inc(&c->got);
		env_yield();
		env_dec(&c->in);
		stopper_sem_release(&c->sem);
	}
}

static void run_crowd(bool impatient)
{
	struct crowd c = { .capacity = 3, .per_thread = case_rounds(1000), .impatient = impatient };
	struct env_thread thread[6];
	unsigned int i;

	CHECK_EQ(stopper_sem_init(&c.sem, c.capacity), 0);
	for (i = 0; i < ARRAY_SIZE(thread); i++)
		CHECK_EQ(env_spawn(&thread[i], crowd_main, &c), 0);
	for (i = 0; i < ARRAY_SIZE(thread); i++)
		env_join(&thread[i]);
	CHECK_EQ(env_get(&c.over), 0);
	CHECK_EQ(env_get(&c.got) + env_get(&c.gave_up),
		 c.per_thread * (int)ARRAY_SIZE(thread));
	if (!impatient)
		CHECK_EQ(env_get(&c.gave_up), 0);
	/* no slot was lost on the way */
	CHECK_EQ(stopper_sem_length(&c.sem), 0);
	for (i = 0; i < 3; i++)
		CHECK_EQ(stopper_sem_try_acquire(&c.sem), 0);
	CHECK_EQ(stopper_sem_try_acquire(&c.sem), -EBUSY);
	for (i = 0; i < 3; i++)
		stopper_sem_release(&c.sem);
	stopper_sem_destroy(&c.sem);
}

static void capacity_is_never_exceeded(void)
{
	run_crowd(false);
}

static void no_slot_is_lost_when_waiters_give_up(void)
{
	run_crowd(true);
}

static void slot_handed_to_one_who_gives_up_is_not_lost(void)
{
	int round;

	for (round = 0; round < case_rounds(200); round++) {
		struct stopper_ctx *ctx = new_ctx(NULL);
		struct stopper_sem sem;
		struct taker a, b;
		int err;

		CHECK_EQ(stopper_sem_init(&sem, 1), 0);
		CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
		take(&a, &sem, ctx, NULL);
		take(&b, &sem, NULL, NULL);
		/* both at once, in both orders */
		if (round % 2) {
			stopper_sem_release(&sem);
			stopper_ctx_cancel(ctx);
		} else {
			stopper_ctx_cancel(ctx);
			stopper_sem_release(&sem);
		}
		err = taken(&a);
		if (CHECK(err == 0 || err == -ECANCELED) && !err)
			stopper_sem_release(&sem);
		CHECK_EQ(taken(&b), 0);
		stopper_sem_release(&sem);
		CHECK_EQ(stopper_sem_length(&sem), 0);
		stopper_sem_destroy(&sem);
		stopper_ctx_put(ctx);
	}
}

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
	struct taker large, small;
	struct stopper_sem sem;

	CHECK_EQ(stopper_sem_init(&sem, 3), 0);
	CHECK_EQ(take_n(&sem, 2), 0);
	take_slots(&large, &sem, 3, NULL, &line);
	/* one slot is free, but the large request is first */
	CHECK_EQ(stopper_sem_try_acquire(&sem), -EBUSY);
	take_slots(&small, &sem, 1, NULL, &line);
	CHECK_EQ(stopper_sem_waiters(&sem), 2);
	stopper_sem_release(&sem);
	env_settle();
	CHECK(!env_get(&large.returned));
	CHECK(!env_get(&small.returned));
	stopper_sem_release(&sem);
	CHECK_EQ(taken(&large), 0);
	CHECK_EQ(taken(&small), 0);
	CHECK_EQ(large.place, 1);
	CHECK_EQ(small.place, 2);
	CHECK_EQ(stopper_sem_waiters(&sem), 0);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	stopper_sem_destroy(&sem);
}

static void one_release_lets_in_all_that_fit(void)
{
	struct taker t[4];
	struct stopper_sem sem;
	unsigned int i;

	CHECK_EQ(stopper_sem_init(&sem, 4), 0);
	CHECK_EQ(take_n(&sem, 4), 0);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		take(&t[i], &sem, NULL, NULL);
	stopper_sem_release_n(&sem, 3);
	for (i = 0; i < 3; i++)
		CHECK_EQ(taken(&t[i]), 0);
	CHECK_EQ(stopper_sem_waiters(&sem), 1);
	CHECK_EQ(stopper_sem_length(&sem), 4);
	stopper_sem_release(&sem);
	CHECK_EQ(taken(&t[3]), 0);
	stopper_sem_release_n(&sem, 4);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	stopper_sem_destroy(&sem);
}

static void large_request_that_gives_up_lets_the_next_in(void)
{
	struct stopper_ctx *ctx = new_ctx(NULL);
	struct taker large, small[2];
	struct stopper_sem sem;

	CHECK_EQ(stopper_sem_init(&sem, 3), 0);
	CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
	take_slots(&large, &sem, 3, ctx, NULL);
	take(&small[0], &sem, NULL, NULL);
	take(&small[1], &sem, NULL, NULL);
	stopper_ctx_cancel(ctx);
	CHECK_EQ(taken(&large), -ECANCELED);
	CHECK_EQ(taken(&small[0]), 0);
	CHECK_EQ(taken(&small[1]), 0);
	CHECK_EQ(stopper_sem_length(&sem), 3);
	stopper_sem_release_n(&sem, 3);
	stopper_sem_destroy(&sem);
	stopper_ctx_put(ctx);
}

static void growing_grants_waiters_in_order(void)
{
	struct taker t[3];
	struct stopper_sem sem;

	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
	take(&t[0], &sem, NULL, NULL);
	take_slots(&t[1], &sem, 2, NULL, NULL);
	take(&t[2], &sem, NULL, NULL);
	CHECK_EQ(stopper_sem_resize(&sem, 3), 0);
	CHECK_EQ(taken(&t[0]), 0);
	CHECK_EQ(stopper_sem_waiters(&sem), 2);
	CHECK_EQ(stopper_sem_length(&sem), 2);
	CHECK_EQ(stopper_sem_resize(&sem, 5), 0);
	CHECK_EQ(taken(&t[1]), 0);
	CHECK_EQ(taken(&t[2]), 0);
	CHECK_EQ(stopper_sem_length(&sem), 5);
	CHECK_EQ(stopper_sem_capacity(&sem), 5);
	stopper_sem_release_n(&sem, 5);
	stopper_sem_destroy(&sem);
}

static void shrinking_takes_slots_back_as_they_are_released(void)
{
	struct stopper_sem sem;
	struct taker t;
	int i;

	CHECK_EQ(stopper_sem_init(&sem, 4), 0);
	CHECK_EQ(take_n(&sem, 4), 0);
	CHECK_EQ(stopper_sem_resize(&sem, 2), 0);
	CHECK_EQ(stopper_sem_capacity(&sem), 2);
	/* its holders keep what they have */
	CHECK_EQ(stopper_sem_length(&sem), 4);
	take(&t, &sem, NULL, NULL);
	for (i = 3; i >= 2; i--) {
		stopper_sem_release(&sem);
		CHECK_EQ(stopper_sem_length(&sem), i);
		CHECK_EQ(stopper_sem_waiters(&sem), 1);
	}
	stopper_sem_release(&sem);
	CHECK_EQ(taken(&t), 0);
	CHECK_EQ(stopper_sem_length(&sem), 2);
	stopper_sem_release_n(&sem, 2);
	stopper_sem_destroy(&sem);
}

static void request_above_the_capacity_waits_for_a_resize(void)
{
	struct stopper_ctx *ctx = new_ctx_timeout(NULL, 10 * ENV_MSEC);
	struct stopper_sem sem;
	struct taker t;

	CHECK_EQ(stopper_sem_init(&sem, 2), 0);
	CHECK_EQ(take_n(&sem, 3), -EBUSY);
	CHECK_EQ(stopper_sem_acquire_n(&sem, 3, ctx), -ETIMEDOUT);
	take_slots(&t, &sem, 3, NULL, NULL);
	CHECK_EQ(stopper_sem_resize(&sem, 3), 0);
	CHECK_EQ(taken(&t), 0);
	stopper_sem_release_n(&sem, 3);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	stopper_sem_destroy(&sem);
	stopper_ctx_put(ctx);
}

static void resize_of_a_closed_semaphore_admits_nobody(void)
{
	struct stopper_sem sem;
	struct taker t;

	CHECK_EQ(stopper_sem_init(&sem, 0), 0);
	take(&t, &sem, NULL, NULL);
	stopper_sem_close(&sem);
	CHECK_EQ(stopper_sem_resize(&sem, 3), 0);
	CHECK_EQ(taken(&t), -ESHUTDOWN);
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

struct sem_race {
	struct stopper_sem sem;
	struct env_counter go;
};

static void release_late(void *arg)
{
	struct sem_race *r = arg;

	while (!env_get(&r->go))
		env_yield();
	stopper_sem_release(&r->sem);
}

/* After destroy the memory is another's: the releaser must not write to it. */
static void the_last_holder_may_free_the_semaphore(void)
{
	int round;

	for (round = 0; round < case_rounds(500); round++) {
		struct env_thread thread;
		struct sem_race r;
		unsigned int i;

		memset(&r, 0, sizeof(r));
		CHECK_EQ(stopper_sem_init(&r.sem, 1), 0);
		CHECK_EQ(stopper_sem_acquire(&r.sem, NULL), 0);
		CHECK_EQ(env_spawn(&thread, release_late, &r), 0);
		env_set(&r.go, 1);
		CHECK_EQ(stopper_sem_acquire(&r.sem, NULL), 0);
		stopper_sem_destroy(&r.sem);
		memset(&r.sem, 0x5a, sizeof(r.sem));
		env_join(&thread);
		for (i = 0; i < sizeof(r.sem); i++)
			if (!CHECK_EQ(((unsigned char *)&r.sem)[i], 0x5a))
				break;
	}
}

const struct test_case cases_sem[] = {
	CASE(semaphore_counts_its_holders),
	CASE(acquire_waits_for_a_release),
	CASE(acquire_is_served_in_order),
	CASE(nobody_overtakes_the_line),
	CASE(acquire_gives_up_with_its_context),
	CASE(ended_context_gets_no_slot_although_one_is_free),
	CASE(close_refuses_all_who_wait_now_and_later),
	CASE(capacity_zero_admits_nobody),
	CASE(slot_may_be_released_by_another_thread),
	CASE(capacity_is_never_exceeded),
	CASE(no_slot_is_lost_when_waiters_give_up),
	CASE(slot_handed_to_one_who_gives_up_is_not_lost),
	CASE(the_last_holder_may_free_the_semaphore),
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
