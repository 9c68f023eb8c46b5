/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * event.h - something that happens once, for ever.
 *
 * Asking is one acquire load. Waiting, callbacks and descriptors all hang on
 * the same list of records, each owned by whoever waits, so nothing is
 * allocated to wait.
 */
#ifndef STOPPER_EVENT_H
#define STOPPER_EVENT_H

#include <stopper/types.h>

STOPPER_BEGIN_DECLS

struct stopper_on_fire;

/**
 * struct stopper_event - fires once, for ever
 *
 * A caller may embed one in an object of his own (stopper_event_init()); those
 * of a stopper or a context live as long as it does. All fields are private.
 */
struct stopper_event {
	/* private: */
	unsigned int fired;		/* 0, or why: a positive errno, or 1 */
	int fd;				/* userspace: eventfd + 1, 0: none yet */
	stopper_lock_t lock;
	struct stopper_list waiters;	/* struct stopper_on_fire */
	void *firing;			/* a fire that runs a callback, on its thread's stack */
};

/**
 * struct stopper_on_fire - a callback record, owned by the caller
 *
 * Valid from stopper_event_on_fire() until its callback has been entered or
 * stopper_event_detach() has returned. The callback may free it. All fields
 * are private.
 */
struct stopper_on_fire {
	/* private: */
	struct stopper_list node;
	struct stopper_event *event;	/* while attached */
	void (*fn)(struct stopper_on_fire *of, void *arg);
	void *arg;
	struct stopper_event *chain;	/* fired next, in place of a call (contexts) */
};

/**
 * stopper_event_init() - make an event of the caller's own
 * @ev: the memory
 *
 * Context: any. Cannot fail.
 */
STOPPER_API void stopper_event_init(struct stopper_event *ev);

/**
 * stopper_event_destroy() - end an event made by stopper_event_init()
 * @ev: the event, with no waiter and no callback attached; NULL is allowed
 *
 * Closes its descriptor, if one was asked for. When it returns, the memory may be
 * freed. That holds at once after stopper_wait() has returned 0, or after any other
 * look that saw it fired, although the thread that fired it may still be inside
 * stopper_event_fire(): this call waits until that thread has left the event. A
 * callback may destroy the event that called it.
 *
 * Context: any; process context, and may sleep, if the event may just be firing and has
 * callbacks or several waiters.
 */
STOPPER_API void stopper_event_destroy(struct stopper_event *ev);

/**
 * stopper_event_fire() - let it happen
 * @ev: an event made by stopper_event_init()
 *
 * Wakes all waiters, then calls the attached callbacks one after the other,
 * in the order they were attached, with no lock held. A second fire does
 * nothing. What was written before the fire is seen by whoever sees it fired.
 *
 * Context: any, in the kernel up to softirq (callbacks run in this context).
 * Return: true when this call fired it, false when it had fired before.
 */
STOPPER_API bool stopper_event_fire(struct stopper_event *ev);

/**
 * stopper_event_fired() - has it happened?
 * @ev: an event; NULL: an event that never fires
 *
 * Wait-free: one acquire load, which pairs with the release in the fire.
 * Context: any.
 */
static inline bool stopper_event_fired(const struct stopper_event *ev)
{
	/* pairs with the release store of ->fired in core/event.c, tag (F) */
	return ev && __stopper_load_acquire(&ev->fired) != 0;
}

/**
 * stopper_wait() - wait until an event fires
 * @ev: the event; NULL: one that never fires
 * @ctx: gives up when this context ends; NULL: never
 *
 * Not a cancellation point; signals do not end it.
 * Context: process context, sleeps.
 * Return: 0 when it has fired (also when the context ended as well),
 * -ECANCELED or -ETIMEDOUT as the context says.
 */
STOPPER_API int stopper_wait(struct stopper_event *ev, struct stopper_ctx *ctx);

/**
 * stopper_wait_any() - wait until one of several events fires
 * @evs: the events; a NULL entry never fires
 * @n: how many, at least 1
 * @ctx: gives up when this context ends; NULL: never
 *
 * Context: process context, sleeps.
 * Return: the index of one that fired, the lowest if several; -ECANCELED or
 * -ETIMEDOUT; -EINVAL for no events; -ENOMEM when @n is over 8 and there is no memory.
 */
STOPPER_API int stopper_wait_any(struct stopper_event *const *evs, unsigned int n,
				 struct stopper_ctx *ctx);

/**
 * stopper_event_on_fire() - have a function called when an event fires
 * @ev: the event
 * @of: the caller's record, on no event now
 * @fn: called once, by whoever fires; at once, by this call, if it has fired already
 * @arg: handed to @fn
 *
 * @fn runs with no lock held, in the context of whoever fires: in the kernel
 * perhaps softirq; for a deadline, on the one thread or work item that serves
 * all of them. So it does not block. It may detach other records, fire other
 * events, free @of.
 *
 * Context: any.
 * Return: 0; -EINVAL without @ev, @of or @fn.
 */
STOPPER_API int stopper_event_on_fire(struct stopper_event *ev, struct stopper_on_fire *of,
				      void (*fn)(struct stopper_on_fire *of, void *arg), void *arg);

/**
 * stopper_event_detach() - take a callback back
 * @ev: the event @of was attached to, still alive
 * @of: the record
 *
 * When it returns, @fn is not running and never will, but for one case: called
 * from within @fn itself it returns at once.
 *
 * Context: process context, may sleep while @fn runs elsewhere.
 * Return: true when @fn was not and will not be called, false when it was.
 */
STOPPER_API bool stopper_event_detach(struct stopper_event *ev, struct stopper_on_fire *of);

STOPPER_END_DECLS

#endif /* STOPPER_EVENT_H */
