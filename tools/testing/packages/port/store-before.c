// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * store.c - keeps values by key: store PORT FILE.
 *
 * A request is a line: "set KEY VALUE", "get KEY", "del KEY" or "count". Each is answered with a
 * line. The values are read from FILE at the start, and written to it at the end.
 *
 * One thread for each connection. SIGTERM or SIGINT ends the program.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUCKETS	4096

struct entry {
	struct entry *next;
	char key[32], value[64];
};

struct client {
	struct client *next;
	int fd;
};

static struct entry *table[BUCKETS];
static unsigned long entries;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;

static struct client *clients;
static pthread_mutex_t clients_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t no_clients = PTHREAD_COND_INITIALIZER;

static atomic_int stopping;

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

static int store_save(const char *path)
{
	FILE *f = fopen(path, "w");
	struct entry *e;
	unsigned int i;

	if (!f)
		return -1;
	for (i = 0; i < BUCKETS; i++)
		for (e = table[i]; e; e = e->next)
			fprintf(f, "%s %s\n", e->key, e->value);
	return fclose(f);
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

static void *client_run(void *arg)
{
	struct client *c = arg, **p;
	FILE *in = fdopen(dup(c->fd), "r");
	char line[128];

	while (in && fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = '\0';
		execute(line, sizeof(line));
		dprintf(c->fd, "%s\n", line);
	}
	if (in)
		fclose(in);
	pthread_mutex_lock(&clients_lock);
	for (p = &clients; *p != c; p = &(*p)->next)
		;
	*p = c->next;
	if (!clients)
		pthread_cond_signal(&no_clients);
	pthread_mutex_unlock(&clients_lock);
	close(c->fd);
	free(c);
	return NULL;
}

static void client_start(int fd)
{
	struct client *c = malloc(sizeof(*c));
	pthread_t thread;

	if (!c) {
		close(fd);
		return;
	}
	c->fd = fd;
	pthread_mutex_lock(&clients_lock);
	c->next = clients;
	clients = c;
	if (pthread_create(&thread, NULL, client_run, c)) {
		clients = c->next;
		close(fd);
		free(c);
	} else {
		pthread_detach(thread);
	}
	pthread_mutex_unlock(&clients_lock);
}

/* Ends the connections and waits for their threads. */
static void clients_end(void)
{
	struct client *c;

	pthread_mutex_lock(&clients_lock);
	for (c = clients; c; c = c->next)
		shutdown(c->fd, SHUT_RDWR);
	while (clients)
		pthread_cond_wait(&no_clients, &clients_lock);
	pthread_mutex_unlock(&clients_lock);
}

static int listen_on(const char *port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&to, sizeof(to)) || listen(fd, 128)) {
		perror("store");
		exit(2);
	}
	return fd;
}

static void on_signal(int sig)
{
	stopping = sig;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };	/* accept() fails with EINTR */
	int listener, fd;

	if (argc != 3) {
		fprintf(stderr, "usage: store PORT FILE\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	store_load(argv[2]);
	listener = listen_on(argv[1]);
	while (!stopping) {
		fd = accept(listener, NULL, NULL);
		if (fd >= 0)
			client_start(fd);
	}
	close(listener);
	clients_end();
	return store_save(argv[2]) ? 1 : 0;
}
