// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_pause.c - pause and resume: tasks are refused and waited for, and later admitted again.
 */
#include "case.h"

static void paused_stopper_refuses_each_kind_of_task(void)
{
	struct stopper *s = new_stopper(NULL);
	struct env_counter ran = { 0 };
	struct stopper_task task;
	struct stopper_sem sem;

	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	CHECK_EQ(stopper_pause(s, NULL), 0);
	CHECK_EQ(stopper_run_task(s, NULL, "sync", case_count_fn, &ran), -EAGAIN);
	CHECK_EQ(stopper_run_task_err(s, NULL, "err", case_count_err_fn, &ran), -EAGAIN);
	CHECK_EQ(stopper_task_begin(s, NULL, "handle", &task), -EAGAIN);
	CHECK_EQ(stopper_run_async_task(s, NULL, "async", case_count_fn, &ran), -EAGAIN);
	CHECK_EQ(stopper_run_limited_async_task(s, NULL, "limited", &sem, false, case_count_fn,
						&ran), -EAGAIN);
	CHECK_EQ(stopper_sem_try_acquire(&sem), 0);
	/* Not -EBUSY, and no wait for the slot. */
	CHECK_EQ(stopper_run_limited_async_task(s, NULL, "limited", &sem, true, case_count_fn,
						&ran), -EAGAIN);
	stopper_sem_release(&sem);
	CHECK_EQ(stopper_num_tasks(s), 0);
	CHECK_EQ(stopper_resume(s), 0);
	CHECK_EQ(env_get(&ran), 0);
	CHECK_EQ(stopper_run_task(s, NULL, "sync", case_count_fn, &ran), 0);
	CHECK_EQ(stopper_task_begin(s, NULL, "handle", &task), 0);
	stopper_task_end(&task);
	CHECK_EQ(stopper_run_async_task(s, NULL, "async", case_count_fn, &ran), 0);
	stop_and_put(s);
	CHECK_EQ(env_get(&ran), 2);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	stopper_sem_destroy(&sem);
}

struct told {
	struct stopper_async async;
	struct env_counter ran, told;
	int status;
};

static int told_run(struct stopper_ctx *ctx, struct stopper_async *async)
{
	env_inc(&((struct told *)async)->ran);
	return 7;
}

static void told_done(struct stopper_async *async, int status)
{
	struct told *t = (struct told *)async;

	t->status = status;
	env_inc(&t->told);
}

static void paused_stopper_refuses_records(void)
{
	struct stopper_options opts = { .size = sizeof(opts), .flags = STOPPER_DROP_QUEUED };
	struct stopper *s = new_stopper(&opts);
	struct told t = { .status = 0 };
	struct case_call pause;
	struct case_hold h;

	stopper_async_init(&t.async, told_run, told_done);
	CHECK_EQ(stopper_pause(s, NULL), 0);
	CHECK_EQ(stopper_async_start(s, NULL, "record", &t.async), -EAGAIN);
	CHECK_EQ(env_get(&t.told), 0);
	t.async.flags = STOPPER_ASYNC_TELL_REFUSED;
	CHECK_EQ(stopper_async_start(s, NULL, "record", &t.async), -EAGAIN);
	CHECK_EQ(env_get(&t.told), 1);
	CHECK_EQ(t.status, -EAGAIN);
	CHECK_EQ(stopper_resume(s), 0);
	/* A pause drops nothing that is queued. */
	case_hold_init(&h);
	CHECK_EQ(stopper_run_async_task(s, NULL, "holds", case_hold_fn, &h), 0);
	CHECK_EQ(stopper_async_start(s, NULL, "record", &t.async), 0);
	case_pause_begin(&pause, s, NULL);
	CHECK_SOON(case_is_paused(s));
	env_gate_open(&h.gate);
	CHECK_EQ(case_call_end(&pause), 0);
	CHECK_EQ(env_get(&t.ran), 1);
	CHECK_EQ(env_get(&t.told), 2);
	CHECK_EQ(t.status, 7);
	stop_and_put(s);
	case_hold_destroy(&h);
}

static void pause_refuses_tasks_that_wait_for_a_slot(void)
{
	struct stopper *s = new_stopper(NULL);
	struct env_counter ran = { 0 };
	struct stopper_sem sem;
	struct case_hold h;
	struct case_call pause;

	case_hold_init(&h);
	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	CHECK_EQ(stopper_run_limited_async_task(s, NULL, "holds", &sem, true, case_hold_fn, &h), 0);
	case_pause_begin(&pause, s, NULL);
	CHECK_SOON(case_is_paused(s));
	CHECK_EQ(stopper_run_limited_async_task(s, NULL, "limited", &sem, true, case_count_fn,
						&ran), -EAGAIN);
	env_gate_open(&h.gate);
	CHECK_EQ(case_call_end(&pause), 0);
	CHECK_EQ(stopper_resume(s), 0);
	stop_and_put(s);
	CHECK_EQ(env_get(&ran), 0);
	stopper_sem_destroy(&sem);
	case_hold_destroy(&h);
}

static void pause_touches_nothing_but_tasks(void)
{
	struct case_worker w = { .s = new_stopper(NULL) };
	struct env_counter closed = { 0 };
	struct stopper_ctx *ctx = NULL;
	struct stopper *s = w.s;

	CHECK_EQ(stopper_ctx_with_cancel_on_quiesce(s, NULL, &ctx), 0);
	CHECK_EQ(stopper_add_closer_fn(s, "closer", case_count_plain, &closed), 0);
	CHECK_EQ(stopper_pause(s, NULL), 0);
	CHECK_EQ(stopper_run_worker(s, NULL, "worker", case_worker_fn, &w), 0);
	CHECK_SOON(env_get(&w.in));
	env_settle();
	CHECK_EQ(stopper_phase(s), STOPPER_RUNNING);
	CHECK(!stopper_event_fired(stopper_should_quiesce(s)));
	CHECK(!stopper_event_fired(stopper_should_stop(s)));
	CHECK_EQ(stopper_ctx_err(ctx), 0);
	CHECK_EQ(env_get(&w.out), 0);
	CHECK_EQ(env_get(&closed), 0);
	CHECK_EQ(stopper_resume(s), 0);
	stop_and_put(s);
	CHECK_EQ(env_get(&closed), 1);
	stopper_ctx_put(ctx);
}

#define HANDLES	70	/* more than a table has slots */

static void pause_waits_for_tasks_of_all_kinds(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task *task = env_alloc(HANDLES * sizeof(*task));
	struct case_call pause;
	struct case_hold h;
	unsigned int i;

	case_hold_init(&h);
	for (i = 0; i < HANDLES; i++)
		CHECK_EQ(stopper_task_begin(s, NULL, "handle", &task[i]), 0);
	CHECK_EQ(stopper_run_async_task(s, NULL, "async", case_hold_fn, &h), 0);
	case_pause_begin(&pause, s, NULL);
	CHECK_SOON(case_is_paused(s));
	for (i = 0; i < HANDLES; i++)
		stopper_task_end(&task[i]);
	env_settle();
	CHECK(!env_get(&pause.returned));
	env_gate_open(&h.gate);
	CHECK_EQ(case_call_end(&pause), 0);
	CHECK_EQ(env_get(&h.out), 1);
	CHECK_EQ(stopper_num_tasks(s), 0);
	CHECK(case_is_paused(s));
	CHECK_EQ(stopper_resume(s), 0);
	CHECK(!case_is_paused(s));
	stop_and_put(s);
	case_hold_destroy(&h);
	env_free(task);
}

static void pauses_nest(void)
{
	struct stopper *s = new_stopper(NULL);
	int i;

	for (i = 0; i < 3; i++)
		CHECK_EQ(stopper_pause(s, NULL), 0);
	for (i = 0; i < 3; i++) {
		CHECK(case_is_paused(s));
		CHECK_EQ(stopper_resume(s), 0);
	}
	CHECK(!case_is_paused(s));
	CHECK_EQ(stopper_resume(s), -EINVAL);
	CHECK(!case_is_paused(s));
	CHECK_EQ(stopper_pause(s, NULL), 0);
	CHECK(case_is_paused(s));
	stop_and_put(s);
}

static void pause_that_gives_up_is_taken_back(void)
{
	struct stopper_ctx *timeout = new_ctx_timeout(NULL, 10 * ENV_MSEC), *ctx = new_ctx(NULL);
	struct stopper *s = new_stopper(NULL);
	struct stopper_task task;
	struct case_call pause;

	CHECK_EQ(stopper_task_begin(s, NULL, "task", &task), 0);
	CHECK_EQ(stopper_pause(s, timeout), -ETIMEDOUT);
	CHECK(!case_is_paused(s));
	case_pause_begin(&pause, s, ctx);
	CHECK_SOON(case_is_paused(s));
	stopper_ctx_cancel(ctx);
	CHECK_EQ(case_call_end(&pause), -ECANCELED);
	CHECK(!case_is_paused(s));
	CHECK_EQ(stopper_resume(s), -EINVAL);
	stopper_task_end(&task);
	stop_and_put(s);
	stopper_ctx_put(ctx);
	stopper_ctx_put(timeout);
}

static void pauses_at_once_wait_for_the_same_task(void)
{
	struct stopper_ctx *ctx = new_ctx(NULL);
	struct stopper *s = new_stopper(NULL);
	struct case_call pause[6];
	struct stopper_task task;
	unsigned int i;

	CHECK_EQ(stopper_task_begin(s, NULL, "task", &task), 0);
	/* One of them gives up: perhaps the one that leads. */
	case_pause_begin(&pause[0], s, ctx);
	for (i = 1; i < ARRAY_SIZE(pause); i++)
		case_pause_begin(&pause[i], s, NULL);
	CHECK_SOON(case_is_paused(s));
	env_settle();
	for (i = 0; i < ARRAY_SIZE(pause); i++)
		CHECK(!env_get(&pause[i].returned));
	stopper_ctx_cancel(ctx);
	CHECK_EQ(case_call_end(&pause[0]), -ECANCELED);
	CHECK(case_is_paused(s));
	stopper_task_end(&task);
	for (i = 1; i < ARRAY_SIZE(pause); i++) {
		CHECK_EQ(case_call_end(&pause[i]), 0);
		CHECK(case_is_paused(s));
	}
	for (i = 1; i < ARRAY_SIZE(pause); i++) {
		CHECK(case_is_paused(s));
		CHECK_EQ(stopper_resume(s), 0);
	}
	CHECK(!case_is_paused(s));
	stop_and_put(s);
	stopper_ctx_put(ctx);
}

static void stop_during_a_pause_goes_on_to_the_end(void)
{
	struct stopper *s = new_stopper(NULL);
	struct env_counter ran = { 0 };

	CHECK_EQ(stopper_pause(s, NULL), 0);
	CHECK_EQ(stopper_pause(s, NULL), 0);
	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	CHECK_EQ(stopper_phase(s), STOPPER_QUIESCING);
	CHECK_EQ(stopper_run_task(s, NULL, "late", case_count_fn, &ran), -ESHUTDOWN);
	CHECK_EQ(stopper_pause(s, NULL), -ESHUTDOWN);
	CHECK_EQ(stopper_resume(s), 0);
	CHECK_EQ(stopper_run_task(s, NULL, "late", case_count_fn, &ran), -ESHUTDOWN);
	CHECK_EQ(stopper_stop(s, NULL), 0);
	/* Each pause can be taken back, also now. */
	CHECK_EQ(stopper_resume(s), 0);
	CHECK_EQ(stopper_resume(s), -EINVAL);
	CHECK_EQ(stopper_phase(s), STOPPER_STOPPED);
	CHECK_EQ(stopper_run_task(s, NULL, "late", case_count_fn, &ran), -ESHUTDOWN);
	CHECK_EQ(stopper_pause(s, NULL), -ESHUTDOWN);
	stopper_put(s);
	CHECK_EQ(env_get(&ran), 0);
}

static void stop_ends_a_pause_that_waits(void)
{
	struct stopper *s = new_stopper(NULL);
	struct case_call pause[2], stop;
	struct stopper_task task;
	int i;

	CHECK_EQ(stopper_task_begin(s, NULL, "task", &task), 0);
	for (i = 0; i < 2; i++)
		case_pause_begin(&pause[i], s, NULL);
	CHECK_SOON(case_is_paused(s));
	env_settle();
	case_stop_begin(&stop, s, NULL);
	for (i = 0; i < 2; i++)
		CHECK_EQ(case_call_end(&pause[i]), -ESHUTDOWN);
	CHECK(!env_get(&stop.returned));
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&stop), 0);
	CHECK_EQ(stopper_resume(s), -EINVAL);
	stopper_put(s);
}

/* stopper_task_begin_wait() on a thread of its own; the task ends at once. */
static void begin_wait_main(void *arg)
{
	struct case_call *c = arg;
	struct stopper_task task;

	c->ret = stopper_task_begin_wait(c->s, c->ctx, "waits", &task);
	if (!c->ret)
		stopper_task_end(&task);
	env_set(&c->returned, 1);
}

static void begin_wait_begin(struct case_call *c, struct stopper *s, struct stopper_ctx *ctx)
{
	memset(c, 0, sizeof(*c));
	c->s = s;
	c->ctx = ctx;
	CHECK_EQ(env_spawn(&c->thread, begin_wait_main, c), 0);
}

static void begin_wait_waits_for_the_last_resume(void)
{
	struct stopper *s = new_stopper(NULL);
	struct case_call call[8];
	struct stopper_task task;
	unsigned int i;

	CHECK_EQ(stopper_task_begin_wait(s, NULL, "at once", &task), 0);
	CHECK_EQ(stopper_num_tasks(s), 1);
	stopper_task_end(&task);
	CHECK_EQ(stopper_pause(s, NULL), 0);
	CHECK_EQ(stopper_pause(s, NULL), 0);
	for (i = 0; i < ARRAY_SIZE(call); i++)
		begin_wait_begin(&call[i], s, NULL);
	CHECK_EQ(stopper_resume(s), 0);
	env_settle();
	for (i = 0; i < ARRAY_SIZE(call); i++)
		CHECK(!env_get(&call[i].returned));
	CHECK_EQ(stopper_resume(s), 0);
	for (i = 0; i < ARRAY_SIZE(call); i++)
		CHECK_EQ(case_call_end(&call[i]), 0);
	stop_and_put(s);
}

static void begin_wait_is_ended_by_its_context_and_by_quiesce(void)
{
	struct stopper_ctx *timeout = new_ctx_timeout(NULL, 10 * ENV_MSEC), *ctx = new_ctx(NULL);
	struct stopper *s = new_stopper(NULL);
	struct case_call cancelled, waits;
	struct stopper_task task;

	CHECK_EQ(stopper_pause(s, NULL), 0);
	CHECK_EQ(stopper_task_begin_wait(s, timeout, "task", &task), -ETIMEDOUT);
	begin_wait_begin(&cancelled, s, ctx);
	begin_wait_begin(&waits, s, NULL);
	env_settle();
	CHECK(!env_get(&cancelled.returned));
	stopper_ctx_cancel(ctx);
	CHECK_EQ(case_call_end(&cancelled), -ECANCELED);
	env_settle();
	CHECK(!env_get(&waits.returned));
	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	CHECK_EQ(case_call_end(&waits), -ESHUTDOWN);
	CHECK_EQ(stopper_task_begin_wait(s, NULL, "task", &task), -ESHUTDOWN);
	stop_and_put(s);
	stopper_ctx_put(ctx);
	stopper_ctx_put(timeout);
}

static void pauses_itself(struct stopper_ctx *ctx, void *s)
{
	CHECK_EQ(stopper_pause(s, NULL), -EDEADLK);
	CHECK(!case_is_paused(s));
}

/* A pause waits for this task: it must not wait for the resume. */
static void begins_in_a_pause(struct stopper_ctx *ctx, void *s)
{
	struct stopper_task task;

	CHECK_SOON(case_is_paused(s));
	CHECK_EQ(stopper_task_begin_wait(s, NULL, "inner", &task), -EDEADLK);
}

static void wait_for_oneself_is_edeadlk(void)
{
	struct stopper *s = new_stopper(NULL), *child = new_child("child", s);
	struct case_call pause;

	CHECK_EQ(stopper_run_task(s, NULL, "sync", pauses_itself, s), 0);
	CHECK_EQ(stopper_run_async_task(s, NULL, "async", pauses_itself, s), 0);
	CHECK_EQ(stopper_run_task(child, NULL, "in child", pauses_itself, s), 0);
	CHECK_SOON(!stopper_num_tasks(s));
	CHECK_EQ(stopper_run_async_task(s, NULL, "inside", begins_in_a_pause, s), 0);
	case_pause_begin(&pause, s, NULL);
	CHECK_EQ(case_call_end(&pause), 0);
	CHECK_EQ(stopper_resume(s), 0);
	stop_and_put(s);
	stopper_put(child);
}

static void pauses_and_resumes(struct stopper_ctx *ctx, void *worker)
{
	struct case_worker *w = worker;

	CHECK_EQ(stopper_pause(w->s, NULL), 0);
	CHECK(case_is_paused(w->s));
	CHECK_EQ(stopper_resume(w->s), 0);
	env_inc(&w->out);
}

static void worker_may_pause(void)
{
	struct case_worker w = { .s = new_stopper(NULL) };

	CHECK_EQ(stopper_run_worker(w.s, NULL, "pauses", pauses_and_resumes, &w), 0);
	CHECK_SOON(env_get(&w.out));
	stop_and_put(w.s);
}

static void pause_without_stopper_or_pause_is_einval(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task task;

	CHECK_EQ(stopper_pause(NULL, NULL), -EINVAL);
	CHECK_EQ(__stopper_pause(s, NULL, NULL), -EINVAL);
	CHECK_EQ(stopper_resume(NULL), -EINVAL);
	CHECK_EQ(stopper_resume(s), -EINVAL);
	CHECK_EQ(stopper_task_begin_wait(NULL, NULL, "task", &task), -EINVAL);
	CHECK_EQ(stopper_task_begin_wait(s, NULL, "task", NULL), -EINVAL);
	CHECK(!case_is_paused(s));
	stop_and_put(s);
}

const struct test_case cases_pause[] = {
	CASE(paused_stopper_refuses_each_kind_of_task),
	CASE(paused_stopper_refuses_records),
	CASE(pause_refuses_tasks_that_wait_for_a_slot),
	CASE(pause_touches_nothing_but_tasks),
	CASE(pause_waits_for_tasks_of_all_kinds),
	CASE(pauses_nest),
	CASE(pause_that_gives_up_is_taken_back),
	CASE(pauses_at_once_wait_for_the_same_task),
	CASE(stop_during_a_pause_goes_on_to_the_end),
	CASE(stop_ends_a_pause_that_waits),
	CASE(begin_wait_waits_for_the_last_resume),
	CASE(begin_wait_is_ended_by_its_context_and_by_quiesce),
	CASE(wait_for_oneself_is_edeadlk),
	CASE(worker_may_pause),
	CASE(pause_without_stopper_or_pause_is_einval),
	CASES_END
};
