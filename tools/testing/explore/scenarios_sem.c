// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scenarios_sem.c - semaphores and limited tasks: the races drawn in core/sem.c.
 */
#include "scenario.h"

enum { INSIDE, ORDER };

static struct stopper *s;
static struct stopper_sem sem;
static struct stopper_ctx *ctx;

/* The semaphore has one slot. */
static void alone(struct stopper_ctx *c, void *arg)
{
	counted(NULL, NULL);
	check(ghost_add(INSIDE, 1) == 1);
	check(stopper_sem_length(&sem) == 1);
	ghost_add(INSIDE, -1);
}

static void limited(struct stopper_ctx *c)
{
	int err = stopper_run_limited_async_task(s, c, "limited", &sem, true, alone, NULL);

	if (err == -ECANCELED || err == -EBUSY)
		check(c);
	else
		accepted(err);
}

static void run_limited(void *arg)
{
	limited(arg);
}

static void all_free(void)
{
	check(!stopper_sem_length(&sem));
	stopper_sem_destroy(&sem);
}

SCENARIO(limited_line, "sem.c: who waits in line is handed the slot, or sees Quiesce",
	 .budget = 2, .stale = 1)
{
	s = new_stopper(NULL);
	stopper_sem_init(&sem, 1);
	go(run_limited, NULL);
	limited(NULL);
	end(s);
	all_free();
}

SCENARIO(limited_handed_on, "sem.c: a releaser starts the task of who waits in line",
	 .budget = 2)
{
	s = new_stopper(NULL);
	stopper_sem_init(&sem, 1);
	go(run_limited, NULL);
	limited(NULL);
	join_all();
	check(ghost_get(ACCEPTED) == 2);
	end(s);
	all_free();
}

static void cancel(void *c)
{
	stopper_ctx_cancel(c);
}

SCENARIO(limited_cancelled, "sem.c: granted and cancelled at once",
	 .budget = 2, .stale = 1)
{
	s = new_stopper(NULL);
	stopper_sem_init(&sem, 1);
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	check(!stopper_sem_try_acquire(&sem));
	go(run_limited, ctx);
	go(cancel, ctx);
	stopper_sem_release(&sem);
	join_all();
	end(s);
	stopper_ctx_put(ctx);
	all_free();
}

SCENARIO(limited_faults, "a limited task, and any memory or thread is missing: its slot is free",
	 .budget = 2, .faults = 2, .needs_time = true)
{
	s = new_stopper(NULL);
	if (!s)
		return;
	stopper_sem_init(&sem, 1);
	limited(NULL);
	accepted(stopper_run_limited_async_task(s, NULL, "second", &sem, true, alone, NULL));
	end(s);
	all_free();
}

static void take_turn(void *c)
{
	int err = stopper_sem_acquire(&sem, c);

	check(!err || (c && err == -ECANCELED) || err == -ESHUTDOWN);
	if (err)
		return;
	check(ghost_add(INSIDE, 1) == 1);
	ghost_add(INSIDE, -1);
	stopper_sem_release(&sem);
}

SCENARIO(sem_in_turn, "sem.c: three take turns; the record of who waits is on its stack",
	 .budget = 3, .stale = 1)
{
	stopper_sem_init(&sem, 1);
	go(take_turn, NULL);
	go(take_turn, NULL);
	take_turn(NULL);
	join_all();
	all_free();
}

SCENARIO(sem_gives_up, "sem.c: one gives up while he is granted the slot",
	 .budget = 3, .stale = 1)
{
	stopper_sem_init(&sem, 1);
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	check(!stopper_sem_acquire(&sem, NULL));
	go(take_turn, ctx);
	go(cancel, ctx);
	stopper_sem_release(&sem);
	take_turn(NULL);
	join_all();
	stopper_ctx_put(ctx);
	all_free();
}

static void try_turn(void *arg)
{
	int err = stopper_sem_try_acquire(&sem);

	check(!err || err == -EBUSY);
	if (err)
		return;
	check(ghost_add(INSIDE, 1) == 1);
	ghost_add(INSIDE, -1);
	stopper_sem_release(&sem);
}

SCENARIO(sem_tried, "one takes turns, another only if he need not wait",
	 .budget = 3, .stale = 1)
{
	stopper_sem_init(&sem, 1);
	go(try_turn, NULL);
	take_turn(NULL);
	join_all();
	all_free();
}

SCENARIO(sem_awake, "sem.c: one looks for his slot, awake, before he sleeps",
	 .budget = 3, .stale = 1, .spins = 1)
{
	stopper_sem_init(&sem, 1);
	go(take_turn, NULL);
	take_turn(NULL);
	join_all();
	all_free();
}

static void releases(void *m)
{
	stopper_sem_release(m);
}

SCENARIO(holder_frees, "sem.c: who has got the slot frees the semaphore while its releaser leaves",
	 .budget = 4, .stale = 2, .spins = 1)
{
	struct stopper_sem *m = plat_alloc(sizeof(*m));

	stopper_sem_init(m, 1);
	check(!stopper_sem_acquire(m, NULL));
	go(releases, m);
	check(!stopper_sem_acquire(m, NULL));
	stopper_sem_destroy(m);
	plat_free(m);
}

SCENARIO(looker_frees, "sem.c: who has seen the length go down frees the semaphore",
	 .budget = 4, .stale = 2)
{
	struct stopper_sem *m = plat_alloc(sizeof(*m));
	bool gone;

	stopper_sem_init(m, 1);
	check(!stopper_sem_acquire(m, NULL));
	go(releases, m);
	gone = !stopper_sem_length(m);
	if (!gone)
		join_all();
	stopper_sem_destroy(m);
	plat_free(m);
}

static void closes(void *arg)
{
	stopper_sem_close(&sem);
}

SCENARIO(sem_closed, "a semaphore is closed while one waits and one releases",
	 .budget = 3, .stale = 1)
{
	stopper_sem_init(&sem, 1);
	check(!stopper_sem_acquire(&sem, NULL));
	go(take_turn, NULL);
	go(closes, NULL);
	stopper_sem_release(&sem);
	join_all();
	check(stopper_sem_acquire(&sem, NULL) == -ESHUTDOWN);
	all_free();
}

/* Both wait before the slot is released; the first waiter gets it first. */
static void first(void *arg)
{
	check(!stopper_sem_acquire(&sem, NULL));
	check(ghost_add(ORDER, 1) == 1);
	stopper_sem_release(&sem);
}

static void second(void *arg)
{
	check(!stopper_sem_acquire(&sem, NULL));
	check(ghost_add(ORDER, 1) == 2);
	stopper_sem_release(&sem);
}

static unsigned int in_line(void)
{
	unsigned int n = 0;
	struct stopper_list *node;
	plat_flags_t f;

	plat_lock(&sem.lock, f);
	list_walk(node, &sem.waiters)
		n++;
	plat_unlock(&sem.lock, f);
	return n;
}

SCENARIO(sem_order, "who waits in line is served in order",
	 .budget = 2)
{
	stopper_sem_init(&sem, 1);
	check(!stopper_sem_acquire(&sem, NULL));
	go(first, NULL);
	/* Executions in which the first is not in line now say nothing. */
	if (in_line() != 1) {
		stopper_sem_release(&sem);
		join_all();
		return;
	}
	go(second, NULL);
	stopper_sem_release(&sem);
	join_all();
	all_free();
}
