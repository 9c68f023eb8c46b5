// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * batch.c - tasks that a thread of the pool has taken ahead.
 *
 * If each thread took the queue's lock for each short task, that lock would move from CPU to CPU
 * for every one. So while many tasks wait, a thread takes several of one inbox at once. They are
 * its batch. The batch has a lock of its own, which the thread takes between two tasks and
 * nearly nobody else takes.
 *
 * A drain, a list, a cancel, a wait, the tick, and a thread that is about to sleep need to know
 * what is queued. Each of them first recalls all batches: what is left of them returns to the
 * inboxes. They hold the queue's lock, and a batch is given out only under that lock:
 *
 *   thread, between two tasks         who looks for a task
 *   lock of its batch                 the queue's lock
 *   the slot: ticket = 0              each batch that is out: its lock; take all; unlock
 *   pop; the slot names the task      a task is in the queue, or in a slot, or over
 *   unlock                            unlock
 *
 *   Only the thread pops from its batch, and everything else is done to a batch under the
 *   queue's lock. If the pop comes first, the slot names the task when the recall is over; else
 *   the recall finds the task. After a recall the batch is empty, so the thread takes the
 *   queue's lock when its task ends, and wakes under it those that wait for the task.
 *
 * A task behind one that blocks waits no longer than it would in the queue: a batch is out only
 * as long as the tick will come, and the tick recalls it.
 *
 * The batch that was given out last is recalled first. Those of one inbox were taken in the order
 * of its tasks, so each is put before what is there.
 *
 * No access is ordered: all of this is under the queue's lock or that of a batch.
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
