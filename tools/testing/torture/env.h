/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * env.h - what the torture needs of the world it runs in, twice.
 *
 * Threads, locks, counters, time and memory come from the world and not from the
 * stopper: what is tested does not carry its test. torture_user.c and
 * torture_kernel.c supply what is not inline.
 */
#ifndef TORTURE_WORLD_H
#define TORTURE_WORLD_H

#ifdef __KERNEL__

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>

struct env_counter {
	atomic64_t v;
};

struct env_lock {
	spinlock_t lock;	/* of its user's choice; taken in softirq, too */
};

struct env_mutex {
	struct mutex lock;	/* of its user's choice */
};

struct env_thread {
	void (*fn)(void *arg);
	void *arg;
	struct task_struct *task;
	struct completion done;
};

#define env_load(p)		smp_load_acquire(p)
#define env_store(p, v)		smp_store_release(p, v)
#define env_peek(p)		READ_ONCE(*(p))
#define env_poke(p, v)		WRITE_ONCE(*(p), v)
#define env_swap(p, old, new)	(cmpxchg(p, old, new) == (old))

#define env_lock_init(inst)	spin_lock_init(&(inst)->lock)
#define env_lock(inst, f)		spin_lock_irqsave(&(inst)->lock, f)
#define env_unlock(inst, f)	spin_unlock_irqrestore(&(inst)->lock, f)
#define env_mutex_init(m)	mutex_init(&(m)->lock)
#define env_mutex_lock(m)	mutex_lock(&(m)->lock)
#define env_mutex_unlock(m)	mutex_unlock(&(m)->lock)
#define env_mutex_destroy(m)	mutex_destroy(&(m)->lock)

static inline long long env_get(struct env_counter *c)
{
	return atomic64_read_acquire(&c->v);
}

/* Returns the new value, with full order. */
static inline long long env_add(struct env_counter *c, long long n)
{
	return atomic64_add_return(n, &c->v);
}

/* Ends this thread where it stands. Inline: objtool knows what does not return by its name. */
static inline void __noreturn env_thread_exit(void)
{
	kthread_complete_and_exit(NULL, 0);
}

/* A synchronous task cannot be unwound there: "Where the builds differ". */
#define ENV_UNWINDS	0

#else /* userspace */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct env_counter {
	__attribute__((aligned(8))) long long v;	/* clang on i386 aligns it to 4 */
};

struct env_lock {
	pthread_mutex_t lock;
};

struct env_mutex {
	pthread_mutex_t lock;
};

struct env_thread {
	void (*fn)(void *arg);
	void *arg;
	pthread_t task;
	int tid;
};

#define env_load(p)		__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define env_store(p, v)		__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define env_peek(p)		__atomic_load_n(p, __ATOMIC_RELAXED)
#define env_poke(p, v)		__atomic_store_n(p, v, __ATOMIC_RELAXED)
#define env_swap(p, old, new)	(__extension__ ({			\
	__typeof__(*(p)) __old = (old);					\
	__atomic_compare_exchange_n(p, &__old, new, false,		\
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); }))

#define env_lock_init(inst)	pthread_mutex_init(&(inst)->lock, NULL)
#define env_lock(inst, f)		((void)((f) = 0), pthread_mutex_lock(&(inst)->lock))
#define env_unlock(inst, f)	((void)(f), pthread_mutex_unlock(&(inst)->lock))
#define env_mutex_init(m)	pthread_mutex_init(&(m)->lock, NULL)
#define env_mutex_lock(m)	pthread_mutex_lock(&(m)->lock)
#define env_mutex_unlock(m)	pthread_mutex_unlock(&(m)->lock)
#define env_mutex_destroy(m)	pthread_mutex_destroy(&(m)->lock)

static inline long long env_get(struct env_counter *c)
{
	return __atomic_load_n(&c->v, __ATOMIC_ACQUIRE);
}

/* Returns the new value, with full order. */
static inline long long env_add(struct env_counter *c, long long n)
{
	return __atomic_add_fetch(&c->v, n, __ATOMIC_SEQ_CST);
}

/* Ends this thread where it stands. */
static inline void __attribute__((noreturn)) env_thread_exit(void)
{
	pthread_exit(NULL);
}

#define ENV_UNWINDS	1

#endif /* __KERNEL__ */

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

#define ENV_USEC	1000LL
#define ENV_MSEC	1000000LL
#define ENV_SEC		1000000000LL

static inline long long env_inc(struct env_counter *c)
{
	return env_add(c, 1);
}

static inline long long env_dec(struct env_counter *c)
{
	return env_add(c, -1);
}

int env_spawn_named(struct env_thread *t, const char *name, void (*fn)(void *arg), void *arg);
void env_join(struct env_thread *t);
bool env_is_self(const struct env_thread *t);	/* is it the one that runs this? */
void env_yield(void);
void env_sleep(long long ns);			/* at least about so long */
void env_relax(void);				/* a step of a short loop */
int64_t env_now(void);
long long env_seconds(int64_t ns);
int env_tid(void);
void *env_try_alloc(size_t size);		/* NULL: none */
void env_free(void *p);
void torture_say(bool bad, const char *line);
bool torture_interrupted(void);			/* of the thread that runs torture_run() */
void perturb_thread(unsigned int number);		/* other priority, other CPU, for this thread */
void perturb_end(void);			/* ordinary again, where that matters */
void report_hang(void);				/* shows what is stuck; may not return */

/* --- what one world has only ------------------------------------------------------------------ */

struct instance;
struct actor;

int platform_begin(void);		/* after the actors were started */
void platform_end(void);		/* before they are joined */
bool debug_list_is_empty(void);	/* no stopper left in the debug list? */
void op_platform(struct actor *a, struct instance *inst);

#endif /* TORTURE_WORLD_H */
