// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * model.c - the contract as a sequential program: stoppers; see model.h.
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
		.alive = true, .refs = 1, .parent = parent, .family = parent, .flags = flags,
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

/* Does a thread fire events of it or of one below, so that a stop waits for the callbacks? */
bool model_fires(const struct model *m, int tree)
{
	int s;

	for (s = 0; s < m->nstoppers; s++)
		if ((m->s[s].turner != NONE || m->s[s].ender != NONE) && model_within(m, s, tree))
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

/* A child that has not stopped, the first after @after. */
static int child(const struct model *m, int s, int after)
{
	int i;

	for (i = after + 1; i < m->nstoppers; i++)
		if (m->s[i].parent == s && m->s[i].phase != STOPPER_STOPPED)
			return i;
	return NONE;
}

/* The one that stops next. Two that no order is between would stop side by side. */
static int next_to_stop(const struct model *m, int s)
{
	int c = NONE, next = NONE;

	while ((c = child(m, s, c)) != NONE) {
		if (model_is_held_up(m, c))
			continue;
		if (next != NONE) {
			fputs("model: two children stop at once: the plan should not have this\n",
			      stderr);
			abort();
		}
		next = c;
	}
	return next;
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
	while ((c = child(m, s, c)) != NONE)
		quiesce_set_phase(m, c, cause);
}

static void quiesce_fire_events(struct model *m, int s)
{
	int c = NONE;

	if (m->s[s].unfired) {
		m->s[s].unfired = false;
		m->s[s].turner = m->thread;
		model_fire_as(m, EV_STOPPER(s, QUIESCE_CTX), ECANCELED, m->s[s].cause);
		model_fire_as(m, EV_STOPPER(s, QUIESCE), 1, C_NONE);
		m->s[s].turner = NONE;
	}
	while ((c = child(m, s, c)) != NONE)
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
	while (!err && (c = child(m, s, c)) != NONE)
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

	while ((c = next_to_stop(m, s)) != NONE) {
		err = reach(m, c, true, ctx);
		if (err)
			return err;
	}
	enter_phase(m, s, STOPPER_STOPPING);
	model_fire_as(m, EV_STOPPER(s, STOP_CTX), ECANCELED, m->s[s].cause);
	model_fire_as(m, EV_STOPPER(s, STOP), 1, C_NONE);
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
	model_fire_as(m, EV_STOPPER(s, STOPPED), 1, C_NONE);
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
		model_fire_as(m, EV_STOPPER(s, STOP_CTX), ETIMEDOUT, C_DEADLINE);
		m->s[s].ender = NONE;
	}
	while ((c = child(m, s, c)) != NONE)
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
