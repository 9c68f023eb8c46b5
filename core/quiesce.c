// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * quiesce.c - begin a quiesce: the phase of a tree turns, then its events fire.
 *
 * Every caller of a quiesce or stop runs quiesce_begin() before it waits. The thread that fires the
 * events is ->firing_quiesce until its callbacks have returned, and the leader (stop.c) waits for
 * that. So a scan of the tasks comes after the heavy barrier, and a Quiesce or Stop that returns 0
 * comes after the callbacks, whichever thread ran them:
 *
 *   caller 1 (its context may have ended)   caller 2, the leader
 *   lock; phase = QUIESCING, unfired        lock; QUIESCING, and fired or being fired; unlock
 *   unlock; heavy barrier                   become the leader; lock
 *   lock; unfired = false                   unfired or firing_quiesce? unlock; park
 *   firing_quiesce = tid; unlock
 *   fire; callbacks
 *   lock; firing_quiesce = 0
 *   wake the leader; unlock                 lock; neither: drain
 *   context ended? return its error
 *
 *   quiesce_begin()                     a thread that sees ShouldQuiesce fired
 *   phase = QUIESCING
 *   heavy barrier  (B1, task.c)
 *   fire contexts
 *   fire ShouldQuiesce (F, event.c)     fired? yes (F)
 *                                       any begin from here on reads QUIESCING
 *
 * A tree is quiesced as a whole: a heavy barrier is a grace period, and a parent may
 * have ten thousand children. So quiesce_begin() walks the tree twice, with one
 * barrier between the walks:
 *
 *   first walk     each stopper that is RUNNING becomes QUIESCING and unfired. From then
 *                  on no child joins it (stopper.c), so the walk meets all children it
 *                  will ever have
 *   heavy barrier  for all that became QUIESCING, whichever thread set their phase
 *   second walk    each stopper that is unfired is fired, parents first
 *
 * Between the two walks, and while a callback of the parent runs, a child is QUIESCING
 * and unfired. A caller that finds a child in that state does not wait for the other
 * thread, whose callback may wait for this very child: it makes a barrier of its own,
 * and fires. The thread that clears ->unfired, under the lock, fires; ->unfired was
 * set before either thread's barrier:
 *
 *   quiesce of the parent                   quiesce of the child
 *   child: phase = QUIESCING, unfired
 *   heavy barrier                           unfired: heavy barrier
 *   fire the parent; callbacks              lock; unfired = false; unlock; fire
 *   child: lock; not unfired: nothing
 *
 * Ordered accesses: (B1) of task.c, (F) of event.c. All else is under s->lock.
 */
#include "internal.h"
#include "event.h"
#include "follow.h"
#include "quiesce.h"
#include "ref.h"
#include "steps.h"

/* With s->lock held. */
void phase_set(struct stopper *s, enum stopper_phase phase)
{
	bool final = phase != STOPPER_QUIESCING || !(s->flags & STOPPER_ADMIT_NESTED);

	plat_store(&s->phase, phase | (final ? STOPPER_PHASE_FINAL : 0));
	s->phase_since = plat_now();
}

/* When and why a stop was requested: that of a parent is that of its children too. */
struct stop_request {
	int64_t requested;
	struct cause cause;
};

/* Set @s and its subtree to QUIESCING where they are RUNNING. No child joins after that. */
static void quiesce_set_phase(struct stopper *s, const struct stop_request *from)
{
	plat_flags_t f;
	bool first, leaf;

	plat_lock(&s->lock, f);
	first = phase_of(s) == STOPPER_RUNNING;
	if (first) {
		phase_set(s, STOPPER_QUIESCING);
		s->unfired = true;
	}
	if (!s->stop_requested) {
		s->stop_requested = from->requested;
		s->cause = from->cause;
	}
	leaf = slist_empty(&s->children);
	plat_unlock(&s->lock, f);
	if (first)
		plat_trace_phase(s, STOPPER_RUNNING, STOPPER_QUIESCING);
	if (leaf)
		return;
	for_each_child(w, s)
		quiesce_set_phase(w.s, from);
}

/* The thread at @tid has fired events, for which the leader may wait. */
void firing_end(struct stopper *s, int *tid)
{
	lock_guard(&s->lock);

	*tid = 0;
	stopper_wake_leader(s);
}

/* Fire the quiesce events of @s and its subtree where they are unfired. */
static void quiesce_fire_events(struct stopper *s)
{
	plat_flags_t f;
	bool mine, leaf;

	plat_lock(&s->lock, f);
	mine = s->unfired;
	if (mine) {
		s->unfired = false;
		s->firing_quiesce = plat_tid();
	}
	leaf = slist_empty(&s->children);
	plat_unlock(&s->lock, f);
	if (mine) {
		event_fire_because(&s->quiesce_ctx, ECANCELED, &s->cause, NULL);
		event_fire(&s->quiesce, 1);
		firing_end(s, &s->firing_quiesce);
	}
	if (leaf)
		return;
	for_each_child(w, s)
		quiesce_fire_events(w.s);
}

void quiesce_begin(struct stopper *s)
{
	struct stop_request from;

	{
		lock_guard(&s->lock);
		if (phase_of(s) != STOPPER_RUNNING && !s->unfired)
			return;
		from.requested = s->stop_requested;
		from.cause = s->cause;
	}
	quiesce_set_phase(s, &from);
	count_steps(STEP_HEAVY_BARRIERS, 1);
	/* (B1) pairs with task_is_admitted(), task.c: it reads QUIESCING, or our drain its slot */
	plat_heavy_barrier();
	quiesce_fire_events(s);
}

/* End the on-stop contexts of @s and its subtree before their phase; stages.c. */
void stop_end_contexts(struct stopper *s)
{
	plat_flags_t f;
	bool mine;

	plat_lock(&s->lock, f);
	mine = phase_of(s) < STOPPER_STOPPING && !s->ending;
	if (mine)
		s->ending = plat_tid();
	plat_unlock(&s->lock, f);
	if (mine) {
		event_fire_because(&s->stop_ctx, ETIMEDOUT, NULL, NULL);
		firing_end(s, &s->ending);
	}
	for_each_child(w, s)
		stop_end_contexts(w.s);
}
