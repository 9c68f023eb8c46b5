// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * closer.c - closers: each runs exactly once.
 *
 * The phase becomes CLOSING under s->lock, under which closers are added. So a closer either
 * is on the list that stop empties, or the thread that adds it finds CLOSING and runs it
 * itself. Stop waits for those too (->late_closers).
 *
 * Stop gives its closers to a pool thread, so that a closer that hangs cannot block a caller
 * that has a deadline, and the death of a closer's thread does not end the stop. They are
 * given to it as a batch, and it runs them one after the other: a wake-up of a thread for each
 * of them, and back, takes 20 us or more, and a closer may take 10 ns. Between two closers the
 * thread takes the stopper's lock once. It runs the next one only while a leader waits whose
 * context has not ended, so a stop that gives up makes no further progress:
 *
 *   closing thread                      leader
 *   lock; the closer that ran is over
 *   leader there, its context alive?    its context ends: lock; leader = NULL; unlock
 *     yes: pop the next; unlock; run it
 *     no: unlock; off the list of activities
 *   lock; closers_busy = false          another one: lock; leader = me; unlock
 *   wake the leader; unlock             lock; closers_busy? unlock; park
 *                                       not busy: give what is left to a thread
 *
 *   A new leader that comes before the check is found by it; one that comes after it waits
 *   for ->closers_busy. A thread that dies in a closer ends in the same way, so the next
 *   closer gets another thread.
 *
 * If no thread is free and none can be started, the closers run on the stopping thread, one
 * at a time: the other threads' jobs may be waiting for this stop.
 */
#include "internal.h"
#include "closer.h"
#include "follow.h"
#include "panic.h"
#include "pool.h"
#include "pool_loop.h"
#include "result.h"
#include "steps.h"
#include "upcalls.h"

struct closer_fn {
	struct stopper_closer closer;
	void (*fn)(void *arg);
	int (*err_fn)(void *arg);	/* in place of @fn */
	void *arg;
	struct stopper *s;
};

static void closer_call(struct stopper_ctx *ctx, void *arg)
{
	struct stopper_closer *closer = arg;

	(void)ctx;
	closer->fn(closer);
}

static const char *closer_name(const struct stopper_closer *closer)
{
	return closer->name ? closer->name : "closer";
}

static void closer_fn_call(struct stopper_closer *closer)
{
	struct closer_fn cf = *list_item(closer, struct closer_fn, closer);
	struct stopper_site site = { .name = closer_name(closer) };
	int err = 0;

	/* Free it first: fn may not return. */
	plat_free(list_item(closer, struct closer_fn, closer));
	if (cf.fn)
		cf.fn(cf.arg);
	else
		err = cf.err_fn(cf.arg);
	if (err < 0)
		error_note(cf.s, &site, err);
}

/* Trace it if traced. The name is copied for the end, as the closer may free its own name. */
static void trace_closing_start(struct stopper *s)
{
	if (plat_traces_closers())
		s->closing_escaped = plat_alloc(STOPPER_NAME_SHOWN + 1);
	if (!s->closing_escaped)
		return;
	name_escape(s->closing_escaped, STOPPER_NAME_SHOWN + 1, s->closing_site.name);
	plat_trace_closer_start(s, s->closing_escaped);
}

static void trace_closing_end(struct stopper *s)
{
	if (s->closing_escaped)
		plat_trace_closer_end(s, s->closing_escaped);
	plat_free(s->closing_escaped);
	s->closing_escaped = NULL;
}

/* With s->lock held: @n is the next closer to run. */
static void closing_take(struct stopper *s, struct stopper_list *n)
{
	s->nclosers--;
	s->closing = list_item(n, struct stopper_closer, node);
	/* Its function may free it. */
	s->closing_fn_module = s->closing->fn_module;
}

/* The last closer has returned. Take the next one. False: none is to be run now. */
static bool closing_next(struct stopper *s)
{
	struct stopper_list *n;

	lock_guard(&s->lock);
	n = stop_is_awaited(s) ? slist_pop(&s->closers) : NULL;
	if (n) {
		s->nclosed++;
		closing_take(s, n);
	}
	return n;
}

/* The last closer has returned or died, and this thread runs no other one. */
static void closing_done(struct stopper *s)
{
	struct module *fn_module = s->closing_fn_module;
	plat_flags_t f;

	trace_closing_end(s);
	activity_exit(&s->closing_activity);
	plat_lock(&s->lock, f);
	s->closing = NULL;
	s->nclosed++;
	s->closers_busy = false;
	stopper_wake_leader(s);
	plat_unlock(&s->lock, f);
	plat_module_put(fn_module);
	stopper_unpin(s);
}

/* Prepare the next closer on the same thread. False: there is none, or not now. */
static bool closing_continue(struct stopper *s, struct pool_thread *me)
{
	struct module *fn_module = s->closing_fn_module;
	const char *name;

	if (!closing_next(s))
		return false;
	trace_closing_end(s);
	plat_resched();
	name = closer_name(s->closing);
	/* Name the thread first, so that a reader that sees the closer sees the thread's name. */
	pool_thread_set_name(me, name);
	activity_rename(&s->closing_activity, &s->closing_site, name);
	/* Only now: the name that was shown until now may be in the module's memory. */
	plat_module_put(fn_module);
	return true;
}

/* @me: a pool thread. NULL: the stopping thread, which checks its context after one closer. */
static void closing_run(struct stopper_job *job, struct pool_thread *me)
{
	struct stopper *s = list_item(job, struct stopper, close_job);
	struct call c = { .s = s, .site = &s->closing_site, .kind = STOPPER_PANIC_CLOSER };

	activity_enter(&s->closing_activity, s, &s->closing_site, STOPPER_PANIC_CLOSER);
	do {
		trace_closing_start(s);
		plat_call(&c, closer_call, NULL, s->closing);
	} while (me && closing_continue(s, me));
	closing_done(s);
}

static void closing_died(struct stopper_job *job, bool hook_called)
{
	struct stopper *s = list_item(job, struct stopper, close_job);
	struct call c = { .s = s, .site = &s->closing_site, .kind = STOPPER_PANIC_CLOSER };

	if (!hook_called)
		panic_hook(&c, NULL, s->closing_activity.tid, true);
	closing_done(s);
}

static const struct stopper_job_ops closing_ops = { .run = closing_run, .died = closing_died };

/* Have the remaining closers run. False: there are none. For the leader, in CLOSING, none busy. */
bool closers_start(struct stopper *s)
{
	struct stopper_list *n;

	{
		lock_guard(&s->lock);
		n = slist_pop(&s->closers);
		if (!n)
			return false;
		closing_take(s, n);
		s->closers_busy = true;
		stopper_pin(s);
	}
	s->closing_site = (struct stopper_site){ .name = closer_name(s->closing) };
	s->close_job.ops = &closing_ops;
	s->close_job.site = &s->closing_site;
	count_steps(STEP_CLOSERS_HANDED, 1);
	if (pool_reserve() || !pool_try_push(&s->close_job))
		closing_run(&s->close_job, NULL);
	return true;
}

static void late_closer_done(struct stopper *s)
{
	lock_guard(&s->lock);

	s->late_closers--;
	s->nclosed++;
	stopper_wake_leader(s);
}

struct late_closer {
	struct activity activity;
	bool traced;
	char escaped[STOPPER_NAME_SHOWN + 1];
};

static void late_closer_exit(struct late_closer **l)
{
	if ((*l)->traced)
		plat_trace_closer_end((*l)->activity.s, (*l)->escaped);
	activity_exit(&(*l)->activity);
}

/* From CLOSING on a closer runs at once, on the thread that adds it. */
static void late_closer_run(struct stopper *s, struct stopper_closer *closer)
{
	struct stopper_site site = { .name = closer_name(closer) };
	struct call c = { .s = s, .site = &site, .kind = STOPPER_PANIC_CLOSER };
	struct late_closer late;

	activity_enter(&late.activity, s, &site, STOPPER_PANIC_CLOSER);
	/* Its thread, this one, looks for it when it dies. */
	late.activity.abandoned = late_closer_done;
	late.traced = plat_traces_closers();
	if (late.traced) {
		name_escape(late.escaped, sizeof(late.escaped), site.name);
		plat_trace_closer_start(s, late.escaped);
	}
	{
		struct late_closer *scope
			__attribute__((cleanup(late_closer_exit), unused)) = &late;

		plat_call(&c, closer_call, NULL, closer);
	}
}

static void late_closer_uncount(struct stopper **s)
{
	late_closer_done(*s);
}

int __stopper_add_closer(struct stopper *s, struct stopper_closer *closer, struct module *owner)
{
	struct module *fn_module;
	plat_flags_t f;
	bool late;

	if (!s || !closer || !closer->fn)
		return -EINVAL;
	if (plat_is_copy())
		return -EOPNOTSUPP;
	if (!plat_module_get(s, owner, &fn_module))
		return -ESHUTDOWN;
	closer->fn_module = fn_module;
	plat_lock(&s->lock, f);
	late = phase_of(s) >= STOPPER_CLOSING;
	if (late) {
		s->late_closers++;
	} else {
		s->nclosers++;
		if (s->flags & STOPPER_CLOSERS_LIFO)
			slist_push(&s->closers, &closer->node);
		else
			slist_append(&s->closers, &closer->node);
	}
	plat_unlock(&s->lock, f);
	if (late) {
		struct stopper *scope __attribute__((cleanup(late_closer_uncount))) = s;

		late_closer_run(scope, closer);
		/* The caller's own module is loaded, as this is its call. */
		plat_module_put(fn_module);
	}
	return 0;
}
EXPORT_SYMBOL_PLAT(__stopper_add_closer);

/* Exactly one of @fn and @err_fn. */
static int closer_fn_add(struct stopper *s, const char *name, void (*fn)(void *arg),
			 int (*err_fn)(void *arg), void *arg, struct module *owner)
{
	struct closer_fn *cf;
	int err;

	if (!s || (!fn && !err_fn))
		return -EINVAL;
	if (plat_is_copy())
		return -EOPNOTSUPP;
	cf = plat_alloc(sizeof(*cf));
	if (!cf)
		return -ENOMEM;
	*cf = (struct closer_fn){
		.closer = { .name = name, .fn = closer_fn_call },
		.fn = fn, .err_fn = err_fn, .arg = arg, .s = s,
	};
	err = __stopper_add_closer(s, &cf->closer, owner);
	if (err)
		plat_free(cf);
	return err;
}

int __stopper_add_closer_fn(struct stopper *s, const char *name, void (*fn)(void *arg), void *arg,
			    struct module *owner)
{
	return closer_fn_add(s, name, fn, NULL, arg, owner);
}
EXPORT_SYMBOL_PLAT(__stopper_add_closer_fn);

int __stopper_add_closer_err_fn(struct stopper *s, const char *name, int (*fn)(void *arg),
				void *arg, struct module *owner)
{
	return closer_fn_add(s, name, NULL, fn, arg, owner);
}
EXPORT_SYMBOL_PLAT(__stopper_add_closer_err_fn);
