// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * follow.c - followers of a leader, and what wakes a leader and its watchers.
 *
 * stop.c says what leaders, followers and watchers are. A follower's record lies on its stack and
 * is on a list of the stopper. The thread that takes it off the list wakes the follower, under
 * s->lock. Callers that wait for the run of a timer (timed.c) or the end of a pause (pause.c) wait
 * in the same way.
 */
#include "internal.h"
#include "ctx.h"
#include "event.h"
#include "follow.h"
#include "upcalls.h"

/* Lists of ready stoppers, of all leaders. */
static stopper_lock_t ready_lock = PLAT_LOCK_INIT(ready_lock);

int stop_wait_err(const struct stop_wait *p)
{
	int err = ctx_wait_err(p->ctx);

	if (p->pausing && phase_of(p->pausing) != STOPPER_RUNNING)
		err = -ESHUTDOWN;
	if (!err && p->until != PLAT_FOREVER && plat_now() >= p->until)
		err = -ETIMEDOUT;
	return err;
}

/* With s->lock held: does a caller with a live context wait for the stop? */
bool stop_is_awaited(struct stopper *s)
{
	return (s->leader && !stop_wait_err(s->leader->wait)) ||
	       (s->watcher && !stop_wait_err(s->watcher->wait));
}

/* With s->lock held: something has changed, so the watcher, if any, is to drive @s on. */
void stopper_wake_watcher(struct stopper *s)
{
	struct leader *w = s->watcher;
	plat_flags_t f;

	if (!w)
		return;
	plat_lock(&ready_lock, f);
	if (slist_empty(&s->ready)) {
		stopper_pin(s);
		slist_append(&w->ready, &s->ready);
	}
	plat_unlock(&ready_lock, f);
	plat_unpark(&w->drain->park);
}

/* With s->lock held. */
void stopper_wake_leader(struct stopper *s)
{
	if (s->leader)
		plat_unpark(&s->leader->drain->park);
	stopper_wake_watcher(s);
}

/* A stopper to drive on, pinned. NULL: there is none. */
struct stopper *leader_pop_ready(struct leader *l)
{
	struct stopper_list *n;

	lock_guard(&ready_lock);
	n = slist_pop(&l->ready);
	return n ? list_item(n, struct stopper, ready) : NULL;
}

/* Is @l the watcher of @s? If another one is, it is woken: @s was on our list meanwhile. */
bool stopper_is_watched_by(struct stopper *s, struct leader *l)
{
	lock_guard(&s->lock);

	if (s->watcher == l)
		return true;
	stopper_wake_watcher(s);
	return false;
}

/* NO_FREEZE: the caller of stop may hold a lock that suspend takes. */
void stop_park_init(struct stopper *s, struct plat_parker *p, bool blocks)
{
	plat_park_init(p);
	plat_park_as(p, (s->flags & STOPPER_NO_FREEZE ? PARK_NO_FREEZE : 0) |
			(blocks ? PARK_BLOCKED : 0));
}

/* With s->lock held. False: the list is empty. */
static bool wake_follower(struct stopper_list *list)
{
	struct stopper_list *n = slist_pop(list);
	struct follower *fo;

	if (!n)
		return false;
	fo = list_item(n, struct follower, node);
	fo->woken = true;
	plat_unpark(&fo->park);
	return true;
}

/* With s->lock held. */
void wake_followers(struct stopper *s)
{
	while (wake_follower(&s->followers))
		;
}

/* The same for a list of any length: the lock is dropped after each of them. */
void followers_wake(struct stopper *s, struct stopper_list *list)
{
	plat_flags_t f;
	bool more;

	do {
		plat_lock(&s->lock, f);
		more = wake_follower(list);
		plat_unlock(&s->lock, f);
	} while (more);
}

/* A quiesce ends a pause: wake @park. */
void event_waiter_attach_quiesce(struct event_waiter *w, const struct stop_wait *p,
				 struct plat_parker *park)
{
	event_waiter_attach(w, p->pausing ? &p->pausing->quiesce_ctx.ev : NULL, park);
}

/* Wait until a leader wakes us or the context ends. @me is on the list of followers. */
int follow_leader(struct stopper *s, struct follower *me, const struct stop_wait *p)
{
	struct event_waiter wctx, wquiesce;
	plat_flags_t f;
	bool woken;
	int err;

	event_waiter_attach_ctx(&wctx, p->ctx, &me->park);
	event_waiter_attach_quiesce(&wquiesce, p, &me->park);
	for (;;) {
		plat_lock(&s->lock, f);
		woken = me->woken;
		err = woken ? 0 : stop_wait_err(p);
		if (err)
			slist_remove(&me->node);
		plat_unlock(&s->lock, f);
		if (woken || err)
			break;
		plat_park(&me->park, p->until);
	}
	event_waiter_detach(&wquiesce);
	event_waiter_detach(&wctx);
	return err;
}

/*
 * Wait while @more returns true. It is called with s->lock held, at first and after each call of
 * wake_followers().
 */
void stopper_follow_while(struct stopper *s, bool (*more)(void *arg), void *arg)
{
	const struct stop_wait for_ever = { .until = PLAT_FOREVER };
	struct follower me;

	for (;;) {
		{
			lock_guard(&s->lock);
			if (!more(arg))
				return;
			me.woken = false;
			stop_park_init(s, &me.park, false);
			slist_append(&s->followers, &me.node);
		}
		follow_leader(s, &me, &for_ever);
	}
}

/* With s->lock held. */
static bool is_led(void *s)
{
	return ((struct stopper *)s)->leader_tid;
}

/*
 * Wait until no thread leads @s: a leader that has fired IsStopped may still run a callback.
 * The caller must not be that thread.
 */
void stopper_wait_unled(struct stopper *s)
{
	stopper_follow_while(s, is_led, s);
}

/* Wait until @s is not paused: at once, if it is not. */
int resume_wait(struct stopper *s, struct stopper_ctx *ctx)
{
	const struct stop_wait p = { .ctx = ctx, .until = PLAT_FOREVER, .pausing = s };
	struct follower me = { .woken = false };
	int err;

	{
		lock_guard(&s->lock);
		if (!s->pause.paused)
			return 0;
		stop_park_init(s, &me.park, p.blocks);
		slist_append(&s->resume_waiters, &me.node);
		s->waiters++;
	}
	err = follow_leader(s, &me, &p);
	lock_guard(&s->lock);
	s->waiters--;
	return err;
}
