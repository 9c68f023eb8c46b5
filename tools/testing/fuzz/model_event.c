// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * model_event.c - the contract of events and contexts.
 */
#include <errno.h>
#include <string.h>
#include "model.h"

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

bool model_fire_as(struct model *m, int ev, int code, int cause)
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
	return model_fire_as(m, ev, 1, C_NONE);
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
void model_ctx_drop(struct model *m, int c)
{
	for (; c != NONE && !--m->ctx[c].refs; c = m->ctx[c].parent)
		cut(m, c);
}

void model_ctx_put(struct model *m, int c)
{
	m->ctx[c].held = false;
	model_ctx_drop(m, c);
}

/* true: that ended it. */
bool model_ctx_cancel(struct model *m, int c, int cause)
{
	bool ended = model_fire_as(m, EV_CTX(c), ECANCELED, cause);

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

/*
 * Those tied to @s that their users have put, and that only pending timers keep, of any stopper.
 * NONE: not known, as a quiesce drops the timer at some time.
 */
static int contexts_of_timers(const struct model *m, int s)
{
	bool seen[NCTXS] = { false };
	int i, c, n = 0;

	for (i = 0; i < m->nstoppers; i++) {
		const struct m_stopper *x = &m->s[i];

		if (!x->timer_pending || x->quiesced)
			continue;
		for (c = x->timer_ctx; c != NONE; c = m->ctx[c].parent) {
			if (m->ctx[c].refs || m->ctx[c].s != s || seen[c])
				continue;
			if (x->phase != STOPPER_RUNNING)
				return NONE;
			seen[c] = true;
			n++;
		}
	}
	return n;
}

/* NONE: not known. */
int model_contexts(const struct model *m, int s)
{
	int c, n = contexts_of_timers(m, s);

	if (n == NONE || (timer_has_context(m, s) && m->s[s].phase != STOPPER_RUNNING))
		return NONE;
	n += contexts_of_tasks(m, s);
	for (c = 0; c < m->nctxs; c++)
		n += m->ctx[c].refs && m->ctx[c].s == s;
	return n;
}
