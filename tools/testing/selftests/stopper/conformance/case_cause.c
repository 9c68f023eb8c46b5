// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_cause.c - why contexts ended and stoppers stop.
 */
#include "case.h"

/* Has @ctx ended because of @err and @text? */
static bool has_cause(const struct stopper_ctx *ctx, int err, const char *text)
{
	struct stopper_cause c;

	return stopper_ctx_cause(ctx, &c) && c.err == err && !strcmp(c.text, text);
}

static bool stops_because(struct stopper *s, int err, const char *text)
{
	struct stopper_cause c;

	return stopper_stop_cause(s, &c) && c.err == err && !strcmp(c.text, text);
}

/* Was it given in this file, in a function of this name, which may be cut, with a line? */
static bool given_in(const struct stopper_cause *c, const char *func)
{
	size_t n = strlen(c->file);

	return n >= 12 && !strcmp(c->file + n - 12, "case_cause.c") && c->line &&
		!strncmp(c->func, func, 20);
}

static struct stopper_ctx *on_phase(struct stopper *s, bool stop, struct stopper_ctx *parent)
{
	struct stopper_ctx *ctx = NULL;

	CHECK_EQ(stop ? stopper_ctx_with_cancel_on_stop(s, parent, &ctx) :
			stopper_ctx_with_cancel_on_quiesce(s, parent, &ctx), 0);
	return ctx;
}

static void cause_is_read_from_every_derived_context(void)
{
	struct stopper_ctx *ctx = new_ctx(NULL), *child = new_ctx(ctx), *late;
	struct stopper_ctx *grandchild = new_ctx_timeout(child, 1000 * ENV_SEC);
	struct stopper_cause c = { .err = 7 };

	CHECK(!stopper_ctx_cause(ctx, &c));
	CHECK_EQ(c.err, 7);
	CHECK_EQ(stopper_ctx_cancel_because(ctx, -ENOSPC, "disk %s", "full"), 0);
	late = new_ctx(grandchild);
	CHECK_EQ(stopper_ctx_err(ctx), -ECANCELED);
	CHECK_EQ(stopper_ctx_err(grandchild), -ECANCELED);
	CHECK(has_cause(ctx, -ENOSPC, "disk full"));
	CHECK(has_cause(child, -ENOSPC, "disk full"));
	CHECK(has_cause(grandchild, -ENOSPC, "disk full"));
	CHECK(has_cause(late, -ENOSPC, "disk full"));
	/* The record is the parent's. Whoever can read it keeps it. */
	stopper_ctx_put(ctx);
	stopper_ctx_put(child);
	stopper_ctx_put(grandchild);
	CHECK(stopper_ctx_cause(late, &c));
	CHECK_EQ(c.err, -ENOSPC);
	CHECK(!strcmp(c.text, "disk full"));
	CHECK(given_in(&c, __func__));
	stopper_ctx_put(late);
}

static void first_cause_wins(void)
{
	struct stopper_ctx *ctx = new_ctx(NULL), *child = new_ctx(ctx), *past;

	CHECK_EQ(stopper_ctx_cancel_because(child, -EIO, "one"), 0);
	CHECK_EQ(stopper_ctx_cancel_because(child, -EPERM, "two"), -EALREADY);
	CHECK_EQ(stopper_ctx_cancel_because(ctx, -EPERM, "three"), 0);
	stopper_ctx_cancel(ctx);
	CHECK(has_cause(child, -EIO, "one"));
	CHECK(has_cause(ctx, -EPERM, "three"));
	stopper_ctx_put(child);
	stopper_ctx_put(ctx);
	past = new_ctx_timeout(NULL, 0);
	CHECK_EQ(stopper_ctx_cancel_because(past, -EIO, "late"), -EALREADY);
	CHECK(has_cause(past, -ETIMEDOUT, "deadline"));
	stopper_ctx_put(past);
}

static void end_without_a_cause_has_one_to_read(void)
{
	struct stopper_ctx *ctx = new_ctx(NULL), *child = new_ctx(ctx);
	struct stopper_ctx *timed = new_ctx_timeout(NULL, ENV_MSEC), *below = new_ctx(timed);
	struct stopper_cause c;

	stopper_ctx_cancel(ctx);
	CHECK(has_cause(child, -ECANCELED, "cancel"));
	CHECK_EQ(stopper_ctx_cancel_because(ctx, -EIO, "late"), -EALREADY);
	CHECK(has_cause(ctx, -ECANCELED, "cancel"));
	CHECK_EQ(stopper_wait(stopper_ctx_done(below), NULL), 0);
	CHECK(stopper_ctx_cause(below, &c));
	CHECK_EQ(c.err, -ETIMEDOUT);
	CHECK(!strcmp(c.text, "deadline"));
	CHECK(!c.file[0] && !c.line);
	stopper_ctx_put(child);
	stopper_ctx_put(ctx);
	stopper_ctx_put(below);
	stopper_ctx_put(timed);
}

static void cause_of_a_stop_is_that_of_its_contexts(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_ctx *q = on_phase(s, false, NULL), *t = on_phase(s, true, NULL);
	struct stopper_ctx *below = new_ctx(t), *late;
	struct stopper_cause c = { .err = 7 };

	CHECK(!stopper_stop_cause(s, &c));
	CHECK_EQ(c.err, 7);
	CHECK_EQ(stopper_stop_because(s, NULL, -ENOSPC, "disk full"), 0);
	CHECK(has_cause(q, -ENOSPC, "disk full"));
	CHECK(has_cause(below, -ENOSPC, "disk full"));
	CHECK(stops_because(s, -ENOSPC, "disk full"));
	CHECK(stopper_stop_cause(s, &c));
	CHECK(given_in(&c, __func__));
	late = on_phase(s, false, NULL);
	CHECK(has_cause(late, -ENOSPC, "disk full"));
	CHECK_EQ(stopper_stop_because(s, NULL, -EIO, "again"), 0);
	stopper_put(s);
	/* The contexts keep the stopper's memory. */
	CHECK(has_cause(late, -ENOSPC, "disk full"));
	CHECK(has_cause(t, -ENOSPC, "disk full"));
	stopper_ctx_put(q);
	stopper_ctx_put(t);
	stopper_ctx_put(below);
	stopper_ctx_put(late);
}

static void first_stop_that_is_asked_for_decides(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_ctx *q = on_phase(s, false, NULL), *t = on_phase(s, true, NULL);

	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	CHECK(stops_because(s, -ECANCELED, "quiesce"));
	CHECK_EQ(stopper_stop_because(s, NULL, -EIO, "late"), 0);
	CHECK(has_cause(q, -ECANCELED, "quiesce"));
	CHECK(has_cause(t, -ECANCELED, "quiesce"));
	stopper_ctx_put(q);
	stopper_ctx_put(t);
	stopper_put(s);
	s = new_stopper(NULL);
	CHECK_EQ(stopper_stop_async_because(s, -EPIPE, "peer %d is gone", 3), 0);
	CHECK_EQ(stopper_stop_because(s, NULL, -EIO, "late"), 0);
	CHECK(stops_because(s, -EPIPE, "peer 3 is gone"));
	stopper_put(s);
	s = new_stopper(NULL);
	stop_and_put(stopper_get(s));
	CHECK(stops_because(s, -ECANCELED, "stop"));
	stopper_put(s);
}

static void children_have_the_cause_of_their_parent(void)
{
	struct stopper *parent = new_stopper(NULL), *child = new_child("child", parent);
	struct stopper *own = new_child("own", parent);
	struct stopper_ctx *q;

	q = on_phase(child, false, NULL);
	CHECK_EQ(stopper_quiesce(own, NULL), 0);
	CHECK_EQ(stopper_stop_because(parent, NULL, -ENODEV, "unplugged"), 0);
	CHECK(stops_because(child, -ENODEV, "unplugged"));
	CHECK(has_cause(q, -ENODEV, "unplugged"));
	CHECK(stops_because(own, -ECANCELED, "quiesce"));
	stopper_ctx_put(q);
	stopper_put(own);
	stopper_put(child);
	stopper_put(parent);
}

static void stop_that_is_refused_gives_no_cause(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_ctx *ctx = new_ctx(NULL);
	struct stopper_cause c;

	CHECK_EQ(stopper_stop_because(s, NULL, 0, "zero"), -EINVAL);
	CHECK_EQ(stopper_stop_because(s, NULL, EIO, "positive"), -EINVAL);
	CHECK_EQ(stopper_stop_because(NULL, NULL, -EIO, "none"), -EINVAL);
	CHECK_EQ(stopper_stop_async_because(s, 1, "positive"), -EINVAL);
	CHECK_EQ(stopper_stop_async_because(NULL, -EIO, "none"), -EINVAL);
	CHECK_EQ(__stopper_stop_because(s, NULL, NULL, -EIO, "no site"), -EINVAL);
	CHECK_EQ(__stopper_stop_async_because(s, NULL, -EIO, "no site"), -EINVAL);
	CHECK_EQ(stopper_ctx_cancel_because(ctx, 0, "zero"), -EINVAL);
	CHECK_EQ(stopper_ctx_cancel_because(NULL, -EIO, "background"), -EINVAL);
	CHECK_EQ(__stopper_ctx_cancel_because(ctx, NULL, -EIO, "no site"), -EINVAL);
	CHECK_EQ(stopper_ctx_err(ctx), 0);
	CHECK_EQ(stopper_phase(s), STOPPER_RUNNING);
	CHECK(!stopper_stop_cause(s, &c));
	CHECK(!stopper_stop_cause(NULL, &c));
	CHECK(!stopper_stop_cause(s, NULL));
	CHECK(!stopper_ctx_cause(NULL, &c));
	stopper_ctx_cancel(ctx);
	CHECK(!stopper_ctx_cause(ctx, NULL));
	stopper_ctx_put(ctx);
	stop_and_put(s);
}

static void text_of_a_cause_is_bounded_and_escaped(void)
{
	struct stopper_ctx *ctx = new_ctx(NULL), *shown = new_ctx(NULL);
	struct stopper_cause c;
	char longest[STOPPER_CAUSE_SHOWN + 1], over[3 * STOPPER_CAUSE_SHOWN];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memset(over, 'y', sizeof(over) - 1);
	over[sizeof(over) - 1] = '\0';
	CHECK_EQ(stopper_ctx_cancel_because(ctx, -EIO, "%s", longest), 0);
	CHECK(has_cause(ctx, -EIO, longest));
	stopper_ctx_put(ctx);
	ctx = new_ctx(NULL);
	CHECK_EQ(stopper_ctx_cancel_because(ctx, -EIO, "%s", over), 0);
	CHECK(stopper_ctx_cause(ctx, &c));
	CHECK_EQ((long)strlen(c.text), STOPPER_CAUSE_SHOWN);
	CHECK(!strcmp(c.text + STOPPER_CAUSE_SHOWN - 4, "y..."));
	CHECK_EQ(stopper_ctx_cancel_because(shown, -EIO, "a\"\nstopper 1 \"b\": %c", 1), 0);
	CHECK(has_cause(shown, -EIO, "a\\\"\\nstopper 1 \\\"b\\\": \\x01"));
	stopper_ctx_put(shown);
	stopper_ctx_put(ctx);
}

static void report_says_why(void)
{
	struct case_log *log = case_log_new();
	struct stopper_task task;
	struct stopper *s, *child;
	struct case_call stop;
	struct stopper_options opts = { .size = sizeof(opts), .flags = STOPPER_QUIET };

	log->opts.stall_ns = ENV_MSEC;
	opts.log = case_log_line;
	opts.log_arg = log;
	s = new_stopper(&log->opts);
	opts.parent = s;
	child = new_stopper(&opts);
	CHECK_EQ(stopper_task_begin(s, NULL, "holds it up", &task), 0);
	CHECK_EQ(stopper_stop_async_because(s, -ENOSPC, "disk \"%s\" full", "sda"), 0);
	CHECK_SOON(case_log_count(log, ", because \"disk \\\"sda\\\" full\" (-28)"));
	CHECK_SOON(stops_because(child, -ENOSPC, "disk \\\"sda\\\" full"));
	case_stop_begin(&stop, s, NULL);
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&stop), 0);
	stopper_put(child);
	stopper_put(s);
	env_free(log);
}

struct race {
	struct stopper *s;
	struct stopper_ctx *ctx, *below;
	struct env_counter go, won;
};

static bool is_whole(const struct stopper_cause *c)
{
	static const char *const texts[] = {
		"aaaaaaaaaaaaaaaaaaaaaaaa", "bbb", "cancel", "deadline",
	};
	static const int errs[] = { -EIO, -EPERM, -ECANCELED, -ETIMEDOUT };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(texts); i++)
		if (!strcmp(c->text, texts[i]))
			return c->err == errs[i];
	return false;
}

static void read_whole_cause(void *arg)
{
	struct race *r = arg;
	struct stopper_cause first, again;

	env_inc(&r->go);
	while (!stopper_ctx_cause(r->below, &first))
		env_yield();
	CHECK(is_whole(&first));
	CHECK(stopper_ctx_cause(r->below, &again));
	CHECK(again.err == first.err && !strcmp(again.text, first.text));
}

static void cancel_with_b(void *arg)
{
	struct race *r = arg;

	env_inc(&r->go);
	if (!stopper_ctx_cancel_because(r->ctx, -EPERM, "bbb"))
		env_inc(&r->won);
}

static void racing_cancels_leave_one_whole_cause(void)
{
	struct env_thread reader, other;
	int round;

	for (round = 0; round < case_rounds(200); round++) {
		struct race r = { .ctx = NULL };

		r.ctx = new_ctx_timeout(NULL, round % 3 ? 1000 * ENV_SEC : 10 * ENV_USEC);
		r.below = new_ctx(r.ctx);
		CHECK_EQ(env_spawn(&reader, read_whole_cause, &r), 0);
		CHECK_EQ(env_spawn(&other, cancel_with_b, &r), 0);
		while (env_get(&r.go) < 2)
			env_yield();
		if (!stopper_ctx_cancel_because(r.ctx, -EIO, "aaaaaaaaaaaaaaaaaaaaaaaa"))
			env_inc(&r.won);
		env_join(&other);
		env_join(&reader);
		CHECK(env_get(&r.won) == 1 || (has_cause(r.ctx, -ETIMEDOUT, "deadline") &&
					       !env_get(&r.won)));
		stopper_ctx_put(r.below);
		stopper_ctx_put(r.ctx);
	}
}

static void stop_with_b(void *arg)
{
	struct race *r = arg;

	env_inc(&r->go);
	CHECK_EQ(stopper_stop_because(r->s, NULL, -EPERM, "bbb"), 0);
}

static void racing_stops_leave_one_whole_cause(void)
{
	struct env_thread reader, other;
	struct stopper_cause c;
	int round;

	for (round = 0; round < case_rounds(100); round++) {
		struct race r = { .s = new_stopper(NULL) };

		r.below = on_phase(r.s, false, NULL);
		CHECK_EQ(env_spawn(&reader, read_whole_cause, &r), 0);
		CHECK_EQ(env_spawn(&other, stop_with_b, &r), 0);
		while (env_get(&r.go) < 2)
			env_yield();
		CHECK_EQ(stopper_stop_because(r.s, NULL, -EIO, "aaaaaaaaaaaaaaaaaaaaaaaa"), 0);
		env_join(&other);
		env_join(&reader);
		CHECK(stopper_stop_cause(r.s, &c));
		CHECK(has_cause(r.below, c.err, c.text));
		stopper_ctx_put(r.below);
		stopper_put(r.s);
	}
}

const struct test_case cases_cause[] = {
	CASE(cause_is_read_from_every_derived_context),
	CASE(first_cause_wins),
	CASE(end_without_a_cause_has_one_to_read),
	CASE(cause_of_a_stop_is_that_of_its_contexts),
	CASE(first_stop_that_is_asked_for_decides),
	CASE(children_have_the_cause_of_their_parent),
	CASE(stop_that_is_refused_gives_no_cause),
	CASE(text_of_a_cause_is_bounded_and_escaped),
	CASE(report_says_why),
	CASE(racing_cancels_leave_one_whole_cause),
	CASE(racing_stops_leave_one_whole_cause),
	CASES_END
};
