// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_limits.c - no further thread can be started, as at pids.max or RLIMIT_NPROC: a stop still
 * begins and ends, and a task is run or refused, never lost.
 *
 * RLIMIT_NPROC counts the processes and threads of a user. So each test, which the harness forks,
 * becomes a user without any other process, or stays an ordinary user, who exceeds the limit at
 * once.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <stopper/signal.h>
#include <stopper/stopper.h>
#include "kselftest_harness.h"
#include "env/program.h"

static struct stopper *s;
static int begun, ended;
static char said[4096];
static int lines;

static void add(int *word)
{
	__atomic_add_fetch(word, 1, __ATOMIC_SEQ_CST);
}

static void *end_at_once(void *arg)
{
	return arg;
}

/* From now on no thread can be started; false: this machine lets us all the same. */
static bool take_threads_away(void)
{
	struct rlimit none = { 1, 1 };
	pthread_t thread;

	if (!geteuid() && (setgid(65534) || setuid(61234)))
		return false;
	if (setrlimit(RLIMIT_NPROC, &none))
		return false;
	if (pthread_create(&thread, NULL, end_at_once, NULL))
		return true;
	pthread_join(thread, NULL);
	return false;
}

#define NO_MORE_THREADS()							\
	do {									\
		if (!take_threads_away())					\
			SKIP(return, "RLIMIT_NPROC does not hold for this user");	\
	} while (0)

static void until_quiesce(struct stopper_ctx *ctx, void *arg)
{
	add(&begun);
	stopper_wait(NULL, ctx);
	add(&ended);
}

static void until_event(struct stopper_ctx *ctx, void *arg)
{
	add(&begun);
	stopper_wait(arg, ctx);
	add(&ended);
}

static void until_stop(struct stopper_ctx *ctx, void *arg)
{
	stopper_wait(stopper_should_stop(s), NULL);
	add(&ended);
}

static void count(void *arg)
{
	add(arg);
}

static void run(struct stopper_ctx *ctx, void *arg)
{
	add(arg);
}

FIXTURE(limit)
{
	struct stopper_ctx *quiesced;
};

FIXTURE_SETUP(limit)
{
	ASSERT_EQ(0, stopper_create(&s, "limit", NULL));
	ASSERT_EQ(0, stopper_ctx_with_cancel_on_quiesce(s, NULL, &self->quiesced));
}

FIXTURE_TEARDOWN(limit)
{
	stopper_stop(s, NULL);
	stopper_ctx_put(self->quiesced);
	stopper_put(s);
}

/* Eight tasks have all the threads, and wait for the quiesce. */
static void fill_pool(struct __test_metadata *_metadata, struct stopper_ctx *quiesced)
{
	int i;

	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, stopper_run_async_task(s, quiesced, "job", until_quiesce, NULL));
	wait_until(&begun, 8);
}

TEST_F(limit, stop_async_with_every_thread_in_a_task)
{
	fill_pool(_metadata, self->quiesced);
	NO_MORE_THREADS();
	ASSERT_EQ(0, stopper_stop_async(s));
	ASSERT_EQ(0, stopper_wait(stopper_is_stopped(s), NULL));
	ASSERT_EQ(8, ended);
}

TEST_F(limit, signal_with_every_thread_in_a_task)
{
	static const int term = SIGTERM;

	ASSERT_EQ(0, stopper_stop_on_signals(s, &term, 1));
	fill_pool(_metadata, self->quiesced);
	NO_MORE_THREADS();
	kill(getpid(), SIGTERM);
	ASSERT_EQ(0, stopper_wait(stopper_is_stopped(s), NULL));
	ASSERT_EQ(8, ended);
}

TEST_F(limit, stop_and_stop_async_without_any_thread)
{
	struct stopper *other;
	int closed = 0;

	ASSERT_EQ(0, stopper_create(&other, "other", NULL));
	ASSERT_EQ(0, stopper_add_closer_fn(s, "closer", count, &closed));
	ASSERT_EQ(0, stopper_add_closer_fn(other, "closer", count, &closed));
	NO_MORE_THREADS();
	ASSERT_EQ(0, stopper_stop_async(other));
	ASSERT_EQ(0, stopper_stop(s, NULL));
	ASSERT_EQ(0, stopper_wait(stopper_is_stopped(other), NULL));
	ASSERT_EQ(2, closed);
	stopper_put(other);
}

/* A stranger's task has the only thread, for ever; one stop waits for another one. */
TEST_F(limit, stops_that_wait_for_one_another)
{
	struct stopper *first, *second;
	struct stopper_task task;
	struct stopper_event never;

	stopper_event_init(&never);
	ASSERT_EQ(0, stopper_create(&first, "first", NULL));
	ASSERT_EQ(0, stopper_create(&second, "second", NULL));
	ASSERT_EQ(0, stopper_run_async_task(s, NULL, "hog", until_event, &never));
	wait_until(&begun, 1);
	ASSERT_EQ(0, stopper_task_begin(first, NULL, "until the second has stopped", &task));
	NO_MORE_THREADS();
	ASSERT_EQ(0, stopper_stop_async(first));
	ASSERT_EQ(0, stopper_stop_async(second));
	ASSERT_EQ(0, stopper_wait(stopper_is_stopped(second), NULL));
	stopper_task_end(&task);
	ASSERT_EQ(0, stopper_wait(stopper_is_stopped(first), NULL));
	stopper_put(first);
	stopper_put(second);
	stopper_event_fire(&never);
}

TEST_F(limit, a_stop_can_be_bounded)
{
	struct stopper_ctx *patience;

	ASSERT_EQ(0, stopper_run_worker(s, NULL, "worker", until_stop, NULL));
	NO_MORE_THREADS();
	ASSERT_EQ(0, stopper_ctx_with_timeout(NULL, 60000 * ENV_MSEC, &patience));
	ASSERT_EQ(0, stopper_stop(s, patience));
	stopper_ctx_put(patience);
	ASSERT_EQ(1, ended);
}

static void count_reports(void *arg, int level, const char *line)
{
	if (strstr(line, "stop blocked for"))
		add(arg);
}

TEST_F(limit, stall_reports_are_made_by_a_stop_that_no_thread_of_the_pool_makes)
{
	struct stopper_options opts = { .size = sizeof(opts), .stall_ns = 100 * ENV_MSEC };
	struct stopper_task task;
	struct stopper *slow;
	int reports = 0;

	opts.log = count_reports;
	opts.log_arg = &reports;
	ASSERT_EQ(0, stopper_create(&slow, "slow", &opts));
	ASSERT_EQ(0, stopper_task_begin(slow, NULL, "slow", &task));
	NO_MORE_THREADS();
	ASSERT_EQ(0, stopper_stop_async(slow));
	wait_until(&reports, 2);
	stopper_task_end(&task);
	ASSERT_EQ(0, stopper_wait(stopper_is_stopped(slow), NULL));
	stopper_put(slow);
}

/* It might wait for ever. */
TEST_F(limit, a_task_that_no_thread_could_run_is_refused)
{
	struct stopper_event go;
	int ran = 0, err;

	stopper_event_init(&go);
	ASSERT_EQ(0, stopper_run_async_task(s, NULL, "waits", until_event, &go));
	wait_until(&begun, 1);
	NO_MORE_THREADS();
	do {
		/* While a job has just ended, the pool moves: that one is accepted. */
		err = stopper_run_async_task(s, NULL, "late", run, &ran);
	} while (!err);
	ASSERT_EQ(-EAGAIN, err);
	err = stopper_run_worker(s, NULL, "worker", run, &ran);
	ASSERT_EQ(-EAGAIN, err);
	stopper_event_fire(&go);
	wait_until(&ended, 1);
	/* Its thread is free. */
	while (stopper_run_async_task(s, NULL, "next", run, &ran))
		env_sleep(5 * ENV_MSEC);
	ASSERT_EQ(0, stopper_stop(s, NULL));
	ASSERT_LE(1, ran);
}

static void *read_lines(void *arg)
{
	FILE *f = arg;
	char line[512];

	while (fgets(line, sizeof(line), f)) {
		if (!strstr(line, "wait for a thread"))
			continue;
		strcpy(said, line);
		add(&lines);
	}
	return NULL;
}

static int clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (int)(ts.tv_sec * 1000 + ts.tv_nsec / ENV_MSEC);
}

/* Accepted while the pool moved, by a task that then takes the thread for long. */
struct chain {
	struct stopper_event go;
	int err, ran;
};

static void hog_and_push(struct stopper_ctx *ctx, void *arg)
{
	struct chain *c = arg;

	c->err = stopper_run_async_task(s, NULL, "accepted", run, &c->ran);
	add(&begun);
	if (!c->err)
		stopper_wait(&c->go, NULL);
}

/* Begins as soon as the machine lets it; what waits for a thread is said once. */
TEST_F(limit, an_accepted_task_that_waits_for_a_thread_is_said_once_and_runs)
{
	struct chain c = { .err = 1 };
	pthread_t reader;
	int p[2], ran = 0, before;

	stopper_event_init(&c.go);
	ASSERT_EQ(0, pipe(p));
	ASSERT_NE(-1, dup2(p[1], STDERR_FILENO));
	ASSERT_EQ(0, pthread_create(&reader, NULL, read_lines, fdopen(p[0], "r")));
	ASSERT_EQ(0, stopper_run_async_task(s, NULL, "first", run, &ran));
	wait_until(&ran, 1);
	NO_MORE_THREADS();
	/* Accepted at once if the first one has just ended; else there is a next try. */
	do {
		begun = 0;
		while (stopper_run_async_task(s, NULL, "first", run, &ran))
			env_sleep(5 * ENV_MSEC);
		while (stopper_run_async_task(s, NULL, "hog", hog_and_push, &c))
			env_sleep(5 * ENV_MSEC);
		wait_until(&begun, 1);
	} while (c.err);
	wait_until(&lines, 1);
	before = clock_ms();
	ASSERT_NE(NULL, strstr(said, "no thread could be started")) TH_LOG("%s", said);
	ASSERT_EQ(0, c.ran);
	stopper_event_fire(&c.go);
	wait_until(&c.ran, 1);
	ASSERT_EQ(1, lines);
	TH_LOG("%d ms of CPU time since it was said", clock_ms() - before);
}

TEST_HARNESS_MAIN
