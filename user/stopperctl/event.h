/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * event.h - a line of a recording, taken apart; see event.c.
 */
#ifndef STOPPERCTL_EVENT_H
#define STOPPERCTL_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMM_WIDTH	16

struct event {
	char comm[COMM_WIDTH + 1];
	int64_t tid;
	int64_t ns;
	char *what, *fields, *name;
};

void event_plain(char *line);
bool event_parse(char *line, struct event *ev);
bool event_number(const struct event *ev, const char *key, int base, uint64_t *out);
bool event_word(const struct event *ev, const char *key, char *out, size_t size);

#endif /* STOPPERCTL_EVENT_H */
