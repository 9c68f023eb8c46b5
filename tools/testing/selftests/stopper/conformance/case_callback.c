// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_callback.c - no user function is called under a lock: each kind calls back.
 *
 * call_back() makes every call that may be made anywhere. If a lock of the
 * stopper were held, one of them would wait for ever, and lockdep or the
 * case's time limit would say so.
 */
#include "case.h"

struct back {
	struct stopper_options opts;
	struct stopper *s;
	struct stopper *other;
	struct env_counter calls, late, busy;
	char map[256];
};

static void late_closer(void *arg)
{
	env_inc(arg);
}

static void call_back(struct back *b)
{
	struct env_counter called = { 0 };
	struct stopper_event ev;
	struct stopper_on_fire of;
	struct stopper_ctx *ctx;
	struct stopper_task task;

	/* a report made by what is done here calls the sink again: once is enough */
	if (env_inc(&b->busy) > 1) {
		env_dec(&b->busy);
		return;
	}
	stopper_num_tasks(b->s);
	CHECK(stopper_running_tasks(b->s, NULL, 0) >= 0);
	CHECK(stopper_task_map(b->s, b->map, sizeof(b->map)) >= 0);
	CHECK(stopper_name(b->s));
	stopper_phase(b->s);
	stopper_put(stopper_get(b->s));
	CHECK_EQ(stopper_add_closer_fn(b->s, "late", late_closer, &b->late), 0);
	stopper_event_fired(stopper_should_quiesce(b->s));
	CHECK_EQ(stopper_event_on_fire(stopper_is_stopped(NULL), &of, case_count_on_fire, &called),
		 0);
	CHECK(stopper_event_detach(stopper_is_stopped(NULL), &of));
	CHECK_EQ(stopper_ctx_with_cancel_on_quiesce(b->s, NULL, &ctx), 0);
	stopper_ctx_cancel(ctx);
	stopper_ctx_put(ctx);
	CHECK_EQ(stopper_ctx_with_cancel_on_stop(b->s, NULL, &ctx), 0);
	stopper_ctx_put(ctx);
	stopper_event_init(&ev);
	stopper_event_fire(&ev);
	CHECK_EQ(stopper_wait(&ev, NULL), 0);
	stopper_event_destroy(&ev);
	if (!stopper_task_begin(b->s, NULL, "again", &task))
		stopper_task_end(&task);
	/* another stopper lives and dies in here */
	b->other = new_stopper(NULL);
	CHECK_EQ(stopper_run_task(b->other, NULL, "inner", case_count_fn, &called), 0);
	CHECK_EQ(stopper_run_async_task(b->other, NULL, "inner", case_count_fn, &called), 0);
	stop_and_put(b->other);
	CHECK_EQ(env_get(&called), 2);
	CHECK_EQ(stopper_stop_async(b->s), 0);
	env_inc(&b->calls);
	env_dec(&b->busy);
}

static void back_task(struct stopper_ctx *ctx, void *arg)
{
	struct back *b = arg;

	CHECK_EQ(stopper_stop(b->s, NULL), -EDEADLK);
	call_back(b);
}

static int back_task_err(struct stopper_ctx *ctx, void *arg)
{
	back_task(ctx, arg);
	return 0;
}

static void back_closer(void *arg)
{
	struct back *b = arg;
	bool stopped = stopper_phase(b->s) == STOPPER_STOPPED;

	CHECK_EQ(stopper_stop(b->s, NULL), stopped ? 0 : -EDEADLK);
	call_back(b);
}

static void back_on_fire(struct stopper_on_fire *of, void *arg)
{
	call_back(arg);
}

static void back_log(void *arg, int level, const char *line)
{
	call_back(arg);
}

static void back_panic(void *arg, const struct stopper_panic_info *info)
{
	call_back(arg);
}

static struct back *back_new(void)
{
	struct back *b = env_alloc(sizeof(*b));

	b->opts.size = sizeof(b->opts);
	return b;
}

static void back_start(struct back *b)
{
	b->s = new_stopper(&b->opts);
}

static void back_end(struct back *b)
{
	stop_and_put(b->s);
	CHECK(env_get(&b->calls) >= 1);
	CHECK_EQ(env_get(&b->late), env_get(&b->calls));
	env_free(b);
}

static void sync_task_may_call_back(void)
{
	struct back *b = back_new();

	back_start(b);
	CHECK_EQ(stopper_run_task(b->s, NULL, "back", back_task, b), 0);
	back_end(b);
	b = back_new();
	back_start(b);
	CHECK_EQ(stopper_run_task_err(b->s, NULL, "back", back_task_err, b), 0);
	back_end(b);
}

static void async_task_may_call_back(void)
{
	struct back *b = back_new();
	struct stopper_sem sem;

	back_start(b);
	CHECK_EQ(stopper_run_async_task(b->s, NULL, "back", back_task, b), 0);
	back_end(b);
	b = back_new();
	back_start(b);
	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	CHECK_EQ(stopper_run_limited_async_task(b->s, NULL, "back", &sem, true, back_task, b), 0);
	back_end(b);
	stopper_sem_destroy(&sem);
}

static void worker_may_call_back(void)
{
	struct back *b = back_new();

	back_start(b);
	CHECK_EQ(stopper_run_worker(b->s, NULL, "back", back_task, b), 0);
	back_end(b);
}

static void closer_may_call_back(void)
{
	struct back *b = back_new();

	back_start(b);
	CHECK_EQ(stopper_add_closer_fn(b->s, "back", back_closer, b), 0);
	back_end(b);
	/* and one that its adder runs */
	b = back_new();
	back_start(b);
	CHECK_EQ(stopper_stop(b->s, NULL), 0);
	CHECK_EQ(stopper_add_closer_fn(b->s, "back", back_closer, b), 0);
	back_end(b);
}

static void callback_on_an_event_of_the_stopper_may_call_back(void)
{
	struct stopper_on_fire of[3];
	struct back *b = back_new();

	back_start(b);
	CHECK_EQ(stopper_event_on_fire(stopper_should_quiesce(b->s), &of[0], back_on_fire, b), 0);
	CHECK_EQ(stopper_event_on_fire(stopper_should_stop(b->s), &of[1], back_on_fire, b), 0);
	CHECK_EQ(stopper_event_on_fire(stopper_is_stopped(b->s), &of[2], back_on_fire, b), 0);
	CHECK_EQ(stopper_stop(b->s, NULL), 0);
	/* the last of them may run when Stop has returned: wait for it */
	stopper_event_detach(stopper_is_stopped(b->s), &of[2]);
	CHECK_EQ(env_get(&b->calls), 3);
	back_end(b);
}

static void callback_on_a_context_may_call_back(void)
{
	struct stopper_ctx *ctx, *below;
	struct stopper_on_fire of[2];
	struct back *b = back_new();

	back_start(b);
	CHECK_EQ(stopper_ctx_with_cancel_on_quiesce(b->s, NULL, &ctx), 0);
	below = new_ctx(ctx);
	CHECK_EQ(stopper_event_on_fire(stopper_ctx_done(ctx), &of[0], back_on_fire, b), 0);
	CHECK_EQ(stopper_event_on_fire(stopper_ctx_done(below), &of[1], back_on_fire, b), 0);
	CHECK_EQ(stopper_stop(b->s, NULL), 0);
	CHECK_EQ(env_get(&b->calls), 2);
	stopper_ctx_put(ctx);
	stopper_ctx_put(below);
	back_end(b);
}

static void callback_on_a_cancelled_context_may_call_back(void)
{
	struct stopper_ctx *ctx = new_ctx(NULL);
	struct stopper_on_fire of;
	struct back *b = back_new();

	back_start(b);
	CHECK_EQ(stopper_event_on_fire(stopper_ctx_done(ctx), &of, back_on_fire, b), 0);
	stopper_ctx_cancel(ctx);
	CHECK_EQ(env_get(&b->calls), 1);
	stopper_ctx_put(ctx);
	back_end(b);
}

static void log_sink_may_call_back(void)
{
	struct back *b = back_new();
	struct stopper_task task;
	struct case_call stop;

	b->opts.log = back_log;
	b->opts.log_arg = b;
	b->opts.stall_ns = 5 * ENV_MSEC;
	back_start(b);
	CHECK_EQ(stopper_task_begin(b->s, NULL, "task", &task), 0);
	case_stop_begin(&stop, b->s, NULL);
	CHECK_SOON(env_get(&b->calls) >= 2);
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&stop), 0);
	back_end(b);
}

static void panic_now(struct stopper_ctx *ctx, void *arg)
{
	stopper_panic(arg);
}

static void exit_now(struct stopper_ctx *ctx, void *arg)
{
	env_thread_exit();
}

static void panic_hook_may_call_back(void)
{
	int i;

	for (i = 0; i < 4; i++) {
		stopper_fn fn = i % 2 ? panic_now : exit_now;
		struct back *b = back_new();

		b->opts.on_panic = back_panic;
		b->opts.on_panic_arg = b;
		back_start(b);
		if (i < 2)
			CHECK_EQ(stopper_run_async_task(b->s, NULL, "doomed", fn, b), 0);
		else
			CHECK_EQ(stopper_run_worker(b->s, NULL, "doomed", fn, b), 0);
		CHECK_SOON(env_get(&b->calls) == 1);
		back_end(b);
	}
}

const struct test_case cases_callback[] = {
	CASE(sync_task_may_call_back),
	CASE(async_task_may_call_back),
	CASE(worker_may_call_back),
	CASE(closer_may_call_back),
	CASE(callback_on_an_event_of_the_stopper_may_call_back),
	CASE(callback_on_a_context_may_call_back),
	CASE(callback_on_a_cancelled_context_may_call_back),
	CASE(log_sink_may_call_back),
	CASE(panic_hook_may_call_back),
	CASES_END
};
