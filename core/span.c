// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * span.c - tasks and workers as spans of a trace.
 *
 * While a tracer listens, each task and worker has a record: its span, its parent's span and
 * the trace of both, with the sizes of W3C Trace Context. While no tracer listens there are no
 * records, and nothing here is called.
 *
 * The parent. There are two candidates: the innermost traced task or worker that the starting
 * thread is in, and the span that the given context carries.
 *
 *   context carries   thread is in       parent
 *   nothing           nothing            none: a new trace
 *   nothing           task A             A
 *   span C            nothing            C
 *   span C            A, given C too     A: it lies between C and the new task
 *   span C            A, given another   C: the caller has chosen it
 *
 * The parent of an async task or a worker is decided on the thread that starts it.
 *
 * A hash by thread id holds the records of what each thread is in, innermost first. Records
 * are allocated and do not lie in the frames of the tasks: a kernel thread may die of an oops
 * in a task, and the library does not learn when a thread of the program ends. What such a thread
 * leaves behind is some memory and, if its id is reused, a wrong parent. A task in softirq
 * belongs to no thread: its parent is what its context carries. A handle is not in the hash,
 * because it may end on another thread.
 *
 * If there is no memory for a record, the task is not traced.
 */
#include "internal.h"
#include "span.h"
#include "upcalls.h"

#ifndef SPAN_HEADS
#define SPAN_HEADS	1024
#define SPAN_LOCKS	16
#endif

#define LOCK(i)		PLAT_LOCK_INIT(span_locks[i])

/* Each guards every SPAN_LOCKS-th head. */
static stopper_lock_t span_locks[SPAN_LOCKS] = {
	LOCK(0),
#if SPAN_LOCKS > 1
	LOCK(1), LOCK(2), LOCK(3), LOCK(4), LOCK(5), LOCK(6), LOCK(7),
	LOCK(8), LOCK(9), LOCK(10), LOCK(11), LOCK(12), LOCK(13), LOCK(14), LOCK(15),
#endif
};

static struct span_record *span_heads[SPAN_HEADS];	/* innermost first */

static stopper_lock_t *span_lock_of(int tid)
{
	return &span_locks[(unsigned int)tid % SPAN_LOCKS];
}

static struct span_record **span_head_of(int tid)
{
	return &span_heads[(unsigned int)tid % SPAN_HEADS];
}

/* With the lock held. */
static void span_link(struct span_record *t)
{
	struct span_record **head = span_head_of(t->tid);

	t->next = *head;
	t->link = head;
	if (t->next)
		t->next->link = &t->next;
	*head = t;
}

/* With the lock held. */
static void span_unlink(struct span_record *t)
{
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	t->link = NULL;
}

/* With the lock held: the thread's innermost record, or NULL. */
static struct span_record *span_innermost(int tid)
{
	struct span_record *t = *span_head_of(tid);

	while (t && t->tid != tid)
		t = t->next;
	return t;
}

/* Frees what threads that died in a task left behind. No thread is in the library any more. */
void spans_exit(void)
{
	struct span_record *t;
	unsigned int i;

	for (i = 0; i < SPAN_HEADS; i++)
		while ((t = span_heads[i])) {
			span_unlink(t);
			plat_free_cached(t);
		}
}

/* The span that this thread is in; @from: what the context of that task carried. false: none. */
static bool current_span(struct span *span, struct span *from)
{
	int tid = plat_own_tid();
	struct span_record *t;

	if (!tid)
		return false;
	lock_guard(span_lock_of(tid));
	t = span_innermost(tid);
	if (t) {
		*span = t->span;
		*from = t->from;
	}
	return t;
}

static uint64_t span_new_id(void)
{
	uint64_t id;

	do
		id = plat_random();
	while (!id);
	return id;
}

static bool span_equal(const struct span *a, const struct span *b)
{
	return a->trace_hi == b->trace_hi && a->trace_lo == b->trace_lo && a->id == b->id;
}

/* Gives @t a new span below its parent; @from: what its context carries, or NULL. */
static void span_init(struct span_record *t, const struct span *from)
{
	struct span cur, cur_from;
	bool inside = current_span(&cur, &cur_from);
	const struct span *parent = from;

	if (inside && (!from || span_equal(from, &cur_from)))
		parent = &cur;
	if (from)
		t->from = *from;
	t->parent = parent ? parent->id : 0;
	t->span.trace_hi = parent ? parent->trace_hi : span_new_id();
	t->span.trace_lo = parent ? parent->trace_lo : span_new_id();
	t->span.id = span_new_id();
}

/*
 * A record for a task or worker that will start; @carried: by its context, or NULL. Any context.
 * NULL: no memory.
 */
struct span_record *span_new(struct stopper *s, const struct span *carried,
			     const struct stopper_site *site, unsigned int kind)
{
	struct span_record *t = plat_alloc_cached(sizeof(*t), false);

	if (!t)
		return NULL;
	t->kind = kind;
	t->stopper = s->id;
	t->site = site;
	span_init(t, carried);
	return t;
}

static void span_enter_thread(struct span_record *t)
{
	t->tid = plat_own_tid();
	if (!t->tid)
		return;
	lock_guard(span_lock_of(t->tid));
	span_link(t);
}

/* The task starts, on this thread. @t may be NULL. */
void span_begin(struct span_record *t)
{
	if (!t)
		return;
	if (t->kind != STOPPER_KIND_HANDLE)
		span_enter_thread(t);
	if (t->kind == SPAN_WORKER)
		plat_trace_worker_start(t);
	else
		plat_trace_task_start(t);
}

/* Reports the end and frees the record, which is in no list. */
static void span_finish(struct span_record *t)
{
	if (t->kind == SPAN_WORKER)
		plat_trace_worker_end(t);
	else
		plat_trace_task_end(t);
	plat_free_cached(t);
}

/* The task has ended; its site and its stopper are still valid. @t may be NULL. */
void span_end(struct span_record *t)
{
	if (!t)
		return;
	if (t->tid) {
		lock_guard(span_lock_of(t->tid));
		span_unlink(t);
	}
	span_finish(t);
}

/* Ends the spans of the synchronous tasks of a thread that exits or has exited. Any context. */
void spans_end_thread(int tid)
{
	struct span_record *t;
	plat_flags_t f;

	do {
		plat_lock(span_lock_of(tid), f);
		t = span_innermost(tid);
		/* An async task or a worker is the outermost, and its owner ends it. */
		if (t && t->kind != STOPPER_KIND_SYNC)
			t = NULL;
		if (t)
			span_unlink(t);
		plat_unlock(span_lock_of(tid), f);
		if (t)
			span_finish(t);
	} while (t);
}

static void store_be(uint8_t *to, uint64_t v)
{
	int i;

	for (i = 7; i >= 0; i--, v >>= 8)
		to[i] = (uint8_t)v;
}

static uint64_t load_be(const uint8_t *from)
{
	uint64_t v = 0;
	int i;

	for (i = 0; i < 8; i++)
		v = v << 8 | from[i];
	return v;
}

void span_export(struct stopper_span *out, const struct span *span)
{
	store_be(out->trace_id, span->trace_hi);
	store_be(out->trace_id + 8, span->trace_lo);
	store_be(out->span_id, span->id);
}

/* false: an id is zero, which W3C calls invalid. */
bool span_import(struct span *span, const struct stopper_span *in)
{
	span->trace_hi = load_be(in->trace_id);
	span->trace_lo = load_be(in->trace_id + 8);
	span->id = load_be(in->span_id);
	return span->id && (span->trace_hi || span->trace_lo);
}

bool stopper_current_span(struct stopper_span *out)
{
	struct span span, from;

	if (!out || plat_is_copy() || !current_span(&span, &from))
		return false;
	span_export(out, &span);
	return true;
}
EXPORT_SYMBOL_PLAT(stopper_current_span);
