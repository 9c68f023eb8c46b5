// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * stop.c - drive a stopper from RUNNING to STOPPED.
 *
 * At any moment at most one caller does the work: the leader. The other callers
 * follow: they wait until the leader reaches their goal or gives up, or until their
 * context ends. A follower that is woken starts again from the top, so leadership
 * passes on without a hand-over. A stop that has no caller left makes no progress.
 *
 *   step                       ends when                     phase after
 *   quiesce_begin()            events fired                  QUIESCING
 *   timers_drop()              no timer is pending
 *   tasks_drain()              no task is left
 *   children quiesced          -> Quiesce returns 0
 *   stop_children()           all have stopped
 *   stop_fire_events()         events fired                  STOPPING
 *   workers                    none is left
 *   closers                    none is left                  CLOSING
 *   lead_stop()                -> Stop returns 0             STOPPED
 *
 * Each step may find that an earlier leader did it, wholly or in part. Only quiesce_begin()
 * (quiesce.c) may run outside the leader: every caller runs it before it waits (stop_calls.c). The
 * leader waits for the thread that fires the events (->firing_quiesce). follow.c has the code of
 * followers, and that which wakes a leader.
 *
 * The drain of a whole tree takes one more barrier: the leader sets its watch on all
 * slots that name a stopper of the tree before it waits for the first one
 * (tasks_watch()). It waits for the tasks of the children one after the other, with the
 * same parker. If another thread leads a child meanwhile, that thread's watch replaces
 * ours, and we follow it.
 *
 * Then the children stop side by side, driven by one thread. The leader is the ->watcher of
 * the stoppers below it. It takes one from its list of ready ones, leads it as far as it goes
 * without waiting (-EAGAIN), and parks when none is ready. Whatever would wake the leader of
 * a stopper (a worker or closer that ends, a leader that gives up, the last child that has
 * stopped) also makes it ready for its watcher, under its lock:
 *
 *   leader of the tree                      a worker of a child
 *   child: lock; watcher = me; ready
 *   take it; lead it; lock; a worker is     lock; nworkers--
 *   left: unlock; lead it no more           watcher: ready, unpark; unlock
 *   none is ready: park
 *
 *   The watcher is set before the first check, and each check and change is under the lock,
 *   so the leader sees the change or finds the child ready. A child becomes ready once, not
 *   once for each change, so a pass over ten thousand children is made once.
 *
 * A thread that leads a child itself becomes the watcher of those below. It gives them up
 * when it gives up, which makes the child ready for the leader above. That leader then leads
 * the child and watches those below again. A child that is on the list of a former watcher is
 * passed on to the present one (stopper_is_watched_by()). A watcher leaves when it has no child
 * left, or has taken itself off all stoppers below; a stopper drops its watcher before its
 * parent counts it no more. Both are under the stopper's lock, so a wake-up finds a watcher
 * that exists:
 *
 *   last child                              leader
 *   lock; watcher = NULL; unlock
 *   parent: lock; nchildren = 0             lock; nchildren? unlock
 *   wake; unlock                            none: goes on, returns
 *
 * A child for which an order (order.c) is not fulfilled, ->nafter, is not led.
 *
 * The leader has one parker, for tasks, workers, closers, its context and the stall
 * clock; every wait is "check, park, check again".
 *
 * Ordered accesses: (B1) of task.c, (F) of event.c. All else is under s->lock.
 */
#include "internal.h"
#include "closer.h"
#include "ctx.h"
#include "drain.h"
#include "event.h"
#include "follow.h"
#include "order.h"
#include "quiesce.h"
#include "ref.h"
#include "stall.h"
#include "stop.h"
#include "timed.h"
#include "upcalls.h"
#include "watch.h"
#include "worker.h"

#define REPORT_AGAIN_NS	(10 * NS_PER_MSEC)

/* How long after its beginning or its latest report a stop makes the next report, on @s. */
static int64_t report_gap(const struct leader *l, const struct stopper *s)
{
	static const unsigned char gaps[] = { 1, 2, 7, 20, 60 };
	unsigned int n = l->clock->reports < sizeof(gaps) ? l->clock->reports : sizeof(gaps) - 1;
	int64_t ns = s->stall_ns, max = s->stall_max_ns;

	ns = ns > plat_div(PLAT_FOREVER, gaps[n]) ? PLAT_FOREVER : ns * gaps[n];
	return max && ns > max ? max : ns;
}

static void plan_report(struct leader *l, const struct stopper *s, int64_t now)
{
	if (s->flags & STOPPER_QUIET)
		l->clock->report_at = PLAT_FOREVER;
	else
		l->clock->report_at = ns_after(now, report_gap(l, s));
}

static bool has_children(struct stopper *s)
{
	lock_guard(&s->lock);

	return s->nchildren;
}

/*
 * The child to name in a report, pinned: the first that no order holds up and that may be
 * reported, or has children. NULL: there is none.
 */
static struct stopper *first_stopping_child(struct stopper *s)
{
	for_each_child(w, s) {
		if (!plat_load(&w.s->nafter) &&
		    (!(w.s->flags & STOPPER_QUIET) || has_children(w.s))) {
			stopper_pin(w.s);
			return w.s;
		}
	}
	return NULL;
}

/* Report what holds up the stop: @l->s, or if it waits for its children a leaf below it. */
static void report_leaf(struct leader *l, int64_t now)
{
	struct stopper *leaf = l->s, *child;
	struct stall_clock *c = l->clock;

	stopper_pin(leaf);
	while (l->stops_children && (child = first_stopping_child(leaf))) {
		stopper_unpin(leaf);
		leaf = child;
	}
	if ((leaf->flags & STOPPER_QUIET && !c->quiet_too) ||
	    report_stall(leaf, now - c->since, l->wait->pausing)) {
		c->reports++;
		plan_report(l, leaf, now);
	} else {
		c->report_at = now + REPORT_AGAIN_NS;
	}
	stopper_unpin(leaf);
}

/* Park until something may have changed. Return an error if the context has ended. */
static int leader_park(void *arg)
{
	struct leader *l = arg;
	struct stall_clock *c = l->clock;
	int64_t now, until = l->wait->until;
	int err = stop_wait_err(l->wait);

	if (err || l->wait->watcher)
		return err ? err : -EAGAIN;
	if (!plat_park(&l->drain->park, until < c->report_at ? until : c->report_at)) {
		now = plat_now();
		if (now >= c->report_at)
			report_leaf(l, now);
	}
	return 0;
}

static int leader_wait_until(struct leader *l, bool (*done)(struct stopper *s))
{
	plat_flags_t f;
	bool yes;
	int err;

	for (;;) {
		plat_lock(&l->s->lock, f);
		yes = done(l->s);
		plat_unlock(&l->s->lock, f);
		if (yes)
			return 0;
		err = leader_park(l);
		if (err)
			return err;
	}
}

static int quiesce_children(struct stopper *s, const struct stop_wait *p)
{
	int err;

	for_each_child(w, s) {
		err = stopper_drive_to(w.s, false, p);
		if (err)
			return err;
		plat_resched();
	}
	return 0;
}

/* Have @w woken for the children of @s, each of which is ready at first. */
static void watch_children(struct stopper *s, struct leader *w)
{
	for_each_child(walk, s) {
		lock_guard(&walk.s->lock);
		if (walk.s->parent && walk.s->watcher != w) {
			walk.s->watcher = w;
			stopper_wake_watcher(walk.s);
		}
	}
}

/* After this no stopper below @s wakes @w. */
static void unwatch_tree(struct stopper *s, struct leader *w)
{
	for_each_child(walk, s) {
		{
			lock_guard(&walk.s->lock);
			if (walk.s->watcher == w)
				walk.s->watcher = NULL;
		}
		unwatch_tree(walk.s, w);
	}
}

/* A child may have a shorter time until its report than the stopper that waits for it. */
static void plan_report_of_child(struct leader *l, struct stopper *child)
{
	int64_t now = plat_now();

	if (!l->clock->reports && !(child->flags & STOPPER_QUIET) &&
	    child->stall_ns < l->clock->report_at - now)
		l->clock->report_at = now + child->stall_ns;
}

/* Drive the children on, those that are ready, each as far as it goes. */
static int stop_children(struct leader *l)
{
	struct leader *w = l->wait->watcher ? l->wait->watcher : l;
	struct stopper *s = l->s, *child;
	int err = 0;

	watch_children(s, w);
	if (w != l)
		return has_children(s) ? -EAGAIN : 0;
	l->stops_children = true;
	while (!err && has_children(s)) {
		child = leader_pop_ready(l);
		if (!child) {
			err = leader_park(l);
			continue;
		}
		if (child->flags & STOPPER_NO_FREEZE)
			plat_park_as(&l->drain->park, PARK_NO_FREEZE);
		if (stopper_is_watched_by(child, l) && !plat_load(&child->nafter))
			err = stopper_drive_to(child, true, &l->for_children);
		if (err == -EAGAIN) {
			plan_report_of_child(l, child);
			err = 0;
		}
		stopper_unpin(child);
		plat_resched();
	}
	l->stops_children = false;
	if (err)
		unwatch_tree(s, l);
	while ((child = leader_pop_ready(l))) {
		stopper_is_watched_by(child, l);
		stopper_unpin(child);
	}
	return err;
}

/* With s->lock held. */
static bool quiesce_begun(struct stopper *s)
{
	return !s->unfired && !s->firing_quiesce;
}

/* Set a watch on the tasks of @s and its subtree that are in tables. True: there are some. */
static bool watch_tree(struct stopper *s, struct drain *d)
{
	bool found = tasks_watch(s, d);

	for_each_child(w, s)
		found |= watch_tree(w.s, d);
	return found;
}

/* Admission is closed in the whole tree, and a heavy barrier has passed. */
static int lead_drain(struct leader *l)
{
	int err;

	if (l->drain == &l->own && watch_tree(l->s, l->drain))
		tasks_watch_barrier();
	err = tasks_drain(l->s, l->drain, leader_park, l);
	return err ? err : quiesce_children(l->s, &l->for_children);
}

static int lead_quiesce(struct leader *l)
{
	struct stopper *s = l->s;
	int err;

	quiesce_begin(s);
	err = leader_wait_until(l, quiesce_begun);
	while (!err && timers_drop(s)) {
		plat_resched();
		err = stop_wait_err(l->wait);
	}
	if (!err)
		err = lead_drain(l);
	if (err)
		return err;
	lock_guard(&s->lock);
	s->quiesced = true;
	wake_followers(s);
	return 0;
}

/* With s->lock held. */
static bool no_workers(struct stopper *s)
{
	return !s->nworkers;
}

/* With s->lock held. */
static bool closers_idle(struct stopper *s)
{
	return !s->closers_busy;
}

/* Called by the leader. An earlier leader may have entered the phase. */
static void enter_phase(struct stopper *s, enum stopper_phase phase)
{
	enum stopper_phase from;
	plat_flags_t f;

	plat_lock(&s->lock, f);
	from = phase_of(s);
	if (from < phase)
		phase_set(s, phase);
	plat_unlock(&s->lock, f);
	if (from < phase)
		plat_trace_phase(s, from, phase);
}

/* With s->lock held. */
static bool contexts_ended(struct stopper *s)
{
	return !s->ending;
}

static int stop_fire_events(struct leader *l)
{
	struct stopper *s = l->s;
	int err;

	enter_phase(s, STOPPER_STOPPING);
	/* From here on no thread begins to end contexts early, and all end before ShouldStop. */
	err = leader_wait_until(l, contexts_ended);
	if (err)
		return err;
	event_fire_because(&s->stop_ctx, ECANCELED, &s->cause, NULL);
	event_fire(&s->stop, 1);
	worker_stop_all(s);
	return 0;
}

static int leader_run_closers(struct leader *l)
{
	struct stopper *s = l->s;
	int err;

	enter_phase(s, STOPPER_CLOSING);
	do {
		/* A thread that an earlier leader gave closers to may still run them. */
		err = leader_wait_until(l, closers_idle);
		if (!err)
			err = stop_wait_err(l->wait);
	} while (!err && closers_start(s));
	return err;
}

/* With s->lock held: the last check and the change of phase are one step. */
static bool try_set_stopped(struct stopper *s)
{
	if (s->late_closers)
		return false;
	phase_set(s, STOPPER_STOPPED);
	return true;
}

/* Returns the parent, still pinned, or NULL. */
static struct stopper *detach_from_parent(struct stopper *s)
{
	struct stopper *parent = s->parent;
	plat_flags_t f;

	if (!parent)
		return NULL;
	/* First: a parent's leader may return once it sees no child. No watch is set after this. */
	plat_lock(&s->lock, f);
	s->parent = NULL;
	s->watcher = NULL;
	plat_unlock(&s->lock, f);
	plat_lock(&parent->lock, f);
	slist_remove(&s->sibling.node);
	if (!--parent->nchildren)
		stopper_wake_leader(parent);
	plat_unlock(&parent->lock, f);
	return parent;
}

static int lead_stop(struct leader *l)
{
	struct stopper *s = l->s, *parent;
	int err = stop_children(l);

	if (err)
		return err;
	/* No task is left that it was given to. */
	stopper_ctx_put(s->task_ctx);
	s->task_ctx = NULL;
	err = stop_fire_events(l);
	if (!err)
		err = leader_wait_until(l, no_workers);
	if (!err)
		err = leader_run_closers(l);
	if (!err)
		err = leader_wait_until(l, try_set_stopped);
	if (err)
		return err;
	plat_trace_phase(s, STOPPER_CLOSING, STOPPER_STOPPED);
	plat_control_close(s);
	registry_hide(s);
	parent = detach_from_parent(s);
	if (parent)
		orders_drop_waits(s, parent);
	plat_scan_sync();
	event_fire(&s->stopped, 1);
	if (parent) {
		orders_release(s, parent);
		stopper_unpin(parent);
	}
	registry_remove(s);
	return 0;
}

/* With s->lock held. A stop that the keeper drives in slices began with the first slice. */
static void leader_start(struct leader *l)
{
	struct stopper *s = l->s;

	s->leader = l;
	if (l->wait->clock)
		l->clock = l->wait->clock;
	else if (s->keeper_clock.since && !l->wait->pausing)
		l->clock = &s->keeper_clock;
	else
		l->clock = &l->own_clock;
	if (!l->clock->since)
		l->clock->since = plat_now();
	if (!l->clock->report_at)
		plan_report(l, s, l->clock->since);
}

/*
 * The leader of a parent uses its own parker to wait for its children too, so that it can watch
 * the tasks of all of them before one heavy barrier. While it waits for the tasks of a child with
 * STOPPER_NO_FREEZE below a parent without it, it uses another parker.
 */
static void leader_init(struct leader *l, struct stopper *s, const struct stop_wait *p)
{
	bool no_freeze = s->flags & STOPPER_NO_FREEZE;

	*l = (struct leader){ .s = s, .wait = p, .for_children = *p, .drain = p->drain };
	slist_init(&l->ready);
	if (!p->drain || (no_freeze && !p->no_freeze && !p->watcher)) {
		l->drain = &l->own;
		stop_park_init(s, &l->own.park, p->blocks);
		l->for_children.drain = l->drain;
		l->for_children.no_freeze = no_freeze;
	}
}

static int drive_as_leader(struct stopper *s, bool stop, const struct stop_wait *p)
{
	struct leader l;
	plat_flags_t f;
	int err = 0;

	leader_init(&l, s, p);
	plat_lock(&s->lock, f);
	leader_start(&l);
	plat_unlock(&s->lock, f);
	/* The parker of a parent's drain is woken by the context already. */
	if (l.drain == &l.own) {
		event_waiter_attach_ctx(&l.wctx, p->ctx, &l.own.park);
		event_waiter_attach_quiesce(&l.wquiesce, p, &l.own.park);
	}
	if (!s->quiesced)
		err = p->pausing ? lead_drain(&l) : lead_quiesce(&l);
	l.for_children.watcher = p->watcher ? p->watcher : &l;
	if (!err && stop)
		err = lead_stop(&l);
	if (l.drain == &l.own) {
		event_waiter_detach(&l.wquiesce);
		event_waiter_detach(&l.wctx);
		drain_end(&l.own);
	}
	plat_lock(&s->lock, f);
	s->leader = NULL;
	s->leader_tid = 0;
	wake_followers(s);
	/* It may be refused as long as this thread leads. */
	if (s->watcher != p->watcher)
		stopper_wake_watcher(s);
	plat_unlock(&s->lock, f);
	return err;
}

int stopper_drive_to(struct stopper *s, bool stop, const struct stop_wait *p)
{
	struct follower me;
	bool there, lead_now;
	plat_flags_t f;
	int err = 0;

	plat_lockdep_wait(s, stop);
	while (!err) {
		plat_lock(&s->lock, f);
		there = goal_reached(s, stop);
		err = there ? 0 : stop_wait_err(p);
		lead_now = !there && !err && !s->leader_tid;
		/* Another thread leads it; our watcher is woken when that one is done. */
		if (!there && !err && !lead_now && p->watcher)
			err = -EAGAIN;
		if (lead_now) {
			s->leader_tid = plat_tid();
		} else if (!there && !err) {
			me.woken = false;
			stop_park_init(s, &me.park, p->blocks);
			slist_append(&s->followers, &me.node);
		}
		plat_unlock(&s->lock, f);
		if (there || err)
			break;
		if (lead_now)
			return drive_as_leader(s, stop, p);
		err = follow_leader(s, &me, p);
	}
	return err;
}
