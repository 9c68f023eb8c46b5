/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * ring.h - a ring on which one thread waits, for one request at a time; see ring.c.
 */
#ifndef STOPPER_USER_RING_H
#define STOPPER_USER_RING_H

#include <liburing.h>
#include "internal.h"

struct ring {
	struct io_uring uring;
	int efd;		/* -1: not needed by this backend */
	struct ring *next;
};

#define RING_TAG	1	/* user_data of the request */

struct ring *ring_open(bool with_fd, int *err);
void ring_close(struct ring *r);
bool ring_drop(struct ring *r);
int ring_wait(struct ring *r, int64_t deadline);

#endif /* STOPPER_USER_RING_H */
