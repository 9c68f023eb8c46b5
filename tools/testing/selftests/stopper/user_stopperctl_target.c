// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_stopperctl_target.c - a process for stopperctl to read.
 *
 *   user_stopperctl_target
 *
 * Its stopper "web" has a task "request", a worker "accept" and a closer "flush", which end on
 * command; "idle" does nothing; the third one's name would forge lines and colours. The debug list
 * is served where -p finds it and on a port of the loopback. Says "ready PID PORT", and then
 * "done" after each command on standard input:
 *
 *   stop / task / worker / closer   stop "web"; end its task, worker, closer
 *   request                         begin a task of "web" again, after the first one has ended
 *   again                           a new stopper "web", after the first one has stopped
 *   hide                            forbid ptrace() of the process
 *   quit                            the end of the process, at once
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <stopper/http.h>
#include <stopper/http_handler.h>
#include <stopper/stopper.h>

static struct stopper *web, *idle, *hostile;
static struct stopper_task request;
static struct stopper_event worker_end, closer_end;

static void __attribute__((noreturn)) fail(const char *what)
{
	perror(what);
	exit(1);
}

/* It is on the stack while it waits: the wait is no tail call. */
static void accept_worker(struct stopper_ctx *ctx, void *arg)
{
	if (stopper_wait(&worker_end, NULL))
		abort();
}

static void flush_closer(void *arg)
{
	stopper_wait(&closer_end, NULL);
}

static int port_of(struct MHD_Daemon *d)
{
	return MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT)->port;
}

static int serve(void)
{
	struct stopper_http *at_pid;
	struct sockaddr_in loopback = { .sin_family = AF_INET };
	struct MHD_Daemon *tcp;

	loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	tcp = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, stopper_http_handler,
			       NULL, MHD_OPTION_SOCK_ADDR, &loopback, MHD_OPTION_END);
	if (!tcp || stopper_http_serve("pid", &at_pid))
		fail("http");
	return port_of(tcp);
}

static void make_stoppers(void)
{
	stopper_event_init(&worker_end);
	stopper_event_init(&closer_end);
	if (stopper_create(&web, "web", NULL) || stopper_create(&idle, "idle", NULL) ||
	    stopper_create(&hostile, "\033[31mred\nforged", NULL) ||
	    stopper_task_begin(web, NULL, "request", &request) ||
	    stopper_run_worker(web, NULL, "accept", accept_worker, NULL) ||
	    stopper_add_closer_fn(web, "flush", flush_closer, NULL))
		fail("stopper");
}

static void obey(const char *word)
{
	if (!strcmp(word, "stop"))
		stopper_stop_async(web);
	else if (!strcmp(word, "task"))
		stopper_task_end(&request);
	else if (!strcmp(word, "request") && stopper_task_begin(web, NULL, "request", &request))
		fail("task");
	else if (!strcmp(word, "worker"))
		stopper_event_fire(&worker_end);
	else if (!strcmp(word, "closer"))
		stopper_event_fire(&closer_end);
	else if (!strcmp(word, "again") && stopper_create(&web, "web", NULL))
		fail("stopper");
	else if (!strcmp(word, "hide"))
		prctl(PR_SET_DUMPABLE, 0);
	else if (!strcmp(word, "quit"))
		_exit(0);
}

int main(void)
{
	char word[16];

	make_stoppers();
	printf("ready %d %d\n", getpid(), serve());
	fflush(stdout);
	while (scanf("%15s", word) == 1) {
		obey(word);
		puts("done");
		fflush(stdout);
	}
	_exit(0);
}
