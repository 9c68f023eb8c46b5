// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * worker.c - workers: threads that run until ShouldStop.
 *
 * A worker is counted, under s->lock, before its thread is started; the same
 * lock turns the phase to STOPPING. So either Stop finds it counted and waits,
 * or run_worker finds STOPPING and refuses.
 *
 * In the kernel kthread_should_stop() turns true for all of them when ShouldStop has
 * fired, one after the other; plat_thread_stop() waits for none of them.
 *
 * Only a thread that was started can be told, and one that cannot be started is freed
 * by run_worker. Both sides look under s->lock:
 *
 *   run_worker                        Stop
 *   counted, as if it were told       phase = STOPPING
 *   start its thread                  tell those that are not told
 *   phase < STOPPING? not told
 *   else tell it
 */
#include "internal.h"

static void worker_release(struct worker *w)
{
	/* (H) whoever drops last frees; pairs with the other drop */
	if (plat_ref_put(&w->refs))
		plat_free(w);
}

static void worker_thread_release(struct plat_thread *t)
{
	worker_release(list_item(t, struct worker, thread));
}

/* Not counted any more. */
static void worker_uncount(struct worker *w)
{
	struct stopper *s = w->s;
	plat_flags_t f;

	traced_end(w->traced);
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

static void worker_main(struct plat_thread *t)
{
	struct worker *w = list_item(t, struct worker, thread);
	struct call c = { .s = w->s, .site = w->site, .kind = STOPPER_PANIC_WORKER };

	activity_enter(&w->activity, w->s, w->site, STOPPER_PANIC_WORKER);
	traced_start(w->traced);
	plat_call(&c, w->fn, w->ctx, w->arg);
	activity_exit(&w->activity);
	worker_uncount(w);
}

static void worker_died(struct plat_thread *t, bool hook_called)
{
	struct worker *w = list_item(t, struct worker, thread);
	struct call c = { .s = w->s, .site = w->site, .kind = STOPPER_PANIC_WORKER };

	if (!hook_called)
		panic_hook(&c, NULL, w->activity.tid, true);
	activity_exit(&w->activity);
	worker_uncount(w);
}

static bool worker_count(struct stopper *s, struct worker *w)
{
	plat_flags_t f;
	bool ok;

	plat_lock(&s->lock, f);
	ok = s->phase < STOPPER_STOPPING;
	if (ok) {
		slist_append(&s->workers, &w->node);
		s->nworkers++;
		stopper_pin(s);
	}
	plat_unlock(&s->lock, f);
	return ok;
}

/* Its thread runs, or has run: it can be told to stop, by worker_stop_all() or, if late, here. */
static void worker_started(struct worker *w)
{
	struct stopper *s = w->s;
	bool late = false;
	plat_flags_t f;

	plat_lock(&s->lock, f);
	if (PLAT_STOPS_THREADS && !w->uncounted) {
		late = s->phase >= STOPPER_STOPPING;
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

int __stopper_run_worker(struct stopper *s, struct stopper_ctx *ctx,
			 const struct stopper_site *site, stopper_fn fn, void *arg)
{
	struct worker *w;
	int err;

	plat_might_sleep();
	if (!s || !site || !fn)
		return -EINVAL;
	err = plat_ready();
	if (err)
		return err;
	w = plat_alloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->thread.main = worker_main;
	w->thread.died = worker_died;
	w->thread.release = worker_thread_release;
	w->stop_queued = true;
	plat_ref_init(&w->refs, 2);
	w->s = s;
	w->site = site;
	w->ctx = ctx;
	w->fn = fn;
	w->arg = arg;
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
		w->traced = traced_new(s, ctx, site, TRACED_WORKER);
	err = plat_thread_start(&w->thread, site->name);
	if (err) {
		plat_free_record(w->traced);
		w->traced = NULL;
		worker_uncount(w);
		plat_free(w);
	} else {
		worker_started(w);
	}
	return err;
}
EXPORT_SYMBOL_PLAT(__stopper_run_worker);

/* With s->lock held: a worker nobody tells to stop yet, now told by the caller. */
static struct worker *next_worker_to_stop(struct stopper *s)
{
	struct worker *w;

	if (slist_empty(&s->workers))
		return NULL;
	/* Those told go to the end, so a told one in front means all are. */
	w = list_item(s->workers.next, struct worker, node);
	if (w->stop_queued)
		return NULL;
	w->stop_queued = true;
	plat_ref_get(&w->refs);
	slist_remove(&w->node);
	slist_append(&s->workers, &w->node);
	return w;
}

/* After ShouldStop: tell each worker's thread as well. */
void worker_stop_all(struct stopper *s)
{
	struct worker *w;
	plat_flags_t f;

	while (PLAT_STOPS_THREADS) {
		plat_lock(&s->lock, f);
		w = next_worker_to_stop(s);
		plat_unlock(&s->lock, f);
		if (!w)
			break;
		plat_thread_stop(&w->thread);
		worker_release(w);
		plat_resched();
	}
}
