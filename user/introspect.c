// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * introspect.c - what another thread of this process is doing, read from /proc.
 *
 * A stall report uses this, so it needs no memory. It uses syscall(), because libc's open(),
 * read() and close() are cancellation points: a thread that is cancelled in a report would leave
 * its stop without a leader. The kernel may have reused a task's thread id for a new thread.
 * This cannot be detected, and the list is for people.
 */
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "internal.h"
#include "upcalls.h"

void plat_comm(char *comm)
{
	comm[0] = '\0';
	prctl(PR_GET_NAME, comm);
}

/* Reads the beginning of a thread's file into @buf, NUL-terminated. Its length, or an error. */
static int read_thread_file(int tid, const char *name, char *buf, size_t size)
{
	char path[48];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/%s", tid, name);
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = syscall(SYS_read, fd, buf, size - 1);
	syscall(SYS_close, fd);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return (int)n;
}

/*
 * True: this thread has forked a child that still lives. Linux sends the signal that a child
 * requested for its parent's death (PR_SET_PDEATHSIG) when the parent's thread ends, so an idle
 * thread with a child does not end. Without CONFIG_PROC_CHILDREN the kernel has no such file.
 */
bool thread_has_children(void)
{
	char first[2];

	return read_thread_file(plat_tid(), "children", first, sizeof(first)) > 0;
}

/* "TID (COMM) STATE ...", where COMM may be anything. */
static int parse_stat(char *stat, struct thread_snapshot *snap)
{
	char *comm = strchr(stat, '('), *end = strrchr(stat, ')');
	size_t len;

	if (!comm || !end || end < comm || strlen(end) < 3)
		return -ENOENT;
	len = (size_t)(end - comm - 1);
	if (len > sizeof(snap->comm) - 1)
		len = sizeof(snap->comm) - 1;
	memcpy(snap->comm, comm + 1, len);
	snap->comm[len] = '\0';
	snap->state = end[2];
	return 0;
}

static void thread_set_where(int tid, struct thread_snapshot *snap)
{
	char wchan[64];

	/* "0": not known. */
	if (read_thread_file(tid, "wchan", wchan, sizeof(wchan)) > 0 && wchan[0] != '0')
		name_escape(snap->where, sizeof(snap->where), wchan);
}

int plat_thread_snapshot(int tid, struct thread_snapshot *snap)
{
	char stat[128];
	int err = read_thread_file(tid, "stat", stat, sizeof(stat));

	snap->nframes = 0;
	snap->where[0] = '\0';
	if (err > 0)
		err = parse_stat(stat, snap);
	else if (!err || err == -ESRCH || (err == -ENOENT && !access("/proc/self/task", F_OK)))
		err = -ESRCH;
	else
		err = -ENOENT;
	if (!err && snap->state != 'R')
		thread_set_where(tid, snap);
	return err;
}

void plat_frame_name(const struct thread_snapshot *snap, unsigned int i, char *buf)
{
	(void)snap;
	(void)i;
	buf[0] = '\0';		/* stacks in userspace are left to debuggers */
}

void plat_thread_signal(int tid, int n)
{
	syscall(SYS_tgkill, getpid(), tid, n);
}
