// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * keeper.c - stops in which no caller waits: stopper_stop_async().
 *
 * A stop must not depend on a thread that may be unavailable at that moment: the process may
 * be at its limit of threads, and each of them in a task that waits for this very quiesce. So
 * the keeper exists from the first stopper on (userspace: a thread; kernel: a work item of a
 * workqueue with a rescuer). It begins the stop, after which tasks end and threads become free,
 * and hands the rest to a thread of the pool.
 *
 * If the pool has no idle thread and cannot start one, the keeper drives the stop itself: in
 * slices of SLICE_NS and in turn with other stops, because one stop may wait for another. The
 * end of a slice undoes nothing; the next slice goes on from there. Every RETRY_NS the pool is
 * asked again. Only a closer that blocks holds up the keeper, while the pool has no thread.
 *
 *   stopper_stop_async()              keeper
 *   lock; append to requested         lock; pop requested; unlock; begin; hand over
 *   running? no: running = true,      ...
 *   wake the keeper; unlock           lock; requested, kept empty: running = false; unlock
 *
 *   All under one lock: the keeper finds the stopper, or it is woken for it.
 */
#include "internal.h"

#define SLICE_NS	(50 * NS_PER_MSEC)
#define RETRY_NS	(200 * NS_PER_MSEC)

static struct {
	stopper_lock_t lock;
	struct stopper_list requested;	/* stops to begin; struct stopper, ->keeper_node */
	struct stopper_list kept;	/* stops that the keeper drives */
	bool running;
} keeper = {
	.lock = PLAT_LOCK_INIT(keeper.lock),
	.requested = { &keeper.requested, &keeper.requested },
	.kept = { &keeper.kept, &keeper.kept },
};

/* Requests the stop of @s. The keeper takes over the caller's pin. Any context up to softirq. */
void keeper_request(struct stopper *s)
{
	lock_guard(&keeper.lock);

	slist_append(&keeper.requested, &s->keeper_node);
	if (!keeper.running) {
		keeper.running = true;
		plat_keeper_wake();
	}
}

static struct stopper *keeper_pop(struct stopper_list *list)
{
	struct stopper_list *n;

	lock_guard(&keeper.lock);
	n = slist_pop(list);
	return n ? list_item(n, struct stopper, keeper_node) : NULL;
}

static void keeper_append(struct stopper *s)
{
	lock_guard(&keeper.lock);

	slist_append(&keeper.kept, &s->keeper_node);
}

/* Hands @s to the pool, or drives its stop for a slice and puts it last in turn. */
static void keeper_drive(struct stopper *s)
{
	int64_t now = plat_now();

	if (now >= s->keeper_retry_at && stop_push_job(s))
		return;
	if (now >= s->keeper_retry_at)
		s->keeper_retry_at = now + RETRY_NS;
	if (stop_drive(s, now + SLICE_NS, NULL))
		keeper_append(s);
	else
		stopper_unpin(s);
}

static void keeper_accept(struct stopper *s)
{
	int64_t now = plat_now();

	s->keeper_retry_at = now + RETRY_NS;
	lock_guard(&s->lock);
	s->keeper_clock.since = now;
}

static void keeper_begin_requested(void)
{
	struct stopper *s;

	while ((s = keeper_pop(&keeper.requested))) {
		quiesce_begin(s);
		keeper_accept(s);
		if (!stop_push_job(s))
			keeper_append(s);
	}
}

/* true: nothing is left to do; the next keeper_request() wakes the keeper. */
static bool keeper_rest(void)
{
	lock_guard(&keeper.lock);

	keeper.running = !slist_empty(&keeper.requested) || !slist_empty(&keeper.kept);
	return !keeper.running;
}

/*
 * Called after plat_keeper_wake(), by one thread at a time. true: call it again, without a
 * wake-up.
 */
bool keeper_run(void)
{
	struct stopper *s;

	keeper_begin_requested();
	s = keeper_pop(&keeper.kept);
	if (s)
		keeper_drive(s);
	return !keeper_rest();
}
