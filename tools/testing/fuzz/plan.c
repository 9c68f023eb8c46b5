// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * plan.c - makes calls of bytes, and runs them through the model first.
 *
 * A byte is a call, the next ones its arguments. What a call calls back makes calls too, from
 * the same bytes; so the plan has for each call: its arguments, each callback it is to make, in
 * which the calls of that callback are nested, and what it returns. Whatever the bytes are, no
 * call that would wait for ever is planned, nor one that a caller may not make.
 *
 * Here: the bytes, the steps, the objects to call with, and which call is next. The calls are in
 * plan_stop.c, plan_event.c and plan_task.c.
 */
#include <stdlib.h>
#include <string.h>
#include "planner.h"

#define DEPTH		6

struct planner now;

int pick(int n)
{
	return now.at == now.end || n < 2 ? 0 : *now.at++ % n;
}

static bool room(void)
{
	return now.p->n < NSTEPS - 2 * NTASKS - 300;
}

static struct step *add(enum step_kind kind, enum op op)
{
	struct step *st = &now.p->step[now.p->n++];

	if (now.p->n > NSTEPS)
		abort();
	memset(st, 0, sizeof(*st));
	st->kind = kind;
	st->op = op;
	return st;
}

struct step *begins(enum op op, int a, int b, int c, int d)
{
	struct step *st = add(CALL, op);

	st->a = a;
	st->b = b;
	st->c = c;
	st->d = d;
	return st;
}

static void look(struct seen_state *v, int s)
{
	const struct model *m = &now.m;
	int i, k;

	memset(v, 0, sizeof(*v));
	for (i = 0; i < NSTOPPERS; i++) {
		v->phase[i] = i < m->nstoppers && m->s[i].alive ? (signed char)m->s[i].phase : NONE;
		v->error[i] = (short)m->s[i].error;
		v->stop_cause[i] = (short)m->s[i].cause;
		for (k = 0; k < NPHASE_EVENTS; k++)
			v->fired[i] |= (unsigned char)(!!m->ev[EV_STOPPER(i, k)].fired << k);
	}
	for (i = 0; i < NCTXS; i++) {
		v->ctx[i] = i < m->nctxs && m->ctx[i].held ? (short)model_ctx_err(m, i) : 1;
		v->cause[i] = (short)model_cause(m, i);
	}
	for (i = 0; i < NEVENTS; i++)
		v->own |= (unsigned char)(!!m->ev[EV_OWN(i)].fired << i);
	for (i = 0; i < NSEMS; i++)
		v->length[i] = m->sem[i].length;
	v->tasks = s == NONE ? 0 : model_tasks(m, s);
}

/* @s: the stopper whose tasks are to be counted, or NONE; each count looks at all tables. */
struct step *returns2(enum op op, int s, struct m_ret ret)
{
	struct step *st = add(RETURNS, op);

	st->a = s;
	st->ret = ret;
	look(&st->seen, s);
	return st;
}

struct step *returns(enum op op, int s, int ret)
{
	return returns2(op, s, (struct m_ret){ ret, ret });
}

/* objects to call with; NONE: there is none */

int a_stopper(void)
{
	int n = now.m.nstoppers, i, s = n ? pick(n) : 0;

	for (i = 0; i < n; i++, s++)
		if (now.m.s[s % n].alive)
			return s % n;
	return NONE;
}

/* NONE: the background */
int a_ctx(void)
{
	int c = pick(now.m.nctxs + 1) - 1;

	return c >= 0 && now.m.ctx[c].held ? c : NONE;
}

int a_task(enum m_kind kind)
{
	int n = now.m.ntasks, i, t = n ? pick(n) : 0;

	for (i = 0; i < n; i++, t++)
		if (now.m.task[t % n].counted && now.m.task[t % n].kind == kind)
			return t % n;
	return NONE;
}

bool event_lives(int ev)
{
	if (ev < NEVENTS)
		return true;
	ev -= NEVENTS;
	if (ev < NCTXS)
		return ev < now.m.nctxs && now.m.ctx[ev].held;
	ev -= NCTXS;
	return ev / NPHASE_EVENTS < now.m.nstoppers && now.m.s[ev / NPHASE_EVENTS].alive;
}

/* One that a caller can have. */
int an_event(void)
{
	static const int public[] = { QUIESCE, STOP, STOPPED };
	int s, c;

	switch (pick(3)) {
	case 0:
		return EV_OWN(pick(NEVENTS));
	case 1:
		c = a_ctx();
		return c == NONE ? NONE : EV_CTX(c);
	default:
		s = a_stopper();
		return s == NONE ? NONE : EV_STOPPER(s, public[pick(3)]);
	}
}

bool has_records(int first, int n)
{
	int r;

	for (r = 0; r < NRECORDS; r++)
		if (now.m.record_on[r] >= first && now.m.record_on[r] < first + n)
			return true;
	return false;
}

/* In a stop, or in a callback of a quiesce, which a stop's thread may run. */
bool in_a_stop(void)
{
	return now.m.leads || model_turns(&now.m);
}

/* While a stop goes on, nothing is begun that it would wait for. */
bool may_last(int s)
{
	const struct m_stopper *x = &now.m.s[s];

	return !now.m.leads ||
	       (x->phase != STOPPER_RUNNING && !(x->flags & STOPPER_ADMIT_NESTED));
}

/* calls */

static void call_ops(void);

static void on_call(struct model *m, enum m_what what, int id)
{
	struct step *st = add(ENTER, NOPS);
	int entered_by = 0;

	st->a = (int)what;
	st->b = id;
	if (what == M_RECORD) {
		entered_by = now.entered_by[id];
		now.entered[id]++;
		now.entered_by[id] = m->thread;
	}
	if (what == M_TASK && pick(4) == 3)
		plan_label_own();
	call_ops();
	if (what == M_RECORD) {
		now.entered[id]--;
		now.entered_by[id] = entered_by;
	}
	now.panicked = what != M_RECORD && pick(8) == 7;
	add(LEAVE, NOPS)->panic = now.panicked;
}

static void with_stopper(enum op op, int s)
{
	switch (op) {
	case OP_PUT:
		plan_put(s);
		break;
	case OP_STOP:
	case OP_QUIESCE:
		plan_stop(s, op == OP_STOP, a_ctx());
		break;
	case OP_STOP_AFTER:
		plan_order(s);
		break;
	case OP_STOP_ASYNC:
		plan_stop_async(s);
		break;
	case OP_STOP_STAGED:
		plan_stop_staged(s);
		break;
	case OP_CLOSER:
	case OP_CLOSER_FN:
		plan_closer(s, op);
		break;
	case OP_RUN:
	case OP_RUN_ERR:
		plan_run(s, op);
		break;
	case OP_BEGIN:
		plan_begin(s, pick(16) == 15 ? MANY : 1);
		break;
	case OP_ASYNC:
	case OP_LIMITED:
	case OP_HELD:
	case OP_HELD_LIMITED:
	case OP_RECORD:
	case OP_HELD_RECORD:
	case OP_ASYNC_ERR:
		plan_async(s, op);
		break;
	case OP_WORKER:
		plan_worker(s);
		break;
	case OP_MAP:
		plan_map(s);
		break;
	case OP_PAUSE:
		plan_pause(s, a_ctx());
		break;
	case OP_RESUME:
		plan_resume(s);
		break;
	case OP_BEGIN_WAIT:
		plan_begin_wait(s);
		break;
	case OP_AFTER: {
		int c = a_ctx();

		begins(op, s, c, 0, 0);
		returns(op, s, model_run_after(&now.m, s, c));
		break;
	}
	case OP_TIMER_CANCEL:
	case OP_TIMER_SYNC:
		begins(op, s, 0, 0, 0);
		returns2(op, s, model_timer_cancel(&now.m, s));
		break;
	default:
		begins(OP_WORDS, s, pick(256) - 140, 0, 0);
		returns(OP_WORDS, NONE, 0);
	}
}

static void one_op(void)
{
	enum op op = (enum op)pick(NOPS);
	int s;

	switch (op) {
	case OP_CREATE:
		plan_create();
		break;
	case OP_CTX_CANCEL:
	case OP_CTX_PAST:
	case OP_CTX_FUTURE:
	case OP_CTX_ON_QUIESCE:
	case OP_CTX_ON_STOP:
		plan_ctx(op);
		break;
	case OP_CTX_PUT:
		plan_ctx_put(a_ctx());
		break;
	case OP_CANCEL:
	case OP_CANCEL_BECAUSE:
		plan_cancel(a_ctx(), op);
		break;
	case OP_FIRE:
		plan_fire(EV_OWN(pick(NEVENTS)));
		break;
	case OP_ATTACH:
		plan_attach(an_event(), pick(NRECORDS));
		break;
	case OP_DETACH:
		plan_detach(pick(NRECORDS));
		break;
	case OP_END:
		plan_end(a_task(M_HANDLE), op);
		break;
	case OP_LABEL:
		plan_label();
		break;
	case OP_OPEN:
		plan_end(a_task(M_HELD), op);
		break;
	case OP_TRY:
	case OP_ACQUIRE:
	case OP_RELEASE:
	case OP_SEM_CLOSE:
	case OP_RESIZE:
		plan_sem(op);
		break;
	case OP_WAIT:
		plan_wait();
		break;
	case OP_WAIT_ANY:
		plan_wait_any();
		break;
	case OP_LIST:
		/* It looks up every thread, which takes long. */
		if (!pick(8))
			plan_list();
		break;
	case OP_BAD:
		begins(OP_BAD, pick(64), a_stopper(), 0, 0);
		returns(OP_BAD, NONE, -EINVAL);
		break;
	default:
		s = a_stopper();
		if (s != NONE)
			with_stopper(op, s);
	}
}

/* What a function that is called back does. */
static void call_ops(void)
{
	int n;

	if (now.depth == DEPTH || now.at == now.end)
		return;
	now.depth++;
	/* What would wait for itself. */
	n = now.m.nstoppers && pick(4) == 3 ? a_stopper() : NONE;
	if (n != NONE)
		plan_stop(n, pick(2), NONE);
	for (n = pick(4); n && room() && now.at != now.end; n--)
		one_op();
	now.depth--;
}

/* All that is left ends, in an order that a careful caller would take. */
static void clean_up(void)
{
	int i;

	now.cleaning = true;
	for (i = 0; i < now.m.ntasks; i++)
		if (now.m.task[i].counted)
			plan_end(i, now.m.task[i].kind == M_HELD ? OP_OPEN : OP_END);
	for (i = 0; i < now.m.nstoppers; i++)
		if (now.m.s[i].alive)
			plan_stop(i, true, NONE);
	/* What is left has children that cannot stop in a row: they do, one by one. */
	for (i = now.m.nstoppers - 1; i >= 0; i--)
		if (now.m.s[i].alive && now.m.s[i].phase != STOPPER_STOPPED)
			plan_stop(i, true, NONE);
	for (i = 0; i < NRECORDS; i++)
		plan_detach(i);
	for (i = 0; i < now.m.nstoppers; i++)
		if (now.m.s[i].alive)
			plan_put(i);
	for (i = 0; i < now.m.nctxs; i++)
		if (now.m.ctx[i].held)
			plan_ctx_put(i);
}

static void make_names(void)
{
	int i, j, len;
	bool is_long;
	char *name;

	for (i = 0; i < NSITES; i++) {
		name = now.p->name[i];
		is_long = pick(4) == 3;
		for (j = pick(6), len = 0; j && now.at != now.end; j--)
			name[len++] = (char)*now.at++;
		/* About as long as is shown, of the same bytes again and again. */
		for (j = is_long ? 120 + pick(20) : 0; len && len < j; len++)
			name[len] = name[len - 1 - (len > 1 && !(len % 7))];
	}
}

void plan_make(struct plan *p, const uint8_t *data, size_t size)
{
	int i;

	memset(&now, 0, sizeof(now));
	p->n = 0;
	memset(p->name, 0, sizeof(p->name));
	now.p = p;
	now.at = data;
	now.end = data + size;
	now.m.call = on_call;
	model_init(&now.m);
	make_names();
	for (i = 0; i < NSEMS; i++) {
		p->capacity[i] = pick(3);
		now.m.sem[i].capacity = p->capacity[i];
	}
	for (i = 0; i < NRECORDS; i++)
		now.last_event[i] = NONE;
	plan_ctx(OP_CTX_CANCEL);
	plan_cancel(CTX_ENDED, OP_CANCEL);
	while (now.at != now.end && room())
		one_op();
	now.at = now.end;
	clean_up();
	add(THE_END, NOPS);
}

void plan_free(struct plan *p)
{
	int i;

	for (i = 0; i < p->n; i++) {
		free(p->step[i].text);
		free(p->step[i].groups);
	}
}
