// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_pause_beside.c - pauses beside other things: a tree, timers, reports, data they protect.
 */
#include "case.h"

static void pause_of_the_parent_is_one_of_the_whole_tree(void)
{
	struct stopper *s = new_stopper(NULL), *child = new_child("child", s);
	struct stopper *grandchild = new_child("grandchild", child), *born;
	struct case_call pause;
	struct stopper_task task;

	CHECK_EQ(stopper_task_begin(grandchild, NULL, "task", &task), 0);
	case_pause_begin(&pause, s, NULL);
	CHECK_SOON(case_is_paused(grandchild));
	CHECK(case_is_paused(child));
	born = new_child("born", child);
	CHECK(case_is_paused(born));
	env_settle();
	CHECK(!env_get(&pause.returned));
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&pause), 0);
	CHECK_EQ(stopper_resume(child), -EINVAL);
	/* A child's own pause is its own. */
	CHECK_EQ(stopper_pause(child, NULL), 0);
	CHECK_EQ(stopper_resume(s), 0);
	CHECK(!case_is_paused(s));
	CHECK(case_is_paused(child));
	CHECK(case_is_paused(grandchild));
	CHECK_EQ(stopper_pause(s, NULL), 0);
	CHECK_EQ(stopper_resume(child), 0);
	CHECK(case_is_paused(child));
	CHECK_EQ(stopper_resume(s), 0);
	CHECK(!case_is_paused(child));
	CHECK(!case_is_paused(grandchild));
	CHECK(!case_is_paused(born));
	stop_and_put(s);
	stopper_put(child);
	stopper_put(grandchild);
	stopper_put(born);
}

static void pause_of_the_parent_and_stop_of_the_child_go_together(void)
{
	struct stopper *s = new_stopper(NULL), *child = new_child("child", s);
	struct case_call pause, stop;
	struct case_hold worker;
	struct stopper_task task;

	case_hold_init(&worker);
	CHECK_EQ(stopper_run_worker(child, NULL, "worker", case_hold_fn, &worker), 0);
	CHECK_EQ(stopper_task_begin(child, NULL, "task", &task), 0);
	case_pause_begin(&pause, s, NULL);
	CHECK_SOON(case_is_paused(s));
	case_stop_begin(&stop, child, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(child)));
	CHECK(!env_get(&pause.returned));
	stopper_task_end(&task);
	/* It waits for tasks only: the worker has not returned. */
	CHECK_EQ(case_call_end(&pause), 0);
	CHECK(!env_get(&stop.returned));
	env_gate_open(&worker.gate);
	CHECK_EQ(case_call_end(&stop), 0);
	CHECK_EQ(stopper_resume(s), 0);
	CHECK(!case_is_paused(s));
	stop_and_put(s);
	stopper_put(child);
	case_hold_destroy(&worker);
}

/* One that was started before the pause, and one that was started in it; one that repeats. */
static void timers_wait_for_the_resume(void)
{
	struct stopper *s = new_stopper(NULL);
	struct env_counter ran = { 0 };
	struct stopper_timer t[3];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(t); i++)
		stopper_timer_init(&t[i], s, "timer", case_count_fn, &ran);
	CHECK_EQ(stopper_run_after(&t[0], NULL, ENV_SEC), 0);
	CHECK_EQ(stopper_pause(s, NULL), 0);
	CHECK_EQ(stopper_timer_cancel(&t[0]), 1);
	CHECK_EQ(stopper_run_after(&t[0], NULL, ENV_MSEC), 0);
	CHECK_EQ(stopper_run_after(&t[1], NULL, 0), 0);
	CHECK_EQ(stopper_run_every(&t[2], NULL, 0, ENV_MSEC, 0), 0);
	env_settle();
	CHECK_EQ(env_get(&ran), 0);
	CHECK_EQ(stopper_resume(s), 0);
	CHECK_SOON(env_get(&ran) > 4);
	/* A pause waits for those that run. */
	CHECK_EQ(stopper_pause(s, NULL), 0);
	i = (unsigned int)env_get(&ran);
	env_settle();
	CHECK_EQ(env_get(&ran), i);
	stop_and_put(s);
	CHECK_EQ(env_get(&ran), i);
}

static void long_pause_is_reported(void)
{
	struct case_log *log = case_log_new();
	struct stopper_task task;
	struct case_call pause;
	struct stopper *s;

	log->opts.stall_ns = 10 * ENV_MSEC;
	s = new_stopper(&log->opts);
	CHECK_EQ(stopper_task_begin(s, NULL, "holds-it-up", &task), 0);
	case_pause_begin(&pause, s, NULL);
	CHECK_SOON(case_log_count(log, "holds-it-up"));
	CHECK(case_log_count(log, "pause blocked for "));
	CHECK(case_log_count(log, "running for "));
	CHECK(case_log_count(log, "  paused at "));
	CHECK(!case_log_count(log, "stop blocked for "));
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&pause), 0);
	stop_and_put(s);
	env_free(log);
}

/* A configuration in plain memory, which is changed only while no task runs. */
struct config {
	struct stopper *s;
	struct stopper *parent;		/* what is paused */
	int a, b;
	struct env_counter over, tasks;
};

static void reads_config(struct stopper_ctx *ctx, void *arg)
{
	struct config *c = arg;

	CHECK_EQ(c->a, c->b);
	env_inc(&c->tasks);
}

static void nests_read(struct stopper_ctx *ctx, void *arg)
{
	struct config *c = arg;
	int err = stopper_run_task(c->s, NULL, "inner", reads_config, c);

	CHECK(!err || err == -EAGAIN);
	reads_config(NULL, c);
}

static void reads_until_over(void *arg)
{
	struct config *c = arg;
	struct stopper_task task;
	int err, i;

	for (i = 0; !env_get(&c->over); i++) {
		switch (i % 4) {
		case 0:
			err = stopper_run_task(c->s, NULL, "sync", reads_config, c);
			break;
		case 1:
			err = stopper_run_task(c->s, NULL, "outer", nests_read, c);
			break;
		case 2:
			err = stopper_run_async_task(c->s, NULL, "async", reads_config, c);
			break;
		default:
			err = stopper_task_begin_wait(c->s, NULL, "handle", &task);
			CHECK_EQ(err, 0);
			reads_config(NULL, c);
			stopper_task_end(&task);
		}
		CHECK(!err || err == -EAGAIN);
		/* also lest tasks are queued for ever on the only CPU */
		if (err || i % 16 == 0)
			env_yield();
	}
}

static void pauses_until_over(void *arg)
{
	struct config *c = arg;

	while (!env_get(&c->over)) {
		CHECK_EQ(stopper_pause(c->s, NULL), 0);
		CHECK_EQ(stopper_resume(c->s), 0);
		env_yield();
	}
}

static void tasks_see_what_was_written_in_a_pause(void)
{
	struct env_thread reader[2], pauser;
	struct config c = { .parent = new_stopper(NULL) };
	int i;

	c.s = new_child("child", c.parent);
	for (i = 0; i < 2; i++)
		CHECK_EQ(env_spawn(&reader[i], reads_until_over, &c), 0);
	CHECK_EQ(env_spawn(&pauser, pauses_until_over, &c), 0);
	for (i = 0; i < case_rounds(200) || !env_get(&c.tasks); i++) {
		/* Its own pause, or that of its parent. */
		struct stopper *s = i % 2 ? c.s : c.parent;

		CHECK_EQ(stopper_pause(s, NULL), 0);
		c.a++;
		env_yield();
		c.b++;
		CHECK_EQ(stopper_resume(s), 0);
		env_yield();
	}
	env_set(&c.over, 1);
	for (i = 0; i < 2; i++)
		env_join(&reader[i]);
	env_join(&pauser);
	CHECK(!case_is_paused(c.s));
	stop_and_put(c.parent);
	stopper_put(c.s);
}

const struct test_case cases_pause_beside[] = {
	CASE(pause_of_the_parent_is_one_of_the_whole_tree),
	CASE(pause_of_the_parent_and_stop_of_the_child_go_together),
	CASE(timers_wait_for_the_resume),
	CASE(long_pause_is_reported),
	CASE(tasks_see_what_was_written_in_a_pause),
	CASES_END
};
