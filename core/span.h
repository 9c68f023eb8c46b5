/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * span.h - tasks and workers as spans of a trace; see span.c.
 */
#ifndef STOPPER_CORE_SPAN_H
#define STOPPER_CORE_SPAN_H

#include "internal.h"

/* A position in a trace, as W3C has it; its bytes read as big endian numbers. */
struct span {
	uint64_t trace_hi, trace_lo;
	uint64_t id;
};

/* A traced task or worker; span.c. */
struct span_record {
	struct span_record *next, **link;	/* what its thread runs; NULL: not in it */
	int tid;			/* the thread that runs it, or 0 */
	unsigned int kind;		/* STOPPER_KIND_*, SPAN_WORKER */
	struct span span;
	struct span from;		/* carried by its context */
	uint64_t parent;		/* span id, or 0 */
	uint64_t stopper;		/* id */
	const struct stopper_site *site;
};

#define SPAN_WORKER	3		/* beside STOPPER_KIND_* */

_Static_assert(sizeof(struct span_record) <= 128, "see plat_alloc_cached()");

struct span_record *span_new(struct stopper *s, const struct span *carried,
			     const struct stopper_site *site, unsigned int kind);
void span_begin(struct span_record *t);
void span_end(struct span_record *t);
void spans_end_thread(int tid);
void span_export(struct stopper_span *out, const struct span *span);
bool span_import(struct span *span, const struct stopper_span *in);

/*
 * Count and trace the refusal of a task, and return @err. The count is in a cache line that
 * only refusals, reports and the beginning of a stop use, so threads that are refused all the
 * time slow down only one another.
 */
static inline int task_refused(struct stopper *s, unsigned int kind,
			       const struct stopper_site *site, int err)
{
	/* (Q), ctx.c: a count for people, no order needed */
	plat_fetch_add_full(&s->refused, 1);
	if (PLAT_UNLIKELY(__stopper_traced()))
		plat_trace_task_refused(s, kind, site);
	return err;
}

#endif /* STOPPER_CORE_SPAN_H */
