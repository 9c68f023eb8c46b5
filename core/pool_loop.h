/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * pool_loop.h - the threads that run the jobs of the queue, and their state; see pool_loop.c.
 */
#ifndef STOPPER_CORE_POOL_LOOP_H
#define STOPPER_CORE_POOL_LOOP_H

#include "batch.h"
#include "internal.h"

#define IDLE_THREAD_NAME	"stopper/pool"

/* What a pool thread knows of its task, as done() may free the record; async.c. */
struct async_run {
	struct stopper_job job;
	struct stopper *s;
	struct stopper_slot *slot;
	struct stopper_ctx *ctx;
	struct span_record *span;
	struct module *fn_module;	/* of the function, with a reference; or NULL */
	struct stopper_sem *sem;	/* to be released, or NULL */
	struct stopper_async *async;	/* the caller's record; NULL: there is none */
	bool over;			/* ->async is idle again */
	unsigned char kind;
	stopper_async_fn fn;
	stopper_async_done_fn done;
	void *arg;			/* of allocated tasks */
	int status;
};

struct pool_thread {
	struct plat_thread thread;
	struct plat_parker park;
	struct stopper_list node;	/* idle, running or stuck */
	struct slot_table *table;	/* where its tasks are visible */
	struct stopper_job *job;
	struct batch batch;		/* the tasks after ->job */
	uint64_t begun;			/* ->batch.ticket at ->tick */
	struct async_run run;		/* of a task */
	char name[COMM_SIZE];		/* given by the pool: the first bytes, not escaped */
	unsigned int tick;		/* when it took the job, or was seen in another */
	bool idle;			/* on the idle list; if not, an unpark will come */
	bool sent_to_exit;		/* taken off the idle list in order to exit */
	bool stuck;
	bool renamed;			/* by its task: ->name is not its name */
	bool batched;			/* its own note: ->batch may be out */
	unsigned char at;		/* in ->table */
};

struct pool_threads {
	unsigned int arriving;
	unsigned int starting;		/* of ->arriving, those whose start may still fail */
	struct stopper_list idle;
	unsigned int nrunning;
	unsigned int nthreads;		/* started or starting */
	unsigned int tick;
	unsigned int ndone;
	unsigned int wake_budget;	/* wake-ups left for now, beyond the first */
	bool ticking;
	bool spinning;			/* a thread without a job polls the queue */
	bool timed;			/* the tick can run */
	bool ending;			/* threads exit instead of becoming idle */
	bool ending_all;		/* ->exit_waiter waits for the end of all threads */
	uint64_t wake_budget_since;
	struct stopper_list pushers;	/* struct pusher: callers that start a thread for a job */
	struct stopper_list running;	/* earliest job first */
	struct stopper_list stuck;
	unsigned int burst;		/* how many the last tick started */
	unsigned int last_done;		/* ndone at the last tick */
	uint64_t done_at;		/* plat_coarse_time() when a job last ended */
	int64_t retry_ns;		/* until the tick tries to start a thread again */
	bool starved_logged;		/* the log says that tasks wait for a thread */
	struct plat_timer timer;
	unsigned int nexiting;		/* threads sent to exit or exiting, not yet released */
	struct plat_parker *exit_waiter;	/* woken when pool_is_drained() may be true */
} PLAT_CACHELINE_ALIGNED;

extern PLAT_HIDDEN struct pool_threads pool_threads;

/* On the stack of a push, which starts a thread for its job. */
struct pusher {
	struct stopper_list node;
	struct stopper_job *job;
	bool taken;
	bool left;			/* with its caller: no thread could be started */
};

/* With the queue's lock held: a thread off the idle list, which the caller unparks. NULL: none. */
static inline struct pool_thread *pop_idle_thread(void)
{
	struct stopper_list *n = slist_pop(&pool_threads.idle);
	struct pool_thread *t;

	if (!n)
		return NULL;
	t = list_item(n, struct pool_thread, node);
	t->idle = false;
	return t;
}

void pool_thread_set_name(struct pool_thread *me, const char *name);
struct async_run *pool_thread_run(struct pool_thread *me);

/* With the queue's lock held */
void pool_run_jobs(struct pool_thread *me, plat_flags_t *f);
void pool_finish_job(struct pool_thread *me, plat_flags_t *f);
void pool_wake_exit_waiter(void);

#endif /* STOPPER_CORE_POOL_LOOP_H */
