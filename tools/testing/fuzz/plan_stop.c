// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * plan_stop.c - plans calls on stoppers: create and put, stop and quiesce, closers, pauses.
 */
#include "planner.h"

void plan_create(void)
{
	int parent = pick(2) ? a_stopper() : NONE, s = now.m.nstoppers;
	unsigned int flags = (unsigned int)pick(9) % 5 |
			     (pick(4) == 3 ? STOPPER_CTX_ENDS_AT_QUIESCE : 0) |
			     (pick(2) ? STOPPER_ADMIT_NESTED : 0);
	struct step *st;

	if (s == NSTOPPERS)
		return;
	st = begins(OP_CREATE, parent, (int)flags, s, pick(NSITES));
	st->e = pick(4);
	returns(OP_CREATE, NONE, model_create(&now.m, parent, flags));
}

void plan_put(int s)
{
	if (now.m.s[s].phase == STOPPER_STOPPED && !model_in_use(&now.m, s) &&
	    !has_records(EV_STOPPER(s, 0), NPHASE_EVENTS)) {
		begins(OP_PUT, s, 0, 0, 0);
		model_put(&now.m, s);
		returns(OP_PUT, NONE, 0);
	} else {
		begins(OP_GET_PUT, s, 0, 0, 0);
		returns(OP_GET_PUT, NONE, 0);
	}
}

/* Ends when @s quiesces? */
static bool ends_with(int c, int s)
{
	for (; c != NONE; c = now.m.ctx[c].parent)
		if (now.m.ctx[c].s == s && now.m.ctx[c].s_event == EV_STOPPER(s, QUIESCE_CTX))
			return true;
	return false;
}

static bool at_once(int s, bool stop, int c)
{
	const struct model *m = &now.m;

	return (stop ? m->ev[EV_STOPPER(s, STOPPED)].fired : m->s[s].quiesced) ||
		model_is_inside(m, s, stop) || model_at_work(m, s) || model_ctx_err(m, c);
}

/* The context with which it does not wait for ever, and does the same each time. */
static int patience(int s, bool stop, int c)
{
	bool workers = stop && model_has_workers(&now.m, s);

	if (at_once(s, stop, c))
		return c;
	if (now.m.leads || model_fires(&now.m, s))
		return CTX_ENDED;
	if (model_has_tasks(&now.m, s))
		return ends_with(c, s) && !workers ? c : CTX_ENDED;
	return workers ? NONE : c;
}

/* Does another thread's stop wait for this thread with a context that the quiesce of @s ends? */
static bool ends_lead_ctx(int s)
{
	const struct model *m = &now.m;
	int c;

	if (!m->leads || !m->thread)
		return false;
	for (c = m->lead_ctx; c != NONE; c = m->ctx[c].parent)
		if (m->ctx[c].s != NONE && model_within(m, m->ctx[c].s, s) &&
		    !m->ev[m->ctx[c].s_event].fired)
			return true;
	return false;
}

/* The number of a new cause, or 0: none is given. */
static int a_cause(void)
{
	return pick(3) == 2 ? ++now.causes : 0;
}

/* Not while a stop waits on another thread that might be quicker than the rest of this. */
void plan_stop(int s, bool stop, int c)
{
	enum op op = stop ? OP_STOP : OP_QUIESCE;
	int why = stop ? a_cause() : 0;

	if (ends_lead_ctx(s))
		return;
	c = patience(s, stop, c);
	begins(op, s, c, why, 0);
	returns(op, s, model_stop(&now.m, s, stop, c,
				  why ? C_GIVEN + why : stop ? C_STOP : C_QUIESCE));
}

/*
 * Not inside a callback of a quiesce, nor of a task that such a callback waits for: the callback
 * may run on the keeper, which would wait for itself.
 */
void plan_stop_async(int s)
{
	int before = now.m.thread, why = a_cause();

	if (now.stops_async || in_a_stop() || model_is_inside(&now.m, s, true) ||
	    model_has_tasks(&now.m, s) || model_in_use(&now.m, s) || model_fires(&now.m, s) ||
	    now.m.ev[EV_STOPPER(s, STOPPED)].nr)
		return;
	begins(OP_STOP_ASYNC, s, why, 0, 0);
	now.stops_async = true;
	now.m.thread = ++now.m.nthreads;
	model_stop(&now.m, s, true, NONE, why ? C_GIVEN + why : C_ASYNC);
	now.m.thread = before;
	now.stops_async = false;
	returns(OP_STOP_ASYNC, s, 0);
}

/* RETURNS: d tasks and closers remain, and between 0 and e workers, which may not have begun. */
void plan_stop_staged(int s)
{
	bool end = pick(2);
	struct step *st;
	int i, ret;

	if (ends_lead_ctx(s))
		return;
	begins(OP_STOP_STAGED, s, end, 0, 0);
	ret = model_stop_staged(&now.m, s, end);
	st = returns(OP_STOP_STAGED, s, ret);
	for (i = 0; i < now.m.nstoppers; i++)
		if (model_within(&now.m, i, s)) {
			st->d += model_tasks(&now.m, i) + now.m.s[i].running_closers;
			st->e += now.m.s[i].nworkers;
		}
}

void plan_closer(int s, enum op op)
{
	if (now.m.nclosers == NCLOSERS)
		return;
	begins(op, s, now.m.nclosers, 0, 0);
	returns(op, NONE, model_add_closer(&now.m, s));
}

/* A context that ends the wait, if it would wait. */
void plan_pause(int s, int c)
{
	if (model_has_tasks(&now.m, s) || now.m.leads)
		c = model_ctx_err(&now.m, c) ? c : CTX_ENDED;
	begins(OP_PAUSE, s, c, 0, 0);
	returns(OP_PAUSE, s, model_pause(&now.m, s, c));
}

void plan_resume(int s)
{
	begins(OP_RESUME, s, 0, 0, 0);
	returns(OP_RESUME, s, model_resume(&now.m, s));
}
