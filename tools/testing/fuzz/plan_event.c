// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * plan_event.c - plans calls on contexts and events, and their records.
 */
#include <errno.h>
#include "planner.h"

void plan_ctx(enum op op)
{
	int parent = a_ctx(), s = NONE, ev = 0, code = 0;

	if (now.m.nctxs == NCTXS)
		return;
	if (op == OP_CTX_ON_QUIESCE || op == OP_CTX_ON_STOP) {
		s = a_stopper();
		ev = op == OP_CTX_ON_STOP ? STOP_CTX : QUIESCE_CTX;
		if (s == NONE)
			return;
	}
	if (op == OP_CTX_PAST)
		code = ETIMEDOUT;
	begins(op, parent, now.m.nctxs, s, 0);
	returns(op, NONE, model_ctx(&now.m, parent, s, ev, code));
}

static bool is_lent(int c)
{
	int i;

	for (i = 0; i < now.m.ntasks; i++)
		if (now.m.task[i].counted && now.m.task[i].ctx == c)
			return true;
	return c == now.m.lead_ctx || now.cancelling[c];
}

void plan_ctx_put(int c)
{
	if (c == NONE || (c == CTX_ENDED && !now.cleaning) || is_lent(c) ||
	    has_records(EV_CTX(c), 1))
		return;
	begins(OP_CTX_PUT, c, 0, 0, 0);
	model_ctx_put(&now.m, c);
	returns(OP_CTX_PUT, NONE, 0);
}

/* Not while a stop waits on another thread that might be quicker than the rest of this. */
void plan_cancel(int c, enum op op)
{
	int why = op == OP_CANCEL_BECAUSE ? ++now.causes : 0, ret = why ? -EINVAL : 0;
	bool ended;

	if (now.m.leads && now.m.thread && now.m.lead_ctx != NONE)
		return;
	begins(op, c, why, 0, 0);
	if (c != NONE) {
		now.cancelling[c]++;
		ended = model_ctx_cancel(&now.m, c, why ? C_GIVEN + why : C_CANCEL);
		now.cancelling[c]--;
		ret = why && !ended ? -EALREADY : 0;
	}
	returns(op, NONE, ret);
}

void plan_fire(int ev)
{
	begins(OP_FIRE, ev, 0, 0, 0);
	returns(OP_FIRE, NONE, model_fire(&now.m, ev));
}

void plan_attach(int ev, int r)
{
	if (ev == NONE || now.m.record_on[r] != NONE)
		return;
	/* Those of IsStopped are called when a waiter may go on already. */
	if (in_a_stop() && ev >= EV_STOPPER(0, 0) &&
	    (ev - EV_STOPPER(0, 0)) % NPHASE_EVENTS == STOPPED)
		return;
	begins(OP_ATTACH, ev, r, 0, 0);
	now.last_event[r] = ev;
	model_attach(&now.m, ev, r);
	returns(OP_ATTACH, NONE, 0);
}

/* Not one whose callback runs on another thread: it would wait for it, and it waits for us. */
void plan_detach(int r)
{
	int ev = now.last_event[r];

	if (ev == NONE || !event_lives(ev) || now.entered[r] > 1 ||
	    (now.entered[r] && now.entered_by[r] != now.m.thread))
		return;
	begins(OP_DETACH, ev, r, 0, 0);
	returns(OP_DETACH, NONE, model_detach(&now.m, r));
}

void plan_wait(void)
{
	int ev = an_event(), c = a_ctx();

	if ((ev == NONE || !now.m.ev[ev].fired) && !model_ctx_err(&now.m, c))
		c = CTX_ENDED;
	begins(OP_WAIT, ev, c, 0, 0);
	returns(OP_WAIT, NONE, ev != NONE && now.m.ev[ev].fired ? 0 : model_ctx_err(&now.m, c));
}

/* Two events, in a list of ten: more than there is room for without memory. */
void plan_wait_any(void)
{
	int a = an_event(), b = an_event(), ret;

	if (a != NONE && now.m.ev[a].fired)
		ret = 1;
	else if (b != NONE && now.m.ev[b].fired)
		ret = 9;
	else
		ret = model_ctx_err(&now.m, CTX_ENDED);
	begins(OP_WAIT_ANY, a, b, CTX_ENDED, 0);
	returns(OP_WAIT_ANY, NONE, ret);
}
