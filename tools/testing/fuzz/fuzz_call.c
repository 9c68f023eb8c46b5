// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * fuzz_call.c - makes the call of a step.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz_api.h"

#define HOUR_NS		3600000000000LL

static struct stopper *stopper_of(int s)
{
	return s == NONE ? NULL : real.s[s];
}

static struct stopper_ctx *ctx_of(int c)
{
	return c == NONE ? NULL : real.ctx[c];
}

struct stopper_event *event_of(int ev)
{
	int s;

	if (ev == NONE)
		return NULL;
	if (ev < NEVENTS)
		return &real.ev[ev];
	if (ev < NEVENTS + NCTXS)
		return stopper_ctx_done(real.ctx[ev - NEVENTS]);
	ev -= NEVENTS + NCTXS;
	s = ev / NPHASE_EVENTS;
	switch (ev % NPHASE_EVENTS) {
	case QUIESCE:
		return stopper_should_quiesce(real.s[s]);
	case STOP:
		return stopper_should_stop(real.s[s]);
	default:
		return stopper_is_stopped(real.s[s]);
	}
}

static int create(const struct step *st)
{
	struct stopper_options opts = {
		.size = sizeof(opts), .flags = (unsigned int)st->b, .on_panic = on_panic,
		.log = on_log, .parent = stopper_of(st->a),
	};

	int err;

	model_show(real.shown[st->c], plan.name[st->d]);
	err = __stopper_create(&real.s[st->c], plan.name[st->d], &opts, &real.site[st->e]);
	__stopper_timer_init(&real.timer[st->c], real.s[st->c], &real.site[st->d], never_due, NULL);
	return err;
}

static int make_ctx(const struct step *st)
{
	struct stopper_ctx *parent = ctx_of(st->a), **out = &real.ctx[st->b];

	switch (st->op) {
	case OP_CTX_CANCEL:
		return stopper_ctx_with_cancel(parent, out);
	case OP_CTX_PAST:
		return stopper_ctx_with_deadline(parent, st->b - 5, out);
	case OP_CTX_FUTURE:
		return stopper_ctx_with_timeout(parent, st->b % 2 ? HOUR_NS : INT64_MAX, out);
	case OP_CTX_ON_QUIESCE:
		return stopper_ctx_with_cancel_on_quiesce(real.s[st->c], parent, out);
	default:
		return stopper_ctx_with_cancel_on_stop(real.s[st->c], parent, out);
	}
}

static int add_closer(const struct step *st)
{
	struct own_closer *c = &real.closer[st->b];

	c->id = st->b;
	c->closer = (struct stopper_closer){
		.name = plan.name[st->b % NSITES], .fn = closer_embedded,
	};
	if (st->op == OP_CLOSER)
		return stopper_add_closer(real.s[st->a], &c->closer);
	return stopper_add_closer_fn(real.s[st->a], c->closer.name, closer_plain, c);
}

static int wait_any(const struct step *st)
{
	struct stopper_event *evs[10] = { [1] = event_of(st->a), [9] = event_of(st->b) };

	return stopper_wait_any(evs, 10, ctx_of(st->c));
}

static int run(const struct step *st)
{
	struct own_task *t = &real.task[st->d];

	t->id = st->d;
	t->site = st->b;
	if (st->op == OP_RUN)
		return __stopper_run_task(real.s[st->a], ctx_of(st->c), &real.site[st->b],
					  sync_task, t);
	return __stopper_run_task_err(real.s[st->a], ctx_of(st->c), &real.site[st->b],
				      sync_task_err, t);
}

static void until_tasks_are(const struct step *st)
{
	while (stopper_num_tasks(real.s[st->a]) != (unsigned long)st->seen.tasks)
		sched_yield();
}

/* Number 0 is empty. All others are different, also when they are cut. */
int set_label(struct stopper_task *task, int n)
{
	char text[NAME_MAX_ + 16];
	const char *name = plan.name[n % NSITES];

	if (!n)
		return stopper_task_label(task, "%s", "");
	snprintf(text, sizeof(text), "%d:%s", n, name);
	model_show_label(real.label[n], text);
	return stopper_task_label(task, "%d:%s", n, name);
}

/* The fuzzer's own alarm may come between. */
static void wait_over(struct own_task *t)
{
	while (sem_wait(&t->over))
		;
}

/* The record of the task that @st starts. */
static struct own_task *own_task_init(const struct step *st)
{
	struct own_task *t = &real.task[st->e >> 2];

	t->id = st->e >> 2;
	t->site = st->b;
	t->label = st->label;
	t->runs = 0;
	t->ends = 0;
	stopper_event_init(&t->gate);
	sem_init(&t->over, 0, 0);
	return t;
}

static int run_async(const struct step *st)
{
	bool limited = st->op == OP_LIMITED || st->op == OP_HELD_LIMITED;
	bool held = st->op == OP_HELD || st->op == OP_HELD_LIMITED;
	struct own_task *t = own_task_init(st);
	const struct stopper_site *site = &real.site[st->b];
	stopper_fn fn = held ? held_task : joined_task;
	struct stopper *s = real.s[st->a];
	int err;

	if (limited) {
		err = __stopper_run_limited_async_task(s, ctx_of(st->c), site, &real.sem[st->d],
						       st->e & 1, fn, t);
	} else if (st->op == OP_ASYNC_ERR) {
		err = __stopper_run_async_task_err(s, ctx_of(st->c), site, joined_task_err, t);
	} else if (st->e & 2) {
		__stopper_timer_init(&t->timer, s, site, fn, t);
		err = stopper_run_after(&t->timer, ctx_of(st->c), 0);
	} else {
		err = __stopper_run_async_task(s, ctx_of(st->c), site, fn, t);
	}
	if (!err && (!held || t->label))
		wait_over(t);
	if (err || held)
		return err;
	if (plan.step[at].kind == RETURNS)
		until_tasks_are(&plan.step[at]);
	return 0;
}

static int run_record(const struct step *st)
{
	struct own_task *t = own_task_init(st);
	const struct stopper_site *site = &real.site[st->b];
	bool held = st->op == OP_HELD_RECORD;
	struct stopper *s = real.s[st->a];
	int err;

	stopper_async_init(&t->async, held ? held_record_task : record_task, record_done);
	if (stopper_async_wait(&t->async, NULL) || stopper_async_cancel(&t->async))
		fail("a record that was never started is not idle");
	err = __stopper_async_start(s, ctx_of(st->c), site, &t->async);
	if (!err && held && __stopper_async_start(s, NULL, site, &t->async) != -EBUSY)
		fail("a record was started twice");
	if (!err && t->label)
		wait_over(t);
	if (err || held)
		return err;
	err = stopper_async_wait(&t->async, NULL);
	if (err || t->ends != 1)
		fail("a wait for a record returned %d, done() was called %d times", err, t->ends);
	if (t->status != (plan.step[at - 1].panic ? -EOWNERDEAD : result_of(t->site)))
		fail("done() was called with %d", t->status);
	return 0;
}

static int open_gate(const struct step *st)
{
	struct own_task *t = &real.task[st->b];

	stopper_event_fire(&t->gate);
	until_tasks_are(&plan.step[at]);
	if (t->runs != 1)
		fail("a task ran %d times", t->runs);
	stopper_event_destroy(&t->gate);
	return 0;
}

static bool has_wrong_label(const struct stopper_task_info *info, const struct step *end)
{
	const struct m_group *g;

	for (g = end->groups; g < end->groups + end->ngroups; g++)
		if (g->site == (int)info->line - 1)
			break;
	if (g == end->groups + end->ngroups || (int)info->count != g->count)
		fail("running_tasks counts %d tasks of line %u", (int)info->count, info->line);
	return label_differs(g, info->label);
}

static const struct stopper_task_info *find_wrong_label(struct stopper *s, const struct step *end)
{
	static struct stopper_task_info info[NSITES];
	int i, n = stopper_running_tasks(s, info, NSITES);

	for (i = 0; i < n && i < NSITES; i++)
		if (has_wrong_label(&info[i], end))
			return &info[i];
	return NULL;
}

static void look_at_labels(struct stopper *s, const struct step *end)
{
	const struct stopper_task_info *wrong = find_wrong_label(s, end);

	if (wrong)
		fail("the oldest task of line %u has the label \"%s\"", wrong->line, wrong->label);
}

static int look_at_map(const struct step *st, const struct step *end)
{
	struct stopper_task_info info[NSITES];
	char text[NSITES * (STOPPER_NAME_SHOWN + 32)];
	int i, len = stopper_task_map(real.s[st->a], text, sizeof(text));
	int sites = stopper_running_tasks(real.s[st->a], info, NSITES);
	uint64_t tasks = 0;

	if (end->kind != RETURNS)
		fail("the plan has no map here");
	if (len != (int)strlen(end->text) || strcmp(text, end->text))
		fail("the task map is\n%sand should be\n%s", text, end->text);
	for (i = 0; i < sites && i < NSITES; i++) {
		tasks += info[i].count;
		if (i && info[i].count > info[i - 1].count)
			fail("running_tasks is not sorted");
	}
	look_at_labels(real.s[st->a], end);
	if (tasks != (uint64_t)end->seen.tasks)
		fail("running_tasks counts %d of %d", (int)tasks, end->seen.tasks);
	return sites;
}

static int look_at_list(const struct step *end)
{
	const char *wrong;

	if (end->kind != RETURNS)
		fail("the plan has no list here");
	wrong = list_differs(end);
	if (wrong)
		fail("the debug list: %s", wrong);
	return 0;
}

static int words(const struct step *st)
{
	const char *text = stopper_strerror(st->b);

	if (!list_is_printable(text, strlen(text)) || !*text)
		fail("strerror(%d)", st->b);
	if (!*stopper_phase_name((enum stopper_phase)st->b))
		fail("phase_name(%d)", st->b);
	if (strcmp(stopper_name(real.s[st->a]), real.shown[st->a]))
		fail("the name is shown as %s, not %s", stopper_name(real.s[st->a]),
		     real.shown[st->a]);
	return 0;
}

/* Cause number @n: its error, and its text, in which a byte is escaped. */
int err_of(int n)
{
	return -1 - n % 100;
}

static int stop(const struct step *st)
{
	struct stopper *s = real.s[st->a];
	struct stopper_ctx *ctx = ctx_of(st->b);

	return st->c ? stopper_stop_because(s, ctx, err_of(st->c), WHY, st->c) :
		stopper_stop(s, ctx);
}

static int stop_async(const struct step *st)
{
	struct stopper *s = real.s[st->a];
	int err = st->b ? stopper_stop_async_because(s, err_of(st->b), WHY, st->b) :
		stopper_stop_async(s);

	return err ? err : stopper_wait(stopper_is_stopped(s), NULL);
}

static void count_remaining(void *arg, const struct stopper_task_info *info)
{
	*(unsigned long *)arg += info->count;
}

/* All stages are at once. What the hook saw and what is listed are what the model says remains. */
static int stop_staged(const struct step *st)
{
	struct stopper_task_info info[2];
	unsigned long hooked = 0, listed = 0;
	struct stopper_stages stages = {
		.size = sizeof(stages), .end_ns = st->b, .hook_ns = 1, .grace_ns = 1,
		.hook = count_remaining, .hook_arg = &hooked, .remaining = info, .n = 2,
	};
	const struct step *end;
	unsigned int i;
	int err = stopper_stop_staged(real.s[st->a], &stages);

	end = &plan.step[at];
	if (err != -ETIMEDOUT || end->kind != RETURNS)
		return err;
	for (i = 0; i < stages.filled; i++)
		listed += info[i].count;
	if (stages.count < (unsigned long)end->d ||
	    stages.count > (unsigned long)(end->d + end->e) || listed > stages.count ||
	    (stages.filled < 2 && listed != stages.count))
		fail("%lu remain, %lu of them listed, not %d tasks or closers and %d workers",
		     stages.count, listed, end->d, end->e);
	/* A task that gets its thread between two scans is seen in the queue and on the thread. */
	if (hooked < (unsigned long)end->d || hooked > (unsigned long)(2 * end->d + end->e))
		fail("the hook saw %lu of %d tasks or closers and %d workers", hooked, end->d,
		     end->e);
	return err;
}

int make_call(const struct step *st)
{
	switch (st->op) {
	case OP_CREATE:
		return create(st);
	case OP_GET_PUT:
		stopper_put(stopper_get(real.s[st->a]));
		return 0;
	case OP_PUT:
		stopper_put(real.s[st->a]);
		real.s[st->a] = NULL;
		return 0;
	case OP_STOP:
		return stop(st);
	case OP_QUIESCE:
		return stopper_quiesce(real.s[st->a], ctx_of(st->b));
	case OP_STOP_AFTER:
		return stopper_stop_after(real.s[st->a], real.s[st->b]);
	case OP_STOP_ASYNC:
		return stop_async(st);
	case OP_STOP_STAGED:
		return stop_staged(st);
	case OP_CLOSER:
	case OP_CLOSER_FN:
		return add_closer(st);
	case OP_CTX_CANCEL:
	case OP_CTX_PAST:
	case OP_CTX_FUTURE:
	case OP_CTX_ON_QUIESCE:
	case OP_CTX_ON_STOP:
		return make_ctx(st);
	case OP_CTX_PUT:
		stopper_ctx_put(stopper_ctx_get(real.ctx[st->a]));
		stopper_ctx_put(real.ctx[st->a]);
		return 0;
	case OP_CANCEL:
		stopper_ctx_cancel(ctx_of(st->a));
		return 0;
	case OP_CANCEL_BECAUSE:
		return stopper_ctx_cancel_because(ctx_of(st->a), err_of(st->b), WHY, st->b);
	case OP_FIRE:
		return stopper_event_fire(event_of(st->a));
	case OP_ATTACH:
		return stopper_event_on_fire(event_of(st->a), &real.record[st->b], on_fire, NULL);
	case OP_DETACH:
		return stopper_event_detach(event_of(st->a), &real.record[st->b]);
	case OP_RUN:
	case OP_RUN_ERR:
		return run(st);
	case OP_BEGIN:
		return __stopper_task_begin(real.s[st->a], ctx_of(st->c), &real.site[st->b],
					    &real.task[st->d].handle);
	case OP_PAUSE:
		return stopper_pause(real.s[st->a], ctx_of(st->b));
	case OP_RESUME:
		return stopper_resume(real.s[st->a]);
	case OP_BEGIN_WAIT:
		return __stopper_task_begin_wait(real.s[st->a], ctx_of(st->c), &real.site[st->b],
						 &real.task[st->d].handle);
	case OP_END:
		stopper_task_end(&real.task[st->b].handle);
		return 0;
	case OP_ASYNC:
	case OP_LIMITED:
	case OP_HELD:
	case OP_HELD_LIMITED:
	case OP_ASYNC_ERR:
		return run_async(st);
	case OP_RECORD:
	case OP_HELD_RECORD:
		return run_record(st);
	case OP_LABEL:
		return set_label(st->a == NONE ? NULL : &real.task[st->a].handle, st->b);
	case OP_OPEN:
		return open_gate(st);
	case OP_WORKER:
		return __stopper_run_worker(real.s[st->a], NULL, &real.site[0], worker,
					    real.s[st->a]);
	case OP_TRY:
		return st->b == 1 ? stopper_sem_try_acquire(&real.sem[st->a]) :
		       stopper_sem_try_acquire_n(&real.sem[st->a], st->b);
	case OP_ACQUIRE:
		return st->b == 1 ? stopper_sem_acquire(&real.sem[st->a], ctx_of(st->c)) :
		       stopper_sem_acquire_n(&real.sem[st->a], st->b, ctx_of(st->c));
	case OP_RELEASE:
		stopper_sem_release_n(&real.sem[st->a], st->b);
		return 0;
	case OP_RESIZE:
		return stopper_sem_resize(&real.sem[st->a], st->b);
	case OP_SEM_CLOSE:
		stopper_sem_close(&real.sem[st->a]);
		return 0;
	case OP_WAIT:
		return stopper_wait(event_of(st->a), ctx_of(st->b));
	case OP_WAIT_ANY:
		return wait_any(st);
	case OP_MAP:
		return look_at_map(st, &plan.step[at]);
	case OP_LIST:
		return look_at_list(&plan.step[at]);
	case OP_BAD:
		return bad_call(st->a, stopper_of(st->b));
	case OP_AFTER:
		return stopper_run_after(&real.timer[st->a], ctx_of(st->b), HOUR_NS);
	case OP_TIMER_CANCEL:
		return stopper_timer_cancel(&real.timer[st->a]);
	case OP_TIMER_SYNC:
		return stopper_timer_cancel_sync(&real.timer[st->a]);
	case OP_WORDS:
		return words(st);
	default:
		abort();
	}
}
