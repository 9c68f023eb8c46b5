/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * listen.h - the listening socket of the HTTP server, from its address as text.
 */
#ifndef STOPPER_HTTP_LISTEN_H
#define STOPPER_HTTP_LISTEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

struct listener {
	int fd;
	uint16_t port;		/* 0: a Unix socket */
	bool loopback;		/* reachable from this machine only */
	char host[64];		/* as in a Host header; "" for a Unix socket */
	char text[sizeof(((struct sockaddr_un *)0)->sun_path) + 8];
	/* Identify the file of a Unix socket, so that no other file is removed at the end. */
	dev_t dev;
	ino_t ino;
};

/* Returns the errors of stopper_http_serve(). */
int listener_open(struct listener *l, const char *addr);

/* Removes the name of a Unix socket; the descriptor stays open. */
void listener_remove(struct listener *l);

#endif /* STOPPER_HTTP_LISTEN_H */
