// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * log.c - lines for standard error, which never block and never kill.
 *
 * Reports are made by the thread that stops. Its standard error may be a pipe that nobody
 * reads, a terminal that was stopped with Ctrl-S, a socket of a log daemon that hangs, or a
 * pipe whose reader has gone: none of these may hold up a stop or end the process. A line that
 * cannot be written at once is dropped and counted; the next line that can be written is
 * preceded by the count.
 *
 * O_NONBLOCK belongs to the open file, which the parent and the children of the process
 * share, so it is not set. Instead, in this order:
 *
 *   send(MSG_DONTWAIT)        a socket; anything else answers ENOTSOCK, and a filter EPERM or
 *                             ENOSYS
 *   write()                   a regular file: its writes wait for the disk, but for nobody
 *   an open file of our own   a pipe or a terminal, opened anew through /proc with O_NONBLOCK,
 *                             for this line alone: a descriptor that is kept could be closed
 *                             by closefrom() and its number be used again
 *   poll(), then write()      where that is refused (no /proc, another user's terminal). At
 *                             most PIPE_BUF bytes, for which a pipe that polls writable has
 *                             room, unless another writer takes it in between: the only case
 *                             in which a line may wait
 *
 * SIGPIPE and SIGXFSZ are errors here, not signals: blocked during the write, and taken back
 * if it was the write that raised them.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "internal.h"

#define LINE_SIZE	640

static unsigned int nr_dropped;

void quiet_begin(struct quiet *q)
{
	sigset_t pending;

	sigemptyset(&pending);
	sigemptyset(&q->mine);
	sigpending(&pending);
	if (!sigismember(&pending, SIGPIPE))
		sigaddset(&q->mine, SIGPIPE);
	if (!sigismember(&pending, SIGXFSZ))
		sigaddset(&q->mine, SIGXFSZ);
	pthread_sigmask(SIG_BLOCK, &q->mine, &q->old);
}

void quiet_end(const struct quiet *q)
{
	const struct timespec now = { 0, 0 };

	while (syscall(SYS_rt_sigtimedwait, &q->mine, NULL, &now, _NSIG / 8) > 0)
		;
	pthread_sigmask(SIG_SETMASK, &q->old, NULL);
}

static long write_reopened(const char *buf, size_t len)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/fd/2",
			      O_WRONLY | O_NONBLOCK | O_NOCTTY | O_APPEND | O_CLOEXEC, 0);
	long n;

	if (fd < 0)
		return -2;
	n = syscall(SYS_write, fd, buf, len);
	syscall(SYS_close, fd);
	return n;
}

static long write_polled(const char *buf, size_t len)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	const struct timespec now = { 0, 0 };

	/* No cancellation point. */
	if (syscall(SYS_ppoll, &p, 1, &now, NULL, 0) != 1 || !(p.revents & POLLOUT))
		return -1;
	return syscall(SYS_write, STDERR_FILENO, buf, len);
}

/* Whether it was written: all of it, in one call, so that lines of several threads do not mix. */
static bool write_line(const char *buf, size_t len)
{
	struct stat st;
	long n;

	n = syscall(SYS_sendto, STDERR_FILENO, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
	if (n < 0 && (errno == ENOTSOCK || errno == EPERM || errno == ENOSYS)) {
		if (!fstat(STDERR_FILENO, &st) && S_ISREG(st.st_mode))
			n = syscall(SYS_write, STDERR_FILENO, buf, len);
		else
			n = write_reopened(buf, len);
		if (n == -2)
			n = write_polled(buf, len);
	}
	return n > 0;
}

/* Takes the count; gives it back where the line was not written. */
static void write_nr_dropped(void)
{
	char line[96];
	/* (W) full only to be counted once */
	unsigned int n = __atomic_exchange_n(&nr_dropped, 0, __ATOMIC_SEQ_CST);
	int len;

	if (!n)
		return;
	len = snprintf(line, sizeof(line),
		       "stopper: %u log lines dropped: standard error was not writable\n", n);
	if (!write_line(line, (size_t)len))
		/* (W) likewise */
		plat_fetch_add_full(&nr_dropped, n);
}

void plat_log(int level, const char *line)
{
	char buf[LINE_SIZE];
	int len = snprintf(buf, sizeof(buf), "stopper: %s\n", line), err = errno;
	struct quiet q;

	(void)level;
	if (len >= (int)sizeof(buf)) {
		len = sizeof(buf);
		buf[len - 1] = '\n';
	}
	quiet_begin(&q);
	write_nr_dropped();
	if (!write_line(buf, (size_t)len))
		/* (W) full only to be counted */
		plat_fetch_add_full(&nr_dropped, 1);
	quiet_end(&q);
	errno = err;
}
