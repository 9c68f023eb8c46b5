/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * trace_line.h - the parts of a line of a recording; see trace_line.c.
 */
#ifndef STOPPERCTL_TRACE_LINE_H
#define STOPPERCTL_TRACE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMM_WIDTH	16

struct trace_line {
	char comm[COMM_WIDTH + 1];
	int64_t tid;
	int64_t ns;
	char *what, *fields, *name;
};

void trace_line_sanitize(char *line);
bool trace_line_parse(char *line, struct trace_line *ev);
bool trace_number(const struct trace_line *ev, const char *key, int base, uint64_t *out);
bool trace_word(const struct trace_line *ev, const char *key, char *out, size_t size);

#endif /* STOPPERCTL_TRACE_LINE_H */
