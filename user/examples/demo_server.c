// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * demo_server.c - one HTTP server, stopped in two ways: demo_server plain|stopper.
 *
 * "plain" ends as programs of libmicrohttpd do: SIGTERM, MHD_stop_daemon(), exit. With "stopper"
 * each request is a task, and stopper_main() waits for them; that is the only difference. The
 * server says "port N", and "slow" whenever a GET /slow, which takes three seconds, begins.
 */
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <stopper/http.h>
#include <stopper/main.h>
#include <stopper/stopper.h>

static struct stopper *s;		/* NULL: plain */
static struct MHD_Daemon *server;

struct request {
	struct stopper_task task;
	int err;			/* not 0: refused */
};

static void request_begin(struct request *r, const char *method, const char *url)
{
	if (s)
		r->err = stopper_task_begin(s, NULL, "request", &r->task);
	if (s && !r->err)
		stopper_task_label(&r->task, "%s %s", method, url);
}

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
		request_begin(r, method, url);
		return MHD_YES;
	}
	*size = 0;
	if (!r->err && !strcmp(url, "/slow")) {
		puts("slow");
		sleep(3);
	}
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

	if (s && r && !r->err)
		stopper_task_end(&r->task);
	free(r);
}

static bool start(void)
{
	server = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD,
				  0, NULL, NULL, answer, NULL,
				  MHD_OPTION_NOTIFY_COMPLETED, answered, NULL, MHD_OPTION_END);
	if (!server)
		return false;
	printf("port %u\n", MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT)->port);
	return true;
}

static int serve_plain(void)
{
	sigset_t term;
	int sig;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &term, NULL);
	if (!start())
		return 2;
	sigwait(&term, &sig);
	MHD_stop_daemon(server);
	return 0;
}

static void stop_listening(void *arg)
{
	close(MHD_quiesce_daemon(server));
}

static int serve_with_stopper(void)
{
	const struct stopper_main_options options = {
		.size = sizeof(options),
		.before_quiesce = stop_listening,
	};
	struct stopper_http *list = NULL;
	int status;

	if (stopper_create(&s, "demo", NULL) || stopper_http_serve("pid", &list) || !start())
		return 2;
	status = stopper_main(s, &options);
	if (status)
		return status;	/* requests still run */
	MHD_stop_daemon(server);
	stopper_http_end(list);
	stopper_put(s);
	return 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && !strcmp(argv[1], "plain"))
		return serve_plain();
	if (argc == 2 && !strcmp(argv[1], "stopper"))
		return serve_with_stopper();
	fprintf(stderr, "usage: demo_server plain|stopper\n");
	return 2;
}
