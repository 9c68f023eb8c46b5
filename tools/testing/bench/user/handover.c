// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * handover.c - the limit of async tasks: what it costs alone that another thread does the work.
 *
 * Nothing of a task is here: no admission, no list, no memory, no second thread when the first
 * one is blocked. A producer links a node from its ring with one compare-and-exchange; one thread
 * takes all that there are with one exchange, and sleeps only when there is nothing. With a limit,
 * the producers first wait for a POSIX semaphore, which that thread posts.
 *
 * Sleeping is a handshake of two stores and two loads, both sequentially consistent: the thread
 * stores "asleep" and looks at the list; a producer links its node and looks at "asleep".
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "bench.h"

#define SPINS	2000		/* some microseconds, as the pool's threads */

static struct node {
	struct node *next;
	struct producer *producer;
} ring[MAX_THREADS][MAX_IN_FLIGHT];

static unsigned int ring_next[MAX_THREADS];
static struct node *_Atomic pushed OWN_LINE;
static atomic_uint asleep OWN_LINE, closing;
static pthread_t taker;
static bool is_limited;
static sem_t slots;

static void wake(void)
{
	if (atomic_load(&asleep) && atomic_exchange(&asleep, 0))
		syscall(SYS_futex, &asleep, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void relax(void)
{
#ifdef __x86_64__
	__builtin_ia32_pause();
#endif
}

static struct node *take(void)
{
	struct node *first = NULL;
	unsigned int i;

	for (i = 0; i < SPINS && !first; i++) {
		if (atomic_load_explicit(&pushed, memory_order_relaxed))
			first = atomic_exchange(&pushed, NULL);
		else
			relax();
	}
	return first;
}

static void sleep_unless_pushed(void)
{
	atomic_store(&asleep, 1);
	if (!atomic_load(&pushed) && !atomic_load(&closing))
		syscall(SYS_futex, &asleep, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
	atomic_store(&asleep, 0);
}

/* The first of them. */
static struct node *reverse(struct node *last)
{
	struct node *first = NULL, *next;

	for (; last; last = next) {
		next = last->next;
		last->next = first;
		first = last;
	}
	return first;
}

static void *take_all(void *arg)
{
	struct node *node, *next;

	(void)arg;
	while (!atomic_load(&closing)) {
		node = take();
		if (!node)
			sleep_unless_pushed();
		for (node = reverse(node); node; node = next) {
			next = node->next;
			/* the producer may use the node again from here on */
			task_done(node->producer);
			if (is_limited)
				sem_post(&slots);
		}
	}
	return NULL;
}

static void open_handover(int limit)
{
	is_limited = limit > 0;
	closing = 0;
	if (sem_init(&slots, 0, (unsigned int)limit) ||
	    pthread_create(&taker, NULL, take_all, NULL))
		die("no thread to hand over to");
}

void open_handover_unlimited(unsigned int threads)
{
	(void)threads;
	open_handover(0);
}

void open_handover_1(unsigned int threads)
{
	(void)threads;
	open_handover(1);
}

void open_handover_8(unsigned int threads)
{
	(void)threads;
	open_handover(8);
}

void open_handover_64(unsigned int threads)
{
	(void)threads;
	open_handover(64);
}

void close_handover(void)
{
	atomic_store(&closing, 1);
	wake();
	pthread_join(taker, NULL);
	sem_destroy(&slots);
}

static void submit_handover(struct producer *p)
{
	unsigned int i = producer_index(p);
	struct node *node = &ring[i][ring_next[i]++ % MAX_IN_FLIGHT];

	while (is_limited && sem_wait(&slots))
		;
	node->producer = p;
	node->next = atomic_load_explicit(&pushed, memory_order_relaxed);
	while (!atomic_compare_exchange_weak(&pushed, &node->next, node))
		;
	wake();
}

static void loop_handover(unsigned int i, uint64_t n)
{
	produce(i, n, submit_handover);
}

double sample_handover(unsigned int threads, uint64_t ops)
{
	return sample_produced(loop_handover, threads, ops);
}
