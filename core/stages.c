// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * stages.c - a stop with stages: quiesce, warn, end contexts, call hooks, give up.
 *
 * Each stage drives the stop until its time (stop_drive()), as any caller of stop does: as the
 * leader or behind another one. Between two stages this thread does not lead, so nothing is held
 * while it ends contexts or runs hooks. Nothing is undone, and a later stop continues.
 *
 * Which contexts end. Those on quiesce have ended when the stop began. The context that a task
 * was started with belongs to its caller, who may share it with work outside of this stopper: it is
 * left alone. What is left is the on-stop contexts of the tree. They were made for this
 * stopper, tasks that may finish have them, and they would end only when no task is left.
 * They end now, with -ETIMEDOUT. Another thread may lead the stop, and must not fire ShouldStop
 * before all of them have ended:
 *
 *   stage                                   leader
 *   lock; phase < STOPPING: ending = tid    lock; phase = STOPPING; unlock
 *   unlock; fire the contexts               lock; ending? unlock; park
 *   lock; ending = 0; wake the leader
 *   unlock                                  lock; not ending: fire ShouldStop
 *
 *   All under s->lock: a stage that finds STOPPING leaves the contexts to the leader.
 *
 * Who remains is collected without memory, in records of the caller's: in one pass the first
 * ones of all in a fixed order, and for the hooks, which have no limit, in as many passes as
 * it takes, each from the last record on. An async task that gets its thread between two passes
 * is seen twice: without a thread, then with it.
 *
 * What a stop waits for at a moment is less than what remains: workers are told to end when no task
 * is left. So stop_held_up() counts tasks only if there is one, else workers, else closers.
 */
#include "internal.h"
#include "cause.h"
#include "label.h"
#include "panic.h"
#include "quiesce.h"
#include "ref.h"
#include "stop_calls.h"
#include "upcalls.h"
#include "view.h"

struct remaining {
	struct stopper_task_info *info;	/* sorted */
	unsigned int n, room;
	const struct stopper_task_info *after;	/* only those behind this one; NULL: all */
	bool by_thread;			/* one record for each thread of a call site */
	unsigned int total;
	const struct stopper_site *site;	/* of ->next */
	struct stopper_task_info next;
};

static int remaining_compare(const struct remaining *r, const struct stopper_task_info *a)
{
	const struct stopper_task_info *b = &r->next;
	int d;

	if (r->by_thread && a->tid != b->tid)
		return a->tid < b->tid ? -1 : 1;
	d = strcmp(a->file, b->file);
	if (!d && a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return d ? d : strcmp(a->name, b->name);
}

static void remaining_add(struct remaining *r, const struct stopper_site *site, int tid,
			  int64_t age, const char *label)
{
	struct stopper_task_info *e = r->info, *end, *to;
	int d = 1;

	r->total++;
	if (!r->room)
		return;
	end = r->info + r->n;
	if (r->site != site)
		task_info_init(&r->next, site);
	r->site = site;
	r->next.tid = tid;
	if (r->after && remaining_compare(r, r->after) >= 0)
		return;
	while (e < end && (d = remaining_compare(r, e)) < 0)
		e++;
	if (e == end || d) {
		if (e == r->info + r->room)
			return;
		if (r->n < r->room)
			r->n++;
		for (to = r->info + r->n - 1; to > e; to--)
			*to = to[-1];
		*e = r->next;
	}
	e->count++;
	if (age >= e->oldest_ns) {
		e->oldest_ns = age;
		e->tid = tid;
		memcpy(e->label, label, sizeof(e->label));
	}
}

static void remaining_add_task(void *arg, const struct task_view *v)
{
	struct remaining *r = arg;
	/* A handle belongs to no thread. */
	int tid = r->by_thread && v->kind == STOPPER_KIND_HANDLE ? 0 : v->tid;

	remaining_add(r, v->site, tid, v->age, v->label);
}

static void remaining_add_activity(void *arg, const struct activity *a)
{
	remaining_add(arg, a->site, a->tid, plat_coarse_age(a->since), no_label);
}

/* Call the two for all that runs in @s and in its subtree. */
static void tree_visit(struct stopper *s, visit_fn task,
		       void (*activity)(void *arg, const struct activity *a), void *arg)
{
	tasks_visit(s, task, arg);
	activities_visit(s, activity, arg);
	for_each_child(w, s)
		tree_visit(w.s, task, activity, arg);
}

static void call_hooks(struct stopper *s, const struct stopper_stages *st)
{
	struct stopper_task_info one, last;
	struct remaining r = { .by_thread = true };
	unsigned int i;

	do {
		r.info = st->n ? st->remaining : &one;
		r.room = st->n ? st->n : 1;
		r.n = 0;
		r.site = NULL;
		tree_visit(s, remaining_add_task, remaining_add_activity, &r);
		for (i = 0; i < r.n; i++) {
			if (st->signo && r.info[i].tid)
				plat_thread_signal(r.info[i].tid, st->signo);
			if (st->hook)
				st->hook(st->hook_arg, &r.info[i]);
		}
		if (r.n)
			last = r.info[r.n - 1];
		r.after = &last;
	} while (r.n == r.room);
}

static void list_remaining(struct stopper *s, struct stopper_stages *st)
{
	struct remaining r = { .info = st->remaining, .room = st->n };

	tree_visit(s, remaining_add_task, remaining_add_activity, &r);
	st->filled = r.n;
	st->count = r.total;
}

/* What is of a kind that is waited for later is not counted; see enum stopper_panic_kind. */
static void holdup_add(struct stop_holdup *h, enum stopper_panic_kind kind, struct stopper *s,
		       const struct stopper_site *site, int64_t age, const char *label)
{
	if (kind > h->kind)
		return;
	if (kind < h->kind)
		*h = (struct stop_holdup){ .kind = kind, .oldest_ns = -1 };
	h->count++;
	if (age <= h->oldest_ns)
		return;
	h->oldest_ns = age;
	memcpy(h->stopper, s->name, strlen(s->name) + 1);
	if (label[0])
		memcpy(h->name, label, STOPPER_LABEL_SHOWN + 1);
	else
		name_escape(h->name, sizeof(h->name), site->name);
}

static void holdup_add_task(void *arg, const struct task_view *v)
{
	holdup_add(arg, STOPPER_PANIC_TASK, v->s, v->site, v->age, v->label);
}

/* A worker is waited for when the tasks and the children of its stopper have ended. */
static void holdup_add_activity(void *arg, const struct activity *a)
{
	if (a->kind == STOPPER_PANIC_CLOSER || stopper_phase(a->s) >= STOPPER_STOPPING)
		holdup_add(arg, a->kind, a->s, a->site, plat_coarse_age(a->since), no_label);
}

/* What a stop of @s and of its children waits for now; false: for nothing that runs. */
bool stop_held_up(struct stopper *s, struct stop_holdup *h)
{
	*h = (struct stop_holdup){ .kind = STOPPER_PANIC_SCOPE };
	tree_visit(s, holdup_add_task, holdup_add_activity, h);
	return h->count;
}

static bool stages_valid(const struct stopper_stages *st)
{
	return st && st->size == sizeof(*st) && st->warn_ns >= 0 && st->end_ns >= 0 &&
		st->hook_ns >= 0 && st->grace_ns >= st->end_ns && st->grace_ns >= st->hook_ns &&
		st->signo >= 0 && (st->remaining || !st->n);
}

int __stopper_stop_staged(struct stopper *s, struct stopper_stages *st,
			  const struct stopper_site *site)
{
	struct stall_clock c = { .since = plat_now() };
	int err;

	if (!stages_valid(st))
		return -EINVAL;
	err = stop_begin(s, &(struct cause_args){ .site = site });
	if (err <= 0)
		return err;
	if (st->warn_ns) {
		c.report_at = ns_after(c.since, st->warn_ns);
		c.quiet_too = true;
	}
	err = stop_drive(s, ns_after(c.since, st->end_ns), &c);
	if (err && st->end_ns)
		stop_end_contexts(s);
	if (err && st->hook_ns > st->end_ns)
		err = stop_drive(s, ns_after(c.since, st->hook_ns), &c);
	if (err && st->hook_ns)
		call_hooks(s, st);
	if (err)
		err = stop_drive(s, ns_after(c.since, st->grace_ns), &c);
	if (err)
		list_remaining(s, st);
	return err;
}
EXPORT_SYMBOL_PLAT(__stopper_stop_staged);

int __stopper_stop_within(struct stopper *s, int64_t ns, const struct stopper_site *site)
{
	struct stopper_stages st = {
		.size = sizeof(st), .warn_ns = ns / 2, .end_ns = ns - ns / 4, .grace_ns = ns,
	};

	return __stopper_stop_staged(s, &st, site);
}
EXPORT_SYMBOL_PLAT(__stopper_stop_within);
