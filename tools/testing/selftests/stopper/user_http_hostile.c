// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_http_hostile.c - hostile clients, while stoppers are stopped.
 *
 * After each of them a well-behaved client gets an answer, a stop ends, and the server can be
 * ended. All run in one process, so its descriptor limit bounds the number of clients.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <stopper/http.h>
#include <stopper/stopper.h>
#include "kselftest_harness.h"

#define GOOD		"GET /debug/stopper?format=json HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define IDLE		10000
#define SPARE_FDS	300	/* of the process and of the server */
#define PATIENCE_NS	(20 * 1000000000LL)

static char answer[8 << 20];

static int connect_port(unsigned int port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval patience = { .tv_sec = 60 };	/* many are before us */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	close(fd);
	return -1;
}

/* All of @request that is taken. */
static void put(int fd, const char *request, size_t len)
{
	ssize_t n;

	while (len && (n = send(fd, request, len, MSG_NOSIGNAL)) > 0) {
		request += n;
		len -= n;
	}
}

/* Whether the connection has come to its end, with or without an answer. */
static bool read_to_end(int fd)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, answer + len, sizeof(answer) - 1 - len)) > 0)
		len += n;
	answer[len] = '\0';
	return !n || errno == ECONNRESET;
}

/* Says it all, says that this is all, and hears what there is to hear. */
static bool say(unsigned int port, const char *request, size_t len)
{
	int fd = connect_port(port);
	bool ended;

	if (fd < 0)
		return false;
	put(fd, request, len);
	shutdown(fd, SHUT_WR);
	ended = read_to_end(fd);
	close(fd);
	return ended;
}

/* And goes. What is no whole request would be waited for, to the server's timeout. */
static bool say_and_go(unsigned int port, const char *request, size_t len)
{
	int fd = connect_port(port);

	if (fd < 0)
		return false;
	put(fd, request, len);
	close(fd);
	return true;
}

/* A good client's list is whole. */
static bool good_client_is_served(unsigned int port)
{
	json_t *root = NULL;

	if (say(port, GOOD, strlen(GOOD)) && !strncmp(answer, "HTTP/1.1 200 ", 13))
		root = json_loads(strstr(answer, "\r\n\r\n") + 4, 0, NULL);
	json_decref(root);
	return root;
}

/* Within PATIENCE_NS, in which it would be ended were it held up. */
static int stop(struct stopper *s)
{
	struct stopper_ctx *patience;
	int err = stopper_ctx_with_timeout(NULL, PATIENCE_NS, &patience);

	if (err)
		return err;
	err = stopper_stop(s, patience);
	stopper_ctx_put(patience);
	return err;
}

static void until_quiesced(struct stopper_ctx *ctx, void *arg)
{
	stopper_wait(stopper_should_quiesce(arg), ctx);
}

/* A stopper with a task is made and comes to its end. */
static bool a_stop_ends(void)
{
	struct stopper *s;
	int err;

	if (stopper_create(&s, "passing", NULL))
		return false;
	err = stopper_run_async_task(s, NULL, "passing", until_quiesced, s);
	if (stop(s) || err)
		return false;
	stopper_put(s);
	return true;
}

FIXTURE(hostile)
{
	struct stopper *s;
	struct stopper_http *h;
	unsigned int port, seed;
};

FIXTURE_SETUP(hostile)
{
	const char *given = getenv("HOSTILE_SEED");

	self->seed = given ? strtoul(given, NULL, 0) : time(NULL);
	ASSERT_EQ(stopper_create(&self->s, "hostile", NULL), 0);
	ASSERT_EQ(stopper_run_async_task(self->s, NULL, "task", until_quiesced, self->s), 0);
	ASSERT_EQ(stopper_http_serve(NULL, &self->h), 0);
	self->port = stopper_http_port(self->h);
}

FIXTURE_TEARDOWN(hostile)
{
	EXPECT_EQ(stop(self->s), 0);
	stopper_put(self->s);
	stopper_http_end(self->h);
}

static unsigned int rnd(unsigned int *seed, unsigned int n)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 8) % n;
}

/* STOPPER_TEST_ROUNDS: so many per cent of what repeats. */
static int rounds(int n)
{
	const char *percent = getenv("STOPPER_TEST_ROUNDS");

	return percent ? n * atoi(percent) / 100 + 1 : n;
}

TEST_F(hostile, wrong_requests)
{
	static const char *const wrong[] = {
		"GET\r\n\r\n", "GET /debug/stopper\r\n\r\n", "GET  HTTP/1.1\r\n\r\n",
		"get /debug/stopper HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"G\x01T /debug/stopper HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /debug/stopper HTTP/9.9\r\nHost: localhost\r\n\r\n",
		"GET /debug/stopper HTTP/1.1\nHost: localhost\n\n",
		"GET /debug/stopper HTTP/1.1\r\nHost localhost\r\n\r\n",
		"GET /debug/stopper HTTP/1.1\r\n: localhost\r\n\r\n",
		"GET /debug/stopper HTTP/1.1\r\nHost:\r\n\r\n",
		"GET /debug/stopper HTTP/1.1\r\nHost: localhost\r\nAccept: text/html;q=\r\n\r\n",
		"GET /debug/stopper?format=%ff%00%zz&format HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"POST /debug/stopper HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
		"POST /debug/stopper HTTP/1.1\r\nHost: localhost\r\n"
		"Content-Length: 99999999999999999999999\r\n\r\n",
		"POST /debug/stopper HTTP/1.1\r\nHost: localhost\r\n"
		"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx",
		"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET http://evil.example/debug/stopper HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x02", "",
	};
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		EXPECT_TRUE(say(self->port, wrong[i], strlen(wrong[i])))
			TH_LOG("request %zu", i);
	EXPECT_TRUE(good_client_is_served(self->port));
	EXPECT_TRUE(a_stop_ends());
}

TEST_F(hostile, long_requests)
{
	static const char *const before[] = {
		"GET /", "GET /debug/stopper?format=", "GET /debug/stopper?", "",
		"GET /debug/stopper HTTP/1.1\r\nHost: ",
		"GET /debug/stopper HTTP/1.1\r\nHost: localhost\r\nAccept: ",
		"GET /debug/stopper HTTP/1.1\r\nHost: localhost\r\n",
		"POST /debug/stopper HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n",
	};
	static const char fill[] = { 'a', ',', '&', ';', ' ', '/', '%', '\r', '\n', '\0' };
	size_t i, j, len = 1000000;
	char *request = malloc(len);

	ASSERT_NE(request, NULL);
	for (i = 0; i < sizeof(before) / sizeof(*before); i++) {
		for (j = 0; j < sizeof(fill); j++) {
			memset(request, fill[j], len);
			memcpy(request, before[i], strlen(before[i]));
			EXPECT_TRUE(say(self->port, request, len))
				TH_LOG("request %zu, %zu", i, j);
		}
		EXPECT_TRUE(good_client_is_served(self->port));
	}
	free(request);
	EXPECT_TRUE(a_stop_ends());
}

TEST_F(hostile, random_requests)
{
	char request[600];
	size_t len, at;
	int i, times;

	TH_LOG("HOSTILE_SEED=%u", self->seed);
	for (i = 0; i < rounds(2000); i++) {
		len = rnd(&self->seed, sizeof(request));
		for (at = 0; at < len; at++)
			request[at] = (char)rnd(&self->seed, 256);
		/* Half of them begin well. */
		if (i % 2 && len > strlen(GOOD)) {
			memcpy(request, GOOD, strlen(GOOD));
			for (times = 0; times < 3; times++)
				request[rnd(&self->seed, strlen(GOOD))] = rnd(&self->seed, 256);
		}
		EXPECT_TRUE(say_and_go(self->port, request, len))
			TH_LOG("request %d", i);
	}
	EXPECT_TRUE(good_client_is_served(self->port));
	EXPECT_TRUE(a_stop_ends());
}

/* Its patience is less than ours. */
TEST_F_TIMEOUT(hostile, who_says_nothing_is_left, 60)
{
	int fd = connect_port(self->port);

	ASSERT_GE(fd, 0);
	EXPECT_TRUE(read_to_end(fd));
	EXPECT_STREQ(answer, "");
	close(fd);
}

static int idle_fds[IDLE];

/* As many as there can be, each with the first bytes of a request; returns how many. */
static int connect_idle(unsigned int port, const char *first)
{
	struct rlimit r;
	int max, n;

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	max = r.rlim_cur > IDLE + SPARE_FDS ? IDLE : (int)r.rlim_cur - SPARE_FDS;
	for (n = 0; n < max; n++) {
		idle_fds[n] = connect_port(port);
		if (idle_fds[n] < 0)
			break;
		put(idle_fds[n], first, strlen(first));
	}
	return n;
}

static void close_idle(int n)
{
	while (n--)
		close(idle_fds[n]);
}

TEST_F_TIMEOUT(hostile, idle_connections, 120)
{
	int n = connect_idle(self->port, "");

	TH_LOG("%d idle connections", n);
	EXPECT_GT(n, 100);
	EXPECT_TRUE(good_client_is_served(self->port));
	EXPECT_TRUE(a_stop_ends());
	EXPECT_EQ(stop(self->s), 0);
	EXPECT_TRUE(good_client_is_served(self->port));
	close_idle(n);
	EXPECT_TRUE(good_client_is_served(self->port));
}

TEST_F_TIMEOUT(hostile, requests_that_never_end, 120)
{
	int n = connect_idle(self->port, "GET /debug/stopper HTTP/1.1\r\nHost: local");

	EXPECT_GT(n, 100);
	EXPECT_TRUE(good_client_is_served(self->port));
	EXPECT_EQ(stop(self->s), 0);
	EXPECT_TRUE(good_client_is_served(self->port));
	/* The end finds them all there. */
	stopper_http_end(self->h);
	self->h = NULL;
	close_idle(n);
}

#define STOPPERS	1500
#define SLOW		100

/*
 * A list that is larger than what sockets hold, and readers that do not read it. The server makes
 * a list for each of them before it comes to the good client, within its timeout: fewer under TSan.
 */
TEST_F_TIMEOUT(hostile, readers_that_do_not_read, 200)
{
	static struct stopper *s[STOPPERS];
	int slow = rounds(SLOW) < SLOW ? rounds(SLOW) : SLOW;
	int fd[SLOW], i, small = 4096;
	char name[129];

	memset(name, '\x01', 128);
	name[128] = '\0';
	for (i = 0; i < STOPPERS; i++)
		ASSERT_EQ(stopper_create(&s[i], name, NULL), 0);
	for (i = 0; i < slow; i++) {
		fd[i] = connect_port(self->port);
		ASSERT_GE(fd[i], 0);
		setsockopt(fd[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
		put(fd[i], GOOD, strlen(GOOD));
	}
	EXPECT_TRUE(good_client_is_served(self->port));
	EXPECT_GT(strlen(answer), 400000);
	for (i = 0; i < STOPPERS; i++) {
		EXPECT_EQ(stop(s[i]), 0);
		stopper_put(s[i]);
	}
	EXPECT_EQ(stop(self->s), 0);
	EXPECT_TRUE(good_client_is_served(self->port));
	EXPECT_LT(strlen(answer), 1000);
	/* Some go without a word, to the others the server goes. */
	for (i = 0; i < slow / 2; i++)
		close(fd[i]);
	EXPECT_TRUE(good_client_is_served(self->port));
	stopper_http_end(self->h);
	self->h = NULL;
	for (; i < slow; i++)
		close(fd[i]);
}

struct crowd {
	pthread_t thread;
	unsigned int port;
	int bad;
};

/* Each its own buffer: heads only. */
static void *crowd_thread(void *arg)
{
	struct crowd *c = arg;
	char head[32];
	int fd, i;

	for (i = 0; i < rounds(200); i++) {
		fd = connect_port(c->port);
		put(fd, GOOD, strlen(GOOD));
		c->bad += recv(fd, head, 13, MSG_WAITALL) != 13 ||
			memcmp(head, "HTTP/1.1 200 ", 13);
		close(fd);
	}
	return NULL;
}

/* Readers that leave in the middle, while stoppers and tasks come and go. */
TEST_F_TIMEOUT(hostile, a_crowd_while_stoppers_come_and_go, 120)
{
	struct crowd crowd[4];
	int i;

	for (i = 0; i < 4; i++) {
		crowd[i] = (struct crowd){ .port = self->port };
		ASSERT_EQ(pthread_create(&crowd[i].thread, NULL, crowd_thread, &crowd[i]), 0);
	}
	for (i = 0; i < rounds(200); i++)
		EXPECT_TRUE(a_stop_ends());
	for (i = 0; i < 4; i++) {
		pthread_join(crowd[i].thread, NULL);
		EXPECT_EQ(crowd[i].bad, 0);
	}
	EXPECT_TRUE(good_client_is_served(self->port));
}

TEST_HARNESS_MAIN
