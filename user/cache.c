// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * cache.c - memory for records that one thread allocates and another frees.
 *
 * That is what an async task's record is for, and what malloc() is slow at: the
 * freeing thread goes to the allocating one's arena and its lock. So each thread
 * keeps a magazine of free records; a full one and an empty one are exchanged at
 * a depot, under a lock, once in MAGAZINE operations (Bonwick and Adams, 2001).
 *
 * All records have one size. The depot keeps DEPOT magazines, what is beyond is
 * freed. So is what a thread has left when it exits; only threads that will tell
 * us of their exit have a magazine (caches). With a sanitizer nobody has: it
 * is to see a record used after it was freed.
 */
#include <pthread.h>
#include "internal.h"

#define RECORD		128
#define MAGAZINE	32
#define DEPOT		64

/* The first word of a free record. */
struct record {
	struct record *next;
	struct record *magazine;	/* in the depot: the next magazine's first record */
};

static __thread bool caches;
static __thread struct record *mine;
static __thread unsigned int nmine;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct record *depot;
static unsigned int ndepot;

/* A full magazine from the depot. */
static bool restock(void)
{
	pthread_mutex_lock(&lock);
	mine = depot;
	if (mine) {
		depot = mine->magazine;
		ndepot--;
		nmine = MAGAZINE;
	}
	pthread_mutex_unlock(&lock);
	return mine;
}

static void free_all(struct record *r)
{
	struct record *next;

	for (; r; r = next) {
		next = r->next;
		free(r);
	}
}

/* A full magazine goes to the depot. */
static void hand_in(void)
{
	struct record *full = mine;

	mine = NULL;
	nmine = 0;
	pthread_mutex_lock(&lock);
	if (ndepot < DEPOT) {
		full->magazine = depot;
		depot = full;
		ndepot++;
		full = NULL;
	}
	pthread_mutex_unlock(&lock);
	free_all(full);
}

void *plat_alloc_record(size_t n)
{
	struct record *r;

	if (n > RECORD)
		return NULL;
	/* A table, and with it a word at the thread's exit. */
	if (PLAT_UNLIKELY(!plat_my_slots))
		plat_slots_register();
	if (!caches || (!mine && !restock()))
		return plat_alloc(RECORD);
	r = mine;
	mine = r->next;
	nmine--;
	return memset(r, 0, n);
}

void plat_free_record(void *p)
{
	struct record *r = p;

	if (!r || !caches) {
		free(r);
		return;
	}
	if (nmine == MAGAZINE)
		hand_in();
	r->next = mine;
	mine = r;
	nmine++;
}

/* This thread will call cache_leave(). */
void cache_join(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(STOPPER_TSAN)
	caches = true;
#endif
}

void cache_leave(void)
{
	caches = false;
	free_all(mine);
	mine = NULL;
	nmine = 0;
}
