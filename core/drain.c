// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * drain.c - wait until no task of a stopper is left.
 *
 * Races 1 to 4 and 6 of task.c. Queue, tables and lists are looked at in this order, in which
 * a task moves.
 */
#include "internal.h"
#include "drain.h"
#include "lists.h"
#include "queue.h"
#include "steps.h"
#include "upcalls.h"
#include "watch.h"

static bool slot_held_by(struct stopper_slot *slot, const struct stopper *s)
{
	/* (C), (E) pairs with fill and release: see the task whole, or its end complete */
	return plat_load_acquire(&slot->stopper) == s;
}

/*
 * Set a watch on every table slot that names @s. True: there are some. The caller does the same
 * for the other stoppers that @d waits for, then tasks_watch_barrier() once for all of them.
 */
bool tasks_watch(struct stopper *s, struct drain *d)
{
	bool found = false, pool = plat_load(&s->uses_pool);
	struct slot_table *t = NULL;
	unsigned int i, n = 0;

	while ((t = slots_walk(t, pool)))
		slots_each(i, t) {
			n++;
			if (slot_held_by(&t->slot[i], s)) {
				slot_watch_if_free(&t->slot[i], &d->park);
				found = true;
			}
		}
	count_steps(STEP_SLOTS, n);
	if (found)
		d->watches = true;
	return found;
}

/* Needed between setting watches and checking whether their slots still name the stopper. */
void tasks_watch_barrier(void)
{
	count_steps(STEP_HEAVY_BARRIERS, 1);
	/* (B2) pairs with slot_release(): its end sees the watch, or we see its slot clear */
	plat_heavy_barrier();
}

/* After this returns no thread wakes @d. */
void drain_end(struct drain *d)
{
	struct slot_table *t = NULL;
	unsigned int i;

	if (!d->watches)
		return;
	/* A pool thread may have exited since, but our watch is still there. */
	while ((t = slots_walk(t, true)))
		for (i = t->pooled ? 0 : slots_next(t, 0); i < SLOTS;
		     i = t->pooled ? i + 1 : slots_next(t, i + 1))
			if (plat_load(&t->slot[i].watch) == &d->park)
				slot_unwatch(&t->slot[i], &d->park);
	slot_watches_settle();
}

static int slot_drain(struct stopper *s, struct stopper_slot *slot, struct drain *d,
		      int (*wait)(void *arg), void *arg)
{
	int err;

	while (slot_held_by(slot, s)) {
		if (slot_watch(slot, &d->park)) {
			d->watches = true;
			tasks_watch_barrier();
			continue;
		}
		err = wait(arg);
		if (err)
			return err;
	}
	return 0;
}

static int tables_drain(struct stopper *s, struct drain *d, int (*wait)(void *arg), void *arg)
{
	bool pool = plat_load(&s->uses_pool);
	struct slot_table *t = NULL;
	unsigned int i, n = 0;
	int err = 0;

	while (!err && (t = slots_walk(t, pool)))
		for (i = slots_next(t, 0); i < SLOTS && !err; i = slots_next(t, i + 1), n++)
			err = slot_drain(s, &t->slot[i], d, wait, arg);
	count_steps(STEP_SLOTS, n);
	return err;
}

/*
 * Set our watch on the latest task of a list: if tasks end in the order in which they began,
 * that is one wake-up for all. False: the list is empty.
 */
static bool task_list_watch(const struct task_list *l, struct plat_parker *me)
{
	struct stopper_task *task;
	struct stopper_list *n;

	lock_guard(l->lock);
	for (n = l->tasks->prev; n != l->tasks; n = n->prev) {
		task = list_item(n, struct stopper_task, node);
		if (!task->own.stopper)
			continue;	/* a reader's bookmark */
		slot_watch(&task->own, me);
		return true;
	}
	return false;
}

/* With the list's lock held. */
static void task_unwatch(struct stopper_task *task, void *me)
{
	slot_unwatch(&task->own, me);
}

static int task_list_drain(const struct task_list *l, struct drain *d, int (*wait)(void *arg),
			   void *arg)
{
	int err = 0;

	/* The list's lock orders watch and end: no barrier. */
	while (!err && task_list_watch(l, &d->park))
		err = wait(arg);
	if (err)
		task_list_each(l, task_unwatch, &d->park);
	return err;
}

static int queue_drain(struct stopper *s, struct plat_parker *me, int (*wait)(void *arg),
		       void *arg)
{
	int err = 0;

	/* A push that sets it after this check is refused, (B1) in pool_push_task(), or nested. */
	if (!plat_load(&s->uses_pool))
		return 0;
	/* The queue's lock orders watch and check: no barrier. */
	while (!err && queue_watch(s, me))
		err = wait(arg);
	if (err)
		queue_unwatch(s);
	return err;
}

/* The queue comes first, as a task leaves it into a slot. */
static int tasks_drain_once(struct stopper *s, struct drain *d, int (*wait)(void *arg), void *arg)
{
	int err = queue_drain(s, &d->park, wait, arg);
	struct task_list l;
	unsigned int i;

	if (!err)
		err = tables_drain(s, d, wait, arg);
	for (i = 0; i <= SHARDS && !err; i++) {
		l = task_list_of(s, i);
		if (l.lock)
			err = task_list_drain(&l, d, wait, arg);
	}
	return err;
}

static unsigned int tasks_nested(struct stopper *s)
{
	lock_guard(&s->lock);

	return s->nested;
}

/*
 * Wait until no task of @s is left. Admission is closed and the heavy barrier of
 * quiesce_begin() has passed, so a slot that was once seen clear of @s never again holds a
 * running task of @s, unless one was let in meanwhile: one pass is enough, or one without that
 * (race 6). @wait parks on @d until it is woken, or returns an error. Slots on which tasks_watch()
 * set a watch cost no further barrier. The caller must call drain_end(), even after an error.
 */
int tasks_drain(struct stopper *s, struct drain *d, int (*wait)(void *arg), void *arg)
{
	bool nests = s->flags & STOPPER_ADMIT_NESTED;
	unsigned int nested;
	int err;

	do {
		nested = nests ? tasks_nested(s) : 0;
		err = tasks_drain_once(s, d, wait, arg);
	} while (!err && nests && tasks_nested(s) != nested);
	if (!err)
		plat_happens_after(s);
	return err;
}
