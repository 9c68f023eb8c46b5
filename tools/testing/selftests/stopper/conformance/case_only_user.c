// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * case_only_user.c - cases that only userspace can have; each is listed in ../build-only.
 *
 * A thread can be unwound here, so a synchronous task can panic. case_only_user_list.c has those of
 * the debug list.
 */
#include <signal.h>
#include <unistd.h>

#include "case.h"

/* Does unwinding run the handlers of pthread_cleanup_push()? Not in musl. */
#ifdef __GLIBC__
#define HANDLERS_ARE_UNWOUND	true
#else
#define HANDLERS_ARE_UNWOUND	false
#endif

static int token;

static void panic_fn(struct stopper_ctx *ctx, void *arg)
{
	stopper_panic(&token);
}

static int panic_err_fn(struct stopper_ctx *ctx, void *arg)
{
	stopper_panic(&token);
}

static void panic_in_a_sync_task_returns_to_its_caller(void)
{
	struct case_panics h;

	case_panics_init(&h);
	CHECK_EQ(stopper_run_task(h.s, NULL, "doomed", panic_fn, NULL), 0);
	CHECK_EQ(env_get(&h.calls), 1);
	CHECK_EQ(h.kind, STOPPER_PANIC_TASK);
	CHECK(h.value == &token);
	CHECK_EQ(h.tid, env_tid());
	CHECK(!h.died);
	CHECK_EQ(h.tasks, 1);
	CHECK_STR(h.name, "doomed");
	CHECK_EQ(stopper_num_tasks(h.s), 0);
	CHECK_EQ(stopper_run_task_err(h.s, NULL, "doomed", panic_err_fn, NULL), -EOWNERDEAD);
	CHECK_EQ(env_get(&h.calls), 2);
	CHECK_EQ(stopper_num_tasks(h.s), 0);
	stop_and_put(h.s);
}

struct nest {
	struct case_panics *h;
	struct env_counter after;
};

static void run_inner(struct stopper_ctx *ctx, void *arg)
{
	struct nest *n = arg;

	CHECK_EQ(stopper_run_task(n->h->s, NULL, "inner", panic_fn, NULL), 0);
	CHECK_EQ(stopper_num_tasks(n->h->s), 1);
	env_inc(&n->after);
}

static void panic_ends_the_innermost_only(void)
{
	struct case_panics h;
	struct nest n = { .h = &h };

	case_panics_init(&h);
	CHECK_EQ(stopper_run_task(h.s, NULL, "outer", run_inner, &n), 0);
	CHECK_EQ(env_get(&n.after), 1);
	CHECK_STR(h.name, "inner");
	CHECK_EQ(h.tasks, 2);
	CHECK_EQ(stopper_run_async_task(h.s, NULL, "outer", run_inner, &n), 0);
	CHECK_SOON(env_get(&n.after) == 2);
	stop_and_put(h.s);
	CHECK_EQ(env_get(&h.calls), 2);
}

static void panic_in_a_recover_scope_returns_eownerdead(void)
{
	struct case_panics h;

	case_panics_init(&h);
	CHECK_EQ(stopper_recover(h.s, NULL, "scope", panic_fn, NULL), -EOWNERDEAD);
	CHECK_EQ(env_get(&h.calls), 1);
	CHECK_EQ(h.kind, STOPPER_PANIC_SCOPE);
	CHECK_EQ(h.tasks, 0);
	CHECK_STR(h.name, "scope");
	stop_and_put(h.s);
}

static void panic_in_plain_closer(void *arg)
{
	stopper_panic(&token);
}

static void panic_in_a_closer_on_the_thread_of_stop(void)
{
	struct env_counter closed = { 0 };
	struct case_panics h;

	case_panics_init(&h);
	CHECK_EQ(stopper_add_closer_fn(h.s, "doomed", panic_in_plain_closer, NULL), 0);
	CHECK_EQ(stopper_add_closer_fn(h.s, "last", case_count_plain, &closed), 0);
	CHECK_EQ(stopper_stop(h.s, NULL), 0);
	CHECK_EQ(h.kind, STOPPER_PANIC_CLOSER);
	CHECK_EQ(env_get(&closed), 1);
	/* one that its adder runs */
	CHECK_EQ(stopper_add_closer_fn(h.s, "doomed", panic_in_plain_closer, NULL), 0);
	CHECK_EQ(env_get(&h.calls), 2);
	stopper_put(h.s);
}

static void cleanup(void *counter)
{
	env_inc(counter);
}

static void panic_under_cleanup(struct stopper_ctx *ctx, void *counter)
{
	pthread_cleanup_push(cleanup, counter);
	stopper_panic(&token);
	pthread_cleanup_pop(0);
}

static void panic_runs_cleanup_handlers_on_its_way(void)
{
	struct env_counter cleaned = { 0 };
	struct case_panics h;

	if (!HANDLERS_ARE_UNWOUND) {
		case_skip("this libc has cleanup handlers that unwinding does not find");
		return;
	}
	case_panics_init(&h);
	CHECK_EQ(stopper_run_task(h.s, NULL, "doomed", panic_under_cleanup, &cleaned), 0);
	CHECK_EQ(env_get(&cleaned), 1);
	CHECK_EQ(stopper_run_async_task(h.s, NULL, "doomed", panic_under_cleanup, &cleaned), 0);
	CHECK_SOON(env_get(&cleaned) == 2);
	stop_and_put(h.s);
}

static void exit_fn(struct stopper_ctx *ctx, void *arg)
{
	pthread_exit(NULL);
}

static void exit_in_task(void *arg)
{
	struct case_panics *h = arg;

	stopper_run_task(h->s, NULL, "doomed", exit_fn, NULL);
	CHECK(!"the thread should have ended");
}

static void exit_in_nested_task(struct stopper_ctx *ctx, void *arg)
{
	exit_in_task(arg);
}

static void exit_in_outer_task(void *arg)
{
	struct case_panics *h = arg;

	stopper_run_task(h->s, NULL, "outer", exit_in_nested_task, h);
	CHECK(!"the thread should have ended");
}

static void thread_that_ends_in_sync_tasks_leaves_none_behind(void)
{
	struct env_thread thread;
	struct case_panics h;

	case_panics_init(&h);
	CHECK_EQ(env_spawn(&thread, exit_in_task, &h), 0);
	env_join(&thread);
	CHECK_EQ(stopper_num_tasks(h.s), 0);
	/* two of them, one in the other */
	CHECK_EQ(env_spawn(&thread, exit_in_outer_task, &h), 0);
	env_join(&thread);
	CHECK_EQ(stopper_num_tasks(h.s), 0);
	stop_and_put(h.s);
}

static void wait_to_be_cancelled(struct stopper_ctx *ctx, void *arg)
{
	env_inc(arg);
	for (;;)
		pause();
}

struct cancelled {
	struct case_panics h;
	struct env_counter in;
};

static void run_and_be_cancelled(void *arg)
{
	struct cancelled *c = arg;

	stopper_run_task(c->h.s, NULL, "doomed", wait_to_be_cancelled, &c->in);
}

static void cancelled_thread_leaves_no_task_behind(void)
{
	struct env_thread thread;
	struct cancelled c;

	memset(&c, 0, sizeof(c));
	case_panics_init(&c.h);
	CHECK_EQ(env_spawn(&thread, run_and_be_cancelled, &c), 0);
	CHECK_SOON(env_get(&c.in));
	CHECK_EQ(stopper_num_tasks(c.h.s), 1);
	pthread_cancel(thread.task);
	env_join(&thread);
	CHECK_EQ(stopper_num_tasks(c.h.s), 0);
	stop_and_put(c.h.s);
}

struct cancel_me {
	struct env_counter in;
	pthread_t self;
};

static void offer_myself(struct stopper_ctx *ctx, void *arg)
{
	struct cancel_me *c = arg;

	c->self = pthread_self();
	env_inc(&c->in);
	for (;;)
		pause();
}

static void async_task_whose_thread_is_cancelled_is_reported_as_died(void)
{
	struct cancel_me c = { .self = 0 };
	struct case_panics h;

#ifdef STOPPER_TSAN
	case_skip("TSan sees no order in what a thread does that was cancelled in a system call");
	return;
#endif
	case_panics_init(&h);
	CHECK_EQ(stopper_run_async_task(h.s, NULL, "doomed", offer_myself, &c), 0);
	CHECK_SOON(env_get(&c.in));
	pthread_cancel(c.self);
	CHECK_SOON(env_get(&h.calls) == 1);
	CHECK_EQ(h.kind, STOPPER_PANIC_ASYNC);
	CHECK(h.died);
	stop_and_put(h.s);
}

static void on_signal(int sig)
{
	(void)sig;
}

struct reader {
	int fd;
	struct env_counter in, err;
};

/* Blocked in a system call, until a signal interrupts it. */
static void read_until_interrupted(struct stopper_ctx *ctx, void *arg)
{
	struct reader *r = arg;
	char c;

	env_inc(&r->in);
	env_set(&r->err, read(r->fd, &c, 1) < 0 ? errno : 0);
}

static void staged_stop_interrupts_a_system_call(void)
{
	struct sigaction sa = { .sa_handler = on_signal }, old;
	struct stopper_stages st = {
		.size = sizeof(st), .signo = SIGUSR1, .hook_ns = ENV_MSEC,
		.grace_ns = 10 * ENV_MSEC,
	};
	struct stopper *s = new_stopper(NULL);
	struct reader r = { .fd = -1 };
	int fds[2], err;

	CHECK_EQ(pipe(fds), 0);
	r.fd = fds[0];
	CHECK_EQ(sigaction(SIGUSR1, &sa, &old), 0);
	CHECK_EQ(stopper_run_async_task(s, NULL, "reads", read_until_interrupted, &r), 0);
	CHECK_SOON(env_get(&r.in) == 1);
	/* Again, if the first signal came just before the system call. */
	do
		err = stopper_stop_staged(s, &st);
	while (err == -ETIMEDOUT);
	CHECK_EQ(err, 0);
	CHECK_EQ(env_get(&r.err), EINTR);
	stopper_put(s);
	CHECK_EQ(sigaction(SIGUSR1, &old, NULL), 0);
	close(fds[0]);
	close(fds[1]);
}

const struct test_case cases_only[] = {
	CASE(panic_in_a_sync_task_returns_to_its_caller),
	CASE(panic_ends_the_innermost_only),
	CASE(panic_in_a_recover_scope_returns_eownerdead),
	CASE(panic_in_a_closer_on_the_thread_of_stop),
	CASE(panic_runs_cleanup_handlers_on_its_way),
	CASE(thread_that_ends_in_sync_tasks_leaves_none_behind),
	CASE(cancelled_thread_leaves_no_task_behind),
	CASE(async_task_whose_thread_is_cancelled_is_reported_as_died),
	CASE(staged_stop_interrupts_a_system_call),
	CASES_END
};
