// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * plan_task.c - plans tasks, their labels, workers and semaphores, and looks at what runs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "planner.h"

int result_of(int site)
{
	return site - 3;
}

void plan_run(int s, enum op op)
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

void plan_begin(int s, int n)
{
	int site = pick(NSITES), c = a_ctx();

	for (; n && may_last(s) && now.m.ntasks < NTASKS - 8; n--) {
		begins(OP_BEGIN, s, site, c, now.m.ntasks);
		returns2(OP_BEGIN, s, model_task(&now.m, M_HANDLE, s, site, c, NONE, false));
		if (now.m.s[s].phase != STOPPER_RUNNING)
			break;
	}
}

/* The call waits while it is paused; its context has ended then. */
void plan_begin_wait(int s)
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

void plan_end(int t, enum op op)
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

static void expect(struct step *st, const char *text, const struct m_group *groups, int n)
{
	st->text = strdup(text);
	st->groups = calloc((size_t)n + 1, sizeof(*groups));
	memcpy(st->groups, groups, (size_t)n * sizeof(*groups));
	st->ngroups = n;
}

void plan_map(int s)
{
	const char *names[NSITES];
	char text[NSITES * (STOPPER_NAME_SHOWN + 32)];
	struct m_group groups[NSITES];
	int i, sites;

	for (i = 0; i < NSITES; i++)
		names[i] = now.p->name[i];
	begins(OP_MAP, s, 0, 0, 0);
	sites = model_task_map(&now.m, s, names, text);
	expect(returns(OP_MAP, s, sites), text, groups, model_groups(&now.m, s, groups));
}

/*
 * The expected line of each stopper, and what runs. The number of contexts is known only while no
 * event fires; that of workers is not known in STOPPING, as they end while its callbacks run.
 */
void plan_list(void)
{
	struct model *m = &now.m;
	struct m_group groups[NSTOPPERS * NSITES];
	char text[NSTOPPERS * 96], *to = text;
	int s, contexts, workers, n = 0;

	begins(OP_LIST, 0, 0, 0, 0);
	*to = '\0';
	for (s = 0; s < m->nstoppers; s++) {
		if (!m->s[s].alive || m->s[s].phase == STOPPER_STOPPED)
			continue;
		contexts = now.depth ? NONE : model_contexts(m, s);
		workers = m->s[s].phase == STOPPER_STOPPING ? NONE : m->s[s].nworkers;
		to += sprintf(to, "%d %d %d %d %d %d %d\n", s, m->s[s].phase, model_tasks(m, s),
			      workers, m->s[s].nclosers + m->s[s].running_closers,
			      m->s[s].nclosed, contexts);
		n += model_groups(m, s, groups + n);
	}
	expect(returns(OP_LIST, NONE, 0), text, groups, n);
}

/* The number of a new label, or 0: an empty one. */
static int a_label(void)
{
	return pick(8) < 7 && now.labels < NLABELS - 1 ? ++now.labels : 0;
}

/* Then looks at it, most often. NONE: the innermost task of this thread. */
static void label_task(int task)
{
	int label = a_label(), err;

	begins(OP_LABEL, task, label, 0, 0);
	err = model_label(&now.m, task, label);
	returns(OP_LABEL, NONE, err);
	if (task == NONE)
		task = model_innermost(&now.m);
	if (err || !pick(4))
		return;
	plan_map(now.m.task[task].s);
	if (pick(4) == 3)
		plan_list();
}

void plan_label_own(void)
{
	label_task(NONE);
}

/* Of a handle, in rare cases of one that has ended. */
void plan_label(void)
{
	int task = pick(8) < 7 || !now.m.ntasks ? a_task(M_HANDLE) : pick(now.m.ntasks);

	label_task(task != NONE && now.m.task[task].kind == M_HANDLE ? task : NONE);
}

/*
 * Every other async task is started by a timer that is due at once. That is the same, but no pause
 * refuses it, and no running task lets it in.
 */
static bool by_timer(int s, enum op op)
{
	const struct model *m = &now.m;

	return op == OP_ASYNC && !(m->ntasks % 2) && !model_is_paused(m, s) &&
		(m->s[s].phase == STOPPER_RUNNING || !model_may_nest(m, M_JOINED, s));
}

void plan_async(int s, enum op op)
{
	bool limited = op == OP_LIMITED || op == OP_HELD_LIMITED;
	bool held = op == OP_HELD || op == OP_HELD_LIMITED || op == OP_HELD_RECORD;
	int site = pick(NSITES), c = a_ctx(), sem = limited ? pick(NSEMS) : NONE;
	int id = now.m.ntasks, result;
	struct step *st;
	struct m_ret r;
	bool wait;

	if (id == NTASKS || (held && !may_last(s)))
		return;
	wait = limited && pick(2) && !too_few_slots(sem, 1, c);
	st = begins(op, s, site, c, sem);
	st->e = id << 2 | by_timer(s, op) << 1 | wait;
	st->label = held && pick(2) ? a_label() : 0;
	now.panicked = false;
	r = model_task(&now.m, held ? M_HELD : M_JOINED, s, site, c, sem, wait);
	result = now.panicked ? -EOWNERDEAD : result_of(site);
	now.panicked = false;
	if (!r.ret && st->label)
		now.m.task[id].label = st->label;
	/* What has run and returned a result. */
	if ((op == OP_RECORD || op == OP_ASYNC_ERR) && !r.ret && result < 0 &&
	    !now.m.s[s].error)
		now.m.s[s].error = result;
	returns2(op, s, r);
}

void plan_worker(int s)
{
	if (now.workers == 6 || (now.m.leads && now.m.s[s].phase < STOPPER_STOPPING))
		return;
	now.workers++;
	begins(OP_WORKER, s, 0, 0, 0);
	returns(OP_WORKER, NONE, model_worker(&now.m, s));
}

void plan_sem(enum op op)
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
