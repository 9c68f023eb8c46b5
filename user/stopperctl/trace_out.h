/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * trace_out.h - writes objects of the Trace Event Format; see cmd_trace.c.
 */
#ifndef STOPPERCTL_TRACE_OUT_H
#define STOPPERCTL_TRACE_OUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The processes. */
#define PID_STOPPERS	1
#define PID_THREADS	2

struct trace_out {
	FILE *file;
	int64_t base;			/* time of the first event, ns */
	bool begun, failed;
};

json_t *trace_event(const struct trace_out *out, const char *ph, const char *name, int pid,
		    uint64_t tid, int64_t ns);
void trace_put(json_t *event, const char *key, json_t *value);
void trace_put_id(json_t *event, const char *category, uint64_t span);
void trace_emit(struct trace_out *out, json_t *event);
void trace_metadata(struct trace_out *out, const char *what, int pid, uint64_t tid, json_t *args);
void trace_name_process(struct trace_out *out, int pid, const char *name);
void trace_out_end(struct trace_out *out, unsigned long lost);

#endif /* STOPPERCTL_TRACE_OUT_H */
