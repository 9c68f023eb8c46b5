// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scenarios_child.c - a parent stops while a child is made, stops, or ends its tasks.
 */
#include "scenario.h"

static struct stopper *s, *kid;
static struct stopper_ctx *ctx;
static struct stopper_task handle;

static void new_kid(void *arg)
{
	kid = new_stopper(s);
	if (!kid)
		return;
	accepted(stopper_run_task(kid, NULL, "kid", counted, NULL));
}

SCENARIO(child_is_born, "a child is created while its parent stops: refused, or stopped with it",
	 .budget = 3, .stale = 1, .faults = 1, .needs_time = true)
{
	kid = NULL;
	s = new_stopper(NULL);
	if (!s)
		return;
	go(new_kid, NULL);
	check(!stopper_quiesce(s, NULL));
	ghost_set(QUIESCED, 1);
	check(!stopper_stop(s, NULL));
	join_all();
	if (kid)
		check(stopper_phase(kid) == STOPPER_STOPPED);
	stopper_put(kid);
	check(ghost_get(RAN) == ghost_get(ACCEPTED));
	stopper_put(s);
}

static void new_controlled_kid(void *arg)
{
	struct stopper_options o = {
		.size = sizeof(o), .flags = STOPPER_QUIET | STOPPER_CONTROL, .parent = s,
	};

	accepted(stopper_create(&kid, "s", &o));
}

SCENARIO(controlled_child, "stopper.c: a child that userspace controls is created, perhaps in vain",
	 .budget = 3, .stale = 1, .faults = 1, .needs_time = true)
{
	kid = NULL;
	s = new_stopper(NULL);
	if (!s)
		return;
	go(new_controlled_kid, NULL);
	check(!stopper_stop(s, NULL));
	join_all();
	check(!kid == !ghost_get(ACCEPTED));
	if (kid)
		check(stopper_phase(kid) == STOPPER_STOPPED);
	stopper_put(kid);
	stopper_put(s);
}

SCENARIO(child_stops_itself, "a child is stopped while its parent is",
	 .budget = 2, .stale = 1)
{
	s = new_stopper(NULL);
	kid = new_stopper(s);
	go(stops, kid);
	stops(s);
	join_all();
	stopper_put(kid);
	stopper_put(s);
}

SCENARIO(parent_goes_first, "a stopped child outlives its parent",
	 .budget = 3, .stale = 1)
{
	s = new_stopper(NULL);
	kid = new_stopper(s);
	go(stops, kid);
	stops(s);
	stopper_put(s);
	join_all();
	stopper_put(kid);
}

static void quiesces(void *it)
{
	check(!stopper_quiesce((struct stopper *)it, NULL));
	check(stopper_event_fired(stopper_should_quiesce(it)));
}

/* A thread that sees the event of the child sees the child refuse. */
static void runs_kid(void *arg)
{
	bool fired = stopper_event_fired(stopper_should_quiesce(kid));
	int err = stopper_run_task(kid, NULL, "kid", counted, NULL);

	if (fired)
		check(err == -ESHUTDOWN);
	accepted(err);
}

SCENARIO(tree_turns, "stop.c: a parent quiesces while its child runs a task",
	 .budget = 3, .stale = 1)
{
	s = new_stopper(NULL);
	kid = new_stopper(s);
	go(runs_kid, NULL);
	check(!stopper_quiesce(s, NULL));
	ghost_set(QUIESCED, 1);
	check(stopper_event_fired(stopper_should_quiesce(kid)));
	stops(s);
	join_all();
	check(ghost_get(RAN) == ghost_get(ACCEPTED));
	stopper_put(kid);
	stopper_put(s);
}

SCENARIO(two_turn_a_tree, "stop.c: a parent and its child are quiesced at once",
	 .budget = 3, .stale = 1)
{
	s = new_stopper(NULL);
	kid = new_stopper(s);
	go(quiesces, kid);
	quiesces(s);
	check(stopper_event_fired(stopper_should_quiesce(kid)));
	stops(s);
	join_all();
	stopper_put(kid);
	stopper_put(s);
}

static struct stopper_task kid_handle;

static void end_both(void *arg)
{
	ghost_add(RAN, 2);
	stopper_task_end(&kid_handle);
	stopper_task_end(&handle);
}

SCENARIO(tree_drains, "task.c: tasks of a parent and of its child end, one barrier for both",
	 .budget = 2, .stale = 1)
{
	s = new_stopper(NULL);
	kid = new_stopper(s);
	accepted(stopper_task_begin(s, NULL, "handle", &handle));
	accepted(stopper_task_begin(kid, NULL, "kid", &kid_handle));
	go(end_both, NULL);
	stops(s);
	check(ghost_get(RAN) == 2);
	join_all();
	stopper_put(kid);
	stopper_put(s);
}

static void end_kids(void *arg)
{
	stopper_task_end(&kid_handle);
}

SCENARIO(two_drain_a_child, "task.c: a child is stopped while its parent watches its tasks",
	 .budget = 2, .stale = 1)
{
	s = new_stopper(NULL);
	kid = new_stopper(s);
	check(!stopper_task_begin(kid, NULL, "kid", &kid_handle));
	go(end_kids, NULL);
	go(stops, kid);
	stops(s);
	join_all();
	stopper_put(kid);
	stopper_put(s);
}

SCENARIO(child_leaves_a_walk, "stop.c: one of two children stops while their parent walks",
	 .budget = 2)
{
	struct stopper *other;

	s = new_stopper(NULL);
	kid = new_stopper(s);
	other = new_stopper(s);
	go(stops, kid);
	stops(s);
	check(stopper_phase(other) == STOPPER_STOPPED);
	join_all();
	stopper_put(kid);
	stopper_put(other);
	stopper_put(s);
}

SCENARIO(walk_given_up, "stop.c: a leader gives up in a walk while another child leaves",
	 .budget = 2)
{
	struct stopper *other;
	int err;

	s = new_stopper(NULL);
	kid = new_stopper(s);
	other = new_stopper(s);
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	check(!stopper_task_begin(kid, NULL, "kid", &kid_handle));
	go(stops, other);
	go(cancels_ctx, ctx);
	err = stopper_stop(s, ctx);
	check(err == -ECANCELED);
	stopper_task_end(&kid_handle);
	stops(s);
	join_all();
	stopper_put(kid);
	stopper_put(other);
	stopper_put(s);
	stopper_ctx_put(ctx);
}
