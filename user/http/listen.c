// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * listen.c - opens the listening socket of the HTTP server.
 *
 * Addresses are numeric, except "localhost": the meaning of a name is configured elsewhere and may
 * change, which would change who can connect.
 *
 * A Unix socket listens before it gets its name by link(2). So a name on which no process listens
 * is stale. If two processes find it at the same time, the lock on the directory ensures that only
 * one of them checks and replaces it.
 *
 *   A                                       B
 *   flock(folder)
 *   connect(path): refused
 *                                           flock(folder): -EADDRINUSE
 *   rename(own, path)
 *                                           ... or later: connect(path): A answers, -EADDRINUSE
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "listen.h"

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

static int open_socket(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

/* A number from 0 to 65535, without further characters. */
static int parse_port(const char *s, uint16_t *port)
{
	unsigned int n = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		n = 10 * n + (unsigned int)(*s - '0');
		if (n > 65535)
			return -EINVAL;
	}
	*port = htons((uint16_t)n);
	return 0;
}

/* @host may be "[...]". */
static int parse_host(char *host, union address *a)
{
	size_t len = strlen(host);

	if (!strcmp(host, "localhost"))
		host = (char *)"127.0.0.1";
	if (inet_pton(AF_INET, host, &a->in.sin_addr) == 1) {
		a->in.sin_family = AF_INET;
		return 0;
	}
	if (len < 2 || host[0] != '[' || host[len - 1] != ']')
		return -EINVAL;
	host[len - 1] = '\0';
	if (inet_pton(AF_INET6, host + 1, &a->in6.sin6_addr) != 1)
		return -EINVAL;
	a->in6.sin6_family = AF_INET6;
	return 0;
}

/* "PORT", "HOST:PORT", "[IPV6]:PORT" */
static int parse_inet(const char *addr, union address *a)
{
	const char *colon = strrchr(addr, ':');
	char host[sizeof(((struct listener *)0)->host)] = "127.0.0.1";
	int err;

	if (colon) {
		if ((size_t)(colon - addr) >= sizeof(host))
			return -EINVAL;
		memcpy(host, addr, (size_t)(colon - addr));
		host[colon - addr] = '\0';
		addr = colon + 1;
	}
	err = parse_host(host, a);
	if (err)
		return err;
	return parse_port(addr, a->any.sa_family == AF_INET ? &a->in.sin_port : &a->in6.sin6_port);
}

/* Describes the bound address; the requested port may have been 0. */
static int describe_inet(struct listener *l)
{
	union address a;
	socklen_t len = sizeof(a);
	char ip[INET6_ADDRSTRLEN];

	if (getsockname(l->fd, &a.any, &len))
		return -errno;
	if (a.any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a.in.sin_addr, ip, sizeof(ip));
		snprintf(l->host, sizeof(l->host), "%s", ip);
		l->port = ntohs(a.in.sin_port);
		l->loopback = ntohl(a.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	} else {
		inet_ntop(AF_INET6, &a.in6.sin6_addr, ip, sizeof(ip));
		snprintf(l->host, sizeof(l->host), "[%s]", ip);
		l->port = ntohs(a.in6.sin6_port);
		l->loopback = IN6_IS_ADDR_LOOPBACK(&a.in6.sin6_addr);
	}
	snprintf(l->text, sizeof(l->text), "%s:%u", l->host, l->port);
	return 0;
}

static int listen_inet(struct listener *l, const char *addr)
{
	union address a = { .un = { 0 } };
	int err, one = 1;

	err = parse_inet(addr, &a);
	if (err)
		return err;
	l->fd = open_socket(a.any.sa_family);
	if (l->fd < 0)
		return l->fd;
	/* A restarted program can bind its port again; [::] does not include IPv4. */
	setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (a.any.sa_family == AF_INET6)
		setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(l->fd, &a.any, a.any.sa_family == AF_INET ? sizeof(a.in) : sizeof(a.in6)) ||
	    listen(l->fd, SOMAXCONN))
		return -errno;
	return describe_inet(l);
}

/* 0 if no process listens on the socket file @a. */
static int socket_is_stale(const union address *a)
{
	struct stat st;
	int fd, err;

	if (lstat(a->un.sun_path, &st))
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = open_socket(AF_UNIX);
	if (fd < 0)
		return fd;
	err = connect(fd, &a->any, sizeof(a->un)) ? errno : 0;
	close(fd);
	if (err == ECONNREFUSED)
		return 0;
	return err == EACCES || err == EPERM ? -err : -EADDRINUSE;
}

/* Renames the socket @own to the name of @a, if that is stale. */
static int socket_replace_stale(const char *own, const union address *a)
{
	char folder[sizeof(a->un.sun_path)];
	int dir, err;

	snprintf(folder, sizeof(folder), "%s", a->un.sun_path);
	*(strrchr(folder, '/') + 1) = '\0';
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	if (flock(dir, LOCK_EX | LOCK_NB)) {
		err = -EADDRINUSE;
	} else {
		err = socket_is_stale(a);
		if (!err && rename(own, a->un.sun_path))
			err = -errno;
	}
	close(dir);
	return err;
}

static int socket_link(const char *own, const union address *a)
{
	int err = 0;

	if (link(own, a->un.sun_path))
		err = errno == EEXIST ? socket_replace_stale(own, a) : -errno;
	unlink(own);
	return err;
}

/* Sets the mode before the socket gets its name, so that other users can never connect. */
static int listen_unnamed(int fd, const union address *own)
{
	int err;

	unlink(own->un.sun_path);
	if (fchmod(fd, 0600) || bind(fd, &own->any, sizeof(own->un)))
		return -errno;
	if (!listen(fd, SOMAXCONN))
		return 0;
	err = -errno;
	unlink(own->un.sun_path);
	return err;
}

static int listen_unix(struct listener *l, const char *path)
{
	union address a = { .un.sun_family = AF_UNIX }, own = a;
	struct stat st;
	int err;

	if (*path != '/')
		return -EINVAL;
	/* The thread id makes the name unique. */
	if (snprintf(own.un.sun_path, sizeof(own.un.sun_path), "%s.%d", path, gettid()) >=
	    (int)sizeof(own.un.sun_path))
		return -ENAMETOOLONG;
	memcpy(a.un.sun_path, path, strlen(path));
	l->fd = open_socket(AF_UNIX);
	if (l->fd < 0)
		return l->fd;
	err = listen_unnamed(l->fd, &own);
	if (!err)
		err = socket_link(own.un.sun_path, &a);
	if (err)
		return err;
	snprintf(l->text, sizeof(l->text), "unix:%s", path);
	if (!lstat(path, &st)) {
		l->dev = st.st_dev;
		l->ino = st.st_ino;
	}
	return 0;
}

/* Is a socket in another folder worth a try after this error? */
static bool folder_is_no_place(int err)
{
	return err == -ENOENT || err == -ENOTDIR || err == -EACCES || err == -EPERM ||
		err == -EROFS || err == -ENAMETOOLONG;
}

/* DIR/stopper-PID.sock, in the first of the folders where stopperctl -p looks that takes it. */
static int listen_pid(struct listener *l)
{
	char user[32], path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *const dirs[] = { secure_getenv("XDG_RUNTIME_DIR"), user, "/run", "/tmp" };
	int err = -ENOENT;
	size_t i;

	snprintf(user, sizeof(user), "/run/user/%u", geteuid());
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]) && folder_is_no_place(err); i++) {
		if (!dirs[i] || dirs[i][0] != '/' ||
		    snprintf(path, sizeof(path), "%s/stopper-%d.sock", dirs[i], getpid()) >=
			    (int)sizeof(path))
			continue;
		if (l->fd >= 0)
			close(l->fd);
		err = listen_unix(l, path);
	}
	return err;
}

int listener_open(struct listener *l, const char *addr)
{
	int err;

	*l = (struct listener){ .fd = -1 };
	if (addr && !strcmp(addr, "pid"))
		err = listen_pid(l);
	else if (addr && !strncmp(addr, "unix:", 5))
		err = listen_unix(l, addr + 5);
	else
		err = listen_inet(l, addr ? addr : "0");
	if (err && l->fd >= 0)
		close(l->fd);
	return err;
}

void listener_remove(struct listener *l)
{
	const char *path = l->text + strlen("unix:");
	struct stat st;

	if (!l->port && !lstat(path, &st) && st.st_dev == l->dev && st.st_ino == l->ino)
		unlink(path);
}
