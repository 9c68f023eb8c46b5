/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * trace_line.h - the parts of a line of a recording; see trace_line.c.
 */
#ifndef STOPPERCTL_TRACE_LINE_H
#define STOPPERCTL_TRACE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define COMM_WIDTH	16
#define MAX_LINE	4096

struct trace_line {
	char comm[COMM_WIDTH + 1];
	int64_t tid;
	int64_t ns;
	char *what, *fields, *name;
};

struct trace_input {
	FILE *file;
	unsigned long ignored;		/* lines that are no events */
	unsigned long lost;		/* events, as the recording says */
	int64_t unix_offset;		/* UNIX time minus that of the lines, ns; if it is said */
	char line[MAX_LINE];
};

bool trace_next(struct trace_input *in, struct trace_line *ev);
bool trace_number(const struct trace_line *ev, const char *key, int base, uint64_t *out);
bool trace_word(const struct trace_line *ev, const char *key, char *out, size_t size);

#endif /* STOPPERCTL_TRACE_LINE_H */
