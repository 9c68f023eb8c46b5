// SPDX-License-Identifier: GPL-2.0
/*
 * httpd_pages.c - the pages.
 *
 *   /            a text
 *   /stats       the counters; the request itself counts as begun, not as answered
 *   /slow?ms=N   is sent after N milliseconds, or at once when the server quiesces
 *   /big?kb=N    N KiB of dots
 */
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/string.h>
#include "httpd.h"

#define SLOW_MAX_MS	60000
#define BIG_MAX_KB	65536

static __printf(2, 3) void page_printf(struct conn *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	c->text_len += vscnprintf(c->text + c->text_len, TEXT_MAX - c->text_len, fmt, args);
	va_end(args);
}

static int page_root(struct conn *c, struct request *rq)
{
	page_printf(c, "stopper_httpd: an HTTP server in the kernel with an orderly shutdown.\n"
		       "See /stats, /slow?ms=N, /big?kb=N; unload the module under load.\n");
	return 200;
}

static int page_stats(struct conn *c, struct request *rq)
{
	struct counters *n = &c->httpd->count;

	page_printf(c, "begun %ld\n", atomic_long_read(&n->begun));
	page_printf(c, "answered %ld\n", atomic_long_read(&n->answered));
	page_printf(c, "refused %ld\n", atomic_long_read(&n->refused));
	page_printf(c, "lost %ld\n", atomic_long_read(&n->lost));
	page_printf(c, "aborted %ld\n", atomic_long_read(&n->aborted));
	page_printf(c, "connections %d of %d\n", stopper_sem_length(&c->httpd->slots),
		    stopper_sem_capacity(&c->httpd->slots));
	return 200;
}

static int page_slow(struct conn *c, struct request *rq)
{
	struct stopper_ctx *ctx;
	unsigned int ms = 1000;
	int status;

	status = request_number(rq, "ms", SLOW_MAX_MS, &ms);
	if (status)
		return status;
	if (stopper_ctx_with_timeout(NULL, (s64)ms * NSEC_PER_MSEC, &ctx))
		return 503;
	if (stopper_wait(stopper_should_quiesce(c->httpd->stopper), ctx))
		page_printf(c, "after %u ms\n", ms);
	else
		page_printf(c, "before %u ms: the server is shutting down\n", ms);
	stopper_ctx_put(ctx);
	return 200;
}

static int page_big(struct conn *c, struct request *rq)
{
	unsigned int kb = 64;
	int status;

	status = request_number(rq, "kb", BIG_MAX_KB, &kb);
	if (status)
		return status;
	c->filler = (size_t)kb * 1024;
	return 200;
}

static const struct {
	const char *path;
	int (*serve)(struct conn *c, struct request *rq);
} pages[] = {
	{ "/", page_root },
	{ "/stats", page_stats },
	{ "/slow", page_slow },
	{ "/big", page_big },
};

/**
 * page_serve() - generate the body of a requested page
 * @c: the connection; the body is stored in @c->text or @c->filler
 * @rq: the request
 *
 * Context: Process context. Sleeps as long as the page requires.
 * Return: The HTTP status: 200, or an argument for page_error().
 */
int page_serve(struct conn *c, struct request *rq)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		if (!strcmp(rq->path, pages[i].path))
			return pages[i].serve(c, rq);
	}
	return 404;
}

/**
 * page_error() - generate the body of an error
 * @c: the connection; the body is stored in @c->text
 * @status: the HTTP status
 */
void page_error(struct conn *c, int status)
{
	page_printf(c, "%d %s\n", status, page_reason(status));
}

/**
 * page_reason() - get the reason phrase of a status
 * @status: an HTTP status that this server uses
 *
 * Return: A constant string.
 */
const char *page_reason(int status)
{
	switch (status) {
	case 200: return "OK";
	case 400: return "Bad Request";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 408: return "Request Timeout";
	case 431: return "Request Header Fields Too Large";
	case 503: return "Service Unavailable";
	case 505: return "HTTP Version Not Supported";
	default: return "Error";
	}
}
