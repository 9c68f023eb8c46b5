// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_stall.c - what a stop that waits says about what it waits for.
 */
#include "case.h"

#define STALL	(20 * ENV_MSEC)

static struct stopper *stalling(struct case_log *log)
{
	log->opts.stall_ns = STALL;
	return new_stopper(&log->opts);
}

static void stall_report_names_the_phase_and_each_task(void)
{
	struct case_log *log = case_log_new();
	struct stopper *s = stalling(log);
	struct stopper_task a, b[3];
	struct case_call stop;
	int i;

	CHECK_EQ(stopper_task_begin(s, NULL, "copy-the-range", &a), 0);
	for (i = 0; i < 3; i++)
		CHECK_EQ(stopper_task_begin(s, NULL, "answer-a-client", &b[i]), 0);
	case_stop_begin(&stop, s, NULL);
	CHECK_SOON(case_log_count(log, "copy-the-range"));
	CHECK_SOON(case_log_count(log, "answer-a-client"));
	CHECK(case_log_count(log, "quiescing"));
	CHECK(case_log_count(log, "conf"));
	stopper_task_end(&a);
	for (i = 0; i < 3; i++)
		stopper_task_end(&b[i]);
	CHECK_EQ(case_call_end(&stop), 0);
	stopper_put(s);
	env_free(log);
}

static void stall_report_names_the_workers(void)
{
	struct case_log *log = case_log_new();
	struct stopper *s = stalling(log);
	struct case_call stop;
	struct case_hold h;

	case_hold_init(&h);
	CHECK_EQ(stopper_run_worker(s, NULL, "deaf-worker", case_hold_fn, &h), 0);
	case_stop_begin(&stop, s, NULL);
	CHECK_SOON(case_log_count(log, "deaf-worker"));
	CHECK(case_log_count(log, "stopping"));
	env_gate_open(&h.gate);
	CHECK_EQ(case_call_end(&stop), 0);
	stopper_put(s);
	case_hold_destroy(&h);
	env_free(log);
}

static void stall_report_names_the_closer_that_runs(void)
{
	struct case_log *log = case_log_new();
	struct env_counter closed = { 0 };
	struct stopper *s = stalling(log);
	struct case_call stop;
	struct case_hold h;

	case_hold_init(&h);
	CHECK_EQ(stopper_add_closer_fn(s, "slow-closer", case_hold_closer_fn, &h), 0);
	CHECK_EQ(stopper_add_closer_fn(s, "next-closer", case_count_plain, &closed), 0);
	case_stop_begin(&stop, s, NULL);
	CHECK_SOON(case_log_count(log, "slow-closer"));
	CHECK(case_log_count(log, "closing"));
	CHECK(!case_log_count(log, "next-closer"));
	env_gate_open(&h.gate);
	CHECK_EQ(case_call_end(&stop), 0);
	stopper_put(s);
	case_hold_destroy(&h);
	env_free(log);
}

/*
 * Threefold growth puts the n-th report at (3^n - 1) / 2 periods: five in the
 * first 121. A slow machine sees fewer, so the bound needs no clock to be kept.
 */
static void stall_reports_come_ever_more_rarely(void)
{
	struct case_log *log = case_log_new();
	struct stopper *s = stalling(log);
	struct stopper_task task;
	struct case_call stop;
	int64_t start;
	int n;

	CHECK_EQ(stopper_task_begin(s, NULL, "endless", &task), 0);
	start = env_now();
	case_stop_begin(&stop, s, NULL);
	CHECK_SOON(case_log_count(log, "endless") >= 3);
	CHECK_SOON(env_now() - start >= 50 * STALL);
	n = case_log_count(log, "endless");
	CHECK(n >= 3);
	if (env_now() - start <= 100 * STALL)
		CHECK(n <= 6);
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&stop), 0);
	stopper_put(s);
	env_free(log);
}

static void quiet_stopper_makes_no_stall_report(void)
{
	struct case_log *log = case_log_new();
	struct stopper_task task;
	struct case_call stop;
	struct stopper *s;
	int64_t start;

	log->opts.flags = STOPPER_QUIET;
	s = stalling(log);
	CHECK_EQ(stopper_task_begin(s, NULL, "task", &task), 0);
	case_stop_begin(&stop, s, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(s)));
	start = env_now();
	CHECK_SOON(env_now() - start >= 5 * STALL);
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&stop), 0);
	CHECK_EQ(log->lines, 0);
	stopper_put(s);
	env_free(log);
}

static void prompt_stop_makes_no_report(void)
{
	struct case_log *log = case_log_new();
	struct case_worker w;
	struct stopper *s;

	memset(&w, 0, sizeof(w));
	log->opts.stall_ns = 60 * ENV_SEC;
	s = new_stopper(&log->opts);
	w.s = s;
	CHECK_EQ(stopper_run_worker(s, NULL, "worker", case_worker_fn, &w), 0);
	stop_and_put(s);
	CHECK_EQ(log->lines, 0);
	env_free(log);
}

/* By default a second: a stop that takes less says nothing, one that takes more does. */
static void stall_period_is_a_second_by_default(void)
{
	struct case_log *log = case_log_new();
	struct stopper *s = new_stopper(&log->opts);
	struct stopper_task task;
	struct case_call stop;
	int64_t start = env_now();

	CHECK_EQ(stopper_task_begin(s, NULL, "sleepy", &task), 0);
	case_stop_begin(&stop, s, NULL);
	CHECK_SOON(case_log_count(log, "sleepy"));
	CHECK(log->at[0] - start >= ENV_SEC * 9 / 10);
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&stop), 0);
	stopper_put(s);
	env_free(log);
}

static void quiesce_reports_too(void)
{
	struct case_log *log = case_log_new();
	struct stopper *s = stalling(log);
	struct case_call quiesce;
	struct stopper_task task;

	CHECK_EQ(stopper_task_begin(s, NULL, "task-in-the-way", &task), 0);
	case_quiesce_begin(&quiesce, s, NULL);
	CHECK_SOON(case_log_count(log, "task-in-the-way"));
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&quiesce), 0);
	stop_and_put(s);
	env_free(log);
}

static void caller_whose_stop_timed_out_reads_the_list(void)
{
	struct stopper_ctx *ctx = new_ctx_timeout(NULL, 10 * ENV_MSEC);
	struct stopper_task_info *info = env_alloc(2 * sizeof(*info));
	struct stopper *s = new_stopper(NULL);
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
	stop_and_put(s);
	stopper_ctx_put(ctx);
	env_free(info);
}

/* A thread's line of a report, as far as it is known beforehand. */
static const char *thread_line(char *buf, size_t size, int tid)
{
	snprintf(buf, size, "    thread %d \"", tid);
	return buf;
}

struct held_sync {
	struct env_thread thread;
	struct case_hold hold;
	struct stopper *s;
	struct env_counter tid;
};

static void hold_sync(void *arg)
{
	struct held_sync *h = arg;

	env_set(&h->tid, env_tid());
	CHECK_EQ(stopper_run_task(h->s, NULL, "on-my-own-thread", case_hold_fn, &h->hold), 0);
}

static void stall_report_shows_a_sync_task_on_the_callers_own_thread(void)
{
	struct case_log *log = case_log_new();
	struct held_sync h = { .s = stalling(log) };
	struct case_call stop;
	char line[64];

	case_hold_init(&h.hold);
	CHECK_EQ(env_spawn(&h.thread, hold_sync, &h), 0);
	CHECK_SOON(env_get(&h.hold.in));
	case_stop_begin(&stop, h.s, NULL);
	CHECK_SOON(case_log_count(log, "on-my-own-thread"));
	CHECK_SOON(case_log_count(log, thread_line(line, sizeof(line), env_get(&h.tid))));
	env_gate_open(&h.hold.gate);
	CHECK_EQ(case_call_end(&stop), 0);
	env_join(&h.thread);
	stopper_put(h.s);
	case_hold_destroy(&h.hold);
	env_free(log);
}

static void stop_here(void *arg)
{
	struct case_call *c = arg;

	env_set(&c->returned, env_tid());
	c->ret = stopper_stop(c->s, NULL);
}

static void stall_report_says_who_created_it_and_who_asked(void)
{
	struct case_log *log = case_log_new();
	struct stopper *s = stalling(log);
	struct stopper_task task;
	struct case_call stop = { .s = s };
	char line[128];

	CHECK_EQ(stopper_task_begin(s, NULL, "task", &task), 0);
	CHECK_EQ(env_spawn(&stop.thread, stop_here, &stop), 0);
	/* The line that comes last: a report is logged line by line. */
	CHECK_SOON(case_log_count(log, " stop_here by thread "));
	snprintf(line, sizeof(line), " stop_here by thread %ld \"", env_get(&stop.returned));
	CHECK(case_log_count(log, line));
	CHECK(case_log_count(log, "  stop asked at "));
	snprintf(line, sizeof(line), " new_stopper by thread %d \"", env_tid());
	CHECK(case_log_count(log, line));
	CHECK(case_log_count(log, "  created at "));
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&stop), 0);
	stopper_put(s);
	env_free(log);
}

static void child_says_who_asked_for_its_parents_stop(void)
{
	struct case_log *log = case_log_new();
	struct stopper *parent = new_stopper(NULL), *s;
	struct stopper_task task;
	struct case_call stop = { .s = parent };

	log->opts.parent = parent;
	s = stalling(log);
	CHECK_EQ(stopper_task_begin(s, NULL, "task", &task), 0);
	CHECK_EQ(env_spawn(&stop.thread, stop_here, &stop), 0);
	CHECK_SOON(case_log_count(log, " stop_here by thread "));
	CHECK(case_log_count(log, "  child of "));
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&stop), 0);
	stopper_put(s);
	stopper_put(parent);
	env_free(log);
}

static void report_counts_what_a_stopper_holds(void)
{
	struct case_log *log = case_log_new();
	struct stopper *s = stalling(log);
	struct env_counter closed = { 0 };
	struct stopper_ctx *a, *b;
	struct case_call stop;
	struct case_hold h;

	case_hold_init(&h);
	CHECK_EQ(stopper_ctx_with_cancel_on_quiesce(s, NULL, &a), 0);
	CHECK_EQ(stopper_ctx_with_cancel_on_stop(s, NULL, &b), 0);
	CHECK_EQ(stopper_add_closer_fn(s, "one", case_count_plain, &closed), 0);
	CHECK_EQ(stopper_add_closer_fn(s, "two", case_hold_closer_fn, &h), 0);
	CHECK_EQ(stopper_add_closer_fn(s, "three", case_count_plain, &closed), 0);
	case_stop_begin(&stop, s, NULL);
	CHECK_SOON(case_log_count(log, "closers 2, closed 1, contexts 2, waiters 0"));
	stopper_ctx_put(a);
	CHECK_SOON(case_log_count(log, "closers 2, closed 1, contexts 1, waiters 0"));
	stopper_ctx_put(b);
	env_gate_open(&h.gate);
	CHECK_EQ(case_call_end(&stop), 0);
	stopper_put(s);
	case_hold_destroy(&h);
	env_free(log);
}

static void longest_gap_between_reports_is_an_option(void)
{
	struct case_log *log = case_log_new();
	struct stopper_task task;
	struct case_call stop;
	struct stopper *s;

	/* without it the sixth comes after 90 periods, 45 seconds */
	log->opts.stall_ns = 500 * ENV_MSEC;
	log->opts.stall_max_ns = 10 * ENV_MSEC;
	s = new_stopper(&log->opts);
	CHECK_EQ(stopper_task_begin(s, NULL, "endless", &task), 0);
	case_stop_begin(&stop, s, NULL);
	CHECK_SOON(case_log_count(log, "endless") >= 6);
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&stop), 0);
	stopper_put(s);
	env_free(log);
}

static void quote_in_a_name_ends_no_field(void)
{
	struct case_log *log = case_log_new();
	struct stopper *s = stalling(log);
	struct stopper_task task;
	struct case_call stop;

	CHECK_EQ(stopper_task_begin(s, NULL, "a\" at b.c:1 c, oldest 9.000s", &task), 0);
	case_stop_begin(&stop, s, NULL);
	CHECK_SOON(case_log_count(log, "  task 1 \"a\\\" at b.c:1 c, oldest 9.000s\" at "));
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&stop), 0);
	stopper_put(s);
	env_free(log);
}

const struct test_case cases_stall[] = {
	CASE(stall_report_names_the_phase_and_each_task),
	CASE(stall_report_names_the_workers),
	CASE(stall_report_names_the_closer_that_runs),
	CASE(stall_reports_come_ever_more_rarely),
	CASE(quiet_stopper_makes_no_stall_report),
	CASE(prompt_stop_makes_no_report),
	CASE(stall_period_is_a_second_by_default),
	CASE(quiesce_reports_too),
	CASE(caller_whose_stop_timed_out_reads_the_list),
	CASE(stall_report_shows_a_sync_task_on_the_callers_own_thread),
	CASE(stall_report_says_who_created_it_and_who_asked),
	CASE(child_says_who_asked_for_its_parents_stop),
	CASE(report_counts_what_a_stopper_holds),
	CASE(longest_gap_between_reports_is_an_option),
	CASE(quote_in_a_name_ends_no_field),
	CASES_END
};
