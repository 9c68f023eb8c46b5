// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * conf_worker.c - workers: run until ShouldStop, are waited for, are refused from STOPPING on.
 */
#include "conf.h"

static void worker_runs_until_should_stop(void)
{
	struct conf_worker w = { .s = conf_stopper(NULL) };

	CHECK_EQ(stopper_run_worker(w.s, NULL, "worker", conf_worker_fn, &w), 0);
	conf_wait_for(conf_get(&w.in));
	conf_settle();
	CHECK_EQ(conf_get(&w.out), 0);
	conf_stop_and_put(w.s);
	CHECK_EQ(conf_get(&w.in), 1);
	CHECK_EQ(conf_get(&w.out), 1);
}

static void worker_is_not_counted_as_a_task(void)
{
	struct conf_worker w = { .s = conf_stopper(NULL) };

	CHECK_EQ(stopper_run_worker(w.s, NULL, "worker", conf_worker_fn, &w), 0);
	conf_wait_for(conf_get(&w.in));
	CHECK_EQ(stopper_num_tasks(w.s), 0);
	CHECK_EQ(stopper_running_tasks(w.s, NULL, 0), 0);
	/* nor does Quiesce wait for it */
	CHECK_EQ(stopper_quiesce(w.s, NULL), 0);
	CHECK_EQ(conf_get(&w.out), 0);
	conf_stop_and_put(w.s);
}

struct about {
	struct conf_counter ran;
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
	a->tid = conf_tid();
	conf_comm(a->comm, sizeof(a->comm));
	conf_inc(&a->ran);
}

static void worker_has_a_thread_with_its_name(void)
{
	struct stopper *s = conf_stopper(NULL);
	struct about a = { .tid = 0 };

	CHECK_EQ(stopper_run_worker(s, NULL, "gossip-with-peers", about, &a), 0);
	conf_stop_and_put(s);
	CHECK_EQ(conf_get(&a.ran), 1);
	CHECK(conf_is_comm_of(a.comm, "gossip-with-peers"));
	CHECK(a.tid != conf_tid());
}

static void worker_gets_its_context_and_keeps_it_alive(void)
{
	struct stopper *s = conf_stopper(NULL);
	struct stopper_ctx *ctx = conf_ctx(NULL);
	struct about a = { .tid = 0 };

	CHECK_EQ(stopper_run_worker(s, ctx, "about", about, &a), 0);
	stopper_ctx_put(ctx);
	conf_stop_and_put(s);
	CHECK_EQ(conf_get(&a.ran), 1);
	CHECK(a.ctx == ctx);
	CHECK_EQ(a.err, 0);
}

static void worker_may_return_before_it_is_told_to(void)
{
	struct stopper *s = conf_stopper(NULL);
	struct conf_counter ran = { 0 };
	int i;

	for (i = 0; i < 20; i++)
		CHECK_EQ(stopper_run_worker(s, NULL, "brief", conf_count_fn, &ran), 0);
	conf_wait_for(conf_get(&ran) == 20);
	CHECK(!stopper_event_fired(stopper_should_stop(s)));
	conf_stop_and_put(s);
	CHECK_EQ(conf_get(&ran), 20);
}

static void many_workers_are_all_waited_for(void)
{
	struct conf_worker w = { .s = conf_stopper(NULL) };
	int n = 50, i;

	for (i = 0; i < n; i++)
		CHECK_EQ(stopper_run_worker(w.s, NULL, "worker", conf_worker_fn, &w), 0);
	conf_stop_and_put(w.s);
	CHECK_EQ(conf_get(&w.in), n);
	CHECK_EQ(conf_get(&w.out), n);
}

static void stop_is_blocked_by_a_worker(void)
{
	struct stopper *s = conf_stopper(NULL);
	struct conf_call stop;
	struct conf_hold h;

	conf_hold_init(&h);
	CHECK_EQ(stopper_run_worker(s, NULL, "slow", conf_hold_fn, &h), 0);
	conf_stop_begin(&stop, s, NULL);
	conf_wait_for(stopper_event_fired(stopper_should_stop(s)) && conf_get(&h.in));
	conf_settle();
	CHECK(!conf_get(&stop.returned));
	CHECK(!stopper_event_fired(stopper_is_stopped(s)));
	CHECK_EQ(stopper_phase(s), STOPPER_STOPPING);
	conf_gate_open(&h.gate);
	CHECK_EQ(conf_call_end(&stop), 0);
	CHECK_EQ(conf_get(&h.out), 1);
	CHECK(stopper_event_fired(stopper_is_stopped(s)));
	stopper_put(s);
	conf_hold_destroy(&h);
}

static void worker_is_accepted_while_quiescing(void)
{
	struct conf_worker w = { .s = conf_stopper(NULL) };

	CHECK_EQ(stopper_quiesce(w.s, NULL), 0);
	CHECK_EQ(stopper_phase(w.s), STOPPER_QUIESCING);
	CHECK_EQ(stopper_run_worker(w.s, NULL, "late", conf_worker_fn, &w), 0);
	conf_stop_and_put(w.s);
	CHECK_EQ(conf_get(&w.in), 1);
	CHECK_EQ(conf_get(&w.out), 1);
}

static void worker_is_refused_from_stopping_on(void)
{
	struct stopper *s = conf_stopper(NULL);
	struct conf_counter ran = { 0 };
	struct conf_call stop;
	struct conf_hold h;

	conf_hold_init(&h);
	CHECK_EQ(stopper_run_worker(s, NULL, "slow", conf_hold_fn, &h), 0);
	conf_stop_begin(&stop, s, NULL);
	conf_wait_for(stopper_event_fired(stopper_should_stop(s)));
	CHECK_EQ(stopper_run_worker(s, NULL, "late", conf_count_fn, &ran), -ESHUTDOWN);
	conf_gate_open(&h.gate);
	CHECK_EQ(conf_call_end(&stop), 0);
	CHECK_EQ(stopper_run_worker(s, NULL, "late", conf_count_fn, &ran), -ESHUTDOWN);
	stopper_put(s);
	CHECK_EQ(conf_get(&ran), 0);
	conf_hold_destroy(&h);
}

struct tasker {
	struct stopper *s;
	struct conf_counter ran, refused;
};

static void run_tasks(struct stopper_ctx *ctx, void *arg)
{
	struct tasker *t = arg;
	struct conf_counter ignored = { 0 };

	while (!stopper_event_fired(stopper_should_stop(t->s))) {
		int err = stopper_run_task(t->s, NULL, "by a worker", conf_count_fn, &ignored);

		if (!err)
			conf_inc(&t->ran);
		else if (CHECK_EQ(err, -ESHUTDOWN))
			conf_inc(&t->refused);
		conf_yield();
	}
}

static void worker_runs_tasks_until_quiescing(void)
{
	struct tasker t = { .s = conf_stopper(NULL) };
	int ran;

	CHECK_EQ(stopper_run_worker(t.s, NULL, "tasker", run_tasks, &t), 0);
	conf_wait_for(conf_get(&t.ran) > 10);
	CHECK_EQ(stopper_quiesce(t.s, NULL), 0);
	conf_wait_for(conf_get(&t.refused) > 10);
	ran = conf_get(&t.ran);
	conf_stop_and_put(t.s);
	CHECK_EQ(conf_get(&t.ran), ran);
}

static void worker_begins_after_other_workers_returned(void)
{
	struct stopper *s = conf_stopper(NULL);
	struct conf_counter ran = { 0 };
	int i;

	for (i = 0; i < conf_rounds(100); i++) {
		CHECK_EQ(stopper_run_worker(s, NULL, "brief", conf_count_fn, &ran), 0);
		conf_wait_for(conf_get(&ran) == i + 1);
	}
	conf_stop_and_put(s);
}

struct race {
	struct stopper *s;
	struct conf_counter accepted, returned, go;
};

static void brief(struct stopper_ctx *ctx, void *arg)
{
	struct race *r = arg;

	conf_yield();
	conf_inc(&r->returned);
}

static void start_workers(void *arg)
{
	struct race *r = arg;
	int err;

	conf_inc(&r->go);
	while (!(err = stopper_run_worker(r->s, NULL, "racing", brief, r)))
		conf_inc(&r->accepted);
	CHECK_EQ(err, -ESHUTDOWN);
}

static void worker_accepted_while_stop_begins_is_waited_for(void)
{
	int round;

	for (round = 0; round < conf_rounds(50); round++) {
		struct race r = { .s = conf_stopper(NULL) };
		struct conf_thread thread;
		int returned;

		CHECK_EQ(conf_spawn(&thread, start_workers, &r), 0);
		conf_wait_for(conf_get(&r.go));
		CHECK_EQ(stopper_stop(r.s, NULL), 0);
		returned = conf_get(&r.returned);
		conf_join(&thread);
		CHECK_EQ(returned, conf_get(&r.accepted));
		CHECK_EQ(conf_get(&r.returned), returned);
		stopper_put(r.s);
	}
}

const struct conf_case cases_worker[] = {
	CONF_CASE(worker_runs_until_should_stop),
	CONF_CASE(worker_is_not_counted_as_a_task),
	CONF_CASE(worker_has_a_thread_with_its_name),
	CONF_CASE(worker_gets_its_context_and_keeps_it_alive),
	CONF_CASE(worker_may_return_before_it_is_told_to),
	CONF_CASE(many_workers_are_all_waited_for),
	CONF_CASE(stop_is_blocked_by_a_worker),
	CONF_CASE(worker_is_accepted_while_quiescing),
	CONF_CASE(worker_is_refused_from_stopping_on),
	CONF_CASE(worker_runs_tasks_until_quiescing),
	CONF_CASE(worker_begins_after_other_workers_returned),
	CONF_CASE(worker_accepted_while_stop_begins_is_waited_for),
	CONF_END
};
