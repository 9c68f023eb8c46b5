// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_threads.c - stopper_end_idle_threads(): what ends, what stays, and that all works after it;
 * stopper_barrier(): it waits for a reader that is in the middle of a scan.
 *
 * The harness runs each test in a process of its own.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <stopper/stopper.h>
#include <stopper/threads.h>
#include "kselftest_harness.h"
#include "env/program.h"

#define ROUNDS	200
#define SEC	1000000000LL

static struct stopper_event gate;

static int threads(void)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static void empty(struct stopper_ctx *ctx, void *arg)
{
}

static void wait_gate(struct stopper_ctx *ctx, void *arg)
{
	stopper_wait(&gate, NULL);
}

static void use(struct __test_metadata *_metadata, struct stopper **s)
{
	int i;

	ASSERT_EQ(0, stopper_create(s, "used", NULL));
	ASSERT_EQ(0, stopper_run_worker(*s, NULL, "worker", wait_stop, *s));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, stopper_run_async_task(*s, NULL, "task", empty, NULL));
}

TEST(none_is_left_after_a_stop_and_all_works_again)
{
	struct stopper *s;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		use(_metadata, &s);
		if (i % 2) {
			stopper_stop_async(s);
			ASSERT_EQ(0, stopper_wait(stopper_is_stopped(s), NULL));
		} else {
			ASSERT_EQ(0, stopper_stop(s, NULL));
		}
		ASSERT_EQ(0, stopper_end_idle_threads());
		ASSERT_EQ(1, threads());
		stopper_put(s);
	}
	EXPECT_EQ(0, stopper_end_idle_threads());
}

TEST(nothing_was_ever_started)
{
	EXPECT_EQ(0, stopper_end_idle_threads());
	EXPECT_EQ(1, threads());
}

/* A thread that has just run a task may not be idle yet. */
static void end_idle_until(struct __test_metadata *_metadata, int left)
{
	do {
		ASSERT_EQ(-EBUSY, stopper_end_idle_threads());
	} while (threads() > left);
	EXPECT_EQ(left, threads());
}

/* Main, what a stop needs, a worker and a task. */
TEST(what_a_stopper_needs_stays)
{
	struct stopper *s;

	stopper_event_init(&gate);
	use(_metadata, &s);
	ASSERT_EQ(0, stopper_quiesce(s, NULL));
	end_idle_until(_metadata, 4);
	ASSERT_EQ(0, stopper_stop(s, NULL));
	stopper_put(s);

	use(_metadata, &s);
	ASSERT_EQ(0, stopper_run_async_task(s, NULL, "waits", wait_gate, NULL));
	while (stopper_num_tasks(s) > 1)
		sched_yield();
	end_idle_until(_metadata, 5);
	stopper_event_fire(&gate);
	ASSERT_EQ(0, stopper_run_async_task(s, NULL, "task", empty, NULL));
	stopper_stop_async(s);
	ASSERT_EQ(0, stopper_wait(stopper_is_stopped(s), NULL));
	stopper_put(s);
	EXPECT_EQ(0, stopper_end_idle_threads());
	EXPECT_EQ(1, threads());
	stopper_event_destroy(&gate);
}

TEST(deadline_keeps_its_thread)
{
	struct stopper_ctx *ctx, *soon;
	struct stopper *s;

	use(_metadata, &s);
	ASSERT_EQ(0, stopper_ctx_with_timeout(NULL, 1000 * SEC, &ctx));
	ASSERT_EQ(0, stopper_stop(s, NULL));
	stopper_put(s);
	EXPECT_EQ(-EBUSY, stopper_end_idle_threads());
	EXPECT_EQ(2, threads());
	ASSERT_EQ(0, stopper_ctx_with_timeout(NULL, 1000, &soon));
	EXPECT_EQ(-ETIMEDOUT, stopper_wait(NULL, soon));
	stopper_ctx_put(soon);
	stopper_ctx_put(ctx);
	EXPECT_EQ(0, stopper_end_idle_threads());
	EXPECT_EQ(1, threads());
	ASSERT_EQ(0, stopper_ctx_with_timeout(NULL, 1000, &soon));
	EXPECT_EQ(-ETIMEDOUT, stopper_wait(NULL, soon));
	stopper_ctx_put(soon);
}

static int said_inside;

static void end_from_inside(void *arg)
{
	said_inside = stopper_end_idle_threads();
}

TEST(refused_on_the_librarys_own_threads)
{
	struct stopper *s;

	ASSERT_EQ(0, stopper_create(&s, "inside", NULL));
	ASSERT_EQ(0, stopper_add_closer_fn(s, "closer", end_from_inside, NULL));
	ASSERT_EQ(0, stopper_stop(s, NULL));
	stopper_put(s);
	EXPECT_EQ(-EDEADLK, said_inside);
}

TEST(refused_in_a_child)
{
	struct stopper *s;
	int status;
	pid_t pid;

	ASSERT_EQ(0, stopper_create(&s, "parent", NULL));
	pid = fork();
	if (!pid)
		_exit(stopper_end_idle_threads() != -ENOTSUP);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(0, stopper_stop(s, NULL));
	stopper_put(s);
}

static bool enough;

static void *end_again_and_again(void *arg)
{
	int err;

	while (!__atomic_load_n(&enough, __ATOMIC_SEQ_CST)) {
		err = stopper_end_idle_threads();
		if (err && err != -EBUSY)
			abort();
	}
	return NULL;
}

TEST(others_create_and_stop_meanwhile)
{
	struct stopper_ctx *ctx;
	struct stopper *s;
	pthread_t t[2];
	int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, end_again_and_again, NULL));
	for (i = 0; i < ROUNDS; i++) {
		use(_metadata, &s);
		ASSERT_EQ(0, stopper_ctx_with_timeout(NULL, 1000, &ctx));
		EXPECT_EQ(-ETIMEDOUT, stopper_wait(NULL, ctx));
		stopper_ctx_put(ctx);
		stopper_stop_async(s);
		ASSERT_EQ(0, stopper_wait(stopper_is_stopped(s), NULL));
		stopper_put(s);
	}
	__atomic_store_n(&enough, true, __ATOMIC_SEQ_CST);
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	EXPECT_EQ(0, stopper_end_idle_threads());
	EXPECT_EQ(1, threads());
}

static pthread_key_t key;
static struct stopper_event in_destructor;

/* A thread of the library that has ended, but for this. */
static void slow_destructor(void *arg)
{
	stopper_event_fire(&in_destructor);
	while (!__atomic_load_n(&enough, __ATOMIC_SEQ_CST))
		sched_yield();
}

static void set_key(struct stopper_ctx *ctx, void *arg)
{
	pthread_setspecific(key, arg);
}

static void *let_destructor_end(void *arg)
{
	stopper_wait(&in_destructor, NULL);
	__atomic_store_n(&enough, true, __ATOMIC_SEQ_CST);
	return NULL;
}

TEST(destructors_of_keys_are_waited_for)
{
	struct stopper *s;
	pthread_t t;

	stopper_event_init(&in_destructor);
	ASSERT_EQ(0, pthread_key_create(&key, slow_destructor));
	ASSERT_EQ(0, stopper_create(&s, "keys", NULL));
	ASSERT_EQ(0, stopper_run_async_task(s, NULL, "key", set_key, s));
	ASSERT_EQ(0, stopper_stop(s, NULL));
	stopper_put(s);
	ASSERT_EQ(0, pthread_create(&t, NULL, let_destructor_end, NULL));
	EXPECT_EQ(0, stopper_end_idle_threads());
	pthread_join(t, NULL);
	EXPECT_EQ(1, threads());
	stopper_event_destroy(&in_destructor);
}

/* A thread that counts tasks, and that a signal stops wherever it is. */
static struct {
	pthread_t thread;
	struct stopper *s;
	int held[2], go[2];
	bool over;
} counter;

static void hold_counter(int signo)
{
	char c = 0;

	if (write(counter.held[1], &c, 1) != 1 || read(counter.go[0], &c, 1) != 1)
		abort();
}

static void *count_tasks(void *arg)
{
	while (!__atomic_load_n(&counter.over, __ATOMIC_ACQUIRE))
		stopper_num_tasks(counter.s);
	return NULL;
}

static int barrier_tid, barrier_over;

static void *pass_barrier(void *arg)
{
	__atomic_store_n(&barrier_tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	stopper_barrier();
	__atomic_store_n(&barrier_over, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Its only sleep is in the barrier. */
static bool barrier_sleeps(void)
{
	int tid = __atomic_load_n(&barrier_tid, __ATOMIC_ACQUIRE);

	return tid && env_state_of(tid) == 'S';
}

/* Holds the counter, wherever it is, during a barrier. True: the barrier waited for it. */
static bool barrier_waits_for_counter(struct __test_metadata *_metadata)
{
	pthread_t thread;
	bool waits = false;
	char c = 0;

	barrier_tid = 0;
	barrier_over = 0;
	ASSERT_EQ(0, pthread_kill(counter.thread, SIGUSR1));
	ASSERT_EQ(1, read(counter.held[0], &c, 1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, pass_barrier, NULL));
	while (!__atomic_load_n(&barrier_over, __ATOMIC_ACQUIRE) && !(waits = barrier_sleeps()))
		sched_yield();
	ASSERT_EQ(1, write(counter.go[1], &c, 1));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	return waits;
}

TEST(barrier_waits_for_a_reader_in_a_scan)
{
	struct sigaction hold = { .sa_handler = hold_counter };
	int i, waited = 0, passed = 0;

	ASSERT_EQ(0, stopper_create(&counter.s, "counted", NULL));
	ASSERT_EQ(0, pipe(counter.held));
	ASSERT_EQ(0, pipe(counter.go));
	ASSERT_EQ(0, sigaction(SIGUSR1, &hold, NULL));
	ASSERT_EQ(0, pthread_create(&counter.thread, NULL, count_tasks, NULL));
	for (i = 0; i < 3000 && !(waited && passed); i++)
		if (barrier_waits_for_counter(_metadata))
			waited++;
		else
			passed++;
	__atomic_store_n(&counter.over, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, pthread_join(counter.thread, NULL));
	EXPECT_GT(waited, 0);
	EXPECT_GT(passed, 0);
	ASSERT_EQ(0, stopper_stop(counter.s, NULL));
	stopper_put(counter.s);
}

TEST_HARNESS_MAIN
