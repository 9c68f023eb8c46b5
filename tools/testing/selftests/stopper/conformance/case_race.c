// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_race.c - admission against Quiesce, many rounds: no third case.
 *
 * Several threads start tasks of each kind while one quiesces. Accepted must
 * mean called once, refused never called, and when Quiesce has returned no
 * function runs any more.
 */
#include "case.h"

#define STARTERS	3

struct race;

struct starter {
	struct env_thread thread;
	struct race *r;
	struct env_counter called;
	int accepted;
};

struct race {
	struct stopper *s;
	struct stopper_sem sem;
	struct env_counter go, running, quiesced;
	int kind;
	struct starter starter[STARTERS];
};

static void racing(struct stopper_ctx *ctx, void *arg)
{
	struct starter *st = arg;

	env_inc(&st->r->running);
	CHECK(!env_get(&st->r->quiesced));
	env_inc(&st->called);
	if (env_get(&st->called) % 3 == 0)
		env_yield();
	CHECK(!env_get(&st->r->quiesced));
	env_dec(&st->r->running);
}

static int racing_err(struct stopper_ctx *ctx, void *arg)
{
	racing(ctx, arg);
	return 0;
}

enum { SYNC, ERR, HANDLE, ASYNC, LIMITED, THROTTLED, KINDS };

static int start(struct race *r, struct starter *st)
{
	struct stopper_task task;
	int err;

	switch (r->kind) {
	case SYNC:
		return stopper_run_task(r->s, NULL, "sync", racing, st);
	case ERR:
		return stopper_run_task_err(r->s, NULL, "err", racing_err, st);
	case HANDLE:
		err = stopper_task_begin(r->s, NULL, "handle", &task);
		if (!err) {
			racing(NULL, st);
			stopper_task_end(&task);
		}
		return err;
	case ASYNC:
		return stopper_run_async_task(r->s, NULL, "async", racing, st);
	case LIMITED:
		return stopper_run_limited_async_task(r->s, NULL, "limited", &r->sem, true, racing,
						      st);
	default:
		return stopper_run_limited_async_task(r->s, NULL, "limited", &r->sem, false,
						      racing, st);
	}
}

static void start_many(void *arg)
{
	struct starter *st = arg;
	int err;

	env_inc(&st->r->go);
	for (;;) {
		err = start(st->r, st);
		if (!err) {
			st->accepted++;
		} else if (err == -EBUSY) {
			CHECK_EQ(st->r->kind, THROTTLED);
			env_yield();
		} else {
			CHECK_EQ(err, -ESHUTDOWN);
			return;
		}
		/* lest the pool grows without end on a slow machine; for others on the only CPU */
		if (st->accepted % (st->r->kind >= ASYNC ? 16 : 4096) == 0)
			env_yield();
	}
}

static void race_once(struct race *r, int kind, int round)
{
	int i;

	memset(r, 0, sizeof(*r));
	r->s = new_stopper(NULL);
	r->kind = kind;
	CHECK_EQ(stopper_sem_init(&r->sem, 2), 0);
	for (i = 0; i < STARTERS; i++) {
		r->starter[i].r = r;
		CHECK_EQ(env_spawn(&r->starter[i].thread, start_many, &r->starter[i]), 0);
	}
	while (env_get(&r->go) < 1 + round % STARTERS)
		env_yield();
	for (i = 0; i < round % 7; i++)
		env_yield();
	CHECK_EQ(stopper_quiesce(r->s, NULL), 0);
	env_set(&r->quiesced, 1);
	CHECK_EQ(env_get(&r->running), 0);
	for (i = 0; i < STARTERS; i++)
		env_join(&r->starter[i].thread);
	/* not before: a task that is being refused may be counted, and hold a slot, for a moment */
	CHECK_EQ(stopper_num_tasks(r->s), 0);
	CHECK_EQ(stopper_sem_length(&r->sem), 0);
	for (i = 0; i < STARTERS; i++)
		CHECK_EQ(env_get(&r->starter[i].called), r->starter[i].accepted);
	stop_and_put(r->s);
	stopper_sem_destroy(&r->sem);
}

static void race(int kind, int rounds)
{
	struct race *r = env_alloc(sizeof(*r));
	int round;

	for (round = 0; round < case_rounds(rounds); round++)
		race_once(r, kind, round);
	env_free(r);
}

static void racing_quiesce_sync_tasks_called_once_or_refused(void)
{
	race(SYNC, 300);
}

static void racing_quiesce_tasks_for_a_result_called_once_or_refused(void)
{
	race(ERR, 100);
}

static void racing_quiesce_handles_accepted_or_refused(void)
{
	race(HANDLE, 300);
}

static void racing_quiesce_async_tasks_called_once_or_refused(void)
{
	race(ASYNC, 100);
}

static void racing_quiesce_limited_tasks_called_once_or_refused(void)
{
	race(LIMITED, 100);
}

static void racing_quiesce_throttled_tasks_called_once_or_refused(void)
{
	race(THROTTLED, 100);
}

/* Began on one thread, ended on another, while Quiesce looks for the last one. */
struct relay {
	struct stopper_task task[64];
	struct env_counter began, ended;
};

static void end_relay(void *arg)
{
	struct relay *y = arg;
	int i;

	for (i = 0; i < (int)ARRAY_SIZE(y->task); i++) {
		while (env_get(&y->began) <= i)
			env_yield();
		env_inc(&y->ended);
		stopper_task_end(&y->task[i]);
	}
}

static void last_end_on_another_thread_lets_quiesce_return(void)
{
	struct relay *y = env_alloc(sizeof(*y));
	int round, i;

	for (round = 0; round < case_rounds(200); round++) {
		struct stopper *s = new_stopper(NULL);
		struct env_thread thread;
		struct case_call quiesce;

		memset(y, 0, sizeof(*y));
		for (i = 0; i < (int)ARRAY_SIZE(y->task); i++)
			CHECK_EQ(stopper_task_begin(s, NULL, "relay", &y->task[i]), 0);
		case_quiesce_begin(&quiesce, s, NULL);
		CHECK_EQ(env_spawn(&thread, end_relay, y), 0);
		for (i = 0; i < (int)ARRAY_SIZE(y->task); i++)
			env_inc(&y->began);
		CHECK_EQ(case_call_end(&quiesce), 0);
		CHECK_EQ(env_get(&y->ended), (int)ARRAY_SIZE(y->task));
		env_join(&thread);
		stop_and_put(s);
	}
	env_free(y);
}

/* The end of the last task may be the end of the stopper: the ender must not look at it again. */
static void stopper_may_be_freed_when_its_last_task_ends(void)
{
	int round;

	for (round = 0; round < case_rounds(200); round++) {
		struct stopper *s = new_stopper(NULL);
		struct stopper_task task;

		CHECK_EQ(stopper_task_begin(s, NULL, "last", &task), 0);
		CHECK_EQ(stopper_stop_async(s), 0);
		stopper_put(s);
		stopper_task_end(&task);
	}
}

const struct test_case cases_race[] = {
	CASE(racing_quiesce_sync_tasks_called_once_or_refused),
	CASE(racing_quiesce_tasks_for_a_result_called_once_or_refused),
	CASE(racing_quiesce_handles_accepted_or_refused),
	CASE(racing_quiesce_async_tasks_called_once_or_refused),
	CASE(racing_quiesce_limited_tasks_called_once_or_refused),
	CASE(racing_quiesce_throttled_tasks_called_once_or_refused),
	CASE(last_end_on_another_thread_lets_quiesce_return),
	CASE(stopper_may_be_freed_when_its_last_task_ends),
	CASES_END
};
