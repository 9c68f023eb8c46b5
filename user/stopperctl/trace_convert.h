/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * trace_convert.h - stopperctl trace: converts lines of a recording to slices; see cmd_trace.c.
 */
#ifndef STOPPERCTL_TRACE_CONVERT_H
#define STOPPERCTL_TRACE_CONVERT_H

#include "trace_line.h"
#include "trace_out.h"

#define MAX_KEPT	1000000

struct convert {
	struct trace_input input;
	struct trace_out out;
	void *spans, *lanes, *tracks;	/* tsearch()'s trees */
	unsigned int nr_tracks;
	unsigned long kept, events, dropped;
	int64_t last;			/* ns */
};

void convert_lines(struct convert *c);
void convert_finish(struct convert *c);

#endif /* STOPPERCTL_TRACE_CONVERT_H */
