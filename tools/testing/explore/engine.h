/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * engine.h - the interfaces between the parts of the explorer.
 *
 *   explore.c     choices: depth-first over all of them, within a budget; states seen before
 *   sched.c       simulated threads: switched, blocked, parked, timed
 *   tsan_hooks.c  the calls that the compiler inserts at each access; they go to:
 *   memory.c      atomic variables and barriers: which stores a load may see
 *   race.c        races, use after free
 *   heap.c        allocations; memory is not reused
 *   platform.c    the operations of core/seam.h's table
 *   world.c       what scenarios are written with
 *   slots.c       slot tables of simulated threads
 *   diagram.c     a failing schedule, drawn
 *   main.c        the command
 *
 * All state of the engine is in one object outside of the program's data, so that the data
 * of the core and of the scenario can be restored before each execution.
 */
#ifndef STOPPER_EXPLORE_ENGINE_H
#define STOPPER_EXPLORE_ENGINE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stopper/slot.h>

#define THREADS		10	/* at once and in turn; the last one is the timers' */
#define TIMERS		(THREADS - 1)
#define LOCATIONS	512	/* atomic variables */
#define STACK_SIZE	(64 * 1024)
#define HEAP_SIZE	(64 * 1024)	/* a thread */
#define GHOSTS		64

/* Vector clocks: what happened before, for races. */
struct clocks {
	uint32_t at[THREADS];
};

/* Of each atomic variable the latest store that must be seen. */
struct view {
	uint8_t at[LOCATIONS];
};

/* What a thread knows, or passes on with a release. */
struct knows {
	struct clocks hb;
	struct view view;
};

/* What an execution may still spend on what is not the default. */
struct budget {
	unsigned char total, stale, faults;
};

enum choice_kind { CHOOSE_THREAD, CHOOSE_STORE, CHOOSE_FAULT, CHOOSE_DEATH };

struct choice {
	unsigned int at;		/* counting also those where there was nothing to choose */
	unsigned char taken, options, kind;
};

enum thread_state { NONE, READY, ON_LOCK, PARKED, ON_THREAD, SETTLING, ENDED, DEAD };

struct thread {
	jmp_buf context;
	char *sp;			/* when not running: all below is dead */
	enum thread_state state;
	const void *on;			/* what it waits for */
	const void *pc;
	int64_t deadline;
	bool late;			/* woken by time */
	bool killed;			/* has a signal that kills */
	bool entered;
	unsigned int locks;		/* held */
	bool woke;			/* another thread, under a lock that it holds */
	int tid;
	void (*fn)(void *arg);
	void *arg;
	struct plat_thread *plat;	/* NULL: the scenario's own */
	const char *name;
	char comm[16];			/* a pool thread's, once it was named */
	uint64_t chain;			/* of all it did and saw */
	struct knows now;
	const struct knows *released;	/* as of its latest release fence */
	struct knows loaded;		/* by relaxed loads: an acquire fence makes it known */
	struct knows published;		/* as of its latest light barrier */
	struct knows pending;		/* from heavy barriers: known at its next light barrier */
	struct stopper_tls my;
	struct slot_table *table;
	struct stopper_cursor cursors[2];
};

#define TRACE_TEXT	72
#define TRACES		65536
#define PLACES		16384

struct trace {
	unsigned int thread;
	const void *pc;
	char text[TRACE_TEXT];
};

struct engine {
	/* this execution */
	struct thread thread[THREADS];
	unsigned int current, nthreads;
	int64_t now;
	uint64_t signature;
	unsigned int steps;
	bool finishing;			/* the scenario is over: threads are sent away */
	long ghost[GHOSTS];
	uint32_t generation;

	/* choices: the stack of the depth-first search */
	struct choice *stack;
	unsigned int depth, length;
	unsigned int at;
	struct budget left, budget;
	bool replaying;			/* a schedule that was given */

	/* the scenario */
	const struct scenario *scenario;
	jmp_buf over;
	bool tracing;
	bool covering;			/* only where steps are made, each once */
	const void *places[PLACES];
	struct trace *trace;
	unsigned int ntrace;
	char failure[512];

	/* all executions */
	unsigned long executions, states, deaths;
	bool more_shared;		/* another variable turned out to be shared */
};

extern struct engine *E;

#define ME	(&E->thread[E->current])

/* How an execution ends. */
enum outcome { RUNNING, OVER, SEEN, FAILED };

/* explore.c */
unsigned int choose(enum choice_kind kind, unsigned int options, bool free);
bool seen_before(bool can_go_on);
void explore_init(void);
void *reserve(size_t n);
enum outcome explore(const struct scenario *sc, unsigned int seconds, unsigned int *complete);
enum outcome replay(const struct scenario *sc, const char *schedule);
void schedule_text(char *buf, size_t size);
__attribute__((noreturn)) void end_execution(enum outcome how);
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *fmt, ...);

/* platform.c, with the core's data */
void timer_thread(void *arg);
int64_t timer_deadline(void);
void scenario_main(void *arg);

/* world.c, likewise */
void thread_over(void);

/* sched.c */
void sched_init(void);
__attribute__((noreturn)) void sched_begin(void (*fn)(void *arg), void *arg);
unsigned int thread_new(void (*fn)(void *arg), void *arg, const char *name);
void point(void);
void block(enum thread_state why, const void *on, int64_t deadline, const void *pc);
void wake_all(enum thread_state why, const void *on);
bool on_stack_of(const void *addr, unsigned int *thread);
extern char *stacks;

/* diagram.c: traces */
__attribute__((format(printf, 2, 3))) void trace_(const void *pc, const char *fmt, ...);
#define trace(pc, ...)	(E->tracing ? trace_(pc, __VA_ARGS__) : (void)0)
const char *name_of(const void *addr);

/* memory.c */
void memory_init(void);
void memory_begin(void);
void thread_inherits(unsigned int thread, uint64_t chain);
void light_barrier(void);
void heavy_barrier(void);
void note(uint64_t *chain, uint64_t what);
void chain_changes(uint64_t *chain, uint64_t to);
uint64_t mix(uint64_t a, uint64_t b);
void access_range(const void *addr, size_t n, bool write, const void *pc);
void access_new(const void *addr, size_t n);
void access_last(const void *addr, size_t n, const void *pc);
void knows_join(struct knows *to, const struct knows *from);
void tick(void);
void point_at(const void *addr);

/* A variable that orders: a lock, a parker, a thread's end. */
struct sync {
	const void *addr;
	uint32_t generation;
	unsigned int owner;		/* a lock: thread + 1 */
	bool set;			/* a parker */
	uint64_t chain;
	struct knows knows;
};

struct sync *sync_at(const void *addr);
void sync_acquire(struct sync *s);
void sync_release(struct sync *s);

/* heap.c */
void heap_init(void);
void heap_begin(void);
void *heap_get(size_t n, bool stays, const char *site, const void *pc);
void heap_check(const void *addr, size_t n, const void *pc);
bool in_heap(const void *addr);
extern char *heap;
void heap_all_freed(void);
const char *heap_name(const void *addr);

/* slots.c */
void slots_thread_ends(void);
void slots_free_labels(void);

/* diagram.c */
void diagram(void);
void functions(void);

#endif /* STOPPER_EXPLORE_ENGINE_H */
