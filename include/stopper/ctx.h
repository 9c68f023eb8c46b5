/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * ctx.h - contexts: cancellation and deadlines.
 *
 * A context bounds how long a caller waits or a task works. It ends once, by cancellation or at
 * its deadline, and all contexts that are derived from it end with it. Contexts are reference
 * counted. A NULL context is the background, which never ends.
 *
 * Times are in nanoseconds on CLOCK_MONOTONIC. A context does not end before its deadline; the
 * kernel may round a deadline up to the next jiffy.
 */
#ifndef STOPPER_CTX_H
#define STOPPER_CTX_H

#include <stopper/event.h>
#include <stopper/site.h>

STOPPER_BEGIN_DECLS

/* The text of a cause is shown up to this many bytes; a longer one is cut and ends in "...". */
#define STOPPER_CAUSE_SHOWN	96

/**
 * struct stopper_cause - why a context ended, or why a stopper stops
 * @err: the error that the caller gave, a negative errno; if none was given, -ECANCELED, or
 *	-ETIMEDOUT after a deadline
 * @line: line of the call that gave it; 0: none
 * @text: the text that the caller gave, printable; if none was given, "cancel", "deadline", or the
 *	name of the call that asked for the stop, such as "stop" or "quiesce"
 * @file: source file of that call, printable, of a long path the end; "" if there was no call site
 * @func: function of that call, printable
 */
struct stopper_cause {
	int err;
	unsigned int line;
	char text[STOPPER_CAUSE_SHOWN + 1];
	char file[32];
	char func[28];
};

/**
 * stopper_ctx_background() - get the context that never ends
 *
 * Context: Any context.
 * Return: NULL, which every function that takes a context accepts as the background.
 */
STOPPER_INLINE struct stopper_ctx *stopper_ctx_background(void)
{
	return NULL;
}

/**
 * stopper_ctx_with_cancel() - create a context that can be cancelled
 * @parent: when it ends, the new context ends too; NULL: the background
 * @out: set to the new context, with one reference for the caller
 *
 * Every context can be cancelled by stopper_ctx_cancel(); this one has no other end of its own.
 *
 * Context: Process context. Allocates memory.
 * Return: 0, -EINVAL if @out is NULL, or -ENOMEM.
 */
STOPPER_API int stopper_ctx_with_cancel(struct stopper_ctx *parent, struct stopper_ctx **out);

/**
 * stopper_ctx_with_deadline() - create a context that ends at a point in time
 * @parent: when it ends, the new context ends too; NULL: the background
 * @deadline_ns: the deadline in nanoseconds on CLOCK_MONOTONIC; if it has passed, the context is
 *	created ended
 * @out: set to the new context, with one reference for the caller
 *
 * At the deadline the context ends with -ETIMEDOUT.
 *
 * Context: Process context. Allocates memory. In userspace the first call may start the
 * library's timer thread.
 * Return:
 * * 0 - @out is set
 * * -EINVAL - @out is NULL
 * * -ENOMEM - out of memory
 * * -EAGAIN - userspace: the timer thread cannot be started
 */
STOPPER_API int stopper_ctx_with_deadline(struct stopper_ctx *parent, int64_t deadline_ns,
					  struct stopper_ctx **out);

/**
 * stopper_ctx_with_timeout() - create a context that ends after a time
 * @parent: when it ends, the new context ends too; NULL: the background
 * @timeout_ns: nanoseconds from now; 0 or less: the context is created ended
 * @out: set to the new context, with one reference for the caller
 *
 * Context: As stopper_ctx_with_deadline().
 * Return: As stopper_ctx_with_deadline().
 */
STOPPER_API int stopper_ctx_with_timeout(struct stopper_ctx *parent, int64_t timeout_ns,
					 struct stopper_ctx **out);

/**
 * stopper_ctx_with_cancel_on_quiesce() - create a context that ends when a stopper quiesces
 * @s: the stopper; from QUIESCING on, the context is created cancelled
 * @parent: when it ends, the new context ends too; NULL: the background
 * @out: set to the new context, with one reference for the caller
 *
 * The context ends with -ECANCELED before ShouldQuiesce fires: a thread that sees that event
 * fired also sees the context ended. The context pins the memory of @s. It is no reference to
 * @s and does not keep it from being stopped or put.
 *
 * Context: Process context. Allocates memory.
 * Return: 0, -EINVAL if @s or @out is NULL, or -ENOMEM.
 */
STOPPER_API int stopper_ctx_with_cancel_on_quiesce(struct stopper *s, struct stopper_ctx *parent,
						   struct stopper_ctx **out);

/**
 * stopper_ctx_with_cancel_on_stop() - create a context that ends when a stopper reaches STOPPING
 * @s: the stopper; from STOPPING on, the context is created cancelled
 * @parent: when it ends, the new context ends too; NULL: the background
 * @out: set to the new context, with one reference for the caller
 *
 * The context ends with -ECANCELED when no task is left, before ShouldStop fires; or earlier, with
 * -ETIMEDOUT, by the end stage of stopper_stop_staged() or stopper_stop_within(). For the lifetime
 * of @s see stopper_ctx_with_cancel_on_quiesce().
 *
 * Context: Process context. Allocates memory.
 * Return: 0, -EINVAL if @s or @out is NULL, or -ENOMEM.
 */
STOPPER_API int stopper_ctx_with_cancel_on_stop(struct stopper *s, struct stopper_ctx *parent,
						struct stopper_ctx **out);

/**
 * stopper_ctx_get() - take a reference
 * @ctx: a context that the caller has a reference to, or NULL
 *
 * Context: Any context.
 * Return: @ctx.
 */
STOPPER_API struct stopper_ctx *stopper_ctx_get(struct stopper_ctx *ctx);

/**
 * stopper_ctx_put() - drop a reference
 * @ctx: a context. NULL is a no-op
 *
 * The last put detaches the context from its parent, its stopper and its timer, and frees it.
 * It does not cancel the context, as no reference is left through which that could be seen.
 * Contexts that are derived from it hold references of their own.
 *
 * Context: Any context, in the kernel up to softirq.
 */
STOPPER_API void stopper_ctx_put(struct stopper_ctx *ctx);

/**
 * stopper_ctx_cancel() - end a context and all contexts derived from it
 * @ctx: a context. NULL is a no-op, as the background cannot be cancelled
 *
 * They end with -ECANCELED. For a context that has ended already this is a no-op.
 *
 * Context: Any context, in the kernel up to softirq. Callbacks on the events of these contexts
 * run in the same context.
 */
STOPPER_API void stopper_ctx_cancel(struct stopper_ctx *ctx);

/**
 * stopper_ctx_cancel_because() - end a context and all contexts derived from it, with a cause
 * @ctx: a context; NULL: the background, which cannot be cancelled
 * @err: the error to give as the cause, negative
 * @...: a format for the text of the cause and its arguments, as for printf()
 *
 * As stopper_ctx_cancel(): stopper_ctx_err() of these contexts returns -ECANCELED. @err and the
 * text are what stopper_ctx_cause() returns for each of them. The text is copied, escaped as a name
 * is, and cut at %STOPPER_CAUSE_SHOWN bytes. Allocates nothing. The first call, cancellation or
 * deadline that ends the context decides on its cause.
 *
 * Context: As stopper_ctx_cancel().
 * Return:
 * * 0 - this call has ended the context
 * * -EALREADY - it had ended before, and keeps its cause
 * * -EINVAL - @ctx or the format is NULL, or @err is not negative
 * * -ENOTSUP - userspace: in a child of fork() whose parent had used the library
 */
#define stopper_ctx_cancel_because(ctx, err, ...)				\
	__stopper_ctx_cancel_because(ctx, STOPPER_SITE("cancel"), err, __VA_ARGS__)
STOPPER_API STOPPER_PRINTF(4, 5)
int __stopper_ctx_cancel_because(struct stopper_ctx *ctx, const struct stopper_site *site, int err,
				 const char *fmt, ...);

/**
 * stopper_ctx_cause() - get the cause of the end of a context
 * @ctx: a context, or NULL
 * @out: set to the cause; unchanged if @ctx has not ended
 *
 * A context that ended with another one has the cause of that one. A context that ended because a
 * stopper quiesces or stops has the cause of that stop; see stopper_stop_cause(). The cause of an
 * ended context does not change. A thread that sees stopper_ctx_err() not 0 reads the whole
 * cause.
 *
 * Context: Any context, in the kernel up to softirq.
 * Return: true if @ctx has ended.
 */
STOPPER_API bool stopper_ctx_cause(const struct stopper_ctx *ctx, struct stopper_cause *out);

/**
 * stopper_ctx_done() - get the event that fires when a context ends
 * @ctx: a context; NULL: the background, whose event never fires
 *
 * Context: Any context.
 * Return: The event, never NULL. It lives as long as @ctx.
 */
STOPPER_API struct stopper_event *stopper_ctx_done(struct stopper_ctx *ctx);

/**
 * struct stopper_span - a span of a trace, as defined by W3C Trace Context
 * @trace_id: id of the trace; never all zero
 * @span_id: id of the span within the trace; never all zero
 *
 * The bytes are in the order in which a traceparent header has them.
 */
struct stopper_span {
	uint8_t trace_id[16];
	uint8_t span_id[8];
};

/**
 * stopper_ctx_with_span() - create a context that carries a span
 * @parent: when it ends, the new context ends too; NULL: the background
 * @span: copied; for example parsed from the traceparent header of a request
 * @out: set to the new context, with one reference for the caller
 *
 * Contexts that are derived from it carry the same span, unless they get one of their own. A
 * traced task that is started with such a context belongs to the trace of @span. Its parent span
 * is @span, or that of the task that starts it if that task was started with the same span.
 *
 * Context: Process context. Allocates memory.
 * Return:
 * * 0 - @out is set
 * * -EINVAL - @out or @span is NULL, or an id of @span is all zero
 * * -ENOMEM - out of memory
 */
STOPPER_API int stopper_ctx_with_span(struct stopper_ctx *parent, const struct stopper_span *span,
				      struct stopper_ctx **out);

/**
 * stopper_ctx_span() - get the span that a context carries
 * @ctx: a context, or NULL
 * @out: set to the span; unchanged if there is none
 *
 * Context: Any context.
 * Return: true if @ctx carries a span, its own or that of a context it is derived from.
 */
STOPPER_API bool stopper_ctx_span(const struct stopper_ctx *ctx, struct stopper_span *out);

/**
 * stopper_current_span() - get the span of the task or worker that runs on this thread
 * @out: set to the span; unchanged if there is none
 *
 * For the headers of a request to another service, or for a log line. If tasks are nested, this
 * is the span of the innermost traced one. A task has a span only if tracing was enabled when it
 * started. A task of stopper_task_begin() belongs to no thread and is not considered.
 *
 * Context: Any context. In softirq there is no current span.
 * Return: true if there is a span.
 */
STOPPER_API bool stopper_current_span(struct stopper_span *out);

#ifdef __KERNEL__
/**
 * stopper_ctx_with_kill() - create a context whose waits a fatal signal interrupts
 * @parent: when it ends, the new context ends too; NULL: the background
 * @out: set to the new context, with one reference for the caller
 *
 * Kernel only. A wait with this context, or with one derived from it, returns -EINTR when the
 * waiting process has a fatal signal pending. This applies to stopper_stop(), stopper_quiesce(),
 * stopper_wait(), stopper_wait_any(), stopper_sem_acquire() and
 * stopper_run_limited_async_task(). As after a timeout, nothing is undone: a stop has begun, and
 * a later call continues it. The context itself does not end.
 *
 * For waits on behalf of a process, for example in an ioctl. Not for waits that must not be
 * given up, for example in the exit function of a module, which cannot fail.
 *
 * Context: Process context. Allocates memory.
 * Return: 0, -EINVAL if @out is NULL, or -ENOMEM.
 */
int stopper_ctx_with_kill(struct stopper_ctx *parent, struct stopper_ctx **out);
#endif

/* The first member of every context. The event fires with the errno of stopper_ctx_err(). */
struct stopper_ctx_head {
	/* private: */
	struct stopper_event done;
};

/**
 * stopper_ctx_err() - test whether a context has ended, and why
 * @ctx: a context, or NULL
 *
 * Wait-free. An acquire load: all that was written before the cancellation is visible. The
 * result of an ended context does not change.
 *
 * Context: Any context.
 * Return:
 * * 0 - the context has not ended
 * * -ECANCELED - it was cancelled
 * * -ETIMEDOUT - its deadline has passed
 */
STOPPER_INLINE int stopper_ctx_err(const struct stopper_ctx *ctx)
{
	if (!ctx)
		return 0;
	/* (F) pairs with the release store of ->fired in core/event.c: the fire's writes show */
	return -(int)__stopper_load_acquire(&((const struct stopper_ctx_head *)ctx)->done.fired);
}

STOPPER_END_DECLS

#endif /* STOPPER_CTX_H */
