// SPDX-License-Identifier: GPL-2.0
/*
 * case_only_kernel.c - cases that only the kernel can have; each is listed in ../build-only.
 *
 * Admission from softirq and with interrupts off, kthread_should_stop() in
 * workers, the owner module, stoppers of devices.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/timer.h>

#include <stopper/device.h>
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
	/* Awake on this CPU: the thread that the softirq comes upon. */
	while (!env_get(&soft->done))
		cpu_relax();
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
	struct env_counter ran, in_process, rounds, told, last;
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
	env_set(&soft->told, status);
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
		CHECK_EQ(env_get(&soft->told), soft->mine ? -ECANCELED : 6);
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

struct loop {
	struct stopper *s;
	struct env_counter rounds;
	bool should_stop_fired;
};

/* The ordinary kthread loop, unchanged. */
static void kthread_loop(struct stopper_ctx *ctx, void *arg)
{
	struct loop *l = arg;

	while (!kthread_should_stop()) {
		env_inc(&l->rounds);
		usleep_range(500, 1000);
	}
	l->should_stop_fired = stopper_event_fired(stopper_should_stop(l->s));
}

static void worker_sees_kthread_should_stop_from_stopping_on(void)
{
	struct loop l = { .s = new_stopper(NULL) };
	int rounds;

	CHECK_EQ(stopper_run_worker(l.s, NULL, "loop", kthread_loop, &l), 0);
	CHECK_SOON(env_get(&l.rounds) > 2);
	CHECK_EQ(stopper_quiesce(l.s, NULL), 0);
	rounds = env_get(&l.rounds);
	CHECK_SOON(env_get(&l.rounds) > rounds + 2);
	stop_and_put(l.s);
	CHECK(l.should_stop_fired);
}

static void sleep_until_stopped(struct stopper_ctx *ctx, void *arg)
{
	env_inc(arg);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

static void sleeping_worker_is_woken_by_stop(void)
{
	struct stopper *s = new_stopper(NULL);
	struct env_counter in = { };
	int i;

	for (i = 0; i < 10; i++)
		CHECK_EQ(stopper_run_worker(s, NULL, "sleeper", sleep_until_stopped, &in), 0);
	CHECK_SOON(env_get(&in) == 10);
	stop_and_put(s);
}

struct late_sleeper {
	struct env_counter in;
	bool pending;
	long left;
};

static void sleep_after_stop(struct stopper_ctx *ctx, void *arg)
{
	struct late_sleeper *l = arg;

	sleep_until_stopped(ctx, &l->in);
	l->pending = signal_pending(current);
	/* A minute, were it not for the stop. */
	l->left = schedule_timeout_interruptible(60 * HZ);
}

/* As kthread_stop() has it. Cleanup that must sleep sleeps idle, killable or uninterruptible. */
static void interruptible_sleep_of_a_worker_ends_at_once_from_should_stop_on(void)
{
	struct stopper *s = new_stopper(NULL);
	struct late_sleeper l = { };

	CHECK_EQ(stopper_run_worker(s, NULL, "sleeper", sleep_after_stop, &l), 0);
	CHECK_SOON(env_get(&l.in) == 1);
	stop_and_put(s);
	CHECK(l.pending);
	CHECK(l.left > 0);
}

/* As a kthread has to leave it: nothing is pending, and all signals are ignored again. */
static void until_signal(struct stopper_ctx *ctx, void *allows)
{
	struct env_counter *in = allows;

	allow_signal(SIGUSR1);
	env_inc(in);
	while (!signal_pending(current))
		schedule_timeout_interruptible(60 * HZ);
	flush_signals(current);
	disallow_signal(SIGUSR1);
	env_inc(in);
}

static void staged_stop_signals_only_kthreads_that_allow_it(void)
{
	struct stopper *s = new_stopper(NULL);
	struct stopper_stages st = {
		.size = sizeof(st), .signo = SIGUSR1, .hook_ns = ENV_MSEC,
		.grace_ns = 10 * ENV_MSEC,
	};
	struct env_counter in = { };
	struct case_hold deaf;

	case_hold_init(&deaf);
	CHECK_EQ(stopper_run_async_task(s, NULL, "allows", until_signal, &in), 0);
	CHECK_EQ(stopper_run_async_task(s, NULL, "deaf", case_hold_fn, &deaf), 0);
	CHECK_SOON(env_get(&in) == 1 && env_get(&deaf.in) == 1);
	CHECK_EQ(stopper_stop_staged(s, &st), -ETIMEDOUT);
	CHECK_SOON(env_get(&in) == 2);
	CHECK_SOON(stopper_num_tasks(s) == 1);
	env_gate_open(&deaf.gate);
	stop_and_put(s);
	case_hold_destroy(&deaf);
}

/* Lockdep knows reclaim as a lock, which each allocation that may reclaim takes. */
static void quiesce_and_a_stop_without_closers_are_allowed_in_reclaim(void)
{
	struct env_counter ran = { }, in = { };
	struct stopper *s;

	if (!IS_ENABLED(CONFIG_PROVE_LOCKING)) {
		case_skip("no lockdep in this kernel");
		return;
	}
	s = new_stopper(NULL);
	CHECK_EQ(stopper_run_worker(s, NULL, "worker", sleep_until_stopped, &in), 0);
	CHECK_EQ(stopper_run_async_task(s, NULL, "task", case_count_fn, &ran), 0);
	fs_reclaim_acquire(GFP_KERNEL);
	CHECK_EQ(stopper_quiesce(s, NULL), 0);
	CHECK_EQ(stopper_stop(s, NULL), 0);
	fs_reclaim_release(GFP_KERNEL);
	stopper_put(s);
	CHECK_EQ(env_get(&ran), 1);
}

#define SLOW	40

struct slow {
	struct env_counter in, stopping, returned;
};

/* Returns only once all other workers have been asked to stop, too. */
static void slow_worker(struct stopper_ctx *ctx, void *arg)
{
	struct slow *slow = arg;

	env_inc(&slow->in);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	env_inc(&slow->stopping);
	CHECK_SOON(env_get(&slow->stopping) == SLOW);
	CHECK(kthread_should_stop());
	env_inc(&slow->returned);
}

static void every_worker_is_told_to_stop_before_one_has_returned(void)
{
	struct stopper *s = new_stopper(NULL);
	struct slow slow = { };
	int i;

	for (i = 0; i < SLOW; i++)
		CHECK_EQ(stopper_run_worker(s, NULL, "slow", slow_worker, &slow), 0);
	CHECK_SOON(env_get(&slow.in) == SLOW);
	stop_and_put(s);
	CHECK_EQ(env_get(&slow.returned), SLOW);
}

static void starts_workers(void *arg)
{
	struct loop *l = arg;
	struct env_counter in = { };
	int err;

	do
		err = stopper_run_worker(l->s, NULL, "late", sleep_until_stopped, &in);
	while (!err && env_inc(&l->rounds));
	CHECK_EQ(err, -ESHUTDOWN);
	/* what those still count */
	CHECK_SOON(stopper_phase(l->s) == STOPPER_STOPPED);
}

static void worker_started_while_stop_begins_is_told(void)
{
	struct env_thread thread;
	struct loop l;
	int round;

	for (round = 0; round < case_rounds(20); round++) {
		l = (struct loop){ .s = new_stopper(NULL) };
		CHECK_EQ(env_spawn(&thread, starts_workers, &l), 0);
		CHECK_SOON(env_get(&l.rounds) > round % 5);
		CHECK_EQ(stopper_stop(l.s, NULL), 0);
		env_join(&thread);
		stopper_put(l.s);
	}
}

static void owner_may_be_given(void)
{
	struct stopper_options opts = { .size = sizeof(opts), .owner = THIS_MODULE };
	struct env_counter ran = { };
	struct stopper *s = new_stopper(&opts);

	CHECK_EQ(stopper_run_task(s, NULL, "task", case_count_fn, &ran), 0);
	stop_and_put(s);
	CHECK_EQ(env_get(&ran), 1);
}

static struct {
	struct stopper *s;
	struct case_worker worker;
	struct env_counter closed;
	struct env_counter released;	/* managed resources */
	int before, after;		/* which one was released when, from 1 on */
	bool stopped_before;		/* had it stopped when the one got before was released? */
	enum stopper_phase phase_after;	/* its phase when the one got after was released */
} of_device;

static void release_before(void *arg)
{
	of_device.before = env_inc(&of_device.released);
	of_device.stopped_before = env_get(&of_device.closed);
}

static void release_after(void *arg)
{
	of_device.after = env_inc(&of_device.released);
	of_device.phase_after = stopper_phase(of_device.s);
}

static int device_probe(struct platform_device *pdev)
{
	int err = devm_add_action(&pdev->dev, release_before, NULL);

	err = err ?: devm_stopper_create(&pdev->dev, &of_device.s, "of-a-device", NULL);
	err = err ?: devm_add_action(&pdev->dev, release_after, NULL);
	if (err)
		return err;
	of_device.worker.s = of_device.s;
	err = stopper_add_closer_fn(of_device.s, "closer", case_count_plain, &of_device.closed);
	return err ?: stopper_run_worker(of_device.s, NULL, "worker", case_worker_fn,
					 &of_device.worker);
}

static struct platform_driver device_driver = {
	.probe = device_probe,
	.driver = { .name = "stopper-conf" },
};

static void stopper_of_a_device_is_stopped_with_it(void)
{
	struct platform_device *pdev;

	memset(&of_device, 0, sizeof(of_device));
	if (!CHECK_EQ(platform_driver_register(&device_driver), 0))
		return;
	pdev = platform_device_register_simple("stopper-conf", PLATFORM_DEVID_NONE, NULL, 0);
	if (CHECK(!IS_ERR(pdev))) {
		CHECK(of_device.s);
		CHECK_EQ(stopper_phase(of_device.s), STOPPER_RUNNING);
		CHECK_EQ(env_get(&of_device.closed), 0);
		platform_device_unregister(pdev);
		CHECK_EQ(env_get(&of_device.worker.out), 1);
		CHECK_EQ(env_get(&of_device.closed), 1);
		/* What was got after the stopper goes first, while it runs still. */
		CHECK_EQ(of_device.after, 1);
		CHECK_EQ(of_device.phase_after, STOPPER_RUNNING);
		CHECK_EQ(of_device.before, 2);
		CHECK(of_device.stopped_before);
	}
	platform_driver_unregister(&device_driver);
}

static void devm_create_with_bad_arguments_is_einval(void)
{
	struct stopper *s = NULL;

	CHECK_EQ(devm_stopper_create(NULL, &s, "name", NULL), -EINVAL);
	CHECK(!s);
	/* No device is looked at. */
	CHECK_EQ(devm_stopper_create((struct device *)&s, NULL, "name", NULL), -EINVAL);
}

const struct test_case cases_only[] = {
	CASE(admission_fire_and_cancel_in_softirq),
	CASE(handle_begun_in_softirq_has_no_thread),
	CASE(stop_goes_on_when_the_last_task_ends_in_softirq),
	CASE(softirq_begins_more_handles_than_slots_while_tasks_run),
	CASE(stop_begun_in_softirq),
	CASE(record_started_cancelled_and_refused_in_softirq),
	CASE(admission_with_a_spinlock_held_and_interrupts_off),
	CASE(worker_sees_kthread_should_stop_from_stopping_on),
	CASE(sleeping_worker_is_woken_by_stop),
	CASE(interruptible_sleep_of_a_worker_ends_at_once_from_should_stop_on),
	CASE(staged_stop_signals_only_kthreads_that_allow_it),
	CASE(quiesce_and_a_stop_without_closers_are_allowed_in_reclaim),
	CASE(every_worker_is_told_to_stop_before_one_has_returned),
	CASE(worker_started_while_stop_begins_is_told),
	CASE(owner_may_be_given),
	CASE(stopper_of_a_device_is_stopped_with_it),
	CASE(devm_create_with_bad_arguments_is_einval),
	CASES_END
};
