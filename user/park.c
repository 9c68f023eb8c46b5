// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * park.c - waiting on a ring if one is available, else on a futex.
 *
 * A parker is one word.
 *
 *   EMPTY        no thread waits, and there was no wake-up
 *   SET          unparked; the next park takes this and returns
 *   WAITING      a thread waits on the word (futex, or a ring's FUTEX_WAIT)
 *   FD | fd      a thread waits for this eventfd (a ring's POLL_ADD)
 *
 * Teardown. As soon as the waiter sees SET, it may return and its stack may be reused. So the
 * waker's exchange, which returns how to wake the waiter, is the waker's last access to the
 * parker. The wake-up that follows may reach no thread or a different one: a stray FUTEX_WAKE on
 * an address, or a stray write to an eventfd that serves another waiter by then. Both are
 * spurious wake-ups, which every park loop here tolerates. The library never closes an eventfd
 * that a waker may know.
 *
 * Rings are pooled: a waiter borrows one for the wait. There are at most MAX_RINGS, so that waits
 * do not use up the program's descriptors. A waiter without a ring waits on the plain futex. Idle
 * pool threads always do: only a thread start depends on them, and they are many.
 *
 * The first wait chooses the backend by testing what the kernel supports: a ring with FUTEX_WAIT
 * (6.7), a ring that polls, or no ring (seccomp, kernel.io_uring_disabled, RLIMIT_MEMLOCK). If
 * the test fails for lack of descriptors, the next wait repeats it.
 *
 * valgrind runs one thread at a time, and 3.19 keeps its lock while a thread is in
 * io_uring_enter(): a thread that waits there blocks all others. So the futex is the default under
 * valgrind; STOPPER_WAIT overrides it. valgrind/valgrind.h detects valgrind with instructions that
 * have no effect elsewhere. A library built without that header looks at the environment:
 * valgrind preloads its own library into each program that it runs, also into static ones, and
 * removes this setting for children that it does not follow. A program that clears its
 * environment before its first wait is not recognized then.
 *
 * A ring may fail later (ring.c): its descriptor was closed, or a seccomp filter was added. Then
 * the wait continues on the futex and the ring is dropped. If io_uring is refused, no other ring
 * is opened. A FUTEX_WAIT that a failed ring has submitted would consume the wake-up of the next
 * waiter at that address, which may be a lock of the program. So the waiter ends it with a
 * FUTEX_WAKE. A waiter whose eventfd was closed would never be woken, so each waiter on an
 * eventfd rechecks its word once in RECHECK_NS.
 *
 * A wait is not a cancellation point: a cancelled thread must not exit with a ring, a lock, or
 * its records on a list. So all system calls here go through syscall(), which is none, and
 * through liburing, whose calls are none either.
 *
 * Ordered accesses
 *   (K) the waker's exchange is a release, the waiter's removal of SET an acquire: what was done
 *       before plat_unpark() is visible after plat_park().
 */
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <stopper/uring.h>
#include "ring.h"

#if !defined(STOPPER_NO_VALGRIND_H) && defined(__has_include)
#if __has_include("valgrind/valgrind.h")
#include <valgrind/valgrind.h>
#endif
#endif

#define EMPTY		0u
#define SET		1u
#define WAITING		2u
#define FD		0x80000000u

/* IORING_OP_FUTEX_WAIT and its flags, which liburing 2.3 does not know. */
#define OP_FUTEX_WAIT	51
#define FUTEX_FLAGS	(2 | 128)	/* FUTEX2_SIZE_U32 | FUTEX2_PRIVATE */

#define MAX_RINGS	32
#define CHILDREN_RECHECK_NS (10 * NS_PER_SEC)	/* an idle thread looks for child processes */
#define RECHECK_NS	NS_PER_SEC		/* an eventfd may have been closed */

enum backend { UNDECIDED, URING_FUTEX, URING_EVENTFD, FUTEX };

static const char * const backend_names[] = { NULL, "uring-futex", "uring-eventfd", "futex" };

static pthread_mutex_t rings_lock = PTHREAD_MUTEX_INITIALIZER;
static enum backend backend;
static struct ring *idle_rings;
static unsigned int nr_rings;

/* 0, or -ETIMEDOUT; may return early. */
int futex_wait(uint32_t *word, uint32_t val, int64_t deadline)
{
	struct timespec ts = { deadline / NS_PER_SEC, deadline % NS_PER_SEC };
	long r = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, val,
			 deadline == PLAT_FOREVER ? NULL : &ts, NULL, FUTEX_BITSET_MATCH_ANY);

	return r && errno == ETIMEDOUT ? -ETIMEDOUT : 0;
}

void futex_wake(uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void plat_unpark(struct plat_parker *p)
{
	/* (K) release: pairs with parker_take() */
	uint32_t old = __atomic_exchange_n(&p->word, SET, __ATOMIC_RELEASE);

	/* From here on *p may have been freed. */
	if (old == WAITING)
		futex_wake(&p->word);
	else if (old & FD)
		eventfd_signal((int)(old & ~FD), FD_WAITER);
}

static bool parker_take(struct plat_parker *p)
{
	uint32_t set = SET;

	/* (K) acquire: pairs with plat_unpark() */
	return __atomic_compare_exchange_n(&p->word, &set, EMPTY, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static bool parker_change(struct plat_parker *p, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&p->word, &from, to, false, __ATOMIC_RELAXED,
					   __ATOMIC_RELAXED);
}

static void ring_prep_futex(struct io_uring_sqe *sqe, uint32_t *word, uint32_t val)
{
	io_uring_prep_rw(OP_FUTEX_WAIT, sqe, FUTEX_FLAGS, word, 0, val);
	sqe->addr3 = FUTEX_BITSET_MATCH_ANY;
}

static int wait_uring_futex(struct ring *r, struct plat_parker *p, int64_t deadline)
{
	struct io_uring_sqe *sqe;
	int err;

	if (!parker_change(p, EMPTY, WAITING))
		return 0;
	sqe = io_uring_get_sqe(&r->uring);
	ring_prep_futex(sqe, &p->word, WAITING);
	io_uring_sqe_set_data64(sqe, RING_TAG);
	err = ring_wait(r, deadline);
	parker_change(p, WAITING, EMPTY);
	if (err)
		futex_wake(&p->word);	/* ends the request if it was submitted */
	return err;
}

static int wait_uring_eventfd(struct ring *r, struct plat_parker *p, int64_t deadline)
{
	uint32_t waiting = FD | (uint32_t)r->efd;
	int64_t recheck = plat_now() + RECHECK_NS;
	struct io_uring_sqe *sqe;
	int err;

	if (!parker_change(p, EMPTY, waiting))
		return 0;
	sqe = io_uring_get_sqe(&r->uring);
	io_uring_prep_poll_add(sqe, r->efd, POLLIN);
	io_uring_sqe_set_data64(sqe, RING_TAG);
	err = ring_wait(r, recheck < deadline ? recheck : deadline);
	parker_change(p, waiting, EMPTY);
	return err ? err : eventfd_drain(r->efd, FD_WAITER);
}

static void wait_futex(struct plat_parker *p, int64_t deadline)
{
	if (!parker_change(p, EMPTY, WAITING))
		return;
	futex_wait(&p->word, WAITING, deadline);
	parker_change(p, WAITING, EMPTY);
}

/* Submits a real request: a probe may report an operation that a seccomp filter refuses. */
static bool ring_supports(struct ring *r, enum backend b)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->uring);
	struct io_uring_cqe *cqe;
	uint32_t word = 0;
	int res, want;

	if (b == URING_FUTEX) {
		ring_prep_futex(sqe, &word, 1);	/* differs from the word: ends at once */
		want = -EAGAIN;
	} else {
		eventfd_signal(r->efd, FD_WAITER);
		io_uring_prep_poll_add(sqe, r->efd, POLLIN);
		want = POLLIN;
	}
	if (io_uring_submit(&r->uring) != 1 || io_uring_wait_cqe(&r->uring, &cqe))
		return false;
	res = cqe->res;
	io_uring_cqe_seen(&r->uring, cqe);
	return res == want;
}

/* 1: works; 0: does not work; -1: unknown, because there was no free descriptor. */
static int backend_try(enum backend b)
{
	struct ring *r;
	bool works;
	int err;

	if (b == FUTEX)
		return 1;
	r = ring_open(b == URING_EVENTFD, &err);
	if (!r)
		return err == -EMFILE || err == -ENFILE ? -1 : 0;
	works = ring_supports(r, b);
	ring_close(r);
	return works;
}

static enum backend forced_backend(void)
{
	const char *env = getenv("STOPPER_WAIT");
	enum backend b;
	char line[160];

	if (!env || !*env)
		return UNDECIDED;
	for (b = URING_FUTEX; b <= FUTEX; b++)
		if (!strcmp(env, backend_names[b]))
			return b;
	snprintf(line, sizeof(line),
		 "STOPPER_WAIT=%.40s ignored: expected uring-futex, uring-eventfd or futex", env);
	plat_log(STOPPER_LOG_WARNING, line);
	return UNDECIDED;
}

static bool runs_on_valgrind(void)
{
#ifdef RUNNING_ON_VALGRIND
	return RUNNING_ON_VALGRIND;
#else
	const char *preloaded = getenv("LD_PRELOAD");

	return preloaded && strstr(preloaded, "/vgpreload_core");
#endif
}

/* With the lock held. */
static void choose_backend(void)
{
	enum backend want = forced_backend(), b;
	char line[160];
	int r;

	if (want != UNDECIDED) {
		r = backend_try(want);
		if (r > 0)
			backend = want;
		if (r)
			return;
		snprintf(line, sizeof(line), "STOPPER_WAIT=%s ignored: not available here",
			 backend_names[want]);
		plat_log(STOPPER_LOG_WARNING, line);
	}
	for (b = runs_on_valgrind() ? FUTEX : URING_FUTEX; b <= FUTEX; b++) {
		r = backend_try(b);
		if (r > 0)
			backend = b;
		if (r)
			return;
	}
}

static unsigned int max_rings(void)
{
	struct rlimit lim;

	if (!getrlimit(RLIMIT_NOFILE, &lim) && lim.rlim_cur / 8 < MAX_RINGS)
		return (unsigned int)(lim.rlim_cur / 8);
	return MAX_RINGS;
}

/* With the lock held. If io_uring is refused (a late seccomp filter), no ring is opened again. */
static void ring_failed(int err)
{
	char line[120];

	if (backend == FUTEX || (err != -EPERM && err != -EACCES && err != -ENOSYS))
		return;
	backend = FUTEX;
	snprintf(line, sizeof(line),
		 "io_uring failed with error %d: waiting on futexes from now on", -err);
	plat_log(STOPPER_LOG_WARNING, line);
}

/* With the lock held. NULL: none is available now. */
static struct ring *ring_get(enum backend b)
{
	struct ring *r = idle_rings;
	int err = 0;

	if (r) {
		idle_rings = r->next;
		return r;
	}
	if (nr_rings < max_rings())
		r = ring_open(b == URING_EVENTFD, &err);
	if (r)
		nr_rings++;
	else
		ring_failed(err);
	return r;
}

/* Returns how to wait, and in *@ring the ring for it; NULL with FUTEX. */
static enum backend ring_borrow(struct ring **ring)
{
	enum backend b;
	int cancel;

	*ring = NULL;
	if (plat_forked)
		return FUTEX;
	/* Opening a ring may call close(), a cancellation point. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pthread_mutex_lock(&rings_lock);
	if (backend == UNDECIDED)
		choose_backend();
	b = backend;
	if (b == URING_FUTEX || b == URING_EVENTFD)
		*ring = ring_get(b);
	pthread_mutex_unlock(&rings_lock);
	pthread_setcancelstate(cancel, NULL);
	return *ring ? b : FUTEX;
}

static void ring_return(struct ring *r)
{
	pthread_mutex_lock(&rings_lock);
	r->next = idle_rings;
	idle_rings = r;
	pthread_mutex_unlock(&rings_lock);
}

/* After an error of the ring: this wait continues without it, the next one gets another ring. */
static void ring_give_up(struct ring *r, int err)
{
	int cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pthread_mutex_lock(&rings_lock);
	if (ring_drop(r))
		nr_rings--;
	ring_failed(err);
	pthread_mutex_unlock(&rings_lock);
	pthread_setcancelstate(cancel, NULL);
}

/* 0, or the error that makes the ring unusable. */
static int wait_uring(enum backend b, struct ring *r, struct plat_parker *p, int64_t deadline)
{
	return b == URING_FUTEX ? wait_uring_futex(r, p, deadline) :
	       wait_uring_eventfd(r, p, deadline);
}

bool plat_park(struct plat_parker *p, int64_t deadline)
{
	struct ring *r;
	enum backend b;
	bool woken;
	int err;

	if (parker_take(p))
		return true;
	b = ring_borrow(&r);
	while (!(woken = parker_take(p)) && (deadline == PLAT_FOREVER || plat_now() < deadline)) {
		if (!r) {
			wait_futex(p, deadline);
			continue;
		}
		err = wait_uring(b, r, p, deadline);
		if (err) {
			ring_give_up(r, err);
			r = NULL;
		}
	}
	if (r)
		ring_return(r);
	return woken;
}

bool plat_park_idle(struct plat_parker *p, int64_t deadline)
{
	bool woken;

	thread_state_idle();
	while (!(woken = parker_take(p)) && (deadline == PLAT_FOREVER || plat_now() < deadline)) {
		wait_futex(p, deadline);
		/* The exit of this thread would signal a child with PR_SET_PDEATHSIG. */
		while (deadline != PLAT_FOREVER && plat_now() >= deadline && thread_has_children())
			deadline += CHILDREN_RECHECK_NS;
	}
	return woken;
}

const char *stopper_wait_backend(void)
{
	const char *name;
	int cancel;

	if (plat_is_copy())
		return backend_names[FUTEX];
	/* As in ring_borrow(). */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pthread_mutex_lock(&rings_lock);
	if (backend == UNDECIDED)
		choose_backend();
	name = backend_names[backend == UNDECIDED ? FUTEX : backend];
	pthread_mutex_unlock(&rings_lock);
	pthread_setcancelstate(cancel, NULL);
	return name;
}
EXPORT_SYMBOL_PLAT(stopper_wait_backend);
