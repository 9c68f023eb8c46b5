// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * plan.c - makes calls of bytes, and runs them through the model first.
 *
 * A byte is a call, the next ones its arguments. What a call calls back makes calls too, from
 * the same bytes; so the plan has for each call: its arguments, each callback it is to make, in
 * which the calls of that callback are nested, and what it returns. Whatever the bytes are, no
 * call that would wait for ever is planned, nor one that a caller may not make.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "plan.h"

#define DEPTH		6
#define MANY		40	/* handles at once, more than a table has slots for */
#define CTX_ENDED	0	/* the context that has ended before all */

static struct {
	struct model m;
	struct plan *p;
	const uint8_t *at, *end;
	int depth, workers, causes;
	int last_event[NRECORDS], entered[NRECORDS], entered_by[NRECORDS];
	int cancelling[NCTXS];
	bool panicked, cleaning, stops_async;
} now;

static int pick(int n)
{
	return now.at == now.end || n < 2 ? 0 : *now.at++ % n;
}

static bool room(void)
{
	return now.p->n < NSTEPS - 2 * NTASKS - 200;
}

static struct step *add(enum step_kind kind, enum op op)
{
	struct step *st = &now.p->step[now.p->n++];

	memset(st, 0, sizeof(*st));
	st->kind = kind;
	st->op = op;
	return st;
}

static struct step *begins(enum op op, int a, int b, int c, int d)
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
static struct step *returns2(enum op op, int s, struct m_ret ret)
{
	struct step *st = add(RETURNS, op);

	st->a = s;
	st->ret = ret;
	look(&st->seen, s);
	return st;
}

static struct step *returns(enum op op, int s, int ret)
{
	return returns2(op, s, (struct m_ret){ ret, ret });
}

/* objects to call with; NONE: there is none */

static int a_stopper(void)
{
	int n = now.m.nstoppers, i, s = n ? pick(n) : 0;

	for (i = 0; i < n; i++, s++)
		if (now.m.s[s % n].alive)
			return s % n;
	return NONE;
}

/* NONE: the background */
static int a_ctx(void)
{
	int c = pick(now.m.nctxs + 1) - 1;

	return c >= 0 && now.m.ctx[c].held ? c : NONE;
}

static int a_task(enum m_kind kind)
{
	int n = now.m.ntasks, i, t = n ? pick(n) : 0;

	for (i = 0; i < n; i++, t++)
		if (now.m.task[t % n].counted && now.m.task[t % n].kind == kind)
			return t % n;
	return NONE;
}

static bool event_lives(int ev)
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
static int an_event(void)
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

static bool has_records(int first, int n)
{
	int r;

	for (r = 0; r < NRECORDS; r++)
		if (now.m.record_on[r] >= first && now.m.record_on[r] < first + n)
			return true;
	return false;
}

/* In a stop, or in a callback of a quiesce, which a stop's thread may run. */
static bool in_a_stop(void)
{
	return now.m.leads || model_turns(&now.m);
}

/* While a stop goes on, nothing is begun that it would wait for. */
static bool may_last(int s)
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
	call_ops();
	if (what == M_RECORD) {
		now.entered[id]--;
		now.entered_by[id] = entered_by;
	}
	now.panicked = what != M_RECORD && pick(8) == 7;
	add(LEAVE, NOPS)->panic = now.panicked;
}

static void create(void)
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

static void put(int s)
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
	if (now.m.leads)
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
static void stop(int s, bool stop, int c)
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
static void stop_async(int s)
{
	int before = now.m.thread, why = a_cause();

	if (now.stops_async || in_a_stop() || model_is_inside(&now.m, s, true) ||
	    model_has_tasks(&now.m, s) || model_in_use(&now.m, s) ||
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

/* RETURNS: d tasks remain, and between 0 and e workers, which may not have begun. */
static void stop_staged(int s)
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
			st->d += model_tasks(&now.m, i);
			st->e += now.m.s[i].nworkers;
		}
}

static void add_closer(int s, enum op op)
{
	if (now.m.nclosers == NCLOSERS)
		return;
	begins(op, s, now.m.nclosers, 0, 0);
	returns(op, NONE, model_add_closer(&now.m, s));
}

static void make_ctx(enum op op)
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

static void put_ctx(int c)
{
	if (c == NONE || (c == CTX_ENDED && !now.cleaning) || is_lent(c) ||
	    has_records(EV_CTX(c), 1))
		return;
	begins(OP_CTX_PUT, c, 0, 0, 0);
	model_ctx_put(&now.m, c);
	returns(OP_CTX_PUT, NONE, 0);
}

/* The same. */
static void cancel(int c, enum op op)
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

static void fire(int ev)
{
	begins(OP_FIRE, ev, 0, 0, 0);
	returns(OP_FIRE, NONE, model_fire(&now.m, ev));
}

static void attach(int ev, int r)
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
static void detach(int r)
{
	int ev = now.last_event[r];

	if (ev == NONE || !event_lives(ev) || now.entered[r] > 1 ||
	    (now.entered[r] && now.entered_by[r] != now.m.thread))
		return;
	begins(OP_DETACH, ev, r, 0, 0);
	returns(OP_DETACH, NONE, model_detach(&now.m, r));
}

int result_of(int site)
{
	return site - 3;
}

static void run(int s, enum op op)
{
	int site = pick(NSITES), c = a_ctx();
	struct m_ret r;

	if (now.m.ntasks == NTASKS)
		return;
	begins(op, s, site, c, now.m.ntasks);
	now.panicked = false;
	r = model_task(&now.m, M_SYNC, s, site, c, NONE, false);
	if (op == OP_RUN_ERR && !r.ret)
		r.ret = now.panicked ? -EOWNERDEAD : result_of(site);
	r.or = r.ret;
	now.panicked = false;
	returns2(op, s, r);
}

static void begin_task(int s, int n)
{
	int site = pick(NSITES), c = a_ctx();

	for (; n && may_last(s) && now.m.ntasks < NTASKS - 8; n--) {
		begins(OP_BEGIN, s, site, c, now.m.ntasks);
		returns2(OP_BEGIN, s, model_task(&now.m, M_HANDLE, s, site, c, NONE, false));
		if (now.m.s[s].phase != STOPPER_RUNNING)
			break;
	}
}

/* A context that ends the wait, if it would wait. */
static void plan_pause(int s, int c)
{
	if (model_has_tasks(&now.m, s) || now.m.leads)
		c = model_ctx_err(&now.m, c) ? c : CTX_ENDED;
	begins(OP_PAUSE, s, c, 0, 0);
	returns(OP_PAUSE, s, model_pause(&now.m, s, c));
}

static void resume(int s)
{
	begins(OP_RESUME, s, 0, 0, 0);
	returns(OP_RESUME, s, model_resume(&now.m, s));
}

/* The same: if it is paused, it waits until its context ends. */
static void begin_wait(int s)
{
	int site = pick(NSITES), c = a_ctx();
	struct m_ret r;
	bool waits;

	if (!may_last(s) || now.m.ntasks == NTASKS)
		return;
	waits = model_is_paused(&now.m, s) && !model_may_nest(&now.m, M_HANDLE, s);
	if (waits && !model_ctx_err(&now.m, c))
		c = CTX_ENDED;
	begins(OP_BEGIN_WAIT, s, site, c, now.m.ntasks);
	if (waits)
		r.ret = model_is_inside(&now.m, s, false) || model_at_work(&now.m, s) ?
			-EDEADLK : model_ctx_err(&now.m, c);
	else
		r = model_task(&now.m, M_HANDLE, s, site, c, NONE, false);
	r.or = r.ret;
	returns2(OP_BEGIN_WAIT, s, r);
}

static void end_task(int t, enum op op)
{
	int s;

	if (t == NONE)
		return;
	s = now.m.task[t].s;
	begins(op, s, t, 0, 0);
	model_task_end(&now.m, t);
	returns(op, s, 0);
}

static bool too_few_slots(int sem, int n, int c)
{
	const struct m_sem *x = &now.m.sem[sem];

	return !x->closed && n > x->capacity - x->length && !model_ctx_err(&now.m, c);
}

static void run_async(int s, enum op op)
{
	bool limited = op == OP_LIMITED || op == OP_HELD_LIMITED;
	bool held = op == OP_HELD || op == OP_HELD_LIMITED || op == OP_HELD_RECORD;
	int site = pick(NSITES), c = a_ctx(), sem = limited ? pick(NSEMS) : NONE;
	struct step *st;
	struct m_ret r;
	int result;
	bool wait;

	if (now.m.ntasks == NTASKS || (held && !may_last(s)))
		return;
	wait = limited && pick(2) && !too_few_slots(sem, 1, c);
	st = begins(op, s, site, c, sem);
	st->e = now.m.ntasks << 1 | wait;
	now.panicked = false;
	r = model_task(&now.m, held ? M_HELD : M_JOINED, s, site, c, sem, wait);
	result = now.panicked ? -EOWNERDEAD : result_of(site);
	now.panicked = false;
	/* What has run and returned a result. */
	if ((op == OP_RECORD || op == OP_ASYNC_ERR) && !r.ret && result < 0 &&
	    !now.m.s[s].error)
		now.m.s[s].error = result;
	returns2(op, s, r);
}

static void run_worker(int s)
{
	if (now.workers == 6 || (now.m.leads && now.m.s[s].phase < STOPPER_STOPPING))
		return;
	now.workers++;
	begins(OP_WORKER, s, 0, 0, 0);
	returns(OP_WORKER, NONE, model_worker(&now.m, s));
}

static void use_sem(enum op op)
{
	int sem = pick(NSEMS), c = a_ctx(), n = pick(4);
	struct m_ret r = { 0, 0 };

	if (op != OP_RESIZE)
		n = n ? n : 1;
	if (op == OP_ACQUIRE && too_few_slots(sem, n, c))
		c = CTX_ENDED;
	begins(op, sem, n, c, 0);
	switch (op) {
	case OP_TRY:
		r = model_acquire(&now.m, sem, n, NONE, false);
		break;
	case OP_ACQUIRE:
		r = model_acquire(&now.m, sem, n, c, true);
		break;
	case OP_RELEASE:
		model_release(&now.m, sem, n);
		break;
	case OP_RESIZE:
		now.m.sem[sem].capacity = n;
		break;
	default:
		now.m.sem[sem].closed = true;
	}
	returns2(op, NONE, r);
}

static void wait_for_event(void)
{
	int ev = an_event(), c = a_ctx();

	if ((ev == NONE || !now.m.ev[ev].fired) && !model_ctx_err(&now.m, c))
		c = CTX_ENDED;
	begins(OP_WAIT, ev, c, 0, 0);
	returns(OP_WAIT, NONE, ev != NONE && now.m.ev[ev].fired ? 0 : model_ctx_err(&now.m, c));
}

/* Two events, in a list of ten: more than there is room for without memory. */
static void wait_any(void)
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

static void map(int s)
{
	const char *names[NSITES];
	char text[NSITES * (STOPPER_NAME_SHOWN + 32)];
	int i, sites;

	for (i = 0; i < NSITES; i++)
		names[i] = now.p->name[i];
	begins(OP_MAP, s, 0, 0, 0);
	sites = model_task_map(&now.m, s, names, text);
	returns(OP_MAP, s, sites)->text = strdup(text);
}

/* What is to stand in each stopper's own line; contexts, only where no event is being fired. */
static void list(void)
{
	struct model *m = &now.m;
	char text[NSTOPPERS * 96], *to = text;
	int s, contexts;

	begins(OP_LIST, 0, 0, 0, 0);
	*to = '\0';
	for (s = 0; s < m->nstoppers; s++) {
		if (!m->s[s].alive || m->s[s].phase == STOPPER_STOPPED)
			continue;
		contexts = now.depth ? NONE : model_contexts(m, s);
		to += sprintf(to, "%d %d %d %d %d %d %d\n", s, m->s[s].phase, model_tasks(m, s),
			      m->s[s].nworkers, m->s[s].nclosers + m->s[s].running_closers,
			      m->s[s].nclosed, contexts);
	}
	returns(OP_LIST, NONE, 0)->text = strdup(text);
}

static void with_stopper(enum op op, int s)
{
	switch (op) {
	case OP_PUT:
		put(s);
		break;
	case OP_STOP:
	case OP_QUIESCE:
		stop(s, op == OP_STOP, a_ctx());
		break;
	case OP_STOP_ASYNC:
		stop_async(s);
		break;
	case OP_STOP_STAGED:
		stop_staged(s);
		break;
	case OP_CLOSER:
	case OP_CLOSER_FN:
		add_closer(s, op);
		break;
	case OP_RUN:
	case OP_RUN_ERR:
		run(s, op);
		break;
	case OP_BEGIN:
		begin_task(s, pick(16) == 15 ? MANY : 1);
		break;
	case OP_ASYNC:
	case OP_LIMITED:
	case OP_HELD:
	case OP_HELD_LIMITED:
	case OP_RECORD:
	case OP_HELD_RECORD:
	case OP_ASYNC_ERR:
		run_async(s, op);
		break;
	case OP_WORKER:
		run_worker(s);
		break;
	case OP_MAP:
		map(s);
		break;
	case OP_PAUSE:
		plan_pause(s, a_ctx());
		break;
	case OP_RESUME:
		resume(s);
		break;
	case OP_BEGIN_WAIT:
		begin_wait(s);
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
		create();
		break;
	case OP_CTX_CANCEL:
	case OP_CTX_PAST:
	case OP_CTX_FUTURE:
	case OP_CTX_ON_QUIESCE:
	case OP_CTX_ON_STOP:
		make_ctx(op);
		break;
	case OP_CTX_PUT:
		put_ctx(a_ctx());
		break;
	case OP_CANCEL:
	case OP_CANCEL_BECAUSE:
		cancel(a_ctx(), op);
		break;
	case OP_FIRE:
		fire(EV_OWN(pick(NEVENTS)));
		break;
	case OP_ATTACH:
		attach(an_event(), pick(NRECORDS));
		break;
	case OP_DETACH:
		detach(pick(NRECORDS));
		break;
	case OP_END:
		end_task(a_task(M_HANDLE), op);
		break;
	case OP_OPEN:
		end_task(a_task(M_HELD), op);
		break;
	case OP_TRY:
	case OP_ACQUIRE:
	case OP_RELEASE:
	case OP_SEM_CLOSE:
	case OP_RESIZE:
		use_sem(op);
		break;
	case OP_WAIT:
		wait_for_event();
		break;
	case OP_WAIT_ANY:
		wait_any();
		break;
	case OP_LIST:
		/* It looks up every thread, which takes long. */
		if (!pick(8))
			list();
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
		stop(n, pick(2), NONE);
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
			end_task(i, now.m.task[i].kind == M_HELD ? OP_OPEN : OP_END);
	for (i = 0; i < now.m.nstoppers; i++)
		if (now.m.s[i].alive)
			stop(i, true, NONE);
	for (i = 0; i < NRECORDS; i++)
		detach(i);
	for (i = 0; i < now.m.nstoppers; i++)
		if (now.m.s[i].alive)
			put(i);
	for (i = 0; i < now.m.nctxs; i++)
		if (now.m.ctx[i].held)
			put_ctx(i);
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
	make_ctx(OP_CTX_CANCEL);
	cancel(CTX_ENDED, OP_CANCEL);
	while (now.at != now.end && room())
		one_op();
	now.at = now.end;
	clean_up();
	add(THE_END, NOPS);
}

void plan_free(struct plan *p)
{
	int i;

	for (i = 0; i < p->n; i++)
		free(p->step[i].text);
}
