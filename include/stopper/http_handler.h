/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * http_handler.h - userspace: the debug list in a daemon of libmicrohttpd that the program runs.
 *
 * In libstopper-http, as the ready server of <stopper/http.h>.
 */
#ifndef STOPPER_HTTP_HANDLER_H
#define STOPPER_HTTP_HANDLER_H

#include <microhttpd.h>
#include <stopper/types.h>

STOPPER_BEGIN_DECLS

/**
 * stopper_http_handler() - serve the debug list: an access handler of libmicrohttpd
 * @cls: ignored
 * @conn: the connection
 * @url: "/debug/stopper", or "/metrics": the same as metrics, in the text format of OpenMetrics;
 *	anything else is answered with 404
 * @method: GET or HEAD; anything else is answered with 405
 * @version: ignored
 * @upload_data: ignored
 * @upload_data_size: ignored
 * @con_cls: ignored
 *
 * Pass it to MHD_start_daemon(), or call it from another access handler. The query parameter
 * "format" is "text", "json" or "html"; any other value is answered with 400. Without it, clients
 * that prefer text/html, such as browsers, get the HTML page and all others the text.
 *
 * It does no authentication and, unlike stopper_http_serve(), does not check the Host header.
 *
 * Context: Any thread. Holds no lock while it sends.
 * Return: MHD_YES or MHD_NO, as libmicrohttpd expects.
 */
STOPPER_API enum MHD_Result stopper_http_handler(void *cls, struct MHD_Connection *conn,
						 const char *url, const char *method,
						 const char *version, const char *upload_data,
						 size_t *upload_data_size, void **con_cls);

STOPPER_END_DECLS

#endif /* STOPPER_HTTP_HANDLER_H */
