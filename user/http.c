// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * http.c - the debug list over HTTP: an access handler for libmicrohttpd.
 *
 * Read-only, without state: the text is made whole before it is queued, so a
 * client that stops reading holds nothing but its own copy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stopper/http.h>
#include <stopper/print.h>

static enum MHD_Result answer(struct MHD_Connection *conn, unsigned int status, char *text,
			      size_t len, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, text, mode);
	enum MHD_Result ok;

	if (!r) {
		if (mode == MHD_RESPMEM_MUST_FREE)
			free(text);
		return MHD_NO;
	}
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=us-ascii");
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	ok = MHD_queue_response(conn, status, r);
	MHD_destroy_response(r);
	return ok;
}

static enum MHD_Result refuse(struct MHD_Connection *conn, unsigned int status, const char *why)
{
	return answer(conn, status, (char *)why, strlen(why), MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result list(struct MHD_Connection *conn)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int err;

	if (!f)
		return refuse(conn, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n");
	err = stopper_debug_print(f);
	if (fclose(f) || err) {
		free(text);
		return refuse(conn, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n");
	}
	return answer(conn, MHD_HTTP_OK, text, len, MHD_RESPMEM_MUST_FREE);
}

enum MHD_Result stopper_http_handler(void *cls, struct MHD_Connection *conn, const char *url,
				     const char *method, const char *version,
				     const char *upload_data, size_t *upload_data_size,
				     void **con_cls)
{
	(void)cls;
	(void)version;
	(void)upload_data;
	(void)upload_data_size;
	(void)con_cls;
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return refuse(conn, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD only\n");
	if (strcmp(url, "/debug/stopper"))
		return refuse(conn, MHD_HTTP_NOT_FOUND, "see /debug/stopper\n");
	return list(conn);
}
