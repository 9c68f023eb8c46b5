// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * task.c - admitting tasks, knowing them, and waiting until none is left.
 *
 * Theory: visible readers, as in hazard pointers and BRAVO locks. Every CPU (in
 * userspace every thread) has a table of slots that only it fills. A running
 * task is a slot that names its stopper. There is no counter: who wants to know
 * how many tasks run looks at all slots, and only he pays for it. A table lives
 * for ever, so a slot may be looked at after its task, its stopper, its module
 * and its thread have gone.
 *
 *   begin   fill my slot; look at the phase; not RUNNING: clear it, refuse
 *   end     clear the slot; look whether somebody watches it: wake him
 *   drain   set the phase; heavy barrier; wait for each slot that names us
 *
 * An end must not look at the stopper: once the slot is clear, Stop may return
 * and the stopper may be freed. So the waker's word, ->watch, is in the slot.
 *
 * A slot is at hand: its address is in a per-CPU or thread-local variable, so the
 * way in and out of run_task is inlined in the caller (slot.h), without a lock, an
 * atomic instruction or a store to a line that another CPU writes. What finds that
 * slot taken comes here: slot_claim() looks at some more of the table. A task that finds
 * its table full, or has none, goes on a list of its stopper instead, with a slot in the
 * caller's record. A handle begun here and ended elsewhere clears a slot of this
 * table from there; that is one remote store.
 *
 * What a stop, a drain or a count costs is to depend on its own stopper and on the number of
 * tables alone, so
 *
 *   - a table is looked at no further than it was ever used. A slot is at hand only after
 *     slots_reach() has noted it, and the note is ordered like the slot itself (B1): it is
 *     written before the slot is filled, and read after the heavy barrier;
 *   - the pool's tables and its queue are looked at only for a stopper that has had async
 *     tasks (->uses_pool, pool.c);
 *   - lists belong to a stopper. There are SHARDS of them, made with the first task that needs
 *     one, so that CPUs that begin many handles do not meet at one lock; and one more, under
 *     the stopper's lock, for when there is no memory. A walk drops the list's lock after every
 *     WALK_BATCH tasks and keeps its place with a record that names no stopper, so the time for
 *     which the lock is held and interrupts are off does not grow with the number of tasks.
 *
 * The end of a task on a list may be the last use of the stopper: the stop takes the list's
 * lock next, finds the list empty, and the stopper may be freed. The last access of the end is
 * the unlock, as in event.c, race 4.
 *
 * Race 1, admission against quiesce (store buffering, asymmetric):
 *
 *   begin                             quiesce
 *   slot->stopper = s       (C)       s->phase = QUIESCING
 *   light barrier           (B1)      heavy barrier          (B1)
 *   s->phase == RUNNING?              slot->stopper == s ?
 *
 *   Either begin sees the phase and refuses, or drain sees the slot and waits.
 *   Both is possible and harmless: a slot that is about to be refused.
 *
 * Race 2, end against the waiter going to sleep:
 *
 *   end                               drain
 *   slot->stopper = NULL    (E)       slot->watch = me       (under drain_lock)
 *   light barrier           (B2)      heavy barrier          (B2)
 *   slot->watch?                      slot->stopper == s ?   park
 *
 *   Either end sees the watch and wakes, or drain sees the slot clear. One barrier does for
 *   all watches that were put before it, of however many stoppers (tasks_watch()).
 *
 * Race 3, teardown. The waiter's parker is on its stack.
 *
 *   end                               drain
 *   lock drain_lock                   slot clear: nothing to wait for
 *   slot->watch = NULL                no slot has my watch
 *   unpark(watcher)                   lock drain_lock; unlock it
 *   unlock                            return: the parker is gone
 *
 *   ->watch changes, and its owner is woken, only under drain_lock; the waiter takes
 *   back what is left of its watches and then goes through the lock once, so that
 *   whoever took one away before has done with it (drain_end()).
 *
 * Race 4, a slot used again. s's task has ended but its end has not looked at
 * ->watch yet, when the slot names t and t's drain puts its own watch there: the
 * end would wake t's waiter, not ours. So who replaces a watch wakes its owner:
 * that the slot was free for t proves that s's task has ended.
 *
 * Race 5, a reader against begin and end. The slot's number (->seq) is written
 * before, and read around, everything else:
 *
 *   begin                             reader
 *   (slot->stopper was NULL)          q = slot->seq          (S)
 *   slot->seq = new         (S)       s = slot->stopper      (C)
 *   store barrier           (S)       read site, tid, start
 *   site, tid, start                  load barrier           (S)
 *   slot->stopper = s       (C)       slot->seq == q && slot->stopper == s ?
 *
 *   A mixed reading finds a new number or no stopper, and is dropped.
 *
 * Why a site seen by a reader may be looked at: the task was running inside the
 * reader's section (kernel: RCU; userspace: the scan lock, which the end of every
 * stop goes through), and a module is freed only after a grace period.
 *
 * Ordered accesses
 *   (C) stopper = s, release; pairs with the reader's acquire in view_slot() (scan.c)
 *       and slot_held_by().
 *   (E) stopper = NULL, release: all that the task did happens before a drain that
 *       sees it; pairs with the acquire in slot_held_by(), and with the claim in slot_claim().
 *   (B1), (B2) light barriers in begin and end pair with the heavy barriers in
 *       quiesce_begin() (stop.c) and tasks_watch_barrier().
 *   (S) seq, as drawn.
 *   (O) ->shards, release; pairs with the acquire in shards_of(): who sees lists sees them made.
 *
 * In the kernel a slot is claimed with preemption off, and softirqs have a half of
 * the table to themselves: nobody comes between the look at a slot and the filling
 * of it. (A number from one this_cpu instruction does not do: a softirq that begins
 * as many handles as there are slots comes round to the very slot that is being
 * filled.) On PREEMPT_RT softirqs run in threads, which preemption off keeps away too,
 * and are not told from threads: they use the half of threads, the other stays empty.
 * No preemption need be off between the store and the look at the phase: a task that
 * is moved in between passes through the scheduler, a full barrier, on both CPUs.
 *
 * An async task is in the pool's queue, then in the slot of the pool thread that
 * runs it, which fills that slot under the pool's lock as it takes the job; see
 * pool.c. Pool threads have slots of their own in tables that stay (pool_slots.c).
 *
 * In userspace one half of the table is a thread's own stack of synchronous tasks.
 * All above the latest is free, so no search is needed, and a panic finds the
 * innermost. Without membarrier() the slot at hand is one that is always taken, so
 * that every task comes here, where the light barriers are fences.
 *
 * While somebody listens to tasks (span.c), the way in does not look at the slot at
 * hand: every task comes here, and a handle goes on the list, so that its end comes
 * here as well. What is already running then ends as it began, untraced.
 *
 * What it costs is in Documentation/performance.rst. What was tried, in short, over
 * a bare call, on one 3.6 GHz Zen core: a rotating number in the table and a function
 * of its own 4 to 5 ns; a slot at hand, still a function 1.4 ns; inlined 0.2 to 0.5 ns. A
 * function of its own that does nothing is 1.0 ns.
 *
 * Not promised: an exact count while tasks come and go; tasks from NMIs or (in
 * userspace) signal handlers; longjmp() out of a task.
 */
#include "internal.h"

/* A table that fills up is given up after this many tries, that is, sooner than searched. */
#define CLAIM_TRIES	4

/* So many tasks of a list are looked at before its lock is let go of. */
#ifndef WALK_BATCH
#define WALK_BATCH	128
#endif

/* Taken for ever: at hand where there is no table. */
struct stopper_slot stopper_busy_slot = { .stopper = (struct stopper *)&stopper_busy_slot };
EXPORT_SYMBOL_PLAT(stopper_busy_slot);

static stopper_lock_t drain_lock = PLAT_LOCK_INIT(drain_lock);

/* The end of a slot's task: wake who watches it. */
void __stopper_slot_wake(struct stopper_slot *slot)
{
	struct plat_parker *p;
	plat_flags_t f;

	plat_lock(&drain_lock, f);
	p = slot->watch;
	plat_store(&slot->watch, NULL);
	if (p)
		plat_unpark(p);
	plat_unlock(&drain_lock, f);
}
EXPORT_SYMBOL_PLAT(__stopper_slot_wake);

/* As __stopper_slot_leave(), also where there is no heavy barrier. */
static PLAT_ALWAYS_INLINE void slot_release(struct stopper_slot *slot)
{
	/* (E) pairs with slot_held_by() and slot_claim() */
	plat_store_release(&slot->stopper, NULL);
	/* (B2) pairs with the heavy barrier in tasks_watch_barrier() */
	plat_light_barrier();
	if (PLAT_UNLIKELY(plat_load(&slot->watch)))
		__stopper_slot_wake(slot);
}

/* A slot of this CPU's or thread's that names @s; NULL: none free, or no table. */
static PLAT_ALWAYS_INLINE struct stopper_slot *slot_claim(struct stopper *s,
							  const struct stopper_site *site,
							  unsigned int kind)
{
	struct stopper_cursor *c = plat_slots_pin(kind);
	struct stopper_slot *slot = NULL;
	unsigned int i;

	for (i = 0; c && i < CLAIM_TRIES; i++) {
		/* (E) pairs with slot_release(), on whichever CPU */
		if (PLAT_LIKELY(!plat_load_acquire(&c->slot->stopper))) {
			slot = c->slot;
			plat_slot_stamp(c, slot, kind);
			__stopper_slot_fill(slot, s, site);
			break;
		}
		if (!plat_slots_advance(c))
			break;
	}
	plat_slots_unpin(c);
	return slot;
}

/* May a task that is visible now run? As __stopper_admits(), also without heavy barrier. */
static PLAT_ALWAYS_INLINE bool task_is_admitted(const struct stopper *s)
{
	/* (B1) pairs with the heavy barrier in quiesce_begin() */
	plat_light_barrier();
	return PLAT_LIKELY(plat_load(&s->phase) == STOPPER_RUNNING);
}

/* The lists of @s; NULL: no memory. */
static struct shard *shards_of(struct stopper *s)
{
	/* (O) pairs with shards_new(): who sees them sees them made */
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
	struct shard *new = plat_alloc_lines_any(SHARDS * sizeof(*new)), *old;
	plat_flags_t f;
	unsigned int i;

	if (!new)
		return NULL;
	for (i = 0; i < SHARDS; i++) {
		plat_lock_init(&new[i].lock);
		slist_init(&new[i].tasks);
	}
	plat_lock(&s->lock, f);
	old = s->shards;
	if (!old) {
		plat_happens_before(&s->shards);
		/* (O) pairs with shards_of() */
		plat_store_release(&s->shards, new);
	}
	plat_unlock(&s->lock, f);
	if (!old)
		return new;
	shards_free(new);
	return old;
}

/* Nobody looks at it any more. */
void task_lists_free(struct stopper *s)
{
	shards_free(s->shards);
}

/* The list of @s with the number @i, up to SHARDS; ->lock is NULL: there is none. */
static struct task_list task_list_of(struct stopper *s, unsigned int i)
{
	struct shard *sh = shards_of(s);

	if (i == SHARDS)
		return (struct task_list){ &s->lock, &s->tasks };
	if (!sh)
		return (struct task_list){ NULL, NULL };
	return (struct task_list){ &sh[i].lock, &sh[i].tasks };
}

/* With its list's lock held. */
static inline void detach_task(struct stopper_task *task)
{
	slist_remove(&task->node);
	if (task->own.watch)
		__stopper_slot_wake(&task->own);
}

static void unlist_task(struct stopper_task *task)
{
	struct task_list l = task_list_of(task->own.stopper, task->shard);
	plat_flags_t f;

	plat_lock(l.lock, f);
	detach_task(task);
	/* The last use of the lock: the stopper may be freed by who takes it now. */
	plat_unlock(l.lock, f);
}

static struct stopper_slot *list_task(struct stopper *s, const struct stopper_site *site,
				      struct stopper_task *task, unsigned int kind)
{
	struct stopper_cursor *c = plat_slots_pin(kind);
	struct task_list l;
	plat_flags_t f;

	task->traced = NULL;
	task->own.watch = NULL;
	task->own.seq = c ? ++c->number : 0;
	plat_slots_unpin(c);
	task->own.site = site;
	task->own.stopper = s;
	task->own.tid = slot_tid(kind, (unsigned int)plat_own_tid());
	task->own.start = plat_coarse_time();
	task->shard = shards_of(s) || shards_new(s) ?
		      (task->own.seq ^ (unsigned int)plat_tid()) % SHARDS : SHARDS;
	l = task_list_of(s, task->shard);
	plat_lock(l.lock, f);
	slist_append(l.tasks, &task->node);
	plat_unlock(l.lock, f);
	return &task->own;
}

/*
 * Calls @fn for each task of a list, with its lock held; @fn may take the task off. The lock
 * is let go of after every WALK_BATCH of them: a task that is no task says where it goes on.
 */
static void task_list_each(const struct task_list *l,
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
		if (++i % WALK_BATCH || next == l->tasks)
			continue;
		slist_insert(next->prev, &bookmark.node);
		plat_unlock(l->lock, f);
		plat_lock(l->lock, f);
		next = bookmark.node.next;
		slist_remove(&bookmark.node);
	}
	plat_unlock(l->lock, f);
	if (i)
		step(STEP_LISTED, i);
}

/* The same for all tasks of @s that stand on lists. */
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

/* And for those of all stoppers. */
void tasks_walk_all_lists(void (*fn)(struct stopper_task *task, void *arg), void *arg)
{
	struct stopper_walk w;
	struct stopper *s;

	registry_walk_init(&w);
	while ((s = stopper_walk_next(&w))) {
		tasks_walk_lists(s, fn, arg);
		stopper_unpin(s);
	}
}

static void leave_slot(struct stopper_slot *const *slot)
{
	slot_release(*slot);
	plat_slots_pop(*slot);
}

static void leave_list(struct stopper_task *const *task)
{
	unlist_task(*task);
}

static void leave_span(struct traced *const *t)
{
	traced_end(*t);
}

/* A task that somebody listens to. A panic ends in the frame that called this. */
static PLAT_NOINLINE int task_call_traced(struct stopper *s, struct stopper_ctx *ctx,
					  const struct stopper_site *site, stopper_fn fn,
					  stopper_err_fn err_fn, void *arg)
{
	struct traced *scope __attribute__((cleanup(leave_span))) =
		traced_new(s, ctx, site, STOPPER_KIND_SYNC);

	traced_start(scope);
	if (err_fn)
		return err_fn(ctx, arg);
	fn(ctx, arg);
	return 0;
}

static PLAT_ALWAYS_INLINE int task_call(struct stopper *s, struct stopper_ctx *ctx,
					const struct stopper_site *site, stopper_fn fn,
					stopper_err_fn err_fn, void *arg)
{
	int result;

	__stopper_lockdep_task(s);
	if (PLAT_UNLIKELY(__stopper_traced())) {
		result = task_call_traced(s, ctx, site, fn, err_fn, arg);
		/* A panic has a result also where the function has none. */
		return err_fn ? result : 0;
	}
	if (err_fn)
		return err_fn(ctx, arg);
	fn(ctx, arg);
	return 0;
}

/* A synchronous task for which the table has no room. A panic looks for its frame. */
PLAT_NOINLINE int task_run_listed(struct stopper *s, struct stopper_ctx *ctx,
				  const struct stopper_site *site, stopper_fn fn,
				  stopper_err_fn err_fn, void *arg)
{
	struct stopper_task task;

	list_task(s, site, &task, STOPPER_KIND_SYNC);
	{
		struct stopper_task *scope __attribute__((cleanup(leave_list), unused)) = &task;

		if (task_is_admitted(s))
			return task_call(s, ctx, site, fn, err_fn, arg);
	}
	return task_refused(s, STOPPER_KIND_SYNC, site, -ESHUTDOWN);
}

/* One that found no slot at hand. Exactly one of @fn and @err_fn. A panic looks for it too. */
PLAT_NOINLINE int task_run(struct stopper *s, struct stopper_ctx *ctx,
			   const struct stopper_site *site, stopper_fn fn,
			   stopper_err_fn err_fn, void *arg)
{
	struct stopper_slot *slot = slot_claim(s, site, STOPPER_KIND_SYNC);

	if (PLAT_UNLIKELY(!slot))
		return task_run_listed(s, ctx, site, fn, err_fn, arg);
	{
		/* Left by return, panic, exception or the thread's end. */
		struct stopper_slot *scope __attribute__((cleanup(leave_slot), unused)) = slot;

		if (task_is_admitted(s))
			return task_call(s, ctx, site, fn, err_fn, arg);
	}
	return task_refused(s, STOPPER_KIND_SYNC, site, -ESHUTDOWN);
}

int __stopper_run_task_slowpath(struct stopper *s, struct stopper_ctx *ctx,
				const struct stopper_site *site, stopper_fn fn, void *arg)
{
	return plat_is_copy() ? -EOPNOTSUPP : task_run(s, ctx, site, fn, NULL, arg);
}
EXPORT_SYMBOL_PLAT(__stopper_run_task_slowpath);

int __stopper_run_task_err_slowpath(struct stopper *s, struct stopper_ctx *ctx,
				    const struct stopper_site *site, stopper_err_fn fn, void *arg)
{
	return plat_is_copy() ? -EOPNOTSUPP : task_run(s, ctx, site, NULL, fn, arg);
}
EXPORT_SYMBOL_PLAT(__stopper_run_task_err_slowpath);

static PLAT_ALWAYS_INLINE void task_end(struct stopper_slot *slot, struct stopper_task *task)
{
	if (PLAT_LIKELY(slot != &task->own)) {
		slot_release(slot);
		return;
	}
	traced_end(task->traced);
	unlist_task(task);
}

/* Makes a task of the caller's visible and, if it may run, leaves it so. */
static PLAT_ALWAYS_INLINE int task_begin(struct stopper *s, struct stopper_ctx *ctx,
					 const struct stopper_site *site, struct stopper_task *task,
					 unsigned int kind)
{
	struct stopper_slot *slot = NULL;
	bool traced = __stopper_traced();

	/* One that is traced is on the list, so that its end comes here too. */
	if (PLAT_LIKELY(!traced))
		slot = slot_claim(s, site, kind);
	if (PLAT_UNLIKELY(!slot))
		slot = list_task(s, site, task, kind);
	if (PLAT_UNLIKELY(!task_is_admitted(s))) {
		task_end(slot, task);
		task->slot = NULL;
		return task_refused(s, kind, site, -ESHUTDOWN);
	}
	task->slot = slot;
	if (PLAT_UNLIKELY(traced)) {
		task->traced = traced_new(s, ctx, site, kind);
		traced_start(task->traced);
	}
	return 0;
}

int __stopper_task_begin_slowpath(struct stopper *s, struct stopper_ctx *ctx,
				  const struct stopper_site *site, struct stopper_task *task)
{
	return plat_is_copy() ? -EOPNOTSUPP : task_begin(s, ctx, site, task, STOPPER_KIND_HANDLE);
}
EXPORT_SYMBOL_PLAT(__stopper_task_begin_slowpath);

/* A pool thread's task has ended. */
void task_end_async(struct stopper_slot *slot)
{
	plat_happens_before(slot->stopper);
	slot_release(slot);
}

static void warn_unbalanced_end(void)
{
	static unsigned int warned;

	/* (W) full only to be counted once; pairs with itself */
	if (!plat_fetch_add_full(&warned, 1))
		stopper_log(NULL, STOPPER_LOG_ERR, "a task was ended that had not begun");
}

void __stopper_task_end_slowpath(struct stopper_task *task)
{
	struct stopper_slot *slot;

	if (plat_is_copy())
		return;
	if (!task || !task->slot) {
		warn_unbalanced_end();
		return;
	}
	slot = task->slot;
	task->slot = NULL;
	task_end(slot, task);
}
EXPORT_SYMBOL_PLAT(__stopper_task_end_slowpath);

static bool slot_held_by(struct stopper_slot *slot, const struct stopper *s)
{
	/* (C), (E) pairs with __stopper_slot_fill(), __stopper_slot_leave() and slot_release() */
	return plat_load_acquire(&slot->stopper) == s;
}

/* Puts our watch on a slot; true: it was not there. */
static bool slot_watch(struct stopper_slot *slot, struct plat_parker *me)
{
	struct plat_parker *other;
	plat_flags_t f;

	plat_lock(&drain_lock, f);
	other = slot->watch;
	plat_store(&slot->watch, me);
	if (other && other != me)
		plat_unpark(other);	/* race 4 */
	plat_unlock(&drain_lock, f);
	return other != me;
}

static void slot_unwatch(struct stopper_slot *slot, struct plat_parker *me)
{
	plat_flags_t f;

	plat_lock(&drain_lock, f);
	if (slot->watch == me)
		plat_store(&slot->watch, NULL);
	plat_unlock(&drain_lock, f);
}

/* The same on a slot without a watch; another watch stays. */
static void slot_watch_if_free(struct stopper_slot *slot, struct plat_parker *me)
{
	plat_flags_t f;

	plat_lock(&drain_lock, f);
	if (!slot->watch)
		plat_store(&slot->watch, me);
	plat_unlock(&drain_lock, f);
}

/*
 * Puts a watch on every table slot that names @s; true: there are some. The caller goes on to
 * other stoppers that @d will wait for, and makes one heavy barrier for all of them.
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
	step(STEP_SLOTS, n);
	if (found)
		d->watches = true;
	return found;
}

/* Between the watches and the look whether the slots they are on still name their stoppers. */
void tasks_watch_barrier(void)
{
	step(STEP_HEAVY_BARRIERS, 1);
	/* (B2) pairs with the light barrier in slot_release() */
	plat_heavy_barrier();
}

/* When this returns nobody wakes it any more. */
void drain_end(struct drain *d)
{
	struct slot_table *t = NULL;
	plat_flags_t f;
	unsigned int i;

	if (!d->watches)
		return;
	/* A pool thread may have gone since, but not our watch. */
	while ((t = slots_walk(t, true)))
		for (i = t->pooled ? 0 : slots_next(t, 0); i < SLOTS;
		     i = t->pooled ? i + 1 : slots_next(t, i + 1))
			if (plat_load(&t->slot[i].watch) == &d->park)
				slot_unwatch(&t->slot[i], &d->park);
	/* Race 3: who took a watch of ours away is done with us. */
	plat_lock(&drain_lock, f);
	plat_unlock(&drain_lock, f);
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
	step(STEP_SLOTS, n);
	return err;
}

/*
 * Puts our watch on the latest task of a list, as they may end in the order in which they
 * began; false: it has none.
 */
static bool task_list_watch(const struct task_list *l, struct plat_parker *me)
{
	struct stopper_task *task = NULL;
	struct stopper_list *n;
	plat_flags_t f;

	plat_lock(l->lock, f);
	for (n = l->tasks->prev; n != l->tasks; n = n->prev) {
		task = list_item(n, struct stopper_task, node);
		if (task->own.stopper) {
			slot_watch(&task->own, me);
			break;
		}
		task = NULL;	/* a reader's place */
	}
	plat_unlock(l->lock, f);
	return task;
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

	/* Watch and end are ordered by the list's lock: no barrier. */
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

	/* Before it was said, the light barrier (B1) in pool_push_task() had refused. */
	if (!plat_load(&s->uses_pool))
		return 0;
	/* Watch and look are ordered by the pool's lock: no barrier. */
	while (!err && pool_watch(s, me))
		err = wait(arg);
	if (err)
		pool_unwatch(s);
	return err;
}

/*
 * Waits until no task of @s is left. Admission is closed and quiesce_begin()'s
 * heavy barrier has passed, so a slot once seen clear of @s stays clear of tasks
 * that run; one pass does. The queue is first: what leaves it goes into a slot.
 * @wait parks on @d until it is woken, or says why not. Slots that tasks_watch() found
 * before cost no further barrier; in the end, whatever this returned: drain_end().
 */
int tasks_drain(struct stopper *s, struct drain *d, int (*wait)(void *arg), void *arg)
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
	if (!err)
		plat_happens_after(s);
	return err;
}

static bool slot_is_sync_of(const struct stopper_slot *slot, int tid)
{
	return plat_load(&slot->tid) == slot_tid(STOPPER_KIND_SYNC, (unsigned int)tid);
}

/* With the list's lock held. */
static void end_listed_of_thread(struct stopper_task *task, void *tid)
{
	if (slot_is_sync_of(&task->own, *(int *)tid))
		detach_task(task);
}

/* Ends the synchronous tasks of a thread that stand in no table. */
static void lists_end_thread(int tid)
{
	tasks_walk_all_lists(end_listed_of_thread, &tid);
}

/* Ends what a thread, now gone, has left: in the half of its table for its own stack, on lists. */
void tasks_exit_table(struct slot_table *t)
{
	unsigned int i;

	spans_abandon((int)t->id);
	for (i = 0; i < SLOTS_HALF; i++)
		if (plat_load(&t->slot[i].stopper))
			slot_release(&t->slot[i]);
	/* They go on lists when its half is full. */
	if (t->high_water[0] == SLOTS_HALF)
		lists_end_thread((int)t->id);
}

/* Ends the synchronous tasks of a thread that is dying. Any context. */
void tasks_end_thread(int tid)
{
	struct slot_table *t = NULL;
	unsigned int i;

	spans_abandon(tid);
	while ((t = slots_walk(t, true)))
		for (i = 0; i < SLOTS; i++)
			if (slot_is_sync_of(&t->slot[i], tid) && plat_load(&t->slot[i].stopper))
				slot_release(&t->slot[i]);
	lists_end_thread(tid);
}

/*
 * The synchronous tasks in tables of a thread that is dying are handles from now on,
 * which @new_owner ends with tasks_end_transferred(). Any context.
 */
void tasks_transfer(int tid, void *new_owner)
{
	struct slot_table *t = NULL;
	unsigned int i;

	spans_abandon(tid);
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
			slot_release(&t->slot[i]);
		}
}

/* Ends a task that nothing else can end, with its list's lock held. */
void task_end_listed(struct stopper_task *task)
{
	detach_task(task);
}

struct stack_range {
	const char *from;
	size_t size;
	struct traced *traced;		/* of tasks that were there, to be ended */
};

/* With the list's lock held. */
static void end_listed_on_stack(struct stopper_task *task, void *span)
{
	struct stack_range *m = span;

	if ((const char *)task < m->from || (const char *)task >= m->from + m->size)
		return;
	if (task->traced) {
		task->traced->next = m->traced;
		m->traced = task->traced;
	}
	detach_task(task);
}

/*
 * Ends the tasks on the lists whose records lie in a stack that goes, handles too: nobody
 * can end them any more. Any context.
 */
void tasks_end_on_stack(const void *from, size_t size)
{
	struct stack_range m = { .from = from, .size = size };
	struct traced *t;

	tasks_walk_all_lists(end_listed_on_stack, &m);
	while ((t = m.traced)) {
		m.traced = t->next;
		traced_end(t);
	}
}
