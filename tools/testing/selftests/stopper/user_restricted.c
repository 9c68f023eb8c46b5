// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_restricted.c - the library where the system refuses something, after fork, under signals.
 *
 * io_uring forbidden, membarrier missing, no memory to lock, no descriptor, no thread. The harness
 * runs each test in a child process of its own, so a test restricts only itself, and the library
 * starts fresh in each.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stopper/signal.h>
#include <stopper/stopper.h>
#include <stopper/uring.h>
#include "kselftest_harness.h"
#include "env/exercise.h"

static bool in_vm(void)
{
	return !access("/vm/command", F_OK);
}

static void count(void *n)
{
	++*(int *)n;
}

/* --- taken away ------------------------------------------------------------------------------- */

static bool has_seccomp(void)
{
	/* With no filter given, a kernel that has filters says EFAULT. */
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) && errno == EFAULT;
}

static void without(struct __test_metadata *_metadata, unsigned int nr, int err)
{
	if (!has_seccomp())
		SKIP(return, "no seccomp filters here");
	ASSERT_EQ(forbid_syscall(nr, err), 0);
	EXPECT_EQ(exercise(), 0);
	if (nr == __NR_io_uring_setup)
		EXPECT_STREQ(stopper_wait_backend(), "futex");
}

TEST(io_uring_forbidden_with_eperm)
{
	without(_metadata, __NR_io_uring_setup, EPERM);
}

TEST(io_uring_forbidden_with_enosys)
{
	without(_metadata, __NR_io_uring_setup, ENOSYS);
}

TEST(io_uring_forbidden_but_asked_for)
{
	setenv("STOPPER_WAIT", "uring-futex", 1);
	without(_metadata, __NR_io_uring_setup, EPERM);
}

TEST(membarrier_missing)
{
	without(_metadata, __NR_membarrier, ENOSYS);
}

TEST(membarrier_forbidden)
{
	without(_metadata, __NR_membarrier, EPERM);
}

/* Changes a sysctl, so only in a VM. */
TEST(io_uring_disabled_by_sysctl)
{
	int fd, status;
	char old = '0';
	pid_t pid;

	if (!in_vm())
		SKIP(return, "only in a VM of our own");
	fd = open("/proc/sys/kernel/io_uring_disabled", O_RDWR);
	if (fd < 0)
		SKIP(return, "this kernel has no io_uring_disabled");
	ASSERT_EQ(pread(fd, &old, 1, 0), 1);
	ASSERT_EQ(pwrite(fd, "2", 1, 0), 1);
	pid = fork();
	if (!pid)
		_exit(exercise() || strcmp(stopper_wait_backend(), "futex"));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(pwrite(fd, &old, 1, 0), 1);
	EXPECT_EQ(status, 0);
	close(fd);
}

static void become_nobody(void)
{
	if (!geteuid() && setresuid(65534, 65534, 65534))
		abort();
}

TEST(no_memory_to_lock)
{
	const struct rlimit none = { 0, 0 };

	ASSERT_EQ(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	become_nobody();
	EXPECT_EQ(exercise(), 0);
}

/* Leaves no descriptor free. */
static void use_up_fds(void)
{
	struct rlimit lim = { 64, 64 };

	setrlimit(RLIMIT_NOFILE, &lim);
	while (dup(0) >= 0)
		;
}

TEST(no_descriptor_left_from_the_start)
{
	struct io_uring_sqe sqe;
	struct stopper_event ev;

	use_up_fds();
	EXPECT_EQ(exercise(), 0);
	stopper_event_init(&ev);
	EXPECT_EQ(stopper_event_fd(&ev), -EMFILE);
	memset(&sqe, 0xff, sizeof(sqe));
	EXPECT_EQ(stopper_uring_prep_event(&sqe, &ev), -EMFILE);
	EXPECT_EQ(sqe.opcode, IORING_OP_NOP);
	/* that it has none does not keep it from firing */
	EXPECT_TRUE(stopper_event_fire(&ev));
	EXPECT_EQ(stopper_wait(&ev, NULL), 0);
	/* and it gets one once there is room */
	close(63);
	EXPECT_EQ(stopper_event_fd(&ev), 63);
	stopper_event_destroy(&ev);
}

TEST(no_descriptor_left_later_on)
{
	ASSERT_EQ(exercise(), 0);
	use_up_fds();
	EXPECT_EQ(exercise(), 0);
	EXPECT_EQ(exercise(), 0);
}

static void count_task(struct stopper_ctx *ctx, void *n)
{
	__atomic_add_fetch((int *)n, 1, __ATOMIC_SEQ_CST);
}

/* One that could not be stopped later is not made. */
TEST(no_thread_for_the_first_stopper)
{
	const struct rlimit one = { 1, 1 };
	struct stopper *s = NULL;

	become_nobody();
	ASSERT_EQ(setrlimit(RLIMIT_NPROC, &one), 0);
	EXPECT_EQ(stopper_create(&s, "alone", NULL), -EAGAIN);
	EXPECT_EQ(s, NULL);
}

/* No thread to be had: refused with an error, never called, not counted. */
TEST(no_thread_to_be_had)
{
	const struct rlimit one = { 1, 1 };
	struct stopper *s = NULL;
	struct stopper_sem sem;
	int ran = 0, closed = 0;

	become_nobody();
	ASSERT_EQ(stopper_create(&s, "alone", NULL), 0);
	ASSERT_EQ(setrlimit(RLIMIT_NPROC, &one), 0);
	ASSERT_EQ(stopper_sem_init(&sem, 1), 0);
	EXPECT_EQ(stopper_run_async_task(s, NULL, "task", count_task, &ran), -EAGAIN);
	EXPECT_EQ(stopper_run_limited_async_task(s, NULL, "task", &sem, true, count_task, &ran),
		  -EAGAIN);
	EXPECT_EQ(stopper_sem_length(&sem), 0);
	EXPECT_EQ(stopper_run_worker(s, NULL, "worker", count_task, &ran), -EAGAIN);
	EXPECT_EQ(stopper_num_tasks(s), 0);
	EXPECT_EQ(stopper_run_task(s, NULL, "sync", count_task, &ran), 0);
	EXPECT_EQ(ran, 1);
	ASSERT_EQ(stopper_add_closer_fn(s, "closer", count, &closed), 0);
	/* a stop needs none: it is this thread that does the work */
	EXPECT_EQ(stopper_stop(s, NULL), 0);
	EXPECT_EQ(closed, 1);
	EXPECT_EQ(ran, 1);
	stopper_put(s);
	stopper_sem_destroy(&sem);
}

static int count_record(struct stopper_ctx *ctx, struct stopper_async *async)
{
	return 3;
}

static int told;

static void tell_record(struct stopper_async *async, int status)
{
	__atomic_store_n(&told, status, __ATOMIC_RELEASE);
}

/* A start of a record does not fail for want of a thread: the task begins when one can be had. */
TEST(record_waits_for_a_thread)
{
	struct stopper_async async = STOPPER_ASYNC_INIT(count_record, tell_record);
	struct rlimit limit, one;
	struct stopper *s = NULL;

	become_nobody();
	ASSERT_EQ(stopper_create(&s, "alone", NULL), 0);
	ASSERT_EQ(getrlimit(RLIMIT_NPROC, &limit), 0);
	one = limit;
	one.rlim_cur = 1;
	ASSERT_EQ(setrlimit(RLIMIT_NPROC, &one), 0);
	ASSERT_EQ(stopper_run_async_task(s, NULL, "task", count_task, &told), -EAGAIN);
	EXPECT_EQ(stopper_async_start(s, NULL, "record", &async), 0);
	EXPECT_EQ(stopper_async_start(s, NULL, "record", &async), -EBUSY);
	EXPECT_EQ(stopper_num_tasks(s), 1);
	EXPECT_EQ(__atomic_load_n(&told, __ATOMIC_ACQUIRE), 0);
	ASSERT_EQ(setrlimit(RLIMIT_NPROC, &limit), 0);
	EXPECT_EQ(stopper_async_wait(&async, NULL), 0);
	EXPECT_EQ(__atomic_load_n(&told, __ATOMIC_ACQUIRE), 3);
	EXPECT_EQ(stopper_stop(s, NULL), 0);
	stopper_put(s);
}

/* --- fork ------------------------------------------------------------------------------------- */

TEST(child_of_a_program_that_never_used_it_may_use_it)
{
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		alarm(60);
		_exit(exercise() ? 1 : 0);
	}
	EXPECT_EQ(child_status(pid), 0);
	/* and so may the parent, after it */
	EXPECT_EQ(exercise(), 0);
}

TEST(child_of_a_program_that_used_it_is_told)
{
	pid_t pid;

	ASSERT_EQ(exercise(), 0);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		struct stopper *s = NULL;

		alarm(20);
		_exit(stopper_create(&s, "child", NULL) == -ENOTSUP && !s ? 0 : 1);
	}
	EXPECT_EQ(child_status(pid), 0);
	EXPECT_EQ(exercise(), 0);
}

TEST(child_forked_while_tasks_run_exits_in_order)
{
	struct stopper *s = NULL;
	pid_t pid;
	int i;

	ASSERT_EQ(stopper_create(&s, "parent", NULL), 0);
	for (i = 0; i < 10; i++)
		ASSERT_EQ(stopper_run_async_task(s, NULL, "task", wait_quiesce, s), 0);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		alarm(20);
		exit(0);	/* with what atexit() and destructors do */
	}
	EXPECT_EQ(child_status(pid), 0);
	EXPECT_EQ(stopper_num_tasks(s), 10);
	EXPECT_EQ(stopper_stop(s, NULL), 0);
	stopper_put(s);
}

/* --- signals ---------------------------------------------------------------------------------- */

static void wait_for_ever(struct stopper_ctx *ctx, void *arg)
{
	for (;;)
		pause();
}

/* A program that ends in order on SIGTERM; @stubborn: or would, but for one task. */
static void program(int ready, bool stubborn)
{
	const int sigs[] = { SIGTERM, SIGINT };
	struct stopper *s = NULL;

	alarm(60);
	if (stopper_create(&s, "program", NULL) || stopper_stop_on_signals(s, sigs, 2) ||
	    stopper_run_async_task(s, NULL, "task", stubborn ? wait_for_ever : wait_quiesce, s))
		_exit(1);
	if (write(ready, "1", 1) != 1 || stopper_wait(stopper_should_quiesce(s), NULL) ||
	    write(ready, "2", 1) != 1)
		_exit(1);
	if (stopper_wait(stopper_is_stopped(s), NULL))
		_exit(1);
	stopper_put(s);
	_exit(42);
}

static pid_t start_program(int *out, bool stubborn)
{
	int fds[2];
	pid_t pid;

	if (pipe(fds))
		return -1;
	pid = fork();
	if (!pid)
		program(fds[1], stubborn);
	close(fds[1]);
	*out = fds[0];
	return pid;
}

TEST(first_signal_stops_in_order)
{
	static const int sigs[] = { SIGTERM, SIGINT };
	int i, out, status;
	pid_t pid;
	char c;

	for (i = 0; i < 2; i++) {
		pid = start_program(&out, false);
		ASSERT_EQ(read(out, &c, 1), 1);
		kill(pid, sigs[i]);
		status = child_status(pid);
		EXPECT_TRUE(WIFEXITED(status));
		EXPECT_EQ(WEXITSTATUS(status), 42);
		close(out);
	}
}

TEST(second_signal_ends_the_process)
{
	int out, status;
	pid_t pid;
	char c;

	pid = start_program(&out, true);
	ASSERT_EQ(read(out, &c, 1), 1);
	kill(pid, SIGTERM);
	ASSERT_EQ(read(out, &c, 1), 1);
	/* one that follows within 100 ms counts as the first, so be insistent */
	do {
		kill(pid, SIGINT);
		env_nap();
	} while (!waitpid(pid, &status, WNOHANG));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(WTERMSIG(status), SIGINT);
	close(out);
}

TEST(signals_that_cannot_be_waited_for_are_einval)
{
	const int term = SIGTERM, kill_ = SIGKILL, stop = SIGSTOP, zero = 0, huge = 4711, neg = -1;
	struct stopper *s = NULL;
	sigset_t blocked;

	ASSERT_EQ(stopper_create(&s, "signals", NULL), 0);
	EXPECT_EQ(stopper_stop_on_signals(NULL, &term, 1), -EINVAL);
	EXPECT_EQ(stopper_stop_on_signals(s, NULL, 1), -EINVAL);
	EXPECT_EQ(stopper_stop_on_signals(s, &term, 0), -EINVAL);
	EXPECT_EQ(stopper_stop_on_signals(s, &kill_, 1), -EINVAL);
	EXPECT_EQ(stopper_stop_on_signals(s, &stop, 1), -EINVAL);
	EXPECT_EQ(stopper_stop_on_signals(s, &zero, 1), -EINVAL);
	EXPECT_EQ(stopper_stop_on_signals(s, &huge, 1), -EINVAL);
	EXPECT_EQ(stopper_stop_on_signals(s, &neg, 1), -EINVAL);
	/* nothing changed */
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	EXPECT_FALSE(sigismember(&blocked, SIGTERM));
	EXPECT_EQ(stopper_stop(s, NULL), 0);
	stopper_put(s);
}

/*
 * Signals meant for the program's own threads must not end up in the library's. A task, worker
 * or closer has its creator's mask and may well take one; here are idle threads of the pool.
 */
static int handler_tid;
static int at_once;

static void all_at_once(struct stopper_ctx *ctx, void *arg)
{
	__atomic_add_fetch(&at_once, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&at_once, __ATOMIC_SEQ_CST) < 20)
		sched_yield();
}

static void note_tid(int sig)
{
	__atomic_store_n(&handler_tid, syscall(SYS_gettid), __ATOMIC_RELAXED);
}

TEST(threads_of_the_library_take_no_signals)
{
	struct stopper *s = NULL;
	int i;

	ASSERT_EQ(stopper_create(&s, "signals", NULL), 0);
	for (i = 0; i < 20; i++)
		ASSERT_EQ(stopper_run_async_task(s, NULL, "task", all_at_once, NULL), 0);
	while (stopper_num_tasks(s))
		sched_yield();
	signal(SIGUSR1, note_tid);
	for (i = 0; i < 20; i++) {
		__atomic_store_n(&handler_tid, 0, __ATOMIC_RELAXED);
		kill(getpid(), SIGUSR1);
		EXPECT_EQ(__atomic_load_n(&handler_tid, __ATOMIC_RELAXED), getpid());
	}
	EXPECT_EQ(stopper_stop(s, NULL), 0);
	stopper_put(s);
}

TEST_HARNESS_MAIN
