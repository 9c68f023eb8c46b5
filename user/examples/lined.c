// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * lined.c - the server of Documentation/tutorial.rst: lined PORT.
 *
 * A request is a line with a number. After so many milliseconds the answer is the same line.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <stopper/interrupt.h>
#include <stopper/main.h>
#include <stopper/stopper.h>
#include <stopper/uring.h>

#define BACKLOG	128
#define SECOND	1000000000LL

struct client {
	int fd;
	size_t used;
	char in[256], line[256];
};

static struct stopper *s;
static int listener;
static bool inherited;		/* the listening socket is the service manager's */
static atomic_bool ready;
static struct stopper_ctx *until_end;	/* no request is left, or the time is up */

static int listen_on(const char *port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = 3, on = 1;

	inherited = getenv("LISTEN_FDS");
	if (!inherited)
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if ((!inherited && bind(fd, (struct sockaddr *)&to, sizeof(to))) || listen(fd, BACKLOG) ||
	    fcntl(fd, F_SETFL, O_NONBLOCK)) {
		perror("lined");
		exit(2);
	}
	return fd;
}

/* Waits until there is something to read. False: all requests have ended before. */
static bool readable(struct client *c)
{
	struct pollfd fds[] = {
		{ .fd = c->fd, .events = POLLIN },
		{ .fd = stopper_event_fd(stopper_should_stop(s)), .events = POLLIN },
	};

	while (poll(fds, 2, -1) < 0)
		;			/* EINTR */
	return fds[0].revents;
}

/* Copies the next line to c->line. False: there is none. */
static bool next_line(struct client *c)
{
	char *end;
	ssize_t n;

	while (!(end = memchr(c->in, '\n', c->used))) {
		if (!readable(c))
			return false;
		n = recv(c->fd, c->in + c->used, sizeof(c->in) - c->used, 0);
		if (n <= 0)
			return false;	/* the end, or a line that is too long */
		c->used += n;
	}
	*end++ = '\0';
	strcpy(c->line, c->in);
	c->used -= end - c->in;
	memmove(c->in, end, c->used);
	return true;
}

static void answer(struct stopper_ctx *ctx, void *client)
{
	struct client *c = client;
	int ms;

	stopper_task_label(NULL, "%s", c->line);
	if (!strcmp(c->line, "health")) {
		dprintf(c->fd, "%s\n", ready ? "ready" : "not ready");
		return;
	}
	while (!strcmp(c->line, "stuck"))
		pause();		/* the bug */
	for (ms = atoi(c->line); ms > 0 && !stopper_ctx_err(ctx); ms--)
		usleep(1000);		/* the work */
	dprintf(c->fd, "%s\n", ms > 0 ? "504 out of time" : c->line);
}

/* What the client has sent, and has no answer for, was not begun. */
static void goodbye(struct client *c)
{
	struct stopper_interrupt *shut = NULL;
	struct stopper_ctx *soon = NULL;

	dprintf(c->fd, "503 stopping\n");
	shutdown(c->fd, SHUT_WR);
	/* For a second at most: a close with unread lines would be a reset. */
	if (!stopper_ctx_with_timeout(NULL, SECOND, &soon) &&
	    !stopper_ctx_shutdown_fd(soon, c->fd, &shut))
		while (recv(c->fd, c->in, sizeof(c->in), 0) > 0)
			;
	stopper_interrupt_end(shut);
	stopper_ctx_put(soon);
}

static void serve(struct stopper_ctx *ctx, void *client)
{
	struct client *c = client;

	while (next_line(c) && !stopper_run_task(s, ctx, "request", answer, c))
		;
	if (stopper_phase(s) != STOPPER_RUNNING)
		goodbye(c);
	close(c->fd);
	free(c);
}

static void client_start(int fd)
{
	const struct timeval patience = { .tv_sec = 1 };
	struct client *c = calloc(1, sizeof(*c));

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (c)
		c->fd = fd;
	if (!c || stopper_run_worker(s, until_end, "client", serve, c)) {
		close(fd);		/* refused, or no memory */
		free(c);
	}
}

static bool accept_client(void)
{
	int fd = accept(listener, NULL, NULL);

	if (fd >= 0)
		client_start(fd);
	return fd >= 0;
}

static void accept_clients(struct stopper_ctx *ctx, void *arg)
{
	struct pollfd fds[] = {
		{ .fd = listener, .events = POLLIN },
		{ .fd = stopper_event_fd(stopper_should_quiesce(s)), .events = POLLIN },
	};
	int i;

	while (!stopper_event_fired(stopper_should_quiesce(s))) {
		poll(fds, 2, -1);
		accept_client();
	}
	/* No more than the queue can hold: others may go on connecting for ever. */
	for (i = 0; !inherited && i < BACKLOG && accept_client(); i++)
		;
	close(listener);
}

static void set_ready(void *arg, bool is_ready)
{
	ready = is_ready;
}

static void show_remaining(void *arg, const struct stopper_task_info *info, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		fprintf(stderr, "lined: %llu x %s, the oldest: \"%s\"\n",
			(unsigned long long)info[i].count, info[i].name, info[i].label);
}

int main(int argc, char **argv)
{
	const struct stopper_main_options options = {
		.size = sizeof(options),
		.lame_duck_ns = 2 * SECOND,
		.grace_ns = 4 * SECOND,
		.ready = set_ready,
		.on_remaining = show_remaining,
	};
	int status;

	if (argc != 2 || stopper_create(&s, "lined", NULL))
		return 2;
	signal(SIGPIPE, SIG_IGN);
	listener = listen_on(argv[1]);
	if (stopper_event_fd(stopper_should_stop(s)) < 0 ||
	    stopper_event_fd(stopper_should_quiesce(s)) < 0 ||
	    stopper_ctx_with_cancel_on_stop(s, NULL, &until_end) ||
	    stopper_run_async_task(s, NULL, "accept", accept_clients, NULL))
		return 2;
	status = stopper_main(s, &options);
	if (status)
		return status;		/* something still runs: free nothing */
	stopper_ctx_put(until_end);
	stopper_put(s);
	return 0;
}
