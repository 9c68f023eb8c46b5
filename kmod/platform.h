/* SPDX-License-Identifier: GPL-2.0 */
/*
 * platform.h - the kernel side of the seam; the table is in core/seam.h.
 *
 * Locks are spinlocks with interrupts off, because tasks begin and end, events fire and contexts
 * end in softirq. All critical sections are short. Waits are described in park.c.
 *
 * PREEMPT_RT: these locks sleep, so none is taken with preemption or interrupts off, that is,
 * between plat_slots_pin() and plat_slots_unpin() or inside the lock of a parker. The latter is
 * raw, and only locks of the scheduler are taken inside it. An hrtimer expires in a thread; all
 * it does is queue work. After boot there are no expedited grace periods, because they would
 * interrupt every CPU. So a heavy barrier, and with it each Quiesce, takes as long as a normal
 * grace period: several ticks.
 */
#ifndef STOPPER_KMOD_PLATFORM_H
#define STOPPER_KMOD_PLATFORM_H

#include <linux/bug.h>
#include <linux/cache.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/hrtimer.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/spinlock.h>
#include <linux/stdarg.h>
#include <linux/string.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <stopper/stopper.h>
#include "slots.h"

#define INT64_MAX		S64_MAX

#define EXPORT_SYMBOL_PLAT(sym)	EXPORT_SYMBOL_GPL(sym)
#define PLAT_LIKELY(x)		likely(x)
#define PLAT_UNLIKELY(x)	unlikely(x)
#define PLAT_NOINLINE		noinline
#define PLAT_ALWAYS_INLINE	__always_inline
#define PLAT_CACHELINE_ALIGNED	____cacheline_aligned_in_smp
#define PLAT_HIDDEN
#define PLAT_FOREVER		S64_MAX
#define PLAT_STOPS_THREADS	1

/* Memory order. Each use names its partner. */

#define plat_fetch_add_full(p, n) ({						\
	BUILD_BUG_ON(sizeof(*(p)) != sizeof(atomic_t));				\
	(unsigned int)atomic_fetch_add((int)(n), (atomic_t *)(p)); })

/* pairs with the release that the use names */
#define plat_cmpxchg_acquire(p, old, new) ({					\
	typeof(*(p)) __old = (old);						\
	cmpxchg_acquire(p, __old, new) == __old; })

typedef refcount_t plat_ref_t;

#define plat_ref_init(r, n)	refcount_set(r, n)
#define plat_ref_get(r)		refcount_inc(r)
#define plat_ref_put(r)		refcount_dec_and_test(r)
/* pairs with the access that the use names */
#define plat_load_barrier()	smp_rmb()
/* pairs with plat_heavy_barrier(): in a grace period every CPU executes a full barrier */
#define plat_light_barrier()	barrier()
/* pairs with plat_light_barrier(): orders against every light barrier on all CPUs */
#define plat_heavy_barrier()	synchronize_rcu_expedited()

/* locks */

typedef unsigned long plat_flags_t;

#define PLAT_LOCK_INIT(l)	__SPIN_LOCK_UNLOCKED(l)
#define plat_lock_init(l)	spin_lock_init(l)
#define plat_lock_destroy(l)	((void)(l))
#define plat_lock(l, f)		spin_lock_irqsave(l, f)
#define plat_unlock(l, f)	spin_unlock_irqrestore(l, f)

/* waiting */

struct plat_parker {
	raw_spinlock_t lock;
	bool set;
	unsigned char how;		/* PARK_*, of its thread only */
	struct task_struct *waiter;
};

void plat_park_init(struct plat_parker *p);
bool plat_park(struct plat_parker *p, s64 deadline);
void plat_unpark(struct plat_parker *p);

#define plat_park_idle(p, deadline) plat_park(p, deadline)
#define plat_park_as(p, how_too) ((void)((p)->how |= (how_too)))
#define plat_killed()		fatal_signal_pending(current)
#define plat_relax()		cpu_relax()
#define plat_spins()		0
#define plat_might_sleep()	might_sleep()
/* As between two work items of a kworker. RCU Tasks needs it even in preemptible kernels. */
#define plat_resched()		cond_resched_tasks_rcu_qs()

#ifdef CONFIG_LOCKDEP
void plat_stopper_init(struct stopper *s, const struct stopper_options *opts);
void plat_stopper_free(struct stopper *s);
void plat_lockdep_wait(struct stopper *s, bool stop);
void plat_lockdep_wait_event(const struct stopper_event *ev);
#else
#define plat_stopper_init(s, opts) ((void)(s), (void)(opts))
#define plat_stopper_free(s)	((void)(s))
#define plat_lockdep_wait(s, stop) ((void)(s), (void)(stop))
#define plat_lockdep_wait_event(ev) ((void)(ev))
#endif

/* Events have no descriptors in the kernel. */
#define plat_event_fired(ev)	((void)(ev))
#define plat_event_closed(ev)	((void)(ev))

/* slots */

/* In softirq the softirq half, in process context the other half, in interrupts none. */
static __always_inline struct stopper_cursor *plat_slots_pin(unsigned int kind)
{
	preempt_disable();
	if (unlikely(preempt_count() & (HARDIRQ_MASK | NMI_MASK)))
		return NULL;
	return this_cpu_ptr(&stopper_cursors[preempt_count() & SOFTIRQ_OFFSET ? 1 : 0]);
}

static __always_inline void plat_slots_unpin(struct stopper_cursor *c)
{
	preempt_enable();
}

void slots_at_edge(struct stopper_cursor *c);

static inline bool plat_slots_advance(struct stopper_cursor *c)
{
	if (likely(c->slot != c->edge))
		c->slot++;
	else
		slots_at_edge(c);
	return true;
}

/* Tasks of many threads share the slots of a CPU, which are used round-robin. */
#define plat_slots_pop(slot)	((void)(slot))

/* Softirqs and interrupts do not belong to the thread that they interrupt. */
#define plat_own_tid()	(in_task() ? (int)current->pid : 0)

static inline u64 plat_coarse_time(void)
{
	return jiffies;
}

static __always_inline void plat_slot_stamp(struct stopper_cursor *c, struct stopper_slot *slot,
					    unsigned int kind)
{
	__stopper_slot_number(slot, ++c->number);
	WRITE_ONCE(slot->tid, slot_tid(kind, (unsigned int)plat_own_tid()));
	WRITE_ONCE(slot->start, plat_coarse_time());
}

#define plat_slot_order(i, seq)	(seq)

struct slot_table *plat_slots_walk(struct slot_table *t);
/* All tables: the thread may have been migrated since it began its tasks. */
#define plat_slots_mine(t)	plat_slots_walk(t)

#define plat_scan_enter()	rcu_read_lock()
#define plat_scan_exit()	rcu_read_unlock()
/* The module loader frees the memory of a module after a grace period of its own. */
#define plat_scan_sync()	((void)0)

/* identity, memory, time */

#define plat_tid()		((int)current->pid)
void plat_comm(char *comm);
struct thread_snapshot;
int plat_thread_snapshot(int tid, struct thread_snapshot *snap);
void plat_frame_name(const struct thread_snapshot *snap, unsigned int i, char *buf);
void plat_thread_signal(int tid, int n);
#define plat_cpus()		num_online_cpus()
#define plat_ready()		0
#define plat_is_copy()		false
#define plat_happens_before(p)	((void)(p))
#define plat_happens_after(p)	((void)(p))

#ifdef CONFIG_MODULES
bool plat_module_get(struct stopper *s, struct module *module, struct module **fn_module);
#else
#define plat_module_get(s, module, fn_module)					\
	((void)(s), (void)(module), *(fn_module) = NULL, true)
#endif
#define plat_module_put(module)	module_put(module)
#define plat_alloc(n)		kvzalloc(n, GFP_KERNEL)
/* kmalloc() aligns powers of two to their size. */
#define plat_alloc_lines(n, may_sleep) ((may_sleep) ?				\
	kvzalloc(roundup_pow_of_two(n), GFP_KERNEL) :				\
	kzalloc(roundup_pow_of_two(n), GFP_ATOMIC | __GFP_NOWARN))
#define plat_free(p)		kvfree(p)
/* The slab allocator already has per-CPU caches. */
#define plat_alloc_cached(n, may_sleep)					\
	kzalloc(n, (may_sleep) ? GFP_KERNEL : GFP_ATOMIC | __GFP_NOWARN)
#define plat_free_cached(p)	kfree(p)
#define plat_now()		((s64)ktime_get_ns())
#define plat_div(n, d)		div_s64(n, d)
#define plat_sort(base, n, size, cmp) sort(base, n, size, cmp, NULL)

/* A lower bound: the stamp may have been taken at the end of its jiffy. */
static inline s64 plat_coarse_age(u64 stamp)
{
	unsigned long age = jiffies - (unsigned long)stamp;

	return age ? (s64)jiffies_to_nsecs(age - 1) : 0;
}

void plat_log(int level, const char *line);
/* Only in slow paths, as the counter is in a shared cache line. */
#define plat_step(p, n)		atomic_long_add((long)(n), (atomic_long_t *)(p))
u64 plat_random(void);
bool plat_traces_closers(void);

/* threads */

struct plat_thread {
	void (*main)(struct plat_thread *t);
	void (*died)(struct plat_thread *t, bool hook_called);
	void (*release)(struct plat_thread *t);
	char comm[TASK_COMM_LEN];	/* the name that it was given */
	struct task_struct *task;
	struct pid *pid;
	struct wait_queue_entry exit_wait;
	struct mutex stopping;		/* protects the next three */
	bool entered;			/* in main() */
	bool stop_requested;
	bool exiting;			/* about to be reaped */
	struct work_struct reap;
};

int plat_thread_start(struct plat_thread *t, const char *name);

/* All kernel stacks have one size, and all kthreads start with the state of kthreadd. */
#define plat_options_valid(o)	(!(o)->stack_size)
#define plat_thread_fits(t)	((void)(t), true)

struct plat_stopper {
	struct control *control;	/* NULL: none; control.c */
#ifdef CONFIG_LOCKDEP
	struct stopper_dep *dep;	/* NULL: not checked by lockdep */
#endif
};

void plat_thread_stop(struct plat_thread *t);
void plat_thread_name(struct plat_thread *t, const char *name);

static inline bool plat_thread_renamed(const struct plat_thread *t)
{
	return strncmp(t->comm, current->comm, sizeof(t->comm));
}

/* panics */

struct call;

bool plat_call(struct call *c, stopper_fn fn, struct stopper_ctx *ctx, void *arg);

#define plat_panic_unhandled()	((void)0)	/* the panic was logged, and the kernel continues */

/* timers */

struct plat_timer {
	struct hrtimer timer;
	struct work_struct work;
	void (*fn)(struct plat_timer *t);
};

void plat_timer_init(struct plat_timer *t, void (*fn)(struct plat_timer *t));
int plat_timer_start(struct plat_timer *t, s64 deadline);
bool plat_timer_cancel(struct plat_timer *t);

#define plat_timers_ready()	0
#define plat_stops_ready()	0

extern struct workqueue_struct *stopper_wq;
extern struct work_struct keeper_work;

#define plat_keeper_wake()	((void)queue_work(stopper_wq, &keeper_work))

/* within kmod/ */

int slots_init(void);
void slots_exit(void);
#ifdef CONFIG_SYSFS
int plat_control_open(struct stopper *s);
void plat_control_close(struct stopper *s);
void control_phase_changed(const struct stopper *s);
int control_init(void);
void control_exit(void);
#else
#define plat_control_open(s)	((void)(s), 0)
#define plat_control_close(s)	((void)(s))
#define control_phase_changed(s) ((void)(s))
#define control_init()		0
#define control_exit()		((void)0)
#endif
#ifdef CONFIG_LOCKDEP
struct lockdep_map *lockdep_enter_call(const struct call *c);
#define lockdep_leave_call(map)	__stopper_lockdep_leave(&(map))
void lockdep_end_thread(void);
#else
#define lockdep_enter_call(c)	((void)(c), NULL)
#define lockdep_leave_call(map)	((void)(map))
#define lockdep_end_thread()	((void)0)
#endif
bool on_stopper_thread(void);
int threads_init(void);
void threads_exit(void);
#ifdef CONFIG_MODULES
int unload_init(void);
void unload_exit(void);
#else
#define unload_init()		0
#define unload_exit()		((void)0)
#endif

#endif /* STOPPER_KMOD_PLATFORM_H */
