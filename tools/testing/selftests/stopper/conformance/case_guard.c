// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_guard.c - guards: tasks, slots and contexts that end with their scope.
 */
#include <stopper/guard.h>

#include "case.h"

static int guarded(struct stopper *s, int leave)
{
	int err;

	ACQUIRE(stopper_task, task)(s, NULL, "guarded");
	err = ACQUIRE_ERR(stopper_task, &task);
	if (err)
		return err;
	CHECK_EQ(stopper_num_tasks(s), 1);
	if (leave)
		return leave;
	CHECK_EQ(stopper_num_tasks(s), 1);
	return 0;
}

static void guarded_task_ends_with_its_scope(void)
{
	struct stopper *s = new_stopper(NULL);

	CHECK_EQ(guarded(s, 0), 0);
	CHECK_EQ(stopper_num_tasks(s), 0);
	CHECK_EQ(guarded(s, 7), 7);
	CHECK_EQ(stopper_num_tasks(s), 0);
	stop_and_put(s);
}

static int scoped(struct stopper *s, bool leave)
{
	scoped_cond_guard(stopper_task, return -ESHUTDOWN, s, NULL, "scoped") {
		CHECK_EQ(stopper_num_tasks(s), 1);
		if (leave)
			return 1;
	}
	CHECK_EQ(stopper_num_tasks(s), 0);
	return 0;
}

static void scoped_task_runs_its_block_or_fails(void)
{
	struct stopper *s = new_stopper(NULL);

	CHECK_EQ(scoped(s, false), 0);
	CHECK_EQ(scoped(s, true), 1);
	CHECK_EQ(stopper_num_tasks(s), 0);
	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	CHECK_EQ(scoped(s, false), -ESHUTDOWN);
	stop_and_put(s);
}

static void refused_guard_can_be_seen_and_ends_nothing(void)
{
	struct stopper *s = new_stopper(NULL);

	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	CHECK_EQ(guarded(s, 0), -ESHUTDOWN);
	CHECK_EQ(guarded(NULL, 0), -EINVAL);
	stop_and_put(s);
}

static void guarded_task_has_the_name_and_line_of_its_guard(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_task_info info;
	unsigned int line = 0;

	memset(&info, 0, sizeof(info));
	{
		ACQUIRE(stopper_task, task)(s, NULL, "named"); line = __LINE__;

		CHECK_EQ(ACQUIRE_ERR(stopper_task, &task), 0);
		CHECK_EQ(stopper_running_tasks(s, &info, 1), 1);
	}
	CHECK(!strcmp(info.name, "named"));
	CHECK_EQ(info.line, line);
	stop_and_put(s);
}

#define FULL	80	/* more than a table has slots */
#define NESTED	8

static int nested(struct stopper *s, int depth)
{
	ACQUIRE(stopper_task, task)(s, NULL, "nested");
	if (ACQUIRE_ERR(stopper_task, &task))
		return 0;
	return depth == 1 ? (int)stopper_num_tasks(s) : nested(s, depth - 1);
}

/*
 * They are on a list, where a record that was copied would be lost: handles have filled the table.
 * The handles are not on the stack, of which a 32-bit kernel has 8 KiB.
 */
static void guarded_tasks_nest_beside_a_full_table(void)
{
	struct stopper_task *handle = env_alloc(FULL * sizeof(*handle));
	struct stopper *s = new_stopper(NULL);
	int i;

	for (i = 0; i < FULL; i++)
		CHECK_EQ(stopper_task_begin(s, NULL, "fills", &handle[i]), 0);
	CHECK_EQ(nested(s, NESTED), FULL + NESTED);
	CHECK_EQ(stopper_num_tasks(s), FULL);
	for (i = 0; i < FULL; i++)
		stopper_task_end(&handle[i]);
	stop_and_put(s);
	env_free(handle);
}

static int guarded_slot(struct stopper_sem *sem, struct stopper_ctx *ctx)
{
	int err;

	ACQUIRE(stopper_sem, slot)(sem, ctx);
	err = ACQUIRE_ERR(stopper_sem, &slot);
	if (err)
		return err;
	CHECK_EQ(stopper_sem_length(sem), 1);
	scoped_cond_guard(stopper_sem_try, return -EBUSY, sem)
		return stopper_sem_length(sem);
	return 0;
}

static void guarded_slot_is_released_with_its_scope(void)
{
	struct stopper_ctx *ended = new_ctx(NULL);
	struct stopper_sem sem;

	stopper_ctx_cancel(ended);
	CHECK_EQ(stopper_sem_init(&sem, 2), 0);
	CHECK_EQ(guarded_slot(&sem, NULL), 2);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	CHECK_EQ(guarded_slot(&sem, ended), -ECANCELED);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	CHECK_EQ(stopper_sem_resize(&sem, 1), 0);
	CHECK_EQ(guarded_slot(&sem, NULL), -EBUSY);
	CHECK_EQ(stopper_sem_length(&sem), 0);
	stopper_sem_destroy(&sem);
	stopper_ctx_put(ended);
}

static void guarded_context_is_cancelled_with_its_scope(void)
{
	struct stopper_ctx *kept = NULL;

	{
		CLASS(stopper_ctx, ctx)(NULL);

		if (CHECK(ctx)) {
			kept = stopper_ctx_get(ctx);
			CHECK_EQ(stopper_ctx_err(kept), 0);
		}
	}
	CHECK_EQ(stopper_ctx_err(kept), -ECANCELED);
	stopper_ctx_put(kept);
}

static void freed_reference_is_put_with_its_scope(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_ctx *kept;

	{
		struct stopper *ref __free(stopper) = stopper_get(s);
		struct stopper_ctx *ctx __free(stopper_ctx) = new_ctx(NULL);

		kept = stopper_ctx_get(ctx);
		CHECK_EQ(stopper_phase(ref), STOPPER_RUNNING);
	}
	/* put, not cancelled */
	CHECK_EQ(stopper_ctx_err(kept), 0);
	stopper_ctx_put(kept);
	stop_and_put(s);
}

const struct test_case cases_guard[] = {
	CASE(guarded_task_ends_with_its_scope),
	CASE(scoped_task_runs_its_block_or_fails),
	CASE(refused_guard_can_be_seen_and_ends_nothing),
	CASE(guarded_task_has_the_name_and_line_of_its_guard),
	CASE(guarded_tasks_nest_beside_a_full_table),
	CASE(guarded_slot_is_released_with_its_scope),
	CASE(guarded_context_is_cancelled_with_its_scope),
	CASE(freed_reference_is_put_with_its_scope),
	CASES_END
};
