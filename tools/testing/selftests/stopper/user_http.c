// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_http.c - the debug list over HTTP: the handler under a daemon of one's own, and the server.
 *
 * Requests are written byte by byte here, so that wrong ones can be; answers are read to the end
 * of the connection.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <stopper/http.h>
#include <stopper/stopper.h>
#include "kselftest_harness.h"

#define URL	"/debug/stopper"
#define GET	"GET " URL

static char answer[1 << 20];

/* Sends @request to the connected socket, reads all; returns the status, -1: no answer. */
static int talk(int fd, const char *request)
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

static int connect_port(unsigned int port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	close(fd);
	return -1;
}

static int connect_path(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	close(fd);
	return -1;
}

static int ask_raw(unsigned int port, const char *request)
{
	int fd = connect_port(port), status;

	if (fd < 0)
		return -1;
	status = talk(fd, request);
	close(fd);
	return status;
}

/* @headers: lines that end in \r\n, Host among them. */
static int ask_with(unsigned int port, const char *method, const char *url, const char *headers)
{
	char request[1024];

	snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\n%sConnection: close\r\n\r\n", method,
		 url, headers);
	return ask_raw(port, request);
}

static int ask(unsigned int port, const char *method, const char *url)
{
	return ask_with(port, method, url, "Host: localhost\r\nContent-Length: 0\r\n");
}

static bool has_header(const char *line)
{
	const char *end = strstr(answer, "\r\n\r\n"), *at = strcasestr(answer, line);

	return at && at < end;
}

/* Whether who sends this Accept header gets the page; the text otherwise. */
static bool gets_page(unsigned int port, const char *accept)
{
	char headers[256];

	snprintf(headers, sizeof(headers), "Host: localhost\r\nAccept: %s\r\n", accept);
	if (ask_with(port, "GET", URL, headers) != 200)
		return false;
	return has_header("Content-Type: text/html");
}

static const char *body(void)
{
	const char *end = strstr(answer, "\r\n\r\n");

	return end ? end + 4 : "";
}

static bool says_list(void)
{
	return strstr(answer, "http-stopper");
}

FIXTURE(http)
{
	struct MHD_Daemon *daemon;
	struct stopper *s;
	struct stopper_task task;
	unsigned int port;
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

TEST_F(http, get_serves_the_debug_list)
{
	ASSERT_EQ(ask(self->port, "GET", URL), 200);
	EXPECT_TRUE(says_list());
	EXPECT_NE(strstr(body(), "http-task"), NULL);
	EXPECT_TRUE(has_header("Content-Type: text/plain"));
	ASSERT_EQ(ask(self->port, "GET", URL "?format=text"), 200);
	EXPECT_TRUE(says_list());
	EXPECT_TRUE(has_header("Content-Type: text/plain"));
}

TEST_F(http, head_serves_no_body)
{
	ASSERT_EQ(ask(self->port, "HEAD", URL), 200);
	EXPECT_STREQ(body(), "");
	EXPECT_FALSE(has_header("Content-Length: 0"));
	ASSERT_EQ(ask(self->port, "HEAD", URL "?format=json"), 200);
	EXPECT_TRUE(has_header("Content-Type: application/json"));
	EXPECT_STREQ(body(), "");
}

TEST_F(http, another_url_is_not_found)
{
	EXPECT_EQ(ask(self->port, "GET", "/"), 404);
	EXPECT_EQ(ask(self->port, "GET", URL "/x"), 404);
	EXPECT_EQ(ask(self->port, "GET", "/debug/../debug/stopper"), 404);
	EXPECT_FALSE(says_list());
}

TEST_F(http, another_method_is_not_allowed)
{
	static const char *const methods[] = { "POST", "DELETE", "OPTIONS", "PATCH", "TRACE" };
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		EXPECT_EQ(ask(self->port, methods[i], URL), 405);
		EXPECT_TRUE(has_header("Allow: GET, HEAD"));
		EXPECT_FALSE(says_list());
	}
}

TEST_F(http, another_format_is_a_bad_request)
{
	EXPECT_EQ(ask(self->port, "GET", URL "?format=xml"), 400);
	EXPECT_STREQ(body(), "Unknown format: use text, json or html.\n");
	EXPECT_EQ(ask(self->port, "GET", URL "?format="), 400);
	EXPECT_EQ(ask(self->port, "GET", URL "?format=JSON"), 400);
	EXPECT_EQ(ask(self->port, "GET", URL "?other=1"), 200);
}

TEST_F(http, who_prefers_html_gets_the_page)
{
	static const char *const html[] = {
		"text/html", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
		"TEXT/HTML;q=0.9, text/plain; q=0.899", "*/*, text/html",
		"text/plain;q=0,text/html;q=0.1",
	};
	static const char *const text[] = {
		"*/*", "text/plain", "text/plain, text/html", "text/html;q=0",
		"text/html;q=0.5, */*", "application/json", "text/htmlx", "", ",;,",
		"text/html;q=0.300, text/plain;q=0.31", "text/html;q=0.",
	};
	size_t i;

	for (i = 0; i < sizeof(html) / sizeof(*html); i++)
		EXPECT_TRUE(gets_page(self->port, html[i]))
			TH_LOG("header %zu of html[]", i);
	for (i = 0; i < sizeof(text) / sizeof(*text); i++) {
		EXPECT_FALSE(gets_page(self->port, text[i]))
			TH_LOG("header %zu of text[]", i);
		EXPECT_TRUE(says_list());
	}
}

TEST_F(http, no_answer_is_kept_guessed_or_shared)
{
	static const char *const urls[] = {
		URL, URL "?format=json", URL "?format=html", URL "?format=x", "/",
	};
	size_t i;

	for (i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		ASSERT_GT(ask(self->port, "GET", urls[i]), 0);
		EXPECT_TRUE(has_header("Cache-Control: no-store"));
		EXPECT_TRUE(has_header("X-Content-Type-Options: nosniff"));
		EXPECT_TRUE(has_header("Referrer-Policy: no-referrer"));
		EXPECT_TRUE(has_header("Content-Security-Policy: default-src 'none'"));
		EXPECT_FALSE(has_header("Access-Control-"));
	}
}

/* Asks for the page, finds its nonce of 32 digits. */
static bool page_nonce(unsigned int port, char *nonce)
{
	const char *at;

	if (ask(port, "GET", URL "?format=html") != 200)
		return false;
	at = strstr(answer, "script-src 'nonce-");
	return at && sscanf(at, "script-src 'nonce-%32[0-9a-f]'", nonce) == 1 &&
		strlen(nonce) == 32;
}

/* What the policy lets run is what is on the page, and this time only. */
TEST_F(http, page_has_a_nonce_of_its_own)
{
	char nonce[33], again[33], tag[64];

	ASSERT_TRUE(page_nonce(self->port, nonce));
	snprintf(tag, sizeof(tag), "<script nonce=\"%s\">", nonce);
	EXPECT_NE(strstr(body(), tag), NULL);
	snprintf(tag, sizeof(tag), "<style nonce=\"%s\">", nonce);
	EXPECT_NE(strstr(body(), tag), NULL);
	EXPECT_EQ(strstr(body(), "NONCE"), NULL);
	EXPECT_EQ(strstr(answer, "unsafe-"), NULL);
	EXPECT_EQ(strstr(body(), "innerHTML"), NULL);
	EXPECT_EQ(strstr(body(), "://"), NULL);
	ASSERT_TRUE(page_nonce(self->port, again));
	EXPECT_STRNE(again, nonce);
}

static json_t *find(json_t *array, const char *name)
{
	const char *is;
	json_t *o;
	size_t i;

	json_array_foreach(array, i, o) {
		is = json_string_value(json_object_get(o, "name"));
		if (is && !strcmp(is, name))
			return o;
	}
	return NULL;
}

static json_int_t number(json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static const char *string(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "(none)";
}

static json_t *ask_json(unsigned int port)
{
	if (ask(port, "GET", URL "?format=json") != 200)
		return NULL;
	return json_loads(body(), 0, NULL);
}

struct hold {
	struct stopper_event begun, go;
};

static void hold(struct stopper_ctx *ctx, void *arg)
{
	struct hold *h = arg;

	stopper_event_fire(&h->begun);
	stopper_wait(&h->go, ctx);
}

static void do_nothing(void *arg)
{
}

/* Beside what the stopper itself says. */
TEST_F(http, json_is_the_truth)
{
	json_t *root, *s, *task, *worker;
	static struct hold h[2];
	int i;

	for (i = 0; i < 2; i++) {
		stopper_event_init(&h[i].begun);
		stopper_event_init(&h[i].go);
	}
	ASSERT_EQ(stopper_add_closer_fn(self->s, "closer", do_nothing, NULL), 0);
	ASSERT_EQ(stopper_run_worker(self->s, NULL, "worker", hold, &h[0]), 0);
	ASSERT_EQ(stopper_run_async_task(self->s, NULL, "async", hold, &h[1]), 0);
	/* One that has not begun is counted and not yet shown. */
	for (i = 0; i < 2; i++)
		ASSERT_EQ(stopper_wait(&h[i].begun, NULL), 0);

	root = ask_json(self->port);
	ASSERT_NE(root, NULL);
	EXPECT_TRUE(has_header("Content-Type: application/json\r\n"));
	EXPECT_EQ(number(root, "version"), 1);
	EXPECT_EQ(json_array_size(json_object_get(root, "stoppers")), 1);
	s = find(json_object_get(root, "stoppers"), stopper_name(self->s));
	ASSERT_NE(s, NULL);
	EXPECT_STREQ(string(s, "phase"), "running");
	EXPECT_EQ(number(s, "tasks"), stopper_num_tasks(self->s));
	EXPECT_EQ(number(s, "workers"), 1);
	EXPECT_EQ(number(s, "closers"), 1);
	EXPECT_EQ(number(s, "closed"), 0);
	EXPECT_TRUE(json_is_null(json_object_get(s, "stop_asked")));
	EXPECT_TRUE(json_is_null(json_object_get(s, "parent")));
	EXPECT_NE(strstr(string(json_object_get(s, "created"), "file"), "user_http.c"), NULL);
	EXPECT_EQ(number(json_object_get(s, "created"), "tid"), gettid());
	task = find(json_object_get(s, "groups"), "http-task");
	ASSERT_NE(task, NULL);
	EXPECT_STREQ(string(task, "kind"), "task");
	EXPECT_EQ(number(task, "count"), 1);
	EXPECT_EQ(number(json_array_get(json_object_get(task, "threads"), 0), "tid"), gettid());
	worker = find(json_object_get(s, "groups"), "worker");
	ASSERT_NE(worker, NULL);
	EXPECT_STREQ(string(worker, "kind"), "worker");
	EXPECT_STREQ(string(worker, "function"), __func__);
	json_decref(root);
	for (i = 0; i < 2; i++)
		stopper_event_fire(&h[i].go);
}

TEST_F(http, json_knows_the_parent_by_a_name_that_is_safe)
{
	struct stopper_options opts = { .size = sizeof(opts), .parent = self->s };
	struct stopper *child;
	json_t *root, *c;

	ASSERT_EQ(stopper_create(&child, "\"<child>\"\n", &opts), 0);
	root = ask_json(self->port);
	ASSERT_NE(root, NULL);
	c = find(json_object_get(root, "stoppers"), "\"<child>\"\\n");
	EXPECT_NE(c, NULL);
	EXPECT_STREQ(string(json_object_get(c, "parent"), "name"), "http-stopper");
	json_decref(root);
	EXPECT_EQ(stopper_stop(child, NULL), 0);
	stopper_put(child);
}

TEST_F(http, json_follows_a_stop)
{
	json_t *root, *s, *asked;

	ASSERT_EQ(stopper_stop_async(self->s), 0);
	ASSERT_EQ(stopper_wait(stopper_should_quiesce(self->s), NULL), 0);
	root = ask_json(self->port);
	s = find(json_object_get(root, "stoppers"), "http-stopper");
	ASSERT_NE(s, NULL);
	EXPECT_STREQ(string(s, "phase"), "quiescing");
	asked = json_object_get(s, "stop_asked");
	EXPECT_NE(strstr(string(asked, "file"), "user_http.c"), NULL);
	EXPECT_EQ(number(asked, "tid"), gettid());
	EXPECT_TRUE(json_is_real(json_object_get(asked, "seconds_ago")));
	json_decref(root);
}

/* Curl is what people use; where it is not installed, the tests above have asked. */
TEST_F(http, curl_reads_it_as_text)
{
	char cmd[128];
	FILE *p;

	if (system("command -v curl >/dev/null 2>&1"))
		SKIP(return, "no curl");
	snprintf(cmd, sizeof(cmd), "curl -fsSi --max-time 20 http://127.0.0.1:%u" URL, self->port);
	p = popen(cmd, "r");
	ASSERT_NE(p, NULL);
	answer[fread(answer, 1, sizeof(answer) - 1, p)] = '\0';
	EXPECT_EQ(pclose(p), 0);
	EXPECT_NE(strstr(answer, "http-task"), NULL);
	EXPECT_TRUE(has_header("Content-Type: text/plain"));
}

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

/* A socket that nobody listens at any more. */
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
