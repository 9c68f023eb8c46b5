// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * look.c - looking at running tasks: one pass over all tables and lists.
 *
 * How a slot is read while its owner begins and ends tasks is race 5 of task.c,
 * whose letters are used here. Everything that counts, lists or searches tasks is a
 * visit; a visitor may look at the site it is shown, but only during the visit, and
 * must not sleep.
 */
#include "internal.h"

/* A consistent copy of a running task, or false. */
static bool view_slot(struct stopper_slot *slot, struct stopper *s, struct task_view *v,
		      uint64_t *start)
{
	/* (S) pairs with __stopper_slot_number() */
	unsigned int tid, seq = plat_load_acquire(&slot->seq);

	/* (C) pairs with __stopper_slot_fill() */
	v->s = plat_load_acquire(&slot->stopper);
	if (!v->s || (s && v->s != s))
		return false;
	v->site = plat_load(&slot->site);
	tid = plat_load(&slot->tid);
	*start = plat_load(&slot->start);
	/* (S) pairs with the store barrier in __stopper_slot_number() */
	plat_load_barrier();
	if (plat_load(&slot->seq) != seq || plat_load(&slot->stopper) != v->s)
		return false;
	v->seq = seq;
	v->kind = slot_kind(tid);
	v->tid = (int)(tid & TID_MASK);
	return true;
}

/* How long a slot without a start has run, as far as readers have seen. */
static int64_t seen_age(struct seen *seen, unsigned int seq)
{
	int64_t now = plat_now();

	if (seen->seq != seq || !seen->since) {
		seen->seq = seq;
		seen->since = now;
	}
	return now - seen->since;
}

typedef void (*visit_fn)(void *arg, const struct task_view *v);

/* Async tasks with tickets from @first on have been seen in the queue, or came later. */
static void visit_table(struct slot_table *t, struct stopper *s, uint64_t first,
			visit_fn visit, void *arg)
{
	struct task_view v;
	uint64_t start;
	unsigned int i;

	for (i = 0; i < SLOTS; i++) {
		if (!view_slot(&t->slot[i], s, &v, &start))
			continue;
		/* After the view: the ticket is its task's, or that task has ended. */
		if (t->pooled && plat_load(&t->ticket[i]) >= first)
			continue;
		v.order = plat_slot_order(i, v.seq);
		v.age = start || t->pooled ? plat_stamp_age(start) : seen_age(&t->seen[i], v.seq);
		visit(arg, &v);
	}
}

static void visit_shard(struct shard *sh, struct stopper *s, visit_fn visit, void *arg)
{
	struct stopper_list *n;
	struct task_view v;
	plat_flags_t f;

	plat_lock(&sh->lock, f);
	list_walk(n, &sh->tasks) {
		struct stopper_slot *slot = &list_item(n, struct stopper_task, node)->own;
		unsigned int tid = plat_load(&slot->tid);

		if (s && slot->stopper != s)
			continue;
		v.s = slot->stopper;
		v.site = slot->site;
		v.seq = slot->seq;
		v.order = plat_list_order(v.seq);
		v.kind = slot_kind(tid);
		v.tid = (int)(tid & TID_MASK);
		v.age = plat_stamp_age(plat_load(&slot->start));
		visit(arg, &v);
	}
	plat_unlock(&sh->lock, f);
}

/* Shows every running task of @s (NULL: of all) to @visit, which must not sleep. */
void tasks_visit(struct stopper *s, visit_fn visit, void *arg)
{
	struct slot_table *t = NULL;
	uint64_t first;
	unsigned int i;

	plat_scan_enter();
	/* The queue before the slots into which its tasks go. */
	first = pool_visit(s, visit, arg);
	while ((t = slots_walk(t)))
		visit_table(t, s, first, visit, arg);
	for (i = 0; i < SHARDS; i++)
		visit_shard(&task_shards[i], s, visit, arg);
	plat_scan_exit();
}

static void count_one(void *arg, const struct task_view *v)
{
	(void)v;
	++*(unsigned long *)arg;
}

/* About how long the text of report_all() will be. */
size_t report_size(void)
{
	unsigned long n = 0;

	tasks_visit(NULL, count_one, &n);
	return 4096 + n * 48;
}

unsigned long stopper_num_tasks(struct stopper *s)
{
	unsigned long n = 0;

	if (s && !plat_is_copy()) {
		tasks_visit(s, count_one, &n);
		plat_take_over(s);
	}
	return n;
}
EXPORT_SYMBOL_PLAT(stopper_num_tasks);

struct find {
	struct stopper *tree;
	int tid;
	bool found;
	struct task_view best;
};

static void find_within(void *arg, const struct task_view *v)
{
	struct find *find = arg;

	/* A task of this thread's keeps its stopper and that one's parents alive. */
	if (v->tid == find->tid && v->kind != STOPPER_KIND_HANDLE &&
	    stopper_is_within(v->s, find->tree))
		find->found = true;
}

/* Does this thread run a task of @s or of one below it? */
bool task_on_this_thread(struct stopper *s)
{
	struct find find = { .tree = s, .tid = plat_tid() };

	tasks_visit(NULL, find_within, &find);
	return find.found;
}

static void find_latest(void *arg, const struct task_view *v)
{
	struct find *find = arg;

	if (v->tid != find->tid || v->kind == STOPPER_KIND_HANDLE)
		return;
	/* Synchronous before async, which has none above it. */
	if (find->found && v->kind != find->best.kind ?
	    v->kind == STOPPER_KIND_ASYNC : find->found && (int)(v->order - find->best.order) < 0)
		return;
	find->found = true;
	find->best = *v;
}

/* The task that this thread began last, of those it is still in. */
bool task_innermost(struct call *c)
{
	struct find find = { .tid = plat_tid() };

	tasks_visit(NULL, find_latest, &find);
	if (!find.found)
		return false;
	c->s = find.best.s;
	c->site = find.best.site;
	c->kind = find.best.kind == STOPPER_KIND_ASYNC ? STOPPER_PANIC_ASYNC : STOPPER_PANIC_TASK;
	return true;
}
