// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * model_task.c - the contract of tasks, timers, workers and semaphores.
 */
#include <errno.h>
#include "model.h"

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
		.reads = m->s[s].reads,
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
		model_ctx_drop(m, t->ctx);
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

/* NONE: this thread runs none. */
int model_innermost(const struct model *m)
{
	int i;

	for (i = m->ntasks - 1; i >= 0; i--) {
		const struct m_task *t = &m->task[i];

		if (t->counted && t->thread == m->thread &&
		    (t->kind == M_SYNC || t->kind == M_JOINED))
			break;
	}
	return i;
}

/* @task: a handle, or NONE: the innermost task of this thread. */
int model_label(struct model *m, int task, int label)
{
	if (task == NONE)
		task = model_innermost(m);
	else if (!m->task[task].counted)
		return -EINVAL;
	if (task == NONE)
		return -ESRCH;
	m->task[task].label = label;
	return 0;
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
