/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * types.h - basic types and macros of the public headers.
 *
 * Fixed-width types, a lock that can be embedded in the caller's objects, a list of two
 * pointers, and the memory accesses of inlined code. What differs between kernel and userspace is
 * in this header, site.h and slot.h. Fields of a struct that are not documented are private to
 * the stopper.
 */
#ifndef STOPPER_TYPES_H
#define STOPPER_TYPES_H

#ifdef __KERNEL__

#include <linux/bug.h>
#include <linux/types.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/spinlock.h>
#include <linux/compiler.h>
#include <linux/jiffies.h>
#include <linux/jump_label.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <asm/barrier.h>

typedef spinlock_t stopper_lock_t;

/* Private. Each use names its partner. */
#define __stopper_load(p)		READ_ONCE(*(p))
#define __stopper_store(p, v)	WRITE_ONCE(*(p), v)
#define __stopper_load_acquire(p)	smp_load_acquire(p)
#define __stopper_load_phase(p)	READ_ONCE(*(p))
#define __stopper_store_release(p, v) smp_store_release(p, v)
#define __stopper_store_barrier()	smp_wmb()
#define __stopper_compiler_barrier() barrier()
#define STOPPER_INLINE		static __always_inline
#define __stopper_likely(x)	likely(x)
#define __stopper_unlikely(x)	unlikely(x)
#define stopper_unreachable()	BUG()
#define STOPPER_API
#define STOPPER_PRINTF(f, a)	__printf(f, a)

#else /* userspace */

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef pthread_mutex_t stopper_lock_t;

/* Private. Each use names its partner. For TSan see user/platform.h. */
#define __stopper_load(p)		__atomic_load_n(p, __ATOMIC_RELAXED)
#define __stopper_store(p, v)	__atomic_store_n(p, v, __ATOMIC_RELAXED)
#define __stopper_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define __stopper_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define __stopper_compiler_barrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#define __stopper_likely(x)	__builtin_expect(!!(x), 1)
#define __stopper_unlikely(x)	__builtin_expect(!!(x), 0)
#if defined(__SANITIZE_THREAD__)
#define STOPPER_TSAN		1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define STOPPER_TSAN		1
#endif
#endif
#ifdef STOPPER_TSAN
#define __stopper_store_barrier()	__sync_synchronize()
#define __stopper_load_phase(p)	__stopper_load_acquire(p)	/* see core/pause.c */
#else
#define __stopper_store_barrier()	__atomic_thread_fence(__ATOMIC_RELEASE)
#define __stopper_load_phase(p)	__stopper_load(p)
#endif
#define STOPPER_INLINE		static __inline__ __attribute__((always_inline))
#define stopper_unreachable()	__builtin_unreachable()
#define STOPPER_API		__attribute__((visibility("default")))
#define STOPPER_PRINTF(f, a)	__attribute__((format(printf, f, a)))

#endif /* __KERNEL__ */

#ifdef __cplusplus
#define STOPPER_BEGIN_DECLS	extern "C" {
#define STOPPER_END_DECLS	}
#else
#define STOPPER_BEGIN_DECLS
#define STOPPER_END_DECLS
#endif

/* Head or node of a doubly linked list. A node that is on no list points to itself. */
struct stopper_list {
	struct stopper_list *next, *prev;
};

/* Node of a heap of deadlines. */
struct stopper_due {
	struct stopper_due *up, *left, *right;
	int64_t at;
	unsigned int rank;
};

struct module;
struct stopper;
struct stopper_ctx;

/**
 * typedef stopper_fn - the function of a task, worker or recover scope
 * @ctx: the context that it was started with; NULL: the background
 * @arg: the argument that it was started with
 */
typedef void (*stopper_fn)(struct stopper_ctx *ctx, void *arg);

/**
 * typedef stopper_err_fn - the function of a task that returns a result
 * @ctx: the context that it was started with; NULL: the background
 * @arg: the argument that it was started with
 *
 * Return: The result of stopper_run_task_err().
 */
typedef int (*stopper_err_fn)(struct stopper_ctx *ctx, void *arg);

#endif /* STOPPER_TYPES_H */
