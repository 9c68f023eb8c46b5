// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * sync.c - what a task, an event or a context costs that runs on the caller's thread.
 *
 * The task is an empty function that the compiler may not look into, called by a
 * pointer that it may not know. Our loops also look at the status of every call
 * (one instruction); that a task is called exactly once is tried before.
 *
 * Peers, each around the same call:
 *   call       nothing
 *   atomic     one C11 atomic for all threads, up before and down after
 *   mutex-map  a mutex and a hash map by name (GLib's), likewise: what the
 *              reference did when it listed its tasks
 *   urcu       liburcu's read lock, flavour memb, inlined
 *   go         the reference's admission, in Go (gopeer/)
 *   registers  as many instructions as run_task has, on registers only, without the
 *              call: by how much this is slower on all CPUs at once is the machine's
 *   load       one acquire load, inlined as stopper_event_fired() is
 */
#define _GNU_SOURCE
#define _LGPL_SOURCE		/* liburcu: inline its read lock */
#include <glib.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <urcu/urcu-memb.h>
#include "bench.h"

struct stopper *stoppers[MAX_THREADS];

static NOINLINE void empty(struct stopper_ctx *ctx, void *arg)
{
	(void)ctx;
	__asm__ volatile ("" : : "r"(arg) : "memory");
}

/* The compiler does not know what comes back. */
static stopper_fn unknown(stopper_fn fn)
{
	__asm__ volatile ("" : "+r"(fn));
	return fn;
}

static void count_call(struct stopper_ctx *ctx, void *arg)
{
	(void)ctx;
	++*(unsigned int *)arg;
}

static void check_once(struct stopper *s)
{
	unsigned int i, calls = 0;

	for (i = 0; i < 1000; i++)
		if (stopper_run_task(s, NULL, "check", count_call, &calls) || calls != i + 1)
			die("a task was not called exactly once");
}

/* One stopper for all threads. */
void open_stopper(unsigned int threads)
{
	unsigned int i;

	stoppers[0] = new_stopper();
	check_once(stoppers[0]);
	for (i = 1; i < threads; i++)
		stoppers[i] = stopper_get(stoppers[0]);
}

void close_stoppers(void)
{
	unsigned int i;

	for (i = 0; i < MAX_THREADS && stoppers[i]; i++) {
		end_stopper(stoppers[i]);
		stoppers[i] = NULL;
	}
}

void check(int err, const char *what)
{
	if (err)
		die("%s failed", what);
}

void loop_run_task(unsigned int i, uint64_t n)
{
	struct stopper *s = stoppers[i];
	stopper_fn fn = unknown(empty);
	int err = 0;

	for (; n; n--)
		err |= stopper_run_task(s, NULL, "bench", fn, NULL);
	check(err, "stopper_run_task");
}

static NOINLINE void nested(struct stopper_ctx *ctx, void *arg)
{
	if (stopper_run_task(arg, ctx, "inner", unknown(empty), NULL))
		die("the inner task was refused");
}

static void loop_nested(unsigned int i, uint64_t n)
{
	struct stopper *s = stoppers[i];
	stopper_fn fn = unknown(nested);
	int err = 0;

	for (; n; n--)
		err |= stopper_run_task(s, NULL, "outer", fn, s);
	check(err, "stopper_run_task");
}

static void loop_begin_end(unsigned int i, uint64_t n)
{
	struct stopper *s = stoppers[i];
	struct stopper_task task;
	int err = 0;

	for (; n; n--) {
		err |= stopper_task_begin(s, NULL, "bench", &task);
		stopper_task_end(&task);
	}
	check(err, "stopper_task_begin");
}

static void open_refusing(unsigned int threads)
{
	open_stopper(threads);
	check(stopper_stop(stoppers[0], NULL), "stopper_stop");
}

static void loop_refused(unsigned int i, uint64_t n)
{
	struct stopper *s = stoppers[i];
	stopper_fn fn = unknown(empty);
	int wrong = 0;

	for (; n; n--)
		wrong |= stopper_run_task(s, NULL, "refused", fn, NULL) - STOPPER_EUNAVAILABLE;
	check(wrong, "refusing");
}

void loop_empty(unsigned int i, uint64_t n)
{
	(void)i;
	for (; n; n--)
		__asm__ volatile ("" : : : "memory");
}

/* --- peers --------------------------------------------------------------------------------- */

static void loop_call(unsigned int i, uint64_t n)
{
	stopper_fn fn = unknown(empty);

	(void)i;
	for (; n; n--)
		fn(NULL, NULL);
}

static NOINLINE void nested_call(struct stopper_ctx *ctx, void *arg)
{
	unknown(empty)(ctx, arg);
}

void loop_registers(unsigned int i, uint64_t n)
{
	unsigned long a = i, b = i, c = i, d = i, e = i, f = i;
	unsigned int k;

	for (; n; n--) {
#pragma GCC unroll 4
		for (k = 0; k < 4; k++) {
			a++, b++, c++, d++, e++, f++;
			__asm__ volatile ("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e),
					  "+r"(f));
		}
	}
}

static void loop_nested_call(unsigned int i, uint64_t n)
{
	stopper_fn fn = unknown(nested_call);

	(void)i;
	for (; n; n--)
		fn(NULL, NULL);
}

static struct {
	atomic_long n OWN_LINE;
} shared;

static void loop_atomic(unsigned int i, uint64_t n)
{
	stopper_fn fn = unknown(empty);

	(void)i;
	for (; n; n--) {
		atomic_fetch_add(&shared.n, 1);
		fn(NULL, NULL);
		atomic_fetch_sub(&shared.n, 1);
	}
}

static pthread_mutex_t map_lock = PTHREAD_MUTEX_INITIALIZER;
static GHashTable *map;

static void open_map(unsigned int threads)
{
	static long counts[16];
	static char names[16][16];
	unsigned int i;

	(void)threads;
	map = g_hash_table_new(g_str_hash, g_str_equal);
	for (i = 0; i < 16; i++) {
		snprintf(names[i], sizeof(names[i]), i ? "site %u" : "bench", i);
		g_hash_table_insert(map, names[i], &counts[i]);
	}
}

static void close_map(void)
{
	if (*(long *)g_hash_table_lookup(map, "bench"))
		die("mutex-map: the count is not 0 at the end");
	g_hash_table_destroy(map);
}

static NOINLINE void map_add(const char *name, long diff)
{
	pthread_mutex_lock(&map_lock);
	*(long *)g_hash_table_lookup(map, name) += diff;
	pthread_mutex_unlock(&map_lock);
}

static void loop_map(unsigned int i, uint64_t n)
{
	stopper_fn fn = unknown(empty);

	(void)i;
	for (; n; n--) {
		map_add("bench", 1);
		fn(NULL, NULL);
		map_add("bench", -1);
	}
}

static void loop_urcu(unsigned int i, uint64_t n)
{
	stopper_fn fn = unknown(empty);

	(void)i;
	urcu_memb_register_thread();
	for (; n; n--) {
		urcu_memb_read_lock();
		fn(NULL, NULL);
		urcu_memb_read_unlock();
	}
	urcu_memb_unregister_thread();
}

static double go_admit(unsigned int threads, uint64_t ops)
{
	return go_sample("admit", threads, ops);
}

/* --- questions ------------------------------------------------------------------------------ */

static struct stopper_event event;
static struct stopper_ctx *ctx;
static unsigned int flag;

static void open_event(unsigned int threads)
{
	(void)threads;
	stopper_event_init(&event);
}

static void close_event(void)
{
	stopper_event_fire(&event);
	if (!stopper_event_fired(&event))
		die("a fired event says that it has not");
	stopper_event_destroy(&event);
}

static void open_ctx(unsigned int threads)
{
	(void)threads;
	check(stopper_ctx_with_cancel(NULL, &ctx), "stopper_ctx_with_cancel");
}

static void close_ctx(void)
{
	stopper_ctx_cancel(ctx);
	if (stopper_ctx_err(ctx) != -ECANCELED)
		die("a cancelled context says that it lasts");
	stopper_ctx_put(ctx);
}

static void loop_event_fired(unsigned int i, uint64_t n)
{
	const struct stopper_event *ev = &event;
	unsigned int seen = 0;

	(void)i;
	for (; n; n--) {
		__asm__ volatile ("" : "+r"(ev) : : "memory");
		seen |= stopper_event_fired(ev);
	}
	check(seen != 0, "asking for an event that has not fired");
}

static void loop_ctx_err(unsigned int i, uint64_t n)
{
	const struct stopper_ctx *c = ctx;
	int seen = 0;

	(void)i;
	for (; n; n--) {
		__asm__ volatile ("" : "+r"(c) : : "memory");
		seen |= stopper_ctx_err(c);
	}
	check(seen, "asking for a context that lasts");
}

static void loop_load(unsigned int i, uint64_t n)
{
	const unsigned int *f = &flag;
	unsigned int seen = 0;

	(void)i;
	for (; n; n--) {
		__asm__ volatile ("" : "+r"(f) : : "memory");
		seen |= __atomic_load_n(f, __ATOMIC_ACQUIRE);
	}
	check(seen != 0, "load");
}

/* -------------------------------------------------------------------------------------------- */

#define CALL	{ .name = "call", .loop = loop_call }
#define ATOMIC	{ .name = "atomic", .loop = loop_atomic }
#define MAP	{ .name = "mutex-map", .loop = loop_map, .open = open_map, .close = close_map }
#define URCU	{ .name = "urcu", .loop = loop_urcu }
#define GO	{ .name = "go", .sample = go_admit, .open = go_open, .close = go_close }

const struct bench_case sync_cases[] = {
	{ "run_task", { 1, 2, 4, 8 }, { .loop = loop_run_task, STOPPER },
	  { CALL, REGS, ATOMIC, MAP, URCU, GO } },
	{ "run_task_nested", ONE, { .loop = loop_nested, STOPPER },
	  { { .name = "call", .loop = loop_nested_call } } },
	{ "task_begin_end", ONE, { .loop = loop_begin_end, STOPPER }, { ATOMIC, MAP } },
	{ "event_fired", ONE,
	  { .loop = loop_event_fired, .open = open_event, .close = close_event },
	  { { .name = "load", .loop = loop_load } } },
	{ "ctx_err", ONE, { .loop = loop_ctx_err, .open = open_ctx, .close = close_ctx },
	  { { .name = "load", .loop = loop_load } } },
	{ 0 }
};

const struct side counted[] = {
	{ .name = "empty", .loop = loop_empty },
	{ .name = "call", .loop = loop_call },
	{ .name = "call_nested", .loop = loop_nested_call },
	{ .name = "run_task", .loop = loop_run_task, STOPPER },
	{ .name = "run_task_nested", .loop = loop_nested, STOPPER },
	{ .name = "run_task_refused", .loop = loop_refused, .open = open_refusing,
	  .close = close_stoppers },
	{ .name = "task_begin_end", .loop = loop_begin_end, STOPPER },
	{ .name = "event_fired", .loop = loop_event_fired, .open = open_event,
	  .close = close_event },
	{ .name = "ctx_err", .loop = loop_ctx_err, .open = open_ctx, .close = close_ctx },
	{ .name = "load", .loop = loop_load },
	{ .name = "create_stop_put", .loop = loop_create },
	{ 0 }
};

/* For lines.c: what all threads share. */
const struct side shared_peers[] = {
	{ .name = "atomic", .loop = loop_atomic },
	{ .name = "mutex-map", .loop = loop_map, .open = open_map, .close = close_map },
	{ 0 }
};
