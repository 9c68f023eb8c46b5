// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_restricted.c - the userspace library in narrow surroundings, and on the caller's own loop.
 *
 * Rings, epoll, signals; and then: io_uring forbidden, membarrier missing, no
 * memory to lock, no descriptor, no thread, fork. The harness runs each test in
 * a child of its own, so what a test takes away is gone for that test only, and
 * the library is fresh in each.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <stopper/signal.h>
#include <stopper/stopper.h>
#include <stopper/uring.h>
#include "kselftest_harness.h"
#include "env/program.h"

static bool in_vm(void)
{
	return !access("/vm/command", F_OK);
}

static void wait_any_stop(struct stopper_ctx *ctx, void *s)
{
	struct stopper_event *evs[] = { NULL, stopper_should_stop(s) };

	if (stopper_wait_any(evs, 2, ctx) != 1)
		abort();
}

static void count(void *n)
{
	++*(int *)n;
}

/* All that waits, once, in the surroundings there are. 0, or the line that went wrong. */
static int exercise(void)
{
	struct stopper_event ev;
	struct stopper_sem sem;
	struct stopper_ctx *ctx;
	struct stopper *s = NULL;
	int closed = 0, i;

	if (stopper_create(&s, "narrow", NULL))
		return __LINE__;
	for (i = 0; i < 20; i++)
		if (stopper_run_async_task(s, NULL, "task", wait_quiesce, s))
			return __LINE__;
	if (stopper_run_worker(s, NULL, "worker", wait_any_stop, s))
		return __LINE__;
	if (stopper_add_closer_fn(s, "closer", count, &closed))
		return __LINE__;
	if (stopper_ctx_with_timeout(NULL, 10 * ENV_MSEC, &ctx))
		return __LINE__;
	stopper_event_init(&ev);
	if (stopper_wait(&ev, ctx) != -ETIMEDOUT)
		return __LINE__;
	stopper_event_destroy(&ev);
	if (stopper_sem_init(&sem, 1) || stopper_sem_acquire(&sem, NULL))
		return __LINE__;
	if (stopper_sem_acquire(&sem, ctx) != -ETIMEDOUT)
		return __LINE__;
	stopper_sem_release(&sem);
	stopper_sem_destroy(&sem);
	stopper_ctx_put(ctx);
	if (stopper_stop(s, NULL) || closed != 1 || stopper_num_tasks(s))
		return __LINE__;
	stopper_put(s);
	return 0;
}

static int open_fds(void)
{
	int n = 0, fd;

	for (fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* --- on the caller's own loop ----------------------------------------------------------------- */

TEST(event_arrives_on_the_callers_ring)
{
	struct stopper_event ev;
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int round;

	if (io_uring_queue_init(8, &ring, 0))
		SKIP(return, "no io_uring here");
	for (round = 0; round < 2; round++) {
		stopper_event_init(&ev);
		if (round)		/* fired before it was armed */
			stopper_event_fire(&ev);
		sqe = io_uring_get_sqe(&ring);
		ASSERT_EQ(stopper_uring_prep_event(sqe, &ev), 0);
		io_uring_sqe_set_data64(sqe, 4711 + round);
		ASSERT_EQ(io_uring_submit(&ring), 1);
		if (!round) {
			env_nap();
			EXPECT_EQ(io_uring_peek_cqe(&ring, &cqe), -EAGAIN);
			stopper_event_fire(&ev);
		}
		ASSERT_EQ(io_uring_wait_cqe(&ring, &cqe), 0);
		EXPECT_GT(cqe->res, 0);
		EXPECT_EQ(io_uring_cqe_get_data64(cqe), 4711 + round);
		io_uring_cqe_seen(&ring, cqe);
		stopper_event_destroy(&ev);
	}
	EXPECT_EQ(stopper_uring_prep_event(NULL, &ev), -EINVAL);
	io_uring_queue_exit(&ring);
}

TEST(should_quiesce_arrives_on_the_callers_ring)
{
	struct io_uring_cqe *cqe;
	struct stopper *s = NULL;
	struct io_uring ring;
	struct stopper_task task;

	if (io_uring_queue_init(8, &ring, 0))
		SKIP(return, "no io_uring here");
	ASSERT_EQ(stopper_create(&s, "ring", NULL), 0);
	ASSERT_EQ(stopper_task_begin(s, NULL, "request", &task), 0);
	ASSERT_EQ(stopper_uring_prep_event(io_uring_get_sqe(&ring), stopper_should_quiesce(s)), 0);
	ASSERT_EQ(stopper_uring_prep_event(io_uring_get_sqe(&ring), stopper_should_quiesce(NULL)),
		  0);
	ASSERT_EQ(io_uring_submit(&ring), 2);
	EXPECT_EQ(io_uring_peek_cqe(&ring, &cqe), -EAGAIN);
	ASSERT_EQ(stopper_stop_async(s), 0);
	ASSERT_EQ(io_uring_wait_cqe(&ring, &cqe), 0);
	EXPECT_GT(cqe->res, 0);
	io_uring_cqe_seen(&ring, cqe);
	/* that of no stopper never comes */
	EXPECT_EQ(io_uring_peek_cqe(&ring, &cqe), -EAGAIN);
	EXPECT_EQ(stopper_phase(s), STOPPER_QUIESCING);
	stopper_task_end(&task);
	EXPECT_EQ(stopper_stop(s, NULL), 0);
	stopper_put(s);
	io_uring_queue_exit(&ring);
}

TEST(event_has_a_descriptor_for_epoll)
{
	struct epoll_event what = { .events = EPOLLIN }, got;
	int ep = epoll_create1(0), before = open_fds(), fd;
	struct stopper_event ev;

	stopper_event_init(&ev);
	fd = stopper_event_fd(&ev);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(stopper_event_fd(&ev), fd);
	EXPECT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ASSERT_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &what), 0);
	EXPECT_EQ(epoll_wait(ep, &got, 1, 0), 0);
	stopper_event_fire(&ev);
	EXPECT_EQ(epoll_wait(ep, &got, 1, -1), 1);
	EXPECT_EQ(epoll_wait(ep, &got, 1, 0), 1);	/* for ever */
	stopper_event_destroy(&ev);
	EXPECT_EQ(open_fds(), before);
	/* one that fired before it was asked for */
	stopper_event_init(&ev);
	stopper_event_fire(&ev);
	ASSERT_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, stopper_event_fd(&ev), &what), 0);
	EXPECT_EQ(epoll_wait(ep, &got, 1, -1), 1);
	stopper_event_destroy(&ev);
	close(ep);
}

TEST(descriptor_of_no_event_never_becomes_readable)
{
	struct pollfd p = { .fd = stopper_event_fd(NULL), .events = POLLIN };

	ASSERT_GE(p.fd, 0);
	EXPECT_EQ(poll(&p, 1, 10), 0);
	p.fd = stopper_event_fd(stopper_should_stop(NULL));
	ASSERT_GE(p.fd, 0);
	EXPECT_EQ(poll(&p, 1, 10), 0);
}

TEST(descriptor_of_a_stopper_goes_with_it)
{
	struct stopper *s = NULL;
	int before, round;

	ASSERT_EQ(exercise(), 0);
	before = open_fds();
	for (round = 0; round < 300; round++) {
		ASSERT_EQ(stopper_create(&s, "fds", NULL), 0);
		ASSERT_GE(stopper_event_fd(stopper_should_quiesce(s)), 0);
		ASSERT_GE(stopper_event_fd(stopper_is_stopped(s)), 0);
		ASSERT_EQ(stopper_stop(s, NULL), 0);
		stopper_put(s);
	}
	/* Fewer is fine: a worker of exercise() may have let go of its stopper only now. */
	EXPECT_LE(open_fds(), before);
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

/* Needs the sysctl, so only where nobody else lives. */
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

/* --- many ------------------------------------------------------------------------------------- */

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
