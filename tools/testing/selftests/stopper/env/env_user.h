/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * env_user.h - env.h for programs.
 */
#ifndef STOPPER_TEST_ENV_USER_H
#define STOPPER_TEST_ENV_USER_H

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef noinline
#define noinline	__attribute__((noinline))
#endif

/* stopper_panic() and the end of a thread unwind the task that runs. */
#define ENV_UNWINDS	1

/* --- shared words and counters ---------------------------------------------------------------- */

#define env_load(p)		__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define env_store(p, v)		__atomic_store_n(p, v, __ATOMIC_RELEASE)
/* Not ordered. */
#define env_peek(p)		__atomic_load_n(p, __ATOMIC_RELAXED)
#define env_poke(p, v)		__atomic_store_n(p, v, __ATOMIC_RELAXED)
/* True if *p was old and is new now. Fully ordered. */
#define env_swap(p, old, new)	(__extension__ ({			\
	__typeof__(*(p)) __old = (old);					\
	__atomic_compare_exchange_n(p, &__old, new, false,		\
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); }))

struct env_counter {
	long v;
};

static inline long env_get(struct env_counter *c)
{
	return env_load(&c->v);
}

static inline void env_set(struct env_counter *c, long v)
{
	env_store(&c->v, v);
}

/* The same two, not ordered. */
static inline long env_get_relaxed(struct env_counter *c)
{
	return env_peek(&c->v);
}

static inline void env_set_relaxed(struct env_counter *c, long v)
{
	env_poke(&c->v, v);
}

/* Returns the new value. Fully ordered. */
static inline long env_add(struct env_counter *c, long n)
{
	return __atomic_add_fetch(&c->v, n, __ATOMIC_SEQ_CST);
}

/* --- locks and gates -------------------------------------------------------------------------- */

struct env_lock {
	pthread_mutex_t lock;
};

#define env_lock_init(l)	pthread_mutex_init(&(l)->lock, NULL)
#define env_lock(l, f)		((void)((f) = 0), pthread_mutex_lock(&(l)->lock))
#define env_unlock(l, f)	((void)(f), pthread_mutex_unlock(&(l)->lock))

struct env_mutex {
	pthread_mutex_t lock;
};

#define env_mutex_init(m)	pthread_mutex_init(&(m)->lock, NULL)
#define env_mutex_lock(m)	pthread_mutex_lock(&(m)->lock)
#define env_mutex_unlock(m)	pthread_mutex_unlock(&(m)->lock)
#define env_mutex_destroy(m)	pthread_mutex_destroy(&(m)->lock)

struct env_gate {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool open;
};

static inline void env_gate_init(struct env_gate *g)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&g->cond, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&g->lock, NULL);
	g->open = false;
}

static inline void env_gate_destroy(struct env_gate *g)
{
	pthread_cond_destroy(&g->cond);
	pthread_mutex_destroy(&g->lock);
}

static inline void env_gate_open(struct env_gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->open = true;
	pthread_cond_broadcast(&g->cond);
	pthread_mutex_unlock(&g->lock);
}

/* False: it was not opened within ENV_BOUND. */
static inline bool env_gate_wait(struct env_gate *g)
{
	struct timespec until;
	int err = 0;
	bool open;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ENV_BOUND / ENV_SEC;
	pthread_mutex_lock(&g->lock);
	while (!g->open && !err)
		err = pthread_cond_timedwait(&g->cond, &g->lock, &until);
	open = g->open;
	pthread_mutex_unlock(&g->lock);
	return open;
}

/* --- time ------------------------------------------------------------------------------------- */

/* Nanoseconds of a clock that never goes back. */
static inline int64_t env_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * ENV_SEC + ts.tv_nsec;
}

static inline long long env_seconds(int64_t ns)
{
	return ns / ENV_SEC;
}

static inline void env_sleep(int64_t ns)
{
	struct timespec ts = { .tv_sec = ns / ENV_SEC, .tv_nsec = ns % ENV_SEC };

	nanosleep(&ts, NULL);
}

static inline void env_yield(void)
{
	sched_yield();
}

/* One step of a short loop that the compiler must keep. */
static inline void env_relax(void)
{
	__asm__ volatile("" : : : "memory");
}

/* --- threads ---------------------------------------------------------------------------------- */

struct env_thread {
	void (*fn)(void *arg);
	void *arg;
	pthread_t task;
	int tid;
};

static inline int env_tid(void)
{
	return (int)syscall(SYS_gettid);
}

static inline void *env_thread_main(void *arg)
{
	struct env_thread *t = arg;

	env_store(&t->tid, env_tid());
	t->fn(t->arg);
	return NULL;
}

/* Returns 0 or -errno. */
static inline int env_spawn(struct env_thread *t, void (*fn)(void *arg), void *arg)
{
	t->fn = fn;
	t->arg = arg;
	return -pthread_create(&t->task, NULL, env_thread_main, t);
}

/* @name: at most 15 bytes. */
static inline int env_spawn_named(struct env_thread *t, const char *name, void (*fn)(void *arg),
				  void *arg)
{
	int err = env_spawn(t, fn, arg);

	if (!err)
		pthread_setname_np(t->task, name);
	return err;
}

static inline void env_join(struct env_thread *t)
{
	pthread_join(t->task, NULL);
}

/* Is @t the calling thread? */
static inline bool env_is_self(struct env_thread *t)
{
	return env_load(&t->tid) == env_tid();
}

/* Ends the calling thread where it stands. */
static inline void __attribute__((noreturn)) env_thread_exit(void)
{
	pthread_exit(NULL);
}

/* The calling thread's name, as the system shows it. */
static inline void env_comm(char *buf, size_t size)
{
	buf[0] = '\0';
	pthread_getname_np(pthread_self(), buf, size);
}

/* The name of another thread; "" once it has ended. */
static inline void env_comm_of(int tid, char *buf, size_t size)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", tid);
	f = fopen(path, "r");
	if (!f || !fgets(buf, (int)size, f))
		buf[0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	if (f)
		fclose(f);
}

/* The state of another thread, as /proc has it; '\0' once it has ended. */
static inline char env_state_of(int tid)
{
	char path[64], line[512] = "";
	const char *comm_end;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "r");
	if (f && !fgets(line, sizeof(line), f))
		line[0] = '\0';
	if (f)
		fclose(f);
	comm_end = strrchr(line, ')');
	return comm_end ? comm_end[2] : '\0';
}

/* Renames the calling thread, as code does that does not know the stopper. */
static inline void env_rename(const char *comm)
{
	pthread_setname_np(pthread_self(), comm);
}

/* --- memory ----------------------------------------------------------------------------------- */

/* Zeroed; NULL where there is none. */
static inline void *env_try_alloc(size_t size)
{
	return calloc(1, size);
}

/* Zeroed, never NULL. */
static inline void *env_alloc(size_t size)
{
	void *p = env_try_alloc(size);

	if (!p)
		abort();
	return p;
}

static inline void env_free(void *p)
{
	free(p);
}

#endif /* STOPPER_TEST_ENV_USER_H */
