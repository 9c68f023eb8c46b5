// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_misuse.c - misuse is reported, refused, and leaks rather than frees.
 *
 * What is reported may be a WARN, which ends a kernel with panic_on_warn. So
 * these cases are skipped in test_stopper.ko unless it is loaded with
 * misuse=1, which kernel_misuse.sh does.
 */
#include "case.h"

static bool may_misuse(void)
{
	if (case_may_misuse())
		return true;
	case_skip("provokes warnings: load with misuse=1");
	return false;
}

static void misuse_stopper_put_before_it_is_stopped_is_kept(void)
{
	struct case_log *log;
	struct stopper_task task;
	struct stopper *s;

	if (!may_misuse())
		return;
	log = case_log_new();
	s = new_stopper(&log->opts);
	CHECK_EQ(stopper_task_begin(s, NULL, "still-running", &task), 0);
	stopper_put(s);
	CHECK(log->lines > 0);
	/* where it was created, and what runs */
	CHECK(case_log_count(log, "conf"));
	CHECK(case_log_count(log, "helpers.c"));
	CHECK(case_log_count(log, "still-running"));
	/* nothing was freed under the task */
	stopper_task_end(&task);
	/* the stopper is never freed and keeps its sink, so the log must not be freed */
}

static void misuse_end_without_a_begin_does_nothing(void)
{
	struct stopper *s;
	struct stopper_task task, other;

	if (!may_misuse())
		return;
	s = new_stopper(NULL);
	memset(&task, 0, sizeof(task));
	CHECK_EQ(stopper_task_begin(s, NULL, "other", &other), 0);
	stopper_task_end(&task);
	stopper_task_end(&task);
	CHECK_EQ(stopper_num_tasks(s), 1);
	stopper_task_end(&other);
	/* one end too many */
	stopper_task_end(&other);
	CHECK_EQ(stopper_num_tasks(s), 0);
	stop_and_put(s);
}

static void misuse_one_release_too_many_is_ignored(void)
{
	struct stopper_sem sem;

	if (!may_misuse())
		return;
	CHECK_EQ(stopper_sem_init(&sem, 1), 0);
	stopper_sem_release(&sem);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	CHECK_EQ(stopper_sem_try_acquire(&sem), 0);
	CHECK_EQ(stopper_sem_try_acquire(&sem), -EBUSY);
	stopper_sem_release(&sem);
	stopper_sem_release(&sem);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	stopper_sem_destroy(&sem);
}

const struct test_case cases_misuse[] = {
	CASE(misuse_stopper_put_before_it_is_stopped_is_kept),
	CASE(misuse_end_without_a_begin_does_nothing),
	CASE(misuse_one_release_too_many_is_ignored),
	CASES_END
};
