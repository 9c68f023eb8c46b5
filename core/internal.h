/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * internal.h - the interfaces between the files of the core, and the seam to the platforms.
 *
 * The seam: the core includes <stopper/...> and <platform.h>, of which each platform (kmod/,
 * user/, the explorer) has one. All give the operations below the same meaning. An operation
 * may do nothing on a platform only where the table says so. "Any" is any context, in the
 * kernel up to softirq.
 *
 *   operation                       order              context   result or effect
 *   plat_load, plat_store           none (once)        any
 *   plat_load_acquire               acquire            any
 *   plat_store_release              release            any
 *   plat_fetch_add_full(p, n)       full               any       returns the old value, an int
 *   plat_ref_init(r, n)             none               any       n references; a plat_ref_t
 *   plat_ref_get(r)                 none               any       one more, by an owner of one
 *   plat_ref_put(r)                 release; last:     any       one less; true: it was the last. A
 *                                   acquire                      count that overflows or drops
 *                                                                below zero is reported and
 *                                                                saturates
 *   plat_load_barrier()             load -> load       any
 *   plat_light_barrier()            compiler only      any       the cheap half of a pair
 *   plat_heavy_barrier()            every CPU: full    sleeps    the expensive half: every light
 *                                                                barrier on any CPU is wholly
 *                                                                before or after it
 *   plat_happens_before(p)          with the release   any       before a release at p, and
 *   plat_happens_after(p)           with the acquire   any       after the acquire that sees it:
 *                                                                annotations for race detectors
 *                                                                that do not see the pair. May be
 *                                                                nothing
 *   plat_lock(l, f), plat_unlock    acquire/release    any       f: plat_flags_t
 *   plat_lock_init, _destroy                           any
 *   plat_park_init(p)                                  any       called by the thread that will
 *                                                                park
 *   plat_park(p, deadline)          acquire            sleeps    false: the deadline passed;
 *                                                                PLAT_FOREVER: no deadline
 *   plat_park_idle(p, deadline)     acquire            sleeps    the same, for pool threads
 *   plat_park_no_freeze(p)                             any       after init: suspend waits for p's
 *                                                                parks instead of freezing them.
 *                                                                May be nothing where threads are
 *                                                                only frozen without locks
 *   plat_park_blocked(p)                               any       after init: p's parks count as
 *                                                                blocked for tools that look for
 *                                                                hung threads; else as idle. May be
 *                                                                nothing
 *   plat_park_killable(p)                              any       after init: p's parks also end
 *                                                                when plat_killed()
 *   plat_killed()                                      any       has this thread a fatal signal
 *                                                                pending? Always false in userspace
 *   plat_unpark(p)                  release            any       ends p's park, or the next one
 *   plat_event_fired(ev)                               any       makes ev's descriptor readable.
 *                                                                May be nothing
 *   plat_event_closed(ev)                              any       closes it. May be nothing
 *   plat_slots_pin(kind)            exclusive use of c any       the cursor c for tasks of this
 *                                                                kind here; NULL: there is none
 *   plat_slots_unpin(c)                                pinned    publishes c->slot as the slot at
 *                                                                hand
 *   plat_slots_advance(c)                              pinned    moves to another slot; false:
 *                                                                there is none
 *   plat_slots_pop(slot)                               any       the latest sync task of this
 *                                                                thread ended; its slot was this
 *                                                                one
 *   plat_slot_stamp(c, slot, kind)  (S), task.c        pinned    sets all but ->site, ->stopper
 *   plat_slot_order(i, seq)                            any       an order that rises within a
 *                                                                thread or CPU, for slot i of a
 *                                                                table
 *   plat_list_order(seq)                               any       the same for a task on a list
 *   plat_slots_walk(t)              acquire            any       the CPU's or thread's table after
 *                                                                t; NULL: the end
 *   plat_slots_mine(t)              acquire            any       the same, of tables that a sync
 *                                                                task of this thread may be in
 *   plat_scan_enter(), _exit()      no sleep inside    any       inside, the site of a running task
 *                                                                stays valid
 *   plat_scan_sync()                full               sleeps    waits for all scans that began
 *                                                                before
 *   plat_relax(), plat_spins()                         any       a pause while spinning; how many
 *                                                                are worth a sleep, or 0
 *   plat_resched()                                     process   between two jobs: yields the CPU.
 *                                                                May be nothing where all threads
 *                                                                can be preempted
 *   plat_tid()                                         any       this thread's id, never 0
 *   plat_comm(buf)                                     any       its comm, COMM_SIZE bytes
 *   plat_thread_snapshot(tid, snap)                    process   what a thread is doing; -ESRCH: it
 *                                                                has exited, -ENOENT: not known
 *   plat_thread_where(snap, buf)                       process   the function it is in, or ""
 *   plat_frame_name(snap, i, buf)                      process   a frame of its stack as text
 *                                                                without addresses; both
 *                                                                SYMBOL_SIZE bytes
 *   plat_cpus()                                        any       how many threads can run at once
 *   plat_alloc(n), plat_free(p)                        process   zeroed; n of any size
 *   plat_alloc_record(n)                               process   the same, up to 128 bytes, for
 *                                                                memory that another thread will
 *                                                                free
 *   plat_free_record(p)                                any       frees what plat_alloc_record() and
 *                                                                plat_alloc_any() return
 *   plat_alloc_any(n)                                  any       as plat_alloc_record()
 *   plat_alloc_lines(n)                                process   as plat_alloc(), cache line
 *                                                                aligned
 *   plat_alloc_lines_any(n)                            any       likewise
 *   plat_now()                                         any       ns, CLOCK_MONOTONIC
 *   plat_coarse_time()                                 any       a cheap clock of several ms; 0 in
 *                                                                a slot: not known, readers note
 *                                                                when they first see the task
 *   plat_coarse_age(stamp)                             any       ns since then
 *   plat_thread_start(t, name)      release            process   t->main(t) on a new thread, then
 *                                                                t->release(t); if the thread ends
 *                                                                inside main: t->died(t,
 *                                                                hook_called)
 *   plat_thread_stop(t)                                process   makes kthread_should_stop() true;
 *                                                                only where PLAT_STOPS_THREADS
 *   plat_thread_name(t, name)                          process   names the running thread
 *   plat_thread_renamed(t)                             process   has it another name now? Checked
 *                                                                only now and then where that is
 *                                                                expensive
 *   plat_call(c, fn, ctx, arg)                         process   true: fn ended by a panic
 *   plat_stopper_init(s), _free(s)                     any       creates and frees s->plat, the
 *                                                                platform's part of a stopper. May
 *                                                                be nothing
 *   plat_stack_valid(n)                                any       is it valid as options.stack_size?
 *   plat_stack_note(n)                                 any       threads started later have at
 *                                                                least n bytes of stack. May be
 *                                                                nothing
 *   plat_thread_fits(t)                                any       may the running thread take
 *                                                                another job: stack, state
 *   __stopper_panic(value)                             process   public; each platform has its own
 *   plat_panic_unhandled()                             any       after a panic without a hook:
 *                                                                userspace aborts
 *   plat_timer_init(t, fn)                             any
 *   plat_timer_start(t, deadline)   release            any       0, or why no timer can run
 *   plat_timer_cancel(t)            full               any       true: it will not run
 *   plat_timers_ready()                                process   0, or why timers cannot run
 *   plat_ready()                                       any       0, or why the library cannot be
 *                                                                used (after fork)
 *   plat_is_copy()                                     any       is this a child of fork(), in
 *                                                                which nothing may be touched: a
 *                                                                lock may be held for ever
 *   plat_stops_ready()                                 process   0, or why a stop could not be done
 *                                                                later: no timers, no keeper
 *   plat_keeper_wake()                                 any       has one thread call keeper_run()
 *                                                                until it returns false
 *   plat_owner_valid(module)                           any       is it valid as options.owner?
 *   plat_module_get(s, m, held)                        any       keeps a module loaded whose
 *                                                                function another module's stopper
 *                                                                s will call, in *held; false: it
 *                                                                is being unloaded. May be nothing
 *   plat_module_put(held)                              any       its function has returned
 *   plat_log(level, line)                              any
 *   __stopper_traced()                                 any       are tasks traced? Costs nothing
 *                                                                while they are not (slot.h)
 *   plat_traces_closers()                              any       are closers traced?
 *   plat_own_tid()                                     any       plat_tid(), or 0 in a softirq,
 *                                                                which is not this thread's own
 *                                                                work
 *   plat_random()                                      any       64 random bits, as a unique number
 *   plat_step(p, n)                 none               any       *p += n, a count of steps that
 *                                                                tests read
 *   plat_trace_*(...)                                  any       trace an event; no lock is held
 *   plat_lockdep_wait(s, stop)                         process   the caller waits for s's tasks
 *                                                                and, if stop, for its workers and
 *                                                                closers. May be nothing, as the
 *                                                                next
 *   plat_lockdep_wait_event(ev)                        process   the caller waits for ev for ever
 *   plat_might_sleep()                                 process   a debugging check. May be nothing
 *   plat_sort(base, n, size, cmp)                      process
 *   plat_div(n, d)                                     any       int64_t n / int32_t d, for which
 *                                                                32-bit kernels have no operator
 *   memcpy, memset, strcmp, strncmp, strlen, snprintf, vsnprintf: as everywhere
 *
 * Locks, in the order in which they may be nested; all others are leaves:
 *
 *   a list's lock (task.c; s->lock is one) -> drain_lock (task.c) -> the inside of a parker
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

_Static_assert(sizeof(struct span_record) <= 128, "see plat_alloc_record()");

/* A worker, closer or recover scope of a stopper, on the thread that runs it. */
struct activity {
	struct stopper_list node;	/* activities (panic.c), latest last */
	struct stopper *s;
	const struct stopper_site *site;
	enum stopper_panic_kind kind;
	int tid;
	uint64_t since;
};

/* Work for a pool thread, embedded in the object that it works on. */
struct job {
	struct stopper_list node;
	const struct job_ops *ops;
	const struct stopper_site *site;/* names the thread; NULL: one of our own */
};

struct pool_thread;

struct job_ops {
	/* @me: the thread that runs it, for pool_thread_set_name() */
	void (*run)(struct job *job, struct pool_thread *me);
	/* the thread ended inside run(); hook_called: the panic hook was called */
	void (*died)(struct job *job, bool hook_called);
	bool is_task;			/* the job is a task_job's */
};

/* A job that is a task: counted and visible from the push on. */
struct task_job {
	struct job job;
	struct stopper *s;		/* valid while the task is counted */
	struct stopper_slot *slot;	/* of its thread, once it runs */
	/* pool.c's own */
	uint64_t since;
	uint64_t ticket;		/* position in the queue; unique and rising */
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
	void *arg;
	struct module *fn_module;	/* of the function, with a reference; or NULL */
	plat_ref_t refs;		/* of its thread, of run_worker, of a stop of its thread */
	bool stop_queued;		/* its thread is, or must not yet be, stopped; s->lock */
	bool uncounted;			/* not counted any more; s->lock */
};

struct closer_fn {
	struct stopper_closer closer;
	void (*fn)(void *arg);
	void *arg;
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

/* A link in a list of stoppers: of one of them, or of a walk over them (stopper.c). */
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
	bool uses_pool;				/* it, or one below it, has had async tasks */
	struct plat_parker *queue_watch;	/* woken when nqueued drops to 0; pool.lock */
	struct shard *shards;			/* SHARDS lists of tasks; NULL: never needed */

	struct stopper_event quiesce_ctx;	/* ends contexts before quiesce fires */
	struct stopper_event quiesce;
	struct stopper_event stop_ctx;
	struct stopper_event stop;
	struct stopper_event stopped;

	stopper_lock_t lock;			/* all below */
	int leader_tid;				/* the thread that leads the stop, or 0 */
	int firing_quiesce;			/* the thread that fires its quiesce events, or 0 */
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
	unsigned int waiters;			/* for a semaphore; not under the lock */
	struct stopper_list workers;
	struct stopper_list closers;
	struct stopper_list followers;		/* callers that wait for the leader */
	struct leader *leader;			/* woken when a worker or the closers end */
	struct stopper_closer *closing;		/* the closer that close_job runs */
	struct module *closing_fn_module;	/* likewise */
	struct activity closing_activity;
	struct stopper_site closing_site;	/* its name */
	char *closing_escaped;			/* a copy for the trace of its end, or NULL */
	struct job close_job;
	struct job stop_job;
	struct stopper_list keeper_node;	/* of keeper.c, with what follows */
	int64_t keeper_since;			/* when the keeper got it, or 0 */
	int64_t keeper_retry_at;		/* when to ask the pool for a thread again */
	int64_t keeper_report_at;		/* when its slices report the next stall, or 0 */
	unsigned int keeper_reports;		/* how many they made */
	struct stopper *parent;
	struct stopper_list children;		/* struct stopper_link */
	struct stopper_link sibling;
	struct stopper_link registry;		/* all stoppers; registry_lock */
	struct stopper_list tasks;		/* without memory for shards */

	int64_t stall_max_ns;			/* constant */
	struct plat_stopper plat;		/* constant */
	int64_t created;
	int64_t phase_since;
	struct origin created_at;
	struct origin stop_origin;		/* of the first request to stop */
	int64_t stop_requested;			/* when first; 0: not yet */
	char name[];				/* escaped */
};

/* event.c */
bool event_fire(struct stopper_event *ev, unsigned int code);
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

/* sem.c */
struct sem_waiter {
	/* Use the slot for the waiter (@mine: on its own thread), or an error. Any context. */
	int (*grant)(struct sem_waiter *me, bool mine);
	void *arg;
	/* sem.c's own */
	struct stopper_list node;
	struct plat_parker park;
	bool granted;
	bool done;
	int err;			/* what grant returned */
	unsigned int *waiters;		/* the counter of waiters, or NULL */
};

int sem_try_acquire(struct stopper_sem *sem, struct stopper_ctx *ctx);
int sem_acquire(struct stopper_sem *sem, struct stopper_ctx *ctx, struct stopper_event *quit,
		struct sem_waiter *me);

/* keeper.c */
void keeper_request(struct stopper *s);
bool keeper_run(void);

/* task.c: tasks on lists */
#ifndef SHARDS
#define SHARDS		16
#endif

struct shard {
	stopper_lock_t lock;
	struct stopper_list tasks;	/* struct stopper_task */
} PLAT_CACHELINE_ALIGNED;

extern struct stopper_slot stopper_busy_slot;

/* A list of tasks and its lock. Number SHARDS is the one in the stopper itself. */
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
	bool watches;			/* ->park was set as the watch of slots */
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

/* A task as a reader sees it; @site is valid only inside the visit. */
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
void event_waiter_attach_ctx(struct event_waiter *w, struct stopper_ctx *ctx,
			     struct plat_parker *p);
void ctx_make_killable(struct stopper_ctx *ctx);
const struct span *ctx_span(const struct stopper_ctx *ctx);

/* span.c */
void spans_exit(void);
struct span_record *span_new(struct stopper *s, struct stopper_ctx *ctx,
			     const struct stopper_site *site, unsigned int kind);
void span_begin(struct span_record *t);
void span_end(struct span_record *t);
void spans_abandon(int tid);
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
void plat_trace_phase(const struct stopper *s, enum stopper_phase from, enum stopper_phase to);
void plat_trace_closer_start(const struct stopper *s, const char *shown);
void plat_trace_closer_end(const struct stopper *s, const char *shown);
void plat_trace_stall(const struct stopper *s, int64_t waited, unsigned long tasks,
		      unsigned int workers);

/* Trace the refusal of a task, and return @err. */
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

/* A walk over the stoppers of a list, in the list's order. */
struct stopper_walk {
	stopper_lock_t *lock;
	struct stopper_list *head;
	struct stopper_link at;		/* behind the stopper returned last, if ->begun */
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
struct line_sink {
	void (*line)(void *arg, const char *line);
	void *arg;
};

struct secs {
	char text[32];
};

const char *secs(struct secs *b, int64_t ns);
#define SECS(ns)	secs(&(struct secs){ "" }, ns)

int report_all(const struct line_sink *out);
void origin_copy(struct origin *o, const struct stopper_site *site);

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

/* stall.c */
void stopper_log(struct stopper *s, int level, const char *fmt, ...) STOPPER_PRINTF(3, 4);
bool report_stall(struct stopper *s, int64_t waited);
void report_leak(struct stopper *s);

/* name.c */
size_t name_escape(char *dst, size_t size, const char *name);
void name_escape_comm(char *dst, size_t size, const char *name);
size_t name_escape_tail(char *dst, size_t size, const char *name);

#endif /* STOPPER_CORE_INTERNAL_H */
