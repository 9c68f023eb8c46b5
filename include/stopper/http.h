/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * http.h - userspace: the debug list over HTTP, for libmicrohttpd.
 *
 * In a library of its own, libstopper-http, so that libstopper needs no HTTP.
 */
#ifndef STOPPER_HTTP_H
#define STOPPER_HTTP_H

#include <microhttpd.h>
#include <stopper/types.h>

STOPPER_BEGIN_DECLS

/* A server of stopper_http_serve(). */
struct stopper_http;

/**
 * stopper_http_handler() - an access handler that serves the debug list
 * @cls: ignored
 * @conn: the connection
 * @url: "/debug/stopper"; all else is 404
 * @method: GET or HEAD; all else is 405
 * @version: ignored
 * @upload_data: ignored
 * @upload_data_size: ignored
 * @con_cls: ignored
 *
 * Hand it to MHD_start_daemon(), or call it from a handler of one's own. The query
 * "format" is text, json or html; another one is 400. Without it who prefers
 * text/html, as browsers do, gets the page, and all others the text.
 *
 * It asks nobody who he is. It looks at no Host header, as stopper_http_serve() does.
 *
 * Context: Any thread. Takes no lock while anything is sent.
 * Return: what libmicrohttpd expects.
 */
STOPPER_API enum MHD_Result stopper_http_handler(void *cls, struct MHD_Connection *conn,
						 const char *url, const char *method,
						 const char *version, const char *upload_data,
						 size_t *upload_data_size, void **con_cls);

/**
 * stopper_http_serve() - start a server of the debug list
 * @addr: where: NULL: 127.0.0.1 and a free port; "PORT": 127.0.0.1; "HOST:PORT",
 *	"[IPV6]:PORT", HOST being an address or "localhost"; "unix:/PATH". Port 0 is a
 *	free one
 * @out: the server
 *
 * A thread of its own, with all signals blocked, answers with stopper_http_handler().
 * It changes nothing in the program, and no stop waits for it: begin it before the
 * stoppers and end it after them, and a stop can be watched to its end. A loopback
 * address is not answered under another host's name (421). Above 64 connections the one
 * that has asked least recently is closed; so is one that makes no progress for 10
 * seconds. There is no authentication: on another address than a loopback one, all
 * who reach it can read the list.
 *
 * A Unix socket has mode 0600. One that was left behind is replaced, one at which
 * somebody listens is not.
 *
 * Context: Any thread; not a signal handler. The server lives until
 *	stopper_http_end(), and does not survive fork() in the child.
 * Return: 0; on errors *@out is NULL: -EINVAL: no @out, or no such kind of address;
 * -EADDRINUSE: somebody listens there; -EADDRNOTAVAIL: not an address of this machine;
 * -EEXIST: a file that is no socket; -ENAMETOOLONG: more than about 100 bytes of path;
 * -EACCES, -ENOENT, -EAFNOSUPPORT, -ENOMEM, -EMFILE, -ENFILE, -EAGAIN as of the system
 * calls.
 */
STOPPER_API int stopper_http_serve(const char *addr, struct stopper_http **out);

/**
 * stopper_http_address() - where a server listens
 * @h: the server
 *
 * Context: Any thread.
 * Return: what stopper_http_serve() takes, with the port that it got:
 * "127.0.0.1:40321", "[::1]:8080", "unix:/run/web.sock". It lives as long as the
 * server. NULL: no server.
 */
STOPPER_API const char *stopper_http_address(const struct stopper_http *h);

/**
 * stopper_http_port() - the port that a server listens on
 * @h: the server
 *
 * Context: Any thread.
 * Return: the port; 0: a Unix socket, or no server.
 */
STOPPER_API unsigned int stopper_http_port(const struct stopper_http *h);

/**
 * stopper_http_end() - end a server
 * @h: the server, or NULL: nothing is done
 *
 * Closes all connections, whatever their clients do, ends the thread, removes a Unix
 * socket, and frees @h. At most it waits for the list that is being made.
 *
 * Context: Any thread but the server's own; may block. Nobody may use @h any more.
 */
STOPPER_API void stopper_http_end(struct stopper_http *h);

STOPPER_END_DECLS

#endif /* STOPPER_HTTP_H */
