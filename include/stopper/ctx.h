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

/**
 * struct stopper_span - a place in a trace, as W3C Trace Context has it
 * @trace_id: which trace; never all zero
 * @span_id: which span in it; never all zero
 *
 * The bytes stand in the order in which they are written in a traceparent header.
 */
struct stopper_span {
	uint8_t trace_id[16];
	uint8_t span_id[8];
};

/**
 * stopper_ctx_with_span() - a context that carries a span to the tasks started with it
 * @parent: ends with this one as well; NULL: the background
 * @span: copied, for example from a request's traceparent header
 * @out: the new context, with one reference
 *
 * All contexts derived from it carry the span too, until one is given another. A task
 * that is traced and started with such a context is a part of that trace; its parent
 * is @span, or the task that starts it if that one was started with the same span.
 *
 * Context: process context, allocates.
 * Return: 0; -EINVAL without @out or @span, or if one of its ids is all zero; -ENOMEM.
 */
STOPPER_API int stopper_ctx_with_span(struct stopper_ctx *parent, const struct stopper_span *span,
				      struct stopper_ctx **out);

/**
 * stopper_ctx_span() - the span that a context carries
 * @ctx: a context, or NULL
 * @out: the span; left alone if there is none
 *
 * Context: any.
 * Return: true if it carries one, its own or that of one it was derived from.
 */
STOPPER_API bool stopper_ctx_span(const struct stopper_ctx *ctx, struct stopper_span *out);

/**
 * stopper_current_span() - the span of the task or worker that this thread is in
 * @out: the span; left alone if there is none
 *
 * The innermost one that is traced: for a request to another service, or a log line.
 * A task has a span only if somebody listened when it started. Tasks that were begun
 * with stopper_task_begin() are no thread's.
 *
 * Context: any; in softirq there is none.
 * Return: true if there is one.
 */
STOPPER_API bool stopper_current_span(struct stopper_span *out);

#ifdef __KERNEL__
/**
 * stopper_ctx_with_kill() - a context whose waits a kill ends; kernel only
 * @parent: ends with this one as well; NULL: the background
 * @out: the new context, with one reference
 *
 * Whatever waits with it, or with one derived from it, also ends when the waiting process
 * has got a signal that kills, with -EINTR: stopper_stop(), stopper_quiesce(),
 * stopper_wait(), stopper_wait_any(), stopper_sem_acquire() and
 * stopper_run_limited_async_task(). As with a deadline nothing is undone: a stop has begun,
 * and a later call goes on from there. The context itself does not end by that.
 *
 * For what a process does on its own behalf, as an ioctl. Where the wait must not be given up,
 * as in a module's exit function, which cannot fail, use none.
 *
 * Context: process context, allocates.
 * Return: 0; -EINVAL without @out; -ENOMEM.
 */
int stopper_ctx_with_kill(struct stopper_ctx *parent, struct stopper_ctx **out);
#endif

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
