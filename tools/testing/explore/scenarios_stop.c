// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scenarios_stop.c - leaders and followers, workers, closers, the list.
 */
#include "scenario.h"
#include "panic.h"
#include "report.h"
#include "stall.h"
#include "upcalls.h"

static struct stopper *s, *kid;
static struct stopper_ctx *ctx;

SCENARIO(two_stop, "stop.c: two stop at once: one leads, the other follows",
	 .budget = 3, .stale = 1)
{
	s = new_stopper(NULL);
	go(stops, s);
	stops(s);
	join_all();
	stopper_put(s);
}

static struct stopper_task handle;

static void end_handle(void *arg)
{
	ghost_add(RAN, 1);
	stopper_task_end(&handle);
}

/* A stop by a leader that may leave with @err; true: it has stopped. */
static bool stops_or(int err)
{
	int got = stopper_stop(s, ctx);

	check(!got || got == err);
	return !got;
}

static void stops_or_gives_up(void *arg)
{
	stops_or(-ECANCELED);
}

static void stops_or_is_killed(void *arg)
{
	stops_or(-EINTR);
}

/* A stopper with a handle, and a leader's context. */
static void begin_with_handle(void)
{
	s = new_stopper(NULL);
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	accepted(stopper_task_begin(s, NULL, "handle", &handle));
}

SCENARIO(leader_gives_up, "stop.c: the leader's context ends: a follower takes over",
	 .budget = 2, .stale = 1)
{
	begin_with_handle();
	go(stops_or_gives_up, NULL);
	go(cancels_ctx, ctx);
	go(end_handle, NULL);
	end(s);
	stopper_ctx_put(ctx);
}

SCENARIO(leader_killed, "stop.c: the leader is killed: a follower takes over",
	 .budget = 2, .stale = 1)
{
	begin_with_handle();
	ctx_make_killable(ctx);
	go(stops_or_is_killed, NULL);
	go(end_handle, NULL);
	explore_kill("A");
	end(s);
	stopper_ctx_put(ctx);
}

static void runs_one(void *it)
{
	accepted(stopper_run_task((struct stopper *)it, NULL, "one", counted, NULL));
}

/* Its context has ended: it begins, and may find that it need not wait. */
static void stops_with_ended(void *arg)
{
	stops_or(-ECANCELED);
	check(stopper_phase(s) >= STOPPER_QUIESCING);
}

SCENARIO(ended_context_begins, "stop.c: one turns the phase, its context ended; another leads",
	 .budget = 3, .stale = 1)
{
	s = new_stopper(NULL);
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	stopper_ctx_cancel(ctx);
	go(stops_with_ended, NULL);
	go(runs_one, s);
	stops(s);
	join_all();
	check(ghost_get(RAN) == ghost_get(ACCEPTED));
	stopper_put(s);
	stopper_ctx_put(ctx);
}

SCENARIO(ended_context_refuses, "stop.c: after a stop with an ended context no task is admitted",
	 .budget = 3, .stale = 1)
{
	s = new_stopper(NULL);
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	stopper_ctx_cancel(ctx);
	go(runs_one, s);
	check(stopper_stop(s, ctx) == -ECANCELED);
	check(stopper_event_fired(stopper_should_quiesce(s)));
	check(stopper_run_task(s, NULL, "late", counted, NULL) == -ESHUTDOWN);
	join_all();
	check(ghost_get(RAN) == ghost_get(ACCEPTED));
	end(s);
	stopper_ctx_put(ctx);
}

static void asks_for_stop(struct stopper_ctx *c, void *arg)
{
	counted(NULL, NULL);
	check(stopper_stop(s, NULL) == -EDEADLK);
	check(!stopper_stop_async(s));
}

SCENARIO(stop_from_inside, "a task asks for the stop of its own stopper",
	 .budget = 2, .stale = 1)
{
	s = new_stopper(NULL);
	accepted(stopper_run_async_task(s, NULL, "asks", asks_for_stop, NULL));
	check(!stopper_wait(stopper_is_stopped(s), NULL));
	check(ghost_get(RAN) == 1);
	stopper_put(s);
}

static void asks(void *arg)
{
	check(!stopper_stop_async(s));
}

static void asks_for_kid(void *arg)
{
	check(!stopper_stop_async(kid));
}

SCENARIO(two_ask_for_stop, "two ask for an async stop at once: one job does it",
	 .budget = 3, .stale = 1)
{
	s = new_stopper(NULL);
	go(asks, NULL);
	asks(NULL);
	check(!stopper_wait(stopper_is_stopped(s), NULL));
	join_all();
	stopper_put(s);
}

SCENARIO(async_stop_without_threads, "keeper.c: a stop that no thread of the pool makes",
	 .budget = 2, .stale = 1, .faults = 2, .needs_time = true)
{
	s = new_stopper(NULL);
	if (!s)
		return;
	accepted(stopper_task_begin(s, NULL, "handle", &handle));
	go(end_handle, NULL);
	check(!stopper_stop_async(s));
	check(!stopper_wait(stopper_is_stopped(s), NULL));
	join_all();
	stopper_put(s);
}

SCENARIO(two_async_stops_in_turn, "keeper.c: one asks while the keeper goes to rest",
	 .budget = 3, .stale = 1)
{
	s = new_stopper(NULL);
	kid = new_stopper(NULL);
	check(!stopper_stop_async(s));
	go(asks_for_kid, NULL);
	check(!stopper_wait(stopper_is_stopped(s), NULL));
	check(!stopper_wait(stopper_is_stopped(kid), NULL));
	join_all();
	stopper_put(s);
	stopper_put(kid);
}

SCENARIO(stop_beside_async_stop, "keeper.c: a caller leads the stop that the keeper takes over",
	 .budget = 3, .stale = 1)
{
	s = new_stopper(NULL);
	check(!stopper_stop_async(s));
	check(!stopper_stop(s, NULL));
	stopper_put(s);
}

SCENARIO(put_while_stopping, "stop.c: the last user goes while an async stop is under way",
	 .budget = 3, .stale = 1)
{
	s = new_stopper(NULL);
	check(!stopper_stop_async(s));
	stopper_put(s);
}

static void works(struct stopper_ctx *c, void *it)
{
	check(!ghost_get(STOPPED));
	check(!stopper_wait(stopper_should_stop(it), NULL));
	check(!ghost_get(STOPPED));
	ghost_add(RAN, 1);
}

static void hires(void *it)
{
	accepted(stopper_run_worker((struct stopper *)it, NULL, "worker", works, it));
}

SCENARIO(worker_or_stop, "worker.c: a worker is started while Stop begins: refused, or waited for",
	 .budget = 3, .stale = 1, .faults = 1, .needs_time = true)
{
	s = new_stopper(NULL);
	if (!s)
		return;
	go(hires, s);
	end(s);
}

SCENARIO(kthread_not_started, "worker.c: a stop asks workers, one of which cannot be started",
	 .budget = 3, .faults = 1, .needs_time = true, .kthreads = true)
{
	s = new_stopper(NULL);
	if (!s)
		return;
	go(hires, s);
	check(!stopper_stop(s, NULL));
	join_all();
	stopper_put(s);
}

SCENARIO(two_kthreads_asked, "worker.c: two are asked to stop, one after the other",
	 .budget = 1, .kthreads = true)
{
	s = new_stopper(NULL);
	hires(s);
	hires(s);
	end(s);
}

static struct stopper_event both_asked;

/* Returns only once the other worker has been asked to stop, too. */
static void waits_until_asked(struct stopper_ctx *c, void *it)
{
	explore_until_stop_requested();
	check(stopper_event_fired(stopper_should_stop(it)));
	if (ghost_add(CALLED, 1) == 2)
		stopper_event_fire(&both_asked);
	check(!stopper_wait(&both_asked, NULL));
}

SCENARIO(asked_though_another_stays, "worker.c: a worker is asked to stop though another one stays",
	 .budget = 2, .kthreads = true)
{
	s = new_stopper(NULL);
	stopper_event_init(&both_asked);
	check(!stopper_run_worker(s, NULL, "a", waits_until_asked, s));
	check(!stopper_run_worker(s, NULL, "b", waits_until_asked, s));
	end(s);
	stopper_event_destroy(&both_asked);
}

SCENARIO(kthreads_asked, "worker.c: workers are asked to stop one by one, as kthreads are",
	 .budget = 2, .faults = 1, .needs_time = true, .kthreads = true)
{
	s = new_stopper(NULL);
	if (!s)
		return;
	hires(s);
	go(hires, s);
	end(s);
}

static struct stopper_closer closers[3];

static void closed(struct stopper_closer *c)
{
	check(!ghost_get(STOPPED));
	check(ghost_add(CLOSED + (unsigned int)(c - closers), 1) == 1);
}

static void add_one(void *c)
{
	struct stopper_closer *closer = c;

	closer->fn = closed;
	check(!stopper_add_closer(s, closer));
}

SCENARIO(closer_or_stop, "closer.c: one is added while Stop empties the list: run once",
	 .budget = 3, .stale = 1)
{
	s = new_stopper(NULL);
	go(add_one, &closers[0]);
	add_one(&closers[1]);
	check(!stopper_stop(s, NULL));
	check(ghost_get(CLOSED + 1) == 1);
	join_all();
	check(ghost_get(CLOSED) == 1);
	stopper_put(s);
}

static void closed_and_adds(struct stopper_closer *c)
{
	closed(c);
	add_one(&closers[1]);
	check(ghost_get(CLOSED + 1) == 1);
}

SCENARIO(closer_adds_closer, "a closer adds one: it is run at once, and Stop waits for both",
	 .budget = 2, .stale = 1, .faults = 1, .needs_time = true)
{
	s = new_stopper(NULL);
	if (!s)
		return;
	closers[0].fn = closed_and_adds;
	check(!stopper_add_closer(s, &closers[0]));
	check(!stopper_stop(s, NULL));
	ghost_set(STOPPED, 1);
	check(ghost_get(CLOSED) == 1 && ghost_get(CLOSED + 1) == 1);
	stopper_put(s);
}

static void in_order(void *n)
{
	check(ghost_add(CLOSED, 1) == (long)(intptr_t)n);
}

SCENARIO(closers_faults, "closers, and any memory or thread is missing: all are run, in order",
	 .budget = 3, .faults = 3, .needs_time = true)
{
	long n = 0;

	s = new_stopper(NULL);
	if (!s)
		return;
	n += !stopper_add_closer_fn(s, "a", in_order, (void *)(n + 1));
	n += !stopper_add_closer_fn(s, "b", in_order, (void *)(n + 1));
	check(!stopper_stop(s, NULL));
	check(ghost_get(CLOSED) == n);
	stopper_put(s);
}

static void stops_or_gives_up_then_counts(void *arg)
{
	if (stops_or(-ECANCELED))
		check(ghost_get(CLOSED) == 3);
}

SCENARIO(closers_and_leader_gives_up, "closer.c: a leader gives up between closers; another leads",
	 .budget = 2, .stale = 1)
{
	s = new_stopper(NULL);
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	check(!stopper_add_closer_fn(s, "a", in_order, (void *)1));
	check(!stopper_add_closer_fn(s, "b", in_order, (void *)2));
	check(!stopper_add_closer_fn(s, "c", in_order, (void *)3));
	go(stops_or_gives_up_then_counts, NULL);
	go(cancels_ctx, ctx);
	check(!stopper_stop(s, NULL));
	check(ghost_get(CLOSED) == 3);
	join_all();
	stopper_put(s);
	stopper_ctx_put(ctx);
}

static void keep(void *arg, const char *line)
{
}

static void reads_all(void *arg)
{
	struct line_sink out = { .line = keep };

	report_all(&out);
}

SCENARIO(list_is_read, "the debug list is read while stoppers come, run tasks and go",
	 .budget = 2, .stale = 1, .faults = 1, .needs_time = true)
{
	go(reads_all, NULL);
	s = new_stopper(NULL);
	if (!s)
		return;
	kid = new_stopper(s);
	accepted(stopper_run_async_task(s, NULL, "async", counted, NULL));
	hires(s);
	check(!stopper_stop(s, NULL));
	stopper_put(kid);
	join_all();
	stopper_put(s);
}

SCENARIO(list_sees_birth, "the debug list is read while a child is made",
	 .budget = 2, .stale = 1)
{
	s = new_stopper(NULL);
	go(reads_all, NULL);
	kid = new_stopper(s);
	join_all();
	check(!stopper_stop(s, NULL));
	stopper_put(kid);
	stopper_put(s);
}

SCENARIO(list_sees_refused_birth, "the debug list is read while a child is refused by its parent",
	 .budget = 2, .stale = 1)
{
	s = new_stopper(NULL);
	check(!stopper_stop(s, NULL));
	go(reads_all, NULL);
	kid = new_stopper(s);
	check(!kid);
	join_all();
	stopper_put(s);
}

SCENARIO(list_sees_closer, "the debug list is read while closers are run",
	 .budget = 2)
{
	s = new_stopper(NULL);
	closers[0].name = "a";
	add_one(&closers[0]);
	closers[1].name = "b";
	add_one(&closers[1]);
	go(reads_all, NULL);
	check(!stopper_stop(s, NULL));
	join_all();
	check(ghost_get(CLOSED) == 1);
	check(ghost_get(CLOSED + 1) == 1);
	stopper_put(s);
}

static struct stopper_event let_go;

static void works_until_let_go(struct stopper_ctx *c, void *it)
{
	check(!stopper_wait(&let_go, NULL));
}

static void count_worker(void *n, const struct activity *a)
{
	check(a->s == s);
	++*(unsigned int *)n;
}

static void counts_workers(void *arg)
{
	unsigned int n = 0;

	activities_visit(s, count_worker, &n);
	check(n <= 3);
}

SCENARIO(workers_seen_in_pieces, "panic.c: workers end while they are visited in pieces",
	 .budget = 2)
{
	unsigned int i;

	s = new_stopper(NULL);
	stopper_event_init(&let_go);
	for (i = 0; i < 3; i++)
		check(!stopper_run_worker(s, NULL, "worker", works_until_let_go, NULL));
	settle();
	go(counts_workers, NULL);
	stopper_event_fire(&let_go);
	join_all();
	check(!stopper_stop(s, NULL));
	stopper_event_destroy(&let_go);
	stopper_put(s);
}

static void says(void *arg, int level, const char *line)
{
	ghost_add(CALLED, 1);
}

SCENARIO(stop_that_stalls, "a stop reports what it waits for, and goes on",
	 .budget = 2, .needs_time = true)
{
	struct stopper_options o = { .size = sizeof(o), .stall_ns = 1000, .log = says };

	check(!stopper_create(&s, "s", &o));
	accepted(stopper_task_begin(s, NULL, "handle", &handle));
	go(end_handle, NULL);
	end(s);
}

static struct stopper_task handles[2];

static void stalls(void *n)
{
	struct stopper_options o = { .size = sizeof(o), .flags = STOPPER_QUIET, .log = says };
	struct stopper_task *mine = &handles[(intptr_t)n];
	struct stopper *own;

	check(!stopper_create(&own, "own", &o));
	accepted(stopper_task_begin(own, NULL, "handle", mine));
	report_stall(own, 1000, false);
	stopper_task_end(mine);
	check(!stopper_stop(own, NULL));
	stopper_put(own);
}

SCENARIO(two_stalls, "stall.c: two reports at once, each with its own snapshot",
	 .budget = 3, .stale = 1)
{
	go(stalls, (void *)1);
	stalls(NULL);
	join_all();
}
