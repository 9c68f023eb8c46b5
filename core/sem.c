// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * sem.c - a semaphore: first come, first served, with waits that contexts end.
 *
 * A caller may take several slots at once. The first waiter gets its slots as soon as all of
 * them are free, and nothing overtakes it: a try fails while others wait. So many small requests
 * cannot starve a large one. A waiter leaves the list under the lock, and a thread that wakes it
 * holds the lock. So its record and its parker, which are on its stack, are valid as long as
 * another thread can see them.
 *
 *   waiter, its context ended         releaser
 *   lock                              lock
 *   granted? no: leave the list       pop the waiter; granted = true
 *   unlock; return the error          unlock
 *
 *   If the slot was granted and the context ended too, the slot is handed on and the error
 *   returned.
 *
 * A waiter brings the function that uses the slot (->grant), and the releaser calls it: a
 * chain of tasks does not wait for the wake-up of each waiting thread. Once ->granted the
 * waiter stays until ->done, so its record is valid without the lock.
 *
 *   waiter                            releaser
 *   lock; granted, not done: park     pop the waiter; granted = true; unlock
 *                                     grant(waiter)
 *   lock; done? leave                 lock; done = true; unpark; unlock
 *
 * Every section that may let the first waiter in pops it in the same section: a release, a
 * resize, the exit of a waiter that gives up, and the section that sets ->done, which goes on
 * with the next waiter. So whenever the lock is free, either the slots that are free do not
 * suffice for the first waiter, or a thread is in the middle of a grant and will look again.
 * One waiter is popped at a time: no section grows with the number of waiters.
 *
 *   resize from 1 to 4; 1 is held     release of that slot
 *   lock; capacity = 4; pop the first
 *   waiter, of 3 slots; unlock        lock; length = 4 - 1; the second waiter,
 *   grant(it)                         of 2 slots, has too few; unlock
 *   lock; done; look again; unlock    (the release of the 3 slots lets it in)
 *
 * A capacity that shrinks below the length takes slots back as they are released. A request
 * larger than the capacity waits, and those behind it wait too, until a resize: a capacity may
 * shrink below a request at any time, so a request is never wrong, only early.
 *
 * A waiter spins on ->done for about the cost of a sleep before it registers for a wake-up.
 *
 * The end of the memory. A thread that got a slot, or saw the length decrease, may destroy
 * and free the semaphore while the releaser is still in the release. The releaser's last
 * access is an unlock, of the section that decreases the length or sets ->done without
 * popping another waiter; one that was popped keeps the semaphore until its own ->done. What
 * the other thread saw was written in that section, and destroy takes the lock once:
 *
 *   releaser                          thread that frees
 *   lock; length-- or done; unlock    seen; lock; unlock; free
 *
 * A waiter that sleeps is also on the list of its stopper, under the stopper's lock, where the
 * debug list finds the semaphore. It leaves that list before it returns.
 *
 * Ordered accesses
 *   (W) ->warned: one thread reads 0 and reports. Atomic is enough; the full order is not
 *       needed.
 */
#include "internal.h"
#include "ctx.h"
#include "event.h"
#include "sem.h"
#include "upcalls.h"

int stopper_sem_init(struct stopper_sem *sem, int capacity)
{
	if (!sem || capacity < 0)
		return -EINVAL;
	plat_lock_init(&sem->lock);
	sem->capacity = capacity;
	sem->length = 0;
	sem->nwaiters = 0;
	sem->closed = false;
	sem->name = NULL;
	slist_init(&sem->waiters);
	return 0;
}
EXPORT_SYMBOL_PLAT(stopper_sem_init);

void stopper_sem_set_name(struct stopper_sem *sem, const char *name)
{
	if (sem)
		sem->name = name;
}
EXPORT_SYMBOL_PLAT(stopper_sem_set_name);

void stopper_sem_destroy(struct stopper_sem *sem)
{
	plat_flags_t f;

	if (!sem || plat_is_copy())
		return;
	/* The release that gave the caller its slot, or that it saw, may still hold the lock. */
	plat_lock(&sem->lock, f);
	plat_unlock(&sem->lock, f);
	plat_lock_destroy(&sem->lock);
}
EXPORT_SYMBOL_PLAT(stopper_sem_destroy);

int stopper_sem_capacity(const struct stopper_sem *sem)
{
	return sem ? plat_load(&sem->capacity) : 0;
}
EXPORT_SYMBOL_PLAT(stopper_sem_capacity);

int stopper_sem_length(const struct stopper_sem *sem)
{
	return sem ? plat_load(&sem->length) : 0;
}
EXPORT_SYMBOL_PLAT(stopper_sem_length);

int stopper_sem_waiters(const struct stopper_sem *sem)
{
	return sem ? plat_load(&sem->nwaiters) : 0;
}
EXPORT_SYMBOL_PLAT(stopper_sem_waiters);

/* With the lock held. -EBUSY: too few slots are free, or others wait. */
static int sem_take_slots(struct stopper_sem *sem, int n)
{
	if (sem->closed)
		return -ESHUTDOWN;
	if (n > sem->capacity - sem->length || !slist_empty(&sem->waiters))
		return -EBUSY;
	plat_store(&sem->length, sem->length + n);
	return 0;
}

int stopper_sem_try_acquire_n(struct stopper_sem *sem, int n)
{
	if (!sem || n <= 0)
		return -EINVAL;
	if (plat_is_copy())
		return -EOPNOTSUPP;
	lock_guard(&sem->lock);
	return sem_take_slots(sem, n);
}
EXPORT_SYMBOL_PLAT(stopper_sem_try_acquire_n);

int stopper_sem_try_acquire(struct stopper_sem *sem)
{
	return stopper_sem_try_acquire_n(sem, 1);
}
EXPORT_SYMBOL_PLAT(stopper_sem_try_acquire);

/* The error that ends a wait; 0: it goes on. */
static int sem_wait_error(struct stopper_sem *sem, struct stopper_ctx *ctx,
			  struct stopper_event *quit)
{
	if (sem->closed || stopper_event_fired(quit))
		return -ESHUTDOWN;
	return ctx_wait_err(ctx);
}

/* With the lock held. */
static void sem_line_leave(struct stopper_sem *sem, struct sem_waiter *w)
{
	slist_remove(&w->node);
	plat_store(&sem->nwaiters, sem->nwaiters - 1);
}

/*
 * With the lock held: @freed slots are released. Returns the first waiter, popped, with its slots
 * taken, if they are free; or NULL. The caller passes it to sem_run_grants().
 */
static struct sem_waiter *sem_let_in(struct stopper_sem *sem, int freed)
{
	int length = sem->length - freed;
	struct sem_waiter *w = NULL;

	if (!sem->closed && !slist_empty(&sem->waiters)) {
		w = list_item(sem->waiters.next, struct sem_waiter, node);
		if (w->n > sem->capacity - length)
			w = NULL;
	}
	if (w) {
		sem_line_leave(sem, w);
		w->granted = true;
		length += w->n;
	}
	plat_store(&sem->length, length);
	return w;
}

/* Calls ->grant of @w and of the waiters that can then be let in. */
static void sem_run_grants(struct stopper_sem *sem, struct sem_waiter *w)
{
	struct sem_waiter *done;
	int err;

	while (w) {
		done = w;
		err = done->grant(done, false);
		lock_guard(&sem->lock);
		w = sem_let_in(sem, err ? done->n : 0);
		done->err = err;
		plat_store(&done->done, true);
		plat_unpark(&done->park);
	}
}

/* @me is on the list, or granted. Returns when it is done or its wait has ended. */
static int sem_wait_done(struct stopper_sem *sem, struct sem_waiter *me, struct stopper_ctx *ctx,
			 struct stopper_event *quit)
{
	struct sem_waiter *next = NULL;
	plat_flags_t f;
	int err;

	for (;;) {
		plat_lock(&sem->lock, f);
		err = me->granted ? 0 : sem_wait_error(sem, ctx, quit);
		if (me->done || err)
			break;
		plat_unlock(&sem->lock, f);
		plat_park(&me->park, PLAT_FOREVER);
	}
	if (!me->done) {
		sem_line_leave(sem, me);
		next = sem_let_in(sem, 0);
	} else {
		err = me->err;
	}
	plat_unlock(&sem->lock, f);
	sem_run_grants(sem, next);
	return err;
}

/* Shows the waiter in the debug list of its stopper, if it has one, or ends that. */
static void sem_show_waiter(struct sem_waiter *me, bool show)
{
	struct stopper *s = me->s;

	if (!s)
		return;
	lock_guard(&s->lock);
	if (show)
		slist_append(&s->waiting, &me->of_stopper);
	else
		slist_remove(&me->of_stopper);
	s->waiters += show ? 1 : -1;
}

static int sem_sleep_in_line(struct stopper_sem *sem, struct sem_waiter *me,
			     struct stopper_ctx *ctx, struct stopper_event *quit)
{
	struct event_waiter wctx, wquit;
	int err;

	event_waiter_attach_ctx(&wctx, ctx, &me->park);
	event_waiter_attach(&wquit, quit, &me->park);
	err = sem_wait_done(sem, me, ctx, quit);
	event_waiter_detach(&wquit);
	event_waiter_detach(&wctx);
	return err;
}

static int sem_wait_in_line(struct stopper_sem *sem, struct sem_waiter *me,
			    struct stopper_ctx *ctx, struct stopper_event *quit)
{
	unsigned int i, spins = plat_spins();
	int err;

	for (i = 0; i < spins && !plat_load(&me->done); i++)
		plat_relax();
	if (plat_load(&me->done))
		return sem_wait_done(sem, me, NULL, NULL);
	me->sem = sem;
	me->tid = plat_tid();
	me->since = plat_now();
	sem_show_waiter(me, true);
	err = sem_sleep_in_line(sem, me, ctx, quit);
	sem_show_waiter(me, false);
	return err;
}

/*
 * stopper_sem_acquire() that also returns -ESHUTDOWN once @quit, if not NULL, has fired.
 * @me->grant uses the @me->n slots. If it returns an error, they are released and the error
 * returned.
 */
int sem_acquire(struct stopper_sem *sem, struct stopper_ctx *ctx, struct stopper_event *quit,
		struct sem_waiter *me)
{
	plat_flags_t f;
	int err;

	plat_might_sleep();
	plat_lock(&sem->lock, f);
	err = sem_wait_error(sem, ctx, quit);
	if (!err)
		err = sem_take_slots(sem, me->n);
	if (err == -EBUSY) {
		plat_park_init(&me->park);
		slist_append(&sem->waiters, &me->node);
		plat_store(&sem->nwaiters, sem->nwaiters + 1);
	}
	plat_unlock(&sem->lock, f);
	if (err == -EBUSY)
		return sem_wait_in_line(sem, me, ctx, quit);
	if (err)
		return err;
	err = me->grant(me, true);
	if (err)
		stopper_sem_release_n(sem, me->n);
	return err;
}

/* A caller whose context has ended gets no slot, whether it waited or not. */
static int sem_grant_plain(struct sem_waiter *me, bool mine)
{
	(void)mine;
	return stopper_ctx_err(me->arg);
}

int stopper_sem_acquire_n(struct stopper_sem *sem, int n, struct stopper_ctx *ctx)
{
	struct sem_waiter me = { .grant = sem_grant_plain, .arg = ctx, .n = n };

	if (plat_is_copy())
		return -EOPNOTSUPP;
	return sem && n > 0 ? sem_acquire(sem, ctx, NULL, &me) : -EINVAL;
}
EXPORT_SYMBOL_PLAT(stopper_sem_acquire_n);

int stopper_sem_acquire(struct stopper_sem *sem, struct stopper_ctx *ctx)
{
	return stopper_sem_acquire_n(sem, 1, ctx);
}
EXPORT_SYMBOL_PLAT(stopper_sem_acquire);

void stopper_sem_release_n(struct stopper_sem *sem, int n)
{
	static unsigned int warned;
	struct sem_waiter *w = NULL;
	plat_flags_t f;
	bool extra;

	if (!sem || plat_is_copy())
		return;
	plat_lock(&sem->lock, f);
	extra = n <= 0 || n > sem->length;
	if (!extra)
		w = sem_let_in(sem, n);
	plat_unlock(&sem->lock, f);
	/* (W) pairs with itself: reported once */
	if (extra && !plat_fetch_add_full(&warned, 1))
		stopper_log(NULL, STOPPER_LOG_ERR, "unbalanced stopper_sem_release()");
	sem_run_grants(sem, w);
}
EXPORT_SYMBOL_PLAT(stopper_sem_release_n);

void stopper_sem_release(struct stopper_sem *sem)
{
	stopper_sem_release_n(sem, 1);
}
EXPORT_SYMBOL_PLAT(stopper_sem_release);

int stopper_sem_resize(struct stopper_sem *sem, int capacity)
{
	struct sem_waiter *w;
	plat_flags_t f;

	if (!sem || capacity < 0)
		return -EINVAL;
	if (plat_is_copy())
		return -EOPNOTSUPP;
	plat_lock(&sem->lock, f);
	plat_store(&sem->capacity, capacity);
	w = sem_let_in(sem, 0);
	plat_unlock(&sem->lock, f);
	sem_run_grants(sem, w);
	return 0;
}
EXPORT_SYMBOL_PLAT(stopper_sem_resize);

void stopper_sem_close(struct stopper_sem *sem)
{
	struct stopper_list *n;

	if (!sem || plat_is_copy())
		return;
	lock_guard(&sem->lock);
	sem->closed = true;
	list_walk(n, &sem->waiters)
		plat_unpark(&list_item(n, struct sem_waiter, node)->park);
}
EXPORT_SYMBOL_PLAT(stopper_sem_close);
