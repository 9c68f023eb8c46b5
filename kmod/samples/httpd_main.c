// SPDX-License-Identifier: GPL-2.0
/*
 * httpd_main.c - stopper_httpd, a small HTTP/1.1 server in the kernel: the module, the accept
 * loop and the shutdown.
 *
 * An example of a subsystem that shuts down in order although its threads sleep in the network
 * and its clients keep sending: everything that runs is a task or a worker of one stopper, every
 * resource is released by a closer, and module_exit is stopper_stop().
 *
 * Ownership:
 *
 *   a connection (struct conn, its socket)   its task, which frees both
 *   a slot of @slots, `limit` of them        a connection that is being served
 *   the listening socket, @conns             the closers
 *   struct httpd                             the module: static
 *
 * If all slots are in use, the accept loop waits for one, holding one accepted connection. The
 * other connections wait in the backlog, and further ones in their clients.
 *
 * Shutdown, that is, rmmod under load:
 *
 *   QUIESCING  Connections that wait for a request are woken and closed. Requests that have
 *              begun (first byte read) are answered, the last one of a connection with
 *              "Connection: close"; /slow ends early. The accept loop continues. Its tasks are
 *              refused now, so the loop itself sends a 503 to each new connection.
 *   STOPPING   No connection is left. The accept loop is woken, refuses the connections in the
 *              backlog, and returns.
 *   CLOSING    The listening socket and the cache are released. From here on TCP refuses clients.
 *
 * rmmod returns within `grace` milliseconds (module parameter, 3000), which is the time for
 * clients that send or read slowly. Without such clients it takes a few milliseconds, or LINGER
 * (500 ms) if a client keeps its end of a connection open. conn_wait() bounds all waits.
 *
 * Data that has been passed to TCP is delivered by TCP, also after rmmod; see "Closing" in
 * httpd_conn.c.
 *
 * A client is refused if no byte of its request has been read: it gets a 503, a connection that
 * is closed without a byte, a reset, or no connection. Two races decide between serving and
 * refusing:
 *
 *   accept loop                           stopper_stop()
 *   kernel_accept()
 *                                         QUIESCING
 *   run_limited_async_task()
 *     -ESHUTDOWN: 503                     (if it was admitted: waits for it)
 *
 *   accept loop                           stopper_stop()
 *                                         ShouldStop: wake_up() of the listener
 *   prepare_to_wait()                       (the lock of the wait queue orders
 *   ShouldStop fired? returns                these two, as in httpd_conn.c)
 *
 * At unload one line is logged, for scripts:
 *   stopper_httpd: begun=N answered=N refused=N lost=N aborted=N
 * The counters are those of struct counters; lost is begun - answered - aborted, which is 0
 * unless there is a bug.
 *
 * Not supported: TLS, request bodies, percent escapes, network namespaces other than init_net.
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

static ushort port = 8080;
module_param(port, ushort, 0444);
MODULE_PARM_DESC(port, "TCP port; 0: a free one, which is logged (8080)");

static char *addr = "127.0.0.1";
module_param(addr, charp, 0444);
MODULE_PARM_DESC(addr, "address to listen on, IPv4 or IPv6 (127.0.0.1)");

static int limit = 64;
module_param(limit, int, 0444);
MODULE_PARM_DESC(limit, "connections served at once; more wait in the backlog (64)");

unsigned int httpd_grace_ms = 3000;
module_param_named(grace, httpd_grace_ms, uint, 0644);
MODULE_PARM_DESC(grace, "milliseconds that rmmod waits for slow clients (3000)");

static struct httpd httpd;

/**
 * httpd_refuse() - send a 503 to a client
 * @h: the server
 * @sock: the socket of the client, which stays with the caller
 *
 * Context: Process context. Does not wait: the response fits into the send buffer of a new
 * socket, or is dropped.
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

/* Discards received bytes of the request, as a close with unread bytes would send a reset. */
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

/* Callback on ShouldStop. May run in softirq. */
static void httpd_wake_listener(struct stopper_on_fire *of, void *arg)
{
	struct httpd *h = arg;

	wake_up_interruptible_all(sk_sleep(h->listener->sk));
}

/* A worker. If memory is short, it retries after 20 ms. */
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

static void httpd_warn(const struct stopper_task_info *info)
{
	pr_warn("%llu x \"%s\" at %s:%u %s running, oldest %lld ms on thread %d\n", info->count,
		info->name, info->file, info->line, info->func,
		div_s64(info->oldest_ns, NSEC_PER_MSEC), info->tid);
}

/*
 * Also after an httpd_start() that failed half-way: only the closers that were added run. The
 * module must not be unloaded before everything has ended. So the time only decides when to log
 * a warning; the second stop continues without a limit.
 */
static void httpd_stop(struct httpd *h)
{
	struct stopper_stages st = {
		.size = sizeof(st), .grace_ns = (httpd_grace_ms + LATE_MS) * NSEC_PER_MSEC,
		.remaining = h->remaining, .n = ARRAY_SIZE(h->remaining),
	};
	unsigned int i;

	if (stopper_stop_staged(h->stopper, &st) == -ETIMEDOUT)
		for (i = 0; i < st.filled; i++)
			httpd_warn(&h->remaining[i]);
	stopper_stop(h->stopper, NULL);
	stopper_put(h->stopper);
	stopper_sem_destroy(&h->slots);
}

static int __init httpd_init(void)
{
	struct stopper_options opts = {
		.size = sizeof(opts),
		.flags = STOPPER_CLOSERS_LIFO | STOPPER_CONTROL,
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

MODULE_DESCRIPTION("A small HTTP server with an orderly shutdown: a sample user of the stopper");
MODULE_AUTHOR("The stopper developers");
MODULE_LICENSE("GPL");
