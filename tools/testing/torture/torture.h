/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * torture.h - the torture of the stopper: what its parts share.
 *
 * Actors are threads of the torture. They do random operations on a table of stoppers without
 * a pause. An instance is a stopper and what is known about it. Instances are stopped and
 * replaced all the time, while other threads still use them:
 *
 *   users   may call functions with inst->s; the last one checks that everything balances
 *           and puts the stopper
 *   refs    may read the instance: its users together, and its children
 *
 * Each property is checked where it can be known:
 *
 *   - each instance has a generation. A task carries it as its stamp and compares both when it
 *     begins and when it ends. A thread that gets 0 from Quiesce or Stop changes the stamp of
 *     the instance, so a late task is detected;
 *   - a job goes NEW -> RUNNING -> freed, or back to its issuer when refused, so a second
 *     execution and the execution of a refused task are detected;
 *   - freed memory is poisoned and kept for a while: a use after free finds a wrong stamp or
 *     magic, a write after free changes the poison. Under KASAN and ASan it is freed at once,
 *     because they detect more;
 *   - at the end of each instance: accepted == executed, closers added == closed,
 *     panics == hook calls, semaphore empty, contexts ended, no task left.
 *
 * Deferred operations end what actors began, on other threads and in the kernel in softirq.
 * They guarantee that the wait of an actor ends. So no actor may wait without bound while it
 * holds something, and tasks only wait with bounds.
 */
#ifndef TORTURE_H
#define TORTURE_H

#include <stopper/stopper.h>
#include "../selftests/stopper/env/check.h"

struct torture_params {
	long long seconds;
	int threads, stoppers;
	unsigned long long seed;
	int stutter;		/* seconds between two pauses of all actors; 0: none */
	int hang;		/* an operation that takes so many seconds hangs */
	int progress;		/* seconds between two lines */
};

extern struct torture_params params;

/* --- random numbers: one sequence a thread or job, from the seed ------------------------------ */

struct rng {
	unsigned long long x;
};

static inline unsigned long long rng_next(struct rng *r)
{
	/* splitmix64 (Steele, Lea, Flood 2014) */
	unsigned long long z = (r->x += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline unsigned int rng_below(struct rng *r, unsigned int n)
{
	return (unsigned int)((rng_next(r) >> 32) * n >> 32);
}

static inline bool rng_one_in(struct rng *r, unsigned int n)
{
	return !rng_below(r, n);
}

/* --- actors ----------------------------------------------------------------------------------- */

struct actor {
	struct rng rng;
	unsigned int nr;
	struct env_thread thread;
	const char *op;			/* the current operation and its start, for the watchdog */
	unsigned int since;		/* a second (one word everywhere); 0: between two */
	/* synchronous ones that it ran itself */
	__attribute__((aligned(8))) unsigned long long tasks;
	bool started, ended;
};

extern struct actor *actors;

bool is_actor(void);		/* is this thread one? */

/* --- checks and totals: check.c --------------------------------------------------------------- */

long torture_errors(void);

struct torture_totals {
	struct env_counter sync, jobs, handles, stoppers, closers, workers, refused, panics, deaths,
		timeouts, lists, lines, objects;
};

extern struct torture_totals total;

void *obj_new(size_t size, unsigned int magic);	/* zeroed, but for its first word; or NULL */
void obj_free(void *obj);			/* poisons */
void obj_init(void);
void obj_exit(void);			/* what is kept is checked and freed */

/* A refusal for want of memory or threads is right at any time. */
static inline bool no_room(int err)
{
	return err == -ENOMEM || err == -EAGAIN;
}

/* --- instances: instance.c -------------------------------------------------------------------- */

#define INSTANCE_MAGIC	0x11fe11feu
#define JOB_MAGIC	0x0b0b0b0bu
#define DEFERRED_MAGIC	0x9a9a9a9au
#define CLOSER_MAGIC	0xc105e12eu
#define EVENT_MAGIC	0xbe11be11u

#define OVER		1UL	/* in a stamp: no task runs, nor ever will */
#define NUM_CTXS	4	/* contexts that all users of an instance share */
#define MAX_DEPTH	4

struct instance {
	unsigned int magic;		/* first, as in all that obj_new() makes */
	int depth;
	unsigned long gen;		/* even */
	unsigned long stamp;		/* gen, or gen | OVER */
	struct stopper *s;
	struct instance *parent;	/* we have one of its refs */
	struct env_counter users, refs;
	struct env_counter accepted, executed;	/* jobs and handles */
	struct env_counter open;	/* of these, what is not over: roughly */
	struct env_counter running, workers_in, closing;
	struct env_counter workers, workers_done, closers, closed, deaths, hooks;
	struct env_counter holders;	/* of the semaphore */
	struct stopper_sem sem;
	bool sem_closed;
	struct env_lock lock;
	struct stopper_ctx *ctxs[NUM_CTXS];	/* on quiesce, on stop, by turns */
	struct env_mutex order;		/* of adding closers that check their order */
	unsigned long next_closer, last_closer;
	unsigned int flags;
};

int instances_init(void);
void instances_exit(struct rng *r);		/* the actors have ended */
struct instance *instance_any(struct rng *r);	/* takes a use; NULL: the slot is empty */
void instance_get(struct instance *inst);
void instance_put(struct instance *inst);	/* process context */
bool instance_is_live(const struct instance *inst, unsigned long gen);
void instance_is_over(struct instance *inst);	/* Quiesce or Stop returned 0 */
/* One of the shared contexts, with a reference more. */
struct stopper_ctx *instance_ctx(struct instance *inst, struct rng *r);
/* True: the caller has the use that the table had. */
bool instance_replace(struct instance *inst, struct rng *r);

/* --- deferred operations: deferred.c ---------------------------------------------------------- */

/* Something to be done elsewhere: @run in softirq or on a thread, @release on a thread. */
struct deferred_op {
	unsigned int magic;
	struct deferred_op *next;
	void (*run)(struct deferred_op *p);
	void (*release)(struct deferred_op *p);	/* frees it */
};

int deferred_init(void);
void deferred_exit(void);
void defer(struct deferred_op *p);
bool deferred_run(unsigned int max);		/* any context; false: there was nothing */

/* --- operations ------------------------------------------------------------------------------- */

struct op {
	const char *name;
	unsigned int weight;
	void (*fn)(struct actor *a, struct instance *inst);
};

void op_hot(struct actor *a, struct instance *inst);		/* tasks.c */
void op_sync(struct actor *a, struct instance *inst);
void op_handle(struct actor *a, struct instance *inst);
void op_many_handles(struct actor *a, struct instance *inst);
void op_query(struct actor *a, struct instance *inst);
void task_body(struct rng *r, struct instance *inst, unsigned long gen, int depth);
void softirq_tasks(struct instance *inst);
void op_async(struct actor *a, struct instance *inst);		/* async.c */
void op_worker(struct actor *a, struct instance *inst);
void op_closer(struct actor *a, struct instance *inst);	/* shutdown.c */
void op_quiesce(struct actor *a, struct instance *inst);
void op_stop(struct actor *a, struct instance *inst);
void op_retire(struct actor *a, struct instance *inst);
void op_refused(struct actor *a, struct instance *inst);
void instance_stop(struct rng *r, struct instance *inst);	/* the use stays */
void op_ctx(struct actor *a, struct instance *inst);		/* sync_objects.c */
void op_event(struct actor *a, struct instance *inst);
void op_sem(struct actor *a, struct instance *inst);
struct stopper_ctx *brief_ctx(struct rng *r, struct stopper_ctx *parent);

/* Ends a thread of the stopper, one way or the other; the hook is called. */
static inline __attribute__((noreturn)) void end_thread(struct instance *inst, struct rng *r)
{
	bool exits = rng_one_in(r, 2);

	env_inc(&inst->deaths);
	env_inc(&total.deaths);
	if (exits)
		env_thread_exit();
	stopper_panic(inst);
}

/* --- supplied by torture_user.c and torture_kernel.c ------------------------------------------ */

void torture_say(bool bad, const char *line);
bool torture_interrupted(void);			/* in the thread that runs torture_run() */
void perturb_thread(unsigned int number);	/* another priority and CPU for this thread */
void perturb_end(void);				/* an ordinary priority again */
void report_hang(void);				/* shows what is stuck; may not return */
int platform_begin(void);			/* after the actors were started */
void platform_end(void);			/* before they are joined */
bool debug_list_is_empty(void);
void op_platform(struct actor *a, struct instance *inst);

int torture_run(void);	/* 0: success. The verdict has been said */

#endif /* TORTURE_H */
