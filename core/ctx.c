// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * ctx.c - contexts.
 *
 * A context is an event whose code is an errno, and up to three sources that can fire it:
 * its parent's event, an event of a stopper, a timer.
 *
 * Lifetime. @refs are the users' references. @pins keep the memory: one for all users
 * together and one for each linked source, because a source may be about to fire the
 * context. A source is unlinked exactly once: by its own callback, which then drops the pin,
 * or by a successful event_try_detach() or plat_timer_cancel(), whose caller drops it. So
 * neither put nor cancel ever waits for a callback, and both may be called in softirq. The
 * thread that drops the last pin frees the context.
 *
 *   last put                          parent fires
 *   refs 1 -> 0                       takes the source off its list
 *   try_detach: not there             fires our event
 *   unpin 2 -> 1                      unpin 1 -> 0: frees
 *
 * A context holds a reference to its parent and a pin on its stopper until it is freed, so
 * the events of its sources outlive it (event.c, race 3). Freeing walks up the parents in a
 * loop: depth costs no stack.
 *
 * STOPPER_CTX_ENDS_AT_QUIESCE. A task on another thread that was started without a context gets
 * ->task_ctx of its stopper: one on-quiesce context for all, so it costs nothing. It needs no
 * reference: the leader drops it when no task is left. No task can cancel it for the others. One
 * that was started with a context gets a context derived from that (ctx_for_task()), unless it is
 * tied to the stopper by hand, on quiesce or on stop, or derived from one that is: its maker
 * has chosen when it ends. A synchronous task keeps what its caller gave: the caller waits for it
 * and its context is that of the whole call; the inlined fast path passes the pointer on unseen,
 * and a context for each call would cost a hundred times as much as the task.
 *
 * A span belongs to the context that was created with it. Contexts below point to it and
 * keep that context alive.
 *
 * The cause of a context's end is in the context that was cancelled with it (->own), or in the
 * stopper. A context that ends with another one gets a pointer (event.c, race 5). The references
 * above keep what it points to: a context holds its parents and pins its stopper.
 *
 * Ordered accesses
 *   (P) ->refs and ->pins. Each drop is a release, and the last one an acquire: all that any
 *       thread wrote before its drop is seen by the thread that frees.
 *   (Q) ->contexts, ->refused and ->dropped of the stopper are counts for people. The full order
 *       of their read-modify-writes is not needed.
 */
#include "internal.h"
#include "cause.h"
#include "ctx.h"
#include "event.h"
#include "span.h"
#include "upcalls.h"

struct stopper_ctx {
	struct caused_event done;	/* first: struct stopper_ctx_head */
	plat_ref_t refs;
	plat_ref_t pins;
	struct stopper_ctx *parent;
	struct stopper *s;
	struct stopper_on_fire parent_source;
	struct stopper_on_fire stopper_source;
	struct plat_timer timer;
	bool timed;
	bool shared;			/* ->task_ctx of ->s */
	const struct stopper *tied;	/* ends it, or an ancestor, at quiesce or stop */
	bool killable;			/* constant once other threads see the context */
	const struct span *span;	/* its own or an ancestor's; NULL: none */
	struct cause own;		/* if it was itself cancelled with a cause */
};

/* A context with a span of its own. */
struct span_ctx {
	struct stopper_ctx ctx;		/* first: freed by its address */
	struct span span;
};

/* The span that the context carries, valid as long as the context; NULL: none. */
const struct span *ctx_span(const struct stopper_ctx *ctx)
{
	return ctx ? ctx->span : NULL;
}

/* The error that ends this thread's waits with @ctx, which may be NULL; 0: none yet. */
int ctx_wait_err(const struct stopper_ctx *ctx)
{
	int err = stopper_ctx_err(ctx);

	if (err)
		plat_happens_after(&ctx->done.ev.fired);
	return !err && ctx && ctx->killable && plat_killed() ? -EINTR : err;
}

/* Lets the end of @ctx wake @p. */
void event_waiter_attach_ctx(struct event_waiter *w, struct stopper_ctx *ctx, struct plat_parker *p)
{
	if (ctx && ctx->killable)
		plat_park_as(p, PARK_KILLABLE);
	event_waiter_attach(w, ctx ? &ctx->done.ev : NULL, p);
}

/* Before other threads see the context. */
void ctx_make_killable(struct stopper_ctx *ctx)
{
	ctx->killable = true;
}

static void ctx_unlink_sources(struct stopper_ctx *ctx);

/* Drops one pin. If that freed the context: its parent, whose reference the caller drops. */
static struct stopper_ctx *ctx_unpin(struct stopper_ctx *ctx)
{
	struct stopper_ctx *parent;

	/* (P) pairs with the other drops of ->pins: what they wrote before is seen by the free */
	if (!plat_ref_put(&ctx->pins))
		return NULL;
	parent = ctx->parent;
	if (ctx->s) {
		/* (Q) a count for people: no order needed */
		plat_fetch_add_full(&ctx->s->contexts, -1);
		stopper_unpin(ctx->s);
	}
	stopper_event_destroy(&ctx->done.ev);
	plat_free(ctx);
	return parent;
}

void stopper_ctx_put(struct stopper_ctx *ctx)
{
	while (ctx && !plat_is_copy()) {
		/* (P) pairs with the other drops of ->refs: what they wrote before is seen */
		if (!plat_ref_put(&ctx->refs))
			return;
		ctx_unlink_sources(ctx);
		ctx = ctx_unpin(ctx);
	}
}
EXPORT_SYMBOL_PLAT(stopper_ctx_put);

struct stopper_ctx *stopper_ctx_get(struct stopper_ctx *ctx)
{
	if (ctx)
		plat_ref_get(&ctx->refs);
	return ctx;
}
EXPORT_SYMBOL_PLAT(stopper_ctx_get);

static void ctx_drop_source(struct stopper_ctx *ctx)
{
	stopper_ctx_put(ctx_unpin(ctx));
}

static void ctx_unlink_sources(struct stopper_ctx *ctx)
{
	/* None of these is the last pin: the caller has one. */
	if (event_try_detach(&ctx->parent_source))
		ctx_unpin(ctx);
	if (event_try_detach(&ctx->stopper_source))
		ctx_unpin(ctx);
	if (ctx->timed && plat_timer_cancel(&ctx->timer))
		ctx_unpin(ctx);
}

/* Called by the source, which has fired our event. */
static void ctx_source_fired(struct stopper_on_fire *of, void *arg)
{
	(void)of;
	ctx_drop_source(arg);
}

static void ctx_timer_fired(struct plat_timer *t)
{
	struct stopper_ctx *ctx = list_item(t, struct stopper_ctx, timer);

	event_fire_because(&ctx->done, ETIMEDOUT, NULL, NULL);
	ctx_drop_source(ctx);
}

static void ctx_link_source(struct stopper_ctx *ctx, struct stopper_on_fire *of,
			    struct caused_event *to)
{
	*of = (struct stopper_on_fire){
		.fn = ctx_source_fired, .arg = ctx, .chain = &ctx->done.ev,
	};
	/* Before it is linked: it may fire at once. */
	plat_ref_get(&ctx->pins);
	if (event_attach(&to->ev, of))
		return;
	/* The source had fired, as seen under its lock: the context has ended from the start. */
	event_fire_because(&ctx->done, plat_load(&to->ev.fired), to->cause, NULL);
	ctx_unpin(ctx);
}

/* @size: of the structure that begins with the context. Any context if not @may_sleep. */
static struct stopper_ctx *ctx_new_sized(size_t size, struct stopper_ctx *parent, bool may_sleep)
{
	struct stopper_ctx *ctx = may_sleep ? plat_alloc(size) : plat_alloc_lines(size, false);

	if (!ctx)
		return NULL;
	stopper_event_init(&ctx->done.ev);
	ctx->span = ctx_span(parent);
	ctx->killable = parent && parent->killable;
	ctx->tied = parent ? parent->tied : NULL;
	plat_ref_init(&ctx->refs, 1);
	plat_ref_init(&ctx->pins, 1);
	ctx->parent = stopper_ctx_get(parent);
	if (parent)
		ctx_link_source(ctx, &ctx->parent_source, &parent->done);
	return ctx;
}

static struct stopper_ctx *ctx_new(struct stopper_ctx *parent)
{
	return ctx_new_sized(sizeof(struct stopper_ctx), parent, true);
}

int stopper_ctx_with_cancel(struct stopper_ctx *parent, struct stopper_ctx **out)
{
	if (!out)
		return -EINVAL;
	*out = NULL;
	if (plat_is_copy())
		return -EOPNOTSUPP;
	*out = ctx_new(parent);
	return *out ? 0 : -ENOMEM;
}
EXPORT_SYMBOL_PLAT(stopper_ctx_with_cancel);

int stopper_ctx_with_deadline(struct stopper_ctx *parent, int64_t deadline_ns,
			      struct stopper_ctx **out)
{
	struct stopper_ctx *ctx;
	int err;

	if (!out)
		return -EINVAL;
	*out = NULL;
	if (plat_is_copy())
		return -EOPNOTSUPP;
	ctx = ctx_new(parent);
	if (!ctx)
		return -ENOMEM;
	if (deadline_ns <= plat_now()) {
		event_fire_because(&ctx->done, ETIMEDOUT, NULL, NULL);
	} else {
		plat_timer_init(&ctx->timer, ctx_timer_fired);
		plat_ref_get(&ctx->pins);
		ctx->timed = true;
		err = plat_timer_start(&ctx->timer, deadline_ns);
		if (err) {
			ctx->timed = false;
			ctx_unpin(ctx);
			stopper_ctx_put(ctx);
			return err;
		}
	}
	*out = ctx;
	return 0;
}
EXPORT_SYMBOL_PLAT(stopper_ctx_with_deadline);

int stopper_ctx_with_timeout(struct stopper_ctx *parent, int64_t timeout_ns,
			     struct stopper_ctx **out)
{
	int64_t deadline = timeout_ns > 0 ? ns_after(plat_now(), timeout_ns) : 0;

	return stopper_ctx_with_deadline(parent, deadline, out);
}
EXPORT_SYMBOL_PLAT(stopper_ctx_with_timeout);

static int ctx_with_event(struct stopper *s, struct caused_event *ev, struct stopper_ctx *parent,
			  struct stopper_ctx **out, bool may_sleep)
{
	struct stopper_ctx *ctx;

	*out = NULL;
	if (plat_is_copy())
		return -EOPNOTSUPP;
	ctx = ctx_new_sized(sizeof(*ctx), parent, may_sleep);
	*out = ctx;
	if (!ctx)
		return -ENOMEM;
	stopper_pin(s);
	/* (Q) a count for people: no order needed */
	plat_fetch_add_full(&s->contexts, 1);
	ctx->s = s;
	ctx->tied = s;
	ctx_link_source(ctx, &ctx->stopper_source, ev);
	return 0;
}

/* Create ->task_ctx of a stopper that no user has seen. */
int ctx_new_shared(struct stopper *s)
{
	int err = ctx_with_event(s, &s->quiesce_ctx, NULL, &s->task_ctx, true);

	if (!err)
		s->task_ctx->shared = true;
	return err;
}

/*
 * The context for a task of @s on another thread that is started with @ctx, with a reference. Any
 * context.
 */
int ctx_for_task(struct stopper *s, struct stopper_ctx *ctx, struct stopper_ctx **out)
{
	if (PLAT_UNLIKELY(s->flags & STOPPER_CTX_ENDS_AT_QUIESCE) && ctx && ctx->tied != s)
		return ctx_with_event(s, &s->quiesce_ctx, ctx, out, false);
	*out = stopper_ctx_get(ctx);
	return 0;
}

int stopper_ctx_with_cancel_on_quiesce(struct stopper *s, struct stopper_ctx *parent,
				       struct stopper_ctx **out)
{
	return s && out ? ctx_with_event(s, &s->quiesce_ctx, parent, out, true) : -EINVAL;
}
EXPORT_SYMBOL_PLAT(stopper_ctx_with_cancel_on_quiesce);

int stopper_ctx_with_cancel_on_stop(struct stopper *s, struct stopper_ctx *parent,
				    struct stopper_ctx **out)
{
	return s && out ? ctx_with_event(s, &s->stop_ctx, parent, out, true) : -EINVAL;
}
EXPORT_SYMBOL_PLAT(stopper_ctx_with_cancel_on_stop);

int stopper_ctx_with_span(struct stopper_ctx *parent, const struct stopper_span *span,
			  struct stopper_ctx **out)
{
	struct stopper_ctx *ctx;
	struct span_ctx *sc;
	struct span read;

	if (!out)
		return -EINVAL;
	*out = NULL;
	if (!span || !span_import(&read, span))
		return -EINVAL;
	if (plat_is_copy())
		return -EOPNOTSUPP;
	ctx = ctx_new_sized(sizeof(*sc), parent, true);
	if (!ctx)
		return -ENOMEM;
	sc = list_item(ctx, struct span_ctx, ctx);
	sc->span = read;
	ctx->span = &sc->span;
	*out = ctx;
	return 0;
}
EXPORT_SYMBOL_PLAT(stopper_ctx_with_span);

bool stopper_ctx_span(const struct stopper_ctx *ctx, struct stopper_span *out)
{
	const struct span *span = ctx_span(ctx);

	if (!span || !out)
		return false;
	span_export(out, span);
	return true;
}
EXPORT_SYMBOL_PLAT(stopper_ctx_span);

void stopper_ctx_cancel(struct stopper_ctx *ctx)
{
	if (!ctx || ctx->shared || plat_is_copy())
		return;
	event_fire_because(&ctx->done, ECANCELED, NULL, NULL);
	ctx_unlink_sources(ctx);
}
EXPORT_SYMBOL_PLAT(stopper_ctx_cancel);

int __stopper_ctx_cancel_because(struct stopper_ctx *ctx, const struct stopper_site *site, int err,
				 const char *fmt, ...)
{
	struct cause cause;
	va_list ap;
	bool ended;

	if (!ctx || ctx->shared || !site || err >= 0 || !fmt)
		return -EINVAL;
	if (plat_is_copy())
		return -EOPNOTSUPP;
	va_start(ap, fmt);
	cause_init(&cause, &(struct cause_args){ site, err, fmt, &ap });
	va_end(ap);
	ended = event_fire_because(&ctx->done, ECANCELED, &cause, &ctx->own);
	ctx_unlink_sources(ctx);
	return ended ? 0 : -EALREADY;
}
EXPORT_SYMBOL_PLAT(__stopper_ctx_cancel_because);

bool stopper_ctx_cause(const struct stopper_ctx *ctx, struct stopper_cause *out)
{
	int err = stopper_ctx_err(ctx);

	if (!err || !out)
		return false;
	plat_happens_after(&ctx->done.ev.fired);
	cause_export(out, ctx->done.cause, err);
	return true;
}
EXPORT_SYMBOL_PLAT(stopper_ctx_cause);

struct stopper_event *stopper_ctx_done(struct stopper_ctx *ctx)
{
	return ctx ? &ctx->done.ev : &event_never;
}
EXPORT_SYMBOL_PLAT(stopper_ctx_done);
