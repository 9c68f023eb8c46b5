// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * closer.c - closers: each run exactly once.
 *
 * The phase turns to CLOSING under s->lock, under which closers are added: one
 * either is on the list that Stop empties, or its adder finds CLOSING and runs
 * it himself. Stop waits for those too (->late_closers).
 *
 * Stop hands closers to a pool thread, one at a time, so that a closer that
 * hangs cannot keep a caller with a deadline, and one whose thread dies cannot
 * take Stop with it. Should none be free and there be no memory for another, they
 * run on Stop's own: what the others do may wait for this stop.
 */
#include "internal.h"

static void call_embedded(struct stopper_ctx *ctx, void *arg)
{
	struct stopper_closer *closer = arg;

	(void)ctx;
	closer->fn(closer);
}

static void call_plain(struct stopper_closer *closer)
{
	struct closer_fn *cf = list_item(closer, struct closer_fn, closer);
	void (*fn)(void *arg) = cf->fn;
	void *arg = cf->arg;

	/* First: fn may not return. */
	plat_free(cf);
	fn(arg);
}

static const char *closer_name(const struct stopper_closer *closer)
{
	return closer->name ? closer->name : "closer";
}

/* Tells who listens. A copy, for the end: the closer may free its own name. */
static void tell_closing(struct stopper *s)
{
	if (plat_traces_closers())
		s->closing_shown = plat_alloc(STOPPER_NAME_SHOWN + 1);
	if (!s->closing_shown)
		return;
	name_show(s->closing_shown, STOPPER_NAME_SHOWN + 1, s->closing_site.name);
	plat_trace_closer_start(s, s->closing_shown);
}

static void tell_closed(struct stopper *s)
{
	if (s->closing_shown)
		plat_trace_closer_end(s, s->closing_shown);
	plat_free(s->closing_shown);
	s->closing_shown = NULL;
}

/* The closer that Stop ran is over, whichever way. */
static void closing_done(struct stopper *s)
{
	struct module *lent_by = s->closing_lent_by;
	plat_flags_t f;

	tell_closed(s);
	run_exit(&s->closing_run);
	plat_lock(&s->lock, f);
	s->closing = NULL;
	s->nclosed++;
	stopper_wake_leader(s);
	plat_unlock(&s->lock, f);
	plat_give_back(lent_by);
	stopper_unpin(s);
}

static void closing_call(struct call *c, struct stopper *s)
{
	c->s = s;
	c->site = &s->closing_site;
	c->kind = STOPPER_PANIC_CLOSER;
}

static void close_run(struct job *job)
{
	struct stopper *s = list_item(job, struct stopper, close_job);
	struct stopper_closer *closer = s->closing;
	struct call c = { .s = NULL };

	closing_call(&c, s);
	run_enter(&s->closing_run, s, &s->closing_site, STOPPER_PANIC_CLOSER);
	tell_closing(s);
	plat_call(&c, call_embedded, NULL, closer);
	closing_done(s);
}

static void close_died(struct job *job, bool told)
{
	struct stopper *s = list_item(job, struct stopper, close_job);
	struct call c = { .s = NULL };

	closing_call(&c, s);
	if (!told)
		panic_hook(&c, NULL, s->closing_run.tid, true);
	closing_done(s);
}

static const struct job_ops close_ops = { .run = close_run, .died = close_died };

/* Starts the next closer; false: there is none. The leader, in CLOSING. */
bool closer_start(struct stopper *s)
{
	struct stopper_closer *closer = NULL;
	struct stopper_list *n;
	plat_flags_t f;

	plat_lock(&s->lock, f);
	n = slist_pop(&s->closers);
	if (n) {
		closer = list_item(n, struct stopper_closer, node);
		s->nclosers--;
		s->closing = closer;
		stopper_pin(s);
	}
	plat_unlock(&s->lock, f);
	if (!closer)
		return false;

	/* Its function may free it. */
	s->closing_lent_by = closer->lent_by;
	s->closing_site = (struct stopper_site){ .name = closer_name(closer) };
	s->close_job.ops = &close_ops;
	s->close_job.site = &s->closing_site;
	if (pool_reserve() || !pool_push_or_not(&s->close_job))
		close_run(&s->close_job);
	return true;
}

void closer_late_done(struct stopper *s)
{
	plat_flags_t f;

	plat_lock(&s->lock, f);
	s->late_closers--;
	s->nclosed++;
	stopper_wake_leader(s);
	plat_unlock(&s->lock, f);
}

struct late {
	struct run run;
	bool traced;
	char shown[STOPPER_NAME_SHOWN + 1];
};

static void late_over(struct late **l)
{
	if ((*l)->traced)
		plat_trace_closer_end((*l)->run.s, (*l)->shown);
	run_exit(&(*l)->run);
}

/* From CLOSING on: here and now. */
static void run_late(struct stopper *s, struct stopper_closer *closer)
{
	struct stopper_site site = { .name = closer_name(closer) };
	struct call c = { .s = s, .site = &site, .kind = STOPPER_PANIC_CLOSER };
	struct late late;

	run_enter(&late.run, s, &site, STOPPER_PANIC_CLOSER);
	late.traced = plat_traces_closers();
	if (late.traced) {
		name_show(late.shown, sizeof(late.shown), site.name);
		plat_trace_closer_start(s, late.shown);
	}
	{
		struct late *scope __attribute__((cleanup(late_over), unused)) = &late;

		plat_call(&c, call_embedded, NULL, closer);
	}
}

static void late_leave(struct stopper **s)
{
	closer_late_done(*s);
}

int __stopper_add_closer(struct stopper *s, struct stopper_closer *closer, struct module *owner)
{
	struct module *lent_by;
	plat_flags_t f;
	bool late;

	if (!s || !closer || !closer->fn)
		return -EINVAL;
	if (plat_is_copy())
		return -EOPNOTSUPP;
	if (!plat_lend(s, owner, &lent_by))
		return -ESHUTDOWN;
	closer->lent_by = lent_by;
	plat_lock(&s->lock, f);
	late = s->phase >= STOPPER_CLOSING;
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
		struct stopper *scope __attribute__((cleanup(late_leave))) = s;

		run_late(scope, closer);
		/* The caller runs it: its module is there. */
		plat_give_back(lent_by);
	}
	return 0;
}
EXPORT_SYMBOL_PLAT(__stopper_add_closer);

int __stopper_add_closer_fn(struct stopper *s, const char *name, void (*fn)(void *arg), void *arg,
			    struct module *owner)
{
	struct closer_fn *cf;
	int err;

	if (!s || !fn)
		return -EINVAL;
	if (plat_is_copy())
		return -EOPNOTSUPP;
	cf = plat_alloc(sizeof(*cf));
	if (!cf)
		return -ENOMEM;
	cf->closer.name = name;
	cf->closer.fn = call_plain;
	cf->fn = fn;
	cf->arg = arg;
	err = __stopper_add_closer(s, &cf->closer, owner);
	if (err)
		plat_free(cf);
	return err;
}
EXPORT_SYMBOL_PLAT(__stopper_add_closer_fn);
