// SPDX-License-Identifier: GPL-2.0
/*
 * case_only_kernel_softirq.c - what may be called in softirq and with interrupts off; each case is
 * listed in ../build-only.
 */
#include <linux/module.h>
#include <linux/timer.h>

#include "case.h"

struct soft {
	struct timer_list timer;
	struct stopper *s;
	struct stopper_event event;
	struct stopper_sem sem;
	struct stopper_ctx *ctx;
	struct stopper_task begun_here, begun_there;
	struct env_counter ran, done;
};

static void softirq_fn(struct timer_list *timer)
{
	struct soft *soft = container_of(timer, struct soft, timer);

	CHECK(in_serving_softirq());
	CHECK_EQ(stopper_run_task(soft->s, NULL, "softirq", case_count_fn, &soft->ran), 0);
	CHECK_EQ(stopper_task_begin(soft->s, NULL, "softirq", &soft->begun_here), 0);
	stopper_task_end(&soft->begun_there);
	CHECK(!stopper_event_fired(stopper_should_quiesce(soft->s)));
	CHECK_EQ(stopper_ctx_err(soft->ctx), 0);
	stopper_ctx_cancel(soft->ctx);
	CHECK_EQ(stopper_ctx_err(soft->ctx), -ECANCELED);
	CHECK(stopper_event_fire(&soft->event));
	CHECK_EQ(stopper_sem_try_acquire(&soft->sem), 0);
	stopper_sem_release(&soft->sem);
	stopper_ctx_put(stopper_ctx_get(soft->ctx));
	CHECK_EQ(stopper_get(soft->s) == soft->s, 1);
	env_inc(&soft->done);
}

static void admission_fire_and_cancel_in_softirq(void)
{
	struct soft *soft = env_alloc(sizeof(*soft));
	struct stopper_ctx *below;

	soft->s = new_stopper(NULL);
	soft->ctx = new_ctx(NULL);
	below = new_ctx(soft->ctx);
	stopper_event_init(&soft->event);
	CHECK_EQ(stopper_sem_init(&soft->sem, 1), 0);
	CHECK_EQ(stopper_task_begin(soft->s, NULL, "process", &soft->begun_there), 0);
	timer_setup(&soft->timer, softirq_fn, 0);
	mod_timer(&soft->timer, jiffies + 1);
	CHECK_EQ(stopper_wait(&soft->event, NULL), 0);
	CHECK_SOON(env_get(&soft->done));
	CHECK_EQ(env_get(&soft->ran), 1);
	CHECK_EQ(stopper_ctx_err(below), -ECANCELED);
	CHECK_EQ(stopper_num_tasks(soft->s), 1);
	stopper_put(soft->s);
	stopper_task_end(&soft->begun_here);
	CHECK_EQ(stopper_num_tasks(soft->s), 0);
	stop_and_put(soft->s);
	/* the callback may still be on its way out */
	timer_delete_sync(&soft->timer);
	stopper_event_destroy(&soft->event);
	stopper_sem_destroy(&soft->sem);
	stopper_ctx_put(below);
	stopper_ctx_put(soft->ctx);
	env_free(soft);
}

static void begin_in_softirq(struct timer_list *timer)
{
	struct soft *soft = container_of(timer, struct soft, timer);

	CHECK_EQ(stopper_task_begin(soft->s, NULL, "softirq", &soft->begun_here), 0);
	env_inc(&soft->done);
}

/* A handle that was begun in a softirq is not the work of the thread that this came upon. */
static void handle_begun_in_softirq_has_no_thread(void)
{
	struct stopper_task_info info;
	struct stopper_task mine;
	struct soft *soft;

	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		case_skip("a softirq is the work of a thread here");
		return;
	}
	soft = env_alloc(sizeof(*soft));
	soft->s = new_stopper(NULL);
	timer_setup(&soft->timer, begin_in_softirq, 0);
	mod_timer(&soft->timer, jiffies + 1);
	/* Awake on this CPU: the thread that the softirq comes upon, or else ksoftirqd's turn. */
	while (!env_get(&soft->done)) {
		cpu_relax();
		env_yield();
	}
	CHECK_EQ(stopper_running_tasks(soft->s, &info, 1), 1);
	CHECK_EQ(info.count, 1);
	CHECK_EQ(info.tid, 0);
	stopper_task_end(&soft->begun_here);
	CHECK_EQ(stopper_task_begin(soft->s, NULL, "process", &mine), 0);
	CHECK_EQ(stopper_running_tasks(soft->s, &info, 1), 1);
	CHECK_EQ(info.tid, current->pid);
	stopper_task_end(&mine);
	stop_and_put(soft->s);
	timer_delete_sync(&soft->timer);
	env_free(soft);
}

static void end_in_softirq(struct timer_list *timer)
{
	struct soft *soft = container_of(timer, struct soft, timer);

	stopper_task_end(&soft->begun_there);
}

static void stop_goes_on_when_the_last_task_ends_in_softirq(void)
{
	struct soft *soft = env_alloc(sizeof(*soft));
	int round;

	for (round = 0; round < case_rounds(50); round++) {
		soft->s = new_stopper(NULL);
		CHECK_EQ(stopper_task_begin(soft->s, NULL, "process", &soft->begun_there), 0);
		timer_setup(&soft->timer, end_in_softirq, 0);
		mod_timer(&soft->timer, jiffies + round % 3);
		stop_and_put(soft->s);
		timer_delete_sync(&soft->timer);
	}
	env_free(soft);
}

/* More handles than slots, begun between any two instructions of a task on this CPU. */
#define SOFT_HANDLES	100

struct soft_many {
	struct timer_list timer;
	struct stopper *s;
	struct env_counter done;
	struct stopper_task task[SOFT_HANDLES];
};

static void begin_many_in_softirq(struct timer_list *timer)
{
	struct soft_many *soft = container_of(timer, struct soft_many, timer);
	int i;

	for (i = 0; i < SOFT_HANDLES; i++)
		CHECK_EQ(stopper_task_begin(soft->s, NULL, "softirq", &soft->task[i]), 0);
	env_inc(&soft->done);
}

static void softirq_begins_more_handles_than_slots_while_tasks_run(void)
{
	struct soft_many *soft = env_alloc(sizeof(*soft));
	struct env_counter ran = { };
	struct stopper_task held;
	int round, i;

	soft->s = new_stopper(NULL);
	timer_setup(&soft->timer, begin_many_in_softirq, 0);
	for (round = 0; round < case_rounds(20); round++) {
		env_set(&soft->done, 0);
		/* on this CPU, which runs tasks until it has come */
		mod_timer(&soft->timer, jiffies + 1);
		while (!env_get(&soft->done)) {
			CHECK_EQ(stopper_run_task(soft->s, NULL, "process", case_count_fn,
						  &ran), 0);
			CHECK_EQ(stopper_task_begin(soft->s, NULL, "process", &held), 0);
			stopper_task_end(&held);
		}
		CHECK_EQ(stopper_task_begin(soft->s, NULL, "process", &held), 0);
		CHECK_EQ(stopper_num_tasks(soft->s), SOFT_HANDLES + 1);
		for (i = 0; i < SOFT_HANDLES; i++)
			stopper_task_end(&soft->task[i]);
		CHECK_EQ(stopper_num_tasks(soft->s), 1);
		stopper_task_end(&held);
	}
	stop_and_put(soft->s);
	timer_delete_sync(&soft->timer);
	env_free(soft);
}

static void stop_async_in_softirq_fn(struct timer_list *timer)
{
	struct soft *soft = container_of(timer, struct soft, timer);

	CHECK_EQ(stopper_stop_async(soft->s), 0);
}

static void stop_begun_in_softirq(void)
{
	struct soft *soft = env_alloc(sizeof(*soft));

	soft->s = new_stopper(NULL);
	timer_setup(&soft->timer, stop_async_in_softirq_fn, 0);
	mod_timer(&soft->timer, jiffies + 1);
	CHECK_EQ(stopper_wait(stopper_is_stopped(soft->s), NULL), 0);
	timer_delete_sync(&soft->timer);
	stopper_put(soft->s);
	env_free(soft);
}

struct soft_record {
	struct timer_list timer;
	struct stopper *s;
	struct stopper_async async, cancelled;
	struct env_counter ran, in_process, rounds, done_status, last;
	bool mine;
};

static int soft_record_fn(struct stopper_ctx *ctx, struct stopper_async *async)
{
	struct soft_record *soft = container_of(async, struct soft_record, async);

	might_sleep();
	env_inc(&soft->ran);
	return 5;
}

/* In process context; for the start that is refused in softirq, there. */
static void soft_record_done(struct stopper_async *async, int status)
{
	struct soft_record *soft = container_of(async, struct soft_record, async);

	if (in_serving_softirq())
		CHECK_EQ(status, -ESHUTDOWN);
	else if (CHECK_EQ(status, 5))
		env_inc(&soft->in_process);
	env_set(&soft->last, status);
}

static int soft_cancelled_fn(struct stopper_ctx *ctx, struct stopper_async *async)
{
	return 6;
}

static void soft_cancelled_done(struct stopper_async *async, int status)
{
	struct soft_record *soft = container_of(async, struct soft_record, cancelled);

	CHECK(!in_serving_softirq());
	env_set(&soft->done_status, status);
}

static void record_in_softirq_fn(struct timer_list *timer)
{
	struct soft_record *soft = container_of(timer, struct soft_record, timer);
	int err = stopper_async_start(soft->s, NULL, "softirq", &soft->async);

	CHECK(in_serving_softirq());
	CHECK_EQ(err, stopper_phase(soft->s) == STOPPER_RUNNING ? 0 : -ESHUTDOWN);
	if (!err)
		CHECK_EQ(stopper_async_start(soft->s, NULL, "softirq", &soft->cancelled), 0);
	soft->mine = stopper_async_cancel(&soft->cancelled);
	env_inc(&soft->rounds);
}

/* A task may be started before the pool has a thread, and be refused, in softirq. */
static void record_started_cancelled_and_refused_in_softirq(void)
{
	struct soft_record *soft = env_alloc(sizeof(*soft));
	int n = case_rounds(20), round;

	soft->s = new_stopper(NULL);
	stopper_async_init(&soft->async, soft_record_fn, soft_record_done);
	stopper_async_init(&soft->cancelled, soft_cancelled_fn, soft_cancelled_done);
	soft->async.flags = STOPPER_ASYNC_TELL_REFUSED;
	timer_setup(&soft->timer, record_in_softirq_fn, 0);
	for (round = 1; round <= n; round++) {
		mod_timer(&soft->timer, jiffies + 1);
		CHECK_SOON(env_get(&soft->rounds) == round);
		timer_delete_sync(&soft->timer);
		CHECK_EQ(stopper_async_wait(&soft->async, NULL), 0);
		CHECK_EQ(stopper_async_wait(&soft->cancelled, NULL), 0);
		CHECK_EQ(env_get(&soft->ran), round);
		CHECK_EQ(env_get(&soft->in_process), round);
		CHECK_EQ(env_get(&soft->done_status), soft->mine ? -ECANCELED : 6);
	}
	CHECK_EQ(stopper_quiesce(soft->s, NULL), 0);
	mod_timer(&soft->timer, jiffies + 1);
	CHECK_SOON(env_get(&soft->rounds) == n + 1);
	timer_delete_sync(&soft->timer);
	CHECK_EQ(env_get(&soft->last), -ESHUTDOWN);
	CHECK_EQ(env_get(&soft->ran), n);
	stop_and_put(soft->s);
	env_free(soft);
}

static void admission_with_a_spinlock_held_and_interrupts_off(void)
{
	static DEFINE_SPINLOCK(lock);
	struct stopper *s = new_stopper(NULL);
	struct env_counter ran = { };
	struct stopper_task task;
	unsigned long flags;
	int err;

	spin_lock_irqsave(&lock, flags);
	err = stopper_run_task(s, NULL, "atomic", case_count_fn, &ran);
	err = err ?: stopper_task_begin(s, NULL, "atomic", &task);
	if (!err)
		stopper_task_end(&task);
	spin_unlock_irqrestore(&lock, flags);
	CHECK_EQ(err, 0);
	CHECK_EQ(env_get(&ran), 1);
	CHECK_EQ(stopper_num_tasks(s), 0);
	stop_and_put(s);
}

const struct test_case cases_only_softirq[] = {
	CASE(admission_fire_and_cancel_in_softirq),
	CASE(handle_begun_in_softirq_has_no_thread),
	CASE(stop_goes_on_when_the_last_task_ends_in_softirq),
	CASE(softirq_begins_more_handles_than_slots_while_tasks_run),
	CASE(stop_begun_in_softirq),
	CASE(record_started_cancelled_and_refused_in_softirq),
	CASE(admission_with_a_spinlock_held_and_interrupts_off),
	CASES_END
};
