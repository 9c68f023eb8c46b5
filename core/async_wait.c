// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * async_wait.c - waits for one async task.
 *
 * A caller waits at the task's record as long as the task is queued, and then at its slot, to which
 * queue_publish_task() moves all waiters. The record does not tell whether the task is over, as
 * done() may have been entered, have started it again, or be running still (async.c). The slot
 * does: tables are never freed, and the slot has the ticket of its task until the thread has left
 * the task. The record keeps its ticket and slot, and a caller that waits must not free it.
 *
 *   wait                              thread
 *   lock; queued? at the record       lock; pop; the slot gets the ticket and the waiters; unlock
 *   slot has the record's ticket?     the function, done(), the end of the task
 *     yes: at the slot; no: return    lock; ticket = 0; wake all waiters of the slot; unlock
 *   unlock; park
 *   lock; done? unlock; return
 *
 *   A waiter is on its thread's stack. It is woken under the lock, which it takes before it
 *   leaves; if it gives up, it leaves the list under the lock. A push to an inbox writes nothing
 *   of the record that is read here but its state.
 *
 * No access is ordered: all of this is under the queue's lock.
 */
#include "internal.h"
#include "async_wait.h"
#include "ctx.h"
#include "event.h"
#include "queue.h"

/* The task in the slot is over, if there is one: of a job of our own the ticket is 0. */
void queue_unpublish_task(struct slot_table *table, unsigned int at)
{
	struct stopper_async_waiter **waiters = &table->waiters[at], *w;

	if (!plat_load(&table->ticket[at]))
		return;
	plat_store(&table->ticket[at], 0);
	while (PLAT_UNLIKELY((w = *waiters))) {
		*waiters = w->next;
		w->done = true;
		plat_unpark(&w->park);
	}
}

/*
 * With the lock held: where those wait that wait for the latest start of @a. NULL: it is over.
 * @tid: the thread that runs it, or 0. From done() on its state tells nothing, as done() may
 * have been entered or have returned; its ticket in the slot does.
 */
static struct stopper_async_waiter **async_waiters(struct stopper_async *a, int *tid)
{
	unsigned int state = plat_load(&a->state);

	*tid = 0;
	if (state == ASYNC_QUEUED || state == ASYNC_CANCELLED)
		return &a->waiters;
	if (!a->ticket || plat_load(&a->table->ticket[a->at]) != a->ticket)
		return NULL;
	*tid = (int)(plat_load(&a->table->slot[a->at].tid) & TID_MASK);
	return &a->table->waiters[a->at];
}

/* True: the wait of @w is over. If it ends by its context, @w is taken off the list. */
static bool async_wait_over(struct stopper_async_waiter *w, struct stopper_ctx *ctx, int *err)
{
	lock_guard(&pool_queue.lock);

	*err = w->done ? 0 : ctx_wait_err(ctx);
	if (*err) {
		*w->link = w->next;
		if (w->next)
			w->next->link = w->link;
	}
	return w->done || *err;
}

/* Wait until the latest start of @a is over. */
int pool_wait_task(struct stopper_async *a, struct stopper_ctx *ctx)
{
	struct stopper_async_waiter me = { .done = false }, **waiters;
	struct event_waiter wctx;
	int err = 0, tid;
	plat_flags_t f;

	plat_park_init(&me.park);
	plat_lock(&pool_queue.lock, f);
	queue_recall_batches(&f);
	waiters = async_waiters(a, &tid);
	if (tid == plat_tid())
		err = -EDEADLK;
	if (waiters && !err) {
		me.link = waiters;
		me.next = *waiters;
		if (me.next)
			me.next->link = &me.next;
		*waiters = &me;
	}
	plat_unlock(&pool_queue.lock, f);
	if (!waiters || err)
		return err;
	event_waiter_attach_ctx(&wctx, ctx, &me.park);
	while (!async_wait_over(&me, ctx, &err))
		plat_park(&me.park, PLAT_FOREVER);
	event_waiter_detach(&wctx);
	return err;
}
