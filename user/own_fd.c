// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * own_fd.c - the library's own descriptors, which the program may close.
 *
 * A program may close all descriptors that it does not know (closefrom(3), daemons) and then
 * reuse their numbers for its own files. The library must not write to or close such a file.
 * So it marks each of its files with the signal number of F_SETSIG. The mark belongs to the
 * open file, not to the number, and has no other effect: eventfds and rings never raise SIGIO.
 * Checking the mark is one system call. Where a seccomp filter refuses to set or read the mark,
 * files are not told apart.
 *
 * A descriptor that the program closes and reuses between the check and the use is not noticed.
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

/* Returns a descriptor whose counter is @n, or a negative error. */
int eventfd_open(unsigned int n, enum fd_mark mark)
{
	int fd = eventfd(n, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	fd_mark(fd, mark);
	return fd;
}

/* Uses syscall(), because close() is a cancellation point. */
void eventfd_close(int fd, enum fd_mark mark)
{
	if (fd_is_ours(fd, mark))
		syscall(SYS_close, fd);
}

/* A failed write needs no handling: a full counter is readable too. */
void eventfd_signal(int fd, enum fd_mark mark)
{
	uint64_t one = 1;

	if (fd_is_ours(fd, mark))
		syscall(SYS_write, fd, &one, sizeof(one));
}

/* -EBADF: the descriptor is no longer the library's. */
int eventfd_drain(int fd, enum fd_mark mark)
{
	uint64_t n;

	if (!fd_is_ours(fd, mark))
		return -EBADF;
	syscall(SYS_read, fd, &n, sizeof(n));
	return 0;
}
