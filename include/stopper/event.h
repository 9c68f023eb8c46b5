/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * event.h - one-shot events.
 *
 * An event fires once and stays fired. To test it is one acquire load. Waiters, callbacks and
 * descriptors are records on one list; each record belongs to its waiter, so that a wait
 * allocates nothing.
 */
#ifndef STOPPER_EVENT_H
#define STOPPER_EVENT_H

#include <stopper/types.h>

STOPPER_BEGIN_DECLS

struct stopper_on_fire;

/**
 * struct stopper_event - a one-shot event
 *
 * A caller may embed one in its own object; see stopper_event_init(). The events of a stopper
 * or a context live as long as their owner. All fields are private.
 */
struct stopper_event {
	/* private: */
	unsigned int fired;		/* 0: no; else a positive errno, or 1 */
	int fd;				/* userspace: eventfd + 1; 0: none yet */
	stopper_lock_t lock;
	struct stopper_list waiters;	/* struct stopper_on_fire */
	void *firing;			/* the fire that runs callbacks, on its thread's stack */
};

/**
 * struct stopper_on_fire - a callback record, owned by the caller
 *
 * Must stay valid from stopper_event_on_fire() until the callback has been entered or
 * stopper_event_detach() has returned. The callback may free it. All fields are private.
 */
struct stopper_on_fire {
	/* private: */
	struct stopper_list node;
	struct stopper_event *event;	/* while attached */
	void (*fn)(struct stopper_on_fire *of, void *arg);
	void *arg;
	struct stopper_event *chain;	/* contexts: fired in place of a call of @fn */
};

/**
 * stopper_event_init() - initialize an event
 * @ev: the event
 *
 * Cannot fail.
 *
 * Context: Any context. Nothing else may use @ev meanwhile.
 */
STOPPER_API void stopper_event_init(struct stopper_event *ev);

/**
 * stopper_event_destroy() - destroy an event
 * @ev: an event of stopper_event_init(), without waiters and callbacks. NULL is a no-op
 *
 * Closes the descriptor of stopper_event_fd(), if there is one. After this call the memory may
 * be freed.
 *
 * A caller that has seen the event fired, by stopper_wait() or by any other means, may destroy
 * it at once, even if the firing thread has not yet returned from stopper_event_fire(): this
 * call waits until that thread no longer uses the event. A callback may destroy the event that
 * called it.
 *
 * Context: Any context, in the kernel up to softirq. May sleep, and needs process context, if a
 * fire with callbacks or with several waiters may be in progress.
 */
STOPPER_API void stopper_event_destroy(struct stopper_event *ev);

/**
 * stopper_event_fire() - fire an event
 * @ev: an event of stopper_event_init()
 *
 * Wakes all waiters, then calls the attached callbacks one after the other in the order of
 * their attachment, with no lock held. Firing a fired event is a no-op.
 *
 * Everything that the caller wrote before the first fire is visible to every thread that sees
 * the event fired.
 *
 * Context: Any context, in the kernel up to softirq; callbacks run in the same context.
 * Return: true if this call fired the event, false if it had fired before.
 */
STOPPER_API bool stopper_event_fire(struct stopper_event *ev);

/**
 * stopper_event_fired() - test an event
 * @ev: an event; NULL: an event that never fires
 *
 * Wait-free. An acquire load: after true, all that was written before the fire is visible.
 *
 * Context: Any context.
 * Return: true if the event has fired.
 */
STOPPER_INLINE bool stopper_event_fired(const struct stopper_event *ev)
{
	/* (F) pairs with the release store of ->fired in core/event.c: the fire's writes show */
	return ev && __stopper_load_acquire(&ev->fired) != 0;
}

/**
 * stopper_wait() - wait until an event fires
 * @ev: the event; NULL: an event that never fires
 * @ctx: bounds the wait; NULL: no bound
 *
 * Signals do not interrupt the wait, and it is not a cancellation point. A lost wake-up is
 * impossible: an event that has fired before the call is seen.
 *
 * Context: Process context. Sleeps.
 * Return:
 * * 0 - the event has fired, even if @ctx has ended too
 * * -ECANCELED, -ETIMEDOUT - @ctx ended first
 * * -EINTR - kernel: a fatal signal, with a context of stopper_ctx_with_kill()
 */
STOPPER_API int stopper_wait(struct stopper_event *ev, struct stopper_ctx *ctx);

/**
 * stopper_wait_any() - wait until one of several events fires
 * @evs: the events; a NULL entry never fires
 * @n: number of events, at least 1
 * @ctx: bounds the wait; NULL: no bound
 *
 * Context: Process context. Sleeps. Allocates memory if @n is above 8.
 * Return:
 * * 0 or above - the index of an event that has fired, the lowest if several have
 * * -ECANCELED, -ETIMEDOUT - @ctx ended first
 * * -EINTR - kernel: a fatal signal, with a context of stopper_ctx_with_kill()
 * * -EINVAL - @evs is NULL, or @n is 0 or too large
 * * -ENOMEM - @n is above 8 and memory is short
 */
STOPPER_API int stopper_wait_any(struct stopper_event *const *evs, unsigned int n,
				 struct stopper_ctx *ctx);

/**
 * stopper_event_on_fire() - attach a callback to an event
 * @ev: the event
 * @of: the caller's record, not attached to any event
 * @fn: called once by the thread that fires; by this call itself if the event has fired
 * @arg: passed to @fn
 *
 * @fn runs with no lock held, in the context of the fire: in the kernel possibly softirq. The
 * callbacks of deadlines share one thread (userspace) or the workqueue (kernel). So @fn must
 * not block. It may detach other records, fire other events and free @of.
 *
 * Context: Any context, in the kernel up to softirq.
 * Return: 0, or -EINVAL if @ev, @of or @fn is NULL.
 */
STOPPER_API int stopper_event_on_fire(struct stopper_event *ev, struct stopper_on_fire *of,
				      void (*fn)(struct stopper_on_fire *of, void *arg), void *arg);

/**
 * stopper_event_detach() - detach a callback from an event
 * @ev: the event that @of was attached to; must still exist
 * @of: the record
 *
 * After this call the callback is not running and never will. One exception: a detach from
 * inside the callback itself returns at once.
 *
 * Context: Process context. Sleeps while the callback runs on another thread.
 * Return: true if the callback has not been and will not be called, false if it was called.
 */
STOPPER_API bool stopper_event_detach(struct stopper_event *ev, struct stopper_on_fire *of);

STOPPER_END_DECLS

#endif /* STOPPER_EVENT_H */
