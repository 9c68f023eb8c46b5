// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * phase_poll.c - prints the phases of a kernel stopper, as poll() reports them.
 *
 *   phase_poll /sys/kernel/stopper/ID/phase
 *
 * One line for each: "running" and so on; "gone" when the file reads ENODEV. It waits without a
 * limit, so a wake-up that is missing leaves it waiting.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
	struct pollfd poll_fd = { .fd = fd, .events = POLLPRI };
	char phase[64];
	ssize_t n;

	if (fd < 0)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((n = pread(fd, phase, sizeof(phase) - 1, 0)) > 0) {
		phase[n] = '\0';
		fputs(phase, stdout);
		if (poll(&poll_fd, 1, -1) != 1 || !(poll_fd.revents & POLLPRI))
			return 2;
	}
	if (!n || errno != ENODEV)
		return 3;
	puts("gone");
	return 0;
}
