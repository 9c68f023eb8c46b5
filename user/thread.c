// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * thread.c - the library's threads.
 *
 * All are detached and have every signal blocked: a program's signals go to the
 * program's threads. The shared library is never unmapped (-z nodelete), so a
 * thread's last instructions are always there.
 *
 * A user function may end its thread: pthread_exit(), cancellation. Both unwind
 * the stack with a forced exception, and the cleanup in thread_main() is where
 * that is noticed; then the thread really ends.
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

static void name_thread(const char *name)
{
	char comm[16];

	name_comm(comm, sizeof(comm), name);
	prctl(PR_SET_NAME, comm);
}

void plat_thread_name(struct plat_thread *t, const struct stopper_site *site)
{
	/* A system call, so not for one more task of the same kind. */
	if (t->named == site)
		return;
	t->named = site;
	name_thread(site->name);
}

struct main_scope {
	struct plat_thread *t;
	bool returned;
};

static void main_over(struct main_scope *sc)
{
	if (!sc->returned)
		sc->t->died(sc->t, false);
	sc->t->release(sc->t);
	cache_leave();
}

static void *thread_main(void *arg)
{
	struct main_scope sc __attribute__((cleanup(main_over))) = { arg, false };

	cache_join();
	name_thread(sc.t->name);
	sc.t->main(sc.t);
	sc.returned = true;
	return NULL;
}

int plat_thread_start(struct plat_thread *t, const char *name)
{
	int err = plat_usable();

	if (err)
		return err;
	t->named = NULL;
	name_comm(t->name, sizeof(t->name), name);
	return thread_create(thread_main, t);
}
