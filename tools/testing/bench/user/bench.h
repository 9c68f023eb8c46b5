/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * bench.h - what the parts of the userspace benchmark share.
 *
 * A case measures us beside its peers. Either is a side: something that takes a
 * number of operations and says what one cost.
 */
#ifndef BENCH_H
#define BENCH_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <stopper/stopper.h>

#define MAX_THREADS	64
#define MAX_PEERS	6
#define MAX_IN_FLIGHT	1024	/* async operations that have not run, of all producers */
#define NOINLINE	__attribute__((noinline))
#define OWN_LINE	__attribute__((aligned(128)))	/* with the line that is fetched along */

/* n operations on thread i of several that run at once. */
typedef void (*loop_fn)(unsigned int i, uint64_t n);

struct side {
	const char *name;	/* of a peer */
	void (*open)(unsigned int threads);
	void (*close)(void);
	/* One of these: what each thread does, or the whole of it, which says ns per operation. */
	loop_fn loop;
	double (*sample)(unsigned int threads, uint64_t ops);
	uint64_t ops;		/* per sample and thread; 0: found by calibration */
};

struct bench_case {
	const char *name;
	unsigned int threads[5];
	struct side us;
	struct side peers[MAX_PEERS + 1];
};

extern const struct bench_case sync_cases[], sync_two_cases[];
extern const struct bench_case async_cases[], stop_cases[], scale_cases[];
extern const struct side counted[], shared_peers[];

/* bench.c */
extern unsigned int ncpus;
extern cpu_set_t cpus_allowed;	/* at the start */
__attribute__((cold, noreturn)) STOPPER_PRINTF(1, 2)
void die(const char *fmt, ...);
int64_t now_ns(void);
int64_t run_threads(unsigned int threads, loop_fn loop, uint64_t n);
double per_op(int64_t wall, unsigned int threads, uint64_t ops);
struct stopper *new_stopper(void);
void end_stopper(struct stopper *s);

/* sync.c */
extern struct stopper *stoppers[MAX_THREADS];
void open_stopper(unsigned int threads);
void close_stoppers(void);
void check(int err, const char *what);
void loop_empty(unsigned int i, uint64_t n);
void loop_run_task(unsigned int i, uint64_t n);
void loop_registers(unsigned int i, uint64_t n);

#define ONE	{ 1 }
#define REGS	{ .name = "registers", .loop = loop_registers }
#define STOPPER	.open = open_stopper, .close = close_stoppers

/* park.c: threads that sleep until somebody wakes them */
enum role { WAKER, SLEEPER };
void pin_self(enum role role);
void wait_asleep(pid_t tid);
void wait_past(atomic_uint *word, unsigned int val);
unsigned int sleep_past(atomic_uint *word, unsigned int val);
void set_and_wake(atomic_uint *word, unsigned int val);
double quantile(int64_t *ns, uint64_t n, double q);
void open_parked(unsigned int threads);
void close_parked(void);
double wake_quantile(uint64_t ops, double q);

/* stop.c */
void loop_create(unsigned int i, uint64_t n);

/* async.c: producers of functions that other threads run */
extern struct producer {
	atomic_ulong done OWN_LINE;
	uint64_t bound;
} producers[MAX_THREADS];

static inline unsigned int producer_index(const struct producer *p)
{
	return (unsigned int)(p - producers);
}

static inline void task_done(struct producer *p)
{
	atomic_fetch_add_explicit(&p->done, 1, memory_order_release);
}

static inline uint64_t tasks_done(struct producer *p)
{
	return atomic_load_explicit(&p->done, memory_order_acquire);
}

typedef void (*submit_fn)(struct producer *p);

static inline void produce(unsigned int i, uint64_t n, submit_fn submit)
{
	struct producer *p = &producers[i];
	uint64_t k;

	for (k = 0; k < n; k++) {
		while (k - tasks_done(p) >= p->bound)
			sched_yield();
		submit(p);
	}
	while (tasks_done(p) < n)
		sched_yield();
}

double sample_produced(loop_fn loop, unsigned int threads, uint64_t ops);

/* handover.c */
void open_handover_unlimited(unsigned int threads);
void open_handover_1(unsigned int threads);
void open_handover_8(unsigned int threads);
void open_handover_64(unsigned int threads);
void close_handover(void);
double sample_handover(unsigned int threads, uint64_t ops);

/* gopeer.c */
void go_open(unsigned int threads);
void go_close(void);
double go_sample(const char *what, unsigned int threads, uint64_t ops);

/* count.c */
void count_all(void);

/* lines.c */
void lines_all(unsigned int threads);

#endif /* BENCH_H */
