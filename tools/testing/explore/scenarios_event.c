// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scenarios_event.c - events and contexts: the races drawn in core/event.c and core/ctx.c.
 */
#include "scenario.h"
#include "upcalls.h"

static struct stopper_event ev, ev2;
static struct stopper_on_fire *of;
static struct stopper_ctx *parent, *child;
static struct stopper *s;

static void fires(void *e)
{
	stopper_event_fire(e);
}

SCENARIO(wait_or_fire, "event.c, race 1: one waits while another fires; then the event goes",
	 .budget = 4, .stale = 2)
{
	struct stopper_event *e = plat_alloc(sizeof(*e));

	stopper_event_init(e);
	go(fires, e);
	check(!stopper_wait(e, NULL));
	check(stopper_event_fired(e));
	join_all();
	stopper_event_destroy(e);
	plat_free(e);
}

SCENARIO(waiter_frees, "event.c, race 4: a waiter frees the event while its firer leaves",
	 .budget = 4, .stale = 2)
{
	struct stopper_event *e = plat_alloc(sizeof(*e));

	stopper_event_init(e);
	go(fires, e);
	check(!stopper_wait(e, NULL));
	stopper_event_destroy(e);
	plat_free(e);
}

static void called_back(struct stopper_on_fire *o, void *arg)
{
	ghost_add(CALLED, 1);
	ghost_add(RETURNED, 1);
}

SCENARIO(waiter_frees_with_callback, "event.c, race 4: the event is freed after its callback",
	 .budget = 4, .stale = 1)
{
	struct stopper_event *e = plat_alloc(sizeof(*e));

	stopper_event_init(e);
	of = plat_alloc(sizeof(*of));
	check(!stopper_event_on_fire(e, of, called_back, NULL));
	go(fires, e);
	check(!stopper_wait(e, NULL));
	stopper_event_destroy(e);
	check(ghost_get(RETURNED) == 1);
	plat_free(e);
	plat_free(of);
}

static void frees_event(struct stopper_on_fire *o, void *arg)
{
	ghost_add(CALLED, 1);
	plat_free(o);
	stopper_event_destroy(arg);
	plat_free(arg);
}

SCENARIO(callback_frees, "event.c, race 4: a callback frees the event that called it",
	 .budget = 4, .stale = 1)
{
	struct stopper_event *e = plat_alloc(sizeof(*e));

	stopper_event_init(e);
	of = plat_alloc(sizeof(*of));
	check(!stopper_event_on_fire(e, of, frees_event, e));
	go(fires, e);
	join_all();
	check(ghost_get(CALLED) == 1);
}

static void called(struct stopper_on_fire *o, void *arg)
{
	check(o == of && ghost_add(CALLED, 1) == 1);
	ghost_add(RETURNED, 1);
}

SCENARIO(detach_or_fire, "event.c, race 2: detach returns when the callback is over or will not be",
	 .budget = 4, .stale = 1)
{
	bool mine;

	stopper_event_init(&ev);
	of = plat_alloc(sizeof(*of));
	check(!stopper_event_on_fire(&ev, of, called, NULL));
	go(fires, &ev);
	mine = stopper_event_detach(&ev, of);
	check(ghost_get(CALLED) == !mine && ghost_get(RETURNED) == !mine);
	plat_free(of);
	join_all();
	check(ghost_get(CALLED) == !mine);
	stopper_event_destroy(&ev);
}

static void called_and_freed(struct stopper_on_fire *o, void *arg)
{
	ghost_add(CALLED, 1);
	plat_free(o);
}

static void attach(void *arg)
{
	struct stopper_on_fire *o = plat_alloc(sizeof(*o));

	check(!stopper_event_on_fire(&ev, o, called_and_freed, NULL));
}

SCENARIO(attach_or_fire, "a callback is attached while the event fires; it frees its own record",
	 .budget = 4, .stale = 1)
{
	stopper_event_init(&ev);
	go(attach, NULL);
	stopper_event_fire(&ev);
	join_all();
	check(ghost_get(CALLED) == 1);
	stopper_event_destroy(&ev);
}

SCENARIO(fired_twice, "two fire; callbacks are called once",
	 .budget = 3, .stale = 1)
{
	stopper_event_init(&ev);
	of = plat_alloc(sizeof(*of));
	check(!stopper_event_on_fire(&ev, of, called, NULL));
	go(fires, &ev);
	stopper_event_fire(&ev);
	join_all();
	check(ghost_get(CALLED) == 1);
	plat_free(of);
	stopper_event_destroy(&ev);
}

static void puts_(void *c)
{
	stopper_ctx_put(c);
}

static void waits_or_is_killed(void *e)
{
	int err = stopper_wait(e, child);

	check(!err || err == -EINTR);
	ghost_set(RETURNED, err);
}

SCENARIO(killed_or_fired, "ctx.c: a waiter is killed while its event fires",
	 .budget = 4, .stale = 1)
{
	stopper_event_init(&ev);
	check(!stopper_ctx_with_cancel(NULL, &child));
	ctx_make_killable(child);
	go(waits_or_is_killed, &ev);
	go(fires, &ev);
	explore_kill("A");
	join_all();
	stopper_event_destroy(&ev);
	stopper_ctx_put(child);
}

SCENARIO(killed_alone, "ctx.c: a kill ends a wait for what never comes, also by a derived context",
	 .budget = 4, .stale = 1)
{
	stopper_event_init(&ev);
	check(!stopper_ctx_with_cancel(NULL, &parent));
	ctx_make_killable(parent);
	check(!stopper_ctx_with_cancel(parent, &child));
	go(waits_or_is_killed, &ev);
	explore_kill("A");
	join_all();
	check(ghost_get(RETURNED) == -EINTR);
	stopper_event_destroy(&ev);
	stopper_ctx_put(child);
	stopper_ctx_put(parent);
}

SCENARIO(wait_any, "one waits for two events and a context",
	 .budget = 3, .stale = 1)
{
	struct stopper_event *evs[] = { &ev, &ev2 };
	int got;

	stopper_event_init(&ev);
	stopper_event_init(&ev2);
	check(!stopper_ctx_with_cancel(NULL, &parent));
	go(fires, &ev2);
	go(cancels_ctx, parent);
	got = stopper_wait_any(evs, 2, parent);
	check(got == 1 || got == -ECANCELED);
	join_all();
	stopper_ctx_put(parent);
	stopper_event_destroy(&ev);
	stopper_event_destroy(&ev2);
}

SCENARIO(put_or_cancel, "ctx.c: the last put of a child while its parent is cancelled",
	 .budget = 4, .stale = 1)
{
	check(!stopper_ctx_with_cancel(NULL, &parent));
	check(!stopper_ctx_with_cancel(parent, &child));
	go(cancels_ctx, parent);
	stopper_ctx_put(child);
	join_all();
	stopper_ctx_put(parent);
}

SCENARIO(put_by_two, "ctx.c: the last puts of a child and of its parent, which is cancelled",
	 .budget = 3, .stale = 1)
{
	check(!stopper_ctx_with_cancel(NULL, &parent));
	check(!stopper_ctx_with_cancel(parent, &child));
	stopper_ctx_get(parent);
	go(cancels_ctx, parent);
	go(puts_, child);
	stopper_ctx_put(parent);
	join_all();
	check(stopper_ctx_err(parent) == -ECANCELED);
	stopper_ctx_put(parent);
}

/* More children than the fire moves in one go. */
SCENARIO(put_between_chains, "event.c: one child is put, one is derived, while the fire pauses",
	 .budget = 3, .stale = 1)
{
	struct stopper_ctx *first, *second, *late;

	check(!stopper_ctx_with_cancel(NULL, &parent));
	check(!stopper_ctx_with_cancel(parent, &first));
	check(!stopper_ctx_with_cancel(parent, &second));
	check(!stopper_ctx_with_cancel(parent, &child));
	stopper_ctx_get(parent);
	go(cancels_ctx, parent);
	stopper_ctx_put(child);
	check(!stopper_ctx_with_cancel(parent, &late));
	stopper_ctx_put(parent);
	join_all();
	check(stopper_ctx_err(first) == -ECANCELED && stopper_ctx_err(second) == -ECANCELED);
	check(stopper_ctx_err(late) == -ECANCELED);
	stopper_ctx_put(late);
	stopper_ctx_put(second);
	stopper_ctx_put(first);
	stopper_ctx_put(parent);
}

static void derive(void *arg)
{
	if (stopper_ctx_with_cancel(parent, &child))
		child = NULL;
}

SCENARIO(derive_or_cancel, "a context is derived while its parent is cancelled",
	 .budget = 4, .stale = 1, .faults = 1)
{
	child = NULL;
	if (stopper_ctx_with_cancel(NULL, &parent))
		return;
	go(derive, NULL);
	stopper_ctx_cancel(parent);
	join_all();
	if (child)
		check(stopper_ctx_err(child) == -ECANCELED);
	stopper_ctx_put(child);
	stopper_ctx_put(parent);
}

SCENARIO(grandchild, "a wait for a grandchild's end, while the eldest is cancelled",
	 .budget = 3, .stale = 1)
{
	struct stopper_ctx *grandchild;

	check(!stopper_ctx_with_cancel(NULL, &parent));
	check(!stopper_ctx_with_cancel(parent, &child));
	check(!stopper_ctx_with_cancel(child, &grandchild));
	go(cancels_ctx, parent);
	check(!stopper_wait(stopper_ctx_done(grandchild), NULL));
	check(stopper_ctx_err(grandchild) == -ECANCELED && stopper_ctx_err(parent) == -ECANCELED);
	stopper_ctx_put(grandchild);
	stopper_ctx_put(child);
	join_all();
	stopper_ctx_put(parent);
}

SCENARIO(deadline_or_cancel, "a deadline comes while its context is cancelled and put",
	 .budget = 3, .stale = 1, .needs_time = true)
{
	int err;

	check(!stopper_ctx_with_timeout(NULL, 1000, &parent));
	stopper_ctx_get(parent);
	go(cancels_ctx, parent);
	check(!stopper_wait(stopper_ctx_done(parent), NULL));
	err = stopper_ctx_err(parent);
	check(err == -ETIMEDOUT || err == -ECANCELED);
	stopper_ctx_put(parent);
	join_all();
	check(stopper_ctx_err(parent) == err);
	stopper_ctx_put(parent);
}

SCENARIO(deadline_or_put, "a deadline comes while its context is put",
	 .budget = 4, .stale = 1, .needs_time = true)
{
	check(!stopper_ctx_with_timeout(NULL, 1000, &parent));
	stopper_ctx_put(parent);
}

static void tie(void *arg)
{
	if (stopper_ctx_with_cancel_on_quiesce(s, NULL, &parent))
		parent = NULL;
	if (stopper_ctx_with_cancel_on_stop(s, parent, &child))
		child = NULL;
}

SCENARIO(tied_while_stopping, "contexts tied to a stopper while it stops: none is left uncancelled",
	 .budget = 3, .stale = 1, .faults = 1, .needs_time = true)
{
	s = new_stopper(NULL);
	if (!s)
		return;
	parent = NULL;
	child = NULL;
	go(tie, NULL);
	check(!stopper_stop(s, NULL));
	join_all();
	if (parent)
		check(stopper_ctx_err(parent) == -ECANCELED);
	if (child)
		check(stopper_ctx_err(child) == -ECANCELED);
	/* It outlives its user's reference. */
	stopper_put(s);
	stopper_ctx_put(child);
	stopper_ctx_put(parent);
}

static void must_be_refused(struct stopper_ctx *c, void *arg)
{
	check(!"a task runs though ShouldQuiesce was seen");
}

static void sees_quiesce(void *arg)
{
	struct stopper_ctx *c;

	if (!stopper_ctx_with_cancel_on_quiesce(s, NULL, &c)) {
		check(!stopper_wait(stopper_should_quiesce(s), NULL));
		check(stopper_ctx_err(c) == -ECANCELED);
		stopper_ctx_put(c);
	}
	check(stopper_run_task(s, NULL, "t", must_be_refused, NULL) == -ESHUTDOWN);
	check(stopper_run_async_task(s, NULL, "t", must_be_refused, NULL));
}

SCENARIO(who_sees_quiesce, "stop.c: who sees ShouldQuiesce is refused, and sees contexts cancelled",
	 .budget = 4, .stale = 2)
{
	s = new_stopper(NULL);
	go(sees_quiesce, NULL);
	end(s);
}

static void sees_without_waiting(void *arg)
{
	if (!stopper_event_fired(stopper_should_quiesce(s)))
		return;
	check(stopper_run_task(s, NULL, "t", must_be_refused, NULL) == -ESHUTDOWN);
}

SCENARIO(who_looks_at_quiesce, "the same, for who looks without waiting: one acquire load",
	 .budget = 4, .stale = 2)
{
	s = new_stopper(NULL);
	accepted(stopper_run_task(s, NULL, "t", counted, NULL));
	go(sees_without_waiting, NULL);
	end(s);
}
