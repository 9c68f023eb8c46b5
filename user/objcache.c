// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * objcache.c - memory for records that one thread allocates and another frees.
 *
 * That is what an async task's record is for, and what malloc() is slow at: the
 * freeing thread goes to the allocating one's arena and its lock. So each thread
 * keeps a magazine of free records; a full one and an empty one are exchanged at
 * a depot, under a lock, once in MAGAZINE_SIZE operations (Bonwick and Adams, 2001).
 *
 * All records have one size. The depot keeps DEPOT_SIZE magazines, what is beyond is
 * freed. So is what a thread has left when it exits; only threads that will tell
 * us of their exit have a magazine (may_cache). With a sanitizer nobody has: it
 * is to see a record used after it was freed.
 */
#include <pthread.h>
#include "internal.h"

#define OBJECT_SIZE	128
#define MAGAZINE_SIZE	32
#define DEPOT_SIZE	64

/* The first word of a free record. */
struct object {
	struct object *next;
	struct object *magazine;	/* in the depot: the next magazine's first record */
};

static __thread bool may_cache;
static __thread struct object *my_magazine;
static __thread unsigned int my_count;

static pthread_mutex_t depot_lock = PTHREAD_MUTEX_INITIALIZER;
static struct object *depot;
static unsigned int depot_count;

/* A full magazine from the depot. */
static bool magazine_load(void)
{
	pthread_mutex_lock(&depot_lock);
	my_magazine = depot;
	if (my_magazine) {
		depot = my_magazine->magazine;
		depot_count--;
		my_count = MAGAZINE_SIZE;
	}
	pthread_mutex_unlock(&depot_lock);
	return my_magazine;
}

static void free_objects(struct object *o)
{
	struct object *next;

	for (; o; o = next) {
		next = o->next;
		free(o);
	}
}

/* A full magazine goes to the depot. */
static void magazine_unload(void)
{
	struct object *full = my_magazine;

	my_magazine = NULL;
	my_count = 0;
	pthread_mutex_lock(&depot_lock);
	if (depot_count < DEPOT_SIZE) {
		full->magazine = depot;
		depot = full;
		depot_count++;
		full = NULL;
	}
	pthread_mutex_unlock(&depot_lock);
	free_objects(full);
}

void *plat_alloc_record(size_t n)
{
	struct object *o;

	if (n > OBJECT_SIZE)
		return NULL;
	/* A table, and with it a word at the thread's exit. */
	if (PLAT_UNLIKELY(!plat_my_slots))
		plat_slots_register();
	if (!may_cache || (!my_magazine && !magazine_load()))
		return plat_alloc(OBJECT_SIZE);
	o = my_magazine;
	my_magazine = o->next;
	my_count--;
	return memset(o, 0, n);
}

void plat_free_record(void *p)
{
	struct object *o = p;

	if (!o || !may_cache) {
		free(o);
		return;
	}
	if (my_count == MAGAZINE_SIZE)
		magazine_unload();
	o->next = my_magazine;
	my_magazine = o;
	my_count++;
}

/* This thread will call objcache_leave(). */
void objcache_join(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(STOPPER_TSAN)
	may_cache = true;
#endif
}

void objcache_leave(void)
{
	may_cache = false;
	free_objects(my_magazine);
	my_magazine = NULL;
	my_count = 0;
}
