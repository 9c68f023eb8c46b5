// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * lists.c - tasks on lists: those for which there was no slot in a table, and traced handles.
 *
 * Lists belong to a stopper. There are SHARDS of them, allocated by the first task that needs
 * one, so that CPUs that begin many handles do not contend for one lock; and one more, under the
 * stopper's lock, for when that allocation fails. A walk drops the list's lock after every
 * WALK_BATCH tasks and keeps its position with a bookmark, a record that names no stopper. So
 * the time for which the lock is held and interrupts are off does not grow with the number of
 * tasks.
 *
 * The end of a task on a list may be the last use of the stopper: the stop takes the list's lock
 * next, finds the list empty, and the stopper may be freed. The last access of the end is the
 * unlock, as in event.c, race 4.
 *
 * Ordered accesses
 *   (O)  ->shards is published with release in shards_new(); its partner is the acquire
 *        in shards_of(). Guarantees: a thread that sees the lists sees them initialised.
 *
 */
#include "internal.h"
#include "label.h"
#include "lists.h"
#include "steps.h"
#include "upcalls.h"

/* The lists of @s. NULL: they are not allocated. */
static struct shard *shards_of(struct stopper *s)
{
	/* (O) pairs with shards_new(): the lists are seen initialised */
	struct shard *shards = plat_load_acquire(&s->shards);

	plat_happens_after(&s->shards);
	return shards;
}

static void shards_free(struct shard *sh)
{
	unsigned int i;

	for (i = 0; sh && i < SHARDS; i++)
		plat_lock_destroy(&sh[i].lock);
	plat_free(sh);
}

static struct shard *shards_new(struct stopper *s)
{
	struct shard *new = plat_alloc_lines(SHARDS * sizeof(*new), false);
	unsigned int i;

	if (!new)
		return NULL;
	for (i = 0; i < SHARDS; i++) {
		plat_lock_init(&new[i].lock);
		slist_init(&new[i].tasks);
	}
	{
		lock_guard(&s->lock);
		if (!s->shards) {
			plat_happens_before(&s->shards);
			/* (O) pairs with shards_of(): publish them initialised */
			plat_store_release(&s->shards, new);
			return new;
		}
	}
	shards_free(new);
	return s->shards;
}

/* @s is about to be freed; there are no readers. */
void task_lists_free(struct stopper *s)
{
	shards_free(s->shards);
}

/* List @i of @s, 0 to SHARDS. ->lock is NULL if that list does not exist. */
struct task_list task_list_of(struct stopper *s, unsigned int i)
{
	struct shard *sh = shards_of(s);

	if (i == SHARDS)
		return (struct task_list){ &s->lock, &s->tasks };
	if (!sh)
		return (struct task_list){ NULL, NULL };
	return (struct task_list){ &sh[i].lock, &sh[i].tasks };
}

/* End a task that is on a list, with the list's lock held. */
void task_end_listed(struct stopper_task *task)
{
	slist_remove(&task->node);
	label_free(&task->own);
	if (task->own.watch)
		__stopper_slot_wake(&task->own);
}

void task_list_del(struct stopper_task *task)
{
	struct task_list l = task_list_of(task->own.stopper, task->shard);

	lock_guard(l.lock);
	task_end_listed(task);
	/* The last use of the lock: the next thread that takes it may free the stopper. */
}

/* Put a task that begins on a list. Returns its slot. */
struct stopper_slot *task_list_add(struct stopper *s, const struct stopper_site *site,
				   struct stopper_task *task, unsigned int kind)
{
	struct stopper_cursor *c = plat_slots_pin(kind);
	struct task_list l;

	task->span = NULL;
	task->own = (struct stopper_slot){
		.stopper = s, .site = site, .seq = c ? ++c->number : 0,
		.tid = slot_tid(kind, (unsigned int)plat_own_tid()), .start = plat_coarse_time(),
	};
	plat_slots_unpin(c);
	task->shard = shards_of(s) || shards_new(s) ?
		      (task->own.seq ^ (unsigned int)plat_tid()) % SHARDS : SHARDS;
	l = task_list_of(s, task->shard);
	lock_guard(l.lock);
	slist_append(l.tasks, &task->node);
	return &task->own;
}

/*
 * Call @fn for each task of a list, with the list's lock held; @fn may detach the task. The
 * lock is dropped after every WALK_BATCH tasks; a bookmark in the list keeps the position.
 */
void task_list_each(const struct task_list *l,
		    void (*fn)(struct stopper_task *task, void *arg), void *arg)
{
	struct stopper_task bookmark = { .own = { .stopper = NULL } }, *task;
	struct stopper_list *n, *next;
	unsigned int i = 0;
	plat_flags_t f;

	plat_lock(l->lock, f);
	for (n = l->tasks->next; n != l->tasks; n = next) {
		next = n->next;
		task = list_item(n, struct stopper_task, node);
		if (task->own.stopper)
			fn(task, arg);
		if (++i % WALK_BATCH == 0 && next != l->tasks)
			next = walk_pause(next, &bookmark.node, l->lock, &f);
	}
	plat_unlock(l->lock, f);
	if (i)
		count_steps(STEP_LISTED, i);
}

/* The same for all tasks of @s that are on lists. */
void tasks_walk_lists(struct stopper *s, void (*fn)(struct stopper_task *task, void *arg),
		      void *arg)
{
	struct task_list l;
	unsigned int i;

	for (i = 0; i <= SHARDS; i++) {
		l = task_list_of(s, i);
		if (l.lock)
			task_list_each(&l, fn, arg);
	}
}

