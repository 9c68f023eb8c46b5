/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * world.h - what the torture needs of the world it runs in, twice.
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

struct tor_count {
	atomic64_t v;
};

struct tor_lock {
	spinlock_t lock;	/* of its user's choice; taken in softirq, too */
};

struct tor_mutex {
	struct mutex lock;	/* of its user's choice */
};

struct tor_thread {
	void (*fn)(void *arg);
	void *arg;
	struct task_struct *task;
	struct completion done;
};

#define tor_load(p)		smp_load_acquire(p)
#define tor_store(p, v)		smp_store_release(p, v)
#define tor_peek(p)		READ_ONCE(*(p))
#define tor_poke(p, v)		WRITE_ONCE(*(p), v)
#define tor_swap(p, old, new)	(cmpxchg(p, old, new) == (old))

#define tor_lock_init(l)	spin_lock_init(&(l)->lock)
#define tor_lock(l, f)		spin_lock_irqsave(&(l)->lock, f)
#define tor_unlock(l, f)	spin_unlock_irqrestore(&(l)->lock, f)
#define tor_mutex_init(m)	mutex_init(&(m)->lock)
#define tor_mutex_lock(m)	mutex_lock(&(m)->lock)
#define tor_mutex_unlock(m)	mutex_unlock(&(m)->lock)
#define tor_mutex_destroy(m)	mutex_destroy(&(m)->lock)

static inline long long tor_get(struct tor_count *c)
{
	return atomic64_read_acquire(&c->v);
}

/* Returns the new value, with full order. */
static inline long long tor_add(struct tor_count *c, long long n)
{
	return atomic64_add_return(n, &c->v);
}

/* Ends this thread where it stands. Inline: objtool knows what does not return by its name. */
static inline void __noreturn tor_thread_exit(void)
{
	kthread_complete_and_exit(NULL, 0);
}

/* A synchronous task cannot be unwound there: "Where the builds differ". */
#define TOR_UNWINDS	0

#else /* userspace */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct tor_count {
	__attribute__((aligned(8))) long long v;	/* clang on i386 aligns it to 4 */
};

struct tor_lock {
	pthread_mutex_t lock;
};

struct tor_mutex {
	pthread_mutex_t lock;
};

struct tor_thread {
	void (*fn)(void *arg);
	void *arg;
	pthread_t task;
	int tid;
};

#define tor_load(p)		__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define tor_store(p, v)		__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define tor_peek(p)		__atomic_load_n(p, __ATOMIC_RELAXED)
#define tor_poke(p, v)		__atomic_store_n(p, v, __ATOMIC_RELAXED)
#define tor_swap(p, old, new)	(__extension__ ({			\
	__typeof__(*(p)) __old = (old);					\
	__atomic_compare_exchange_n(p, &__old, new, false,		\
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); }))

#define tor_lock_init(l)	pthread_mutex_init(&(l)->lock, NULL)
#define tor_lock(l, f)		((void)((f) = 0), pthread_mutex_lock(&(l)->lock))
#define tor_unlock(l, f)	((void)(f), pthread_mutex_unlock(&(l)->lock))
#define tor_mutex_init(m)	pthread_mutex_init(&(m)->lock, NULL)
#define tor_mutex_lock(m)	pthread_mutex_lock(&(m)->lock)
#define tor_mutex_unlock(m)	pthread_mutex_unlock(&(m)->lock)
#define tor_mutex_destroy(m)	pthread_mutex_destroy(&(m)->lock)

static inline long long tor_get(struct tor_count *c)
{
	return __atomic_load_n(&c->v, __ATOMIC_ACQUIRE);
}

/* Returns the new value, with full order. */
static inline long long tor_add(struct tor_count *c, long long n)
{
	return __atomic_add_fetch(&c->v, n, __ATOMIC_SEQ_CST);
}

/* Ends this thread where it stands. */
static inline void __attribute__((noreturn)) tor_thread_exit(void)
{
	pthread_exit(NULL);
}

#define TOR_UNWINDS	1

#endif /* __KERNEL__ */

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

#define TOR_USEC	1000LL
#define TOR_MSEC	1000000LL
#define TOR_SEC		1000000000LL

static inline long long tor_inc(struct tor_count *c)
{
	return tor_add(c, 1);
}

static inline long long tor_dec(struct tor_count *c)
{
	return tor_add(c, -1);
}

int tor_spawn(struct tor_thread *t, const char *name, void (*fn)(void *arg), void *arg);
void tor_join(struct tor_thread *t);
bool tor_is(const struct tor_thread *t);	/* is it the one that runs this? */
void tor_yield(void);
void tor_nap(long long ns);			/* at least about so long */
void tor_relax(void);				/* a step of a short loop */
int64_t tor_now(void);
long long tor_seconds(int64_t ns);
int tor_tid(void);
void *tor_get_memory(size_t size);		/* NULL: none */
void tor_give_memory(void *p);
void tor_say(bool bad, const char *line);
bool tor_asked_to_end(void);			/* of the thread that runs tor_run() */
void tor_shake(unsigned int number);		/* other priority, other CPU, for this thread */
void tor_shake_end(void);			/* ordinary again, where that matters */
void tor_hung(void);				/* shows what is stuck; may not return */

/* --- what one world has only ------------------------------------------------------------------ */

struct life;
struct actor;

int world_begin(void);		/* after the actors were started */
void world_end(void);		/* before they are joined */
bool world_list_is_empty(void);	/* no stopper left in the debug list? */
void op_world(struct actor *a, struct life *l);

#endif /* TORTURE_WORLD_H */
