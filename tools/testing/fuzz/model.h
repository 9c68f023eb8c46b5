/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * model.h - the contract as a sequential program: what each call returns and what it calls.
 *
 * Written from the public headers and the tables of stopper(7), with plain arrays and recursion,
 * and independently of the core. Every object has a number, which is never used twice. Nothing
 * waits here, because the plan contains no call that would wait for ever.
 */
#ifndef STOPPER_FUZZ_MODEL_H
#define STOPPER_FUZZ_MODEL_H

#include <stdbool.h>
#include <stopper/stopper.h>

#define NSTOPPERS	10
#define NCTXS		24
#define NEVENTS		3
#define NRECORDS	8
#define NSEMS		2
#define NCLOSERS	24
#define NTASKS		160
#define NSITES		6
#define NLABELS		64
#define NONE		(-1)

/* The events of a stopper, in the order in which they fire. */
enum { QUIESCE_CTX, QUIESCE, STOP_CTX, STOP, STOPPED, NPHASE_EVENTS };

#define EV_OWN(i)	(i)
#define EV_CTX(c)	(NEVENTS + (c))
#define EV_STOPPER(s, k) (NEVENTS + NCTXS + (s) * NPHASE_EVENTS + (k))
#define NALL_EVENTS	EV_STOPPER(NSTOPPERS, 0)

/* What hangs on an event: a record, or a context by one of its two ties. */
#define ON_RECORD(r)	(r)
#define ON_PARENT(c)	(NRECORDS + (c))
#define ON_STOPPER(c)	(NRECORDS + NCTXS + (c))
#define NHANGING	ON_STOPPER(NCTXS)

/* Why a context ended or a stopper stops: one of these, or C_GIVEN plus the number of the cause. */
enum { C_NONE, C_CANCEL, C_DEADLINE, C_QUIESCE, C_STOP, C_ASYNC, C_STAGED, C_GIVEN };

struct m_event {
	int fired;			/* 0, or why */
	int cause;			/* of a context or a phase's: C_NONE until it has fired */
	int on[NHANGING];		/* in the order of attaching */
	int nr;
};

struct m_stopper {
	bool alive;
	int refs, parent, depth;
	int family;			/* ->parent, and stays when it has stopped */
	unsigned int after;		/* siblings that stop before it, a bit each */
	unsigned int flags;
	enum stopper_phase phase;
	bool unfired;			/* QUIESCING, and its events have not fired */
	bool quiesced;
	int leader, turner, ender;	/* threads, or NONE */
	int closers[NCLOSERS], nclosers, running_closers, nclosed;
	int nworkers;
	int pauses;			/* to be taken back */
	bool timer_pending;		/* the stopper's own timer, which is due in an hour */
	int timer_ctx;			/* what it was started with, or NONE */
	int cause;			/* of the first request to stop */
	int error;			/* the first one that a function returned */
	int reads;			/* of its tasks, by the map and the list */
};

struct m_ctx {
	int refs;			/* all: the user's, children's, tasks' */
	bool held;			/* the user has one */
	int parent;			/* context or NONE */
	int s, s_event;			/* tied to, or NONE */
};

enum m_kind { M_SYNC, M_HANDLE, M_JOINED, M_HELD };

struct m_task {
	bool counted;
	bool let_in;			/* while its stopper drained: STOPPER_ADMIT_NESTED */
	enum m_kind kind;
	int s, site, ctx, sem;
	int thread;			/* M_SYNC, M_JOINED: where it runs */
	int label;			/* its number; 0: none */
	int reads;			/* of its stopper, when it began */
};

struct m_sem {
	int capacity, length;
	bool closed;
};

/* The tasks of a stopper that run at a site. */
struct m_group {
	int s, site, count;
	int oldest;			/* label of the oldest; NONE: not known which that is */
	short label[NTASKS];		/* of those that have one */
	int nlabels;
};

/* A closer that runs: whose, and on which thread. */
struct m_run {
	int s, thread;
};

/* What the model calls. */
enum m_what { M_TASK, M_CLOSER, M_RECORD };

struct model {
	struct m_event ev[NALL_EVENTS];
	struct m_stopper s[NSTOPPERS];
	struct m_ctx ctx[NCTXS];
	struct m_task task[NTASKS];
	struct m_sem sem[NSEMS];
	struct m_run run[NCLOSERS];
	int record_on[NRECORDS];	/* event or NONE */
	int nstoppers, nctxs, ntasks, nclosers, nruns;
	int thread, nthreads;		/* that calls now; 0: the first */
	int leads;			/* stops under way */
	int lead_ctx;			/* of the outermost of them */
	/* A function of the user's is called now; makes further calls. */
	void (*call)(struct model *m, enum m_what what, int id);
};

/* Two answers, where the contract leaves open which of two reasons is given. */
struct m_ret {
	int ret, or;
};

void model_init(struct model *m);

int model_create(struct model *m, int parent, unsigned int flags);
void model_put(struct model *m, int s);
int model_stop(struct model *m, int s, bool stop, int ctx, int cause);
int model_stop_staged(struct model *m, int s, bool end);
int model_add_closer(struct model *m, int s);
int model_pause(struct model *m, int s, int ctx);
int model_resume(struct model *m, int s);
bool model_is_paused(const struct model *m, int s);

struct m_ret model_order_err(const struct model *m, int child, int other);
struct m_ret model_stop_after(struct model *m, int child, int other);
bool model_is_held_up(const struct model *m, int s);
bool model_are_ordered(const struct model *m, int a, int b);

int model_ctx(struct model *m, int parent, int s, int phase_event, int code);
void model_ctx_put(struct model *m, int c);
void model_ctx_drop(struct model *m, int c);
bool model_ctx_cancel(struct model *m, int c, int cause);
int model_ctx_err(const struct model *m, int c);

bool model_fire(struct model *m, int ev);
bool model_fire_as(struct model *m, int ev, int code, int cause);
void model_attach(struct model *m, int ev, int rec);
bool model_detach(struct model *m, int rec);

bool model_may_nest(const struct model *m, enum m_kind kind, int s);
struct m_ret model_task(struct model *m, enum m_kind kind, int s, int site, int ctx, int sem,
			bool wait);
void model_task_end(struct model *m, int task);
int model_innermost(const struct model *m);
int model_label(struct model *m, int task, int label);
int model_worker(struct model *m, int s);
int model_run_after(struct model *m, int s, int ctx);
struct m_ret model_timer_cancel(struct model *m, int s);

struct m_ret model_acquire(struct model *m, int sem, int n, int ctx, bool wait);
void model_release(struct model *m, int sem, int n);

/* What can be asked. */
int model_cause(const struct model *m, int c);
int model_tasks(const struct model *m, int s);
int model_contexts(const struct model *m, int s);
bool model_within(const struct model *m, int s, int tree);
bool model_has_tasks(const struct model *m, int tree);
bool model_has_workers(const struct model *m, int tree);
bool model_is_inside(const struct model *m, int s, bool stop);
bool model_turns(const struct model *m);
bool model_fires(const struct model *m, int tree);
bool model_at_work(const struct model *m, int tree);
bool model_in_use(const struct model *m, int s);
int model_groups(struct model *m, int s, struct m_group *g);
size_t model_show(char *dst, const char *name);
size_t model_show_label(char *dst, const char *label);
int model_task_map(const struct model *m, int s, const char *const *names, char *buf);

#endif /* STOPPER_FUZZ_MODEL_H */
