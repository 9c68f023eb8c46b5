/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * listen.h - the address of the HTTP server: from text to a socket that listens, and back.
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
	bool loopback;		/* nobody but this machine reaches it, by a name or by an address */
	char host[64];		/* as a Host header has it; of a Unix socket: "" */
	char text[sizeof(((struct sockaddr_un *)0)->sun_path) + 8];
	/* The file of a Unix socket, so that the end removes no other one. */
	dev_t dev;
	ino_t ino;
};

/* The errors are those of stopper_http_serve(). */
int listener_open(struct listener *l, const char *addr);

/* Takes a Unix socket's name away; the descriptor stays open. */
void listener_remove(struct listener *l);

#endif /* STOPPER_HTTP_LISTEN_H */
