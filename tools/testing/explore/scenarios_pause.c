// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scenarios_pause.c - the races drawn in core/pause.c.
 */
#include "scenario.h"

static struct stopper *s, *kid;
static struct stopper_ctx *ctx;
static struct stopper_task handle;

static void run_one(void *it)
{
	accepted(stopper_run_task(it, NULL, "one", counted, NULL));
}

/* No task runs while it returns 0. */
static bool pauses(struct stopper *it, struct stopper_ctx *c)
{
	int err = stopper_pause(it, c);

	check(!err || err == -ESHUTDOWN || (c && err == -ECANCELED));
	if (!err)
		ghost_add(QUIESCED, 1);
	return !err;
}

static void resumes(struct stopper *it)
{
	ghost_add(QUIESCED, -1);
	check(!stopper_resume(it));
}

static void pauses_and_resumes(void *it)
{
	if (pauses(it, NULL))
		resumes(it);
}

static void admits(struct stopper *it)
{
	check(!stopper_run_task(it, NULL, "admitted", counted, NULL));
	ghost_add(ACCEPTED, 1);
}

SCENARIO(pause_admission, "pause.c, race 1: a task begins while Pause does",
	 .budget = 3, .stale = 2)
{
	s = new_stopper(NULL);
	go(run_one, s);
	pauses_and_resumes(s);
	join_all();
	admits(s);
	end(s);
}

static void run_async(void *it)
{
	accepted(stopper_run_async_task(it, NULL, "one", counted, NULL));
}

SCENARIO(pause_async, "pause.c, race 1: an async task is queued while Pause begins",
	 .budget = 2, .stale = 1)
{
	s = new_stopper(NULL);
	go(run_async, s);
	pauses_and_resumes(s);
	join_all();
	end(s);
}

/* Written while paused only. Not plain: (B3) orders, but is no release for a race detector. */
static int config[2];

static void reads(struct stopper_ctx *c, void *arg)
{
	int second = plat_load(&config[1]);

	counted(c, arg);
	check(second == plat_load(&config[0]));
}

static void nests(struct stopper_ctx *c, void *arg)
{
	accepted(stopper_run_task(s, NULL, "reads", reads, NULL));
}

static void nothing(struct stopper_ctx *c, void *arg)
{
}

/* A thread's first task takes the slow path. */
static void run_reads(void *it)
{
	check(!stopper_run_task(kid, NULL, "first", nothing, NULL));
	accepted(stopper_run_task(it, NULL, "reads", reads, NULL));
}

/* The slot at hand is in use. */
static void run_nested(void *it)
{
	check(!stopper_run_task(kid, NULL, "outer", nests, NULL));
}

/* A paused stopper. */
static void begin_paused(void)
{
	config[0] = 0;
	config[1] = 0;
	check(pauses(s, NULL));
}

static void writes_and_resumes(void)
{
	plat_store(&config[0], 1);
	plat_store(&config[1], 1);
	resumes(s);
	join_all();
}

SCENARIO(pause_publishes, "pause.c, race 2: a task sees what was written during the pause",
	 .budget = 3, .stale = 1)
{
	s = new_stopper(NULL);
	begin_paused();
	kid = new_stopper(NULL);
	go(run_reads, s);
	writes_and_resumes();
	end(s);
	check(!stopper_stop(kid, NULL));
	stopper_put(kid);
}

SCENARIO(pause_publishes_slow, "pause.c, race 2: the same for a task that takes the slow path",
	 .budget = 3, .stale = 2)
{
	s = new_stopper(NULL);
	begin_paused();
	kid = new_stopper(NULL);
	go(run_nested, s);
	writes_and_resumes();
	end(s);
	check(!stopper_stop(kid, NULL));
	stopper_put(kid);
}

static void run_async_reads(void *it)
{
	accepted(stopper_run_async_task(it, NULL, "reads", reads, NULL));
}

SCENARIO(pause_publishes_async, "pause.c, race 2: the same for an async task",
	 .budget = 3, .stale = 1)
{
	s = new_stopper(NULL);
	/* The thread that will run it exists. */
	run_async(s);
	settle();
	begin_paused();
	go(run_async_reads, s);
	writes_and_resumes();
	end(s);
}

static void begin_waits(void *it)
{
	struct stopper_task task;
	int err = stopper_task_begin_wait(it, ctx, "waits", &task);

	check(!err || err == -ESHUTDOWN || (ctx && err == -ECANCELED));
	if (err)
		return;
	ghost_add(ACCEPTED, 1);
	counted(NULL, NULL);
	stopper_task_end(&task);
}

SCENARIO(begin_wait_and_resume, "pause.c, race 3: one waits for the resume, another resumes",
	 .budget = 3, .stale = 1)
{
	ctx = NULL;
	s = new_stopper(NULL);
	go(begin_waits, s);
	go(pauses_and_resumes, s);
	join_all();
	check(ghost_get(RAN) == 1);
	end(s);
}

static struct stopper_sem sem;

static void limited_waits(void *it)
{
	int err = stopper_run_limited_async_task(it, NULL, "limited", &sem, true, counted, NULL);

	check(!err || err == -EAGAIN || err == -ESHUTDOWN);
	if (!err)
		ghost_add(ACCEPTED, 1);
}

static unsigned int nr_waiters(void)
{
	unsigned int n;
	plat_flags_t f;

	plat_lock(&s->lock, f);
	n = s->waiters;
	plat_unlock(&s->lock, f);
	return n;
}

SCENARIO(begin_wait_and_sem_wait, "pause.c: one waits for the resume, one for a slot: both counted",
	 .budget = 2, .cpus = 1)
{
	ctx = NULL;
	s = new_stopper(NULL);
	stopper_sem_init(&sem, 1);
	check(!stopper_sem_try_acquire(&sem));
	go(limited_waits, s);
	settle();
	check(pauses(s, NULL));
	go(begin_waits, s);
	settle();
	check(nr_waiters() == 2);
	resumes(s);
	stopper_sem_release(&sem);
	join_all();
	check(!nr_waiters());
	end(s);
	stopper_sem_destroy(&sem);
}

SCENARIO(begin_wait_and_quiesce, "pause.c, race 3: one waits for the resume, another quiesces",
	 .budget = 3, .stale = 1)
{
	ctx = NULL;
	s = new_stopper(NULL);
	check(!stopper_pause(s, NULL));
	go(begin_waits, s);
	end(s);
}

SCENARIO(begin_wait_gives_up, "pause.c: two wait for the resume, and one of them gives up",
	 .budget = 3, .stale = 1)
{
	s = new_stopper(NULL);
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	check(!stopper_pause(s, NULL));
	go(begin_waits, s);
	go(begin_waits, s);
	go(cancels_ctx, ctx);
	check(!stopper_resume(s));
	join_all();
	end(s);
	stopper_ctx_put(ctx);
}

static void end_handle(void *arg)
{
	counted(NULL, NULL);
	stopper_task_end(&handle);
}

static void begin_with_handle(void)
{
	s = new_stopper(NULL);
	accepted(stopper_task_begin(s, NULL, "handle", &handle));
}

SCENARIO(pause_and_stop, "pause.c, race 4: a pause that waits while another stops",
	 .budget = 2, .stale = 1)
{
	begin_with_handle();
	go(pauses_and_resumes, s);
	go(end_handle, NULL);
	end(s);
}

static void pauses_or_gives_up(void *it)
{
	if (pauses(it, ctx))
		resumes(it);
}

SCENARIO(two_pause, "pause.c: two pause, and one of them, which may lead, gives up",
	 .budget = 2, .stale = 1)
{
	begin_with_handle();
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	go(pauses_or_gives_up, s);
	go(cancels_ctx, ctx);
	go(end_handle, NULL);
	pauses_and_resumes(s);
	join_all();
	admits(s);
	end(s);
	stopper_ctx_put(ctx);
}

SCENARIO(pauses_of_a_tree, "pause.c, race 5: two pause and resume a parent at once",
	 .budget = 3, .stale = 1)
{
	s = new_stopper(NULL);
	kid = new_stopper(s);
	go(pauses_and_resumes, s);
	check(pauses(s, NULL));
	check(stopper_run_task(kid, NULL, "late", counted, NULL) == -EAGAIN);
	resumes(s);
	join_all();
	admits(kid);
	end(s);
	stopper_put(kid);
}

static void new_kid(void *arg)
{
	kid = new_stopper(s);
	run_one(kid);
}

SCENARIO(child_is_born_in_a_pause, "pause.c, race 5: a child is created while its parent pauses",
	 .budget = 3, .stale = 1)
{
	s = new_stopper(NULL);
	go(new_kid, NULL);
	pauses_and_resumes(s);
	join_all();
	admits(kid);
	end(s);
	stopper_put(kid);
}

static void stops_kid(void *arg)
{
	check(!stopper_stop(kid, NULL));
}

SCENARIO(child_stops_in_a_pause, "pause.c: a parent pauses while its child, with a task, stops",
	 .budget = 2, .stale = 1)
{
	s = new_stopper(NULL);
	kid = new_stopper(s);
	accepted(stopper_task_begin(kid, NULL, "handle", &handle));
	go(stops_kid, NULL);
	go(end_handle, NULL);
	pauses_and_resumes(s);
	join_all();
	admits(s);
	end(s);
	stopper_put(kid);
}
