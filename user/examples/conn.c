// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * conn.c - one connection, and the request that runs on it.
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
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "httpd.h"

#define OPEN_RETRIES	8	/* openat2 fails if it races with a rename() */

static void on_recv(struct op *op, int res);
static void on_open(struct op *op, int res);
static void on_file_read(struct op *op, int res);
static void on_send(struct op *op, int res);
static void on_linger(struct op *op, int res);
static void conn_send(struct conn *c);

static struct conn *op_conn(struct op *op)
{
	return container_of(op, struct conn, op);
}

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

static void close_file(struct conn *c)
{
	if (c->file >= 0)
		close(c->file);
	c->file = -1;
}

/* Every request ends here. @n: the counter, or NULL: lost. */
static void request_end(struct conn *c, uint64_t *n)
{
	close_file(c);
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
static void conn_drop(struct conn *c, uint64_t *n)
{
	if (c->active)
		request_end(c, n);
	conn_free(c);
}

/* An operation has failed: it was cancelled, or the client has disconnected. */
static void conn_fail(struct conn *c)
{
	struct ring *r = c->ring;

	conn_drop(c, r->cutting ? &r->n.cut : &r->n.aborted);
}

/* An entry for the next operation. NULL: after the cut; the connection was freed. */
static struct io_uring_sqe *conn_sqe(struct conn *c)
{
	if (!c->ring->cutting)
		return ring_sqe(c->ring);
	conn_fail(c);
	return NULL;
}

static bool bytes_waiting(const struct conn *c)
{
	int n;

	return !ioctl(c->fd, FIONREAD, &n) && n > 0;
}

static bool drain_is_over(const struct ring *r)
{
	return r->quiescing && r->now >= r->drain_end;
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

/*
 * Is this the last answer? While quiescing: if no further request has arrived. An
 * acquire load of the event shows it before the ring's completion arrives.
 */
static bool is_last_answer(const struct conn *c)
{
	const struct ring *r = c->ring;

	if (!c->req.keep_alive || drain_is_over(r))
		return true;
	if (!stopper_event_fired(stopper_should_quiesce(r->h->stopper)))
		return false;
	return c->pos == c->len && !bytes_waiting(c);
}

/* Puts the head of an answer into the buffer. False: out of memory, the connection was dropped. */
static bool answer_head(struct conn *c, struct head *head)
{
	if (!c->out)
		c->out = malloc(REPLY_BUF);
	if (!c->out) {
		log_line(c->ring->h, "out of memory: closing a connection without an answer");
		conn_drop(c, NULL);
		return false;
	}
	c->closing = is_last_answer(c);
	head->req = &c->req;
	head->base = c->in + c->start;
	head->date = ring_date(c->ring);
	head->close = c->closing;
	c->out_pos = 0;
	c->out_len = http_head(c->out, REPLY_BUF, head);
	return true;
}

/* An answer whose body is the status as text. */
static void answer_status(struct conn *c, unsigned int status, uint64_t size)
{
	struct head head = { .status = status, .type = "text/plain; charset=utf-8", .size = size };
	char body[64];

	close_file(c);
	head.length = snprintf(body, sizeof(body), "%u %s\n", status, http_status_text(status));
	if (!answer_head(c, &head))
		return;
	if (!http_is_head(&c->req)) {
		memcpy(c->out + c->out_len, body, head.length);
		c->out_len += head.length;
	}
	c->file_left = 0;
	conn_send(c);
}

/* After an error that makes the next request on this connection impossible to find. */
static void answer_and_close(struct conn *c, unsigned int status)
{
	c->req.keep_alive = false;
	answer_status(c, status, 0);
}

static void file_read(struct conn *c)
{
	struct io_uring_sqe *sqe = conn_sqe(c);
	size_t room;

	if (!sqe)
		return;
	room = REPLY_BUF - c->out_len;
	if (room > c->file_left)
		room = c->file_left;
	io_uring_prep_read(sqe, c->file, c->out + c->out_len, room, c->file_pos);
	ring_queue(sqe, &c->op, on_file_read);
}

static void on_file_read(struct op *op, int res)
{
	struct conn *c = op_conn(op);

	if (res == -EINTR || res == -EAGAIN) {
		file_read(c);
		return;
	}
	if (res == -ECANCELED) {
		conn_fail(c);
		return;
	}
	if (res <= 0) {
		/* the head has announced the length, so the connection must be closed */
		log_line(c->ring->h, "cannot read a file to its end: %s; closing the connection",
			 res ? strerror(-res) : "it shrank");
		conn_drop(c, NULL);
		return;
	}
	c->out_len += res;
	c->file_pos += res;
	c->file_left -= res;
	conn_send(c);
}

static void answer_file(struct conn *c, const struct stat *st)
{
	struct head head = {
		.status = HTTP_STATUS_OK, .type = c->type, .mtime = st->st_mtime,
		.length = st->st_size, .size = st->st_size,
	};

	switch (http_range(&c->req, c->in + c->start, head.size, &head.first, &head.length)) {
	case RANGE_BEYOND:
		answer_status(c, HTTP_STATUS_RANGE_NOT_SATISFIABLE, head.size);
		return;
	case RANGE_SOME:
		head.status = HTTP_STATUS_PARTIAL_CONTENT;
		break;
	case RANGE_NONE:
		head.first = 0;
		head.length = head.size;
		break;
	}
	if (!answer_head(c, &head))
		return;
	c->file_pos = head.first;
	c->file_left = http_is_head(&c->req) ? 0 : head.length;
	if (c->file_left)
		file_read(c);	/* small files go out with their head */
	else
		conn_send(c);
}

static unsigned int open_status(int err)
{
	switch (err) {
	case -EACCES:
	case -EPERM:
	case -EXDEV:	/* outside the directory */
	case -ELOOP:
		return HTTP_STATUS_FORBIDDEN;
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
	case -EAGAIN:
		return HTTP_STATUS_SERVICE_UNAVAILABLE;
	default:
		return HTTP_STATUS_NOT_FOUND;
	}
}

static void file_open(struct conn *c)
{
	/* NONBLOCK: a FIFO without a writer must not block; see on_open() */
	static const struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	struct io_uring_sqe *sqe = conn_sqe(c);

	if (!sqe)
		return;
	io_uring_prep_openat2(sqe, c->ring->h->dir, c->out, (struct open_how *)&how);
	ring_queue(sqe, &c->op, on_open);
}

static void on_open(struct op *op, int res)
{
	struct conn *c = op_conn(op);
	struct stat st;

	if (res == -EAGAIN && c->retries++ < OPEN_RETRIES) {
		file_open(c);
		return;
	}
	if (res == -ECANCELED) {
		conn_fail(c);
		return;
	}
	if (res < 0) {
		answer_status(c, open_status(res), 0);
		return;
	}
	c->file = res;
	if (fstat(c->file, &st) < 0)
		answer_status(c, HTTP_STATUS_INTERNAL_SERVER_ERROR, 0);
	else if (S_ISDIR(st.st_mode))
		answer_status(c, HTTP_STATUS_MOVED_PERMANENTLY, 0);
	else if (!S_ISREG(st.st_mode))
		answer_status(c, HTTP_STATUS_FORBIDDEN, 0);
	else if (fcntl(c->file, F_SETFL, 0) < 0)	/* reads must wait for the disk */
		answer_status(c, HTTP_STATUS_INTERNAL_SERVER_ERROR, 0);
	else
		answer_file(c, &st);
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
	file_open(c);
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
	else if (bytes_waiting(c))
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

static void conn_send(struct conn *c)
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
		file_read(c);
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
	bool on_client = c->op.done != on_open && c->op.done != on_file_read;

	conn_watch(c, c->watch);
	if (on_client)
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
