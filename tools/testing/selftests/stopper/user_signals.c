// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_signals.c - stopping on signals, for every registered stopper, whatever signals the program
 * has blocked or descriptors it has closed. After the stop, signals act as without the library.
 *
 * A process that must die is a child of the test.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <stopper/signal.h>
#include <stopper/stopper.h>
#include "kselftest_harness.h"
#include "env/program.h"

static const int term = SIGTERM, intr = SIGINT, hup = SIGHUP;

static struct stopper *new_stopper(const char *name)
{
	struct stopper *s = NULL;

	return stopper_create(&s, name, NULL) ? NULL : s;
}

static void stopped(struct __test_metadata *_metadata, struct stopper *s)
{
	ASSERT_EQ(0, stopper_wait(stopper_is_stopped(s), NULL));
	stopper_put(s);
}

TEST(one_signal_stops_all_that_are_registered_for_it)
{
	struct stopper *a = new_stopper("a"), *b = new_stopper("b"), *other = new_stopper("other");

	ASSERT_EQ(0, stopper_stop_on_signals(a, &term, 1));
	ASSERT_EQ(0, stopper_stop_on_signals(b, &term, 1));
	ASSERT_EQ(0, stopper_stop_on_signals(other, &hup, 1));
	kill(getpid(), SIGTERM);
	stopped(_metadata, a);
	stopped(_metadata, b);
	ASSERT_EQ(STOPPER_RUNNING, stopper_phase(other));
	/* Another signal, of one that was not asked: its first. */
	env_sleep(5 * ENV_MSEC);
	kill(getpid(), SIGHUP);
	stopped(_metadata, other);
}

TEST(a_signal_that_is_raised_or_sent_to_a_thread_counts)
{
	struct stopper *a = new_stopper("a"), *b = new_stopper("b");

	ASSERT_EQ(0, stopper_stop_on_signals(a, &term, 1));
	raise(SIGTERM);
	stopped(_metadata, a);
	ASSERT_EQ(0, stopper_stop_on_signals(b, &term, 1));
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGTERM);
	stopped(_metadata, b);
}

TEST(a_signal_that_the_program_blocks_everywhere_counts)
{
	struct stopper *s;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	s = new_stopper("blocked");
	ASSERT_EQ(0, stopper_stop_on_signals(s, &term, 1));
	kill(getpid(), SIGTERM);
	stopped(_metadata, s);
}

/* The task is begun and never ended. */
static pid_t stuck_child(bool two_calls)
{
	static struct stopper_task task;
	struct stopper *s;
	int p[2];
	char c;
	pid_t pid;

	if (pipe(p))
		return -1;
	pid = fork();
	if (pid) {
		close(p[1]);
		/* Quiesces. */
		if (read(p[0], &c, 1) == 1)
			kill(pid, SIGINT);
		while (read(p[0], &c, 1) != 1)
			;
		close(p[0]);
		return pid;
	}
	s = new_stopper("stuck");
	stopper_task_begin(s, NULL, "stuck", &task);
	stopper_stop_on_signals(s, two_calls ? &intr : &term, 1);
	stopper_stop_on_signals(s, two_calls ? &term : &intr, 1);
	if (write(p[1], "r", 1) != 1 || stopper_wait(stopper_should_quiesce(s), NULL) ||
	    write(p[1], "q", 1) != 1)
		_exit(1);
	stopper_wait(stopper_is_stopped(s), NULL);
	_exit(0);
}

/* Until it counts as a second one: not within 100 ms of the first. */
static int end_by_second(pid_t pid, int sig)
{
	int status;

	while (!waitpid(pid, &status, WNOHANG)) {
		kill(pid, sig);
		env_sleep(5 * ENV_MSEC);
	}
	return shell_status(status);
}

TEST(a_second_signal_ends_the_process)
{
	ASSERT_EQ(128 + SIGINT, end_by_second(stuck_child(false), SIGINT));
	ASSERT_EQ(128 + SIGTERM, end_by_second(stuck_child(false), SIGTERM));
	ASSERT_EQ(128 + SIGTERM, end_by_second(stuck_child(true), SIGTERM));
}

static int old_handled;

static void old_handler(int sig)
{
	old_handled = sig;
}

TEST(all_is_as_before_when_the_last_has_stopped)
{
	struct sigaction old = { .sa_handler = old_handler }, now;
	struct stopper *s = new_stopper("first"), *again = new_stopper("again");
	static const int both[] = { SIGTERM, SIGINT };

	sigaction(SIGINT, &old, NULL);
	ASSERT_EQ(0, stopper_stop_on_signals(s, both, 2));
	kill(getpid(), SIGTERM);
	stopped(_metadata, s);
	do {
		sigaction(SIGTERM, NULL, &now);
		env_sleep(5 * ENV_MSEC);
	} while (now.sa_handler != SIG_DFL);
	raise(SIGINT);
	ASSERT_EQ(SIGINT, old_handled);
	/* and once more */
	ASSERT_EQ(0, stopper_stop_on_signals(again, both, 2));
	kill(getpid(), SIGINT);
	stopped(_metadata, again);
}

TEST(a_program_that_hangs_in_its_clean_up_is_ended)
{
	pid_t pid = fork();

	if (!pid) {
		struct stopper *s = new_stopper("cleanup");

		stopper_stop_on_signals(s, &term, 1);
		raise(SIGTERM);
		stopper_wait(stopper_is_stopped(s), NULL);
		for (;;)
			pause();
	}
	/* The first may come before the handler is set, or be the one that stops it. */
	ASSERT_EQ(128 + SIGTERM, end_by_second(pid, SIGTERM));
}

static int open_files(void)
{
	int fd, n = 0;

	for (fd = 3; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

TEST(a_daemon_that_closes_all_descriptors_is_stopped)
{
	struct stopper *s = new_stopper("daemon");
	int fd;

	ASSERT_EQ(0, stopper_stop_on_signals(s, &term, 1));
	for (fd = 3; fd < 1024; fd++)
		close(fd);
	/* Files of its own, under the same numbers. */
	for (fd = 3; fd < 12; fd++)
		ASSERT_EQ(fd, open("/dev/zero", O_RDONLY));
	kill(getpid(), SIGTERM);
	while (stopper_phase(s) != STOPPER_STOPPED)
		env_sleep(5 * ENV_MSEC);
	ASSERT_EQ(9, open_files());
	stopper_put(s);
}

TEST(children_of_main_are_not_deaf)
{
	struct stopper *s = new_stopper("main");
	int p[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, stopper_stop_on_signals(s, &term, 1));
	ASSERT_EQ(0, pipe2(p, O_CLOEXEC));
	pid = fork();
	if (!pid) {
		execlp("sleep", "sleep", "1000", NULL);
		_exit(1);
	}
	close(p[1]);
	/* It has become another program. */
	ASSERT_EQ(0, read(p[0], &c, 1));
	kill(pid, SIGTERM);
	ASSERT_EQ(128 + SIGTERM, shell_status(child_status(pid)));
	ASSERT_EQ(STOPPER_RUNNING, stopper_phase(s));
	ASSERT_EQ(0, stopper_stop(s, NULL));
	stopper_put(s);
}

/* It has no keeper, and it is not to stop its parent's. */
TEST(a_forked_child_has_the_disposition_from_before)
{
	struct stopper *s = new_stopper("parent");
	pid_t pid;

	ASSERT_EQ(0, stopper_stop_on_signals(s, &term, 1));
	pid = fork();
	if (!pid)
		for (;;)
			pause();
	kill(pid, SIGTERM);
	ASSERT_EQ(128 + SIGTERM, shell_status(child_status(pid)));
	ASSERT_EQ(STOPPER_RUNNING, stopper_phase(s));
	ASSERT_EQ(0, stopper_stop(s, NULL));
	stopper_put(s);
}

TEST(a_stopper_that_has_stopped_registers_nothing)
{
	struct stopper *s = new_stopper("stopped");
	struct sigaction now;

	ASSERT_EQ(0, stopper_stop(s, NULL));
	ASSERT_EQ(0, stopper_stop_on_signals(s, &term, 1));
	ASSERT_EQ(0, sigaction(SIGTERM, NULL, &now));
	ASSERT_EQ(SIG_DFL, now.sa_handler);
	stopper_put(s);
}

TEST_HARNESS_MAIN
