// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * timed.c - timers: async tasks that begin when they are due.
 *
 * The pending timers of a stopper are in a heap of its own (due.c), under its lock. One timer of
 * the platform, ->due_timer, is armed for the earliest of them. So a pending timer costs its record
 * and nothing else, no call allocates, and one lock decides whether a timer fires, is cancelled or
 * is dropped:
 *
 *   state     where it is                          left by
 *   IDLE      nowhere                              start
 *   PENDING   in the heap                          when due: ACTIVE. cancel, quiesce: IDLE
 *   ACTIVE    a task: in the pool's queue, then    the end of its run: PENDING if it is periodic
 *             in a thread's slot                   or was started again meanwhile, else IDLE
 *
 * A timer that is started again while it is ACTIVE, by its own function or another thread, is
 * noted as ->again and becomes PENDING at the end of the run. So a function does not overlap
 * with itself, and one record serves all runs.
 *
 * Race 1: fire against quiesce, and the end of a periodic run against it.
 *
 *   timers_due()                          the leader of a quiesce
 *   lock; take the first one              lock; phase = QUIESCING; unlock; heavy barrier
 *   phase RUNNING? push it; unlock        lock; take one out of the heap: IDLE; unlock
 *   else: IDLE; unlock                    the heap is empty: drain the pool
 *
 *   timer_end()
 *   lock; phase RUNNING? into the heap, else IDLE; unlock
 *
 *   Whichever side takes a timer out of the heap decides. The heap stays empty once the leader
 *   has seen it so, as only RUNNING admits one. The lock that is held across the push is
 *   what orders the two: else the drain could find both the heap and the queue empty, stop could
 *   return, and the push would use a record that its owner has freed.
 *
 *   While the stopper is paused, none is taken out: due ones fire after the resume, under the lock
 *   of which timers_due() is armed again.
 *
 * Race 2: cancel against fire. Both take the timer out of the heap under the lock. Cancel either
 * finds it PENDING, and the function will not be called, or ACTIVE, and says so.
 *
 * Race 3: cancel_sync against a start by the function itself.
 *
 *   cancel_sync                           the function, or any thread
 *   lock; ->cancels++; not again; unlock  start: lock; ->cancels? refused; unlock
 *   ACTIVE? wait as a follower            timer_end(): lock; IDLE; wake followers; unlock
 *   lock; ->cancels--; unlock
 *
 * Race 4: the memory of the record and of the stopper. timer_end() makes the record IDLE under
 * the lock and does not touch it afterwards; the task is still counted then, so the stopper
 * exists. The platform's timer, once armed, pins the stopper until it has run or was cancelled
 * with success. It may run late and find an empty heap.
 *
 *   timers_arm(), with the lock held      timers_due()
 *   armed? cancelled: start it anew       lock; heap empty? ->due_armed = false; unlock; unpin
 *   not cancelled: it is about to lock    else start it for the first one; unlock
 *
 * Ordered accesses: none; all is under s->lock.
 */
#include "internal.h"
#include "cause.h"
#include "ctx.h"
#include "follow.h"
#include "panic.h"
#include "pool.h"
#include "push.h"
#include "span.h"
#include "task.h"
#include "timed.h"
#include "upcalls.h"

#define FIRE_BATCH	64	/* timers that one call of the platform's timer fires */
#define DROP_BATCH	64

enum { TIMER_IDLE, TIMER_PENDING, TIMER_ACTIVE };

/* What a timer that becomes IDLE held; to be released without the lock. */
struct timer_refs {
	struct stopper_ctx *ctx;
	struct module *fn_module;
};

static struct stopper_timer *timer_of_job(struct stopper_job *job)
{
	return list_item(job, struct stopper_timer, task.job);
}

static struct stopper_timer *timer_of_due(struct stopper_due *n)
{
	return list_item(n, struct stopper_timer, due);
}

static void timer_refs_put(const struct timer_refs *r)
{
	stopper_ctx_put(r->ctx);
	plat_module_put(r->fn_module);
}

/* A random number below @n; 0 if @n is 0. */
static int64_t random_below(int64_t n)
{
	uint64_t r = n ? plat_random() & 0xffffffff : 0, u = (uint64_t)n;

	return (int64_t)(r * (u >> 32) + (r * (u & 0xffffffff) >> 32));
}

/* With s->lock held: have timers_due() called when the first timer is due. */
void timers_arm(struct stopper *s)
{
	if (!s->timers || (s->due_armed && s->due_at <= s->timers->at))
		return;
	if (s->due_armed && !plat_timer_cancel(&s->due_timer))
		return;
	if (!s->due_armed)
		stopper_pin(s);
	s->due_armed = true;
	s->due_at = s->timers->at;
	/* It can be started: a listed stopper keeps what it needs. */
	plat_timer_start(&s->due_timer, s->due_at);
}

/* With s->lock held. */
static void timer_insert(struct stopper *s, struct stopper_timer *t)
{
	t->state = TIMER_PENDING;
	t->again = false;
	due_insert(&s->timers, &t->due, ns_after(t->base, random_below(t->jitter)));
	s->ntimers++;
	timers_arm(s);
}

/* With s->lock held. */
static void timer_remove(struct stopper *s, struct stopper_timer *t)
{
	due_remove(&s->timers, &t->due);
	s->ntimers--;
}

/* With s->lock held. */
static void timer_set_idle(struct stopper_timer *t, struct timer_refs *r)
{
	r->ctx = t->ctx;
	r->fn_module = t->fn_module;
	t->ctx = NULL;
	t->fn_module = NULL;
	t->state = TIMER_IDLE;
	t->again = false;
}

/* With s->lock held: move to the next point of the grid that is not past, and count the others. */
static void timer_next_period(struct stopper_timer *t)
{
	int64_t now = plat_now(), step;
	uint64_t n;

	t->base = ns_after(t->base, t->period);
	while (t->base <= now) {
		for (n = 1, step = t->period; step <= now - t->base - step; n *= 2)
			step *= 2;
		t->base += step;
		t->missed += n;
	}
}

/* The run of @t has ended, on its thread or with it. */
static void timer_end(struct stopper_timer *t)
{
	struct timer_refs idle = { .ctx = NULL };
	struct stopper_ctx *ctx = t->run_ctx;
	struct stopper_slot *slot = async_slot(&t->task);
	struct stopper *s = t->s;
	plat_flags_t f;

	span_end(t->span);
	plat_lock(&s->lock, f);
	t->tid = 0;
	/* The next push is under this lock, too. */
	plat_store(&t->task.state, ASYNC_IDLE);
	plat_store(&t->task.s, NULL);
	if (!t->again && t->period) {
		timer_next_period(t);
		t->again = true;
	}
	if (t->again && !t->cancels && phase_of(s) == STOPPER_RUNNING)
		timer_insert(s, t);
	else
		timer_set_idle(t, &idle);
	if (t->cancels)
		wake_followers(s);
	plat_unlock(&s->lock, f);
	stopper_ctx_put(ctx);
	stopper_ctx_put(idle.ctx);
	task_end_async(slot);
	plat_module_put(idle.fn_module);
}

static void timer_run(struct stopper_job *job, struct pool_thread *me)
{
	struct stopper_timer *t = timer_of_job(job);
	struct call c = { .s = t->s, .site = job->site, .kind = STOPPER_PANIC_ASYNC };
	plat_flags_t f;

	(void)me;
	plat_lock(&t->s->lock, f);
	t->tid = plat_tid();
	/* A start during the run may replace ->ctx. */
	t->run_ctx = stopper_ctx_get(t->ctx);
	plat_unlock(&t->s->lock, f);
	t->span = NULL;
	if (PLAT_UNLIKELY(__stopper_traced()))
		t->span = span_new(t->s, ctx_span(t->run_ctx), c.site,
				   STOPPER_KIND_ASYNC);
	span_begin(t->span);
	plat_call(&c, t->fn, task_ctx(t->s, t->run_ctx), t->arg);
	timer_end(t);
}

static void timer_died(struct stopper_job *job, bool hook_called)
{
	struct stopper_timer *t = timer_of_job(job);
	struct call c = { .s = t->s, .site = job->site, .kind = STOPPER_PANIC_ASYNC };

	if (!hook_called)
		panic_hook(&c, NULL, t->tid, true);
	timer_end(t);
}

static const struct stopper_job_ops timer_ops = {
	.run = timer_run,
	.died = timer_died,
	.is_task = true,
};

/* With s->lock held: the timer is due. If its task is refused, it becomes IDLE. */
static void timer_fire(struct stopper *s, struct stopper_timer *t, struct timer_refs *r)
{
	const struct async_start start = { .ops = &timer_ops, .s = s, .site = t->task.job.site };

	timer_remove(s, t);
	t->state = TIMER_ACTIVE;
	/* No thread may be started here. The pool's tick does that. */
	if (pool_push_task(&t->task, &start, false))
		timer_set_idle(t, r);
}

void timers_due(struct plat_timer *timer)
{
	struct stopper *s = list_item(timer, struct stopper, due_timer);
	struct timer_refs r;
	unsigned int n = 0;
	plat_flags_t f;
	bool fired, armed;
	int64_t now;

	do {
		r = (struct timer_refs){ .ctx = NULL };
		now = plat_now();
		plat_lock(&s->lock, f);
		/* The resume arms it again. */
		armed = s->timers && !s->pause.paused;
		fired = armed && s->timers->at <= now && n++ < FIRE_BATCH;
		if (fired) {
			timer_fire(s, timer_of_due(s->timers), &r);
		} else if (armed) {
			/* Timers of others that are due come first. */
			s->due_at = s->timers->at > now ? s->timers->at : now;
			plat_timer_start(&s->due_timer, s->due_at);
		} else {
			s->due_armed = false;
		}
		plat_unlock(&s->lock, f);
		timer_refs_put(&r);
	} while (fired);
	if (!armed)
		stopper_unpin(s);
}

/* For the leader, in QUIESCING: drop pending timers, a batch of them. False: none is left. */
bool timers_drop(struct stopper *s)
{
	struct timer_refs r;
	bool more = true, disarmed = false;
	plat_flags_t f;
	unsigned int i;

	for (i = 0; more && i < DROP_BATCH; i++) {
		r = (struct timer_refs){ .ctx = NULL };
		plat_lock(&s->lock, f);
		more = s->timers;
		if (more) {
			struct stopper_timer *t = timer_of_due(s->timers);

			timer_remove(s, t);
			timer_set_idle(t, &r);
		} else if (s->due_armed) {
			disarmed = plat_timer_cancel(&s->due_timer);
			s->due_armed = !disarmed;
		}
		plat_unlock(&s->lock, f);
		timer_refs_put(&r);
	}
	if (disarmed)
		stopper_unpin(s);
	return more;
}

/* For the debug list: how many are pending, and of the first one where it is from and when due. */
unsigned int timers_next(struct stopper *s, struct stopper_task_info *info, int64_t *due)
{
	int64_t now = plat_now();

	lock_guard(&s->lock);
	if (s->ntimers) {
		/* Its module is pinned while it is pending. */
		task_info_init(info, timer_of_due(s->timers)->task.job.site);
		*due = s->timers->at > now ? s->timers->at - now : 0;
	}
	return s->ntimers;
}

void __stopper_timer_init(struct stopper_timer *t, struct stopper *s,
			  const struct stopper_site *site, stopper_fn fn, void *arg)
{
	if (!t)
		return;
	*t = (struct stopper_timer){
		.s = fn && site ? s : NULL, .fn = fn, .arg = arg, .task.job.site = site,
	};
}
EXPORT_SYMBOL_PLAT(__stopper_timer_init);

/* With s->lock held: may the timer be started? */
static int timer_start_err(const struct stopper *s, const struct stopper_timer *t)
{
	if (phase_of(s) != STOPPER_RUNNING)
		return -ESHUTDOWN;
	if (t->cancels)
		return -ECANCELED;
	return t->state == TIMER_PENDING || t->again ? -EALREADY : 0;
}

int stopper_run_every(struct stopper_timer *t, struct stopper_ctx *ctx, int64_t delay_ns,
		      int64_t period_ns, int64_t jitter_ns)
{
	struct timer_refs r = { .ctx = NULL };
	struct stopper *s = t ? t->s : NULL;
	plat_flags_t f;
	int err;

	err = call_err(s && delay_ns >= 0 && period_ns >= 0 && jitter_ns >= 0 &&
		       (!period_ns || jitter_ns <= period_ns));
	if (err)
		return err;
	if (!plat_module_get(s, t->task.job.site->owner, &r.fn_module))
		return -ESHUTDOWN;
	/* Not when it fires, with the lock held. */
	pool_note_user(s);
	err = ctx_for_task(s, ctx, &r.ctx);
	plat_lock(&s->lock, f);
	if (!err)
		err = timer_start_err(s, t);
	if (!err) {
		t->base = ns_after(plat_now(), delay_ns);
		t->period = period_ns;
		t->jitter = jitter_ns;
		t->missed = 0;
		ctx = t->ctx;
		t->ctx = r.ctx;
		r.ctx = ctx;
	}
	if (!err && t->state == TIMER_IDLE) {
		t->fn_module = r.fn_module;
		r.fn_module = NULL;
		timer_insert(s, t);
	} else if (!err) {
		t->again = true;
	}
	plat_unlock(&s->lock, f);
	timer_refs_put(&r);
	return err;
}
EXPORT_SYMBOL_PLAT(stopper_run_every);

int stopper_run_after(struct stopper_timer *t, struct stopper_ctx *ctx, int64_t delay_ns)
{
	return stopper_run_every(t, ctx, delay_ns, 0, 0);
}
EXPORT_SYMBOL_PLAT(stopper_run_after);

/* With s->lock held. What stopper_timer_cancel() returns. */
static int timer_cancel(struct stopper *s, struct stopper_timer *t, struct timer_refs *r)
{
	if (t->state == TIMER_IDLE)
		return 0;
	t->period = 0;
	t->again = false;
	if (t->state == TIMER_ACTIVE)
		return -EINPROGRESS;
	timer_remove(s, t);
	timer_set_idle(t, r);
	return 1;
}

/* With s->lock held. Does the run go on? If not, this waiter does not use the record any more. */
static bool timer_runs_on(void *timer)
{
	struct stopper_timer *t = timer;
	bool active = t->state == TIMER_ACTIVE;

	t->cancels -= !active;
	return active;
}

static int timer_cancel_and_wait(struct stopper_timer *t, bool wait)
{
	struct timer_refs r = { .ctx = NULL };
	struct stopper *s = t ? t->s : NULL;
	plat_flags_t f;
	int ret;

	if (!s)
		return -EINVAL;
	if (plat_is_copy())
		return -EOPNOTSUPP;
	plat_lock(&s->lock, f);
	ret = wait && t->tid == plat_tid() ? -EDEADLK : timer_cancel(s, t, &r);
	wait = wait && ret == -EINPROGRESS;
	t->cancels += wait;
	plat_unlock(&s->lock, f);
	timer_refs_put(&r);
	if (!wait)
		return ret;
	stopper_follow_while(s, timer_runs_on, t);
	return 0;
}

int stopper_timer_cancel(struct stopper_timer *t)
{
	return timer_cancel_and_wait(t, false);
}
EXPORT_SYMBOL_PLAT(stopper_timer_cancel);

int stopper_timer_cancel_sync(struct stopper_timer *t)
{
	plat_might_sleep();
	return timer_cancel_and_wait(t, true);
}
EXPORT_SYMBOL_PLAT(stopper_timer_cancel_sync);
