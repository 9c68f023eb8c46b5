// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_admission.c - synchronous tasks and handles: accepted, called once, counted.
 */
#include "case.h"

struct seen {
	struct stopper *s;
	struct stopper_ctx *ctx;
	int calls;
	int tid;
	unsigned long tasks;
};

static void look(struct stopper_ctx *ctx, void *arg)
{
	struct seen *seen = arg;

	seen->calls++;
	seen->ctx = ctx;
	seen->tid = env_tid();
	seen->tasks = stopper_num_tasks(seen->s);
}

static void run_task_calls_its_function_once_on_this_thread(void)
{
	struct seen seen = { .s = new_stopper(NULL) };

	CHECK_EQ(stopper_run_task(seen.s, NULL, "look", look, &seen), 0);
	CHECK_EQ(seen.calls, 1);
	CHECK_EQ(seen.tid, env_tid());
	stop_and_put(seen.s);
	CHECK_EQ(seen.calls, 1);
}

static void run_task_hands_over_the_context(void)
{
	struct seen seen = { .s = new_stopper(NULL) };
	struct stopper_ctx *ctx = new_ctx(NULL);

	CHECK_EQ(stopper_run_task(seen.s, ctx, "look", look, &seen), 0);
	CHECK(seen.ctx == ctx);
	CHECK_EQ(stopper_run_task(seen.s, NULL, "look", look, &seen), 0);
	CHECK(!seen.ctx);
	stopper_ctx_put(ctx);
	stop_and_put(seen.s);
}

static void run_task_with_an_ended_context_is_still_called(void)
{
	struct seen seen = { .s = new_stopper(NULL) };
	struct stopper_ctx *ctx = new_ctx(NULL);

	stopper_ctx_cancel(ctx);
	CHECK_EQ(stopper_run_task(seen.s, ctx, "look", look, &seen), 0);
	CHECK_EQ(seen.calls, 1);
	stopper_ctx_put(ctx);
	stop_and_put(seen.s);
}

static void run_task_is_counted_while_it_runs(void)
{
	struct seen seen = { .s = new_stopper(NULL) };

	CHECK_EQ(stopper_num_tasks(seen.s), 0);
	CHECK_EQ(stopper_run_task(seen.s, NULL, "look", look, &seen), 0);
	CHECK_EQ(seen.tasks, 1);
	CHECK_EQ(stopper_num_tasks(seen.s), 0);
	stop_and_put(seen.s);
}

static int answer(struct stopper_ctx *ctx, void *arg)
{
	return *(int *)arg;
}

static void run_task_err_returns_what_the_function_returned(void)
{
	static const int answers[] = { 0, -EIO, 42, -ESHUTDOWN, INT_MIN };
	struct stopper *s = new_stopper(NULL);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(answers); i++)
		CHECK_EQ(stopper_run_task_err(s, NULL, "answer", answer, (void *)&answers[i]),
			 answers[i]);
	stop_and_put(s);
}

struct depth {
	struct stopper *s;
	int left;
	int reached;
	unsigned long most;
};

static void descend(struct stopper_ctx *ctx, void *arg)
{
	struct depth *d = arg;
	unsigned long n = stopper_num_tasks(d->s);

	if (n > d->most)
		d->most = n;
	d->reached++;
	if (--d->left)
		CHECK_EQ(stopper_run_task(d->s, NULL, "descend", descend, d), 0);
}

static void tasks_nest_and_all_are_counted(void)
{
	struct depth d = { .s = new_stopper(NULL), .left = 10 };

	CHECK_EQ(stopper_run_task(d.s, NULL, "descend", descend, &d), 0);
	CHECK_EQ(d.reached, 10);
	CHECK_EQ(d.most, 10);
	CHECK_EQ(stopper_num_tasks(d.s), 0);
	stop_and_put(d.s);
}

static void task_of_one_stopper_runs_task_of_another(void)
{
	struct stopper *a = new_stopper(NULL);
	struct seen seen = { .s = new_stopper(NULL) };
	struct stopper_task task;

	CHECK_EQ(stopper_task_begin(a, NULL, "outer", &task), 0);
	CHECK_EQ(stopper_run_task(seen.s, NULL, "look", look, &seen), 0);
	CHECK_EQ(seen.tasks, 1);
	CHECK_EQ(stopper_num_tasks(a), 1);
	CHECK_EQ(stopper_num_tasks(seen.s), 0);
	stopper_task_end(&task);
	stop_and_put(a);
	stop_and_put(seen.s);
}

static void handle_is_counted_from_begin_to_end(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task task;

	CHECK_EQ(stopper_task_begin(s, NULL, "handle", &task), 0);
	CHECK_EQ(stopper_num_tasks(s), 1);
	stopper_task_end(&task);
	CHECK_EQ(stopper_num_tasks(s), 0);
	stop_and_put(s);
}

static void handle_record_may_be_used_again(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task task;
	int i;

	for (i = 0; i < 1000; i++) {
		CHECK_EQ(stopper_task_begin(s, NULL, "handle", &task), 0);
		stopper_task_end(&task);
	}
	CHECK_EQ(stopper_num_tasks(s), 0);
	stop_and_put(s);
}

static void end_handle(void *task)
{
	stopper_task_end(task);
}

static void handle_ends_on_another_thread(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task task[3];
	struct env_thread thread;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(task); i++) {
		CHECK_EQ(stopper_task_begin(s, NULL, "handle", &task[i]), 0);
		CHECK_EQ(env_spawn(&thread, end_handle, &task[i]), 0);
		env_join(&thread);
		CHECK_EQ(stopper_num_tasks(s), 0);
	}
	stop_and_put(s);
}

static void begin_handle(void *arg)
{
	struct stopper_task **t = arg;
	struct stopper *s = (struct stopper *)t[0];

	CHECK_EQ(stopper_task_begin(s, NULL, "handle", t[1]), 0);
}

static void handle_outlives_the_thread_that_began_it(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task task;
	void *arg[2] = { s, &task };
	struct env_thread thread;
	struct case_call stop;

	CHECK_EQ(env_spawn(&thread, begin_handle, arg), 0);
	env_join(&thread);
	CHECK_EQ(stopper_num_tasks(s), 1);
	case_stop_begin(&stop, s, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(s)));
	env_settle();
	CHECK(!env_get(&stop.returned));
	CHECK_EQ(stopper_num_tasks(s), 1);
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&stop), 0);
	stopper_put(s);
}

#define MANY	1000

static void many_handles_on_one_thread_end_in_any_order(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task *task = env_alloc(MANY * sizeof(*task));
	int i;

	for (i = 0; i < MANY; i++)
		CHECK_EQ(stopper_task_begin(s, NULL, "handle", &task[i]), 0);
	CHECK_EQ(stopper_num_tasks(s), MANY);
	/* 7 and 1000 have no common divisor: every one once, in no simple order */
	for (i = 0; i < MANY; i++) {
		stopper_task_end(&task[i * 7 % MANY]);
		if (i % 100 == 0)
			CHECK_EQ(stopper_num_tasks(s), MANY - i - 1);
	}
	CHECK_EQ(stopper_num_tasks(s), 0);
	stop_and_put(s);
	env_free(task);
}

static void quiesce_waits_for_the_last_of_many_handles(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task *task = env_alloc(MANY * sizeof(*task));
	struct case_call quiesce;
	int i;

	for (i = 0; i < MANY; i++)
		CHECK_EQ(stopper_task_begin(s, NULL, "handle", &task[i]), 0);
	case_quiesce_begin(&quiesce, s, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(s)));
	for (i = 0; i < MANY - 1; i++)
		stopper_task_end(&task[i]);
	env_settle();
	CHECK(!env_get(&quiesce.returned));
	stopper_task_end(&task[MANY - 1]);
	CHECK_EQ(case_call_end(&quiesce), 0);
	stop_and_put(s);
	env_free(task);
}

struct storm {
	struct stopper *s;
	struct env_counter ran;
	int per_thread;
};

static void storm_main(void *arg)
{
	struct storm *storm = arg;
	struct stopper_task task[5];
	int i;
	unsigned int j;

	for (i = 0; i < storm->per_thread; i++) {
		CHECK_EQ(stopper_run_task(storm->s, NULL, "storm", case_count_fn, &storm->ran), 0);
		for (j = 0; j < ARRAY_SIZE(task); j++)
			CHECK_EQ(stopper_task_begin(storm->s, NULL, "storm", &task[j]), 0);
		for (j = 0; j < ARRAY_SIZE(task); j++)
			stopper_task_end(&task[j]);
	}
}

static void every_accepted_task_of_many_threads_is_called_once(void)
{
	struct storm storm = { .s = new_stopper(NULL), .per_thread = case_rounds(2000) };
	struct env_thread thread[8];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(thread); i++)
		CHECK_EQ(env_spawn(&thread[i], storm_main, &storm), 0);
	for (i = 0; i < ARRAY_SIZE(thread); i++)
		env_join(&thread[i]);
	CHECK_EQ(env_get(&storm.ran), (int)ARRAY_SIZE(thread) * storm.per_thread);
	CHECK_EQ(stopper_num_tasks(storm.s), 0);
	stop_and_put(storm.s);
}

const struct test_case cases_admission[] = {
	CASE(run_task_calls_its_function_once_on_this_thread),
	CASE(run_task_hands_over_the_context),
	CASE(run_task_with_an_ended_context_is_still_called),
	CASE(run_task_is_counted_while_it_runs),
	CASE(run_task_err_returns_what_the_function_returned),
	CASE(tasks_nest_and_all_are_counted),
	CASE(task_of_one_stopper_runs_task_of_another),
	CASE(handle_is_counted_from_begin_to_end),
	CASE(handle_record_may_be_used_again),
	CASE(handle_ends_on_another_thread),
	CASE(handle_outlives_the_thread_that_began_it),
	CASE(many_handles_on_one_thread_end_in_any_order),
	CASE(quiesce_waits_for_the_last_of_many_handles),
	CASE(every_accepted_task_of_many_threads_is_called_once),
	CASES_END
};
