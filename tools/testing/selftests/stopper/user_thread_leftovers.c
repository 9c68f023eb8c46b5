// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_thread_leftovers.c - state that a task leaves on its thread is reported with the task's
 * name, and reset before the next task runs.
 */
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <stopper/stopper.h>
#include "kselftest_harness.h"
#include "env/thread_state.h"

struct leak {
	const char *what;		/* in the report */
	void (*change)(void);
	int tid, seen_tid;
	int changed, checked;
	int reports;			/* of it, by name */
	int others;
	bool kept;			/* the next task found it */
	bool (*is_there)(void);
};

static void block_usr1(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
}

static bool usr1_is_blocked(void)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	return sigismember(&mask, SIGUSR1);
}

static bool is_bound(void)
{
	return allowed_cpus(0) == 1;
}

static bool is_batch(void)
{
	return sched_getscheduler(0) == SCHED_BATCH;
}

static void refuse_cancellation(void)
{
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
}

static bool refuses_cancellation(void)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
	return state == PTHREAD_CANCEL_DISABLE;
}

static void use_a_locale(void)
{
	uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0));
}

static bool uses_a_locale(void)
{
	return uselocale((locale_t)0) != LC_GLOBAL_LOCALE;
}

static void leaves_it(struct stopper_ctx *ctx, void *arg)
{
	struct leak *l = arg;

	l->tid = (int)syscall(SYS_gettid);
	l->change();
	set(&l->changed, 1);
}

static void looks_for_it(struct stopper_ctx *ctx, void *arg)
{
	struct leak *l = arg;

	l->seen_tid = (int)syscall(SYS_gettid);
	if (l->seen_tid == l->tid)
		l->kept |= l->is_there();
	set(&l->checked, 1);
}

static void leak_log(void *arg, int level, const char *line)
{
	struct leak *l = arg;

	if (strstr(line, l->what) && strstr(line, "\"leaver\" (user_thread_leftovers.c:"))
		l->reports++;
	else
		l->others++;
}

/* Until the next task has run on the same thread: the pool prefers the one that was last. */
static void leave_and_look(struct stopper *s, struct leak *l)
{
	do {
		set(&l->changed, 0);
		set(&l->checked, 0);
		stopper_run_async_task(s, NULL, "leaver", leaves_it, l);
		wait_until(&l->changed, 1);
		stopper_run_async_task(s, NULL, "looker", looks_for_it, l);
		wait_until(&l->checked, 1);
	} while (l->seen_tid != l->tid);
}

static void check_leak(struct __test_metadata *_metadata, struct leak *l)
{
	struct stopper_options opts = { .size = sizeof(opts), .log = leak_log, .log_arg = l };
	struct stopper *s;

	ASSERT_EQ(0, stopper_create(&s, "leaks", &opts));
	leave_and_look(s, l);
	ASSERT_EQ(0, stopper_stop(s, NULL));
	stopper_put(s);
	ASSERT_FALSE(l->kept) TH_LOG("the next task found the %s", l->what);
	ASSERT_LE(1, l->reports) TH_LOG("no report of the %s", l->what);
	ASSERT_EQ(0, l->others);
}

TEST(a_task_that_leaves_another_signal_mask_is_named)
{
	struct leak l = { .what = "signal mask", .change = block_usr1,
			  .is_there = usr1_is_blocked };

	check_leak(_metadata, &l);
}

TEST(a_task_that_leaves_another_affinity_is_named)
{
	struct leak l = { .what = "CPU affinity", .change = bind_to_one, .is_there = is_bound };

	if (allowed_cpus(getpid()) < 2)
		SKIP(return, "one CPU: nothing to be bound to");
	check_leak(_metadata, &l);
}

TEST(a_task_that_leaves_another_policy_is_named)
{
	struct leak l = { .what = "scheduling policy", .change = be_batch, .is_there = is_batch };

	check_leak(_metadata, &l);
}

static void be_nicer(void)
{
	setpriority(PRIO_PROCESS, 0, 19);
}

static bool is_nicer(void)
{
	return getpriority(PRIO_PROCESS, 0) == 19;
}

static void is_not_nicer(struct stopper_ctx *ctx, void *arg)
{
	struct leak *l = arg;

	l->kept |= is_nicer();
	set(&l->checked, 1);
}

TEST(a_thread_that_cannot_be_set_back_ends)
{
	struct leak l = { .what = "priority; the thread ends", .change = be_nicer };
	struct stopper_options opts = { .size = sizeof(opts), .log = leak_log, .log_arg = &l };
	const struct rlimit none = { 0, 0 };
	struct stopper *s;
	int i;

	setrlimit(RLIMIT_NICE, &none);
	if (!geteuid() && setresuid(65534, 65534, 65534))
		SKIP(return, "cannot drop the privilege to set it back");
	if (is_nicer())
		SKIP(return, "no nice value is left");
	ASSERT_EQ(0, stopper_create(&s, "nice", &opts));
	for (i = 0; i < 50; i++) {
		set(&l.checked, 0);
		if (i % 10 == 0)
			ASSERT_EQ(0, stopper_run_async_task(s, NULL, "leaver", leaves_it, &l));
		ASSERT_EQ(0, stopper_run_async_task(s, NULL, "looker", is_not_nicer, &l));
		wait_until(&l.checked, 1);
	}
	ASSERT_EQ(0, stopper_stop(s, NULL));
	stopper_put(s);
	EXPECT_FALSE(l.kept);
	EXPECT_EQ(5, l.reports);
	EXPECT_EQ(0, l.others);
}

TEST(a_task_that_leaves_another_cancellation_state_is_named)
{
	struct leak l = { .what = "cancellation state", .change = refuse_cancellation,
			  .is_there = refuses_cancellation };

	check_leak(_metadata, &l);
}

TEST(a_task_that_leaves_another_locale_is_named)
{
	struct leak l = { .what = "locale", .change = use_a_locale, .is_there = uses_a_locale };

	check_leak(_metadata, &l);
}

TEST_HARNESS_MAIN
