// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * trace_out.c - writes objects of the Trace Event Format; see cmd_trace.c.
 */
#include <inttypes.h>
#include "trace_out.h"

/* Takes over @event. */
void trace_emit(struct trace_out *out, json_t *event)
{
	if (!event) {
		out->failed = true;
		return;
	}
	if (fputs(out->begun ? ",\n" : "{\"traceEvents\":[\n", out->file) < 0 ||
	    json_dumpf(event, out->file, JSON_COMPACT | JSON_REAL_PRECISION(15)))
		out->failed = true;
	out->begun = true;
	json_decref(event);
}

json_t *trace_event(const struct trace_out *out, const char *ph, const char *name, int pid,
		    uint64_t tid, int64_t ns)
{
	return json_pack("{s:s, s:s, s:i, s:I, s:f}", "ph", ph, "name", name, "pid", pid,
			 "tid", (json_int_t)tid, "ts", (double)(ns - out->base) / 1000);
}

void trace_put(json_t *event, const char *key, json_t *value)
{
	if (!event || json_object_set_new(event, key, value))
		json_decref(value);
}

void trace_put_id(json_t *event, const char *category, uint64_t span)
{
	char id[20];

	snprintf(id, sizeof(id), "0x%" PRIx64, span);
	trace_put(event, "cat", json_string(category));
	trace_put(event, "id", json_string(id));
}

void trace_metadata(struct trace_out *out, const char *what, int pid, uint64_t tid, json_t *args)
{
	trace_emit(out, json_pack("{s:s, s:s, s:i, s:I, s:o}", "ph", "M", "name", what, "pid", pid,
				  "tid", (json_int_t)tid, "args", args));
}

void trace_name_process(struct trace_out *out, int pid, const char *name)
{
	trace_metadata(out, "process_name", pid, 0, json_pack("{s:s}", "name", name));
	trace_metadata(out, "process_sort_index", pid, 0, json_pack("{s:i}", "sort_index", pid));
}

void trace_out_end(struct trace_out *out, unsigned long lost)
{
	if (fprintf(out->file, "\n],\n\"displayTimeUnit\":\"ns\",\n\"otherData\":{"
		    "\"begin_ns\":\"%" PRId64 "\",\"lost_events\":%lu}}\n", out->base, lost) < 0)
		out->failed = true;
}
