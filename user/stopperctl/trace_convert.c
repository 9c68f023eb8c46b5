// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * trace_convert.c - stopperctl trace: converts lines of a recording to slices; see cmd_trace.c.
 */
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include "trace_convert.h"
#include "trace_line.h"

/* A task, worker or closer that has begun: on its lane's stack, in the tree of spans, or both. */
struct slice {
	uint64_t span;			/* first, because the trees compare it; 0: a closer */
	uint64_t stopper;
	struct lane *lane;
	struct slice *below;		/* on the lane */
	bool queued;			/* an async task that has not begun */
	bool handle;
	char name[];
};

struct lane {
	uint64_t tid;
	struct slice *top;
	struct slice *queued;		/* the last one queued by this thread; may be refused */
};

struct track {
	uint64_t id;
	struct slice *closer;		/* the latest open one */
	int64_t since;			/* begin of the phase */
	unsigned int number;
	bool stopped;
	char phase[16];
};

static int compare_ids(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void *tree_find(void **tree, uint64_t id)
{
	void **node = tfind(&id, tree, compare_ids);

	return node ? *node : NULL;
}

/* Returns zeroed memory, inserted in @tree unless that is NULL. NULL: too much is kept already. */
static void *kept_new(struct convert *c, void **tree, size_t size, uint64_t id)
{
	uint64_t *p = c->kept < MAX_KEPT ? calloc(1, size) : NULL;

	if (p)
		*p = id;
	if (p && tree && !tsearch(p, tree, compare_ids)) {
		free(p);
		p = NULL;
	}
	if (p)
		c->kept++;
	else
		c->dropped++;
	return p;
}

static struct lane *lane_get(struct convert *c, const struct trace_line *ev)
{
	struct lane *lane = tree_find(&c->lanes, (uint64_t)ev->tid);
	char name[64];

	if (lane)
		return lane;
	lane = kept_new(c, &c->lanes, sizeof(*lane), (uint64_t)ev->tid);
	if (!lane)
		return NULL;
	snprintf(name, sizeof(name), "%s %" PRId64, ev->comm, ev->tid);
	trace_metadata(&c->out, "thread_name", PID_THREADS, lane->tid,
		       json_pack("{s:s}", "name", name));
	trace_metadata(&c->out, "thread_sort_index", PID_THREADS, lane->tid,
		       json_pack("{s:I}", "sort_index", (json_int_t)lane->tid));
	return lane;
}

/* @name: the stopper's, if the event has it, else NULL. */
static struct track *track_get(struct convert *c, uint64_t id, const char *name, int64_t ns)
{
	struct track *t = tree_find(&c->tracks, id);
	char title[192];

	if (!t) {
		t = kept_new(c, &c->tracks, sizeof(*t), id);
		if (!t)
			return NULL;
		c->nr_tracks++;
		t->number = c->nr_tracks;
		t->since = ns;
		strcpy(t->phase, "running");
		name = name ? name : "";
		trace_metadata(&c->out, "thread_sort_index", PID_STOPPERS, t->number,
			       json_pack("{s:i}", "sort_index", (int)t->number));
	}
	if (name) {
		snprintf(title, sizeof(title), "stopper %" PRIu64 " %.150s", id, name);
		trace_metadata(&c->out, "thread_name", PID_STOPPERS, t->number,
			       json_pack("{s:s}", "name", title));
	}
	return t;
}

static struct slice *slice_new(struct convert *c, const struct trace_line *ev, uint64_t span,
			       uint64_t stopper)
{
	struct slice *o = kept_new(c, span ? &c->spans : NULL,
				   sizeof(*o) + strlen(ev->name) + 1, span);

	if (!o)
		return NULL;
	o->stopper = stopper;
	strcpy(o->name, ev->name);
	return o;
}

static void slice_free(struct convert *c, struct slice *o)
{
	if (o->lane && o->lane->queued == o)
		o->lane->queued = NULL;
	if (o->span)
		tdelete(o, &c->spans, compare_ids);
	c->kept--;
	free(o);
}

/* The fields of an event besides its name, for the viewer's details. */
static json_t *event_args(const struct trace_line *ev)
{
	static const char * const keys[] = { "kind", "file", "line", "span", "parent", "trace",
		"waited_ns", "tasks", "workers" };
	json_t *args = json_object();
	char value[256];
	uint64_t id;
	size_t i;

	if (trace_number(ev, "id", 10, &id))
		trace_put(args, "stopper", json_integer((json_int_t)id));
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (trace_word(ev, keys[i], value, sizeof(value)))
			trace_put(args, keys[i], json_string(value));
	return args;
}

/* --- slices ----------------------------------------------------------------------------------- */

static void slice_emit_end(struct convert *c, struct slice *o, int64_t ns, const char *mark)
{
	json_t *e = trace_event(&c->out, o->handle ? "e" : "E", o->name, PID_THREADS,
				o->lane->tid, ns);

	if (o->handle)
		trace_put_id(e, "handle", o->span);
	if (mark)
		trace_put(e, "args", json_pack("{s:b}", mark, 1));
	trace_emit(&c->out, e);
}

static void lane_pop(struct convert *c, int64_t ns, struct lane *lane, const char *mark)
{
	struct slice *o = lane->top;
	struct track *t = o->span ? NULL : tree_find(&c->tracks, o->stopper);

	slice_emit_end(c, o, ns, mark);
	lane->top = o->below;
	if (t && t->closer == o)
		t->closer = NULL;
	slice_free(c, o);
}

static void slice_end(struct convert *c, struct slice *o, int64_t ns, const char *mark)
{
	struct lane *lane = o->lane;

	if (o->handle) {
		slice_emit_end(c, o, ns, mark);
		slice_free(c, o);
		return;
	}
	while (lane->top != o)
		lane_pop(c, ns, lane, "end_lost");
	lane_pop(c, ns, lane, mark);
}

static void slice_begin(struct convert *c, const struct trace_line *ev, struct slice *o)
{
	json_t *e = trace_event(&c->out, o->handle ? "b" : "B", o->name, PID_THREADS,
				o->lane->tid, ev->ns);

	if (o->handle) {
		trace_put_id(e, "handle", o->span);
	} else {
		o->below = o->lane->top;
		o->lane->top = o;
	}
	trace_put(e, "args", event_args(ev));
	trace_emit(&c->out, e);
}

/* One end of an arrow; the viewer attaches it to the enclosing slice. */
static void emit_arrow(struct convert *c, const struct trace_line *ev, const struct slice *o,
		       const char *ph)
{
	json_t *e = trace_event(&c->out, ph, o->name, PID_THREADS, (uint64_t)ev->tid, ev->ns);

	trace_put_id(e, "queued", o->span);
	if (*ph == 'f')
		trace_put(e, "bp", json_string("e"));
	trace_emit(&c->out, e);
}

static void emit_instant(struct convert *c, const struct trace_line *ev, const char *name, int pid,
			 uint64_t tid)
{
	json_t *e = trace_event(&c->out, "i", name, pid, tid, ev->ns);

	trace_put(e, "s", json_string("t"));
	trace_put(e, "args", event_args(ev));
	trace_emit(&c->out, e);
}

/* --- events; false: not a valid event --------------------------------------------------------- */

static bool on_start(struct convert *c, const struct trace_line *ev)
{
	uint64_t id, span;
	char kind[16] = "worker";
	struct lane *lane;
	bool was_queued;
	struct slice *o;

	if (!trace_number(ev, "id", 10, &id) || !trace_number(ev, "span", 16, &span) || !span ||
	    (*ev->what == 't' && !trace_word(ev, "kind", kind, sizeof(kind))))
		return false;
	o = tree_find(&c->spans, span);
	was_queued = o && o->queued;
	if (o && !was_queued)
		return false;
	lane = lane_get(c, ev);
	if (!o && lane)
		o = slice_new(c, ev, span, id);
	if (!o || !lane)
		return true;
	if (o->lane && o->lane->queued == o)
		o->lane->queued = NULL;
	o->lane = lane;
	o->queued = false;
	o->handle = !strcmp(kind, "handle");
	slice_begin(c, ev, o);
	if (was_queued)
		emit_arrow(c, ev, o, "f");
	return true;
}

static bool on_end(struct convert *c, const struct trace_line *ev)
{
	struct slice *o;
	uint64_t span;

	if (!trace_number(ev, "span", 16, &span))
		return false;
	o = tree_find(&c->spans, span);
	/* Without a slice the task began before the recording. */
	if (o && !o->queued)
		slice_end(c, o, ev->ns, NULL);
	return true;
}

static bool on_queued(struct convert *c, const struct trace_line *ev)
{
	struct lane *lane = lane_get(c, ev);
	struct slice *o;
	uint64_t id, span;
	json_t *e;

	if (!trace_number(ev, "id", 10, &id) || !trace_number(ev, "span", 16, &span) || !span ||
	    tree_find(&c->spans, span))
		return false;
	o = lane ? slice_new(c, ev, span, id) : NULL;
	if (!o)
		return true;
	o->queued = true;
	o->lane = lane;
	lane->queued = o;
	/* The arrow needs an enclosing slice, even if no task runs here. */
	e = trace_event(&c->out, "X", "queue", PID_THREADS, (uint64_t)ev->tid, ev->ns);
	trace_put(e, "dur", json_integer(0));
	trace_put(e, "args", event_args(ev));
	trace_emit(&c->out, e);
	emit_arrow(c, ev, o, "s");
	return true;
}

static bool on_refused(struct convert *c, const struct trace_line *ev)
{
	struct lane *lane = lane_get(c, ev);
	struct slice *o = lane ? lane->queued : NULL;
	char name[192];

	if (!lane)
		return true;
	/* It was refused after this thread had queued it. */
	if (o && !strcmp(o->name, ev->name))
		slice_free(c, o);
	snprintf(name, sizeof(name), "refused: %.150s", ev->name);
	emit_instant(c, ev, name, PID_THREADS, (uint64_t)ev->tid);
	return true;
}

static bool on_closer_start(struct convert *c, const struct trace_line *ev)
{
	struct lane *lane = lane_get(c, ev);
	struct track *t;
	struct slice *o;
	uint64_t id;

	if (!trace_number(ev, "id", 10, &id))
		return false;
	t = track_get(c, id, NULL, ev->ns);
	o = lane && t ? slice_new(c, ev, 0, id) : NULL;
	if (!o)
		return true;
	o->lane = lane;
	t->closer = o;
	slice_begin(c, ev, o);
	return true;
}

static bool on_closer_end(struct convert *c, const struct trace_line *ev)
{
	struct lane *lane = tree_find(&c->lanes, (uint64_t)ev->tid);
	struct slice *o = lane ? lane->top : NULL;
	struct track *t;
	uint64_t id;

	if (!trace_number(ev, "id", 10, &id))
		return false;
	while (o && (o->span || o->stopper != id))
		o = o->below;
	t = tree_find(&c->tracks, id);
	if (!o && t)
		o = t->closer;
	if (o)
		slice_end(c, o, ev->ns, NULL);
	return true;
}

static void track_emit_phase(struct convert *c, struct track *t, int64_t ns, bool unfinished)
{
	json_t *e = trace_event(&c->out, "X", t->phase, PID_STOPPERS, t->number, t->since);

	trace_put(e, "dur", json_real((double)(ns - t->since) / 1000));
	trace_put(e, "args", json_pack("{s:I, s:b}", "stopper", (json_int_t)t->id, "unfinished",
				       unfinished));
	trace_emit(&c->out, e);
}

static bool on_created(struct convert *c, const struct trace_line *ev)
{
	uint64_t id;

	if (!trace_number(ev, "id", 10, &id))
		return false;
	track_get(c, id, ev->name, ev->ns);
	return true;
}

static bool on_phase(struct convert *c, const struct trace_line *ev)
{
	char from[16], to[16];
	struct track *t;
	uint64_t id;

	if (!trace_number(ev, "id", 10, &id) || !trace_word(ev, "from", from, sizeof(from)) ||
	    !trace_word(ev, "to", to, sizeof(to)))
		return false;
	t = track_get(c, id, ev->name, ev->ns);
	if (!t)
		return true;
	/* A new stopper has been in this phase since the recording began. */
	if (strcmp(t->phase, from))
		strcpy(t->phase, from);
	track_emit_phase(c, t, ev->ns, false);
	strcpy(t->phase, to);
	t->since = ev->ns;
	t->stopped = !strcmp(to, "stopped");
	if (t->stopped)
		emit_instant(c, ev, "stopped", PID_STOPPERS, t->number);
	return true;
}

static bool on_stall(struct convert *c, const struct trace_line *ev)
{
	struct track *t;
	uint64_t id;

	if (!trace_number(ev, "id", 10, &id))
		return false;
	t = track_get(c, id, ev->name, ev->ns);
	if (t)
		emit_instant(c, ev, "stall", PID_STOPPERS, t->number);
	return true;
}

static const struct {
	const char *name;
	bool (*fn)(struct convert *c, const struct trace_line *ev);
} handlers[] = {
	{ "task_start", on_start },
	{ "task_end", on_end },
	{ "task_refused", on_refused },
	{ "async_queued", on_queued },
	{ "worker_start", on_start },
	{ "worker_end", on_end },
	{ "created", on_created },
	{ "phase", on_phase },
	{ "closer_start", on_closer_start },
	{ "closer_end", on_closer_end },
	{ "stall", on_stall },
};

/* --- lines ------------------------------------------------------------------------------------ */

static void convert_first_event(struct convert *c, const struct trace_line *ev)
{
	c->out.base = ev->ns;
	c->last = ev->ns;
	trace_name_process(&c->out, PID_STOPPERS, "stoppers");
	trace_name_process(&c->out, PID_THREADS, "threads");
}

static void convert_event(struct convert *c, struct trace_line *ev)
{
	uint64_t id;
	size_t i;

	for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (!strcmp(ev->what, handlers[i].name))
			break;
	if (i == sizeof(handlers) / sizeof(handlers[0]) || !trace_number(ev, "id", 10, &id))
		goto ignore;
	if (!c->events++)
		convert_first_event(c, ev);
	/* The clocks of CPUs may differ a little; the output never goes back in time. */
	if (ev->ns < c->last)
		ev->ns = c->last;
	c->last = ev->ns;
	track_get(c, id, NULL, ev->ns);
	if (handlers[i].fn(c, ev))
		return;
ignore:
	c->input.ignored++;
}

void convert_lines(struct convert *c)
{
	struct trace_line ev;

	while (!c->out.failed && trace_next(&c->input, &ev))
		convert_event(c, &ev);
}

/* --- the end ---------------------------------------------------------------------------------- */

static struct convert *finishing;		/* twalk() passes no argument */

static void finish_lane(const void *node, VISIT which, int depth)
{
	struct lane *lane = *(struct lane *const *)node;

	(void)depth;
	if (which == preorder || which == leaf)
		while (lane->top)
			lane_pop(finishing, finishing->last, lane, "unfinished");
}

static void finish_handle(const void *node, VISIT which, int depth)
{
	struct slice *o = *(struct slice *const *)node;

	(void)depth;
	if ((which == preorder || which == leaf) && o->handle)
		slice_emit_end(finishing, o, finishing->last, "unfinished");
}

static void finish_track(const void *node, VISIT which, int depth)
{
	struct track *t = *(struct track *const *)node;

	(void)depth;
	if ((which == preorder || which == leaf) && !t->stopped)
		track_emit_phase(finishing, t, finishing->last, true);
}

void convert_finish(struct convert *c)
{
	finishing = c;
	twalk(c->lanes, finish_lane);
	twalk(c->spans, finish_handle);
	twalk(c->tracks, finish_track);
	tdestroy(c->spans, free);
	tdestroy(c->lanes, free);
	tdestroy(c->tracks, free);
	trace_out_end(&c->out, c->input.lost);
}
