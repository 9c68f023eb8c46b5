/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stopper_bench.h - what the files of stopper_bench.ko share; what it does is in
 * stopper_bench_main.c.
 */
#ifndef STOPPER_BENCH_H
#define STOPPER_BENCH_H

#include <linux/cache.h>
#include <linux/completion.h>
#include <linux/types.h>
#include <stopper/stopper.h>

#define MAX_THREADS	64
#define NO_PEER		S64_MIN
#define LOST_AFTER	(60 * HZ)	/* what has not ended by then never will */

/* One command: a case, how many threads, how many rounds. */
struct bench_run {
	const struct bench_case *c;
	unsigned int threads;
	unsigned int rounds;
	void *priv;			/* of the case */
};

/*
 * @prepare and @finish may be NULL; @finish is called after each @prepare that
 * returned 0. @round makes the records of one round.
 */
struct bench_case {
	const char *name;
	unsigned int threads;		/* its own number */
	bool scales;			/* any other number too */
	bool hidden;			/* not in the list: makes no time records */
	int (*prepare)(struct bench_run *r);
	int (*round)(struct bench_run *r, unsigned int round);
	void (*finish)(struct bench_run *r);
	const void *data;
};

extern const struct bench_case bench_ops_cases[];
extern const struct bench_case bench_async_cases[];
extern const struct bench_case bench_start_cases[];
extern const struct bench_case bench_remote_cases[];
extern const struct bench_case bench_stop_cases[];
extern const struct bench_case bench_list_cases[];
extern const struct bench_case bench_lines_cases[];

/* records; times are in picoseconds */

int bench_record(const char *fmt, ...) __printf(1, 2);
int bench_time(const struct bench_run *r, unsigned int round, const char *peer, s64 us_ps,
	       s64 peer_ps);

/* threads */

struct bench_group;

struct bench_thread {
	struct task_struct *task;
	struct bench_group *group;
	unsigned int index;
	u64 begin, end;
	int err;
};

struct bench_group {
	int (*fn)(struct bench_thread *t);
	void *arg;
	unsigned int n;
	atomic_t coming, running;
	struct completion ready, start, done;
	struct bench_thread thread[MAX_THREADS];
};

int bench_threads(unsigned int n, int (*fn)(struct bench_thread *t), void *arg, u64 *wall);
int bench_kthread(int (*fn)(void *arg), void *arg, struct completion *ran);
s64 bench_share(unsigned int threads, u64 wall, u64 ops);

/* samples */

typedef int (*bench_sample_fn)(void *arg, unsigned long n, u64 *wall);

int bench_calibrate(bench_sample_fn sample, void *arg, unsigned long *n);
s64 bench_percentile(u64 *ns, unsigned int n, unsigned int percent);
u64 bench_clock_ns(void);
int bench_wait(struct completion *c);

/* operations that other files measure too */

struct bench_env {
	struct stopper *s;
	struct stopper *refusing;
	struct stopper_ctx *ctx;
	struct percpu_ref *ref;
	stopper_fn fn;
	int err;			/* what an operation cannot return */
};

extern struct bench_env bench_env;

enum bench_op_id {
	OP_EMPTY, OP_CALL, OP_RUN_TASK, OP_REFUSED, OP_REF, OP_SRCU, OP_ATOMIC, OP_NESTED_CALL,
	OP_NESTED, OP_NESTED_REF, OP_BEGIN_END, OP_REF_PAIR, OP_ATOMIC_PAIR, OP_EVENT_FIRED,
	OP_CTX_ERR, OP_LOAD, NR_OPS
};

struct bench_op {
	const char *name;		/* in the counts */
	const char *peer;		/* in the times, as a peer */
	int (*loop)(struct bench_env *e, unsigned long n);
	enum bench_op_id base;
};

extern const struct bench_op bench_op[NR_OPS];

/* for the plugins of ../tcg */

unsigned long bench_quiet_save(void);

/* Nothing, in an instruction that no other code contains; see ../tcg/mark.h. */
static __always_inline void bench_mark(const unsigned int id)
{
#if defined(CONFIG_X86_64)
	asm volatile("nopl %c0(%%rax,%%rax,1)" : : "i" (0x53545000 | id) : "memory");
#elif defined(CONFIG_ARM64)
	asm volatile("movz xzr, %0" : : "i" (0x5300 | id) : "memory");
#else
	barrier();
#endif
}

int bench_ops_init(void);
void bench_ops_exit(void);
extern struct workqueue_struct *bench_wq;	/* unbound, as many at once as it can */

int bench_async_init(void);
void bench_async_exit(void);
void bench_start_init(void);
void bench_start_exit(void);

#endif /* STOPPER_BENCH_H */
