// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * sem.c - a semaphore: first come, first served, with waits that contexts end.
 *
 * A release hands its slot directly to the first waiter (->granted), so no thread can
 * overtake: a free slot and a waiter never exist at the same time. A waiter leaves the list
 * under the lock, and a thread that wakes it holds the lock. So its record and its parker,
 * which are on its stack, are valid as long as another thread can see them.
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
 * A waiter spins on ->done for about the cost of a sleep before it registers for a wake-up.
 *
 * The end of the memory. A thread that got a slot, or saw the length decrease, may destroy
 * and free the semaphore while the releaser is still in the release. The releaser's last
 * access is an unlock, of the section that decreases the length or sets ->done. What the
 * other thread saw was written in that section, and destroy takes the lock once:
 *
 *   releaser                          thread that frees
 *   lock; length-- or done; unlock    seen; lock; unlock; free
 *
 * Ordered accesses
 *   (N) ->waiters is a count for people. The full order of its read-modify-writes is not
 *       needed.
 *   (W) ->warned: one thread reads 0 and reports. Atomic is enough; the full order is not
 *       needed.
 */
#include "internal.h"

int stopper_sem_init(struct stopper_sem *sem, int capacity)
{
	if (!sem || capacity < 0)
		return -EINVAL;
	plat_lock_init(&sem->lock);
	sem->capacity = capacity;
	sem->length = 0;
	sem->closed = false;
	slist_init(&sem->waiters);
	return 0;
}
EXPORT_SYMBOL_PLAT(stopper_sem_init);

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
	return sem ? sem->capacity : 0;
}
EXPORT_SYMBOL_PLAT(stopper_sem_capacity);

int stopper_sem_length(const struct stopper_sem *sem)
{
	return sem ? plat_load(&sem->length) : 0;
}
EXPORT_SYMBOL_PLAT(stopper_sem_length);

/* With the lock held. -EBUSY: no slot is free, or others wait. */
static int sem_take_slot(struct stopper_sem *sem)
{
	if (sem->closed)
		return -ESHUTDOWN;
	if (sem->length >= sem->capacity || !slist_empty(&sem->waiters))
		return -EBUSY;
	plat_store(&sem->length, sem->length + 1);
	return 0;
}

int stopper_sem_try_acquire(struct stopper_sem *sem)
{
	plat_flags_t f;
	int err;

	if (!sem)
		return -EINVAL;
	if (plat_is_copy())
		return -EOPNOTSUPP;
	plat_lock(&sem->lock, f);
	err = sem_take_slot(sem);
	plat_unlock(&sem->lock, f);
	return err;
}
EXPORT_SYMBOL_PLAT(stopper_sem_try_acquire);

/* As stopper_sem_try_acquire(), but refuses a caller whose context has ended. */
int sem_try_acquire(struct stopper_sem *sem, struct stopper_ctx *ctx)
{
	int err = stopper_ctx_err(ctx);

	return err ? err : stopper_sem_try_acquire(sem);
}

/* The error that ends a wait; 0: it goes on. */
static int sem_wait_error(struct stopper_sem *sem, struct stopper_ctx *ctx,
			  struct stopper_event *quit)
{
	if (sem->closed || stopper_event_fired(quit))
		return -ESHUTDOWN;
	return ctx_wait_err(ctx);
}

/* @me is on the list, or granted. Returns when it is done or its wait has ended. */
static int sem_wait_done(struct stopper_sem *sem, struct sem_waiter *me, struct stopper_ctx *ctx,
			 struct stopper_event *quit)
{
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
	if (!me->done)
		slist_remove(&me->node);
	else
		err = me->err;
	plat_unlock(&sem->lock, f);
	return err;
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
	/* (N) a count for people: no order needed */
	if (me->waiters)
		plat_fetch_add_full(me->waiters, 1);
	err = sem_sleep_in_line(sem, me, ctx, quit);
	/* (N) as above */
	if (me->waiters)
		plat_fetch_add_full(me->waiters, -1);
	return err;
}

/*
 * stopper_sem_acquire() that also returns -ESHUTDOWN once @quit, if not NULL, has fired.
 * @me->grant uses the slot. If it returns an error, the slot is released and the error returned.
 */
int sem_acquire(struct stopper_sem *sem, struct stopper_ctx *ctx, struct stopper_event *quit,
		struct sem_waiter *me)
{
	plat_flags_t f;
	int err;

	plat_might_sleep();
	me->granted = false;
	me->done = false;
	me->err = 0;
	plat_lock(&sem->lock, f);
	err = sem_wait_error(sem, ctx, quit);
	if (!err)
		err = sem_take_slot(sem);
	if (err == -EBUSY) {
		plat_park_init(&me->park);
		slist_append(&sem->waiters, &me->node);
	}
	plat_unlock(&sem->lock, f);
	if (err == -EBUSY)
		return sem_wait_in_line(sem, me, ctx, quit);
	if (err)
		return err;
	err = me->grant(me, true);
	if (err)
		stopper_sem_release(sem);
	return err;
}

/* A caller whose context has ended gets no slot, whether it waited or not. */
static int sem_grant_plain(struct sem_waiter *me, bool mine)
{
	(void)mine;
	return stopper_ctx_err(me->arg);
}

int stopper_sem_acquire(struct stopper_sem *sem, struct stopper_ctx *ctx)
{
	struct sem_waiter me = { .grant = sem_grant_plain, .arg = ctx };

	if (plat_is_copy())
		return -EOPNOTSUPP;
	return sem ? sem_acquire(sem, ctx, NULL, &me) : -EINVAL;
}
EXPORT_SYMBOL_PLAT(stopper_sem_acquire);

/* Calls ->grant of a waiter whose slot was granted; false: it did not use the slot. */
static bool sem_run_grant(struct stopper_sem *sem, struct sem_waiter *w)
{
	int err = w->grant(w, false);
	plat_flags_t f;

	plat_lock(&sem->lock, f);
	w->err = err;
	plat_store(&w->done, true);
	plat_unpark(&w->park);
	plat_unlock(&sem->lock, f);
	return !err;
}

/* Releases a slot. Returns the waiter that got it, or NULL. */
static struct sem_waiter *sem_pop_next_waiter(struct stopper_sem *sem)
{
	static unsigned int warned;
	struct sem_waiter *w = NULL;
	struct stopper_list *n;
	plat_flags_t f;
	bool extra;

	plat_lock(&sem->lock, f);
	extra = sem->length <= 0;
	n = extra || sem->closed ? NULL : slist_pop(&sem->waiters);
	if (n) {
		w = list_item(n, struct sem_waiter, node);
		w->granted = true;
	} else if (!extra) {
		plat_store(&sem->length, sem->length - 1);
	}
	plat_unlock(&sem->lock, f);
	/* (W) pairs with itself: reported once */
	if (extra && !plat_fetch_add_full(&warned, 1))
		stopper_log(NULL, STOPPER_LOG_ERR, "unbalanced stopper_sem_release()");
	return w;
}

void stopper_sem_release(struct stopper_sem *sem)
{
	struct sem_waiter *w;

	if (!sem || plat_is_copy())
		return;
	do
		w = sem_pop_next_waiter(sem);
	while (w && !sem_run_grant(sem, w));
}
EXPORT_SYMBOL_PLAT(stopper_sem_release);

void stopper_sem_close(struct stopper_sem *sem)
{
	struct stopper_list *n;
	plat_flags_t f;

	if (!sem || plat_is_copy())
		return;
	plat_lock(&sem->lock, f);
	sem->closed = true;
	list_walk(n, &sem->waiters)
		plat_unpark(&list_item(n, struct sem_waiter, node)->park);
	plat_unlock(&sem->lock, f);
}
EXPORT_SYMBOL_PLAT(stopper_sem_close);
