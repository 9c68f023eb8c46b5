// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * notify.c - tells a service manager how the process is doing, as sd_notify(3) describes it:
 * one datagram of "NAME=VALUE" lines to the socket in NOTIFY_SOCKET.
 *
 * Nothing here blocks or fails the caller: a message that cannot be sent at once is dropped. No
 * descriptor is kept, so a program may close all of its own.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "internal.h"
#include "notify.h"

#define MESSAGE_SIZE	512

/* False: there is no socket, or its name is not one. @ is an abstract one. */
static bool notify_address(struct sockaddr_un *to, socklen_t *size)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;

	if (len < 2 || len >= sizeof(to->sun_path) || (path[0] != '/' && path[0] != '@'))
		return false;
	memset(to, 0, sizeof(*to));
	to->sun_family = AF_UNIX;
	memcpy(to->sun_path, path, len);
	if (path[0] == '@')
		to->sun_path[0] = '\0';
	*size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return true;
}

bool notify_wanted(void)
{
	struct sockaddr_un to;
	socklen_t size;

	return notify_address(&to, &size);
}

void notify(const char *fmt, ...)
{
	char text[MESSAGE_SIZE];
	struct sockaddr_un to;
	socklen_t size;
	va_list ap;
	int fd, len;

	if (!notify_address(&to, &size))
		return;
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len >= (int)sizeof(text))
		len = sizeof(text) - 1;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)!sendto(fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to,
		      size);
	close(fd);
}

int64_t notify_watchdog_ns(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	long long us = usec ? strtoll(usec, NULL, 10) : 0;

	if (us <= 0 || us > INT64_MAX / 1000 || (pid && strtoll(pid, NULL, 10) != getpid()))
		return 0;
	return us * 1000 / 2;
}
