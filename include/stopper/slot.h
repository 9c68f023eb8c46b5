/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * slot.h - the fast path of the start and end of a task, inlined into the caller. Private.
 *
 * To make a task visible takes about fifteen instructions, which cost less than a call of a
 * function with them. Measured on a 3.6 GHz Zen core, on top of the bare call of the task's
 * function: inlined 0.2 ns, out of line 1.4 ns, of which an empty function costs 1.0 ns.
 *
 * core/task.c has the theory, the races and the table of the letters of ordered accesses; that of
 * (B3) is in core/pause.c.
 *
 * The fast path only fills the slot at hand: one free slot that belongs to this CPU or thread. In
 * all other cases (nested task, full table, first task of a thread, softirq, no membarrier) the
 * slot at hand is in use, or is stopper_busy_slot, and the slow path in core/task.c is taken. The
 * slow path is also taken while tracing of tasks is enabled; that test is __stopper_traced(), a
 * nop in the kernel and a load of one word in userspace.
 */
#ifndef STOPPER_SLOT_H
#define STOPPER_SLOT_H

#include <stopper/errors.h>
#include <stopper/site.h>

STOPPER_BEGIN_DECLS

/* The kind of a task, in the top two bits of the slot's tid */
#define STOPPER_KIND_SYNC	0u
#define STOPPER_KIND_HANDLE	1u
#define STOPPER_KIND_ASYNC	2u
#define STOPPER_KIND_NESTED	3u	/* an async task that was let in: STOPPER_ADMIT_NESTED */
#define STOPPER_KIND_SHIFT	30

struct stopper_label;

/*
 * struct stopper_slot - the record of a running task
 *
 * Written by the thread that runs the task, read by readers that count or list tasks. The slot is
 * in use while @stopper is not NULL.
 */
struct stopper_slot {
	/* private: */
	struct stopper *stopper;
	const struct stopper_site *site;
	void *watch;
	unsigned int seq;
	unsigned int tid;
	/* userspace: the stack pointer at which a panic resumes; NULL: not inlined */
	/* kernel: the work item that ends the task of an oopsed thread; else NULL */
	void *frame;
	/* aligned, so that i386 too loads it with one instruction */
	__attribute__((aligned(8))) uint64_t start;
	struct stopper_label *label;	/* of this task or an earlier one; core/label.c */
};

/* The position of a CPU or thread in its half of a table */
struct stopper_cursor {
	/* private: */
	struct stopper_slot *slot;	/* the slot at hand, tried first */
	struct stopper_slot *first;	/* the first slot of the half */
	unsigned int number;		/* the last sequence number used */
	struct stopper_slot *edge;	/* the last slot that was ever at hand */
};

/* The first member of struct stopper */
struct stopper_head {
	/* private: */
	unsigned int phase;		/* and the bits below; 0: tasks are admitted */
};

#define STOPPER_PHASE_MASK	7u
#define STOPPER_PHASE_PAUSED	8u	/* RUNNING, but tasks are refused with -EAGAIN */
#define STOPPER_PHASE_FINAL	16u	/* every task is refused with -ESHUTDOWN from now on */

STOPPER_API int __stopper_run_task_slowpath(struct stopper *s, struct stopper_ctx *ctx,
					    const struct stopper_site *site, stopper_fn fn,
					    void *arg);
STOPPER_API int __stopper_run_task_err_slowpath(struct stopper *s, struct stopper_ctx *ctx,
						const struct stopper_site *site,
						stopper_err_fn fn, void *arg);
STOPPER_API int __stopper_task_refused(struct stopper *s, const struct stopper_site *site,
				       unsigned int kind);
STOPPER_API void __stopper_slot_wake(struct stopper_slot *slot);

/* Stores a new sequence number. It must be visible before any other store of the new task. */
STOPPER_INLINE void __stopper_slot_number(struct stopper_slot *slot, unsigned int number)
{
	/* (S) pairs with the acquire in slot_view(): after the end of the old task */
	__stopper_store_release(&slot->seq, number);
	/* (S) pairs with the load barrier in slot_view(): before the new task's fields */
	__stopper_store_barrier();
}

#ifdef __KERNEL__

/* Enabled while a tracepoint of tasks is enabled; kmod/trace.c. */
DECLARE_STATIC_KEY_FALSE(stopper_traced);
#define __stopper_traced()	static_branch_unlikely(&stopper_traced)

/* [0]: process context, [1]: softirq. On a CPU each has one user at a time. */
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

/* Up to the end of the block, the caller counts as a task of @s for lockdep; kmod/lockdep.c. */
#define __stopper_lockdep_task(s)						\
	struct lockdep_map *__dep __attribute__((cleanup(__stopper_lockdep_leave), unused)) = \
		__stopper_lockdep_enter(s)
#else
#define __stopper_lockdep_task(s)	((void)(s))
#endif

/* The compiler may inline the task's function: the kernel does not unwind to its frame. */
#define __stopper_slot_frame(slot)	((void)(slot))
#define __stopper_hide(fn)		((void)(fn))
#define STOPPER_INLINES_TASKS	1

#else /* userspace */

#define __stopper_lockdep_task(s)	((void)(s))

/* The slots at hand of a thread: one for synchronous tasks, one for handles. */
struct stopper_tls {
	/* private: */
	struct stopper_slot *slot[2];
	unsigned int tid;
};

/* initial-exec: an access is one load without a call. Only the library writes it. */
extern __thread struct stopper_tls stopper_tls STOPPER_API
	__attribute__((tls_model("initial-exec")));

STOPPER_INLINE struct stopper_slot *__stopper_slot_pin(unsigned int kind)
{
	return stopper_tls.slot[kind];
}

STOPPER_INLINE void __stopper_slot_unpin(void)
{
}

/*
 * No timestamp, as reading a clock is too expensive: readers note when they first see the task.
 * No tid for synchronous tasks: the table identifies the thread.
 */
STOPPER_INLINE void __stopper_slot_stamp(struct stopper_slot *slot, unsigned int kind)
{
	__stopper_slot_number(slot, __stopper_load(&slot->seq) + 1);
	if (kind == STOPPER_KIND_SYNC)
		return;
	__stopper_store(&slot->tid, kind << STOPPER_KIND_SHIFT | stopper_tls.tid);
	__stopper_store(&slot->start, (uint64_t)0);
}

/*
 * Stores the stack pointer, with which a panic finds the frame of the call that follows
 * (user/unwind.c). Nothing may move the stack pointer between the two: they are in one block,
 * and the arguments of the call are in registers. It is one instruction of run_task's 23; a list
 * of frames for each thread, which would need no asm, would be eight.
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

/* Keeps the compiler from inlining the task's function, whose frame would then be this one. */
#define __stopper_hide(fn)	(__extension__ ({ __asm__ volatile("" : "+r" (fn)); }))

#if defined(__x86_64__) || defined(__aarch64__)
#define STOPPER_INLINES_TASKS	1
#else
#define STOPPER_INLINES_TASKS	0	/* arguments may be pushed after sp is read */
#endif

/*
 * Is tracing of tasks enabled? The word is also the semaphore of the USDT probes, which a tracer
 * increments in the memory of the library. If C code named it, the linker would copy it into the
 * program (R_X86_64_COPY), where the tracer does not find it. So its address is read from the
 * global offset table, in an asm without side effects, which the compiler may move out of a
 * loop. A hidden pointer in each program would need no asm, but one more load in each task (24
 * instructions instead of 23) and eight bytes of data. On x86 the comparison is in asm because
 * compilers do not compare with memory that is read atomically.
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
	/* Nothing is inlined here, so only the library reads it, where it has another type. */
	extern const unsigned int stopper_traced_word __asm__("stopper_traced");

	return __stopper_unlikely(__stopper_load(&stopper_traced_word));
#endif
}

#endif /* __KERNEL__ */

/* Makes a task visible in a pinned and stamped slot of this CPU or thread. */
STOPPER_INLINE void __stopper_slot_fill(struct stopper_slot *slot, struct stopper *s,
					const struct stopper_site *site)
{
	__stopper_store(&slot->site, site);
	/* (C) pairs with slot_view() and slot_held_by(): the fields above come first */
	__stopper_store_release(&slot->stopper, s);
}

STOPPER_INLINE void __stopper_slot_leave(struct stopper_slot *const *slot)
{
	/* (E) pairs with slot_held_by() and the next claim: all that the task did comes first */
	__stopper_store_release(&(*slot)->stopper, (struct stopper *)0);
	/* (B2) pairs with the heavy barrier in tasks_watch_barrier(): see race 2 */
	__stopper_compiler_barrier();
	if (__stopper_unlikely(__stopper_load(&(*slot)->watch)))
		__stopper_slot_wake(*slot);
}

/* Takes and fills the slot at hand. NULL: the slow path must be taken. */
STOPPER_INLINE struct stopper_slot *__stopper_slot_take(struct stopper *s,
							const struct stopper_site *site,
							unsigned int kind)
{
	struct stopper_slot *slot;

	if (!STOPPER_INLINES_TASKS || __stopper_traced())
		return NULL;
	slot = __stopper_slot_pin(kind);
	/* (E) pairs with __stopper_slot_leave() on any CPU: the old task has ended */
	if (__stopper_unlikely(__stopper_load_acquire(&slot->stopper))) {
		__stopper_slot_unpin();
		return NULL;
	}
	__stopper_slot_stamp(slot, kind);
	__stopper_slot_fill(slot, s, site);
	__stopper_slot_unpin();
	return slot;
}

/* Is a task that is now visible admitted? */
STOPPER_INLINE bool __stopper_admits(const struct stopper *s)
{
	/* (B1) pairs with the heavy barriers in quiesce_begin() and stopper_pause(): race 1 */
	__stopper_compiler_barrier();
	if (__stopper_unlikely(__stopper_load_phase(&((const struct stopper_head *)s)->phase)))
		return false;
	/* (B3) pairs with the heavy barrier in stopper_resume(): what preceded it is seen */
	__stopper_compiler_barrier();
	return true;
}

/* Is a task refused with -ESHUTDOWN? If not, the slow path decides. */
STOPPER_INLINE bool __stopper_refuses(const struct stopper *s)
{
	return __stopper_load(&((const struct stopper_head *)s)->phase) & STOPPER_PHASE_FINAL;
}

/* Exactly one of @fn and @err_fn, which the compiler knows: what is below folds to one of two. */
STOPPER_INLINE int __stopper_run(struct stopper *s, struct stopper_ctx *ctx,
				 const struct stopper_site *site, stopper_fn fn,
				 stopper_err_fn err_fn, void *arg)
{
	struct stopper_slot *slot = __stopper_slot_take(s, site, STOPPER_KIND_SYNC);

	if (__stopper_unlikely(!slot))
		goto slowpath;
	{
		/* Released on return, panic or exception. */
		struct stopper_slot *scope
			__attribute__((cleanup(__stopper_slot_leave), unused)) = slot;

		if (__stopper_unlikely(!__stopper_admits(s))) {
			if (__stopper_refuses(s))
				goto refused;
			goto slowpath;
		}
		{
			__stopper_lockdep_task(s);

			__stopper_slot_frame(slot);
			if (err_fn) {
				__stopper_hide(err_fn);
				return err_fn(ctx, arg);
			}
			__stopper_hide(fn);
			fn(ctx, arg);
		}
	}
	return 0;
refused:
	return __stopper_task_refused(s, site, STOPPER_KIND_SYNC);
slowpath:
	return err_fn ? __stopper_run_task_err_slowpath(s, ctx, site, err_fn, arg) :
			__stopper_run_task_slowpath(s, ctx, site, fn, arg);
}

STOPPER_INLINE int __stopper_run_task(struct stopper *s, struct stopper_ctx *ctx,
				      const struct stopper_site *site, stopper_fn fn, void *arg)
{
	if (__stopper_unlikely(!s || !fn))
		return -EINVAL;
	return __stopper_run(s, ctx, site, fn, NULL, arg);
}

STOPPER_INLINE int __stopper_run_task_err(struct stopper *s, struct stopper_ctx *ctx,
					  const struct stopper_site *site, stopper_err_fn fn,
					  void *arg)
{
	if (__stopper_unlikely(!s || !fn))
		return -EINVAL;
	return __stopper_run(s, ctx, site, NULL, fn, arg);
}

STOPPER_END_DECLS

#endif /* STOPPER_SLOT_H */
