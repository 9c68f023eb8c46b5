// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * push.c - the admission of async tasks: under a lock under which they are queued.
 *
 * What a push, a drain and a thread that takes tasks do with that lock is drawn in queue.c.
 *
 * The stop of a stopper that never had an async task reads neither the queue nor the
 * slots of pool threads:
 *
 *   push                              drain
 *   ->uses_pool = true                phase = QUIESCING
 *   light barrier (B1)                heavy barrier (B1)
 *   lock; phase == RUNNING? append    ->uses_pool? no: no task is or was in the pool
 *
 *   The flag is set on all stoppers above it first (U): a task of a child may call the
 *   stop of a parent, which must then find the task in the pool and refuse.
 *
 * Ordered accesses, beside (B1) of task.c, (R) of pause.c and (I) of async.c:
 *
 *   (U)  ->uses_pool = true is a release in pool_note_user(); its partner is the acquire in
 *        the same function. Guarantees: a thread that sees the flag set on a stopper sees
 *        it set on all stoppers above it.
 */
#include "internal.h"
#include "push.h"
#include "queue.h"
#include "ref.h"
#include "upcalls.h"

/*
 * Before the first async task of @s: its stop, and those of its parents, now read the pool. Any
 * context, without s->lock.
 */
void pool_note_user(struct stopper *s)
{
	struct stopper *parent;

	/* (U) pairs with its release below: set here means set on all stoppers above */
	if (PLAT_LIKELY(plat_load_acquire(&s->uses_pool)))
		return;
	parent = parent_get(s);
	if (parent) {
		pool_note_user(parent);
		stopper_unpin(parent);
	}
	/* (U) pairs with its acquire above: set here means set on all stoppers above */
	plat_store_release(&s->uses_pool, true);
}

/* With a lock held under which it is queued, if 0 is returned: the task is not in the queue yet. */
static int task_admit(struct stopper_async *a, const struct async_start *start, bool *nested)
{
	/* First of all: done() may be told of a refusal, and must not be called while it runs. */
	if (plat_load(&a->s))
		return -EBUSY;
	/* (R) pairs with pause_update(): what was written during a pause is seen */
	*nested = plat_load_acquire(&start->s->phase) != STOPPER_RUNNING;
	if (*nested && !start->may_nest)
		return refusal_err(start->s);
	/* (I) pairs with async_tell(): NULL means that its thread reads the record no more */
	if (!plat_cmpxchg_acquire(&a->s, NULL, start->s))
		return -EBUSY;
	/* Under the lock: it passes both on to the thread that takes the task. */
	plat_happens_after(&start->s->phase);
	plat_happens_after(&a->s);
	plat_store(&a->state, ASYNC_QUEUED);
	a->job.ops = start->ops;
	a->ctx = start->ctx;
	a->span = start->span;
	a->pinned = start->pinned;
	a->nested = *nested;
	a->job.site = start->site;
	return 0;
}

/* Without the queue's lock. True: pushed to an inbox, or not admitted (@err). */
bool queue_push_fresh(struct stopper_async *a, const struct async_start *start, bool *nested,
		      int *err)
{
	struct inbox *in = queue_inbox();

	if (!plat_load(&in->open))
		return false;
	lock_guard(&in->lock);
	if (!in->open || in->nfresh == INBOX_MAX)
		return false;
	*err = task_admit(a, start, nested);
	if (!*err) {
		slist_append(&in->fresh, &a->job.node);
		plat_store(&in->nfresh, in->nfresh + 1);
	}
	return true;
}

/* The same with the queue's lock, for a task that may need a thread. */
int queue_push_task(struct stopper_async *a, const struct async_start *start, bool *nested)
{
	int err = task_admit(a, start, nested);

	if (!err)
		queue_append(a);
	return err;
}
