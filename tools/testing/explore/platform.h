/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * platform.h - the explorer's side of the seam; the table is in core/seam.h.
 *
 * Nothing here runs on its own: every operation is a step of a simulated thread, which the
 * search puts before or after the steps of the others (sched.c). Atomic accesses are the
 * compiler's, which tells memory.c of each; so they read here as in userspace, but for
 * the light barrier, which is a mark that memory.c knows.
 */
#ifndef STOPPER_EXPLORE_PLATFORM_H
#define STOPPER_EXPLORE_PLATFORM_H

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stopper/stopper.h>
#include "slots.h"

#define EXPORT_SYMBOL_PLAT(sym)	extern __typeof__(sym) sym
#define PLAT_LIKELY(x)		(x)
#define PLAT_UNLIKELY(x)	(x)
#define PLAT_NOINLINE		__attribute__((noinline))
#define PLAT_ALWAYS_INLINE	inline __attribute__((always_inline))
#define PLAT_CACHELINE_ALIGNED	__attribute__((aligned(64)))
#define PLAT_HIDDEN
#define PLAT_FOREVER		INT64_MAX

/* memory order; the users name the partners */

/* Promised is full order. Acquire and release must do: nothing may lean on more. */
#define plat_fetch_add_full(p, n) __atomic_fetch_add(p, n, __ATOMIC_ACQ_REL)
#define plat_cmpxchg_acquire(p, old, new) explore_cmpxchg(p, old, new, __ATOMIC_ACQUIRE)
#define explore_cmpxchg(p, old, new, order) ({						\
	__typeof__(*(p)) __old = (old);							\
	__atomic_compare_exchange_n(p, &__old, new, 0, order, __ATOMIC_RELAXED); })

typedef struct {
	unsigned int n;
} plat_ref_t;

void explore_ref_misused(void);

static inline void plat_ref_init(plat_ref_t *r, unsigned int n)
{
	r->n = n;
}

static inline void plat_ref_get(plat_ref_t *r)
{
	if (!__atomic_fetch_add(&r->n, 1, __ATOMIC_RELAXED))
		explore_ref_misused();
}

/* The order in its name is for mutants, which have another one. */
#define explore_ref_put(r, order) ({						\
	unsigned int __old = __atomic_fetch_add(&(r)->n, -1u, order);		\
	if (!__old)								\
		explore_ref_misused();						\
	__old == 1; })
#define plat_ref_put(r)		explore_ref_put(r, __ATOMIC_ACQ_REL)

/* pairs with what the user says */
#define plat_load_barrier()	__atomic_thread_fence(__ATOMIC_ACQUIRE)
/* pairs with plat_heavy_barrier() */
#define plat_light_barrier()	__atomic_signal_fence(__ATOMIC_SEQ_CST)
void plat_heavy_barrier(void);

/* locks */

typedef int plat_flags_t;

#define PLAT_LOCK_INIT(l)	PTHREAD_MUTEX_INITIALIZER
#define plat_lock_init(l)	((void)(l))
void plat_lock_destroy(stopper_lock_t *l);
void explore_lock(stopper_lock_t *l);
void explore_unlock(stopper_lock_t *l);
#define plat_lock(l, f)		((void)((f) = 0), explore_lock(l))
#define plat_unlock(l, f)	((void)(f), explore_unlock(l))

/* waiting */

struct plat_parker {
	unsigned int made;
	bool killable;
};

void plat_park_init(struct plat_parker *p);
bool plat_park(struct plat_parker *p, int64_t deadline);
void plat_unpark(struct plat_parker *p);
#define plat_park_idle(p, d)	plat_park(p, d)
#define plat_event_fired(ev)	((void)(ev))
#define plat_event_closed(ev)	((void)(ev))
#define plat_park_as(p, how)	((void)((p)->killable |= !!((how) & PARK_KILLABLE)))
bool plat_killed(void);
/* Nothing here knows which locks a caller holds. */
#define plat_lockdep_wait(s, stop) ((void)(s), (void)(stop))
#define plat_lockdep_wait_event(ev) ((void)(ev))
#define plat_might_sleep()	((void)0)
#define plat_resched()		((void)0)
#define plat_relax()		((void)0)
unsigned int plat_spins(void);

/* slots */

struct stopper_cursor *plat_slots_pin(unsigned int kind);
void plat_slots_unpin(struct stopper_cursor *c);
bool plat_slots_advance(struct stopper_cursor *c);
void plat_slots_pop(struct stopper_slot *slot);
struct slot_table *plat_slots_walk(struct slot_table *t);
struct slot_table *plat_slots_mine(struct slot_table *t);

#define plat_slot_stamp(c, slot, kind) ((void)(c), __stopper_slot_stamp(slot, kind))
#define plat_slot_order(i, seq)	(i)

void plat_scan_enter(void);
void plat_scan_exit(void);
void plat_scan_sync(void);

/* identity, memory, time */

struct thread_snapshot;
int plat_tid(void);
void plat_comm(char *comm);
#define plat_thread_snapshot(tid, snap) ((void)(tid), (void)(snap), -ENOENT)
#define plat_thread_signal(tid, n) ((void)(tid), (void)(n))
#define plat_frame_name(snap, i, buf) ((void)(snap), (void)(i), (void)(*(buf) = '\0'))
unsigned int plat_cpus(void);
#define plat_ready()		0
#define plat_is_copy()		false
#define plat_happens_before(p)	((void)(p))
#define plat_happens_after(p)	((void)(p))
#define plat_stops_ready()	0
void plat_keeper_wake(void);

/* No modules here. */
#define plat_module_get(s, module, fn_module) ((void)(s), (void)(module), *(fn_module) = NULL, true)
#define plat_module_put(module)	((void)(module))
int64_t plat_now(void);
#define plat_coarse_time()	((uint64_t)plat_now())
#define plat_coarse_age(stamp)	((int64_t)((uint64_t)plat_now() - (stamp)))
void plat_log(int level, const char *line);
void plat_step(unsigned long *p, unsigned long n);
uint64_t plat_random(void);
#define plat_traces_closers()	false
#define plat_own_tid()	plat_tid()

void *explore_alloc(size_t n, bool stays, const char *site);
void explore_free(void *p);
#define plat_alloc(n)		explore_alloc(n, false, __func__)
#define plat_alloc_cached(n, may_sleep) ((void)(may_sleep), explore_alloc(n, false, __func__))
#define plat_alloc_lines(n, may_sleep) ((void)(may_sleep), explore_alloc(n, false, __func__))
#define plat_free(p)		explore_free(p)
#define plat_free_cached(p)	explore_free(p)
#define plat_sort		qsort
#define plat_div(n, d)		((int64_t)(n) / (int32_t)(d))

/* threads; a scenario says whether workers are asked to stop one by one */

struct plat_thread {
	void (*main)(struct plat_thread *t);
	void (*died)(struct plat_thread *t, bool hook_called);
	void (*release)(struct plat_thread *t);
	unsigned int stop_requested;
};

bool explore_kthreads(void);
#define PLAT_STOPS_THREADS	explore_kthreads()
int plat_thread_start(struct plat_thread *t, const char *name);
void plat_thread_stop(struct plat_thread *t);
void plat_thread_name(struct plat_thread *t, const char *name);
#define plat_thread_renamed(t)	((void)(t), false)

/* panics */

struct call;
#define plat_options_valid(o)	(!(o)->owner && !(o)->stack_size)
#define plat_thread_fits(t)	((void)(t), true)

struct plat_stopper {
	void *control;
};

#define plat_stopper_init(s, opts) ((void)(s), (void)(opts))
#define plat_stopper_free(s)	((void)(s))
int plat_control_open(struct stopper *s);
void plat_control_close(struct stopper *s);

bool plat_call(struct call *c, stopper_fn fn, struct stopper_ctx *ctx, void *arg);
#define plat_panic_unhandled()	((void)0)

/* timers */

struct plat_timer {
	void (*fn)(struct plat_timer *t);
	int64_t deadline;
	struct plat_timer *next;
	bool armed;
};

void plat_timer_init(struct plat_timer *t, void (*fn)(struct plat_timer *t));
int plat_timer_start(struct plat_timer *t, int64_t deadline);
bool plat_timer_cancel(struct plat_timer *t);
int plat_timers_ready(void);

#endif /* STOPPER_EXPLORE_PLATFORM_H */
