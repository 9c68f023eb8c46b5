// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * pause.c - refuse tasks and drain, as a quiesce does, in a way that can be taken back.
 *
 * A paused stopper is RUNNING. Its phase word has STOPPER_PHASE_PAUSED set, so the fast path of a
 * begin, which compares the word with 0, does not admit, without a further instruction; the slow
 * path then returns -EAGAIN instead of -ESHUTDOWN. No event fires, no context ends; workers and
 * closers do not notice. Tasks in the pool's queue have been admitted: the pause waits for them.
 * Timers that become due stay pending, and fire after the resume.
 *
 * Pauses are counted (->pauses); the last resume admits tasks again. The wait is that of a
 * stop: the pausing thread leads, or follows the leader (stop.c), so the watch word of a slot
 * has one owner for each stopper. A pause that gives up takes its count back. A stop takes the
 * phase on to QUIESCING, which clears the bit; the counts stay, so that each pause that
 * succeeded can still be paired with a resume.
 *
 * Race 1: admission against pause. As race 1 of task.c, with the bit in place of QUIESCING.
 *
 * Race 2: resume against admission. What was written during the pause is seen by each task that
 * is admitted after it, though the begin's load of the phase is relaxed: the heavy barrier is a
 * full barrier at some point of each thread. A begin that has loaded the phase at that point did
 * not see the resume; one that loads it later reads the configuration later still.
 *
 *   resume                            begin
 *   (the new configuration)           slot->stopper = s; light barrier (B1)
 *   heavy barrier           (B3)      s->phase == RUNNING?
 *   s->phase = RUNNING      (R)       light barrier (B3), or the load was an acquire (R)
 *                                     (reads the configuration)
 *
 * Race 3: a begin that waits against resume and quiesce. The lock decides the first; the second
 * is a wait for an event (event.c, race 1), which fires after the phase has changed.
 *
 *   stopper_task_begin_wait()         resume                            quiesce
 *   refused: paused
 *   lock; paused? append; unlock      lock; phase = RUNNING             phase = QUIESCING
 *   attach to ->quiesce_ctx           take the list of waiters; unlock  fire ->quiesce_ctx
 *   woken, or phase not RUNNING? no   wake each of them
 *   park
 *
 * Race 4: stop against pause and resume. The phase changes under the lock. A pause or resume
 * that comes later finds it not RUNNING and leaves it as it is. A pause that waits is woken by
 * ->quiesce_ctx, finds the phase not RUNNING, and leaves; the stop, which follows it, takes over.
 *
 * Race 5: changes of a tree. A stopper is paused if it has pauses or its parent is paused. Each
 * change has a number (->pause.change) that rises under the stopper's lock; a child takes over
 * the state of its parent only if it has not seen a later one:
 *
 *   resume of the parent              pause of the parent
 *   lock; change 2: not paused
 *   unlock                            lock; change 3: paused; unlock
 *                                     child: lock; 3 > 1: paused; unlock
 *   child: lock; 2 < 3: nothing       heavy barrier; drain the tree
 *
 *   A child that is created meanwhile is on the parent's list before it takes over the
 *   parent's state: the walk of the pause meets it, or it finds the pause.
 *
 * The drain of a tree is valid for each stopper in it, because the heavy barrier came after all
 * of them were seen to admit nothing, and none admits again before the pause is taken back. A
 * child that is stopped by another caller meanwhile is drained too.
 *
 * Ordered accesses, beside (B1) of task.c:
 *
 *   (B3) the heavy barrier in stopper_resume() pairs with the light barrier after the load of
 *        the phase in __stopper_admits(). Guarantees: see race 2.
 *   (R)  ->phase = RUNNING is a release in pause_update(); its partners are the acquires in
 *        task_is_admitted() and pool_push_task(). Guarantees: the same, for the slow paths.
 */
#include "internal.h"
#include "cause.h"
#include "follow.h"
#include "pause.h"
#include "ref.h"
#include "span.h"
#include "steps.h"
#include "stop_calls.h"
#include "task.h"
#include "timed.h"

/* With s->lock held. @by: who paused it, if it becomes paused. @woken gets those that wait. */
static void pause_update(struct stopper *s, const struct pause *by, struct stopper_list *woken)
{
	bool paused = s->pauses || s->parent_paused;

	if (paused == s->pause.paused)
		return;
	s->pause.paused = paused;
	s->pause.change++;
	if (paused) {
		s->pause.since = by->since;
		s->pause.origin = by->origin;
	} else {
		slist_splice(&s->resume_waiters, woken);
		timers_arm(s);
	}
	if (phase_of(s) != STOPPER_RUNNING)
		return;
	plat_happens_before(&s->phase);
	/* (R) pairs with task_is_admitted(), pool_push_task(): they see what the pauser wrote */
	plat_store_release(&s->phase, paused ? STOPPER_PHASE_PAUSED : STOPPER_RUNNING);
}

/* Take over the state of the parent, and pass the own one on to the subtree. */
void pause_inherit(struct stopper *s, struct stopper *parent)
{
	STOPPER_LIST(woken);
	struct pause above;
	plat_flags_t f;

	plat_lock(&parent->lock, f);
	above = parent->pause;
	plat_unlock(&parent->lock, f);
	plat_lock(&s->lock, f);
	if (above.change > s->parent_change) {
		s->parent_change = above.change;
		s->parent_paused = above.paused;
		pause_update(s, &above, &woken);
	}
	plat_unlock(&s->lock, f);
	followers_wake(s, &woken);
	for_each_child(w, s)
		pause_inherit(w.s, s);
}

/* One pause more, or one less (@by is NULL), for @s and its subtree. */
static int pause_count(struct stopper *s, const struct pause *by)
{
	STOPPER_LIST(woken);
	plat_flags_t f;
	int err = 0;

	plat_lock(&s->lock, f);
	if (by && phase_of(s) != STOPPER_RUNNING)
		err = -ESHUTDOWN;
	else if (!by && !s->pauses)
		err = -EINVAL;
	if (!err) {
		s->pauses = by ? s->pauses + 1 : s->pauses - 1;
		pause_update(s, by, &woken);
	}
	plat_unlock(&s->lock, f);
	if (err)
		return err;
	followers_wake(s, &woken);
	for_each_child(w, s)
		pause_inherit(w.s, s);
	return 0;
}

int __stopper_pause(struct stopper *s, struct stopper_ctx *ctx, const struct stopper_site *site)
{
	struct pause by;
	int err;

	plat_might_sleep();
	err = call_err(s && site);
	if (err)
		return err;
	if (drain_would_deadlock(s))
		return -EDEADLK;
	by.since = plat_now();
	origin_copy(&by.origin, site);
	err = pause_count(s, &by);
	if (err)
		return err;
	count_steps(STEP_HEAVY_BARRIERS, 1);
	/* (B1) pairs with task_is_admitted(), task.c: it reads PAUSED, or our drain its slot */
	plat_heavy_barrier();
	err = pause_drain(s, ctx);
	if (err)
		pause_count(s, NULL);
	return err;
}
EXPORT_SYMBOL_PLAT(__stopper_pause);

int stopper_resume(struct stopper *s)
{
	int err;

	plat_might_sleep();
	err = call_err(s);
	if (err)
		return err;
	count_steps(STEP_HEAVY_BARRIERS, 1);
	/* (B3) pairs with __stopper_admits(): tasks see what the caller wrote during the pause */
	plat_heavy_barrier();
	return pause_count(s, NULL);
}
EXPORT_SYMBOL_PLAT(stopper_resume);

static int begin_or_wait(struct stopper *s, struct stopper_ctx *ctx,
			 const struct stopper_site *site, struct stopper_task *task)
{
	int err;

	/* A begin has no other reason for -EAGAIN. */
	while ((err = task_try_begin(s, ctx, site, task)) == -EAGAIN) {
		if (drain_would_deadlock(s))
			return -EDEADLK;
		err = resume_wait(s, ctx);
		if (err)
			break;
	}
	return err;
}

int __stopper_task_begin_wait(struct stopper *s, struct stopper_ctx *ctx,
			      const struct stopper_site *site, struct stopper_task *task)
{
	int err;

	plat_might_sleep();
	err = call_err(s && task);
	if (err)
		return err;
	if (__stopper_task_begin_fast(s, site, task))
		return 0;
	err = begin_or_wait(s, ctx, site, task);
	return err ? task_refused(s, STOPPER_KIND_HANDLE, site, err) : 0;
}
EXPORT_SYMBOL_PLAT(__stopper_task_begin_wait);
