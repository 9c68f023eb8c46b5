// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scenarios.c - scenarios of user_faults.c: stoppers, closers, tasks and workers.
 */
#include <errno.h>
#include <stdlib.h>

#include "scenarios.h"

void wait_stop_in_ctx(struct stopper_ctx *ctx, void *s)
{
	if (stopper_wait(stopper_should_stop(s), ctx))
		abort();
}

int end(struct stopper *s)
{
	NEED(!stopper_stop(s, NULL));
	NEED(!stopper_num_tasks(s));
	stopper_put(s);
	return 0;
}

/* --- stoppers --------------------------------------------------------------------------------- */

int parents(void)
{
	struct stopper_options opts = { .size = sizeof(opts) };
	struct stopper *s[4] = { NULL };
	int i, n, err;

	NEW(&s[0], NULL);
	for (n = 1; n < 4; n++) {
		opts.parent = s[n - 1];
		err = stopper_create(&s[n], "faulty", &opts);
		NEED(fair(err, F(MEMORY)) && (!err || !s[n]));
		if (err)
			break;
	}
	NEED(!stopper_stop(s[0], NULL));
	for (i = 0; i < n; i++) {
		NEED(stopper_phase(s[i]) == STOPPER_STOPPED);
		stopper_put(s[i]);
	}
	return 0;
}

int stops_in_the_background(void)
{
	struct stopper *s = NULL;
	int err;

	NEW(&s, NULL);
	err = stopper_run_worker(s, NULL, "worker", wait_stop_in_ctx, s);
	NEED(fair(err, F_START));
	/* Whatever cannot be had. */
	NEED(!stopper_stop_async(s));
	NEED(!stopper_wait(stopper_is_stopped(s), NULL));
	return end(s);
}

int closers(void)
{
	struct stopper *s = NULL;
	struct tally t = { 0 };
	int i;

	NEW(&s, NULL);
	for (i = 0; i < 5; i++)
		NEED(tally_accept(&t, stopper_add_closer_fn(s, "closer", tally_plain, &t),
				  F(MEMORY)));
	NEED(!stopper_stop(s, NULL));
	NEED(tally_right(&t));
	for (i = 0; i < 2; i++)
		NEED(tally_accept(&t, stopper_add_closer_fn(s, "late", tally_plain, &t),
				  F(MEMORY)));
	NEED(tally_right(&t));
	return end(s);
}

/* --- tasks ------------------------------------------------------------------------------------ */

struct deep {
	struct stopper *s;
	int depth, wrong;
};

/* More than a thread's table holds. */
static void go_down(struct stopper_ctx *ctx, void *arg)
{
	struct deep *d = arg;
	unsigned long depth = ++d->depth;

	if (depth < 70)
		d->wrong |= stopper_run_task(d->s, NULL, "deeper", go_down, d);
	d->wrong |= stopper_num_tasks(d->s) != depth;
	d->depth--;
}

static void *sync_tasks(void *arg)
{
	struct stopper *s = arg;
	struct deep d = { .s = s };
	struct stopper_task task;
	struct tally t = { 0 };
	bool wrong;

	if (stopper_task_begin(s, NULL, "handle", &task))
		return s;
	wrong = stopper_run_task(s, NULL, "sync", tally_task, &t) ||
		stopper_run_task_err(s, NULL, "sync", tally_task_err, &t) != 4711 ||
		t.called != 2 || stopper_num_tasks(s) != 1;
	stopper_task_end(&task);
	wrong = wrong || stopper_run_task(s, NULL, "deep", go_down, &d) || d.wrong;
	return wrong ? s : NULL;
}

/* No task on the caller's thread is refused for want of anything. */
int tasks_here(void)
{
	struct stopper *s = NULL;
	pthread_t thread;
	void *wrong;

	NEW(&s, NULL);
	NEED(!sync_tasks(s));
	NEED(!real_pthread_create(&thread, NULL, sync_tasks, s));
	NEED(!pthread_join(thread, &wrong) && !wrong);
	NEED(!stopper_num_tasks(s));
	return end(s);
}

struct gate {
	struct tally tally;
	struct stopper_event open;
};

static void through_gate(struct stopper_ctx *ctx, void *arg)
{
	struct gate *g = arg;

	if (stopper_wait(&g->open, NULL))
		abort();
	tally_task(ctx, &g->tally);
}

/* All wait for one another, so each needs a thread of its own. */
int async_tasks(void)
{
	struct stopper_ctx *ctx = NULL;
	struct gate g = { .tally = { 0 } };
	struct stopper *s = NULL;
	int i;

	NEW(&s, NULL);
	stopper_event_init(&g.open);
	if (stopper_ctx_with_cancel(NULL, &ctx))
		ctx = NULL;
	for (i = 0; i < 10; i++)
		NEED(tally_accept(&g.tally, stopper_run_async_task(s, ctx, "async", through_gate,
								   &g), F_START));
	NEED(stopper_num_tasks(s) == g.tally.accepted);
	stopper_event_fire(&g.open);
	NEED(!stopper_quiesce(s, NULL));
	NEED(tally_right(&g.tally));
	stopper_event_destroy(&g.open);
	stopper_ctx_put(ctx);
	return end(s);
}

int limited_tasks(void)
{
	struct stopper *s = NULL;
	struct tally t = { 0 };
	struct stopper_sem sem;
	int i, err;

	NEW(&s, NULL);
	NEED(!stopper_sem_init(&sem, 2));
	for (i = 0; i < 10; i++) {
		err = stopper_run_limited_async_task(s, NULL, "limited", &sem, i % 2, tally_task,
						     &t);
		if (i % 2 == 0 && err == -EBUSY)
			continue;
		NEED(tally_accept(&t, err, F_START));
	}
	NEED(!stopper_quiesce(s, NULL));
	NEED(tally_right(&t) && !stopper_sem_length(&sem));
	/* No slot was lost. */
	NEED(!stopper_sem_try_acquire(&sem) && !stopper_sem_try_acquire(&sem));
	stopper_sem_release(&sem);
	stopper_sem_release(&sem);
	stopper_sem_destroy(&sem);
	return end(s);
}

static void work(struct stopper_ctx *ctx, void *arg)
{
	struct deep *d = arg;

	wait_stop_in_ctx(ctx, d->s);
	__atomic_add_fetch(&d->depth, 1, __ATOMIC_SEQ_CST);
}

int workers(void)
{
	struct deep d = { .s = NULL };
	struct stopper_ctx *ctx = NULL;
	int i, err, accepted = 0;

	NEW(&d.s, NULL);
	if (stopper_ctx_with_cancel(NULL, &ctx))
		ctx = NULL;
	for (i = 0; i < 3; i++) {
		err = stopper_run_worker(d.s, ctx, "worker", work, &d);
		NEED(fair(err, F_START));
		accepted += !err;
	}
	NEED(!stopper_stop(d.s, NULL));
	NEED(__atomic_load_n(&d.depth, __ATOMIC_SEQ_CST) == accepted);
	stopper_ctx_put(ctx);
	return end(d.s);
}
