// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * slots.c - the slot tables of threads.
 *
 * A thread gets a table with its first task and returns it when it exits. Slots may still be
 * in use then: a handle that was begun here can be ended by any thread. The synchronous tasks of
 * the thread have ended with it, although C frames without -fexceptions did not run their
 * clean-up, and no frame did where libc does not unwind (musl). The next new thread takes over
 * the table with its content. Tables are never freed. So there are as many as there were ever
 * threads with tasks at one time, and any thread may read any slot at any time.
 *
 * A thread that cannot get a table (no memory, or too late in its exit for another key
 * destructor) uses the sharded list; plat_slots_register() returns NULL.
 *
 * Ordered accesses
 *   (L) the list of tables: pushed with release, read with acquire. A reader that finds a table
 *       sees it initialized.
 *   (W) nr_made: pairs with itself. Each thread gets a different number; no data is ordered.
 */
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "internal.h"
#include "task.h"
#include "upcalls.h"

_Static_assert(offsetof(struct stopper, refs) == 64, "nothing is written where tasks read");
_Static_assert(SLOTS_HALF * sizeof(struct stopper_slot) % 64 == 0, "no sync task beside a handle");
_Static_assert(offsetof(struct stopper, name) + 32 <= 1728 || sizeof(stopper_lock_t) > 40,
	       "what a stopper costs, but where locks are larger (AArch64)");

__thread struct stopper_tls stopper_tls = { { &stopper_busy_slot, &stopper_busy_slot }, 0 };
__thread struct slot_table *plat_my_slots;
__thread struct stopper_cursor plat_my_cursors[2];

static __thread int my_tid;
static __thread unsigned int my_exit_rounds;	/* calls of thread_exit_cleanup() */
static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t scan_lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot_table *tables, *free_tables;
static pthread_key_t exit_key;
static bool have_exit_key;

/* If a seccomp filter forbids gettid(), returns a number that no other thread has. */
static int tid_read(void)
{
	static unsigned int nr_made;
	int tid = (int)syscall(SYS_gettid);

	/* (W) pairs with itself: each number is used once */
	return tid > 0 ? tid : (int)(TID_MASK - plat_fetch_add_full(&nr_made, 1));
}

int plat_tid(void)
{
	if (PLAT_UNLIKELY(!my_tid))
		my_tid = tid_read();
	return my_tid;
}

static void thread_exit_cleanup(void *table)
{
	struct slot_table *t = table;

	/* The table is the parent's, whose locks may stay held for ever in this child. */
	if (plat_is_copy())
		return;
	my_exit_rounds++;
	plat_my_slots = NULL;
	stopper_tls.slot[0] = &stopper_busy_slot;
	stopper_tls.slot[1] = &stopper_busy_slot;
	tasks_exit_table(t);
	activities_end_thread((int)t->id);
	objcache_leave();
	pthread_mutex_lock(&tables_lock);
	t->free = free_tables;
	free_tables = t;
	pthread_mutex_unlock(&tables_lock);
}

/* With the lock held. */
static struct slot_table *table_take(void)
{
	struct slot_table *t = free_tables;

	if (t) {
		free_tables = t->free;
		return t;
	}
	t = plat_alloc_lines(sizeof(*t), true);
	if (!t)
		return NULL;
	t->high_water[0] = 1;
	t->high_water[1] = 1;
	t->link = tables;
	/* (L) release: pairs with plat_slots_walk() */
	plat_store_release(&tables, t);
	return t;
}

static void table_adopt(struct slot_table *t)
{
	unsigned int i;

	t->id = (unsigned int)plat_tid();
	stopper_tls.tid = t->id;
	for (i = 0; i < SLOTS_HALF; i++)
		plat_store(&t->slot[i].tid, slot_tid(STOPPER_KIND_SYNC, t->id));
	for (i = 0; i < 2; i++)
		cursor_init(&plat_my_cursors[i], t, i);
	plat_my_slots = t;
	objcache_join();
}

struct slot_table *plat_slots_register(void)
{
	struct slot_table *t = NULL;

	/* After the last round of destructors the table would never be returned. */
	if (my_exit_rounds >= PTHREAD_DESTRUCTOR_ITERATIONS - 1)
		return NULL;
	pthread_mutex_lock(&tables_lock);
	if (!have_exit_key)
		have_exit_key = !pthread_key_create(&exit_key, thread_exit_cleanup);
	if (have_exit_key)
		t = table_take();
	if (t && pthread_setspecific(exit_key, t)) {
		t->free = free_tables;
		free_tables = t;
		t = NULL;
	}
	pthread_mutex_unlock(&tables_lock);
	if (t)
		table_adopt(t);
	return t;
}

struct slot_table *plat_slots_walk(struct slot_table *t)
{
	/* (L) acquire: pairs with table_take(); sees the table initialized */
	return t ? t->link : plat_load_acquire(&tables);
}

/*
 * A site lies in the caller's memory, for example in a plugin, which may be unloaded after its
 * stopper has stopped. So a scan of tasks holds this lock, and every stop takes it once: no scan
 * that has seen one of its sites is still running when the stop returns.
 */
void plat_scan_enter(void)
{
	pthread_mutex_lock(&scan_lock);
}

void plat_scan_exit(void)
{
	pthread_mutex_unlock(&scan_lock);
}

void plat_scan_sync(void)
{
	plat_scan_enter();
	plat_scan_exit();
}
