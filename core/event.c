// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * event.c - events that fire once; waits for them; callbacks.
 *
 * Theory. ->fired is written once, under the event's lock, with release order, before any
 * waiter is woken (F). A waiter attaches its record under the same lock. So it either sees
 * the event fired or is on the list when the fire empties the list. The fire takes records
 * off the list one by one. There are three kinds:
 *
 *   a parker    Woken under the lock. The lock is a leaf, and the parker's owner takes the
 *               lock before it leaves, so the parker cannot be freed during the wake-up.
 *   a chain     The event of a derived context. It is moved to a list on the firing thread's
 *               stack and fired after this event. Firing is thus a loop: it needs no memory,
 *               and no stack for the depth of the contexts.
 *   a callback  Called without the lock. ->firing names the running one, for detach.
 *
 * Race 1, attach against fire. The lock decides.
 *
 *   waiter                          firer
 *   lock; fired == 0; append        lock; fired = 1 (F); pop; unpark; unlock
 *   unlock; park
 *
 *   In either order the waiter sees the event fired, or the firer finds its record.
 *
 * Race 2, detach against a running callback. The callback may free its own record, so the
 * firer does not touch a record after it has called the function. Detach therefore compares
 * the record's address with the one in ->firing, which is on the firer's stack. If they are
 * equal it parks on the list there, which the firer wakes, under the lock, when the function
 * has returned. On the thread that runs the callback detach does not wait: it would wait for
 * itself.
 *
 * Race 3, the end of the event. event_try_detach() reads the event from the record. It may
 * read it before the fire and take the lock after it. Its callers keep the event's owner
 * alive until then: a context holds its parent and pins its stopper.
 *
 * Race 4, the end of the memory. A thread that sees the event fired may destroy and free it
 * while the firer is still in the fire, as the users of complete() and sem_post() expect.
 * The firer holds the lock from (F) until it leaves, except around callbacks and to let a
 * woken waiter leave. Destroy takes the lock. If ->firing is set then, it parks until the
 * firer has left:
 *
 *   firer                                     thread that has seen (F)
 *   lock; fired = 1 (F); wake parkers         fired? yes
 *   firing = &f; unlock; callback; lock       lock; firing: append to f; unlock; park
 *   firing = NULL; wake those on f; unlock    lock; done? unlock
 *                                             free
 *
 *   It also releases the lock after every WALK_BATCH chains: ->firing is set then, too, and the
 *   list can only become shorter, as nothing is attached to a fired event.
 *   The firer's last access is that unlock. Releasing a lock is the last access to it on
 *   both platforms: a spinlock, an rt_mutex, glibc's mutex. (The wake-up of glibc's mutex may
 *   reach an address that is no longer a mutex; every futex wait survives that.)
 *   A callback may destroy the event that called it. ->destroyed then tells the firer, which
 *   is below the callback on the same stack, to touch nothing more.
 *
 * Race 5, two that end a context, and a reader of its cause (cause.c). The lock decides which
 * of the two fires. That one writes the cause before (F), whole, so no reader sees parts of two.
 *
 *   end with cause A           end with cause B           reader
 *   lock; fired == 0
 *   copy A to ->own; ->cause   lock; fired: nothing       fired? no: there is no cause
 *   fired = 1 (F); unlock      unlock                     fired? yes (F): ->cause is A, whole
 *
 *   A chained event gets ->cause as a pointer. What it points to belongs to an ancestor or to a
 *   stopper, which the context of that event keeps.
 *
 * Ordered accesses
 *   (F) ->fired. The release store in event_set_fired() pairs with the acquire loads in
 *       stopper_event_fired() and stopper_ctx_err(): a thread that sees the event fired sees
 *       all that the firer wrote before the fire.
 *   (D) ->event of a record. The release store of NULL in firing_next() pairs with the acquire
 *       load in event_try_detach(): a thread that sees NULL sees the record off the list.
 *
 * Not promised: that callbacks have run when a thread sees the event fired.
 */
#include "internal.h"
#include "event.h"

/* The event of the background and of a NULL stopper. */
struct stopper_event event_never = {
	.lock = PLAT_LOCK_INIT(event_never.lock),
	.waiters = { &event_never.waiters, &event_never.waiters },
};

/* A fire that may release the lock; on the firing thread's stack. */
struct firing {
	struct stopper_on_fire *of;	/* its callback runs; NULL: none does */
	void (*fn)(struct stopper_on_fire *of, void *arg);
	void *arg;
	int tid;
	bool destroyed;			/* by the callback; the event may be freed */
	struct stopper_list detachers;	/* fire_waiters for the callback's return */
	struct stopper_list destroyers;	/* fire_waiters for the fire's end */
};

/* A thread that waits until a fire, or one of its callbacks, is over. */
struct fire_waiter {
	struct stopper_list node;
	struct plat_parker park;
	bool done;
};

void stopper_event_init(struct stopper_event *ev)
{
	*ev = (struct stopper_event){ .fired = 0 };
	plat_lock_init(&ev->lock);
	slist_init(&ev->waiters);
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

/* Returns when fire_waiters_wake() has run and its caller has released the lock. */
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

/* With the lock held, which is released for a moment if records are left. */
static void firing_pause(struct stopper_event *ev, plat_flags_t *f)
{
	if (slist_empty(&ev->waiters))
		return;
	plat_unlock(&ev->lock, *f);
	plat_lock(&ev->lock, *f);
}

/* With the lock held. Takes records off the list up to a callback, put in @fi; false: none left. */
static bool firing_next(struct stopper_event *ev, struct firing *fi, struct stopper_list *chained,
			plat_flags_t *f)
{
	struct stopper_on_fire *of;
	unsigned int chains = 0;
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
		/* (D) pairs with event_try_detach(): it is off the list; the last access to it */
		plat_store_release(&of->event, NULL);
		if (fi->of)
			return true;
		if (!chain)
			plat_unpark(arg);
		/* The woken thread needs the lock to leave. */
		if (!chain || ++chains % WALK_BATCH == 0)
			firing_pause(ev, f);
	}
	return false;
}

/* What a fire gives to the contexts that it ends. */
struct ending {
	const struct cause *cause;
	struct cause *copy;		/* where to copy it for them; NULL: it stays valid */
};

/* With the lock held, before (F). */
static void event_set_cause(struct stopper_event *ev, struct ending *e)
{
	if (e->copy) {
		*e->copy = *e->cause;
		e->cause = e->copy;
		e->copy = NULL;
	}
	list_item(ev, struct caused_event, ev)->cause = e->cause;
}

/*
 * Fires @ev and moves the records of derived contexts to @chained; false: it had fired before.
 * @ev may be freed when this returns. @e: NULL for one that is no caused_event.
 */
static bool event_set_fired(struct stopper_event *ev, unsigned int code, struct ending *e,
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
	if (e)
		event_set_cause(ev, e);
	plat_happens_before(&ev->fired);
	/* (F) pairs with stopper_event_fired(), stopper_ctx_err(): all before is seen */
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

/* stopper_event_fired(), and race detectors learn of (F). The event is alive. */
bool event_was_fired(struct stopper_event *ev)
{
	bool fired = stopper_event_fired(ev);

	if (fired)
		plat_happens_after(&ev->fired);
	return fired;
}

bool event_fire(struct stopper_event *ev, unsigned int code)
{
	STOPPER_LIST(none);

	return event_set_fired(ev, code, NULL, &none);
}

/*
 * Fires @ce and the events of the contexts below it, with @cause: NULL, or one that lasts as long
 * as they do, or one to copy to @copy, which does.
 */
bool event_fire_because(struct caused_event *ce, unsigned int code, const struct cause *cause,
			struct cause *copy)
{
	STOPPER_LIST(chained);
	struct ending e = { .cause = cause, .copy = cause ? copy : NULL };
	struct stopper_list *n;

	if (!event_set_fired(&ce->ev, code, &e, &chained))
		return false;
	while ((n = slist_pop(&chained))) {
		struct stopper_on_fire *of = list_item(n, struct stopper_on_fire, node);

		event_set_fired(of->chain, code, &e, &chained);
		of->fn(of, of->arg);
	}
	return true;
}

bool stopper_event_fire(struct stopper_event *ev)
{
	return ev && ev != &event_never && !plat_is_copy() && event_fire(ev, 1);
}
EXPORT_SYMBOL_PLAT(stopper_event_fire);

/* Puts @of on the list; false: the event has fired, and @of is on no list. */
bool event_attach(struct stopper_event *ev, struct stopper_on_fire *of)
{
	lock_guard(&ev->lock);

	plat_store(&of->event, ev->fired ? NULL : ev);
	if (ev->fired)
		return false;
	slist_append(&ev->waiters, &of->node);
	return true;
}

/* With the lock held. true: detached, its function was not and will not be called. */
static bool event_unlink(struct stopper_event *ev, struct stopper_on_fire *of)
{
	if (of->event != ev)
		return false;
	slist_remove(&of->node);
	plat_store(&of->event, NULL);
	return true;
}

/* The same. Never waits. */
bool event_try_detach(struct stopper_on_fire *of)
{
	/* (D) pairs with firing_next(): NULL means off the list; race 3 */
	struct stopper_event *ev = plat_load_acquire(&of->event);

	if (!ev)
		return false;
	lock_guard(&ev->lock);
	return event_unlink(ev, of);
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
	/* Before ->firing: a record that its function freed may be attached again. */
	mine = event_unlink(ev, of);
	fi = ev->firing;
	wait = !mine && fi && fi->of == of && fi->tid != plat_tid();
	if (wait)
		fire_waiter_append(&me, &fi->detachers);
	plat_unlock(&ev->lock, f);
	if (wait)
		fire_waiter_wait(ev, &me);
	return mine;
}
EXPORT_SYMBOL_PLAT(stopper_event_detach);

/* Marks a parker's record: firing_next() compares the address and never calls it. */
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
	w->of = (struct stopper_on_fire){ .fn = event_unpark, .arg = p };
	if (!event_attach(ev, &w->of))
		plat_unpark(p);
}

void event_waiter_detach(struct event_waiter *w)
{
	if (w->ev)
		stopper_event_detach(w->ev, &w->of);
}
