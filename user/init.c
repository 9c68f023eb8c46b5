// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * init.c - process-wide state: the heavy barrier, fork, the clock.
 *
 * The heavy barrier is membarrier(PRIVATE_EXPEDITED): every running thread of the process
 * executes a full barrier, and every other thread executed one when it was switched out. If the
 * kernel or a seccomp filter refuses membarrier(), every light barrier becomes a fence. This is
 * decided before the first stopper exists.
 *
 * A filter that is installed later may forbid membarrier() while threads execute light barriers
 * without a fence. Then the caller runs on each CPU in turn (sched_setaffinity). A thread that
 * was running there has been switched out by then, which is a full barrier, and a thread that
 * left that CPU before was switched out too. EINVAL means that the CPU is offline or not in the
 * cpuset of the process, so none of its threads runs there. (Threads of one process that have
 * different cpusets are not handled.) The cost is about 50 us for each CPU. If
 * sched_setaffinity() is forbidden too, the process logs a line and aborts, because a stop could
 * miss running tasks.
 *
 * Meanwhile the caller has a different affinity. A change of it by another thread or process
 * during that time is lost, and a CPU that a realtime thread occupies delays the caller. The
 * alternatives are worse: changing the protection of a page, as other programs do, interrupts the
 * other CPUs on some machines only (not on AArch64, nor on x86 with INVLPGB); signalling each
 * thread needs a signal that no thread of the program has blocked; and a library thread that
 * visits the CPUs might not exist, or might run a closer that waits for this stop.
 *
 * fork() copies only the calling thread, without the pool, the timer thread and all waiters. So
 * the library is unusable in a child whose parent has used it; functions return -ENOTSUP there.
 * A child whose parent has not used it can use it.
 *
 * Ordered accesses
 *   (B) plat_heavy_barrier() pairs with plat_light_barrier() of every other thread: each light
 *       barrier lies wholly before or wholly after it (core/seam.h).
 *   (W) counters of messages: only the thread that reads 0 logs. A plain atomic increment would
 *       do; there is no data to order.
 */
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "internal.h"
#include "upcalls.h"

bool plat_no_membarrier;
bool plat_forked;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool atfork_done;			/* mark_forked() is registered */
static int64_t tick_ns;

static long membarrier(int cmd)
{
	return syscall(SYS_membarrier, cmd, 0, 0);
}

static bool run_on_cpu(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return !sched_setaffinity(0, sizeof(one), &one) || errno == EINVAL;
}

/* False: not allowed, or more CPUs than a cpu_set_t holds. */
static bool run_on_every_cpu(void)
{
	cpu_set_t mine;
	int cpu;

	if (sched_getaffinity(0, sizeof(mine), &mine))
		return false;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (!run_on_cpu(cpu))
			break;
	sched_setaffinity(0, sizeof(mine), &mine);
	return cpu == CPU_SETSIZE;
}

static void membarrier_refused(int err)
{
	static unsigned int nr_reported;
	char line[120];

	/* (W) pairs with itself: one thread logs */
	if (!plat_fetch_add_full(&nr_reported, 1)) {
		snprintf(line, sizeof(line),
			 "membarrier() failed with error %d: stops take longer from now on", err);
		plat_log(STOPPER_LOG_WARNING, line);
	}
	if (run_on_every_cpu())
		return;
	plat_log(STOPPER_LOG_ERR,
		 "membarrier() and sched_setaffinity() failed: a stop could miss tasks; aborting");
	abort();
}

void plat_heavy_barrier(void)
{
	/* (B) pairs with plat_light_barrier(); orders this thread where membarrier() is missing */
	plat_fence(__ATOMIC_SEQ_CST);
	if (!plat_no_membarrier && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
		membarrier_refused(errno);
}

/* The count stays far from 0 from now on: the object is leaked, never freed while in use. */
void ref_misused(plat_ref_t *r)
{
	static unsigned int nr_reported;

	plat_store(&r->n, PLAT_REF_STUCK);
	/* (W) pairs with itself: one thread logs */
	if (!plat_fetch_add_full(&nr_reported, 1))
		plat_log(STOPPER_LOG_ERR,
			 "reference count saturated or used after its last put; leaking memory");
}

static void mark_forked(void)
{
	plat_forked = true;
}

/* Calls pthread_atfork() once, then sets *@done. On -ENOMEM the next call tries again. */
int atfork_once(bool *done, void (*before)(void), void (*parent)(void), void (*child)(void))
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

static void process_init(void)
{
	struct timespec tick;

	if (!clock_getres(CLOCK_MONOTONIC_COARSE, &tick))
		tick_ns = tick.tv_nsec;
	plat_no_membarrier = plat_on_tsan ||
			     membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0 ||
			     membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0 ||
			     getenv("STOPPER_NO_MEMBARRIER");
	thread_state_init();
	pool_init();
	trace_file_init();
}

int plat_ready(void)
{
	static unsigned int nr_reported;
	int err;

	pthread_once(&once, process_init);
	if (PLAT_UNLIKELY(!plat_load(&atfork_done))) {
		err = atfork_once(&atfork_done, NULL, NULL, mark_forked);
		if (err)
			return err;
	}
	if (!plat_forked)
		return 0;
	/* (W) pairs with itself: one thread logs */
	if (!plat_fetch_add_full(&nr_reported, 1))
		plat_log(STOPPER_LOG_ERR,
			 "not usable in this child process: the library was used before fork()");
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

uint64_t plat_coarse_time(void)
{
	return (uint64_t)read_clock(CLOCK_MONOTONIC_COARSE) | 1;
}

/* The coarse clock is up to one tick late, so the real age is at least the returned one. */
int64_t plat_coarse_age(uint64_t stamp)
{
	int64_t age = (int64_t)((uint64_t)plat_now() - stamp) - tick_ns;

	return age > 0 ? age : 0;
}
