/* SPDX-License-Identifier: GPL-2.0 */
/*
 * httpd.h - what the parts of stopper_httpd know of one another.
 *
 *   httpd_main.c   the module: parameters, listening socket, accept loop, the shutdown
 *   httpd_conn.c   one connection: its waits, its requests one after the other, its end
 *   httpd_pages.c  what is served
 *   httpd_parse.c  the head of a request; knows neither sockets nor the stopper
 *
 * The design is in the head of httpd_main.c.
 */
#ifndef STOPPER_SAMPLES_HTTPD_H
#define STOPPER_SAMPLES_HTTPD_H

#include <linux/atomic.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/types.h>
#include <stopper/stopper.h>

#define HEAD_MAX	4096	/* of a request's head: longer ones get a 431 */
#define TEXT_MAX	1024	/* of a page's text */

/* begun = answered + aborted + lost + those being served now */
struct counters {
	atomic_long_t begun;	/* the first byte of a request was read */
	atomic_long_t answered;	/* the last byte of its answer was handed to TCP */
	atomic_long_t aborted;	/* the client went away, or did not take its answer */
	atomic_long_t lost;	/* neither of the two: a bug */
	atomic_long_t refused;	/* a connection or request turned away, unread */
};

struct httpd {
	struct stopper *stopper;
	struct stopper_sem slots;	/* one held by every connection served */
	struct kmem_cache *conns;
	struct socket *listener;
	struct stopper_closer closer;	/* of @listener */
	struct counters count;
};

/**
 * struct conn - a connection; owned by its task
 * @httpd: the server
 * @sock: released by the task
 * @on_quiesce: tells @quiesced and @deadline, and wakes the task out of any wait
 * @quiesced: read by the task, written once by the callback, tag (Q)
 * @in_progress: a request has begun and is not accounted for yet
 * @deadline: jiffies after which nothing is waited for; valid when @quiesced
 * @filler: length of a body made of dots, in place of @text
 * @text_len: length of @text
 * @len: bytes in @in that have not been dealt with
 * @in: what was received
 * @out: what is sent
 * @text: what a page wrote
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
 * struct request - a request's head, taken apart in place
 * @head_only: HEAD: no body is sent
 * @keep: the client can use the connection again
 * @path: begins with a slash
 * @query: behind the question mark, or NULL
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

/* httpd_pages.c: both return a status, page_serve() leaves the body in @c */
int page_serve(struct conn *c, struct request *rq);
void page_error(struct conn *c, int status);
const char *page_reason(int status);

/* httpd_parse.c */
size_t request_length(const char *buf, size_t len);
int request_parse(char *head, size_t len, struct request *rq);
int request_number(struct request *rq, const char *key, unsigned int max, unsigned int *val);

#endif /* STOPPER_SAMPLES_HTTPD_H */
