// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * store.c - keeps values by key: store PORT FILE.
 *
 * A request is a line: "set KEY VALUE", "get KEY", "del KEY" or "count". Each is answered with a
 * line. The values are read from FILE at the start, and written to it at the end.
 *
 * One thread for each connection. SIGTERM or SIGINT ends the program: requests that have begun are
 * answered, later ones get "503 stopping".
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <stopper/interrupt.h>
#include <stopper/main.h>
#include <stopper/stopper.h>
#include <stopper/uring.h>

#define BUCKETS	4096
#define BACKLOG	128

struct entry {
	struct entry *next;
	char key[32], value[64];
};

struct client {
	int fd;
	size_t used;
	char in[128], line[128];
};

static struct entry *table[BUCKETS];
static unsigned long entries;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;

static struct stopper *s;
static int listener;

/* Where the entry is linked, or would be. */
static struct entry **find(const char *key)
{
	struct entry **p;
	unsigned int hash = 0;
	const char *c;

	for (c = key; *c; c++)
		hash = hash * 31 + (unsigned char)*c;
	for (p = &table[hash % BUCKETS]; *p && strcmp((*p)->key, key); p = &(*p)->next)
		;
	return p;
}

static bool store_set(const char *key, const char *value)
{
	struct entry **p = find(key);

	if (!*p) {
		*p = calloc(1, sizeof(**p));
		if (!*p)
			return false;
		strcpy((*p)->key, key);
		entries++;
	}
	strcpy((*p)->value, value);
	return true;
}

static bool store_del(const char *key)
{
	struct entry **p = find(key), *e = *p;

	if (!e)
		return false;
	*p = e->next;
	free(e);
	entries--;
	return true;
}

static void store_load(const char *path)
{
	char key[32], value[64];
	FILE *f = fopen(path, "r");

	while (f && fscanf(f, "%31s %63s", key, value) == 2)
		store_set(key, value);
	if (f)
		fclose(f);
}

static int store_save(void *path)
{
	FILE *f = fopen(path, "w");
	struct entry *e;
	unsigned int i;

	if (!f)
		return -EIO;
	for (i = 0; i < BUCKETS; i++)
		for (e = table[i]; e; e = e->next)
			fprintf(f, "%s %s\n", e->key, e->value);
	return fclose(f) ? -EIO : 0;
}

/* Executes a request; its answer replaces it. */
static void execute(char *line, size_t size)
{
	char key[32], value[64];

	usleep(1000);	/* the disk of a better store */
	pthread_mutex_lock(&table_lock);
	if (sscanf(line, "set %31s %63s", key, value) == 2)
		snprintf(line, size, store_set(key, value) ? "ok" : "no memory");
	else if (sscanf(line, "get %31s", key) == 1)
		snprintf(line, size, "%s", *find(key) ? (*find(key))->value : "none");
	else if (sscanf(line, "del %31s", key) == 1)
		snprintf(line, size, store_del(key) ? "ok" : "none");
	else if (!strcmp(line, "count"))
		snprintf(line, size, "%lu", entries);
	else
		snprintf(line, size, "what?");
	pthread_mutex_unlock(&table_lock);
}

static void answer(struct stopper_ctx *ctx, void *client)
{
	struct client *c = client;

	stopper_task_label(NULL, "%s", c->line);
	execute(c->line, sizeof(c->line));
	dprintf(c->fd, "%s\n", c->line);
}

/* False: there is no line, or nothing to read when all requests have ended. */
static bool next_line(struct client *c)
{
	struct pollfd fds[] = {
		{ .fd = c->fd, .events = POLLIN },
		{ .fd = stopper_event_fd(stopper_should_stop(s)), .events = POLLIN },
	};
	char *end;
	ssize_t n;

	while (!(end = memchr(c->in, '\n', c->used))) {
		if (poll(fds, 2, -1) < 0)
			continue;	/* EINTR */
		n = fds[0].revents ? recv(c->fd, c->in + c->used, sizeof(c->in) - c->used, 0) : 0;
		if (n <= 0)
			return false;
		c->used += n;
	}
	*end++ = '\0';
	strcpy(c->line, c->in);
	c->used -= end - c->in;
	memmove(c->in, end, c->used);
	return true;
}

/* Until the client closes, for a second at most: a close with unread lines would be a reset. */
static void goodbye(struct client *c)
{
	struct stopper_interrupt *shut = NULL;
	struct stopper_ctx *soon = NULL;

	dprintf(c->fd, "503 stopping\n");
	shutdown(c->fd, SHUT_WR);
	if (!stopper_ctx_with_timeout(NULL, 1000000000, &soon) &&
	    !stopper_ctx_shutdown_fd(soon, c->fd, &shut))
		while (recv(c->fd, c->in, sizeof(c->in), 0) > 0)
			;
	stopper_interrupt_end(shut);
	stopper_ctx_put(soon);
}

static void client_run(struct stopper_ctx *ctx, void *client)
{
	struct client *c = client;

	while (next_line(c) && !stopper_run_task(s, NULL, "request", answer, c))
		;
	if (stopper_phase(s) != STOPPER_RUNNING)
		goodbye(c);
	close(c->fd);
	free(c);
}

static bool client_accept(void)
{
	int fd = accept(listener, NULL, NULL);
	struct client *c;

	if (fd < 0)
		return false;
	c = calloc(1, sizeof(*c));
	if (c)
		c->fd = fd;
	if (!c || stopper_run_worker(s, NULL, "client", client_run, c)) {
		close(fd);
		free(c);
	}
	return true;
}

/* As long as this task runs, there can be clients. Those in the queue at its end are answered. */
static void accept_clients(struct stopper_ctx *ctx, void *arg)
{
	struct pollfd fds[] = {
		{ .fd = listener, .events = POLLIN },
		{ .fd = stopper_event_fd(stopper_should_quiesce(s)), .events = POLLIN },
	};
	int i;

	while (!stopper_event_fired(stopper_should_quiesce(s))) {
		poll(fds, 2, -1);
		client_accept();
	}
	for (i = 0; i < BACKLOG && client_accept(); i++)
		;
	close(listener);
}

static int listen_on(const char *port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&to, sizeof(to)) || listen(fd, BACKLOG)) {
		perror("store");
		exit(2);
	}
	return fd;
}

int main(int argc, char **argv)
{
	int status;

	if (argc != 3) {
		fprintf(stderr, "usage: store PORT FILE\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	store_load(argv[2]);
	listener = listen_on(argv[1]);
	if (stopper_create(&s, "store", NULL) ||
	    stopper_event_fd(stopper_should_stop(s)) < 0 ||
	    stopper_event_fd(stopper_should_quiesce(s)) < 0 ||
	    stopper_add_closer_err_fn(s, "save", store_save, argv[2]) ||
	    stopper_run_async_task(s, NULL, "accept", accept_clients, NULL))
		return 2;
	status = stopper_main(s, NULL);
	if (status)
		return status;
	status = stopper_result(s, NULL) ? 1 : 0;	/* of the closer */
	stopper_put(s);
	return status;
}
