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
 * How it is asked, and woken: request.c. What it keeps, only the keeper itself reads and writes.
 */
#include "internal.h"
#include "quiesce.h"
#include "request.h"
#include "stop_calls.h"
#include "upcalls.h"

#define SLICE_NS	(50 * NS_PER_MSEC)
#define RETRY_NS	(200 * NS_PER_MSEC)

static STOPPER_LIST(kept);	/* stops that the keeper drives; struct stopper, ->keeper_node */

/* Hands @s to the pool, or drives its stop for a slice and puts it last in turn. */
static void keeper_drive(struct stopper *s)
{
	int64_t now = plat_now();

	if (now >= s->keeper_retry_at && stop_push_job(s))
		return;
	if (now >= s->keeper_retry_at)
		s->keeper_retry_at = now + RETRY_NS;
	if (stop_drive(s, now + SLICE_NS, NULL))
		slist_append(&kept, &s->keeper_node);
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

	while ((s = stop_request_pop())) {
		quiesce_begin(s);
		keeper_accept(s);
		if (!stop_push_job(s))
			slist_append(&kept, &s->keeper_node);
	}
}

/*
 * Called after plat_keeper_wake(), by one thread at a time. true: call it again, without a
 * wake-up.
 */
bool keeper_run(void)
{
	struct stopper_list *n;

	keeper_begin_requested();
	n = slist_pop(&kept);
	if (n)
		keeper_drive(list_item(n, struct stopper, keeper_node));
	return !stop_requests_rest(!slist_empty(&kept));
}
