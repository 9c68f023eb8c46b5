// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_refusal.c - what is refused, from which phase on, and is then never called.
 */
#include "case.h"

/* Every way to start something; returns how many were accepted. */
static int try_all(struct stopper *s, struct stopper_sem *sem, struct env_counter *ran, int want)
{
	struct stopper_task task;
	int accepted = 0;
	int err;

	accepted += CHECK_EQ(stopper_run_task(s, NULL, "sync", case_count_fn, ran), want);
	accepted += CHECK_EQ(stopper_run_task_err(s, NULL, "err", case_count_err_fn, ran), want);
	accepted += CHECK_EQ(stopper_run_async_task(s, NULL, "async", case_count_fn, ran), want);
	accepted += CHECK_EQ(stopper_run_limited_async_task(s, NULL, "limited", sem, true,
							    case_count_fn, ran), want);
	accepted += CHECK_EQ(stopper_run_limited_async_task(s, NULL, "limited", sem, false,
							    case_count_fn, ran), want);
	err = stopper_task_begin(s, NULL, "handle", &task);
	accepted += CHECK_EQ(err, want);
	if (!err)
		stopper_task_end(&task);
	return accepted;
}

static void running_stopper_accepts_all(void)
{
	struct stopper *s = new_stopper(NULL);
	struct env_counter ran = { 0 };
	struct stopper_sem sem;

	CHECK_EQ(stopper_sem_init(&sem, 10), 0);
	try_all(s, &sem, &ran, 0);
	CHECK_SOON(env_get(&ran) == 5);
	stop_and_put(s);
	stopper_sem_destroy(&sem);
}

static void refused_for_good(struct stopper *s, bool quiesce_only)
{
	struct env_counter ran = { 0 };
	struct stopper_sem sem;

	CHECK_EQ(stopper_sem_init(&sem, 10), 0);
	if (quiesce_only)
		CHECK_EQ(stopper_quiesce(s, NULL), 0);
	else
		CHECK_EQ(stopper_stop(s, NULL), 0);
	try_all(s, &sem, &ran, -ESHUTDOWN);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	CHECK_EQ(stopper_num_tasks(s), 0);
	stop_and_put(s);
	CHECK_EQ(env_get(&ran), 0);
	stopper_sem_destroy(&sem);
}

static void quiesced_stopper_refuses_all_tasks(void)
{
	refused_for_good(new_stopper(NULL), true);
}

static void stopped_stopper_refuses_all_tasks(void)
{
	refused_for_good(new_stopper(NULL), false);
}

struct in_quiesce {
	struct stopper *s;
	struct stopper_sem sem;
	struct env_counter ran;
	struct env_counter tried;
};

static void try_from_callback(struct stopper_on_fire *of, void *arg)
{
	struct in_quiesce *q = arg;
	struct stopper_task task;

	CHECK_EQ(stopper_run_task(q->s, NULL, "late", case_count_fn, &q->ran), -ESHUTDOWN);
	CHECK_EQ(stopper_task_begin(q->s, NULL, "late", &task), -ESHUTDOWN);
	env_inc(&q->tried);
}

static void watch_and_try(void *arg)
{
	struct in_quiesce *q = arg;

	while (!stopper_event_fired(stopper_should_quiesce(q->s)))
		env_yield();
	try_all(q->s, &q->sem, &q->ran, -ESHUTDOWN);
	env_inc(&q->tried);
}

static void quiesce_refuses_after_should_quiesce_fired(void)
{
	int round;

	for (round = 0; round < case_rounds(100); round++) {
		struct in_quiesce q = { .s = new_stopper(NULL) };
		struct stopper_on_fire of;
		struct env_thread thread[2];

		CHECK_EQ(stopper_sem_init(&q.sem, 100), 0);
		CHECK_EQ(stopper_event_on_fire(stopper_should_quiesce(q.s), &of,
					       try_from_callback, &q), 0);
		CHECK_EQ(env_spawn(&thread[0], watch_and_try, &q), 0);
		CHECK_EQ(env_spawn(&thread[1], watch_and_try, &q), 0);
		stop_and_put(stopper_get(q.s));
		env_join(&thread[0]);
		env_join(&thread[1]);
		CHECK_EQ(env_get(&q.tried), 3);
		CHECK_EQ(env_get(&q.ran), 0);
		stopper_sem_destroy(&q.sem);
		stopper_put(q.s);
	}
}

static void start_another(struct stopper_ctx *ctx, void *arg)
{
	struct in_quiesce *q = arg;

	CHECK_EQ(stopper_wait(stopper_should_quiesce(q->s), NULL), 0);
	try_all(q->s, &q->sem, &q->ran, -ESHUTDOWN);
	env_inc(&q->tried);
}

static void running_task_cannot_start_another_once_quiescing(void)
{
	struct in_quiesce q = { .s = new_stopper(NULL) };

	CHECK_EQ(stopper_sem_init(&q.sem, 100), 0);
	CHECK_EQ(stopper_run_async_task(q.s, NULL, "starter", start_another, &q), 0);
	stop_and_put(q.s);
	CHECK_EQ(env_get(&q.tried), 1);
	CHECK_EQ(env_get(&q.ran), 0);
	stopper_sem_destroy(&q.sem);
}

static void refusal_of_one_stopper_leaves_another_alone(void)
{
	struct stopper *a = new_stopper(NULL), *b = new_stopper(NULL);
	struct env_counter ran = { 0 };

	CHECK_EQ(stopper_stop(a, NULL), 0);
	CHECK_EQ(stopper_run_task(b, NULL, "task", case_count_fn, &ran), 0);
	CHECK_EQ(env_get(&ran), 1);
	CHECK(!stopper_event_fired(stopper_should_quiesce(b)));
	stopper_put(a);
	stop_and_put(b);
}

static void refused_handle_needs_no_end(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task task;
	int i;

	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	for (i = 0; i < 100; i++)
		CHECK_EQ(stopper_task_begin(s, NULL, "late", &task), -ESHUTDOWN);
	CHECK_EQ(stopper_num_tasks(s), 0);
	stop_and_put(s);
}

static void errors_have_names_and_words(void)
{
	static const int errors[] = { 0, STOPPER_EUNAVAILABLE, STOPPER_ETHROTTLED, STOPPER_EPANIC,
				      -EINVAL, -ENOMEM, -ECANCELED, -ETIMEDOUT, -EDEADLK, -EAGAIN };
	unsigned int i, j;

	CHECK_EQ(STOPPER_EUNAVAILABLE, -ESHUTDOWN);
	CHECK_EQ(STOPPER_ETHROTTLED, -EBUSY);
	CHECK_EQ(STOPPER_EPANIC, -EOWNERDEAD);
	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		const char *words = stopper_strerror(errors[i]);

		if (!CHECK(words && *words && case_printable(words)))
			continue;
		CHECK(strcmp(words, "unknown error"));
		for (j = 0; j < i; j++)
			CHECK(strcmp(words, stopper_strerror(errors[j])));
	}
	CHECK(!strcmp(stopper_strerror(-12345), "unknown error"));
	CHECK(!strcmp(stopper_strerror(INT_MIN), "unknown error"));
}

const struct test_case cases_refusal[] = {
	CASE(running_stopper_accepts_all),
	CASE(quiesced_stopper_refuses_all_tasks),
	CASE(stopped_stopper_refuses_all_tasks),
	CASE(quiesce_refuses_after_should_quiesce_fired),
	CASE(running_task_cannot_start_another_once_quiescing),
	CASE(refusal_of_one_stopper_leaves_another_alone),
	CASE(refused_handle_needs_no_end),
	CASE(errors_have_names_and_words),
	CASES_END
};
