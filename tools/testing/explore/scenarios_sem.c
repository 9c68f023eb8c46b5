// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scenarios_sem.c - semaphores and limited tasks: the races drawn in core/sem.c.
 */
#include "scenario.h"
#include "report.h"
#include "upcalls.h"

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

SCENARIO(limited_cancelled, "sem.c: granted and cancelled at once",
	 .budget = 2, .stale = 1)
{
	s = new_stopper(NULL);
	stopper_sem_init(&sem, 1);
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	check(!stopper_sem_try_acquire(&sem));
	go(run_limited, ctx);
	go(cancels_ctx, ctx);
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
	go(cancels_ctx, ctx);
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

/* Takes one slot, or two, of a semaphore whose capacity changes. */
static void take_slots(void *n)
{
	int err = stopper_sem_acquire_n(&sem, (int)(long)n, NULL);

	check(!err);
	ghost_add(INSIDE, (int)(long)n);
	check(ghost_get(INSIDE) <= 2);
	ghost_add(INSIDE, -(int)(long)n);
	stopper_sem_release_n(&sem, (int)(long)n);
}

static void grow(void *arg)
{
	check(!stopper_sem_resize(&sem, 2));
}

SCENARIO(sem_grown, "sem.c: a semaphore grows while a slot is released; both let waiters in",
	 .budget = 3, .stale = 1)
{
	stopper_sem_init(&sem, 1);
	check(!stopper_sem_acquire(&sem, NULL));
	go(take_slots, (void *)2L);
	go(grow, NULL);
	stopper_sem_release(&sem);
	take_slots((void *)1L);
	join_all();
	all_free();
}

SCENARIO(sem_shrunk, "sem.c: a semaphore shrinks to nothing and grows again, under two users",
	 .budget = 3, .stale = 1)
{
	stopper_sem_init(&sem, 2);
	go(take_slots, (void *)1L);
	go(take_slots, (void *)2L);
	check(!stopper_sem_resize(&sem, 0));
	check(!stopper_sem_resize(&sem, 2));
	join_all();
	all_free();
}

static void takes_large(void *c)
{
	int err = stopper_sem_acquire_n(&sem, 2, c);

	check(!err || err == -ECANCELED);
	if (!err)
		stopper_sem_release_n(&sem, 2);
}

static void takes_small(void *arg)
{
	check(!stopper_sem_acquire(&sem, NULL));
	stopper_sem_release(&sem);
}

SCENARIO(sem_large_gives_up, "sem.c: a large request gives up; the small one behind it gets in",
	 .budget = 3, .stale = 1)
{
	stopper_sem_init(&sem, 2);
	check(!stopper_ctx_with_cancel(NULL, &ctx));
	check(!stopper_sem_acquire(&sem, NULL));
	go(takes_large, ctx);
	go(takes_small, NULL);
	stopper_ctx_cancel(ctx);
	join_all();
	stopper_sem_release(&sem);
	stopper_ctx_put(ctx);
	all_free();
}

/* Returns when all callers hold a slot at once: one release must let all of them in. */
static void meets(void *arg)
{
	check(!stopper_sem_acquire(&sem, NULL));
	ghost_add(INSIDE, 1);
}

SCENARIO(sem_batch, "sem.c: one release lets in two waiters",
	 .budget = 3, .stale = 1)
{
	stopper_sem_init(&sem, 2);
	check(!stopper_sem_acquire_n(&sem, 2, NULL));
	go(meets, NULL);
	go(meets, NULL);
	stopper_sem_release_n(&sem, 2);
	join_all();
	check(ghost_get(INSIDE) == 2);
	stopper_sem_release_n(&sem, 2);
	all_free();
}

static void resizes(void *m)
{
	check(!stopper_sem_resize(m, 2));
}

SCENARIO(holder_frees_grown, "sem.c: who got the slot of a resize frees the semaphore meanwhile",
	 .budget = 4, .stale = 2, .spins = 1)
{
	struct stopper_sem *m = plat_alloc(sizeof(*m));

	stopper_sem_init(m, 0);
	go(resizes, m);
	check(!stopper_sem_acquire_n(m, 2, NULL));
	stopper_sem_destroy(m);
	plat_free(m);
}

static void no_line(void *arg, const char *line)
{
}

/* The list reads the semaphore of a waiter, which may free it as soon as it has returned. */
static void reads_list(void *arg)
{
	report_all(&(struct line_sink){ no_line, NULL });
}

static void use(struct stopper_ctx *c, void *arg)
{
	counted(NULL, NULL);
}

SCENARIO(sem_listed, "report.c: the debug list reads the semaphore of a waiter that leaves",
	 .budget = 2)
{
	struct stopper_sem *m = plat_alloc(sizeof(*m));

	s = new_stopper(NULL);
	stopper_sem_init(m, 1);
	check(!stopper_sem_acquire(m, NULL));
	go(reads_list, NULL);
	go(releases, m);
	accepted(stopper_run_limited_async_task(s, NULL, "limited", m, true, use, NULL));
	check(!stopper_quiesce(s, NULL));
	stopper_sem_destroy(m);
	plat_free(m);
	end(s);
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
