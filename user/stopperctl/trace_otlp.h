/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * trace_otlp.h - stopperctl trace --otlp; see trace_otlp.c.
 */
#ifndef STOPPERCTL_TRACE_OTLP_H
#define STOPPERCTL_TRACE_OTLP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "trace_line.h"

struct otlp {
	struct trace_input input;
	FILE *file;
	void *spans;			/* tsearch()'s tree */
	unsigned long kept, events, dropped, written;
	int64_t last;			/* ns */
	bool failed;
};

void otlp_convert(struct otlp *o, const char *service);

#endif /* STOPPERCTL_TRACE_OTLP_H */
