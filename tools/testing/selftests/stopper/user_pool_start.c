// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_pool_start.c - regression: a task was accepted because the pool's first thread was about to
 * start. When that start failed, the task stayed in the queue until the next task arrived.
 *
 * The start fails because this program replaces pthread_create() for the whole process.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#include <stopper/stopper.h>
#include "kselftest_harness.h"

typedef int (*create_fn)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

static struct stopper *s;
static struct stopper_event ran;
static bool fail_next;
static int accepted = -1;

static int real_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
		       void *arg)
{
	return ((create_fn)dlsym(RTLD_NEXT, "pthread_create"))(thread, attr, fn, arg);
}

static void task(struct stopper_ctx *ctx, void *arg)
{
	stopper_event_fire(&ran);
}

static void *second(void *arg)
{
	accepted = stopper_run_async_task(s, NULL, "second", task, NULL);
	return NULL;
}

/* Fails, after somebody else has had a task accepted. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	pthread_t other;
	int err = EAGAIN;

	if (!fail_next)
		return real_create(thread, attr, fn, arg);
	fail_next = false;
	if (!real_create(&other, NULL, second, NULL))
		pthread_join(other, NULL);
	return err;
}

TEST(accepted_task_runs_when_the_first_thread_does_not_start)
{
	struct stopper_ctx *limit;

	stopper_event_init(&ran);
	ASSERT_EQ(0, stopper_create(&s, "first", NULL));
	/* This starts the thread of the timers: the next one is the pool's. */
	ASSERT_EQ(0, stopper_ctx_with_timeout(NULL, 20 * 1000000000LL, &limit));
	fail_next = true;
	EXPECT_EQ(-EAGAIN, stopper_run_async_task(s, NULL, "refused", task, NULL));
	ASSERT_FALSE(fail_next);
	ASSERT_EQ(0, accepted);
	ASSERT_EQ(0, stopper_wait(&ran, limit));
	EXPECT_EQ(0, stopper_stop(s, NULL));
	stopper_put(s);
	stopper_ctx_put(limit);
	stopper_event_destroy(&ran);
}

TEST_HARNESS_MAIN
