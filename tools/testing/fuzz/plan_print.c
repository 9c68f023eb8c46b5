// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * plan_print.c - a plan as calls, to be read.
 */
#include <stdio.h>
#include "plan.h"

static const char *const texts[] = {
	[OP_CREATE] = "create(parent s%d, flags %x) -> s%d",
	[OP_GET_PUT] = "get and put(s%d)",
	[OP_PUT] = "put(s%d), the last",
	[OP_STOP] = "stop(s%d, ctx%d), because %d",
	[OP_QUIESCE] = "quiesce(s%d, ctx%d)",
	[OP_STOP_ASYNC] = "stop_async(s%d), because %d, and wait",
	[OP_CLOSER] = "add_closer(s%d) -> closer%d",
	[OP_CLOSER_FN] = "add_closer_fn(s%d) -> closer%d",
	[OP_CTX_CANCEL] = "ctx_with_cancel(ctx%d) -> ctx%d",
	[OP_CTX_PAST] = "ctx_with_deadline(ctx%d) -> ctx%d, past",
	[OP_CTX_FUTURE] = "ctx_with_timeout(ctx%d) -> ctx%d, an hour",
	[OP_CTX_ON_QUIESCE] = "ctx_with_cancel_on_quiesce(ctx%d) -> ctx%d, of s%d",
	[OP_CTX_ON_STOP] = "ctx_with_cancel_on_stop(ctx%d) -> ctx%d, of s%d",
	[OP_CTX_PUT] = "ctx_put(ctx%d)",
	[OP_STOP_STAGED] = "stop_staged(s%d), contexts end: %d",
	[OP_CANCEL] = "ctx_cancel(ctx%d)",
	[OP_CANCEL_BECAUSE] = "ctx_cancel(ctx%d), because %d",
	[OP_FIRE] = "event_fire(own event %d)",
	[OP_ATTACH] = "event_on_fire(event %d, record %d)",
	[OP_DETACH] = "event_detach(event %d, record %d)",
	[OP_RUN] = "run_task(s%d, site %d, ctx%d)",
	[OP_RUN_ERR] = "run_task_err(s%d, site %d, ctx%d)",
	[OP_BEGIN] = "task_begin(s%d, site %d, ctx%d) -> task %d",
	[OP_END] = "task_end(of s%d, task %d)",
	[OP_ASYNC] = "run_async_task(s%d, site %d, ctx%d), and wait",
	[OP_LIMITED] = "run_limited_async_task(s%d, site %d, ctx%d, sem %d), and wait",
	[OP_HELD] = "run_async_task(s%d, site %d, ctx%d), behind a gate",
	[OP_HELD_LIMITED] = "run_limited_async_task(s%d, site %d, ctx%d, sem %d), behind a gate",
	[OP_RECORD] = "async_start(s%d, site %d, ctx%d), and wait",
	[OP_HELD_RECORD] = "async_start(s%d, site %d, ctx%d), behind a gate",
	[OP_ASYNC_ERR] = "run_async_task_err(s%d, site %d, ctx%d), and wait",
	[OP_OPEN] = "open the gate(of s%d, task %d)",
	[OP_WORKER] = "run_worker(s%d)",
	[OP_TRY] = "sem_try_acquire_n(sem %d, %d)",
	[OP_ACQUIRE] = "sem_acquire_n(sem %d, %d, ctx%d)",
	[OP_RELEASE] = "sem_release_n(sem %d, %d)",
	[OP_SEM_CLOSE] = "sem_close(sem %d)",
	[OP_RESIZE] = "sem_resize(sem %d, %d)",
	[OP_WAIT] = "wait(event %d, ctx%d)",
	[OP_WAIT_ANY] = "wait_any(%d and %d, ctx%d)",
	[OP_MAP] = "task_map(s%d)",
	[OP_LIST] = "debug_print()",
	[OP_BAD] = "bad call %d",
	[OP_AFTER] = "run_after(timer of s%d), an hour",
	[OP_TIMER_CANCEL] = "timer_cancel(timer of s%d)",
	[OP_TIMER_SYNC] = "timer_cancel_sync(timer of s%d)",
	[OP_PAUSE] = "pause(s%d, ctx%d)",
	[OP_RESUME] = "resume(s%d)",
	[OP_BEGIN_WAIT] = "task_begin_wait(s%d, site %d, ctx%d) -> task %d",
	[OP_STOP_AFTER] = "stop_after(s%d, s%d)",
	[OP_LABEL] = "task_label(task %d, label %d)",
	[OP_WORDS] = "names and words(s%d, %d)",
};

static void indent(int depth)
{
	fprintf(stderr, "%*s", 2 * depth + 2, "");
}

void plan_print(const struct plan *p, int last)
{
	static const char *const whats[] = { "task", "closer", "record" };
	int i, depth = 0;

	for (i = 0; i <= last && i < p->n; i++) {
		const struct step *st = &p->step[i];

		switch (st->kind) {
		case CALL:
			indent(depth);
			fprintf(stderr, texts[st->op], st->a, st->b, st->c, st->d);
			if (p->step[i + 1].kind != RETURNS)
				fputc('\n', stderr);
			break;
		case RETURNS:
			if (p->step[i - 1].kind != CALL) {
				indent(depth);
				fputs("which", stderr);
			}
			fprintf(stderr, " = %d\n", st->ret.ret);
			break;
		case ENTER:
			indent(depth++);
			fprintf(stderr, "calls %s %d {\n", whats[st->a], st->b);
			break;
		case LEAVE:
			indent(--depth);
			fputs(st->panic ? "} by a panic\n" : "}\n", stderr);
			break;
		default:
			break;
		}
	}
}
