// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * deferred.c - operations that one thread begins and another one ends.
 *
 * Actors queue deferred operations. Threads run them, and in the kernel a timer in softirq, too.
 * These threads never wait for a stopper, so a wait for a deferred operation is bounded. An
 * operation is released by a thread, because the last use of an instance is dropped in process
 * context.
 */
#include "torture.h"

#define THREADS	2

static struct env_lock lock;
static struct deferred_op *pending, *done;
static struct env_thread threads[THREADS];
static int nthreads;
static bool closing;

static struct deferred_op *list_pop(struct deferred_op **list)
{
	struct deferred_op *p;
	unsigned long f;

	env_lock(&lock, f);
	p = *list;
	if (p)
		*list = p->next;
	env_unlock(&lock, f);
	return p;
}

static void list_push(struct deferred_op **list, struct deferred_op *p)
{
	unsigned long f;

	env_lock(&lock, f);
	p->next = *list;
	*list = p;
	env_unlock(&lock, f);
}

void defer(struct deferred_op *p)
{
	list_push(&pending, p);
}

bool deferred_run(unsigned int max)
{
	struct deferred_op *p = NULL;

	while (max-- && (p = list_pop(&pending))) {
		CHECK_EQ(p->magic, DEFERRED_MAGIC);
		p->run(p);
		list_push(&done, p);
	}
	return p;
}

static bool release_done(void)
{
	struct deferred_op *p = list_pop(&done);

	if (p)
		p->release(p);
	return p;
}

static void deferred_main(void *arg)
{
	bool end;

	(void)arg;
	do {
		end = env_load(&closing);
		/* Slower than the actors, so that operations stay open for a while. */
		env_sleep(500 * ENV_USEC);
		while (deferred_run(16) || release_done())
			env_yield();
	} while (!end);
}

int deferred_init(void)
{
	int err = 0;

	env_lock_init(&lock);
	closing = false;
	for (nthreads = 0; nthreads < THREADS && !err; nthreads++)
		err = env_spawn_named(&threads[nthreads], "torture-defer", deferred_main, NULL);
	if (err)
		nthreads--;
	return err;
}

/* No actor defers any more; the timer has been stopped. */
void deferred_exit(void)
{
	int i;

	env_store(&closing, true);
	for (i = 0; i < nthreads; i++)
		env_join(&threads[i]);
	while (deferred_run(16) || release_done())
		;
}
