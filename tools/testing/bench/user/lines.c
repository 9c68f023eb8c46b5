// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * lines.c - how many cache lines an operation moves between threads, counted by the plugin
 * ../tcg/lines.c; see ../user-lines.
 *
 * The threads take turns, one operation each, in a fixed order, so each operation finds the lines
 * where the other threads have left them. What moves does not depend on chance then, and there
 * is no contention inside an operation: that costs more lines, never fewer.
 *
 * The k-th record "L CASE OPERATIONS WHICH" on stdout belongs to the k-th line of the plugin.
 * WHICH is "own" if only the operations' own accesses count; "all" if another thread does a part
 * of the work: then the hand-over of the turn is counted, too, which is the case "turn".
 *
 * Peers: one atomic for all threads; a mutex and a map; GLib's GThreadPool.
 */
#include <glib.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "bench.h"

#define WARM_TURNS	80		/* more than a table has slots */
#define TURNS		64

enum { MARK_BEGIN = 16, MARK_END, MARK_ZERO, MARK_SHOW };

static inline __attribute__((always_inline)) void mark(const unsigned int id)
{
#ifdef __x86_64__
	__asm__ volatile ("nopl %c0(%%rax,%%rax,1)" : : "i"(0x53545000 | id) : "memory");
#else
	die("mark %u is for x86-64", id);
#endif
}

static struct {
	atomic_uint word OWN_LINE;	/* a turn: the number of the operation */
} turns[MAX_THREADS];

static struct answer {
	atomic_uint word OWN_LINE;
} answers[MAX_THREADS];

struct crew {
	const struct side *side;
	unsigned int threads;
};

static struct crew crew;

/* Only the first thread marks, while all others wait for their turn. */
static void mark_turn(unsigned int i, unsigned int turn)
{
	if (i)
		return;
	if (turn == WARM_TURNS)
		mark(MARK_ZERO);
	if (turn == WARM_TURNS + TURNS)
		mark(MARK_SHOW);
}

static void *take_turns(void *arg)
{
	unsigned int i = (unsigned int)(uintptr_t)arg, turn;

	for (turn = 0; turn < WARM_TURNS + TURNS + 1; turn++) {
		sleep_past(&turns[i].word, turn);
		mark_turn(i, turn);
		mark(MARK_BEGIN);
		crew.side->loop(i, 1);
		mark(MARK_END);
		if (i + 1 < crew.threads)
			set_and_wake(&turns[i + 1].word, turn + 1);
		else if (turn < WARM_TURNS + TURNS)
			set_and_wake(&turns[0].word, turn + 2);
	}
	return NULL;
}

static void run_side(const struct side *side, unsigned int threads, const char *which)
{
	pthread_t thread[MAX_THREADS];
	unsigned int i;

	crew = (struct crew){ side, threads };
	for (i = 0; i < threads; i++)
		atomic_store(&turns[i].word, i ? 0 : 1);
	if (side->open)
		side->open(threads);
	for (i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, take_turns, (void *)(uintptr_t)i))
			die("no thread");
	for (i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	if (side->close)
		side->close();
	printf("L %s %u %s\n", side->name, TURNS * threads, which);
}

/* --- work of another thread: handed over, and waited for ------------------------------------- */

static struct stopper *s;
static struct stopper_sem sem;
static GThreadPool *gpool;

static void answer_task(struct stopper_ctx *ctx, void *arg)
{
	struct answer *a = arg;

	(void)ctx;
	set_and_wake(&a->word, 1);
}

static void answer_gpool(gpointer data, gpointer unused)
{
	(void)unused;
	answer_task(NULL, data);
}

static void await(struct answer *a)
{
	sleep_past(&a->word, 0);
	atomic_store(&a->word, 0);
}

static void open_pool(unsigned int threads)
{
	(void)threads;
	s = new_stopper();
	stopper_sem_init(&sem, MAX_THREADS);
}

static void close_pool(void)
{
	end_stopper(s);
	stopper_sem_destroy(&sem);
}

static void loop_async(unsigned int i, uint64_t n)
{
	for (; n; n--) {
		if (stopper_run_async_task(s, NULL, "bench", answer_task, &answers[i]))
			die("stopper_run_async_task failed");
		await(&answers[i]);
	}
}

static void loop_limited(unsigned int i, uint64_t n)
{
	for (; n; n--) {
		if (stopper_run_limited_async_task(s, NULL, "bench", &sem, true, answer_task,
						   &answers[i]))
			die("stopper_run_limited_async_task failed");
		await(&answers[i]);
	}
}

static void open_gpool(unsigned int threads)
{
	(void)threads;
	gpool = g_thread_pool_new(answer_gpool, NULL, 2, TRUE, NULL);
}

static void close_gpool(void)
{
	g_thread_pool_free(gpool, FALSE, TRUE);
}

static void loop_gpool(unsigned int i, uint64_t n)
{
	for (; n; n--) {
		if (!g_thread_pool_push(gpool, &answers[i], NULL))
			die("g_thread_pool_push failed");
		await(&answers[i]);
	}
}

static void loop_ctx(unsigned int i, uint64_t n)
{
	struct stopper_ctx *ctx;

	(void)i;
	for (; n; n--) {
		if (stopper_ctx_with_cancel(NULL, &ctx))
			die("stopper_ctx_with_cancel failed");
		stopper_ctx_cancel(ctx);
		stopper_ctx_put(ctx);
	}
}

static const struct side own_ctx = { .name = "ctx_create_cancel_put", .loop = loop_ctx };

static const struct side handed_over[] = {
	{ .name = "turn", .loop = loop_empty },
	{ .name = "run_async", .loop = loop_async, .open = open_pool, .close = close_pool },
	{ .name = "run_limited_async", .loop = loop_limited, .open = open_pool,
	  .close = close_pool },
	{ .name = "gthreadpool", .loop = loop_gpool, .open = open_gpool, .close = close_gpool },
	{ 0 }
};

static void run_sides(const struct side *side, unsigned int threads, const char *which)
{
	for (; side->name; side++)
		run_side(side, threads, which);
}

void lines_all(unsigned int threads)
{
	if (!threads || threads > MAX_THREADS)
		die("from 1 to %d threads", MAX_THREADS);
	run_sides(counted, threads, "own");
	run_side(&own_ctx, threads, "own");
	run_sides(shared_peers, threads, "own");
	run_sides(handed_over, threads, "all");
}
