// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * gopeer.c - the peer in Go: a process beside ours, so that it is measured in the same rounds.
 *
 * It waits on its standard input between the samples; see gopeer/main.go. It lies
 * beside this program.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

static pid_t child;
static FILE *to, *from;

static void run_child(int in, int out)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof("gopeer"));
	char *slash;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (n < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0)
		_exit(127);
	path[n] = '\0';
	slash = strrchr(path, '/');
	strcpy(slash + 1, "gopeer");
	execl(path, path, (char *)NULL);
	_exit(127);
}

void go_open(unsigned int threads)
{
	int in[2], out[2];

	(void)threads;
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		die("no pipe");
	child = fork();
	if (child < 0)
		die("no process for the Go peer");
	if (!child)
		run_child(in[0], out[1]);
	close(in[0]);
	close(out[1]);
	to = fdopen(in[1], "w");
	from = fdopen(out[0], "r");
	if (!to || !from)
		die("no stream");
}

void go_close(void)
{
	int status;

	fclose(to);
	fclose(from);
	if (waitpid(child, &status, 0) != child || status)
		die("the Go peer ended with status %d", status);
}

double go_sample(const char *what, unsigned int threads, uint64_t ops)
{
	long wall;

	fprintf(to, "%s %u %lu\n", what, threads, (unsigned long)ops);
	if (fflush(to) || fscanf(from, "%ld", &wall) != 1 || wall <= 0)
		die("no answer from the Go peer");
	return per_op(wall, threads, ops);
}
