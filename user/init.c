// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * init.c - the process: barriers, fork, clock, log.
 *
 * The heavy barrier is membarrier(PRIVATE_EXPEDITED): every thread of the process
 * that is running executes a full barrier, the others have had one when they were
 * switched out. Where the kernel or a seccomp filter does not let us, every light
 * barrier becomes a fence; that is settled before the first stopper exists.
 *
 * fork() copies one thread. The pool, the timers and all who wait stay behind, so
 * a child whose parent had used the library cannot use it, and is told so; one
 * whose parent had not can.
 */
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "internal.h"

bool plat_no_membarrier;
bool plat_forked;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool watching;			/* in_child() will be called */
static int64_t tick_ns;

static long membarrier(int cmd)
{
	return syscall(SYS_membarrier, cmd, 0, 0);
}

/* Pairs with plat_light_barrier() of every other thread. */
void plat_heavy_barrier(void)
{
	/* pairs with plat_light_barrier() of every other thread */
	plat_fence(__ATOMIC_SEQ_CST);
	if (!plat_no_membarrier && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
		abort();	/* registered, so it cannot fail; going on would lose tasks */
}

static void in_child(void)
{
	plat_forked = true;
}

/* pthread_atfork(), once: then *@done. 0 or -ENOMEM; then again at the next use. */
int watch_forks(bool *done, void (*before)(void), void (*parent)(void), void (*child)(void))
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	int err = 0;

	pthread_mutex_lock(&lock);
	if (!*done)
		err = pthread_atfork(before, parent, child);
	plat_store(done, !err);
	pthread_mutex_unlock(&lock);
	return -err;
}

static void init(void)
{
	struct timespec tick;

	if (!clock_getres(CLOCK_MONOTONIC_COARSE, &tick))
		tick_ns = tick.tv_nsec;
	plat_no_membarrier = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0 ||
			     membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0 ||
			     getenv("STOPPER_NO_MEMBARRIER");
	thread_state_init();
	pool_init();
	record_init();
}

int plat_usable(void)
{
	static unsigned int said;
	int err;

	pthread_once(&once, init);
	if (PLAT_UNLIKELY(!plat_load(&watching))) {
		err = watch_forks(&watching, NULL, NULL, in_child);
		if (err)
			return err;
	}
	if (!plat_forked)
		return 0;
	/* (W) full only to be counted once; pairs with itself */
	if (!plat_fetch_add_full(&said, 1))
		plat_log(STOPPER_LOG_ERR, "used before fork(): not usable in the child");
	return -ENOTSUP;
}

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

int64_t plat_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t plat_stamp(void)
{
	return (uint64_t)read_clock(CLOCK_MONOTONIC_COARSE) | 1;
}

/* A stamp may have been as old as a tick when it was taken: an age is at least this. */
int64_t plat_stamp_age(uint64_t stamp)
{
	int64_t age = (int64_t)((uint64_t)plat_now() - stamp) - tick_ns;

	return age > 0 ? age : 0;
}
