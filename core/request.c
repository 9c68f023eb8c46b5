// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * request.c - requests to stop: the first one, and the list of asynchronous ones.
 *
 * The first request of any kind is recorded in the stopper, with its cause. One by
 * stopper_stop_async() is also appended to a list, which the keeper empties (keeper.c). So a
 * function that has failed can ask for a stop without a call into what stops:
 *
 *   stopper_stop_async()              keeper
 *   lock; append to the list          lock; pop; unlock; begin the stop, ...
 *   running? no: running = true,      ...
 *   wake the keeper; unlock           lock; list empty, no stop kept: running = false; unlock
 *
 *   All under one lock: the keeper finds the stopper, or it is woken for it.
 */
#include "internal.h"
#include "cause.h"
#include "request.h"
#include "upcalls.h"

static struct {
	stopper_lock_t lock;
	struct stopper_list list;	/* struct stopper, ->keeper_node */
	bool running;			/* the keeper is, or was woken */
} requests = {
	.lock = PLAT_LOCK_INIT(requests.lock),
	.list = { &requests.list, &requests.list },
};

/* Only the first request is recorded. */
PLAT_NOINLINE void stop_request_note(struct stopper *s, const struct cause_args *why)
{
	struct cause cause;

	cause_init(&cause, why);
	lock_guard(&s->lock);
	if (!s->stop_requested) {
		s->stop_requested = plat_now();
		s->cause = cause;
	}
}

static bool claim_stop_async(struct stopper *s)
{
	lock_guard(&s->lock);

	if (s->async_stop || phase_of(s) == STOPPER_STOPPED)
		return false;
	s->async_stop = true;
	return true;
}

/* The keeper takes over the caller's pin. */
static void stop_request_append(struct stopper *s)
{
	lock_guard(&requests.lock);

	slist_append(&requests.list, &s->keeper_node);
	if (!requests.running) {
		requests.running = true;
		plat_keeper_wake();
	}
}

static int stop_async(struct stopper *s, const struct cause_args *why)
{
	int err;

	err = call_err(s && why->site);
	if (err)
		return err;
	if (!claim_stop_async(s))
		return 0;
	stop_request_note(s, why);
	stopper_pin(s);
	stop_request_append(s);
	return 0;
}

int __stopper_stop_async(struct stopper *s, const struct stopper_site *site)
{
	return stop_async(s, &(struct cause_args){ .site = site });
}
EXPORT_SYMBOL_PLAT(__stopper_stop_async);

int __stopper_stop_async_because(struct stopper *s, const struct stopper_site *site, int err,
				 const char *fmt, ...)
{
	va_list ap;
	int ret;

	if (err >= 0 || !fmt)
		return -EINVAL;
	va_start(ap, fmt);
	ret = stop_async(s, &(struct cause_args){ site, err, fmt, &ap });
	va_end(ap);
	return ret;
}
EXPORT_SYMBOL_PLAT(__stopper_stop_async_because);

/* For the keeper: a stopper to stop, with a pin. NULL: there is none. */
struct stopper *stop_request_pop(void)
{
	struct stopper_list *n;

	lock_guard(&requests.lock);
	n = slist_pop(&requests.list);
	return n ? list_item(n, struct stopper, keeper_node) : NULL;
}

/* For the keeper, @busy with earlier ones or not. True: it has nothing to do until it is woken. */
bool stop_requests_rest(bool busy)
{
	lock_guard(&requests.lock);

	requests.running = busy || !slist_empty(&requests.list);
	return !requests.running;
}
