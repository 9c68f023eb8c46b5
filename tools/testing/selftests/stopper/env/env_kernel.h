/* SPDX-License-Identifier: GPL-2.0 */
/*
 * env_kernel.h - env.h for modules.
 */
#ifndef STOPPER_TEST_ENV_KERNEL_H
#define STOPPER_TEST_ENV_KERNEL_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/stdarg.h>
#include <linux/string.h>

#ifndef INT64_MAX
#define INT64_MAX	S64_MAX
#define INT64_MIN	S64_MIN
#endif

/* The kernel cannot unwind a synchronous task: "Where the builds differ" in stopper(7). */
#define ENV_UNWINDS	0

/* --- shared words and counters ---------------------------------------------------------------- */

#define env_load(p)		smp_load_acquire(p)
#define env_store(p, v)		smp_store_release(p, v)
/* Not ordered. */
#define env_peek(p)		READ_ONCE(*(p))
#define env_poke(p, v)		WRITE_ONCE(*(p), v)
/* True if *p was old and is new now. Fully ordered. */
#define env_swap(p, old, new)	(cmpxchg(p, old, new) == (old))

struct env_counter {
	atomic_long_t v;
};

static inline long env_get(struct env_counter *c)
{
	return atomic_long_read_acquire(&c->v);
}

static inline void env_set(struct env_counter *c, long v)
{
	atomic_long_set_release(&c->v, v);
}

/* The same two, not ordered. */
static inline long env_get_relaxed(struct env_counter *c)
{
	return atomic_long_read(&c->v);
}

static inline void env_set_relaxed(struct env_counter *c, long v)
{
	atomic_long_set(&c->v, v);
}

/* Returns the new value. Fully ordered. */
static inline long env_add(struct env_counter *c, long n)
{
	return atomic_long_add_return(n, &c->v);
}

/* --- locks and gates -------------------------------------------------------------------------- */

struct env_lock {
	spinlock_t lock;	/* the test says what it protects; softirq takes it, too */
};

#define env_lock_init(l)	spin_lock_init(&(l)->lock)
#define env_lock(l, f)		spin_lock_irqsave(&(l)->lock, f)
#define env_unlock(l, f)	spin_unlock_irqrestore(&(l)->lock, f)

struct env_mutex {
	struct mutex lock;	/* the test says what it protects */
};

#define env_mutex_init(m)	mutex_init(&(m)->lock)
#define env_mutex_lock(m)	mutex_lock(&(m)->lock)
#define env_mutex_unlock(m)	mutex_unlock(&(m)->lock)
#define env_mutex_destroy(m)	mutex_destroy(&(m)->lock)

struct env_gate {
	struct completion done;
};

static inline void env_gate_init(struct env_gate *g)
{
	init_completion(&g->done);
}

static inline void env_gate_destroy(struct env_gate *g)
{
}

static inline void env_gate_open(struct env_gate *g)
{
	complete_all(&g->done);
}

/* False: it was not opened within ENV_BOUND. */
static inline bool env_gate_wait(struct env_gate *g)
{
	return wait_for_completion_timeout(&g->done, nsecs_to_jiffies(ENV_BOUND));
}

/* --- time ------------------------------------------------------------------------------------- */

/* Nanoseconds of a clock that never goes back. */
static inline int64_t env_now(void)
{
	return ktime_get_ns();
}

static inline long long env_seconds(int64_t ns)
{
	return div_s64(ns, NSEC_PER_SEC);
}

static inline void env_sleep(int64_t ns)
{
	unsigned long us = div_s64(ns, NSEC_PER_USEC);

	if (us > 20000)
		msleep(us / 1000);
	else if (us)
		usleep_range(us, us + us / 2 + 1);
}

static inline void env_yield(void)
{
	cond_resched();
}

/* One step of a short loop that the compiler must keep. */
static inline void env_relax(void)
{
	barrier();
}

/* --- threads ---------------------------------------------------------------------------------- */

struct env_thread {
	void (*fn)(void *arg);
	void *arg;
	struct task_struct *task;
	struct completion done;
};

static inline int env_tid(void)
{
	return current->pid;
}

static inline int env_thread_main(void *arg)
{
	struct env_thread *t = arg;

	t->fn(t->arg);
	/* The thread is outside of this module when env_join() returns. */
	kthread_complete_and_exit(&t->done, 0);
}

/* @name: at most 15 bytes. Returns 0 or -errno. */
static inline int env_spawn_named(struct env_thread *t, const char *name, void (*fn)(void *arg),
				  void *arg)
{
	struct task_struct *task;

	t->fn = fn;
	t->arg = arg;
	init_completion(&t->done);
	task = kthread_create(env_thread_main, t, "%s", name);
	if (IS_ERR(task))
		return PTR_ERR(task);
	env_poke(&t->task, task);
	wake_up_process(task);
	return 0;
}

static inline int env_spawn(struct env_thread *t, void (*fn)(void *arg), void *arg)
{
	return env_spawn_named(t, "test", fn, arg);
}

static inline void env_join(struct env_thread *t)
{
	wait_for_completion(&t->done);
}

/* Is @t the calling thread? */
static inline bool env_is_self(struct env_thread *t)
{
	return env_peek(&t->task) == current;
}

/*
 * Ends the calling thread where it stands. Inline, because objtool knows by name which functions
 * do not return.
 */
static inline void __noreturn env_thread_exit(void)
{
	kthread_complete_and_exit(NULL, 0);
}

/* The calling thread's name, as the system shows it. */
static inline void env_comm(char *buf, size_t size)
{
	strscpy(buf, current->comm, size);
}

/* The name of another thread; "" once it has ended. */
static inline void env_comm_of(int tid, char *buf, size_t size)
{
	struct pid *pid = find_get_pid(tid);
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);

	buf[0] = '\0';
	if (task) {
		strscpy(buf, task->comm, size);
		put_task_struct(task);
	}
	put_pid(pid);
}

/* Renames the calling thread, as code does that does not know the stopper. */
static inline void env_rename(const char *comm)
{
	task_lock(current);
	strscpy_pad(current->comm, comm, sizeof(current->comm));
	task_unlock(current);
}

/* --- memory ----------------------------------------------------------------------------------- */

/* Zeroed; NULL where there is none. */
static inline void *env_try_alloc(size_t size)
{
	return kvzalloc(size, GFP_KERNEL | __GFP_NOWARN);
}

/* Zeroed, never NULL. */
static inline void *env_alloc(size_t size)
{
	return kvzalloc(size, GFP_KERNEL | __GFP_NOFAIL);
}

static inline void env_free(void *p)
{
	kvfree(p);
}

#endif /* STOPPER_TEST_ENV_KERNEL_H */
