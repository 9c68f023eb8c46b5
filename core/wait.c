// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * wait.c - wait for events, with a context.
 *
 * A waiter attaches a record to each event and to that of its context (event.c), looks at all of
 * them, and parks until one wakes it; then it looks again. The lowest event that has fired counts,
 * also if the context has ended by then.
 */
#include "internal.h"
#include "ctx.h"
#include "event.h"

#define WAIT_STACK	8

static int events_find_fired(struct stopper_event *const *evs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (event_was_fired(evs[i]))
			return (int)i;
	return -1;
}

static int events_wait(struct stopper_event *const *evs, unsigned int n,
		       struct stopper_ctx *ctx, struct event_waiter *w)
{
	struct plat_parker park;
	struct event_waiter wctx;
	unsigned int i;
	int hit, err;

	plat_park_init(&park);
	event_waiter_attach_ctx(&wctx, ctx, &park);
	for (i = 0; i < n; i++)
		event_waiter_attach(&w[i], evs[i], &park);
	for (;;) {
		hit = events_find_fired(evs, n);
		err = ctx_wait_err(ctx);
		if (hit >= 0 || err)
			break;
		plat_park(&park, PLAT_FOREVER);
	}
	for (i = 0; i < n; i++)
		event_waiter_detach(&w[i]);
	event_waiter_detach(&wctx);
	return hit >= 0 ? hit : err;
}

int stopper_wait_any(struct stopper_event *const *evs, unsigned int n, struct stopper_ctx *ctx)
{
	struct event_waiter stack[WAIT_STACK], *w = stack;
	int ret;

	plat_might_sleep();
	if (!evs || !n || n > INT_MAX / sizeof(*w))
		return -EINVAL;
	ret = events_find_fired(evs, n);
	if (ret >= 0)
		return ret;
	if (plat_is_copy())
		return -EOPNOTSUPP;
	if (n == 1 && !ctx)
		plat_lockdep_wait_event(evs[0]);
	if (n > WAIT_STACK) {
		w = plat_alloc(n * sizeof(*w));
		if (!w)
			return -ENOMEM;
	}
	ret = events_wait(evs, n, ctx, w);
	if (w != stack)
		plat_free(w);
	return ret;
}
EXPORT_SYMBOL_PLAT(stopper_wait_any);

int stopper_wait(struct stopper_event *ev, struct stopper_ctx *ctx)
{
	return stopper_wait_any(&ev, 1, ctx);
}
EXPORT_SYMBOL_PLAT(stopper_wait);
