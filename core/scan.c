// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scan.c - scans of the running tasks: one pass over all tables and lists.
 *
 * Race 5 of task.c says how a slot is read while its owner begins and ends tasks; the letters
 * here are those of task.c. All that counts, lists or searches tasks is a visit. A visitor may
 * use the site of the task it is shown, but only during the visit, and it must not sleep.
 */
#include "internal.h"
#include "lists.h"
#include "panic.h"
#include "queue.h"
#include "ref.h"
#include "steps.h"
#include "upcalls.h"
#include "view.h"

/* The age of a task that noted no time: since a reader first saw it. */
static int64_t first_seen_age(struct first_seen *first, unsigned int seq, int64_t now)
{
	if (first->seq != seq || !first->since) {
		first->seq = seq;
		first->since = now;
	}
	return now - first->since;
}

/* Skips async tasks with tickets from @first on: they were seen in the queue, or came later. */
static void visit_table(struct slot_table *t, struct stopper *s, uint64_t first, int64_t now,
			visit_fn visit, void *arg)
{
	struct task_view v;
	unsigned int i, n = 0;
	uint64_t start;

	slots_each(i, t) {
		n++;
		if (!slot_view(&t->slot[i], s, &v, &start))
			continue;
		/* Read after the view: the ticket is this task's, or this task has ended. */
		if (t->pooled && plat_load(&t->ticket[i]) >= first)
			continue;
		v.order = plat_slot_order(i, v.seq);
		v.age = start || t->pooled ? plat_coarse_age(start) :
					     first_seen_age(&t->first_seen[i], v.seq, now);
		visit(arg, &v);
	}
	count_steps(STEP_SLOTS, n);
}

/* tasks_walk_lists() for all stoppers. */
void tasks_walk_all_lists(void (*fn)(struct stopper_task *task, void *arg), void *arg)
{
	struct stopper_walk w;
	struct stopper *s;

	registry_walk_init(&w);
	while ((s = stopper_walk_next(&w)))
		tasks_walk_lists(s, fn, arg);
}

/* Shows every running task of @s (NULL: of all) to @visit, which must not sleep. */
void tasks_visit(struct stopper *s, visit_fn visit, void *arg)
{
	struct listed_visit lv = { visit, arg };
	bool pool = !s || plat_load(&s->uses_pool);
	struct slot_table *t = NULL;
	uint64_t first = 0;
	int64_t now;

	plat_scan_enter();
	/* Once, so that who was seen first is the oldest however long the scan takes. */
	now = plat_now();
	/* The queue first: its tasks move to slots, never back. */
	if (pool)
		first = queue_visit(s, visit, arg);
	while ((t = slots_walk(t, pool)))
		visit_table(t, s, first, now, visit, arg);
	plat_scan_exit();
	/* A task on a list, and its site, are valid while the list's lock is held. */
	if (s)
		tasks_walk_lists(s, task_visit_listed, &lv);
	else
		tasks_walk_all_lists(task_visit_listed, &lv);
}

static void count_task(void *arg, const struct task_view *v)
{
	(void)v;
	++*(unsigned long *)arg;
}

/* About how many bytes report_all() will write. */
size_t report_size(void)
{
	unsigned long n = 0;

	tasks_visit(NULL, count_task, &n);
	return 4096 + n * 48;
}

unsigned long stopper_num_tasks(struct stopper *s)
{
	unsigned long n = 0;

	if (s && !plat_is_copy()) {
		tasks_visit(s, count_task, &n);
		plat_happens_after(s);
	}
	return n;
}
EXPORT_SYMBOL_PLAT(stopper_num_tasks);

struct task_search {
	int tid;
	bool found;
	struct task_view best;
};

static void find_latest_task(void *arg, const struct task_view *v)
{
	struct task_search *search = arg;

	if (v->tid != search->tid || v->kind == STOPPER_KIND_HANDLE)
		return;
	/* Any synchronous task is inside the async one. */
	if (search->found && v->kind != search->best.kind ?
	    v->kind == STOPPER_KIND_ASYNC :
	    search->found && (int)(v->order - search->best.order) < 0)
		return;
	search->found = true;
	search->best = *v;
}

/* The innermost task of this thread; false: it runs none. */
bool task_innermost(struct call *c)
{
	struct task_search search = { .tid = plat_tid() };

	tasks_visit(NULL, find_latest_task, &search);
	if (!search.found)
		return false;
	c->s = search.best.s;
	c->site = search.best.site;
	c->kind = search.best.kind == STOPPER_KIND_ASYNC ? STOPPER_PANIC_ASYNC : STOPPER_PANIC_TASK;
	return true;
}
