// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * answer.c - the answer to a request: a status, or a file that is opened and read piece by piece.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "httpd.h"

#define OPEN_RETRIES	8	/* openat2 fails if it races with a rename() */

static void on_open(struct op *op, int res);
static void on_file_read(struct op *op, int res);

void answer_close(struct conn *c)
{
	if (c->file >= 0)
		close(c->file);
	c->file = -1;
}

static bool drain_is_over(const struct ring *r)
{
	return r->quiescing && r->now >= r->drain_end;
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
	return c->pos == c->len && !conn_has_bytes(c);
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
void answer_status(struct conn *c, unsigned int status, uint64_t size)
{
	struct head head = { .status = status, .type = "text/plain; charset=utf-8", .size = size };
	char body[64];

	answer_close(c);
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
void answer_and_close(struct conn *c, unsigned int status)
{
	c->req.keep_alive = false;
	answer_status(c, status, 0);
}

void answer_read(struct conn *c)
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
		answer_read(c);
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
		answer_read(c);	/* small files go out with their head */
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

void answer_open(struct conn *c)
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
		answer_open(c);
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

/* Is an operation on the file in flight, which ends without the client? */
bool answer_reads(const struct conn *c)
{
	return c->op.done == on_open || c->op.done == on_file_read;
}
