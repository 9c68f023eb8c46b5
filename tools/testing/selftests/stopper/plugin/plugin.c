// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * plugin.c - a shared object that uses the library, for user_plugin.c to load and unload.
 *
 * Everything that the library is given lies in it: names, places, functions, closers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stopper/print.h>
#include <stopper/stopper.h>
#include <stopper/trace.h>
#include "plugin.h"

static struct stopper *plugin;
static int ran;

static void wait_quiesce(struct stopper_ctx *ctx, void *arg)
{
	if (stopper_wait(stopper_should_quiesce(plugin), ctx) &&
	    stopper_ctx_err(ctx) != -ECANCELED)
		abort();
	__atomic_add_fetch(&ran, 1, __ATOMIC_SEQ_CST);
}

static void work(struct stopper_ctx *ctx, void *arg)
{
	if (stopper_wait(stopper_should_stop(plugin), NULL))
		abort();
	__atomic_add_fetch(&ran, 1, __ATOMIC_SEQ_CST);
}

static void close_plain(void *arg)
{
	++*(int *)arg;
}

static void quick(struct stopper_ctx *ctx, void *arg)
{
	++*(int *)arg;
}

/* Some of each kind. 0, or the line that went wrong. */
int plugin_begin(void)
{
	struct stopper_ctx *ctx = NULL;
	int i, n = 0;

	ran = 0;
	if (stopper_create(&plugin, "plugin", NULL) ||
	    stopper_ctx_with_cancel_on_quiesce(plugin, NULL, &ctx))
		return __LINE__;
	for (i = 0; i < 3; i++)
		if (stopper_run_async_task(plugin, ctx, "plugin async", wait_quiesce, NULL) ||
		    stopper_run_worker(plugin, NULL, "plugin worker", work, NULL) ||
		    stopper_run_task(plugin, NULL, "plugin sync", quick, &n) ||
		    stopper_add_closer_fn(plugin, "plugin closer", close_plain, &ran))
			return __LINE__;
	stopper_ctx_put(ctx);
	return n == 3 ? 0 : __LINE__;
}

int plugin_end(void)
{
	if (stopper_stop(plugin, NULL) || ran != 9)
		return __LINE__;
	stopper_put(plugin);
	return 0;
}

/* The debug list; the caller frees it. */
char *plugin_list(void)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int err = f ? stopper_debug_print(f) : -1;

	if (f)
		fclose(f);
	if (!err)
		return text;
	free(text);
	return NULL;
}

int plugin_record(bool on)
{
	return on ? stopper_trace_start("/dev/null") : stopper_trace_stop();
}
