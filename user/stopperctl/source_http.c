// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * source_http.c - reads the debug list over HTTP, by TCP or a UNIX socket, with libcurl.
 *
 * It uses no proxy and follows no redirects, because the list is served by a process near by. The
 * server is not trusted: the limits are ten seconds without progress, one minute in total, and
 * SOURCE_MAX bytes.
 */
#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "source.h"

#define LIST_PATH	"/debug/stopper"
#define NOT_HTTP	"not an HTTP address (expected http://HOST:PORT)"

static size_t data_received(char *data, size_t size, size_t n, void *arg)
{
	return source_text_add(arg, data, size * n) ? 0 : size * n;
}

/* HOST:PORT means http://HOST:PORT. */
static bool url_set(CURLU *u, const char *url)
{
	char with_scheme[1024];

	if (strstr(url, "://"))
		return !curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
	return snprintf(with_scheme, sizeof(with_scheme), "http://%s", url) <
	       (int)sizeof(with_scheme) && !curl_url_set(u, CURLUPART_URL, with_scheme, 0);
}

/* Without a path the default path is used. NULL: invalid. */
static CURLU *url_parse(const char *url)
{
	CURLU *u = curl_url();
	char *path = NULL;
	bool ok;

	if (!u)
		return NULL;
	ok = url_set(u, url) && !curl_url_get(u, CURLUPART_PATH, &path, 0);
	if (ok && !strcmp(path, "/"))
		ok = !curl_url_set(u, CURLUPART_PATH, LIST_PATH, 0);
	curl_free(path);
	if (ok)
		return u;
	curl_url_cleanup(u);
	return NULL;
}

static bool request_set_up(CURL *c, CURLU *u, const char *socket, struct source_text *t,
			   struct curl_slist *headers)
{
	return !curl_easy_setopt(c, CURLOPT_CURLU, u) &&
	       (!socket || !curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, socket)) &&
	       !curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") &&
	       !curl_easy_setopt(c, CURLOPT_PROXY, "") &&
	       !curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) &&
	       !curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 5L) &&
	       !curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L) &&
	       !curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, 10L) &&
	       !curl_easy_setopt(c, CURLOPT_TIMEOUT, 60L) &&
	       !curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers) &&
	       !curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, data_received) &&
	       !curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
}

#define NO_SERVER	"does a process serve its list there?"

static enum source_state connect_fail(CURL *c, struct source_text *t, const char *peer)
{
	long err = 0;

	curl_easy_getinfo(c, CURLINFO_OS_ERRNO, &err);
	switch (err) {
	case EACCES:
	case EPERM:
		return source_fail(t, SOURCE_BAD, "are you root?", "cannot connect to %s: %s", peer,
				   strerror(err));
	case ECONNREFUSED:
	case ENOENT:
		return source_fail(t, SOURCE_GONE, NO_SERVER, "cannot connect to %s: %s", peer,
				   strerror(err));
	case EAGAIN:
		return source_fail(t, SOURCE_BUSY, "too many clients?", "cannot connect to %s: %s",
				   peer, strerror(err));
	default:
		return source_fail(t, SOURCE_GONE, NULL, "cannot connect to %s: %s", peer,
				   err ? strerror(err) : "no answer");
	}
}

static enum source_state request_fail(CURL *c, CURLcode code, struct source_text *t,
				      const char *peer)
{
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		return connect_fail(c, t, peer);
	case CURLE_COULDNT_RESOLVE_HOST:
		return source_fail(t, SOURCE_BAD, NULL, "cannot resolve the host name of %s", peer);
	case CURLE_UNSUPPORTED_PROTOCOL:
		return source_fail(t, SOURCE_BAD, NULL, "'%s' is " NOT_HTTP, peer);
	case CURLE_OPERATION_TIMEDOUT:
		return source_fail(t, SOURCE_BUSY, "does the process hang?",
				   "cannot read %s: timed out", peer);
	case CURLE_WRITE_ERROR:
		return source_fail(t, SOURCE_BAD, NULL,
				   "%s is not a debug list: longer than 256 MiB", peer);
	default:
		return source_fail(t, SOURCE_BUSY, NULL, "cannot read %s: %s", peer,
				   curl_easy_strerror(code));
	}
}

static enum source_state check_status(CURL *c, struct source_text *t, const char *peer)
{
	long status = 0;

	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200)
		return SOURCE_OK;
	if (status >= 500)
		return source_fail(t, SOURCE_BUSY, NULL, "cannot read %s: HTTP status %ld", peer,
				   status);
	return source_fail(t, SOURCE_BAD, "the list is usually at http://HOST:PORT" LIST_PATH,
			   "cannot read %s: HTTP status %ld", peer, status);
}

static enum source_state request_perform(CURL *c, CURLU *u, struct source_text *t, const char *peer,
					 const char *socket)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Accept: text/plain");
	enum source_state state;
	CURLcode code;

	if (!headers || !request_set_up(c, u, socket, t, headers)) {
		state = source_fail(t, SOURCE_BUSY, NULL, "out of memory");
	} else {
		code = curl_easy_perform(c);
		state = code ? request_fail(c, code, t, peer) : check_status(c, t, peer);
	}
	curl_slist_free_all(headers);
	return state;
}

/* Exactly one of @url and @socket is not NULL. */
enum source_state source_http(struct source_text *t, const char *url, const char *socket)
{
	const char *peer = socket ? socket : url;
	enum source_state state;
	CURLU *u;
	CURL *c;

	if (socket && strlen(socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return source_fail(t, SOURCE_BAD, "at most 107 bytes",
				   "cannot connect to %s: path of a socket too long", socket);
	u = url_parse(socket ? "http://localhost/" : url);
	if (!u)
		return source_fail(t, SOURCE_BAD, NULL, "'%s' is " NOT_HTTP, url);
	c = curl_easy_init();
	state = c ? request_perform(c, u, t, peer, socket) :
		    source_fail(t, SOURCE_BUSY, NULL, "out of memory");
	curl_easy_cleanup(c);
	curl_url_cleanup(u);
	return state;
}
