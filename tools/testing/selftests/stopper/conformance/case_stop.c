// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_stop.c - Stop: given up, taken over, concurrent, from inside, and begun without waiting.
 */
#include "case.h"

static void stop_of_an_idle_stopper_returns(void)
{
	int i;

	for (i = 0; i < case_rounds(200); i++)
		stop_and_put(new_stopper(NULL));
}

static void stop_is_blocked_by_a_task(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task task;
	struct case_call stop;

	CHECK_EQ(stopper_task_begin(s, NULL, "task", &task), 0);
	case_stop_begin(&stop, s, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(s)));
	env_settle();
	CHECK(!env_get(&stop.returned));
	CHECK(!stopper_event_fired(stopper_should_stop(s)));
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&stop), 0);
	stopper_put(s);
}

static void stop_of_a_stopped_stopper_returns_0_at_once(void)
{
	struct stopper_ctx *ended = new_ctx(NULL);
	struct stopper *s = new_stopper(NULL);

	stopper_ctx_cancel(ended);
	CHECK_EQ(stopper_stop(s, NULL), 0);
	CHECK_EQ(stopper_stop(s, NULL), 0);
	CHECK_EQ(stopper_stop(s, ended), 0);
	CHECK_EQ(stopper_stop_async(s), 0);
	stopper_put(s);
	stopper_ctx_put(ended);
}

static void stop_deadline_leaves_the_phase_and_a_later_stop_goes_on(void)
{
	struct stopper_ctx *ctx = new_ctx_timeout(NULL, 20 * ENV_MSEC);
	struct stopper *s = new_stopper(NULL);
	struct env_counter closed = { 0 };
	struct stopper_task task;

	CHECK_EQ(stopper_add_closer_fn(s, "closer", case_count_plain, &closed), 0);
	CHECK_EQ(stopper_task_begin(s, NULL, "task", &task), 0);
	CHECK_EQ(stopper_stop(s, ctx), -ETIMEDOUT);
	CHECK_EQ(stopper_phase(s), STOPPER_QUIESCING);
	CHECK_EQ(stopper_stop(s, ctx), -ETIMEDOUT);
	CHECK_EQ(stopper_phase(s), STOPPER_QUIESCING);
	CHECK_EQ(env_get(&closed), 0);
	stopper_task_end(&task);
	env_settle();
	CHECK(!stopper_event_fired(stopper_is_stopped(s)));
	stop_and_put(s);
	CHECK_EQ(env_get(&closed), 1);
	stopper_ctx_put(ctx);
}

static void stop_given_up_while_a_worker_runs(void)
{
	struct stopper_ctx *ctx = new_ctx(NULL);
	struct stopper *s = new_stopper(NULL);
	struct case_call stop;
	struct case_hold h;

	case_hold_init(&h);
	CHECK_EQ(stopper_run_worker(s, NULL, "slow", case_hold_fn, &h), 0);
	case_stop_begin(&stop, s, ctx);
	CHECK_SOON(stopper_event_fired(stopper_should_stop(s)));
	stopper_ctx_cancel(ctx);
	CHECK_EQ(case_call_end(&stop), -ECANCELED);
	CHECK_EQ(stopper_phase(s), STOPPER_STOPPING);
	env_gate_open(&h.gate);
	stop_and_put(s);
	CHECK_EQ(env_get(&h.out), 1);
	stopper_ctx_put(ctx);
	case_hold_destroy(&h);
}

static void stop_given_up_while_a_closer_runs(void)
{
	struct stopper_ctx *ctx = new_ctx(NULL);
	struct stopper *s = new_stopper(NULL);
	struct env_counter closed = { 0 };
	struct case_call stop;
	struct case_hold h;

	case_hold_init(&h);
	CHECK_EQ(stopper_add_closer_fn(s, "slow", case_hold_closer_fn, &h), 0);
	CHECK_EQ(stopper_add_closer_fn(s, "next", case_count_plain, &closed), 0);
	case_stop_begin(&stop, s, ctx);
	CHECK_SOON(env_get(&h.in));
	stopper_ctx_cancel(ctx);
	/* although the closer still runs */
	CHECK_EQ(case_call_end(&stop), -ECANCELED);
	CHECK_EQ(stopper_phase(s), STOPPER_CLOSING);
	CHECK_EQ(env_get(&h.out), 0);
	CHECK_EQ(env_get(&closed), 0);
	env_gate_open(&h.gate);
	stop_and_put(s);
	CHECK_EQ(env_get(&h.out), 1);
	CHECK_EQ(env_get(&closed), 1);
	stopper_ctx_put(ctx);
	case_hold_destroy(&h);
}

static void concurrent_stops_all_wait_for_the_end(void)
{
	struct stopper *s = new_stopper(NULL);
	struct env_counter closed = { 0 };
	struct case_call stop[5];
	struct case_hold h;
	unsigned int i;

	case_hold_init(&h);
	CHECK_EQ(stopper_add_closer_fn(s, "first", case_count_plain, &closed), 0);
	CHECK_EQ(stopper_add_closer_fn(s, "slow", case_hold_closer_fn, &h), 0);
	for (i = 0; i < ARRAY_SIZE(stop); i++)
		case_stop_begin(&stop[i], s, NULL);
	CHECK_SOON(env_get(&h.in));
	env_settle();
	for (i = 0; i < ARRAY_SIZE(stop); i++)
		CHECK(!env_get(&stop[i].returned));
	env_gate_open(&h.gate);
	for (i = 0; i < ARRAY_SIZE(stop); i++)
		CHECK_EQ(case_call_end(&stop[i]), 0);
	CHECK_EQ(env_get(&closed), 1);
	CHECK_EQ(env_get(&h.in), 1);
	stopper_put(s);
	case_hold_destroy(&h);
}

static void another_stop_takes_over_when_the_first_gives_up(void)
{
	struct stopper_ctx *ctx = new_ctx(NULL);
	struct stopper *s = new_stopper(NULL);
	struct env_counter closed = { 0 };
	struct case_call first, second, third;
	struct stopper_task task;

	CHECK_EQ(stopper_add_closer_fn(s, "closer", case_count_plain, &closed), 0);
	CHECK_EQ(stopper_task_begin(s, NULL, "task", &task), 0);
	case_stop_begin(&first, s, ctx);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(s)));
	case_stop_begin(&second, s, NULL);
	case_stop_begin(&third, s, NULL);
	env_settle();
	stopper_ctx_cancel(ctx);
	CHECK_EQ(case_call_end(&first), -ECANCELED);
	CHECK(!env_get(&second.returned));
	CHECK(!env_get(&third.returned));
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&second), 0);
	CHECK_EQ(case_call_end(&third), 0);
	CHECK_EQ(env_get(&closed), 1);
	CHECK_EQ(stopper_phase(s), STOPPER_STOPPED);
	stopper_put(s);
	stopper_ctx_put(ctx);
}

static void a_waiting_stop_may_give_up_alone(void)
{
	struct stopper_ctx *ctx = new_ctx(NULL);
	struct stopper *s = new_stopper(NULL);
	struct case_call first, second;
	struct stopper_task task;

	CHECK_EQ(stopper_task_begin(s, NULL, "task", &task), 0);
	case_stop_begin(&first, s, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(s)));
	case_stop_begin(&second, s, ctx);
	env_settle();
	stopper_ctx_cancel(ctx);
	CHECK_EQ(case_call_end(&second), -ECANCELED);
	CHECK(!env_get(&first.returned));
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&first), 0);
	stopper_put(s);
	stopper_ctx_put(ctx);
}

static void stop_taken_over_many_times_ends_once(void)
{
	int round;

	for (round = 0; round < case_rounds(60); round++) {
		struct stopper *s = new_stopper(NULL);
		struct env_counter closed = { 0 };
		struct stopper_ctx *ctx[4];
		struct case_call stop[4], last;
		struct stopper_task task;
		int i, err;

		CHECK_EQ(stopper_add_closer_fn(s, "closer", case_count_plain, &closed), 0);
		CHECK_EQ(stopper_task_begin(s, NULL, "task", &task), 0);
		for (i = 0; i < 4; i++) {
			ctx[i] = new_ctx(NULL);
			case_stop_begin(&stop[i], s, ctx[i]);
		}
		case_stop_begin(&last, s, NULL);
		for (i = 0; i < 4; i++) {
			stopper_ctx_cancel(ctx[i]);
			if (i == round % 4)
				stopper_task_end(&task);
		}
		for (i = 0; i < 4; i++) {
			err = case_call_end(&stop[i]);
			CHECK(err == 0 || err == -ECANCELED);
			stopper_ctx_put(ctx[i]);
		}
		CHECK_EQ(case_call_end(&last), 0);
		CHECK_EQ(env_get(&closed), 1);
		stopper_put(s);
	}
}

/* --- from inside ------------------------------------------------------------------------------ */

struct inside {
	struct stopper *s;
	struct stopper *other;
	struct env_counter ran;
	int want_quiesce;
};

static void stop_from_inside(struct inside *in)
{
	enum stopper_phase phase = stopper_phase(in->s);

	CHECK_EQ(stopper_stop(in->s, NULL), -EDEADLK);
	CHECK_EQ(stopper_phase(in->s), phase);
	CHECK_EQ(stopper_quiesce(in->s, NULL), in->want_quiesce);
	if (in->want_quiesce)
		CHECK_EQ(stopper_phase(in->s), phase);
	env_inc(&in->ran);
}

static void inside_task(struct stopper_ctx *ctx, void *arg)
{
	stop_from_inside(arg);
}

static int inside_task_err(struct stopper_ctx *ctx, void *arg)
{
	stop_from_inside(arg);
	return 0;
}

static void inside_closer(void *arg)
{
	stop_from_inside(arg);
}

static void stop_and_quiesce_in_a_task_are_edeadlk_and_change_nothing(void)
{
	struct inside in = { .s = new_stopper(NULL), .want_quiesce = -EDEADLK };
	struct stopper_sem sem;

	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	CHECK_EQ(stopper_run_task(in.s, NULL, "sync", inside_task, &in), 0);
	CHECK_EQ(stopper_phase(in.s), STOPPER_RUNNING);
	CHECK_EQ(stopper_run_task_err(in.s, NULL, "err", inside_task_err, &in), 0);
	CHECK_EQ(stopper_run_async_task(in.s, NULL, "async", inside_task, &in), 0);
	CHECK_EQ(stopper_run_limited_async_task(in.s, NULL, "limited", &sem, true, inside_task,
						&in), 0);
	CHECK_SOON(env_get(&in.ran) == 4);
	CHECK_EQ(stopper_phase(in.s), STOPPER_RUNNING);
	CHECK(!stopper_event_fired(stopper_should_quiesce(in.s)));
	CHECK_EQ(stopper_run_task(in.s, NULL, "still", inside_task, &in), 0);
	stop_and_put(in.s);
	CHECK_EQ(env_get(&in.ran), 5);
	stopper_sem_destroy(&sem);
}

static void stop_in_a_worker_is_edeadlk_and_quiesce_is_not(void)
{
	struct inside in = { .s = new_stopper(NULL), .want_quiesce = 0 };

	CHECK_EQ(stopper_run_worker(in.s, NULL, "worker", inside_task, &in), 0);
	CHECK_SOON(env_get(&in.ran) == 1);
	CHECK_EQ(stopper_phase(in.s), STOPPER_QUIESCING);
	stop_and_put(in.s);
}

static void stop_in_a_closer_is_edeadlk(void)
{
	struct inside in = { .s = new_stopper(NULL), .want_quiesce = 0 };
	struct stopper_ctx *ctx = new_ctx(NULL);

	CHECK_EQ(stopper_add_closer_fn(in.s, "closer", inside_closer, &in), 0);
	stop_and_put(in.s);
	CHECK_EQ(env_get(&in.ran), 1);

	/* a Stop with a context runs them on another thread */
	in.s = new_stopper(NULL);
	CHECK_EQ(stopper_add_closer_fn(in.s, "closer", inside_closer, &in), 0);
	CHECK_EQ(stopper_stop(in.s, ctx), 0);
	CHECK_EQ(env_get(&in.ran), 2);
	stopper_put(in.s);
	stopper_ctx_put(ctx);
}

static void stop_other(struct stopper_ctx *ctx, void *arg)
{
	struct inside *in = arg;

	CHECK_EQ(stopper_stop(in->other, NULL), 0);
	CHECK_EQ(stopper_phase(in->s), STOPPER_RUNNING);
	env_inc(&in->ran);
}

static void stop_of_another_stopper_in_a_task_is_fine(void)
{
	struct inside in = { .s = new_stopper(NULL), .other = new_stopper(NULL) };

	CHECK_EQ(stopper_run_task(in.s, NULL, "task", stop_other, &in), 0);
	CHECK_EQ(env_get(&in.ran), 1);
	stop_and_put(in.s);
	stopper_put(in.other);
}

static void nest(struct stopper_ctx *ctx, void *arg)
{
	struct inside *in = arg;

	CHECK_EQ(stopper_run_task(in->other, NULL, "inner", inside_task, in), 0);
}

static void stop_in_a_nested_task_of_another_stopper_is_edeadlk(void)
{
	struct inside in = { .s = new_stopper(NULL), .other = new_stopper(NULL),
			     .want_quiesce = -EDEADLK };

	CHECK_EQ(stopper_run_task(in.s, NULL, "outer", nest, &in), 0);
	CHECK_EQ(env_get(&in.ran), 1);
	stop_and_put(in.s);
	stop_and_put(in.other);
}

/* --- with a context that has ended ------------------------------------------------------------ */

/* What has begun: phase, contexts, ShouldQuiesce, children. */
static void check_begun(struct stopper *s, struct stopper *child, struct stopper_ctx *tied)
{
	struct env_counter ran = { 0 };

	CHECK_EQ(stopper_phase(s), STOPPER_QUIESCING);
	CHECK(stopper_event_fired(stopper_should_quiesce(s)));
	CHECK_EQ(stopper_ctx_err(tied), -ECANCELED);
	CHECK_EQ(stopper_run_task(s, NULL, "late", case_count_fn, &ran), -ESHUTDOWN);
	CHECK_EQ(stopper_phase(child), STOPPER_QUIESCING);
	CHECK(stopper_event_fired(stopper_should_quiesce(child)));
	CHECK_EQ(env_get(&ran), 0);
}

static void begin_with_an_ended_context(bool stop, struct stopper_ctx *ended, int want)
{
	struct stopper *s = new_stopper(NULL), *child = new_child("child", s);
	struct stopper_ctx *tied = NULL;
	struct stopper_task task;

	CHECK_EQ(stopper_ctx_with_cancel_on_quiesce(s, NULL, &tied), 0);
	CHECK_EQ(stopper_task_begin(s, NULL, "task", &task), 0);
	CHECK_EQ(stopper_ctx_err(ended), want);
	CHECK_EQ(stop ? stopper_stop(s, ended) : stopper_quiesce(s, ended), want);
	check_begun(s, child, tied);
	stopper_task_end(&task);
	stop_and_put(s);
	CHECK_EQ(stopper_phase(child), STOPPER_STOPPED);
	stopper_put(child);
	stopper_ctx_put(tied);
}

static void stop_and_quiesce_begin_with_an_ended_context(void)
{
	struct stopper_ctx *cancelled = new_ctx(NULL), *late = new_ctx_timeout(NULL, 0);

	stopper_ctx_cancel(cancelled);
	begin_with_an_ended_context(true, cancelled, -ECANCELED);
	begin_with_an_ended_context(false, cancelled, -ECANCELED);
	begin_with_an_ended_context(true, late, -ETIMEDOUT);
	begin_with_an_ended_context(false, late, -ETIMEDOUT);
	stopper_ctx_put(cancelled);
	stopper_ctx_put(late);
}

struct slow_callback {
	struct stopper_on_fire of;
	struct stopper *s;
	struct case_hold hold;
};

static void call_slowly(struct stopper_on_fire *of, void *arg)
{
	struct slow_callback *cb = arg;

	/* It belongs to the stop, whichever thread leads it. */
	CHECK_EQ(stopper_stop(cb->s, NULL), -EDEADLK);
	CHECK_EQ(stopper_quiesce(cb->s, NULL), -EDEADLK);
	case_hold_fn(NULL, &cb->hold);
}

static void stop_returns_after_the_callbacks_of_another_stop(void)
{
	struct slow_callback cb = { .s = new_stopper(NULL) };
	struct stopper_ctx *ended = new_ctx(NULL);
	struct case_call first, second;

	stopper_ctx_cancel(ended);
	case_hold_init(&cb.hold);
	CHECK_EQ(stopper_event_on_fire(stopper_should_quiesce(cb.s), &cb.of, call_slowly, &cb), 0);
	case_stop_begin(&first, cb.s, ended);
	CHECK_SOON(env_get(&cb.hold.in) == 1);
	case_stop_begin(&second, cb.s, NULL);
	env_settle();
	CHECK(!env_get(&second.returned));
	CHECK_EQ(stopper_phase(cb.s), STOPPER_QUIESCING);
	env_gate_open(&cb.hold.gate);
	CHECK_EQ(case_call_end(&second), 0);
	CHECK_EQ(env_get(&cb.hold.out), 1);
	case_call_end(&first);
	stopper_put(cb.s);
	stopper_ctx_put(ended);
	case_hold_destroy(&cb.hold);
}

/* --- without waiting -------------------------------------------------------------------------- */

static void begin_stop(struct stopper_ctx *ctx, void *arg)
{
	struct inside *in = arg;

	CHECK_EQ(stopper_stop_async(in->s), 0);
	CHECK_EQ(stopper_stop_async(in->s), 0);
	/* no deadlock, and the stop waits for this very task or worker */
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(in->s)));
	env_settle();
	CHECK(!stopper_event_fired(stopper_is_stopped(in->s)));
	env_inc(&in->ran);
}

static void begin_stop_in_closer(void *arg)
{
	begin_stop(NULL, arg);
}

static void stop_begun_in_a_task(void)
{
	struct inside in = { .s = new_stopper(NULL) };

	CHECK_EQ(stopper_run_task(in.s, NULL, "task", begin_stop, &in), 0);
	CHECK_EQ(stopper_wait(stopper_is_stopped(in.s), NULL), 0);
	stopper_put(in.s);

	in.s = new_stopper(NULL);
	CHECK_EQ(stopper_run_async_task(in.s, NULL, "async", begin_stop, &in), 0);
	CHECK_EQ(stopper_wait(stopper_is_stopped(in.s), NULL), 0);
	CHECK_EQ(stopper_stop(in.s, NULL), 0);
	stopper_put(in.s);
	CHECK_EQ(env_get(&in.ran), 2);
}

static void stop_begun_in_a_worker_or_closer(void)
{
	struct inside in = { .s = new_stopper(NULL) };

	CHECK_EQ(stopper_run_worker(in.s, NULL, "worker", begin_stop, &in), 0);
	CHECK_EQ(stopper_add_closer_fn(in.s, "closer", begin_stop_in_closer, &in), 0);
	CHECK_EQ(stopper_wait(stopper_is_stopped(in.s), NULL), 0);
	CHECK_EQ(env_get(&in.ran), 2);
	stopper_put(in.s);
}

static void stop_async_keeps_the_stopper_until_it_is_stopped(void)
{
	struct env_counter closed = { 0 };
	int round;

	for (round = 0; round < case_rounds(100); round++) {
		struct stopper *s = new_stopper(NULL);

		CHECK_EQ(stopper_add_closer_fn(s, "closer", case_count_plain, &closed), 0);
		CHECK_EQ(stopper_stop_async(s), 0);
		stopper_put(s);
	}
	CHECK_SOON(env_get(&closed) == case_rounds(100));
}

static void stop_and_stop_async_meet(void)
{
	int round;

	for (round = 0; round < case_rounds(100); round++) {
		struct stopper *s = new_stopper(NULL);
		struct env_counter closed = { 0 };

		CHECK_EQ(stopper_add_closer_fn(s, "closer", case_count_plain, &closed), 0);
		CHECK_EQ(stopper_stop_async(s), 0);
		CHECK_EQ(stopper_stop(s, NULL), 0);
		CHECK_EQ(env_get(&closed), 1);
		stopper_put(s);
	}
}

const struct test_case cases_stop[] = {
	CASE(stop_of_an_idle_stopper_returns),
	CASE(stop_is_blocked_by_a_task),
	CASE(stop_of_a_stopped_stopper_returns_0_at_once),
	CASE(stop_deadline_leaves_the_phase_and_a_later_stop_goes_on),
	CASE(stop_given_up_while_a_worker_runs),
	CASE(stop_given_up_while_a_closer_runs),
	CASE(concurrent_stops_all_wait_for_the_end),
	CASE(another_stop_takes_over_when_the_first_gives_up),
	CASE(a_waiting_stop_may_give_up_alone),
	CASE(stop_taken_over_many_times_ends_once),
	CASE(stop_and_quiesce_in_a_task_are_edeadlk_and_change_nothing),
	CASE(stop_in_a_worker_is_edeadlk_and_quiesce_is_not),
	CASE(stop_in_a_closer_is_edeadlk),
	CASE(stop_of_another_stopper_in_a_task_is_fine),
	CASE(stop_in_a_nested_task_of_another_stopper_is_edeadlk),
	CASE(stop_and_quiesce_begin_with_an_ended_context),
	CASE(stop_returns_after_the_callbacks_of_another_stop),
	CASE(stop_begun_in_a_task),
	CASE(stop_begun_in_a_worker_or_closer),
	CASE(stop_async_keeps_the_stopper_until_it_is_stopped),
	CASE(stop_and_stop_async_meet),
	CASES_END
};
