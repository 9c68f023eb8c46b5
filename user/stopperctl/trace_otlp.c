// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * trace_otlp.c - stopperctl trace --otlp: converts a recording to OTLP/JSON, the file format of
 * OpenTelemetry: one ExportTraceServiceRequest in protobuf's JSON mapping, on one line.
 *
 * Each task and each worker is a span, with the ids that it had; closers have none. Ids are hex,
 * 64-bit numbers are strings of digits, as that mapping wants. A span is written when it ends.
 * Open ones are kept, at most MAX_KEPT, and written at the end of the input, marked.
 *
 * Recordings have a monotonic clock. A line at the head of libstopper's recordings says how far
 * that is from UNIX time; for others it is taken now, which is right until the next boot.
 */
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "ctl.h"
#include "trace_convert.h"
#include "trace_otlp.h"

#define KIND_INTERNAL	1	/* SPAN_KIND_INTERNAL */

/* A task or worker that was queued or has begun. */
struct otlp_span {
	uint64_t span;		/* first, because the tree compares it */
	bool queued;		/* has not begun */
	json_t *json;
};

static int compare_ids(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

/* A time of the recording, as 64-bit numbers are in OTLP. */
static json_t *time_json(const struct otlp *o, int64_t ns)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, (uint64_t)(ns + o->input.unix_offset));
	return json_string(text);
}

static json_t *text_attribute(const char *key, const char *value)
{
	return json_pack("{s:s, s:{s:s}}", "key", key, "value", "stringValue", value);
}

static json_t *number_attribute(const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	return json_pack("{s:s, s:{s:s}}", "key", key, "value", "intValue", text);
}

static json_t *attributes_json(const struct trace_line *ev)
{
	json_t *a = json_array();
	char kind[16] = "worker", file[256];
	uint64_t n;

	trace_word(ev, "kind", kind, sizeof(kind));
	json_array_append_new(a, text_attribute("stopper.kind", kind));
	if (trace_number(ev, "id", 10, &n))
		json_array_append_new(a, number_attribute("stopper.id", n));
	if (trace_word(ev, "file", file, sizeof(file)))
		json_array_append_new(a, text_attribute("code.filepath", file));
	if (trace_number(ev, "line", 10, &n))
		json_array_append_new(a, number_attribute("code.lineno", n));
	json_array_append_new(a, number_attribute("thread.id", (uint64_t)ev->tid));
	json_array_append_new(a, text_attribute("thread.name", ev->comm));
	return a;
}

static bool is_hex(const char *s, size_t len)
{
	return strlen(s) == len && strspn(s, "0123456789abcdef") == len;
}

/* Begins a span, with all but its end. NULL: not a valid event, or no memory. */
static json_t *span_json(const struct otlp *o, const struct trace_line *ev, uint64_t span)
{
	char trace[33], parent[17], id[17];
	uint64_t up = 0;
	json_t *j;

	if (!trace_word(ev, "trace", trace, sizeof(trace)) || !is_hex(trace, 32))
		return NULL;
	snprintf(id, sizeof(id), "%016" PRIx64, span);
	j = json_pack("{s:s, s:s, s:s, s:i, s:o, s:o}", "traceId", trace, "spanId", id, "name",
		      ev->name, "kind", KIND_INTERNAL, "startTimeUnixNano", time_json(o, ev->ns),
		      "attributes", attributes_json(ev));
	if (trace_number(ev, "parent", 16, &up) && up) {
		snprintf(parent, sizeof(parent), "%016" PRIx64, up);
		trace_put(j, "parentSpanId", json_string(parent));
	}
	return j;
}

/* Writes the span, whose end is set, and frees it. It is in the tree no more. */
static void span_emit(struct otlp *o, struct otlp_span *sp)
{
	if ((o->written && fputc(',', o->file) == EOF) ||
	    json_dumpf(sp->json, o->file, JSON_COMPACT))
		o->failed = true;
	o->written++;
	json_decref(sp->json);
	free(sp);
	o->kept--;
}

/* NULL: counted as dropped, or not a valid event, which sets @valid to false. */
static struct otlp_span *span_new(struct otlp *o, const struct trace_line *ev, uint64_t span,
				  bool *valid)
{
	struct otlp_span *sp;
	json_t *json;

	if (o->kept >= MAX_KEPT) {
		o->dropped++;
		return NULL;
	}
	json = span_json(o, ev, span);
	if (!json) {
		*valid = false;
		return NULL;
	}
	sp = calloc(1, sizeof(*sp));
	if (sp) {
		sp->span = span;
		sp->json = json;
	}
	if (!sp || !tsearch(sp, &o->spans, compare_ids)) {
		json_decref(json);
		free(sp);
		o->dropped++;
		return NULL;
	}
	o->kept++;
	return sp;
}

/* The span begins now; when it was queued becomes an event of it. */
static void span_start_queued(struct otlp *o, struct otlp_span *sp, const struct trace_line *ev)
{
	json_t *queued = json_incref(json_object_get(sp->json, "startTimeUnixNano"));

	trace_put(sp->json, "events", json_pack("[{s:s, s:o}]", "name", "queued", "timeUnixNano",
						queued));
	trace_put(sp->json, "startTimeUnixNano", time_json(o, ev->ns));
	trace_put(sp->json, "attributes", attributes_json(ev));
	sp->queued = false;
}

/* False: not an event of a span. */
static bool otlp_event(struct otlp *o, const struct trace_line *ev)
{
	bool is_start = !strcmp(ev->what, "task_start") || !strcmp(ev->what, "worker_start");
	bool is_queued = !strcmp(ev->what, "async_queued"), valid = true;
	struct otlp_span *sp, **found;
	uint64_t span;

	if (!is_start && !is_queued && strcmp(ev->what, "task_end") &&
	    strcmp(ev->what, "worker_end"))
		return false;
	if (!trace_number(ev, "span", 16, &span) || !span)
		return false;
	o->last = ev->ns;
	found = tfind(&span, &o->spans, compare_ids);
	sp = found ? *found : NULL;
	if (is_queued || (is_start && !sp)) {
		sp = sp ? NULL : span_new(o, ev, span, &valid);
		if (sp)
			sp->queued = is_queued;
	} else if (is_start && sp->queued) {
		span_start_queued(o, sp, ev);
	} else if (!is_start && sp) {
		tdelete(sp, &o->spans, compare_ids);
		trace_put(sp->json, "endTimeUnixNano", time_json(o, ev->ns));
		span_emit(o, sp);
	}
	return valid;
}

static struct otlp *finishing;		/* tdestroy() passes no argument */

/* What was queued and did not begin was refused or cancelled, or the recording ends here. */
static void span_finish(void *node)
{
	struct otlp_span *sp = node;
	json_t *attributes = json_object_get(sp->json, "attributes");

	if (sp->queued) {
		json_decref(sp->json);
		free(sp);
		return;
	}
	json_array_append_new(attributes, json_pack("{s:s, s:{s:b}}", "key", "stopper.unfinished",
						    "value", "boolValue", 1));
	trace_put(sp->json, "endTimeUnixNano", time_json(finishing, finishing->last));
	span_emit(finishing, sp);
}

static void otlp_head(struct otlp *o, const char *service)
{
	json_t *name = json_string(service);
	char *quoted = name ? json_dumps(name, JSON_ENCODE_ANY) : NULL;

	if (!quoted ||
	    fputs("{\"resourceSpans\":[{\"resource\":{\"attributes\":[", o->file) < 0 ||
	    fprintf(o->file, "{\"key\":\"service.name\",\"value\":{\"stringValue\":%s}}]},",
		    quoted) < 0 ||
	    fputs("\"scopeSpans\":[{\"scope\":{\"name\":\"stopper\"},\"spans\":[", o->file) < 0)
		o->failed = true;
	json_decref(name);
	free(quoted);
}

void otlp_convert(struct otlp *o, const char *service)
{
	struct trace_line ev;

	o->input.unix_offset = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	otlp_head(o, service);
	while (!o->failed && trace_next(&o->input, &ev))
		o->events += otlp_event(o, &ev);
	finishing = o;
	tdestroy(o->spans, span_finish);
	if (fputs("]}]}]}\n", o->file) == EOF)
		o->failed = true;
}
