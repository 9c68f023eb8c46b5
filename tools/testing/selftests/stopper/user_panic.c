// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_panic.c - panics without a recover scope: the process aborts with a message.
 *
 * Each test runs in a child process.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stopper/stopper.h>
#include "kselftest_harness.h"

static void panic_fn(struct stopper_ctx *ctx, void *arg)
{
	stopper_panic("nobody recovers this");
}

static void exit_fn(struct stopper_ctx *ctx, void *arg)
{
	pthread_exit(NULL);
}

static struct stopper *new_stopper(void)
{
	const struct rlimit none = { 0, 0 };
	struct stopper *s = NULL;

	setrlimit(RLIMIT_CORE, &none);
	if (stopper_create(&s, "doomed", NULL))
		exit(1);
	return s;
}

/* The abort ends a thread that waits here. */
static void wait_for_the_end(struct stopper *s)
{
	stopper_stop(s, NULL);
	exit(1);
}

static void sync_task(void)
{
	stopper_run_task(new_stopper(), NULL, "task", panic_fn, NULL);
}

static void async_task(void)
{
	struct stopper *s = new_stopper();

	stopper_run_async_task(s, NULL, "task", panic_fn, NULL);
	wait_for_the_end(s);
}

static void worker(void)
{
	struct stopper *s = new_stopper();

	stopper_run_worker(s, NULL, "worker", panic_fn, NULL);
	wait_for_the_end(s);
}

static void thread_of_async_task(void)
{
	struct stopper *s = new_stopper();

	stopper_run_async_task(s, NULL, "task", exit_fn, NULL);
	wait_for_the_end(s);
}

static void recover_scope(void)
{
	stopper_recover(new_stopper(), NULL, "scope", panic_fn, NULL);
}

static void nothing_running(void)
{
	new_stopper();
	stopper_panic("nothing runs");
}

/* In a child of our own: the harness takes SIGABRT for one of its assertions. */
static bool aborts(void (*fn)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		alarm(20);
		fn();
		_exit(1);
	}
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
	       WTERMSIG(status) == SIGABRT;
}

TEST(unrecovered_panic_in_a_sync_task_aborts)
{
	EXPECT_TRUE(aborts(sync_task));
}

TEST(unrecovered_panic_in_an_async_task_aborts)
{
	EXPECT_TRUE(aborts(async_task));
}

TEST(unrecovered_panic_in_a_worker_aborts)
{
	EXPECT_TRUE(aborts(worker));
}

TEST(unrecovered_end_of_the_thread_of_an_async_task_aborts)
{
	EXPECT_TRUE(aborts(thread_of_async_task));
}

TEST(unrecovered_panic_in_a_recover_scope_aborts)
{
	EXPECT_TRUE(aborts(recover_scope));
}

TEST(panic_with_nothing_running_aborts)
{
	EXPECT_TRUE(aborts(nothing_running));
}

/* Loudly: the abort is preceded by what panicked and where. */
TEST(unrecovered_panic_says_what_panicked_and_where)
{
	char text[4096] = "";
	size_t len = 0;
	int out[2], status;
	ssize_t n;
	pid_t pid;

	ASSERT_EQ(pipe(out), 0);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		dup2(out[1], STDERR_FILENO);
		stopper_run_task(new_stopper(), NULL, "the-guilty-task", panic_fn, NULL);
		_exit(1);
	}
	close(out[1]);
	while ((n = read(out[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += n;
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	EXPECT_NE(strstr(text, "the-guilty-task"), NULL);
	EXPECT_NE(strstr(text, "user_panic.c"), NULL);
}

TEST_HARNESS_MAIN
