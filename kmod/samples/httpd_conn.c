// SPDX-License-Identifier: GPL-2.0
/*
 * httpd_conn.c - one connection: a task, from its first wait to its last.
 *
 * The task never blocks inside TCP. It sends and receives with MSG_DONTWAIT
 * and sleeps in conn_wait() alone, on the socket's own wait queue, so that one
 * wake-up there ends any wait: the one for the next request at once, the others
 * @deadline jiffies after ShouldQuiesce at the latest. The wake-up is a callback on
 * ShouldQuiesce, which may run in softirq: shutting the socket down for reading
 * would have the same effect but takes the socket's lock, which sleeps.
 *
 * ShouldQuiesce against going to sleep; nobody sleeps through it:
 *
 *   who fires                             the connection
 *   deadline = now + grace
 *   quiesced = true          (Q)
 *   wake_up()
 *     lock of the wait queue              prepare_to_wait()
 *     the sleepers that are there           lock of the wait queue
 *                                           I am a sleeper
 *                                         quiesced?            (Q)
 *                                         no: schedule()
 *
 * The lock orders the two sides: either the wake-up finds the sleeper, or the
 * sleeper came later and sees @quiesced. (Q) itself is a release and an acquire:
 * who sees @quiesced sees @deadline.
 *
 * ShouldQuiesce against the first byte of a request; each request is begun or
 * refused, and no third thing:
 *
 *   who fires                             the connection
 *   quiesced = true                       bytes in @in? yes: begun, answered
 *                                         quiesced?   yes: what lies in the
 *                                           socket gets a 503, unread
 *                                         recv() > 0       begun, answered
 *
 * Bytes in @in were read, so a pipelined request is answered also behind
 * ShouldQuiesce; from then on nothing is received but the rest of what has begun.
 *
 * The end. Closing a socket with bytes left to read makes TCP send a reset,
 * and a reset may destroy an answer that the client has not read yet. So the
 * connection says FIN, then throws away what comes until the client has said
 * FIN too, for LINGER at most. What has not been acknowledged by then is still
 * delivered by TCP, which needs nothing of this module for it.
 *
 * @sock outlives the callback: stopper_event_detach() comes before its release.
 */
#include <linux/jiffies.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/wait.h>
#include <net/sock.h>
#include "httpd.h"

#define IDLE	(10 * HZ)	/* for the first byte of a request */
#define STALL	(5 * HZ)	/* for a whole head; for any progress in sending */
#define LINGER	(HZ / 2)	/* for the client's FIN */

#define FAILED	(EPOLLERR | EPOLLHUP)

/**
 * sock_ready() - would a socket let us go on?
 * @sock: the socket
 * @events: EPOLLIN or EPOLLOUT; an error makes it ready for both
 *
 * Context: does not sleep.
 * Return: true when accepting, receiving or sending would not have to wait.
 */
bool sock_ready(struct socket *sock, __poll_t events)
{
	return READ_ONCE(sock->ops)->poll(NULL, sock, NULL) & (events | FAILED);
}

static bool conn_is_quiesced(struct conn *c)
{
	/* (Q) pairs with the release in conn_quiesce() */
	return smp_load_acquire(&c->quiesced);
}

/* May run in softirq. */
static void conn_quiesce(struct stopper_on_fire *of, void *arg)
{
	struct conn *c = arg;

	c->deadline = jiffies + msecs_to_jiffies(httpd_grace_ms);
	/* (Q) pairs with the acquire in conn_is_quiesced() */
	smp_store_release(&c->quiesced, true);
	wake_up_interruptible_all(sk_sleep(c->sock->sk));
}

static unsigned long time_earlier(unsigned long a, unsigned long b)
{
	return time_before(a, b) ? a : b;
}

/*
 * Wait until the socket is ready. 0; -ETIMEDOUT: it is @until, or past @deadline;
 * -ESHUTDOWN: @idle, and the server quiesces.
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

/* How many bytes were thrown away; 0: end of file, or an error. */
static int conn_discard(struct conn *c)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_TRUNC };
	struct kvec none = { .iov_len = SZ_64K };

	return max(kernel_recvmsg(c->sock, &msg, &none, 1, SZ_64K, msg.msg_flags), 0);
}

/* 0 when there are more bytes; -EPIPE: there will be none. */
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

/* Dots, a buffer at a time. A client that reads for ever is cut off like one that does not. */
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

/* Empty lines in front of a request belong to none. */
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

/* 0 and the head's length; a status to answer with; -errno: the client is gone. */
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

/* After ShouldQuiesce only what has been read is answered, up to the cut. */
static bool conn_may_continue(struct conn *c)
{
	return !conn_is_quiesced(c) || (c->len && time_before(jiffies, c->deadline));
}

/* One request that has begun. True: the next one may come. */
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
 * conn_task() - serve a connection and end it
 * @ctx: ignored
 * @arg: the struct conn, which is freed
 *
 * Context: a task of the stopper; sleeps. Returns at most @httpd_grace_ms after
 * ShouldQuiesce.
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
