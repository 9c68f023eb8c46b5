/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * scenario.h - what a scenario is written with.
 *
 * A scenario is a function that runs as the first simulated thread, starts others with
 * go(), and waits for them with join_all(). When it returns, the pool's threads are ended,
 * and the explorer checks that every object was freed, no stopper is listed, no task is
 * counted and no lock is held. A ghost is a number outside of the core: it orders nothing,
 * and every thread sees its latest value.
 */
#ifndef STOPPER_EXPLORE_SCENARIO_H
#define STOPPER_EXPLORE_SCENARIO_H

#include <stopper/stopper.h>
#include "internal.h"

struct scenario {
	const char *name;
	const char *about;
	void (*run)(void);
	unsigned char budget;		/* what is not the default, in one execution */
	unsigned char stale;		/* of this, loads of what is not the latest store */
	unsigned char faults;		/* of this, allocations and thread starts that fail */
	unsigned char deaths;		/* of this, threads that die: may_die() */
	bool needs_time;		/* else: a wait that only time ends is a lost wake-up */
	bool traced;			/* tasks are traced */
	unsigned char spins;		/* of a waiter that spins */
	unsigned char cpus;		/* 0: two */
	bool kthreads;			/* workers are asked to stop one by one */
};

/* The linker makes one list of what all files have. */
extern const struct scenario __start_scenarios[], __stop_scenarios[];

/*
 * SCENARIO(name, "about", .budget = 3, ...) { ... } - one more; the linker makes the list.
 * Two preemptions and one late load or fault together are the least that is asked for.
 */
#define SCENARIO(id, text, ...)							\
	static void id(void);							\
	static const struct scenario scenario_##id				\
		__attribute__((section("scenarios"), used, aligned(8))) = {	\
		.name = #id, .about = text, .run = id, __VA_ARGS__ };		\
	static void id(void)

void go(void (*fn)(void *arg), void *arg);
void join_all(void);
/* A signal that kills, for a thread of go()'s: A, B and so on. */
void explore_kill(const char *name);
/* Waits until no other thread can run. */
void settle(void);
void ghost_set(unsigned int i, long v);
long ghost_get(unsigned int i);
long ghost_add(unsigned int i, long n);
/* What a pool thread was named last. */
const char *explore_comm(int tid);
/* A worker's: waits for nothing but plat_thread_stop(). */
void explore_until_stop_requested(void);
/* Here this thread may die, without unwinding, as a kthread does that oopses. */
void may_die(void);
void check_failed(const char *what, const char *file, int line);

#define check(cond)	((cond) ? (void)0 : check_failed(#cond, __FILE__, __LINE__))

/* What most scenarios count. */
enum { ACCEPTED = 32, RAN, QUIESCED, STOPPED, CLOSED, CALLED, RETURNED };

struct stopper *new_stopper(struct stopper *parent);
/* A task of a stopper: none begins or runs once Quiesce has returned. */
void counted(struct stopper_ctx *ctx, void *arg);
void accepted(int err);
/* Quiesces, stops and puts; then all that was accepted must have run. */
void end(struct stopper *s);
/* The same with an event, for what waits. */
struct stopper *new_gated(struct stopper_event *gate);
void end_gated(struct stopper *s, struct stopper_event *gate);
/* Tasks that fire an event, or wait for it. */
void task_fires(struct stopper_ctx *ctx, void *ev);
void task_waits(struct stopper_ctx *ctx, void *ev);
/* For go(): stops a stopper, cancels a context. */
void stops(void *s);
void cancels_ctx(void *ctx);

#endif /* STOPPER_EXPLORE_SCENARIO_H */
