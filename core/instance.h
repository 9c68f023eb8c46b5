/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * instance.h - struct stopper, and what it is made of.
 */
#ifndef STOPPER_CORE_INSTANCE_H
#define STOPPER_CORE_INSTANCE_H

#include "seam.h"

/* Where in the source and on which thread, copied as module and thread may not last. */
struct origin {
	char file[32];
	char func[28];
	char comm[COMM_SIZE];
	unsigned int line;
	int tid;
};

/* Why a context ended or a stopper stops; cause.c. */
struct cause {
	struct origin at;
	int err;			/* 0: none was given; ->text names the call */
	char text[STOPPER_CAUSE_SHOWN + 1];	/* escaped */
};

/* The event of a context, or one of a stopper that ends contexts. */
struct caused_event {
	struct stopper_event ev;	/* first: struct stopper_ctx_head */
	const struct cause *cause;	/* set before @ev fires; NULL: ->fired says all */
};

/* A worker, closer or recover scope of a stopper, on the thread that runs it. */
struct activity {
	struct stopper_list of_thread;	/* activities of one thread, and others; panic.c */
	struct stopper_list of_stopper;	/* ->s->activities */
	struct stopper *s;
	const struct stopper_site *site;
	enum stopper_panic_kind kind;
	int tid;
	uint64_t since;
	void (*abandoned)(struct stopper *s);	/* its thread died in it; or NULL */
};

/* Is a stopper paused? What its children take over; pause.c. */
struct pause {
	bool paused;
	uint64_t change;		/* how often that has changed */
	int64_t since;			/* of the latest pause */
	struct origin origin;
};

/* When a stop reports that it is blocked. Used by its leader. */
struct stall_clock {
	int64_t since;			/* when the stop began; 0: not yet */
	int64_t report_at;		/* the next report; 0: by the stopper's stall period */
	unsigned int reports;		/* how many were made */
	bool quiet_too;			/* report also on a stopper with STOPPER_QUIET */
};

/* A link in a list of stoppers: of one of them, or of a walk over them (ref.c). */
struct stopper_link {
	struct stopper_list node;
	struct stopper *s;		/* NULL: of a walk */
};

/*
 * References: @refs are those of users; at zero no user can use it any more. @pins keep the
 * memory: one for all users, one for each context, child, worker or job that will access it
 * again.
 */
struct stopper {
	/* A cache line that every task reads: written once for each phase. */
	unsigned int phase;			/* first: struct stopper_head; phase_of() */
	unsigned int flags;
	uint64_t id;
	stopper_panic_fn on_panic;
	void *on_panic_arg;
	stopper_log_fn log;
	void *log_arg;
	struct stopper_ctx *task_ctx;		/* for tasks without a context; NULL: none */
	struct module *owner;

	plat_ref_t refs PLAT_CACHELINE_ALIGNED;
	plat_ref_t pins;
	unsigned int dropped;			/* async tasks, ever; without a lock */
	bool uses_pool;				/* it, or one below it, has had async tasks */
	bool sync_listed;			/* a list has had a synchronous task */
	struct shard *shards;			/* SHARDS lists of tasks; NULL: never needed */

	struct caused_event quiesce_ctx;	/* ends contexts before quiesce fires */
	struct stopper_event quiesce;
	struct caused_event stop_ctx;
	struct stopper_event stop;
	struct stopper_event stopped;

	stopper_lock_t lock;			/* all below */
	int leader_tid;				/* the thread that leads the stop, or 0 */
	int firing_quiesce;			/* the thread that fires its quiesce events, or 0 */
	int ending;				/* the thread that ends contexts early, or 0 */
	bool unfired;				/* QUIESCING, its events not yet fired */
	bool quiesced;				/* no task is left */
	bool async_stop;			/* the keeper has or had it */
	bool closers_busy;			/* close_job is queued or runs */
	unsigned char depth;			/* parents above it; constant */
	unsigned int late_closers;		/* closers that run on the thread that added them */
	unsigned int nworkers;
	unsigned int nclosers;
	unsigned int nclosed;			/* closers that have ended */
	unsigned int contexts;			/* linked to it; not under the lock */
	unsigned int waiters;			/* for a semaphore, or for a resume */
	unsigned int nested;			/* tasks let in while it drained; task.c, race 6 */
	struct stopper_list waiting;		/* for a semaphore; the first has waited longest */
	struct stopper_list workers;
	struct stopper_list closers;
	struct stopper_list activities;		/* panic.c, latest last */
	struct stopper_list followers;		/* callers that wait for the leader */
	struct stopper_list resume_waiters;	/* callers that wait for the end of a pause */
	unsigned int pauses;			/* calls of stopper_pause() to be taken back */
	bool parent_paused;			/* as of change ->parent_change of the parent */
	uint64_t parent_change;
	struct pause pause;
	struct leader *leader;			/* woken when a worker or the closers end */
	struct leader *watcher;			/* that of a parent, which drives this one too */
	struct stopper_list ready;		/* the watcher's list; ready_lock (follow.c) */
	unsigned int nafter;			/* siblings to stop before it; the parent's lock */
	struct stopper_list orders;		/* those that stop after it; the parent's lock */
	struct stopper_list waits;		/* what it stops after; likewise */
	struct stopper_closer *closing;		/* the closer that close_job runs */
	struct module *closing_fn_module;	/* likewise */
	struct activity closing_activity;
	struct stopper_site closing_site;	/* its name */
	char *closing_escaped;			/* a copy for the trace of its end, or NULL */
	struct stopper_job close_job;
	struct stopper_job stop_job;
	struct stopper_list keeper_node;	/* of keeper.c, with what follows */
	struct stall_clock keeper_clock;	/* runs since the keeper got it */
	int64_t keeper_retry_at;		/* when to ask the pool for a thread again */
	struct stopper *parent;
	struct stopper_list children;		/* struct stopper_link */
	unsigned int nchildren;
	struct stopper_link sibling;
	struct stopper_link registry;		/* all stoppers; registry.lock */
	struct stopper_due *timers;		/* pending ones, earliest first; timed.c */
	unsigned int ntimers;
	bool due_armed;				/* ->due_timer will run, and has a pin */
	int64_t due_at;				/* when, at the latest */
	struct plat_timer due_timer;
	struct stopper_list tasks;		/* without memory for shards */

	/* Away from ->uses_pool, which every push reads. */
	unsigned int nqueued;			/* tasks in backlogs (queue.c); the queue's lock */
	struct plat_parker *queue_watch;	/* woken when nqueued drops to 0; likewise */

	int64_t stall_ns, stall_max_ns;		/* constant */
	struct plat_stopper plat;		/* constant */
	int64_t created;
	int64_t phase_since;
	struct origin created_at;
	struct cause cause;			/* of the first request to stop; then constant */
	int64_t stop_requested;			/* when first; 0: not yet */
	int error;				/* the first one; 0: none yet */
	unsigned int refused;			/* tasks, ever; without a lock */
	const struct first_error *error_from;	/* constant once it is set */
	char name[];				/* escaped */
};

static inline enum stopper_phase phase_of(const struct stopper *s)
{
	return (enum stopper_phase)(plat_load(&s->phase) & STOPPER_PHASE_MASK);
}

/* Why a task is refused that was not admitted. */
static inline int refusal_err(const struct stopper *s)
{
	return phase_of(s) == STOPPER_RUNNING ? -EAGAIN : -ESHUTDOWN;
}

#endif /* STOPPER_CORE_INSTANCE_H */
