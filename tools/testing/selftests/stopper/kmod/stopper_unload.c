// SPDX-License-Identifier: GPL-2.0
/*
 * stopper_unload.c - a module that is unloaded while it uses everything a stopper offers.
 *
 *   insmod stopper_unload1.ko [seed=N] [end=NAME]
 *
 * Depending on the seed it starts some of: async tasks that wait for ShouldQuiesce, many queued
 * async tasks, workers, closers, tasks that wait for a semaphore, contexts with deadlines, timers
 * in softirq that run tasks and hold handles, callbacks on events, a child with a task and a
 * worker. It is ended in one of these ways, at unload unless stated otherwise:
 *
 *   stop       stopper_stop()
 *   bits       stopper_stop() with contexts that end soon, until it has stopped
 *   quiesced   quiesced by the init function, stopped at unload
 *   async      stopper_stop_async(), then waits for IsStopped
 *   both       stopper_stop_async() in the init function, stopper_stop() at unload
 *   stopped    stopped by the init function; nothing to do at unload
 *
 * or, against the rules, so that stopper.ko must stop it before the module's memory is freed:
 *
 *   forget     not stopped
 *   put        not stopped, but the stopper is put
 *   leave      stopper_stop_async() without a wait
 *   poll       stopper_stop_async(), then polls the phase only, so callbacks may still follow; it
 *              has stopped, so nothing may be logged about it
 *   fail       not stopped, and the init function fails
 *   deadline   stopped, but a context with a deadline in 10 s is never put
 *
 * All tasks, closers and callbacks are counted. A WARN() reports wrong sums, and functions that
 * run after the stop. A function that runs after the module's memory was freed causes a page
 * fault.
 *
 * The module is built under several names, so that several can be loaded and unloaded at once.
 */
#include <linux/atomic.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <stopper/stopper.h>
#include <compat.h>

static uint seed;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "selects what is started");

static char *end = "stop";
module_param(end, charp, 0444);
MODULE_PARM_DESC(end, "how it is ended");

enum { STOP, BITS, QUIESCED, ASYNC, BOTH, STOPPED, FORGET, PUT, LEAVE, POLL, FAIL, DEADLINE };

static const char * const ends[] = {
	"stop", "bits", "quiesced", "async", "both", "stopped", "forget", "put", "leave", "poll",
	"fail", "deadline",
};

#define MS	1000000LL

static int ending;
static struct stopper *s, *child;
static struct stopper_sem sem;
static atomic_t accepted, executed, closers_added, closers_run, fired, lines;
static bool all_ended;		/* no function of the module may run any more */
static bool log_ended;		/* nothing may be logged about the stopper any more */

static u32 random_below(u32 below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static bool breaks_the_rules(void)
{
	return ending >= FORGET && ending <= FAIL;
}

static void check_not_ended(void)
{
	WARN_ON(READ_ONCE(all_ended));
}

/* Checks and counts the result of a call that starts a task. */
static bool started(int err)
{
	if (!err)
		atomic_inc(&accepted);
	WARN_ON(err && err != -ESHUTDOWN && err != -ETIMEDOUT && err != -ECANCELED);
	return !err;
}

static void on_log_line(void *arg, int level, const char *line)
{
	check_not_ended();
	WARN_ON(READ_ONCE(log_ended));
	atomic_inc(&lines);
}

static void count_task(struct stopper_ctx *ctx, void *arg)
{
	check_not_ended();
	atomic_inc(&executed);
}

static void until_quiesce(struct stopper_ctx *ctx, void *arg)
{
	struct stopper *of = arg;

	stopper_wait(stopper_should_quiesce(of), NULL);
	count_task(ctx, arg);
}

static void until_ctx(struct stopper_ctx *ctx, void *arg)
{
	stopper_wait(NULL, ctx);
	count_task(ctx, arg);
}

static void start_tasks(void)
{
	int i;

	for (i = 0; i < 4; i++)
		started(stopper_run_async_task(s, NULL, "unload-task", until_quiesce, s));
}

/* More than there are threads, so most are still queued when the stop begins. */
static void start_queued(void)
{
	int i;

	for (i = 0; i < 64; i++)
		started(stopper_run_async_task(s, NULL, "unload-queued", count_task, NULL));
}

static void churn_worker(struct stopper_ctx *ctx, void *arg)
{
	struct stopper_task nested[4];
	int i, n;

	while (!kthread_should_stop()) {
		check_not_ended();
		started(stopper_run_task(s, NULL, "unload-busy", count_task, NULL));
		for (n = 0; n < ARRAY_SIZE(nested); n++)
			if (stopper_task_begin(s, NULL, "unload-nested", &nested[n]))
				break;
		for (i = 0; i < n; i++)
			stopper_task_end(&nested[i]);
		cond_resched();
	}
	check_not_ended();
}

static void idle_worker(struct stopper_ctx *ctx, void *arg)
{
	stopper_wait(stopper_should_stop(arg), NULL);
	check_not_ended();
}

static void start_workers(void)
{
	int i;

	WARN_ON(stopper_run_worker(s, NULL, "unload-busy", churn_worker, NULL));
	for (i = 0; i < 8; i++)
		WARN_ON(stopper_run_worker(s, NULL, "unload-idle", idle_worker, s));
}

static struct stopper_closer first_closer;

static void closer_count(void *arg)
{
	check_not_ended();
	atomic_inc(&closers_run);
	kfree(arg);
}

static void add_closer(void)
{
	void *memory = kmalloc(32, GFP_KERNEL);

	if (!stopper_add_closer_fn(s, "unload-closer", closer_count, memory))
		atomic_inc(&closers_added);
	else
		kfree(memory);
}

/* Runs when no task and no worker is left. Adds another closer, which runs at once. */
static void closer_first(struct stopper_closer *closer)
{
	check_not_ended();
	WARN_ON(breaks_the_rules() && atomic_read(&accepted) != atomic_read(&executed));
	atomic_inc(&closers_run);
	add_closer();
}

static void start_closers(void)
{
	first_closer.name = "unload-first";
	first_closer.fn = closer_first;
	WARN_ON(stopper_add_closer(s, &first_closer));
	atomic_inc(&closers_added);
	add_closer();
	add_closer();
}

/* Waits for the semaphore up to 50 times, or until ShouldQuiesce. */
static void line_task(struct stopper_ctx *ctx, void *arg)
{
	int i;

	for (i = 0; i < 50; i++) {
		check_not_ended();
		if (!started(stopper_run_limited_async_task(s, NULL, "unload-limited", &sem, true,
							    count_task, NULL)))
			break;
	}
	atomic_inc(&executed);
}

static void start_limited(void)
{
	int i;

	if (random_below(2))
		started(stopper_run_limited_async_task(s, NULL, "unload-holder", &sem, true,
						       until_quiesce, s));
	for (i = 0; i < 3; i++)
		started(stopper_run_async_task(s, NULL, "unload-line", line_task, NULL));
}

static struct stopper_ctx *ctxs[16];

static struct stopper_ctx *new_ctx(void)
{
	struct stopper_ctx *parent = NULL, *ctx;
	int err = 0;

	switch (random_below(3)) {
	case 0:
		err = stopper_ctx_with_cancel_on_quiesce(s, NULL, &parent);
		break;
	case 1:
		err = stopper_ctx_with_cancel_on_stop(s, NULL, &parent);
		break;
	}
	if (WARN_ON(err))
		return NULL;
	err = stopper_ctx_with_timeout(parent, random_below(20 * MS), &ctx);
	stopper_ctx_put(parent);
	return WARN_ON(err) ? NULL : ctx;
}

/* Some are put at once, perhaps with a pending timer, some after the stop, or never. */
static void start_contexts(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(ctxs); i++) {
		ctxs[i] = new_ctx();
		if (i % 4 == 0)
			started(stopper_run_async_task(s, ctxs[i], "unload-ctx", until_ctx, NULL));
		if (i % 2) {
			stopper_ctx_put(ctxs[i]);
			ctxs[i] = NULL;
		}
	}
}

static void end_contexts(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(ctxs); i++)
		stopper_ctx_put(ctxs[i]);
}

static struct softirq_timer {
	struct hrtimer timer;
	struct stopper_task handle;
	bool started, open;
} soft[4];

/* Each expiry runs a task and begins or ends a handle, until both are refused. */
static enum hrtimer_restart timer_expired(struct hrtimer *timer)
{
	struct softirq_timer *t = container_of(timer, struct softirq_timer, timer);

	check_not_ended();
	if (t->open) {
		stopper_task_end(&t->handle);
		t->open = false;
	} else {
		t->open = !stopper_task_begin(s, NULL, "unload-soft", &t->handle);
	}
	if (!started(stopper_run_task(s, NULL, "unload-timed", count_task, NULL)) && !t->open)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, 100000);
	return HRTIMER_RESTART;
}

static void start_softirq(void)
{
	int i;

	/* The timers need an orderly end that cancels them. */
	if (breaks_the_rules())
		return;
	for (i = 0; i < ARRAY_SIZE(soft); i++) {
		hrtimer_setup(&soft[i].timer, timer_expired, CLOCK_MONOTONIC,
			      HRTIMER_MODE_REL_SOFT);
		soft[i].started = true;
		hrtimer_start(&soft[i].timer, 100000, HRTIMER_MODE_REL_SOFT);
	}
}

static void end_softirq(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(soft); i++)
		if (soft[i].started)
			hrtimer_cancel(&soft[i].timer);
}

static struct stopper_on_fire on_fire[3];

/* Slow, longer than a grace period, so that a premature free happens meanwhile. */
static void callback_fired(struct stopper_on_fire *f, void *arg)
{
	int i, n = ending == POLL && f == &on_fire[2] ? 20000000 : 100000;

	for (i = 0; i < n; i++)
		check_not_ended();
	atomic_inc(&fired);
}

static void start_callbacks(void)
{
	stopper_event_on_fire(stopper_should_quiesce(s), &on_fire[0], callback_fired, NULL);
	stopper_event_on_fire(stopper_should_stop(s), &on_fire[1], callback_fired, NULL);
	stopper_event_on_fire(stopper_is_stopped(s), &on_fire[2], callback_fired, NULL);
}

static void end_callbacks(void)
{
	if (!on_fire[0].fn)
		return;
	stopper_event_detach(stopper_should_quiesce(s), &on_fire[0]);
	stopper_event_detach(stopper_should_stop(s), &on_fire[1]);
	stopper_event_detach(stopper_is_stopped(s), &on_fire[2]);
	WARN_ON(atomic_read(&fired) != 3);
}

static void start_child(void)
{
	struct stopper_options opts = { .size = sizeof(opts), .parent = s, .log = on_log_line };

	if (WARN_ON(stopper_create(&child, "unload-child", &opts)))
		return;
	started(stopper_run_async_task(child, NULL, "unload-child-task", until_quiesce, child));
	WARN_ON(stopper_run_worker(child, NULL, "unload-child-worker", idle_worker, child));
}

#define CALLBACKS	0

static void (*const starts[])(void) = {
	[CALLBACKS] = start_callbacks, start_tasks, start_queued, start_workers, start_closers,
	start_limited, start_contexts, start_softirq, start_child,
};

/* Called after the stop. */
static void check_all_ended(void)
{
	WARN_ON(stopper_phase(s) != STOPPER_STOPPED || stopper_num_tasks(s));
	end_softirq();
	end_callbacks();
	end_contexts();
	WRITE_ONCE(all_ended, true);
	WARN_ON(atomic_read(&accepted) != atomic_read(&executed));
	WARN_ON(atomic_read(&closers_added) != atomic_read(&closers_run));
	WARN_ON(stopper_sem_length(&sem));
	stopper_put(child);
	stopper_put(s);
	s = NULL;
}

static void stop_bit_by_bit(void)
{
	struct stopper_ctx *ctx;
	int err;

	do {
		if (WARN_ON(stopper_ctx_with_timeout(NULL, MS / 5, &ctx)))
			return;
		err = stopper_stop(s, ctx);
		stopper_ctx_put(ctx);
	} while (err == -ETIMEDOUT);
	WARN_ON(err);
}

static void leak_deadline(void)
{
	struct stopper_ctx *ctx;

	WARN_ON(stopper_ctx_with_timeout(NULL, 10000 * MS, &ctx));
}

static int __init unload_init(void)
{
	struct stopper_options opts = {
		.size = sizeof(opts),
		.flags = STOPPER_CONTROL,
		.log = on_log_line,
	};
	u32 what, i;

	ending = match_string(ends, ARRAY_SIZE(ends), end);
	if (ending < 0)
		return -EINVAL;
	stopper_sem_init(&sem, 1);
	if (stopper_create(&s, "unload", &opts))
		return -ENOMEM;
	what = random_below(1 << ARRAY_SIZE(starts));
	if (ending == POLL)
		what |= 1 << CALLBACKS;
	for (i = 0; i < ARRAY_SIZE(starts); i++)
		if (what & 1 << i)
			starts[i]();
	/* The stop comes at once, or some time after the start. */
	for (i = random_below(2) * random_below(2000); i; i--)
		started(stopper_run_task(s, NULL, "unload-init", count_task, NULL));
	switch (ending) {
	case QUIESCED:
		WARN_ON(stopper_quiesce(s, NULL));
		break;
	case BOTH:
		WARN_ON(stopper_stop_async(s));
		break;
	case STOPPED:
		WARN_ON(stopper_stop(s, NULL));
		check_all_ended();
		break;
	case FAIL:
		return -ENODEV;
	}
	return 0;
}

static void __exit unload_exit(void)
{
	switch (ending) {
	case STOPPED:
	case FORGET:
		return;
	case PUT:
		stopper_put(s);
		return;
	case LEAVE:
		WARN_ON(stopper_stop_async(s));
		stopper_put(s);
		return;
	case POLL:
		WARN_ON(stopper_stop_async(s));
		while (stopper_phase(s) != STOPPER_STOPPED)
			schedule();
		WRITE_ONCE(log_ended, true);
		stopper_put(s);
		return;
	case BITS:
		stop_bit_by_bit();
		break;
	case ASYNC:
		WARN_ON(stopper_stop_async(s));
		stopper_wait(stopper_is_stopped(s), NULL);
		break;
	case DEADLINE:
		leak_deadline();
		fallthrough;
	default:
		WARN_ON(stopper_stop(s, NULL));
	}
	check_all_ended();
}

module_init(unload_init);
module_exit(unload_exit);
MODULE_DESCRIPTION("Test of the stopper: a module that is unloaded");
MODULE_LICENSE("GPL");
