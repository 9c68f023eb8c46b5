// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_filters.c - a seccomp filter is installed while the library is in use and forbids a system
 * call: running work ends, new work runs or is refused as documented, the stop ends, and each
 * problem is reported once.
 *
 * futex() is not here: without it libc ends the process.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stopper/print.h>
#include <stopper/signal.h>
#include <stopper/stopper.h>
#include <stopper/threads.h>
#include <stopper/uring.h>
#include "kselftest_harness.h"

#define SEC		1000000000LL
#define MAX_LINES	3
#define NO_FILTERS	77

static struct stopper *s;
static struct stopper_event go, later, polled;
static int ran;

static void count(struct stopper_ctx *ctx, void *arg)
{
	__atomic_add_fetch(&ran, 1, __ATOMIC_SEQ_CST);
}

static void count_after(struct stopper_ctx *ctx, void *ev)
{
	stopper_wait(ev, NULL);
	count(ctx, NULL);
}

static void worker(struct stopper_ctx *ctx, void *arg)
{
	stopper_wait(stopper_should_stop(s), NULL);
	count(ctx, NULL);
}

static void closer(void *arg)
{
	count(NULL, NULL);
}

/* Also for the threads that there are. */
static bool forbid(const int *nr, int err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)nr[0], 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)nr[1], 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = 5, .filter = code };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog);
}

#define NEED(cond) do {								\
	if (!(cond)) {								\
		dprintf(STDOUT_FILENO, "# %d: %s\n", __LINE__, #cond);		\
		_exit(1);							\
	}									\
} while (0)

/* 0, or refused for want of a thread. */
static int accept(int err, int *accepted)
{
	NEED(!err || err == -EAGAIN);
	*accepted += !err;
	return err;
}

/* In a child. */
static void use_with_filter(const int *nr, int forbidden)
{
	static const int sigs[] = { SIGTERM };
	struct stopper_ctx *patience, *soon;
	struct stopper *other;
	int i, fd, expect = 0, err;
	struct pollfd p;

	sigset_t usr;

	/* The creator's mask is not empty. */
	sigemptyset(&usr);
	sigaddset(&usr, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr, NULL);
	alarm(30);
	stopper_event_init(&go);
	stopper_event_init(&later);
	stopper_event_init(&polled);
	NEED(!stopper_create(&s, "filtered", NULL));
	NEED(!stopper_stop_on_signals(s, sigs, 1));
	NEED(!accept(stopper_run_worker(s, NULL, "worker", worker, NULL), &expect));
	NEED(!accept(stopper_add_closer_fn(s, "closer", closer, NULL), &expect));
	for (i = 0; i < 3; i++)
		NEED(!accept(stopper_run_async_task(s, NULL, "before", count_after, &go), &expect));
	p = (struct pollfd){ .fd = stopper_event_fd(&polled), .events = POLLIN };
	NEED(p.fd >= 0);

	if (!forbid(nr, forbidden))
		_exit(NO_FILTERS);
	stopper_event_fire(&go);
	stopper_event_fire(&polled);
	NEED(poll(&p, 1, -1) == 1);
	for (i = 0; i < 20; i++)
		accept(stopper_run_async_task(s, NULL, "after", count_after, &later), &expect);
	accept(stopper_run_worker(s, NULL, "worker", worker, NULL), &expect);
	NEED(!stopper_run_task(s, NULL, "sync", count, NULL));
	expect++;
	err = stopper_create(&other, "other", NULL);
	NEED(!err);
	fd = stopper_event_fd(&later);
	NEED(fd >= 0 || fd == -forbidden);
	err = stopper_ctx_with_timeout(NULL, 1000000, &soon);
	NEED(!err && stopper_wait(NULL, soon) == -ETIMEDOUT);
	stopper_ctx_put(soon);
	stopper_event_fire(&later);
	err = stopper_debug_print(stderr);
	NEED(!err);
	kill(getpid(), SIGTERM);
	NEED(!stopper_ctx_with_timeout(NULL, 20 * SEC, &patience));
	NEED(!stopper_wait(stopper_is_stopped(s), patience));
	NEED(!stopper_stop(other, patience));
	NEED(ran == expect);
	stopper_ctx_put(patience);
	stopper_put(s);
	stopper_put(other);
	NEED(!stopper_end_idle_threads());
	_exit(0);
}

/* Lines that do not belong to a debug list. */
static int lines_said(int fd)
{
	char text[16384] = "", *line;
	int n = 0;

	if (pread(fd, text, sizeof(text) - 1, 0) < 0)
		return -1;
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (!strncmp(line, "stopper: ", 9)) {
			printf("# %s\n", line);
			n++;
		}
	return n;
}

FIXTURE(filter)
{
};

FIXTURE_VARIANT(filter)
{
	int nr[2];
};

FIXTURE_VARIANT_ADD(filter, clone) { .nr = { __NR_clone, __NR_clone3 } };
FIXTURE_VARIANT_ADD(filter, uring) { .nr = { __NR_io_uring_setup, __NR_io_uring_enter } };
FIXTURE_VARIANT_ADD(filter, threads_names) { .nr = { __NR_prctl, __NR_prctl } };
FIXTURE_VARIANT_ADD(filter, sched_get) { .nr = { __NR_sched_getattr, __NR_sched_getaffinity } };
FIXTURE_VARIANT_ADD(filter, sched_set) { .nr = { __NR_sched_setattr, __NR_sched_setaffinity } };
FIXTURE_VARIANT_ADD(filter, signals_waited) { .nr = { __NR_rt_sigpending, __NR_rt_sigtimedwait } };
FIXTURE_VARIANT_ADD(filter, yields) { .nr = { __NR_sched_yield, __NR_nanosleep } };
FIXTURE_VARIANT_ADD(filter, files) { .nr = { __NR_openat, __NR_newfstatat } };
FIXTURE_VARIANT_ADD(filter, membarrier) { .nr = { __NR_membarrier, -1 } };
FIXTURE_VARIANT_ADD(filter, eventfd2) { .nr = { __NR_eventfd2, -1 } };
FIXTURE_VARIANT_ADD(filter, getrandom) { .nr = { __NR_getrandom, -1 } };
FIXTURE_VARIANT_ADD(filter, rt_sigprocmask) { .nr = { __NR_rt_sigprocmask, -1 } };
FIXTURE_VARIANT_ADD(filter, rt_sigaction) { .nr = { __NR_rt_sigaction, -1 } };
FIXTURE_VARIANT_ADD(filter, tgkill) { .nr = { __NR_tgkill, -1 } };
FIXTURE_VARIANT_ADD(filter, sendto) { .nr = { __NR_sendto, -1 } };
FIXTURE_VARIANT_ADD(filter, fcntl) { .nr = { __NR_fcntl, -1 } };
FIXTURE_VARIANT_ADD(filter, ppoll) { .nr = { __NR_ppoll, -1 } };
FIXTURE_VARIANT_ADD(filter, gettid) { .nr = { __NR_gettid, -1 } };

FIXTURE_SETUP(filter)
{
}

FIXTURE_TEARDOWN(filter)
{
}

static void try(struct __test_metadata *_metadata, const int *nr, const char *way, int err)
{
	const struct rlimit none = { 0, 0 };
	int status, said = memfd_create("said", 0);
	pid_t pid;

	ASSERT_GE(said, 0);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		setenv("STOPPER_WAIT", way, 1);
		dup2(said, STDERR_FILENO);
		use_with_filter(nr, err);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTERS)
		SKIP(return, "no seccomp filters here");
	EXPECT_EQ(0, status) {
		TH_LOG("error %d, %s", err, way);
	}
	EXPECT_GE(MAX_LINES, lines_said(said));
	close(said);
}

TEST_F(filter, comes_late)
{
	static const char * const ways[] = { "", "uring-eventfd", "futex" };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		try(_metadata, variant->nr, ways[i], EPERM);
		try(_metadata, variant->nr, ways[i], ENOSYS);
	}
}

TEST_HARNESS_MAIN
