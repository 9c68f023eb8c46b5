// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_trace.c - what a recording says: spans and their parents, phases, ends of all kinds.
 *
 * user_trace_file has the file that it goes to, user_trace.sh the probes.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "env/recording.h"

/* --- parents of spans ------------------------------------------------------------------------- */

static const struct stopper_span span_c = { { [15] = 0xc }, { [7] = 0xcc } };
static const struct stopper_span span_d = { { [15] = 0xd }, { [7] = 0xdd } };
static struct stopper_ctx *ctx_c, *ctx_d;

static void inside(struct stopper_ctx *ctx, void *arg)
{
	struct stopper_task handle;

	stopper_run_task(s, NULL, "without", nothing, NULL);
	stopper_run_task(s, ctx_c, "same", nothing, NULL);
	stopper_run_task(s, ctx_d, "other", nothing, NULL);
	stopper_run_async_task(s, ctx_c, "async", nothing, NULL);
	stopper_run_worker(s, NULL, "worker", nothing, NULL);
	if (!stopper_task_begin(s, ctx_c, "handle", &handle))
		stopper_task_end(&handle);
}

TEST_F(trace, parents)
{
	static const char *const below[] = { "without", "same", "async", "handle" };
	const char *outer;
	unsigned int i;

	ASSERT_EQ(stopper_trace_start(self->path), 0);
	create();
	ASSERT_EQ(stopper_ctx_with_span(NULL, &span_c, &ctx_c), 0);
	ASSERT_EQ(stopper_ctx_with_span(NULL, &span_d, &ctx_d), 0);
	stopper_run_task(s, ctx_c, "outer", inside, NULL);
	stopper_run_task(s, NULL, "alone", nothing, NULL);
	stop();
	ASSERT_EQ(stopper_trace_stop(), 0);
	self->r = recording_read(self->path);
	ASSERT_NE(self->r, NULL);

	EXPECT_STREQ(value(find(self->r, "task_start", "outer"), "parent"), "00000000000000cc");
	EXPECT_STREQ(value(find(self->r, "task_start", "alone"), "parent"), "0000000000000000");
	EXPECT_STREQ(value(find(self->r, "task_start", "other"), "parent"), "00000000000000dd");
	EXPECT_STREQ(value(find(self->r, "task_start", "other"), "trace"),
		     "0000000000000000000000000000000d");
	outer = strdup(value(find(self->r, "task_start", "outer"), "span"));
	EXPECT_EQ(strlen(outer), 16);
	for (i = 0; i < 4; i++) {
		EXPECT_STREQ(value(find(self->r, "task_start", below[i]), "parent"), outer);
		EXPECT_STREQ(value(find(self->r, "task_start", below[i]), "trace"),
			     "0000000000000000000000000000000c");
	}
	EXPECT_STREQ(value(find(self->r, "worker_start", "worker"), "parent"), outer);
	EXPECT_STREQ(value(find(self->r, "async_queued", "async"), "span"),
		     value(find(self->r, "task_start", "async"), "span"));
	EXPECT_STREQ(value(find(self->r, "task_start", "async"), "kind"), "async");
	EXPECT_STREQ(value(find(self->r, "task_start", "handle"), "kind"), "handle");
	EXPECT_EQ(balanced(self->r), 8);
}

/* --- what else is recorded -------------------------------------------------------------------- */

static void plain(void *arg)
{
}

static void frees_its_own_name(struct stopper_closer *closer)
{
	free((void *)closer->name);
	free(closer);
}

TEST_F(trace, stop_with_its_phases_closers_and_refusals)
{
	static const char *const phases[] = {
		"running", "quiescing", "stopping", "closing", "stopped"
	};
	struct stopper_closer *own = calloc(1, sizeof(*own));
	struct stopper_sem sem;
	int i, seen = 0;

	own->name = strdup("own name");
	own->fn = frees_its_own_name;
	ASSERT_EQ(stopper_trace_start(self->path), 0);
	create();
	ASSERT_EQ(stopper_sem_init(&sem, 1), 0);
	ASSERT_EQ(stopper_sem_try_acquire(&sem), 0);
	EXPECT_EQ(stopper_run_limited_async_task(s, NULL, "throttled", &sem, false, nothing, NULL),
		  STOPPER_ETHROTTLED);
	ASSERT_EQ(stopper_add_closer_fn(s, "first\nid=9 name=forged", plain, NULL), 0);
	ASSERT_EQ(stopper_add_closer(s, own), 0);
	stopper_get(s);
	EXPECT_EQ(stopper_stop_because(s, NULL, -EIO, "bad name=forged"), 0);
	stop();
	ASSERT_EQ(stopper_add_closer_fn(s, "late", plain, NULL), 0);
	EXPECT_EQ(stopper_run_task(s, NULL, "too late", nothing, NULL), STOPPER_EUNAVAILABLE);
	EXPECT_EQ(stopper_run_async_task(s, NULL, "too late async", nothing, NULL),
		  STOPPER_EUNAVAILABLE);
	stopper_put(s);
	ASSERT_EQ(stopper_trace_stop(), 0);
	self->r = recording_read(self->path);
	ASSERT_NE(self->r, NULL);

	for (i = 0; i < self->r->n; i++) {
		if (strcmp(self->r->line[i].event, "phase"))
			continue;
		ASSERT_LT(seen, 4);
		EXPECT_STREQ(value(&self->r->line[i], "from"), phases[seen++]);
		EXPECT_STREQ(value(&self->r->line[i], "to"), phases[seen]);
		EXPECT_STREQ(value(&self->r->line[i], "name"), "recorded");
		EXPECT_STREQ(value(&self->r->line[i], "err"), "-5");
		EXPECT_STREQ(value(&self->r->line[i], "cause"), "bad_name=forged");
	}
	EXPECT_EQ(seen, 4);
	EXPECT_EQ(count(self->r, "closer_start"), 3);
	EXPECT_EQ(count(self->r, "closer_end"), 3);
	EXPECT_NE(find(self->r, "closer_end", "own name"), NULL);
	EXPECT_NE(find(self->r, "closer_end", "late"), NULL);
	EXPECT_NE(find(self->r, "closer_start", "first\\nid=9 name=forged"), NULL);
	EXPECT_STREQ(value(find(self->r, "task_refused", "too late"), "kind"), "sync");
	EXPECT_STREQ(value(find(self->r, "task_refused", "too late async"), "kind"), "async");
	EXPECT_STREQ(value(find(self->r, "task_refused", "throttled"), "kind"), "async");
	EXPECT_EQ(count(self->r, "task_start"), 0);
}

static void swallow(void *arg, int level, const char *line)
{
	__atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
}

TEST_F(trace, stop_that_waits)
{
	int lines = 0;
	struct stopper_options opts = { .size = sizeof(opts), .stall_ns = 1000000,
		.log = swallow, .log_arg = &lines };
	struct stopper_task task;
	struct stopper *waits;

	ASSERT_EQ(stopper_trace_start(self->path), 0);
	ASSERT_EQ(stopper_create(&waits, "waits", &opts), 0);
	ASSERT_EQ(stopper_task_begin(waits, NULL, "held", &task), 0);
	ASSERT_EQ(stopper_stop_async(waits), 0);
	while (!__atomic_load_n(&lines, __ATOMIC_RELAXED))
		sched_yield();
	stopper_task_end(&task);
	EXPECT_EQ(stopper_stop(waits, NULL), 0);
	stopper_put(waits);
	ASSERT_EQ(stopper_trace_stop(), 0);
	self->r = recording_read(self->path);
	ASSERT_NE(self->r, NULL);
	/* On a slow machine it has been reported again. */
	ASSERT_NE(find_first(self->r, "stall", "waits"), NULL);
	EXPECT_STREQ(value(find_first(self->r, "stall", "waits"), "tasks"), "1");
	EXPECT_STREQ(value(find_first(self->r, "stall", "waits"), "workers"), "0");
}

TEST_F(trace, names_do_not_forge_lines_and_are_cut)
{
	char longest[1000];
	struct stopper_site site = { .name = longest, .file = "a name=b c.c\n", .line = 7 };
	struct stopper_task task;

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	ASSERT_EQ(stopper_trace_start(self->path), 0);
	create();
	stopper_run_task(s, NULL, "a\n# b\\\x1b[31m", nothing, NULL);
	ASSERT_EQ(__stopper_task_begin(s, NULL, &site, &task), 0);
	stopper_task_end(&task);
	stop();
	ASSERT_EQ(stopper_trace_stop(), 0);
	self->r = recording_read(self->path);
	ASSERT_NE(self->r, NULL);
	EXPECT_NE(find(self->r, "task_end", "a\\n# b\\\\\\x1b[31m"), NULL);
	strcpy(longest + STOPPER_NAME_SHOWN - 3, "...");
	EXPECT_STREQ(value(find(self->r, "task_start", longest), "file"), "a_name=b_c.c\\n");
}

/* --- ends of all kinds ------------------------------------------------------------------------ */

static void panics(struct stopper_ctx *ctx, void *arg)
{
	stopper_panic(NULL);
}

static void nests_a_panic(struct stopper_ctx *ctx, void *arg)
{
	struct stopper_span before, after;

	if (!stopper_current_span(&before))
		abort();
	if (stopper_run_task(s, NULL, "panics", panics, NULL))
		abort();
	/* The task that panicked is not what this thread is in any more. */
	if (!stopper_current_span(&after) || memcmp(&before, &after, sizeof(before)))
		abort();
}

static int panics_err(struct stopper_ctx *ctx, void *arg)
{
	stopper_panic(NULL);
}

static void exits(struct stopper_ctx *ctx, void *arg)
{
	pthread_exit(NULL);
}

static void *exits_in_tasks(void *arg)
{
	stopper_run_task(s, NULL, "exits", exits, NULL);
	abort();
}

TEST_F(trace, tasks_that_end_without_returning)
{
	struct stopper_span span;
	pthread_t thread;

	ASSERT_EQ(stopper_trace_start(self->path), 0);
	create();
	EXPECT_EQ(stopper_run_task(s, NULL, "nests", nests_a_panic, NULL), 0);
	EXPECT_EQ(stopper_run_task_err(s, NULL, "panics_err", panics_err, NULL), STOPPER_EPANIC);
	EXPECT_FALSE(stopper_current_span(&span));
	ASSERT_EQ(pthread_create(&thread, NULL, exits_in_tasks, NULL), 0);
	pthread_join(thread, NULL);
	EXPECT_EQ(stopper_num_tasks(s), 0);
	stopper_run_async_task(s, NULL, "async panics", panics, NULL);
	stopper_run_async_task(s, NULL, "async exits", exits, NULL);
	stopper_run_worker(s, NULL, "worker panics", panics, NULL);
	stopper_run_worker(s, NULL, "worker exits", exits, NULL);
	stop();
	ASSERT_EQ(stopper_trace_stop(), 0);
	self->r = recording_read(self->path);
	ASSERT_NE(self->r, NULL);
	EXPECT_EQ(balanced(self->r), 8);
}

#define THREADS	4

TEST_F(trace, balanced_under_threads)
{
	pthread_t thread[THREADS];
	int i;

	ASSERT_EQ(stopper_trace_start(self->path), 0);
	create();
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(pthread_create(&thread[i], NULL, record_rounds, NULL), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	stop();
	ASSERT_EQ(stopper_trace_stop(), 0);
	self->r = recording_read(self->path);
	ASSERT_NE(self->r, NULL);
	EXPECT_EQ(balanced(self->r), 3 * THREADS * RECORDED_ROUNDS);
	EXPECT_EQ(count(self->r, "async_queued"), THREADS * RECORDED_ROUNDS);
}

TEST_HARNESS_MAIN
