// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_http_page.c - for user_http_page.sh: a process that serves the page.
 *
 *   user_http_page MODE COMMAND [ARGUMENT...]
 *
 * runs COMMAND with the page's address in $URL. MODE is what happens after the third list that the
 * page has requested: nothing ("running"), a stop that a task blocks ("stop"), or the end of the
 * server ("gone"); "stuck" is a stop one second before the command. Prints how many pages and lists
 * were requested; the status is that of COMMAND.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stopper/http.h>
#include <stopper/http_handler.h>
#include <stopper/stopper.h>

#define SECOND_NS	1000000000LL

static const char *mode;
static struct stopper *s, *paused;
static struct stopper_event enough;
static unsigned int pages, lists;

/* On the server's only thread. */
static void count(struct MHD_Connection *conn)
{
	const char *format = MHD_lookup_connection_value(conn, MHD_GET_ARGUMENT_KIND, "format");

	if (!format || !strcmp(format, "html"))
		pages++;
	else
		lists++;
	if (lists != 4)
		return;
	if (!strcmp(mode, "stop"))
		stopper_stop_async(s);
	stopper_event_fire(&enough);
}

static enum MHD_Result handler(void *cls, struct MHD_Connection *conn, const char *url,
			       const char *method, const char *version, const char *upload_data,
			       size_t *upload_data_size, void **con_cls)
{
	count(conn);
	return stopper_http_handler(cls, conn, url, method, version, upload_data,
				    upload_data_size, con_cls);
}

static void until_stopping(struct stopper_ctx *ctx, void *arg)
{
	stopper_wait(stopper_should_stop(s), ctx);
}

/* For an event, or NULL: for nothing. */
static void wait_for(struct stopper_event *event, long long ns)
{
	struct stopper_ctx *ctx;

	if (stopper_ctx_with_timeout(NULL, ns, &ctx))
		exit(2);
	stopper_wait(event, ctx);
	stopper_ctx_put(ctx);
}

static void set_up(struct stopper_task *task)
{
	if (stopper_create(&s, "page-stopper", NULL) ||
	    stopper_run_worker(s, NULL, "page-worker", until_stopping, NULL) ||
	    stopper_task_begin(s, NULL, "<img src=x onerror=\"document.title=1\">", task))
		exit(2);
	stopper_event_init(&enough);
	if (!strcmp(mode, "running") &&
	    (stopper_create(&paused, "page-paused", NULL) || stopper_pause(paused, NULL)))
		exit(2);
	if (strcmp(mode, "stuck"))
		return;
	if (stopper_stop_async(s))
		exit(2);
	wait_for(NULL, SECOND_NS * 11 / 10);
}

static pid_t run(char **command, unsigned int port)
{
	char url[64];
	pid_t child;

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/debug/stopper", port);
	setenv("URL", url, 1);
	fflush(stdout);
	child = fork();
	if (!child) {
		execvp(command[0], command);
		_exit(127);
	}
	return child;
}

int main(int argc, char **argv)
{
	const union MHD_DaemonInfo *info;
	struct MHD_Daemon *daemon;
	struct stopper_task task;
	int status = -1;
	pid_t child;

	if (argc < 3)
		return 2;
	mode = argv[1];
	set_up(&task);
	daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handler, NULL,
				  MHD_OPTION_END);
	if (!daemon)
		return 2;
	info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
	child = run(argv + 2, info->port);
	if (!strcmp(mode, "gone")) {
		wait_for(&enough, 60 * SECOND_NS);
		MHD_stop_daemon(daemon);
		daemon = NULL;
	}
	waitpid(child, &status, 0);
	if (daemon)
		MHD_stop_daemon(daemon);
	printf("pages %u, lists %u\n", pages, lists);
	stopper_task_end(&task);
	stopper_stop(s, NULL);
	stopper_put(s);
	if (paused)
		stopper_stop(paused, NULL);
	stopper_put(paused);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}
