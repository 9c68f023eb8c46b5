// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * hello.c - an HTTP server that loses no request when it is told to stop: hello [PORT].
 *
 * Each request is a task. SIGTERM closes the listening socket, lets the requests end, refuses
 * what open connections still send, and ends the program. GET /slow takes two seconds.
 */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <stopper/main.h>
#include <stopper/stopper.h>

static struct stopper *s;
static struct MHD_Daemon *server;

struct request {
	struct stopper_task task;
	int err;			/* not 0: refused */
};

/* Called with the head of a request, then with its end. */
static enum MHD_Result answer(void *cls, struct MHD_Connection *conn, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *size, void **request)
{
	struct request *r = *request;
	struct MHD_Response *response;
	enum MHD_Result ok;
	const char *text;

	if (!r) {
		*request = r = calloc(1, sizeof(*r));
		if (!r)
			return MHD_NO;
		r->err = stopper_task_begin(s, NULL, "request", &r->task);
		if (!r->err)
			stopper_task_label(&r->task, "%s %s", method, url);
		return MHD_YES;
	}
	*size = 0;
	if (!r->err && !strcmp(url, "/slow"))
		sleep(2);
	text = r->err ? "this server stops\n" : "hello\n";
	response = MHD_create_response_from_buffer(strlen(text), (void *)text,
						   MHD_RESPMEM_PERSISTENT);
	if (r->err)
		MHD_add_response_header(response, "Connection", "close");
	ok = MHD_queue_response(conn, r->err ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK,
				response);
	MHD_destroy_response(response);
	return ok;
}

/* The answer was sent, or the client is gone. */
static void answered(void *cls, struct MHD_Connection *conn, void **request,
		     enum MHD_RequestTerminationCode why)
{
	struct request *r = *request;

	if (r && !r->err)
		stopper_task_end(&r->task);
	free(r);
}

static void stop_listening(void *arg)
{
	close(MHD_quiesce_daemon(server));
}

int main(int argc, char **argv)
{
	const struct stopper_main_options options = {
		.size = sizeof(options),
		.before_quiesce = stop_listening,
	};
	int status, port = argc > 1 ? atoi(argv[1]) : 8080;

	if (port <= 0 || port > 65535) {
		fprintf(stderr, "usage: hello [PORT]\n");
		return 2;
	}
	if (stopper_create(&s, "hello", NULL))
		return 2;
	server = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD,
				  (uint16_t)port, NULL, NULL, answer, NULL,
				  MHD_OPTION_NOTIFY_COMPLETED, answered, NULL, MHD_OPTION_END);
	if (!server) {
		fprintf(stderr, "hello: cannot listen on port %d\n", port);
		return 2;
	}
	status = stopper_main(s, &options);
	if (status)
		return status;	/* requests still run */
	MHD_stop_daemon(server);
	stopper_put(s);
	return 0;
}
