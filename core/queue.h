/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * queue.h - the pool's queue, for its threads; see queue.c. All functions are called with its lock
 * held, except where they say otherwise.
 */
#ifndef STOPPER_CORE_QUEUE_H
#define STOPPER_CORE_QUEUE_H

#include "internal.h"

struct inbox;

struct pool_queue {
	stopper_lock_t lock;		/* the pool's lock */
	unsigned int njobs;		/* without those in inboxes */
	uint64_t open;			/* a bit for each inbox that is open */
	struct inbox *latest;		/* that had tasks; read without the lock, as a hint */
	struct stopper_list first;	/* jobs of the library's own */
	struct stopper_list turns;	/* of inboxes: those with a backlog, and open ones */
	unsigned int turn;		/* how many tasks the first one has had */
	uint64_t arrived;		/* tasks, ever, in a backlog */
	uint64_t ticket;		/* of the next task that is taken */
	struct stopper_list visits;	/* struct queue_visit */
} PLAT_CACHELINE_ALIGNED;

extern struct pool_queue pool_queue;

void queue_init(void);
bool queue_poll(void);
bool queue_has_jobs(void);
struct stopper_job *queue_peek(void);
void queue_take(struct stopper_job *job);
void queue_push_first(struct stopper_job *job);
void queue_take_back(struct stopper_job *job);
int queue_push_task(struct stopper_async *a, const struct async_start *start, bool *nested);
bool queue_push_fresh(struct stopper_async *a, const struct async_start *start, bool *nested,
		      int *err);
void queue_retract_task(struct stopper_async *a);
void queue_open_inbox(void);
void queue_close_inboxes(plat_flags_t *f);
void queue_publish_task(struct stopper_async *a, struct slot_table *table, unsigned int at);
void queue_unpublish_task(struct slot_table *table, unsigned int at);

#endif /* STOPPER_CORE_QUEUE_H */
