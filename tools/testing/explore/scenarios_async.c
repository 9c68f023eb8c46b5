// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scenarios_async.c - async tasks in records of the caller: the races drawn in core/async.c.
 *
 * A start finds or wakes a thread, or has the tick start one, so each scenario needs time.
 */
#include "scenario.h"

enum { FUNCTIONS, ENDS, LAST, CANCELLED, WANTED, HANDLED };

static struct stopper *s;
static struct stopper_async *record;

static int runs(struct stopper_ctx *ctx, struct stopper_async *async)
{
	check(!ghost_get(QUIESCED));
	ghost_add(FUNCTIONS, 1);
	return 7;
}

/* The end of a start counts as the task that ran. */
static void told(struct stopper_async *async, int status)
{
	counted(NULL, NULL);
	ghost_add(ENDS, 1);
	ghost_set(LAST, status);
}

static struct stopper_async *record_new(stopper_async_fn fn, stopper_async_done_fn done)
{
	struct stopper_async *async = plat_alloc(sizeof(*async));

	stopper_async_init(async, fn, done);
	return async;
}

static void start(void *arg)
{
	int err = stopper_async_start(s, NULL, "record", record);

	if (err != -EBUSY)
		accepted(err);
}

static void cancel(void *arg)
{
	if (stopper_async_cancel(record))
		ghost_add(CANCELLED, 1);
}

static void check_ended_once(void)
{
	long ran = ghost_get(FUNCTIONS), cancelled = ghost_get(CANCELLED);

	check(ghost_get(ENDS) == ghost_get(ACCEPTED));
	check(ran + cancelled == ghost_get(ACCEPTED));
	if (ghost_get(ENDS))
		check(ghost_get(LAST) == (cancelled ? -ECANCELED : 7));
}

SCENARIO(record_refused_or_started, "async.c: a start against quiesce and cancel",
	 .budget = 2, .stale = 1, .cpus = 1, .needs_time = true)
{
	s = new_stopper(NULL);
	record = record_new(runs, told);
	go(start, NULL);
	go(cancel, NULL);
	end(s);
	check_ended_once();
	plat_free(record);
}

SCENARIO(record_cancelled_or_taken, "async.c: a cancel against the thread that takes the record",
	 .budget = 3, .stale = 1, .cpus = 1, .needs_time = true)
{
	s = new_stopper(NULL);
	record = record_new(runs, told);
	start(NULL);
	cancel(NULL);
	check(!stopper_async_wait(record, NULL));
	check_ended_once();
	/* Nothing touches it any more. */
	plat_free(record);
	end(s);
}

static void waits_for_it(void *arg)
{
	check(!stopper_async_wait(record, NULL));
	check(ghost_get(ENDS) == 1);
}

SCENARIO(record_freed_after_wait, "async.c: two wait for a record, then it is freed",
	 .budget = 2, .stale = 1, .cpus = 1, .needs_time = true)
{
	s = new_stopper(NULL);
	record = record_new(runs, told);
	start(NULL);
	go(waits_for_it, NULL);
	waits_for_it(NULL);
	join_all();
	plat_free(record);
	end(s);
}

SCENARIO(record_without_done_freed, "async.c: a record without done() is freed after a wait",
	 .budget = 3, .stale = 1, .cpus = 1, .needs_time = true)
{
	s = new_stopper(NULL);
	record = record_new(runs, NULL);
	start(NULL);
	check(!stopper_async_wait(record, NULL));
	check(ghost_get(FUNCTIONS) == 1);
	ghost_add(RAN, 1);
	plat_free(record);
	end(s);
}

static struct stopper_ctx *ctx;

static void cancel_ctx(void *arg)
{
	stopper_ctx_cancel(ctx);
}

SCENARIO(record_wait_given_up, "async.c: a waiter gives up while the task is taken and ends",
	 .budget = 2, .stale = 1, .cpus = 1, .needs_time = true)
{
	int err;

	s = new_stopper(NULL);
	record = record_new(runs, told);
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	start(NULL);
	go(cancel_ctx, NULL);
	err = stopper_async_wait(record, ctx);
	check(!err || err == -ECANCELED);
	check(!stopper_async_wait(record, NULL));
	check_ended_once();
	plat_free(record);
	join_all();
	stopper_ctx_put(ctx);
	end(s);
}

static void told_and_frees(struct stopper_async *async, int status)
{
	told(async, status);
	plat_free(async);
}

SCENARIO(record_freed_in_done, "async.c: done() frees the record while Stop waits",
	 .budget = 3, .stale = 1, .cpus = 1, .needs_time = true)
{
	s = new_stopper(NULL);
	record = record_new(runs, told_and_frees);
	start(NULL);
	end(s);
	check_ended_once();
}

static void told_and_restarts(struct stopper_async *async, int status)
{
	told(async, status);
	if (ghost_get(ENDS) == 1)
		start(NULL);
}

SCENARIO(record_restarted_in_done, "async.c: done() starts the record again while Quiesce begins",
	 .budget = 3, .stale = 1, .cpus = 1, .needs_time = true)
{
	s = new_stopper(NULL);
	record = record_new(runs, told_and_restarts);
	start(NULL);
	end(s);
	check_ended_once();
	plat_free(record);
}

static void start_twice(void *arg)
{
	start(NULL);
	start(NULL);
}

SCENARIO(record_busy_or_idle, "async.c: two start a record that becomes idle, without own locks",
	 .budget = 2, .stale = 1, .cpus = 1, .needs_time = true)
{
	s = new_stopper(NULL);
	record = record_new(runs, told);
	go(start_twice, NULL);
	start(NULL);
	join_all();
	end(s);
	check_ended_once();
	plat_free(record);
}

/* As a caller's own lock would: what was asked for, and what the function saw of it. */
static stopper_lock_t mail_lock = PTHREAD_MUTEX_INITIALIZER;
static int wanted, handled;

static int mail_ask(int n)
{
	int open;

	explore_lock(&mail_lock);
	wanted += n;
	open = wanted - handled;
	explore_unlock(&mail_lock);
	return open;
}

static int handles(struct stopper_ctx *c, struct stopper_async *async)
{
	explore_lock(&mail_lock);
	handled = wanted;
	explore_unlock(&mail_lock);
	return runs(c, async);
}

static void told_and_looks(struct stopper_async *async, int status)
{
	told(async, status);
	if (mail_ask(0))
		start(NULL);
}

static void asks(void *arg)
{
	mail_ask(1);
	start(NULL);
}

SCENARIO(record_loses_no_request, "async.c: two ask for a run; -EBUSY means that done() looks",
	 .budget = 2, .stale = 1, .cpus = 1, .needs_time = true)
{
	s = new_stopper(NULL);
	record = record_new(handles, told_and_looks);
	wanted = 0;
	handled = 0;
	go(asks, NULL);
	asks(NULL);
	join_all();
	settle();
	check(!mail_ask(0));
	end(s);
	check_ended_once();
	plat_free(record);
}

static struct stopper *dropper_new(void)
{
	struct stopper_options o = {
		.size = sizeof(o), .flags = STOPPER_QUIET | STOPPER_DROP_QUEUED,
	};

	check(!stopper_create(&s, "s", &o));
	return s;
}

SCENARIO(record_dropped_or_taken, "async.c: Quiesce drops a record, or a thread has taken it",
	 .budget = 3, .stale = 1, .cpus = 1, .needs_time = true)
{
	dropper_new();
	record = record_new(runs, told);
	start(NULL);
	end(s);
	check(ghost_get(ENDS) == 1);
	check(ghost_get(LAST) == (ghost_get(FUNCTIONS) ? 7 : -ESHUTDOWN));
	plat_free(record);
}

SCENARIO(record_dropped_or_cancelled, "async.c: Quiesce drops a record that is being cancelled",
	 .budget = 2, .stale = 1, .cpus = 1, .needs_time = true)
{
	dropper_new();
	record = record_new(runs, told);
	start(NULL);
	go(cancel, NULL);
	end(s);
	check(ghost_get(ENDS) == 1);
	check(ghost_get(FUNCTIONS) + ghost_get(CANCELLED) <= 1);
	check(ghost_get(LAST) == (ghost_get(FUNCTIONS) ? 7 :
				  ghost_get(CANCELLED) ? -ECANCELED : -ESHUTDOWN));
	plat_free(record);
}

static int breaks(struct stopper_ctx *c, void *arg)
{
	counted(NULL, NULL);
	return -(int)(intptr_t)arg;
}

static void start_broken(void *arg)
{
	accepted(stopper_run_async_task_err(s, NULL, "breaks", breaks, arg));
}

SCENARIO(first_error_stops, "result.c: two tasks return errors; the first one is kept, and stops",
	 .budget = 2, .stale = 1, .faults = 1, .cpus = 1, .needs_time = true)
{
	struct stopper_options o = {
		.size = sizeof(o), .flags = STOPPER_QUIET | STOPPER_STOP_ON_ERROR,
	};
	int err;

	if (stopper_create(&s, "s", &o))
		return;
	go(start_broken, (void *)5);
	start_broken((void *)6);
	join_all();
	settle();
	err = stopper_result(s, NULL);
	check(!err == !ghost_get(ACCEPTED) && (!err || err == -5 || err == -6));
	check(!err || stopper_event_fired(stopper_is_stopped(s)));
	end(s);
}

static void hook(void *arg, const struct stopper_panic_info *info)
{
	check(info->kind == STOPPER_PANIC_ASYNC);
}

static int dies(struct stopper_ctx *c, struct stopper_async *async)
{
	may_die();
	return runs(c, async);
}

static void dies_telling(struct stopper_async *async, int status)
{
	counted(NULL, NULL);
	check(status == (ghost_get(FUNCTIONS) ? 7 : -EOWNERDEAD));
	plat_free(async);
	/* Called for a thread that died in the function, it is a callback: these must not die. */
	if (status == 7)
		may_die();
}

SCENARIO(record_dies, "async.c: a thread dies in the function, or in done() after that freed it",
	 .budget = 3, .stale = 1, .deaths = 2, .cpus = 1, .needs_time = true)
{
	struct stopper_options o = {
		.size = sizeof(o), .flags = STOPPER_QUIET, .on_panic = hook,
	};

	check(!stopper_create(&s, "s", &o));
	record = record_new(dies, dies_telling);
	start(NULL);
	end(s);
}
