// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_inline.c - run_task inlined in callers that are compiled without -fexceptions, with and
 * without optimization: nothing runs in them when a thread or a panic leaves through them.
 */
#include <alloca.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <stopper/stopper.h>
#include "kselftest_harness.h"

#define DEEP	100

struct world {
	struct stopper *s;
	int depth, deepest, left, panics;
	unsigned long most;
	int inside;
};

static void on_panic(void *arg, const struct stopper_panic_info *info)
{
	struct world *w = arg;

	w->panics++;
}

static void world_init(struct world *w)
{
	struct stopper_options opts = {
		.size = sizeof(opts), .on_panic = on_panic, .on_panic_arg = w,
	};

	memset(w, 0, sizeof(*w));
	if (stopper_create(&w->s, "inline", &opts))
		_exit(1);
}

static void world_end(struct world *w)
{
	stopper_stop(w->s, NULL);
	stopper_put(w->s);
}

static void nothing(struct stopper_ctx *ctx, void *arg)
{
}

static void exit_fn(struct stopper_ctx *ctx, void *arg)
{
	pthread_exit(NULL);
}

static void exit_deeper(struct stopper_ctx *ctx, void *arg)
{
	struct world *w = arg;

	stopper_run_task(w->s, NULL, "inner", ++w->depth < 5 ? exit_deeper : exit_fn, w);
	_exit(1);
}

static void *exiting_thread(void *arg)
{
	struct world *w = arg;

	/* a thread's first task is run in the library */
	stopper_run_task(w->s, NULL, "first", nothing, NULL);
	stopper_run_task(w->s, NULL, "outer", exit_deeper, w);
	_exit(1);
}

TEST(thread_that_exits_in_nested_tasks_leaves_none_behind)
{
	struct world w;
	pthread_t thread;

	world_init(&w);
	ASSERT_EQ(pthread_create(&thread, NULL, exiting_thread, &w), 0);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
	EXPECT_EQ(stopper_num_tasks(w.s), 0);
	EXPECT_EQ(stopper_quiesce(w.s, NULL), 0);
	world_end(&w);
}

static void wait_to_be_cancelled(struct stopper_ctx *ctx, void *arg)
{
	struct world *w = arg;

	__atomic_store_n(&w->inside, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

static void *cancelled_thread(void *arg)
{
	struct world *w = arg;

	stopper_run_task(w->s, NULL, "first", nothing, NULL);
	stopper_run_task(w->s, NULL, "pausing", wait_to_be_cancelled, w);
	_exit(1);
}

static void *quiescing_thread(void *arg)
{
	struct world *w = arg;

	return (void *)(intptr_t)stopper_quiesce(w->s, NULL);
}

TEST(waiting_quiesce_goes_on_when_the_task_is_cancelled)
{
	pthread_t thread, waiter;
	struct world w;
	void *ret;

	world_init(&w);
	ASSERT_EQ(pthread_create(&thread, NULL, cancelled_thread, &w), 0);
	while (!__atomic_load_n(&w.inside, __ATOMIC_ACQUIRE))
		sched_yield();
	ASSERT_EQ(pthread_create(&waiter, NULL, quiescing_thread, &w), 0);
	EXPECT_EQ(stopper_wait(stopper_should_quiesce(w.s), NULL), 0);
	pthread_cancel(thread);
	EXPECT_EQ(pthread_join(waiter, &ret), 0);
	EXPECT_EQ((intptr_t)ret, 0);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
	world_end(&w);
}

static void go_down(struct stopper_ctx *ctx, void *arg)
{
	struct world *w = arg;
	int depth = ++w->depth;
	unsigned long n = stopper_num_tasks(w->s);

	if (n > w->most)
		w->most = n;
	if (depth == DEEP)
		stopper_panic(w);
	if (stopper_run_task(w->s, NULL, "deeper", go_down, w))
		_exit(1);
	/* the one below has ended, whichever way; all others have not */
	w->left += stopper_num_tasks(w->s) == (unsigned long)depth;
}

TEST(panic_a_hundred_tasks_deep_ends_the_innermost)
{
	struct world w;
	int round;

	for (round = 0; round < 3; round++) {
		world_init(&w);
		EXPECT_EQ(stopper_run_task(w.s, NULL, "top", go_down, &w), 0);
		EXPECT_EQ(w.most, DEEP);
		EXPECT_EQ(w.panics, 1);
		EXPECT_EQ(w.left, DEEP - 1);
		EXPECT_EQ(stopper_num_tasks(w.s), 0);
		world_end(&w);
	}
}

static int panic_err(struct stopper_ctx *ctx, void *arg)
{
	stopper_panic(arg);
}

static void panic_fn(struct stopper_ctx *ctx, void *arg)
{
	stopper_panic(arg);
}

/* What the callee must preserve is what it was before, and the stack is where it was. */
static long run_with_a_moving_stack(struct world *w, int n, int *err)
{
	long a = n, b = n * 3, c = n * 5, d = n * 7, e = n * 11, f = n * 13;
	char *room = alloca(100 + n * 16);
	char vla[n + 1];

	memset(room, n, 100 + n * 16);
	memset(vla, n, sizeof(vla));
	*err |= stopper_run_task(w->s, NULL, "doomed", panic_fn, w);
	*err |= stopper_run_task_err(w->s, NULL, "doomed", panic_err, w) != -EOWNERDEAD;
	*err |= room[50] != (char)n || vla[n] != (char)n;
	return a + b * 2 + c * 3 + d * 4 + e * 5 + f * 6;
}

TEST(panic_leaves_registers_and_a_moving_stack_as_they_were)
{
	struct world w;
	int n, err = 0;

	world_init(&w);
	for (n = 1; n < 100; n++)
		EXPECT_EQ(run_with_a_moving_stack(&w, n, &err), n * (1 + 6 + 15 + 28 + 55 + 78));
	EXPECT_EQ(err, 0);
	EXPECT_EQ(w.panics, 2 * 99);
	EXPECT_EQ(stopper_num_tasks(w.s), 0);
	world_end(&w);
}

static void *short_lived(void *arg)
{
	struct world *w = arg;
	int i;

	for (i = 0; i < 50; i++)
		if (stopper_run_async_task(w->s, NULL, "async", nothing, NULL) ||
		    stopper_run_task(w->s, NULL, "sync", nothing, NULL))
			_exit(1);
	return NULL;
}

/* Threads that begin where others ended; under a sanitizer nothing may be left of them. */
TEST(many_threads_come_and_go)
{
	pthread_t thread[8];
	struct world w;
	int round, i;

	world_init(&w);
	for (round = 0; round < 25; round++) {
		for (i = 0; i < 8; i++)
			ASSERT_EQ(pthread_create(&thread[i], NULL, short_lived, &w), 0);
		for (i = 0; i < 8; i++)
			ASSERT_EQ(pthread_join(thread[i], NULL), 0);
	}
	EXPECT_EQ(stopper_quiesce(w.s, NULL), 0);
	EXPECT_EQ(stopper_num_tasks(w.s), 0);
	world_end(&w);
}

TEST_HARNESS_MAIN
