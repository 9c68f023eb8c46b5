// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * task.c - admit tasks, and end them: the theory of all that counts them and waits for them.
 *
 * What belongs to it: watch.c, lists.c, view.c (one task and its reader), drain.c, death.c, scan.c.
 *
 * Theory: visible readers, as in hazard pointers and BRAVO locks. Every CPU (in
 * userspace every thread) has a table of slots that only it fills. A running
 * task is a slot that names its stopper. There is no counter: the number of
 * running tasks is found by a scan of all slots, and only the scanner pays for
 * it. A table is never freed while the library or module is loaded, so a slot
 * may be read after its task and thread have ended and its stopper and module are freed.
 *
 *   begin   fill a slot; read the phase; if it is not RUNNING, clear the slot and refuse
 *   end     clear the slot; read its ->watch; if it is set, wake the watcher
 *   drain   set the phase; heavy barrier; wait for each slot that names the stopper
 *
 * An end must not touch the stopper: once the slot is clear, stop may return and
 * the stopper may be freed. Therefore the word that says whom to wake, ->watch,
 * is in the slot.
 *
 * The slot at hand is the one that the next task will use. Its address is in a
 * per-CPU or thread-local variable, so run_task() is inlined in its caller
 * (slot.h), without a lock, an atomic instruction or a store to a line that another
 * CPU writes. If that slot is taken, slot_claim() tries a few more of the table. A
 * task that finds its table full, or that has no table, goes on a list of its
 * stopper, with a slot in the caller's record. A handle that begins here and ends
 * elsewhere clears a slot of this table from there: one remote store.
 *
 * The cost of a stop, a drain or a count depends only on its own stopper and on
 * the number of tables:
 *
 *   - A table is scanned only up to its high-water mark. A slot is at hand only
 *     after cursor_extend() (slots.h) has raised the mark, and the mark is ordered
 *     like the slot (B1): it is written before the slot is filled and read after
 *     the heavy barrier.
 *   - The pool's tables and queue are scanned only for a stopper that has had
 *     async tasks (->uses_pool, pool.c).
 *   - Lists belong to a stopper (lists.c).
 *
 * Race 1: admission against quiesce (store buffering, asymmetric).
 *
 *   begin                             quiesce
 *   slot->stopper = s       (C)       s->phase = QUIESCING
 *   light barrier           (B1)      heavy barrier          (B1)
 *   s->phase == RUNNING?              slot->stopper == s ?
 *
 *   Either begin reads the new phase and refuses, or drain sees the slot and
 *   waits. Both may happen, which is harmless: drain waits for a refusal.
 *
 * Race 2: the end of a task against a drain that goes to sleep.
 *
 *   end                               drain
 *   slot->stopper = NULL    (E)       slot->watch = me       (under drain_lock)
 *   light barrier           (B2)      heavy barrier          (B2)
 *   slot->watch?                      slot->stopper == s ?   park
 *
 *   Either end sees the watch and wakes the drain, or drain sees the slot clear.
 *   One heavy barrier serves all watches that were set before it, of any number
 *   of stoppers (tasks_watch()).
 *
 * Race 3: teardown. The parker of a drain is on its stack.
 *
 *   end                               drain
 *   lock drain_lock                   slot is clear: nothing to wait for
 *   slot->watch = NULL                no slot has my watch
 *   unpark(watcher)                   lock drain_lock; unlock it
 *   unlock                            return: the parker no longer exists
 *
 *   ->watch changes, and its owner is woken, only under drain_lock. The drain
 *   takes back the watches that are left and then passes through the lock once:
 *   after that, any end that took one of its watches has finished with the
 *   parker (drain_end()).
 *
 * Race 4: a slot is reused. A task of s has cleared its slot but has not read
 * ->watch yet. The slot now names t, and a drain of t sets its own watch there: the
 * end would wake the drain of t instead of the drain of s. Therefore the thread
 * that replaces a watch wakes its owner: that the slot was free for t proves that
 * the task of s has ended.
 *
 * Race 5: a reader against begin and end. The slot's number (->seq) is written
 * before, and read around, everything else:
 *
 *   begin                             reader
 *   (slot->stopper was NULL)          q = slot->seq          (S)
 *   slot->seq = new         (S)       s = slot->stopper      (C)
 *   store barrier           (S)       read site, tid, start
 *   site, tid, start                  load barrier           (S)
 *   slot->stopper = s       (C)       slot->seq == q && slot->stopper == s ?
 *
 *   A reader that sees a mixture of two tasks finds a new number or no stopper,
 *   and ignores the slot.
 *
 * Why a reader may dereference a site: the task was running inside the reader's
 * section (kernel: RCU; userspace: the scan lock, which the end of every stop
 * passes through), and a module is freed only after a grace period.
 *
 * A pause (pause.c) is a quiesce here, which a resume takes back: races 1 to 3 and 6 hold for
 * both.
 *
 * Race 6: a task that a running one starts while its stopper drains (STOPPER_ADMIT_NESTED). It is
 * let in only if the thread that starts it runs a task of the same stopper, the outer one, which
 * thus cannot end before the start returns (task_may_nest(), view.c). The phase of such a stopper
 * has no STOPPER_PHASE_FINAL before STOPPING, so the fast path refuses nothing by itself.
 *
 * A synchronous task ends before its outer one, so a drain that waits for the outer one has waited
 * for it. Any other task may outlast the outer one, and a pass of the drain over queue, tables and
 * lists may have been where the new one is before it reaches the outer one. So each is counted,
 * and a pass counts only if none was let in meanwhile:
 *
 *   start, in the outer task          drain
 *   visible in queue, slot or list    lock; n = s->nested; unlock
 *   lock; s->nested++; unlock         a pass: nothing names s any more
 *   (later) the outer task ends       lock; s->nested == n? unlock
 *                                     no: again
 *
 *   Let a task run after a pass in which ->nested did not change. If it was let in, it was counted
 *   either before the pass, which then saw it and waited for its end, or after the pass. Then its
 *   outer task had not ended at the end of the pass. The same holds for that one, and at last for
 *   one that was admitted while the stopper was RUNNING, for which the pass has waited (race 1).
 *   So the phase is never past QUIESCING when a task is let in.
 *
 *   It ends: an async task that was let in (STOPPER_KIND_NESTED) is no outer task for others than
 *   synchronous ones. So there are as many tasks as those that were admitted before start, and
 *   the drain ends when the functions of the tasks do.
 *
 * Ordered accesses, beside (R) of pause.c:
 *
 *   (C)  slot->stopper = s is a release; its partners are the acquires in
 *        slot_view() (view.c) and slot_held_by() (drain.c). Guarantees: a thread that
 *        sees the stopper sees the site, thread and start of this task.
 *   (E)  slot->stopper = NULL is a release; its partners are the acquires in
 *        slot_held_by(), slot_claim() and __stopper_slot_take(). Guarantees: what the
 *        task did happens before the return of a drain that sees the slot clear, and
 *        before the next use of the slot.
 *   (B1) the light barrier in task_is_admitted(), __stopper_admits() and
 *        pool_push_task() pairs with the heavy barriers in quiesce_begin() (quiesce.c) and
 *        __stopper_pause() (pause.c).
 *        Guarantees: begin sees the new phase, or drain sees the slot (or ->uses_pool).
 *   (B2) the light barrier in slot_release() and __stopper_slot_leave() pairs with the
 *        heavy barrier in tasks_watch_barrier() (drain.c). Guarantees: end sees the
 *        watch, or drain sees the slot clear.
 *   (S)  the release of ->seq and the store barrier in __stopper_slot_number() pair
 *        with the acquire of ->seq and the load barrier in slot_view() (view.c).
 *        Guarantees: a reader that finds the same number twice has read one task.
 *   (W)  the count of warnings is fully ordered only to be counted once; it pairs with
 *        itself. Guarantees: exactly one thread logs the warning.
 *
 * In the kernel a slot is claimed with preemption off, and softirqs have a half of
 * the table to themselves: nothing runs between the check of a slot and its filling
 * that could fill it too. (A slot number from one this_cpu instruction is not
 * enough: a softirq that begins as many handles as there are slots wraps around to
 * the very slot that is being filled.) On PREEMPT_RT softirqs run in threads, which
 * preemption off excludes too. They look like other threads, so they use
 * the threads' half and the other half stays empty. Preemption may be on between
 * the store to the slot and the load of the phase: a task that migrates in between
 * passes through the scheduler, a full barrier, on both CPUs.
 *
 * An async task is in the pool's queue, then in the slot of the pool thread that
 * runs it. The thread fills that slot under the pool's lock as it takes the job; see
 * pool.c. Slots of pool threads are in tables of their own (pool_slots.c).
 *
 * In userspace one half of the table is the thread's own stack of synchronous
 * tasks. All slots above the latest are free, so no search is needed, and a panic
 * finds the innermost task. Without membarrier() the slot at hand is
 * stopper_busy_slot, which is always taken, so that every task comes here, where
 * the light barriers are fences.
 *
 * While tasks are traced (span.c), run_task() does not use the slot at hand: every
 * task comes here, and a handle goes on the list, so that its end comes here too.
 * A task that was running before is not traced.
 *
 * Cost: see Documentation/performance.rst. In short, over a bare call, on one
 * 3.6 GHz Zen core: a rotating slot number in the table and an out-of-line function
 * 4 to 5 ns; a slot at hand, still out of line, 1.4 ns; inlined 0.2 to 0.5 ns. An
 * out-of-line function that does nothing costs 1.0 ns.
 *
 * Not promised: an exact count while tasks begin and end; tasks from NMIs or (in
 * userspace) signal handlers; longjmp() out of a task.
 */
#include "internal.h"
#include "ctx.h"
#include "label.h"
#include "lists.h"
#include "span.h"
#include "task.h"
#include "upcalls.h"
#include "view.h"

/* How many slots are tried before the task goes on a list: cheaper than a search of the table. */
#define CLAIM_TRIES	4

/* Always taken: the slot at hand where there is no table. */
struct stopper_slot stopper_busy_slot = { .stopper = (struct stopper *)&stopper_busy_slot };
EXPORT_SYMBOL_PLAT(stopper_busy_slot);

/* As __stopper_slot_leave(), but also correct where light barriers are fences. */
static PLAT_ALWAYS_INLINE void slot_release(struct stopper_slot *slot)
{
	/* (E) pairs with slot_held_by() and slot_claim(): the task happens before both */
	plat_store_release(&slot->stopper, NULL);
	/* (B2) pairs with tasks_watch_barrier(): see its watch, or it sees the slot clear */
	plat_light_barrier();
	if (PLAT_UNLIKELY(plat_load(&slot->watch)))
		__stopper_slot_wake(slot);
}

/* Fill a slot of this CPU or thread for @s. NULL: none is free, or there is no table. */
static PLAT_ALWAYS_INLINE struct stopper_slot *slot_claim(struct stopper *s,
							  const struct stopper_site *site,
							  unsigned int kind)
{
	struct stopper_cursor *c = plat_slots_pin(kind);
	struct stopper_slot *slot = NULL;
	unsigned int i;

	for (i = 0; c && i < CLAIM_TRIES; i++) {
		/* (E) pairs with slot_release() on any CPU: the last task's end is complete */
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

/* Is a task that is visible now admitted? As __stopper_admits(), also where barriers are fences. */
static PLAT_ALWAYS_INLINE bool task_is_admitted(const struct stopper *s)
{
	/* (B1) pairs with quiesce_begin(): read the new phase, or its drain sees the slot */
	plat_light_barrier();
	/* (R) pairs with pause_update(): what was written during a pause is seen */
	return PLAT_LIKELY(plat_load_acquire(&s->phase) == STOPPER_RUNNING);
}

/* The same for a synchronous task in @slot, which may be nested. */
static PLAT_ALWAYS_INLINE bool sync_task_is_admitted(struct stopper *s, struct stopper_slot *slot)
{
	return task_is_admitted(s) || task_may_nest(s, slot, STOPPER_KIND_SYNC);
}

/*
 * A task that does not end before its outer one was let in while @s drains, and is visible. The
 * outer one has not ended yet.
 */
void task_note_nested(struct stopper *s)
{
	lock_guard(&s->lock);

	plat_store(&s->nested, s->nested + 1);
}

static void leave_slot(struct stopper_slot *const *slot)
{
	slot_release(*slot);
	plat_slots_pop(*slot);
}

static void leave_list(struct stopper_task *const *task)
{
	task_list_del(*task);
}

static void leave_span(struct span_record *const *t)
{
	span_end(*t);
}

/* Run a traced task. A panic unwinds to the frame that called this. */
static PLAT_NOINLINE int task_call_traced(struct stopper *s, struct stopper_ctx *ctx,
					  const struct stopper_site *site, stopper_fn fn,
					  stopper_err_fn err_fn, void *arg)
{
	struct span_record *scope __attribute__((cleanup(leave_span))) =
		span_new(s, ctx_span(ctx), site, STOPPER_KIND_SYNC);

	span_begin(scope);
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
		/* After a panic there is a result even if the function returns none. */
		return err_fn ? result : 0;
	}
	if (err_fn)
		return err_fn(ctx, arg);
	fn(ctx, arg);
	return 0;
}

/* Run a synchronous task from a list: the table is full. A panic searches for this frame. */
PLAT_NOINLINE int task_run_listed(struct stopper *s, struct stopper_ctx *ctx,
				  const struct stopper_site *site, stopper_fn fn,
				  stopper_err_fn err_fn, void *arg)
{
	struct stopper_task task;

	if (!plat_load(&s->sync_listed))
		plat_store(&s->sync_listed, true);
	task_list_add(s, site, &task, STOPPER_KIND_SYNC);
	{
		struct stopper_task *scope __attribute__((cleanup(leave_list), unused)) = &task;

		if (sync_task_is_admitted(s, &task.own)) {
			plat_happens_after(&s->phase);
			return task_call(s, ctx, site, fn, err_fn, arg);
		}
	}
	return task_refused(s, STOPPER_KIND_SYNC, site, refusal_err(s));
}

/* The slot at hand is taken. Exactly one of @fn and @err_fn. A panic searches for this frame. */
PLAT_NOINLINE int task_run(struct stopper *s, struct stopper_ctx *ctx,
			   const struct stopper_site *site, stopper_fn fn,
			   stopper_err_fn err_fn, void *arg)
{
	struct stopper_slot *slot = slot_claim(s, site, STOPPER_KIND_SYNC);

	if (PLAT_UNLIKELY(!slot))
		return task_run_listed(s, ctx, site, fn, err_fn, arg);
	{
		/* Released on return, panic, exception or the end of the thread. */
		struct stopper_slot *scope __attribute__((cleanup(leave_slot), unused)) = slot;

		if (sync_task_is_admitted(s, slot))
			return task_call(s, ctx, site, fn, err_fn, arg);
	}
	return task_refused(s, STOPPER_KIND_SYNC, site, refusal_err(s));
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
	span_end(task->span);
	task_list_del(task);
}

/*
 * Make the caller's task visible. If it is not admitted, undo that and return why: the refusal is
 * neither counted nor traced, as the caller may try again.
 */
int task_try_begin(struct stopper *s, struct stopper_ctx *ctx, const struct stopper_site *site,
		   struct stopper_task *task)
{
	const unsigned int kind = STOPPER_KIND_HANDLE;
	struct stopper_slot *slot = NULL;
	bool traced = __stopper_traced();

	/* A traced task goes on the list, so that its end comes here too. */
	if (PLAT_LIKELY(!traced))
		slot = slot_claim(s, site, kind);
	if (PLAT_UNLIKELY(!slot))
		slot = task_list_add(s, site, task, kind);
	if (PLAT_UNLIKELY(!task_is_admitted(s))) {
		if (!task_may_nest(s, slot, kind)) {
			task_end(slot, task);
			task->slot = NULL;
			return refusal_err(s);
		}
		task_note_nested(s);
	}
	task->slot = slot;
	/* With a race detector every task is on a list. */
	if (PLAT_UNLIKELY(slot == &task->own))
		plat_happens_after(&s->phase);
	if (PLAT_UNLIKELY(traced)) {
		task->span = span_new(s, ctx_span(ctx), site, kind);
		span_begin(task->span);
	}
	return 0;
}

int __stopper_task_begin_slowpath(struct stopper *s, struct stopper_ctx *ctx,
				  const struct stopper_site *site, struct stopper_task *task)
{
	int err;

	if (plat_is_copy())
		return -EOPNOTSUPP;
	err = task_try_begin(s, ctx, site, task);
	return err ? task_refused(s, STOPPER_KIND_HANDLE, site, err) : 0;
}
EXPORT_SYMBOL_PLAT(__stopper_task_begin_slowpath);

/* The fast path, which is inlined into the caller, has found that @s refuses every task. */
int __stopper_task_refused(struct stopper *s, const struct stopper_site *site, unsigned int kind)
{
	return plat_is_copy() ? -EOPNOTSUPP : task_refused(s, kind, site, -ESHUTDOWN);
}
EXPORT_SYMBOL_PLAT(__stopper_task_refused);

/* End the task in a slot of a table. */
void task_end_in_table(struct stopper_slot *slot)
{
	slot_release(slot);
}

/* The end of an async task, on its pool thread. */
void task_end_async(struct stopper_slot *slot)
{
	plat_happens_before(slot->stopper);
	slot_release(slot);
}

static void warn_unbalanced_end(void)
{
	static unsigned int warned;

	/* (W) pairs with itself: exactly one thread warns */
	if (!plat_fetch_add_full(&warned, 1))
		stopper_log(NULL, STOPPER_LOG_ERR, "unbalanced stopper_task_end()");
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

int stopper_task_label(struct stopper_task *task, const char *fmt, ...)
{
	char text[STOPPER_LABEL_SHOWN + 2];	/* one byte more: is it cut? */
	struct stopper_slot *slot;
	va_list ap;
	int err;

	err = call_err(fmt && (!task || task->slot));
	if (err)
		return err;
	slot = task ? task->slot : slot_innermost();
	if (!slot)
		return -ESRCH;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return label_set(slot, text);
}
EXPORT_SYMBOL_PLAT(stopper_task_label);
