/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * sem.h - a counting semaphore that can be waited for with a context.
 */
#ifndef STOPPER_SEM_H
#define STOPPER_SEM_H

#include <stopper/ctx.h>

STOPPER_BEGIN_DECLS

/**
 * struct stopper_sem - a semaphore, embedded in the caller's object
 *
 * All fields are private. It must outlive every task that was started with it.
 */
struct stopper_sem {
	/* private: */
	stopper_lock_t lock;
	int capacity;
	int length;
	bool closed;
	struct stopper_list waiters;	/* first come, first served */
};

/**
 * stopper_sem_init() - make a semaphore
 * @sem: the memory
 * @capacity: how many may hold it at once; with 0 nobody ever may
 *
 * Context: any. Return: 0; -EINVAL for a NULL @sem or a negative @capacity.
 */
STOPPER_API int stopper_sem_init(struct stopper_sem *sem, int capacity);

/**
 * stopper_sem_destroy() - end a semaphore
 * @sem: the semaphore, with no holder and no waiter; NULL is allowed
 *
 * When it returns, the memory may be freed. That holds at once when the last slot has been
 * acquired by the caller, or has been seen free, although the thread that released it may
 * still be inside stopper_sem_release().
 * Context: any, in the kernel up to softirq.
 */
STOPPER_API void stopper_sem_destroy(struct stopper_sem *sem);

/**
 * stopper_sem_capacity() - how many may hold it
 * @sem: the semaphore
 *
 * Context: any. Return: the capacity given at init.
 */
STOPPER_API int stopper_sem_capacity(const struct stopper_sem *sem);

/**
 * stopper_sem_length() - how many hold it now
 * @sem: the semaphore
 *
 * Context: any. Return: a number that may be out of date when it arrives.
 */
STOPPER_API int stopper_sem_length(const struct stopper_sem *sem);

/**
 * stopper_sem_try_acquire() - take a slot if one is free and nobody waits for it
 * @sem: the semaphore
 *
 * Context: any, in the kernel up to softirq.
 * Return: 0; -EBUSY when none is free; -ESHUTDOWN when closed; -EINVAL for NULL.
 */
STOPPER_API int stopper_sem_try_acquire(struct stopper_sem *sem);

/**
 * stopper_sem_acquire() - wait for a slot, first come, first served
 * @sem: the semaphore
 * @ctx: gives up when this context ends; NULL: never
 *
 * A caller whose context has ended gets no slot, also when one is free.
 * Context: process context, sleeps.
 * Return: 0; -ECANCELED or -ETIMEDOUT; -ESHUTDOWN when closed; -EINVAL for NULL.
 */
STOPPER_API int stopper_sem_acquire(struct stopper_sem *sem, struct stopper_ctx *ctx);

/**
 * stopper_sem_release() - give a slot back
 * @sem: the semaphore, of which a slot is held; it need not be this thread's
 *
 * One release too many warns once and is ignored.
 * Context: any, in the kernel up to softirq.
 */
STOPPER_API void stopper_sem_release(struct stopper_sem *sem);

/**
 * stopper_sem_close() - refuse all who wait, now and later
 * @sem: the semaphore
 *
 * Slots that are held stay held until they are released.
 * Context: any, in the kernel up to softirq.
 */
STOPPER_API void stopper_sem_close(struct stopper_sem *sem);

STOPPER_END_DECLS

#endif /* STOPPER_SEM_H */
