// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * conf_limited.c - async tasks under a semaphore: who gets a slot, who is refused and why.
 */
#include "conf.h"

/* A stopper, a semaphore, and @held tasks that hold a slot each. */
struct setup {
	struct stopper *s;
	struct stopper_sem sem;
	struct conf_hold hold;
	struct conf_counter ran;
};

static void setup(struct setup *u, int capacity, int held)
{
	int i;

	memset(u, 0, sizeof(*u));
	u->s = conf_stopper(NULL);
	CHECK_EQ(stopper_sem_init(&u->sem, capacity), 0);
	conf_hold_init(&u->hold);
	for (i = 0; i < held; i++)
		CHECK_EQ(stopper_run_limited_async_task(u->s, NULL, "hold", &u->sem, false,
							conf_hold_fn, &u->hold), 0);
	CHECK_EQ(stopper_sem_length(&u->sem), held);
}

static void teardown(struct setup *u)
{
	conf_gate_open(&u->hold.gate);
	conf_stop_and_put(u->s);
	CHECK_EQ(stopper_sem_length(&u->sem), 0);
	CHECK_EQ(conf_get(&u->hold.in), conf_get(&u->hold.out));
	stopper_sem_destroy(&u->sem);
	conf_hold_destroy(&u->hold);
}

/* A limited task asked for on a thread of its own, for it may have to wait. */
struct ask {
	struct conf_thread thread;
	struct setup *u;
	struct stopper_ctx *ctx;
	stopper_fn fn;
	void *arg;
	int ret;
	struct conf_counter returned;
};

static void ask_main(void *arg)
{
	struct ask *a = arg;

	a->ret = stopper_run_limited_async_task(a->u->s, a->ctx, "asked", &a->u->sem, true, a->fn,
						a->arg);
	conf_inc(&a->returned);
}

/* Returns when the asker stands in the line. */
static void ask_for(struct ask *a, struct setup *u, struct stopper_ctx *ctx, stopper_fn fn,
		    void *arg)
{
	int before = conf_sem_waiters(&u->sem);

	memset(a, 0, sizeof(*a));
	a->u = u;
	a->ctx = ctx;
	a->fn = fn;
	a->arg = arg;
	CHECK_EQ(conf_spawn(&a->thread, ask_main, a), 0);
	conf_wait_for(conf_sem_waiters(&u->sem) > before || conf_get(&a->returned));
	CHECK(!conf_get(&a->returned));
}

static void ask(struct ask *a, struct setup *u, struct stopper_ctx *ctx)
{
	ask_for(a, u, ctx, conf_count_fn, &u->ran);
}

static int answer(struct ask *a)
{
	conf_join(&a->thread);
	return a->ret;
}

static void limited_task_takes_a_free_slot_until_it_ends(void)
{
	struct setup u;

	setup(&u, 3, 2);
	conf_wait_for(conf_get(&u.hold.in) == 2);
	CHECK_EQ(stopper_num_tasks(u.s), 2);
	CHECK_EQ(stopper_sem_length(&u.sem), 2);
	conf_gate_open(&u.hold.gate);
	conf_wait_for(!stopper_num_tasks(u.s));
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
							conf_count_fn, &u.ran), -EBUSY);
	CHECK_EQ(stopper_num_tasks(u.s), 2);
	CHECK_EQ(stopper_sem_length(&u.sem), 2);
	teardown(&u);
	CHECK_EQ(conf_get(&u.ran), 0);
}

static void limited_task_waits_for_a_slot(void)
{
	struct setup u;
	struct ask a;

	setup(&u, 1, 1);
	ask(&a, &u, NULL);
	conf_settle();
	CHECK(!conf_get(&a.returned));
	CHECK_EQ(conf_get(&u.ran), 0);
	conf_gate_open(&u.hold.gate);
	CHECK_EQ(answer(&a), 0);
	conf_wait_for(conf_get(&u.ran) == 1);
	teardown(&u);
	CHECK_EQ(conf_get(&u.ran), 1);
}

static void limited_task_cancelled_while_waiting(void)
{
	struct stopper_ctx *ctx = conf_ctx(NULL);
	struct setup u;
	struct ask a;

	setup(&u, 1, 1);
	ask(&a, &u, ctx);
	stopper_ctx_cancel(ctx);
	CHECK_EQ(answer(&a), -ECANCELED);
	CHECK_EQ(stopper_sem_length(&u.sem), 1);
	CHECK_EQ(conf_sem_waiters(&u.sem), 0);
	teardown(&u);
	CHECK_EQ(conf_get(&u.ran), 0);
	stopper_ctx_put(ctx);
}

static void limited_task_runs_into_its_deadline_while_waiting(void)
{
	struct stopper_ctx *ctx;
	struct setup u;

	setup(&u, 1, 1);
	ctx = conf_ctx_timeout(NULL, 20 * CONF_MSEC);
	CHECK_EQ(stopper_run_limited_async_task(u.s, ctx, "late", &u.sem, true, conf_count_fn,
						&u.ran), -ETIMEDOUT);
	CHECK_EQ(stopper_sem_length(&u.sem), 1);
	teardown(&u);
	CHECK_EQ(conf_get(&u.ran), 0);
	stopper_ctx_put(ctx);
}

static void limited_task_quiesced_while_waiting(void)
{
	struct conf_call quiesce;
	struct setup u;
	struct ask a;

	setup(&u, 1, 1);
	ask(&a, &u, NULL);
	conf_quiesce_begin(&quiesce, u.s, NULL);
	CHECK_EQ(answer(&a), -ESHUTDOWN);
	CHECK(!conf_get(&quiesce.returned));
	CHECK_EQ(stopper_sem_length(&u.sem), 1);
	conf_gate_open(&u.hold.gate);
	CHECK_EQ(conf_call_end(&quiesce), 0);
	teardown(&u);
	CHECK_EQ(conf_get(&u.ran), 0);
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
	CHECK_EQ(conf_get(&u.ran), 0);
}

static void limited_task_refused_by_a_closed_semaphore(void)
{
	struct setup u;

	setup(&u, 2, 1);
	stopper_sem_close(&u.sem);
	CHECK_EQ(stopper_run_limited_async_task(u.s, NULL, "late", &u.sem, true, conf_count_fn,
						&u.ran), -ESHUTDOWN);
	CHECK_EQ(stopper_run_limited_async_task(u.s, NULL, "late", &u.sem, false, conf_count_fn,
						&u.ran), -ESHUTDOWN);
	CHECK_EQ(stopper_sem_length(&u.sem), 1);
	teardown(&u);
	CHECK_EQ(conf_get(&u.ran), 0);
}

static void limited_task_with_an_ended_context_gives_its_slot_back(void)
{
	struct stopper_ctx *cancelled = conf_ctx(NULL), *late = conf_ctx_timeout(NULL, 0);
	struct setup u;

	stopper_ctx_cancel(cancelled);
	setup(&u, 2, 0);
	CHECK_EQ(stopper_run_limited_async_task(u.s, cancelled, "late", &u.sem, true,
						conf_count_fn, &u.ran), -ECANCELED);
	CHECK_EQ(stopper_run_limited_async_task(u.s, cancelled, "late", &u.sem, false,
						conf_count_fn, &u.ran), -ECANCELED);
	CHECK_EQ(stopper_run_limited_async_task(u.s, late, "late", &u.sem, true,
						conf_count_fn, &u.ran), -ETIMEDOUT);
	CHECK_EQ(stopper_sem_length(&u.sem), 0);
	CHECK_EQ(stopper_num_tasks(u.s), 0);
	teardown(&u);
	CHECK_EQ(conf_get(&u.ran), 0);
	stopper_ctx_put(cancelled);
	stopper_ctx_put(late);
}

static void limited_task_refused_after_quiesce_gives_its_slot_back(void)
{
	struct setup u;

	setup(&u, 2, 0);
	CHECK_EQ(stopper_quiesce(u.s, NULL), 0);
	CHECK_EQ(stopper_run_limited_async_task(u.s, NULL, "late", &u.sem, true, conf_count_fn,
						&u.ran), -ESHUTDOWN);
	CHECK_EQ(stopper_run_limited_async_task(u.s, NULL, "late", &u.sem, false, conf_count_fn,
						&u.ran), -ESHUTDOWN);
	CHECK_EQ(stopper_sem_length(&u.sem), 0);
	teardown(&u);
	CHECK_EQ(conf_get(&u.ran), 0);
}

static void limited_task_under_capacity_zero_never_runs(void)
{
	struct stopper_ctx *ctx = conf_ctx_timeout(NULL, 10 * CONF_MSEC);
	struct setup u;

	setup(&u, 0, 0);
	CHECK_EQ(stopper_run_limited_async_task(u.s, NULL, "never", &u.sem, false, conf_count_fn,
						&u.ran), -EBUSY);
	CHECK_EQ(stopper_run_limited_async_task(u.s, ctx, "never", &u.sem, true, conf_count_fn,
						&u.ran), -ETIMEDOUT);
	teardown(&u);
	CHECK_EQ(conf_get(&u.ran), 0);
	stopper_ctx_put(ctx);
}

struct peak {
	struct setup u;
	struct conf_counter now, most, over, ran;
	int capacity;
	int per_thread;
};

static void peak_fn(struct stopper_ctx *ctx, void *arg)
{
	struct peak *p = arg;
	int now = conf_inc(&p->now);

	if (now > p->capacity)
		conf_inc(&p->over);
	if (now == p->capacity)
		conf_set(&p->most, now);
	/* Until all slots were seen taken at once, hold this one: the peak must be reached. */
	conf_wait_for(conf_get(&p->most));
	conf_inc(&p->ran);
	conf_dec(&p->now);
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
	struct peak p = { .capacity = 5, .per_thread = conf_rounds(200) + 5 };
	struct conf_thread thread[4];
	unsigned int i;

	setup(&p.u, p.capacity, 0);
	for (i = 0; i < ARRAY_SIZE(thread); i++)
		CHECK_EQ(conf_spawn(&thread[i], peak_main, &p), 0);
	for (i = 0; i < ARRAY_SIZE(thread); i++)
		conf_join(&thread[i]);
	teardown(&p.u);
	CHECK_EQ(conf_get(&p.most), p.capacity);
	CHECK_EQ(conf_get(&p.over), 0);
	CHECK_EQ(conf_get(&p.ran), p.per_thread * (int)ARRAY_SIZE(thread));
}

struct order {
	struct conf_counter *next;
	struct conf_counter place;
};

static void place_fn(struct stopper_ctx *ctx, void *arg)
{
	struct order *o = arg;

	conf_set(&o->place, conf_inc(o->next));
}

static void limited_waiters_are_served_in_order(void)
{
	struct conf_counter next = { 0 };
	struct order order[8];
	struct ask a[8];
	struct setup u;
	unsigned int i;

	setup(&u, 1, 1);
	for (i = 0; i < ARRAY_SIZE(a); i++) {
		order[i].next = &next;
		conf_set(&order[i].place, 0);
		ask_for(&a[i], &u, NULL, place_fn, &order[i]);
	}
	CHECK_EQ(conf_sem_waiters(&u.sem), (int)ARRAY_SIZE(a));
	conf_gate_open(&u.hold.gate);
	for (i = 0; i < ARRAY_SIZE(a); i++)
		CHECK_EQ(answer(&a[i]), 0);
	teardown(&u);
	for (i = 0; i < ARRAY_SIZE(a); i++)
		CHECK_EQ(conf_get(&order[i].place), (int)i + 1);
}

static void slot_is_free_before_the_task_stops_being_counted(void)
{
	struct setup u;
	int round;

	setup(&u, 1, 0);
	for (round = 0; round < conf_rounds(500); round++) {
		CHECK_EQ(stopper_run_limited_async_task(u.s, NULL, "brief", &u.sem, false,
							conf_count_fn, &u.ran), 0);
		while (stopper_num_tasks(u.s))
			conf_yield();
		CHECK_EQ(stopper_sem_length(&u.sem), 0);
	}
	teardown(&u);
	CHECK_EQ(conf_get(&u.ran), conf_rounds(500));
}

static void quiesce_leaves_no_slot_taken(void)
{
	int round;

	for (round = 0; round < conf_rounds(100); round++) {
		struct setup u;
		int i;

		setup(&u, 4, 0);
		for (i = 0; i < 4; i++)
			CHECK_EQ(stopper_run_limited_async_task(u.s, NULL, "brief", &u.sem, false,
								conf_count_fn, &u.ran), 0);
		CHECK_EQ(stopper_quiesce(u.s, NULL), 0);
		CHECK_EQ(stopper_sem_length(&u.sem), 0);
		teardown(&u);
	}
}

const struct conf_case cases_limited[] = {
	CONF_CASE(limited_task_takes_a_free_slot_until_it_ends),
	CONF_CASE(limited_task_is_throttled_when_no_slot_is_free),
	CONF_CASE(limited_task_waits_for_a_slot),
	CONF_CASE(limited_task_cancelled_while_waiting),
	CONF_CASE(limited_task_runs_into_its_deadline_while_waiting),
	CONF_CASE(limited_task_quiesced_while_waiting),
	CONF_CASE(limited_task_refused_when_the_semaphore_closes_while_waiting),
	CONF_CASE(limited_task_refused_by_a_closed_semaphore),
	CONF_CASE(limited_task_with_an_ended_context_gives_its_slot_back),
	CONF_CASE(limited_task_refused_after_quiesce_gives_its_slot_back),
	CONF_CASE(limited_task_under_capacity_zero_never_runs),
	CONF_CASE(limited_tasks_reach_the_capacity_and_never_exceed_it),
	CONF_CASE(limited_waiters_are_served_in_order),
	CONF_CASE(slot_is_free_before_the_task_stops_being_counted),
	CONF_CASE(quiesce_leaves_no_slot_taken),
	CONF_END
};
