/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * ctx.h - contexts: how long somebody is willing to wait.
 *
 * A context ends once, by cancellation or by its deadline, and all contexts
 * derived from it end with it. Contexts are counted by reference. A NULL
 * context is the background: it never ends. Times are nanoseconds on
 * CLOCK_MONOTONIC; the kernel rounds a deadline up to the next jiffy.
 */
#ifndef STOPPER_CTX_H
#define STOPPER_CTX_H

#include <stopper/event.h>

STOPPER_BEGIN_DECLS

/**
 * stopper_ctx_background() - the context that never ends
 *
 * Return: NULL, which every function here takes for the background.
 */
static inline struct stopper_ctx *stopper_ctx_background(void)
{
	return NULL;
}

/**
 * stopper_ctx_with_cancel() - a context that ends when told so
 * @parent: ends with this one as well; NULL: the background
 * @out: the new context, with one reference, to be put by the caller
 *
 * Context: process context, allocates.
 * Return: 0; -EINVAL without @out; -ENOMEM.
 */
STOPPER_API int stopper_ctx_with_cancel(struct stopper_ctx *parent, struct stopper_ctx **out);

/**
 * stopper_ctx_with_deadline() - a context that ends at a point in time
 * @parent: ends with this one as well; NULL: the background
 * @deadline_ns: when, on CLOCK_MONOTONIC; in the past: born ended
 * @out: the new context, with one reference
 *
 * Context: process context, allocates; in userspace the first one starts the
 * library's timer thread.
 * Return: 0; -EINVAL without @out; -ENOMEM; -EAGAIN when the thread cannot be started.
 */
STOPPER_API int stopper_ctx_with_deadline(struct stopper_ctx *parent, int64_t deadline_ns,
					  struct stopper_ctx **out);

/**
 * stopper_ctx_with_timeout() - a context that ends after a while
 * @parent: ends with this one as well; NULL: the background
 * @timeout_ns: how long from now; 0 or less: born ended
 * @out: the new context, with one reference
 *
 * Context and Return: as stopper_ctx_with_deadline().
 */
STOPPER_API int stopper_ctx_with_timeout(struct stopper_ctx *parent, int64_t timeout_ns,
					 struct stopper_ctx **out);

/**
 * stopper_ctx_with_cancel_on_quiesce() - a context that ends when a stopper quiesces
 * @s: the stopper; if it has quiesced, the context is born cancelled
 * @parent: ends with this one as well; NULL: the background
 * @out: the new context, with one reference
 *
 * It ends before ShouldQuiesce fires: who sees that event fired sees
 * -ECANCELED here. It keeps the stopper's memory, not the stopper, alive.
 *
 * Context: process context, allocates.
 * Return: 0; -EINVAL without @s or @out; -ENOMEM.
 */
STOPPER_API int stopper_ctx_with_cancel_on_quiesce(struct stopper *s, struct stopper_ctx *parent,
						   struct stopper_ctx **out);

/**
 * stopper_ctx_with_cancel_on_stop() - a context that ends when no task is left
 * @s: the stopper; if it is past that point, the context is born cancelled
 * @parent: ends with this one as well; NULL: the background
 * @out: the new context, with one reference
 *
 * It ends before ShouldStop fires.
 *
 * Context: process context, allocates.
 * Return: 0; -EINVAL without @s or @out; -ENOMEM.
 */
STOPPER_API int stopper_ctx_with_cancel_on_stop(struct stopper *s, struct stopper_ctx *parent,
						struct stopper_ctx **out);

/**
 * stopper_ctx_get() - one reference more
 * @ctx: a context, or NULL
 *
 * Context: any.
 * Return: @ctx.
 */
STOPPER_API struct stopper_ctx *stopper_ctx_get(struct stopper_ctx *ctx);

/**
 * stopper_ctx_put() - give a reference back
 * @ctx: a context, or NULL
 *
 * The last one frees it, detached from its parent and its stopper; it does not
 * cancel it: nobody is left who could see that.
 * Context: any.
 */
STOPPER_API void stopper_ctx_put(struct stopper_ctx *ctx);

/**
 * stopper_ctx_cancel() - end a context and all that derive from it
 * @ctx: a context; NULL is ignored: the background cannot be cancelled
 *
 * Context: any, in the kernel up to softirq (callbacks on its event run here).
 */
STOPPER_API void stopper_ctx_cancel(struct stopper_ctx *ctx);

/**
 * stopper_ctx_done() - the event that fires when the context ends
 * @ctx: a context; NULL: the background, whose event never fires
 *
 * Context: any. Return: never NULL; lives as long as the context.
 */
STOPPER_API struct stopper_event *stopper_ctx_done(struct stopper_ctx *ctx);

/* Every context begins with its event. The code it fires with is the errno. */
struct stopper_ctx_head {
	/* private: */
	struct stopper_event done;
};

/**
 * stopper_ctx_err() - has it ended, and why?
 * @ctx: a context, or NULL
 *
 * Wait-free: one acquire load.
 * Context: any.
 * Return: 0 while it lasts, -ECANCELED or -ETIMEDOUT once it has ended; it never changes again.
 */
static inline int stopper_ctx_err(const struct stopper_ctx *ctx)
{
	if (!ctx)
		return 0;
	/* pairs with the release store of ->fired in core/event.c, tag (F) */
	return -(int)__stopper_load_acquire(&((const struct stopper_ctx_head *)ctx)->done.fired);
}

STOPPER_END_DECLS

#endif /* STOPPER_CTX_H */
