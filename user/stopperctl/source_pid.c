// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * source_pid.c - finds the socket on which a process serves its debug list.
 *
 * By convention it is DIR/stopper-PID.sock, where DIR is the first of $XDG_RUNTIME_DIR,
 * /run/user/UID of the process' user, /run and /tmp with such a socket. Any user can create a
 * socket in /tmp, so the file name proves nothing. A socket is only used if the process itself
 * listens on it, according to the kernel (SO_PEERCRED).
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "source.h"

/* 0: @pid listens there. -EXDEV: another process does. Else -errno. */
static int process_listens(int pid, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);
	int fd, err = 0;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENOENT;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		err = -errno;
	else if (cred.pid != pid)
		err = -EXDEV;
	close(fd);
	return err;
}

/* The directories to search, in this order; empty ones are skipped. */
#define NR_DIRS	4

static void socket_dirs(int pid, char dir[NR_DIRS][256])
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char proc[32];
	struct stat st;

	memset(dir, 0, NR_DIRS * sizeof(dir[0]));
	snprintf(dir[0], sizeof(dir[0]), "%s", runtime ? runtime : "");
	snprintf(proc, sizeof(proc), "/proc/%d", pid);
	if (!stat(proc, &st))
		snprintf(dir[1], sizeof(dir[1]), "/run/user/%u", st.st_uid);
	strcpy(dir[2], "/run");
	strcpy(dir[3], "/tmp");
}

static enum source_state process_fail(struct source_text *t, int pid, int err)
{
	if (kill(pid, 0) && errno == ESRCH)
		return source_fail(t, SOURCE_GONE, NULL, "no process %d", pid);
	if (err == -EACCES || err == -EPERM)
		return source_fail(t, SOURCE_BAD, "are you root?",
				   "cannot connect to process %d: %s", pid, strerror(-err));
	if (err == -EAGAIN)
		return source_fail(t, SOURCE_BUSY, "too many clients?",
				   "cannot connect to process %d: %s", pid, strerror(-err));
	return source_fail(t, SOURCE_GONE,
			   "it can: stopper_http_serve(\"pid\"); or use -u or -s",
			   "process %d serves no list", pid);
}

/* Finds the socket of @pid: SOURCE_OK and its path. */
enum source_state source_process(struct source_text *t, int pid, char *path, size_t size)
{
	char dir[NR_DIRS][256];
	int i, err, why = -ENOENT;

	socket_dirs(pid, dir);
	for (i = 0; i < NR_DIRS; i++) {
		if (!dir[i][0])
			continue;
		snprintf(path, size, "%s/stopper-%d.sock", dir[i], pid);
		err = process_listens(pid, path);
		if (!err)
			return SOURCE_OK;
		if (err == -EACCES || err == -EPERM || err == -EAGAIN)
			why = err;
	}
	return process_fail(t, pid, why);
}
