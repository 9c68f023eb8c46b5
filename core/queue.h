/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * queue.h - the queue of async tasks and of jobs of the library's own; see queue.c.
 */
#ifndef STOPPER_CORE_QUEUE_H
#define STOPPER_CORE_QUEUE_H

#include "internal.h"
#include "view.h"

struct batch;
struct pool_thread;

/* Work for a pool thread: struct stopper_job. Its site names the thread; NULL: one of our own. */
struct stopper_job_ops {
	/* @me: the thread that runs it, for pool_thread_set_name() and pool_thread_run() */
	void (*run)(struct stopper_job *job, struct pool_thread *me);
	/* the thread ended inside run(); hook_called: the panic hook was called */
	void (*died)(struct stopper_job *job, bool hook_called);
	bool is_task;			/* the job is that of a struct stopper_async */
};

/* ->state of a struct stopper_async */
enum {
	ASYNC_IDLE,
	ASYNC_QUEUED,
	ASYNC_CANCELLED,		/* queued; its function will not be called */
	ASYNC_RUNNING,			/* was QUEUED when it was taken */
	ASYNC_TELLING,			/* was CANCELLED */
};

/* Whose task it is; a start writes that with a compare-and-exchange. */
static inline struct stopper *async_stopper(const struct stopper_async *a)
{
	return plat_load(&a->s);
}

/* The slot of a task that runs. */
static inline struct stopper_slot *async_slot(const struct stopper_async *a)
{
	return &a->table->slot[a->at];
}

/* What a start sets in a record. */
struct async_start {
	const struct stopper_job_ops *ops;
	struct stopper *s;
	struct stopper_ctx *ctx;
	const struct stopper_site *site;
	struct span_record *span;
	bool pinned;
	bool may_nest;			/* task_may_nest() */
};

/* On the stack of pool_wait_task(), async_wait.c. */
struct stopper_async_waiter {
	struct stopper_async_waiter *next, **link;
	struct plat_parker park;
	bool done;
};

#ifndef INBOXES
#define INBOXES		64	/* more than CPUs that push at once, as a rule; bits of ->open */
#define INBOX_MAX	64	/* what a drain moves for each inbox, at most */
#endif

struct inbox {
	stopper_lock_t lock;
	bool open;			/* written under both locks */
	unsigned int nfresh;
	struct stopper_list fresh;

	/* under the queue's lock: */
	struct stopper_list backlog PLAT_CACHELINE_ALIGNED;
	struct stopper_list turn;	/* pool_queue.turns */
};

struct pool_queue {
	stopper_lock_t lock;		/* the pool's lock */
	unsigned int njobs;		/* without those in inboxes */
	uint64_t open;			/* a bit for each inbox; read without the lock as a hint */
	struct stopper_list first;	/* jobs of the library's own */
	struct stopper_list turns;	/* of inboxes: those with a backlog, and open ones */
	unsigned int turn;		/* how many tasks the first one has had */
	uint64_t arrived;		/* tasks, ever, in a backlog */
	uint64_t ticket;		/* of the next task that is taken */
	struct stopper_list visits;	/* struct queue_visit */
	unsigned int recalls;		/* of batches, now: none is given out */
} PLAT_CACHELINE_ALIGNED;

extern struct pool_queue pool_queue;

void queue_inboxes_init(void);
struct inbox *queue_inbox(void);
bool pool_cancel_task(struct stopper_async *a);
bool queue_watch(struct stopper *s, struct plat_parker *me);
void queue_unwatch(struct stopper *s);
uint64_t queue_visit(struct stopper *s, visit_fn visit, void *arg);

/* For the threads of the pool: without the lock */
bool queue_poll(void);

/* and with the lock held */
bool queue_has_jobs(void);
struct stopper_job *queue_peek(void);
void queue_take(struct stopper_job *job);
void queue_push_first(struct stopper_job *job);
void queue_remove_job(struct stopper_job *job);
void queue_append(struct stopper_async *a);
void queue_remove_task(struct stopper_async *a);
void queue_open_inbox(void);
void queue_close_inboxes(plat_flags_t *f);
bool queue_take_batch(struct batch *b, const struct stopper_site *site, unsigned int max);
void queue_recall_batches(plat_flags_t *f);

/* and with the lock held, or that of the thread's batch */
void queue_publish_task(struct stopper_async *a, uint64_t ticket, struct slot_table *table,
			unsigned int at);

#endif /* STOPPER_CORE_QUEUE_H */
