// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * worker.c - workers: threads that run until ShouldStop.
 *
 * A worker is counted, under s->lock, before its thread is started, and the phase becomes
 * STOPPING under the same lock. So either stop finds the worker counted and waits for it, or
 * run_worker finds STOPPING and refuses.
 *
 * In the kernel kthread_should_stop() becomes true for the workers one after the other, after
 * ShouldStop has fired; plat_thread_stop() does not wait for them.
 *
 * plat_thread_stop() needs a thread that was started, and run_worker frees a worker whose
 * thread cannot be started. Both sides check under s->lock:
 *
 *   run_worker                        stop
 *   counted, with stop_queued set     phase = STOPPING
 *   start its thread                  stop the threads of those without stop_queued
 *   phase < STOPPING? clear it
 *   else stop its thread
 *
 * Ordered accesses:
 *
 *   (H)  references to a worker are dropped with release, the last one with acquire also; each
 *        drop pairs with the last one. Guarantees: the thread that frees the worker sees all
 *        that the others did with it.
 */
#include "internal.h"
#include "ctx.h"
#include "follow.h"
#include "panic.h"
#include "result.h"
#include "span.h"
#include "upcalls.h"
#include "worker.h"

struct worker {
	struct plat_thread thread;
	struct activity activity;	/* links it into the list of activities */
	struct stopper_list node;	/* s->workers */
	struct stopper *s;
	const struct stopper_site *site;
	struct span_record *span;		/* NULL: not traced */
	struct stopper_ctx *ctx;
	stopper_fn fn;
	stopper_err_fn err_fn;		/* in place of @fn */
	void *arg;
	struct module *fn_module;	/* of the function, with a reference; or NULL */
	plat_ref_t refs;		/* of its thread, of run_worker, of a stop of its thread */
	bool stop_queued;		/* its thread is, or must not yet be, stopped; s->lock */
	bool uncounted;			/* not counted any more; s->lock */
};

static void worker_release(struct worker *w)
{
	/* (H) pairs with the other drops: the last one sees all that they did, and frees */
	if (plat_ref_put(&w->refs))
		plat_free(w);
}

static void worker_thread_release(struct plat_thread *t)
{
	worker_release(list_item(t, struct worker, thread));
}

/* Stop counting the worker. */
static void worker_uncount(struct worker *w)
{
	struct stopper *s = w->s;
	plat_flags_t f;

	span_end(w->span);
	stopper_ctx_put(w->ctx);
	plat_lock(&s->lock, f);
	slist_remove(&w->node);
	w->uncounted = true;
	s->nworkers--;
	stopper_wake_leader(s);
	plat_unlock(&s->lock, f);
	plat_module_put(w->fn_module);
	stopper_unpin(s);
}

/* The function returned @err, or did not return. */
static void worker_note_error(struct worker *w, int err)
{
	if (w->err_fn && err < 0)
		error_note(w->s, w->site, err);
}

static void worker_call_err(struct stopper_ctx *ctx, void *worker)
{
	struct worker *w = worker;

	worker_note_error(w, w->err_fn(ctx, w->arg));
}

static void worker_main(struct plat_thread *t)
{
	struct worker *w = list_item(t, struct worker, thread);
	struct call c = { .s = w->s, .site = w->site, .kind = STOPPER_PANIC_WORKER };

	activity_enter(&w->activity, w->s, w->site, STOPPER_PANIC_WORKER);
	span_begin(w->span);
	if (!w->err_fn)
		plat_call(&c, w->fn, w->ctx, w->arg);
	else if (plat_call(&c, worker_call_err, w->ctx, w))
		worker_note_error(w, STOPPER_EPANIC);
	activity_exit(&w->activity);
	worker_uncount(w);
}

static void worker_died(struct plat_thread *t, bool hook_called)
{
	struct worker *w = list_item(t, struct worker, thread);
	struct call c = { .s = w->s, .site = w->site, .kind = STOPPER_PANIC_WORKER };

	if (!hook_called)
		panic_hook(&c, NULL, w->activity.tid, true);
	worker_note_error(w, STOPPER_EPANIC);
	activity_exit(&w->activity);
	worker_uncount(w);
}

static bool worker_count(struct stopper *s, struct worker *w)
{
	lock_guard(&s->lock);

	if (phase_of(s) >= STOPPER_STOPPING)
		return false;
	slist_append(&s->workers, &w->node);
	s->nworkers++;
	stopper_pin(s);
	return true;
}

/* The thread was started: worker_stop_all() can stop it. If that was before, stop it here. */
static void worker_started(struct worker *w)
{
	struct stopper *s = w->s;
	bool late = false;
	plat_flags_t f;

	plat_lock(&s->lock, f);
	if (PLAT_STOPS_THREADS && !w->uncounted) {
		late = phase_of(s) >= STOPPER_STOPPING;
		w->stop_queued = late;
		if (!late) {
			slist_remove(&w->node);
			slist_push(&s->workers, &w->node);
		}
	}
	plat_unlock(&s->lock, f);
	if (late)
		plat_thread_stop(&w->thread);
	worker_release(w);
}

/* Exactly one of @fn and @err_fn. */
static int worker_run(struct stopper *s, struct stopper_ctx *ctx, const struct stopper_site *site,
		      stopper_fn fn, stopper_err_fn err_fn, void *arg)
{
	struct worker *w;
	int err;

	plat_might_sleep();
	err = call_err(s && site && (fn || err_fn));
	if (err)
		return err;
	w = plat_alloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct worker){
		.s = s, .site = site, .ctx = ctx, .fn = fn, .err_fn = err_fn, .arg = arg,
		.thread.main = worker_main, .thread.died = worker_died,
		.thread.release = worker_thread_release, .stop_queued = true,
	};
	plat_ref_init(&w->refs, 2);
	if (!plat_module_get(s, site->owner, &w->fn_module)) {
		plat_free(w);
		return -ESHUTDOWN;
	}
	if (!worker_count(s, w)) {
		plat_module_put(w->fn_module);
		plat_free(w);
		return -ESHUTDOWN;
	}
	stopper_ctx_get(ctx);
	if (__stopper_traced())
		w->span = span_new(s, ctx_span(ctx), site, SPAN_WORKER);
	err = plat_thread_start(&w->thread, site->name);
	if (err) {
		plat_free_cached(w->span);
		w->span = NULL;
		worker_uncount(w);
		plat_free(w);
	} else {
		worker_started(w);
	}
	return err;
}

int __stopper_run_worker(struct stopper *s, struct stopper_ctx *ctx,
			 const struct stopper_site *site, stopper_fn fn, void *arg)
{
	return worker_run(s, ctx, site, fn, NULL, arg);
}
EXPORT_SYMBOL_PLAT(__stopper_run_worker);

int __stopper_run_worker_err(struct stopper *s, struct stopper_ctx *ctx,
			     const struct stopper_site *site, stopper_err_fn fn, void *arg)
{
	return worker_run(s, ctx, site, NULL, fn, arg);
}
EXPORT_SYMBOL_PLAT(__stopper_run_worker_err);

/* A worker whose thread the caller must stop. NULL: none is left. */
static struct worker *next_worker_to_stop(struct stopper *s)
{
	struct worker *w;

	lock_guard(&s->lock);
	if (slist_empty(&s->workers))
		return NULL;
	/* Those with stop_queued are at the end, so one at the front means that all have it. */
	w = list_item(s->workers.next, struct worker, node);
	if (w->stop_queued)
		return NULL;
	w->stop_queued = true;
	plat_ref_get(&w->refs);
	slist_remove(&w->node);
	slist_append(&s->workers, &w->node);
	return w;
}

/* After ShouldStop has fired: make kthread_should_stop() true for each worker's thread. */
void worker_stop_all(struct stopper *s)
{
	struct worker *w;

	while (PLAT_STOPS_THREADS && (w = next_worker_to_stop(s))) {
		plat_thread_stop(&w->thread);
		worker_release(w);
		plat_resched();
	}
}
