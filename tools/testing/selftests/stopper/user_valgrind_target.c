// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * user_valgrind_target.c - a program that uses all and puts all back, to be run under valgrind;
 * user_valgrind.sh.
 *
 * It says how it waited. With the argument "ends" it ends the library's threads at last.
 */
#include <stdio.h>
#include <string.h>

#include <stopper/stopper.h>
#include <stopper/threads.h>
#include <stopper/uring.h>

static struct stopper *s;
static struct stopper_event go;

static void empty(struct stopper_ctx *ctx, void *arg)
{
}

static void wait_for_go(struct stopper_ctx *ctx, void *arg)
{
	stopper_wait(&go, NULL);
}

static void wait_stop(struct stopper_ctx *ctx, void *arg)
{
	stopper_wait(stopper_should_stop(s), ctx);
}

static void close_it(void *arg)
{
}

#define TRY(call) do {								\
	int __err = call;							\
										\
	if (__err) {								\
		fprintf(stderr, "%s: %s\n", #call, stopper_strerror(__err));	\
		return 1;							\
	}									\
} while (0)

static int use_all(void)
{
	struct stopper_ctx *quiesced, *patience;
	struct stopper_sem sem;
	int i;

	stopper_event_init(&go);
	TRY(stopper_create(&s, "watched", NULL));
	TRY(stopper_ctx_with_timeout(NULL, 100000000000, &patience));
	TRY(stopper_ctx_with_cancel_on_quiesce(s, patience, &quiesced));
	TRY(stopper_sem_init(&sem, 1));
	TRY(stopper_run_worker(s, NULL, "worker", wait_stop, NULL));
	TRY(stopper_add_closer_fn(s, "closer", close_it, NULL));
	TRY(stopper_run_task(s, NULL, "task", empty, NULL));
	for (i = 0; i < 3; i++)
		TRY(stopper_run_async_task(s, quiesced, "waits", wait_for_go, NULL));
	TRY(stopper_run_limited_async_task(s, quiesced, "limited", &sem, true, empty, NULL));
	stopper_event_fire(&go);
	TRY(stopper_stop(s, patience));
	stopper_ctx_put(quiesced);
	stopper_ctx_put(patience);
	stopper_sem_destroy(&sem);
	stopper_put(s);
	stopper_event_destroy(&go);
	return 0;
}

int main(int argc, char **argv)
{
	if (use_all())
		return 1;
	if (argc > 1 && !strcmp(argv[1], "ends"))
		TRY(stopper_end_idle_threads());
	puts(stopper_wait_backend());
	return 0;
}
