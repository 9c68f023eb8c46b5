// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * batch.c - tasks that a thread of the pool has taken ahead.
 *
 * A thread that took the queue's lock for each short task would share it with all others that do
 * the same. So while many tasks wait, a thread takes several of one inbox at once. They are its
 * batch, with a lock that as a rule only this thread takes: for the end of one task and the begin
 * of the next.
 *
 * Nothing else knows of batches. Who looks for queued tasks (a drain, a list, a cancel, a wait, the
 * tick, a thread that would sleep) first recalls all batches that are out, back to where they came
 * from. It holds the queue's lock, without which no batch is given out:
 *
 *   thread, between two tasks         who looks for a task
 *   lock of its batch                 the queue's lock
 *   the slot: ticket = 0              each batch that is out: its lock; take all; unlock
 *   pop; the slot names the task      a task is in the queue, or in a slot, or over
 *   unlock                            unlock
 *
 *   Nothing else of a batch is without the queue's lock, and only its own thread pops. Either it
 *   pops a task first, and its slot is filled before the recall is over; or the recall finds the
 *   task. From then on the thread finds its batch empty and takes the queue's lock
 *   at the end of its task, which is how a wait for that task can be woken under it.
 *
 * A task behind one that blocks waits no longer than it would in the queue: a batch is out only
 * as long as the tick will come, and the tick recalls it.
 *
 * The batch that was given out last is recalled first. Those of one inbox were taken in the order
 * of its tasks, so each is put before what is there.
 *
 * Ordered accesses: none.
 */
#include "internal.h"
#include "batch.h"

/* those that are out, the last one given out at the end; the queue's lock */
static struct stopper_list batches = { &batches, &batches };

void batch_init(struct batch *b)
{
	plat_lock_init(&b->lock);
	slist_init(&b->tasks);
	slist_init(&b->node);
}

void batch_destroy(struct batch *b)
{
	plat_lock_destroy(&b->lock);
}

/* @tasks leave the queue for this thread, whose batch @b is; their tickets begin at @ticket. */
void batch_give(struct batch *b, struct stopper_list *tasks, struct inbox *from, uint64_t ticket)
{
	slist_append(&batches, &b->node);
	b->from = from;
	slist_splice(tasks, &b->tasks);
	b->ticket = ticket;
}

/* The last batch that was given out is out no longer; @tasks is what was left in it. NULL: none. */
struct batch *batch_recall(struct stopper_list *tasks)
{
	struct batch *b;

	if (slist_empty(&batches))
		return NULL;
	b = list_item(batches.prev, struct batch, node);
	slist_remove(&b->node);
	lock_guard(&b->lock);
	slist_splice(&b->tasks, tasks);
	return b;
}

/* By the thread of @b, or after its death. False: a task is left in it, and it is still out. */
bool batch_close(struct batch *b)
{
	if (!slist_empty(&b->tasks))
		return false;
	slist_remove(&b->node);
	return true;
}
