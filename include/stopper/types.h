/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * types.h - what the public headers of both builds stand on.
 *
 * The one public header that knows which build it is in. It supplies fixed
 * types, a lock that can be embedded in a caller's object, a two-pointer list
 * and the one ordered load that is inlined into callers. Everything in a
 * struct below that is not documented as the caller's belongs to the stopper.
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
#include <asm/barrier.h>

typedef spinlock_t stopper_lock_t;

#define stopper_load_acquire(p)	smp_load_acquire(p)
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

#define stopper_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
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

/* A doubly linked list's head or node; a node that is on no list points to itself. */
struct stopper_list {
	struct stopper_list *next, *prev;
};

struct module;
struct stopper;
struct stopper_ctx;

/**
 * typedef stopper_fn - a task, worker, closer or any other function that is called back
 * @ctx: the context given with it, or NULL: the background
 * @arg: the argument given with it
 */
typedef void (*stopper_fn)(struct stopper_ctx *ctx, void *arg);

/**
 * typedef stopper_err_fn - a task that returns a result
 * @ctx: the context given with it, or NULL: the background
 * @arg: the argument given with it
 *
 * Return: whatever stopper_run_task_err() shall return.
 */
typedef int (*stopper_err_fn)(struct stopper_ctx *ctx, void *arg);

#endif /* STOPPER_TYPES_H */
