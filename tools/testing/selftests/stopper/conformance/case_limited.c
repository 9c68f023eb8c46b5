// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_limited.c - async tasks under a semaphore: which get a slot, which are refused and why.
 */
#include "case.h"

/* A stopper, a semaphore, and @held tasks that hold a slot each. */
struct setup {
	struct stopper *s;
	struct stopper_sem sem;
	struct case_hold hold;
	struct env_counter ran;
};

static void setup(struct setup *u, int capacity, int held)
{
	int i;

	memset(u, 0, sizeof(*u));
	u->s = new_stopper(NULL);
	CHECK_EQ(stopper_sem_init(&u->sem, capacity), 0);
	case_hold_init(&u->hold);
	for (i = 0; i < held; i++)
		CHECK_EQ(stopper_run_limited_async_task(u->s, NULL, "hold", &u->sem, false,
							case_hold_fn, &u->hold), 0);
	CHECK_EQ(stopper_sem_length(&u->sem), held);
}

static void teardown(struct setup *u)
{
	env_gate_open(&u->hold.gate);
	stop_and_put(u->s);
	CHECK_EQ(stopper_sem_length(&u->sem), 0);
	CHECK_EQ(env_get(&u->hold.in), env_get(&u->hold.out));
	stopper_sem_destroy(&u->sem);
	case_hold_destroy(&u->hold);
}

/* A limited task asked for on a thread of its own, for it may have to wait. */
struct ask {
	struct env_thread thread;
	struct setup *u;
	struct stopper_ctx *ctx;
	stopper_fn fn;
	void *arg;
	int ret;
	struct env_counter returned;
};

static void ask_main(void *arg)
{
	struct ask *a = arg;

	a->ret = stopper_run_limited_async_task(a->u->s, a->ctx, "asked", &a->u->sem, true, a->fn,
						a->arg);
	env_inc(&a->returned);
}

/* Returns when the asker stands in the line. */
static void ask_for(struct ask *a, struct setup *u, struct stopper_ctx *ctx, stopper_fn fn,
		    void *arg)
{
	int before = stopper_sem_waiters(&u->sem);

	memset(a, 0, sizeof(*a));
	a->u = u;
	a->ctx = ctx;
	a->fn = fn;
	a->arg = arg;
	CHECK_EQ(env_spawn(&a->thread, ask_main, a), 0);
	CHECK_SOON(stopper_sem_waiters(&u->sem) > before || env_get(&a->returned));
	CHECK(!env_get(&a->returned));
}

static void ask(struct ask *a, struct setup *u, struct stopper_ctx *ctx)
{
	ask_for(a, u, ctx, case_count_fn, &u->ran);
}

static int answer(struct ask *a)
{
	env_join(&a->thread);
	return a->ret;
}

static void limited_task_takes_a_free_slot_until_it_ends(void)
{
	struct setup u;

	setup(&u, 3, 2);
	CHECK_SOON(env_get(&u.hold.in) == 2);
	CHECK_EQ(stopper_num_tasks(u.s), 2);
	CHECK_EQ(stopper_sem_length(&u.sem), 2);
	env_gate_open(&u.hold.gate);
	CHECK_SOON(!stopper_num_tasks(u.s));
	CHECK_EQ(stopper_sem_length(&u.sem), 0);
	teardown(&u);
}

static void limited_task_is_throttled_when_no_slot_is_free(void)
{
	struct setup u;
	int i;

	setup(&u, 2, 2);
	for (i = 0; i < 5; i++)
		CHECK_EQ(stopper_run_limited_async_task(u.s, NULL, "late", &u.sem, false,
							case_count_fn, &u.ran), -EBUSY);
	CHECK_EQ(stopper_num_tasks(u.s), 2);
	CHECK_EQ(stopper_sem_length(&u.sem), 2);
	teardown(&u);
	CHECK_EQ(env_get(&u.ran), 0);
}

static void limited_task_waits_for_a_slot(void)
{
	struct setup u;
	struct ask a;

	setup(&u, 1, 1);
	ask(&a, &u, NULL);
	env_settle();
	CHECK(!env_get(&a.returned));
	CHECK_EQ(env_get(&u.ran), 0);
	env_gate_open(&u.hold.gate);
	CHECK_EQ(answer(&a), 0);
	CHECK_SOON(env_get(&u.ran) == 1);
	teardown(&u);
	CHECK_EQ(env_get(&u.ran), 1);
}

static void limited_task_cancelled_while_waiting(void)
{
	struct stopper_ctx *ctx = new_ctx(NULL);
	struct setup u;
	struct ask a;

	setup(&u, 1, 1);
	ask(&a, &u, ctx);
	stopper_ctx_cancel(ctx);
	CHECK_EQ(answer(&a), -ECANCELED);
	CHECK_EQ(stopper_sem_length(&u.sem), 1);
	CHECK_EQ(stopper_sem_waiters(&u.sem), 0);
	teardown(&u);
	CHECK_EQ(env_get(&u.ran), 0);
	stopper_ctx_put(ctx);
}

static void limited_task_runs_into_its_deadline_while_waiting(void)
{
	struct stopper_ctx *ctx;
	struct setup u;

	setup(&u, 1, 1);
	ctx = new_ctx_timeout(NULL, 20 * ENV_MSEC);
	CHECK_EQ(stopper_run_limited_async_task(u.s, ctx, "late", &u.sem, true, case_count_fn,
						&u.ran), -ETIMEDOUT);
	CHECK_EQ(stopper_sem_length(&u.sem), 1);
	teardown(&u);
	CHECK_EQ(env_get(&u.ran), 0);
	stopper_ctx_put(ctx);
}

static void limited_task_quiesced_while_waiting(void)
{
	struct case_call quiesce;
	struct setup u;
	struct ask a;

	setup(&u, 1, 1);
	ask(&a, &u, NULL);
	case_quiesce_begin(&quiesce, u.s, NULL);
	CHECK_EQ(answer(&a), -ESHUTDOWN);
	CHECK(!env_get(&quiesce.returned));
	CHECK_EQ(stopper_sem_length(&u.sem), 1);
	env_gate_open(&u.hold.gate);
	CHECK_EQ(case_call_end(&quiesce), 0);
	teardown(&u);
	CHECK_EQ(env_get(&u.ran), 0);
}

static void limited_task_refused_when_the_semaphore_closes_while_waiting(void)
{
	struct setup u;
	struct ask a, b;

	setup(&u, 1, 1);
	ask(&a, &u, NULL);
	ask(&b, &u, NULL);
	stopper_sem_close(&u.sem);
	CHECK_EQ(answer(&a), -ESHUTDOWN);
	CHECK_EQ(answer(&b), -ESHUTDOWN);
	CHECK(!stopper_event_fired(stopper_should_quiesce(u.s)));
	teardown(&u);
	CHECK_EQ(env_get(&u.ran), 0);
}

static void limited_task_refused_by_a_closed_semaphore(void)
{
	struct setup u;

	setup(&u, 2, 1);
	stopper_sem_close(&u.sem);
	CHECK_EQ(stopper_run_limited_async_task(u.s, NULL, "late", &u.sem, true, case_count_fn,
						&u.ran), -ESHUTDOWN);
	CHECK_EQ(stopper_run_limited_async_task(u.s, NULL, "late", &u.sem, false, case_count_fn,
						&u.ran), -ESHUTDOWN);
	CHECK_EQ(stopper_sem_length(&u.sem), 1);
	teardown(&u);
	CHECK_EQ(env_get(&u.ran), 0);
}

static void limited_task_with_an_ended_context_gives_its_slot_back(void)
{
	struct stopper_ctx *cancelled = new_ctx(NULL), *late = new_ctx_timeout(NULL, 0);
	struct setup u;

	stopper_ctx_cancel(cancelled);
	setup(&u, 2, 0);
	CHECK_EQ(stopper_run_limited_async_task(u.s, cancelled, "late", &u.sem, true,
						case_count_fn, &u.ran), -ECANCELED);
	CHECK_EQ(stopper_run_limited_async_task(u.s, cancelled, "late", &u.sem, false,
						case_count_fn, &u.ran), -ECANCELED);
	CHECK_EQ(stopper_run_limited_async_task(u.s, late, "late", &u.sem, true,
						case_count_fn, &u.ran), -ETIMEDOUT);
	CHECK_EQ(stopper_sem_length(&u.sem), 0);
	CHECK_EQ(stopper_num_tasks(u.s), 0);
	teardown(&u);
	CHECK_EQ(env_get(&u.ran), 0);
	stopper_ctx_put(cancelled);
	stopper_ctx_put(late);
}

static void limited_task_refused_after_quiesce_gives_its_slot_back(void)
{
	struct setup u;

	setup(&u, 2, 0);
	CHECK_EQ(stopper_quiesce(u.s, NULL), 0);
	CHECK_EQ(stopper_run_limited_async_task(u.s, NULL, "late", &u.sem, true, case_count_fn,
						&u.ran), -ESHUTDOWN);
	CHECK_EQ(stopper_run_limited_async_task(u.s, NULL, "late", &u.sem, false, case_count_fn,
						&u.ran), -ESHUTDOWN);
	CHECK_EQ(stopper_sem_length(&u.sem), 0);
	teardown(&u);
	CHECK_EQ(env_get(&u.ran), 0);
}

static void limited_task_under_capacity_zero_never_runs(void)
{
	struct stopper_ctx *ctx = new_ctx_timeout(NULL, 10 * ENV_MSEC);
	struct setup u;

	setup(&u, 0, 0);
	CHECK_EQ(stopper_run_limited_async_task(u.s, NULL, "never", &u.sem, false, case_count_fn,
						&u.ran), -EBUSY);
	CHECK_EQ(stopper_run_limited_async_task(u.s, ctx, "never", &u.sem, true, case_count_fn,
						&u.ran), -ETIMEDOUT);
	teardown(&u);
	CHECK_EQ(env_get(&u.ran), 0);
	stopper_ctx_put(ctx);
}

struct peak {
	struct setup u;
	struct env_counter now, most, over, ran;
	int capacity;
	int per_thread;
};

static void peak_fn(struct stopper_ctx *ctx, void *arg)
{
	struct peak *p = arg;
	int now = env_inc(&p->now);

	if (now > p->capacity)
		env_inc(&p->over);
	if (now == p->capacity)
		env_set(&p->most, now);
	/* Until all slots were seen taken at once, hold this one: the peak must be reached. */
	CHECK_SOON(env_get(&p->most));
	env_inc(&p->ran);
	env_dec(&p->now);
}

static void peak_main(void *arg)
{
	struct peak *p = arg;
	int i;

	for (i = 0; i < p->per_thread; i++)
		CHECK_EQ(stopper_run_limited_async_task(p->u.s, NULL, "peak", &p->u.sem, true,
							peak_fn, p), 0);
}

static void limited_tasks_reach_the_capacity_and_never_exceed_it(void)
{
	struct peak p = { .capacity = 5, .per_thread = case_rounds(200) + 5 };
	struct env_thread thread[4];
	unsigned int i;

	setup(&p.u, p.capacity, 0);
	for (i = 0; i < ARRAY_SIZE(thread); i++)
		CHECK_EQ(env_spawn(&thread[i], peak_main, &p), 0);
	for (i = 0; i < ARRAY_SIZE(thread); i++)
		env_join(&thread[i]);
	teardown(&p.u);
	CHECK_EQ(env_get(&p.most), p.capacity);
	CHECK_EQ(env_get(&p.over), 0);
	CHECK_EQ(env_get(&p.ran), p.per_thread * (int)ARRAY_SIZE(thread));
}

struct order {
	struct env_counter *next;
	struct env_counter place;
};

static void place_fn(struct stopper_ctx *ctx, void *arg)
{
	struct order *o = arg;

	env_set(&o->place, env_inc(o->next));
}

static void limited_waiters_are_served_in_order(void)
{
	struct env_counter next = { 0 };
	struct order order[8];
	struct ask a[8];
	struct setup u;
	unsigned int i;

	setup(&u, 1, 1);
	for (i = 0; i < ARRAY_SIZE(a); i++) {
		order[i].next = &next;
		env_set(&order[i].place, 0);
		ask_for(&a[i], &u, NULL, place_fn, &order[i]);
	}
	CHECK_EQ(stopper_sem_waiters(&u.sem), (int)ARRAY_SIZE(a));
	env_gate_open(&u.hold.gate);
	for (i = 0; i < ARRAY_SIZE(a); i++)
		CHECK_EQ(answer(&a[i]), 0);
	teardown(&u);
	for (i = 0; i < ARRAY_SIZE(a); i++)
		CHECK_EQ(env_get(&order[i].place), (int)i + 1);
}

static void slot_is_free_before_the_task_stops_being_counted(void)
{
	struct setup u;
	int round;

	setup(&u, 1, 0);
	for (round = 0; round < case_rounds(500); round++) {
		CHECK_EQ(stopper_run_limited_async_task(u.s, NULL, "brief", &u.sem, false,
							case_count_fn, &u.ran), 0);
		while (stopper_num_tasks(u.s))
			env_yield();
		CHECK_EQ(stopper_sem_length(&u.sem), 0);
	}
	teardown(&u);
	CHECK_EQ(env_get(&u.ran), case_rounds(500));
}

static void quiesce_leaves_no_slot_taken(void)
{
	int round;

	for (round = 0; round < case_rounds(100); round++) {
		struct setup u;
		int i;

		setup(&u, 4, 0);
		for (i = 0; i < 4; i++)
			CHECK_EQ(stopper_run_limited_async_task(u.s, NULL, "brief", &u.sem, false,
								case_count_fn, &u.ran), 0);
		CHECK_EQ(stopper_quiesce(u.s, NULL), 0);
		CHECK_EQ(stopper_sem_length(&u.sem), 0);
		teardown(&u);
	}
}

const struct test_case cases_limited[] = {
	CASE(limited_task_takes_a_free_slot_until_it_ends),
	CASE(limited_task_is_throttled_when_no_slot_is_free),
	CASE(limited_task_waits_for_a_slot),
	CASE(limited_task_cancelled_while_waiting),
	CASE(limited_task_runs_into_its_deadline_while_waiting),
	CASE(limited_task_quiesced_while_waiting),
	CASE(limited_task_refused_when_the_semaphore_closes_while_waiting),
	CASE(limited_task_refused_by_a_closed_semaphore),
	CASE(limited_task_with_an_ended_context_gives_its_slot_back),
	CASE(limited_task_refused_after_quiesce_gives_its_slot_back),
	CASE(limited_task_under_capacity_zero_never_runs),
	CASE(limited_tasks_reach_the_capacity_and_never_exceed_it),
	CASE(limited_waiters_are_served_in_order),
	CASE(slot_is_free_before_the_task_stops_being_counted),
	CASE(quiesce_leaves_no_slot_taken),
	CASES_END
};
