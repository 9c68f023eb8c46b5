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

static void acquire_waits_for_a_release(void)
{
	struct stopper_sem sem;
	struct case_taker t;

	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
	case_take(&t, &sem, NULL, NULL);
	env_settle();
	CHECK(!env_get(&t.returned));
	stopper_sem_release(&sem);
	CHECK_EQ(case_taken(&t), 0);
	CHECK_EQ(stopper_sem_length(&sem), 1);
	stopper_sem_release(&sem);
	stopper_sem_destroy(&sem);
}

static void acquire_is_served_in_order(void)
{
	struct env_counter line = { 0 };
	struct case_taker t[10];
	struct stopper_sem sem;
	unsigned int i;

	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		case_take(&t[i], &sem, NULL, &line);
	stopper_sem_release(&sem);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		CHECK_EQ(case_taken(&t[i]), 0);
		CHECK_EQ(t[i].place, (int)i + 1);
	}
	CHECK_EQ(stopper_sem_length(&sem), 0);
	stopper_sem_destroy(&sem);
}

static void nobody_overtakes_the_line(void)
{
	struct stopper_sem sem;
	struct case_taker t;
	int round;

	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	for (round = 0; round < case_rounds(100); round++) {
		CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
		case_take(&t, &sem, NULL, NULL);
		stopper_sem_release(&sem);
		/* the slot is the taker's already, although it may not have woken up */
		CHECK_EQ(stopper_sem_try_acquire(&sem), -EBUSY);
		CHECK_EQ(stopper_sem_length(&sem), 1);
		CHECK_EQ(case_taken(&t), 0);
		stopper_sem_release(&sem);
	}
	stopper_sem_destroy(&sem);
}

static void acquire_gives_up_with_its_context(void)
{
	struct stopper_ctx *cancel = new_ctx(NULL);
	struct stopper_ctx *timeout = new_ctx_timeout(NULL, 10 * ENV_MSEC);
	struct stopper_sem sem;
	struct case_taker a, b;

	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
	case_take(&a, &sem, cancel, NULL);
	case_take(&b, &sem, NULL, NULL);
	CHECK_EQ(stopper_sem_acquire(&sem, timeout), -ETIMEDOUT);
	stopper_ctx_cancel(cancel);
	CHECK_EQ(case_taken(&a), -ECANCELED);
	CHECK(!env_get(&b.returned));
	/* a waiter that gave up blocks no other */
	stopper_sem_release(&sem);
	CHECK_EQ(case_taken(&b), 0);
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
	struct case_taker t[5];
	unsigned int i;

	CHECK_EQ(stopper_sem_init(&sem, 2), 0);
	CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
	CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		case_take(&t[i], &sem, NULL, NULL);
	stopper_sem_close(&sem);
	stopper_sem_close(&sem);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		CHECK_EQ(case_taken(&t[i]), -ESHUTDOWN);
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
	struct case_taker t;

	/* take_main() releases what this thread acquired, and the other way round */
	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
	case_take(&t, &sem, NULL, NULL);
	stopper_sem_release(&sem);
	CHECK_EQ(case_taken(&t), 0);
	stopper_sem_release(&sem);
	CHECK_EQ(stopper_sem_try_acquire(&sem), 0);
	case_take(&t, &sem, NULL, &line);
	stopper_sem_release(&sem);
	CHECK_EQ(case_taken(&t), 0);
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
		struct case_taker a, b;
		int err;

		CHECK_EQ(stopper_sem_init(&sem, 1), 0);
		CHECK_EQ(stopper_sem_acquire(&sem, NULL), 0);
		case_take(&a, &sem, ctx, NULL);
		case_take(&b, &sem, NULL, NULL);
		/* both at once, in both orders */
		if (round % 2) {
			stopper_sem_release(&sem);
			stopper_ctx_cancel(ctx);
		} else {
			stopper_ctx_cancel(ctx);
			stopper_sem_release(&sem);
		}
		err = case_taken(&a);
		if (CHECK(err == 0 || err == -ECANCELED) && !err)
			stopper_sem_release(&sem);
		CHECK_EQ(case_taken(&b), 0);
		stopper_sem_release(&sem);
		CHECK_EQ(stopper_sem_length(&sem), 0);
		stopper_sem_destroy(&sem);
		stopper_ctx_put(ctx);
	}
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
	CASES_END
};
