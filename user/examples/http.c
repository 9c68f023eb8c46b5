// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * http.c - HTTP: requests, paths, ranges, heads of answers.
 *
 * llhttp implements the grammar. It parses bytes as they arrive and stops
 * at the end of one request, so that the rest of the buffer is left to the next
 * one. It may report a value in pieces. A request lies in one buffer and is only
 * moved as a whole, so a value is stored as offset and length from its first byte.
 *
 * Request bodies are not accepted: a request that announces one is answered 413
 * (405 if it is not a GET) and the connection is closed, so that the body is
 * never parsed as a request. "Upgrade" is ignored, as HTTP allows.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "httpd.h"

enum { HEADER_OTHER, HEADER_HOST, HEADER_RANGE };

static void piece_extend(struct request *q, struct span *s, const char *at, size_t len)
{
	if (!s->len)
		s->off = at - q->base;
	s->len += len;
}

static int on_url(llhttp_t *p, const char *at, size_t len)
{
	struct request *q = p->data;

	piece_extend(q, &q->url, at, len);
	return 0;
}

static int on_header_field(llhttp_t *p, const char *at, size_t len)
{
	struct request *q = p->data;

	if (q->in_value) {
		q->in_value = false;
		q->name.len = 0;
	}
	piece_extend(q, &q->name, at, len);
	return 0;
}

static bool name_is(const struct request *q, const char *name)
{
	return q->name.len == strlen(name) &&
	       !strncasecmp(q->base + q->name.off, name, q->name.len);
}

static int which_header(const struct request *q)
{
	if (name_is(q, "Host"))
		return HEADER_HOST;
	return name_is(q, "Range") ? HEADER_RANGE : HEADER_OTHER;
}

static int on_header_value(llhttp_t *p, const char *at, size_t len)
{
	struct request *q = p->data;

	if (!q->in_value) {
		q->in_value = true;
		q->header = which_header(q);
		if (q->header == HEADER_HOST)
			q->hosts++;
	}
	if (q->header == HEADER_RANGE)
		piece_extend(q, &q->range, at, len);
	return 0;
}

static bool has_body(const llhttp_t *p)
{
	return (p->flags & F_TRANSFER_ENCODING) || p->content_length;
}

static int on_headers_complete(llhttp_t *p)
{
	struct request *q = p->data;

	q->keep_alive = llhttp_should_keep_alive(p) && !has_body(p);
	if (p->http_major != 1)
		q->status = HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED;
	else if (p->method != HTTP_GET && p->method != HTTP_HEAD)
		q->status = HTTP_STATUS_METHOD_NOT_ALLOWED;
	else if (has_body(p))
		q->status = HTTP_STATUS_PAYLOAD_TOO_LARGE;
	else if (q->hosts > 1 || (p->http_minor >= 1 && !q->hosts))
		q->status = HTTP_STATUS_BAD_REQUEST;
	if (p->method == HTTP_CONNECT)
		q->keep_alive = false;
	p->upgrade = 0;
	return 1;	/* skip the body */
}

static int on_message_complete(llhttp_t *p)
{
	struct request *q = p->data;

	q->complete = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_message_complete = on_message_complete,
};

void http_request_init(struct request *q)
{
	memset(q, 0, sizeof(*q));
	llhttp_init(&q->parser, HTTP_REQUEST, &settings);
	q->parser.data = q;
}

/*
 * Parses @len bytes at @base + @done, of a request that begins at @base. Returns how many
 * belong to this request; ->complete and ->status have the result.
 */
size_t http_parse(struct request *q, const char *base, size_t done, size_t len)
{
	llhttp_errno_t err;

	q->base = base;
	err = llhttp_execute(&q->parser, base + done, len);
	if (err == HPE_OK)
		return len;
	if (!q->complete) {
		q->status = err == HPE_INVALID_VERSION ? HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED :
							 HTTP_STATUS_BAD_REQUEST;
		q->keep_alive = false;
	}
	return llhttp_get_error_pos(&q->parser) - (base + done);
}

/* Of those that are answered. */
const char *http_status_text(unsigned int status)
{
	static const struct {
		unsigned int status;
		const char *text;
	} texts[] = {
		{ HTTP_STATUS_OK, "OK" },
		{ HTTP_STATUS_PARTIAL_CONTENT, "Partial Content" },
		{ HTTP_STATUS_MOVED_PERMANENTLY, "Moved Permanently" },
		{ HTTP_STATUS_BAD_REQUEST, "Bad Request" },
		{ HTTP_STATUS_FORBIDDEN, "Forbidden" },
		{ HTTP_STATUS_NOT_FOUND, "Not Found" },
		{ HTTP_STATUS_METHOD_NOT_ALLOWED, "Method Not Allowed" },
		{ HTTP_STATUS_REQUEST_TIMEOUT, "Request Timeout" },
		{ HTTP_STATUS_PAYLOAD_TOO_LARGE, "Payload Too Large" },
		{ HTTP_STATUS_URI_TOO_LONG, "URI Too Long" },
		{ HTTP_STATUS_RANGE_NOT_SATISFIABLE, "Range Not Satisfiable" },
		{ HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large" },
		{ HTTP_STATUS_INTERNAL_SERVER_ERROR, "Internal Server Error" },
		{ HTTP_STATUS_SERVICE_UNAVAILABLE, "Service Unavailable" },
		{ HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED, "HTTP Version Not Supported" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "";
}

/*
 * The path in the target of @q, which is "/path?query" or "http://host/path?query" (RFC 9112,
 * section 3.2). NULL: there is none.
 */
static const char *target_path(const struct request *q, const char *base, size_t *len)
{
	const char *s = base + q->url.off, *end = s + q->url.len, *host;

	host = memmem(s, q->url.len, "://", 3);
	if (s < end && *s != '/')
		for (s = host ? host + 3 : end; s < end && !strchr("/?#", *s); s++)
			;
	if (s == end || *s != '/')
		return NULL;
	for (*len = 0; s + *len < end && !strchr("?#", s[*len]); ++*len)
		;
	return s;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes one character of a path. -1: a bad escape, or a NUL. */
static int path_decode(const char **s, const char *end)
{
	int hi, lo;

	if (**s != '%')
		return (unsigned char)*(*s)++;
	if (end - *s < 3)
		return -1;
	hi = hex_digit((*s)[1]);
	lo = hex_digit((*s)[2]);
	*s += 3;
	return hi < 0 || lo < 0 || !(hi | lo) ? -1 : hi << 4 | lo;
}

/* The path of the file, relative to the served directory. Returns 0 or a status. */
int http_path(const struct request *q, const char *base, char *path, size_t room)
{
	size_t n = 0, len = 0;
	const char *s = target_path(q, base, &len), *end = s + len;
	int c;

	if (!s)
		return HTTP_STATUS_BAD_REQUEST;
	while (s < end) {
		c = path_decode(&s, end);
		if (c < 0)
			return HTTP_STATUS_BAD_REQUEST;
		if (n + sizeof("index.html") >= room)
			return HTTP_STATUS_URI_TOO_LONG;
		if (n || c != '/')
			path[n++] = c;
	}
	path[n] = 0;
	/* RESOLVE_BENEATH refuses paths that lead out of the directory */
	if (!n || path[n - 1] == '/')
		memcpy(path + n, "index.html", sizeof("index.html"));
	return 0;
}

static bool parse_number(const char **s, const char *end, uint64_t *n)
{
	const char *begin = *s;

	for (*n = 0; *s < end && **s >= '0' && **s <= '9'; (*s)++) {
		if (*n > (UINT64_MAX - 9) / 10)
			return false;
		*n = *n * 10 + (**s - '0');
	}
	return *s > begin;
}

/* Parses a single range of bytes. For other ranges the whole file is sent. */
enum range http_range(const struct request *q, const char *base, uint64_t size,
		      uint64_t *first, uint64_t *length)
{
	const char *s = base + q->range.off, *end = s + q->range.len;
	bool from, to;
	uint64_t last;

	if (q->parser.method != HTTP_GET || q->range.len < 7 || strncasecmp(s, "bytes=", 6))
		return RANGE_NONE;
	s += 6;
	from = parse_number(&s, end, first);
	if (s == end || *s++ != '-')
		return RANGE_NONE;
	to = parse_number(&s, end, &last);
	if (s != end || (!from && !to) || (from && to && last < *first))
		return RANGE_NONE;
	if (!from) {	/* the last @last bytes */
		*first = last < size ? size - last : 0;
		*length = size - *first;
		return last && size ? RANGE_SOME : RANGE_BEYOND;
	}
	if (*first >= size)
		return RANGE_BEYOND;
	*length = (to && last < size ? last + 1 : size) - *first;
	return RANGE_SOME;
}

const char *http_type(const char *path)
{
	static const struct {
		const char *suffix, *type;
	} types[] = {
		{ "html", "text/html; charset=utf-8" },
		{ "htm", "text/html; charset=utf-8" },
		{ "txt", "text/plain; charset=utf-8" },
		{ "md", "text/markdown; charset=utf-8" },
		{ "css", "text/css; charset=utf-8" },
		{ "js", "text/javascript; charset=utf-8" },
		{ "json", "application/json" },
		{ "xml", "application/xml" },
		{ "pdf", "application/pdf" },
		{ "wasm", "application/wasm" },
		{ "svg", "image/svg+xml" },
		{ "png", "image/png" },
		{ "jpg", "image/jpeg" },
		{ "jpeg", "image/jpeg" },
		{ "gif", "image/gif" },
		{ "webp", "image/webp" },
		{ "ico", "image/vnd.microsoft.icon" },
		{ "gz", "application/gzip" },
	};
	const char *dot = strrchr(path, '.');
	size_t i;

	for (i = 0; dot && i < ARRAY_SIZE(types); i++)
		if (!strcasecmp(dot + 1, types[i].suffix))
			return types[i].type;
	return "application/octet-stream";
}

struct text {
	char *at, *end;
};

static void __printf(2, 3) head_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at, t->end - t->at, fmt, ap);
	va_end(ap);
	t->at += n < t->end - t->at ? n : t->end - t->at - 1;
}

static void head_add_time(struct text *t, const char *name, time_t when)
{
	char buf[32];
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(buf, sizeof(buf), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	head_add(t, "%s: %s\r\n", name, buf);
}

/* "dir" becomes "/dir/", but never "//dir/", which would be another host. */
static void head_add_location(struct text *t, const struct head *h)
{
	size_t len = 0;
	const char *path = target_path(h->req, h->base, &len);

	for (; len && *path == '/'; len--)
		path++;
	head_add(t, "Location: /%.*s/\r\n", (int)len, len ? path : "");
}

static void head_add_fields(struct text *t, const struct head *h)
{
	if (h->type)
		head_add(t, "Content-Type: %s\r\n", h->type);
	if (h->mtime)
		head_add_time(t, "Last-Modified", h->mtime);
	switch (h->status) {
	case HTTP_STATUS_OK:
		head_add(t, "Accept-Ranges: bytes\r\n");
		break;
	case HTTP_STATUS_PARTIAL_CONTENT:
		head_add(t, "Content-Range: bytes %ju-%ju/%ju\r\n", (uintmax_t)h->first,
			 (uintmax_t)(h->first + h->length - 1), (uintmax_t)h->size);
		break;
	case HTTP_STATUS_RANGE_NOT_SATISFIABLE:
		head_add(t, "Content-Range: bytes */%ju\r\n", (uintmax_t)h->size);
		break;
	case HTTP_STATUS_MOVED_PERMANENTLY:
		head_add_location(t, h);
		break;
	case HTTP_STATUS_METHOD_NOT_ALLOWED:
		head_add(t, "Allow: GET, HEAD\r\n");
		break;
	case HTTP_STATUS_SERVICE_UNAVAILABLE:
		head_add(t, "Retry-After: 1\r\n");
		break;
	}
}

/* Writes the head of an answer. Returns its length, which is less than REPLY_BUF. */
size_t http_head(char *buf, size_t room, const struct head *h)
{
	struct text t = { buf, buf + room };

	head_add(&t, "HTTP/1.1 %u %s\r\n", h->status, http_status_text(h->status));
	head_add(&t, "Server: stopper-httpd\r\nDate: %s\r\n", h->date);
	head_add(&t, "Content-Length: %ju\r\n", (uintmax_t)h->length);
	head_add_fields(&t, h);
	if (h->close)
		head_add(&t, "Connection: close\r\n");
	else if (!h->req->parser.http_minor)
		head_add(&t, "Connection: keep-alive\r\n");
	head_add(&t, "\r\n");
	return t.at - buf;
}
