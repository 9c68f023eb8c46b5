// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_many.c - ten thousand tasks at once, each on a thread of its own.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <stopper/stopper.h>
#include "kselftest_harness.h"
#include "env/exercise.h"

static bool in_vm(void)
{
	return !access("/vm/command", F_OK);
}

struct many {
	struct stopper *s;
	int in, out;
};

static void one_of_many(struct stopper_ctx *ctx, void *arg)
{
	struct many *m = arg;

	__atomic_add_fetch(&m->in, 1, __ATOMIC_SEQ_CST);
	if (stopper_wait(stopper_should_quiesce(m->s), NULL))
		abort();
	__atomic_add_fetch(&m->out, 1, __ATOMIC_SEQ_CST);
}

static long status_of(const char *what)
{
	char line[128];
	long value = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && value < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, what, strlen(what)))
			value = atol(line + strlen(what));
	if (f)
		fclose(f);
	return value;
}

static long number_in(const char *path)
{
	long n = -1;
	FILE *f = fopen(path, "r");

	if (f) {
		if (fscanf(f, "%ld", &n) != 1)
			n = -1;
		fclose(f);
	}
	return n;
}

static void *rest(void *arg)
{
	for (;;)
		pause();
	return NULL;
}

/* Tried, in a process of its own: the user, the cgroup, the kernel and memory have limits. */
static bool may_have_threads(int n)
{
	pthread_attr_t attr;
	pthread_t thread;
	pid_t pid = fork();

	if (!pid) {
		pthread_attr_init(&attr);
		pthread_attr_setstacksize(&attr, 64 * 1024);
		while (n-- > 0)
			if (pthread_create(&thread, &attr, rest, NULL))
				_exit(1);
		_exit(0);
	}
	return !child_status(pid);
}

/* A fixture only because the harness gives a test its own time limit in no other way. */
FIXTURE(many)
{
};

FIXTURE_SETUP(many)
{
}

FIXTURE_TEARDOWN(many)
{
}

TEST_F_TIMEOUT(many, ten_thousand_async_tasks_wait_stop_and_are_gone, 200)
{
	/* Each has a stack: 4 GiB hold only so many. */
	int want = in_vm() ? 1000 : sizeof(void *) < 8 ? 300 : 10000, i, err;
	struct many m = { .s = NULL };
	long rss, pid_max = number_in("/proc/sys/kernel/pid_max");
	long max = number_in("/proc/sys/kernel/threads-max");
	int64_t until;

	if (max < want + 2000 || pid_max < want + 2000)
		SKIP(return, "this kernel allows %ld threads", max < pid_max ? max : pid_max);
	if (!may_have_threads(want + 200))
		SKIP(return, "%d threads cannot be had here", want + 200);
	ASSERT_EQ(exercise(), 0);
	ASSERT_EQ(stopper_create(&m.s, "many", NULL), 0);
	rss = status_of("VmRSS:");
	for (i = 0; i < want; i++) {
		err = stopper_run_async_task(m.s, NULL, "one of many", one_of_many, &m);
		ASSERT_EQ(err, 0);
	}
	EXPECT_EQ(stopper_num_tasks(m.s), want);
	until = env_now() + 120 * ENV_SEC;
	while (__atomic_load_n(&m.in, __ATOMIC_SEQ_CST) < want && env_now() < until)
		env_nap();
	ASSERT_EQ(m.in, want);
	EXPECT_GE(status_of("Threads:"), want);
	ASSERT_EQ(stopper_stop(m.s, NULL), 0);
	EXPECT_EQ(m.out, want);
	stopper_put(m.s);
	/* memory is back: the threads go away by themselves, and what was allocated is free */
	until = env_now() + 120 * ENV_SEC;
	while (status_of("Threads:") > 50 && env_now() < until)
		env_nap();
	EXPECT_LE(status_of("Threads:"), 50);
#ifdef __GLIBC__
	malloc_trim(0);
#endif
	EXPECT_LE(status_of("VmRSS:") - rss, 16 * 1024);
}

TEST_HARNESS_MAIN
