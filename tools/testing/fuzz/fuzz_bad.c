// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * fuzz_bad.c - calls with arguments that are wrong: all are -EINVAL, and call nothing.
 */
#include <stdlib.h>
#include <stopper/print.h>
#include "plan.h"

static void never(struct stopper_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	abort();
}

static int never_err(struct stopper_ctx *ctx, void *arg)
{
	never(ctx, arg);
	return 0;
}

static void never_fired(struct stopper_on_fire *of, void *arg)
{
	(void)of;
	never(NULL, arg);
}

static int bad_create(int which, struct stopper *parent)
{
	struct stopper_options opts = { .size = sizeof(opts), .parent = parent };
	struct stopper *out = (void *)&opts;
	int err;

	switch (which % 6) {
	case 0:
		opts.size--;
		break;
	case 1:
		opts.flags = 1u << (8 + which % 24);
		break;
	case 2:
		opts.reserved = 1;
		break;
	case 3:
		opts.stall_ns = -1;
		break;
	case 4:
		opts.stall_max_ns = INT64_MIN;
		break;
	default:
		return stopper_create(&out, NULL, NULL);
	}
	err = stopper_create(&out, "bad", &opts);
	return out == (void *)&opts ? err : 0;
}

int bad_call(int which, struct stopper *s)
{
	struct stopper_ctx *ctx = NULL;
	struct stopper_closer closer = { .name = "none" };
	struct stopper_on_fire of;
	struct stopper_timer timer;
	struct stopper_async idle = STOPPER_ASYNC_INIT(NULL, NULL);
	struct stopper_task task;
	struct stopper_sem sem;

	switch (which) {
	case 0:
		return stopper_run_task(s, NULL, "bad", NULL, NULL);
	case 1:
		return stopper_run_task(NULL, NULL, "bad", never, NULL);
	case 2:
		return stopper_run_task_err(NULL, NULL, "bad", never_err, NULL);
	case 3:
		return stopper_run_async_task(s, NULL, "bad", NULL, NULL);
	case 4:
		return stopper_run_async_task(NULL, NULL, "bad", never, NULL);
	case 5:
		return stopper_run_limited_async_task(s, NULL, "bad", NULL, true, never,
						      NULL);
	case 6:
		return stopper_run_limited_async_task(s, NULL, "bad", &sem, true, NULL,
						      NULL);
	case 7:
		return stopper_run_worker(s, NULL, "bad", NULL, NULL);
	case 8:
		return stopper_run_worker(NULL, NULL, "bad", never, NULL);
	case 9:
		return stopper_task_begin(s, NULL, "bad", NULL);
	case 10:
		return stopper_task_begin(NULL, NULL, "bad", &task);
	case 11:
		return stopper_add_closer(s, NULL);
	case 12:
		return stopper_add_closer(s, &closer);
	case 13:
		return stopper_add_closer_fn(s, "bad", NULL, NULL);
	case 14:
		return stopper_ctx_with_cancel(NULL, NULL);
	case 15:
		return stopper_ctx_with_deadline(NULL, 1, NULL);
	case 16:
		return stopper_ctx_with_cancel_on_quiesce(NULL, NULL, &ctx);
	case 17:
		return stopper_ctx_with_cancel_on_stop(s, NULL, NULL);
	case 18:
		return stopper_ctx_with_span(NULL, &(struct stopper_span){ { 0 }, { 1 } }, &ctx);
	case 19:
		return stopper_wait_any(NULL, 1, NULL);
	case 20:
		return stopper_wait_any(&(struct stopper_event *){ NULL }, 0, NULL);
	case 21:
		return stopper_event_on_fire(NULL, &of, never_fired, NULL);
	case 22:
		return stopper_sem_init(&sem, -1);
	case 23:
		return stopper_sem_try_acquire(NULL);
	case 24:
		return stopper_sem_acquire(NULL, NULL);
	case 25:
		return stopper_stop(NULL, NULL);
	case 26:
		return stopper_quiesce(NULL, NULL);
	case 27:
		return stopper_stop_async(NULL);
	case 28:
		return stopper_running_tasks(s, NULL, 1);
	case 29:
		return stopper_task_map(s, NULL, 1);
	case 30:
		return stopper_recover(s, NULL, "bad", NULL, NULL);
	case 31:
		return stopper_debug_print(NULL);
	case 32:
		return stopper_run_after(NULL, NULL, 0);
	case 33:
		return stopper_timer_cancel(NULL);
	case 34:
		return stopper_timer_cancel_sync(NULL);
	case 35:
		stopper_timer_init(&timer, s, "bad", NULL, NULL);
		return stopper_run_every(&timer, NULL, 0, 1, 0);
	case 36:
		stopper_timer_init(&timer, s, "bad", never, NULL);
		return stopper_run_every(&timer, NULL, 0, 1, 2);
	case 37:
		return stopper_async_start(s, NULL, "bad", &idle);
	case 38:
		return stopper_async_start(s, NULL, "bad", (struct stopper_async *)NULL);
	case 39:
		return stopper_async_wait(NULL, NULL);
	case 40:
		return stopper_stop_after(s, NULL);
	case 41:
		return stopper_stop_after(NULL, s);
	case 42:
		return stopper_task_label(NULL, NULL);
	case 43:
		return stopper_task_label(&(struct stopper_task){ .slot = NULL }, "bad");
	default:
		return bad_create(which, s);
	}
}
