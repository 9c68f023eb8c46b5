// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_http.c - the debug list over HTTP, from a real libmicrohttpd daemon on the loopback.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stopper/http.h>
#include <stopper/stopper.h>
#include "kselftest_harness.h"

FIXTURE(http)
{
	struct MHD_Daemon *daemon;
	struct stopper *s;
	struct stopper_task task;
	uint16_t port;
	char answer[65536];
};

FIXTURE_SETUP(http)
{
	const union MHD_DaemonInfo *info;

	ASSERT_EQ(stopper_create(&self->s, "http-stopper", NULL), 0);
	ASSERT_EQ(stopper_task_begin(self->s, NULL, "http-task", &self->task), 0);
	self->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL,
					stopper_http_handler, NULL, MHD_OPTION_END);
	ASSERT_NE(self->daemon, NULL);
	info = MHD_get_daemon_info(self->daemon, MHD_DAEMON_INFO_BIND_PORT);
	self->port = info->port;
}

FIXTURE_TEARDOWN(http)
{
	MHD_stop_daemon(self->daemon);
	stopper_task_end(&self->task);
	EXPECT_EQ(stopper_stop(self->s, NULL), 0);
	stopper_put(self->s);
}

/* Sends one request, reads to the end of the connection; returns the status. */
static int ask(uint16_t port, const char *method, const char *url, char *answer, size_t size)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	char request[256];
	size_t len = 0;
	int fd, status;
	ssize_t n;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: localhost\r\n"
		 "Content-Length: 0\r\nConnection: close\r\n\r\n", method, url);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    write(fd, request, strlen(request)) != (ssize_t)strlen(request))
		return -1;
	while ((n = read(fd, answer + len, size - 1 - len)) > 0)
		len += n;
	answer[len] = '\0';
	close(fd);
	if (sscanf(answer, "HTTP/1.1 %d", &status) != 1)
		return -1;
	return status;
}

TEST_F(http, get_serves_the_debug_list)
{
	ASSERT_EQ(ask(self->port, "GET", "/debug/stopper", self->answer, sizeof(self->answer)),
		  200);
	EXPECT_NE(strstr(self->answer, "http-stopper"), NULL);
	EXPECT_NE(strstr(self->answer, "http-task"), NULL);
	EXPECT_NE(strstr(self->answer, "text/plain"), NULL);
}

TEST_F(http, head_serves_no_body)
{
	ASSERT_EQ(ask(self->port, "HEAD", "/debug/stopper", self->answer, sizeof(self->answer)),
		  200);
	EXPECT_EQ(strstr(self->answer, "http-stopper"), NULL);
}

TEST_F(http, another_url_is_not_found)
{
	EXPECT_EQ(ask(self->port, "GET", "/", self->answer, sizeof(self->answer)), 404);
	EXPECT_EQ(ask(self->port, "GET", "/debug/stopper/x", self->answer, sizeof(self->answer)),
		  404);
	EXPECT_EQ(strstr(self->answer, "http-stopper"), NULL);
}

TEST_F(http, another_method_is_not_allowed)
{
	EXPECT_EQ(ask(self->port, "POST", "/debug/stopper", self->answer, sizeof(self->answer)),
		  405);
	EXPECT_EQ(ask(self->port, "DELETE", "/debug/stopper", self->answer,
		      sizeof(self->answer)), 405);
	EXPECT_EQ(strstr(self->answer, "http-stopper"), NULL);
}

/* Curl is what people use; where it is not installed, the tests above have asked. */
TEST_F(http, curl_reads_it)
{
	char cmd[128];
	FILE *p;

	if (system("command -v curl >/dev/null 2>&1"))
		SKIP(return, "no curl");
	snprintf(cmd, sizeof(cmd), "curl -fsS --max-time 20 http://127.0.0.1:%u/debug/stopper",
		 self->port);
	p = popen(cmd, "r");
	ASSERT_NE(p, NULL);
	self->answer[fread(self->answer, 1, sizeof(self->answer) - 1, p)] = '\0';
	EXPECT_EQ(pclose(p), 0);
	EXPECT_NE(strstr(self->answer, "http-task"), NULL);
}

TEST_HARNESS_MAIN
