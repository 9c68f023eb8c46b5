// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_faults_http.c - the server of the debug list without memory, sockets, threads.
 *
 * As in user_faults.c, each call that can fail does so in turn. A server that cannot start
 * returns the reason and leaves nothing behind. A running server may fail to answer, but it
 * survives and answers the next request.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <stopper/http.h>
#include "faults/run.h"
#include "kselftest_harness.h"

#define F_SERVE	(F(MEMORY) | F(SOCKET) | F(LISTEN))
#define PATH	"/debug/stopper"

static int connect_to(const struct stopper_http *h, const char *path)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_port = htons(stopper_http_port(h)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = real_socket(path ? AF_UNIX : AF_INET, SOCK_STREAM, 0), err;

	if (path) {
		snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
		err = connect(fd, (struct sockaddr *)&un, sizeof(un));
	} else {
		err = connect(fd, (struct sockaddr *)&in, sizeof(in));
	}
	if (!err)
		return fd;
	close(fd);
	return -1;
}

/* The status; 0: the connection ended without an answer; -1: none could be had. */
static int ask(const struct stopper_http *h, const char *path, const char *query, char *host)
{
	char text[1024], answer[1 << 16];
	int fd = connect_to(h, path), status = 0;
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -1;
	snprintf(text, sizeof(text), "GET %s%s HTTP/1.1\r\nHost: %s\r\n%s\r\n", PATH, query, host,
		 "Connection: close\r\n");
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		len = sizeof(answer);
	while (len < sizeof(answer) - 1 &&
	       (n = read(fd, answer + len, sizeof(answer) - 1 - len)) > 0)
		len += n;
	close(fd);
	if (len == sizeof(answer))
		return 0;
	answer[len] = '\0';
	return sscanf(answer, "HTTP/1.%*d %d", &status) == 1 ? status : 0;
}

static int ask_all(const struct stopper_http *h, const char *path, bool faulty)
{
	static const struct {
		const char *query;
		char *host;
		int status;
	} asked[] = {
		{ "", "localhost", 200 }, { "?format=json", "localhost", 200 },
		{ "?format=html", "localhost", 200 }, { "?format=no", "localhost", 400 },
		{ "", "elsewhere.example", 421 },
	};
	unsigned int i;
	int status;

	for (i = 0; i < 5; i++) {
		if (path && asked[i].status == 421)
			continue;
		status = ask(h, path, asked[i].query, asked[i].host);
		if (status == asked[i].status)
			continue;
		NEED(faulty && injected() && (status == 0 || status == 503));
	}
	return 0;
}

static int serve(const char *addr, const char *path)
{
	struct stopper_http *h = NULL;
	struct stopper *s = NULL;
	struct stopper_task task;
	int err, line;

	json_set_alloc_funcs(inject_malloc, free);
	err = stopper_http_serve(addr, &h);
	NEED(fair(err, F_SERVE));
	if (err) {
		NEED(!h && (!path || access(path, F_OK)));
		return 0;
	}
	err = stopper_create(&s, "served", NULL);
	NEED(fair(err, F(MEMORY) | F(THREAD) | F(THREAD_ATTR) | F(ATFORK)));
	if (s)
		NEED(!stopper_task_begin(s, NULL, "handle", &task));
	line = ask_all(h, path, true);
	inject_nothing();
	if (!line)
		line = ask_all(h, path, false);
	if (s) {
		stopper_task_end(&task);
		NEED(!stopper_stop(s, NULL));
		stopper_put(s);
	}
	stopper_http_end(h);
	NEED(!path || access(path, F_OK));
	return line;
}

static int tcp(void)
{
	return serve("0", NULL);
}

static int unix_socket(void)
{
	char addr[64], *path = addr + strlen("unix:");

	snprintf(addr, sizeof(addr), "unix:/tmp/stopper-faults.%d", (int)getppid());
	unlink(path);
	return serve(addr, path);
}

static int open_fds(void)
{
	int n = 0, fd;

	for (fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* What libmicrohttpd asks for fails: no server, nothing left, and it is said why. */
static void without(struct __test_metadata *_metadata, unsigned int nr, int err)
{
	struct stopper_http *h = (void *)1;
	int before;

	ASSERT_EQ(forbid_syscall(nr, err), 0);
	before = open_fds();
	EXPECT_EQ(stopper_http_serve("0", &h), -err);
	EXPECT_EQ(h, NULL);
	EXPECT_EQ(open_fds(), before);
}

FIXTURE(http_faults)
{
};

FIXTURE_SETUP(http_faults)
{
}

FIXTURE_TEARDOWN(http_faults)
{
}

static void try_all(struct __test_metadata *_metadata, int (*scenario)(void))
{
	struct totals t;
	char what[128];
	int line = every_fault(scenario, F_ANY | F_SERVE | F(RESPONSE) | F(RANDOM), &t, what,
			       sizeof(what));

	EXPECT_EQ(line, 0)
		TH_LOG("line %d, after a failure of: %s", line, what);
	TH_LOG("%u faults injected at %u places in %u runs", t.faults, t.places, t.runs);
}

TEST_F_TIMEOUT(http_faults, on_a_port, 250)
{
	try_all(_metadata, tcp);
}

TEST_F_TIMEOUT(http_faults, on_a_unix_socket, 250)
{
	try_all(_metadata, unix_socket);
}

TEST(http_without_a_thread)
{
	without(_metadata, __NR_clone3, EAGAIN);
}

TEST(http_without_epoll)
{
	without(_metadata, __NR_epoll_create1, EMFILE);
}

TEST_HARNESS_MAIN
