// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_http.c - the answers of the HTTP handler: the debug list as text, JSON and page.
 *
 * The handler runs under a daemon of the test's own; user_http_server has the library's server.
 */
#include <jansson.h>
#include <stdlib.h>

#include <stopper/http.h>
#include <stopper/http_handler.h>
#include <stopper/stopper.h>
#include "kselftest_harness.h"
#include "env/http_client.h"

/* Does a request with this Accept header get the page? Otherwise it gets the text. */
static bool gets_page(unsigned int port, const char *accept)
{
	char headers[256];

	snprintf(headers, sizeof(headers), "Host: localhost\r\nAccept: %s\r\n", accept);
	if (ask_with(port, "GET", URL, headers) != 200)
		return false;
	return has_header("Content-Type: text/html");
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

TEST_F(http, metrics_of_the_list)
{
	ASSERT_EQ(ask(self->port, "GET", "/metrics"), 200);
	EXPECT_TRUE(has_header("Content-Type: application/openmetrics-text; version=1.0.0"));
	EXPECT_NE(strstr(body(), "\nstopper_tasks{stopper=\"http-stopper\"} 1\n"), NULL);
	EXPECT_NE(strstr(body(), "kind=\"task\",name=\"http-task\","), NULL);
	EXPECT_STREQ(strstr(body(), "# EOF"), "# EOF\n");
	EXPECT_EQ(ask(self->port, "POST", "/metrics"), 405);
	EXPECT_EQ(ask(self->port, "GET", "/metrics/x"), 404);
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

	ASSERT_EQ(stopper_stop_async_because(self->s, -ENOSPC, "disk full"), 0);
	ASSERT_EQ(stopper_wait(stopper_should_quiesce(self->s), NULL), 0);
	root = ask_json(self->port);
	s = find(json_object_get(root, "stoppers"), "http-stopper");
	ASSERT_NE(s, NULL);
	EXPECT_STREQ(string(s, "phase"), "quiescing");
	asked = json_object_get(s, "stop_asked");
	EXPECT_NE(strstr(string(asked, "file"), "user_http.c"), NULL);
	EXPECT_EQ(number(asked, "tid"), gettid());
	EXPECT_STREQ(string(asked, "cause"), "disk full");
	EXPECT_EQ(number(asked, "error"), -ENOSPC);
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

TEST_HARNESS_MAIN
