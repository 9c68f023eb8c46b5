/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * slot.h - the way into a task and out of it, inlined into its caller. Private.
 *
 * What makes a task known is some fifteen instructions: less than a call of a function that
 * would do them. Measured on 3.6 GHz Zen, over the bare call of the task's function: inlined
 * 0.2 ns, out of line 1.4 ns, of which 1.0 ns for being a function at all.
 *
 * The theory, the races and the letters of the ordered accesses are in core/task.c.
 *
 * Only a slot that is this CPU's or thread's own and was found free is filled here. All else
 * (a task inside a task, a full table, a thread's first task, softirq, no membarrier) finds
 * the slot at hand taken, or finds the one that is always taken, and goes to core/task.c.
 * So does every task while somebody listens to tasks: __stopper_traced(), a nop in the
 * kernel and a look at one word in userspace.
 */
#ifndef STOPPER_SLOT_H
#define STOPPER_SLOT_H

#include <stopper/errors.h>
#include <stopper/site.h>

STOPPER_BEGIN_DECLS

/* What stands in the top two bits of a slot's tid. */
#define STOPPER_KIND_SYNC	0u
#define STOPPER_KIND_HANDLE	1u
#define STOPPER_KIND_ASYNC	2u
#define STOPPER_KIND_SHIFT	30

/*
 * struct stopper_slot - how a running task is known
 *
 * Written by whoever runs the task, read by who counts. @stopper is the claim.
 */
struct stopper_slot {
	/* private: */
	struct stopper *stopper;
	const struct stopper_site *site;
	void *watch;
	unsigned int seq;
	unsigned int tid;
	/* userspace: the stack where a panic goes on; NULL: not inlined */
	/* kernel: who ends the task, its thread having oopsed; else NULL */
	void *frame;
	/* Read whole, also on i386. */
	__attribute__((aligned(8))) uint64_t start;
};

/* Where the next free slot is looked for. */
struct stopper_cursor {
	/* private: */
	struct stopper_slot *slot;	/* tried first */
	struct stopper_slot *first;	/* of those that this cursor goes over */
	unsigned int number;		/* the last that was given out */
	struct stopper_slot *edge;	/* the last of those that @slot ever was */
};

/* The beginning of a struct stopper. */
struct stopper_head {
	/* private: */
	unsigned int phase;		/* 0: RUNNING */
};

STOPPER_API int __stopper_run_task_slowpath(struct stopper *s, struct stopper_ctx *ctx,
					    const struct stopper_site *site, stopper_fn fn,
					    void *arg);
STOPPER_API int __stopper_run_task_err_slowpath(struct stopper *s, struct stopper_ctx *ctx,
						const struct stopper_site *site,
						stopper_err_fn fn, void *arg);
STOPPER_API void __stopper_slot_wake(struct stopper_slot *slot);

/* A new number, before all else that is written of a task. */
STOPPER_INLINE void __stopper_slot_number(struct stopper_slot *slot, unsigned int number)
{
	/* (S) pairs with view_slot() */
	__stopper_store_release(&slot->seq, number);
	/* (S) pairs with view_slot() */
	__stopper_store_barrier();
}

#ifdef __KERNEL__

/* Raised by who listens to the events of tasks; kmod/trace.c. */
DECLARE_STATIC_KEY_FALSE(stopper_traced);
#define __stopper_traced()	static_branch_unlikely(&stopper_traced)

/* [0]: process context, [1]: softirq; each is used by one of the CPU at a time. */
DECLARE_PER_CPU(struct stopper_cursor [2], stopper_cursors);
extern struct stopper_slot stopper_busy_slot;

#define STOPPER_NOT_PROCESS	(SOFTIRQ_OFFSET | HARDIRQ_MASK | NMI_MASK)

STOPPER_INLINE struct stopper_slot *__stopper_slot_pin(unsigned int kind)
{
	preempt_disable();
	if (unlikely(preempt_count() & STOPPER_NOT_PROCESS))
		return &stopper_busy_slot;
	return __this_cpu_read(stopper_cursors[0].slot);
}

STOPPER_INLINE void __stopper_slot_unpin(void)
{
	preempt_enable();
}

STOPPER_INLINE void __stopper_slot_stamp(struct stopper_slot *slot, unsigned int kind)
{
	__this_cpu_inc(stopper_cursors[0].number);
	__stopper_slot_number(slot, __this_cpu_read(stopper_cursors[0].number));
	__stopper_store(&slot->tid, kind << STOPPER_KIND_SHIFT | (unsigned int)current->pid);
	__stopper_store(&slot->start, (uint64_t)jiffies);
}

#ifdef CONFIG_LOCKDEP
struct lockdep_map *__stopper_lockdep_enter(struct stopper *s);
void __stopper_lockdep_leave(struct lockdep_map **map);

/* To the end of this block lockdep takes the caller for a task of @s; kmod/lockdep.c. */
#define __stopper_lockdep_task(s)						\
	struct lockdep_map *__dep __attribute__((cleanup(__stopper_lockdep_leave), unused)) = \
		__stopper_lockdep_enter(s)
#else
#define __stopper_lockdep_task(s)	((void)(s))
#endif

/* The compiler may inline a task that it knows: nothing looks for its frame. */
#define __stopper_slot_frame(slot)	((void)(slot))
#define __stopper_hide(fn)		((void)(fn))
#define STOPPER_INLINES_TASKS	1

#else /* userspace */

#define __stopper_lockdep_task(s)	((void)(s))

/* What a thread has at hand: a slot for synchronous tasks, one for handles. */
struct stopper_tls {
	/* private: */
	struct stopper_slot *slot[2];
	unsigned int tid;
};

/* initial-exec: one load and no call. Exported, and changed only by the library. */
extern __thread struct stopper_tls stopper_tls STOPPER_API
	__attribute__((tls_model("initial-exec")));

STOPPER_INLINE struct stopper_slot *__stopper_slot_pin(unsigned int kind)
{
	return stopper_tls.slot[kind];
}

STOPPER_INLINE void __stopper_slot_unpin(void)
{
}

/* When, readers remember: no clock is free here. Who, a stack of its own need not say. */
STOPPER_INLINE void __stopper_slot_stamp(struct stopper_slot *slot, unsigned int kind)
{
	__stopper_slot_number(slot, __stopper_load(&slot->seq) + 1);
	if (kind == STOPPER_KIND_SYNC)
		return;
	__stopper_store(&slot->tid, kind << STOPPER_KIND_SHIFT | stopper_tls.tid);
	__stopper_store(&slot->start, (uint64_t)0);
}

/*
 * The stack pointer of the call that comes next is how a panic finds this frame
 * (user/unwind.c). Nothing that moves it may come between: these are in one block
 * with the call, whose arguments are in registers.
 */
STOPPER_INLINE void __stopper_slot_frame(struct stopper_slot *slot)
{
#if defined(__x86_64__)
	__asm__ volatile("movq %%rsp, %0" : "=m" (slot->frame) : : "memory");
#elif defined(__aarch64__)
	void *sp;

	__asm__ volatile("mov %0, sp" : "=r" (sp) : : "memory");
	slot->frame = sp;
#else
	(void)slot;
#endif
}

/* The compiler must not inline a task that it knows: its frame would be this one. */
#define __stopper_hide(fn)	(__extension__ ({ __asm__ volatile("" : "+r" (fn)); }))

#if defined(__x86_64__) || defined(__aarch64__)
#define STOPPER_INLINES_TASKS	1
#else
#define STOPPER_INLINES_TASKS	0	/* arguments may be pushed after the look at sp */
#endif

/*
 * Does anybody listen to the events of tasks? The word is also the semaphore of their USDT
 * probes, which who attaches raises in the library's own memory. Named in C, it would be
 * copied into the program (R_X86_64_COPY), away from there; so its address is taken from
 * the global offset table, which has no effect, so that the compiler may do it once for a
 * whole loop. x86: compilers do not compare with memory that is read atomically.
 */
STOPPER_INLINE bool __stopper_traced(void)
{
#if defined(__x86_64__)
	const unsigned int *word;
	bool raised;

	__asm__("mov stopper_traced@GOTPCREL(%%rip), %0" : "=r" (word));
	__asm__ volatile("cmpl $0, %1" : "=@ccne" (raised) : "m" (*word));
	return __stopper_unlikely(raised);
#elif defined(__aarch64__)
	const unsigned int *word;

	__asm__("adrp %0, :got:stopper_traced\n\tldr %0, [%0, :got_lo12:stopper_traced]"
		: "=r" (word));
	return __stopper_unlikely(__stopper_load(word));
#else
	/* Nothing is inlined there, so only the library looks, whose type for it is another. */
	extern const unsigned int stopper_traced_word __asm__("stopper_traced");

	return __stopper_unlikely(__stopper_load(&stopper_traced_word));
#endif
}

#endif /* __KERNEL__ */

/* Makes a task visible in a slot that is ours, stamped and pinned. */
STOPPER_INLINE void __stopper_slot_fill(struct stopper_slot *slot, struct stopper *s,
					const struct stopper_site *site)
{
	__stopper_store(&slot->site, site);
	/* (C) pairs with view_slot() and slot_held_by() */
	__stopper_store_release(&slot->stopper, s);
}

STOPPER_INLINE void __stopper_slot_leave(struct stopper_slot *const *slot)
{
	/* (E) pairs with slot_held_by() and with the next claim */
	__stopper_store_release(&(*slot)->stopper, (struct stopper *)0);
	/* (B2) pairs with the heavy barrier in tasks_watch_barrier() */
	__stopper_compiler_barrier();
	if (__stopper_unlikely(__stopper_load(&(*slot)->watch)))
		__stopper_slot_wake(*slot);
}

/* A slot at hand, filled; NULL: ask core/task.c. */
STOPPER_INLINE struct stopper_slot *__stopper_slot_take(struct stopper *s,
							const struct stopper_site *site,
							unsigned int kind)
{
	struct stopper_slot *slot;

	if (!STOPPER_INLINES_TASKS || __stopper_traced())
		return NULL;
	slot = __stopper_slot_pin(kind);
	/* (E) pairs with __stopper_slot_leave(), on whichever CPU */
	if (__stopper_unlikely(__stopper_load_acquire(&slot->stopper))) {
		__stopper_slot_unpin();
		return NULL;
	}
	__stopper_slot_stamp(slot, kind);
	__stopper_slot_fill(slot, s, site);
	__stopper_slot_unpin();
	return slot;
}

/* May a task that is visible now run? */
STOPPER_INLINE bool __stopper_admits(const struct stopper *s)
{
	/* (B1) pairs with the heavy barrier in quiesce_begin() */
	__stopper_compiler_barrier();
	return __stopper_likely(!__stopper_load(&((const struct stopper_head *)s)->phase));
}

STOPPER_INLINE int __stopper_run_task(struct stopper *s, struct stopper_ctx *ctx,
				      const struct stopper_site *site, stopper_fn fn, void *arg)
{
	struct stopper_slot *slot;

	if (__stopper_unlikely(!s || !fn))
		return -EINVAL;
	slot = __stopper_slot_take(s, site, STOPPER_KIND_SYNC);
	if (__stopper_unlikely(!slot))
		return __stopper_run_task_slowpath(s, ctx, site, fn, arg);
	{
		/* Left by return, panic or exception. */
		struct stopper_slot *scope
			__attribute__((cleanup(__stopper_slot_leave), unused)) = slot;

		if (__stopper_unlikely(!__stopper_admits(s)))
			return -ESHUTDOWN;
		{
			__stopper_lockdep_task(s);

			__stopper_slot_frame(slot);
			__stopper_hide(fn);
			fn(ctx, arg);
		}
	}
	return 0;
}

STOPPER_INLINE int __stopper_run_task_err(struct stopper *s, struct stopper_ctx *ctx,
					  const struct stopper_site *site, stopper_err_fn fn,
					  void *arg)
{
	struct stopper_slot *slot;

	if (__stopper_unlikely(!s || !fn))
		return -EINVAL;
	slot = __stopper_slot_take(s, site, STOPPER_KIND_SYNC);
	if (__stopper_unlikely(!slot))
		return __stopper_run_task_err_slowpath(s, ctx, site, fn, arg);
	{
		struct stopper_slot *scope
			__attribute__((cleanup(__stopper_slot_leave), unused)) = slot;

		if (__stopper_unlikely(!__stopper_admits(s)))
			return -ESHUTDOWN;
		{
			__stopper_lockdep_task(s);

			__stopper_slot_frame(slot);
			__stopper_hide(fn);
			return fn(ctx, arg);
		}
	}
}

STOPPER_END_DECLS

#endif /* STOPPER_SLOT_H */
