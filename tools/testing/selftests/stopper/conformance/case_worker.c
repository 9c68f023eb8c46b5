// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_worker.c - workers: run until ShouldStop, are waited for, are refused from STOPPING on.
 */
#include "case.h"

static void worker_runs_until_should_stop(void)
{
	struct case_worker w = { .s = new_stopper(NULL) };

	CHECK_EQ(stopper_run_worker(w.s, NULL, "worker", case_worker_fn, &w), 0);
	CHECK_SOON(env_get(&w.in));
	env_settle();
	CHECK_EQ(env_get(&w.out), 0);
	stop_and_put(w.s);
	CHECK_EQ(env_get(&w.in), 1);
	CHECK_EQ(env_get(&w.out), 1);
}

static void worker_is_not_counted_as_a_task(void)
{
	struct case_worker w = { .s = new_stopper(NULL) };

	CHECK_EQ(stopper_run_worker(w.s, NULL, "worker", case_worker_fn, &w), 0);
	CHECK_SOON(env_get(&w.in));
	CHECK_EQ(stopper_num_tasks(w.s), 0);
	CHECK_EQ(stopper_running_tasks(w.s, NULL, 0), 0);
	/* nor does Quiesce wait for it */
	CHECK_EQ(stopper_quiesce(w.s, NULL), 0);
	CHECK_EQ(env_get(&w.out), 0);
	stop_and_put(w.s);
}

struct about {
	struct env_counter ran;
	struct stopper_ctx *ctx;
	int tid;
	int err;
	char comm[32];
};

static void about(struct stopper_ctx *ctx, void *arg)
{
	struct about *a = arg;

	a->ctx = ctx;
	a->err = stopper_ctx_err(ctx);
	a->tid = env_tid();
	env_comm(a->comm, sizeof(a->comm));
	env_inc(&a->ran);
}

static void worker_has_a_thread_with_its_name(void)
{
	struct stopper *s = new_stopper(NULL);
	struct about a = { .tid = 0 };

	CHECK_EQ(stopper_run_worker(s, NULL, "gossip-with-peers", about, &a), 0);
	stop_and_put(s);
	CHECK_EQ(env_get(&a.ran), 1);
	CHECK(case_is_comm_of(a.comm, "gossip-with-peers"));
	CHECK(a.tid != env_tid());
}

static void worker_gets_its_context_and_keeps_it_alive(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_ctx *ctx = new_ctx(NULL);
	struct about a = { .tid = 0 };

	CHECK_EQ(stopper_run_worker(s, ctx, "about", about, &a), 0);
	stopper_ctx_put(ctx);
	stop_and_put(s);
	CHECK_EQ(env_get(&a.ran), 1);
	CHECK(a.ctx == ctx);
	CHECK_EQ(a.err, 0);
}

static void worker_may_return_before_it_is_told_to(void)
{
	struct stopper *s = new_stopper(NULL);
	struct env_counter ran = { 0 };
	int i;

	for (i = 0; i < 20; i++)
		CHECK_EQ(stopper_run_worker(s, NULL, "brief", case_count_fn, &ran), 0);
	CHECK_SOON(env_get(&ran) == 20);
	CHECK(!stopper_event_fired(stopper_should_stop(s)));
	stop_and_put(s);
	CHECK_EQ(env_get(&ran), 20);
}

static void many_workers_are_all_waited_for(void)
{
	struct case_worker w = { .s = new_stopper(NULL) };
	int n = 50, i;

	for (i = 0; i < n; i++)
		CHECK_EQ(stopper_run_worker(w.s, NULL, "worker", case_worker_fn, &w), 0);
	stop_and_put(w.s);
	CHECK_EQ(env_get(&w.in), n);
	CHECK_EQ(env_get(&w.out), n);
}

static void stop_is_blocked_by_a_worker(void)
{
	struct stopper *s = new_stopper(NULL);
	struct case_call stop;
	struct case_hold h;

	case_hold_init(&h);
	CHECK_EQ(stopper_run_worker(s, NULL, "slow", case_hold_fn, &h), 0);
	case_stop_begin(&stop, s, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_stop(s)) && env_get(&h.in));
	env_settle();
	CHECK(!env_get(&stop.returned));
	CHECK(!stopper_event_fired(stopper_is_stopped(s)));
	CHECK_EQ(stopper_phase(s), STOPPER_STOPPING);
	env_gate_open(&h.gate);
	CHECK_EQ(case_call_end(&stop), 0);
	CHECK_EQ(env_get(&h.out), 1);
	CHECK(stopper_event_fired(stopper_is_stopped(s)));
	stopper_put(s);
	case_hold_destroy(&h);
}

static void worker_is_accepted_while_quiescing(void)
{
	struct case_worker w = { .s = new_stopper(NULL) };

	CHECK_EQ(stopper_quiesce(w.s, NULL), 0);
	CHECK_EQ(stopper_phase(w.s), STOPPER_QUIESCING);
	CHECK_EQ(stopper_run_worker(w.s, NULL, "late", case_worker_fn, &w), 0);
	stop_and_put(w.s);
	CHECK_EQ(env_get(&w.in), 1);
	CHECK_EQ(env_get(&w.out), 1);
}

static void worker_is_refused_from_stopping_on(void)
{
	struct stopper *s = new_stopper(NULL);
	struct env_counter ran = { 0 };
	struct case_call stop;
	struct case_hold h;

	case_hold_init(&h);
	CHECK_EQ(stopper_run_worker(s, NULL, "slow", case_hold_fn, &h), 0);
	case_stop_begin(&stop, s, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_stop(s)));
	CHECK_EQ(stopper_run_worker(s, NULL, "late", case_count_fn, &ran), -ESHUTDOWN);
	env_gate_open(&h.gate);
	CHECK_EQ(case_call_end(&stop), 0);
	CHECK_EQ(stopper_run_worker(s, NULL, "late", case_count_fn, &ran), -ESHUTDOWN);
	stopper_put(s);
	CHECK_EQ(env_get(&ran), 0);
	case_hold_destroy(&h);
}

struct tasker {
	struct stopper *s;
	struct env_counter ran, refused;
};

static void run_tasks(struct stopper_ctx *ctx, void *arg)
{
	struct tasker *t = arg;
	struct env_counter ignored = { 0 };

	while (!stopper_event_fired(stopper_should_stop(t->s))) {
		int err = stopper_run_task(t->s, NULL, "by a worker", case_count_fn, &ignored);

		if (!err)
			env_inc(&t->ran);
		else if (CHECK_EQ(err, -ESHUTDOWN))
			env_inc(&t->refused);
		env_yield();
	}
}

static void worker_runs_tasks_until_quiescing(void)
{
	struct tasker t = { .s = new_stopper(NULL) };
	int ran;

	CHECK_EQ(stopper_run_worker(t.s, NULL, "tasker", run_tasks, &t), 0);
	CHECK_SOON(env_get(&t.ran) > 10);
	CHECK_EQ(stopper_quiesce(t.s, NULL), 0);
	CHECK_SOON(env_get(&t.refused) > 10);
	ran = env_get(&t.ran);
	stop_and_put(t.s);
	CHECK_EQ(env_get(&t.ran), ran);
}

static void worker_begins_after_other_workers_returned(void)
{
	struct stopper *s = new_stopper(NULL);
	struct env_counter ran = { 0 };
	int i;

	for (i = 0; i < case_rounds(100); i++) {
		CHECK_EQ(stopper_run_worker(s, NULL, "brief", case_count_fn, &ran), 0);
		CHECK_SOON(env_get(&ran) == i + 1);
	}
	stop_and_put(s);
}

struct race {
	struct stopper *s;
	struct env_counter accepted, returned, go;
};

static void brief(struct stopper_ctx *ctx, void *arg)
{
	struct race *r = arg;

	env_yield();
	env_inc(&r->returned);
}

static void start_workers(void *arg)
{
	struct race *r = arg;
	int err;

	env_inc(&r->go);
	while (!(err = stopper_run_worker(r->s, NULL, "racing", brief, r)))
		env_inc(&r->accepted);
	CHECK_EQ(err, -ESHUTDOWN);
}

static void worker_accepted_while_stop_begins_is_waited_for(void)
{
	int round;

	for (round = 0; round < case_rounds(50); round++) {
		struct race r = { .s = new_stopper(NULL) };
		struct env_thread thread;
		int returned;

		CHECK_EQ(env_spawn(&thread, start_workers, &r), 0);
		CHECK_SOON(env_get(&r.go));
		CHECK_EQ(stopper_stop(r.s, NULL), 0);
		returned = env_get(&r.returned);
		env_join(&thread);
		CHECK_EQ(returned, env_get(&r.accepted));
		CHECK_EQ(env_get(&r.returned), returned);
		stopper_put(r.s);
	}
}

const struct test_case cases_worker[] = {
	CASE(worker_runs_until_should_stop),
	CASE(worker_is_not_counted_as_a_task),
	CASE(worker_has_a_thread_with_its_name),
	CASE(worker_gets_its_context_and_keeps_it_alive),
	CASE(worker_may_return_before_it_is_told_to),
	CASE(many_workers_are_all_waited_for),
	CASE(stop_is_blocked_by_a_worker),
	CASE(worker_is_accepted_while_quiescing),
	CASE(worker_is_refused_from_stopping_on),
	CASE(worker_runs_tasks_until_quiescing),
	CASE(worker_begins_after_other_workers_returned),
	CASE(worker_accepted_while_stop_begins_is_waited_for),
	CASES_END
};
