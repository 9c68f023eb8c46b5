// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * conn.c - one connection, and the request that runs on it; its answer is made in answer.c.
 *
 * At any time exactly one operation of a connection is in flight. The function
 * that its completion calls is the state:
 *
 *            +--------------- next request, keep-alive --------------+
 *            v                                                       |
 *   on_recv ----> on_open ----> on_file_read <----> on_send ---------+
 *    |   |                                            ^  |
 *    |   +-- errors, 503, 408: answer_status() -------+  | the last answer
 *    | EOF while idle                                    v
 *    +---> freed <------------------ on_linger <--- conn_finish()
 *
 * A request is a task: stopper_task_begin() when its first byte has been read,
 * stopper_task_end() when the kernel has accepted the last byte of its answer;
 * the kernel delivers it even after this process has exited. All requests end in
 * request_end(), so each one is counted once: as answered, aborted, cut, or else
 * as lost. (A request is lost if its file shrank while it was sent, or if there
 * was no memory, but never because of the client.)
 *
 * How a connection ends without losing an answer or a request:
 *
 * - close() with unread bytes in the socket sends a reset, and a reset makes the
 *   client discard an answer that it has received but not read. So our side is
 *   shut down first, and the client's side is read to its end: on_linger(). This
 *   is bounded by one second and LINGER_BYTES.
 * - Once ShouldQuiesce has fired, an answer says "Connection: close" - unless
 *   more bytes of this client have arrived. These are further requests, which
 *   the client sent before it could know. They are read and refused (503), the
 *   last one with "close". This ends after --drain, so that a client that keeps
 *   sending requests cannot delay the stop.
 * - A connection that is idle at that time stays open for --drain, because its
 *   client may just have sent a request:
 *
 *     us                               client
 *     200, keep-alive  ------------->
 *     quiesce                          next request  (crosses)
 *     close now: it is lost            never answered
 *     read on for --drain: 503  ---->  may retry elsewhere
 *
 *   A request that crosses our FIN nevertheless is never read, so it has not
 *   begun. HTTP clients must expect this (RFC 9112, 9.5). on_linger() sees it and
 *   counts it as late.
 *
 * No operation outlives its connection: if a connection must end while one is in
 * flight, the operation is cancelled, and the completion continues the end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "httpd.h"

static void on_recv(struct op *op, int res);
static void on_send(struct op *op, int res);
static void on_linger(struct op *op, int res);

static void conn_watch(struct conn *c, enum watch watch)
{
	struct ring *r = c->ring;

	TAILQ_REMOVE(&r->watched[c->watch], c, link);
	c->watch = watch;
	c->since = r->now;
	TAILQ_INSERT_TAIL(&r->watched[watch], c, link);
}

static void conn_watch_idle(struct conn *c)
{
	conn_watch(c, c->ring->quiescing ? WATCH_DRAIN : WATCH_ACTIVE);
}

static void conn_free(struct conn *c)
{
	struct ring *r = c->ring;

	TAILQ_REMOVE(&r->watched[c->watch], c, link);
	close(c->fd);
	free(c);
	r->conns--;
	ring_accept(r);
}

/* Every request ends here. @n: the counter, or NULL: lost. */
static void request_end(struct conn *c, uint64_t *n)
{
	answer_close(c);
	free(c->out);
	c->out = NULL;
	c->file_left = 0;
	c->active = false;
	if (!c->begun)
		return;
	if (n)
		counter_inc(n);
	c->begun = false;
	stopper_task_end(&c->task);
}

/* Ends a connection that cannot carry an answer any more. */
void conn_drop(struct conn *c, uint64_t *n)
{
	if (c->active)
		request_end(c, n);
	conn_free(c);
}

/* An operation has failed: it was cancelled, or the client has disconnected. */
void conn_fail(struct conn *c)
{
	struct ring *r = c->ring;

	conn_drop(c, r->cutting ? &r->n.cut : &r->n.aborted);
}

/* An entry for the next operation. NULL: after the cut; the connection was freed. */
struct io_uring_sqe *conn_sqe(struct conn *c)
{
	if (!c->ring->cutting)
		return ring_sqe(c->ring);
	conn_fail(c);
	return NULL;
}

bool conn_has_bytes(const struct conn *c)
{
	int n;

	return !ioctl(c->fd, FIONREAD, &n) && n > 0;
}

static void conn_linger(struct conn *c)
{
	struct io_uring_sqe *sqe = conn_sqe(c);

	if (!sqe)
		return;
	io_uring_prep_recv(sqe, c->fd, c->in, sizeof(c->in), 0);
	ring_queue(sqe, &c->op, on_linger);
}

/* Shuts down our side; ->closing: the client knows that the connection ends. */
static void conn_finish(struct conn *c)
{
	shutdown(c->fd, SHUT_WR);
	conn_watch(c, WATCH_LINGER);
	c->drained = 0;
	conn_linger(c);
}

static void on_linger(struct op *op, int res)
{
	struct conn *c = op_conn(op);

	if (res <= 0) {
		conn_free(c);
		return;
	}
	if (!c->closing && !c->drained)
		counter_inc(&c->ring->n.late);
	c->drained += res;
	if (c->drained > LINGER_BYTES)
		conn_free(c);
	else
		conn_linger(c);
}

static void request_begin(struct conn *c)
{
	struct ring *r = c->ring;

	http_request_init(&c->req);
	c->active = true;
	c->closing = false;
	c->retries = 0;
	conn_watch(c, WATCH_ACTIVE);
	c->begun = !stopper_task_begin(r->h->stopper, NULL, "httpd: request", &c->task);
	counter_inc(c->begun ? &r->n.begun : &r->n.refused);
}

/* The request is complete: opens its file. */
static void request_run(struct conn *c)
{
	int status = c->req.status;

	if (!status) {
		c->out = malloc(REPLY_BUF);	/* holds the path until it is submitted */
		if (!c->out) {
			answer_status(c, HTTP_STATUS_INTERNAL_SERVER_ERROR, 0);
			return;
		}
		status = http_path(&c->req, c->in + c->start, c->out, PATH_MAX);
	}
	if (status) {
		answer_status(c, status, 0);
		return;
	}
	c->type = http_type(c->out);
	answer_open(c);
}

static void conn_recv(struct conn *c)
{
	struct io_uring_sqe *sqe = conn_sqe(c);

	if (!sqe)
		return;
	if (c->start) {
		memmove(c->in, c->in + c->start, c->len - c->start);
		c->len -= c->start;
		c->pos -= c->start;
		c->start = 0;
	}
	io_uring_prep_recv(sqe, c->fd, c->in + c->len, sizeof(c->in) - c->len, 0);
	ring_queue(sqe, &c->op, on_recv);
}

/* Empty lines before a request are ignored (RFC 9112, 2.2). */
static void skip_blank(struct conn *c)
{
	while (c->pos < c->len && (c->in[c->pos] == '\r' || c->in[c->pos] == '\n'))
		c->pos++;
	c->start = c->pos;
}

static void request_refuse(struct conn *c)
{
	if (!c->req.complete)
		c->req.keep_alive = false;	/* the rest of it will not be read */
	answer_status(c, HTTP_STATUS_SERVICE_UNAVAILABLE, 0);
}

/* Parses the bytes that have been read but not parsed yet. */
static void conn_feed(struct conn *c)
{
	if (!c->active) {
		skip_blank(c);
		if (c->pos == c->len) {
			conn_recv(c);
			return;
		}
		request_begin(c);
	}
	c->pos += http_parse(&c->req, c->in + c->start, c->pos - c->start, c->len - c->pos);
	if (!c->begun)
		request_refuse(c);
	else if (c->req.complete)
		request_run(c);
	else if (c->req.status)
		answer_and_close(c, c->req.status);
	else if (c->len - c->start == sizeof(c->in))
		answer_and_close(c, HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE);
	else
		conn_recv(c);
}

/* The timeout of a receive: no operation is in flight. */
static void conn_quiet(struct conn *c)
{
	if (c->ring->cutting)
		conn_fail(c);
	else if (c->active)
		answer_and_close(c, HTTP_STATUS_REQUEST_TIMEOUT);
	else if (conn_has_bytes(c))
		conn_recv(c);	/* bytes have just arrived */
	else
		conn_finish(c);
}

static void on_recv(struct op *op, int res)
{
	struct conn *c = op_conn(op);

	if (res > 0) {
		c->len += res;
		conn_feed(c);
	} else if (res == -ECANCELED) {
		conn_quiet(c);
	} else if (res == -EINTR || res == -EAGAIN) {
		conn_recv(c);
	} else {
		conn_fail(c);
	}
}

void conn_send(struct conn *c)
{
	struct io_uring_sqe *sqe = conn_sqe(c);
	int flags = MSG_NOSIGNAL;

	if (!sqe)
		return;
	if (c->file_left)
		flags |= MSG_MORE;
	io_uring_prep_send(sqe, c->fd, c->out + c->out_pos, c->out_len - c->out_pos, flags);
	ring_queue(sqe, &c->op, on_send);
}

static void request_answered(struct conn *c)
{
	request_end(c, &c->ring->n.answered);
	c->start = c->pos;
	if (c->closing) {
		conn_finish(c);
		return;
	}
	conn_watch_idle(c);
	conn_feed(c);
}

static void on_send(struct op *op, int res)
{
	struct conn *c = op_conn(op);

	if (res < 0 && res != -EINTR && res != -EAGAIN) {
		conn_fail(c);
		return;
	}
	if (res > 0) {
		c->out_pos += res;
		conn_watch(c, WATCH_ACTIVE);
	}
	if (c->out_pos < c->out_len) {
		conn_send(c);
	} else if (c->file_left) {
		c->out_pos = 0;
		c->out_len = 0;
		answer_read(c);
	} else {
		request_answered(c);
	}
}

/* Takes over an accepted connection. -ENOMEM: the connection was closed. */
int conn_open(struct ring *r, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return -ENOMEM;
	}
	c->ring = r;
	c->fd = fd;
	c->file = -1;
	c->watch = WATCH_ACTIVE;
	TAILQ_INSERT_TAIL(&r->watched[WATCH_ACTIVE], c, link);
	r->conns++;
	conn_watch_idle(c);
	conn_recv(c);
	return 0;
}

/* The connection timed out. Its operation is cancelled; the completion decides how it continues. */
void conn_expired(struct conn *c)
{
	conn_watch(c, c->watch);
	if (!answer_reads(c))
		ring_cancel(c->ring, &c->op);
}

/* Idle connections get --drain from now on. */
void conn_quiesce_all(struct ring *r)
{
	struct conn *c, *next;

	for (c = TAILQ_FIRST(&r->watched[WATCH_ACTIVE]); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (!c->active)
			conn_watch(c, WATCH_DRAIN);
	}
}

/* The grace period is over. ->cutting is set, so no operation is started any more. */
void conn_cut_all(struct ring *r)
{
	struct conn *c;
	int i;

	for (i = 0; i < NR_WATCHES; i++)
		TAILQ_FOREACH(c, &r->watched[i], link)
			ring_cancel(r, &c->op);
}
