/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * sem.h - a counting semaphore whose waits are bounded by a context.
 */
#ifndef STOPPER_SEM_H
#define STOPPER_SEM_H

#include <stopper/ctx.h>

STOPPER_BEGIN_DECLS

/**
 * struct stopper_sem - a semaphore, embedded in the caller's object
 *
 * All fields are private. The semaphore must outlive every task that was started with it.
 */
struct stopper_sem {
	/* private: */
	stopper_lock_t lock;
	int capacity;
	int length;
	bool closed;
	int nwaiters;
	struct stopper_list waiters;	/* in order of arrival */
	const char *name;		/* NULL: none */
};

/**
 * stopper_sem_init() - initialize a semaphore
 * @sem: the semaphore
 * @capacity: number of slots; with 0 no acquire succeeds before a stopper_sem_resize()
 *
 * Context: Any context. Nothing else may use @sem meanwhile.
 * Return: 0, or -EINVAL if @sem is NULL or @capacity is negative.
 */
STOPPER_API int stopper_sem_init(struct stopper_sem *sem, int capacity);

/**
 * stopper_sem_set_name() - say what the slots are
 * @sem: the semaphore. NULL is a no-op
 * @name: a name, which is not copied and must live as long as @sem; any bytes. NULL: none, as after
 *	stopper_sem_init(). Unprintable bytes are shown escaped, and at most %STOPPER_NAME_SHOWN
 *	bytes are shown
 *
 * The debug list shows the name with the semaphore, while callers wait for it to run a task.
 *
 * Context: Any context. Nothing else may use @sem meanwhile.
 */
STOPPER_API void stopper_sem_set_name(struct stopper_sem *sem, const char *name);

/**
 * stopper_sem_destroy() - destroy a semaphore
 * @sem: the semaphore, without holders and waiters. NULL is a no-op
 *
 * After this call the memory may be freed. A caller that has acquired the last slot, or has
 * seen all slots free, may destroy @sem at once, even if the thread that released the slot has
 * not yet returned from stopper_sem_release().
 *
 * Context: Any context, in the kernel up to softirq.
 */
STOPPER_API void stopper_sem_destroy(struct stopper_sem *sem);

/**
 * stopper_sem_capacity() - get the number of slots
 * @sem: the semaphore
 *
 * Context: Any context.
 * Return: The capacity passed to stopper_sem_init(), or last to stopper_sem_resize().
 */
STOPPER_API int stopper_sem_capacity(const struct stopper_sem *sem);

/**
 * stopper_sem_resize() - change the number of slots, also while they are in use
 * @sem: the semaphore
 * @capacity: the new number of slots
 *
 * More slots are granted to waiters at once, in their order. Fewer slots take none from a
 * holder: slots that are released are not granted again until the length is below @capacity.
 * With 0, nothing is granted until the next resize.
 *
 * Context: Any context, in the kernel up to softirq.
 * Return: 0, or -EINVAL if @sem is NULL or @capacity is negative.
 */
STOPPER_API int stopper_sem_resize(struct stopper_sem *sem, int capacity);

/**
 * stopper_sem_length() - get the number of slots in use
 * @sem: the semaphore
 *
 * Context: Any context.
 * Return: A snapshot, which may be out of date when the call returns. After a resize it can be
 * larger than the capacity.
 */
STOPPER_API int stopper_sem_length(const struct stopper_sem *sem);

/**
 * stopper_sem_waiters() - get the number of callers that wait for slots
 * @sem: the semaphore
 *
 * A caller is counted until its slots are granted or it gives up; it may still be asleep then.
 *
 * Context: Any context.
 * Return: A snapshot, which may be out of date when the call returns.
 */
STOPPER_API int stopper_sem_waiters(const struct stopper_sem *sem);

/**
 * stopper_sem_try_acquire_n() - acquire several slots without waiting
 * @sem: the semaphore
 * @n: number of slots, all or none
 *
 * Context: Any context, in the kernel up to softirq.
 * Return:
 * * 0 - the slots are acquired
 * * -EBUSY - fewer slots are free, or others wait
 * * -ESHUTDOWN - the semaphore is closed
 * * -EINVAL - @sem is NULL, or @n is not positive
 */
STOPPER_API int stopper_sem_try_acquire_n(struct stopper_sem *sem, int n);

/**
 * stopper_sem_try_acquire() - acquire a slot without waiting
 * @sem: the semaphore
 *
 * Does not overtake callers that wait in stopper_sem_acquire().
 *
 * Context: Any context, in the kernel up to softirq.
 * Return:
 * * 0 - a slot is acquired
 * * -EBUSY - no slot is free
 * * -ESHUTDOWN - the semaphore is closed
 * * -EINVAL - @sem is NULL
 */
STOPPER_API int stopper_sem_try_acquire(struct stopper_sem *sem);

/**
 * stopper_sem_acquire_n() - acquire several slots, wait until so many are free
 * @sem: the semaphore
 * @n: number of slots, all or none
 * @ctx: bounds the wait; NULL: no bound
 *
 * Slots are granted in the order of arrival: those behind a large request wait until it is
 * granted. A request for more than the capacity waits for a stopper_sem_resize(), and holds up
 * those behind it meanwhile.
 *
 * Context: Process context. Sleeps.
 * Return: As stopper_sem_acquire(); also -EINVAL if @n is not positive.
 */
STOPPER_API int stopper_sem_acquire_n(struct stopper_sem *sem, int n, struct stopper_ctx *ctx);

/**
 * stopper_sem_acquire() - acquire a slot, wait if none is free
 * @sem: the semaphore
 * @ctx: bounds the wait; NULL: no bound
 *
 * Slots are granted in the order of arrival. A caller whose context has ended gets no slot,
 * even if one is free.
 *
 * Context: Process context. Sleeps.
 * Return:
 * * 0 - a slot is acquired
 * * -ECANCELED, -ETIMEDOUT - @ctx ended first
 * * -EINTR - kernel: a fatal signal, with a context of stopper_ctx_with_kill()
 * * -ESHUTDOWN - the semaphore is closed
 * * -EINVAL - @sem is NULL
 */
STOPPER_API int stopper_sem_acquire(struct stopper_sem *sem, struct stopper_ctx *ctx);

/**
 * stopper_sem_release_n() - release several slots
 * @sem: the semaphore, of which @n slots are held; any thread may release them
 * @n: number of slots; they need not have been acquired by one call
 *
 * A release of more slots than are held, or of none, warns once and is ignored.
 *
 * Context: Any context, in the kernel up to softirq.
 */
STOPPER_API void stopper_sem_release_n(struct stopper_sem *sem, int n);

/**
 * stopper_sem_release() - release a slot
 * @sem: the semaphore, of which a slot is held; any thread may release it
 *
 * An unbalanced release warns once and is ignored.
 *
 * Context: Any context, in the kernel up to softirq.
 */
STOPPER_API void stopper_sem_release(struct stopper_sem *sem);

/**
 * stopper_sem_close() - refuse all present and future acquires
 * @sem: the semaphore
 *
 * Waiters return -ESHUTDOWN. Slots that are held stay held until they are released.
 *
 * Context: Any context, in the kernel up to softirq.
 */
STOPPER_API void stopper_sem_close(struct stopper_sem *sem);

STOPPER_END_DECLS

#endif /* STOPPER_SEM_H */
