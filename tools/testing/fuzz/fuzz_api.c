// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * fuzz_api.c - makes the calls of a plan and compares what happens with the plan.
 *
 * The plan has one current place, and exactly one thread is there: the caller, or a callback
 * while the caller waits. A task that is planned to run beside the rest waits at a gate and
 * touches nothing. So the plan holds however the threads are scheduled.
 *
 * On a difference the plan up to there is printed, as calls, and the process aborts.
 */
#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz_list.h"
#include "plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOUR_NS		3600000000000LL

struct own_closer {
	struct stopper_closer closer;
	int id;
};

/* A task's record, whatever its kind. */
struct own_task {
	struct stopper_task handle;
	struct stopper_event gate;
	struct stopper_timer timer;
	struct stopper_async async;
	sem_t over;
	int id, site, runs;
	int ends, status;		/* of a record, as done() was told */
};

static struct plan plan;
static int at;				/* in the plan */
static char cookie;			/* the value of our panics */

static struct {
	struct stopper *s[NSTOPPERS];
	int parent[NSTOPPERS];
	struct stopper_ctx *ctx[NCTXS];
	struct stopper_event ev[NEVENTS];
	struct stopper_on_fire record[NRECORDS];
	struct stopper_sem sem[NSEMS];
	struct own_closer closer[NCLOSERS];
	struct own_task task[NTASKS];
	struct stopper_timer timer[NSTOPPERS];
	struct stopper_site site[NSITES];
	char shown[NSTOPPERS][STOPPER_NAME_SHOWN + 8];
} real;

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *fmt, ...)
{
	va_list ap;

	fputs("\nThe calls so far, and what was expected of them:\n", stderr);
	plan_print(&plan, at);
	fputs("DIFFERENT: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

static void perform(void);

/* We have been called back. true: end by a panic. */
static bool call_back(enum m_what what, int id)
{
	const struct step *st = &plan.step[at];

	if (st->kind != ENTER || st->a != (int)what || st->b != id)
		fail("a function was called that was not to be called now (kind %d, number %d)",
		     (int)what, id);
	at++;
	perform();
	st = &plan.step[at];
	if (st->kind != LEAVE)
		fail("the plan is not where a function that was called ends");
	at++;
	return st->panic;
}

static void sync_task(struct stopper_ctx *ctx, void *arg)
{
	(void)ctx;
	if (call_back(M_TASK, ((struct own_task *)arg)->id))
		stopper_panic(&cookie);
}

static int sync_task_err(struct stopper_ctx *ctx, void *arg)
{
	sync_task(ctx, arg);
	return result_of(((struct own_task *)arg)->site);
}

/* A waiter continues once this task is no longer counted. */
static void joined_task(struct stopper_ctx *ctx, void *arg)
{
	struct own_task *t = arg;
	bool panic = call_back(M_TASK, t->id);

	(void)ctx;
	sem_post(&t->over);
	if (panic)
		stopper_panic(&cookie);
}

static int joined_task_err(struct stopper_ctx *ctx, void *arg)
{
	joined_task(ctx, arg);
	return result_of(((struct own_task *)arg)->site);
}

static void held_task(struct stopper_ctx *ctx, void *arg)
{
	struct own_task *t = arg;

	(void)ctx;
	stopper_wait(&t->gate, NULL);
	t->runs++;
}

static void never_due(struct stopper_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	fail("a timer fired before it was due");
}

/* The same two as records. */
static struct own_task *task_of(struct stopper_async *async)
{
	return (struct own_task *)((char *)async - offsetof(struct own_task, async));
}

static int record_task(struct stopper_ctx *ctx, struct stopper_async *async)
{
	struct own_task *t = task_of(async);

	sync_task(ctx, t);
	return result_of(t->site);
}

static int held_record_task(struct stopper_ctx *ctx, struct stopper_async *async)
{
	held_task(ctx, task_of(async));
	return 0;
}

static void record_done(struct stopper_async *async, int status)
{
	struct own_task *t = task_of(async);

	t->ends++;
	t->status = status;
}

static void worker(struct stopper_ctx *ctx, void *arg)
{
	(void)ctx;
	stopper_wait(stopper_should_stop(arg), NULL);
}

static void closer_embedded(struct stopper_closer *closer)
{
	if (call_back(M_CLOSER, ((struct own_closer *)closer)->id))
		stopper_panic(&cookie);
}

static void closer_plain(void *arg)
{
	if (call_back(M_CLOSER, ((struct own_closer *)arg)->id))
		stopper_panic(&cookie);
}

static void on_fire(struct stopper_on_fire *of, void *arg)
{
	(void)arg;
	call_back(M_RECORD, (int)(of - real.record));
}

static void on_panic(void *arg, const struct stopper_panic_info *info)
{
	(void)arg;
	if (info->value != &cookie || info->died)
		fail("a panic with a value that nobody gave");
}

static void on_log(void *arg, int level, const char *line)
{
	(void)arg;
	(void)level;
	if (!list_is_printable(line, strlen(line)))
		fail("a log line with bytes that cannot be printed");
}

/* calls */

static struct stopper *stopper_of(int s)
{
	return s == NONE ? NULL : real.s[s];
}

static struct stopper_ctx *ctx_of(int c)
{
	return c == NONE ? NULL : real.ctx[c];
}

static struct stopper_event *event_of(int ev)
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

/* The model stops siblings one after the other, the youngest first. */
static void order_siblings(int s, int parent)
{
	int i;

	real.parent[s] = parent;
	for (i = 0; i < s && parent != NONE; i++)
		if (real.parent[i] == parent && real.s[i] && real.s[s])
			stopper_stop_after(real.s[i], real.s[s]);
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
	order_siblings(st->c, st->a);
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

static int run_async(const struct step *st)
{
	bool limited = st->op == OP_LIMITED || st->op == OP_HELD_LIMITED;
	bool held = st->op == OP_HELD || st->op == OP_HELD_LIMITED;
	struct own_task *t = &real.task[st->e >> 1];
	const struct stopper_site *site = &real.site[st->b];
	stopper_fn fn = held ? held_task : joined_task;
	struct stopper *s = real.s[st->a];
	int err;

	t->id = st->e >> 1;
	t->site = st->b;
	t->runs = 0;
	stopper_event_init(&t->gate);
	sem_init(&t->over, 0, 0);
	if (limited) {
		err = __stopper_run_limited_async_task(s, ctx_of(st->c), site, &real.sem[st->d],
						       st->e & 1, fn, t);
	} else if (st->op == OP_ASYNC_ERR) {
		err = __stopper_run_async_task_err(s, ctx_of(st->c), site, joined_task_err, t);
	} else if (held || t->id % 2 || plan.step[at].ret.ret == -EAGAIN) {
		err = __stopper_run_async_task(s, ctx_of(st->c), site, fn, t);
	} else {
		/* A timer that is due at once is the same, but a pause does not refuse it. */
		__stopper_timer_init(&t->timer, s, site, fn, t);
		err = stopper_run_after(&t->timer, ctx_of(st->c), 0);
	}
	if (err || held)
		return err;
	/* The fuzzer's own alarm may come between. */
	while (sem_wait(&t->over))
		;
	if (plan.step[at].kind == RETURNS)
		until_tasks_are(&plan.step[at]);
	return 0;
}

static int run_record(const struct step *st)
{
	struct own_task *t = &real.task[st->e >> 1];
	const struct stopper_site *site = &real.site[st->b];
	bool held = st->op == OP_HELD_RECORD;
	struct stopper *s = real.s[st->a];
	int err;

	t->id = st->e >> 1;
	t->site = st->b;
	t->runs = 0;
	t->ends = 0;
	stopper_event_init(&t->gate);
	stopper_async_init(&t->async, held ? held_record_task : record_task, record_done);
	if (stopper_async_wait(&t->async, NULL) || stopper_async_cancel(&t->async))
		fail("a record that was never started is not idle");
	err = __stopper_async_start(s, ctx_of(st->c), site, &t->async);
	if (!err && held && __stopper_async_start(s, NULL, site, &t->async) != -EBUSY)
		fail("a record was started twice");
	if (err || held)
		return err;
	err = stopper_async_wait(&t->async, NULL);
	if (err || t->ends != 1)
		fail("a wait for a record returned %d, done() was called %d times", err, t->ends);
	if (t->status != (plan.step[at - 1].panic ? -EOWNERDEAD : result_of(t->site)))
		fail("done() was told %d", t->status);
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
	if (tasks != (uint64_t)end->seen.tasks)
		fail("running_tasks counts %d of %d", (int)tasks, end->seen.tasks);
	return sites;
}

static int look_at_list(const struct step *end)
{
	const char *shown[NSTOPPERS], *wrong;
	int i;

	for (i = 0; i < NSTOPPERS; i++)
		shown[i] = real.shown[i];
	if (end->kind != RETURNS)
		fail("the plan has no list here");
	wrong = list_differs(end->text, shown);
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
static int err_of(int n)
{
	return -1 - n % 100;
}

#define WHY	"why \t%d"
#define SHOWN	"why \\t%d"

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
		fail("%lu remain, %lu of them listed, not %d tasks and %d workers", stages.count,
		     listed, end->d, end->e);
	/* A task that gets its thread between two scans is seen in the queue and on the thread. */
	if (hooked < (unsigned long)end->d || hooked > (unsigned long)(2 * end->d + end->e))
		fail("the hook saw %lu of %d tasks and %d workers", hooked, end->d, end->e);
	return err;
}

static int call(const struct step *st)
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

/* what is to be seen everywhere */

/* Is it the one that the model says? */
static void compare_cause(const char *of, int i, bool there, const struct stopper_cause *c,
			  int want)
{
	static const char *const texts[] = {
		"", "cancel", "deadline", "quiesce", "stop", "stop_async", "stop_staged",
	};
	int err = want == C_DEADLINE ? -ETIMEDOUT : -ECANCELED;
	bool none = want == C_NONE;
	char text[64];

	if (there == none)
		fail("%s%d has a cause: %d", of, i, there);
	if (!there)
		return;
	if (want > C_GIVEN) {
		err = err_of(want - C_GIVEN);
		snprintf(text, sizeof(text), SHOWN, want - C_GIVEN);
	} else {
		snprintf(text, sizeof(text), "%s", texts[want]);
	}
	if (c->err != err || strcmp(c->text, text))
		fail("the cause of %s%d is %d \"%s\", not %d \"%s\"", of, i, c->err, c->text, err,
		     text);
}

static void compare_stopper(int i, const struct seen_state *v)
{
	static const int public[] = { QUIESCE, STOP, STOPPED };
	struct stopper *s = real.s[i];
	struct stopper_cause c;
	unsigned int k;

	if (v->phase[i] == NONE)
		return;
	compare_cause("s", i, stopper_stop_cause(s, &c), &c, v->stop_cause[i]);
	if (stopper_result(s, NULL) != v->error[i])
		fail("the first error of s%d is %d, not %d", i, stopper_result(s, NULL),
		     v->error[i]);
	if ((int)stopper_phase(s) != v->phase[i])
		fail("s%d is %s, not %s", i, stopper_phase_name(stopper_phase(s)),
		     stopper_phase_name((enum stopper_phase)v->phase[i]));
	for (k = 0; k < 3; k++)
		if (stopper_event_fired(event_of(EV_STOPPER(i, public[k]))) !=
		    (v->fired[i] >> public[k] & 1))
			fail("event %d of s%d has fired: %d", public[k], i,
			     !(v->fired[i] >> public[k] & 1));
}

static void compare(const struct step *st, int ret)
{
	const struct seen_state *v = &st->seen;
	struct stopper_cause c;
	int i;

	if (ret != st->ret.ret && ret != st->ret.or)
		fail("it returned %d (%s)", ret, stopper_strerror(ret));
	for (i = 0; i < NSTOPPERS; i++)
		compare_stopper(i, v);
	for (i = 0; i < NCTXS; i++) {
		if (v->ctx[i] == 1)
			continue;
		if (stopper_ctx_err(real.ctx[i]) != v->ctx[i])
			fail("ctx%d has ended with %d, not %d", i, stopper_ctx_err(real.ctx[i]),
			     v->ctx[i]);
		compare_cause("ctx", i, stopper_ctx_cause(real.ctx[i], &c), &c, v->cause[i]);
	}
	for (i = 0; i < NEVENTS; i++)
		if (stopper_event_fired(&real.ev[i]) != (v->own >> i & 1))
			fail("own event %d has fired: %d", i, !(v->own >> i & 1));
	for (i = 0; i < NSEMS; i++)
		if (stopper_sem_length(&real.sem[i]) != v->length[i])
			fail("semaphore %d is held by %d, not %d", i,
			     stopper_sem_length(&real.sem[i]), v->length[i]);
	if (st->a != NONE && stopper_num_tasks(real.s[st->a]) != (unsigned long)v->tasks)
		fail("s%d has %lu tasks, not %d", st->a, stopper_num_tasks(real.s[st->a]),
		     v->tasks);
}

/* To the end of the function that was called, or of the plan. */
static void perform(void)
{
	const struct step *st;
	int ret;

	while (plan.step[at].kind == CALL) {
		st = &plan.step[at++];
		ret = call(st);
		if (plan.step[at].kind != RETURNS || plan.step[at].op != st->op)
			fail("it returned %d, before it had called what it was to call", ret);
		compare(&plan.step[at], ret);
		at++;
	}
}

static void set_up(void)
{
	static const char *const files[] = { "fuzz_api.c", "a\nstopper 1 \"b\".c", "", "d/e f.c" };
	int i;

	memset(&real, 0, sizeof(real));
	for (i = 0; i < NEVENTS; i++)
		stopper_event_init(&real.ev[i]);
	for (i = 0; i < NSEMS; i++) {
		stopper_sem_init(&real.sem[i], plan.capacity[i]);
		stopper_sem_set_name(&real.sem[i], i ? plan.name[0] : NULL);
	}
	for (i = 0; i < NSITES; i++)
		real.site[i] = (struct stopper_site){
			.name = plan.name[i], .file = files[i % 4], .func = i % 2 ? "f\r g" : NULL,
			.line = (unsigned int)i + 1, .layout = STOPPER_LAYOUT,
		};
	at = 0;
}

static void tear_down(void)
{
	int i;

	for (i = 0; i < NEVENTS; i++)
		stopper_event_destroy(&real.ev[i]);
	for (i = 0; i < NSEMS; i++)
		stopper_sem_destroy(&real.sem[i]);
}

static struct {
	unsigned long sequences, calls, callbacks, panics;
} did;

static void __attribute__((destructor)) say_what_was_done(void)
{
	fprintf(stderr, "stat::sequences: %lu\nstat::calls: %lu\nstat::callbacks: %lu\n"
		"stat::panics: %lu\n", did.sequences, did.calls, did.callbacks, did.panics);
}

static void count(void)
{
	int i;

	did.sequences++;
	for (i = 0; i < plan.n; i++) {
		did.calls += plan.step[i].kind == CALL;
		did.callbacks += plan.step[i].kind == ENTER;
		did.panics += plan.step[i].panic;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	plan_make(&plan, data, size);
	set_up();
	perform();
	if (plan.step[at].kind != THE_END)
		fail("the plan was not gone through");
	tear_down();
	count();
	plan_free(&plan);
	return 0;
}
