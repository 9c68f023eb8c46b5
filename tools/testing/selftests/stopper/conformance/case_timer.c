// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_timer.c - timers: tasks that begin later, once or periodically.
 */
#include "case.h"

#define HOUR		(3600 * ENV_SEC)

struct timed {
	struct stopper *s;
	struct stopper_timer timer;
	struct case_hold hold;
	struct env_counter ran;
	int left;			/* runs that start the timer again */
	int ret;
};

static struct timed *timed_new(stopper_fn fn)
{
	struct timed *t = env_alloc(sizeof(*t));

	t->s = new_stopper(NULL);
	case_hold_init(&t->hold);
	stopper_timer_init(&t->timer, t->s, "timed", fn, t);
	return t;
}

static void timed_free(struct timed *t)
{
	stop_and_put(t->s);
	case_hold_destroy(&t->hold);
	env_free(t);
}

static void timed_count(struct stopper_ctx *ctx, void *timed)
{
	env_inc(&((struct timed *)timed)->ran);
}

static void timed_hold(struct stopper_ctx *ctx, void *timed)
{
	struct timed *t = timed;

	env_inc(&t->ran);
	case_hold_fn(ctx, &t->hold);
}

static void timer_runs_once_after_its_delay(void)
{
	struct timed *t = timed_new(timed_count);
	int64_t began = env_now();

	CHECK_EQ(stopper_run_after(&t->timer, NULL, 2 * ENV_MSEC), 0);
	CHECK_SOON(env_get(&t->ran) == 1);
	CHECK(env_now() - began >= 2 * ENV_MSEC);
	env_settle();
	CHECK_EQ(env_get(&t->ran), 1);
	CHECK_EQ(stopper_timer_cancel_sync(&t->timer), 0);
	CHECK_EQ(stopper_run_after(&t->timer, NULL, 0), 0);
	CHECK_SOON(env_get(&t->ran) == 2);
	timed_free(t);
}

static void timer_is_no_task_before_it_fires_and_a_named_one_then(void)
{
	struct timed *t = timed_new(timed_hold);
	struct stopper_task_info info;

	CHECK_EQ(stopper_run_after(&t->timer, NULL, HOUR), 0);
	CHECK_EQ(stopper_num_tasks(t->s), 0);
	CHECK_EQ(stopper_timer_cancel(&t->timer), 1);
	CHECK_EQ(stopper_run_after(&t->timer, NULL, 0), 0);
	CHECK_SOON(env_get(&t->hold.in) == 1);
	CHECK_EQ(stopper_running_tasks(t->s, &info, 1), 1);
	CHECK(!strcmp(info.name, "timed"));
	CHECK_EQ(info.count, 1);
	env_gate_open(&t->hold.gate);
	timed_free(t);
}

/* And the stop does not wait until it would be due. */
static void timer_that_is_pending_is_dropped_by_quiesce(void)
{
	struct timed *t = timed_new(timed_count);
	struct stopper_timer soon;

	stopper_timer_init(&soon, t->s, "soon", timed_count, t);
	CHECK_EQ(stopper_run_after(&t->timer, NULL, HOUR), 0);
	CHECK_EQ(stopper_run_after(&soon, NULL, 3 * ENV_MSEC), 0);
	CHECK_EQ(stopper_quiesce(t->s, NULL), 0);
	env_settle();
	CHECK(env_get(&t->ran) <= 1);
	CHECK_EQ(stopper_timer_cancel(&t->timer), 0);
	CHECK_EQ(stopper_timer_cancel_sync(&soon), 0);
	CHECK_EQ(stopper_run_after(&t->timer, NULL, 0), -ESHUTDOWN);
	CHECK_EQ(stopper_run_every(&t->timer, NULL, 0, HOUR, 0), -ESHUTDOWN);
	timed_free(t);
}

static void stop_waits_for_a_timer_that_runs(void)
{
	struct timed *t = timed_new(timed_hold);
	struct case_call stop;

	CHECK_EQ(stopper_run_every(&t->timer, NULL, 0, ENV_MSEC, 0), 0);
	CHECK_SOON(env_get(&t->hold.in) == 1);
	case_stop_begin(&stop, t->s, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(t->s)));
	env_settle();
	CHECK(!env_get(&stop.returned));
	env_gate_open(&t->hold.gate);
	CHECK_EQ(case_call_end(&stop), 0);
	CHECK_EQ(env_get(&t->hold.out), 1);
	CHECK_EQ(env_get(&t->ran), 1);
	timed_free(t);
}

static void cancel_says_whether_the_timer_was_pending_or_runs(void)
{
	struct timed *t = timed_new(timed_hold);

	CHECK_EQ(stopper_timer_cancel(&t->timer), 0);
	CHECK_EQ(stopper_run_after(&t->timer, NULL, HOUR), 0);
	CHECK_EQ(stopper_run_after(&t->timer, NULL, 0), -EALREADY);
	CHECK_EQ(stopper_timer_cancel(&t->timer), 1);
	CHECK_EQ(stopper_timer_cancel(&t->timer), 0);
	CHECK_EQ(stopper_run_every(&t->timer, NULL, HOUR, HOUR, HOUR), 0);
	CHECK_EQ(stopper_timer_cancel_sync(&t->timer), 1);
	CHECK_EQ(stopper_run_after(&t->timer, NULL, 0), 0);
	CHECK_SOON(env_get(&t->hold.in) == 1);
	CHECK_EQ(stopper_timer_cancel(&t->timer), -EINPROGRESS);
	/* Noted, not pending; and taken back. */
	CHECK_EQ(stopper_run_after(&t->timer, NULL, 0), 0);
	CHECK_EQ(stopper_run_after(&t->timer, NULL, 0), -EALREADY);
	CHECK_EQ(stopper_timer_cancel(&t->timer), -EINPROGRESS);
	env_gate_open(&t->hold.gate);
	CHECK_EQ(stopper_timer_cancel_sync(&t->timer), 0);
	CHECK_EQ(env_get(&t->ran), 1);
	timed_free(t);
}

static void cancel_sync_main(void *timed)
{
	struct timed *t = timed;

	t->ret = stopper_timer_cancel_sync(&t->timer);
	CHECK_EQ(env_get(&t->hold.out), 1);
	env_inc(&t->hold.out);
}

static void cancel_sync_waits_for_the_function_and_refuses_starts(void)
{
	struct timed *t = timed_new(timed_hold);
	struct env_thread thread;

	t->ret = 1;
	CHECK_EQ(stopper_run_every(&t->timer, NULL, 0, ENV_USEC, 0), 0);
	CHECK_SOON(env_get(&t->hold.in) == 1);
	CHECK_EQ(env_spawn(&thread, cancel_sync_main, t), 0);
	CHECK_SOON(stopper_run_after(&t->timer, NULL, HOUR) == -ECANCELED);
	env_gate_open(&t->hold.gate);
	env_join(&thread);
	CHECK_EQ(t->ret, 0);
	CHECK_EQ(env_get(&t->ran), 1);
	CHECK_EQ(stopper_run_after(&t->timer, NULL, HOUR), 0);
	timed_free(t);
}

static void timed_cancels_itself(struct stopper_ctx *ctx, void *timed)
{
	struct timed *t = timed;

	CHECK_EQ(stopper_timer_cancel_sync(&t->timer), -EDEADLK);
	if (env_inc(&t->ran) == 3)
		CHECK_EQ(stopper_timer_cancel(&t->timer), -EINPROGRESS);
}

static void function_can_end_its_own_period(void)
{
	struct timed *t = timed_new(timed_cancels_itself);

	CHECK_EQ(stopper_run_every(&t->timer, NULL, 0, ENV_USEC, ENV_USEC), 0);
	CHECK_SOON(env_get(&t->ran) == 3);
	env_settle();
	CHECK_EQ(env_get(&t->ran), 3);
	timed_free(t);
}

static void timed_runs_again(struct stopper_ctx *ctx, void *timed)
{
	struct timed *t = timed;

	if (t->left-- > 0)
		CHECK_EQ(stopper_run_after(&t->timer, ctx, t->left % 2 ? 0 : ENV_USEC), 0);
	env_inc(&t->ran);
}

static void function_can_start_its_timer_again(void)
{
	struct timed *t = timed_new(timed_runs_again);
	struct stopper_ctx *ctx = new_ctx(NULL);

	t->left = 20;
	CHECK_EQ(stopper_run_after(&t->timer, ctx, 0), 0);
	stopper_ctx_put(ctx);
	CHECK_SOON(env_get(&t->ran) == 21);
	timed_free(t);
}

struct period {
	struct stopper_timer timer;
	struct env_counter ran, inside;
	struct env_gate gate;
	uint64_t missed;
};

static void period_fn(struct stopper_ctx *ctx, void *period)
{
	struct period *p = period;

	CHECK_EQ(env_inc(&p->inside), 1);
	if (env_inc(&p->ran) == 1)
		CHECK(env_gate_wait(&p->gate));
	p->missed = p->timer.missed;
	env_dec(&p->inside);
}

/* The period is far shorter than the first run: those missed are counted and not made up for. */
static void runs_do_not_overlap_and_missed_ones_are_counted(void)
{
	struct stopper *s = new_stopper(NULL);
	struct period p = { .missed = 0 };

	env_gate_init(&p.gate);
	stopper_timer_init(&p.timer, s, "period", period_fn, &p);
	CHECK_EQ(stopper_run_every(&p.timer, NULL, 0, 10 * ENV_USEC, 0), 0);
	CHECK_SOON(env_get(&p.ran) == 1);
	env_settle();
	CHECK_EQ(env_get(&p.ran), 1);
	env_gate_open(&p.gate);
	CHECK_SOON(env_get(&p.ran) > 2);
	CHECK(stopper_timer_cancel_sync(&p.timer) >= 0);
	/* env_settle() slept 5 ms: 500 periods, but for the one that was due at its end. */
	CHECK(p.missed >= 499);
	stop_and_put(s);
	env_gate_destroy(&p.gate);
}

static void timed_keep_ctx(struct stopper_ctx *ctx, void *timed)
{
	CHECK_EQ(stopper_ctx_err(ctx), -ECANCELED);
	env_inc(&((struct timed *)timed)->ran);
}

static void timer_keeps_its_context_alive(void)
{
	struct timed *t = timed_new(timed_keep_ctx);
	struct stopper_ctx *ctx = new_ctx(NULL);

	stopper_ctx_cancel(ctx);
	CHECK_EQ(stopper_run_every(&t->timer, ctx, 0, ENV_USEC, 0), 0);
	stopper_ctx_put(ctx);
	CHECK_SOON(env_get(&t->ran) > 3);
	timed_free(t);
}

#define PENDING		2000

/* In any order, and each exactly once; the rest is dropped. */
static void many_timers_run_or_are_dropped(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_timer *t = env_alloc(PENDING * sizeof(*t));
	struct env_counter ran = { 0 };
	int i;

	for (i = 0; i < PENDING; i++) {
		int64_t delay = i % 4 ? i * 7919 % PENDING * ENV_SEC + HOUR : i % 64 * ENV_USEC;

		stopper_timer_init(&t[i], s, "one of many", case_count_fn, &ran);
		CHECK_EQ(stopper_run_after(&t[i], NULL, delay), 0);
	}
	for (i = 1; i < PENDING; i += 4)
		CHECK_EQ(stopper_timer_cancel(&t[i]), 1);
	CHECK_SOON(env_get(&ran) == PENDING / 4);
	for (i = 0; i < PENDING; i += 4)
		CHECK_EQ(stopper_timer_cancel_sync(&t[i]), 0);
	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	for (i = 2; i < PENDING; i += 4)
		CHECK_EQ(stopper_timer_cancel(&t[i]), 0);
	CHECK_EQ(env_get(&ran), PENDING / 4);
	env_free(t);
	stop_and_put(s);
}

/* The stopper is freed at once: nothing of a dropped timer is left behind. */
static void stop_races_with_timers(void)
{
	int i, rounds = case_rounds(200);

	for (i = 0; i < rounds; i++) {
		struct timed *t = timed_new(timed_count);

		CHECK_EQ(stopper_run_every(&t->timer, NULL, i % 50 * ENV_USEC, 20 * ENV_USEC, 0),
			 0);
		if (i % 2)
			env_yield();
		if (i % 3)
			CHECK(stopper_timer_cancel(&t->timer) <= 1);
		timed_free(t);
	}
}

static void timer_arguments_are_checked(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_timer t;

	stopper_timer_init(NULL, s, "t", case_count_fn, NULL);
	stopper_timer_init(&t, NULL, "t", case_count_fn, NULL);
	CHECK_EQ(stopper_run_after(&t, NULL, 0), -EINVAL);
	CHECK_EQ(stopper_timer_cancel(&t), -EINVAL);
	stopper_timer_init(&t, s, "t", NULL, NULL);
	CHECK_EQ(stopper_run_after(&t, NULL, 0), -EINVAL);
	CHECK_EQ(stopper_run_after(NULL, NULL, 0), -EINVAL);
	CHECK_EQ(stopper_run_every(NULL, NULL, 0, 1, 0), -EINVAL);
	CHECK_EQ(stopper_timer_cancel(NULL), -EINVAL);
	CHECK_EQ(stopper_timer_cancel_sync(NULL), -EINVAL);
	stopper_timer_init(&t, s, "t", case_count_fn, NULL);
	CHECK_EQ(stopper_run_after(&t, NULL, -1), -EINVAL);
	CHECK_EQ(stopper_run_every(&t, NULL, 0, -1, 0), -EINVAL);
	CHECK_EQ(stopper_run_every(&t, NULL, 0, 1, -1), -EINVAL);
	CHECK_EQ(stopper_run_every(&t, NULL, 0, 1, 2), -EINVAL);
	CHECK_EQ(stopper_timer_cancel(&t), 0);
	/* Longer than time lasts. */
	CHECK_EQ(stopper_run_every(&t, NULL, INT64_MAX, INT64_MAX, INT64_MAX), 0);
	CHECK_EQ(stopper_timer_cancel(&t), 1);
	stop_and_put(s);
}

const struct test_case cases_timer[] = {
	CASE(timer_runs_once_after_its_delay),
	CASE(timer_is_no_task_before_it_fires_and_a_named_one_then),
	CASE(timer_that_is_pending_is_dropped_by_quiesce),
	CASE(stop_waits_for_a_timer_that_runs),
	CASE(cancel_says_whether_the_timer_was_pending_or_runs),
	CASE(cancel_sync_waits_for_the_function_and_refuses_starts),
	CASE(function_can_end_its_own_period),
	CASE(function_can_start_its_timer_again),
	CASE(runs_do_not_overlap_and_missed_ones_are_counted),
	CASE(timer_keeps_its_context_alive),
	CASE(many_timers_run_or_are_dropped),
	CASE(stop_races_with_timers),
	CASE(timer_arguments_are_checked),
	CASES_END
};
