/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * interrupt.h - userspace: ending the system call in which a task is blocked.
 *
 * A task that is blocked in recv(), read() or the like does not see that its context has ended.
 * For a socket the cure is a shutdown, for everything else a signal. In the kernel a callback of
 * stopper_event_on_fire() queues a work item that calls kernel_sock_shutdown(); waits on behalf
 * of a process are killable with stopper_ctx_with_kill().
 */
#ifndef STOPPER_INTERRUPT_H
#define STOPPER_INTERRUPT_H

#include <stopper/ctx.h>

STOPPER_BEGIN_DECLS

struct stopper_interrupt;

/**
 * stopper_ctx_shutdown_fd() - shut a socket down when a context ends
 * @ctx: the context; NULL: the background, which never ends
 * @fd: a socket
 * @out: set to what stopper_interrupt_end() takes
 *
 * When @ctx ends, shutdown(@fd, SHUT_RDWR) is called: reads return what has arrived and then 0,
 * writes fail with EPIPE, and the peer sees the end of the stream. If @ctx has ended already,
 * that happens at once.
 *
 * @fd must not be closed before stopper_interrupt_end() has returned: another thread might get
 * its number for a file of its own.
 *
 * Context: Any thread. Allocates memory.
 * Return:
 * * 0 - @out is set
 * * -ENOTSOCK, -EBADF - @fd is no socket, or not open
 * * -EINVAL - @out is NULL
 * * -ENOMEM - out of memory
 * * -ENOTSUP - in a child of fork() whose parent had used the library
 */
STOPPER_API int stopper_ctx_shutdown_fd(struct stopper_ctx *ctx, int fd,
					struct stopper_interrupt **out);

/**
 * stopper_ctx_interrupt_thread() - interrupt this thread's system calls when a context ends
 * @ctx: the context; NULL: the background, which never ends
 * @signo: a signal that the program uses for nothing else, for example SIGRTMIN + 1
 * @out: set to what stopper_interrupt_end() takes
 *
 * When @ctx ends, blocking system calls of the calling thread fail with EINTR. No wake-up is
 * lost: @signo is sent every 10 ms until stopper_interrupt_end(), so a read() that begins between
 * two of them, after the thread has looked at @ctx for the last time, is interrupted, too. A
 * program that cannot wait that long blocks @signo and waits in ppoll() with a mask in which it is
 * not blocked.
 *
 * @signo gets a handler that does nothing, without SA_RESTART, for the rest of the process's life,
 * and is not blocked in this thread until stopper_interrupt_end(). Calls that restart by
 * themselves, such as sem_wait() of some libcs and stdio, go on.
 *
 * Context: The thread that will be interrupted. Allocates memory.
 * Return:
 * * 0 - @out is set
 * * -EBUSY - the program has a handler of its own for @signo
 * * -EINVAL - @out is NULL, or @signo is invalid or cannot be handled
 * * -ENOMEM - out of memory
 * * -EAGAIN - the library's timer thread cannot be started
 * * -ENOTSUP - in a child of fork() whose parent had used the library
 */
STOPPER_API int stopper_ctx_interrupt_thread(struct stopper_ctx *ctx, int signo,
					     struct stopper_interrupt **out);

/**
 * stopper_interrupt_end() - take back a call of this header
 * @it: what the call has set. NULL is a no-op
 *
 * After this no shutdown happens and no signal comes any more. The thread's signal mask is as
 * before the call.
 *
 * Context: For stopper_ctx_interrupt_thread() the same thread; else any. Not in a callback of the
 * context's event.
 */
STOPPER_API void stopper_interrupt_end(struct stopper_interrupt *it);

STOPPER_END_DECLS

#endif /* STOPPER_INTERRUPT_H */
