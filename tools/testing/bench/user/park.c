// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * park.c - threads that sleep until another thread wakes them.
 *
 * The peer "futex": a thread parked on a futex. A latency is from just before the
 * wake to the first thing that the woken thread does. It is measured only when the
 * thread is asleep for certain, which /proc says, so that neither we nor the peer
 * is ever met half way. Waker and sleeper are pinned to two CPUs (if there are two):
 * left to the scheduler they are on one in some rounds and on two in others, which
 * makes more of a difference than anything that is measured here. The waker yields
 * while it waits for the answer.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "bench.h"

#define PATIENCE_NS	INT64_C(10000000000)

/* The waker to the first CPU that we may use, the sleeper to the last. */
void pin_self(enum role role)
{
	cpu_set_t one;
	int cpu;

	if (CPU_COUNT(&cpus_allowed) < 2)
		return;
	CPU_ZERO(&one);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &cpus_allowed))
			continue;
		if (role == SLEEPER || !CPU_COUNT(&one)) {
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
		}
	}
	if (sched_setaffinity(0, sizeof(one), &one))
		die("cannot be pinned");
}

static char thread_state(int stat)
{
	char text[256], *end;
	ssize_t n = pread(stat, text, sizeof(text) - 1, 0);

	if (n <= 0)
		die("a thread that was to sleep has gone");
	text[n] = '\0';
	end = strrchr(text, ')');
	return end && end[1] ? end[2] : '?';
}

/* The descriptor stays open: mostly it is the same thread again. */
void wait_asleep(pid_t tid)
{
	static pid_t last;
	static int stat = -1;
	int64_t until = now_ns() + PATIENCE_NS;
	char path[64];

	if (tid != last) {
		if (stat >= 0)
			close(stat);
		snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
		stat = open(path, O_RDONLY | O_CLOEXEC);
		last = tid;
	}
	while (thread_state(stat) != 'S') {
		if (now_ns() > until)
			die("a thread does not go to sleep");
		sched_yield();
	}
}

/* Until the word is no longer @val. */
void wait_past(atomic_uint *word, unsigned int val)
{
	int64_t until = 0;
	unsigned int i;

	for (i = 1; atomic_load_explicit(word, memory_order_acquire) == val; i++) {
		sched_yield();
		if (i % 65536)
			continue;
		if (until && now_ns() > until)
			die("no answer");
		until = until ? until : now_ns() + PATIENCE_NS;
	}
}

/* The same asleep. Returns the new value. */
unsigned int sleep_past(atomic_uint *word, unsigned int val)
{
	unsigned int now;

	while ((now = atomic_load_explicit(word, memory_order_acquire)) == val)
		syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, val, NULL, NULL, 0);
	return now;
}

void set_and_wake(atomic_uint *word, unsigned int val)
{
	atomic_store_explicit(word, val, memory_order_release);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static int order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Sorts. */
double quantile(int64_t *ns, uint64_t n, double q)
{
	uint64_t at = (uint64_t)(q * (double)n);

	qsort(ns, n, sizeof(*ns), order);
	return (double)ns[at < n ? at : n - 1];
}

/* ->word says how often it was woken; UINT_MAX: leave. */
static struct {
	atomic_uint word OWN_LINE, seen OWN_LINE;
	int64_t at;
	pthread_t thread;
	pid_t tid;
} parked;

static void *parked_main(void *arg)
{
	unsigned int word = 0;

	(void)arg;
	pin_self(SLEEPER);
	parked.tid = (pid_t)syscall(SYS_gettid);
	atomic_store(&parked.seen, 1);
	while ((word = sleep_past(&parked.word, word)) != UINT_MAX) {
		parked.at = now_ns();
		atomic_store_explicit(&parked.seen, word + 1, memory_order_release);
	}
	return NULL;
}

void open_parked(unsigned int threads)
{
	(void)threads;
	atomic_store(&parked.word, 0);
	atomic_store(&parked.seen, 0);
	if (pthread_create(&parked.thread, NULL, parked_main, NULL))
		die("no thread");
	wait_past(&parked.seen, 0);
}

void close_parked(void)
{
	set_and_wake(&parked.word, UINT_MAX);
	pthread_join(parked.thread, NULL);
}

double wake_quantile(uint64_t ops, double q)
{
	int64_t *ns = calloc(ops, sizeof(*ns)), from;
	unsigned int word = atomic_load(&parked.word);
	double result;
	uint64_t i;

	if (!ns)
		die("no memory");
	pin_self(WAKER);
	for (i = 0; i < ops; i++) {
		wait_asleep(parked.tid);
		from = now_ns();
		set_and_wake(&parked.word, ++word);
		wait_past(&parked.seen, word);
		ns[i] = parked.at - from;
	}
	result = quantile(ns, ops, q);
	free(ns);
	return result;
}
