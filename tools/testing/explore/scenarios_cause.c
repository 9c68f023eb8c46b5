// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scenarios_cause.c - causes: the races drawn in core/event.c (5) and core/cause.c.
 */
#include "scenario.h"

static struct stopper *s, *kid;
static struct stopper_ctx *ctx, *below;

/* The text that belongs to an error. */
static const char *text_of(int err)
{
	switch (err) {
	case -EIO:
		return "io";
	case -EPERM:
		return "not permitted";
	case -ETIMEDOUT:
		return "deadline";
	default:
		return "cancel";
	}
}

/* Once @c has ended, its cause is whole, and stays. */
static void reads(void *c)
{
	struct stopper_cause first, again;

	if (!stopper_ctx_cause(c, &first))
		return;
	check(stopper_ctx_err(c));
	check(!strcmp(first.text, text_of(first.err)));
	check(stopper_ctx_cause(c, &again));
	check(again.err == first.err);
}

static void cancels_io(void *c)
{
	if (!stopper_ctx_cancel_because(c, -EIO, "io"))
		ghost_add(CALLED, 1);
}

static void cancels_perm(void *c)
{
	if (!stopper_ctx_cancel_because(c, -EPERM, "not permitted"))
		ghost_add(CALLED, 1);
}

static void waits_and_reads(void *c)
{
	check(!stopper_wait(stopper_ctx_done(c), NULL));
	reads(c);
}

SCENARIO(two_causes, "event.c, race 5: two cancel with a cause, one reads it below",
	 .budget = 3, .stale = 1)
{
	struct stopper_cause cause;

	check(!stopper_ctx_with_cancel(NULL, &ctx));
	check(!stopper_ctx_with_cancel(ctx, &below));
	go(cancels_io, ctx);
	go(reads, below);
	cancels_perm(ctx);
	join_all();
	check(ghost_get(CALLED) == 1);
	check(stopper_ctx_cause(below, &cause));
	check(cause.err == -EIO || cause.err == -EPERM);
	stopper_ctx_put(below);
	stopper_ctx_put(ctx);
}

SCENARIO(cause_or_cancel, "event.c, race 5: one cancels with a cause, one without; one waits below",
	 .budget = 3, .stale = 1)
{
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	check(!stopper_ctx_with_cancel(ctx, &below));
	go(cancels_io, ctx);
	go(cancels_ctx, below);
	waits_and_reads(below);
	join_all();
	check(ghost_get(CALLED) == 1);
	stopper_ctx_put(below);
	stopper_ctx_put(ctx);
}

SCENARIO(cause_or_deadline, "event.c, race 5: a cause against a deadline",
	 .budget = 3, .stale = 1, .needs_time = true)
{
	struct stopper_cause cause;

	check(!stopper_ctx_with_timeout(NULL, NS_PER_MSEC, &ctx));
	check(!stopper_ctx_with_cancel(ctx, &below));
	go(cancels_io, ctx);
	waits_and_reads(below);
	join_all();
	check(stopper_ctx_cause(below, &cause));
	check(cause.err == (ghost_get(CALLED) ? -EIO : -ETIMEDOUT));
	stopper_ctx_put(below);
	stopper_ctx_put(ctx);
}

static void puts_below(void *arg)
{
	reads(below);
	stopper_ctx_put(below);
}

SCENARIO(cause_outlives_its_owner, "ctx.c: the record of a cause is read below while users put it",
	 .budget = 3, .stale = 1)
{
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	check(!stopper_ctx_with_cancel(ctx, &below));
	go(puts_below, NULL);
	cancels_io(ctx);
	stopper_ctx_put(ctx);
	join_all();
}

static void stops_io(void *it)
{
	check(!stopper_stop_because((struct stopper *)it, NULL, -EIO, "io"));
}

static void stops_perm(void *it)
{
	check(!stopper_stop_because((struct stopper *)it, NULL, -EPERM, "not permitted"));
}

static void asks_perm(void *it)
{
	check(!stopper_stop_async_because((struct stopper *)it, -EPERM, "not permitted"));
}

/* A reader of the stopper and one of its context agree. */
static void agree(struct stopper *it)
{
	struct stopper_cause of_ctx, of_stop;

	check(stopper_ctx_cause(below, &of_ctx));
	check(stopper_stop_cause(it, &of_stop));
	check(of_ctx.err == of_stop.err && !strcmp(of_ctx.text, text_of(of_stop.err)));
}

SCENARIO(two_stop_causes, "cause.c: two stop with a cause, one reads it from a context",
	 .budget = 2, .stale = 1)
{
	s = new_stopper(NULL);
	check(!stopper_ctx_with_cancel_on_quiesce(s, NULL, &below));
	go(stops_io, s);
	go(reads, below);
	stops_perm(s);
	join_all();
	agree(s);
	stopper_ctx_put(below);
	stopper_put(s);
}

static void reads_stop(void *it)
{
	struct stopper_cause cause;

	if (stopper_stop_cause((struct stopper *)it, &cause))
		check(!strcmp(cause.text, text_of(cause.err)));
}

SCENARIO(stop_cause_is_whole, "cause.c: the cause of a stop is read while the stop is asked for",
	 .budget = 2, .stale = 1)
{
	s = new_stopper(NULL);
	go(reads_stop, s);
	stops_io(s);
	join_all();
	stopper_put(s);
}

SCENARIO(stop_cause_or_async, "cause.c: a stop and an async stop, each with a cause",
	 .budget = 2, .stale = 1)
{
	s = new_stopper(NULL);
	check(!stopper_ctx_with_cancel_on_stop(s, NULL, &below));
	go(asks_perm, s);
	stops_io(s);
	join_all();
	agree(s);
	stopper_put(s);
	stopper_ctx_put(below);
}

SCENARIO(stop_cause_of_a_child, "cause.c: a child and its parent are stopped, each with a cause",
	 .budget = 2, .stale = 1)
{
	s = new_stopper(NULL);
	kid = new_stopper(s);
	check(!stopper_ctx_with_cancel_on_quiesce(kid, NULL, &below));
	go(stops_io, kid);
	stops_perm(s);
	join_all();
	agree(kid);
	stopper_ctx_put(below);
	stopper_put(kid);
	stopper_put(s);
}

/* stages.c */

static struct stopper_task handle;

static void ends_handle(void *arg)
{
	stopper_task_end(&handle);
}

/* ShouldStop fires when all on-stop contexts have ended. */
static void sees_contexts_ended(struct stopper_on_fire *of, void *arg)
{
	check(stopper_ctx_err(ctx));
	check(stopper_ctx_err(below));
}

static void stops_staged(void *it)
{
	struct stopper_stages st = {
		.size = sizeof(st), .end_ns = 1, .grace_ns = INT64_MAX,
	};

	check(!stopper_stop_staged((struct stopper *)it, &st));
}

static void gives_up(void *it)
{
	struct stopper_stages st = { .size = sizeof(st), .end_ns = 1, .hook_ns = 1, .grace_ns = 1 };
	int err = stopper_stop_staged((struct stopper *)it, &st);

	check(!err || err == -ETIMEDOUT);
	if (!err)
		ghost_add(STOPPED, 1);
}

static void begin_staged(struct stopper_on_fire *of)
{
	s = new_stopper(NULL);
	check(!stopper_ctx_with_cancel_on_stop(s, NULL, &ctx));
	check(!stopper_ctx_with_cancel(ctx, &below));
	check(!stopper_event_on_fire(stopper_should_stop(s), of, sees_contexts_ended, NULL));
	check(!stopper_task_begin(s, NULL, "handle", &handle));
}

static void end_staged(void)
{
	check(stopper_phase(s) == STOPPER_STOPPED);
	check(stopper_ctx_err(below) == stopper_ctx_err(ctx));
	stopper_ctx_put(below);
	stopper_ctx_put(ctx);
	stopper_put(s);
}

SCENARIO(stage_beside_a_leader, "stages.c: contexts end early while another thread leads the stop",
	 .budget = 2, .stale = 1, .needs_time = true)
{
	struct stopper_on_fire on;

	begin_staged(&on);
	go(stops_staged, s);
	go(ends_handle, NULL);
	stops(s);
	join_all();
	end_staged();
}

SCENARIO(stage_gives_up, "stages.c: one stops in stages and gives up, a later stop continues",
	 .budget = 2, .stale = 1, .needs_time = true)
{
	struct stopper_on_fire on;

	begin_staged(&on);
	go(gives_up, s);
	go(ends_handle, NULL);
	gives_up(s);
	join_all();
	stops(s);
	end_staged();
}

static void reads_deadline(void *c)
{
	struct stopper_cause cause;

	if (!stopper_ctx_cause(c, &cause))
		return;
	check(cause.err == stopper_ctx_err(c));
	check(!strcmp(cause.text, cause.err == -ETIMEDOUT ? "deadline" : "stop_staged"));
}

SCENARIO(stage_of_a_parent, "stages.c: the end stage of a parent ends the contexts of its child",
	 .budget = 2, .stale = 1, .needs_time = true)
{
	s = new_stopper(NULL);
	kid = new_stopper(s);
	check(!stopper_ctx_with_cancel_on_stop(kid, NULL, &ctx));
	check(!stopper_ctx_with_cancel(ctx, &below));
	check(!stopper_task_begin(kid, NULL, "handle", &handle));
	go(reads_deadline, below);
	go(ends_handle, NULL);
	stops_staged(s);
	join_all();
	check(stopper_phase(kid) == STOPPER_STOPPED);
	stopper_ctx_put(below);
	stopper_ctx_put(ctx);
	stopper_put(kid);
	stopper_put(s);
}

SCENARIO(stage_beside_a_watcher, "stages.c: the same for a child that the leader of a tree watches",
	 .budget = 2, .stale = 1, .needs_time = true)
{
	struct stopper_on_fire on;

	s = new_stopper(NULL);
	kid = new_stopper(s);
	check(!stopper_ctx_with_cancel_on_stop(kid, NULL, &ctx));
	check(!stopper_ctx_with_cancel(ctx, &below));
	check(!stopper_event_on_fire(stopper_should_stop(kid), &on, sees_contexts_ended, NULL));
	check(!stopper_task_begin(kid, NULL, "handle", &handle));
	go(stops_staged, s);
	go(ends_handle, NULL);
	stops(s);
	join_all();
	stopper_put(kid);
	end_staged();
}

/* STOPPER_CTX_ENDS_AT_QUIESCE */

static struct stopper *new_ending(void)
{
	struct stopper_options o = {
		.size = sizeof(o), .flags = STOPPER_QUIET | STOPPER_CTX_ENDS_AT_QUIESCE,
	};
	struct stopper *it;

	return stopper_create(&it, "ending", &o) ? NULL : it;
}

static void waits_for_its_end(struct stopper_ctx *c, void *arg)
{
	counted(NULL, NULL);
	check(!stopper_wait(stopper_ctx_done(c), NULL));
	check(stopper_ctx_err(c) == -ECANCELED);
}

/* The shared one is derived from, and what is derived outlives the stop. */
static void derives(struct stopper_ctx *c, void *arg)
{
	counted(NULL, NULL);
	check(!stopper_ctx_with_cancel(c, &below));
	stopper_ctx_cancel(c);
}

static void starts_with_ctx(void *it)
{
	accepted(stopper_run_async_task((struct stopper *)it, ctx, "own", waits_for_its_end, NULL));
}

SCENARIO(task_ctx_of_all, "ctx.c: tasks use the stopper's context until the leader drops it",
	 .budget = 2, .stale = 1)
{
	s = new_ending();
	below = NULL;
	accepted(stopper_run_async_task(s, NULL, "derives", derives, NULL));
	accepted(stopper_run_async_task(s, NULL, "waits", waits_for_its_end, NULL));
	check(!stopper_stop(s, NULL));
	check(ghost_get(RAN) == 2);
	stopper_put(s);
	check(stopper_ctx_err(below) == -ECANCELED);
	stopper_ctx_put(below);
}

SCENARIO(task_ctx_of_one, "ctx.c: a task is started with a context while its stopper stops",
	 .budget = 2, .stale = 1, .faults = 1, .needs_time = true)
{
	s = new_ending();
	if (!s)
		return;
	ctx = NULL;
	if (!stopper_ctx_with_cancel(NULL, &ctx)) {
		go(starts_with_ctx, s);
		check(!stopper_stop(s, NULL));
		join_all();
		check(!stopper_ctx_err(ctx));
		check(ghost_get(RAN) == ghost_get(ACCEPTED));
	}
	check(!stopper_stop(s, NULL));
	stopper_put(s);
	stopper_ctx_put(ctx);
}
