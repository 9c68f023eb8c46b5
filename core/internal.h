/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * internal.h - the interfaces between the files of the core; the seam is in seam.h.
 *
 * The files, in their order: each uses only those above it (tools/testing/check/seam). Read them
 * from task.c on; what is above it are tools.
 *
 *   steps.c       what tests count instead of time
 *   name.c        names, escaped for readers
 *   text.c        lines of the log, times, words
 *   cause.c       where a call came from, causes, records of errors
 *   due.c         heaps of deadlines
 *   event.c       events and their callbacks
 *   span.c        tasks and workers as spans of a trace
 *   label.c       labels of tasks
 *   watch.c       the watches of drains: whom the end of a task wakes
 *   lists.c       tasks on lists
 *   ref.c         the registry, walks, pins
 *   ctx.c         contexts
 *   wait.c        waits for events, with a context
 *   pool_slots.c  the slots of pool threads, the walk over all tables
 *   view.c        one task as a reader sees it, and what this thread runs
 *   task.c        tasks: the theory; begin and end
 *   request.c     requests to stop
 *   result.c      the first error
 *   follow.c      callers that follow the leader of a stop; what wakes both
 *   panic.c       activities, panics
 *   sem.c         semaphores
 *   queue.c       the queue of async tasks and of jobs of the library's own
 *   pool.c        the threads that run them
 *   worker.c      workers
 *   closer.c      closers
 *   timed.c       timers
 *   async.c       async tasks
 *   scan.c        scans of all tasks; counts
 *   snapshot.c    the running tasks by call site
 *   report.c      the debug list
 *   stall.c       reports of stops that take long
 *   drain.c       wait until no task is left
 *   death.c       tasks of threads that have died
 *   quiesce.c     how a quiesce begins
 *   order.c       orders between siblings
 *   stop.c        the stop: leader, followers, watchers
 *   keeper.c      asynchronous stops
 *   pause.c       pauses
 *   stopper.c     stoppers as users have them
 *   stages.c      the stages of a program's end
 *   outline.c     what is inlined, as functions
 *
 * Locks, in the order in which they may be nested; all others are leaves:
 *
 *   a list's lock (lists.c; s->lock is one) -> drain_lock (watch.c) -> the inside of a parker
 *   registry.lock (ref.c) -> s->lock -> the queue's lock -> the inside of a timer
 *   the queue's lock -> an inbox's lock
 *   s->lock -> ready_lock (follow.c)
 */
#ifndef STOPPER_CORE_INTERNAL_H
#define STOPPER_CORE_INTERNAL_H

#include <stopper/stopper.h>
#include "seam.h"
#include "list.h"

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

/* How many tasks of a list or queue are visited before its lock is dropped for a moment. */
#ifndef WALK_BATCH
#define WALK_BATCH	128
#endif

#define NS_PER_SEC	1000000000LL
#define NS_PER_MSEC	1000000LL

/* @at plus @ns, which is not negative; PLAT_FOREVER instead of an overflow. */
static inline int64_t ns_after(int64_t at, int64_t ns)
{
	return ns > PLAT_FOREVER - at ? PLAT_FOREVER : at + ns;
}

/*
 * lock_guard(l); holds @l from there to the end of the block, as the kernel's guard() does, which
 * 6.1 does not have. One in a block. Sparse does not know that clean-ups run.
 */
struct lock_guard {
	stopper_lock_t *lock;
	plat_flags_t flags;
};

#ifndef __CHECKER__
static PLAT_ALWAYS_INLINE struct lock_guard lock_guard_begin(stopper_lock_t *lock)
{
	struct lock_guard g = { .lock = lock };

	plat_lock(lock, g.flags);
	return g;
}

static PLAT_ALWAYS_INLINE void lock_guard_end(const struct lock_guard *g)
{
	plat_unlock(g->lock, g->flags);
}

#define lock_guard(l)									\
	struct lock_guard held __attribute__((cleanup(lock_guard_end), unused)) =	\
		lock_guard_begin(l)
#else
#define lock_guard(l)	((void)(l))
#endif

/*
 * In a walk over a list: drop its lock for a moment, with @bookmark in the list before @next.
 * Return what comes next now. The caller knows a bookmark from an item.
 */
static inline struct stopper_list *walk_pause(struct stopper_list *next,
					      struct stopper_list *bookmark,
					      stopper_lock_t *lock, plat_flags_t *f)
{
	slist_insert(next->prev, bookmark);
	plat_unlock(lock, *f);
	plat_lock(lock, *f);
	next = bookmark->next;
	slist_remove(bookmark);
	return next;
}

/* What a public call checks first: its arguments, and that this process may call. */
static inline int call_err(bool valid)
{
	return valid ? plat_ready() : -EINVAL;
}

/* The callback that runs, for the panic hook. */
struct call {
	struct stopper *s;
	const struct stopper_site *site;
	enum stopper_panic_kind kind;
	struct call *outer;		/* the platform's */
};

/* A position in a trace, as W3C has it; its bytes read as big endian numbers. */
struct span {
	uint64_t trace_hi, trace_lo;
	uint64_t id;
};

/* A traced task or worker; span.c. */
struct span_record {
	struct span_record *next, **link;	/* what its thread runs; NULL: not in it */
	int tid;			/* the thread that runs it, or 0 */
	unsigned int kind;		/* STOPPER_KIND_*, SPAN_WORKER */
	struct span span;
	struct span from;		/* carried by its context */
	uint64_t parent;		/* span id, or 0 */
	uint64_t stopper;		/* id */
	const struct stopper_site *site;
};

#define SPAN_WORKER	3		/* beside STOPPER_KIND_* */

_Static_assert(sizeof(struct span_record) <= 128, "see plat_alloc_cached()");

/* A worker, closer or recover scope of a stopper, on the thread that runs it. */
struct activity {
	struct stopper_list node;	/* activities (panic.c), latest last */
	struct stopper *s;
	const struct stopper_site *site;
	enum stopper_panic_kind kind;
	int tid;
	uint64_t since;
	void (*abandoned)(struct stopper *s);	/* its thread died in it; or NULL */
};

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

struct worker {
	struct plat_thread thread;
	struct activity activity;	/* links it into the list of activities */
	struct stopper_list node;	/* s->workers */
	struct stopper *s;
	const struct stopper_site *site;
	struct span_record *span;		/* NULL: not traced */
	struct stopper_ctx *ctx;
	stopper_fn fn;
	stopper_err_fn err_fn;		/* in place of @fn */
	void *arg;
	struct module *fn_module;	/* of the function, with a reference; or NULL */
	plat_ref_t refs;		/* of its thread, of run_worker, of a stop of its thread */
	bool stop_queued;		/* its thread is, or must not yet be, stopped; s->lock */
	bool uncounted;			/* not counted any more; s->lock */
};

struct closer_fn {
	struct stopper_closer closer;
	void (*fn)(void *arg);
	int (*err_fn)(void *arg);	/* in place of @fn */
	void *arg;
	struct stopper *s;
};

#define COMM_SIZE	16

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

/* A call that ends something; @fmt and @ap are NULL if it gives no cause. */
struct cause_args {
	const struct stopper_site *site;
	int err;
	const char *fmt;
	va_list *ap;
};

/* The event of a context, or one of a stopper that ends contexts. */
struct caused_event {
	struct stopper_event ev;	/* first: struct stopper_ctx_head */
	const struct cause *cause;	/* set before @ev fires; NULL: ->fired says all */
};

/* The first error that a function of a stopper returned; result.c. */
struct first_error {
	struct cause cause;		/* its text is the name of the function */
	int64_t since;
};

#define SYMBOL_SIZE	128
#define SNAPSHOT_FRAMES	16

/* What another thread is doing. */
struct thread_snapshot {
	char comm[COMM_SIZE];
	char state;			/* as /proc has it */
	char where[64];			/* userspace */
	unsigned int nframes;
	unsigned long frame[SNAPSHOT_FRAMES]; /* kernel; innermost first */
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
	unsigned int nqueued;			/* tasks in backlogs (queue.c); the queue's lock */
	bool uses_pool;				/* it, or one below it, has had async tasks */
	bool sync_listed;			/* a list has had a synchronous task */
	struct plat_parker *queue_watch;	/* woken when nqueued drops to 0; likewise */
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

/* steps.c: what tests count instead of time */
enum step {
	STEP_HEAVY_BARRIERS,
	STEP_CLOSERS_HANDED,		/* to a thread, at least once a stop */
	STEP_SLOTS,			/* of tables, that were read */
	STEP_LISTED,			/* tasks on lists, that were visited */
	STEPS
};

void count_steps(enum step what, unsigned long n);
STOPPER_API unsigned long __stopper_steps(const char *what);

/* text.c */
#define TEXT_LINE_SIZE	512	/* bytes of a line of the log or of the debug list, at most */

struct secs {
	char text[32];
};

const char *secs(struct secs *b, int64_t ns);
#define SECS(ns)	secs(&(struct secs){ "" }, ns)

/* cause.c */
#define SOFTIRQ_COMM	"softirq"	/* in place of a comm: no thread */

void origin_copy_site(struct origin *o, const struct stopper_site *site);
void origin_copy(struct origin *o, const struct stopper_site *site);
void task_info_init(struct stopper_task_info *info, const struct stopper_site *site);
extern const struct first_error error_unknown;
void error_free(struct stopper *s);
void cause_init(struct cause *c, const struct cause_args *args);
void cause_export(struct stopper_cause *out, const struct cause *c, int err);

/* event.c */
bool event_fire(struct stopper_event *ev, unsigned int code);
bool event_fire_because(struct caused_event *ce, unsigned int code, const struct cause *cause,
			struct cause *copy);
bool event_was_fired(struct stopper_event *ev);
bool event_attach(struct stopper_event *ev, struct stopper_on_fire *of);
bool event_try_detach(struct stopper_on_fire *of);
void event_unpark(struct stopper_on_fire *of, void *parker);
extern struct stopper_event event_never;

/* Lets an event wake a parker; on the waiter's stack. */
struct event_waiter {
	struct stopper_on_fire of;
	struct stopper_event *ev;	/* NULL: none */
};

void event_waiter_attach(struct event_waiter *w, struct stopper_event *ev, struct plat_parker *p);
void event_waiter_detach(struct event_waiter *w);

/* span.c */
struct span_record *span_new(struct stopper *s, const struct span *carried,
			     const struct stopper_site *site, unsigned int kind);
void span_begin(struct span_record *t);
void span_end(struct span_record *t);
void spans_end_thread(int tid);
void span_export(struct stopper_span *out, const struct span *span);
bool span_import(struct span *span, const struct stopper_span *in);

/* the platform's trace events: kmod/trace.h, user/trace.c */
void plat_trace_task_start(const struct span_record *t);
void plat_trace_task_end(const struct span_record *t);
void plat_trace_task_refused(const struct stopper *s, unsigned int kind,
			     const struct stopper_site *site);
void plat_trace_async_queued(const struct span_record *t);
void plat_trace_worker_start(const struct span_record *t);
void plat_trace_worker_end(const struct span_record *t);
void plat_trace_created(const struct stopper *s);
void plat_trace_phase(const struct stopper *s, enum stopper_phase from, enum stopper_phase to);
void plat_trace_closer_start(const struct stopper *s, const char *shown);
void plat_trace_closer_end(const struct stopper *s, const char *shown);
void plat_trace_stall(const struct stopper *s, int64_t waited, unsigned long tasks,
		      unsigned int workers);

/*
 * Count and trace the refusal of a task, and return @err. The count is in a cache line that
 * only refusals, reports and the beginning of a stop use, so threads that are refused all the
 * time slow down only one another.
 */
static inline int task_refused(struct stopper *s, unsigned int kind,
			       const struct stopper_site *site, int err)
{
	/* (Q), ctx.c: a count for people, no order needed */
	plat_fetch_add_full(&s->refused, 1);
	if (PLAT_UNLIKELY(__stopper_traced()))
		plat_trace_task_refused(s, kind, site);
	return err;
}

/* label.c */
extern const char no_label[STOPPER_LABEL_SHOWN + 1];
int label_set(struct stopper_slot *slot, const char *text);
void label_read(struct stopper_slot *slot, unsigned int seq, char *out);
void label_free(struct stopper_slot *slot);

/* watch.c */
bool slot_watch(struct stopper_slot *slot, struct plat_parker *me);
void slot_unwatch(struct stopper_slot *slot, struct plat_parker *me);
void slot_watch_if_free(struct stopper_slot *slot, struct plat_parker *me);
void slot_watches_settle(void);

/* lists.c */
#ifndef SHARDS
#define SHARDS		16
#endif

struct shard {
	stopper_lock_t lock;
	struct stopper_list tasks;	/* struct stopper_task */
} PLAT_CACHELINE_ALIGNED;

/* A list of tasks and its lock. Number SHARDS is the one in the stopper itself. */
struct task_list {
	stopper_lock_t *lock;
	struct stopper_list *tasks;
};

struct task_list task_list_of(struct stopper *s, unsigned int i);
struct stopper_slot *task_list_add(struct stopper *s, const struct stopper_site *site,
				   struct stopper_task *task, unsigned int kind);
void task_list_del(struct stopper_task *task);
void task_list_each(const struct task_list *l,
		    void (*fn)(struct stopper_task *task, void *arg), void *arg);
void tasks_walk_lists(struct stopper *s, void (*fn)(struct stopper_task *task, void *arg),
		      void *arg);
void task_lists_free(struct stopper *s);

/* ref.c */
/* A walk over the stoppers of a list, in the list's order. */
struct stopper_walk {
	stopper_lock_t *lock;
	struct stopper_list *head;
	struct stopper_link at;		/* behind ->s */
	struct stopper *s;		/* the one returned last; NULL: not begun, or over */
};

struct stopper *stopper_walk_next(struct stopper_walk *w);
void stopper_walk_end(struct stopper_walk *w);

/* For each child of @p: it is @w.s, and pinned while the loop is at it. */
#define for_each_child(w, p)								\
	for (struct stopper_walk w __attribute__((cleanup(stopper_walk_end))) =		\
	     { .lock = &(p)->lock, .head = &(p)->children }; stopper_walk_next(&w);)

void registry_walk_init(struct stopper_walk *w);
void registry_add(struct stopper *s);
struct stopper *parent_get(struct stopper *s);
void registry_hide(struct stopper *s);
void registry_remove(struct stopper *s);
bool stopper_is_within(const struct stopper *s, const struct stopper *tree);

/* ctx.c */
int ctx_wait_err(const struct stopper_ctx *ctx);
void event_waiter_attach_ctx(struct event_waiter *w, struct stopper_ctx *ctx,
			     struct plat_parker *p);
const struct span *ctx_span(const struct stopper_ctx *ctx);
int ctx_new_shared(struct stopper *s);
int ctx_for_task(struct stopper *s, struct stopper_ctx *ctx, struct stopper_ctx **out);

/* What the function of a task of @s gets that was started with @ctx. The task is counted. */
static inline struct stopper_ctx *task_ctx(const struct stopper *s, struct stopper_ctx *ctx)
{
	return ctx ? ctx : s->task_ctx;
}

/* pool_slots.c */
struct slot_table *pool_slot_get(unsigned char *at);
void pool_slot_put(struct slot_table *t, unsigned char at);
struct slot_table *pool_slots_walk(struct slot_table *t);

/* view.c */
bool task_in_table_of_this_thread(struct stopper *s);
bool task_listed_by_this_thread(struct stopper *s);
bool task_may_nest(struct stopper *s, const struct stopper_slot *own, unsigned int kind);

/* A task as a reader sees it; @site is valid only inside the visit. */
struct task_view {
	struct stopper *s;
	const struct stopper_site *site;
	const struct stopper_slot *slot;	/* NULL: queued */
	unsigned int kind;
	bool nested;		/* an async task that was let in */
	unsigned int seq;
	unsigned int order;	/* rises within a thread (kernel: CPU) */
	int tid;
	int64_t age;
	char label[STOPPER_LABEL_SHOWN + 1];
};

typedef void (*visit_fn)(void *arg, const struct task_view *v);

/* A visit of a task on a list. */
struct listed_visit {
	visit_fn visit;
	void *arg;
};

bool slot_view(struct stopper_slot *slot, struct stopper *s, struct task_view *v,
	       uint64_t *start);
void task_visit_listed(struct stopper_task *task, void *visit);
struct stopper_slot *slot_innermost(void);

/* task.c */
extern struct stopper_slot stopper_busy_slot;

int task_try_begin(struct stopper *s, struct stopper_ctx *ctx, const struct stopper_site *site,
		   struct stopper_task *task);
void task_end_in_table(struct stopper_slot *slot);
void task_end_async(struct stopper_slot *slot);
void task_note_nested(struct stopper *s);

/* request.c */
void stop_request_note(struct stopper *s, const struct cause_args *why);
struct stopper *stop_request_pop(void);
bool stop_requests_rest(bool busy);

/* result.c */
void error_note(struct stopper *s, const struct stopper_site *site, int err);

/* follow.c */
bool stop_is_awaited(struct stopper *s);
void stopper_wake_leader(struct stopper *s);
void wake_followers(struct stopper *s);
void followers_wake(struct stopper *s, struct stopper_list *list);
void stopper_follow_while(struct stopper *s, bool (*more)(void *arg), void *arg);
int resume_wait(struct stopper *s, struct stopper_ctx *ctx);

/* panic.c */
void activity_enter(struct activity *a, struct stopper *s, const struct stopper_site *site,
		    enum stopper_panic_kind kind);
void activity_rename(struct activity *a, struct stopper_site *site, const char *name);
void activity_exit(struct activity *a);
bool activity_on_this_thread(struct stopper *s);
static inline void activity_leave(struct activity **a)
{
	activity_exit(*a);
}

void activities_visit(struct stopper *s, void (*visit)(void *arg, const struct activity *a),
		      void *arg);

/* sem.c */
struct sem_waiter {
	/* Use the slot for the waiter (@mine: on its own thread), or an error. Any context. */
	int (*grant)(struct sem_waiter *me, bool mine);
	void *arg;
	int n;				/* of slots */
	struct stopper *s;		/* shows it in the debug list, with site; or NULL */
	const struct stopper_site *site;
	/* sem.c's own; 0 at first */
	struct stopper_list node;
	struct plat_parker park;
	bool granted;
	bool done;
	int err;			/* what grant returned */
	struct stopper_sem *sem;
	struct stopper_list of_stopper;	/* s->waiting */
	int tid;
	int64_t since;
};

int sem_acquire(struct stopper_sem *sem, struct stopper_ctx *ctx, struct stopper_event *quit,
		struct sem_waiter *me);

/* queue.c */
bool pool_cancel_task(struct stopper_async *a);
int pool_wait_task(struct stopper_async *a, struct stopper_ctx *ctx);
void pool_note_user(struct stopper *s);
bool queue_watch(struct stopper *s, struct plat_parker *me);
void queue_unwatch(struct stopper *s);
uint64_t queue_visit(struct stopper *s, visit_fn visit, void *arg);

/* pool.c */
int pool_reserve(void);
bool pool_try_push(struct stopper_job *job);
void pool_thread_set_name(struct pool_thread *me, const char *name);
struct async_run *pool_thread_run(struct pool_thread *me);
int pool_push_task(struct stopper_async *a, const struct async_start *start, bool may_start);

/* worker.c */
void worker_stop_all(struct stopper *s);

/* closer.c */
bool closers_start(struct stopper *s);

/* timed.c */
void timers_arm(struct stopper *s);
void timers_due(struct plat_timer *timer);
bool timers_drop(struct stopper *s);
unsigned int timers_next(struct stopper *s, struct stopper_task_info *info, int64_t *due);

/* report.c */
struct line_sink {
	void (*line)(void *arg, const char *line);
	void *arg;
};

/* stall.c */
bool report_stall(struct stopper *s, int64_t waited, bool pause);
void report_leak(struct stopper *s);

/* drain.c */
/* A wait for the tasks of a stopper and of its children. */
struct drain {
	struct plat_parker park;
	bool watches;			/* ->park was set as the watch of slots */
};

bool tasks_watch(struct stopper *s, struct drain *d);
void tasks_watch_barrier(void);
int tasks_drain(struct stopper *s, struct drain *d, int (*wait)(void *arg), void *arg);
void drain_end(struct drain *d);

/* quiesce.c */
void phase_set(struct stopper *s, enum stopper_phase phase);
void firing_end(struct stopper *s, int *tid);
void quiesce_begin(struct stopper *s);
void stop_end_contexts(struct stopper *s);

/* stop.c */
int stop_begin(struct stopper *s, const struct cause_args *why);
int stop_drive(struct stopper *s, int64_t until, struct stall_clock *clock);
bool stop_push_job(struct stopper *s);
bool drain_would_deadlock(struct stopper *s);
int pause_drain(struct stopper *s, struct stopper_ctx *ctx);

/* pause.c */
void pause_inherit(struct stopper *s, struct stopper *parent);

#include "upcalls.h"

#endif /* STOPPER_CORE_INTERNAL_H */
