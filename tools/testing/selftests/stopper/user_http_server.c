// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_http_server.c - stopper_http_serve(): addresses, sockets, hosts, and how it begins and ends.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <stopper/http.h>
#include <stopper/stopper.h>
#include "kselftest_harness.h"
#include "env/http_client.h"

FIXTURE(serve)
{
	struct stopper *s;
	struct stopper_http *h;
	char dir[32], path[48], addr[64];
};

FIXTURE_SETUP(serve)
{
	strcpy(self->dir, "/tmp/user_http.XXXXXX");
	ASSERT_NE(mkdtemp(self->dir), NULL);
	snprintf(self->path, sizeof(self->path), "%s/sock", self->dir);
	snprintf(self->addr, sizeof(self->addr), "unix:%s", self->path);
	ASSERT_EQ(stopper_create(&self->s, "http-stopper", NULL), 0);
}

FIXTURE_TEARDOWN(serve)
{
	stopper_http_end(self->h);
	EXPECT_EQ(stopper_stop(self->s, NULL), 0);
	stopper_put(self->s);
	unlink(self->path);
	/* Nothing else is left there. */
	EXPECT_EQ(rmdir(self->dir), 0);
}

TEST_F(serve, without_an_address_it_is_on_the_loopback)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	char expected[32];
	unsigned int port;
	int fd;

	ASSERT_EQ(stopper_http_serve(NULL, &self->h), 0);
	port = stopper_http_port(self->h);
	ASSERT_GT(port, 0);
	snprintf(expected, sizeof(expected), "127.0.0.1:%u", port);
	EXPECT_STREQ(stopper_http_address(self->h), expected);
	/* Another address of this machine's. */
	fd = socket(AF_INET, SOCK_STREAM, 0);
	addr = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
	EXPECT_EQ(connect(fd, (struct sockaddr *)&addr, len), -1);
	close(fd);

	ASSERT_EQ(ask(port, "GET", URL), 200);
	EXPECT_TRUE(says_list());
	EXPECT_EQ(ask(port, "GET", "/"), 404);
	EXPECT_EQ(ask(port, "PUT", URL), 405);
	EXPECT_EQ(ask(port, "HEAD", URL), 200);
}

TEST_F(serve, a_port_is_taken_once_and_again_after_the_end)
{
	struct stopper_http *other = (void *)1;
	char port[16], full[32];

	ASSERT_EQ(stopper_http_serve("0", &self->h), 0);
	snprintf(port, sizeof(port), "%u", stopper_http_port(self->h));
	snprintf(full, sizeof(full), "localhost:%s", port);
	EXPECT_EQ(stopper_http_serve(port, &other), -EADDRINUSE);
	EXPECT_EQ(other, NULL);
	EXPECT_EQ(stopper_http_serve(full, &other), -EADDRINUSE);
	/* With an answered connection in TIME_WAIT. */
	EXPECT_EQ(ask(stopper_http_port(self->h), "GET", URL), 200);
	stopper_http_end(self->h);
	self->h = NULL;
	EXPECT_EQ(connect_port(strtoul(port, NULL, 10)), -1);
	ASSERT_EQ(stopper_http_serve(full, &self->h), 0);
	EXPECT_EQ(ask(stopper_http_port(self->h), "GET", URL), 200);
}

TEST_F(serve, ipv6)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int err = stopper_http_serve("[::1]:0", &self->h), fd;

	if (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL)
		SKIP(return, "no IPv6 loopback");
	ASSERT_EQ(err, 0);
	EXPECT_EQ(strncmp(stopper_http_address(self->h), "[::1]:", 6), 0);
	addr.sin6_port = htons(stopper_http_port(self->h));
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	ASSERT_EQ(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	EXPECT_EQ(talk(fd, GET " HTTP/1.1\r\nHost: [::1]:1\r\nConnection: close\r\n\r\n"), 200);
	close(fd);
	/* Not on IPv4 too. */
	EXPECT_EQ(connect_port(stopper_http_port(self->h)), -1);
}

/* What a socket at "pid" is called in @dir. */
static bool is_at_pid_in(const char *dir, struct stopper_http *h)
{
	char want[128];

	snprintf(want, sizeof(want), "unix:%s/stopper-%d.sock", dir, getpid());
	return !strcmp(stopper_http_address(h), want);
}

TEST_F(serve, at_pid_it_is_where_stopperctl_looks)
{
	char other[64];
	struct stat st;

	snprintf(other, sizeof(other), "/run/user/%u", geteuid());
	setenv("XDG_RUNTIME_DIR", self->dir, 1);
	ASSERT_EQ(stopper_http_serve("pid", &self->h), 0);
	EXPECT_TRUE(is_at_pid_in(self->dir, self->h));
	ASSERT_EQ(stat(stopper_http_address(self->h) + 5, &st), 0);
	EXPECT_EQ(st.st_mode & 0777, 0600);
	EXPECT_EQ(stopper_http_port(self->h), 0);
	stopper_http_end(self->h);
	/* A folder that does not take it, or is none, is passed over. */
	setenv("XDG_RUNTIME_DIR", "/nowhere", 1);
	ASSERT_EQ(stopper_http_serve("pid", &self->h), 0);
	EXPECT_TRUE(is_at_pid_in(other, self->h) || is_at_pid_in("/run", self->h) ||
		    is_at_pid_in("/tmp", self->h));
	stopper_http_end(self->h);
	setenv("XDG_RUNTIME_DIR", "", 1);
	ASSERT_EQ(stopper_http_serve("pid", &self->h), 0);
	EXPECT_TRUE(is_at_pid_in(other, self->h) || is_at_pid_in("/run", self->h) ||
		    is_at_pid_in("/tmp", self->h));
	unsetenv("XDG_RUNTIME_DIR");
}

TEST_F(serve, wrong_addresses_are_refused)
{
	static const char *const wrong[] = {
		"", ":", ":80", "x", "-1", "65536", "80x", "99999999999999999999", "127.0.0.1",
		"127.0.0.1:", "127.0.0.1:x", "127.0.0.1:-1", "127.0.0.1: 80", "1.2.3:80", "::1:80",
		"[::1]", "[::1]:", "[::1:80", "[]:80", "[:80", "]:80", "[127.0.0.1]:80",
		"www.example.org:80", "*:80", "http://127.0.0.1:80/", "unix:", "unix:name",
		"unix:./name", "11111111111111111111111111111111111111111111111111111111111111:80",
	};
	struct stopper_http *h;
	char path[512];
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		h = (void *)1;
		EXPECT_EQ(stopper_http_serve(wrong[i], &h), -EINVAL)
			TH_LOG("address \"%s\"", wrong[i]);
		EXPECT_EQ(h, NULL);
	}
	EXPECT_EQ(stopper_http_serve("80", NULL), -EINVAL);
	EXPECT_EQ(stopper_http_serve("192.0.2.1:0", &h), -EADDRNOTAVAIL);
	snprintf(path, sizeof(path), "unix:%s/%0120d", self->dir, 0);
	EXPECT_EQ(stopper_http_serve(path, &h), -ENAMETOOLONG);
	snprintf(path, sizeof(path), "unix:%s/none/sock", self->dir);
	EXPECT_EQ(stopper_http_serve(path, &h), -ENOENT);
	EXPECT_EQ(stopper_http_address(NULL), NULL);
	EXPECT_EQ(stopper_http_port(NULL), 0);
	stopper_http_end(NULL);
}

TEST_F(serve, unix_socket_is_its_owners_and_goes_with_the_server)
{
	struct stat st;
	int fd;

	umask(0);
	ASSERT_EQ(stopper_http_serve(self->addr, &self->h), 0);
	EXPECT_STREQ(stopper_http_address(self->h), self->addr);
	EXPECT_EQ(stopper_http_port(self->h), 0);
	ASSERT_EQ(lstat(self->path, &st), 0);
	EXPECT_EQ(st.st_mode, S_IFSOCK | 0600);
	fd = connect_path(self->path);
	ASSERT_GE(fd, 0);
	/* No name leads a browser there. */
	EXPECT_EQ(talk(fd, GET " HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n"), 200);
	EXPECT_TRUE(says_list());
	close(fd);
	stopper_http_end(self->h);
	self->h = NULL;
	EXPECT_EQ(access(self->path, F_OK), -1);
}

TEST_F(serve, unix_socket_that_is_used_is_left_alone)
{
	struct stopper_http *other;

	ASSERT_EQ(stopper_http_serve(self->addr, &self->h), 0);
	EXPECT_EQ(stopper_http_serve(self->addr, &other), -EADDRINUSE);
	EXPECT_EQ(other, NULL);
	EXPECT_EQ(close(connect_path(self->path)), 0);
}

/* A socket file without a listener. */
static bool leave_behind(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), err;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	err = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 1);
	close(fd);
	return !err;
}

static int ask_path(const char *path)
{
	int fd = connect_path(path), status = talk(fd, GET " HTTP/1.0\r\n\r\n");

	close(fd);
	return status;
}

TEST_F(serve, unix_socket_left_behind_is_replaced)
{
	ASSERT_TRUE(leave_behind(self->path));
	ASSERT_EQ(stopper_http_serve(self->addr, &self->h), 0);
	EXPECT_EQ(ask_path(self->path), 200);
}

TEST_F(serve, a_file_that_is_no_socket_is_left_alone)
{
	FILE *f = fopen(self->path, "w");
	struct stopper_http *h;
	struct stat st;

	ASSERT_NE(f, NULL);
	fclose(f);
	EXPECT_EQ(stopper_http_serve(self->addr, &h), -EEXIST);
	ASSERT_EQ(lstat(self->path, &st), 0);
	EXPECT_TRUE(S_ISREG(st.st_mode));
}

TEST_F(serve, the_end_removes_no_socket_of_another_one)
{
	ASSERT_EQ(stopper_http_serve(self->addr, &self->h), 0);
	ASSERT_EQ(unlink(self->path), 0);
	ASSERT_TRUE(leave_behind(self->path));
	stopper_http_end(self->h);
	self->h = NULL;
	EXPECT_EQ(access(self->path, F_OK), 0);
}

struct racer {
	pthread_t thread;
	pthread_barrier_t *go;
	const char *addr;
	struct stopper_http *h;
	int err;
};

static void *race(void *arg)
{
	struct racer *r = arg;

	pthread_barrier_wait(r->go);
	r->err = stopper_http_serve(r->addr, &r->h);
	return NULL;
}

TEST_F(serve, of_many_that_replace_a_socket_one_does)
{
	struct racer r[4];
	pthread_barrier_t go;
	int round, i, won;

	pthread_barrier_init(&go, NULL, 4);
	for (round = 0; round < 100; round++) {
		ASSERT_TRUE(leave_behind(self->path));
		for (i = 0; i < 4; i++) {
			r[i] = (struct racer){ .go = &go, .addr = self->addr };
			ASSERT_EQ(pthread_create(&r[i].thread, NULL, race, &r[i]), 0);
		}
		for (won = 0, i = 0; i < 4; i++) {
			pthread_join(r[i].thread, NULL);
			won += !r[i].err;
			EXPECT_TRUE(!r[i].err || r[i].err == -EADDRINUSE);
		}
		EXPECT_EQ(won, 1);
		EXPECT_EQ(ask_path(self->path), 200);
		for (i = 0; i < 4; i++)
			stopper_http_end(r[i].h);
		EXPECT_EQ(access(self->path, F_OK), -1);
	}
	pthread_barrier_destroy(&go);
}

TEST_F(serve, a_strange_host_is_not_answered)
{
	static const char *const ours[] = {
		"localhost", "LocalHost:80", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8080",
	};
	static const char *const strange[] = {
		"evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.2",
		"127.0.0.1.evil.example", "localhost:80.evil.example", "[::1].evil.example",
		"[::2]", "evil@localhost",
	};
	char headers[128];
	unsigned int port;
	size_t i;

	ASSERT_EQ(stopper_http_serve(NULL, &self->h), 0);
	port = stopper_http_port(self->h);
	for (i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
		snprintf(headers, sizeof(headers), "Host: %s\r\n", ours[i]);
		EXPECT_EQ(ask_with(port, "GET", URL, headers), 200)
			TH_LOG("%s", headers);
	}
	for (i = 0; i < sizeof(strange) / sizeof(*strange); i++) {
		snprintf(headers, sizeof(headers), "Host: %s\r\n", strange[i]);
		EXPECT_EQ(ask_with(port, "GET", URL, headers), 421)
			TH_LOG("%s", headers);
		EXPECT_FALSE(says_list());
	}
	EXPECT_NE(ask_with(port, "GET", URL, ""), 200);
	EXPECT_EQ(ask_raw(port, GET " HTTP/1.0\r\n\r\n"), 200);
}

/* Where others shall reach it, the names they have for it are not known. */
TEST_F(serve, on_all_addresses_any_host_is_answered)
{
	ASSERT_EQ(stopper_http_serve("0.0.0.0:0", &self->h), 0);
	EXPECT_EQ(ask_with(stopper_http_port(self->h), "GET", URL, "Host: box.example\r\n"), 200);
}

/* SIGUSR1 ends us where it is not blocked. */
TEST_F(serve, signals_do_not_go_to_its_thread)
{
	sigset_t usr1, old;
	int sig;

	ASSERT_EQ(stopper_http_serve(NULL, &self->h), 0);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, &old);
	kill(getpid(), SIGUSR1);
	EXPECT_EQ(ask(stopper_http_port(self->h), "GET", URL), 200);
	EXPECT_EQ(sigwait(&usr1, &sig), 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static int lowest_free_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* Before the first stopper and after the last, many times. */
TEST(begin_and_end_leave_nothing_behind)
{
	int i, fd = lowest_free_fd();
	struct stopper_http *h;

	for (i = 0; i < 200; i++) {
		ASSERT_EQ(stopper_http_serve(NULL, &h), 0);
		if (i % 20 == 0) {
			EXPECT_EQ(ask(stopper_http_port(h), "GET", URL "?format=json"), 200);
			EXPECT_NE(strstr(body(), "\"stoppers\":[]"), NULL);
		}
		stopper_http_end(h);
	}
	EXPECT_EQ(lowest_free_fd(), fd);
}

/* However far the start comes. */
TEST(without_descriptors_it_fails_and_leaves_none)
{
	struct rlimit before, few;
	int fd = lowest_free_fd(), i, err = -1;
	struct stopper_http *h;

	ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (i = 0; i < 30 && err; i++) {
		few = (struct rlimit){ .rlim_cur = fd + i, .rlim_max = before.rlim_max };
		ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
		err = stopper_http_serve(NULL, &h);
		ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
		EXPECT_TRUE(!err || (err == -EMFILE && !h))
			TH_LOG("%d descriptors: %d", i, err);
		if (!err)
			stopper_http_end(h);
		EXPECT_EQ(lowest_free_fd(), fd);
	}
	EXPECT_EQ(err, 0);
	EXPECT_GT(i, 2);
}

TEST_HARNESS_MAIN
