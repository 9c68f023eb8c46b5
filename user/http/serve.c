// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * serve.c - a complete HTTP server for the debug list.
 *
 * One thread of libmicrohttpd serves all connections, and it is no part of any stopper, so a stop
 * never waits for it. The resources of clients are limited: MAX_REQUEST bytes for a request,
 * TIMEOUT seconds without progress, MAX_CONNECTIONS connections. When there are more, the
 * connection whose last request is the oldest is closed. So thousands of idle connections cannot
 * keep out a client that sends a request. Only that thread uses the list of connections.
 *
 * DNS rebinding: a web page from elsewhere may resolve its own host name to a loopback address and
 * then read this server through its visitor's browser. Such a request still has that name in its
 * Host header. So a server on a loopback address answers only requests for its own names.
 */
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <stopper/http.h>
#include <stopper/http_handler.h>
#include "listen.h"

#define MAX_CONNECTIONS	64
#define MAX_CLOSING	32	/* connections that are being closed */
#define TIMEOUT		10	/* seconds */
#define MAX_REQUEST	(16 * 1024)

/* On a circular list whose head is in struct stopper_http; least recently used first. */
struct client {
	struct client *next, *prev;
	struct MHD_Connection *conn;
};

struct stopper_http {
	struct listener listener;
	struct MHD_Daemon *daemon;
	struct client clients;
	unsigned int nr_clients;
};

static void client_unlink(struct stopper_http *h, struct client *c)
{
	c->prev->next = c->next;
	c->next->prev = c->prev;
	h->nr_clients--;
}

static void client_append(struct stopper_http *h, struct client *c)
{
	c->next = &h->clients;
	c->prev = h->clients.prev;
	c->prev->next = c;
	h->clients.prev = c;
	h->nr_clients++;
}

/* To libmicrohttpd it looks as if the peer had closed the connection. */
static void client_close(struct client *c)
{
	const union MHD_ConnectionInfo *info;

	info = MHD_get_connection_info(c->conn, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info)
		shutdown(info->connect_fd, SHUT_RDWR);
}

/* If memory is short, the connection is limited by its timeout only. */
static void client_add(struct stopper_http *h, struct MHD_Connection *conn, void **context)
{
	struct client *c = calloc(1, sizeof(*c)), *oldest = h->clients.next;

	*context = c;
	if (!c)
		return;
	c->conn = conn;
	if (h->nr_clients >= MAX_CONNECTIONS) {
		client_close(oldest);
		client_unlink(h, oldest);
		oldest->next = NULL;
	}
	client_append(h, c);
}

static void client_remove(struct stopper_http *h, struct client *c)
{
	if (c && c->next)
		client_unlink(h, c);
	free(c);
}

static void on_connection(void *cls, struct MHD_Connection *conn, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		client_add(cls, conn, context);
	else
		client_remove(cls, *context);
}

static void client_touch(struct stopper_http *h, struct MHD_Connection *conn)
{
	const union MHD_ConnectionInfo *info;
	struct client *c;

	info = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	c = info ? info->socket_context : NULL;
	if (!c || !c->next)
		return;
	client_unlink(h, c);
	client_append(h, c);
}

/* "NAME" or "NAME:PORT" */
static bool host_is(const char *host, const char *name)
{
	size_t len = strlen(name);

	if (strncasecmp(host, name, len))
		return false;
	host += len;
	return !*host || (*host == ':' && host[1 + strspn(host + 1, "0123456789")] == '\0');
}

/* A browser always sends a Host header, so a request without one does not come from a page. */
static bool host_is_ours(const struct stopper_http *h, struct MHD_Connection *conn)
{
	const char *host = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);

	if (!h->listener.loopback || !host)
		return true;
	return host_is(host, "localhost") || host_is(host, "127.0.0.1") || host_is(host, "[::1]") ||
		host_is(host, h->listener.host);
}

static enum MHD_Result send_wrong_host(struct MHD_Connection *conn)
{
	static const char why[] = "Unknown host: use localhost or the server's own address.\n";
	struct MHD_Response *r;
	enum MHD_Result ok;

	r = MHD_create_response_from_buffer(strlen(why), (char *)why, MHD_RESPMEM_PERSISTENT);
	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=us-ascii");
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	ok = MHD_queue_response(conn, MHD_HTTP_MISDIRECTED_REQUEST, r);
	MHD_destroy_response(r);
	return ok;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *url,
				  const char *method, const char *version, const char *upload_data,
				  size_t *upload_data_size, void **con_cls)
{
	client_touch(cls, conn);
	if (!host_is_ours(cls, conn))
		return send_wrong_host(conn);
	return stopper_http_handler(NULL, conn, url, method, version, upload_data, upload_data_size,
				    con_cls);
}

/* The program's signals go to the program's threads, except SIGPROF and those of a fault. */
static void block_signals(sigset_t *before)
{
	static const int never[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGPROF };
	sigset_t set;
	size_t i;

	sigfillset(&set);
	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		sigdelset(&set, never[i]);
	pthread_sigmask(SIG_BLOCK, &set, before);
}

static int daemon_start(struct stopper_http *h)
{
	sigset_t before;
	int err;

	block_signals(&before);
	errno = 0;
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, h,
				     MHD_OPTION_LISTEN_SOCKET, h->listener.fd,
				     MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
				     MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS + MAX_CLOSING,
				     MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT,
				     MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MAX_REQUEST,
				     MHD_OPTION_STRICT_FOR_CLIENT, 1,
				     MHD_OPTION_END);
	err = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (h->daemon)
		return 0;
	/* libmicrohttpd 1.x: its clean-up after a failed thread start replaces errno. */
	if (err == EBADF)
		return -EAGAIN;
	return err ? -err : -ENOMEM;
}

int stopper_http_serve(const char *addr, struct stopper_http **out)
{
	struct stopper_http *h;
	int err;

	if (!out)
		return -EINVAL;
	*out = NULL;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->clients.next = &h->clients;
	h->clients.prev = &h->clients;
	err = listener_open(&h->listener, addr);
	if (err)
		goto free;
	err = daemon_start(h);
	if (err)
		goto remove;
	*out = h;
	return 0;
remove:
	listener_remove(&h->listener);
	close(h->listener.fd);
free:
	free(h);
	return err;
}

const char *stopper_http_address(const struct stopper_http *h)
{
	return h ? h->listener.text : NULL;
}

unsigned int stopper_http_port(const struct stopper_http *h)
{
	return h ? h->listener.port : 0;
}

void stopper_http_end(struct stopper_http *h)
{
	if (!h)
		return;
	/* The name goes first, so that a process listens as long as the name exists. */
	listener_remove(&h->listener);
	MHD_stop_daemon(h->daemon);
	free(h);
}
