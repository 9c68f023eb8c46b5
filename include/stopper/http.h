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
 * Hand it to MHD_start_daemon(), or call it from a handler of one's own.
 * Return: what libmicrohttpd expects.
 */
STOPPER_API enum MHD_Result stopper_http_handler(void *cls, struct MHD_Connection *conn,
						 const char *url, const char *method,
						 const char *version, const char *upload_data,
						 size_t *upload_data_size, void **con_cls);

STOPPER_END_DECLS

#endif /* STOPPER_HTTP_H */
