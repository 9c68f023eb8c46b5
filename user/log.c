// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * log.c - writes lines to standard error without blocking and without signals.
 *
 * The stopping thread writes the reports. Standard error may be a pipe that is not read, a
 * terminal stopped with Ctrl-S, the socket of a hanging log daemon, or a pipe without a reader.
 * None of these may delay a stop or end the process. A line that cannot be written at once is
 * dropped and counted. The next line that can be written is preceded by the count.
 *
 * O_NONBLOCK belongs to the open file, which the process shares with its parent and children,
 * so it is not set. Instead these are tried in order:
 *
 *   send(MSG_DONTWAIT)        for a socket. Other files answer ENOTSOCK, a seccomp filter EPERM
 *                             or ENOSYS
 *   write()                   for a regular file, which waits for the disk only
 *   a new open file           for a pipe or a terminal, opened through /proc with O_NONBLOCK.
 *                             It is opened for each line, because a descriptor that is kept
 *                             could be closed by closefrom() and its number reused
 *   poll(), then write()      if the open fails (no /proc, another user's terminal). The line
 *                             has at most PIPE_BUF bytes, for which a writable pipe has room
 *                             unless another writer fills it in between. This is the only case
 *                             in which a line may block
 *
 * If standard error is the journal's, each line begins with its priority, "<3>", as
 * sd-daemon(3) has it: then JOURNAL_STREAM names the device and inode of its socket.
 *
 * SIGPIPE and SIGXFSZ are turned into write errors: they are blocked during the write, and
 * removed from the pending signals if the write raised them.
 *
 * Ordered accesses
 *   (W) nr_dropped: a counter that no data depends on. The exchange and the addition pair with
 *       each other: each dropped line is counted in exactly one message.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "internal.h"

#define LINE_SIZE	640

static unsigned int nr_dropped;
static struct {
	unsigned long long dev, ino;
} journal;

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

	/* syscall(), because ppoll() is a cancellation point. */
	if (syscall(SYS_ppoll, &p, 1, &now, NULL, 0) != 1 || !(p.revents & POLLOUT))
		return -1;
	return syscall(SYS_write, STDERR_FILENO, buf, len);
}

/* True if written, in a single call, so that the lines of several threads do not mix. */
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

/* Takes the count, and adds it again if the line cannot be written. */
static void write_nr_dropped(void)
{
	char line[96];
	/* (W) pairs with the additions */
	unsigned int n = __atomic_exchange_n(&nr_dropped, 0, __ATOMIC_SEQ_CST);
	int len;

	if (!n)
		return;
	len = snprintf(line, sizeof(line),
		       "stopper: %u log lines dropped: standard error was not writable\n", n);
	if (!write_line(line, (size_t)len))
		/* (W) pairs with the exchange */
		plat_fetch_add_full(&nr_dropped, n);
}

/* Once: a program may change its environment while another thread logs. */
__attribute__((constructor)) static void journal_init(void)
{
	const char *stream = getenv("JOURNAL_STREAM");

	if (!stream || sscanf(stream, "%llu:%llu", &journal.dev, &journal.ino) != 2)
		journal.ino = 0;
}

static bool stderr_is_journal(void)
{
	struct stat st;

	return journal.ino && !fstat(STDERR_FILENO, &st) && st.st_dev == journal.dev &&
	       st.st_ino == journal.ino;
}

void plat_log(int level, const char *line)
{
	char priority[8] = "", buf[LINE_SIZE];
	int len, err = errno;
	struct quiet q;

	if (stderr_is_journal())
		snprintf(priority, sizeof(priority), "<%d>", level);
	len = snprintf(buf, sizeof(buf), "%sstopper: %s\n", priority, line);
	if (len >= (int)sizeof(buf)) {
		len = sizeof(buf);
		buf[len - 1] = '\n';
	}
	quiet_begin(&q);
	write_nr_dropped();
	if (!write_line(buf, (size_t)len))
		/* (W) pairs with the exchange in write_nr_dropped() */
		plat_fetch_add_full(&nr_dropped, 1);
	quiet_end(&q);
	errno = err;
}
