/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * platform.h - the userspace side of the seam; core/seam.h has the table of operations.
 *
 * Locks are pthread mutexes, which every tool knows. Waiting is in park.c, slot tables in slots.c,
 * threads in thread.c, timers in timer.c, panics in unwind.c.
 */
#ifndef STOPPER_USER_PLATFORM_H
#define STOPPER_USER_PLATFORM_H

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stopper/stopper.h>
#include "slots.h"

#define EXPORT_SYMBOL_PLAT(sym)	extern __typeof__(sym) sym
#define PLAT_LIKELY(x)		__builtin_expect(!!(x), 1)
#define PLAT_UNLIKELY(x)	__builtin_expect(!!(x), 0)
/* A panic finds frames by the address of their function, so there must be one copy of it. */
#ifdef __clang__
#define PLAT_NOINLINE		__attribute__((noinline))
#else
#define PLAT_NOINLINE		__attribute__((noipa))
#endif
#define PLAT_ALWAYS_INLINE	inline __attribute__((always_inline))
#define PLAT_CACHELINE_ALIGNED	__attribute__((aligned(64)))
/* A variable of several files: it is reached as a static one is, without the GOT. */
#define PLAT_HIDDEN		__attribute__((visibility("hidden")))
#define PLAT_FOREVER		INT64_MAX
#define PLAT_STOPS_THREADS	0

/* memory order */

/*
 * A seq_cst read-modify-write of C11 orders less than the kernel's fully ordered one, so a
 * fence follows it, except on x86, where the instruction is a full barrier.
 *
 * TSan does not model fences. Under TSan a plain barrier is used that the compiler does not report
 * to it: the program is ordered as without TSan, and TSan derives no order from the barrier. It
 * does derive order from (C) and (E) of task.c, (F) of event.c, (K) of park.c and keeper.c, (L) of
 * slots.c, and the locks. Leaving out the rest can only make TSan report more races; it hides none.
 * TSan cannot check the light and heavy barriers (B1) and (B2), which hand over no data but decide
 * which of two threads sees the other: their words are atomic, so a mistake loses a task or a
 * wake-up but is no race. Nor can it check the retry of (S). That TSan checks the others is tested:
 * relax one end of (C), (E) or (F), and case_order.c fails under TSan.
 */
#ifdef STOPPER_TSAN
#define plat_fence(order)	__sync_synchronize()
#else
#define plat_fence(order)	__atomic_thread_fence(order)
#endif

#ifdef __x86_64__
#define plat_fence_after_rmw()	__atomic_signal_fence(__ATOMIC_SEQ_CST)
#else
#define plat_fence_after_rmw()	plat_fence(__ATOMIC_SEQ_CST)
#endif

/*
 * A program built with TSan that uses a library built without it: TSan sees the program's own
 * accesses and all locks, but no atomic access of the library. So the library tells TSan where it
 * hands over data that the program has written, except under a lock. Tasks outside the pool are
 * then on the lists, which have locks (plat_slots_pin).
 */
extern bool plat_on_tsan;

#ifdef STOPPER_TSAN
#define plat_happens_before(p)	((void)(p))
#define plat_happens_after(p)	((void)(p))
#else
void __tsan_acquire(void *addr);	/* the runtime's */
void __tsan_release(void *addr);
void tsan_happens_before(const void *p);
void tsan_happens_after(const void *p);

#define plat_happens_before(p)	(PLAT_UNLIKELY(plat_on_tsan) ? tsan_happens_before(p) : (void)0)
#define plat_happens_after(p)	(PLAT_UNLIKELY(plat_on_tsan) ? tsan_happens_after(p) : (void)0)
#endif

/* each use names its partner */
#define plat_fetch_add_full(p, n) ({						\
	__typeof__(*(p)) __old = __atomic_fetch_add(p, n, __ATOMIC_SEQ_CST);	\
	plat_fence_after_rmw();							\
	__old; })

/* pairs with the release that the use names */
#define plat_cmpxchg_acquire(p, old, new) ({					\
	__typeof__(*(p)) __old = (old);						\
	__atomic_compare_exchange_n(p, &__old, new, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED); })

/* Like the kernel's refcount_t: PLAT_REF_STUCK is so far from both ends that it never reaches 0. */
typedef struct {
	unsigned int n;
} plat_ref_t;

#define PLAT_REF_STUCK		0xc0000000u

void ref_misused(plat_ref_t *r);

static inline void plat_ref_init(plat_ref_t *r, unsigned int n)
{
	r->n = n;
}

static inline void plat_ref_get(plat_ref_t *r)
{
	/* The count was 0, or is so large that it would overflow. */
	if (PLAT_UNLIKELY((int)__atomic_fetch_add(&r->n, 1, __ATOMIC_RELAXED) <= 0))
		ref_misused(r);
}

static inline bool plat_ref_put(plat_ref_t *r)
{
	unsigned int old;

	plat_happens_before(r);
	/* each use names its partner: the last put sees all that was done before the others */
	old = __atomic_fetch_add(&r->n, -1u, __ATOMIC_ACQ_REL);
	if (PLAT_UNLIKELY((int)old <= 0))
		ref_misused(r);
	if (old != 1)
		return false;
	plat_happens_after(r);
	return true;
}

/* each use names its partner */
#define plat_load_barrier()	plat_fence(__ATOMIC_ACQUIRE)

/* Set once, before the first stopper exists, if membarrier() is unavailable. */
extern bool plat_no_membarrier;

static inline void plat_light_barrier(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (PLAT_UNLIKELY(plat_no_membarrier))
		/* pairs with plat_heavy_barrier(), init.c */
		plat_fence(__ATOMIC_SEQ_CST);
}

void plat_heavy_barrier(void);

/* Set in the child by a fork handler, before fork() returns. */
extern bool plat_forked;

#define plat_is_copy()		PLAT_UNLIKELY(plat_forked)

/* locks */

typedef int plat_flags_t;

/* All critical sections are short, so spinning briefly avoids most sleeps. */
#ifdef PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
#define PLAT_LOCK_INIT(l)	PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
#else
#define PLAT_LOCK_INIT(l)	PTHREAD_MUTEX_INITIALIZER
#endif
#define plat_lock_init(l)	(*(l) = (pthread_mutex_t)PLAT_LOCK_INIT(l))
#define plat_lock_destroy(l)	pthread_mutex_destroy(l)
/*
 * A child of fork() has one thread, and locks that other threads held stay held for ever. No
 * public function locks there, but handlers that libc calls at exit may, so locks are skipped.
 */
#define plat_lock(l, f)		((f) = plat_is_copy() || pthread_mutex_lock(l))
#define plat_unlock(l, f)	((void)((f) || pthread_mutex_unlock(l)))

/* waiting */

/* About 9 us, less than a wake-up from a sleep takes. */
#define SPINS			200

struct plat_parker {
	uint32_t word;
};

static inline void plat_park_init(struct plat_parker *p)
{
	p->word = 0;
}

bool plat_park(struct plat_parker *p, int64_t deadline);
bool plat_park_idle(struct plat_parker *p, int64_t deadline);
void plat_unpark(struct plat_parker *p);
void plat_event_fired(struct stopper_event *ev);
void plat_event_closed(struct stopper_event *ev);

#define plat_park_as(p, how)	((void)(p), (void)(how))
#define plat_killed()		false
/* The locks that a caller holds are not known here. */
#define plat_lockdep_wait(s, stop) ((void)(s), (void)(stop))
#define plat_lockdep_wait_event(ev) ((void)(ev))
#define plat_might_sleep()	((void)0)
#define plat_resched()		((void)0)

static inline void plat_relax(void)
{
#if __has_builtin(__builtin_ia32_pause)
	unsigned int i;

	/* Each read takes the cache line away from the thread that is about to write it. */
	for (i = 0; i < 4; i++)
		__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" : : : "memory");
#else
	__asm__ volatile("" : : : "memory");
#endif
}

#define plat_spins()		(plat_cpus() > 1 ? SPINS : 0)

/* slots */

extern __thread struct slot_table *plat_my_slots
	__attribute__((tls_model("initial-exec"), visibility("hidden")));
extern __thread struct stopper_cursor plat_my_cursors[2]
	__attribute__((tls_model("initial-exec"), visibility("hidden")));
struct slot_table *plat_slots_register(void);

static inline struct stopper_cursor *plat_slots_pin(unsigned int kind)
{
	if (PLAT_UNLIKELY(!plat_my_slots) && !plat_slots_register())
		return NULL;
	/* The inlined end of other tasks has no fence, and TSan does not see the library's end. */
	if (PLAT_UNLIKELY(plat_no_membarrier) && (kind != STOPPER_KIND_SYNC || plat_on_tsan))
		return NULL;
	return &plat_my_cursors[kind != STOPPER_KIND_SYNC];
}

static inline void plat_slots_unpin(struct stopper_cursor *c)
{
	/* The inlined code has no fence. */
	if (c && PLAT_LIKELY(!plat_no_membarrier))
		stopper_tls.slot[c - plat_my_cursors] = c->slot;
}

/* Sync tasks form a stack: the slots above the latest are free. Handles use slots in turn. */
static inline bool plat_slots_advance(struct stopper_cursor *c)
{
	bool handles = c != plat_my_cursors;

	if (c->slot != c->edge) {
		c->slot++;
	} else if ((handles && cursor_should_wrap(c)) ||
		   !cursor_extend(plat_my_slots, handles, c)) {
		if (!handles)
			return false;
		c->slot = c->first;
	}
	return true;
}

static inline void plat_slots_pop(struct stopper_slot *slot)
{
	struct stopper_cursor *c = &plat_my_cursors[0];

	if (c->slot == slot && slot != c->first)
		c->slot--;
	plat_slots_unpin(c);
}

static inline void plat_slot_stamp(struct stopper_cursor *c, struct stopper_slot *slot,
				   unsigned int kind)
{
	(void)c;
	__stopper_slot_stamp(slot, kind);
	slot->frame = NULL;
}

#define plat_slot_order(i, seq)	(i)

struct slot_table *plat_slots_walk(struct slot_table *t);
#define plat_slots_mine(t)	((t) ? NULL : plat_my_slots)
void plat_scan_enter(void);
void plat_scan_exit(void);
void plat_scan_sync(void);

/* identity, memory, time */

int plat_tid(void);
void plat_comm(char *comm);
struct thread_snapshot;
int plat_thread_snapshot(int tid, struct thread_snapshot *snap);
void plat_frame_name(const struct thread_snapshot *snap, unsigned int i, char *buf);
void plat_thread_signal(int tid, int n);
unsigned int plat_cpus(void);
int plat_ready(void);
int64_t plat_now(void);
uint64_t plat_coarse_time(void);
int64_t plat_coarse_age(uint64_t stamp);
void plat_log(int level, const char *line);
#define plat_step(p, n)		((void)__atomic_fetch_add(p, n, __ATOMIC_RELAXED))
uint64_t plat_random(void);
bool plat_traces_closers(void);
#define plat_own_tid()	plat_tid()

#define plat_alloc(n)		calloc(1, n)
#define plat_free(p)		free(p)
void *objcache_alloc(size_t n);
void objcache_free(void *p);

#define plat_alloc_cached(n, may_sleep) ((void)(may_sleep), objcache_alloc(n))
#define plat_free_cached(p)	objcache_free(p)

static inline void *plat_alloc_lines(size_t n, bool may_sleep)
{
	void *p;

	(void)may_sleep;
	n = (n + 63) & ~63ul;
	p = aligned_alloc(64, n);
	return p ? memset(p, 0, n) : NULL;
}

#define plat_sort		qsort
#define plat_div(n, d)		((int64_t)(n) / (int32_t)(d))

/* There are no modules in userspace. */
#define plat_module_get(s, module, fn_module) ((void)(s), (void)(module), *(fn_module) = NULL, true)
#define plat_module_put(module)	((void)(module))

/* threads */

struct plat_thread {
	void (*main)(struct plat_thread *t);
	void (*died)(struct plat_thread *t, bool hook_called);
	void (*release)(struct plat_thread *t);
	char name[16];			/* as set by plat_thread_name() */
	uint64_t looked;		/* plat_coarse_time() of the last look at its name */
	size_t stack;			/* minimum size in bytes */
};

bool plat_options_valid(const struct stopper_options *opts);
bool plat_thread_fits(const struct plat_thread *t);

/* State of the thread that created a stopper. */
struct plat_stopper {
	uint64_t sigmask;		/* in the kernel's format */
};

void plat_stopper_init(struct stopper *s, const struct stopper_options *opts);
#define plat_stopper_free(s)	((void)(s))
#define plat_control_open(s)	((void)(s), 0)
#define plat_control_close(s)	((void)(s))

int plat_thread_start(struct plat_thread *t, const char *name);
void plat_thread_name(struct plat_thread *t, const char *name);
bool plat_thread_renamed(struct plat_thread *t);

static inline void plat_thread_stop(struct plat_thread *t)
{
	(void)t;		/* never called: PLAT_STOPS_THREADS is 0 */
}

/* panics */

struct call;

bool plat_call(struct call *c, stopper_fn fn, struct stopper_ctx *ctx, void *arg);
__attribute__((noreturn)) void plat_panic_unhandled(void);

/* timers */

struct plat_timer {
	struct stopper_due due;		/* first: timer.c */
	void (*fn)(struct plat_timer *t);
	bool armed;
};

void plat_timer_init(struct plat_timer *t, void (*fn)(struct plat_timer *t));
int plat_timer_start(struct plat_timer *t, int64_t deadline);
bool plat_timer_cancel(struct plat_timer *t);
int plat_timers_ready(void);
int plat_stops_ready(void);
void plat_keeper_wake(void);

/* used within user/ only */

void objcache_join(void);
void objcache_leave(void);

int atfork_once(bool *done, void (*before)(void), void (*parent)(void), void (*child)(void));
void trace_file_init(void);
void trace_record(bool flush, const char *event, const char *fmt, ...) STOPPER_PRINTF(3, 4);
void trace_file_flush(void);
void trace_set_recording(bool on);
int futex_wait(uint32_t *word, uint32_t val, int64_t deadline);
void futex_wake(uint32_t *word);

/* Marks of the library's own files; own_fd.c. */
enum fd_mark { FD_RING = 62, FD_WAITER, FD_EVENT };

void fd_mark(int fd, enum fd_mark mark);
bool fd_is_ours(int fd, enum fd_mark mark);
int eventfd_open(unsigned int n, enum fd_mark mark);
void eventfd_close(int fd, enum fd_mark mark);
void eventfd_signal(int fd, enum fd_mark mark);
int eventfd_drain(int fd, enum fd_mark mark);

int thread_create(void *(*fn)(void *arg), void *arg);
bool thread_has_children(void);
bool threads_have_ended(unsigned int stay);
bool timers_end(void);
void keeper_end(void);

/* Between begin and end, writes return errors instead of raising SIGPIPE or SIGXFSZ; log.c. */
struct quiet {
	sigset_t mine, old;
};

void quiet_begin(struct quiet *q);
void quiet_end(const struct quiet *q);
void keeper_unpark(void);
void signals_take(void);
int signals_watch(struct stopper *s, const int *sigs, unsigned int n,
		  struct stopper_event *signalled);
void signals_unwatch(struct stopper *s);
bool on_stopper_thread(void);
void thread_stack_note(size_t size);
bool thread_state_is_clean(void);
void thread_state_init(void);
void thread_state_open(uint64_t signals);
void thread_state_begin(void);
void thread_state_idle(void);
void thread_state_lend(const struct call *c);
void thread_state_take_back(const struct call *c);
uint64_t thread_state_block(void);
void thread_state_unblock(uint64_t old);

#endif /* STOPPER_USER_PLATFORM_H */
