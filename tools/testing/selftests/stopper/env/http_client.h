/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * http_client.h - a client that writes its requests byte by byte, so that they can be wrong.
 *
 * An answer is read to the end of the connection.
 */
#ifndef STOPPER_TEST_HTTP_CLIENT_H
#define STOPPER_TEST_HTTP_CLIENT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define URL	"/debug/stopper"
#define GET	"GET " URL

static char answer[1 << 20];

/* Sends @request to the connected socket, reads all; returns the status, -1: no answer. */
static inline int talk(int fd, const char *request)
{
	size_t len = 0;
	int status;
	ssize_t n;

	answer[0] = '\0';
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
		return -1;
	while ((n = read(fd, answer + len, sizeof(answer) - 1 - len)) > 0)
		len += n;
	answer[len] = '\0';
	if (sscanf(answer, "HTTP/1.%*d %d", &status) != 1)
		return -1;
	return status;
}

static inline int connect_port(unsigned int port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	close(fd);
	return -1;
}

static inline int connect_path(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%.*s",
		 (int)sizeof(addr.sun_path) - 1, path);
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	close(fd);
	return -1;
}

static inline int ask_raw(unsigned int port, const char *request)
{
	int fd = connect_port(port), status;

	if (fd < 0)
		return -1;
	status = talk(fd, request);
	close(fd);
	return status;
}

/* @headers: lines that end in \r\n, Host among them. */
static inline int ask_with(unsigned int port, const char *method, const char *url,
			   const char *headers)
{
	char request[1024];

	snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\n%sConnection: close\r\n\r\n", method,
		 url, headers);
	return ask_raw(port, request);
}

static inline int ask(unsigned int port, const char *method, const char *url)
{
	return ask_with(port, method, url, "Host: localhost\r\nContent-Length: 0\r\n");
}

static inline bool has_header(const char *line)
{
	const char *end = strstr(answer, "\r\n\r\n"), *at = strcasestr(answer, line);

	return at && at < end;
}

static inline const char *body(void)
{
	const char *end = strstr(answer, "\r\n\r\n");

	return end ? end + 4 : "";
}

static inline bool says_list(void)
{
	return strstr(answer, "http-stopper");
}

#endif /* STOPPER_TEST_HTTP_CLIENT_H */
