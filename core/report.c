// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * report.c - the debug list: every stopper and what it runs, as text.
 *
 * The list is made from one snapshot of all tasks (snapshot.c). Then the oldest threads are
 * looked up one by one: comm, state and, in the kernel, where they sleep. A thread that ends
 * between the two is shown as gone. Only the first LOOKUPS threads of a long list are looked
 * up, so that reading it stays quick.
 *
 * The text is an interface: stopper-debuglist(5), of which list_forms.h has each record. There is
 * one a line, indented below what it belongs to. Names and comms are quoted and escaped (name.c),
 * so that none can forge a line or a field. It contains no kernel address.
 */
#include "internal.h"
#include "cause.h"
#include "ref.h"
#include "report.h"
#include "sem.h"
#include "snapshot.h"
#include "text.h"
#include "timed.h"
#include "upcalls.h"
#include "list_formats.h"

#define LOOKUPS		256
#define SEMS_SHOWN	4
#define WAITERS_READ	64

/* Formats one line and passes it to @out. */
static void STOPPER_PRINTF(2, 3) report_line(const struct line_sink *out, const char *fmt, ...)
{
	char line[TEXT_LINE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	out->line(out->arg, line);
}

/* A comm escaped: any process may set it to anything. */
struct escaped_comm {
	char text[4 * COMM_SIZE];
};

static const char *escape_comm(struct escaped_comm *b, const char *comm)
{
	name_escape(b->text, sizeof(b->text), comm);
	return b->text;
}

#define COMM(comm)	escape_comm(&(struct escaped_comm){ "" }, comm)

/* FILE:LINE FUNCTION by thread TID "COMM" */
struct origin_text {
	char text[sizeof(struct origin) + sizeof(struct escaped_comm) + 48];
};

static PLAT_NOINLINE const char *origin_text(struct origin_text *b, const struct origin *o)
{
	snprintf(b->text, sizeof(b->text), "%s:%u %s by thread %d \"%s\"", o->file, o->line,
		 o->func, o->tid, COMM(o->comm));
	return b->text;
}

/* A consistent copy of what the stopper's lock guards, and what is counted without it. */
struct report_header {
	LIST_COUNTS(COUNT_MEMBER, COUNT_MEMBER)
	enum stopper_phase phase;
	unsigned int nested;
	int64_t since, stop_requested;
	uint64_t parent;
	char parent_name[STOPPER_NAME_SHOWN + 1];
	int error;
	const struct first_error *error_from;
	struct cause cause;
	struct pause pause;
};

static void report_header_read(struct report_header *h, struct stopper *s)
{
	h->contexts = plat_load(&s->contexts);
	h->refused = plat_load(&s->refused);
	h->dropped = plat_load(&s->dropped);
	lock_guard(&s->lock);
	h->phase = phase_of(s);
	h->since = s->phase_since;
	h->workers = s->nworkers;
	h->closers = s->nclosers + (s->closing ? 1 : 0) + s->late_closers;
	h->closed = s->nclosed;
	h->waiters = s->waiters;
	h->nested = s->nested;
	h->stop_requested = s->stop_requested;
	if (h->stop_requested)
		h->cause = s->cause;
	h->error = s->error;
	h->error_from = s->error_from;
	if (h->phase == STOPPER_RUNNING)
		h->pause = s->pause;
	if (s->parent) {
		h->parent = s->parent->id;
		memcpy(h->parent_name, s->parent->name, strlen(s->parent->name) + 1);
	}
}

/*
 * The functions for the header have frames of their own: inlined, they would make one that is
 * larger than a 32-bit kernel allows.
 */
static PLAT_NOINLINE void report_error(const struct line_sink *out, const struct report_header *h,
				       int64_t now)
{
	const struct first_error *e = h->error_from;
	struct origin_text at;

	report_line(out, "  " LIST_FAILED, h->error, e->cause.text, origin_text(&at, &e->cause.at),
		    SECS(e->since ? now - e->since : 0));
}

/* The pending timers: how many, and the one that is due first. */
static PLAT_NOINLINE void report_timers(const struct line_sink *out, struct stopper *s)
{
	struct stopper_task_info next;
	unsigned int n;
	int64_t due;

	n = timers_next(s, &next, &due);
	if (n)
		report_line(out, "  " LIST_TIMERS, N(n), next.name, next.file, next.line, next.func,
			    SECS(due));
}

static PLAT_NOINLINE void report_stop_request(const struct line_sink *out,
					      const struct report_header *h, int64_t now)
{
	char because[sizeof(h->cause.text) + 32] = "";
	struct origin_text at;

	if (h->cause.err)
		snprintf(because, sizeof(because), LIST_CAUSE, h->cause.text, h->cause.err);
	report_line(out, "  " LIST_STOP_ASKED, origin_text(&at, &h->cause.at),
		    SECS(now - h->stop_requested), because);
}

static PLAT_NOINLINE void report_origins(const struct line_sink *out, struct stopper *s,
					 const struct report_header *h, int64_t now)
{
	struct origin_text at;

	report_line(out, "  " LIST_CREATED, origin_text(&at, &s->created_at));
	if (h->parent)
		report_line(out, "  " LIST_CHILD, N(h->parent), h->parent_name);
	if (h->pause.paused)
		report_line(out, "  " LIST_PAUSED, origin_text(&at, &h->pause.origin),
			    SECS(now - h->pause.since));
}

/* The counts that are shown only if they are not 0. */
struct counts_if_any {
	char text[1 LIST_COUNTS(COUNT_NONE, COUNT_SIZE)];
};

static void count_add(struct counts_if_any *b, const char *word, unsigned long count)
{
	size_t n = strlen(b->text);

	if (count)
		snprintf(b->text + n, sizeof(b->text) - n, ", %s %lu", word, count);
}

static const char *counts_if_any(struct counts_if_any *b, const struct report_header *h)
{
	LIST_COUNTS(COUNT_NONE, COUNT_ADD)
	return b->text;
}

#define COUNTS_IF_ANY(h)	counts_if_any(&(struct counts_if_any){ "" }, h)

static PLAT_NOINLINE void report_header(const struct line_sink *out, struct stopper *s,
					unsigned long tasks, unsigned long queued)
{
	struct report_header h = { .tasks = tasks, .queued = queued };
	int64_t now = plat_now();

	report_header_read(&h, s);
	report_line(out, LIST_STOPPER LIST_COUNTS(COUNT_TEXT, COUNT_NONE) "%s", N(s->id), s->name,
		    stopper_phase_name(h.phase), SECS(now - h.since),
		    SECS(now - s->created) LIST_COUNTS(COUNT_VALUE, COUNT_NONE), COUNTS_IF_ANY(&h));
	report_origins(out, s, &h, now);
	if (h.stop_requested)
		report_stop_request(out, &h, now);
	else
		report_line(out, "  " LIST_STOP_NOT_ASKED);
	if (h.error)
		report_error(out, &h, now);
	report_timers(out, s);
	if (h.nested)
		report_line(out, "  " LIST_NESTED, N(h.nested));
}

/* A semaphore, and the first of those that wait for it to run a task of a stopper. */
struct awaited_sem {
	int held, capacity, waiters;
	int64_t since;
	struct origin at;
	char name[STOPPER_NAME_SHOWN + 4];	/* of the semaphore, " "NAME""; empty: none */
	char task[STOPPER_NAME_SHOWN + 1];
};

static void awaited_sem_copy(struct awaited_sem *a, const struct sem_waiter *w)
{
	char name[STOPPER_NAME_SHOWN + 1];

	a->held = stopper_sem_length(w->sem);
	a->capacity = stopper_sem_capacity(w->sem);
	a->waiters = stopper_sem_waiters(w->sem);
	a->since = w->since;
	a->name[0] = '\0';
	if (w->sem->name) {
		name_escape(name, sizeof(name), w->sem->name);
		snprintf(a->name, sizeof(a->name), LIST_SEM_NAME, name);
	}
	origin_copy_site(&a->at, w->site);
	a->at.tid = w->tid;
	name_escape(a->task, sizeof(a->task), w->site->name);
}

/*
 * Copies a semaphore that is not in the @n at @seen, and adds it; false: no other is awaited.
 * A waiter's semaphore is valid while the waiter is on the list. Of a long list only the first
 * WAITERS_READ are read, which have waited longest.
 */
static bool awaited_sem_next(struct awaited_sem *a, struct stopper *s, struct stopper_sem **seen,
			     unsigned int n)
{
	unsigned int i, reads = 0;
	struct stopper_list *node;
	struct sem_waiter *w;

	lock_guard(&s->lock);
	list_walk(node, &s->waiting) {
		w = list_item(node, struct sem_waiter, of_stopper);
		for (i = 0; i < n && seen[i] != w->sem; i++)
			;
		if (i == n) {
			awaited_sem_copy(a, w);
			seen[n] = w->sem;
			return true;
		}
		if (++reads == WAITERS_READ)
			break;
	}
	return false;
}

static void report_awaited_sems(const struct line_sink *out, struct stopper *s)
{
	struct stopper_sem *seen[SEMS_SHOWN];
	struct awaited_sem a;
	unsigned int n;

	for (n = 0; n < SEMS_SHOWN && awaited_sem_next(&a, s, seen, n); n++)
		report_line(out, "  " LIST_SEM, a.name, N(a.held), N(a.capacity), N(a.waiters),
			    a.task, a.at.file, a.at.line, a.at.func, N(a.at.tid),
			    SECS(plat_now() - a.since));
}

/* With the blank behind it. */
static const char *thread_state_word(char state)
{
	static const struct { char state; const char *word; } words[] = {
		{ 'R', "running " }, { 'S', "sleeping " }, { 'D', "blocked " },
		{ 'I', "idle " }, { 'T', "stopped " }, { 't', "traced " },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(words); i++)
		if (words[i].state == state)
			return words[i].word;
	return "dead ";
}

struct shown_label {
	char text[STOPPER_LABEL_SHOWN + 16];
};

static const char *show_label(struct shown_label *b, const struct thread_age *t)
{
	if (t->label[0])
		snprintf(b->text, sizeof(b->text), LIST_LABEL, t->label);
	return b->text;
}

#define LABEL(t)	show_label(&(struct shown_label){ "" }, t)

/* What is known of a thread, as texts of the forms; NULL: nothing. */
struct thread_words {
	const char *comm;
	const char *state;		/* with its blank */
	const char *where;
};

static const char *text_or_none(const char *text)
{
	return text ? text : "";
}

static void report_thread_line(const struct line_sink *out, const struct thread_age *t,
			       const struct thread_words *w)
{
	report_line(out, "    " LIST_THREAD, N(t->tid), text_or_none(w->comm),
		    text_or_none(w->state), SECS(t->age), LABEL(t), text_or_none(w->where));
}

static void report_thread(const struct line_sink *out, const struct thread_age *t, bool stack)
{
	char where[SYMBOL_SIZE + 8], comm[sizeof(struct escaped_comm) + 8];
	struct thread_words w = { .state = NULL };
	struct thread_snapshot snap;
	char name[SYMBOL_SIZE];
	unsigned int i;
	int err;

	if (!t->tid) {
		w.comm = " \"" SOFTIRQ_COMM "\"";
		w.state = "idle ";
		report_thread_line(out, t, &w);
		return;
	}
	err = plat_thread_snapshot(t->tid, &snap);
	if (err) {
		w.state = err == -ESRCH ? "gone " : NULL;
		report_thread_line(out, t, &w);
		return;
	}
	snprintf(comm, sizeof(comm), LIST_COMM, COMM(snap.comm));
	w.comm = comm;
	w.state = thread_state_word(snap.state);
	if (snap.where[0]) {
		snprintf(where, sizeof(where), LIST_WHERE, snap.where);
		w.where = where;
	}
	report_thread_line(out, t, &w);
	for (i = 0; stack && i < snap.nframes; i++) {
		plat_frame_name(&snap, i, name);
		report_line(out, "      " LIST_STACK, name);
	}
}

static void report_threads(const struct line_sink *out, const struct site_group *g,
			   int64_t stall_ns, unsigned int *lookups)
{
	unsigned int i;

	if (g->queued)
		report_line(out, "    " LIST_QUEUED, N(g->queued));
	for (i = 0; i < g->nshown; i++) {
		if (*lookups) {
			--*lookups;
			report_thread(out, &g->shown[i], g->shown[i].age >= stall_ns);
		} else {
			report_thread_line(out, &g->shown[i],
					   &(struct thread_words){ .state = NULL });
		}
	}
	if (g->more)
		report_line(out, "    " LIST_MORE, N(g->more));
}

const char *group_kind_name(const struct site_group *g)
{
	static const char * const kinds[] = {
		[STOPPER_PANIC_TASK] = "task",
		[STOPPER_PANIC_WORKER] = "worker",
		[STOPPER_PANIC_CLOSER] = "closer",
	};

	return kinds[g->kind];
}

static void report_group(const struct line_sink *out, const struct site_group *g,
			 unsigned int *lookups)
{
	const struct stopper_task_info *i = &g->info;

	if (i->line)
		report_line(out, "  " LIST_GROUP("%s", LIST_AT), group_kind_name(g), N(i->count),
			    i->name, i->file, i->line, i->func, SECS(i->oldest_ns));
	else
		report_line(out, "  " LIST_GROUP("%s", LIST_NO_AT), group_kind_name(g), N(i->count),
			    i->name, SECS(i->oldest_ns));
	report_threads(out, g, g->s->stall_ns, lookups);
}

void report_stopper(const struct line_sink *out, const struct task_snapshot *snap,
		    struct stopper *s, unsigned int *lookups)
{
	unsigned int first = snapshot_find(snap, s), i;
	unsigned long tasks = 0, queued = 0;

	for (i = first; i < snap->ngroups && snap->groups[i].s == s; i++) {
		if (snap->groups[i].kind == STOPPER_PANIC_TASK)
			tasks += snap->groups[i].info.count;
		queued += snap->groups[i].queued;
	}
	report_header(out, s, tasks, queued);
	report_awaited_sems(out, s);
	for (i = first; i < snap->ngroups && snap->groups[i].s == s; i++)
		report_group(out, &snap->groups[i], lookups);
	if (snap->lost)
		report_line(out, "  " LIST_TASKS_MORE, N(snap->lost));
}

/* Pins every stopper, oldest first; NULL: no memory. */
static struct stopper **pin_all_stoppers(unsigned int *n)
{
	unsigned int room = registry_count() + 16;
	struct stopper **list;
	struct stopper_walk w;
	struct stopper *s;

	for (;; room *= 2) {
		list = plat_alloc(room * sizeof(struct stopper *));
		if (!list)
			return NULL;
		registry_walk_init(&w);
		for (*n = 0; *n < room && (s = stopper_walk_next(&w)); ++*n) {
			stopper_pin(s);
			list[*n] = s;
		}
		stopper_walk_end(&w);
		if (*n < room)
			return list;
		while (*n)
			stopper_unpin(list[--*n]);
		plat_free(list);
	}
}

/* Writes the debug list; 0 or -ENOMEM. */
int report_all(const struct line_sink *out)
{
	unsigned int n, i, lookups = LOOKUPS;
	struct stopper **list;
	struct task_snapshot snap;
	int err;

	list = pin_all_stoppers(&n);
	if (!list)
		return -ENOMEM;
	err = snapshot_make(&snap, NULL, true);
	if (!err) {
		for (i = 0; i < n; i++)
			report_stopper(out, &snap, list[i], &lookups);
		snapshot_free(&snap);
	}
	for (i = 0; i < n; i++)
		stopper_unpin(list[i]);
	plat_free(list);
	return err;
}
