/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * internal.h - what the parts of the core know of one another, and the seam.
 *
 * The seam: the core sees <stopper/...> and <platform.h>, of which there is one
 * for each world. Each gives the operations below the same meaning; none is a
 * silent no-op. "Any" means any context, in the kernel up to softirq.
 *
 *   operation                       order              context   what it gives
 *   plat_load, plat_store           none (once)        any
 *   plat_load_acquire               acquire            any
 *   plat_store_release              release            any
 *   plat_fetch_add_full(p, n)       full               any       the old value, an int
 *   plat_ref_init(r, n)             none               any       n references; a plat_ref_t
 *   plat_ref_get(r)                 none               any       one more, by who has one
 *   plat_ref_put(r)                 release; last:     any       one less; true: it was the last.
 *                                   acquire                      A count that overflows or drops
 *                                                                below zero is reported and sticks
 *   plat_store_barrier()            store -> store     any
 *   plat_load_barrier()             load -> load       any
 *   plat_light_barrier()            compiler only      any       cheap half of the pair
 *   plat_heavy_barrier()            every CPU: full    sleeps    dear half: each light barrier
 *                                                                on any CPU lies wholly before
 *                                                                or after it
 *   plat_happens_before(p)          with the release   any       before a release at p, and after
 *   plat_happens_after(p)           with the acquire   any       the acquire that sees it: for race
 *                                                                detectors that cannot see the two
 *                                                                by themselves. May be nothing
 *   plat_lock(l, f), plat_unlock    acquire/release    any       f: plat_flags_t
 *   plat_lock_init, _destroy                           any
 *   plat_park_init(p)                                  any       by the thread that will park
 *   plat_park(p, deadline)          acquire            sleeps    false: the deadline came first;
 *                                                                PLAT_FOREVER: none
 *   plat_park_idle(p, deadline)     acquire            sleeps    the same, for pool threads
 *   plat_park_no_freeze(p)                             any       after init: suspend waits for
 *                                                                p's parks and does not freeze
 *                                                                in them. May be nothing where
 *                                                                threads freeze without
 *                                                                locks only
 *   plat_park_blocked(p)                               any       after init: p's parks count as
 *                                                                blocked, for tools that look for
 *                                                                what hangs; else they are idle.
 *                                                                May be nothing
 *   plat_park_killable(p)                              any       after init: p's parks also end
 *                                                                when plat_killed()
 *   plat_killed()                                      any       has this thread got a signal that
 *                                                                kills? Only the kernel's can
 *   plat_unpark(p)                  release            any       a park ends, now or the next one
 *   plat_event_fired(ev)                               any       ev's descriptor becomes readable
 *   plat_event_closed(ev)                              any       and is closed
 *   plat_slots_pin(kind)            alone with c       any       the cursor c for tasks of this
 *                                                                kind here; NULL: none to be had
 *   plat_slots_unpin(c)                                pinned    and c->slot is now at hand
 *   plat_slots_advance(c)                              pinned    to another slot; false: no other
 *   plat_slots_pop(slot)                               any       a sync task's slot from here was
 *                                                                left, as the latest of its thread
 *   plat_slot_stamp(c, slot, kind)  (S), task.c        pinned    sets all but ->site, ->stopper
 *   plat_slot_order(i, seq)                            any       rises within a thread or CPU, for
 *   plat_list_order(seq)                               any       slot i of a table; on a list
 *   plat_slots_walk(t)              acquire            any       the CPU's or thread's table after
 *                                                                t; NULL: ends
 *   plat_slots_mine(t)              acquire            any       the same, of those in which a sync
 *                                                                task of this thread can stand
 *   plat_scan_enter(), _exit()      no sleep inside    any       a site seen running lives on
 *   plat_scan_sync()                full               sleeps    no scan from before goes on
 *   plat_relax(), plat_spins()                         any       a pause while spinning; how many
 *                                                                are worth a sleep, or 0
 *   plat_resched()                                     process   between two jobs: lets others have
 *                                                                the CPU. May be nothing where
 *                                                                all threads can be preempted
 *   plat_tid()                                         any       this thread's id, never 0
 *   plat_comm(buf)                                     any       its comm, COMM_SIZE bytes
 *   plat_thread_snapshot(tid, snap)                    process   what a thread is doing; -ESRCH:
 *                                                                it is gone, -ENOENT: not known
 *   plat_thread_where(snap, buf)                       process   the function it is in, or ""
 *   plat_frame_name(snap, i, buf)                      process   a frame of its stack as text; both
 *                                                                SYMBOL_SIZE bytes, no address
 *   plat_cpus()                                        any       how many threads can run at once
 *   plat_alloc(n), plat_free(p)                        process   zeroed; n of any size
 *   plat_alloc_record(n)                               process   the same, to 128 bytes, for what
 *                                                                another thread will free
 *   plat_free_record(p)                                any       what the two give
 *   plat_alloc_any(n)                                  any       as plat_alloc_record()
 *   plat_alloc_lines(n)                                process   the same, on a cache line
 *   plat_alloc_lines_any(n)                            any       likewise
 *   plat_now()                                         any       ns, CLOCK_MONOTONIC
 *   plat_coarse_time()                                 any       a cheap clock; 0 in a slot: ask
 *                                                                the readers
 *   plat_coarse_age(stamp)                             any       ns since then
 *   plat_thread_start(t, name)      release            process   t->main(t) on a new thread, then
 *                                                                t->release(t); should the thread
 *                                                                end under it: t->died(t, called)
 *   plat_thread_stop(t)                                process   kthread_should_stop(), now; only
 *                                                                PLAT_STOPS_THREADS
 *   plat_thread_name(t, name)                          process   names the running thread
 *   plat_thread_renamed(t)                             process   has it another name now? Only
 *                                                                and then, where looking costs
 *   plat_call(c, fn, ctx, arg)                         process   true: fn ended by a panic
 *   plat_stopper_init(s), _free(s)                     any       s->plat is made, or ends: what the
 *                                                                platform keeps of a stopper. May
 *                                                                be nothing
 *   plat_stack_valid(n)                                any       may it be options.stack_size?
 *   plat_stack_note(n)                                 any       from now on threads have at
 *                                                                least n bytes; may be nothing
 *   plat_thread_fits(t)                                any       may the running thread take
 *                                                                another job: stack, state
 *   __stopper_panic(value)                             process   public; each platform has its own
 *   plat_panic_unhandled()                             any       nobody wanted to know: userspace
 *                                                                aborts
 *   plat_timer_init(t, fn)                             any
 *   plat_timer_start(t, deadline)   release            any       0, or why no timer can run
 *   plat_timer_cancel(t)            full               any       true: it will not run
 *   plat_timers_ready()                                process   0, or why timers cannot run
 *   plat_ready()                                       any       0, or why not (after fork)
 *   plat_is_copy()                                     any       is this a child of fork(), in
 *                                                                which nothing is to be touched:
 *                                                                a lock may be held for ever
 *   plat_stops_ready()                                 process   0, or why no stop could be
 *                                                                made later: timers and keeper
 *                                                                cannot be had
 *   plat_keeper_wake()                                 any       has keeper_run() called until
 *                                                                it says no, in one thread
 *   plat_owner_valid(module)                           any       may it be options.owner?
 *   plat_module_get(s, m, held)                        any       keeps a module loaded that lends
 *                                                                a function to another's @s, in
 *                                                                *held; false: it is being
 *                                                                unloaded. May be nothing
 *   plat_module_put(held)                              any       its function does not run any more
 *   plat_log(level, line)                              any
 *   __stopper_traced()                                 any       does anybody listen to tasks? Free
 *                                                                while nobody does (slot.h)
 *   plat_traces_closers()                              any       or to closers?
 *   plat_own_tid()                                     any       plat_tid(); 0: not this thread's
 *                                                                own work (softirq)
 *   plat_random()                                      any       64 bits nobody else has
 *   plat_step(p, n)                 none               any       *p += n, which is a number of
 *                                                                steps that tests look at
 *   plat_trace_*(...)                                  any       tells who listens of an event; no
 *                                                                lock is held
 *   plat_lockdep_wait(s, stop)                         process   the caller waits for s's tasks;
 *                                                                stop: and workers and closers.
 *                                                                May be nothing, as the next
 *   plat_lockdep_wait_event(ev)                        process   the caller waits for ev for ever
 *   plat_might_sleep()                                 process   says so when debugging
 *   plat_sort(base, n, size, cmp)                      process
 *   plat_div(n, d)                                     any       n / d of an int64_t by an int32_t,
 *                                                                which 32-bit kernels have no
 *                                                                operator for
 *   memcpy, memset, strcmp, strncmp, strlen, snprintf, vsnprintf: as everywhere
 *
 * Locks, in the order in which they may be taken; all are leaves but for these:
 *
 *   a list's lock (task.c; s->lock is one) -> drain_lock (task.c) -> a parker's inside
 *   registry_lock (stopper.c) -> s->lock
 */
#ifndef STOPPER_CORE_INTERNAL_H
#define STOPPER_CORE_INTERNAL_H

#include <stopper/stopper.h>
#include <platform.h>
#include "list.h"

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

#define NS_PER_SEC	1000000000LL
#define NS_PER_MSEC	1000000LL

/* A callback's surroundings, for the panic hook. */
struct call {
	struct stopper *s;
	const struct stopper_site *site;
	enum stopper_panic_kind kind;
	struct call *outer;		/* platform's */
};

/* A place in a trace; W3C's bytes, read as big endian numbers. */
struct span {
	uint64_t trace_hi, trace_lo;
	uint64_t id;
};

/* A task or worker to whose events somebody listens; span.c. */
struct traced {
	struct traced *next, **link;	/* among what threads are in; NULL: not there */
	int tid;			/* the thread that is in it, or 0 */
	unsigned int kind;		/* STOPPER_KIND_*, TRACED_WORKER */
	struct span span;
	struct span from;		/* what its context carries */
	uint64_t parent;		/* span id, or 0 */
	uint64_t stopper;		/* id */
	const struct stopper_site *site;
};

#define TRACED_WORKER	3		/* beside STOPPER_KIND_* */

_Static_assert(sizeof(struct traced) <= 128, "see plat_alloc_record()");

/* Something of a stopper's that runs on a thread and is not a task. */
struct activity {
	struct stopper_list node;	/* activities (panic.c), latest last */
	struct stopper *s;
	const struct stopper_site *site;
	enum stopper_panic_kind kind;
	int tid;
	uint64_t since;
};

/* Work for a pool thread, embedded in what it works on. */
struct job {
	struct stopper_list node;
	const struct job_ops *ops;
	const struct stopper_site *site;/* names the thread; NULL: the library's own */
};

struct pool_thread;

struct job_ops {
	/* @me: who runs it, for pool_thread_set_name() */
	void (*run)(struct job *job, struct pool_thread *me);
	/* the thread ended under run(); hook_called: the panic hook was */
	void (*died)(struct job *job, bool hook_called);
	bool is_task;			/* the job is a task_job's */
};

/* A job that is a task: counted from the push, and visible. */
struct task_job {
	struct job job;
	struct stopper *s;		/* valid while the task is counted */
	struct stopper_slot *slot;	/* its thread's, once it runs */
	/* pool.c's own */
	uint64_t since;
	uint64_t ticket;		/* rises in the queue; never used twice */
};

struct worker {
	struct plat_thread thread;
	struct activity activity;	/* its place in the list, its site */
	struct stopper_list node;	/* s->workers */
	struct stopper *s;
	const struct stopper_site *site;
	struct traced *traced;		/* NULL: nobody listened */
	struct stopper_ctx *ctx;
	stopper_fn fn;
	void *arg;
	struct module *fn_module;	/* whose function it is, held; or NULL */
	plat_ref_t refs;		/* its thread, run_worker, who queues its stop */
	bool stop_queued;		/* to stop, or not to be yet; s->lock */
	bool uncounted;			/* not counted any more; s->lock */
};

struct closer_fn {
	struct stopper_closer closer;
	void (*fn)(void *arg);
	void *arg;
};

#define COMM_SIZE	16

/* Where in the source and by whom, copied: the module and the thread may go. */
struct origin {
	char file[32];
	char func[28];
	char comm[COMM_SIZE];
	unsigned int line;
	int tid;
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

/* In a list of stoppers: one of them, or the place of a walk over them (stopper.c). */
struct stopper_link {
	struct stopper_list node;
	struct stopper *s;		/* NULL: a walk's */
};

/*
 * References: @refs are the users'; when they are gone nobody can use it any
 * more. @pins keep the memory: one for all users, one for each context,
 * child, worker or job that will look at it again.
 */
struct stopper {
	/* A cache line that every task reads: written once a phase. */
	unsigned int phase;			/* first: struct stopper_head */
	unsigned int flags;
	uint64_t id;
	stopper_panic_fn on_panic;
	void *on_panic_arg;
	stopper_log_fn log;
	void *log_arg;
	int64_t stall_ns;
	struct module *owner;

	plat_ref_t refs PLAT_CACHELINE_ALIGNED;
	plat_ref_t pins;
	unsigned int nqueued;			/* tasks in the pool's queue; pool.lock */
	bool uses_pool;				/* it or one below it has had async tasks */
	struct plat_parker *queue_watch;	/* woken when nqueued drops to 0; pool.lock */
	struct shard *shards;			/* SHARDS lists of tasks; NULL: none ever */

	struct stopper_event quiesce_ctx;	/* ends contexts before quiesce fires */
	struct stopper_event quiesce;
	struct stopper_event stop_ctx;
	struct stopper_event stop;
	struct stopper_event stopped;

	stopper_lock_t lock;			/* all below */
	int leader_tid;				/* the thread that does the stopping, or 0 */
	int firing_quiesce;			/* the thread that fires its quiesce events, or 0 */
	bool unfired;				/* QUIESCING, its events not yet fired */
	bool quiesced;				/* no task is left */
	bool async_stop;			/* the keeper has it, or had */
	bool closers_busy;			/* close_job is queued, or runs */
	unsigned char depth;			/* parents above it; constant */
	unsigned int late_closers;		/* closers running at their adder's */
	unsigned int nworkers;
	unsigned int nclosers;
	unsigned int nclosed;			/* closers that have ended */
	unsigned int contexts;			/* tied to it; not under the lock */
	unsigned int waiters;			/* for a semaphore, to run a task; likewise */
	struct stopper_list workers;
	struct stopper_list closers;
	struct stopper_list followers;		/* who waits for the leader */
	struct leader *leader;			/* woken when a worker or the closers end */
	struct stopper_closer *closing;		/* the closer that close_job runs */
	struct module *closing_fn_module;	/* likewise */
	struct activity closing_activity;
	struct stopper_site closing_site;	/* its name */
	char *closing_escaped;			/* a copy for its end's event, or NULL */
	struct job close_job;
	struct job stop_job;
	struct stopper_list kept;		/* keeper.c's, with what follows */
	int64_t kept_since;			/* when the keeper got it, or 0 */
	int64_t ask_again;			/* when to ask the pool for a thread */
	int64_t kept_next;			/* when its slices make a stall report, or 0 */
	unsigned int kept_reports;		/* how many they have made */
	struct stopper *parent;
	struct stopper_list children;		/* struct stopper_link */
	struct stopper_link sibling;
	struct stopper_link registry;		/* all stoppers; registry_lock */
	struct stopper_list tasks;		/* for which there was no memory for shards */

	int64_t stall_max_ns;			/* constant */
	struct plat_stopper plat;		/* constant */
	int64_t created;
	int64_t phase_since;
	struct origin created_at;
	struct origin stop_origin;		/* who asked for the stop first */
	int64_t stop_requested;			/* 0: nobody */
	char name[];				/* as shown */
};

/* event.c */
bool event_fire(struct stopper_event *ev, unsigned int code);
bool event_was_fired(struct stopper_event *ev);
bool event_attach(struct stopper_event *ev, struct stopper_on_fire *of);
bool event_try_detach(struct stopper_on_fire *of);
void event_unpark(struct stopper_on_fire *of, void *parker);
extern struct stopper_event event_never;

/* A parker that an event wakes; on the waiter's stack. */
struct wake_on {
	struct stopper_on_fire of;
	struct stopper_event *ev;	/* NULL: none */
};

void wake_on(struct wake_on *w, struct stopper_event *ev, struct plat_parker *p);
void wake_off(struct wake_on *w);

/* sem.c */
struct sem_waiter {
	/* uses the slot, for its waiter (@mine: who calls is he); or an error. Any context. */
	int (*grant)(struct sem_waiter *me, bool mine);
	void *arg;
	/* sem.c's own */
	struct stopper_list node;
	struct plat_parker park;
	bool granted;
	bool done;
	int err;			/* what grant returned */
	unsigned int *waiters;		/* counts those who wait, if not NULL */
};

int sem_try_acquire(struct stopper_sem *sem, struct stopper_ctx *ctx);
int sem_acquire(struct stopper_sem *sem, struct stopper_ctx *ctx, struct stopper_event *quit,
		struct sem_waiter *me);

/* keeper.c */
void keeper_ask(struct stopper *s);
bool keeper_run(void);

/* task.c: tasks that stand in no table */
#ifndef SHARDS
#define SHARDS		16
#endif

struct shard {
	stopper_lock_t lock;
	struct stopper_list tasks;	/* struct stopper_task */
} PLAT_CACHELINE_ALIGNED;

extern struct stopper_slot stopper_busy_slot;

/* A list of tasks and its lock; number SHARDS is the one that needs no memory. */
struct task_list {
	stopper_lock_t *lock;
	struct stopper_list *tasks;
};

void tasks_walk_lists(struct stopper *s, void (*fn)(struct stopper_task *task, void *arg),
		      void *arg);
void tasks_walk_all_lists(void (*fn)(struct stopper_task *task, void *arg), void *arg);
void task_lists_free(struct stopper *s);

int task_run(struct stopper *s, struct stopper_ctx *ctx, const struct stopper_site *site,
	     stopper_fn fn, stopper_err_fn err_fn, void *arg);
int task_run_listed(struct stopper *s, struct stopper_ctx *ctx, const struct stopper_site *site,
		    stopper_fn fn, stopper_err_fn err_fn, void *arg);
void task_end_async(struct stopper_slot *slot);
/* A wait for the tasks of a stopper and of its children. */
struct drain {
	struct plat_parker park;
	bool watches;			/* ->park was put into slots as their watch */
};

bool tasks_watch(struct stopper *s, struct drain *d);
void tasks_watch_barrier(void);
int tasks_drain(struct stopper *s, struct drain *d, int (*wait)(void *arg), void *arg);
void drain_end(struct drain *d);
void tasks_exit_table(struct slot_table *t);
void tasks_end_thread(int tid);
void tasks_end_on_stack(const void *from, size_t size);
void task_end_listed(struct stopper_task *task);
void tasks_transfer(int tid, void *new_owner);
void tasks_end_transferred(void *new_owner);

/* scan.c */
bool task_in_table_of_this_thread(struct stopper *s);
bool task_listed_by_this_thread(struct stopper *s);
bool task_innermost(struct call *c);

/* A task as the reader sees it; @site may be looked at only inside the visit. */
struct task_view {
	struct stopper *s;
	const struct stopper_site *site;
	unsigned int kind;
	unsigned int seq;
	unsigned int order;	/* rises within a thread (kernel: CPU) */
	int tid;
	int64_t age;
};

size_t report_size(void);
void tasks_visit(struct stopper *s, void (*visit)(void *arg, const struct task_view *v),
		 void *arg);

/* pool.c */
int pool_reserve(void);
void pool_push(struct job *job, bool may_start);
bool pool_try_push(struct job *job);
void pool_thread_set_name(struct pool_thread *me, const char *name);
int pool_push_task(struct task_job *task, bool may_start);
bool pool_watch(struct stopper *s, struct plat_parker *me);
void pool_unwatch(struct stopper *s);
uint64_t pool_visit(struct stopper *s, void (*visit)(void *arg, const struct task_view *v),
		    void *arg);
void pool_init(void);
bool pool_end_threads(bool all, int64_t deadline);
void pool_exit(void);

/* pool_slots.c */
struct slot_table *pool_slot_get(unsigned char *at);
void pool_slot_put(struct slot_table *t, unsigned char at);
struct slot_table *slots_walk(struct slot_table *t, bool pool);
struct slot_table *pool_slots_walk(struct slot_table *t);
void pool_slots_exit(void);

/* ctx.c */
int ctx_wait_err(const struct stopper_ctx *ctx);
void wake_on_ctx(struct wake_on *w, struct stopper_ctx *ctx, struct plat_parker *p);
void ctx_make_killable(struct stopper_ctx *ctx);
const struct span *ctx_span(const struct stopper_ctx *ctx);

/* span.c */
void spans_exit(void);
struct traced *traced_new(struct stopper *s, struct stopper_ctx *ctx,
			  const struct stopper_site *site, unsigned int kind);
void traced_start(struct traced *t);
void traced_end(struct traced *t);
void spans_abandon(int tid);
void span_show(struct stopper_span *out, const struct span *span);
bool span_read(struct span *span, const struct stopper_span *in);

/* the platform's: events, see kmod/trace.h and user/trace.c */
void plat_trace_task_start(const struct traced *t);
void plat_trace_task_end(const struct traced *t);
void plat_trace_task_refused(const struct stopper *s, unsigned int kind,
			     const struct stopper_site *site);
void plat_trace_async_queued(const struct traced *t);
void plat_trace_worker_start(const struct traced *t);
void plat_trace_worker_end(const struct traced *t);
void plat_trace_phase(const struct stopper *s, enum stopper_phase from, enum stopper_phase to);
void plat_trace_closer_start(const struct stopper *s, const char *shown);
void plat_trace_closer_end(const struct stopper *s, const char *shown);
void plat_trace_stall(const struct stopper *s, int64_t waited, unsigned long tasks,
		      unsigned int workers);

/* A task that is refused: tells who listens, and gives @err back. */
static inline int task_refused(const struct stopper *s, unsigned int kind,
			       const struct stopper_site *site, int err)
{
	if (PLAT_UNLIKELY(__stopper_traced()))
		plat_trace_task_refused(s, kind, site);
	return err;
}

/* worker.c */
void worker_stop_all(struct stopper *s);

/* closer.c */
bool closers_start(struct stopper *s);
void late_closer_done(struct stopper *s);

/* panic.c */
void activity_enter(struct activity *a, struct stopper *s, const struct stopper_site *site,
		    enum stopper_panic_kind kind);
void activity_rename(struct activity *a, struct stopper_site *site, const char *name);
void activity_exit(struct activity *a);
bool activity_on_this_thread(struct stopper *s);
bool activity_innermost(struct call *c);
void activities_end_thread(int tid);
static inline void activity_leave(struct activity **a)
{
	activity_exit(*a);
}

void activities_visit(struct stopper *s, void (*visit)(void *arg, const struct activity *a),
		      void *arg);
void panic_hook(const struct call *c, void *value, int tid, bool died);

/* stop.c */
void stopper_wait_unled(struct stopper *s);
void quiesce_begin(struct stopper *s);
int stop_drive(struct stopper *s, int64_t until);
bool stop_push_job(struct stopper *s);
bool stop_is_awaited(struct stopper *s);
void stopper_wake_leader(struct stopper *s);

/* stopper.c */
void stopper_pin(struct stopper *s);
void stopper_unpin(struct stopper *s);

/* A walk over the stoppers of a list, in its order. */
struct stopper_walk {
	stopper_lock_t *lock;
	struct stopper_list *head;
	struct stopper_link at;		/* after the one that was given last, if ->begun */
	bool begun;
};

#define WALK_CHILDREN(p)	{ .lock = &(p)->lock, .head = &(p)->children }

struct stopper *stopper_walk_next(struct stopper_walk *w);
void stopper_walk_end(struct stopper_walk *w);
void registry_walk_init(struct stopper_walk *w);
void registry_hide(struct stopper *s);
void registry_remove(struct stopper *s);
bool stopper_is_within(const struct stopper *s, const struct stopper *tree);
unsigned int registry_count(void);
struct stopper *registry_find_owned(struct module *owner);

/* report.c */
struct out {
	void (*line)(void *arg, const char *line);
	void *arg;
};

struct secs {
	char text[32];
};

const char *secs(struct secs *b, int64_t ns);
#define SECS(ns)	secs(&(struct secs){ "" }, ns)

int report_all(const struct out *out);
void origin_copy(struct origin *o, const struct stopper_site *site);

/* steps.c: what tests count in place of time */
enum step {
	STEP_HEAVY_BARRIERS,
	STEP_CLOSERS_HANDED,		/* to a thread, once or more a stop */
	STEP_SLOTS,			/* looked at, of tables */
	STEP_LISTED,			/* tasks looked at, of lists */
	STEPS
};

void step(enum step what, unsigned long n);
STOPPER_API unsigned long __stopper_steps(const char *what);

/* stall.c */
void stopper_log(struct stopper *s, int level, const char *fmt, ...) STOPPER_PRINTF(3, 4);
bool report_stall(struct stopper *s, int64_t waited);
void report_leak(struct stopper *s);

/* name.c */
size_t name_show(char *dst, size_t size, const char *name);
void name_comm(char *dst, size_t size, const char *name);
size_t name_tail(char *dst, size_t size, const char *name);

#endif /* STOPPER_CORE_INTERNAL_H */
