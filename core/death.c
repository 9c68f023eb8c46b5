// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * death.c - the tasks of a thread that exits, dies, or whose stack is freed.
 *
 * Their functions will not return, so somebody else ends them. A platform calls this with what it
 * knows: a thread's table, its number, or its stack.
 */
#include "internal.h"
#include "span.h"
#include "task.h"
#include "upcalls.h"

static bool slot_is_sync_of(const struct stopper_slot *slot, int tid)
{
	return plat_load(&slot->tid) == slot_tid(STOPPER_KIND_SYNC, (unsigned int)tid);
}

/* With the list's lock held. */
static void end_listed_of_thread(struct stopper_task *task, void *tid)
{
	if (slot_is_sync_of(&task->own, *(int *)tid))
		task_end_listed(task);
}

/* End the synchronous tasks of a thread that has exited: those of its table, and on lists. */
void tasks_exit_table(struct slot_table *t)
{
	int tid = (int)t->id;
	unsigned int i;

	spans_end_thread(tid);
	for (i = 0; i < SLOTS_HALF; i++)
		if (plat_load(&t->slot[i].stopper))
			task_end_in_table(&t->slot[i]);
	/* Its tasks went on lists only if its half was full. */
	if (t->high_water[0] == SLOTS_HALF)
		tasks_walk_all_lists(end_listed_of_thread, &tid);
}

/* End the synchronous tasks of a thread that is dying. Any context. */
void tasks_end_thread(int tid)
{
	struct slot_table *t = NULL;
	unsigned int i;

	spans_end_thread(tid);
	while ((t = slots_walk(t, true)))
		for (i = 0; i < SLOTS; i++)
			if (slot_is_sync_of(&t->slot[i], tid) && plat_load(&t->slot[i].stopper))
				task_end_in_table(&t->slot[i]);
	tasks_walk_all_lists(end_listed_of_thread, &tid);
}

/*
 * Turn the synchronous tasks of a dying thread that are in tables into handles, which
 * @new_owner ends with tasks_end_transferred(). Any context.
 */
void tasks_transfer(int tid, void *new_owner)
{
	struct slot_table *t = NULL;
	unsigned int i;

	spans_end_thread(tid);
	while ((t = slots_walk(t, true)))
		for (i = 0; i < SLOTS; i++) {
			if (!slot_is_sync_of(&t->slot[i], tid) || !plat_load(&t->slot[i].stopper))
				continue;
			plat_store(&t->slot[i].frame, new_owner);
			plat_store(&t->slot[i].tid,
				   slot_tid(STOPPER_KIND_HANDLE, (unsigned int)tid));
		}
}

void tasks_end_transferred(void *new_owner)
{
	struct slot_table *t = NULL;
	unsigned int i;

	while ((t = slots_walk(t, true)))
		for (i = 0; i < SLOTS; i++) {
			if (plat_load(&t->slot[i].frame) != new_owner)
				continue;
			plat_store(&t->slot[i].frame, NULL);
			task_end_in_table(&t->slot[i]);
		}
}

struct stack_range {
	const char *from;
	size_t size;
	struct span_record *span;		/* of the tasks found, still to be ended */
};

/* With the list's lock held. */
static void end_listed_on_stack(struct stopper_task *task, void *span)
{
	struct stack_range *m = span;

	if ((const char *)task < m->from || (const char *)task >= m->from + m->size)
		return;
	if (task->span) {
		task->span->next = m->span;
		m->span = task->span;
	}
	task_end_listed(task);
}

/*
 * End the listed tasks whose records are on a stack that is about to be freed, handles too, as
 * nothing can end them later. Any context.
 */
void tasks_end_on_stack(const void *from, size_t size)
{
	struct stack_range m = { .from = from, .size = size };
	struct span_record *t;

	tasks_walk_all_lists(end_listed_on_stack, &m);
	while ((t = m.span)) {
		m.span = t->next;
		span_end(t);
	}
}
