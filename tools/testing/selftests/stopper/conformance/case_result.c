// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_result.c - errors that functions return to nobody: the first one is kept, and may stop.
 */
#include "case.h"

static int returns(struct stopper_ctx *ctx, void *arg)
{
	return *(int *)arg;
}

static int returns_plain(void *arg)
{
	return *(int *)arg;
}

static int record_returns(struct stopper_ctx *ctx, struct stopper_async *async)
{
	return -EIO;
}

static int minus_five = -5, minus_six = -6, zero, seven = 7;

static void result_is_the_first_error_with_its_call_site(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_result_info info = { .err = 1 };

	CHECK_EQ(stopper_result(s, &info), 0);
	CHECK_EQ(info.err, 1);
	CHECK_EQ(stopper_run_async_task_err(s, NULL, "zero", returns, &zero), 0);
	CHECK_EQ(stopper_run_async_task_err(s, NULL, "seven", returns, &seven), 0);
	CHECK_SOON(!stopper_num_tasks(s));
	CHECK_EQ(stopper_result(s, NULL), 0);
	CHECK_EQ(stopper_run_async_task_err(s, NULL, "five", returns, &minus_five), 0);
	CHECK_SOON(!stopper_num_tasks(s));
	CHECK_EQ(stopper_result(s, NULL), -5);
	CHECK_EQ(stopper_run_async_task_err(s, NULL, "six", returns, &minus_six), 0);
	CHECK_EQ(stopper_phase(s), STOPPER_RUNNING);
	CHECK_EQ(stopper_stop(s, NULL), 0);
	CHECK_EQ(stopper_result(s, &info), -5);
	CHECK_EQ(info.err, -5);
	CHECK_STR(info.name, "five");
	/* cut */
	CHECK(!strncmp(info.func, __func__, 20));
	CHECK(strstr(info.file, "case_result.c"));
	CHECK(info.line && info.tid && info.tid != env_tid());
	stopper_put(s);
	CHECK_EQ(stopper_result(NULL, &info), 0);
}

static void errors_of_records_workers_and_closers_count(void)
{
	struct stopper_async async = STOPPER_ASYNC_INIT(record_returns, NULL);
	struct stopper_result_info info;
	struct stopper *s = new_stopper(NULL);

	CHECK_EQ(stopper_async_start(s, NULL, "record", &async), 0);
	CHECK_EQ(stopper_async_wait(&async, NULL), 0);
	CHECK_EQ(stopper_result(s, &info), -EIO);
	CHECK_STR(info.name, "record");
	stop_and_put(s);

	s = new_stopper(NULL);
	CHECK_EQ(stopper_run_worker_err(s, NULL, "worker", returns, &minus_six), 0);
	CHECK_SOON(stopper_result(s, &info));
	CHECK_EQ(info.err, -6);
	CHECK_STR(info.name, "worker");
	/* cut */
	CHECK(!strncmp(info.func, __func__, 20));
	stop_and_put(s);

	s = new_stopper(NULL);
	CHECK_EQ(stopper_add_closer_err_fn(s, "fine", returns_plain, &seven), 0);
	CHECK_EQ(stopper_add_closer_err_fn(s, "broken", returns_plain, &minus_five), 0);
	CHECK_EQ(stopper_add_closer_err_fn(s, "broken too", returns_plain, &minus_six), 0);
	CHECK_EQ(stopper_stop(s, NULL), 0);
	CHECK_EQ(stopper_result(s, &info), -5);
	CHECK_STR(info.name, "broken");
	CHECK_EQ(info.line, 0);
	/* Late, on this thread. */
	CHECK_EQ(stopper_add_closer_err_fn(s, "late", returns_plain, &minus_six), 0);
	CHECK_EQ(stopper_result(s, NULL), -5);
	stopper_put(s);
}

static struct stopper *new_stopper_that_stops_on_error(void)
{
	struct stopper_options opts = { .size = sizeof(opts), .flags = STOPPER_STOP_ON_ERROR };

	return new_stopper(&opts);
}

static void first_error_begins_a_stop_if_asked_to(void)
{
	struct stopper *s = new_stopper_that_stops_on_error();
	struct case_worker w = { .s = s };
	struct stopper_cause cause;

	CHECK_EQ(stopper_run_worker(s, NULL, "worker", case_worker_fn, &w), 0);
	CHECK_EQ(stopper_run_async_task_err(s, NULL, "zero", returns, &zero), 0);
	CHECK_SOON(!stopper_num_tasks(s));
	CHECK_EQ(stopper_phase(s), STOPPER_RUNNING);
	CHECK_EQ(stopper_run_async_task_err(s, NULL, "five", returns, &minus_five), 0);
	CHECK_EQ(stopper_wait(stopper_is_stopped(s), NULL), 0);
	CHECK_EQ(env_get(&w.out), 1);
	CHECK_EQ(stopper_result(s, NULL), -5);
	CHECK(stopper_stop_cause(s, &cause));
	CHECK_EQ(cause.err, -5);
	CHECK_STR(cause.text, "five failed");
	CHECK(!strncmp(cause.func, __func__, 20));
	CHECK_EQ(stopper_run_async_task_err(s, NULL, "six", returns, &minus_six), -ESHUTDOWN);
	CHECK_EQ(stopper_stop(s, NULL), 0);
	stopper_put(s);
}

static void error_of_a_worker_begins_a_stop(void)
{
	struct stopper *s = new_stopper_that_stops_on_error();

	CHECK_EQ(stopper_run_worker_err(s, NULL, "worker", returns, &minus_six), 0);
	CHECK_EQ(stopper_wait(stopper_is_stopped(s), NULL), 0);
	CHECK_EQ(stopper_result(s, NULL), -6);
	stopper_put(s);
}

struct group {
	struct stopper *s;
	struct env_counter seen;	/* the error, as done() sees it */
};

static struct group group;

static void looks_done(struct stopper_async *async, int status)
{
	CHECK_EQ(status, -EIO);
	env_set(&group.seen, stopper_result(group.s, NULL));
}

static void error_is_known_when_done_is_called(void)
{
	struct stopper_async async = STOPPER_ASYNC_INIT(record_returns, looks_done);

	group.s = new_stopper_that_stops_on_error();
	CHECK_EQ(stopper_async_start(group.s, NULL, "record", &async), 0);
	CHECK_EQ(stopper_async_wait(&async, NULL), 0);
	CHECK_EQ(env_get(&group.seen), -EIO);
	stop_and_put(group.s);
}

static int never_runs(struct stopper_ctx *ctx, struct stopper_async *async)
{
	CHECK(false);
	return -EIO;
}

static void counts_panic(void *arg, const struct stopper_panic_info *info)
{
}

static int panics(struct stopper_ctx *ctx, void *arg)
{
	stopper_panic(NULL);
}

static void panics_plainly(struct stopper_ctx *ctx, void *arg)
{
	stopper_panic(NULL);
}

static void panic_is_an_error_of_a_function_that_returns_a_result(void)
{
	struct stopper_options opts = { .size = sizeof(opts), .on_panic = counts_panic };
	struct stopper *s = new_stopper(&opts);
	struct stopper_result_info info;

	CHECK_EQ(stopper_run_async_task(s, NULL, "plain", panics_plainly, NULL), 0);
	CHECK_SOON(!stopper_num_tasks(s));
	CHECK_EQ(stopper_result(s, NULL), 0);
	CHECK_EQ(stopper_run_async_task_err(s, NULL, "panics", panics, NULL), 0);
	CHECK_SOON(stopper_result(s, &info));
	CHECK_EQ(info.err, -EOWNERDEAD);
	CHECK_STR(info.name, "panics");
	stop_and_put(s);

	s = new_stopper(&opts);
	CHECK_EQ(stopper_run_worker_err(s, NULL, "worker", panics, NULL), 0);
	CHECK_SOON(stopper_result(s, NULL) == -EOWNERDEAD);
	stop_and_put(s);
}

/* What never ran has returned no error. */
static void refusal_is_no_error(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_async async = STOPPER_ASYNC_INIT(never_runs, NULL);

	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	CHECK_EQ(stopper_async_start(s, NULL, "record", &async), -ESHUTDOWN);
	CHECK_EQ(stopper_run_async_task_err(s, NULL, "err", returns, &minus_five), -ESHUTDOWN);
	CHECK_EQ(stopper_result(s, NULL), 0);
	stop_and_put(s);
}

static void bad_arguments_of_functions_with_a_result(void)
{
	struct stopper *s = new_stopper(NULL);

	CHECK_EQ(stopper_run_async_task_err(s, NULL, "bad", NULL, NULL), -EINVAL);
	CHECK_EQ(stopper_run_async_task_err(NULL, NULL, "bad", returns, NULL), -EINVAL);
	CHECK_EQ(stopper_run_worker_err(s, NULL, "bad", NULL, NULL), -EINVAL);
	CHECK_EQ(stopper_run_worker_err(NULL, NULL, "bad", returns, NULL), -EINVAL);
	CHECK_EQ(stopper_add_closer_err_fn(s, "bad", NULL, NULL), -EINVAL);
	CHECK_EQ(stopper_add_closer_err_fn(NULL, "bad", returns_plain, NULL), -EINVAL);
	stop_and_put(s);
}

const struct test_case cases_result[] = {
	CASE(result_is_the_first_error_with_its_call_site),
	CASE(errors_of_records_workers_and_closers_count),
	CASE(first_error_begins_a_stop_if_asked_to),
	CASE(error_of_a_worker_begins_a_stop),
	CASE(error_is_known_when_done_is_called),
	CASE(panic_is_an_error_of_a_function_that_returns_a_result),
	CASE(refusal_is_no_error),
	CASE(bad_arguments_of_functions_with_a_result),
	CASES_END
};
