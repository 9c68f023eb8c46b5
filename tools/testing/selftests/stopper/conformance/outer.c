// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * outer.c - a task that starts others while its stopper drains.
 */
#include "outer.h"

struct stopper *new_nesting(unsigned int flags, struct stopper *parent)
{
	struct stopper_options opts = {
		.size = sizeof(opts), .flags = flags | STOPPER_ADMIT_NESTED, .parent = parent,
	};

	return new_stopper(&opts);
}

static void outer_fn(struct stopper_ctx *ctx, void *outer)
{
	struct outer *o = outer;

	env_inc(&o->in);
	CHECK(env_gate_wait(&o->gate));
	o->inside(o);
}

void outer_thread(void *outer)
{
	struct outer *o = outer;

	CHECK_EQ(stopper_run_task(o->s, NULL, "outer", outer_fn, o), 0);
}

void outer_init(struct outer *o, struct stopper *s, void (*inside)(struct outer *o))
{
	memset(o, 0, sizeof(*o));
	o->s = s;
	o->inside = inside;
	env_gate_init(&o->gate);
	case_hold_init(&o->hold);
}

void outer_destroy(struct outer *o)
{
	env_gate_destroy(&o->gate);
	case_hold_destroy(&o->hold);
}

void outer_begin(struct outer *o, bool async)
{
	if (async)
		CHECK_EQ(stopper_run_async_task(o->s, NULL, "outer", outer_fn, o), 0);
	else
		CHECK_EQ(env_spawn(&o->thread, outer_thread, o), 0);
	CHECK_SOON(env_get(&o->in));
}

void outer_run(struct outer *o, bool async)
{
	struct case_call quiesce;

	outer_begin(o, async);
	case_quiesce_begin(&quiesce, o->s, NULL);
	CHECK_SOON(stopper_event_fired(stopper_should_quiesce(o->s)));
	env_gate_open(&o->gate);
	CHECK_EQ(case_call_end(&quiesce), 0);
	CHECK_EQ(stopper_num_tasks(o->s), 0);
	if (!async)
		env_join(&o->thread);
}
