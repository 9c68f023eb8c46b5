// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * sched.c - simulated threads: coroutines, of which one runs at a time.
 *
 * A thread runs until a point: just before a step that another thread could see or interfere
 * with. There the search chooses the thread that runs next. A switch away from a thread that
 * could run is a preemption and charged to the budget; when a thread waits, the choice among
 * the others is free.
 *
 * Time stands still. Only when no thread can run, or as a preemption, it jumps to a deadline:
 * that of a parked thread, or of the earliest timer, whose function the last thread calls.
 */
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include "engine.h"
#include "scenario.h"
#include "task.h"

#define MAX_STEPS	20000

char *stacks;

static ucontext_t trampoline, back;

__thread struct stopper_tls stopper_tls;

void sched_init(void)
{
	stacks = reserve(THREADS * STACK_SIZE);
}

bool on_stack_of(const void *addr, unsigned int *thread)
{
	const char *p = addr;

	if (p < stacks || p >= stacks + THREADS * STACK_SIZE)
		return false;
	*thread = (unsigned int)((p - stacks) / STACK_SIZE);
	return true;
}

static void start(void)
{
	if (!_setjmp(ME->context))
		swapcontext(&trampoline, &back);
	ME->fn(ME->arg);
	sync_release(sync_at(&E->nthreads));
	wake_all(ON_THREAD, &E->nthreads);
	block(ENDED, NULL, PLAT_FOREVER, NULL);
	abort();
}

/* A coroutine that stands at the beginning of start(). */
static void prepare(unsigned int i)
{
	unsigned int current = E->current;

	getcontext(&trampoline);
	trampoline.uc_stack.ss_sp = stacks + i * STACK_SIZE;
	trampoline.uc_stack.ss_size = STACK_SIZE;
	trampoline.uc_link = NULL;
	makecontext(&trampoline, start, 0);
	E->current = i;
	swapcontext(&back, &trampoline);
	E->current = current;
	E->thread[i].sp = stacks + i * STACK_SIZE;
}

static const struct stopper_tls no_my = { { &stopper_busy_slot, &stopper_busy_slot }, 0 };

static void set_up(unsigned int i, void (*fn)(void *arg), void *arg, const char *name)
{
	struct thread *t = &E->thread[i];

	t->state = READY;
	t->fn = fn;
	t->arg = arg;
	t->name = name;
	t->comm[0] = '\0';
	t->tid = (int)i + 100;
	t->plat = NULL;
	t->locks = 0;
	t->woke = false;
	t->entered = false;
	t->killed = false;
	t->my = no_my;
	t->table = NULL;
	prepare(i);
}

unsigned int thread_new(void (*fn)(void *arg), void *arg, const char *name)
{
	unsigned int i = E->nthreads++;

	if (i == TIMERS)
		fail("too many threads for the explorer: %u", THREADS);
	thread_inherits(i, ME->chain);
	note(&ME->chain, 0xc1);
	set_up(i, fn, arg, name);
	return i;
}

/* As if from the first thread's beginning; it runs when a timer is due. */
void sched_begin(void (*fn)(void *arg), void *arg)
{
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		E->thread[i].state = NONE;
		E->thread[i].chain = 0;
		memset(&E->thread[i].now, 0, sizeof(E->thread[i].now));
	}
	E->nthreads = 1;
	E->current = 0;
	thread_inherits(0, 1);
	set_up(0, fn, arg, "main");
	thread_inherits(TIMERS, 2);
	set_up(TIMERS, timer_thread, NULL, "timers");
	stopper_tls = E->thread[0].my;
	_longjmp(E->thread[0].context, 1);
}

static void __attribute__((noinline)) run(unsigned int i)
{
	struct thread *me = ME;

	if (i == E->current)
		return;
	me->sp = __builtin_frame_address(0);
	me->my = stopper_tls;
	if (!_setjmp(me->context)) {
		E->current = i;
		stopper_tls = ME->my;
		_longjmp(ME->context, 1);
	}
}

/* Can it go on now, or (@timed) if time did? */
static bool runnable(unsigned int i, bool *timed)
{
	struct thread *t = &E->thread[i];

	*timed = false;
	if (i == TIMERS && t->state == READY && !t->entered) {
		/* Between two timers. */
		if (timer_deadline() == PLAT_FOREVER)
			return false;
		*timed = timer_deadline() > E->now;
		return true;
	}
	if (t->state == READY)
		return true;
	*timed = t->state == PARKED && t->deadline != PLAT_FOREVER;
	return *timed;
}

static void let_time_go_on(unsigned int i)
{
	struct thread *t = &E->thread[i];
	int64_t to = i == TIMERS && t->state == READY ? timer_deadline() : t->deadline;

	if (t->state == PARKED) {
		t->state = READY;
		t->late = true;
	}
	if (E->now < to)
		E->now = to;
	note(&t->chain, (uint64_t)E->now);
}

static const char * const waits[] = {
	[ON_LOCK] = "waits for a lock", [PARKED] = "is parked", [ON_THREAD] = "waits for a thread",
};

static void __attribute__((noreturn)) stuck(const char *why)
{
	unsigned int i, current = E->current;

	for (i = 0; i < THREADS; i++)
		if (E->thread[i].state >= ON_LOCK && E->thread[i].state <= ON_THREAD) {
			E->current = i;
			trace(E->thread[i].pc, "%s", waits[E->thread[i].state]);
		}
	E->current = current;
	fail("%s", why);
}

/* Chooses the thread that runs next, or moves time on. */
static void schedule(bool current_can)
{
	unsigned int can[THREADS], timed_from, n = 0, i, taken;
	bool timed[THREADS];

	if (E->steps++ == MAX_STEPS)
		stuck("no end after 20000 steps: a loop that never ends?");
	if (!E->finishing && seen_before(current_can))
		end_execution(SEEN);
	if (current_can)
		can[n++] = E->current;
	for (i = 0; i < THREADS; i++)
		if (!(i == E->current && current_can) && runnable(i, &timed[i]) && !timed[i])
			can[n++] = i;
	timed_from = n;
	for (i = 0; i < THREADS; i++)
		if (!(i == E->current && current_can) && runnable(i, &timed[i]) && timed[i])
			can[n++] = i;
	if (!timed_from) {
		for (i = 0; i < THREADS; i++)
			if (E->thread[i].state == SETTLING) {
				E->thread[i].state = READY;
				run(i);
				return;
			}
		if (!n)
			stuck("all wait for ever: a wake-up was lost");
		if (!E->scenario->needs_time && !E->finishing)
			stuck("all wait, and only time would go on: a wake-up was lost");
	}
	if (E->finishing) {
		taken = 0;
	} else if (!timed_from || (!current_can && timed_from == n)) {
		taken = choose(CHOOSE_THREAD, n, true);
	} else if (current_can) {
		taken = choose(CHOOSE_THREAD, n, false);
	} else {
		/* Time is the exception: among the others the choice is free. */
		taken = choose(CHOOSE_THREAD, timed_from, true);
		if (choose(CHOOSE_THREAD, n - timed_from + 1, false))
			taken = timed_from;
	}
	if (taken >= timed_from)
		let_time_go_on(can[taken]);
	run(can[taken]);
}

/* The thread is about to take a step that others may see. */
void point(void)
{
	schedule(true);
}

/* The thread cannot run before another one wakes it. */
void block(enum thread_state why, const void *on, int64_t deadline, const void *pc)
{
	ME->state = why;
	ME->on = on;
	ME->deadline = deadline;
	ME->pc = pc;
	ME->late = false;
	schedule(false);
}

void wake_all(enum thread_state why, const void *on)
{
	unsigned int i;

	for (i = 0; i < THREADS; i++)
		if (E->thread[i].state == why && E->thread[i].on == on)
			E->thread[i].state = READY;
}
