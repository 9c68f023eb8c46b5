// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * conf_stall.c - what a stop that waits says about what it waits for.
 */
#include "conf.h"

#define STALL	(20 * CONF_MSEC)

static struct stopper *stalling(struct conf_log *log)
{
	log->opts.stall_ns = STALL;
	return conf_stopper(&log->opts);
}

static void stall_report_names_the_phase_and_each_task(void)
{
	struct conf_log *log = conf_log_new();
	struct stopper *s = stalling(log);
	struct stopper_task a, b[3];
	struct conf_call stop;
	int i;

	CHECK_EQ(stopper_task_begin(s, NULL, "copy-the-range", &a), 0);
	for (i = 0; i < 3; i++)
		CHECK_EQ(stopper_task_begin(s, NULL, "answer-a-client", &b[i]), 0);
	conf_stop_begin(&stop, s, NULL);
	conf_wait_for(conf_log_count(log, "copy-the-range"));
	conf_wait_for(conf_log_count(log, "answer-a-client"));
	CHECK(conf_log_count(log, "quiescing"));
	CHECK(conf_log_count(log, "conf"));
	stopper_task_end(&a);
	for (i = 0; i < 3; i++)
		stopper_task_end(&b[i]);
	CHECK_EQ(conf_call_end(&stop), 0);
	stopper_put(s);
	conf_free(log);
}

static void stall_report_names_the_workers(void)
{
	struct conf_log *log = conf_log_new();
	struct stopper *s = stalling(log);
	struct conf_call stop;
	struct conf_hold h;

	conf_hold_init(&h);
	CHECK_EQ(stopper_run_worker(s, NULL, "deaf-worker", conf_hold_fn, &h), 0);
	conf_stop_begin(&stop, s, NULL);
	conf_wait_for(conf_log_count(log, "deaf-worker"));
	CHECK(conf_log_count(log, "stopping"));
	conf_gate_open(&h.gate);
	CHECK_EQ(conf_call_end(&stop), 0);
	stopper_put(s);
	conf_hold_destroy(&h);
	conf_free(log);
}

static void stall_report_names_the_closer_that_runs(void)
{
	struct conf_log *log = conf_log_new();
	struct conf_counter closed = { 0 };
	struct stopper *s = stalling(log);
	struct conf_call stop;
	struct conf_hold h;

	conf_hold_init(&h);
	CHECK_EQ(stopper_add_closer_fn(s, "slow-closer", conf_hold_closer_fn, &h), 0);
	CHECK_EQ(stopper_add_closer_fn(s, "next-closer", conf_count_plain, &closed), 0);
	conf_stop_begin(&stop, s, NULL);
	conf_wait_for(conf_log_count(log, "slow-closer"));
	CHECK(conf_log_count(log, "closing"));
	CHECK(!conf_log_count(log, "next-closer"));
	conf_gate_open(&h.gate);
	CHECK_EQ(conf_call_end(&stop), 0);
	stopper_put(s);
	conf_hold_destroy(&h);
	conf_free(log);
}

/*
 * Threefold growth puts the n-th report at (3^n - 1) / 2 periods: five in the
 * first 121. A slow machine sees fewer, so the bound needs no clock to be kept.
 */
static void stall_reports_come_ever_more_rarely(void)
{
	struct conf_log *log = conf_log_new();
	struct stopper *s = stalling(log);
	struct stopper_task task;
	struct conf_call stop;
	int64_t start;
	int n;

	CHECK_EQ(stopper_task_begin(s, NULL, "endless", &task), 0);
	start = conf_now();
	conf_stop_begin(&stop, s, NULL);
	conf_wait_for(conf_log_count(log, "endless") >= 3);
	conf_wait_for(conf_now() - start >= 50 * STALL);
	n = conf_log_count(log, "endless");
	CHECK(n >= 3);
	if (conf_now() - start <= 100 * STALL)
		CHECK(n <= 6);
	stopper_task_end(&task);
	CHECK_EQ(conf_call_end(&stop), 0);
	stopper_put(s);
	conf_free(log);
}

static void quiet_stopper_makes_no_stall_report(void)
{
	struct conf_log *log = conf_log_new();
	struct stopper_task task;
	struct conf_call stop;
	struct stopper *s;
	int64_t start;

	log->opts.flags = STOPPER_QUIET;
	s = stalling(log);
	CHECK_EQ(stopper_task_begin(s, NULL, "task", &task), 0);
	conf_stop_begin(&stop, s, NULL);
	conf_wait_for(stopper_event_fired(stopper_should_quiesce(s)));
	start = conf_now();
	conf_wait_for(conf_now() - start >= 5 * STALL);
	stopper_task_end(&task);
	CHECK_EQ(conf_call_end(&stop), 0);
	CHECK_EQ(log->lines, 0);
	stopper_put(s);
	conf_free(log);
}

static void prompt_stop_makes_no_report(void)
{
	struct conf_log *log = conf_log_new();
	struct conf_worker w;
	struct stopper *s;

	memset(&w, 0, sizeof(w));
	log->opts.stall_ns = 60 * CONF_SEC;
	s = conf_stopper(&log->opts);
	w.s = s;
	CHECK_EQ(stopper_run_worker(s, NULL, "worker", conf_worker_fn, &w), 0);
	conf_stop_and_put(s);
	CHECK_EQ(log->lines, 0);
	conf_free(log);
}

/* By default a second: a stop that takes less says nothing, one that takes more does. */
static void stall_period_is_a_second_by_default(void)
{
	struct conf_log *log = conf_log_new();
	struct stopper *s = conf_stopper(&log->opts);
	struct stopper_task task;
	struct conf_call stop;
	int64_t start = conf_now();

	CHECK_EQ(stopper_task_begin(s, NULL, "sleepy", &task), 0);
	conf_stop_begin(&stop, s, NULL);
	conf_wait_for(conf_log_count(log, "sleepy"));
	CHECK(log->at[0] - start >= CONF_SEC * 9 / 10);
	stopper_task_end(&task);
	CHECK_EQ(conf_call_end(&stop), 0);
	stopper_put(s);
	conf_free(log);
}

static void quiesce_reports_too(void)
{
	struct conf_log *log = conf_log_new();
	struct stopper *s = stalling(log);
	struct conf_call quiesce;
	struct stopper_task task;

	CHECK_EQ(stopper_task_begin(s, NULL, "task-in-the-way", &task), 0);
	conf_quiesce_begin(&quiesce, s, NULL);
	conf_wait_for(conf_log_count(log, "task-in-the-way"));
	stopper_task_end(&task);
	CHECK_EQ(conf_call_end(&quiesce), 0);
	conf_stop_and_put(s);
	conf_free(log);
}

static void caller_whose_stop_timed_out_reads_the_list(void)
{
	struct stopper_ctx *ctx = conf_ctx_timeout(NULL, 10 * CONF_MSEC);
	struct stopper_task_info *info = conf_alloc(2 * sizeof(*info));
	struct stopper *s = conf_stopper(NULL);
	struct stopper_task a, b;
	char map[64];

	CHECK_EQ(stopper_task_begin(s, NULL, "in-the-way", &a), 0);
	CHECK_EQ(stopper_task_begin(s, NULL, "in-the-way", &b), 0);
	CHECK_EQ(stopper_stop(s, ctx), -ETIMEDOUT);
	CHECK_EQ(stopper_running_tasks(s, info, 2), 2);
	CHECK_STR(info[0].name, "in-the-way");
	CHECK(info[0].oldest_ns >= 0);
	CHECK_EQ(stopper_task_map(s, map, sizeof(map)), strlen("2      in-the-way\n"));
	CHECK_STR(map, "2      in-the-way\n");
	stopper_task_end(&a);
	stopper_task_end(&b);
	conf_stop_and_put(s);
	stopper_ctx_put(ctx);
	conf_free(info);
}

const struct conf_case cases_stall[] = {
	CONF_CASE(stall_report_names_the_phase_and_each_task),
	CONF_CASE(stall_report_names_the_workers),
	CONF_CASE(stall_report_names_the_closer_that_runs),
	CONF_CASE(stall_reports_come_ever_more_rarely),
	CONF_CASE(quiet_stopper_makes_no_stall_report),
	CONF_CASE(prompt_stop_makes_no_report),
	CONF_CASE(stall_period_is_a_second_by_default),
	CONF_CASE(quiesce_reports_too),
	CONF_CASE(caller_whose_stop_timed_out_reads_the_list),
	CONF_END
};
