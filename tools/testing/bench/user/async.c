// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * async.c - what it costs to have a function run on another thread, and how soon it runs.
 *
 * Throughput. Each producer hands over n functions, at most MAX_IN_FLIGHT of all
 * producers unfinished (it yields when there are as many), and waits until all
 * have run. A function only counts itself, on its producer's own line. The pool is
 * warm: the calibration has used it. Peers:
 *   pthread      pthread_create() and pthread_join(), one at a time
 *   gthreadpool  GLib's GThreadPool, as many threads as CPUs, exclusive: somewhat
 *                faster than not exclusive when both were tried
 *   call_rcu     liburcu's, flavour memb, heads from a ring. Its thread sleeps 10 ms
 *                between two batches, so what is measured is MAX_IN_FLIGHT a batch;
 *                RCU_OPS, so that the last batch does not weigh too much
 *   go           a goroutine with the reference's admission and a WaitGroup (gopeer/);
 *                run_limited_async_N: and a channel of N slots, from before the admission
 *                to the goroutine's end
 *   handover     the limit: a thread that does nothing but take what is handed over
 *                (handover.c)
 *   run_async    run_limited_async_N: the same producers without the semaphore;
 *                async_record, which starts records of the caller's from a ring: the
 *                allocating call
 * run_async_producers: several at once, in time of all CPUs that they can use.
 *
 * Latency is from just before the call to the first thing that the task does.
 *   async_start_*            the pool's thread asleep for certain. Peer "futex": park.c
 *   async_start_blocked_p99  every pool thread is in a task that waits. Blockers are
 *       handed over until the process got KNOWN_BLOCKED new threads for as many of
 *       them, so no thread was idle; then each measured task becomes a blocker too.
 *       A sample is a process of its own, as its threads would stay in the pool.
 *       Peer "pthread": pthread_create() to the thread's first instruction
 */
#define _GNU_SOURCE
#define _LGPL_SOURCE
#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <urcu/urcu-memb.h>
#include "bench.h"

#define PRODUCERS	4
#define LATENCIES	2000
#define BLOCKED		200
#define RCU_OPS		(8 * MAX_IN_FLIGHT)
#define KNOWN_BLOCKED	8

static struct stopper *s;

static void open_async(unsigned int threads)
{
	(void)threads;
	s = new_stopper();
}

static void close_async(void)
{
	end_stopper(s);
}

/* --- throughput ----------------------------------------------------------------------------- */

struct producer producers[MAX_THREADS];

double sample_produced(loop_fn loop, unsigned int threads, uint64_t ops)
{
	unsigned int i;
	int64_t wall;

	for (i = 0; i < threads; i++) {
		producers[i].done = 0;
		producers[i].bound = MAX_IN_FLIGHT / threads;
	}
	wall = run_threads(threads, loop, ops);
	for (i = 0; i < threads; i++)
		if (tasks_done(&producers[i]) != ops)
			die("%lu of %lu ran", (unsigned long)tasks_done(&producers[i]),
			    (unsigned long)ops);
	return per_op(wall, threads, ops);
}

static void async_task(struct stopper_ctx *ctx, void *arg)
{
	(void)ctx;
	task_done(arg);
}

static void submit_async(struct producer *p)
{
	int err = stopper_run_async_task(s, NULL, "bench", async_task, p);

	if (err)
		die("stopper_run_async_task: %s", stopper_strerror(err));
}

static void loop_async(unsigned int i, uint64_t n)
{
	produce(i, n, submit_async);
}

static double sample_async(unsigned int threads, uint64_t ops)
{
	return sample_produced(loop_async, threads, ops);
}

/* A record is idle when done() is called. If the next one is not, those behind it may be. */
static struct record {
	struct stopper_async async;
	struct producer *producer;
} records[2 * MAX_IN_FLIGHT];
static unsigned int record_next;

static int record_fn(struct stopper_ctx *ctx, struct stopper_async *async)
{
	(void)ctx;
	(void)async;
	return 0;
}

static void record_done(struct stopper_async *async, int status)
{
	(void)status;
	task_done(((struct record *)async)->producer);
}

static void open_record(unsigned int threads)
{
	unsigned int i;

	open_async(threads);
	for (i = 0; i < sizeof(records) / sizeof(*records); i++) {
		stopper_async_init(&records[i].async, record_fn, record_done);
		records[i].producer = &producers[0];
	}
}

static void submit_record(struct producer *p)
{
	struct record *r;
	int err;

	(void)p;
	do {
		r = &records[record_next++ % (sizeof(records) / sizeof(*records))];
		err = stopper_async_start(s, NULL, "bench", &r->async);
	} while (err == -EBUSY);
	if (err)
		die("stopper_async_start: %s", stopper_strerror(err));
}

static void loop_record(unsigned int i, uint64_t n)
{
	produce(i, n, submit_record);
}

static double sample_record(unsigned int threads, uint64_t ops)
{
	return sample_produced(loop_record, threads, ops);
}

static struct stopper_sem sem;

static void submit_limited(struct producer *p)
{
	int err = stopper_run_limited_async_task(s, NULL, "limited", &sem, true, async_task, p);

	if (err)
		die("stopper_run_limited_async_task: %s", stopper_strerror(err));
}

static void loop_limited(unsigned int i, uint64_t n)
{
	produce(i, n, submit_limited);
}

static double sample_limited(unsigned int threads, uint64_t ops)
{
	return sample_produced(loop_limited, threads, ops);
}

static void open_limited(int capacity)
{
	open_async(PRODUCERS);
	if (stopper_sem_init(&sem, capacity))
		die("no semaphore");
}

static void open_limited_1(unsigned int threads)
{
	(void)threads;
	open_limited(1);
}

static void open_limited_8(unsigned int threads)
{
	(void)threads;
	open_limited(8);
}

static void open_limited_64(unsigned int threads)
{
	(void)threads;
	open_limited(64);
}

static void close_limited(void)
{
	close_async();
	if (stopper_sem_length(&sem))
		die("a slot of the semaphore is lost");
	stopper_sem_destroy(&sem);
}

static struct _GThreadPool *gpool;

static void gpool_task(gpointer data, gpointer unused)
{
	(void)unused;
	task_done(data);
}

static void open_gpool(unsigned int threads)
{
	(void)threads;
	gpool = g_thread_pool_new(gpool_task, NULL, (gint)ncpus, TRUE, NULL);
}

static void close_gpool(void)
{
	g_thread_pool_free(gpool, FALSE, TRUE);
}

static void submit_gpool(struct producer *p)
{
	if (!g_thread_pool_push(gpool, p, NULL))
		die("g_thread_pool_push failed");
}

static void loop_gpool(unsigned int i, uint64_t n)
{
	produce(i, n, submit_gpool);
}

static double sample_gpool(unsigned int threads, uint64_t ops)
{
	return sample_produced(loop_gpool, threads, ops);
}

static void *pthread_task(void *arg)
{
	task_done(arg);
	return NULL;
}

static void submit_pthread(struct producer *p)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, pthread_task, p))
		die("no thread");
	pthread_join(thread, NULL);
}

static void loop_pthread(unsigned int i, uint64_t n)
{
	produce(i, n, submit_pthread);
}

static double sample_pthread(unsigned int threads, uint64_t ops)
{
	return sample_produced(loop_pthread, threads, ops);
}

/* Callbacks run in order, so the ring's next head is free when fewer are in flight. */
static struct rcu_item {
	struct rcu_head head;
	struct producer *producer;
} rcu_ring[MAX_IN_FLIGHT];
static unsigned int rcu_next;
static struct call_rcu_data *rcu_thread;

static void open_call_rcu(unsigned int threads)
{
	(void)threads;
	rcu_thread = urcu_memb_create_call_rcu_data(URCU_CALL_RCU_RT, -1);
	if (!rcu_thread)
		die("no thread for call_rcu");
}

static void close_call_rcu(void)
{
	urcu_memb_call_rcu_data_free(rcu_thread);
}

static void rcu_task(struct rcu_head *head)
{
	task_done(caa_container_of(head, struct rcu_item, head)->producer);
}

static void submit_call_rcu(struct producer *p)
{
	struct rcu_item *item = &rcu_ring[rcu_next++ % MAX_IN_FLIGHT];

	item->producer = p;
	urcu_memb_call_rcu(&item->head, rcu_task);
}

static void loop_call_rcu(unsigned int i, uint64_t n)
{
	urcu_memb_register_thread();
	urcu_memb_set_thread_call_rcu_data(rcu_thread);
	produce(i, n, submit_call_rcu);
	urcu_memb_set_thread_call_rcu_data(NULL);
	urcu_memb_unregister_thread();
}

static double sample_call_rcu(unsigned int threads, uint64_t ops)
{
	return sample_produced(loop_call_rcu, threads, ops);
}

static double sample_go(unsigned int threads, uint64_t ops)
{
	return go_sample("spawn", threads, ops);
}

static double sample_go_limited_1(unsigned int threads, uint64_t ops)
{
	return go_sample("limit1", threads, ops);
}

static double sample_go_limited_8(unsigned int threads, uint64_t ops)
{
	return go_sample("limit8", threads, ops);
}

static double sample_go_limited_64(unsigned int threads, uint64_t ops)
{
	return go_sample("limit64", threads, ops);
}

/* --- latency, the pool warm ------------------------------------------------------------------ */

static struct {
	atomic_uint seen OWN_LINE;
	int64_t at;
	pid_t tid;
} start;

static void started(int64_t at)
{
	start.at = at;
	start.tid = (pid_t)syscall(SYS_gettid);
	atomic_fetch_add_explicit(&start.seen, 1, memory_order_release);
}

static void note_start(struct stopper_ctx *ctx, void *arg)
{
	static __thread bool pinned;
	int64_t at = now_ns();

	(void)ctx;
	(void)arg;
	if (!pinned)
		pin_self(SLEEPER);
	pinned = true;
	started(at);
}

static int64_t time_start(stopper_fn fn, void *arg)
{
	unsigned int seen = atomic_load(&start.seen);
	int64_t from = now_ns();
	int err = stopper_run_async_task(s, NULL, "latency", fn, arg);

	if (err)
		die("stopper_run_async_task: %s", stopper_strerror(err));
	wait_past(&start.seen, seen);
	return start.at - from;
}

static double start_quantile(uint64_t ops, double q)
{
	int64_t ns[LATENCIES];
	uint64_t i;

	time_start(note_start, NULL);
	pin_self(WAKER);
	for (i = 0; i < ops; i++) {
		wait_asleep(start.tid);
		ns[i] = time_start(note_start, NULL);
	}
	return quantile(ns, ops, q);
}

static double sample_start_p50(unsigned int threads, uint64_t ops)
{
	(void)threads;
	return start_quantile(ops, 0.5);
}

static double sample_start_p99(unsigned int threads, uint64_t ops)
{
	(void)threads;
	return start_quantile(ops, 0.99);
}

static double sample_futex_p50(unsigned int threads, uint64_t ops)
{
	(void)threads;
	return wake_quantile(ops, 0.5);
}

static double sample_futex_p99(unsigned int threads, uint64_t ops)
{
	(void)threads;
	return wake_quantile(ops, 0.99);
}

/* --- latency, every pool thread blocked ------------------------------------------------------- */

static unsigned int count_threads(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned int n = 0;
	char line[128];

	while (f && !n && fgets(line, sizeof(line), f))
		sscanf(line, "Threads: %u", &n);
	if (!n)
		die("/proc/self/status does not say how many threads there are");
	fclose(f);
	return n;
}

static void start_blocker(struct stopper_ctx *ctx, void *arg)
{
	started(now_ns());
	stopper_wait(arg, ctx);
}

static void block_all(struct stopper_event *release)
{
	unsigned int before, in_a_row = 0;

	while (in_a_row < KNOWN_BLOCKED) {
		before = count_threads();
		time_start(start_blocker, release);
		in_a_row = count_threads() > before ? in_a_row + 1 : 0;
	}
}

static double blocked_quantile(uint64_t ops)
{
	struct stopper_event release;
	int64_t ns[BLOCKED];
	uint64_t i;

	open_async(1);
	stopper_event_init(&release);
	block_all(&release);
	for (i = 0; i < ops; i++)
		ns[i] = time_start(start_blocker, &release);
	stopper_event_fire(&release);
	close_async();
	stopper_event_destroy(&release);
	return quantile(ns, ops, 0.99);
}

static void report_blocked(int to, uint64_t ops)
{
	double result;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	result = blocked_quantile(ops);
	_exit(write(to, &result, sizeof(result)) != sizeof(result));
}

static double sample_blocked(unsigned int threads, uint64_t ops)
{
	double result = 0;
	int ends[2], status;
	pid_t child;

	(void)threads;
	if (pipe2(ends, O_CLOEXEC))
		die("no pipe");
	child = fork();
	if (!child)
		report_blocked(ends[1], ops);
	close(ends[1]);
	if (child < 0 || read(ends[0], &result, sizeof(result)) != sizeof(result) ||
	    waitpid(child, &status, 0) != child || status)
		die("the process with the blocked tasks failed");
	close(ends[0]);
	return result;
}

static void *note_pthread(void *arg)
{
	*(int64_t *)arg = now_ns();
	return NULL;
}

static double sample_pthread_start(unsigned int threads, uint64_t ops)
{
	int64_t ns[BLOCKED], from;
	pthread_t thread;
	uint64_t i;

	(void)threads;
	for (i = 0; i < ops; i++) {
		from = now_ns();
		if (pthread_create(&thread, NULL, note_pthread, &ns[i]))
			die("no thread");
		pthread_join(thread, NULL);
		ns[i] -= from;
	}
	return quantile(ns, ops, 0.99);
}

/* -------------------------------------------------------------------------------------------- */

#define FUTEX	.name = "futex", .open = open_parked, .close = close_parked, .ops = LATENCIES
#define ASYNC	.open = open_async, .close = close_async
#define HANDOVER								\
	{ .name = "handover", .sample = sample_handover,			\
	  .open = open_handover_unlimited, .close = close_handover }
#define LIMITED(n)								\
	{ "run_limited_async_" #n, { PRODUCERS },				\
	  { .sample = sample_limited, .open = open_limited_ ## n,		\
	    .close = close_limited },						\
	  { { .name = "run_async", .sample = sample_async },			\
	    { .name = "go", .sample = sample_go_limited_ ## n, .open = go_open,	\
	      .close = go_close },						\
	    { .name = "handover", .sample = sample_handover,			\
	      .open = open_handover_ ## n, .close = close_handover } } }

const struct bench_case async_cases[] = {
	{ "run_async", { 1 }, { .sample = sample_async, ASYNC },
	  { { .name = "pthread", .sample = sample_pthread },
	    { .name = "gthreadpool", .sample = sample_gpool, .open = open_gpool,
	      .close = close_gpool },
	    { .name = "call_rcu", .sample = sample_call_rcu, .ops = RCU_OPS, .open = open_call_rcu,
	      .close = close_call_rcu },
	    { .name = "go", .sample = sample_go, .open = go_open, .close = go_close }, HANDOVER } },
	{ "run_async_producers", { 2, PRODUCERS }, { .sample = sample_async, ASYNC },
	  { { .name = "gthreadpool", .sample = sample_gpool, .open = open_gpool,
	      .close = close_gpool },
	    { .name = "go", .sample = sample_go, .open = go_open, .close = go_close }, HANDOVER } },
	{ "async_record", { 1 },
	  { .sample = sample_record, .open = open_record, .close = close_async },
	  { { .name = "run_async", .sample = sample_async } } },
	{ "async_start_p50", { 1 }, { .sample = sample_start_p50, .ops = LATENCIES, ASYNC },
	  { { .sample = sample_futex_p50, FUTEX } } },
	{ "async_start_p99", { 1 }, { .sample = sample_start_p99, .ops = LATENCIES, ASYNC },
	  { { .sample = sample_futex_p99, FUTEX } } },
	{ "async_start_blocked_p99", { 1 },
	  { .sample = sample_blocked, .ops = BLOCKED },
	  { { .name = "pthread", .sample = sample_pthread_start, .ops = BLOCKED } } },
	LIMITED(1),
	LIMITED(8),
	LIMITED(64),
	{ 0 }
};
