// SPDX-License-Identifier: GPL-2.0
/*
 * trace.c - the events of the core as tracepoints; trace.h defines their format.
 *
 * Here too a tracepoint that is not enabled is a nop: names are escaped and sites are read only
 * if it is enabled.
 */
#include <linux/random.h>
#include "internal.h"
#include "span.h"
#include "upcalls.h"
#define CREATE_TRACE_POINTS
#include "trace.h"

DEFINE_STATIC_KEY_FALSE(stopper_traced);
EXPORT_SYMBOL_GPL(stopper_traced);

int trace_listen(void)
{
	static_branch_inc(&stopper_traced);
	return 0;
}

void trace_unlisten(void)
{
	static_branch_dec(&stopper_traced);
}

u64 plat_random(void)
{
	return get_random_u64();
}

bool plat_traces_closers(void)
{
	return trace_closer_start_enabled() || trace_closer_end_enabled();
}

/* The strings of a site, escaped. */
struct site_text {
	char name[STOPPER_NAME_SHOWN + 1];
	char file[64];
};

static void site_text_init(struct site_text *sh, const struct stopper_site *site)
{
	char *p;

	name_escape(sh->name, sizeof(sh->name), site->name);
	name_escape_tail(sh->file, sizeof(sh->file), site->file ?: "?");
	for (p = sh->file; *p; p++)
		if (*p == ' ')
			*p = '_';
}

static struct trace_started trace_started_init(const struct span_record *t,
					       const struct site_text *sh)
{
	return (struct trace_started){
		.id = t->stopper,
		.kind = t->kind,
		.line = t->site->line,
		.name = sh->name,
		.file = sh->file,
		.span = t->span.id,
		.parent = t->parent,
		.trace_hi = t->span.trace_hi,
		.trace_lo = t->span.trace_lo,
	};
}

#define TRACE_STARTED(event, t) do {						\
	struct trace_started __started;						\
	struct site_text __shown;							\
										\
	if (!trace_##event##_enabled())						\
		break;								\
	site_text_init(&__shown, (t)->site);						\
	__started = trace_started_init(t, &__shown);					\
	trace_##event(&__started);						\
} while (0)

#define TRACE_ENDED(event, t) do {						\
	char __shown[STOPPER_NAME_SHOWN + 1];					\
	struct trace_ended __ended = {						\
		.id = (t)->stopper,						\
		.kind = (t)->kind,						\
		.name = __shown,						\
		.span = (t)->span.id,						\
	};									\
										\
	if (!trace_##event##_enabled())						\
		break;								\
	name_escape(__shown, sizeof(__shown), (t)->site->name);			\
	trace_##event(&__ended);						\
} while (0)

void plat_trace_task_start(const struct span_record *t)
{
	TRACE_STARTED(task_start, t);
}

void plat_trace_task_end(const struct span_record *t)
{
	TRACE_ENDED(task_end, t);
}

void plat_trace_async_queued(const struct span_record *t)
{
	TRACE_STARTED(async_queued, t);
}

void plat_trace_worker_start(const struct span_record *t)
{
	TRACE_STARTED(worker_start, t);
}

void plat_trace_worker_end(const struct span_record *t)
{
	TRACE_ENDED(worker_end, t);
}

void plat_trace_task_refused(const struct stopper *s, unsigned int kind,
			     const struct stopper_site *site)
{
	struct site_text sh;

	if (!trace_task_refused_enabled())
		return;
	site_text_init(&sh, site);
	trace_task_refused(s->id, kind, sh.name, sh.file, site->line);
}

void plat_trace_phase(const struct stopper *s, enum stopper_phase from, enum stopper_phase to)
{
	/* Constant since before the phase changed. */
	trace_phase(s->id, s->name, from, to, s->cause.err, s->cause.text);
	if (to != STOPPER_STOPPED)
		control_phase_changed(s);
}

void plat_trace_created(const struct stopper *s)
{
	trace_created(s->id, s->name);
}

void plat_trace_closer_start(const struct stopper *s, const char *shown)
{
	trace_closer_start(s->id, shown);
}

void plat_trace_closer_end(const struct stopper *s, const char *shown)
{
	trace_closer_end(s->id, shown);
}

void plat_trace_stall(const struct stopper *s, s64 waited, unsigned long tasks,
		      unsigned int workers)
{
	trace_stall(s->id, s->name, waited, tasks, workers);
}
