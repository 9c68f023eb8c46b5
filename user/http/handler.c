// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * handler.c - the debug list over HTTP: an access handler for libmicrohttpd.
 *
 * An answer is complete in memory before its first byte is sent, so a client that stops reading
 * holds only its own copy. JSON and metrics are made from the text, and the page requests the
 * JSON, so all have one source.
 *
 * Names are not trusted. The core escapes them in the text, jansson in the JSON, and the page
 * inserts them by textContent only. If that failed, the page's policy still runs no script
 * without this answer's nonce.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <stopper/http_handler.h>
#include <stopper/print.h>
#include "../debuglist/debuglist.h"
#include "page.h"

#define NONCE_MARK	"@NONCE@"
#define POLICY_NO_PAGE	"default-src 'none'; frame-ancestors 'none'"
#define POLICY_PAGE	"default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; " \
			"connect-src 'self'; base-uri 'none'; form-action 'none'; " \
			"frame-ancestors 'none'"

struct answer {
	unsigned int status;
	const char *type, *policy;
	char *body;			/* from malloc(), or a constant; see @mode */
	size_t len;
	enum MHD_ResponseMemoryMode mode;
};

static void add_headers(struct MHD_Response *r, const struct answer *a)
{
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(r, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT);
	MHD_add_response_header(r, "Content-Security-Policy",
				a->policy ? a->policy : POLICY_NO_PAGE);
	MHD_add_response_header(r, "Cross-Origin-Resource-Policy", "same-origin");
	MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	if (a->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
}

static enum MHD_Result send_answer(struct MHD_Connection *conn, const struct answer *a)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(a->len, a->body, a->mode);
	enum MHD_Result ok;

	if (!r) {
		if (a->mode == MHD_RESPMEM_MUST_FREE)
			free(a->body);
		return MHD_NO;
	}
	add_headers(r, a);
	ok = MHD_queue_response(conn, a->status, r);
	MHD_destroy_response(r);
	return ok;
}

static enum MHD_Result send_error(struct MHD_Connection *conn, unsigned int status, const char *why)
{
	struct answer a = {
		.status = status, .type = "text/plain; charset=us-ascii",
		.body = (char *)why, .len = strlen(why), .mode = MHD_RESPMEM_PERSISTENT,
	};

	return send_answer(conn, &a);
}

static enum MHD_Result send_unavailable(struct MHD_Connection *conn, int err)
{
	return send_error(conn, MHD_HTTP_SERVICE_UNAVAILABLE, err == -ENOTSUP ?
		      "No debug list: this process is a child of fork().\n" : "Out of memory.\n");
}

static int render_text(char **text, size_t *len)
{
	FILE *f = open_memstream(text, len);
	int err;

	if (!f)
		return -ENOMEM;
	err = stopper_debug_print(f);
	if (fclose(f) && !err)
		err = -ENOMEM;
	if (err)
		free(*text);
	return err;
}

static int render_list(char *(*convert)(const struct debug_list *list, size_t *len), char **text,
		       size_t *len)
{
	struct debug_list *list;
	size_t size, line;
	char *source;
	int err;

	err = render_text(&source, &size);
	if (err)
		return err;
	err = debug_list_parse(source, size, &list, &line);
	free(source);
	if (err)
		return err;
	*text = convert(list, len);
	debug_list_free(list);
	return *text ? 0 : -ENOMEM;
}

static char *json_text(const struct debug_list *list, size_t *len)
{
	char *text = debug_list_json_text(list);

	*len = text ? strlen(text) : 0;
	return text;
}

static int render_json(char **json, size_t *len)
{
	return render_list(json_text, json, len);
}

/* Makes the page from its source: replaces each NONCE_MARK by @nonce. */
static int render_page(const char *nonce, char **page, size_t *len)
{
	const char *from = stopper_http_page, *end = stopper_http_page_end, *mark;
	FILE *f = open_memstream(page, len);

	if (!f)
		return -ENOMEM;
	while ((mark = memmem(from, (size_t)(end - from), NONCE_MARK, strlen(NONCE_MARK)))) {
		fwrite(from, 1, (size_t)(mark - from), f);
		fputs(nonce, f);
		from = mark + strlen(NONCE_MARK);
	}
	fwrite(from, 1, (size_t)(end - from), f);
	if (!fclose(f))
		return 0;
	free(*page);
	return -ENOMEM;
}

static enum MHD_Result serve_text(struct MHD_Connection *conn)
{
	struct answer a = {
		.status = MHD_HTTP_OK, .type = "text/plain; charset=us-ascii",
		.mode = MHD_RESPMEM_MUST_FREE,
	};
	int err = render_text(&a.body, &a.len);

	return err ? send_unavailable(conn, err) : send_answer(conn, &a);
}

static enum MHD_Result serve_json(struct MHD_Connection *conn)
{
	struct answer a = {
		.status = MHD_HTTP_OK, .type = "application/json", .mode = MHD_RESPMEM_MUST_FREE,
	};
	int err = render_json(&a.body, &a.len);

	return err ? send_unavailable(conn, err) : send_answer(conn, &a);
}

static enum MHD_Result serve_metrics(struct MHD_Connection *conn)
{
	struct answer a = {
		.status = MHD_HTTP_OK, .mode = MHD_RESPMEM_MUST_FREE,
		.type = "application/openmetrics-text; version=1.0.0; charset=utf-8",
	};
	int err = render_list(debug_list_metrics, &a.body, &a.len);

	return err ? send_unavailable(conn, err) : send_answer(conn, &a);
}

static enum MHD_Result serve_page(struct MHD_Connection *conn)
{
	struct answer a = {
		.status = MHD_HTTP_OK, .type = "text/html; charset=utf-8",
		.mode = MHD_RESPMEM_MUST_FREE,
	};
	char nonce[33], policy[sizeof(POLICY_PAGE) + 2 * sizeof(nonce)];
	uint64_t r[2];
	int err;

	if (getrandom(r, sizeof(r), GRND_NONBLOCK) != sizeof(r))
		return send_error(conn, MHD_HTTP_SERVICE_UNAVAILABLE,
				  "No random numbers available yet; try ?format=text.\n");
	snprintf(nonce, sizeof(nonce), "%016llx%016llx", (unsigned long long)r[0],
		 (unsigned long long)r[1]);
	snprintf(policy, sizeof(policy), POLICY_PAGE, nonce, nonce);
	a.policy = policy;
	err = render_page(nonce, &a.body, &a.len);
	return err ? send_unavailable(conn, err) : send_answer(conn, &a);
}

/* The q value in the parameters @p of an item of the Accept header, in thousandths. */
static int accept_weight(const char *p, const char *end)
{
	int unit = 100, q;

	while (p < end && (*p == ';' || *p == ' ' || *p == '\t'))
		p++;
	if (end - p < 3 || strncasecmp(p, "q=", 2) || !isdigit((unsigned char)p[2]))
		return 1000;
	q = 1000 * (p[2] - '0');
	for (p += 4; p < end && isdigit((unsigned char)*p); p++, unit /= 10)
		q += unit * (*p - '0');
	return q;
}

/* The q value of @type in the Accept header, 0 to 1000; -1: the header does not name it. */
static int accept_quality(const char *accept, const char *type)
{
	const char *item, *end;

	for (item = accept; *item; item = *end ? end + 1 : end) {
		item += strspn(item, " \t");
		end = strchrnul(item, ',');
		if (strcspn(item, ",; \t") == strlen(type) &&
		    !strncasecmp(item, type, strlen(type)))
			return accept_weight(item + strlen(type), end);
	}
	return -1;
}

/* True for browsers, but not for curl, which accepts any type, nor if plain text is as welcome. */
static bool prefers_html(struct MHD_Connection *conn)
{
	const char *accept = MHD_lookup_connection_value(conn, MHD_HEADER_KIND,
							 MHD_HTTP_HEADER_ACCEPT);
	int q = accept ? accept_quality(accept, "text/html") : 0;

	return q > 0 && q > accept_quality(accept, "text/plain") &&
		q >= accept_quality(accept, "*/*");
}

static enum MHD_Result serve_list(struct MHD_Connection *conn)
{
	const char *format = MHD_lookup_connection_value(conn, MHD_GET_ARGUMENT_KIND, "format");

	if (!format)
		return prefers_html(conn) ? serve_page(conn) : serve_text(conn);
	if (!strcmp(format, "text"))
		return serve_text(conn);
	if (!strcmp(format, "json"))
		return serve_json(conn);
	if (!strcmp(format, "html"))
		return serve_page(conn);
	return send_error(conn, MHD_HTTP_BAD_REQUEST, "Unknown format: use text, json or html.\n");
}

enum MHD_Result stopper_http_handler(void *cls, struct MHD_Connection *conn, const char *url,
				     const char *method, const char *version,
				     const char *upload_data, size_t *upload_data_size,
				     void **con_cls)
{
	(void)cls;
	(void)version;
	(void)upload_data;
	(void)upload_data_size;
	(void)con_cls;
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return send_error(conn, MHD_HTTP_METHOD_NOT_ALLOWED,
				  "Method not allowed: use GET or HEAD.\n");
	if (!strcmp(url, "/metrics"))
		return serve_metrics(conn);
	if (strcmp(url, "/debug/stopper"))
		return send_error(conn, MHD_HTTP_NOT_FOUND,
				  "Not found: see /debug/stopper and /metrics.\n");
	return serve_list(conn);
}
