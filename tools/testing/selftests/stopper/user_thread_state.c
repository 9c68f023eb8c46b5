// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_thread_state.c - the library's threads start in a defined state and run user functions with
 * the creator's signal mask.
 */
#include <alloca.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <stopper/signal.h>
#include <stopper/stopper.h>
#include "kselftest_harness.h"
#include "env/thread_state.h"

#define CRASHED	42

/* --- signals that a fault raises --- */

int *user_thread_state_nowhere;	/* NULL; not static, so that the compiler does not know */

#define nowhere	user_thread_state_nowhere

static void on_crash(int sig)
{
	(void)sig;
	_exit(CRASHED);
}

static void crash(struct stopper_ctx *ctx, void *arg)
{
	*nowhere = 1;
}

static void crash_closer(void *arg)
{
	*nowhere = 1;
}

static void crash_callback(struct stopper_on_fire *of, void *arg)
{
	*nowhere = 1;
}

static void crash_in_task(struct stopper *s)
{
	stopper_run_async_task(s, NULL, "crash", crash, NULL);
}

static void crash_in_worker(struct stopper *s)
{
	stopper_run_worker(s, NULL, "crash", crash, NULL);
}

static void crash_in_closer(struct stopper *s)
{
	stopper_add_closer_fn(s, "crash", crash_closer, NULL);
	stopper_stop_async(s);
}

/* On the thread of the timers. */
static void crash_in_callback(struct stopper *s)
{
	static struct stopper_on_fire of;
	struct stopper_ctx *ctx;

	stopper_ctx_with_timeout(NULL, 50 * ENV_MSEC, &ctx);
	stopper_event_on_fire(stopper_ctx_done(ctx), &of, crash_callback, NULL);
}

static int crash_status(void (*begin)(struct stopper *s))
{
	struct sigaction sa = { .sa_handler = on_crash };
	struct rlimit none = { 0, 0 };
	struct stopper *s;
	pid_t pid = fork();

	if (pid)
		return shell_status(child_status(pid));
	setrlimit(RLIMIT_CORE, &none);
	sigaction(SIGSEGV, &sa, NULL);
	stopper_create(&s, "crashes", NULL);
	begin(s);
	for (;;)
		pause();
}

TEST(handlers_of_faults_run_on_every_thread)
{
	ASSERT_EQ(CRASHED, crash_status(crash_in_task));
	ASSERT_EQ(CRASHED, crash_status(crash_in_worker));
	ASSERT_EQ(CRASHED, crash_status(crash_in_closer));
	ASSERT_EQ(CRASHED, crash_status(crash_in_callback));
}

/* --- the signal mask --- */

static bool mask_is(const sigset_t *a, const sigset_t *b)
{
	int sig;

	for (sig = 1; sig < 32; sig++)
		if (sigismember(a, sig) != sigismember(b, sig))
			return false;
	return true;
}

struct mask {
	sigset_t seen;
	int done;
};

static void read_mask(struct stopper_ctx *ctx, void *arg)
{
	struct mask *m = arg;

	pthread_sigmask(SIG_SETMASK, NULL, &m->seen);
	set(&m->done, 1);
}

static void read_mask_closer(void *arg)
{
	read_mask(NULL, arg);
}

/* A stopper that is created with @sig blocked, and no other signal. */
static struct stopper *blocks(int sig)
{
	struct stopper *s = NULL;
	sigset_t mask, old;

	sigemptyset(&mask);
	sigaddset(&mask, sig);
	pthread_sigmask(SIG_SETMASK, &mask, &old);
	stopper_create(&s, "mask", NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return s;
}

TEST(functions_have_the_mask_of_who_created_the_stopper)
{
	struct stopper *s = blocks(SIGUSR1), *other = blocks(SIGUSR2);
	struct mask task = { .done = 0 }, worker = task, closer = task, others = task;
	sigset_t want;
	int i;

	ASSERT_EQ(0, stopper_signal_mask(s, &want));
	ASSERT_EQ(1, sigismember(&want, SIGUSR1));
	ASSERT_EQ(0, sigismember(&want, SIGUSR2));
	ASSERT_EQ(0, sigismember(&want, SIGTERM));
	ASSERT_EQ(-EINVAL, stopper_signal_mask(NULL, &want));
	ASSERT_EQ(-EINVAL, stopper_signal_mask(s, NULL));
	for (i = 0; i < 20; i++) {
		set(&task.done, 0);
		set(&others.done, 0);
		ASSERT_EQ(0, stopper_run_async_task(s, NULL, "task", read_mask, &task));
		ASSERT_EQ(0, stopper_run_async_task(other, NULL, "other", read_mask, &others));
		wait_until(&task.done, 1);
		wait_until(&others.done, 1);
		ASSERT_TRUE(mask_is(&task.seen, &want));
		ASSERT_EQ(1, sigismember(&others.seen, SIGUSR2));
		ASSERT_EQ(0, sigismember(&others.seen, SIGUSR1));
	}
	ASSERT_EQ(0, stopper_run_worker(s, NULL, "worker", read_mask, &worker));
	ASSERT_EQ(0, stopper_add_closer_fn(s, "closer", read_mask_closer, &closer));
	ASSERT_EQ(0, stopper_stop(s, NULL));
	ASSERT_TRUE(mask_is(&worker.seen, &want));
	ASSERT_TRUE(mask_is(&closer.seen, &want));
	ASSERT_EQ(0, stopper_stop(other, NULL));
	stopper_put(s);
	stopper_put(other);
}

struct where {
	int tid;
	int done;
};

static void note_tid(struct stopper_ctx *ctx, void *arg)
{
	struct where *w = arg;

	w->tid = (int)syscall(SYS_gettid);
	set(&w->done, 1);
}

/* The blocked signals of a thread, from /proc; 0 if it has ended. */
static unsigned long long blocked_by(int tid)
{
	unsigned long long mask = 0;
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "SigBlk: %llx", &mask) == 1)
			break;
	if (f)
		fclose(f);
	return mask;
}

TEST(idle_threads_take_no_signals)
{
	unsigned long long term = 1ull << (SIGTERM - 1), segv = 1ull << (SIGSEGV - 1), mask;
	struct where w = { 0 };
	struct stopper *s;

	ASSERT_EQ(0, stopper_create(&s, "idle", NULL));
	ASSERT_EQ(0, stopper_run_async_task(s, NULL, "task", note_tid, &w));
	wait_until(&w.done, 1);
	while (!((mask = blocked_by(w.tid)) & term))
		env_sleep(5 * ENV_MSEC);
	ASSERT_FALSE(mask & segv);
	ASSERT_EQ(0, stopper_stop(s, NULL));
	stopper_put(s);
}

/* --- what a thread begins with --- */

struct state {
	int cpus, policy, nice;
	int done;
};

static void read_state(struct stopper_ctx *ctx, void *arg)
{
	struct state *st = arg;

	st->cpus = allowed_cpus(0);
	st->policy = sched_getscheduler(0);
	st->nice = getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));
	set(&st->done, 1);
}

/* The first user of the library is an odd thread: bound to one CPU, another policy. */
static void *odd_first_user(void *arg)
{
	struct state *st = arg;
	struct stopper_ctx *ctx;

	bind_to_one();
	be_batch();
	stopper_ctx_with_timeout(NULL, 1000 * ENV_MSEC, &ctx);
	stopper_ctx_put(ctx);
	read_state(NULL, st);
	return NULL;
}

#define TASKS	6

static int begun;

/* None returns before all have begun: more threads are needed than the pool starts at once. */
static void read_state_together(struct stopper_ctx *ctx, void *arg)
{
	read_state(ctx, arg);
	__atomic_add_fetch(&begun, 1, __ATOMIC_SEQ_CST);
	wait_until(&begun, TASKS);
}

static int odd_first_user_status(void)
{
	struct state odd = { 0 }, st[TASKS] = { { 0 } };
	struct stopper *s;
	pthread_t thread;
	int i, cpus = allowed_cpus(getpid()), bad = 0;

	if (pthread_create(&thread, NULL, odd_first_user, &odd))
		return 1;
	pthread_join(thread, NULL);
	if (odd.policy != SCHED_BATCH || odd.cpus != 1 || stopper_create(&s, "odd", NULL))
		return 2;
	for (i = 0; i < TASKS; i++)
		stopper_run_async_task(s, NULL, "task", read_state_together, &st[i]);
	stopper_stop(s, NULL);
	for (i = 0; i < TASKS; i++)
		bad += st[i].cpus != cpus || st[i].policy != SCHED_OTHER;
	return bad ? 3 : 0;
}

TEST(threads_begin_as_the_main_thread_is_whoever_needed_them)
{
	int status;
	pid_t pid;

	if (allowed_cpus(getpid()) < 2)
		SKIP(return, "one CPU: nothing to be bound to");
	pid = fork();
	if (!pid)
		_exit(odd_first_user_status());
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	ASSERT_EQ(0, WEXITSTATUS(status));
}

/* --- stacks --- */

#define LARGE	(64ul << 20)

static void use_stack(struct stopper_ctx *ctx, void *arg)
{
	char *room = alloca(LARGE / 2);
	size_t i;

	for (i = LARGE / 2; i > 4096; i -= 4096)
		room[i - 1] = 1;
	__asm__ volatile("" : : "r" (room) : "memory");
	__atomic_add_fetch((int *)arg, 1, __ATOMIC_SEQ_CST);
}

TEST(stack_size_holds_for_tasks_and_workers_also_on_threads_from_before)
{
	struct stopper_options opts = { .size = sizeof(opts), .stack_size = LARGE };
	struct where w = { 0 };
	struct stopper *small, *large;
	int i, used = 0;

	ASSERT_EQ(0, stopper_create(&small, "small", NULL));
	ASSERT_EQ(0, stopper_run_async_task(small, NULL, "small", note_tid, &w));
	wait_until(&w.done, 1);
	ASSERT_EQ(0, stopper_create(&large, "large", &opts));
	ASSERT_EQ(0, stopper_run_worker(large, NULL, "worker", use_stack, &used));
	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, stopper_run_async_task(large, NULL, "task", use_stack, &used));
	ASSERT_EQ(0, stopper_stop(large, NULL));
	ASSERT_EQ(11, used);
	ASSERT_EQ(0, stopper_stop(small, NULL));
	stopper_put(small);
	stopper_put(large);

	opts.stack_size = 1;
	ASSERT_EQ(-EINVAL, stopper_create(&small, "tiny", &opts));
	opts.stack_size = SIZE_MAX;
	ASSERT_EQ(-EINVAL, stopper_create(&small, "huge", &opts));
}

/* --- children tied to their parent's thread --- */

struct parent {
	struct where where, other;
	pid_t child;
	int may_end;			/* the other */
};

static void fork_tied(struct stopper_ctx *ctx, void *arg)
{
	struct parent *p = arg;

	p->child = fork();
	if (!p->child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	note_tid(NULL, &p->where);
	wait_until(&p->other.done, 1);
}

static void wait_beside(struct stopper_ctx *ctx, void *arg)
{
	struct parent *p = arg;

	note_tid(NULL, &p->other);
	wait_until(&p->may_end, 1);
}

static bool lives(int tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d", tid);
	return !access(path, F_OK);
}

static bool kernel_tells_children(void)
{
	return !access("/proc/self/task", F_OK) && !access("/proc/thread-self/children", R_OK);
}

FIXTURE(idle) { };
FIXTURE_SETUP(idle) { }
FIXTURE_TEARDOWN(idle) { }

/* The other thread is idle after the parent, and ends when it has been idle for long. */
TEST_F_TIMEOUT(idle, a_child_that_dies_with_its_parent_outlives_the_idle_time, 120)
{
	struct parent p = { .may_end = 0 };
	struct stopper *s;
	int status;

	if (!kernel_tells_children())
		SKIP(return, "no /proc/TID/children: CONFIG_PROC_CHILDREN");
	ASSERT_EQ(0, stopper_create(&s, "parent", NULL));
	ASSERT_EQ(0, stopper_run_async_task(s, NULL, "fork", fork_tied, &p));
	wait_until(&p.where.done, 1);
	ASSERT_EQ(0, stopper_run_async_task(s, NULL, "other", wait_beside, &p));
	wait_until(&p.other.done, 1);
	ASSERT_NE(p.where.tid, p.other.tid);
	while (!(blocked_by(p.where.tid) & 1ull << (SIGTERM - 1)))
		env_sleep(5 * ENV_MSEC);
	set(&p.may_end, 1);
	while (lives(p.other.tid))
		env_sleep(5 * ENV_MSEC);
	ASSERT_TRUE(lives(p.where.tid));
	ASSERT_EQ(0, waitpid(p.child, &status, WNOHANG));
	kill(p.child, SIGKILL);
	waitpid(p.child, &status, 0);
	ASSERT_EQ(0, stopper_stop(s, NULL));
	stopper_put(s);
}

TEST_HARNESS_MAIN
