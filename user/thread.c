// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * thread.c - the library's threads.
 *
 * All are detached and have every signal blocked: a program's signals go to the
 * program's threads. The shared library is never unmapped (-z nodelete), so a
 * thread's last instructions are always there.
 *
 * A user function may end its thread: pthread_exit(), cancellation. The cleanup
 * handler in thread_main() is where that is noticed; then the thread really ends.
 * glibc unwinds the stack with a forced exception, so that what was begun on the way
 * has been ended by then. musl does not; there it is ended here, and in slots.c for
 * threads that are not ours.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include "internal.h"

/* 0, -EAGAIN or -ENOMEM. */
int thread_create(void *(*fn)(void *arg), void *arg)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	int err = pthread_attr_init(&attr);

	if (err)
		return -err;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&thread, &attr, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -err;
}

void plat_thread_name(struct plat_thread *t, const char *name)
{
	name_comm(t->name, sizeof(t->name), name);
	prctl(PR_SET_NAME, t->name);
}

/*
 * Asking costs more than a short task, so a thread asks once a tick of the clock. Once a
 * task has been found to rename its thread, every thread asks after each task.
 */
bool plat_thread_renamed(struct plat_thread *t)
{
	static bool found;
	uint64_t now = plat_stamp();
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

static void main_over(void *scope)
{
	struct main_scope *sc = scope;

	if (!sc->returned) {
		tasks_abandon(plat_tid());
		runs_abandon(plat_tid());
		sc->t->died(sc->t, false);
	}
	sc->t->release(sc->t);
	cache_leave();
}

static void *thread_main(void *arg)
{
	struct main_scope sc = { arg, false };

	cache_join();
	prctl(PR_SET_NAME, sc.t->name);
	pthread_cleanup_push(main_over, &sc);
	sc.t->main(sc.t);
	sc.returned = true;
	pthread_cleanup_pop(1);
	return NULL;
}

int plat_thread_start(struct plat_thread *t, const char *name)
{
	int err = plat_usable();

	if (err)
		return err;
	name_comm(t->name, sizeof(t->name), name);
	return thread_create(thread_main, t);
}
