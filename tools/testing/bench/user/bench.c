// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * bench.c - the userspace benchmark: runs each case beside its peers.
 *
 *   bench [-l] [-r ROUNDS] [CASE...]     raw records to stdout, see ../report
 *   bench --count                        for callgrind only, see count.c
 *   bench --lines THREADS                for a plugin of QEMU's only, see lines.c
 *
 * A round measures, for each peer in turn, us and then the peer, so each record
 * has a sample of us of its own, taken just before the peer's. A sample lasts
 * SAMPLE_NS; how many operations that takes is found once per case and side.
 * Nothing is pinned but the two threads of a latency (park.c). Threads start at a
 * barrier; the time is from the first that left it to the last that was done, and
 * ns is per thread and operation with oversubscription shared out:
 * wall * min(threads, CPUs) / (threads * operations).
 *
 * Each case is a process of its own, so none finds the pool threads, slot tables
 * or memory that another one left. What a case measures it also checks; a lost
 * or repeated task ends it, and bench with status 1.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <stopper/uring.h>
#include "bench.h"

#define SAMPLE_NS	20e6
#define CALIBRATE_NS	4e6
#define PATIENCE_S	60		/* for a case, and a tenth of it for each round */

unsigned int ncpus;
cpu_set_t cpus_allowed;

static const struct bench_case *const groups[] = {
	sync_cases, sync_two_cases, async_cases, stop_cases, scale_cases,
};

static const char *running = "bench";

/* NULL: before the first, after the last. */
static const struct bench_case *next_case(const struct bench_case *c)
{
	static unsigned int group;

	if (!c)
		group = 0;
	c = c ? c + 1 : groups[0];
	if (!c->name)
		c = ++group < sizeof(groups) / sizeof(*groups) ? groups[group] : NULL;
	return c;
}

void die(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "%s: ", running);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	_exit(1);
}

int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

struct stopper *new_stopper(void)
{
	struct stopper_options opts = { .size = sizeof(opts), .flags = STOPPER_QUIET };
	struct stopper *s;
	int err = stopper_create(&s, "bench", &opts);

	if (err)
		die("stopper_create: %s", stopper_strerror(err));
	return s;
}

void end_stopper(struct stopper *s)
{
	int err = stopper_stop(s, NULL);

	if (err || stopper_phase(s) != STOPPER_STOPPED || stopper_num_tasks(s))
		die("the stop ended with %s and %lu tasks", stopper_strerror(err),
		    stopper_num_tasks(s));
	stopper_put(s);
}

struct runner {
	pthread_t thread;
	pthread_barrier_t *barrier;
	loop_fn loop;
	uint64_t n;
	unsigned int i;
	int64_t from, to;
};

static void *runner_main(void *arg)
{
	struct runner *r = arg;

	pthread_barrier_wait(r->barrier);
	r->from = now_ns();
	r->loop(r->i, r->n);
	r->to = now_ns();
	return NULL;
}

/* The wall time of @n operations on each of @threads threads. */
int64_t run_threads(unsigned int threads, loop_fn loop, uint64_t n)
{
	struct runner r[MAX_THREADS];
	pthread_barrier_t barrier;
	int64_t from = INT64_MAX, to = 0;
	unsigned int i;

	pthread_barrier_init(&barrier, NULL, threads);
	for (i = 0; i < threads; i++) {
		r[i] = (struct runner){ .barrier = &barrier, .loop = loop, .n = n, .i = i };
		if (pthread_create(&r[i].thread, NULL, runner_main, &r[i]))
			die("no thread");
	}
	for (i = 0; i < threads; i++) {
		pthread_join(r[i].thread, NULL);
		from = r[i].from < from ? r[i].from : from;
		to = r[i].to > to ? r[i].to : to;
	}
	pthread_barrier_destroy(&barrier);
	return to - from;
}

double per_op(int64_t wall, unsigned int threads, uint64_t ops)
{
	unsigned int at_once = threads < ncpus ? threads : ncpus;

	return (double)wall * at_once / ((double)threads * (double)ops);
}

static double sample(const struct side *side, unsigned int threads, uint64_t ops)
{
	if (side->sample)
		return side->sample(threads, ops);
	return per_op(run_threads(threads, side->loop, ops), threads, ops);
}

/* How many operations take SAMPLE_NS. */
static uint64_t calibrate(const struct side *side, unsigned int threads)
{
	double all = 0, ns = 0;
	uint64_t ops;

	if (side->ops)
		return side->ops;
	for (ops = 16; all < CALIBRATE_NS; ops *= 4) {
		ns = sample(side, threads, ops);
		/* The inverse of per_op(): the wall time. */
		all = ns * (double)ops * threads / (threads < ncpus ? threads : ncpus);
	}
	ops = (uint64_t)(SAMPLE_NS / all * (double)(ops / 4));
	return ops ? ops : 1;
}

static uint64_t open_side(const struct side *side, unsigned int threads)
{
	if (side->open)
		side->open(threads);
	return calibrate(side, threads);
}

static void close_side(const struct side *side)
{
	if (side->close)
		side->close();
}

static void round_alone(const struct bench_case *c, unsigned int threads, unsigned int round,
			uint64_t ops)
{
	printf("T\t%s\t-\t%u\t%u\t%.4f\t-\n", c->name, threads, round,
	       sample(&c->us, threads, ops));
}

static void round_beside(const struct bench_case *c, const struct side *peer, unsigned int threads,
			 unsigned int round, uint64_t ops, uint64_t peer_ops)
{
	double us = sample(&c->us, threads, ops);

	printf("T\t%s\t%s\t%u\t%u\t%.4f\t%.4f\n", c->name, peer->name, threads, round, us,
	       sample(peer, threads, peer_ops));
}

static void run_at(const struct bench_case *c, unsigned int threads, unsigned int rounds)
{
	uint64_t ops, peer_ops[MAX_PEERS];
	unsigned int round, i, n = 0;

	ops = open_side(&c->us, threads);
	for (; c->peers[n].name; n++)
		peer_ops[n] = open_side(&c->peers[n], threads);
	for (round = 1; round <= rounds; round++) {
		if (!n)
			round_alone(c, threads, round, ops);
		for (i = 0; i < n; i++)
			round_beside(c, &c->peers[i], threads, round, ops, peer_ops[i]);
	}
	while (n--)
		close_side(&c->peers[n]);
	close_side(&c->us);
	fflush(stdout);
}

static bool run_case(const struct bench_case *c, unsigned int rounds)
{
	unsigned int i;
	pid_t child;
	int status;

	fprintf(stderr, "%s\n", c->name);
	fflush(stdout);
	child = fork();
	if (!child) {
		running = c->name;
		alarm(PATIENCE_S + rounds * PATIENCE_S / 10);
		for (i = 0; c->threads[i]; i++)
			run_at(c, c->threads[i], rounds);
		exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		die("no process for %s", c->name);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		fprintf(stderr, "%s: does not come to an end\n", c->name);
	else if (WIFSIGNALED(status))
		fprintf(stderr, "%s: ended by signal %d\n", c->name, WTERMSIG(status));
	return !status;
}

static const struct bench_case *find_case(const char *name)
{
	const struct bench_case *c = NULL;

	while ((c = next_case(c)) && strcmp(c->name, name))
		;
	return c;
}

static void list_cases(void)
{
	const struct bench_case *c = NULL;

	while ((c = next_case(c)))
		puts(c->name);
}

/* In a process of its own, which has used the library. */
static void say_backend(void)
{
	pid_t child = fork();

	if (!child) {
		printf("# waits on %s\n", stopper_wait_backend());
		exit(0);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
}

static bool run_all(unsigned int rounds)
{
	const struct bench_case *c = NULL;
	bool good = true;

	while ((c = next_case(c)))
		good &= run_case(c, rounds);
	return good;
}

static bool run_named(char **names, unsigned int rounds)
{
	bool good = true;
	char **name;

	for (name = names; *name; name++)
		if (!find_case(*name))
			die("no such case: %s (bench -l lists them)", *name);
	for (name = names; *name; name++)
		good &= run_case(find_case(*name), rounds);
	return good;
}

static unsigned int number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || n < 1 || n > 10000)
		die("rounds must be 1 to 10000, not %s", text);
	return (unsigned int)n;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "count", no_argument, NULL, 'c' },
		{ "lines", required_argument, NULL, 'L' },
		{ 0 }
	};
	unsigned int rounds = 11;
	int opt;

	if (sched_getaffinity(0, sizeof(cpus_allowed), &cpus_allowed))
		die("no CPUs");
	ncpus = (unsigned int)CPU_COUNT(&cpus_allowed);
	while ((opt = getopt_long(argc, argv, "lr:", longs, NULL)) != -1) {
		switch (opt) {
		case 'l':
			list_cases();
			return 0;
		case 'r':
			rounds = number(optarg);
			break;
		case 'c':
			count_all();
			return 0;
		case 'L':
			lines_all(number(optarg));
			return 0;
		default:
			die("usage: bench [-l] [-r ROUNDS] [CASE...], --count or --lines THREADS");
		}
	}
	say_backend();
	return !(argv[optind] ? run_named(argv + optind, rounds) : run_all(rounds));
}
