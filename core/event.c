// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * event.c - events: fired once, for ever; waiting on them; callbacks.
 *
 * Theory. ->fired is written once, under the lock, with release, before any
 * waiter is told (F). A waiter attaches its record under the same lock, so it
 * either finds the event fired or is on the list when the fire takes the list
 * down. The list is taken down record by record:
 *
 *   a parker   woken with the lock held: it is a leaf, and its owner, who must
 *              take the lock to leave, cannot be gone before;
 *   a chain    the event of a derived context: put on the firing thread's own
 *              list and fired after this one. Firing is thus a loop, however
 *              deep contexts are derived, and needs no memory;
 *   a callback called without the lock. ->running says which one, for detach.
 *
 * Race 1, attach against fire: the lock.
 *
 *   waiter                          firer
 *   lock; fired == 0; append        lock; fired = 1 (F); unlock
 *   unlock; park                    lock; pop; unpark; unlock
 *
 *   Either order: the waiter sees fired, or the firer finds the record.
 *
 * Race 2, detach against a running callback. A record that has been popped is
 * not touched again once its function has been entered: it may be freed by it.
 * detach therefore compares its address with that in ->running, a record on the
 * firer's stack, and if they are the same parks on that record's list, which the
 * firer wakes after the function returned, under the lock.
 * On the thread that runs the function it does not wait: it would wait for itself.
 *
 * Race 3, the event's end. event_try_detach() learns the event from the record;
 * it may read it before the fire and lock it after. Whoever uses it keeps the
 * event's owner alive until then (contexts pin parents and stoppers).
 *
 * Ordered accesses
 *   (F) fired: release store in mark() pairs with the acquire loads in
 *       stopper_event_fired(), stopper_ctx_err() and here.
 *   (D) of->event = NULL: release store in take_down() pairs with the acquire
 *       load in event_try_detach(): who sees NULL sees the record off the list.
 *
 * Not promised: that callbacks have run when somebody sees the event fired.
 */
#include "internal.h"

/* The event of the background and of a NULL stopper. */
struct stopper_event event_never = {
	.lock = PLAT_LOCK_INIT(event_never.lock),
	.waiters = { &event_never.waiters, &event_never.waiters },
};

/* A callback that runs. */
struct running {
	struct stopper_on_fire *of;
	int tid;
	struct stopper_list detachers;	/* who waits for it to end */
};

struct detacher {
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
	ev->running = NULL;
}
EXPORT_SYMBOL_PLAT(stopper_event_init);

void stopper_event_destroy(struct stopper_event *ev)
{
	if (!ev)
		return;
	plat_event_closed(ev);
	plat_lock_destroy(&ev->lock);
}
EXPORT_SYMBOL_PLAT(stopper_event_destroy);

static bool mark(struct stopper_event *ev, unsigned int code)
{
	plat_flags_t f;
	bool first;

	plat_lock(&ev->lock, f);
	first = !ev->fired;
	if (first) {
		/* (F) pairs with stopper_event_fired() and stopper_ctx_err() */
		plat_store_release(&ev->fired, code);
		plat_event_fired(ev);
	}
	plat_unlock(&ev->lock, f);
	return first;
}

static void wake_detachers(struct running *r)
{
	struct stopper_list *n;

	while ((n = slist_pop(&r->detachers))) {
		struct detacher *d = list_item(n, struct detacher, node);

		d->done = true;
		plat_unpark(&d->park);
	}
}

/* Empties the list of an event that has just been marked. */
static void take_down(struct stopper_event *ev, struct stopper_list *chained)
{
	struct running r = { .tid = plat_tid() };
	void (*fn)(struct stopper_on_fire *of, void *arg);
	struct stopper_on_fire *of;
	struct stopper_list *n;
	plat_flags_t f;
	void *arg;

	slist_init(&r.detachers);
	plat_lock(&ev->lock, f);
	while ((n = slist_pop(&ev->waiters))) {
		of = list_item(n, struct stopper_on_fire, node);
		fn = of->fn;
		arg = of->arg;
		r.of = of;
		if (of->chain)
			slist_append(chained, &of->node);
		else if (fn != event_unpark)
			ev->running = &r;
		/* (D) pairs with event_try_detach(); the record's last write */
		plat_store_release(&of->event, NULL);
		if (of->chain)
			continue;
		if (fn == event_unpark) {
			plat_unpark(arg);
			/* Let the woken, who need the lock to leave, have it. */
			plat_unlock(&ev->lock, f);
			plat_lock(&ev->lock, f);
			continue;
		}
		plat_unlock(&ev->lock, f);
		fn(of, arg);
		plat_lock(&ev->lock, f);
		ev->running = NULL;
		wake_detachers(&r);
	}
	plat_unlock(&ev->lock, f);
}

bool event_fire(struct stopper_event *ev, unsigned int code)
{
	STOPPER_LIST(chained);
	struct stopper_list *n;

	if (!mark(ev, code))
		return false;
	take_down(ev, &chained);
	while ((n = slist_pop(&chained))) {
		struct stopper_on_fire *of = list_item(n, struct stopper_on_fire, node);

		if (mark(of->chain, code))
			take_down(of->chain, &chained);
		of->fn(of, of->arg);
	}
	return true;
}

bool stopper_event_fire(struct stopper_event *ev)
{
	return ev && ev != &event_never && event_fire(ev, 1);
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
	/* (D) pairs with take_down(); race 3 */
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
	struct detacher d = { .done = false };
	struct running *r;
	plat_flags_t f;
	bool wait, mine;

	if (!ev || !of)
		return false;
	plat_lock(&ev->lock, f);
	/* Before running: a record freed by its function may be attached anew. */
	mine = of->event == ev;
	r = ev->running;
	wait = !mine && r && r->of == of && r->tid != plat_tid();
	if (mine) {
		slist_remove(&of->node);
		plat_store(&of->event, NULL);
	} else if (wait) {
		plat_park_init(&d.park);
		slist_append(&r->detachers, &d.node);
	}
	plat_unlock(&ev->lock, f);
	while (wait) {
		plat_park(&d.park, PLAT_FOREVER);
		plat_lock(&ev->lock, f);
		wait = !d.done;
		plat_unlock(&ev->lock, f);
	}
	return mine;
}
EXPORT_SYMBOL_PLAT(stopper_event_detach);

/* Never called: take_down() knows it by its address. */
void event_unpark(struct stopper_on_fire *of, void *parker)
{
	(void)of;
	plat_unpark(parker);
}

void wake_on(struct wake_on *w, struct stopper_event *ev, struct plat_parker *p)
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

void wake_off(struct wake_on *w)
{
	if (w->ev)
		stopper_event_detach(w->ev, &w->of);
}

#define WAIT_STACK	8

static int first_fired(struct stopper_event *const *evs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (stopper_event_fired(evs[i]))
			return (int)i;
	return -1;
}

static int wait_attached(struct stopper_event *const *evs, unsigned int n,
			 struct stopper_ctx *ctx, struct wake_on *w)
{
	struct plat_parker park;
	struct wake_on wctx;
	unsigned int i;
	int hit, err;

	plat_park_init(&park);
	wake_on(&wctx, ctx ? stopper_ctx_done(ctx) : NULL, &park);
	for (i = 0; i < n; i++)
		wake_on(&w[i], evs[i], &park);
	for (;;) {
		hit = first_fired(evs, n);
		err = stopper_ctx_err(ctx);
		if (hit >= 0 || err)
			break;
		plat_park(&park, PLAT_FOREVER);
	}
	for (i = 0; i < n; i++)
		wake_off(&w[i]);
	wake_off(&wctx);
	return hit >= 0 ? hit : err;
}

int stopper_wait_any(struct stopper_event *const *evs, unsigned int n, struct stopper_ctx *ctx)
{
	struct wake_on stack[WAIT_STACK], *w = stack;
	int ret;

	plat_might_sleep();
	if (!evs || !n || n > INT_MAX / sizeof(*w))
		return -EINVAL;
	ret = first_fired(evs, n);
	if (ret >= 0)
		return ret;
	if (n > WAIT_STACK) {
		w = plat_alloc(n * sizeof(*w));
		if (!w)
			return -ENOMEM;
	}
	ret = wait_attached(evs, n, ctx, w);
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
