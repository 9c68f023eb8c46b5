// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_args.c - bad arguments: -EINVAL, and nothing has changed.
 */
#include "case.h"

static void create_without_out_or_name_is_einval(void)
{
	struct stopper *untouched = (struct stopper *)&untouched, *s = untouched;

	CHECK_EQ(stopper_create(NULL, "name", NULL), -EINVAL);
	CHECK_EQ(stopper_create(&s, NULL, NULL), -EINVAL);
	CHECK(s == untouched || !s);
}

static void create_with_bad_options_is_einval(void)
{
	const struct stopper_options good = { .size = sizeof(good) };
	struct stopper_options opts;
	struct stopper *s = NULL;

	opts = good;
	opts.size = 0;
	CHECK_EQ(stopper_create(&s, "name", &opts), -EINVAL);
	opts = good;
	opts.size = sizeof(opts) + 8;
	CHECK_EQ(stopper_create(&s, "name", &opts), -EINVAL);
	opts = good;
	opts.size = 4;
	CHECK_EQ(stopper_create(&s, "name", &opts), -EINVAL);
	opts = good;
	opts.stall_ns = -1;
	CHECK_EQ(stopper_create(&s, "name", &opts), -EINVAL);
	opts = good;
	opts.reserved = 1;
	CHECK_EQ(stopper_create(&s, "name", &opts), -EINVAL);
	CHECK(!s);
	opts = good;
	CHECK_EQ(stopper_create(&s, "name", &opts), 0);
	stop_and_put(s);
}

static void create_with_an_unknown_flag_is_einval(void)
{
	struct stopper_options opts = { .size = sizeof(opts) };
	struct stopper *s;
	int bit;

	for (bit = 0; bit < 32; bit++) {
		bool known = STOPPER_FLAGS_ALL & (1u << bit);

		s = NULL;
		opts.flags = 1u << bit;
		CHECK_EQ(stopper_create(&s, "name", &opts), known ? 0 : -EINVAL);
		if (known)
			stop_and_put(s);
		else
			CHECK(!s);
	}
}

static void tasks_without_stopper_or_function_are_einval(void)
{
	struct stopper *s = new_stopper(NULL);
	struct env_counter ran = { 0 };
	struct stopper_sem sem;
	struct stopper_task task;

	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	CHECK_EQ(stopper_run_task(NULL, NULL, "t", case_count_fn, &ran), -EINVAL);
	CHECK_EQ(stopper_run_task(s, NULL, "t", NULL, &ran), -EINVAL);
	CHECK_EQ(stopper_run_task_err(NULL, NULL, "t", case_count_err_fn, &ran), -EINVAL);
	CHECK_EQ(stopper_run_task_err(s, NULL, "t", NULL, &ran), -EINVAL);
	CHECK_EQ(stopper_run_async_task(NULL, NULL, "t", case_count_fn, &ran), -EINVAL);
	CHECK_EQ(stopper_run_async_task(s, NULL, "t", NULL, &ran), -EINVAL);
	CHECK_EQ(stopper_run_limited_async_task(NULL, NULL, "t", &sem, true, case_count_fn, &ran),
		 -EINVAL);
	CHECK_EQ(stopper_run_limited_async_task(s, NULL, "t", NULL, true, case_count_fn, &ran),
		 -EINVAL);
	CHECK_EQ(stopper_run_limited_async_task(s, NULL, "t", &sem, true, NULL, &ran), -EINVAL);
	CHECK_EQ(stopper_run_worker(NULL, NULL, "t", case_count_fn, &ran), -EINVAL);
	CHECK_EQ(stopper_run_worker(s, NULL, "t", NULL, &ran), -EINVAL);
	CHECK_EQ(__stopper_run_async_task(s, NULL, NULL, case_count_fn, &ran), -EINVAL);
	CHECK_EQ(__stopper_run_worker(s, NULL, NULL, case_count_fn, &ran), -EINVAL);
	CHECK_EQ(stopper_task_begin(NULL, NULL, "t", &task), -EINVAL);
	CHECK_EQ(stopper_task_begin(s, NULL, "t", NULL), -EINVAL);
	CHECK_EQ(stopper_recover(NULL, NULL, "t", case_count_fn, &ran), -EINVAL);
	CHECK_EQ(stopper_recover(s, NULL, "t", NULL, &ran), -EINVAL);
	CHECK_EQ(stopper_num_tasks(s), 0);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	stop_and_put(s);
	CHECK_EQ(env_get(&ran), 0);
	stopper_sem_destroy(&sem);
}

static void closers_without_stopper_or_function_are_einval(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_closer closer = { .name = "bare" };
	struct env_counter ran = { 0 };

	CHECK_EQ(stopper_add_closer(NULL, &closer), -EINVAL);
	CHECK_EQ(stopper_add_closer(s, NULL), -EINVAL);
	CHECK_EQ(stopper_add_closer(s, &closer), -EINVAL);
	CHECK_EQ(stopper_add_closer_fn(NULL, "c", case_count_plain, &ran), -EINVAL);
	CHECK_EQ(stopper_add_closer_fn(s, "c", NULL, &ran), -EINVAL);
	stop_and_put(s);
	CHECK_EQ(env_get(&ran), 0);
	/* also when it would be run at once */
	s = new_stopper(NULL);
	CHECK_EQ(stopper_stop(s, NULL), 0);
	CHECK_EQ(stopper_add_closer_fn(s, "c", NULL, &ran), -EINVAL);
	CHECK_EQ(stopper_add_closer(s, &closer), -EINVAL);
	stopper_put(s);
}

static void stop_of_no_stopper_is_einval(void)
{
	CHECK_EQ(stopper_stop(NULL, NULL), -EINVAL);
	CHECK_EQ(stopper_quiesce(NULL, NULL), -EINVAL);
	CHECK_EQ(stopper_stop_async(NULL), -EINVAL);
	CHECK_EQ(stopper_phase(NULL), STOPPER_RUNNING);
}

static void contexts_without_out_or_stopper_are_einval(void)
{
	struct stopper_ctx *untouched = (struct stopper_ctx *)&untouched, *ctx = untouched;
	struct stopper *s = new_stopper(NULL);

	CHECK_EQ(stopper_ctx_with_cancel(NULL, NULL), -EINVAL);
	CHECK_EQ(stopper_ctx_with_deadline(NULL, env_now() + ENV_SEC, NULL), -EINVAL);
	CHECK_EQ(stopper_ctx_with_timeout(NULL, ENV_SEC, NULL), -EINVAL);
	CHECK_EQ(stopper_ctx_with_timeout(NULL, 0, NULL), -EINVAL);
	CHECK_EQ(stopper_ctx_with_cancel_on_quiesce(s, NULL, NULL), -EINVAL);
	CHECK_EQ(stopper_ctx_with_cancel_on_stop(s, NULL, NULL), -EINVAL);
	CHECK_EQ(stopper_ctx_with_cancel_on_quiesce(NULL, NULL, &ctx), -EINVAL);
	CHECK_EQ(stopper_ctx_with_cancel_on_stop(NULL, NULL, &ctx), -EINVAL);
	CHECK(ctx == untouched || !ctx);
	stop_and_put(s);
}

static void semaphores_of_bad_capacity_are_einval(void)
{
	struct stopper_sem sem;

	CHECK_EQ(stopper_sem_init(NULL, 1), -EINVAL);
	CHECK_EQ(stopper_sem_init(&sem, -1), -EINVAL);
	CHECK_EQ(stopper_sem_init(&sem, INT_MIN), -EINVAL);
	CHECK_EQ(stopper_sem_try_acquire(NULL), -EINVAL);
	CHECK_EQ(stopper_sem_acquire(NULL, NULL), -EINVAL);
	CHECK_EQ(stopper_sem_init(&sem, INT_MAX), 0);
	CHECK_EQ(stopper_sem_capacity(&sem), INT_MAX);
	stopper_sem_destroy(&sem);
}

static void events_without_event_record_or_function_are_einval(void)
{
	struct env_counter called = { 0 };
	struct stopper_event ev, *evs[] = { &ev };
	struct stopper_on_fire of;

	stopper_event_init(&ev);
	CHECK_EQ(stopper_event_on_fire(NULL, &of, case_count_on_fire, &called), -EINVAL);
	CHECK_EQ(stopper_event_on_fire(&ev, NULL, case_count_on_fire, &called), -EINVAL);
	CHECK_EQ(stopper_event_on_fire(&ev, &of, NULL, &called), -EINVAL);
	CHECK_EQ(stopper_wait_any(evs, 0, NULL), -EINVAL);
	CHECK_EQ(stopper_wait_any(NULL, 0, NULL), -EINVAL);
	CHECK_EQ(stopper_wait_any(NULL, 1, NULL), -EINVAL);
	stopper_event_fire(&ev);
	CHECK_EQ(stopper_event_on_fire(&ev, &of, NULL, &called), -EINVAL);
	CHECK_EQ(env_get(&called), 0);
	stopper_event_destroy(&ev);
}

static void lists_without_room_are_einval(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task task;

	CHECK_EQ(stopper_task_begin(s, NULL, "task", &task), 0);
	CHECK_EQ(stopper_running_tasks(s, NULL, 3), -EINVAL);
	CHECK_EQ(stopper_task_map(s, NULL, 3), -EINVAL);
	stopper_task_end(&task);
	stop_and_put(s);
}

static void bad_arguments_are_einval_in_every_phase(void)
{
	struct stopper *s = new_stopper(NULL);
	struct env_counter ran = { 0 };

	CHECK_EQ(stopper_stop(s, NULL), 0);
	CHECK_EQ(stopper_run_task(s, NULL, "t", NULL, &ran), -EINVAL);
	CHECK_EQ(stopper_run_async_task(s, NULL, "t", NULL, &ran), -EINVAL);
	CHECK_EQ(stopper_run_worker(s, NULL, "t", NULL, &ran), -EINVAL);
	CHECK_EQ(stopper_task_begin(s, NULL, "t", NULL), -EINVAL);
	stopper_put(s);
}

static void create_refuses_who_was_compiled_for_another_layout(void)
{
	struct stopper_site site = { .name = "stopper", .layout = STOPPER_LAYOUT + 1 };
	struct stopper *s = NULL;

	CHECK_EQ(__stopper_create(&s, "newer", NULL, &site), -ENOEXEC);
	site.layout = 0;
	CHECK_EQ(__stopper_create(&s, "older", NULL, &site), -ENOEXEC);
	CHECK(!s);
	site.layout = STOPPER_LAYOUT;
	CHECK_EQ(__stopper_create(&s, "same", NULL, &site), 0);
	stop_and_put(s);
}

static void options_of_older_headers_are_taken(void)
{
	struct stopper_options opts = {
		.size = offsetof(struct stopper_options, stack_size) + sizeof(size_t),
		.flags = STOPPER_QUIET,
	};
	struct stopper *s = NULL;

	CHECK_EQ(stopper_create(&s, "older", &opts), 0);
	stop_and_put(s);
}

const struct test_case cases_args[] = {
	CASE(create_without_out_or_name_is_einval),
	CASE(create_with_bad_options_is_einval),
	CASE(create_refuses_who_was_compiled_for_another_layout),
	CASE(options_of_older_headers_are_taken),
	CASE(create_with_an_unknown_flag_is_einval),
	CASE(tasks_without_stopper_or_function_are_einval),
	CASE(closers_without_stopper_or_function_are_einval),
	CASE(stop_of_no_stopper_is_einval),
	CASE(contexts_without_out_or_stopper_are_einval),
	CASE(semaphores_of_bad_capacity_are_einval),
	CASE(events_without_event_record_or_function_are_einval),
	CASE(lists_without_room_are_einval),
	CASE(bad_arguments_are_einval_in_every_phase),
	CASES_END
};
