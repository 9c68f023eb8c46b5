// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * own_fd.c - descriptors of the library's own, which a program may close under it.
 *
 * A program may close all descriptors that it does not know (closefrom(3), daemons), and get one
 * of our numbers for a file of its own. What we write to or close must be ours, so each of our
 * files is marked: with the signal number of F_SETSIG, which belongs to the open file, not to
 * the number, and means nothing to an eventfd or a ring, as neither raises SIGIO. Asking for it
 * is one system call. Where the mark cannot be set, or not be asked for (a filter that came
 * late), files are not told apart.
 *
 * A program that closes a number and opens another file between the look and what follows it
 * is not noticed.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "internal.h"

static bool unmarked;			/* F_SETSIG was refused */

void fd_mark(int fd, enum fd_mark mark)
{
	if (fcntl(fd, F_SETSIG, (int)mark))
		plat_store(&unmarked, true);
}

bool fd_is_ours(int fd, enum fd_mark mark)
{
	int got = fcntl(fd, F_GETSIG);

	if (got < 0)
		return fd >= 0 && errno != EBADF;
	return got == (int)mark || plat_load(&unmarked);
}

/* A negative error, or a descriptor that holds @n. */
int eventfd_open(unsigned int n, enum fd_mark mark)
{
	int fd = eventfd(n, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	fd_mark(fd, mark);
	return fd;
}

/* close() would be a cancellation point. */
void eventfd_close(int fd, enum fd_mark mark)
{
	if (fd_is_ours(fd, mark))
		syscall(SYS_close, fd);
}

/* A counter that is full is readable as well. */
void eventfd_signal(int fd, enum fd_mark mark)
{
	uint64_t one = 1;

	if (fd_is_ours(fd, mark))
		syscall(SYS_write, fd, &one, sizeof(one));
}

/* -EBADF: not ours any more. */
int eventfd_drain(int fd, enum fd_mark mark)
{
	uint64_t n;

	if (!fd_is_ours(fd, mark))
		return -EBADF;
	syscall(SYS_read, fd, &n, sizeof(n));
	return 0;
}
