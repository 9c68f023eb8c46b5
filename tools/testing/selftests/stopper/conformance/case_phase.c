// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_phase.c - the way from RUNNING to STOPPED, step by step, and Quiesce alone.
 */
#include "case.h"

static void new_stopper_is_running(void)
{
	struct stopper *s = new_stopper(NULL);

	CHECK_EQ(stopper_phase(s), STOPPER_RUNNING);
	CHECK(!stopper_event_fired(stopper_should_quiesce(s)));
	CHECK(!stopper_event_fired(stopper_should_stop(s)));
	CHECK(!stopper_event_fired(stopper_is_stopped(s)));
	CHECK_EQ(stopper_num_tasks(s), 0);
	CHECK_STR(stopper_name(s), "conf");
	stop_and_put(s);
}

static void phases_have_names(void)
{
	CHECK_STR(stopper_phase_name(STOPPER_RUNNING), "running");
	CHECK_STR(stopper_phase_name(STOPPER_QUIESCING), "quiescing");
	CHECK_STR(stopper_phase_name(STOPPER_STOPPING), "stopping");
	CHECK_STR(stopper_phase_name(STOPPER_CLOSING), "closing");
	CHECK_STR(stopper_phase_name(STOPPER_STOPPED), "stopped");
}

/* The callback of an event checks what else must be true by then. */
struct witness {
	struct stopper *s;
	struct stopper_on_fire of[3];
	struct env_counter n;
	int quiesce_at, stop_at, stopped_at;
};

static void saw_quiesce(struct stopper_on_fire *of, void *arg)
{
	struct witness *w = arg;

	w->quiesce_at = env_inc(&w->n);
	CHECK(!stopper_event_fired(stopper_should_stop(w->s)));
	CHECK(!stopper_event_fired(stopper_is_stopped(w->s)));
}

static void saw_stop(struct stopper_on_fire *of, void *arg)
{
	struct witness *w = arg;

	w->stop_at = env_inc(&w->n);
	CHECK(stopper_event_fired(stopper_should_quiesce(w->s)));
	CHECK(!stopper_event_fired(stopper_is_stopped(w->s)));
	CHECK_EQ(stopper_num_tasks(w->s), 0);
}

static void saw_stopped(struct stopper_on_fire *of, void *arg)
{
	struct witness *w = arg;

	w->stopped_at = env_inc(&w->n);
	CHECK(stopper_event_fired(stopper_should_quiesce(w->s)));
	CHECK(stopper_event_fired(stopper_should_stop(w->s)));
}

static void watch(struct witness *w, struct stopper *s)
{
	memset(w, 0, sizeof(*w));
	w->s = s;
	CHECK_EQ(stopper_event_on_fire(stopper_is_stopped(s), &w->of[2], saw_stopped, w), 0);
	CHECK_EQ(stopper_event_on_fire(stopper_should_stop(s), &w->of[1], saw_stop, w), 0);
	CHECK_EQ(stopper_event_on_fire(stopper_should_quiesce(s), &w->of[0], saw_quiesce, w), 0);
}

static void should_quiesce_before_should_stop_before_is_stopped(void)
{
	struct case_worker worker = { .s = new_stopper(NULL) };
	struct witness w;
	struct case_hold task;

	watch(&w, worker.s);
	case_hold_init(&task);
	CHECK_EQ(stopper_run_async_task(worker.s, NULL, "task", case_hold_fn, &task), 0);
	CHECK_EQ(stopper_run_worker(worker.s, NULL, "worker", case_worker_fn, &worker), 0);
	env_gate_open(&task.gate);
	stop_and_put(stopper_get(worker.s));
	CHECK_EQ(w.quiesce_at, 1);
	CHECK_EQ(w.stop_at, 2);
	CHECK_EQ(w.stopped_at, 3);
	stopper_put(worker.s);
	case_hold_destroy(&task);
}

static void phases_are_never_left_backwards(void)
{
	struct stopper *s = new_stopper(NULL);
	struct case_call stop;
	enum stopper_phase last = STOPPER_RUNNING, now;

	case_stop_begin(&stop, s, NULL);
	do {
		now = stopper_phase(s);
		CHECK(now >= last);
		last = now;
		env_yield();
	} while (!env_get(&stop.returned));
	CHECK_EQ(case_call_end(&stop), 0);
	CHECK_EQ(stopper_phase(s), STOPPER_STOPPED);
	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	CHECK_EQ(stopper_phase(s), STOPPER_STOPPED);
	stopper_put(s);
}

static void stop_takes_each_phase_in_turn(void)
{
	struct stopper *s = new_stopper(NULL);
	struct case_hold task, worker, closer;
	struct case_call stop;

	case_hold_init(&task);
	case_hold_init(&worker);
	case_hold_init(&closer);
	CHECK_EQ(stopper_run_async_task(s, NULL, "task", case_hold_fn, &task), 0);
	CHECK_EQ(stopper_run_worker(s, NULL, "worker", case_hold_fn, &worker), 0);
	CHECK_EQ(stopper_add_closer_fn(s, "closer", case_hold_closer_fn, &closer), 0);

	case_stop_begin(&stop, s, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(s)));
	env_settle();
	CHECK_EQ(stopper_phase(s), STOPPER_QUIESCING);
	CHECK(!stopper_event_fired(stopper_should_stop(s)));
	env_gate_open(&task.gate);

	CHECK_SOON(stopper_event_fired(stopper_should_stop(s)));
	env_settle();
	CHECK_EQ(stopper_phase(s), STOPPER_STOPPING);
	CHECK_EQ(env_get(&closer.in), 0);
	env_gate_open(&worker.gate);

	CHECK_SOON(env_get(&closer.in));
	env_settle();
	CHECK_EQ(stopper_phase(s), STOPPER_CLOSING);
	CHECK(!stopper_event_fired(stopper_is_stopped(s)));
	env_gate_open(&closer.gate);

	CHECK_EQ(stopper_wait(stopper_is_stopped(s), NULL), 0);
	CHECK_EQ(case_call_end(&stop), 0);
	CHECK_EQ(stopper_phase(s), STOPPER_STOPPED);
	stopper_put(s);
	case_hold_destroy(&task);
	case_hold_destroy(&worker);
	case_hold_destroy(&closer);
}

static void quiesce_alone_does_not_stop(void)
{
	struct case_worker w = { .s = new_stopper(NULL) };
	int i;

	CHECK_EQ(stopper_run_worker(w.s, NULL, "worker", case_worker_fn, &w), 0);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(stopper_quiesce(w.s, NULL), 0);
		env_settle();
		CHECK_EQ(stopper_phase(w.s), STOPPER_QUIESCING);
		CHECK(stopper_event_fired(stopper_should_quiesce(w.s)));
		CHECK(!stopper_event_fired(stopper_should_stop(w.s)));
		CHECK(!stopper_event_fired(stopper_is_stopped(w.s)));
		CHECK_EQ(env_get(&w.out), 0);
	}
	stop_and_put(w.s);
}

static void quiesce_of_a_stopped_stopper_returns_at_once(void)
{
	struct stopper *s = new_stopper(NULL);

	CHECK_EQ(stopper_stop(s, NULL), 0);
	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	stopper_put(s);
}

static void several_stoppers_quiesce_in_a_row(void)
{
	struct case_call quiesce[5];
	struct case_hold hold[5];
	struct stopper *s[5];
	int i;

	for (i = 0; i < 5; i++) {
		s[i] = new_stopper(NULL);
		case_hold_init(&hold[i]);
		CHECK_EQ(stopper_run_async_task(s[i], NULL, "hold", case_hold_fn, &hold[i]), 0);
	}
	for (i = 0; i < 5; i++)
		case_quiesce_begin(&quiesce[i], s[i], NULL);
	for (i = 0; i < 5; i++)
		CHECK_SOON(stopper_event_fired(stopper_should_quiesce(s[i])));
	/* one after the other, and the end of one does not end another */
	for (i = 0; i < 5; i++) {
		CHECK(!env_get(&quiesce[i].returned));
		env_gate_open(&hold[i].gate);
		CHECK_EQ(case_call_end(&quiesce[i]), 0);
		CHECK_EQ(stopper_num_tasks(s[i]), 0);
	}
	for (i = 0; i < 5; i++) {
		stop_and_put(s[i]);
		case_hold_destroy(&hold[i]);
	}
}

static void quiesce_deadline_leaves_the_phase_and_a_later_one_goes_on(void)
{
	struct stopper_ctx *ctx = new_ctx_timeout(NULL, ENV_SEC);	/* far off on a slow CPU */
	struct stopper *s = new_stopper(NULL);
	struct env_counter ran = { 0 };
	struct stopper_task task;

	CHECK_EQ(stopper_task_begin(s, NULL, "task", &task), 0);
	CHECK_EQ(stopper_quiesce(s, ctx), -ETIMEDOUT);
	CHECK_EQ(stopper_phase(s), STOPPER_QUIESCING);
	CHECK(stopper_event_fired(stopper_should_quiesce(s)));
	CHECK_EQ(stopper_run_task(s, NULL, "late", case_count_fn, &ran), -ESHUTDOWN);
	CHECK_EQ(stopper_num_tasks(s), 1);
	stopper_task_end(&task);
	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	stop_and_put(s);
	CHECK_EQ(env_get(&ran), 0);
	stopper_ctx_put(ctx);
}

static void quiesce_given_up_by_cancel(void)
{
	struct stopper_ctx *ctx = new_ctx(NULL);
	struct stopper *s = new_stopper(NULL);
	struct stopper_task task;
	struct case_call quiesce;

	CHECK_EQ(stopper_task_begin(s, NULL, "task", &task), 0);
	case_quiesce_begin(&quiesce, s, ctx);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(s)));
	stopper_ctx_cancel(ctx);
	CHECK_EQ(case_call_end(&quiesce), -ECANCELED);
	CHECK_EQ(stopper_phase(s), STOPPER_QUIESCING);
	stopper_task_end(&task);
	stop_and_put(s);
	stopper_ctx_put(ctx);
}

static void many_quiesces_and_stops_at_once_all_return(void)
{
	struct case_call call[12];
	struct stopper *s = new_stopper(NULL);
	struct stopper_task task;
	unsigned int i;

	CHECK_EQ(stopper_task_begin(s, NULL, "task", &task), 0);
	for (i = 0; i < ARRAY_SIZE(call); i++) {
		if (i % 2)
			case_stop_begin(&call[i], s, NULL);
		else
			case_quiesce_begin(&call[i], s, NULL);
	}
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(s)));
	env_settle();
	for (i = 0; i < ARRAY_SIZE(call); i++)
		CHECK(!env_get(&call[i].returned));
	stopper_task_end(&task);
	for (i = 0; i < ARRAY_SIZE(call); i++)
		CHECK_EQ(case_call_end(&call[i]), 0);
	CHECK_EQ(stopper_phase(s), STOPPER_STOPPED);
	stopper_put(s);
}

static void reference_keeps_a_stopped_stopper(void)
{
	struct stopper *s = new_stopper(NULL);

	CHECK(stopper_get(s) == s);
	CHECK_EQ(stopper_stop(s, NULL), 0);
	stopper_put(s);
	CHECK_EQ(stopper_phase(s), STOPPER_STOPPED);
	CHECK(stopper_event_fired(stopper_is_stopped(s)));
	CHECK_STR(stopper_name(s), "conf");
	stopper_put(s);
	CHECK(!stopper_get(NULL));
	stopper_put(NULL);
}

const struct test_case cases_phase[] = {
	CASE(new_stopper_is_running),
	CASE(phases_have_names),
	CASE(should_quiesce_before_should_stop_before_is_stopped),
	CASE(phases_are_never_left_backwards),
	CASE(stop_takes_each_phase_in_turn),
	CASE(quiesce_alone_does_not_stop),
	CASE(quiesce_of_a_stopped_stopper_returns_at_once),
	CASE(several_stoppers_quiesce_in_a_row),
	CASE(quiesce_deadline_leaves_the_phase_and_a_later_one_goes_on),
	CASE(quiesce_given_up_by_cancel),
	CASE(many_quiesces_and_stops_at_once_all_return),
	CASE(reference_keeps_a_stopped_stopper),
	CASES_END
};
