// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * ring.c - one thread and its ring.
 *
 * A ring thread is a worker of the stopper. It sleeps only in ring_wait(), and
 * only completions wake it: a connection, an operation on one, or one of three
 * events that are armed on the ring:
 *
 *   ShouldQuiesce  no request is admitted any more. Continue to accept for
 *                  --drain (below), then leave the listener; close idle
 *                  connections.
 *   ShouldStop     no request is left in any ring. Return when the last
 *                  connection is closed and the listener has been left.
 *   cut            the grace period is over: cancel everything and return in
 *                  the same way.
 *
 * ShouldQuiesce and ShouldStop may arrive in the same round, in any order:
 * ring_done() checks the consequences of both.
 *
 * No connection that the kernel has established may be lost, and closing the
 * listener resets those in its backlog. So:
 *
 *   kernel                         us
 *                                  quiesce: a filter on the listener drops SYNs
 *   SYN: dropped; the client
 *   repeats it a second later
 *   handshakes under way end  -->  accepted, for --drain
 *                                  last ring to leave: accept until none is left
 *                                  close
 *   SYN: refused, or accepted by
 *   the next process that listens
 *
 * An accepted connection that has not sent anything stays open for --drain like
 * any idle one, and is then closed in order. A handshake that takes longer than
 * --drain is reset. This cannot be avoided if the drain is to be bounded.
 *
 * Timeouts: all connections on one list of ->watched have the same time to live,
 * so each list is sorted, and its first connection determines the next wake-up.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <stopper/uring.h>

#include "httpd.h"

#define SQ_ENTRIES	256
#define LINGER_NS	NSEC_PER_SEC
#define ACCEPT_PAUSE_NS	(100 * NSEC_PER_MSEC)	/* after EMFILE and the like */

int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/* If io_uring_enter() fails, operations cannot be completed, and the kernel owns their buffers. */
static void __noreturn ring_broken(struct ring *r, int err)
{
	log_line(r->h, "io_uring_enter failed: %s; exiting", strerror(-err));
	_exit(EXIT_FAILURE);
}

struct io_uring_sqe *ring_sqe(struct ring *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->uring);
	int err = 0;

	while (!sqe) {
		err = io_uring_submit(&r->uring);
		if (err < 0 && err != -EINTR && err != -EAGAIN)
			ring_broken(r, err);
		sqe = io_uring_get_sqe(&r->uring);
	}
	return sqe;
}

void ring_queue(struct io_uring_sqe *sqe, struct op *op, void (*done)(struct op *op, int res))
{
	op->done = done;
	io_uring_sqe_set_data(sqe, op);
}

/* The completion of @op comes in any case, with -ECANCELED if this is in time. */
void ring_cancel(struct ring *r, struct op *op)
{
	struct io_uring_sqe *sqe = ring_sqe(r);

	io_uring_prep_cancel(sqe, op, 0);
	io_uring_sqe_set_data(sqe, NULL);
}

const char *ring_date(struct ring *r)
{
	time_t now = time(NULL);
	struct tm tm;

	if (now != r->date_of) {
		r->date_of = now;
		gmtime_r(&now, &tm);
		strftime(r->date, sizeof(r->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	}
	return r->date;
}

/* This ring is the last user of the listener. Accepts the backlog, which would be reset. */
static void empty_backlog(struct ring *r)
{
	struct httpd *h = r->h;
	int fd;

	fcntl(h->listener, F_SETFL, O_NONBLOCK);
	while ((fd = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0 || errno == EINTR ||
	       errno == ECONNABORTED)
		if (fd >= 0)
			conn_open(r, fd);
	close(h->listener);
	h->listener = -1;
}

static void ring_leave(struct ring *r)
{
	r->listening = false;
	/* the last ring is the only user; ACQ_REL pairs with the same access of other rings */
	if (__atomic_sub_fetch(&r->h->listening, 1, __ATOMIC_ACQ_REL) == 0)
		empty_backlog(r);
}

static void accept_failed(struct ring *r, int err)
{
	switch (err) {
	case -EMFILE:
	case -ENFILE:
	case -ENOBUFS:
	case -ENOMEM:
		log_line(r->h, "cannot accept connections: %s; retrying in %lld ms", strerror(-err),
			 ACCEPT_PAUSE_NS / NSEC_PER_MSEC);
		r->accept_at = r->now + ACCEPT_PAUSE_NS;
		break;
	default:	/* an error of the client; accept the next one */
		break;
	}
}

static bool is_leaving(const struct ring *r)
{
	return r->cutting || (r->quiescing && r->now >= r->drain_end);
}

static void on_accept(struct op *op, int res)
{
	struct ring *r = container_of(op, struct ring, accept);

	r->accepting = false;
	if (res >= 0)
		conn_open(r, res);
	else
		accept_failed(r, res);
	if (is_leaving(r))
		ring_leave(r);
	else
		ring_accept(r);
}

/* Accepts one more connection if the limit allows. The others wait in the backlog. */
void ring_accept(struct ring *r)
{
	struct io_uring_sqe *sqe;

	if (r->accepting || !r->listening || r->accept_at || is_leaving(r))
		return;
	if (r->conns >= r->h->max_conns && !r->quiescing)
		return;
	sqe = ring_sqe(r);
	io_uring_prep_accept(sqe, r->h->listener, NULL, NULL, SOCK_CLOEXEC);
	ring_queue(sqe, &r->accept, on_accept);
	r->accepting = true;
}

static void ring_stop_accepting(struct ring *r)
{
	if (!r->listening)
		return;
	if (r->accepting)
		ring_cancel(r, &r->accept);
	else
		ring_leave(r);
}

/* Drops SYNs, because a handshake that begins now would be reset. */
static void drop_syns(struct ring *r)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),			/* the TCP flags */
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),		/* ACK, SYN */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
	};
	struct sock_fprog prog = { .len = ARRAY_SIZE(code), .filter = code };

	if (setsockopt(r->h->listener, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0)
		log_line(r->h, "cannot filter the listener: %s (late connections may be reset)",
			 strerror(errno));
}

static void on_quiesce(struct op *op, int res)
{
	struct ring *r = container_of(op, struct ring, quiesce);

	if (r->listening)
		drop_syns(r);	/* each ring does, because any of them may be the first */
	r->quiescing = true;
	r->drain_end = r->now + r->h->drain_ns;
	conn_quiesce_all(r);
	ring_accept(r);
}

static void on_stop(struct op *op, int res)
{
	struct ring *r = container_of(op, struct ring, stop);

	r->stopping = true;
}

static void on_cut(struct op *op, int res)
{
	struct ring *r = container_of(op, struct ring, cut);

	if (res < 0)
		return;
	r->cutting = true;
	conn_cut_all(r);
	ring_stop_accepting(r);
}

static int64_t time_to_live(const struct ring *r, int watch)
{
	switch (watch) {
	case WATCH_DRAIN:
		return r->h->drain_ns;
	case WATCH_LINGER:
		return LINGER_NS;
	default:
		return r->h->timeout_ns;
	}
}

static void set_earlier(int64_t *when, int64_t other)
{
	if (other < *when)
		*when = other;
}

/* The time of the next timeout. */
static int64_t next_deadline(const struct ring *r)
{
	const struct conn *oldest;
	int64_t when = INT64_MAX;
	int i;

	for (i = 0; i < NR_WATCHES; i++) {
		oldest = TAILQ_FIRST(&r->watched[i]);
		if (oldest)
			set_earlier(&when, oldest->since + time_to_live(r, i));
	}
	if (r->quiescing && r->listening)
		set_earlier(&when, r->drain_end);
	if (r->accept_at)
		set_earlier(&when, r->accept_at);
	return when;
}

static void ring_wait(struct ring *r)
{
	int64_t when = next_deadline(r);
	struct __kernel_timespec ts;
	struct io_uring_cqe *cqe;
	int64_t left;
	int err;

	left = when - now_ns();
	if (left < 0)
		left = 0;
	ts.tv_sec = left / NSEC_PER_SEC;
	ts.tv_nsec = left % NSEC_PER_SEC;
	err = io_uring_submit_and_wait_timeout(&r->uring, &cqe, 1,
					       when == INT64_MAX ? NULL : &ts, NULL);
	if (err < 0 && err != -ETIME && err != -EINTR && err != -EAGAIN)
		ring_broken(r, err);
}

static void ring_reap(struct ring *r)
{
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;
	struct op *op;

	io_uring_for_each_cqe(&r->uring, head, cqe) {
		op = io_uring_cqe_get_data(cqe);
		if (op)
			op->done(op, cqe->res);
		n++;
	}
	io_uring_cq_advance(&r->uring, n);
}

static void ring_expire(struct ring *r)
{
	struct conn *c;
	int i;

	/* it moves to the end of its list with since = now; ">" ends the loop if the limit is 0 */
	for (i = 0; i < NR_WATCHES; i++)
		while ((c = TAILQ_FIRST(&r->watched[i])) &&
		       r->now > c->since + time_to_live(r, i))
			conn_expired(c);
	if (r->accept_at && r->now >= r->accept_at) {
		r->accept_at = 0;
		ring_accept(r);
	}
	if (is_leaving(r))
		ring_stop_accepting(r);
}

static bool ring_done(const struct ring *r)
{
	return r->stopping && !r->listening && !r->conns;
}

static int arm_event(struct ring *r, struct stopper_event *ev, struct op *op,
		     void (*done)(struct op *op, int res))
{
	struct io_uring_sqe *sqe = ring_sqe(r);
	int err = stopper_uring_prep_event(sqe, ev);

	if (err)
		io_uring_sqe_set_data(sqe, NULL);
	else
		ring_queue(sqe, op, done);
	return err;
}

static int ring_start(struct ring *r)
{
	struct httpd *h = r->h;
	/* io_uring_enable_rings(), which liburing.so 2.3 does not export */
	int err = syscall(__NR_io_uring_register, r->uring.ring_fd, IORING_REGISTER_ENABLE_RINGS,
			  NULL, 0) < 0 ? -errno : 0;

	if (!err)
		err = arm_event(r, stopper_should_quiesce(h->stopper), &r->quiesce, on_quiesce);
	if (!err)
		err = arm_event(r, stopper_should_stop(h->stopper), &r->stop, on_stop);
	if (!err)
		err = arm_event(r, &h->cut, &r->cut, on_cut);
	return err < 0 ? err : 0;
}

/* The worker of a ring thread. */
void ring_run(struct stopper_ctx *ctx, void *arg)
{
	struct ring *r = arg;
	int err = ring_start(r);

	if (err) {
		log_line(r->h, "cannot start a ring: %s", strerror(-err));
		/* ACQ_REL pairs with ring_leave() of other rings */
		__atomic_sub_fetch(&r->h->listening, 1, __ATOMIC_ACQ_REL);
		stopper_event_fire(&r->h->stop_requested);
		return;
	}
	r->now = now_ns();
	ring_accept(r);
	while (!ring_done(r)) {
		ring_wait(r);
		r->now = now_ns();
		ring_reap(r);
		ring_expire(r);
	}
}

int ring_init(struct ring *r, struct httpd *h)
{
	/* main sets up the ring, so that an error prevents the start; its thread enables it */
	struct io_uring_params p = {
		.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
		/* for each connection one operation and its cancellation: it never overflows */
		.cq_entries = 2 * (h->max_conns + SQ_ENTRIES),
	};
	struct io_uring_params fast = p;
	int err, i;

	fast.flags |= IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
	err = io_uring_queue_init_params(SQ_ENTRIES, &r->uring, &fast);
	if (err == -EINVAL)	/* before Linux 6.1 */
		err = io_uring_queue_init_params(SQ_ENTRIES, &r->uring, &p);
	if (err)
		return err;
	r->h = h;
	r->listening = true;
	for (i = 0; i < NR_WATCHES; i++)
		TAILQ_INIT(&r->watched[i]);
	return 0;
}

void ring_exit(struct ring *r)
{
	io_uring_queue_exit(&r->uring);
}
