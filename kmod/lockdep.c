// SPDX-License-Identifier: GPL-2.0
/*
 * lockdep.c - lockdep annotations: a stop waits for tasks, workers and closers.
 *
 * A stop that is called with a lock held deadlocks if a task takes the same lock. Whether it
 * does depends on timing, so tests may never see it. Lockdep reports it from two runs that do
 * not overlap. The method is that of flush_workqueue(): a pseudo lock is held by the function
 * that is waited for, and acquired and released by the waiter:
 *
 *   task, async or not                  stopper_quiesce(), stopper_stop()
 *   hold "tasks" for reading            acquire "tasks" for writing; release it
 *     mutex_lock(&m)                    (m held: m -> tasks)
 *   (tasks -> m)
 *
 *   worker, closer                      stopper_stop()
 *   hold "workers" for reading          acquire "workers" for writing; release it
 *
 * stopper_wait() without a context is a wait for tasks if the event is ShouldStop of a stopper,
 * and for tasks, workers and closers if it is IsStopped. A wait with a context ends with the
 * context, so it is not annotated.
 *
 * Admission never waits: it succeeds or is refused. So the pseudo locks are taken as by trylock,
 * which adds no dependency on locks that are already held and makes it no error to take them
 * in softirq. The read side is recursive, as tasks nest. A nested task of the same stopper adds
 * no information and is left out, because the list of held locks is short (MAX_LOCK_DEPTH).
 *
 * A handle may be ended by another thread than the one that began it. Lockdep has no locks of
 * that kind, so nothing is held for handles.
 *
 * Classes. Each stopper has two lock classes of its own, as each workqueue has: a task of one
 * stopper may stop another stopper from the same line of source, which would look like a deadlock
 * if they shared a class. Lockdep has room for 8192 classes in all, and turns itself off when
 * they are used up. So at most MAX_TRACKED stoppers are annotated at a time; others are not
 * checked. To free a class takes a grace period, so a work item does it.
 *
 * A thread that ends inside a task still holds the pseudo lock; lockdep_end_thread() releases
 * it. After an oops the kernel has turned lockdep off.
 */
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include "internal.h"
#include "panic.h"

#define MAX_TRACKED	64

struct stopper_dep {
	struct list_head node;
	struct stopper *s;
	struct lockdep_map tasks, workers;
	struct lock_class_key tasks_key, workers_key;
	char tasks_name[48], workers_name[48];
};

static DEFINE_SPINLOCK(deps_lock);
static LIST_HEAD(deps);
static LIST_HEAD(deps_to_free);
static unsigned int nr_tracked;

static bool dep_reserve(void)
{
	unsigned long flags;
	bool ok;

	spin_lock_irqsave(&deps_lock, flags);
	ok = nr_tracked < MAX_TRACKED;
	nr_tracked += ok;
	spin_unlock_irqrestore(&deps_lock, flags);
	return ok;
}

static void dep_unreserve(void)
{
	unsigned long flags;

	spin_lock_irqsave(&deps_lock, flags);
	nr_tracked--;
	spin_unlock_irqrestore(&deps_lock, flags);
}

/* Without memory for the annotation the stopper is not checked. */
void plat_stopper_init(struct stopper *s, const struct stopper_options *opts)
{
	struct stopper_dep *d = NULL;
	unsigned long flags;

	if (!dep_reserve())
		return;
	d = kzalloc(sizeof(*d), GFP_KERNEL | __GFP_NOWARN);
	if (!d) {
		dep_unreserve();
		return;
	}
	snprintf(d->tasks_name, sizeof(d->tasks_name), "tasks of %.32s", s->name);
	snprintf(d->workers_name, sizeof(d->workers_name), "workers of %.32s", s->name);
	lockdep_register_key(&d->tasks_key);
	lockdep_register_key(&d->workers_key);
	lockdep_init_map(&d->tasks, d->tasks_name, &d->tasks_key, 0);
	lockdep_init_map(&d->workers, d->workers_name, &d->workers_key, 0);
	d->s = s;
	s->plat.dep = d;
	spin_lock_irqsave(&deps_lock, flags);
	list_add_tail(&d->node, &deps);
	spin_unlock_irqrestore(&deps_lock, flags);
}

static struct stopper_dep *dep_pop_to_free(void)
{
	struct stopper_dep *d;

	spin_lock_irq(&deps_lock);
	d = list_first_entry_or_null(&deps_to_free, struct stopper_dep, node);
	if (d)
		list_del(&d->node);
	spin_unlock_irq(&deps_lock);
	return d;
}

static void deps_free_work_fn(struct work_struct *work)
{
	struct stopper_dep *d;

	while ((d = dep_pop_to_free())) {
		lockdep_unregister_key(&d->tasks_key);
		lockdep_unregister_key(&d->workers_key);
		kfree(d);
		dep_unreserve();
	}
}

static DECLARE_WORK(deps_work, deps_free_work_fn);

void plat_stopper_free(struct stopper *s)
{
	unsigned long flags;

	if (!s->plat.dep)
		return;
	spin_lock_irqsave(&deps_lock, flags);
	list_move_tail(&s->plat.dep->node, &deps_to_free);
	spin_unlock_irqrestore(&deps_lock, flags);
	queue_work(stopper_wq, &deps_work);
}

/* The map that is now held, for lockdep_leave_call(); NULL: none. */
static struct lockdep_map *map_enter(struct lockdep_map *map, unsigned long ip)
{
	/* lock_is_held() is -1 (unknown) if lockdep is off. */
	if (lockdep_depth(current) > MAX_LOCK_DEPTH / 2 || lock_is_held(map))
		return NULL;
	lock_acquire(map, 0, 1, 2, 1, NULL, ip);
	return map;
}

struct lockdep_map *__stopper_lockdep_enter(struct stopper *s)
{
	return s->plat.dep ? map_enter(&s->plat.dep->tasks, _RET_IP_) : NULL;
}
EXPORT_SYMBOL_GPL(__stopper_lockdep_enter);

void __stopper_lockdep_leave(struct lockdep_map **map)
{
	if (*map)
		lock_release(*map, _RET_IP_);
}
EXPORT_SYMBOL_GPL(__stopper_lockdep_leave);

/* Before a function of the user is called on a thread of the stopper. */
struct lockdep_map *lockdep_enter_call(const struct call *c)
{
	if (!c->s->plat.dep)
		return NULL;
	switch (c->kind) {
	case STOPPER_PANIC_ASYNC:
		return map_enter(&c->s->plat.dep->tasks, _RET_IP_);
	case STOPPER_PANIC_WORKER:
	case STOPPER_PANIC_CLOSER:
		return map_enter(&c->s->plat.dep->workers, _RET_IP_);
	default:
		return NULL;
	}
}

static void map_wait(struct lockdep_map *map, unsigned long ip)
{
	lock_acquire(map, 0, 0, 0, 1, NULL, ip);
	lock_release(map, ip);
}

void plat_lockdep_wait(struct stopper *s, bool stop)
{
	if (!s->plat.dep)
		return;
	map_wait(&s->plat.dep->tasks, _RET_IP_);
	if (stop)
		map_wait(&s->plat.dep->workers, _RET_IP_);
}

/* The waiter has a reference to the stopper, which therefore stays on the list. */
void plat_lockdep_wait_event(const struct stopper_event *ev)
{
	struct stopper *s = NULL;
	struct stopper_dep *d;
	unsigned long flags;
	bool stop = false;

	spin_lock_irqsave(&deps_lock, flags);
	list_for_each_entry(d, &deps, node) {
		stop = ev == &d->s->stopped;
		if (stop || ev == &d->s->stop) {
			s = d->s;
			break;
		}
	}
	spin_unlock_irqrestore(&deps_lock, flags);
	if (s)
		plat_lockdep_wait(s, stop);
}

/* This thread ends inside a function of the user. Interrupts may be off. */
void lockdep_end_thread(void)
{
	struct stopper_dep *d;
	unsigned long flags;

	spin_lock_irqsave(&deps_lock, flags);
	list_for_each_entry(d, &deps, node) {
		if (lock_is_held(&d->tasks) == 1)
			lock_release(&d->tasks, _RET_IP_);
		if (lock_is_held(&d->workers) == 1)
			lock_release(&d->workers, _RET_IP_);
	}
	spin_unlock_irqrestore(&deps_lock, flags);
}
