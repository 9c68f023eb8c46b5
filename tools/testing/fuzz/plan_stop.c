// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * plan_stop.c - plans calls on stoppers: create and put, orders, stop and quiesce, closers, pauses.
 */
#include "planner.h"

static void create(int parent)
{
	int s = now.m.nstoppers;
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

void plan_create(void)
{
	create(pick(2) ? a_stopper() : NONE);
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

static bool are_siblings(int a, int b)
{
	return now.m.s[a].parent != NONE && now.m.s[a].parent == now.m.s[b].parent;
}

/* Would these two stop side by side, in a stop of @tree? */
static bool are_abreast(int a, int b, int tree)
{
	return are_siblings(a, b) && model_within(&now.m, now.m.s[a].parent, tree) &&
		!model_are_ordered(&now.m, a, b);
}

static bool stops_in_a_row(int tree)
{
	int a, b;

	for (a = 0; a < now.m.nstoppers; a++)
		for (b = 0; b < a; b++)
			if (are_abreast(a, b, tree))
				return false;
	return true;
}

static void order(int child, int other)
{
	begins(OP_STOP_AFTER, child, other, 0, 0);
	returns2(OP_STOP_AFTER, NONE, model_stop_after(&now.m, child, other));
}

static bool try_order(int child, int other)
{
	if (!model_order_err(&now.m, child, other).ret)
		order(child, other);
	return model_are_ordered(&now.m, child, other);
}

/*
 * A plan has one place, and siblings that no order is between stop side by side. So before the
 * first quiesce of a tree they are put in a row, as far as the rules of orders let them.
 */
static void put_in_a_row(int tree)
{
	bool old_first = pick(2);
	int a, b;

	for (a = 0; a < now.m.nstoppers; a++)
		for (b = 0; b < a; b++)
			if (are_abreast(a, b, tree) &&
			    !try_order(old_first ? a : b, old_first ? b : a))
				try_order(old_first ? b : a, old_first ? a : b);
}

/* One of the children of one parent, of which @s is one; most often another one. */
static int a_sibling(int s)
{
	int n = now.m.nstoppers, i, other = s + 1 + pick(n);

	for (i = 0; i < n; i++, other++)
		if (now.m.s[other % n].alive && now.m.s[other % n].family == now.m.s[s].family)
			break;
	return other % n;
}

static void order_siblings(int s)
{
	int n;

	for (n = 1 + pick(4); n; n--) {
		s = a_sibling(s);
		order(s, a_sibling(s));
	}
}

/* Children whose closers show in what order they stop. */
static void order_children(int s)
{
	int n, child = NONE;

	for (n = 2 + pick(3); n && now.m.nstoppers < NSTOPPERS; n--) {
		child = now.m.nstoppers;
		create(s);
		if (now.m.nstoppers == child)
			return;
		plan_closer(child, pick(2) ? OP_CLOSER : OP_CLOSER_FN);
	}
	if (child != NONE)
		order_siblings(child);
}

void plan_order(int s)
{
	switch (pick(4)) {
	case 0:
		order(s, a_stopper());
		break;
	case 1:
		order_siblings(s);
		break;
	default:
		order_children(s);
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
	if (now.m.leads || model_fires(&now.m, s) || (stop && !stops_in_a_row(s)))
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
	put_in_a_row(s);
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
	put_in_a_row(s);
	if (!stops_in_a_row(s))
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
	put_in_a_row(s);
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
