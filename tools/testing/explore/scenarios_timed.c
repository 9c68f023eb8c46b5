// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scenarios_timed.c - timers: the races drawn in core/timed.c.
 */
#include "scenario.h"
#include "timed.h"

enum { FIRED = 1, INSIDE, CANCELLED, DROPPED };

static struct stopper *s;
static struct stopper_timer *timer;
static struct stopper_event two_fired;

/* A run is refused from the return of Quiesce on, and does not overlap with another one. */
static void fires(struct stopper_ctx *ctx, void *arg)
{
	check(!ghost_get(QUIESCED));
	check(!ghost_get(CANCELLED));
	check(ghost_add(INSIDE, 1) == 1);
	ghost_add(FIRED, 1);
	stopper_event_fired(stopper_should_quiesce(s));
	ghost_add(INSIDE, -1);
}

static void fires_briefly(struct stopper_ctx *ctx, void *arg)
{
	check(!ghost_get(QUIESCED));
	check(!ghost_get(CANCELLED));
	ghost_add(FIRED, 1);
}

static void starts_again(struct stopper_ctx *ctx, void *arg)
{
	int err;

	fires_briefly(NULL, NULL);
	if (ghost_get(FIRED) > 2)
		return;
	err = stopper_run_after(timer, NULL, 0);
	check(!err || err == -ESHUTDOWN || err == -ECANCELED);
}

static bool begin(stopper_fn fn)
{
	s = new_stopper(NULL);
	if (!s)
		return false;
	timer = plat_alloc(sizeof(*timer));
	if (!timer) {
		stopper_stop(s, NULL);
		stopper_put(s);
		return false;
	}
	stopper_timer_init(timer, s, "timer", fn, NULL);
	return true;
}

/* The record is freed as soon as Quiesce has returned: neither side may touch it then. */
static void quiesce_and_free(void)
{
	check(!stopper_quiesce(s, NULL));
	ghost_set(QUIESCED, 1);
	plat_free(timer);
}

static void finish(void)
{
	check(!stopper_stop(s, NULL));
	stopper_put(s);
}

SCENARIO(timer_fires_or_quiesce, "timed.c, race 1: fires while Quiesce drops it: one of the two",
	 .budget = 3, .stale = 1, .needs_time = true)
{
	begin(fires_briefly);
	check(!stopper_run_after(timer, NULL, 0));
	quiesce_and_free();
	check(ghost_get(FIRED) <= 1);
	finish();
}

SCENARIO(timer_period_or_stop, "timed.c, race 1: a period against Stop: no run after it",
	 .budget = 2, .stale = 1, .needs_time = true)
{
	begin(fires_briefly);
	check(!stopper_run_every(timer, NULL, 0, 1000, 1000));
	quiesce_and_free();
	finish();
}

SCENARIO(timer_far_off_or_stop, "timed.c, race 4: Stop does not wait for a timer that is far off",
	 .budget = 3, .stale = 1)
{
	begin(fires_briefly);
	check(!stopper_run_after(timer, NULL, NS_PER_SEC));
	quiesce_and_free();
	finish();
}

static void cancels(void *arg)
{
	int ret = stopper_timer_cancel(timer);

	check(ret == 1 || ret == 0 || ret == -EINPROGRESS);
	if (ret == 1)
		ghost_add(DROPPED, 1);
}

SCENARIO(timer_fires_or_cancel, "timed.c, race 2: fires while it is cancelled: one of the two",
	 .budget = 3, .stale = 1, .needs_time = true)
{
	begin(fires_briefly);
	check(!stopper_run_after(timer, NULL, 0));
	go(cancels, NULL);
	join_all();
	/* Else it waits for a thread, or has run. */
	check(stopper_timer_cancel_sync(timer) == 0);
	check(ghost_get(FIRED) + ghost_get(DROPPED) == 1);
	quiesce_and_free();
	finish();
}

static void cancels_and_waits(void *arg)
{
	check(stopper_timer_cancel_sync(timer) >= 0);
	check(!ghost_get(INSIDE));
}

SCENARIO(timer_starts_again_or_cancel_sync, "timed.c, race 3: the function starts its own timer",
	 .budget = 3, .stale = 1, .needs_time = true)
{
	begin(starts_again);
	check(!stopper_run_after(timer, NULL, 0));
	cancels_and_waits(NULL);
	ghost_set(CANCELLED, 1);
	plat_free(timer);
	finish();
}

SCENARIO(timer_two_cancel_sync, "timed.c, race 3: two wait for a run of a period",
	 .budget = 2, .needs_time = true)
{
	begin(fires);
	check(!stopper_run_every(timer, NULL, 0, 1000, 0));
	go(cancels_and_waits, NULL);
	cancels_and_waits(NULL);
	join_all();
	ghost_set(CANCELLED, 1);
	quiesce_and_free();
	finish();
}

static void second_fires(struct stopper_ctx *ctx, void *arg)
{
	if (ghost_add(FIRED, 1) == 2)
		stopper_event_fire(&two_fired);
}

static void starts_another(void *t)
{
	check(!stopper_run_after(t, NULL, 0));
}

SCENARIO(timer_earlier_one, "timed.c, race 4: an earlier one is started while the first is due",
	 .budget = 3, .stale = 1, .needs_time = true)
{
	struct stopper_timer other;

	begin(second_fires);
	stopper_event_init(&two_fired);
	stopper_timer_init(&other, s, "other", second_fires, NULL);
	check(!stopper_run_after(timer, NULL, 2000));
	go(starts_another, &other);
	check(!stopper_wait(&two_fired, NULL));
	join_all();
	check(!stopper_timer_cancel_sync(&other));
	quiesce_and_free();
	finish();
	stopper_event_destroy(&two_fired);
}

static void reads_next(void *arg)
{
	struct stopper_task_info info;
	int64_t due;

	check(timers_next(s, &info, &due) <= 1);
}

SCENARIO(timer_listed_or_freed, "timed.c: the list reads a timer that is cancelled and freed",
	 .budget = 2, .stale = 1)
{
	begin(fires_briefly);
	check(!stopper_run_after(timer, NULL, 3600 * NS_PER_SEC));
	go(reads_next, NULL);
	check(stopper_timer_cancel_sync(timer) >= 0);
	plat_free(timer);
	join_all();
	check(!stopper_stop(s, NULL));
	stopper_put(s);
}

SCENARIO(timer_faults, "a period, and any memory or thread is missing",
	 .budget = 3, .faults = 3, .needs_time = true)
{
	if (!begin(fires_briefly))
		return;
	check(!stopper_run_every(timer, NULL, 0, 1000, 0));
	quiesce_and_free();
	finish();
}
