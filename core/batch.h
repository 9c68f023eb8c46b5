/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * batch.h - tasks that a thread has taken ahead; see batch.c.
 */
#ifndef STOPPER_CORE_BATCH_H
#define STOPPER_CORE_BATCH_H

#include "internal.h"

struct inbox;

/* Of a thread of the pool. */
struct batch {
	stopper_lock_t lock;
	struct stopper_list tasks;	/* struct stopper_async, by ->job.node */
	uint64_t ticket;		/* of the next one that is begun */
	struct stopper_list node;	/* of the batches that are out; the queue's lock */
	struct inbox *from;		/* likewise */
};

void batch_init(struct batch *b);
void batch_destroy(struct batch *b);

/* With the queue's lock held */
void batch_give(struct batch *b, struct stopper_list *tasks, struct inbox *from, uint64_t ticket);
struct batch *batch_recall(struct stopper_list *tasks);
bool batch_close(struct batch *b);

#endif /* STOPPER_CORE_BATCH_H */
