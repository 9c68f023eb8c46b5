/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * program.h - what several test programs of userspace need.
 */
#ifndef STOPPER_TEST_PROGRAM_H
#define STOPPER_TEST_PROGRAM_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <stopper/stopper.h>
#include "env.h"

static inline void nothing(struct stopper_ctx *ctx, void *arg)
{
}

/* A log that says nothing. */
static inline void quiet(void *arg, int level, const char *line)
{
}

/* A task that runs until Quiesce. */
static inline void wait_quiesce(struct stopper_ctx *ctx, void *s)
{
	if (stopper_wait(stopper_should_quiesce(s), NULL))
		abort();
}

/* A worker that runs until Stop. */
static inline void wait_stop(struct stopper_ctx *ctx, void *s)
{
	if (stopper_wait(stopper_should_stop(s), NULL))
		abort();
}

/* The wait status of a child that ends, in the form of waitpid(). */
static inline int child_status(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* A wait status as a shell gives it: the exit status, or 128 and the signal. */
static inline int shell_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Until another thread or a callback has set @word. */
static inline void wait_until(int *word, int value)
{
	while (__atomic_load_n(word, __ATOMIC_SEQ_CST) != value)
		env_sleep(5 * ENV_MSEC);
}

/* From now on system call @nr fails with @err in every thread of this process. 0 or -errno. */
static inline int forbid_syscall(unsigned int nr, int err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = ARRAY_SIZE(code), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog))
		return -errno;
	return 0;
}

#ifdef __SANITIZE_ADDRESS__
void __asan_handle_no_return(void);
#else
#define __asan_handle_no_return()	((void)0)
#endif

/* A cancellation point. ASan sees pthread_exit() unwind the stack, but not cancellation. */
static inline void cancellation_point(void)
{
	__asan_handle_no_return();
	pthread_testcancel();
}

#endif /* STOPPER_TEST_PROGRAM_H */
