// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_thread_exit.c - threads that end inside what they run, and many short-lived threads.
 *
 * A table: what ran (async task, limited one, worker, closer, late closer, synchronous task,
 * recover scope) and how it ended (stopper_panic(), pthread_exit(), cancellation), while a stop
 * waits for it. The hook is called once, with the right site and thread, while the task is still
 * counted; the semaphore's slot is released; the stop continues. When a thread of the program
 * itself ends, no hook is called, but all is accounted for.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <stopper/stopper.h>
#include "kselftest_harness.h"
#include "env/program.h"

enum what { ASYNC, LIMITED, WORKER, CLOSER, LATE_CLOSER, SYNC, SCOPE, NR_WHATS };
enum how { PANIC, EXIT, CANCEL, NR_HOWS };

static const char * const whats[] = {
	"async", "limited", "worker", "closer", "late closer", "sync", "scope",
};

static const enum stopper_panic_kind kinds[] = {
	STOPPER_PANIC_ASYNC, STOPPER_PANIC_ASYNC, STOPPER_PANIC_WORKER, STOPPER_PANIC_CLOSER,
	STOPPER_PANIC_CLOSER, STOPPER_PANIC_TASK, STOPPER_PANIC_SCOPE,
};

struct victim {
	struct stopper *s;
	struct stopper_sem sem;
	enum what what;
	enum how how;
	struct stopper_event in, on_its_way;
	int tid, went_on;
	/* what the hook saw */
	int calls, died, hook_tid, slots;
	unsigned int line;
	enum stopper_panic_kind kind;
	unsigned long tasks;
	void *value;
	char name[32], func[32];
};

static void on_panic(void *arg, const struct stopper_panic_info *info)
{
	struct victim *v = arg;

	v->kind = info->kind;
	v->died = info->died;
	v->hook_tid = info->tid;
	v->value = info->value;
	v->line = info->site->line;
	v->tasks = stopper_num_tasks(v->s);
	v->slots = stopper_sem_length(&v->sem);
	snprintf(v->name, sizeof(v->name), "%s", info->site->name);
	snprintf(v->func, sizeof(v->func), "%s", info->site->func ? info->site->func : "");
	__atomic_add_fetch(&v->calls, 1, __ATOMIC_SEQ_CST);
}

static void die(enum how how, void *value)
{
	if (how == PANIC)
		stopper_panic(value);
	if (how == EXIT)
		pthread_exit(NULL);
	pthread_cancel(pthread_self());
	cancellation_point();
}

static void doomed(struct stopper_ctx *ctx, void *arg)
{
	struct victim *v = arg;
	struct stopper_event *until[] = {
		[ASYNC] = stopper_should_quiesce(v->s), [LIMITED] = stopper_should_quiesce(v->s),
		[WORKER] = stopper_should_stop(v->s), [SYNC] = stopper_should_quiesce(v->s),
		[LATE_CLOSER] = &v->on_its_way, [SCOPE] = stopper_should_quiesce(v->s),
	};

	v->tid = (int)syscall(SYS_gettid);
	stopper_event_fire(&v->in);
	if (v->what != CLOSER && stopper_wait(until[v->what], NULL))
		abort();
	die(v->how, v);
	v->went_on = 1;
}

static void doomed_closer(void *arg)
{
	doomed(NULL, arg);
}

/* For closers, so that a late one is added while a stop is in CLOSING, and waits. */
static void let_the_late_come(void *arg)
{
	struct victim *v = arg;

	if (stopper_wait(&v->in, NULL))
		abort();
	stopper_event_fire(&v->on_its_way);
}

static unsigned int site_line;

static int start_in_library(struct victim *v)
{
	switch (v->what) {
	case ASYNC:
		site_line = __LINE__ + 1;
		return stopper_run_async_task(v->s, NULL, "async", doomed, v);
	case LIMITED:
		site_line = __LINE__ + 1;
		return stopper_run_limited_async_task(v->s, NULL, "limited", &v->sem, 1, doomed, v);
	case WORKER:
		site_line = __LINE__ + 1;
		return stopper_run_worker(v->s, NULL, "worker", doomed, v);
	case CLOSER:
		site_line = 0;
		return stopper_add_closer_fn(v->s, "closer", doomed_closer, v);
	default:
		return stopper_add_closer_fn(v->s, "lets", let_the_late_come, v);
	}
}

/* A thread of the program's own. */
static void *own_thread(void *arg)
{
	struct victim *v = arg;
	intptr_t err = 0;

	switch (v->what) {
	case LATE_CLOSER:
		site_line = 0;
		while (stopper_phase(v->s) != STOPPER_CLOSING)
			sched_yield();
		err = stopper_add_closer_fn(v->s, "late closer", doomed_closer, v);
		break;
	case SYNC:
		site_line = __LINE__ + 1;
		err = stopper_run_task(v->s, NULL, "sync", doomed, v);
		break;
	default:
		site_line = __LINE__ + 1;
		err = stopper_recover(v->s, NULL, "scope", doomed, v) == -EOWNERDEAD ? 0 : -1;
	}
	/* Only a panic leaves the thread. */
	return (void *)err;
}

static void count(void *n)
{
	++*(int *)n;
}

static bool owned_by_the_program(enum what what)
{
	return what == LATE_CLOSER || what == SYNC || what == SCOPE;
}

static void one_death(struct __test_metadata *_metadata, enum what what, enum how how)
{
	struct victim v = { .what = what, .how = how };
	struct stopper_options opts = {
		.size = sizeof(opts), .on_panic = on_panic, .on_panic_arg = &v,
	};
	bool own = owned_by_the_program(what), told = !own || how == PANIC;
	void *ret = NULL;
	pthread_t thread;
	int closed = 0;

	stopper_event_init(&v.in);
	stopper_event_init(&v.on_its_way);
	ASSERT_EQ(stopper_sem_init(&v.sem, 1), 0);
	ASSERT_EQ(stopper_create(&v.s, "dying", &opts), 0);
	ASSERT_EQ(stopper_add_closer_fn(v.s, "first", count, &closed), 0);
	if (!own || what == LATE_CLOSER)
		ASSERT_EQ(start_in_library(&v), 0);
	if (own)
		ASSERT_EQ(pthread_create(&thread, NULL, own_thread, &v), 0);
	ASSERT_EQ(stopper_add_closer_fn(v.s, "last", count, &closed), 0);
	if (what != CLOSER && what != LATE_CLOSER)
		ASSERT_EQ(stopper_wait(&v.in, NULL), 0);
	ASSERT_EQ(stopper_stop(v.s, NULL), 0);
	if (own)
		ASSERT_EQ(pthread_join(thread, &ret), 0);
	if (own)
		EXPECT_EQ(ret, how == CANCEL ? PTHREAD_CANCELED : NULL);

	EXPECT_EQ(v.went_on, 0);
	EXPECT_EQ(closed, 2);
	EXPECT_EQ(stopper_phase(v.s), STOPPER_STOPPED);
	EXPECT_EQ(stopper_num_tasks(v.s), 0);
	EXPECT_EQ(v.calls, told);
	if (told) {
		EXPECT_EQ(v.kind, kinds[what]);
		EXPECT_EQ(v.died, how != PANIC);
		EXPECT_EQ(v.hook_tid, v.tid);
		EXPECT_EQ(v.value, how == PANIC ? &v : NULL);
		EXPECT_STREQ(v.name, whats[what]);
		EXPECT_EQ(v.line, site_line);
		if (site_line)
			EXPECT_STREQ(v.func, own ? "own_thread" : "start_in_library");
		EXPECT_EQ(v.tasks, what == ASYNC || what == LIMITED || what == SYNC);
		EXPECT_EQ(v.slots, what == LIMITED);
	}
	EXPECT_EQ(stopper_sem_length(&v.sem), 0);
	EXPECT_EQ(stopper_sem_try_acquire(&v.sem), 0);
	stopper_sem_release(&v.sem);
	stopper_put(v.s);
	stopper_sem_destroy(&v.sem);
	stopper_event_destroy(&v.in);
	stopper_event_destroy(&v.on_its_way);
}

FIXTURE(dying)
{
};

FIXTURE_VARIANT(dying)
{
	enum what what;
};

FIXTURE_SETUP(dying)
{
}

FIXTURE_TEARDOWN(dying)
{
}

FIXTURE_VARIANT_ADD(dying, async_task) { .what = ASYNC };
FIXTURE_VARIANT_ADD(dying, limited_async_task) { .what = LIMITED };
FIXTURE_VARIANT_ADD(dying, worker) { .what = WORKER };
FIXTURE_VARIANT_ADD(dying, closer) { .what = CLOSER };
FIXTURE_VARIANT_ADD(dying, late_closer) { .what = LATE_CLOSER };
FIXTURE_VARIANT_ADD(dying, sync_task) { .what = SYNC };
FIXTURE_VARIANT_ADD(dying, recover_scope) { .what = SCOPE };

#define ROUNDS	20

TEST_F(dying, of_a_panic)
{
	int i;

	for (i = 0; i < ROUNDS; i++)
		one_death(_metadata, variant->what, PANIC);
}

TEST_F(dying, of_pthread_exit)
{
	int i;

	for (i = 0; i < ROUNDS; i++)
		one_death(_metadata, variant->what, EXIT);
}

TEST_F(dying, of_cancellation)
{
	int i;

	for (i = 0; i < ROUNDS; i++)
		one_death(_metadata, variant->what, CANCEL);
}

static void count_panic(void *n, const struct stopper_panic_info *info)
{
	__atomic_add_fetch((int *)n, 1, __ATOMIC_SEQ_CST);
}

/* All at once: each one is reported, and the stop ends. */
TEST(many_die_at_once)
{
	int i, limited = 0, told = 0;
	struct stopper_options opts = {
		.size = sizeof(opts), .on_panic = count_panic, .on_panic_arg = &told,
	};
	struct stopper *s = NULL;
	struct victim v[60];

	ASSERT_EQ(stopper_create(&s, "dying", &opts), 0);
	memset(v, 0, sizeof(v));
	for (i = 0; i < 60; i++) {
		v[i].s = s;
		v[i].what = i % 3;
		v[i].how = i / 3 % NR_HOWS;
		stopper_event_init(&v[i].in);
		ASSERT_EQ(stopper_sem_init(&v[i].sem, 1), 0);
		ASSERT_EQ(start_in_library(&v[i]), 0);
		limited += v[i].what == LIMITED;
	}
	for (i = 0; i < 60; i++)
		ASSERT_EQ(stopper_wait(&v[i].in, NULL), 0);
	EXPECT_EQ(stopper_stop(s, NULL), 0);
	EXPECT_EQ(told, 60);
	for (i = 0; i < 60; i++) {
		limited -= v[i].what == LIMITED && !stopper_sem_length(&v[i].sem);
		EXPECT_EQ(v[i].went_on, 0);
	}
	EXPECT_EQ(limited, 0);
	stopper_put(s);
}

/* --- threads that go while their slots are held ----------------------------------------------- */

static bool sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true;
#else
	return false;
#endif
}

struct request {
	struct stopper *s;
	struct stopper_task task;
};

static void *begin(void *arg)
{
	struct request *r = arg;

	return (void *)(intptr_t)stopper_task_begin(r->s, NULL, "handle", &r->task);
}

static int begin_in_a_thread_that_ends(struct request *r)
{
	pthread_t thread;
	void *ret;

	if (pthread_create(&thread, NULL, begin, r) || pthread_join(thread, &ret))
		return -1;
	return (int)(intptr_t)ret;
}

/* More than a table holds; each thread adopts the table of the one before, and what is in it. */
TEST(handles_outlive_the_threads_that_began_them)
{
	struct request r[200];
	struct stopper *s = NULL;
	int i;

	ASSERT_EQ(stopper_create(&s, "handles", NULL), 0);
	for (i = 0; i < 200; i++) {
		r[i].s = s;
		ASSERT_EQ(begin_in_a_thread_that_ends(&r[i]), 0);
		ASSERT_EQ(stopper_num_tasks(s), i + 1);
	}
	/* the last first, and the first last, by a thread that began none */
	for (i = 200; i--; ) {
		stopper_task_end(&r[i].task);
		ASSERT_EQ(stopper_num_tasks(s), i);
	}
	ASSERT_EQ(stopper_stop(s, NULL), 0);
	stopper_put(s);
}

static void *end_it(void *arg)
{
	struct request *r = arg;

	if (stopper_wait(stopper_should_quiesce(r->s), NULL))
		abort();
	stopper_task_end(&r->task);
	return NULL;
}

TEST(waiting_stop_goes_on_when_a_handle_of_a_gone_thread_ends)
{
	struct request r = { .s = NULL };
	pthread_t thread;

	ASSERT_EQ(stopper_create(&r.s, "handles", NULL), 0);
	ASSERT_EQ(begin_in_a_thread_that_ends(&r), 0);
	ASSERT_EQ(pthread_create(&thread, NULL, end_it, &r), 0);
	ASSERT_EQ(stopper_stop(r.s, NULL), 0);
	ASSERT_EQ(pthread_join(thread, NULL), 0);
	stopper_put(r.s);
}

static size_t in_use(void)
{
	return mallinfo2().uordblks;
}

FIXTURE(threads)
{
};

FIXTURE_SETUP(threads)
{
}

FIXTURE_TEARDOWN(threads)
{
}

/* Two handles are always open; tables are used again. */
TEST_F_TIMEOUT(threads, ten_thousand_in_turn_leave_no_memory, 120)
{
	struct request r[2] = { { .s = NULL } };
	size_t before = 0;
	int i;

	if (sanitized())
		SKIP(return, "memory is the sanitizer's here");
	mallopt(M_ARENA_MAX, 1);
	ASSERT_EQ(stopper_create(&r[0].s, "handles", NULL), 0);
	r[1].s = r[0].s;
	for (i = 0; i < 10000; i++) {
		if (i == 100)
			before = in_use();
		if (i >= 2)
			stopper_task_end(&r[i % 2].task);
		ASSERT_EQ(begin_in_a_thread_that_ends(&r[i % 2]), 0);
	}
	EXPECT_LE(in_use(), before + 4096);
	stopper_task_end(&r[0].task);
	stopper_task_end(&r[1].task);
	EXPECT_EQ(stopper_num_tasks(r[0].s), 0);
	ASSERT_EQ(stopper_stop(r[0].s, NULL), 0);
	stopper_put(r[0].s);
}

static pthread_key_t key;

/* A destructor that comes again as often as it can, and uses the library each time. */
static void late_user(void *s)
{
	if (stopper_run_task(s, NULL, "late", nothing, NULL) ||
	    stopper_run_async_task(s, NULL, "late", nothing, NULL) || pthread_setspecific(key, s))
		abort();
}

static void *ends_late(void *s)
{
	pthread_setspecific(key, s);
	return (void *)(intptr_t)stopper_run_task(s, NULL, "first", nothing, NULL);
}

/* What is first used, or used again, when the last destructors run is not left behind. */
TEST_F_TIMEOUT(threads, that_use_it_to_their_very_end_leave_no_memory, 120)
{
	struct stopper *s = NULL;
	size_t before = 0;
	pthread_t thread;
	void *ret;
	int i;

	if (sanitized())
		SKIP(return, "memory is the sanitizer's here");
	/* One arena, the one that is counted. */
	mallopt(M_ARENA_MAX, 1);
	ASSERT_EQ(stopper_create(&s, "late", NULL), 0);
	ASSERT_EQ(stopper_run_task(s, NULL, "the library's key is made", nothing, NULL), 0);
	ASSERT_EQ(pthread_key_create(&key, late_user), 0);
	for (i = 0; i < 1000; i++) {
		if (i == 100) {
			ASSERT_EQ(stopper_run_task(s, NULL, "first", nothing, NULL), 0);
			before = in_use();
		}
		ASSERT_EQ(pthread_create(&thread, NULL, ends_late, s), 0);
		ASSERT_EQ(pthread_join(thread, &ret), 0);
		ASSERT_EQ(ret, NULL);
	}
	EXPECT_LE(in_use(), before + 256 * 1024);
	ASSERT_EQ(stopper_stop(s, NULL), 0);
	stopper_put(s);
}

TEST_HARNESS_MAIN
