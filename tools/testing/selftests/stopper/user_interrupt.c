// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_interrupt.c - the end of a context ends the system call in which a task is blocked, and
 * nothing happens to the file or the thread afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stopper/interrupt.h>
#include <stopper/stopper.h>
#include "kselftest_harness.h"
#include "env/program.h"

#define SIGNAL	(SIGRTMIN + 3)

FIXTURE(blocked)
{
	struct stopper_ctx *ctx;
	int sock[2];
	int pipe[2];
};

FIXTURE_SETUP(blocked)
{
	ASSERT_EQ(0, stopper_ctx_with_cancel(NULL, &self->ctx));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, self->sock));
	ASSERT_EQ(0, pipe2(self->pipe, O_CLOEXEC));
}

FIXTURE_TEARDOWN(blocked)
{
	stopper_ctx_put(self->ctx);
	close(self->sock[0]);
	close(self->sock[1]);
	close(self->pipe[0]);
	close(self->pipe[1]);
}

static void *cancel_later(void *ctx)
{
	env_sleep(20 * ENV_MSEC);
	stopper_ctx_cancel(ctx);
	return NULL;
}

/* Whether it comes before, in or after the call that follows must not matter. */
static pthread_t cancel_meanwhile(struct stopper_ctx *ctx)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, cancel_later, ctx))
		abort();
	return thread;
}

TEST_F(blocked, a_receiver_sees_the_end_of_the_stream)
{
	struct stopper_interrupt *it;
	pthread_t thread;
	char c;

	ASSERT_EQ(0, stopper_ctx_shutdown_fd(self->ctx, self->sock[0], &it));
	thread = cancel_meanwhile(self->ctx);
	EXPECT_EQ(0, recv(self->sock[0], &c, 1, 0));
	EXPECT_EQ(-ECANCELED, stopper_ctx_err(self->ctx));
	stopper_interrupt_end(it);
	pthread_join(thread, NULL);
	/* So does the peer. */
	EXPECT_EQ(0, recv(self->sock[1], &c, 1, 0));
}

TEST_F(blocked, a_context_that_has_ended_shuts_down_at_once)
{
	struct stopper_interrupt *it;
	char c;

	stopper_ctx_cancel(self->ctx);
	ASSERT_EQ(0, stopper_ctx_shutdown_fd(self->ctx, self->sock[0], &it));
	EXPECT_EQ(0, recv(self->sock[0], &c, 1, 0));
	stopper_interrupt_end(it);
}

TEST_F(blocked, after_the_end_the_file_is_left_alone)
{
	struct stopper_interrupt *it;
	char c = 'x';

	ASSERT_EQ(0, stopper_ctx_shutdown_fd(self->ctx, self->sock[0], &it));
	stopper_interrupt_end(it);
	stopper_ctx_cancel(self->ctx);
	EXPECT_EQ(1, send(self->sock[0], &c, 1, MSG_NOSIGNAL));
	EXPECT_EQ(1, recv(self->sock[1], &c, 1, 0));
}

TEST_F(blocked, a_reader_is_interrupted)
{
	struct stopper_interrupt *it;
	pthread_t thread;
	char c;

	ASSERT_EQ(0, stopper_ctx_interrupt_thread(self->ctx, SIGNAL, &it));
	thread = cancel_meanwhile(self->ctx);
	EXPECT_EQ(-1, read(self->pipe[0], &c, 1));
	EXPECT_EQ(EINTR, errno);
	EXPECT_EQ(-ECANCELED, stopper_ctx_err(self->ctx));
	stopper_interrupt_end(it);
	pthread_join(thread, NULL);
}

/* The first signals come before the call. */
TEST_F(blocked, no_wakeup_is_lost)
{
	struct stopper_interrupt *it;
	char c;
	int i;

	ASSERT_EQ(0, stopper_ctx_interrupt_thread(self->ctx, SIGNAL, &it));
	stopper_ctx_cancel(self->ctx);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-1, read(self->pipe[0], &c, 1));
		EXPECT_EQ(EINTR, errno);
	}
	stopper_interrupt_end(it);
}

TEST_F(blocked, a_deadline_interrupts_too)
{
	struct stopper_interrupt *it;
	struct stopper_ctx *timed;
	char c;

	ASSERT_EQ(0, stopper_ctx_with_timeout(self->ctx, 5 * ENV_MSEC, &timed));
	ASSERT_EQ(0, stopper_ctx_interrupt_thread(timed, SIGNAL, &it));
	EXPECT_EQ(-1, read(self->pipe[0], &c, 1));
	EXPECT_EQ(-ETIMEDOUT, stopper_ctx_err(timed));
	stopper_interrupt_end(it);
	stopper_ctx_put(timed);
}

static int nr_signals;

static void count_signals(int signo)
{
	__atomic_add_fetch(&nr_signals, 1, __ATOMIC_SEQ_CST);
}

TEST_F(blocked, after_the_end_no_signal_comes)
{
	struct sigaction sa = { .sa_handler = count_signals };
	struct stopper_interrupt *it;
	sigset_t mask, before;
	int i;

	sigemptyset(&mask);
	sigaddset(&mask, SIGNAL);
	pthread_sigmask(SIG_BLOCK, &mask, &before);
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, stopper_ctx_interrupt_thread(self->ctx, SIGNAL, &it));
		pthread_sigmask(SIG_SETMASK, NULL, &mask);
		EXPECT_EQ(0, sigismember(&mask, SIGNAL));
		/* The first time: in the middle of the signals. */
		if (!i)
			stopper_ctx_cancel(self->ctx);
		stopper_interrupt_end(it);
		pthread_sigmask(SIG_SETMASK, NULL, &mask);
		EXPECT_EQ(1, sigismember(&mask, SIGNAL));
	}
	sigaction(SIGNAL, &sa, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	EXPECT_EQ(0, __atomic_load_n(&nr_signals, __ATOMIC_SEQ_CST));
	/* A handler of the program's stays. */
	EXPECT_EQ(-EBUSY, stopper_ctx_interrupt_thread(self->ctx, SIGNAL, &it));
	signal(SIGNAL, SIG_DFL);
}

TEST_F(blocked, bad_arguments_change_nothing)
{
	struct stopper_interrupt *it = (void *)1;

	EXPECT_EQ(-EINVAL, stopper_ctx_shutdown_fd(self->ctx, self->sock[0], NULL));
	EXPECT_EQ(-ENOTSOCK, stopper_ctx_shutdown_fd(self->ctx, self->pipe[0], &it));
	EXPECT_EQ(-EBADF, stopper_ctx_shutdown_fd(self->ctx, -1, &it));
	EXPECT_EQ(-EINVAL, stopper_ctx_interrupt_thread(self->ctx, SIGNAL, NULL));
	EXPECT_EQ(-EINVAL, stopper_ctx_interrupt_thread(self->ctx, 0, &it));
	EXPECT_EQ(-EINVAL, stopper_ctx_interrupt_thread(self->ctx, SIGKILL, &it));
	EXPECT_EQ((void *)1, it);
	stopper_interrupt_end(NULL);
	/* The background never ends. */
	ASSERT_EQ(0, stopper_ctx_shutdown_fd(NULL, self->sock[0], &it));
	stopper_interrupt_end(it);
}

TEST_HARNESS_MAIN
