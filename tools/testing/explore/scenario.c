// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scenario.c - what many scenarios use.
 */
#include "scenario.h"

struct stopper *new_stopper(struct stopper *parent)
{
	struct stopper_options o = {
		.size = sizeof(o), .flags = STOPPER_QUIET, .parent = parent,
	};
	struct stopper *s;

	return stopper_create(&s, "s", &o) ? NULL : s;
}

void counted(struct stopper_ctx *ctx, void *arg)
{
	check(!ghost_get(QUIESCED));
	ghost_add(RAN, 1);
	check(!ghost_get(QUIESCED));
}

void accepted(int err)
{
	check(!err || err == -ESHUTDOWN || err == -ENOMEM || err == -EAGAIN);
	if (!err)
		ghost_add(ACCEPTED, 1);
}

void end(struct stopper *s)
{
	check(!stopper_quiesce(s, NULL));
	ghost_set(QUIESCED, 1);
	check(!stopper_stop(s, NULL));
	ghost_set(STOPPED, 1);
	join_all();
	/* Not before: one that is being refused may be seen. */
	check(!stopper_num_tasks(s));
	check(ghost_get(RAN) == ghost_get(ACCEPTED));
	stopper_put(s);
}

struct stopper *new_gated(struct stopper_event *gate)
{
	stopper_event_init(gate);
	return new_stopper(NULL);
}

void end_gated(struct stopper *s, struct stopper_event *gate)
{
	end(s);
	stopper_event_destroy(gate);
}

void task_fires(struct stopper_ctx *ctx, void *ev)
{
	counted(NULL, NULL);
	stopper_event_fire(ev);
}

void task_waits(struct stopper_ctx *ctx, void *ev)
{
	counted(NULL, NULL);
	check(!stopper_wait(ev, NULL));
}

void stops(void *s)
{
	check(!stopper_stop(s, NULL));
	check(stopper_phase(s) == STOPPER_STOPPED);
}

void cancels_ctx(void *ctx)
{
	stopper_ctx_cancel(ctx);
}
