// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_stages.c - a stop within a time: stages, hooks, and who remains.
 */
#include "case.h"

#define LONG	(1000 * ENV_SEC)

static struct stopper_ctx *on_stop(struct stopper *s)
{
	struct stopper_ctx *ctx = NULL;

	CHECK_EQ(stopper_ctx_with_cancel_on_stop(s, NULL, &ctx), 0);
	return ctx;
}

static bool has_cause(const struct stopper_ctx *ctx, int err, const char *text)
{
	struct stopper_cause c;

	return stopper_ctx_cause(ctx, &c) && c.err == err && !strcmp(c.text, text);
}

static void stop_within_a_time_that_is_enough(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_ctx *t = on_stop(s);
	struct stopper_stages st = { .size = sizeof(st), .grace_ns = LONG, .count = 7 };

	CHECK_EQ(stopper_stop_staged(s, &st), 0);
	CHECK_EQ(stopper_phase(s), STOPPER_STOPPED);
	CHECK_EQ((long)st.count, 7);
	CHECK(has_cause(t, -ECANCELED, "stop_staged"));
	CHECK_EQ(stopper_stop_within(s, 0), 0);
	stopper_ctx_put(t);
	stopper_put(s);
	s = new_stopper(NULL);
	CHECK_EQ(stopper_stop_within(s, LONG), 0);
	stopper_put(s);
}

static void stop_within_gives_up_and_a_later_stop_continues(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_ctx *t = on_stop(s), *q = NULL;
	struct stopper_task task;

	CHECK_EQ(stopper_ctx_with_cancel_on_quiesce(s, NULL, &q), 0);
	CHECK_EQ(stopper_task_begin(s, NULL, "task", &task), 0);
	CHECK_EQ(stopper_stop_within(s, ENV_MSEC), -ETIMEDOUT);
	CHECK_EQ(stopper_phase(s), STOPPER_QUIESCING);
	CHECK(has_cause(q, -ECANCELED, "stop_within"));
	CHECK(has_cause(t, -ETIMEDOUT, "deadline"));
	CHECK_EQ(stopper_ctx_err(t), -ETIMEDOUT);
	CHECK(!stopper_event_fired(stopper_should_stop(s)));
	CHECK_EQ(stopper_stop_within(s, ENV_MSEC), -ETIMEDOUT);
	stopper_task_end(&task);
	stop_and_put(s);
	CHECK(has_cause(t, -ETIMEDOUT, "deadline"));
	stopper_ctx_put(q);
	stopper_ctx_put(t);
}

static void stop_within_no_time_only_begins(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_ctx *t = on_stop(s);

	CHECK_EQ(stopper_stop_within(s, 0), -ETIMEDOUT);
	CHECK_EQ(stopper_phase(s), STOPPER_QUIESCING);
	CHECK(stopper_event_fired(stopper_should_quiesce(s)));
	CHECK_EQ(stopper_ctx_err(t), 0);
	stop_and_put(s);
	CHECK(has_cause(t, -ECANCELED, "stop_within"));
	stopper_ctx_put(t);
}

static void until_ctx_ends(struct stopper_ctx *ctx, void *ended_by)
{
	CHECK_EQ(stopper_wait(stopper_ctx_done(ctx), NULL), 0);
	env_set(ended_by, stopper_ctx_err(ctx));
}

static void end_stage_ends_the_on_stop_contexts_of_the_tree(void)
{
	struct stopper *s = new_stopper(NULL), *child = new_child("child", s);
	struct stopper_stages st = {
		.size = sizeof(st), .end_ns = ENV_MSEC, .grace_ns = LONG,
	};
	struct env_counter mine = { 0 }, its = { 0 }, own = { 0 };
	struct stopper_ctx *t, *below, *u, *ctx = new_ctx(NULL);
	struct case_hold h;

	t = on_stop(s);
	below = new_ctx(t);
	u = on_stop(child);
	case_hold_init(&h);
	CHECK_EQ(stopper_run_async_task(s, below, "mine", until_ctx_ends, &mine), 0);
	CHECK_EQ(stopper_run_async_task(child, u, "its", until_ctx_ends, &its), 0);
	/* Tasks end only because their contexts do. */
	CHECK_EQ(stopper_stop_staged(s, &st), 0);
	CHECK_EQ(env_get(&mine), -ETIMEDOUT);
	CHECK_EQ(env_get(&its), -ETIMEDOUT);
	stopper_ctx_put(t);
	stopper_ctx_put(below);
	stopper_ctx_put(u);
	stopper_put(child);
	stopper_put(s);
	/* The caller's own context may be shared. */
	s = new_stopper(NULL);
	CHECK_EQ(stopper_run_async_task(s, ctx, "own", until_ctx_ends, &own), 0);
	st.grace_ns = 2 * ENV_MSEC;
	CHECK_EQ(stopper_stop_staged(s, &st), -ETIMEDOUT);
	CHECK_EQ(stopper_ctx_err(ctx), 0);
	CHECK_EQ((long)st.count, 1);
	CHECK_EQ(st.filled, 0);
	stopper_ctx_cancel(ctx);
	stop_and_put(s);
	stopper_ctx_put(ctx);
	case_hold_destroy(&h);
}

/* What the hook was called with. */
struct seen {
	struct case_hold *hold;
	int calls, threads;
	long tasks, handles, workers;
	int tid[8];
};

static void note(void *arg, const struct stopper_task_info *info)
{
	struct seen *seen = arg;
	int i;

	seen->calls++;
	CHECK(info->line && case_printable(info->file) && info->oldest_ns >= 0);
	if (!strcmp(info->name, "held")) {
		seen->tasks += (long)info->count;
		CHECK(info->tid);
		for (i = 0; i < seen->threads; i++)
			CHECK(seen->tid[i] != info->tid);
		if (seen->threads < (int)ARRAY_SIZE(seen->tid))
			seen->tid[seen->threads++] = info->tid;
	} else if (!strcmp(info->name, "handle")) {
		seen->handles += (long)info->count;
		CHECK_EQ(info->tid, 0);
	} else {
		CHECK(!strcmp(info->name, "worker"));
		seen->workers += (long)info->count;
	}
}

static void hook_is_called_once_a_thread(void)
{
	struct stopper_task_info *info = env_alloc(3 * sizeof(*info));
	struct stopper_task handle[3];
	unsigned int room;
	int i;

	for (room = 0; room <= 3; room++) {
		struct stopper *s = new_stopper(NULL);
		struct seen seen = { .calls = 0 };
		struct stopper_stages st = {
			.size = sizeof(st), .hook_ns = ENV_MSEC, .grace_ns = ENV_MSEC, .hook = note,
			.hook_arg = &seen, .remaining = info, .n = room,
		};
		struct case_hold h;

		case_hold_init(&h);
		for (i = 0; i < 5; i++)
			CHECK_EQ(stopper_run_async_task(s, NULL, "held", case_hold_fn, &h), 0);
		CHECK_EQ(stopper_run_worker(s, NULL, "worker", case_hold_fn, &h), 0);
		for (i = 0; i < 3; i++)
			CHECK_EQ(stopper_task_begin(s, NULL, "handle", &handle[i]), 0);
		CHECK_SOON(env_get(&h.in) == 6);
		CHECK_EQ(stopper_stop_staged(s, &st), -ETIMEDOUT);
		CHECK_EQ(seen.calls, 7);
		CHECK_EQ(seen.threads, 5);
		CHECK_EQ(seen.tasks, 5);
		CHECK_EQ(seen.handles, 3);
		CHECK_EQ(seen.workers, 1);
		CHECK_EQ((long)st.count, 9);
		CHECK_EQ(st.filled, room);
		CHECK_EQ(st.n, room);
		for (i = 0; i < 3; i++)
			stopper_task_end(&handle[i]);
		env_gate_open(&h.gate);
		stop_and_put(s);
		case_hold_destroy(&h);
	}
	env_free(info);
}

static void list_has_a_record_a_call_site(void)
{
	struct stopper_task_info *info = env_alloc(3 * sizeof(*info));
	struct stopper *s = new_stopper(NULL), *child = new_child("child", s);
	struct stopper_stages st = { .size = sizeof(st), .remaining = info, .n = 3 };
	struct stopper_task a[4], b, of_child;
	int i;

	for (i = 0; i < 4; i++)
		CHECK_EQ(stopper_task_begin(s, NULL, "four", &a[i]), 0);
	CHECK_EQ(stopper_task_begin(s, NULL, "one", &b), 0);
	CHECK_EQ(stopper_task_begin(child, NULL, "child's", &of_child), 0);
	CHECK_EQ(stopper_stop_staged(s, &st), -ETIMEDOUT);
	CHECK_EQ((long)st.count, 6);
	CHECK_EQ(st.filled, 3);
	/* In the order of their lines. */
	CHECK(!strcmp(info[0].name, "four") && info[0].count == 4);
	CHECK(!strcmp(info[1].name, "one") && info[1].count == 1);
	CHECK(!strcmp(info[2].name, "child's") && info[2].count == 1);
	CHECK(info[0].tid == env_tid() && info[0].line < info[1].line);
	st.n = 1;
	CHECK_EQ(stopper_stop_staged(s, &st), -ETIMEDOUT);
	CHECK_EQ(st.filled, 1);
	CHECK(!strcmp(info[0].name, "four") && info[0].count == 4);
	CHECK_EQ((long)st.count, 6);
	for (i = 0; i < 4; i++)
		stopper_task_end(&a[i]);
	stopper_task_end(&b);
	stopper_task_end(&of_child);
	stop_and_put(s);
	stopper_put(child);
	env_free(info);
}

static void open_gate(void *arg, const struct stopper_task_info *info)
{
	struct seen *seen = arg;

	seen->calls++;
	env_gate_open(&seen->hold->gate);
}

static void hook_may_end_what_remains(void)
{
	struct stopper *s = new_stopper(NULL);
	struct case_hold h;
	struct seen seen = { .hold = &h };
	struct stopper_stages st = {
		.size = sizeof(st), .end_ns = ENV_MSEC, .hook_ns = 2 * ENV_MSEC, .grace_ns = LONG,
		.hook = open_gate, .hook_arg = &seen,
	};

	case_hold_init(&h);
	CHECK_EQ(stopper_run_async_task(s, NULL, "held", case_hold_fn, &h), 0);
	CHECK_EQ(stopper_stop_staged(s, &st), 0);
	CHECK_EQ(seen.calls, 1);
	stopper_put(s);
	case_hold_destroy(&h);
}

static void closer_that_blocks_remains(void)
{
	struct stopper_task_info info;
	struct stopper *s = new_stopper(NULL);
	struct stopper_stages st = {
		.size = sizeof(st), .grace_ns = 10 * ENV_MSEC, .remaining = &info, .n = 1,
	};
	struct case_hold h;

	case_hold_init(&h);
	CHECK_EQ(stopper_add_closer_fn(s, "slow closer", case_hold_closer_fn, &h), 0);
	CHECK_EQ(stopper_stop_within(s, 0), -ETIMEDOUT);
	/* However slow the machine is: the closer begins, and does not end. */
	while (!env_get(&h.in))
		CHECK_EQ(stopper_stop_staged(s, &st), -ETIMEDOUT);
	CHECK_EQ(stopper_stop_staged(s, &st), -ETIMEDOUT);
	CHECK_EQ(st.filled, 1);
	CHECK_EQ((long)st.count, 1);
	CHECK(!strcmp(info.name, "slow closer") && !info.line && !info.file[0]);
	env_gate_open(&h.gate);
	stop_and_put(s);
	case_hold_destroy(&h);
}

struct warned {
	struct stopper *s;
	struct stopper_stages st;
};

static void stop_with_warning(void *arg)
{
	struct warned *w = arg;

	CHECK_EQ(stopper_stop_staged(w->s, &w->st), 0);
}

static void warn_stage_reports_also_when_quiet(void)
{
	struct case_log *log = case_log_new();
	struct warned w = {
		.st = { .size = sizeof(w.st), .warn_ns = ENV_MSEC, .grace_ns = LONG },
	};
	struct env_thread thread;
	struct case_hold h;

	log->opts.flags = STOPPER_QUIET;
	w.s = new_stopper(&log->opts);
	case_hold_init(&h);
	CHECK_EQ(stopper_run_async_task(w.s, NULL, "in the report", case_hold_fn, &h), 0);
	CHECK_EQ(stopper_stop_within(w.s, 0), -ETIMEDOUT);
	CHECK_EQ(case_log_count(log, "stop blocked for"), 0);
	CHECK_EQ(env_spawn(&thread, stop_with_warning, &w), 0);
	CHECK_SOON(case_log_count(log, "in the report"));
	env_settle();
	CHECK_EQ(case_log_count(log, "stop blocked for"), 1);
	env_gate_open(&h.gate);
	env_join(&thread);
	stopper_put(w.s);
	case_hold_destroy(&h);
	env_free(log);
}

static void stages_with_bad_arguments(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_stages good = { .size = sizeof(good), .grace_ns = 2 }, st = good;

	CHECK_EQ(stopper_stop_staged(NULL, &st), -EINVAL);
	CHECK_EQ(stopper_stop_staged(s, NULL), -EINVAL);
	CHECK_EQ(__stopper_stop_staged(s, &st, NULL), -EINVAL);
	CHECK_EQ(stopper_stop_within(s, -1), -EINVAL);
	CHECK_EQ(stopper_stop_within(NULL, 1), -EINVAL);
	st.size--;
	CHECK_EQ(stopper_stop_staged(s, &st), -EINVAL);
	st = good;
	st.warn_ns = -1;
	CHECK_EQ(stopper_stop_staged(s, &st), -EINVAL);
	st = good;
	st.end_ns = -1;
	CHECK_EQ(stopper_stop_staged(s, &st), -EINVAL);
	st.end_ns = 3;
	CHECK_EQ(stopper_stop_staged(s, &st), -EINVAL);
	st = good;
	st.hook_ns = 3;
	CHECK_EQ(stopper_stop_staged(s, &st), -EINVAL);
	st = good;
	st.grace_ns = -1;
	CHECK_EQ(stopper_stop_staged(s, &st), -EINVAL);
	st = good;
	st.signo = -1;
	CHECK_EQ(stopper_stop_staged(s, &st), -EINVAL);
	st = good;
	st.n = 1;
	CHECK_EQ(stopper_stop_staged(s, &st), -EINVAL);
	CHECK_EQ(stopper_phase(s), STOPPER_RUNNING);
	stop_and_put(s);
}

struct inside {
	struct stopper *s;
	struct env_counter calls;
};

static void stop_from_inside(void *arg)
{
	struct inside *in = arg;

	CHECK_EQ(stopper_stop_within(in->s, LONG), -EDEADLK);
	CHECK_EQ(stopper_stop(in->s, NULL), -EDEADLK);
	CHECK_EQ(stopper_quiesce(in->s, NULL), -EDEADLK);
	env_inc(&in->calls);
}

static void stop_from_task(struct stopper_ctx *ctx, void *in)
{
	stop_from_inside(in);
}

static void stop_from_callback(struct stopper_on_fire *of, void *in)
{
	stop_from_inside(in);
}

static void staged_stop_knows_its_own_thread(void)
{
	struct inside in = { .s = new_stopper(NULL) };
	struct stopper_ctx *t = on_stop(in.s);
	struct stopper_stages st = {
		.size = sizeof(st), .end_ns = ENV_MSEC, .grace_ns = ENV_MSEC,
	};
	struct stopper_on_fire of;
	struct stopper_task task;

	CHECK_EQ(stopper_run_task(in.s, NULL, "task", stop_from_task, &in), 0);
	CHECK_EQ(stopper_phase(in.s), STOPPER_RUNNING);
	CHECK_EQ(stopper_event_on_fire(stopper_ctx_done(t), &of, stop_from_callback, &in), 0);
	CHECK_EQ(stopper_task_begin(in.s, NULL, "handle", &task), 0);
	/* The callback runs in the end stage, on this thread. */
	CHECK_EQ(stopper_stop_staged(in.s, &st), -ETIMEDOUT);
	CHECK_EQ(env_get(&in.calls), 2);
	stopper_task_end(&task);
	stop_and_put(in.s);
	stopper_ctx_put(t);
}

struct race {
	struct stopper *s;
	struct stopper_ctx *t, *below;
	struct env_counter go, early;
};

static void check_contexts_ended(struct stopper_on_fire *of, void *arg)
{
	struct race *r = arg;

	/* ShouldStop fires after all of them have ended, whoever ends them. */
	CHECK(stopper_ctx_err(r->t));
	CHECK(stopper_ctx_err(r->below));
}

static void stop_in_stages(void *arg)
{
	struct race *r = arg;
	struct stopper_stages st = {
		.size = sizeof(st), .end_ns = 1, .grace_ns = LONG,
	};

	env_inc(&r->go);
	CHECK_EQ(stopper_stop_staged(r->s, &st), 0);
	if (stopper_ctx_err(r->t) == -ETIMEDOUT)
		env_inc(&r->early);
}

static void end_stage_beside_a_stop_that_is_quicker(void)
{
	int round;

	for (round = 0; round < case_rounds(200); round++) {
		struct race r = { .s = new_stopper(NULL) };
		struct stopper_on_fire of;
		struct env_thread thread;

		r.t = on_stop(r.s);
		r.below = new_ctx(r.t);
		CHECK_EQ(stopper_event_on_fire(stopper_should_stop(r.s), &of,
					       check_contexts_ended, &r), 0);
		CHECK_EQ(env_spawn(&thread, stop_in_stages, &r), 0);
		while (!env_get(&r.go))
			env_yield();
		CHECK_EQ(stopper_stop(r.s, NULL), 0);
		env_join(&thread);
		CHECK_EQ(stopper_ctx_err(r.below), stopper_ctx_err(r.t));
		stopper_ctx_put(r.below);
		stopper_ctx_put(r.t);
		stopper_put(r.s);
	}
}

const struct test_case cases_stages[] = {
	CASE(stop_within_a_time_that_is_enough),
	CASE(stop_within_gives_up_and_a_later_stop_continues),
	CASE(stop_within_no_time_only_begins),
	CASE(end_stage_ends_the_on_stop_contexts_of_the_tree),
	CASE(hook_is_called_once_a_thread),
	CASE(list_has_a_record_a_call_site),
	CASE(hook_may_end_what_remains),
	CASE(closer_that_blocks_remains),
	CASE(warn_stage_reports_also_when_quiet),
	CASE(stages_with_bad_arguments),
	CASE(staged_stop_knows_its_own_thread),
	CASE(end_stage_beside_a_stop_that_is_quicker),
	CASES_END
};
