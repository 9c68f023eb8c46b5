// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * event.c - events: fired once, for ever; waiting on them; callbacks.
 *
 * Theory. ->fired is written once, under the lock, with release, before any
 * waiter is woken (F). A waiter attaches its record under the same lock, so it
 * either finds the event fired or is on the list when the fire empties the list.
 * The list is emptied record by record:
 *
 *   a parker   woken with the lock held: it is a leaf, and its owner, who must
 *              take the lock to leave, cannot be gone before;
 *   a chain    the event of a derived context: put on the firing thread's own
 *              list and fired after this one. Firing is thus a loop, however
 *              deep contexts are derived, and needs no memory;
 *   a callback called without the lock. ->firing says which one, for detach.
 *
 * Race 1, attach against fire: the lock.
 *
 *   waiter                          firer
 *   lock; fired == 0; append        lock; fired = 1 (F); pop; unpark; unlock
 *   unlock; park
 *
 *   Either order: the waiter sees fired, or the firer finds the record.
 *
 * Race 2, detach against a running callback. A record that has been popped is
 * not touched again once its function has been entered: it may be freed by it.
 * detach therefore compares its address with that in ->firing, a record on the
 * firer's stack, and if they are the same parks on that record's list, which the
 * firer wakes after the function returned, under the lock.
 * On the thread that runs the function it does not wait: it would wait for itself.
 *
 * Race 3, the event's end. event_try_detach() learns the event from the record;
 * it may read it before the fire and lock it after. Whoever uses it keeps the
 * event's owner alive until then (contexts pin parents and stoppers).
 *
 * Race 4, the memory's end. A thread that sees the event fired may destroy and free
 * it while the firer is still inside, as users of complete() and sem_post() expect.
 * destroy takes the lock, which the firer holds from (F) until it leaves, but for
 * callbacks and for other waiters; then ->firing is set, and destroy parks until
 * the firer has left:
 *
 *   firer                                     thread that has seen (F)
 *   lock; fired = 1 (F); wake parkers         fired? yes
 *   firing = &f; unlock; callback; lock       lock; firing: append to f; unlock; park
 *   firing = NULL; wake those on f; unlock    lock; done? unlock
 *                                             free
 *
 *   The firer's last access is that unlock. Releasing a lock is the last access to it
 *   on both platforms (a spinlock; an rt_mutex; glibc's mutex, whose wake-up may
 *   reach an address that is no longer a mutex, which every futex wait survives).
 *   A callback may destroy the event that called it: ->destroyed tells its firer,
 *   which is below it on the same stack, to touch nothing more.
 *
 * Ordered accesses
 *   (F) fired: the release store in event_set_fired() pairs with the acquire loads in
 *       stopper_event_fired(), stopper_ctx_err() and here: who sees the event fired
 *       sees what was written before the fire.
 *   (D) of->event = NULL: the release store in firing_next() pairs with the acquire load
 *       in event_try_detach(): who sees NULL sees the record off the list.
 *
 * Not promised: that callbacks have run when somebody sees the event fired.
 */
#include "internal.h"

/* The event of the background and of a NULL stopper. */
struct stopper_event event_never = {
	.lock = PLAT_LOCK_INIT(event_never.lock),
	.waiters = { &event_never.waiters, &event_never.waiters },
};

/* A fire that has let go of the lock, on its thread's stack. */
struct firing {
	struct stopper_on_fire *of;	/* whose callback runs; NULL: none */
	void (*fn)(struct stopper_on_fire *of, void *arg);
	void *arg;
	int tid;
	bool destroyed;			/* by the callback: the event may be gone */
	struct stopper_list detachers;	/* wait for the callback to return */
	struct stopper_list destroyers;	/* wait for the fire to end */
};

struct fire_waiter {
	struct stopper_list node;
	struct plat_parker park;
	bool done;
};

void stopper_event_init(struct stopper_event *ev)
{
	ev->fired = 0;
	ev->fd = 0;
	plat_lock_init(&ev->lock);
	slist_init(&ev->waiters);
	ev->firing = NULL;
}
EXPORT_SYMBOL_PLAT(stopper_event_init);

/* With the lock held. */
static void fire_waiter_append(struct fire_waiter *l, struct stopper_list *list)
{
	l->done = false;
	plat_park_init(&l->park);
	slist_append(list, &l->node);
}

/* With the lock held. */
static void fire_waiters_wake(struct stopper_list *list)
{
	struct stopper_list *n;

	while ((n = slist_pop(list))) {
		struct fire_waiter *l = list_item(n, struct fire_waiter, node);

		l->done = true;
		plat_unpark(&l->park);
	}
}

/* Parks until woken by fire_waiters_wake(), whose thread has let go of the lock then. */
static void fire_waiter_wait(struct stopper_event *ev, struct fire_waiter *l)
{
	plat_flags_t f;
	bool done;

	do {
		plat_park(&l->park, PLAT_FOREVER);
		plat_lock(&ev->lock, f);
		done = l->done;
		plat_unlock(&ev->lock, f);
	} while (!done);
}

void stopper_event_destroy(struct stopper_event *ev)
{
	struct firing *fi;
	struct fire_waiter me;
	plat_flags_t f;
	bool wait;

	if (!ev || plat_is_copy())
		return;
	plat_lock(&ev->lock, f);
	fi = ev->firing;
	wait = fi && fi->tid != plat_tid();
	if (wait)
		fire_waiter_append(&me, &fi->destroyers);
	else if (fi)
		fi->destroyed = true;
	plat_unlock(&ev->lock, f);
	if (wait)
		fire_waiter_wait(ev, &me);
	plat_event_closed(ev);
	plat_lock_destroy(&ev->lock);
}
EXPORT_SYMBOL_PLAT(stopper_event_destroy);

/* With the lock held. A woken thread needs the lock to leave: the others wait for it. */
static void firing_unpark(struct stopper_event *ev, struct plat_parker *p, plat_flags_t *f)
{
	plat_unpark(p);
	if (slist_empty(&ev->waiters))
		return;
	plat_unlock(&ev->lock, *f);
	plat_lock(&ev->lock, *f);
}

/* With the lock held: empties the list up to a callback, which is then in @fi. false: none. */
static bool firing_next(struct stopper_event *ev, struct firing *fi, struct stopper_list *chained,
			plat_flags_t *f)
{
	struct stopper_on_fire *of;
	struct stopper_list *n;
	bool chain;
	void *arg;

	while ((n = slist_pop(&ev->waiters))) {
		of = list_item(n, struct stopper_on_fire, node);
		arg = of->arg;
		chain = of->chain;
		if (chain)
			slist_append(chained, &of->node);
		else if (of->fn != event_unpark)
			fi->of = of;
		fi->fn = of->fn;
		fi->arg = arg;
		/* (D) pairs with event_try_detach(); the record's last write */
		plat_store_release(&of->event, NULL);
		if (fi->of)
			return true;
		if (!chain)
			firing_unpark(ev, arg, f);
	}
	return false;
}

/* Fires @ev, which may be gone when this returns; contexts go to @chained. false: it had fired. */
static bool event_set_fired(struct stopper_event *ev, unsigned int code,
			    struct stopper_list *chained)
{
	struct firing fi = { .tid = plat_tid() };
	plat_flags_t f;

	slist_init(&fi.detachers);
	slist_init(&fi.destroyers);
	plat_lock(&ev->lock, f);
	if (ev->fired) {
		plat_unlock(&ev->lock, f);
		return false;
	}
	plat_happens_before(&ev->fired);
	/* (F) pairs with stopper_event_fired() and stopper_ctx_err() */
	plat_store_release(&ev->fired, code);
	plat_event_fired(ev);
	ev->firing = &fi;
	while (firing_next(ev, &fi, chained, &f)) {
		plat_unlock(&ev->lock, f);
		fi.fn(fi.of, fi.arg);
		if (fi.destroyed)
			return true;
		plat_lock(&ev->lock, f);
		fi.of = NULL;
		fire_waiters_wake(&fi.detachers);
	}
	ev->firing = NULL;
	fire_waiters_wake(&fi.destroyers);
	plat_unlock(&ev->lock, f);
	return true;
}

/* For one of the caller's, which learns of it by this. */
bool event_was_fired(struct stopper_event *ev)
{
	bool fired = stopper_event_fired(ev);

	if (fired)
		plat_happens_after(&ev->fired);
	return fired;
}

bool event_fire(struct stopper_event *ev, unsigned int code)
{
	STOPPER_LIST(chained);
	struct stopper_list *n;

	if (!event_set_fired(ev, code, &chained))
		return false;
	while ((n = slist_pop(&chained))) {
		struct stopper_on_fire *of = list_item(n, struct stopper_on_fire, node);

		event_set_fired(of->chain, code, &chained);
		of->fn(of, of->arg);
	}
	return true;
}

bool stopper_event_fire(struct stopper_event *ev)
{
	return ev && ev != &event_never && !plat_is_copy() && event_fire(ev, 1);
}
EXPORT_SYMBOL_PLAT(stopper_event_fire);

/* false: it has fired, and @of is on no list. */
bool event_attach(struct stopper_event *ev, struct stopper_on_fire *of)
{
	plat_flags_t f;
	bool fired;

	plat_lock(&ev->lock, f);
	fired = ev->fired;
	plat_store(&of->event, fired ? NULL : ev);
	if (!fired)
		slist_append(&ev->waiters, &of->node);
	plat_unlock(&ev->lock, f);
	return !fired;
}

/* true: its function has not been and will not be called. Never waits. */
bool event_try_detach(struct stopper_on_fire *of)
{
	/* (D) pairs with firing_next(); race 3 */
	struct stopper_event *ev = plat_load_acquire(&of->event);
	plat_flags_t f;
	bool mine;

	if (!ev)
		return false;
	plat_lock(&ev->lock, f);
	mine = of->event == ev;
	if (mine) {
		slist_remove(&of->node);
		plat_store(&of->event, NULL);
	}
	plat_unlock(&ev->lock, f);
	return mine;
}

int stopper_event_on_fire(struct stopper_event *ev, struct stopper_on_fire *of,
			  void (*fn)(struct stopper_on_fire *of, void *arg), void *arg)
{
	if (!ev || !of || !fn)
		return -EINVAL;
	if (plat_is_copy())
		return -EOPNOTSUPP;
	of->fn = fn;
	of->arg = arg;
	of->chain = NULL;
	if (!event_attach(ev, of))
		fn(of, arg);
	return 0;
}
EXPORT_SYMBOL_PLAT(stopper_event_on_fire);

bool stopper_event_detach(struct stopper_event *ev, struct stopper_on_fire *of)
{
	struct firing *fi;
	struct fire_waiter me;
	plat_flags_t f;
	bool wait, mine;

	if (!ev || !of || plat_is_copy())
		return false;
	plat_lock(&ev->lock, f);
	/* Before ->firing: a record freed by its function may be attached anew. */
	mine = of->event == ev;
	fi = ev->firing;
	wait = !mine && fi && fi->of == of && fi->tid != plat_tid();
	if (mine) {
		slist_remove(&of->node);
		plat_store(&of->event, NULL);
	} else if (wait) {
		fire_waiter_append(&me, &fi->detachers);
	}
	plat_unlock(&ev->lock, f);
	if (wait)
		fire_waiter_wait(ev, &me);
	return mine;
}
EXPORT_SYMBOL_PLAT(stopper_event_detach);

/* Never called: firing_next() knows it by its address. */
void event_unpark(struct stopper_on_fire *of, void *parker)
{
	(void)of;
	plat_unpark(parker);
}

void event_waiter_attach(struct event_waiter *w, struct stopper_event *ev, struct plat_parker *p)
{
	w->ev = ev;
	if (!ev)
		return;
	w->of.fn = event_unpark;
	w->of.arg = p;
	w->of.chain = NULL;
	if (!event_attach(ev, &w->of))
		plat_unpark(p);
}

void event_waiter_detach(struct event_waiter *w)
{
	if (w->ev)
		stopper_event_detach(w->ev, &w->of);
}

#define WAIT_STACK	8

static int events_find_fired(struct stopper_event *const *evs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (event_was_fired(evs[i]))
			return (int)i;
	return -1;
}

static int events_wait(struct stopper_event *const *evs, unsigned int n,
		       struct stopper_ctx *ctx, struct event_waiter *w)
{
	struct plat_parker park;
	struct event_waiter wctx;
	unsigned int i;
	int hit, err;

	plat_park_init(&park);
	event_waiter_attach_ctx(&wctx, ctx, &park);
	for (i = 0; i < n; i++)
		event_waiter_attach(&w[i], evs[i], &park);
	for (;;) {
		hit = events_find_fired(evs, n);
		err = ctx_wait_err(ctx);
		if (hit >= 0 || err)
			break;
		plat_park(&park, PLAT_FOREVER);
	}
	for (i = 0; i < n; i++)
		event_waiter_detach(&w[i]);
	event_waiter_detach(&wctx);
	return hit >= 0 ? hit : err;
}

int stopper_wait_any(struct stopper_event *const *evs, unsigned int n, struct stopper_ctx *ctx)
{
	struct event_waiter stack[WAIT_STACK], *w = stack;
	int ret;

	plat_might_sleep();
	if (!evs || !n || n > INT_MAX / sizeof(*w))
		return -EINVAL;
	ret = events_find_fired(evs, n);
	if (ret >= 0)
		return ret;
	if (plat_is_copy())
		return -EOPNOTSUPP;
	if (n == 1 && !ctx)
		plat_lockdep_wait_event(evs[0]);
	if (n > WAIT_STACK) {
		w = plat_alloc(n * sizeof(*w));
		if (!w)
			return -ENOMEM;
	}
	ret = events_wait(evs, n, ctx, w);
	if (w != stack)
		plat_free(w);
	return ret;
}
EXPORT_SYMBOL_PLAT(stopper_wait_any);

int stopper_wait(struct stopper_event *ev, struct stopper_ctx *ctx)
{
	return stopper_wait_any(&ev, 1, ctx);
}
EXPORT_SYMBOL_PLAT(stopper_wait);
