// SPDX-License-Identifier: GPL-2.0
/*
 * case_only_kernel.c - cases that only the kernel can have; each is listed in ../build-only.
 *
 * kthread_should_stop() in workers, the owner module, stoppers of devices.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include <stopper/device.h>
#include "case.h"

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
