// SPDX-License-Identifier: GPL-2.0
/*
 * httpd_main.c - stopper_httpd, a small HTTP/1.1 server in the kernel: the module,
 * the accept loop and the shutdown.
 *
 * An example of a subsystem that ends in order although it has threads that
 * sleep in the network, memory caches and clients that go on calling: everything
 * that runs is a task or a worker of one stopper, everything that is held is a
 * closer, and module_exit is stopper_stop().
 *
 * Who owns what:
 *
 *   a connection (struct conn, its socket)   its task, which frees both
 *   a slot of @slots, as many as `limit`     a connection being served
 *   the listening socket, @conns             the closers
 *   struct httpd                             the module: static
 *
 * With all slots taken the accept loop waits for one, with one connection in
 * its hand; the others wait in the backlog, and beyond that in their clients.
 *
 * The shutdown, rmmod under load:
 *
 *   QUIESCING  Connections waiting for a request are woken and closed. Requests
 *              that had begun (first byte read) are answered, the last one of a
 *              connection with "Connection: close". /slow is cut short and answered.
 *              The accept loop lives on: its tasks are refused now, so every new
 *              connection gets a 503 from the loop itself.
 *   STOPPING   No connection is left. The accept loop is woken, turns away what
 *              the backlog holds, and returns.
 *   CLOSING    The listening socket, then the cache. From here on clients are
 *              refused by TCP.
 *
 * rmmod returns within `grace` milliseconds (module parameter, 3000), the time
 * that a client is given that sends or reads slowly; with none such it takes a
 * few milliseconds, or LINGER (500) if a client keeps its end open. All waits are
 * bounded by it: see conn_wait().
 *
 * What has been handed to TCP is delivered by TCP, also after rmmod: see "The
 * end" in httpd_conn.c.
 *
 * A client is refused when not one byte of its request has been read: it gets a
 * 503, or a connection closed without a byte, or a reset, or no connection. Two
 * races, each of which ends on one side or the other:
 *
 *   accept loop                           stopper_stop()
 *   kernel_accept()
 *                                         QUIESCING
 *   run_limited_async_task()
 *     -ESHUTDOWN: 503                     (had it been admitted: waits for it)
 *
 *   accept loop                           stopper_stop()
 *                                         ShouldStop: wake_up() of the listener
 *   prepare_to_wait()                       (the lock of the wait queue orders
 *   ShouldStop fired? returns                these two, as in httpd_conn.c)
 *
 * On the way out one line for the log, for scripts:
 *   stopper_httpd: begun=N answered=N refused=N lost=N aborted=N
 * begun and answered as in struct counters; lost is begun - answered - aborted,
 * 0 unless there is a bug.
 *
 * Not promised: TLS, request bodies, percent escapes, addresses other than init_net's.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/inet.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tcp.h>
#include "../compat.h"
#include "httpd.h"

#define BACKLOG		128
#define LATE_MS		500ull	/* after the grace: something hangs */
#define RUNNING_SHOWN	8

static ushort port = 8080;
module_param(port, ushort, 0444);
MODULE_PARM_DESC(port, "TCP port; 0: any free one, see the log (8080)");

static char *addr = "127.0.0.1";
module_param(addr, charp, 0444);
MODULE_PARM_DESC(addr, "address to listen on, IPv4 or IPv6 (127.0.0.1)");

static int limit = 64;
module_param(limit, int, 0444);
MODULE_PARM_DESC(limit, "connections served at once; more wait in the backlog (64)");

unsigned int httpd_grace_ms = 3000;
module_param_named(grace, httpd_grace_ms, uint, 0644);
MODULE_PARM_DESC(grace, "milliseconds that rmmod gives to slow clients (3000)");

static struct httpd httpd;

/**
 * httpd_refuse() - tell a client that it is turned away
 * @h: the server
 * @sock: its socket; stays the caller's
 *
 * Never waits: the answer fits into any new socket, or there is none.
 */
void httpd_refuse(struct httpd *h, struct socket *sock)
{
	static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\n"
				     "Content-Length: 0\r\n"
				     "Retry-After: 1\r\n"
				     "Connection: close\r\n\r\n";
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	struct kvec vec = { (void *)answer, sizeof(answer) - 1 };

	atomic_long_inc(&h->count.refused);
	kernel_sendmsg(sock, &msg, &vec, 1, vec.iov_len);
}

/* Its request may be under way: read what is there, lest the close becomes a reset. */
static void httpd_turn_away(struct httpd *h, struct socket *sock)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_TRUNC };
	struct kvec none = { .iov_len = SZ_64K };

	httpd_refuse(h, sock);
	kernel_sock_shutdown(sock, SHUT_WR);
	kernel_recvmsg(sock, &msg, &none, 1, none.iov_len, msg.msg_flags);
	sock_release(sock);
}

static struct conn *conn_alloc(struct httpd *h, struct socket *sock)
{
	struct conn *c = kmem_cache_alloc(h->conns, GFP_KERNEL);

	if (!c)
		return NULL;
	c->httpd = h;
	c->sock = sock;
	c->quiesced = false;
	c->in_progress = false;
	c->len = 0;
	return c;
}

static void httpd_admit(struct httpd *h, struct socket *sock)
{
	struct conn *c = conn_alloc(h, sock);

	tcp_sock_set_nodelay(sock->sk);
	if (c && !stopper_run_limited_async_task(h->stopper, NULL, "httpd: connection",
						 &h->slots, true, conn_task, c))
		return;
	if (c)
		kmem_cache_free(h->conns, c);
	httpd_turn_away(h, sock);
}

static int httpd_accept_one(struct httpd *h)
{
	struct socket *sock;
	int err = kernel_accept(h->listener, &sock, O_NONBLOCK);

	if (!err)
		httpd_admit(h, sock);
	return err;
}

/* ShouldStop; may run in softirq. */
static void httpd_wake_listener(struct stopper_on_fire *of, void *arg)
{
	struct httpd *h = arg;

	wake_up_interruptible_all(sk_sleep(h->listener->sk));
}

/* A worker. Short of memory it tries again, a little later. */
static void httpd_accept_loop(struct stopper_ctx *ctx, void *arg)
{
	struct httpd *h = arg;
	struct stopper_event *should_stop = stopper_should_stop(h->stopper);
	struct stopper_on_fire on_stop;
	int i, err;

	stopper_event_on_fire(should_stop, &on_stop, httpd_wake_listener, h);
	while (!stopper_event_fired(should_stop)) {
		wait_event_interruptible(*sk_sleep(h->listener->sk),
					 sock_ready(h->listener, EPOLLIN) ||
					 stopper_event_fired(should_stop));
		err = httpd_accept_one(h);
		if (err && err != -EAGAIN && err != -ECONNABORTED)
			schedule_timeout_interruptible(HZ / 50);
		cond_resched();
	}
	for (i = 0; i < BACKLOG && !httpd_accept_one(h); i++)
		;
	stopper_event_detach(should_stop, &on_stop);
}

static void httpd_close_listener(struct stopper_closer *closer)
{
	struct httpd *h = container_of(closer, struct httpd, closer);

	sock_release(h->listener);
}

static void httpd_close_conns(void *arg)
{
	struct httpd *h = arg;

	kmem_cache_destroy(h->conns);
}

static int httpd_listen_on(struct socket *sock)
{
	struct sockaddr_storage ss;
	char text[8];
	int err;

	snprintf(text, sizeof(text), "%u", port);
	err = inet_pton_with_scope(&init_net, sock->sk->sk_family, addr, text, &ss);
	if (err)
		return err;
	sock_set_reuseaddr(sock->sk);
	err = kernel_bind(sock, (struct sockaddr_unsized *)&ss, sizeof(ss));
	if (err)
		return err;
	err = kernel_listen(sock, BACKLOG);
	if (err)
		return err;
	kernel_getsockname(sock, (struct sockaddr *)&ss);
	pr_info("listening on %pISpc, limit %d\n", &ss, limit);
	return 0;
}

static int httpd_open_listener(struct httpd *h)
{
	int family = strchr(addr, ':') ? PF_INET6 : PF_INET;
	int err = sock_create_kern(&init_net, family, SOCK_STREAM, IPPROTO_TCP, &h->listener);

	if (err)
		return err;
	h->closer.name = "httpd: listening socket";
	h->closer.fn = httpd_close_listener;
	stopper_add_closer(h->stopper, &h->closer);
	return httpd_listen_on(h->listener);
}

static int httpd_open_conns(struct httpd *h)
{
	int err;

	h->conns = kmem_cache_create("stopper_httpd_conn", sizeof(struct conn), 0,
				     SLAB_HWCACHE_ALIGN, NULL);
	if (!h->conns)
		return -ENOMEM;
	err = stopper_add_closer_fn(h->stopper, "httpd: connection cache", httpd_close_conns, h);
	if (err)
		kmem_cache_destroy(h->conns);
	return err;
}

static int httpd_start(struct httpd *h)
{
	int err;

	err = stopper_sem_init(&h->slots, limit);
	if (err)
		return err;
	err = httpd_open_conns(h);
	if (err)
		return err;
	err = httpd_open_listener(h);
	if (err)
		return err;
	return stopper_run_worker(h->stopper, NULL, "httpd: accept", httpd_accept_loop, h);
}

/* What should have ended within the grace and has not. */
static void httpd_warn_running(struct httpd *h)
{
	struct stopper_task_info *info = kcalloc(RUNNING_SHOWN, sizeof(*info), GFP_KERNEL);
	int i, n;

	if (!info)
		return;
	n = stopper_running_tasks(h->stopper, info, RUNNING_SHOWN);
	for (i = 0; i < min(n, RUNNING_SHOWN); i++)
		pr_warn("%llu tasks \"%s\" at %s:%u %s running, oldest %lld ms on thread %d\n",
			info[i].count, info[i].name, info[i].file, info[i].line, info[i].func,
			div_s64(info[i].oldest_ns, NSEC_PER_MSEC), info[i].tid);
	kfree(info);
}

/*
 * Ends what httpd_start() began, all or half of it: its closers know which. The
 * code must not go before all has ended, so the deadline only decides when to
 * complain; the second stop goes on from there and does not give up.
 */
static void httpd_stop(struct httpd *h)
{
	struct stopper_ctx *grace = NULL;

	stopper_ctx_with_timeout(NULL, (httpd_grace_ms + LATE_MS) * NSEC_PER_MSEC, &grace);
	if (stopper_stop(h->stopper, grace) == -ETIMEDOUT)
		httpd_warn_running(h);
	stopper_ctx_put(grace);
	stopper_stop(h->stopper, NULL);
	stopper_put(h->stopper);
	stopper_sem_destroy(&h->slots);
}

static int __init httpd_init(void)
{
	struct stopper_options opts = {
		.size = sizeof(opts),
		.flags = STOPPER_CLOSERS_LIFO,
	};
	int err;

	if (limit < 1)
		return -EINVAL;
	err = stopper_create(&httpd.stopper, "httpd", &opts);
	if (err)
		return err;
	err = httpd_start(&httpd);
	if (err)
		httpd_stop(&httpd);
	return err;
}
module_init(httpd_init);

static void __exit httpd_exit(void)
{
	struct counters *n = &httpd.count;
	long begun, answered, aborted;

	httpd_stop(&httpd);
	begun = atomic_long_read(&n->begun);
	answered = atomic_long_read(&n->answered);
	aborted = atomic_long_read(&n->aborted);
	pr_info("begun=%ld answered=%ld refused=%ld lost=%ld aborted=%ld\n", begun, answered,
		atomic_long_read(&n->refused), begun - answered - aborted, aborted);
}
module_exit(httpd_exit);

MODULE_DESCRIPTION("A small HTTP server that ends in order: a sample user of the stopper");
MODULE_AUTHOR("The stopper developers");
MODULE_LICENSE("GPL");
