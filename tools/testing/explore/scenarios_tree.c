// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scenarios_tree.c - children that stop side by side, and in order: the races drawn in core/stop.c.
 */
#include "scenario.h"
#include "stall.h"

static struct stopper *s, *a, *b;
static struct stopper_ctx *ctx;

/* A worker; it returns when it is to stop. */
static void works(struct stopper_ctx *c, void *it)
{
	check(!stopper_wait(stopper_should_stop(it), NULL));
	check(!stopper_event_fired(stopper_should_stop(s)));
	ghost_add(RAN, 1);
}

static void works_until_b_has_stopped(struct stopper_ctx *c, void *it)
{
	works(c, it);
	check(!stopper_wait(stopper_is_stopped(b), NULL));
}

static void works_after_b_has_stopped(struct stopper_ctx *c, void *it)
{
	works(c, it);
	check(stopper_event_fired(stopper_is_stopped(b)));
}

static void begin(stopper_fn for_a, stopper_fn for_b)
{
	s = new_stopper(NULL);
	a = new_stopper(s);
	b = new_stopper(s);
	if (for_a)
		check(!stopper_run_worker(a, NULL, "a", for_a, a));
	if (for_b)
		check(!stopper_run_worker(b, NULL, "b", for_b, b));
}

static void finish(void)
{
	check(stopper_phase(a) == STOPPER_STOPPED);
	check(stopper_phase(b) == STOPPER_STOPPED);
	stopper_put(a);
	stopper_put(b);
	stopper_put(s);
}

SCENARIO(tree_side_by_side, "stop.c: two children with workers stop at once",
	 .budget = 2, .stale = 1)
{
	begin(works, works);
	check(!stopper_stop(s, NULL));
	check(ghost_get(RAN) == 2);
	finish();
}

SCENARIO(tree_one_waits_for_another, "stop.c: a child's worker waits for a sibling's end",
	 .budget = 2, .stale = 1)
{
	begin(works_until_b_has_stopped, works);
	check(!stopper_stop(s, NULL));
	finish();
}

static void stops_b(void *arg)
{
	int err = stopper_stop(b, ctx);

	check(!err || err == -ECANCELED);
}

static void stops_s(void *arg)
{
	int err = stopper_stop(s, ctx);

	check(!err || err == -ECANCELED);
}

SCENARIO(tree_child_led_by_another, "stop.c: another thread leads a child, and gives up",
	 .budget = 2, .stale = 1)
{
	begin(works_until_b_has_stopped, works);
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	go(stops_b, NULL);
	go(cancels_ctx, ctx);
	check(!stopper_stop(s, NULL));
	join_all();
	finish();
	stopper_ctx_put(ctx);
}

SCENARIO(tree_leader_gives_up, "stop.c: who watches the children gives up; another goes on",
	 .budget = 2, .stale = 1)
{
	begin(works, works);
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	go(stops_s, NULL);
	go(cancels_ctx, ctx);
	check(!stopper_stop(s, NULL));
	join_all();
	check(ghost_get(RAN) == 2);
	finish();
	stopper_ctx_put(ctx);
}

static struct stopper_event gate;

static void works_until_gate(struct stopper_ctx *c, void *it)
{
	check(!stopper_wait(&gate, NULL));
	ghost_add(RAN, 1);
}

SCENARIO(tree_nobody_leads, "stop.c: a worker ends when the leader that watched it has gone",
	 .budget = 2)
{
	stopper_event_init(&gate);
	begin(works_until_gate, NULL);
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	go(stops_s, NULL);
	settle();
	cancels_ctx(ctx);
	join_all();
	stopper_event_fire(&gate);
	settle();
	check(ghost_get(RAN) == 1);
	check(!stopper_stop(s, NULL));
	finish();
	stopper_ctx_put(ctx);
	stopper_event_destroy(&gate);
}

SCENARIO(tree_middle_led_by_another, "stop.c: a grandchild's watcher is replaced, twice",
	 .budget = 2)
{
	struct stopper *c;

	s = new_stopper(NULL);
	a = new_stopper(s);
	b = new_stopper(s);
	c = new_stopper(b);
	check(!stopper_run_worker(c, NULL, "c", works, c));
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	go(stops_b, NULL);
	go(cancels_ctx, ctx);
	check(!stopper_stop(s, NULL));
	join_all();
	check(stopper_phase(c) == STOPPER_STOPPED);
	stopper_put(c);
	finish();
	stopper_ctx_put(ctx);
}

static void closes(void *arg)
{
	check(ghost_add(CLOSED, 1) == (long)(intptr_t)arg);
}

SCENARIO(tree_closers, "closer.c: the closers of a watched child run back to back",
	 .budget = 2)
{
	begin(NULL, works);
	check(!stopper_add_closer_fn(a, "first", closes, (void *)1));
	check(!stopper_add_closer_fn(a, "second", closes, (void *)2));
	check(!stopper_stop(s, NULL));
	check(ghost_get(CLOSED) == 2);
	finish();
}

SCENARIO(tree_in_order, "stop.c: a child stops after another one",
	 .budget = 2, .stale = 1)
{
	begin(works_after_b_has_stopped, works);
	check(!stopper_stop_after(a, b));
	check(stopper_stop_after(b, a) == -ELOOP);
	check(!stopper_stop(s, NULL));
	check(ghost_get(RAN) == 2);
	finish();
}

static void orders(void *arg)
{
	int err = stopper_stop_after(a, b);

	check(!err || err == -ESHUTDOWN || err == -ENOMEM);
}

static void stops_b_at_once(void *arg)
{
	check(!stopper_stop(b, NULL));
}

SCENARIO(tree_order_or_stop, "stop.c: an order is made while the first one stops",
	 .budget = 2, .stale = 1)
{
	begin(NULL, NULL);
	go(stops_b_at_once, NULL);
	go(orders, NULL);
	join_all();
	check(!stopper_stop(s, NULL));
	finish();
}

static void stops_a_at_once(void *arg)
{
	check(!stopper_stop(a, NULL));
}

SCENARIO(tree_order_dropped_or_released, "stop.c: both ends of an order stop, each by itself",
	 .budget = 2, .stale = 1)
{
	begin(NULL, NULL);
	check(!stopper_stop_after(a, b));
	go(stops_a_at_once, NULL);
	go(stops_b_at_once, NULL);
	join_all();
	check(!stopper_stop(s, NULL));
	finish();
}

SCENARIO(tree_first_led_by_another, "stop.c: another thread stops the first, and releases the next",
	 .budget = 2, .stale = 1)
{
	begin(NULL, NULL);
	check(!stopper_stop_after(a, b));
	go(stops_b_at_once, NULL);
	check(!stopper_stop(s, NULL));
	join_all();
	finish();
}

SCENARIO(tree_faults, "a tree with workers and an order, and any memory or thread is missing",
	 .budget = 3, .faults = 2, .needs_time = true)
{
	s = new_stopper(NULL);
	if (!s)
		return;
	a = new_stopper(s);
	b = new_stopper(s);
	if (a && b)
		orders(NULL);
	if (a)
		stopper_run_worker(a, NULL, "a", works, a);
	check(!stopper_stop(s, NULL));
	stopper_put(a);
	stopper_put(b);
	stopper_put(s);
}

static void reports_a(void *unused)
{
	report_stall(a, 1000, false);
}

SCENARIO(tree_child_leaves_in_a_report, "stall.c: a child leaves its tree while a report names it",
	 .budget = 3, .stale = 1)
{
	s = new_stopper(NULL);
	a = new_stopper(s);
	go(reports_a, NULL);
	check(!stopper_stop(s, NULL));
	stopper_put(s);
	join_all();
	stopper_put(a);
}
