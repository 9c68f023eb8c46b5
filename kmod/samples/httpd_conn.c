// SPDX-License-Identifier: GPL-2.0
/*
 * httpd_conn.c - one connection, served by one task.
 *
 * The task never blocks inside TCP. It sends and receives with MSG_DONTWAIT and sleeps only in
 * conn_wait(), on the wait queue of the socket. So one wake-up there ends any wait: the wait for
 * the next request at once, other waits at the latest @deadline jiffies after ShouldQuiesce. The
 * wake-up is a callback on ShouldQuiesce, which may run in softirq. Shutting the socket down for
 * reading would have the same effect, but takes the lock of the socket, which sleeps.
 *
 * Race 1, ShouldQuiesce against going to sleep. No wake-up is lost:
 *
 *   firing thread                         connection
 *   deadline = now + grace
 *   quiesced = true          (Q)
 *   wake_up()
 *     lock of the wait queue              prepare_to_wait()
 *     wakes all entries                     lock of the wait queue
 *                                           adds its entry
 *                                         quiesced?            (Q)
 *                                         no: schedule()
 *
 *   The lock orders the two sides: either wake_up() finds the entry, or the entry was added later
 *   and the connection sees @quiesced. (Q) is a release and an acquire: a task that sees @quiesced
 *   also sees @deadline.
 *
 * Race 2, ShouldQuiesce against the first byte of a request. Each request is either begun or
 * refused:
 *
 *   firing thread                         connection
 *   quiesced = true                       bytes in @in? yes: begun, answered
 *                                         quiesced?     yes: bytes in the socket are
 *                                                       discarded, and a 503 is sent
 *                                         recv() > 0    begun, answered
 *
 *   Bytes in @in have been read, so a pipelined request is answered even after ShouldQuiesce.
 *   From then on only the rest of a request that has begun is received.
 *
 * Closing. If a socket is closed with unread bytes, TCP sends a reset, which may destroy a
 * response that the client has not read yet. So the connection sends a FIN and then discards
 * what arrives until the client has sent its FIN too, for at most LINGER. Data that has not been
 * acknowledged by then is still delivered by TCP, without this module.
 *
 * @sock outlives the callback, as stopper_event_detach() comes before its release.
 *
 * Ordered accesses
 *   (Q) @quiesced. The release in conn_quiesce() pairs with the acquire in conn_is_quiesced(): a
 *       task that sees @quiesced also sees @deadline.
 */
#include <linux/jiffies.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/wait.h>
#include <net/sock.h>
#include "httpd.h"

#define IDLE	(10 * HZ)	/* wait for the first byte of a request */
#define STALL	(5 * HZ)	/* wait for a whole head, or for progress in sending */
#define LINGER	(HZ / 2)	/* wait for the client's FIN */

#define FAILED	(EPOLLERR | EPOLLHUP)

/**
 * sock_ready() - test whether an operation on a socket would not wait
 * @sock: the socket
 * @events: EPOLLIN to accept or receive, EPOLLOUT to send
 *
 * Context: Process context. Does not sleep.
 * Return: true if the operation would not wait, also because it would fail.
 */
bool sock_ready(struct socket *sock, __poll_t events)
{
	return READ_ONCE(sock->ops)->poll(NULL, sock, NULL) & (events | FAILED);
}

static bool conn_is_quiesced(struct conn *c)
{
	/* (Q) pairs with the release in conn_quiesce(): with @quiesced, @deadline is visible */
	return smp_load_acquire(&c->quiesced);
}

/* Callback on ShouldQuiesce. May run in softirq. */
static void conn_quiesce(struct stopper_on_fire *of, void *arg)
{
	struct conn *c = arg;

	c->deadline = jiffies + msecs_to_jiffies(httpd_grace_ms);
	/* (Q) pairs with the acquire in conn_is_quiesced(): @deadline is stored first */
	smp_store_release(&c->quiesced, true);
	wake_up_interruptible_all(sk_sleep(c->sock->sk));
}

static unsigned long time_earlier(unsigned long a, unsigned long b)
{
	return time_before(a, b) ? a : b;
}

/*
 * Waits until the socket is ready. Returns 0, -ETIMEDOUT at @until or @deadline, or, if @idle,
 * -ESHUTDOWN when the server quiesces.
 */
static int conn_wait(struct conn *c, __poll_t events, unsigned long until, bool idle)
{
	for (;;) {
		bool quiesced = conn_is_quiesced(c);
		long left;

		if (quiesced && idle)
			return -ESHUTDOWN;
		if (sock_ready(c->sock, events))
			return 0;
		if (quiesced)
			until = time_earlier(until, c->deadline);
		left = until - jiffies;
		if (left <= 0)
			return -ETIMEDOUT;
		wait_event_interruptible_timeout(*sk_sleep(c->sock->sk),
						 sock_ready(c->sock, events) ||
						 conn_is_quiesced(c) != quiesced, left);
	}
}

/* Receives and discards. Returns the number of bytes; 0: end of file or an error. */
static int conn_discard(struct conn *c)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_TRUNC };
	struct kvec none = { .iov_len = SZ_64K };

	return max(kernel_recvmsg(c->sock, &msg, &none, 1, SZ_64K, msg.msg_flags), 0);
}

/* Receives into @in. Returns 0, -EPIPE at the end of file, or an error. */
static int conn_recv(struct conn *c, unsigned long until, bool idle)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT };
	struct kvec vec = { c->in + c->len, sizeof(c->in) - c->len };
	int n;

	do {
		n = conn_wait(c, EPOLLIN, until, idle);
		if (n)
			return n;
		n = kernel_recvmsg(c->sock, &msg, &vec, 1, vec.iov_len, MSG_DONTWAIT);
	} while (n == -EAGAIN);
	if (n <= 0)
		return n ? n : -EPIPE;
	c->len += n;
	return 0;
}

static int conn_send(struct conn *c, const char *buf, size_t len, int flags)
{
	while (len) {
		struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL | flags };
		struct kvec vec = { (void *)buf, len };
		int n = kernel_sendmsg(c->sock, &msg, &vec, 1, len);

		if (n == -EAGAIN)
			n = conn_wait(c, EPOLLOUT, jiffies + STALL, false);
		if (n < 0)
			return n;
		buf += n;
		len -= n;
	}
	return 0;
}

/* Sends dots, a buffer at a time, until @deadline even if the client goes on reading. */
static int conn_send_filler(struct conn *c)
{
	size_t len;
	int err = 0;

	memset(c->out, '.', sizeof(c->out));
	for (; c->filler && !err; c->filler -= len) {
		len = min(c->filler, sizeof(c->out));
		if (conn_is_quiesced(c) && time_after(jiffies, c->deadline))
			return -ETIMEDOUT;
		err = conn_send(c, c->out, len, c->filler > len ? MSG_MORE : 0);
		cond_resched();
	}
	return err;
}

static int conn_send_answer(struct conn *c, int status, struct request *rq)
{
	size_t body = c->filler ?: c->text_len;
	int n, err;

	n = scnprintf(c->out, sizeof(c->out),
		      "HTTP/1.1 %d %s\r\n"
		      "Server: stopper_httpd\r\n"
		      "Content-Type: text/plain\r\n"
		      "Content-Length: %zu\r\n"
		      "%s%sConnection: %s\r\n\r\n",
		      status, page_reason(status), body,
		      status == 405 ? "Allow: GET, HEAD\r\n" : "",
		      status == 503 ? "Retry-After: 1\r\n" : "",
		      rq->keep ? "keep-alive" : "close");
	if (rq->head_only)
		return conn_send(c, c->out, n, 0);
	if (c->filler) {
		err = conn_send(c, c->out, n, MSG_MORE);
		return err ? err : conn_send_filler(c);
	}
	memcpy(c->out + n, c->text, c->text_len);
	return conn_send(c, c->out, n + c->text_len, 0);
}

static void conn_consume(struct conn *c, size_t n)
{
	c->len -= n;
	memmove(c->in, c->in + n, c->len);
}

/* Empty lines before a request are ignored. */
static void conn_skip_empty_lines(struct conn *c)
{
	size_t n = 0;

	while (n + 2 <= c->len && c->in[n] == '\r' && c->in[n + 1] == '\n')
		n += 2;
	conn_consume(c, n);
}

static int conn_await_request(struct conn *c)
{
	unsigned long until = jiffies + IDLE;
	int err = 0;

	conn_skip_empty_lines(c);
	while (!c->len && !err) {
		err = conn_recv(c, until, true);
		conn_skip_empty_lines(c);
	}
	return err;
}

/* Returns 0 with the length of the head, the status of a bad request, or -errno: no client. */
static int conn_read_head(struct conn *c, size_t *len)
{
	unsigned long until = jiffies + STALL;
	int err;

	while (!(*len = request_length(c->in, c->len))) {
		if (c->len == sizeof(c->in))
			return 431;
		err = conn_recv(c, until, false);
		if (err)
			return err == -ETIMEDOUT ? 408 : err;
	}
	return 0;
}

static void conn_begin_request(struct conn *c)
{
	atomic_long_inc(&c->httpd->count.begun);
	c->in_progress = true;
	c->filler = 0;
	c->text_len = 0;
}

static bool conn_end_request(struct conn *c, int err)
{
	struct counters *n = &c->httpd->count;

	atomic_long_inc(err ? &n->aborted : &n->answered);
	c->in_progress = false;
	return !err;
}

/* After ShouldQuiesce only requests that have been read are answered, until @deadline. */
static bool conn_may_continue(struct conn *c)
{
	return !conn_is_quiesced(c) || (c->len && time_before(jiffies, c->deadline));
}

/* Serves a request that has begun. Returns true if the connection is kept open. */
static bool conn_serve_request(struct conn *c)
{
	struct request rq = {};
	size_t len;
	int status;

	status = conn_read_head(c, &len);
	if (status < 0)
		return conn_end_request(c, status);
	if (!status)
		status = request_parse(c->in, len, &rq);
	if (!status)
		status = page_serve(c, &rq);
	if (status != 200)
		page_error(c, status);
	conn_consume(c, len);
	rq.keep = rq.keep && conn_may_continue(c);
	return conn_end_request(c, conn_send_answer(c, status, &rq)) && rq.keep;
}

static void conn_serve(struct conn *c)
{
	int err;

	do {
		err = conn_await_request(c);
		if (err) {
			if (err == -ESHUTDOWN && conn_discard(c))
				httpd_refuse(c->httpd, c->sock);
			return;
		}
		conn_begin_request(c);
	} while (conn_serve_request(c));
}

static void conn_linger(struct conn *c)
{
	unsigned long until = jiffies + LINGER;

	kernel_sock_shutdown(c->sock, SHUT_WR);
	do {
		if (conn_wait(c, EPOLLIN, until, false))
			return;
	} while (conn_discard(c) && time_before(jiffies, until));
}

/**
 * conn_task() - serve a connection and close it
 * @ctx: ignored
 * @arg: the struct conn, which is freed
 *
 * Returns at most httpd_grace_ms milliseconds after ShouldQuiesce.
 *
 * Context: A task of the stopper. Sleeps.
 */
void conn_task(struct stopper_ctx *ctx, void *arg)
{
	struct conn *c = arg;
	struct httpd *h = c->httpd;
	struct stopper_event *should_quiesce = stopper_should_quiesce(h->stopper);

	stopper_event_on_fire(should_quiesce, &c->on_quiesce, conn_quiesce, c);
	conn_serve(c);
	if (c->in_progress)
		atomic_long_inc(&h->count.lost);
	conn_linger(c);
	stopper_event_detach(should_quiesce, &c->on_quiesce);
	sock_release(c->sock);
	kmem_cache_free(h->conns, c);
}
