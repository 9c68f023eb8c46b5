/* SPDX-License-Identifier: GPL-2.0 */
/*
 * httpd.h - shared declarations of stopper_httpd.
 *
 *   httpd_main.c   the module: parameters, listening socket, accept loop, shutdown
 *   httpd_conn.c   one connection: its waits, its sequence of requests, its close
 *   httpd_pages.c  the pages
 *   httpd_parse.c  the parser of a request's head; uses neither sockets nor the stopper
 *
 * The design is described in httpd_main.c.
 */
#ifndef STOPPER_SAMPLES_HTTPD_H
#define STOPPER_SAMPLES_HTTPD_H

#include <linux/atomic.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/types.h>
#include <stopper/stopper.h>

#define HEAD_MAX	4096	/* bytes of a request's head; a longer one gets a 431 */
#define TEXT_MAX	1024	/* bytes of a page's text */

/* begun = answered + aborted + lost + in progress */
struct counters {
	atomic_long_t begun;	/* first byte of a request was read */
	atomic_long_t answered;	/* last byte of its response was passed to TCP */
	atomic_long_t aborted;	/* client disconnected, or did not read the response */
	atomic_long_t lost;	/* neither: a bug */
	atomic_long_t refused;	/* connection or request refused, unread */
};

struct httpd {
	struct stopper *stopper;
	struct stopper_sem slots;	/* one is held for each connection */
	struct kmem_cache *conns;
	struct socket *listener;
	struct stopper_closer closer;	/* releases @listener */
	struct stopper_task_info remaining[8];	/* when the grace is over */
	struct counters count;
};

/**
 * struct conn - a connection, owned by its task
 * @httpd: the server
 * @sock: the socket; the task releases it
 * @on_quiesce: sets @quiesced and @deadline, and wakes the task from any wait
 * @quiesced: written once by the callback, read by the task; (Q), httpd_conn.c
 * @in_progress: a request has begun and is not counted as answered or aborted yet
 * @deadline: jiffies after which the task does not wait; valid if @quiesced
 * @filler: length of a body of dots, which replaces @text
 * @text_len: length of @text
 * @len: unprocessed bytes in @in
 * @in: received bytes
 * @out: bytes to send
 * @text: the body that a page has written
 */
struct conn {
	struct httpd *httpd;
	struct socket *sock;
	struct stopper_on_fire on_quiesce;
	bool quiesced;
	bool in_progress;
	unsigned long deadline;
	size_t filler;
	size_t text_len;
	size_t len;
	char in[HEAD_MAX];
	char out[HEAD_MAX];
	char text[TEXT_MAX];
};

/**
 * struct request - a parsed request; its strings are in the receive buffer
 * @head_only: method HEAD: no body is sent
 * @keep: the connection is kept open for another request
 * @path: the path, which begins with a slash
 * @query: the part after the question mark, or NULL
 */
struct request {
	bool head_only;
	bool keep;
	char *path;
	char *query;
};

/* httpd_main.c */
extern unsigned int httpd_grace_ms;
void httpd_refuse(struct httpd *h, struct socket *sock);

/* httpd_conn.c */
void conn_task(struct stopper_ctx *ctx, void *arg);
bool sock_ready(struct socket *sock, __poll_t events);

/* httpd_pages.c */
int page_serve(struct conn *c, struct request *rq);
void page_error(struct conn *c, int status);
const char *page_reason(int status);

/* httpd_parse.c */
size_t request_length(const char *buf, size_t len);
int request_parse(char *head, size_t len, struct request *rq);
int request_number(struct request *rq, const char *key, unsigned int max, unsigned int *val);

#endif /* STOPPER_SAMPLES_HTTPD_H */
