// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_faults.c - memory, threads, descriptors and rings fail, at every call in turn.
 *
 * Each scenario is what a program may do with one part of the interface. It is run with the
 * first, second, ... call of each kind failing (faults/run.c), and looks that
 *
 *   - a call that may fail says so with a documented error, and nothing has happened;
 *   - one that may not fail does not: it does without;
 *   - what was accepted is called exactly once, what was refused never;
 *   - the stopper stops.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <stopper/print.h>
#include <stopper/signal.h>
#include <stopper/trace.h>
#include <stopper/uring.h>
#include "faults/scenarios.h"
#include "kselftest_harness.h"

/* --- contexts, events, semaphores ------------------------------------------------------------- */

static int contexts(void)
{
	const struct stopper_span span = { { 1 }, { 2 } };
	struct stopper_ctx *ctx[6] = { NULL };
	struct stopper *s = NULL;
	int err[6], i;

	NEW(&s, NULL);
	err[0] = stopper_ctx_with_cancel(NULL, &ctx[0]);
	err[1] = stopper_ctx_with_timeout(ctx[0], ENV_MSEC, &ctx[1]);
	err[2] = stopper_ctx_with_timeout(ctx[0], 3600000 * ENV_MSEC, &ctx[2]);
	err[3] = stopper_ctx_with_cancel_on_quiesce(s, ctx[0], &ctx[3]);
	err[4] = stopper_ctx_with_cancel_on_stop(s, ctx[0], &ctx[4]);
	err[5] = stopper_ctx_with_span(ctx[3], &span, &ctx[5]);
	for (i = 0; i < 6; i++) {
		/* Deadlines have a thread. */
		NEED(fair(err[i], i == 1 || i == 2 ? F_START : F(MEMORY)));
		NEED(err[i] ? !ctx[i] : !!ctx[i]);
	}
	if (ctx[1])
		NEED(stopper_wait(NULL, ctx[1]) == -ETIMEDOUT);
	NEED(!stopper_quiesce(s, NULL));
	NEED(!ctx[3] || stopper_ctx_err(ctx[3]) == -ECANCELED);
	NEED(!ctx[4] || !stopper_ctx_err(ctx[4]));
	NEED(!stopper_stop(s, NULL));
	NEED(!ctx[4] || stopper_ctx_err(ctx[4]) == -ECANCELED);
	stopper_ctx_cancel(ctx[0]);
	NEED(!ctx[0] || !ctx[2] || stopper_ctx_err(ctx[2]) == -ECANCELED);
	for (i = 6; i--; )
		stopper_ctx_put(ctx[i]);
	return end(s);
}

static void *fire(void *ev)
{
	stopper_event_fire(ev);
	return NULL;
}

/* More than a wait has room for on its stack. */
static int waits(void)
{
	struct stopper_event ev[12], *evs[12];
	pthread_t thread;
	int i, err;

	for (i = 0; i < 12; i++) {
		stopper_event_init(&ev[i]);
		evs[i] = &ev[i];
	}
	NEED(!real_pthread_create(&thread, NULL, fire, &ev[3]));
	NEED(stopper_wait_any(evs, 8, NULL) == 3);
	NEED(!pthread_join(thread, NULL));
	NEED(!real_pthread_create(&thread, NULL, fire, &ev[11]));
	err = stopper_wait_any(evs + 4, 8, NULL);
	NEED(err == 7);
	NEED(!pthread_join(thread, NULL));
	err = stopper_wait_any(evs, 12, NULL);
	NEED(err == 3 || fair(err, F(MEMORY)));
	for (i = 0; i < 12; i++)
		stopper_event_destroy(&ev[i]);
	return 0;
}

static int descriptors(void)
{
	struct stopper_event ev;
	struct io_uring_sqe sqe;
	struct pollfd p;
	int err;

	stopper_event_init(&ev);
	memset(&sqe, 0xff, sizeof(sqe));
	err = stopper_uring_prep_event(&sqe, &ev);
	NEED(fair(err, F(EVENTFD)));
	NEED(sqe.opcode == (err ? IORING_OP_NOP : IORING_OP_POLL_ADD));
	p = (struct pollfd){ .fd = stopper_event_fd(&ev), .events = POLLIN };
	NEED(p.fd >= 0 || fair(p.fd, F(EVENTFD)));
	NEED(stopper_event_fire(&ev));
	NEED(p.fd < 0 || poll(&p, 1, -1) == 1);
	NEED(!stopper_wait(&ev, NULL));
	p.fd = stopper_event_fd(NULL);
	NEED(p.fd >= 0 || fair(p.fd, F(EVENTFD)));
	stopper_event_destroy(&ev);
	return 0;
}

struct taker {
	struct stopper_sem sem;
	struct stopper_ctx *ctx;
	int err;
};

static void *take(void *arg)
{
	struct taker *t = arg;

	t->err = stopper_sem_acquire(&t->sem, NULL);
	if (!t->err)
		stopper_sem_release(&t->sem);
	return NULL;
}

static int semaphores(void)
{
	struct taker t = { .err = 0 };
	struct stopper_ctx *ctx = NULL;
	pthread_t thread;
	int err;

	NEED(!stopper_sem_init(&t.sem, 1));
	NEED(!stopper_sem_acquire(&t.sem, NULL));
	err = stopper_ctx_with_timeout(NULL, ENV_MSEC, &ctx);
	NEED(fair(err, F_START | F(ATFORK)));
	if (!err)
		NEED(stopper_sem_acquire(&t.sem, ctx) == -ETIMEDOUT);
	stopper_ctx_put(ctx);
	NEED(!real_pthread_create(&thread, NULL, take, &t));
	stopper_sem_release(&t.sem);
	NEED(!pthread_join(thread, NULL) && !t.err);
	NEED(!stopper_sem_length(&t.sem));
	stopper_sem_destroy(&t.sem);
	return 0;
}

/* --- looking, recording, signals -------------------------------------------------------------- */

#define MANY	40	/* stoppers and call sites: more than a first look has room for */

static int lists(void)
{
	static struct stopper_site site[MANY];
	static struct stopper_task task[MANY];
	struct stopper *s[MANY] = { NULL };
	FILE *null = fopen("/dev/null", "w");
	char map[64];
	int i, n, err;

	NEED(null);
	NEW(&s[0], NULL);
	for (n = 1; n < MANY; n++) {
		err = stopper_create(&s[n], "faulty", NULL);
		NEED(fair(err, F(MEMORY)));
		if (err)
			break;
	}
	for (i = 0; i < MANY; i++) {
		site[i] = (struct stopper_site){ .name = "site", .line = i };
		NEED(!__stopper_task_begin(s[0], NULL, &site[i], &task[i]));
	}
	err = stopper_running_tasks(s[0], NULL, 0);
	NEED(err == MANY || fair(err, F(MEMORY)));
	err = stopper_task_map(s[0], map, sizeof(map));
	NEED(err > 0 || fair(err, F(MEMORY)));
	NEED(fair(stopper_debug_print(null), F(MEMORY)));
	NEED(stopper_num_tasks(s[0]) == MANY);
	for (i = 0; i < MANY; i++)
		stopper_task_end(&task[i]);
	fclose(null);
	for (i = 0; i < n; i++)
		NEED(!end(s[i]));
	return 0;
}

/* A recording is not worth a task: where it cannot be written it ends. */
static int recording(void)
{
	const unsigned int own = F(OPEN) | F(WRITE);
	int err = stopper_trace_start("/dev/null"), line;

	NEED(fair(err, F(OPEN) | F(ATFORK)));
	line = async_tasks();
	if (!line)
		line = tasks_here();
	if (!line)
		line = workers();
	if (!line)
		line = closers();
	if (line)
		return line;
	err = stopper_trace_stop();
	NEED(err == -ENOENT || fair(err, own));
	return 0;
}

static int signals_are_neither_blocked_nor_lost(void)
{
	const int sig = SIGUSR1;
	struct stopper *s = NULL;
	sigset_t before, after;
	int err;

	sigprocmask(SIG_SETMASK, NULL, &before);
	NEW(&s, NULL);
	err = stopper_stop_on_signals(s, &sig, 1);
	NEED(fair(err, F(MEMORY)));
	sigprocmask(SIG_SETMASK, NULL, &after);
	NEED(sigismember(&after, sig) == sigismember(&before, sig));
	if (!err) {
		kill(getpid(), sig);
		NEED(!stopper_wait(stopper_is_stopped(s), NULL));
	}
	return end(s);
}

/* A child that may not use the library gets -ENOTSUP, whatever its parent lacked. */
static int child_is_told_though_atfork_failed(void)
{
	struct stopper *s = NULL, *of_child = NULL;
	int status = -1;
	pid_t pid;

	NEW(&s, NULL);
	pid = fork();
	NEED(pid >= 0);
	if (!pid) {
		alarm(20);
		_exit(stopper_create(&of_child, "child", NULL) != -ENOTSUP);
	}
	NEED(waitpid(pid, &status, 0) == pid && !status);
	return end(s);
}

/* --- all fails from the stop on --------------------------------------------------------------- */

static int everything_running(struct stopper *s, struct tally *t, struct stopper_ctx **ctx)
{
	int i;

	for (i = 0; i < 6; i++)
		NEED(!stopper_run_async_task(s, NULL, "async", wait_quiesce, s));
	for (i = 0; i < 2; i++)
		NEED(!stopper_run_worker(s, NULL, "worker", wait_stop_in_ctx, s));
	for (i = 0; i < 3; i++)
		NEED(tally_accept(t, stopper_add_closer_fn(s, "closer", tally_plain, t), 0));
	NEED(!stopper_ctx_with_timeout(NULL, 3600000 * ENV_MSEC, ctx));
	return 0;
}

static enum fault at_the_end;

/* A system that has run must end without anything. */
static int ends_without(void)
{
	struct stopper_ctx *ctx = NULL;
	struct stopper *s = NULL;
	struct tally t = { 0 };

	inject_nothing();
	NEED(!stopper_create(&s, "faulty", NULL));
	NEED(!everything_running(s, &t, &ctx));
	inject(at_the_end, 1, true);
	NEED(!stopper_stop(s, ctx));
	NEED(tally_right(&t) && !stopper_num_tasks(s));
	stopper_put(s);
	stopper_ctx_put(ctx);
	return 0;
}

struct other {
	struct stopper *end;
	struct stopper_event in;
};

static void wait_for_other(struct stopper_ctx *ctx, void *arg)
{
	struct other *o = arg;

	stopper_event_fire(&o->in);
	if (stopper_wait(stopper_is_stopped(o->end), NULL))
		abort();
}

/*
 * Every thread of the pool is in a task that waits for this stop, and no further one can be
 * had for the closers.
 */
static int closers_without_a_thread(void)
{
	struct stopper *s = NULL, *t = NULL;
	struct tally closed = { 0 };
	struct other o[3];
	int i;

	inject_nothing();
	NEED(!stopper_create(&s, "faulty", NULL) && !stopper_create(&t, "other", NULL));
	for (i = 0; i < 3; i++) {
		NEED(tally_accept(&closed, stopper_add_closer_fn(s, "closer", tally_plain, &closed),
				  0));
		o[i].end = s;
		stopper_event_init(&o[i].in);
		NEED(!stopper_run_async_task(t, NULL, "waits", wait_for_other, &o[i]));
		NEED(!stopper_wait(&o[i].in, NULL));
	}
	inject(FAULT_THREAD, 1, true);
	NEED(!stopper_stop(s, NULL));
	NEED(tally_right(&closed));
	inject_nothing();
	NEED(!end(t));
	stopper_put(s);
	return 0;
}

/* --- the tests -------------------------------------------------------------------------------- */

FIXTURE(faults)
{
};

FIXTURE_SETUP(faults)
{
}

FIXTURE_TEARDOWN(faults)
{
}

static void try_all(struct __test_metadata *_metadata, int (*scenario)(void), unsigned int faults)
{
	struct totals t;
	char what[128];
	int line = every_fault(scenario, faults, &t, what, sizeof(what));

	EXPECT_EQ(line, 0)
		TH_LOG("line %d, after a failure of: %s", line, what);
	if (faults)
		TH_LOG("%u faults injected at %u places in %u runs", t.faults, t.places, t.runs);
}

TEST_F_TIMEOUT(faults, parents, 250)
{
	try_all(_metadata, parents, F_ANY);
}

TEST_F_TIMEOUT(faults, stops_in_the_background, 250)
{
	try_all(_metadata, stops_in_the_background, F_ANY);
}

TEST_F_TIMEOUT(faults, closers, 250)
{
	try_all(_metadata, closers, F_ANY);
}

TEST_F_TIMEOUT(faults, tasks_here, 250)
{
	try_all(_metadata, tasks_here, F_ANY);
}

TEST_F_TIMEOUT(faults, async_tasks, 250)
{
	try_all(_metadata, async_tasks, F_ANY);
}

TEST_F_TIMEOUT(faults, limited_tasks, 250)
{
	try_all(_metadata, limited_tasks, F_ANY);
}

TEST_F_TIMEOUT(faults, workers, 250)
{
	try_all(_metadata, workers, F_ANY);
}

TEST_F_TIMEOUT(faults, contexts, 250)
{
	try_all(_metadata, contexts, F_ANY);
}

TEST_F_TIMEOUT(faults, waits, 250)
{
	try_all(_metadata, waits, F_ANY);
}

TEST_F_TIMEOUT(faults, descriptors, 250)
{
	try_all(_metadata, descriptors, F(EVENTFD));
}

TEST_F_TIMEOUT(faults, semaphores, 250)
{
	try_all(_metadata, semaphores, F_ANY);
}

TEST_F_TIMEOUT(faults, lists, 250)
{
	try_all(_metadata, lists, F(MEMORY));
}

TEST_F_TIMEOUT(faults, recording, 250)
{
	try_all(_metadata, recording, F_ANY | F(RANDOM) | F(OPEN) | F(WRITE));
}

TEST_F_TIMEOUT(faults, signals_are_neither_blocked_nor_lost, 250)
{
	try_all(_metadata, signals_are_neither_blocked_nor_lost, F_ANY);
}

TEST_F_TIMEOUT(faults, child_is_told_though_atfork_failed, 250)
{
	try_all(_metadata, child_is_told_though_atfork_failed, F(ATFORK));
}

/* Each way to wait meets the failures of its own. */
TEST_F_TIMEOUT(faults, every_way_to_wait, 250)
{
	static const char * const ways[] = { "uring-futex", "uring-eventfd", "futex" };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		setenv("STOPPER_WAIT", ways[i], 1);
		try_all(_metadata, waits, F_ANY);
		try_all(_metadata, semaphores, F_ANY);
	}
}

TEST_F_TIMEOUT(faults, a_running_system_ends_without_anything, 250)
{
	for (at_the_end = 0; at_the_end <= FAULT_RING_DEAD; at_the_end++)
		try_all(_metadata, ends_without, 0);
}

TEST_F_TIMEOUT(faults, closers_run_where_no_thread_can_be_had, 250)
{
	try_all(_metadata, closers_without_a_thread, 0);
}

TEST_HARNESS_MAIN
