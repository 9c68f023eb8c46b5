// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * stop_calls.c - the calls that quiesce and stop; those that would wait for themselves are refused.
 *
 * The public calls begin the quiesce before they wait (quiesce.c), so that a context bounds only
 * the waiting, and a stop begins even if its context has ended. Then they drive the stopper to its
 * goal, as the leader or as a follower (stop.c).
 *
 * A callback of the events of a stop runs on the thread of the stop that fires them. It
 * would wait for itself if it stopped or quiesced the same stopper or one above it;
 * called_from_own_stop() detects that. A task, worker or closer that stopped its own
 * stopper would wait for itself, too: see drain_would_deadlock() and stop_would_deadlock().
 */
#include "internal.h"
#include "cause.h"
#include "event.h"
#include "follow.h"
#include "panic.h"
#include "pool.h"
#include "quiesce.h"
#include "ref.h"
#include "request.h"
#include "stop.h"
#include "stop_calls.h"
#include "upcalls.h"
#include "view.h"

/* Does this thread lead the stop of @s, end its contexts, or run a listed task of it? */
static bool is_stopping(struct stopper *s)
{
	int tid = plat_tid();
	bool mine, listed;
	plat_flags_t f;

	plat_lock(&s->lock, f);
	mine = s->leader_tid == tid || s->firing_quiesce == tid || s->ending == tid;
	listed = s->shards || !slist_empty(&s->tasks);
	plat_unlock(&s->lock, f);
	return mine || (listed && task_listed_by_this_thread(s));
}

/*
 * Is the caller a callback (of an event, the log or a hook) of this thread's own stop of @s or of
 * a stopper below it, or a listed task of one of them?
 */
static bool called_from_own_stop(struct stopper *s)
{
	if (is_stopping(s))
		return true;
	for_each_child(w, s)
		if (called_from_own_stop(w.s))
			return true;
	return false;
}

static bool is_at_goal(struct stopper *s, bool stop)
{
	lock_guard(&s->lock);

	return goal_reached(s, stop);
}

/* Would a stop (or, if !@stop, a quiesce) of @s wait for this thread itself? */
static bool would_self_deadlock(struct stopper *s, bool stop)
{
	return !is_at_goal(s, stop) && called_from_own_stop(s);
}

/* Would a wait for the tasks of @s, by this thread, wait for itself? */
bool drain_would_deadlock(struct stopper *s)
{
	return task_in_table_of_this_thread(s) || would_self_deadlock(s, false);
}

int __stopper_quiesce(struct stopper *s, struct stopper_ctx *ctx, const struct stopper_site *site)
{
	const struct stop_wait p = { .ctx = ctx, .until = PLAT_FOREVER, .blocks = true };
	int err;

	plat_might_sleep();
	err = call_err(s && site);
	if (err)
		return err;
	if (drain_would_deadlock(s))
		return -EDEADLK;
	stop_request_note(s, &(struct cause_args){ .site = site });
	quiesce_begin(s);
	return stopper_drive_to(s, false, &p);
}
EXPORT_SYMBOL_PLAT(__stopper_quiesce);

/* Would a wait for the stop of @s, by this thread, wait for itself? */
bool stop_would_deadlock(struct stopper *s)
{
	return task_in_table_of_this_thread(s) || activity_on_this_thread(s) ||
	       would_self_deadlock(s, true);
}

/* Begin a stop. 1: it has begun; 0: it has ended; or an error. */
int stop_begin(struct stopper *s, const struct cause_args *why)
{
	int err;

	plat_might_sleep();
	if (!s || !why->site)
		return -EINVAL;
	if (event_was_fired(&s->stopped))
		return 0;
	err = plat_ready();
	if (err)
		return err;
	if (stop_would_deadlock(s))
		return -EDEADLK;
	stop_request_note(s, why);
	quiesce_begin(s);
	return 1;
}

static int stop_and_wait(struct stopper *s, struct stopper_ctx *ctx, const struct cause_args *why)
{
	const struct stop_wait p = { .ctx = ctx, .until = PLAT_FOREVER, .blocks = true };
	int ret = stop_begin(s, why);

	return ret > 0 ? stopper_drive_to(s, true, &p) : ret;
}

int __stopper_stop(struct stopper *s, struct stopper_ctx *ctx, const struct stopper_site *site)
{
	return stop_and_wait(s, ctx, &(struct cause_args){ .site = site });
}
EXPORT_SYMBOL_PLAT(__stopper_stop);

int __stopper_stop_because(struct stopper *s, struct stopper_ctx *ctx,
			   const struct stopper_site *site, int err, const char *fmt, ...)
{
	va_list ap;
	int ret;

	if (err >= 0 || !fmt)
		return -EINVAL;
	va_start(ap, fmt);
	ret = stop_and_wait(s, ctx, &(struct cause_args){ site, err, fmt, &ap });
	va_end(ap);
	return ret;
}
EXPORT_SYMBOL_PLAT(__stopper_stop_because);

/* Wait until no task of @s or its subtree is left; they admit none. */
int pause_drain(struct stopper *s, struct stopper_ctx *ctx)
{
	const struct stop_wait p = {
		.ctx = ctx, .until = PLAT_FOREVER, .blocks = true, .pausing = s,
	};

	return stopper_drive_to(s, false, &p);
}

/* Drive the stop until @until. 0, or -ETIMEDOUT. @clock: of a caller that waits, else NULL. */
int stop_drive(struct stopper *s, int64_t until, struct stall_clock *clock)
{
	const struct stop_wait p = { .until = until, .blocks = clock, .clock = clock };

	return stopper_drive_to(s, true, &p);
}

static void stop_run(struct stopper_job *job, struct pool_thread *me)
{
	struct stopper *s = list_item(job, struct stopper, stop_job);

	(void)me;
	stop_drive(s, PLAT_FOREVER, NULL);
	stopper_unpin(s);
}

static void stop_died(struct stopper_job *job, bool hook_called)
{
	(void)hook_called;
	stopper_unpin(list_item(job, struct stopper, stop_job));
}

static const struct stopper_job_ops stop_ops = { .run = stop_run, .died = stop_died };

/* Hand the stop and the caller's pin to a pool thread. False: there is none and none starts. */
bool stop_push_job(struct stopper *s)
{
	s->stop_job.ops = &stop_ops;
	s->stop_job.site = NULL;
	return pool_try_push(&s->stop_job);
}
