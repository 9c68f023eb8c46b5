// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_fork.c - a child of fork() may call every function: those without a result and those that
 * only read return at once, the others return -ENOTSUP. That holds whatever the parent's threads
 * did at the fork: locks that they held stay locked in the child.
 *
 * The list of functions is taken from the library, so that none is forgotten.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <liburing.h>
#include <stopper/print.h>
#include <stopper/interrupt.h>
#include <stopper/main.h>
#include <stopper/signal.h>
#include <stopper/stopper.h>
#include <stopper/threads.h>
#include <stopper/trace.h>
#include <stopper/uring.h>
#include "kselftest_harness.h"

#define FORKS	150
#define TOLD	42

static struct stopper *s, *child;
static struct stopper_ctx *q, *timed;
static struct stopper_sem sem;
static struct stopper_timer timer;
static struct stopper_event ev;
static struct stopper_on_fire of;
static struct stopper_task task;
static struct stopper_closer closer;
static struct stopper_interrupt *interrupt, *it;
static int over, sock[2];

static void nothing(struct stopper_ctx *ctx, void *arg)
{
}

static int nothing_err(struct stopper_ctx *ctx, void *arg)
{
	return 0;
}

static void nothing_closer(struct stopper_closer *c)
{
}

static void nothing_plain(void *arg)
{
}

static void nothing_fired(struct stopper_on_fire *o, void *arg)
{
}

/* What ends where the library is not usable. */
static int c_task_map(void)
{
	char map[64];

	return stopper_task_map(s, map, sizeof(map));
}

static int c_stop_staged(void)
{
	struct stopper_stages st = { .size = sizeof(st) };

	return stopper_stop_staged(s, &st);
}

static int c_running_tasks(void)
{
	struct stopper_task_info info;

	return stopper_running_tasks(s, &info, 1);
}

static int c_end_idle_threads(void)
{
	return stopper_end_idle_threads();
}

static int c_wait_any(void)
{
	struct stopper_event *evs[] = { NULL, &ev };

	return stopper_wait_any(evs, 2, timed);
}

static int c_prep_event(void)
{
	struct io_uring_sqe sqe;

	return stopper_uring_prep_event(&sqe, &ev);
}

static int c_span(void)
{
	struct stopper_span span = { .trace_id = { 1 }, .span_id = { 1 } };
	struct stopper_ctx *ctx;

	return stopper_ctx_with_span(NULL, &span, &ctx);
}

static int c_create(void)
{
	struct stopper *child;

	return stopper_create(&child, "child", NULL);
}

static int c_signals(void)
{
	static const int sig = SIGUSR1;

	return stopper_stop_on_signals(s, &sig, 1);
}

static int plain_err(void *arg)
{
	(void)arg;
	return 0;
}

static int idle_fn(struct stopper_ctx *ctx, struct stopper_async *async)
{
	(void)ctx;
	(void)async;
	return 0;
}

static struct stopper_async idle_async = STOPPER_ASYNC_INIT(idle_fn, NULL);

#define REFUSED(name, call)							\
	static int r_##name(void) { struct stopper_ctx *c; (void)c; return call; }

REFUSED(quiesce, stopper_quiesce(s, NULL))
REFUSED(pause, stopper_pause(s, NULL))
REFUSED(resume, stopper_resume(s))
REFUSED(begin_wait, stopper_task_begin_wait(s, NULL, "task", &(struct stopper_task){ 0 }))
REFUSED(stop, stopper_stop(s, NULL))
REFUSED(stop_async, stopper_stop_async(s))
REFUSED(stop_after, stopper_stop_after(child, child))
REFUSED(recover, stopper_recover(s, NULL, "scope", nothing, NULL))
REFUSED(async, stopper_run_async_task(s, q, "task", nothing, NULL))
REFUSED(limited, stopper_run_limited_async_task(s, q, "task", &sem, true, nothing, NULL))
REFUSED(async_err, stopper_run_async_task_err(s, q, "task", nothing_err, NULL))
REFUSED(worker_err, stopper_run_worker_err(s, q, "worker", nothing_err, NULL))
REFUSED(closer_err_fn, stopper_add_closer_err_fn(s, "closer", plain_err, NULL))
REFUSED(async_start, stopper_async_start(s, q, "task", &idle_async))
REFUSED(async_wait, stopper_async_wait(&idle_async, q))
REFUSED(worker, stopper_run_worker(s, q, "worker", nothing, NULL))
REFUSED(closer, stopper_add_closer(s, &closer))
REFUSED(closer_fn, stopper_add_closer_fn(s, "closer", nothing_plain, NULL))
REFUSED(shutdown_fd, stopper_ctx_shutdown_fd(q, sock[0], &it))
REFUSED(interrupt, stopper_ctx_interrupt_thread(q, SIGUSR2, &it))
REFUSED(cancel, stopper_ctx_with_cancel(q, &c))
REFUSED(on_quiesce, stopper_ctx_with_cancel_on_quiesce(s, q, &c))
REFUSED(on_stop, stopper_ctx_with_cancel_on_stop(s, q, &c))
REFUSED(deadline, stopper_ctx_with_deadline(q, INT64_MAX, &c))
REFUSED(timeout, stopper_ctx_with_timeout(q, 1000000000, &c))
REFUSED(label, stopper_task_label(NULL, "label"))
REFUSED(debug_print, stopper_debug_print(stdout))
REFUSED(event_fd, stopper_event_fd(&ev))
REFUSED(on_fire, stopper_event_on_fire(&ev, &of, nothing_fired, NULL))
REFUSED(run_after, stopper_run_after(&timer, NULL, 1))
REFUSED(run_every, stopper_run_every(&timer, NULL, 1, 1, 0))
REFUSED(timer_cancel, stopper_timer_cancel(&timer))
REFUSED(timer_cancel_sync, stopper_timer_cancel_sync(&timer))
REFUSED(acquire, stopper_sem_acquire(&sem, NULL))
REFUSED(try_acquire, stopper_sem_try_acquire(&sem))
REFUSED(acquire_n, stopper_sem_acquire_n(&sem, 2, NULL))
REFUSED(try_acquire_n, stopper_sem_try_acquire_n(&sem, 2))
REFUSED(resize, stopper_sem_resize(&sem, 3))
REFUSED(trace_start, stopper_trace_start("/dev/null"))
REFUSED(wait, stopper_wait(&ev, timed))

/* What returns at once. */
#define QUIET(name, call)	static int q_##name(void) { (void)(call); return 0; }

REFUSED(cancel_because, stopper_ctx_cancel_because(q, -EIO, "child"))
REFUSED(stop_because, stopper_stop_because(s, NULL, -EIO, "child"))
REFUSED(stop_within, stopper_stop_within(s, 1))
REFUSED(stop_async_because, stopper_stop_async_because(s, -EIO, "child"))
QUIET(interrupt_end, (stopper_interrupt_end(interrupt), 0))
QUIET(cancel, (stopper_ctx_cancel(q), 0))
QUIET(ctx_cause, stopper_ctx_cause(q, &(struct stopper_cause){ .err = 0 }))
QUIET(stop_cause, stopper_stop_cause(s, &(struct stopper_cause){ .err = 0 }))
QUIET(done, stopper_ctx_done(q))
QUIET(get, stopper_ctx_get(q))
QUIET(put, (stopper_ctx_put(q), 0))
QUIET(put_timed, (stopper_ctx_put(timed), stopper_ctx_put(timed), 0))
QUIET(ctx_span, stopper_ctx_span(q, &(struct stopper_span){ .span_id = { 0 } }))
QUIET(current_span, stopper_current_span(&(struct stopper_span){ .span_id = { 0 } }))
QUIET(destroy, (stopper_event_destroy(&ev), 0))
QUIET(detach, stopper_event_detach(&ev, &of))
QUIET(fire, stopper_event_fire(stopper_should_stop(s)))
QUIET(fired, stopper_event_fired(&ev))
QUIET(ctx_err, stopper_ctx_err(q))
QUIET(init, (stopper_event_init(&(struct stopper_event){ 0 }), 0))
QUIET(is_stopped, stopper_is_stopped(s))
QUIET(name, stopper_name(s))
QUIET(num_tasks, stopper_num_tasks(s))
QUIET(barrier, (stopper_barrier(), 0))
QUIET(phase, stopper_phase_name(stopper_phase(s)))
QUIET(stopper_get, stopper_get(s))
QUIET(stopper_put, (stopper_put(s), stopper_put(s), 0))
QUIET(timer_init, (stopper_timer_init(&(struct stopper_timer){ 0 }, s, "t", nothing, NULL), 0))
QUIET(capacity, stopper_sem_capacity(&sem))
QUIET(sem_close, (stopper_sem_close(&sem), 0))
QUIET(sem_destroy, (stopper_sem_destroy(&sem), 0))
QUIET(sem_init, stopper_sem_init(&(struct stopper_sem){ 0 }, 1))
QUIET(sem_set_name, (stopper_sem_set_name(&sem, "slots"), 0))
QUIET(length, stopper_sem_length(&sem))
QUIET(release, (stopper_sem_release(&sem), 0))
QUIET(release_n, (stopper_sem_release_n(&sem, 1), 0))
QUIET(waiters, stopper_sem_waiters(&sem))
QUIET(quiesce_event, stopper_should_quiesce(s))
QUIET(stop_event, stopper_should_stop(s))
QUIET(mask, stopper_signal_mask(s, &(sigset_t){ { 0 } }))
QUIET(strerror, stopper_strerror(-ENOTSUP))
QUIET(trace_stop, stopper_trace_stop())
QUIET(backend, stopper_wait_backend())
QUIET(task_end, (stopper_task_end(&task), 0))
QUIET(result, stopper_result(s, NULL))
QUIET(async_cancel, stopper_async_cancel(&idle_async))
QUIET(async_init, (stopper_async_init(&idle_async, idle_fn, NULL), 0))
QUIET(task_end_twice, (stopper_task_end(&task), 0))
QUIET(run_task, stopper_run_task(s, NULL, "here", nothing, NULL))
QUIET(run_task_err, stopper_run_task_err(s, NULL, "here", nothing_err, NULL))

/* Exported data, and what ends its thread. */
#define NONE	NULL

static int c_main(void)
{
	return stopper_main(s, NULL);
}

static const struct {
	const char *symbol;
	int (*call)(void);
	int want;
} calls[] = {
	{ "__stopper_create", c_create, -ENOTSUP },
	{ "__stopper_main", c_main, 2 },
	{ "__stopper_quiesce", r_quiesce, -ENOTSUP },
	{ "__stopper_pause", r_pause, -ENOTSUP },
	{ "stopper_resume", r_resume, -ENOTSUP },
	{ "__stopper_task_begin_wait", r_begin_wait, -ENOTSUP },
	{ "__stopper_stop", r_stop, -ENOTSUP },
	{ "__stopper_stop_async", r_stop_async, -ENOTSUP },
	{ "stopper_stop_after", r_stop_after, -ENOTSUP },
	{ "__stopper_recover", r_recover, -ENOTSUP },
	{ "__stopper_run_async_task", r_async, -ENOTSUP },
	{ "__stopper_run_limited_async_task", r_limited, -ENOTSUP },
	{ "__stopper_run_async_task_err", r_async_err, -ENOTSUP },
	{ "__stopper_run_worker_err", r_worker_err, -ENOTSUP },
	{ "__stopper_add_closer_err_fn", r_closer_err_fn, -ENOTSUP },
	{ "stopper_result", q_result, 0 },
	{ "__stopper_async_start", r_async_start, -ENOTSUP },
	{ "stopper_async_wait", r_async_wait, -ENOTSUP },
	{ "stopper_async_cancel", q_async_cancel, 0 },
	{ "stopper_async_init", q_async_init, 0 },
	{ "__stopper_run_worker", r_worker, -ENOTSUP },
	{ "__stopper_add_closer", r_closer, -ENOTSUP },
	{ "__stopper_add_closer_fn", r_closer_fn, -ENOTSUP },
	{ "stopper_ctx_shutdown_fd", r_shutdown_fd, -ENOTSUP },
	{ "stopper_ctx_interrupt_thread", r_interrupt, -ENOTSUP },
	{ "stopper_interrupt_end", q_interrupt_end, 0 },
	{ "stopper_ctx_with_cancel", r_cancel, -ENOTSUP },
	{ "stopper_ctx_with_cancel_on_quiesce", r_on_quiesce, -ENOTSUP },
	{ "stopper_ctx_with_cancel_on_stop", r_on_stop, -ENOTSUP },
	{ "stopper_ctx_with_deadline", r_deadline, -ENOTSUP },
	{ "stopper_ctx_with_timeout", r_timeout, -ENOTSUP },
	{ "stopper_ctx_with_span", c_span, -ENOTSUP },
	{ "stopper_debug_print", r_debug_print, -ENOTSUP },
	{ "stopper_event_fd", r_event_fd, -ENOTSUP },
	{ "stopper_event_on_fire", r_on_fire, -ENOTSUP },
	{ "stopper_running_tasks", c_running_tasks, -ENOTSUP },
	{ "stopper_run_after", r_run_after, -ENOTSUP },
	{ "stopper_run_every", r_run_every, -ENOTSUP },
	{ "stopper_timer_cancel", r_timer_cancel, -ENOTSUP },
	{ "stopper_timer_cancel_sync", r_timer_cancel_sync, -ENOTSUP },
	{ "stopper_sem_acquire", r_acquire, -ENOTSUP },
	{ "stopper_sem_try_acquire", r_try_acquire, -ENOTSUP },
	{ "stopper_sem_acquire_n", r_acquire_n, -ENOTSUP },
	{ "stopper_sem_try_acquire_n", r_try_acquire_n, -ENOTSUP },
	{ "stopper_sem_resize", r_resize, -ENOTSUP },
	{ "stopper_stop_on_signals", c_signals, -ENOTSUP },
	{ "stopper_task_label", r_label, -ENOTSUP },
	{ "stopper_task_map", c_task_map, -ENOTSUP },
	{ "stopper_trace_start", r_trace_start, -ENOTSUP },
	{ "stopper_uring_prep_event", c_prep_event, -ENOTSUP },
	{ "stopper_wait", r_wait, -ENOTSUP },
	{ "stopper_end_idle_threads", c_end_idle_threads, -ENOTSUP },
	{ "stopper_wait_any", c_wait_any, -ENOTSUP },
	{ "__stopper_ctx_cancel_because", r_cancel_because, -ENOTSUP },
	{ "__stopper_stop_within", r_stop_within, -ENOTSUP },
	{ "__stopper_stop_staged", c_stop_staged, -ENOTSUP },
	{ "__stopper_stop_because", r_stop_because, -ENOTSUP },
	{ "__stopper_stop_async_because", r_stop_async_because, -ENOTSUP },
	{ "stopper_ctx_cancel", q_cancel, 0 },
	{ "stopper_ctx_cause", q_ctx_cause, 0 },
	{ "stopper_stop_cause", q_stop_cause, 0 },
	{ "stopper_ctx_done", q_done, 0 },
	{ "stopper_ctx_get", q_get, 0 },
	{ "stopper_ctx_put", q_put, 0 },
	{ "stopper_ctx_put", q_put_timed, 0 },
	{ "stopper_ctx_span", q_ctx_span, 0 },
	{ "stopper_current_span", q_current_span, 0 },
	{ "stopper_event_detach", q_detach, 0 },
	{ "stopper_event_fire", q_fire, 0 },
	{ "stopper_event_init", q_init, 0 },
	{ "stopper_event_destroy", q_destroy, 0 },
	{ "stopper_is_stopped", q_is_stopped, 0 },
	{ "stopper_name", q_name, 0 },
	{ "stopper_num_tasks", q_num_tasks, 0 },
	{ "stopper_barrier", q_barrier, 0 },
	{ "stopper_phase", q_phase, 0 },
	{ "stopper_phase_name", q_phase, 0 },
	{ "__stopper_timer_init", q_timer_init, 0 },
	{ "stopper_sem_capacity", q_capacity, 0 },
	{ "stopper_sem_init", q_sem_init, 0 },
	{ "stopper_sem_set_name", q_sem_set_name, 0 },
	{ "stopper_sem_length", q_length, 0 },
	{ "stopper_sem_release", q_release, 0 },
	{ "stopper_sem_release_n", q_release_n, 0 },
	{ "stopper_sem_waiters", q_waiters, 0 },
	{ "stopper_sem_close", q_sem_close, 0 },
	{ "stopper_sem_destroy", q_sem_destroy, 0 },
	{ "stopper_should_quiesce", q_quiesce_event, 0 },
	{ "stopper_should_stop", q_stop_event, 0 },
	{ "stopper_signal_mask", q_mask, 0 },
	{ "stopper_strerror", q_strerror, 0 },
	{ "stopper_trace_stop", q_trace_stop, 0 },
	{ "stopper_wait_backend", q_backend, 0 },
	{ "__stopper_run_task", q_run_task, 0 },
	{ "__stopper_run_task_err", q_run_task_err, 0 },
	{ "__stopper_task_begin", NONE, 0 },
	{ "stopper_task_end", q_task_end, 0 },
	{ "stopper_event_fired", q_fired, 0 },
	{ "stopper_ctx_err", q_ctx_err, 0 },
	{ "__stopper_run_task_slowpath", q_run_task, 0 },
	{ "__stopper_run_task_err_slowpath", q_run_task_err, 0 },
	{ "__stopper_task_begin_slowpath", NONE, 0 },
	{ "__stopper_task_end_slowpath", q_task_end, 0 },
	{ "__stopper_task_end_slowpath", q_task_end_twice, 0 },
	{ "__stopper_slot_wake", NONE, 0 },
	{ "__stopper_task_refused", NONE, 0 },
	{ "__stopper_panic", NONE, 0 },
	{ "stopper_get", q_stopper_get, 0 },
	{ "stopper_put", q_stopper_put, 0 },
	{ "stopper_tls", NONE, 0 },
	{ "__stopper_steps", NONE, 0 },
	{ "stopper_traced", NONE, 0 },
};

#define CALLS	(sizeof(calls) / sizeof(calls[0]))

static bool is_called(const char *symbol)
{
	size_t i;

	for (i = 0; i < CALLS; i++)
		if (!strcmp(calls[i].symbol, symbol))
			return true;
	return false;
}

TEST(every_function_is_called)
{
	char command[512], symbol[128];
	unsigned int n = 0;
	FILE *nm;

	snprintf(command, sizeof(command), "nm -D --defined-only %s/libstopper.so 2>/dev/null",
		 getenv("STOPPER_LIB") ?: "../../../../build/user");
	nm = popen(command, "r");
	ASSERT_NE(NULL, nm);
	while (fscanf(nm, "%*s %*s %127[^@\n]%*[^\n]", symbol) == 1) {
		n++;
		if (!strncmp(symbol, "STOPPER_", 8))
			continue;
		EXPECT_TRUE(is_called(symbol)) TH_LOG("%s is not called in a child", symbol);
	}
	pclose(nm);
	if (n < 10)
		SKIP(return, "no nm, or STOPPER_LIB does not name the library's folder");
}

/* Each lock of the library is held now and then. */
static void *busy(void *arg)
{
	struct stopper_ctx *c, *d;

	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		stopper_run_limited_async_task(s, q, "limited", &sem, true, nothing, NULL);
		if (!stopper_ctx_with_timeout(q, 100000, &c)) {
			if (!stopper_ctx_with_cancel(c, &d)) {
				stopper_ctx_cancel(d);
				stopper_ctx_put(d);
			}
			stopper_ctx_put(c);
		}
		stopper_run_task(s, q, "task", nothing, NULL);
		stopper_num_tasks(s);
	}
	return NULL;
}

static void __attribute__((noreturn)) in_child(void)
{
	size_t i;
	int got;

	alarm(25);
	for (i = 0; i < CALLS; i++) {
		got = calls[i].call ? calls[i].call() : 0;
		if (got != calls[i].want) {
			fprintf(stderr, "# %s: %d\n", calls[i].symbol, got);
			_exit(1);
		}
	}
	_exit(TOLD);
}

TEST(a_child_of_a_busy_process_may_call_everything)
{
	struct stopper_options opts = { .size = sizeof(opts) };
	pthread_t thread[3];
	int i, status;
	pid_t pid;

	closer.fn = nothing_closer;
	stopper_event_init(&ev);
	ASSERT_EQ(0, stopper_sem_init(&sem, 2));
	ASSERT_EQ(0, stopper_create(&s, "parent", NULL));
	opts.parent = s;
	ASSERT_EQ(0, stopper_create(&child, "child", &opts));
	stopper_timer_init(&timer, s, "timer", nothing, NULL);
	ASSERT_EQ(0, stopper_ctx_with_cancel_on_quiesce(s, NULL, &q));
	ASSERT_EQ(0, stopper_ctx_with_timeout(NULL, 3600000000000, &timed));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	ASSERT_EQ(0, stopper_ctx_shutdown_fd(q, sock[0], &interrupt));
	ASSERT_EQ(0, stopper_task_begin(s, NULL, "handle", &task));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, busy, NULL));
	for (i = 0; i < FORKS; i++) {
		pid = fork();
		if (!pid)
			in_child();
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFEXITED(status)) TH_LOG("child %d: signal %d", i, WTERMSIG(status));
		ASSERT_EQ(TOLD, WEXITSTATUS(status));
	}
	__atomic_store_n(&over, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	stopper_task_end(&task);
	ASSERT_EQ(0, stopper_stop(s, NULL));
	stopper_ctx_put(q);
	stopper_interrupt_end(interrupt);
	stopper_ctx_put(timed);
	stopper_put(child);
	stopper_put(s);
}

TEST_HARNESS_MAIN
