// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * thread.c - the library's threads.
 *
 * All threads are detached. Their initial state, and the state that a task may leave behind, are
 * the subject of thread_state.c. The shared library is never unmapped (-z nodelete), so the last
 * instructions of a thread stay mapped.
 *
 * Each thread has a record, so that threads_have_ended() knows when the last one has ended. A
 * detached thread cannot be joined, and it runs libc's code and the program's key destructors
 * after the last code of the library. So the record of an exiting thread is kept, with its
 * thread id, until the kernel finds no such thread in this process. The next thread that starts
 * or exits checks these records. The kernel reuses a thread id only after it has used all
 * others; in that case the record is kept until the new thread of that id has ended.
 *
 * Stacks. Pool threads are shared, so each has at least the largest stack that a stopper has
 * requested so far. A thread that was started with a smaller one (plat_thread_fits()) leaves the
 * pool before it takes another job.
 *
 * A user function may end its thread by pthread_exit() or cancellation. The cleanup handler in
 * thread_main() notices this, and the thread ends. glibc unwinds the stack with a forced
 * exception, so the tasks on the stack have ended by then. musl does not unwind. There the
 * handler ends them; for threads of the program slots.c does.
 *
 * Ordered accesses
 *   (A) stack_min: relaxed. Creating a stopper happens before its first task by the program's own
 *       ordering.
 */
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "internal.h"
#include "upcalls.h"

struct thread_record {
	void *(*fn)(void *arg);
	void *arg;
	int tid;
	struct thread_record *next;	/* in exited_records */
};

static size_t stack_min;		/* bytes; the largest requested size, only grows */

static pthread_mutex_t records_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int nr_threads;		/* being started, or running */
static struct thread_record *exited_records;
static __thread struct thread_record *my_record;

bool plat_options_valid(const struct stopper_options *opts)
{
	size_t size = opts->stack_size;

	if (opts->owner)
		return false;
	return !size || (size >= (size_t)PTHREAD_STACK_MIN && size <= SIZE_MAX / 2);
}

/* Pool threads that start from now on have at least this size. */
void thread_stack_note(size_t size)
{
	size_t now = plat_load(&stack_min);

	/* (A) relaxed: the creation of the stopper happens before its tasks */
	while (now < size && !__atomic_compare_exchange_n(&stack_min, &now, size, true,
							  __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

bool plat_thread_fits(const struct plat_thread *t)
{
	return t->stack >= plat_load(&stack_min) && thread_state_is_clean();
}

static int stack_set_size(pthread_attr_t *attr, size_t min)
{
	size_t size;
	int err = pthread_attr_getstacksize(attr, &size);

	return err || size >= min ? err : pthread_attr_setstacksize(attr, min);
}

/* With the lock held: frees the records of threads that have ended. */
static void free_ended_records(void)
{
	struct thread_record **at = &exited_records, *r;

	while ((r = *at)) {
		if (!syscall(SYS_tgkill, getpid(), r->tid, 0)) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		plat_free(r);
	}
}

/* True: all but @stay threads of the library have ended, also for the kernel. */
bool threads_have_ended(unsigned int stay)
{
	bool ended;

	pthread_mutex_lock(&records_lock);
	free_ended_records();
	ended = !exited_records && nr_threads <= stay;
	pthread_mutex_unlock(&records_lock);
	return ended;
}

static void threads_count_add(int n)
{
	pthread_mutex_lock(&records_lock);
	free_ended_records();
	nr_threads += (unsigned int)n;
	pthread_mutex_unlock(&records_lock);
}

/* From here on only the thread id is used. Called before the pool counts the thread as ended. */
static void record_exit(void)
{
	struct thread_record *r = my_record;

	if (!r)
		return;
	my_record = NULL;
	pthread_mutex_lock(&records_lock);
	free_ended_records();
	nr_threads--;
	r->next = exited_records;
	exited_records = r;
	pthread_mutex_unlock(&records_lock);
}

static void *thread_run_recorded(void *record)
{
	struct thread_record *r = record;

	my_record = r;
	r->tid = plat_tid();
	r->fn(r->arg);
	record_exit();
	return NULL;
}

static int thread_create_recorded(const pthread_attr_t *attr, struct thread_record *r)
{
	pthread_t thread;
	uint64_t old;
	int err;

	threads_count_add(1);
	old = thread_state_block();
	err = pthread_create(&thread, attr, thread_run_recorded, r);
	thread_state_unblock(old);
	if (err)
		threads_count_add(-1);
	return err;
}

/* @stack: minimum size in bytes. 0, -EAGAIN or -ENOMEM. */
static int thread_create_sized(void *(*fn)(void *arg), void *arg, size_t stack)
{
	struct thread_record *r = plat_alloc(sizeof(*r));
	pthread_attr_t attr;
	int err;

	if (!r)
		return -ENOMEM;
	r->fn = fn;
	r->arg = arg;
	err = pthread_attr_init(&attr);
	if (!err) {
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
		err = stack_set_size(&attr, stack);
		if (!err)
			err = thread_create_recorded(&attr, r);
		pthread_attr_destroy(&attr);
	}
	if (!err)
		return 0;
	plat_free(r);
	/* A seccomp filter may return any error. */
	return err == ENOMEM ? -ENOMEM : -EAGAIN;
}

int thread_create(void *(*fn)(void *arg), void *arg)
{
	return thread_create_sized(fn, arg, 0);
}

void plat_thread_name(struct plat_thread *t, const char *name)
{
	name_escape_comm(t->name, sizeof(t->name), name);
	prctl(PR_SET_NAME, t->name);
}

/*
 * Reading the name costs more than a short task, so a thread reads it once a tick of the coarse
 * clock. After one task has renamed its thread, every thread reads it after each task.
 */
bool plat_thread_renamed(struct plat_thread *t)
{
	static bool found;
	uint64_t now = plat_coarse_time();
	char comm[16] = "";

	if (!plat_load(&found) && t->looked == now)
		return false;
	t->looked = now;
	if (prctl(PR_GET_NAME, comm) || !strcmp(comm, t->name))
		return false;
	plat_store(&found, true);
	return true;
}

struct main_scope {
	struct plat_thread *t;
	bool returned;
};

static void main_cleanup(void *scope)
{
	struct main_scope *sc = scope;

	if (!sc->returned) {
		tasks_end_thread(plat_tid());
		activities_end_thread(plat_tid());
		sc->t->died(sc->t, false);
	}
	record_exit();
	sc->t->release(sc->t);
	objcache_leave();
}

static void *thread_main(void *arg)
{
	struct main_scope sc = { arg, false };

	thread_state_begin();
	objcache_join();
	prctl(PR_SET_NAME, sc.t->name);
	pthread_cleanup_push(main_cleanup, &sc);
	sc.t->main(sc.t);
	sc.returned = true;
	pthread_cleanup_pop(1);
	return NULL;
}

int plat_thread_start(struct plat_thread *t, const char *name)
{
	int err = plat_ready();

	if (err)
		return err;
	name_escape_comm(t->name, sizeof(t->name), name);
	t->stack = plat_load(&stack_min);
	return thread_create_sized(thread_main, t, t->stack);
}
