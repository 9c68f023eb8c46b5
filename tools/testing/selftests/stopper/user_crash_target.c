// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_crash_target.c - stoppers in the middle of stops that never end, for user_crash.sh.
 *
 *   user_crash_target FILE [abort]
 *
 * Writes the debug list to FILE.part, renames that to FILE, and waits for a signal, or aborts. All
 * that runs waits for a lock that the main thread holds, in wait_for_ever().
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <stopper/print.h>
#include <stopper/stopper.h>
#include <stopper/timer.h>

#define MANY	100		/* more than a table has room for */

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static struct stopper *web, *child, *closing, *idle, *paused, *nesting;
static struct stopper_task handles[MANY];
static struct stopper_sem slots;
static struct stopper_timer timer;

static void __attribute__((noinline)) wait_for_ever(void)
{
	pthread_mutex_lock(&held);
	abort();
}

static void hold(struct stopper_ctx *ctx, void *arg)
{
	(void)ctx;
	if (arg)
		stopper_task_label(NULL, "GET /%ld", (long)arg);
	wait_for_ever();
}

static int fail(struct stopper_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	return -EIO;
}

static void hold_closer(void *arg)
{
	(void)arg;
	wait_for_ever();
}

static void run_nested(struct stopper_ctx *ctx, void *depth)
{
	long n = (long)depth;

	if (n)
		stopper_run_task(web, ctx, "nested \"sync\"\n", run_nested, (void *)(n - 1));
	else
		wait_for_ever();
}

static void *run_sync(void *arg)
{
	(void)arg;
	run_nested(NULL, (void *)40L);
	return NULL;
}

static void *run_limited(void *arg)
{
	(void)arg;
	stopper_run_limited_async_task(idle, NULL, "limited", &slots, true, hold, NULL);
	return NULL;
}

/* Begins two more while a stop waits for it. */
static void begin_nested(struct stopper_ctx *ctx, void *arg)
{
	static struct stopper_task inner[2];
	int i;

	(void)ctx;
	(void)arg;
	stopper_wait(stopper_should_quiesce(nesting), NULL);
	for (i = 0; i < 2; i++)
		if (stopper_task_begin(nesting, NULL, "inner", &inner[i]))
			exit(2);
}

static void *run_nesting(void *arg)
{
	(void)arg;
	stopper_run_task(nesting, NULL, "outer", begin_nested, NULL);
	return NULL;
}

static void *stop_it(void *s)
{
	stopper_stop(s, NULL);
	return NULL;
}

static void *stop_because(void *s)
{
	stopper_stop_because(s, NULL, -ENOSPC, "disk \"%s\" full", "sda");
	return NULL;
}

static void start(void *(*fn)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, fn, arg))
		exit(2);
}

static void must(int err)
{
	if (!err)
		return;
	fprintf(stderr, "user_crash_target: %s\n", strerror(-err));
	exit(2);
}

/* Returns when the list has all of it, and the task that fails has ended. */
static void print_when_complete(const char *path)
{
	static const char *const parts[] = {
		"\"web\": quiescing for ", "\"child\": quiescing for ", "\"closing\": closing for ",
		"  task 100 \"handle\" ", "  task 40 \"nested ", "  task 3 \"async\" ",
		" label \"a \\\"handle\\\"\"",
		" label \"GET /1\"", " label \"GET /2\"", " label \"GET /3\"",
		"  worker 2 \"worker\" ", "  closer 1 \"stuck closer\"",
		"  semaphore \"a \\\"slot\\\"\": held 1 of 1", "\n  paused at ",
		"  failed -5 \"broken\" ", "  timers 1, next \"tick\" ",
		"because \"disk \\\"sda\\\" full\"", ", refused 1\n", "\n  nested 2\n",
	};
	char *text = NULL;
	size_t len, i;
	FILE *f;

	do {
		free(text);
		f = open_memstream(&text, &len);
		if (!f || stopper_debug_print(f) || fclose(f))
			exit(2);
		for (i = 0; i < sizeof(parts) / sizeof(*parts) && strstr(text, parts[i]); i++)
			;
	} while (i < sizeof(parts) / sizeof(*parts) || strstr(text, "    queued ") ||
		 strstr(text, "  task 1 "));
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		exit(2);
}

int main(int argc, char **argv)
{
	struct stopper_options quiet = { .size = sizeof(quiet), .flags = STOPPER_QUIET };
	struct stopper_options of_web = quiet, of_nesting = quiet;
	char part[4096];
	int i;

	if (argc < 2)
		return 2;
	/* Any process of this user may look. */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	pthread_mutex_lock(&held);
	must(stopper_create(&web, "web", &quiet));
	of_web.parent = web;
	must(stopper_create(&child, "child", &of_web));
	must(stopper_create(&closing, "closing", &quiet));
	must(stopper_create(&idle, "idle", &quiet));
	must(stopper_create(&paused, "paused", &quiet));
	of_nesting.flags |= STOPPER_ADMIT_NESTED;
	must(stopper_create(&nesting, "nesting", &of_nesting));
	must(stopper_pause(paused, NULL));
	/* Of the same age, so the list may show any of them: one label for all. */
	for (i = 0; i < MANY; i++) {
		must(stopper_task_begin(web, NULL, "handle", &handles[i]));
		must(stopper_task_label(&handles[i], "a \"handle\""));
	}
	for (i = 1; i <= 3; i++)
		must(stopper_run_async_task(child, NULL, "async", hold, (void *)(long)i));
	for (i = 0; i < 2; i++)
		must(stopper_run_worker(web, NULL, "worker", hold, NULL));
	must(stopper_add_closer_fn(closing, "stuck closer", hold_closer, NULL));
	must(stopper_sem_init(&slots, 1));
	stopper_sem_set_name(&slots, "a \"slot\"");
	must(stopper_sem_acquire(&slots, NULL));
	must(stopper_run_async_task_err(idle, NULL, "broken", fail, NULL));
	stopper_timer_init(&timer, idle, "tick", hold, NULL);
	must(stopper_run_after(&timer, NULL, 3600000000000));
	start(run_sync, NULL);
	start(run_limited, NULL);
	while (stopper_num_tasks(web) < MANY + 40)
		usleep(1000);
	start(run_nesting, NULL);
	while (!stopper_num_tasks(nesting))
		usleep(1000);
	start(stop_it, nesting);
	start(stop_it, web);
	stopper_wait(stopper_should_quiesce(web), NULL);
	if (!stopper_run_task(web, NULL, "refused", hold, NULL))
		return 2;
	start(stop_because, closing);
	snprintf(part, sizeof(part), "%s.part", argv[1]);
	print_when_complete(part);
	if (rename(part, argv[1]))
		return 2;
	if (argc > 2)
		abort();
	for (;;)
		pause();
}
