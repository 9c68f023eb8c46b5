// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_label.c - labels: which one of the tasks of a site a task is.
 */
#include "case.h"

#define MANY	200		/* handles: more than a table holds */

/* Has the oldest task of the only site of @s this label? */
static bool oldest_is(struct stopper *s, const char *label)
{
	struct stopper_task_info info;

	return stopper_running_tasks(s, &info, 1) == 1 && !strcmp(info.label, label);
}

static void a_label_is_that_of_the_oldest_task(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task task;

	CHECK_EQ(stopper_task_begin(s, NULL, "request", &task), 0);
	CHECK(oldest_is(s, ""));
	CHECK_EQ(stopper_task_label(&task, "GET /%d", 7), 0);
	CHECK(oldest_is(s, "GET /7"));
	CHECK_EQ(stopper_task_label(&task, "%s", "GET /index"), 0);
	CHECK(oldest_is(s, "GET /index"));
	CHECK_EQ(stopper_task_label(&task, "%s", ""), 0);
	CHECK(oldest_is(s, ""));
	stopper_task_end(&task);
	stop_and_put(s);
}

static void a_label_ends_with_its_task(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task task;
	int i;

	/* More often than there are slots, so that each is used again. */
	for (i = 0; i < MANY; i++) {
		CHECK_EQ(stopper_task_begin(s, NULL, "request", &task), 0);
		CHECK(oldest_is(s, ""));
		CHECK_EQ(stopper_task_label(&task, "number %d", i), 0);
		stopper_task_end(&task);
	}
	stop_and_put(s);
}

struct labelled {
	struct stopper *s;
	struct case_hold hold;
};

static void probe_label(struct stopper_ctx *ctx, void *err)
{
	*(int *)err = stopper_task_label(NULL, "probe");
}

/* With TSan in the program, but not in the library, they are on lists and have no labels. */
static bool sync_tasks_have_labels(struct stopper *s)
{
	int err = 0;

#ifdef STOPPER_TSAN
	CHECK_EQ(stopper_run_task(s, NULL, "probe", probe_label, &err), 0);
#else
	(void)probe_label;
#endif
	if (err)
		case_skip("synchronous tasks are on lists here");
	return !err;
}

static void inner_task(struct stopper_ctx *ctx, void *arg)
{
	struct labelled *l = arg;

	CHECK_EQ(stopper_task_label(NULL, "inner"), 0);
	CHECK(oldest_is(l->s, "inner"));
}

static void outer_task(struct stopper_ctx *ctx, void *arg)
{
	struct labelled *outer = arg, inner = { .s = new_stopper(NULL) };

	CHECK_EQ(stopper_task_label(NULL, "outer"), 0);
	CHECK_EQ(stopper_run_task(inner.s, NULL, "inner", inner_task, &inner), 0);
	CHECK(oldest_is(outer->s, "outer"));
	CHECK_EQ(stopper_task_label(NULL, "outer again"), 0);
	CHECK(oldest_is(outer->s, "outer again"));
	stop_and_put(inner.s);
}

static void a_task_labels_itself(void)
{
	struct labelled l = { .s = new_stopper(NULL) };

	if (sync_tasks_have_labels(l.s))
		CHECK_EQ(stopper_run_task(l.s, NULL, "outer", outer_task, &l), 0);
	stop_and_put(l.s);
}

static void async_task(struct stopper_ctx *ctx, void *arg)
{
	struct labelled *l = arg;

	outer_task(ctx, l);
	case_hold_fn(ctx, &l->hold);
}

static void an_async_task_labels_itself(void)
{
	struct labelled l = { .s = new_stopper(NULL) };

	case_hold_init(&l.hold);
	if (sync_tasks_have_labels(l.s)) {
		CHECK_EQ(stopper_run_async_task(l.s, NULL, "async", async_task, &l), 0);
		CHECK_SOON(oldest_is(l.s, "outer again"));
		env_gate_open(&l.hold.gate);
	}
	stop_and_put(l.s);
	case_hold_destroy(&l.hold);
}

static void labels_are_cut_and_escaped(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task_info info;
	struct stopper_task task;

	CHECK_EQ(stopper_task_begin(s, NULL, "request", &task), 0);
	CHECK_EQ(stopper_task_label(&task, "a\nb\"c\033"), 0);
	CHECK_EQ(stopper_running_tasks(s, &info, 1), 1);
	CHECK(case_printable(info.label));
	CHECK(info.label[0] == 'a');
	CHECK_EQ(stopper_task_label(&task, "%0100d", 1), 0);
	CHECK_EQ(stopper_running_tasks(s, &info, 1), 1);
	CHECK_EQ(strlen(info.label), STOPPER_LABEL_SHOWN);
	CHECK_STR(info.label + STOPPER_LABEL_SHOWN - 3, "...");
	stopper_task_end(&task);
	stop_and_put(s);
}

/* Of each task its own, wherever it is kept. */
static void many_tasks_have_labels(void)
{
	struct stopper_task *task = env_alloc(MANY * sizeof(*task));
	struct stopper *s = new_stopper(NULL);
	char label[16];
	int i;

	for (i = 0; i < MANY; i++) {
		CHECK_EQ(stopper_task_begin(s, NULL, "request", &task[i]), 0);
		CHECK_EQ(stopper_task_label(&task[i], "number %d", i), 0);
	}
	for (i = 0; i < MANY - 1; i++)
		stopper_task_end(&task[i]);
	snprintf(label, sizeof(label), "number %d", MANY - 1);
	CHECK(oldest_is(s, label));
	stopper_task_end(&task[MANY - 1]);
	stop_and_put(s);
	env_free(task);
}

static void a_report_shows_labels(void)
{
	struct case_log *log = case_log_new();
	struct stopper_task task;
	struct case_call stop;
	struct stopper *s;

	log->opts.stall_ns = 20 * ENV_MSEC;
	s = new_stopper(&log->opts);
	CHECK_EQ(stopper_task_begin(s, NULL, "request", &task), 0);
	CHECK_EQ(stopper_task_label(&task, "GET /slow"), 0);
	case_stop_begin(&stop, s, NULL);
	CHECK_SOON(case_log_count(log, " label \"GET /slow\""));
	stopper_task_end(&task);
	CHECK_EQ(case_call_end(&stop), 0);
	stopper_put(s);
	env_free(log);
}

static void only_a_running_task_has_a_label(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task task = { .slot = NULL };

	CHECK_EQ(stopper_task_label(&task, "label"), -EINVAL);
	CHECK_EQ(stopper_task_label(NULL, "label"), -ESRCH);
	CHECK_EQ(stopper_task_begin(s, NULL, "request", &task), 0);
	CHECK_EQ(stopper_task_label(&task, NULL), -EINVAL);
	/* A handle is no thread's. */
	CHECK_EQ(stopper_task_label(NULL, "label"), -ESRCH);
	CHECK(oldest_is(s, ""));
	stopper_task_end(&task);
	CHECK_EQ(stopper_task_label(&task, "label"), -EINVAL);
	stop_and_put(s);
}

const struct test_case cases_label[] = {
	CASE(a_label_is_that_of_the_oldest_task),
	CASE(a_label_ends_with_its_task),
	CASE(a_task_labels_itself),
	CASE(an_async_task_labels_itself),
	CASE(labels_are_cut_and_escaped),
	CASE(many_tasks_have_labels),
	CASE(a_report_shows_labels),
	CASE(only_a_running_task_has_a_label),
	CASES_END
};
