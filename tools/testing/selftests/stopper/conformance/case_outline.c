// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_outline.c - what the headers inline is there as functions, too.
 */
#include "case.h"
#include "foreign.h"

/* What a task sees while it runs. */
struct foreign {
	struct stopper *s;
	unsigned long tasks;
	int calls;
};

static void foreign_task(struct stopper_ctx *ctx, void *arg)
{
	struct foreign *f = arg;

	f->calls++;
	f->tasks = stopper_num_tasks(f->s);
}

static int foreign_task_err(struct stopper_ctx *ctx, void *arg)
{
	foreign_task(ctx, arg);
	return -4711;
}

static void tasks_run_without_the_headers(void)
{
	struct foreign f = { .s = new_stopper(NULL) };
	struct stopper_task task;

	CHECK_EQ(foreign_run_task(f.s, foreign_task, &f), 0);
	CHECK_EQ(f.calls, 1);
	CHECK_EQ(f.tasks, 1);
	CHECK_EQ(foreign_run_task_err(f.s, foreign_task_err, &f), -4711);
	CHECK_EQ(f.calls, 2);
	CHECK_EQ(foreign_task_begin(f.s, &task), 0);
	CHECK_EQ(stopper_num_tasks(f.s), 1);
	foreign_task_end(&task);
	CHECK_EQ(stopper_num_tasks(f.s), 0);

	CHECK_EQ(stopper_stop(f.s, NULL), 0);
	CHECK_EQ(foreign_run_task(f.s, foreign_task, &f), -ESHUTDOWN);
	CHECK_EQ(foreign_run_task_err(f.s, foreign_task_err, &f), -ESHUTDOWN);
	CHECK_EQ(foreign_task_begin(f.s, &task), -ESHUTDOWN);
	CHECK_EQ(f.calls, 2);
	CHECK_EQ(foreign_run_task(NULL, foreign_task, &f), -EINVAL);
	CHECK_EQ(foreign_task_begin(NULL, &task), -EINVAL);
	stopper_put(f.s);
}

static void events_and_contexts_are_read_without_the_headers(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_ctx *ctx;

	CHECK_EQ(stopper_ctx_with_cancel(NULL, &ctx), 0);
	CHECK(!foreign_event_fired(stopper_should_quiesce(s)));
	CHECK_EQ(foreign_ctx_err(ctx), 0);
	CHECK_EQ(foreign_ctx_err(NULL), 0);
	stopper_ctx_cancel(ctx);
	CHECK_EQ(foreign_ctx_err(ctx), -ECANCELED);
	stopper_ctx_put(ctx);
	CHECK_EQ(stopper_stop(s, NULL), 0);
	CHECK(foreign_event_fired(stopper_should_quiesce(s)));
	stopper_put(s);
}

const struct test_case cases_outline[] = {
	CASE(tasks_run_without_the_headers),
	CASE(events_and_contexts_are_read_without_the_headers),
	CASES_END
};
