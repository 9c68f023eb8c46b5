// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * model.c - the contract as a sequential program; see model.h.
 *
 * Where the contract leaves something open that is the same every time, it is settled here as
 * the heads of the core's files have it: contexts that end with another one end after its
 * callbacks have run, in the order in which they were made.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "model.h"

void model_init(struct model *m)
{
	void (*call)(struct model *m, enum m_what what, int id) = m->call;
	int i;

	memset(m, 0, sizeof(*m));
	m->call = call;
	m->lead_ctx = NONE;
	for (i = 0; i < NRECORDS; i++)
		m->record_on[i] = NONE;
}

/* events */

static void hang(struct model *m, int ev, int what)
{
	m->ev[ev].on[m->ev[ev].nr++] = what;
}

/* true: it was there. */
static bool unhang(struct model *m, int ev, int what)
{
	struct m_event *e = &m->ev[ev];
	int i;

	for (i = 0; i < e->nr; i++)
		if (e->on[i] == what) {
			e->nr--;
			memmove(&e->on[i], &e->on[i + 1], (size_t)(e->nr - i) * sizeof(*e->on));
			return true;
		}
	return false;
}

/* Calls what hangs on an event, in order; the contexts that end with it come next. */
static void take_down(struct model *m, int ev, int *next, int *n)
{
	struct m_event *e = &m->ev[ev];
	int what;

	while (e->nr) {
		what = e->on[0];
		unhang(m, ev, what);
		if (what < NRECORDS) {
			m->record_on[what] = NONE;
			m->call(m, M_RECORD, what);
		} else {
			next[(*n)++] = (what - NRECORDS) % NCTXS;
		}
	}
}

static bool fire(struct model *m, int ev, int code, int cause)
{
	int next[2 * NCTXS], n = 0, i;

	if (m->ev[ev].fired)
		return false;
	m->ev[ev].fired = code;
	m->ev[ev].cause = cause;
	take_down(m, ev, next, &n);
	for (i = 0; i < n; i++)
		if (!m->ev[EV_CTX(next[i])].fired) {
			m->ev[EV_CTX(next[i])].fired = code;
			m->ev[EV_CTX(next[i])].cause = cause;
			take_down(m, EV_CTX(next[i]), next, &n);
		}
	return true;
}

bool model_fire(struct model *m, int ev)
{
	return fire(m, ev, 1, C_NONE);
}

void model_attach(struct model *m, int ev, int rec)
{
	if (m->ev[ev].fired) {
		m->call(m, M_RECORD, rec);
		return;
	}
	m->record_on[rec] = ev;
	hang(m, ev, ON_RECORD(rec));
}

bool model_detach(struct model *m, int rec)
{
	int ev = m->record_on[rec];

	m->record_on[rec] = NONE;
	return ev != NONE && unhang(m, ev, ON_RECORD(rec));
}

/* contexts */

int model_ctx_err(const struct model *m, int c)
{
	return c == NONE ? 0 : -m->ev[EV_CTX(c)].fired;
}

int model_cause(const struct model *m, int c)
{
	return m->ev[EV_CTX(c)].cause;
}

static void born_ended(struct m_event *e, int code, int cause)
{
	if (e->fired)
		return;
	e->fired = code;
	e->cause = cause;
}

/* @code: 0, or why it is born ended. */
int model_ctx(struct model *m, int parent, int s, int phase_event, int code)
{
	int c = m->nctxs++;
	struct m_ctx *x = &m->ctx[c];

	*x = (struct m_ctx){ .refs = 1, .held = true, .parent = parent, .s = s };
	if (parent != NONE) {
		m->ctx[parent].refs++;
		if (m->ev[EV_CTX(parent)].fired)
			born_ended(&m->ev[EV_CTX(c)], m->ev[EV_CTX(parent)].fired,
				   model_cause(m, parent));
		else
			hang(m, EV_CTX(parent), ON_PARENT(c));
	}
	if (s != NONE) {
		x->s_event = EV_STOPPER(s, phase_event);
		if (m->ev[x->s_event].fired)
			born_ended(&m->ev[EV_CTX(c)], m->ev[x->s_event].fired,
				   m->ev[x->s_event].cause);
		else
			hang(m, x->s_event, ON_STOPPER(c));
	}
	if (code)
		born_ended(&m->ev[EV_CTX(c)], code, C_DEADLINE);
	return 0;
}

static void cut(struct model *m, int c)
{
	if (m->ctx[c].parent != NONE)
		unhang(m, EV_CTX(m->ctx[c].parent), ON_PARENT(c));
	if (m->ctx[c].s != NONE)
		unhang(m, m->ctx[c].s_event, ON_STOPPER(c));
}

/* One reference less, whosever. */
static void drop(struct model *m, int c)
{
	for (; c != NONE && !--m->ctx[c].refs; c = m->ctx[c].parent)
		cut(m, c);
}

void model_ctx_put(struct model *m, int c)
{
	m->ctx[c].held = false;
	drop(m, c);
}

/* true: that ended it. */
bool model_ctx_cancel(struct model *m, int c, int cause)
{
	bool ended = fire(m, EV_CTX(c), ECANCELED, cause);

	cut(m, c);
	return ended;
}

/* Whose quiesce or stop ends it, by the tie nearest to it; NONE: it is an ordinary one. */
static int tied_to(const struct model *m, int c)
{
	while (c != NONE && m->ctx[c].s == NONE)
		c = m->ctx[c].parent;
	return c == NONE ? NONE : m->ctx[c].s;
}

/* Does the timer, while it is pending, hold a context below an ordinary one? */
static bool timer_has_context(const struct model *m, int s)
{
	const struct m_stopper *x = &m->s[s];

	return x->flags & STOPPER_CTX_ENDS_AT_QUIESCE && x->timer_pending && !x->quiesced &&
	       x->timer_ctx != NONE && tied_to(m, x->timer_ctx) != s;
}

/* Those of STOPPER_CTX_ENDS_AT_QUIESCE: one for all, and one below each ordinary one of a task. */
static int contexts_of_tasks(const struct model *m, int s)
{
	int i, n = m->s[s].phase < STOPPER_STOPPING;

	if (!(m->s[s].flags & STOPPER_CTX_ENDS_AT_QUIESCE))
		return 0;
	for (i = 0; i < m->ntasks; i++) {
		const struct m_task *t = &m->task[i];

		n += t->counted && t->s == s && t->kind >= M_JOINED && t->ctx != NONE &&
			tied_to(m, t->ctx) != s;
	}
	return n + timer_has_context(m, s);
}

/* NONE: not known, as a quiesce drops the timer at some time. */
int model_contexts(const struct model *m, int s)
{
	int c, n = contexts_of_tasks(m, s);

	if (timer_has_context(m, s) && m->s[s].phase != STOPPER_RUNNING)
		return NONE;
	for (c = 0; c < m->nctxs; c++)
		n += m->ctx[c].refs && m->ctx[c].s == s;
	return n;
}

/* timers */

int model_run_after(struct model *m, int s, int ctx)
{
	if (m->s[s].phase != STOPPER_RUNNING)
		return -ESHUTDOWN;
	if (m->s[s].timer_pending)
		return -EALREADY;
	m->s[s].timer_pending = true;
	m->s[s].timer_ctx = ctx;
	return 0;
}

/* It is dropped by a quiesce that waits, or before its end, whichever waits first. */
struct m_ret model_timer_cancel(struct model *m, int s)
{
	struct m_stopper *x = &m->s[s];
	int was = x->timer_pending;

	x->timer_pending = false;
	return (struct m_ret){ was && !x->quiesced, was && x->phase == STOPPER_RUNNING };
}

/* semaphores */

struct m_ret model_acquire(struct model *m, int sem, int n, int ctx, bool wait)
{
	struct m_sem *x = &m->sem[sem];
	int err = model_ctx_err(m, ctx);

	(void)wait;
	if (x->closed)
		return (struct m_ret){ -ESHUTDOWN, err ? err : -ESHUTDOWN };
	if (err)
		return (struct m_ret){ err, err };
	if (n > x->capacity - x->length)
		return (struct m_ret){ -EBUSY, -EBUSY };
	x->length += n;
	return (struct m_ret){ 0, 0 };
}

void model_release(struct model *m, int sem, int n)
{
	if (m->sem[sem].length >= n)
		m->sem[sem].length -= n;
}

/* tasks */

static int task_new(struct model *m, enum m_kind kind, int s, int site, int ctx, int sem)
{
	m->task[m->ntasks] = (struct m_task){
		.counted = true, .kind = kind, .s = s, .site = site, .ctx = ctx, .sem = sem,
	};
	return m->ntasks++;
}

/* In this order: the slot is free, then the task is not counted. */
void model_task_end(struct model *m, int task)
{
	struct m_task *t = &m->task[task];

	if (t->sem != NONE)
		model_release(m, t->sem, 1);
	if (t->kind >= M_JOINED)
		drop(m, t->ctx);
	t->counted = false;
}

/* Runs it on a thread: this one, or one of its own that is waited for. */
static void task_run(struct model *m, int task)
{
	int before = m->thread;

	if (m->task[task].kind == M_JOINED)
		m->thread = ++m->nthreads;
	m->task[task].thread = m->thread;
	m->call(m, M_TASK, task);
	m->thread = before;
	model_task_end(m, task);
}

/* Does this thread run a task of @s, so that it may start another one although @s drains? */
bool model_may_nest(const struct model *m, enum m_kind kind, int s)
{
	bool runs = false, let_in = false;
	int i;

	if (!(m->s[s].flags & STOPPER_ADMIT_NESTED))
		return false;
	for (i = 0; i < m->ntasks; i++) {
		const struct m_task *t = &m->task[i];

		if (!t->counted || t->s != s || t->thread != m->thread ||
		    (t->kind != M_SYNC && t->kind != M_JOINED))
			continue;
		runs = true;
		let_in |= t->let_in && t->kind == M_JOINED;
	}
	return runs && (kind == M_SYNC || !let_in);
}

struct m_ret model_task(struct model *m, enum m_kind kind, int s, int site, int ctx, int sem,
			bool wait)
{
	bool drains = m->s[s].phase != STOPPER_RUNNING || model_is_paused(m, s);
	bool let_in = drains && model_may_nest(m, kind, s);
	struct m_ret r = { 0, 0 };
	int task;

	if (sem != NONE && (let_in || !m->ev[EV_STOPPER(s, QUIESCE)].fired))
		r = model_acquire(m, sem, 1, ctx, wait);
	if (m->s[s].phase != STOPPER_RUNNING && !let_in) {
		/* Refused, for this reason or for one that is as good. */
		if (!r.ret && sem != NONE && !m->ev[EV_STOPPER(s, QUIESCE)].fired)
			model_release(m, sem, 1);
		return (struct m_ret){ -ESHUTDOWN, r.ret ? r.or : -ESHUTDOWN };
	}
	/* Before the slot is looked at, or when it has been taken. */
	if (model_is_paused(m, s) && !let_in) {
		if (!r.ret && sem != NONE)
			model_release(m, sem, 1);
		return (struct m_ret){ -EAGAIN, -EAGAIN };
	}
	if (r.ret)
		return r;
	task = task_new(m, kind, s, site, ctx, sem);
	m->task[task].let_in = let_in;
	if (kind >= M_JOINED && ctx != NONE)
		m->ctx[ctx].refs++;
	if (kind == M_SYNC || kind == M_JOINED)
		task_run(m, task);
	return (struct m_ret){ 0, 0 };
}

int model_worker(struct model *m, int s)
{
	if (m->s[s].phase >= STOPPER_STOPPING)
		return -ESHUTDOWN;
	m->s[s].nworkers++;
	return 0;
}

int model_tasks(const struct model *m, int s)
{
	int i, n = 0;

	for (i = 0; i < m->ntasks; i++)
		n += m->task[i].counted && m->task[i].s == s;
	return n;
}

bool model_within(const struct model *m, int s, int tree)
{
	while (s != NONE && s != tree)
		s = m->s[s].parent;
	return s != NONE;
}

bool model_has_tasks(const struct model *m, int tree)
{
	int i;

	for (i = 0; i < m->ntasks; i++)
		if (m->task[i].counted && model_within(m, m->task[i].s, tree))
			return true;
	for (i = 0; i < m->nruns; i++)
		if (model_within(m, m->run[i].s, tree))
			return true;
	return false;
}

bool model_has_workers(const struct model *m, int tree)
{
	int s;

	for (s = 0; s < m->nstoppers; s++)
		if (m->s[s].nworkers && model_within(m, s, tree))
			return true;
	return false;
}

/* stoppers */

int model_create(struct model *m, int parent, unsigned int flags)
{
	struct m_stopper *s = &m->s[m->nstoppers];

	if (flags & ~STOPPER_FLAGS_ALL)
		return -EINVAL;
	if (parent != NONE && m->s[parent].depth + 1 >= STOPPER_DEPTH)
		return -EINVAL;
	if (parent != NONE && m->s[parent].phase != STOPPER_RUNNING)
		return -ESHUTDOWN;
	*s = (struct m_stopper){
		.alive = true, .refs = 1, .parent = parent, .flags = flags,
		.depth = parent != NONE ? m->s[parent].depth + 1 : 0,
		.leader = NONE, .turner = NONE, .ender = NONE,
	};
	m->nstoppers++;
	return 0;
}

void model_put(struct model *m, int s)
{
	if (!--m->s[s].refs)
		m->s[s].alive = false;
}

/* Calls from its own tasks, for Stop also from its own closers; or from those of a child's. */
bool model_is_inside(const struct model *m, int s, bool stop)
{
	int i;

	for (i = 0; i < m->ntasks; i++) {
		const struct m_task *t = &m->task[i];

		if (t->counted && (t->kind == M_SYNC || t->kind == M_JOINED) &&
		    t->thread == m->thread && model_within(m, t->s, s))
			return true;
	}
	for (i = 0; stop && i < m->nruns; i++)
		if (m->run[i].thread == m->thread && model_within(m, m->run[i].s, s))
			return true;
	return false;
}

/* Does this thread stop it or one below it, or is it just turning the phase of one of these? */
bool model_at_work(const struct model *m, int tree)
{
	int s;

	for (s = 0; s < m->nstoppers; s++)
		if ((m->s[s].leader == m->thread || m->s[s].turner == m->thread ||
		     m->s[s].ender == m->thread) && model_within(m, s, tree))
			return true;
	return false;
}

/* Does this thread fire the events of a quiesce? */
bool model_turns(const struct model *m)
{
	int s;

	for (s = 0; s < m->nstoppers; s++)
		if (m->s[s].turner == m->thread)
			return true;
	return false;
}

/* Does a call that has not returned need it? */
bool model_in_use(const struct model *m, int s)
{
	int i;

	for (i = 0; i < m->nruns; i++)
		if (m->run[i].s == s)
			return true;
	return m->leads || m->s[s].leader != NONE;
}

static void closer_run(struct model *m, int s, int closer)
{
	m->run[m->nruns++] = (struct m_run){ s, m->thread };
	m->s[s].running_closers++;
	m->call(m, M_CLOSER, closer);
	m->s[s].running_closers--;
	m->s[s].nclosed++;
	m->nruns--;
}

int model_add_closer(struct model *m, int s)
{
	struct m_stopper *x = &m->s[s];
	int closer = m->nclosers++;

	if (x->phase >= STOPPER_CLOSING) {
		closer_run(m, s, closer);
		return 0;
	}
	if (x->flags & STOPPER_CLOSERS_LIFO) {
		memmove(x->closers + 1, x->closers, (size_t)x->nclosers * sizeof(*x->closers));
		x->closers[0] = closer;
	} else {
		x->closers[x->nclosers] = closer;
	}
	x->nclosers++;
	return 0;
}

/* A child that has not stopped, the first after @after; or the last one. */
static int child(const struct model *m, int s, int after, bool last)
{
	int i, found = NONE;

	for (i = after + 1; i < m->nstoppers; i++)
		if (m->s[i].parent == s && m->s[i].phase != STOPPER_STOPPED) {
			found = i;
			if (!last)
				break;
		}
	return found;
}

static void quiesce_set_phase(struct model *m, int s, int cause)
{
	int c = NONE;

	if (!m->s[s].cause)
		m->s[s].cause = cause;
	if (m->s[s].phase == STOPPER_RUNNING) {
		m->s[s].phase = STOPPER_QUIESCING;
		m->s[s].unfired = true;
	}
	while ((c = child(m, s, c, false)) != NONE)
		quiesce_set_phase(m, c, cause);
}

static void quiesce_fire_events(struct model *m, int s)
{
	int c = NONE;

	if (m->s[s].unfired) {
		m->s[s].unfired = false;
		m->s[s].turner = m->thread;
		fire(m, EV_STOPPER(s, QUIESCE_CTX), ECANCELED, m->s[s].cause);
		fire(m, EV_STOPPER(s, QUIESCE), 1, C_NONE);
		m->s[s].turner = NONE;
	}
	while ((c = child(m, s, c, false)) != NONE)
		quiesce_fire_events(m, c);
}

/* The whole tree refuses tasks before the first event fires; a callback may come here again. */
static void quiesce_begin(struct model *m, int s)
{
	if (m->s[s].phase != STOPPER_RUNNING && !m->s[s].unfired)
		return;
	quiesce_set_phase(m, s, m->s[s].cause);
	quiesce_fire_events(m, s);
}

static void enter_phase(struct model *m, int s, enum stopper_phase phase)
{
	if (m->s[s].phase < phase)
		m->s[s].phase = phase;
}

/* It would wait here: for ever, unless its context ends. */
static int wait_for(struct model *m, int ctx, const char *what)
{
	int err = model_ctx_err(m, ctx);

	if (err)
		return err;
	fprintf(stderr, "model: a stop waits for %s: the plan should not have this\n", what);
	abort();
}

static int reach(struct model *m, int s, bool stop, int ctx);

static int lead_quiesce(struct model *m, int s, int ctx)
{
	int c = NONE, err = 0;

	quiesce_begin(m, s);
	if (model_tasks(m, s))
		return wait_for(m, ctx, "tasks");
	while (!err && (c = child(m, s, c, false)) != NONE)
		err = reach(m, c, false, ctx);
	if (!err)
		m->s[s].quiesced = true;
	return err;
}

static int run_closers(struct model *m, int s, int ctx)
{
	struct m_stopper *x = &m->s[s];
	int closer, err, before = m->thread;

	enter_phase(m, s, STOPPER_CLOSING);
	while (!(err = model_ctx_err(m, ctx)) && x->nclosers) {
		closer = x->closers[0];
		x->nclosers--;
		memmove(x->closers, x->closers + 1, (size_t)x->nclosers * sizeof(*x->closers));
		m->thread = ++m->nthreads;
		closer_run(m, s, closer);
		m->thread = before;
	}
	return err;
}

static int lead_stop(struct model *m, int s, int ctx)
{
	int c, err;

	while ((c = child(m, s, NONE, true)) != NONE) {
		err = reach(m, c, true, ctx);
		if (err)
			return err;
	}
	enter_phase(m, s, STOPPER_STOPPING);
	fire(m, EV_STOPPER(s, STOP_CTX), ECANCELED, m->s[s].cause);
	fire(m, EV_STOPPER(s, STOP), 1, C_NONE);
	/* All of ours end now; but a context that has ended by then races with them. */
	if (m->s[s].nworkers && model_ctx_err(m, ctx))
		wait_for(m, NONE, "workers or its context");
	m->s[s].nworkers = 0;
	err = run_closers(m, s, ctx);
	if (!err && m->s[s].running_closers)
		err = wait_for(m, ctx, "closers");
	if (err)
		return err;
	m->s[s].phase = STOPPER_STOPPED;
	m->s[s].parent = NONE;
	fire(m, EV_STOPPER(s, STOPPED), 1, C_NONE);
	return 0;
}

/* The one that does the work. */
static int reach(struct model *m, int s, bool stop, int ctx)
{
	struct m_stopper *x = &m->s[s];
	int err = model_ctx_err(m, ctx);

	if (stop ? m->ev[EV_STOPPER(s, STOPPED)].fired : x->quiesced)
		return 0;
	if (err)
		return err;
	if (x->leader != NONE)
		return wait_for(m, ctx, "another stop");
	x->leader = m->thread;
	m->leads++;
	if (!x->quiesced)
		err = lead_quiesce(m, s, ctx);
	if (!err && stop)
		err = lead_stop(m, s, ctx);
	m->leads--;
	x->leader = NONE;
	return err;
}

/* It or one above it has pauses; what is left of them after a quiesce means nothing. */
bool model_is_paused(const struct model *m, int s)
{
	if (m->s[s].phase != STOPPER_RUNNING)
		return false;
	for (; s != NONE; s = m->s[s].parent)
		if (m->s[s].pauses)
			return true;
	return false;
}

/* A pause that fails leaves nothing behind. */
int model_pause(struct model *m, int s, int ctx)
{
	int err = model_ctx_err(m, ctx);

	if (model_is_inside(m, s, false) || (!m->s[s].quiesced && model_at_work(m, s)))
		return -EDEADLK;
	if (m->s[s].phase != STOPPER_RUNNING)
		return -ESHUTDOWN;
	if (!err && model_has_tasks(m, s))
		err = wait_for(m, ctx, "tasks");
	if (!err)
		m->s[s].pauses++;
	return err;
}

int model_resume(struct model *m, int s)
{
	if (!m->s[s].pauses)
		return -EINVAL;
	m->s[s].pauses--;
	return 0;
}

int model_stop(struct model *m, int s, bool stop, int ctx, int cause)
{
	int err;

	if (stop && m->ev[EV_STOPPER(s, STOPPED)].fired)
		return 0;
	if (model_is_inside(m, s, stop))
		return -EDEADLK;
	if (!(stop ? m->ev[EV_STOPPER(s, STOPPED)].fired : m->s[s].quiesced) && model_at_work(m, s))
		return -EDEADLK;
	if (!m->leads)
		m->lead_ctx = ctx;
	if (!m->s[s].cause)
		m->s[s].cause = cause;
	quiesce_begin(m, s);
	err = reach(m, s, stop, ctx);
	if (!m->leads)
		m->lead_ctx = NONE;
	return err;
}

static void end_contexts(struct model *m, int s)
{
	int c = NONE;

	if (m->s[s].phase < STOPPER_STOPPING && m->s[s].ender == NONE) {
		m->s[s].ender = m->thread;
		fire(m, EV_STOPPER(s, STOP_CTX), ETIMEDOUT, C_DEADLINE);
		m->s[s].ender = NONE;
	}
	while ((c = child(m, s, c, false)) != NONE)
		end_contexts(m, c);
}

/* All its stages are over at once. So it begins, and waits for nothing. */
int model_stop_staged(struct model *m, int s, bool end)
{
	if (m->ev[EV_STOPPER(s, STOPPED)].fired)
		return 0;
	if (model_is_inside(m, s, true) || model_at_work(m, s))
		return -EDEADLK;
	if (!m->s[s].cause)
		m->s[s].cause = C_STAGED;
	quiesce_begin(m, s);
	if (end && !m->ev[EV_STOPPER(s, STOPPED)].fired)
		end_contexts(m, s);
	return m->ev[EV_STOPPER(s, STOPPED)].fired ? 0 : -ETIMEDOUT;
}
