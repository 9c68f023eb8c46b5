// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * view.c - one task as another thread reads it, and the tasks that this thread runs.
 *
 * Race 5 of task.c says how a slot is read while its owner begins and ends tasks. Here are the
 * reader of one slot, the searches in what this thread runs, and race 6's question whether it may
 * start another task; scan.c reads all tasks.
 */
#include "internal.h"
#include "label.h"
#include "lists.h"
#include "pool_slots.h"
#include "ref.h"
#include "steps.h"
#include "view.h"

/* Copies a running task of @s (NULL: of any) from @slot; false: there is none, or it changed. */
bool slot_view(struct stopper_slot *slot, struct stopper *s, struct task_view *v,
	       uint64_t *start)
{
	/* (S) pairs with __stopper_slot_number(): what follows is of this number or newer */
	unsigned int tid, seq = plat_load_acquire(&slot->seq);

	/* (C) pairs with __stopper_slot_fill(): a stopper that is seen has its site and tid seen */
	v->s = plat_load_acquire(&slot->stopper);
	if (!v->s || (s && v->s != s))
		return false;
	v->site = plat_load(&slot->site);
	tid = plat_load(&slot->tid);
	*start = plat_load(&slot->start);
	/* (S) pairs with the store barrier there: newer fields mean a newer number */
	plat_load_barrier();
	if (plat_load(&slot->seq) != seq || plat_load(&slot->stopper) != v->s)
		return false;
	v->seq = seq;
	v->slot = slot;
	v->nested = slot_kind(tid) == STOPPER_KIND_NESTED;
	v->kind = v->nested ? STOPPER_KIND_ASYNC : slot_kind(tid);
	v->tid = (int)(tid & TID_MASK);
	label_read(slot, seq, v->label);
	return true;
}

/* With its list's lock held. */
void task_visit_listed(struct stopper_task *task, void *visit)
{
	const struct listed_visit *lv = visit;
	struct stopper_slot *slot = &task->own;
	unsigned int tid = plat_load(&slot->tid);
	struct task_view v = {
		.s = slot->stopper,
		.site = slot->site,
		.slot = slot,
		.seq = slot->seq,
		.order = plat_slot_order(SLOTS + slot->seq, slot->seq),
		.kind = slot_kind(tid),
		.tid = (int)(tid & TID_MASK),
		.age = plat_coarse_age(plat_load(&slot->start)),
	};

	label_read(slot, slot->seq, v.label);
	lv->visit(lv->arg, &v);
}

struct task_search {
	struct stopper *tree;
	int tid;
	bool found;
};

static void find_task_within(void *arg, const struct task_view *v)
{
	struct task_search *search = arg;

	/* A task of this thread keeps its stopper and the parents of that alive. */
	if (v->tid == search->tid && v->kind != STOPPER_KIND_HANDLE &&
	    stopper_is_within(v->s, search->tree))
		search->found = true;
}

/*
 * Needs no plat_scan_enter(): it reads no site, and no age, for which ->first_seen is written
 * under the scan's lock.
 */
static void find_in_table(struct slot_table *t, visit_fn visit, void *arg)
{
	unsigned int i, n = 0;
	struct task_view v;
	uint64_t start;

	slots_each(i, t) {
		n++;
		if (slot_view(&t->slot[i], NULL, &v, &start))
			visit(arg, &v);
	}
	count_steps(STEP_SLOTS, n);
}

/*
 * Visits what is in the tables in which a task of this thread can be, of @s or of a stopper below
 * it, until @enough is true. Async tasks are in the pool's tables, which are skipped if none of
 * these stoppers ever had an async task.
 */
static void find_in_tables(struct stopper *s, visit_fn visit, void *arg, const bool *enough)
{
	struct slot_table *t = NULL;

	while (!*enough && (t = plat_slots_mine(t)))
		find_in_table(t, visit, arg);
	if (plat_load(&s->uses_pool))
		while (!*enough && (t = pool_slots_walk(t)))
			find_in_table(t, visit, arg);
}

/* Does a table hold a task that this thread runs, of @s or of a stopper below it? */
bool task_in_table_of_this_thread(struct stopper *s)
{
	struct task_search search = { .tree = s, .tid = plat_tid() };

	find_in_tables(s, find_task_within, &search, &search.found);
	return search.found;
}

/* Does a list of @s hold one? */
bool task_listed_by_this_thread(struct stopper *s)
{
	struct task_search search = { .tree = s, .tid = plat_tid() };
	struct listed_visit lv = { find_task_within, &search };

	tasks_walk_lists(s, task_visit_listed, &lv);
	return search.found;
}

/* The tasks of @s that a thread runs, but the one in @own. */
struct outer_search {
	const struct stopper *s;
	const struct stopper_slot *own;
	int tid;
	bool found, nested;
};

static void find_outer_task(void *arg, const struct task_view *v)
{
	struct outer_search *search = arg;

	if (v->s != search->s || v->slot == search->own || v->tid != search->tid ||
	    v->kind == STOPPER_KIND_HANDLE)
		return;
	search->found = true;
	search->nested |= v->nested;
}

/*
 * May this thread start a task of kind @kind although @s drains, as it runs another one? task.c,
 * race 6. @own: the slot of the new one, if it has one already.
 */
bool task_may_nest(struct stopper *s, const struct stopper_slot *own, unsigned int kind)
{
	struct outer_search search = { .s = s, .own = own, .tid = plat_own_tid() };
	struct listed_visit lv = { find_outer_task, &search };
	const bool *enough = kind == STOPPER_KIND_SYNC ? &search.found : &search.nested;

	if (!(s->flags & STOPPER_ADMIT_NESTED) || phase_of(s) > STOPPER_QUIESCING || !search.tid)
		return false;
	find_in_tables(s, find_outer_task, &search, enough);
	/* Most lists hold handles only. A thread that runs a task on a list has set it. */
	if (!*enough && plat_load(&s->sync_listed))
		tasks_walk_lists(s, task_visit_listed, &lv);
	return search.found && (kind == STOPPER_KIND_SYNC || !search.nested);
}

/* Has @slot a task of kind @kind of this thread, @tid? That task cannot change meanwhile. */
static bool slot_is_mine(struct stopper_slot *slot, unsigned int kind, int tid)
{
	unsigned int word, found;

	/* (C) pairs with __stopper_slot_fill(): another thread that has filled it is seen */
	if (!plat_load_acquire(&slot->stopper))
		return false;
	word = plat_load(&slot->tid);
	found = slot_kind(word) == STOPPER_KIND_NESTED ? STOPPER_KIND_ASYNC : slot_kind(word);
	return (int)(word & TID_MASK) == tid && found == kind;
}

/* The latest task of kind @kind of this thread in @t, if later than @latest, that of @best. */
static struct stopper_slot *find_later_slot(struct slot_table *t, unsigned int kind, int tid,
					    struct stopper_slot *best, unsigned int *latest)
{
	unsigned int i, n = 0, order;

	slots_each(i, t) {
		n++;
		if (!slot_is_mine(&t->slot[i], kind, tid))
			continue;
		order = plat_slot_order(i, plat_load(&t->slot[i].seq));
		if (best && (int)(order - *latest) < 0)
			continue;
		best = &t->slot[i];
		*latest = order;
	}
	count_steps(STEP_SLOTS, n);
	return best;
}

/*
 * The slot of the innermost task of this thread, if it is in a table; NULL: there is none. The
 * task cannot end meanwhile: its thread is here.
 */
struct stopper_slot *slot_innermost(void)
{
	struct stopper_slot *best = NULL;
	struct slot_table *t = NULL;
	unsigned int latest = 0;
	int tid = plat_own_tid();

	while (tid && (t = plat_slots_mine(t)))
		best = find_later_slot(t, STOPPER_KIND_SYNC, tid, best, &latest);
	/* An async task is outside of all synchronous ones. */
	while (tid && !best && (t = pool_slots_walk(t)))
		best = find_later_slot(t, STOPPER_KIND_ASYNC, tid, best, &latest);
	return best;
}
