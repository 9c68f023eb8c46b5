// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * cmd_trace.c - stopperctl trace: from a recording to what Perfetto and chrome://tracing open.
 *
 * The input is the text of tracefs' trace file, or of libstopper's recorder, which has the
 * same form; trace_line.c reads its lines.
 *
 * The output is the JSON object of the Trace Event Format. It is written as the input is
 * read; kept are only what has begun and not ended, the threads and the stoppers, and of
 * these no more than MAX_KEPT. A line that is not understood is left out and counted.
 *
 *   process 1, "stoppers"   a track for each: its phases (X), stalls (i)
 *   process 2, "threads"    a track for each: tasks, workers and closers (B, E), refused
 *                           tasks (i); arrows (s, f) from where an async task was queued
 *                           to where it runs; handles, which may end on another thread
 *                           than they began on, as async events (b, e)
 *
 * Slices of a track must nest. So a slice ends on the track on which it began, whoever
 * says so (in the kernel a dead thread's task is ended by another one), and ends what is
 * still open above it, whose end was lost. What is open at the end of the input is closed
 * there, and marked.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include "ctl.h"
#include "trace_line.h"

#define TRACEFS		"/sys/kernel/tracing/trace"
#define EVENTS		"/sys/kernel/tracing/events/stopper/enable"
#define MAX_LINE	4096
#define MAX_KEPT	1000000
#define STOPPERS	1	/* the processes */
#define THREADS		2

/* Something that has begun: on its lane's stack, in the tree of spans, or both. */
struct open {
	uint64_t span;			/* first: what the trees compare. 0: a closer */
	uint64_t stopper;
	struct lane *lane;
	struct open *below;		/* on the lane */
	bool queued;			/* not begun yet */
	bool handle;
	char name[];
};

struct lane {
	uint64_t tid;
	struct open *top;
	struct open *queued;		/* by this thread, the latest one: it may be refused */
};

struct track {
	uint64_t id;
	struct open *closer;		/* the latest one that is open */
	int64_t since;			/* of its phase */
	unsigned int number;
	bool stopped;
	char phase[16];
};

struct convert {
	FILE *in, *out;
	void *spans, *lanes, *tracks;	/* tsearch()'s trees */
	unsigned int tracks_made;
	unsigned long kept, events, ignored, lost, dropped;
	int64_t base, last;		/* ns; base: of the first event */
	bool begun, failed;
};

static int by_id(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void *tree_find(void **tree, uint64_t id)
{
	void **node = tfind(&id, tree, by_id);

	return node ? *node : NULL;
}

/* --- output ----------------------------------------------------------------------------------- */

/* Takes over @event. */
static void emit(struct convert *c, json_t *event)
{
	if (!event) {
		c->failed = true;
		return;
	}
	if (fputs(c->begun ? ",\n" : "{\"traceEvents\":[\n", c->out) < 0 ||
	    json_dumpf(event, c->out, JSON_COMPACT | JSON_REAL_PRECISION(15)))
		c->failed = true;
	c->begun = true;
	json_decref(event);
}

static json_t *event_new(struct convert *c, const char *ph, const char *name, int pid,
			 uint64_t tid, int64_t ns)
{
	return json_pack("{s:s, s:s, s:i, s:I, s:f}", "ph", ph, "name", name, "pid", pid,
			 "tid", (json_int_t)tid, "ts", (double)(ns - c->base) / 1000);
}

static void put(json_t *event, const char *key, json_t *value)
{
	if (!event || json_object_set_new(event, key, value))
		json_decref(value);
}

static void metadata(struct convert *c, const char *what, int pid, uint64_t tid,
		     json_t *args)
{
	emit(c, json_pack("{s:s, s:s, s:i, s:I, s:o}", "ph", "M", "name", what, "pid", pid,
			  "tid", (json_int_t)tid, "args", args));
}

static void name_process(struct convert *c, int pid, const char *name)
{
	metadata(c, "process_name", pid, 0, json_pack("{s:s}", "name", name));
	metadata(c, "process_sort_index", pid, 0, json_pack("{s:i}", "sort_index", pid));
}

/* --- what is kept ----------------------------------------------------------------------------- */

/* Zeroed, and in the tree unless that is NULL; NULL: too much is kept already. */
static void *keep(struct convert *c, void **tree, size_t size, uint64_t id)
{
	uint64_t *p = c->kept < MAX_KEPT ? calloc(1, size) : NULL;

	if (p)
		*p = id;
	if (p && tree && !tsearch(p, tree, by_id)) {
		free(p);
		p = NULL;
	}
	if (p)
		c->kept++;
	else
		c->dropped++;
	return p;
}

static struct lane *lane_of(struct convert *c, const struct trace_line *ev)
{
	struct lane *lane = tree_find(&c->lanes, (uint64_t)ev->tid);
	char name[64];

	if (lane)
		return lane;
	lane = keep(c, &c->lanes, sizeof(*lane), (uint64_t)ev->tid);
	if (!lane)
		return NULL;
	snprintf(name, sizeof(name), "%s %" PRId64, ev->comm, ev->tid);
	metadata(c, "thread_name", THREADS, lane->tid, json_pack("{s:s}", "name", name));
	metadata(c, "thread_sort_index", THREADS, lane->tid,
		 json_pack("{s:I}", "sort_index", (json_int_t)lane->tid));
	return lane;
}

/* @name: if the event is one of the stopper's own and says it. */
static struct track *track_of(struct convert *c, uint64_t id, const char *name, int64_t ns)
{
	struct track *t = tree_find(&c->tracks, id);
	char title[192];

	if (!t) {
		t = keep(c, &c->tracks, sizeof(*t), id);
		if (!t)
			return NULL;
		c->tracks_made++;
		t->number = c->tracks_made;
		t->since = ns;
		strcpy(t->phase, "running");
		name = name ? name : "";
		metadata(c, "thread_sort_index", STOPPERS, t->number,
			 json_pack("{s:i}", "sort_index", (int)t->number));
	}
	if (name) {
		snprintf(title, sizeof(title), "stopper %" PRIu64 " %.150s", id, name);
		metadata(c, "thread_name", STOPPERS, t->number, json_pack("{s:s}", "name", title));
	}
	return t;
}

static struct open *open_new(struct convert *c, const struct trace_line *ev, uint64_t span,
			     uint64_t stopper)
{
	struct open *o = keep(c, span ? &c->spans : NULL, sizeof(*o) + strlen(ev->name) + 1, span);

	if (!o)
		return NULL;
	o->stopper = stopper;
	strcpy(o->name, ev->name);
	return o;
}

static void open_free(struct convert *c, struct open *o)
{
	if (o->lane && o->lane->queued == o)
		o->lane->queued = NULL;
	if (o->span)
		tdelete(o, &c->spans, by_id);
	c->kept--;
	free(o);
}

/* What an event says besides its name, for the viewer's details. */
static json_t *details(const struct trace_line *ev)
{
	static const char * const keys[] = { "kind", "file", "line", "span", "parent", "trace",
		"waited_ns", "tasks", "workers" };
	json_t *args = json_object();
	char value[256];
	uint64_t id;
	size_t i;

	if (trace_number(ev, "id", 10, &id))
		put(args, "stopper", json_integer((json_int_t)id));
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (trace_word(ev, keys[i], value, sizeof(value)))
			put(args, keys[i], json_string(value));
	return args;
}

/* --- slices ----------------------------------------------------------------------------------- */

static void put_id(json_t *event, const char *category, uint64_t span)
{
	char id[20];

	snprintf(id, sizeof(id), "0x%" PRIx64, span);
	put(event, "cat", json_string(category));
	put(event, "id", json_string(id));
}

static void emit_end(struct convert *c, struct open *o, int64_t ns, const char *mark)
{
	json_t *e = event_new(c, o->handle ? "e" : "E", o->name, THREADS, o->lane->tid, ns);

	if (o->handle)
		put_id(e, "handle", o->span);
	if (mark)
		put(e, "args", json_pack("{s:b}", mark, 1));
	emit(c, e);
}

static void pop(struct convert *c, int64_t ns, struct lane *lane, const char *mark)
{
	struct open *o = lane->top;
	struct track *t = o->span ? NULL : tree_find(&c->tracks, o->stopper);

	emit_end(c, o, ns, mark);
	lane->top = o->below;
	if (t && t->closer == o)
		t->closer = NULL;
	open_free(c, o);
}

static void slice_end(struct convert *c, struct open *o, int64_t ns, const char *mark)
{
	struct lane *lane = o->lane;

	if (o->handle) {
		emit_end(c, o, ns, mark);
		open_free(c, o);
		return;
	}
	while (lane->top != o)
		pop(c, ns, lane, "end_lost");
	pop(c, ns, lane, mark);
}

static void slice_begin(struct convert *c, const struct trace_line *ev, struct open *o)
{
	json_t *e = event_new(c, o->handle ? "b" : "B", o->name, THREADS, o->lane->tid, ev->ns);

	if (o->handle) {
		put_id(e, "handle", o->span);
	} else {
		o->below = o->lane->top;
		o->lane->top = o;
	}
	put(e, "args", details(ev));
	emit(c, e);
}

/* One end of an arrow. It ties itself to the slice around it. */
static void arrow(struct convert *c, const struct trace_line *ev, const struct open *o,
		  const char *ph)
{
	json_t *e = event_new(c, ph, o->name, THREADS, (uint64_t)ev->tid, ev->ns);

	put_id(e, "queued", o->span);
	if (*ph == 'f')
		put(e, "bp", json_string("e"));
	emit(c, e);
}

static void instant(struct convert *c, const struct trace_line *ev, const char *name, int pid,
		    uint64_t tid)
{
	json_t *e = event_new(c, "i", name, pid, tid, ev->ns);

	put(e, "s", json_string("t"));
	put(e, "args", details(ev));
	emit(c, e);
}

/* --- events: false if it is not what it should be --------------------------------------------- */

static bool on_start(struct convert *c, const struct trace_line *ev)
{
	uint64_t id, span;
	char kind[16] = "worker";
	struct lane *lane;
	bool was_queued;
	struct open *o;

	if (!trace_number(ev, "id", 10, &id) || !trace_number(ev, "span", 16, &span) || !span ||
	    (*ev->what == 't' && !trace_word(ev, "kind", kind, sizeof(kind))))
		return false;
	o = tree_find(&c->spans, span);
	was_queued = o && o->queued;
	if (o && !was_queued)
		return false;
	lane = lane_of(c, ev);
	if (!o && lane)
		o = open_new(c, ev, span, id);
	if (!o || !lane)
		return true;
	if (o->lane && o->lane->queued == o)
		o->lane->queued = NULL;
	o->lane = lane;
	o->queued = false;
	o->handle = !strcmp(kind, "handle");
	slice_begin(c, ev, o);
	if (was_queued)
		arrow(c, ev, o, "f");
	return true;
}

static bool on_end(struct convert *c, const struct trace_line *ev)
{
	struct open *o;
	uint64_t span;

	if (!trace_number(ev, "span", 16, &span))
		return false;
	o = tree_find(&c->spans, span);
	/* It may have begun before the recording did. */
	if (o && !o->queued)
		slice_end(c, o, ev->ns, NULL);
	return true;
}

static bool on_queued(struct convert *c, const struct trace_line *ev)
{
	struct lane *lane = lane_of(c, ev);
	struct open *o;
	uint64_t id, span;
	json_t *e;

	if (!trace_number(ev, "id", 10, &id) || !trace_number(ev, "span", 16, &span) || !span ||
	    tree_find(&c->spans, span))
		return false;
	o = lane ? open_new(c, ev, span, id) : NULL;
	if (!o)
		return true;
	o->queued = true;
	o->lane = lane;
	lane->queued = o;
	/* The arrow needs a slice to begin in, also where no task is. */
	e = event_new(c, "X", "queue", THREADS, (uint64_t)ev->tid, ev->ns);
	put(e, "dur", json_integer(0));
	put(e, "args", details(ev));
	emit(c, e);
	arrow(c, ev, o, "s");
	return true;
}

static bool on_refused(struct convert *c, const struct trace_line *ev)
{
	struct lane *lane = lane_of(c, ev);
	struct open *o = lane ? lane->queued : NULL;
	char name[192];

	if (!lane)
		return true;
	/* Refused when it was queued already, by this thread as well. */
	if (o && !strcmp(o->name, ev->name))
		open_free(c, o);
	snprintf(name, sizeof(name), "refused: %.150s", ev->name);
	instant(c, ev, name, THREADS, (uint64_t)ev->tid);
	return true;
}

static bool on_closer_start(struct convert *c, const struct trace_line *ev)
{
	struct lane *lane = lane_of(c, ev);
	struct track *t;
	struct open *o;
	uint64_t id;

	if (!trace_number(ev, "id", 10, &id))
		return false;
	t = track_of(c, id, NULL, ev->ns);
	o = lane && t ? open_new(c, ev, 0, id) : NULL;
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
	struct open *o = lane ? lane->top : NULL;
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

static void phase_over(struct convert *c, struct track *t, int64_t ns, bool unfinished)
{
	json_t *e = event_new(c, "X", t->phase, STOPPERS, t->number, t->since);

	put(e, "dur", json_real((double)(ns - t->since) / 1000));
	put(e, "args", json_pack("{s:I, s:b}", "stopper", (json_int_t)t->id, "unfinished",
				 unfinished));
	emit(c, e);
}

static bool on_phase(struct convert *c, const struct trace_line *ev)
{
	char from[16], to[16];
	struct track *t;
	uint64_t id;

	if (!trace_number(ev, "id", 10, &id) || !trace_word(ev, "from", from, sizeof(from)) ||
	    !trace_word(ev, "to", to, sizeof(to)))
		return false;
	t = track_of(c, id, ev->name, ev->ns);
	if (!t)
		return true;
	/* One that is first seen here has been in that phase since the recording began. */
	if (strcmp(t->phase, from))
		strcpy(t->phase, from);
	phase_over(c, t, ev->ns, false);
	strcpy(t->phase, to);
	t->since = ev->ns;
	t->stopped = !strcmp(to, "stopped");
	if (t->stopped)
		instant(c, ev, "stopped", STOPPERS, t->number);
	return true;
}

static bool on_stall(struct convert *c, const struct trace_line *ev)
{
	struct track *t;
	uint64_t id;

	if (!trace_number(ev, "id", 10, &id))
		return false;
	t = track_of(c, id, ev->name, ev->ns);
	if (t)
		instant(c, ev, "stall", STOPPERS, t->number);
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
	{ "phase", on_phase },
	{ "closer_start", on_closer_start },
	{ "closer_end", on_closer_end },
	{ "stall", on_stall },
};

/* --- lines ------------------------------------------------------------------------------------ */

static void first_event(struct convert *c, const struct trace_line *ev)
{
	c->base = ev->ns;
	c->last = ev->ns;
	name_process(c, STOPPERS, "stoppers");
	name_process(c, THREADS, "threads");
}

static void on_line(struct convert *c, char *line)
{
	struct trace_line ev;
	uint64_t id;
	size_t i;

	if (!trace_line_parse(line, &ev))
		goto ignore;
	for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (!strcmp(ev.what, handlers[i].name))
			break;
	if (i == sizeof(handlers) / sizeof(handlers[0]) || !trace_number(&ev, "id", 10, &id))
		goto ignore;
	if (!c->events++)
		first_event(c, &ev);
	/* CPUs' clocks may differ a little: time does not go back here. */
	if (ev.ns < c->last)
		ev.ns = c->last;
	c->last = ev.ns;
	track_of(c, id, NULL, ev.ns);
	if (handlers[i].fn(c, &ev))
		return;
ignore:
	c->ignored++;
}

/* Says how many events are missing, if that is what the line does. */
static bool on_lost(struct convert *c, const char *line)
{
	unsigned long n;

	if (sscanf(line, "# lost %lu events", &n) != 1 &&
	    sscanf(line, "CPU:%*u [LOST %lu EVENTS]", &n) != 1)
		return false;
	c->lost += n;
	return true;
}

static void read_all(struct convert *c)
{
	char line[MAX_LINE];
	int ch;

	while (!c->failed && fgets(line, sizeof(line), c->in)) {
		/* Longer than any line of ours: its rest is not a line. */
		if (!strchr(line, '\n'))
			while ((ch = getc(c->in)) != EOF && ch != '\n')
				;
		trace_line_sanitize(line);
		if (!on_lost(c, line) && line[0] && line[0] != '#')
			on_line(c, line);
	}
}

/* --- the end ---------------------------------------------------------------------------------- */

static struct convert *ending;		/* twalk() has no argument to hand on */

static void end_lane(const void *node, VISIT which, int depth)
{
	struct lane *lane = *(struct lane *const *)node;

	(void)depth;
	if (which == preorder || which == leaf)
		while (lane->top)
			pop(ending, ending->last, lane, "unfinished");
}

static void end_handle(const void *node, VISIT which, int depth)
{
	struct open *o = *(struct open *const *)node;

	(void)depth;
	if ((which == preorder || which == leaf) && o->handle)
		emit_end(ending, o, ending->last, "unfinished");
}

static void end_track(const void *node, VISIT which, int depth)
{
	struct track *t = *(struct track *const *)node;

	(void)depth;
	if ((which == preorder || which == leaf) && !t->stopped)
		phase_over(ending, t, ending->last, true);
}

static void finish(struct convert *c)
{
	ending = c;
	twalk(c->lanes, end_lane);
	twalk(c->spans, end_handle);
	twalk(c->tracks, end_track);
	tdestroy(c->spans, free);
	tdestroy(c->lanes, free);
	tdestroy(c->tracks, free);
	if (fprintf(c->out, "\n],\n\"displayTimeUnit\":\"ns\",\n\"otherData\":{"
		    "\"begin_ns\":\"%" PRId64 "\",\"lost_events\":%lu}}\n", c->base, c->lost) < 0)
		c->failed = true;
}

static void report(const struct convert *c)
{
	if (c->ignored)
		error_msg("skipped %lu lines that are not stopper events", c->ignored);
	if (c->lost)
		error_msg("%lu events were lost during recording", c->lost);
	if (c->dropped)
		error_msg("skipped %lu events: out of memory, or more than %d open at once",
			  c->dropped, MAX_KEPT);
}

static int convert(FILE *in, FILE *out, const char *from, const char *to)
{
	struct convert c = { .in = in, .out = out };

	read_all(&c);
	if (ferror(in)) {
		error_msg("cannot read %s: %s", from, strerror(errno));
		return EXIT_SOURCE;
	}
	if (!c.events && !c.failed) {
		error_msg("no stopper events in %s%s", from,
			  strcmp(from, TRACEFS) ? "" : " (enable them first: echo 1 >" EVENTS ")");
		return EXIT_SOURCE;
	}
	finish(&c);
	if (fflush(out) || c.failed) {
		error_msg("cannot write %s: %s", to, strerror(errno));
		return EXIT_USAGE;
	}
	report(&c);
	return EXIT_OK;
}

static void print_help(void)
{
	fputs("Usage: stopperctl trace [-o FILE] [RECORDING]\n"
	      "Convert a recording to a file for https://ui.perfetto.dev or chrome://tracing.\n"
	      "\n"
	      "RECORDING is a file that libstopper wrote (STOPPER_TRACE=FILE), or tracefs' trace\n"
	      "file or a copy of it; - is standard input. Default: " TRACEFS ".\n"
	      "\n"
	      "  -o, --output FILE   write to FILE instead of standard output\n"
	      "  -h, --help          show this help\n"
	      "\n"
	      "Exit status: 0 success; 1 usage error or write error; 2 RECORDING cannot be read\n"
	      "or has no stopper events.\n",
	      stdout);
}

static FILE *open_input(const char *path)
{
	FILE *in = strcmp(path, "-") ? fopen(path, "re") : stdin;

	if (in)
		return in;
	error_msg("cannot read %s: %s%s", path, strerror(errno),
		  strcmp(path, TRACEFS) ? "" :
		  errno == EACCES ? " (are you root?)" :
		  " (not mounted? mount -t tracefs none /sys/kernel/tracing)");
	return NULL;
}

static int run(const char *from, const char *to)
{
	FILE *in = open_input(from), *out = stdout;
	int status = EXIT_USAGE;

	if (!in)
		return EXIT_SOURCE;
	if (to)
		out = fopen(to, "we");
	if (out) {
		status = convert(in, out, from, to ? to : "standard output");
		if (to && fclose(out) && !status) {
			error_msg("cannot write %s: %s", to, strerror(errno));
			status = EXIT_USAGE;
		}
	} else {
		error_msg("cannot write %s: %s", to, strerror(errno));
	}
	if (in != stdin)
		fclose(in);
	return status;
}

int cmd_trace(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *to = NULL;
	int opt;

	optind = 0;
	while ((opt = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		switch (opt) {
		case 'o':
			to = optarg;
			break;
		case 'h':
			print_help();
			return finish_output();
		default:
			return try_help("trace");
		}
	}
	if (argc - optind > 1)
		return wrong_usage("trace", "trace: unexpected operand '%s'", argv[optind + 1]);
	return run(optind < argc ? argv[optind] : TRACEFS, to);
}
