/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * http.h - userspace: a server of the debug list over HTTP.
 *
 * These functions are in a library of their own, libstopper-http, so that libstopper does not
 * depend on libmicrohttpd. Programs that use them do not need the header of libmicrohttpd; those
 * with a daemon of their own include <stopper/http_handler.h>.
 */
#ifndef STOPPER_HTTP_H
#define STOPPER_HTTP_H

#include <stopper/types.h>

STOPPER_BEGIN_DECLS

/* A server, started by stopper_http_serve(). */
struct stopper_http;

/**
 * stopper_http_serve() - start an HTTP server for the debug list
 * @addr: the address to listen on. NULL: 127.0.0.1 and a free port; "PORT": 127.0.0.1;
 *	"HOST:PORT" or "[IPV6]:PORT", where HOST is an address or "localhost"; "unix:/PATH";
 *	"pid": a Unix socket where "stopperctl -p PID" finds it. Port 0 selects a free port
 * @out: set to the server; NULL on error
 *
 * One thread, with all signals blocked, answers requests with stopper_http_handler(). The server
 * only reads the state of the program, and no stop waits for it. To follow a stop to its end,
 * start the server before the first stopper and end it after the last one.
 *
 * There is no authentication: everyone who can reach the address can read the list. On a loopback
 * address, a request whose Host header names another host is refused (421). At most 64
 * connections are kept; beyond that the one whose last request is oldest is closed. A connection
 * without progress for 10 seconds is closed.
 *
 * A Unix socket has mode 0600. A stale socket file is replaced; one that a server listens on is
 * not.
 *
 * Context: Any thread; not a signal handler. The server lives until stopper_http_end(). It does
 * not exist in a child of fork().
 * Return:
 * * 0 - the server listens
 * * -EINVAL - @out is NULL, or @addr has none of these forms
 * * -EADDRINUSE - another server listens on the address
 * * -EADDRNOTAVAIL - not an address of this machine
 * * -EEXIST - the path exists and is not a socket
 * * -ENAMETOOLONG - the path is longer than about 100 bytes
 * * -EACCES, -ENOENT, -EAFNOSUPPORT, -ENOMEM, -EMFILE, -ENFILE, -EAGAIN - as the system calls
 *   report them
 */
STOPPER_API int stopper_http_serve(const char *addr, struct stopper_http **out);

/**
 * stopper_http_address() - get the address that a server listens on
 * @h: the server, or NULL
 *
 * Context: Any thread.
 * Return: The address in the form that stopper_http_serve() accepts, with the actual port:
 * "127.0.0.1:40321", "[::1]:8080" or "unix:/run/web.sock". Valid as long as @h. NULL if @h is
 * NULL.
 */
STOPPER_API const char *stopper_http_address(const struct stopper_http *h);

/**
 * stopper_http_port() - get the port that a server listens on
 * @h: the server, or NULL
 *
 * Context: Any thread.
 * Return: The port; 0 for a Unix socket or if @h is NULL.
 */
STOPPER_API unsigned int stopper_http_port(const struct stopper_http *h);

/**
 * stopper_http_end() - stop a server and free it
 * @h: the server, which no thread may use any more. NULL is a no-op
 *
 * Closes all connections without waiting for their clients, ends the thread and removes the Unix
 * socket. The call waits at most until a list that is being generated is complete.
 *
 * Context: Any thread but the server's own. May block.
 */
STOPPER_API void stopper_http_end(struct stopper_http *h);

STOPPER_END_DECLS

#endif /* STOPPER_HTTP_H */
